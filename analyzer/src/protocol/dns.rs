//! DNS over UDP and TCP, and what is shaped like it: multicast DNS and LLMNR.
//!
//! Source: RFC 1035 section 4 (messages, TCP length), RFC 6891 (EDNS), RFC 6762 section 18 (mDNS), RFC 4795 (LLMNR).
//! Recognised: a message whose counts, names and records fill it exactly; over TCP also one that goes on, by its header and question.
//! Left out: a message cut before the end of its question; NetBIOS names, which have the same shape and a probe of their own.

use crate::flow::opening::{End, Heard, View};
use crate::net::{Address, Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe, text};
use crate::protocol::wire_name;

/// The registry's entry.
#[derive(Debug)]
pub struct Dns;

impl Probe for Dns {
    fn name(&self) -> &'static str {
        "dns"
    }

    fn title(&self) -> &'static str {
        "The Domain Name System; multicast DNS and LLMNR have the same messages and the same name here."
    }

    fn proof(&self) -> &'static str {
        "A message whose header is sound and whose questions and records fill it to its last byte, with a known class for each. \
         Multicast DNS and LLMNR are told by content only where they differ (the detail `shape`); NetBIOS names are left to their own probe."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp, Transport::Udp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let looks = Side::BOTH.map(|side| look(view, &view.sides[side]));
        match &looks {
            [Look::Not, _] | [_, Look::Not] => Answer::No,
            [Look::Found(a), Look::Found(b)] => Answer::Yes(claim(&[(Side::A, a), (Side::B, b)])),
            [Look::Found(a), Look::More] => Answer::Yes(claim(&[(Side::A, a)])),
            [Look::More, Look::Found(b)] => Answer::Yes(claim(&[(Side::B, b)])),
            [Look::More, Look::More] => Answer::More,
        }
    }
}

/// What a message asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    pub id: u16,
    /// In small letters, without the last dot.
    pub name: String,
    /// 1 for A, 28 for AAAA, 33 for SRV ...
    pub kind: u16,
}

/// What a response says of addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answers {
    pub id: u16,
    /// The question's name; empty where there is no question (multicast DNS).
    pub name: String,
    pub kind: u16,
    /// 0 for no error, 3 for no such name.
    pub code: u8,
    /// Owner and address of each A and AAAA record. The owner is the question's name where aliases lead from it to the record.
    pub addresses: Vec<(String, Address)>,
    /// The least time to live in seconds of the records used; 0 where there are none.
    pub ttl: u32,
}

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const OPT: u16 = 41;
const SRV: u16 = 33;
const NB: u16 = 32;

/// Records of one message that are looked at: a response of 64 KiB may claim thousands.
const RECORDS: usize = 512;

/// Aliases followed from the question's name; resolvers give up earlier.
const ALIASES: usize = 16;

/// The first question of a query or a response. `message` is a datagram, or what stands behind TCP's length.
pub fn question(message: &[u8]) -> Option<Question> {
    let header = Header::read(message)?;
    if header.questions == 0 {
        return None;
    }
    let (name, at) = wire_name::read(message, HEADER_BYTES)?;
    let mut cursor = Cursor::new(message.get(at..)?);
    let (kind, _class) = (cursor.be16()?, cursor.be16()?);
    Some(Question { id: header.id, name, kind })
}

/// The addresses that a response gives, as a datagram or behind TCP's length. `None` for a query and for a message that is broken; one that was cut short
/// gives what it has.
pub fn answers(message: &[u8]) -> Option<Answers> {
    let header = Header::read(message)?;
    if !header.is_response() || header.opcode() != 0 {
        return None;
    }
    let mut at = HEADER_BYTES;
    let mut asked = None;
    for _ in 0..header.questions {
        let (name, after) = wire_name::read(message, at)?;
        let mut cursor = Cursor::new(message.get(after..)?);
        let (kind, _class) = (cursor.be16()?, cursor.be16()?);
        asked = asked.or(Some((name, kind)));
        at = after + 4;
    }
    let mut aliases: Vec<(String, String, u32)> = Vec::new();
    let mut found: Vec<(String, Address, u32)> = Vec::new();
    for _ in 0..header.records().min(RECORDS) {
        let Some(record) = Record::read(message, at) else { break };
        at = record.end;
        let owner = || wire_name::read(message, record.start).map(|(name, _)| name);
        match (record.kind, record.data) {
            (CNAME, _) => {
                if let (Some(owner), Some((target, _))) = (owner(), wire_name::read(message, record.data_at))
                {
                    aliases.push((owner, target, record.ttl));
                }
            }
            (A, &[a, b, c, d]) => {
                if let Some(owner) = owner() {
                    found.push((owner, Address::v4(u32::from_be_bytes([a, b, c, d])), record.ttl));
                }
            }
            (AAAA, data) => {
                if let (Some(owner), Ok(bytes)) = (owner(), <[u8; 16]>::try_from(data)) {
                    found.push((owner, Address::v6(bytes), record.ttl));
                }
            }
            _ => {}
        }
    }
    let (name, kind) = asked.unwrap_or_default();
    let mut chain = vec![name.as_str()];
    let mut ttl = u32::MAX;
    for _ in 0..ALIASES {
        let last = chain.last().copied().unwrap_or_default();
        let Some((_, target, alias_ttl)) = aliases.iter().find(|(owner, _, _)| owner == last) else { break };
        if chain.contains(&target.as_str()) {
            break;
        }
        ttl = ttl.min(*alias_ttl);
        chain.push(target);
    }
    let addresses: Vec<_> = found
        .into_iter()
        .map(|(owner, address, record_ttl)| {
            ttl = ttl.min(record_ttl);
            let owner =
                if !name.is_empty() && chain.contains(&owner.as_str()) { name.clone() } else { owner };
            (owner, address)
        })
        .collect();
    let ttl = if addresses.is_empty() { 0 } else { ttl };
    Some(Answers { id: header.id, name, kind, code: header.code(), addresses, ttl })
}

