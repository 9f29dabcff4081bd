//! From a frame's first byte, or a tunnel's, down to an IP header.
//!
//! Source: the Tcpdump Group's list of link-layer header types; IEEE 802.1Q, 802.1ad, 802.1ah, 802.1BR; RFC 1042
//! (SNAP), RFC 1661 and 2516 (PPP, PPPoE), RFC 3032 and 4385 (MPLS), RFC 8300 (NSH), RFC 2784, 2637 (GRE),
//! draft-foschiano-erspan-03.
//! Left out: 802.11, radiotap, MACsec (encrypted); the header of a compressed PPP packet.

use crate::net::{Layers, Tunnel};
use crate::packet::frame::LinkType;
use crate::packet::ip::{self, Ip};
use crate::packet::reason::{self, Kind, Reason, TOO_DEEP};
use crate::packet::span::{Span, u16_be};

/// Headers between a frame's start, or a tunnel's, and its IP header: tags, labels, shims. A provider's
/// stack of tags and labels has five or six.
pub const MAX_LINK_HEADERS: usize = 24;

/// What stands at the start of a stretch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    Ethernet,
    /// What an EtherType names.
    Type(u16),
    Llc,
    /// An IP packet, by its version.
    Ip,
    Ppp,
    Mpls,
    Gre,
    /// ERSPAN types II and III, told apart by their version.
    Erspan,
    Nsh,
    /// A link type of a capture.
    Link(LinkType),
}

/// Folds `value` into a hash of a place; cheap, and no defence against an attacker.
#[inline]
pub const fn mix(place: u64, value: u64) -> u64 {
    (place.rotate_left(23) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

pub const ETHERNET: LinkType = LinkType(1);

const VLAN_TYPES: [u16; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];

/// Walks to the IP header, adds VLANs and tunnels to `layers`, and folds addresses and tags into `place`.
pub fn open<'a>(
    mut step: Step,
    mut span: Span<'a>,
    layers: &mut Layers,
    place: &mut u64,
) -> Result<Ip<'a>, Reason> {
    for _ in 0..MAX_LINK_HEADERS {
        (step, span) = match step {
            Step::Ip => return ip::either(span).and_then(ip::extensions),
            Step::Type(0x0800) => return ip::v4(span).and_then(ip::extensions),
            Step::Type(0x86dd) => return ip::v6(span),
            Step::Ethernet => ethernet(span, place)?,
            Step::Type(tag) if VLAN_TYPES.contains(&tag) => {
                let ([a, b, t1, t2], rest) = span.take::<4>("vlan")?;
                push_vlan(u16_be(*a, *b), layers, place);
                (typed(u16_be(*t1, *t2)), rest)
            }
            Step::Type(number) => shim(number, span, layers)?,
            Step::Llc => llc(span)?,
            Step::Ppp => ppp(span)?,
            Step::Mpls => mpls(span, layers)?,
            Step::Gre => gre(span, layers)?,
            Step::Erspan => erspan(span, layers)?,
            Step::Nsh => nsh(span, layers)?,
            Step::Link(link) => link_header(link, span, place)?,
        };
    }
    Err(TOO_DEEP)
}

type Opened<'a> = Result<(Step, Span<'a>), Reason>;

fn push_vlan(control: u16, layers: &mut Layers, place: &mut u64) {
    let id = control & 0x0fff;
    *place = mix(*place, u64::from(id));
    // VLAN 0 is a priority tag: it names no VLAN.
    if id != 0 {
        layers.vlan.push(id);
    }
}

fn push_tunnel(layers: &mut Layers, kind: &'static str, id: Option<u32>) {
    layers.tunnel.push(Tunnel { kind, id });
}

fn ethernet<'a>(span: Span<'a>, place: &mut u64) -> Opened<'a> {
    let (head, rest) = span.take::<14>("ethernet")?;
    let [a, b, c, d, e, f, g, h, i, j, k, l, t1, t2] = *head;
    *place = mix(*place, u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    *place = mix(*place, u64::from(u32::from_le_bytes([i, j, k, l])));
    Ok(type_or_length(u16_be(t1, t2), rest))
}

/// Numbers below 1536 are the length of an LLC frame; what lies beyond it is padding.
fn type_or_length(number: u16, rest: Span<'_>) -> (Step, Span<'_>) {
    if number >= 0x0600 {
        (Step::Type(number), rest)
    } else {
        let length = usize::from(number);
        (Step::Llc, if length <= rest.wire && length > 0 { rest.stated(length) } else { rest })
    }
}

