//! Apache Kafka's own protocol, over TCP.
//!
//! Source: Apache Kafka's protocol guide (request and response headers, messages).
//! Recognised: a request whose length, API key, version, client id and body agree, or a response that
//! answers one; from the server alone the answers to ApiVersions, SaslHandshake, Metadata, Produce, Fetch.
//! Left out: SASL tokens without a handshake (0.9's GSSAPI), and servers seen alone in other answers.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::kafka_api::{Api, Body, Fit};
use crate::protocol::probe::{Answer, Claim, Probe, text};

/// The registry's entry.
#[derive(Debug)]
pub struct Kafka;

impl Probe for Kafka {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn title(&self) -> &'static str {
        "Apache Kafka's protocol between clients and brokers, and among brokers"
    }

    fn proof(&self) -> &'static str {
        "A request's length, API key, version, client id and the fields behind them agree with the published \
         message, or the response carries the request's correlation id. SASL tokens that no handshake \
         announces are left out."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut open = false;
        for (side, client, server) in view.ways() {
            match ask_as(side, client, server) {
                Answer::No => {}
                Answer::More => open = true,
                yes => return yes,
            }
        }
        if open { Answer::More } else { Answer::No }
    }
}

/// The largest request that a broker takes by default (socket.request.max.bytes).
const MESSAGE_MAX: u32 = 104_857_600;

/// The shortest request: header without a client id.
const REQUEST_MIN: u32 = 8;

/// Requests that are read for facts: handshake, authentication and the first real work are among them.
const REQUESTS_READ: usize = 8;

/// Letters that make a message's names no accident, where nothing else vouches for it.
const LETTERS_ALONE: usize = 4;

/// Bytes of a request that is believed midstream from its head alone: four times what brokers take by default.
const PART_MAX: usize = 4 << 20;

/// What was read of one request.
#[derive(Clone, Copy, Debug)]
struct Request<'a> {
    size: usize,
    key: i16,
    version: i16,
    api: Api,
    correlation: u32,
    client_id: Option<&'a [u8]>,
    fit: Fit,
    letters: usize,
    body: &'a [u8],
}

/// What a look at one request found.
enum Look<'a> {
    Request(Request<'a>),
    /// The header is not all there.
    Short,
    Not,
}

const SASL_HANDSHAKE: i16 = 17;
const API_VERSIONS: i16 = 18;
const PRODUCE: i16 = 0;
const CONTROLLED_SHUTDOWN: i16 = 7;

fn ask_as(side: Side, client: Heard<'_>, server: Heard<'_>) -> Answer {
    if client.bytes.is_empty() {
        return if server.bytes.is_empty() { Answer::More } else { ask_server(side, server) };
    }
    let mut cursor = Cursor::new(client.bytes);
    let first = match look(&mut cursor) {
        Look::Request(request) => request,
        Look::Short => return Answer::More,
        Look::Not => return Answer::No,
    };
    let answered = match answers(&first, client, server) {
        Some(false) => return Answer::No,
        Some(true) => true,
        None => false,
    };
    let sure = match first.fit {
        Fit::Whole if first.letters > 0 && client.is_first() => true,
        Fit::Whole => answered || first.letters >= LETTERS_ALONE,
        Fit::Part if first.size > PART_MAX && !client.is_first() => false,
        Fit::Part => first.letters >= LETTERS_ALONE || (answered && first.letters > 0),
        Fit::Bad => false,
    };
    if sure { Answer::Yes(claim(side, &first, cursor, client)) } else { Answer::More }
}

/// The claim, with what the requests behind the first one add.
fn claim(side: Side, first: &Request<'_>, mut cursor: Cursor<'_>, client: Heard<'_>) -> Claim {
    let mut claim = Claim::by(side)
        .with("api", first.api.name)
        .with("api_key", u64::try_from(first.key).unwrap_or_default())
        .with("api_version", u64::try_from(first.version).unwrap_or_default());
    if let Some(id) = first.client_id.filter(|id| !id.is_empty()) {
        claim = claim.with("client_id", text(id));
    }
    if first.key == API_VERSIONS && first.version >= 3 {
        let mut body =
            Body { seen: Cursor::new(first.body), left: first.body.len(), flexible: true, letters: 0 };
        if let (Ok(Some(name)), Ok(Some(version))) = (body.string(), body.string()) {
            claim = claim.with("software", format!("{} {}", text(name), text(version)));
        }
    }
    let mut request = *first;
    for count in 1..=REQUESTS_READ {
        if request.key == SASL_HANDSHAKE {
            let mut body = Body {
                seen: Cursor::new(request.body),
                left: request.body.len(),
                flexible: false,
                letters: 0,
            };
            if let Ok(Some(mechanism)) = body.string() {
                claim = claim.with("sasl", text(mechanism));
            }
            break;
        }
        match look(&mut cursor) {
            Look::Request(next) if next.fit != Fit::Bad => request = next,
            Look::Short => {
                claim.unfinished = client.is_open() && count <= 2;
                break;
            }
            _ => break,
        }
    }
    claim
}

