//! Opening captures as one observation: all their frames in the order of time.
//!
//! Captures are ordered by the time of their first frame; where their times overlap they are
//! merged frame by frame. Within one capture the order of the file stands. A capture is opened when
//! its first frame is due, so that a rotated set of thousands holds few descriptors.

use crate::capture::active::{Active, Due};
use crate::capture::batch::{Batch, Entry, Pool, Store};
use crate::capture::bytes::{Digesting, Meter};
use crate::capture::digest::{Digester, hex};
use crate::capture::error::{CaptureError, ErrorKind};
use crate::capture::facts::CaptureFacts;
use crate::capture::file::Reader;
use crate::capture::filter::Filter;
use crate::capture::merged::Merged;
use crate::capture::set::{Input, Member, Skipped, expand, nothing_in};
use crate::capture::walk::Vantages;
use crate::net::TimeNs;
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

/// A capture whose turn has not come.
#[derive(Debug)]
struct Pending {
    first_ns: Option<TimeNs>,
    facts: CaptureFacts,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    /// A regular file, to be opened when due.
    Disk(PathBuf),
    /// What is open already: a stream, or the only file.
    Open(Box<Active>),
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
    let mut observation = Observation::empty(options)?;
    observation.skipped = skipped;
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

/// Opens a stream that is neither a file nor standard input: bytes in memory, a test's or a tool's.
pub fn of_stream(
    place: &str,
    stream: Box<dyn Read + Send>,
    options: &Options,
) -> Result<Observation, CaptureError> {
    let mut observation = Observation::empty(options)?;
    observation.progress.total_bytes = None;
    let digest = observation.digester.is_some().then(Digesting::default);
    let meter = Meter::new(stream, Arc::clone(&observation.progress.read_bytes), digest.clone());
    let reader = Reader::open(place, meter, observation.pool.clone())?;
    let pending = observation.keep(reader, digest, None)?;
    observation.arrange(vec![pending])?;
    Ok(observation)
}

/// Whether the filter can be had for the link type of the first frame.
fn check(filter: &mut Filter, store: &Store, vantages: &Vantages) -> Result<(), CaptureError> {
    if let Some(entry) = store.index.first()
        && let Some(link) = vantages.0.get(entry.vantage as usize)
    {
        filter.program(*link)?;
    }
    Ok(())
}

fn count(counts: &mut [usize], at: usize) {
    if let Some(count) = counts.get_mut(at) {
        *count += 1;
    }
}

impl Observation {
    fn empty(options: &Options) -> Result<Self, CaptureError> {
        let digester = match options.digest.then(Digester::start) {
            Some(Ok(digester)) => Some(digester),
            Some(Err(cause)) => return Err(CaptureError::unreadable("digest", &cause)),
            None => None,
        };
        Ok(Self {
            pending: VecDeque::new(),
            active: Vec::new(),
            facts: BTreeMap::new(),
            skipped: Vec::new(),
            vantages: Vantages::default(),
            filter: options.filter.clone().map(Filter::new),
            digester,
            progress: Progress { read_bytes: Arc::default(), total_bytes: Some(0) },
            pool: Pool::default(),
        })
    }

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
            let merged = merged.get_or_insert_with(|| Merged::new(self.pool.take()));
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
        if kept {
            return self.keep(reader, digest, copy);
        }
        let mut vantages = Vantages::default();
        reader.read_little();
        let store = reader.fill(&mut vantages).unwrap_or_default();
        let first_ns = store.index.first().map(|entry| entry.time_ns);
        if let Some(filter) = &mut self.filter {
            check(filter, &store, &vantages)?;
        }
        let facts = CaptureFacts::new(place, reader.facts.format, reader.facts.compression);
        self.pool.give(store);
        let path = member.path.clone().unwrap_or_default();
        Ok(Pending { first_ns, facts, origin: Origin::Disk(path) })
    }

