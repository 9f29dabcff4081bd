//! SNMP v1, v2c and v3, over UDP and TCP.
//!
//! Source: RFC 1157 section 4 (v1), RFC 3416 section 3 (PDUs), RFC 3412 section 6 (v3 header), RFC 3430 (TCP).
//! Recognised: a message whose nested lengths, version and PDU agree; all that was seen of it is checked.
//! Left out: communities, user names and keys are secrets and are never told.

use crate::flow::opening::{End, Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::ber::{INTEGER, OCTETS, OID, SEQUENCE, Stop, Values};
use crate::protocol::probe::{Answer, Claim, Probe};

/// The registry's entry.
#[derive(Debug)]
pub struct Snmp;

impl Probe for Snmp {
    fn name(&self) -> &'static str {
        "snmp"
    }

    fn title(&self) -> &'static str {
        "SNMP, the network management protocol, versions 1, 2c and 3"
    }

    fn proof(&self) -> &'static str {
        "A message of nested BER values whose lengths all agree: version, community and a known PDU, or the header \
         of version 3. Communities and user names are read over, never told."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Udp, Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut found: Option<(Side, Message)> = None;
        let mut short = false;
        for (side, heard, _) in view.ways() {
            let Some(bytes) = heard.datagrams().next().filter(|bytes| !bytes.is_empty()) else { continue };
            match message(bytes, view.transport, heard) {
                Ok(message) if found.is_none() => found = Some((side, message)),
                Ok(message) => {
                    if let Some((_, first)) = &mut found
                        && first.role == Role::Either
                    {
                        first.role = match message.role {
                            Role::Asks => Role::Answers,
                            Role::Answers => Role::Asks,
                            Role::Either => Role::Either,
                        };
                    }
                }
                Err(Stop::Short) => short = true,
                Err(Stop::Bad) => return Answer::No,
            }
        }
        let Some((side, message)) = found else {
            return if short || view.sides.0.iter().all(|heard| heard.bytes.is_empty()) {
                Answer::More
            } else {
                Answer::No
            };
        };
        let mut claim = Claim::default().with("version", message.version).with("pdu", message.pdu);
        claim.client = match message.role {
            Role::Asks => Some(side),
            Role::Answers => Some(side.other()),
            Role::Either => None,
        };
        if let Some(level) = message.level {
            claim = claim.with("security_level", level);
        }
        Answer::Yes(claim)
    }
}

/// Whether the sender of a PDU began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Asks,
    Answers,
    Either,
}

/// What one message shows.
#[derive(Debug)]
struct Message {
    version: &'static str,
    pdu: &'static str,
    role: Role,
    level: Option<&'static str>,
}

/// The longest community that is believed.
const COMMUNITY_MAX: usize = 255;

/// The largest error status that is believed: RFC 3416 ends at 18, and agents go beyond it.
const ERROR_MAX: i64 = 127;

/// The longest engine id, with room for engines that keep to no rule (RFC 3411 says 32).
const ENGINE_MAX: usize = 64;

fn message(bytes: &[u8], transport: Transport, heard: Heard<'_>) -> Result<Message, Stop> {
    if bytes.first() != Some(&SEQUENCE) {
        return Err(Stop::Bad);
    }
    let (_, inner, length) = Values::new(bytes, usize::MAX).any()?;
    if transport == Transport::Udp && inner.len() < length && !matches!(heard.end, End::Cut | End::Full) {
        return Err(Stop::Bad);
    }
    let mut values = Values::new(inner, length);
    match values.integer()? {
        0 => community("1", &[0xa0, 0xa1, 0xa2, 0xa3, 0xa4], values),
        1 => community("2c", &[0xa0, 0xa1, 0xa2, 0xa3, 0xa5, 0xa6, 0xa7, 0xa8], values),
        3 => version_3(values),
        _ => Err(Stop::Bad),
    }
}

