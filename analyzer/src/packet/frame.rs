//! A frame: captured bytes with a time, as a capture hands them over.

use crate::net::{Place, TimeNs};

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
