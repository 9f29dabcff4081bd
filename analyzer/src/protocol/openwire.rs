//! OpenWire, the protocol of Apache ActiveMQ, over TCP.
//!
//! Source: ActiveMQ's OpenWire specification, versions 1 to 12 (wire format info, commands, loose and tight encoding).
//! Recognised: WireFormatInfo with its magic; without it commands whose lengths agree and that carry ids or answer one another.
//! Left out: streams with disabled length prefixes, and single commands without an id.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe};

/// The registry's entry.
#[derive(Debug)]
pub struct Openwire;

impl Probe for Openwire {
    fn name(&self) -> &'static str {
        "openwire"
    }

    fn title(&self) -> &'static str {
        "OpenWire, the native protocol of ActiveMQ brokers and their clients"
    }

    fn proof(&self) -> &'static str {
        "A WireFormatInfo with its magic `ActiveMQ`, or, where the start was missed, commands whose lengths agree \
         and that carry ActiveMQ ids or answer one another. A single command without an id is left out."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let [a, b] = Side::BOTH.map(|side| read(view.sides[side]));
        if a.no || b.no {
            return Answer::No;
        }
        let proved = a.version.is_some()
            || b.version.is_some()
            || a.ids + b.ids > 0
            || a.answers_to(&b)
            || b.answers_to(&a)
            || a.in_order >= IN_ORDER
            || b.in_order >= IN_ORDER;
        if !proved {
            return Answer::More;
        }
        let client = match (a.role(), b.role()) {
            (Some(Role::Client), _) | (None, Some(Role::Broker)) => Some(Side::A),
            (_, Some(Role::Client)) | (Some(Role::Broker), None) => Some(Side::B),
            _ => None,
        };
        let mut claim = Claim { client, unfinished: client.is_none(), ..Claim::default() };
        if let Some(version) = [a.version, b.version].into_iter().flatten().min() {
            claim = claim.with("version", u64::from(version));
        }
        let encoding = match (a.tight, b.tight) {
            (Some(false), _) | (_, Some(false)) => Some("loose"),
            (Some(true), Some(true)) => Some("tight"),
            _ => None,
        };
        if let Some(encoding) = encoding {
            claim = claim.with("encoding", encoding);
        }
        Answer::Yes(claim)
    }
}

/// Which end of the protocol a side speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Client,
    Broker,
}

/// What one side's commands show.
#[derive(Debug, Default)]
struct Seen {
    /// It is not OpenWire.
    no: bool,
    /// Of its WireFormatInfo.
    version: Option<u32>,
    tight: Option<bool>,
    /// Commands that carry an ActiveMQ id or a Java class name.
    ids: usize,
    /// Ids of whole commands, and the ids that whole responses name.
    commands: Vec<u32>,
    answers: Vec<u32>,
    /// Whole responses and keep-alives whose command ids ascend.
    in_order: usize,
    client: usize,
    broker: usize,
}

impl Seen {
    fn answers_to(&self, other: &Self) -> bool {
        self.answers.iter().any(|answer| other.commands.contains(answer))
    }

    fn role(&self) -> Option<Role> {
        match (self.client, self.broker) {
            (1.., 0) => Some(Role::Client),
            (0, 1..) => Some(Role::Broker),
            _ => None,
        }
    }
}

/// The largest command: ActiveMQ's default maxFrameSize is 100 MiB.
const COMMAND_MAX: u32 = 100 << 20;

/// Type, command id, and whether a response is asked: the least command of the loose encoding.
const COMMAND_MIN: u32 = 6;

/// Commands of each side that are read: the dialogue that opens a connection has about six.
const COMMANDS_READ: usize = 16;

/// Bare responses one after another that prove a side heard alone.
const IN_ORDER: usize = 4;

/// The newest version of the wire format that is believed; 12 is the newest that is known.
const VERSION_MAX: u32 = 16;

const WIRE_FORMAT_INFO: u8 = 1;
const KEEP_ALIVE: u8 = 10;
const RESPONSE: u8 = 30;
const MAGIC: &[u8] = b"ActiveMQ";

