//! Bodies of the HTTP endpoints of CloudWatch Logs, taken apart into events; pure.
//!
//! Each event keeps the text it came in, byte for byte, a JSON string without its quotes. Nesting costs no stack: values are passed
//! over, not built.

use model::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `/services/collector/event`: objects with an `event`, one, concatenated, or in arrays; `time` in seconds.
    Collector,
    /// `/ingest/bulk`: a JSON value on each line; `timestamp` in milliseconds.
    Lines,
    /// `/ingest/json`: an object, or an array of objects; `timestamp` in milliseconds.
    Structured,
}

/// What was in a body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Events {
    /// Times and texts, in the order of the body.
    pub lines: Vec<(Timestamp, String)>,
    /// What is no event.
    pub skipped: usize,
}

/// An object of the collector.
#[derive(Deserialize)]
struct Collected<'a> {
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
}

/// Any other object.
#[derive(Deserialize)]
struct Stamped<'a> {
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
}

impl Format {
    /// Takes a body apart; what says no time is of `now`.
    ///
    /// # Errors
    /// In words, when it is not JSON; of lines, those that are not are skipped.
    pub fn read(self, body: &[u8], now: Timestamp) -> Result<Events, String> {
        let mut reading = Reading { now, events: Events::default() };
        match self {
            Self::Lines => body.split(|byte| *byte == b'\n').for_each(|line| reading.line(line)),
            Self::Collector => {
                let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
                for value in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
                    reading.collected(value.map_err(|error| error.to_string())?);
                }
            }
            Self::Structured => {
                let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
                // Only the first of several counts.
                let first = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>().next();
                match first.transpose().map_err(|error| error.to_string())? {
                    Some(value) => reading.structured(value),
                    None => return Err("the body is empty".into()),
                }
            }
        }
        Ok(reading.events)
    }
}

struct Reading {
    now: Timestamp,
    events: Events,
}

impl Reading {
    fn line(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return;
        }
        match serde_json::from_slice::<&RawValue>(line).ok().map(|value| (value, elements(value))) {
            None => self.events.skipped += 1,
            Some((_, Some(elements))) => elements.into_iter().for_each(|element| self.stamped(element)),
            Some((value, None)) => self.stamped(value),
        }
    }

    fn structured(&mut self, value: &RawValue) {
        for value in elements(value).unwrap_or_else(|| vec![value]) {
            if is_object(value) {
                self.stamped(value);
            } else {
                self.events.skipped += 1;
            }
        }
    }

    /// Any value: an object may say its time.
    fn stamped(&mut self, value: &RawValue) {
        let object = if is_object(value) { serde_json::from_str::<Stamped<'_>>(value.get()).ok() } else { None };
        let time = object.and_then(|object| object.timestamp).and_then(|stamp| stamp.get().parse().ok());
        let time = time.and_then(|ms: f64| millis(ms));
        self.push(time, value);
    }

    fn collected(&mut self, value: &RawValue) {
        for value in elements(value).unwrap_or_else(|| vec![value]) {
            let object = if is_object(value) { serde_json::from_str::<Collected<'_>>(value.get()).ok() } else { None };
            let Some(Collected { event: Some(event), time }) = object else {
                self.events.skipped += 1;
                continue;
            };
            // As the guide's "Body format": the events are a list in the place of one.
            match elements(event).filter(|list| !list.is_empty() && list.iter().all(|one| collects(one))) {
                Some(list) => list.into_iter().for_each(|one| self.one_collected(one, time)),
                None => self.push(time.and_then(seconds), value),
            }
        }
    }

    fn one_collected(&mut self, value: &RawValue, of_all: Option<&RawValue>) {
        let object = serde_json::from_str::<Collected<'_>>(value.get()).ok();
        let time = object.and_then(|object| object.time).or(of_all);
        self.push(time.and_then(seconds), value);
    }

    fn push(&mut self, time: Option<Timestamp>, value: &RawValue) {
        let text = serde_json::from_str::<String>(value.get()).unwrap_or_else(|_| value.get().to_owned());
        self.events.lines.push((time.unwrap_or(self.now), text));
    }
}

/// The elements of an array.
fn elements(value: &RawValue) -> Option<Vec<&RawValue>> {
    if value.get().starts_with('[') { serde_json::from_str(value.get()).ok() } else { None }
}

fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// True for an object with an event.
fn collects(value: &RawValue) -> bool {
    is_object(value) && serde_json::from_str::<Collected<'_>>(value.get()).is_ok_and(|object| object.event.is_some())
}

/// Seconds since the epoch, as a number or as text; `None` when it is neither.
fn seconds(value: &RawValue) -> Option<Timestamp> {
    let text = value.get().trim_matches('"');
    text.parse().ok().and_then(|seconds: f64| millis(seconds * 1_000.0))
}

fn millis(ms: f64) -> Option<Timestamp> {
    ms.is_finite().then(|| Timestamp(ms.round() as i64))
}

#[cfg(test)]
mod tests;
