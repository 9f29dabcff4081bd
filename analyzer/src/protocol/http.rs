//! HTTP/1.0 and 1.1, over TCP.
//!
//! Source: RFC 9112 sections 3 (request line), 4 (status line); RFC 9110 section 9.3.6 (CONNECT), 7.8 (Upgrade).
//! Recognised: a request line or a status line. Left out: bodies whose head was not seen.

use crate::flow::opening::{End, Heard, View};
use crate::net::{Pair, Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Inner, InnerKind, Probe, text};

/// The registry's entry.
#[derive(Debug)]
pub struct Http;

/// The longest method in use (`VERSION-CONTROL`, `BASELINE-CONTROL`), with room.
const METHOD_MAX: usize = 20;

impl Probe for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn title(&self) -> &'static str {
        "The Hypertext Transfer Protocol, versions 1.0 and 1.1, in plain text."
    }

    fn proof(&self) -> &'static str {
        "A request line that ends in HTTP/1.0 or HTTP/1.1, or a status line that begins so. A request line cut \
         short counts with a common method and a path, one of HTTP/0.9 where markup answers it. Bodies alone prove \
         nothing."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut pending = false;
        for (side, client, server) in view.ways() {
            let begins = server.is_first() && view.first == Some(side.other());
            match request(&client) {
                Line::Sure(line) if !(begins && status(&server).is_not()) => {
                    return Answer::Yes(asked(side, &line, &client, &server));
                }
                Line::Simple(line) if server.bytes.starts_with(b"<") && !begins => {
                    return Answer::Yes(asked(side, &line, &client, &server).with("version", "0.9"));
                }
                Line::Simple(_) => pending |= server.bytes.is_empty(),
                Line::Short => pending |= server.bytes.is_empty() || !status(&server).is_not(),
                _ => {}
            }
        }
        for (side, client, server) in view.ways() {
            let silent = client.bytes.is_empty() || !client.is_first() || is_botched(client.bytes);
            match status(&server) {
                Line::Sure(line) if silent => return Answer::Yes(told(Claim::by(side), &line, &server)),
                Line::Short => pending |= silent,
                _ => {}
            }
        }
        if pending { Answer::More } else { Answer::No }
    }
}

/// What a first line may be.
enum Line<T> {
    Sure(T),
    /// A request of HTTP/0.9: Redis and others say the like, so its answer must agree.
    Simple(T),
    Short,
    Not,
}

impl<T> Line<T> {
    const fn is_not(&self) -> bool {
        matches!(self, Self::Not)
    }
}

struct Request<'a> {
    method: &'a [u8],
    target: &'a [u8],
    /// The line was there to its end.
    whole: bool,
}

fn request<'a>(heard: &Heard<'a>) -> Line<Request<'a>> {
    let bytes = heard.bytes;
    let method = bytes.iter().take(METHOD_MAX + 1).position(|byte| !is_method_byte(*byte));
    let Some(length) = method else {
        return if bytes.len() <= METHOD_MAX { Line::Short } else { Line::Not };
    };
    let Some((method, rest)) = bytes.split_at_checked(length) else { return Line::Not };
    let Some((b' ', rest)) = rest.split_first() else { return Line::Not };
    if method.len() < 3 {
        return Line::Not;
    }
    if let Some(line) = Cursor::new(rest).line() {
        if method == b"GET" && matches!(*line, [b'/', ..]) && !line.contains(&b' ') && is_printable(line) {
            return Line::Simple(Request { method, target: line, whole: true });
        }
        let Some(at) = line.iter().rposition(|&byte| byte == b' ') else { return Line::Not };
        let (Some(target), Some(version)) = (line.get(..at), line.get(at + 1..)) else { return Line::Not };
        let target = target.trim_ascii();
        return if matches!(version, b"HTTP/1.0" | b"HTTP/1.1") && !target.is_empty() && is_printable(target) {
            Line::Sure(Request { method, target, whole: true })
        } else {
            Line::Not
        };
    }
    let common = matches!(
        method,
        b"GET" | b"HEAD" | b"POST" | b"PUT" | b"DELETE" | b"PATCH" | b"OPTIONS" | b"CONNECT"
    );
    if !is_printable(rest.strip_suffix(b"\r").unwrap_or(rest)) {
        return Line::Not;
    }
    let path = matches!(rest, [b'/', _, ..]) || rest.starts_with(b"http://") || rest.starts_with(b"https://");
    match heard.end {
        End::Open => Line::Short,
        // A long query fills an opening; a line that just ended early does not count.
        End::Full | End::Cut | End::Gap if common && path => {
            let target = rest.split(|&byte| byte == b' ').next().unwrap_or_default();
            Line::Sure(Request { method, target, whole: false })
        }
        _ => Line::Not,
    }
}

