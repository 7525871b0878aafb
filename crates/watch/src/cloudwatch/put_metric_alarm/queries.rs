//! Alarms on what several metrics come to: metric math, bands and Metrics Insights; and PromQL.

use super::actions;
use crate::alarms::observe;
use crate::cloudwatch::refuse;
use crate::linked::Linked;
use crate::metric_data::{self, Query, Source};
use catalog::{AlarmConfiguration, PromqlCriteria};
use model::Scope;
use model::limits::{ALARM_METRICS_MAX, ALARM_QUERIES_MAX};
use query::metric_math::{CallKind, ExternalCall, Type};
use std::collections::HashMap;
use wire::ApiError;
use wire::cloudwatch::{MetricDataQuery, PutMetricAlarmInput};

/// How deep expressions of an alarm may refer to one another: there are no more of them.
const QUERY_DEPTH_MAX: usize = ALARM_QUERIES_MAX;

/// An alarm on metric math, a band or Metrics Insights: one query returns data, besides the band.
pub fn metrics(
    scope: &Scope,
    linked: &Linked,
    input: &PutMetricAlarmInput,
    metrics: Vec<MetricDataQuery>,
    configuration: &mut AlarmConfiguration,
) -> Result<(), ApiError> {
    let given = [
        (input.metric_name.is_some(), "MetricName"),
        (input.namespace.is_some(), "Namespace"),
        (input.dimensions.as_ref().is_some_and(|given| !given.is_empty()), "Dimensions"),
        (input.period.is_some(), "Period"),
        (input.unit.is_some(), "Unit"),
        (input.statistic.is_some(), "Statistic"),
        (input.extended_statistic.is_some(), "ExtendedStatistic"),
    ];
    if let Some((_, parameter)) = given.into_iter().find(|(given, _)| *given) {
        return Err(refuse::validation(format!("{parameter} should not be set if list of Metrics is set")));
    }
    if metrics.len() > ALARM_QUERIES_MAX {
        return Err(refuse::validation(refuse::too_many("Metrics", ALARM_QUERIES_MAX)));
    }
    configuration.metrics = metrics.iter().map(observe::alarm_query).collect();
    let (queries, _) = metric_data::plan(scope, linked, metrics, "Metrics")?;
    if queries.iter().any(|query| query.forbidden) {
        return Err(refuse::validation("One or more metrics in your request are Forbidden."));
    }
    let band = input.threshold_metric_id.as_deref();
    let watched: Vec<&Query> =
        queries.iter().filter(|query| query.returned && Some(query.id.as_str()) != band).collect();
    let [watched] = watched.as_slice() else {
        return Err(refuse::validation(match watched.len() {
            0 => "Exactly one element of the metrics list should return data.".to_owned(),
            _ => "Exactly one element of the metrics list should return data, but more than one do.".to_owned(),
        }));
    };
    let types: HashMap<&str, &Source> = queries.iter().map(|query| (query.id.as_str(), &query.source)).collect();
    let type_of = |id: &str| type_of(&types, id, QUERY_DEPTH_MAX);
    for query in &queries {
        let Source::Math(expression) = &query.source else { continue };
        let is_search = |call: &&ExternalCall| matches!(call.kind, CallKind::Search { .. });
        if expression.references().calls.iter().any(|call| is_search(&call)) || query.id == watched.id {
            expression.check_alarm(&type_of).map_err(|error| refuse::validation(error.in_expression(&query.id)))?;
        }
    }
    let metrics = queries.iter().filter(|query| matches!(query.source, Source::Metric(_))).count();
    if metrics > ALARM_METRICS_MAX {
        return Err(refuse::validation(format!(
            "An alarm can be based on at most {ALARM_METRICS_MAX} metrics, and {metrics} are given."
        )));
    }
    if let Some(band) = band {
        let is_band = queries
            .iter()
            .any(|query| query.id == band && matches!(&query.source, Source::Math(expression) if expression.is_band()));
        if !is_band {
            return Err(refuse::validation(format!(
                "ThresholdMetricId {band} must be the Id of an ANOMALY_DETECTION_BAND expression in the metrics list"
            )));
        }
    }
    Ok(())
}

