//! A table as the document prints it, our reading below each row; and the same as data for JSON.
//!
//! Pure: callers give the width and write the text.

use std::fmt::Write;

use comfy_table::presets::{NOTHING, UTF8_HORIZONTAL_ONLY};
use comfy_table::{ColumnConstraint, ContentArrangement, Width};
use serde::Serialize;

use crate::policy::table::{Needs, Reading, Row, Table, TlsReading};

/// Columns below which a printed table is not narrowed: its words would break.
pub const MIN_WIDTH: u16 = 72;

/// Columns beyond which a printed table is not widened.
pub const MAX_WIDTH: u16 = 200;

/// What marks a line as ours and not print.
pub const OURS: &str = "  » ";

/// The columns as the documents print them.
const COLUMNS: [&str; 7] =
    ["Connection", "Source", "Destination", "Protocol", "Port", "Classification", "Data"];

/// `tables show NAME --format json`: the printed cells as printed, or null; and our reading.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownTable<'a> {
    pub table: &'a str,
    pub document: &'a str,
    pub note: Option<&'a str>,
    pub sha256: &'a str,
    pub subjects: &'a [String],
    pub aliases: Vec<ShownAlias<'a>>,
    pub rows: Vec<ShownRow<'a>>,
}

/// A name printed here for what is canonically named otherwise.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownAlias<'a> {
    pub printed: &'a str,
    pub canonical: &'a str,
}

/// One printed line.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownRow<'a> {
    pub row: &'a str,
    pub source: Option<&'a str>,
    pub destination: Option<&'a str>,
    pub protocol: Option<&'a str>,
    pub port: Option<&'a str>,
    pub classification: Option<&'a str>,
    pub data: Option<&'a str>,
    pub from: &'a [String],
    pub to: &'a [String],
    pub readings: Vec<ShownReading<'a>>,
    pub needs: &'static str,
    pub optional: bool,
    pub port_is_configurable: bool,
    pub port_follows: Option<&'a str>,
    pub same_host: bool,
    pub refers_to: Option<&'a str>,
    pub credited_with: &'a [String],
    pub note: Option<&'a str>,
}

/// One way in which a row may be met.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownReading<'a> {
    pub transport: &'static str,
    /// Single ports as numbers, ranges of three and more as `"low-high"`.
    pub ports: Vec<ShownPort>,
    pub protocols: &'a [&'static str],
    pub tls: &'static str,
    pub bare_connect: bool,
    pub note: Option<&'a str>,
}

/// A port or a range.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum ShownPort {
    Port(u16),
    Range(String),
}

/// The table as data.
pub fn shown(table: &Table) -> ShownTable<'_> {
    ShownTable {
        table: &table.name,
        document: &table.document,
        note: table.note.as_deref(),
        sha256: &table.sha256,
        subjects: &table.subjects,
        aliases: table.aliases.iter().map(|(printed, canonical)| ShownAlias { printed, canonical }).collect(),
        rows: table.rows.iter().map(shown_row).collect(),
    }
}

fn shown_row(row: &Row) -> ShownRow<'_> {
    ShownRow {
        row: &row.id,
        source: row.source.as_deref(),
        destination: row.destination.as_deref(),
        protocol: row.protocol.as_deref(),
        port: row.port.as_deref(),
        classification: row.classification.as_deref(),
        data: row.data.as_deref(),
        from: &row.from,
        to: &row.to,
        readings: row.readings.iter().map(shown_reading).collect(),
        needs: match row.needs {
            Needs::Any => "any",
            Needs::All => "all",
        },
        optional: row.optional,
        port_is_configurable: row.port_is_configurable,
        port_follows: row.port_follows.as_deref(),
        same_host: row.same_host,
        refers_to: row.refers_to.as_deref(),
        credited_with: &row.credited_with,
        note: row.note.as_deref(),
    }
}

