//! Cassandra's native protocol (CQL), versions 1 to 5 and DataStax's own, over TCP.
//!
//! Source: native_protocol_v1 to v5 of Apache Cassandra (frame header, STARTUP, SUPPORTED).
//! Recognised: STARTUP, SUPPORTED and AUTHENTICATE with their texts, queries, and answers that match a request.
//! Left out: compressed bodies midstream, Thrift, and v5's checksummed frames without their start.

use crate::flow::opening::{Heard, View};
use crate::net::Transport;
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe, text};

/// The registry's entry.
#[derive(Debug)]
pub struct Cassandra;

impl Probe for Cassandra {
    fn name(&self) -> &'static str {
        "cassandra"
    }

    fn title(&self) -> &'static str {
        "Cassandra's native protocol, which carries CQL"
    }

    fn proof(&self) -> &'static str {
        "A frame header of version 1 to 5 with a known opcode, and in it STARTUP's CQL_VERSION, a query in text, or the \
         answer on the same stream. Thrift is left out."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut best = Answer::No;
        for (side, client, server) in view.ways() {
            let (Some(asked), Some(answered)) = (read(client, 0), read(server, 0x80)) else { continue };
            let same = match (asked, answered) {
                (Seen::Frame(ask), Seen::Frame(answer)) => {
                    if ask.version != answer.version && client.is_first() && answer.opcode != ERROR {
                        continue;
                    }
                    ask.stream == answer.stream && ask.whole
                }
                _ => false,
            };
            let proof = [asked, answered].into_iter().find_map(|seen| match seen {
                Seen::Frame(frame) if frame.proves => Some(frame),
                Seen::Frame(frame) if same => Some(frame),
                _ => None,
            });
            let Some(frame) = proof else {
                best = Answer::More;
                continue;
            };
            let mut claim = Claim::by(side).with("version", u64::from(frame.version));
            if let Seen::Frame(Frame { opcode: STARTUP, body, .. }) = asked
                && let Some(version) = after(body, b"CQL_VERSION")
            {
                claim = claim.with("cql_version", text(version));
            }
            return Answer::Yes(claim);
        }
        best
    }
}

/// The versions of DataStax Enterprise.
const DSE_1: u8 = 0x41;
const DSE_2: u8 = 0x42;

const ERROR: u8 = 0x00;
const STARTUP: u8 = 0x01;
const OPTIONS: u8 = 0x05;
const SUPPORTED: u8 = 0x06;
const AUTHENTICATE: u8 = 0x03;
const QUERY: u8 = 0x07;
const PREPARE: u8 = 0x09;

/// The largest frame that the protocol allows.
const FRAME_MAX: u32 = 256 << 20;

/// What was read of a side's first frame.
#[derive(Clone, Copy, Debug)]
struct Frame<'a> {
    version: u8,
    stream: u16,
    opcode: u8,
    whole: bool,
    /// It needs no answer to be believed.
    proves: bool,
    body: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
enum Seen<'a> {
    Nothing,
    Frame(Frame<'a>),
}

/// The first frame of a side whose versions have this top bit; `None` where it is not one.
fn read(heard: Heard<'_>, top: u8) -> Option<Seen<'_>> {
    let mut cursor = Cursor::new(heard.bytes);
    let Some(version) = cursor.u8() else { return Some(Seen::Nothing) };
    let number = version & 0x7f;
    if version & 0x80 != top || !matches!(number, 1..=5 | DSE_1 | DSE_2) {
        return None;
    }
    let Some(flags) = cursor.u8() else { return Some(Seen::Nothing) };
    if flags > 0x1f {
        return None;
    }
    // Streams have one byte before version 3: too little to prove anything by an equal one.
    let is_old = number < 3;
    let stream = if is_old { cursor.u8().map(u16::from) } else { cursor.be16() };
    let Some(stream) = stream else { return Some(Seen::Nothing) };
    let Some(opcode) = cursor.u8() else { return Some(Seen::Nothing) };
    let known = if top == 0 {
        matches!(opcode, STARTUP | OPTIONS | QUERY | PREPARE | 0x0a | 0x0b | 0x0d | 0x0f)
    } else {
        matches!(opcode, ERROR | 0x02 | AUTHENTICATE | SUPPORTED | 0x08 | 0x0c | 0x0e | 0x10)
    };
    if !known {
        return None;
    }
    let Some(length) = cursor.be32() else { return Some(Seen::Nothing) };
    let length_fits = match opcode {
        OPTIONS | 0x02 => length == 0 || flags != 0,
        _ => (1..=FRAME_MAX).contains(&length),
    };
    if !length_fits {
        return None;
    }
    let length = length as usize;
    let body = cursor.rest().get(..length).unwrap_or(cursor.rest());
    let whole = body.len() == length;
    let proves = match opcode {
        STARTUP => after(body, b"CQL_VERSION").is_some(),
        SUPPORTED => body.windows(11).any(|window| window == b"CQL_VERSION"),
        AUTHENTICATE => class(body, length),
        QUERY | PREPARE => query(body, length),
        _ => false,
    };
    if whole && flags & 1 == 0 && !proves && matches!(opcode, STARTUP | SUPPORTED) {
        return None;
    }
    Some(Seen::Frame(Frame { version: number, stream, opcode, whole: whole && !is_old, proves, body }))
}

/// The short string behind this short string.
fn after<'a>(body: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let at = body.windows(key.len()).position(|window| window == key)?;
    let mut cursor = Cursor::new(body.get(at + key.len()..)?);
    let length = cursor.be16()?;
    cursor.take(usize::from(length))
}

