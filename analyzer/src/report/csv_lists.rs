//! CSV for spreadsheets: a line for each finding, or for each documented row.
//!
//! Source: RFC 4180. A cell that a spreadsheet would take for a formula gets an apostrophe in front. Flows as CSV are
//! what `flows --format csv` writes.

use csv::{Terminator, WriterBuilder};

use crate::report::model::{Quantiles, Report};
use crate::report::words::{ports, shown};

const FINDINGS: [&str; 24] = [
    "number",
    "verdict",
    "reason",
    "severity",
    "waived",
    "flows",
    "bytes",
    "outcome",
    "initiator",
    "initiator_roles",
    "responder",
    "responder_roles",
    "port",
    "transport",
    "protocol",
    "tls",
    "direction",
    "nearest",
    "first_seen",
    "last_seen",
    "capture",
    "frame",
    "community_id",
    "message",
];

/// The findings.
pub fn findings(report: &Report) -> String {
    let lines = report.findings.iter().enumerate().map(|(at, finding)| {
        let port = match finding.ports.as_slice() {
            [] => finding.responder.port.to_string(),
            many => ports(many, many.len()),
        };
        let near = finding.nearest.iter().map(|near| format!("{}:{}", near.table, near.row));
        let waived = finding.waived.as_ref().map_or_else(String::new, |waived| {
            format!(
                "{} until {}: {}",
                waived.owner,
                waived.until.as_deref().unwrap_or("no end"),
                waived.because
            )
        });
        vec![
            (at + 1).to_string(),
            finding.verdict.clone(),
            finding.reason.clone(),
            finding.severity.clone(),
            waived,
            finding.flows.to_string(),
            finding.bytes.to_string(),
            finding.outcome.clone(),
            finding.initiator.address.clone(),
            finding.initiator.roles.join("; "),
            finding.responder.address.clone(),
            finding.responder.roles.join("; "),
            port,
            finding.transport.clone(),
            finding.protocol.clone().unwrap_or_default(),
            finding.tls.to_string(),
            finding.direction.clone(),
            near.collect::<Vec<String>>().join("; "),
            finding.first_seen.clone(),
            finding.last_seen.clone(),
            finding.example.capture.to_string(),
            finding.example.frame.to_string(),
            finding.community_id.clone(),
            finding.message.clone(),
        ]
    });
    sheet(&FINDINGS, lines)
}

const COVERAGE: [&str; 23] = [
    "table",
    "row",
    "source",
    "destination",
    "protocol",
    "port",
    "classification",
    "data",
    "status",
    "why",
    "flows",
    "bytes",
    "attempts",
    "deviations",
    "undecided",
    "first_seen",
    "last_seen",
    "handshake_p50_us",
    "handshake_p99_us",
    "response_p50_us",
    "response_p99_us",
    "response_max_us",
    "same_as",
];

/// The documented rows.
pub fn coverage(report: &Report) -> String {
    let lines = report.coverage.iter().map(|row| {
        let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
        let time = |times: &Option<Quantiles>, of: fn(&Quantiles) -> u64| {
            times.as_ref().map_or_else(String::new, |times| of(times).to_string())
        };
        vec![
            row.table.clone(),
            row.row.clone(),
            text(&row.source),
            text(&row.destination),
            text(&row.protocol),
            text(&row.port),
            text(&row.classification),
            text(&row.data),
            row.status.clone(),
            text(&row.why),
            row.flows.to_string(),
            row.bytes.to_string(),
            row.attempts.to_string(),
            row.deviations.to_string(),
            row.undecided.to_string(),
            text(&row.first_seen),
            text(&row.last_seen),
            time(&row.handshake_us, |times| times.p50),
            time(&row.handshake_us, |times| times.p99),
            time(&row.response_us, |times| times.p50),
            time(&row.response_us, |times| times.p99),
            time(&row.response_us, |times| times.max),
            row.same_as.join("; "),
        ]
    });
    sheet(&COVERAGE, lines)
}

fn sheet(head: &[&str], lines: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    // Nothing is written but into memory, and every line has as many cells as the head.
    let _ = writer.write_record(head);
    for line in lines {
        let _ = writer.write_record(line.iter().map(|cell| harmless(cell)));
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// A cell that no spreadsheet computes.
fn harmless(cell: &str) -> String {
    let cell = shown(cell);
    if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_from_the_wire_stays_text() {
        let sheet = sheet(&["a", "b"], [vec!["=1+1".to_owned(), "x\"y,z".to_owned()]].into_iter());
        assert_eq!(sheet, "a,b\r\n'=1+1,\"x\"\"y,z\"\r\n");
    }
}
