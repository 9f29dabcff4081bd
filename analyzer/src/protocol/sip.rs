//! SIP over UDP and TCP.
//!
//! Source: RFC 3261 sections 7.1, 7.2 and 25.1.
//! Recognised: a whole request line with a known method, a URI and `SIP/2.0`, or a whole status line.
//! Left out: keep-alives, which are line ends, NULs or datagrams too short for a message; a message met in its middle.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::dialogue::{is_text, lines};
use crate::protocol::probe::{Answer, Claim, Probe, text};
use crate::protocol::sides::{Look, begins};

/// The registry's entry.
#[derive(Debug)]
pub struct Sip;

impl Probe for Sip {
    fn name(&self) -> &'static str {
        "sip"
    }

    fn title(&self) -> &'static str {
        "The Session Initiation Protocol, by which calls are set up."
    }

    fn proof(&self) -> &'static str {
        "A request line of a SIP method, a URI and SIP/2.0, or a status line that starts with SIP/2.0. \
         Keep-alives alone prove nothing."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp, Transport::Udp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let view = &behind_short_datagrams(view);
        let looks = view.ways().map(|(side, heard, _)| (side, look(&heard)));
        if looks.iter().all(|(_, (look, _))| *look == Look::Not) {
            return Answer::No;
        }
        for (side, (look, kind)) in looks {
            if look == Look::Proves {
                let [asked, other] =
                    if kind == Kind::Request { [side, side.other()] } else { [side.other(), side] };
                let excluded = looks.iter().any(|(_, (look, _))| *look == Look::Not);
                let claim = describe(Claim::by(asked), &view.sides[asked], &view.sides[other]);
                return if excluded { Answer::No } else { Answer::Yes(claim) };
            }
        }
        if looks.iter().any(|(_, (look, _))| *look == Look::Not) { Answer::No } else { Answer::More }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Request,
    Response,
    Unknown,
}

const METHODS: [&[u8]; 14] = [
    b"INVITE ",
    b"ACK ",
    b"BYE ",
    b"CANCEL ",
    b"REGISTER ",
    b"OPTIONS ",
    b"PRACK ",
    b"SUBSCRIBE ",
    b"NOTIFY ",
    b"PUBLISH ",
    b"INFO ",
    b"REFER ",
    b"MESSAGE ",
    b"UPDATE ",
];

/// No SIP message is shorter: `BYE tel:1 SIP/2.0` and its line end are longer. Datagrams that are keep a NAT's binding open.
const MESSAGE_BYTES: usize = 12;

/// The same from each side's first datagram on that is long enough for a message, or the last that is not.
fn behind_short_datagrams<'a>(view: &View<'a>) -> View<'a> {
    let mut view = *view;
    if view.transport == Transport::Udp {
        for side in Side::BOTH {
            let heard = &mut view.sides[side];
            let short: usize = heard
                .datagrams()
                .take_while(|datagram| datagram.len() < MESSAGE_BYTES)
                .map(<[u8]>::len)
                .sum();
            heard.bytes = heard.bytes.get(short..).unwrap_or_default();
        }
    }
    view
}

/// The bytes behind line ends and NULs that keep a NAT's binding open.
fn behind_keepalives(bytes: &[u8]) -> &[u8] {
    let at = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n' | 0)).unwrap_or(bytes.len());
    bytes.get(at..).unwrap_or_default()
}

fn look(heard: &Heard<'_>) -> (Look, Kind) {
    let bytes = behind_keepalives(heard.bytes);
    if bytes.is_empty() {
        return (Look::More, Kind::Unknown);
    }
    match begins(bytes, b"SIP/2.0 ") {
        Look::Proves | Look::Fits => return (status(bytes), Kind::Response),
        Look::More => return (Look::More, Kind::Unknown),
        Look::Not => {}
    }
    let Some(method) = METHODS.iter().find(|method| begins(bytes, method) != Look::Not) else {
        return (Look::Not, Kind::Unknown);
    };
    (request(bytes, method.len()), Kind::Request)
}

fn status(bytes: &[u8]) -> Look {
    let mut cursor = Cursor::new(bytes);
    cursor.take(8);
    match cursor.rest() {
        [b'1'..=b'6', b'0'..=b'9', b'0'..=b'9', b' ' | b'\r' | b'\n', ..] => Look::Proves,
        rest if rest.len() < 4 => Look::More,
        _ => Look::Not,
    }
}

