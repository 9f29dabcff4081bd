//! Reading an observation through one audit or several side by side.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::audit::{Audit, MAX_LIST, Options, Outcome, Share, deal};
use crate::capture::batch::Batch;
use crate::capture::facts::{CaptureFacts, Compression};
use crate::capture::set::Input;
use crate::capture::source::{self, Observation};
use crate::cli::args::{CaptureArgs, Separate};
use crate::cli::output::{Failure, abandon, complain};
use crate::flow::flows::PARTS;
use crate::policy::index::Policy;
use crate::report::model::Capture;
use crate::report::time::rfc3339;
use crate::verdict::finding::MAX_OF_A_REASON;

/// What was read, and what it came to.
#[derive(Debug)]
pub struct Read {
    pub outcome: Outcome,
    pub captures: Vec<Capture>,
}

/// Batches that wait for a slower audit. A batch is about a megabyte.
const QUEUED_BATCHES: usize = 4;

/// More audits side by side than this wait for the reader.
const MAX_THREADS: usize = 4;

/// The audit options that the arguments ask for.
pub fn options(args: &CaptureArgs) -> Options {
    let mut options = Options::default();
    options.bounds.separate_vlan = args.separate.contains(&Separate::Vlan);
    options.bounds.separate_tunnel = args.separate.contains(&Separate::Tunnel);
    if let Some(max_flows) = args.max_flows {
        options.bounds.max_flows = usize::try_from(max_flows).unwrap_or(usize::MAX);
    }
    options
}

/// What the rest of the program takes, whatever the captures hold: buffers, threads, tables.
const FIXED_BYTES: u64 = 48 << 20;

/// A flow with its place in the index and what the audit remembers of it.
const FLOW_BYTES: u64 = 768;

/// An opening of both sides, full, with segments that wait for others.
const OPENING_BYTES: u64 = 20 << 10;

/// A finding with its roles, rows and words, and the reasons that a flood can fill at a time.
const FINDING_BYTES: u64 = 4 << 10;
const FLOODED_REASONS: u64 = 8;

/// A flow in a list, and its line.
const LISTED_BYTES: u64 = 3 << 10;

/// Shares the memory out, in hundredths: flows 40 (20 beside a list), openings 25, fragments 5, findings 15, a list 30.
fn share_out(options: &mut Options, memory: u64, threads: usize) {
    let free = memory.saturating_sub(FIXED_BYTES).max(FIXED_BYTES / 4);
    let hundredths = |parts: u64| free / 100 * parts;
    let each = |bytes: u64, size: u64| usize::try_from(bytes / size).unwrap_or(usize::MAX);
    let of = threads.max(1) as u64;
    let (flows, lists) = if options.keep_flows { (20, 30) } else { (40, 0) };
    options.bounds.max_flows = options.bounds.max_flows.min(each(hundredths(flows), FLOW_BYTES)).max(16);
    options.bounds.max_openings =
        options.bounds.max_openings.min(each(hundredths(25), OPENING_BYTES)).max(16);
    // One packet of the greatest length fits in any case.
    options.fragments.bytes = options.fragments.bytes.min(each(hundredths(5), of)).max(128 << 10);
    // The same for any number of threads: it decides what is listed.
    let findings = each(hundredths(15), FINDING_BYTES * FLOODED_REASONS * MAX_THREADS as u64);
    options.max_of_a_reason = Some(findings.clamp(64, MAX_OF_A_REASON));
    if lists > 0 {
        options.max_list = Some(each(hundredths(lists), 2 * LISTED_BYTES).clamp(16, MAX_LIST));
    }
}

/// Says so where somebody ends the program before it has read all: nothing is left half written.
fn watch_for_signals() {
    use tokio::signal::unix::{SignalKind, signal};
    // Without a runtime a signal ends the program all the same, only without a word.
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    let entered = runtime.enter();
    let handlers = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = handlers else { return };
    drop(entered);
    let wait = move || {
        let found = runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
            }
        });
        abandon();
        complain(&format!("expected to read to the end, found `{found}`; no report was written"));
        std::process::exit(i32::from(crate::cli::COULD_NOT_JUDGE));
    };
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(wait);
}

