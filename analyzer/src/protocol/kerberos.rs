//! Kerberos version 5 over UDP and TCP.
//!
//! Source: RFC 4120 sections 5.4 to 5.9 (messages) and 7.2 (transports).
//! Recognised: AS, TGS and error messages by their nested tags, version and matching message type.
//! Left out: version 4; password changes (RFC 3244), whose frame differs.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe, text};
use crate::protocol::tlv::{self, INTEGER, SEQUENCE};

/// The registry's entry.
#[derive(Debug)]
pub struct Kerberos;

impl Probe for Kerberos {
    fn name(&self) -> &'static str {
        "kerberos"
    }

    fn title(&self) -> &'static str {
        "Kerberos version 5, by which tickets for services are had."
    }

    fn proof(&self) -> &'static str {
        "An application tag of Kerberos around version 5 and the message type that the tag says, with lengths that nest; over TCP behind a length that agrees. \
         Version 4 and password changes are left out."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp, Transport::Udp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let looks = Side::BOTH.map(|side| look(view.transport, &view.sides[side]));
        let asks = |kind: u8| matches!(kind, 10 | 12);
        // A side met midstream may start within a message: what it says then contradicts nothing.
        let looks = match looks {
            [Look::Not, Look::Not] => return Answer::No,
            [found, Look::Not] if !view.sides[Side::B].is_first() => [found, Look::More],
            [Look::Not, found] if !view.sides[Side::A].is_first() => [Look::More, found],
            looks => looks,
        };
        let (client, kind) = match looks {
            [Look::Not, _] | [_, Look::Not] => return Answer::No,
            [Look::Kind(a), Look::Kind(b)] if asks(a) == asks(b) => return Answer::No,
            [Look::Kind(kind), _] => (if asks(kind) { Side::A } else { Side::B }, kind),
            [_, Look::Kind(kind)] => (if asks(kind) { Side::B } else { Side::A }, kind),
            [Look::More, Look::More] => return Answer::More,
        };
        let mut claim = Claim::by(client).with("message", name(kind));
        if let Some(realm) = realm(view.transport, &view.sides[client]) {
            claim = claim.with("realm", text(realm));
        }
        Answer::Yes(claim)
    }
}

#[derive(Clone, Copy, Debug)]
enum Look {
    Kind(u8),
    More,
    Not,
}

const fn name(kind: u8) -> &'static str {
    match kind {
        10 => "as-req",
        11 => "as-rep",
        12 => "tgs-req",
        13 => "tgs-rep",
        _ => "krb-error",
    }
}

/// Tickets grow with the groups of their owner; implementations refuse messages beyond a few hundred kilobytes.
const MESSAGE_BYTES: u32 = 1 << 20;

fn look(transport: Transport, heard: &Heard<'_>) -> Look {
    let Some(datagram) = heard.datagrams().next() else {
        return if heard.bytes.is_empty() { Look::More } else { Look::Not };
    };
    let mut cursor = Cursor::new(datagram);
    let mut framed = None;
    if transport == Transport::Tcp {
        let Some(length) = cursor.be32() else {
            return if datagram.first() == Some(&0) { Look::More } else { Look::Not };
        };
        if !(20..MESSAGE_BYTES).contains(&length) {
            return Look::Not;
        }
        framed = Some(length as usize);
    }
    let left = cursor.left();
    match message(&mut cursor, framed) {
        Some(kind) => Look::Kind(kind),
        // The fields that prove it end within 24 bytes.
        None if left < 24 && cursor_may_be(datagram, framed.is_some()) => Look::More,
        None => Look::Not,
    }
}

fn cursor_may_be(datagram: &[u8], framed: bool) -> bool {
    let tag = if framed { datagram.get(4) } else { datagram.first() };
    tag.is_none_or(|tag| matches!(tag, 0x6a..=0x6d | 0x7e))
}

