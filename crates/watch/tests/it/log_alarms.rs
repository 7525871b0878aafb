//! Log alarms on the simulated clock: their runs, states, history, notifications, contributors, and what is managed for them.

use crate::plane::{NOW, Plane};
use model::time::SECOND;
use model::{Clock, Scope, TimeRange, Timestamp};
use serde_json::{Value, json};
use watch::alarms::backtest::backtest;
use watch::alarms::{evaluate_due, evaluate_due_on_logs};
use watch::cloudwatch::{drafted_log_alarm, may_query};

const START: Timestamp = Timestamp(NOW);
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:t";
const ROLE: &str = "arn:aws:iam::123456789012:role/logs";

/// A plane with the log group `g`, its stream `s`, and the topic `t`.
async fn plane() -> Plane {
    let mut operations = watch::cloudwatch::operations();
    // Each service tags; here only alarms are tagged.
    let others = watch::logs::operations().into_iter().chain(watch::sns::operations());
    operations.extend(others.filter(|row| !row.name.contains("Tag")));
    let plane = Plane::new(operations).await;
    plane.ok("CreateLogGroup", json!({ "logGroupName": "g" })).await;
    plane.ok("CreateLogStream", json!({ "logGroupName": "g", "logStreamName": "s" })).await;
    plane.ok("CreateTopic", json!({ "Name": "t" })).await;
    plane
}

fn alarm(name: &str, aggregation: &str, more: Value) -> Value {
    let mut input = json!({
        "AlarmName": name, "QueryResultsToEvaluate": 3, "QueryResultsToAlarm": 2, "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "ScheduledQueryConfiguration": {
            "QueryString": "fields @message | filter level = 'ERROR'", "LogGroupIdentifiers": ["g"], "ScheduledQueryRoleARN": ROLE,
            "AggregationExpression": aggregation,
            "ScheduleConfiguration": { "ScheduleExpression": "rate(1 minute)", "StartTimeOffset": 60 },
        },
    });
    for (key, value) in more.as_object().unwrap() {
        input[key] = value.clone();
    }
    input
}

/// Errors of services, now.
async fn errors(plane: &Plane, services: &[&str]) {
    if services.is_empty() {
        return;
    }
    let event = |service: &&str| {
        let message = json!({ "level": "ERROR", "service": service, "ms": 7 }).to_string();
        json!({ "timestamp": plane.clock.now().0, "message": message })
    };
    let events: Vec<Value> = services.iter().map(event).collect();
    plane.ok("PutLogEvents", json!({ "logGroupName": "g", "logStreamName": "s", "logEvents": events })).await;
}

/// Lets both tickers run every 10 seconds for a minute.
async fn minute(plane: &Plane) {
    for _ in 0..6 {
        plane.clock.advance(10 * SECOND);
        assert_eq!(evaluate_due_on_logs(&plane.watch).await.failures, 0);
        assert_eq!(evaluate_due(&plane.watch).await.failures, 0);
    }
}

async fn describe(plane: &Plane, name: &str) -> Value {
    let input = json!({ "AlarmNames": [name], "AlarmTypes": ["LogAlarm"] });
    plane.ok("DescribeAlarms", input).await["LogAlarms"][0].clone()
}

async fn state(plane: &Plane, name: &str) -> String {
    describe(plane, name).await["StateValue"].as_str().unwrap_or("none").to_owned()
}

/// Items of a type, oldest first.
async fn history(plane: &Plane, name: &str, item_type: &str) -> Vec<Value> {
    let input = json!({ "AlarmName": name, "HistoryItemType": item_type, "ScanBy": "TimestampAscending" });
    plane.ok("DescribeAlarmHistory", input).await["AlarmHistoryItems"].as_array().unwrap().clone()
}

/// What the actions of a type published, oldest first.
async fn published(plane: &Plane, name: &str, item_type: &str) -> Vec<Value> {
    let read = |item: &Value| -> Value {
        let data: Value = serde_json::from_str(item["HistoryData"].as_str().unwrap()).unwrap();
        serde_json::from_str(data["publishedMessage"].as_str().unwrap_or("null")).unwrap()
    };
    history(plane, name, item_type).await.iter().map(read).collect()
}

