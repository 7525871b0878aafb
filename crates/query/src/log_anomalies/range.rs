//! What is unusual among the patterns of one range of time: the command `anomaly` of Logs Insights.
//!
//! The guide names five kinds and says that a machine learned them; nothing is said of how. Here, the range being cut into windows
//! of the same length, with what detectors go by (`learned`, `history`, `values`):
//! - A **new pattern** has no line in the first quarter of the windows. Where new patterns keep appearing only those from WARN on.
//! - A **frequency** is unusual when a window has far more lines of a pattern than the windows before it.
//! - A **token** varies when it has a value in the second half that it did not have in the first, where it had few, each of them
//!   often; of the status codes of HTTP, one from 400 on is an **HTTP error**.
//! - A **number** is unusual when it is far from all that its token had in the first half.
//!
//! Windows without any line are left out; with fewer than eight others nothing is told. Of several findings the highest score counts.

use super::Priority;
use super::history::History;
use super::learned::{APPEARANCES_USUAL, is_telling};
use super::values::{new_values, status};
use crate::log_patterns::{Miner, Pattern, Patterns, Severity, Token};
use std::collections::HashMap;

/// Fewest windows with lines that can tell anything.
const WINDOWS_MIN: usize = 8;
/// So many times the usual distance from the median a number must be.
const NUMBER_DEVIATIONS: f64 = 10.0;
/// What makes a median absolute deviation a standard deviation.
const MAD_SCALE: f64 = 1.4826;

/// The kinds that the guide names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusual {
    /// A window has far more lines of the pattern than usual.
    Frequency,
    /// The pattern was not there.
    NewPattern,
    /// A token has a value that it did not have.
    TokenVariation,
    /// A token has a number far from the others.
    NumericalToken,
    /// A token has a status code of HTTP that it did not have, 400 or higher.
    HttpError,
}

impl Unusual {
    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Frequency => "Pattern Frequency",
            Self::NewPattern => "New Pattern",
            Self::TokenVariation => "Token Variation",
            Self::NumericalToken => "Numerical Token",
            Self::HttpError => "HTTP Error Code",
        }
    }
}

/// What is unusual of a pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// What it is.
    pub kind: Unusual,
    /// How unusual, up to 1.
    pub score: f64,
    /// How much it matters.
    pub priority: Priority,
    /// When, milliseconds: the start of a window, or the last line.
    pub at_ms: i64,
    /// For people.
    pub description: String,
}

/// Judges each of `patterns`, which are those of all windows together. Windows are in order, with their starts in milliseconds.
pub fn judge(windows: &[(i64, Miner)], patterns: &Patterns) -> Vec<Option<Judgement>> {
    let windows: Vec<&(i64, Miner)> = windows.iter().filter(|(_, miner)| miner.lines() > 0).collect();
    if windows.len() < WINDOWS_MIN {
        return vec![None; patterns.list().len()];
    }
    let counts: Vec<Vec<u64>> = windows.iter().map(|(_, miner)| patterns.counts(miner)).collect();
    let trained = windows.len() / 4;
    let first = |place: usize| counts.iter().position(|window| window.get(place).is_some_and(|count| *count > 0));
    let mut appearances: Vec<usize> =
        (0..patterns.list().len()).filter_map(first).filter(|at| *at >= trained).collect();
    appearances.sort_unstable();
    appearances.dedup();
    let is_usual = appearances.len() >= APPEARANCES_USUAL as usize;
    let before = first_half(&windows);
    let judge = |(place, pattern): (usize, &Pattern)| {
        let counts = counts.iter().map(|window| window.get(place).copied().unwrap_or(0));
        let new = first(place)
            .filter(|at| *at >= trained && is_telling(pattern) && !(is_usual && pattern.severity > Severity::Warning))
            .map(|at| new_pattern(pattern, windows[at].0));
        let surge = surge(pattern, windows.iter().map(|(start, _)| *start).zip(counts));
        let values = before.get(pattern.id.as_str()).into_iter().flat_map(|before| variations(before, pattern));
        new.into_iter().chain(surge).chain(values).max_by(|a, b| a.score.total_cmp(&b.score))
    };
    patterns.list().iter().enumerate().map(judge).collect()
}

