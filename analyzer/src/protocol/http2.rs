//! HTTP/2 in plain text: prior knowledge, over TCP.
//!
//! Source: RFC 9113 sections 3.4 (preface), 4.1 (frames), 6 (frame types); RFC 7541 (HPACK); gRPC over HTTP/2.
//! Recognised: the client's preface, the server's first SETTINGS, frames that follow one another midstream.
//! Left out: header tables, so gRPC is noted only where its content type stands in full.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe};

/// The registry's entry.
#[derive(Debug)]
pub struct Http2;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of the preface that no other protocol begins with.
const PREFACE_MIN: usize = 14;

/// The largest frame that may be sent before a larger one was agreed; few ever agree one.
const FRAME_MAX: u32 = 16_384;

/// What frames must weigh midstream.
const ENOUGH: u32 = 6;

/// `application/grpc` in HPACK's Huffman code without its last byte, which padding or a suffix shares.
const GRPC_CODED: &[u8] = &[0x1d, 0x75, 0xd0, 0x62, 0x0d, 0x26, 0x3d, 0x4c, 0x4d, 0x65];

const GRPC_PLAIN: &[u8] = b"application/grpc";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;

impl Probe for Http2 {
    fn name(&self) -> &'static str {
        "http2"
    }

    fn title(&self) -> &'static str {
        "HTTP/2 in plain text, as gRPC and meshes speak it; inside TLS it is named by ALPN."
    }

    fn proof(&self) -> &'static str {
        "The client's preface, the server's SETTINGS followed by another sound frame, or, midstream, several frames \
         whose types, flags, streams and lengths agree."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut pending = false;
        for (side, client, server) in view.ways() {
            if client.bytes.starts_with(PREFACE.get(..PREFACE_MIN).unwrap_or(PREFACE)) {
                let sound = client.bytes.iter().zip(PREFACE).all(|(a, b)| a == b);
                return if sound { Answer::Yes(greeted(side, &client, &server)) } else { Answer::No };
            }
            pending |= !client.bytes.is_empty() && PREFACE.starts_with(client.bytes);
            if !client.bytes.is_empty() && client.is_first() {
                continue;
            }
            match settings_first(&server) {
                Read::Sure => return Answer::Yes(noted(Claim::by(side), &client, &server)),
                Read::Short => pending = true,
                Read::Not => {}
            }
        }
        let (a, b) = (&view.sides[Side::A], &view.sides[Side::B]);
        if a.is_first() && !a.bytes.is_empty() || b.is_first() && !b.bytes.is_empty() {
            return if pending { Answer::More } else { Answer::No };
        }
        match (weigh(a.bytes), weigh(b.bytes)) {
            (Some(mine), Some(theirs)) if mine + theirs >= ENOUGH => {
                Answer::Yes(noted(Claim::default(), a, b))
            }
            (Some(_), Some(_)) => Answer::More,
            _ if pending => Answer::More,
            _ => Answer::No,
        }
    }
}

enum Read {
    Sure,
    Short,
    Not,
}

/// A frame's head and as much of its body as is there.
struct Frame<'a> {
    kind: u8,
    body: &'a [u8],
    whole: bool,
}

/// The next frame, if its type, flags, stream and length agree.
fn frame<'a>(cursor: &mut Cursor<'a>) -> Option<Frame<'a>> {
    let length = cursor.be24()?;
    let kind = cursor.u8()?;
    let flags = cursor.u8()?;
    let stream = cursor.be32()?;
    // Flags allowed, a stream needed (or forbidden), the lengths that exist: RFC 9113 section 6.
    let (allowed, needs_stream, sound) = match kind {
        DATA => (0x09, Some(true), true),
        HEADERS => (0x2d, Some(true), length > 0),
        2 => (0, Some(true), length == 5),
        3 => (0, Some(true), length == 4),
        SETTINGS => (0x01, Some(false), length % 6 == 0 && (flags == 0 || length == 0)),
        5 => (0x0c, Some(true), length >= 4),
        6 => (0x01, Some(false), length == 8),
        7 => (0, Some(false), length >= 8),
        8 => (0, None, length == 4),
        9 => (0x04, Some(true), length > 0),
        _ => return None,
    };
    let placed = needs_stream.is_none_or(|needs| needs == (stream != 0));
    if !sound || flags & !allowed != 0 || !placed || stream >> 31 != 0 || length > FRAME_MAX {
        return None;
    }
    let body = cursor.take((length as usize).min(cursor.left()))?;
    let whole = body.len() == length as usize;
    if whole && !is_body(kind, body) {
        return None;
    }
    Some(Frame { kind, body, whole })
}

