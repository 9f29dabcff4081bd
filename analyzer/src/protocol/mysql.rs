//! MySQL's and MariaDB's client/server protocol, over TCP.
//!
//! Source: MySQL internals manual, "Connection Phase" (protocol 10 greeting, handshake response, SSL request).
//! Recognised: the greeting, an error in its place, the client's answer, a query midstream.
//! Left out: the X protocol, protocol 9, result sets without a query.

use crate::flow::opening::{Heard, View};
use crate::net::{Pair, Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Inner, InnerKind, Probe, TlsHow, text};

/// The registry's entry.
#[derive(Debug)]
pub struct Mysql;

/// Capabilities of the handshake.
const CONNECT_WITH_DB: u32 = 0x8;
const PROTOCOL_41: u32 = 0x200;
const SSL: u32 = 0x800;
const SECURE: u32 = 0x8000;
const PLUGIN_AUTH: u32 = 0x8_0000;
const LENENC_AUTH: u32 = 0x20_0000;

/// Bytes of an SSL request's body: the fixed head of a handshake response.
const FIXED_HEAD: usize = 32;

/// The longest greeting believed: version, plugin name and a fixed rest.
const GREETING_MAX: usize = 512;

impl Probe for Mysql {
    fn name(&self) -> &'static str {
        "mysql"
    }

    fn title(&self) -> &'static str {
        "The client/server protocol of MySQL and MariaDB."
    }

    fn proof(&self) -> &'static str {
        "The server's greeting (protocol 10, a version, capabilities, a length that agrees), an error packet in its \
         place, the client's handshake response, or, midstream, a query packet that holds a statement."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut pending = false;
        for (side, client, server) in view.ways() {
            match greeting(server.bytes) {
                Read::Sure(version) => {
                    let claim = Claim::by(side).with("server_version", text(version));
                    return match dialogue(claim, side, &client, &server) {
                        Some(claim) => Answer::Yes(claim),
                        None => Answer::No,
                    };
                }
                Read::Short => pending |= server.is_first() && may_answer(&client),
                Read::Not => {}
            }
            let alone = server.bytes.is_empty() || !server.is_first();
            match response(client.bytes) {
                Read::Sure(_) if alone && has_charset(client.bytes) => {
                    if let Some(claim) = dialogue(Claim::by(side), side, &client, &server) {
                        return Answer::Yes(claim);
                    }
                }
                Read::Short => pending |= alone,
                _ => {}
            }
            if client.bytes.is_empty()
                && let Some(code) = refusal(server.bytes)
            {
                return Answer::Yes(Claim::by(side).with("error_code", u64::from(code)));
            }
            if !client.is_first() && is_query(client.bytes) {
                return Answer::Yes(Claim::by(side));
            }
        }
        if pending { Answer::More } else { Answer::No }
    }
}

enum Read<T> {
    Sure(T),
    Short,
    Not,
}

/// The body of the packet at byte 0 with this sequence number, and whether all of it is there.
fn packet(bytes: &[u8], sequence: u8) -> Option<(usize, &[u8])> {
    let mut cursor = Cursor::new(bytes);
    let [a, b, c, number] = cursor.array::<4>()?;
    let length = u32::from_le_bytes([a, b, c, 0]) as usize;
    (number == sequence).then_some((length, cursor.rest()))
}

/// The server's version, out of its greeting.
fn greeting(bytes: &[u8]) -> Read<&[u8]> {
    if !matches!(*bytes, [] | [_] | [_, 0 | 1] | [_, 0 | 1, 0] | [_, 0 | 1, 0, 0] | [_, 0 | 1, 0, 0, 10, ..])
    {
        return Read::Not;
    }
    let Some((length, body)) = packet(bytes, 0) else { return Read::Short };
    if !(46..=GREETING_MAX).contains(&length) {
        return Read::Not;
    }
    let mut cursor = Cursor::new(body.get(..length).unwrap_or(body));
    cursor.u8();
    let Some(version) = cursor.until(0) else {
        return if body.len() < length && cursor.rest().iter().all(u8::is_ascii_graphic) {
            Read::Short
        } else {
            Read::Not
        };
    };
    let sound = version.first().is_some_and(u8::is_ascii_digit)
        && version.contains(&b'.')
        && version.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    if !sound {
        return Read::Not;
    }
    // Thread id, eight bytes of challenge, a zero.
    let Some(fixed) = cursor.take(13) else { return Read::Short };
    if fixed.last() != Some(&0) {
        return Read::Not;
    }
    // Capabilities, character set, status, capabilities, challenge length, zeros (MariaDB uses the last four).
    let Some(rest) = cursor.take(18) else { return Read::Short };
    match rest {
        [_, _, _, _, _, _, _, challenge, 0, 0, 0, 0, 0, 0, ..] if *challenge <= 64 => Read::Sure(version),
        _ => Read::Not,
    }
}

