//! PutLogAlarm: makes an alarm on the results of a scheduled Logs Insights query, or replaces the configuration of one and
//! leaves its state.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutLogAlarm.html> and "Log alarms" in the user
//! guide. A new alarm starts in INSUFFICIENT_DATA; its query runs at the next time of its schedule. When the query, the
//! aggregation, the schedule or the log groups change, the alarm goes to INSUFFICIENT_DATA and begins anew. Tags are taken
//! on creation only. The operation makes the scheduled query that is managed for the alarm; roles are kept and shown, and
//! not assumed.
//!
//! What is not documented and chosen here: the messages of the refusals; the reason of an alarm that begins anew; that
//! schedules run at multiples of their rate since 1970, the next one first; that a rate is at most 30 days.

use super::put_composite_alarm::other_kind;
use super::put_metric_alarm::{actions, contended};
use super::{action_configuration, refuse, tags};
use crate::Watch;
use crate::alarms::memory::Memory;
use crate::alarms::{evaluate, history, log_alarm, transition};
use crate::logs::{alarm_queries, check_later, managed_query};
use catalog::{Alarm, AlarmConfiguration, AlarmKind, AlarmState, AlarmWarmUp, LogCriteria, Replacement, StateChange};
use model::arn::{self, Arn};
use model::limits::{LOG_ALARM_INTERVAL_SECS_MAX, LOG_ALARM_LINES_MAX, LOG_ALARM_RESULTS_MAX};
use model::{Caller, Scope, Timestamp};
use query::insights::aggregation::Aggregation;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use wire::cloudwatch::{PutLogAlarm, PutLogAlarmInput, ScheduledQueryConfiguration};
use wire::shape::Empty;
use wire::{Access, ApiError, Call, Protocol};

#[cfg(test)]
mod tests;

/// How often a put is tried again when the alarm changes under it.
const ATTEMPTS: usize = 8;
/// StateReason of an alarm that begins anew.
const RESET: &str = "Unchecked: The query of the alarm was changed";

pub async fn put_log_alarm(watch: &Watch, caller: &Caller, mut input: PutLogAlarmInput) -> Result<Empty, ApiError> {
    let scope = &caller.scope;
    let name = std::mem::take(&mut input.alarm_name);
    let alarm_tags = tags::checked(input.tags.take().unwrap_or_default())?;
    let query_tags = tags::checked(input.scheduled_query_configuration.tags.take().unwrap_or_default())?;
    let actions_enabled = input.actions_enabled.unwrap_or(true);
    let mut configuration = configuration(scope, input).await?;
    may_query(watch, caller, &configuration).await?;
    let interval_ms = evaluate::interval_ms(&configuration);
    for _ in 0..ATTEMPTS {
        let now = watch.clock.now();
        let put = match watch.catalog.alarm(scope, &name).await? {
            Some(old) if old.configuration.kind() != AlarmKind::Log => return Err(other_kind(&name)),
            Some(old) => replace(watch, old, &mut configuration, actions_enabled, now).await?,
            None => {
                begin(&mut configuration, watch.ids.uuid().to_string(), now);
                let alarm = Alarm {
                    scope: scope.clone(),
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
                    memory: first_memory(&configuration, now),
                };
                let arn = arn::alarm(scope, &name);
                let managed = managed(&alarm, query_tags.clone())?;
                let items = [history::created(&alarm, now)];
                watch.catalog.create_alarm(&alarm, interval_ms, &items, &arn, &alarm_tags, managed.as_ref()).await?
            }
        };
        if put {
            return Ok(Empty {});
        }
    }
    Err(contended())
}

/// Replaces the configuration of `old`; false when it changed meanwhile.
async fn replace(
    watch: &Watch,
    old: Alarm,
    configuration: &mut AlarmConfiguration,
    actions_enabled: bool,
    now: Timestamp,
) -> Result<bool, ApiError> {
    let is_reset = log_alarm::is_reset(&old.configuration, configuration);
    let known = old.configuration.log.clone().unwrap_or_default();
    let since = if is_reset { now } else { Timestamp(known.since_ms) };
    begin(configuration, known.scheduled_query_id, since);
    let mut new = old.clone();
    new.configuration = configuration.clone();
    new.actions_enabled = actions_enabled;
    new.configuration_updated = now;
    let interval_ms = evaluate::interval_ms(configuration);
    let managed = managed(&new, BTreeMap::new())?;
    let history = [history::updated(&old, &new, now)];
    if !is_reset {
        return Ok(watch.catalog.update_alarm(&new, interval_ms, &history, managed.as_ref()).await?);
    }
    // At once: a run of the old query that ends between the two would set the state.
    let replacement = Replacement { new: &new, interval_ms, history: &history, managed: managed.as_ref() };
    Ok(transition::apply_and_replace(watch, &old, &reset(&old, now), &replacement).await?)
}

