//! POP3 over TCP, up to STLS.
//!
//! Source: RFC 1939, RFC 2449 (CAPA), RFC 2595 section 4 (STLS), RFC 5034 (AUTH).
//! Recognised: a banner that names POP or bears an APOP stamp, commands that only POP3 has, a login of both sides.
//! Left out: `+OK` alone, which Redis and NATS say too.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::dialogue::{is_among, is_text, is_tls, lines, may_be_command, starttls, word};
use crate::protocol::probe::{Answer, Claim, Probe, text};
use crate::protocol::sides::{Look, begins, either};

/// The registry's entry.
#[derive(Debug)]
pub struct Pop3;

impl Probe for Pop3 {
    fn name(&self) -> &'static str {
        "pop3"
    }

    fn title(&self) -> &'static str {
        "The Post Office Protocol, by which a reader fetches mail."
    }

    fn proof(&self) -> &'static str {
        "A server's +OK that names POP or bears an APOP stamp, a client's CAPA, STLS, UIDL or APOP, or a +OK with text answered by USER. \
         A bare +OK is Redis' and NATS' word too and proves nothing."
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

const MECHANISMS: &[&str] = &[
    "PLAIN",
    "LOGIN",
    "CRAM-MD5",
    "DIGEST-MD5",
    "NTLM",
    "GSSAPI",
    "XOAUTH2",
    "OAUTHBEARER",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
];

fn client(heard: &Heard<'_>) -> Look {
    let Some((line, _)) = lines(heard.bytes).next() else {
        return if may_be_command(heard.bytes) { Look::More } else { Look::Not };
    };
    if !is_text(line) {
        return Look::Not;
    }
    let (verb, argument) = word(line);
    let argument = argument.trim_ascii();
    let one = !argument.is_empty() && !argument.contains(&b' ');
    if is_among(verb, &["CAPA", "STLS", "UIDL"]) {
        return if argument.is_empty() { Look::Proves } else { Look::More };
    }
    if verb.eq_ignore_ascii_case(b"APOP") {
        let stamp = argument.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
        let is_digest = stamp.len() == 32 && stamp.iter().all(u8::is_ascii_hexdigit);
        return if is_digest { Look::Proves } else { Look::Not };
    }
    if verb.eq_ignore_ascii_case(b"USER") && one {
        let reads =
            lines(heard.bytes).skip(1).any(|(line, _)| is_among(word(line).0, &["UIDL", "DELE", "TOP"]));
        return if reads { Look::Proves } else { Look::Fits };
    }
    if verb.eq_ignore_ascii_case(b"AUTH") && is_among(word(argument).0, MECHANISMS) {
        return Look::Fits;
    }
    let shared = ["AUTH", "QUIT", "NOOP", "PASS", "STAT", "LIST", "RETR", "DELE", "TOP", "RSET"];
    if is_among(verb, &shared) && !is_among(argument, &["TLS", "SSL"]) { Look::More } else { Look::Not }
}

fn server(heard: &Heard<'_>) -> Look {
    let Some((line, _)) = lines(heard.bytes).next() else {
        let looks = [begins(heard.bytes, b"+OK"), begins(heard.bytes, b"-ERR ")];
        return if looks == [Look::Not; 2] || !is_text(heard.bytes.strip_suffix(b"\r").unwrap_or(heard.bytes))
        {
            Look::Not
        } else {
            Look::More
        };
    };
    if !is_text(line) {
        return Look::Not;
    }
    match line {
        b"+OK" => Look::More,
        [b'+', b'O', b'K', b' ', greeting @ ..]
            if heard.is_first() && (names_pop(greeting) || is_stamped(greeting)) =>
        {
            Look::Proves
        }
        [b'+', b'O', b'K', b' ', greeting @ ..] if !greeting.trim_ascii().is_empty() => Look::Fits,
        [b'+', b'O', b'K', b' ', ..] | [b'-', b'E', b'R', b'R', b' ', ..] => Look::More,
        _ => Look::Not,
    }
}

fn names_pop(greeting: &[u8]) -> bool {
    greeting.split(|byte| !byte.is_ascii_alphanumeric()).any(|word| is_among(word, &["POP3", "POP", "POP3S"]))
}

