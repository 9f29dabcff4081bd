//! DHCP for IPv4, and BOOTP with its options, over UDP.
//!
//! Source: RFC 2131 section 2 (format), RFC 2132 (options), RFC 1497 (magic cookie).
//! Recognised: a fixed part with sound fields, the magic cookie, and options of right lengths.
//! Left out: BOOTP without the cookie; DHCPv6, which has a probe of its own.

use crate::flow::opening::{End, Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe, text};

/// The registry's entry.
#[derive(Debug)]
pub struct Dhcp;

impl Probe for Dhcp {
    fn name(&self) -> &'static str {
        "dhcp"
    }

    fn title(&self) -> &'static str {
        "The Dynamic Host Configuration Protocol for IPv4, and BOOTP."
    }

    fn proof(&self) -> &'static str {
        "Operation 1 or 2, a hardware address within bounds, the magic cookie 63 82 53 63 at byte 236, and options whose lengths hold. \
         BOOTP without the cookie proves nothing."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Udp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut pending = false;
        let mut claim: Option<Claim> = None;
        for side in Side::BOTH {
            match look(&view.sides[side], side) {
                Answer::Yes(found) => claim = claim.or(Some(found)),
                Answer::More => pending = true,
                Answer::No => return Answer::No,
            }
        }
        match claim {
            Some(claim) => Answer::Yes(claim),
            None if pending => Answer::More,
            None => Answer::No,
        }
    }
}

const COOKIE: [u8; 4] = [0x63, 0x82, 0x53, 0x63];

fn look(heard: &Heard<'_>, side: Side) -> Answer {
    let Some(datagram) = heard.datagrams().next() else {
        return if heard.bytes.is_empty() { Answer::More } else { Answer::No };
    };
    let cut = heard.end == End::Cut && datagram.len() == heard.bytes.len();
    let mut cursor = Cursor::new(datagram);
    let (Some(operation), Some(hardware), Some(address), Some(hops)) =
        (cursor.u8(), cursor.u8(), cursor.u8(), cursor.u8())
    else {
        return if cut { Answer::More } else { Answer::No };
    };
    if !matches!(operation, 1 | 2) || !(1..=37).contains(&hardware) || address > 16 || hops > 16 {
        return Answer::No;
    }
    if cursor.take(232).is_none() || cursor.left() < 4 {
        return if cut { Answer::More } else { Answer::No };
    }
    if cursor.array() != Some(COOKIE) {
        return Answer::No;
    }
    let client = if operation == 1 { side } else { side.other() };
    match options(cursor, cut, Claim::by(client)) {
        Some(claim) => Answer::Yes(claim),
        None => Answer::No,
    }
}

const PAD: u8 = 0;
const END: u8 = 255;
const HOST_NAME: u8 = 12;
const MESSAGE_TYPE: u8 = 53;
const VENDOR_CLASS: u8 = 60;

fn options(mut cursor: Cursor<'_>, cut: bool, mut claim: Claim) -> Option<Claim> {
    while let Some(code) = cursor.u8() {
        if code == PAD {
            continue;
        }
        if code == END {
            return Some(claim);
        }
        let Some(value) = cursor.u8().and_then(|length| cursor.take(usize::from(length))) else {
            return cut.then_some(claim);
        };
        match (code, value) {
            (MESSAGE_TYPE, &[kind @ 1..=18]) => claim = claim.with("message", message(kind)),
            (MESSAGE_TYPE, _) => return None,
            (HOST_NAME, name) => claim = claim.with("host_name", text(name)),
            (VENDOR_CLASS, class) => claim = claim.with("vendor_class", text(class)),
            _ => {}
        }
    }
    Some(claim)
}

const fn message(kind: u8) -> &'static str {
    match kind {
        1 => "discover",
        2 => "offer",
        3 => "request",
        4 => "decline",
        5 => "ack",
        6 => "nak",
        7 => "release",
        8 => "inform",
        9 => "forcerenew",
        10..=13 => "leasequery",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(operation: u8, options: &[u8]) -> Vec<u8> {
        let mut packet = vec![operation, 1, 6, 0];
        packet.resize(236, 0);
        packet.extend(COOKIE);
        packet.extend(options);
        packet
    }

    #[track_caller]
    fn check(view: &View<'_>, expect: &str) {
        let found = match Dhcp.ask(view) {
            Answer::Yes(claim) if claim.client == Some(Side::A) => "a",
            Answer::Yes(_) => "b",
            Answer::No => "no",
            Answer::More => "more",
        };
        assert_eq!(found, expect);
    }

    #[test]
    fn either_side_proves_it() {
        let (asks, answers) = (packet(1, &[53, 1, 1, 255]), packet(2, &[53, 1, 2, 255]));
        check(&View::of_udp(&asks, b""), "a");
        check(&View::of_udp(&answers, b""), "b");
        check(&View::of_udp(&asks, &answers), "a");
        check(&View::of_udp(&packet(1, &[]), b""), "a");
    }

    #[test]
    fn what_is_cut_before_the_cookie_is_undecided() {
        check(&View::of_udp(&packet(1, &[])[..230], b"").ended(End::Cut), "more");
        check(&View::of_udp(&packet(1, &[12, 9, 1]), b"").ended(End::Cut), "a");
    }

    #[test]
    fn others_are_not() {
        check(&View::of_udp(&packet(3, &[255]), b""), "no");
        check(&View::of_udp(&packet(1, &[53, 1, 99, 255]), b""), "no");
        check(&View::of_udp(&packet(1, &[12, 9, 1]), b""), "no");
        check(&View::of_udp(&[1; 300], b""), "no");
        check(&View::of_udp(&packet(1, &[])[..230], b""), "no");
    }
}