fn read(heard: Heard<'_>) -> Seen {
    let mut seen = Seen::default();
    let mut cursor = Cursor::new(heard.bytes);
    for count in 0..COMMANDS_READ {
        let Some(size) = cursor.be32() else {
            let tail = cursor.rest().first().copied();
            seen.no |= count == 0 && tail.is_some_and(|byte| byte > 6);
            break;
        };
        if !(COMMAND_MIN..=COMMAND_MAX).contains(&size) {
            seen.no |= count == 0;
            break;
        }
        let size = size as usize;
        let frame = cursor.rest().get(..size).unwrap_or(cursor.rest());
        let whole = frame.len() == size;
        let Some((&kind, body)) = frame.split_first() else { break };
        let fits = match kind {
            WIRE_FORMAT_INFO => wire_format(body, &mut seen),
            2..=12 | 14..=34 => command(kind, body, size, whole, &mut seen),
            _ => false,
        };
        if !fits {
            seen.no |= count == 0;
            break;
        }
        if cursor.take(size).is_none() {
            break;
        }
    }
    seen
}

/// Behind the type of a WireFormatInfo.
fn wire_format(body: &[u8], seen: &mut Seen) -> bool {
    let mut cursor = Cursor::new(body);
    let Some(magic) = cursor.take(MAGIC.len()) else { return MAGIC.starts_with(body) };
    if magic != MAGIC {
        return false;
    }
    let Some(version) = cursor.be32() else { return true };
    if !(1..=VERSION_MAX).contains(&version) {
        return false;
    }
    seen.version = Some(version);
    const KEY: &[u8] = b"TightEncodingEnabled\x01";
    let at = cursor.rest().windows(KEY.len()).position(|window| window == KEY);
    seen.tight = at.and_then(|at| cursor.rest().get(at + KEY.len())).map(|&flag| flag == 1);
    true
}

/// Behind the type of any other command: true where it may be one.
fn command(kind: u8, body: &[u8], size: usize, whole: bool, seen: &mut Seen) -> bool {
    let loose = head(body, 0).filter(|&(_, rest)| matches!(rest.first(), None | Some(0 | 1)));
    let tight = match body.first() {
        Some(&bits @ 1..=32) => head(body, 1 + usize::from(bits)),
        _ => None,
    };
    if loose.is_none() && tight.is_none() {
        return !whole;
    }
    let has_ids = has_text(body);
    if has_ids {
        seen.ids += 1;
    }
    let exact = match kind {
        RESPONSE => 4,
        KEEP_ALIVE | 11 => 0,
        _ => {
            if whole && !has_ids && !matches!(kind, 2..=34) {
                return false;
            }
            let ids = [loose, tight].into_iter().flatten().map(|(id, _)| id);
            seen.commands.extend(ids.filter(|_| whole));
            note_role(kind, seen);
            return true;
        }
    };
    let found = [loose.filter(|_| size == 6 + exact).map(|(id, rest)| (id, rest.get(1..))), {
        tight.filter(|&(_, rest)| whole && rest.len() == exact).map(|(id, rest)| (id, Some(rest)))
    }];
    let Some((id, rest)) = found.into_iter().flatten().next() else { return false };
    if whole {
        if seen.commands.last().is_none_or(|&last| last < id) {
            seen.in_order += usize::from(kind == RESPONSE);
        }
        seen.commands.push(id);
        seen.answers.extend(rest.and_then(|rest| Cursor::new(rest).be32()).filter(|&answer| answer > 0));
    }
    note_role(kind, seen);
    true
}

/// The command id behind `skip` bytes, and what follows.
fn head(body: &[u8], skip: usize) -> Option<(u32, &[u8])> {
    let mut cursor = Cursor::new(body.get(skip..)?);
    let id = cursor.be32()?;
    (id <= i32::MAX as u32).then_some((id, cursor.rest()))
}

/// Sessions, producers, acknowledgements come from clients; dispatches, responses, broker facts from brokers.
fn note_role(kind: u8, seen: &mut Seen) {
    match kind {
        3..=6 | 20 | 22 => seen.client += 1,
        2 | 18 | 21 | 30..=34 => seen.broker += 1,
        _ => {}
    }
}

/// What the texts of an id or of an exception begin with.
const TEXTS: &[&[u8]] =
    &[b"ID:", b"java.lang.", b"java.io.", b"javax.jms.", b"jakarta.jms.", b"org.apache.activemq."];

