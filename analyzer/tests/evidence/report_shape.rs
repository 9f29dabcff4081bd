//! The written shapes that other programs rely on: fields, their types, and what may be null.
//!
//! The shapes are written here a second time, by hand: a field that changes its name or type fails.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::program::{each, files, flows, own_captures, run, shared_captures};

/// What a value must be: `string`, `text?` with `?` for null allowed, `{..}` an object with these fields, `[..]` a list.
/// Fields may be added within a schema; these may not go.
fn audit_shape() -> Value {
    let end = json!({"address": "address", "port": "port", "roles": ["string"]});
    let quantiles = json!({"?": {"p50": "count", "p90": "count", "p99": "count", "max": "count"}});
    json!({
        "schema": "=uncharted.audit/1",
        "captures": [{
            "path": "string", "sha256": "sha256?", "format": "=pcap|pcapng", "packets": "count", "bytes": "count",
            "first": "time?", "last": "time?", "truncated": "bool", "undecoded": {"*": "count"},
        }],
        "tables": [{"name": "string", "sha256": "sha256", "rows": "count"}],
        "mode": "=site|port-only",
        "summary": {
            "packets": "count", "flows": "count", "allowed": "count", "not-allowed": "count",
            "undetermined": "count", "out-of-scope": "count",
        },
        "findings": [{
            "verdict": "=not-allowed|undetermined", "reason": "string", "severity": "=error|warning|note",
            "flows": "count", "bytes": "count", "outcome": "=established|refused|unanswered|unknown",
            "initiator": end, "responder": end, "transport": "=tcp|udp|sctp|icmp|icmp6", "protocol": "string?",
            "tls": "bool", "direction": "=handshake|protocol|first-datagram|unseen",
            "nearest": [{"table": "string", "row": "string", "why": "string"}],
            "first_seen": "time", "last_seen": "time", "example": {"capture": "count", "frame": "count"},
            "message": "string", "community_id": "string",
        }],
        "coverage": [{
            "table": "string", "row": "string",
            "status": "=seen|seen-with-deviation|attempted-only|not-seen|not-observable", "why": "string?",
            "flows": "count", "bytes": "count", "handshake_us": quantiles, "same_as": ["string"],
        }],
    })
}

fn flow_shape() -> Value {
    let end = json!({"address": "address", "port": "port"});
    json!({
        "community_id": "string", "transport": "=tcp|udp|sctp|icmp|icmp6", "initiator": end, "responder": end,
        "direction": "=handshake|protocol|first-datagram|unseen", "first_seen": "time", "duration_s": "number",
        "packets": ["count"], "bytes": ["count"],
        "conn_state": "=S0|S1|S2|S3|SF|REJ|RSTO|RSTR|RSTOS0|RSTRH|SH|SHR|OTH", "history": "text",
        "outcome": "=established|refused|unanswered|unknown", "protocol": "string?", "evidence": "=payload|none",
        "tls": {"?": {
            "version": "string?", "sni": "string?", "alpn": ["string"], "how": "=direct|starttls|sslrequest",
        }},
        "details": {"*": "any"}, "vlan": ["count"], "tunnel": [{"kind": "string", "id": "count?"}],
        "example": {"capture": "count", "frame": "count"},
    })
}

fn judged_shape() -> Value {
    json!({
        "verdict": "=allowed|not-allowed|undetermined|out-of-scope", "reason": "string",
        "rows": [{"table": "string", "row": "string"}],
    })
}

/// Where `value` departs from `shape`; `at` is the way there.
fn departures(shape: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    match shape {
        Value::String(kind) => {
            if !is(kind, value) {
                wrong.push(format!("{at}: {value} is no {kind}"));
            }
        }
        Value::Array(of) => match value.as_array() {
            Some(items) => items.iter().for_each(|item| departures(&of[0], item, &format!("{at}[]"), wrong)),
            None => wrong.push(format!("{at}: {value} is no list")),
        },
        Value::Object(fields) => {
            let Some(inside) = fields.get("?") else { return object(fields, value, at, wrong) };
            if !value.is_null() {
                departures(inside, value, at, wrong);
            }
        }
        other => panic!("no shape: {other}"),
    }
}

