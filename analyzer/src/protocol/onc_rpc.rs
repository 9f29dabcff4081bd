//! ONC (Sun) RPC over UDP and TCP: NFS, mount, portmap and their kin.
//!
//! Source: RFC 5531 sections 9 (messages) and 11 (record marking); program numbers by IANA.
//! Recognised: a call with version 2 and sound credentials; a reply behind a record mark that agrees, or with its call.
//! Left out: a reply over UDP without its call: too few of its bits are fixed.

use crate::flow::opening::{End, Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe};

/// The registry's entry.
#[derive(Debug)]
pub struct OncRpc;

impl Probe for OncRpc {
    fn name(&self) -> &'static str {
        "onc-rpc"
    }

    fn title(&self) -> &'static str {
        "ONC (Sun) remote procedure calls: NFS, mount, portmap and others."
    }

    fn proof(&self) -> &'static str {
        "A call of RPC version 2 with a plausible program and well-formed credentials, over TCP behind a record mark that holds it. \
         A reply proves it together with its call, or alone over TCP where it fills its record; over UDP a reply alone proves nothing."
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
        match looks {
            [Look::Not, _] | [_, Look::Not] => Answer::No,
            [Look::Call(call), Look::Reply(_) | Look::More] => Answer::Yes(describe(Side::A, call)),
            [Look::Reply(_) | Look::More, Look::Call(call)] => Answer::Yes(describe(Side::B, call)),
            // NFS 4.0 servers call back on connections of their own; two callers on one are not told apart.
            [Look::Call(_), Look::Call(_)] => Answer::No,
            [Look::Reply(true), Look::More] => Answer::Yes(Claim::by(Side::B)),
            [Look::More, Look::Reply(true)] => Answer::Yes(Claim::by(Side::A)),
            [Look::Reply(_), Look::Reply(_)] => Answer::No,
            _ => Answer::More,
        }
    }
}

/// What a call names.
#[derive(Clone, Copy, Debug)]
struct Call {
    program: u32,
    version: u32,
    procedure: u32,
}

#[derive(Clone, Copy, Debug)]
enum Look {
    Call(Call),
    /// A reply, and whether it proves the protocol alone.
    Reply(bool),
    More,
    Not,
}

fn describe(client: Side, call: Call) -> Claim {
    let claim = Claim::by(client)
        .with("program", u64::from(call.program))
        .with("version", u64::from(call.version))
        .with("procedure", u64::from(call.procedure));
    match call.program {
        100_000 => claim.with("program_name", "portmap"),
        100_003 => claim.with("program_name", "nfs"),
        100_004 => claim.with("program_name", "ypserv"),
        100_005 => claim.with("program_name", "mount"),
        100_021 => claim.with("program_name", "nlockmgr"),
        100_024 => claim.with("program_name", "status"),
        100_227 => claim.with("program_name", "nfs-acl"),
        _ => claim,
    }
}

/// RFC 5531: a credential has at most 400 bytes.
const CREDENTIAL_BYTES: u32 = 400;

/// Servers take NFS writes of one mebibyte, some of four.
const RECORD_BYTES: usize = 8 << 20;

fn look(transport: Transport, heard: &Heard<'_>) -> Look {
    let Some(datagram) = heard.datagrams().next() else {
        return if heard.bytes.is_empty() { Look::More } else { Look::Not };
    };
    let cut = heard.end == End::Cut && datagram.len() == heard.bytes.len();
    let mut cursor = Cursor::new(datagram);
    let mut record = None;
    if transport == Transport::Tcp {
        let Some(mark) = cursor.be32() else {
            return if matches!(datagram.first(), Some(0 | 0x80)) { Look::More } else { Look::Not };
        };
        let length = (mark & 0x7fff_ffff) as usize;
        if !(24..RECORD_BYTES).contains(&length) || !length.is_multiple_of(4) {
            return Look::Not;
        }
        record = Some((mark >> 31 == 1, length));
    } else if !cut && !datagram.len().is_multiple_of(4) {
        return Look::Not;
    }
    let fills = record.is_some_and(|(last, length)| last && cursor.left() == length);
    let bound = record.map_or(cursor.left(), |(_, length)| length);
    let short = if cut || cursor.left() < bound { Look::More } else { Look::Not };
    let (Some(_xid), Some(kind)) = (cursor.be32(), cursor.be32()) else { return short };
    match kind {
        0 => match call(&mut cursor) {
            Some(Some(found)) => Look::Call(found),
            Some(None) => Look::Not,
            None => short,
        },
        1 => match reply(&mut cursor) {
            Some(true) => Look::Reply(fills),
            Some(false) => Look::Not,
            None => short,
        },
        _ => Look::Not,
    }
}

