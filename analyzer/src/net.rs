//! Words that every floor speaks: addresses, endpoints, transports, times.
//!
//! Nothing here knows frames, flows or tables, and nothing is imported.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Nanoseconds since 1970-01-01 UTC, as the capture says.
pub type TimeNs = u64;

/// An IPv4 or IPv6 address in 16 bytes; IPv4 is kept in its mapped form (`::ffff:a.b.c.d`).
///
/// A packet that really carries a mapped IPv6 address is shown as its IPv4 address:
/// such packets must not appear on a wire (RFC 4291 section 2.5.5.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Address {
    hi: u64,
    lo: u64,
}

const MAPPED: u64 = 0x0000_ffff_0000_0000;

impl Address {
    /// The IPv4 address whose four bytes, most significant first, are `bits`.
    #[inline]
    pub const fn v4(bits: u32) -> Self {
        Self { hi: 0, lo: MAPPED | bits as u64 }
    }

    /// The IPv6 address of these 16 bytes in network order.
    #[inline]
    pub const fn v6(bytes: [u8; 16]) -> Self {
        let bits = u128::from_be_bytes(bytes);
        Self { hi: (bits >> 64) as u64, lo: bits as u64 }
    }

    /// Both halves, most significant first: for hashing and for prefix look-up.
    #[inline]
    pub const fn halves(self) -> (u64, u64) {
        (self.hi, self.lo)
    }

    /// All 128 bits; IPv4 in its mapped form.
    #[inline]
    pub const fn bits(self) -> u128 {
        ((self.hi as u128) << 64) | self.lo as u128
    }

    /// Whether this is an IPv4 address.
    #[inline]
    pub const fn is_v4(self) -> bool {
        self.hi == 0 && self.lo >> 32 == 0xffff
    }

    /// The standard library's form.
    pub fn ip(self) -> IpAddr {
        if self.is_v4() {
            IpAddr::V4(Ipv4Addr::from_bits(self.lo as u32))
        } else {
            IpAddr::V6(Ipv6Addr::from_bits(self.bits()))
        }
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::v4(ip.to_bits()),
            IpAddr::V6(ip) => Self::v6(ip.octets()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip().fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The transport of a five-tuple. For ICMP the ports are type and code, as Zeek has it:
/// the first side's port is the type, the other's the code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Transport {
    #[default]
    Tcp,
    Udp,
    Sctp,
    Icmp,
    Icmp6,
}

impl Transport {
    /// Every transport, in the order of reports.
    pub const ALL: [Self; 5] = [Self::Tcp, Self::Udp, Self::Sctp, Self::Icmp, Self::Icmp6];

    /// The name in tables, reports and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Icmp => "icmp",
            Self::Icmp6 => "icmp6",
        }
    }

    /// The transport of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| transport.name() == name)
    }

    /// The IP protocol number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Icmp => 1,
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Icmp6 => 58,
            Self::Sctp => 132,
        }
    }

    /// Whether the five-tuple's ports are a type and a code.
    pub const fn is_icmp(self) -> bool {
        matches!(self, Self::Icmp | Self::Icmp6)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One end of a flow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Endpoint {
    pub address: Address,
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.address.is_v4() {
            write!(f, "{}:{}", self.address, self.port)
        } else {
            write!(f, "[{}]:{}", self.address, self.port)
        }
    }
}

/// One of a flow's two sides. `A` is the side whose packet was met first; which of the two
/// is the initiator is a finding about the flow, never its order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Side {
    A = 0,
    B = 1,
}

impl Side {
    /// Both sides.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The other side.
    #[inline]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// One value for each side.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Pair<T>(pub [T; 2]);

impl<T> std::ops::Index<Side> for Pair<T> {
    type Output = T;
    #[inline]
    fn index(&self, side: Side) -> &T {
        let [a, b] = &self.0;
        match side {
            Side::A => a,
            Side::B => b,
        }
    }
}

impl<T> std::ops::IndexMut<Side> for Pair<T> {
    #[inline]
    fn index_mut(&mut self, side: Side) -> &mut T {
        let [a, b] = &mut self.0;
        match side {
            Side::A => a,
            Side::B => b,
        }
    }
}

/// VLAN and tunnel ids around a packet, outermost first; empty for a plain one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Layers {
    /// VLAN ids (802.1Q and 802.1ad alike).
    pub vlan: Vec<u16>,
    /// Tunnels with their id (VNI, GRE key, ERSPAN session, TEID, MPLS label), where they have one.
    pub tunnel: Vec<Tunnel>,
}

/// One encapsulation around a packet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tunnel {
    /// `vxlan`, `geneve`, `gre`, `erspan`, `ipip`, `gtp-u`, `mpls`, `pppoe`, `teredo` ...
    pub kind: &'static str,
    pub id: Option<u32>,
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

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.capture(), self.frame())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_and_ipv6_survive_the_round_trip() {
        for text in ["10.0.0.1", "255.255.255.255", "0.0.0.0", "::1", "2001:db8::7"] {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(Address::from(ip).ip(), ip);
            assert_eq!(Address::from(ip).to_string(), text);
        }
    }

    #[test]
    fn every_transport_has_a_name_of_its_own() {
        for transport in Transport::ALL {
            assert_eq!(Transport::from_name(transport.name()), Some(transport));
        }
    }
}
