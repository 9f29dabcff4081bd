//! AMQP 0-8 to 0-9-1, 0-10 and 1.0, over TCP.
//!
//! Source: AMQP 0-9-1 section 4.2 (header, frames), OASIS AMQP 1.0 part 2 (transport).
//! Recognised: the protocol header; without it whole frames with their end octet (0-9-1) or performatives (1.0).
//! Left out: 0-10 without its header, and content frames alone.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe};

/// The registry's entry.
#[derive(Debug)]
pub struct Amqp;

impl Probe for Amqp {
    fn name(&self) -> &'static str {
        "amqp"
    }

    fn title(&self) -> &'static str {
        "AMQP, the messaging protocol of RabbitMQ (0-9-1) and of ActiveMQ, Qpid and others (1.0)"
    }

    fn proof(&self) -> &'static str {
        "The protocol header `AMQP` with a known version, or whole frames with a known method and the end octet, or \
         with a known 1.0 performative. Content frames alone are left out."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut found: Option<(Side, Seen)> = None;
        let mut short = false;
        for (side, heard, _) in view.ways() {
            match read(heard) {
                Seen::Not => return Answer::No,
                Seen::Short => short = true,
                seen @ Seen::Version(..) => {
                    if !matches!(found, Some((_, Seen::Version(_, true)))) {
                        found = Some((side, seen));
                    }
                }
            }
        }
        match found {
            Some((side, Seen::Version(version, header))) => {
                let client = match view.first {
                    _ if !header => method_client(view),
                    Some(first) if header && view.sides[first].is_first() && first == side => Some(side),
                    _ if header && version != "1.0" => Some(side),
                    _ => None,
                };
                Answer::Yes(Claim { client, ..Claim::default() }.with("version", version))
            }
            _ if short => Answer::More,
            _ => Answer::No,
        }
    }
}

/// The client, by the first 0-9-1 method of either side.
fn method_client(view: &View<'_>) -> Option<Side> {
    Side::BOTH.into_iter().find_map(|side| {
        let bytes = view.sides[side].bytes;
        let &[1, _, _, _, _, _, _, 0, class, 0, method] = bytes.first_chunk::<11>()? else { return None };
        match (class, method) {
            (10, 11 | 31 | 40) | (20 | 40 | 50 | 85 | 90, 10) | (50, 20) | (60, 10 | 20 | 40 | 70 | 90) => {
                Some(side)
            }
            (10, 10 | 30 | 41) | (20 | 40 | 50 | 85 | 90, 11) | (50, 21) | (60, 11 | 21 | 60 | 71) => {
                Some(side.other())
            }
            _ => None,
        }
    })
}

