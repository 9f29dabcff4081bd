//! A cursor over bytes from the wire: reads or says that there is no more, never indexes.

/// A place in some bytes.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// A cursor at the first of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes have not been read.
    pub const fn left(&self) -> usize {
        self.rest.len()
    }

    /// Whether everything was read.
    pub const fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `count` bytes; `None`, and nothing read, where there are fewer.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn be16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn be24(&mut self) -> Option<u32> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    pub fn be32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn be64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub fn le16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn le32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn le64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// The bytes before the next `stop`, which is read too; `None`, and nothing read, where there is none.
    pub fn until(&mut self, stop: u8) -> Option<&'a [u8]> {
        let at = self.rest.iter().position(|&byte| byte == stop)?;
        let taken = self.take(at)?;
        self.u8()?;
        Some(taken)
    }

    /// The next line without its line feed or carriage return and line feed.
    pub fn line(&mut self) -> Option<&'a [u8]> {
        let line = self.until(b'\n')?;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_read_reads_nothing() {
        let mut cursor = Cursor::new(&[1, 2, 3]);
        assert_eq!(cursor.be32(), None);
        assert_eq!(cursor.be16(), Some(0x0102));
        assert_eq!(cursor.take(2), None);
        assert_eq!(cursor.rest(), &[3]);
    }

    #[test]
    fn a_line_ends_with_either_ending() {
        let mut cursor = Cursor::new(b"one\r\ntwo\nthree");
        assert_eq!(cursor.line(), Some(&b"one"[..]));
        assert_eq!(cursor.line(), Some(&b"two"[..]));
        assert_eq!(cursor.line(), None);
    }
}
