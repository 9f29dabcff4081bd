//! syslog, over UDP and TCP.
//!
//! Source: RFC 5424 section 6 and RFC 3164 section 4.1 (messages), RFC 6587 section 3.4 (framing over TCP).
//! Recognised: a priority, then RFC 5424's version and time, or RFC 3164's time, from a side that nobody answers.
//! Over UDP also a tag in place of the time, as RFC 3164 section 4.3 allows, where all of it is text.
//! Left out: other messages without a time.

use crate::flow::opening::View;
use crate::net::Transport;
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe};

/// The registry's entry.
#[derive(Debug)]
pub struct Syslog;

impl Probe for Syslog {
    fn name(&self) -> &'static str {
        "syslog"
    }

    fn title(&self) -> &'static str {
        "syslog, messages of programs and devices for a log"
    }

    fn proof(&self) -> &'static str {
        "A priority in angle brackets from 0 to 191, then a version and a time as RFC 5424 has them, or a time as RFC \
         3164 has it, and no answer. Over UDP a tag and a colon may stand in place of the time."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Udp, Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let [(side, heard, other), _] = view.ways();
        if !other.bytes.is_empty() {
            return Answer::No;
        }
        let Some(first) = heard.datagrams().next() else { return Answer::More };
        let framed = if view.transport == Transport::Tcp { unframed(first) } else { Some(first) };
        match framed.map(message) {
            Some(Ok(form)) => Answer::Yes(Claim::by(side).with("format", form)),
            Some(Err(Stop::Short)) => Answer::More,
            Some(Err(Stop::Bad)) if view.transport == Transport::Udp && is_tagged(first) => {
                Answer::Yes(Claim::by(side).with("format", "rfc3164"))
            }
            Some(Err(Stop::Bad)) | None => Answer::No,
        }
    }
}

/// The longest tag (RFC 3164 section 4.1.3).
const TAG_BYTES: usize = 32;

/// A message shorter than this behind its tag says too little.
const CONTENT_BYTES: usize = 4;

/// A priority, a tag or a device's sequence number, a colon and a blank, and text to the end: `<30>app[7]: started`.
fn is_tagged(datagram: &[u8]) -> bool {
    let Some(rest) = datagram.strip_prefix(b"<") else { return false };
    let mut cursor = Cursor::new(rest);
    let Some(priority) = cursor.until(b'>') else { return false };
    let value = std::str::from_utf8(priority).ok().and_then(|digits| digits.parse::<u8>().ok());
    let is_priority = priority.len() <= 3
        && priority.iter().all(u8::is_ascii_digit)
        && (priority.len() == 1 || priority.first() != Some(&b'0'))
        && value.is_some_and(|value| value <= 191);
    let rest = cursor.rest();
    let Some(tag) = cursor.until(b':') else { return false };
    let tag = tag.strip_prefix(b" ").unwrap_or(tag);
    let name = match tag.strip_suffix(b"]") {
        Some(open) => {
            let Some(at) = open.iter().position(|&byte| byte == b'[') else { return false };
            let (name, process) = open.split_at_checked(at).unwrap_or_default();
            if process.len() < 2 || !process.iter().skip(1).all(u8::is_ascii_digit) {
                return false;
            }
            name
        }
        None => tag,
    };
    let is_name = (1..=TAG_BYTES).contains(&name.len())
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(byte));
    let content = cursor.rest().strip_prefix(b" ").unwrap_or_default();
    let is_text = |byte: &u8| *byte >= b' ' && *byte != 0x7f || matches!(byte, b'\t' | b'\r' | b'\n');
    let text = rest.strip_suffix(b"\0").unwrap_or(rest);
    is_priority && is_name && content.len() >= CONTENT_BYTES && text.iter().all(is_text)
}

enum Stop {
    Short,
    Bad,
}

/// Behind the count of octets that may stand before a message; `None` where it begins like none.
fn unframed(bytes: &[u8]) -> Option<&[u8]> {
    match bytes.first()? {
        b'<' => Some(bytes),
        b'1'..=b'9' => {
            let digits = bytes.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
            match bytes.get(digits) {
                None if digits < 6 => Some(&[]),
                Some(b' ') => bytes.get(digits + 1..),
                _ => None,
            }
        }
        _ => None,
    }
}

