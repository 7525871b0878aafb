//! `History`: how often a pattern occurred in the last windows, and its peaks by the hour of the day.

use model::time::{DAY, HOUR};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Windows that are kept.
const WINDOWS: usize = 60;
/// Windows that must be known before a count can be too high.
const WINDOWS_MIN: usize = 5;
/// A count up to this one is never too high.
const COUNT_MIN: f64 = 20.0;
/// Deviations above the median; of a normal distribution, one window in a billion.
const DEVIATIONS: f64 = 6.0;
/// What makes a median absolute deviation a standard deviation.
const MAD_SCALE: f64 = 1.4826;
/// So much above the median a count must be in any case, for steady counts.
const RATIO_MIN: f64 = 2.0;
/// So much above what was reached before.
const ABOVE_PEAK: f64 = 1.5;
/// A count that so many of the windows have reached is usual.
const USUAL: usize = 3;
/// What is left of a peak after a day, tenths.
const KEPT_A_DAY: u32 = 8;

/// Counts of a pattern.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct History {
    /// Of the last windows, latest last; surges are cut to what was usual.
    recent: Vec<u32>,
    /// By the hour of the day, UTC.
    hours: BTreeMap<u8, Peak>,
}

/// Highest counts of a window in one hour of the day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Peak {
    /// Days since the epoch.
    day: i64,
    /// On that day.
    latest: u32,
    /// On days before; less with each day.
    older: u32,
}

/// What a count may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Usual {
    /// The median.
    pub expected: f64,
    /// A higher count is a surge.
    pub limit: f64,
}

impl History {
    /// What is usual in a window at a time; `None` when too little is known.
    pub(super) fn usual(&self, at_ms: i64) -> Option<Usual> {
        if self.recent.len() < WINDOWS_MIN {
            return None;
        }
        let mut sorted = self.recent.clone();
        sorted.sort_unstable();
        let expected = median(&sorted);
        let mut deviations: Vec<u32> = sorted.iter().map(|count| (f64::from(*count) - expected).abs() as u32).collect();
        deviations.sort_unstable();
        let deviation = (MAD_SCALE * median(&deviations)).max((expected + 1.0).sqrt());
        let reached = sorted.len().checked_sub(USUAL).map_or(0, |place| sorted[place]).max(self.peak(at_ms));
        let limit = (expected + DEVIATIONS * deviation).max(RATIO_MIN * expected);
        Some(Usual { expected, limit: limit.max(ABOVE_PEAK * f64::from(reached)).max(COUNT_MIN) })
    }

    /// Adds the count of a window. Of a surge, `limit` is all that is learned as a recent count.
    pub(super) fn record(&mut self, count: u64, at_ms: i64, limit: Option<f64>) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if self.recent.len() >= WINDOWS {
            self.recent.drain(..=self.recent.len() - WINDOWS);
        }
        self.recent.push(limit.map_or(count, |limit| count.min(limit as u32)));
        let (day, hour) = day_and_hour(at_ms);
        // An hour without any count needs no entry.
        if count > 0 || self.hours.contains_key(&hour) {
            let peak = self.hours.entry(hour).or_default();
            if peak.day != day {
                *peak = Peak { day, latest: 0, older: peak.before(day) };
            }
            peak.latest = peak.latest.max(count);
        }
    }

    /// The highest count that is known of this hour of earlier days, and of the hours around it.
    fn peak(&self, at_ms: i64) -> u32 {
        let (day, hour) = day_and_hour(at_ms);
        let around = [(hour + 23) % 24, (hour + 1) % 24].into_iter().filter_map(|hour| self.hours.get(&hour));
        let around = around.map(|peak| peak.before(day).max(if peak.day == day { peak.latest } else { 0 }));
        let same = self.hours.get(&hour).map(|peak| peak.before(day));
        around.chain(same).max().unwrap_or(0)
    }

    /// Adds the counts of a pattern that turned out to be the same.
    pub(super) fn merge(&mut self, other: History) {
        let (mut longer, shorter) = if self.recent.len() >= other.recent.len() {
            (std::mem::take(&mut self.recent), other.recent)
        } else {
            (other.recent, std::mem::take(&mut self.recent))
        };
        let from = longer.len() - shorter.len();
        for (sum, count) in longer[from..].iter_mut().zip(shorter) {
            *sum = sum.saturating_add(count);
        }
        self.recent = longer;
        for (hour, other) in other.hours {
            let peak = self.hours.entry(hour).or_default();
            let day = peak.day.max(other.day);
            let latest = |peak: &Peak| if peak.day == day { peak.latest } else { 0 };
            *peak = Peak {
                day,
                latest: latest(peak).saturating_add(latest(&other)),
                older: peak.before(day).saturating_add(other.before(day)),
            };
        }
    }
}

impl Peak {
    /// What is left on a day of the peaks of the days before it.
    fn before(&self, day: i64) -> u32 {
        let passed = day.saturating_sub(self.day);
        if passed <= 0 {
            return self.older;
        }
        let kept = |peak: u32, days: i64| {
            (0..days.clamp(0, 60)).fold(peak, |peak, _| (u64::from(peak) * u64::from(KEPT_A_DAY) / 10) as u32)
        };
        kept(self.older, passed).max(kept(self.latest, passed - 1))
    }
}

fn day_and_hour(at_ms: i64) -> (i64, u8) {
    (at_ms.div_euclid(DAY), (at_ms.rem_euclid(DAY) / HOUR) as u8)
}

/// Of sorted numbers.
fn median(sorted: &[u32]) -> f64 {
    let middle = sorted.len() / 2;
    match (sorted.get(middle), middle.checked_sub(1).and_then(|before| sorted.get(before))) {
        (Some(upper), Some(lower)) if sorted.len().is_multiple_of(2) => (f64::from(*lower) + f64::from(*upper)) / 2.0,
        (Some(upper), _) => f64::from(*upper),
        (None, _) => 0.0,
    }
}
