//! `plan`: checks metric data queries, and puts them in an order in which each comes after what it refers to.

use crate::cloudwatch::refuse;
use crate::linked::Linked;
use crate::regions;
use model::Scope;
use model::limits::METRIC_EXPRESSION_CHARS_MAX;
use query::dynamic_label::Label;
use query::metric_math::{CallKind, Expression, Type, evaluation_order};
use query::metric_search::Search;
use query::metrics;
use query::metrics_insights::MetricsInsights;
use query::statistics::Statistic;
use std::collections::HashMap;
use wire::ApiError;
use wire::cloudwatch::{MetricDataQuery, MetricStat};

/// A query that passed the checks.
#[derive(Debug, Clone)]
pub struct Query {
    /// Unique in the request.
    pub id: String,
    /// As the client wrote it, maybe with dynamic parts.
    pub label: Option<String>,
    /// Whether its result is answered (`ReturnData`).
    pub returned: bool,
    /// Data of another account that does not share it.
    pub forbidden: bool,
    /// The one account whose metrics an expression may find; `None` for all that the caller may read.
    pub account: Option<String>,
    /// Period of an expression, milliseconds, where the client gave one.
    pub period_ms: Option<i64>,
    /// What it asks for.
    pub source: Source,
}

/// What a query asks for.
#[derive(Debug, Clone)]
pub enum Source {
    /// A statistic of one metric.
    Metric(MetricSource),
    /// Metric math.
    Math(Expression),
    /// Metrics Insights.
    Insights(MetricsInsights),
}

/// A statistic of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSource {
    /// The account that has the metric.
    pub account: String,
    /// The region in which it is.
    pub region: String,
    /// CloudWatch namespace.
    pub namespace: String,
    /// Metric name.
    pub name: String,
    /// Sorted by name.
    pub dimensions: Vec<(String, String)>,
    /// Only data of this unit; `None` takes all units together.
    pub unit: Option<String>,
    /// Length of a period, milliseconds.
    pub period_ms: i64,
    /// What is computed of each period.
    pub statistic: Statistic,
    /// The same, as the client wrote it.
    pub stat: String,
}

/// Checks queries of `scope`, which may read what is `linked` to it. `at` is the parameter that holds them, for the texts of errors.
/// The second list is an order of evaluation: places in the first.
pub fn plan(
    scope: &Scope,
    linked: &Linked,
    queries: Vec<MetricDataQuery>,
    at: &str,
) -> Result<(Vec<Query>, Vec<usize>), ApiError> {
    let mut checked: Vec<Query> = Vec::with_capacity(queries.len());
    let mut places = HashMap::with_capacity(queries.len());
    for (index, query) in queries.into_iter().enumerate() {
        if places.insert(query.id.clone(), index).is_some() {
            return Err(refuse::validation(format!("The values for parameter id in {at} are not unique.")));
        }
        checked.push(one(scope, linked, query, &format!("{at}.member.{}", index + 1))?);
    }
    let order = order(&checked, &places)?;
    forbid(&mut checked, &order, &places);
    check_types(&checked, &order, &places)?;
    Ok((checked, order))
}

fn one(scope: &Scope, linked: &Linked, query: MetricDataQuery, at: &str) -> Result<Query, ApiError> {
    let is_id = query.id.starts_with(|c: char| c.is_ascii_lowercase())
        && query.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_id {
        return Err(refuse::validation(format!(
            "The value {} for parameter {at}.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.",
            query.id
        )));
    }
    if let Some(label) = &query.label {
        Label::parse(label).check().map_err(|error| refuse::validation(format!("{at}.Label: {error}.")))?;
    }
    let period_ms = match query.period {
        None => None,
        Some(period) => Some(check_period(i64::from(period), &format!("{at}.Period"))?),
    };
    let source = match (query.metric_stat, query.expression) {
        (Some(_), Some(_)) => {
            let (one, other) = (format!("{at}.MetricStat"), format!("{at}.Expression"));
            return Err(refuse::validation(refuse::exclusive_text(one, other)));
        }
        (Some(stat), None) => Source::Metric(metric(scope, query.account_id.as_ref(), stat, at)?),
        (None, Some(text)) => expression(&query.id, &text, period_ms, at)?,
        (None, None) => {
            return Err(refuse::validation(format!(
                "At least one of the parameters {at}.Expression and {at}.MetricStat must be specified."
            )));
        }
    };
    let forbidden = match (&query.account_id, &source) {
        (Some(account), _) if *account == scope.account => false,
        // A link is of one region.
        (Some(account), Source::Metric(metric)) => {
            metric.region != scope.region || !linked.shares(account, &metric.namespace)
        }
        (Some(account), _) => !linked.has(account),
        (None, _) => false,
    };
    Ok(Query {
        id: query.id,
        label: query.label,
        returned: query.return_data != Some(false),
        forbidden,
        account: query.account_id,
        period_ms,
        source,
    })
}

fn check_period(period_secs: i64, parameter: &str) -> Result<i64, ApiError> {
    metrics::check_period(period_secs).map_err(|error| {
        refuse::validation(error.to_string().replace("parameter Period", &format!("parameter {parameter}")))
    })
}