/// The message's type, where tags, version and lengths agree.
fn message(cursor: &mut Cursor<'_>, framed: Option<usize>) -> Option<u8> {
    let before = cursor.left();
    let (tag, outer) = tlv::head(cursor)?;
    let used = before - cursor.left();
    if !matches!(tag, 0x6a..=0x6d | 0x7e) || framed.is_some_and(|framed| framed != used + outer) {
        return None;
    }
    let before = cursor.left();
    let (sequence, inner) = tlv::head(cursor)?;
    if sequence != SEQUENCE || before - cursor.left() + inner != outer {
        return None;
    }
    // Requests number their fields from 1, the others from 0.
    let first = if matches!(tag, 0x6a | 0x6c) { 0xa1 } else { 0xa0 };
    let version = tlv::number(&mut Cursor::new(tlv::value(cursor, first)?), INTEGER)?;
    let kind = tlv::number(&mut Cursor::new(tlv::value(cursor, first + 1)?), INTEGER)?;
    let kind = u8::try_from(kind).ok()?;
    (version == 5 && kind == tag & 0x1f).then_some(kind)
}

/// The realm that a request names.
fn realm<'a>(transport: Transport, heard: &Heard<'a>) -> Option<&'a [u8]> {
    let mut cursor = Cursor::new(heard.datagrams().next()?);
    if transport == Transport::Tcp {
        cursor.be32()?;
    }
    let (tag, _) = tlv::head(&mut cursor)?;
    if !matches!(tag, 0x6a | 0x6c) {
        return None;
    }
    let (mut fields, _) = tlv::enter(&mut cursor, SEQUENCE)?;
    tlv::value(&mut fields, 0xa1)?;
    tlv::value(&mut fields, 0xa2)?;
    if fields.rest().first() == Some(&0xa3) {
        tlv::value(&mut fields, 0xa3)?;
    }
    let (mut body, _) = tlv::enter(&mut fields, 0xa4)?;
    let (mut body, _) = tlv::enter(&mut body, SEQUENCE)?;
    tlv::value(&mut body, 0xa0)?;
    if body.rest().first() == Some(&0xa1) {
        tlv::value(&mut body, 0xa1)?;
    }
    // GeneralString.
    tlv::value(&mut Cursor::new(tlv::value(&mut body, 0xa2)?), 0x1b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::opening::Start;

    const AS_REQ: &[u8] = &[0x6a, 12, 0x30, 10, 0xa1, 3, 2, 1, 5, 0xa2, 3, 2, 1, 10];
    const ERROR: &[u8] = &[0x7e, 12, 0x30, 10, 0xa0, 3, 2, 1, 5, 0xa1, 3, 2, 1, 30];

    #[track_caller]
    fn check(view: &View<'_>, expect: &str) {
        let found = match Kerberos.ask(view) {
            Answer::Yes(claim) if claim.client == Some(Side::A) => "a",
            Answer::Yes(_) => "b",
            Answer::No => "no",
            Answer::More => "more",
        };
        assert_eq!(found, expect);
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        let mut padded = message.to_vec();
        padded[1] += 10;
        padded[3] += 10;
        padded.extend([0; 10]);
        [&(padded.len() as u32).to_be_bytes(), padded.as_slice()].concat()
    }

    #[test]
    fn either_side_proves_it() {
        check(&View::of_udp(AS_REQ, b""), "a");
        check(&View::of_udp(ERROR, b""), "b");
        check(&View::of_udp(AS_REQ, ERROR), "a");
        check(&View::of(&framed(AS_REQ), b""), "a");
        check(&View::of(&framed(AS_REQ)[..18], &framed(ERROR)), "a");
    }

    #[test]
    fn a_side_met_within_a_message_contradicts_nothing() {
        let asks = framed(AS_REQ);
        let view = View::of(&asks, b"\x5f\x98\x6b\x8b").started(Start::Midstream);
        check(&view, "a");
        check(&View::of(&framed(AS_REQ), b"\x5f\x98\x6b\x8b"), "no");
    }

    #[test]
    fn what_is_cut_short_is_undecided() {
        check(&View::of(&framed(AS_REQ)[..10], b""), "more");
        check(&View::of(&[0, 0], b""), "more");
    }

    #[test]
    fn others_are_not() {
        check(&View::of_udp(AS_REQ, AS_REQ), "no");
        let mut other = AS_REQ.to_vec();
        other[13] = 12;
        other.extend([0; 20]);
        check(&View::of_udp(&other, b""), "no");
        let mut length = framed(AS_REQ);
        length[3] += 1;
        check(&View::of(&length, b""), "no");
        check(&View::of_udp(b"jabberwocky jabberwocky jabber", b""), "no");
        check(&View::of(b"GET / HTTP/1.1\r\n\r\n", b""), "no");
    }
}
