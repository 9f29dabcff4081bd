//! Reassembly of the first bytes of each side, in bounded memory.
//!
//! Source: RFC 9293 section 3.4 (sequence numbers), section 3.8.4 (keep-alive probes).
//! Left out: bytes behind [`OPENING_BYTES`]; who sent which of two conflicting bytes the receiver took.

use crate::flow::opening::{End, OPENING_BYTES, OPENING_DATAGRAMS, Opening, Said, Start};
use crate::net::{Pair, Side, Transport};

/// Segments of a side held until the bytes before them come. Twelve full Ethernet segments' worth of small
/// writes already overrun [`OPENING_BYTES`] of useful reordering; an attacker gets no more than this.
pub const PENDING_SEGMENTS: usize = 16;

/// Bytes ahead of the next expected one from which missing bytes count as lost: a window without scaling
/// (RFC 9293 section 3.1) that the sender would not overrun without an acknowledgement.
pub const GAP_BYTES: u32 = 65_535;

/// A segment further than this from the expected sequence number belongs to something else and is not
/// stitched in: sixteen times the bandwidth-delay product of 10 Gbit/s and 1 ms, rounded up.
pub const SANE_BYTES: u32 = 1 << 24;

/// How far `to` lies ahead of `from` in sequence space; negative when it lies behind.
pub fn ahead(from: u32, to: u32) -> i64 {
    i64::from(to.wrapping_sub(from) as i32)
}

/// The opening of one flow in the making.
#[derive(Clone, Debug, Default)]
pub struct Assembly {
    pub opening: Opening,
    streams: Pair<Stream>,
    /// Bytes that came twice with different values; the first were kept.
    pub conflicts: u32,
}

#[derive(Clone, Debug, Default)]
struct Stream {
    /// The sequence number of byte 0.
    base: Option<u32>,
    /// Segments ahead of the contiguous bytes: offset and bytes, in order, none overlapping.
    pending: Vec<(u32, Vec<u8>)>,
    /// Offset behind the last byte of the side, by its FIN.
    fin: Option<u32>,
    /// Offset at which the snap length cut.
    cut: Option<u32>,
    /// Offset of the furthest byte that was sent or acknowledged.
    proven: u32,
    /// The other side acknowledged bytes that are not here.
    acknowledged: u32,
    /// The flow was reset, or ended.
    over: bool,
}

/// One TCP segment's payload.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Sequence number of its first payload byte.
    pub seq: u32,
    pub bytes: &'a [u8],
    /// Length on the wire.
    pub wire_bytes: u32,
}

/// Assemblies that wait for their next flow: as many as flows begin while one is looked at, and no more.
const MAX_SPARES: usize = 64;

/// Assemblies between two flows, with the memory that they gathered.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "the boxes go to flows and come back as they are")]
pub struct Spares(Vec<Box<Assembly>>);

impl Spares {
    /// An empty assembly for this transport.
    pub fn take(&mut self, transport: Transport) -> Box<Assembly> {
        match self.0.pop() {
            Some(mut spare) => {
                spare.clear(transport);
                spare
            }
            None => Box::new(Assembly::new(transport)),
        }
    }

    /// Keeps an assembly for its next use.
    pub fn give(&mut self, assembly: Box<Assembly>) {
        if self.0.len() < MAX_SPARES {
            self.0.push(assembly);
        }
    }
}

impl Assembly {
    /// Makes it as [`Assembly::new`] does, but for the memory that it holds.
    fn clear(&mut self, transport: Transport) {
        let sides = std::mem::take(&mut self.opening.sides).0.map(|mut said| {
            said.bytes.clear();
            said.ends.clear();
            Said { bytes: said.bytes, ends: said.ends, ..Said::default() }
        });
        *self = Self { opening: Opening { transport, sides: Pair(sides), first: None }, ..Self::default() };
    }

    /// An empty one for this transport.
    pub fn new(transport: Transport) -> Self {
        Self { opening: Opening { transport, ..Opening::default() }, ..Self::default() }
    }