/// The type of a query's result, of those that refer to others as deep as that.
fn type_of(sources: &HashMap<&str, &Source>, id: &str, depth: usize) -> Option<Type> {
    match sources.get(id)? {
        Source::Metric(_) => Some(Type::Series),
        Source::Insights(insights) => Some(if insights.is_grouped() { Type::Array } else { Type::Series }),
        Source::Math(_) if depth == 0 => None,
        Source::Math(expression) => expression.result_type(&|id| type_of(sources, id, depth - 1)).ok(),
    }
}

/// An alarm on a PromQL query: it has no metrics, threshold or periods of its own.
pub fn promql(scope: &Scope, input: PutMetricAlarmInput) -> Result<AlarmConfiguration, ApiError> {
    let criteria = input.evaluation_criteria.and_then(|criteria| criteria.prom_ql_criteria).ok_or_else(|| {
        refuse::validation("EvaluationCriteria.PromQLCriteria must be set if EvaluationInterval is set")
    })?;
    let interval_secs = input
        .evaluation_interval
        .map(i64::from)
        .ok_or_else(|| refuse::validation("EvaluationInterval must be set if EvaluationCriteria is set"))?;
    let given = [
        (input.metric_name.is_some(), "MetricName"),
        (input.namespace.is_some(), "Namespace"),
        (input.metrics.as_ref().is_some_and(|given| !given.is_empty()), "Metrics"),
        (input.dimensions.as_ref().is_some_and(|given| !given.is_empty()), "Dimensions"),
        (input.period.is_some(), "Period"),
        (input.unit.is_some(), "Unit"),
        (input.statistic.is_some(), "Statistic"),
        (input.extended_statistic.is_some(), "ExtendedStatistic"),
        (input.evaluation_periods.is_some(), "EvaluationPeriods"),
        (input.datapoints_to_alarm.is_some(), "DatapointsToAlarm"),
        (input.threshold.is_some(), "Threshold"),
        (input.threshold_metric_id.is_some(), "ThresholdMetricId"),
        (input.comparison_operator.is_some(), "ComparisonOperator"),
        (input.treat_missing_data.is_some(), "TreatMissingData"),
        (input.evaluate_low_sample_count_percentile.is_some(), "EvaluateLowSampleCountPercentile"),
        (input.evaluation_window.is_some(), "EvaluationWindow"),
        (input.warm_up_configuration.is_some(), "WarmUpConfiguration"),
    ];
    if let Some((_, parameter)) = given.into_iter().find(|(given, _)| *given) {
        return Err(refuse::validation(format!("{parameter} should not be set if EvaluationCriteria is set")));
    }
    let is_interval =
        matches!(interval_secs, 10 | 20 | 30) || (interval_secs % 60 == 0 && (60..=3600).contains(&interval_secs));
    if !is_interval {
        return Err(refuse::validation("EvaluationInterval must be 10, 20, 30 or a multiple of 60 up to 3600"));
    }
    query::promql::Query::parse(&criteria.query).map_err(|error| {
        refuse::validation(format!(
            "The value for parameter EvaluationCriteria.PromQLCriteria.Query is not valid: {error}"
        ))
    })?;
    Ok(AlarmConfiguration {
        description: input.alarm_description,
        ok_actions: actions(scope, input.ok_actions)?,
        alarm_actions: actions(scope, input.alarm_actions)?,
        insufficient_data_actions: actions(scope, input.insufficient_data_actions)?,
        promql: Some(PromqlCriteria {
            query: criteria.query,
            pending_secs: i64::from(criteria.pending_period.unwrap_or(0)),
            recovery_secs: i64::from(criteria.recovery_period.unwrap_or(0)),
            interval_secs,
        }),
        ..AlarmConfiguration::default()
    })
}
