//! Series that are found, not named: by SEARCH and by Metrics Insights.

use super::MetricSource;
use super::evaluate::Context;
use super::read::{SharedTimes, check_size, points_of, stored};
use model::Scope;
use model::SeriesKey;
use model::limits::{INSIGHTS_SERIES_MAX, SEARCH_FOUND_MAX};
use model::time::DAY;
use query::metric_math::{MetricIdentity, Series};
use query::metric_search::{Candidate, Search};
use query::metrics::{self, Cut};
use query::metrics_insights::{GroupKey, Metric, MetricsInsights};
use query::statistics::Statistic;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::SeriesFilter;
use wire::ApiError;

/// A metric without data in the range is found when it was written to not longer ago than this (search expression syntax).
const FOUND_WITHOUT_DATA_MS: i64 = 14 * DAY;
/// How many series are looked at between two chances for other requests.
const LISTED: usize = 8192;

/// What a search looks for.
pub struct Sought<'a> {
    /// The search.
    pub search: &'a Search,
    /// The one account to look in; `None` for all that may be read.
    pub account: Option<&'a str>,
    /// Statistic, as the client wrote it.
    pub stat: &'a str,
    /// The same.
    pub statistic: Statistic,
    /// Length of a period, milliseconds.
    pub period_ms: i64,
}

/// The series that a search finds, in key order and the caller's own first, and whether there were more.
pub async fn search(context: &Context<'_>, sought: Sought<'_>) -> Result<(Vec<Series>, bool), ApiError> {
    let mut found = Vec::new();
    for account in accounts(context, sought.account) {
        find(context, account, sought.search, &mut found).await;
        tokio::task::yield_now().await;
    }
    let is_cut = found.len() > SEARCH_FOUND_MAX;
    let sources: Vec<MetricSource> = found
        .iter()
        .take(SEARCH_FOUND_MAX)
        .map(|key| MetricSource {
            account: key.account.clone(),
            region: key.region.clone(),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            dimensions: key.dimensions.clone(),
            unit: None,
            period_ms: sought.period_ms,
            statistic: sought.statistic,
            stat: sought.stat.to_owned(),
        })
        .collect();
    let all: Vec<&MetricSource> = sources.iter().collect();
    let points = points_of(context.watch, &all, context.asked, context.now).await?;
    let labels = labels(&sources);
    let series = sources.iter().zip(points).zip(labels).map(|((source, points), label)| Series {
        id: None,
        label,
        period_ms: sought.period_ms,
        timestamps: points.timestamps,
        values: points.values,
        metric: Some(Arc::new(identity(source))),
        has_dropped: false,
    });
    Ok((series.collect(), is_cut))
}

/// The accounts in which metrics are looked for: the caller's and those linked to it, or the one of them that is asked for.
fn accounts<'a>(context: &Context<'a>, asked: Option<&'a str>) -> Vec<&'a str> {
    let own = std::iter::once(context.scope.account.as_str());
    own.chain(context.linked.accounts()).filter(|account| asked.is_none_or(|asked| asked == *account)).collect()
}

/// True for a metric that may be read.
fn is_readable(context: &Context<'_>, key: &SeriesKey) -> bool {
    key.account == context.scope.account || context.linked.shares(&key.account, &key.namespace)
}

/// Adds what the search finds in one account, until there is more than anybody may get.
async fn find(context: &Context<'_>, account: &str, search: &Search, found: &mut Vec<Arc<SeriesKey>>) {
    let filter = SeriesFilter {
        account: account.to_owned(),
        region: context.scope.region.clone(),
        namespace: search.namespace().map(str::to_owned),
        name: search.metric_name().map(str::to_owned),
        dimensions: search.dimension_names().into_iter().flatten().map(|name| (name.clone(), None)).collect(),
        active_since: Some(context.asked.start.min(context.now - FOUND_WITHOUT_DATA_MS)),
    };
    let mut after: Option<Arc<SeriesKey>> = None;
    while found.len() <= SEARCH_FOUND_MAX {
        let listed = context.watch.store.list_metrics(&filter, after.as_deref(), LISTED);
        let is_last = listed.len() < LISTED;
        after = listed.last().cloned();
        let wanted = |key: &Arc<SeriesKey>| is_readable(context, key) && search.finds(&candidate(key, context.scope));
        found.extend(listed.into_iter().filter(wanted));
        if is_last {
            return;
        }
        tokio::task::yield_now().await;
    }
}

fn candidate<'a>(key: &'a SeriesKey, scope: &Scope) -> Candidate<'a> {
    Candidate {
        account_id: &key.account,
        is_local: key.account == scope.account,
        namespace: &key.namespace,
        metric_name: &key.name,
        dimensions: &key.dimensions,
    }
}

