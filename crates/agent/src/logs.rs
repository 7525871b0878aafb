//! `Logs`: everything that becomes log events, from files and journals to acknowledged batches, in passes that never wait.
//!
//! Memory is bounded: a stream holds one batch at most, all together `BUFFER_BYTES_MAX`; beyond that nothing is read, and the
//! files wait as they are. Positions are written after what they cover was acknowledged.

#[cfg(test)]
mod tests;

use crate::backoff::is_due;
use crate::delivery::{Delivery, Outside};
use crate::disk::Disk;
use crate::positions::{Delivered, Event, InFlight, Positions, StreamName};
use crate::tails::{FileRule, Scene, Tails};
use anyhow::Context;
use model::Timestamp;
use model::time::SECOND;
use std::collections::BTreeMap;

/// Most bytes of events that wait; one more read of a file (a megabyte) may come on top.
const BUFFER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How often globs are looked at.
const SCAN_MS: i64 = SECOND;

/// An entry of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Where it is; reading goes on after it.
    pub cursor: String,
    /// The event; an empty message is passed over.
    pub event: Event,
}

/// A journal that is followed.
pub trait Journal {
    /// The next entry that is there already.
    fn next(&mut self) -> Option<JournalEntry>;
}

/// How long things wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// A batch that is not full is sent when its first event is so old, milliseconds.
    pub batch_ms: i64,
    /// A record without an end is taken when its file has been silent so long, milliseconds.
    pub record_ms: i64,
}

/// See the module.
pub struct Logs {
    rules: Vec<FileRule>,
    times: Times,
    tails: Tails,
    positions: Positions,
    deliveries: BTreeMap<StreamName, Delivery>,
    journals: Vec<(StreamName, Box<dyn Journal>, Option<JournalEntry>)>,
    /// Cursors of batches in flight of a former run.
    cursors: BTreeMap<StreamName, String>,
    next_scan: Timestamp,
    /// True until the globs were looked at for the first time with an empty state.
    is_new: bool,
    unsaved: bool,
    /// State files of batches whose acknowledgement is not written yet.
    done: Vec<String>,
}

impl std::fmt::Debug for Logs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logs").field("tails", &self.tails).finish_non_exhaustive()
    }
}

impl Logs {
    /// Goes on where a former run ended.
    ///
    /// # Errors
    /// When its state cannot be read.
    pub fn open(disk: &dyn Disk, rules: Vec<FileRule>, times: Times, now: Timestamp) -> anyhow::Result<Self> {
        let mut positions = Positions::load(disk).context("the agent's state")?;
        let in_flight = positions.in_flight(disk).context("the agent's state")?;
        let is_new = positions.next_id == 0 && in_flight.is_empty();
        positions.next_id = positions.next_id.max(1);
        let tails = Tails::restore(Scene { disk, rules: &rules, now }, &mut positions, &in_flight);
        let streams = positions.streams.iter();
        let mut deliveries: BTreeMap<StreamName, Delivery> =
            streams.map(|(name, delivered)| (name.clone(), Delivery::new(name.clone(), delivered.clone()))).collect();
        let mut cursors = positions.cursors.clone();
        for batch in in_flight {
            cursors.extend(batch.cursors.clone());
            let name = batch.stream.clone();
            tracing::info!(stream = %name, events = batch.events.len(), "a batch of a former run may have been sent");
            deliveries
                .entry(name.clone())
                .or_insert_with(|| Delivery::new(name, Delivered::default()))
                .resume(batch, now);
        }
        Ok(Self {
            rules,
            times,
            tails,
            positions,
            deliveries,
            journals: Vec::new(),
            cursors,
            next_scan: now,
            is_new,
            unsaved: false,
            done: Vec::new(),
        })
    }

    /// After which entry a stream's journal is to be read; `None` when none was.
    pub fn cursor(&self, stream: &StreamName) -> Option<&str> {
        self.cursors.get(stream).map(String::as_str)
    }

    /// Follows a journal into a stream; its entries are those after [`Logs::cursor`].
    pub fn follow(&mut self, stream: StreamName, journal: Box<dyn Journal>) {
        self.journals.push((stream, journal, None));
    }

    /// Reads what is there, sends what is due, writes down what was acknowledged. True when there may be more to do at once.
    pub fn pass(&mut self, now: Timestamp, outside: &Outside<'_>) -> bool {
        let scene = Scene { disk: outside.disk, rules: &self.rules, now };
        // Before the globs, which may find the copy; and while the server is down as well, for the copy may be gone later.
        self.unsaved |= self.tails.look(scene, &mut self.positions);
        if is_due(self.next_scan, now, SCAN_MS) {
            self.next_scan = now + SCAN_MS;
            let is_first = std::mem::take(&mut self.is_new);
            let before = self.positions.next_id;
            self.tails.scan(scene, &mut self.positions, is_first);
            self.unsaved |= is_first || before != self.positions.next_id;
        }
        let mut more = self.read_files(now);
        more |= self.read_journals(now);
        more |= self.deliver(now, self.times.batch_ms, outside);
        self.write(now, outside.disk);
        more
    }

    /// The last pass: sends what was read, once, without waiting for more.
    pub fn finish(&mut self, now: Timestamp, outside: &Outside<'_>) {
        self.read_files(now);
        self.read_journals(now);
        self.deliver(now, 0, outside);
        self.write(now, outside.disk);
    }

