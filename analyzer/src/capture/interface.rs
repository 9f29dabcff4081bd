//! Live interfaces, through libpcap: frames in batches from a plain thread, across flaps.
//!
//! Measured on a veth pair at 100,000 frames a second: a buffer of 2 MiB loses 0.3 to 0.5 %, one of 64 MiB
//! nothing, and immediate mode half of all; so frames wait in the kernel's ring for [`Options::wake_ms`].

use crate::capture::batch::{Batch, CHUNK_BYTES, Entry, Pool, Store};
use crate::capture::error::{CaptureError, ErrorKind, printable};
use crate::net::Place;
use crate::packet::frame::LinkType;
use pcap::{Active, Capture, Precision};
use std::sync::Arc;

/// How to listen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Bytes of each frame that are kept.
    pub snap_bytes: u32,
    /// The kernel's ring, for each interface.
    pub buffer_bytes: u32,
    /// The longest that a frame waits in the ring before it is handed over.
    pub wake_ms: u16,
    /// A pcap-filter(7) expression, applied by the kernel.
    pub filter: Option<String>,
    /// Frames to other stations are taken too, where the interface can.
    pub promiscuous: bool,
}

/// The kernel's ring where nothing else is asked for.
pub const BUFFER_BYTES: u32 = 64 << 20;

/// As tcpdump has it: whole frames, those of offloading hosts included.
pub const SNAP_BYTES: u32 = 262_144;

/// Twice a blink, and fifty wake-ups a second: what an idle interface costs.
pub const WAKE_MS: u16 = 20;

/// The name that stands for all interfaces.
pub const ANY: &str = "any";

/// A batch is handed on when its frames span this much, so that a busy interface is not late.
const BATCH_SPAN_NS: u64 = 20_000_000;

/// Frames of a batch: an index of 32 bytes each, and no more than that of the smallest frames.
const BATCH_FRAMES: usize = CHUNK_BYTES / 64;

/// An open interface.
pub struct Interface {
    name: String,
    handle: Capture<Active>,
    number: u16,
    links: Arc<Vec<LinkType>>,
    pool: Pool,
    frames: u64,
    seen: Losses,
    store: Store,
    used: usize,
}

/// What the kernel says it lost, since the interface was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Losses {
    /// Frames that found the ring full.
    pub kernel: u64,
    /// Frames that the interface itself lost.
    pub interface: u64,
}

/// What came of listening for a moment.
#[derive(Debug)]
pub enum Heard {
    Frames(Batch),
    Nothing,
    /// The interface went: why.
    Gone(String),
}

