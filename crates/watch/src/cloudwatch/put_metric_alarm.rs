//! PutMetricAlarm: makes an alarm, or replaces the whole configuration of one and leaves its state.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>. A new alarm starts in
//! INSUFFICIENT_DATA ("Unchecked: Initial alarm creation") and is evaluated at the next tick. Tags are taken on creation only.
//!
//! What differs: alarms on one metric with a static threshold only. Metric math (`Metrics`), anomaly bands
//! (`ThresholdMetricId`), PromQL (`EvaluationCriteria`), wall-clock windows, warm-up and tag propagation are refused by
//! name, so that no alarm is taken that would not be evaluated as asked.

use super::{refuse, tags};
use crate::Watch;
use crate::alarms::{evaluate, history};
use catalog::{Alarm, AlarmConfiguration, AlarmState};
use model::arn::{self, Arn};
use model::limits::METRIC_DIMENSIONS_MAX;
use model::{Caller, Scope};
use query::statistics::Statistic;
use std::collections::HashSet;
use wire::ApiError;
use wire::cloudwatch::PutMetricAlarmInput;
use wire::shape::Empty;

#[cfg(test)]
mod tests;

/// How often a put is tried again when the alarm changes under it.
const ATTEMPTS: usize = 8;
/// Longest range an alarm with a period below an hour looks at, seconds.
const DAY_SECS: i64 = 86_400;
/// Longest range any other alarm looks at, seconds.
const WEEK_SECS: i64 = 604_800;

pub async fn put_metric_alarm(
    watch: &Watch,
    caller: &Caller,
    mut input: PutMetricAlarmInput,
) -> Result<Empty, ApiError> {
    refuse_unsupported(&input)?;
    let name = std::mem::take(&mut input.alarm_name);
    let tags = tags::checked(input.tags.take().unwrap_or_default())?;
    let actions_enabled = input.actions_enabled.unwrap_or(true);
    let configuration = configuration(&caller.scope, input)?;
    let interval_ms = evaluate::interval_ms(&configuration);
    for _ in 0..ATTEMPTS {
        let now = watch.clock.now();
        let put = match watch.catalog.alarm(&caller.scope, &name).await? {
            Some(old) => {
                let mut new = old.clone();
                new.configuration = configuration.clone();
                new.actions_enabled = actions_enabled;
                new.configuration_updated = now;
                watch.catalog.update_alarm(&new, interval_ms, &[history::updated(&old, &new, now)]).await?
            }
            None => {
                let alarm = Alarm {
                    scope: caller.scope.clone(),
                    name: name.clone(),
                    version: 1,
                    configuration: configuration.clone(),
                    actions_enabled,
                    configuration_updated: now,
                    state: AlarmState::InsufficientData,
                    state_reason: "Unchecked: Initial alarm creation".to_owned(),
                    state_reason_data: None,
                    state_updated: now,
                    state_transitioned: now,
                };
                let arn = arn::alarm(&alarm.scope, &alarm.name);
                watch.catalog.create_alarm(&alarm, interval_ms, &[history::created(&alarm, now)], &arn, &tags).await?
            }
        };
        if put {
            return Ok(Empty {});
        }
    }
    Err(contended())
}

/// The refusal when an alarm keeps changing while a request works on it.
pub fn contended() -> ApiError {
    ApiError::new(&wire::error::common::THROTTLING, "Rate exceeded")
}

fn refuse_unsupported(input: &PutMetricAlarmInput) -> Result<(), ApiError> {
    let band = matches!(
        input.comparison_operator.as_deref(),
        Some("LessThanLowerOrGreaterThanUpperThreshold" | "LessThanLowerThreshold" | "GreaterThanUpperThreshold")
    );
    if input.threshold.is_some() && input.threshold_metric_id.is_some() {
        return Err(refuse::validation("Threshold and ThresholdMetricId cannot both be set"));
    }
    if input.metrics.is_some() && input.metric_name.is_some() {
        return Err(refuse::validation("MetricName should not be set if list of Metrics is set"));
    }
    let window = input.evaluation_window.as_ref();
    let unsupported = [
        (input.metrics.as_ref().is_some_and(|metrics| !metrics.is_empty()), "Metrics", "alarms on metric math"),
        (input.evaluation_criteria.is_some(), "EvaluationCriteria", "PromQL alarms"),
        (input.evaluation_interval.is_some(), "EvaluationInterval", "PromQL alarms"),
        (input.threshold_metric_id.is_some(), "ThresholdMetricId", "alarms on an anomaly detection band"),
        (band, "ComparisonOperator", "alarms on an anomaly detection band"),
        (
            window.is_some_and(|window| window.wall_clock_window.is_some()),
            "EvaluationWindow.WallClockWindow",
            "wall-clock windows",
        ),
        (input.warm_up_configuration.is_some(), "WarmUpConfiguration", "warm-up periods"),
        (input.action_configuration.is_some(), "ActionConfiguration", "tag propagation"),
    ];
    match unsupported.into_iter().find(|(given, ..)| *given) {
        Some((_, parameter, form)) => Err(refuse::validation(format!(
            "The parameter {parameter} cannot be served: {form} are not implemented yet."
        ))),
        None => Ok(()),
    }
}

