//! Every floor that meets bytes, as functions that any bytes may be given to.
//!
//! The fuzz targets and `analyzer/tests/any_bytes.rs` walk [`ALL`]. A function that returns has passed:
//! a panic, an overflow, an assertion or memory without end is the find.

use std::io::Cursor;
use std::sync::Arc;

use uncharted::audit::{Audit, Options, Share};
use uncharted::capture::source::{self, Observation};
use uncharted::flow::opening::{End, OPENING_BYTES, OPENING_DATAGRAMS, Start, View};
use uncharted::flow::stream::{Assembly, Segment};
use uncharted::flow::table::{Bounds, Table};
use uncharted::net::{Pair, Place, Side, Transport};
use uncharted::packet::decode::Decoder;
use uncharted::packet::fragment;
use uncharted::packet::frame::{Frame, LinkType};
use uncharted::policy::index::Policy;
use uncharted::policy::lint;
use uncharted::policy::shipped;
use uncharted::policy::site_file::parse_site;
use uncharted::policy::table_file::parse_table;
use uncharted::protocol;
use uncharted::protocol::probe::identify;
use uncharted::report::build::{self, Context};
use uncharted::report::json;
use uncharted::report::terminal::{self, Look};

/// One floor.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

/// Every entry, in the order of the floors.
pub const ALL: &[Entry] = &[
    Entry { name: "capture", run: capture },
    Entry { name: "decode", run: decode },
    Entry { name: "fragments", run: fragments },
    Entry { name: "streams", run: streams },
    Entry { name: "flows", run: flows },
    Entry { name: "probes", run: probes },
    Entry { name: "tables", run: tables },
    Entry { name: "site", run: site },
    Entry { name: "journey", run: journey },
    Entry { name: "saved", run: saved },
];

/// Frames that one input may hold: a file of empty records is read quickly, but not for ever.
const MAX_FRAMES: u64 = 20_000;

/// Bytes taken apart as choices.
struct Dice<'a>(&'a [u8]);

impl<'a> Dice<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    /// At most `most` bytes.
    fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

fn open(data: &[u8]) -> Option<Observation> {
    let stream = Box::new(Cursor::new(data.to_vec()));
    source::of_stream("fuzz", stream, &source::Options::default()).ok()
}

/// A capture file, compressed or not.
fn capture(data: &[u8]) {
    let Some(mut observation) = open(data) else { return };
    let mut frames = 0;
    while let Ok(Some(batch)) = observation.next_batch() {
        assert!(!batch.is_empty(), "a batch holds a frame");
        for frame in batch.frames() {
            frames += 1;
            assert!(frame.bytes.len() <= data.len() || is_packed(data), "no frame is longer than its file");
        }
        if frames > MAX_FRAMES {
            return;
        }
    }
    let facts = observation.facts();
    let told: u64 = facts.iter().map(|facts| facts.packets).sum();
    assert_eq!(told, frames, "every frame is counted once");
}

fn is_packed(data: &[u8]) -> bool {
    [&[0x1f, 0x8b][..], &[0x28, 0xb5, 0x2f, 0xfd], &[0x04, 0x22, 0x4d, 0x18]]
        .iter()
        .any(|magic| data.starts_with(magic))
        || data.get(1..4) == Some(&[0x2a, 0x4d, 0x18])
}

/// The link types that are opened, and one that is not.
const LINKS: &[u16] = &[1, 0, 9, 10, 12, 14, 50, 51, 101, 104, 105, 108, 113, 127, 228, 229, 239, 276, 9999];

