//! The report for a terminal: what was read and how well, what is not allowed, what could not be
//! decided, which rows were seen. Fits 80 columns, uses up to 200.

use anstyle::{AnsiColor, Style};
use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};
use textwrap::WordSplitter;

use crate::report::model::{Capture, Finding, Report, RowCoverage};
use crate::report::words::{bytes, count, grouped, microseconds, ports, shown};
use crate::verdict::rest::Rest;

/// The narrowest and the widest that a report is laid out for.
pub const COLUMNS: std::ops::RangeInclusive<usize> = 80..=200;

/// From this width on a row shows how fast its answers were.
const WIDE: usize = 120;

/// More captures than this are told together, but for those with a trouble.
const MAX_CAPTURES: usize = 6;

/// Findings of one kind that are shown in full; the rest is counted.
const MAX_SHOWN: usize = 40;

/// How to lay a report out.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Columns of the terminal; taken into [`COLUMNS`].
    pub columns: usize,
    pub colour: bool,
}

/// The report as text.
pub fn render(report: &Report, look: Look) -> String {
    let look = Look { columns: look.columns.clamp(*COLUMNS.start(), *COLUMNS.end()), ..look };
    let mut page = Page { text: String::new(), look };
    head(&mut page, report);
    captures(&mut page, report);
    findings(&mut page, report);
    notes(&mut page, report);
    rows(&mut page, report);
    page.text
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const GREEN: Style = AnsiColor::Green.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();

struct Page {
    text: String,
    look: Look,
}

impl Page {
    fn paint(&self, style: Style, text: &str) -> String {
        if self.look.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn title(&mut self, text: &str) {
        let painted = self.paint(BOLD, text);
        self.text.push('\n');
        self.line(&painted);
    }

    /// A paragraph with a hanging indentation: `label` stands in the first line's indentation.
    fn wrapped(&mut self, indent: usize, label: &str, style: Style, text: &str) {
        let blank = " ".repeat(indent);
        let options = textwrap::Options::new(self.look.columns)
            .word_splitter(WordSplitter::NoHyphenation)
            .initial_indent(&blank)
            .subsequent_indent(&blank);
        for (at, line) in textwrap::wrap(text, options).into_iter().enumerate() {
            if at == 0 && !label.is_empty() {
                let painted = self.paint(style, label);
                let rest = line.get(label.len() + 2..).unwrap_or_default();
                self.line(&format!("  {painted}{rest}"));
            } else {
                self.line(&line);
            }
        }
    }
}

fn head(page: &mut Page, report: &Report) {
    let summary = &report.summary;
    let waived = summary.waived.min(summary.not_allowed);
    let (style, verdict) = match (summary.not_allowed - waived, summary.undetermined) {
        (0, 0) if summary.flows == 0 => (YELLOW, "nothing to judge: the capture holds no flow".to_owned()),
        (0, 0) => (GREEN, "no flow departs from the documents".to_owned()),
        (0, open) => (
            YELLOW,
            format!("no flow is known to depart from the documents; {} undetermined", count(open, "flow")),
        ),
        (bad, _) => (RED, format!("{} not allowed by the documents", count(bad, "flow"))),
    };
    let verdict = page.paint(style, &verdict);
    page.line(&verdict);
    let mut parts = vec![
        format!("{} in {}", count(summary.flows, "flow"), count(summary.packets, "packet")),
        format!("{} allowed", grouped(summary.allowed)),
        format!("{} not allowed", grouped(summary.not_allowed)),
        format!("{} undetermined", grouped(summary.undetermined)),
        format!("{} out of scope", grouped(summary.out_of_scope)),
    ];
    if summary.waived > 0 {
        parts.push(format!("{} waived", grouped(summary.waived)));
    }
    page.wrapped(0, "", DIM, &parts.join(", "));
    let tables: Vec<String> = report
        .tables
        .iter()
        .map(|table| format!("{} ({})", shown(&table.name), count(table.rows, "row")))
        .collect();
    let against = match &report.site {
        Some(site) => {
            format!("Judged against {}, with the site file {}.", tables.join(", "), shown(&site.path))
        }
        None if report.tables.is_empty() => "No table was in force.".to_owned(),
        None => format!(
            "Judged against {}. PORTS ONLY: without a site file no roles are known, and a row allows any pair of addresses on its port.",
            tables.join(", ")
        ),
    };
    page.wrapped(0, "", DIM, &against);
    let rests: Vec<String> = Rest::ALL
        .into_iter()
        .filter_map(|rest| {
            Some(format!("{} {}", grouped(*report.rests_on.get(rest.name())?), rest.plainly()))
        })
        .collect();
    if !rests.is_empty() {
        page.wrapped(0, "", DIM, &format!("Of the allowed flows rest: {}.", rests.join(", ")));
    }
    if let Some(sandbox) = &report.sandbox {
        page.wrapped(0, "", DIM, &format!("Sandbox: {}.", shown(sandbox)));
    }
}

fn captures(page: &mut Page, report: &Report) {
    page.title("Captures");
    let is_long = report.captures.len() > MAX_CAPTURES;
    if is_long {
        let first = report.captures.iter().filter_map(|capture| capture.first.as_deref()).min();
        let last = report.captures.iter().filter_map(|capture| capture.last.as_deref()).max();
        let text = format!(
            "{}: {}, {}, {} to {}",
            count(report.captures.len() as u64, "capture"),
            count(report.captures.iter().map(|capture| capture.packets).sum(), "packet"),
            bytes(report.captures.iter().map(|capture| capture.bytes).sum()),
            short(first.unwrap_or("no time")),
            short(last.unwrap_or("no time"))
        );
        page.wrapped(2, "", DIM, &text);
    }
    for (at, capture) in report.captures.iter().enumerate() {
        let troubles = troubles(capture);
        if is_long && troubles.is_empty() {
            continue;
        }
        let form = match &capture.compression {
            Some(compression) => format!("{}, {compression}", capture.format),
            None => capture.format.clone(),
        };
        let span = match (&capture.first, &capture.last) {
            (Some(first), Some(last)) => format!(", {} to {}", short(first), short(last)),
            _ => String::new(),
        };
        let text = format!(
            "{} ({form}): {}, {}{span}",
            shown(&capture.path),
            count(capture.packets, "packet"),
            bytes(capture.bytes)
        );
        let label = at.to_string();
        page.wrapped(label.len() + 3, &label, DIM, &text);
        for (style, trouble) in troubles {
            let text = page.paint(style, &trouble);
            page.wrapped(6, "", style, &text);
        }
    }
    if report.summary.duplicates > 0 {
        let text = format!(
            "{} seen more than once (several interfaces or nodes); they stand in the counts, and once in what was judged.",
            count(report.summary.duplicates, "packet")
        );
        page.wrapped(4, "", DIM, &text);
    }
    for (what, times) in &report.turned_away {
        let text = page.paint(YELLOW, &format!("{} {what}", grouped(*times)));
        page.wrapped(4, "", YELLOW, &text);
    }
}

/// `2026-11-20 21:09:00` of an RFC 3339 time.
fn short(time: &str) -> String {
    time.get(..19).unwrap_or(time).replace('T', " ")
}

fn troubles(capture: &Capture) -> Vec<(Style, String)> {
    let mut troubles = Vec::new();
    if let Some(stopped) = &capture.stopped {
        troubles.push((RED, format!("reading stopped: {}", shown(stopped))));
    }
    if capture.truncated {
        troubles.push((YELLOW, "truncated: the file ends inside a packet; judged up to the cut".to_owned()));
    }
    if let Some(dropped @ 1..) = capture.dropped {
        troubles.push((YELLOW, format!("the capturing host lost {}", count(dropped, "packet"))));
    }
    if capture.filtered > 0 {
        troubles.push((DIM, format!("{} left out by the filter", count(capture.filtered, "packet"))));
    }
    let list = |counts: &std::collections::BTreeMap<String, u64>| {
        let parts: Vec<String> =
            counts.iter().map(|(reason, times)| format!("{reason} {}", grouped(*times))).collect();
        parts.join(", ")
    };
    if !capture.undecoded.is_empty() {
        troubles.push((DIM, format!("not decoded: {}", list(&capture.undecoded))));
    }
    if !capture.problems.is_empty() {
        troubles.push((DIM, format!("noticed: {}", list(&capture.problems))));
    }
    troubles
}

fn findings(page: &mut Page, report: &Report) {
    let of = |verdict: &str, is_waived: bool| -> Vec<&Finding> {
        report
            .findings
            .iter()
            .filter(|finding| finding.verdict == verdict && finding.waived.is_some() == is_waived)
            .collect()
    };
    section(page, report, "Not allowed", &of("not-allowed", false));
    section(page, report, "Undetermined", &of("undetermined", false));
    let waived: Vec<&Finding> = report.findings.iter().filter(|finding| finding.waived.is_some()).collect();
    section(page, report, "Waived", &waived);
}

fn section(page: &mut Page, report: &Report, title: &str, findings: &[&Finding]) {
    if findings.is_empty() {
        return;
    }
    let flows: u64 = findings.iter().map(|finding| finding.flows).sum();
    page.title(&format!(
        "{title}: {} over {}",
        count(findings.len() as u64, "finding"),
        count(flows, "flow")
    ));
    for finding in findings.iter().take(MAX_SHOWN) {
        one(page, report, finding);
    }
    if findings.len() > MAX_SHOWN {
        let text = format!(
            "and {} more; `--format json` holds them all",
            count((findings.len() - MAX_SHOWN) as u64, "finding")
        );
        page.wrapped(4, "", DIM, &text);
    }
}

fn one(page: &mut Page, report: &Report, finding: &Finding) {
    let style = match finding.severity.as_str() {
        "error" => RED,
        "warning" => YELLOW,
        _ => CYAN,
    };
    let head = format!("{} {}", finding.severity, finding.reason);
    let painted = page.paint(style, &head);
    page.line(&format!("  {painted}"));
    page.wrapped(6, "", DIM, &shown(&finding.message));
    if !finding.ports.is_empty() {
        page.wrapped(6, "", DIM, &format!("ports {}", ports(&finding.ports, 12)));
    }
    let mut facts = vec![count(finding.flows, "flow"), bytes(finding.bytes), finding.outcome.clone()];
    if finding.direction != "handshake" {
        facts.push(format!("direction {}", finding.direction));
    }
    if finding.example.frame > 0 {
        let place = match report.captures.len() {
            1 => format!("frame {}", finding.example.frame),
            _ => format!("frame {} of capture {}", finding.example.frame, finding.example.capture),
        };
        facts.push(format!("first at {} in {place}", short(&finding.first_seen)));
    }
    if let [near, others @ ..] = finding.nearest.as_slice()
        && finding.missing.is_some()
    {
        facts.push(format!("nearest {} row {}", near.table, near.row));
        if !others.is_empty() {
            facts.push(format!("{} more", count(others.len() as u64, "row")));
        }
    }
    let text = page.paint(DIM, &facts.join(", "));
    page.wrapped(6, "", DIM, &text);
    if let Some(waived) = &finding.waived {
        let until = waived.until.as_deref().unwrap_or("no end");
        page.wrapped(
            6,
            "",
            DIM,
            &format!("waived until {until} by {}: {}", shown(&waived.owner), shown(&waived.because)),
        );
    }
}

fn notes(page: &mut Page, report: &Report) {
    if report.notes.is_empty() {
        return;
    }
    page.title(&format!("Notes: {}", report.notes.len()));
    for note in report.notes.iter().take(MAX_SHOWN) {
        let text = format!(
            "{}: {} row {}, {} from {} to {} port {}",
            note.note,
            note.table,
            note.row,
            count(note.flows, "flow"),
            note.initiator.address,
            note.responder.address,
            note.responder.port
        );
        page.wrapped(4, "", DIM, &text);
    }
    if report.notes.len() > MAX_SHOWN {
        page.wrapped(4, "", DIM, &format!("and {} more", report.notes.len() - MAX_SHOWN));
    }
}

/// What was met of each table, row by row; the other rows by why they were not.
fn rows(page: &mut Page, report: &Report) {
    for table in &report.tables {
        let rows: Vec<&RowCoverage> = report.coverage.iter().filter(|row| row.table == table.name).collect();
        let seen = rows.iter().filter(|row| row.status.starts_with("seen")).count();
        let hidden = rows.iter().filter(|row| row.status == "not-observable").count();
        let mut title =
            format!("{}: {seen} of {} seen", shown(&table.name), count(rows.len() as u64, "documented row"));
        if hidden > 0 {
            title.push_str(&format!(", {hidden} not observable from here"));
        }
        page.title(&title);
        let is_met = |row: &&RowCoverage| !matches!(row.status.as_str(), "not-seen" | "not-observable");
        let (met, unmet): (Vec<&RowCoverage>, Vec<&RowCoverage>) = rows.into_iter().partition(is_met);
        if !met.is_empty() {
            let text = table_of(page, &met).to_string();
            for line in text.lines() {
                let style = match line.trim_start().chars().next() {
                    Some('+') if line.starts_with(" +") => GREEN,
                    Some('!') if line.starts_with(" !") => YELLOW,
                    Some('~') if line.starts_with(" ~") => CYAN,
                    _ => Style::new(),
                };
                let mark = line.get(..2).unwrap_or_default();
                let painted = page.paint(style, mark);
                page.line(&format!("{painted}{}", line.get(2..).unwrap_or_default()));
            }
        }
        others(page, &unmet);
    }
}

/// Rows that were not met, by status and why: one paragraph each.
fn others(page: &mut Page, rows: &[&RowCoverage]) {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for row in rows {
        let words = match (row.status.as_str(), &row.why) {
            (status, Some(why)) => format!("{} ({})", status.replacen('-', " ", 1), shown(why)),
            (status, None) => status.replacen('-', " ", 1),
        };
        match groups.iter_mut().find(|group| group.0 == words) {
            Some(group) => group.1.push(shown(&row.row)),
            None => groups.push((words, vec![shown(&row.row)])),
        }
    }
    for (words, ids) in groups {
        let text = format!("{} {words}: {}", count(ids.len() as u64, "row"), ids.join(", "));
        let options = textwrap::Options::new(page.look.columns)
            .word_splitter(WordSplitter::NoHyphenation)
            .initial_indent("    ")
            .subsequent_indent("      ");
        for line in textwrap::wrap(&text, options) {
            let painted = page.paint(DIM, &line);
            page.line(&painted);
        }
    }
}

fn table_of(page: &Page, rows: &[&RowCoverage]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(page.look.columns).unwrap_or(80));
    for row in rows {
        let end = |printed: &Option<String>, roles: &[String]| match printed {
            Some(text) => shown(text),
            None => shown(&roles.join(" / ")),
        };
        let cell = |text: &Option<String>| shown(text.as_deref().unwrap_or(""));
        let mark = match row.status.as_str() {
            "seen" => "+",
            "seen-with-deviation" => "!",
            "attempted-only" => "~",
            _ => " ",
        };
        let mut what = format!("{} > {}", end(&row.source, &row.from), end(&row.destination, &row.to));
        if let Some(why) = &row.why {
            what.push_str(&format!("\n  {}", shown(why)));
        }
        if !row.same_as.is_empty() {
            what.push_str(&format!("\n  not to be told from {}", row.same_as.join(", ")));
        }
        let mut flows = match row.flows {
            0 => String::new(),
            flows => count(flows, "flow"),
        };
        if let Some(times) = &row.response_us
            && page.look.columns >= WIDE
        {
            flows.push_str(&format!(
                ", answers in {} (p99 {})",
                microseconds(times.p50),
                microseconds(times.p99)
            ));
        }
        table.add_row([
            mark.to_owned(),
            shown(&row.row),
            what,
            format!("{} {}", cell(&row.protocol), cell(&row.port)),
            flows,
        ]);
    }
    for at in [0, 1, 4] {
        if let Some(column) = table.column_mut(at) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    if let Some(column) = table.column_mut(3) {
        column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(24)));
    }
    table
}
