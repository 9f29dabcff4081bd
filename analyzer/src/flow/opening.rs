//! The opening: the first bytes of each side of a flow, and what is known about them.
//!
//! A probe sees a [`View`] of it and nothing else: no port, no address, no row.

use crate::net::{Pair, Side, Transport};

/// Bytes of each side kept for probes. A Kafka request header fits in 64, a TLS ClientHello with a
/// post-quantum key share in 1,800, one behind a mail server's STARTTLS dialogue in 3,000.
pub const OPENING_BYTES: usize = 4096;

/// Datagrams of each side whose boundaries are kept.
pub const OPENING_DATAGRAMS: usize = 16;

/// What byte 0 of a side is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Start {
    /// The first byte that the side ever sent: its SYN was seen, or the transport has none (UDP).
    First,
    /// The first byte that was seen; the side may have sent others before.
    #[default]
    Midstream,
}

/// Why there is nothing behind the bytes kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum End {
    /// More may come.
    #[default]
    Open,
    /// [`OPENING_BYTES`] are kept; the rest was not.
    Full,
    /// The next bytes are missing from the capture.
    Gap,
    /// The snap length cut them off.
    Cut,
    /// The side closed, or the flow ended: there are no more.
    Closed,
}

/// What one side said first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Said {
    pub bytes: Vec<u8>,
    pub start: Start,
    pub end: End,
    /// For UDP: where each datagram of `bytes` ends (the last of them may be cut). Empty for TCP.
    pub ends: Vec<u32>,
}

/// The opening of one flow.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Opening {
    pub transport: Transport,
    pub sides: Pair<Said>,
    /// Which side's payload came first; `None` while there is none.
    pub first: Option<Side>,
}

impl Opening {
    /// What probes may see of it.
    pub fn view(&self) -> View<'_> {
        View {
            transport: self.transport,
            first: self.first,
            sides: Pair([self.sides[Side::A].view(), self.sides[Side::B].view()]),
        }
    }

    /// Whether neither side said anything.
    pub fn is_empty(&self) -> bool {
        Side::BOTH.iter().all(|&side| self.sides[side].bytes.is_empty())
    }
}

impl Said {
    fn view(&self) -> Heard<'_> {
        Heard { bytes: &self.bytes, start: self.start, end: self.end, ends: &self.ends, skipped: 0 }
    }
}

/// A borrowed opening, or the part of one behind an upgrade (STARTTLS, CONNECT).
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub transport: Transport,
    pub first: Option<Side>,
    pub sides: Pair<Heard<'a>>,
}

/// What was heard of one side.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    pub bytes: &'a [u8],
    pub start: Start,
    pub end: End,
    ends: &'a [u32],
    skipped: usize,
}

impl<'a> View<'a> {
    /// A view for tests and tools: TCP, both sides from their first byte, more may come.
    pub fn of(a: &'a [u8], b: &'a [u8]) -> Self {
        let heard = |bytes| Heard { bytes, start: Start::First, end: End::Open, ends: &[], skipped: 0 };
        let first = if !a.is_empty() {
            Some(Side::A)
        } else if !b.is_empty() {
            Some(Side::B)
        } else {
            None
        };
        Self { transport: Transport::Tcp, first, sides: Pair([heard(a), heard(b)]) }
    }

    /// The same bytes as one UDP datagram a side.
    pub fn of_udp(a: &'a [u8], b: &'a [u8]) -> Self {
        Self { transport: Transport::Udp, ..Self::of(a, b) }
    }

    /// The same view with both sides ended by `end`.
    pub fn ended(mut self, end: End) -> Self {
        for side in Side::BOTH {
            self.sides[side].end = end;
        }
        self
    }

    /// The same view with both sides begun by `start`.
    pub fn started(mut self, start: Start) -> Self {
        for side in Side::BOTH {
            self.sides[side].start = start;
        }
        self
    }

    /// What is left behind the first `skip` bytes of each side; those are the start of something new.
    pub fn behind(&self, skip: Pair<usize>) -> Self {
        let cut = |side: Side| {
            let heard = self.sides[side];
            let skip_bytes = skip[side].min(heard.bytes.len());
            Heard {
                bytes: heard.bytes.get(skip_bytes..).unwrap_or_default(),
                skipped: heard.skipped + skip_bytes,
                ..heard
            }
        };
        Self { sides: Pair([cut(Side::A), cut(Side::B)]), first: self.first, transport: self.transport }
    }

    /// The four-eyed way to ask a probe's question: each side as the client in turn, the side that spoke
    /// first before the other. Items are (client side, what it said, what the other said).
    pub fn ways(&self) -> [(Side, Heard<'a>, Heard<'a>); 2] {
        let first = self.first.unwrap_or(Side::A);
        let way = |side: Side| (side, self.sides[side], self.sides[side.other()]);
        [way(first), way(first.other())]
    }

    /// Whether any side may still say more.
    pub fn is_open(&self) -> bool {
        Side::BOTH.iter().any(|&side| self.sides[side].end == End::Open)
    }
}

impl<'a> Heard<'a> {
    /// Whether byte 0 is the first that the side ever sent.
    pub fn is_first(&self) -> bool {
        self.start == Start::First
    }

    /// Whether more may come behind the bytes kept.
    pub fn is_open(&self) -> bool {
        self.end == End::Open
    }

    /// The UDP datagrams of this side, in order, at most [`OPENING_DATAGRAMS`]; for TCP all bytes as one.
    pub fn datagrams(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (bytes, ends, skipped) = (self.bytes, self.ends, self.skipped);
        let whole = ends.is_empty() && !bytes.is_empty();
        let mut from = 0;
        ends.iter()
            .filter_map(move |&end| {
                let end = (end as usize).checked_sub(skipped)?;
                let datagram = bytes.get(from..end)?;
                from = end;
                Some(datagram)
            })
            .chain(whole.then_some(bytes))
    }
}
