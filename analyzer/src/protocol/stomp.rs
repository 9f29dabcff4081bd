//! STOMP 1.0 to 1.2, over TCP.
//!
//! Source: the STOMP protocol specification, version 1.2 (frames, CONNECT, CONNECTED).
//! Recognised: a frame with its command line, headers of its kind and the NUL behind it, or the start of a session.
//! Left out: frames without a header that is theirs. Logins and passcodes are never told.

use crate::flow::opening::{Heard, View};
use crate::net::Transport;
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe, text};

/// The registry's entry.
#[derive(Debug)]
pub struct Stomp;

impl Probe for Stomp {
    fn name(&self) -> &'static str {
        "stomp"
    }

    fn title(&self) -> &'static str {
        "STOMP, a text protocol between messaging clients and brokers such as ActiveMQ and RabbitMQ"
    }

    fn proof(&self) -> &'static str {
        "A STOMP command alone on its line, headers among them one that this command must have, and an empty line. \
         Frames without such a header are left out."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut best = Answer::No;
        for (side, heard, other) in view.ways() {
            match frame(heard) {
                Frame::Known(command, claim) => {
                    if !other.bytes.is_empty() && matches!(frame(other), Frame::Not) && other.is_first() {
                        return Answer::No;
                    }
                    let client = if command.from_client { side } else { side.other() };
                    return Answer::Yes(Claim { client: Some(client), ..claim });
                }
                Frame::Short => best = Answer::More,
                Frame::Not => {
                    if !heard.bytes.is_empty() {
                        return Answer::No;
                    }
                }
            }
        }
        best
    }
}

/// A command and the headers of which it must have one.
#[derive(Clone, Copy, Debug)]
struct Command {
    name: &'static [u8],
    from_client: bool,
    headers: &'static [&'static [u8]],
}

const fn client(name: &'static [u8], headers: &'static [&'static [u8]]) -> Command {
    Command { name, from_client: true, headers }
}

const fn server(name: &'static [u8], headers: &'static [&'static [u8]]) -> Command {
    Command { name, from_client: false, headers }
}

const LOGIN: &[&[u8]] = &[b"accept-version", b"login", b"passcode", b"heart-beat", b"client-id", b"host"];

const COMMANDS: &[Command] = &[
    client(b"CONNECT", LOGIN),
    client(b"STOMP", LOGIN),
    client(b"SEND", &[b"destination"]),
    client(b"SUBSCRIBE", &[b"destination"]),
    client(b"UNSUBSCRIBE", &[b"id", b"destination"]),
    client(b"ACK", &[b"id", b"message-id"]),
    client(b"NACK", &[b"id", b"message-id"]),
    client(b"BEGIN", &[b"transaction"]),
    client(b"COMMIT", &[b"transaction"]),
    client(b"ABORT", &[b"transaction"]),
    client(b"DISCONNECT", &[b"receipt"]),
    server(b"CONNECTED", &[b"version", b"session", b"heart-beat", b"server"]),
    server(b"MESSAGE", &[b"message-id", b"subscription"]),
    server(b"RECEIPT", &[b"receipt-id"]),
    server(b"ERROR", &[b"message", b"receipt-id", b"version"]),
];

enum Frame {
    Known(Command, Claim),
    Short,
    Not,
}

fn frame(heard: Heard<'_>) -> Frame {
    let beats = heard.bytes.iter().take_while(|byte| b"\r\n".contains(byte)).count();
    let bytes = heard.bytes.get(beats..).unwrap_or_default();
    if bytes.is_empty() {
        return Frame::Short;
    }
    let mut cursor = Cursor::new(bytes);
    let Some(name) = cursor.line() else {
        let begun = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let may = COMMANDS.iter().any(|command| command.name.starts_with(begun));
        return if may { Frame::Short } else { Frame::Not };
    };
    let Some(&command) = COMMANDS.iter().find(|command| command.name == name) else { return Frame::Not };
    let mut claim = Claim::default();
    let mut fits = false;
    loop {
        let Some(line) = cursor.line() else { return Frame::Short };
        if line.is_empty() {
            return if fits { Frame::Known(command, claim) } else { Frame::Not };
        }
        let Some(colon) = line.iter().position(|&byte| byte == b':').filter(|&colon| colon > 0) else {
            return Frame::Not;
        };
        let (key, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.get(1..).unwrap_or_default();
        if line.iter().any(|&byte| byte < b' ' && byte != b'\t') || key.contains(&b' ') {
            return Frame::Not;
        }
        fits |= command.headers.contains(&key);
        let detail = match (command.name, key) {
            (b"CONNECTED", b"version") => Some("version"),
            (b"CONNECTED", b"server") => Some("server"),
            (b"CONNECT" | b"STOMP", b"accept-version") => Some("accept_version"),
            (b"CONNECT" | b"STOMP", b"host") => Some("host"),
            (_, b"destination") => Some("destination"),
            _ => None,
        };
        if let Some(detail) = detail {
            claim = claim.with(detail, text(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Side;

    /// The client of a yes, else the answer.
    fn check(a: &[u8], b: &[u8], expect: Result<Option<Side>, Answer>) {
        let found = match Stomp.ask(&View::of(a, b)) {
            Answer::Yes(claim) => Ok(claim.client),
            other => Err(other),
        };
        assert_eq!(found, expect, "{a:?} {b:?}");
    }

    const CONNECT: &[u8] = b"CONNECT\naccept-version:1.2\nlogin:me\npasscode:hush\n\n\0";
    const CONNECTED: &[u8] = b"CONNECTED\r\nversion:1.2\r\n\r\n\0";

    #[test]
    fn one_frame_is_enough() {
        check(CONNECT, b"", Ok(Some(Side::A)));
        check(CONNECTED, b"", Ok(Some(Side::B)));
        check(CONNECT, CONNECTED, Ok(Some(Side::A)));
        check(b"\n\nSEND\ndestination:/queue/a\n\nx\0", b"", Ok(Some(Side::A)));
    }

    #[test]
    fn a_passcode_is_never_told() {
        let Answer::Yes(claim) = Stomp.ask(&View::of(CONNECT, b"")) else { panic!("no claim") };
        assert!(!format!("{claim:?}").contains("hush"));
    }

    #[test]
    fn a_frame_cut_short_says_more() {
        for end in 0..CONNECT.len() - 1 {
            check(&CONNECT[..end], b"", Err(Answer::More));
        }
    }

    #[test]
    fn others_are_not_stomp() {
        check(b"CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n", b"", Err(Answer::No));
        check(b"CONNECT {\"verbose\":false}\r\n", b"", Err(Answer::No));
        check(b"SEND\nfoo:bar\n\n\0", b"", Err(Answer::No));
        check(CONNECT, b"HTTP/1.1 400 Bad Request\r\n\r\n", Err(Answer::No));
        check(b"MESSAGE sip:a@b SIP/2.0\r\n", b"", Err(Answer::No));
    }
}
