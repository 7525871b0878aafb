//! Log patterns that are new, or far more frequent than before, and when that began.
//!
//! Lines are mined in slices of time (`log_patterns`), those of before and those of after apart, and held against each other with the
//! rates at which they came: of busy groups only so many lines of a slice are looked at, and a slice then covers less time. Counts are taken as
//! those of a Poisson process. A pattern is **new** without any line before; it **surged** when its count is far above what its rate
//! before makes likely, and three times that.

use crate::log_patterns::{Limits, Miner, Patterns, Severity};
use model::Timestamp;
use model::time::MINUTE;

/// Bounds of a slice's miner.
const LIMITS: Limits = Limits { line_bytes: 1_500, words: 128, shapes: 800, values: 8, value_bytes: 64 << 10 };
/// Lines of which samples are kept, and their length, bytes.
const SAMPLES_MAX: usize = 2_000;
const SAMPLE_BYTES_MAX: usize = 1_000;
/// Fewest lines of a pattern that is new and tells of no error, and of one that surged.
const NEW_MIN: u64 = 3;
const SURGED_MIN: u64 = 6;
/// How many times more, and how many standard deviations.
const SURGED_RATIO: f64 = 3.0;
const SURGED_DEVIATIONS: f64 = 5.0;

/// Some lines of a group, of a slice of time.
#[derive(Debug, Clone)]
pub struct Slice {
    start: Timestamp,
    covered_ms: i64,
    miner: Miner,
    samples: Vec<String>,
}

impl Slice {
    /// Without lines.
    pub fn new(start: Timestamp) -> Self {
        Self { start, covered_ms: 0, miner: Miner::new(LIMITS), samples: Vec::new() }
    }

    /// Adds a line; a blank one says nothing.
    pub fn add(&mut self, line: &str, at: Timestamp) {
        if line.trim().is_empty() {
            return;
        }
        let line = &line[..line.floor_char_boundary(LIMITS.line_bytes)];
        if self.miner.add(line, at.0, 1) && self.samples.len() < SAMPLES_MAX {
            self.samples.push(line[..line.floor_char_boundary(SAMPLE_BYTES_MAX)].to_owned());
        }
    }

    /// How much time the lines are of.
    pub fn covers(&mut self, until: Timestamp) {
        self.covered_ms = (until - self.start).max(0);
    }

    /// Lines that were added.
    pub fn lines(&self) -> u64 {
        self.miner.lines()
    }
}

/// What became of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SurgeKind {
    /// It was not there.
    New,
    /// It is there far more often.
    Surged,
}

/// A pattern that is new or surged.
#[derive(Debug, Clone, PartialEq)]
pub struct Surge {
    /// Which of both.
    pub kind: SurgeKind,
    /// 32 hex digits.
    pub pattern_id: String,
    /// Its text, dynamic tokens by their names.
    pub pattern: String,
    /// By its keywords.
    pub severity: &'static str,
    /// Lines before and after, of those that were looked at.
    pub before: u64,
    /// See `before`.
    pub after: u64,
    /// Lines a minute, before and after.
    pub before_per_minute: f64,
    /// See `before_per_minute`.
    pub after_per_minute: f64,
    /// When it began: of a new one its first line, of one that surged the slice from which on it was far above its rate before.
    pub first: Timestamp,
    /// Its last line.
    pub last: Timestamp,
    /// One of its lines.
    pub sample: String,
    /// How telling it is, for the order.
    pub score: f64,
}

