//! Tunnels inside IP and inside UDP.
//!
//! Source: RFC 7348 (VXLAN), RFC 8926 (Geneve), draft-ietf-nvo3-vxlan-gpe-13, RFC 7510 (MPLS in UDP), RFC 8086
//! (GRE in UDP), RFC 4380 (Teredo), 3GPP TS 29.281 (GTP-U), RFC 2003, 2473, 4213 (IP in IP), RFC 3378 (EtherIP).
//! For UDP the port only proposes a tunnel: the headers inside must bear it out.

use crate::net::Tunnel;
use crate::packet::link::Step;
use crate::packet::reason::Reason;
use crate::packet::span::{Span, u16_be};

/// A tunnel's header, opened.
#[derive(Clone, Copy, Debug)]
pub struct Opened<'a> {
    pub step: Step,
    pub span: Span<'a>,
    /// What is added to the layers; `None` where the next step adds it itself (GRE, MPLS).
    pub tunnel: Option<Tunnel>,
}

/// A tunnel straight over IP; `None` where the protocol is none.
pub fn in_ip(protocol: u8, span: Span<'_>) -> Option<Result<Opened<'_>, Reason>> {
    let plain = |step, kind| Some(Ok(Opened { step, span, tunnel: Some(Tunnel { kind, id: None }) }));
    match protocol {
        4 => plain(Step::Type(0x0800), "ipip"),
        41 => plain(Step::Type(0x86dd), "6in4"),
        47 => Some(Ok(Opened { step: Step::Gre, span, tunnel: None })),
        97 => Some(ether_ip(span)),
        137 => Some(Ok(Opened { step: Step::Mpls, span, tunnel: None })),
        _ => None,
    }
}

fn ether_ip(span: Span<'_>) -> Result<Opened<'_>, Reason> {
    let ([version, _], span) = span.take::<2>("etherip")?;
    if version >> 4 != 3 {
        return Err(Reason::malformed("etherip"));
    }
    Ok(Opened { step: Step::Ethernet, span, tunnel: Some(Tunnel { kind: "etherip", id: None }) })
}

/// Whether a UDP port is one that a tunnel listens on.
#[inline]
const fn is_tunnel_port(port: u16) -> bool {
    matches!(port, 2152 | 3544 | 4754 | 4789 | 4790 | 6081 | 6635 | 8472)
}

/// The tunnel that a datagram may carry, and its name.
///
/// The destination's port decides; the source's only for Teredo and GTP-U, whose answers come from it.
#[inline]
pub fn in_udp(source: u16, destination: u16, span: Span<'_>) -> Option<(&'static str, Opened<'_>)> {
    if is_tunnel_port(destination) || matches!(source, 2152 | 3544) {
        candidate(source, destination, span)
    } else {
        None
    }
}

fn candidate(source: u16, destination: u16, span: Span<'_>) -> Option<(&'static str, Opened<'_>)> {
    let opened = |kind, step, span, id: Option<u32>| {
        Some((kind, Opened { step, span, tunnel: Some(Tunnel { kind, id }) }))
    };
    match destination {
        4789 | 8472 => {
            let ([flags, _, _, _, a, b, c, _], rest) = span.take::<8>("").ok()?;
            let id = u32::from_be_bytes([0, *a, *b, *c]);
            // The I flag is set; all others are for the receiver to ignore (RFC 7348 section 5).
            if flags & 0x08 == 0 {
                return None;
            }
            opened("vxlan", Step::Ethernet, rest, Some(id))
        }
        4790 => {
            let ([flags, _, _, next, a, b, c, _], rest) = span.take::<8>("").ok()?;
            let step = match (flags & 0x0c, next) {
                (0x0c, 1) => Step::Type(0x0800),
                (0x0c, 2) => Step::Type(0x86dd),
                (0x0c, 3) | (0x08, 0) => Step::Ethernet,
                (0x0c, 4) => Step::Nsh,
                _ => return None,
            };
            opened("vxlan", step, rest, Some(u32::from_be_bytes([0, *a, *b, *c])))
        }
        6081 => {
            let ([length, _, p1, p2, a, b, c, _], rest) = span.take::<8>("").ok()?;
            if length >> 6 != 0 {
                return None;
            }
            let rest = rest.skip(usize::from(length & 0x3f) * 4, "").ok()?;
            let step = Step::Type(u16_be(*p1, *p2));
            opened("geneve", step, rest, Some(u32::from_be_bytes([0, *a, *b, *c])))
        }
        6635 => Some(("mpls", Opened { step: Step::Mpls, span, tunnel: None })),
        4754 => Some(("gre", Opened { step: Step::Gre, span, tunnel: None })),
        _ if destination == 2152 || source == 2152 => {
            let (id, rest) = gtp_u(span)?;
            opened("gtp-u", Step::Ip, rest, Some(id))
        }
        _ => opened("teredo", Step::Type(0x86dd), teredo(span)?, None),
    }
}

/// The tunnel's id and the packet of a G-PDU; any other message is the tunnel's own talk.
fn gtp_u(span: Span<'_>) -> Option<(u32, Span<'_>)> {
    const G_PDU: u8 = 255;
    /// Extension headers in one packet: three kinds are in use.
    const MAX_HEADERS: usize = 8;
    let ([flags, kind, l1, l2, id @ ..], mut rest) = span.take::<8>("").ok()?;
    let length = usize::from(u16_be(*l1, *l2));
    if flags >> 4 != 0b0011 || *kind != G_PDU || length > rest.wire {
        return None;
    }
    rest = rest.stated(length);
    if flags & 0x07 != 0 {
        let ([_, _, _, next], after) = rest.take::<4>("").ok()?;
        rest = after;
        let mut next = if flags & 0x04 != 0 { *next } else { 0 };
        for _ in 0..MAX_HEADERS {
            if next == 0 {
                break;
            }
            let bytes = usize::from(rest.first()?) * 4;
            if bytes == 0 {
                return None;
            }
            next = *rest.bytes.get(bytes - 1)?;
            rest = rest.skip(bytes, "").ok()?;
        }
        if next != 0 {
            return None;
        }
    }
    Some((u32::from_be_bytes(*id), rest))
}

/// The IPv6 packet behind Teredo's authentication and origin headers.
fn teredo(mut span: Span<'_>) -> Option<Span<'_>> {
    if let [0, 1, client, secret, ..] = span.bytes {
        // Two length bytes, both values, a nonce of 8 bytes and a confirmation.
        span = span.skip(4 + usize::from(*client) + usize::from(*secret) + 9, "").ok()?;
    }
    if let [0, 0, ..] = span.bytes {
        span = span.skip(8, "").ok()?;
    }
    (span.first()? >> 4 == 6).then_some(span)
}