    /// The first byte that `side` ever sends has this sequence number. What was stitched from another
    /// number is kept only where it agrees.
    pub fn begin(&mut self, side: Side, seq: u32) {
        let stream = &mut self.streams[side];
        let said = &mut self.opening.sides[side];
        match stream.base {
            None => {
                stream.base = Some(seq);
                said.start = Start::First;
            }
            Some(base) if base == seq => said.start = Start::First,
            Some(base) if said.start == Start::Midstream => {
                let shift = ahead(seq, base);
                if shift > 0 && shift < OPENING_BYTES as i64 {
                    let shift = shift as u32;
                    let held = std::mem::take(&mut said.bytes);
                    stream.base = Some(seq);
                    for (offset, _) in &mut stream.pending {
                        *offset += shift;
                    }
                    for at in [&mut stream.fin, &mut stream.cut].into_iter().flatten() {
                        *at += shift;
                    }
                    stream.proven += shift;
                    stream.acknowledged =
                        if stream.acknowledged > 0 { stream.acknowledged + shift } else { 0 };
                    stream.pending.insert(0, (shift, held));
                    stream.pending.truncate(PENDING_SEGMENTS);
                    stream.pending.retain_mut(|(offset, bytes)| {
                        bytes.truncate(OPENING_BYTES.saturating_sub(*offset as usize));
                        !bytes.is_empty()
                    });
                    said.start = Start::First;
                }
            }
            Some(_) => {}
        }
        self.settle(side);
    }

    /// Takes a segment in. True if the contiguous bytes or an [`End`] changed.
    pub fn segment(&mut self, side: Side, segment: Segment<'_>) -> bool {
        let Segment { seq, bytes, wire_bytes } = segment;
        let stream = &mut self.streams[side];
        let base = *stream.base.get_or_insert(seq);
        let offset = ahead(base, seq);
        let held = self.opening.sides[side].bytes.len() as i64;
        if offset + i64::from(wire_bytes) < -i64::from(GAP_BYTES) || offset > held + i64::from(SANE_BYTES) {
            return false;
        }
        if self.opening.first.is_none() && wire_bytes > 0 {
            self.opening.first = Some(side);
        }
        let skip = usize::try_from(-offset).unwrap_or(0);
        let Some(bytes) = bytes.get(skip.min(bytes.len())..) else { return false };
        let wire_end = u32::try_from(offset + i64::from(wire_bytes)).unwrap_or(0);
        let offset = u32::try_from(offset).unwrap_or(0);
        stream.proven = stream.proven.max(wire_end);
        let captured_end = offset.saturating_add(bytes.len() as u32);
        if captured_end < wire_end && (captured_end as usize) < OPENING_BYTES {
            stream.cut = Some(stream.cut.map_or(captured_end, |cut| cut.min(captured_end)));
        }
        let held = self.opening.sides[side].bytes.len();
        self.place(side, offset, bytes);
        self.settle(side) | (self.opening.sides[side].bytes.len() != held)
    }

    /// `side` sends nothing behind this sequence number.
    pub fn fin(&mut self, side: Side, seq: u32) -> bool {
        let stream = &mut self.streams[side];
        let base = *stream.base.get_or_insert(seq);
        if let Ok(offset) = u32::try_from(ahead(base, seq)) {
            stream.fin.get_or_insert(offset);
        }
        self.settle(side)
    }

    /// The other side acknowledged what `side` sent before this sequence number.
    pub fn acknowledged(&mut self, side: Side, seq: u32) -> bool {
        let stream = &mut self.streams[side];
        let Some(base) = stream.base else { return false };
        match u32::try_from(ahead(base, seq)) {
            Ok(offset)
                if offset > stream.acknowledged && offset <= stream.proven.saturating_add(SANE_BYTES) =>
            {
                stream.acknowledged = offset;
                self.settle(side)
            }
            _ => false,
        }
    }

    /// Nothing more comes from either side.
    pub fn over(&mut self) -> bool {
        let mut changed = false;
        for side in Side::BOTH {
            if self.opening.transport == Transport::Tcp {
                self.streams[side].over = true;
                changed |= self.settle(side);
            } else if self.opening.sides[side].end == End::Open {
                self.opening.sides[side].end = End::Closed;
                changed = true;
            }
        }
        changed
    }

