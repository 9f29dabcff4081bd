//! The event loop: frames in, findings out, signals, questions and audits between two batches.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::MissedTickBehavior;

use crate::audit::{Audit, Certain, Options as AuditOptions, Outcome};
use crate::capture::interface::{Interface, Options as CaptureOptions};
use crate::live::confine;
use crate::live::confine::Needs;
use crate::live::listen::{Counts, Delivery, Ear, QUEUED_BATCHES, now_ns, start};
use crate::live::merge::Merge;
use crate::live::metrics::Metrics;
use crate::live::reports::Folder;
use crate::live::say::{clear, count, say, status};
use crate::live::serve::{Ask, QUEUED_ASKS, Shared, serve};
use crate::live::tell::Teller;
use crate::live::write::{Lines, Sink};
use crate::net::TimeNs;
use crate::policy::index::Policy;
use crate::report::build::{self, Context};
use crate::report::json;
use crate::report::model::{Capture, Report, Settings, Window};
use crate::report::time::rfc3339;

/// Reads tables and site anew: the policy, or one line why not.
pub type Reload = Box<dyn Fn() -> Result<Policy, String> + Send>;

/// What to watch, and how.
pub struct Watch {
    pub interfaces: Vec<String>,
    pub capture: CaptureOptions,
    pub audit: AuditOptions,
    pub policy: Policy,
    pub reload: Reload,
    /// Files that are read again as soon as they change.
    pub watched: Vec<PathBuf>,
    pub findings: Sink,
    pub repeat_every: Duration,
    pub reports: Option<PathBuf>,
    pub report_every: Duration,
    pub window: Duration,
    pub listen: Option<SocketAddr>,
    pub needs: Needs,
    /// Ends by itself after so long.
    pub end_after: Option<Duration>,
}

/// What the watching came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ended {
    /// The severities of findings that no waiver accepts, by name.
    pub severities: std::collections::BTreeSet<String>,
    /// An audit could not be written.
    pub is_report_lost: bool,
}

/// How often what is idle is looked for, figures are published and the status is drawn.
const TICK: Duration = Duration::from_millis(100);

/// Sweeps of the flow table in a tick: a million slots are looked through in ten seconds.
const SWEEPS_PER_TICK: usize = 10;

/// How often watched files are looked at, and coverage is published.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Coverage is counted again when this many times the cost of the last time went by.
const COVER_COSTS: u32 = 100;

/// Frames on the wire and the kernel's clock may be this late: what is idle is told by an older time.
const LATE_NS: u64 = 200_000_000;

/// Deliveries judged before other events get their turn.
const BURST: usize = 16;

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("interfaces", &self.interfaces).finish_non_exhaustive()
    }
}

