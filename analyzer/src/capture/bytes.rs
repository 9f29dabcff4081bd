//! The bytes of a capture: from a file or standard input, decompressed beside the judging.
//!
//! Compression is told by content, never by name. A decoder has its own thread and a short
//! queue, so that memory stays the same whatever a small file would grow to.

use crate::capture::batch::CHUNK_BYTES;
use crate::capture::facts::Compression;
use crate::capture::look;
use flate2::bufread::MultiGzDecoder;
use lz4_flex::frame::FrameDecoder;
use sha2::{Digest, Sha256};
use std::io::{self, BufReader, Chain, Cursor, ErrorKind, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Decoded pieces that may wait: one being judged, one ready, one in the making.
const QUEUE: usize = 2;

/// Bytes looked at to tell compression.
const LOOK_BYTES: usize = 8;

/// A digest over what passes.
pub(crate) type Digesting = Arc<Mutex<Sha256>>;

/// Counts, and where asked digests, what is read through it.
pub(crate) struct Meter {
    inner: Box<dyn Read + Send>,
    read_bytes: Arc<AtomicU64>,
    digest: Option<Digesting>,
    ended: Arc<AtomicBool>,
}

impl Meter {
    pub fn new(inner: Box<dyn Read + Send>, read_bytes: Arc<AtomicU64>, digest: Option<Digesting>) -> Self {
        Self { inner, read_bytes, digest, ended: Arc::default() }
    }
}

impl Read for Meter {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.read_bytes.fetch_add(count as u64, Ordering::Relaxed);
        if count == 0 && !into.is_empty() {
            self.ended.store(true, Ordering::Relaxed);
        }
        if let Some(digest) = &self.digest {
            digest
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .update(into.get(..count).unwrap_or_default());
        }
        Ok(count)
    }
}

/// The capture's own bytes, and how they were packed. A compressed stream that ends too early
/// reads as `UnexpectedEof`, a damaged one as another error.
pub(crate) fn unpack(mut meter: Meter) -> io::Result<(Compression, Box<dyn Read + Send>)> {
    let mut head = Vec::with_capacity(LOOK_BYTES);
    (&mut meter).take(LOOK_BYTES as u64).read_to_end(&mut head)?;
    let compression = look::compression(&head);
    let ended = Arc::clone(&meter.ended);
    let input = Cursor::new(head).chain(meter);
    let reader: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(input),
        packed => {
            let (sender, receiver) = sync_channel(QUEUE);
            let (back, spares) = sync_channel(QUEUE + 2);
            std::thread::Builder::new()
                .name("decompress".to_owned())
                .spawn(move || decode(packed, input, &ended, &sender, &spares))?;
            Box::new(Decoded { receiver, back, piece: Vec::new(), at: 0, done: false })
        }
    };
    Ok((compression, reader))
}

type Input = Chain<Cursor<Vec<u8>>, Meter>;

fn decode(
    packed: Compression,
    input: Input,
    ended: &AtomicBool,
    sender: &SyncSender<io::Result<Vec<u8>>>,
    spares: &Receiver<Vec<u8>>,
) {
    let outcome = match packed {
        Compression::Zstd => zstd::stream::read::Decoder::new(input).and_then(|d| pump(d, sender, spares)),
        Compression::Lz4 => {
            let input = BufReader::with_capacity(CHUNK_BYTES, input);
            let decoder = Some(FrameDecoder::new(input));
            pump(Lz4Frames { decoder, ended, frame_ended: false }, sender, spares)
        }
        Compression::Gzip | Compression::None => {
            pump(MultiGzDecoder::new(BufReader::with_capacity(CHUNK_BYTES, input)), sender, spares)
        }
    };
    // Nobody listens any more where the reader stopped early.
    let _ = sender.send(outcome.map(|()| Vec::new()));
}

fn pump(
    mut decoder: impl Read,
    sender: &SyncSender<io::Result<Vec<u8>>>,
    spares: &Receiver<Vec<u8>>,
) -> io::Result<()> {
    loop {
        let mut piece = spares.try_recv().unwrap_or_default();
        piece.clear();
        let outcome = (&mut decoder).take(CHUNK_BYTES as u64).read_to_end(&mut piece);
        let ended = piece.is_empty();
        if !ended && sender.send(Ok(piece)).is_err() {
            return Ok(());
        }
        outcome?;
        if ended {
            return Ok(());
        }
    }
}

/// All frames of an LZ4 stream. The decoder reads as ended at the end of each, and keeps buffers
/// of the first one's size: the next frame gets a decoder of its own.
struct Lz4Frames<'a, R: Read> {
    decoder: Option<FrameDecoder<R>>,
    ended: &'a AtomicBool,
    frame_ended: bool,
}

impl<R: Read> Read for Lz4Frames<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(decoder) = &mut self.decoder else { return Ok(0) };
            let count = decoder.read(into)?;
            if count != 0 {
                self.frame_ended = false;
                return Ok(count);
            }
            if self.ended.load(Ordering::Relaxed) {
                let cut = io::Error::new(ErrorKind::UnexpectedEof, "the last frame has no end mark");
                return if self.frame_ended { Ok(0) } else { Err(cut) };
            }
            self.frame_ended = true;
            self.decoder = self.decoder.take().map(|decoder| FrameDecoder::new(decoder.into_inner()));
        }
    }
}

/// The near end of the queue.
struct Decoded {
    receiver: Receiver<io::Result<Vec<u8>>>,
    back: SyncSender<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    done: bool,
}

impl Read for Decoded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            if self.done {
                return Ok(0);
            }
            // A full queue of spares lets this one go.
            let _ = self.back.try_send(std::mem::take(&mut self.piece));
            self.at = 0;
            let next =
                self.receiver.recv().unwrap_or_else(|_| Err(io::Error::other("the decoder broke off")));
            self.done = !matches!(&next, Ok(piece) if !piece.is_empty());
            self.piece = next?;
        }
        let mut rest = self.piece.get(self.at..).unwrap_or_default();
        let count = rest.read(into)?;
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn lz4(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(bytes, 1).unwrap()
    }

    fn read(packed: Vec<u8>) -> (Compression, Vec<u8>, Option<ErrorKind>) {
        let meter = Meter::new(Box::new(Cursor::new(packed)), Arc::default(), None);
        let (compression, mut reader) = unpack(meter).unwrap();
        let mut bytes = Vec::new();
        let outcome = reader.read_to_end(&mut bytes);
        (compression, bytes, outcome.err().map(|error| error.kind()))
    }

    #[test]
    fn each_compression_is_told_by_content_and_all_its_members_are_read() {
        let (one, two) = (vec![7; 700_000], b"and the rest".to_vec());
        let both = [one.clone(), two.clone()].concat();
        for (pack, compression) in [
            (gzip as fn(&[u8]) -> Vec<u8>, Compression::Gzip),
            (zstd, Compression::Zstd),
            (lz4, Compression::Lz4),
            (|bytes| bytes.to_vec(), Compression::None),
        ] {
            let (found, bytes, error) = read([pack(&one), pack(&two)].concat());
            assert_eq!((found, error), (compression, None));
            assert!(bytes == both, "{compression:?}");
        }
    }

    #[test]
    fn a_stream_cut_short_gives_what_came_before_and_says_so() {
        let noise: Vec<u8> = (0u32..300_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for pack in [gzip, zstd, lz4] {
            let mut packed = pack(&noise);
            packed.truncate(packed.len() - 4);
            let (_, bytes, error) = read(packed);
            assert_eq!(error, Some(ErrorKind::UnexpectedEof));
            assert!(noise.starts_with(&bytes));
        }
    }
}
