//! SMTP, ESMTP and LMTP over TCP, up to STARTTLS.
//!
//! Source: RFC 5321 sections 3 and 4.2, RFC 3207 (STARTTLS), RFC 2033 (LMTP), RFC 2034 (enhanced codes).
//! Recognised: the client's greeting or envelope, or a banner that names SMTP, or an EHLO answer.
//! Left out: a banner that names no service, with no client heard; a dialogue of QUIT only.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::dialogue::{
    self, is_among, is_text, is_tls, lines, may_be_command, may_be_reply, replies, word,
};
use crate::protocol::probe::{Answer, Claim, Probe, text};
use crate::protocol::sides::{Look, either};

/// The registry's entry.
#[derive(Debug)]
pub struct Smtp;

impl Probe for Smtp {
    fn name(&self) -> &'static str {
        "smtp"
    }

    fn title(&self) -> &'static str {
        "The Simple Mail Transfer Protocol, by which mail is handed over and submitted."
    }

    fn proof(&self) -> &'static str {
        "A client's EHLO, HELO, LHLO or MAIL FROM, or a server's 220 that names SMTP, or its list of extensions. \
         A 220 alone may as well be FTP and proves nothing; what follows STARTTLS is asked about as TLS."
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

/// Words of the EHLO answer that no FTP reply has.
const EXTENSIONS: &[&str] = &[
    "PIPELINING",
    "8BITMIME",
    "STARTTLS",
    "ENHANCEDSTATUSCODES",
    "CHUNKING",
    "SMTPUTF8",
    "DSN",
    "BINARYMIME",
    "ETRN",
    "VRFY",
    "X-ANONYMOUSTLS",
];

fn client(heard: &Heard<'_>) -> Look {
    let Some((line, _)) = lines(heard.bytes).next() else {
        return if may_be_command(heard.bytes) { Look::More } else { Look::Not };
    };
    let (verb, argument) = word(line);
    if !is_text(line) {
        return Look::Not;
    }
    if is_among(verb, &["EHLO", "HELO", "LHLO"]) {
        return match argument.is_empty() {
            true if heard.is_first() => Look::Fits,
            true => Look::More,
            false if argument.trim_ascii().contains(&b' ') => Look::Not,
            false => Look::Proves,
        };
    }
    if has_path(line, b"MAIL FROM:") || has_path(line, b"RCPT TO:") {
        return Look::Proves;
    }
    let shared = ["QUIT", "NOOP", "RSET", "HELP", "AUTH", "STARTTLS", "XCLIENT", "XFORWARD", "DATA", "VRFY"];
    if is_among(verb, &shared) { Look::More } else { Look::Not }
}

fn has_path(line: &[u8], verb: &[u8]) -> bool {
    line.split_at_checked(verb.len())
        .is_some_and(|(head, path)| head.eq_ignore_ascii_case(verb) && path.contains(&b'<'))
}

fn server(heard: &Heard<'_>) -> Look {
    let mut said = replies(heard.bytes);
    let Some(first) = said.next() else {
        return if may_be_reply(heard.bytes) { Look::More } else { Look::Not };
    };
    let names = first.mentions(b"smtp") || first.mentions(b"lmtp");
    let other = first.mentions(b"ftp");
    match first.code {
        220 if names && !other => return Look::Proves,
        220 if other && !names => return Look::Not,
        220 => {}
        421 | 554 if names && !other => return Look::Proves,
        421 | 554 => return Look::More,
        _ if heard.is_first() => return Look::Not,
        _ => {}
    }
    let speaks = |reply: dialogue::Reply<'_>| {
        (reply.code == 250 && reply.texts().any(|text| is_among(word(text).0, EXTENSIONS)))
            || is_enhanced(&reply)
    };
    let proves = speaks(first) || said.any(speaks);
    match first.code {
        _ if proves => Look::Proves,
        220 | 250 | 354 => Look::Fits,
        221 | 235 | 334 | 451..=455 | 500..=504 | 530 | 535 | 550..=555 => Look::More,
        _ => Look::Not,
    }
}

/// `250 2.1.0 ...`: a status whose first digit repeats that of the code.
fn is_enhanced(reply: &dialogue::Reply<'_>) -> bool {
    matches!(
        (reply.code / 100, reply.bytes.get(4..)),
        (2, Some([b'2', b'.', b'0'..=b'7', b'.', b'0'..=b'9', ..]))
            | (4, Some([b'4', b'.', b'0'..=b'7', b'.', b'0'..=b'9', ..]))
            | (5, Some([b'5', b'.', b'0'..=b'7', b'.', b'0'..=b'9', ..]))
    )
}

