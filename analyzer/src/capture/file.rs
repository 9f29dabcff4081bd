//! One capture, read in chunks: from its bytes to stores of frames.

use crate::capture::batch::{CHUNK_BYTES, Pool, Store};
use crate::capture::bytes::{Meter, unpack};
use crate::capture::error::{CaptureError, ErrorKind};
use crate::capture::facts::{CaptureFacts, Compression, Format};
use crate::capture::look;
use crate::capture::pcap_file::{self, PcapFile};
use crate::capture::pcapng::{self, Pcapng};
use crate::capture::walk::{Lie, Sink, Vantages, Walked};
use std::io::{ErrorKind as IoKind, Read};

/// Bytes looked at to name what is no capture: a tar archive shows itself at 257.
const LOOK_BYTES: usize = 512;

/// Bytes read at a time to learn when a capture begins: ten full Ethernet frames.
const PEEK_BYTES: usize = 16 * 1024;

#[derive(Debug)]
enum Walker {
    Pcap(PcapFile),
    Pcapng(Pcapng),
}

/// A capture being read.
pub(crate) struct Reader {
    pub facts: CaptureFacts,
    capture: u16,
    /// Bytes asked of the source at a time.
    chunk: usize,
    source: Box<dyn Read + Send>,
    walker: Walker,
    pool: Pool,
    /// The store being filled and how many bytes of it are the file's.
    next: Store,
    filled: usize,
    /// Where in the file (after decompression) the store begins.
    offset: u64,
    ended: bool,
    finished: bool,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("path", &self.facts.path).finish_non_exhaustive()
    }
}

impl Reader {
    /// Reads the head. `place` names the capture in errors and facts.
    pub fn open(place: &str, meter: Meter, pool: Pool) -> Result<Self, CaptureError> {
        let (compression, mut source) =
            unpack(meter).map_err(|cause| CaptureError::unreadable(place, &cause))?;
        let mut next = pool.take();
        let mut filled = 0;
        let mut ended = false;
        let mut damage = None;
        while filled < LOOK_BYTES && !ended && damage.is_none() && !has_header(&next, filled) {
            match source.read(next.bytes.get_mut(filled..).unwrap_or_default()) {
                Ok(count) => {
                    filled += count;
                    ended = count == 0;
                }
                Err(cause) if cause.kind() == IoKind::Interrupted => {}
                Err(cause) => damage = Some(cause),
            }
        }
        let head = next.bytes.get(..filled).unwrap_or_default();
        let (format, walker) = match (open_walker(place, head), &damage) {
            (Ok(opened), _) => opened,
            (Err(_), Some(cause)) if compression != Compression::None => {
                let expected = format!("a whole {} stream", compression.name());
                return Err(CaptureError::new(ErrorKind::Header, place, expected, cause, ""));
            }
            (Err(_), Some(cause)) if filled < pcap_file::HEADER_BYTES => {
                return Err(CaptureError::unreadable(place, cause));
            }
            (Err(error), _) => return Err(error),
        };
        let facts = CaptureFacts::new(place.to_owned(), format, compression);
        let header = if format == Format::Pcap { pcap_file::HEADER_BYTES } else { 0 };
        next.bytes.copy_within(header..filled, 0);
        filled -= header;
        let (capture, chunk, offset, finished) = (0, CHUNK_BYTES, header as u64, false);
        let mut reader =
            Self { facts, capture, chunk, source, walker, pool, next, filled, offset, ended, finished };
        if let Some(cause) = damage {
            reader.break_off(&cause);
        }
        Ok(reader)
    }

    /// Reads less at a time, for somebody who wants the first frame only.
    pub const fn read_little(&mut self) {
        self.chunk = PEEK_BYTES;
    }

    /// Sets the capture's number, which every later frame carries.
    pub const fn number(&mut self, capture: u16) {
        self.capture = capture;
    }

    /// The next frames, at least one; nothing at the end of the capture, for which
    /// `facts` then says how it ended.
    pub fn fill(&mut self, vantages: &mut Vantages) -> Option<Store> {
        let mut need = 1;
        while !self.finished {
            self.read_to(need);
            let bytes = self.next.bytes.get(..self.filled).unwrap_or_default();
            let mut sink =
                Sink { capture: self.capture, index: &mut self.next.index, facts: &mut self.facts, vantages };
            let walked = match &mut self.walker {
                Walker::Pcap(walker) => walker.walk(bytes, &mut sink),
                Walker::Pcapng(walker) => walker.walk(bytes, &mut sink),
            };
            need = walked.need.max(1);
            self.conclude(&walked);
            if self.finished || !self.next.index.is_empty() {
                let full = self.turn(walked.used);
                if !full.index.is_empty() {
                    return Some(full);
                }
                self.pool.give(full);
            } else {
                self.next.bytes.copy_within(walked.used..self.filled, 0);
                self.advance(walked.used);
            }
        }
        None
    }