const HEADER_BYTES: usize = 12;

/// The least that a record takes: the root's name, type, class, time to live and length.
const RECORD_BYTES: usize = 11;

#[derive(Clone, Copy, Debug)]
struct Header {
    id: u16,
    flags: u16,
    questions: u16,
    others: [u16; 3],
}

impl Header {
    fn read(message: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(message);
        Some(Self {
            id: cursor.be16()?,
            flags: cursor.be16()?,
            questions: cursor.be16()?,
            others: [cursor.be16()?, cursor.be16()?, cursor.be16()?],
        })
    }

    const fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    const fn opcode(&self) -> u16 {
        (self.flags >> 11) & 15
    }

    const fn code(&self) -> u8 {
        (self.flags & 15) as u8
    }

    fn records(&self) -> usize {
        self.others.iter().map(|&count| usize::from(count)).sum()
    }

    /// Whether flags and counts are those of a real message: a known operation, the reserved bit clear, questions
    /// where the operation needs them.
    fn is_sound(&self) -> bool {
        let [answers, authorities, additions] = self.others;
        let known = match self.opcode() {
            0 | 4 => self.is_response() || self.code() == 0,
            5 => self.questions == 1,
            _ => false,
        };
        // A query holds answers only for mDNS (known answers), NOTIFY and UPDATE.
        let counts = match (self.is_response(), self.questions) {
            (false, 1) => answers < 64 && authorities < 64 && additions < 16,
            (false, 2..=32) => self.flags & !0x0200 == 0 && answers < 64 && authorities < 64,
            (true, 0) => answers > 0,
            (true, 1) => answers < 4096 && authorities < 256 && additions < 256,
            (true, 2..=16) => answers > 0 || authorities > 0,
            _ => false,
        };
        known && counts && self.flags & 0x0040 == 0
    }
}

/// One resource record of a message.
#[derive(Debug)]
struct Record<'a> {
    start: usize,
    kind: u16,
    class: u16,
    ttl: u32,
    data: &'a [u8],
    data_at: usize,
    end: usize,
}

impl<'a> Record<'a> {
    fn read(message: &'a [u8], start: usize) -> Option<Self> {
        let at = wire_name::walk(message, start, |_| ())?;
        let mut cursor = Cursor::new(message.get(at..)?);
        let (kind, class, ttl) = (cursor.be16()?, cursor.be16()?, cursor.be32()?);
        let length = usize::from(cursor.be16()?);
        let data = cursor.take(length)?;
        let data_at = at + 10;
        Some(Self { start, kind, class, ttl, data, data_at, end: data_at + length })
    }

    fn is_sound(&self) -> bool {
        match self.kind {
            OPT => true,
            kind if !is_kind(kind) => false,
            A => is_class(self.class) && matches!(self.data.len(), 0 | 4),
            AAAA => is_class(self.class) && matches!(self.data.len(), 0 | 16),
            _ => is_class(self.class),
        }
    }
}

/// A type that IANA gave out or left to private use.
const fn is_kind(kind: u16) -> bool {
    matches!(kind, 1..=1024 | 32768..=32770 | 65280..=65534)
}

/// Internet, Chaos, none and any, with the bit that mDNS puts on top.
const fn is_class(class: u16) -> bool {
    matches!(class & 0x7fff, 1 | 3 | 254 | 255)
}

