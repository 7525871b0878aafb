//! Log anomaly detection: what a window of a log group's events says that the windows before it did not.
//!
//! AWS says what it reports (user guide, "Log anomaly detection"; Logs Insights, "anomaly"): new patterns, unusual frequencies of
//! patterns, new values of tokens, HTTP errors; that severity and the size of a change make the priority; that an anomaly which
//! goes on for the visibility time is normal from then on. How, it does not say. Here, with the patterns of `log_patterns`:
//! - A pattern is **new** when no line of the training has it or looks like it. It stays so until it has been there for
//!   `Settings::novel_ms`. MEDIUM, and HIGH from ERROR on.
//! - A pattern **surges** when its count is far above the median of the last windows, in their deviations and in those of a
//!   Poisson process, above what the last windows reached several times, and above its peaks at this time of day. HIGH from ERROR
//!   on or at five times the median, MEDIUM from WARN on or at three times, else LOW. A level that stays is learned.
//! - A **value** is new when its token had few values, all of them often. Of numbers only the status codes of HTTP are looked at.
//!   LOW, and MEDIUM when it is a status or a word of an error.
//!
//! Windows without any event are left out: they say nothing of patterns. Where new patterns keep appearing (access logs, free text)
//! only those from WARN on are reported, and none any more of logs with more patterns than a model keeps. Everything is a function
//! of the lines, their times and their windows.

mod history;
mod learned;
pub mod range;
#[cfg(test)]
mod tests;
mod values;

pub use learned::Model;

use crate::log_patterns::{Limits, Miner, Pattern};
use serde::{Deserialize, Serialize};

/// Bounds of a model, and of a window: about a megabyte.
const LIMITS: Limits = Limits { line_bytes: 1_500, words: 256, shapes: 1_000, values: 16, value_bytes: 256 << 10 };
/// Samples of a window; of each shape of a line the first.
const SAMPLES_MAX: usize = 2 * LIMITS.shapes;
/// Samples of a finding.
const FINDING_SAMPLES_MAX: usize = 5;

/// How long is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Shortest time that is learned before anything is reported, milliseconds.
    pub training_ms: i64,
    /// Fewest windows that are learned before anything is reported.
    pub training_windows: u64,
    /// For so long a pattern that appeared after the training is new, milliseconds.
    pub novel_ms: i64,
}

/// A line as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When it happened, milliseconds.
    pub time_ms: i64,
    /// What of it is looked at.
    pub line: String,
}

/// The lines that came between two evaluations.
#[derive(Debug, Clone)]
pub struct Window {
    start_ms: i64,
    miner: Miner,
    samples: Vec<Sample>,
}

impl Window {
    /// Without lines.
    pub fn new(start_ms: i64) -> Self {
        Self { start_ms, miner: Miner::new(LIMITS), samples: Vec::new() }
    }

    /// When it begins, milliseconds.
    pub fn start_ms(&self) -> i64 {
        self.start_ms
    }

    /// Adds a line; a blank one says nothing.
    pub fn add(&mut self, line: &str, time_ms: i64) {
        if line.trim().is_empty() {
            return;
        }
        let line = &line[..line.floor_char_boundary(LIMITS.line_bytes)];
        if self.miner.add(line, time_ms, 1) && self.samples.len() < SAMPLES_MAX {
            self.samples.push(Sample { time_ms, line: line.to_owned() });
        }
    }

    /// True without lines.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }
}

/// What is unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A pattern that was not there.
    NewPattern,
    /// A pattern that is there far more often.
    Surge,
    /// A value that a token did not have.
    NewValue,
}

impl Kind {
    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Kind::NewPattern => "NEW_PATTERN",
            Kind::Surge => "SURGE",
            Kind::NewValue => "NEW_VALUE",
        }
    }
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Least.
    Low,
    /// More.
    Medium,
    /// Most.
    High,
}

impl Priority {
    /// As AWS writes it.
    pub fn label(self) -> &'static str {
        match self {
            Priority::Low => "LOW",
            Priority::Medium => "MEDIUM",
            Priority::High => "HIGH",
        }
    }
}

/// Something unusual in a window.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// How much it matters.
    pub priority: Priority,
    /// The pattern's id when it was first reported as new, or as it is: the same from window to window.
    pub pattern_id: String,
    /// The pattern as it is now known.
    pub pattern: Pattern,
    /// Lines of it in the window.
    pub count: u64,
    /// For people.
    pub description: String,
    /// Some of its lines in the window.
    pub samples: Vec<Sample>,
}
