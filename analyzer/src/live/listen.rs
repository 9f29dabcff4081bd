//! Capture threads: one for each interface, which only copy frames and hand them on.
//!
//! An interface that goes is opened again when it is back. What finds the queue full is counted as lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use crate::capture::batch::Batch;
use crate::capture::interface::{Heard, Interface, Options};
use crate::live::say::say;
use crate::net::TimeNs;

/// Batches that wait for the judge, all interfaces together. A batch is at most a quarter of a megabyte.
pub const QUEUED_BATCHES: usize = 128;

/// A full queue is waited for this long, while the kernel's ring takes what comes; then the batch is lost.
const PUSH_BACK: Duration = Duration::from_millis(200);

/// How often an interface that went is looked for.
const RETRY: Duration = Duration::from_millis(250);

/// Ring blocks are handed over late by up to two wake-ups: a silent ring proves nothing younger.
const SILENCE_WAKES: u64 = 3;

/// How long a thread sleeps that found its ring empty: a hundred wake-ups a second, and the ring takes
/// half a second of 1 Gbit/s.
const NAP: Duration = Duration::from_millis(10);

/// How often the kernel is asked what it lost.
const STATS_EVERY: Duration = Duration::from_millis(500);

/// What one interface came to, for all to read.
#[derive(Debug, Default)]
pub struct Counts {
    pub frames: AtomicU64,
    pub bytes: AtomicU64,
    pub lost_kernel: AtomicU64,
    pub lost_interface: AtomicU64,
    pub lost_queue: AtomicU64,
    pub gone: AtomicU64,
    pub is_up: AtomicBool,
}

impl Counts {
    /// Frames lost at any place.
    pub fn lost(&self) -> u64 {
        let at = |place: &AtomicU64| place.load(Ordering::Relaxed);
        at(&self.lost_kernel) + at(&self.lost_interface) + at(&self.lost_queue)
    }
}

/// What a capture thread says.
#[derive(Debug)]
pub struct Delivery {
    pub interface: u16,
    pub batch: Option<Batch>,
    /// Nothing older than this is still to come from the interface.
    pub horizon_ns: TimeNs,
    pub sent: Instant,
}

/// One capture thread.
pub struct Ear {
    pub name: String,
    pub counts: Arc<Counts>,
    thread: JoinHandle<()>,
}

impl Ear {
    /// Waits for the thread, which was told to stop.
    pub fn join(self) {
        if self.thread.join().is_err() {
            say(&format!("interface {}: the capture thread ended early; please report this", self.name));
        }
    }
}