impl std::fmt::Debug for Interface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interface").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Interface {
    /// Opens an interface as capture `number`. `frames` were counted of it before.
    ///
    /// # Errors
    /// One line: that it may not be captured from and how to permit it, that it is not there, or a bad filter.
    pub fn open(name: &str, number: u16, frames: u64, options: &Options) -> Result<Self, CaptureError> {
        let failed = |cause: &pcap::Error| refused(name, cause);
        let promiscuous = options.promiscuous && name != ANY;
        let snap = i32::try_from(options.snap_bytes).unwrap_or(i32::MAX);
        let buffer = i32::try_from(options.buffer_bytes).unwrap_or(i32::MAX);
        let handle = Capture::from_device(name)
            .map_err(|cause| failed(&cause))?
            .promisc(promiscuous)
            .snaplen(snap)
            .buffer_size(buffer)
            .timeout(i32::from(options.wake_ms.max(1)))
            .precision(Precision::Nano)
            .open()
            .map_err(|cause| failed(&cause))?;
        // A silent ring wakes nobody: libpcap would wait for ever, and the stop be heard by none.
        let mut handle = handle.setnonblock().map_err(|cause| failed(&cause))?;
        if let Some(filter) = &options.filter {
            handle.filter(filter, true).map_err(|cause| {
                let place = format!("filter `{}`", printable(filter));
                let expected =
                    format!("an expression of pcap-filter(7) that fits interface {}", printable(name));
                CaptureError::new(ErrorKind::Filter, &place, expected, words(&cause), "")
            })?;
        }
        let link = LinkType(u16::try_from(handle.get_datalink().0).map_or(u16::MAX, link_type));
        let mut links = vec![LinkType(u16::MAX); usize::from(number)];
        links.push(link);
        let pool = Pool::default();
        let store = pool.take();
        let name = name.to_owned();
        let (links, seen) = (Arc::new(links), Losses::default());
        Ok(Self { name, handle, number, links, pool, frames, seen, store, used: 0 })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Frames handed over so far, those before a flap included.
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Takes frames until a batch is full or the ring is empty; does not wait.
    pub fn listen(&mut self) -> Heard {
        let mut first_ns = None;
        loop {
            let gone = match self.handle.next_packet() {
                Ok(packet) => {
                    let head = packet.header;
                    // With nanosecond precision the second field holds nanoseconds.
                    let time_ns = (head.ts.tv_sec as u64)
                        .wrapping_mul(1_000_000_000)
                        .wrapping_add(head.ts.tv_usec as u64);
                    self.frames += 1;
                    let entry = Entry {
                        time_ns,
                        place: Place::new(self.number, self.frames),
                        offset: self.used as u32,
                        captured: packet.data.len() as u32,
                        wire: head.len,
                        vantage: u32::from(self.number),
                    };
                    keep(&mut self.store, &mut self.used, entry, packet.data);
                    let since_ns = time_ns.saturating_sub(*first_ns.get_or_insert(time_ns));
                    let is_full = self.used >= CHUNK_BYTES || self.store.index.len() >= BATCH_FRAMES;
                    if !is_full && since_ns < BATCH_SPAN_NS {
                        continue;
                    }
                    None
                }
                Err(pcap::Error::TimeoutExpired) => None,
                Err(cause) => Some(words(&cause)),
            };
            if !self.store.index.is_empty() {
                // Why an interface went is asked again, and told then.
                return Heard::Frames(self.batch());
            }
            return gone.map_or(Heard::Nothing, Heard::Gone);
        }
    }

    /// What the kernel lost since the last time that this was asked; `None` where it does not say.
    pub fn losses(&mut self) -> Option<Losses> {
        let stat = self.handle.stats().ok()?;
        let now = Losses { kernel: u64::from(stat.dropped), interface: u64::from(stat.if_dropped) };
        // The kernel counts in 32 bits.
        let since = |now: u64, seen: u64| u64::from((now as u32).wrapping_sub(seen as u32));
        let losses = Losses {
            kernel: since(now.kernel, self.seen.kernel),
            interface: since(now.interface, self.seen.interface),
        };
        self.seen = now;
        Some(losses)
    }

    fn batch(&mut self) -> Batch {
        let store = std::mem::replace(&mut self.store, self.pool.take());
        self.used = 0;
        Batch::new(store, Arc::clone(&self.links), self.pool.clone())
    }
}

fn keep(store: &mut Store, used: &mut usize, entry: Entry, data: &[u8]) {
    let end = *used + data.len();
    if store.bytes.len() < end {
        store.bytes.resize(end, 0);
    }
    if let Some(place) = store.bytes.get_mut(*used..end) {
        place.copy_from_slice(data);
        store.index.push(entry);
        *used = end;
    }
}

/// The number in files of what libpcap calls a link type on Linux, where the two differ.
const fn link_type(dlt: u16) -> u16 {
    match dlt {
        11 => 100,
        12 => 101,
        other => other,
    }
}

fn words(cause: &pcap::Error) -> String {
    match cause {
        pcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    }
}

fn refused(name: &str, cause: &pcap::Error) -> CaptureError {
    let found = words(cause);
    let place = format!("interface {}", printable(name));
    let is_forbidden = ["permission", "not permitted"].iter().any(|word| found.contains(word));
    if is_forbidden {
        return CaptureError::new(
            ErrorKind::Forbidden,
            &place,
            "the capability CAP_NET_RAW to capture from it",
            found,
            "run as root, or grant it: setcap cap_net_raw+ep on the uncharted binary (sudo setcap cap_net_raw+ep \"$(command -v uncharted)\")",
        );
    }
    CaptureError::new(ErrorKind::Unreadable, &place, "an interface that is up", found, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_capability_and_the_command() {
        let cause = pcap::Error::PcapError("You don't have permission to capture".to_owned());
        let error = refused("eth0", &cause).to_string();
        assert!(error.contains("CAP_NET_RAW") && error.contains("setcap cap_net_raw+ep"), "{error}");
    }

    #[test]
    fn frames_lie_one_behind_the_other() {
        let (mut store, mut used) = (Store::default(), 0);
        for (at, data) in [&b"ab"[..], b"cde"].into_iter().enumerate() {
            let entry = Entry {
                time_ns: 0,
                place: Place::new(0, at as u64 + 1),
                offset: used as u32,
                captured: data.len() as u32,
                wire: 60,
                vantage: 0,
            };
            keep(&mut store, &mut used, entry, data);
        }
        let bytes: Vec<&[u8]> = store.index.iter().map(|entry| store.frame_bytes(entry)).collect();
        assert_eq!(bytes, [&b"ab"[..], b"cde"]);
    }
}