fn object(fields: &Map<String, Value>, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let Some(found) = value.as_object() else { return wrong.push(format!("{at}: {value} is no object")) };
    if let Some(every) = fields.get("*") {
        return found.iter().for_each(|(key, value)| departures(every, value, &format!("{at}.{key}"), wrong));
    }
    for (key, shape) in fields {
        match found.get(key) {
            Some(value) => departures(shape, value, &format!("{at}.{key}"), wrong),
            None => wrong.push(format!("{at}.{key} is missing")),
        }
    }
}

fn is(kind: &str, value: &Value) -> bool {
    if let Some(kind) = kind.strip_suffix('?') {
        return value.is_null() || is(kind, value);
    }
    let text = value.as_str();
    match kind {
        "any" => !value.is_null(),
        "bool" => value.is_boolean(),
        "number" => value.as_f64().is_some_and(|number| number >= 0.0),
        "count" => value.is_u64(),
        "port" => value.as_u64().is_some_and(|port| port <= 65_535),
        "text" => text.is_some(),
        "string" => text.is_some_and(|text| !text.is_empty()),
        "address" => text.is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok()),
        "sha256" => text.is_some_and(|text| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())),
        "time" => text.is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok() && text.ends_with('Z')),
        _ => kind.strip_prefix('=').is_some_and(|names| names.split('|').any(|name| Some(name) == text)),
    }
}

fn captures() -> Vec<PathBuf> {
    let mut captures = files(&own_captures().join("protocols"), &[".pcap", ".pcapng"]);
    if let Some(shared) = shared_captures() {
        captures.extend(files(&shared.join("files"), &[]));
    }
    captures
}

fn sums(audit: &Value) -> Option<String> {
    let summary = &audit["summary"];
    let verdicts = ["allowed", "not-allowed", "undetermined", "out-of-scope"];
    let sum: u64 = verdicts.iter().map(|verdict| summary[*verdict].as_u64().unwrap()).sum();
    let found = |verdict: &str| {
        let findings = audit["findings"].as_array().unwrap().iter();
        findings
            .filter(|finding| finding["verdict"] == verdict)
            .map(|f| f["flows"].as_u64().unwrap())
            .sum::<u64>()
    };
    let is_sound = summary["flows"].as_u64() == Some(sum)
        && ["not-allowed", "undetermined"].iter().all(|verdict| summary[*verdict] == found(verdict));
    (!is_sound).then(|| format!("the figures do not add up: {summary}"))
}

/// What is odd about a flow line.
fn oddities(flow: &Value) -> Vec<&'static str> {
    let mut odd = Vec::new();
    let text = |key: &str| flow[key].as_str().unwrap_or_default();
    let (state, history) = (text("conn_state"), text("history"));
    let pair = |key: &str| [flow[key][0].as_u64().unwrap_or(0), flow[key][1].as_u64().unwrap_or(0)];
    let (packets, bytes, payload) = (pair("packets"), pair("bytes"), pair("payload_bytes"));
    let mut say = |is_odd: bool, what: &'static str| {
        if is_odd {
            odd.push(what);
        }
    };
    let is_tcp = flow["transport"] == "tcp";
    say(packets == [0, 0], "no packets");
    for side in [0, 1] {
        say((packets[side] == 0) != (bytes[side] == 0), "packets without bytes, or the reverse");
        // A datagram put together from fragments may say that it is longer than they are.
        let headers = if packets[side] == 0 || !is_tcp { 0 } else { 40 };
        say(is_tcp && bytes[side] < payload[side] + headers, "fewer bytes than a header and payload");
        // Zeek's letters: upper case for the initiator, lower for the responder.
        let spoke = |letter: char| {
            let is_gap = letter.eq_ignore_ascii_case(&'g');
            !is_gap && if side == 0 { letter.is_ascii_uppercase() } else { letter.is_ascii_lowercase() }
        };
        say(is_tcp && packets[side] == 0 && history.chars().any(spoke), "history of a silent side");
    }
    say(flow["protocol"].is_null() == (text("evidence") == "payload"), "evidence and protocol disagree");
    say(!flow["protocol"].is_null() && payload == [0, 0], "a protocol without payload");
    say(flow.get("contested").is_some(), "contested");
    let handshake = text("direction") == "handshake";
    let opened = history.to_ascii_lowercase().contains(['s', 'h']);
    say(is_tcp && handshake && !opened, "a handshake that history does not have");
    say(is_tcp && state == "SF" && !(history.contains('F') && history.contains('f')), "SF without both FIN");
    say(is_tcp && state == "S0" && payload[1] > 0, "S0 with an answer");
    let is_silent = payload == [0, 0];
    say(is_tcp && state == "REJ" && is_silent && text("outcome") != "refused", "REJ that was not refused");
    say(is_tcp && text("outcome") == "unanswered" && packets[1] > 0, "unanswered with an answer");
    say(
        is_tcp && matches!(state, "SF" | "S1") && text("outcome") != "established",
        "established and not said so",
    );
    say(!is_tcp && history.chars().any(|letter| !"DdCc^".contains(letter)), "TCP's letters without TCP");
    odd
}