/// Patterns of `after` that are new or surged, most telling first. Slices are in order.
pub fn surges(before: &[Slice], after: &[Slice]) -> Vec<Surge> {
    let mut all = Miner::new(Limits { shapes: 4_000, value_bytes: 1 << 20, ..LIMITS });
    before.iter().chain(after).for_each(|slice| all.merge(slice.miner.clone()));
    let patterns = all.patterns();
    let counts = |slices: &[Slice]| slices.iter().map(|slice| patterns.counts(&slice.miner)).collect::<Vec<_>>();
    let (earlier, later) = (counts(before), counts(after));
    // Without a time before nothing is known to be new.
    let before_ms: i64 = before.iter().map(|slice| slice.covered_ms).sum();
    let after_ms: i64 = after.iter().map(|slice| slice.covered_ms).sum();
    if before_ms <= 0 || after_ms <= 0 || before.iter().all(|slice| slice.lines() == 0) {
        return Vec::new();
    }
    // The first line of each pattern: a line is read once, whatever the number of patterns.
    let mut samples: Vec<Option<&str>> = vec![None; patterns.list().len()];
    for line in after.iter().flat_map(|slice| &slice.samples) {
        if let Some(sample) = patterns.template_of(line).and_then(|place| samples.get_mut(place)) {
            sample.get_or_insert(line);
        }
    }
    let judged = (0..patterns.list().len()).filter_map(|place| {
        let count = |slices: &[Vec<u64>]| slices.iter().map(|counts| counts[place]).sum::<u64>();
        let rates = Rates { before: count(&earlier), after: count(&later), before_ms, after_ms };
        let surge = judge(&patterns, place, &rates, after, &later)?;
        Some(Surge { sample: samples[place].unwrap_or_default().to_owned(), ..surge })
    });
    let mut surges: Vec<Surge> = judged.collect();
    surges.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.pattern_id.cmp(&b.pattern_id)));
    surges
}

struct Rates {
    before: u64,
    after: u64,
    before_ms: i64,
    after_ms: i64,
}

/// The surge of a pattern, its sample still missing.
fn judge(patterns: &Patterns, place: usize, rates: &Rates, after: &[Slice], later: &[Vec<u64>]) -> Option<Surge> {
    let pattern = &patterns.list()[place];
    let rate = rates.before as f64 / rates.before_ms as f64;
    let expected = rate * rates.after_ms as f64;
    let (count, is_error) = (rates.after as f64, pattern.severity <= Severity::Error);
    let kind = match rates.before {
        0 if rates.after >= NEW_MIN || (is_error && rates.after > 0) => SurgeKind::New,
        0 => return None,
        _ if rates.after < SURGED_MIN => return None,
        _ if count < SURGED_RATIO * expected => return None,
        _ if count < expected + SURGED_DEVIATIONS * (expected + 1.0).sqrt() => return None,
        _ => SurgeKind::Surged,
    };
    // What of the counts is not likely at the rate before, in units of a natural logarithm; one line before is taken to be there.
    let floor = (1.0 / rates.before_ms as f64) * rates.after_ms as f64;
    let usual = expected.max(floor.min(1.0)).max(0.05);
    let evidence = count * (count / usual).ln() - (count - usual);
    let severity = match pattern.severity {
        severity if severity <= Severity::Error => 3.0,
        Severity::Warning => 2.0,
        _ => 1.0,
    };
    let first = match kind {
        SurgeKind::New => Timestamp(pattern.first_ms),
        SurgeKind::Surged => began(after, later, place, rate),
    };
    let per_minute = |count: u64, ms: i64| count as f64 * MINUTE as f64 / ms as f64;
    Some(Surge {
        kind,
        pattern_id: pattern.id.clone(),
        pattern: pattern.named(),
        severity: pattern.severity.label(),
        before: rates.before,
        after: rates.after,
        before_per_minute: per_minute(rates.before, rates.before_ms),
        after_per_minute: per_minute(rates.after, rates.after_ms),
        first,
        last: Timestamp(pattern.last_ms),
        sample: String::new(),
        score: severity * (1.0 + evidence.max(0.0)).ln(),
    })
}

/// The first slice that has far more lines than the rate before makes likely.
fn began(after: &[Slice], later: &[Vec<u64>], place: usize, rate: f64) -> Timestamp {
    let is_high = |(slice, counts): &(&Slice, &Vec<u64>)| {
        let (count, usual) = (counts[place] as f64, rate * slice.covered_ms as f64);
        count > SURGED_RATIO * usual && count > usual + 3.0 * (usual + 1.0).sqrt()
    };
    let found = after.iter().zip(later).find(is_high).or_else(|| after.iter().zip(later).find(|(_, c)| c[place] > 0));
    found.map_or_else(|| after.first().map_or(Timestamp(0), |slice| slice.start), |(slice, _)| slice.start)
}
