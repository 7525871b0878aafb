//! The EventBridge event of a change of state, of an alarm or of one of its contributors.

use super::{ContributorChange, MetricQuery, MetricStat, Notification, Source, State, Trigger};
use crate::alarms::reason::json_time;
use serde_json::{Map, Value, json};

/// `CloudWatch Alarm State Change`. `id` is the event's; `metric_id` is what the one metric of a simple alarm is called
/// in `configuration`, which AWS makes up (a UUID).
pub fn alarm(notification: &Notification, id: &str, metric_id: &str) -> Value {
    let detail = json!({
        "alarmName": notification.alarm_name,
        "state": state(&notification.state),
        "previousState": state(&notification.previous),
        "configuration": configuration(notification, metric_id),
    });
    event(notification, id, "CloudWatch Alarm State Change", &notification.state, detail)
}

/// `CloudWatch Alarm Contributor State Change`.
pub fn contributor(notification: &Notification, change: ContributorChange<'_>, id: &str) -> Value {
    let detail = json!({
        "alarmName": notification.alarm_name,
        "alarmContributor": { "id": change.id, "attributes": change.attributes },
        "state": state(change.state),
        "configuration": configuration(notification, ""),
    });
    event(notification, id, "CloudWatch Alarm Contributor State Change", change.state, detail)
}

fn event(notification: &Notification, id: &str, detail_type: &str, state: &State, mut detail: Value) -> Value {
    if let Some(mute) = &notification.muted {
        detail["muteDetail"] = json!({
            "mutedByArn": mute.rule_arn,
            "muteWindowStart": json_time(mute.window.start),
            "muteWindowEnd": json_time(mute.window.end),
        });
    }
    json!({
        "version": "0",
        "id": id,
        "detail-type": detail_type,
        "source": "aws.cloudwatch",
        "account": notification.account,
        "time": state.at.iso_seconds(),
        "region": notification.region,
        "resources": [notification.alarm_arn],
        "detail": detail,
    })
}

fn state(state: &State) -> Value {
    let mut document = Map::new();
    if let Some(by) = state.suppressed_by {
        document.insert("actionsSuppressedBy".to_owned(), by.as_str().into());
        document.insert("actionsSuppressedReason".to_owned(), by.reason().into());
    }
    document.insert("value".to_owned(), state.value.as_str().into());
    document.insert("reason".to_owned(), state.reason.as_str().into());
    if let Some(data) = &state.reason_data {
        document.insert("reasonData".to_owned(), data.as_str().into());
    }
    document.insert("timestamp".to_owned(), json_time(state.at).into());
    document.into()
}

fn configuration(notification: &Notification, metric_id: &str) -> Value {
    let mut document = match &notification.trigger {
        Trigger::Metric { metric, .. } => {
            json!({ "metrics": [{ "id": metric_id, "metricStat": metric_stat(metric), "returnData": true }] })
        }
        Trigger::Metrics { queries, .. } => json!({ "metrics": queries.iter().map(query).collect::<Vec<_>>() }),
        Trigger::PromQl { query, pending_secs, recovery_secs, interval_secs } => json!({
            "evaluationCriteria": {
                "promQLCriteria": { "query": query, "pendingPeriod": pending_secs, "recoveryPeriod": recovery_secs }
            },
            "evaluationInterval": interval_secs,
        }),
        Trigger::Composite { rule, suppressor, .. } => {
            let mut document = json!({ "alarmRule": rule });
            if let Some(suppressor) = suppressor {
                document["actionsSuppressor"] = suppressor.alarm.as_str().into();
                document["actionsSuppressorWaitPeriod"] = suppressor.wait_secs.into();
                document["actionsSuppressorExtensionPeriod"] = suppressor.extension_secs.into();
            }
            document
        }
    };
    if let Some(description) = &notification.description {
        document["description"] = description.as_str().into();
    }
    document
}

fn query(query: &MetricQuery) -> Value {
    let mut document = json!({ "id": query.id });
    match &query.source {
        Source::Metric(metric) => document["metricStat"] = metric_stat(metric),
        Source::Expression(text, period) => {
            document["expression"] = text.as_str().into();
            if let Some(period) = period {
                document["period"] = (*period).into();
            }
        }
    }
    if let Some(label) = &query.label {
        document["label"] = label.as_str().into();
    }
    if let Some(account) = &query.account {
        document["accountId"] = account.as_str().into();
    }
    document["returnData"] = query.return_data.into();
    document
}

fn metric_stat(metric: &MetricStat) -> Value {
    let dimensions: Map<String, Value> =
        metric.dimensions.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let mut document = json!({
        "metric": { "namespace": metric.namespace, "name": metric.name, "dimensions": dimensions },
        "period": metric.period_secs,
        "stat": metric.stat,
    });
    if let Some(unit) = &metric.unit {
        document["unit"] = unit.as_str().into();
    }
    document
}
