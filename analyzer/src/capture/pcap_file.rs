//! Classic pcap: file header and records.
//!
//! Source: draft-ietf-opsawg-pcap; the 24-byte record header of the modified format (magic
//! a1b2cd34) and the swapped lengths of versions before 2.3 as libpcap's savefile.c reads them.
//! Left out: the vendors' formats with other magics, which are refused.

use crate::capture::walk::{FRAME_BYTES_MAX, Lie, Sink, Walked, word};
use crate::net::TimeNs;
use crate::packet::frame::LinkType;

/// Length of the file header.
pub(crate) const HEADER_BYTES: usize = 24;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;

/// Whether these are the first four bytes of a classic pcap.
pub(crate) fn is_magic(magic: [u8; 4]) -> bool {
    kind(magic).is_some()
}

/// Byte order (big) and magic number.
fn kind(magic: [u8; 4]) -> Option<(bool, u32)> {
    [(false, u32::from_le_bytes(magic)), (true, u32::from_be_bytes(magic))]
        .into_iter()
        .find(|(_, number)| matches!(*number, MICROSECONDS | NANOSECONDS | MODIFIED))
}

/// A classic pcap whose header was read.
#[derive(Debug)]
pub(crate) struct PcapFile {
    big: bool,
    /// Nanoseconds in one unit of the record's second time field.
    unit_ns: u64,
    record_bytes: usize,
    minor: u16,
    snap_bytes: u32,
    link: LinkType,
    reserved: bool,
    vantage: Option<u32>,
}

impl PcapFile {
    /// Reads the header. Nothing where the bytes are no such header.
    pub fn open(header: &[u8; HEADER_BYTES]) -> Result<Self, Lie> {
        let [m0, m1, m2, m3, a0, a1, i0, i1, _, _, _, _, _, _, _, _, s0, s1, s2, s3, n0, n1, n2, n3] =
            *header;
        let Some((big, magic)) = kind([m0, m1, m2, m3]) else {
            return Err(Lie::new(
                "the magic number of a pcap",
                format_args!("{m0:02x}{m1:02x}{m2:02x}{m3:02x}"),
            ));
        };
        let half = |pair| if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
        let whole = |four| if big { word::<true>(four) } else { word::<false>(four) };
        let (major, minor) = (half([a0, a1]), half([i0, i1]));
        if major != 2 || minor > 4 {
            return Err(Lie::new("pcap version 2.0 to 2.4", format_args!("{major}.{minor}")));
        }
        let network = whole([n0, n1, n2, n3]);
        Ok(Self {
            big,
            unit_ns: if magic == NANOSECONDS { 1 } else { 1000 },
            record_bytes: if magic == MODIFIED { 24 } else { 16 },
            minor,
            snap_bytes: whole([s0, s1, s2, s3]),
            // The upper half holds the length of the frame check sequence, and reserved bits.
            link: LinkType(network as u16),
            reserved: network & 0x03ff_0000 != 0,
            vantage: None,
        })
    }

