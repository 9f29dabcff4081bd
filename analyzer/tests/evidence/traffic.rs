//! Traffic for tests: raw IPv4 packets of small conversations, with sound checksums.

use std::net::{Ipv4Addr, SocketAddrV4};

use uncharted::net::Place;
use uncharted::packet::frame::{Frame, LinkType};

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// 2026-11-20 00:00 UTC.
pub const START_NS: u64 = 1_795_132_800_000_000_000;

/// Packets in order of time, a millisecond apart.
#[derive(Default)]
pub struct Traffic {
    packets: Vec<(u64, Vec<u8>)>,
    now_ms: u64,
    identification: u16,
}

fn sum(bytes: &[u8], start: u32) -> u16 {
    let mut total = start;
    for pair in bytes.chunks(2) {
        total += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

fn end(text: &str) -> SocketAddrV4 {
    text.parse().unwrap()
}

impl Traffic {
    pub fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        self.packets.iter().enumerate().map(|(at, (time_ms, bytes))| Frame {
            time_ns: START_NS + time_ms * 1_000_000,
            place: Place::new(0, at as u64 + 1),
            vantage: 0,
            link: LinkType(101),
            wire_bytes: bytes.len() as u32,
            bytes,
        })
    }

    /// The same as a pcap file.
    pub fn pcap(&self) -> Vec<u8> {
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
            file.extend(word.to_le_bytes());
        }
        for frame in self.frames() {
            let seconds = frame.time_ns / 1_000_000_000;
            let micros = frame.time_ns % 1_000_000_000 / 1000;
            for word in [seconds as u32, micros as u32, frame.wire_bytes, frame.wire_bytes] {
                file.extend(word.to_le_bytes());
            }
            file.extend(frame.bytes);
        }
        file
    }

    pub fn ip(&mut self, from: Ipv4Addr, to: Ipv4Addr, protocol: u8, payload: &[u8]) {
        self.now_ms += 1;
        self.identification += 1;
        let length = (20 + payload.len()) as u16;
        let mut packet = vec![0x45, 0];
        packet.extend(length.to_be_bytes());
        packet.extend(self.identification.to_be_bytes());
        packet.extend([0x40, 0, 64, protocol, 0, 0]);
        packet.extend(from.octets());
        packet.extend(to.octets());
        let checksum = sum(&packet, 0);
        packet[10..12].copy_from_slice(&checksum.to_be_bytes());
        packet.extend(payload);
        self.packets.push((self.now_ms, packet));
    }

    fn segment(
        &mut self,
        from: SocketAddrV4,
        to: SocketAddrV4,
        flags: u8,
        numbers: (u32, u32),
        payload: &[u8],
    ) {
        let mut segment = Vec::new();
        segment.extend(from.port().to_be_bytes());
        segment.extend(to.port().to_be_bytes());
        segment.extend(numbers.0.to_be_bytes());
        segment.extend(numbers.1.to_be_bytes());
        segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(payload);
        let mut pseudo = Vec::from(from.ip().octets());
        pseudo.extend(to.ip().octets());
        pseudo.extend([0, 6]);
        pseudo.extend((segment.len() as u16).to_be_bytes());
        pseudo.extend(&segment);
        let checksum = sum(&pseudo, 0);
        segment[16..18].copy_from_slice(&checksum.to_be_bytes());
        self.ip(*from.ip(), *to.ip(), 6, &segment);
    }

    /// A SYN that nobody answers.
    pub fn unanswered(&mut self, from: &str, to: &str) -> &mut Self {
        self.segment(end(from), end(to), SYN, (99, 0), b"");
        self
    }

    /// A SYN answered by RST.
    pub fn refused(&mut self, from: &str, to: &str) -> &mut Self {
        self.unanswered(from, to);
        self.segment(end(to), end(from), RST | ACK, (0, 100), b"");
        self
    }

    fn handshake(&mut self, from: SocketAddrV4, to: SocketAddrV4) {
        self.segment(from, to, SYN, (99, 0), b"");
        self.segment(to, from, SYN | ACK, (499, 100), b"");
        self.segment(from, to, ACK, (100, 500), b"");
    }

    /// A whole connection: each side says one thing, the initiator first; what is empty is not said.
    pub fn talk(&mut self, from: &str, to: &str, asks: &[u8], answers: &[u8]) -> &mut Self {
        self.handshake(end(from), end(to));
        self.midstream(from, to, asks, answers);
        let (from, to) = (end(from), end(to));
        let (mine, theirs) = (100 + asks.len() as u32, 500 + answers.len() as u32);
        self.segment(from, to, FIN | ACK, (mine, theirs), b"");
        self.segment(to, from, FIN | ACK, (theirs, mine + 1), b"");
        self.segment(from, to, ACK, (mine + 1, theirs + 1), b"");
        self
    }

    /// The same where the responder speaks first.
    pub fn greet(&mut self, from: &str, to: &str, answers: &[u8], asks: &[u8]) -> &mut Self {
        self.handshake(end(from), end(to));
        self.midstream(to, from, answers, asks)
    }

    /// What two sides say on a connection whose beginning was not seen.
    pub fn midstream(&mut self, from: &str, to: &str, asks: &[u8], answers: &[u8]) -> &mut Self {
        let (from, to) = (end(from), end(to));
        let greets = self.packets.last().is_some_and(|(_, packet)| packet[12..16] == to.ip().octets());
        let (mine, theirs) = if greets { (500, 100) } else { (100, 500) };
        if !asks.is_empty() {
            self.segment(from, to, ACK, (mine, theirs), asks);
        }
        let mine = mine + asks.len() as u32;
        if !answers.is_empty() {
            self.segment(to, from, ACK, (theirs, mine), answers);
        }
        self
    }

    /// A connection whose opening lacks its first bytes, which were acknowledged.
    pub fn with_gap(&mut self, from: &str, to: &str, asks: &[u8]) -> &mut Self {
        let (from, to) = (end(from), end(to));
        self.handshake(from, to);
        self.segment(from, to, ACK, (150, 500), asks);
        self.segment(to, from, ACK, (500, 150 + asks.len() as u32), b"");
        self
    }

    /// A datagram.
    pub fn datagram(&mut self, from: &str, to: &str, payload: &[u8]) -> &mut Self {
        let (from, to) = (end(from), end(to));
        let mut datagram = Vec::new();
        datagram.extend(from.port().to_be_bytes());
        datagram.extend(to.port().to_be_bytes());
        datagram.extend((8 + payload.len() as u16).to_be_bytes());
        datagram.extend([0, 0]);
        datagram.extend(payload);
        self.ip(*from.ip(), *to.ip(), 17, &datagram);
        self
    }

    /// What was sent so far, inside VXLAN between two hosts.
    pub fn inside_vxlan(&mut self, from: &str, to: &str) -> &mut Self {
        for (_, inner) in std::mem::take(&mut self.packets) {
            let mut payload = vec![8, 0, 0, 0, 0, 0, 7, 0];
            payload.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
            payload.extend(inner);
            self.datagram(from, to, &payload);
        }
        self
    }
}