/// A message that was proved.
#[derive(Debug)]
struct Found<'a> {
    message: &'a [u8],
    header: Header,
    /// The class of the first question has the top bit set: mDNS's wish for a unicast answer.
    unicast_wish: bool,
}

#[derive(Debug)]
enum Look<'a> {
    Found(Found<'a>),
    More,
    Not,
}

fn look<'a>(view: &View<'_>, heard: &Heard<'a>) -> Look<'a> {
    if view.transport == Transport::Udp {
        let Some(datagram) = heard.datagrams().next() else {
            return if heard.bytes.is_empty() { Look::More } else { Look::Not };
        };
        let cut = heard.end == End::Cut && datagram.len() == heard.bytes.len();
        return match cut {
            true => message(datagram, usize::from(u16::MAX), Extent::Cut),
            false => message(datagram, datagram.len(), Extent::Whole),
        };
    }
    let mut cursor = Cursor::new(heard.bytes);
    let Some(length) = cursor.be16().map(usize::from) else {
        return Look::More;
    };
    if length < HEADER_BYTES + 5 {
        return Look::Not;
    }
    match cursor.take(length) {
        Some(whole) => message(whole, length, Extent::Whole),
        None => message(cursor.rest(), length, Extent::Cut),
    }
}

/// Whether the bytes are all of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Extent {
    Whole,
    Cut,
}

/// `length` is that of the whole message, or the most that it can be.
fn message(bytes: &[u8], length: usize, extent: Extent) -> Look<'_> {
    let short = if extent == Extent::Cut { Look::More } else { Look::Not };
    let Some(header) = Header::read(bytes) else { return short };
    if !header.is_sound() || wire_name::is_netbios(bytes, HEADER_BYTES) && is_netbios_kind(bytes) {
        return Look::Not;
    }
    let mut at = HEADER_BYTES;
    let mut unicast_wish = false;
    for _ in 0..header.questions {
        let mut plain = false;
        let walked = wire_name::walk(bytes, at, |label| plain = label.iter().all(u8::is_ascii_graphic));
        let Some(after) = walked else { return short };
        // With its records unseen, a name must look like one; the root's single zero does not.
        if extent == Extent::Cut && !plain {
            return short;
        }
        let mut cursor = Cursor::new(bytes.get(after..).unwrap_or_default());
        let (Some(kind), Some(class)) = (cursor.be16(), cursor.be16()) else { return short };
        if !is_kind(kind) || !is_class(class) {
            return Look::Not;
        }
        unicast_wish |= class & 0x8000 != 0;
        at = after + 4;
    }
    let left = length.saturating_sub(at);
    if left / RECORD_BYTES < header.records()
        || (header.records() == 0 && left > 0 && length < usize::from(u16::MAX))
    {
        return Look::Not;
    }
    let found = Look::Found(Found { message: bytes, header, unicast_wish });
    for nth in 0..header.records() {
        if nth >= RECORDS {
            return found;
        }
        match Record::read(bytes, at) {
            Some(record) if record.is_sound() => at = record.end,
            Some(_) => return Look::Not,
            // With a sound question (or a first record) before it, a cut leaves no doubt.
            None if extent == Extent::Cut && (header.questions > 0 || nth > 0) => return found,
            None => return short,
        }
    }
    if at == bytes.len() { found } else { Look::Not }
}

/// Whether the first question's type is one of the NetBIOS name service's two.
fn is_netbios_kind(bytes: &[u8]) -> bool {
    wire_name::walk(bytes, HEADER_BYTES, |_| ())
        .and_then(|at| Cursor::new(bytes.get(at..)?).be16())
        .is_some_and(|kind| matches!(kind, NB | SRV))
}

