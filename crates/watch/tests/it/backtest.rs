//! A backtest says what the live evaluator did: the same times, states, texts and JSON.

use crate::cloudwatch::{CloudWatch, START};
use model::time::{HOUR, MINUTE};
use model::{Clock, Scope, TimeRange, Timestamp};
use serde_json::{Value, json};
use watch::alarms::backtest::{ActionsRun, Backtest, BacktestError, backtest};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:ops";

fn scope() -> Scope {
    Scope { account: "123456789012".into(), region: "us-east-1".into() }
}

/// A value for each minute that wanders across 10, now and then with gaps.
fn value(minute: i64) -> Option<f64> {
    let noise = (minute * 7919 % 13) as f64;
    (minute % 11 != 3).then_some(noise)
}

async fn replay(plane: &CloudWatch, name: &str, thresholds: &[f64]) -> Backtest {
    let alarm = plane.read(name).await;
    // The evaluation of now counts.
    let now = plane.clock.now() + 1;
    let range = TimeRange::new(START, now);
    backtest(&plane.watch, &scope(), (name, &alarm.configuration), range, thresholds, now).await.unwrap()
}

/// All items of the history of one type, oldest first.
async fn items(plane: &CloudWatch, name: &str, item_type: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut input = json!({ "AlarmName": name, "HistoryItemType": item_type, "ScanBy": "TimestampAscending" });
        if token.is_string() {
            input["NextToken"] = token;
        }
        let page = plane.ok("DescribeAlarmHistory", input).await;
        items.extend(page["AlarmHistoryItems"].as_array().unwrap().iter().cloned());
        token = page["NextToken"].clone();
        if token.is_null() {
            return items;
        }
    }
}

/// When an item is from, as a backtest tells it.
fn at(item: &Value) -> String {
    Timestamp((item["Timestamp"].as_f64().unwrap() * 1000.0).round() as i64).iso_millis()
}

type Told = (String, String, String, String, Value);

/// Time, old and new state, reason and its data of each change that the history tells of.
async fn lived(plane: &CloudWatch, name: &str) -> Vec<Told> {
    let items = items(plane, name, "StateUpdate").await;
    let change = |item: &Value| {
        let data: Value = serde_json::from_str(item["HistoryData"].as_str().unwrap()).unwrap();
        let text = |state: &str, member: &str| data[state][member].as_str().unwrap().to_owned();
        (
            at(item),
            text("oldState", "stateValue"),
            text("newState", "stateValue"),
            text("newState", "stateReason"),
            data["newState"]["stateReasonData"].clone(),
        )
    };
    items.iter().map(change).collect()
}

/// The same of a backtest.
fn told(replayed: &Backtest) -> Vec<Told> {
    let data = |text: &Option<String>| text.as_deref().map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
    let change = |change: &watch::alarms::backtest::Transition| {
        let (from, to) = (change.from.to_owned(), change.to.to_owned());
        (change.at.clone(), from, to, change.reason.clone(), data(&change.reason_data))
    };
    replayed.transitions.iter().map(change).collect()
}

/// When actions ran, and whether they were a contributor's.
async fn acted(plane: &CloudWatch, name: &str) -> Vec<(String, bool)> {
    let mut acted: Vec<(String, bool)> =
        items(plane, name, "Action").await.iter().map(|item| (at(item), false)).collect();
    acted.extend(items(plane, name, "AlarmContributorAction").await.iter().map(|item| (at(item), true)));
    acted.sort();
    acted
}

/// The same of a backtest.
fn told_to_act(replayed: &Backtest) -> Vec<(String, bool)> {
    let run = replayed.actions_run.as_ref().expect("a rule is about it");
    run.iter().map(|run| (run.at.clone(), run.contributor.is_some())).collect()
}

async fn mute(plane: &CloudWatch, rule: &str, expression: &str, duration: &str, alarms: &[&str]) {
    let schedule = json!({ "Expression": expression, "Duration": duration });
    let input = json!({ "Name": rule, "Rule": { "Schedule": schedule }, "MuteTargets": { "AlarmNames": alarms } });
    plane.ok("PutAlarmMuteRule", input).await;
    plane.tick().await;
}

