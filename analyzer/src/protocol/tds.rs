//! Tabular Data Stream 7.x, of SQL Server and Sybase's kin, over TCP.
//!
//! Source: MS-TDS 2.2.3 (packet header), 2.2.6.4 (LOGIN7), 2.2.6.5 (PRELOGIN), 2.2.5.3 (ALL_HEADERS).
//! Recognised: prelogin and login of the client, the server's prelogin answer, batches and replies midstream.
//! Left out: TDS 4.2 and 5.0 logins. TDS 8.0 is TLS from the first byte: ALPN names it there.

use crate::flow::opening::{Heard, View};
use crate::net::{Pair, Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, DETAIL_BYTES, Inner, InnerKind, Probe, TlsHow};

/// The registry's entry.
#[derive(Debug)]
pub struct Tds;

/// Bytes of a packet's header.
const HEADER: usize = 8;

/// Packets hold up to 32,767 bytes.
const PACKET_MAX: usize = 0x7fff;

const BATCH: u8 = 1;
const RPC: u8 = 3;
const REPLY: u8 = 4;
const LOGIN: u8 = 0x10;
const PRELOGIN: u8 = 0x12;

impl Probe for Tds {
    fn name(&self) -> &'static str {
        "tds"
    }

    fn title(&self) -> &'static str {
        "Tabular Data Stream: the protocol of Microsoft SQL Server."
    }

    fn proof(&self) -> &'static str {
        "A prelogin whose option list fits its packet, a login whose length and version agree, or, midstream, a batch \
         with its headers or a reply that ends in DONE. TDS 8.0 is known by ALPN only; 4.2 and 5.0 are left out."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut pending = false;
        for (side, client, server) in view.ways() {
            let other = !server.bytes.is_empty() && server.is_first() && !may_be(&server, REPLY);
            if other {
                continue;
            }
            match first(&client) {
                Read::Sure(Packet::Prelogin(options)) => {
                    return Answer::Yes(greeted(side, &options, &client, &server));
                }
                Read::Sure(Packet::Login(body)) => return Answer::Yes(login(Claim::by(side), body)),
                Read::Sure(Packet::Batch) if !client.is_first() => return Answer::Yes(Claim::by(side)),
                Read::Short => pending = true,
                _ => {}
            }
            let unseen = client.bytes.is_empty() || !client.is_first();
            if !unseen {
                continue;
            }
            match answer(&server) {
                Read::Sure(Some(options)) => {
                    return Answer::Yes(encryption(Claim::by(side), options.encryption));
                }
                Read::Sure(None) if !server.is_first() => return Answer::Yes(Claim::by(side)),
                Read::Short => pending = true,
                _ => {}
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

enum Packet<'a> {
    Prelogin(Options),
    Login(&'a [u8]),
    Batch,
}

/// What a prelogin says.
#[derive(Clone, Copy, Default)]
struct Options {
    encryption: Option<u8>,
    /// Bytes of its packet.
    length: usize,
}

/// Whether the bytes are of a packet of this type, as far as they go.
fn may_be(heard: &Heard<'_>, kind: u8) -> bool {
    match *heard.bytes {
        [first, ..] if first != kind => false,
        [_, status, ..] if status & !0x19 != 0 => false,
        _ => true,
    }
}

/// The type, the length and as much of the body as is there.
fn packet(bytes: &[u8]) -> Read<(u8, usize, &[u8])> {
    let mut cursor = Cursor::new(bytes);
    match cursor.u8() {
        None => return Read::Short,
        Some(BATCH | RPC | REPLY | LOGIN | PRELOGIN) => {}
        Some(_) => return Read::Not,
    }
    match cursor.u8() {
        None => return Read::Short,
        // End of message, and the two resets of a connection.
        Some(status) if status & !0x19 == 0 => {}
        Some(_) => return Read::Not,
    }
    let (Some(length), Some(_spid), Some(_number), Some(window)) =
        (cursor.be16(), cursor.be16(), cursor.u8(), cursor.u8())
    else {
        return Read::Short;
    };
    let length = usize::from(length);
    if window != 0 || !(HEADER + 1..=PACKET_MAX).contains(&length) {
        return Read::Not;
    }
    let kind = bytes.first().copied().unwrap_or_default();
    let body = cursor.rest();
    Read::Sure((kind, length, body.get(..length - HEADER).unwrap_or(body)))
}

/// What the client's first packet is.
fn first<'a>(heard: &Heard<'a>) -> Read<Packet<'a>> {
    let (kind, length, body) = match packet(heard.bytes) {
        Read::Sure(found) => found,
        Read::Short if heard.bytes.is_empty() => return Read::Not,
        Read::Short => return Read::Short,
        Read::Not => return Read::Not,
    };
    match kind {
        PRELOGIN => match prelogin(body, length) {
            Read::Sure(options) => Read::Sure(Packet::Prelogin(options)),
            Read::Short => Read::Short,
            Read::Not => Read::Not,
        },
        LOGIN => {
            let mut cursor = Cursor::new(body);
            let (Some(size), Some(version)) = (cursor.le32(), cursor.le32()) else { return Read::Short };
            let sound = (94..=0x1_ffff).contains(&size)
                && size as usize >= length - HEADER
                && matches!(
                    version,
                    0x7000_0000
                        | 0x7100_0000
                        | 0x7100_0001
                        | 0x7209_0002
                        | 0x730a_0003
                        | 0x730b_0003
                        | 0x7400_0004
                );
            if sound { Read::Sure(Packet::Login(body)) } else { Read::Not }
        }
        BATCH | RPC => {
            let mut cursor = Cursor::new(body);
            let (Some(total), Some(size), Some(what)) = (cursor.le32(), cursor.le32(), cursor.le16()) else {
                return Read::Short;
            };
            // One header, that of the transaction: 22 bytes with it, 18 of them its own.
            if total == 22 && size == 18 && what == 2 { Read::Sure(Packet::Batch) } else { Read::Not }
        }
        _ => Read::Not,
    }
}

