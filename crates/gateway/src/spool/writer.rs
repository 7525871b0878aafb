//! The thread that writes the spool: takes what has come since the last fsync, writes it at once, syncs once, answers all.

use super::frame::{self, Frame, Kind, MAGIC};
use super::{Order, Shared, Unwritten};
use std::collections::{HashSet, VecDeque};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use store::DiskFile;
use tokio::sync::oneshot;
use uuid::Uuid;

/// Most bytes that are written before a sync.
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most calls that wait in memory for a disk that fails; further ones are lost. More than there are calls at once.
pub(super) const OWED_MAX: usize = 16 * 1024;

pub(super) struct Writer {
    shared: Arc<Shared>,
    /// Number of the file that is written next.
    next: u64,
    file: Option<Open>,
    /// Calls under way: their intents are durable.
    live: HashSet<Uuid>,
    /// Calls that could not be written yet.
    owed: VecDeque<Frame>,
    /// Why the last sync failed; nothing is written until the next seal.
    broken: Option<String>,
}

struct Open {
    number: u64,
    file: Box<dyn DiskFile>,
    bytes: u64,
}

/// What goes to the disk at once.
#[derive(Default)]
struct Group {
    bytes: Vec<u8>,
    frames: Vec<Pending>,
    wants_sync: bool,
}

