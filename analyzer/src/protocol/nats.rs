//! NATS over TCP.
//!
//! Source: the client protocol as nats.io documents it (INFO, CONNECT).
//! Recognised: the server's `INFO {` with a server id, the client's `CONNECT {`.
//! Left out: connections met midstream; TLS behind the server's INFO.

use crate::flow::opening::{Heard, View};
use crate::net::Transport;
use crate::protocol::probe::{Answer, Claim, Probe};
use crate::protocol::sides::{Look, begins, either};

/// The registry's entry.
#[derive(Debug)]
pub struct Nats;

impl Probe for Nats {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn title(&self) -> &'static str {
        "NATS, a message broker with a protocol of lines."
    }

    fn proof(&self) -> &'static str {
        "The first line of a server, INFO with a JSON object that names a server id, or of a client, CONNECT with a JSON object. Connections met midstream are left out."
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

fn client(heard: &Heard<'_>) -> Look {
    begins(heard.bytes, b"CONNECT {\"")
}

fn server(heard: &Heard<'_>) -> Look {
    match begins(heard.bytes, b"INFO {\"") {
        Look::Proves => {
            let wanted = b"\"server_id\"";
            let (line, whole) = match heard.bytes.iter().position(|&byte| byte == b'\n') {
                Some(end) => (heard.bytes.get(..end).unwrap_or_default(), true),
                None => (heard.bytes, false),
            };
            match line.windows(wanted.len()).any(|part| part == wanted) {
                true => Look::Proves,
                false if whole => Look::Not,
                false => Look::More,
            }
        }
        look => look,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Side;

    #[track_caller]
    fn check(view: &View<'_>, expect: &str) {
        let found = match Nats.ask(view) {
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
        check(&View::of(b"INFO {\"server_id\":\"x\"}\r\n", b""), "b");
        check(&View::of(b"CONNECT {\"verbose\":false}\r\n", b""), "a");
        check(&View::of(b"INFO {\"vers", b""), "more");
    }

    #[test]
    fn others_are_not() {
        check(&View::of(b"CONNECT example.com:443 HTTP/1.1\r\n", b""), "no");
        check(&View::of(b"INFO sip:a@b SIP/2.0\r\n", b""), "no");
        check(&View::of(b"INFO\r\n", b"$3\r\nabc\r\n"), "no");
        check(&View::of(b"CONNECT {\"a\":1}\r\n", b"HTTP/1.1 400\r\n"), "no");
    }
}
