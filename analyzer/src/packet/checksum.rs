//! The Internet checksum over a TCP or UDP segment.
//!
//! Source: RFC 1071; RFC 9293 section 3.1 and RFC 8200 section 8.1 (pseudo-headers).
//! A sum over the pseudo-header alone is what a host leaves to its network card to finish.

use crate::net::Address;

/// Whether the checksum in a wholly captured segment is right, or is what offload leaves.
pub fn is_right(source: Address, destination: Address, protocol: u8, segment: &[u8], stated: u16) -> bool {
    let pseudo = pseudo_header(source, destination, protocol, segment.len());
    fold(pseudo + sum(segment)) == 0xffff || fold(pseudo) == stated
}

fn pseudo_header(source: Address, destination: Address, protocol: u8, length: usize) -> u64 {
    let halves = |address: Address| {
        let bits = if address.is_v4() { address.bits() & 0xffff_ffff } else { address.bits() };
        (0..8).map(|word| ((bits >> (16 * word)) & 0xffff) as u64).sum::<u64>()
    };
    halves(source)
        + halves(destination)
        + u64::from(protocol)
        + (length as u64 >> 16)
        + (length as u64 & 0xffff)
}

fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let odd = match *rest {
        [] => 0,
        [a] => u64::from(u16::from_be_bytes([a, 0])),
        [a, b] => u64::from(u16::from_be_bytes([a, b])),
        [a, b, c, ..] => u64::from(u16::from_be_bytes([a, b])) + u64::from(u16::from_be_bytes([c, 0])),
    };
    words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum::<u64>() + odd
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stated: u16, expect: bool) {
        let (source, destination) = (Address::v4(0x0a00_0001), Address::v4(0x0a00_0002));
        let mut segment = [0x00, 0x35, 0x82, 0x35, 0x00, 0x0a, 0, 0, b'h', b'i'];
        segment[6..8].copy_from_slice(&stated.to_be_bytes());
        assert_eq!(is_right(source, destination, 17, &segment, stated), expect, "{stated:#x}");
    }

    #[test]
    fn a_right_sum_a_partial_sum_and_no_other_will_do() {
        // 0a00+0001+0a00+0002+0011+000a = 141e; + 0035+8235+000a+6869 = fefb
        check(0x141e, true);
        check(!0xfefb, true);
        check(!0xfefb ^ 1, false);
    }
}