/// Frames of one link type: a choice of link, then (length, how much longer on the wire, bytes).
fn decode(data: &[u8]) {
    let mut dice = Dice(data);
    let Some(link) = dice.byte() else { return };
    let link = LINKS.get(usize::from(link) % LINKS.len()).copied().unwrap_or(1);
    let mut decoder = Decoder::new(fragment::Bounds::default()).verifying();
    let mut number = 0;
    while let (Some(length), Some(more)) = (dice.short(), dice.byte()) {
        let bytes = dice.take(usize::from(length));
        number += 1;
        let frame = Frame {
            time_ns: number,
            place: Place::new(0, number),
            vantage: 0,
            link: LinkType(link),
            wire_bytes: bytes.len() as u32 + u32::from(more),
            bytes,
        };
        decoder.decode(&frame, &mut |packet| {
            assert!(packet.payload.len() as u64 <= u64::from(packet.payload_bytes));
            assert!(packet.payload.len() <= 65_535.max(bytes.len()));
        });
    }
    decoder.flush(&mut |_| {});
    assert_eq!(decoder.held_fragments(), 0, "a flush leaves nothing");
}

/// IPv4 fragments of a few packets in any order, with small bounds.
fn fragments(data: &[u8]) {
    let mut dice = Dice(data);
    let bounds = fragment::Bounds { bytes: 70_000, packets: 3, fragments: 20, age_ns: 50 };
    let mut decoder = Decoder::new(bounds);
    let mut time_ns = 0;
    while let (Some(choice), Some(place), Some(length)) = (dice.byte(), dice.short(), dice.byte()) {
        let payload = dice.take(usize::from(length));
        let total = (20 + payload.len()) as u16;
        let [t1, t2] = total.to_be_bytes();
        let [o1, o2] = place.to_be_bytes();
        let header = [
            0x45,
            0,
            t1,
            t2,
            0,
            choice & 3,
            o1 & 0x3f,
            o2,
            64,
            if choice & 4 == 0 { 17 } else { 6 },
            0,
            0,
            10,
            0,
            0,
            1,
            10,
            0,
            0,
            2,
        ];
        time_ns += u64::from(choice >> 4);
        let bytes = [&header[..], payload].concat();
        let frame = Frame {
            time_ns,
            place: Place::new(0, time_ns),
            vantage: 0,
            link: LinkType(101),
            wire_bytes: bytes.len() as u32,
            bytes: &bytes,
        };
        decoder.decode(&frame, &mut |packet| assert!(packet.payload.len() <= 65_535));
        assert!(decoder.held_fragments() <= 60, "the bounds hold");
    }
    decoder.flush(&mut |_| {});
    assert_eq!(decoder.held_fragments(), 0);
}

/// Segments, acknowledgements and ends of both sides in any order.
fn streams(data: &[u8]) {
    let mut dice = Dice(data);
    let transport =
        if dice.byte().is_some_and(|byte| byte & 1 == 1) { Transport::Udp } else { Transport::Tcp };
    let mut assembly = Assembly::new(transport);
    while let (Some(choice), Some(seq)) = (dice.byte(), dice.short()) {
        let side = if choice & 1 == 0 { Side::A } else { Side::B };
        // Near the wrap, and at times far away.
        let far = if choice & 2 == 0 { 1 } else { 65_537 };
        let seq = (u32::MAX - 2000).wrapping_add(u32::from(seq).wrapping_mul(far));
        match (choice >> 2) & 7 {
            0 => assembly.begin(side, seq),
            1 => {
                assembly.fin(side, seq);
            }
            2 => {
                assembly.acknowledged(side, seq);
            }
            3 if choice > 250 => {
                assembly.over();
            }
            _ => {
                let length = dice.byte().map_or(0, usize::from) * if choice & 0x80 == 0 { 1 } else { 16 };
                let bytes = dice.take(length);
                if transport == Transport::Tcp {
                    let wire_bytes = bytes.len() as u32 + u32::from(choice >> 6);
                    assembly.segment(side, Segment { seq, bytes, wire_bytes });
                } else {
                    assembly.datagram(side, bytes, choice & 0x40 != 0);
                }
            }
        }
        for side in Side::BOTH {
            let said = &assembly.opening.sides[side];
            assert!(said.bytes.len() <= OPENING_BYTES && said.ends.len() <= OPENING_DATAGRAMS);
        }
    }
    let _ = identify(protocol::ALL, &assembly.opening.view());
}

