//! Replays of histories that are made up, without a store: see `tests/it/backtest.rs` for replays beside the live evaluator.

use super::observed::{Seen, Why};
use super::*;
use crate::alarms::log_alarm::verdict::{Found, Run, Value};
use crate::alarms::observe::Observed;
use crate::alarms::state::{Point, Slot};
use catalog::{LogCriteria, PromqlCriteria};
use model::time::MINUTE;

fn look((at, seen): (Timestamp, Seen)) -> Look {
    Look { at, why: Why::Due, seen }
}

fn observed(values: &[f64]) -> Vec<Look> {
    let at = |index: usize| Timestamp(index as i64 * MINUTE);
    let slot = |index: usize, value: f64| Slot {
        start: at(index),
        point: Some(Point { value, sample_count: Some(1.0), band: None }),
    };
    let seen = |index, value: f64| Seen::Metrics(Observed::One(vec![slot(index, value)]));
    values.iter().enumerate().map(|(index, value)| look((at(index + 1), seen(index, *value)))).collect()
}

fn configuration(threshold: f64) -> AlarmConfiguration {
    AlarmConfiguration {
        metric_name: "m".into(),
        period_secs: 60,
        evaluation_periods: 1,
        threshold,
        comparison_operator: "GreaterThanThreshold".into(),
        ..AlarmConfiguration::default()
    }
}

#[test]
fn fires_and_time_in_alarm_are_counted() {
    let scope = Scope { account: "1".into(), region: "r".into() };
    let history = observed(&[1.0, 5.0, 5.0, 1.0, 7.0]);
    let end = Timestamp(7 * MINUTE);
    let replayed = replay(&scope, &configuration(4.0), Conditions::default(), &history, end);
    let states: Vec<&str> = replayed.transitions.iter().map(|change| change.to).collect();
    assert_eq!(states, ["OK", "ALARM", "OK", "ALARM"]);
    assert_eq!((replayed.fires, replayed.alarm_secs, replayed.evaluations), (2, 240, 5));
    let fires = |threshold| replay(&scope, &configuration(threshold), Conditions::default(), &history, end).fires;
    assert_eq!([0.0, 4.0, 6.0, 7.0].map(fires), [1, 2, 1, 0]);
    assert_eq!(chosen(&history), [5.0, 5.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0]);
}

#[test]
fn a_promql_alarm_waits_in_its_replay_too() {
    let scope = Scope { account: "1".into(), region: "r".into() };
    let promql = PromqlCriteria { query: "up == 0".into(), pending_secs: 60, recovery_secs: 60, interval_secs: 60 };
    let configuration = AlarmConfiguration { promql: Some(promql), ..AlarmConfiguration::default() };
    let series = [("instance".to_owned(), "a".to_owned())].into();
    let returned = [false, true, true, true, false, false, false];
    let seen: Vec<Look> = returned
        .iter()
        .enumerate()
        .map(|(index, is_there)| {
            let series = if *is_there { vec![std::collections::BTreeMap::clone(&series)] } else { Vec::new() };
            look((Timestamp(index as i64 * MINUTE), Seen::Series(series)))
        })
        .collect();
    let replayed = replay(&scope, &configuration, Conditions::default(), &seen, Timestamp(7 * MINUTE));
    let told: Vec<(&str, &str)> = replayed.transitions.iter().map(|t| (t.from, t.to)).collect();
    assert_eq!(told, [("OK", "ALARM"), ("ALARM", "OK")]);
    assert_eq!((replayed.transitions[0].at.as_str(), replayed.alarm_secs), ("1970-01-01T00:02:00.000Z", 180));
}

#[test]
fn a_log_alarm_counts_the_runs_of_its_replay() {
    let scope = Scope { account: "1".into(), region: "r".into() };
    let log = LogCriteria { aggregation: "count(*)".into(), interval_secs: 60, ..LogCriteria::default() };
    let configuration = |threshold| AlarmConfiguration {
        evaluation_periods: 3,
        datapoints_to_alarm: Some(2),
        threshold,
        comparison_operator: "GreaterThanThreshold".into(),
        log: Some(log.clone()),
        ..AlarmConfiguration::default()
    };
    let run = |index: usize, value: f64| {
        let at = Timestamp((index as i64 + 1) * MINUTE);
        let found = Found { values: vec![Value { attributes: Default::default(), value: Some(value) }], more: false };
        (at, Seen::Logs(Run { at, query_id: format!("q{index}"), outcome: Ok(found) }))
    };
    let seen: Vec<Look> =
        [1.0, 9.0, 2.0, 9.0, 9.0, 0.0, 0.0].iter().enumerate().map(|(index, value)| look(run(index, *value))).collect();
    let end = Timestamp(8 * MINUTE);
    let replayed = replay(&scope, &configuration(5.0), Conditions::default(), &seen, end);
    let told: Vec<(&str, &str)> = replayed.transitions.iter().map(|t| (t.at.as_str(), t.to)).collect();
    assert_eq!(
        told,
        [("1970-01-01T00:03:00.000Z", "OK"), ("1970-01-01T00:04:00.000Z", "ALARM"), ("1970-01-01T00:07:00.000Z", "OK")]
    );
    assert_eq!(replay(&scope, &configuration(10.0), Conditions::default(), &seen, end).fires, 0);
    assert_eq!(chosen(&seen).last(), Some(&9.0));
}

/// Replays begin on threads of their own: while there is none, the thread that asks is free.
#[test]
fn a_replay_takes_no_thread_that_others_wait_for() {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    let (free, busy) = std::sync::mpsc::channel::<()>();
    runtime.block_on(async {
        let occupied = tokio::task::spawn_blocking(move || busy.recv());
        let scope = Scope { account: "1".into(), region: "r".into() };
        let tried = configuration(4.0);
        let history = Arc::new(observed(&[1.0, 5.0, 1.0, 7.0]));
        let mut replaying = std::pin::pin!(replay_all(
            &scope,
            &tried,
            Conditions::default(),
            history,
            Timestamp(7 * MINUTE),
            &[6.0, 0.0]
        ));
        for _ in 0..100 {
            assert!(futures::poll!(replaying.as_mut()).is_pending());
        }
        free.send(()).unwrap();
        let replayed = replaying.await.unwrap();
        assert_eq!(replayed.fires, 2);
        let tried: Vec<(f64, usize)> = replayed.by_threshold.iter().map(|by| (by.threshold, by.fires)).collect();
        assert_eq!(tried, [(0.0, 1), (6.0, 1)]);
        occupied.await.unwrap().unwrap();
    });
}
