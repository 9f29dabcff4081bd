//! The HTML report: one file, no network, for screen and print, readable without JavaScript.
//!
//! Whatever a capture says goes through maud's escaping; the page's policy names the one script and the
//! one style by their hash, so that nothing else would run even if a text broke out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::report::html::chart::{bar, histogram};
use crate::report::html::diagram::{diagram, mark};
use crate::report::model::{Capture, Finding, Quantiles, Report, Role, RowCoverage};
use crate::report::words::{bytes, count, grouped, microseconds, ports, shown};
use crate::verdict::reason::Reason;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Findings that the page holds; a browser opens these in a second, and the JSON holds them all.
const MAX_FINDINGS: usize = 10_000;

/// What the parts of the page look things up in.
#[derive(Debug)]
pub struct Page<'a> {
    report: &'a Report,
}

impl<'a> Page<'a> {
    /// The role of that name.
    pub fn role(&self, name: &str) -> Option<&'a Role> {
        self.report.roles.iter().find(|role| role.name == name)
    }

    /// Whether a site file binds the roles.
    pub fn has_site(&self) -> bool {
        self.report.site.is_some()
    }

    /// Where the table stands in the report, from 1.
    pub fn table_number(&self, name: &str) -> usize {
        self.report.tables.iter().position(|table| table.name == name).map_or(0, |at| at + 1)
    }
}

/// The id of a row's entry: `r1-internal-6122`.
pub fn row_anchor(page: &Page<'_>, table: &str, row: &str) -> String {
    let row: String =
        row.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    format!("r{}-{row}", page.table_number(table))
}

/// The report as one HTML file.
pub fn render(report: &Report) -> String {
    let page = Page { report };
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
    let policy = format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; style-src {}; script-src {}",
        hash(STYLE),
        hash(SCRIPT)
    );
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Uncharted: " (headline(report).1) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#findings" { "Skip to the findings" }
                (head(report))
                main {
                    (answer(report))
                    @if !report.findings.is_empty() { (to_do(report)) }
                    (charts_of_tables(&page))
                    (findings(&page))
                    (notes(&page))
                    (provenance(report))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    markup.into_string()
}

/// Class and words of the answer.
fn headline(report: &Report) -> (&'static str, String) {
    let summary = &report.summary;
    let waived = summary.waived.min(summary.not_allowed);
    let open = summary.not_allowed - waived;
    match (open, summary.undetermined) {
        (0, 0) if summary.flows == 0 => ("warning", "Nothing to judge: the capture holds no flow".to_owned()),
        (0, 0) if waived > 0 => ("ok", format!("Every departure is waived ({})", count(waived, "flow"))),
        (0, 0) => ("ok", "Every judged flow is on the chart".to_owned()),
        (0, some) => ("warning", format!("{} could not be decided", count(some, "flow"))),
        (1, _) => ("error", "1 flow is not on the chart".to_owned()),
        (bad, _) => ("error", format!("{} flows are not on the chart", grouped(bad))),
    }
}

fn head(report: &Report) -> Markup {
    html! {
        header.top {
            strong { "Uncharted" }
            nav aria-label="Parts of the report" {
                @for (at, table) in report.tables.iter().enumerate() {
                    a href={ "#t" (at + 1) } { (shown(&table.name)) }
                }
                a href="#findings" { "Findings" }
                a href="#sources" { "Sources" }
            }
        }
    }
}

fn is_seen(status: &str) -> bool {
    status.starts_with("seen")
}

