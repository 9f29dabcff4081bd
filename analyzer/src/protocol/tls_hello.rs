//! ClientHello and ServerHello: what they say in plain text.
//!
//! Source: RFC 8446 section 4.1 (both hellos), RFC 5246 section 7.4.1, RFC 6066 section 3 (server name),
//! RFC 7301 section 3.1 (ALPN), RFC 8701 (GREASE).
//! A hello cut short gives what its first bytes hold.

use crate::protocol::cursor::Cursor;
use crate::protocol::probe::text;

/// The largest ClientHello that is believed: post-quantum key shares and tickets stay far below.
const HELLO_MAX: u32 = 0x1_ffff;

/// Fewest bytes of a hello's body: version, random, session id length, suites and compression.
const HELLO_MIN: u32 = 38;

/// Protocols of an ALPN list that are kept.
const ALPN_MAX: usize = 16;

/// Which of the two hellos.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Client,
    Server,
}

/// What was read of a hello.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    pub kind: Kind,
    /// Bytes of the message that its header announces, header included.
    pub announced: usize,
    /// All of it was there.
    pub whole: bool,
    /// The version field, and that of `supported_versions` in a ServerHello.
    pub version: u16,
    /// Whether a ClientHello offers TLS 1.3.
    pub offers_13: bool,
    pub sni: Option<String>,
    pub alpn: Vec<String>,
}

/// What the bytes of a handshake message may be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Read {
    Hello(Hello),
    /// Too few bytes to tell.
    Short,
    /// No hello.
    Not,
}

/// Why reading stopped.
enum Stop {
    Short,
    Bad,
}

/// Reads the handshake message that starts at byte 0 of `bytes`.
///
/// Type, length and version (six bytes) must be sound for a `Hello`; what follows must be sound as far as it goes.
pub fn read(bytes: &[u8]) -> Read {
    let mut cursor = Cursor::new(bytes);
    let kind = match cursor.u8() {
        None => return Read::Short,
        Some(1) => Kind::Client,
        Some(2) => Kind::Server,
        Some(_) => return Read::Not,
    };
    let Some(length) = cursor.be24() else { return Read::Short };
    if !(HELLO_MIN..=HELLO_MAX).contains(&length) {
        return Read::Not;
    }
    let Some(version) = cursor.be16() else { return Read::Short };
    if !is_version(version) {
        return Read::Not;
    }
    let length = length as usize;
    let body = cursor.rest();
    let whole = body.len() + 2 >= length;
    let mut hello =
        Hello { kind, announced: length + 4, whole, version, offers_13: false, sni: None, alpn: Vec::new() };
    let body = body.get(..length - 2).unwrap_or(body);
    match fill(&mut hello, Cursor::new(body), length - 2) {
        Ok(()) => Read::Hello(hello),
        Err(Stop::Short) if !whole => Read::Hello(hello),
        Err(_) => Read::Not,
    }
}

/// SSL 3.0 to TLS 1.3; DTLS and drafts count elsewhere.
fn is_version(version: u16) -> bool {
    (0x0300..=0x0304).contains(&version)
}

fn fill(hello: &mut Hello, mut cursor: Cursor<'_>, length: usize) -> Result<(), Stop> {
    let start = cursor.left();
    cursor.take(32).ok_or(Stop::Short)?;
    let session = cursor.u8().ok_or(Stop::Short)?;
    if session > 32 {
        return Err(Stop::Bad);
    }
    cursor.take(session.into()).ok_or(Stop::Short)?;
    match hello.kind {
        Kind::Client => {
            let suites = cursor.be16().ok_or(Stop::Short)?;
            if suites < 2 || suites % 2 != 0 {
                return Err(Stop::Bad);
            }
            cursor.take(suites.into()).ok_or(Stop::Short)?;
            let methods = cursor.u8().ok_or(Stop::Short)?;
            if methods == 0 {
                return Err(Stop::Bad);
            }
            cursor.take(methods.into()).ok_or(Stop::Short)?;
        }
        Kind::Server => {
            cursor.be16().ok_or(Stop::Short)?;
            let method = cursor.u8().ok_or(Stop::Short)?;
            if method > 1 {
                return Err(Stop::Bad);
            }
        }
    }
    let read = start - cursor.left();
    if read == length {
        return Ok(());
    }
    let extensions = usize::from(cursor.be16().ok_or(Stop::Short)?);
    if read + 2 + extensions != length {
        return Err(Stop::Bad);
    }
    while !cursor.is_done() {
        let kind = cursor.be16().ok_or(Stop::Short)?;
        let size = cursor.be16().ok_or(Stop::Short)?;
        let body = cursor.take(size.into()).ok_or(Stop::Short)?;
        extension(hello, kind, body);
    }
    Ok(())
}

