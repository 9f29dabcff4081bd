//! The record of one flow: everything a report or a verdict may want to know of it.

use std::sync::Arc;

use crate::flow::history::{Event, conn_state, history, joined_letters};
use crate::flow::initiator::Direction;
use crate::flow::opening::Opening;
use crate::net::{Endpoint, Layers, Pair, Place, Side, TimeNs, Transport};

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

impl Outcome {
    /// The name in reports and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::Refused => "refused",
            Self::Unanswered => "unanswered",
            Self::Unknown => "unknown",
        }
    }
}

/// One flow, whole or the part of it that one audit saw.
#[derive(Clone, PartialEq, Debug)]
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
    /// Payload bytes each way, on the wire, retransmissions and copies included.
    pub payload_bytes: Pair<u64>,
    /// Zeek's `conn_state` (`SF`, `S0`, `OTH` ...).
    pub conn_state: &'static str,
    /// Zeek's `history`, from the initiator's point of view.
    pub history: String,
    pub outcome: Outcome,
    /// From SYN to the acknowledgement that completes the handshake, in nanoseconds.
    pub handshake_ns: Option<u64>,
    /// From the initiator's first payload byte to the responder's, in nanoseconds;
    /// `None` where the responder spoke first.
    pub response_ns: Option<u64>,
    /// Payload bytes that the sequence numbers prove and the capture does not hold.
    pub missed_bytes: Pair<u64>,
    /// Packets seen again that were seen before (the same frame on two interfaces).
    pub duplicates: u64,
    /// Packets whose payload the snap length cut.
    pub cut_packets: u64,
    /// ICMP errors that complained of this flow.
    pub icmp_errors: u64,
    /// TCP segments far from the expected sequence numbers: not stitched in, and without effect on the state.
    pub strays: u64,
    /// Payload bytes that came twice with different values; the first were kept.
    pub conflicts: u64,
    pub layers: Arc<Layers>,
    /// The outer flow of a decapsulated tunnel: the tunnel's name.
    pub carrier: Option<&'static str>,
    /// The first bytes of each side; `None` once they were looked at and let go, or if there were none.
    pub opening: Option<Box<Opening>>,
    /// What the fields above that do not simply add up are computed from.
    pub facts: Facts,
}

/// The first and the last of something that may come again, such as the sequence number of a SYN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub first: u32,
    pub last: u32,
}