fn shown_reading(reading: &Reading) -> ShownReading<'_> {
    let ports = |&(low, high): &(u16, u16)| match high - low {
        0 => vec![ShownPort::Port(low)],
        1 => vec![ShownPort::Port(low), ShownPort::Port(high)],
        _ => vec![ShownPort::Range(format!("{low}-{high}"))],
    };
    ShownReading {
        transport: reading.transport.name(),
        ports: reading.ports.ranges().iter().flat_map(ports).collect(),
        protocols: &reading.protocols,
        tls: reading.tls.name(),
        bare_connect: reading.bare_connect,
        note: reading.note.as_deref(),
    }
}

/// The table in `width` columns (held between [`MIN_WIDTH`] and [`MAX_WIDTH`]), for a person who holds it beside the page.
///
/// Lines that begin with [`OURS`] are our reading; all others of the table are print.
pub fn show(table: &Table, width: u16) -> String {
    let width = width.clamp(MIN_WIDTH, MAX_WIDTH);
    let mut out = String::new();
    let _ = writeln!(out, "{}", wrapped(&format!("{}: {}", table.name, table.document), "", width));
    if let Some(note) = &table.note {
        let _ = writeln!(out, "{}", wrapped(note, OURS, width));
    }
    for (printed, canonical) in &table.aliases {
        let _ = writeln!(out, "{}", wrapped(&format!("\"{printed}\" is {canonical}"), OURS, width));
    }
    let mut rows = table.rows.iter();
    let mut current: Option<&Row> = None;
    for line in grid(table, width).lines() {
        if is_rule(line) {
            if let Some(row) = current {
                ours(&mut out, row, width);
            }
            current = rows.next();
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    for skip in &table.skips {
        let _ = writeln!(out, "{}", wrapped(&format!("{} left out: {}", skip.id, skip.because), OURS, width));
    }
    out
}

/// The printed cells, a rule above and below each row; the rule below the header comes first.
fn grid(table: &Table, width: u16) -> String {
    let mut grid = comfy_table::Table::new();
    grid.load_style(UTF8_HORIZONTAL_ONLY);
    grid.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    let mut lines: Vec<[&str; 7]> = vec![header(width)];
    for row in &table.rows {
        let cells = [
            Some(&row.id),
            row.source.as_ref(),
            row.destination.as_ref(),
            row.protocol.as_ref(),
            row.port.as_ref(),
            row.classification.as_ref(),
            row.data.as_ref(),
        ];
        lines.push(cells.map(|cell| cell.map_or("", String::as_str)));
    }
    grid.set_header(header(width));
    grid.add_rows(lines.iter().skip(1).copied());
    for (column, columns) in grid.column_iter_mut().zip(widths(&lines, width)) {
        column.set_padding((0, 0));
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(columns)));
    }
    let text = grid.to_string();
    // The rule on top belongs to no row.
    text.split_once('\n').map_or_else(String::new, |(_, rest)| rest.to_owned())
}

/// Columns of the terminal for each printed column: room for the longest word, the rest to source,
/// destination and, above all, data.
fn widths(lines: &[[&str; 7]], width: u16) -> [u16; 7] {
    /// A longer word is broken: it would starve the other columns.
    const WORD: usize = 14;
    /// The share of what is left over that source and destination may take, each.
    const SHARE: usize = 4;
    let words = |cell: &str| cell.split(' ').map(columns_of).max().unwrap_or_default();
    let longest = |at: usize, of: &dyn Fn(&str) -> usize| {
        lines.iter().filter_map(|line| line.get(at)).map(|cell| of(cell)).max().unwrap_or_default()
    };
    let mut wide: [usize; 7] = std::array::from_fn(|at| longest(at, &words).clamp(1, WORD));
    let gaps = COLUMNS.len() - 1;
    let room = usize::from(width);
    while gaps + wide.iter().sum::<usize>() > room {
        match wide.iter_mut().max() {
            Some(widest) if *widest > 1 => *widest -= 1,
            _ => break,
        }
    }
    let mut left = room.saturating_sub(gaps + wide.iter().sum::<usize>());
    // Source and destination, then the port, in this order; data takes what remains.
    for (at, share) in [(1, left / SHARE), (2, left / SHARE), (4, left / SHARE)] {
        if let Some(column) = wide.get_mut(at) {
            let more = longest(at, &columns_of).saturating_sub(*column).min(share).min(left);
            *column += more;
            left -= more;
        }
    }
    wide[6] += left;
    wide.map(|columns| u16::try_from(columns).unwrap_or(u16::MAX))
}

