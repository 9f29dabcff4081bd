//! Community ID, version 1: one string for a flow, the same in every tool.
//!
//! Source: Corelight's Community ID Flow Hashing specification, version 1.

use sha1::{Digest, Sha1};

use crate::flow::key::counterpart;
use crate::net::{Address, Endpoint, Pair, Transport};

/// The seed that tools use unless told otherwise.
pub const SEED: u16 = 0;

/// The Community ID of a flow between these ends (for ICMP: the first packet's type and code as ports).
pub fn community_id(transport: Transport, ends: Pair<Endpoint>, seed: u16) -> String {
    let Pair([a, b]) = ends;
    let answer = transport.is_icmp().then(|| counterpart(transport, a.port));
    let (low, high) = match answer {
        Some(None) => (a, b),
        Some(Some(answer)) => ordered(a, Endpoint { port: answer, ..b }),
        None => ordered(a, b),
    };
    let mut hasher = Sha1::new();
    hasher.update(seed.to_be_bytes());
    for end in [low, high] {
        update_address(&mut hasher, end.address);
    }
    hasher.update([transport.number(), 0]);
    for end in [low, high] {
        hasher.update(end.port.to_be_bytes());
    }
    format!("1:{}", base64(&hasher.finalize()))
}

fn ordered(a: Endpoint, b: Endpoint) -> (Endpoint, Endpoint) {
    if a <= b { (a, b) } else { (b, a) }
}

fn update_address(hasher: &mut Sha1, address: Address) {
    let bytes = address.bits().to_be_bytes();
    let [.., w, x, y, z] = bytes;
    if address.is_v4() { hasher.update([w, x, y, z]) } else { hasher.update(bytes) }
}

/// Base64 with padding, RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0, |group, &byte| group << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let symbol = ALPHABET.get((group >> (18 - 6 * place)) as usize & 63);
            text.push(symbol.filter(|_| place <= chunk.len()).map_or('=', |&symbol| char::from(symbol)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    /// Both ways round, except where the transport has no answer.
    fn check(transport: Transport, a: (&str, u16), b: (&str, u16), expect: &str) {
        let end = |(address, port): (&str, u16)| Endpoint {
            address: address.parse::<IpAddr>().unwrap().into(),
            port,
        };
        let (a, b) = (end(a), end(b));
        assert_eq!(community_id(transport, Pair([a, b]), SEED), expect);
        if !transport.is_icmp() {
            assert_eq!(community_id(transport, Pair([b, a]), SEED), expect);
        }
    }

    #[test]
    fn the_published_examples_hold() {
        let (a, b) = (("128.232.110.120", 34855), ("66.35.250.204", 80));
        check(Transport::Tcp, a, b, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        let (a, b) = (("192.168.1.52", 54585), ("8.8.8.8", 53));
        check(Transport::Udp, a, b, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
        let (a, b) = (("192.168.170.8", 7), ("192.168.170.56", 80));
        check(Transport::Sctp, a, b, "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=");
        let (a, b) = (("192.168.0.89", 8), ("192.168.0.1", 0));
        check(Transport::Icmp, a, b, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
        let (a, b) = (("192.168.0.1", 0), ("192.168.0.89", 0));
        check(Transport::Icmp, a, b, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
        let (a, b) = (("192.168.0.89", 20), ("192.168.0.1", 0));
        check(Transport::Icmp, a, b, "1:3o2RFccXzUgjl7zDpqmY7yJi8rI=");
        let (a, b) = (("fe80::200:86ff:fe05:80da", 135), ("fe80::260:97ff:fe07:69ea", 0));
        check(Transport::Icmp6, a, b, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=");
    }

    #[test]
    fn base64_pads() {
        for (bytes, expect) in [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v")] {
            assert_eq!(base64(bytes), expect);
        }
    }
}