/// Notes what one whole extension says; one that is malformed says nothing.
fn extension(hello: &mut Hello, kind: u16, body: &[u8]) {
    match (kind, hello.kind) {
        (0, Kind::Client) => hello.sni = server_name(body),
        (16, _) => hello.alpn = alpn(body),
        (43, Kind::Client) => {
            let list = body.get(1..).unwrap_or_default();
            hello.offers_13 = list.chunks_exact(2).any(|pair| pair == [3, 4]);
        }
        (43, Kind::Server) => {
            if let [major, minor] = *body {
                // Drafts of TLS 1.3 named themselves 0x7fNN.
                hello.version = if major == 0x7f { 0x0304 } else { u16::from_be_bytes([major, minor]) };
            }
        }
        _ => {}
    }
}

fn server_name(body: &[u8]) -> Option<String> {
    let mut cursor = Cursor::new(body);
    cursor.be16()?;
    if cursor.u8()? != 0 {
        return None;
    }
    let length = cursor.be16()?;
    let name = cursor.take(length.into())?;
    (!name.is_empty()).then(|| text(name))
}

fn alpn(body: &[u8]) -> Vec<String> {
    let mut cursor = Cursor::new(body);
    let mut names = Vec::new();
    cursor.be16();
    while let Some(length) = cursor.u8() {
        let Some(name) = cursor.take(length.into()) else { break };
        if name.is_empty() || is_grease(name) || names.len() == ALPN_MAX {
            continue;
        }
        names.push(text(name));
    }
    names
}

/// Two equal bytes whose low half is ten: a value that means nothing on purpose.
fn is_grease(name: &[u8]) -> bool {
    matches!(*name, [a, b] if a == b && a & 0x0f == 0x0a)
}

/// The name of a version in reports; `None` for one that does not exist.
pub fn version_name(version: u16) -> Option<&'static str> {
    match version {
        0x0002 => Some("ssl2"),
        0x0300 => Some("ssl3"),
        0x0301 => Some("1.0"),
        0x0302 => Some("1.1"),
        0x0303 => Some("1.2"),
        0x0304 => Some("1.3"),
        _ => None,
    }
}

/// The registry's name of what an ALPN identifier stands for (IANA "TLS ALPN Protocol IDs").
pub fn protocol_of(alpn: &str) -> Option<&'static str> {
    Some(match alpn {
        "h2" | "grpc-exp" => "http2",
        "http/1.1" | "http/1.0" => "http",
        "postgresql" => "postgresql",
        "tds/8.0" => "tds",
        "mqtt" => "mqtt",
        "imap" => "imap",
        "pop3" => "pop3",
        "ftp" => "ftp",
        "dot" => "dns",
        "smb" => "smb",
        "sip/2" => "sip",
        "sunrpc" => "onc-rpc",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expect: Option<(Option<&str>, &[&str])>) {
        match (read(bytes), expect) {
            (Read::Hello(hello), Some((sni, alpn))) => {
                assert_eq!(hello.sni.as_deref(), sni);
                assert_eq!(hello.alpn, alpn);
            }
            (Read::Not | Read::Short, None) => {}
            (read, expect) => panic!("{read:?} is not {expect:?}"),
        }
    }

    fn client(extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 1, 1, 0]);
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        let mut hello = vec![1, 0, 0, body.len() as u8];
        hello.extend(body);
        hello
    }

    #[test]
    fn name_and_protocols_are_read() {
        let hello = client(b"\0\0\0\x08\0\x06\0\0\x03a.b\0\x10\0\x05\0\x03\x02h2");
        check(&hello, Some((Some("a.b"), &["h2"])));
    }

    #[test]
    fn grease_is_no_protocol() {
        check(&client(b"\0\x10\0\x08\0\x06\x02\x0a\x0a\x02h2"), Some((None, &["h2"])));
    }

    #[test]
    fn extensions_that_do_not_fill_the_message_are_none() {
        let mut hello = client(b"\0\x10\0\x05\0\x03\x02h2");
        hello[46] = 3;
        check(&hello, None);
    }

    #[test]
    fn six_bytes_make_a_hello_and_five_do_not() {
        let hello = client(b"");
        check(&hello[..6], Some((None, &[])));
        check(&hello[..5], None);
    }
}
