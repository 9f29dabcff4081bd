//! IP fragments put together again, for IPv4 and IPv6 alike.
//!
//! Source: RFC 791 section 3.2, RFC 8200 section 4.5, RFC 5722 (overlaps).
//! Where fragments overlap, the bytes that came first are kept; overlaps are counted.
//! Copies of one fragment seen at two places (MAC addresses, VLANs, vantage) are put together apart.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::net::{Address, Layers, Place, TimeNs};
use crate::packet::ip::{Fragment, Ip};
use crate::packet::reason::{self, Reason};

/// How much is kept of fragments whose other parts are awaited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Bytes of all held payloads.
    pub bytes: usize,
    /// Packets waiting for fragments.
    pub packets: usize,
    /// Fragments of one packet.
    pub fragments: u32,
    /// Age of the first fragment that came, by packet time.
    pub age_ns: TimeNs,
}

/// 256 packets of the greatest length: a burst of NFS over UDP at 10 Gbit/s waits for fewer.
pub const MAX_BYTES: usize = 16 << 20;
/// A flood of lone fragments fills this and no more.
pub const MAX_PACKETS: usize = 4096;
/// The greatest packet at an MTU of 576 has 119 fragments; evasion tools cut finer.
pub const MAX_FRAGMENTS: u32 = 1024;
/// As Linux waits (`ipfrag_time`); RFC 791 proposes 15 s, RFC 8200 demands 60 s.
pub const MAX_AGE_NS: TimeNs = 30_000_000_000;
/// A fragment of a packet completed less than this ago is a copy of one that was used; an
/// identification is not met again so soon.
pub const COPY_NS: TimeNs = 10_000_000;
/// Completed packets that are remembered, to know copies of their fragments.
pub const MAX_COMPLETED: usize = 64;
/// An IP packet's greatest payload without a jumbo option.
const MAX_END: usize = 65_535;

impl Default for Bounds {
    fn default() -> Self {
        Self { bytes: MAX_BYTES, packets: MAX_PACKETS, fragments: MAX_FRAGMENTS, age_ns: MAX_AGE_NS }
    }
}

/// When and where a frame was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    pub time_ns: TimeNs,
    pub place: Place,
    pub vantage: u32,
}

/// A packet of fragments: whole, or as much as came.
#[derive(Debug)]
pub struct Whole {
    pub data: Vec<u8>,
    /// Length on the wire; for a packet that is not whole, as much as is known of it.
    pub wire: usize,
    pub source: Address,
    pub destination: Address,
    pub protocol: u8,
    pub is_v6: bool,
    pub is_rerouted: bool,
    pub ttl: u8,
    pub id: u16,
    pub ip_bytes: u32,
    pub packets: u32,
    /// Of the last fragment.
    pub seen: Seen,
    pub layers: Layers,
    pub place: u64,
}

/// What became of a fragment.
#[derive(Debug)]
pub enum Outcome {
    Held,
    /// It repeats one of the packet, or of one just completed.
    Duplicate,
    Whole(Box<Whole>),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Key {
    source: Address,
    destination: Address,
    place: u64,
    vantage: u32,
    id: u32,
    /// For IPv4; IPv6 tells packets apart without it.
    protocol: u8,
}

#[derive(Debug)]
struct Held {
    key: Key,
    since_ns: TimeNs,
    has_first: bool,
    /// Where the packet ends, once its last fragment came.
    end: Option<usize>,
    /// What is covered on the wire: sorted, apart from one another.
    covered: Vec<(usize, usize)>,
    /// Where the captured bytes first fail, though the wire had them.
    cut_at: usize,
    whole: Whole,
}

/// Fragments held, oldest packet first.
#[derive(Debug, Default)]
pub struct Reassembly {
    bounds: Bounds,
    held: BTreeMap<u64, Held>,
    index: HashMap<Key, u64>,
    next: u64,
    bytes: usize,
    completed: VecDeque<(Key, TimeNs)>,
}

/// A packet that is given up: with its first part, or only how many fragments it had.
#[derive(Debug)]
pub enum Given {
    Part(Box<Whole>),
    Nothing { fragments: u32 },
}

impl Reassembly {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Fragments held.
    pub fn fragments(&self) -> u64 {
        self.held.values().map(|held| u64::from(held.whole.packets)).sum()
    }

    /// Gives up the oldest packet if it is older than the bound at `now_ns`.
    pub fn pop_aged(&mut self, now_ns: TimeNs) -> Option<Given> {
        let (_, oldest) = self.held.first_key_value()?;
        if now_ns.saturating_sub(oldest.since_ns) > self.bounds.age_ns { self.pop_oldest() } else { None }
    }

    /// Gives up the oldest packet if a packet as long as the longest would not fit beside it.
    pub fn pop_crowded(&mut self) -> Option<Given> {
        let is_crowded =
            self.bytes.saturating_add(MAX_END) > self.bounds.bytes || self.held.len() >= self.bounds.packets;
        if is_crowded { self.pop_oldest() } else { None }
    }

