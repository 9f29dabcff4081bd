//! SMB 1, 2 and 3 over TCP, direct or within a NetBIOS session.
//!
//! Source: MS-SMB section 2.2.3 and MS-SMB2 sections 2.1, 2.2.1, 2.2.4 and 2.2.41 (headers), RFC 1002 section 4.3 (session service).
//! Recognised: the session frame with an SMB header, encrypted or compressed frames; a session request with two NetBIOS names.
//! Left out: datagrams (mailslots), SMB over QUIC.

use crate::flow::opening::{Heard, View};
use crate::net::{Side, Transport};
use crate::protocol::cursor::Cursor;
use crate::protocol::probe::{Answer, Claim, Probe};

/// The registry's entry.
#[derive(Debug)]
pub struct Smb;

impl Probe for Smb {
    fn name(&self) -> &'static str {
        "smb"
    }

    fn title(&self) -> &'static str {
        "Server Message Block, by which Windows shares files and printers."
    }

    fn proof(&self) -> &'static str {
        "A session frame of sound length around the mark of SMB (FF, FE, FD or FC, then `SMB`) and a header of the right form, or a NetBIOS session request with its two names. \
         A NetBIOS session's answer alone proves nothing."
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, view: &View<'_>) -> Answer {
        let mut proved: Option<Claim> = None;
        let mut pending = false;
        for side in Side::BOTH {
            match look(&view.sides[side]) {
                Look::Not if view.sides[side].is_first() => return Answer::No,
                // A side met midstream may start within a frame: what it says then contradicts nothing.
                Look::Not => {}
                Look::More => pending = true,
                Look::Proved(found) => {
                    let claim = proved.take().unwrap_or_default();
                    proved = Some(describe(claim, side, found));
                }
            }
        }
        match proved {
            Some(claim) => Answer::Yes(claim),
            None if pending => Answer::More,
            None => Answer::No,
        }
    }
}

fn describe(mut claim: Claim, side: Side, found: Found) -> Claim {
    if let Some(answers) = found.answers {
        claim.client = Some(if answers { side.other() } else { side });
    }
    if let Some(version) = found.version {
        claim = claim.with("version", version);
    }
    if let Some(dialect) = found.dialect {
        claim = claim.with("dialect", dialect);
    }
    if found.encrypted {
        claim = claim.with("encrypted", true);
    }
    claim
}

/// What a frame showed.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    /// Whether it is a server's.
    answers: Option<bool>,
    version: Option<u64>,
    dialect: Option<&'static str>,
    encrypted: bool,
}

#[derive(Clone, Copy, Debug)]
enum Look {
    Proved(Found),
    More,
    Not,
}

/// MS-SMB2 allows frames of 8 MiB and a header; the frame's length has 24 bits.
const FRAME_BYTES: usize = (8 << 20) + 65_536;

fn look(heard: &Heard<'_>) -> Look {
    match heard.bytes.first() {
        None => Look::More,
        Some(0) => frame(heard.bytes),
        Some(0x81) => session(heard.bytes),
        // The answer to a session request, positive, negative or elsewhere; what follows is a frame of its own.
        Some(0x82) => match heard.bytes {
            [_, 0, 0, 0, rest @ ..] if !rest.is_empty() => frame(rest),
            [_, rest @ ..] if rest.iter().take(3).all(|&byte| byte == 0) => Look::More,
            _ => Look::Not,
        },
        Some(0x83) => match heard.bytes {
            [_, 0, 0, 1, 0x80..=0x8f] => Look::More,
            [_, 0, 0, 1] | [_, 0, 0] | [_, 0] | [_] => Look::More,
            _ => Look::Not,
        },
        Some(_) => Look::Not,
    }
}

/// A session request: two names of 32 letters, called and calling.
fn session(bytes: &[u8]) -> Look {
    let mut cursor = Cursor::new(bytes);
    let (Some(_), Some(flags), Some(length)) = (cursor.u8(), cursor.u8(), cursor.be16()) else {
        return Look::More;
    };
    if flags > 1 || !(68..=512).contains(&length) {
        return Look::Not;
    }
    for _ in 0..2 {
        let Some(name) = cursor.take(33) else {
            return Look::More;
        };
        let letters = name.split_first().is_some_and(|(&length, letters)| {
            length == 32 && letters.iter().all(|byte| (b'A'..=b'P').contains(byte))
        });
        if !letters || cursor.until(0).is_none() {
            return Look::Not;
        }
    }
    Look::Proved(Found { answers: Some(false), ..Found::default() })
}

