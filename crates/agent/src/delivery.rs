//! `Delivery`: one stream's batches on their way, one at a time, each exactly once as far as the server can be asked.
//!
//! A batch is filled, closed, written to disk, sent, and done when the server acknowledged it. When it is not known whether it
//! arrived (the connection broke, the server failed, the agent was killed) up to three events of it, the probes, are counted on
//! the server with GetLogEvents; a batch is stored as a whole or not at all, so if there are more of each than before, it is
//! there. Probes are events that are later than all before them, as those are that get their time from the agent: there were
//! none before. Where a log's own times give no such event, equal ones are counted before the batch is sent.
//!
//! What is assumed: a stream has one writer, or its writers do not write equal lines at equal times; and the server shows within
//! `SETTLE_MS` what it took (AWS may take longer). Else a batch may be repeated, or one of such equal lines be taken for arrived.
//! Keys that may not call GetLogEvents mean that a batch is repeated when its answer is lost.

#[cfg(test)]
mod tests;

use crate::backoff::{LONGEST_MS, is_due, wait_ms};
use crate::batch::Batch;
use crate::disk::Disk;
use crate::endpoint::{Endpoint, Failure, Operation};
use crate::positions::{Delivered, Event, InFlight, Probe, REFUSED, StreamName};
use model::Timestamp;
use model::limits::{LOG_FUTURE_MS_MAX, LOG_PAST_MS_MAX};
use model::time::{HOUR, MINUTE, SECOND};
use serde_json::{Value, json};

/// How long what was sent may take to be seen, milliseconds.
const SETTLE_MS: i64 = 2 * SECOND;
/// How far the agent's own times may run ahead of its clock to stay in order, milliseconds.
const AHEAD_MS_MAX: i64 = MINUTE;
/// Most batches that are set aside.
const REFUSED_MAX: usize = 100;
/// Most pages that are read for one count.
const PAGES_MAX: usize = 1_000;
/// Errors that the same batch would meet again.
const HOPELESS: [&str; 5] =
    ["InvalidParameterException", "ValidationException", "ValidationError", "SerializationException", "HTTP 413"];
/// Errors that say that a call is not allowed.
const FORBIDDEN: [&str; 2] = ["AccessDeniedException", "AccessDenied"];

/// What a delivery acts on.
pub struct Outside<'a> {
    /// For batches in flight.
    pub disk: &'a dyn Disk,
    /// The server.
    pub endpoint: &'a dyn Endpoint,
    /// Chance, 0..1.
    pub random: &'a dyn Fn() -> f64,
}

#[derive(Debug)]
enum Stage {
    Filling(Batch),
    /// Complete; equal events may have to be counted.
    Closed(InFlight),
    /// On disk, to be sent.
    Ready(InFlight),
    /// It may have arrived.
    Unknown(InFlight),
}

/// One stream.
#[derive(Debug)]
pub struct Delivery {
    name: StreamName,
    delivered: Delivered,
    stage: Stage,
    failures: u32,
    not_before: Timestamp,
}

impl Delivery {
    /// A stream that was delivered so far.
    pub fn new(name: StreamName, delivered: Delivered) -> Self {
        Self { name, delivered, stage: Stage::Filling(Batch::default()), failures: 0, not_before: Timestamp::MIN }
    }

    /// Goes on with a batch that a former run may have sent.
    pub fn resume(&mut self, batch: InFlight, now: Timestamp) {
        self.stage = Stage::Unknown(batch);
        self.not_before = now + SETTLE_MS;
    }

    /// The batch to fill; `None` while one is on its way.
    pub fn filling(&mut self) -> Option<&mut Batch> {
        match &mut self.stage {
            Stage::Filling(batch) if !batch.is_full() => Some(batch),
            _ => None,
        }
    }

    /// True when nothing was read that is not delivered.
    pub fn is_idle(&self) -> bool {
        matches!(&self.stage, Stage::Filling(batch) if batch.is_empty())
    }

    /// Bytes of the batch that is being filled or is on its way.
    pub fn bytes(&self) -> usize {
        match &self.stage {
            Stage::Filling(batch) => batch.bytes(),
            Stage::Closed(batch) | Stage::Ready(batch) | Stage::Unknown(batch) => {
                batch.events.iter().map(|event| event.message.len()).sum()
            }
        }
    }

    /// The time of an event that is read now and says none: after all that were before it.
    pub fn stamp(&self, now: Timestamp) -> i64 {
        let newest = match &self.stage {
            Stage::Filling(batch) => batch.latest().or(self.delivered.newest.map(|newest| newest.saturating_add(1))),
            _ => None,
        };
        newest.filter(|newest| (now.0..=now.0.saturating_add(AHEAD_MS_MAX)).contains(newest)).unwrap_or(now.0)
    }