/// The list of options: five bytes each, then 0xff; what they point to lies behind it and in the packet.
fn prelogin(body: &[u8], length: usize) -> Read<Options> {
    /// Options that exist, and room for as many again.
    const OPTIONS_MAX: usize = 20;
    let room = length - HEADER;
    let mut options = Options { encryption: None, length };
    let mut cursor = Cursor::new(body);
    let mut read = 0;
    let mut nearest = room;
    loop {
        let Some(token) = cursor.u8() else { return Read::Short };
        if token == 0xff {
            break;
        }
        if (read == 0) != (token == 0) || token > 0x0f || read == OPTIONS_MAX {
            return Read::Not;
        }
        let (Some(offset), Some(size)) = (cursor.be16(), cursor.be16()) else { return Read::Short };
        let (offset, size) = (usize::from(offset), usize::from(size));
        if offset + size > room || (token == 0 && size != 6) {
            return Read::Not;
        }
        if size > 0 {
            nearest = nearest.min(offset);
        }
        if token == 1 {
            options.encryption = body.get(offset).copied();
        }
        read += 1;
    }
    if read > 0 && nearest > read * 5 { Read::Sure(options) } else { Read::Not }
}

/// The server's prelogin (`Some`), or another reply (`None`).
fn answer(heard: &Heard<'_>) -> Read<Option<Options>> {
    let (kind, length, body) = match packet(heard.bytes) {
        Read::Sure(found) => found,
        Read::Short => return Read::Short,
        Read::Not => return Read::Not,
    };
    if kind != REPLY {
        return Read::Not;
    }
    if let Read::Sure(options) = prelogin(body, length) {
        return Read::Sure(Some(options));
    }
    let token = matches!(
        body.first(),
        Some(0x79 | 0x81 | 0xa4 | 0xa5 | 0xaa | 0xab | 0xac | 0xad | 0xd1 | 0xd2 | 0xe3 | 0xfd..=0xff)
    );
    let whole = body.len() == length - HEADER && heard.bytes.len() == length;
    let done = body.len().checked_sub(13).and_then(|at| body.get(at));
    if token && whole && matches!(done, Some(0xfd..=0xff)) {
        Read::Sure(None)
    } else if token && body.len() < length - HEADER {
        Read::Short
    } else {
        Read::Not
    }
}

/// What a prelogin, and what follows it, say.
fn greeted(client: Side, asked: &Options, said: &Heard<'_>, server: &Heard<'_>) -> Claim {
    let mut claim = Claim::by(client);
    let told = match answer(server) {
        Read::Sure(Some(options)) => Some(options),
        _ => None,
    };
    claim = encryption(claim, told.map_or(asked.encryption, |told| told.encryption));
    let after = said.bytes.get(asked.length..).unwrap_or_default();
    match packet(after) {
        // TLS records travel inside prelogin packets: their heads are skipped, the first of each side.
        Read::Sure((PRELOGIN, _, [22, 3, ..])) => {
            let mut skip = Pair([0, 0]);
            skip[client] = asked.length + HEADER;
            skip[client.other()] = told.map_or(server.bytes.len(), |told| told.length + HEADER);
            claim.inner = Some(Inner { skip, what: InnerKind::Tls(TlsHow::SslRequest) });
        }
        Read::Sure((LOGIN, _, body)) => claim = login(claim, body),
        _ => claim.unfinished = said.is_open() || (told.is_none() && server.is_open()),
    }
    claim
}

