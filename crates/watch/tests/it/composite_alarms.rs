//! Composite alarms, what suppresses their actions, and mute rules, on the simulated clock.

use crate::cloudwatch::{CloudWatch, START};
use model::time::{HOUR, MINUTE};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:ops";

async fn put_composite(plane: &CloudWatch, name: &str, rule: &str, more: Value) {
    let mut input = json!({ "AlarmName": name, "AlarmRule": rule });
    for (key, value) in more.as_object().unwrap() {
        input[key] = value.clone();
    }
    plane.ok("PutCompositeAlarm", input).await;
}

/// Sets an alarm's state by hand and lets the ticker run.
async fn set(plane: &CloudWatch, name: &str, state: &str) {
    plane.ok("SetAlarmState", json!({ "AlarmName": name, "StateValue": state, "StateReason": "test" })).await;
    plane.tick().await;
}

async fn describe(plane: &CloudWatch, name: &str) -> Value {
    let input = json!({ "AlarmNames": [name], "AlarmTypes": ["CompositeAlarm"] });
    plane.ok("DescribeAlarms", input).await["CompositeAlarms"][0].clone()
}

async fn state(plane: &CloudWatch, name: &str) -> String {
    describe(plane, name).await["StateValue"].as_str().unwrap_or("none").to_owned()
}

/// How many actions of an alarm its history tells of; the topic does not exist, so that each is told as failed.
async fn actions(plane: &CloudWatch, name: &str) -> usize {
    let input = json!({ "AlarmName": name, "HistoryItemType": "Action" });
    plane.ok("DescribeAlarmHistory", input).await["AlarmHistoryItems"].as_array().unwrap().len()
}

/// Metric alarms that are only set by hand.
async fn put_children(plane: &CloudWatch, names: &[&str]) {
    for name in names {
        plane.put_alarm(name, json!({ "MetricName": "nothing", "TreatMissingData": "ignore" })).await;
    }
    plane.tick().await;
}

#[tokio::test]
async fn a_composite_follows_its_children_three_levels_up() {
    let plane = CloudWatch::new().await;
    put_children(&plane, &["cpu", "disk", "net"]).await;
    put_composite(&plane, "host", "ALARM(cpu) OR ALARM(\"disk\")", json!({})).await;
    put_composite(&plane, "site", "ALARM(host) AND NOT OK(net)", json!({})).await;
    put_composite(&plane, "all", "AT_LEAST(1, ALARM, (site, net))", json!({})).await;
    assert_eq!(state(&plane, "host").await, "INSUFFICIENT_DATA");
    plane.tick().await;
    let host = describe(&plane, "host").await;
    assert_eq!(host["StateValue"], "OK");
    let created = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:host was created and its alarm rule evaluates to OK";
    assert_eq!(host["StateReason"], created);
    plane.clock.advance(MINUTE);
    set(&plane, "disk", "ALARM").await;
    for name in ["host", "site", "all"] {
        assert_eq!(state(&plane, name).await, "ALARM", "{name}");
    }
    let host = describe(&plane, "host").await;
    let reason = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:disk transitioned to ALARM at Sunday 01 March, 2026 00:01:00 UTC";
    assert_eq!(host["StateReason"], reason);
    let data: Value = serde_json::from_str(host["StateReasonData"].as_str().unwrap()).unwrap();
    assert_eq!(data["triggeringAlarms"][0]["state"]["value"], "ALARM");
    set(&plane, "net", "OK").await;
    assert_eq!((state(&plane, "site").await.as_str(), state(&plane, "all").await.as_str()), ("OK", "OK"));
    set(&plane, "disk", "OK").await;
    assert_eq!(state(&plane, "host").await, "OK");
}

