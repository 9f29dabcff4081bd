//! The transport protocol among Elasticsearch and OpenSearch nodes, over TCP.
//!
//! Source: Elasticsearch's TcpHeader (marker, length, request id, status, version).
//! Recognised: the marker `ES` with a length, status and version that agree, or a ping.
//! Left out: the HTTP interface, which is `http`.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe};

/// The registry's entry.
#[derive(Debug)]
pub struct Elasticsearch;

impl Probe for Elasticsearch {
    fn name(&self) -> &'static str {
        "elasticsearch"
    }

    fn title(&self) -> &'static str {
        "The transport protocol among Elasticsearch or OpenSearch nodes"
    }

    fn proof(&self) -> &'static str {
        "The marker `ES`, then a length, a request id, status bits and a version in their ranges, or a ping. The HTTP \
         interface is `http`."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut found: Option<Claim> = None;
        for side in Side::BOTH {
            match message(view.sides[side]) {
                Fit::Not => return Answer::No,
                Fit::More => {}
                Fit::Ping => found = found.or_else(|| Some(Claim::default())),
                Fit::Message { answer, version } => {
                    let client = if answer { side.other() } else { side };
                    let claim = Claim::by(client);
                    found = Some(match version {
                        Some(version) => claim.with("version", version),
                        None => claim,
                    });
                }
            }
        }
        found.map_or(Answer::More, Answer::Yes)
    }
}

enum Fit {
    Message { answer: bool, version: Option<String> },
    Ping,
    More,
    Not,
}

/// Behind the length, the least that a message has: request id, status, version.
const MESSAGE_MIN: u32 = 13;

/// Ninety per cent of a heap of 100 GB is the most that a node takes; half of it here.
const MESSAGE_MAX: u32 = 1 << 30;

/// The bit that OpenSearch sets in its versions.
const OPENSEARCH: u32 = 0x0800_0000;

fn message(heard: Heard<'_>) -> Fit {
    let mut cursor = Cursor::new(heard.bytes);
    if !b"ES".starts_with(heard.bytes.get(..2).unwrap_or(heard.bytes)) {
        return Fit::Not;
    }
    cursor.take(2);
    let Some(size) = cursor.be32() else { return Fit::More };
    if size == u32::MAX {
        return if matches!(cursor.rest(), [] | [b'E', ..]) { Fit::Ping } else { Fit::Not };
    }
    if !(MESSAGE_MIN..=MESSAGE_MAX).contains(&size) {
        return Fit::Not;
    }
    let Some(id) = cursor.be64() else { return Fit::More };
    let Some(status) = cursor.u8() else { return Fit::More };
    let Some(version) = cursor.be32() else { return Fit::More };
    let known = match version & !OPENSEARCH {
        1_000_000..=99_999_999 => true,
        _ => version & OPENSEARCH != 0 && version & !OPENSEARCH > 1_000_000,
    };
    if id > i64::MAX as u64 || status > 0x0f || !known || version > 0x0fff_ffff {
        return Fit::Not;
    }
    let number = version & !OPENSEARCH;
    // Ids since 8.9 count transport versions, not releases.
    let released = (1_000_000..8_090_000).contains(&number);
    let version =
        released.then(|| format!("{}.{}.{}", number / 1_000_000, number / 10_000 % 100, number / 100 % 100));
    Fit::Message { answer: status & 1 != 0, version }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client of a yes, else the answer.
    fn check(a: &[u8], b: &[u8], expect: Result<Option<Side>, Answer>) {
        let found = match Elasticsearch.ask(&View::of(a, b)) {
            Answer::Yes(claim) => Ok(claim.client),
            other => Err(other),
        };
        assert_eq!(found, expect, "{a:?} {b:?}");
    }

    const REQUEST: &[u8] = b"ES\0\0\0\x30\0\0\0\0\0\0\0\x05\x08\0\x6c\x57\x0b";
    const ANSWER: &[u8] = b"ES\0\0\0\x20\0\0\0\0\0\0\0\x05\x09\0\x6c\x57\x0b";

    #[test]
    fn a_header_tells_who_asks() {
        check(REQUEST, b"", Ok(Some(Side::A)));
        check(ANSWER, b"", Ok(Some(Side::B)));
        check(REQUEST, ANSWER, Ok(Some(Side::A)));
        check(b"ES\xff\xff\xff\xff", b"", Ok(None));
        for end in 0..REQUEST.len() {
            check(&REQUEST[..end], b"", Err(Answer::More));
        }
    }

    #[test]
    fn near_misses_are_a_no() {
        check(b"ESMTP ready", b"", Err(Answer::No));
        check(b"ES\0\0\0\x30\0\0\0\0\0\0\0\x05\x10\0\x6c\x57\x0b", b"", Err(Answer::No));
        check(REQUEST, b"HTTP/1.1 400", Err(Answer::No));
    }
}
