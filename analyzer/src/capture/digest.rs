//! SHA-256 of the captures as they lie on disk, on a thread beside the reading.

use crate::capture::batch::CHUNK_BYTES;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Files that may wait to be digested, each an open descriptor: the reading waits beyond that.
const QUEUE: usize = 8;

/// Digests by the number of their capture.
type Digests = Arc<Mutex<BTreeMap<u16, String>>>;

/// The thread and its queue.
#[derive(Debug)]
pub(crate) struct Digester {
    queue: Option<SyncSender<(u16, File)>>,
    done: Digests,
    leave: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Digester {
    pub fn start() -> std::io::Result<Self> {
        let (queue, files) = sync_channel(QUEUE);
        let (done, leave) = (Digests::default(), Arc::new(AtomicBool::new(false)));
        let (into, stop) = (Arc::clone(&done), Arc::clone(&leave));
        let thread = std::thread::Builder::new()
            .name("digest".to_owned())
            .spawn(move || digest_all(&files, &into, &stop))?;
        Ok(Self { queue: Some(queue), done, leave, thread: Some(thread) })
    }

    /// Digests all of a file, whatever its descriptor's position.
    pub fn add(&self, capture: u16, file: File) {
        if let Some(queue) = &self.queue {
            // The thread only ends once the queue is gone.
            let _ = queue.send((capture, file));
        }
    }

    /// Waits for what was given.
    pub fn finish(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A thread that broke off leaves its digests out.
            let _ = thread.join();
        }
    }

    pub fn of(&self, capture: u16) -> Option<String> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).get(&capture).cloned()
    }
}

impl Drop for Digester {
    fn drop(&mut self) {
        self.leave.store(true, Ordering::Relaxed);
    }
}

fn digest_all(files: &Receiver<(u16, File)>, done: &Digests, leave: &AtomicBool) {
    let mut buffer = vec![0; CHUNK_BYTES];
    for (capture, file) in files {
        let (mut digest, mut at) = (Sha256::new(), 0u64);
        loop {
            if leave.load(Ordering::Relaxed) {
                return;
            }
            match file.read_at(&mut buffer, at) {
                Ok(0) => {
                    done.lock().unwrap_or_else(PoisonError::into_inner).insert(capture, hex(digest));
                    break;
                }
                Ok(count) => {
                    digest.update(buffer.get(..count).unwrap_or_default());
                    at += count as u64;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
    }
}

/// The digest in lower-case hex.
pub(crate) fn hex(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
