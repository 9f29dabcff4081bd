//! Frames of made-up traffic: Ethernet, IPv4, TCP or UDP, and the openings of real protocols.

use std::io::{Result, Write};

/// A splitmix64 sequence: the same seed gives the same capture everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }
}

/// A number that looks random and always is the same for `value`.
pub const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Writes the header of a classic pcap with nanoseconds and Ethernet.
///
/// # Errors
/// That the bytes could not be written.
pub fn header(out: &mut impl Write) -> Result<()> {
    out.write_all(&0xa1b2_3c4d_u32.to_le_bytes())?;
    out.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
    out.write_all(&262_144_u32.to_le_bytes())?;
    out.write_all(&1_u32.to_le_bytes())
}

/// Who talks to whom.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    pub client: u32,
    pub server: u32,
    pub client_port: u16,
    pub server_port: u16,
    pub is_udp: bool,
}

/// One packet of a flow.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    pub from_client: bool,
    pub flags: u8,
    pub seq: u32,
    pub ack: u32,
    pub payload: &'a [u8],
}

/// The least Ethernet frame without its check sequence.
const LEAST_FRAME_BYTES: usize = 60;

/// Writes one record.
///
/// # Errors
/// That the bytes could not be written.
pub fn record(
    out: &mut impl Write,
    scratch: &mut Vec<u8>,
    time_ns: u64,
    ends: &Ends,
    piece: &Piece<'_>,
) -> Result<()> {
    let (source, destination, source_port, destination_port) = if piece.from_client {
        (ends.client, ends.server, ends.client_port, ends.server_port)
    } else {
        (ends.server, ends.client, ends.server_port, ends.client_port)
    };
    let transport_bytes = if ends.is_udp { 8 } else { 20 };
    let ip_bytes = 20 + transport_bytes + piece.payload.len();
    let mark = mix(u64::from(piece.seq) << 32 | time_ns & 0xffff_ffff);
    scratch.clear();
    let frame_bytes = (14 + ip_bytes).max(LEAST_FRAME_BYTES) as u32;
    scratch.extend(((time_ns / 1_000_000_000) as u32).to_le_bytes());
    scratch.extend(((time_ns % 1_000_000_000) as u32).to_le_bytes());
    scratch.extend(frame_bytes.to_le_bytes());
    scratch.extend(frame_bytes.to_le_bytes());
    let (to_mac, from_mac) = if piece.from_client { (2, 1) } else { (1, 2) };
    scratch.extend([2, 0, 0, 0, 0, to_mac, 2, 0, 0, 0, 0, from_mac, 8, 0]);
    let ip_at = scratch.len();
    scratch.extend([0x45, 0]);
    scratch.extend((ip_bytes as u16).to_be_bytes());
    scratch.extend((mark as u16).to_be_bytes());
    scratch.extend([0x40, 0, 64, if ends.is_udp { 17 } else { 6 }, 0, 0]);
    scratch.extend(source.to_be_bytes());
    scratch.extend(destination.to_be_bytes());
    let sum = header_sum(scratch.get(ip_at..).unwrap_or_default());
    if let Some(place) = scratch.get_mut(ip_at + 10..ip_at + 12) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
    scratch.extend(source_port.to_be_bytes());
    scratch.extend(destination_port.to_be_bytes());
    if ends.is_udp {
        scratch.extend((8 + piece.payload.len() as u16).to_be_bytes());
        scratch.extend([0, 0]);
    } else {
        scratch.extend(piece.seq.to_be_bytes());
        scratch.extend(piece.ack.to_be_bytes());
        scratch.extend([0x50, piece.flags, 0xfa, 0xf0]);
        scratch.extend(((mark >> 16) as u16).to_be_bytes());
        scratch.extend([0, 0]);
    }
    scratch.extend_from_slice(piece.payload);
    scratch.resize(16 + frame_bytes as usize, 0);
    out.write_all(scratch)
}

