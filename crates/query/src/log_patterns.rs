//! Pattern mining: lines that say the same thing with other values become one pattern (`pattern` of Logs Insights, log anomaly
//! detectors, the console).
//!
//! Where AWS is known (user guide, "pattern", "Log anomaly detection"; `PatternToken` of the API; records that its users show):
//! - A pattern is static and dynamic tokens. In `@pattern` a dynamic one is `<*>`, shown as `<IPAddress-3>`: what it is said to
//!   be, and its place among the dynamic ones; `<Token-3>` where nothing can be said. `inferredTokenName` is `IPAddress-3`.
//! - A query's rows have `@pattern`, `@PatternId`, `@regexString`, `@sampleCount`, `@ratio`, `@severityLabel`, `@tokens` (with
//!   `dynamicTokenPosition`, `tokenString`, `enumerations`), `@visualization`, `@logSamples`, `@relatedPattern`.
//! - The first 1,500 characters of a line are looked at. Severity comes of keywords, such as FATAL, ERROR, WARN, else it is NONE.
//!
//! How patterns are found, AWS does not say. Here, with no rule for any one format of logs:
//! 1. What surely varies is taken out of a line (`shape.rs`). Lines of one **shape** are one entry with a count; this is all
//!    that happens for most lines.
//! 2. Shapes that differ in one word are merged (`merge.rs`) when that word has several values, more of them when little else
//!    is constant or when the values look like words of a language, or when something already varies in its place. So are
//!    shapes that differ in several words, when all of these are rare and have many values.
//! 3. Shapes whose constant words are the same are one pattern, however many varying words stand between them.
//!
//! `bench patterns` scores this on the Loghub sets; see `docs/benchmarks.md`.
//!
//! The result does not depend on the order of lines as long as the shapes fit (`Limits::shapes`); then shapes are replaced by
//! their patterns, and after that the rarest are given up into one pattern that matches everything.

mod looks;
mod merge;
mod names;
mod pattern;
mod segments;
mod shape;
#[cfg(test)]
mod tests;
mod values;
mod words;

pub use names::Severity;
pub use pattern::{Dynamic, Pattern, Patterns, Token};

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use shape::{REST, Reader};
use std::collections::HashMap;
use values::Values;

/// Bounds of a miner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of a line that are looked at.
    pub line_bytes: usize,
    /// Words of a line that are looked at.
    pub words: usize,
    /// Shapes that are kept.
    pub shapes: usize,
    /// Different values that are counted of a dynamic token; of one with more, none are.
    pub values: usize,
    /// Bytes of all values together; after that new ones are not counted.
    pub value_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line_bytes: 1_500, words: 256, shapes: 10_000, values: 32, value_bytes: 16 << 20 }
    }
}

/// Collects lines.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Miner {
    limits: Limits,
    shapes: Shapes,
    value_bytes: usize,
    #[serde(skip)]
    reader: Reader,
}

/// Shapes by their text.
type Shapes = HashMap<Box<str>, Entry, FixedState>;

/// What is known of the lines of a shape.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    count: u64,
    first_ms: i64,
    last_ms: i64,
    /// One for each place where the shape varies.
    values: Vec<Values>,
}

impl Miner {
    /// Without lines.
    pub fn new(limits: Limits) -> Self {
        Self { limits, shapes: Shapes::default(), value_bytes: 0, reader: Reader::default() }
    }

    /// Adds a line that occurred `count` times at a time. True when no line of its shape was there.
    pub fn add(&mut self, line: &str, time_ms: i64, count: u64) -> bool {
        self.reader.read(line, self.limits.line_bytes, self.limits.words);
        let Ok(text) = std::str::from_utf8(&self.reader.shape) else { return false };
        let limits = self.limits;
        if let Some(entry) = self.shapes.get_mut(text) {
            entry.count = entry.count.saturating_add(count);
            entry.first_ms = entry.first_ms.min(time_ms);
            entry.last_ms = entry.last_ms.max(time_ms);
            for (values, slot) in entry.values.iter_mut().zip(&self.reader.slots) {
                values.count(&line[slot.start..slot.end], slot.spaced, count, limits, &mut self.value_bytes);
            }
            return false;
        }
        let mut entry = Entry { count, first_ms: time_ms, last_ms: time_ms, values: Vec::new() };
        for slot in &self.reader.slots {
            let mut values = Values::default();
            values.count(&line[slot.start..slot.end], slot.spaced, count, limits, &mut self.value_bytes);
            entry.values.push(values);
        }
        self.shapes.insert(text.into(), entry);
        if self.shapes.len() > self.limits.shapes {
            self.compact();
        }
        true
    }

    /// Adds what another miner collected.
    pub fn merge(&mut self, other: Miner) {
        for (text, entry) in other.shapes {
            self.insert(text, entry);
        }
        if self.shapes.len() > self.limits.shapes {
            self.compact();
        }
    }

    /// Bytes that it takes, about.
    pub fn bytes(&self) -> usize {
        self.shapes.len() * (size_of::<Entry>() + 256) + self.value_bytes
    }

    /// Lines that were added.
    pub fn lines(&self) -> u64 {
        self.shapes.values().map(|entry| entry.count).fold(0, u64::saturating_add)
    }

    /// The patterns of all lines so far, most frequent first.
    pub fn patterns(&self) -> Patterns {
        Patterns::of(&self.shapes, self.limits)
    }

    fn insert(&mut self, text: Box<str>, entry: Entry) {
        match self.shapes.get_mut(&text) {
            Some(known) => known.merge(entry, self.limits),
            None => {
                self.shapes.insert(text, entry);
            }
        }
    }

    /// Replaces shapes by their patterns, and the rarest of what is left by one that matches everything, until half of the
    /// limit is left.
    fn compact(&mut self) {
        let mut kept = pattern::shapes_of_patterns(&self.shapes, self.limits);
        kept.sort_by(|(a, x), (b, y)| y.count.cmp(&x.count).then_with(|| a.cmp(b)));
        self.shapes.clear();
        for (place, (text, entry)) in kept.into_iter().enumerate() {
            if place < self.limits.shapes / 2 {
                self.insert(text, entry);
            } else {
                self.insert(REST.to_string().into(), Entry { values: vec![Values::too_many()], ..entry });
            }
        }
        self.value_bytes = self.shapes.values().flat_map(|entry| &entry.values).map(Values::bytes).sum();
    }
}

impl Entry {
    fn merge(&mut self, other: Entry, limits: Limits) {
        self.count = self.count.saturating_add(other.count);
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
        for (values, others) in self.values.iter_mut().zip(other.values) {
            values.merge(others, limits);
        }
    }
}