fn answer(report: &Report) -> Markup {
    let summary = &report.summary;
    let (class, words) = headline(report);
    let rows = |status: &str| summary.rows.get(status).copied().unwrap_or_default();
    let seen = rows("seen") + rows("seen-with-deviation");
    let all: u64 = summary.rows.values().sum();
    let of = |severity: &str| {
        report
            .findings
            .iter()
            .filter(|finding| finding.waived.is_none() && finding.severity == severity)
            .count() as u64
    };
    let waived = report.findings.iter().filter(|finding| finding.waived.is_some()).count() as u64;
    let sign = match class {
        "ok" => "✓",
        "error" => "✕",
        _ => "!",
    };
    let (quality_class, quality) = quality(report);
    html! {
        section.answer.(class) {
            h1 { span.sign aria-hidden="true" { (sign) } (words) }
            p {
                (count(summary.flows, "flow")) " in " (count(summary.packets, "packet")) ", "
                @if let (Some(first), Some(last)) = (
                    report.captures.iter().filter_map(|capture| capture.first.as_deref()).min(),
                    report.captures.iter().filter_map(|capture| capture.last.as_deref()).max(),
                ) { (short(first)) " to " (short(last)) " UTC, " }
                "held against "
                @for (at, table) in report.tables.iter().enumerate() {
                    @if at > 0 { ", " }
                    a href={ "#t" (at + 1) } { (shown(&table.name)) }
                }
                @if report.tables.is_empty() { "no table" }
                "."
            }
            @if report.mode == "port-only" {
                p.warn { b { "Ports only. " } "Without a site file no roles are known: a row allows any pair of addresses on its port. Give "
                    code { "--site" } " to judge who talks to whom." }
            }
        }
        section.tiles aria-label="Summary" {
            div.tile {
                h2 { "Flows" }
                p.big { (grouped(summary.flows)) }
                (bar(&[("seen", "allowed", summary.allowed), ("error", "not allowed", summary.not_allowed), ("warning", "undetermined", summary.undetermined), ("none", "out of scope", summary.out_of_scope)]))
            }
            div.tile {
                h2 { "Findings" }
                p.big { (grouped(report.findings.len() as u64 - waived)) }
                (bar(&[("error", "error", of("error")), ("warning", "warning", of("warning")), ("note", "note", of("note")), ("none", "waived", waived)]))
            }
            div.tile {
                h2 { "Documented rows seen" }
                p.big { (grouped(seen)) small { " of " (grouped(all)) } }
                (bar(&[("seen", "seen", rows("seen")), ("deviation", "with deviation", rows("seen-with-deviation")), ("attempted", "attempted only", rows("attempted-only")), ("unseen", "not seen", rows("not-seen")), ("none", "not observable", rows("not-observable"))]))
            }
            div.tile {
                h2 { "Capture" }
                p.big.(quality_class) { (quality.0) }
                ul.plain { @for line in &quality.1 { li { (line) } } }
            }
        }
    }
}

/// How good the captures were: class, one word, and why.
fn quality(report: &Report) -> (&'static str, (&'static str, Vec<String>)) {
    let sum = |of: fn(&Capture) -> u64| report.captures.iter().map(of).sum::<u64>();
    let mut lines = Vec::new();
    let mut class = ("good", "Whole");
    let dropped = sum(|capture| capture.dropped.unwrap_or_default());
    let stopped = sum(|capture| u64::from(capture.stopped.is_some()));
    let truncated = sum(|capture| u64::from(capture.truncated));
    let undecoded = sum(|capture| capture.undecoded.values().sum());
    let turned: u64 = report.turned_away.values().sum();
    if dropped > 0 {
        class = ("lossy", "Lossy");
        lines.push(format!("{} lost by the capturing host", count(dropped, "packet")));
    }
    if truncated + turned > 0 {
        class = ("lossy", "Cut");
    }
    if truncated > 0 {
        lines.push(format!(
            "{} inside a packet",
            if truncated == 1 { "1 file ends".to_owned() } else { format!("{truncated} files end") }
        ));
    }
    if stopped > 0 {
        class = ("lossy", "Broken");
        lines.push(format!("{} could not be read to the end", count(stopped, "file")));
    }
    if turned > 0 {
        lines.push(format!("bounds turned away {}", count(turned, "item")));
    }
    if undecoded > 0 {
        lines.push(format!("{} not of a kind that is judged", count(undecoded, "frame")));
    }
    if report.summary.duplicates > 0 {
        lines.push(format!("{} seen twice", count(report.summary.duplicates, "packet")));
    }
    if report.captures.iter().all(|capture| capture.packets == 0) {
        class = ("lossy", "Empty");
    } else {
        lines.insert(
            0,
            format!(
                "{}, {}, {}",
                count(report.captures.len() as u64, "file"),
                count(sum(|capture| capture.packets), "packet"),
                bytes(sum(|capture| capture.bytes))
            ),
        );
    }
    (class.0, (class.1, lines))
}

