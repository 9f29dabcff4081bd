//! Packets for tests, by a builder.

use crate::net::{Address, Endpoint, Place, Side, Transport};
use crate::packet::view::{Mark, Packet, TcpHead, flag};

/// The initiator's end in tests.
pub const A: Endpoint = Endpoint { address: Address::v4(0x0a00_0001), port: 40_000 };
/// The responder's.
pub const B: Endpoint = Endpoint { address: Address::v4(0x0a00_0002), port: 9092 };

/// A packet of `side` at `time_ms`.
pub fn packet(side: Side, time_ms: u64) -> Packet<'static> {
    let (source, destination) = if side == Side::A { (A, B) } else { (B, A) };
    Packet {
        time_ns: 1_000_000_000_000 + time_ms * 1_000_000,
        place: Place::new(0, time_ms + 1),
        vantage: 0,
        transport: Transport::Tcp,
        source,
        destination,
        tcp: TcpHead { seq: 0, ack: 0, flags: flag::ACK, window: 1000 },
        packets: 1,
        ip_bytes: 40,
        payload: &[],
        payload_bytes: 0,
        mark: Mark { ip_id: (time_ms as u16).wrapping_add(1), checksum: 7, place: 0 },
        ttl: 64,
        checksum_ok: true,
        carrier: None,
        layers: None,
        about: None,
    }
}

/// A TCP segment: flags as letters of `FSRA` (`.` for ACK alone), sequence and acknowledgement numbers, payload.
pub fn tcp<'a>(side: Side, time_ms: u64, flags: &str, seq: u32, ack: u32, payload: &'a [u8]) -> Packet<'a> {
    let bits = flags.chars().fold(0, |bits, flag| {
        bits | match flag {
            'F' => flag::FIN,
            'S' => flag::SYN,
            'R' => flag::RST,
            _ => flag::ACK,
        }
    });
    let length = payload.len() as u32;
    Packet {
        tcp: TcpHead { seq, ack, flags: bits, window: 1000 },
        payload,
        payload_bytes: length,
        ip_bytes: 40 + length,
        ..packet(side, time_ms)
    }
}

/// A UDP datagram.
pub fn udp<'a>(side: Side, time_ms: u64, payload: &'a [u8]) -> Packet<'a> {
    let length = payload.len() as u32;
    Packet {
        transport: Transport::Udp,
        tcp: TcpHead::default(),
        payload,
        payload_bytes: length,
        ip_bytes: 28 + length,
        ..packet(side, time_ms)
    }
}
