//! Each scenario under `captures/scenarios` gets the verdicts that its `scenario.toml` states, and the whole report
//! of its golden `report.json`.
//!
//! `UNCHARTED_BLESS=1 cargo test --test scenarios` writes the goldens anew: look at the difference before it is committed.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Scenario {
    table: String,
    #[serde(default)]
    flow: Vec<Flow>,
    #[serde(default)]
    row: Vec<Row>,
}

#[derive(Deserialize)]
struct Flow {
    shows: Option<String>,
    initiator: String,
    responder: String,
    transport: String,
    protocol: Option<String>,
    tls: Option<bool>,
    outcome: Option<String>,
    verdict: Option<String>,
    reason: Option<String>,
    #[serde(default)]
    rows: Vec<String>,
}

#[derive(Deserialize)]
struct Row {
    row: String,
    observed: bool,
    why: Option<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn scenarios() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(root().join("captures/scenarios"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("scenario.toml").is_file())
        .map(|path| path.strip_prefix(root()).unwrap().to_owned())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "no scenario under captures/scenarios");
    folders
}

fn uncharted(args: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_uncharted")).args(args).current_dir(root()).output().unwrap();
    assert!(
        output.status.code().is_some_and(|code| code <= 1),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn in_folder(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

/// What another build may change without a change of judgement.
fn without_versions(report: &mut Value) {
    report.as_object_mut().unwrap().remove("tool");
    for table in report["tables"].as_array_mut().unwrap() {
        table.as_object_mut().unwrap().remove("sha256");
    }
}

fn report_of(folder: &Path, threads: &str) -> Value {
    let (capture, site) = (in_folder(folder, "capture.pcapng"), in_folder(folder, "site.toml"));
    let text = uncharted(&["check", &capture, "--site", &site, "--format", "json", "--threads", threads]);
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_scenario_gives_its_golden_report() {
    for folder in scenarios() {
        let mut report = report_of(&folder, "1");
        without_versions(&mut report);
        let path = root().join(&folder).join("report.json");
        let text = serde_json::to_string_pretty(&report).unwrap() + "\n";
        if std::env::var_os("UNCHARTED_BLESS").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        let differs = golden.lines().zip(text.lines()).position(|(one, other)| one != other);
        assert!(golden == text, "{}: differs from the golden, first at line {differs:?}", folder.display());
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    for folder in scenarios() {
        let alone = report_of(&folder, "1");
        for threads in ["2", "3", "4"] {
            assert!(
                alone == report_of(&folder, threads),
                "{}: differs with {threads} threads",
                folder.display()
            );
        }
    }
}

#[test]
fn every_flow_gets_the_verdict_that_its_scenario_states() {
    let mut wrong = Vec::new();
    for folder in scenarios() {
        let scenario: Scenario =
            toml::from_str(&fs::read_to_string(root().join(&folder).join("scenario.toml")).unwrap()).unwrap();
        let (capture, site) = (in_folder(&folder, "capture.pcapng"), in_folder(&folder, "site.toml"));
        let mut by_ends: BTreeMap<(String, String, String), Vec<Value>> = BTreeMap::new();
        for line in uncharted(&["flows", &capture, "--site", &site]).lines() {
            let flow: Value = serde_json::from_str(line).unwrap();
            let end =
                |which: &str| format!("{}:{}", flow[which]["address"].as_str().unwrap(), flow[which]["port"]);
            let key = (flow["transport"].as_str().unwrap().to_owned(), end("initiator"), end("responder"));
            by_ends.entry(key).or_default().push(flow);
        }
        for flow in by_ends.values_mut() {
            flow.reverse();
        }
        for expected in &scenario.flow {
            let key = (expected.transport.clone(), expected.initiator.clone(), expected.responder.clone());
            let place = format!("{}: {} to {}", folder.display(), expected.initiator, expected.responder);
            match by_ends.get_mut(&key).and_then(Vec::pop) {
                Some(found) => wrong.extend(compare(&place, &scenario.table, expected, &found)),
                None => wrong.push(format!("{place}: no such flow")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn compare(place: &str, table: &str, expected: &Flow, found: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut hold = |what: &str, wanted: Option<&String>, got: Option<&str>| {
        if wanted.is_some() && wanted.map(String::as_str) != got {
            let shows = expected.shows.as_deref().unwrap_or("");
            wrong.push(format!("{place} ({shows}): {what} expected {wanted:?}, found {got:?}"));
        }
    };
    let text = |name: &str| found[name].as_str();
    hold("protocol", expected.protocol.as_ref(), text("protocol"));
    hold("outcome", expected.outcome.as_ref(), text("outcome"));
    hold("verdict", expected.verdict.as_ref(), text("verdict"));
    hold("reason", expected.reason.as_ref(), text("reason"));
    let tls = expected.tls.map(|tls| tls.to_string());
    hold("tls", tls.as_ref(), Some((!found["tls"].is_null()).to_string().as_str()));
    if expected.verdict.as_deref() == Some("allowed") && !expected.rows.is_empty() {
        let rows: Vec<String> = found["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| match (row["table"].as_str().unwrap(), row["row"].as_str().unwrap()) {
                (of, id) if of == table => id.to_owned(),
                (of, id) => format!("{of}:{id}"),
            })
            .collect();
        let wanted = expected.rows.join(" ");
        hold("rows", Some(&wanted), Some(&rows.join(" ")));
    }
    wrong
}

#[test]
fn every_row_that_a_wire_carries_is_seen_and_the_rest_says_why_not() {
    let mut wrong = Vec::new();
    for folder in scenarios() {
        let scenario: Scenario =
            toml::from_str(&fs::read_to_string(root().join(&folder).join("scenario.toml")).unwrap()).unwrap();
        let report = report_of(&folder, "1");
        let coverage: BTreeMap<&str, &Value> = report["coverage"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["table"] == scenario.table.as_str())
            .map(|row| (row["row"].as_str().unwrap(), row))
            .collect();
        assert_eq!(coverage.len(), scenario.row.len(), "{}: not every row is stated", folder.display());
        for expected in &scenario.row {
            let found = coverage[expected.row.as_str()];
            let status = found["status"].as_str().unwrap();
            let is_right = match expected.observed {
                true => status == "seen" || status == "seen-with-deviation",
                false => status == "not-observable" && found["why"].as_str() == expected.why.as_deref(),
            };
            if !is_right {
                wrong.push(format!("{} row {}: {status}, {}", folder.display(), expected.row, found["why"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
