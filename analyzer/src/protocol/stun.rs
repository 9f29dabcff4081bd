//! STUN over UDP and TCP, TURN included.
//!
//! Source: RFC 8489 sections 5 (header) and 14 (attributes).
//! Recognised: a message with the magic cookie whose attributes fill it.
//! Left out: the elder form of RFC 3489, which has no cookie.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe};

/// The registry's entry.
#[derive(Debug)]
pub struct Stun;

impl Probe for Stun {
    fn name(&self) -> &'static str {
        "stun"
    }

    fn title(&self) -> &'static str {
        "Session Traversal Utilities for NAT, by which a host learns its outer address."
    }

    fn proof(&self) -> &'static str {
        "A message type with two zero bits, the magic cookie 21 12 A4 42, and attributes that fill the stated length. The elder form without the cookie is left out."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp, Transport::Udp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let looks = Side::BOTH.map(|side| look(view.transport, &view.sides[side]));
        let client = match looks {
            [Look::Not, _] | [_, Look::Not] => return Answer::No,
            [Look::Asks, _] => Some(Side::A),
            [_, Look::Asks] => Some(Side::B),
            [Look::Answers, _] => Some(Side::B),
            [_, Look::Answers] => Some(Side::A),
            [Look::More, Look::More] => return Answer::More,
        };
        Answer::Yes(Claim { client, ..Claim::default() })
    }
}

#[derive(Clone, Copy, Debug)]
enum Look {
    Asks,
    Answers,
    More,
    Not,
}

const COOKIE: u32 = 0x2112_a442;

fn look(transport: Transport, heard: &Heard<'_>) -> Look {
    let Some(datagram) = heard.datagrams().next() else {
        return if heard.bytes.is_empty() { Look::More } else { Look::Not };
    };
    let short = if transport == Transport::Tcp { Look::More } else { Look::Not };
    let mut cursor = Cursor::new(datagram);
    let (Some(kind), Some(length)) = (cursor.be16(), cursor.be16()) else { return short };
    if kind >> 14 != 0 || !length.is_multiple_of(4) || !matches!(kind & 0x3eef, 1..=0x0c) {
        return Look::Not;
    }
    let Some(cookie) = cursor.be32() else { return short };
    if cookie != COOKIE {
        return Look::Not;
    }
    let Some(attributes) = cursor.take(12).and_then(|_| cursor.take(usize::from(length))) else {
        return short;
    };
    if (transport == Transport::Udp && !cursor.is_done()) || !fills(attributes) {
        return Look::Not;
    }
    if kind & 0x0100 == 0 { Look::Asks } else { Look::Answers }
}

fn fills(attributes: &[u8]) -> bool {
    let mut cursor = Cursor::new(attributes);
    while !cursor.is_done() {
        let (Some(_), Some(length)) = (cursor.be16(), cursor.be16()) else { return false };
        if cursor.take(usize::from(length).next_multiple_of(4)).is_none() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(view: &View<'_>, expect: &str) {
        let found = match Stun.ask(view) {
            Answer::Yes(claim) if claim.client == Some(Side::A) => "a",
            Answer::Yes(claim) if claim.client == Some(Side::B) => "b",
            Answer::Yes(_) => "yes",
            Answer::No => "no",
            Answer::More => "more",
        };
        assert_eq!(found, expect);
    }

    const ASKS: [u8; 20] = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

    #[test]
    fn either_side_proves_it() {
        let mut answers = ASKS;
        answers[0] = 1;
        check(&View::of_udp(&ASKS, b""), "a");
        check(&View::of_udp(&answers, b""), "b");
        check(&View::of(&ASKS, b""), "a");
        check(&View::of(&ASKS[..9], b""), "more");
    }

    #[test]
    fn others_are_not() {
        let mut other = ASKS;
        other[7] = 0;
        check(&View::of_udp(&other, b""), "no");
        other = ASKS;
        other[3] = 4;
        check(&View::of_udp(&other, b""), "no");
        check(&View::of_udp(&[0; 20], b""), "no");
        check(&View::of(b"GET / HTTP/1.1\r\n\r\n", b""), "no");
    }
}
