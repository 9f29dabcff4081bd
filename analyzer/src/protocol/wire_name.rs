//! Domain names as messages carry them: labels and compression pointers.
//!
//! Source: RFC 1035 sections 3.1 and 4.1.4. Shared by the DNS and the NetBIOS name service probes.

/// RFC 1035 section 2.3.4: a name has at most 255 bytes.
const NAME_BYTES: usize = 255;

/// Each jump must go back, and a name of 255 bytes has at most 127 labels: more jumps than that are a loop.
const JUMPS: usize = 127;

/// Reads the name at `at`. Gives its labels to `each` and returns where the message goes on behind it;
/// `None` where it is broken or cut.
pub fn walk<'a>(message: &'a [u8], at: usize, mut each: impl FnMut(&'a [u8])) -> Option<usize> {
    let mut here = at;
    let mut after = None;
    let mut jumps = 0;
    let mut bytes = 1;
    loop {
        let length = *message.get(here)?;
        match length >> 6 {
            0 if length == 0 => return Some(after.unwrap_or(here + 1)),
            0 => {
                let from = here + 1;
                here = from + usize::from(length);
                bytes += usize::from(length) + 1;
                if bytes > NAME_BYTES {
                    return None;
                }
                each(message.get(from..here)?);
            }
            3 => {
                let low = *message.get(here + 1)?;
                let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                jumps += 1;
                if target >= here || jumps > JUMPS {
                    return None;
                }
                after = after.or(Some(here + 2));
                here = target;
            }
            _ => return None,
        }
    }
}

/// The name at `at` in small letters, its labels joined by dots; the root is empty. Bytes that are not printable
/// ASCII, and a dot or backslash within a label, are written `\DDD`. With it, where the message goes on.
pub fn read(message: &[u8], at: usize) -> Option<(String, usize)> {
    let mut name = String::new();
    let after = walk(message, at, |label| {
        if !name.is_empty() {
            name.push('.');
        }
        for &byte in label {
            match byte {
                b'.' | b'\\' => name.push_str(&format!("\\{byte:03}")),
                0x21..0x7f => name.push(char::from(byte.to_ascii_lowercase())),
                _ => name.push_str(&format!("\\{byte:03}")),
            }
        }
    })?;
    Some((name, after))
}

/// Whether the name at `at` is a NetBIOS name: a first label of 32 letters from A to P (RFC 1001 section 14.1).
pub fn is_netbios(message: &[u8], at: usize) -> bool {
    let from = at.saturating_add(1);
    message.get(at) == Some(&32)
        && message
            .get(from..from.saturating_add(32))
            .is_some_and(|label| label.iter().all(|byte| (b'A'..=b'P').contains(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &[u8], at: usize, expect: Option<(&str, usize)>) {
        let found = read(message, at);
        assert_eq!(found.as_ref().map(|(name, after)| (name.as_str(), *after)), expect);
    }

    #[test]
    fn a_pointer_goes_back_and_the_message_goes_on_behind_it() {
        check(b"\x03WWW\x01x\x00", 0, Some(("www.x", 7)));
        check(b"\x01x\x00\x01y\xc0\x00", 3, Some(("y.x", 7)));
        check(b"\x00", 0, Some(("", 1)));
    }

    #[test]
    fn a_loop_ends() {
        check(b"\xc0\x00", 0, None);
        check(b"\x01x\xc0\x00", 0, None);
        check(b"\x01x\xc0\x02", 0, None);
    }

    #[test]
    fn a_cut_or_too_long_name_is_none() {
        check(b"\x05abc", 0, None);
        check(&[[1, b'x'].repeat(130), vec![0]].concat(), 0, None);
        check(b"\x40x", 0, None);
    }

    #[test]
    fn odd_bytes_are_escaped() {
        check(b"\x03a.\xff\x00", 0, Some(("a\\046\\255", 5)));
    }
}