/// Reads one request and steps behind it; behind all that is there, where it goes on.
fn look<'a>(cursor: &mut Cursor<'a>) -> Look<'a> {
    let mut peek = *cursor;
    let Some(size) = peek.be32() else {
        return if peek.rest().first().is_some_and(|&byte| byte > 6) { Look::Not } else { Look::Short };
    };
    if !(REQUEST_MIN..=MESSAGE_MAX).contains(&size) {
        return Look::Not;
    }
    let size = size as usize;
    let seen = peek.rest().get(..size).unwrap_or(peek.rest());
    let mut body = Body { seen: Cursor::new(seen), left: size, flexible: false, letters: 0 };
    let (Ok(&[k1, k2]), Ok(&[v1, v2])) = (body.take(2), body.take(2)) else {
        return if seen.first().is_some_and(|&byte| byte != 0) { Look::Not } else { Look::Short };
    };
    let (key, version) = (i16::from_be_bytes([k1, k2]), i16::from_be_bytes([v1, v2]));
    let Some(api) = Api::of(key, version) else { return Look::Not };
    let Ok(&[a, b, c, d]) = body.take(4) else { return Look::Short };
    let correlation = u32::from_be_bytes([a, b, c, d]);
    if a >= 0x80 {
        return Look::Not;
    }
    let client_id = if key == CONTROLLED_SHUTDOWN && version == 0 {
        None
    } else {
        match body.string() {
            Ok(id) => id,
            Err(Fit::Part) => return Look::Short,
            Err(_) => return Look::Not,
        }
    };
    body.flexible = api.is_flexible(version);
    match body.tags() {
        Ok(()) => {}
        Err(Fit::Part) => return Look::Short,
        Err(_) => return Look::Not,
    }
    let rest = body.seen.rest();
    let fit = body.fit(api.request(key, version));
    if fit == Fit::Bad {
        return Look::Not;
    }
    let letters = body.letters;
    if peek.take(size).is_none() {
        peek = Cursor::new(&[]);
    }
    *cursor = peek;
    Look::Request(Request { size, key, version, api, correlation, client_id, fit, letters, body: rest })
}

/// Whether the server answers this request: no where it should and does not, `None` where nobody can tell.
fn answers(request: &Request<'_>, client: Heard<'_>, server: Heard<'_>) -> Option<bool> {
    let mut cursor = Cursor::new(server.bytes);
    let (size, correlation) = (cursor.be32()?, cursor.be32()?);
    let from_start = client.is_first() && server.is_first();
    if !(4..=MESSAGE_MAX).contains(&size) {
        return from_start.then_some(false);
    }
    if correlation == request.correlation {
        return Some(true);
    }
    let silent = request.key == PRODUCE;
    (from_start && !silent).then_some(false)
}

/// Bodies of answers, with the letters that each must at least show.
const RESPONSES: &[(bool, &str)] = &[
    (false, "[si[ihl]]."),
    (false, "[si[ihl]]i."),
    (false, "[si[ihll]]i."),
    (false, "[s[ihl]]."),
    (false, "[s[ihl]]i."),
    (false, "[s[ihll]]i."),
    (false, "[s[ihlll]]i."),
    (false, "[s[ihly]]."),
    (false, "i[s[ihly]]."),
    (false, "i[s[ihll[ll]y]]."),
    (false, "i[s[ihlll[ll]y]]."),
    (false, "ihi[s[ihlll[ll]y]]."),
    (false, "ihi[s[ihlll[ll]iy]]."),
    (true, "ihi[s[ihlll[ll]iy]]."),
    (false, "[isi][hs[hii(i)(i)]]."),
    (false, "[isin]i[hs?[hii(i)(i)]]."),
    (false, "[isin]ni[hs?[hii(i)(i)]]."),
    (false, "i[isin]ni[hs?[hii(i)(i)]]."),
    (false, "i[isin]ni[hs?[hii(i)(i)(i)]]."),
    (false, "i[isin]ni[hs?[hiii(i)(i)(i)]]."),
    (false, "i[isin]ni[hs?[hiii(i)(i)(i)]i]i."),
    (true, "i[isin]ni[hs?[hiii(i)(i)(i)]i]i."),
    (true, "i[isin]ni[hnu?[hiii(i)(i)(i)]i]."),
];

