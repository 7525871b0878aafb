//! PutMetricAlarm: makes an alarm, or replaces the whole configuration of one and leaves its state.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>. A new alarm starts in
//! INSUFFICIENT_DATA ("Unchecked: Initial alarm creation") and is evaluated at the next tick. Tags are taken on creation only.
//!
//! What differs: the period of an alarm on `Metrics` is the longest of its queries. Metrics may be of other regions (`regions.rs`).

use super::put_composite_alarm::other_kind;
use super::{action_configuration, refuse, tags};
use crate::Watch;
use crate::alarms::memory::Memory;
use crate::alarms::{evaluate, history, observe, window};
use crate::linked::Linked;
use crate::regions;
use catalog::{Alarm, AlarmConfiguration, AlarmKind, AlarmState, AlarmWarmUp, WallClock};
use model::arn::{self, Arn};
use model::limits::METRIC_DIMENSIONS_MAX;
use model::{Caller, Scope, Timestamp};
use query::statistics::Statistic;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use wire::cloudwatch::{EvaluationWindow, PutMetricAlarm, PutMetricAlarmInput};
use wire::shape::Empty;
use wire::{Access, ApiError, Call, Protocol};

mod queries;
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
    let name = std::mem::take(&mut input.alarm_name);
    let tags = tags::checked(input.tags.take().unwrap_or_default())?;
    let actions_enabled = input.actions_enabled.unwrap_or(true);
    let configuration = checked(watch, caller, input).await?;
    let interval_ms = evaluate::interval_ms(&configuration);
    let on_promql = configuration.promql.is_some();
    for _ in 0..ATTEMPTS {
        let now = watch.clock.now();
        let put = match watch.catalog.alarm(&caller.scope, &name).await? {
            Some(old) if old.configuration.kind() != AlarmKind::Metric => return Err(other_kind(&name)),
            Some(old) => {
                let mut new = old.clone();
                new.configuration = configuration.clone();
                new.actions_enabled = actions_enabled;
                new.configuration_updated = now;
                watch.catalog.update_alarm(&new, interval_ms, &[history::updated(&old, &new, now)], None).await?
            }
            None => {
                let alarm = Alarm {
                    scope: caller.scope.clone(),
                    name: name.clone(),
                    version: 1,
                    configuration: configuration.clone(),
                    actions_enabled,
                    configuration_updated: now,
                    // Alarms on PromQL begin in OK.
                    state: if on_promql { AlarmState::Ok } else { AlarmState::InsufficientData },
                    state_reason: "Unchecked: Initial alarm creation".to_owned(),
                    state_reason_data: None,
                    state_updated: now,
                    state_transitioned: now,
                    memory: first_memory(&configuration, now),
                };
                let arn = arn::alarm(&alarm.scope, &alarm.name);
                let items = [history::created(&alarm, now)];
                watch.catalog.create_alarm(&alarm, interval_ms, &items, &arn, &tags, None).await?
            }
        };
        if put {
            return Ok(Empty {});
        }
    }
    Err(contended())
}

/// The configuration that a PutMetricAlarm input, as JSON, would make; refused as the operation would refuse it.
pub async fn drafted_alarm(watch: &Watch, caller: &Caller, input: &[u8]) -> Result<AlarmConfiguration, ApiError> {
    let drafted = Arc::new(OnceLock::new());
    let told = Arc::clone(&drafted);
    let draft = move |input: PutMetricAlarmInput| async move {
        let configuration = checked(watch, caller, input).await?;
        // Set once per call, so it cannot be set already.
        let _ = told.set(configuration);
        Ok(Empty {})
    };
    let call = Call {
        protocol: Protocol::Json10,
        path: "/",
        query: "",
        body: input,
        request_id: "draft",
        audited: false,
        guard: None,
    };
    let answer = wire::operation::run::<PutMetricAlarm, _, _>(Access::Read, call, draft).await;
    match (answer.error, drafted.get()) {
        (Some(error), _) => Err(error),
        (None, Some(configuration)) => Ok(configuration.clone()),
        (None, None) => Err(ApiError::new(&wire::error::common::INTERNAL_FAILURE, "the draft was not read")),
    }
}