/// `None` where it is cut, `Some(None)` where it is no call.
fn call(cursor: &mut Cursor<'_>) -> Option<Option<Call>> {
    if cursor.be32()? != 2 {
        return Some(None);
    }
    let found = Call { program: cursor.be32()?, version: cursor.be32()?, procedure: cursor.be32()? };
    let sound =
        (100_000..0x6000_0000).contains(&found.program) && found.version < 256 && found.procedure < 4096;
    if !sound {
        return Some(None);
    }
    for _ in 0..2 {
        if !credential(cursor)? {
            return Some(None);
        }
    }
    Some(Some(found))
}

/// A flavour (none, system, short, DH, Kerberos, GSS, TLS) and its counted bytes.
fn credential(cursor: &mut Cursor<'_>) -> Option<bool> {
    let (flavour, length) = (cursor.be32()?, cursor.be32()?);
    if !matches!(flavour, 0..=4 | 6 | 7) || length > CREDENTIAL_BYTES || (flavour == 0 && length != 0) {
        return Some(false);
    }
    cursor.take((length as usize).next_multiple_of(4)).map(|_| true)
}

/// Accepted with a verifier and a state, or denied with a reason.
fn reply(cursor: &mut Cursor<'_>) -> Option<bool> {
    match cursor.be32()? {
        0 => Some(credential(cursor)? && cursor.be32()? <= 5),
        1 => match cursor.be32()? {
            0 => Some(cursor.be32()? <= 16 && cursor.be32()? <= 16),
            1 => Some(cursor.be32()? <= 14),
            _ => Some(false),
        },
        _ => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn call() -> Vec<u8> {
        words(&[7, 0, 2, 100_003, 3, 1, 0, 0, 0, 0])
    }

    fn reply() -> Vec<u8> {
        words(&[7, 1, 0, 0, 0, 0])
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        [&(0x8000_0000 | message.len() as u32).to_be_bytes(), message].concat()
    }

    #[track_caller]
    fn check(view: &View<'_>, expect: &str) {
        let found = match OncRpc.ask(view) {
            Answer::Yes(claim) if claim.client == Some(Side::A) => "a",
            Answer::Yes(_) => "b",
            Answer::No => "no",
            Answer::More => "more",
        };
        assert_eq!(found, expect);
    }

    #[test]
    fn a_call_proves_it() {
        check(&View::of_udp(&call(), b""), "a");
        check(&View::of_udp(&reply(), &call()), "b");
        check(&View::of(&framed(&call()), b""), "a");
        check(&View::of(b"", &framed(&call())), "b");
    }

    #[test]
    fn a_reply_alone_needs_its_record() {
        check(&View::of(&framed(&reply()), b""), "b");
        check(&View::of_udp(&reply(), b""), "more");
    }

    #[test]
    fn what_is_cut_short_is_undecided() {
        check(&View::of_udp(&call()[..30], b"").ended(End::Cut), "more");
        check(&View::of_udp(&call()[..28], b""), "no");
        check(&View::of(&framed(&call())[..30], b""), "more");
        check(&View::of(&[0x80, 0], b""), "more");
    }

    #[test]
    fn others_are_not() {
        check(&View::of_udp(&words(&[7, 0, 2, 519, 3, 1, 0, 0, 0, 0]), b""), "no");
        check(&View::of_udp(&words(&[7, 0, 3, 100_003, 3, 1, 0, 0, 0, 0]), b""), "no");
        check(&View::of_udp(&words(&[7, 0, 2, 100_003, 3, 1, 0, 4, 0, 0]), b""), "no");
        check(&View::of_udp(&call(), &call()), "no");
        check(&View::of(&[0; 64], b""), "no");
        check(&View::of(b"GET / HTTP/1.1\r\n\r\n", b""), "no");
        check(&View::of_udp(&[0; 48], b""), "no");
    }
}
