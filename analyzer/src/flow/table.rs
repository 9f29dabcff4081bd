//! The flow table: packets in, flows out, in bounded memory.
//!
//! Deterministic: what ends, when and why depends on the packets and on the calls of [`Table::advance`]
//! among them, never on a clock or on hash order.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::flow::index::Index;
use crate::flow::initiator::Direction;
use crate::flow::key::{Key, SEED, hash_of, ports_of};
use crate::flow::near::bring;
use crate::flow::opening::Opening;
use crate::flow::record::{Outcome, Record};
use crate::flow::state::{Fit, Flow};
use crate::flow::stream::Spares;
use crate::net::{Endpoint, Layers, Pair, Place, Side, TimeNs, Transport};
use crate::packet::view::Packet;

const SECOND: u64 = 1_000_000_000;

/// Two hours, Linux's and POSIX systems' usual first TCP keep-alive, and ten minutes for its retries:
/// a pooled database connection stays one flow.
pub const TCP_IDLE_NS: u64 = 7_800 * SECOND;

/// Twice the longest pause between retransmissions of a SYN (64 s).
pub const TCP_ATTEMPT_IDLE_NS: u64 = 128 * SECOND;

/// Twice TIME-WAIT as Linux has it: later packets of a closed connection are still its own.
pub const TCP_CLOSED_IDLE_NS: u64 = 120 * SECOND;

/// RFC 4787 section 4.3 recommends five minutes for a UDP mapping.
pub const UDP_IDLE_NS: u64 = 300 * SECOND;

/// RFC 5508 section 3.2: an ICMP query mapping lives at least 60 seconds.
pub const ICMP_IDLE_NS: u64 = 60 * SECOND;

/// A million flows are some 350 MB without openings.
pub const MAX_FLOWS: usize = 1 << 20;

/// 131,072 openings are at most 1 GiB, and far less in practice: most sides say less than they may.
pub const MAX_OPENINGS: usize = 1 << 17;

/// Different stacks of VLANs and tunnels that are told apart: every VLAN sixteen times.
pub const MAX_LAYERS: usize = 1 << 16;

/// A packet this far from the time before it moves the table's clock only when the next one agrees.
pub const LEAP_NS: u64 = 86_400 * SECOND;

/// Slots that one call of [`Table::advance`] looks at, and that each new flow pays for.
pub const SWEEP_SLOTS: usize = 1024;
const SWEEP_SLOTS_PER_FLOW: usize = 2;

/// One look through the table chooses this part of it for eviction.
const EVICTION_PART: usize = 16;

/// What bounds a table, and what separates flows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    pub max_flows: usize,
    pub max_openings: usize,
    pub tcp_idle_ns: u64,
    pub tcp_attempt_idle_ns: u64,
    pub tcp_closed_idle_ns: u64,
    /// UDP and SCTP.
    pub udp_idle_ns: u64,
    pub icmp_idle_ns: u64,
    pub separate_vlan: bool,
    pub separate_tunnel: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_flows: MAX_FLOWS,
            max_openings: MAX_OPENINGS,
            tcp_idle_ns: TCP_IDLE_NS,
            tcp_attempt_idle_ns: TCP_ATTEMPT_IDLE_NS,
            tcp_closed_idle_ns: TCP_CLOSED_IDLE_NS,
            udp_idle_ns: UDP_IDLE_NS,
            icmp_idle_ns: ICMP_IDLE_NS,
            separate_vlan: false,
            separate_tunnel: false,
        }
    }
}

/// A flow in the table; outlived by none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FlowId {
    slot: u32,
    generation: u32,
    part: u32,
}

impl FlowId {
    /// The part of [`crate::flow::flows::Flows`] that has the flow.
    pub const fn part(self) -> usize {
        self.part as usize
    }
}

/// What became of a pushed packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pushed {
    pub id: FlowId,
    /// The side that sent it.
    pub side: Side,
    pub is_new: bool,
    /// Contiguous bytes of the opening came, or an end of it became known.
    pub opening_grew: bool,
}

