//! GetMetricData: the values of up to 500 queries, in pages of up to 100,800 datapoints.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>. Newest first unless
//! `ScanBy` says otherwise; StartTime inclusive, EndTime exclusive; a token continues the same request only.
//!
//! What differs: a page holds whole queries in their order and at most one in part (`PartialData`), which the next page
//! continues; so do requests with expressions (`expressions.rs`). Metrics Insights and SEARCH have no limit of age; a request may
//! have more than one Metrics Insights query. Data of accounts that do not share it: Forbidden; those that a link shares are read
//! by `AccountId`, and found by searches and Metrics Insights queries. Metrics of another region are read by a dimension of our own
//! (`regions.rs`).

use super::refuse;
use super::token::Binding;
use crate::Watch;
use crate::linked::Linked;
use crate::metric_data::{self, Context, MetricSource, Query, Source};
use crate::regions;
use model::limits::{METRIC_DATAPOINTS_MAX, METRIC_FUTURE_MS_MAX, METRIC_QUERIES_MAX, METRIC_RETENTION_MS};
use model::{Caller, TimeRange, Timestamp};
use query::dynamic_label::UtcOffset;
use query::metric_math::Series;
use query::metrics::{self, MetricQuery};
use query::statistics::Samples;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wire::ApiError;
use wire::cloudwatch::{GetMetricDataInput, GetMetricDataOutput, LabelOptions, MetricDataQuery, MetricDataResult};

mod expressions;

/// Where a page ended: the query to go on with, and how many of its periods are done, in scan order.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Cursor {
    query: usize,
    done: i64,
}

/// A query of one metric that returns data.
#[derive(Debug, Clone)]
struct Plan {
    id: String,
    label: Option<String>,
    source: MetricSource,
    query: MetricQuery,
    forbidden: bool,
}

pub async fn get_metric_data(
    watch: &Watch,
    caller: &Caller,
    input: GetMetricDataInput,
) -> Result<GetMetricDataOutput, ApiError> {
    if let Some(mistake) = refuse::empty_range(input.start_time, input.end_time) {
        return Err(refuse::validation(mistake));
    }
    let page_max = page_max(input.max_datapoints)?;
    let ascending = input.scan_by.as_deref() == Some("TimestampAscending");
    let offset = offset(input.label_options)?;
    let binding = Binding::new(&(
        "GetMetricData",
        &caller.scope,
        &input.metric_data_queries,
        (input.start_time, input.end_time, ascending),
    ));
    let asked = TimeRange::new(input.start_time, input.end_time);
    regions::authorize(watch, caller, regions::dimensions(&input.metric_data_queries))?;
    let linked = Linked::of_queries(watch, &caller.scope, &input.metric_data_queries).await?;
    let context = Context { watch, scope: &caller.scope, linked: &linked, asked, now: watch.clock.now(), offset };
    let (queries, order) = checked(caller, &linked, input.metric_data_queries)?;
    if queries.iter().any(|query| !matches!(query.source, Source::Metric(_))) {
        let paging = expressions::Paging { binding, token: input.next_token, ascending, page_max };
        return expressions::get(&context, &queries, &order, paging).await;
    }
    let cursor: Cursor = binding.cursor(input.next_token.as_deref())?.unwrap_or_default();
    let plans: Vec<Plan> = queries.into_iter().filter_map(|query| plan(&context, query)).collect();
    let (results, next) = pages(&context, &plans, cursor, ascending, page_max).await?;
    Ok(GetMetricDataOutput {
        metric_data_results: Some(results),
        next_token: next.map(|cursor| binding.token(&cursor)).transpose()?,
        messages: Some(Vec::new()),
    })
}

/// The next page of queries of single metrics, and where it ended.
async fn pages(
    context: &Context<'_>,
    plans: &[Plan],
    cursor: Cursor,
    ascending: bool,
    page_max: usize,
) -> Result<(Vec<MetricDataResult>, Option<Cursor>), ApiError> {
    let (watch, now) = (context.watch, context.now);
    let mut results = Vec::new();
    let mut left = page_max;
    let Cursor { query: mut index, mut done } = cursor;
    while let Some(plan) = plans.get(index) {
        if left == 0 {
            return Ok((results, Some(Cursor { query: index, done })));
        }
        let run = &plans[index..index + if done == 0 { together(&plans[index..], left, now) } else { 0 }];
        if run.len() > 1 {
            for (plan, points) in run.iter().zip(read_together(watch, run, ascending, now).await?) {
                left = left.saturating_sub(points.len());
                results.push(result(context, plan, points, ascending, false));
            }
            index += run.len();
            continue;
        }
        let (points, rest) = read(watch, plan, ascending, done, left, now).await?;
        left = left.saturating_sub(points.len());
        results.push(result(context, plan, points, ascending, rest.is_some()));
        // Reading from memory never waits by itself: hundreds of queries give way to other requests in between.
        tokio::task::yield_now().await;
        if let Some(done) = rest {
            return Ok((results, Some(Cursor { query: index, done })));
        }
        (index, done) = (index + 1, 0);
    }
    Ok((results, None))
}