    /// Notes how the capture ends, where it does.
    fn conclude(&mut self, walked: &Walked) {
        if let Some(lie) = &walked.lie {
            let at = self.offset + walked.used as u64;
            self.stop(format!(
                "byte {at}, after frame {}: expected {}, found `{}`",
                self.facts.packets, lie.expected, lie.found
            ));
        } else if self.ended {
            self.finished = true;
            self.facts.truncated |= walked.used < self.filled && self.facts.stopped.is_none();
        }
    }

    /// Notes that the source fails: a compressed stream cut short, damage, or a disk that does not answer.
    fn break_off(&mut self, cause: &std::io::Error) {
        self.ended = true;
        if cause.kind() == IoKind::UnexpectedEof {
            self.facts.truncated = true;
            return;
        }
        let at = self.offset + self.filled as u64;
        let expected = match self.facts.compression {
            Compression::None => "readable bytes".to_owned(),
            packed => format!("sound {} data", packed.name()),
        };
        self.facts.stopped = Some(format!("byte {at}: expected {expected}, found `{cause}`"));
    }

    fn stop(&mut self, reason: String) {
        self.finished = true;
        self.facts.stopped.get_or_insert(reason);
    }

    /// Hands out the store and begins the next with what is not walked yet.
    fn turn(&mut self, used: usize) -> Store {
        let mut fresh = self.pool.take();
        let tail = self.next.bytes.get(used..self.filled).unwrap_or_default();
        if fresh.bytes.len() < tail.len() {
            fresh.bytes.resize(tail.len(), 0);
        }
        if let Some(room) = fresh.bytes.get_mut(..tail.len()) {
            room.copy_from_slice(tail);
        }
        self.advance(used);
        std::mem::replace(&mut self.next, fresh)
    }

    const fn advance(&mut self, used: usize) {
        self.filled -= used;
        self.offset += used as u64;
    }

    /// Reads once more at least, and on until the store holds `need` bytes or the source ends.
    fn read_to(&mut self, need: usize) {
        let room = need.max(self.chunk).max(self.filled + 1);
        if self.next.bytes.len() < room {
            self.next.bytes.resize(room, 0);
        }
        let mut again = !self.ended;
        while again {
            match self.source.read(self.next.bytes.get_mut(self.filled..room).unwrap_or_default()) {
                Ok(0) => self.ended = true,
                Ok(count) => self.filled += count,
                Err(cause) if cause.kind() == IoKind::Interrupted => continue,
                Err(cause) => self.break_off(&cause),
            }
            again = !self.ended && self.filled < need;
        }
    }
}

fn has_header(store: &Store, filled: usize) -> bool {
    let head = store.bytes.get(..filled).unwrap_or_default();
    match head.first_chunk::<4>() {
        Some(magic) if pcap_file::is_magic(*magic) => filled >= pcap_file::HEADER_BYTES,
        Some(magic) if pcapng::is_magic(*magic) => filled >= pcapng::HEADER_BYTES,
        _ => false,
    }
}

fn open_walker(place: &str, head: &[u8]) -> Result<(Format, Walker), CaptureError> {
    let lie = |lie: Lie| CaptureError::new(ErrorKind::Header, place, lie.expected, lie.found, "");
    let cut = |expected: &str| {
        let found = format!("{} bytes in all", head.len());
        CaptureError::new(ErrorKind::Header, place, expected, found, "the file was cut short; copy it again")
    };
    if head.is_empty() {
        let expected = "a pcap or pcapng";
        return Err(CaptureError::new(ErrorKind::Empty, place, expected, "an empty file", ""));
    }
    let Some(magic) = head.first_chunk::<4>() else {
        return Err(cut("a pcap or pcapng header"));
    };
    if pcap_file::is_magic(*magic) {
        let header = head.first_chunk().ok_or_else(|| cut("a pcap header of 24 bytes"))?;
        return Ok((Format::Pcap, Walker::Pcap(PcapFile::open(header).map_err(lie)?)));
    }
    if pcapng::is_magic(*magic) {
        let header = head.first_chunk().ok_or_else(|| cut("a pcapng section header of 28 bytes"))?;
        pcapng::check_header(header).map_err(lie)?;
        return Ok((Format::Pcapng, Walker::Pcapng(Pcapng::default())));
    }
    let (found, mend) = look::name(head.get(..LOOK_BYTES).unwrap_or(head));
    Err(CaptureError::new(ErrorKind::NotCapture, place, "a pcap or pcapng", found, mend))
}

#[cfg(test)]
mod tests {
    use crate::capture::sample::{Seen, block, interface, option, packet, pcap, read, section};
    use proptest::prelude::*;
    use std::io::Write;

