//! `next_state`: what an alarm's datapoints make of it; pure, and the whole of AWS's evaluation rule.
//!
//! N is EvaluationPeriods, M is DatapointsToAlarm. The caller fetches a range longer than N periods, so that late data and
//! gaps do not at once count as missing. Let R be the real points in that range, in time order.
//!
//! 1. R has N points or more: the newest N decide. ALARM when M of them breach, else OK. How missing data are treated does
//!    not matter.
//! 2. Otherwise k = N - |R| fills are needed. `breaching`: ALARM when breaching(R) + k >= M. `notBreaching`: ALARM when
//!    breaching(R) >= M. `missing` and `ignore`: R empty means INSUFFICIENT_DATA or no change; breaching(R) >= M means
//!    ALARM; the *premature* rule: fewer than M points, of which the oldest breaching one is followed by nothing but
//!    breaching or missing ones and lies at least M periods back, means ALARM or no change; anything else is OK.
//!
//! This reproduces all 40 cells of the tables in "Configuring how CloudWatch alarms treat missing data"; each is a test.

use crate::alarms::reason;
use catalog::{Alarm, AlarmConfiguration, AlarmState, StateChange};
use model::Timestamp;
use query::statistics::Statistic;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod brute_force;
#[cfg(test)]
mod tests;

/// One period with data: the statistic's value and how many samples are behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Value of the alarm's statistic.
    pub value: f64,
    /// Number of samples in the period; `None` where the value is computed of several metrics.
    pub sample_count: Option<f64>,
    /// What the value is compared with, when that is not the threshold.
    pub band: Option<Band>,
}

/// The anomaly detection band in one period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// Values below it are anomalous.
    pub lower: f64,
    /// Values above it are anomalous.
    pub upper: f64,
}

/// One period of the range that was fetched; `point` is `None` where data are missing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "SlotBits", from = "SlotBits")]
pub struct Slot {
    /// Where the period begins.
    pub start: Timestamp,
    /// What it holds.
    pub point: Option<Point>,
}

/// A slot on its way between nodes: milliseconds, and the bits of its numbers, for JSON has neither NaN nor infinities.
#[derive(Serialize, Deserialize)]
struct SlotBits(i64, Option<PointBits>);

/// Value, sample count, and the lower and the upper limit of the band.
type PointBits = (u64, Option<u64>, Option<(u64, u64)>);

impl From<Slot> for SlotBits {
    fn from(slot: Slot) -> Self {
        let band = |band: Band| (band.lower.to_bits(), band.upper.to_bits());
        let point = |point: Point| (point.value.to_bits(), point.sample_count.map(f64::to_bits), point.band.map(band));
        Self(slot.start.0, slot.point.map(point))
    }
}

impl From<SlotBits> for Slot {
    fn from(SlotBits(start, point): SlotBits) -> Self {
        let band = |(lower, upper)| Band { lower: f64::from_bits(lower), upper: f64::from_bits(upper) };
        let point = point.map(|(value, sample_count, limits)| Point {
            value: f64::from_bits(value),
            sample_count: sample_count.map(f64::from_bits),
            band: limits.map(band),
        });
        Self { start: Timestamp(start), point }
    }
}

/// How missing points count (`TreatMissingData`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreatMissing {
    /// As breaching the threshold.
    Breaching,
    /// As within the threshold.
    NotBreaching,
    /// The state stays as it is.
    Ignore,
    /// Nothing at all means INSUFFICIENT_DATA (the default).
    Missing,
}

impl TreatMissing {
    /// The treatment that the configuration asks for. Alarms on `AWS/DynamoDB` always ignore missing data.
    pub fn of(configuration: &AlarmConfiguration) -> Self {
        if configuration.namespace == "AWS/DynamoDB" {
            return TreatMissing::Ignore;
        }
        match configuration.treat_missing_data.as_deref() {
            Some("breaching") => TreatMissing::Breaching,
            Some("notBreaching") => TreatMissing::NotBreaching,
            Some("ignore") => TreatMissing::Ignore,
            _ => TreatMissing::Missing,
        }
    }
}

/// Why a state was reached: what the reason's text is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The state.
    pub state: AlarmState,
    /// The real points that were looked at, oldest first.
    pub evaluated: Vec<(Timestamp, Point)>,
    /// How many missing points were filled in.
    pub filled: usize,
}