    /// Does what is due, with at most one batch. A batch that is done is given back, with `delivered` after it. A batch that
    /// is not full waits until its first event is `flush_ms` old.
    pub fn step(&mut self, now: Timestamp, flush_ms: i64, outside: &Outside<'_>) -> Option<(InFlight, Delivered)> {
        if let Stage::Filling(batch) = &mut self.stage {
            if batch.is_empty() || !batch.is_full() && !is_due(batch.opened() + flush_ms, now, flush_ms) {
                return None;
            }
            let batch = std::mem::take(batch);
            self.stage = Stage::Closed(self.close(batch, now));
        }
        if !is_due(self.not_before, now, LONGEST_MS) {
            return None;
        }
        self.try_count(outside, now);
        self.try_verify(outside, now).or_else(|| self.try_send(outside, now))
    }

    fn close(&self, batch: Batch, now: Timestamp) -> InFlight {
        let (files, cursors) = (batch.files.clone(), batch.cursors.clone());
        let events = batch.into_events();
        let probes = probes(&events, self.delivered.newest, now);
        InFlight { stream: self.name.clone(), sequence: self.delivered.sequence + 1, probes, events, files, cursors }
    }

    /// `Closed` -> `Ready`: counts what is there already where that matters, and writes the batch to disk.
    fn try_count(&mut self, outside: &Outside<'_>, now: Timestamp) {
        let Stage::Closed(batch) = &mut self.stage else { return };
        for probe in batch.probes.iter_mut().filter(|probe| probe.before.is_none()) {
            match count(outside.endpoint, &self.name, &batch.events[probe.event]) {
                Ok(count) => probe.before = Some(count),
                Err(failure) if FORBIDDEN.contains(&failure.code()) => break,
                Err(failure) => return self.failed(&failure.to_string(), now, outside),
            }
        }
        match batch.save(outside.disk) {
            Ok(()) => {
                let batch = batch.clone();
                self.stage = Stage::Ready(batch);
            }
            Err(error) => self.failed(&format!("write a batch to the state directory: {error}"), now, outside),
        }
    }

    /// `Unknown` -> done or `Ready`.
    fn try_verify(&mut self, outside: &Outside<'_>, now: Timestamp) -> Option<(InFlight, Delivered)> {
        let Stage::Unknown(batch) = &self.stage else { return None };
        match has_arrived(outside.endpoint, batch) {
            Ok(true) => {
                tracing::info!(stream = %self.name, events = batch.events.len(), "a batch had arrived");
                return self.done();
            }
            Ok(false) => {}
            Err(failure) if FORBIDDEN.contains(&failure.code()) => {}
            Err(failure) => {
                self.failed(&failure.to_string(), now, outside);
                return None;
            }
        }
        let batch = batch.clone();
        self.stage = Stage::Ready(batch);
        None
    }

    /// `Ready` -> done, `Unknown`, or `Ready` again.
    fn try_send(&mut self, outside: &Outside<'_>, now: Timestamp) -> Option<(InFlight, Delivered)> {
        let Stage::Ready(batch) = &self.stage else { return None };
        let mut answer = put(outside.endpoint, batch);
        if answer.as_ref().is_err_and(|failure| failure.code() == "ResourceNotFoundException") {
            answer = create(outside.endpoint, &self.name).and_then(|()| put(outside.endpoint, batch));
        }
        match answer {
            Ok(answer) => {
                let rejected = &answer["rejectedLogEventsInfo"];
                if !rejected.is_null() {
                    tracing::warn!(stream = %self.name, %rejected, "the server did not keep all events of a batch");
                }
                if self.failures > 0 {
                    tracing::info!(stream = %self.name, failures = self.failures, "delivered again");
                }
                return self.done();
            }
            Err(failure) if failure.code() == "DataAlreadyAcceptedException" => return self.done(),
            Err(failure) if HOPELESS.contains(&failure.code()) => match set_aside(outside.disk, batch) {
                Ok(name) => {
                    let (stream, events) = (&self.name, batch.events.len());
                    tracing::error!(%stream, events, %failure, kept_as = name, "the server does not take a batch");
                    return self.done();
                }
                Err(error) => self.failed(&format!("{failure}; set the batch aside: {error}"), now, outside),
            },
            Err(failure) => {
                self.failed(&failure.to_string(), now, outside);
                if matches!(failure, Failure::Unknown(_))
                    && let Stage::Ready(batch) = std::mem::replace(&mut self.stage, Stage::Filling(Batch::default()))
                {
                    self.stage = Stage::Unknown(batch);
                    self.not_before = self.not_before.max(now + SETTLE_MS);
                }
            }
        }
        None
    }

    fn done(&mut self) -> Option<(InFlight, Delivered)> {
        let stage = std::mem::replace(&mut self.stage, Stage::Filling(Batch::default()));
        let (Stage::Ready(batch) | Stage::Unknown(batch)) = stage else { return None };
        let newest = batch.probes.iter().map(|probe| batch.events[probe.event].timestamp).max();
        self.delivered.newest = self.delivered.newest.max(newest);
        self.delivered.sequence = batch.sequence;
        self.failures = 0;
        self.not_before = Timestamp::MIN;
        Some((batch, self.delivered.clone()))
    }