    fn frames() -> impl Strategy<Value = Vec<(u32, Vec<u8>)>> {
        prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u8>(), 0..80)), 0..12)
    }

    fn classic(frames: &[(u32, Vec<u8>)]) -> Vec<u8> {
        let frames: Vec<(u32, &[u8])> = frames.iter().map(|(time, bytes)| (*time, &bytes[..])).collect();
        pcap(&frames)
    }

    fn blocks(frames: &[(u32, Vec<u8>)], big: bool) -> Vec<u8> {
        let mut bytes = [section(big), interface(big, 1, &option(big, 2, b"eth0"))].concat();
        for (time, frame) in frames {
            bytes.extend(packet(big, 0, u64::from(*time), frame));
            bytes.extend(block(big, 99, frame));
        }
        bytes
    }

    /// Where records or blocks end in one of these sound captures.
    fn boundaries(bytes: &[u8]) -> Vec<usize> {
        let number = |at: usize, big: bool| {
            let four: [u8; 4] = bytes[at..at + 4].try_into().unwrap();
            (if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }) as usize
        };
        let (mut at, mut ends) = (0, Vec::new());
        while at < bytes.len() {
            at += match (at, bytes[0], bytes[8]) {
                (0, 0xd4, _) => 24,
                (_, 0xd4, _) => 16 + number(at + 8, false),
                (_, _, order) => number(at + 4, order == 0x1a),
            };
            ends.push(at);
        }
        ends
    }

    fn seen(bytes: &[u8], most: usize) -> Option<Vec<Seen>> {
        read(bytes, most).ok().map(|(seen, _)| seen)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn noise(frames: usize) -> Vec<u8> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let frames: Vec<(u32, Vec<u8>)> =
            (0..frames).map(|_| (1, (0..1000).map(|_| next()).collect())).collect();
        classic(&frames)
    }

    #[test]
    fn a_packed_capture_cut_short_is_read_up_to_the_cut() {
        let plain = noise(600);
        let packed = gzip(&plain);
        for cut in [packed.len() - 4, packed.len() / 2] {
            let (kept, facts) = read(&packed[..cut], usize::MAX).unwrap();
            assert!(kept.len() >= 250 && seen(&plain, usize::MAX).unwrap().starts_with(&kept));
            assert_eq!((facts.truncated, facts.stopped), (true, None));
        }
        assert!(read(&packed[..12], usize::MAX).unwrap_err().to_string().contains("a whole gzip stream"));
    }

    #[test]
    fn damage_in_a_packed_capture_stops_the_reading() {
        let mut packed = gzip(&noise(600));
        packed.truncate(packed.len() / 2);
        packed.extend(gzip(b"").iter().cycle().take(100_000));
        let (_, facts) = read(&packed, usize::MAX).unwrap();
        let reason = facts.stopped.unwrap();
        assert!(!facts.truncated && reason.contains("expected sound gzip data"), "{reason}");
    }

    #[test]
    fn what_a_packed_file_holds_is_named_where_it_is_no_capture() {
        let name = |bytes: &[u8]| read(&gzip(bytes), usize::MAX).unwrap_err().to_string();
        assert_eq!(name(b"some words"), "sample: expected a pcap or pcapng, found `text`");
        assert!(name(&gzip(b"twice")).ends_with("found `gzip inside compression`; unpack it first"));
        assert!(name(b"").ends_with("found `an empty file`"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), head in 0..5) {
            let heads = [vec![], pcap(&[]), section(false), section(true), blocks(&[], false)];
            let bytes = [heads[head as usize].clone(), bytes].concat();
            prop_assert_eq!(seen(&bytes, 7), seen(&bytes, usize::MAX));
        }

        #[test]
        fn damage_anywhere_is_read_around_or_stopped_at(
            frames in frames(), big: bool, at in any::<prop::sample::Index>(), value: u8,
        ) {
            for mut bytes in [classic(&frames), blocks(&frames, big)] {
                let at = at.index(bytes.len());
                bytes[at] = value;
                prop_assert_eq!(seen(&bytes, 11), seen(&bytes, usize::MAX));
            }
        }

        #[test]
        fn reads_of_any_size_give_the_same_frames(frames in frames(), big: bool, most in 1usize..200) {
            for bytes in [classic(&frames), blocks(&frames, big)] {
                let whole = seen(&bytes, usize::MAX).unwrap();
                prop_assert_eq!(whole.len(), frames.len());
                prop_assert!(whole.iter().zip(&frames).all(|(seen, (_, frame))| &seen.5 == frame));
                prop_assert_eq!(seen(&bytes, most).unwrap(), whole);
            }
        }

        #[test]
        fn a_cut_anywhere_leaves_the_frames_before_it(
            frames in frames(), big: bool, at in any::<prop::sample::Index>(),
        ) {
            for bytes in [classic(&frames), blocks(&frames, big)] {
                let cut = &bytes[..at.index(bytes.len())];
                let Ok((kept, facts)) = read(cut, usize::MAX) else {
                    prop_assert!(cut.len() < 28);
                    continue;
                };
                prop_assert!(seen(&bytes, usize::MAX).unwrap().starts_with(&kept));
                prop_assert_eq!(facts.stopped, None);
                let whole_blocks = cut.len() == bytes.len() || boundaries(&bytes).contains(&cut.len());
                prop_assert_eq!(facts.truncated, !whole_blocks);
            }
        }
    }
}
