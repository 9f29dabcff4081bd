//! Remote Desktop Protocol, over TCP.
//!
//! Source: MS-RDPBCGR 2.2.1.1 (connection request), 2.2.1.2 (connection confirm); RFC 1006 (TPKT); X.224.
//! Recognised: the first packet of either side, with a cookie or a negotiation that only RDP has.
//! Left out: a bare X.224 request, which S7 and H.323 say too; RDP over UDP; what comes later.

use crate::flow::opening::{Heard, View};
use crate::net::{Pair, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Inner, InnerKind, Probe, TlsHow, text};

/// The registry's entry.
#[derive(Debug)]
pub struct Rdp;

/// Bytes of TPKT and X.224 heads.
const HEADS: usize = 11;

/// A connection packet's length is one byte and five more.
const PACKET_MAX: usize = 260;

impl Probe for Rdp {
    fn name(&self) -> &'static str {
        "rdp"
    }

    fn title(&self) -> &'static str {
        "Microsoft's Remote Desktop Protocol."
    }

    fn proof(&self) -> &'static str {
        "An X.224 connection request with RDP's cookie or negotiation, or a confirm with its answer, all lengths in \
         agreement. A bare X.224 packet proves nothing: other protocols start so."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut pending = false;
        for (side, client, server) in view.ways() {
            let asked = packet(&client, 0xe0);
            let told = packet(&server, 0xd0);
            if matches!(asked, Read::Not) && !client.bytes.is_empty() && client.is_first() {
                continue;
            }
            if matches!(told, Read::Not) && !server.bytes.is_empty() && server.is_first() {
                continue;
            }
            let request = match &asked {
                Read::Sure(body, _) => request(body),
                _ => None,
            };
            let confirm = match &told {
                Read::Sure(body, _) => confirm(body),
                _ => None,
            };
            if request.is_none() && confirm.is_none() {
                pending |= matches!(asked, Read::Short) || matches!(told, Read::Short);
                continue;
            }
            let mut claim = Claim::by(side);
            claim.unfinished = confirm.is_none() && server.is_open();
            if let Some(Some(cookie)) = request {
                claim = claim.with("cookie", text(cookie));
            }
            if let Some(chosen) = confirm {
                let mut skip = Pair([0, 0]);
                if let Read::Sure(_, length) = asked {
                    skip[side] = length;
                }
                if let Read::Sure(_, length) = told {
                    skip[side.other()] = length;
                }
                claim = claim.with("security", chosen.unwrap_or("refused"));
                if chosen.is_some_and(|chosen| chosen != "rdp") {
                    claim.inner = Some(Inner { skip, what: InnerKind::Tls(TlsHow::SslRequest) });
                }
            }
            return Answer::Yes(claim);
        }
        if pending { Answer::More } else { Answer::No }
    }
}

enum Read<'a> {
    /// What follows the heads, and the whole packet's length.
    Sure(&'a [u8], usize),
    Short,
    Not,
}

/// The connection packet of this X.224 type at byte 0.
fn packet<'a>(heard: &Heard<'a>, kind: u8) -> Read<'a> {
    match *heard.bytes {
        [] => return Read::Short,
        [3] | [3, 0] | [3, 0, 0] => return Read::Short,
        [3, 0, 0, ..] => {}
        _ => return Read::Not,
    }
    let mut cursor = Cursor::new(heard.bytes);
    cursor.be16();
    let Some(length) = cursor.be16().map(usize::from) else { return Read::Short };
    if !(HEADS..=PACKET_MAX).contains(&length) {
        return Read::Not;
    }
    let Some([indicator, code, d, e, _, _, class]) = cursor.array::<7>() else { return Read::Short };
    // The destination of a request is zero; a server may confirm one of its own.
    let destination = kind == 0xd0 || (d == 0 && e == 0);
    if usize::from(indicator) + 5 != length || code != kind || !destination || class != 0 {
        return Read::Not;
    }
    match cursor.take(length - HEADS) {
        Some(body) => Read::Sure(body, length),
        None => Read::Short,
    }
}

/// A cookie or token, or none, and a negotiation; `None` where neither is there.
fn request(body: &[u8]) -> Option<Option<&[u8]>> {
    let mut cursor = Cursor::new(body);
    let mut cookie = None;
    if let Some(name) = body.strip_prefix(b"Cookie: mstshash=") {
        cookie = Some(Cursor::new(name).line()?);
        cursor.line();
    } else if body.starts_with(b"Cookie: msts=") || body.starts_with(b"tsv://") {
        cookie = Some(cursor.line()?);
    }
    match *cursor.rest() {
        [] => cookie.map(Some),
        [1, _, 8, 0, low, 0, 0, 0, ..] if low & !0x1f == 0 => Some(cookie),
        _ => None,
    }
}

/// The security that the server chose, or nothing where it refused.
fn confirm(body: &[u8]) -> Option<Option<&'static str>> {
    match *body {
        [2, _, 8, 0, chosen, 0, 0, 0] => match chosen {
            0 => Some(Some("rdp")),
            1 => Some(Some("tls")),
            2 => Some(Some("credssp")),
            4 => Some(Some("rdstls")),
            8 => Some(Some("credssp-ex")),
            16 => Some(Some("aad")),
            _ => None,
        },
        [3, _, 8, 0, 1..=6, 0, 0, 0] => Some(None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Side;
    use crate::protocol::probe::Detail;

    /// `None` is no, `Some(None)` more, `Some(Some(..))` yes with these details among others.
    fn check(view: View<'_>, expect: Option<Option<&[(&'static str, &str)]>>) {
        match (Rdp.ask(&view), expect) {
            (Answer::No, None) | (Answer::More, Some(None)) => {}
            (Answer::Yes(claim), Some(Some(details))) => {
                assert_eq!(claim.client, Some(Side::A));
                for &(name, value) in details {
                    assert_eq!(claim.details.get(name), Some(&Detail::from(value)), "{name}");
                }
            }
            (answer, expect) => panic!("{answer:?} is not {expect:?}"),
        }
    }

    const ASK: &[u8] = b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0";
    const TELL: &[u8] = b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\0\x08\0\x01\0\0\0";
    const COOKIE: &[u8] = b"\x03\0\0\x21\x1c\xe0\0\0\0\0\0Cookie: mstshash=bob\r\n";

    #[test]
    fn a_negotiation_or_a_cookie_proves_it() {
        check(View::of(ASK, b""), Some(Some(&[])));
        check(View::of(COOKIE, b""), Some(Some(&[("cookie", "bob")])));
        check(View::of(b"", TELL), Some(Some(&[("security", "tls")])));
    }

    #[test]
    fn tls_starts_behind_the_confirm() {
        let Answer::Yes(claim) = Rdp.ask(&View::of(ASK, TELL)) else { panic!("no yes") };
        assert_eq!(claim.inner.map(|inner| inner.skip), Some(Pair([19, 19])));
    }

    #[test]
    fn a_bare_request_is_somebody_elses() {
        check(View::of(b"\x03\0\0\x0b\x06\xe0\0\0\0\x01\0", b""), Some(None));
        check(
            View::of(
                b"\x03\0\0\x16\x11\xe0\0\0\0\x01\0\xc1\x02\x01\0\xc2\x02\x01\x02\xc0\x01\x0a",
                b"\x03\0\0\x01",
            ),
            None,
        );
        check(View::of(&ASK[..9], b""), Some(None));
        check(View::of(b"GET / HTTP/1.1\r\n\r\n", b""), None);
    }
}