const fn typed(number: u16) -> Step {
    if number >= 0x0600 { Step::Type(number) } else { Step::Llc }
}

fn shim<'a>(number: u16, span: Span<'a>, layers: &mut Layers) -> Opened<'a> {
    match number {
        0x8847 | 0x8848 => Ok((Step::Mpls, span)),
        0x8864 => {
            let ([version, code, s1, s2, l1, l2], rest) = span.take::<6>("pppoe")?;
            let length = usize::from(u16_be(*l1, *l2));
            if *version != 0x11 || *code != 0 || length < 2 {
                return Err(Reason::malformed("pppoe"));
            }
            push_tunnel(layers, "pppoe", Some(u32::from(u16_be(*s1, *s2))));
            Ok((Step::Ppp, rest.stated(length.min(rest.wire))))
        }
        // 802.1ah: a service tag, then the customer's whole Ethernet frame.
        0x88e7 => {
            let ([_, a, b, c], rest) = span.take::<4>("pbb")?;
            push_tunnel(layers, "pbb", Some(u32::from_be_bytes([0, *a, *b, *c])));
            Ok((Step::Ethernet, rest))
        }
        0x8926 => {
            let ([_, _, _, _, t1, t2], rest) = span.take::<6>("vntag")?;
            Ok((typed(u16_be(*t1, *t2)), rest))
        }
        0x893f => {
            let ([_, _, _, _, _, _, t1, t2], rest) = span.take::<8>("etag")?;
            Ok((typed(u16_be(*t1, *t2)), rest))
        }
        0x894f => Ok((Step::Nsh, span)),
        0x6558 => Ok((Step::Ethernet, span)),
        0x880b => Ok((Step::Ppp, span)),
        other => Err(reason::ether_type(other)),
    }
}

fn llc(span: Span<'_>) -> Opened<'_> {
    let ([to, from, control], rest) = span.take::<3>("llc")?;
    match (to, from, control) {
        (0xaa, 0xaa, 0x03) => {
            let ([o1, o2, o3, t1, t2], rest) = rest.take::<5>("snap")?;
            match [o1, o2, o3] {
                [0, 0, 0x0c] if (*t1, *t2) == (0x20, 0) => Err(Reason::new(Kind::NotIp, "cdp")),
                [0, 0, 0] | [0, 0, 0xf8] => Ok((Step::Type(u16_be(*t1, *t2)), rest)),
                _ => Err(Reason::new(Kind::NotIp, "snap")),
            }
        }
        (0x42, 0x42, _) => Err(Reason::new(Kind::NotIp, "spanning-tree")),
        (0xfe, 0xfe, _) => Err(Reason::new(Kind::NotIp, "osi")),
        (0x06, 0x06, 0x03) => Ok((Step::Ip, rest)),
        _ => Err(Reason::new(Kind::Unsupported, "llc")),
    }
}

/// PPP with or without address and control, its protocol in one byte or two.
fn ppp(span: Span<'_>) -> Opened<'_> {
    let span = match span.bytes {
        [0xff, 0x03, ..] => span.skip(2, "ppp")?,
        _ => span,
    };
    let (number, rest) = match span.bytes {
        [odd, ..] if odd & 1 == 1 => (u16::from(*odd), span.skip(1, "ppp")?),
        _ => {
            let ([a, b], rest) = span.take::<2>("ppp")?;
            (u16_be(*a, *b), rest)
        }
    };
    match number {
        0x0021 => Ok((Step::Type(0x0800), rest)),
        0x0057 => Ok((Step::Type(0x86dd), rest)),
        0x0281 | 0x0283 => Ok((Step::Mpls, rest)),
        0x8000..=0xffff => Err(Reason::new(Kind::NotIp, "ppp-control")),
        _ => Err(Reason::numbered(Kind::Unsupported, "ppp-protocol", number)),
    }
}

/// Labels down to the bottom one; below it nothing says what follows, so it is IP or Ethernet only
/// where an IP header inside is sound.
fn mpls<'a>(span: Span<'a>, layers: &mut Layers) -> Opened<'a> {
    let mut span = span;
    for _ in 0..MAX_LINK_HEADERS {
        let (label, rest) = span.take::<4>("mpls")?;
        let label = u32::from_be_bytes(*label);
        push_tunnel(layers, "mpls", Some(label >> 12));
        span = rest;
        if label & 0x100 != 0 {
            return below_labels(span);
        }
    }
    Err(TOO_DEEP)
}