    /// Gives up the oldest packet.
    pub fn pop_oldest(&mut self) -> Option<Given> {
        let (_, held) = self.held.pop_first()?;
        self.index.remove(&held.key);
        self.bytes -= held.whole.data.len();
        let fragments = held.whole.packets;
        if !held.has_first {
            return Some(Given::Nothing { fragments });
        }
        // The payload up to the first gap; what follows the gap is known only by its length.
        let contiguous = held.covered.first().map_or(0, |&(_, end)| end);
        let wire = held.end.or(held.covered.last().map(|&(_, end)| end)).unwrap_or(contiguous);
        let mut whole = held.whole;
        whole.data.truncate(contiguous.min(held.cut_at));
        whole.wire = wire;
        Some(Given::Part(Box::new(whole)))
    }

    /// Takes a fragment. The caller makes room first ([`Self::pop_crowded`]).
    pub fn take(
        &mut self,
        ip: &Ip<'_>,
        fragment: Fragment,
        seen: Seen,
        place: u64,
        layers: &Layers,
        overlaps: &mut u64,
    ) -> Result<Outcome, Reason> {
        let (start, end) = (fragment.offset, fragment.offset + ip.payload.wire);
        if end > MAX_END || end == start || (fragment.more && !ip.payload.wire.is_multiple_of(8)) {
            return Err(Reason::malformed("fragment"));
        }
        let key = Key {
            source: ip.source,
            destination: ip.destination,
            place,
            vantage: seen.vantage,
            id: fragment.id,
            protocol: if ip.is_v6 { 0 } else { ip.protocol },
        };
        let serial = match self.index.get(&key) {
            Some(&serial) => serial,
            None => {
                if self.is_copy(&key, seen.time_ns) {
                    return Ok(Outcome::Duplicate);
                }
                self.open(key, ip, seen, place, layers)
            }
        };
        let Some(held) = self.held.get_mut(&serial) else { return Err(reason::FRAGMENT_BOUND) };
        if held.whole.packets >= self.bounds.fragments {
            return Err(reason::FRAGMENT_BOUND);
        }
        let furthest = held.covered.last().map_or(0, |&(_, end)| end);
        let contradicts = match held.end {
            Some(known) => end > known || (!fragment.more && end != known),
            None => !fragment.more && end < furthest,
        };
        if contradicts {
            return Err(Reason::malformed("fragment"));
        }
        let before = held.whole.data.len();
        let fresh = held.fill(start, end, ip.payload.bytes);
        self.bytes += held.whole.data.len() - before;
        if fresh == 0 && held.repeats(start, ip.payload.bytes) {
            return Ok(Outcome::Duplicate);
        }
        if fresh < end - start {
            *overlaps += 1;
        }
        if fresh == 0 {
            return Ok(Outcome::Held);
        }
        if !fragment.more {
            held.end = Some(end);
        }
        if start == 0 {
            held.has_first = true;
            held.whole.protocol = ip.protocol;
            held.whole.ttl = ip.ttl;
        }
        held.whole.packets += 1;
        held.whole.ip_bytes = held.whole.ip_bytes.saturating_add(ip.ip_bytes);
        held.whole.seen = seen;
        match (held.end, held.covered.as_slice()) {
            (Some(end), &[(0, covered)]) if covered == end => Ok(self.complete(serial)),
            _ => Ok(Outcome::Held),
        }
    }

    fn is_copy(&self, key: &Key, now_ns: TimeNs) -> bool {
        self.completed.iter().any(|(known, when)| known == key && now_ns.saturating_sub(*when) <= COPY_NS)
    }

    fn open(&mut self, key: Key, ip: &Ip<'_>, seen: Seen, place: u64, layers: &Layers) -> u64 {
        let whole = Whole {
            data: Vec::new(),
            wire: 0,
            source: ip.source,
            destination: ip.destination,
            protocol: ip.protocol,
            is_v6: ip.is_v6,
            is_rerouted: ip.is_rerouted,
            ttl: ip.ttl,
            id: ip.id,
            ip_bytes: 0,
            packets: 0,
            seen,
            layers: layers.clone(),
            place,
        };
        let serial = self.next;
        self.next += 1;
        self.index.insert(key, serial);
        self.held.insert(
            serial,
            Held {
                key,
                since_ns: seen.time_ns,
                has_first: false,
                end: None,
                covered: Vec::new(),
                cut_at: usize::MAX,
                whole,
            },
        );
        serial
    }

    fn complete(&mut self, serial: u64) -> Outcome {
        let Some(held) = self.held.remove(&serial) else { return Outcome::Held };
        self.index.remove(&held.key);
        self.bytes -= held.whole.data.len();
        if self.completed.len() >= MAX_COMPLETED {
            self.completed.pop_front();
        }
        self.completed.push_back((held.key, held.whole.seen.time_ns));
        let mut whole = held.whole;
        whole.wire = held.end.unwrap_or(whole.data.len());
        whole.data.truncate(held.cut_at.min(whole.wire));
        Outcome::Whole(Box::new(whole))
    }
}

impl Held {
    /// Whether these bytes are those that are kept from `start` on.
    fn repeats(&self, start: usize, bytes: &[u8]) -> bool {
        self.whole.data.get(start..).is_some_and(|kept| kept.starts_with(bytes))
    }