/// Takes the alarm to INSUFFICIENT_DATA, without contributors.
fn reset(old: &Alarm, now: Timestamp) -> StateChange {
    let before = Memory::of(old);
    let warming_since_ms = before.warming_since_ms;
    let evaluation_state = warming_since_ms.map(|_| evaluate::IN_WARM_UP.to_owned());
    let memory = Memory { muted: before.muted, warming_since_ms, evaluation_state, ..Memory::default() };
    let (state, memory, due) = (AlarmState::InsufficientData, Some(memory.text()), None);
    if old.state == state {
        let (reason, reason_data) = (old.state_reason.clone(), old.state_reason_data.clone());
        return StateChange { state, reason, reason_data, at: old.state_updated, memory, due };
    }
    StateChange { state, reason: RESET.to_owned(), reason_data: None, at: now, memory, due }
}

/// Only runs after `since` count.
fn begin(configuration: &mut AlarmConfiguration, scheduled_query_id: String, since: Timestamp) {
    if let Some(log) = &mut configuration.log {
        log.scheduled_query_id = scheduled_query_id;
        log.since_ms = since.0;
    }
}

fn managed(alarm: &Alarm, tags: BTreeMap<String, String>) -> Result<Option<catalog::ManagedQuery>, ApiError> {
    alarm.configuration.log.as_ref().map(|log| managed_query(&alarm.name, log, tags)).transpose()
}

/// What a new alarm knows: that it is warming up.
fn first_memory(configuration: &AlarmConfiguration, now: Timestamp) -> Option<String> {
    let evaluation_state = Some(evaluate::IN_WARM_UP.to_owned());
    configuration
        .warm_up
        .map(|_| Memory { warming_since_ms: Some(now.0), evaluation_state, ..Memory::default() }.text())
}

/// Refuses callers who may not query what an alarm queries; an alarm of another kind queries nothing.
pub async fn may_query(watch: &Watch, caller: &Caller, configuration: &AlarmConfiguration) -> Result<(), ApiError> {
    match &configuration.log {
        Some(log) => check_later(watch, caller, &alarm_queries::read(&log.query).await?, &log.log_groups).await,
        None => Ok(()),
    }
}