const MONTHS: &[&[u8]] =
    &[b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// The form of a message.
fn message(bytes: &[u8]) -> Result<&'static str, Stop> {
    let mut cursor = Cursor::new(bytes);
    match cursor.u8() {
        None => return Err(Stop::Short),
        Some(b'<') => {}
        Some(_) => return Err(Stop::Bad),
    }
    let head = cursor.rest().get(..4).unwrap_or(cursor.rest());
    let Some(digits) = head.iter().position(|&byte| byte == b'>') else {
        let short = head.len() < 4 && head.iter().all(u8::is_ascii_digit);
        return Err(if short { Stop::Short } else { Stop::Bad });
    };
    let priority = cursor.take(digits).unwrap_or_default();
    let value = priority.iter().fold(0, |value, &digit| value * 10 + u32::from(digit.wrapping_sub(b'0')));
    let plain = priority.iter().all(u8::is_ascii_digit) && (digits == 1 || priority.first() != Some(&b'0'));
    if digits == 0 || !plain || value > 191 {
        return Err(Stop::Bad);
    }
    cursor.u8();
    let rest = cursor.rest();
    if rest.first() == Some(&b'1') {
        return matched(rest.get(1..).unwrap_or_default(), b" ####-##-##T##:##:##")
            .or_else(|stop| match stop {
                Stop::Short => Err(Stop::Short),
                Stop::Bad => matched(rest.get(1..).unwrap_or_default(), b" - "),
            })
            .map(|()| "rfc5424");
    }
    let month = rest.get(..3).unwrap_or(rest);
    if MONTHS.contains(&month) {
        return matched(rest.get(3..).unwrap_or_default(), b" _# ##:##:## ").map(|()| "rfc3164");
    }
    let begun = month.len() < 3 && MONTHS.iter().any(|name| name.starts_with(month));
    if begun {
        return Err(Stop::Short);
    }
    matched(rest, b"####-##-##T##:##:##").map(|()| "rfc3164")
}

/// Whether bytes begin with this pattern: `#` is a digit, `_` a digit or a space.
fn matched(bytes: &[u8], pattern: &[u8]) -> Result<(), Stop> {
    let fits = |(&byte, &expected): (&u8, &u8)| match expected {
        b'#' => byte.is_ascii_digit(),
        b'_' => byte.is_ascii_digit() || byte == b' ',
        _ => byte == expected,
    };
    if !bytes.iter().zip(pattern).all(fits) {
        return Err(Stop::Bad);
    }
    if bytes.len() < pattern.len() { Err(Stop::Short) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Side;

    /// The client of a yes, else the answer.
    fn check(a: &[u8], b: &[u8], expect: Result<Option<Side>, Answer>) {
        for view in [View::of_udp(a, b), View::of(a, b)] {
            let found = match Syslog.ask(&view) {
                Answer::Yes(claim) => Ok(claim.client),
                other => Err(other),
            };
            assert_eq!(found, expect, "{a:?} {b:?}");
        }
    }

    const NEW: &[u8] = b"<34>1 2026-11-20T10:00:00Z host app - - - hello";
    const OLD: &[u8] = b"<13>Nov  2 10:00:00 host app: hello";

    #[test]
    fn both_forms_are_known() {
        check(NEW, b"", Ok(Some(Side::A)));
        check(OLD, b"", Ok(Some(Side::A)));
        check(b"<34>1 - - app - - - hello", b"", Ok(Some(Side::A)));
        check(b"<13>2026-11-20T10:00:00.1Z host app: hello", b"", Ok(Some(Side::A)));
    }

    #[test]
    fn octets_may_be_counted_over_tcp() {
        let view = View::of(b"47 <34>1 2026-11-20T10:00:00Z host app - - - hello", b"");
        assert!(matches!(Syslog.ask(&view), Answer::Yes(_)));
        assert_eq!(Syslog.ask(&View::of(b"47 <3", b"")), Answer::More);
    }

    #[test]
    fn a_tag_stands_for_the_time_over_udp() {
        let ask = |datagram: &[u8]| Syslog.ask(&View::of_udp(datagram, b""));
        assert!(matches!(ask(b"<30>dnsmasq[812]: started, version 2.90"), Answer::Yes(_)));
        assert!(matches!(ask(b"<189>29: *Mar  1 00:10:02.123: %SYS-5-CONFIG_I: x"), Answer::Yes(_)));
        for other in [
            &b"<30>app: "[..],
            b"<30>a b: text",
            b"<200>app: text",
            b"<30>app: te\x01xt",
            b"<30>app[x]: text",
        ] {
            assert_eq!(ask(other), Answer::No);
        }
        assert_eq!(Syslog.ask(&View::of(b"<30>app[7]: text", b"")), Answer::No);
    }

    #[test]
    fn a_message_cut_short_says_more() {
        for end in 1..17 {
            check(&OLD[..end], b"", Err(Answer::More));
            check(&NEW[..end], b"", Err(Answer::More));
        }
    }

    #[test]
    fn near_misses_are_a_no() {
        check(b"<192>Nov  2 10:00:00 host app: x", b"", Err(Answer::No));
        check(b"<034>Nov  2 10:00:00 host app: x", b"", Err(Answer::No));
        check(b"<34>hello", b"", Err(Answer::No));
        check(b"<?xml version=\"1.0\"?>", b"", Err(Answer::No));
        check(OLD, b"x", Err(Answer::No));
    }
}