/// `2026-11-20 21:09:00` of an RFC 3339 time.
fn short(time: &str) -> String {
    shown(&time.get(..19).unwrap_or(time).replace('T', " "))
}

/// By reason: how many, what it means, what to do.
fn to_do(report: &Report) -> Markup {
    let mut reasons: Vec<(&str, &str, u64, u64, usize)> = Vec::new();
    for (at, finding) in report.findings.iter().enumerate().filter(|(_, finding)| finding.waived.is_none()) {
        match reasons.iter_mut().find(|reason| reason.0 == finding.reason) {
            Some(reason) => {
                reason.2 += 1;
                reason.3 += finding.flows;
            }
            None => reasons.push((&finding.reason, &finding.severity, 1, finding.flows, at + 1)),
        }
    }
    html! {
        @if !reasons.is_empty() {
            section {
                h2 { "What was found, and what to do" }
                div.reasons {
                    @for (reason, severity, findings, flows, first) in reasons {
                        article.reason.{ "edge-" (severity) } {
                            h3 { a href={ "#f" (first) } data-reason=(reason) { (reason.replace('-', " ")) } }
                            p.figures { (severity) " · " (count(findings, "finding")) " · " (count(flows, "flow")) }
                            p { (Reason::from_name(reason).map_or("", Reason::manual)) }
                        }
                    }
                }
            }
        }
    }
}

/// Departures that show on a documented arrow, and not as one of their own.
fn is_on_row(finding: &Finding) -> bool {
    matches!(
        finding.reason.as_str(),
        "wrong-protocol"
            | "plaintext-where-tls"
            | "protocol-unknown"
            | "ambiguous-document"
            | "capture-gap"
            | "waiver-expired"
    )
}

/// The table in whose picture a departure is drawn: its nearest row's, else the first that knows one of its ends.
fn table_of<'a>(report: &'a Report, finding: &'a Finding) -> Option<&'a str> {
    if let Some(near) = finding.nearest.first() {
        return Some(&near.table);
    }
    let mut ends = finding.responder.roles.iter().chain(&finding.initiator.roles);
    ends.find_map(|role| {
        report
            .coverage
            .iter()
            .find(|row| row.from.contains(role) || row.to.contains(role))
            .map(|row| row.table.as_str())
    })
}

fn charts_of_tables(page: &Page<'_>) -> Markup {
    let report = page.report;
    let is_drawn = |finding: &Finding| page.has_site() && !is_on_row(finding);
    html! {
        @for (at, table) in report.tables.iter().enumerate() {
            @let rows: Vec<&RowCoverage> = report.coverage.iter().filter(|row| row.table == table.name).collect();
            @let seen = rows.iter().filter(|row| is_seen(&row.status)).count();
            @let strays: Vec<(usize, &Finding)> = report.findings.iter().enumerate()
                .filter(|(_, finding)| is_drawn(finding) && table_of(report, finding) == Some(table.name.as_str()))
                .map(|(at, finding)| (at + 1, finding)).collect();
            section id={ "t" (at + 1) } {
                h2 { (shown(&table.name)) span.aside { (seen) " of " (count(rows.len() as u64, "row")) " seen" } }
                p.quiet { (shown(&table.document)) }
                // A table of which nothing was met is listed, and its picture waits behind a click.
                @let is_met = rows.iter().any(|row| !matches!(row.status.as_str(), "not-seen" | "not-observable")) || !strays.is_empty();
                details.chart open[is_met] {
                    summary { "Connection diagram" }
                    (diagram(page, &table.name, &rows, &strays))
                    @if !page.has_site() && !report.findings.is_empty() {
                        p.quiet { "Ports only: addresses fill no roles, so connections on no row are not drawn. They are listed under Findings." }
                    }
                }
                div.rows {
                    @for row in &rows { (row_entry(page, row)) }
                }
            }
        }
    }
}

