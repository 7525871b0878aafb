//! Alarms whose data other nodes read: the same transitions as alone, each once, whatever becomes of those nodes.

use crate::alarms_on_queries::{metric, on_queries, put_of};
use crate::cloudwatch::{CloudWatch, START};
use catalog::AlarmConfiguration;
use futures::FutureExt;
use futures::future::BoxFuture;
use model::time::{DAY, MINUTE};
use model::{Clock, Timestamp};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use watch::Watch;
use watch::alarms::evaluate_due;
use watch::alarms::observe::Observed;
use watch::alarms::observers::{Asked, Observer, Observers, observe_asked};

/// Nothing here takes long; a defect fails instead of hanging.
const LONG: Duration = Duration::from_secs(60);

#[derive(Clone, Copy)]
enum Does {
    Answers,
    /// It gives back less than it was asked.
    AnswersTheFirst,
    Fails,
    /// It never answers.
    IsSilent,
}

struct Other {
    name: &'static str,
    does: Does,
    watch: Watch,
    asked: Mutex<Vec<AlarmConfiguration>>,
}

impl Observer for Other {
    fn name(&self) -> &str {
        self.name
    }

    fn observe(&self, asked: Vec<Asked>, now: Timestamp) -> BoxFuture<'_, Vec<Option<Observed>>> {
        self.asked.lock().unwrap().extend(asked.iter().map(|asked| asked.configuration.clone()));
        // As texts, both ways.
        let asked = serde_json::from_str(&serde_json::to_string(&asked).unwrap()).unwrap();
        async move {
            let mut observed = match self.does {
                Does::Answers | Does::AnswersTheFirst => observe_asked(&self.watch, asked, now, LONG).await,
                Does::Fails => Vec::new(),
                Does::IsSilent => std::future::pending().await,
            };
            if matches!(self.does, Does::AnswersTheFirst) {
                observed.truncate(1);
            }
            serde_json::from_str(&serde_json::to_string(&observed).unwrap()).unwrap()
        }
        .boxed()
    }
}

struct Others {
    nodes: Vec<Arc<Other>>,
    answer_time_max: Duration,
}

impl Others {
    fn of(plane: &CloudWatch, does: &[Does], answer_time_max: Duration) -> Arc<Self> {
        let other = |(name, does): (&'static str, &Does)| {
            Arc::new(Other { name, does: *does, watch: plane.watch.clone(), asked: Mutex::default() })
        };
        Arc::new(Self { nodes: ["a", "b"].into_iter().zip(does).map(other).collect(), answer_time_max })
    }

    fn asked(&self) -> Vec<Vec<AlarmConfiguration>> {
        self.nodes.iter().map(|node| node.asked.lock().unwrap().clone()).collect()
    }
}

impl Observers for Others {
    fn present(&self) -> Vec<Arc<dyn Observer>> {
        self.nodes.iter().map(|node| Arc::clone(node) as Arc<dyn Observer>).collect()
    }

    fn answer_time_max(&self) -> Duration {
        self.answer_time_max
    }
}

/// Alarms of all kinds.
async fn world(plain: usize) -> (CloudWatch, Vec<String>) {
    let plane = CloudWatch::new().await;
    let mut names = Vec::new();
    for n in 0..plain {
        let statistic = if n % 5 == 0 { "Maximum" } else { "Sum" };
        let more = json!({ "MetricName": format!("m{}", n % 70), "Statistic": statistic, "DatapointsToAlarm": 1 });
        names.push(format!("plain-{n}"));
        plane.put_alarm(&names[n], more).await;
    }
    let mut on = async |name: String, queries: Value, more: Value| {
        plane.ok("PutMetricAlarm", on_queries(&name, queries, more)).await;
        names.push(name);
    };
    for n in 0..12 {
        let (one, two) = (format!("m{n}"), format!("m{}", n + 1));
        let queries = json!([metric("m1", &one), metric("m2", &two), { "Id": "e1", "Expression": "(m1 + m2) / 4" }]);
        on(format!("math-{n}"), queries, json!({})).await;
        let sql = format!("SELECT MAX(load) FROM SCHEMA(N, Instance) WHERE Instance != '{n}' GROUP BY Instance");
        on(format!("fleet-{n}"), json!([{ "Id": "q1", "Expression": sql, "Period": 60 }]), json!({})).await;
    }
    for deviations in 2..6 {
        let mut watched = metric("m1", "wave");
        watched["MetricStat"]["Period"] = json!(300);
        watched["ReturnData"] = json!(true);
        let band = format!("ANOMALY_DETECTION_BAND(m1, {deviations})");
        let more = json!({
            "Threshold": null, "ThresholdMetricId": "ad1", "ComparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold",
        });
        on(format!("band-{deviations}"), json!([watched, { "Id": "ad1", "Expression": band }]), more).await;
    }
    let criteria = json!({ "PromQLCriteria": { "Query": "load > 10", "PendingPeriod": 0, "RecoveryPeriod": 60 } });
    let input = json!({ "AlarmName": "promql", "EvaluationCriteria": criteria, "EvaluationInterval": 60 });
    plane.ok("PutMetricAlarm", input).await;
    let rule = "ALARM(\"math-0\") OR ALARM(\"math-1\")";
    plane.ok("PutCompositeAlarm", json!({ "AlarmName": "composite", "AlarmRule": rule })).await;
    names.extend(["promql".to_owned(), "composite".to_owned()]);
    for day in (1..9).rev() {
        let at = |slot: i64| (START - day * DAY + slot * 5 * MINUTE).secs();
        let wave = |slot: i64| 100.0 + 50.0 * ((slot as f64) / 288.0 * std::f64::consts::TAU).sin();
        let data = (0..288).map(|slot| json!({ "MetricName": "wave", "Timestamp": at(slot), "Value": wave(slot) }));
        plane.ok("PutMetricData", json!({ "Namespace": "N", "MetricData": data.collect::<Vec<_>>() })).await;
    }
    (plane, names)
}

