//! Two audits side by side: what is new, gone and changed, in findings and in rows.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::report::model::{Finding, Report, RowCoverage};
use crate::report::words::{count, shown};

/// The written shape of a difference.
pub const SCHEMA: &str = "uncharted.diff/1";

/// What changed from one audit to the next.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Diff {
    pub schema: &'static str,
    /// Something not allowed, and not waived, that was not there before.
    pub worse: bool,
    pub findings: Changes<Finding>,
    pub rows: Changes<RowCoverage>,
}

/// Things of one kind.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Changes<T> {
    pub new: Vec<T>,
    pub gone: Vec<T>,
    pub changed: Vec<Changed<T>>,
}

/// A thing that is in both, and how it differs.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Changed<T> {
    pub old: T,
    pub new: T,
    /// One entry a difference: `severity warning to error`.
    pub what: Vec<String>,
}

/// What makes two findings of two audits one: the initiator's port is chance, and not part of it.
fn key(finding: &Finding) -> Vec<String> {
    let port = if finding.ports.is_empty() { finding.responder.port.to_string() } else { "scan".to_owned() };
    // An expired waiver has no ends: its sentence tells it from others.
    let said = if finding.reason == "waiver-expired" { finding.message.clone() } else { String::new() };
    vec![
        finding.reason.clone(),
        finding.initiator.address.clone(),
        finding.responder.address.clone(),
        port,
        finding.transport.clone(),
        finding.protocol.clone().unwrap_or_default(),
        said,
    ]
}

/// What changed from `old` to `new`.
pub fn diff(old: &Report, new: &Report) -> Diff {
    let findings = changes(&old.findings, &new.findings, key, finding_changes);
    let rows = changes(
        &old.coverage,
        &new.coverage,
        |row| vec![row.table.clone(), row.row.clone()],
        |old, new| said(&[("status", old.status.clone(), new.status.clone())]),
    );
    let is_open = |finding: &Finding| finding.verdict == "not-allowed" && finding.waived.is_none();
    let worse = findings.new.iter().any(is_open)
        || findings.changed.iter().any(|changed| is_open(&changed.new) && !is_open(&changed.old));
    Diff { schema: SCHEMA, worse, findings, rows }
}

fn finding_changes(old: &Finding, new: &Finding) -> Vec<String> {
    let waived =
        |finding: &Finding| if finding.waived.is_some() { "waived" } else { "not waived" }.to_owned();
    let mut what = Vec::new();
    if old.waived.is_some() != new.waived.is_some() {
        what.push(format!("{} to {}", waived(old), waived(new)));
    }
    what.extend(said(&[
        ("severity", old.severity.clone(), new.severity.clone()),
        ("outcome", old.outcome.clone(), new.outcome.clone()),
        ("flows", old.flows.to_string(), new.flows.to_string()),
    ]));
    what
}

fn said(pairs: &[(&str, String, String)]) -> Vec<String> {
    let differing = pairs.iter().filter(|(_, old, new)| old != new);
    differing.map(|(name, old, new)| format!("{name} {old} to {new}")).collect()
}

/// Findings may share a key (a waived one and one that is not): the n-th of the old is held against the n-th of the new.
fn changes<T: Clone>(
    old: &[T],
    new: &[T],
    key: fn(&T) -> Vec<String>,
    what: fn(&T, &T) -> Vec<String>,
) -> Changes<T> {
    let mut before: BTreeMap<Vec<String>, Vec<&T>> = BTreeMap::new();
    for thing in old.iter().rev() {
        before.entry(key(thing)).or_default().push(thing);
    }
    let mut changes = Changes { new: Vec::new(), gone: Vec::new(), changed: Vec::new() };
    for thing in new {
        match before.get_mut(&key(thing)).and_then(Vec::pop) {
            None => changes.new.push(thing.clone()),
            Some(old) => {
                let what = what(old, thing);
                if !what.is_empty() {
                    changes.changed.push(Changed { old: old.clone(), new: thing.clone(), what });
                }
            }
        }
    }
    changes.gone = before.into_values().flat_map(|left| left.into_iter().rev()).cloned().collect();
    changes
}

/// The difference as JSON.
pub fn json(diff: &Diff) -> String {
    serde_json::to_string_pretty(diff).unwrap_or_default() + "\n"
}

/// The difference as text, for a terminal of `columns`.
pub fn text(diff: &Diff, columns: usize) -> String {
    let mut page = String::new();
    let say = |page: &mut String, sign: char, words: &str| {
        let options = textwrap::Options::new(columns.max(40)).subsequent_indent("    ");
        let initial = format!("  {sign} ");
        page.push_str(&textwrap::fill(words, options.initial_indent(&initial)));
        page.push('\n');
    };
    let head = match (diff.worse, diff.findings.new.is_empty() && diff.findings.gone.is_empty()) {
        (true, _) => "worse: something new is not allowed",
        (false, false) => "no worse: nothing new is not allowed",
        (false, true) => "no finding is new or gone",
    };
    page.push_str(head);
    page.push('\n');
    let total = |title: &str, sizes: [usize; 3]| {
        format!("\n{title}: {} new, {} gone, {} changed\n", sizes[0], sizes[1], sizes[2])
    };
    let findings = &diff.findings;
    page.push_str(&total("Findings", [findings.new.len(), findings.gone.len(), findings.changed.len()]));
    let words = |finding: &Finding| {
        let waived = if finding.waived.is_some() { " (waived)" } else { "" };
        let flows = count(finding.flows, "flow");
        format!("{} {}{waived}: {}, {flows}", finding.severity, finding.reason, shown(&finding.message))
    };
    findings.new.iter().for_each(|finding| say(&mut page, '+', &words(finding)));
    findings.gone.iter().for_each(|finding| say(&mut page, '-', &words(finding)));
    for changed in &findings.changed {
        say(&mut page, '~', &format!("{}: {}", words(&changed.new), changed.what.join(", ")));
    }
    let rows = &diff.rows;
    page.push_str(&total("Rows", [rows.new.len(), rows.gone.len(), rows.changed.len()]));
    let words = |row: &RowCoverage| format!("{} row {}", shown(&row.table), shown(&row.row));
    rows.new.iter().for_each(|row| say(&mut page, '+', &format!("{}: {}", words(row), row.status)));
    rows.gone.iter().for_each(|row| say(&mut page, '-', &format!("{}: {}", words(row), row.status)));
    for changed in &rows.changed {
        say(&mut page, '~', &format!("{}: {}", words(&changed.new), changed.what.join(", ")));
    }
    page
}
