//! Lines out: to standard output or a rotated file, from a thread of their own, so that a slow reader delays no packet.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::live::say::{clear, say};

/// Lines that wait for a slow reader: some 4 MB. Later ones are counted as lost.
const QUEUED_LINES: usize = 4096;

/// Files kept beside the one that grows: `FILE.1` is the youngest.
pub const KEPT_FILES: u32 = 5;

/// A fault of the output is said at most this often.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// Where lines go.
#[derive(Clone, Debug)]
pub enum Sink {
    Stdout,
    /// A file that is renamed away when it has grown to so many bytes.
    File {
        path: PathBuf,
        max_bytes: u64,
    },
}

/// The sending end.
#[derive(Debug)]
pub struct Lines {
    queue: SyncSender<String>,
    thread: JoinHandle<()>,
    lost: Arc<AtomicU64>,
}

enum Out {
    Stdout,
    File { path: PathBuf, max_bytes: u64, file: File, bytes: u64 },
}

impl Lines {
    /// Opens the sink and starts its thread.
    ///
    /// # Errors
    /// One line: that the file could not be opened or the thread not be started.
    pub fn start(sink: Sink) -> Result<Self, String> {
        let mut out = match sink {
            Sink::Stdout => Out::Stdout,
            Sink::File { path, max_bytes } => {
                let (file, bytes) = open(&path).map_err(|error| {
                    format!("{}: expected a file for findings, found `{error}`", path.display())
                })?;
                Out::File { path, max_bytes, file, bytes }
            }
        };
        let (queue, lines) = sync_channel(QUEUED_LINES);
        let lost = Arc::new(AtomicU64::new(0));
        let thread = std::thread::Builder::new()
            .name("findings".to_owned())
            .spawn({
                let lost = Arc::clone(&lost);
                move || run(&lines, &mut out, &lost)
            })
            .map_err(|error| format!("expected to start a thread, found `{error}`"))?;
        Ok(Self { queue, thread, lost })
    }

    /// Sends a line; one that finds the queue full is lost and counted.
    pub fn send(&self, line: String) {
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.queue.try_send(line) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines that were not written.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Writes what waits and ends.
    pub fn finish(self) -> u64 {
        drop(self.queue);
        // A thread that panicked lost what it held; its lines were counted by nobody.
        if self.thread.join().is_err() {
            say("findings: the writing thread ended early; please report this");
        }
        self.lost.load(Ordering::Relaxed)
    }
}

fn run(lines: &Receiver<String>, out: &mut Out, lost: &AtomicU64) {
    let mut complained: Option<Instant> = None;
    for mut line in lines {
        line.push('\n');
        if let Err(error) = put(out, line.as_bytes()) {
            lost.fetch_add(1, Ordering::Relaxed);
            if complained.is_none_or(|since| since.elapsed() >= COMPLAIN_EVERY) {
                complained = Some(Instant::now());
                say(&format!("findings: expected to write a line, found `{error}`; lines are being lost"));
            }
        }
    }
}

fn put(out: &mut Out, line: &[u8]) -> std::io::Result<()> {
    match out {
        Out::Stdout => {
            clear();
            let mut stdout = std::io::stdout().lock();
            stdout.write_all(line)?;
            stdout.flush()
        }
        Out::File { path, max_bytes, file, bytes } => {
            if *bytes > 0 && *bytes + line.len() as u64 > *max_bytes {
                rotate(path);
                (*file, *bytes) = open(path)?;
            }
            if let Err(error) = file.write_all(line) {
                // A half of a line is no line: nothing of it stays.
                let _ = file.set_len(*bytes);
                return Err(error);
            }
            *bytes += line.len() as u64;
            Ok(())
        }
    }
}

fn open(path: &Path) -> std::io::Result<(File, u64)> {
    let file = OpenOptions::new().append(true).create(true).open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

fn rotate(path: &Path) {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    for number in (1..KEPT_FILES).rev() {
        // Not there yet, for the first few.
        let _ = std::fs::rename(numbered(number), numbered(number + 1));
    }
    let _ = std::fs::rename(path, numbered(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_rotated_and_no_line_is_torn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("findings");
        let lines = Lines::start(Sink::File { path: path.clone(), max_bytes: 10 }).unwrap();
        for number in 0..4 {
            lines.send(format!("line {number}"));
        }
        assert_eq!(lines.finish(), 0);
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!((read("findings"), read("findings.3")), ("line 3\n".to_owned(), "line 0\n".to_owned()));
    }
}
