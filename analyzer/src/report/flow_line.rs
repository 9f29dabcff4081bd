//! The written shape of one flow, in `flows`.

use serde::Serialize;

use crate::audit::Flow;
use crate::net::{Endpoint, Side};
use crate::policy::index::Policy;
use crate::protocol::probe::{Details, Tls};
use crate::report::time::rfc3339;
use crate::verdict::finding::community_id;

/// One flow.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct FlowLine {
    pub community_id: String,
    pub transport: &'static str,
    pub initiator: End,
    pub responder: End,
    pub direction: &'static str,
    pub first_seen: String,
    pub duration_s: f64,
    /// Initiator's, then responder's.
    pub packets: [u64; 2],
    pub bytes: [u64; 2],
    pub payload_bytes: [u64; 2],
    pub missed_bytes: [u64; 2],
    pub duplicates: u64,
    pub conn_state: &'static str,
    pub history: String,
    pub outcome: &'static str,
    /// The innermost that content proves.
    pub protocol: Option<&'static str>,
    /// Probes that claimed the opening alike; empty unless it is contested.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contested: Vec<&'static str>,
    pub evidence: &'static str,
    pub tls: Option<Tls>,
    pub details: Details,
    pub vlan: Vec<u16>,
    pub tunnel: Vec<Tunnel>,
    pub handshake_us: Option<u64>,
    pub response_us: Option<u64>,
    pub example: Example,
    #[serde(flatten)]
    pub judged: Option<Judged>,
    #[serde(skip)]
    pub first_ns: u64,
}

/// An endpoint.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct End {
    pub address: String,
    pub port: u16,
}

/// An encapsulation around the flow.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Tunnel {
    pub kind: &'static str,
    pub id: Option<u32>,
}

/// Where it starts.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Example {
    pub capture: u64,
    pub frame: u64,
}

/// What the tables make of it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Judged {
    pub verdict: &'static str,
    pub reason: &'static str,
    pub rows: Vec<RowRef>,
    /// What an allowed flow's verdict rests on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rests_on: Vec<&'static str>,
}

/// A row that allows the flow, or the nearest that does not.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RowRef {
    pub table: String,
    pub row: String,
}

/// The written shape of `flow`; judged where `is_judged`.
pub fn line(flow: &Flow, policy: &Policy, is_judged: bool) -> FlowLine {
    let record = &flow.record;
    let initiator = record.initiator;
    let sides = [initiator, initiator.other()];
    let end = |side: Side| {
        let Endpoint { address, port } = record.ends[side];
        End { address: address.to_string(), port }
    };
    let judged = is_judged.then(|| Judged {
        verdict: flow.judgement.verdict().name(),
        reason: flow.judgement.reason.name(),
        rests_on: flow.judgement.rests.iter().map(|rest| rest.name()).collect(),
        rows: flow
            .judgement
            .rows
            .iter()
            .map(|near| RowRef {
                table: policy.table_of(near.row).name.clone(),
                row: policy.row(near.row).id.clone(),
            })
            .collect(),
    });
    let protocol = flow.identity.protocol.or(record.carrier);
    FlowLine {
        community_id: community_id(record.transport, record.initiator_end(), record.responder_end()),
        transport: record.transport.name(),
        initiator: end(initiator),
        responder: end(initiator.other()),
        direction: record.direction.name(),
        first_seen: rfc3339(record.first_ns),
        duration_s: record.last_ns.saturating_sub(record.first_ns) as f64 / 1e9,
        packets: sides.map(|side| record.packets[side]),
        bytes: sides.map(|side| record.bytes[side]),
        payload_bytes: sides.map(|side| record.payload_bytes[side]),
        missed_bytes: sides.map(|side| record.missed_bytes[side]),
        duplicates: record.duplicates,
        conn_state: record.conn_state,
        history: record.history.clone(),
        outcome: record.outcome.name(),
        protocol,
        contested: flow.identity.contested.clone(),
        evidence: if protocol.is_some() { "payload" } else { "none" },
        tls: flow.identity.tls.clone(),
        details: flow.identity.details.clone(),
        vlan: record.layers.vlan.clone(),
        tunnel: record
            .layers
            .tunnel
            .iter()
            .map(|tunnel| Tunnel { kind: tunnel.kind, id: tunnel.id })
            .collect(),
        handshake_us: record.handshake_ns.map(|time| time / 1000),
        response_us: record.response_ns.map(|time| time / 1000),
        example: Example { capture: u64::from(record.first.capture()), frame: record.first.frame() },
        judged,
        first_ns: record.first_ns,
    }
}
