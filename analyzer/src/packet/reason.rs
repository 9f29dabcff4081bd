//! Why a packet was not decoded, and how often.
//!
//! Broken traffic is data: nothing here is an error, and what is merely not ours (ARP, LLDP)
//! is kept apart from what is broken.

use std::collections::BTreeMap;
use std::fmt;

/// What sort of thing a reason is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Whole and well, and no IP inside: ARP, LLDP, spanning tree.
    NotIp,
    /// IP, and no transport that has flows: OSPF, ESP, IGMP.
    NotTransport,
    /// A link type or an encapsulation that is not opened.
    Unsupported,
    /// A header that contradicts itself.
    Malformed,
    /// A header that the snap length or a lost fragment cut.
    Truncated,
    /// Worth saying of packets that were decoded all the same.
    Note,
}

impl Kind {
    /// Every kind, in the order of reports.
    pub const ALL: [Self; 6] =
        [Self::NotIp, Self::NotTransport, Self::Unsupported, Self::Malformed, Self::Truncated, Self::Note];

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotIp => "not-ip",
            Self::NotTransport => "not-transport",
            Self::Unsupported => "unsupported",
            Self::Malformed => "malformed",
            Self::Truncated => "truncated",
            Self::Note => "note",
        }
    }
}

/// One reason. Shown as `arp`, `ipv4-malformed`, `tcp-truncated`, `ip-protocol-253`, `ether-type-0x9999`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Reason {
    name: &'static str,
    kind: Kind,
    number: Option<u16>,
}

impl Reason {
    pub const fn new(kind: Kind, name: &'static str) -> Self {
        Self { name, kind, number: None }
    }

    /// A reason that differs by a number off the wire: at most 65,536 of each name.
    pub const fn numbered(kind: Kind, name: &'static str, number: u16) -> Self {
        Self { name, kind, number: Some(number) }
    }

    pub const fn malformed(layer: &'static str) -> Self {
        Self::new(Kind::Malformed, layer)
    }

    pub const fn truncated(layer: &'static str) -> Self {
        Self::new(Kind::Truncated, layer)
    }

    pub const fn kind(self) -> Kind {
        self.kind
    }

    /// The name without suffix or number: the layer, for broken ones.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Whether the bytes are soundly what they were taken for, though no flow comes of them.
    pub const fn is_sound(self) -> bool {
        matches!(self.kind, Kind::NotIp | Kind::NotTransport)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        match self.kind {
            Kind::Malformed => f.write_str("-malformed")?,
            Kind::Truncated if self != &FRAGMENT_INCOMPLETE => f.write_str("-truncated")?,
            _ => {}
        }
        match self.number {
            Some(number) if self.name == ETHER_TYPE => write!(f, "-{number:#06x}"),
            Some(number) => write!(f, "-{number}"),
            None => Ok(()),
        }
    }
}

const ETHER_TYPE: &str = "ether-type";

/// An EtherType that is not opened.
pub const fn ether_type(number: u16) -> Reason {
    let name = match number {
        0x0806 => "arp",
        0x8035 => "rarp",
        0x8137 => "ipx",
        0x8808 => "ethernet-flow-control",
        0x8809 => "lacp",
        0x8863 => "pppoe-discovery",
        0x888e => "eapol",
        0x88a2 => "ata-over-ethernet",
        0x88cc => "lldp",
        0x88f7 => "ptp",
        0x8902 => "cfm",
        0x9000 => "loopback-test",
        0x88e5 => return Reason::new(Kind::Unsupported, "macsec"),
        _ => return Reason::numbered(Kind::Unsupported, ETHER_TYPE, number),
    };
    Reason::new(Kind::NotIp, name)
}

/// An IP protocol without flows.
pub const fn ip_protocol(number: u8) -> Reason {
    let name = match number {
        2 => "igmp",
        8 => "egp",
        33 => "dccp",
        46 => "rsvp",
        50 => "esp",
        59 => "no-next-header",
        88 => "eigrp",
        89 => "ospf",
        103 => "pim",
        112 => "vrrp",
        115 => "l2tp",
        135 => "mobility",
        136 => "udp-lite",
        _ => return Reason::numbered(Kind::NotTransport, "ip-protocol", number as u16),
    };
    Reason::new(Kind::NotTransport, name)
}

/// A link type that is not opened.
pub const fn link_type(number: u16) -> Reason {
    Reason::numbered(Kind::Unsupported, "link-type", number)
}

/// Encapsulations nested deeper than the bound.
pub const TOO_DEEP: Reason = Reason::new(Kind::Unsupported, "too-deep");
/// Fragments whose other parts never came, and whose first part was not among them.
pub const FRAGMENT_INCOMPLETE: Reason = Reason::new(Kind::Truncated, "fragment-incomplete");
/// Fragments that a bound turned away, or drove out before the other parts came.
pub const FRAGMENT_BOUND: Reason = Reason::new(Kind::Unsupported, "fragment-bound");
/// Fragments whose packet was handed on without its missing parts.
pub const FRAGMENT_CUT: Reason = Reason::new(Kind::Note, "fragment-cut");
/// Fragments that overlap one that came before; the earlier bytes were kept.
pub const FRAGMENT_OVERLAP: Reason = Reason::new(Kind::Note, "fragment-overlap");
/// Fragments that repeat one of the same packet.
pub const FRAGMENT_DUPLICATE: Reason = Reason::new(Kind::Note, "fragment-duplicate");

/// Counts by reason, in the order of their names. Two of them add up.
///
/// Every frame either gave a packet, or is held as a fragment, or is counted here; a packet in
/// a tunnel whose inside was no transport is emitted as the carrier, and its inside counted.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Undecoded(BTreeMap<Reason, u64>);

impl Undecoded {
    pub fn count(&mut self, reason: Reason) {
        self.count_many(reason, 1);
    }

    pub fn count_many(&mut self, reason: Reason, times: u64) {
        if times > 0 {
            *self.0.entry(reason).or_default() += times;
        }
    }

    pub fn add(&mut self, other: &Self) {
        for (&reason, &times) in &other.0 {
            self.count_many(reason, times);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        self.0.iter().map(|(&reason, &times)| (reason, times))
    }

    /// How often for all reasons of that kind.
    pub fn total(&self, kind: Kind) -> u64 {
        self.iter().filter(|(reason, _)| reason.kind() == kind).map(|(_, times)| times).sum()
    }

    pub fn get(&self, reason: Reason) -> u64 {
        self.0.get(&reason).copied().unwrap_or(0)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_shows_its_layer_fault_and_number() {
        let check = |reason: Reason, expect: &str| assert_eq!(reason.to_string(), expect);
        check(ether_type(0x0806), "arp");
        check(ether_type(0x1234), "ether-type-0x1234");
        check(ip_protocol(253), "ip-protocol-253");
        check(link_type(127), "link-type-127");
        check(Reason::malformed("ipv4"), "ipv4-malformed");
        check(Reason::truncated("tcp"), "tcp-truncated");
        check(FRAGMENT_INCOMPLETE, "fragment-incomplete");
    }

    #[test]
    fn counts_of_two_decoders_add_up() {
        let mut one = Undecoded::default();
        one.count(ether_type(0x0806));
        let mut two = one.clone();
        two.count_many(TOO_DEEP, 3);
        one.add(&two);
        assert_eq!(one.get(ether_type(0x0806)), 2);
        assert_eq!(one.total(Kind::Unsupported), 3);
    }
}
