//! A packet: the decoded view of a frame, as flows want it.

use crate::net::{Address, Endpoint, Layers, Place, TimeNs, Transport};

/// TCP flags, by bit as on the wire.
pub mod flag {
    pub const FIN: u8 = 0x01;
    pub const SYN: u8 = 0x02;
    pub const RST: u8 = 0x04;
    pub const PSH: u8 = 0x08;
    pub const ACK: u8 = 0x10;
    pub const URG: u8 = 0x20;
    pub const ECE: u8 = 0x40;
    pub const CWR: u8 = 0x80;
}

/// The fields of a TCP header that flows need.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TcpHead {
    pub seq: u32,
    pub ack: u32,
    /// See [`flag`].
    pub flags: u8,
    pub window: u16,
}

/// One IP packet (or one reassembled from fragments), from source to destination.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    pub time_ns: TimeNs,
    /// The frame that carried it (the last one, for reassembled fragments).
    pub place: Place,
    pub vantage: u32,
    pub transport: Transport,
    pub source: Endpoint,
    pub destination: Endpoint,
    /// Zeroes where the transport is not TCP.
    pub tcp: TcpHead,
    /// How many IP packets this stands for: 1, or the number of fragments.
    pub packets: u32,
    /// Bytes of those IP packets on the wire, headers included, whatever the snap length kept.
    pub ip_bytes: u32,
    /// The transport payload as captured.
    pub payload: &'a [u8],
    /// The transport payload's length on the wire; more than `payload.len()` where it was cut.
    pub payload_bytes: u32,
    /// What tells a copy of this packet from another packet of the same flow.
    pub mark: Mark,
    /// The time to live or hop limit.
    pub ttl: u8,
    /// False only where the transport checksum was wholly captured, is wrong, and is not
    /// explained by checksum offload (a sum over the pseudo-header alone).
    pub checksum_ok: bool,
    /// The outer packet of a tunnel that was opened: its payload is judged in its own right.
    /// The name of the tunnel (`vxlan`) where it is.
    pub carrier: Option<&'static str>,
    /// VLAN and tunnel ids around it; `None` for a plain packet.
    pub layers: Option<&'a Layers>,
    /// For ICMP errors: the five-tuple of the packet that is complained of.
    pub about: Option<About>,
}

/// IP id and transport checksum: equal on copies of one packet, different (nearly always) on others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Mark {
    /// IPv4 identification; 0 for IPv6.
    pub ip_id: u16,
    pub checksum: u16,
    /// A hash of what the link says of the place it was seen at: interface, direction, MAC addresses, VLAN, TTL.
    pub place: u32,
}

/// The packet that an ICMP error quotes, from its source to its destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct About {
    pub transport: Transport,
    pub source: Endpoint,
    pub destination: Endpoint,
}

impl Packet<'_> {
    /// Whether the snap length (or a lying length field) took part of the payload.
    pub fn is_cut(&self) -> bool {
        (self.payload.len() as u64) < u64::from(self.payload_bytes)
    }

    /// Both addresses, source first.
    pub fn addresses(&self) -> (Address, Address) {
        (self.source.address, self.destination.address)
    }
}