    /// Takes a datagram in. True if bytes or an [`End`] changed.
    pub fn datagram(&mut self, side: Side, bytes: &[u8], is_cut: bool) -> bool {
        if self.opening.first.is_none() {
            self.opening.first = Some(side);
        }
        let said = &mut self.opening.sides[side];
        said.start = Start::First;
        if said.end != End::Open {
            return false;
        }
        let room = OPENING_BYTES.saturating_sub(said.bytes.len());
        said.bytes.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        said.ends.push(said.bytes.len() as u32);
        if bytes.len() >= room {
            said.end = End::Full;
        } else if is_cut {
            said.end = End::Cut;
        } else if said.ends.len() >= OPENING_DATAGRAMS {
            said.end = End::Full;
        }
        true
    }

    /// Puts bytes where they belong: those that came first stay.
    fn place(&mut self, side: Side, offset: u32, bytes: &[u8]) {
        let stream = &mut self.streams[side];
        let said = &mut self.opening.sides[side];
        let room = OPENING_BYTES.saturating_sub(offset as usize);
        let mut bytes = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        let mut at = offset as usize;
        while let Some(held) = said.bytes.get(at..) {
            let common = held.len().min(bytes.len());
            self.conflicts = self.conflicts.saturating_add(differing(held, bytes));
            bytes = bytes.get(common..).unwrap_or_default();
            at += common;
            if bytes.is_empty() {
                return;
            }
            let until = stream.pending.first().map_or(OPENING_BYTES, |(from, _)| *from as usize);
            let fresh = bytes.get(..bytes.len().min(until.saturating_sub(at))).unwrap_or_default();
            said.bytes.extend_from_slice(fresh);
            stream.join(said);
        }
        let mut index = 0;
        while !bytes.is_empty() {
            let Some((from, held)) = stream.pending.get(index) else {
                if stream.pending.len() < PENDING_SEGMENTS {
                    stream.pending.push((at as u32, bytes.to_vec()));
                }
                break;
            };
            let (from, to) = (*from as usize, *from as usize + held.len());
            if at >= to {
                index += 1;
                continue;
            }
            if at < from {
                let before = bytes.get(..(from - at).min(bytes.len())).unwrap_or_default();
                if stream.pending.len() < PENDING_SEGMENTS {
                    stream.pending.insert(index, (at as u32, before.to_vec()));
                    index += 1;
                }
                bytes = bytes.get(before.len()..).unwrap_or_default();
                at += before.len();
                continue;
            }
            let held = held.get(at - from..).unwrap_or_default();
            let common = held.len().min(bytes.len());
            self.conflicts = self.conflicts.saturating_add(differing(held, bytes));
            bytes = bytes.get(common..).unwrap_or_default();
            at += common;
            index += 1;
        }
    }

    /// Joins what has become contiguous and finds the end anew. True if something changed.
    fn settle(&mut self, side: Side) -> bool {
        let stream = &mut self.streams[side];
        let said = &mut self.opening.sides[side];
        let joined = stream.join(said);
        let end = stream.end(said);
        let changed = end != said.end || joined;
        said.end = end;
        changed
    }
}

impl Stream {
    /// Moves what has become contiguous. True if something has.
    fn join(&mut self, said: &mut Said) -> bool {
        let mut joined = 0;
        for (offset, bytes) in &self.pending {
            if *offset as usize != said.bytes.len() {
                break;
            }
            said.bytes.extend_from_slice(bytes);
            joined += 1;
        }
        self.pending.drain(..joined);
        if self.pending.is_empty() && joined > 0 {
            self.pending = Vec::new();
        }
        joined > 0
    }

    fn end(&self, said: &Said) -> End {
        let held = said.bytes.len() as u32;
        if said.bytes.len() >= OPENING_BYTES {
            End::Full
        } else if self.fin == Some(held) {
            End::Closed
        } else if self.cut == Some(held) {
            End::Cut
        } else if self.acknowledged > held && self.fin.is_none_or(|fin| fin > held)
            || self.pending.len() >= PENDING_SEGMENTS
            || self.proven > held.saturating_add(GAP_BYTES)
            || (self.over && self.proven > held)
        {
            End::Gap
        } else if self.over {
            End::Closed
        } else {
            End::Open
        }
    }
}