/// Terminal columns of a text, taken as two for each letter beyond Latin.
fn columns_of(text: &str) -> usize {
    /// East Asian scripts and pictures begin above.
    const WIDE_FROM: char = '\u{1100}';
    text.chars().map(|letter| if letter < WIDE_FROM { 1 } else { 2 }).sum()
}

/// Long heads are cut in a narrow table.
fn header(width: u16) -> [&'static str; 7] {
    /// Columns from which the whole heads fit.
    const WIDE: u16 = 110;
    let mut heads = COLUMNS;
    if width < WIDE {
        heads[0] = "No.";
        heads[5] = "Class";
    }
    heads
}

/// A rule has no spaces, a line of cells always has: those between the cells.
fn is_rule(line: &str) -> bool {
    !line.is_empty() && !line.contains(' ')
}

/// Our reading of one row.
fn ours(out: &mut String, row: &Row, width: u16) {
    let mut say = |text: &str| {
        let _ = writeln!(out, "{}", wrapped(text, OURS, width));
    };
    let differs = |roles: &[String], printed: &Option<String>| {
        roles.len() != 1 || roles.first().map(String::as_str) != printed.as_deref()
    };
    if differs(&row.from, &row.source) || differs(&row.to, &row.destination) {
        say(&format!("{} to {}", row.from.join(" or "), row.to.join(" or ")));
    }
    for reading in &row.readings {
        let note = reading.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
        say(&format!("{}{note}", reading_in_words(reading)));
    }
    let mut facts: Vec<String> = Vec::new();
    if row.needs == Needs::All {
        facts.push("all of them are needed".to_owned());
    }
    if row.optional {
        facts.push("optional".to_owned());
    }
    match &row.port_follows {
        Some(leader) => facts.push(format!("port configurable with row {leader}")),
        None if row.port_is_configurable => facts.push("port configurable".to_owned()),
        None => {}
    }
    if row.same_host {
        facts.push("usually on one host".to_owned());
    }
    if !row.credited_with.is_empty() {
        facts.push(format!("seen with rows {}", row.credited_with.join(", ")));
    }
    if let Some(document) = &row.refers_to {
        facts.push(format!("see the document \"{document}\""));
    }
    if !facts.is_empty() {
        say(&facts.join("; "));
    }
    if let Some(note) = &row.note {
        say(note);
    }
}

/// `tcp 5432, postgresql, tls or plaintext`.
pub fn reading_in_words(reading: &Reading) -> String {
    let mut words = if reading.ports.is_empty() {
        format!("{}, no port", reading.transport)
    } else if reading.transport.is_icmp() {
        format!("{} type {}", reading.transport, reading.ports)
    } else {
        format!("{} {}", reading.transport, reading.ports)
    };
    if reading.bare_connect {
        words.push_str(", a bare connect");
    }
    if reading.protocols.is_empty() {
        words.push_str(", any content");
    } else {
        let _ = write!(words, ", {}", reading.protocols.join(" or "));
    }
    let encryption = match reading.tls {
        TlsReading::Required => ", tls required",
        TlsReading::Expected => ", tls expected",
        TlsReading::Disputed => ", tls disputed",
        TlsReading::Either
            if reading.protocols.is_empty() || reading.transport != crate::net::Transport::Tcp =>
        {
            ""
        }
        TlsReading::Either => ", tls or plaintext",
        TlsReading::Plain => ", plaintext",
    };
    words.push_str(encryption);
    words
}

/// The text in lines of at most `width` columns, each after `lead`.
fn wrapped(text: &str, lead: &str, width: u16) -> String {
    let lead_width = u16::try_from(lead.chars().count()).unwrap_or_default();
    let mut grid = comfy_table::Table::new();
    grid.load_style(NOTHING);
    grid.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    grid.add_row([text]);
    if let Some(column) = grid.column_mut(0) {
        column.set_padding((0, 0));
        column
            .set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(width.saturating_sub(lead_width))));
    }
    let lines: Vec<String> = grid.lines().map(|line| format!("{lead}{}", line.trim_end())).collect();
    lines.join("\n")
}