#[tokio::test]
async fn wrong_composites_are_refused() {
    let plane = CloudWatch::new().await;
    put_children(&plane, &["a"]).await;
    put_composite(&plane, "top", "ALARM(a)", json!({})).await;
    for (name, rule, more, words) in [
        ("x", "ALARM(nobody)", json!({}), "alarms [nobody] in the alarm rule do not exist"),
        ("x", "ALARM(a", json!({}), "AlarmRule"),
        ("top", "ALARM(a) AND ALARM(top)", json!({}), "cycle"),
        ("a", "ALARM(top)", json!({}), "cycle"),
        ("x", "TRUE", json!({ "ActionsSuppressorWaitPeriod": 5 }), "ActionsSuppressor"),
        ("x", "TRUE", json!({ "ActionsSuppressor": "a" }), "must be set"),
        (
            "x",
            "TRUE",
            json!({ "AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"] }),
            "not supported for composite",
        ),
        ("x", "ALARM(\"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a\")", json!({}), "same account and region"),
    ] {
        let mut input = json!({ "AlarmName": name, "AlarmRule": rule });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (code, message) = plane.refused("PutCompositeAlarm", input).await;
        assert!(message.contains(words), "{name} {rule}: {code} {message}");
    }
    // A cycle through several.
    put_composite(&plane, "middle", "ALARM(top)", json!({})).await;
    let (_, message) =
        plane.refused("PutCompositeAlarm", json!({ "AlarmName": "top", "AlarmRule": "ALARM(middle)" })).await;
    assert!(message.contains("cycle"), "{message}");
    let metric = json!({
        "AlarmName": "top", "Namespace": "N", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
        "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold",
    });
    assert!(plane.refused("PutMetricAlarm", metric).await.1.contains("another type"));
    let (_, message) = plane.refused("DeleteAlarms", json!({ "AlarmNames": ["a"] })).await;
    assert_eq!(message, "Cannot delete a as there are composite alarm(s) depending on it.");
    let (_, message) = plane.refused("DeleteAlarms", json!({ "AlarmNames": ["top", "middle"] })).await;
    assert!(message.contains("at most one composite"), "{message}");
    plane.ok("DeleteAlarms", json!({ "AlarmNames": ["middle"] })).await;
    plane.ok("DeleteAlarms", json!({ "AlarmNames": ["top", "a"] })).await;
}

