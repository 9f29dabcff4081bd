//! MQTT 3.1, 3.1.1 and 5, over TCP.
//!
//! Source: OASIS MQTT 3.1.1 and 5.0, sections 2 and 3 (control packets); MQTT 3.1 for the older name.
//! Recognised: CONNECT; without it whole packets one after another that only MQTT would send.
//! Left out: MQTT-SN, WebSocket framing, single short packets. Passwords are never told.

use crate::flow::opening::{Heard, View};
use crate::net::Transport;
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe, text};

/// The registry's entry.
#[derive(Debug)]
pub struct Mqtt;

impl Probe for Mqtt {
    fn name(&self) -> &'static str {
        "mqtt"
    }

    fn title(&self) -> &'static str {
        "MQTT, a publish-subscribe protocol, versions 3.1, 3.1.1 and 5"
    }

    fn proof(&self) -> &'static str {
        "A CONNECT with the protocol's name, its level and lengths that agree, or, where it was missed, several whole \
         packets among them a PUBLISH, SUBSCRIBE or acknowledgements. Single short packets are left out."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut total = Seen::default();
        let mut client = None;
        for (side, heard, other) in view.ways() {
            match connect(heard.bytes) {
                Connect::Yes(claim) => {
                    let contrary = other.is_first()
                        && heard.is_first()
                        && other.bytes.first().is_some_and(|&byte| byte != 0x20 && byte != 0xf0);
                    if contrary {
                        return Answer::No;
                    }
                    return Answer::Yes(Claim { client: Some(side), ..claim });
                }
                Connect::Short => return Answer::More,
                Connect::Not => {}
            }
            let Some(seen) = packets(heard) else { return Answer::No };
            if seen.client > 0 && seen.server == 0 {
                client = Some(side);
            } else if seen.server > 0 && seen.client == 0 {
                client = Some(side.other());
            }
            total.packets += seen.packets;
            total.strong += seen.strong;
            total.begun += seen.begun;
            total.client += seen.client;
            total.server += seen.server;
        }
        if total.strong > 0 && total.packets >= PACKETS_MIN
            || (total.server > 0 && total.client + total.begun > 0)
        {
            Answer::Yes(Claim { client, ..Claim::default() })
        } else {
            Answer::More
        }
    }
}

/// Whole packets that prove the protocol where no CONNECT was seen.
const PACKETS_MIN: usize = 3;

/// Bytes of an unfinished PUBLISH that must be there, its topic among them.
const BEGUN_MIN: usize = 64;

/// Packets of each side that are read.
const PACKETS_READ: usize = 8;

enum Connect {
    Yes(Claim),
    Short,
    Not,
}

/// The name of the protocol in a CONNECT, with its length and the levels that bear it.
const NAMES: [(&[u8], &[u8]); 2] = [(b"\0\x04MQTT", &[4, 5]), (b"\0\x06MQIsdp", &[3])];

fn connect(bytes: &[u8]) -> Connect {
    let mut cursor = Cursor::new(bytes);
    if cursor.u8() != Some(0x10) {
        return Connect::Not;
    }
    let Some(length) = length(&mut cursor) else {
        return if cursor.left() < 4 { Connect::Short } else { Connect::Not };
    };
    let rest = cursor.rest();
    for (name, levels) in NAMES {
        let common = rest.get(..name.len()).unwrap_or(rest);
        if !name.starts_with(common) || length < name.len() + 6 {
            continue;
        }
        if common.len() < name.len() {
            return Connect::Short;
        }
        let Some(behind) = rest.get(name.len()..) else { return Connect::Short };
        return header(Cursor::new(behind), length - name.len(), levels);
    }
    Connect::Not
}

/// Behind the name of a CONNECT: level, flags, keep-alive, properties, client id.
fn header(mut cursor: Cursor<'_>, mut left: usize, levels: &[u8]) -> Connect {
    let Some([level, flags, _, _]) = cursor.array() else { return Connect::Short };
    // The top bit is set by bridges of some brokers.
    let level = level & 0x7f;
    let will_fits = flags & 0x04 != 0 || flags & 0x38 == 0;
    if !levels.contains(&level) || flags & 1 != 0 || flags & 0x18 == 0x18 || !will_fits {
        return Connect::Not;
    }
    left -= 4;
    if level == 5 {
        let before = cursor.left();
        let Some(properties) = length(&mut cursor) else { return Connect::Short };
        left = match left.checked_sub(before - cursor.left() + properties) {
            Some(left) => left,
            None => return Connect::Not,
        };
        if cursor.take(properties).is_none() {
            return Connect::Short;
        }
    }
    let Some(id_length) = cursor.be16() else { return Connect::Short };
    if usize::from(id_length) + 2 > left {
        return Connect::Not;
    }
    let Some(id) = cursor.take(usize::from(id_length)) else { return Connect::Short };
    let version = match level {
        3 => "3.1",
        4 => "3.1.1",
        _ => "5",
    };
    let mut claim = Claim::default().with("version", version);
    if !id.is_empty() {
        claim = claim.with("client_id", text(id));
    }
    Connect::Yes(claim)
}