/// The configuration, after AWS's checks across members.
fn configuration(scope: &Scope, input: PutMetricAlarmInput) -> Result<AlarmConfiguration, ApiError> {
    let metric_name = input.metric_name.ok_or_else(|| refuse::validation("MetricName must not be null"))?;
    let namespace = input.namespace.ok_or_else(|| refuse::validation("Namespace must not be null"))?;
    let period_secs = i64::from(input.period.ok_or_else(|| refuse::validation("Period must not be null"))?);
    let evaluation_periods = i64::from(input.evaluation_periods.ok_or_else(|| null_member("evaluationPeriods"))?);
    let comparison_operator = input.comparison_operator.ok_or_else(|| null_member("comparisonOperator"))?;
    let threshold = input.threshold.ok_or_else(|| refuse::validation("Threshold must not be null"))?;
    if !threshold.is_finite() {
        return Err(refuse::validation("Threshold must be a finite number"));
    }
    let datapoints_to_alarm = input.datapoints_to_alarm.map(i64::from);
    check_range(period_secs, evaluation_periods, datapoints_to_alarm)?;
    check_statistic(input.statistic.as_deref(), input.extended_statistic.as_deref())?;
    check_word(
        "TreatMissingData",
        input.treat_missing_data.as_deref(),
        &["breaching", "notBreaching", "ignore", "missing"],
    )?;
    check_low_samples(&input.evaluate_low_sample_count_percentile, input.extended_statistic.as_deref())?;
    let actions = |given: Option<Vec<String>>| {
        let given = given.unwrap_or_default();
        given.iter().try_for_each(|action| check_action(scope, action)).map(|()| given)
    };
    Ok(AlarmConfiguration {
        description: input.alarm_description,
        ok_actions: actions(input.ok_actions)?,
        alarm_actions: actions(input.alarm_actions)?,
        insufficient_data_actions: actions(input.insufficient_data_actions)?,
        namespace,
        metric_name,
        dimensions: dimensions(input.dimensions)?,
        statistic: input.statistic,
        extended_statistic: input.extended_statistic,
        unit: input.unit,
        period_secs,
        evaluation_periods,
        datapoints_to_alarm,
        threshold,
        comparison_operator,
        treat_missing_data: input.treat_missing_data,
        evaluate_low_sample_count_percentile: input.evaluate_low_sample_count_percentile,
    })
}

/// The sentence for members that the model once required.
fn null_member(member: &str) -> ApiError {
    refuse::validation(format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    ))
}

fn check_range(period: i64, evaluation_periods: i64, datapoints_to_alarm: Option<i64>) -> Result<(), ApiError> {
    if !(matches!(period, 10 | 20 | 30) || (period >= 60 && period % 60 == 0)) {
        return Err(refuse::validation("Period must be 10, 20, 30 or a multiple of 60"));
    }
    let range = period.saturating_mul(evaluation_periods);
    if period < 3600 && range > DAY_SECS {
        return Err(refuse::validation(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400) for alarms \
             using period < 3600",
        ));
    }
    if range > WEEK_SECS {
        return Err(refuse::validation(
            "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800) for alarms \
             using period >= 3600",
        ));
    }
    if datapoints_to_alarm.is_some_and(|m| m > evaluation_periods) {
        return Err(refuse::validation("DatapointsToAlarm must be less than or equal to EvaluationPeriods"));
    }
    Ok(())
}

fn check_statistic(statistic: Option<&str>, extended: Option<&str>) -> Result<(), ApiError> {
    match (statistic, extended) {
        (Some(_), Some(_)) => Err(refuse::validation("Statistic and ExtendedStatistic cannot both be set")),
        (None, None) => Err(refuse::validation("Exactly one of Statistic or ExtendedStatistic must be set")),
        (Some(_), None) => Ok(()),
        (None, Some(text)) => match Statistic::parse(text) {
            Ok(statistic) if !statistic.is_plain() => Ok(()),
            _ => Err(refuse::validation(format!("The value {text} for parameter ExtendedStatistic is not supported."))),
        },
    }
}

fn check_word(parameter: &str, word: Option<&str>, words: &[&str]) -> Result<(), ApiError> {
    match word {
        Some(word) if !words.contains(&word) => Err(refuse::validation(format!(
            "The value {word} for parameter {parameter} is invalid. Valid values are: {}.",
            words.join(", ")
        ))),
        _ => Ok(()),
    }
}

fn check_low_samples(word: &Option<String>, extended: Option<&str>) -> Result<(), ApiError> {
    check_word("EvaluateLowSampleCountPercentile", word.as_deref(), &["evaluate", "ignore"])?;
    let percentile = extended.is_some_and(|text| matches!(Statistic::parse(text), Ok(Statistic::Percentile(_))));
    if word.is_some() && !percentile {
        return Err(refuse::validation(
            "EvaluateLowSampleCountPercentile can only be set for alarms based on percentiles",
        ));
    }
    Ok(())
}

/// An action is an ARN; a topic of another region cannot be reached.
fn check_action(scope: &Scope, action: &str) -> Result<(), ApiError> {
    let Some(arn) = Arn::parse(action) else {
        return Err(refuse::validation(format!("Invalid arn syntax: {action}")));
    };
    if !arn.region.is_empty() && arn.region != scope.region {
        return Err(refuse::validation(format!(
            "Invalid region {} specified. Only {} is supported.",
            arn.region, scope.region
        )));
    }
    Ok(())
}

fn dimensions(given: Option<Vec<wire::cloudwatch::Dimension>>) -> Result<Vec<(String, String)>, ApiError> {
    let dimensions: Vec<(String, String)> = given.into_iter().flatten().map(|d| (d.name, d.value)).collect();
    if dimensions.len() > METRIC_DIMENSIONS_MAX {
        return Err(refuse::validation(refuse::too_many("Dimensions", METRIC_DIMENSIONS_MAX)));
    }
    let mut names = HashSet::new();
    match dimensions.iter().find(|(name, _)| !names.insert(name.as_str())) {
        Some((name, _)) => Err(refuse::validation(format!(
            "The dimension {name} is specified more than once in parameter Dimensions."
        ))),
        None => Ok(dimensions),
    }
}
