//! SSH over TCP: its identification strings and its first key exchange.
//!
//! Source: RFC 4253 sections 4.2 (identification), 6 (packets) and 7.1 (KEXINIT), RFC 4419 (group exchange).
//! Recognised: `SSH-` with a version on either side, also behind lines that a server may say before; a KEXINIT midstream.
//! Left out: encrypted packets midstream.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::dialogue::{is_text, lines};
use crate::protocol::probe::{Answer, Claim, Detail, Probe, text};
use crate::protocol::sides::{Look, begins};

/// The registry's entry.
#[derive(Debug)]
pub struct Ssh;

impl Probe for Ssh {
    fn name(&self) -> &'static str {
        "ssh"
    }

    fn title(&self) -> &'static str {
        "Secure Shell: remote login, file transfer (SFTP) and tunnels."
    }

    fn proof(&self) -> &'static str {
        "The identification string SSH-2.0, SSH-1.99 or SSH-1.5 on either side, or a key exchange offer with its lists of algorithms. \
         Both sides speak alike, so the client is named only where its key exchange message was seen."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let [a, b] = Side::BOTH.map(|side| identification(&view.sides[side]));
        let [a, b] = match (a, b) {
            (Ident::Preface, Ident::Found(_)) => [behind_lines(&view.sides[Side::A]), b],
            (Ident::Found(_), Ident::Preface) => [a, behind_lines(&view.sides[Side::B])],
            _ => [a, b],
        };
        match (&a, &b) {
            (Ident::Not, _) | (_, Ident::Not) => Answer::No,
            // One side identified itself; the other's lines may be a server's, or a stranger's who knocked here.
            (Ident::Preface, Ident::Found(_)) | (Ident::Found(_), Ident::Preface) => Answer::More,
            (Ident::Found(_), _) | (_, Ident::Found(_)) => Answer::Yes(claim(view, [&a, &b])),
            (Ident::Preface, Ident::Preface) => Answer::No,
            _ => Answer::More,
        }
    }
}

/// What a side's start says.
#[derive(Clone, Copy, Debug)]
enum Ident<'a> {
    /// It identified itself; its string, empty where only its key exchange was seen.
    Found(&'a [u8]),
    /// Lines of text that a server may say before.
    Preface,
    More,
    Not,
}

/// RFC 4253: an identification string has at most 255 bytes.
const IDENT_BYTES: usize = 255;

fn identification<'a>(heard: &Heard<'a>) -> Ident<'a> {
    let bytes = heard.bytes;
    match begins(bytes, b"SSH-") {
        Look::Proves | Look::Fits => ident(bytes),
        Look::More => Ident::More,
        Look::Not if !heard.is_first() => kexinit(bytes),
        // A hand at a terminal that only pressed return.
        Look::Not if bytes.iter().all(u8::is_ascii_whitespace) => Ident::More,
        Look::Not if bytes.first().is_some_and(|byte| (0x20..0x7f).contains(byte)) => {
            let (line, whole) = match lines(bytes).next() {
                Some((line, _)) => (line, true),
                None => (bytes.strip_suffix(b"\r").unwrap_or(bytes), false),
            };
            match is_text(line) {
                true if whole => Ident::Preface,
                true => Ident::More,
                false => Ident::Not,
            }
        }
        Look::Not => Ident::Not,
    }
}

/// `SSH-2.0-software comments`.
fn ident(bytes: &[u8]) -> Ident<'_> {
    let (line, whole) = match lines(bytes).next() {
        Some((line, _)) => (line, true),
        None => (bytes.strip_suffix(b"\r").unwrap_or(bytes), false),
    };
    let Some(rest) = line.get(4..) else { return Ident::More };
    if line.len() > IDENT_BYTES || !is_text(line) {
        return Ident::Not;
    }
    let known = [b"2.0-".as_slice(), b"1.99-", b"1.5-"];
    if let Some(software) = known.iter().find_map(|version| rest.strip_prefix(*version)) {
        return if software.is_empty() && whole { Ident::Not } else { Ident::Found(line) };
    }
    if !whole && known.iter().any(|version| begins(rest, version) == Look::More) {
        return Ident::More;
    }
    Ident::Not
}

/// The identification behind a server's own lines; asked only where the other side has identified itself.
fn behind_lines<'a>(heard: &Heard<'a>) -> Ident<'a> {
    let mut at = 0;
    for (line, end) in lines(heard.bytes) {
        if line.starts_with(b"SSH-") {
            return heard.bytes.get(at..).map_or(Ident::Not, ident);
        }
        if !is_text(line) {
            return Ident::Not;
        }
        at = end;
    }
    match heard.bytes.get(at..) {
        Some(rest) if rest.starts_with(b"SSH-") => ident(rest),
        _ => Ident::Preface,
    }
}