/// Text that names HTTP or a host and is no request: servers answer it with an error.
fn is_botched(bytes: &[u8]) -> bool {
    let mut cursor = Cursor::new(bytes);
    let (Some(first), second) = (cursor.line(), cursor.line()) else { return false };
    !first.starts_with(b"HTTP/")
        && is_printable(first)
        && (first.windows(7).any(|part| part == b"HTTP/1.")
            || second.is_some_and(|line| line.starts_with(b"Host:")))
}

const fn is_method_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_')
}

/// No control bytes; bytes above ASCII are met in the wild.
fn is_printable(target: &[u8]) -> bool {
    target.iter().all(|&byte| byte >= b' ' && byte != 0x7f)
}

/// The status of a response.
fn status(heard: &Heard<'_>) -> Line<u64> {
    const START: &[u8] = b"HTTP/1.";
    let mut cursor = Cursor::new(heard.bytes);
    let Some(start) = cursor.take(START.len()) else {
        return if START.starts_with(heard.bytes) { Line::Short } else { Line::Not };
    };
    if start != START {
        return Line::Not;
    }
    let Some([minor, space, a, b, c]) = cursor.array::<5>() else { return Line::Short };
    let digits = [a, b, c];
    if !matches!(minor, b'0' | b'1') || space != b' ' || !digits.iter().all(u8::is_ascii_digit) {
        return Line::Not;
    }
    if !matches!(cursor.u8(), None | Some(b' ' | b'\r' | b'\n')) {
        return Line::Not;
    }
    Line::Sure(digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// The fields of a head, and how long it is where its end was seen.
struct Head<'a> {
    fields: Vec<(&'a [u8], &'a [u8])>,
    length: Option<usize>,
}

fn head(bytes: &[u8]) -> Head<'_> {
    let mut cursor = Cursor::new(bytes);
    let mut head = Head { fields: Vec::new(), length: None };
    cursor.line();
    while let Some(line) = cursor.line() {
        if line.is_empty() {
            head.length = Some(bytes.len() - cursor.left());
            break;
        }
        if let Some(colon) = line.iter().position(|&byte| byte == b':')
            && let (Some(name), Some(value)) = (line.get(..colon), line.get(colon + 1..))
        {
            head.fields.push((name, value.trim_ascii()));
        }
    }
    head
}

impl<'a> Head<'a> {
    fn value(&self, name: &str) -> Option<&'a [u8]> {
        self.fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes())).map(|&(_, value)| value)
    }
}

/// What a request, and the answer to it, say.
fn asked(client: Side, line: &Request<'_>, said: &Heard<'_>, answer: &Heard<'_>) -> Claim {
    let mut claim = Claim::by(client).with("method", text(line.method));
    let head = head(said.bytes);
    let host = head.value("host").unwrap_or_else(|| authority(line.target));
    if !host.is_empty() {
        claim = claim.with("host", text(host));
    }
    if line.method == b"CONNECT" {
        claim = claim.with("target", text(line.target));
    } else {
        // A query may hold secrets: the path alone is kept.
        let path = line.target.split(|&byte| byte == b'?').next().unwrap_or_default();
        claim = claim.with("path", text(path));
    }
    if !authority(line.target).is_empty() {
        claim = claim.with("proxied", true);
    }
    if let Some(agent) = head.value("user-agent") {
        claim = claim.with("user_agent", text(agent));
    }
    let whole = head.length.is_some() || !line.whole;
    let status = match status(answer) {
        Line::Sure(status) => Some(status),
        _ => None,
    };
    if line.method == b"CONNECT" {
        let response = head_length(answer);
        let agreed = status.map_or(answer.bytes.is_empty(), |status| (200..300).contains(&status));
        if let (Some(length), true) = (head.length, agreed) {
            let mut skip = Pair([0, 0]);
            skip[client] = length;
            skip[client.other()] = response.unwrap_or(answer.bytes.len());
            claim.inner = Some(Inner { skip, what: InnerKind::Any });
        }
    }
    let unfinished = (!whole && said.is_open()) || (status.is_none() && answer.is_open());
    if let Some(status) = status {
        claim = told(claim, &status, answer);
    } else if let Some(upgrade) = head.value("upgrade") {
        claim = claim.with("upgrade_asked", text(upgrade).to_ascii_lowercase());
    }
    claim.unfinished |= unfinished;
    claim
}

