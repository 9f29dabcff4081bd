//! What the readers of both formats share: the walk over a piece of a capture.

use crate::capture::batch::Entry;
use crate::capture::facts::{CaptureFacts, InterfaceFacts};
use crate::net::Place;
use crate::net::TimeNs;
use crate::packet::frame::LinkType;
use std::sync::Arc;

/// The longest frame that a capture may hold: libpcap's `MAXIMUM_SNAPLEN`. A length over
/// it is a lie or a lost footing, and no capture of IP traffic is allocated for it.
pub const FRAME_BYTES_MAX: u32 = 256 * 1024;

/// The links of all vantages of an observation, by vantage.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vantages(pub Arc<Vec<LinkType>>);

impl Vantages {
    /// A vantage of its own for an interface with this link.
    pub fn add(&mut self, link: LinkType) -> u32 {
        let links = Arc::make_mut(&mut self.0);
        links.push(link);
        u32::try_from(links.len() - 1).unwrap_or(u32::MAX)
    }
}

/// Where a walk puts what it finds.
pub(crate) struct Sink<'a> {
    pub capture: u16,
    pub index: &'a mut Vec<Entry>,
    pub facts: &'a mut CaptureFacts,
    pub vantages: &'a mut Vantages,
}

impl Sink<'_> {
    /// Notes one whole frame. `offset` is in the bytes walked.
    #[inline]
    pub fn frame(&mut self, time_ns: TimeNs, vantage: u32, offset: usize, captured: u32, wire: u32) {
        self.facts.packets += 1;
        self.facts.bytes = self.facts.bytes.saturating_add(u64::from(wire));
        self.facts.captured_bytes = self.facts.captured_bytes.saturating_add(u64::from(captured));
        self.facts.cut_packets += u64::from(captured < wire);
        self.facts.first_ns = Some(self.facts.first_ns.map_or(time_ns, |first| first.min(time_ns)));
        self.facts.last_ns = Some(self.facts.last_ns.map_or(time_ns, |last| last.max(time_ns)));
        let place = Place::new(self.capture, self.facts.packets);
        self.index.push(Entry { time_ns, place, offset: offset as u32, captured, wire, vantage });
    }

    /// Declares an interface; its vantage.
    pub fn interface(&mut self, name: Option<String>, link: LinkType, snap_bytes: u32) -> u32 {
        let vantage = self.vantages.add(link);
        let facts = InterfaceFacts { name, link, snap_bytes, vantage, if_drop: None, os_drop: None };
        self.facts.interfaces.push(facts);
        vantage
    }
}

/// How far a walk came.
#[derive(Debug)]
pub(crate) struct Walked {
    /// Bytes behind it; what follows is the beginning of something not whole yet.
    pub used: usize,
    /// How many bytes from `used` on the next step asks for, as far as is known.
    pub need: usize,
    /// Set where the bytes lie and reading must end.
    pub lie: Option<Lie>,
}

/// A statement of the file that cannot be true.
#[derive(Debug)]
pub(crate) struct Lie {
    pub expected: String,
    pub found: String,
}

impl Lie {
    pub fn new(expected: impl Into<String>, found: impl std::fmt::Display) -> Self {
        Self { expected: expected.into(), found: found.to_string() }
    }
}

/// A `u32` of the file's byte order.
#[inline]
pub(crate) const fn word<const BIG: bool>(bytes: [u8; 4]) -> u32 {
    if BIG { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}