#[tokio::test]
async fn runs_that_breach_take_the_alarm_through_its_states() {
    let plane = plane().await;
    let more = json!({ "AlarmActions": [TOPIC], "ActionLogLineCount": 1, "ActionLogLineRoleArn": ROLE, "AlarmDescription": "d" });
    plane.ok("PutLogAlarm", alarm("errors", "count(*)", more)).await;
    plane.ok("PutCompositeAlarm", json!({ "AlarmName": "parent", "AlarmRule": "ALARM(errors)" })).await;
    let shown = describe(&plane, "errors").await;
    assert_eq!(
        (&shown["StateValue"], &shown["StateReason"]),
        (&json!("INSUFFICIENT_DATA"), &json!("Unchecked: Initial alarm creation"))
    );
    errors(&plane, &["a", "b"]).await;
    minute(&plane).await;
    assert_eq!(state(&plane, "errors").await, "INSUFFICIENT_DATA", "one run of two that it takes");
    errors(&plane, &["a", "b", "c"]).await;
    minute(&plane).await;
    let shown = describe(&plane, "errors").await;
    assert_eq!(shown["StateValue"], "ALARM");
    let reason = "Threshold Crossed: 2 out of the last 2 query results [3.0 (01/03/26 00:02:00), 2.0 (01/03/26 00:01:00)] were greater \
                  than the threshold (1.0) (minimum 2 datapoints for OK -> ALARM transition).";
    assert_eq!(shown["StateReason"], reason);
    assert_eq!(
        (&shown["QueryResultsToEvaluate"], &shown["QueryResultsToAlarm"], &shown["ActionLogLineCount"]),
        (&json!(3), &json!(2), &json!(1))
    );
    let parent = plane.ok("DescribeAlarms", json!({ "AlarmTypes": ["CompositeAlarm"] })).await;
    assert_eq!(parent["CompositeAlarms"][0]["StateValue"], "ALARM");
    minute(&plane).await;
    assert_eq!(state(&plane, "errors").await, "ALARM", "two of the last three");
    minute(&plane).await;
    assert_eq!(state(&plane, "errors").await, "OK");
    let told = published(&plane, "errors", "Action").await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["NewStateReason"], &told[0]["OldStateValue"]), (&json!(reason), &json!("INSUFFICIENT_DATA")));
    assert_eq!(told[0]["NewStateReasonData"]["results"][0]["value"], 3.0);
    let lines = told[0]["LogLines"].as_array().unwrap();
    assert!(lines.len() == 1 && lines[0].as_str().unwrap().contains("\"level\":\"ERROR\""), "{lines:?}");
    let query = &told[0]["Trigger"]["ScheduledQueryConfiguration"];
    assert_eq!(
        (&query["AggregationExpression"], &query["ScheduleConfiguration"]["StartTimeOffset"]),
        (&json!("count(*)"), &json!(60))
    );
    let changes = history(&plane, "errors", "StateUpdate").await;
    assert_eq!(changes.len(), 2);
    assert!(changes.iter().all(|item| item["AlarmType"] == "LogAlarm"), "{changes:?}");
}

