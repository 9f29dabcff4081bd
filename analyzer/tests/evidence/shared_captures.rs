//! The program over captures that others recorded, held against what independent tools say of them.
//!
//! Judged are flows whose protocol two tools or more agree on. Every difference is listed here with its reason,
//! which the bytes show; a difference that is not listed fails, and so does one that is listed and gone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;

use crate::program::{audit, each, files, flows, run, shared_captures};

/// Their name and ours.
const NAMES: &[(&str, &str)] = &[
    ("pgsql", "postgresql"),
    ("resp", "redis"),
    ("nfs", "onc-rpc"),
    ("mongo", "mongodb"),
    ("memcache", "memcached"),
    ("mdns", "dns"),
    ("llmnr", "dns"),
    ("netbios", "netbios-ns"),
];

/// Flows named otherwise on purpose: capture, their name, ours, and why ours is right.
const DIFFERENCES: &[(&str, &str, &str, &str)] = &[
    (
        "ndpi__1kxun.pcap",
        "netbios",
        "",
        "NetBIOS datagrams, which carry SMB mailslots; what is named here is the name service alone",
    ),
    (
        "zeek__http-connect-with-header.pcap",
        "http",
        "tls",
        "CONNECT is answered 200, and a TLS ClientHello follows: the innermost protocol counts",
    ),
    (
        "zeek__modbus-modbus-and-non-modbus-p502.pcap",
        "dcerpc",
        "onc-rpc",
        "a record mark of 40 bytes, message type 0, RPC version 2, program 100003: an ONC RPC call; the answer is Modbus",
    ),
    (
        "zeek__redis-almost-resp.pcap",
        "resp",
        "",
        "made to look like Redis: the server's third reply is `not RESP`, and no Redis says it",
    ),
    (
        "zeek__ssh-ssh-over-udp.pcap",
        "ssh",
        "",
        "two SSH identification lines in UDP datagrams, made for a test: SSH runs over TCP (RFC 4253 section 4.1)",
    ),
];

/// Captures whose flows are not found, and why.
const UNREAD: &[(&str, &str)] = &[
    ("zeek__tunnels-gre-aruba.pcap", "802.11 frames behind an undocumented GRE type: counted, not decoded"),
    (
        "ndpi__ip_fragmented_garbage.pcap",
        "overlapping fragments of garbage: tools put them together differently",
    ),
];

/// Captures whose packets are counted otherwise, and why.
const COUNTS: &[(&str, u64, &str)] = &[(
    "tcpdump__dsa.pcap",
    8,
    "its link type is not known to the tool that made the truth: 8 frames, none decoded",
)];

/// At least this part of the agreed flows of listed protocols is named the same, in per mille.
const AGREEMENT_PER_MILLE: usize = 980;

struct Case {
    file: String,
    truth: Value,
    flows: Vec<Value>,
    audit: Option<Value>,
}

/// Every capture, looked at once for all tests.
fn cases() -> Option<&'static [Case]> {
    static CASES: OnceLock<Option<Vec<Case>>> = OnceLock::new();
    CASES.get_or_init(look).as_deref()
}

fn look() -> Option<Vec<Case>> {
    let folder = shared_captures()?;
    let truths = files(&folder.join("truth"), &[".json"]);
    Some(each(&truths, |path| {
        let truth: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let file = truth["file"].as_str().unwrap().to_owned();
        let capture = folder.join("files").join(&file);
        Case { flows: flows(&capture), audit: audit(&capture, &[]), file, truth }
    }))
}

type Tuple = (String, BTreeSet<(String, u64)>);

fn tuple(transport: &Value, ends: [(&Value, &Value); 2]) -> Tuple {
    let end =
        |(address, port): (&Value, &Value)| (address.as_str().unwrap().to_owned(), port.as_u64().unwrap());
    (transport.as_str().unwrap().to_owned(), ends.map(end).into())
}

fn ours(flow: &Value) -> Tuple {
    let (initiator, responder) = (&flow["initiator"], &flow["responder"]);
    tuple(
        &flow["transport"],
        [(&initiator["address"], &initiator["port"]), (&responder["address"], &responder["port"])],
    )
}

fn theirs(flow: &Value) -> Tuple {
    let ends = [(&flow["initiator"], &flow["initiator_port"]), (&flow["responder"], &flow["responder_port"])];
    tuple(&flow["proto"], ends)
}

