//! The state of one flow in the table: compact, and fed packet by packet.
//!
//! Source: RFC 9293 section 3 (TCP), RFC 5961 (what an endpoint believes of a stray RST or SYN), RFC 7413
//! (data in a SYN), IEEE 802.3 clause 3.2.8 (padding).

use crate::flow::claim::Claim;
use crate::flow::copies::Recent;
use crate::flow::history::{Event, Letters};
use crate::flow::key::Key;
use crate::flow::record::{Facts, Span};
use crate::flow::stream::{Assembly, SANE_BYTES, Segment, Spares, ahead};
use crate::net::{Endpoint, Pair, Place, Side, TimeNs, Transport};
use crate::packet::view::{Packet, flag};

/// A RST further than this from the expected sequence number is a stray: no receiver without window scaling
/// would take it.
pub const RESET_WINDOW: i64 = 65_535;

/// IP bytes that fill an Ethernet frame to its least size, without and with the frame check sequence behind them.
const LEAST_IP_BYTES: [u32; 2] = [46, 50];

/// Padding behind IP and TCP headers without options in such a packet.
const PADDING: [u8; 6] = [0; 6];

const NEVER: TimeNs = TimeNs::MAX;

/// The state of a flow.
#[derive(Clone, Debug)]
pub struct Flow {
    pub key: Key,
    pub layers: u32,
    pub first_ns: TimeNs,
    pub last_ns: TimeNs,
    pub first: Place,
    pub packets: Pair<u64>,
    pub bytes: Pair<u64>,
    pub payload_bytes: Pair<u64>,
    halves: Pair<Half>,
    syn_ns: TimeNs,
    handshake_ns: u64,
    payload_ns: Pair<TimeNs>,
    letters: Letters,
    bits: u8,
    /// A print of the first bytes of each side, with how many they are in its low bits; 0 for none.
    heads: Pair<u32>,
    recent: Recent,
    pub assembly: Option<Box<Assembly>>,
    rare: Option<Box<Rare>>,
}

/// What one side's sequence numbers told.
#[derive(Clone, Copy, Debug, Default)]
struct Half {
    isn: u32,
    /// Behind the furthest byte sent or acknowledged.
    next: u32,
    /// Missing bytes: from, to. Empty where equal.
    hole: (u32, u32),
    fin: u32,
    reset: u32,
    known: u8,
}

const ISN: u8 = 1;
const NEXT: u8 = 2;
const FIN: u8 = 4;
const RESET: u8 = 8;
/// The hole was acknowledged once.
const HOLE_ACKED: u8 = 16;
const SYN_SENT: u8 = 32;

const OPENER_A: u8 = 1;
const OPENER_B: u8 = 2;
const CLOSED: u8 = 4;
const LET_GO: u8 = 8;
const COMPLETE: u8 = 16;
const UNREACHABLE: u8 = 32;
/// One side sent a SYN-ACK to no SYN, and a SYN besides: neither shows who began.
const CONTRADICTED: u8 = 64;

/// Bytes of each side by which a forged beginning is told once the opening was let go.
const HEAD_BYTES: usize = 16;

/// What most flows do not have.
#[derive(Clone, Debug, Default)]
pub struct Rare {
    pub duplicates: u64,
    pub cut_packets: u64,
    pub icmp_errors: u64,
    pub strays: u64,
    pub conflicts: u64,
    pub missed_bytes: Pair<u64>,
    pub carrier: Option<&'static str>,
    bad_checksums: Pair<u64>,
    gaps: Pair<u64>,
    retransmits: Pair<u64>,
    zero_windows: Pair<u64>,
    first_syn: Pair<Option<u32>>,
    first_fin: Pair<Option<u32>>,
    first_reset: Pair<Option<u32>>,
    /// A SYN on a live flow, until it is known whether it begins another.
    claim: Option<Claim>,
    /// Where a stray segment ended; the next one there is believed.
    stray: Pair<Option<u32>>,
    /// What the opener's SYN carried, until its answer says whether it was taken.
    early: Option<Early>,
}

/// Data in a SYN, as captured; `wire_bytes` on the wire.
#[derive(Clone, Debug)]
struct Early {
    seq: u32,
    bytes: Box<[u8]>,
    wire_bytes: u32,
}