#[tokio::test]
async fn families_and_types_are_described() {
    let plane = CloudWatch::new().await;
    put_children(&plane, &["a", "b"]).await;
    put_composite(&plane, "p", "ALARM(a) OR ALARM(b)", json!({ "AlarmDescription": "both" })).await;
    put_composite(&plane, "q", "ALARM(p)", json!({})).await;
    let names = |answer: &Value, list: &str| -> Vec<String> {
        answer[list].as_array().unwrap().iter().map(|a| a["AlarmName"].as_str().unwrap().to_owned()).collect()
    };
    let all = plane.ok("DescribeAlarms", json!({})).await;
    assert_eq!((names(&all, "MetricAlarms").len(), names(&all, "CompositeAlarms").len()), (2, 0));
    let both = plane.ok("DescribeAlarms", json!({ "AlarmTypes": ["MetricAlarm", "CompositeAlarm"] })).await;
    assert_eq!(
        (names(&both, "MetricAlarms"), names(&both, "CompositeAlarms")),
        (vec!["a".into(), "b".into()], vec!["p".into(), "q".into()])
    );
    let paged =
        plane.ok("DescribeAlarms", json!({ "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": 3 })).await;
    assert_eq!(names(&paged, "CompositeAlarms"), ["p"]);
    assert!(paged["NextToken"].is_string());
    let children = plane.ok("DescribeAlarms", json!({ "ChildrenOfAlarmName": "p" })).await;
    assert_eq!(names(&children, "MetricAlarms"), ["a", "b"]);
    let told = |alarm: &Value| -> Vec<String> {
        let told = alarm.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
        told.map(|(name, _)| name.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    };
    assert_eq!(
        told(&children["MetricAlarms"][0]),
        ["AlarmArn", "AlarmName", "StateUpdatedTimestamp", "StateValue"],
        "{children}"
    );
    let parents = plane.ok("DescribeAlarms", json!({ "ParentsOfAlarmName": "p" })).await;
    assert_eq!(names(&parents, "CompositeAlarms"), ["q"]);
    assert_eq!(told(&parents["CompositeAlarms"][0]), ["AlarmArn", "AlarmName"]);
    let suppressed =
        json!({ "ActionsSuppressor": "b", "ActionsSuppressorWaitPeriod": 1, "ActionsSuppressorExtensionPeriod": 1 });
    put_composite(&plane, "s", "ALARM(a)", suppressed).await;
    let of = async |child: &str| {
        names(&plane.ok("DescribeAlarms", json!({ "ParentsOfAlarmName": child })).await, "CompositeAlarms")
    };
    assert_eq!((of("a").await, of("b").await), (vec!["p".to_owned(), "s".to_owned()], vec!["p".to_owned()]));
    plane.ok("DeleteAlarms", json!({ "AlarmNames": ["s"] })).await;
    let (_, message) = plane.refused("DeleteAlarms", json!({ "AlarmNames": ["b", "a"] })).await;
    assert_eq!(message, "Cannot delete a,b as there are composite alarm(s) depending on them.");
    plane.tick().await;
    let history = plane.ok("DescribeAlarmHistory", json!({ "AlarmTypes": ["CompositeAlarm"] })).await;
    let items = history["AlarmHistoryItems"].as_array().unwrap();
    assert!(items.len() >= 4 && items.iter().all(|item| item["AlarmType"] == "CompositeAlarm"), "{history}");
    let metric = plane.ok("DescribeAlarmHistory", json!({})).await;
    assert!(metric["AlarmHistoryItems"].as_array().unwrap().iter().all(|item| item["AlarmType"] == "MetricAlarm"));
}

#[tokio::test]
async fn a_suppressor_holds_actions_and_lets_them_go() {
    let plane = CloudWatch::new().await;
    put_children(&plane, &["child", "maintenance"]).await;
    let more = json!({
        "ActionsSuppressor": "maintenance", "ActionsSuppressorWaitPeriod": 60, "ActionsSuppressorExtensionPeriod": 120,
        "AlarmActions": [TOPIC], "OKActions": [TOPIC],
    });
    put_composite(&plane, "service", "ALARM(child)", more).await;
    plane.run(2 * MINUTE).await;
    let before = actions(&plane, "service").await;
    // It waits for the suppressor, which does not come: actions run at the end of the period.
    set(&plane, "child", "ALARM").await;
    let waiting = describe(&plane, "service").await;
    assert_eq!((&waiting["StateValue"], &waiting["ActionsSuppressedBy"]), (&json!("ALARM"), &json!("WaitPeriod")));
    assert_eq!(actions(&plane, "service").await, before);
    plane.run(70_000).await;
    assert_eq!(actions(&plane, "service").await, before + 1);
    assert!(describe(&plane, "service").await.get("ActionsSuppressedBy").is_none());
    // The suppressor is in ALARM: nothing runs, until some time after it has left.
    set(&plane, "maintenance", "ALARM").await;
    set(&plane, "child", "OK").await;
    assert_eq!(describe(&plane, "service").await["ActionsSuppressedBy"], "Alarm");
    plane.run(HOUR).await;
    assert_eq!(actions(&plane, "service").await, before + 1);
    set(&plane, "maintenance", "OK").await;
    assert_eq!(describe(&plane, "service").await["ActionsSuppressedBy"], "ExtensionPeriod");
    plane.run(130_000).await;
    assert_eq!(actions(&plane, "service").await, before + 2);
    assert_eq!(state(&plane, "service").await, "OK");
}

#[tokio::test]
async fn a_mute_rule_withholds_actions_until_it_ends() {
    let plane = CloudWatch::new().await;
    put_children(&plane, &["noisy"]).await;
    plane
        .put_alarm("noisy", json!({ "MetricName": "nothing", "TreatMissingData": "ignore", "AlarmActions": [TOPIC] }))
        .await;
    let rule = |expression: &str| {
        json!({
            "Name": "night", "Rule": { "Schedule": { "Expression": expression, "Duration": "PT1H" } },
            "MuteTargets": { "AlarmNames": ["noisy", "not-there-yet"] },
        })
    };
    plane.ok("PutAlarmMuteRule", rule("at(2026-03-01T00:10)")).await;
    let status = async |plane: &CloudWatch| {
        plane.ok("GetAlarmMuteRule", json!({ "AlarmMuteRuleName": "night" })).await["Status"].clone()
    };
    assert_eq!(status(&plane).await, "SCHEDULED");
    set(&plane, "noisy", "ALARM").await;
    assert_eq!(actions(&plane, "noisy").await, 1, "not muted yet");
    set(&plane, "noisy", "OK").await;
    plane.clock.set(START + 15 * MINUTE);
    plane.tick().await;
    assert_eq!(status(&plane).await, "ACTIVE");
    set(&plane, "noisy", "ALARM").await;
    plane.run(30 * MINUTE).await;
    assert_eq!(actions(&plane, "noisy").await, 1, "muted");
    assert_eq!(plane.state("noisy").await, "ALARM", "it changes state all the same");
    plane.run(26 * MINUTE).await;
    assert_eq!(actions(&plane, "noisy").await, 2, "what is owed runs when muting ends");
    assert_eq!(status(&plane).await, "EXPIRED");
    plane.run(HOUR).await;
    assert_eq!(actions(&plane, "noisy").await, 2);
    // Deleting a rule ends it.
    set(&plane, "noisy", "OK").await;
    plane.ok("PutAlarmMuteRule", rule("cron(* * * * *)")).await;
    set(&plane, "noisy", "ALARM").await;
    assert_eq!(actions(&plane, "noisy").await, 2);
    plane.ok("DeleteAlarmMuteRule", json!({ "AlarmMuteRuleName": "night" })).await;
    plane.tick().await;
    assert_eq!(actions(&plane, "noisy").await, 3);
}

#[tokio::test]
async fn a_muted_alarm_is_evaluated_all_the_same() {
    let plane = CloudWatch::new().await;
    plane.put_alarm("m", json!({ "AlarmActions": [TOPIC] })).await;
    let schedule = json!({ "Expression": "at(2026-03-01T00:00)", "Duration": "PT1H" });
    let rule = json!({ "Name": "r", "Rule": { "Schedule": schedule }, "MuteTargets": { "AlarmNames": ["m"] } });
    plane.ok("PutAlarmMuteRule", rule).await;
    let mut states = Vec::new();
    for minute in 0..70 {
        let value = if matches!(minute, 10..20 | 30..70) { 50.0 } else { 1.0 };
        plane.put("m", START + minute * MINUTE, value).await;
        plane.run(MINUTE).await;
        let state = plane.state("m").await;
        if states.last() != Some(&state) {
            states.push(state);
        }
        let run = actions(&plane, "m").await;
        assert_eq!(run, usize::from(minute >= 59), "minute {minute}");
    }
    assert_eq!(states, ["OK", "ALARM", "OK", "ALARM"]);
}

#[tokio::test]
async fn mute_rules_are_listed_and_checked() {
    let plane = CloudWatch::new().await;
    for (name, expression) in [("a", "cron(0 2 * * SUN)"), ("b", "at(2020-01-01T00:00)"), ("c", "at(2030-01-01T00:00)")]
    {
        let schedule = json!({ "Expression": expression, "Duration": "P1D", "Timezone": "Europe/Berlin" });
        let input = json!({ "Name": name, "Rule": { "Schedule": schedule }, "MuteTargets": { "AlarmNames": [format!("{name}-alarm")] } });
        plane.ok("PutAlarmMuteRule", input).await;
    }
    let list = async |input: Value| {
        let answer = plane.ok("ListAlarmMuteRules", input).await;
        let rules = answer["AlarmMuteRuleSummaries"].as_array().unwrap().clone();
        let name = |rule: &Value| rule["AlarmMuteRuleArn"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        (rules.iter().map(name).collect::<Vec<_>>(), answer["NextToken"].clone())
    };
    assert_eq!(list(json!({})).await.0, ["a", "b", "c"]);
    assert_eq!(list(json!({ "Statuses": ["EXPIRED"] })).await.0, ["b"]);
    assert_eq!(list(json!({ "AlarmName": "c-alarm" })).await.0, ["c"]);
    let (first, token) = list(json!({ "MaxRecords": 2 })).await;
    assert_eq!(first, ["a", "b"]);
    assert_eq!(list(json!({ "MaxRecords": 2, "NextToken": token })).await.0, ["c"]);
    for (expression, duration, zone) in [
        ("cron(0 2 * *)", "PT1H", "UTC"),
        ("every day", "PT1H", "UTC"),
        ("cron(0 2 * * *)", "P16D", "UTC"),
        ("cron(0 2 * * *)", "PT1H", "Mars/Olympus"),
    ] {
        let schedule = json!({ "Expression": expression, "Duration": duration, "Timezone": zone });
        let (code, _) =
            plane.refused("PutAlarmMuteRule", json!({ "Name": "x", "Rule": { "Schedule": schedule } })).await;
        assert_eq!(code, "ValidationException");
    }
    let (code, _) = plane.refused("GetAlarmMuteRule", json!({ "AlarmMuteRuleName": "nobody" })).await;
    assert_eq!(code, "ResourceNotFoundException");
}