    fn buffered(&self) -> usize {
        self.deliveries.values().map(Delivery::bytes).sum()
    }

    fn read_files(&mut self, now: Timestamp) -> bool {
        let mut buffered = self.buffered();
        let mut more = false;
        for id in self.tails.by_id.keys().copied().collect::<Vec<_>>() {
            while buffered < BUFFER_BYTES_MAX {
                let (read, bytes) = self.read_file(id, now);
                buffered += bytes;
                if !read {
                    break;
                }
                more = true;
            }
        }
        more
    }

    /// One read of one file: whether there may be more, and how many bytes of text it gave.
    fn read_file(&mut self, id: u64, now: Timestamp) -> (bool, usize) {
        let Some(tail) = self.tails.by_id.get_mut(&id) else { return (false, 0) };
        let rule = &self.rules[tail.rule];
        let name = &tail.at.stream;
        let delivery =
            self.deliveries.entry(name.clone()).or_insert_with(|| Delivery::new(name.clone(), Delivered::default()));
        let stamp = delivery.stamp(now);
        let Some(batch) = delivery.filling() else { return (false, 0) };
        let records = tail.read(rule.start.as_ref(), now, self.times.record_ms).unwrap_or_else(|error| {
            tracing::warn!(path = tail.at.path, %error, "read a file");
            Vec::new()
        });
        let (mut taken, mut bytes) = (0, 0);
        for record in records {
            if !record.text.is_empty() {
                let found = rule.time.as_ref().filter(|_| !record.continues);
                let said = found.and_then(|format| format.find(&record.text, now)).map(|time| time.0);
                if rule.time.is_some() {
                    tail.time = said.or(tail.time).or(Some(stamp));
                }
                let text_bytes = record.text.len();
                let event = Event { timestamp: tail.time.unwrap_or(stamp), message: record.text };
                if batch.push(event, now).is_err() {
                    break;
                }
                bytes += text_bytes;
            }
            taken += record.len;
        }
        if taken == 0 {
            return (false, 0);
        }
        tail.take(taken);
        batch.files.insert(id, tail.at.clone());
        if batch.is_empty() {
            // Blank lines only: nothing is sent, and all before them was acknowledged.
            self.positions.files.append(&mut batch.files);
            self.unsaved = true;
        }
        (true, bytes)
    }

    fn read_journals(&mut self, now: Timestamp) -> bool {
        let mut buffered = self.buffered();
        let mut more = false;
        for (stream, journal, held) in &mut self.journals {
            let new = || Delivery::new(stream.clone(), Delivered::default());
            let Some(batch) = self.deliveries.entry(stream.clone()).or_insert_with(new).filling() else { continue };
            while buffered < BUFFER_BYTES_MAX
                && let Some(JournalEntry { cursor, event }) = held.take().or_else(|| journal.next())
            {
                if !event.message.is_empty() {
                    buffered += event.message.len();
                    if let Err(event) = batch.push(event, now) {
                        *held = Some(JournalEntry { cursor, event });
                        break;
                    }
                }
                more = true;
                batch.cursors.insert(stream.clone(), cursor);
            }
            if batch.is_empty() && !batch.cursors.is_empty() {
                // Entries without a message: nothing is sent, and all before them was acknowledged.
                self.positions.cursors.append(&mut batch.cursors);
                self.unsaved = true;
            }
        }
        more
    }

    fn deliver(&mut self, now: Timestamp, batch_ms: i64, outside: &Outside<'_>) -> bool {
        let stepped = self.deliveries.values_mut().filter_map(|delivery| delivery.step(now, batch_ms, outside));
        let done: Vec<(InFlight, Delivered)> = stepped.collect();
        let any = !done.is_empty();
        for (batch, delivered) in done {
            for (id, mut at) in batch.files {
                if let Some(tail) = self.tails.by_id.get(&id) {
                    // It may have been found again under another name, or as a copy.
                    (at.file, at.path) = (tail.at.file, tail.at.path.clone());
                } else if !self.positions.files.contains_key(&id) {
                    // A file that is gone needs no position; one that no rule wants at present does.
                    continue;
                }
                self.positions.files.insert(id, at);
            }
            self.positions.cursors.extend(batch.cursors);
            self.done.push(batch.stream.in_flight());
            self.positions.streams.insert(batch.stream, delivered);
            self.unsaved = true;
        }
        any
    }

    /// Writes positions down, and removes what they cover.
    fn write(&mut self, now: Timestamp, disk: &dyn Disk) {
        if self.tails.forget(&mut self.positions, now) {
            self.unsaved = true;
            let followed = |name: &StreamName| {
                self.tails.by_id.values().any(|tail| tail.at.stream == *name)
                    || self.journals.iter().any(|(stream, ..)| stream == name)
            };
            self.deliveries.retain(|name, delivery| followed(name) || !delivery.is_idle());
            self.positions.streams.retain(|name, _| self.deliveries.contains_key(name));
        }
        if !self.unsaved {
            return;
        }
        if let Err(error) = self.positions.save(disk) {
            tracing::error!(%error, "write positions.json; lines may be sent again after a crash");
            return;
        }
        self.unsaved = false;
        for name in std::mem::take(&mut self.done) {
            if let Err(error) = disk.remove(&name) {
                tracing::debug!(%error, name, "remove a batch that was delivered");
            }
        }
    }
}
