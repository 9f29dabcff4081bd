//! DHCPv6 over UDP.
//!
//! Source: RFC 8415 sections 7.3 (types), 8, 9 (formats) and 21 (options).
//! Recognised: a message whose options fill it, with a client or server identifier, or relayed inside another.
//! Left out: an information request that names neither.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe};

/// The registry's entry.
#[derive(Debug)]
pub struct Dhcpv6;

impl Probe for Dhcpv6 {
    fn name(&self) -> &'static str {
        "dhcpv6"
    }

    fn title(&self) -> &'static str {
        "The Dynamic Host Configuration Protocol for IPv6."
    }

    fn proof(&self) -> &'static str {
        "A message type, and options whose lengths fill the datagram, one of them an identifier of client or server in a known form, or a relayed message. A message without an identifier proves nothing."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Udp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let looks = Side::BOTH.map(|side| look(&view.sides[side]));
        let client = match looks {
            [Look::Not, _] | [_, Look::Not] => return Answer::No,
            [Look::Asks, _] | [_, Look::Answers] => Side::A,
            [_, Look::Asks] | [Look::Answers, _] => Side::B,
            [Look::More, Look::More] => return Answer::More,
        };
        Answer::Yes(Claim::by(client))
    }
}

#[derive(Clone, Copy, Debug)]
enum Look {
    Asks,
    Answers,
    More,
    Not,
}

const CLIENT_ID: u16 = 1;
const SERVER_ID: u16 = 2;
const RELAY_MESSAGE: u16 = 9;

/// IANA's list of options ends at 150 or so; a higher number is none yet.
const LAST_OPTION: u16 = 255;

fn look(heard: &Heard<'_>) -> Look {
    let Some(datagram) = heard.datagrams().next() else {
        return if heard.bytes.is_empty() { Look::More } else { Look::Not };
    };
    let mut cursor = Cursor::new(datagram);
    let (role, skip) = match cursor.u8() {
        Some(1 | 3..=6 | 8 | 9 | 11) => (Look::Asks, 3),
        Some(2 | 7 | 10) => (Look::Answers, 3),
        Some(12) => (Look::Asks, 33),
        Some(13) => (Look::Answers, 33),
        _ => return Look::Not,
    };
    if cursor.take(skip).is_some() && options(cursor, skip == 33) { role } else { Look::Not }
}

fn options(mut cursor: Cursor<'_>, relayed: bool) -> bool {
    let mut named = false;
    while !cursor.is_done() {
        let (Some(code), Some(length)) = (cursor.be16(), cursor.be16()) else { return false };
        let Some(value) = cursor.take(usize::from(length)) else { return false };
        if !(1..=LAST_OPTION).contains(&code) {
            return false;
        }
        match code {
            // A DUID: its type, of which there are four, then at least two bytes.
            CLIENT_ID | SERVER_ID => match value {
                [0, 1..=4, _, _, ..] => named |= !relayed,
                _ => return false,
            },
            RELAY_MESSAGE => named |= relayed && matches!(value.first(), Some(1..=13)),
            _ => {}
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(view: &View<'_>, expect: &str) {
        let found = match Dhcpv6.ask(view) {
            Answer::Yes(claim) if claim.client == Some(Side::A) => "a",
            Answer::Yes(claim) if claim.client == Some(Side::B) => "b",
            Answer::Yes(_) => "yes",
            Answer::No => "no",
            Answer::More => "more",
        };
        assert_eq!(found, expect);
    }

    const SOLICIT: [u8; 20] = [1, 7, 7, 7, 0, 1, 0, 6, 0, 3, 0, 1, 2, 2, 0, 8, 0, 2, 0, 0];

    #[test]
    fn either_side_proves_it() {
        let mut answers = SOLICIT;
        answers[0] = 7;
        check(&View::of_udp(&SOLICIT, b""), "a");
        check(&View::of_udp(&answers, b""), "b");
    }

    #[test]
    fn others_are_not() {
        check(&View::of_udp(&SOLICIT[..19], b""), "no");
        let mut other = SOLICIT;
        other[9] = 9;
        check(&View::of_udp(&other, b""), "no");
        check(&View::of_udp(&[1, 7, 7, 7, 0, 8, 0, 2, 0, 0], b""), "no");
        check(&View::of_udp(&[1; 40], b""), "no");
    }
}
