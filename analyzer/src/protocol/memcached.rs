//! memcached, text and binary, over TCP and UDP.
//!
//! Source: memcached's doc/protocol.txt and the binary protocol's specification.
//! Recognised: storage commands with their data, other commands with their answer, binary packets whose lengths agree.
//! Left out: short text commands without their answer (Redis takes them inline too).

use crate::flow::opening::{Heard, View};
use crate::net::Transport;
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe};

/// The registry's entry.
#[derive(Debug)]
pub struct Memcached;

impl Probe for Memcached {
    fn name(&self) -> &'static str {
        "memcached"
    }

    fn title(&self) -> &'static str {
        "memcached, a cache for keys and values, in its text and binary protocols"
    }

    fn proof(&self) -> &'static str {
        "A text command with the answer that it must have, stored data of the stated length, or binary packets whose \
         lengths agree with their command. A short text command alone is left out: Redis takes it too."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp, Transport::Udp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut best = Answer::No;
        for (side, client, server) in view.ways() {
            let (Some(asked), Some(answered)) =
                (bytes(client, view.transport), bytes(server, view.transport))
            else {
                continue;
            };
            let (asks, answers) = (request(asked), answer(answered));
            let (asks, answers) = match (asks, answers) {
                (Fit::Not, _) | (_, Fit::Not) => continue,
                pair => pair,
            };
            let format = if matches!(asked.first().or(answered.first()), Some(0x80 | 0x81)) {
                "binary"
            } else {
                "text"
            };
            let udp = view.transport == Transport::Udp;
            let proved =
                matches!((asks, answers), (Fit::Strong, _) | (_, Fit::Strong) | (Fit::Weak, Fit::Weak))
                    || (udp && asks == Fit::Weak && answered.is_empty());
            if proved {
                return Answer::Yes(Claim::by(side).with("format", format));
            }
            best = Answer::More;
        }
        best
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fit {
    /// It is memcached's, whatever the other side says.
    Strong,
    /// It needs the other side's word.
    Weak,
    /// Nothing yet, or not enough.
    More,
    Not,
}

/// Bytes behind the frame header that UDP has; `None` where that header is not one.
fn bytes(heard: Heard<'_>, transport: Transport) -> Option<&[u8]> {
    if transport != Transport::Udp {
        return Some(heard.bytes);
    }
    let Some(datagram) = heard.datagrams().next().filter(|datagram| !datagram.is_empty()) else {
        return Some(&[]);
    };
    let mut cursor = Cursor::new(datagram);
    let (_id, number, count, reserved) = (cursor.be16()?, cursor.be16()?, cursor.be16()?, cursor.be16()?);
    let rest = cursor.rest();
    // Some clients leave the reserved bytes as they were; only the binary protocol can do without them.
    let binary = matches!(rest.first(), Some(0x80 | 0x81));
    let fits = number == 0 && (1..=1024).contains(&count) && (reserved == 0 || binary);
    (fits && !rest.is_empty()).then_some(rest)
}

/// The longest key.
const KEY_MAX: usize = 250;

/// The longest line of a command: a get of many keys.
const LINE_MAX: usize = 2048;