/// SASL mechanisms that brokers offer.
const MECHANISMS: &[&[u8]] = &[b"GSSAPI", b"PLAIN", b"SCRAM-SHA-256", b"SCRAM-SHA-512", b"OAUTHBEARER"];

/// Pairs of API key and versions that make an ApiVersions answer no accident.
const VERSIONS_MIN: usize = 8;

/// A server that is heard alone.
fn ask_server(client: Side, server: Heard<'_>) -> Answer {
    let mut cursor = Cursor::new(server.bytes);
    let Some(size) = cursor.be32() else {
        return match server.bytes.first() {
            Some(0..=6) => Answer::More,
            _ => Answer::No,
        };
    };
    if !(REQUEST_MIN..=MESSAGE_MAX).contains(&size) {
        return Answer::No;
    }
    let Some(correlation) = cursor.be32() else { return Answer::More };
    if correlation > i32::MAX as u32 {
        return Answer::No;
    }
    let left = (size - 4) as usize;
    let seen = cursor.rest().get(..left).unwrap_or(cursor.rest());
    let body = |flexible| Body { seen: Cursor::new(seen), left, flexible, letters: 0 };
    if is_versions(body(false))
        || is_versions(body(true))
        || is_mechanisms(body(false))
        || is_idle(seen, left)
    {
        return Answer::Yes(Claim::by(client));
    }
    let mut part = false;
    for &(flexible, shape) in RESPONSES {
        let mut body = body(flexible);
        if flexible && body.tags().is_err() {
            continue;
        }
        match body.fit(shape) {
            Fit::Whole if body.letters >= LETTERS_ALONE => return Answer::Yes(Claim::by(client)),
            Fit::Part => part = true,
            _ => {}
        }
    }
    if part || seen.len() < left { Answer::More } else { Answer::No }
}

/// An answer to ApiVersions: error 0 or 35, and an array of known keys with ordered versions.
fn is_versions(mut body: Body<'_>) -> bool {
    let Ok([0, 0 | 35]) = body.take(2) else { return false };
    let Ok(Some(count)) = body.length(4) else { return false };
    let mut read = 0;
    for _ in 0..count {
        let Ok(&[k1, k2, m1, m2, n1, n2]) = body.take(6) else { break };
        let key = i16::from_be_bytes([k1, k2]);
        let (min, max) = (i16::from_be_bytes([m1, m2]), i16::from_be_bytes([n1, n2]));
        if Api::of(key, 0).is_none() || !(0..=max).contains(&min) || max > 40 || body.tags().is_err() {
            return false;
        }
        read += 1;
    }
    read >= VERSIONS_MIN || (count > 0 && read == count && body.left == 0 && read > 2)
}

/// An answer to SaslHandshake: an error code and names of SASL mechanisms.
fn is_mechanisms(mut body: Body<'_>) -> bool {
    let Ok([0, 0 | 33]) = body.take(2) else { return false };
    let Ok(Some(count @ 1..)) = body.length(4) else { return false };
    (0..count).all(|_| matches!(body.string(), Ok(Some(name)) if MECHANISMS.contains(&name)))
        && body.left == 0
}

