//! GetMetricData: the values of up to 500 queries, in pages of up to 100,800 datapoints.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>. Newest first unless
//! `ScanBy` says otherwise; StartTime inclusive, EndTime exclusive; a token continues the same request only.
//!
//! What differs: metric math (`Expression`) is not implemented yet and is refused by name. A page holds whole queries in
//! their order and at most one in part (`PartialData`), which the next page continues. Data of other accounts: Forbidden.

use super::get_metric_statistics::sorted;
use super::refuse;
use super::token::Binding;
use crate::Watch;
use model::limits::{METRIC_DATAPOINTS_MAX, METRIC_FUTURE_MS_MAX, METRIC_QUERIES_MAX, METRIC_RETENTION_MS};
use model::{Caller, TimeRange, Timestamp};
use query::metrics::{self, MetricQuery};
use query::statistics::{Samples, Statistic};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use wire::ApiError;
use wire::cloudwatch::{GetMetricDataInput, GetMetricDataOutput, MetricDataQuery, MetricDataResult, MetricStat};

/// Where a page ended: the query to go on with, and how many of its periods are done, in scan order.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Cursor {
    query: usize,
    done: i64,
}

/// One query, checked.
#[derive(Debug)]
struct Plan {
    id: String,
    label: String,
    statistic: Statistic,
    query: MetricQuery,
    forbidden: bool,
}

