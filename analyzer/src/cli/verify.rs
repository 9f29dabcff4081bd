//! `check --verify`: a saved audit run again, and what differs.
//!
//! Paths of captures and of the site may differ, their hashes may not. The tool may be another build of the same
//! version: that is said, and is no difference of the outcome.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use serde_json::Value;

use crate::cli::args::{CheckArgs, Scope, Separate};
use crate::cli::check::judged;
use crate::cli::load;
use crate::cli::output::{self, Done, Failure};
use crate::cli::report;
use crate::report::diff;
use crate::report::json;
use crate::report::model::{Finding, Report};
use crate::report::words::shown;

/// Differences that are listed; the rest is counted.
const MAX_LISTED: usize = 40;

/// Runs the command; `false` where anything differs.
///
/// # Errors
/// What kept the audit from being read or run again.
pub fn run(audit: &Path, args: &CheckArgs) -> Done {
    let saved = report::load(audit)?;
    let args = as_saved(&saved, args)?;
    let policy = Arc::new(load::policy(&args.policy)?);
    let mut again = judged(&args, &policy, true)?;
    let mut remarks = Vec::new();
    settle_names(&saved, &mut again, &mut remarks);
    let differences = differences(&saved, &again);
    let mut text = String::new();
    for remark in remarks {
        text.push_str(&format!("note: {remark}\n"));
    }
    if differences.is_empty() {
        text.push_str("verified: the audit is the same, byte for byte\n");
    } else {
        text.push_str(&format!("differs in {} places\n", differences.len()));
        for difference in differences.iter().take(MAX_LISTED) {
            text.push_str(&format!("  {difference}\n"));
        }
        if differences.len() > MAX_LISTED {
            text.push_str(&format!("  and {} more\n", differences.len() - MAX_LISTED));
        }
    }
    output::write(&text, args.output.output.as_deref())?;
    Ok(differences.is_empty())
}

/// The arguments with what the audit says in place of what is not given.
fn as_saved(saved: &Report, args: &CheckArgs) -> Result<CheckArgs, Failure> {
    let mut args = args.clone();
    if args.policy.tables.is_empty() {
        args.policy.tables = saved.tables.iter().map(|table| table.name.clone()).collect();
    }
    if args.policy.site.is_none() {
        args.policy.site = saved.site.as_ref().map(|site| PathBuf::from(&site.path));
    }
    args.policy.scope = if saved.scope == "all" { Scope::All } else { Scope::Documented };
    args.capture.filter = saved.filter.clone();
    args.capture.max_flows = saved.settings.max_flows;
    args.capture.separate = saved
        .settings
        .separate
        .iter()
        .map(|name| {
            Separate::from_str(name, false).map_err(|_| {
                Failure::Said(format!("expected `vlan` or `tunnel` in settings.separate, found `{name}`"))
            })
        })
        .collect::<Result<Vec<Separate>, Failure>>()?;
    Ok(args)
}

/// Takes the saved names where only they differ, and says so.
fn settle_names(saved: &Report, again: &mut Report, remarks: &mut Vec<String>) {
    if saved.tool != again.tool && saved.tool.version == again.tool.version {
        remarks.push("the tool is another build of the same version".to_owned());
        again.tool = saved.tool.clone();
    }
    for (old, new) in saved.captures.iter().zip(&mut again.captures) {
        if old.path != new.path && old.sha256.is_some() && old.sha256 == new.sha256 {
            remarks.push(format!("capture {} was {}", new.path, shown(&old.path)));
            new.path = old.path.clone();
        }
    }
    if let (Some(old), Some(new)) = (&saved.site, &mut again.site)
        && old.path != new.path
        && old.sha256 == new.sha256
    {
        remarks.push(format!("site {} was {}", new.path, shown(&old.path)));
        new.path = old.path.clone();
    }
    // Evidence is written beside an audit, and judged by nobody.
    for (old, new) in saved.findings.iter().zip(&mut again.findings) {
        new.evidence = old.evidence.clone();
    }
}

/// Where the two written forms differ: `findings[3].flows: 1, now 2`.
fn differences(saved: &Report, again: &Report) -> Vec<String> {
    if json::render(saved) == json::render(again) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let changes = diff::diff(saved, again);
    let is_same_list = changes.findings.new.is_empty() && changes.findings.gone.is_empty();
    let value = |report: &Report| {
        let mut value = serde_json::to_value(report).unwrap_or_default();
        // Lists of other findings are told finding by finding: place by place everything after the first would differ.
        if let (false, Some(object)) = (is_same_list, value.as_object_mut()) {
            object.remove("findings");
        }
        value
    };
    let told = |finding: &Finding| format!("{}: {}", finding.reason, shown(&finding.message));
    walk("", &value(saved), &value(again), &mut found);
    if !is_same_list {
        found.extend(changes.findings.gone.iter().map(|finding| format!("finding gone: {}", told(finding))));
        found.extend(changes.findings.new.iter().map(|finding| format!("finding new: {}", told(finding))));
        for changed in &changes.findings.changed {
            found.push(format!("finding changed: {}: {}", told(&changed.new), changed.what.join(", ")));
        }
    }
    if found.is_empty() {
        found.push("the order of the findings".to_owned());
    }
    found
}

fn walk(place: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, old) in old {
                let dot = if place.is_empty() { "" } else { "." };
                walk(&format!("{place}{dot}{name}"), old, new.get(name).unwrap_or(&Value::Null), found);
            }
            for (name, new) in new.iter().filter(|(name, _)| !old.contains_key(name.as_str())) {
                found.push(format!("{place}.{}: nothing, now {}", shown(name), brief(new)));
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            if old.len() != new.len() {
                found.push(format!("{place}: {} entries, now {}", old.len(), new.len()));
            }
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                walk(&format!("{place}[{at}]"), old, new, found);
            }
        }
        (old, new) if old == new => {}
        (old, new) => found.push(format!("{place}: {}, now {}", brief(old), brief(new))),
    }
}

fn brief(value: &Value) -> String {
    const LETTERS: usize = 80;
    let text = shown(&value.to_string());
    match text.char_indices().nth(LETTERS) {
        Some((at, _)) => format!("{}...", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_says_where_it_is() {
        let old = serde_json::json!({ "a": [{ "b": 1 }], "c": 1 });
        let new = serde_json::json!({ "a": [{ "b": 2 }, {}], "d": 1 });
        let mut found = Vec::new();
        walk("", &old, &new, &mut found);
        found.sort();
        assert_eq!(
            found,
            [".d: nothing, now 1", "a: 1 entries, now 2", "a[0].b: 1, now 2", "c: 1, now null"]
        );
    }
}
