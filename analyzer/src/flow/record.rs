//! The record of one flow: everything a report or a verdict may want to know of it.

use std::sync::Arc;

use crate::flow::initiator::Direction;
use crate::flow::opening::Opening;
use crate::net::{Endpoint, Layers, Pair, Side, TimeNs, Transport};
use crate::packet::frame::Place;

/// What became of a flow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// Both sides took part: a TCP handshake or data, or datagrams both ways.
    Established,
    /// A SYN answered by RST, or a datagram by an ICMP "unreachable".
    Refused,
    /// A SYN or a datagram, and nothing came back.
    Unanswered,
    /// Seen only in part: nobody can tell.
    Unknown,
}

/// One flow, whole or the part of it that one audit saw.
#[derive(Clone, Debug)]
pub struct Record {
    pub transport: Transport,
    /// Side A sent the first packet that was seen.
    pub ends: Pair<Endpoint>,
    /// Who began, as far as packets tell; see [`Direction`] for how it is known.
    pub initiator: Side,
    pub direction: Direction,
    pub first_ns: TimeNs,
    pub last_ns: TimeNs,
    /// The frame of its first packet. Flows are ordered by `(first_ns, first)`.
    pub first: Place,
    /// IP packets each way, copies included.
    pub packets: Pair<u64>,
    /// Bytes of those packets on the wire, IP header included.
    pub bytes: Pair<u64>,
    /// Payload bytes each way, on the wire, retransmissions included.
    pub payload_bytes: Pair<u64>,
    /// Zeek's `conn_state` (`SF`, `S0`, `OTH` ...).
    pub conn_state: &'static str,
    /// Zeek's `history`, from the initiator's point of view.
    pub history: String,
    pub outcome: Outcome,
    /// From SYN to the acknowledgement that completes the handshake, in nanoseconds.
    pub handshake_ns: Option<u64>,
    /// From the initiator's first payload byte to the responder's, in nanoseconds.
    pub response_ns: Option<u64>,
    /// Payload bytes that the sequence numbers prove and the capture does not hold.
    pub missed_bytes: Pair<u64>,
    /// Packets seen again that were seen before (the same frame on two interfaces).
    pub duplicates: u64,
    /// Packets whose payload the snap length cut.
    pub cut_packets: u64,
    /// ICMP errors that complained of this flow.
    pub icmp_errors: u64,
    pub layers: Arc<Layers>,
    /// The outer flow of a decapsulated tunnel: the tunnel's name.
    pub carrier: Option<&'static str>,
    /// The first bytes of each side; `None` once they were looked at and let go.
    pub opening: Option<Box<Opening>>,
}

impl Record {
    /// The initiator's endpoint.
    pub fn initiator_end(&self) -> Endpoint {
        self.ends[self.initiator]
    }

    /// The responder's endpoint.
    pub fn responder_end(&self) -> Endpoint {
        self.ends[self.initiator.other()]
    }
}
