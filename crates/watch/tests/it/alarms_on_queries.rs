//! Alarms on metric math, bands, Metrics Insights and PromQL, with their windows and warm-up, on the simulated clock.

use crate::cloudwatch::{CloudWatch, START};
use model::Timestamp;
use model::time::{DAY, HOUR, MINUTE, SECOND};
use serde_json::{Value, json};
use watch::alarms::evaluate_due;

pub fn metric(id: &str, name: &str) -> Value {
    let metric = json!({ "Namespace": "N", "MetricName": name });
    json!({ "Id": id, "MetricStat": { "Metric": metric, "Period": 60, "Stat": "Sum" }, "ReturnData": false })
}

pub fn on_queries(name: &str, queries: Value, more: Value) -> Value {
    let mut input = json!({
        "AlarmName": name, "Metrics": queries, "EvaluationPeriods": 1, "Threshold": 10.0,
        "ComparisonOperator": "GreaterThanThreshold",
    });
    for (key, value) in more.as_object().unwrap() {
        if value.is_null() {
            input.as_object_mut().unwrap().remove(key);
        } else {
            input[key] = value.clone();
        }
    }
    input
}

pub async fn put_of(plane: &CloudWatch, instance: &str, at: Timestamp, value: f64) {
    let dimensions = json!([{ "Name": "Instance", "Value": instance }]);
    let datum = json!({ "MetricName": "load", "Timestamp": at.secs(), "Value": value, "Dimensions": dimensions });
    plane.ok("PutMetricData", json!({ "Namespace": "N", "MetricData": [datum] })).await;
}

#[tokio::test]
async fn an_alarm_on_metric_math_sees_what_the_expression_gives() {
    let plane = CloudWatch::new().await;
    let queries = json!([
        metric("m1", "errors"), metric("m2", "requests"),
        { "Id": "e1", "Expression": "100 * m1 / m2", "Label": "error rate" },
    ]);
    plane.ok("PutMetricAlarm", on_queries("rate", queries.clone(), json!({ "DatapointsToAlarm": 1 }))).await;
    plane.run(MINUTE).await;
    assert_eq!(plane.state("rate").await, "INSUFFICIENT_DATA");
    plane.put("errors", START + MINUTE, 5.0).await;
    plane.put("requests", START + MINUTE, 100.0).await;
    plane.run(MINUTE).await;
    assert_eq!(plane.state("rate").await, "OK");
    plane.put("errors", START + 2 * MINUTE, 25.0).await;
    plane.put("requests", START + 2 * MINUTE, 100.0).await;
    plane.run(MINUTE).await;
    let alarm = plane.read("rate").await;
    assert_eq!(alarm.state.as_str(), "ALARM");
    assert_eq!(
        alarm.state_reason,
        "Threshold Crossed: 1 out of the last 1 datapoints [25.0 (01/03/26 00:02:00)] was greater than the threshold (10.0) \
         (minimum 1 datapoint for OK -> ALARM transition)."
    );
    let shown = plane.ok("DescribeAlarms", json!({ "AlarmNames": ["rate"] })).await;
    let shown = &shown["MetricAlarms"][0];
    assert_eq!(shown["Metrics"].as_array().map(Vec::len), Some(3));
    assert_eq!(shown["Metrics"][2]["Expression"], "100 * m1 / m2");
    assert!(shown.get("MetricName").is_none() && shown.get("Period").is_none(), "{shown}");
}

#[tokio::test]
async fn an_alarm_on_a_band_fires_where_the_value_leaves_it() {
    let plane = CloudWatch::new().await;
    for day in (0..8).rev() {
        let mut data = Vec::new();
        for slot in 0..288 {
            let at = START - (day + 1) * DAY + slot * 5 * MINUTE;
            let wave = 100.0 + 50.0 * ((slot as f64) / 288.0 * std::f64::consts::TAU).sin() + f64::from(slot as u8 % 3);
            data.push(json!({ "MetricName": "wave", "Timestamp": at.secs(), "Value": wave }));
        }
        plane.ok("PutMetricData", json!({ "Namespace": "N", "MetricData": data })).await;
    }
    let mut watched = metric("m1", "wave");
    watched["MetricStat"]["Period"] = json!(300);
    watched["MetricStat"]["Stat"] = json!("Average");
    watched["ReturnData"] = json!(true);
    let queries = json!([watched, { "Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)" }]);
    let more = json!({
        "Threshold": null, "ThresholdMetricId": "ad1", "ComparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold",
        "DatapointsToAlarm": 1,
    });
    plane.ok("PutMetricAlarm", on_queries("band", queries, more)).await;
    plane.put("wave", START, 100.5).await;
    plane.run(6 * MINUTE).await;
    assert_eq!(plane.state("band").await, "OK");
    plane.put("wave", START + 5 * MINUTE, 400.0).await;
    plane.run(5 * MINUTE).await;
    let alarm = plane.read("band").await;
    assert_eq!(alarm.state.as_str(), "ALARM");
    // The window slides by the minute: the first five minutes that the value lies in begin before it.
    let reason = "Thresholds Crossed: 1 out of the last 1 datapoints [400.0 (01/03/26 00:0";
    assert!(alarm.state_reason.starts_with(reason), "{}", alarm.state_reason);
    assert!(alarm.state_reason.contains("] was less than the lower thresholds ["), "{}", alarm.state_reason);
    assert!(alarm.state_reason.contains("] or greater than the upper thresholds ["), "{}", alarm.state_reason);
    let data: Value = serde_json::from_str(alarm.state_reason_data.as_deref().unwrap()).unwrap();
    assert!(data["recentUpperThresholds"][0].as_f64().unwrap() < 400.0, "{data}");
}

