//! Opening captures as one observation: all their frames in the order of time.
//!
//! Captures are ordered by the time of their first frame; where their times overlap they are
//! merged frame by frame. Within one capture the order of the file stands. A capture is opened when
//! its first frame is due, so that a rotated set of thousands holds few descriptors.

use crate::capture::batch::{Batch, CHUNK_BYTES, Entry, Pool, Store};
use crate::capture::bytes::{Digesting, Meter};
use crate::capture::digest::{Digester, hex};
use crate::capture::error::{CaptureError, ErrorKind};
use crate::capture::facts::CaptureFacts;
use crate::capture::file::Reader;
use crate::capture::filter::Filter;
use crate::capture::set::{Input, Member, Skipped, expand, nothing_in};
use crate::capture::walk::Vantages;
use crate::net::TimeNs;
use crate::packet::frame::Place;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

/// Captures that may overlap at one moment: each holds a descriptor and about a megabyte.
/// More vantage points than that are joined by hand first.
const OVERLAP: usize = 256;

/// Captures of one observation: a frame's place counts them in 16 bits.
const CAPTURES: usize = 1 << 16;

/// Frames of a merged batch: as many as the smallest records fill a chunk with.
const MERGED_FRAMES: usize = CHUNK_BYTES / 16;

/// How to read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// A pcap-filter(7) expression; frames that it turns away are counted and not handed out.
    pub filter: Option<String>,
    /// Whether to take the SHA-256 of every capture.
    pub digest: bool,
}

/// How far the reading is; a clone may be watched from another thread.
#[derive(Clone, Debug)]
pub struct Progress {
    read_bytes: Arc<AtomicU64>,
    total_bytes: Option<u64>,
}

impl Progress {
    /// Bytes read, as they lie on disk.
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }

    /// Bytes on disk of all captures; unknown where one is a stream.
    pub const fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }
}

/// When a capture, or the frame at its head, is due: time, then the capture's number.
type Due = (TimeNs, u16);

/// A capture whose turn has not come.
#[derive(Debug)]
struct Pending {
    first_ns: Option<TimeNs>,
    facts: CaptureFacts,
    from: From,
}

#[derive(Debug)]
enum From {
    /// A regular file, to be opened when due.
    Disk(PathBuf),
    /// What is open already: a stream, or the only file.
    Open(Box<Active>),
}

/// A capture being read.
struct Active {
    capture: u16,
    reader: Reader,
    store: Store,
    /// How many of the store's frames are behind.
    at: usize,
    /// The digest of a stream.
    digest: Option<Digesting>,
    /// Keeps the file for its digest.
    file: Option<File>,
}

impl std::fmt::Debug for Active {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Active").field("capture", &self.capture).finish_non_exhaustive()
    }
}

impl Active {
    fn head(&self) -> Option<&Entry> {
        self.store.index.get(self.at)
    }

    fn due(&self) -> Due {
        (self.head().map_or(TimeNs::MAX, |entry| entry.time_ns), self.capture)
    }

    /// Gives the capture its number, and the frames already read theirs.
    fn number(&mut self, capture: u16) {
        self.capture = capture;
        self.reader.number(capture);
        for entry in &mut self.store.index {
            entry.place = Place::new(capture, entry.place.frame());
        }
    }
}

/// Captures read as one.
#[derive(Debug)]
pub struct Observation {
    pending: VecDeque<(u16, Pending)>,
    active: Vec<Active>,
    /// By capture; those being read have theirs with their reader.
    facts: BTreeMap<u16, CaptureFacts>,
    skipped: Vec<Skipped>,
    vantages: Vantages,
    filter: Option<Filter>,
    digester: Option<Digester>,
    progress: Progress,
    pool: Pool,
}