/// What a record remembers so that two of them can be joined. Sides are those of the record.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// The events in order, in Zeek's letters: upper case for side A.
    pub letters: Vec<u8>,
    /// The sequence numbers of SYN, FIN and RST.
    pub syn: Pair<Option<Span>>,
    pub fin: Pair<Option<Span>>,
    pub reset: Pair<Option<Span>>,
    /// The side that the first SYN or SYN-ACK shows to have begun.
    pub opener: Option<Side>,
    /// When each side's first payload came.
    pub payload_ns: Pair<Option<TimeNs>>,
    /// An ICMP error said that the other end, its port or the way to it is closed.
    pub is_unreachable: bool,
    /// The direction was found in the payload, by a higher floor.
    pub spoke_as_client: Option<Side>,
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

    /// Takes the payload's word for who is the client, unless a handshake was seen.
    pub fn spoke_as_client(&mut self, side: Side) {
        self.facts.spoke_as_client.get_or_insert(side);
        self.conclude();
    }

    /// The record of a flow from those of its first and its second part.
    ///
    /// Associative. Equal to recording the whole, but for what only the whole shows: a handshake time or a loss
    /// across the cut, a retransmission or copy of what was sent before it, where in `history` the tenth
    /// `t` or `w` came, letters beyond [`crate::flow::history::LETTERS`], and an opening that goes on behind the cut.
    pub fn join(earlier: Self, later: Self) -> Self {
        let swapped = earlier.ends[Side::A] != later.ends[Side::A];
        let later = if swapped { later.turned() } else { later };
        let add = |a: Pair<u64>, b: Pair<u64>| {
            Pair([a[Side::A].saturating_add(b[Side::A]), a[Side::B].saturating_add(b[Side::B])])
        };
        let mut joined = Self {
            first_ns: earlier.first_ns.min(later.first_ns),
            last_ns: earlier.last_ns.max(later.last_ns),
            packets: add(earlier.packets, later.packets),
            bytes: add(earlier.bytes, later.bytes),
            payload_bytes: add(earlier.payload_bytes, later.payload_bytes),
            missed_bytes: add(earlier.missed_bytes, later.missed_bytes),
            duplicates: earlier.duplicates.saturating_add(later.duplicates),
            cut_packets: earlier.cut_packets.saturating_add(later.cut_packets),
            icmp_errors: earlier.icmp_errors.saturating_add(later.icmp_errors),
            strays: earlier.strays.saturating_add(later.strays),
            conflicts: earlier.conflicts.saturating_add(later.conflicts),
            handshake_ns: earlier.handshake_ns.or(later.handshake_ns),
            carrier: earlier.carrier.or(later.carrier),
            opening: earlier.opening.or(later.opening),
            facts: Facts::join(earlier.facts, later.facts),
            ..earlier
        };
        joined.conclude();
        joined
    }

    /// The same record with its sides exchanged.
    fn turned(self) -> Self {
        fn turn<T>(Pair([a, b]): Pair<T>) -> Pair<T> {
            Pair([b, a])
        }
        let letters = self.facts.letters.iter().map(|letter| letter ^ 0x20).collect();
        Self {
            ends: turn(self.ends),
            initiator: self.initiator.other(),
            packets: turn(self.packets),
            bytes: turn(self.bytes),
            payload_bytes: turn(self.payload_bytes),
            missed_bytes: turn(self.missed_bytes),
            opening: self.opening.map(|mut opening| {
                let Opening { sides, first, .. } = &mut *opening;
                sides.0.swap(0, 1);
                *first = first.map(Side::other);
                opening
            }),
            facts: Facts {
                letters,
                syn: turn(self.facts.syn),
                fin: turn(self.facts.fin),
                reset: turn(self.facts.reset),
                opener: self.facts.opener.map(Side::other),
                payload_ns: turn(self.facts.payload_ns),
                is_unreachable: self.facts.is_unreachable,
                spoke_as_client: self.facts.spoke_as_client.map(Side::other),
            },
            ..self
        }
    }

    /// Computes from the facts what follows from them.
    pub fn conclude(&mut self) {
        let facts = &self.facts;
        (self.initiator, self.direction) = if self.transport == Transport::Tcp {
            match (facts.opener, facts.spoke_as_client) {
                (Some(side), _) => (side, Direction::Handshake),
                (None, Some(side)) => (side, Direction::Protocol),
                (None, None) => (Side::A, Direction::Unseen),
            }
        } else {
            match facts.spoke_as_client {
                Some(side) => (side, Direction::Protocol),
                None => (Side::A, Direction::FirstDatagram),
            }
        };
        let has_payload = Side::BOTH.iter().any(|&side| self.payload_bytes[side] > 0);
        self.conn_state = conn_state(self.transport, &facts.letters, self.initiator, has_payload);
        self.history = history(&facts.letters, self.initiator);
        self.outcome = facts.outcome(self.transport);
        let answered = (facts.payload_ns[self.initiator], facts.payload_ns[self.initiator.other()]);
        self.response_ns = match answered {
            (Some(asked), Some(answered)) => answered.checked_sub(asked),
            _ => None,
        };
    }
}

impl Facts {
    fn join(earlier: Self, later: Self) -> Self {
        let letters = joined_letters(&earlier, &later);
        let span = |a: Pair<Option<Span>>, b: Pair<Option<Span>>| {
            let side = |side: Side| match (a[side], b[side]) {
                (Some(a), Some(b)) => Some(Span { first: a.first, last: b.last }),
                (a, b) => a.or(b),
            };
            Pair([side(Side::A), side(Side::B)])
        };
        let sooner = |side: Side| match (earlier.payload_ns[side], later.payload_ns[side]) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self {
            letters,
            syn: span(earlier.syn, later.syn),
            fin: span(earlier.fin, later.fin),
            reset: span(earlier.reset, later.reset),
            opener: earlier.opener.or(later.opener),
            payload_ns: Pair([sooner(Side::A), sooner(Side::B)]),
            is_unreachable: earlier.is_unreachable || later.is_unreachable,
            spoke_as_client: earlier.spoke_as_client.or(later.spoke_as_client),
        }
    }

    fn has(&self, event: Event, side: Side) -> bool {
        self.letters.contains(&event.letter(side))
    }

    fn outcome(&self, transport: Transport) -> Outcome {
        let spoke = |side| self.has(Event::Data, side);
        if spoke(Side::A) && spoke(Side::B) {
            return Outcome::Established;
        }
        if transport != Transport::Tcp {
            return if self.is_unreachable { Outcome::Refused } else { Outcome::Unanswered };
        }
        let took_part = |side: Side| {
            [Event::SynAck, Event::Ack, Event::Data, Event::Fin].iter().any(|&event| self.has(event, side))
        };
        match self.opener {
            Some(opener) => {
                let (own, peer) = (opener, opener.other());
                let is_answered = took_part(peer) || self.has(Event::Syn, peer);
                if is_answered && (self.has(Event::Syn, own) || took_part(own)) {
                    Outcome::Established
                } else if is_answered {
                    Outcome::Unknown
                } else if self.has(Event::Reset, peer) || self.is_unreachable {
                    Outcome::Refused
                } else if took_part(own) {
                    Outcome::Unknown
                } else {
                    Outcome::Unanswered
                }
            }
            None if took_part(Side::A) && took_part(Side::B) => Outcome::Established,
            None => Outcome::Unknown,
        }
    }
}
