//! Replays of histories that are made up, without a store: see `tests/it/backtest.rs` for replays beside the live evaluator.

use super::*;
use crate::alarms::state::Point;
use model::time::MINUTE;

fn observed(values: &[f64]) -> Vec<(Timestamp, Observed)> {
    let at = |index: usize| Timestamp(index as i64 * MINUTE);
    let slot = |index: usize, value: f64| Slot {
        start: at(index),
        point: Some(Point { value, sample_count: Some(1.0), band: None }),
    };
    values.iter().enumerate().map(|(index, value)| (at(index + 1), Observed::One(vec![slot(index, *value)]))).collect()
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
    let replayed = replay(&scope, &configuration(4.0), &history, end);
    let states: Vec<&str> = replayed.transitions.iter().map(|change| change.to).collect();
    assert_eq!(states, ["OK", "ALARM", "OK", "ALARM"]);
    assert_eq!((replayed.fires, replayed.alarm_secs, replayed.evaluations), (2, 240, 5));
    let fires = |threshold| replay(&scope, &configuration(threshold), &history, end).fires;
    assert_eq!([0.0, 4.0, 6.0, 7.0].map(fires), [1, 2, 1, 0]);
    assert_eq!(chosen(&history), [5.0, 5.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0]);
}