fn below_labels(span: Span<'_>) -> Opened<'_> {
    if ip::either(span).is_ok_and(|ip| !ip.lies) {
        return Ok((Step::Ip, span));
    }
    // A pseudowire's control word begins with four zero bits (RFC 4385 section 3).
    if span.first().is_some_and(|first| first >> 4 == 0)
        && let Ok(inner) = span.skip(4, "mpls")
        && looks_like_ethernet(inner)
    {
        return Ok((Step::Ethernet, inner));
    }
    if looks_like_ethernet(span) {
        return Ok((Step::Ethernet, span));
    }
    match span.first().map(|first| first >> 4) {
        // IP that a header contradicts or the capture cut: let it say so itself.
        Some(4 | 6) => Ok((Step::Ip, span)),
        Some(_) => Err(Reason::new(Kind::Unsupported, "mpls-payload")),
        None => Err(Reason::truncated("mpls")),
    }
}

fn looks_like_ethernet(span: Span<'_>) -> bool {
    let Some([t1, t2]) = span.bytes.get(12..14) else { return false };
    match u16_be(*t1, *t2) {
        0x0800 | 0x86dd => span.skip(14, "").is_ok_and(|inner| ip::either(inner).is_ok_and(|ip| !ip.lies)),
        0x0806 => span.bytes.get(14..18) == Some(&[0, 1, 8, 0]),
        0..0x0600 => span.bytes.get(14..17) == Some(&[0xaa, 0xaa, 3]),
        tag => VLAN_TYPES.contains(&tag),
    }
}

fn gre<'a>(span: Span<'a>, layers: &mut Layers) -> Opened<'a> {
    let ([f1, f2, p1, p2], mut rest) = span.take::<4>("gre")?;
    let (flags, protocol) = (u16_be(*f1, *f2), u16_be(*p1, *p2));
    let (checksum, routing, key, sequence) =
        (flags & 0x8000 != 0, flags & 0x4000 != 0, flags & 0x2000 != 0, flags & 0x1000 != 0);
    match (flags & 7, protocol) {
        (0, _) => {
            if routing {
                return Err(Reason::new(Kind::Unsupported, "gre-routing"));
            }
            if checksum {
                rest = rest.skip(4, "gre")?;
            }
            let mut id = None;
            if key {
                let (value, after) = rest.take::<4>("gre")?;
                (id, rest) = (Some(u32::from_be_bytes(*value)), after);
            }
            if sequence {
                rest = rest.skip(4, "gre")?;
            }
            push_tunnel(layers, "gre", id);
            match protocol {
                // ERSPAN type I has no header, and its GRE no sequence number.
                0x88be if !sequence => {
                    push_tunnel(layers, "erspan", None);
                    Ok((Step::Ethernet, rest))
                }
                0x88be | 0x22eb => Ok((Step::Erspan, rest)),
                // WCCP puts a redirect header of 4 bytes before the packet, or none.
                0x883e if ip::v4(rest).is_ok_and(|ip| !ip.lies) => Ok((Step::Ip, rest)),
                0x883e => Ok((Step::Ip, rest.skip(4, "gre")?)),
                // Not `NotIp`: zeroes after a UDP port prove no tunnel.
                0 => Err(Reason::new(Kind::Unsupported, "gre-keepalive")),
                other if other >= 0x0600 => Ok((Step::Type(other), rest)),
                other => Err(Reason::numbered(Kind::Unsupported, "gre-protocol", other)),
            }
        }
        // PPTP (RFC 2637): the key is a length and a call; without a sequence number it only acknowledges.
        (1, 0x880b) => {
            let ([l1, l2, c1, c2], after) = rest.take::<4>("gre")?;
            let length = usize::from(u16_be(*l1, *l2));
            if !sequence || length == 0 {
                return Err(Reason::new(Kind::NotIp, "pptp-acknowledgement"));
            }
            let header = if flags & 0x80 != 0 { 8 } else { 4 };
            let payload = after.skip(header, "gre")?;
            push_tunnel(layers, "gre", Some(u32::from(u16_be(*c1, *c2))));
            Ok((Step::Ppp, payload.stated(length.min(payload.wire))))
        }
        // MikroTik's EoIP: a length, then the tunnel's id in little endian.
        (1, 0x6400) if key => {
            let ([l1, l2, t1, t2], after) = rest.take::<4>("eoip")?;
            let length = usize::from(u16_be(*l1, *l2));
            if length > after.wire {
                return Err(Reason::malformed("eoip"));
            }
            push_tunnel(layers, "eoip", Some(u32::from(u16::from_le_bytes([*t1, *t2]))));
            Ok((Step::Ethernet, after.stated(length)))
        }
        (0..=1, other) => Err(Reason::numbered(Kind::Unsupported, "gre-protocol", other)),
        _ => Err(Reason::malformed("gre")),
    }
}