fn frame(bytes: &[u8]) -> Look {
    let mut cursor = Cursor::new(bytes);
    let Some(length) = cursor.be32().map(|length| length as usize) else {
        return if bytes.first() == Some(&0) { Look::More } else { Look::Not };
    };
    if length >= FRAME_BYTES {
        return Look::Not;
    }
    let rest = cursor.rest();
    let mark = |mark: u8| rest.iter().zip([mark, b'S', b'M', b'B']).all(|(&have, want)| have == want);
    let enough = |least: usize| length >= least;
    match rest.first() {
        None if enough(33) => Look::More,
        Some(0xff) if mark(0xff) && enough(35) => smb1(rest),
        Some(0xfe) if mark(0xfe) && enough(66) => smb2(rest),
        Some(0xfd) if mark(0xfd) && enough(52 + 16) => match rest.get(..52) {
            // The size of what is encrypted stands at 36, and fills the frame.
            Some(header) => {
                let mut at = Cursor::new(header.get(36..).unwrap_or_default());
                match (at.le32(), at.le16(), at.le16()) {
                    (Some(size), Some(0), Some(0 | 1)) if size as usize + 52 == length => {
                        Look::Proved(Found { version: Some(3), encrypted: true, ..Found::default() })
                    }
                    _ => Look::Not,
                }
            }
            None => Look::More,
        },
        Some(0xfc) if mark(0xfc) && enough(16) => match rest.get(4..12) {
            Some([_, _, _, size, algorithm, 0, ..]) if *size == 0 && *algorithm <= 5 => {
                Look::Proved(Found { version: Some(3), ..Found::default() })
            }
            Some(_) => Look::Not,
            None => Look::More,
        },
        _ => Look::Not,
    }
}

/// Flags at 9 (the top bit: an answer), the count of parameter words at 32.
fn smb1(rest: &[u8]) -> Look {
    match (rest.get(9), rest.get(14..22)) {
        (Some(flags), Some(_)) => {
            Look::Proved(Found { answers: Some(flags & 0x80 != 0), version: Some(1), ..Found::default() })
        }
        _ => Look::More,
    }
}

/// The header's size of 64 at 4, the command at 12, flags at 16 (the lowest bit: an answer); the body starts at 64.
fn smb2(rest: &[u8]) -> Look {
    let mut cursor = Cursor::new(rest);
    let read = || {
        cursor.take(4)?;
        let size = cursor.le16()?;
        cursor.take(6)?;
        let command = cursor.le16()?;
        cursor.take(2)?;
        let flags = cursor.le32()?;
        cursor.take(44)?;
        Some((size, command, flags))
    };
    let mut read = read;
    let Some((size, command, flags)) = read() else {
        return if rest.get(4..6).is_none_or(|size| size == [64, 0]) { Look::More } else { Look::Not };
    };
    if size != 64 || command > 0x13 {
        return Look::Not;
    }
    let answers = flags & 1 != 0;
    let dialect =
        (command == 0 && answers).then(|| rest.get(68..70)).flatten().and_then(|bytes| match bytes {
            [0x02, 0x02] => Some("2.0.2"),
            [0x10, 0x02] => Some("2.1"),
            [0x00, 0x03] => Some("3.0"),
            [0x02, 0x03] => Some("3.0.2"),
            [0x11, 0x03] => Some("3.1.1"),
            _ => None,
        });
    Look::Proved(Found { answers: Some(answers), version: Some(2), dialect, encrypted: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(message: &[u8], length: usize) -> Vec<u8> {
        let mut message = message.to_vec();
        message.resize(length, 0);
        [&(length as u32).to_be_bytes(), message.as_slice()].concat()
    }

    #[track_caller]
    fn check(a: &[u8], b: &[u8], expect: &str) {
        let found = match Smb.ask(&View::of(a, b)) {
            Answer::Yes(claim) if claim.client == Some(Side::A) => "a",
            Answer::Yes(claim) if claim.client == Some(Side::B) => "b",
            Answer::Yes(_) => "yes",
            Answer::No => "no",
            Answer::More => "more",
        };
        assert_eq!(found, expect);
    }

    #[test]
    fn either_side_proves_it() {
        check(&framed(b"\xffSMB\x72\0\0\0\0\x18", 40), b"", "a");
        check(&framed(b"\xffSMB\x72\0\0\0\0\x98", 40), b"", "b");
        check(&framed(b"\xfeSMB\x40\0", 100), b"", "a");
        check(&framed(b"\xfeSMB\x40\0", 100), &framed(b"\xfeSMB\x40\0\0\0\0\0\0\0\0\0\0\0\x01", 100), "a");
    }

    #[test]
    fn encrypted_frames_prove_it_midstream() {
        let mut header = b"\xfdSMB".to_vec();
        header.resize(36, 7);
        header.extend([48, 0, 0, 0, 0, 0, 1, 0]);
        check(&framed(&header, 100), b"", "yes");
        header[36] = 47;
        check(&framed(&header, 100), b"", "no");
    }

    #[test]
    fn a_session_request_proves_it_by_its_names() {
        let mut asks = vec![0x81, 0, 0, 68];
        for _ in 0..2 {
            asks.push(32);
            asks.extend([b'C'; 32]);
            asks.push(0);
        }
        check(&asks, &[0x82, 0, 0, 0], "a");
        check(&[0x82, 0, 0, 0], b"", "more");
    }

    #[test]
    fn others_are_not() {
        check(&framed(b"\xfeSMC\x40\0", 100), b"", "no");
        check(&framed(b"\xfeSMB\x41\0", 100), b"", "no");
        check(&framed(b"\x00\x12\x00\x00", 40), b"", "no");
        check(&framed(b"\xfeSMB\x40\0", 100)[..20], b"", "more");
        check(b"GET / HTTP/1.1\r\n\r\n", b"", "no");
        check(&framed(b"\xfeSMB\x40\0", 100), b"HTTP/1.1 400\r\n", "no");
    }
}