fn request(bytes: &[u8]) -> Fit {
    match bytes.first() {
        None => return Fit::More,
        Some(0x80) => return binary(bytes, 0x80),
        Some(b'a'..=b'z') => {}
        _ => return Fit::Not,
    }
    let mut cursor = Cursor::new(bytes);
    let Some(line) = cursor.line() else {
        return if bytes.len() < LINE_MAX && is_text(bytes) { Fit::More } else { Fit::Not };
    };
    let mut words = line.split(|&byte| byte == b' ');
    let command = words.next().unwrap_or_default();
    let words: [Option<&[u8]>; 6] = std::array::from_fn(|_| words.next());
    if !is_text(line) || words[0].is_some_and(|key| key.is_empty() || key.len() > KEY_MAX) {
        return Fit::Not;
    }
    match command {
        b"set" | b"add" | b"replace" | b"append" | b"prepend" | b"cas" => {
            let [Some(_), Some(flags), Some(expiry), Some(length), ..] = words else { return Fit::Not };
            let expiry = expiry.strip_prefix(b"-").unwrap_or(expiry);
            let (Some(_), Some(_), Some(length)) = (number(flags), number(expiry), number(length)) else {
                return Fit::Not;
            };
            match cursor.rest().get(length..).and_then(|end| end.first_chunk::<2>()) {
                Some(b"\r\n") => Fit::Strong,
                Some(_) => Fit::Not,
                None => Fit::Weak,
            }
        }
        b"get" | b"gets" | b"delete" | b"mg" | b"ms" | b"md" if words[0].is_some() => Fit::Weak,
        b"incr" | b"decr" | b"touch" if words[1].and_then(number).is_some() => Fit::Weak,
        b"gat" | b"gats" if words[0].and_then(number).is_some() && words[1].is_some() => Fit::Weak,
        b"verbosity" if words[0].and_then(number).is_some() => Fit::Weak,
        b"stats" | b"flush_all" => Fit::Weak,
        b"version" | b"mn" if words[0].is_none() => Fit::Weak,
        _ => Fit::Not,
    }
}

/// Whole lines that answer something.
const ANSWERS: &[&[u8]] = &[
    b"STORED",
    b"NOT_STORED",
    b"EXISTS",
    b"NOT_FOUND",
    b"DELETED",
    b"TOUCHED",
    b"END",
    b"OK",
    b"ERROR",
    b"RESET",
    b"MN",
    b"HD",
    b"EN",
    b"NF",
];

/// What lines that answer something begin with.
const ANSWERS_BEGUN: &[&[u8]] =
    &[b"VALUE ", b"STAT ", b"VERSION ", b"CLIENT_ERROR ", b"SERVER_ERROR ", b"VA "];

fn answer(bytes: &[u8]) -> Fit {
    match bytes.first() {
        None => return Fit::More,
        Some(0x81) => return binary(bytes, 0x81),
        _ => {}
    }
    let mut cursor = Cursor::new(bytes);
    let Some(line) = cursor.line() else {
        let may = |answer: &&[u8]| {
            let common = answer.len().min(bytes.len());
            bytes.get(..common) == answer.get(..common)
        };
        let begun = ANSWERS.iter().chain(ANSWERS_BEGUN).any(may);
        return if begun || (is_text(bytes) && number(bytes).is_some()) { Fit::More } else { Fit::Not };
    };
    if !is_text(line) {
        return Fit::Not;
    }
    if line.starts_with(b"STAT pid ") {
        return Fit::Strong;
    }
    if line.starts_with(b"VALUE ") {
        let mut words = line.split(|&byte| byte == b' ').skip(2);
        let (Some(_), Some(length)) = (words.next().and_then(number), words.next().and_then(number)) else {
            return Fit::Not;
        };
        return match cursor.rest().get(length..).and_then(|end| end.first_chunk::<2>()) {
            Some(b"\r\n") => Fit::Strong,
            Some(_) => Fit::Not,
            None => Fit::Weak,
        };
    }
    let known = ANSWERS.contains(&line)
        || ANSWERS_BEGUN.iter().any(|begun| line.starts_with(begun))
        || (!line.is_empty() && number(line).is_some());
    if known { Fit::Weak } else { Fit::Not }
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte >= b' ' && byte != 0x7f || byte == b'\r')
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?
        .parse()
        .ok()
}

/// The largest value that is believed: 1 GiB is the largest that memcached can be told to take.
const VALUE_MAX: usize = 1 << 30;

/// Binary packets one behind another.
fn binary(bytes: &[u8], magic: u8) -> Fit {
    let mut cursor = Cursor::new(bytes);
    let mut whole = 0;
    while whole < 4 {
        let Some([found, command, k1, k2, extras, kind, v1, v2]) = cursor.array::<8>() else { break };
        let Some(total) = cursor.be32() else { break };
        let (key, extras, total) =
            (usize::from(u16::from_be_bytes([k1, k2])), usize::from(extras), total as usize);
        let status = u16::from_be_bytes([v1, v2]);
        let fits = found == magic
            && kind == 0
            && total <= VALUE_MAX
            && total >= key + extras
            && key <= KEY_MAX
            && if magic == 0x80 {
                request_fits(command, key, extras, total)
            } else {
                command <= 0x3e && status <= 0x86 && extras <= 20
            };
        if !fits {
            return Fit::Not;
        }
        let Some(_opaque_and_cas) = cursor.take(12) else { break };
        if cursor.take(total).is_none() {
            break;
        }
        whole += 1;
        if cursor.is_done() {
            break;
        }
    }
    match whole {
        0 if bytes.len() < 24 => Fit::More,
        0 => Fit::Weak,
        1 if magic == 0x81 => Fit::Weak,
        _ => Fit::Strong,
    }
}