/// SSH_MSG_KEXINIT: the packet's length and padding, a cookie of 16 bytes, then lists of names.
fn kexinit(bytes: &[u8]) -> Ident<'_> {
    let read = || {
        let mut cursor = Cursor::new(bytes);
        let (length, padding, kind) = (cursor.be32()?, cursor.u8()?, cursor.u8()?);
        if !(64..=35_000).contains(&length) || padding < 4 || kind != 20 {
            return Some(false);
        }
        cursor.take(16)?;
        let list = cursor.be32()?;
        if list == 0 || list >= length {
            return Some(false);
        }
        let list = cursor.take(list as usize)?;
        let method = list.split(|&byte| byte == b',').next().unwrap_or_default();
        Some(
            list.iter().all(u8::is_ascii_graphic)
                && [b"curve25519-".as_slice(), b"ecdh-sha2-", b"diffie-hellman-", b"sntrup761", b"mlkem768"]
                    .iter()
                    .any(|known| method.starts_with(known)),
        )
    };
    match read() {
        Some(true) => Ident::Found(&[]),
        Some(false) => Ident::Not,
        None => Ident::More,
    }
}

fn claim(view: &View<'_>, found: [&Ident<'_>; 2]) -> Claim {
    let mut claim = Claim::default();
    let mut names = Vec::new();
    for ident in found {
        if let Ident::Found(line) = ident
            && !line.is_empty()
        {
            names.push(text(line));
        }
    }
    claim.client = Side::BOTH.into_iter().find_map(|side| {
        let is_client = exchanges_as_client(view.sides[side].bytes)?;
        Some(if is_client { side } else { side.other() })
    });
    if !names.is_empty() {
        claim.details.insert("software", Detail::List(names));
    }
    claim.unfinished = claim.client.is_none();
    claim
}

/// Packets in clear text before the key exchange message: KEXINIT, at times one ignored.
const CLEAR_PACKETS: usize = 4;

/// Whether the key exchange message behind the KEXINIT is a client's (30, 32, 34) or a server's (31, 33).
fn exchanges_as_client(bytes: &[u8]) -> Option<bool> {
    let mut cursor = Cursor::new(bytes);
    while cursor.rest().first().is_some_and(|&byte| byte != 0) {
        cursor.line()?;
    }
    for _ in 0..CLEAR_PACKETS {
        let length = cursor.be32()?;
        if !(2..=35_000).contains(&length) {
            return None;
        }
        match *cursor.rest().get(1)? {
            30 | 32 | 34 => return Some(true),
            31 | 33 => return Some(false),
            2 | 4 | 20 => {}
            _ => return None,
        }
        cursor.take(length as usize)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::opening::Start;

    #[track_caller]
    fn check(a: &[u8], b: &[u8], expect: &str) {
        assert_eq!(word_of(&Ssh.ask(&View::of(a, b))), expect);
    }

    fn word_of(answer: &Answer) -> &'static str {
        match answer {
            Answer::Yes(claim) if claim.client == Some(Side::A) => "a",
            Answer::Yes(claim) if claim.client == Some(Side::B) => "b",
            Answer::Yes(_) => "yes",
            Answer::No => "no",
            Answer::More => "more",
        }
    }

    #[test]
    fn either_side_identifies_it() {
        check(b"SSH-2.0-OpenSSH_9.6\r\n", b"", "yes");
        check(b"SSH-1.99-Cisco-1.25\n", b"SSH-2.0-x\r\n", "yes");
        check(b"SSH-2.0-Open", b"", "yes");
        check(b"SSH-2", b"", "more");
    }

    #[test]
    fn a_server_may_say_lines_before() {
        check(b"SSH-2.0-x\r\n", b"welcome\r\nbe good\r\nSSH-2.0-y\r\n", "yes");
        check(b"SSH-2.0-x\r\n", b"welcome\r\n", "more");
        check(b"SSH-2.0-x\r\n", b"GET / HTTP/1.1\r\n\r\n", "more");
        check(b"SSH-2.0-x\r\n", b"\r\n", "yes");
        check(b"welcome\r\nSSH-2.0-y\r\n", b"", "more");
    }

    #[test]
    fn the_key_exchange_tells_the_client() {
        let kexinit = [0, 0, 0, 2, 0, 20];
        let asks = [b"SSH-2.0-x\r\n".as_slice(), &kexinit, &[0, 0, 0, 2, 0, 30]].concat();
        check(&asks, b"", "a");
        check(b"", &asks, "b");
    }

    #[test]
    fn a_key_exchange_offer_proves_it_midstream() {
        let mut offer = vec![0, 0, 4, 0, 6, 20];
        offer.extend([7; 16]);
        offer.extend([0, 0, 0, 17]);
        offer.extend(b"curve25519-sha256");
        let view = |bytes| View::of(bytes, b"").started(Start::Midstream);
        assert_eq!(word_of(&Ssh.ask(&view(&offer))), "yes");
        assert_eq!(word_of(&Ssh.ask(&view(&offer[..30]))), "more");
        assert_eq!(word_of(&Ssh.ask(&View::of(&offer, b""))), "no");
    }

    #[test]
    fn others_are_not() {
        check(b"SSH-2.0-x\r\n", b"\x16\x03\x01\x00", "no");
        check(b"SSH-3.0-x\r\n", b"", "no");
        check(b"SSH-2.0-\r\n", b"", "no");
        check(b"220 ready\r\n", b"EHLO x\r\n", "no");
        check(&[0x16, 3, 1], b"", "no");
        check(&[0, 0, 0, 9], b"", "no");
    }
}