/// Whether the body is the name of an authenticator's class.
fn class(body: &[u8], length: usize) -> bool {
    let mut cursor = Cursor::new(body);
    let named = cursor.be16().map(usize::from);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._$".contains(byte);
    named.is_some_and(|named| named + 2 == length && named > 8)
        && cursor.left() > 8
        && cursor.rest().contains(&b'.')
        && cursor.rest().iter().all(is_name)
}

/// What statements begin with.
const STATEMENTS: &[&[u8]] = &[
    b"SELECT ",
    b"INSERT ",
    b"UPDATE ",
    b"DELETE ",
    b"USE ",
    b"CREATE ",
    b"ALTER ",
    b"DROP ",
    b"TRUNCATE ",
    b"BEGIN ",
    b"GRANT ",
    b"LIST ",
];

/// Whether the body is a statement in text.
fn query(body: &[u8], length: usize) -> bool {
    let mut cursor = Cursor::new(body);
    let Some(long) = cursor.be32() else { return false };
    let statement =
        |text: &&[u8]| cursor.rest().get(..text.len()).is_some_and(|begun| begun.eq_ignore_ascii_case(text));
    long as usize + 4 <= length && STATEMENTS.iter().any(statement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Side;

    /// The client of a yes, else the answer.
    fn check(a: &[u8], b: &[u8], expect: Result<Side, Answer>) {
        let found = match Cassandra.ask(&View::of(a, b)) {
            Answer::Yes(claim) => Ok(claim.client.unwrap()),
            other => Err(other),
        };
        assert_eq!(found, expect, "{a:?} {b:?}");
    }

    const STARTUP_4: &[u8] = b"\x04\0\0\x01\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0";
    const OPTIONS_4: &[u8] = b"\x04\0\0\x02\x05\0\0\0\0";

    #[test]
    fn a_startup_is_enough() {
        check(STARTUP_4, b"", Ok(Side::A));
        check(b"", STARTUP_4, Ok(Side::B));
        for end in 0..22 {
            check(&STARTUP_4[..end], b"", Err(Answer::More));
        }
    }

    #[test]
    fn old_versions_have_short_streams() {
        let startup = b"\x01\0\0\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0";
        check(startup, b"\x81\0\0\x02\0\0\0\0", Ok(Side::A));
        check(b"\x02\0\0\x05\0\0\0\0", b"\x82\0\0\x02\0\0\0\0", Err(Answer::More));
    }

    #[test]
    fn options_wait_for_their_answer() {
        check(OPTIONS_4, b"", Err(Answer::More));
        check(OPTIONS_4, b"\x84\0\0\x02\x06\0\0\0\x40", Ok(Side::A));
        check(OPTIONS_4, b"HTTP/1.1 400", Err(Answer::No));
    }

    #[test]
    fn a_query_is_known_midstream() {
        check(b"\x04\0\0\x09\x07\0\0\0\x13\0\0\0\x0cSELECT a,b,c\0\x01\0", b"", Ok(Side::A));
    }

    #[test]
    fn near_misses_are_a_no() {
        check(b"\x04\0\0\x01\x01\0\0\0\x05abcde", b"", Err(Answer::No));
        check(b"\x06\0\0\x01\x01\0\0\0\x05", b"", Err(Answer::No));
        check(b"\x03\0\0\x13\x0e\xe0\0\0", b"", Err(Answer::No));
        check(b"\x05\x01\0", b"\x05\0", Err(Answer::No));
    }
}
