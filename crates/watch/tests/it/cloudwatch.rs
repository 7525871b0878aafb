//! CloudWatch: metrics in and out, alarms on the simulated clock, dashboards, tags.

use crate::plane::{NOW, Plane};
use catalog::{Alarm, StateChange};
use model::time::{DAY, HOUR, MINUTE, SECOND};
use model::{Clock, Scope, Timestamp};
use serde_json::{Value, json};
use std::ops::Deref;
use watch::alarms::evaluate_due;

/// When the clock starts: 2026-03-01T00:00:00Z.
pub const START: Timestamp = Timestamp(NOW);

/// A plane, with the steps that these tests repeat.
pub struct CloudWatch(Plane);

impl Deref for CloudWatch {
    type Target = Plane;

    fn deref(&self) -> &Plane {
        &self.0
    }
}

impl CloudWatch {
    pub async fn new() -> Self {
        Self(Plane::new(watch::cloudwatch::operations()).await)
    }

    /// The alarm as the catalog keeps it.
    pub async fn read(&self, name: &str) -> Alarm {
        self.watch.catalog.alarm(&scope(), name).await.unwrap().expect("an alarm")
    }

    pub async fn put(&self, metric: &str, at: Timestamp, value: f64) {
        let datum = json!({ "MetricName": metric, "Timestamp": at.secs(), "Value": value });
        self.ok("PutMetricData", json!({ "Namespace": "N", "MetricData": [datum] })).await;
    }

    /// Puts an alarm on `m > 10`, one minute, with `more` on top.
    pub async fn put_alarm(&self, name: &str, more: Value) {
        self.ok("PutMetricAlarm", alarm(name, more)).await;
    }

    pub async fn state(&self, name: &str) -> String {
        let alarms = self.ok("DescribeAlarms", json!({ "AlarmNames": [name] })).await;
        alarms["MetricAlarms"][0]["StateValue"].as_str().unwrap_or("none").to_owned()
    }

    /// Lets the ticker run every 10 seconds for `millis`.
    pub async fn run(&self, millis: i64) {
        for _ in 0..millis / (10 * SECOND) {
            self.clock.advance(10 * SECOND);
            assert_eq!(evaluate_due(&self.watch).await.failures, 0);
        }
    }

    /// Lets the ticker run once, now.
    pub async fn tick(&self) {
        assert_eq!(evaluate_due(&self.watch).await.failures, 0);
    }

    async fn summaries(&self, name: &str) -> Vec<String> {
        let input = json!({ "AlarmName": name, "ScanBy": "TimestampAscending" });
        let history = self.ok("DescribeAlarmHistory", input).await;
        let items = history["AlarmHistoryItems"].as_array().unwrap();
        items.iter().map(|item| item["HistorySummary"].as_str().unwrap().to_owned()).collect()
    }
}

fn scope() -> Scope {
    Scope { account: "123456789012".into(), region: "us-east-1".into() }
}

fn alarm(name: &str, more: Value) -> Value {
    let mut input = json!({
        "AlarmName": name, "Namespace": "N", "MetricName": "m", "Statistic": "Sum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 10.0, "ComparisonOperator": "GreaterThanThreshold",
    });
    for (key, value) in more.as_object().unwrap() {
        input[key] = value.clone();
    }
    input
}

