//! Metric data by period: which periods and start times are legal, and the buckets that statistics are computed over.
//!
//! What CloudWatch does (GetMetricStatistics and GetMetricData reference):
//! - A period is 1, 5, 10, 20 or 30 seconds or a multiple of 60.
//! - StartTime is rounded down: to the minute when it is less than 15 days ago, to 5 minutes up to 63 days, to the
//!   hour beyond; with a period below a minute, to a multiple of the period. Periods are counted from the rounded
//!   StartTime. StartTime is inclusive, EndTime exclusive.
//! - Data of standard resolution belong to their whole minute: a period of 10 seconds shows them at second 0 only.
//!
//! - Fine resolutions go with age (`limits::METRIC_TIERS`): data older than 3 hours belong to their minute, older than 15
//!   days to their 5 minutes, older than 63 days to their hour; a period finer than what is left has no data. Here this
//!   goes by the time of the data alone, so an answer does not depend on when the store rolled them up.

use model::time::{DAY, HOUR, MINUTE, SECOND};
use model::{SeriesKey, TimeRange, Timestamp};
use std::sync::Arc;
use store::Store;

use crate::Error;
use crate::statistics::{Samples, Statistic};

mod gather;

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
    /// Whether statistics that need raw samples will be asked (those that are not plain): it costs memory and time.
    pub raw: bool,
}

/// The samples of one unit in one period.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// First instant of the period.
    pub start: Timestamp,
    /// Unit of the data.
    pub unit: String,
    /// What was observed; never empty.
    pub samples: Samples,
}

impl Bucket {
    /// A statistic of this bucket; `None` when it is not available (see `Statistic::evaluate`).
    pub fn evaluate(&self, statistic: &Statistic) -> Option<f64> {
        self.samples.evaluate(statistic)
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
    let series = series(store, query);
    let groups = (0..series.len()).collect();
    let found = grouped_periods(store, &series, groups, Cut::of(query)).await?;
    let mut buckets = Vec::new();
    for (key, periods) in series.iter().zip(found) {
        buckets.extend(periods.into_iter().map(|(start, samples)| Bucket { start, unit: key.unit.clone(), samples }));
    }
    buckets.sort_by(|a, b| (a.start, &a.unit).cmp(&(b.start, &b.unit)));
    Ok(buckets)
}

/// The periods of a metric that have data, ascending, with the samples of all units together.
pub async fn periods(store: &Store, query: &MetricQuery) -> Result<Vec<(Timestamp, Samples)>, Error> {
    let series = series(store, query);
    let groups = vec![0; series.len()];
    Ok(grouped_periods(store, &series, groups, Cut::of(query)).await?.pop().unwrap_or_default())
}

/// `periods` of several metrics, in their order, read at once: of all of them in `range`, with the period and the `raw` of the
/// first.
pub async fn periods_of_all(
    store: &Store,
    queries: &[&MetricQuery],
    range: TimeRange,
) -> Result<Vec<Vec<(Timestamp, Samples)>>, Error> {
    let Some(first) = queries.first() else { return Ok(Vec::new()) };
    let (mut all, mut groups) = (Vec::new(), Vec::new());
    for (group, query) in queries.iter().enumerate() {
        let series = series(store, query);
        groups.extend(series.iter().map(|_| group));
        all.extend(series);
    }
    let cut = Cut { range, ..Cut::of(first) };
    let mut periods = grouped_periods(store, &all, groups, cut).await?;
    // The last metrics may be unknown.
    periods.resize(queries.len(), Vec::new());
    Ok(periods)
}

/// How to cut data into periods.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    /// What to read; periods are counted from its start.
    pub range: TimeRange,
    /// Length of a period, milliseconds, positive.
    pub period_ms: i64,
    /// As in `MetricQuery`.
    pub raw: bool,
}

impl Cut {
    fn of(query: &MetricQuery) -> Self {
        Self { range: query.range, period_ms: query.period_ms, raw: query.raw }
    }
}

/// The periods of groups of series that have data, ascending: `groups` says, for each series, which group it belongs to.
pub async fn grouped_periods(
    store: &Store,
    series: &[Arc<SeriesKey>],
    groups: Vec<usize>,
    cut: Cut,
) -> Result<Vec<Vec<(Timestamp, Samples)>>, Error> {
    if series.is_empty() || cut.range.is_empty() {
        return Ok(vec![Vec::new(); groups.iter().max().map_or(0, |last| last + 1)]);
    }
    // A point counts at the start of its minute or hour, so all of the last one is wanted.
    let tiers = store.metric_tiers();
    let step_ms = i64::from(tiers.resolution_secs(cut.range.end - 1).max(60)) * SECOND;
    let range = TimeRange::new(cut.range.start.floor_to(MINUTE), cut.range.end.ceil_to(step_ms));
    Ok(store.gather_series(series, range, gather::Periods::new(cut, tiers, groups)).await?.into_lists())
}

fn series(store: &Store, query: &MetricQuery) -> Vec<Arc<SeriesKey>> {
    let unit = query.unit.as_deref();
    store.find_series(&query.account, &query.region, &query.namespace, &query.name, &query.dimensions, unit)
}

fn start_step_ms(now: Timestamp, start: Timestamp, period_ms: i64) -> i64 {
    match now - start {
        _ if (1..MINUTE).contains(&period_ms) => period_ms,
        age if age < 15 * DAY => MINUTE,
        age if age <= 63 * DAY => 5 * MINUTE,
        _ => HOUR,
    }
}

#[cfg(test)]
mod tests;