/// Opens all inputs as one observation and reads up to the first frame of each.
pub fn open(inputs: &[Input], options: &Options) -> Result<Observation, CaptureError> {
    let (members, skipped) = expand(inputs)?;
    let digester = match options.digest.then(Digester::start) {
        Some(Ok(digester)) => Some(digester),
        Some(Err(cause)) => return Err(CaptureError::unreadable("digest", &cause)),
        None => None,
    };
    let mut observation = Observation {
        pending: VecDeque::new(),
        active: Vec::new(),
        facts: BTreeMap::new(),
        skipped,
        vantages: Vantages::default(),
        filter: options.filter.clone().map(Filter::new),
        digester,
        progress: Progress { read_bytes: Arc::default(), total_bytes: Some(0) },
        pool: Pool::default(),
    };
    let mut found = Vec::new();
    let mut readable = vec![0usize; inputs.len()];
    let mut refused = vec![0usize; inputs.len()];
    let alone = members.len() == 1;
    for member in &members {
        match observation.look_at(member, alone) {
            Ok(pending) => {
                count(&mut readable, member.input);
                found.push(pending);
            }
            Err(error)
                if member.gathered && matches!(error.kind, ErrorKind::NotCapture | ErrorKind::Empty) =>
            {
                count(&mut refused, member.input);
                observation.skipped.push(Skipped { path: member.place(), reason: error.to_string() });
            }
            Err(error) => return Err(error),
        }
    }
    for ((input, readable), refused) in inputs.iter().zip(readable).zip(refused) {
        let named_twice = observation.skipped.iter().any(|skipped| skipped.reason == "named twice");
        if readable == 0 && !(named_twice && refused == 0) {
            return Err(nothing_in(input, refused));
        }
    }
    observation.arrange(found)?;
    Ok(observation)
}

fn count(counts: &mut [usize], at: usize) {
    if let Some(count) = counts.get_mut(at) {
        *count += 1;
    }
}