fn names(answer: &Value, list: &str, member: &str) -> Vec<String> {
    let items = answer[list].as_array().unwrap();
    items.iter().map(|item| item[member].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_alarm_walks_through_its_states_and_its_history_says_why() {
    let plane = CloudWatch::new().await;
    let topic = "arn:aws:sns:us-east-1:123456789012:ops";
    plane.put_alarm("cpu", json!({ "DatapointsToAlarm": 1, "AlarmActions": [topic] })).await;
    assert_eq!(plane.state("cpu").await, "INSUFFICIENT_DATA");
    plane.put("m", START, 5.0).await;
    plane.run(MINUTE).await;
    assert_eq!(plane.state("cpu").await, "OK");
    plane.put("m", START + MINUTE, 12.0).await;
    plane.run(MINUTE).await;
    assert_eq!(plane.state("cpu").await, "ALARM");
    plane.put("m", START + 2 * MINUTE, 3.0).await;
    plane.run(MINUTE).await;
    assert_eq!(plane.state("cpu").await, "OK");
    assert_eq!(
        plane.summaries("cpu").await,
        [
            "Alarm \"cpu\" created",
            "Alarm updated from INSUFFICIENT_DATA to OK",
            "Alarm updated from OK to ALARM",
            "Failed to execute action arn:aws:sns:us-east-1:123456789012:ops. Received error: \"Topic does not exist\"",
            "Alarm updated from ALARM to OK",
        ]
    );
    let history =
        plane.ok("DescribeAlarmHistory", json!({ "AlarmName": "cpu", "HistoryItemType": "StateUpdate" })).await;
    let data: Value = serde_json::from_str(history["AlarmHistoryItems"][1]["HistoryData"].as_str().unwrap()).unwrap();
    assert_eq!(data["oldState"]["stateValue"], "OK");
    assert_eq!(
        data["newState"]["stateReason"],
        "Threshold Crossed: 1 out of the last 1 datapoints [12.0 (01/03/26 00:01:00)] was greater than the threshold \
         (10.0) (minimum 1 datapoint for OK -> ALARM transition)."
    );
    assert_eq!(data["newState"]["stateReasonData"]["recentDatapoints"], json!([12.0]));
}

#[tokio::test]
async fn the_40_cells_hold_from_store_to_state() {
    let plane = CloudWatch::new().await;
    let rows = [
        (3, "0-X-X", ["OK", "OK", "OK", "OK"]),
        (3, "0----", ["OK", "OK", "OK", "OK"]),
        (3, "-----", ["INSUFFICIENT_DATA", "keep", "ALARM", "OK"]),
        (3, "0XX-X", ["ALARM", "ALARM", "ALARM", "ALARM"]),
        (3, "--X--", ["ALARM", "keep", "ALARM", "OK"]),
        (2, "0-X-X", ["ALARM", "ALARM", "ALARM", "ALARM"]),
        (2, "00X0X", ["ALARM", "ALARM", "ALARM", "ALARM"]),
        (2, "0-X--", ["OK", "OK", "ALARM", "OK"]),
        (2, "----0", ["OK", "OK", "ALARM", "OK"]),
        (2, "---X-", ["ALARM", "keep", "ALARM", "OK"]),
    ];
    let treatments = ["missing", "ignore", "breaching", "notBreaching"];
    for (number, (m, pattern, _)) in rows.iter().enumerate() {
        for (i, c) in pattern.chars().enumerate().filter(|(_, c)| *c != '-') {
            plane.put(&format!("m{number}"), START + i as i64 * MINUTE, if c == 'X' { 12.0 } else { 5.0 }).await;
        }
        for treat in treatments {
            let more = json!({
                "MetricName": format!("m{number}"), "EvaluationPeriods": 3, "DatapointsToAlarm": m, "TreatMissingData": treat,
            });
            plane.put_alarm(&format!("{number}-{treat}"), more).await;
        }
    }
    plane.clock.set(START + 5 * MINUTE);
    assert_eq!(evaluate_due(&plane.watch).await.alarms, 40);
    for (number, (m, pattern, expected)) in rows.iter().enumerate() {
        for (treat, expected) in treatments.iter().zip(expected) {
            let expected = if *expected == "keep" { "INSUFFICIENT_DATA" } else { expected };
            assert_eq!(plane.state(&format!("{number}-{treat}")).await, expected, "{m} of 3, {pattern}, {treat}");
        }
    }
}

#[tokio::test]
async fn alarms_are_evaluated_as_often_as_their_period_asks() {
    let plane = CloudWatch::new().await;
    plane.put_alarm("fast", json!({ "Period": 10 })).await;
    plane.put_alarm("minute", json!({})).await;
    plane.put_alarm("slow", json!({ "Period": 3600, "EvaluationPeriods": 25 })).await;
    assert_eq!(evaluate_due(&plane.watch).await.alarms, 3, "new alarms are due at once");
    let mut counts = Vec::new();
    for _ in 0..6 {
        plane.clock.advance(10 * SECOND);
        counts.push(evaluate_due(&plane.watch).await.alarms);
    }
    assert_eq!(counts, [1, 1, 1, 1, 1, 2]);
    plane.clock.set(START + HOUR);
    assert_eq!(evaluate_due(&plane.watch).await.alarms, 3);
    assert_eq!(evaluate_due(&plane.watch).await.alarms, 0, "an idle tick finds nothing");
}

#[tokio::test]
async fn a_ten_second_alarm_sees_high_resolution_data() {
    let plane = CloudWatch::new().await;
    plane.put_alarm("fast", json!({ "Period": 10 })).await;
    let datum = json!({ "MetricName": "m", "Timestamp": START.secs() + 20, "Value": 50, "StorageResolution": 1 });
    plane.ok("PutMetricData", json!({ "Namespace": "N", "MetricData": [datum] })).await;
    plane.run(30 * SECOND).await;
    assert_eq!(plane.state("fast").await, "ALARM");
}

#[tokio::test]
async fn a_broken_alarm_does_not_stop_the_others() {
    let plane = CloudWatch::new().await;
    plane.put_alarm("good", json!({ "TreatMissingData": "breaching" })).await;
    let mut broken = plane.read("good").await;
    broken.name = "a-broken".into();
    broken.configuration.statistic = Some("Nonsense".into());
    assert!(plane.watch.catalog.create_alarm(&broken, MINUTE, &[], "arn", &Default::default(), None).await.unwrap());
    let evaluated = evaluate_due(&plane.watch).await;
    assert_eq!((evaluated.alarms, evaluated.transitions, evaluated.failures), (2, 1, 1));
    assert_eq!(plane.state("good").await, "ALARM");
}

#[tokio::test]
async fn of_two_evaluators_one_wins() {
    let plane = CloudWatch::new().await;
    plane.put_alarm("a", json!({})).await;
    let read = plane.read("a").await;
    let change = StateChange {
        state: catalog::AlarmState::Ok,
        reason: "r".into(),
        reason_data: None,
        at: plane.clock.now(),
        memory: None,
        due: None,
    };
    assert!(watch::alarms::transition::apply(&plane.watch, &read, &change, &[]).await.unwrap());
    assert!(!watch::alarms::transition::apply(&plane.watch, &read, &change, &[]).await.unwrap());
    assert_eq!(plane.summaries("a").await.len(), 2);
}

#[tokio::test]
async fn overwriting_keeps_the_state_and_the_tags() {
    let plane = CloudWatch::new().await;
    plane.put_alarm("a", json!({ "Tags": [{ "Key": "team", "Value": "x" }] })).await;
    plane.ok("SetAlarmState", json!({ "AlarmName": "a", "StateValue": "ALARM", "StateReason": "test" })).await;
    plane.put_alarm("a", json!({ "Threshold": 20.0, "Tags": [{ "Key": "team", "Value": "y" }] })).await;
    let alarm = plane.ok("DescribeAlarms", json!({})).await["MetricAlarms"][0].clone();
    assert_eq!((&alarm["StateValue"], &alarm["Threshold"]), (&json!("ALARM"), &json!(20.0)));
    assert_eq!(alarm["AlarmArn"], "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a");
    let tags = plane.ok("ListTagsForResource", json!({ "ResourceARN": alarm["AlarmArn"] })).await;
    assert_eq!(tags["Tags"], json!([{ "Key": "team", "Value": "x" }]));
    let history = plane.ok("DescribeAlarmHistory", json!({ "HistoryItemType": "ConfigurationUpdate" })).await;
    let data: Value = serde_json::from_str(history["AlarmHistoryItems"][0]["HistoryData"].as_str().unwrap()).unwrap();
    assert_eq!(data["type"], "Update");
    assert_eq!(data["originalUpdatedFields"]["threshold"], 10.0);
}

#[tokio::test]
async fn states_set_by_hand_run_actions_and_are_put_right_by_the_next_evaluation() {
    let plane = CloudWatch::new().await;
    let topic = "arn:aws:sns:us-east-1:123456789012:ops";
    plane.put_alarm("a", json!({ "AlarmActions": [topic], "TreatMissingData": "notBreaching" })).await;
    let set = |value: &str| json!({ "AlarmName": "a", "StateValue": value, "StateReason": "by hand" });
    plane.ok("DisableAlarmActions", json!({ "AlarmNames": ["a", "unknown"] })).await;
    plane.ok("SetAlarmState", set("ALARM")).await;
    assert!(!plane.summaries("a").await.iter().any(|summary| summary.contains("action")), "actions are off");
    plane.run(MINUTE).await;
    assert_eq!(plane.state("a").await, "OK");
    plane.ok("EnableAlarmActions", json!({ "AlarmNames": ["a"] })).await;
    plane.ok("SetAlarmState", set("ALARM")).await;
    plane.ok("SetAlarmState", set("ALARM")).await;
    let actions = plane.summaries("a").await.iter().filter(|summary| summary.starts_with("Failed to")).count();
    assert_eq!(actions, 1, "the second call changed nothing");
    let unknown = json!({ "AlarmName": "b", "StateValue": "OK", "StateReason": "r" });
    assert_eq!(plane.refused("SetAlarmState", unknown).await.0, "ResourceNotFound");
    let bad = json!({ "AlarmName": "a", "StateValue": "OK", "StateReason": "r", "StateReasonData": "{" });
    assert_eq!(plane.refused("SetAlarmState", bad).await.0, "InvalidFormatFault");
}

#[tokio::test]
async fn times_and_names_that_make_no_sense_are_told_in_awss_words() {
    let plane = CloudWatch::new().await;
    let at = START.secs();
    let statistics = |start: i64, end: i64| json!({ "Namespace": "N", "MetricName": "m", "Period": 60, "Statistics": ["Sum"], "StartTime": start, "EndTime": end });
    let metric = json!({ "Metric": { "Namespace": "N", "MetricName": "m" }, "Period": 60, "Stat": "Sum" });
    let data = |start: i64, end: i64| json!({ "MetricDataQueries": [{ "Id": "a", "MetricStat": metric }], "StartTime": start, "EndTime": end });
    for (end, words) in [
        (at, "The parameter StartTime must not equal parameter EndTime."),
        (at - 60, "The parameter StartTime must be less than the parameter EndTime."),
    ] {
        assert_eq!(plane.refused("GetMetricStatistics", statistics(at, end)).await.1, words);
        assert_eq!(plane.refused("GetMetricData", data(at, end)).await.1, words);
    }
    for member in ["MetricName", "Namespace"] {
        let mut alarm = json!({
            "AlarmName": "a", "Namespace": "N", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
            "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold",
        });
        alarm[member] = "größe".into();
        let (_, message) = plane.refused("PutMetricAlarm", alarm).await;
        assert_eq!(message, format!("{member} must not contain Non-ASCII characters"));
    }
    let (code, _) = plane.refused("ListMetrics", json!({ "MetricName": "" })).await;
    assert_eq!(code, "InvalidParameterValueException", "the one error of its model");
}

#[tokio::test]
async fn deleting_takes_the_right_names_and_leaves_the_history() {
    let plane = CloudWatch::new().await;
    plane.put_alarm("a", json!({})).await;
    plane.put_alarm("b", json!({})).await;
    plane.ok("DeleteAlarms", json!({ "AlarmNames": ["a", "zz"] })).await;
    assert_eq!(names(&plane.ok("DescribeAlarms", json!({})).await, "MetricAlarms", "AlarmName"), ["b"]);
    assert_eq!(plane.summaries("a").await, ["Alarm \"a\" created", "Alarm \"a\" deleted"]);
    let expired = plane.watch.catalog.expire_alarm_history(START + 1).await.unwrap();
    assert_eq!(expired, 3);
}

#[tokio::test]
async fn describe_alarms_filters_and_pages() {
    let plane = CloudWatch::new().await;
    for i in 0..5 {
        let action = format!("arn:aws:sns:us-east-1:123456789012:t{}", i % 2);
        plane.put_alarm(&format!("web-{i}"), json!({ "OKActions": [action] })).await;
    }
    plane.put_alarm("db-0", json!({})).await;
    plane.ok("SetAlarmState", json!({ "AlarmName": "web-3", "StateValue": "ALARM", "StateReason": "t" })).await;
    let list = |input: Value| async { names(&plane.ok("DescribeAlarms", input).await, "MetricAlarms", "AlarmName") };
    assert_eq!(list(json!({ "AlarmNamePrefix": "web-" })).await.len(), 5);
    assert_eq!(list(json!({ "AlarmNames": ["db-0", "nope"] })).await, ["db-0"]);
    assert_eq!(list(json!({ "StateValue": "ALARM" })).await, ["web-3"]);
    assert_eq!(list(json!({ "ActionPrefix": "arn:aws:sns:us-east-1:123456789012:t1" })).await, ["web-1", "web-3"]);
    assert!(list(json!({ "AlarmTypes": ["CompositeAlarm"] })).await.is_empty());
    let first = plane.ok("DescribeAlarms", json!({ "AlarmNamePrefix": "web-", "MaxRecords": 3 })).await;
    assert_eq!(names(&first, "MetricAlarms", "AlarmName"), ["web-0", "web-1", "web-2"]);
    let second = json!({ "AlarmNamePrefix": "web-", "MaxRecords": 3, "NextToken": first["NextToken"] });
    let second = plane.ok("DescribeAlarms", second).await;
    assert_eq!(names(&second, "MetricAlarms", "AlarmName"), ["web-3", "web-4"]);
    assert!(second.get("NextToken").is_none());
    for foreign in [json!({ "NextToken": first["NextToken"] }), json!({ "NextToken": "x" })] {
        assert_eq!(plane.refused("DescribeAlarms", foreign).await.0, "InvalidNextToken");
    }
    let both = json!({ "AlarmNames": ["a"], "AlarmNamePrefix": "a" });
    assert_eq!(plane.refused("DescribeAlarms", both).await.0, "InvalidParameterCombinationException");
}

#[tokio::test]
async fn alarms_are_found_by_their_metric() {
    let plane = CloudWatch::new().await;
    let dimensions = json!([{ "Name": "b", "Value": "2" }, { "Name": "a", "Value": "1" }]);
    plane.put_alarm("with", json!({ "Dimensions": dimensions })).await;
    plane.put_alarm("without", json!({})).await;
    let find = |more: Value| {
        let mut input = json!({ "Namespace": "N", "MetricName": "m" });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let plane = &plane;
        async move { names(&plane.ok("DescribeAlarmsForMetric", input).await, "MetricAlarms", "AlarmName") }
    };
    assert_eq!(find(json!({})).await, ["without"]);
    let other_order = json!([{ "Name": "a", "Value": "1" }, { "Name": "b", "Value": "2" }]);
    assert_eq!(find(json!({ "Dimensions": other_order })).await, ["with"]);
    assert!(find(json!({ "Period": 300 })).await.is_empty());
    assert!(find(json!({ "Statistic": "Average" })).await.is_empty());
}

#[tokio::test]
async fn history_pages_in_both_directions() {
    let plane = CloudWatch::new().await;
    for i in 0..5 {
        plane.put_alarm(&format!("a{i}"), json!({})).await;
        plane.clock.advance(SECOND);
    }
    for (scan, expected) in [
        ("TimestampAscending", ["a0", "a1", "a2", "a3", "a4"]),
        ("TimestampDescending", ["a4", "a3", "a2", "a1", "a0"]),
    ] {
        let mut seen = Vec::new();
        let mut input = json!({ "ScanBy": scan, "MaxRecords": 2 });
        loop {
            let page = plane.ok("DescribeAlarmHistory", input.clone()).await;
            seen.extend(names(&page, "AlarmHistoryItems", "AlarmName"));
            let Some(token) = page.get("NextToken") else { break };
            input["NextToken"] = token.clone();
        }
        assert_eq!(seen, expected);
    }
    let range = json!({ "StartDate": START.secs() + 1, "EndDate": START.secs() + 2 });
    let page = plane.ok("DescribeAlarmHistory", range).await;
    assert_eq!(names(&page, "AlarmHistoryItems", "AlarmName"), ["a2", "a1"]);
}

#[tokio::test]
async fn statistics_of_every_form_of_datum() {
    let plane = CloudWatch::new().await;
    let at = START.secs();
    let data = json!([
        { "MetricName": "m", "Timestamp": at, "Value": 1, "Unit": "Count" },
        { "MetricName": "m", "Timestamp": at + 30, "Values": [2, 3], "Counts": [2, 1], "Unit": "Count" },
        { "MetricName": "m", "Timestamp": at + 60, "Unit": "Count",
          "StatisticValues": { "SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 4 } },
        { "MetricName": "m", "Timestamp": at, "Value": 7, "Unit": "Bytes" },
        { "MetricName": "m", "Timestamp": at + 120, "Value": 100, "Unit": "Count" },
    ]);
    plane.ok("PutMetricData", json!({ "Namespace": "N", "MetricData": data })).await;
    let mut input = json!({
        "Namespace": "N", "MetricName": "m", "StartTime": at + 5, "EndTime": at + 120, "Period": 60, "Unit": "Count",
        "Statistics": ["SampleCount", "Sum", "Average", "Minimum", "Maximum"],
    });
    let answer = plane.ok("GetMetricStatistics", input.clone()).await;
    assert_eq!(answer["Label"], "m");
    let points = answer["Datapoints"].as_array().unwrap();
    assert_eq!(points.len(), 2, "StartTime is rounded to its minute, EndTime is exclusive");
    for (member, first, second) in [
        ("SampleCount", 4.0, 4.0),
        ("Sum", 8.0, 10.0),
        ("Average", 2.0, 2.5),
        ("Minimum", 1.0, 1.0),
        ("Maximum", 3.0, 4.0),
    ] {
        assert_eq!((points[0][member].as_f64(), points[1][member].as_f64()), (Some(first), Some(second)), "{member}");
    }
    input.as_object_mut().unwrap().remove("Unit");
    let answer = plane.ok("GetMetricStatistics", input.clone()).await;
    assert_eq!(answer["Datapoints"].as_array().unwrap().len(), 3, "each unit by itself");
    input.as_object_mut().unwrap().remove("Statistics");
    input["ExtendedStatistics"] = json!(["p50", "p100"]);
    input["Unit"] = json!("Count");
    let answer = plane.ok("GetMetricStatistics", input).await;
    let points = answer["Datapoints"].as_array().unwrap();
    assert_eq!(points.len(), 1, "a statistic set hides its samples");
    assert_eq!(points[0]["ExtendedStatistics"], json!({ "p50": 2.0, "p100": 3.0 }));
}

#[tokio::test]
async fn statistics_refuse_what_aws_refuses() {
    let plane = CloudWatch::new().await;
    let ask = |more: Value| {
        let mut input = json!({
            "Namespace": "N", "MetricName": "m", "StartTime": START.secs() - 3600, "EndTime": START.secs(), "Period": 60,
        });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let plane = &plane;
        async move { plane.call("GetMetricStatistics", input).await }
    };
    let unknown = ask(json!({ "Statistics": ["Sum"] })).await.unwrap();
    assert_eq!(unknown["Datapoints"], json!([]), "an unknown metric is no error");
    let (code, message) =
        ask(json!({ "Statistics": ["Sum"], "EndTime": START.secs() + DAY / 1000 })).await.unwrap_err();
    assert_eq!(code, "InvalidParameterCombinationException");
    assert!(
        message.starts_with("You have requested up to 1,500 datapoints, which exceeds the limit of 1,440."),
        "{message}"
    );
    for (more, code) in [
        (json!({}), "InvalidParameterCombinationException"),
        (json!({ "Statistics": ["Sum"], "ExtendedStatistics": ["p50"] }), "InvalidParameterCombinationException"),
        (json!({ "ExtendedStatistics": ["Sum"] }), "InvalidParameterValueException"),
        (json!({ "ExtendedStatistics": ["p101"] }), "InvalidParameterValueException"),
        (json!({ "Statistics": ["Sum"], "Period": 7 }), "InvalidParameterValueException"),
        (json!({ "Statistics": ["Sum"], "EndTime": 0 }), "InvalidParameterValueException"),
    ] {
        assert_eq!(ask(more.clone()).await.unwrap_err().0, code, "{more}");
    }
}

fn query(id: &str, metric: &str, stat: &str) -> Value {
    let metric = json!({ "Namespace": "N", "MetricName": metric });
    json!({ "Id": id, "MetricStat": { "Metric": metric, "Period": 60, "Stat": stat } })
}

#[tokio::test]
async fn metric_data_comes_in_pages_that_continue_each_other() {
    let plane = CloudWatch::new().await;
    for i in 0..5 {
        plane.put("m", START - (5 - i) * MINUTE, i as f64).await;
        plane.put("n", START - (5 - i) * MINUTE, 10.0 + i as f64).await;
    }
    for (scan, m, n) in [
        ("TimestampAscending", [0.0, 1.0, 2.0, 3.0, 4.0], [10.0, 11.0, 12.0, 13.0, 14.0]),
        ("TimestampDescending", [4.0, 3.0, 2.0, 1.0, 0.0], [14.0, 13.0, 12.0, 11.0, 10.0]),
    ] {
        // Pages that hold the periods of several queries are read at once, but for percentiles.
        for (page_max, stat) in [1, 2, 3, 5, 7, 25, 100].into_iter().flat_map(|max| [(max, "p50"), (max, "Maximum")]) {
            let mut input = json!({
                "MetricDataQueries": [query("m", "m", "Sum"), query("none", "none", "Sum"), query("n", "n", stat)],
                "StartTime": START.secs() - 600, "EndTime": START.secs(), "ScanBy": scan, "MaxDatapoints": page_max,
            });
            let mut seen: [Vec<f64>; 2] = Default::default();
            loop {
                let page = plane.ok("GetMetricData", input.clone()).await;
                let mut count = 0;
                for result in page["MetricDataResults"].as_array().unwrap() {
                    let values: Vec<f64> =
                        result["Values"].as_array().unwrap().iter().filter_map(Value::as_f64).collect();
                    assert_eq!(result["Timestamps"].as_array().unwrap().len(), values.len());
                    count += values.len();
                    match result["Id"].as_str().unwrap() {
                        "m" => seen[0].extend(values),
                        "n" => seen[1].extend(values),
                        _ => assert!(values.is_empty()),
                    }
                }
                assert!(count <= page_max);
                let Some(token) = page.get("NextToken") else { break };
                input["NextToken"] = token.clone();
            }
            assert_eq!(seen, [m.to_vec(), n.to_vec()], "{scan} by {page_max}, {stat}");
        }
    }
}

#[tokio::test]
async fn metric_data_keeps_to_its_rules() {
    let plane = CloudWatch::new().await;
    plane.put("m", START - MINUTE, 1.0).await;
    let ask = |queries: Value, more: Value| {
        let mut input =
            json!({ "MetricDataQueries": queries, "StartTime": START.secs() - 600, "EndTime": START.secs() });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let plane = &plane;
        async move { plane.call("GetMetricData", input).await }
    };
    let mut hidden = query("h", "m", "Sum");
    hidden["ReturnData"] = json!(false);
    let mut labelled = query("l", "m", "Sum");
    labelled["Label"] = json!("My label");
    let answer = ask(json!([hidden.clone(), labelled, query("d", "m", "Sum")]), json!({})).await.unwrap();
    let results = answer["MetricDataResults"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!((&results[0]["Label"], &results[1]["Label"]), (&json!("My label"), &json!("m")));
    assert_eq!(results[0]["StatusCode"], "Complete");
    for (queries, more, words) in [
        (json!([{ "Id": "e", "Expression": "m1 + m2" }]), json!({}), "Unresolved id 'm1'"),
        (json!([{ "Id": "e", "Expression": "1 +" }]), json!({}), "Invalid syntax"),
        (json!([{ "Id": "e" }]), json!({}), "must be specified"),
        (json!([query("A", "m", "Sum")]), json!({}), "^[a-z][a-zA-Z0-9_]*$"),
        (json!([query("a", "m", "Sum"), query("a", "m", "Sum")]), json!({}), "not unique"),
        (json!([query("a", "m", "Nonsense")]), json!({}), "MetricStat.Stat"),
        (json!([query("a", "m", "Sum")]), json!({ "MaxDatapoints": 100_801 }), "MaxDatapoints"),
        (json!([query("a", "m", "Sum")]), json!({ "EndTime": 0 }), "StartTime"),
        (json!([]), json!({}), "MetricDataQueries"),
        (json!([hidden]), json!({}), "must return data"),
    ] {
        let (code, message) = ask(queries, more).await.unwrap_err();
        assert_eq!(code, "ValidationException");
        assert!(message.contains(words), "{message}");
    }
    plane.put("m", START - 2 * MINUTE, 1.0).await;
    let first = ask(json!([query("a", "m", "Sum")]), json!({ "MaxDatapoints": 1 })).await.unwrap();
    let foreign = ask(json!([query("b", "m", "Sum")]), json!({ "NextToken": first["NextToken"] })).await;
    assert_eq!(foreign.unwrap_err().0, "InvalidNextToken");
    // All of time at the finest period costs no more than what is stored.
    let mut wide = query("w", "m", "Sum");
    wide["MetricStat"]["Period"] = json!(1);
    let answer = ask(json!([wide]), json!({ "StartTime": 0, "EndTime": 4_102_444_800_i64 })).await.unwrap();
    assert_eq!(answer["MetricDataResults"][0]["Values"], json!([1.0, 1.0]));
}

#[tokio::test]
async fn metrics_are_listed_by_subset_and_recency() {
    let plane = CloudWatch::new().await;
    let datum = |name: &str, dimensions: Value| json!({ "MetricName": name, "Value": 1, "Dimensions": dimensions });
    let (a, b) = (json!({ "Name": "a", "Value": "1" }), json!({ "Name": "b", "Value": "2" }));
    let data = json!([datum("m", json!([a])), datum("m", json!([a, b])), datum("n", json!([]))]);
    plane.ok("PutMetricData", json!({ "Namespace": "N", "MetricData": data })).await;
    let count = |input: Value| {
        let plane = &plane;
        async move { plane.ok("ListMetrics", input).await["Metrics"].as_array().unwrap().len() }
    };
    assert_eq!(count(json!({})).await, 3);
    assert_eq!(count(json!({ "Namespace": "N", "MetricName": "m" })).await, 2);
    assert_eq!(count(json!({ "Dimensions": [{ "Name": "a" }] })).await, 2);
    assert_eq!(count(json!({ "Dimensions": [{ "Name": "b", "Value": "2" }] })).await, 1);
    assert_eq!(count(json!({ "Dimensions": [{ "Name": "b", "Value": "3" }] })).await, 0);
    plane.clock.advance(4 * HOUR);
    assert_eq!(count(json!({ "RecentlyActive": "PT3H" })).await, 0);
    assert_eq!(count(json!({})).await, 3);
    plane.clock.advance(14 * DAY);
    assert_eq!(count(json!({})).await, 0);
}

#[tokio::test]
async fn metrics_are_listed_500_a_page() {
    let plane = CloudWatch::new().await;
    let data: Vec<Value> = (0..1000).map(|i| json!({ "MetricName": format!("m{i:04}"), "Value": 1 })).collect();
    plane.ok("PutMetricData", json!({ "Namespace": "N", "MetricData": data })).await;
    plane.put("z", START, 1.0).await;
    let mut seen = Vec::new();
    let mut sizes = Vec::new();
    let mut input = json!({ "Namespace": "N" });
    loop {
        let page = plane.ok("ListMetrics", input.clone()).await;
        let found = names(&page, "Metrics", "MetricName");
        sizes.push(found.len());
        seen.extend(found);
        let Some(token) = page.get("NextToken") else { break };
        input["NextToken"] = token.clone();
    }
    assert_eq!(sizes, [500, 500, 1]);
    assert!(seen.is_sorted());
    let foreign = json!({ "Namespace": "M", "NextToken": input["NextToken"] });
    assert_eq!(plane.refused("ListMetrics", foreign).await.0, "InvalidParameterValueException");
}

#[tokio::test]
async fn own_metrics_go_the_way_of_all_metrics() {
    let plane = CloudWatch::new().await;
    let datum = wire::cloudwatch::MetricDatum { metric_name: "Calls".into(), value: Some(3.0), ..Default::default() };
    watch::cloudwatch::publish(&plane.watch, &scope(), "Trailwatch", vec![datum]).await.unwrap();
    let listed = plane.ok("ListMetrics", json!({ "Namespace": "Trailwatch" })).await;
    assert_eq!(names(&listed, "Metrics", "MetricName"), ["Calls"]);
}

#[tokio::test]
async fn dashboards_are_kept_listed_and_deleted() {
    let plane = CloudWatch::new().await;
    let body = r#"{ "widgets": [ { "type": "text", "properties": { "markdown": "hi" } } ], "extra": 1 }"#;
    let put = plane.ok("PutDashboard", json!({ "DashboardName": "web", "DashboardBody": body })).await;
    assert_eq!(put["DashboardValidationMessages"].as_array().unwrap().len(), 1, "a warning about `extra`");
    plane.ok("PutDashboard", json!({ "DashboardName": "db", "DashboardBody": "{\"widgets\":[]}" })).await;
    let got = plane.ok("GetDashboard", json!({ "DashboardName": "web" })).await;
    assert_eq!(got["DashboardBody"], body, "the very text");
    assert_eq!(got["DashboardArn"], "arn:aws:cloudwatch::123456789012:dashboard/web");
    let list = plane.ok("ListDashboards", json!({ "DashboardNamePrefix": "w" })).await;
    assert_eq!(names(&list, "DashboardEntries", "DashboardName"), ["web"]);
    assert_eq!(list["DashboardEntries"][0]["Size"], body.len());
    let (code, message) = plane.refused("DeleteDashboards", json!({ "DashboardNames": ["db", "none"] })).await;
    assert_eq!((code.as_str(), message.as_str()), ("DashboardNotFoundError", "Dashboard none does not exist"));
    assert_eq!(plane.refused("GetDashboard", json!({ "DashboardName": "db" })).await.0, "DashboardNotFoundError");
}

#[tokio::test]
async fn bad_dashboards_are_refused_with_their_errors() {
    let plane = CloudWatch::new().await;
    let put = |name: &str, body: &str| json!({ "DashboardName": name, "DashboardBody": body });
    let (code, message) = plane.refused("PutDashboard", put("a", "{")).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("DashboardInvalidInputError", "The field DashboardBody must be a valid JSON object")
    );
    let (_, message) = plane.refused("PutDashboard", put("a", r#"{"widgets":[{"type":"text"}]}"#)).await;
    assert_eq!(
        message,
        "The dashboard body is invalid, there are 1 validation errors:\n[\n  {\n    \"dataPath\": \"/widgets/0\",\n    \
         \"message\": \"Should have required property 'properties'\"\n  }\n]"
    );
    assert_eq!(plane.refused("PutDashboard", put("a b", "{}")).await.0, "InvalidParameterValueException");
}

#[tokio::test]
async fn tags_belong_to_what_exists() {
    let plane = CloudWatch::new().await;
    plane.put_alarm("a", json!({})).await;
    let arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a";
    let tag = |key: &str| json!({ "Key": key, "Value": "v" });
    plane.ok("TagResource", json!({ "ResourceARN": arn, "Tags": [tag("x"), tag("y")] })).await;
    plane.ok("UntagResource", json!({ "ResourceARN": arn, "TagKeys": ["x", "unknown"] })).await;
    let tags = plane.ok("ListTagsForResource", json!({ "ResourceARN": arn })).await;
    assert_eq!(tags["Tags"], json!([tag("y")]));
    let gone = json!({ "ResourceARN": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:b" });
    assert_eq!(plane.refused("ListTagsForResource", gone).await.0, "ResourceNotFoundException");
    let bad = json!({ "ResourceARN": "nonsense" });
    assert_eq!(plane.refused("ListTagsForResource", bad).await.0, "InvalidParameterValueException");
    let many: Vec<Value> = (0..50).map(|i| tag(&format!("k{i}"))).collect();
    assert_eq!(
        plane.refused("TagResource", json!({ "ResourceARN": arn, "Tags": many })).await.0,
        "InvalidParameterValueException"
    );
    let reserved = json!({ "ResourceARN": arn, "Tags": [tag("aws:x")] });
    assert_eq!(plane.refused("TagResource", reserved).await.0, "InvalidParameterValueException");
}