/// Their flows of TCP and UDP, each with ours on the same five-tuple.
fn pairs(case: &Case) -> Vec<(&Value, Option<&Value>)> {
    let mut found: BTreeMap<Tuple, Vec<&Value>> = BTreeMap::new();
    for flow in &case.flows {
        found.entry(ours(flow)).or_default().push(flow);
    }
    let mut expected: BTreeMap<Tuple, Vec<&Value>> = BTreeMap::new();
    for flow in case.truth["flows"].as_array().unwrap() {
        if matches!(flow["proto"].as_str(), Some("tcp" | "udp")) {
            expected.entry(theirs(flow)).or_default().push(flow);
        }
    }
    let mut pairs = Vec::new();
    for (tuple, flows) in expected {
        let mine = found.get(&tuple).map_or(&[][..], Vec::as_slice);
        for (at, &flow) in flows.iter().enumerate() {
            // Where the two cut a five-tuple into flows differently, a named part stands for all.
            let is_same_cut = mine.len() == flows.len();
            let named = mine.iter().find(|flow| !flow["protocol"].is_null());
            let own = if is_same_cut { mine.get(at) } else { named.or(mine.first()) };
            pairs.push((flow, own.copied()));
        }
    }
    pairs
}

fn our_name(app: &str) -> &str {
    NAMES.iter().find(|(theirs, _)| *theirs == app).map_or(app, |(_, ours)| ours)
}

fn is_agreed(flow: &Value) -> bool {
    flow["status"].as_str().is_some_and(|status| status.starts_with("agreed"))
}

fn is_same(app: &str, flow: &Value) -> bool {
    let protocol = flow["protocol"].as_str().unwrap_or_default();
    let name = our_name(app);
    protocol == name || (name == "tls" && !flow["tls"].is_null()) || (name == "http" && protocol == "http2")
}

fn listed() -> BTreeSet<&'static str> {
    uncharted::protocol::ALL.iter().map(|probe| probe.name()).collect()
}

#[test]
fn protocols_are_named_as_agreeing_tools_name_them() {
    let Some(cases) = cases() else { return };
    let listed = listed();
    let (mut same, mut other) = (0, Vec::new());
    let mut unmet: BTreeSet<_> =
        DIFFERENCES.iter().map(|(file, theirs, ours, _)| (*file, *theirs, *ours)).collect();
    for case in cases {
        for (flow, own) in pairs(case).into_iter().filter(|(flow, _)| is_agreed(flow)) {
            let app = flow["app"].as_str().unwrap();
            let is_unread = UNREAD.iter().any(|(file, _)| *file == case.file);
            let Some(own) = own else {
                assert!(is_unread, "{}: no flow for {:?}", case.file, theirs(flow));
                continue;
            };
            let protocol = own["protocol"].as_str().unwrap_or_default();
            let is_listed = listed.contains(our_name(app));
            if is_listed && is_same(app, own) {
                same += 1;
                let upgraded = flow["app_upgrades_to"].as_str() != Some("tls") || !own["tls"].is_null();
                assert!(upgraded, "{}: the upgrade to TLS of {:?} was missed", case.file, theirs(flow));
            } else if is_listed || listed.contains(protocol) {
                let key = (case.file.as_str(), app, protocol);
                if !DIFFERENCES.iter().any(|(file, theirs, ours, _)| (*file, *theirs, *ours) == key) {
                    other.push(format!("{}: {app} is named {protocol:?}: {:?}", case.file, theirs(flow)));
                }
                unmet.retain(|known| *known != key);
            }
        }
    }
    assert!(other.is_empty(), "{}", other.join("\n"));
    assert!(unmet.is_empty(), "listed as different, and the same now: {unmet:?}");
    assert!(same * 1000 >= (same + DIFFERENCES.len()) * AGREEMENT_PER_MILLE, "{same} are the same");
    assert!(same > 1500, "only {same} flows were compared");
}

#[test]
fn no_flow_is_named_where_no_tool_saw_payload() {
    let Some(cases) = cases() else { return };
    for case in cases {
        for (flow, own) in pairs(case) {
            let is_silent = flow["payload_fwd"] == 0 && flow["payload_rev"] == 0;
            let named = own.and_then(|own| own["protocol"].as_str());
            assert!(!is_silent || named.is_none(), "{}: {named:?} of {:?}", case.file, theirs(flow));
        }
    }
}