/// The configuration that a PutLogAlarm input, as JSON, would make; refused as the operation would refuse it, but for what the caller
/// may not query ([`may_query`]).
pub async fn drafted_log_alarm(caller: &Caller, input: &[u8]) -> Result<AlarmConfiguration, ApiError> {
    let drafted = Arc::new(OnceLock::new());
    let told = Arc::clone(&drafted);
    let scope = caller.scope.clone();
    let draft = move |input: PutLogAlarmInput| async move {
        // Set once per call, so it cannot be set already.
        let _ = told.set(configuration(&scope, input).await?);
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
    let answer = wire::operation::run::<PutLogAlarm, _, _>(Access::Read, call, draft).await;
    match (answer.error, drafted.get()) {
        (Some(error), _) => Err(error),
        (None, Some(configuration)) => Ok(configuration.clone()),
        (None, None) => Err(ApiError::new(&wire::error::common::INTERNAL_FAILURE, "the draft was not read")),
    }
}

/// The configuration, after AWS's checks across members.
async fn configuration(scope: &Scope, input: PutLogAlarmInput) -> Result<AlarmConfiguration, ApiError> {
    let tag_propagation = action_configuration::checked(input.action_configuration)?;
    let (n, m) = (i64::from(input.query_results_to_evaluate), i64::from(input.query_results_to_alarm));
    if n > LOG_ALARM_RESULTS_MAX {
        return Err(refuse::validation(format!(
            "QueryResultsToEvaluate must be between 1 and {LOG_ALARM_RESULTS_MAX}"
        )));
    }
    if m > n {
        return Err(refuse::validation("QueryResultsToAlarm must be less than or equal to QueryResultsToEvaluate"));
    }
    check_word("ComparisonOperator", &input.comparison_operator, &OPERATORS)?;
    if let Some(treat) = &input.treat_missing_data {
        check_word("TreatMissingData", treat, &["breaching", "notBreaching", "ignore", "missing"])?;
    }
    if !input.threshold.is_finite() {
        return Err(refuse::validation("Threshold must be a finite number"));
    }
    let line_count = input.action_log_line_count.map(i64::from);
    check_lines(line_count, input.action_log_line_role_arn.as_deref())?;
    let mut log = criteria(input.scheduled_query_configuration).await?;
    let query = alarm_queries::read(&log.query).await;
    let query = query.map_err(|error| refuse::validation(format!("Invalid QueryString: {}", error.message())))?;
    if line_count.unwrap_or(0) > 0 && query.is_unmasking() {
        return Err(refuse::validation("Queries using unmask() cannot include log lines in notifications"));
    }
    if log.log_groups.is_empty() && query.source.is_none() {
        return Err(refuse::validation("LogGroupIdentifiers must not be empty"));
    }
    (log.line_count, log.line_role) = (line_count, input.action_log_line_role_arn);
    let warm_up = input.warm_up_configuration.map(|warm_up| AlarmWarmUp {
        minutes: i64::from(warm_up.warm_up_period_duration_in_minutes),
        whole: warm_up.only_start_evaluating_after_warm_up_period_ends == Some(true),
    });
    Ok(AlarmConfiguration {
        description: input.alarm_description,
        ok_actions: acted(scope, input.ok_actions, false)?,
        alarm_actions: acted(scope, input.alarm_actions, true)?,
        insufficient_data_actions: acted(scope, input.insufficient_data_actions, false)?,
        evaluation_periods: n,
        datapoints_to_alarm: Some(m),
        threshold: input.threshold,
        comparison_operator: input.comparison_operator,
        treat_missing_data: input.treat_missing_data,
        warm_up,
        log: Some(log),
        tag_propagation,
        ..AlarmConfiguration::default()
    })
}

const OPERATORS: [&str; 4] =
    ["GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"];

fn check_word(parameter: &str, word: &str, words: &[&str]) -> Result<(), ApiError> {
    if words.contains(&word) {
        return Ok(());
    }
    Err(refuse::validation(format!(
        "The value {word} for parameter {parameter} is invalid. Valid values are: {}.",
        words.join(", ")
    )))
}

fn check_lines(count: Option<i64>, role: Option<&str>) -> Result<(), ApiError> {
    match count {
        Some(count) if !(0..=LOG_ALARM_LINES_MAX).contains(&count) => {
            Err(refuse::validation(format!("ActionLogLineCount must be between 0 and {LOG_ALARM_LINES_MAX}")))
        }
        Some(1..) if role.is_none() => {
            Err(refuse::validation("ActionLogLineRoleArn is required when ActionLogLineCount is greater than 0"))
        }
        _ => Ok(()),
    }
}

/// The query with its schedule and aggregation.
async fn criteria(given: ScheduledQueryConfiguration) -> Result<LogCriteria, ApiError> {
    let schedule = given.schedule_configuration;
    let interval_secs = rate_secs(&schedule.schedule_expression).map_err(refuse::validation)?;
    let (start, end) = (schedule.start_time_offset, schedule.end_time_offset);
    if end.unwrap_or(0) >= start {
        return Err(refuse::validation("EndTimeOffset must be less than StartTimeOffset"));
    }
    // A regular expression in it may take long to compile.
    let text = given.aggregation_expression.clone();
    let read = tokio::task::spawn_blocking(move || Aggregation::parse(&text)).await;
    let read = read.map_err(|error| store::Error::Bug(format!("read an aggregation: {error}")))?;
    read.map_err(|error| refuse::validation(format!("Invalid AggregationExpression: {error}")))?;
    Ok(LogCriteria {
        query: given.query_string,
        log_groups: given.log_group_identifiers.unwrap_or_default(),
        role: given.scheduled_query_role_arn,
        aggregation: given.aggregation_expression,
        schedule: schedule.schedule_expression,
        interval_secs,
        start_offset_secs: start,
        end_offset_secs: end,
        ..LogCriteria::default()
    })
}

/// `rate(5 minutes)` in seconds.
fn rate_secs(expression: &str) -> Result<i64, String> {
    let wrong = || format!("Invalid ScheduleExpression: {expression} is not a rate like rate(5 minutes)");
    let inner = expression.trim().strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')')).ok_or_else(wrong)?;
    let words: Vec<&str> = inner.split_whitespace().collect();
    let [count, unit] = words.as_slice() else { return Err(wrong()) };
    let unit_secs = match *unit {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3_600,
        "day" | "days" => 86_400,
        _ => return Err(wrong()),
    };
    let is_number = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    let count: i64 = count.parse().ok().filter(|count| is_number && *count > 0).ok_or_else(wrong)?;
    count.checked_mul(unit_secs).filter(|secs| *secs <= LOG_ALARM_INTERVAL_SECS_MAX).ok_or_else(|| {
        format!("Invalid ScheduleExpression: {expression} is more than {} days", LOG_ALARM_INTERVAL_SECS_MAX / 86_400)
    })
}

/// Actions of a kind that log alarms have: topics and functions, OpsItems where they go to ALARM, and our webhooks.
fn acted(scope: &Scope, given: Option<Vec<String>>, is_alarm: bool) -> Result<Vec<String>, ApiError> {
    let given = actions(scope, given)?;
    let is_supported = |action: &String| {
        Arn::parse(action).is_some_and(|arn| match arn.service {
            "sns" | "lambda" | "notify" => true,
            "ssm" => is_alarm && arn.resource.starts_with("opsitem"),
            _ => false,
        })
    };
    match given.iter().find(|action| !is_supported(action)) {
        Some(action) => Err(refuse::validation(format!("The action {action} is not supported for log alarms"))),
        None => Ok(given),
    }
}
