//! Frames of several captures copied into one batch, where their times overlap.

use crate::capture::batch::{CHUNK_BYTES, Entry, Store};

/// Frames of a merged batch: as many as the smallest records fill a chunk with.
const MERGED_FRAMES: usize = CHUNK_BYTES / 16;

/// A store that frames of several captures are copied into.
#[derive(Debug)]
pub(crate) struct Merged {
    pub store: Store,
    filled: usize,
}

impl Merged {
    /// An empty one over this store's bytes.
    pub const fn new(store: Store) -> Self {
        Self { store, filled: 0 }
    }

    /// Appends a frame; `false` where the batch is full without it.
    pub fn push(&mut self, entry: &Entry, bytes: &[u8]) -> bool {
        let end = self.filled + bytes.len();
        let empty = self.store.index.is_empty();
        if !empty && (end > self.store.bytes.len() || self.store.index.len() >= MERGED_FRAMES) {
            return false;
        }
        if end > self.store.bytes.len() {
            self.store.bytes.resize(end, 0);
        }
        if let Some(room) = self.store.bytes.get_mut(self.filled..end) {
            room.copy_from_slice(bytes);
        }
        self.store.index.push(Entry { offset: self.filled as u32, ..*entry });
        self.filled = end;
        true
    }
}