/// Whether a whole body can be one of this type.
fn is_body(kind: u8, body: &[u8]) -> bool {
    match kind {
        // Parameters that exist (RFC 9113, RFC 8441, RFC 9218), and reserved ones on purpose (0x?a?a).
        SETTINGS => body.chunks_exact(6).all(is_setting),
        HEADERS => is_header_block(body),
        // Error codes end at 13.
        3 => matches!(*body, [0, 0, 0, 0..=13]),
        7 => matches!(*body, [0..=0x7f, _, _, _, 0, 0, 0, 0..=13, ..]),
        // An increment of zero is an error.
        8 => matches!(*body, [0..=0x7f, _, _, _]) && body != [0, 0, 0, 0],
        _ => true,
    }
}

/// A parameter that exists (RFC 9113, RFC 8441, RFC 9218) with a value in its bounds, or a reserved one.
fn is_setting(entry: &[u8]) -> bool {
    let [a, b, c, d, e, f] = *entry else { return false };
    let value = u32::from_be_bytes([c, d, e, f]);
    match u16::from_be_bytes([a, b]) {
        1 | 3 | 6 => true,
        2 | 8 | 9 => value <= 1,
        4 => value <= 0x7fff_ffff,
        5 => (16_384..=0xff_ffff).contains(&value),
        // gRPC's own.
        0xfe03 => value <= 1,
        // Reserved on purpose (0x?a?a).
        _ => a & 0x0f == 0x0a && b & 0x0f == 0x0a,
    }
}

/// Whether a block may start so; padding and priority may stand before it. Its first field is indexed, added to the
/// table or a change of the table's size: one that is not added starts with a low byte and proves nothing.
fn is_header_block(body: &[u8]) -> bool {
    body.len() >= 2 && body.iter().take(6).any(|&byte| byte >= 0x20)
}

/// The server's preface: SETTINGS, then a frame or the head of one.
fn settings_first(heard: &Heard<'_>) -> Read {
    match *heard.bytes {
        [] => return Read::Not,
        [0] | [0, _] | [0, _, _] => return Read::Short,
        [0, _, _, SETTINGS, ..] => {}
        _ => return Read::Not,
    }
    let mut cursor = Cursor::new(heard.bytes);
    if cursor.left() < 9 {
        return Read::Short;
    }
    if !matches!(heard.bytes.get(4..9), Some([0, 0, 0, 0, 0])) {
        return Read::Not;
    }
    let Some(first) = frame(&mut cursor) else { return Read::Not };
    if !first.whole {
        return Read::Short;
    }
    if cursor.is_done() && first.body.len() >= 12 {
        return Read::Sure;
    }
    if cursor.left() < 9 {
        return Read::Short;
    }
    // Empty parameters are nine bytes that others may say: then the next frame must be the acknowledgement.
    match frame(&mut cursor) {
        Some(next) if next.kind == SETTINGS && next.body.is_empty() => Read::Sure,
        Some(next) if !first.body.is_empty() && matches!(next.kind, HEADERS | 6 | 7 | 8) => Read::Sure,
        _ => Read::Not,
    }
}

/// The weight of all frames from byte 0 on; `None` where one is unsound.
fn weigh(bytes: &[u8]) -> Option<u32> {
    let mut cursor = Cursor::new(bytes);
    let mut weight = 0;
    while cursor.left() >= 9 {
        let frame = frame(&mut cursor)?;
        if frame.whole {
            weight += match frame.kind {
                DATA if frame.body.is_empty() => 0,
                DATA | 2 | 5 | 9 => 1,
                SETTINGS if frame.body.is_empty() => 2,
                _ => 3,
            };
        }
    }
    Some(weight)
}