fn claim(found: &[(Side, &Found<'_>)]) -> Claim {
    let mut claim = Claim::default();
    for &(side, found) in found {
        let shape = shape(found);
        if let Some(question) = question(found.message) {
            claim = claim
                .with("question", text(question.name.as_bytes()))
                .with("question_type", u64::from(question.kind));
            if shape != Some("mdns") {
                claim.client = Some(if found.header.is_response() { side.other() } else { side });
            }
        }
        if found.header.is_response() {
            claim = claim.with("response_code", u64::from(found.header.code()));
        }
        if let Some(shape) = shape {
            claim = claim.with("shape", shape);
        }
    }
    claim
}

/// `mdns` or `llmnr` where a message has what only those have.
fn shape(found: &Found<'_>) -> Option<&'static str> {
    let header = &found.header;
    let (name, _) = wire_name::read(found.message, HEADER_BYTES)?;
    let local = name.ends_with(".local") || name.ends_with("._udp") || name.ends_with("._tcp");
    if header.id == 0 && (local || found.unicast_wish || header.questions == 0) {
        return Some("mdns");
    }
    let single = !name.is_empty() && !name.contains('.');
    (header.questions == 1 && header.flags & 0x7dff == 0 && header.id != 0 && single && header.code() == 0)
        .then_some("llmnr")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(id: u16, flags: u16, counts: [u16; 4]) -> Vec<u8> {
        [id, flags].into_iter().chain(counts).flat_map(u16::to_be_bytes).collect()
    }

    fn query() -> Vec<u8> {
        [header(7, 0x0100, [1, 0, 0, 0]), b"\x03www\x01x\x00\x00\x01\x00\x01".to_vec()].concat()
    }

    fn response() -> Vec<u8> {
        let records: &[&[u8]] = &[
            b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x09\x00\x04\x01y\xc0\x10",
            b"\x01y\xc0\x10\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\x0a\x00\x00\x01",
        ];
        [header(7, 0x8180, [1, 2, 0, 0]), query()[12..].to_vec(), records.concat()].concat()
    }

    #[track_caller]
    fn check(view: &View<'_>, expect: &str) {
        let found = match Dns.ask(view) {
            Answer::Yes(claim) if claim.client == Some(Side::A) => "a",
            Answer::Yes(claim) if claim.client == Some(Side::B) => "b",
            Answer::Yes(_) => "yes",
            Answer::No => "no",
            Answer::More => "more",
        };
        assert_eq!(found, expect);
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        [(message.len() as u16).to_be_bytes().as_slice(), message].concat()
    }

    #[test]
    fn either_side_proves_it() {
        check(&View::of_udp(&query(), b""), "a");
        check(&View::of_udp(b"", &query()), "b");
        check(&View::of_udp(&response(), b""), "b");
        check(&View::of_udp(&query(), &response()), "a");
        check(&View::of(&framed(&query()), &framed(&response())), "a");
        check(&View::of(&framed(&response())[..34], b""), "b");
    }

    #[test]
    fn what_is_cut_before_its_question_ends_is_undecided() {
        check(&View::of_udp(&query()[..20], b"").ended(End::Cut), "more");
        check(&View::of_udp(&response()[..40], b"").ended(End::Cut), "b");
        check(&View::of_udp(&query()[..20], b""), "no");
        check(&View::of(&framed(&query())[..20], b""), "more");
        let mut longer = framed(&query());
        longer[1] += 1;
        check(&View::of(&longer, b""), "no");
    }

    #[test]
    fn others_are_not() {
        let longer = [query(), vec![0]].concat();
        check(&View::of_udp(&longer, b""), "no");
        let mut z_bit = query();
        z_bit[3] |= 0x40;
        check(&View::of_udp(&z_bit, b""), "no");
        let netbios =
            [header(7, 0x0110, [1, 0, 0, 0]), vec![32], vec![b'A'; 32], vec![0, 0, 32, 0, 1]].concat();
        check(&View::of_udp(&netbios, b""), "no");
        check(&View::of_udp(&[0; 12], b""), "no");
        check(&View::of(b"GET / HTTP/1.1\r\n\r\n", b""), "no");
        check(&View::of(&[0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3, 1, 2, 3, 4], b""), "no");
    }

    #[test]
    fn multicast_is_told_by_its_shape() {
        let asks = [header(0, 0, [1, 0, 0, 0]), b"\x01h\x05local\x00\x00\x01\x80\x01".to_vec()].concat();
        let Answer::Yes(claim) = Dns.ask(&View::of_udp(&asks, b"")) else { panic!() };
        assert_eq!(claim.details["shape"], "mdns".into());
        let asks = [header(5, 0, [1, 0, 0, 0]), b"\x04host\x00\x00\x01\x00\x01".to_vec()].concat();
        let Answer::Yes(claim) = Dns.ask(&View::of_udp(&asks, b"")) else { panic!() };
        assert_eq!(claim.details["shape"], "llmnr".into());
    }

    #[test]
    fn aliases_lead_to_the_name_that_was_asked() {
        let found = answers(&response()).unwrap();
        assert_eq!((found.id, found.name.as_str(), found.kind, found.code, found.ttl), (7, "www.x", 1, 0, 5));
        assert_eq!(found.addresses, [("www.x".to_owned(), Address::v4(0x0a00_0001))]);
        assert_eq!(answers(&query()), None);
        assert_eq!(question(&query()), Some(Question { id: 7, name: "www.x".into(), kind: 1 }));
    }

    #[test]
    fn aliases_in_a_circle_end() {
        let mut circle = header(7, 0x8180, [1, 1, 0, 0]);
        circle.extend(&query()[12..]);
        circle.extend(b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x09\x00\x02\xc0\x0c");
        assert_eq!(answers(&circle).unwrap().addresses, []);
    }
}
