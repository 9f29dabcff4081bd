//! TLS 1.0 to 1.3, SSL 3.0 and the SSL 2.0 hello, over TCP.
//!
//! Source: RFC 8446 section 5.1 (records), 6 (alerts); RFC 5246 appendix E.2 (SSL 2.0 hello).
//! Recognised: a hello of either side, a plain alert, and, midstream, records that follow one another.
//! Left out: what is inside, save where ALPN names it.

use crate::flow::opening::{Heard, Start, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe, Tls as Facts, TlsHow};
use crate::protocol::tls_hello::{self, Hello, Kind, Read};

/// A record holds at most 2^14 bytes; encryption may add 2,048 (RFC 5246 section 6.2.3).
const RECORD_MAX: usize = 0x4800;

/// Fewest bytes of an encrypted record: a content byte and a tag of 16, or more with older suites.
const SEALED_MIN: usize = 17;

/// Handshake bytes gathered from records: those of a hello that fills an opening.
const HELLO_BYTES: usize = 4096;

/// The registry's entry.
#[derive(Debug)]
pub struct Tls;

impl Probe for Tls {
    fn name(&self) -> &'static str {
        "tls"
    }

    fn title(&self) -> &'static str {
        "Transport Layer Security 1.0 to 1.3, and SSL before it: an encrypted flow whose content is not seen."
    }

    fn proof(&self) -> &'static str {
        "A ClientHello or ServerHello whose lengths agree with its record, a plain alert that is the side's first \
         word, or, where the beginning was not seen, records that follow one another without a break. The protocol \
         inside is named only where ALPN shows the choice: by the server's answer, or by a single offer."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        if Side::BOTH.iter().any(|&side| is_consent(&view.sides[side])) {
            return Answer::No;
        }
        let looks = [look(&view.sides[Side::A]), look(&view.sides[Side::B])];
        let [a, b] = &looks;
        for (side, mine, other) in [(Side::A, a, b), (Side::B, b, a)] {
            match mine {
                Look::Hello(hello) if hello.kind == Kind::Client => {
                    return Answer::Yes(by_client(side, hello, other, view));
                }
                Look::Old { client: true, .. } => return Answer::Yes(by_old_client(side, other, view)),
                _ => {}
            }
        }
        for (side, mine, other) in [(Side::A, a, b), (Side::B, b, a)] {
            let client_lost = view.sides[side.other()].start == Start::Midstream;
            match mine {
                Look::Hello(hello) if *other != Look::Not || client_lost => {
                    return Answer::Yes(by_server(side.other(), hello));
                }
                Look::Old { client: false, .. } if *other != Look::Not || client_lost => {
                    return Answer::Yes(Claim {
                        tls: Some(facts(Some("ssl2"), None, Vec::new())),
                        ..Claim::by(side.other())
                    });
                }
                _ => {}
            }
        }
        if *a == Look::Not || *b == Look::Not {
            return Answer::No;
        }
        match (a, b) {
            (Look::Alert(_) | Look::Records, _)
            | (_, Look::Alert(_) | Look::Records)
            | (Look::OneRecord, Look::OneRecord) => {
                Answer::Yes(Claim { tls: Some(facts(None, None, Vec::new())), ..Claim::default() })
            }
            _ => Answer::More,
        }
    }
}

/// Whether a server agrees to TLS in one byte before it speaks TLS, as PostgreSQL's does: the flow is not TLS from
/// its first byte, even where the client's wish for it was not seen.
fn is_consent(heard: &Heard<'_>) -> bool {
    heard.is_first() && matches!(heard.bytes, [b'S', HANDSHAKE, 3, ..])
}

/// What the first bytes of one side look like.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Look {
    Empty,
    Not,
    /// Sound, and too short to tell.
    Short,
    Hello(Hello),
    /// An SSL 2.0 hello, which may ask for a later version.
    Old {
        client: bool,
    },
    /// A plain alert, by its number.
    Alert(u8),
    /// Records that follow one another, the beginning unseen.
    Records,
    /// The head of one record, the beginning unseen: too little alone.
    OneRecord,
}

/// The head of a record.
#[derive(Clone, Copy)]
struct Head {
    kind: u8,
    version: u8,
    length: usize,
}

const CHANGE_CIPHER: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