pub async fn get_metric_data(
    watch: &Watch,
    caller: &Caller,
    input: GetMetricDataInput,
) -> Result<GetMetricDataOutput, ApiError> {
    if input.start_time >= input.end_time {
        return Err(refuse::validation("The parameter StartTime must be less than the parameter EndTime."));
    }
    let page_max = page_max(input.max_datapoints)?;
    let ascending = input.scan_by.as_deref() == Some("TimestampAscending");
    let binding = Binding::new(&(
        "GetMetricData",
        &caller.scope,
        &input.metric_data_queries,
        (input.start_time, input.end_time, ascending),
    ));
    let cursor: Cursor = binding.cursor(input.next_token.as_deref())?.unwrap_or_default();
    let now = watch.clock.now();
    let asked = TimeRange::new(input.start_time, input.end_time);
    let plans = plans(caller, input.metric_data_queries, asked, now)?;
    let mut results = Vec::new();
    let mut left = page_max;
    let mut next = None;
    let Cursor { query: mut index, mut done } = cursor;
    while let Some(plan) = plans.get(index) {
        if left == 0 {
            next = Some(Cursor { query: index, done });
            break;
        }
        let run = &plans[index..index + if done == 0 { together(&plans[index..], left, now) } else { 0 }];
        if run.len() > 1 {
            for (plan, points) in run.iter().zip(read_together(watch, run, ascending, now).await?) {
                left = left.saturating_sub(points.len());
                results.push(result(plan, points, false));
            }
            index += run.len();
            continue;
        }
        let (points, rest) = read(watch, plan, ascending, done, left, now).await?;
        left = left.saturating_sub(points.len());
        results.push(result(plan, points, rest.is_some()));
        // Reading from memory never waits by itself: hundreds of queries give way to other requests in between.
        tokio::task::yield_now().await;
        if let Some(done) = rest {
            next = Some(Cursor { query: index, done });
            break;
        }
        (index, done) = (index + 1, 0);
    }
    Ok(GetMetricDataOutput {
        metric_data_results: Some(results),
        next_token: next.map(|cursor| binding.token(&cursor)).transpose()?,
        messages: Some(Vec::new()),
    })
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

/// Checks all queries; those with `ReturnData` false are checked too, then left out.
fn plans(
    caller: &Caller,
    queries: Vec<MetricDataQuery>,
    asked: TimeRange,
    now: Timestamp,
) -> Result<Vec<Plan>, ApiError> {
    if queries.is_empty() {
        return Err(refuse::validation("The parameter MetricDataQueries is required."));
    }
    if queries.len() > METRIC_QUERIES_MAX {
        return Err(refuse::validation(refuse::too_many("MetricDataQueries", METRIC_QUERIES_MAX)));
    }
    let mut ids = HashSet::new();
    let mut plans = Vec::with_capacity(queries.len());
    for (index, query) in queries.into_iter().enumerate() {
        if !ids.insert(query.id.clone()) {
            return Err(refuse::validation("The values for parameter id in MetricDataQueries are not unique."));
        }
        let returned = query.return_data != Some(false);
        let plan = plan(caller, query, &format!("MetricDataQueries.member.{}", index + 1), asked, now)?;
        if returned {
            plans.push(plan);
        }
    }
    if plans.is_empty() {
        return Err(refuse::validation("At least one of the MetricDataQueries must return data."));
    }
    Ok(plans)
}

fn plan(caller: &Caller, query: MetricDataQuery, at: &str, asked: TimeRange, now: Timestamp) -> Result<Plan, ApiError> {
    let is_id = query.id.starts_with(|c: char| c.is_ascii_lowercase())
        && query.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_id {
        return Err(refuse::validation(format!(
            "The value {} for parameter {at}.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.",
            query.id
        )));
    }
    let stat = match (query.metric_stat, query.expression) {
        (Some(_), Some(_)) => {
            let (one, other) = (format!("{at}.MetricStat"), format!("{at}.Expression"));
            return Err(refuse::validation(refuse::exclusive_text(one, other)));
        }
        (Some(stat), None) => stat,
        (None, Some(_)) => {
            return Err(refuse::validation(format!(
                "The parameter {at}.Expression cannot be served: metric math is not implemented yet. Use MetricStat."
            )));
        }
        (None, None) => {
            return Err(refuse::validation(format!(
                "At least one of the parameters {at}.Expression and {at}.MetricStat must be specified."
            )));
        }
    };
    let (statistic, query_of_stat) = stat_query(caller, stat, at, asked, now)?;
    Ok(Plan {
        id: query.id,
        label: query.label.unwrap_or_else(|| query_of_stat.name.clone()),
        statistic,
        query: query_of_stat,
        forbidden: query.account_id.is_some_and(|account| account != caller.scope.account),
    })
}

fn stat_query(
    caller: &Caller,
    stat: MetricStat,
    at: &str,
    asked: TimeRange,
    now: Timestamp,
) -> Result<(Statistic, MetricQuery), ApiError> {
    let required = |value: Option<String>, name: &str| {
        value.ok_or_else(|| refuse::validation(format!("The parameter {at}.MetricStat.Metric.{name} is required.")))
    };
    let statistic = Statistic::parse(&stat.stat).map_err(|_| {
        refuse::validation(format!("The value {} for parameter {at}.MetricStat.Stat is not supported.", stat.stat))
    })?;
    let period_ms = metrics::check_period(i64::from(stat.period)).map_err(|error| {
        refuse::validation(error.to_string().replace("parameter Period", &format!("parameter {at}.MetricStat.Period")))
    })?;
    let query = MetricQuery {
        account: caller.scope.account.clone(),
        region: caller.scope.region.clone(),
        namespace: required(stat.metric.namespace, "Namespace")?,
        name: required(stat.metric.metric_name, "MetricName")?,
        dimensions: sorted(stat.metric.dimensions),
        unit: stat.unit,
        period_ms,
        range: metrics::round_range(now, asked, period_ms),
        raw: !statistic.is_plain(),
    };
    Ok((statistic, query))
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
            periods.into_iter().filter_map(|(start, samples)| Some((start, samples.evaluate(&plan.statistic)?)));
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
    Ok(periods.into_iter().filter_map(|(start, samples)| Some((start, samples.evaluate(&plan.statistic)?))).collect())
}

fn result(plan: &Plan, points: Vec<(Timestamp, f64)>, partial: bool) -> MetricDataResult {
    let status = if plan.forbidden {
        "Forbidden"
    } else if partial {
        "PartialData"
    } else {
        "Complete"
    };
    let (timestamps, values) = points.into_iter().unzip();
    MetricDataResult {
        id: Some(plan.id.clone()),
        label: Some(plan.label.clone()),
        timestamps: Some(timestamps),
        values: Some(values),
        status_code: Some(status.to_owned()),
        messages: None,
    }
}