/// The host of an absolute target.
fn authority(target: &[u8]) -> &[u8] {
    let rest =
        target.strip_prefix(b"http://").or_else(|| target.strip_prefix(b"https://")).unwrap_or_default();
    rest.split(|&byte| byte == b'/').next().unwrap_or_default()
}

fn head_length(heard: &Heard<'_>) -> Option<usize> {
    head(heard.bytes).length
}

/// What a response says.
fn told(mut claim: Claim, status: &u64, said: &Heard<'_>) -> Claim {
    let head = head(said.bytes);
    claim = claim.with("status", *status);
    claim.unfinished |= head.length.is_none() && said.is_open();
    if let Some(server) = head.value("server") {
        claim = claim.with("server", text(server));
    }
    if *status == 101
        && let Some(upgrade) = head.value("upgrade")
    {
        let upgrade = text(upgrade).to_ascii_lowercase();
        if upgrade == "h2c" {
            claim.names = Some("http2");
        }
        claim = claim.with("upgrade", upgrade);
    }
    claim
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::opening::Start;
    use crate::protocol::probe::Detail;

    /// `None` is no, `Some(None)` more, `Some(Some(..))` yes with these details among others.
    fn check(view: View<'_>, expect: Option<Option<&[(&'static str, &str)]>>) {
        match (Http.ask(&view), expect) {
            (Answer::No, None) | (Answer::More, Some(None)) => {}
            (Answer::Yes(claim), Some(Some(details))) => {
                for &(name, value) in details {
                    assert_eq!(claim.details.get(name), Some(&Detail::from(value)), "{name}");
                }
            }
            (answer, expect) => panic!("{answer:?} is not {expect:?}"),
        }
    }

    const GET: &[u8] = b"GET /a?key=1 HTTP/1.1\r\nHost: h\r\n\r\n";

    #[test]
    fn a_request_names_host_and_path_without_its_query() {
        check(View::of(GET, b""), Some(Some(&[("method", "GET"), ("host", "h"), ("path", "/a")])));
        check(View::of(GET, b"").started(Start::Midstream), Some(Some(&[])));
    }

    #[test]
    fn a_response_alone_suffices() {
        check(View::of(b"", b"HTTP/1.1 200 OK\r\nServer: s\r\n\r\n"), Some(Some(&[("server", "s")])));
        check(View::of(b"", b"HTTP/1.1 20"), Some(None));
        check(View::of(b"", b"HTTP/1.1 2x0 OK\r\n"), None);
    }

    #[test]
    fn a_response_to_something_else_is_no_http() {
        check(View::of(b"\x16\x03\x01\0\x05\x01", b"HTTP/1.1 400 Bad Request\r\n\r\n"), None);
    }

    #[test]
    fn a_server_that_greets_first_is_no_http_server() {
        let mut view = View::of(GET, b"220 mail ESMTP\r\n");
        view.first = Some(Side::B);
        check(view, None);
    }

    #[test]
    fn a_line_cut_short_may_be_one() {
        check(View::of(b"GET /long", b""), Some(None));
        check(View::of(b"GET /long", b"").ended(End::Cut), Some(Some(&[("path", "/long")])));
        check(View::of(b"GET", b""), Some(None));
    }

    #[test]
    fn the_oldest_request_counts_where_markup_answers() {
        check(View::of(b"GET /a\r\n", b"<html>"), Some(Some(&[("version", "0.9")])));
        check(View::of(b"GET /a\r\n", b""), Some(None));
        check(View::of(b"GET /a\r\n", b"$-1\r\n"), None);
    }

    #[test]
    fn a_tunnel_starts_behind_both_heads() {
        let view = View::of(b"CONNECT h:443 HTTP/1.1\r\n\r\n\x16", b"HTTP/1.1 200 OK\r\n\r\n");
        let Answer::Yes(claim) = Http.ask(&view) else { panic!("no yes") };
        assert_eq!(claim.inner, Some(Inner { skip: Pair([26, 19]), what: InnerKind::Any }));
    }

    #[test]
    fn an_upgrade_is_told() {
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
        check(View::of(GET, answer), Some(Some(&[("upgrade", "websocket")])));
    }

    #[test]
    fn cousins_are_not_http() {
        check(View::of(b"OPTIONS sip:a@b SIP/2.0\r\n\r\n", b""), None);
        check(View::of(b"OPTIONS * RTSP/1.0\r\n\r\n", b"RTSP/1.0 200 OK\r\n"), None);
        check(View::of(b"REQMOD icap://h/ ICAP/1.0\r\n\r\n", b""), None);
        check(View::of(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b""), None);
        check(View::of(b"GET key\r\n", b""), None);
        check(View::of(b"EHLO x\r\n", b""), None);
    }
}