fn look(heard: &Heard<'_>) -> Look {
    match *heard.bytes {
        [] => Look::Empty,
        [CHANGE_CIPHER..=DATA] => Look::Short,
        [first, ..] if first & 0x80 != 0 => old_hello(heard),
        [CHANGE_CIPHER..=DATA, 3] | [CHANGE_CIPHER..=DATA, 3, 0..=4] => Look::Short,
        [HANDSHAKE, 3, 0..=4, ..] => handshake(heard),
        [ALERT, 3, 0..=4, ..] => alert(heard),
        [CHANGE_CIPHER | DATA, 3, 0..=4, ..] => records(heard),
        _ => Look::Not,
    }
}

/// The next record's head and as much of its body as is there.
fn record<'a>(cursor: &mut Cursor<'a>) -> Option<(Head, &'a [u8])> {
    let [kind, 3, version @ 0..=4, high, low] = cursor.array::<5>()? else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let sound = match kind {
        CHANGE_CIPHER => length == 1,
        ALERT | HANDSHAKE | DATA => (1..=RECORD_MAX).contains(&length),
        _ => false,
    };
    if !sound {
        return None;
    }
    let body = cursor.take(length.min(cursor.left()))?;
    Some((Head { kind, version, length }, body))
}

fn handshake(heard: &Heard<'_>) -> Look {
    if heard.bytes.len() < 6 {
        return Look::Short;
    }
    let mut cursor = Cursor::new(heard.bytes);
    let Some((head, body)) = record(&mut cursor) else { return Look::Not };
    if !matches!(*body, [1 | 2, ..]) {
        return records(heard);
    }
    let mut message = body.to_vec();
    while message.len() < HELLO_BYTES {
        match record(&mut cursor) {
            Some((next, more)) if next.kind == HANDSHAKE => message.extend_from_slice(more),
            _ => break,
        }
    }
    match tls_hello::read(&message) {
        // A client says nothing else in the record of its hello.
        Read::Hello(hello) if hello.kind == Kind::Client && head.length > hello.announced => records(heard),
        Read::Hello(hello) => Look::Hello(hello),
        Read::Short => Look::Short,
        Read::Not => records(heard),
    }
}

fn alert(heard: &Heard<'_>) -> Look {
    match *heard.bytes {
        [_, _, _, 0, 2, 1 | 2, number] if is_alert(number) => Look::Alert(number),
        [_, _, _, 0, 2, 1 | 2, number, ref rest @ ..] if is_alert(number) => {
            match record(&mut Cursor::new(rest)) {
                Some(_) => Look::Alert(number),
                None if rest.len() < 5 && heard.is_open() => Look::Short,
                None => Look::Not,
            }
        }
        [_, _, _] | [_, _, _, 0] | [_, _, _, 0, 2] | [_, _, _, 0, 2, 1 | 2] => Look::Short,
        _ => records(heard),
    }
}

/// Alerts that exist (RFC 8446 section 6, and those of older versions).
fn is_alert(number: u8) -> bool {
    matches!(number, 0 | 10 | 20..=22 | 30 | 40..=51 | 60 | 70 | 71 | 80 | 86 | 90 | 100 | 109..=116 | 120)
}

/// Records without a hello: only where the beginning was not seen.
fn records(heard: &Heard<'_>) -> Look {
    if heard.is_first() {
        return Look::Not;
    }
    let mut cursor = Cursor::new(heard.bytes);
    let mut first: Option<Head> = None;
    let mut heads = 0;
    while cursor.left() >= 5 {
        let Some((head, body)) = record(&mut cursor) else { return Look::Not };
        if first.is_some_and(|first| first.version != head.version) {
            return Look::Not;
        }
        heads += 1;
        let whole = body.len() == head.length;
        if heads == 1
            && whole
            && cursor.is_done()
            && matches!(head.kind, ALERT | DATA)
            && head.length >= SEALED_MIN
        {
            return Look::Records;
        }
        first = first.or(Some(head));
    }
    match heads {
        0 => Look::Short,
        1 => Look::OneRecord,
        _ => Look::Records,
    }
}

