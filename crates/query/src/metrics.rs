//! Metric data by period: which periods and start times are legal, and the buckets that statistics are computed over.
//!
//! What CloudWatch does (GetMetricStatistics and GetMetricData reference):
//! - A period is 1, 5, 10, 20 or 30 seconds or a multiple of 60.
//! - StartTime is rounded down: to the minute when it is less than 15 days ago, to 5 minutes up to 63 days, to the
//!   hour beyond; with a period below a minute, to a multiple of the period. Periods are counted from the rounded
//!   StartTime. StartTime is inclusive, EndTime exclusive.
//! - Data of standard resolution belong to their whole minute: a period of 10 seconds shows them at second 0 only.
//!
//! What differs: AWS forgets fine resolutions with age (3 hours, 15 days, 63 days) and returns nothing for a period
//! finer than what is left; here everything is kept in the resolution it came in until it expires, so a fine
//! period over old data still answers.

use model::time::{DAY, HOUR, MINUTE, SECOND};
use model::{Observation, TimeRange, Timestamp};
use std::collections::BTreeMap;
use store::{SeriesPoint, Store};

use crate::Error;
use crate::statistics::Statistic;

/// One metric, and how to cut its data.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricQuery {
    /// Twelve-digit account id.
    pub account: String,
    /// Region name.
    pub region: String,
    /// CloudWatch namespace.
    pub namespace: String,
    /// Metric name.
    pub name: String,
    /// Exactly these dimensions, sorted by name.
    pub dimensions: Vec<(String, String)>,
    /// Only data of this unit; `None` reads every unit, each into buckets of its own.
    pub unit: Option<String>,
    /// Length of a bucket, milliseconds, positive.
    pub period_ms: i64,
    /// What to read, rounded with `round_range`; buckets are counted from its start.
    pub range: TimeRange,
}

/// The observations of one unit in one period.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// First instant of the period.
    pub start: Timestamp,
    /// Unit of the data.
    pub unit: String,
    /// What was observed, in order of time; never empty.
    pub observations: Vec<Observation>,
}

impl Bucket {
    /// A statistic of this bucket; `None` when it is not available (see `Statistic::evaluate`).
    pub fn evaluate(&self, statistic: &Statistic) -> Option<f64> {
        let observations: Vec<&Observation> = self.observations.iter().collect();
        statistic.evaluate(&observations)
    }
}

/// A period that CloudWatch does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The value {period_secs} for parameter Period is not valid: it must be 1, 5, 10, 20, 30 or a multiple of 60.")]
pub struct PeriodError {
    /// What was asked for, seconds.
    pub period_secs: i64,
}

/// Checks a period in seconds and gives it in milliseconds.
pub fn check_period(period_secs: i64) -> Result<i64, PeriodError> {
    let is_legal = matches!(period_secs, 1 | 5 | 10 | 20 | 30) || (period_secs >= 60 && period_secs % 60 == 0);
    let period_ms = period_secs.checked_mul(SECOND);
    period_ms.filter(|_| is_legal).ok_or(PeriodError { period_secs })
}

/// `start` rounded down as CloudWatch does: by its age, or to the period when that is below a minute.
pub fn round_start(now: Timestamp, start: Timestamp, period_ms: i64) -> Timestamp {
    start.floor_to(start_step_ms(now, start, period_ms))
}

/// `range` as CloudWatch reads it: the start rounded by `round_start`; the end rounded down to the period when that is
/// below a minute, else left as it is.
pub fn round_range(now: Timestamp, range: TimeRange, period_ms: i64) -> TimeRange {
    let is_fine = (1..MINUTE).contains(&period_ms);
    let end = if is_fine { range.end.floor_to(period_ms) } else { range.end };
    TimeRange::new(round_start(now, range.start, period_ms), end)
}

/// How many datapoints a request may get back: the periods that `range` touches (GetMetricStatistics refuses more than
/// `limits::STATISTICS_DATAPOINTS_MAX`).
pub fn datapoint_count(range: TimeRange, period_ms: i64) -> i64 {
    let span = range.end - range.start;
    if span <= 0 || period_ms <= 0 { 0 } else { (span - 1) / period_ms + 1 }
}

/// The buckets of a metric that have data, ascending by start, then by unit. An unknown metric has none.
pub async fn buckets(store: &Store, query: &MetricQuery) -> Result<Vec<Bucket>, Error> {
    let unit = query.unit.as_deref();
    let series =
        store.find_series(&query.account, &query.region, &query.namespace, &query.name, &query.dimensions, unit);
    if series.is_empty() || query.range.is_empty() {
        return Ok(Vec::new());
    }
    // A point counts at the start of its minute, so all of the last minute is wanted.
    let range = TimeRange::new(query.range.start.floor_to(MINUTE), query.range.end.ceil_to(MINUTE));
    let points = store.scan_series(&series, range).await?;
    let units = series.iter().map(|key| key.unit.as_str());
    Ok(collect_buckets(query, units.zip(points)))
}

fn start_step_ms(now: Timestamp, start: Timestamp, period_ms: i64) -> i64 {
    match now - start {
        _ if (1..MINUTE).contains(&period_ms) => period_ms,
        age if age < 15 * DAY => MINUTE,
        age if age <= 63 * DAY => 5 * MINUTE,
        _ => HOUR,
    }
}

/// Puts the points of several series (with their units) into buckets, ascending by start, then by unit.
fn collect_buckets<'a>(query: &MetricQuery, series: impl Iterator<Item = (&'a str, Vec<SeriesPoint>)>) -> Vec<Bucket> {
    let mut buckets: BTreeMap<(Timestamp, &str), Vec<Observation>> = BTreeMap::new();
    for (unit, points) in series {
        for SeriesPoint { timestamp, resolution_secs, observation } in points {
            let timestamp = point_time(timestamp, resolution_secs, query.period_ms);
            if query.range.contains(timestamp) {
                let start = bucket_start(query, timestamp);
                buckets.entry((start, unit)).or_default().push(observation);
            }
        }
    }
    let bucket =
        |((start, unit), observations): ((Timestamp, &str), _)| Bucket { start, unit: unit.into(), observations };
    buckets.into_iter().map(bucket).collect()
}

/// The instant at which a point counts: its minute, unless both it and the period are finer than that.
fn point_time(timestamp: Timestamp, resolution_secs: u8, period_ms: i64) -> Timestamp {
    let is_fine = resolution_secs < 60 && period_ms < MINUTE;
    if is_fine { timestamp } else { timestamp.floor_to(MINUTE) }
}

fn bucket_start(query: &MetricQuery, timestamp: Timestamp) -> Timestamp {
    let into = timestamp - query.range.start;
    query.range.start + (into - into.rem_euclid(query.period_ms.max(1)))
}

#[cfg(test)]
mod tests;
