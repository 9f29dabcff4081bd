//! A stretch of a packet: the bytes that were captured, and how many there were on the wire.

use crate::packet::reason::Reason;

/// Captured bytes and the length that they had on the wire (never less).
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    pub bytes: &'a [u8],
    pub wire: usize,
}

impl<'a> Span<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8], wire: usize) -> Self {
        Self { bytes, wire: wire.max(bytes.len()) }
    }

    /// The first `N` bytes and what follows them. Else the fault: cut by the capture, or really too short.
    #[inline]
    pub fn take<const N: usize>(self, layer: &'static str) -> Result<(&'a [u8; N], Self), Reason> {
        match self.bytes.split_first_chunk::<N>() {
            Some((head, rest)) => Ok((head, Self { bytes: rest, wire: self.wire - N })),
            None => Err(self.fault(N, layer)),
        }
    }

    /// What follows the first `count` bytes.
    #[inline]
    pub fn skip(self, count: usize, layer: &'static str) -> Result<Self, Reason> {
        match self.bytes.get(count..) {
            Some(bytes) => Ok(Self { bytes, wire: self.wire - count }),
            None => Err(self.fault(count, layer)),
        }
    }

    /// What follows the first `count` bytes, be it that all that was captured is gone by then.
    #[inline]
    pub fn skip_beyond(self, count: usize) -> Self {
        Self { bytes: self.bytes.get(count..).unwrap_or_default(), wire: self.wire.saturating_sub(count) }
    }

    /// This stretch with a length that a header states: padding goes, missing bytes count as cut.
    #[inline]
    pub fn stated(self, wire: usize) -> Self {
        Self { bytes: self.bytes.get(..wire).unwrap_or(self.bytes), wire }
    }

    #[inline]
    pub fn first(self) -> Option<u8> {
        self.bytes.first().copied()
    }

    #[cold]
    fn fault(self, needed: usize, layer: &'static str) -> Reason {
        if self.wire >= needed { Reason::truncated(layer) } else { Reason::malformed(layer) }
    }
}

/// A number of two bytes in network order.
#[inline]
pub const fn u16_be(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}