/// IPv4 packets through a flow table of eight flows and four openings.
fn flows(data: &[u8]) {
    let bounds = Bounds { max_flows: 8, max_openings: 4, ..Bounds::default() };
    let mut table: Table<()> = Table::new(bounds);
    let mut decoder = Decoder::new(fragment::Bounds::default());
    let mut dice = Dice(data);
    let (mut time_ns, mut ended, mut packets) = (1u64, 0u64, 0u64);
    let mut number = 0;
    while let (Some(ends), Some(flags), Some(seq), Some(wait)) =
        (dice.byte(), dice.byte(), dice.short(), dice.byte())
    {
        time_ns = time_ns.wrapping_add(u64::from(wait).pow(5));
        number += 1;
        let payload = dice.take(usize::from(flags >> 6) * 7);
        let bytes = packet(ends, flags, seq, payload);
        let frame = Frame {
            time_ns,
            place: Place::new(0, number),
            vantage: 0,
            link: LinkType(101),
            wire_bytes: bytes.len() as u32,
            bytes: &bytes,
        };
        decoder.decode(&frame, &mut |packet| {
            packets += u64::from(packet.packets);
            table.push(packet, &mut |_| ended += 1);
            table.icmp_error(packet);
        });
        assert!(table.len() <= 8 && table.openings() <= 4, "the bounds hold");
    }
    let counts = table.counts();
    let mut counted = 0;
    table.finish(&mut |flow| {
        ended += 1;
        counted += flow.record.packets.0.iter().sum::<u64>();
    });
    assert_eq!(counts.flows, ended, "every flow ends once");
    assert!(counted <= packets, "no packet is counted twice");
}

fn packet(ends: u8, flags: u8, seq: u16, payload: &[u8]) -> Vec<u8> {
    let (a, b) = ([10, 0, 0, 1 + (ends & 3)], [10, 0, 1, 1 + ((ends >> 2) & 3)]);
    let (p, q) = (1000 + u16::from((ends >> 4) & 1), 2000u16);
    let (from, to, p, q) = if ends & 0x80 == 0 { (a, b, p, q) } else { (b, a, q, p) };
    let is_udp = ends & 0x60 == 0x60;
    let mut transport = [p.to_be_bytes(), q.to_be_bytes()].concat();
    if is_udp {
        transport.extend((8 + payload.len() as u16).to_be_bytes());
        transport.extend([0, 0]);
    } else {
        transport.extend(u32::from(seq).to_be_bytes());
        transport.extend(u32::from(seq ^ 0x55).to_be_bytes());
        transport.extend([0x50, flags & 0x3f, 0x10, 0, 0, 0, 0, 0]);
    }
    let total = (20 + transport.len() + payload.len()) as u16;
    let mut bytes = vec![0x45, 0];
    bytes.extend(total.to_be_bytes());
    bytes.extend(seq.to_be_bytes());
    bytes.extend([0, 0, 64, if is_udp { 17 } else { 6 }, 0, 0]);
    bytes.extend(from);
    bytes.extend(to);
    bytes.extend(transport);
    bytes.extend(payload);
    bytes
}

