//! A capture of an observation while it is being read.

use crate::capture::batch::{Entry, Store};
use crate::capture::bytes::Digesting;
use crate::capture::error::CaptureError;
use crate::capture::file::Reader;
use crate::capture::filter::Filter;
use crate::capture::walk::Vantages;
use crate::net::Place;
use crate::net::TimeNs;
use std::fs::File;

/// When a capture, or the frame at its head, is due: time, then the capture's number.
pub(crate) type Due = (TimeNs, u16);

/// A capture being read.
pub(crate) struct Active {
    pub capture: u16,
    pub reader: Reader,
    pub store: Store,
    /// How many of the store's frames are behind.
    pub at: usize,
    /// The digest of a stream.
    pub digest: Option<Digesting>,
    /// Keeps the file for its digest.
    pub file: Option<File>,
}

impl std::fmt::Debug for Active {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Active").field("capture", &self.capture).finish_non_exhaustive()
    }
}

impl Active {
    /// The first frame that is not behind.
    pub fn head(&self) -> Option<&Entry> {
        self.store.index.get(self.at)
    }

    pub fn due(&self) -> Due {
        (self.head().map_or(TimeNs::MAX, |entry| entry.time_ns), self.capture)
    }

    /// Takes the frames that the filter turns away out of the store, and counts them.
    pub fn keep(&mut self, filter: &mut Filter, vantages: &Vantages) -> Result<(), CaptureError> {
        let turned_away = filter.keep(&mut self.store, &vantages.0)?;
        self.reader.facts.filtered_packets += turned_away;
        Ok(())
    }

    /// Gives the capture its number, and the frames already read theirs.
    pub fn number(&mut self, capture: u16) {
        self.capture = capture;
        self.reader.number(capture);
        for entry in &mut self.store.index {
            entry.place = Place::new(capture, entry.place.frame());
        }
    }
}