fn erspan<'a>(span: Span<'a>, layers: &mut Layers) -> Opened<'a> {
    let ([version, _, s1, s2, _, _, _, _], rest) = span.take::<8>("erspan")?;
    push_tunnel(layers, "erspan", Some(u32::from(u16_be(*s1, *s2) & 0x03ff)));
    match version >> 4 {
        1 => Ok((Step::Ethernet, rest)),
        2 => {
            let ([_, _, kind, flags], rest) = rest.take::<4>("erspan")?;
            let rest = if flags & 1 != 0 { rest.skip(8, "erspan")? } else { rest };
            match (kind >> 2) & 0x1f {
                2 => Ok((Step::Ip, rest)),
                _ => Ok((Step::Ethernet, rest)),
            }
        }
        _ => Err(Reason::malformed("erspan")),
    }
}

fn nsh<'a>(span: Span<'a>, layers: &mut Layers) -> Opened<'a> {
    let ([version, length, _, next, p1, p2, p3, _], _) = span.take::<8>("nsh")?;
    let bytes = usize::from(length & 0x3f) * 4;
    if version >> 6 != 0 || bytes < 8 {
        return Err(Reason::malformed("nsh"));
    }
    push_tunnel(layers, "nsh", Some(u32::from_be_bytes([0, *p1, *p2, *p3])));
    let step = match next {
        1 => Step::Type(0x0800),
        2 => Step::Type(0x86dd),
        3 => Step::Ethernet,
        5 => Step::Mpls,
        _ => return Err(Reason::new(Kind::Unsupported, "nsh-payload")),
    };
    Ok((step, span.skip(bytes, "nsh")?))
}

fn link_header<'a>(link: LinkType, span: Span<'a>, place: &mut u64) -> Opened<'a> {
    match link.0 {
        1 => Ok((Step::Ethernet, span)),
        12 | 14 | 101 => Ok((Step::Ip, span)),
        228 => Ok((Step::Type(0x0800), span)),
        229 => Ok((Step::Type(0x86dd), span)),
        // BSD loopback: an address family, in the byte order of whoever wrote it (108: in network order).
        0 | 108 => {
            let (family, rest) = span.take::<4>("loopback")?;
            match u32::from_le_bytes(*family).min(u32::from_be_bytes(*family)) {
                2 => Ok((Step::Type(0x0800), rest)),
                10 | 24 | 28 | 30 => Ok((Step::Type(0x86dd), rest)),
                other => Err(Reason::numbered(Kind::Unsupported, "address-family", other as u16)),
            }
        }
        // FDDI: a control byte and two addresses, then LLC.
        10 => {
            let (head, rest) = span.take::<13>("fddi")?;
            for chunk in head.chunks(4) {
                *place = chunk.iter().fold(*place, |place, byte| mix(place, u64::from(*byte)));
            }
            Ok((Step::Llc, rest))
        }
        9 => Ok((Step::Ppp, span)),
        50 if span.first() == Some(0xff) => Ok((Step::Ppp, span)),
        50 | 104 => {
            let ([_, _, t1, t2], rest) = span.take::<4>("hdlc")?;
            match u16_be(*t1, *t2) {
                0x8035 | 0x2000 => Err(Reason::new(Kind::NotIp, "hdlc-control")),
                number => Ok((Step::Type(number), rest)),
            }
        }
        51 => Ok((Step::Type(0x8864), span)),
        113 => {
            let (head, rest) = span.take::<16>("sll")?;
            let [k1, k2, h1, h2, _, _, a1, a2, a3, a4, a5, a6, _, _, p1, p2] = *head;
            *place = mix(*place, u64::from_le_bytes([k1, k2, a1, a2, a3, a4, a5, a6]));
            cooked(u16_be(h1, h2), u16_be(p1, p2), rest)
        }
        276 => {
            let (head, rest) = span.take::<20>("sll2")?;
            let [p1, p2, _, _, i1, i2, i3, i4, h1, h2, kind, _, a1, a2, a3, a4, a5, a6, _, _] = *head;
            *place = mix(*place, u64::from_le_bytes([a1, a2, a3, a4, a5, a6, kind, 0]));
            *place = mix(*place, u64::from(u32::from_le_bytes([i1, i2, i3, i4])));
            cooked(u16_be(h1, h2), u16_be(p1, p2), rest)
        }
        239 => nflog(span),
        other => Err(reason::link_type(other)),
    }
}