/// Which metric and statistic a source is.
pub fn identity(source: &MetricSource) -> MetricIdentity {
    MetricIdentity {
        account_id: source.account.clone(),
        region: source.region.clone(),
        namespace: source.namespace.clone(),
        metric_name: source.name.clone(),
        dimensions: source.dimensions.clone(),
        stat: source.stat.clone(),
    }
}

/// What tells the metrics apart: the values of dimensions that differ, and the name where it differs or nothing else does.
/// AWS publishes no rule for the labels of a search.
fn labels(sources: &[MetricSource]) -> Vec<String> {
    let names: BTreeSet<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let mut values: BTreeMap<&str, BTreeSet<Option<&str>>> = BTreeMap::new();
    for source in sources {
        for (name, value) in &source.dimensions {
            values.entry(name).or_default().insert(Some(value));
        }
    }
    for (name, values) in &mut values {
        if sources.iter().any(|source| source.dimensions.iter().all(|(known, _)| known != name)) {
            values.insert(None);
        }
    }
    let label = |source: &MetricSource| {
        let differs = |(name, _): &&(String, String)| values.get(name.as_str()).is_some_and(|values| values.len() > 1);
        let mut parts: Vec<&str> = source.dimensions.iter().filter(differs).map(|(_, value)| value.as_str()).collect();
        if names.len() > 1 || parts.is_empty() {
            parts.push(&source.name);
        }
        parts.join(" ")
    };
    sources.iter().map(label).collect()
}

/// Resources have no tags here; `plan` refuses queries for one.
fn metric_of(key: &SeriesKey) -> Metric<'_> {
    Metric { account: &key.account, namespace: &key.namespace, name: &key.name, dimensions: &key.dimensions, tags: &[] }
}

/// The series that a Metrics Insights query answers, in its order; of one account or of all that may be read.
pub async fn insights(
    context: &Context<'_>,
    insights: &MetricsInsights,
    account: Option<&str>,
    period_ms: i64,
) -> Result<Vec<Series>, ApiError> {
    let mut series = Vec::new();
    for account in accounts(context, account) {
        let filter = SeriesFilter {
            account: account.to_owned(),
            region: context.scope.region.clone(),
            namespace: Some(insights.namespace().to_owned()),
            name: Some(insights.metric().to_owned()),
            ..SeriesFilter::default()
        };
        series.extend(context.watch.store.list_series(&filter));
        // There may be a thousand accounts.
        tokio::task::yield_now().await;
    }
    series.retain(|key| is_readable(context, key) && insights.matches(&metric_of(key), &context.scope.account));
    let mut groups: BTreeMap<GroupKey, usize> = BTreeMap::new();
    let places: Vec<usize> = series
        .iter()
        .map(|key| {
            let next = groups.len();
            *groups.entry(insights.group_of(&metric_of(key))).or_insert(next)
        })
        .collect();
    let range = stored(metrics::round_range(context.now, context.asked, period_ms), period_ms, context.now);
    check_size(groups.len(), range, period_ms)?;
    let mut periods =
        metrics::grouped_periods(&context.watch.store, &series, places, Cut { range, period_ms, raw: false })
            .await
            .map_err(ApiError::from)?;
    let of_groups = groups.into_iter().map(|(group, place)| {
        let periods = periods.get_mut(place).map(std::mem::take).unwrap_or_default();
        (group, periods.into_iter().map(|(start, samples)| (start, *samples.totals())).collect::<Vec<_>>())
    });
    let mut shared = SharedTimes::default();
    let names = insights.group_names();
    let answered = insights.evaluate(of_groups.collect::<Vec<_>>(), INSIGHTS_SERIES_MAX);
    Ok(answered
        .into_iter()
        .map(|group| {
            let (times, values): (Vec<i64>, Vec<f64>) =
                group.points.into_iter().map(|(start, value)| (start.0, value)).unzip();
            let points = shared.of(&times, values);
            let metric = MetricIdentity {
                account_id: context.scope.account.clone(),
                region: context.scope.region.clone(),
                namespace: insights.namespace().to_owned(),
                metric_name: insights.metric().to_owned(),
                dimensions: names.iter().cloned().zip(group.group.0).collect(),
                stat: insights.function().name().to_owned(),
            };
            Series {
                id: None,
                label: group.label,
                period_ms,
                timestamps: points.timestamps,
                values: points.values,
                metric: Some(Arc::new(metric)),
                has_dropped: false,
            }
        })
        .collect())
}
