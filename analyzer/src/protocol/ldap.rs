//! LDAP over TCP, up to StartTLS, and connection-less LDAP over UDP.
//!
//! Source: RFC 4511 sections 4.1.1 (message), 4.2 to 4.14 (operations); RFC 1798 (over UDP).
//! Recognised: a message whose operation's first fields are sound: bind, search, their results, modify, extended and others.
//! Left out: a message whose first fields are cut; what a SASL layer wrapped before the capture began.

use crate::flow::opening::{End, Heard, View};
use crate::net::{Pair, Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Inner, InnerKind, Probe, TlsHow, text};
use crate::protocol::tlv::{self, ENUMERATED, INTEGER, OCTETS, SEQUENCE};

/// The registry's entry.
#[derive(Debug)]
pub struct Ldap;

impl Probe for Ldap {
    fn name(&self) -> &'static str {
        "ldap"
    }

    fn title(&self) -> &'static str {
        "The Lightweight Directory Access Protocol; also its form over UDP, which finds domain controllers."
    }

    fn proof(&self) -> &'static str {
        "A BER sequence of a message number and one of LDAP's operations whose lengths nest and whose first fields are sound; both sides must agree on who asks. \
         An unbind alone proves nothing; what follows an accepted StartTLS is asked about as TLS."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp, Transport::Udp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let looks = Side::BOTH.map(|side| look(view.transport, &view.sides[side]));
        // A side met midstream may start within a message: what it says then contradicts nothing.
        let looks = match looks {
            [Look::Not, Look::Not] => return Answer::No,
            [found, Look::Not] if !view.sides[Side::B].is_first() => [found, Look::More],
            [Look::Not, found] if !view.sides[Side::A].is_first() => [Look::More, found],
            looks => looks,
        };
        let client = match looks {
            [Look::Not, _] | [_, Look::Not] => return Answer::No,
            [Look::Message(a), Look::Message(b)] if a.role == b.role => return Answer::No,
            [Look::Message(found), _] => {
                if found.role == Role::Asks {
                    Side::A
                } else {
                    Side::B
                }
            }
            [_, Look::Message(found)] => {
                if found.role == Role::Asks {
                    Side::B
                } else {
                    Side::A
                }
            }
            [Look::More, Look::More] => return Answer::More,
        };
        Answer::Yes(claim(view, client))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Asks,
    Answers,
}

/// The first fields of one message.
#[derive(Clone, Copy, Debug)]
struct Message<'a> {
    role: Role,
    id: u32,
    tag: u8,
    /// Inside the operation; its end may be cut.
    body: Cursor<'a>,
    /// Where the message ends.
    end: usize,
}

#[derive(Clone, Copy, Debug)]
enum Look<'a> {
    Message(Message<'a>),
    More,
    Not,
}

/// A message of more bytes than this is no opening's (servers refuse requests of more than a few megabytes).
const MESSAGE_BYTES: usize = 1 << 24;

const BIND: u8 = 0x60;
const BIND_RESPONSE: u8 = 0x61;
const UNBIND: u8 = 0x42;
const SEARCH: u8 = 0x63;
const ENTRY: u8 = 0x64;
const REFERENCE: u8 = 0x73;
const EXTENDED: u8 = 0x77;
const EXTENDED_RESPONSE: u8 = 0x78;
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

fn look<'a>(transport: Transport, heard: &Heard<'a>) -> Look<'a> {
    let Some(bytes) = heard.datagrams().next() else {
        return if heard.bytes.is_empty() { Look::More } else { Look::Not };
    };
    if !matches!(bytes.first(), None | Some(&SEQUENCE)) {
        return Look::Not;
    }
    let short = if transport == Transport::Tcp || heard.end == End::Cut { Look::More } else { Look::Not };
    match message(bytes) {
        Some(Some(Message { tag: UNBIND, .. })) => Look::More,
        Some(Some(message)) => Look::Message(message),
        Some(None) => Look::Not,
        None => short,
    }
}