/// The configuration, if the caller may read what it watches and it passes AWS's checks.
async fn checked(watch: &Watch, caller: &Caller, input: PutMetricAlarmInput) -> Result<AlarmConfiguration, ApiError> {
    let queries = input.metrics.as_deref().unwrap_or_default();
    regions::authorize(watch, caller, input.dimensions.iter().flatten().chain(regions::dimensions(queries)))?;
    let linked = Linked::of_queries(watch, &caller.scope, queries).await?;
    configuration(&caller.scope, &linked, input, watch.clock.now())
}

/// What a new alarm knows: that it is warming up.
fn first_memory(configuration: &AlarmConfiguration, now: Timestamp) -> Option<String> {
    let evaluation_state = Some(evaluate::IN_WARM_UP.to_owned());
    configuration
        .warm_up
        .map(|_| Memory { warming_since_ms: Some(now.0), evaluation_state, ..Memory::default() }.text())
}

/// The refusal when an alarm keeps changing while a request works on it.
pub fn contended() -> ApiError {
    ApiError::new(&wire::error::common::THROTTLING, "Rate exceeded")
}

/// The configuration, after AWS's checks across members.
fn configuration(
    scope: &Scope,
    linked: &Linked,
    mut input: PutMetricAlarmInput,
    now: Timestamp,
) -> Result<AlarmConfiguration, ApiError> {
    let tag_propagation = action_configuration::checked(input.action_configuration.take())?;
    Ok(AlarmConfiguration { tag_propagation, ..watched(scope, linked, input, now)? })
}

/// What the alarm watches, how it judges that, and its actions.
fn watched(
    scope: &Scope,
    linked: &Linked,
    mut input: PutMetricAlarmInput,
    now: Timestamp,
) -> Result<AlarmConfiguration, ApiError> {
    if input.evaluation_criteria.is_some() || input.evaluation_interval.is_some() {
        return queries::promql(scope, input);
    }
    let mut configuration = AlarmConfiguration::default();
    match input.metrics.take().filter(|metrics| !metrics.is_empty()) {
        Some(metrics) => queries::metrics(scope, linked, &input, metrics, &mut configuration)?,
        None => one_metric(scope, &mut input, &mut configuration)?,
    }
    configuration.evaluation_periods =
        i64::from(input.evaluation_periods.ok_or_else(|| null_member("evaluationPeriods"))?);
    configuration.comparison_operator =
        input.comparison_operator.take().ok_or_else(|| null_member("comparisonOperator"))?;
    compare_with(&input, &mut configuration)?;
    configuration.datapoints_to_alarm = input.datapoints_to_alarm.map(i64::from);
    let period_secs = observe::period_secs(&configuration);
    check_range(period_secs, configuration.evaluation_periods, configuration.datapoints_to_alarm)?;
    check_word(
        "TreatMissingData",
        input.treat_missing_data.as_deref(),
        &["breaching", "notBreaching", "ignore", "missing"],
    )?;
    check_low_samples(&input.evaluate_low_sample_count_percentile, input.extended_statistic.as_deref())?;
    if let Some(window) = input.evaluation_window.take() {
        configuration.wall_clock = wall_clock(window, period_secs, now)?;
    }
    if let Some(warm_up) = &input.warm_up_configuration {
        configuration.warm_up = Some(AlarmWarmUp {
            minutes: i64::from(warm_up.warm_up_period_duration_in_minutes),
            whole: warm_up.only_start_evaluating_after_warm_up_period_ends == Some(true),
        });
    }
    Ok(AlarmConfiguration {
        description: input.alarm_description,
        ok_actions: actions(scope, input.ok_actions)?,
        alarm_actions: actions(scope, input.alarm_actions)?,
        insufficient_data_actions: actions(scope, input.insufficient_data_actions)?,
        statistic: input.statistic,
        extended_statistic: input.extended_statistic,
        unit: input.unit,
        treat_missing_data: input.treat_missing_data,
        evaluate_low_sample_count_percentile: input.evaluate_low_sample_count_percentile,
        ..configuration
    })
}