#[tokio::test]
async fn history_replays_bit_for_bit() {
    let plane = CloudWatch::new().await;
    let math = json!([
        { "Id": "m1", "ReturnData": false,
          "MetricStat": { "Metric": { "Namespace": "N", "MetricName": "m" }, "Period": 60, "Stat": "Sum" } },
        { "Id": "e1", "Expression": "m1 * 2" },
    ]);
    plane.put_alarm("one", json!({ "DatapointsToAlarm": 1 })).await;
    plane
        .put_alarm("three", json!({ "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "TreatMissingData": "breaching", "Threshold": 6.0 }))
        .await;
    plane.put_alarm("five", json!({ "Period": 300, "Threshold": 30.0, "TreatMissingData": "ignore" })).await;
    plane
        .put_alarm("high", json!({ "Statistic": null, "ExtendedStatistic": "p90", "Period": 120, "Threshold": 9.5 }))
        .await;
    let input = json!({
        "AlarmName": "math", "Metrics": math, "EvaluationPeriods": 2, "Threshold": 15.0,
        "ComparisonOperator": "GreaterThanThreshold",
    });
    plane.ok("PutMetricAlarm", input).await;
    let acts = json!({ "AlarmActions": [TOPIC], "OKActions": [TOPIC], "InsufficientDataActions": [TOPIC] });
    plane.put_alarm("quiet", acts).await;
    for (name, whole) in [("warm", true), ("early", false)] {
        let warm_up = json!({ "WarmUpPeriodDurationInMinutes": 45, "OnlyStartEvaluatingAfterWarmUpPeriodEnds": whole });
        plane.put_alarm(name, json!({ "EvaluationPeriods": 5, "DatapointsToAlarm": 2, "Threshold": 6.0, "WarmUpConfiguration": warm_up })).await;
    }
    // The first evaluation of a new alarm is at once.
    plane.tick().await;
    mute(&plane, "nightly", "cron(5,40 * * * *)", "PT7M", &["quiet"]).await;
    for minute in 0..180 {
        match minute {
            60 => mute(&plane, "short", "at(2026-03-01T01:02)", "PT90S", &["early", "quiet"]).await,
            90 => {
                mute(&plane, "nightly", "cron(1,5,9,13,17,21,25,29,33,37,41,45,49,53,57 * * * *)", "PT2M", &["quiet"])
                    .await
            }
            153 => drop(plane.ok("DeleteAlarmMuteRule", json!({ "AlarmMuteRuleName": "nightly" })).await),
            _ => {}
        }
        plane.tick().await;
        if let Some(value) = value(minute) {
            plane.put("m", START + minute * MINUTE, value).await;
        }
        plane.run(MINUTE).await;
    }
    for name in ["one", "three", "five", "high", "math", "quiet", "warm", "early"] {
        let lived = lived(&plane, name).await;
        let replayed = replay(&plane, name, &[]).await;
        assert!(lived.len() > 2, "{name}: {lived:?}");
        assert_eq!(told(&replayed), lived, "{name}");
        assert_eq!(replayed.failures, 0);
        let fires: Vec<usize> = replayed.by_threshold.iter().map(|tried| tried.fires).collect();
        // Above the largest value nothing fires, but for the periods before the first value, which are missing.
        let most = usize::from(name == "three");
        assert!(fires.last().is_some_and(|fires| *fires <= most), "{name}: {fires:?}");
    }
    let acted = acted(&plane, "quiet").await;
    let quiet = replay(&plane, "quiet", &[]).await;
    assert_eq!(told_to_act(&quiet), acted);
    assert!(acted.len() > 20 && acted.len() < quiet.transitions.len(), "{}", acted.len());
    assert_eq!(replay(&plane, "one", &[]).await.actions_run, None);
    let (warm, early) = (replay(&plane, "warm", &[]).await, replay(&plane, "early", &[]).await);
    assert_eq!(warm.in_warm_up, 45);
    assert!(early.in_warm_up > 0 && early.in_warm_up < 10, "{}", early.in_warm_up);
    assert_eq!(warm.transitions[0].at, (START + 45 * MINUTE).iso_millis());
    // What was made before the time that is replayed has warmed up, or is about to.
    let alarm = plane.read("warm").await;
    let from = async |minutes: i64| {
        let range = TimeRange::new(START + minutes * MINUTE, START + 180 * MINUTE);
        backtest(&plane.watch, &scope(), ("warm", &alarm.configuration), range, &[], plane.clock.now()).await.unwrap()
    };
    assert_eq!((from(40).await.in_warm_up, from(46).await.in_warm_up), (5, 0));
    let range = TimeRange::new(START + 50 * MINUTE, START + 180 * MINUTE);
    let draft = ("draft", &alarm.configuration);
    let draft = backtest(&plane.watch, &scope(), draft, range, &[], plane.clock.now()).await.unwrap();
    assert_eq!(draft.in_warm_up, 45, "a draft is new");
    let tried = replay(&plane, "one", &[100.0, -1.0]).await.by_threshold;
    assert_eq!((tried[0].threshold, tried[1].threshold), (-1.0, 100.0));
    assert!(tried[0].alarm_secs > 2 * 3600 && tried[1].fires == 0, "{tried:?}");
}

/// An alarm that is evaluated each hour and has periods of one and a half: two grids of periods that lie between one another.
#[tokio::test]
async fn periods_that_are_no_multiple_of_the_interval_replay_too() {
    let plane = CloudWatch::new().await;
    let actions = json!([TOPIC]);
    let more = json!({
        "Period": 5400, "EvaluationPeriods": 20, "DatapointsToAlarm": 1, "AlarmActions": actions, "OKActions": actions,
        "InsufficientDataActions": actions,
    });
    plane.put_alarm("slow", more).await;
    plane.tick().await;
    mute(&plane, "half", "cron(0 * * * *)", "PT30M", &["slow"]).await;
    for half_hour in 0..80 {
        let value = if half_hour % 37 < 3 { 20.0 } else { 1.0 };
        plane.put("m", START + half_hour * 30 * MINUTE, value).await;
        plane.clock.advance(30 * MINUTE);
        plane.tick().await;
    }
    let replayed = replay(&plane, "slow", &[]).await;
    let lived = lived(&plane, "slow").await;
    assert!(!lived.is_empty());
    assert_eq!(told(&replayed), lived);
    assert_eq!(told_to_act(&replayed), acted(&plane, "slow").await);
}

/// A composite alarm over recorded changes, and a PromQL alarm over stored series, do as they did.
#[tokio::test]
async fn composite_and_promql_alarms_replay() {
    let plane = CloudWatch::new().await;
    plane.put_alarm("a", json!({ "DatapointsToAlarm": 1 })).await;
    let composite = json!({ "AlarmName": "c", "AlarmRule": "ALARM(a)", "AlarmActions": [TOPIC], "OKActions": [TOPIC] });
    plane.ok("PutCompositeAlarm", composite).await;
    let criteria = json!({ "PromQLCriteria": { "Query": "m > 10", "PendingPeriod": 60, "RecoveryPeriod": 60 } });
    let promql = json!({
        "AlarmName": "p", "EvaluationCriteria": criteria, "EvaluationInterval": 60, "AlarmActions": [TOPIC],
        "OKActions": [TOPIC],
    });
    plane.ok("PutMetricAlarm", promql).await;
    plane.tick().await;
    mute(&plane, "often", "cron(10,20,31 * * * *)", "PT5M", &["c", "p"]).await;
    for minute in 0..60 {
        let value = if minute % 20 < 12 { 1.0 } else { 50.0 };
        plane.put("m", START + minute * MINUTE, value).await;
        plane.run(MINUTE).await;
    }
    for name in ["c", "p"] {
        let lived = lived(&plane, name).await;
        let replayed = replay(&plane, name, &[]).await;
        assert!(lived.len() > 3, "{name}: {lived:?}");
        assert_eq!(told(&replayed), lived, "{name}");
        assert!(replayed.by_threshold.is_empty() && replayed.failures == 0);
        let (run, acted) = (told_to_act(&replayed), acted(&plane, name).await);
        assert_eq!(run, acted, "{name}");
        assert!(run.iter().any(|run| lived.iter().all(|change| change.0 != run.0)), "{name}: some ran late: {run:?}");
    }
    // Half of the past: the composite alarm begins where its child was.
    let alarm = plane.read("c").await;
    let range = TimeRange::new(START + 15 * MINUTE, plane.clock.now());
    let later =
        backtest(&plane.watch, &scope(), ("c", &alarm.configuration), range, &[], plane.clock.now()).await.unwrap();
    assert_eq!((later.transitions[0].from, later.transitions[0].to), ("INSUFFICIENT_DATA", "ALARM"));
}

/// When actions ran that a suppressor had held, and what it kept from running.
#[tokio::test]
async fn suppressed_actions_replay() {
    let plane = CloudWatch::new().await;
    for name in ["child", "other", "maintenance"] {
        plane.put_alarm(name, json!({ "MetricName": "nothing", "TreatMissingData": "ignore" })).await;
    }
    let topic = TOPIC;
    for (name, wait, extension) in [("held", 65, 125), ("short", 25, 0), ("at-once", 0, 45)] {
        let input = json!({
            "AlarmName": name, "AlarmRule": "ALARM(child) OR ALARM(other)", "ActionsSuppressor": "maintenance",
            "ActionsSuppressorWaitPeriod": wait, "ActionsSuppressorExtensionPeriod": extension,
            "AlarmActions": [topic], "OKActions": [topic],
        });
        plane.ok("PutCompositeAlarm", input).await;
    }
    plane.tick().await;
    let mut is_alarm = [false; 3];
    for step in 0..150_usize {
        // Changes are a second, ends of periods six seconds behind the live evaluator's last look: none fall together.
        plane.run(10_000 * (1 + step as i64 * 7919 % 13)).await;
        plane.clock.advance(1_000);
        let which = step * 104_729 % 97 % 3;
        is_alarm[which] = !is_alarm[which];
        let state = if is_alarm[which] { "ALARM" } else { "OK" };
        let name = ["child", "other", "maintenance"][which];
        plane.ok("SetAlarmState", json!({ "AlarmName": name, "StateValue": state, "StateReason": "test" })).await;
        plane.tick().await;
        plane.clock.advance(9_000);
        plane.tick().await;
    }
    plane.run(10 * MINUTE).await;
    for name in ["held", "short", "at-once"] {
        let input = json!({ "AlarmName": name, "HistoryItemType": "Action", "ScanBy": "TimestampAscending", "MaxRecords": 100 });
        let history = plane.ok("DescribeAlarmHistory", input).await;
        let ran: Vec<i64> = history["AlarmHistoryItems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| (item["Timestamp"].as_f64().unwrap() * 1000.0).round() as i64)
            .collect();
        let replayed = replay(&plane, name, &[]).await;
        let told = replayed.actions_run.expect("it has a suppressor");
        let at = |run: &ActionsRun| Timestamp::parse_iso(&run.at).unwrap().0;
        assert!(ran.len() > 5 && told.len() < replayed.transitions.len(), "{name}: {ran:?}");
        // The live evaluator comes by each ten seconds.
        assert_eq!(told.len(), ran.len(), "{name}");
        for (run, at_live) in told.iter().zip(&ran) {
            assert!((at(run)..at(run) + 10_000).contains(at_live), "{name}: {run:?} {at_live}");
        }
    }
    plane.ok("PutCompositeAlarm", json!({ "AlarmName": "free", "AlarmRule": "ALARM(child)" })).await;
    assert_eq!(replay(&plane, "free", &[]).await.actions_run, None);
}

#[tokio::test]
async fn what_cannot_be_replayed_says_so() {
    let plane = CloudWatch::new().await;
    plane.put_alarm("a", json!({})).await;
    let now = plane.clock.now();
    let long = TimeRange::new(now - 1000 * 24 * HOUR, now);
    let refused = backtest(&plane.watch, &scope(), ("a", &plane.read("a").await.configuration), long, &[], now).await;
    assert!(matches!(refused, Err(BacktestError::TooMany(..))));
}
