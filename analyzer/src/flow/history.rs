//! What happened on a flow, one letter an event, and the state it left behind.
//!
//! Source: Zeek's documentation of `conn.log`, fields `history` and `conn_state`.
//! Left out: `x` (an analyser gave up) and states that need more than packets.

use crate::flow::record::{Facts, Span};
use crate::net::{Pair, Side, Transport};

/// Letters kept of a flow. `ShADadFf` takes eight; sixteen more cover repeated handshakes and losses,
/// and a flow with more of them is told well enough by its first.
pub const LETTERS: usize = 20;

/// An event that a letter stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Event {
    Syn,
    SynAck,
    Ack,
    Data,
    Fin,
    Reset,
    /// SYN with FIN or RST.
    Odd,
    /// FIN with RST.
    Inconsistent,
    BadChecksum,
    Gap,
    Retransmit,
    ZeroWindow,
}

impl Event {
    /// The letter, upper case for side A.
    pub const fn letter(self, side: Side) -> u8 {
        let letter = match self {
            Self::Syn => b's',
            Self::SynAck => b'h',
            Self::Ack => b'a',
            Self::Data => b'd',
            Self::Fin => b'f',
            Self::Reset => b'r',
            Self::Odd => b'q',
            Self::Inconsistent => b'i',
            Self::BadChecksum => b'c',
            Self::Gap => b'g',
            Self::Retransmit => b't',
            Self::ZeroWindow => b'w',
        };
        match side {
            Side::A => letter.to_ascii_uppercase(),
            Side::B => letter,
        }
    }

    /// Whether it is written again when its sequence number changes.
    pub const fn is_numbered(self) -> bool {
        matches!(self, Self::Syn | Self::SynAck | Self::Fin | Self::Reset)
    }
}

/// The letters of a flow in the table: upper case for side A, in the order of events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Letters {
    letters: [u8; LETTERS],
    len: u8,
    /// A bit for each event and side that was met.
    seen: u32,
}

impl Letters {
    /// Whether the event was met.
    pub fn has(&self, event: Event, side: Side) -> bool {
        self.seen & Self::bit(event, side) != 0
    }

    const fn bit(event: Event, side: Side) -> u32 {
        1 << (event as u32 * 2 + side as u32)
    }

    /// Notes an event that is written once.
    pub fn once(&mut self, event: Event, side: Side) {
        if !self.has(event, side) {
            self.again(event, side);
        }
    }

    /// Writes the event, whether or not it was met before.
    pub fn again(&mut self, event: Event, side: Side) {
        self.seen |= Self::bit(event, side);
        if let Some(place) = self.letters.get_mut(usize::from(self.len)) {
            *place = event.letter(side);
            self.len += 1;
        }
    }

    /// Notes the `count`th of events that are written at 1, 10, 100 ...
    pub fn scaled(&mut self, event: Event, side: Side, count: u64) {
        if is_power_of_ten(count) {
            self.again(event, side);
        }
    }

    /// The letters, upper case for side A.
    pub fn as_bytes(&self) -> &[u8] {
        self.letters.get(..usize::from(self.len)).unwrap_or_default()
    }
}

fn is_power_of_ten(mut count: u64) -> bool {
    while count >= 10 && count.is_multiple_of(10) {
        count /= 10;
    }
    count == 1
}

/// The letters of two parts of a flow as one: what Zeek writes once is written once, and of what it writes at
/// 1, 10, 100 only the first is kept of the second part.
pub fn joined_letters(earlier: &Facts, later: &Facts) -> Vec<u8> {
    let mut letters = earlier.letters.clone();
    let mut is_first = [true; 256];
    for &letter in &later.letters {
        let side = if letter.is_ascii_uppercase() { Side::A } else { Side::B };
        let kind = letter.to_ascii_lowercase();
        let kind = if kind == b'h' { b's' } else { kind };
        let spans = match kind {
            b's' => Some((&earlier.syn, &later.syn)),
            b'f' => Some((&earlier.fin, &later.fin)),
            b'r' => Some((&earlier.reset, &later.reset)),
            _ => None,
        };
        let slot = is_first.get_mut(usize::from(kind ^ if side == Side::A { 0x20 } else { 0 }));
        let was_first = slot.is_some_and(|slot| std::mem::replace(slot, false));
        let is_known = match spans {
            Some((a, b)) => was_first && is_same(a[side], b[side]),
            None => earlier.letters.contains(&letter) || !was_first,
        };
        if !is_known {
            letters.push(letter);
        }
    }
    letters
}