#[tokio::test]
async fn each_contributor_is_told_and_remembered() {
    let plane = plane().await;
    let more = json!({ "AlarmActions": [TOPIC], "OKActions": [TOPIC], "InsufficientDataActions": [TOPIC], "QueryResultsToEvaluate": 1, "QueryResultsToAlarm": 1 });
    plane.ok("PutLogAlarm", alarm("by-service", "count(*) by service | sort desc", more)).await;
    errors(&plane, &["a", "a", "b", "c", "c", "c"]).await;
    minute(&plane).await;
    let shown = describe(&plane, "by-service").await;
    assert_eq!(
        (&shown["StateValue"], &shown["StateReason"]),
        (&json!("ALARM"), &json!("2 out of 3 contributors evaluated to ALARM"))
    );
    let told = plane.ok("DescribeAlarmContributors", json!({ "AlarmName": "by-service" })).await;
    let contributors = told["AlarmContributors"].as_array().unwrap();
    let names: Vec<&str> =
        contributors.iter().map(|c| c["ContributorAttributes"]["service"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "c"]);
    let reason = "Threshold Crossed: 1 query result was greater than the threshold (1.0). The most recent query result which crossed the \
                  threshold: [2.0 (01/03/26 00:01:00)].";
    assert_eq!(contributors[0]["StateReason"], reason);
    assert!(history(&plane, "by-service", "Action").await.is_empty(), "topics are told by contributors");
    let messages = published(&plane, "by-service", "AlarmContributorAction").await;
    let told: Vec<(&Value, &Value)> =
        messages.iter().map(|m| (&m["AlarmContributorId"], &m["AlarmContributorAttributes"]["service"])).collect();
    assert_eq!(
        told,
        [(&contributors[0]["ContributorId"], &json!("a")), (&contributors[1]["ContributorId"], &json!("c"))]
    );
    assert_eq!((&messages[0]["OldStateValue"], &messages[0]["NewStateReason"]), (&json!("OK"), &shown["StateReason"]));
    // A is gone, which is OK; C goes on.
    errors(&plane, &["c", "c"]).await;
    minute(&plane).await;
    assert_eq!(state(&plane, "by-service").await, "ALARM");
    let of_a = json!({ "AlarmName": "by-service", "AlarmContributorId": contributors[0]["ContributorId"], "ScanBy": "TimestampAscending" });
    let of_a = plane.ok("DescribeAlarmHistory", of_a).await["AlarmHistoryItems"].as_array().unwrap().clone();
    let told: Vec<(&str, &str)> = of_a
        .iter()
        .map(|item| {
            (item["HistoryItemType"].as_str().unwrap(), item["AlarmContributorAttributes"]["service"].as_str().unwrap())
        })
        .collect();
    let (update, action) = (("AlarmContributorStateUpdate", "a"), ("AlarmContributorAction", "a"));
    assert_eq!(told, [update, action, update, action]);
    assert_eq!(of_a[2]["HistorySummary"], "Alarm contributor updated from ALARM to OK");
    // Nobody is left: the alarm itself has to say so.
    minute(&plane).await;
    assert_eq!(state(&plane, "by-service").await, "INSUFFICIENT_DATA");
    let told = published(&plane, "by-service", "AlarmContributorAction").await;
    assert_eq!(told.last().unwrap()["AlarmContributorAttributes"]["service"], "c");
    let told = published(&plane, "by-service", "Action").await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["NewStateValue"], &told[0]["OldStateValue"]), (&json!("INSUFFICIENT_DATA"), &json!("ALARM")));
    errors(&plane, &["d"]).await;
    minute(&plane).await;
    assert_eq!(state(&plane, "by-service").await, "OK");
    let told = published(&plane, "by-service", "Action").await;
    assert_eq!(told.last().unwrap()["NewStateValue"], "OK", "no contributor changed");
}

#[tokio::test]
async fn an_alarm_that_comes_back_from_a_failed_run_is_told() {
    let plane = plane().await;
    let more = json!({ "AlarmActions": [TOPIC], "QueryResultsToEvaluate": 1, "QueryResultsToAlarm": 1 });
    plane.ok("PutLogAlarm", alarm("back", "count(*) by service", more)).await;
    errors(&plane, &["a", "a", "b", "b"]).await;
    minute(&plane).await;
    assert_eq!(state(&plane, "back").await, "ALARM");
    plane.ok("DeleteLogGroup", json!({ "logGroupName": "g" })).await;
    minute(&plane).await;
    assert_eq!(state(&plane, "back").await, "INSUFFICIENT_DATA", "the query has failed");
    plane.ok("CreateLogGroup", json!({ "logGroupName": "g" })).await;
    plane.ok("CreateLogStream", json!({ "logGroupName": "g", "logStreamName": "s" })).await;
    errors(&plane, &["a", "a"]).await;
    minute(&plane).await;
    assert_eq!(state(&plane, "back").await, "ALARM");
    let told = published(&plane, "back", "Action").await;
    assert_eq!(told.len(), 1, "the only contributor that changed went to OK");
    assert_eq!((&told[0]["NewStateValue"], &told[0]["OldStateValue"]), (&json!("ALARM"), &json!("INSUFFICIENT_DATA")));
}