fn metric(scope: &Scope, account: Option<&String>, stat: MetricStat, at: &str) -> Result<MetricSource, ApiError> {
    let required = |value: Option<String>, name: &str| {
        value.ok_or_else(|| refuse::validation(format!("The parameter {at}.MetricStat.Metric.{name} is required.")))
    };
    let statistic = Statistic::parse(&stat.stat).map_err(|_| {
        refuse::validation(format!("The value {} for parameter {at}.MetricStat.Stat is not supported.", stat.stat))
    })?;
    let mut dimensions: Vec<_> = stat.metric.dimensions.into_iter().flatten().map(|d| (d.name, d.value)).collect();
    dimensions.sort();
    let region =
        regions::named(&scope.region, &mut dimensions).map_err(|text| refuse::validation(format!("{at}: {text}")))?;
    Ok(MetricSource {
        account: account.unwrap_or(&scope.account).clone(),
        region,
        namespace: required(stat.metric.namespace, "Namespace")?,
        name: required(stat.metric.metric_name, "MetricName")?,
        dimensions,
        unit: stat.unit,
        period_ms: check_period(i64::from(stat.period), &format!("{at}.MetricStat.Period"))?,
        statistic,
        stat: stat.stat,
    })
}

fn expression(id: &str, text: &str, period_ms: Option<i64>, at: &str) -> Result<Source, ApiError> {
    let wrong = |error: String| refuse::validation(format!("Error in expression '{id}': {error}"));
    if is_insights(text) {
        let insights = MetricsInsights::parse(text).map_err(|error| wrong(error.to_string()))?;
        if let Some((key, column)) = insights.first_tag() {
            return Err(wrong(format!(
                "tag.{key} is not supported: the resources of metrics have no tags here (column {column})"
            )));
        }
        if period_ms.is_none_or(|period_ms| period_ms < model::time::MINUTE) {
            return Err(refuse::validation(format!(
                "The parameter {at}.Period is required for a Metrics Insights query, and must be a multiple of 60."
            )));
        }
        return Ok(Source::Insights(insights));
    }
    if text.chars().count() > METRIC_EXPRESSION_CHARS_MAX {
        return Err(refuse::validation(format!(
            "The parameter {at}.Expression must have length less than or equal to {METRIC_EXPRESSION_CHARS_MAX}."
        )));
    }
    let expression = Expression::parse(text).map_err(|error| refuse::validation(error.in_expression(id)))?;
    for call in &expression.references().calls {
        match &call.kind {
            CallKind::Search { query, stat, period_secs } => {
                Search::parse(query).map_err(|error| wrong(error.to_string()))?;
                Statistic::parse(stat).map_err(|error| wrong(format!("{error} (column {})", call.column)))?;
                if let Some(period_secs) = period_secs {
                    metrics::check_period(*period_secs)
                        .map_err(|error| wrong(format!("{error} (column {})", call.column)))?;
                }
            }
            CallKind::InsightRuleMetric { .. } => {}
            CallKind::ServiceQuota { .. } => {
                return Err(wrong(format!(
                    "SERVICE_QUOTA is not supported: there are no service quotas here (column {})",
                    call.column
                )));
            }
        }
    }
    Ok(Source::Math(expression))
}

/// A Metrics Insights query begins with its SELECT; no metric math does.
fn is_insights(text: &str) -> bool {
    let word: String = text.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    word.eq_ignore_ascii_case("SELECT")
}

/// Metrics and Metrics Insights first, then expressions behind what they use.
fn order(queries: &[Query], places: &HashMap<String, usize>) -> Result<Vec<usize>, ApiError> {
    let is_math = |at: &usize| matches!(queries[*at].source, Source::Math(_));
    let mut order: Vec<usize> = (0..queries.len()).filter(|at| !is_math(at)).collect();
    let mut expressions = Vec::new();
    let mut of_expressions = Vec::new();
    for (at, query) in queries.iter().enumerate() {
        let Source::Math(expression) = &query.source else { continue };
        if let Some(id) = expression.references().ids.iter().find(|id| !places.contains_key(*id)) {
            return Err(refuse::validation(format!("Error in expression '{}': Unresolved id '{id}'", query.id)));
        }
        expressions.push((query.id.as_str(), expression));
        of_expressions.push(at);
    }
    let sorted = evaluation_order(&expressions)
        .map_err(|(index, error)| refuse::validation(error.in_expression(expressions[index].0)))?;
    order.extend(sorted.into_iter().map(|index| of_expressions[index]));
    Ok(order)
}

/// Math over data that may not be read may not be read either.
fn forbid(queries: &mut [Query], order: &[usize], places: &HashMap<String, usize>) {
    for &at in order {
        if let Source::Math(expression) = &queries[at].source {
            let is_forbidden = |id: &String| places.get(id).is_some_and(|place| queries[*place].forbidden);
            queries[at].forbidden |= expression.references().ids.iter().any(is_forbidden);
        }
    }
}

/// Every expression that is answered must be a series or an array of series; others may be numbers.
fn check_types(queries: &[Query], order: &[usize], places: &HashMap<String, usize>) -> Result<(), ApiError> {
    let mut types: Vec<Type> = vec![Type::Series; queries.len()];
    for &at in order {
        types[at] = match &queries[at].source {
            Source::Metric(_) => Type::Series,
            Source::Insights(insights) => insights_type(insights),
            Source::Math(expression) => {
                let type_of = |id: &str| places.get(id).map(|place| types[*place]);
                let found = match queries[at].returned {
                    true => expression.check_data(&type_of),
                    false => expression.result_type(&type_of),
                };
                found.map_err(|error| refuse::validation(error.in_expression(&queries[at].id)))?
            }
        };
    }
    Ok(())
}

/// Without GROUP BY the answer is one series.
pub(super) fn insights_type(insights: &MetricsInsights) -> Type {
    if insights.is_grouped() { Type::Array } else { Type::Series }
}