/// How many of the common leading bytes differ.
fn differing(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).filter(|(a, b)| a != b).count() as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE: u32 = u32::MAX - 30;

    fn text() -> Vec<u8> {
        (0..OPENING_BYTES + 500).map(|at| (at * 7 % 251) as u8).collect()
    }

    /// What is held after these segments of [`text`] (from, to), from its first byte.
    fn hear(segments: &[(usize, usize)]) -> (Vec<u8>, End, u32) {
        let text = text();
        let mut assembly = Assembly::new(Transport::Tcp);
        assembly.begin(Side::A, BASE);
        for &(from, to) in segments {
            let bytes = &text[from..to];
            let seq = BASE.wrapping_add(from as u32);
            assembly.segment(Side::A, Segment { seq, bytes, wire_bytes: bytes.len() as u32 });
        }
        let said = &assembly.opening.sides[Side::A];
        (said.bytes.clone(), said.end, assembly.conflicts)
    }

    fn check(segments: &[(usize, usize)], held: usize, end: End) {
        assert_eq!(hear(segments), (text()[..held].to_vec(), end, 0));
    }

    #[test]
    fn segments_come_in_any_order_and_overlap() {
        check(&[(0, 10), (10, 20)], 20, End::Open);
        check(&[(10, 20), (0, 10)], 20, End::Open);
        check(&[(10, 20), (5, 25), (0, 7)], 25, End::Open);
        check(&[(30, 40), (10, 20), (0, 40)], 40, End::Open);
        check(&[(0, 10), (0, 10), (3, 12)], 12, End::Open);
        check(&[(0, OPENING_BYTES + 300)], OPENING_BYTES, End::Full);
        check(&[(OPENING_BYTES - 1, OPENING_BYTES + 300), (0, OPENING_BYTES)], OPENING_BYTES, End::Full);
    }

    #[test]
    fn a_late_syn_makes_room_for_what_came_before() {
        let text = text();
        let mut assembly = Assembly::new(Transport::Tcp);
        let bytes = &text[100..OPENING_BYTES + 100];
        let segment = Segment { seq: BASE.wrapping_add(100), bytes, wire_bytes: bytes.len() as u32 };
        assembly.segment(Side::A, segment);
        assembly.begin(Side::A, BASE);
        assert!(assembly.opening.sides[Side::A].bytes.is_empty());
        assembly.segment(Side::A, Segment { seq: BASE, bytes: &text[..100], wire_bytes: 100 });
        let said = &assembly.opening.sides[Side::A];
        assert_eq!((&said.bytes[..], said.start), (&text[..OPENING_BYTES], Start::First));
    }

    #[test]
    fn too_many_pieces_ahead_are_a_gap_until_it_is_filled() {
        let mut pieces: Vec<_> = (1..=PENDING_SEGMENTS).map(|piece| (piece * 10, piece * 10 + 5)).collect();
        check(&pieces, 0, End::Gap);
        pieces.push((0, 10));
        check(&pieces, 15, End::Open);
    }

    proptest! {
        #[test]
        fn what_is_held_is_always_a_prefix(
            cuts in proptest::collection::btree_set(0..OPENING_BYTES, 2..PENDING_SEGMENTS),
            overlap in 0..100usize,
            order in any::<prop::sample::Index>(),
        ) {
            let cuts: Vec<_> = cuts.into_iter().collect();
            let mut segments: Vec<_> = cuts
                .windows(2)
                .map(|pair| (pair[0].saturating_sub(overlap), pair[1] + overlap))
                .collect();
            segments.push((0, cuts[0] + 1));
            let middle = order.index(segments.len());
            segments.rotate_left(middle);
            if middle % 2 == 0 {
                segments.reverse();
            }
            let (held, _, conflicts) = hear(&segments);
            let reach = (cuts[cuts.len() - 1] + overlap).clamp(1, OPENING_BYTES);
            prop_assert_eq!(conflicts, 0);
            prop_assert_eq!(held, &text()[..reach]);
        }
    }
}
