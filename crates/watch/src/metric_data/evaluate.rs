//! `evaluate`: the series that each query of a plan gives.

use super::band;
use super::found;
use super::plan::{MetricSource, Query, Source};
use super::read::points_of;
use crate::Watch;
use crate::cloudwatch::{insight_rule_metric, refuse};
use crate::linked::Linked;
use model::limits::SEARCH_FOUND_MAX;
use model::time::MINUTE;
use model::{Scope, TimeRange, Timestamp};
use query::dynamic_label::{Label, LabelContext, UtcOffset};
use query::metric_math::{CallKind, Expression, Inputs, Series, Value, result_labels};
use query::metric_search::Search;
use query::metrics;
use query::statistics::Statistic;
use std::collections::HashMap;
use std::sync::Arc;
use wire::ApiError;

/// The period of a search or a rule's metric when nobody names one, milliseconds.
const SEARCH_PERIOD_MS: i64 = 5 * MINUTE;

/// Who asks, and for when.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The plane.
    pub watch: &'a Watch,
    /// Who asks, whose own metrics are read where no other account is named.
    pub scope: &'a Scope,
    /// The accounts whose metrics may be read too.
    pub linked: &'a Linked,
    /// Start inclusive, end exclusive, as asked: each period rounds it in its own way.
    pub asked: TimeRange,
    /// The present.
    pub now: Timestamp,
    /// Time zone of times in labels.
    pub offset: UtcOffset,
}

/// What a query gives.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Its series, labels rendered; none for a number.
    pub series: Vec<Series>,
    /// Code and text of each message.
    pub messages: Vec<(&'static str, String)>,
}

/// The answers of all queries, in their order; `order` is that of `plan`.
pub async fn evaluate(context: &Context<'_>, queries: &[Query], order: &[usize]) -> Result<Vec<Answer>, ApiError> {
    let mut answers: Vec<Answer> = vec![Answer::default(); queries.len()];
    let metrics = metrics(context, queries).await?;
    let mut values: HashMap<String, Value> =
        metrics.iter().map(|(at, series)| (queries[*at].id.clone(), Value::Series(series.clone()))).collect();
    let metrics: Vec<Series> = metrics.into_iter().map(|(_, series)| series).collect();
    for &at in order {
        let query = &queries[at];
        if query.forbidden {
            continue;
        }
        let answer = &mut answers[at];
        let value = match &query.source {
            Source::Metric(_) => match values.get(&query.id) {
                Some(Value::Series(series)) => {
                    answer.series = vec![series.clone()];
                    continue;
                }
                _ => continue,
            },
            Source::Insights(insights) => {
                let period_ms = query.period_ms.unwrap_or(MINUTE);
                let series = found::insights(context, insights, query.account.as_deref(), period_ms).await?;
                match insights.is_grouped() {
                    true => Value::Array(series),
                    false => Value::Series(series.into_iter().next().unwrap_or_else(|| none(period_ms))),
                }
            }
            Source::Math(expression) => {
                let plan = Plan { queries, order, at };
                math(context, plan, expression, &metrics, &values, &mut answer.messages).await?
            }
        };
        if query.returned {
            answer.series = labelled(context, query, &value);
        }
        values.insert(query.id.clone(), value);
        // Computing never waits by itself: hundreds of queries give way to other requests in between.
        tokio::task::yield_now().await;
    }
    Ok(answers)
}

fn none(period_ms: i64) -> Series {
    Series { period_ms, ..Series::default() }
}

/// The metrics among the queries, with their places.
async fn metrics(context: &Context<'_>, queries: &[Query]) -> Result<Vec<(usize, Series)>, ApiError> {
    let named: Vec<(usize, &MetricSource)> = queries
        .iter()
        .enumerate()
        .filter_map(|(at, query)| match &query.source {
            Source::Metric(source) if !query.forbidden => Some((at, source)),
            _ => None,
        })
        .collect();
    let sources: Vec<&MetricSource> = named.iter().map(|(_, source)| *source).collect();
    let points = points_of(context.watch, &sources, context.asked, context.now).await?;
    let series = named.into_iter().zip(points).map(|((at, source), points)| {
        let query = &queries[at];
        let mut series = Series {
            id: Some(query.id.clone()),
            label: source.name.clone(),
            period_ms: source.period_ms,
            timestamps: points.timestamps,
            values: points.values,
            metric: Some(Arc::new(found::identity(source))),
            has_dropped: false,
        };
        if let Some(label) = &query.label {
            series.label = render(context, label, &series);
        }
        (at, series)
    });
    Ok(series.collect())
}