#[test]
fn every_report_has_the_shape_that_others_rely_on() {
    let (audit_shape, flow_shape) = (audit_shape(), flow_shape());
    let found = each(&captures(), |capture| {
        let mut wrong = Vec::new();
        match crate::program::audit(capture, &[]) {
            Some(audit) => {
                departures(&audit_shape, &audit, "audit", &mut wrong);
                wrong.extend(sums(&audit));
            }
            None => wrong.push("no report".to_owned()),
        }
        let mut last = String::new();
        for flow in flows(capture) {
            departures(&flow_shape, &flow, "flow", &mut wrong);
            wrong.extend(oddities(&flow).into_iter().map(|odd| format!("{odd}: {flow}")));
            let first_seen = flow["first_seen"].as_str().unwrap().to_owned();
            if first_seen < last {
                wrong.push(format!("out of order at {first_seen}"));
            }
            last = first_seen;
        }
        let name = capture.file_name().unwrap().to_str().unwrap();
        wrong.truncate(5);
        wrong.into_iter().map(|wrong| format!("{name}: {wrong}")).collect::<Vec<_>>()
    });
    let wrong = found.concat();
    assert!(wrong.is_empty(), "{} departures\n{}", wrong.len(), wrong.join("\n"));
}

fn scenarios() -> Vec<PathBuf> {
    let folder = own_captures().join("scenarios");
    let mut scenarios: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scenarios.sort();
    scenarios
}

fn capture_of(scenario: &Path) -> PathBuf {
    files(scenario, &[".pcap", ".pcapng", ".gz"]).remove(0)
}

#[test]
fn judged_flows_say_what_was_made_of_them() {
    let mut shape = flow_shape();
    shape.as_object_mut().unwrap().extend(judged_shape().as_object().unwrap().clone());
    for scenario in scenarios() {
        let (capture, site) = (capture_of(&scenario), scenario.join("site.toml"));
        let output = run(&["flows", capture.to_str().unwrap(), "--site", site.to_str().unwrap()]);
        let text = String::from_utf8(output.stdout).unwrap();
        let mut wrong = Vec::new();
        for line in text.lines() {
            departures(&shape, &serde_json::from_str(line).unwrap(), "flow", &mut wrong);
        }
        assert!(wrong.is_empty() && !text.is_empty(), "{scenario:?}: {wrong:?}");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes_whatever_the_number_of_threads() {
    for scenario in scenarios() {
        let (capture, site) = (capture_of(&scenario), scenario.join("site.toml"));
        let (capture, site) = (capture.to_str().unwrap(), site.to_str().unwrap());
        for format in ["json", "terminal"] {
            let with = |threads: &str| {
                run(&["check", capture, "--site", site, "--format", format, "--threads", threads]).stdout
            };
            let one = with("1");
            assert!(!one.is_empty(), "{scenario:?}");
            assert!(one == with("1") && one == with("2") && one == with("3"), "{scenario:?} as {format}");
        }
    }
}

#[test]
fn tables_are_shown_with_the_cells_as_printed() {
    let listed = run(&["tables", "show", "genesys/info-mart", "--format", "json"]);
    let table: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let shape = json!({
        "table": "string", "document": "string",
        "rows": [{
            "row": "string", "source": "string?", "destination": "string?", "protocol": "string?", "port": "string?",
            "classification": "string?", "data": "string?",
            "readings": [{"transport": "=tcp|udp|sctp|icmp|icmp6", "ports": "any", "protocols": ["string"], "tls": "string"}],
        }],
    });
    let mut wrong = Vec::new();
    departures(&shape, &table, "table", &mut wrong);
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(table["rows"].as_array().unwrap().len(), 15);
    assert!(table["rows"][14]["source"].is_null());
}
