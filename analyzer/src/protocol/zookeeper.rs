//! Apache ZooKeeper's client protocol, over TCP.
//!
//! Source: ZooKeeper's record definitions (ConnectRequest, ConnectResponse, headers), administrator's guide (four-letter words).
//! Recognised: the request or response that opens a session, pings, and four-letter words with their answers.
//! Left out: other requests without the start of the session, and the ensemble's own protocols.

use crate::flow::opening::{Heard, View};
use crate::net::Transport;
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe};

/// The registry's entry.
#[derive(Debug)]
pub struct Zookeeper;

impl Probe for Zookeeper {
    fn name(&self) -> &'static str {
        "zookeeper"
    }

    fn title(&self) -> &'static str {
        "The protocol between Apache ZooKeeper and its clients"
    }

    fn proof(&self) -> &'static str {
        "The request or response that opens a session, whose lengths agree, a ping with its reserved id, or a \
         four-letter word with its answer. The protocols among the servers are left out."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut best = Answer::No;
        for (side, client, server) in view.ways() {
            match (ask_client(client), ask_server(server)) {
                (Fit::Not, _) | (_, Fit::Not) => {}
                (Fit::Yes, _) | (_, Fit::Yes) => return Answer::Yes(Claim::by(side)),
                (Fit::Word, Fit::Word) => return Answer::Yes(Claim::by(side).with("word", true)),
                _ => best = Answer::More,
            }
        }
        best
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fit {
    Yes,
    /// A four-letter word, or what answers one.
    Word,
    More,
    Not,
}

/// The longest session time-out that is believed: a day, in milliseconds.
const TIMEOUT_MAX: u32 = 86_400_000;

/// Bytes of a session's password.
const PASSWORD: u32 = 16;

const WORDS: &[&[u8]] = &[
    b"ruok", b"stat", b"srvr", b"mntr", b"conf", b"cons", b"envi", b"isro", b"wchs", b"dump", b"wchc",
    b"wchp",
];

const WORD_ANSWERS: &[&[u8]] = &[
    b"imok",
    b"clientPort=",
    b"Environment:\n",
    b"This ZooKeeper instance is not currently serving requests",
];

const PING: &[u8] = b"\0\0\0\x08\xff\xff\xff\xfe\0\0\0\x0b";

/// What ZooKeeper itself takes at most by default (`jute.maxbuffer`).
const MESSAGE_MAX: u32 = 0x000f_ffff;

/// Clients number their requests from 1.
const MAX_XID: u32 = i32::MAX as u32;

/// A request of a session whose beginning was not seen: a number, an operation on a node, and the node's path.
fn operation(mut cursor: Cursor<'_>, size: u32) -> Option<Fit> {
    let (Some(xid), Some(operation), Some(length)) = (cursor.be32(), cursor.be32(), cursor.be32()) else {
        return None;
    };
    let is_sound = (1..=MAX_XID).contains(&xid)
        && matches!(operation, 1..=9 | 12)
        && (1..=size.saturating_sub(12)).contains(&length)
        && size <= MESSAGE_MAX;
    let path = cursor.take(length as usize).filter(|_| is_sound)?;
    (path.first() == Some(&b'/') && path.iter().all(u8::is_ascii_graphic)).then_some(Fit::Yes)
}

fn ask_client(heard: Heard<'_>) -> Fit {
    let bytes = heard.bytes;
    if bytes.is_empty() || (bytes.len() < PING.len() && PING.starts_with(bytes)) {
        return Fit::More;
    }
    if bytes.starts_with(PING) {
        return Fit::Yes;
    }
    if let Some(word) = bytes.get(..4)
        && WORDS.contains(&word)
        && matches!(bytes.get(4..), Some([] | [b'\n'] | [b'\r', b'\n']))
    {
        return Fit::Word;
    }
    let mut cursor = Cursor::new(bytes);
    let Some(size) = cursor.be32() else {
        return if bytes.first() == Some(&0) { Fit::More } else { Fit::Not };
    };
    if !heard.is_first()
        && let Some(fit) = operation(cursor, size)
    {
        return fit;
    }
    if !matches!(size, 28 | 29 | 44 | 45) {
        return Fit::Not;
    }
    match cursor.be32() {
        None => return Fit::More,
        Some(0) => {}
        Some(_) => return Fit::Not,
    }
    let (Some(seen), Some(timeout), Some(_session)) = (cursor.be64(), cursor.be32(), cursor.be64()) else {
        return Fit::More;
    };
    tail(cursor, size - 24, timeout, seen <= i64::MAX as u64)
}

