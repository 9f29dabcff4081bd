//! NTP and SNTP over UDP, versions 1 to 4, with the control and private modes.
//!
//! Source: RFC 5905 section 7.3 (header) and 7.5 (extensions), RFC 9327 (mode 6); mode 7 as the ntpd distribution has it.
//! Recognised: one whole datagram of 48 bytes with sound fields, or more with extensions or a digest; control messages by their counts.
//! Left out: a datagram cut by the snap length; mode 0.

use crate::flow::opening::{End, Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe};

/// The registry's entry.
#[derive(Debug)]
pub struct Ntp;

impl Probe for Ntp {
    fn name(&self) -> &'static str {
        "ntp"
    }

    fn title(&self) -> &'static str {
        "The Network Time Protocol, SNTP included."
    }

    fn proof(&self) -> &'static str {
        "A datagram of 48 bytes (or longer by whole extensions or a digest) with version 1 to 4, a mode, and stratum, delay and dispersion within their bounds; \
         a request's and a response's modes must agree. Control (mode 6) and private (mode 7) messages are proved by their counts."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Udp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let looks = Side::BOTH.map(|side| look(&view.sides[side]));
        let (side, mode, version) = match looks {
            [Look::Not, _] | [_, Look::Not] => return Answer::No,
            [Look::Mode(a, version), Look::Mode(b, _)] => match (a, b) {
                (Mode::Asks, Mode::Answers) | (Mode::Peer, Mode::Peer) => (Side::A, a, version),
                (Mode::Answers, Mode::Asks) => (Side::A, a, version),
                _ => return Answer::No,
            },
            [Look::Mode(mode, version), Look::More] => (Side::A, mode, version),
            [Look::More, Look::Mode(mode, version)] => (Side::B, mode, version),
            [Look::More, Look::More] => return Answer::More,
        };
        let client = match mode {
            Mode::Asks => Some(side),
            Mode::Answers => Some(side.other()),
            Mode::Peer => None,
        };
        Answer::Yes(Claim { client, ..Claim::default() }.with("version", u64::from(version)))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Asks,
    Answers,
    Peer,
}

#[derive(Clone, Copy, Debug)]
enum Look {
    Mode(Mode, u8),
    More,
    Not,
}

const HEADER_BYTES: usize = 48;

fn look(heard: &Heard<'_>) -> Look {
    let Some(datagram) = heard.datagrams().next() else {
        return if heard.bytes.is_empty() { Look::More } else { Look::Not };
    };
    let Some(&first) = datagram.first() else { return Look::More };
    let version = (first >> 3) & 7;
    if !(1..=4).contains(&version) {
        return Look::Not;
    }
    if heard.end == End::Cut && datagram.len() == heard.bytes.len() {
        return Look::More;
    }
    let mode = match first & 7 {
        1 | 2 => time(datagram, version).then_some(Mode::Peer),
        3 => time(datagram, version).then_some(Mode::Asks),
        4 | 5 => (time(datagram, version) && has_clock(datagram)).then_some(Mode::Answers),
        6 => control(datagram),
        7 => private(datagram),
        _ => None,
    };
    mode.map_or(Look::Not, |mode| Look::Mode(mode, version))
}

/// Whether the fields of a time message are within their bounds and its length is one that a message has.
fn time(datagram: &[u8], version: u8) -> bool {
    let read = || {
        let mut cursor = Cursor::new(datagram);
        let (_, stratum, poll, precision) = (cursor.u8()?, cursor.u8()?, cursor.u8()?, cursor.u8()?);
        let (delay, dispersion) = (cursor.be32()?, cursor.be32()?);
        let (poll, precision) = (poll.cast_signed(), precision.cast_signed());
        // Delay and dispersion are seconds in 16.16; 16 s is the protocol's own greatest distance, and clocks that lost
        // their source let the dispersion grow on.
        let delay = delay.cast_signed() >> 16;
        Some(
            stratum <= 16
                && (-6..=17).contains(&poll)
                && (-40..=32).contains(&precision)
                && (-1..=16).contains(&delay)
                && dispersion >> 16 <= 256,
        )
    };
    let Some(rest) = datagram.get(HEADER_BYTES..) else { return false };
    read() == Some(true) && has_tail(rest, version)
}

/// A server's message tells its time, as precise as its clock; the request came in just before it went out.
fn has_clock(datagram: &[u8]) -> bool {
    let read = || {
        let mut cursor = Cursor::new(datagram.get(3..)?);
        let precision = cursor.u8()?.cast_signed();
        cursor.take(28)?;
        let (received, sent) = (cursor.be64()?, cursor.be64()?);
        let apart = (sent >> 32).abs_diff(received >> 32);
        Some(precision <= 0 && sent != 0 && (received == 0 || apart <= TURN_SECONDS))
    };
    read() == Some(true)
}

/// Servers answer at once; a slow one within this.
const TURN_SECONDS: u64 = 16;