    /// Walks the whole records of `bytes`.
    pub fn walk(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Walked {
        if self.big {
            self.walk_ordered::<true>(bytes, sink)
        } else {
            self.walk_ordered::<false>(bytes, sink)
        }
    }

    fn walk_ordered<const BIG: bool>(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Walked {
        let vantage = match self.vantage {
            Some(vantage) => vantage,
            None => {
                if self.reserved {
                    sink.facts.problem("link-type-reserved-bits");
                }
                *self.vantage.insert(sink.interface(None, self.link, self.snap_bytes))
            }
        };
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let Some(([s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, w0, w1, w2, w3], _)) =
                rest.split_first_chunk::<16>()
            else {
                return Walked { used, need: self.record_bytes, lie: None };
            };
            let seconds = word::<BIG>([*s0, *s1, *s2, *s3]);
            let fraction = word::<BIG>([*f0, *f1, *f2, *f3]);
            let mut captured = word::<BIG>([*c0, *c1, *c2, *c3]);
            let mut wire = word::<BIG>([*w0, *w1, *w2, *w3]);
            if self.minor < 3 || (self.minor == 3 && captured > wire) {
                (captured, wire) = (wire, captured);
            }
            if captured > FRAME_BYTES_MAX {
                let expected = format!("a captured length of at most {FRAME_BYTES_MAX}");
                return Walked { used, need: 0, lie: Some(Lie::new(expected, captured)) };
            }
            let whole = self.record_bytes + captured as usize;
            if rest.len() < whole {
                return Walked { used, need: whole, lie: None };
            }
            if captured > self.snap_bytes && self.snap_bytes != 0 {
                sink.facts.problem("captured-longer-than-snap");
            }
            if captured > wire {
                sink.facts.problem("captured-longer-than-wire");
                wire = captured;
            }
            let fraction_ns = u64::from(fraction) * self.unit_ns;
            if fraction_ns >= 1_000_000_000 {
                sink.facts.problem("time-fraction-over-second");
            }
            let time_ns: TimeNs = u64::from(seconds) * 1_000_000_000 + fraction_ns;
            sink.frame(time_ns, vantage, used + self.record_bytes, captured, wire);
            used += whole;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::capture::sample::{pcap, pcap_header, pcap_record, read};

    #[test]
    fn every_magic_and_byte_order_gives_its_times() {
        for (magic, unit, extra) in [(0xa1b2_c3d4u32, 1000, 0), (0xa1b2_3c4d, 1, 0), (0xa1b2_cd34, 1000, 8)] {
            let record = [pcap_record(7, 5, 2, 60), vec![0; extra], vec![0xaa, 0xbb]].concat();
            let little = [pcap_header(magic, 65_535, 101), record].concat();
            let mut big: Vec<u8> = Vec::new();
            let (words, frame) = little.split_at(40);
            big.extend(words.chunks(4).flat_map(|word| word.iter().rev()));
            big[4..8].copy_from_slice(&[0, 2, 0, 4]);
            big.extend(frame);
            for bytes in [little.clone(), big] {
                let (seen, facts) = read(&bytes, usize::MAX).unwrap();
                assert_eq!(seen, [(1, 7_000_000_000 + 5 * unit, 0, 101, 60, vec![0xaa, 0xbb])]);
                assert_eq!((facts.cut_packets, facts.truncated, facts.stopped), (1, false, None));
            }
        }
    }

    #[test]
    fn frames_longer_than_the_snap_length_are_whole_and_the_lie_is_counted() {
        let bytes = [pcap_header(0xa1b2_c3d4, 2, 1), pcap_record(1, 0, 3, 3), vec![1, 2, 3]].concat();
        let (seen, facts) = read(&bytes, usize::MAX).unwrap();
        assert_eq!(seen[0].5, [1, 2, 3]);
        assert_eq!(facts.problems.get("captured-longer-than-snap"), Some(&1));
    }

    #[test]
    fn the_check_sequence_bits_are_no_part_of_the_link_type() {
        let bytes = [pcap_header(0xa1b2_c3d4, 0, 0x2400_0001), pcap_record(1, 0, 0, 0)].concat();
        let (seen, facts) = read(&bytes, usize::MAX).unwrap();
        assert_eq!((seen[0].3, facts.problems.len()), (1, 0));
    }

    #[test]
    fn a_captured_length_over_the_bound_stops_with_its_place() {
        let mut bytes = pcap(&[(1, b"one")]);
        bytes.extend(pcap_record(2, 0, 262_145, 262_145));
        let (seen, facts) = read(&bytes, usize::MAX).unwrap();
        assert_eq!(seen.len(), 1);
        assert_eq!(
            facts.stopped.unwrap(),
            "byte 43, after frame 1: expected a captured length of at most 262144, found `262145`"
        );
    }

    #[test]
    fn the_longest_frame_is_read_whole() {
        let frame = vec![9; 262_144];
        let (seen, facts) = read(&pcap(&[(1, b"a"), (2, &frame), (3, b"z")]), 10_000).unwrap();
        assert_eq!((seen.len(), seen[1].5 == frame, facts.truncated), (3, true, false));
    }

    #[test]
    fn another_version_is_refused() {
        let mut bytes = pcap(&[]);
        bytes[4] = 3;
        let error = read(&bytes, usize::MAX).unwrap_err().to_string();
        assert_eq!(error, "sample: expected pcap version 2.0 to 2.4, found `3.4`");
    }
}