/// An opening: choices, a split, and what each side said. Every probe is asked, alone and with all others.
fn probes(data: &[u8]) {
    let mut dice = Dice(data);
    let (Some(choice), Some(split)) = (dice.byte(), dice.short()) else { return };
    let a = dice.take(usize::from(split).min(OPENING_BYTES));
    let b = dice.take(OPENING_BYTES);
    let mut view = if choice & 1 == 0 { View::of(a, b) } else { View::of_udp(a, b) };
    if choice & 2 != 0 {
        view.first = view.first.map(Side::other);
    }
    if choice & 4 != 0 {
        view = view.started(Start::Midstream);
    }
    let ends = [End::Open, End::Full, End::Gap, End::Cut, End::Closed];
    let end = |at: u8| ends.get(usize::from(at) % ends.len()).copied().unwrap_or_default();
    view.sides[Side::A].end = end(choice >> 3);
    view.sides[Side::B].end = end(choice >> 5);
    let identity = identify(protocol::ALL, &view);
    assert_eq!(identity, identify(protocol::ALL, &view), "equal openings, equal answers");
    assert!(identity.protocol.is_none() || identity.contested.is_empty());
    let _ = identify(protocol::ALL, &view.behind(Pair([usize::from(choice), 3])));
}

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// A table file, its lint and the policy that it makes.
fn tables(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match parse_table(text, "fuzz.toml") {
        Ok(table) => {
            let _ = lint::lint(std::slice::from_ref(&table));
            let policy = Policy::compile(vec![table], None);
            if let Some(row) = policy.row_ids().next() {
                let _ = uncharted::policy::print::show(policy.table_of(row), 80);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A site file over a shipped table.
fn site(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(site) = parse_site(text, "fuzz.toml") else { return };
    let Some(Ok(table)) = shipped::table("genesys/info-mart") else { return };
    let policy = Policy::compile(vec![table], Some(site));
    let _ = policy.wanted_names();
}

/// Roles and names for the journey.
const SITE: &str = r#"
tables = ["genesys/info-mart"]
[roles]
"GIM" = ["10.0.0.0/24", "127.0.0.1"]
"Kafka" = [{ name = "kafka.infra" }, "10.0.1.0/24"]
"#;

fn policy() -> Option<Arc<Policy>> {
    static POLICY: std::sync::OnceLock<Option<Arc<Policy>>> = std::sync::OnceLock::new();
    POLICY
        .get_or_init(|| {
            let table = shipped::table("genesys/info-mart")?.ok()?;
            Some(Arc::new(Policy::compile(vec![table], parse_site(SITE, "site.toml").ok())))
        })
        .clone()
}

/// From a capture's bytes to its report, by one audit and by two that share the flows.
fn journey(data: &[u8]) {
    let (Some(one), Some(two)) = (judged(data, 1), judged(data, 2)) else { return };
    assert_eq!(one, two, "the number of audits changes nothing");
}

fn judged(data: &[u8], of: u32) -> Option<String> {
    let policy = policy()?;
    let mut observation = open(data)?;
    let mut audits: Vec<Audit> = (0..of)
        .map(|index| {
            let options = Options { judge_all: true, share: Share { index, of }, ..Options::default() };
            Audit::new(Arc::clone(&policy), options)
        })
        .collect();
    let mut frames = 0;
    while let Ok(Some(batch)) = observation.next_batch() {
        for frame in batch.frames() {
            audits.iter_mut().for_each(|audit| audit.push(&frame));
            frames += 1;
        }
        if frames > MAX_FRAMES {
            return None;
        }
    }
    let mut outcomes = audits.into_iter().map(Audit::finish);
    let mut whole = outcomes.next()?;
    outcomes.for_each(|outcome| whole.add_share(outcome));
    let report = build::report(&whole, &policy, Context { judge_all: true, ..Context::default() });
    let shown = terminal::render(&report, Look { columns: 80, colour: false });
    let has_control = |letter: char| letter.is_control() && letter != '\n';
    assert!(!shown.contains(has_control), "nothing from the wire reaches the terminal unescaped");
    let written = json::render(&report);
    let again = json::parse(&written).map(|report| json::render(&report));
    assert_eq!(again.as_ref(), Ok(&written), "what is written is read again");
    Some(written)
}

/// A saved audit that somebody hands over.
fn saved(data: &[u8]) {
    let Some(Ok(report)) = text(data).map(json::parse) else { return };
    let shown = terminal::render(&report, Look { columns: 80, colour: false });
    assert!(!shown.contains(|letter: char| letter.is_control() && letter != '\n'));
}