/// An expression among the queries of its request.
#[derive(Clone, Copy)]
struct Plan<'a> {
    queries: &'a [Query],
    order: &'a [usize],
    at: usize,
}

async fn math(
    context: &Context<'_>,
    plan: Plan<'_>,
    expression: &Expression,
    metrics: &[Series],
    values: &HashMap<String, Value>,
    messages: &mut Vec<(&'static str, String)>,
) -> Result<Value, ApiError> {
    let query = &plan.queries[plan.at];
    let references = expression.references();
    let mut calls = Vec::with_capacity(references.calls.len());
    for call in &references.calls {
        calls.push(fetch(context, query, &call.kind, messages).await?);
    }
    let bands = band::models(context, plan.queries, plan.order, plan.at, expression).await?;
    let band = |series: &Series, deviations: f64| bands.next(context, series, deviations);
    let period_ms = query.period_ms.unwrap_or(MINUTE);
    let inputs = Inputs {
        start_ms: metrics::round_start(context.now, context.asked.start, period_ms).0,
        end_ms: context.asked.end.0,
        now_ms: context.now.0,
        period_ms: query.period_ms,
        metrics: if references.metrics { metrics } else { &[] },
        results: values,
        calls: &calls,
        band: &band,
    };
    expression.evaluate(&inputs).map_err(|error| refuse::validation(error.in_expression(&query.id)))
}

/// The series of a call that only the store can answer.
async fn fetch(
    context: &Context<'_>,
    query: &Query,
    call: &CallKind,
    messages: &mut Vec<(&'static str, String)>,
) -> Result<Vec<Series>, ApiError> {
    let wrong = |error: String| refuse::validation(format!("Error in expression '{}': {error}", query.id));
    match call {
        CallKind::Search { query: text, stat, period_secs } => {
            let search = Search::parse(text).map_err(|error| wrong(error.to_string()))?;
            let statistic = Statistic::parse(stat).map_err(|error| wrong(error.to_string()))?;
            let period_ms = period_secs.map(|secs| secs.saturating_mul(1000)).or(query.period_ms);
            let sought = found::Sought {
                search: &search,
                account: query.account.as_deref(),
                stat,
                statistic,
                period_ms: period_ms.unwrap_or(SEARCH_PERIOD_MS),
            };
            let (series, is_cut) = found::search(context, sought).await?;
            if is_cut {
                let text =
                    format!("The search found more than {SEARCH_FOUND_MAX} metrics; the first of them were taken.");
                messages.push(("MaxMetricsExceeded", text));
            }
            Ok(series)
        }
        CallKind::InsightRuleMetric { rule, metric } => {
            let period_ms = query.period_ms.unwrap_or(SEARCH_PERIOD_MS);
            let range = metrics::round_range(context.now, context.asked, period_ms);
            let found = insight_rule_metric(context.watch, context.scope, rule, metric, range, period_ms).await?;
            let (times, values): (Vec<i64>, Vec<f64>) = found.into_iter().map(|(at, value)| (at.0, value)).unzip();
            let label = format!("{rule} {metric}");
            Ok(vec![Series { label, timestamps: times.into(), values, ..none(period_ms) }])
        }
        // Refused by `plan`.
        CallKind::ServiceQuota { .. } => Err(wrong("SERVICE_QUOTA is not supported".into())),
    }
}

/// The series of a value with the labels of its query.
fn labelled(context: &Context<'_>, query: &Query, value: &Value) -> Vec<Series> {
    let render = |label: &str, series: &Series| render(context, label, series);
    // The one series of a Metrics Insights query without groups has no label of its own: that of the query is its Id.
    let labels = result_labels(&query.id, query.label.as_deref(), value, &render);
    let series = value.series().iter().cloned().zip(labels);
    series.map(|(series, label)| Series { label, ..series }).collect()
}

/// A label with its dynamic parts filled in.
pub fn render(context: &Context<'_>, label: &str, series: &Series) -> String {
    if !label.contains("${") {
        return label.to_owned();
    }
    Label::parse(label).render(&LabelContext {
        default_label: &series.label,
        timestamps: &series.timestamps,
        values: &series.values,
        now_ms: context.now.0,
        offset: context.offset,
        property: &|name| series.property(name),
    })
}
