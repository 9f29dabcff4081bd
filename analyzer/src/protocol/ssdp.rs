//! SSDP over UDP: the discovery of UPnP.
//!
//! Source: UPnP Device Architecture 1.1 section 1.
//! Recognised: a search, an announcement with `NTS: ssdp:`, an answer with `ST:` and `USN:`.
//! Left out: datagrams that name no service.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::dialogue::lines;
use crate::protocol::probe::{Answer, Claim, Probe};
use crate::protocol::sides::{Look, begins};

/// The registry's entry.
#[derive(Debug)]
pub struct Ssdp;

impl Probe for Ssdp {
    fn name(&self) -> &'static str {
        "ssdp"
    }

    fn title(&self) -> &'static str {
        "The Simple Service Discovery Protocol of UPnP."
    }

    fn proof(&self) -> &'static str {
        "Over UDP, a line M-SEARCH * HTTP/1.1, a NOTIFY with NTS: ssdp, or an HTTP answer with the headers ST and USN. Other datagrams in the form of HTTP prove nothing."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Udp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let looks = Side::BOTH.map(|side| look(&view.sides[side]));
        let client = match looks {
            [(Look::Not, _), _] | [_, (Look::Not, _)] => return Answer::No,
            [(Look::Proves, asks), _] => asks.map(|asks| if asks { Side::A } else { Side::B }),
            [_, (Look::Proves, asks)] => asks.map(|asks| if asks { Side::B } else { Side::A }),
            _ => return Answer::More,
        };
        Answer::Yes(Claim { client, ..Claim::default() })
    }
}

/// What a side's first datagram is, and whether it asks; an announcement does neither.
fn look(heard: &Heard<'_>) -> (Look, Option<bool>) {
    let Some(datagram) = heard.datagrams().next() else {
        return (if heard.bytes.is_empty() { Look::More } else { Look::Not }, None);
    };
    let has = |name: &[u8]| {
        lines(datagram).any(|(line, _)| {
            line.split_at_checked(name.len()).is_some_and(|(head, _)| head.eq_ignore_ascii_case(name))
        })
    };
    if begins(datagram, b"M-SEARCH * HTTP/1.") == Look::Proves {
        return (Look::Proves, Some(true));
    }
    let announces = begins(datagram, b"NOTIFY * HTTP/1.") == Look::Proves;
    if announces && datagram.windows(5).any(|part| part == b"ssdp:") && has(b"NTS:") {
        return (Look::Proves, None);
    }
    if begins(datagram, b"HTTP/1.1 200 ") == Look::Proves && has(b"ST:") && has(b"USN:") {
        return (Look::Proves, Some(false));
    }
    (Look::Not, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(view: &View<'_>, expect: &str) {
        let found = match Ssdp.ask(view) {
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
        check(&View::of_udp(b"M-SEARCH * HTTP/1.1\r\n", b""), "a");
        check(&View::of_udp(b"HTTP/1.1 200 OK\r\nST: x\r\nUSN: y\r\n\r\n", b""), "b");
        check(&View::of_udp(b"NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\n\r\n", b""), "yes");
    }

    #[test]
    fn others_are_not() {
        check(&View::of_udp(b"HTTP/1.1 200 OK\r\n\r\n", b""), "no");
        check(&View::of_udp(b"NOTIFY sip:a@b SIP/2.0\r\n", b""), "no");
        check(&View::of_udp(b"M-SEARCH", b""), "no");
    }
}