/// Nothing, or a key with an empty, MD5 or SHA-1 digest, behind any number of extensions in version 4.
fn has_tail(rest: &[u8], version: u8) -> bool {
    let mut cursor = Cursor::new(rest);
    loop {
        if matches!(cursor.left(), 0 | 4 | 20 | 24) {
            return true;
        }
        let (Some(_), Some(length)) = (cursor.be16(), cursor.be16()) else { return false };
        if version != 4 || length < 16 || length % 4 != 0 || cursor.take(usize::from(length) - 4).is_none() {
            return false;
        }
    }
}

/// Mode 6: twelve bytes and counted data, padded to four bytes.
fn control(datagram: &[u8]) -> Option<Mode> {
    let mut cursor = Cursor::new(datagram);
    let (first, operation) = (cursor.u8()?, cursor.u8()?);
    let (_sequence, status, _association) = (cursor.be16()?, cursor.be16()?, cursor.be16()?);
    let (offset, count) = (cursor.be16()?, usize::from(cursor.be16()?));
    let response = operation & 0x80 != 0;
    let known = matches!(operation & 0x1f, 1..=12 | 31);
    let padded = count.next_multiple_of(4);
    let fits = matches!(cursor.left().checked_sub(padded), Some(0 | 20 | 24)) || cursor.left() == count;
    let plain = response || (operation & 0x60 == 0 && status == 0 && offset == 0);
    let sound = first >> 6 == 0 || response;
    (known && fits && plain && sound && count <= 480).then_some(if response {
        Mode::Answers
    } else {
        Mode::Asks
    })
}

/// Mode 7: eight bytes and items of one size; a request's room behind its items is zero.
fn private(datagram: &[u8]) -> Option<Mode> {
    let mut cursor = Cursor::new(datagram);
    let (first, _sequence, implementation, request) =
        (cursor.u8()?, cursor.u8()?, cursor.u8()?, cursor.u8()?);
    let (count, size) = (cursor.be16()?, cursor.be16()?);
    let response = first & 0x80 != 0;
    let items = usize::from(count & 0x0fff) * usize::from(size & 0x0fff);
    let rest = cursor.take(items).map(|_| cursor.rest())?;
    let fits =
        if response { rest.is_empty() } else { count >> 12 == 0 && rest.iter().all(|&byte| byte == 0) };
    (matches!(implementation, 2 | 3) && request <= 45 && size >> 12 == 0 && fits && datagram.len() <= 512)
        .then_some(if response { Mode::Answers } else { Mode::Asks })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(head: [u8; 4], clock: u8) -> Vec<u8> {
        let mut packet = head.to_vec();
        packet.resize(47, 0);
        packet.push(clock);
        packet
    }

    #[track_caller]
    fn check(view: &View<'_>, expect: &str) {
        let found = match Ntp.ask(view) {
            Answer::Yes(claim) if claim.client == Some(Side::A) => "a",
            Answer::Yes(claim) if claim.client == Some(Side::B) => "b",
            Answer::Yes(_) => "yes",
            Answer::No => "no",
            Answer::More => "more",
        };
        assert_eq!(found, expect);
    }

    #[test]
    fn either_side_proves_it() {
        let (asks, answers) = (packet([0x23, 0, 6, 0xec], 0), packet([0x24, 2, 6, 0xec], 9));
        check(&View::of_udp(&asks, &answers), "a");
        check(&View::of_udp(&answers, b""), "b");
        check(&View::of_udp(&asks, b""), "a");
        check(&View::of_udp(&packet([0x19, 3, 6, 0xec], 9), b""), "yes");
    }

    #[test]
    fn a_digest_or_an_extension_may_follow() {
        let mut asks = packet([0x23, 0, 6, 0xec], 0);
        asks.extend([0; 20]);
        check(&View::of_udp(&asks, b""), "a");
        let mut asks = packet([0x23, 0, 6, 0xec], 0);
        asks.extend([1, 4, 0, 28]);
        asks.extend([0; 24]);
        check(&View::of_udp(&asks, b""), "a");
        asks.push(0);
        check(&View::of_udp(&asks, b""), "no");
    }

    #[test]
    fn control_and_private_messages_count_right() {
        check(&View::of_udp(&[0x16, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], b""), "a");
        check(&View::of_udp(&[0x17, 0, 3, 42, 0, 0, 0, 0], b""), "a");
        check(&View::of_udp(&[0x16, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9], b""), "no");
    }

    #[test]
    fn others_are_not() {
        check(&View::of_udp(&packet([0x23, 17, 6, 0xec], 0), b""), "no");
        check(&View::of_udp(&packet([0x23, 0, 6, 0xec], 0)[..47], b""), "no");
        check(&View::of_udp(&packet([0x23, 0, 6, 0xec], 0)[..40], b"").ended(End::Cut), "more");
        check(&View::of_udp(&packet([0x24, 2, 6, 0xec], 0), b""), "no");
        check(&View::of_udp(&[0xff; 48], b""), "no");
        check(&View::of_udp(&[0; 48], b""), "no");
        let asks = packet([0x23, 0, 6, 0xec], 0);
        check(&View::of_udp(&asks, &asks), "no");
    }
}
