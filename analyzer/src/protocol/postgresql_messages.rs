//! PostgreSQL's typed messages: a type byte, a length, a body that must fit both.
//!
//! Source: PostgreSQL documentation, "Message Formats" and "Error and Notice Message Fields".

use crate::protocol::cursor::Cursor;

/// The largest message that is believed where only its head is seen: rows may be large, a gigabyte is no row.
const MESSAGE_MAX: u32 = 0x3fff_ffff;

/// What a whole message weighs as a proof, from [`weigh`]; a side needs this much.
pub const ENOUGH: u32 = 4;

/// Which end speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Frontend,
    Backend,
}

/// The next message: its type and as much of its body as is there, and whether that is all.
pub fn next<'a>(cursor: &mut Cursor<'a>) -> Option<(u8, &'a [u8], bool)> {
    let mut ahead = *cursor;
    let kind = ahead.u8()?;
    let length = ahead.be32()?;
    if !(4..=MESSAGE_MAX).contains(&length) {
        return None;
    }
    let length = (length - 4) as usize;
    let body = ahead.take(length.min(ahead.left()))?;
    *cursor = ahead;
    Some((kind, body, body.len() == length))
}

/// The weight of all messages from byte 0 on; `None` where one of them is unsound.
pub fn weigh(bytes: &[u8], end: End) -> Option<u32> {
    let mut cursor = Cursor::new(bytes);
    let mut weight = 0;
    while cursor.left() >= 5 {
        let (kind, body, whole) = next(&mut cursor)?;
        if !is_kind(kind, end) {
            return None;
        }
        if whole {
            weight += weight_of(kind, body, end)?;
        }
    }
    match cursor.u8() {
        Some(kind) if !is_kind(kind, end) => None,
        _ => Some(weight),
    }
}

fn is_kind(kind: u8, end: End) -> bool {
    match end {
        End::Frontend => b"BCDEFHPQSXdcfp".contains(&kind),
        End::Backend => b"123ACDEGHIKNRSTVWZcdfnstv".contains(&kind),
    }
}

/// How much one whole message proves: 1 for a bare head, up to [`ENOUGH`]; `None` where the body is unsound.
fn weight_of(kind: u8, body: &[u8], end: End) -> Option<u32> {
    let sound = |sound: bool, weight: u32| sound.then_some(weight);
    match (end, kind) {
        (End::Frontend, b'H' | b'S' | b'X' | b'c')
        | (End::Backend, b'1' | b'2' | b'3' | b'I' | b'c' | b'n' | b's') => sound(body.is_empty(), 1),
        (End::Frontend, b'Q') => {
            let (last, query) = body.split_last()?;
            sound(*last == 0 && !query.contains(&0), if is_sql(query) { ENOUGH } else { 1 })
        }
        (End::Frontend, b'P') => {
            let mut cursor = Cursor::new(body);
            cursor.until(0)?;
            let query = cursor.until(0)?;
            let types = usize::from(cursor.be16()?);
            sound(cursor.left() == types * 4, if is_sql(query) { ENOUGH } else { 2 })
        }
        (End::Frontend, b'C' | b'D') => sound(matches!(*body, [b'S' | b'P', .., 0]), 2),
        (End::Frontend, b'E') => {
            let mut cursor = Cursor::new(body);
            cursor.until(0)?;
            sound(cursor.left() == 4, 2)
        }
        (End::Frontend, b'p') => sound(!body.is_empty(), 1),
        (End::Backend, b'Z') => sound(matches!(*body, [b'I' | b'T' | b'E']), 3),
        (End::Backend, b'R') => sound(authentication(body).is_some(), 3),
        (End::Backend, b'K') => sound((8..=260).contains(&body.len()), 1),
        (End::Backend, b'S') => {
            let mut cursor = Cursor::new(body);
            let name = cursor.until(0)?;
            cursor.until(0)?;
            sound(cursor.is_done() && is_word(name), 2)
        }
        (End::Backend, b'C') => sound(is_tag(body), 3),
        (End::Backend, b'D') => row(body),
        (End::Backend, b'T') => columns(body),
        (End::Backend, b'E' | b'N') => sound(fields(body).is_some(), ENOUGH),
        (End::Backend, b't') => {
            let mut cursor = Cursor::new(body);
            let count = usize::from(cursor.be16()?);
            sound(cursor.left() == count * 4, 1)
        }
        _ => Some(1),
    }
}

/// The method that an Authentication message asks for, and whether its length agrees.
pub fn authentication(body: &[u8]) -> Option<&'static str> {
    let mut cursor = Cursor::new(body);
    let code = cursor.be32()?;
    match (code, cursor.left()) {
        (0, 0) => Some("trust"),
        (2, 0) => Some("kerberos"),
        (3, 0) => Some("cleartext"),
        (5, 4) => Some("md5"),
        (6, 0) => Some("scm"),
        (7, 0) => Some("gss"),
        (9, 0) => Some("sspi"),
        (8, _) => Some("gss"),
        (10, _) => sasl(cursor.rest()),
        (11 | 12, 1..) => Some("sasl"),
        _ => None,
    }
}