fn page_max(asked: Option<i32>) -> Result<usize, ApiError> {
    match asked.map(usize::try_from) {
        None => Ok(METRIC_DATAPOINTS_MAX),
        Some(Ok(max)) if (1..=METRIC_DATAPOINTS_MAX).contains(&max) => Ok(max),
        Some(_) => Err(refuse::validation(format!(
            "The value {} for parameter MaxDatapoints must be between 1 and {METRIC_DATAPOINTS_MAX}.",
            asked.unwrap_or_default()
        ))),
    }
}

fn offset(options: Option<LabelOptions>) -> Result<UtcOffset, ApiError> {
    match options.and_then(|options| options.timezone) {
        None => Ok(UtcOffset::default()),
        Some(timezone) => UtcOffset::parse(&timezone).map_err(|error| refuse::validation(error.to_string())),
    }
}

/// Checks all queries, those with `ReturnData` false too; one at least must return data.
fn checked(
    caller: &Caller,
    linked: &Linked,
    queries: Vec<MetricDataQuery>,
) -> Result<(Vec<Query>, Vec<usize>), ApiError> {
    if queries.is_empty() {
        return Err(refuse::validation("The parameter MetricDataQueries is required."));
    }
    if queries.len() > METRIC_QUERIES_MAX {
        return Err(refuse::validation(refuse::too_many("MetricDataQueries", METRIC_QUERIES_MAX)));
    }
    let (queries, order) = metric_data::plan(&caller.scope, linked, queries, "MetricDataQueries")?;
    if !queries.iter().any(|query| query.returned) {
        return Err(refuse::validation("At least one of the MetricDataQueries must return data."));
    }
    Ok((queries, order))
}

/// The plan of a query of one metric; `None` when it returns nothing.
fn plan(context: &Context<'_>, query: Query) -> Option<Plan> {
    let Source::Metric(source) = query.source else { return None };
    query.returned.then(|| Plan {
        id: query.id,
        label: query.label,
        query: MetricQuery {
            range: metrics::round_range(context.now, context.asked, source.period_ms),
            ..source.query(context.asked, context.now)
        },
        source,
        forbidden: query.forbidden,
    })
}

/// Up to `max` points in scan order, going on after `done` periods; with them, how many periods are done when more are left.
///
/// The periods are read in chunks, so that a range of years costs no more memory than a page.
async fn read(
    watch: &Watch,
    plan: &Plan,
    ascending: bool,
    done: i64,
    max: usize,
    now: Timestamp,
) -> Result<(Vec<(Timestamp, f64)>, Option<i64>), ApiError> {
    let mut points = Vec::new();
    if plan.forbidden {
        return Ok((points, None));
    }
    let (first, last) = stored_periods(&plan.query, now);
    let total = (last - first).max(0);
    let chunk = i64::try_from(METRIC_DATAPOINTS_MAX).unwrap_or(i64::MAX);
    let mut done = done.clamp(0, total);
    while done < total {
        let step = chunk.min(total - done);
        let low = if ascending { first + done } else { last - done - step };
        let mut read = read_periods(watch, plan, low, low + step).await?;
        if !ascending {
            read.reverse();
        }
        for (start, value) in read {
            if points.len() == max {
                // Before this period: everything earlier in scan order has been told.
                let index = (start - plan.query.range.start) / plan.query.period_ms;
                return Ok((points, Some(if ascending { index - first } else { last - 1 - index })));
            }
            points.push((start, value));
        }
        done += step;
    }
    Ok((points, None))
}

/// How many plans, from the first on, can be read at once: they ask for the same periods, all of which fit in what is left of
/// the page.
fn together(plans: &[Plan], left: usize, now: Timestamp) -> usize {
    let Some(first) = plans.first().map(|plan| &plan.query) else { return 0 };
    let same = |plan: &&Plan| {
        let query = &plan.query;
        !plan.forbidden && !query.raw && query.range == first.range && query.period_ms == first.period_ms
    };
    let (low, high) = stored_periods(first, now);
    let each = usize::try_from(high - low).unwrap_or(0).max(1);
    plans.iter().take(left / each).take_while(same).count()
}