/// A remaining length: up to four bytes of seven bits.
fn length(cursor: &mut Cursor<'_>) -> Option<usize> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let byte = cursor.u8()?;
        value |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// What one side's packets show.
#[derive(Debug, Default)]
struct Seen {
    packets: usize,
    /// Packets with a topic.
    strong: usize,
    /// A PUBLISH that goes on behind what was seen, with its topic.
    begun: usize,
    client: usize,
    server: usize,
}

/// Packets from the first byte on; `None` where they are not MQTT's.
fn packets(heard: Heard<'_>) -> Option<Seen> {
    let mut seen = Seen::default();
    let mut cursor = Cursor::new(heard.bytes);
    for _ in 0..PACKETS_READ {
        let Some(head) = cursor.u8() else { break };
        let Some(length) = length(&mut cursor) else {
            if cursor.left() >= 4 {
                return None;
            }
            break;
        };
        let body = cursor.rest().get(..length).unwrap_or(cursor.rest());
        let fits = match head {
            0x30..=0x35 | 0x38..=0x3d => topic(body, length),
            0x82 => length >= 6,
            0xa2 => length >= 5,
            0x20 => connack(body, length),
            0x40 | 0x50 | 0x62 | 0x70 => matches!(length, 2..=512),
            0x90 | 0xb0 => matches!(length, 2..=512),
            0xc0 | 0xd0 => length == 0,
            0xe0 => length <= 2,
            _ => false,
        };
        if !fits {
            return None;
        }
        if cursor.take(length).is_none() {
            seen.begun += usize::from(matches!(head, 0x30..=0x3d) && body.len() > BEGUN_MIN);
            break;
        }
        seen.packets += 1;
        match head {
            0x82 | 0xa2 | 0xc0 => seen.client += 1,
            0x20 | 0x90 | 0xb0 | 0xd0 => seen.server += 1,
            _ => {}
        }
        seen.strong +=
            usize::from(matches!(head, 0x30..=0x3d) || (head == 0x82 && topic(body.get(2..)?, length - 2)));
    }
    Some(seen)
}

/// Whether this is the rest of a CONNACK: flags, a code, and since version 5 properties that fill it.
fn connack(body: &[u8], length: usize) -> bool {
    match (length, body) {
        (2, [0 | 1, 0..=5] | [0 | 1] | []) => true,
        (3..=130, [0 | 1, 0 | 0x80..=0x9f, properties, ..]) => usize::from(*properties) == length - 3,
        (3..=512, [0 | 1, _] | [0 | 1] | []) => true,
        _ => false,
    }
}

/// Whether this begins with the name of a topic.
fn topic(body: &[u8], length: usize) -> bool {
    let mut cursor = Cursor::new(body);
    let Some(named) = cursor.be16().map(usize::from) else { return body.len() < length };
    let name = cursor.rest().get(..named).unwrap_or(cursor.rest());
    (1..=length.saturating_sub(2)).contains(&named) && name.iter().all(|&byte| byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Side;

    /// The client of a yes, else the answer.
    fn check(a: &[u8], b: &[u8], expect: Result<Option<Side>, Answer>) {
        let found = match Mqtt.ask(&View::of(a, b)) {
            Answer::Yes(claim) => Ok(claim.client),
            other => Err(other),
        };
        assert_eq!(found, expect, "{a:?} {b:?}");
    }

    const CONNECT: &[u8] = b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02me";
    const CONNECT_5: &[u8] = b"\x10\x12\0\x04MQTT\x05\x02\0\x3c\x03\x21\0\x09\0\x02me";
    const CONNECT_3: &[u8] = b"\x10\x10\0\x06MQIsdp\x03\x02\0\x3c\0\x02me";

    #[test]
    fn a_connect_of_each_version_is_enough() {
        for bytes in [CONNECT, CONNECT_5, CONNECT_3] {
            check(bytes, b"", Ok(Some(Side::A)));
            check(bytes, b"\x20\x02\0\0", Ok(Some(Side::A)));
            check(bytes, b"HTTP/1.1 400", Err(Answer::No));
            for end in 0..bytes.len() {
                check(&bytes[..end], b"", Err(Answer::More));
            }
        }
    }

    #[test]
    fn packets_that_answer_one_another_are_enough() {
        check(b"\xc0\0", b"\xd0\0", Ok(Some(Side::A)));
        check(b"\xd0\0", b"\xc0\0", Ok(Some(Side::B)));
        check(b"\xd0\0", b"", Err(Answer::More));
        let publish = b"\x30\x05\0\x03a/bx".repeat(3);
        check(&publish, b"", Err(Answer::No));
        let publish = b"\x30\x06\0\x03a/bx".repeat(3);
        check(&publish, b"", Ok(None));
    }

    #[test]
    fn near_misses_are_a_no() {
        check(b"\x10\x0e\0\x04MQTX\x04\x02\0\x3c\0\x02me", b"", Err(Answer::No));
        check(b"\x10\x0e\0\x04MQTT\x04\x03\0\x3c\0\x02me", b"", Err(Answer::No));
        check(b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x09me", b"", Err(Answer::No));
        check(b"GET / HTTP/1.1\r\n", b"", Err(Answer::No));
        check(b"\x16\x03\x01\0\x10", b"", Err(Answer::No));
        check(b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0", b"", Err(Answer::No));
    }
}