fn sasl(mechanisms: &[u8]) -> Option<&'static str> {
    if !mechanisms.ends_with(b"\0\0") {
        return None;
    }
    let first = Cursor::new(mechanisms).until(0)?;
    match first {
        b"SCRAM-SHA-256" | b"SCRAM-SHA-256-PLUS" => Some("scram-sha-256"),
        b"OAUTHBEARER" => Some("oauth"),
        _ if is_word(first) => Some("sasl"),
        _ => None,
    }
}

/// The code and the message of an ErrorResponse or NoticeResponse.
pub fn fields(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut cursor = Cursor::new(body);
    let (mut severity, mut code, mut message) = (None, None, None);
    loop {
        let kind = cursor.u8()?;
        if kind == 0 {
            break;
        }
        let value = cursor.until(0)?;
        match kind {
            b'S' => severity = Some(value),
            b'C' => code = Some(value),
            b'M' => message = Some(value),
            b'A'..=b'Z' | b'a'..=b'z' => {}
            _ => return None,
        }
    }
    severity?;
    let code = code?;
    (cursor.is_done() && code.len() == 5 && code.iter().all(u8::is_ascii_alphanumeric))
        .then_some((code, message?))
}

fn row(body: &[u8]) -> Option<u32> {
    let mut cursor = Cursor::new(body);
    let count = cursor.be16()?;
    for _ in 0..count {
        let length = cursor.be32()?;
        if length != u32::MAX {
            cursor.take(length as usize)?;
        }
    }
    cursor.is_done().then_some(if count == 0 { 1 } else { 3 })
}

fn columns(body: &[u8]) -> Option<u32> {
    let mut cursor = Cursor::new(body);
    let count = cursor.be16()?;
    for _ in 0..count {
        cursor.until(0)?;
        cursor.take(18)?;
    }
    cursor.is_done().then_some(if count == 0 { 1 } else { ENOUGH })
}

/// A command tag: upper-case words, then at most two numbers, and a NUL.
fn is_tag(body: &[u8]) -> bool {
    match body.split_last() {
        Some((0, tag)) => {
            tag.len() >= 2
                && tag.first().is_some_and(u8::is_ascii_uppercase)
                && tag.iter().all(|&b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ')
        }
        _ => false,
    }
}

fn is_word(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Words that begin a statement.
const STATEMENTS: [&[u8]; 24] = [
    b"SELECT",
    b"INSERT",
    b"UPDATE",
    b"DELETE",
    b"BEGIN",
    b"COMMIT",
    b"ROLLBACK",
    b"SET",
    b"SHOW",
    b"CREATE",
    b"DROP",
    b"ALTER",
    b"WITH",
    b"COPY",
    b"START",
    b"DISCARD",
    b"DEALLOCATE",
    b"EXPLAIN",
    b"TRUNCATE",
    b"FETCH",
    b"DECLARE",
    b"CLOSE",
    b"RESET",
    b"VACUUM",
];

/// Whether text starts as a statement does.
pub fn is_sql(query: &[u8]) -> bool {
    let query = query.trim_ascii_start();
    STATEMENTS.iter().any(|word| {
        query.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
            && query.get(word.len()).is_none_or(|next| !next.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], end: End, expect: Option<u32>) {
        assert_eq!(weigh(bytes, end), expect, "{bytes:?}");
    }

    #[test]
    fn a_statement_is_enough_and_a_bare_head_is_not() {
        check(b"Q\0\0\0\x0dSELECT 1\0", End::Frontend, Some(ENOUGH));
        check(b"S\0\0\0\x04", End::Frontend, Some(1));
        check(b"1\0\0\0\x042\0\0\0\x04Z\0\0\0\x05I", End::Backend, Some(5));
    }

    #[test]
    fn a_row_must_fill_its_length() {
        check(b"D\0\0\0\x0b\0\x01\0\0\0\x01x", End::Backend, Some(3));
        check(b"D\0\0\0\x0c\0\x01\0\0\0\x01xy", End::Backend, None);
    }

    #[test]
    fn an_error_needs_severity_code_and_message() {
        check(b"E\0\0\0\x14SERROR\0C42P01\0Mx\0\0", End::Backend, None);
        check(b"E\0\0\0\x16SERROR\0C42P01\0Mx\0\0", End::Backend, Some(ENOUGH));
    }

    #[test]
    fn an_unknown_type_is_unsound() {
        check(b"Z\0\0\0\x05I\x99\0\0\0\x04", End::Backend, None);
    }
}
