//! The NetBIOS name service over UDP.
//!
//! Source: RFC 1002 section 4.2.
//! Recognised: a message in the form of DNS whose name is a NetBIOS name of 32 letters and whose type is NB or NBSTAT.
//! Left out: the session service (which carries SMB) and datagrams.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe};
use crate::protocol::wire_name;

/// The registry's entry.
#[derive(Debug)]
pub struct NetbiosNs;

impl Probe for NetbiosNs {
    fn name(&self) -> &'static str {
        "netbios-ns"
    }

    fn title(&self) -> &'static str {
        "The NetBIOS name service, by which Windows of old finds names."
    }

    fn proof(&self) -> &'static str {
        "A message in the form of DNS with one question or answer for a name of 32 letters from A to P, of type NB or NBSTAT. DNS proper never has such names of these types."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Udp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let looks = Side::BOTH.map(|side| look(&view.sides[side]));
        let client = match looks {
            [Look::Not, _] | [_, Look::Not] => return Answer::No,
            [Look::Asks, _] => Side::A,
            [_, Look::Asks] => Side::B,
            [Look::Answers, _] => Side::B,
            [_, Look::Answers] => Side::A,
            [Look::More, Look::More] => return Answer::More,
        };
        Answer::Yes(Claim::by(client))
    }
}

#[derive(Clone, Copy, Debug)]
enum Look {
    Asks,
    Answers,
    More,
    Not,
}

const HEADER_BYTES: usize = 12;
const NB: u16 = 32;
const NBSTAT: u16 = 33;
const INTERNET: u16 = 1;

fn look(heard: &Heard<'_>) -> Look {
    let Some(datagram) = heard.datagrams().next() else {
        return if heard.bytes.is_empty() { Look::More } else { Look::Not };
    };
    match message(datagram) {
        Some(true) => Look::Answers,
        Some(false) => Look::Asks,
        None => Look::Not,
    }
}

/// Whether it is an answer; `None` where it is no such message.
fn message(bytes: &[u8]) -> Option<bool> {
    let mut cursor = Cursor::new(bytes);
    let (_id, flags, questions) = (cursor.be16()?, cursor.be16()?, cursor.be16()?);
    let (answers, authorities, additions) = (cursor.be16()?, cursor.be16()?, cursor.be16()?);
    let answer = flags & 0x8000 != 0;
    let operation = (flags >> 11) & 15;
    let counted = match answer {
        true => questions == 0 && answers <= 1,
        false => questions == 1 && answers == 0 && additions <= 1,
    };
    if !counted
        || authorities > 1
        || !matches!(operation, 0 | 5..=9)
        || !wire_name::is_netbios(bytes, HEADER_BYTES)
    {
        return None;
    }
    let after = wire_name::walk(bytes, HEADER_BYTES, |_| ())?;
    let mut cursor = Cursor::new(bytes.get(after..)?);
    let (kind, class) = (cursor.be16()?, cursor.be16()?);
    (matches!(kind, NB | NBSTAT) && class == INTERNET).then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(view: &View<'_>, expect: &str) {
        let found = match NetbiosNs.ask(view) {
            Answer::Yes(claim) if claim.client == Some(Side::A) => "a",
            Answer::Yes(claim) if claim.client == Some(Side::B) => "b",
            Answer::Yes(_) => "yes",
            Answer::No => "no",
            Answer::More => "more",
        };
        assert_eq!(found, expect);
    }

    fn message(flags: u8, questions: u8, answers: u8, letter: u8) -> Vec<u8> {
        let mut message = vec![0, 7, flags, 0, 0, questions, 0, answers, 0, 0, 0, 0, 32];
        message.extend([letter; 32]);
        message.extend([0, 0, 32, 0, 1]);
        message
    }

    #[test]
    fn either_side_proves_it() {
        check(&View::of_udp(&message(1, 1, 0, b'C'), b""), "a");
        check(&View::of_udp(&message(0x85, 0, 1, b'C'), b""), "b");
    }

    #[test]
    fn others_are_not() {
        check(&View::of_udp(&message(1, 1, 0, b'Q'), b""), "no");
        check(&View::of_udp(&message(1, 0, 0, b'C'), b""), "no");
        check(&View::of_udp(&message(1, 1, 0, b'C')[..40], b""), "no");
    }
}
