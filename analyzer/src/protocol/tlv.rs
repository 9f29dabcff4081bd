//! Tag, length, value: ASN.1's basic encoding, as far as LDAP and Kerberos need it.
//!
//! Source: ITU-T X.690 section 8.1. Tags of one byte; lengths of up to four bytes, also not in their shortest form.

use crate::protocol::cursor::Cursor;

pub const INTEGER: u8 = 0x02;
pub const OCTETS: u8 = 0x04;
pub const ENUMERATED: u8 = 0x0a;
pub const SEQUENCE: u8 = 0x30;

/// The tag and length of the next element; `None`, where they are cut or of a form that is left out.
pub fn head(cursor: &mut Cursor<'_>) -> Option<(u8, usize)> {
    let (tag, first) = (cursor.u8()?, cursor.u8()?);
    if first < 0x80 {
        return Some((tag, usize::from(first)));
    }
    let count = usize::from(first & 0x7f);
    if !(1..=4).contains(&count) {
        return None;
    }
    let length = cursor.take(count)?.iter().fold(0usize, |sum, &byte| (sum << 8) | usize::from(byte));
    Some((tag, length))
}

/// The value of the next element, where it has this tag and is all there.
pub fn value<'a>(cursor: &mut Cursor<'a>, tag: u8) -> Option<&'a [u8]> {
    let mut ahead = *cursor;
    let (found, length) = head(&mut ahead)?;
    if found != tag {
        return None;
    }
    let value = ahead.take(length)?;
    *cursor = ahead;
    Some(value)
}

/// What stands in the next element of this tag, of which the end may be cut.
pub fn enter<'a>(cursor: &mut Cursor<'a>, tag: u8) -> Option<(Cursor<'a>, usize)> {
    let (found, length) = head(cursor)?;
    if found != tag {
        return None;
    }
    let rest = cursor.rest();
    Some((Cursor::new(rest.get(..length).unwrap_or(rest)), length))
}

/// A number of up to four bytes that is not negative.
pub fn number(cursor: &mut Cursor<'_>, tag: u8) -> Option<u32> {
    let bytes = value(cursor, tag)?;
    if bytes.is_empty() || bytes.len() > 4 || bytes.first().is_some_and(|byte| byte & 0x80 != 0) {
        return None;
    }
    Some(bytes.iter().fold(0, |sum, &byte| (sum << 8) | u32::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_may_be_longer_than_it_needs() {
        assert_eq!(value(&mut Cursor::new(&[4, 0x84, 0, 0, 0, 1, 9]), OCTETS), Some(&[9][..]));
        assert_eq!(number(&mut Cursor::new(&[2, 2, 1, 0]), INTEGER), Some(256));
    }

    #[test]
    fn endless_and_cut_elements_are_none() {
        assert_eq!(head(&mut Cursor::new(&[0x30, 0x80, 0, 0])), None);
        assert_eq!(value(&mut Cursor::new(&[4, 2, 9]), OCTETS), None);
        assert_eq!(number(&mut Cursor::new(&[2, 1, 0xff]), INTEGER), None);
    }
}