/// Linux cooked: for a few hardware types the protocol is no EtherType.
fn cooked(hardware: u16, protocol: u16, rest: Span<'_>) -> Opened<'_> {
    match (hardware, protocol) {
        (824, _) => Err(Reason::new(Kind::NotIp, "netlink")),
        (801..=803, _) => Err(Reason::new(Kind::Unsupported, "802.11")),
        (778, number) if number < 0x0600 => Err(Reason::numbered(Kind::Unsupported, "gre-protocol", number)),
        (_, 4) => Ok((Step::Llc, rest)),
        (_, number) if number >= 0x0600 => Ok((Step::Type(number), rest)),
        (_, number) => Err(Reason::numbered(Kind::Unsupported, "cooked-protocol", number)),
    }
}

/// NFLOG: family, version, resource, then attributes in the writer's byte order, one of them the packet.
/// Little endian is taken; writers of the other order are counted as malformed.
fn nflog(span: Span<'_>) -> Opened<'_> {
    const PAYLOAD: u16 = 9;
    let ([family, version, _, _], mut rest) = span.take::<4>("nflog")?;
    if *version != 0 {
        return Err(Reason::malformed("nflog"));
    }
    loop {
        let ([l1, l2, k1, k2], value) = rest.take::<4>("nflog")?;
        let length = usize::from(u16::from_le_bytes([*l1, *l2]));
        if length < 4 {
            return Err(Reason::malformed("nflog"));
        }
        if u16::from_le_bytes([*k1, *k2]) & 0x7fff == PAYLOAD {
            let packet = value.stated((length - 4).min(value.wire));
            return match family {
                2 => Ok((Step::Type(0x0800), packet)),
                10 => Ok((Step::Type(0x86dd), packet)),
                other => Err(Reason::numbered(Kind::Unsupported, "address-family", u16::from(*other))),
            };
        }
        rest = rest.skip(length.next_multiple_of(4), "nflog")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10.0.0.1 to 10.0.0.2, two bytes of an unassigned protocol.
    const IPV4: [u8; 22] = [0x45, 0, 0, 22, 0, 7, 0, 0, 64, 253, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, b'a', b'b'];
    const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

    type Found = Result<(Vec<u16>, Vec<(&'static str, Option<u32>)>), Reason>;

    /// VLANs and tunnels around the packet that stands behind `header`.
    fn check(step: Step, header: &[&[u8]], expect: Found) {
        let bytes = [&header.concat(), &IPV4[..]].concat();
        let mut layers = Layers::default();
        let found = open(step, Span::new(&bytes, bytes.len()), &mut layers, &mut 0);
        let found = found.map(|ip| {
            assert_eq!(ip.payload.bytes, b"ab");
            (layers.vlan, layers.tunnel.iter().map(|tunnel| (tunnel.kind, tunnel.id)).collect())
        });
        assert_eq!(found, expect);
    }

    fn plain() -> Found {
        Ok((vec![], vec![]))
    }

    #[test]
    fn every_link_type_leads_to_ip() {
        let link = |number, header: &[u8]| check(Step::Link(LinkType(number)), &[header], plain());
        link(1, &[&MACS[..], &[8, 0]].concat());
        link(101, &[]);
        link(12, &[]);
        link(228, &[]);
        link(0, &[2, 0, 0, 0]);
        link(0, &[0, 0, 0, 2]);
        link(108, &[0, 0, 0, 2]);
        link(9, &[0xff, 3, 0, 0x21]);
        link(9, &[0x21]);
        link(50, &[0xff, 3, 0, 0x21]);
        link(104, &[0x0f, 0, 8, 0]);
        link(113, &[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0]);
        link(276, &[8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0]);
        link(239, &[2, 0, 0, 0, 5, 0, 1, 0, 7, 0, 0, 0, 26, 0, 9, 0]);
        link(10, &[&[0x50][..], &MACS, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]].concat());
    }

    #[test]
    fn tags_are_kept_in_order_and_priority_tags_are_not() {
        let tags = [0x88, 0xa8, 0, 100, 0x81, 0, 0x20, 0, 0x91, 0, 0, 200, 8, 0];
        check(Step::Ethernet, &[&MACS, &tags], Ok((vec![100, 200], vec![])));
        check(
            Step::Ethernet,
            &[&MACS, &[0x89, 0x26, 0, 0, 0, 0, 0x81, 0, 0, 5, 8, 0]],
            Ok((vec![5], vec![])),
        );
        let endless = [0x81, 0, 0, 1].repeat(MAX_LINK_HEADERS + 1);
        check(Step::Ethernet, &[&MACS, &endless, &[8, 0]], Err(TOO_DEEP));
    }

    #[test]
    fn snap_carries_ip_and_bridges_talk_is_not_ip() {
        check(Step::Ethernet, &[&MACS, &[0, 30, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0]], plain());
        let spanning_tree = Reason::new(Kind::NotIp, "spanning-tree");
        check(Step::Ethernet, &[&MACS, &[0, 25, 0x42, 0x42, 3]], Err(spanning_tree));
        check(Step::Ethernet, &[&MACS, &[8, 6]], Err(reason::ether_type(0x0806)));
    }

    #[test]
    fn shims_give_their_ids() {
        let tunnel = |kind, id| Ok((vec![], vec![(kind, id)]));
        check(Step::Type(0x8864), &[&[0x11, 0, 0, 9, 0, 24, 0, 0x21]], tunnel("pppoe", Some(9)));
        check(Step::Type(0x8864), &[&[0x12, 0, 0, 9, 0, 24, 0, 0x21]], Err(Reason::malformed("pppoe")));
        let labels = Ok((vec![], vec![("mpls", Some(16)), ("mpls", Some(17))]));
        check(Step::Type(0x8847), &[&[0, 1, 0, 64, 0, 1, 0x11, 64]], labels);
        check(Step::Mpls, &[&[0, 1, 1, 64], &[0, 0, 0, 0], &MACS, &[8, 0]], tunnel("mpls", Some(16)));
        check(Step::Mpls, &[&[0, 1, 1, 64], &MACS, &[8, 0]], tunnel("mpls", Some(16)));
        check(Step::Nsh, &[&[0x0f, 0xc2, 1, 1, 0, 0, 7, 255]], tunnel("nsh", Some(7)));
        check(Step::Type(0x88e7), &[&[0, 0, 0, 5], &MACS, &[8, 0]], tunnel("pbb", Some(5)));
    }

    #[test]
    fn gre_and_what_rides_on_it() {
        let tunnel = |kind, id| Ok((vec![], vec![(kind, id)]));
        check(Step::Gre, &[&[0, 0, 8, 0]], tunnel("gre", None));
        let all = [0xb0, 0, 8, 0, 1, 2, 0, 0, 0, 0, 0, 77, 0, 0, 0, 1];
        check(Step::Gre, &[&all], tunnel("gre", Some(77)));
        check(Step::Gre, &[&[0x20, 0, 0x65, 0x58, 0, 0, 7, 0], &MACS, &[8, 0]], tunnel("gre", Some(0x700)));
        let pptp = [0x30, 0x81, 0x88, 0x0b, 0, 23, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0x21];
        check(Step::Gre, &[&pptp], tunnel("gre", Some(9)));
        check(Step::Gre, &[&[0, 7, 8, 0]], Err(Reason::malformed("gre")));
        let erspan = |id| Ok((vec![], vec![("gre", None), ("erspan", id)]));
        check(Step::Gre, &[&[0, 0, 0x88, 0xbe], &MACS, &[8, 0]], erspan(None));
        let second = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 99, 0, 0, 0, 0];
        check(Step::Gre, &[&second, &MACS, &[8, 0]], erspan(Some(99)));
        let third = [0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0, 1];
        check(Step::Gre, &[&third, &[0; 8], &MACS, &[8, 0]], erspan(Some(99)));
    }
}
