//! SARIF 2.1.0: the failures, for code-scanning dashboards.
//!
//! Source: OASIS SARIF 2.1.0. A result is a departure that is not allowed, or a waiver that ended; a waived one is
//! there and suppressed. Left out: what is undetermined, which is no failure, and allowed flows.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::report::model::{Finding, Report};
use crate::report::words::shown;
use crate::verdict::reason::Reason;

/// The report as SARIF.
pub fn render(report: &Report) -> String {
    let failures: Vec<&Finding> = report.findings.iter().filter(|finding| is_failure(finding)).collect();
    let rules: Vec<&str> = Reason::ALL
        .iter()
        .map(|reason| reason.name())
        .filter(|name| failures.iter().any(|finding| finding.reason == *name))
        .collect();
    let log = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": report.tool.name,
                "version": report.tool.version,
                "rules": rules.iter().map(|name| rule(name)).collect::<Vec<Value>>(),
            } },
            "artifacts": report.captures.iter().map(artifact).collect::<Vec<Value>>(),
            "invocations": [{
                "executionSuccessful": report.captures.iter().all(|capture| capture.stopped.is_none()),
            }],
            "results": failures.iter().map(|finding| result(report, finding, &rules)).collect::<Vec<Value>>(),
            "columnKind": "unicodeCodePoints",
        }],
    });
    serde_json::to_string_pretty(&log).unwrap_or_default() + "\n"
}

fn is_failure(finding: &Finding) -> bool {
    finding.verdict == "not-allowed" || finding.reason == Reason::WaiverExpired.name()
}

fn rule(name: &str) -> Value {
    let manual = Reason::from_name(name).map_or("", Reason::manual);
    json!({
        "id": name,
        "shortDescription": { "text": name.replace('-', " ") },
        "fullDescription": { "text": manual },
        "help": { "text": manual },
    })
}

fn artifact(capture: &crate::report::model::Capture) -> Value {
    let mut value = json!({ "location": { "uri": uri(&capture.path) }, "roles": ["analysisTarget"] });
    if let (Some(sha256), Some(artifact)) = (&capture.sha256, value.as_object_mut()) {
        artifact.insert("hashes".to_owned(), json!({ "sha-256": sha256 }));
    }
    value
}

/// A path as a relative or absolute URI reference: what such a reference may not hold is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = if path.starts_with('/') { "file://".to_owned() } else { String::new() };
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(byte as char)
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

fn result(report: &Report, finding: &Finding, rules: &[&str]) -> Value {
    let level = match finding.severity.as_str() {
        "error" => "error",
        "warning" => "warning",
        _ => "note",
    };
    let mut value = json!({
        "ruleId": finding.reason,
        "ruleIndex": rules.iter().position(|name| *name == finding.reason),
        "kind": "fail",
        "level": level,
        "message": { "text": shown(&finding.message) },
        "occurrenceCount": finding.flows.max(1),
        "partialFingerprints": { "uncharted/1": fingerprint(finding) },
        "properties": {
            "verdict": finding.verdict,
            "initiator": finding.initiator.address,
            "responder": finding.responder.address,
            "port": finding.responder.port,
            "transport": finding.transport,
            "protocol": finding.protocol,
            "communityId": finding.community_id,
        },
    });
    let Some(object) = value.as_object_mut() else { return value };
    let capture = usize::try_from(finding.example.capture).ok().and_then(|at| report.captures.get(at));
    if let (Some(capture), 1..) = (capture, finding.example.frame) {
        object.insert(
            "locations".to_owned(),
            json!([{
                "physicalLocation": { "artifactLocation": { "uri": uri(&capture.path), "index": finding.example.capture } },
                "logicalLocations": [{ "name": format!("frame {}", finding.example.frame), "kind": "packet" }],
            }]),
        );
    }
    if let Some(waived) = &finding.waived {
        object.insert(
            "suppressions".to_owned(),
            json!([{
                "kind": "external",
                "status": "accepted",
                "justification": format!(
                    "{} ({}, until {})",
                    shown(&waived.because),
                    shown(&waived.owner),
                    waived.until.as_deref().map_or("no end".to_owned(), shown)
                ),
            }]),
        );
    }
    value
}

/// What stays the same from one capture to the next: who, to whom, where, what, and why it is a finding.
fn fingerprint(finding: &Finding) -> String {
    let key = format!(
        "{}|{}|{}|{}|{}|{}",
        finding.reason,
        finding.initiator.address,
        finding.responder.address,
        if finding.ports.is_empty() { finding.responder.port.to_string() } else { "scan".to_owned() },
        finding.transport,
        finding.protocol.as_deref().unwrap_or("")
    );
    Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_uri() {
        assert_eq!(uri("a b/é.pcap"), "a%20b/%C3%A9.pcap");
        assert_eq!(uri("/tmp/x:1"), "file:///tmp/x%3A1");
    }
}
