//! Flows as CSV (RFC 4180), one line a flow under a head.

use crate::report::flow_line::FlowLine;
use crate::report::words::shown;

const HEAD: [&str; 24] = [
    "first_seen",
    "duration_s",
    "transport",
    "initiator_address",
    "initiator_port",
    "responder_address",
    "responder_port",
    "direction",
    "packets_initiator",
    "packets_responder",
    "bytes_initiator",
    "bytes_responder",
    "conn_state",
    "history",
    "outcome",
    "protocol",
    "tls_version",
    "sni",
    "details",
    "community_id",
    "capture",
    "frame",
    "verdict",
    "reason",
];

/// All flows, under a head.
pub fn render(lines: &[FlowLine]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = writer.write_record(HEAD);
    for line in lines {
        let _ = writer.write_record(cells(line));
    }
    writer.into_inner().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn cells(line: &FlowLine) -> [String; 24] {
    let tls = line.tls.as_ref();
    let text = |value: Option<&str>| inert(&shown(value.unwrap_or("")));
    let details = serde_json::to_string(&line.details).unwrap_or_default();
    [
        line.first_seen.clone(),
        format!("{:.6}", line.duration_s),
        line.transport.to_owned(),
        line.initiator.address.clone(),
        line.initiator.port.to_string(),
        line.responder.address.clone(),
        line.responder.port.to_string(),
        line.direction.to_owned(),
        line.packets[0].to_string(),
        line.packets[1].to_string(),
        line.bytes[0].to_string(),
        line.bytes[1].to_string(),
        line.conn_state.to_owned(),
        line.history.clone(),
        line.outcome.to_owned(),
        line.protocol.unwrap_or("").to_owned(),
        text(tls.and_then(|tls| tls.version)),
        text(tls.and_then(|tls| tls.sni.as_deref())),
        text(Some(&details)),
        line.community_id.clone(),
        line.example.capture.to_string(),
        line.example.frame.to_string(),
        line.judged.as_ref().map_or("", |judged| judged.verdict).to_owned(),
        line.judged.as_ref().map_or("", |judged| judged.reason).to_owned(),
    ]
}

/// Text from the wire that a spreadsheet would take for a formula, made plain by a leading apostrophe.
fn inert(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() }
}