fn community(version: &'static str, pdus: &[u8], mut values: Values<'_>) -> Result<Message, Stop> {
    if values.whole(OCTETS)?.len() > COMMUNITY_MAX {
        return Err(Stop::Bad);
    }
    let (tag, inner, length) = values.any()?;
    if !pdus.contains(&tag) || !values.is_done() {
        return Err(Stop::Bad);
    }
    pdu(tag, Values::new(inner, length)).map(|(pdu, role)| Message { version, pdu, role, level: None })
}

fn version_3(mut values: Values<'_>) -> Result<Message, Stop> {
    let mut header = values.inside(SEQUENCE)?;
    let (id, size) = (header.integer()?, header.integer()?);
    let &[flags] = header.whole(OCTETS)? else { return Err(Stop::Bad) };
    let model = header.integer()?;
    let sane = id >= 0 && size >= 484 && flags & !0x07 == 0 && flags & 3 != 2 && model > 0;
    if !sane || !header.is_done() {
        return Err(Stop::Bad);
    }
    let mut security = values.inside(OCTETS)?;
    if model == 3 {
        let mut user = security.inside(SEQUENCE)?;
        if user.whole(OCTETS)?.len() > ENGINE_MAX || user.integer()? < 0 || user.integer()? < 0 {
            return Err(Stop::Bad);
        }
        for _ in 0..3 {
            user.whole(OCTETS)?;
        }
        if !user.is_done() || !security.is_done() {
            return Err(Stop::Bad);
        }
    }
    let level = match flags & 3 {
        0 => "noAuthNoPriv",
        1 => "authNoPriv",
        _ => "authPriv",
    };
    let (tag, inner, length) = values.any()?;
    if !values.is_done() {
        return Err(Stop::Bad);
    }
    let (pdu, role) = match tag {
        SEQUENCE if flags & 2 == 0 => {
            let mut scoped = Values::new(inner, length);
            scoped.whole(OCTETS)?;
            scoped.whole(OCTETS)?;
            let (tag, inner, length) = scoped.any()?;
            if !matches!(tag, 0xa0..=0xa3 | 0xa5..=0xa8) || !scoped.is_done() {
                return Err(Stop::Bad);
            }
            pdu(tag, Values::new(inner, length))?
        }
        OCTETS if flags & 2 != 0 => ("encrypted", if flags & 4 != 0 { Role::Asks } else { Role::Either }),
        _ => return Err(Stop::Bad),
    };
    Ok(Message { version: "3", pdu, role, level: Some(level) })
}

fn pdu(tag: u8, mut values: Values<'_>) -> Result<(&'static str, Role), Stop> {
    let kind = match tag {
        0xa0 => ("get", Role::Asks),
        0xa1 => ("get-next", Role::Asks),
        0xa2 => ("response", Role::Answers),
        0xa3 => ("set", Role::Asks),
        0xa4 => ("trap", Role::Asks),
        0xa5 => ("get-bulk", Role::Asks),
        0xa6 => ("inform", Role::Asks),
        0xa7 => ("trap", Role::Asks),
        _ => ("report", Role::Answers),
    };
    if tag == 0xa4 {
        values.whole(OID)?;
        if values.whole(0x40)?.len() != 4 {
            return Err(Stop::Bad);
        }
        let (generic, _) = (values.integer()?, values.integer()?);
        if !(0..=6).contains(&generic) || values.whole(0x43)?.len() > 5 {
            return Err(Stop::Bad);
        }
    } else {
        let (_, status, index) = (values.integer()?, values.integer()?, values.integer()?);
        if tag != 0xa5 && (!(0..=ERROR_MAX).contains(&status) || index < 0) {
            return Err(Stop::Bad);
        }
    }
    match bindings(values) {
        Ok(()) | Err(Stop::Short) => Ok(kind),
        Err(Stop::Bad) => Err(Stop::Bad),
    }
}