/// The actions, each an ARN that can be reached from here.
pub fn actions(scope: &Scope, given: Option<Vec<String>>) -> Result<Vec<String>, ApiError> {
    let given = given.unwrap_or_default();
    given.iter().try_for_each(|action| check_action(scope, action)).map(|()| given)
}

/// An alarm on one metric.
fn one_metric(
    scope: &Scope,
    input: &mut PutMetricAlarmInput,
    configuration: &mut AlarmConfiguration,
) -> Result<(), ApiError> {
    configuration.metric_name =
        input.metric_name.take().ok_or_else(|| refuse::validation("MetricName must not be null"))?;
    configuration.namespace = input.namespace.take().ok_or_else(|| refuse::validation("Namespace must not be null"))?;
    for (text, member) in [(&configuration.metric_name, "MetricName"), (&configuration.namespace, "Namespace")] {
        if !text.is_ascii() {
            return Err(refuse::validation(format!("{member} must not contain Non-ASCII characters")));
        }
    }
    configuration.period_secs = i64::from(input.period.ok_or_else(|| refuse::validation("Period must not be null"))?);
    configuration.dimensions = dimensions(input.dimensions.take())?;
    regions::named(&scope.region, &mut configuration.dimensions.clone()).map_err(refuse::validation)?;
    check_statistic(input.statistic.as_deref(), input.extended_statistic.as_deref())
}

/// The threshold, or the band in its place: each goes with operators of its own.
fn compare_with(input: &PutMetricAlarmInput, configuration: &mut AlarmConfiguration) -> Result<(), ApiError> {
    let operator = configuration.comparison_operator.as_str();
    let of_bands = matches!(
        operator,
        "LessThanLowerOrGreaterThanUpperThreshold" | "LessThanLowerThreshold" | "GreaterThanUpperThreshold"
    );
    match (input.threshold, &input.threshold_metric_id) {
        (Some(_), Some(_)) => return Err(refuse::validation("Threshold and ThresholdMetricId cannot both be set")),
        (Some(threshold), None) if !threshold.is_finite() => {
            return Err(refuse::validation("Threshold must be a finite number"));
        }
        (None, Some(_)) if configuration.metrics.is_empty() => {
            return Err(refuse::validation("ThresholdMetricId can only be set if list of Metrics is set"));
        }
        (Some(threshold), None) if !of_bands => configuration.threshold = threshold,
        (None, Some(id)) if of_bands => configuration.threshold_metric_id = Some(id.clone()),
        (None, None) if !of_bands => return Err(refuse::validation("Threshold must not be null")),
        (None, None) => {
            return Err(refuse::validation(format!("ThresholdMetricId must be set for ComparisonOperator {operator}")));
        }
        _ => {
            let with = if of_bands { "ThresholdMetricId" } else { "Threshold" };
            return Err(refuse::validation(format!("ComparisonOperator {operator} can only be used with {with}")));
        }
    }
    Ok(())
}

fn wall_clock(window: EvaluationWindow, period_secs: i64, now: Timestamp) -> Result<Option<WallClock>, ApiError> {
    match (window.wall_clock_window, window.sliding_window) {
        (Some(_), Some(_)) => {
            Err(refuse::exclusive("EvaluationWindow.WallClockWindow", "EvaluationWindow.SlidingWindow"))
        }
        (Some(clock), None) => {
            window::EvaluationWindow::wall_clock(clock.timezone.as_deref(), period_secs, now)
                .map_err(|error| refuse::validation(error.to_string()))?;
            Ok(Some(WallClock { timezone: clock.timezone }))
        }
        (None, _) => Ok(None),
    }
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
