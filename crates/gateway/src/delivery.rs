//! `Delivery`: takes sealed spool files, hands their events to Trailwatch until it has them, and removes the files.
//!
//! Trailwatch passes over events that it has (same id), so handing over at least once stores exactly once.

use crate::metrics::Metrics;
use crate::spool::{Frame, Kind, Spool};
use model::Clock;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use uuid::Uuid;

/// Most events, and bytes of events, handed over at once.
const BATCH_EVENTS_MAX: usize = 2_000;
const BATCH_BYTES_MAX: usize = 3 * 1024 * 1024;
/// How often is looked for what is new, and tried again at first and at most.
const INTERVAL: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How long files wait for the end of a call before its intent is written again in a newer file, milliseconds.
const CARRY_AFTER_MS: i64 = 60_000;

/// Where events and metrics go. Calls block.
pub trait Destination: Send + 'static {
    /// Stores CloudTrail records, each a line of JSON, durably; those whose ids are there are passed over. Answers why records were
    /// refused for good.
    ///
    /// # Errors
    /// When it is not known that all are stored; they are handed over again.
    fn store(&self, records: &[String]) -> Result<Vec<String>, String>;

    /// Calls PutMetricData with `input`.
    ///
    /// # Errors
    /// When it did not take it.
    fn put_metrics(&self, input: &Value) -> Result<(), String>;
}

/// Counts of deliveries.
#[derive(Debug, Default)]
pub struct Deliveries {
    /// Records that Trailwatch refused for good.
    pub refused: AtomicU64,
    /// Attempts that failed since the last one that did not.
    pub failures: AtomicU64,
}

/// The loop that delivers; on a thread of its own.
pub struct Delivery<D> {
    spool: Spool,
    metrics: Arc<Metrics>,
    destination: D,
    clock: Arc<dyn Clock>,
    counts: Arc<Deliveries>,
    /// Sealed files that were delivered and are kept for intents in them, and when they were.
    held: BTreeMap<u64, i64>,
    /// Calls under way, and the file that their intents are in.
    open: HashMap<Uuid, u64>,
}

impl<D: Destination> Delivery<D> {
    /// From `spool` and `metrics` to `destination`.
    pub fn new(
        spool: Spool,
        metrics: Arc<Metrics>,
        destination: D,
        clock: Arc<dyn Clock>,
        counts: Arc<Deliveries>,
    ) -> Self {
        Self { spool, metrics, destination, clock, counts, held: BTreeMap::new(), open: HashMap::new() }
    }

    /// Delivers until the other end of `stopped` is gone, and then once more.
    pub fn run(mut self, stopped: &mpsc::Receiver<()>) {
        let mut pause = INTERVAL;
        loop {
            let is_last = stopped.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Disconnected);
            if is_last {
                self.metrics.close();
            }
            match self.pass() {
                Ok(()) => {
                    if self.counts.failures.swap(0, Ordering::Relaxed) > 0 {
                        tracing::info!("events are delivered again");
                    }
                    pause = INTERVAL;
                }
                Err(error) => {
                    if self.counts.failures.fetch_add(1, Ordering::Relaxed) == 0 {
                        tracing::warn!(error, "deliver events; they wait in the spool");
                    }
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
            if is_last {
                return;
            }
        }
    }

    /// Delivers what there is.
    ///
    /// # Errors
    /// When something is left that could not be delivered.
    pub fn pass(&mut self) -> Result<(), String> {
        self.spool.seal();
        for number in self.spool.sealed() {
            if !self.held.contains_key(&number) {
                self.deliver(number)?;
            }
        }
        self.carry()?;
        self.remove()?;
        while let Some(input) = self.metrics.due(self.clock.now()) {
            self.destination.put_metrics(&input)?;
            self.metrics.delivered();
        }
        Ok(())
    }

    fn deliver(&mut self, number: u64) -> Result<(), String> {
        let frames = self.spool.read(number).map_err(|error| format!("read file {number} of the spool: {error}"))?;
        let calls = frames.iter().filter(|frame| frame.kind == Kind::Call).count() as u64;
        let mut known = Vec::with_capacity(frames.len());
        let mut records = Vec::new();
        for Frame { kind, id, text } in frames {
            known.push((kind, id));
            if kind == Kind::Call {
                records.push(text);
            }
        }
        self.store(&records)?;
        for (kind, id) in known {
            match kind {
                Kind::Intent => _ = self.open.insert(id, number),
                Kind::Call => _ = self.open.remove(&id),
            }
        }
        self.spool.delivered(calls);
        self.held.insert(number, self.clock.now().0);
        Ok(())
    }

    fn store(&self, mut records: &[String]) -> Result<(), String> {
        while !records.is_empty() {
            let mut bytes = 0_usize;
            let fits = |record: &&String| {
                bytes = bytes.saturating_add(record.len());
                bytes <= BATCH_BYTES_MAX
            };
            let count = records.iter().take(BATCH_EVENTS_MAX).take_while(fits).count().max(1);
            let (batch, rest) = records.split_at(count);
            let refused = self.destination.store(batch)?;
            if let Some(reason) = refused.first() {
                tracing::error!(count = refused.len(), reason, "the server refused events");
                self.counts.refused.fetch_add(refused.len() as u64, Ordering::Relaxed);
            }
            records = rest;
        }
        Ok(())
    }

    /// Writes intents of long calls again, so that files before go.
    fn carry(&mut self) -> Result<(), String> {
        let before = self.clock.now().0.saturating_sub(CARRY_AFTER_MS);
        let old: Vec<u64> = self.held.iter().filter(|(_, read)| **read <= before).map(|(number, _)| *number).collect();
        for number in old {
            if !self.open.values().any(|file| *file == number) {
                continue;
            }
            let mut intents =
                self.spool.read(number).map_err(|error| format!("read file {number} of the spool: {error}"))?;
            intents.retain(|frame| frame.kind == Kind::Intent && self.open.get(&frame.id) == Some(&number));
            let ids: Vec<Uuid> = intents.iter().map(|intent| intent.id).collect();
            let carried = self.spool.carry(intents).map_err(|error| format!("write intents again: {error}"))?;
            for id in ids {
                self.open.insert(id, carried);
            }
        }
        Ok(())
    }

    /// Removes files before the first with an intent of a call under way.
    fn remove(&mut self) -> Result<(), String> {
        let first_kept = self.open.values().min().copied().unwrap_or(u64::MAX);
        while let Some(entry) = self.held.first_entry()
            && *entry.key() < first_kept
        {
            let number = *entry.key();
            self.spool.remove(number).map_err(|error| format!("remove file {number} of the spool: {error}"))?;
            entry.remove();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
