//! PromQL over the metrics of a scope: finds the series that a query selects, reads them, and has them evaluated.
//!
//! Series are read in periods of a minute, or of what is kept at their age (`limits::METRIC_TIERS`); a sample's time is the start
//! of its period.

use crate::Watch;
use model::limits::PROMQL_SAMPLES_MAX;
use model::time::{DAY, HOUR, MINUTE, SECOND};
use model::{Scope, SeriesKey, TimeRange, Timestamp};
use query::metrics::{Cut, grouped_periods};
use query::promql::{ErrorType, Labels, PromValue, PromqlError, Query, Selected, Selector, labels_of};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::SeriesFilter;

/// How many series are looked at between two chances for other requests.
const LISTED: usize = 8192;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The query is wrong, or fails on its data.
    #[error(transparent)]
    Promql(#[from] PromqlError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] query::Error),
    /// The computation has panicked.
    #[error("compute the answer: {0}")]
    Compute(#[from] tokio::task::JoinError),
}

/// The answer at one instant.
pub async fn instant(watch: &Watch, scope: &Scope, text: &str, at: Timestamp) -> Result<PromValue, Failure> {
    instant_of(watch, scope, text, at, Timestamp::MAX).await
}

/// The answer of an evaluation at `at` of an alarm: of data from before it, to ten seconds, as metric alarms see them. So an
/// evaluation that is replayed later sees what was there.
pub async fn evaluated(watch: &Watch, scope: &Scope, text: &str, at: Timestamp) -> Result<PromValue, Failure> {
    instant_of(watch, scope, text, at, at.floor_to(10 * SECOND)).await
}

/// The answer at an instant, of data from before another.
async fn instant_of(
    watch: &Watch,
    scope: &Scope,
    text: &str,
    at: Timestamp,
    before: Timestamp,
) -> Result<PromValue, Failure> {
    let query = Query::parse(text)?;
    let selectors = query.selectors(at.0, at.0, 0)?;
    let data = select_all(watch, scope, &selectors, before).await?;
    computed(query, move |query| query.instant(&data, at.0, PROMQL_SAMPLES_MAX)).await
}

/// The answer at the start and every `step_ms` after it, up to the end.
pub async fn range(
    watch: &Watch,
    scope: &Scope,
    text: &str,
    (start, end): (Timestamp, Timestamp),
    step_ms: i64,
) -> Result<PromValue, Failure> {
    let query = Query::parse(text)?;
    let selectors = query.selectors(start.0, end.0, step_ms)?;
    let data = select_all(watch, scope, &selectors, Timestamp::MAX).await?;
    computed(query, move |query| query.range(&data, start.0, end.0, step_ms, PROMQL_SAMPLES_MAX)).await
}

/// Millions of samples take a while: they are computed on a thread of their own, which stops when nobody waits any more.
async fn computed(
    query: Query,
    compute: impl FnOnce(&Query) -> Result<PromValue, PromqlError> + Send + 'static,
) -> Result<PromValue, Failure> {
    let _stopped = StopOnDrop(query.stop());
    Ok(tokio::task::spawn_blocking(move || compute(&query)).await??)
}

/// Stops a computation when its caller is gone.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The labels of each series that one of the selectors `matches` selects (all series without one), at most `max`, in order.
/// Only series written to since `from` count.
pub async fn series(
    watch: &Watch,
    scope: &Scope,
    matches: &[String],
    from: Timestamp,
    max: usize,
) -> Result<Vec<Labels>, Failure> {
    let mut selectors = Vec::new();
    for text in matches {
        let query = Query::parse(text)?;
        let found = query.selectors(from.0, from.0, 0)?;
        let [selector] = found.as_slice() else {
            let message = format!("invalid parameter \"match[]\": {text} is not one series selector");
            return Err(PromqlError { error_type: ErrorType::BadData, message }.into());
        };
        selectors.push(selector.clone());
    }
    let mut found = BTreeSet::new();
    if selectors.is_empty() {
        visit(watch, scope, None, from, &mut |_, labels| {
            found.insert(labels);
            found.len() < max
        })
        .await;
    }
    for selector in &selectors {
        visit(watch, scope, Some(selector), from, &mut |_, labels| {
            found.insert(labels);
            found.len() < max
        })
        .await;
    }
    Ok(found.into_iter().take(max).collect())
}

/// Shows the series that a selector selects, until `show` says false.
async fn visit(
    watch: &Watch,
    scope: &Scope,
    selector: Option<&Selector>,
    from: Timestamp,
    show: &mut (dyn FnMut(Arc<SeriesKey>, Labels) -> bool + Send),
) {
    let equal = |label: &str| selector.and_then(|selector| selector.equal_to(label)).map(str::to_owned);
    let filter = SeriesFilter {
        account: scope.account.clone(),
        region: scope.region.clone(),
        namespace: equal("@aws.namespace"),
        name: selector.and_then(Selector::metric).map(str::to_owned),
        dimensions: Vec::new(),
        active_since: Some(from),
    };
    for chunk in watch.store.list_series(&filter).chunks(LISTED) {
        for key in chunk {
            let labels = labels_of(key);
            if selector.is_none_or(|selector| selector.matches(&labels)) && !show(Arc::clone(key), labels) {
                return;
            }
        }
        // Matching never waits by itself.
        tokio::task::yield_now().await;
    }
}

async fn select_all(
    watch: &Watch,
    scope: &Scope,
    selectors: &[Selector],
    before: Timestamp,
) -> Result<Vec<Selected>, Failure> {
    let mut data = Vec::with_capacity(selectors.len());
    let mut left = PROMQL_SAMPLES_MAX;
    for selector in selectors {
        let selected = select(watch, scope, selector, before, left).await?;
        left = left.saturating_sub(selected.iter().map(|(_, samples)| samples.len()).sum());
        data.push(selected);
    }
    Ok(data)
}

async fn select(
    watch: &Watch,
    scope: &Scope,
    selector: &Selector,
    before: Timestamp,
    samples_max: usize,
) -> Result<Selected, Failure> {
    if selector.range.is_empty() {
        return Ok(Vec::new());
    }
    let mut keys = Vec::new();
    let mut labels = Vec::new();
    visit(watch, scope, Some(selector), selector.range.start, &mut |key, of| {
        keys.push(key);
        labels.push(of);
        true
    })
    .await;
    let now = watch.clock.now();
    let period_ms = period_ms(now, selector.range.start);
    let range =
        TimeRange::new(selector.range.start.floor_to(period_ms), selector.range.end.min(now + HOUR).min(before));
    let periods = ((range.end - range.start).max(0) / period_ms).saturating_add(1);
    let most = i64::try_from(keys.len()).unwrap_or(i64::MAX).saturating_mul(periods);
    if most > i64::try_from(samples_max).unwrap_or(i64::MAX) {
        return Err(PromqlError {
            error_type: ErrorType::Execution,
            message: "query processing would load too many samples into memory in query execution".to_owned(),
        }
        .into());
    }
    let cut = Cut { range, period_ms, raw: !selector.statistic.is_plain() };
    let read = grouped_periods(&watch.store, &keys, (0..keys.len()).collect(), cut).await?;
    let samples = read.into_iter().map(|periods| {
        let within = periods.into_iter().filter(|(start, _)| selector.range.contains(*start));
        within
            .filter_map(|(start, samples)| Some((start.0, samples.evaluate(&selector.statistic)?)))
            .collect::<Vec<_>>()
    });
    let selected = labels.into_iter().zip(samples).filter(|(_, samples)| !samples.is_empty());
    Ok(selected.collect())
}

/// The finest period that has data as old as that.
fn period_ms(now: Timestamp, from: Timestamp) -> i64 {
    match now - from {
        age if age < 15 * DAY => MINUTE,
        age if age < 63 * DAY => 5 * MINUTE,
        _ => HOUR,
    }
}
