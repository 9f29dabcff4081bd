//! The parts of ASN.1 BER that SNMP needs: definite lengths, checked against what holds them.
//!
//! Source: ITU-T X.690 section 8.1; RFC 3417 section 8 (definite lengths only).

use crate::protocol::cursor::Cursor;

pub const INTEGER: u8 = 0x02;
pub const OCTETS: u8 = 0x04;
pub const OID: u8 = 0x06;
pub const SEQUENCE: u8 = 0x30;

/// Why a value was not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The bytes end here; what was seen agrees.
    Short,
    Bad,
}

/// Values one after another, in a container whose length is known even where its end was not seen.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    seen: Cursor<'a>,
    /// Bytes left of the container, seen or not.
    left: usize,
}

impl<'a> Values<'a> {
    /// The values in `bytes`, of which `left` were sent.
    pub const fn new(bytes: &'a [u8], left: usize) -> Self {
        Self { seen: Cursor::new(bytes), left }
    }

    /// Whether the container has no more values.
    pub const fn is_done(&self) -> bool {
        self.left == 0
    }

    /// The next value: its tag, its bytes as far as seen, and its length.
    pub fn any(&mut self) -> Result<(u8, &'a [u8], usize), Stop> {
        let tag = self.byte()?;
        let length = match self.byte()? {
            short @ 0..=0x7f => usize::from(short),
            0x81 => usize::from(self.byte()?),
            0x82 => usize::from(self.byte()?) << 8 | usize::from(self.byte()?),
            0x83 => {
                usize::from(self.byte()?) << 16 | usize::from(self.byte()?) << 8 | usize::from(self.byte()?)
            }
            0x84 => {
                if self.byte()? != 0 {
                    return Err(Stop::Bad);
                }
                usize::from(self.byte()?) << 16 | usize::from(self.byte()?) << 8 | usize::from(self.byte()?)
            }
            _ => return Err(Stop::Bad),
        };
        self.left = self.left.checked_sub(length).ok_or(Stop::Bad)?;
        let rest = self.seen.rest();
        let value = rest.get(..length).unwrap_or(rest);
        self.seen = Cursor::new(rest.get(value.len()..).unwrap_or_default());
        Ok((tag, value, length))
    }

    /// The values inside the next one, which has this tag.
    pub fn inside(&mut self, tag: u8) -> Result<Self, Stop> {
        match self.any()? {
            (found, value, length) if found == tag => Ok(Self::new(value, length)),
            _ => Err(Stop::Bad),
        }
    }

    /// The next value, an INTEGER of at most five bytes.
    pub fn integer(&mut self) -> Result<i64, Stop> {
        match self.any()? {
            (INTEGER, value, length @ 1..=5) => {
                if value.len() < length {
                    return Err(Stop::Short);
                }
                let sign = if value.first().is_some_and(|&byte| byte >= 0x80) { -1 } else { 0 };
                Ok(value.iter().fold(sign, |number, &byte| number << 8 | i64::from(byte)))
            }
            _ => Err(Stop::Bad),
        }
    }

    /// The next value, of this tag, all of it.
    pub fn whole(&mut self, tag: u8) -> Result<&'a [u8], Stop> {
        match self.any()? {
            (found, value, length) if found == tag => {
                if value.len() < length {
                    Err(Stop::Short)
                } else {
                    Ok(value)
                }
            }
            _ => Err(Stop::Bad),
        }
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        self.left = self.left.checked_sub(1).ok_or(Stop::Bad)?;
        self.seen.u8().ok_or(Stop::Short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], left: usize, expect: Result<i64, Stop>) {
        assert_eq!(Values::new(bytes, left).integer(), expect, "{bytes:?}");
    }

    #[test]
    fn an_integer_is_signed_and_bounded_by_what_holds_it() {
        check(&[2, 1, 5], 3, Ok(5));
        check(&[2, 1, 0xff], 3, Ok(-1));
        check(&[2, 0x81, 2, 1, 0], 5, Ok(256));
        check(&[2, 2, 5], 4, Err(Stop::Short));
        check(&[2, 2, 5], 3, Err(Stop::Bad));
        check(&[4, 1, 5], 3, Err(Stop::Bad));
        check(&[2, 0x80, 5], 3, Err(Stop::Bad));
    }
}