/// Nanoseconds since 1970, by the system's clock.
pub fn now_ns() -> TimeNs {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// Starts the thread of an interface that is open. `confine` is done first on the thread.
///
/// # Errors
/// That the system gives no thread.
pub fn start(
    interface: Interface,
    number: u16,
    options: Options,
    queue: Sender<Delivery>,
    stop: Arc<AtomicBool>,
) -> std::io::Result<Ear> {
    let name = interface.name().to_owned();
    let counts = Arc::new(Counts::default());
    let thread = std::thread::Builder::new().name(format!("capture-{number}")).spawn({
        let counts = Arc::clone(&counts);
        move || Listener { number, options, queue, stop, counts }.run(interface)
    })?;
    Ok(Ear { name, counts, thread })
}

struct Listener {
    number: u16,
    options: Options,
    queue: Sender<Delivery>,
    stop: Arc<AtomicBool>,
    counts: Arc<Counts>,
}

impl Listener {
    fn run(self, interface: Interface) {
        let name = interface.name().to_owned();
        let mut open = Some(interface);
        while let Some(mut interface) = open.take() {
            self.counts.is_up.store(true, Ordering::Relaxed);
            let why = self.hear(&mut interface);
            self.account(&mut interface);
            self.counts.is_up.store(false, Ordering::Relaxed);
            let Some(why) = why else { return };
            self.counts.gone.fetch_add(1, Ordering::Relaxed);
            say(&format!("interface {name}: gone ({}); waiting for it", why.escape_debug()));
            let frames = interface.frames();
            drop(interface);
            open = self.reopen(&name, frames);
            if open.is_some() {
                say(&format!("interface {name}: back"));
            }
        }
    }

    /// Listens until told to stop (`None`) or the interface is gone (why).
    fn hear(&self, interface: &mut Interface) -> Option<String> {
        let mut asked = Instant::now();
        let silence_ns = SILENCE_WAKES * u64::from(self.options.wake_ms.max(1)) * 1_000_000;
        loop {
            if self.stop.load(Ordering::Acquire) {
                self.drain(interface);
                return None;
            }
            let before_ns = now_ns();
            match interface.listen() {
                Heard::Frames(batch) => {
                    let last_ns =
                        batch.len().checked_sub(1).and_then(|last| batch.get(last)).map(|last| last.time_ns);
                    self.hand_on(Some(batch), last_ns.unwrap_or(0));
                }
                Heard::Nothing => {
                    self.hand_on(None, before_ns.saturating_sub(silence_ns));
                    std::thread::sleep(NAP);
                }
                Heard::Gone(why) => return Some(why),
            }
            if asked.elapsed() >= STATS_EVERY {
                asked = Instant::now();
                self.account(interface);
            }
        }
    }

    /// What lay in the ring when it was time to stop is judged too; a flood does not keep us.
    fn drain(&self, interface: &mut Interface) {
        let until_ns = now_ns();
        let (since, patience) = (Instant::now(), Duration::from_secs(2));
        let mut silent = 0;
        while silent < SILENCE_WAKES && since.elapsed() < patience {
            match interface.listen() {
                Heard::Frames(batch) => {
                    let is_past = batch.get(0).is_some_and(|first| first.time_ns > until_ns);
                    self.hand_on(Some(batch), until_ns);
                    if is_past {
                        return;
                    }
                }
                Heard::Nothing => {
                    silent += 1;
                    std::thread::sleep(Duration::from_millis(u64::from(self.options.wake_ms)));
                }
                Heard::Gone(_) => return,
            }
        }
    }

    fn hand_on(&self, batch: Option<Batch>, horizon_ns: TimeNs) {
        let (frames, bytes) = batch.as_ref().map_or((0, 0), |batch| {
            (batch.len() as u64, batch.frames().map(|frame| u64::from(frame.wire_bytes)).sum())
        });
        self.counts.frames.fetch_add(frames, Ordering::Relaxed);
        self.counts.bytes.fetch_add(bytes, Ordering::Relaxed);
        let mut delivery = Delivery { interface: self.number, batch, horizon_ns, sent: Instant::now() };
        let since = Instant::now();
        loop {
            match self.queue.try_send(delivery) {
                Ok(()) | Err(TrySendError::Closed(_)) => return,
                Err(TrySendError::Full(back)) if back.batch.is_some() && since.elapsed() < PUSH_BACK => {
                    delivery = back;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(TrySendError::Full(_)) => {
                    self.counts.lost_queue.fetch_add(frames, Ordering::Relaxed);
                    return;
                }
            }
        }
    }

    fn account(&self, interface: &mut Interface) {
        if let Some(losses) = interface.losses() {
            self.counts.lost_kernel.fetch_add(losses.kernel, Ordering::Relaxed);
            self.counts.lost_interface.fetch_add(losses.interface, Ordering::Relaxed);
        }
    }

    fn reopen(&self, name: &str, frames: u64) -> Option<Interface> {
        while !self.stop.load(Ordering::Acquire) {
            std::thread::sleep(RETRY);
            if let Ok(interface) = Interface::open(name, self.number, frames, &self.options) {
                return Some(interface);
            }
            self.hand_on(None, now_ns());
        }
        None
    }
}