impl Observation {
    /// The next frames in the order of time; nothing when all captures are read.
    ///
    /// What broken captures do is in their facts. The errors are a filter that does not fit a
    /// link type met late, and more captures at one time than can be held.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, CaptureError> {
        let mut merged: Option<Merged> = None;
        loop {
            self.refill()?;
            if self.activate()? {
                continue;
            }
            let Some((slot, limit)) = self.next_slot() else {
                if merged.is_none() {
                    self.finish();
                }
                return Ok(merged.map(|merged| self.batch(merged.store)));
            };
            let Some(active) = self.active.get_mut(slot) else { return Ok(None) };
            let capture = active.capture;
            let before = |entry: &Entry| limit.is_none_or(|limit| (entry.time_ns, capture) < limit);
            if active.at == 0 && active.store.index.iter().all(before) {
                if let Some(merged) = merged {
                    return Ok(Some(self.batch(merged.store)));
                }
                let whole = std::mem::take(&mut active.store);
                return Ok(Some(self.batch(whole)));
            }
            let merged = merged.get_or_insert_with(|| Merged { store: self.pool.take(), filled: 0 });
            // The frame at the head is due whatever the limit: time may stand still or run back.
            let mut first = true;
            while let Some(entry) = active.head().copied().filter(|entry| first || before(entry)) {
                if !merged.push(&entry, active.store.frame_bytes(&entry)) {
                    let full = std::mem::take(&mut merged.store);
                    return Ok(Some(self.batch(full)));
                }
                active.at += 1;
                first = false;
            }
        }
    }

    /// What is known of each capture so far, in the order of their numbers.
    pub fn facts(&self) -> Vec<CaptureFacts> {
        let mut all = self.facts.clone();
        for (capture, pending) in &self.pending {
            all.insert(*capture, pending.facts.clone());
        }
        for active in &self.active {
            all.insert(active.capture, active.reader.facts.clone());
        }
        all.into_values().collect()
    }

    /// Files of directories and globs that are no captures, and captures named twice.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// How far the reading is.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Reads a capture up to its first frame; a regular file among several is closed again.
    fn look_at(&mut self, member: &Member, alone: bool) -> Result<Pending, CaptureError> {
        let place = member.place();
        let unreadable = |cause: std::io::Error| CaptureError::unreadable(&place, &cause);
        let file = member.path.as_deref().map(File::open).transpose().map_err(unreadable)?;
        let disk = match &file {
            Some(file) => Some(file.metadata().map_err(unreadable)?).filter(std::fs::Metadata::is_file),
            None => None,
        };
        self.progress.total_bytes = match (&disk, self.progress.total_bytes) {
            (Some(facts), Some(total)) => Some(total.saturating_add(facts.len())),
            _ => None,
        };
        let kept = alone || disk.is_none();
        let copy = match &file {
            Some(file) if kept && disk.is_some() && self.digester.is_some() => {
                Some(file.try_clone().map_err(unreadable)?)
            }
            _ => None,
        };
        let digest = (self.digester.is_some() && disk.is_none()).then(Digesting::default);
        let bytes: Box<dyn Read + Send> = match file {
            Some(file) => Box::new(file),
            None => Box::new(std::io::stdin()),
        };
        let read_bytes = if kept { Arc::clone(&self.progress.read_bytes) } else { Arc::default() };
        let mut reader =
            Reader::open(&place, Meter::new(bytes, read_bytes, digest.clone()), self.pool.clone())?;
        let mut elsewhere = Vantages::default();
        if !kept {
            reader.read_little();
        }
        let vantages = if kept { &mut self.vantages } else { &mut elsewhere };
        let store = reader.fill(vantages).unwrap_or_default();
        let first_ns = store.index.first().map(|entry| entry.time_ns);
        if let (Some(filter), Some(entry)) = (&mut self.filter, store.index.first())
            && let Some(link) = vantages.0.get(entry.vantage as usize)
        {
            filter.program(*link)?;
        }
        if kept {
            let facts = reader.facts.clone();
            let mut active = Active { capture: 0, reader, store, at: 0, digest, file: copy };
            if let Some(filter) = &mut self.filter {
                keep(filter, &self.vantages, &mut active)?;
            }
            return Ok(Pending { first_ns, facts, from: From::Open(Box::new(active)) });
        }
        let facts = CaptureFacts::new(place, reader.facts.format, reader.facts.compression);
        self.pool.give(store);
        let path = member.path.clone().unwrap_or_default();
        Ok(Pending { first_ns, facts, from: From::Disk(path) })
    }

    /// Puts the captures in order of their first frames and numbers them.
    fn arrange(&mut self, mut found: Vec<Pending>) -> Result<(), CaptureError> {
        if found.len() > CAPTURES {
            let expected = format!("at most {CAPTURES} captures");
            let mend = "join some with mergecap first";
            return Err(CaptureError::new(ErrorKind::Inputs, "captures", expected, found.len(), mend));
        }
        found.sort_by_key(|pending| (pending.first_ns.is_none(), pending.first_ns));
        for (capture, mut pending) in (0..=u16::MAX).zip(found) {
            if let From::Open(active) = &mut pending.from {
                active.number(capture);
            }
            self.pending.push_back((capture, pending));
        }
        Ok(())
    }

    /// Opens the next capture where its first frame is due.
    fn activate(&mut self) -> Result<bool, CaptureError> {
        let head = self.active.iter().map(Active::due).min();
        let is_due = |(capture, pending): &mut (u16, Pending)| {
            head.is_none_or(|head| (pending.first_ns.unwrap_or(TimeNs::MAX), *capture) <= head)
        };
        let Some((capture, pending)) = self.pending.pop_front_if(is_due) else {
            return Ok(false);
        };
        if self.active.len() >= OVERLAP {
            let expected = format!("at most {OVERLAP} captures that overlap in time");
            let mend = "join some with mergecap first";
            return Err(CaptureError::new(
                ErrorKind::Inputs,
                &pending.facts.path,
                expected,
                "one more",
                mend,
            ));
        }
        let mut active = match pending.from {
            From::Open(active) => *active,
            From::Disk(path) => match self.open_again(&path, capture, &pending.facts.path) {
                Ok(active) => active,
                Err(error) => {
                    let mut facts = pending.facts;
                    facts.stopped = Some(error.to_string());
                    self.facts.insert(capture, facts);
                    return Ok(true);
                }
            },
        };
        if let (Some(digester), Some(file)) = (&self.digester, active.file.take()) {
            digester.add(capture, file);
        }
        self.active.push(active);
        Ok(true)
    }

    fn open_again(&self, path: &PathBuf, capture: u16, place: &str) -> Result<Active, CaptureError> {
        let unreadable = |cause: std::io::Error| CaptureError::unreadable(place, &cause);
        let file = File::open(path).map_err(unreadable)?;
        let copy = match &self.digester {
            Some(_) => Some(file.try_clone().map_err(unreadable)?),
            None => None,
        };
        let meter = Meter::new(Box::new(file), Arc::clone(&self.progress.read_bytes), None);
        let mut reader = Reader::open(place, meter, self.pool.clone())?;
        reader.number(capture);
        Ok(Active { capture, reader, store: Store::default(), at: 0, digest: None, file: copy })
    }

    /// Reads on in every capture whose frames are all behind; one that has ended is let go.
    fn refill(&mut self) -> Result<(), CaptureError> {
        let mut slot = 0;
        while let Some(active) = self.active.get_mut(slot) {
            if active.head().is_some() {
                slot += 1;
                continue;
            }
            self.pool.give(std::mem::take(&mut active.store));
            active.at = 0;
            match active.reader.fill(&mut self.vantages) {
                Some(store) => {
                    active.store = store;
                    if let Some(filter) = &mut self.filter {
                        keep(filter, &self.vantages, active)?;
                    }
                }
                None => {
                    let ended = self.active.swap_remove(slot);
                    let mut facts = ended.reader.facts;
                    if let Some(digest) = ended.digest {
                        facts.sha256 =
                            Some(hex(digest.lock().unwrap_or_else(PoisonError::into_inner).clone()));
                    }
                    self.facts.insert(ended.capture, facts);
                }
            }
        }
        Ok(())
    }

    /// The capture whose head is due first, and when the next other one is.
    fn next_slot(&self) -> Option<(usize, Option<Due>)> {
        let (slot, first) = self.active.iter().map(Active::due).enumerate().min_by_key(|(_, due)| *due)?;
        let others = self.active.iter().map(Active::due).filter(|due| *due != first);
        let waiting =
            self.pending.front().map(|(capture, one)| (one.first_ns.unwrap_or(TimeNs::MAX), *capture));
        Some((slot, others.chain(waiting).min()))
    }

    fn batch(&self, store: Store) -> Batch {
        Batch::new(store, Arc::clone(&self.vantages.0), self.pool.clone())
    }

    fn finish(&mut self) {
        let Some(mut digester) = self.digester.take() else { return };
        digester.finish();
        for (capture, facts) in &mut self.facts {
            if let Some(digest) = digester.of(*capture) {
                facts.sha256 = Some(digest);
            }
        }
    }
}

/// Takes the frames that the filter turns away out of a store, and counts them.
fn keep(filter: &mut Filter, vantages: &Vantages, active: &mut Active) -> Result<(), CaptureError> {
    let Store { bytes, index } = &mut active.store;
    let (before, mut outcome) = (index.len(), Ok(()));
    index.retain(|entry| {
        let start = entry.offset as usize;
        let frame = bytes.get(start..start.saturating_add(entry.captured as usize)).unwrap_or_default();
        let Some(link) = vantages.0.get(entry.vantage as usize) else { return false };
        match filter.program(*link) {
            Ok(program) => program.filter(frame),
            Err(error) => {
                outcome = Err(error);
                false
            }
        }
    });
    active.reader.facts.filtered_packets += (before - index.len()) as u64;
    outcome
}

/// A store that frames of several captures are copied into.
#[derive(Debug)]
struct Merged {
    store: Store,
    filled: usize,
}

impl Merged {
    /// Appends a frame; `false` where the batch is full without it.
    fn push(&mut self, entry: &Entry, bytes: &[u8]) -> bool {
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