fn is_same(earlier: Option<Span>, later: Option<Span>) -> bool {
    earlier.zip(later).is_some_and(|(earlier, later)| earlier.last == later.first)
}

/// Zeek's `history`: upper case for the initiator, `^` in front where the initiator is not who spoke first.
pub fn history(letters: &[u8], initiator: Side) -> String {
    let flip = initiator == Side::B;
    let shown = letters.iter().map(|&letter| {
        let swapped = if letter.is_ascii_uppercase() {
            letter.to_ascii_lowercase()
        } else {
            letter.to_ascii_uppercase()
        };
        char::from(if flip { swapped } else { letter })
    });
    flip.then_some('^').into_iter().chain(shown).collect()
}

/// Where a side's letters have brought it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Ending {
    #[default]
    Inactive,
    SynSent,
    Partial,
    Established,
    Closed,
    Reset,
    /// A RST behind its own FIN.
    ClosedReset,
}

/// Zeek's `conn_state` for these letters; `has_payload` tells a refusal from a reset for two resets.
pub fn conn_state(transport: Transport, letters: &[u8], initiator: Side, has_payload: bool) -> &'static str {
    if transport != Transport::Tcp {
        let spoke = |side: Side| letters.contains(&Event::Data.letter(side));
        return match (spoke(initiator), spoke(initiator.other())) {
            (true, true) => "SF",
            (true, false) => "S0",
            (false, true) => "SHR",
            (false, false) => "OTH",
        };
    }
    let mut ends = Pair([Ending::Inactive; 2]);
    for &letter in letters {
        let side = if letter.is_ascii_uppercase() { Side::A } else { Side::B };
        let peer = side.other();
        let is_responder = side != initiator;
        let (own, other) = (ends[side], ends[peer]);
        match (letter.to_ascii_lowercase(), own, other) {
            (b's' | b'h', Ending::Inactive, Ending::SynSent) => ends = Pair([Ending::Established; 2]),
            (b'h', Ending::Inactive, _) => ends[side] = Ending::Established,
            (b's', Ending::Inactive, _) => ends[side] = Ending::SynSent,
            (b's', Ending::Partial, Ending::Inactive) => ends[side] = Ending::SynSent,
            (b'a' | b'd', Ending::Inactive, Ending::Established) => ends[side] = Ending::Established,
            (b'a', Ending::Inactive, Ending::SynSent) if is_responder => {}
            (b'a' | b'd', Ending::Inactive, _) => ends[side] = Ending::Partial,
            (b'f', Ending::Reset | Ending::ClosedReset, _) => {}
            (b'f', _, Ending::ClosedReset) => ends = Pair([Ending::Closed; 2]),
            (b'f', _, _) => ends[side] = Ending::Closed,
            (b'r' | b'i', Ending::Closed, Ending::Closed) => {}
            (b'r' | b'i', Ending::Closed, _) => ends[side] = Ending::ClosedReset,
            (b'r' | b'i', _, _) => ends[side] = Ending::Reset,
            _ => {}
        }
    }
    for side in Side::BOTH {
        if ends[side] == Ending::ClosedReset {
            ends[side] = Ending::Reset;
        }
    }
    let (own, peer) = (ends[initiator], ends[initiator.other()]);
    let is_quiet = |end| matches!(end, Ending::Inactive | Ending::Partial);
    match (own, peer) {
        (Ending::SynSent, Ending::Reset) => "REJ",
        (Ending::Reset, Ending::Reset) if !has_payload => "REJ",
        (own, Ending::Reset) if is_quiet(own) => "RSTRH",
        (_, Ending::Reset) => "RSTR",
        (Ending::Reset, peer) if is_quiet(peer) => "RSTOS0",
        (Ending::Reset, _) => "RSTO",
        (Ending::Closed, Ending::Closed) => "SF",
        (Ending::Closed, peer) if is_quiet(peer) => "SH",
        (Ending::Closed, _) => "S2",
        (own, Ending::Closed) if is_quiet(own) => "SHR",
        (_, Ending::Closed) => "S3",
        (Ending::SynSent, Ending::Inactive) => "S0",
        (Ending::Established, Ending::Established) => "S1",
        _ => "OTH",
    }
}