/// SSL 2.0: a two-byte length with the top bit set, then the message.
fn old_hello(heard: &Heard<'_>) -> Look {
    let mut cursor = Cursor::new(heard.bytes);
    let Some(length) = cursor.be16() else { return Look::Short };
    let length = usize::from(length & 0x7fff);
    match cursor.u8() {
        None => Look::Short,
        Some(1) => {
            let fields = (|| Some((cursor.be16()?, cursor.be16()?, cursor.be16()?, cursor.be16()?)))();
            let Some((version, suites, session, challenge)) = fields else {
                return if matches!(*heard.bytes, [_, _, 1, 0 | 3, ..] | [_, _, 1]) {
                    Look::Short
                } else {
                    Look::Not
                };
            };
            let sound = matches!(version, 0x0002 | 0x0300..=0x0303)
                && suites >= 3
                && suites % 3 == 0
                && matches!(session, 0 | 16)
                && (16..=32).contains(&challenge)
                && 9 + usize::from(suites) + usize::from(session) + usize::from(challenge) == length;
            if sound { Look::Old { client: true } } else { Look::Not }
        }
        Some(4) => {
            let fields = (|| {
                let hit_and_kind = cursor.be16()?;
                Some((hit_and_kind, cursor.be16()?, cursor.be16()?, cursor.be16()?, cursor.be16()?))
            })();
            let Some((hit_and_kind, version, certificate, suites, id)) = fields else { return Look::Short };
            let sound = matches!(hit_and_kind, 0x0001 | 0x0100 | 0x0101)
                && version == 2
                && suites % 3 == 0
                && id == 16
                && 11 + usize::from(certificate) + usize::from(suites) + usize::from(id) == length;
            if sound { Look::Old { client: false } } else { Look::Not }
        }
        Some(_) => Look::Not,
    }
}

fn facts(version: Option<&'static str>, sni: Option<String>, alpn: Vec<String>) -> Facts {
    Facts { version, sni, alpn, how: TlsHow::Direct }
}

/// What a ClientHello and the answer to it, if any, prove.
fn by_client(client: Side, hello: &Hello, answer: &Look, view: &View<'_>) -> Claim {
    let mut claim = Claim::by(client);
    let server_open = view.sides[client.other()].is_open();
    claim.unfinished = !hello.whole && view.sides[client].is_open();
    let mut version = None;
    let mut alpn = hello.alpn.clone();
    let mut chosen = None;
    match answer {
        Look::Hello(server) if server.kind == Kind::Server => {
            version = tls_hello::version_name(server.version);
            claim.unfinished |= !server.whole && server_open;
            if let [choice] = server.alpn.as_slice() {
                chosen = Some(choice.clone());
                alpn = vec![choice.clone()];
            } else if let ("1.3", [offer]) = (version.unwrap_or_default(), hello.alpn.as_slice()) {
                chosen = Some(offer.clone());
            }
        }
        Look::Alert(number) => claim = claim.with("alert", u64::from(*number)),
        Look::Not if view.sides[client.other()].is_first() => claim = claim.with("plain_answer", true),
        _ => {
            claim.unfinished |= server_open;
            if let [offer] = hello.alpn.as_slice() {
                chosen = Some(offer.clone());
            }
        }
    }
    claim.names = chosen.as_deref().and_then(tls_hello::protocol_of);
    claim.tls = Some(facts(version, hello.sni.clone(), alpn));
    claim
}

/// What a ServerHello alone proves.
fn by_server(client: Side, hello: &Hello) -> Claim {
    let names = match hello.alpn.as_slice() {
        [choice] => tls_hello::protocol_of(choice),
        _ => None,
    };
    let tls = facts(tls_hello::version_name(hello.version), None, hello.alpn.clone());
    Claim { names, tls: Some(tls), unfinished: !hello.whole, ..Claim::by(client) }
}