/// One line for each table: name, rows, document.
pub fn list(tables: &[Table], width: u16) -> String {
    let mut grid = comfy_table::Table::new();
    grid.load_style(NOTHING);
    grid.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.clamp(MIN_WIDTH, MAX_WIDTH));
    for table in tables {
        grid.add_row([table.name.clone(), format!("{} rows", table.rows.len()), table.document.clone()]);
    }
    let mut out = String::new();
    for line in grid.lines() {
        let _ = writeln!(out, "{}", line.trim());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::shipped;
    use crate::policy::table_file::parse_table;

    fn table(name: &str) -> Table {
        shipped::table(name).unwrap().unwrap()
    }

    #[test]
    fn no_line_is_wider_than_asked() {
        for name in shipped::names() {
            for width in [72, 80, 100, 120, 200] {
                for line in show(&table(name), width).lines() {
                    assert!(line.chars().count() <= usize::from(width), "{name} in {width}: {line}");
                }
            }
        }
    }

    #[test]
    fn every_printed_word_is_shown_in_its_row() {
        let letters = |text: &str| text.chars().filter(|letter| letter.is_alphanumeric()).count();
        for name in shipped::names() {
            let table = table(name);
            let text = show(&table, 200);
            let print: String = text.lines().skip(1).filter(|line| !line.starts_with(OURS)).collect();
            let heads: usize = COLUMNS.iter().map(|head| letters(head)).sum();
            let cells: usize = table
                .rows
                .iter()
                .flat_map(|row| {
                    let cells = [
                        &row.source,
                        &row.destination,
                        &row.protocol,
                        &row.port,
                        &row.classification,
                        &row.data,
                    ];
                    cells
                        .into_iter()
                        .flatten()
                        .map(String::as_str)
                        .chain([row.id.as_str()])
                        .collect::<Vec<_>>()
                })
                .map(letters)
                .sum();
            assert_eq!(letters(&print), heads + cells, "of {name}");
        }
    }

    #[test]
    fn our_reading_stands_below_its_own_row() {
        let text = show(&table("genesys/info-mart"), 120);
        let at = |needle: &str| text.find(needle).unwrap_or_else(|| panic!("{needle} in\n{text}"));
        assert!(at("SSL") < at("tcp 5432, postgresql, tls required"));
        assert!(at("tcp 5432, postgresql, tls required") < at("tcp 443, http or http2, tls disputed"));
        assert!(at("tcp 443, http or http2, tls disputed") < at("9249"));
    }

    #[test]
    fn wide_and_odd_letters_are_wrapped_between_letters() {
        let text = "document = \"表\"\n[[row]]\nid = \"1\"\nsource = \"源源源源源源源源源源源源源源源源源源源源源源源源源源源源源源源源源源源源源源\"\n\
            destination = \"e\u{301}e\u{301}e\u{301}👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻\"\nreadings = [{ ports = [1] }]";
        let table = parse_table(&text.replace("\u{200d}", ""), "t.toml").unwrap();
        for width in 0..=100 {
            assert!(show(&table, width).contains("表"), "in {width}");
        }
    }

    #[test]
    fn json_has_printed_cells_and_null_where_print_is_blank() {
        let tenant = table("genesys/tenant");
        let json = serde_json::to_value(shown(&tenant)).unwrap();
        assert_eq!(json["table"], "genesys/tenant");
        assert_eq!(json["rows"][17]["row"], "18");
        assert_eq!(json["rows"][17]["protocol"], serde_json::Value::Null);
        assert_eq!(json["rows"][17]["readings"], serde_json::json!([]));
        assert_eq!(json["rows"][18]["port"], "9092/9093");
        assert_eq!(json["rows"][18]["readings"][0]["ports"], serde_json::json!([9092, 9093]));
        assert_eq!(json["rows"][18]["readings"][0]["protocols"], serde_json::json!(["kafka"]));
        assert_eq!(json["rows"][18]["readings"][0]["tls"], "either");
    }
}