/// What a packet does to the flow that its five-tuple finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fit {
    Belongs,
    /// It begins another flow on the same five-tuple.
    Begins,
}

/// The bits of a head that hold its length.
const HEAD_LENGTH: u32 = 31;

/// A print of the first `most` bytes (FNV-1a), with how many there are in the low bits.
fn head(bytes: &[u8], most: usize) -> u32 {
    let bytes = bytes.get(..most.min(bytes.len())).unwrap_or_default();
    let print =
        bytes.iter().fold(0x811c_9dc5u32, |print, &byte| (print ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (print & !HEAD_LENGTH) | bytes.len() as u32
}

impl Flow {
    /// A flow that begins with this packet, which is yet to be taken.
    pub fn new(key: Key, layers: u32, packet: &Packet<'_>) -> Self {
        let rare = packet.carrier.map(|carrier| Box::new(Rare { carrier: Some(carrier), ..Rare::default() }));
        Self {
            key,
            layers,
            first_ns: packet.time_ns,
            last_ns: packet.time_ns,
            first: packet.place,
            packets: Pair::default(),
            bytes: Pair::default(),
            payload_bytes: Pair::default(),
            halves: Pair::default(),
            syn_ns: NEVER,
            handshake_ns: NEVER,
            payload_ns: Pair([NEVER; 2]),
            letters: Letters::default(),
            bits: 0,
            heads: Pair::default(),
            recent: Recent::default(),
            assembly: None,
            rare,
        }
    }

    /// Both ends; for ICMP the type and, behind an unanswered type, the code.
    pub fn ends(&self) -> Pair<Endpoint> {
        let port = |side: Side| {
            if self.key.transport.is_icmp() && side == Side::B && !self.key.is_one_way {
                0
            } else {
                self.key.ports[side]
            }
        };
        Pair(Side::BOTH.map(|side| Endpoint { address: self.key.addresses[side], port: port(side) }))
    }

    /// Who a SYN or SYN-ACK shows to have begun.
    pub fn opener(&self) -> Option<Side> {
        if self.bits & CONTRADICTED != 0 {
            None
        } else if self.bits & OPENER_A != 0 {
            Some(Side::A)
        } else if self.bits & OPENER_B != 0 {
            Some(Side::B)
        } else {
            None
        }
    }

    /// Whether both sides closed it, or one reset it.
    pub fn is_closed(&self) -> bool {
        self.bits & CLOSED != 0
    }

    /// Whether only one side was heard.
    pub fn is_unanswered(&self) -> bool {
        self.packets[Side::A] == 0 || self.packets[Side::B] == 0
    }

    /// Whether it is a SYN, or some, and nothing else came.
    pub fn is_attempt(&self) -> bool {
        self.is_unanswered() && self.opener() == Some(Side::A) && !self.letters.has(Event::Data, Side::A)
    }

    /// What is rare of it, if anything is.
    pub fn rare(&self) -> Option<&Rare> {
        self.rare.as_deref()
    }

    fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// From SYN to the acknowledgement that completes the handshake.
    pub fn handshake_ns(&self) -> Option<u64> {
        (self.handshake_ns != NEVER).then_some(self.handshake_ns)
    }

    /// Lets the opening go and gathers no other.
    pub fn let_go(&mut self) -> Option<Box<Assembly>> {
        if let Some(assembly) = &self.assembly
            && self.key.transport == Transport::Tcp
        {
            for side in Side::BOTH {
                self.heads[side] = head(&assembly.opening.sides[side].bytes, HEAD_BYTES);
            }
        }
        self.bits |= LET_GO;
        self.assembly.take()
    }

    /// Whether payload would begin an opening.
    pub fn may_open(&self) -> bool {
        self.assembly.is_none() && self.bits & LET_GO == 0
    }

    /// Notes an ICMP error about a packet of this flow.
    pub fn complained(&mut self, is_unreachable: bool) {
        let rare = self.rare_mut();
        rare.icmp_errors = rare.icmp_errors.saturating_add(1);
        if is_unreachable {
            self.bits |= UNREACHABLE;
        }
    }

    /// Whether the packet, sent by `side`, belongs to this flow or begins another.
    pub fn fit(&self, packet: &Packet<'_>, side: Side) -> Fit {
        if packet.transport != Transport::Tcp || !packet.checksum_ok {
            return Fit::Belongs;
        }
        let tcp = packet.tcp;
        let own = &self.halves[side];
        if tcp.flags & flag::SYN == 0 || tcp.flags & (flag::FIN | flag::RST) != 0 {
            let claim = self.rare().and_then(|rare| rare.claim);
            let follows = claim.is_some_and(|claim| claim.agrees(packet, side));
            return if follows { Fit::Begins } else { Fit::Belongs };
        }
        if own.known & ISN != 0 && own.isn == tcp.seq {
            return Fit::Belongs;
        }
        if tcp.flags & flag::ACK != 0 {
            let claim = self.rare().and_then(|rare| rare.claim);
            let answers = claim.is_some_and(|claim| claim.agrees(packet, side));
            let is_other = own.known & ISN != 0 && self.is_closed();
            return if answers || is_other { Fit::Begins } else { Fit::Belongs };
        }
        if self.is_closed() || own.known & FIN != 0 {
            return Fit::Begins;
        }
        let is_half_open = self.bits & COMPLETE == 0
            && own.known & SYN_SENT != 0
            && !self.letters.has(Event::Data, side)
            && !self.letters.has(Event::Ack, side);
        if is_half_open { Fit::Begins } else { Fit::Belongs }
    }

    /// Gives back the SYN that this packet shows to have begun another flow; its counts leave this one.
    pub fn release_claim(&mut self, packet: &Packet<'_>, side: Side) -> Option<Claim> {
        let claim = self.rare()?.claim?;
        if !claim.agrees(packet, side) {
            return None;
        }
        self.rare_mut().claim = None;
        let counts = [
            (&mut self.packets, claim.packets),
            (&mut self.bytes, claim.bytes),
            (&mut self.payload_bytes, claim.payload_bytes),
        ];
        for (count, taken) in counts {
            count[claim.side] = count[claim.side].saturating_sub(u64::from(taken));
        }
        Some(claim)
    }

    /// Takes a packet of `side` in. Without `opens`, no opening may be begun. True if the opening grew.
    pub fn take(&mut self, packet: &Packet<'_>, side: Side, opens: Option<&mut Spares>) -> bool {
        self.packets[side] = self.packets[side].saturating_add(u64::from(packet.packets));
        self.bytes[side] = self.bytes[side].saturating_add(u64::from(packet.ip_bytes));
        self.payload_bytes[side] = self.payload_bytes[side].saturating_add(u64::from(packet.payload_bytes));
        let is_copy = self.recent.is_copy(packet, side, self.last_ns);
        self.first_ns = self.first_ns.min(packet.time_ns);
        self.last_ns = self.last_ns.max(packet.time_ns);
        if is_copy {
            let rare = self.rare_mut();
            rare.duplicates = rare.duplicates.saturating_add(1);
            return false;
        }
        if packet.is_cut() {
            let rare = self.rare_mut();
            rare.cut_packets = rare.cut_packets.saturating_add(1);
        }
        if !packet.checksum_ok {
            self.count(Event::BadChecksum, side);
            return false;
        }
        match packet.transport {
            Transport::Tcp => self.segment(packet, side, opens),
            _ => self.datagram(packet, side, opens),
        }
    }

    fn datagram(&mut self, packet: &Packet<'_>, side: Side, opens: Option<&mut Spares>) -> bool {
        self.letters.once(Event::Data, side);
        if packet.payload_bytes == 0 || packet.transport.is_icmp() {
            return false;
        }
        self.note_payload(packet, side);
        if let Some(spares) = opens
            && self.may_open()
            && packet.carrier.is_none()
        {
            self.assembly = Some(spares.take(packet.transport));
        }
        let is_cut = packet.is_cut();
        self.assembly.as_mut().is_some_and(|assembly| assembly.datagram(side, packet.payload, is_cut))
    }

    fn note_payload(&mut self, packet: &Packet<'_>, side: Side) {
        self.payload_ns[side] = self.payload_ns[side].min(packet.time_ns);
    }

    fn segment(&mut self, packet: &Packet<'_>, side: Side, opens: Option<&mut Spares>) -> bool {
        let mut opens = opens.filter(|_| packet.carrier.is_none());
        let tcp = packet.tcp;
        let has = |bit: u8| tcp.flags & bit != 0;
        let (syn, fin, rst, ack) = (has(flag::SYN), has(flag::FIN), has(flag::RST), has(flag::ACK));
        if self.is_stray(packet, side) {
            let rare = self.rare_mut();
            rare.strays = rare.strays.saturating_add(1);
            return false;
        }
        let is_early = syn && !ack && packet.payload_bytes > 0;
        let length = if rst || is_early || is_padding(packet) { 0 } else { packet.payload_bytes };
        let own = self.halves[side];
        let is_probe = length <= 1
            && !syn
            && !fin
            && !rst
            && own.known & NEXT != 0
            && tcp.seq == own.next.wrapping_sub(1)
            && self.halves[side.other()].known & NEXT != 0;
        let length = if is_probe { 0 } else { length };
        self.write(packet, side, length);
        if tcp.window == 0 && !rst && !syn && self.halves[side.other()].known & FIN == 0 && ack {
            self.count(Event::ZeroWindow, side);
        }
        self.handshake(packet, side);
        if is_early && !fin && !rst {
            self.rare_mut().early = Some(Early {
                seq: tcp.seq.wrapping_add(1),
                bytes: packet.payload.into(),
                wire_bytes: packet.payload_bytes,
            });
        }
        let mut grew = false;
        if !is_probe && !rst {
            self.advance(side, tcp.seq, length, syn, fin);
        }
        if length > 0 {
            self.note_payload(packet, side);
            grew |= self.hear(packet, side, opens.as_deref_mut());
        }
        if fin && !rst {
            let end = tcp.seq.wrapping_add(u32::from(syn)).wrapping_add(length);
            if let Some(assembly) = &mut self.assembly {
                grew |= assembly.fin(side, end);
            }
            if self.halves[side.other()].known & FIN != 0 {
                self.bits |= CLOSED;
            }
        }
        if syn && ack && !rst {
            grew |= self.take_early(side.other(), tcp.ack, opens);
        }
        if ack && !rst {
            grew |= self.acknowledge(side.other(), tcp.ack);
        }
        if rst {
            self.bits |= CLOSED;
            if let Some(assembly) = &mut self.assembly {
                grew |= assembly.over();
            }
        }
        grew
    }

    /// Whether an endpoint would take no notice of the segment.
    fn is_stray(&mut self, packet: &Packet<'_>, side: Side) -> bool {
        let tcp = packet.tcp;
        let own = self.halves[side];
        if tcp.flags & flag::SYN != 0 {
            let is_late_copy = own.known & ISN == 0
                && own.known & NEXT != 0
                && (0..=RESET_WINDOW).contains(&ahead(tcp.seq, own.next));
            let is_other =
                own.known & ISN != 0 && own.isn != tcp.seq || own.known & ISN == 0 && own.known & NEXT != 0;
            if is_other && !is_late_copy {
                if tcp.flags & flag::ACK == 0 {
                    let claim = Claim::of(packet, side);
                    let rare = self.rare_mut();
                    let earlier = rare.claim.filter(|old| (old.side, old.seq) == (side, tcp.seq));
                    rare.claim = Some(earlier.map_or(claim, |earlier| earlier.and(&claim)));
                }
                return true;
            }
            return false;
        }
        if own.known & NEXT == 0 {
            if tcp.flags & flag::RST != 0 && tcp.flags & flag::ACK != 0 {
                let peer = self.halves[side.other()];
                return peer.known & NEXT != 0 && ahead(peer.next, tcp.ack).abs() > RESET_WINDOW;
            }
            return false;
        }
        let distance = ahead(own.next, tcp.seq).abs();
        if tcp.flags & flag::RST != 0 {
            // A host that knows nothing of the connection answers with the sequence number 0 or the one asked for.
            return distance > RESET_WINDOW;
        }
        if distance <= i64::from(SANE_BYTES) {
            return false;
        }
        let end = tcp.seq.wrapping_add(packet.payload_bytes);
        let expected = self.rare_mut().stray[side].replace(end);
        let is_believed = expected.is_some_and(|seq| ahead(seq, tcp.seq).abs() <= RESET_WINDOW);
        if is_believed {
            let own = &mut self.halves[side];
            own.next = tcp.seq;
            own.hole = (0, 0);
            self.rare_mut().stray[side] = None;
        }
        !is_believed
    }

    /// Writes Zeek's letters for a segment.
    fn write(&mut self, packet: &Packet<'_>, side: Side, length: u32) {
        let tcp = packet.tcp;
        let has = |bit: u8| tcp.flags & bit != 0;
        match (has(flag::SYN), has(flag::FIN), has(flag::RST)) {
            (_, true, true) => self.letters.once(Event::Inconsistent, side),
            (true, true, _) | (true, _, true) => self.letters.once(Event::Odd, side),
            (true, false, false) => {
                let event = if has(flag::ACK) { Event::SynAck } else { Event::Syn };
                let half = &mut self.halves[side];
                let was = (half.known & SYN_SENT != 0).then_some(half.isn);
                half.known |= SYN_SENT;
                if was != Some(tcp.seq) {
                    self.letters.again(event, side);
                }
            }
            (false, true, false) => {
                let end = tcp.seq.wrapping_add(length);
                let half = &mut self.halves[side];
                let was = (half.known & FIN != 0).then_some(half.fin);
                (half.fin, half.known) = (end, half.known | FIN);
                if was != Some(end) {
                    self.letters.again(Event::Fin, side);
                    if let Some(was) = was {
                        self.rare_mut().first_fin[side].get_or_insert(was);
                    }
                }
            }
            (false, false, true) => {
                let half = &mut self.halves[side];
                let was = (half.known & RESET != 0).then_some(half.reset);
                (half.reset, half.known) = (tcp.seq, half.known | RESET);
                if was != Some(tcp.seq) {
                    self.letters.again(Event::Reset, side);
                    if let Some(was) = was {
                        self.rare_mut().first_reset[side].get_or_insert(was);
                    }
                }
            }
            (false, false, false) if length > 0 => self.letters.once(Event::Data, side),
            (false, false, false) if has(flag::ACK) => self.letters.once(Event::Ack, side),
            (false, false, false) => {}
        }
    }

    /// Who began, and when the handshake was complete.
    fn handshake(&mut self, packet: &Packet<'_>, side: Side) {
        let tcp = packet.tcp;
        if tcp.flags & (flag::RST | flag::FIN) != 0 {
            return;
        }
        let is_ack = tcp.flags & flag::ACK != 0;
        if tcp.flags & flag::SYN != 0 {
            let opener = if is_ack { side.other() } else { side };
            let was_asked = self.halves[side.other()].known & SYN_SENT != 0;
            if !is_ack && self.opener() == Some(side.other()) && !was_asked {
                self.bits |= CONTRADICTED;
            }
            if self.opener().is_none() {
                self.bits |= if opener == Side::A { OPENER_A } else { OPENER_B };
            }
            if !is_ack && self.opener() == Some(side) && self.syn_ns == NEVER {
                self.syn_ns = packet.time_ns;
            }
            let half = &mut self.halves[side];
            half.isn = tcp.seq;
            half.known |= ISN;
            self.begin(side, tcp.seq.wrapping_add(1));
            if is_ack {
                let peer = &mut self.halves[side.other()];
                // The one who answers knows which of two SYNs reached it.
                let is_decoy = peer.known & ISN != 0
                    && !(0..=RESET_WINDOW).contains(&ahead(peer.isn.wrapping_add(1), tcp.ack));
                if is_decoy {
                    peer.known &= !(ISN | NEXT);
                }
                if peer.known & ISN == 0 {
                    peer.isn = tcp.ack.wrapping_sub(1);
                    peer.known |= ISN;
                    if peer.known & NEXT == 0 {
                        peer.next = tcp.ack;
                        peer.known |= NEXT;
                    }
                    self.begin(side.other(), tcp.ack);
                }
            }
            return;
        }
        let peer = self.halves[side.other()];
        if is_ack
            && self.bits & COMPLETE == 0
            && self.opener() == Some(side)
            && peer.known & SYN_SENT != 0
            && ahead(peer.isn, tcp.ack) > 0
        {
            self.bits |= COMPLETE;
            if self.syn_ns != NEVER {
                self.handshake_ns = packet.time_ns.saturating_sub(self.syn_ns);
            }
        }
    }

    fn begin(&mut self, side: Side, seq: u32) {
        if let Some(assembly) = &mut self.assembly {
            assembly.begin(side, seq);
        }
    }

    /// Moves the expected sequence number on, and knows holes and retransmissions.
    fn advance(&mut self, side: Side, seq: u32, length: u32, syn: bool, fin: bool) {
        let from = seq.wrapping_add(u32::from(syn));
        let to = from.wrapping_add(length).wrapping_add(u32::from(fin));
        let half = &mut self.halves[side];
        if half.known & NEXT == 0 {
            half.known |= NEXT;
            half.next = to;
            return;
        }
        let next = half.next;
        if ahead(next, to) > 0 {
            half.next = to;
            if ahead(next, from) > 0 {
                self.open_hole(side, next, from, false);
            }
        } else if length > 0 && !self.fill_hole(side, from, to) {
            self.count(Event::Retransmit, side);
        }
    }

    fn open_hole(&mut self, side: Side, from: u32, to: u32, is_acknowledged: bool) {
        let half = &mut self.halves[side];
        if half.hole.1 == from && half.hole.0 != half.hole.1 {
            half.hole.1 = to;
        } else {
            self.close_hole(side);
            self.halves[side].hole = (from, to);
        }
        let half = &mut self.halves[side];
        half.known = if is_acknowledged { half.known | HOLE_ACKED } else { half.known & !HOLE_ACKED };
    }

    /// Counts the missing bytes as missed.
    fn close_hole(&mut self, side: Side) {
        let half = &mut self.halves[side];
        let missing = ahead(half.hole.0, half.hole.1);
        // One acknowledged number behind all that was seen is a FIN that was not.
        let is_fin =
            missing == 1 && half.hole.1 == half.next && half.known & (HOLE_ACKED | FIN) == HOLE_ACKED;
        half.hole = (0, 0);
        if is_fin {
            return;
        }
        if let Ok(missing @ 1..) = u64::try_from(missing) {
            let rare = self.rare_mut();
            rare.missed_bytes[side] = rare.missed_bytes[side].saturating_add(missing);
            self.count(Event::Gap, side);
        }
    }

    fn fill_hole(&mut self, side: Side, from: u32, to: u32) -> bool {
        let half = &mut self.halves[side];
        let (start, end) = half.hole;
        if start == end || ahead(start, to) <= 0 || ahead(from, end) <= 0 {
            return false;
        }
        match (ahead(start, from) <= 0, ahead(to, end) <= 0) {
            (true, true) => half.hole = (0, 0),
            (true, false) => half.hole.0 = to,
            (false, true) => half.hole.1 = from,
            (false, false) => {
                half.hole = (start, from);
                self.close_hole(side);
                self.halves[side].hole = (to, end);
            }
        }
        true
    }

    /// The other side acknowledged what `side` sent before `seq`.
    fn acknowledge(&mut self, side: Side, seq: u32) -> bool {
        let half = self.halves[side];
        if half.known & NEXT == 0 {
            return false;
        }
        let beyond = ahead(half.next, seq);
        if beyond > i64::from(SANE_BYTES) {
            return false;
        }
        if beyond > 0 {
            self.halves[side].next = seq;
            self.open_hole(side, half.next, seq, true);
        } else if half.hole.0 != half.hole.1 && ahead(half.hole.1, seq) >= 0 {
            if half.known & HOLE_ACKED != 0 {
                self.close_hole(side);
            } else {
                self.halves[side].known |= HOLE_ACKED;
            }
        }
        self.assembly.as_mut().is_some_and(|assembly| assembly.acknowledged(side, seq))
    }

    /// Whether the first bytes come again with other values, once the opening was let go.
    fn hold_against_head(&mut self, side: Side, segment: Segment<'_>) {
        let (half, kept) = (self.halves[side], self.heads[side]);
        let bytes = (kept & HEAD_LENGTH) as usize;
        let is_first = segment.seq == half.isn.wrapping_add(1);
        if bytes == 0 || half.known & ISN == 0 || !is_first || segment.bytes.len() < bytes {
            return;
        }
        if head(segment.bytes, bytes) != kept {
            let rare = self.rare_mut();
            rare.conflicts = rare.conflicts.saturating_add(1);
        }
    }

    /// The SYN of `side` is answered: what it carried counts where `ack` covers it. A host that does not take it
    /// acknowledges the SYN alone, and the same bytes come again.
    fn take_early(&mut self, side: Side, ack: u32, opens: Option<&mut Spares>) -> bool {
        let Some(early) = self.rare.as_mut().and_then(|rare| rare.early.take()) else { return false };
        let Early { seq, bytes, wire_bytes } = early;
        if ack != seq.wrapping_add(wire_bytes) {
            return false;
        }
        self.advance(side, seq, wire_bytes, false, false);
        self.hold(side, opens, Segment { seq, bytes: &bytes, wire_bytes })
    }

    fn hear(&mut self, packet: &Packet<'_>, side: Side, opens: Option<&mut Spares>) -> bool {
        let syn = u32::from(packet.tcp.flags & flag::SYN != 0);
        let segment = Segment {
            seq: packet.tcp.seq.wrapping_add(syn),
            bytes: packet.payload,
            wire_bytes: packet.payload_bytes,
        };
        self.hold(side, opens, segment)
    }

    /// Takes a TCP segment into the opening.
    fn hold(&mut self, side: Side, opens: Option<&mut Spares>, segment: Segment<'_>) -> bool {
        if let Some(spares) = opens
            && self.may_open()
        {
            let mut assembly = spares.take(Transport::Tcp);
            for side in Side::BOTH {
                let half = self.halves[side];
                if half.known & ISN != 0 {
                    assembly.begin(side, half.isn.wrapping_add(1));
                }
            }
            self.assembly = Some(assembly);
        }
        let Some(assembly) = &mut self.assembly else {
            self.hold_against_head(side, segment);
            return false;
        };
        let before = assembly.conflicts;
        let grew = assembly.segment(side, segment);
        let conflicts = assembly.conflicts.wrapping_sub(before);
        if conflicts > 0 {
            let rare = self.rare_mut();
            rare.conflicts = rare.conflicts.saturating_add(u64::from(conflicts));
        }
        grew
    }

    /// Counts an event that is written at 1, 10, 100 ...
    fn count(&mut self, event: Event, side: Side) {
        let rare = self.rare_mut();
        let counts = match event {
            Event::BadChecksum => &mut rare.bad_checksums,
            Event::Gap => &mut rare.gaps,
            Event::ZeroWindow => &mut rare.zero_windows,
            _ => &mut rare.retransmits,
        };
        counts[side] = counts[side].saturating_add(1);
        let count = counts[side];
        self.letters.scaled(event, side, count);
    }

    /// Ends the flow: what is missing now never comes.
    pub fn end(&mut self) {
        for side in Side::BOTH {
            self.close_hole(side);
        }
        if let Some(assembly) = &mut self.assembly {
            assembly.over();
        }
    }

    /// What a record remembers of the flow.
    pub fn facts(&self) -> Facts {
        let rare = self.rare();
        let span = |known: u8, last: fn(&Half) -> u32, first: fn(&Rare) -> &Pair<Option<u32>>| {
            Pair(Side::BOTH.map(|side| {
                let half = &self.halves[side];
                let last = last(half);
                let first = rare.and_then(|rare| first(rare)[side]).unwrap_or(last);
                (half.known & known != 0).then_some(Span { first, last })
            }))
        };
        Facts {
            letters: self.letters.as_bytes().to_vec(),
            syn: span(SYN_SENT, |half| half.isn, |rare| &rare.first_syn),
            fin: span(FIN, |half| half.fin, |rare| &rare.first_fin),
            reset: span(RESET, |half| half.reset, |rare| &rare.first_reset),
            opener: self.opener(),
            payload_ns: Pair(
                Side::BOTH.map(|side| Some(self.payload_ns[side]).filter(|&time| time != NEVER)),
            ),
            is_unreachable: self.bits & UNREACHABLE != 0,
            spoke_as_client: None,
        }
    }
}

/// Whether what looks like payload is the padding of a short Ethernet frame that the IP length wrongly counts, as
/// tools that rewrite captures make it: zeros that nobody pushed, in a packet of just that size. They take no
/// sequence numbers; were they real, the next segment would show them missing.
fn is_padding(packet: &Packet<'_>) -> bool {
    packet.tcp.flags & !flag::ACK == 0
        && LEAST_IP_BYTES.contains(&packet.ip_bytes)
        && packet.payload_bytes > 0
        && packet.payload_bytes as usize <= PADDING.len() + 4
        && packet.payload.iter().take(PADDING.len()).all(|&byte| byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_flows_fit_in_350_megabytes() {
        assert!(std::mem::size_of::<Flow>() <= 336);
    }
}
