//! TCP, UDP, SCTP and ICMP headers.
//!
//! Source: RFC 9293, RFC 768, RFC 9260, RFC 792, RFC 4443; Zeek's ICMP analyzer for the pairing
//! of requests and replies. Left out: TCP options, SCTP chunks.

use crate::net::{Endpoint, Transport};
use crate::packet::checksum;
use crate::packet::ip::{self, Ip};
use crate::packet::reason::{Reason, ip_protocol};
use crate::packet::span::{Span, u16_be};
use crate::packet::view::{About, TcpHead};

/// A transport header and what it carries.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    pub transport: Transport,
    pub source_port: u16,
    pub destination_port: u16,
    pub tcp: TcpHead,
    pub checksum: u16,
    pub payload: Span<'a>,
    pub about: Option<About>,
}

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;

/// TCP, with options stepped over. Options that the capture cut leave an empty payload.
#[inline]
pub fn tcp<'a>(ip: &Ip<'a>) -> Result<Segment<'a>, Reason> {
    let (head, after) = ip.payload.take::<20>("tcp")?;
    let [s1, s2, d1, d2, q1, q2, q3, q4, a1, a2, a3, a4, offset, flags, w1, w2, c1, c2, _, _] = *head;
    let header = usize::from(offset >> 4) * 4;
    if header < 20 || header > ip.payload.wire {
        return Err(Reason::malformed("tcp"));
    }
    Ok(Segment {
        transport: Transport::Tcp,
        source_port: u16_be(s1, s2),
        destination_port: u16_be(d1, d2),
        tcp: TcpHead {
            seq: u32::from_be_bytes([q1, q2, q3, q4]),
            ack: u32::from_be_bytes([a1, a2, a3, a4]),
            flags,
            window: u16_be(w1, w2),
        },
        checksum: u16_be(c1, c2),
        payload: after.skip_beyond(header - 20),
        about: None,
    })
}

/// UDP. A length of 0 is a jumbogram's (RFC 2675 section 4) and means all of the IP payload;
/// one beyond the IP payload leaves the datagram cut.
#[inline]
pub fn udp<'a>(ip: &Ip<'a>) -> Result<Segment<'a>, Reason> {
    let ([s1, s2, d1, d2, l1, l2, c1, c2], after) = ip.payload.take::<8>("udp")?;
    let stated = usize::from(u16_be(*l1, *l2));
    let length =
        if stated == 0 && ip.payload.wire > usize::from(u16::MAX) { ip.payload.wire } else { stated };
    let Some(length) = length.checked_sub(8) else { return Err(Reason::malformed("udp")) };
    Ok(Segment {
        transport: Transport::Udp,
        source_port: u16_be(*s1, *s2),
        destination_port: u16_be(*d1, *d2),
        tcp: TcpHead::default(),
        checksum: u16_be(*c1, *c2),
        payload: after.stated(length),
        about: None,
    })
}

/// TCP, UDP, SCTP or ICMP; any other protocol is its own reason.
#[inline]
pub fn open<'a>(ip: &Ip<'a>) -> Result<Segment<'a>, Reason> {
    match ip.protocol {
        TCP => tcp(ip),
        UDP => udp(ip),
        132 => sctp(ip),
        1 if !ip.is_v6 => icmp(ip, Transport::Icmp),
        58 if ip.is_v6 => icmp(ip, Transport::Icmp6),
        other => Err(ip_protocol(other)),
    }
}

fn sctp<'a>(ip: &Ip<'a>) -> Result<Segment<'a>, Reason> {
    let ([s1, s2, d1, d2, _, _, _, _, _, _, c1, c2], payload) = ip.payload.take::<12>("sctp")?;
    Ok(Segment {
        transport: Transport::Sctp,
        source_port: u16_be(*s1, *s2),
        destination_port: u16_be(*d1, *d2),
        tcp: TcpHead::default(),
        checksum: u16_be(*c1, *c2),
        payload,
        about: None,
    })
}

fn icmp<'a>(ip: &Ip<'a>, transport: Transport) -> Result<Segment<'a>, Reason> {
    let ([kind, code, c1, c2], rest) = ip.payload.take::<4>("icmp")?;
    let (source_port, destination_port) = icmp_ports(transport, *kind, *code);
    let payload = rest.skip_beyond(4);
    let is_error = match transport {
        Transport::Icmp => matches!(kind, 3 | 4 | 5 | 11 | 12),
        _ => matches!(kind, 1..=4),
    };
    Ok(Segment {
        transport,
        source_port,
        destination_port,
        tcp: TcpHead::default(),
        checksum: u16_be(*c1, *c2),
        payload,
        about: if is_error { quoted(payload) } else { None },
    })
}

/// Type and code; for a request or reply, type and the type of its counterpart, so that both
/// are one flow: echo request is 8 to 0, and its reply 0 to 8.
fn icmp_ports(transport: Transport, kind: u8, code: u8) -> (u16, u16) {
    let counterpart = match (transport, kind) {
        (Transport::Icmp, 0) => 8,
        (Transport::Icmp, 8) => 0,
        (Transport::Icmp, 13 | 15 | 17) => kind + 1,
        (Transport::Icmp, 14 | 16 | 18) => kind - 1,
        (Transport::Icmp, 9) => 10,
        (Transport::Icmp, 10) => 9,
        (Transport::Icmp6, 128 | 130 | 133 | 135 | 139 | 144) => kind + 1,
        (Transport::Icmp6, 129 | 131 | 134 | 136 | 140 | 145) => kind - 1,
        _ => code,
    };
    (u16::from(kind), u16::from(counterpart))
}