/// Opens the interfaces, gives privileges up and watches until told to stop.
///
/// # Errors
/// One line: what kept it from starting.
pub fn run(watch: Watch) -> Result<Ended, String> {
    let mut open = Vec::with_capacity(watch.interfaces.len());
    for (name, number) in watch.interfaces.iter().zip(0u16..) {
        open.push(Interface::open(name, number, 0, &watch.capture).map_err(|error| error.to_string())?);
    }
    let listener = watch.listen.map(bind).transpose()?;
    let mut holds = confine::drop_root(&watch.needs)?;
    let folder = watch.reports.clone().map(Folder);
    if let Some(Folder(path)) = &folder {
        // Asked before anything is judged, and by the user who will write.
        tempfile::Builder::new().prefix(".uncharted-").tempfile_in(path).map_err(|error| {
            format!(
                "{}: expected a folder that user {} may write to, found `{error}`",
                path.display(),
                watch.needs.user
            )
        })?;
    }
    let (queue, deliveries) = mpsc::channel(QUEUED_BATCHES);
    let stop = Arc::new(AtomicBool::new(false));
    let mut ears = Vec::with_capacity(open.len());
    for (interface, number) in open.into_iter().zip(0u16..) {
        let ear = start(interface, number, watch.capture.clone(), queue.clone(), Arc::clone(&stop))
            .map_err(|error| format!("expected to start a capture thread, found `{error}`"))?;
        ears.push(ear);
    }
    drop(queue);
    holds.extend(confine::drop_rest()?);
    say(&format!("watching {}; confined: {}", watch.interfaces.join(", "), holds.join(", ")));
    let lines = Lines::start(watch.findings.clone())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("expected to start threads, found `{error}`"))?;
    let ended = runtime.block_on(async {
        let judge = Judge::new(watch, ears, folder, lines, stop, listener)?;
        tokio::spawn(judge.run(deliveries))
            .await
            .map_err(|_| "the judge ended early; please report this".to_owned())?
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

fn bind(address: SocketAddr) -> Result<std::net::TcpListener, String> {
    let listener = std::net::TcpListener::bind(address)
        .map_err(|error| format!("--listen {address}: expected a free address, found `{error}`"))?;
    listener.set_nonblocking(true).map_err(|error| format!("--listen {address}: {error}"))?;
    Ok(listener)
}

struct Judge {
    watch: Watch,
    ears: Vec<Ear>,
    counts: Arc<Vec<(String, Arc<Counts>)>>,
    folder: Option<Folder>,
    lines: Lines,
    stop: Arc<AtomicBool>,
    audit: Audit,
    policy: Arc<Policy>,
    merge: Merge,
    teller: Teller,
    metrics: Metrics,
    asks: Receiver<Ask>,
    beat_ns: Arc<AtomicU64>,
    is_ending: Arc<AtomicBool>,
    /// When the window began, and what was counted of each interface by then.
    from_ns: TimeNs,
    base: Vec<[u64; 5]>,
    times: Vec<(Option<TimeNs>, Option<TimeNs>)>,
    published: Vec<[u64; 6]>,
    evicted: u64,
    lines_lost: u64,
    ended: Ended,
    covered: Instant,
    cover_cost: Duration,
    stamps: Vec<Option<(SystemTime, u64)>>,
    shown: Instant,
    told: u64,
}

struct Signals {
    hang_up: Signal,
    user: Signal,
    term: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
            term: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

impl Judge {
    fn new(
        mut watch: Watch,
        ears: Vec<Ear>,
        folder: Option<Folder>,
        lines: Lines,
        stop: Arc<AtomicBool>,
        listener: Option<std::net::TcpListener>,
    ) -> Result<Self, String> {
        let policy = Arc::new(std::mem::replace(&mut watch.policy, Policy::compile(Vec::new(), None)));
        let counts: Arc<Vec<(String, Arc<Counts>)>> =
            Arc::new(ears.iter().map(|ear| (ear.name.clone(), Arc::clone(&ear.counts))).collect());
        let (asking, asks) = mpsc::channel(QUEUED_ASKS);
        let from_ns = now_ns();
        let (beat_ns, is_ending) = (Arc::new(AtomicU64::new(from_ns)), Arc::new(AtomicBool::new(false)));
        if let Some(listener) = listener {
            let listener = tokio::net::TcpListener::from_std(listener)
                .map_err(|error| format!("--listen: expected to serve, found `{error}`"))?;
            let shared = Shared {
                asks: asking,
                interfaces: Arc::clone(&counts),
                beat_ns: Arc::clone(&beat_ns),
                is_ending: Arc::clone(&is_ending),
            };
            tokio::spawn(async move {
                if let Err(line) = serve(listener, shared).await {
                    say(&line);
                }
            });
        }
        let interfaces = ears.len();
        let stamps = watch.watched.iter().map(stamp).collect();
        let now = Instant::now();
        Ok(Self {
            audit: Audit::live(Arc::clone(&policy), watch.audit),
            merge: Merge::new(interfaces),
            teller: Teller::new(watch.repeat_every.as_nanos() as u64, from_ns),
            metrics: Metrics::new()?,
            base: vec![[0; 5]; interfaces],
            times: vec![(None, None); interfaces],
            published: vec![[0; 6]; interfaces],
            evicted: 0,
            lines_lost: 0,
            ended: Ended::default(),
            covered: now,
            cover_cost: Duration::ZERO,
            shown: now,
            told: 0,
            watch,
            ears,
            counts,
            folder,
            lines,
            stop,
            policy,
            asks,
            beat_ns,
            is_ending,
            from_ns,
            stamps,
        })
    }

    async fn run(mut self, mut deliveries: Receiver<Delivery>) -> Result<Ended, String> {
        let mut signals = Signals::new().map_err(|error| format!("signals: {error}"))?;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let started = tokio::time::Instant::now();
        let later = |after: Duration| tokio::time::interval_at(started + after, after.max(TICK));
        let mut report = later(self.watch.report_every);
        let mut window = later(self.watch.window);
        let mut look = later(LOOK_EVERY);
        let end = started + self.watch.end_after.unwrap_or(Duration::from_secs(u64::from(u32::MAX)));
        let mut burst = Vec::with_capacity(BURST);
        let why = loop {
            tokio::select! {
                biased;
                _ = signals.term.recv() => break "SIGTERM",
                _ = signals.interrupt.recv() => break "SIGINT",
                () = tokio::time::sleep_until(end) => break "its time is over",
                _ = signals.hang_up.recv() => self.reload("SIGHUP"),
                _ = signals.user.recv() => self.report_now("SIGUSR1"),
                _ = tick.tick() => self.tick(),
                _ = window.tick() => self.turn(None),
                _ = report.tick() => self.report_quietly(),
                _ = look.tick() => self.look(),
                Some(ask) = self.asks.recv() => self.answer(ask),
                taken = deliveries.recv_many(&mut burst, BURST) => {
                    if taken == 0 {
                        break "all capture threads ended";
                    }
                    for delivery in burst.drain(..) {
                        self.take(delivery);
                    }
                }
            }
        };
        clear();
        say(&format!("ending: {why}"));
        self.finish(deliveries).await
    }

    fn take(&mut self, delivery: Delivery) {
        if delivery.batch.is_some() {
            self.metrics.queue.observe(delivery.sent.elapsed().as_secs_f64());
        }
        self.merge.take(delivery);
        let Self { merge, audit, times, .. } = self;
        merge.ready(now_ns(), &mut |frame| judge(audit, times, frame));
        self.tell();
    }

    /// Writes the findings that became certain.
    fn tell(&mut self) {
        let certain = self.audit.certain();
        if certain.is_empty() {
            return;
        }
        let now = now_ns();
        for one in certain {
            self.tell_one(one, now);
        }
    }

    fn tell_one(&mut self, certain: Certain, now: TimeNs) {
        if certain.waiver.is_some() {
            return;
        }
        let judgement = &certain.flow.judgement;
        self.metrics.findings.with_label_values(&[judgement.reason.name(), judgement.severity.name()]).inc();
        if let Some(at_ns) = certain.at_ns {
            self.metrics.delayed(now.saturating_sub(at_ns));
        }
        if let Some(line) = self.teller.take(certain, &self.policy, &self.watch.interfaces, now) {
            self.write(line);
        }
    }

    fn write(&mut self, line: String) {
        self.told += 1;
        self.metrics.lines.inc();
        self.lines.send(line);
    }

    fn tick(&mut self) {
        let now = now_ns();
        self.beat_ns.store(now, Ordering::Relaxed);
        let Self { merge, audit, times, .. } = self;
        merge.ready(now, &mut |frame| judge(audit, times, frame));
        for _ in 0..SWEEPS_PER_TICK {
            self.audit.advance(now.saturating_sub(LATE_NS));
        }
        self.tell();
        for line in self.teller.counts(&self.policy, &self.watch.interfaces, now) {
            self.write(line);
        }
        if self.shown.elapsed() >= Duration::from_secs(1) {
            self.shown = Instant::now();
            self.show();
        }
    }

    fn show(&self) {
        let (mut frames, mut lost, mut down) = (0, 0, Vec::new());
        for (name, counts) in self.counts.iter() {
            frames += counts.frames.load(Ordering::Relaxed);
            lost += counts.lost();
            if !counts.is_up.load(Ordering::Relaxed) {
                down.push(name.as_str());
            }
        }
        let gone = if down.is_empty() { String::new() } else { format!(", gone: {}", down.join(" ")) };
        status(&format!(
            "{}: {} packets, {} flows open, {} findings told, {} lost{gone}",
            self.watch.interfaces.join(" "),
            count(frames),
            count(self.audit.open_flows() as u64),
            count(self.told),
            count(lost),
        ));
    }

    /// Publishes the figures that are cheap to have.
    fn publish(&mut self) {
        for ((name, counts), before) in self.counts.iter().zip(&mut self.published) {
            let now = totals(counts);
            let news: Vec<u64> =
                now.iter().zip(before.iter()).map(|(now, before)| now.saturating_sub(*before)).collect();
            *before = now;
            let [frames, bytes, kernel, interface, queue, gone] = news[..] else { continue };
            self.metrics.packets.with_label_values(&[name]).inc_by(frames);
            self.metrics.bytes.with_label_values(&[name]).inc_by(bytes);
            self.metrics.lost.with_label_values(&[name.as_str(), "kernel"]).inc_by(kernel);
            self.metrics.lost.with_label_values(&[name.as_str(), "interface"]).inc_by(interface);
            self.metrics.lost.with_label_values(&[name.as_str(), "queue"]).inc_by(queue);
            self.metrics.gone.with_label_values(&[name]).inc_by(gone);
            self.metrics.up.with_label_values(&[name]).set(i64::from(counts.is_up.load(Ordering::Relaxed)));
        }
        let evicted = self.audit.evicted();
        self.metrics.flows_evicted.inc_by(evicted - self.evicted);
        self.evicted = evicted;
        let lost = self.lines.lost();
        self.metrics.lines_lost.inc_by(lost - self.lines_lost);
        self.lines_lost = lost;
        self.metrics.flows_open.set(i64::try_from(self.audit.open_flows()).unwrap_or(i64::MAX));
        self.metrics.publish(self.audit.ended());
    }

    fn answer(&mut self, ask: Ask) {
        // Whoever asked may have gone.
        let _ = match ask {
            Ask::Metrics(answer) => {
                self.publish();
                answer.send(self.metrics.text())
            }
            Ask::Audit(answer) => {
                let outcome = self.interim();
                answer.send(json::render(&self.written(&outcome, true)))
            }
        };
    }

    fn interim(&mut self) -> Outcome {
        let since = Instant::now();
        let outcome = tokio::task::block_in_place(|| self.audit.interim());
        self.count_interim(since, &outcome);
        outcome
    }

    fn count_interim(&mut self, since: Instant, outcome: &Outcome) {
        self.cover_cost = since.elapsed();
        self.covered = Instant::now();
        self.metrics.interim_seconds.set(self.cover_cost.as_secs_f64());
        self.metrics.cover(outcome, &self.policy);
    }

    fn look(&mut self) {
        let now: Vec<Option<(SystemTime, u64)>> = self.watch.watched.iter().map(stamp).collect();
        if now != self.stamps {
            self.stamps = now;
            self.reload("a watched file changed");
        }
        if self.covered.elapsed() >= self.cover_cost * COVER_COSTS {
            self.interim();
        }
    }

    fn reload(&mut self, why: &str) {
        let read = tokio::task::block_in_place(|| (self.watch.reload)());
        match read {
            Err(line) => {
                self.metrics.reloads.with_label_values(&["refused"]).inc();
                say(&format!("{why}: tables and site stay as they were: {line}"));
            }
            Ok(policy) => {
                self.metrics.reloads.with_label_values(&["done"]).inc();
                let policy = Arc::new(policy);
                if policy.is_alike(&self.policy) {
                    say(&format!("{why}: tables and site read again"));
                    self.audit.adopt(Arc::clone(&policy));
                    self.policy = policy;
                } else {
                    say(&format!(
                        "{why}: tables and site read again; other rows or roles, so a new window begins"
                    ));
                    self.turn(Some(policy));
                }
            }
        }
    }

    /// Ends the window, writes its audit and begins another, by another policy where there is one.
    fn turn(&mut self, policy: Option<Arc<Policy>>) {
        for line in self.teller.flush(&self.policy, &self.watch.interfaces, now_ns()) {
            self.write(line);
        }
        self.publish();
        let next = policy.unwrap_or_else(|| Arc::clone(&self.policy));
        let outcome = tokio::task::block_in_place(|| self.audit.turn(Arc::clone(&next)));
        let report = self.written(&outcome, false);
        self.keep(&report);
        self.reckon(&report);
        self.policy = next;
        self.metrics.turn();
        self.from_ns = now_ns();
        self.base = self.counts.iter().map(|(_, counts)| based(counts)).collect();
        self.times.fill((None, None));
    }

    fn report_quietly(&mut self) {
        if self.folder.is_some() {
            let outcome = self.interim();
            let report = self.written(&outcome, true);
            self.keep(&report);
        }
    }

    fn report_now(&mut self, why: &str) {
        if self.folder.is_none() {
            say(&format!("{why}: expected --reports FOLDER to write an audit to, found none"));
            return;
        }
        let outcome = self.interim();
        let report = self.written(&outcome, true);
        if let Some(path) = self.keep(&report) {
            say(&format!("{why}: wrote {}", path.display()));
        }
    }

    fn keep(&mut self, report: &Report) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        match tokio::task::block_in_place(|| folder.write(report, self.from_ns)) {
            Ok(path) => {
                self.metrics.reports.with_label_values(&["written"]).inc();
                self.ended.is_report_lost = false;
                Some(path)
            }
            Err(line) => {
                self.metrics.reports.with_label_values(&["failed"]).inc();
                self.ended.is_report_lost = true;
                say(&line);
                None
            }
        }
    }

    /// Takes note of how grave a window's findings were, for the exit code.
    fn reckon(&mut self, report: &Report) {
        let counted = report.findings.iter().filter(|finding| finding.waived.is_none());
        self.ended.severities.extend(counted.map(|finding| finding.severity.clone()));
    }

    fn written(&self, outcome: &Outcome, interim: bool) -> Report {
        let captures = self.counts.iter().zip(&self.base).zip(&self.times);
        let captures = captures.map(|(((name, counts), base), &(first, last))| {
            let now = based(counts);
            let since = |at: usize| now.get(at).zip(base.get(at)).map_or(0, |(now, base)| now - base);
            let mut capture = Capture {
                path: name.clone(),
                format: "live".to_owned(),
                packets: since(0),
                bytes: since(1),
                first: first.map(rfc3339),
                last: last.map(rfc3339),
                dropped: Some(since(2) + since(3) + since(4)),
                ..Capture::default()
            };
            for (place, at) in
                [("lost in the kernel", 2), ("lost by the interface", 3), ("lost in the queue", 4)]
            {
                if since(at) > 0 {
                    capture.problems.insert(place.to_owned(), since(at));
                }
            }
            capture
        });
        let context = Context {
            captures: captures.collect(),
            judge_all: self.watch.audit.judge_all,
            filter: self.watch.capture.filter.clone(),
            settings: Settings::default(),
            tool_sha256: None,
            window: Some(Window { from: rfc3339(self.from_ns), to: rfc3339(now_ns()), interim }),
        };
        build::report(outcome, &self.policy, context)
    }

    async fn finish(mut self, mut deliveries: Receiver<Delivery>) -> Result<Ended, String> {
        self.is_ending.store(true, Ordering::Relaxed);
        self.stop.store(true, Ordering::Release);
        // Every capture thread hands on what its ring held and lets its end of the queue go.
        while let Some(delivery) = deliveries.recv().await {
            self.take(delivery);
        }
        let Self { merge, audit, times, .. } = &mut self;
        merge.rest(&mut |frame| judge(audit, times, frame));
        self.tell();
        for ear in std::mem::take(&mut self.ears) {
            tokio::task::block_in_place(|| ear.join());
        }
        let spare = Audit::new(Arc::clone(&self.policy), AuditOptions::default());
        let (outcome, certain) =
            tokio::task::block_in_place(|| std::mem::replace(&mut self.audit, spare).close());
        let now = now_ns();
        for one in certain {
            self.tell_one(one, now);
        }
        for line in self.teller.flush(&self.policy, &self.watch.interfaces, now) {
            self.write(line);
        }
        let report = self.written(&outcome, false);
        let kept = self.keep(&report);
        self.reckon(&report);
        let (measured, [median, p99, max]) = self.metrics.delays();
        let lines_lost = tokio::task::block_in_place(|| self.lines.finish());
        let lost: u64 = self.counts.iter().map(|(_, counts)| counts.lost()).sum();
        let summary = &report.summary;
        say(&format!(
            "{} packets, {} flows: {} allowed, {} not allowed, {} undetermined, {} out of scope; {} packets lost",
            count(summary.packets),
            count(summary.flows),
            count(summary.allowed),
            count(summary.not_allowed),
            count(summary.undetermined),
            count(summary.out_of_scope),
            count(lost)
        ));
        if measured > 0 {
            let ms = |us: u64| us as f64 / 1000.0;
            say(&format!(
                "packet to finding: median {:.1} ms, p99 {:.1} ms, longest {:.1} ms, of {}",
                ms(median),
                ms(p99),
                ms(max),
                count(measured)
            ));
        }
        if lines_lost > 0 {
            say(&format!("findings: {} lines could not be written", count(lines_lost)));
        }
        if let Some(path) = kept {
            say(&format!("wrote {}", path.display()));
        }
        Ok(self.ended)
    }
}

/// Gives a frame to the audit, and its time to its interface.
fn judge(
    audit: &mut Audit,
    times: &mut [(Option<TimeNs>, Option<TimeNs>)],
    frame: &crate::packet::frame::Frame<'_>,
) {
    audit.push(frame);
    if let Some((first, last)) = times.get_mut(usize::from(frame.place.capture())) {
        *first = Some(first.map_or(frame.time_ns, |first| first.min(frame.time_ns)));
        *last = Some(last.map_or(frame.time_ns, |last| last.max(frame.time_ns)));
    }
}

/// Frames, bytes, and what was lost in the kernel, by the interface and in the queue.
fn based(counts: &Counts) -> [u64; 5] {
    let [frames, bytes, kernel, interface, queue, _] = totals(counts);
    [frames, bytes, kernel, interface, queue]
}

fn totals(counts: &Counts) -> [u64; 6] {
    let at = |place: &AtomicU64| place.load(Ordering::Relaxed);
    [
        at(&counts.frames),
        at(&counts.bytes),
        at(&counts.lost_kernel),
        at(&counts.lost_interface),
        at(&counts.lost_queue),
        at(&counts.gone),
    ]
}

/// When a file was last written and how long it is; `None` where it is not there.
fn stamp(path: &PathBuf) -> Option<(SystemTime, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}
