//! A batch: some frames of an observation with the bytes that they stand in.
//!
//! Frames are not copied out of the bytes as read; an index of 32 bytes a frame says where they
//! lie. A batch may go to any thread, and its buffers come back to the reader when the last holder lets go.

use crate::net::Place;
use crate::net::TimeNs;
use crate::packet::frame::{Frame, LinkType};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes asked of the system at a time, and so about the size of a batch. Measured: larger
/// chunks leave the second-level cache, smaller ones pay more for each call.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// Spare buffers that wait for their next use: enough for a few threads, little to hold.
const SPARES: usize = 8;

/// A buffer that a huge block made larger than this is given back to the system.
const SPARE_BYTES: usize = 4 * CHUNK_BYTES;

/// Where a frame lies in its store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub time_ns: TimeNs,
    pub place: Place,
    pub offset: u32,
    pub captured: u32,
    pub wire: u32,
    pub vantage: u32,
}

/// Bytes and the frames in them.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub bytes: Vec<u8>,
    pub index: Vec<Entry>,
}

impl Store {
    /// The captured bytes of an entry of this store.
    #[inline]
    pub fn frame_bytes(&self, entry: &Entry) -> &[u8] {
        let start = entry.offset as usize;
        self.bytes.get(start..start.saturating_add(entry.captured as usize)).unwrap_or_default()
    }
}

/// Stores between two uses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool(Arc<Mutex<Vec<Store>>>);

impl Pool {
    /// An empty store whose bytes are at least a chunk long, of whatever content.
    pub fn take(&self) -> Store {
        let mut store = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        if store.bytes.len() < CHUNK_BYTES {
            store.bytes.resize(CHUNK_BYTES, 0);
        }
        store
    }

    /// Keeps a store for its next use; one that was taken empty or has grown huge is let go.
    pub fn give(&self, mut store: Store) {
        if !(CHUNK_BYTES..=SPARE_BYTES).contains(&store.bytes.len()) {
            return;
        }
        store.index.clear();
        let mut spares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spares.len() < SPARES {
            spares.push(store);
        }
    }
}

#[derive(Debug)]
struct Shared {
    store: Store,
    links: Arc<Vec<LinkType>>,
    pool: Pool,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.store));
    }
}

/// Frames in the order of the observation. A clone is another handle on the same bytes.
#[derive(Clone, Debug)]
pub struct Batch(Arc<Shared>);

impl Batch {
    pub(crate) fn new(store: Store, links: Arc<Vec<LinkType>>, pool: Pool) -> Self {
        Self(Arc::new(Shared { store, links, pool }))
    }

    /// How many frames it holds; never none.
    pub fn len(&self) -> usize {
        self.0.store.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.store.index.is_empty()
    }

    /// Its frames, in order.
    #[inline]
    pub fn frames(&self) -> impl ExactSizeIterator<Item = Frame<'_>> {
        let Shared { store, links, .. } = &*self.0;
        store.index.iter().map(move |entry| frame(store, links, entry))
    }

    /// The frame at `at`, from 0.
    pub fn get(&self, at: usize) -> Option<Frame<'_>> {
        let Shared { store, links, .. } = &*self.0;
        store.index.get(at).map(|entry| frame(store, links, entry))
    }
}

#[inline]
fn frame<'a>(store: &'a Store, links: &[LinkType], entry: &Entry) -> Frame<'a> {
    Frame {
        time_ns: entry.time_ns,
        place: entry.place,
        vantage: entry.vantage,
        link: links.get(entry.vantage as usize).copied().unwrap_or(LinkType(u16::MAX)),
        wire_bytes: entry.wire,
        bytes: store.frame_bytes(entry),
    }
}

/// A batch of empty frames at these times.
#[cfg(test)]
pub(crate) fn sample(times: &[TimeNs]) -> Batch {
    let entry = |(&time_ns, at): (&TimeNs, u64)| Entry {
        time_ns,
        place: Place::new(0, at),
        offset: 0,
        captured: 0,
        wire: 0,
        vantage: 0,
    };
    let index = times.iter().zip(1..).map(entry).collect();
    Batch::new(Store { bytes: Vec::new(), index }, Arc::new(vec![LinkType(1)]), Pool::default())
}
