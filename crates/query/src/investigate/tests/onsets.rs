//! Change points of series whose onset is known.

use super::super::onset::{Direction, Series, change_point};
use super::*;

fn series(values: &[f64]) -> Vec<(Timestamp, f64)> {
    let start = ONSET - values.len() as i64 * MINUTE;
    values.iter().enumerate().map(|(at, value)| (start + at as i64 * MINUTE, *value)).collect()
}

fn found(values: &[f64], direction: Direction) -> Option<usize> {
    let points = series(values);
    let from = points.first().map_or(ONSET, |(first, _)| *first);
    let of = Series { points: &points, period_ms: MINUTE, from, direction, is_count: false };
    let change = change_point(&of, ONSET)?;
    points.iter().position(|(time, _)| *time == change.at)
}

/// Ones and twos, as noise.
fn noisy(length: usize) -> Vec<f64> {
    (0..length).map(|n| 1.0 + (n * 7_919 % 13) as f64 / 12.0).collect()
}

#[test]
fn a_step_a_spike_that_is_over_and_a_ramp_are_found_at_their_beginning() {
    let step: Vec<f64> = noisy(100).into_iter().chain([9.0, 11.0, 10.0, 9.5]).collect();
    assert_eq!(found(&step, Direction::Up), Some(100));
    let spike: Vec<f64> = noisy(80).into_iter().chain([40.0, 42.0]).chain(noisy(30)).collect();
    assert_eq!(found(&spike, Direction::Up), Some(80));
    let ramp: Vec<f64> = noisy(100).into_iter().chain([5.0, 12.0, 25.0, 50.0]).collect();
    assert_eq!(found(&ramp, Direction::Up), Some(100));
}

#[test]
fn a_step_on_a_slow_wave_is_found_where_it_begins_and_not_where_the_wave_rises() {
    for (period, step) in [(60.0, 12.0), (120.0, 12.0), (120.0, 30.0), (300.0, 12.0)] {
        for begin in 0..8 {
            let turn = |at: usize| (at as f64 / period + f64::from(begin) / 8.0) * std::f64::consts::TAU;
            let wave = |at: usize, value: f64| value + 10.0 * turn(at).sin();
            let mut values: Vec<f64> = noisy(240).into_iter().enumerate().map(|(at, value)| wave(at, value)).collect();
            values.extend((240..244).map(|at| wave(at, 1.0 + step)));
            assert_eq!(found(&values, Direction::Up), Some(240), "{period} {step} {begin}");
        }
    }
}

#[test]
fn a_wave_without_noise_is_told_from_a_step_on_it() {
    let wave = |at: usize| 120.0 + 60.0 * (at as f64 / 20.0).cos();
    let values: Vec<f64> = (0..180).map(|at| wave(at) + if at > 150 { 200.0 } else { 0.0 }).collect();
    assert_eq!(found(&values, Direction::Up), Some(151));
}

#[test]
fn only_the_direction_of_trouble_counts() {
    let fall: Vec<f64> = noisy(60).iter().map(|value| value + 50.0).chain([2.0, 1.0, 3.0]).collect();
    assert_eq!(found(&fall, Direction::Down), Some(60));
    assert_eq!(found(&fall, Direction::Either), Some(60));
    assert_eq!(found(&fall, Direction::Up), None);
}

#[test]
fn noise_alone_and_a_flat_line_have_no_onset() {
    assert_eq!(found(&noisy(200), Direction::Either), None);
    assert_eq!(found(&[3.0; 100], Direction::Either), None);
    assert_eq!(found(&[], Direction::Up).or_else(|| found(&[1.0, 9.0], Direction::Up)), None);
}

#[test]
fn errors_that_are_counted_only_when_there_are_some_begin_with_the_first_of_many() {
    let points: Vec<(Timestamp, f64)> = [(170, 1.0), (90, 1.0), (4, 30.0), (3, 41.0), (2, 38.0)]
        .map(|(ago, value)| (ONSET - ago * MINUTE, value))
        .into();
    let (direction, from) = (Direction::Up, ONSET - 4 * HOUR);
    let of = Series { points: &points, period_ms: MINUTE, from, direction, is_count: true };
    let change = change_point(&of, ONSET).unwrap();
    assert_eq!(change.at, ONSET - 4 * MINUTE);
    assert!(change.before.unwrap() < 1.0);
    let only = &points[2..];
    let of = Series { points: only, period_ms: MINUTE, from, direction, is_count: true };
    assert_eq!(change_point(&of, ONSET).unwrap().at, ONSET - 4 * MINUTE);
}

#[test]
fn data_that_end_or_begin_are_a_change() {
    let points = series(&[3.0; 100]);
    let of =
        Series { points: &points, period_ms: MINUTE, from: points[0].0, direction: Direction::Up, is_count: false };
    let ended = change_point(&of, ONSET + 30 * MINUTE).unwrap();
    assert_eq!((ended.at, ended.after), (ONSET, None));
    let of = Series { from: points[0].0 - HOUR, ..of };
    let begun = change_point(&of, ONSET).unwrap();
    assert_eq!((begun.at, begun.before), (points[0].0, None));
}

#[test]
fn what_is_no_number_and_what_is_far_away_is_passed_over() {
    let mut values = noisy(50);
    values.extend([f64::NAN, f64::INFINITY, 30.0, 31.0]);
    assert_eq!(found(&values, Direction::Up), Some(52));
    // A first point at the beginning of time, an end at its end: no loop runs over all periods between them.
    let points = [(Timestamp(i64::MIN / 4), 1.0), (Timestamp(0), 2.0), (Timestamp(i64::MAX / 4), 3.0)];
    let of = Series { points: &points, period_ms: 1, from: Timestamp::MIN, direction: Direction::Up, is_count: true };
    change_point(&of, Timestamp(i64::MAX / 2));
}