/// The change of state that `slots` (oldest first, one per period) demand of `alarm`; `None` when it stays as it is.
pub fn next_state(alarm: &Alarm, slots: &[Slot], now: Timestamp) -> Option<StateChange> {
    let verdict = judge(&alarm.configuration, slots)?;
    if verdict.state == alarm.state {
        return None;
    }
    Some(StateChange {
        state: verdict.state,
        reason: reason::text(&alarm.configuration, &verdict),
        reason_data: Some(reason::data(&alarm.configuration, &verdict, slots, now)),
        at: now,
        memory: None,
        due: None,
    })
}

/// N as an index.
pub fn evaluation_periods(configuration: &AlarmConfiguration) -> usize {
    usize::try_from(configuration.evaluation_periods).unwrap_or(1).max(1)
}

/// M as an index: DatapointsToAlarm, or N where it is absent.
pub fn datapoints_to_alarm(configuration: &AlarmConfiguration) -> usize {
    let all = evaluation_periods(configuration);
    configuration.datapoints_to_alarm.and_then(|m| usize::try_from(m).ok()).unwrap_or(all).clamp(1, all)
}

/// True when a point breaches the threshold, or lies outside of its band on a side that counts.
pub fn breaches(configuration: &AlarmConfiguration, point: &Point) -> bool {
    let (value, threshold) = (point.value, configuration.threshold);
    if let Some(band) = point.band {
        return match configuration.comparison_operator.as_str() {
            "LessThanLowerThreshold" => value < band.lower,
            "GreaterThanUpperThreshold" => value > band.upper,
            _ => value < band.lower || value > band.upper,
        };
    }
    match configuration.comparison_operator.as_str() {
        "GreaterThanOrEqualToThreshold" => value >= threshold,
        "LessThanThreshold" => value < threshold,
        "LessThanOrEqualToThreshold" => value <= threshold,
        _ => value > threshold,
    }
}

/// The state that the rule gives `slots` (oldest first, one per period); `None` for "keep what it is".
pub fn judge(configuration: &AlarmConfiguration, slots: &[Slot]) -> Option<Verdict> {
    let (n, m) = (evaluation_periods(configuration), datapoints_to_alarm(configuration));
    let real: Vec<(Timestamp, Point)> = slots.iter().filter_map(|slot| Some((slot.start, slot.point?))).collect();
    let evaluated = real[real.len().saturating_sub(n)..].to_vec();
    if let Some(needed) = samples_needed(configuration)
        && evaluated.iter().any(|(_, point)| point.sample_count.is_some_and(|count| count < needed))
    {
        return None;
    }
    let breaching = evaluated.iter().filter(|(_, point)| breaches(configuration, point)).count();
    let filled = n.saturating_sub(evaluated.len());
    let treat = TreatMissing::of(configuration);
    let state = match treat {
        _ if filled == 0 => alarm_if(breaching >= m),
        TreatMissing::Breaching => alarm_if(breaching + filled >= m),
        TreatMissing::NotBreaching => alarm_if(breaching >= m),
        TreatMissing::Missing if evaluated.is_empty() => AlarmState::InsufficientData,
        TreatMissing::Ignore if evaluated.is_empty() => return None,
        _ if breaching >= m => AlarmState::Alarm,
        _ if premature(configuration, slots, m) => match treat {
            TreatMissing::Ignore => return None,
            _ => AlarmState::Alarm,
        },
        _ => AlarmState::Ok,
    };
    Some(Verdict { state, evaluated, filled })
}

fn alarm_if(alarm: bool) -> AlarmState {
    if alarm { AlarmState::Alarm } else { AlarmState::Ok }
}

/// The premature rule: fewer than M points, the oldest breaching one at least M periods back, and since then nothing
/// but breaching or missing ones.
fn premature(configuration: &AlarmConfiguration, slots: &[Slot], m: usize) -> bool {
    let is_breaching = |slot: &Slot| slot.point.is_some_and(|point| breaches(configuration, &point));
    if slots.iter().filter(|slot| slot.point.is_some()).count() >= m {
        return false;
    }
    let Some(oldest) = slots.iter().position(is_breaching) else { return false };
    let since = &slots[oldest..];
    since.len() >= m && since.iter().all(|slot| slot.point.is_none() || is_breaching(slot))
}

/// How many samples a period needs before its percentile means something, when the alarm asks to ignore low counts.
fn samples_needed(configuration: &AlarmConfiguration) -> Option<f64> {
    if configuration.evaluate_low_sample_count_percentile.as_deref() != Some("ignore") {
        return None;
    }
    Some(Statistic::parse(configuration.extended_statistic.as_deref()?).ok()?.samples_needed())
}
