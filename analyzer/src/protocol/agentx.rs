//! AgentX, between an SNMP master agent and its sub-agents, over TCP.
//!
//! Source: RFC 2741 section 6 (protocol data units).
//! Recognised: an Open PDU alone; any other PDUs where both sides', or several of one side, agree.
//! Left out: one single PDU other than Open, heard from one side only.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe, text};

/// The registry's entry.
#[derive(Debug)]
pub struct Agentx;

impl Probe for Agentx {
    fn name(&self) -> &'static str {
        "agentx"
    }

    fn title(&self) -> &'static str {
        "AgentX, the protocol between an SNMP master agent and its sub-agents"
    }

    fn proof(&self) -> &'static str {
        "PDUs with version 1, a known type, zero reserved bits and lengths that agree: an Open with its identifier and \
         description, or several PDUs one after another. A single PDU of another type is left out."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let sides = Side::BOTH.map(|side| (side, read(view.sides[side])));
        if sides.iter().any(|(_, seen)| seen.is_none()) {
            return Answer::No;
        }
        let seen = || sides.iter().filter_map(|(side, seen)| Some((*side, seen.as_ref()?)));
        let open = seen().find(|(_, seen)| seen.open);
        let total: usize = seen().map(|(_, seen)| seen.pdus).sum();
        if open.is_none() && total < PDUS_MIN {
            return Answer::More;
        }
        let client = open
            .or_else(|| seen().find(|(_, seen)| seen.sub_agent > 0 && seen.master == 0))
            .map(|(side, _)| side)
            .or_else(|| {
                seen().find(|(_, seen)| seen.master > 0 && seen.sub_agent == 0).map(|(side, _)| side.other())
            });
        let mut claim = Claim { client, ..Claim::default() };
        if let Some(description) =
            seen().find_map(|(_, seen)| seen.description.filter(|text| !text.is_empty()))
        {
            claim = claim.with("description", text(description));
        }
        Answer::Yes(claim)
    }
}

/// PDUs that prove the protocol where no Open was seen.
const PDUS_MIN: usize = 3;

/// PDUs of each side that are read.
const PDUS_READ: usize = 8;

/// The longest payload that is believed; PDUs are a few hundred bytes.
const PAYLOAD_MAX: u32 = 1 << 20;

/// What one side's PDUs show.
#[derive(Debug, Default)]
struct Seen<'a> {
    open: bool,
    pdus: usize,
    sub_agent: usize,
    master: usize,
    description: Option<&'a [u8]>,
}

/// `None` where it is not AgentX.
fn read(heard: Heard<'_>) -> Option<Seen<'_>> {
    let mut seen = Seen::default();
    let mut cursor = Cursor::new(heard.bytes);
    for _ in 0..PDUS_READ {
        let rest = cursor.rest();
        let fits = matches!(rest.first(), None | Some(1))
            && matches!(rest.get(1), None | Some(1..=18))
            && matches!(rest.get(2), None | Some(0..=0x1f))
            && matches!(rest.get(3), None | Some(0));
        if !fits {
            return (seen.pdus > 0).then_some(seen);
        }
        let Some(&[_, kind, flags, _]) = cursor.take(4).and_then(|head| head.first_chunk::<4>()) else {
            break;
        };
        let big = flags & 0x10 != 0;
        let Some(ids) = cursor.take(12) else { break };
        let Some(length) = number(&mut cursor, big) else { break };
        if length % 4 != 0 || length > PAYLOAD_MAX || !length_fits(kind, length) {
            return None;
        }
        let Some(payload) = cursor.take(length as usize) else { break };
        if kind == 1 {
            let description = open(payload, big)?;
            if ids.get(..4) != Some(&[0; 4]) {
                return None;
            }
            (seen.open, seen.description) = (true, Some(description));
        }
        match kind {
            1 | 3 | 4 | 12..=17 => seen.sub_agent += 1,
            5..=11 => seen.master += 1,
            _ => {}
        }
        seen.pdus += 1;
    }
    Some(seen)
}

fn number(cursor: &mut Cursor<'_>, big: bool) -> Option<u32> {
    if big { cursor.be32() } else { cursor.le32() }
}

/// Whether a PDU of that type may have a payload of that length.
const fn length_fits(kind: u8, length: u32) -> bool {
    match kind {
        1 => length >= 12,
        2 => length == 4,
        9..=11 => length == 0,
        18 => length >= 8,
        3..=6 | 12 | 14..=17 => length >= 4,
        _ => true,
    }
}

/// The description in the payload of an Open.
fn open(payload: &[u8], big: bool) -> Option<&[u8]> {
    let mut cursor = Cursor::new(payload);
    let [_, 0, 0, 0] = cursor.array()? else { return None };
    let [ids, _, 0 | 1, 0] = cursor.array()? else { return None };
    cursor.take(usize::from(ids) * 4)?;
    let length = number(&mut cursor, big)? as usize;
    let description = cursor.take(length)?;
    let padding = cursor.rest();
    (padding.len() < 4 && padding.iter().all(|&byte| byte == 0)).then_some(description)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client of a yes, else the answer.
    fn check(a: &[u8], b: &[u8], expect: Result<Option<Side>, Answer>) {
        let found = match Agentx.ask(&View::of(a, b)) {
            Answer::Yes(claim) => Ok(claim.client),
            other => Err(other),
        };
        assert_eq!(found, expect, "{a:?} {b:?}");
    }

    const OPEN: &[u8] =
        b"\x01\x01\x10\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x14\x05\0\0\0\0\0\0\0\0\0\0\x06tenant\0\0";
    const RESPONSE: &[u8] = b"\x01\x12\x10\0\0\0\0\x07\0\0\0\0\0\0\0\x01\0\0\0\x08\0\0\0\x09\0\0\0\0";
    const PING: &[u8] = b"\x01\x0d\x10\0\0\0\0\x07\0\0\0\0\0\0\0\x02\0\0\0\0";

    #[test]
    fn an_open_names_the_sub_agent() {
        check(OPEN, b"", Ok(Some(Side::A)));
        check(RESPONSE, OPEN, Ok(Some(Side::B)));
        for end in 0..OPEN.len() {
            check(&OPEN[..end], b"", Err(Answer::More));
        }
    }

    #[test]
    fn several_pdus_are_enough_without_an_open() {
        check(PING, RESPONSE, Err(Answer::More));
        check(&[PING, PING].concat(), RESPONSE, Ok(Some(Side::A)));
    }

    #[test]
    fn near_misses_are_a_no() {
        check(b"\x01\x13\0\0", b"", Err(Answer::No));
        check(b"\x01\x01\0\x01", b"", Err(Answer::No));
        check(OPEN, b"HTTP/1.1", Err(Answer::No));
        check(&[&OPEN[..19], b"\x15", &OPEN[20..]].concat(), b"", Err(Answer::No));
    }
}
