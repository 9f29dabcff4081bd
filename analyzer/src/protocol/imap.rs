//! IMAP4 over TCP, up to STARTTLS.
//!
//! Source: RFC 9051 sections 2.2, 6.1, 6.2 and 7.1, RFC 2595 section 3 (STARTTLS).
//! Recognised: a tagged command of the client, an untagged greeting or capability list of the server.
//! Left out: a greeting that neither lists capabilities nor names IMAP, with no client heard.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::dialogue::{is_among, is_text, is_tls, lines, starttls, word};
use crate::protocol::probe::{Answer, Claim, Probe, text};
use crate::protocol::sides::{Look, begins, either};

/// The registry's entry.
#[derive(Debug)]
pub struct Imap;

impl Probe for Imap {
    fn name(&self) -> &'static str {
        "imap"
    }

    fn title(&self) -> &'static str {
        "The Internet Message Access Protocol, by which a reader works on a mailbox."
    }

    fn proof(&self) -> &'static str {
        "A client's tagged command (a tag with a digit, then a command of IMAP), or a server's `* OK` or `* PREAUTH` that names IMAP or its capabilities. \
         A bare `* OK` needs the client; what follows STARTTLS is asked about as TLS."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        match either(view, client, server) {
            Ok(side) => Answer::Yes(claim(view, side)),
            Err(Look::More) => Answer::More,
            Err(_) => Answer::No,
        }
    }
}

/// Clients' tags have 1 to 8 letters and digits; longer ones are hashes of no known client.
const TAG_BYTES: usize = 24;

/// Commands that no other line protocol says behind a tag.
const OWN: &[&str] = &["CAPABILITY", "STARTTLS", "AUTHENTICATE", "NAMESPACE", "EXAMINE", "LSUB"];
const SHARED: &[&str] =
    &["LOGIN", "ID", "SELECT", "ENABLE", "NOOP", "LOGOUT", "LIST", "UID", "FETCH", "STATUS", "IDLE"];

fn is_tag(tag: &[u8]) -> bool {
    !tag.is_empty()
        && tag.len() <= TAG_BYTES
        && tag.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'$'))
}

fn client(heard: &Heard<'_>) -> Look {
    let (tag, _) = word(heard.bytes.get(..TAG_BYTES + 1).unwrap_or(heard.bytes));
    if !is_tag(tag) && !heard.bytes.is_empty() {
        return Look::Not;
    }
    let Some((line, _)) = lines(heard.bytes).next() else {
        return if is_text(heard.bytes.strip_suffix(b"\r").unwrap_or(heard.bytes)) {
            Look::More
        } else {
            Look::Not
        };
    };
    let (_, rest) = word(line);
    let (command, _) = word(rest);
    let has_digit = tag.iter().any(u8::is_ascii_digit);
    if !is_text(line) {
        return Look::Not;
    }
    if is_among(command, OWN) {
        return if has_digit { Look::Proves } else { Look::Fits };
    }
    if is_among(command, SHARED) { Look::Fits } else { Look::Not }
}

fn server(heard: &Heard<'_>) -> Look {
    let Some((line, _)) = lines(heard.bytes).next() else {
        let known = [b"* OK".as_slice(), b"* PREAUTH", b"* BYE", b"* CAPABILITY"];
        let any = known.iter().any(|known| begins(heard.bytes, known) != Look::Not);
        return if any && is_text(heard.bytes.strip_suffix(b"\r").unwrap_or(heard.bytes)) {
            Look::More
        } else {
            Look::Not
        };
    };
    if !is_text(line) {
        return Look::Not;
    }
    let (star, rest) = word(line);
    let (kind, rest) = word(rest);
    let named = lines(heard.bytes).any(|(line, _)| line.windows(5).any(|part| part == b"IMAP4"))
        || rest.windows(4).any(|part| part.eq_ignore_ascii_case(b"IMAP"));
    match (star == b"*", kind) {
        (true, b"OK" | b"PREAUTH" | b"BYE" | b"CAPABILITY") if named => Look::Proves,
        (true, b"OK" | b"PREAUTH") => Look::Fits,
        (true, b"BYE") => Look::More,
        _ if heard.is_first() => Look::Not,
        (true, _) => Look::More,
        (false, _) => Look::Not,
    }
}