fn row_entry(page: &Page<'_>, row: &RowCoverage) -> Markup {
    let ends = |printed: &Option<String>, roles: &[String]| match printed {
        Some(text) => shown(text),
        None => shown(&roles.join(" / ")),
    };
    let cell = |text: &Option<String>| shown(text.as_deref().unwrap_or(""));
    let related: Vec<(usize, &Finding)> = page
        .report
        .findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| {
            finding.nearest.iter().any(|near| near.table == row.table && near.row == row.row)
        })
        .map(|(at, finding)| (at + 1, finding))
        .collect();
    const RELATED: usize = 12;
    html! {
        details.row.(row.status) {
            summary {
                span.mark title=(row.status) { (mark(&row.status)) }
                span.id { (shown(&row.row)) }
                span.ends { (ends(&row.source, &row.from)) span.to { " → " } (ends(&row.destination, &row.to)) }
                span.what { (cell(&row.protocol)) " " (cell(&row.port)) }
                span.status { (row.status.replace('-', " ")) }
                span.number { @if row.flows > 0 { (count(row.flows, "flow")) } }
            }
            div.inside id=(row_anchor(page, &row.table, &row.row)) {
                @if let Some(why) = &row.why { p { b { "Why: " } (shown(why)) } }
                div.two {
                    div {
                        h4 { "As printed" }
                        dl {
                            @for (name, text) in [("Source", &row.source), ("Destination", &row.destination), ("Protocol", &row.protocol), ("Port", &row.port), ("Classification", &row.classification), ("Data", &row.data)] {
                                dt { (name) } dd { @if text.is_some() { (cell(text)) } @else { i { "blank" } } }
                            }
                        }
                    }
                    div {
                        h4 { "Our reading" }
                        ul.plain { @for reading in &row.reading { li { (shown(reading)) } } @if row.reading.is_empty() { li { i { "allows nothing by itself" } } } }
                        @if let Some(note) = &row.reading_note { p.quiet { (shown(note)) } }
                        @if !row.same_as.is_empty() { p.quiet { "No packet tells it from " (shown(&row.same_as.join(", "))) "; they are credited together." } }
                        h4 { "Seen" }
                        p {
                            (count(row.flows, "flow")) ", " (bytes(row.bytes))
                            @for (many, what) in [(row.attempts, "attempt"), (row.deviations, "deviation")] { @if many > 0 { ", " (count(many, what)) } }
                            @if row.undecided > 0 { ", " (grouped(row.undecided)) " undecided" }
                            @if let (Some(first), Some(last)) = (&row.first_seen, &row.last_seen) { br; (short(first)) " to " (short(last)) " UTC" }
                        }
                        (times("Handshake round trip", row.handshake_us.as_ref()))
                        (times("Time to first response", row.response_us.as_ref()))
                        @if !row.response_buckets.is_empty() {
                            (histogram(&row.response_buckets, &format!("Time to first response of row {}, {}", shown(&row.row), count(row.response_buckets.iter().map(|bucket| bucket.1).sum(), "flow"))))
                        }
                    }
                }
                @if !related.is_empty() {
                    h4 { "Findings nearest to this row" }
                    ul.plain {
                        @for (number, finding) in related.iter().take(RELATED) { li { a href={ "#f" (number) } { "F" (number) " " (finding.reason) } " " (shown(&finding.message)) } }
                        @if related.len() > RELATED { li { "and " (related.len() - RELATED) " more" } }
                    }
                }
            }
        }
    }
}

fn times(name: &str, quantiles: Option<&Quantiles>) -> Markup {
    html! {
        @if let Some(Quantiles { p50, p90, p99, max }) = quantiles {
            p.times { (name) ": " b { (microseconds(*p50)) } " median, " (microseconds(*p90)) " p90, " (microseconds(*p99)) " p99, " (microseconds(*max)) " longest" }
        }
    }
}

