//! Reads statistics of metrics: those of one period at once.

use super::MetricSource;
use crate::Watch;
use crate::cloudwatch::refuse;
use model::limits::{METRIC_FUTURE_MS_MAX, METRIC_MATH_POINTS_MAX, METRIC_RETENTION_MS};
use model::{TimeRange, Timestamp};
use query::metrics::{self, MetricQuery};
use query::statistics::{Samples, Statistic};
use std::collections::HashMap;
use std::sync::Arc;
use wire::ApiError;

/// A statistic, period by period.
#[derive(Debug, Clone)]
pub struct Points {
    /// Starts of periods, milliseconds, ascending; one list for all metrics that have the same.
    pub timestamps: Arc<[i64]>,
    /// The value of each.
    pub values: Vec<f64>,
}

impl MetricSource {
    /// The question to the store over `asked`, rounded as CloudWatch does.
    pub fn query(&self, asked: TimeRange, now: Timestamp) -> MetricQuery {
        MetricQuery {
            account: self.account.clone(),
            region: self.region.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            dimensions: self.dimensions.clone(),
            unit: self.unit.clone(),
            period_ms: self.period_ms,
            range: stored(metrics::round_range(now, asked, self.period_ms), self.period_ms, now),
            raw: !self.statistic.is_plain(),
        }
    }
}

/// `range` without the whole periods in which no data can be: before retention, and in the future.
pub fn stored(range: TimeRange, period_ms: i64, now: Timestamp) -> TimeRange {
    let period_ms = period_ms.max(1);
    let before = (now - METRIC_RETENTION_MS - range.start).max(0) / period_ms * period_ms;
    TimeRange::new(range.start + before, range.end.min(now + METRIC_FUTURE_MS_MAX + period_ms))
}

/// Refuses to load more points than a request may.
pub fn check_size(metrics: usize, range: TimeRange, period_ms: i64) -> Result<(), ApiError> {
    let periods = metrics::datapoint_count(range, period_ms);
    let points = i64::try_from(metrics).unwrap_or(i64::MAX).saturating_mul(periods);
    if points > METRIC_MATH_POINTS_MAX {
        return Err(refuse::validation(format!(
            "The request needs up to {points} data points, which exceeds the limit of {METRIC_MATH_POINTS_MAX}. Ask for a longer \
             Period, a shorter time range, or fewer metrics."
        )));
    }
    Ok(())
}

/// The points of each source over `asked`, in their order.
pub async fn points_of(
    watch: &Watch,
    sources: &[&MetricSource],
    asked: TimeRange,
    now: Timestamp,
) -> Result<Vec<Points>, ApiError> {
    let queries: Vec<MetricQuery> = sources.iter().map(|source| source.query(asked, now)).collect();
    let mut alike: HashMap<(i64, bool), Vec<usize>> = HashMap::new();
    for (at, query) in queries.iter().enumerate() {
        alike.entry((query.period_ms, query.raw)).or_default().push(at);
    }
    let mut found: Vec<Option<Points>> = vec![None; sources.len()];
    for places in alike.into_values() {
        let Some(first) = places.first().map(|at| &queries[*at]) else { continue };
        check_size(places.len(), first.range, first.period_ms)?;
        let group: Vec<&MetricQuery> = places.iter().map(|at| &queries[*at]).collect();
        let periods = metrics::periods_of_all(&watch.store, &group, first.range).await?;
        let mut shared = SharedTimes::default();
        for (at, periods) in places.into_iter().zip(periods) {
            found[at] = Some(shared.points(periods, &sources[at].statistic));
        }
    }
    Ok(found.into_iter().map(|points| points.unwrap_or_else(|| SharedTimes::default().of(&[], Vec::new()))).collect())
}

/// Gives equal lists of times the same place in memory, so that math over them needs no alignment.
#[derive(Default)]
pub struct SharedTimes {
    last: Option<Arc<[i64]>>,
    scratch: Vec<i64>,
}

impl SharedTimes {
    /// The points of a statistic.
    pub fn points(&mut self, periods: Vec<(Timestamp, Samples)>, statistic: &Statistic) -> Points {
        let mut times = std::mem::take(&mut self.scratch);
        times.clear();
        let mut values = Vec::with_capacity(periods.len());
        for (start, samples) in periods {
            if let Some(value) = samples.evaluate(statistic) {
                times.push(start.0);
                values.push(value);
            }
        }
        let points = self.of(&times, values);
        self.scratch = times;
        points
    }

    /// Points at these times.
    pub fn of(&mut self, times: &[i64], values: Vec<f64>) -> Points {
        let timestamps = match &self.last {
            Some(last) if **last == *times => Arc::clone(last),
            _ => Arc::from(times),
        };
        self.last = Some(Arc::clone(&timestamps));
        Points { timestamps, values }
    }
}
