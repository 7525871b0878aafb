//! History items in AWS's words: one summary sentence and a JSON document each.

use crate::alarms::reason::{cut, json_time};
use crate::alarms::recovery::Change;
use catalog::{Alarm, AlarmHistoryItem, AlarmKind, AlarmState, HistoryContributor, LogCriteria, StateChange};
use model::{Timestamp, arn};
use serde_json::{Map, Value, json};

/// Longest HistorySummary, characters (the model's `HistorySummary`).
const SUMMARY_CHARS_MAX: usize = 255;
/// Longest HistoryData, characters (the model's `HistoryData`); a longer message is left out of it.
const DATA_CHARS_MAX: usize = 4095;

/// The alarm was created.
pub fn created(alarm: &Alarm, at: Timestamp) -> AlarmHistoryItem {
    let data = json!({ "version": "1.0", "type": "Create", "createdAlarm": document(alarm) });
    item(alarm, "ConfigurationUpdate", at, format!("Alarm \"{}\" created", alarm.name), &data)
}

/// The alarm's configuration became that of `new`.
pub fn updated(old: &Alarm, new: &Alarm, at: Timestamp) -> AlarmHistoryItem {
    let (before, after) = (document(old), document(new));
    let changed: Map<String, Value> = before
        .iter()
        .filter(|(key, value)| after.get(*key) != Some(*value))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let data = json!({
        "version": "1.0", "type": "Update", "updatedAlarm": after, "originalUpdatedFields": changed
    });
    item(new, "ConfigurationUpdate", at, format!("Alarm \"{}\" updated", new.name), &data)
}

/// The alarm was deleted.
pub fn deleted(alarm: &Alarm, at: Timestamp) -> AlarmHistoryItem {
    let data = json!({ "version": "1.0", "type": "Delete", "deletedAlarm": document(alarm) });
    item(alarm, "ConfigurationUpdate", at, format!("Alarm \"{}\" deleted", alarm.name), &data)
}

/// The alarm went to another state.
pub fn state_updated(alarm: &Alarm, change: &StateChange) -> AlarmHistoryItem {
    let data = json!({
        "version": "1.0",
        "oldState": state_document(alarm.state, &alarm.state_reason, alarm.state_reason_data.as_deref()),
        "newState": state_document(change.state, &change.reason, change.reason_data.as_deref()),
    });
    let summary = format!("Alarm updated from {} to {}", alarm.state.as_str(), change.state.as_str());
    item(alarm, "StateUpdate", change.at, summary, &data)
}

/// A contributor went to another state. AWS's texts for contributors are not documented: they are as those of alarms.
pub fn contributor_updated(alarm: &Alarm, change: &Change, at: Timestamp) -> AlarmHistoryItem {
    let before = if change.state == AlarmState::Alarm { AlarmState::Ok } else { AlarmState::Alarm };
    let data = json!({
        "version": "1.0",
        "oldState": { "stateValue": before.as_str() },
        "newState": state_document(change.state, &change.reason, None),
    });
    let summary = format!("Alarm contributor updated from {} to {}", before.as_str(), change.state.as_str());
    of_contributor(item(alarm, "AlarmContributorStateUpdate", at, summary, &data), change)
}

/// An item about an action of one contributor instead of the whole alarm.
pub fn contributor_acted(item: AlarmHistoryItem, change: &Change) -> AlarmHistoryItem {
    of_contributor(AlarmHistoryItem { item_type: "AlarmContributorAction".to_owned(), ..item }, change)
}

fn of_contributor(item: AlarmHistoryItem, change: &Change) -> AlarmHistoryItem {
    let contributor = HistoryContributor { id: change.id.clone(), attributes: change.attributes.clone() };
    AlarmHistoryItem { contributor: Some(contributor), ..item }
}

/// An action published `message`: it is in the outbox.
pub fn action_succeeded(alarm: &Alarm, change: &StateChange, action: &str, message: &str) -> AlarmHistoryItem {
    let data = |message: Option<&str>| {
        json!({
            "actionState": "Succeeded",
            "stateUpdateTimestamp": change.at.0,
            "notificationResource": action,
            "publishedMessage": message,
            "error": null,
        })
    };
    let mut told = data(Some(message));
    if told.to_string().chars().count() > DATA_CHARS_MAX {
        told = data(None);
    }
    item(alarm, "Action", change.at, format!("Successfully executed action {action}"), &told)
}