/// The message at the start of `bytes`: `None` where it is cut, `Some(None)` where it is none.
fn message(bytes: &[u8]) -> Option<Option<Message<'_>>> {
    let mut cursor = Cursor::new(bytes);
    let cut = bytes.len() < 8;
    let Some((SEQUENCE, length)) = tlv::head(&mut cursor) else { return if cut { None } else { Some(None) } };
    let start = bytes.len() - cursor.left();
    if !(5..MESSAGE_BYTES).contains(&length) {
        return Some(None);
    }
    let mut inside = Cursor::new(cursor.rest().get(..length).unwrap_or(cursor.rest()));
    let inside_bytes = inside.left();
    let Some(id) = tlv::number(&mut inside, INTEGER) else {
        return if inside.left() < 6 { None } else { Some(None) };
    };
    let Some((tag, operation)) = tlv::head(&mut inside) else {
        return if inside.left() < 6 && inside_bytes < length { None } else { Some(None) };
    };
    let used = inside_bytes - inside.left();
    let Some(rest) = length.checked_sub(used + operation) else { return Some(None) };
    // Behind the operation stand controls in [0], or nothing.
    let behind = inside.rest().get(operation..).unwrap_or_default();
    if matches!(rest, 1) || behind.first().is_some_and(|&tag| tag != 0xa0) {
        return Some(None);
    }
    let whole = inside.left() >= operation;
    let body = Cursor::new(inside.rest().get(..operation).unwrap_or(inside.rest()));
    let sound = match operation_role(tag, body, operation) {
        Some(role) => role,
        None if whole => return Some(None),
        None => return if is_operation(tag) { None } else { Some(None) },
    };
    Some(Some(Message { role: sound, id, tag, body, end: start + length }))
}

const fn is_operation(tag: u8) -> bool {
    matches!(tag, 0x60 | 0x61 | 0x63..=0x69 | 0x6b..=0x6f | 0x73 | 0x77..=0x79 | 0x42 | 0x4a | 0x50)
}

/// Who says such an operation, where its first fields are sound.
fn operation_role(tag: u8, mut body: Cursor<'_>, length: usize) -> Option<Role> {
    let named = |mut body: Cursor<'_>| tlv::value(&mut body, OCTETS).is_some();
    match tag {
        BIND => {
            let version = tlv::number(&mut body, INTEGER)?;
            tlv::value(&mut body, OCTETS)?;
            let kind = *body.rest().first()?;
            ((1..=3).contains(&version) && matches!(kind, 0x80..=0x83 | 0xa3 | 0x89..=0x8b))
                .then_some(Role::Asks)
        }
        SEARCH => {
            tlv::value(&mut body, OCTETS)?;
            let (scope, aliases) = (tlv::number(&mut body, ENUMERATED)?, tlv::number(&mut body, ENUMERATED)?);
            tlv::number(&mut body, INTEGER)?;
            (scope <= 3 && aliases <= 3).then_some(Role::Asks)
        }
        BIND_RESPONSE | 0x65 | 0x67 | 0x69 | 0x6b | 0x6d | 0x6f | EXTENDED_RESPONSE => {
            let code = tlv::number(&mut body, ENUMERATED)?;
            tlv::value(&mut body, OCTETS)?;
            tlv::value(&mut body, OCTETS)?;
            (code <= 123 || code == 4096).then_some(Role::Answers)
        }
        ENTRY => {
            tlv::value(&mut body, OCTETS)?;
            (*body.rest().first()? == SEQUENCE).then_some(Role::Answers)
        }
        REFERENCE => named(body).then_some(Role::Answers),
        0x66 | 0x68 | 0x6e => {
            tlv::value(&mut body, OCTETS)?;
            (*body.rest().first()? == SEQUENCE).then_some(Role::Asks)
        }
        0x6c => {
            tlv::value(&mut body, OCTETS)?;
            tlv::value(&mut body, OCTETS)?;
            (tlv::value(&mut body, 0x01)?.len() == 1).then_some(Role::Asks)
        }
        EXTENDED => is_oid(tlv::value(&mut body, 0x80)?).then_some(Role::Asks),
        0x79 => is_oid(tlv::value(&mut body, 0x80)?).then_some(Role::Answers),
        UNBIND => (length == 0).then_some(Role::Asks),
        _ => None,
    }
}

