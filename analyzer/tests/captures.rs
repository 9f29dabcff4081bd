//! What the captures must show between them, and how large they may be together.
//!
//! That each flow is what its sidecar says is held by the evidence tests.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The whole of `captures/`, so that a checkout stays small.
const MOST_BYTES: u64 = 8 * 1024 * 1024;

#[derive(Deserialize)]
struct Sidecar {
    flow: Vec<Flow>,
}

#[derive(Deserialize)]
struct Flow {
    responder_port: u16,
    protocol: Option<String>,
}

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("captures")
}

fn sidecars() -> Vec<Sidecar> {
    fs::read_dir(captures().join("protocols"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap())
        .collect()
}

#[test]
fn each_protocol_of_the_tables_is_met_at_home_elsewhere_and_displaced() {
    let sidecars = sidecars();
    let met: BTreeSet<(&str, u16)> = sidecars
        .iter()
        .flat_map(|sidecar| &sidecar.flow)
        .filter_map(|flow| Some((flow.protocol.as_deref()?, flow.responder_port)))
        .collect();
    for (protocol, home) in [("kafka", 9092), ("postgresql", 5432), ("openwire", 61616), ("snmp", 161)] {
        assert!(met.contains(&(protocol, home)), "{protocol} on {home}");
        assert!(met.iter().any(|(name, port)| *name == protocol && *port != home), "{protocol} elsewhere");
        assert!(met.iter().any(|(name, port)| *name != protocol && *port == home), "another on {home}");
    }
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
