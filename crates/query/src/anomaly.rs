//! Anomaly detection: a band of expected values for a metric, trained on its last two weeks.
//!
//! What AWS documents is kept: training on up to two weeks, the three states, excluded time ranges, the metric's time zone,
//! `PeriodicSpikes`, `AdaptationSpeed` and `OutlierFilteringStrength`, and a band that is as many standard deviations wide on
//! either side as `ANOMALY_DETECTION_BAND` says (2 unless told). AWS does not publish its model, so that the numbers are ours.
//!
//! **Model.** Expected value = level + trend + time of day + hour of week. The level is a median that trusts recent days more;
//! the trend a Theil-Sen slope of the days' medians, used when nearly all pairs of days agree on its sign, and for at most a
//! day ahead; the time of day a median over days, from two days on; the hour of week what both weeks agree on, from 13 days
//! on. One standard deviation is a quantile of what is left, by time of day and side (distributions are rarely symmetric),
//! widened by how much the level moves from day to day. So single outliers, and whole bad days, move nothing.
//!
//! **Choices where AWS is silent.** PENDING_TRAINING: fewer than 12 points to train on; there is no band. TRAINED_INSUFFICIENT_DATA:
//! the points span less than two days, so that no daily pattern was seen twice. A standard deviation is at least 0.5 % of the
//! typical value, so that flat data has a band; when no value was negative, the band's lower bound is not either. An excluded
//! range contains its start and not its end.

use serde::{Deserialize, Serialize};

mod robust;
mod season;
#[cfg(test)]
mod tests;
mod train;
mod walk;

pub use train::train;
pub use walk::{Walk, walk};

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// The span that is trained on: points older than this before the newest are not used.
pub const TRAINING_SPAN_MS: i64 = 14 * DAY_MS;

/// A standard deviation is at least this part of the expected value beside it: where a level is far from all that is typical, the
/// two bounds would round to one number otherwise.
const SPREAD_OF_EXPECTED_MIN: f64 = 1e-9;

/// `StateValue` of DescribeAnomalyDetectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Too few points for any band.
    PendingTraining,
    /// There is a band, from less data than a pattern needs.
    TrainedInsufficientData,
    /// Trained.
    Trained,
}

/// `AdaptationSpeed`: how soon a lasting change is the new normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AdaptationSpeed {
    /// In about half a day.
    Fast,
    /// In about two days.
    #[default]
    Normal,
    /// In about a week.
    Slow,
}

/// `OutlierFilteringStrength`: how much of the training data counts as unusual and does not widen the band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OutlierFiltering {
    /// The 5 % that lie farthest out.
    Minimal,
    /// The 13 % that lie farthest out.
    #[default]
    Moderate,
    /// The 32 % that lie farthest out.
    Strict,
}

/// What a detector's configuration says about training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Options {
    /// `MetricCharacteristics.PeriodicSpikes`: spikes as high as those of most training days are expected.
    pub periodic_spikes: bool,
    /// How soon a lasting change is the new normal.
    pub adaptation: AdaptationSpeed,
    /// How much of the training data is taken for unusual.
    pub outlier_filtering: OutlierFiltering,
}

/// A trained model; a few kilobytes of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    state: State,
    /// Time of the newest point trained on, in milliseconds.
    trained_to_ms: i64,
    /// From when on which offset from UTC holds, in milliseconds; the first holds before it as well.
    offsets: Vec<(i64, i64)>,
    /// A value belongs to the middle of its period.
    half_period_ms: i64,
    level: f64,
    /// Change of the level in a day.
    trend: f64,
    /// What is added at each time of day; evenly spaced slots.
    day: Vec<f64>,
    /// What is added in each hour of the week, from Thursday (as the epoch is) midnight on; empty without a weekly pattern.
    week: Vec<f64>,
    /// One standard deviation upwards, for each slot of the day.
    up: Vec<f64>,
    /// One standard deviation downwards.
    down: Vec<f64>,
    /// Height of recurring spikes over the expected value, and depth below it; 0 unless asked for.
    spikes: (f64, f64),
    /// True when no negative value was seen.
    non_negative: bool,
}

impl Model {
    /// How far the training got.
    pub fn state(&self) -> State {
        self.state
    }

    /// Time of the newest point trained on, in milliseconds; 0 for a model that is pending.
    pub fn trained_to_ms(&self) -> i64 {
        self.trained_to_ms
    }

    /// The expected value at a time in milliseconds; `None` while training is pending.
    pub fn expected(&self, at_ms: i64) -> Option<f64> {
        (self.state != State::PendingTraining).then(|| self.middle(at_ms))
    }

    /// Lower and upper bound of what is expected at a time in milliseconds, `deviations` standard deviations to either side
    /// (a number that is not positive counts as 0); `None` while training is pending.
    pub fn band(&self, at_ms: i64, deviations: f64) -> Option<(f64, f64)> {
        if self.state == State::PendingTraining {
            return None;
        }
        let deviations = if deviations > 0.0 { deviations.min(1e6) } else { 0.0 };
        let middle = self.middle(at_ms);
        let (down, up) = self.deviation(at_ms);
        // Spikes grow with the number of deviations as well, from 2 on: the width that is shown unless told otherwise.
        let wide = (deviations / 2.0).max(1.0);
        let spike = |height: f64| if deviations > 0.0 { height * wide } else { 0.0 };
        let upper = middle + (deviations * up).max(spike(self.spikes.0));
        let lower = middle - (deviations * down).max(spike(self.spikes.1));
        Some(if self.non_negative { (lower.max(0.0), upper) } else { (lower, upper) })
    }

    /// What is expected. Where no value was negative, none is.
    fn middle(&self, at_ms: i64) -> f64 {
        let local = self.local(at_ms);
        let ahead = (at_ms.saturating_sub(self.trained_to_ms) as f64 / DAY_MS as f64).clamp(-14.0, 1.0);
        let week = season::at_hour(&self.week, local);
        let middle = self.level + self.trend * ahead + season::at_time_of_day(&self.day, local) + week;
        if self.non_negative { middle.max(0.0) } else { middle }
    }

    /// One standard deviation downwards and upwards.
    fn deviation(&self, at_ms: i64) -> (f64, f64) {
        let local = self.local(at_ms);
        let least = self.middle(at_ms).abs() * SPREAD_OF_EXPECTED_MIN;
        (season::at_time_of_day(&self.down, local).max(least), season::at_time_of_day(&self.up, local).max(least))
    }

    fn local(&self, at_ms: i64) -> i64 {
        season::local(&self.offsets, at_ms).saturating_add(self.half_period_ms)
    }
}