/// The patterns of the first half of the windows, by id.
fn first_half(windows: &[&(i64, Miner)]) -> HashMap<String, Pattern> {
    let (_, first) = windows[0];
    let mut merged = first.clone();
    windows[1..windows.len() / 2].iter().for_each(|(_, miner)| merged.merge(miner.clone()));
    merged.patterns().list().iter().map(|pattern| (pattern.id.clone(), pattern.clone())).collect()
}

fn new_pattern(pattern: &Pattern, at_ms: i64) -> Judgement {
    let (score, priority) = match pattern.severity {
        severity if severity <= Severity::Error => (1.0, Priority::High),
        Severity::Warning => (0.9, Priority::Medium),
        _ => (0.8, Priority::Medium),
    };
    let description = format!("New log pattern: {}", pattern.named());
    Judgement { kind: Unusual::NewPattern, score, priority, at_ms, description }
}

/// The window whose count is the most above what the windows before it allow.
fn surge(pattern: &Pattern, windows: impl Iterator<Item = (i64, u64)>) -> Option<Judgement> {
    let mut history = History::default();
    let mut found: Option<Judgement> = None;
    for (start, count) in windows {
        let usual = history.usual(start);
        if let Some(usual) = usual.filter(|usual| count as f64 > usual.limit) {
            let score = 1.0 - usual.limit / count as f64 / 2.0;
            let is_high = pattern.severity <= Severity::Error || count as f64 >= 5.0 * usual.expected.max(1.0);
            let description = format!(
                "{count} log events of a pattern where about {} are usual: {}",
                usual.expected,
                pattern.named()
            );
            let priority = if is_high { Priority::High } else { Priority::Medium };
            if found.as_ref().is_none_or(|found| found.score < score) {
                found = Some(Judgement { kind: Unusual::Frequency, score, priority, at_ms: start, description });
            }
        }
        history.record(count, start, usual.map(|usual| usual.limit));
    }
    found
}

/// Values that a pattern's tokens did not have in the first half.
fn variations(before: &Pattern, now: &Pattern) -> Vec<Judgement> {
    let judgement = |kind, score, priority, token: &str, value: &str| Judgement {
        kind,
        score,
        priority,
        at_ms: now.last_ms,
        description: format!("New value of a token, {value:?} of {token}: {}", now.named()),
    };
    let mut found: Vec<Judgement> = new_values(before, now)
        .into_iter()
        .map(|new| {
            let is_error = status(&new.value).is_some_and(|code| code >= 400);
            let kind = if is_error { Unusual::HttpError } else { Unusual::TokenVariation };
            let score = match (is_error, new.priority) {
                (true, _) => 0.7,
                (false, Priority::Low) => 0.4,
                (false, _) => 0.6,
            };
            judgement(kind, score, new.priority, &new.token, &new.value)
        })
        .collect();
    for (before, now) in before.tokens.iter().zip(&now.tokens) {
        let (Token::Dynamic(before), Token::Dynamic(now)) = (before, now) else { continue };
        if let (Some(known), Some(values)) = (&before.values, &now.values)
            && let Some(value) = far_number(known, values)
        {
            found.push(judgement(Unusual::NumericalToken, 0.5, Priority::Medium, &now.inferred_name(), value));
        }
    }
    found
}

/// A number that is far from all that were known; the farthest.
fn far_number<'v>(known: &[(String, u64)], values: &'v [(String, u64)]) -> Option<&'v str> {
    let number = |value: &String| value.parse::<f64>().ok().filter(|number| number.is_finite());
    let mut numbers = known.iter().map(|(value, _)| number(value)).collect::<Option<Vec<f64>>>()?;
    if numbers.len() < 5 {
        return None;
    }
    numbers.sort_unstable_by(f64::total_cmp);
    let middle = numbers[numbers.len() / 2];
    let mut deviations: Vec<f64> = numbers.iter().map(|number| (number - middle).abs()).collect();
    deviations.sort_unstable_by(f64::total_cmp);
    let spread = (MAD_SCALE * deviations[deviations.len() / 2]).max(middle.abs() / 10.0).max(1.0);
    let far = values.iter().filter_map(|(value, _)| Some((value, (number(value)? - middle).abs())));
    let farthest = far.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    (farthest.1 > NUMBER_DEVIATIONS * spread).then_some(farthest.0.as_str())
}
