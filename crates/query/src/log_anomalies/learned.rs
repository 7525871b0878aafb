//! `Model`: what is known of a log group's patterns; it judges a window and learns from it.

use super::history::{History, Usual};
use super::values::new_values;
use super::{FINDING_SAMPLES_MAX, Finding, Kind, LIMITS, Priority, Sample, Settings, Window};
use crate::log_patterns::{Miner, Pattern, Patterns, Severity, Token};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Times the median from which on a surge is HIGH, and MEDIUM.
const HIGH_RATIO: f64 = 5.0;
const MEDIUM_RATIO: f64 = 3.0;
/// When patterns appeared in so many of the last 32 windows, one more is no news, unless it is a warning or worse.
pub(super) const APPEARANCES_USUAL: u32 = 6;
/// New values that a description names.
const VALUES_NAMED: usize = 3;

/// What is known. Bounded; its serialized form is its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Model {
    miner: Miner,
    known: Vec<Known>,
    /// Start of the first window that was learned.
    begun_ms: Option<i64>,
    /// Windows that were learned.
    windows: u64,
    /// There were more patterns than are kept: one that is not known may have been there.
    is_full: bool,
    /// A bit for each of the last windows, latest lowest: whether patterns appeared in it.
    appeared: u32,
}

/// A pattern that is known: by a line of it, because patterns change as more is learned.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Known {
    line: String,
    history: History,
    /// When it appeared, if after the training.
    novelty: Option<Novelty>,
}

/// A pattern's appearance.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Novelty {
    since_ms: i64,
    /// The pattern's id then.
    id: String,
}

/// What was known before the window.
struct Before {
    patterns: Patterns,
    /// Places by ids.
    places: HashMap<String, usize>,
}

/// A pattern in the window.
struct Seen<'a> {
    pattern: &'a Pattern,
    count: u64,
    samples: Vec<&'a Sample>,
}

impl Default for Model {
    fn default() -> Self {
        Self { miner: Miner::new(LIMITS), known: Vec::new(), begun_ms: None, windows: 0, is_full: false, appeared: 0 }
    }
}

impl Model {
    /// True when a window that starts at this time is judged.
    pub fn is_trained(&self, at_ms: i64, settings: &Settings) -> bool {
        let learned = self.begun_ms.is_some_and(|begun| at_ms.saturating_sub(begun) >= settings.training_ms);
        learned && self.windows >= settings.training_windows
    }

    /// Judges a window, then learns from it. Windows come in order; one without lines changes nothing.
    pub fn evaluate(&mut self, window: Window, settings: &Settings) -> Vec<Finding> {
        if window.is_empty() {
            return Vec::new();
        }
        let Window { start_ms, miner, samples } = window;
        let before = self.is_trained(start_ms, settings).then(|| Before::of(self.miner.patterns()));
        self.miner.merge(miner.clone());
        let now = self.miner.patterns();
        let mut seen: Vec<Seen> = now
            .list()
            .iter()
            .zip(now.counts(&miner))
            .map(|(pattern, count)| Seen { pattern, count, samples: Vec::new() })
            .collect();
        for sample in &samples {
            let seen = now.template_of(&sample.line).and_then(|place| seen.get_mut(place));
            if let Some(seen) = seen.filter(|seen| seen.samples.len() < FINDING_SAMPLES_MAX) {
                seen.samples.push(sample);
            }
        }
        let known = self.known_by_place(&now);
        let mut findings = Vec::new();
        let mut has_new = false;
        for (seen, known) in seen.iter().zip(known) {
            has_new |= known.is_none() && seen.count > 0;
            let Some(mut known) = known.or_else(|| self.appeared(seen, before.as_ref(), start_ms)) else { continue };
            let usual = before.as_ref().and_then(|_| known.history.usual(start_ms));
            if let Some(before) = before.as_ref().filter(|_| seen.count > 0) {
                findings.extend(judge(seen, &known, usual, before, (start_ms, settings)));
            }
            known.history.record(seen.count, start_ms, usual.map(|usual| usual.limit));
            self.known.push(known);
        }
        self.is_full |= now.list().len() > LIMITS.shapes / 2;
        // In the first window every pattern is new.
        self.appeared = self.appeared << 1 | u32::from(has_new && self.windows > 0);
        self.begun_ms.get_or_insert(start_ms);
        self.windows += 1;
        findings.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.pattern_id.cmp(&b.pattern_id)));
        findings
    }

    /// Takes what is known, by the place of its pattern among those that there are now.
    fn known_by_place(&mut self, now: &Patterns) -> Vec<Option<Known>> {
        let mut places: Vec<Option<Known>> = now.list().iter().map(|_| None).collect();
        for known in std::mem::take(&mut self.known) {
            let Some(place) = now.template_of(&known.line).and_then(|place| places.get_mut(place)) else { continue };
            match place {
                Some(same) => {
                    same.history.merge(known.history);
                    // What was part of a pattern from the training on is not new.
                    same.novelty = same
                        .novelty
                        .take()
                        .zip(known.novelty)
                        .map(|(a, b)| if a.since_ms <= b.since_ms { a } else { b });
                }
                None => *place = Some(known),
            }
        }
        places
    }

    /// A pattern that was not there before.
    fn appeared(&self, seen: &Seen, before: Option<&Before>, at_ms: i64) -> Option<Known> {
        let line = seen.samples.first()?.line.clone();
        let is_usual = self.appeared.count_ones() >= APPEARANCES_USUAL && seen.pattern.severity > Severity::Warning;
        let is_news = !self.is_full && !is_usual && is_telling(seen.pattern);
        let is_new = is_news && before.is_some_and(|before| !is_like(seen, &before.patterns));
        let novelty = is_new.then(|| Novelty { since_ms: at_ms, id: seen.pattern.id.clone() });
        Some(Known { line, history: History::default(), novelty })
    }
}

