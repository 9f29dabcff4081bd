//! Pekko and Akka remoting: classic over TCP (Flink's RPC), and Artery over TCP.
//!
//! Source: Pekko's WireFormats.proto (AkkaProtocolMessage, AkkaControlMessage), Artery's TCP framing ("AKKA", stream id).
//! Recognised: the association, heartbeats, messages with an actor path, Artery's magic with a stream id.
//! Left out: Artery over UDP, and classic messages whose envelope begins elsewhere.

use crate::flow::opening::{Heard, View};
use crate::net::Transport;
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe, text};

/// The registry's entry.
#[derive(Debug)]
pub struct Pekko;

impl Probe for Pekko {
    fn name(&self) -> &'static str {
        "pekko"
    }

    fn title(&self) -> &'static str {
        "Remoting of the actor systems Pekko and Akka, as Flink's RPC uses it"
    }

    fn proof(&self) -> &'static str {
        "A length and a protocol message that agree: an association that names its actor system, a heartbeat, or an \
         envelope with an actor path; or Artery's magic `AKKA` with a stream id. Artery over UDP is left out."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut best = Answer::No;
        let mut found: Option<Claim> = None;
        for (side, heard, other) in view.ways() {
            match frame(heard) {
                Fit::Not => return Answer::No,
                Fit::More => best = Answer::More,
                Fit::Yes(claim) if found.is_none() => {
                    let began = view.first == Some(side) && heard.is_first();
                    let heard_all = other.is_first() || other.bytes.is_empty();
                    let associates = began && heard_all && claim.details.contains_key("system");
                    let client = (associates || claim.details.contains_key("stream")).then_some(side);
                    found = Some(Claim { client, ..claim });
                }
                Fit::Yes(_) => {}
            }
        }
        found.map_or(best, Answer::Yes)
    }
}

enum Fit {
    Yes(Claim),
    More,
    Not,
}

/// The largest message that is believed; Flink's akka.framesize is 10 MiB.
const MESSAGE_MAX: u32 = 256 << 20;

/// What an actor path begins with.
const SCHEMES: &[&[u8]] = &[b"akka.", b"akka:", b"pekko.", b"pekko:"];

fn frame(heard: Heard<'_>) -> Fit {
    let bytes = heard.bytes;
    if bytes.is_empty() {
        return Fit::More;
    }
    if b"AKKA".starts_with(bytes.get(..4).unwrap_or(bytes)) {
        return artery(bytes);
    }
    let mut cursor = Cursor::new(bytes);
    let Some(size) = cursor.be32() else {
        return if bytes.first().is_some_and(|&byte| byte < 0x10) { Fit::More } else { Fit::Not };
    };
    if !(4..=MESSAGE_MAX).contains(&size) {
        return Fit::Not;
    }
    let size = size as usize;
    let Some(tag) = cursor.u8() else { return Fit::More };
    let before = cursor.left();
    if tag != 0x0a && tag != 0x12 {
        return Fit::Not;
    }
    let Some(length) = varint(&mut cursor) else { return if before < 5 { Fit::More } else { Fit::Not } };
    if u64::try_from(1 + before - cursor.left()).ok().and_then(|head| head.checked_add(length))
        != Some(size as u64)
    {
        return Fit::Not;
    }
    let whole = cursor.left() as u64 >= length;
    let inside =
        usize::try_from(length).ok().and_then(|length| cursor.rest().get(..length)).unwrap_or(cursor.rest());
    if tag == 0x12 {
        if whole { control(inside).map_or(Fit::Not, Fit::Yes) } else { Fit::More }
    } else if has_path(inside) {
        Fit::Yes(Claim::default())
    } else if whole {
        Fit::Not
    } else {
        Fit::More
    }
}

/// A control message: associate with its origin, disassociate, heartbeat.
fn control(bytes: &[u8]) -> Option<Claim> {
    let mut cursor = Cursor::new(bytes);
    let [0x08, kind] = cursor.array()? else { return None };
    match kind {
        2..=5 => cursor.is_done().then(Claim::default),
        1 => {
            let handshake = field(&mut cursor, 0x12)?;
            let mut handshake = Cursor::new(handshake);
            let mut origin = Cursor::new(field(&mut handshake, 0x0a)?);
            let (system, host) = (field(&mut origin, 0x0a)?, field(&mut origin, 0x12)?);
            if origin.u8()? != 0x18 || varint(&mut origin)? > u64::from(u16::MAX) {
                return None;
            }
            let named = [system, host]
                .iter()
                .all(|name| !name.is_empty() && name.iter().all(|byte| (b'!'..0x7f).contains(byte)));
            named.then(|| Claim::default().with("system", text(system)))
        }
        _ => None,
    }
}