#[tokio::test]
async fn a_muted_alarm_whose_contributors_are_gone_is_told_when_the_rule_ends() {
    let plane = plane().await;
    let more = json!({ "InsufficientDataActions": [TOPIC], "QueryResultsToEvaluate": 1, "QueryResultsToAlarm": 1 });
    plane.ok("PutLogAlarm", alarm("gone", "count(*) by service", more)).await;
    let schedule = json!({ "Expression": "at(2026-03-01T00:00)", "Duration": "PT3M" });
    let rule = json!({ "Name": "r", "Rule": { "Schedule": schedule }, "MuteTargets": { "AlarmNames": ["gone"] } });
    plane.ok("PutAlarmMuteRule", rule).await;
    errors(&plane, &["a", "a"]).await;
    minute(&plane).await;
    assert_eq!(state(&plane, "gone").await, "ALARM");
    minute(&plane).await;
    assert_eq!(state(&plane, "gone").await, "INSUFFICIENT_DATA");
    assert!(history(&plane, "gone", "Action").await.is_empty(), "muted");
    minute(&plane).await;
    minute(&plane).await;
    let told = published(&plane, "gone", "Action").await;
    assert_eq!(told.iter().map(|message| &message["NewStateValue"]).collect::<Vec<_>>(), ["INSUFFICIENT_DATA"]);
}

#[tokio::test]
async fn queries_that_fail_are_told_and_recovered_from() {
    let plane = plane().await;
    let mut input = alarm("lost", "count(*)", json!({ "QueryResultsToEvaluate": 2, "QueryResultsToAlarm": 1 }));
    input["ScheduledQueryConfiguration"]["LogGroupIdentifiers"] = json!(["late"]);
    plane.ok("PutLogAlarm", input).await;
    minute(&plane).await;
    let shown = describe(&plane, "lost").await;
    assert_eq!(shown["EvaluationState"], "EVALUATION_ERROR");
    assert_eq!(shown["StateValue"], "INSUFFICIENT_DATA");
    let reason =
        "1 out of the last 1 query result failed. The most recent error: The specified log group does not exist.";
    assert_eq!(shown["StateReason"], reason);
    assert!(history(&plane, "lost", "StateUpdate").await.is_empty(), "no change of state");
    plane.ok("CreateLogGroup", json!({ "logGroupName": "late" })).await;
    minute(&plane).await;
    assert_eq!(describe(&plane, "lost").await["EvaluationState"], "EVALUATION_FAILURE", "one of two has failed");
    minute(&plane).await;
    let shown = describe(&plane, "lost").await;
    assert!(shown.get("EvaluationState").is_none(), "{shown}");
    assert_eq!(shown["StateValue"], "OK", "a count of nothing is 0");
}

#[tokio::test]
async fn its_scheduled_query_is_managed() {
    let plane = plane().await;
    let tags = json!({ "Tags": [{ "Key": "team", "Value": "x" }] });
    plane.ok("PutLogAlarm", alarm("m", "avg(ms)", tags)).await;
    let shown = describe(&plane, "m").await;
    let arn = shown["ScheduledQueryConfiguration"]["QueryARN"].as_str().unwrap();
    assert_eq!(
        plane.ok("ListTagsForResource", json!({ "ResourceARN": shown["AlarmArn"] })).await["Tags"][0]["Key"],
        "team"
    );
    minute(&plane).await;
    minute(&plane).await;
    let listed = plane.ok("ListScheduledQueries", json!({ "scheduleType": "AWS_MANAGED" })).await;
    assert_eq!(listed["scheduledQueries"][0]["scheduledQueryArn"], arn);
    assert_eq!(listed["scheduledQueries"][0]["lastExecutionStatus"], "Complete");
    let others = plane.ok("ListScheduledQueries", json!({ "scheduleType": "CUSTOMER_MANAGED" })).await;
    assert_eq!(others["scheduledQueries"], json!([]));
    let range = json!({ "identifier": arn, "startTime": NOW, "endTime": plane.clock.now().0 });
    let runs = plane.ok("GetScheduledQueryHistory", range).await["triggerHistory"].as_array().unwrap().clone();
    let times: Vec<i64> = runs.iter().map(|run| run["triggeredTimestamp"].as_i64().unwrap()).collect();
    assert_eq!(times, [NOW + 120 * SECOND, NOW + 60 * SECOND]);
    let rows = plane.ok("GetQueryResults", json!({ "queryId": runs[0]["queryId"] })).await;
    assert_eq!(rows["status"], "Complete");
    let listed = plane.ok("DescribeQueries", json!({})).await;
    assert_eq!(listed["queries"], json!([]), "clients asked nothing");
    let (_, message) = plane.refused("DeleteScheduledQuery", json!({ "identifier": arn })).await;
    assert!(message.contains("managed by CloudWatch"), "{message}");
    let (code, message) = plane.refused("DeleteAlarms", json!({ "AlarmNames": ["m", "n"] })).await;
    assert_eq!((code.as_str(), message.contains("batch")), ("ValidationException", true), "{message}");
    plane.ok("DeleteAlarms", json!({ "AlarmNames": ["m"] })).await;
    assert_eq!(plane.refused("GetScheduledQuery", json!({ "identifier": arn })).await.0, "ResourceNotFoundException");
    assert_eq!(plane.ok("DescribeAlarms", json!({ "AlarmTypes": ["LogAlarm"] })).await["LogAlarms"], json!([]));
    minute(&plane).await;
}

