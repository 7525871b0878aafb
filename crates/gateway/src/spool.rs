//! `Spool`: events on their way to Trailwatch, on disk: written in groups that share one fsync, read file by file, removed once delivered.
//!
//! # Format, version 1
//! A folder of files `0000000001.spool`, `0000000002.spool`, …; a file is only appended to, by one process. Integers are little-endian.
//!
//! | part | content |
//! | --- | --- |
//! | beginning | `TWGWSP01` |
//! | frames, each: length | u32: bytes of the text, at most 4 MiB |
//! | checksum | u32: CRC-32 (IEEE) of kind, id and text |
//! | kind | u8: 1 intent, 2 call |
//! | id | 16 bytes: UUID of the event |
//! | text | the event: a CloudTrail record, one line of JSON, UTF-8 |
//!
//! An *intent* is the event of a call that is about to go to the backend, as it is should nothing more become known; a *call* is the
//! event of a call that has ended. Of one id an intent, if there is one, comes first. A file may end torn: what is behind its last whole
//! frame was never acknowledged.
//!
//! # Rules
//! - What `append` acknowledged as durable survives kill -9 and power loss.
//! - A file is removed only when every call in it has been delivered, each intent in it has its call delivered or was written again in
//!   a later file, and all earlier files are gone. So an intent without a call in the files that are left has no call anywhere:
//!   `open` then makes the intent's text the event.
//! - A power failure may bring removed files back, each alone. Their events are delivered a second time, or once more as intents; who
//!   takes them passes over ids that are there.
//! - A call that has an intent and cannot be written is kept in memory and written as soon as that is possible.

mod frame;
#[cfg(test)]
mod tests;
mod writer;

pub use frame::{Frame, Kind};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use store::Disk;
use tokio::sync::oneshot;

/// Where the spool is, and how large it gets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its folder, which must exist.
    pub dir: PathBuf,
    /// Bytes of all files from which on no intent is taken, and no call without one.
    pub bytes_max: u64,
    /// Bytes of one file, about.
    pub file_bytes: u64,
}

/// Why something was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritten {
    /// The spool has all the bytes that it may have.
    #[error("the spool is full")]
    Full,
    /// The disk failed.
    #[error("the spool cannot be written: {0}")]
    Disk(String),
}

/// Counts for `/health` and the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes of all files.
    pub bytes: u64,
    /// Calls that were taken and not delivered yet.
    pub undelivered: u64,
    /// Calls that could not be written: they have no event.
    pub lost: u64,
}

/// The way into the spool; clones share it. The thread that writes ends when the last clone is gone.
#[derive(Debug, Clone)]
pub struct Spool {
    orders: mpsc::Sender<Order>,
    shared: Arc<Shared>,
}

/// What the writer is told.
#[derive(Debug)]
enum Order {
    Append {
        frame: Frame,
        durable: Option<oneshot::Sender<Result<(), Unwritten>>>,
    },
    /// Ends the current file, so that it can be read.
    Seal {
        done: mpsc::Sender<()>,
    },
    /// Ends the thread that writes, too.
    Close {
        done: mpsc::Sender<()>,
    },
    /// Writes intents again whose calls have not come; answers the file that they, or their calls, are in.
    Carry {
        intents: Vec<Frame>,
        done: mpsc::Sender<io::Result<u64>>,
    },
}

#[derive(Debug)]
struct Shared {
    disk: Arc<dyn Disk>,
    settings: Settings,
    /// Bytes of each file that is not appended to any more, by number.
    sealed: Mutex<BTreeMap<u64, u64>>,
    bytes: AtomicU64,
    undelivered: AtomicU64,
    lost: AtomicU64,
}

impl Shared {
    fn sealed(&self) -> MutexGuard<'_, BTreeMap<u64, u64>> {
        self.sealed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many calls wait no longer.
    fn settled(&self, calls: u64) {
        let left = |undelivered: u64| Some(undelivered.saturating_sub(calls));
        let _ = self.undelivered.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
    }

    /// A call's event is not written.
    fn lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        self.settled(1);
    }

    fn path(&self, number: u64) -> PathBuf {
        path(&self.settings.dir, number)
    }
}

fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:010}.spool"))
}

