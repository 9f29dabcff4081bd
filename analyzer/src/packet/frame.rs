//! A frame: captured bytes with a time, as a capture hands them over.

use crate::net::TimeNs;

/// A link type in libpcap's LINKTYPE_ numbering (1 Ethernet, 113 Linux cooked, 101 raw IP).
///
/// Source: the Tcpdump Group's list of link-layer header types.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkType(pub u16);

/// One captured frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When, by the capture's clock.
    pub time_ns: TimeNs,
    /// Which frame of which capture it is.
    pub place: Place,
    /// Which interface of which capture saw it; equal numbers mean the same vantage point.
    pub vantage: u32,
    pub link: LinkType,
    /// Length on the wire; `bytes` may be shorter where a snap length cut it.
    pub wire_bytes: u32,
    pub bytes: &'a [u8],
}

/// A frame's place: which capture, and which frame of it. Places of one capture are ordered as its frames.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place(u64);

const FRAME_BITS: u32 = 48;

impl Place {
    /// Frame `frame` (from 1, as Wireshark counts) of capture `capture` (from 0, in the order of the report).
    pub const fn new(capture: u16, frame: u64) -> Self {
        Self(((capture as u64) << FRAME_BITS) | (frame & ((1 << FRAME_BITS) - 1)))
    }

    pub const fn capture(self) -> u16 {
        (self.0 >> FRAME_BITS) as u16
    }

    pub const fn frame(self) -> u64 {
        self.0 & ((1 << FRAME_BITS) - 1)
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.capture(), self.frame())
    }
}
