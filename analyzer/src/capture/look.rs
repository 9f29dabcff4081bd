//! What some first bytes look like: to tell compression, and to say what a file is that is no capture.
//!
//! Source: RFC 1952 (gzip), RFC 8878 (zstd), the LZ4 frame format; for the others, their magic numbers as file(1) knows them.

use crate::capture::facts::Compression;

/// The compression that begins so.
pub(crate) fn compression(head: &[u8]) -> Compression {
    match head {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        [0x04, 0x22, 0x4d, 0x18, ..] => Compression::Lz4,
        _ => Compression::None,
    }
}

/// What is not a capture, by its first bytes: its name, and how to come to a capture from it.
pub(crate) fn name(head: &[u8]) -> (String, &'static str) {
    const UNPACK: &str = "unpack it first";
    const CONVERT: &str = "convert it to pcapng with editcap";
    let known: &[(&[u8], &str, &str)] = &[
        (b"PK\x03\x04", "a zip archive", UNPACK),
        (b"7z\xbc\xaf", "a 7-Zip archive", UNPACK),
        (b"\xfd7zXZ\0", "xz compression", "unpack it first with xz -d"),
        (b"BZh", "bzip2 compression", "unpack it first with bzip2 -d"),
        (b"\x1f\x8b", "gzip inside compression", UNPACK),
        (b"\x28\xb5\x2f\xfd", "zstd inside compression", UNPACK),
        (b"\x04\x22\x4d\x18", "lz4 inside compression", UNPACK),
        (b"\x02\x21\x4c\x18", "legacy lz4 compression", "unpack it first with lz4 -d"),
        (b"snoop\0\0\0", "a snoop capture", CONVERT),
        (b"GMBU", "a Network Monitor 2 capture", CONVERT),
        (b"RTSS", "a Network Monitor 1 capture", CONVERT),
        (b"TRSNIFF data", "a Sniffer capture", CONVERT),
        (b"XCP\0", "a NetXRay capture", CONVERT),
        (b"btsnoop\0", "a Bluetooth snoop log", ""),
        (b"\x1c\x00\x01\xac", "an IxVeriWave or lcap capture", CONVERT),
        (b"\x7fELF", "a program", ""),
        (b"%PDF", "a PDF document", ""),
        (b"SQLite format 3", "a database", ""),
    ];
    if let Some((_, name, mend)) = known.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return ((*name).to_owned(), mend);
    }
    if head.get(257..262) == Some(b"ustar") {
        return ("a tar archive".to_owned(), UNPACK);
    }
    if is_erf(head) {
        return ("an ERF capture".to_owned(), CONVERT);
    }
    if !head.is_empty() && is_text(head) {
        return ("text".to_owned(), "");
    }
    let magic: Vec<String> = head.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    (format!("magic number {}", magic.join(" ")), "")
}

fn is_text(head: &[u8]) -> bool {
    let whole = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last letter may be cut.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    whole.chars().all(|letter| !letter.is_control() || matches!(letter, '\n' | '\r' | '\t' | '\x0c'))
}

/// Two records in a row that read as Endace's: a known type, a length that holds the header, times in order.
fn is_erf(head: &[u8]) -> bool {
    let record = |bytes: &[u8]| {
        let (time, rest) = bytes.split_first_chunk::<8>()?;
        let (kind, _, length) = match rest {
            [kind, flags, high, low, ..] => (kind & 0x7f, flags, u16::from_be_bytes([*high, *low])),
            _ => return None,
        };
        ((1..=25).contains(&kind) && length >= 16).then_some((u64::from_le_bytes(*time), usize::from(length)))
    };
    let Some((first, length)) = record(head) else { return false };
    let second = head.get(length..).and_then(record);
    first >> 32 > 100_000_000
        && second.is_some_and(|(next, _)| next >= first && (next - first) >> 32 < 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &[u8], expect: &str) {
        assert_eq!(name(head).0, expect);
    }

    #[test]
    fn what_is_no_capture_is_named() {
        check(b"PK\x03\x04\x14\0", "a zip archive");
        check(b"0000  45 00 00 1c\n", "text");
        check("gr\u{fc}n".as_bytes().get(..3).unwrap(), "text");
        check(b"snoop\0\0\0\0\0\0\x02", "a snoop capture");
        check(b"\xde\xad\xbe\xef\0", "magic number de ad be ef");
        let mut record = [0u8; 20];
        record[4..8].copy_from_slice(&1_500_000_000u32.to_le_bytes());
        record[8..12].copy_from_slice(&[2, 4, 0, 20]);
        check(&record.repeat(2), "an ERF capture");
    }
}