impl Spool {
    /// Opens the folder and starts the thread that writes. Calls that the last process left open become events as their intents are.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn open(settings: Settings, disk: Arc<dyn Disk>) -> io::Result<Self> {
        let mut numbers: Vec<u64> = disk.list(&settings.dir)?.iter().filter_map(|name| number_of(name)).collect();
        numbers.sort_unstable();
        let (mut sealed, mut open, mut calls) = (BTreeMap::new(), HashMap::new(), 0_u64);
        for &number in &numbers {
            let bytes = disk.read(&path(&settings.dir, number))?;
            sealed.insert(number, bytes.len() as u64);
            let (frames, behind) = frame::read(&bytes);
            if behind > 0 {
                tracing::info!(
                    file = number,
                    bytes = behind,
                    "spool file ends torn: what is behind was never acknowledged"
                );
            }
            for frame in frames {
                match frame.kind {
                    Kind::Intent => _ = open.insert(frame.id, frame),
                    Kind::Call => {
                        calls += 1;
                        open.remove(&frame.id);
                    }
                }
            }
        }
        let mut interrupted: Vec<Frame> =
            open.into_values().map(|intent| Frame { kind: Kind::Call, ..intent }).collect();
        interrupted.sort_by_key(|frame| frame.id);
        if !interrupted.is_empty() {
            tracing::info!(calls = interrupted.len(), "calls were under way when the gateway ended");
        }
        let shared = Arc::new(Shared {
            disk,
            bytes: AtomicU64::new(sealed.values().sum()),
            sealed: Mutex::new(sealed),
            settings,
            undelivered: AtomicU64::new(calls.saturating_add(interrupted.len() as u64)),
            lost: AtomicU64::new(0),
        });
        let next = numbers.last().map_or(1, |last| last.saturating_add(1));
        let (orders, taken) = mpsc::channel();
        let writer = writer::Writer::new(Arc::clone(&shared), next, interrupted);
        std::thread::Builder::new().name("spool".into()).spawn(move || writer.run(&taken))?;
        Ok(Self { orders, shared })
    }

    /// Hands a frame over; what is answered resolves when it is durable. A caller that need not know drops it, or asks [`Spool::note`].
    pub fn append(&self, frame: Frame) -> oneshot::Receiver<Result<(), Unwritten>> {
        let (durable, told) = oneshot::channel();
        self.order(Order::Append { frame, durable: Some(durable) });
        told
    }

    /// Hands a frame over that is written soon and durable a little later; when it cannot be written it is counted as lost.
    pub fn note(&self, frame: Frame) {
        self.order(Order::Append { frame, durable: None });
    }

    /// Ends the current file, if it has anything, so that [`Spool::sealed`] lists it. Blocks while the disk does.
    pub fn seal(&self) {
        let (done, told) = mpsc::channel();
        self.order(Order::Seal { done });
        let _ = told.recv();
    }

    /// Writes intents again whose calls have not come. Answers the number of the file that they, or their calls, are in. Blocks.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn carry(&self, intents: Vec<Frame>) -> io::Result<u64> {
        let (done, told) = mpsc::channel();
        self.order(Order::Carry { intents, done });
        told.recv().unwrap_or_else(|_| Err(io::Error::other("the writer of the spool has ended")))
    }

    /// Writes what it can and ends: what is handed over from now on is not written. Blocks.
    pub fn close(&self) {
        let (done, told) = mpsc::channel();
        self.order(Order::Close { done });
        let _ = told.recv();
    }

    fn order(&self, order: Order) {
        // Counted before it is written, so that nobody who asks after a call's end finds nothing undelivered.
        if let Order::Append { frame: Frame { kind: Kind::Call, .. }, .. } = &order {
            self.shared.undelivered.fetch_add(1, Ordering::Relaxed);
        }
        // After `close` nobody takes it, and whoever waits for it learns so.
        if self.orders.send(order).is_err() {
            tracing::debug!("the writer of the spool has ended");
        }
    }

    /// Numbers of the files that are not appended to any more, in order.
    pub fn sealed(&self) -> Vec<u64> {
        self.shared.sealed().keys().copied().collect()
    }

    /// The frames of a sealed file. Blocks.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, number: u64) -> io::Result<Vec<Frame>> {
        Ok(frame::read(&self.shared.disk.read(&self.shared.path(number))?).0)
    }

    /// Removes a sealed file. Blocks.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, number: u64) -> io::Result<()> {
        match self.shared.disk.remove(&self.shared.path(number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        if let Some(bytes) = self.shared.sealed().remove(&number) {
            self.shared.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Notes that so many calls were delivered.
    pub fn delivered(&self, calls: u64) {
        self.shared.settled(calls);
    }

    /// How things stand.
    pub fn counts(&self) -> Counts {
        Counts {
            bytes: self.shared.bytes.load(Ordering::Relaxed),
            undelivered: self.shared.undelivered.load(Ordering::Relaxed),
            lost: self.shared.lost.load(Ordering::Relaxed),
        }
    }
}

fn number_of(name: &str) -> Option<u64> {
    name.strip_suffix(".spool").filter(|digits| digits.len() == 10)?.parse().ok()
}
