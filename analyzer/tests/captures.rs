//! Each capture under `captures/protocols` is what its sidecar says: every flow, its protocol, its encryption.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets what it does not expect fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

/// The whole of `captures/`, so that a checkout stays small.
const MOST_BYTES: u64 = 8 * 1024 * 1024;

#[derive(Deserialize)]
struct Sidecar {
    flow: Vec<Flow>,
}

#[derive(Deserialize)]
struct Flow {
    initiator: String,
    responder: String,
    responder_port: u16,
    transport: String,
    protocol: Option<String>,
    tls: Option<bool>,
    tls_how: Option<String>,
    outcome: Option<String>,
    #[serde(default)]
    details: BTreeMap<String, String>,
}

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("captures")
}

fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let has_one =
        |path: &PathBuf| extensions.iter().any(|one| path.extension().is_some_and(|found| found == *one));
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(has_one).collect();
    files.sort();
    files
}

fn sidecars() -> Vec<(PathBuf, Sidecar)> {
    let read = |path: PathBuf| {
        let sidecar = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        (path, sidecar)
    };
    files(&captures().join("protocols"), &["toml"]).into_iter().map(read).collect()
}

fn flows(capture: &Path) -> BTreeMap<(String, String, String), Vec<Value>> {
    let output = Command::new(env!("CARGO_BIN_EXE_uncharted")).arg("flows").arg(capture).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut by_ends: BTreeMap<(String, String, String), Vec<Value>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let flow: Value = serde_json::from_str(line).unwrap();
        let end = |which: &str| {
            let address = flow[which]["address"].as_str().unwrap();
            let address = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
            format!("{address}:{}", flow[which]["port"])
        };
        let key = (flow["transport"].as_str().unwrap().to_owned(), end("initiator"), end("responder"));
        by_ends.entry(key).or_default().push(flow);
    }
    by_ends
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn compare(place: &str, expected: &Flow, found: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut hold = |what: &str, wanted: Option<String>, got: String| {
        if wanted.as_ref().is_some_and(|wanted| *wanted != got) {
            wrong.push(format!("{place}: {what} expected {wanted:?}, found {got}"));
        }
    };
    hold("protocol", expected.protocol.clone(), text(&found["protocol"]));
    hold("outcome", expected.outcome.clone(), text(&found["outcome"]));
    hold("tls", expected.tls.map(|tls| tls.to_string()), (!found["tls"].is_null()).to_string());
    hold("tls how", expected.tls_how.clone(), text(&found["tls"]["how"]));
    for (name, value) in &expected.details {
        let got = if matches!(name.as_str(), "sni" | "alpn") {
            &found["tls"][name]
        } else {
            &found["details"][name]
        };
        hold(name, Some(value.clone()), text(got));
    }
    wrong
}

#[test]
fn every_flow_is_what_its_sidecar_says_and_none_is_unsaid() {
    let mut wrong = Vec::new();
    for (path, sidecar) in sidecars() {
        let capture = files(path.parent().unwrap(), &["pcap", "pcapng"])
            .into_iter()
            .find(|capture| capture.file_stem() == path.file_stem())
            .unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut by_ends = flows(&capture);
        for expected in &sidecar.flow {
            let key = (expected.transport.clone(), expected.initiator.clone(), expected.responder.clone());
            let place = format!("{name}: {} to {}", expected.initiator, expected.responder);
            match by_ends.get_mut(&key).filter(|found| !found.is_empty()) {
                Some(found) => wrong.extend(compare(&place, expected, &found.remove(0))),
                None => wrong.push(format!("{place}: no such flow")),
            }
        }
        let unsaid = by_ends.into_iter().filter(|(_, left)| !left.is_empty());
        wrong.extend(unsaid.map(|((_, from, to), _)| format!("{name}: {from} to {to}: not in the sidecar")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_protocol_of_the_tables_is_met_at_home_elsewhere_and_displaced() {
    let sidecars = sidecars();
    let met: BTreeSet<(&str, u16)> = sidecars
        .iter()
        .flat_map(|(_, sidecar)| &sidecar.flow)
        .filter_map(|flow| Some((flow.protocol.as_deref()?, flow.responder_port)))
        .collect();
    for (protocol, home) in [("kafka", 9092), ("postgresql", 5432), ("openwire", 61616), ("snmp", 161)] {
        assert!(met.contains(&(protocol, home)), "{protocol} on {home}");
        assert!(met.iter().any(|(name, port)| *name == protocol && *port != home), "{protocol} elsewhere");
        assert!(met.iter().any(|(name, port)| *name != protocol && *port == home), "another on {home}");
    }
}

#[test]
fn every_capture_has_a_sidecar() {
    let stems = |extensions: &[&str]| -> Vec<PathBuf> {
        files(&captures().join("protocols"), extensions).iter().map(|path| path.with_extension("")).collect()
    };
    assert_eq!(stems(&["pcap", "pcapng"]), stems(&["toml"]));
}

#[test]
fn the_captures_stay_small() {
    fn bytes(folder: &Path) -> u64 {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(
                |entry| {
                    if entry.path().is_dir() { bytes(&entry.path()) } else { entry.metadata().unwrap().len() }
                },
            )
            .sum()
    }
    assert!(bytes(&captures()) < MOST_BYTES);
}
