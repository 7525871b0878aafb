//! How far a query has come, when it must have ended, and where its events are.

use super::ScanError;
use crate::insights::worker::Worker;
use crate::insights::{Answer, Plan};
use model::clock::Clock;
use model::{GroupId, Timestamp};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where an event is: what `@ptr` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pointer {
    /// Its group.
    pub group: GroupId,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Its number in order of acceptance.
    pub sequence: u64,
}

impl Pointer {
    /// Its text; it means nothing to clients. Texts of events of the same instant are in the order of acceptance.
    pub fn encode(&self) -> String {
        format!("{:016x}{:016x}{:016x}", self.timestamp.0, self.sequence, self.group.0)
    }

    /// What a text stands for.
    pub fn decode(text: &str) -> Option<Self> {
        let is_hex = text.len() == 48 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = |at: usize| u64::from_str_radix(text.get(at..at + 16)?, 16).ok();
        let (timestamp, sequence, group) = (number(0)? as i64, number(16)?, number(32)?);
        is_hex.then_some(Self { group: GroupId(group), timestamp: Timestamp(timestamp), sequence })
    }
}

/// When a query must have ended.
#[derive(Clone)]
pub struct Deadline {
    /// The time.
    pub at: Timestamp,
    /// What tells it.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Deadline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Deadline").field(&self.at).finish()
    }
}

/// Most bytes that workers may hold for what they have so far to be shown: they wait while it is copied.
const PARTIAL_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How far a query has come; shared with those who ask.
#[derive(Debug, Default)]
pub struct Progress {
    cancelled: AtomicBool,
    deadline: Mutex<Option<Deadline>>,
    pub(super) rows: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) skipped: AtomicU64,
    /// Matches of workers that have ended.
    pub(super) matched: AtomicU64,
    pub(super) workers: Mutex<Vec<Arc<Slot>>>,
}

/// A worker, until its query has ended.
pub(super) type Slot = Mutex<Option<Worker>>;

/// Asks a worker that has not ended.
pub(super) fn worker_of<T: Default>(slot: &Slot, ask: impl FnOnce(&Worker) -> T) -> T {
    lock(slot).as_ref().map(ask).unwrap_or_default()
}

/// What a query has looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// Events.
    pub rows: u64,
    /// Their bytes, with overhead as AWS counts it; of events whose text was not read, as many as their group has on average.
    pub bytes: u64,
    /// Events in row groups that an index ruled out.
    pub skipped: u64,
    /// Events that passed the filters.
    pub matched: u64,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Progress {
    /// Tells the query to end.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// What it reads from here on must be read until then.
    pub fn set_deadline(&self, deadline: Option<Deadline>) {
        *lock(&self.deadline) = deadline;
    }

    /// Fails when it was told to end, or its time is over.
    pub(super) fn check(&self) -> Result<(), ScanError> {
        if self.is_cancelled() {
            return Err(ScanError::Cancelled);
        }
        let deadline = lock(&self.deadline).clone();
        match deadline.is_some_and(|deadline| deadline.clock.now() > deadline.at) {
            true => Err(ScanError::TimedOut),
            false => Ok(()),
        }
    }

    /// True once it was told to end.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// What was looked at so far. Waits for the parts in work.
    pub fn looked(&self) -> Looked {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let running: u64 = lock(&self.workers).iter().map(|worker| worker_of(worker, Worker::matched)).sum();
        let matched = load(&self.matched) + running;
        Looked { rows: load(&self.rows), bytes: load(&self.bytes), skipped: load(&self.skipped), matched }
    }

    /// What the answer would be if nothing more came; none while so much is held that copies of it would hold up the query. Waits
    /// for the parts in work.
    pub fn partial(&self, plan: &Plan) -> Option<Answer> {
        if plan.memory() > PARTIAL_BYTES_MAX {
            return None;
        }
        let workers: Vec<Arc<Slot>> = lock(&self.workers).clone();
        let held: Vec<MutexGuard<'_, Option<Worker>>> = workers.iter().map(|worker| lock(worker)).collect();
        let copies = held.iter().filter_map(|worker| worker.as_ref()).map(Worker::snapshot).collect();
        drop(held);
        plan.finish(copies).ok()
    }
}