/// Reads all captures and audits them.
///
/// # Errors
/// What kept a capture from being opened.
pub fn read(
    args: &CaptureArgs,
    policy: &Arc<Policy>,
    options: Options,
    digest: bool,
) -> Result<Read, Failure> {
    watch_for_signals();
    let inputs: Vec<Input> = args.captures.iter().map(|path| Input::from_arg(path.as_os_str())).collect();
    let mut observation = source::open(&inputs, &source::Options { filter: args.filter.clone(), digest })?;
    let progress = Progress::over(&observation);
    let threads = args.threads.map_or_else(cores, |threads| threads as usize);
    let mut options = options;
    if let Some(memory) = args.max_memory {
        share_out(&mut options, memory, threads);
    }
    let outcome = if threads <= 1 {
        alone(&mut observation, policy, options, &progress)?
    } else {
        together(&mut observation, policy, options, threads, &progress)?
    };
    progress.finish();
    for skipped in observation.skipped() {
        complain(&format!("{}: left out: {}", skipped.path, skipped.reason));
    }
    let captures = observation.facts().iter().map(capture).collect();
    Ok(Read { outcome, captures })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_THREADS))
}

fn alone(
    observation: &mut Observation,
    policy: &Arc<Policy>,
    options: Options,
    progress: &Progress,
) -> Result<Outcome, Failure> {
    let mut audit = Audit::new(Arc::clone(policy), options);
    while let Some(batch) = observation.next_batch()? {
        audit.push_dealt(batch.frames(), &deal(batch.frames()));
        progress.tick(observation);
    }
    Ok(audit.finish())
}

fn together(
    observation: &mut Observation,
    policy: &Arc<Policy>,
    options: Options,
    threads: usize,
    progress: &Progress,
) -> Result<Outcome, Failure> {
    let threads = threads.min(PARTS);
    let of = u32::try_from(threads).unwrap_or(1);
    let mut queues: Vec<SyncSender<(Batch, Arc<[u64]>)>> = Vec::with_capacity(threads);
    let mut workers: Vec<JoinHandle<Outcome>> = Vec::with_capacity(threads);
    for index in 0..of {
        let (queue, batches) = sync_channel::<(Batch, Arc<[u64]>)>(QUEUED_BATCHES);
        let mut audit = Audit::new(Arc::clone(policy), Options { share: Share { index, of }, ..options });
        let worker = std::thread::Builder::new()
            .name(format!("audit-{index}"))
            .spawn(move || {
                for (batch, dealt) in batches {
                    audit.push_dealt(batch.frames(), &dealt);
                }
                audit.finish()
            })
            .map_err(|error| {
                Failure::Said(format!("expected to start a thread, found `{error}`; try --threads 1"))
            })?;
        queues.push(queue);
        workers.push(worker);
    }
    while let Some(batch) = observation.next_batch()? {
        let dealt: Arc<[u64]> = deal(batch.frames()).into();
        for queue in &queues {
            // A worker that is gone has panicked; joining it says so.
            let _ = queue.send((batch.clone(), Arc::clone(&dealt)));
        }
        progress.tick(observation);
    }
    drop(queues);
    let mut whole: Option<Outcome> = None;
    for worker in workers {
        let outcome = worker
            .join()
            .map_err(|_| Failure::Said("an audit thread ended early; please report this".to_owned()))?;
        match &mut whole {
            None => whole = Some(outcome),
            Some(whole) => whole.add_share(outcome),
        }
    }
    whole.ok_or(Failure::Quiet)
}

/// The written shape of what is known of a capture.
fn capture(facts: &CaptureFacts) -> Capture {
    Capture {
        path: facts.path.clone(),
        sha256: facts.sha256.clone(),
        format: facts.format.name().to_owned(),
        compression: (facts.compression != Compression::None).then(|| facts.compression.name().to_owned()),
        packets: facts.packets,
        bytes: facts.bytes,
        first: facts.first_ns.map(rfc3339),
        last: facts.last_ns.map(rfc3339),
        truncated: facts.truncated,
        stopped: facts.stopped.clone(),
        filtered: facts.filtered_packets,
        dropped: facts
            .interfaces
            .iter()
            .any(|interface| interface.if_drop.is_some() || interface.os_drop.is_some())
            .then(|| facts.dropped()),
        undecoded: std::collections::BTreeMap::new(),
        problems: facts.problems.iter().map(|(reason, &count)| ((*reason).to_owned(), count)).collect(),
    }
}

/// A bar on standard error while it is a terminal.
struct Progress(Option<ProgressBar>);

/// How often the bar is drawn, at most, a second.
const DRAWS: u8 = 5;

impl Progress {
    fn over(observation: &Observation) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let total = observation.progress().total_bytes();
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(DRAWS));
        let form = match total {
            Some(_) => "{bytes} of {total_bytes} {wide_bar} {bytes_per_sec}, {eta} left",
            None => "{bytes} read, {bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(1000 / u64::from(DRAWS)));
        Self(Some(bar))
    }

    fn tick(&self, observation: &Observation) {
        if let Some(bar) = &self.0 {
            bar.set_position(observation.progress().read_bytes());
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