/// Why a flow left the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EndedBy {
    /// There are no more packets.
    Finished,
    /// Nothing came for as long as its bound.
    Idle,
    /// Another flow began on its five-tuple.
    Reused,
    /// The table was full.
    Evicted,
}

/// A flow that left the table.
#[derive(Debug)]
pub struct Ended<M> {
    pub record: Record,
    pub note: M,
    pub why: EndedBy,
}

/// What a caller may want to know of a flow at every packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    pub transport: Transport,
    pub ends: Pair<Endpoint>,
    pub initiator: Side,
    pub direction: Direction,
    pub first_ns: TimeNs,
    pub last_ns: TimeNs,
    pub is_closed: bool,
    /// The opening was let go.
    pub may_open: bool,
}

/// What a table counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    pub packets: u64,
    pub flows: u64,
    pub idle: u64,
    pub reused: u64,
    pub evicted: u64,
    /// Flows whose payload came when [`Bounds::max_openings`] were held.
    pub unheard: u64,
    /// Flows whose layers came when [`MAX_LAYERS`] were known, and are recorded as plain.
    pub unlayered: u64,
}

/// Flows by five-tuple; `M` is what a higher floor remembers of each, of which the table knows nothing.
#[derive(Debug)]
pub struct Table<M> {
    bounds: Bounds,
    index: Index,
    slots: Vec<Slot<M>>,
    free: Vec<u32>,
    layers: Vec<Arc<Layers>>,
    layer_ids: HashMap<Arc<Layers>, u32, FixedState>,
    openings: usize,
    spares: Spares,
    counts: Counts,
    now_ns: TimeNs,
    leap_ns: Option<TimeNs>,
    hand: usize,
    victims: Vec<(FlowId, TimeNs)>,
    /// Its number among others, which its ids carry.
    part: u32,
}

impl Counts {
    /// The counts of two parts together.
    pub const fn and(self, other: Self) -> Self {
        Self {
            packets: self.packets + other.packets,
            flows: self.flows + other.flows,
            idle: self.idle + other.idle,
            reused: self.reused + other.reused,
            evicted: self.evicted + other.evicted,
            unheard: self.unheard + other.unheard,
            unlayered: self.unlayered + other.unlayered,
        }
    }
}

/// Begins a line of the memory.
#[derive(Debug)]
#[repr(align(64))]
struct Slot<M> {
    generation: u32,
    flow: Option<(Flow, M)>,
}

/// The hash of a packet's five-tuple, equal for both directions: for sharing packets out and for
/// [`Table::push_hashed`]. Without layers, so that one five-tuple stays together.
pub fn hash(packet: &Packet<'_>) -> u64 {
    hash_of(packet.transport, packet.source, packet.destination)
}

impl<M: Default> Table<M> {
    pub fn new(bounds: Bounds) -> Self {
        Self::part(bounds, 0)
    }

    /// A table that is one of several.
    pub fn part(bounds: Bounds, part: u32) -> Self {
        let plain = Arc::new(Layers::default());
        let mut layer_ids = HashMap::with_hasher(FixedState::with_seed(SEED));
        layer_ids.insert(Arc::clone(&plain), 0);
        Self {
            bounds,
            index: Index::default(),
            slots: Vec::new(),
            free: Vec::new(),
            layers: vec![plain],
            layer_ids,
            openings: 0,
            spares: Spares::default(),
            counts: Counts::default(),
            now_ns: 0,
            leap_ns: None,
            hand: 0,
            victims: Vec::new(),
            part,
        }
    }