/// Some minutes, in which alarms go to and fro; what `watch` made of them: how many transitions, and the history of each alarm.
async fn lived(plane: &CloudWatch, watch: &Watch, names: &[String]) -> (usize, Vec<Value>) {
    let mut transitions = 0;
    for minute in 0..6 {
        let at = START + minute * MINUTE;
        let value = |n: i64| if (n + minute) % 3 == 0 { 50.0 } else { 5.0 };
        let data = (0..70).map(|n| json!({ "MetricName": format!("m{n}"), "Timestamp": at.secs(), "Value": value(n) }));
        plane.ok("PutMetricData", json!({ "Namespace": "N", "MetricData": data.collect::<Vec<_>>() })).await;
        plane.put("wave", at, if minute == 3 { 900.0 } else { 20.0 }).await;
        for n in 0..3 {
            put_of(plane, &n.to_string(), at, value(n)).await;
        }
        plane.clock.set(at + MINUTE);
        let evaluated = evaluate_due(watch).await;
        assert_eq!(evaluated.failures, 0);
        transitions += evaluated.transitions;
    }
    let mut histories = Vec::new();
    for name in names {
        histories
            .push(plane.ok("DescribeAlarmHistory", json!({ "AlarmName": name })).await["AlarmHistoryItems"].clone());
    }
    (transitions, histories)
}

/// Holds a plane with others against one that is alone, and answers what the others were asked.
async fn same_as_alone(plain: usize, does: &[Does], answer_time_max: Duration) -> Vec<Vec<AlarmConfiguration>> {
    let (alone, names) = world(plain).await;
    let expected = lived(&alone, &alone.watch, &names).await;
    assert!(expected.0 > 3 * plain, "{}", expected.0);
    for (name, history) in names.iter().zip(&expected.1) {
        assert!(history.as_array().unwrap().len() > 1, "{name} does more than being made");
    }
    let (plane, names) = world(plain).await;
    let others = Others::of(&plane, does, answer_time_max);
    let watch = Watch { observers: others.clone(), ..plane.watch.clone() };
    let (transitions, histories) = lived(&plane, &watch, &names).await;
    for ((name, expected), history) in names.iter().zip(&expected.1).zip(&histories) {
        assert_eq!(history, expected, "{name}");
    }
    assert_eq!(transitions, expected.0);
    others.asked()
}

#[tokio::test]
async fn alarms_that_others_observe_do_what_they_do_alone() {
    let asked = same_as_alone(140, &[Does::Answers, Does::Answers], LONG).await;
    let all = 6 * (140 + 12 + 12 + 4);
    for of_one in &asked {
        assert!((all / 6..all / 2).contains(&of_one.len()), "a third, more or less: {} of {all}", of_one.len());
        for of_kind in [
            of_one.iter().filter(|asked| asked.metrics.is_empty()).count(),
            of_one.iter().filter(|asked| asked.metrics.len() == 1).count(),
            of_one.iter().filter(|asked| asked.metrics.len() == 3).count(),
        ] {
            assert!(of_kind > 0);
        }
        assert!(of_one.iter().all(|asked| asked.promql.is_none() && asked.composite.is_none()));
    }
}

#[tokio::test]
async fn what_others_do_not_answer_is_observed_here() {
    let asked = same_as_alone(70, &[Does::Fails, Does::AnswersTheFirst], LONG).await;
    assert!(asked.iter().all(|of_one| !of_one.is_empty()));
    let asked = same_as_alone(70, &[Does::IsSilent, Does::IsSilent], Duration::ZERO).await;
    assert!(asked.iter().all(|of_one| !of_one.is_empty()));
}

#[tokio::test]
async fn few_alarms_on_one_metric_are_not_worth_the_way() {
    let asked = same_as_alone(10, &[Does::Answers, Does::Answers], LONG).await;
    let mut asked = asked.iter().flatten().peekable();
    assert!(asked.peek().is_some() && asked.all(|asked| !asked.metrics.is_empty()));
}

#[tokio::test]
async fn an_observer_leaves_out_what_it_cannot_observe() {
    let plane = CloudWatch::new().await;
    plane.put_alarm("a", json!({})).await;
    plane.put("m", START, 20.0).await;
    plane.clock.set(START + MINUTE);
    let good = plane.read("a").await;
    let of = |configuration: AlarmConfiguration| Asked {
        account: good.scope.account.clone(),
        region: good.scope.region.clone(),
        configuration,
    };
    let broken = AlarmConfiguration { statistic: Some("Nonsense".into()), ..good.configuration.clone() };
    let asked = vec![of(broken), of(good.configuration.clone())];
    let observed = observe_asked(&plane.watch, asked.clone(), plane.clock.now(), LONG).await;
    assert_eq!(observed.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
    let point = observed[1].as_ref().unwrap().slots().last().unwrap().point.unwrap();
    assert_eq!(point.value.to_bits(), 20f64.to_bits());
}