fn header_sum(header: &[u8]) -> u16 {
    let mut sum: u32 = header
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |word, &byte| word << 8 | u32::from(byte)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// What two ends say first, and where they stand.
#[derive(Clone, Debug)]
pub struct Service {
    pub client_net: u32,
    pub client_hosts: u32,
    pub server_net: u32,
    pub server_hosts: u32,
    pub port: u16,
    pub is_udp: bool,
    pub request: Vec<u8>,
    pub response: Vec<u8>,
}

const fn net(a: u8, b: u8, c: u8) -> u32 {
    u32::from_be_bytes([a, b, c, 0])
}

/// The services of the made-up site (`benches/site.toml`): documented connections, departures from them, and
/// strangers that no table names. `is_small` leaves out openings that do not fit a frame of 120 bytes.
pub fn services(is_small: bool) -> Vec<Service> {
    let (gim, iwd, prometheus) = (net(10, 1, 0), net(10, 4, 0), net(10, 3, 0));
    let (database, kafka, storage, redis) = (net(10, 2, 0), net(10, 2, 1), net(10, 2, 2), net(10, 2, 3));
    let stranger = net(172, 16, 0);
    let tcp = |client_net, server_net, port, request: &[u8], response: &[u8]| Service {
        client_net,
        client_hosts: if client_net == stranger { 1 << 17 } else { 1 << 12 },
        server_net,
        server_hosts: if server_net == stranger { 1 << 10 } else { 16 },
        port,
        is_udp: false,
        request: request.to_vec(),
        response: response.to_vec(),
    };
    let udp = |service: Service| Service { is_udp: true, ..service };
    let startup = b"\0\0\0\x1f\0\x03\0\0user\0gim\0database\0gim\0\0";
    let auth_ok = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
    let versions = b"\0\0\0\x11\0\x12\0\0\0\0\0\x07\0\x07console";
    let versions_answer = b"\0\0\0\x16\0\0\0\x07\0\0\0\0\0\x02\0\0\0\0\0\x09\0\x12\0\0\0\x03";
    let get = b"GET /metrics HTTP/1.1\r\nHost: iwd\r\n\r\n";
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n";
    let query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x05infra\x07example\x03com\0\0\x01\0\x01";
    let answer =
        b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\x05infra\x07example\x03com\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x09";
    let snmp = |kind: u8| {
        let mut bytes = b"\x30\x26\x02\x01\x01\x04\x06public".to_vec();
        bytes.extend([kind, 0x19, 2, 1, 7, 2, 1, 0, 2, 1, 0, 0x30, 0x0e, 0x30, 0x0c, 6, 8]);
        bytes.extend([0x2b, 6, 1, 2, 1, 1, 1, 0, 5, 0]);
        bytes
    };
    let mut services = vec![
        tcp(gim, kafka, 9092, versions, versions_answer),
        tcp(iwd, redis, 6379, b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
        tcp(prometheus, iwd, 10_052, get, ok),
        tcp(iwd, database, 5432, startup, auth_ok),
        tcp(iwd, redis, 6380, b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
        tcp(gim, kafka, 9092, get, ok),
        tcp(stranger, stranger, 22, b"SSH-2.0-OpenSSH_9.6\r\n", b"SSH-2.0-OpenSSH_9.6\r\n"),
        tcp(stranger, stranger, 7777, b"\x93\x01\x77\x42 of no protocol", b"\x94\x02\x66\x41 of none"),
        udp(tcp(stranger, stranger, 53, query, answer)),
        udp(tcp(stranger, stranger, 161, &snmp(0xa0), &snmp(0xa2))),
    ];
    if !is_small {
        let (hello, hello_answer) = tls();
        services.push(tcp(gim, storage, 443, &hello, &hello_answer));
        services.push(tcp(gim, storage, 443, &hello, &hello_answer));
        services.push(tcp(stranger, stranger, 443, &hello, &hello_answer));
    }
    services
}

/// A TLS 1.2 ClientHello with a server name, and its ServerHello.
fn tls() -> (Vec<u8>, Vec<u8>) {
    let name = b"objects.example.com";
    let named = name.len() as u16;
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 4, 0xc0, 0x2f, 0xc0, 0x30, 1, 0]);
    body.extend((named + 9).to_be_bytes());
    body.extend([0, 0]);
    body.extend((named + 5).to_be_bytes());
    body.extend((named + 3).to_be_bytes());
    body.push(0);
    body.extend(named.to_be_bytes());
    body.extend(name);
    let mut answer = vec![3, 3];
    answer.extend([9; 32]);
    answer.extend([0, 0xc0, 0x2f, 0]);
    let wrap = |kind: u8, body: &[u8]| {
        let mut bytes = vec![0x16, 3, 3];
        bytes.extend((body.len() as u16 + 4).to_be_bytes());
        bytes.extend([kind, 0]);
        bytes.extend((body.len() as u16).to_be_bytes());
        bytes.extend(body);
        bytes
    };
    (wrap(1, &body), wrap(2, &answer))
}