fn claim(view: &View<'_>, side: Side) -> Claim {
    let (asks, answers) = (view.sides[side], view.sides[side.other()]);
    let mut claim = Claim::by(side);
    let mut asked = None;
    let mut busy = false;
    for (line, end) in lines(asks.bytes) {
        let (verb, argument) = word(line);
        if is_among(verb, &["EHLO", "HELO", "LHLO"]) {
            claim = claim.with("hello", text(argument.trim_ascii()));
            if verb.eq_ignore_ascii_case(b"LHLO") {
                claim = claim.with("lmtp", true);
            }
        } else if verb.eq_ignore_ascii_case(b"STARTTLS") {
            asked = Some(end);
            break;
        } else if is_among(verb, &["MAIL", "DATA", "BDAT", "QUIT"]) {
            busy = true;
            break;
        }
    }
    let mut agreed = None;
    for (nth, reply) in replies(answers.bytes).enumerate() {
        let rest = answers.bytes.get(reply.end..).unwrap_or_default();
        let banner = nth == 0 && answers.is_first();
        if banner {
            let greeting = reply.texts().next().unwrap_or_default();
            claim = claim.with("banner", text(greeting));
        }
        if reply.texts().any(|text| text.trim_ascii().eq_ignore_ascii_case(b"STARTTLS")) {
            claim = claim.with("starttls_offered", true);
        }
        if !banner && reply.code == 220 && (rest.is_empty() || is_tls(rest)) {
            agreed = Some(reply.end);
            break;
        }
    }
    claim.inner = dialogue::starttls(view, side, asked, agreed);
    claim.unfinished = claim.inner.is_none() && !busy;
    claim
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::opening::Start;
    use crate::net::Pair;
    use crate::protocol::probe::InnerKind;

    const BANNER: &[u8] = b"220 mx.example.com ESMTP ready\r\n";
    const FEATURES: &[u8] = b"250-mx.example.com\r\n250-SIZE 1000\r\n250 STARTTLS\r\n";

    #[track_caller]
    fn check(a: &[u8], b: &[u8], expect: &str) {
        assert_eq!(word_of(&Smtp.ask(&View::of(a, b))), expect);
    }

    fn word_of(answer: &Answer) -> &'static str {
        match answer {
            Answer::Yes(claim) if claim.inner.is_some() => "tls",
            Answer::Yes(claim) => match claim.client {
                Some(Side::A) => "a",
                _ => "b",
            },
            Answer::No => "no",
            Answer::More => "more",
        }
    }

    #[test]
    fn either_side_proves_it() {
        check(b"EHLO client.example\r\n", BANNER, "a");
        check(BANNER, b"EHLO client.example\r\n", "b");
        check(BANNER, b"", "b");
        check(b"EHLO client.example\r\n", b"", "a");
        check(b"LHLO client.example\r\n", b"220 ready\r\n", "a");
        check(b"220 ready\r\n250-x\r\n250-PIPELINING\r\n250 DSN\r\n", b"", "b");
    }

    #[test]
    fn an_answer_midstream_proves_it_by_its_status() {
        let view = View::of(b"250 2.1.0 Ok\r\n", b"").started(Start::Midstream);
        assert_eq!(word_of(&Smtp.ask(&view)), "b");
        let view = View::of(b"RCPT TO:<a@example.com>\r\n", b"").started(Start::Midstream);
        assert_eq!(word_of(&Smtp.ask(&view)), "a");
    }

    #[test]
    fn a_banner_without_a_service_needs_the_client() {
        check(b"220 welcome\r\n", b"", "more");
        check(b"220 welcome\r\n", b"QUIT\r\n", "more");
        check(b"220 welcome\r\n", b"USER joe\r\n", "no");
        check(b"220 welcome\r\n", b"HELO joe\r\n", "b");
        check(b"220 mx.example.com ES", b"", "more");
        check(b"EHLO cli", b"", "more");
    }

    #[test]
    fn others_are_not() {
        check(b"220 (vsFTPd 3.0.3)\r\n", b"", "no");
        check(b"+OK POP3 ready\r\n", b"", "no");
        check(b"* OK IMAP4rev1\r\n", b"", "no");
        check(b"GET / HTTP/1.1\r\n", b"HTTP/1.1 220 OK\r\n", "no");
        check(b"EHLO client.example\r\n", b"HTTP/1.1 400 Bad Request\r\n", "no");
        check(b"SSH-2.0-x\r\n", b"", "no");
        check(&[0x16, 3, 1, 0, 5], b"", "no");
    }

    #[test]
    fn tls_starts_behind_starttls_and_its_consent() {
        let asks = b"EHLO c\r\nSTARTTLS\r\n\x16\x03\x01";
        let answers = [BANNER, FEATURES, b"220 go ahead\r\n"].concat();
        let Answer::Yes(claim) = Smtp.ask(&View::of(asks, &answers)) else { panic!() };
        let inner = claim.inner.unwrap();
        assert_eq!(inner.skip, Pair([18, answers.len()]));
        assert_eq!(inner.what, InnerKind::Tls(crate::protocol::probe::TlsHow::StartTls));
        check(asks, b"", "tls");
        check(b"", &[answers.as_slice(), &[0x16, 3, 3]].concat(), "tls");
    }

    #[test]
    fn a_refused_starttls_stays_plain() {
        let answers = [BANNER, FEATURES, b"454 not now\r\n"].concat();
        check(b"EHLO c\r\nSTARTTLS\r\n", &answers, "a");
    }
}
