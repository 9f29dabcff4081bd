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

impl Assembly {
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
        if let Some(held) = said.bytes.get(at..) {
            let common = held.len().min(bytes.len());
            self.conflicts = self.conflicts.saturating_add(differing(held, bytes));
            bytes = bytes.get(common..).unwrap_or_default();
            at += common;
        }
        if bytes.is_empty() {
            return;
        }
        if at == said.bytes.len() && stream.pending.is_empty() {
            said.bytes.extend_from_slice(bytes);
            return;
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
        let joined = stream
            .pending
            .iter()
            .take_while(|(offset, bytes)| {
                let next = *offset as usize == said.bytes.len();
                if next {
                    said.bytes.extend_from_slice(bytes);
                }
                next
            })
            .count();
        stream.pending.drain(..joined);
        if stream.pending.is_empty() && joined > 0 {
            stream.pending = Vec::new();
        }
        let end = stream.end(said);
        let changed = end != said.end || joined > 0;
        said.end = end;
        changed
    }
}

impl Stream {
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