    /// Writes what is not yet covered of `start..end`; how many bytes of the wire that was.
    fn fill(&mut self, start: usize, end: usize, bytes: &[u8]) -> usize {
        let mut fresh = 0;
        let mut at = start;
        let covered = std::mem::take(&mut self.covered);
        for &(from, to) in covered.iter().filter(|&&(from, to)| to > start && from < end) {
            if at < from {
                fresh += self.write(at, from, start, bytes);
            }
            at = at.max(to);
        }
        if at < end {
            fresh += self.write(at, end, start, bytes);
        }
        self.covered = joined(covered, (start, end));
        fresh
    }

    /// Writes `from..to` of the packet out of a fragment whose bytes begin at `start`.
    fn write(&mut self, from: usize, to: usize, start: usize, bytes: &[u8]) -> usize {
        let captured = start + bytes.len();
        if captured < to {
            self.cut_at = self.cut_at.min(captured.max(from));
        }
        let upto = to.min(captured);
        if let Some(source) = bytes.get(from - start..upto.max(from) - start)
            && !source.is_empty()
        {
            if self.whole.data.len() < upto {
                self.whole.data.resize(upto, 0);
            }
            if let Some(target) = self.whole.data.get_mut(from..upto) {
                target.copy_from_slice(source);
            }
        }
        to - from
    }
}

/// The ranges with one more, sorted; those that touch become one.
fn joined(mut ranges: Vec<(usize, usize)>, more: (usize, usize)) -> Vec<(usize, usize)> {
    let at = ranges.partition_point(|range| *range < more);
    ranges.insert(at, more);
    ranges.dedup_by(|next, kept| {
        let touches = next.0 <= kept.1;
        if touches {
            kept.1 = kept.1.max(next.1);
        }
        touches
    });
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::span::Span;

    /// Fragments as (offset, bytes, more), and the outcome of the last.
    fn check(fragments: &[(usize, &[u8], bool)], expect: Result<Option<&[u8]>, Reason>) {
        let mut reassembly = Reassembly::new(Bounds::default());
        let mut last = Ok(None);
        for &(offset, bytes, more) in fragments {
            let ip = Ip {
                source: Address::v4(1),
                destination: Address::v4(2),
                protocol: 17,
                is_v6: false,
                ttl: 64,
                id: 7,
                payload: Span::new(bytes, bytes.len()),
                ip_bytes: 20 + bytes.len() as u32,
                packets: 1,
                fragment: None,
                lies: false,
                is_rerouted: false,
            };
            let fragment = Fragment { id: 7, offset, more };
            let taken = reassembly.take(&ip, fragment, Seen::default(), 0, &Layers::default(), &mut 0);
            last = taken.map(|outcome| match outcome {
                Outcome::Whole(whole) => Some(whole.data),
                Outcome::Held | Outcome::Duplicate => None,
            });
        }
        assert_eq!(last, expect.map(|bytes| bytes.map(<[u8]>::to_vec)));
    }

    #[test]
    fn fragments_in_any_order_make_the_packet() {
        check(&[(0, b"abcdefgh", true), (8, b"ij", false)], Ok(Some(b"abcdefghij")));
        check(&[(8, b"ij", false), (0, b"abcdefgh", true)], Ok(Some(b"abcdefghij")));
        check(&[(8, b"ij", false)], Ok(None));
    }

    #[test]
    fn the_first_bytes_that_came_are_kept() {
        check(
            &[(0, b"abcdefgh", true), (0, b"ABCDEFGHIJKLMNOP", true), (16, b"z", false)],
            Ok(Some(b"abcdefghIJKLMNOPz")),
        );
        check(&[(8, b"ijklmnop", true), (0, b"ABCDEFGHIJKLMNOPQR", false)], Ok(Some(b"ABCDEFGHijklmnopQR")));
    }

    #[test]
    fn contradictions_are_malformed() {
        check(&[(0, b"abc", true)], Err(Reason::malformed("fragment")));
        check(&[(65_528, b"abcdefgh", false)], Err(Reason::malformed("fragment")));
        check(&[(8, b"ij", false), (16, b"k", false)], Err(Reason::malformed("fragment")));
        check(&[(8, b"", false)], Err(Reason::malformed("fragment")));
    }

    #[test]
    fn a_copy_of_a_completed_packet_begins_no_other() {
        let mut reassembly = Reassembly::new(Bounds::default());
        reassembly.completed.push_back((
            Key {
                source: Address::v4(1),
                destination: Address::v4(2),
                place: 0,
                vantage: 0,
                id: 7,
                protocol: 17,
            },
            1_000,
        ));
        let key = reassembly.completed[0].0;
        assert!(reassembly.is_copy(&key, 1_000 + COPY_NS));
        assert!(!reassembly.is_copy(&key, 1_001 + COPY_NS));
    }
}