/// Numbers and dots, as LDAP spells an object identifier.
fn is_oid(bytes: &[u8]) -> bool {
    bytes.len() > 4
        && bytes.contains(&b'.')
        && bytes.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

/// Messages of one side that are walked for a StartTLS: it comes first or right after a look at the root.
const MESSAGES: usize = 16;

fn claim(view: &View<'_>, client: Side) -> Claim {
    let mut claim = Claim::by(client);
    let (asks, answers) = (view.sides[client].bytes, view.sides[client.other()].bytes);
    let mut start_tls = None;
    let mut bound = false;
    let mut at = 0;
    for _ in 0..MESSAGES {
        let Some(Some(mut asked)) = asks.get(at..).and_then(message) else { break };
        at += asked.end;
        match asked.tag {
            BIND => {
                bound = true;
                let version = tlv::number(&mut asked.body, INTEGER);
                let name = tlv::value(&mut asked.body, OCTETS);
                claim = claim.with("version", u64::from(version.unwrap_or_default()));
                if let Some(name) = name.filter(|name| !name.is_empty()) {
                    claim = claim.with("user", text(name));
                }
            }
            SEARCH => {
                if let Some(base) = tlv::value(&mut asked.body, OCTETS).filter(|base| !base.is_empty()) {
                    claim = claim.with("base", text(base));
                }
            }
            EXTENDED if tlv::value(&mut asked.body, 0x80) == Some(START_TLS) => {
                start_tls = Some((asked.id, at));
                break;
            }
            _ => {}
        }
    }
    if view.transport == Transport::Udp {
        return claim;
    }
    let mut agreed = None;
    let mut at = 0;
    for _ in 0..MESSAGES {
        let Some((id, _)) = start_tls else { break };
        let Some(Some(mut answer)) = answers.get(at..).and_then(message) else { break };
        at += answer.end;
        if answer.id == id && answer.tag == EXTENDED_RESPONSE {
            agreed = (tlv::number(&mut answer.body, ENUMERATED) == Some(0)).then_some(at);
            break;
        }
    }
    if let (Some((_, asked)), Some(agreed)) = (start_tls, agreed) {
        let mut skip = Pair([asked, asked]);
        skip[client.other()] = agreed;
        claim.inner = Some(Inner { skip, what: InnerKind::Tls(TlsHow::StartTls) });
    }
    claim.unfinished = claim.inner.is_none() && !bound;
    claim
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIND_ASK: &[u8] = &[0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0];
    const BIND_ANSWER: &[u8] = &[0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, 0, 4, 0, 4, 0];

    #[track_caller]
    fn check(a: &[u8], b: &[u8], expect: &str) {
        let found = match Ldap.ask(&View::of(a, b)) {
            Answer::Yes(claim) if claim.client == Some(Side::A) => "a",
            Answer::Yes(_) => "b",
            Answer::No => "no",
            Answer::More => "more",
        };
        assert_eq!(found, expect);
    }

    #[test]
    fn either_side_proves_it() {
        check(BIND_ASK, b"", "a");
        check(BIND_ANSWER, b"", "b");
        check(BIND_ASK, BIND_ANSWER, "a");
        let long = [&[0x30, 0x84, 0, 0, 0, 12], &BIND_ASK[2..]].concat();
        check(&long, b"", "a");
    }

    #[test]
    fn what_is_cut_short_is_undecided() {
        check(&BIND_ASK[..5], b"", "more");
        check(&BIND_ASK[..11], b"", "more");
        check(&[0x30, 5, 2, 1, 3, 0x42, 0], b"", "more");
    }

    #[test]
    fn others_are_not() {
        let snmp = [0x30, 12, 2, 1, 1, 4, 6, b'p', b'u', b'b', b'l', b'i', b'c', 0xa0];
        check(&snmp, b"", "no");
        check(BIND_ASK, BIND_ASK, "no");
        check(BIND_ASK, b"HTTP/1.1 400 \r\n", "no");
        let mut odd = BIND_ASK.to_vec();
        odd[9] = 9;
        check(&odd, b"", "no");
        odd = BIND_ASK.to_vec();
        odd[6] = 9;
        check(&odd, b"", "no");
        check(b"0123456789012345", b"", "no");
    }

    #[test]
    fn tls_starts_behind_an_accepted_starttls() {
        let mut asks = vec![0x30, 29, 2, 1, 1, 0x77, 24, 0x80, 22];
        asks.extend(START_TLS);
        let answers = [0x30, 12, 2, 1, 1, 0x78, 7, 10, 1, 0, 4, 0, 4, 0];
        let Answer::Yes(claim) = Ldap.ask(&View::of(&asks, &answers)) else { panic!() };
        assert_eq!(claim.inner.unwrap().skip, Pair([asks.len(), answers.len()]));
        let mut refused = answers;
        refused[9] = 2;
        let Answer::Yes(claim) = Ldap.ask(&View::of(&asks, &refused)) else { panic!() };
        assert_eq!(claim.inner, None);
    }
}