/// An action did not come off.
pub fn action_failed(alarm: &Alarm, change: &StateChange, action: &str, error: &str) -> AlarmHistoryItem {
    let data = json!({
        "actionState": "Failed",
        "stateUpdateTimestamp": change.at.0,
        "notificationResource": action,
        "publishedMessage": null,
        "error": error,
    });
    // A long ARN must not push the error out of the summary.
    let tail = format!(". Received error: \"{error}\"");
    let room = SUMMARY_CHARS_MAX.saturating_sub(tail.chars().count());
    let summary = cut(format!("Failed to execute action {action}"), room) + &tail;
    item(alarm, "Action", change.at, summary, &data)
}

fn item(alarm: &Alarm, item_type: &str, at: Timestamp, summary: String, data: &Value) -> AlarmHistoryItem {
    AlarmHistoryItem {
        alarm_name: alarm.name.clone(),
        item_type: item_type.to_owned(),
        at,
        summary: cut(summary, SUMMARY_CHARS_MAX),
        data: data.to_string(),
        kind: alarm.configuration.kind(),
        contributor: None,
    }
}

fn state_document(state: AlarmState, reason: &str, reason_data: Option<&str>) -> Value {
    let mut document = json!({ "stateValue": state.as_str(), "stateReason": reason });
    if let Some(data) = reason_data.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        document["stateReasonData"] = data;
    }
    document
}

/// The alarm as history spells it (note `okactions`, which is how AWS writes it).
fn document(alarm: &Alarm) -> Map<String, Value> {
    let configuration = &alarm.configuration;
    let mut document = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            document.insert(key.to_owned(), value);
        }
    };
    put("alarmName", alarm.name.as_str().into());
    put("alarmDescription", configuration.description.as_deref().into());
    put("alarmArn", arn::alarm(&alarm.scope, &alarm.name).into());
    put("alarmConfigurationUpdatedTimestamp", json_time(alarm.configuration_updated).into());
    let on_one =
        configuration.metrics.is_empty() && configuration.promql.is_none() && configuration.kind() == AlarmKind::Metric;
    put("namespace", on_one.then_some(configuration.namespace.as_str()).into());
    put("metricName", on_one.then_some(configuration.metric_name.as_str()).into());
    put("statistic", configuration.statistic.as_deref().into());
    put("extendedStatistic", configuration.extended_statistic.as_deref().into());
    put("period", on_one.then_some(configuration.period_secs).into());
    let dimensions = configuration.dimensions.iter().map(|(name, value)| json!({ "value": value, "name": name }));
    put("dimensions", if on_one { dimensions.collect() } else { Value::Null });
    put("metrics", if configuration.metrics.is_empty() { Value::Null } else { json!(configuration.metrics) });
    put("alarmRule", configuration.composite.as_ref().map(|composite| composite.rule.as_str()).into());
    put("scheduledQueryConfiguration", configuration.log.as_ref().map_or(Value::Null, scheduled_query));
    put("unit", configuration.unit.as_deref().into());
    let compares = !configuration.comparison_operator.is_empty();
    let on_threshold = compares && configuration.threshold_metric_id.is_none();
    put("threshold", on_threshold.then_some(configuration.threshold).into());
    put("thresholdMetricId", configuration.threshold_metric_id.as_deref().into());
    put("comparisonOperator", compares.then_some(configuration.comparison_operator.as_str()).into());
    let on_logs = configuration.log.is_some();
    let (n, m) = match on_logs {
        true => ("queryResultsToEvaluate", "queryResultsToAlarm"),
        false => ("evaluationPeriods", "datapointsToAlarm"),
    };
    put(n, compares.then_some(configuration.evaluation_periods).into());
    put(m, configuration.datapoints_to_alarm.into());
    put("treatMissingData", configuration.treat_missing_data.as_deref().into());
    put("evaluateLowSampleCountPercentile", configuration.evaluate_low_sample_count_percentile.as_deref().into());
    put("stateValue", alarm.state.as_str().into());
    put("stateUpdatedTimestamp", json_time(alarm.state_updated).into());
    put("actionsEnabled", alarm.actions_enabled.into());
    put("alarmActions", configuration.alarm_actions.clone().into());
    put("insufficientDataActions", configuration.insufficient_data_actions.clone().into());
    put("okactions", configuration.ok_actions.clone().into());
    document
}

/// The query of a log alarm, with the names of the API's members as history spells them.
fn scheduled_query(log: &LogCriteria) -> Value {
    json!({
        "queryString": log.query,
        "logGroupIdentifiers": log.log_groups,
        "scheduledQueryRoleARN": log.role,
        "scheduleConfiguration": {
            "scheduleExpression": log.schedule,
            "startTimeOffset": log.start_offset_secs,
            "endTimeOffset": log.end_offset_secs.unwrap_or(0),
        },
        "aggregationExpression": log.aggregation,
    })
}