#[tokio::test]
async fn another_query_begins_anew_and_another_threshold_does_not() {
    let plane = plane().await;
    let one = json!({ "QueryResultsToEvaluate": 1, "QueryResultsToAlarm": 1, "InsufficientDataActions": [TOPIC] });
    plane.ok("PutLogAlarm", alarm("u", "count(*)", one.clone())).await;
    errors(&plane, &["a", "a"]).await;
    minute(&plane).await;
    assert_eq!(state(&plane, "u").await, "ALARM");
    let arn = describe(&plane, "u").await["ScheduledQueryConfiguration"]["QueryARN"].clone();
    let mut higher = one.clone();
    higher["Threshold"] = json!(5.0);
    plane.ok("PutLogAlarm", alarm("u", "count(*)", higher)).await;
    assert_eq!(state(&plane, "u").await, "ALARM");
    plane.ok("PutLogAlarm", alarm("u", "sum(ms)", one)).await;
    let shown = describe(&plane, "u").await;
    assert_eq!(
        (&shown["StateValue"], &shown["ScheduledQueryConfiguration"]["QueryARN"]),
        (&json!("INSUFFICIENT_DATA"), &arn)
    );
    assert_eq!(published(&plane, "u", "Action").await.len(), 1, "which is a change of state like others");
    errors(&plane, &["a"]).await;
    minute(&plane).await;
    let shown = describe(&plane, "u").await;
    assert!(shown["StateReason"].as_str().unwrap().contains("[7.0 ("), "{shown}");
}

#[tokio::test]
async fn other_alarms_do_not_wait_for_log_alarms() {
    let plane = plane().await;
    plane.ok("PutLogAlarm", alarm("slow", "count(*)", json!({}))).await;
    let metric = json!({
        "AlarmName": "metric", "Namespace": "N", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
        "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "breaching",
    });
    plane.ok("PutMetricAlarm", metric).await;
    plane.clock.advance(120 * SECOND);
    let evaluated = evaluate_due(&plane.watch).await;
    assert_eq!((evaluated.alarms, evaluated.transitions), (1, 1), "the ticker of other alarms runs no query");
    assert_eq!(evaluate_due_on_logs(&plane.watch).await.alarms, 1);
    assert_eq!(evaluate_due_on_logs(&plane.watch).await.alarms, 0);
    // A name belongs to one kind.
    let (_, message) = plane.refused("PutLogAlarm", alarm("metric", "count(*)", json!({}))).await;
    assert!(message.contains("another type"), "{message}");
    let composite = json!({ "AlarmName": "slow", "AlarmRule": "TRUE" });
    assert!(plane.refused("PutCompositeAlarm", composite).await.1.contains("another type"));
}

