//! FTP's control connection over TCP, up to AUTH TLS.
//!
//! Source: RFC 959 sections 4.1 and 4.2, RFC 2428 (EPSV), RFC 4217 (AUTH TLS).
//! Recognised: a banner that names FTP, a login dialogue of both sides, commands and replies that only FTP has.
//! Left out: data connections; a banner that names no service, with no client heard.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::dialogue::{
    Reply, is_among, is_text, is_tls, lines, may_be_command, may_be_reply, replies, starttls, word,
};
use crate::protocol::probe::{Answer, Claim, Probe, text};
use crate::protocol::sides::{Look, either};

/// The registry's entry.
#[derive(Debug)]
pub struct Ftp;

impl Probe for Ftp {
    fn name(&self) -> &'static str {
        "ftp"
    }

    fn title(&self) -> &'static str {
        "The File Transfer Protocol's control connection."
    }

    fn proof(&self) -> &'static str {
        "A server's 220 that names FTP, a 220 answered by FTP's own commands, or replies that only FTP has (227 with an address, 229 with a port). \
         A 220 alone may as well be SMTP and proves nothing; data connections carry no mark of FTP."
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

/// Commands that neither SMTP nor POP3 has.
const OWN: &[&str] = &[
    "SYST", "FEAT", "PASV", "EPSV", "PORT", "EPRT", "TYPE", "CWD", "CDUP", "PWD", "XPWD", "PBSZ", "PROT",
    "MKD", "RMD", "STOR", "NLST", "MLSD", "OPTS", "CLNT", "SIZE", "MDTM",
];

/// Commands that others have too and that say little.
const SHARED: &[&str] = &["QUIT", "NOOP", "HELP", "PASS", "STAT", "LIST", "RETR", "REST", "ACCT", "ADAT"];

fn client(heard: &Heard<'_>) -> Look {
    let mut own = 0;
    let mut login = false;
    let mut first = None;
    for (nth, (line, _)) in lines(heard.bytes).enumerate() {
        let (verb, argument) = word(line);
        let argument = argument.trim_ascii();
        let look = if is_among(verb, OWN) {
            own += 1;
            Look::Fits
        } else if is_auth(line)
            || (verb.eq_ignore_ascii_case(b"USER") && !argument.is_empty() && !argument.contains(&b' '))
        {
            login = true;
            Look::Fits
        } else if is_among(verb, SHARED) {
            Look::More
        } else {
            Look::Not
        };
        if nth == 0 {
            if look == Look::Not || !is_text(line) {
                return Look::Not;
            }
            first = Some(look);
        } else if look == Look::Not {
            break;
        }
    }
    match first {
        None if may_be_command(heard.bytes) => Look::More,
        None => Look::Not,
        Some(_) if (login && own > 0) || own > 2 => Look::Proves,
        Some(look) => look,
    }
}

/// `AUTH TLS` and its elder spellings; SMTP's and POP3's AUTH name a SASL mechanism.
fn is_auth(line: &[u8]) -> bool {
    let (verb, argument) = word(line);
    verb.eq_ignore_ascii_case(b"AUTH") && is_among(argument.trim_ascii(), &["TLS", "SSL", "TLS-C", "TLS-P"])
}

fn server(heard: &Heard<'_>) -> Look {
    let mut said = replies(heard.bytes);
    let Some(first) = said.next() else {
        return if may_be_reply(heard.bytes) { Look::More } else { Look::Not };
    };
    let names = first.mentions(b"ftp") || first.mentions(b"filezilla");
    let other = first.mentions(b"smtp") || first.mentions(b"lmtp");
    match first.code {
        220 if names && !other => return Look::Proves,
        220 if other && !names => return Look::Not,
        220 | 120 => {}
        421 | 530 if names && !other => return Look::Proves,
        421 => return Look::More,
        _ if heard.is_first() => return Look::Not,
        _ => {}
    }
    if is_passive(&first) || said.any(|reply| is_passive(&reply) || reply.code == 331) {
        return Look::Proves;
    }
    match first.code {
        120 | 220 | 230 | 234 | 257 | 331 | 332 => Look::Fits,
        125 | 150 | 200 | 202 | 211..=215 | 221 | 225 | 226 | 250 | 350 | 425..=452 | 500..=553 => Look::More,
        _ => Look::Not,
    }
}