#[tokio::test]
async fn each_group_of_a_metrics_insights_query_is_a_contributor() {
    let plane = CloudWatch::new().await;
    let sql = "SELECT MAX(load) FROM SCHEMA(N, Instance) GROUP BY Instance";
    let queries = json!([{ "Id": "q1", "Expression": sql, "Period": 60 }]);
    plane.ok("PutMetricAlarm", on_queries("fleet", queries, json!({}))).await;
    for (instance, value) in [("a", 5.0), ("b", 50.0), ("c", 70.0)] {
        put_of(&plane, instance, START, value).await;
    }
    plane.run(MINUTE).await;
    let alarm = plane.read("fleet").await;
    assert_eq!(
        (alarm.state.as_str(), alarm.state_reason.as_str()),
        ("ALARM", "2 out of 3 time series evaluated to ALARM")
    );
    let told = plane.ok("DescribeAlarmContributors", json!({ "AlarmName": "fleet" })).await;
    let told = told["AlarmContributors"].as_array().unwrap();
    let instances: Vec<&str> = told.iter().map(|c| c["ContributorAttributes"]["Instance"].as_str().unwrap()).collect();
    assert_eq!(instances, ["b", "c"]);
    assert!(told[0]["StateReason"].as_str().unwrap().contains("50.0"), "{}", told[0]);
    for instance in ["a", "b", "c"] {
        put_of(&plane, instance, START + MINUTE, 1.0).await;
    }
    plane.run(MINUTE).await;
    assert_eq!(plane.state("fleet").await, "OK");
    let told = plane.ok("DescribeAlarmContributors", json!({ "AlarmName": "fleet" })).await;
    assert_eq!(told["AlarmContributors"], json!([]));
}

#[tokio::test]
async fn a_promql_alarm_waits_for_its_pending_and_recovery_periods() {
    let plane = CloudWatch::new().await;
    let criteria = json!({ "PromQLCriteria": { "Query": "load > 10", "PendingPeriod": 120, "RecoveryPeriod": 60 } });
    let input = json!({ "AlarmName": "p", "EvaluationCriteria": criteria, "EvaluationInterval": 60 });
    plane.ok("PutMetricAlarm", input).await;
    assert_eq!(plane.state("p").await, "OK");
    let mut states = Vec::new();
    for minute in 0..14 {
        let value = if minute < 4 { 50.0 } else { 1.0 };
        put_of(&plane, "a", START + minute * MINUTE, value).await;
        plane.run(MINUTE).await;
        states.push(plane.state("p").await);
    }
    let alarm: Vec<usize> = (0..14).filter(|at| states[*at] == "ALARM").collect();
    // Breaching from the first evaluation on, for two minutes; then no more, and for one minute.
    assert_eq!(alarm.first(), Some(&2), "{states:?}");
    assert!(alarm.len() >= 3 && states[13] == "OK", "{states:?}");
    let shown = plane.ok("DescribeAlarms", json!({ "AlarmNames": ["p"] })).await;
    assert_eq!(shown["MetricAlarms"][0]["EvaluationCriteria"]["PromQLCriteria"]["PendingPeriod"], 120);
}

#[tokio::test]
async fn a_warming_alarm_stays_where_it_is_until_its_window_is_full() {
    let plane = CloudWatch::new().await;
    let more = json!({
        "EvaluationPeriods": 3, "TreatMissingData": "breaching",
        "WarmUpConfiguration": { "WarmUpPeriodDurationInMinutes": 10 },
    });
    plane.put_alarm("warm", more.clone()).await;
    plane.put_alarm("cold", json!({ "EvaluationPeriods": 3, "TreatMissingData": "breaching" })).await;
    let evaluation = async |plane: &CloudWatch| {
        let shown = plane.ok("DescribeAlarms", json!({ "AlarmNames": ["warm"] })).await;
        shown["MetricAlarms"][0].get("EvaluationState").cloned()
    };
    assert_eq!(evaluation(&plane).await, Some(json!("IN_WARM_UP")));
    plane.run(2 * MINUTE).await;
    assert_eq!(evaluation(&plane).await, Some(json!("IN_WARM_UP")));
    assert_eq!(
        (plane.state("warm").await.as_str(), plane.state("cold").await.as_str()),
        ("INSUFFICIENT_DATA", "ALARM")
    );
    for minute in 0..3 {
        plane.put("m", START + (2 + minute) * MINUTE, 1.0).await;
    }
    plane.run(4 * MINUTE).await;
    assert_eq!((plane.state("warm").await.as_str(), evaluation(&plane).await), ("OK", None));
    // Once over it stays over: missing data breach.
    plane.put_alarm("warm", more).await;
    plane.run(8 * MINUTE).await;
    assert_eq!(plane.state("warm").await, "ALARM");
}