/// An error where a greeting is due: too many connections, a host that is not allowed.
fn refusal(bytes: &[u8]) -> Option<u16> {
    let (length, body) = packet(bytes, 0)?;
    let mut cursor = Cursor::new(body);
    if body.len() != length || cursor.u8()? != 0xff {
        return None;
    }
    let code = cursor.le16()?;
    let message = cursor.rest();
    let sound = (1000..=4999).contains(&code)
        && message.len() >= 8
        && message.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    sound.then_some(code)
}

/// The client's capabilities, out of its handshake response or SSL request.
fn response(bytes: &[u8]) -> Read<u32> {
    if !matches!(*bytes, [] | [_] | [_, _] | [_, _, 0] | [_, _, 0, 1, ..]) {
        return Read::Not;
    }
    let Some((length, body)) = packet(bytes, 1) else { return Read::Short };
    if !(FIXED_HEAD..=0xffff).contains(&length) {
        return Read::Not;
    }
    let mut cursor = Cursor::new(body);
    let (Some(capabilities), Some(largest), Some(_charset), Some(zeros)) =
        (cursor.le32(), cursor.le32(), cursor.u8(), cursor.take(19))
    else {
        return Read::Short;
    };
    let sound = capabilities & PROTOCOL_41 != 0
        && largest <= 0x4000_0000
        && zeros.iter().all(|&byte| byte == 0)
        && (length > FIXED_HEAD) != (length == FIXED_HEAD && capabilities & SSL != 0);
    if sound { Read::Sure(capabilities) } else { Read::Not }
}

/// Whether a handshake response names a character set, as clients do; without a greeting little else proves it.
fn has_charset(response: &[u8]) -> bool {
    /// Behind the packet's head, the capabilities and the largest packet.
    const CHARSET_AT: usize = 12;
    response.get(CHARSET_AT).is_some_and(|&charset| charset != 0)
}

fn may_answer(client: &Heard<'_>) -> bool {
    !matches!(response(client.bytes), Read::Not)
}

/// What the client's answer adds; `None` where it contradicts the greeting.
fn dialogue(mut claim: Claim, client: Side, said: &Heard<'_>, server: &Heard<'_>) -> Option<Claim> {
    let capabilities = match response(said.bytes) {
        Read::Sure(capabilities) => capabilities,
        Read::Short => {
            claim.unfinished = said.is_open();
            return Some(claim);
        }
        Read::Not => return (!said.is_first()).then_some(claim),
    };
    let (length, body) = packet(said.bytes, 1)?;
    if length == FIXED_HEAD {
        let mut skip = Pair([0, 0]);
        skip[client] = FIXED_HEAD + 4;
        skip[client.other()] = packet(server.bytes, 0).map_or(0, |(length, _)| length + 4);
        claim.inner = Some(Inner { skip, what: InnerKind::Tls(TlsHow::SslRequest) });
        return Some(claim.with("ssl_request", "accepted"));
    }
    claim.unfinished = body.len() < length && said.is_open();
    Some(names(claim, capabilities, body.get(FIXED_HEAD..length).or_else(|| body.get(FIXED_HEAD..))?))
}

/// User, database and the method of authentication, as far as they are there.
fn names(mut claim: Claim, capabilities: u32, bytes: &[u8]) -> Claim {
    let mut cursor = Cursor::new(bytes);
    let Some(user) = cursor.until(0) else { return claim };
    if !user.is_empty() {
        claim = claim.with("user", text(user));
    }
    let secret = if capabilities & (LENENC_AUTH | SECURE) != 0 {
        cursor.u8().and_then(|length| cursor.take(length.into()))
    } else {
        cursor.until(0)
    };
    if secret.is_none() {
        return claim;
    }
    if capabilities & CONNECT_WITH_DB != 0
        && let Some(database) = cursor.until(0)
        && !database.is_empty()
    {
        claim = claim.with("database", text(database));
    }
    if capabilities & PLUGIN_AUTH != 0
        && let Some(plugin) = cursor.until(0)
        && !plugin.is_empty()
    {
        claim = claim.with("auth", text(plugin));
    }
    claim
}

/// Words that begin a statement.
const STATEMENTS: [&[u8]; 14] = [
    b"SELECT ",
    b"INSERT ",
    b"UPDATE ",
    b"DELETE ",
    b"SET ",
    b"SHOW ",
    b"BEGIN",
    b"COMMIT",
    b"ROLLBACK",
    b"CREATE ",
    b"DROP ",
    b"ALTER ",
    b"REPLACE ",
    b"CALL ",
];

/// Commands in packets that follow one another, one of them a statement.
fn is_query(bytes: &[u8]) -> bool {
    let mut cursor = Cursor::new(bytes);
    while let Some([a, b, c, 0]) = cursor.array::<4>() {
        let length = u32::from_le_bytes([a, b, c, 0]) as usize;
        let whole = cursor.left() >= length;
        let Some(body) = cursor.take(length.min(cursor.left())) else { return false };
        match *body {
            [3 | 22, ref statement @ ..] => return is_statement(statement) && (whole || is_text(statement)),
            // Compressed packets that are not: three zeros, then the packet.
            [0, 0, 0, ..] => return compressed(bytes),
            [1..=31, ..] if whole => {}
            _ => return false,
        }
    }
    false
}