/// Whether there is a `<process.clock@host>` at the end, to be hashed with a password.
fn is_stamped(greeting: &[u8]) -> bool {
    let Some(open) = greeting.iter().rposition(|&byte| byte == b'<') else { return false };
    let stamp = greeting.get(open..).unwrap_or_default().trim_ascii_end();
    stamp.ends_with(b">") && stamp.contains(&b'@') && stamp.contains(&b'.') && !stamp.contains(&b' ')
}

fn claim(view: &View<'_>, side: Side) -> Claim {
    let (asks, answers) = (view.sides[side], view.sides[side.other()]);
    let mut claim = Claim::by(side);
    let mut said = lines(answers.bytes);
    let mut agreed = None;
    if answers.is_first()
        && let Some((banner, _)) = said.next()
    {
        claim = claim.with("banner", text(word(banner).1));
    }
    let mut asked = None;
    let mut busy = false;
    for (line, end) in lines(asks.bytes) {
        let (verb, argument) = word(line);
        let reply = said.next();
        if verb.eq_ignore_ascii_case(b"STLS") {
            asked = Some(end);
            agreed = reply.filter(|(status, _)| status.starts_with(b"+OK")).map(|(_, end)| end);
            break;
        }
        if verb.eq_ignore_ascii_case(b"USER") {
            claim = claim.with("user", text(argument.trim_ascii()));
        }
        if is_among(verb, &["PASS", "AUTH", "APOP", "QUIT"]) {
            busy = true;
            break;
        }
        let many = is_among(verb, &["CAPA"]);
        if many && reply.is_some_and(|(status, _)| status.starts_with(b"+OK")) {
            said.find(|(line, _)| *line == b".");
        }
    }
    if asks.bytes.is_empty() {
        agreed = lines(answers.bytes)
            .find(|(line, end)| line.starts_with(b"+OK") && answers.bytes.get(*end..).is_some_and(is_tls))
            .map(|(_, end)| end);
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
        let found = match Pop3.ask(&View::of(a, b)) {
            Answer::Yes(claim) if claim.client == Some(Side::A) => "a",
            Answer::Yes(_) => "b",
            Answer::No => "no",
            Answer::More => "more",
        };
        assert_eq!(found, expect);
    }

    #[test]
    fn either_side_proves_it() {
        check(b"+OK POP3 server ready\r\n", b"", "b");
        check(b"+OK ready <12.34@example.com>\r\n", b"", "b");
        check(b"CAPA\r\n", b"", "a");
        check(b"+OK ready\r\n", b"USER joe\r\n", "b");
        check(b"USER joe\r\nPASS x\r\nUIDL\r\n", b"", "a");
    }

    #[test]
    fn a_bare_ok_proves_nothing() {
        check(b"+OK\r\n", b"", "more");
        check(b"+OK\r\n", b"AUTH secret\r\n", "more");
        check(b"+OK\r\n", b"*2\r\n$4\r\nAUTH\r\n", "no");
        check(b"-ERR wrong password\r\n", b"QUIT\r\n", "more");
        check(b"USER joe\r\n", b"", "more");
        check(b"+O", b"", "more");
    }

    #[test]
    fn others_are_not() {
        check(b"USER joe\r\n", b"220 ftp\r\n", "no");
        check(b"* OK IMAP4rev1\r\n", b"", "no");
        check(b"+PONG\r\n", b"PING\r\n", "no");
        check(b"INFO {}\r\n", b"CONNECT {}\r\n", "no");
        check(b"GET / HTTP/1.1\r\n", b"", "no");
        check(b"AUTH TLS\r\n", b"", "no");
    }

    #[test]
    fn tls_starts_behind_stls_and_its_consent() {
        let answers = b"+OK ready\r\n+OK list\r\nSTLS\r\n.\r\n+OK begin\r\n";
        let Answer::Yes(claim) = Pop3.ask(&View::of(b"CAPA\r\nSTLS\r\n", answers)) else { panic!() };
        assert_eq!(claim.inner.unwrap().skip, Pair([12, answers.len()]));
        let refused = b"+OK ready\r\n-ERR no\r\n";
        let Answer::Yes(claim) = Pop3.ask(&View::of(b"STLS\r\n", refused)) else { panic!() };
        assert_eq!(claim.inner, None);
    }
}