/// Artery: the magic, a stream id, and frames with their length in little endian.
fn artery(bytes: &[u8]) -> Fit {
    let mut cursor = Cursor::new(bytes.get(4..).unwrap_or_default());
    let Some(stream) = cursor.u8() else { return Fit::More };
    let name = match stream {
        1 => "control",
        2 => "ordinary",
        3 => "large",
        _ => return Fit::Not,
    };
    match cursor.le32() {
        Some(size) if !(20..=MESSAGE_MAX).contains(&size) => Fit::Not,
        _ => Fit::Yes(Claim::default().with("stream", name)),
    }
}

/// The bytes of a field that has this tag and a length.
fn field<'a>(cursor: &mut Cursor<'a>, tag: u8) -> Option<&'a [u8]> {
    if cursor.u8()? != tag {
        return None;
    }
    let length = varint(cursor)?;
    cursor.take(usize::try_from(length).ok()?)
}

fn varint(cursor: &mut Cursor<'_>) -> Option<u64> {
    let mut value = 0;
    for shift in [0, 7, 14, 21, 28] {
        let byte = cursor.u8()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Whether an actor path with its length in front stands in the envelope.
fn has_path(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some((&[tag, _], _)) = rest.split_first_chunk::<2>() {
        let mut cursor = Cursor::new(rest);
        if tag == 0x0a
            && let Some(path) = field(&mut cursor, 0x0a)
            && SCHEMES.iter().any(|scheme| path.starts_with(scheme))
            && path.windows(3).any(|window| window == b"://")
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
    use crate::net::Side;

    /// The client of a yes, else the answer.
    fn check(a: &[u8], b: &[u8], expect: Result<Option<Side>, Answer>) {
        let found = match Pekko.ask(&View::of(a, b)) {
            Answer::Yes(claim) => Ok(claim.client),
            other => Err(other),
        };
        assert_eq!(found, expect, "{a:?} {b:?}");
    }

    const ASSOCIATE: &[u8] = b"\0\0\0\x29\x12\x27\x08\x01\x12\x23\x0a\x18\x0a\x05flink\x12\x02jm\x18\xeb\x2f\x22\x08akka.tcp\x11\x01\x02\x03\x04\x05\x06\x07\x08";
    const HEARTBEAT: &[u8] = b"\0\0\0\x04\x12\x02\x08\x03";

    #[test]
    fn an_association_names_its_system() {
        check(ASSOCIATE, b"", Ok(Some(Side::A)));
        check(ASSOCIATE, ASSOCIATE, Ok(Some(Side::A)));
        for end in 0..ASSOCIATE.len() {
            check(&ASSOCIATE[..end], b"", Err(Answer::More));
        }
    }

    #[test]
    fn heartbeats_and_envelopes_are_known_midstream() {
        check(HEARTBEAT, b"", Ok(None));
        check(b"\0\0\0\x17\x0a\x15\x12\x13\x0a\x11\x0a\x0fpekko.tcp://f/u", b"", Ok(None));
    }

    #[test]
    fn artery_is_known_by_its_magic() {
        check(b"AKKA\x01", b"", Ok(Some(Side::A)));
        check(b"AKKA", b"", Err(Answer::More));
        check(b"AKKA\x04", b"", Err(Answer::No));
    }

    #[test]
    fn near_misses_are_a_no() {
        check(b"\0\0\0\x05\x12\x02\x08\x03\0", b"", Err(Answer::No));
        check(b"\0\0\0\x04\x12\x02\x08\x09", b"", Err(Answer::No));
        check(HEARTBEAT, b"HTTP/1.1 400", Err(Answer::No));
        check(b"\0\0\0\x0a\0\x12\0\0\0\0\0\x01\xff\xff", b"", Err(Answer::No));
    }
}