/// A PostgreSQL startup packet.
pub fn startup(user: &str, database: &str) -> Vec<u8> {
    let body = format!("\0\u{3}\0\0user\0{user}\0database\0{database}\0\0");
    [&(body.len() as u32 + 4).to_be_bytes(), body.as_bytes()].concat()
}

/// A TLS 1.2 ClientHello with this server name.
pub fn client_hello(name: &str) -> Vec<u8> {
    let name_bytes = name.len() as u16;
    let mut extension = vec![0, 0];
    extension.extend((name_bytes + 5).to_be_bytes());
    extension.extend((name_bytes + 3).to_be_bytes());
    extension.push(0);
    extension.extend(name_bytes.to_be_bytes());
    extension.extend(name.as_bytes());
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
    body.extend((extension.len() as u16).to_be_bytes());
    body.extend(extension);
    let mut message = vec![1, 0];
    message.extend((body.len() as u16).to_be_bytes());
    message.extend(body);
    let mut record = vec![22, 3, 1];
    record.extend((message.len() as u16).to_be_bytes());
    record.extend(message);
    record
}

/// A TLS 1.2 ServerHello.
pub fn server_hello() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([9; 32]);
    body.extend([0, 0xc0, 0x2f, 0]);
    let mut record = vec![22, 3, 3];
    record.extend((body.len() as u16 + 4).to_be_bytes());
    record.extend([2, 0]);
    record.extend((body.len() as u16).to_be_bytes());
    record.extend(body);
    record
}

fn question(name: &str) -> Vec<u8> {
    let mut question: Vec<u8> =
        name.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
    question.extend([0, 0, 1, 0, 1]);
    question
}

/// The DNS question that [`dns_answer`] answers.
pub fn dns_question(name: &str) -> Vec<u8> {
    [vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], question(name)].concat()
}

/// A DNS answer: `name` has this address.
pub fn dns_answer(name: &str, address: Ipv4Addr) -> Vec<u8> {
    let mut answer = vec![0, 7, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    answer.extend(question(name));
    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
    answer.extend(address.octets());
    answer
}