/// Whether there is a string, with its length in front, that begins as one of ActiveMQ's.
fn has_text(body: &[u8]) -> bool {
    let mut rest = body;
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        if (6..=512).contains(&length)
            && TEXTS.iter().any(|text| behind.starts_with(text))
            && behind.get(..length).is_some_and(|text| text.iter().all(|byte| (b' '..0x7f).contains(byte)))
        {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::opening::{End, Start};

    /// `None`: no; `Some(None)`: more; else the client.
    fn check(a: &[u8], b: &[u8], expect: Result<Option<Side>, Answer>) {
        for view in [View::of(a, b), View::of(a, b).started(Start::Midstream).ended(End::Cut)] {
            let found = match Openwire.ask(&view) {
                Answer::Yes(claim) => Ok(claim.client),
                other => Err(other),
            };
            assert_eq!(found, expect, "{a:?} {b:?}");
        }
    }

    const INFO: &[u8] = b"\0\0\0\x12\x01ActiveMQ\0\0\0\x0c\x01\0\0\0\0";

    #[test]
    fn the_magic_is_enough_from_either_side() {
        check(INFO, b"", Ok(None));
        check(b"", INFO, Ok(None));
        check(&INFO[..17], b"", Ok(None));
    }

    #[test]
    fn a_piece_of_the_magic_says_more() {
        for end in 0..17 {
            check(&INFO[..end], b"", Err(Answer::More));
        }
    }

    #[test]
    fn connection_info_names_the_client() {
        let mut client = INFO.to_vec();
        client.extend(b"\0\0\0\x10\x03\0\0\0\x01\x01\x01\x79\x01\0\x06ID:a-1");
        check(&client, INFO, Ok(Some(Side::A)));
        check(INFO, &client, Ok(Some(Side::B)));
    }

    #[test]
    fn version_and_encoding_are_told() {
        let info = |tight: u8| {
            let mut info =
                b"\0\0\0\x30\x01ActiveMQ\0\0\0\x0c\x01\0\0\0\0\0\0\0\x01\0\x14TightEncodingEnabled\x01"
                    .to_vec();
            info.push(tight);
            info
        };
        let (yes, no) = (info(1), info(0));
        let Answer::Yes(claim) = Openwire.ask(&View::of(&yes, &yes)) else { panic!("no claim") };
        assert_eq!(claim.details["encoding"], "tight".into());
        assert_eq!(claim.details["version"], 12.into());
        let Answer::Yes(claim) = Openwire.ask(&View::of(&yes, &no)) else { panic!("no claim") };
        assert_eq!(claim.details["encoding"], "loose".into());
    }

    #[test]
    fn midstream_commands_that_answer_one_another_are_enough() {
        let ask = b"\0\0\0\x07\x0c\x01\x80\0\0\0\x09";
        let tight = b"\0\0\0\x0b\x1e\x01\0\0\0\0\x31\0\0\0\x09";
        check(ask, tight, Ok(Some(Side::A)));
        let ask = b"\0\0\0\x08\x0c\0\0\0\x09\x01\0\0";
        let loose = b"\0\0\0\x0a\x1e\0\0\0\x31\0\0\0\0\x09";
        check(ask, loose, Ok(Some(Side::A)));
        check(b"", loose, Err(Answer::More));
    }

    #[test]
    fn others_with_lengths_in_front_are_not_openwire() {
        check(b"\0\0\0\x0d\x06\0\0\0\x01\0\0\0\0\0\0\x40\0", b"", Err(Answer::More));
        check(b"\0\0\0\x16\0\x12\0\0\0\0\0\x01\0\x05billy", b"", Err(Answer::No));
        check(b"\0\0\0\x08\x04\xd2\x16\x2f", b"N", Err(Answer::No));
        check(b"AMQP\0\0\x09\x01", b"", Err(Answer::No));
        check(b"GET / HTTP/1.1\r\n\r\n", b"", Err(Answer::No));
        check(b"\0\0\0\x12\x01ActiveMX\0\0\0\x0c\x01\0\0\0\0", b"", Err(Answer::No));
    }
}
