//! The shipped tables against the printed documents, where these are at hand.
//!
//! The documents are not part of the project: the folder `UNCHARTED_DOCUMENTS`, or `../../shared/documents` beside
//! the project, may hold them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helpers may fail as its tests may"
)]

use std::path::PathBuf;

use uncharted::policy::homoglyph::fold;
use uncharted::policy::lint::text::lint_text;
use uncharted::policy::shipped;
use uncharted::policy::table::Table;

const DOCUMENTS: [(&str, &str); 5] = [
    ("genesys/gcxi", "000_fb86ce7e329edc99.txt"),
    ("genesys/info-mart", "001_c9fdb4c707325fd3.txt"),
    ("genesys/iwd", "002_a883e26d4cf19f6e.txt"),
    ("genesys/tenant", "003_83510976894ebaee.txt"),
    ("genesys/gvp-reporting-server", "004_cbfbc342d01a5168.txt"),
];

/// The document's text, or `None` with a message where it is not at hand.
fn document(name: &str) -> Option<String> {
    let (_, file) = DOCUMENTS.iter().find(|(known, _)| *known == name).unwrap();
    let crate_folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let beside = ["../../shared/documents", "../../../shared/documents"].map(|path| crate_folder.join(path));
    let given = std::env::var_os("UNCHARTED_DOCUMENTS").map(PathBuf::from);
    let text =
        given.into_iter().chain(beside).find_map(|folder| std::fs::read_to_string(folder.join(file)).ok());
    if text.is_none() {
        eprintln!("skipped: {file} is not at hand; set UNCHARTED_DOCUMENTS to its folder");
    }
    text
}

fn table(name: &str) -> Table {
    shipped::table(name).unwrap().unwrap()
}

type Cells = [String; 7];

/// The cells of a row as shipped, blank ones empty.
fn shipped_cells(name: &str) -> Vec<Cells> {
    let cell = |text: &Option<String>| text.clone().unwrap_or_default();
    let rows = table(name).rows;
    rows.iter()
        .map(|row| {
            [
                row.id.clone(),
                cell(&row.source),
                cell(&row.destination),
                cell(&row.protocol),
                cell(&row.port),
                cell(&row.classification),
                cell(&row.data),
            ]
        })
        .collect()
}

/// Cell by cell, with a space between what both have.
fn joined(one: &[String], other: &[String]) -> Vec<String> {
    let at = |cells: &[String], at: usize| cells.get(at).cloned().unwrap_or_default();
    (0..one.len().max(other.len()))
        .map(|column| format!("{} {}", at(one, column), at(other, column)).trim().to_owned())
        .collect()
}

/// Seven cells, look-alikes folded in protocol, port and classification.
fn folded(cells: &[String]) -> Cells {
    std::array::from_fn(|at| {
        let cell = cells.get(at).cloned().unwrap_or_default();
        if (3..=5).contains(&at) { fold(&cell) } else { cell }
    })
}

/// To which row a line without a number belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unnumbered {
    RowAbove,
    RowBelow,
}

/// Rows whose cells stand between tabs.
fn tabbed(text: &str, unnumbered: Unnumbered) -> Vec<Cells> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut above: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| line.matches('\t').count() >= 6) {
        let cells: Vec<String> = line.split('\t').map(|cell| cell.trim().to_owned()).collect();
        if cells[0] == "Connection" {
            continue;
        }
        if !cells[0].is_empty() {
            rows.push(joined(&std::mem::take(&mut above), &cells));
        } else if unnumbered == Unnumbered::RowBelow {
            above = joined(&above, &cells);
        } else if let Some(last) = rows.last_mut() {
            *last = joined(last, &cells);
        }
    }
    rows.iter().map(|row| folded(row)).collect()
}

fn check(name: &str, printed: &[Cells]) {
    let shipped = shipped_cells(name);
    assert_eq!(shipped.len(), printed.len(), "rows of {name}");
    for (ours, print) in shipped.iter().zip(printed) {
        assert_eq!(ours, print, "of {name}");
    }
}

#[test]
fn every_cell_of_gcxi_is_as_printed() {
    let Some(text) = document("genesys/gcxi") else { return };
    check("genesys/gcxi", &tabbed(&text, Unnumbered::RowBelow));
}