/// A packet of the compressed protocol that holds an uncompressed statement.
fn compressed(bytes: &[u8]) -> bool {
    let mut cursor = Cursor::new(bytes);
    let Some([a, b, c, 0, 0, 0, 0, d, e, f, 0, 3]) = cursor.array::<12>() else { return false };
    let (outer, inner) = (u32::from_le_bytes([a, b, c, 0]), u32::from_le_bytes([d, e, f, 0]));
    outer == inner + 4 && is_statement(cursor.rest())
}

fn is_text(statement: &[u8]) -> bool {
    /// Fewer characters of a statement cut short would prove little.
    const TEXT_MIN: usize = 16;
    statement.len() >= TEXT_MIN && statement.iter().all(|&byte| byte >= b' ' || byte.is_ascii_whitespace())
}

fn is_statement(statement: &[u8]) -> bool {
    let statement = match statement {
        // Query attributes: none, in one set (MySQL 8.0.23 and later).
        [0, 1, rest @ ..] => rest,
        rest => rest,
    };
    STATEMENTS.iter().any(|word| {
        statement.trim_ascii_start().get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::opening::Start;
    use crate::protocol::probe::Detail;

    /// `None` is no, `Some(None)` more, `Some(Some(..))` yes with these details among others.
    fn check(view: View<'_>, expect: Option<Option<&[(&'static str, &str)]>>) {
        match (Mysql.ask(&view), expect) {
            (Answer::No, None) | (Answer::More, Some(None)) => {}
            (Answer::Yes(claim), Some(Some(details))) => {
                for &(name, value) in details {
                    assert_eq!(claim.details.get(name), Some(&Detail::from(value)), "{name}");
                }
            }
            (answer, expect) => panic!("{answer:?} is not {expect:?}"),
        }
    }

    fn hail() -> Vec<u8> {
        let mut body = b"\x0a8.0.36\0\x07\0\0\0abcdefgh\0".to_vec();
        body.extend(b"\xff\xff\x21\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0");
        let mut packet = vec![body.len() as u8, 0, 0, 0];
        packet.extend(body);
        packet
    }

    fn reply(capabilities: u32, rest: &[u8]) -> Vec<u8> {
        let mut body = capabilities.to_le_bytes().to_vec();
        body.extend(b"\0\0\0\x01\x21");
        body.extend([0; 23]);
        body.extend(rest);
        let mut packet = vec![body.len() as u8, 0, 0, 1];
        packet.extend(body);
        packet
    }

    #[test]
    fn a_greeting_alone_suffices() {
        check(View::of(b"", &hail()), Some(Some(&[("server_version", "8.0.36")])));
        check(View::of(b"", &hail()[..30]), Some(None));
    }

    #[test]
    fn the_clients_answer_names_user_and_database() {
        let reply = reply(PROTOCOL_41 | SECURE | CONNECT_WITH_DB, b"bob\0\x02xygim\0");
        check(View::of(&reply, &hail()), Some(Some(&[("user", "bob"), ("database", "gim")])));
        check(View::of(&reply, b""), Some(Some(&[("user", "bob")])));
    }

    #[test]
    fn tls_starts_behind_the_request() {
        let request = reply(PROTOCOL_41 | SSL, b"");
        let hail = hail();
        let Answer::Yes(claim) = Mysql.ask(&View::of(&request, &hail)) else { panic!("no yes") };
        assert_eq!(claim.inner.map(|inner| inner.skip), Some(Pair([36, hail.len()])));
    }

    #[test]
    fn an_error_may_stand_for_the_greeting() {
        check(View::of(b"", b"\x17\0\0\0\xff\x10\x04Too many connections"), Some(Some(&[])));
        check(View::of(b"", b"\x18\0\0\0\xff\x10\x04Too many connections"), None);
    }

    #[test]
    fn a_query_counts_midstream_only() {
        let query = b"\x09\0\0\0\x03SELECT 1";
        check(View::of(query, b"").started(Start::Midstream), Some(Some(&[])));
        check(View::of(query, b""), None);
        let behind_ping = b"\x01\0\0\0\x0e\x09\0\0\0\x03SELECT 1";
        check(View::of(behind_ping, b"").started(Start::Midstream), Some(Some(&[])));
    }

    #[test]
    fn other_protocols_are_not_mysql() {
        check(View::of(b"", b"220 mail ESMTP\r\n"), None);
        check(View::of(b"\0\0\0\x08\x04\xd2\x16\x2f", &hail()), None);
        check(View::of(b"\x10\0\0\x01aaaaaaaaaaaaaaaa", b""), None);
    }
}
