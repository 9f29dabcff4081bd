//! A SYN on a live flow: it begins another flow only once somebody goes on from it.
//!
//! Source: RFC 9293 section 3.10.7.4, RFC 5961 section 4 (an endpoint challenges such a SYN).

use crate::net::{Endpoint, Pair, Place, Side, TimeNs, Transport};
use crate::packet::view::{Mark, Packet, TcpHead, flag};

/// The SYN of a claim, and what it and its retransmissions counted.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    pub side: Side,
    pub seq: u32,
    pub time_ns: TimeNs,
    pub place: Place,
    pub mark: Mark,
    pub packets: u32,
    pub bytes: u32,
    pub payload_bytes: u32,
}

impl Claim {
    /// The claim that a SYN of `side` makes.
    pub fn of(packet: &Packet<'_>, side: Side) -> Self {
        Self {
            side,
            seq: packet.tcp.seq,
            time_ns: packet.time_ns,
            place: packet.place,
            mark: packet.mark,
            packets: packet.packets,
            bytes: packet.ip_bytes,
            payload_bytes: packet.payload_bytes,
        }
    }

    /// The same claim, made again. What would overflow stays with the flow that it was counted for.
    pub fn and(mut self, again: &Self) -> Self {
        let sums = (
            self.packets.checked_add(again.packets),
            self.bytes.checked_add(again.bytes),
            self.payload_bytes.checked_add(again.payload_bytes),
        );
        if let (Some(packets), Some(bytes), Some(payload_bytes)) = sums {
            (self.packets, self.bytes, self.payload_bytes) = (packets, bytes, payload_bytes);
        }
        self
    }

    /// Whether the packet answers the SYN, or goes on behind it.
    pub fn agrees(&self, packet: &Packet<'_>, side: Side) -> bool {
        let tcp = packet.tcp;
        let next = self.seq.wrapping_add(1);
        if tcp.flags & flag::RST != 0 {
            false
        } else if self.side == side {
            tcp.flags & flag::SYN == 0 && tcp.seq == next
        } else {
            let both = flag::SYN | flag::ACK;
            tcp.flags & both == both && tcp.ack == next
        }
    }

    /// The SYN from `ends` (of the flow that it was met in), without the payload that it may have had.
    pub fn packet(&self, ends: Pair<Endpoint>) -> Packet<'static> {
        Packet {
            time_ns: self.time_ns,
            place: self.place,
            vantage: 0,
            transport: Transport::Tcp,
            source: ends[self.side],
            destination: ends[self.side.other()],
            tcp: TcpHead { seq: self.seq, ack: 0, flags: flag::SYN, window: 0 },
            packets: self.packets,
            ip_bytes: self.bytes,
            payload: &[],
            payload_bytes: self.payload_bytes,
            mark: self.mark,
            ttl: 0,
            checksum_ok: true,
            carrier: None,
            layers: None,
            about: None,
        }
    }
}