#[test]
fn every_cell_of_info_mart_is_as_printed() {
    let Some(text) = document("genesys/info-mart") else { return };
    let mut printed = tabbed(&text, Unnumbered::RowAbove);
    let (_, ports) = text.split_once("Port\tProtocol").unwrap();
    for line in ports.lines() {
        let mut cells = line.split('\t').map(str::trim);
        let (Some(port), Some(protocol)) = (cells.next(), cells.next()) else { continue };
        if port.parse::<u16>().is_ok() {
            let blank = String::new;
            let id = format!("internal-{port}");
            printed.push([id, blank(), blank(), protocol.to_owned(), port.to_owned(), blank(), blank()]);
        }
    }
    check("genesys/info-mart", &printed);
}

#[test]
fn every_cell_of_iwd_is_as_printed() {
    let Some(text) = document("genesys/iwd") else { return };
    let (_, rows) = text.split_once("Data that travels on this connection\n").unwrap();
    let (rows, _) = rows.split_once("\nComments or questions").unwrap();
    // Print has no separators between columns: a row is held as one run of words.
    let mut printed: Vec<String> = Vec::new();
    for line in rows.lines().map(str::trim) {
        if line.split(' ').next().is_some_and(|word| word.parse::<u16>().is_ok()) {
            printed.push(line.to_owned());
        } else {
            let last = printed.last_mut().unwrap();
            last.push(' ');
            last.push_str(line);
        }
    }
    let shipped: Vec<String> = shipped_cells("genesys/iwd").iter().map(|cells| cells.join(" ")).collect();
    assert_eq!(shipped, printed);
}

#[test]
fn every_cell_of_tenant_is_as_printed() {
    let Some(text) = document("genesys/tenant") else { return };
    // Row 10's last word is broken over two cells.
    let broken = "Outbound campaign control t GWS\tthroug";
    assert!(text.contains(broken));
    let text = text.replace(broken, "Outbound campaign control through GWS\t");
    check("genesys/tenant", &tabbed(&text, Unnumbered::RowAbove));
}

#[test]
fn every_cell_of_gvp_is_as_printed() {
    let Some(text) = document("genesys/gvp-reporting-server") else { return };
    let mut printed: Vec<Cells> = text
        .lines()
        .map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>())
        .filter(|cells| cells[0].parse::<u16>().is_ok() && cells.len() >= 7)
        .map(|cells| folded(&cells))
        .collect();
    // Row 4's prose stands in the classification column.
    let row = &mut printed[3];
    assert!(row[6].is_empty());
    row.swap(5, 6);
    check("genesys/gvp-reporting-server", &printed);
}

#[test]
fn the_28_cells_in_cyrillic_letters_are_found() {
    let mut found = 0;
    for (name, _) in DOCUMENTS {
        let Some(text) = document(name) else { return };
        for word in lint_text(&text) {
            assert!(["TCP", "HTTP"].contains(&word.folded.as_str()), "{word:?} of {name}");
            found += 1;
        }
    }
    assert_eq!(found, 28);
}

#[test]
fn all_77_printed_lines_are_shipped() {
    let rows: usize = DOCUMENTS.iter().map(|(name, _)| table(name).rows.len()).sum();
    assert_eq!(rows, 77);
}

#[test]
fn a_reading_that_adds_to_print_has_a_note() {
    for name in shipped::names() {
        for row in &table(name).rows {
            // What print says by itself.
            let print = match row.protocol.as_deref() {
                Some("HTTP") => "tcp http,http2 plain",
                Some("HTTPS") => "tcp http,http2 required",
                Some("NTP") => "udp ntp either",
                Some("ICMP") => "icmp  either",
                Some("ICMPv6") => "icmp6  either",
                // DNS is printed for UDP and TCP alike.
                Some("DNS") if row.id.ends_with("-udp") => "udp dns either",
                Some("DNS") if row.id.ends_with("-tcp") => "tcp dns either",
                _ => "tcp  either",
            };
            let adds = row.readings.iter().any(|reading| {
                let protocols = reading.protocols.join(",");
                format!("{} {protocols} {}", reading.transport, reading.tls.name()) != print
            });
            assert!(!adds || row.note.is_some(), "row {} of {name} has no note", row.id);
        }
    }
}