impl Before {
    fn of(patterns: Patterns) -> Self {
        let places = patterns.list().iter().enumerate().map(|(place, pattern)| (pattern.id.clone(), place)).collect();
        Self { patterns, places }
    }

    fn pattern(&self, id: &str) -> Option<&Pattern> {
        self.places.get(id).and_then(|place| self.patterns.list().get(*place))
    }
}

/// True when some of the constant text has letters.
pub(super) fn is_telling(pattern: &Pattern) -> bool {
    pattern.tokens.iter().any(|token| matches!(token, Token::Static(text) if text.contains(char::is_alphabetic)))
}

/// Whether the pattern's lines look like lines of a pattern that was there, of the same severity.
fn is_like(seen: &Seen, before: &Patterns) -> bool {
    let looks_known = |sample: &&Sample| {
        let pattern = before.template_of(&sample.line).and_then(|place| before.list().get(place));
        pattern.is_some_and(|pattern| is_telling(pattern) && pattern.severity == seen.pattern.severity)
    };
    !seen.samples.is_empty() && seen.samples.iter().all(looks_known)
}

/// What is unusual of a pattern in a window.
fn judge(
    seen: &Seen,
    known: &Known,
    usual: Option<Usual>,
    before: &Before,
    (at_ms, settings): (i64, &Settings),
) -> Vec<Finding> {
    let finding = |kind, priority, description, pattern_id: &str| Finding {
        kind,
        priority,
        pattern_id: pattern_id.to_owned(),
        pattern: seen.pattern.clone(),
        count: seen.count,
        description,
        samples: seen.samples.iter().map(|sample| (*sample).clone()).collect(),
    };
    let pattern = seen.pattern;
    let is_error = pattern.severity <= Severity::Error;
    if let Some(novelty) = known.novelty.as_ref().filter(|new| at_ms.saturating_sub(new.since_ms) < settings.novel_ms) {
        let priority = if is_error { Priority::High } else { Priority::Medium };
        let description = format!("New log pattern: {}", pattern.named());
        return vec![finding(Kind::NewPattern, priority, description, &novelty.id)];
    }
    let mut findings = Vec::new();
    if let Some(usual) = usual.filter(|usual| seen.count as f64 > usual.limit) {
        let ratio = seen.count as f64 / usual.expected.max(1.0);
        let priority = match pattern.severity {
            _ if is_error || ratio >= HIGH_RATIO => Priority::High,
            Severity::Warning => Priority::Medium,
            _ if ratio >= MEDIUM_RATIO => Priority::Medium,
            _ => Priority::Low,
        };
        let description = format!(
            "{} log events of a pattern where about {} are usual: {}",
            seen.count,
            usual.expected,
            pattern.named()
        );
        findings.push(finding(Kind::Surge, priority, description, &pattern.id));
    }
    let values = before.pattern(&pattern.id).map(|known| new_values(known, pattern)).unwrap_or_default();
    if let Some(priority) = values.iter().map(|value| value.priority).max() {
        let named: Vec<String> =
            values.iter().take(VALUES_NAMED).map(|new| format!("{:?} of {}", new.value, new.token)).collect();
        let description = format!("New value of a token, {}: {}", named.join(", "), pattern.named());
        findings.push(finding(Kind::NewValue, priority, description, &pattern.id));
    }
    findings
}
