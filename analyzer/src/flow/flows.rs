//! The flow table in parts: a part holds the flows of some hashes, whatever the number of threads.
//!
//! A part's bounds, clock and evictions depend on its own packets alone, so that audits which share the parts among
//! them come to what one audit of all parts comes to.

use crate::flow::opening::Opening;
use crate::flow::record::Record;
use crate::flow::table::{Bounds, Counts, Ended, FlowId, Look, Pushed, Table};
use crate::net::TimeNs;
use crate::packet::view::Packet;

/// Parts of a table. More threads than this have nothing to do; more parts make bounds uneven.
pub const PARTS: usize = 16;

/// The part that a hash belongs to. Lower bits: the upper ones place the flow in its part.
#[inline]
pub const fn part_of(hash: u64) -> usize {
    hash as usize % PARTS
}

/// All parts of a flow table.
#[derive(Debug)]
pub struct Flows<M> {
    parts: Vec<Table<M>>,
}

impl<M: Default> Flows<M> {
    /// Bounds are shared out evenly; each part has room for one flow at least.
    pub fn new(bounds: Bounds) -> Self {
        let bounds = Bounds {
            max_flows: bounds.max_flows.div_ceil(PARTS),
            max_openings: bounds.max_openings.div_ceil(PARTS),
            ..bounds
        };
        Self { parts: (0..PARTS as u32).map(|part| Table::part(bounds, part)).collect() }
    }

    /// How many flows it holds.
    pub fn len(&self) -> usize {
        self.parts.iter().map(Table::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(Table::is_empty)
    }

    /// How many openings it holds.
    pub fn openings(&self) -> usize {
        self.parts.iter().map(Table::openings).sum()
    }

    pub fn counts(&self) -> Counts {
        self.parts.iter().fold(Counts::default(), |sum, part| sum.and(part.counts()))
    }

    #[expect(clippy::indexing_slicing, reason = "a hash modulo the number of parts")]
    fn part(&self, hash: u64) -> &Table<M> {
        &self.parts[part_of(hash)]
    }

    #[expect(clippy::indexing_slicing, reason = "a hash modulo the number of parts")]
    fn part_mut(&mut self, hash: u64) -> &mut Table<M> {
        &mut self.parts[part_of(hash)]
    }

    fn of(&self, id: FlowId) -> Option<&Table<M>> {
        self.parts.get(id.part())
    }

    fn of_mut(&mut self, id: FlowId) -> Option<&mut Table<M>> {
        self.parts.get_mut(id.part())
    }

    /// Asks the memory for what a packet of this hash will need first, and does not wait for it.
    #[inline]
    pub fn touch_index(&self, hash: u64) {
        self.part(hash).touch_index(hash);
    }

    /// The same for the flow itself, once its entry is near.
    #[inline]
    pub fn touch_flow(&self, hash: u64) {
        self.part(hash).touch_flow(hash);
    }

    /// The same for its opening, once the flow is near.
    #[inline]
    pub fn touch_opening(&self, hash: u64) {
        self.part(hash).touch_opening(hash);
    }

    /// As [`Table::push_hashed`], into the part of `part`: an ICMP error stays in that of the flow it complains of.
    pub fn push_into(
        &mut self,
        part: u64,
        hash: u64,
        packet: &Packet<'_>,
        ended: &mut impl FnMut(Ended<M>),
    ) -> Pushed {
        self.part_mut(part).push_hashed(hash, packet, ended)
    }

    /// As [`Table::icmp_error`]; `about` is the hash of the flow that is complained of.
    pub fn icmp_error(&mut self, about: u64, packet: &Packet<'_>) -> Option<FlowId> {
        self.part_mut(about).icmp_error(packet)
    }

    /// As [`Table::opening`].
    pub fn opening(&self, id: FlowId) -> Option<&Opening> {
        self.of(id)?.opening(id)
    }

    /// As [`Table::drop_opening`].
    pub fn drop_opening(&mut self, id: FlowId) {
        if let Some(part) = self.of_mut(id) {
            part.drop_opening(id);
        }
    }

    /// As [`Table::note_mut`].
    pub fn note_mut(&mut self, id: FlowId) -> Option<&mut M> {
        self.of_mut(id)?.note_mut(id)
    }

    /// As [`Table::opening_and_note`].
    pub fn opening_and_note(&mut self, id: FlowId) -> Option<(&Opening, &mut M)> {
        self.of_mut(id)?.opening_and_note(id)
    }

    /// As [`Table::look`].
    pub fn look(&self, id: FlowId) -> Option<Look> {
        self.of(id)?.look(id)
    }

    /// As [`Table::record`].
    pub fn record(&self, id: FlowId) -> Option<Record> {
        self.of(id)?.record(id)
    }

    /// The flows of all parts in the order of their first packets.
    pub fn ids(&self) -> Vec<FlowId> {
        let mut ids: Vec<_> = self.parts.iter().flat_map(Table::ordered).collect();
        ids.sort_unstable();
        ids.into_iter().map(|(_, _, id)| id).collect()
    }

    /// As [`Table::advance`], for every part.
    pub fn advance(&mut self, now_ns: TimeNs, ended: &mut impl FnMut(Ended<M>)) {
        for part in &mut self.parts {
            part.advance(now_ns, ended);
        }
    }

    /// Ends every flow, part by part.
    pub fn finish(self, ended: &mut impl FnMut(Ended<M>)) {
        for part in self.parts {
            part.finish(ended);
        }
    }
}