/// Names and values, as far as they were seen.
fn bindings(mut values: Values<'_>) -> Result<(), Stop> {
    let mut list = values.inside(SEQUENCE)?;
    if !values.is_done() {
        return Err(Stop::Bad);
    }
    while !list.is_done() {
        let mut binding = list.inside(SEQUENCE)?;
        binding.whole(OID)?;
        let (tag, _, _) = binding.any()?;
        let known = matches!(tag, INTEGER | OCTETS | 0x05 | OID | 0x03 | 0x40..=0x47 | 0x80..=0x82);
        if !known || !binding.is_done() {
            return Err(Stop::Bad);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client of a yes, else the answer.
    fn check(a: &[u8], b: &[u8], expect: Result<Option<Side>, Answer>) {
        for view in [View::of_udp(a, b), View::of(a, b)] {
            let found = match Snmp.ask(&view) {
                Answer::Yes(claim) => Ok(claim.client),
                other => Err(other),
            };
            assert_eq!(found, expect, "{a:?} {b:?}");
        }
    }

    const GET: &[u8] = b"\x30\x1f\x02\x01\x01\x04\x03abc\xa0\x15\x02\x01\x07\x02\x01\0\x02\x01\0\x30\x0a\x30\x08\x06\x04\x2b\x06\x01\x02\x05\0";
    const RESPONSE: &[u8] = b"\x30\x1f\x02\x01\x01\x04\x03abc\xa2\x15\x02\x01\x07\x02\x01\0\x02\x01\0\x30\x0a\x30\x08\x06\x04\x2b\x06\x01\x02\x05\0";
    const TRAP_1: &[u8] =
        b"\x30\x1f\x02\x01\0\x04\x03abc\xa4\x15\x06\x02\x2b\x06\x40\x04\x0a\0\0\x01\x02\x01\x06\x02\x01\x01\x43\x01\x09\x30\0";
    const DISCOVERY: &[u8] =
        b"\x30\x38\x02\x01\x03\x30\x0e\x02\x01\x05\x02\x03\0\xff\xe3\x04\x01\x04\x02\x01\x03\x04\x10\x30\x0e\x04\0\x02\x01\0\x02\x01\0\x04\0\x04\0\x04\0\x30\x11\x04\0\x04\0\xa0\x0b\x02\x01\x05\x02\x01\0\x02\x01\0\x30\0";

    #[test]
    fn each_version_is_known_from_one_message() {
        check(GET, b"", Ok(Some(Side::A)));
        check(b"", GET, Ok(Some(Side::B)));
        check(RESPONSE, b"", Ok(Some(Side::B)));
        check(GET, RESPONSE, Ok(Some(Side::A)));
        check(TRAP_1, b"", Ok(Some(Side::A)));
        check(DISCOVERY, b"", Ok(Some(Side::A)));
    }

    #[test]
    fn a_community_is_never_told() {
        let Answer::Yes(claim) = Snmp.ask(&View::of_udp(GET, RESPONSE)) else { panic!("no claim") };
        assert!(!format!("{claim:?}").contains("abc"));
        assert_eq!(claim.details["version"], "2c".into());
        assert_eq!(claim.details["pdu"], "get".into());
    }

    #[test]
    fn a_message_cut_behind_its_pdu_is_known() {
        let cut = View::of_udp(&GET[..26], b"").ended(End::Cut);
        assert!(matches!(Snmp.ask(&cut), Answer::Yes(_)));
        assert_eq!(Snmp.ask(&View::of(&GET[..12], b"")), Answer::More);
    }

    #[test]
    fn lengths_that_disagree_are_a_no() {
        for at in [1, 6, 11, 22, 24] {
            let mut bytes = GET.to_vec();
            bytes[at] -= 1;
            check(&bytes, b"", Err(Answer::No));
        }
        check(GET, b"HTTP/1.1 200 OK\r\n", Err(Answer::No));
    }

    #[test]
    fn other_ber_is_not_snmp() {
        check(b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0", b"", Err(Answer::No));
        check(b"\x30\x05\x02\x01\x03\x42\0", b"", Err(Answer::No));
        check(b"\x30\x82\x01\x0a\x02\x01\x02\x04\x01a", b"", Err(Answer::No));
    }
}