#[tokio::test]
async fn muted_contributors_are_told_when_the_rule_ends() {
    let plane = plane().await;
    let more = json!({ "AlarmActions": [TOPIC], "QueryResultsToEvaluate": 1, "QueryResultsToAlarm": 1 });
    plane.ok("PutLogAlarm", alarm("quiet", "count(*) by service", more)).await;
    let schedule = json!({ "Expression": "at(2026-03-01T00:00)", "Duration": "PT3M" });
    let rule = json!({ "Name": "r", "Rule": { "Schedule": schedule }, "MuteTargets": { "AlarmNames": ["quiet"] } });
    plane.ok("PutAlarmMuteRule", rule).await;
    errors(&plane, &["a", "a"]).await;
    minute(&plane).await;
    assert_eq!(state(&plane, "quiet").await, "ALARM");
    for _ in 0..2 {
        errors(&plane, &["a", "a", "b", "b"]).await;
        assert!(history(&plane, "quiet", "AlarmContributorAction").await.is_empty(), "muted");
        minute(&plane).await;
    }
    errors(&plane, &["a", "a", "b", "b"]).await;
    minute(&plane).await;
    let told = published(&plane, "quiet", "AlarmContributorAction").await;
    let told: Vec<&Value> = told.iter().map(|message| &message["AlarmContributorAttributes"]["service"]).collect();
    assert_eq!(told, ["a", "b"]);
    plane.ok("DisableAlarmActions", json!({ "AlarmNames": ["quiet"] })).await;
    errors(&plane, &["z", "z"]).await;
    minute(&plane).await;
    assert_eq!(history(&plane, "quiet", "AlarmContributorAction").await.len(), 2, "actions are off");
}

#[tokio::test]
async fn alarms_that_make_no_sense_are_refused() {
    let plane = plane().await;
    for (path, value, words) in [
        ("QueryResultsToEvaluate", json!(101), "between 1 and 100"),
        ("QueryResultsToAlarm", json!(4), "less than or equal to QueryResultsToEvaluate"),
        ("ComparisonOperator", json!("LessThanLowerThreshold"), "ComparisonOperator is invalid"),
        ("TreatMissingData", json!("guess"), "TreatMissingData is invalid"),
        ("ActionLogLineCount", json!(51), "between 0 and 50"),
        ("ActionLogLineCount", json!(5), "ActionLogLineRoleArn is required"),
        ("AlarmActions", json!(["arn:aws:automate:us-east-1:ec2:stop"]), "not supported for log alarms"),
        ("OKActions", json!(["arn:aws:ssm:us-east-1:123456789012:opsitem:1"]), "not supported for log alarms"),
        ("/QueryString", json!("filterr x"), "Invalid QueryString"),
        ("/AggregationExpression", json!("pct(x, 9)"), "Invalid AggregationExpression"),
        ("/LogGroupIdentifiers", Value::Null, "LogGroupIdentifiers"),
        (
            "/ScheduleConfiguration",
            json!({ "ScheduleExpression": "cron(* * * * ? *)", "StartTimeOffset": 60 }),
            "not a rate",
        ),
        (
            "/ScheduleConfiguration",
            json!({ "ScheduleExpression": "rate(1 hour)", "StartTimeOffset": 60, "EndTimeOffset": 60 }),
            "EndTimeOffset must be less",
        ),
    ] {
        let mut input = alarm("x", "count(*)", json!({}));
        match path.strip_prefix('/') {
            Some(member) => input["ScheduledQueryConfiguration"][member] = value,
            None => input[path] = value,
        }
        let (code, message) = plane.refused("PutLogAlarm", input).await;
        assert!(message.contains(words), "{path}: {code} {message}");
    }
    let mut unmasking = alarm("x", "count(*)", json!({ "ActionLogLineCount": 1, "ActionLogLineRoleArn": ROLE }));
    unmasking["ScheduledQueryConfiguration"]["QueryString"] = json!("fields unmask(@message) as m");
    assert!(plane.refused("PutLogAlarm", unmasking).await.1.contains("unmask()"));
}