fn greeted(client: Side, said: &Heard<'_>, server: &Heard<'_>) -> Claim {
    let mut claim = noted(Claim::by(client).with("prior_knowledge", true), said, server);
    claim.unfinished = !claim.details.contains_key("grpc") && said.is_open();
    claim
}

/// Notes gRPC where a header block shows its content type.
fn noted(claim: Claim, said: &Heard<'_>, server: &Heard<'_>) -> Claim {
    let found = [said, server].iter().any(|heard| {
        let mut cursor = Cursor::new(heard.bytes.strip_prefix(PREFACE).unwrap_or(heard.bytes));
        while let Some(frame) = frame(&mut cursor) {
            if frame.kind == HEADERS && (holds(frame.body, GRPC_CODED) || holds(frame.body, GRPC_PLAIN)) {
                return true;
            }
        }
        false
    });
    if found { claim.with("grpc", true) } else { claim }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::opening::Start;
    use crate::protocol::probe::Detail;

    /// `None` is no, `Some(None)` more, `Some(Some(..))` yes by this client and whether gRPC was noted.
    fn check(view: View<'_>, expect: Option<Option<(Option<Side>, bool)>>) {
        match (Http2.ask(&view), expect) {
            (Answer::No, None) | (Answer::More, Some(None)) => {}
            (Answer::Yes(claim), Some(Some((client, grpc)))) => {
                assert_eq!(claim.client, client);
                assert_eq!(claim.details.get("grpc") == Some(&Detail::Flag(true)), grpc);
            }
            (answer, expect) => panic!("{answer:?} is not {expect:?}"),
        }
    }

    const SET: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\x10\0\0";
    const ACK: &[u8] = b"\0\0\0\x04\x01\0\0\0\0";

    #[test]
    fn the_preface_proves_it_from_fourteen_bytes_on() {
        check(View::of(PREFACE, b""), Some(Some((Some(Side::A), false))));
        check(View::of(&PREFACE[..14], b""), Some(Some((Some(Side::A), false))));
        check(View::of(&PREFACE[..13], b""), Some(None));
        check(View::of(b"PRI * HTTP/2.0\r\nHost", b""), None);
    }

    #[test]
    fn grpc_is_noted_by_its_content_type() {
        let mut bytes = [PREFACE, SET].concat();
        bytes.extend(b"\0\0\x0d\x01\x04\0\0\0\x01\x5f\x8b\x1d\x75\xd0\x62\x0d\x26\x3d\x4c\x4d\x65\x64");
        check(View::of(&bytes, b""), Some(Some((Some(Side::A), true))));
    }

    #[test]
    fn the_servers_settings_need_another_frame() {
        check(View::of(b"", &[SET, ACK].concat()), Some(Some((Some(Side::A), false))));
        check(View::of(b"", SET), Some(None));
        check(View::of(b"", &[SET, b"\0\0\x09\x06\0\0\0\0\0"].concat()), None);
    }

    #[test]
    fn frames_count_midstream_only() {
        let frames = b"\0\0\x04\x08\0\0\0\0\0\0\0\x10\0\0\0\x08\x06\0\0\0\0\0abcdefgh";
        check(View::of(frames, b"").started(Start::Midstream), Some(Some((None, false))));
        check(View::of(frames, b""), None);
        check(View::of(&frames[..13], b"").started(Start::Midstream), Some(None));
    }

    #[test]
    fn other_protocols_are_not_http2() {
        check(View::of(b"GET / HTTP/1.1\r\n\r\n", b""), None);
        check(View::of(b"\0\0\0\x08\x04\xd2\x16\x2f", b"N"), None);
        check(View::of(b"", b"\0\0\0\x04\0\0\0\x07\0\0\0\0"), None);
    }
}