    /// Reads up to the first frame of what stays open.
    fn keep(
        &mut self,
        mut reader: Reader,
        digest: Option<Digesting>,
        file: Option<File>,
    ) -> Result<Pending, CaptureError> {
        let store = reader.fill(&mut self.vantages).unwrap_or_default();
        let first_ns = store.index.first().map(|entry| entry.time_ns);
        if let Some(filter) = &mut self.filter {
            check(filter, &store, &self.vantages)?;
        }
        let facts = reader.facts.clone();
        let mut active = Active { capture: 0, reader, store, at: 0, digest, file };
        if let Some(filter) = &mut self.filter {
            active.keep(filter, &self.vantages)?;
        }
        Ok(Pending { first_ns, facts, origin: Origin::Open(Box::new(active)) })
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
            if let Origin::Open(active) = &mut pending.origin {
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
        let mut active = match pending.origin {
            Origin::Open(active) => *active,
            Origin::Disk(path) => match self.open_again(&path, capture, &pending.facts.path) {
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
                        active.keep(filter, &self.vantages)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::sample::{interface, packet, pcap, section};
    use std::io::Write;
    use std::path::Path;
    use tempfile::TempDir;

    fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
        let folder = TempDir::new().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        folder
    }

    fn inputs(folder: &TempDir, names: &[&str]) -> Vec<Input> {
        names.iter().map(|name| Input::Path(folder.path().join(name))).collect()
    }

    /// Captures' and frames' numbers with the bytes, in the order of the observation.
    fn read(observation: &mut Observation) -> Vec<(u16, u64, String)> {
        let mut seen = Vec::new();
        while let Some(batch) = observation.next_batch().unwrap() {
            assert!(!batch.is_empty());
            for frame in batch.frames() {
                let text = String::from_utf8(frame.bytes.to_vec()).unwrap();
                seen.push((frame.place.capture(), frame.place.frame(), text));
            }
        }
        seen
    }

    fn texts(seen: &[(u16, u64, String)]) -> Vec<&str> {
        seen.iter().map(|(.., text)| text.as_str()).collect()
    }

    fn check(files: &[(&str, Vec<u8>)], names: &[&str], expect: &[&str]) {
        let folder = folder(files);
        let mut observation = open(&inputs(&folder, names), &Options::default()).unwrap();
        assert_eq!(texts(&read(&mut observation)), expect);
    }

    fn refused(inputs: &[Input], options: &Options) -> String {
        open(inputs, options).unwrap_err().to_string()
    }

    #[test]
    fn captures_come_in_the_order_of_their_first_frames() {
        let (late, early) = (pcap(&[(5, b"c"), (6, b"d")]), pcap(&[(1, b"a"), (2, b"b")]));
        check(&[("a", late), ("b", early)], &["a", "b"], &["a", "b", "c", "d"]);
    }

    #[test]
    fn overlapping_captures_are_merged_frame_by_frame() {
        let one = pcap(&[(1, b"a"), (3, b"c"), (9, b"g")]);
        let two = pcap(&[(2, b"b"), (3, b"d"), (5, b"f")]);
        let three = pcap(&[(4, b"e"), (10, b"h")]);
        let all = ["a", "b", "c", "d", "e", "f", "g", "h"];
        check(&[("1", one), ("2", two), ("3", three)], &["3", "2", "1"], &all);
    }

    #[test]
    fn time_that_runs_back_within_a_capture_keeps_the_order_of_the_file() {
        let one = pcap(&[(5, b"a"), (2, b"b"), (9, b"d")]);
        let two = pcap(&[(6, b"c"), (10, b"e")]);
        check(&[("1", one), ("2", two)], &["1", "2"], &["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn a_directory_is_one_observation_of_its_captures() {
        let ng = [section(false), interface(false, 1, &[]), packet(false, 0, 1_500_000, b"b")].concat();
        let folder = folder(&[
            ("z.pcap", pcap(&[(1, b"a"), (2, b"c")])),
            ("a.dat", ng),
            ("none.pcap", pcap(&[])),
            ("notes.txt", b"notes".to_vec()),
            ("new.pcap", Vec::new()),
            (".hidden.pcap", pcap(&[(1, b"hidden")])),
        ]);
        let mut observation = open(&[Input::Path(folder.path().into())], &Options::default()).unwrap();
        let seen = read(&mut observation);
        assert_eq!(seen, [(0, 1, "a".into()), (1, 1, "b".into()), (0, 2, "c".into())]);
        let names: Vec<_> = observation.facts().iter().map(|facts| file_name(&facts.path)).collect();
        assert_eq!(names, ["z.pcap", "a.dat", "none.pcap"]);
        let skipped: Vec<_> = observation.skipped().iter().map(|one| file_name(&one.path)).collect();
        assert_eq!(skipped, ["new.pcap", "notes.txt"]);
    }

    fn file_name(path: &str) -> String {
        Path::new(path).file_name().unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn a_glob_takes_what_it_matches_and_a_file_counts_once() {
        let folder = folder(&[
            ("a.pcap1", pcap(&[(1, b"a")])),
            ("a.pcap0", pcap(&[(1, b"0")])),
            ("b.txt", b"x".to_vec()),
        ]);
        let mut observation = open(&inputs(&folder, &["a.pcap?", "a.pcap1"]), &Options::default()).unwrap();
        assert_eq!(texts(&read(&mut observation)), ["0", "a"]);
        assert_eq!(observation.skipped().len(), 1);
    }

    #[test]
    fn what_cannot_be_opened_is_one_clear_line() {
        let folder = folder(&[("empty", Vec::new()), ("text", b"hello\n".to_vec())]);
        let one = |name| refused(&inputs(&folder, &[name]), &Options::default());
        assert!(one("empty").ends_with("/empty: expected a pcap or pcapng, found `an empty file`"));
        assert!(one("text").ends_with("/text: expected a pcap or pcapng, found `text`"));
        assert!(one("absent").contains("/absent: expected a readable capture, found `No such file"));
        assert!(one("*.pcap").ends_with("expected at least one capture, found `no file`"));
        assert!(one("").ends_with("expected at least one capture, found `2 other files`"));
        assert!(refused(&[], &Options::default()).contains("found `nothing`"));
    }

    #[test]
    fn a_filter_counts_what_it_turns_away_and_leaves_frame_numbers() {
        let folder = folder(&[("a", pcap(&[(1, b"aaaaaaaaaaaaaa"), (2, b"b"), (3, b"cccccccccccccc")]))]);
        let options = Options { filter: Some("ether[0] = 0x63".to_owned()), digest: false };
        let mut observation = open(&inputs(&folder, &["a"]), &options).unwrap();
        assert_eq!(read(&mut observation), [(0, 3, "c".repeat(14))]);
        let facts = observation.facts().remove(0);
        assert_eq!((facts.packets, facts.filtered_packets), (3, 2));
        let options = Options { filter: Some("tcp porto 1".to_owned()), digest: false };
        assert!(refused(&inputs(&folder, &["a"]), &options).starts_with("filter `tcp porto 1`: expected"));
    }

    #[test]
    fn digests_are_of_the_bytes_on_disk_even_where_reading_stopped() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&pcap(&[(1, b"a")])).unwrap();
        let packed = packed.finish().unwrap();
        let lying = [pcap(&[(2, b"b")]), vec![0xff; 100]].concat();
        let expect = [&packed, &lying].map(|bytes| {
            use sha2::{Digest, Sha256};
            hex(Sha256::new_with_prefix(bytes))
        });
        let folder = folder(&[("a", packed), ("b", lying)]);
        let options = Options { filter: None, digest: true };
        for names in [&["a", "b"][..], &["b"]] {
            let mut observation = open(&inputs(&folder, names), &options).unwrap();
            read(&mut observation);
            let facts = observation.facts();
            for (facts, expect) in facts.iter().rev().zip(expect.iter().rev()) {
                assert_eq!(facts.sha256.as_ref(), Some(expect));
            }
            assert!(facts.last().unwrap().stopped.is_some());
            let progress = observation.progress();
            assert_eq!(Some(progress.read_bytes()), progress.total_bytes());
        }
    }

    #[test]
    fn batches_outlive_the_observation_and_go_to_other_threads() {
        let folder = folder(&[("a", pcap(&[(1, b"a")]))]);
        let mut observation = open(&inputs(&folder, &["a"]), &Options::default()).unwrap();
        let batch = observation.next_batch().unwrap().unwrap();
        drop(observation);
        let there = std::thread::spawn(move || batch.get(0).map(|frame| frame.bytes.to_vec()));
        assert_eq!(there.join().unwrap().as_deref(), Some(&b"a"[..]));
    }

    #[test]
    fn many_captures_at_one_time_are_merged_over_full_batches() {
        let frame = [b'x'; 1000];
        let frames: Vec<(u32, &[u8])> = (0..400).map(|second| (second, &frame[..])).collect();
        let folder = folder(&[("a", pcap(&frames)), ("b", pcap(&frames)), ("c", pcap(&frames))]);
        let mut observation = open(&inputs(&folder, &["a", "b", "c"]), &Options::default()).unwrap();
        let seen = read(&mut observation);
        let expect = (1..=400).flat_map(|frame| [0, 1, 2].map(|capture| (capture, frame)));
        assert!(seen.iter().map(|(capture, frame, _)| (*capture, *frame)).eq(expect));
    }

    #[test]
    fn a_rotated_set_may_be_long_but_not_that_many_at_one_time() {
        let set = |step: u32| {
            let file = |number: u32| pcap(&[(number * step, b"a"), (number * step + 1, b"b")]);
            let folder = TempDir::new().unwrap();
            for number in 0..=OVERLAP as u32 {
                std::fs::write(folder.path().join(format!("{number}")), file(number)).unwrap();
            }
            let mut observation = open(&[Input::Path(folder.path().into())], &Options::default()).unwrap();
            let mut frames = 0;
            while let Some(batch) = observation.next_batch()? {
                frames += batch.len();
            }
            Ok::<usize, CaptureError>(frames)
        };
        assert_eq!(set(2).unwrap(), 2 * (OVERLAP + 1));
        let error = set(0).unwrap_err().to_string();
        assert!(error.contains("expected at most 256 captures that overlap in time"), "{error}");
    }
}