fn encryption(claim: Claim, option: Option<u8>) -> Claim {
    match option.map(|option| option & 0x0f) {
        Some(0) => claim.with("encryption", "login-only"),
        Some(1) => claim.with("encryption", "on"),
        Some(2) => claim.with("encryption", "not-supported"),
        Some(3) => claim.with("encryption", "required"),
        _ => claim,
    }
}

/// User, database and application of a login; never its password.
fn login(mut claim: Claim, body: &[u8]) -> Claim {
    for (name, at) in [("host", 36), ("user", 40), ("application", 48), ("database", 68)] {
        if let Some(value) = wide(body, at) {
            claim = claim.with(name, value);
        }
    }
    claim.with("login", true)
}

/// The UTF-16 text that the offset and length at `at` point to.
fn wide(body: &[u8], at: usize) -> Option<String> {
    let mut cursor = Cursor::new(body.get(at..)?);
    let offset = usize::from(cursor.le16()?);
    let length = usize::from(cursor.le16()?).min(DETAIL_BYTES);
    let bytes = body.get(offset..offset + length * 2)?;
    let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair)).collect();
    (length > 0).then(|| String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::opening::Start;
    use crate::protocol::probe::Detail;

    /// `None` is no, `Some(None)` more, `Some(Some(..))` yes with these details among others.
    fn check(view: View<'_>, expect: Option<Option<&[(&'static str, &str)]>>) {
        match (Tds.ask(&view), expect) {
            (Answer::No, None) | (Answer::More, Some(None)) => {}
            (Answer::Yes(claim), Some(Some(details))) => {
                assert_eq!(claim.client, Some(Side::A));
                for &(name, value) in details {
                    assert_eq!(claim.details.get(name), Some(&Detail::from(value)), "{name}");
                }
            }
            (answer, expect) => panic!("{answer:?} is not {expect:?}"),
        }
    }

    const BODY: &[u8] = b"\0\0\x0b\0\x06\x01\0\x11\0\x01\xff\x0b\0\x0c\x38\0\0\x01";

    fn packed(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 1, 0, body.len() as u8 + 8, 0, 0, 1, 0];
        bytes.extend(body);
        bytes
    }

    #[test]
    fn a_prelogin_proves_it_on_either_side() {
        check(View::of(&packed(PRELOGIN, BODY), b""), Some(Some(&[("encryption", "on")])));
        check(View::of(b"", &packed(REPLY, BODY)), Some(Some(&[("encryption", "on")])));
        check(View::of(&packed(PRELOGIN, BODY)[..12], b""), Some(None));
    }

    #[test]
    fn an_option_that_points_outside_is_none() {
        let mut body = BODY.to_vec();
        body[7] = 0x12;
        check(View::of(&packed(PRELOGIN, &body), b""), None);
    }

    #[test]
    fn tls_inside_prelogin_packets_is_found() {
        let mut client = packed(PRELOGIN, BODY);
        client.extend(packed(PRELOGIN, b"\x16\x03\x01\0\x05"));
        let Answer::Yes(claim) = Tds.ask(&View::of(&client, &packed(REPLY, BODY))) else { panic!("no yes") };
        assert_eq!(claim.inner.map(|inner| inner.skip), Some(Pair([34, 34])));
    }

    #[test]
    fn a_login_names_its_user_and_database() {
        let mut body = vec![0; 94];
        body[0] = 104;
        body[4..8].copy_from_slice(&[4, 0, 0, 0x74]);
        body[40..44].copy_from_slice(&[94, 0, 2, 0]);
        body[68..72].copy_from_slice(&[98, 0, 3, 0]);
        body.extend(b"s\0a\0g\0i\0m\0");
        check(View::of(&packed(LOGIN, &body), b""), Some(Some(&[("user", "sa"), ("database", "gim")])));
    }

    #[test]
    fn batches_and_replies_count_midstream_only() {
        let batch = packed(BATCH, b"\x16\0\0\0\x12\0\0\0\x02\0\0\0\0\0\0\0\0\0\x01\0\0\0S\0");
        check(View::of(&batch, b"").started(Start::Midstream), Some(Some(&[])));
        check(View::of(&batch, b""), None);
        let reply = packed(REPLY, b"\xfd\x10\0\xc1\0\x01\0\0\0\0\0\0\0");
        check(View::of(b"", &reply).started(Start::Midstream), Some(Some(&[])));
        check(View::of(b"", &reply), None);
    }

    #[test]
    fn other_protocols_are_not_tds() {
        check(View::of(b"GET / HTTP/1.1\r\n\r\n", b""), None);
        check(View::of(b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c", b""), None);
        check(View::of(b"\x04\x01\0\x50\0\0\0\0\0", b""), None);
    }
}
