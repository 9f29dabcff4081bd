//! Lines, numbered replies and STARTTLS: what the mail protocols and FTP share.
//!
//! Source: RFC 5321 section 4.2 (replies, also RFC 959 section 4.2), RFC 3207 (STARTTLS).

use crate::flow::opening::View;
use crate::net::{Pair, Side};
use crate::protocol::probe::{Inner, InnerKind, TlsHow};

/// A first word longer than this is no command of the protocols here (`AUTHENTICATE` has 12).
const WORD_BYTES: usize = 16;

/// The whole lines of `bytes` without their ends, each with the offset behind it.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = (&[u8], usize)> {
    let mut at = 0;
    bytes.split_inclusive(|&byte| byte == b'\n').map_while(move |line| {
        at += line.len();
        let line = line.strip_suffix(b"\n")?;
        Some((line.strip_suffix(b"\r").unwrap_or(line), at))
    })
}

/// Whether there is no control character in it.
pub fn is_text(line: &[u8]) -> bool {
    line.iter().all(|&byte| (byte >= 0x20 && byte != 0x7f) || byte == b'\t')
}

/// The first word of a line, and what follows its space.
pub fn word(line: &[u8]) -> (&[u8], &[u8]) {
    match line.iter().position(|&byte| byte == b' ') {
        Some(at) => (line.get(..at).unwrap_or_default(), line.get(at + 1..).unwrap_or_default()),
        None => (line, &[]),
    }
}

/// Whether `word` is one of `words`, whatever the case of its letters.
pub fn is_among(word: &[u8], words: &[&str]) -> bool {
    word.len() <= WORD_BYTES && words.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

/// Whether an unfinished first line may still become a command: letters, then text.
pub fn may_be_command(bytes: &[u8]) -> bool {
    let (first, _) = word(bytes);
    let first = first.strip_suffix(b"\r").unwrap_or(first);
    first.len() <= WORD_BYTES
        && first.iter().all(u8::is_ascii_alphabetic)
        && is_text(bytes.strip_suffix(b"\r").unwrap_or(bytes))
}

/// One numbered reply of one or more lines.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    pub code: u16,
    /// All its lines, with their numbers and ends.
    pub bytes: &'a [u8],
    /// Where it ends.
    pub end: usize,
}

impl<'a> Reply<'a> {
    /// The text of each line behind the number.
    pub fn texts(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        lines(self.bytes).map(|(line, _)| line.get(4..).unwrap_or_default())
    }

    /// Whether a word that is no host name holds `service` in it (given in small letters).
    pub fn mentions(&self, service: &[u8]) -> bool {
        self.texts().flat_map(|text| text.split(|&byte| byte == b' ')).any(|word| {
            let word = word.strip_suffix(b".").unwrap_or(word);
            !word.contains(&b'.')
                && word.windows(service.len()).any(|part| part.eq_ignore_ascii_case(service))
        })
    }
}

/// The whole replies at the start of `bytes`; ends at the first thing that is none.
pub fn replies(bytes: &[u8]) -> impl Iterator<Item = Reply<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        let rest = bytes.get(start..)?;
        let mut code = None;
        for (line, end) in lines(rest) {
            let (number, last) = match line {
                [a, b, c, more @ ..] if line.iter().take(3).all(u8::is_ascii_digit) => {
                    let number =
                        [a, b, c].iter().fold(0u16, |sum, &&digit| sum * 10 + u16::from(digit - b'0'));
                    match more.first() {
                        None | Some(b' ') => (Some(number), true),
                        Some(b'-') => (Some(number), false),
                        Some(_) => (None, false),
                    }
                }
                _ => (None, false),
            };
            if !is_text(line) {
                return None;
            }
            match (code, number) {
                (None, Some(number)) if (100..600).contains(&number) => code = Some(number),
                (None, _) => return None,
                (Some(code), Some(number)) if last && code != number => return None,
                _ => {}
            }
            if let Some(code) = code
                && number == Some(code)
                && last
            {
                at = start + end;
                return Some(Reply { code, bytes: bytes.get(start..at)?, end: at });
            }
        }
        None
    })
}

/// Whether an unfinished first reply may still become one.
pub fn may_be_reply(bytes: &[u8]) -> bool {
    bytes.iter().take(3).all(u8::is_ascii_digit)
        && bytes.first().is_none_or(|digit| (b'1'..=b'5').contains(digit))
        && bytes.get(3).is_none_or(|byte| matches!(byte, b' ' | b'-' | b'\r' | b'\n'))
        && bytes.iter().all(|&byte| byte >= 0x20 || matches!(byte, b'\t' | b'\r' | b'\n'))
}

/// Whether a TLS record starts here.
pub fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x15 | 0x16, 3, 0..=4, ..])
}

/// Where TLS starts: behind the client's command (`asked`) and the server's consent (`agreed`).
///
/// Where one side was not heard at all, the other's bytes must show TLS behind its own part.
pub fn starttls(view: &View<'_>, client: Side, asked: Option<usize>, agreed: Option<usize>) -> Option<Inner> {
    let (asks, answers) = (view.sides[client].bytes, view.sides[client.other()].bytes);
    let behind = |bytes: &[u8], at: usize| bytes.get(at..).is_some_and(is_tls);
    let (asked, agreed) = match (asked, agreed) {
        (Some(asked), Some(agreed)) => (asked, agreed),
        (Some(asked), None) if answers.is_empty() && behind(asks, asked) => (asked, 0),
        (None, Some(agreed)) if asks.is_empty() && behind(answers, agreed) => (0, agreed),
        _ => return None,
    };
    let mut skip = Pair([asked, asked]);
    skip[client.other()] = agreed;
    Some(Inner { skip, what: InnerKind::Tls(TlsHow::StartTls) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_of_several_lines_is_one() {
        let codes: Vec<_> =
            replies(b"220-hello\r\n there\r\n220 go\r\n250 ok\r\n250-cut").map(|r| (r.code, r.end)).collect();
        assert_eq!(codes, [(220, 27), (250, 35)]);
    }

    #[test]
    fn a_service_in_a_host_name_is_no_mention() {
        let reply = |bytes| replies(bytes).next().unwrap();
        assert!(reply(b"220 ftp.example.com ESMTP x\r\n").mentions(b"smtp"));
        assert!(!reply(b"220 ftp.example.com ESMTP x\r\n").mentions(b"ftp"));
        assert!(reply(b"220 (vsFTPd 3)\r\n").mentions(b"ftp"));
    }
}