    /// How many flows it holds.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// How many openings it holds.
    pub fn openings(&self) -> usize {
        self.openings
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes a packet in. What it ends is handed to `ended` first.
    pub fn push(&mut self, packet: &Packet<'_>, ended: &mut impl FnMut(Ended<M>)) -> Pushed {
        self.push_hashed(hash(packet), packet, ended)
    }

    /// The same for a packet whose [`hash`] is known.
    pub fn push_hashed(
        &mut self,
        hash: u64,
        packet: &Packet<'_>,
        ended: &mut impl FnMut(Ended<M>),
    ) -> Pushed {
        self.counts.packets += u64::from(packet.packets);
        self.tick(packet.time_ns);
        let key = self.key_of(packet);
        let mut claim = None;
        if let Some((slot, side)) = self.find(hash, &key) {
            let Some(why) = self.ended_by(slot, packet, side) else {
                return self.take(slot, side, packet, false);
            };
            if let Some(flow) = self.flow_mut(slot).filter(|_| why == EndedBy::Reused) {
                claim = flow.release_claim(packet, side).map(|claim| claim.packet(flow.ends()));
            }
            self.end(slot, why, ended);
        }
        self.sweep(SWEEP_SLOTS_PER_FLOW, ended);
        if self.len() >= self.bounds.max_flows.max(1) {
            self.evict(ended);
        }
        let layers = packet.layers.map_or(0, |layers| self.intern(layers));
        let Some(syn) = claim else {
            let slot = self.insert(hash, Flow::new(key, layers, packet));
            return self.take(slot, Side::A, packet, true);
        };
        let first = Key {
            addresses: Pair([syn.source.address, syn.destination.address]),
            ports: Pair([syn.source.port, syn.destination.port]),
            ..key
        };
        let side = first.side_of(&key).unwrap_or(Side::A);
        let slot = self.insert(hash, Flow::new(first, layers, &syn));
        self.take(slot, Side::A, &syn, true);
        self.take(slot, side, packet, true)
    }

    /// Attributes an ICMP error to the flow that it complains of. The packet itself is pushed besides.
    pub fn icmp_error(&mut self, packet: &Packet<'_>) -> Option<FlowId> {
        let about = packet.about?;
        let key = self.key(about.transport, about.source, about.destination, packet.layers);
        let (slot, _) = self.find(hash_of(about.transport, about.source, about.destination), &key)?;
        let is_unreachable = match (packet.transport, packet.source.port, packet.destination.port) {
            (Transport::Icmp, 3, code) => code != ICMP_FRAGMENTATION_NEEDED,
            (Transport::Icmp6, 1, _) => true,
            _ => false,
        };
        self.flow_mut(slot)?.complained(is_unreachable);
        Some(self.id(slot))
    }

    /// The first bytes of a flow; `None` if it has none or they were let go.
    pub fn opening(&self, id: FlowId) -> Option<&Opening> {
        self.flow(id)?.assembly.as_deref().map(|assembly| &assembly.opening)
    }

    /// Lets the opening of a flow go, and gathers no other.
    pub fn drop_opening(&mut self, id: FlowId) {
        if self.flow(id).is_none() {
            return;
        }
        if let Some(flow) = self.flow_mut(id.slot)
            && let Some(assembly) = flow.let_go()
        {
            self.openings -= 1;
            self.spares.give(assembly);
        }
    }

    /// What the higher floor remembers of a flow; `None` if it has ended.
    pub fn note_mut(&mut self, id: FlowId) -> Option<&mut M> {
        let slot = self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        slot.flow.as_mut().map(|(_, note)| note)
    }

    /// A flow's opening beside what the higher floor remembers of it.
    pub fn opening_and_note(&mut self, id: FlowId) -> Option<(&Opening, &mut M)> {
        let slot = self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        let (flow, note) = slot.flow.as_mut()?;
        Some((&flow.assembly.as_deref()?.opening, note))
    }

    /// What a caller may want to know at every packet.
    pub fn look(&self, id: FlowId) -> Option<Look> {
        let flow = self.flow(id)?;
        let (initiator, direction) = match flow.opener() {
            Some(side) => (side, Direction::Handshake),
            None if flow.key.transport == Transport::Tcp => (Side::A, Direction::Unseen),
            None => (Side::A, Direction::FirstDatagram),
        };
        Some(Look {
            transport: flow.key.transport,
            ends: flow.ends(),
            initiator,
            direction,
            first_ns: flow.first_ns,
            last_ns: flow.last_ns,
            is_closed: flow.is_closed(),
            may_open: flow.may_open(),
        })
    }

    /// The record of a flow so far; it may go on.
    pub fn record(&self, id: FlowId) -> Option<Record> {
        let flow = self.flow(id)?;
        let mut record = self.record_of(flow);
        record.opening = flow.assembly.as_ref().map(|assembly| Box::new(assembly.opening.clone()));
        Some(record)
    }

    /// The flows in the table in the order of their first packets.
    pub fn ids(&self) -> Vec<FlowId> {
        let mut ids: Vec<_> = self.ordered().collect();
        ids.sort_unstable();
        ids.into_iter().map(|(_, _, id)| id).collect()
    }

    /// What orders the flows, with their ids, in the order of slots.
    pub fn ordered(&self) -> impl Iterator<Item = (TimeNs, Place, FlowId)> {
        self.slots.iter().zip(0..).filter_map(|(slot, index)| {
            let (flow, _) = slot.flow.as_ref()?;
            let id = FlowId { slot: index, generation: slot.generation, part: self.part };
            Some((flow.first_ns, flow.first, id))
        })
    }

    /// Asks the memory for the index entry of a hash, and does not wait for it.
    #[inline]
    pub fn touch_index(&self, hash: u64) {
        self.index.touch(hash);
    }

    /// Asks the memory for the flow of a hash whose index entry is near.
    #[inline]
    pub fn touch_flow(&self, hash: u64) {
        let Some(slot) = self.index.likely(hash) else { return };
        if let Some(slot) = self.slots.get(slot as usize) {
            bring(slot);
        }
    }

    /// Asks the memory for the opening of a flow that is near.
    #[inline]
    pub fn touch_opening(&self, hash: u64) {
        let Some(slot) = self.index.likely(hash).and_then(|slot| self.slots.get(slot as usize)) else {
            return;
        };
        if let Some(assembly) = slot.flow.as_ref().and_then(|(flow, _)| flow.assembly.as_deref()) {
            bring(assembly);
        }
    }

    /// Moves the clock on to `now_ns` and ends some of what is idle: at most [`SWEEP_SLOTS`] slots are looked at.
    pub fn advance(&mut self, now_ns: TimeNs, ended: &mut impl FnMut(Ended<M>)) {
        self.now_ns = self.now_ns.max(now_ns);
        self.sweep(SWEEP_SLOTS, ended);
    }

    /// Ends every flow, in the order of their first packets.
    pub fn finish(mut self, ended: &mut impl FnMut(Ended<M>)) {
        for id in self.ids() {
            let is_idle = self.flow(id).is_some_and(|flow| self.is_idle(flow));
            self.end(id.slot, if is_idle { EndedBy::Idle } else { EndedBy::Finished }, ended);
        }
    }

    fn key_of(&mut self, packet: &Packet<'_>) -> Key {
        self.key(packet.transport, packet.source, packet.destination, packet.layers)
    }

    fn key(
        &mut self,
        transport: Transport,
        source: Endpoint,
        destination: Endpoint,
        layers: Option<&Layers>,
    ) -> Key {
        let (ports, is_one_way) = ports_of(transport, source.port, destination.port);
        let apart = match (layers, self.bounds.separate_vlan, self.bounds.separate_tunnel) {
            (None, _, _) | (_, false, false) => 0,
            (Some(layers), true, true) => self.intern(layers),
            (Some(layers), vlan, _) => self.intern(&Layers {
                vlan: if vlan { layers.vlan.clone() } else { Vec::new() },
                tunnel: if vlan { Vec::new() } else { layers.tunnel.clone() },
            }),
        };
        Key { addresses: Pair([source.address, destination.address]), ports, transport, is_one_way, apart }
    }

    fn intern(&mut self, layers: &Layers) -> u32 {
        if let Some(&id) = self.layer_ids.get(layers) {
            return id;
        }
        if self.layers.len() >= MAX_LAYERS {
            self.counts.unlayered += 1;
            return 0;
        }
        let id = self.layers.len() as u32;
        let layers = Arc::new(layers.clone());
        self.layers.push(Arc::clone(&layers));
        self.layer_ids.insert(layers, id);
        id
    }

    /// Moves the clock by a packet's time; a leap needs a second packet to agree.
    fn tick(&mut self, time_ns: TimeNs) {
        if self.now_ns == 0 || time_ns.abs_diff(self.now_ns) <= LEAP_NS {
            self.now_ns = self.now_ns.max(time_ns);
            self.leap_ns = None;
        } else if self.leap_ns.is_some_and(|leap| leap.abs_diff(time_ns) <= LEAP_NS) {
            self.now_ns = time_ns;
            self.leap_ns = None;
        } else {
            self.leap_ns = Some(time_ns);
        }
    }

    fn find(&self, hash: u64, key: &Key) -> Option<(u32, Side)> {
        let mut side = Side::A;
        let slot = self.index.find(hash, |slot| {
            let found = self
                .slots
                .get(slot as usize)
                .and_then(|slot| slot.flow.as_ref())
                .and_then(|(flow, _)| flow.key.side_of(key));
            side = found.unwrap_or(side);
            found.is_some()
        })?;
        Some((slot, side))
    }

    fn ended_by(&self, slot: u32, packet: &Packet<'_>, side: Side) -> Option<EndedBy> {
        let (flow, _) = self.slots.get(slot as usize)?.flow.as_ref()?;
        if self.is_idle(flow) {
            Some(EndedBy::Idle)
        } else if flow.fit(packet, side) == Fit::Begins {
            Some(EndedBy::Reused)
        } else {
            None
        }
    }

    fn is_idle(&self, flow: &Flow) -> bool {
        let bounds = &self.bounds;
        let idle_ns = match flow.key.transport {
            Transport::Tcp if flow.is_closed() => bounds.tcp_closed_idle_ns,
            Transport::Tcp if flow.is_attempt() => bounds.tcp_attempt_idle_ns,
            Transport::Tcp => bounds.tcp_idle_ns,
            Transport::Udp | Transport::Sctp => bounds.udp_idle_ns,
            Transport::Icmp | Transport::Icmp6 => bounds.icmp_idle_ns,
        };
        self.now_ns.saturating_sub(flow.last_ns) > idle_ns
    }

    fn insert(&mut self, hash: u64, flow: Flow) -> u32 {
        self.counts.flows += 1;
        let entry = Some((flow, M::default()));
        let slot = match self.free.pop() {
            Some(slot) => {
                if let Some(place) = self.slots.get_mut(slot as usize) {
                    place.flow = entry;
                }
                slot
            }
            None => {
                self.slots.push(Slot { generation: 0, flow: entry });
                (self.slots.len() - 1) as u32
            }
        };
        self.index.insert(hash, slot);
        slot
    }

    fn take(&mut self, slot: u32, side: Side, packet: &Packet<'_>, is_new: bool) -> Pushed {
        let id = self.id(slot);
        let opens = self.openings < self.bounds.max_openings;
        let mut opening_grew = false;
        let (mut begun, mut unheard) = (false, false);
        let Self { slots, spares, .. } = self;
        if let Some((flow, _)) = slots.get_mut(slot as usize).and_then(|slot| slot.flow.as_mut()) {
            let may_open = flow.may_open();
            opening_grew = flow.take(packet, side, opens.then_some(spares));
            begun = may_open && !flow.may_open();
            unheard = may_open && !opens && packet.payload_bytes > 0;
            if unheard {
                flow.let_go();
            }
        }
        self.openings += usize::from(begun);
        self.counts.unheard += u64::from(unheard);
        Pushed { id, side, is_new, opening_grew }
    }

    fn end(&mut self, slot: u32, why: EndedBy, ended: &mut impl FnMut(Ended<M>)) {
        let Some(place) = self.slots.get_mut(slot as usize) else { return };
        let Some((mut flow, note)) = place.flow.take() else { return };
        place.generation = place.generation.wrapping_add(1);
        self.index.remove(flow.key.hash(), slot);
        self.free.push(slot);
        flow.end();
        self.openings -= usize::from(flow.assembly.is_some());
        match why {
            EndedBy::Finished => {}
            EndedBy::Idle => self.counts.idle += 1,
            EndedBy::Reused => self.counts.reused += 1,
            EndedBy::Evicted => self.counts.evicted += 1,
        }
        let mut record = self.record_of(&flow);
        record.opening = flow.assembly.map(|assembly| Box::new(assembly.opening));
        ended(Ended { record, note, why });
    }

    fn sweep(&mut self, slots: usize, ended: &mut impl FnMut(Ended<M>)) {
        for _ in 0..slots.min(self.slots.len()) {
            self.hand = if self.hand + 1 < self.slots.len() { self.hand + 1 } else { 0 };
            let flow = self.slots.get(self.hand).and_then(|slot| slot.flow.as_ref());
            if flow.is_some_and(|(flow, _)| self.is_idle(flow)) {
                self.end(self.hand as u32, EndedBy::Idle, ended);
            }
        }
    }

    /// Makes room for one: the idle go, else the longest silent of those that nobody answered,
    /// else the longest silent of all. One look chooses many, in order; one that spoke since is passed over.
    fn evict(&mut self, ended: &mut impl FnMut(Ended<M>)) {
        loop {
            while let Some((id, last_ns)) = self.victims.pop() {
                if self.flow(id).is_some_and(|flow| flow.last_ns == last_ns) {
                    self.end(id.slot, EndedBy::Evicted, ended);
                    return;
                }
            }
            for id in self.ids() {
                if self.flow(id).is_some_and(|flow| self.is_idle(flow)) {
                    self.end(id.slot, EndedBy::Idle, ended);
                }
            }
            if self.len() < self.bounds.max_flows.max(1) {
                return;
            }
            let mut flows: Vec<_> = self
                .ids()
                .into_iter()
                .filter_map(|id| {
                    let flow = self.flow(id)?;
                    Some((!flow.is_unanswered(), flow.last_ns, flow.first, id))
                })
                .collect();
            flows.sort_unstable();
            flows.truncate((flows.len() / EVICTION_PART).max(1));
            self.victims = flows.into_iter().rev().map(|(_, last_ns, _, id)| (id, last_ns)).collect();
        }
    }

    fn record_of(&self, flow: &Flow) -> Record {
        let rare = flow.rare();
        let of = |count: fn(&crate::flow::state::Rare) -> u64| rare.map_or(0, count);
        let mut record = Record {
            transport: flow.key.transport,
            ends: flow.ends(),
            initiator: Side::A,
            direction: Direction::Unseen,
            first_ns: flow.first_ns,
            last_ns: flow.last_ns,
            first: flow.first,
            packets: flow.packets,
            bytes: flow.bytes,
            payload_bytes: flow.payload_bytes,
            conn_state: "OTH",
            history: String::new(),
            outcome: Outcome::Unknown,
            handshake_ns: flow.handshake_ns(),
            response_ns: None,
            missed_bytes: rare.map_or(Pair::default(), |rare| rare.missed_bytes),
            duplicates: of(|rare| rare.duplicates),
            cut_packets: of(|rare| rare.cut_packets),
            icmp_errors: of(|rare| rare.icmp_errors),
            strays: of(|rare| rare.strays),
            conflicts: of(|rare| rare.conflicts),
            layers: self.layers.get(flow.layers as usize).map(Arc::clone).unwrap_or_default(),
            carrier: rare.and_then(|rare| rare.carrier),
            opening: None,
            facts: flow.facts(),
        };
        record.conclude();
        record
    }

    fn id(&self, slot: u32) -> FlowId {
        let generation = self.slots.get(slot as usize).map_or(0, |slot| slot.generation);
        FlowId { slot, generation, part: self.part }
    }

    fn flow(&self, id: FlowId) -> Option<&Flow> {
        let slot = self.slots.get(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        slot.flow.as_ref().map(|(flow, _)| flow)
    }

    fn flow_mut(&mut self, slot: u32) -> Option<&mut Flow> {
        self.slots.get_mut(slot as usize)?.flow.as_mut().map(|(flow, _)| flow)
    }
}

const ICMP_FRAGMENTATION_NEEDED: u16 = 4;
