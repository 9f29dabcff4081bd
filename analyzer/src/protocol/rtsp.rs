//! RTSP over TCP.
//!
//! Source: RFC 2326 sections 6 and 7, RFC 7826 section 5.
//! Recognised: a request line with an `rtsp` URI or `*` and the version, or a status line.
//! Left out: interleaved media met midstream.

use crate::flow::opening::{Heard, View};
use crate::net::Transport;
use crate::protocol::dialogue::{is_text, lines};
use crate::protocol::probe::{Answer, Claim, Probe};
use crate::protocol::sides::{Look, begins, either};

/// The registry's entry.
#[derive(Debug)]
pub struct Rtsp;

impl Probe for Rtsp {
    fn name(&self) -> &'static str {
        "rtsp"
    }

    fn title(&self) -> &'static str {
        "The Real Time Streaming Protocol, by which cameras and players are steered."
    }

    fn proof(&self) -> &'static str {
        "A request line of an RTSP method that ends with RTSP/1.0 or RTSP/2.0, or a status line that starts with it. Media interleaved on the connection are left out."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        match either(view, client, server) {
            Ok(side) => Answer::Yes(Claim::by(side)),
            Err(Look::More) => Answer::More,
            Err(_) => Answer::No,
        }
    }
}

const METHODS: [&[u8]; 10] = [
    b"OPTIONS ",
    b"DESCRIBE ",
    b"SETUP ",
    b"PLAY ",
    b"PAUSE ",
    b"TEARDOWN ",
    b"ANNOUNCE ",
    b"RECORD ",
    b"GET_PARAMETER ",
    b"SET_PARAMETER ",
];

fn client(heard: &Heard<'_>) -> Look {
    let bytes = heard.bytes;
    let Some(method) = METHODS.iter().find(|method| begins(bytes, method) != Look::Not) else {
        return Look::Not;
    };
    let target = bytes.get(method.len()..).unwrap_or_default();
    if [b"rtsp".as_slice(), b"* RTSP/"].iter().all(|known| begins(target, known) == Look::Not) {
        return Look::Not;
    }
    match lines(bytes).next() {
        Some((line, _))
            if is_text(line) && (line.ends_with(b" RTSP/1.0") || line.ends_with(b" RTSP/2.0")) =>
        {
            Look::Proves
        }
        Some(_) => Look::Not,
        None => Look::More,
    }
}

fn server(heard: &Heard<'_>) -> Look {
    match begins(heard.bytes, b"RTSP/1.0 ") {
        Look::Not => begins(heard.bytes, b"RTSP/2.0 "),
        look => look,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Side;

    #[track_caller]
    fn check(view: &View<'_>, expect: &str) {
        let found = match Rtsp.ask(view) {
            Answer::Yes(claim) if claim.client == Some(Side::A) => "a",
            Answer::Yes(claim) if claim.client == Some(Side::B) => "b",
            Answer::Yes(_) => "yes",
            Answer::No => "no",
            Answer::More => "more",
        };
        assert_eq!(found, expect);
    }

    #[test]
    fn either_side_proves_it() {
        check(&View::of(b"OPTIONS rtsp://camera/1 RTSP/1.0\r\n", b""), "a");
        check(&View::of(b"RTSP/1.0 200 OK\r\n", b""), "b");
        check(&View::of(b"DESCRIBE rtsp://cam", b""), "more");
    }

    #[test]
    fn others_are_not() {
        check(&View::of(b"OPTIONS * HTTP/1.1\r\n", b""), "no");
        check(&View::of(b"OPTIONS sip:a@b SIP/2.0\r\n", b""), "no");
        check(&View::of(b"OPTIONS rtsp://camera/1 HTTP/1.1\r\n", b""), "no");
        check(&View::of(b"OPTIONS rtsp://camera/1 RTSP/1.0\r\n", b"HTTP/1.1 400\r\n"), "no");
    }
}