#[tokio::test]
async fn a_wall_clock_alarm_looks_at_whole_hours() {
    let plane = CloudWatch::new().await;
    let window = json!({ "WallClockWindow": { "Timezone": "UTC" } });
    plane.put_alarm("hourly", json!({ "Period": 3600, "EvaluationWindow": window })).await;
    plane.put("m", START + 10 * MINUTE, 99.0).await;
    plane.run(30 * MINUTE).await;
    assert_eq!(plane.state("hourly").await, "INSUFFICIENT_DATA", "the hour is not over");
    plane.run(31 * MINUTE).await;
    assert_eq!(plane.state("hourly").await, "ALARM");
}

#[tokio::test]
async fn an_expression_that_fails_is_told_and_does_not_stop_other_alarms() {
    let plane = CloudWatch::new().await;
    let sums: String = (0..300).map(|_| "m1+").collect();
    let queries = json!([metric("m1", "m"), { "Id": "e1", "Expression": format!("{sums}m1") }]);
    plane.ok("PutMetricAlarm", on_queries("long", queries, json!({}))).await;
    plane.put_alarm("other", json!({})).await;
    plane.put("m", START, 1.0).await;
    plane.clock.set(START + MINUTE + SECOND);
    assert_eq!(evaluate_due(&plane.watch).await.alarms, 2);
    assert_eq!((plane.state("long").await.as_str(), plane.state("other").await.as_str()), ("ALARM", "OK"));
    plane.clock.set(START + HOUR);
    assert_eq!(evaluate_due(&plane.watch).await.failures, 0);
}

/// Items of a type, oldest first: what each says, and of which contributor.
async fn told(plane: &CloudWatch, name: &str, item_type: &str) -> Vec<(String, Option<String>)> {
    let input = json!({ "AlarmName": name, "HistoryItemType": item_type, "ScanBy": "TimestampAscending" });
    let items = plane.ok("DescribeAlarmHistory", input).await["AlarmHistoryItems"].as_array().unwrap().clone();
    let read = |item: &Value| {
        let instance = item["AlarmContributorAttributes"]["Instance"].as_str().map(str::to_owned);
        (item["HistorySummary"].as_str().unwrap().to_owned(), instance)
    };
    items.iter().map(read).collect()
}

#[tokio::test]
async fn each_contributor_has_its_actions_and_its_history() {
    let plane = CloudWatch::new().await;
    let topic = "arn:aws:sns:us-east-1:123456789012:nobody";
    let scaling = "arn:aws:autoscaling:us-east-1:123456789012:scalingPolicy:p";
    let sql = "SELECT MAX(load) FROM SCHEMA(N, Instance) GROUP BY Instance";
    let queries = json!([{ "Id": "q1", "Expression": sql, "Period": 60 }]);
    let more = json!({ "AlarmActions": [topic, scaling], "OKActions": [topic] });
    plane.ok("PutMetricAlarm", on_queries("fleet", queries, more)).await;
    let values = [[5.0, 50.0], [60.0, 50.0], [1.0, 50.0], [1.0, 1.0]];
    for (minute, [a, b]) in (0..).zip(values) {
        put_of(&plane, "a", START + minute * MINUTE, a).await;
        put_of(&plane, "b", START + minute * MINUTE, b).await;
        plane.run(MINUTE).await;
    }
    let (alarm, ok) = ("Alarm contributor updated from OK to ALARM", "Alarm contributor updated from ALARM to OK");
    let changes = told(&plane, "fleet", "AlarmContributorStateUpdate").await;
    let changes: Vec<(&str, &str)> = changes.iter().map(|(text, of)| (text.as_str(), of.as_deref().unwrap())).collect();
    assert_eq!(changes, [(alarm, "b"), (alarm, "a"), (ok, "a"), (ok, "b")]);
    let actions = told(&plane, "fleet", "AlarmContributorAction").await;
    let of: Vec<&str> = actions.iter().map(|(_, of)| of.as_deref().unwrap()).collect();
    assert_eq!(of, ["b", "a", "a", "b"], "topics act on contributors, scaling does not");
    assert!(actions.iter().all(|(text, _)| text.contains(topic)), "{actions:?}");
    let whole = told(&plane, "fleet", "Action").await;
    assert_eq!(whole.len(), 3, "topic and scaling when it goes to ALARM, the topic when it is OK: {whole:?}");
    assert_eq!(told(&plane, "fleet", "StateUpdate").await.len(), 2);
    // Of one contributor alone.
    let input = json!({ "AlarmName": "fleet", "AlarmContributorId": "0123456789abcdef" });
    assert_eq!(plane.ok("DescribeAlarmHistory", input).await["AlarmHistoryItems"], json!([]));
}