    fn failed(&mut self, why: &str, now: Timestamp, outside: &Outside<'_>) {
        self.failures = self.failures.saturating_add(1);
        let wait_ms = wait_ms(self.failures, (outside.random)());
        self.not_before = now + wait_ms;
        // The first failure and then ever fewer: a server that is down for a night is a page of lines.
        if self.failures.is_power_of_two() {
            tracing::warn!(stream = %self.name, failures = self.failures, wait_ms, why, "not delivered; trying again");
        }
    }
}

fn put(endpoint: &dyn Endpoint, batch: &InFlight) -> Result<Value, Failure> {
    let input = json!({
        "logGroupName": batch.stream.group(),
        "logStreamName": batch.stream.stream(),
        "logEvents": batch.events,
    });
    endpoint.call(Operation::PutLogEvents, &input)
}

/// Makes the stream, and the group where that is absent and allowed.
fn create(endpoint: &dyn Endpoint, name: &StreamName) -> Result<(), Failure> {
    let group = endpoint.call(Operation::CreateLogGroup, &json!({ "logGroupName": name.group() }));
    let input = json!({ "logGroupName": name.group(), "logStreamName": name.stream() });
    match endpoint.call(Operation::CreateLogStream, &input) {
        Err(failure) if failure.code() == "ResourceAlreadyExistsException" => Ok(()),
        // A group that is still absent is so for a reason.
        Err(failure) if failure.code() == "ResourceNotFoundException" => group.and(Err(failure)),
        made => made.map(|_| tracing::info!(stream = %name, "made a log stream")),
    }
}

/// The events by which a batch will be known: the first, the last and the longest of those that the server will keep, and of
/// these only what is later than `newest`, if there is any.
fn probes(events: &[Event], newest: Option<i64>, now: Timestamp) -> Vec<Probe> {
    // The margins are for clocks and for the way.
    let kept = now.0.saturating_sub(LOG_PAST_MS_MAX - HOUR)..now.0.saturating_add(LOG_FUTURE_MS_MAX - MINUTE);
    let is_later = |event: usize| newest.is_some_and(|newest| events[event].timestamp > newest);
    let mut kept: Vec<usize> = (0..events.len()).filter(|&event| kept.contains(&events[event].timestamp)).collect();
    if kept.iter().any(|&event| is_later(event)) {
        kept.retain(|&event| is_later(event));
    }
    let longest = kept.iter().copied().max_by_key(|&event| events[event].message.len());
    let mut chosen: Vec<usize> = kept.first().into_iter().chain(kept.last()).copied().chain(longest).collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen.into_iter().map(|event| Probe { event, before: is_later(event).then_some(0) }).collect()
}

/// True when the stream has more of every probe than before the batch was sent.
fn has_arrived(endpoint: &dyn Endpoint, batch: &InFlight) -> Result<bool, Failure> {
    for probe in &batch.probes {
        let Some(before) = probe.before else { return Ok(false) };
        if count(endpoint, &batch.stream, &batch.events[probe.event])? <= before {
            return Ok(false);
        }
    }
    Ok(!batch.probes.is_empty())
}

/// How many events of the stream have the time and the text of `event`.
fn count(endpoint: &dyn Endpoint, name: &StreamName, event: &Event) -> Result<u64, Failure> {
    let mut input = json!({
        "logGroupName": name.group(),
        "logStreamName": name.stream(),
        "startTime": event.timestamp,
        "endTime": event.timestamp.saturating_add(1),
        "startFromHead": true,
    });
    let mut total = 0;
    for _ in 0..PAGES_MAX {
        let page = match endpoint.call(Operation::GetLogEvents, &input) {
            Err(failure) if failure.code() == "ResourceNotFoundException" => return Ok(0),
            page => page?,
        };
        let equal =
            |found: &&Value| found["timestamp"] == event.timestamp && found["message"].as_str() == Some(&event.message);
        total += page["events"].as_array().into_iter().flatten().filter(equal).count() as u64;
        let next = &page["nextForwardToken"];
        if next.is_null() || *next == input["nextToken"] {
            break;
        }
        input["nextToken"] = next.clone();
    }
    Ok(total)
}

/// Keeps a batch under another name, for a person to look at.
fn set_aside(disk: &dyn Disk, batch: &InFlight) -> std::io::Result<String> {
    let names = disk.state_names()?;
    if names.iter().filter(|name| name.starts_with(REFUSED)).count() >= REFUSED_MAX {
        return Err(std::io::Error::other(format!("{REFUSED_MAX} are there already")));
    }
    let in_flight = batch.stream.in_flight();
    let name = format!("{REFUSED}{:06}-{in_flight}", batch.sequence);
    disk.rename(&in_flight, &name)?;
    Ok(name)
}
