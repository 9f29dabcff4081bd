//! IPv4 and IPv6 headers, down to the transport.
//!
//! Source: RFC 791 (IPv4), RFC 8200 (IPv6), RFC 2675 (jumbograms), RFC 4302 (AH).
//! Left out: what options say; the IPv4 header checksum (offload leaves it wrong or empty).

use crate::net::Address;
use crate::packet::reason::{Reason, TOO_DEEP};
use crate::packet::span::{Span, u16_be};

/// Extension headers walked in one packet. RFC 8200 knows seven kinds, one of them twice.
pub const MAX_EXTENSIONS: usize = 16;

/// One IP packet, its payload trimmed to the length that the header states.
#[derive(Clone, Copy, Debug)]
pub struct Ip<'a> {
    pub source: Address,
    pub destination: Address,
    /// The protocol of `payload`, extension headers walked.
    pub protocol: u8,
    pub is_v6: bool,
    pub ttl: u8,
    /// IPv4 identification; 0 for IPv6.
    pub id: u16,
    pub payload: Span<'a>,
    /// On the wire, header included.
    pub ip_bytes: u32,
    /// 1, or the number of fragments.
    pub packets: u32,
    pub fragment: Option<Fragment>,
    /// The header states no length, or more than the wire had room for.
    pub lies: bool,
    /// Source routing may have put another address in the place of one that checksums cover.
    pub is_rerouted: bool,
}

/// What a fragment says of its place in the whole.
#[derive(Clone, Copy, Debug)]
pub struct Fragment {
    pub id: u32,
    /// In bytes.
    pub offset: usize,
    pub more: bool,
}