/// All points of plans that can be read at once, each in scan order.
async fn read_together(
    watch: &Watch,
    plans: &[Plan],
    ascending: bool,
    now: Timestamp,
) -> Result<Vec<Vec<(Timestamp, f64)>>, ApiError> {
    let queries: Vec<&MetricQuery> = plans.iter().map(|plan| &plan.query).collect();
    let Some(first) = queries.first() else { return Ok(Vec::new()) };
    let (low, high) = stored_periods(first, now);
    let read = metrics::periods_of_all(&watch.store, &queries, span(first, low, high)).await?;
    let points = |(plan, periods): (&Plan, Vec<(Timestamp, Samples)>)| {
        let values =
            periods.into_iter().filter_map(|(start, samples)| Some((start, samples.evaluate(&plan.source.statistic)?)));
        let mut points: Vec<(Timestamp, f64)> = values.collect();
        if !ascending {
            points.reverse();
        }
        points
    };
    Ok(plans.iter().zip(read).map(points).collect())
}

/// The time of periods `low` to `high` (exclusive) of a query.
fn span(query: &MetricQuery, low: i64, high: i64) -> TimeRange {
    let at = |index: i64| query.range.start + index.saturating_mul(query.period_ms);
    TimeRange::new(at(low), at(high).min(query.range.end))
}

/// The periods of the query's range, counted from its start, in which data can be stored: from retention to now.
fn stored_periods(query: &MetricQuery, now: Timestamp) -> (i64, i64) {
    let count = metrics::datapoint_count(query.range, query.period_ms);
    let index = |at: Timestamp| ((at - query.range.start) / query.period_ms.max(1)).clamp(0, count);
    let last = index(now + METRIC_FUTURE_MS_MAX).saturating_add(1).min(count);
    (index(now - METRIC_RETENTION_MS), last)
}

/// The points of periods `low` to `high` (exclusive), ascending.
async fn read_periods(watch: &Watch, plan: &Plan, low: i64, high: i64) -> Result<Vec<(Timestamp, f64)>, ApiError> {
    let query = MetricQuery { range: span(&plan.query, low, high), ..plan.query.clone() };
    // Without a unit, data of several units are taken together: a result has room for one value per period only.
    let periods = metrics::periods(&watch.store, &query).await?;
    Ok(periods
        .into_iter()
        .filter_map(|(start, samples)| Some((start, samples.evaluate(&plan.source.statistic)?)))
        .collect())
}

fn result(
    context: &Context<'_>,
    plan: &Plan,
    points: Vec<(Timestamp, f64)>,
    ascending: bool,
    partial: bool,
) -> MetricDataResult {
    let status = if plan.forbidden {
        "Forbidden"
    } else if partial {
        "PartialData"
    } else {
        "Complete"
    };
    let label = match plan.label.as_deref() {
        None => plan.source.name.clone(),
        Some(label) if !label.contains("${") => label.to_owned(),
        Some(label) => dynamic_label(context, plan, label, &points, ascending),
    };
    data_result(plan.id.clone(), label, points, status)
}

/// The dynamic parts are about the points of this page.
fn dynamic_label(
    context: &Context<'_>,
    plan: &Plan,
    label: &str,
    points: &[(Timestamp, f64)],
    ascending: bool,
) -> String {
    let mut in_order: Vec<(i64, f64)> = points.iter().map(|(start, value)| (start.0, *value)).collect();
    if !ascending {
        in_order.reverse();
    }
    let (times, values): (Vec<i64>, Vec<f64>) = in_order.into_iter().unzip();
    let series = Series {
        id: None,
        label: plan.source.name.clone(),
        period_ms: plan.source.period_ms,
        timestamps: times.into(),
        values,
        metric: Some(Arc::new(metric_data::identity(&plan.source))),
        has_dropped: false,
    };
    metric_data::render(context, label, &series)
}

fn data_result(id: String, label: String, points: Vec<(Timestamp, f64)>, status: &str) -> MetricDataResult {
    let (timestamps, values) = points.into_iter().unzip();
    MetricDataResult {
        id: Some(id),
        label: Some(label),
        timestamps: Some(timestamps),
        values: Some(values),
        status_code: Some(status.to_owned()),
        messages: None,
    }
}