#[test]
fn who_began_is_who_sent_the_syn() {
    let Some(cases) = cases() else { return };
    let mut compared = 0;
    for case in cases {
        for (flow, own) in pairs(case) {
            let Some(own) = own.filter(|_| flow["initiator_by"] == "syn") else { continue };
            let end = (&own["initiator"]["address"], &own["initiator"]["port"]);
            assert_eq!(end, (&flow["initiator"], &flow["initiator_port"]), "{}", case.file);
            compared += 1;
        }
    }
    assert!(compared > 1000, "only {compared} flows were compared");
}

#[test]
fn packets_are_counted_as_recorded() {
    let Some(cases) = cases() else { return };
    for case in cases {
        let audit = case.audit.as_ref().unwrap_or_else(|| panic!("{}: not judged", case.file));
        let totals = &case.truth["totals"];
        // Where tshark numbers records that hold no packet, the count of capinfos stands beside it.
        let recorded = totals["packets_capinfos"].as_u64().or(totals["packets"].as_u64()).unwrap();
        let listed = COUNTS.iter().find(|(file, _, _)| *file == case.file);
        let expected = listed.map_or(recorded, |(_, packets, _)| *packets);
        assert_eq!(audit["summary"]["packets"], expected, "{}", case.file);
        assert_eq!(audit["captures"][0]["packets"], expected, "{}", case.file);
        assert_eq!(audit["captures"][0]["truncated"], false, "{}", case.file);
    }
}

/// Hostile files whose fate is certain: exit code, and packets where a report is written.
const HOSTILE: &[(&str, i32, Option<u64>)] = &[
    ("derived__caplen-2g.pcap", 2, Some(3)),
    ("derived__caplen-over-snaplen.pcap", 0, Some(11)),
    ("derived__gzip-of-pcap.pcap.gz", 0, Some(14)),
    ("derived__header-1-bytes.pcap", 2, None),
    ("derived__header-3-bytes.pcap", 2, None),
    ("derived__linktype-65535.pcap", 0, Some(14)),
    ("derived__magic-swapped-body-native.pcap", 2, None),
    ("derived__pcap-then-pcapng.pcap", 2, Some(14)),
    ("derived__pcapng-block-length-11.pcapng", 2, Some(1)),
    ("derived__pcapng-block-length-huge.pcapng", 2, Some(1)),
    ("derived__pcapng-dsb-overrun.pcapng", 0, Some(1)),
    ("derived__pcapng-good-reference.pcapng", 0, Some(14)),
    ("derived__pcapng-option-overrun.pcapng", 0, Some(1)),
    ("derived__pcapng-sections-mixed-endian.pcapng", 0, Some(28)),
    ("derived__pcapng-shb-version-9.pcapng", 2, None),
    ("derived__pcapng-trailing-length-mismatch.pcapng", 2, Some(1)),
    ("derived__pcapng-tsresol-127-binary.pcapng", 0, Some(14)),
    ("derived__pcapng-unknown-block.pcapng", 0, Some(1)),
    ("derived__text-file.pcap", 2, None),
    ("derived__timestamp-zero.pcap", 0, Some(14)),
    ("derived__truncated-in-record-data.pcap", 0, Some(5)),
    ("derived__two-pcaps-concatenated.pcap", 2, Some(15)),
    ("derived__wrong-magic.pcap", 2, None),
    ("derived__zip-of-pcap.pcap", 2, None),
];

/// What became of a capture: exit code, packets where a report was written, and what was said on the error output.
fn fate(capture: &Path) -> (i32, Option<u64>, String) {
    let path = capture.to_str().unwrap();
    let output = run(&["check", "--format", "json", "--fail-on", "never", path]);
    let said = String::from_utf8(output.stderr).unwrap();
    let packets = (!output.stdout.is_empty()).then(|| {
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["summary"]["packets"].as_u64().unwrap()
    });
    (output.status.code().unwrap_or(-1), packets, said)
}

#[test]
fn hostile_files_are_judged_or_refused_in_one_line() {
    let Some(folder) = shared_captures() else { return };
    let captures = files(&folder.join("hostile"), &[]);
    let fates = each(&captures, |capture| fate(capture));
    for (capture, (code, packets, said)) in captures.iter().zip(fates) {
        let name = capture.file_name().unwrap().to_str().unwrap();
        let is_sound = match code {
            0 => packets.is_some() && said.is_empty(),
            2 => said.starts_with("uncharted: ") && said.lines().count() == 1 && !said.contains("panicked"),
            _ => false,
        };
        assert!(is_sound, "{name}: {code}: {said}");
        if let Some((_, expected, counted)) = HOSTILE.iter().find(|(file, _, _)| *file == name) {
            assert_eq!((code, packets), (*expected, *counted), "{name}: {said}");
        }
    }
}