/// The packet whose version its first four bits tell.
pub fn either(span: Span<'_>) -> Result<Ip<'_>, Reason> {
    match span.first().map(|byte| byte >> 4) {
        Some(4) => v4(span),
        Some(6) => v6(span),
        Some(_) => Err(Reason::malformed("ip")),
        None => Err(if span.wire > 0 { Reason::truncated("ip") } else { Reason::malformed("ip") }),
    }
}

pub fn v4(span: Span<'_>) -> Result<Ip<'_>, Reason> {
    let (head, after) = span.take::<20>("ipv4")?;
    let [first, _, l1, l2, i1, i2, f1, f2, ttl, protocol, _, _, s1, s2, s3, s4, d1, d2, d3, d4] = *head;
    let header = usize::from(first & 0x0f) * 4;
    let mut total = usize::from(u16_be(l1, l2));
    if first >> 4 != 4 || header < 20 {
        return Err(Reason::malformed("ipv4"));
    }
    let lies = total == 0 || total > span.wire;
    if total == 0 {
        total = span.wire;
    }
    if total < header {
        return Err(Reason::malformed("ipv4"));
    }
    let payload = if header == 20 { after } else { span.skip(header, "ipv4")? };
    let word = u16_be(f1, f2);
    let offset = usize::from(word & 0x1fff) * 8;
    let more = word & 0x2000 != 0;
    let id = u16_be(i1, i2);
    Ok(Ip {
        source: Address::v4(u32::from_be_bytes([s1, s2, s3, s4])),
        destination: Address::v4(u32::from_be_bytes([d1, d2, d3, d4])),
        protocol,
        is_v6: false,
        ttl,
        id,
        payload: payload.stated(total - header),
        ip_bytes: total as u32,
        packets: 1,
        fragment: (more || offset > 0).then_some(Fragment { id: u32::from(id), offset, more }),
        lies,
        // Loose or strict source route, looked for without parsing: a chance hit only spares a checksum.
        is_rerouted: header > 20
            && span
                .bytes
                .get(20..header)
                .is_some_and(|options| options.iter().any(|kind| matches!(kind, 131 | 137))),
    })
}

pub fn v6(span: Span<'_>) -> Result<Ip<'_>, Reason> {
    let (head, after) = span.take::<40>("ipv6")?;
    let (fixed, addresses) = head.split_first_chunk::<8>().ok_or(Reason::malformed("ipv6"))?;
    let (source, destination) = addresses.split_first_chunk::<16>().ok_or(Reason::malformed("ipv6"))?;
    let destination = destination.first_chunk::<16>().ok_or(Reason::malformed("ipv6"))?;
    let [first, _, _, _, l1, l2, next, ttl] = *fixed;
    if first >> 4 != 6 {
        return Err(Reason::malformed("ipv6"));
    }
    let mut length = usize::from(u16_be(l1, l2));
    let mut lies = length > after.wire;
    if length == 0 && next != NO_NEXT_HEADER {
        let jumbo = if next == HOP_BY_HOP { jumbo_length(after) } else { None };
        length = jumbo.unwrap_or(after.wire);
        lies = jumbo.is_none_or(|jumbo| jumbo > after.wire);
    }
    let ip = Ip {
        source: Address::v6(*source),
        destination: Address::v6(*destination),
        protocol: next,
        is_v6: true,
        ttl,
        id: 0,
        payload: after.stated(length),
        ip_bytes: u32::try_from(length + 40).unwrap_or(u32::MAX),
        packets: 1,
        fragment: None,
        lies,
        is_rerouted: false,
    };
    extensions(ip)
}

/// IPv6 whose next header is TCP or UDP, with an honest length; any other is for [`v6`].
#[inline]
pub fn v6_plain(span: Span<'_>) -> Option<Ip<'_>> {
    let [first, _, _, _, l1, l2, next, ..] = *span.bytes else { return None };
    let length = usize::from(u16_be(l1, l2));
    let is_plain = first >> 4 == 6 && matches!(next, 6 | 17) && length > 0 && length + 40 <= span.wire;
    if is_plain { v6(span).ok() } else { None }
}

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const NO_NEXT_HEADER: u8 = 59;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM6: u8 = 140;

/// Walks extension headers (and AH, for IPv4 too) to the transport, or to a fragment header.
#[inline]
pub fn extensions(ip: Ip<'_>) -> Result<Ip<'_>, Reason> {
    if matches!(ip.protocol, 6 | 17) { Ok(ip) } else { walk_extensions(ip) }
}

fn walk_extensions(mut ip: Ip<'_>) -> Result<Ip<'_>, Reason> {
    for _ in 0..MAX_EXTENSIONS {
        let layer = "ip-extension";
        match ip.protocol {
            AUTHENTICATION => {
                let ([next, length], _) = ip.payload.take::<2>(layer)?;
                let bytes = (usize::from(*length) + 2) * 4;
                // RFC 4302 section 2: the fixed part is 12 bytes long.
                if bytes < 12 || bytes > ip.payload.wire {
                    return Err(Reason::malformed(layer));
                }
                ip.payload = ip.payload.skip(bytes, layer)?;
                ip.protocol = *next;
            }
            HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY | HOST_IDENTITY | SHIM6 if ip.is_v6 => {
                let ([next, length], _) = ip.payload.take::<2>(layer)?;
                // A mobility message ends its packet, and says so with 59.
                if ip.protocol == MOBILITY && *next == NO_NEXT_HEADER {
                    return Ok(ip);
                }
                // A routing header not yet used up, or a home address option (RFC 6275), which stands here.
                ip.is_rerouted |= match ip.protocol {
                    ROUTING => ip.payload.bytes.get(3) != Some(&0),
                    DESTINATION => {
                        ip.payload.bytes.get(2) == Some(&0xc9) || ip.payload.bytes.get(4) == Some(&0xc9)
                    }
                    _ => false,
                };
                ip.payload = ip.payload.skip((usize::from(*length) + 1) * 8, layer)?;
                ip.protocol = *next;
            }
            FRAGMENT if ip.is_v6 => {
                let ([next, _, o1, o2, id @ ..], rest) = ip.payload.take::<8>(layer)?;
                let word = u16_be(*o1, *o2);
                let (offset, more) = (usize::from(word & 0xfff8), word & 1 != 0);
                ip.payload = rest;
                ip.protocol = *next;
                // Atomic fragments (RFC 6946) are whole packets.
                if more || offset > 0 {
                    ip.fragment = Some(Fragment { id: u32::from_be_bytes(*id), offset, more });
                    return Ok(ip);
                }
            }
            _ => return Ok(ip),
        }
    }
    Err(TOO_DEEP)
}

/// The length in a jumbo payload option: type 0xc2, length 4.
fn jumbo_length(span: Span<'_>) -> Option<usize> {
    let [_, words, ..] = *span.bytes else { return None };
    let mut options = span.bytes.get(2..(usize::from(words) + 1) * 8)?;
    while let [kind, rest @ ..] = options {
        if *kind == 0 {
            options = rest;
            continue;
        }
        let (length, rest) = rest.split_first()?;
        let (value, rest) = rest.split_at_checked(usize::from(*length))?;
        if *kind == 0xc2 {
            return value.first_chunk::<4>().map(|value| u32::from_be_bytes(*value) as usize);
        }
        options = rest;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv4 header of 20 bytes with that total length, and `rest` after it.
    fn v4_with(total: u16, rest: &[u8]) -> Vec<u8> {
        let [high, low] = total.to_be_bytes();
        [&[0x45, 0, high, low, 0, 7, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], rest].concat()
    }

    fn v6_with(length: u16, next: u8, rest: &[u8]) -> Vec<u8> {
        let [high, low] = length.to_be_bytes();
        [&[0x60, 0, 0, 0, high, low, next, 64][..], &[0x20; 16], &[0x21; 16], rest].concat()
    }

    /// The protocol, the payload as captured, its length on the wire, and the packet's.
    fn check(bytes: &[u8], wire: usize, expect: Result<(u8, &[u8], usize, u32), Reason>) {
        let found = either(Span::new(bytes, wire)).and_then(extensions);
        let found = found.map(|ip| (ip.protocol, ip.payload.bytes, ip.payload.wire, ip.ip_bytes));
        assert_eq!(found, expect);
    }

    #[test]
    fn a_length_that_lies_is_told_from_padding_and_from_none() {
        check(&v4_with(22, b"ab"), 22, Ok((17, b"ab", 2, 22)));
        check(&v4_with(22, b"ab----"), 26, Ok((17, b"ab", 2, 22)));
        check(&v4_with(90, b"ab"), 22, Ok((17, b"ab", 70, 90)));
        check(&v4_with(0, b"ab"), 22, Ok((17, b"ab", 2, 22)));
        check(&v6_with(2, 17, b"ab----"), 46, Ok((17, b"ab", 2, 42)));
        check(&v6_with(0, 17, b"ab"), 42, Ok((17, b"ab", 2, 42)));
    }

    #[test]
    fn broken_headers_say_whether_the_capture_or_the_sender_broke_them() {
        let good = v4_with(22, b"ab");
        check(&good[..12], 22, Err(Reason::truncated("ipv4")));
        check(&good[..12], 12, Err(Reason::malformed("ipv4")));
        check(&v4_with(19, b"ab"), 22, Err(Reason::malformed("ipv4")));
        check(&[0x30; 40], 40, Err(Reason::malformed("ip")));
        check(&[0x44; 40], 40, Err(Reason::malformed("ipv4")));
    }

    #[test]
    fn extension_headers_are_walked() {
        let options = [43, 0, 1, 4, 0, 0, 0, 0];
        let routing = [44, 0, 0, 0, 0, 0, 0, 0];
        let atomic = [51, 0, 0, 0, 0, 0, 0, 9];
        let authentication = [17, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
        let rest = [&options[..], &routing, &atomic, &authentication, b"ab"].concat();
        check(&v6_with(38, 0, &rest), 78, Ok((17, b"ab", 2, 78)));
        let short = [17, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
        check(&v6_with(12, 51, &short), 52, Err(Reason::malformed("ip-extension")));
    }

    #[test]
    fn a_jumbogram_states_its_length_in_an_option() {
        let option = [17, 0, 0xc2, 4, 0, 1, 0, 8];
        check(&v6_with(0, 0, &[&option[..], b"ab"].concat()), 40 + 65_544, Ok((17, b"ab", 65_536, 65_584)));
    }

    #[test]
    fn extension_headers_without_end_are_too_deep() {
        let rest = [60, 0, 0, 0, 0, 0, 0, 0].repeat(MAX_EXTENSIONS + 1);
        check(&v6_with(rest.len() as u16, 60, &rest), 40 + rest.len(), Err(TOO_DEEP));
    }
}