struct Pending {
    frame: Frame,
    /// It is kept when it cannot be written now.
    is_due: bool,
    durable: Option<oneshot::Sender<Result<(), Unwritten>>>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, next: u64, interrupted: Vec<Frame>) -> Self {
        // Until their events are written, their intents must not go.
        let live = interrupted.iter().map(|frame| frame.id).collect();
        Self { shared, next, file: None, live, owed: interrupted.into(), broken: None }
    }

    pub(super) fn run(mut self, orders: &mpsc::Receiver<Order>) {
        let mut waiting = None;
        loop {
            let order = match waiting.take() {
                Some(order) => order,
                None => match orders.recv() {
                    Ok(order) => order,
                    Err(mpsc::RecvError) => break,
                },
            };
            match order {
                Order::Append { frame, durable } => {
                    let mut group = self.owed();
                    self.add(&mut group, frame, durable);
                    waiting = self.gather(&mut group, orders);
                    self.commit(group);
                }
                Order::Seal { done } => {
                    self.finish();
                    let _ = done.send(());
                }
                Order::Close { done } => {
                    self.finish();
                    let _ = done.send(());
                    return;
                }
                Order::Carry { intents, done } => {
                    let _ = done.send(self.carry(intents));
                }
            }
        }
        self.finish();
    }

    /// Writes what is owed, and ends the file.
    fn finish(&mut self) {
        self.broken = None;
        let group = self.owed();
        self.commit(group);
        self.seal();
    }

    /// Adds what else has come; the first order of another kind waits.
    fn gather(&mut self, group: &mut Group, orders: &mpsc::Receiver<Order>) -> Option<Order> {
        while group.bytes.len() < GROUP_BYTES_MAX {
            match orders.try_recv() {
                Ok(Order::Append { frame, durable }) => self.add(group, frame, durable),
                Ok(other) => return Some(other),
                Err(_) => return None,
            }
        }
        None
    }

    /// A group with what is owed: it goes first.
    fn owed(&mut self) -> Group {
        let mut group = Group::default();
        for frame in self.owed.drain(..) {
            if frame::put(&frame, &mut group.bytes) {
                group.frames.push(Pending { frame, is_due: true, durable: None });
                group.wants_sync = true;
            }
        }
        group
    }

    fn add(&mut self, group: &mut Group, frame: Frame, durable: Option<oneshot::Sender<Result<(), Unwritten>>>) {
        let has_intent = frame.kind == Kind::Call && self.live.contains(&frame.id);
        let bytes = self.shared.bytes.load(Ordering::Relaxed).saturating_add(group.bytes.len() as u64);
        let refused = if bytes >= self.shared.settings.bytes_max && !has_intent {
            Some(Unwritten::Full)
        } else if !frame::put(&frame, &mut group.bytes) {
            Some(Unwritten::Disk("the event is too long".into()))
        } else {
            None
        };
        if let Some(why) = refused {
            if frame.kind == Kind::Call {
                self.shared.lost();
                self.live.remove(&frame.id);
            }
            if let Some(durable) = durable {
                let _ = durable.send(Err(why));
            }
            return;
        }
        group.wants_sync |= durable.is_some();
        let is_due = frame.kind == Kind::Call && (has_intent || durable.is_some());
        group.frames.push(Pending { frame, is_due, durable });
    }

    fn commit(&mut self, group: Group) {
        if group.frames.is_empty() {
            return;
        }
        let failed = self.write(&group.bytes, group.wants_sync).err().map(|error| Unwritten::Disk(error.to_string()));
        for Pending { frame, is_due, durable } in group.frames {
            self.settle(frame, is_due, failed.is_some());
            if let Some(durable) = durable {
                let _ = durable.send(failed.clone().map_or(Ok(()), Err));
            }
        }
    }

    /// Notes what became of a frame.
    fn settle(&mut self, frame: Frame, is_due: bool, failed: bool) {
        match (frame.kind, failed) {
            (Kind::Intent, false) => _ = self.live.insert(frame.id),
            (Kind::Intent, true) => {}
            (Kind::Call, false) => _ = self.live.remove(&frame.id),
            // Of calls that a backend has seen all are kept, and there are no more than calls at once; of refused ones, some.
            (Kind::Call, true) if self.live.contains(&frame.id) || is_due && self.owed.len() < OWED_MAX => {
                self.owed.push_back(frame);
            }
            (Kind::Call, true) => {
                self.live.remove(&frame.id);
                self.shared.lost();
            }
        }
    }

    /// Appends bytes: all of them, or none that count.
    fn write(&mut self, bytes: &[u8], sync: bool) -> io::Result<()> {
        if let Some(why) = &self.broken {
            return Err(io::Error::other(why.clone()));
        }
        let mut open = match self.file.take() {
            Some(open) => open,
            None => self.create()?,
        };
        if let Err(error) = open.file.write(open.bytes, bytes) {
            // A full disk may have taken a part. Where that cannot be taken back, nothing more goes behind it.
            let path = self.shared.path(open.number);
            if self.shared.disk.truncate(&path, open.bytes).is_ok() {
                self.file = Some(open);
            } else {
                self.end(open);
            }
            return Err(error);
        }
        open.bytes = open.bytes.saturating_add(bytes.len() as u64);
        self.shared.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if sync && let Err(error) = open.file.sync() {
            // What the kernel still has of the file is not known.
            self.broken = Some(error.to_string());
            self.end(open);
            return Err(error);
        }
        let is_full = open.bytes >= self.shared.settings.file_bytes;
        self.file = Some(open);
        if is_full {
            self.seal();
        }
        Ok(())
    }

    fn create(&mut self) -> io::Result<Open> {
        let number = self.next;
        // A file that could not be made may be there all the same: its number is not used again.
        self.next = self.next.saturating_add(1);
        let path = self.shared.path(number);
        let mut file = self.shared.disk.create(&path)?;
        if let Err(error) = file.write(0, MAGIC) {
            let _ = self.shared.disk.remove(&path);
            return Err(error);
        }
        let bytes = MAGIC.len() as u64;
        self.shared.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(Open { number, file, bytes })
    }

    /// Ends the current file, durable.
    fn seal(&mut self) {
        let Some(mut open) = self.file.take() else { return };
        if let Err(error) = open.file.sync() {
            // What was acknowledged as durable was synced before; the rest was only noted.
            tracing::debug!(%error, "sync the spool");
        }
        self.end(open);
    }

    fn end(&self, open: Open) {
        self.shared.sealed().insert(open.number, open.bytes);
    }

    fn carry(&mut self, mut intents: Vec<Frame>) -> io::Result<u64> {
        intents.retain(|intent| self.live.contains(&intent.id));
        let mut bytes = Vec::new();
        for intent in &intents {
            frame::put(intent, &mut bytes);
        }
        // The calls of the others are in this file, or in one before it that has not been read yet.
        let number = self.file.as_ref().map_or(self.next, |open| open.number);
        if !bytes.is_empty() {
            self.write(&bytes, true)?;
        }
        Ok(number)
    }
}