fn claim(view: &View<'_>, side: Side) -> Claim {
    let (asks, answers) = (view.sides[side], view.sides[side.other()]);
    let mut claim = Claim::by(side);
    let mut asked = None;
    let mut tag = None;
    let mut busy = false;
    for (line, end) in lines(asks.bytes) {
        let (own, rest) = word(line);
        let (command, argument) = word(rest);
        if command.eq_ignore_ascii_case(b"STARTTLS") {
            asked = Some(end);
            tag = Some(own);
            break;
        }
        if command.eq_ignore_ascii_case(b"LOGIN") {
            claim = claim.with("user", text(word(argument).0.trim_ascii()));
        }
        if is_among(command, &["LOGIN", "AUTHENTICATE", "SELECT", "LOGOUT"]) {
            busy = true;
            break;
        }
    }
    let mut agreed = None;
    for (nth, (line, end)) in lines(answers.bytes).enumerate() {
        if nth == 0 && answers.is_first() {
            claim = claim.with("banner", text(line.get(2..).unwrap_or_default()));
        }
        let (own, rest) = word(line);
        let consent = own != b"*" && word(rest).0 == b"OK";
        let behind = answers.bytes.get(end..).unwrap_or_default();
        if consent && (tag == Some(own) || (tag.is_none() && is_tls(behind))) {
            agreed = Some(end);
            break;
        }
    }
    claim.inner = starttls(view, side, asked, agreed);
    claim.unfinished = claim.inner.is_none() && !busy;
    claim
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Pair;

    #[track_caller]
    fn check(a: &[u8], b: &[u8], expect: &str) {
        let found = match Imap.ask(&View::of(a, b)) {
            Answer::Yes(claim) if claim.client == Some(Side::A) => "a",
            Answer::Yes(_) => "b",
            Answer::No => "no",
            Answer::More => "more",
        };
        assert_eq!(found, expect);
    }

    #[test]
    fn either_side_proves_it() {
        check(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", b"", "b");
        check(b"a001 CAPABILITY\r\n", b"", "a");
        check(b"* OK ready\r\n", b"1 LOGIN joe secret\r\n", "b");
        check(b"* PREAUTH IMAP4 as joe\r\n", b"", "b");
    }

    #[test]
    fn a_bare_greeting_needs_the_client() {
        check(b"* OK ready\r\n", b"", "more");
        check(b"* O", b"", "more");
        check(b"a1 LOGIN joe secret\r\n", b"", "more");
        check(b"a1 LOG", b"", "more");
    }

    #[test]
    fn others_are_not() {
        check(b"+OK POP3\r\n", b"", "no");
        check(b"220 ESMTP\r\n", b"", "no");
        check(b"GET / HTTP/1.1\r\n", b"", "no");
        check(b"*1\r\n$4\r\nPING\r\n", b"", "no");
        check(b"set key 0 0 5\r\n", b"", "no");
        check(b"SELECT 1\r\n", b"+OK\r\n", "no");
    }

    #[test]
    fn tls_starts_behind_starttls_and_the_same_tag() {
        let answers = b"* OK ready\r\n* CAPABILITY IMAP4\r\n1 OK done\r\n2 OK begin\r\n";
        let asks = b"1 CAPABILITY\r\n2 STARTTLS\r\n\x16\x03\x01";
        let Answer::Yes(claim) = Imap.ask(&View::of(asks, answers)) else { panic!() };
        assert_eq!(claim.inner.unwrap().skip, Pair([26, answers.len()]));
        let refused = b"* OK ready\r\n2 NO not now\r\n";
        let Answer::Yes(claim) = Imap.ask(&View::of(b"2 STARTTLS\r\n", refused)) else { panic!() };
        assert_eq!(claim.inner, None);
    }
}