/// Whether key, extras and value are those of this request.
const fn request_fits(command: u8, key: usize, extras: usize, total: usize) -> bool {
    let value = total - key - extras;
    match command {
        0x00 | 0x09 | 0x0c | 0x0d | 0x04 | 0x14 => key > 0 && extras == 0 && value == 0,
        0x01..=0x03 | 0x11..=0x13 => key > 0 && extras == 8,
        0x05 | 0x06 | 0x15 | 0x16 => key > 0 && extras == 20 && value == 0,
        0x07 | 0x0a | 0x0b | 0x17 => total == 0,
        0x08 | 0x18 => key == 0 && value == 0 && (extras == 0 || extras == 4),
        0x0e | 0x0f | 0x19 | 0x1a => key > 0 && extras == 0,
        0x10 => extras == 0 && value == 0,
        0x1b => extras == 4 && total == 4,
        0x1c..=0x1e => key > 0 && extras == 4 && value == 0,
        0x20 => total == 0,
        0x21 | 0x22 => key > 0 && extras == 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Side;

    /// The client of a yes, else the answer.
    fn check(a: &[u8], b: &[u8], expect: Result<Side, Answer>) {
        check_view(&View::of(a, b), expect);
    }

    fn check_view(view: &View<'_>, expect: Result<Side, Answer>) {
        let found = match Memcached.ask(view) {
            Answer::Yes(claim) => Ok(claim.client.unwrap()),
            other => Err(other),
        };
        assert_eq!(found, expect, "{view:?}");
    }

    const GET_BINARY: &[u8] = b"\x80\0\0\x03\0\0\0\0\0\0\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0key";

    #[test]
    fn stored_data_proves_itself() {
        check(b"set k 0 60 3\r\nabc\r\n", b"", Ok(Side::A));
        check(b"set k 0 60 3\r\nabcd\r\n", b"", Err(Answer::No));
        check(b"set k 0 60 3\r\nab", b"", Err(Answer::More));
    }

    #[test]
    fn a_short_command_needs_its_answer() {
        check(b"get k\r\n", b"", Err(Answer::More));
        check(b"get k\r\n", b"END\r\n", Ok(Side::A));
        check(b"get k\r\n", b"$-1\r\n", Err(Answer::No));
        check(b"stats\r\n", b"STAT pid 1\r\n", Ok(Side::A));
        check(b"", b"VALUE k 0 1\r\nx\r\nEND\r\n", Ok(Side::A));
    }

    #[test]
    fn binary_lengths_agree() {
        check(GET_BINARY, b"", Ok(Side::A));
        check(&GET_BINARY[..20], b"", Err(Answer::More));
        let mut bytes = GET_BINARY.to_vec();
        bytes[11] = 4;
        check(&bytes, b"", Err(Answer::No));
        check(b"\x80\0\0\x28\x01\x02\x03\x04\0\0\0\0\0\0\0\x02\0\x01\x86\xa3", b"", Err(Answer::No));
    }

    #[test]
    fn datagrams_have_a_frame_header() {
        check_view(&View::of_udp(b"\0\x01\0\0\0\x01\0\0get k\r\n", b""), Ok(Side::A));
        check_view(&View::of_udp(b"get k\r\n", b""), Err(Answer::No));
    }

    #[test]
    fn others_are_not_memcached() {
        check(b"GET k\r\n", b"$1\r\nx\r\n", Err(Answer::No));
        check(b"EHLO a\r\n", b"", Err(Answer::No));
        check(b"get / http/1.0\r\n", b"HTTP/1.0 200 OK\r\n", Err(Answer::No));
    }
}