/// `227 ... (10,0,0,1,4,1)` or `229 ... (|||1025|)`.
fn is_passive(reply: &Reply<'_>) -> bool {
    let inside = || {
        let from = reply.bytes.iter().position(|&byte| byte == b'(')? + 1;
        let rest = reply.bytes.get(from..)?;
        rest.get(..rest.iter().position(|&byte| byte == b')')?)
    };
    let Some(inside) = inside() else { return false };
    match reply.code {
        227 => {
            inside.iter().filter(|&&byte| byte == b',').count() == 5
                && inside.iter().all(|byte| byte.is_ascii_digit() || *byte == b',')
        }
        229 => {
            matches!(inside, [a, b, c, port @ .., d] if a == b && b == c && c == d && !port.is_empty() && port.iter().all(u8::is_ascii_digit))
        }
        _ => false,
    }
}

fn claim(view: &View<'_>, side: Side) -> Claim {
    let (asks, answers) = (view.sides[side], view.sides[side.other()]);
    let mut claim = Claim::by(side);
    let (mut asked, mut agreed) = (None, None);
    let mut busy = false;
    for (line, end) in lines(asks.bytes) {
        let (verb, argument) = word(line);
        if is_auth(line) {
            asked = Some(end);
            break;
        } else if verb.eq_ignore_ascii_case(b"USER") {
            claim = claim.with("user", text(argument.trim_ascii()));
        } else if verb.eq_ignore_ascii_case(b"PASS") {
            busy = true;
            break;
        }
    }
    for (nth, reply) in replies(answers.bytes).enumerate() {
        let rest = answers.bytes.get(reply.end..).unwrap_or_default();
        if nth == 0 && reply.code == 220 {
            claim = claim.with("banner", text(reply.texts().next().unwrap_or_default()));
        }
        if reply.code == 234 && (rest.is_empty() || is_tls(rest)) {
            agreed = Some(reply.end);
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
    use crate::flow::opening::Start;
    use crate::net::Pair;

    #[track_caller]
    fn check(a: &[u8], b: &[u8], expect: &str) {
        assert_eq!(word_of(&Ftp.ask(&View::of(a, b))), expect);
    }

    fn word_of(answer: &Answer) -> &'static str {
        match answer {
            Answer::Yes(claim) if claim.client == Some(Side::A) => "a",
            Answer::Yes(_) => "b",
            Answer::No => "no",
            Answer::More => "more",
        }
    }

    #[test]
    fn either_side_proves_it() {
        check(b"220 (vsFTPd 3.0.3)\r\n", b"", "b");
        check(b"USER joe\r\n", b"220-hello\r\n220 there\r\n", "a");
        check(b"USER joe\r\nPASS x\r\nSYST\r\n", b"", "a");
        check(b"220 hello\r\n331 password please\r\n", b"", "b");
        let view = View::of(b"227 Entering (10,0,0,1,4,1)\r\n", b"").started(Start::Midstream);
        assert_eq!(word_of(&Ftp.ask(&view)), "b");
        let view = View::of(b"229 Entering (|||1025|)\r\n", b"").started(Start::Midstream);
        assert_eq!(word_of(&Ftp.ask(&view)), "b");
    }

    #[test]
    fn a_login_alone_may_be_another_protocol() {
        check(b"USER joe\r\nPASS x\r\n", b"", "more");
        check(b"USER joe\r\n", b"+OK hello\r\n", "no");
        check(b"220 hello\r\n", b"", "more");
        check(b"220 hello\r\n", b"QUIT\r\n", "more");
    }

    #[test]
    fn others_are_not() {
        check(b"220 mx.example.com ESMTP\r\n", b"", "no");
        check(b"EHLO x\r\n", b"220 hello\r\n", "no");
        check(b"NICK joe\r\nUSER joe 0 * :Joe\r\n", b"", "no");
        check(b"GET / HTTP/1.1\r\n", b"", "no");
        check(b"AUTH LOGIN\r\n", b"", "no");
        check(&[0, 0, 0, 1], b"", "no");
    }

    #[test]
    fn tls_starts_behind_auth_tls_and_234() {
        let answers = b"220 hello\r\n234 go\r\n";
        let Answer::Yes(claim) = Ftp.ask(&View::of(b"AUTH TLS\r\n\x16\x03\x01", answers)) else { panic!() };
        assert_eq!(claim.inner.unwrap().skip, Pair([10, answers.len()]));
        let refused = b"220 hello\r\n502 no\r\n";
        let Answer::Yes(claim) = Ftp.ask(&View::of(b"AUTH TLS\r\n", refused)) else { panic!() };
        assert_eq!(claim.inner, None);
    }
}