fn by_old_client(client: Side, answer: &Look, view: &View<'_>) -> Claim {
    let version = match answer {
        Look::Hello(server) => tls_hello::version_name(server.version),
        Look::Old { .. } => Some("ssl2"),
        _ => None,
    };
    let mut claim = Claim::by(client);
    claim.unfinished = version.is_none() && view.sides[client.other()].is_open();
    if let Look::Alert(number) = answer {
        claim = claim.with("alert", u64::from(*number));
    }
    claim.tls = Some(facts(version, None, Vec::new()));
    claim
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `None` is no; `Some(None)` more; `Some(Some(..))` yes with name, version and protocols.
    type Expect<'a> = Option<Option<(Option<&'a str>, Option<&'a str>, &'a [&'a str])>>;

    fn check(view: View<'_>, expect: Expect<'_>) {
        match (Tls.ask(&view), expect) {
            (Answer::No, None) | (Answer::More, Some(None)) => {}
            (Answer::Yes(claim), Some(Some((name, version, alpn)))) => {
                let tls = claim.tls.unwrap();
                assert_eq!((claim.names, tls.version), (name, version));
                assert_eq!(tls.alpn, alpn);
            }
            (answer, expect) => panic!("{answer:?} is not {expect:?}"),
        }
    }

    fn hello(kind: u8, middle: &[u8], extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.push(0);
        body.extend(middle);
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        let mut message = vec![kind, 0, 0, body.len() as u8];
        message.extend(body);
        message
    }

    fn sealed(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 3, 3, 0, body.len() as u8];
        record.extend(body);
        record
    }

    fn client(extensions: &[u8]) -> Vec<u8> {
        sealed(22, &hello(1, &[0, 2, 0x13, 1, 1, 0], extensions))
    }

    fn server(extensions: &[u8]) -> Vec<u8> {
        sealed(22, &hello(2, &[0x13, 1, 0], extensions))
    }

    const BOTH: &[u8] = b"\0\x10\0\x0e\0\x0c\x02h2\x08http/1.1";
    const ONE: &[u8] = b"\0\x10\0\x0d\0\x0b\x0apostgresql";
    const H2: &[u8] = b"\0\x10\0\x05\0\x03\x02h2";
    const V13: &[u8] = b"\0\x2b\0\x02\x03\x04";

    #[test]
    fn the_servers_choice_names_what_is_inside() {
        check(View::of(&client(BOTH), &server(H2)), Some(Some((Some("http2"), Some("1.2"), &["h2"]))));
        check(View::of(b"", &server(H2)), Some(Some((Some("http2"), Some("1.2"), &["h2"]))));
    }

    #[test]
    fn several_offers_and_no_visible_choice_stay_tls() {
        check(View::of(&client(BOTH), &server(V13)), Some(Some((None, Some("1.3"), &["h2", "http/1.1"]))));
        check(View::of(&client(BOTH), b""), Some(Some((None, None, &["h2", "http/1.1"]))));
    }

    #[test]
    fn a_single_offer_counts_where_the_choice_is_hidden() {
        check(
            View::of(&client(ONE), &server(V13)),
            Some(Some((Some("postgresql"), Some("1.3"), &["postgresql"]))),
        );
        check(View::of(&client(ONE), &server(b"")), Some(Some((None, Some("1.2"), &["postgresql"]))));
    }

    #[test]
    fn a_hello_over_several_records_is_one() {
        let whole = hello(1, &[0, 2, 0x13, 1, 1, 0], H2);
        let mut split = sealed(22, &whole[..3]);
        split.extend(sealed(22, &whole[3..20]));
        split.extend(sealed(22, &whole[20..]));
        check(View::of(&split, b""), Some(Some((Some("http2"), None, &["h2"]))));
        check(View::of(&split[..8], b""), Some(None));
    }

    #[test]
    fn a_cut_hello_is_still_a_hello() {
        check(View::of(&client(H2)[..11], b""), Some(Some((None, None, &[]))));
        check(View::of(&client(H2)[..10], b""), Some(None));
    }

    #[test]
    fn an_alert_alone_is_tls_unless_the_other_side_speaks_plainly() {
        check(View::of(b"", b"\x15\x03\x03\0\x02\x02\x28"), Some(Some((None, None, &[]))));
        check(View::of(b"GET / HTTP/1.1\r\n\r\n", b"\x15\x03\x03\0\x02\x02\x28"), None);
        check(View::of(b"", b"\x15\x03\x03\0\x02\x03\x28"), None);
    }

    #[test]
    fn records_count_midstream_only() {
        let mut two = sealed(23, &[9; 20]);
        two.extend(&two.clone());
        let midstream = View::of(&two[..40], b"").started(Start::Midstream);
        check(midstream, Some(Some((None, None, &[]))));
        check(View::of(&two[..40], b""), None);
        check(View::of(&two[..20], b"").started(Start::Midstream), Some(None));
        check(View::of(&two[..20], &two[..20]).started(Start::Midstream), Some(Some((None, None, &[]))));
        two[25] = 99;
        check(View::of(&two, b"").started(Start::Midstream), None);
    }

    #[test]
    fn an_old_hello_needs_lengths_that_agree() {
        let mut old = b"\x80\x1c\x01\x03\x01\0\x03\0\0\0\x10\x01\0\x80".to_vec();
        old.extend([5; 16]);
        check(View::of(&old, b""), Some(Some((None, None, &[]))));
        check(View::of(&old, &server(b"")), Some(Some((None, Some("1.2"), &[]))));
        old[1] = 0x1d;
        check(View::of(&old, b""), None);
    }

    #[test]
    fn other_protocols_are_not_tls() {
        check(View::of(b"SSH-2.0-x\r\n", b""), None);
        check(View::of(b"", b"\x16\x03\x09\0\x10"), None);
        check(View::of(b"\0\0\0\x08\x04\xd2\x16\x2f", b"S"), None);
    }
}