/// The five-tuple of the packet that an ICMP error quotes. Eight bytes of its transport suffice.
fn quoted(span: Span<'_>) -> Option<About> {
    let ip = ip::either(span).and_then(ip::extensions).ok()?;
    if ip.fragment.is_some_and(|fragment| fragment.offset > 0) {
        return None;
    }
    let [a, b, c, d] = *ip.payload.bytes.first_chunk::<4>()?;
    let (transport, source_port, destination_port) = match (ip.protocol, ip.is_v6) {
        (TCP, _) => (Transport::Tcp, u16_be(a, b), u16_be(c, d)),
        (UDP, _) => (Transport::Udp, u16_be(a, b), u16_be(c, d)),
        (132, _) => (Transport::Sctp, u16_be(a, b), u16_be(c, d)),
        (1, false) | (58, true) => {
            let transport = if ip.is_v6 { Transport::Icmp6 } else { Transport::Icmp };
            let (source, destination) = icmp_ports(transport, a, b);
            (transport, source, destination)
        }
        _ => return None,
    };
    Some(About {
        transport,
        source: Endpoint { address: ip.source, port: source_port },
        destination: Endpoint { address: ip.destination, port: destination_port },
    })
}

/// Whether the checksum is right, or cannot be known: the segment was cut, UDP left it out, or offload.
pub fn checksum_holds(ip: &Ip<'_>, segment: &Segment<'_>) -> bool {
    let covered = match segment.transport {
        Transport::Tcp => ip.payload,
        Transport::Udp if segment.checksum == 0 => return true,
        Transport::Udp => ip.payload.stated(segment.payload.wire + 8),
        Transport::Sctp | Transport::Icmp | Transport::Icmp6 => return true,
    };
    if ip.lies || ip.is_rerouted || covered.bytes.len() != covered.wire {
        return true;
    }
    checksum::is_right(ip.source, ip.destination, ip.protocol, covered.bytes, segment.checksum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_and_its_reply_are_one_flow() {
        let check = |transport, kind, code, expect| assert_eq!(icmp_ports(transport, kind, code), expect);
        check(Transport::Icmp, 8, 0, (8, 0));
        check(Transport::Icmp, 0, 0, (0, 8));
        check(Transport::Icmp, 13, 0, (13, 14));
        check(Transport::Icmp, 14, 0, (14, 13));
        check(Transport::Icmp, 9, 0, (9, 10));
        check(Transport::Icmp, 3, 1, (3, 1));
        check(Transport::Icmp6, 135, 0, (135, 136));
        check(Transport::Icmp6, 1, 4, (1, 4));
    }

    #[test]
    fn an_icmp_error_names_the_packet_it_complains_of() {
        // Port unreachable from 10.0.0.2, quoting 10.0.0.1:4660 to 10.0.0.2:53 with eight bytes of UDP.
        let error = [
            0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1, 3, 3, 0, 0, 0, 0, 0, 0, 0x45,
            0, 0, 90, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x12, 0x34, 0, 53, 0, 70, 0, 0,
        ];
        let check = |bytes: &[u8], expect: Option<About>| {
            let ip = ip::either(Span::new(bytes, bytes.len())).unwrap();
            let segment = open(&ip).unwrap();
            assert_eq!((segment.source_port, segment.destination_port), (3, 3));
            assert_eq!(segment.about, expect);
        };
        let endpoint = |address, port| Endpoint { address: crate::net::Address::v4(address), port };
        let about = About {
            transport: Transport::Udp,
            source: endpoint(0x0a00_0001, 0x1234),
            destination: endpoint(0x0a00_0002, 53),
        };
        check(&error, Some(about));
        check(&error[..50], None);
    }

    #[test]
    fn headers_that_contradict_themselves_are_malformed() {
        let check = |protocol: u8, payload: &[u8], expect: Reason| {
            let total = 20 + payload.len() as u8;
            let head = [0x45, 0, 0, total, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1];
            let bytes = [&head, payload].concat();
            let ip = ip::either(Span::new(&bytes, bytes.len())).unwrap();
            assert_eq!(open(&ip).map(|segment| segment.payload.wire), Err(expect));
        };
        let offset_of_16 = [0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 2, 0, 0, 0, 0, 0, 0];
        check(6, &offset_of_16, Reason::malformed("tcp"));
        let offset_beyond = [0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0, 2, 0, 0, 0, 0, 0, 0];
        check(6, &offset_beyond, Reason::malformed("tcp"));
        check(17, &[0, 1, 0, 2, 0, 7, 0, 0], Reason::malformed("udp"));
        check(17, &[0, 1, 0, 2, 0, 0, 0, 0], Reason::malformed("udp"));
        check(89, &[0; 8], ip_protocol(89));
    }
}
