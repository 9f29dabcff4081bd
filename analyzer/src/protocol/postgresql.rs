//! PostgreSQL, frontend/backend protocol 3 (and the startup of 2), over TCP.
//!
//! Source: PostgreSQL documentation, "Frontend/Backend Protocol": message flow, message formats.
//! Recognised: startup, the requests for TLS and GSS encryption with their answers, cancellation, either side's
//! typed messages midstream. Left out: secrets, and what is inside TLS.

use crate::flow::opening::{Heard, View};
use crate::net::{Pair, Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::postgresql_messages::{ENOUGH, End, authentication, fields, next, weigh};
use crate::protocol::probe::{Answer, Claim, Inner, InnerKind, Probe, TlsHow, text};

/// The registry's entry.
#[derive(Debug)]
pub struct Postgresql;

/// A server refuses a longer startup packet.
const STARTUP_MAX: u32 = 10_000;

/// Bytes of a startup packet of protocol 2, all of it fixed.
const STARTUP_V2: u32 = 296;

/// Bytes of a request for encryption.
const REQUEST_BYTES: usize = 8;

const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;

impl Probe for Postgresql {
    fn name(&self) -> &'static str {
        "postgresql"
    }

    fn title(&self) -> &'static str {
        "PostgreSQL's frontend/backend protocol, and that of servers and poolers which speak it."
    }

    fn proof(&self) -> &'static str {
        "A startup packet with a user, a request for TLS, GSS encryption or cancellation by its number, the \
         server's authentication request or error, or, midstream, typed messages whose lengths and bodies agree. \
         TLS from the first byte is known by ALPN only."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut pending = false;
        for (side, client, server) in view.ways() {
            match first_packet(&client) {
                Packet::Sure => {
                    if let Some(claim) = session(side, &client, &server) {
                        return Answer::Yes(claim);
                    }
                }
                Packet::Short => pending |= may_be_server(&server),
                Packet::Not => {}
            }
        }
        for (side, client, server) in view.ways() {
            if let Some(claim) = server_alone(side, &client, &server) {
                return Answer::Yes(claim);
            }
        }
        for (side, client, server) in view.ways() {
            if let Some(claim) = midstream(side, &client, &server) {
                return Answer::Yes(claim);
            }
            pending |= may_grow(&client, &server);
        }
        if pending { Answer::More } else { Answer::No }
    }
}

enum Packet {
    Sure,
    Short,
    Not,
}

/// Whether a frontend begins so.
fn first_packet(heard: &Heard<'_>) -> Packet {
    let mut cursor = Cursor::new(heard.bytes);
    let Some(length) = cursor.be32() else {
        return if heard.bytes.iter().take(2).all(|&byte| byte == 0) { Packet::Short } else { Packet::Not };
    };
    if !(8..=STARTUP_MAX).contains(&length) {
        return Packet::Not;
    }
    let Some(code) = cursor.be32() else { return Packet::Short };
    match (code, length) {
        (SSL | GSS, 8) => Packet::Sure,
        (CANCEL, 16..=268) => Packet::Sure,
        (0x0003_0000..=0x0003_0002, 9..) => startup(cursor.rest(), length as usize - 8).0,
        (0x0002_0000, STARTUP_V2) => startup_v2(cursor.rest()).0,
        _ => Packet::Not,
    }
}

/// What a startup packet says.
#[derive(Default)]
struct Startup {
    user: Option<String>,
    database: Option<String>,
    application: Option<String>,
    replication: Option<&'static str>,
    whole: bool,
}