/// What one side shows.
enum Seen {
    /// The version, and whether its header said so.
    Version(&'static str, bool),
    Short,
    Not,
}

/// The largest frame that is believed; brokers agree on 128 KiB or so.
const FRAME_MAX: usize = 16 << 20;

/// The end of a 0-9-1 frame.
const FRAME_END: u8 = 0xce;

fn read(heard: Heard<'_>) -> Seen {
    let bytes = heard.bytes;
    if bytes.is_empty() {
        return Seen::Short;
    }
    if let Some(&[id, major, minor, revision]) =
        bytes.strip_prefix(b"AMQP").and_then(|rest| rest.first_chunk::<4>())
    {
        return match (id, major, minor, revision) {
            (0, 0, 9, 1) => Seen::Version("0-9-1", true),
            (1, 1, 0, 9) | (1, 1, 9, 1) | (0, 0, 9, 0) => Seen::Version("0-9", true),
            (1, 1, 8, 0) | (1, 1, 0, 8) => Seen::Version("0-8", true),
            (1, 1, 0, 10) => Seen::Version("0-10", true),
            (0 | 2 | 3, 1, 0, 0) => Seen::Version("1.0", true),
            _ => Seen::Not,
        };
    }
    if b"AMQP".starts_with(bytes.get(..4).unwrap_or(bytes)) {
        return Seen::Short;
    }
    match frame_0_9(bytes) {
        Seen::Not => frame_1_0(bytes),
        seen => seen,
    }
}

/// A method frame or a heartbeat, with its end.
fn frame_0_9(bytes: &[u8]) -> Seen {
    let mut cursor = Cursor::new(bytes);
    let Some(kind @ (1 | 8)) = cursor.u8() else { return Seen::Not };
    let Some(channel) = cursor.be16() else { return Seen::Short };
    let Some(size) = cursor.be32() else { return Seen::Short };
    let size = size as usize;
    if size > FRAME_MAX || (kind == 8 && (channel, size) != (0, 0)) || (kind == 1 && size < 4) {
        return Seen::Not;
    }
    if kind == 1 {
        let mut head = cursor;
        let (Some(class), Some(method)) = (head.be16(), head.be16()) else { return Seen::Short };
        let known = match class {
            10 => channel == 0 && matches!(method, 10..=70),
            20 | 30 | 40 | 50 | 85 | 90 => channel > 0 && matches!(method, 10..=51),
            60 => channel > 0 && matches!(method, 10..=120),
            _ => false,
        };
        if !known {
            return Seen::Not;
        }
        if (class, method) == (10, 10) && head.be16() == Some(9) && size > 30 && channel == 0 {
            return Seen::Version("0-9-1", false);
        }
    }
    if cursor.take(size).is_none() {
        return Seen::Short;
    }
    match cursor.u8() {
        None => Seen::Short,
        Some(FRAME_END) => Seen::Version("0-9-1", false),
        Some(_) => Seen::Not,
    }
}

/// A 1.0 frame with a performative.
fn frame_1_0(bytes: &[u8]) -> Seen {
    let mut cursor = Cursor::new(bytes);
    let Some(size) = cursor.be32() else {
        return if bytes.first() == Some(&0) { Seen::Short } else { Seen::Not };
    };
    let size = size as usize;
    if !(8..=FRAME_MAX).contains(&size) {
        return Seen::Not;
    }
    let Some([offset, kind, _, _]) = cursor.array() else {
        return if matches!(cursor.rest().first(), None | Some(2)) { Seen::Short } else { Seen::Not };
    };
    if offset != 2 || kind > 1 {
        return Seen::Not;
    }
    if size == 8 {
        return if cursor.is_done() { Seen::Short } else { frame_1_0(cursor.rest()) };
    }
    let Some([0, 0x53, code, list]) = cursor.array() else {
        return if cursor.left() < 4 { Seen::Short } else { Seen::Not };
    };
    let known = if kind == 1 { matches!(code, 0x40..=0x44) } else { matches!(code, 0x10..=0x18) };
    let held = match list {
        0x45 => Some(0),
        0xc0 => cursor.u8().map(usize::from),
        0xd0 => cursor.be32().map(|length| length as usize),
        _ => return Seen::Not,
    };
    let Some(held) = held else { return if known { Seen::Short } else { Seen::Not } };
    let room = size.checked_sub(12).is_some_and(|room| held <= room);
    if known && room { Seen::Version("1.0", false) } else { Seen::Not }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client of a yes, else the answer.
    fn check(a: &[u8], b: &[u8], expect: Result<Option<Side>, Answer>) {
        let found = match Amqp.ask(&View::of(a, b)) {
            Answer::Yes(claim) => Ok(claim.client),
            other => Err(other),
        };
        assert_eq!(found, expect, "{a:?} {b:?}");
    }

    #[test]
    fn the_header_names_the_version_and_the_client() {
        check(b"AMQP\0\0\x09\x01", b"", Ok(Some(Side::A)));
        check(b"AMQP\x03\x01\0\0", b"AMQP\x03\x01\0\0", Ok(Some(Side::A)));
        check(b"AMQP", b"", Err(Answer::More));
        check(b"AMQP\0\x07\x09\x01", b"", Err(Answer::No));
    }

    #[test]
    fn whole_frames_are_enough_midstream() {
        check(b"\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xce", b"", Ok(Some(Side::A)));
        check(b"\x08\0\0\0\0\0\0\xce", b"", Ok(None));
        check(b"\0\0\0\x0d\x02\0\0\0\0\x53\x18\xc0\x01", b"", Ok(None));
        check(b"\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0", b"", Err(Answer::More));
    }

    #[test]
    fn near_misses_are_a_no() {
        check(b"\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xcf", b"", Err(Answer::No));
        check(b"\x01\0\x01\0\0\0\x05\0\x15\0\x0a\0\xce", b"", Err(Answer::No));
        check(b"\0\0\0\x0d\x02\0\0\0\0\x53\x19\xc0\x01", b"", Err(Answer::No));
        check(b"AMQP\0\0\x09\x01", b"HTTP/1.1 400 Bad Request\r\n", Err(Answer::No));
        check(b"GET / HTTP/1.1\r\n", b"", Err(Answer::No));
    }
}