fn findings(page: &Page<'_>) -> Markup {
    let report = page.report;
    let mut reasons: Vec<&str> = report.findings.iter().map(|finding| finding.reason.as_str()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    html! {
        section id="findings" {
            h2 { "Findings" span.aside id="shown" aria-live="polite" { (grouped(report.findings.len() as u64)) } }
            @if report.findings.is_empty() {
                p { @if report.summary.flows == 0 { "No flow was there to be judged." } @else { "None." } }
            } @else {
                // Shown by the script: without it there is nothing to filter with.
                div.filters hidden {
                    label { "Search " input id="search" type="search" placeholder="address, role, protocol, row  ( / )"; }
                    label { "Severity " select id="severity" { option value="" { "all" } @for name in ["error", "warning", "note"] { option value=(name) { (name) } } option value="waived" { "waived" } } }
                    label { "Reason " select id="reason" { option value="" { "all" } @for name in reasons { option value=(name) { (name) } } } }
                    button type="button" id="clear" { "Clear" }
                    button type="button" id="open" { "Open all" }
                }
                div id="list" {
                    @for (at, finding) in report.findings.iter().take(MAX_FINDINGS).enumerate() { (finding_entry(page, at + 1, finding)) }
                }
                p id="nothing" hidden { "No finding fits the filter." }
                @if report.findings.len() > MAX_FINDINGS {
                    p.warn { (grouped((report.findings.len() - MAX_FINDINGS) as u64)) " more findings are not on this page; " code { "--format json" } " holds them all." }
                }
            }
        }
    }
}

fn finding_entry(page: &Page<'_>, number: usize, finding: &Finding) -> Markup {
    let report = page.report;
    let severity = if finding.waived.is_some() { "waived" } else { finding.severity.as_str() };
    let end = |end: &crate::report::model::End| {
        let roles = if end.roles.is_empty() { "no role".to_owned() } else { shown(&end.roles.join(" / ")) };
        html! { code { (shown(&end.address)) " port " (end.port) } " (" (roles) ")" }
    };
    html! {
        details.finding.{ "edge-" (severity) } data-severity=(severity) data-reason=(finding.reason) {
            summary {
                span.id { "F" (number) }
                span.pill.(severity) { (severity) }
                span.why { (finding.reason) }
                span.message { (shown(&finding.message)) }
                span.number { (count(finding.flows, "flow")) }
            }
            div.inside id={ "f" (number) } {
                @if let Some(waived) = &finding.waived {
                    p.warn { b { "Waived" } " until " (shown(waived.until.as_deref().unwrap_or("no end"))) " by " (shown(&waived.owner)) ": " (shown(&waived.because)) }
                }
                dl {
                    @if !finding.initiator.address.is_empty() && finding.example.frame > 0 {
                        dt { "Initiator" } dd { (end(&finding.initiator)) }
                        dt { "Responder" } dd { (end(&finding.responder)) }
                    }
                    @if !finding.ports.is_empty() { dt { "Ports" } dd { (ports(&finding.ports, 60)) } }
                    dt { "Content" } dd { (finding.transport) ", " (finding.protocol.as_deref().unwrap_or("no protocol recognised")) @if finding.tls { ", with TLS" } ", " (finding.outcome) }
                    @for (name, text) in &finding.said { dt { (shown(&name.replace('_', " "))) } dd { code { (shown(text)) } } }
                    dt { "Who began" } dd { (finding.direction) }
                    dt { "Traffic" } dd { (count(finding.flows, "flow")) ", " (bytes(finding.bytes)) ", " (short(&finding.first_seen)) " to " (short(&finding.last_seen)) " UTC" }
                    @if let Some(missing) = &finding.missing { dt { "Missing" } dd { (shown(missing)) } }
                    @if !finding.nearest.is_empty() {
                        dt { "Nearest rows" }
                        dd { ul.plain { @for near in finding.nearest.iter().take(12) {
                            li { a href={ "#" (row_anchor(page, &near.table, &near.row)) } { (shown(&near.table)) " row " (shown(&near.row)) } ": " (shown(&near.why)) }
                        } } }
                    }
                    @if finding.example.frame > 0 {
                        dt { "Evidence" }
                        dd {
                            "frame " (finding.example.frame)
                            @if let Some(capture) = usize::try_from(finding.example.capture).ok().and_then(|at| report.captures.get(at)) { " of " code { (shown(&capture.path)) } }
                            @if let Some(evidence) = &finding.evidence { br; a href=(link(&evidence.file)) { (shown(&evidence.file)) } ", " (count(evidence.packets, "packet")) ", SHA-256 " code.hash { (evidence.sha256) } }
                            @if !finding.community_id.is_empty() { br; "Community ID " code { (finding.community_id) } }
                        }
                    }
                    @if let Some(manual) = Reason::from_name(&finding.reason).map(Reason::manual) { dt { "What to do" } dd { (manual) } }
                }
            }
        }
    }
}

/// A relative link that cannot be taken for a scheme.
fn link(file: &str) -> String {
    if file.starts_with('/') || file.starts_with('.') { file.to_owned() } else { format!("./{file}") }
}

fn notes(page: &Page<'_>) -> Markup {
    const MAX: usize = 500;
    let notes = &page.report.notes;
    html! {
        @if !notes.is_empty() {
            section id="notes" {
                h2 { "Notes" span.aside { (grouped(notes.len() as u64)) } }
                p.quiet { "Remarks that change no verdict." }
                ul.plain { @for note in notes.iter().take(MAX) {
                    li { b { (note.note) } ": " a href={ "#" (row_anchor(page, &note.table, &note.row)) } { (shown(&note.table)) " row " (shown(&note.row)) } ", " (count(note.flows, "flow")) " from " code { (shown(&note.initiator.address)) } " to " code { (shown(&note.responder.address)) " port " (note.responder.port) } }
                } @if notes.len() > MAX { li { "and " (notes.len() - MAX) " more" } } }
            }
        }
    }
}

fn provenance(report: &Report) -> Markup {
    let hash = |text: &Option<String>| text.clone().unwrap_or_else(|| "not taken".to_owned());
    html! {
        section id="sources" {
            h2 { "Sources" }
            p.quiet { "With these anybody can run the audit again: " code { "uncharted check --verify AUDIT.json CAPTURE..." } }
            div.scroll tabindex="0" role="group" aria-label="Sources and their hashes" {
                table {
                    thead { tr { th { "What" } th { "Name" } th { "Facts" } th { "SHA-256" } } }
                    tbody {
                        @for capture in &report.captures {
                            tr { td { "capture" } td { (shown(&capture.path)) } td { (facts(capture)) } td { code.hash { (hash(&capture.sha256)) } } }
                        }
                        @for table in &report.tables {
                            tr { td { "table" } td { (shown(&table.name)) } td { (count(table.rows, "row")) } td { code.hash { (table.sha256) } } }
                        }
                        @if let Some(site) = &report.site {
                            tr { td { "site" } td { (shown(&site.path)) } td {} td { code.hash { (site.sha256) } } }
                        }
                        tr { td { "tool" } td { (report.tool.name) " " (report.tool.version) } td { "mode " (report.mode) ", scope " (report.scope) @if let Some(filter) = &report.filter { ", filter " code { (shown(filter)) } } } td { code.hash { (hash(&report.tool.sha256)) } } }
                    }
                }
            }
            @if !report.turned_away.is_empty() {
                h3 { "Turned away by bounds" }
                ul.plain { @for (what, times) in &report.turned_away { li { (grouped(*times)) " " (shown(what)) } } }
            }
        }
    }
}

fn facts(capture: &Capture) -> String {
    let mut facts = vec![shown(&capture.format), count(capture.packets, "packet"), bytes(capture.bytes)];
    if let Some(stopped) = &capture.stopped {
        facts.push(format!("reading stopped: {}", shown(stopped)));
    }
    if capture.truncated {
        facts.push("ends inside a packet".to_owned());
    }
    if let Some(dropped @ 1..) = capture.dropped {
        facts.push(format!("{} lost by the capturing host", count(dropped, "packet")));
    }
    if capture.filtered > 0 {
        facts.push(format!("{} left out by the filter", count(capture.filtered, "packet")));
    }
    for (reason, times) in capture.undecoded.iter().chain(&capture.problems) {
        facts.push(format!("{reason} {}", grouped(*times)));
    }
    facts.join(", ")
}