fn request(bytes: &[u8], method: usize) -> Look {
    let uri = bytes.get(method..).unwrap_or_default();
    let schemes: [&[u8]; 5] = [b"sip:", b"sips:", b"tel:", b"urn:", b"im:"];
    let scheme = schemes
        .iter()
        .any(|scheme| uri.iter().zip(*scheme).all(|(have, want)| have.to_ascii_lowercase() == *want));
    if !scheme {
        return Look::Not;
    }
    match lines(bytes).next() {
        Some((line, _)) if line.ends_with(b" SIP/2.0") && is_text(line) => Look::Proves,
        Some(_) => Look::Not,
        None if is_text(bytes.strip_suffix(b"\r").unwrap_or(bytes)) => Look::More,
        None => Look::Not,
    }
}

fn describe(mut claim: Claim, asks: &Heard<'_>, answers: &Heard<'_>) -> Claim {
    let mut heads = lines(behind_keepalives(asks.bytes));
    if let Some((line, _)) = heads.next()
        && let Some(method) = line.split(|&byte| byte == b' ').next()
    {
        claim = claim.with("method", text(method));
    }
    let agent = heads.map(|(line, _)| line).take_while(|line| !line.is_empty()).find_map(|line| {
        let (name, value) = line.split_at_checked(11)?;
        name.eq_ignore_ascii_case(b"User-Agent:").then(|| value.trim_ascii())
    });
    if let Some(agent) = agent {
        claim = claim.with("user_agent", text(agent));
    }
    let status = behind_keepalives(answers.bytes).strip_prefix(b"SIP/2.0 ").and_then(|rest| rest.get(..3));
    if let Some(&[a, b, c]) = status.filter(|code| code.iter().all(u8::is_ascii_digit)) {
        let code = [a, b, c].iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        claim = claim.with("status", code);
    }
    claim
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::opening::{Opening, Said};
    use crate::net::Pair;

    #[track_caller]
    fn check(a: &[u8], b: &[u8], expect: &str) {
        for view in [View::of(a, b), View::of_udp(a, b)] {
            let found = match Sip.ask(&view) {
                Answer::Yes(claim) if claim.client == Some(Side::A) => "a",
                Answer::Yes(_) => "b",
                Answer::No => "no",
                Answer::More => "more",
            };
            assert_eq!(found, expect);
        }
    }

    #[test]
    fn either_side_proves_it() {
        check(b"REGISTER sip:example.com SIP/2.0\r\n", b"", "a");
        check(b"SIP/2.0 200 OK\r\n", b"", "b");
        check(b"\r\n\r\nOPTIONS sip:a@b SIP/2.0\r\n", b"SIP/2.0 200 OK\r\n", "a");
    }

    #[test]
    fn what_is_cut_short_is_undecided() {
        check(b"INVITE sip:bob@exa", b"", "more");
        check(b"SIP/2", b"", "more");
        check(b"\r\n\r\n", b"", "more");
    }

    #[test]
    fn short_datagrams_before_it_do_not_hide_it() {
        let said = |datagrams: &[&[u8]]| Said {
            bytes: datagrams.concat(),
            ends: datagrams
                .iter()
                .scan(0, |end, datagram| {
                    *end += datagram.len() as u32;
                    Some(*end)
                })
                .collect(),
            ..Said::default()
        };
        let sides = Pair([said(&[b"hello", b"hello"]), said(&[b"hello", b"REGISTER sip:x SIP/2.0\r\n"])]);
        let opening = Opening { transport: Transport::Udp, sides, first: Some(Side::A) };
        assert!(matches!(Sip.ask(&opening.view()), Answer::Yes(claim) if claim.client == Some(Side::B)));
    }

    #[test]
    fn others_are_not() {
        check(b"OPTIONS rtsp://x RTSP/1.0\r\n", b"", "no");
        check(b"OPTIONS * HTTP/1.1\r\n", b"", "no");
        check(b"NOTIFY * HTTP/1.1\r\n", b"", "no");
        check(b"INFO {\"server_id\":\"x\"}\r\n", b"", "no");
        check(b"INFO replication\r\n", b"", "no");
        check(b"OPTIONS sip:a@b SIP/2.0\r\n", b"HTTP/1.1 400 Bad Request\r\n", "no");
        check(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00", b"", "no");
    }
}