fn ask_server(heard: Heard<'_>) -> Fit {
    let bytes = heard.bytes;
    if bytes.is_empty() {
        return Fit::More;
    }
    if WORD_ANSWERS.iter().any(|answer| bytes.starts_with(answer)) {
        return Fit::Word;
    }
    if bytes.starts_with(b"Zookeeper version: ") || bytes.starts_with(b"zk_version\t") {
        return Fit::Yes;
    }
    let mut cursor = Cursor::new(bytes);
    let Some(size) = cursor.be32() else {
        return if bytes.first() == Some(&0) { Fit::More } else { Fit::Not };
    };
    match (size, cursor.be32()) {
        (20 | 21 | 36 | 37 | 16, None) => return Fit::More,
        (16, Some(0xffff_fffe)) => {
            return match (cursor.be64(), cursor.be32()) {
                (Some(_), Some(0)) => Fit::Yes,
                (_, None) => Fit::More,
                _ => Fit::Not,
            };
        }
        (20 | 21 | 36 | 37, Some(0)) => {}
        (16..=MESSAGE_MAX, Some(1..=MAX_XID)) if !heard.is_first() => {
            let (_zxid, error) = (cursor.be64(), cursor.be32());
            // Errors are small negative numbers.
            let is_sound = error.is_none_or(|error| error == 0 || (-125..0).contains(&(error as i32)));
            return if is_sound { Fit::More } else { Fit::Not };
        }
        _ => return Fit::Not,
    }
    let (Some(timeout), Some(session)) = (cursor.be32(), cursor.be64()) else { return Fit::More };
    // A session that has expired is answered with zeros.
    if session == 0 {
        return Fit::Not;
    }
    tail(cursor, size - 16, timeout, true)
}

/// The end of either: a password of `left` bytes with its length, and the read-only flag in newer versions.
fn tail(mut cursor: Cursor<'_>, left: u32, timeout: u32, sane: bool) -> Fit {
    if !sane || !(1..=TIMEOUT_MAX).contains(&timeout) {
        return Fit::Not;
    }
    let Some(length) = cursor.be32() else { return Fit::More };
    let expected = if left >= PASSWORD + 4 { PASSWORD } else { 0 };
    if length != expected {
        return Fit::Not;
    }
    if cursor.take(length as usize).is_none() {
        return Fit::More;
    }
    if left == length + 4 {
        return Fit::Yes;
    }
    match cursor.u8() {
        Some(0 | 1) => Fit::Yes,
        Some(_) => Fit::Not,
        None => Fit::More,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::opening::Start;
    use crate::net::Side;

    /// The client of a yes, else the answer.
    fn check(a: &[u8], b: &[u8], expect: Result<Option<Side>, Answer>) {
        let found = match Zookeeper.ask(&View::of(a, b)) {
            Answer::Yes(claim) => Ok(claim.client),
            other => Err(other),
        };
        assert_eq!(found, expect, "{a:?} {b:?}");
    }

    const CONNECT: &[u8] =
        b"\0\0\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    const CONNECTED: &[u8] =
        b"\0\0\0\x25\0\0\0\0\0\0\x75\x30\x01\0\0\0\0\0\0\x07\0\0\0\x10abcdefghijklmnop\0";

    #[test]
    fn a_session_is_known_from_either_side() {
        check(CONNECT, b"", Ok(Some(Side::A)));
        check(CONNECTED, b"", Ok(Some(Side::B)));
        check(CONNECT, CONNECTED, Ok(Some(Side::A)));
        for end in 0..CONNECT.len() {
            check(&CONNECT[..end], b"", Err(Answer::More));
        }
    }

    #[test]
    fn a_word_needs_its_answer() {
        check(b"ruok", b"", Err(Answer::More));
        check(b"ruok", b"imok", Ok(Some(Side::A)));
        check(b"stat\n", b"HTTP/1.1 400", Err(Answer::No));
    }

    #[test]
    fn pings_are_known_midstream() {
        check(PING, b"", Ok(Some(Side::A)));
        check(b"", b"\0\0\0\x10\xff\xff\xff\xfe\0\0\0\0\0\0\0\x05\0\0\0\0", Ok(Some(Side::A)));
    }

    #[test]
    fn requests_are_known_midstream_by_their_path() {
        let request = b"\0\0\0\x14\0\0\0\x07\0\0\0\x04\0\0\0\x07/broker\0";
        let answer = b"\0\0\0\x10\0\0\0\x07\0\0\0\x05\0\0\0\x01\xff\xff\xff\x9b";
        let late = |a, b| Zookeeper.ask(&View::of(a, b).started(Start::Midstream));
        assert_eq!(late(request, answer), Answer::Yes(Claim::by(Side::A)));
        assert_eq!(late(answer, request), Answer::Yes(Claim::by(Side::B)));
        assert_eq!(late(request, b"HTTP/1.1 400"), Answer::No);
        check(request, b"", Err(Answer::No));
    }

    #[test]
    fn near_misses_are_a_no() {
        check(&[&CONNECT[..31], b"\x0f", &CONNECT[32..]].concat(), b"", Err(Answer::No));
        check(&[0; 60], b"", Err(Answer::No));
        check(b"stats\r\n", b"", Err(Answer::No));
        check(b"\0\0\0\x2d\0\x03\0\0\0\0\0\x01\0\x05billy", b"", Err(Answer::No));
    }
}
