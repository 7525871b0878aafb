//! Alarm calls: an alarm is put, set to a state, and described with its history.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{
    AlarmHistoryItem, ComparisonOperator, Dimension, HistoryItemType, MetricAlarm, StateValue, Statistic, Tag,
};
use serde_json::{Value, json};

/// Puts an alarm, sets its state, and answers what is said of it before and after.
pub async fn calls(client: &Client, namespace: &str) -> anyhow::Result<Value> {
    let name = format!("{namespace} alarm");
    client
        .put_metric_alarm()
        .alarm_name(&name)
        .alarm_description("über 0.1")
        .namespace(namespace)
        .metric_name("Nothing")
        .dimensions(Dimension::builder().name("Host").value("a").build())
        .statistic(Statistic::Average)
        .period(60)
        .evaluation_periods(3)
        .datapoints_to_alarm(2)
        .threshold(0.1)
        .comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold)
        .treat_missing_data("ignore")
        .actions_enabled(false)
        .alarm_actions("arn:aws:sns:us-east-1:123456789012:topic")
        .tags(Tag::builder().key("team").value("a&b").build())
        .send()
        .await?;
    let before = describe(client, &name).await?;
    let set = client.set_alarm_state().alarm_name(&name).state_value(StateValue::Alarm).state_reason("by hand");
    set.state_reason_data(r#"{"why":1}"#).send().await?;
    let after = describe(client, &name).await?;
    let history = client.describe_alarm_history().alarm_name(&name).send().await?;
    let told = |item: &AlarmHistoryItem| {
        json!({
            "type": item.history_item_type().map(HistoryItemType::as_str),
            "summary": item.history_summary(),
            "has_time": item.timestamp().is_some(),
        })
    };
    let history: Vec<Value> = history.alarm_history_items().iter().map(told).collect();
    Ok(json!({ "before": before, "after": after, "history": history }))
}

async fn describe(client: &Client, name: &str) -> anyhow::Result<Vec<Value>> {
    let answer = client.describe_alarms().alarm_names(name).send().await?;
    Ok(answer.metric_alarms().iter().map(told).collect())
}

fn told(alarm: &MetricAlarm) -> Value {
    json!({
        "name": alarm.alarm_name(),
        "arn": alarm.alarm_arn(),
        "description": alarm.alarm_description(),
        "state": alarm.state_value().map(StateValue::as_str),
        "reason": alarm.state_reason(),
        "reason_data": alarm.state_reason_data(),
        "updated": alarm.state_updated_timestamp().map(|time| time.as_secs_f64()),
        "threshold": alarm.threshold(),
        "period": alarm.period(),
        "evaluation_periods": alarm.evaluation_periods(),
        "datapoints_to_alarm": alarm.datapoints_to_alarm(),
        "comparison": alarm.comparison_operator().map(ComparisonOperator::as_str),
        "statistic": alarm.statistic().map(Statistic::as_str),
        "missing_data": alarm.treat_missing_data(),
        "actions_enabled": alarm.actions_enabled(),
        "actions": alarm.alarm_actions(),
        "dimensions": alarm.dimensions().iter().map(|d| json!([d.name(), d.value()])).collect::<Vec<_>>(),
    })
}
