//! The project's own captures of single protocols, each held to the file beside it that says what it shows.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::program::{audit, each, files, flows, own_captures};

/// Details that the flow line writes in its own field `tls`.
const TLS_DETAILS: &[&str] = &["sni", "alpn"];

fn sidecars() -> Vec<(PathBuf, toml::Table)> {
    files(&own_captures().join("protocols"), &[".toml"])
        .into_iter()
        .map(|path| {
            let told = std::fs::read_to_string(&path).unwrap().parse().unwrap();
            (path, told)
        })
        .collect()
}

/// The capture beside a sidecar.
fn capture(sidecar: &Path) -> PathBuf {
    let candidates = ["pcap", "pcapng", "pcapng.gz", "pcap.gz"].map(|ending| sidecar.with_extension(ending));
    candidates
        .into_iter()
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("no capture beside {sidecar:?}"))
}

fn end(value: &Value) -> String {
    let (address, port) = (value["address"].as_str().unwrap(), &value["port"]);
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// Departures of a capture's flows from what is told of them.
fn departures(sidecar: &Path, told: &toml::Table) -> Vec<String> {
    let name = sidecar.file_stem().unwrap().to_str().unwrap();
    let path = capture(sidecar);
    let found = flows(&path);
    let mut wrong = Vec::new();
    let expected = told.get("flow").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    if found.len() != expected.len() {
        wrong.push(format!("{name}: {} flows, {} are told of", found.len(), expected.len()));
    }
    let packets = audit(&path, &[]).unwrap()["summary"]["packets"].as_i64();
    if packets != told.get("packets").and_then(toml::Value::as_integer) {
        wrong.push(format!("{name}: {packets:?} packets"));
    }
    let mut rest: Vec<&Value> = found.iter().collect();
    for flow in &expected {
        let text = |key: &str| flow.get(key).and_then(toml::Value::as_str);
        let at = rest.iter().position(|own| {
            Some(end(&own["initiator"]).as_str()) == text("initiator")
                && Some(end(&own["responder"]).as_str()) == text("responder")
                && own["transport"].as_str() == text("transport")
        });
        let Some(own) = at.map(|at| rest.remove(at)) else {
            wrong.push(format!("{name}: no flow {:?} to {:?}", text("initiator"), text("responder")));
            continue;
        };
        let who = end(&own["initiator"]);
        // Nobody spoke on a connection that was not taken: it proves no protocol, whatever was meant.
        let is_silent = own["payload_bytes"] == serde_json::json!([0, 0]);
        let protocol = text("protocol").filter(|_| !is_silent);
        if own["protocol"].as_str() != protocol {
            wrong.push(format!("{name}: {who} is {}, not {protocol:?}", own["protocol"]));
        }
        let is_tls = flow.get("tls").and_then(toml::Value::as_bool).unwrap_or(false) && !is_silent;
        if own["tls"].is_null() == is_tls {
            wrong.push(format!("{name}: {who} has tls {}, not {is_tls}", own["tls"]));
        }
        if text("outcome").is_some_and(|outcome| own["outcome"] != outcome) {
            wrong.push(format!("{name}: {who} is {}, not {:?}", own["outcome"], text("outcome")));
        }
        let details = flow.get("details").and_then(toml::Value::as_table).cloned().unwrap_or_default();
        for (key, value) in details.into_iter().filter(|_| !is_silent) {
            let own =
                if TLS_DETAILS.contains(&key.as_str()) { &own["tls"][&key] } else { &own["details"][&key] };
            let is_met = match own {
                Value::Array(items) => items.iter().any(|item| Some(item.as_str()) == Some(value.as_str())),
                own => *own == serde_json::to_value(&value).unwrap(),
            };
            if !is_met {
                wrong.push(format!("{name}: {who} has {key} {own}, not {value}"));
            }
        }
    }
    wrong
}

#[test]
fn every_capture_is_what_its_sidecar_says() {
    let sidecars = sidecars();
    assert!(sidecars.len() > 50, "only {} captures", sidecars.len());
    let wrong = each(&sidecars, |(path, told)| departures(path, told)).concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_capture_has_a_sidecar() {
    let folder = own_captures().join("protocols");
    for capture in files(&folder, &[".pcap", ".pcapng", ".gz"]) {
        let name = capture.file_name().unwrap().to_str().unwrap();
        let stem = name.split('.').next().unwrap();
        assert!(folder.join(format!("{stem}.toml")).is_file(), "{name}");
    }
}
