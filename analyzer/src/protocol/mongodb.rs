//! MongoDB's wire protocol, over TCP.
//!
//! Source: MongoDB documentation, "MongoDB Wire Protocol"; bsonspec.org 1.1.
//! Recognised: a message header with a known operation whose body starts soundly.
//! Left out: what a compressed message holds.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe, text};

/// The registry's entry.
#[derive(Debug)]
pub struct Mongodb;

/// A server refuses messages above 48,000,000 bytes.
const MESSAGE_MAX: u32 = 48_000_000;

/// Bytes of a message's header.
const HEADER_BYTES: u32 = 16;

impl Probe for Mongodb {
    fn name(&self) -> &'static str {
        "mongodb"
    }

    fn title(&self) -> &'static str {
        "MongoDB's wire protocol, and that of databases which speak it."
    }

    fn proof(&self) -> &'static str {
        "A message header with a known operation, whose flags, section and first BSON element are sound and whose \
         lengths agree."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut pending = false;
        let mut sure = None;
        for (side, heard, _) in view.ways() {
            match message(&heard) {
                Read::Sure(found) => {
                    let client = if found.answers { side.other() } else { side };
                    sure = sure.or_else(|| Some(claim(client, &found)));
                }
                Read::Short => pending = true,
                Read::Not if heard.bytes.is_empty() => pending = true,
                // A side whose first byte was seen and which speaks otherwise.
                Read::Not if heard.is_first() => return Answer::No,
                Read::Not => {}
            }
        }
        match sure {
            Some(claim) => Answer::Yes(claim),
            None if pending => Answer::More,
            None => Answer::No,
        }
    }
}

enum Read {
    Sure(Message),
    Short,
    Not,
}

struct Message {
    /// It answers another message.
    answers: bool,
    operation: &'static str,
    database: Option<String>,
    command: Option<String>,
}

fn message(heard: &Heard<'_>) -> Read {
    let mut cursor = Cursor::new(heard.bytes);
    let Some(length) = cursor.le32() else {
        return if heard.bytes.is_empty() { Read::Not } else { Read::Short };
    };
    if !(HEADER_BYTES + 4..=MESSAGE_MAX).contains(&length) {
        return Read::Not;
    }
    let (Some(_number), Some(answer_to), Some(code)) = (cursor.le32(), cursor.le32(), cursor.le32()) else {
        return Read::Short;
    };
    let length = (length - HEADER_BYTES) as usize;
    let body = Cursor::new(cursor.rest().get(..length).unwrap_or(cursor.rest()));
    let mut found = Message { answers: answer_to != 0, operation: "", database: None, command: None };
    let sound = match code {
        2013 => msg(&mut found, body, length),
        2004 if answer_to == 0 => query(&mut found, body, length),
        1 => reply(&mut found, body, length),
        2012 => compressed(&mut found, body, length),
        2001 | 2002 | 2005 if answer_to == 0 => named(&mut found, body, code),
        _ => return Read::Not,
    };
    match sound {
        Some(true) => Read::Sure(found),
        Some(false) => Read::Not,
        None if heard.bytes.len() < length + HEADER_BYTES as usize => Read::Short,
        None => Read::Not,
    }
}

/// OP_MSG: flags, then sections; a checksum may follow.
fn msg(found: &mut Message, mut cursor: Cursor<'_>, length: usize) -> Option<bool> {
    found.operation = "msg";
    let flags = cursor.le32()?;
    if flags & !0x0001_0003 != 0 {
        return Some(false);
    }
    let room = length.checked_sub(5)?;
    match cursor.u8()? {
        0 => document(found, cursor, room),
        1 => {
            let size = cursor.le32()? as usize;
            let name = cursor.until(0)?;
            Some(size > 5 && size <= room && matches!(name, b"documents" | b"updates" | b"deletes" | b"ops"))
        }
        _ => Some(false),
    }
}

/// OP_QUERY: flags, `database.collection`, two numbers, a document.
fn query(found: &mut Message, mut cursor: Cursor<'_>, length: usize) -> Option<bool> {
    found.operation = "query";
    if cursor.le32()? & !0xff != 0 {
        return Some(false);
    }
    if !collection(found, cursor.until(0)?) {
        return Some(false);
    }
    cursor.take(8)?;
    document(found, cursor, length)
}

/// OP_REPLY: flags, a cursor, where it starts, how many documents.
fn reply(found: &mut Message, mut cursor: Cursor<'_>, length: usize) -> Option<bool> {
    found.operation = "reply";
    found.answers = true;
    let flags = cursor.le32()?;
    cursor.take(12)?;
    let count = cursor.le32()?;
    if flags & !0xf != 0 || length < 20 {
        return Some(false);
    }
    if count == 0 { Some(length == 20) } else { document(found, cursor, length - 20) }
}