/// A flexible answer to Fetch that brings nothing: tags, throttle time, no error, a session, no topics, tags.
fn is_idle(seen: &[u8], left: usize) -> bool {
    left == 13
        && matches!(seen, [0, 0, 0, 0, 0, 0, 0, s1, s2, s3, s4, 1, 0, ..] if [*s1, *s2, *s3, *s4] != [0; 4])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::opening::{End, Start};

    #[derive(Debug, PartialEq)]
    enum Expect {
        Yes(Side),
        No,
        More,
    }

    fn answer(view: &View<'_>) -> Expect {
        match Kafka.ask(view) {
            Answer::Yes(claim) => Expect::Yes(claim.client.unwrap()),
            Answer::No => Expect::No,
            Answer::More => Expect::More,
        }
    }

    fn check(a: &[u8], b: &[u8], expect: Expect) {
        assert_eq!(answer(&View::of(a, b)), expect, "{a:?} {b:?}");
    }

    /// A request with its length in front.
    fn framed(body: &[u8]) -> Vec<u8> {
        [&u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
    }

    const METADATA: &[u8] = b"\0\x03\0\0\0\0\0\x07\0\x05billy\0\0\0\x01\0\x05calls";
    const VERSIONS_3: &[u8] = b"\0\x12\0\x03\0\0\0\x01\0\x05billy\0\x05code\x041.0\0";
    const PRODUCE_SILENT: &[u8] =
        b"\0\0\0\x02\0\0\0\x04\0\x02me\0\0\0\0\x03\xe8\0\0\0\x01\0\x02tt\0\0\0\x01\0\0\0\0\0\0\0\x03abc";

    #[test]
    fn a_whole_request_is_enough() {
        for body in [METADATA, VERSIONS_3, PRODUCE_SILENT] {
            let bytes = framed(body);
            check(&bytes, b"", Expect::Yes(Side::A));
            check(b"", &bytes, Expect::Yes(Side::B));
            assert_eq!(
                answer(&View::of(&bytes, b"").started(Start::Midstream).ended(End::Cut)),
                Expect::Yes(Side::A)
            );
        }
    }

    #[test]
    fn a_request_without_letters_waits_for_its_answer() {
        let bytes = framed(b"\0\x12\0\0\0\0\0\x09\xff\xff");
        check(&bytes, b"", Expect::More);
        check(&bytes, b"\0\0\0\x10\0\0\0\x09", Expect::Yes(Side::A));
    }

    #[test]
    fn an_answer_in_another_language_is_a_no() {
        check(&framed(METADATA), b"HTTP/1.1 400 Bad Request\r\n\r\n", Expect::No);
        check(&framed(METADATA), b"\x15\x03\x03\0\x02\x02\x46\0", Expect::No);
    }

    #[test]
    fn a_request_cut_in_its_header_says_more() {
        let bytes = framed(METADATA);
        for end in 1..18 {
            check(&bytes[..end], b"", Expect::More);
        }
    }

    #[test]
    fn handshake_names_the_mechanism_and_no_token() {
        let mut bytes = framed(VERSIONS_3);
        bytes.extend(framed(b"\0\x11\0\x01\0\0\0\x02\0\x05billy\0\x05PLAIN"));
        bytes.extend(framed(b"\0\x24\0\0\0\0\0\x03\0\x05billy\0\0\0\x07\0me\0you"));
        let Answer::Yes(claim) = Kafka.ask(&View::of(&bytes, b"")) else { panic!("no claim") };
        assert_eq!(claim.details["sasl"], "PLAIN".into());
        assert_eq!(claim.details["software"], "code 1.0".into());
        assert_eq!(claim.details["client_id"], "billy".into());
        assert!(!format!("{claim:?}").contains("you"));
    }

    #[test]
    fn a_server_alone_is_known_by_a_whole_answer() {
        let mut versions = b"\0\0\0\x01\0\0\0\0\0\x0a".to_vec();
        for key in 0..10_u8 {
            versions.extend([0, key, 0, 0, 0, 3]);
        }
        check(b"", &framed(&versions), Expect::Yes(Side::A));
        let mechanisms = b"\0\0\0\x02\0\0\0\0\0\x02\0\x05PLAIN\0\x06GSSAPI";
        check(b"", &framed(mechanisms), Expect::Yes(Side::A));
        let produced = b"\0\0\0\x04\0\0\0\x01\0\x05calls\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\x09";
        check(b"", &framed(produced), Expect::Yes(Side::A));
        check(b"", &framed(b"\0\0\0\x04\0\0\0\0\0\0\0\x05\x06\x07\x08\x01\0"), Expect::Yes(Side::A));
        check(b"", &framed(b"\0\0\0\x04\0\0\0\0"), Expect::No);
    }

    #[test]
    fn others_with_a_length_in_front_are_not_kafka() {
        check(b"\0\0\0\x08\x04\xd2\x16\x2f", b"N", Expect::No);
        check(b"\0\0\0\x29\0\x03\0\0user\0postgres\0database\0postgres\0\0", b"R", Expect::No);
        check(&framed(&[0; 44]), b"", Expect::No);
        let zookeeper =
            b"\0\0\0\x2c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        check(zookeeper, b"", Expect::No);
        check(b"\x80\0\0\x28\x01\x02\x03\x04\0\0\0\0\0\0\0\x02", b"", Expect::No);
        check(b"GET / HTTP/1.1\r\n\r\n", b"", Expect::No);
        check(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b"", Expect::No);
    }
}
