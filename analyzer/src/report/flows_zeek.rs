//! Flows as Zeek's conn.log (tab-separated).
//!
//! Source: Zeek's documentation of the conn.log fields. Left out: `uid` is the Community ID's stand-in
//! `C` and a number; services carry our names; tunnels have no parents.

use crate::report::flow_line::FlowLine;

const FIELDS: [(&str, &str); 20] = [
    ("ts", "time"),
    ("uid", "string"),
    ("id.orig_h", "addr"),
    ("id.orig_p", "port"),
    ("id.resp_h", "addr"),
    ("id.resp_p", "port"),
    ("proto", "enum"),
    ("service", "string"),
    ("duration", "interval"),
    ("orig_bytes", "count"),
    ("resp_bytes", "count"),
    ("conn_state", "string"),
    ("missed_bytes", "count"),
    ("history", "string"),
    ("orig_pkts", "count"),
    ("orig_ip_bytes", "count"),
    ("resp_pkts", "count"),
    ("resp_ip_bytes", "count"),
    ("tunnel_parents", "set[string]"),
    ("community_id", "string"),
];

/// All flows, under the log's head.
pub fn render(lines: &[FlowLine]) -> String {
    let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
    let types: Vec<&str> = FIELDS.iter().map(|(_, kind)| *kind).collect();
    let mut text = String::from(
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n",
    );
    text.push_str(&format!("#fields\t{}\n#types\t{}\n", names.join("\t"), types.join("\t")));
    for (at, line) in lines.iter().enumerate() {
        text.push_str(&cells(at, line).join("\t"));
        text.push('\n');
    }
    text
}

fn cells(at: usize, line: &FlowLine) -> [String; 20] {
    let seconds = |ns: u64| format!("{}.{:06}", ns / 1_000_000_000, ns % 1_000_000_000 / 1000);
    let is_single = line.packets[0] + line.packets[1] < 2;
    let duration = if is_single { "-".to_owned() } else { format!("{:.6}", line.duration_s) };
    let proto = if line.transport == "icmp6" { "icmp" } else { line.transport };
    let service = match (line.protocol, line.tls.is_some()) {
        (None, _) => "-".to_owned(),
        (Some("tls"), _) => "ssl".to_owned(),
        (Some(protocol), true) => format!("ssl,{protocol}"),
        (Some(protocol), false) => protocol.to_owned(),
    };
    [
        seconds(line.first_ns),
        format!("C{at}"),
        line.initiator.address.clone(),
        line.initiator.port.to_string(),
        line.responder.address.clone(),
        line.responder.port.to_string(),
        proto.to_owned(),
        service,
        duration,
        line.payload_bytes[0].to_string(),
        line.payload_bytes[1].to_string(),
        line.conn_state.to_owned(),
        (line.missed_bytes[0] + line.missed_bytes[1]).to_string(),
        if line.history.is_empty() { "-".to_owned() } else { line.history.clone() },
        line.packets[0].to_string(),
        line.bytes[0].to_string(),
        line.packets[1].to_string(),
        line.bytes[1].to_string(),
        "-".to_owned(),
        line.community_id.clone(),
    ]
}