#[tokio::test]
async fn history_replays_as_it_was_lived() {
    let plane = plane().await;
    plane.ok("PutLogAlarm", alarm("past", "count(*)", json!({}))).await;
    let warm_up = json!({ "WarmUpPeriodDurationInMinutes": 4, "OnlyStartEvaluatingAfterWarmUpPeriodEnds": true });
    plane.ok("PutLogAlarm", alarm("warm", "count(*)", json!({ "WarmUpConfiguration": warm_up }))).await;
    plane.ok("PutCompositeAlarm", json!({ "AlarmName": "above", "AlarmRule": "ALARM(past)" })).await;
    assert_eq!(evaluate_due(&plane.watch).await.failures, 0);
    for count in [2, 2, 0, 0, 3, 3, 1, 0, 0] {
        errors(&plane, &["a", "b", "c"][..count]).await;
        minute(&plane).await;
    }
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    for (name, least, in_warm_up) in [("past", 3, 0), ("warm", 2, 3), ("above", 3, 0)] {
        let lived: Vec<String> = history(&plane, name, "StateUpdate")
            .await
            .iter()
            .map(|item| item["HistorySummary"].as_str().unwrap().to_owned())
            .collect();
        let alarm = plane.watch.catalog.alarm(&scope, name).await.unwrap().unwrap();
        let now = plane.clock.now() + 1;
        // The first run is a minute after the alarm was made; the composite alarm is evaluated at once.
        let start = if name == "above" { START } else { START + SECOND };
        let range = TimeRange::new(start, now);
        let replayed = backtest(&plane.watch, &scope, (name, &alarm.configuration), range, &[], now).await.unwrap();
        let told: Vec<String> = replayed
            .transitions
            .iter()
            .map(|change| format!("Alarm updated from {} to {}", change.from, change.to))
            .collect();
        assert!(lived.len() >= least, "{name}: {lived:?}");
        assert_eq!(told, lived, "{name}");
        assert_eq!(replayed.in_warm_up, in_warm_up, "{name}");
    }
    let alarm = plane.watch.catalog.alarm(&scope, "past").await.unwrap().unwrap();
    let now = plane.clock.now();
    let range = TimeRange::new(START + SECOND, now);
    let tried = backtest(&plane.watch, &scope, ("past", &alarm.configuration), range, &[2.5, 9.0], now)
        .await
        .unwrap()
        .by_threshold;
    assert_eq!(tried.iter().map(|tried| tried.fires).collect::<Vec<_>>(), [1, 0]);
}

/// What chooses `/web/payroll`, at the beginning or within, and what does not.
const CHOOSING: [(&str, bool); 7] = [
    ("SOURCE '/web/payroll' | fields @message", false),
    ("SOURCE logGroups(namePrefix: [\"/web/\"]) | fields @message", false),
    ("SOURCE logGroups() | fields @message", false),
    ("SOURCE '/app/a' | filter id in (SOURCE '/web/payroll' | fields id)", false),
    ("SOURCE '/app/a' | filter id in (SOURCE logGroups(namePrefix: [\"/web/\"]) | fields id)", false),
    ("SOURCE '/app/a' | fields @message", true),
    ("SOURCE logGroups(namePrefix: [\"/app/\"]) | fields @message", true),
];

#[tokio::test]
async fn a_denial_of_one_group_holds_for_whatever_chooses_it_later() {
    let plane = plane().await;
    for name in ["/web/payroll", "/web/open", "/app/a"] {
        plane.ok("CreateLogGroup", json!({ "logGroupName": name })).await;
    }
    // She may query all groups that there are and will be, but for one.
    let statement = r#""Effect":"Allow","Action":"*","Resource":"*"},
        {"Effect":"Deny","Action":"logs:StartQuery","Resource":"arn:aws:logs:*:123456789012:log-group:/web/payroll*""#;
    let jane = plane.user("jane", statement).await;
    for (n, (query, allowed)) in CHOOSING.into_iter().enumerate() {
        let expected = if allowed { "" } else { "AccessDenied" };
        let schedule = json!({
            "name": format!("q{n}"), "queryLanguage": "CWLI", "queryString": query, "executionRoleArn": ROLE,
            "scheduleExpression": "cron(* * * * ? *)",
        });
        let mut input = alarm(&format!("a{n}"), "count(*)", json!({}));
        input["ScheduledQueryConfiguration"]["QueryString"] = json!(query);
        input["ScheduledQueryConfiguration"].as_object_mut().unwrap().remove("LogGroupIdentifiers");
        for (operation, input) in [("CreateScheduledQuery", &schedule), ("PutLogAlarm", &input)] {
            let made = plane.call_as(&jane, operation, input.clone()).await;
            let code = made.as_ref().err().map_or("", |(code, _)| code.as_str());
            assert_eq!(code.trim_end_matches("Exception"), expected, "{operation} {query}: {made:?}");
        }
        // What a backtest of a draft asks first.
        let draft = drafted_log_alarm(&jane, input.to_string().as_bytes()).await.unwrap();
        let asked = may_query(&plane.watch, &jane, &draft).await;
        let code = asked.as_ref().err().map_or("", |error| error.code());
        assert_eq!(code.trim_end_matches("Exception"), expected, "a draft of {query}: {asked:?}");
    }
}