/// OP_COMPRESSED: the operation inside, its size, the compressor.
fn compressed(found: &mut Message, mut cursor: Cursor<'_>, length: usize) -> Option<bool> {
    found.operation = "compressed";
    let inside = cursor.le32()?;
    let size = cursor.le32()?;
    let compressor = cursor.u8()?;
    Some(
        matches!(inside, 2013 | 2004 | 1)
            && (16..=MESSAGE_MAX).contains(&size)
            && compressor <= 3
            && length > 9,
    )
}

/// OP_INSERT, OP_GET_MORE, OP_UPDATE: a number, then a collection.
fn named(found: &mut Message, mut cursor: Cursor<'_>, code: u32) -> Option<bool> {
    found.operation = match code {
        2001 => "update",
        2002 => "insert",
        _ => "get_more",
    };
    let flags = cursor.le32()?;
    let name = cursor.until(0)?;
    Some(flags <= 1 && collection(found, name))
}

fn collection(found: &mut Message, name: &[u8]) -> bool {
    let Some(dot) = name.iter().position(|&byte| byte == b'.') else { return false };
    let database = name.get(..dot).unwrap_or_default();
    found.database = Some(text(database));
    (1..64).contains(&dot) && name.len() > dot + 1 && !name.iter().any(u8::is_ascii_control)
}

/// A BSON document within `room` bytes: its length and its first element.
fn document(found: &mut Message, mut cursor: Cursor<'_>, room: usize) -> Option<bool> {
    let whole = cursor.rest();
    let length = cursor.le32()? as usize;
    if length < 5 || length > room {
        return Some(false);
    }
    let kind = cursor.u8()?;
    if kind == 0 {
        // Only a query may ask for everything; elsewhere an empty document proves too little.
        return Some(length == 5 && found.operation == "query");
    }
    if !matches!(kind, 1..=0x13 | 0x7f | 0xff) {
        return Some(false);
    }
    let name = cursor.until(0)?;
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return Some(false);
    }
    if !found.answers {
        found.command = Some(text(name));
    }
    found.database = found.database.take().or_else(|| target(whole.get(..length).unwrap_or(whole)));
    Some(true)
}

/// The value of the string `$db`.
fn target(document: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"\x02$db\0";
    let at = document.windows(KEY.len()).position(|part| part == KEY)?;
    let mut cursor = Cursor::new(document.get(at + KEY.len()..)?);
    let length = cursor.le32()?;
    let name = cursor.until(0)?;
    (name.len() + 1 == length as usize).then(|| text(name))
}

fn claim(client: Side, found: &Message) -> Claim {
    let mut claim = Claim::by(client).with("operation", found.operation);
    if let Some(database) = &found.database {
        claim = claim.with("database", database.as_str());
    }
    if let Some(command) = &found.command {
        claim = claim.with("command", command.as_str());
    }
    claim
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `None` is no, `Some(None)` more, `Some(Some(..))` yes by this client and with this database.
    fn check(view: View<'_>, expect: Option<Option<(Side, Option<&str>)>>) {
        match (Mongodb.ask(&view), expect) {
            (Answer::No, None) | (Answer::More, Some(None)) => {}
            (Answer::Yes(claim), Some(Some((client, database)))) => {
                assert_eq!(claim.client, Some(client));
                assert_eq!(claim.details.get("database"), database.map(Into::into).as_ref());
            }
            (answer, expect) => panic!("{answer:?} is not {expect:?}"),
        }
    }

    fn framed(answer_to: u8, code: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![body.len() as u8 + 16, 0, 0, 0, 9, 0, 0, 0, answer_to, 0, 0, 0];
        bytes.extend(u32::from(code).to_le_bytes());
        bytes.extend(body);
        bytes
    }

    const PING: &[u8] = b"\0\0\0\0\0\x1c\0\0\0\x10ping\0\x01\0\0\0\x02$db\0\x04\0\0\0gim\0\0";

    #[test]
    fn a_message_names_its_database() {
        check(View::of(&framed(0, 2013, PING), b""), Some(Some((Side::A, Some("gim")))));
        check(View::of(&framed(0, 2013, PING)[..18], b""), Some(None));
    }

    #[test]
    fn an_answer_alone_tells_the_client() {
        check(View::of(b"", &framed(7, 2013, PING)), Some(Some((Side::A, Some("gim")))));
    }

    #[test]
    fn a_query_names_its_collection() {
        let body = b"\0\0\0\0admin.$cmd\0\0\0\0\0\xff\xff\xff\xff\x05\0\0\0\0";
        check(View::of(&framed(0, 2004, body), b""), Some(Some((Side::A, Some("admin")))));
    }

    #[test]
    fn unsound_bodies_are_none() {
        check(View::of(&framed(0, 2013, b"\0\0\x04\0\0\x05\0\0\0\0"), b""), None);
        check(View::of(&framed(0, 2013, b"\0\0\0\0\0\xff\0\0\0\0"), b""), None);
        check(View::of(&framed(0, 2013, PING), b"HTTP/1.1 200 OK\r\n"), None);
        check(View::of(b"GET / HTTP/1.1\r\n\r\n", b""), None);
    }
}
