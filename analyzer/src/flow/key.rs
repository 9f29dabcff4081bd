//! The key of a flow: its five-tuple whichever way round, and what separates equal ones.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use crate::net::{Address, Endpoint, Pair, Side, Transport};

/// Fixed, so that equal packets give equal tables.
pub const SEED: u64 = 0x756e_6368_6172_7465;

/// Both ends and the transport, as the first packet had them; for ICMP, ports are the type and its counterpart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    pub addresses: Pair<Address>,
    pub ports: Pair<u16>,
    pub transport: Transport,
    /// An ICMP message that has no answer: nothing comes back on this key.
    pub is_one_way: bool,
    /// What separates equal five-tuples: an interned VLAN or tunnel; 0 for none.
    pub apart: u32,
}

impl Key {
    /// As [`hash_of`].
    pub fn hash(&self) -> u64 {
        hash_ends(self.transport, self.addresses, self.ports)
    }

    /// The side of this flow that sent a packet with `other`'s key, if it is of this flow.
    pub fn side_of(&self, other: &Self) -> Option<Side> {
        if self.transport != other.transport
            || self.apart != other.apart
            || self.is_one_way != other.is_one_way
        {
            return None;
        }
        let Pair([a, b]) = other.addresses;
        let Pair([p, q]) = other.ports;
        if self.addresses.0 == [a, b] && self.ports.0 == [p, q] {
            Some(Side::A)
        } else if !self.is_one_way && self.addresses.0 == [b, a] && self.ports.0 == [q, p] {
            Some(Side::B)
        } else {
            None
        }
    }
}

/// The hash of a five-tuple, equal for both directions.
pub fn hash_of(transport: Transport, source: Endpoint, destination: Endpoint) -> u64 {
    let (ports, _) = ports_of(transport, source.port, destination.port);
    hash_ends(transport, Pair([source.address, destination.address]), ports)
}

fn hash_ends(transport: Transport, Pair([a, b]): Pair<Address>, Pair([p, q]): Pair<u16>) -> u64 {
    let (low, high) = if (a, p) <= (b, q) { ((a, p), (b, q)) } else { ((b, q), (a, p)) };
    let mut hasher = FixedState::with_seed(SEED).build_hasher();
    for (address, port) in [low, high] {
        let (hi, lo) = address.halves();
        hasher.write_u64(hi);
        hasher.write_u64(lo ^ u64::from(port).rotate_left(40));
    }
    hasher.write_u8(transport as u8);
    hasher.finish()
}

/// For ICMP, a type that has an answer goes with that of the answer, as Zeek and Community ID have it.
/// The second value tells that there is none.
pub fn ports_of(transport: Transport, source: u16, destination: u16) -> (Pair<u16>, bool) {
    if !transport.is_icmp() {
        return (Pair([source, destination]), false);
    }
    match counterpart(transport, source) {
        Some(answer) => (Pair([source, answer]), false),
        None => (Pair([source, destination]), true),
    }
}

/// The ICMP type that answers this one, or that it answers.
///
/// Source: RFC 792, RFC 950, RFC 1256; RFC 4443 section 4, RFC 2710, RFC 4861, RFC 4620.
pub fn counterpart(transport: Transport, kind: u16) -> Option<u16> {
    const ICMP: &[(u16, u16)] = &[(8, 0), (13, 14), (15, 16), (17, 18), (10, 9)];
    const ICMP6: &[(u16, u16)] = &[(128, 129), (133, 134), (135, 136), (130, 131), (139, 140), (144, 145)];
    let pairs = if transport == Transport::Icmp { ICMP } else { ICMP6 };
    pairs.iter().find_map(|&(ask, answer)| match kind {
        kind if kind == ask => Some(answer),
        kind if kind == answer => Some(ask),
        _ => None,
    })
}
