//! Captures written byte by byte, for the tests of this room.

use crate::capture::batch::Pool;
use crate::capture::bytes::Meter;
use crate::capture::error::CaptureError;
use crate::capture::facts::CaptureFacts;
use crate::capture::file::Reader;
use crate::capture::walk::Vantages;
use std::io::{Cursor, Read};
use std::sync::Arc;

/// A frame as a test sees it: number, time, vantage, link, wire length, bytes.
pub(crate) type Seen = (u64, u64, u32, u16, u32, Vec<u8>);

/// A little-endian pcap of microseconds with these frames: seconds and bytes.
pub(crate) fn pcap(frames: &[(u32, &[u8])]) -> Vec<u8> {
    let mut bytes = pcap_header(0xa1b2_c3d4, 65_535, 1);
    for (seconds, frame) in frames {
        bytes.extend(pcap_record(*seconds, 0, frame.len() as u32, frame.len() as u32));
        bytes.extend_from_slice(frame);
    }
    bytes
}

/// A little-endian pcap header of version 2.4.
pub(crate) fn pcap_header(magic: u32, snap: u32, network: u32) -> Vec<u8> {
    let words = [magic, 0x0004_0002, 0, 0, snap, network];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A little-endian record header.
pub(crate) fn pcap_record(seconds: u32, fraction: u32, captured: u32, wire: u32) -> Vec<u8> {
    [seconds, fraction, captured, wire].iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A pcapng block in either byte order.
pub(crate) fn block(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = body.len().next_multiple_of(4) - body.len();
    let length = (body.len() + padding + 12) as u32;
    [&four(big, kind), &four(big, length), body, &vec![0; padding][..], &four(big, length)].concat()
}

/// A number in either byte order.
pub(crate) fn four(big: bool, number: u32) -> [u8; 4] {
    if big { number.to_be_bytes() } else { number.to_le_bytes() }
}

fn two(big: bool, number: u16) -> [u8; 2] {
    if big { number.to_be_bytes() } else { number.to_le_bytes() }
}

/// An option, padded.
pub(crate) fn option(big: bool, code: u16, value: &[u8]) -> Vec<u8> {
    let padding = value.len().next_multiple_of(4) - value.len();
    [&two(big, code)[..], &two(big, value.len() as u16), value, &vec![0; padding]].concat()
}

/// A section header of version 1.0.
pub(crate) fn section(big: bool) -> Vec<u8> {
    let body = [&four(big, 0x1a2b_3c4d)[..], &two(big, 1), &two(big, 0), &[0xff; 8]].concat();
    block(big, 0x0a0d_0d0a, &body)
}

/// An interface description.
pub(crate) fn interface(big: bool, link: u16, options: &[u8]) -> Vec<u8> {
    block(big, 1, &[&two(big, link)[..], &two(big, 0), &four(big, 0), options].concat())
}

/// An enhanced packet block.
pub(crate) fn packet(big: bool, interface: u32, units: u64, frame: &[u8]) -> Vec<u8> {
    let (high, low, length) = ((units >> 32) as u32, units as u32, frame.len() as u32);
    let words = [interface, high, low, length, length].map(|word| four(big, word)).concat();
    block(big, 6, &[&words[..], frame].concat())
}

/// Gives at most `most` bytes a read.
struct Sips<R> {
    inner: R,
    most: usize,
}

impl<R: Read> Read for Sips<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = self.most.min(into.len());
        self.inner.read(&mut into[..most])
    }
}

/// All frames and the facts of a capture, read `most` bytes at a time.
pub(crate) fn read(bytes: &[u8], most: usize) -> Result<(Vec<Seen>, CaptureFacts), CaptureError> {
    let source = Sips { inner: Cursor::new(bytes.to_vec()), most };
    let meter = Meter::new(Box::new(source), Arc::default(), None);
    let mut reader = Reader::open("sample", meter, Pool::default())?;
    let (mut vantages, mut seen) = (Vantages::default(), Vec::new());
    while let Some(store) = reader.fill(&mut vantages) {
        for entry in &store.index {
            let link = vantages.0[entry.vantage as usize].0;
            let bytes = store.frame_bytes(entry).to_vec();
            assert_eq!(bytes.len(), entry.captured as usize);
            seen.push((entry.place.frame(), entry.time_ns, entry.vantage, link, entry.wire, bytes));
        }
    }
    Ok((seen, reader.facts))
}
