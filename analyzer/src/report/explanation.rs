//! Explanations in words: a name of the manual, or one flow held against every candidate row.

use crate::audit::Flow;
use crate::policy::index::{NameBook, Policy};
use crate::report::flow_line;
use crate::report::time::rfc3339;
use crate::report::words::{bytes, count, shown};
use crate::verdict::explain::candidates;
use crate::verdict::facts::{Case, Facts};

/// Columns of an explanation.
const COLUMNS: usize = 80;

/// Candidate rows shown; the rest is counted.
const MAX_CANDIDATES: usize = 30;

/// A name, what kind of thing it is, and its manual page.
pub fn entry(name: &str, kind: &str, manual: &str) -> String {
    format!("{name}: {kind}\n\n{}\n", textwrap::fill(manual, COLUMNS))
}

/// One flow: what was seen, what it is, its verdict, and every candidate row.
pub fn flow(flow: &Flow, policy: &Policy, names: &dyn NameBook, judge_all: bool) -> String {
    let line = flow_line::line(flow, policy, true);
    let record = &flow.record;
    let mut text = format!("{} {} to {}\n", record.transport, record.initiator_end(), record.responder_end());
    let mut say = |words: String| {
        let options = textwrap::Options::new(COLUMNS).initial_indent("  ").subsequent_indent("    ");
        text.push_str(&textwrap::fill(&words, options));
        text.push('\n');
    };
    say(format!("first seen {} in frame {}", rfc3339(record.first_ns), record.first.frame()));
    say(format!(
        "{} and {} one way, {} and {} the other; {}, state {}, history {}",
        count(line.packets[0], "packet"),
        bytes(line.bytes[0]),
        count(line.packets[1], "packet"),
        bytes(line.bytes[1]),
        line.outcome,
        line.conn_state,
        line.history
    ));
    say(format!("who began: {}", line.direction));
    let spoken = match (line.protocol, line.contested.as_slice()) {
        (Some(protocol), _) if line.tls.is_some() && protocol != "tls" => format!("{protocol}, with TLS"),
        (Some(protocol), _) => protocol.to_owned(),
        (None, []) => "nothing that is recognised".to_owned(),
        (None, claims) => format!("contested: {}", claims.join(", ")),
    };
    say(format!("content: {spoken}"));
    for (name, value) in &line.details {
        let value = serde_json::to_string(value).unwrap_or_default();
        say(format!("{name}: {}", shown(&value)));
    }
    say(format!("verdict: {}, {}", flow.judgement.verdict().name(), flow.judgement.reason.name()));
    if let Some(missing) = &flow.judgement.missing {
        say(format!("missing: {missing}"));
    }
    let case = Case { policy, names, record, identity: &flow.identity, hidden: flow.hidden, judge_all };
    let candidates = candidates(&Facts::gather(case, record.initiator));
    say(match candidates.len() {
        0 => "no row shares an end or the port with it".to_owned(),
        1 => "one candidate row".to_owned(),
        many => format!("{many} candidate rows, the nearest first"),
    });
    for candidate in candidates.iter().take(MAX_CANDIDATES) {
        let (table, row) = (policy.table_of(candidate.row), policy.row(candidate.row));
        let mark = if candidate.allows { "allows it" } else { "does not allow it" };
        text.push_str(&format!("  {} row {}: {mark}\n", shown(&table.name), shown(&row.id)));
        for point in &candidate.points {
            let mark = if point.fits { "+" } else { "-" };
            let options = textwrap::Options::new(COLUMNS).initial_indent("    ").subsequent_indent("      ");
            text.push_str(&textwrap::fill(&format!("{mark} {}", shown(&point.words)), options));
            text.push('\n');
        }
    }
    if candidates.len() > MAX_CANDIDATES {
        text.push_str(&format!("  and {} more\n", candidates.len() - MAX_CANDIDATES));
    }
    text.push('\n');
    text
}