/// Reads pairs of names and values; sure once a name that a startup packet holds was read whole.
fn startup(bytes: &[u8], length: usize) -> (Packet, Startup) {
    let mut found = Startup { whole: bytes.len() >= length, ..Startup::default() };
    let mut cursor = Cursor::new(bytes.get(..length).unwrap_or(bytes));
    let mut known = false;
    loop {
        let rest = cursor.rest();
        let Some(name) = cursor.until(0) else {
            let sound = rest.iter().all(|&byte| is_name(byte));
            return match (known, sound && !found.whole) {
                (true, true) => (Packet::Sure, found),
                (false, true) => (Packet::Short, found),
                _ => (Packet::Not, found),
            };
        };
        if name.is_empty() {
            let sure = known && cursor.is_done() && found.user.is_some();
            return (if sure { Packet::Sure } else { Packet::Not }, found);
        }
        if !name.iter().all(|&byte| is_name(byte)) {
            return (Packet::Not, found);
        }
        known |= matches!(
            name,
            b"user" | b"database" | b"application_name" | b"client_encoding" | b"options" | b"replication"
        );
        let Some(value) = cursor.until(0) else {
            return if found.whole {
                (Packet::Not, found)
            } else {
                (if known { Packet::Sure } else { Packet::Short }, found)
            };
        };
        match name {
            b"user" => found.user = Some(text(value)),
            b"database" => found.database = Some(text(value)),
            b"application_name" => found.application = Some(text(value)),
            b"replication" => {
                found.replication = match value {
                    b"database" => Some("logical"),
                    b"true" | b"on" | b"yes" | b"1" => Some("physical"),
                    _ => None,
                }
            }
            _ => {}
        }
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')
}

/// Protocol 2: a database in 64 bytes, a user in 32, options and the rest padded with zeros.
fn startup_v2(bytes: &[u8]) -> (Packet, Startup) {
    let mut cursor = Cursor::new(bytes);
    let (Some(database), Some(user)) = (cursor.take(64), cursor.take(32)) else {
        return (Packet::Short, Startup::default());
    };
    let (Some(database), Some(user)) = (padded(database), padded(user)) else {
        return (Packet::Not, Startup::default());
    };
    if user.is_empty() {
        return (Packet::Not, Startup::default());
    }
    let found = Startup {
        user: Some(text(user)),
        database: (!database.is_empty()).then(|| text(database)),
        whole: true,
        ..Startup::default()
    };
    (Packet::Sure, found)
}

/// Printable text, then only zeros.
fn padded(field: &[u8]) -> Option<&[u8]> {
    let length = field.iter().position(|&byte| byte == 0)?;
    let (name, zeros) = field.split_at_checked(length)?;
    (name.iter().all(|byte| byte.is_ascii_graphic()) && zeros.iter().all(|&byte| byte == 0)).then_some(name)
}

/// Whether a backend may have said this, as far as it goes.
fn may_be_server(heard: &Heard<'_>) -> bool {
    matches!(
        heard.bytes,
        [] | [b'S' | b'N' | b'G' | b'E' | b'R']
            | [b'S', 22, ..]
            | [b'N', b'R' | b'E' | 0, ..]
            | [b'G' | b'E' | b'R' | b'v', 0, ..]
    )
}

/// The dialogue from its first packet on: requests and answers, startup, authentication.
fn session(client: Side, frontend: &Heard<'_>, backend: &Heard<'_>) -> Option<Claim> {
    let mut claim = Claim::by(client);
    let mut said = Cursor::new(frontend.bytes);
    let mut answers = Cursor::new(backend.bytes);
    while let Some(code) = request(said.rest()) {
        said.take(REQUEST_BYTES)?;
        let name = if code == SSL { "ssl_request" } else { "gss_request" };
        let answer = match answers.rest().first() {
            // The answer was not seen, but what the client did next shows it.
            None => match said.rest() {
                [22, 3, ..] if code == SSL => Some(b'S'),
                rest if Cursor::new(rest).be32().is_some() => Some(b'N'),
                _ => None,
            },
            Some(&answer) => Some(answer),
        };
        match (answer, code) {
            (None, _) => {
                claim.unfinished = frontend.is_open() || backend.is_open();
                return Some(claim.with(name, "unanswered"));
            }
            (Some(b'N'), _) => {
                answers.u8();
                claim = claim.with(name, "refused");
            }
            (Some(b'S'), SSL) => {
                answers.u8();
                let mut skip = Pair([0, 0]);
                skip[client] = frontend.bytes.len() - said.left();
                skip[client.other()] = backend.bytes.len() - answers.left();
                claim.inner = Some(Inner { skip, what: InnerKind::Tls(TlsHow::SslRequest) });
                return Some(claim.with(name, "accepted"));
            }
            (Some(b'G'), GSS) => return Some(claim.with(name, "accepted")),
            (Some(b'E'), _) => {
                claim = claim.with(name, "refused");
                break;
            }
            _ => return None,
        }
    }
    let mut whole = false;
    if let Some((code, length)) = head(said.rest()) {
        let body = said.rest().get(8..).unwrap_or_default();
        match code {
            CANCEL => return Some(claim.with("cancel", true)),
            0x0003_0000..=0x0003_0002 => {
                let (packet, found) = startup(body, (length as usize).saturating_sub(8));
                if !matches!(packet, Packet::Not) {
                    whole = found.whole;
                    claim = started(claim, found)
                        .with("protocol", if code == 0x0003_0000 { "3.0" } else { "3.2" });
                }
            }
            0x0002_0000 => {
                whole = true;
                claim = started(claim, startup_v2(body).1).with("protocol", "2.0");
            }
            _ => {}
        }
    }
    let settled = answered(&mut claim, answers);
    claim.unfinished = (!whole && frontend.is_open()) || (!settled && backend.is_open());
    Some(claim)
}

/// The code of a request for encryption at byte 0.
fn request(bytes: &[u8]) -> Option<u32> {
    head(bytes).filter(|&(code, length)| matches!(code, SSL | GSS) && length == 8).map(|(code, _)| code)
}

/// The code and the length of an untyped packet.
fn head(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut cursor = Cursor::new(bytes);
    let length = cursor.be32()?;
    Some((cursor.be32()?, length))
}

fn started(mut claim: Claim, found: Startup) -> Claim {
    claim = claim.with("startup", true);
    if let Some(database) = found.database.or_else(|| found.user.clone()) {
        claim = claim.with("database", database);
    }
    if let Some(user) = found.user {
        claim = claim.with("user", user);
    }
    if let Some(application) = found.application {
        claim = claim.with("application", application);
    }
    match found.replication {
        Some(kind) => claim.with("replication", kind),
        None => claim,
    }
}

/// Notes the method of authentication, an error and the server's version; whether the dialogue is over.
fn answered(claim: &mut Claim, mut answers: Cursor<'_>) -> bool {
    while let Some((kind, body, whole)) = next(&mut answers) {
        if !whole {
            return false;
        }
        match kind {
            b'R' => {
                if let Some(method) = authentication(body) {
                    // The last word is "ok", whatever was asked for before.
                    claim.details.entry("auth").or_insert_with(|| method.into());
                }
            }
            b'E' => {
                if let Some((code, message)) = fields(body) {
                    claim.details.insert("error_code", text(code).into());
                    claim.details.insert("error", text(message).into());
                }
                return true;
            }
            b'S' => {
                let mut cursor = Cursor::new(body);
                if let (Some(b"server_version"), Some(value)) = (cursor.until(0), cursor.until(0)) {
                    claim.details.insert("server_version", text(value).into());
                }
            }
            b'Z' => return true,
            _ => {}
        }
    }
    false
}

/// What the server's first words prove where the client's were not seen.
fn server_alone(client: Side, frontend: &Heard<'_>, backend: &Heard<'_>) -> Option<Claim> {
    if frontend.is_first() && !frontend.bytes.is_empty() {
        return None;
    }
    let mut claim = Claim::by(client);
    let rest = match backend.bytes {
        [b'S', 22, 3, 0..=4, _, _, 2, ..] => {
            let mut skip = Pair([0, 0]);
            skip[client.other()] = 1;
            claim.inner = Some(Inner { skip, what: InnerKind::Tls(TlsHow::SslRequest) });
            return Some(claim.with("ssl_request", "accepted"));
        }
        [b'N', b'R' | b'E', ..] => {
            claim = claim.with("ssl_request", "refused");
            backend.bytes.get(1..).unwrap_or_default()
        }
        bytes => bytes,
    };
    if rest.starts_with(b"EFATAL:  ") || rest.starts_with(b"EERROR:  ") {
        return Some(claim.with("protocol", "2.0"));
    }
    let (kind, body, whole) = next(&mut Cursor::new(rest))?;
    let sound = match kind {
        b'R' => whole && authentication(body).is_some(),
        b'E' => whole && fields(body).is_some(),
        _ => false,
    };
    if !sound || weigh(rest, End::Backend).is_none() {
        return None;
    }
    claim.unfinished = !answered(&mut claim, Cursor::new(rest)) && backend.is_open();
    Some(claim)
}

/// Typed messages where the beginning was not seen.
fn midstream(client: Side, frontend: &Heard<'_>, backend: &Heard<'_>) -> Option<Claim> {
    let (Some(mine), Some(theirs)) = (weight(frontend, End::Frontend), weight(backend, End::Backend)) else {
        return None;
    };
    (mine + theirs >= ENOUGH).then(|| Claim::by(client))
}

fn weight(heard: &Heard<'_>, end: End) -> Option<u32> {
    if heard.bytes.is_empty() {
        return Some(0);
    }
    if heard.is_first() { None } else { weigh(heard.bytes, end) }
}

/// Whether more bytes could still make a dialogue of this.
fn may_grow(frontend: &Heard<'_>, backend: &Heard<'_>) -> bool {
    let silent = frontend.bytes.is_empty() && matches!(backend.bytes, [] | [b'S' | b'N' | b'G']);
    let begun = frontend.bytes.is_empty()
        && matches!(backend.bytes, [b'R' | b'E', rest @ ..] if rest.iter().take(2).all(|&byte| byte == 0));
    let typed = (!frontend.bytes.is_empty() || !backend.bytes.is_empty())
        && weight(frontend, End::Frontend).is_some()
        && weight(backend, End::Backend).is_some();
    silent || begun || typed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::opening::Start;
    use crate::protocol::probe::{Detail, Details};

    /// `None` is no, `Some(None)` more, `Some(Some(..))` yes with these details among others.
    fn check(view: View<'_>, expect: Option<Option<&[(&'static str, &str)]>>) {
        match (Postgresql.ask(&view), expect) {
            (Answer::No, None) | (Answer::More, Some(None)) => {}
            (Answer::Yes(claim), Some(Some(details))) => {
                for (name, value) in details {
                    assert_eq!(said(&claim.details, name), Some(*value), "{name}");
                }
            }
            (answer, expect) => panic!("{answer:?} is not {expect:?}"),
        }
    }

    fn said<'a>(details: &'a Details, name: &str) -> Option<&'a str> {
        match details.get(name) {
            Some(Detail::Text(text)) => Some(text),
            Some(Detail::Flag(true)) => Some("true"),
            _ => None,
        }
    }

    const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
    const START: &[u8] = b"\0\0\0\x1f\0\x03\0\0user\0bob\0database\0gim\0\0";
    const NO_DATABASE: &[u8] = b"\0\0\0\x12\0\x03\0\0user\0bob\0\0";

    #[test]
    fn a_startup_names_user_and_database() {
        check(View::of(START, b""), Some(Some(&[("user", "bob"), ("database", "gim"), ("startup", "true")])));
        check(View::of(NO_DATABASE, b""), Some(Some(&[("database", "bob")])));
    }

    #[test]
    fn a_startup_cut_short_may_be_one() {
        check(View::of(&START[..8], b""), Some(None));
        check(View::of(&START[..12], b""), Some(None));
        check(View::of(&START[..15], b""), Some(Some(&[])));
    }

    #[test]
    fn a_startup_without_user_is_none() {
        check(View::of(b"\0\0\0\x16\0\x03\0\0database\0gim\0\0", b""), None);
        check(View::of(b"\0\0\0\x13\0\x03\0\0user\0bob\0\0", b""), Some(Some(&[])));
    }

    #[test]
    fn the_answer_to_a_request_for_tls_is_told() {
        check(View::of(SSL_REQUEST, b""), Some(Some(&[("ssl_request", "unanswered")])));
        check(View::of(SSL_REQUEST, b"N"), Some(Some(&[("ssl_request", "refused")])));
        check(View::of(SSL_REQUEST, b"S"), Some(Some(&[("ssl_request", "accepted")])));
        check(View::of(SSL_REQUEST, b"J\0\0\0\x0a5.7"), None);
    }

    #[test]
    fn plain_text_after_a_refusal_is_seen() {
        let mut client = SSL_REQUEST.to_vec();
        client.extend(START);
        let answer = b"NR\0\0\0\x0c\0\0\0\x05abcd";
        check(
            View::of(&client, answer),
            Some(Some(&[("ssl_request", "refused"), ("startup", "true"), ("auth", "md5")])),
        );
        check(View::of(&client, b""), Some(Some(&[("ssl_request", "refused"), ("user", "bob")])));
    }

    #[test]
    fn tls_starts_behind_the_answer() {
        let mut client = b"\0\0\0\x08\x04\xd2\x16\x30".to_vec();
        client.extend(SSL_REQUEST);
        client.extend(b"\x16\x03\x01");
        let Answer::Yes(claim) = Postgresql.ask(&View::of(&client, b"NS")) else { panic!("no yes") };
        assert_eq!(claim.inner.map(|inner| inner.skip), Some(Pair([16, 2])));
    }

    #[test]
    fn the_server_alone_suffices() {
        check(
            View::of(b"", b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"),
            Some(Some(&[("auth", "scram-sha-256")])),
        );
        check(
            View::of(b"", b"E\0\0\0\x16SFATAL\0C28000\0Mx\0\0"),
            Some(Some(&[("error_code", "28000"), ("error", "x")])),
        );
        check(View::of(b"", b"R\0\0\0\x09\0\0\0\x05"), Some(None));
        check(View::of(b"", b"S"), Some(None));
    }

    #[test]
    fn typed_messages_count_midstream_only() {
        let query: &[u8] = b"Q\0\0\0\x0dSELECT 1\0";
        check(View::of(query, b"").started(Start::Midstream), Some(Some(&[])));
        check(View::of(query, b""), None);
        check(View::of(b"", b"C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I").started(Start::Midstream), Some(Some(&[])));
        check(View::of(b"X\0\0\0\x04", b"").started(Start::Midstream), Some(None));
    }

    #[test]
    fn replication_and_cancellation_are_told() {
        check(
            View::of(b"\0\0\0\x27\0\x03\0\0user\0bob\0replication\0database\0\0", b""),
            Some(Some(&[("replication", "logical")])),
        );
        check(
            View::of(b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01\0\0\0\x02", b""),
            Some(Some(&[("cancel", "true")])),
        );
    }

    #[test]
    fn other_protocols_are_not_postgresql() {
        check(View::of(b"GET / HTTP/1.1\r\n\r\n", b""), None);
        check(View::of(b"\0\0\0\x10\0\x03\0\0\0\0\0\x01\0\x02ab\0\0", b""), None);
        check(View::of(b"", b"J\0\0\0\x0a5.7.1\0"), None);
    }
}
