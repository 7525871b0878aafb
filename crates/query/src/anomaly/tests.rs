//! Tests of the bands on series that are known in full, and of the walk.

use super::season::HOUR_MS;
use super::*;
use proptest::prelude::*;

const PERIOD_MS: i64 = 300_000;
/// A Monday, midnight UTC.
const START_MS: i64 = 1_700_438_400_000;
const UTC: fn(i64) -> i32 = |_| 0;

/// Noise from a fixed sequence: about normal, mean 0, standard deviation 1.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// One value every five minutes from `START_MS` on.
fn series(days: i64, mut value: impl FnMut(i64) -> f64) -> Vec<(i64, f64)> {
    let count = days * DAY_MS / PERIOD_MS;
    (0..count).map(|index| START_MS + index * PERIOD_MS).map(|at_ms| (at_ms, value(at_ms))).collect()
}

fn trained(points: &[(i64, f64)]) -> Model {
    train(points, PERIOD_MS, &[], &UTC, Options::default())
}

/// 100 ± 40 over the day, highest at 06:00, with noise of standard deviation 5.
fn daily(noise: &mut Noise, local_ms: i64) -> f64 {
    100.0 + 40.0 * (local_ms as f64 / DAY_MS as f64 * std::f64::consts::TAU).sin() + 5.0 * noise.normal()
}

/// The part of points that lies within the band.
fn coverage(model: &Model, points: &[(i64, f64)], deviations: f64) -> f64 {
    let inside = points.iter().filter(|&&(at_ms, value)| inside(model, at_ms, value, deviations));
    inside.count() as f64 / points.len() as f64
}

fn inside(model: &Model, at_ms: i64, value: f64, deviations: f64) -> bool {
    let (lower, upper) = model.band(at_ms, deviations).unwrap();
    (lower..=upper).contains(&value)
}

#[test]
fn a_clean_daily_series_lies_within_as_a_normal_distribution_would() {
    let mut noise = Noise(1);
    let points = series(18, |at_ms| daily(&mut noise, at_ms));
    let (past, future) = points.split_at(14 * 288);
    let model = trained(past);
    assert_eq!(model.state(), State::Trained);
    for (deviations, low, high) in [(1.0, 0.62, 0.80), (2.0, 0.94, 0.985), (3.0, 0.99, 1.0)] {
        let part = coverage(&model, future, deviations);
        assert!((low..=high).contains(&part), "{part} within {deviations} deviations");
    }
    let (lower, upper) = model.band(past.last().unwrap().0 + PERIOD_MS, 2.0).unwrap();
    assert!(upper - lower < 8.0 * 5.0, "as wide as the noise, not as the pattern: {lower} to {upper}");
}

#[test]
fn injected_anomalies_lie_outside() {
    let mut noise = Noise(2);
    let points = series(14, |at_ms| daily(&mut noise, at_ms));
    let model = trained(&points);
    let end_ms = points.last().unwrap().0;
    for hour in 0..24 {
        let at_ms = end_ms + hour * HOUR_MS;
        let usual = daily(&mut Noise(0), at_ms);
        assert!(!inside(&model, at_ms, usual + 60.0, 3.0), "a rise at hour {hour}");
        assert!(!inside(&model, at_ms, usual - 60.0, 3.0), "a drop at hour {hour}");
    }
    let evening_ms = START_MS + 15 * DAY_MS + 18 * HOUR_MS;
    assert!(!inside(&model, evening_ms, 140.0, 3.0), "what is usual in the morning is not in the evening");
}

#[test]
fn one_bad_day_in_training_moves_nothing_much() {
    let mut noise = Noise(3);
    let clean = series(14, |at_ms| daily(&mut noise, at_ms));
    let mut bad = clean.clone();
    bad.iter_mut().filter(|point| (point.0 - START_MS) / DAY_MS == 8).for_each(|point| point.1 += 500.0);
    let (clean, bad) = (trained(&clean), trained(&bad));
    for hour in 0..24 {
        let at_ms = START_MS + 14 * DAY_MS + hour * HOUR_MS;
        let ((lower, upper), (bad_lower, bad_upper)) = (clean.band(at_ms, 2.0).unwrap(), bad.band(at_ms, 2.0).unwrap());
        assert!((lower - bad_lower).abs() < 8.0 && (upper - bad_upper).abs() < 8.0, "hour {hour}");
    }
}

#[test]
fn excluded_ranges_are_as_if_never_seen() {
    let mut noise = Noise(4);
    let points = series(14, |at_ms| daily(&mut noise, at_ms));
    let (from_ms, to_ms) = (START_MS + 3 * DAY_MS, START_MS + 9 * DAY_MS);
    let mut disaster = points.clone();
    disaster.iter_mut().filter(|point| from_ms <= point.0 && point.0 < to_ms).for_each(|point| point.1 = 9_999.0);
    let without: Vec<_> = points.iter().copied().filter(|point| point.0 < from_ms || point.0 >= to_ms).collect();
    let excluding = train(&disaster, PERIOD_MS, &[(from_ms, to_ms)], &UTC, Options::default());
    assert_eq!(excluding, trained(&without));
    assert_ne!(excluding, trained(&disaster));
    assert!(!inside(&excluding, START_MS + 15 * DAY_MS, 9_999.0, 2.0));
    let all = train(&points, PERIOD_MS, &[(0, i64::MAX)], &UTC, Options::default());
    assert_eq!((all.state(), all.band(START_MS, 2.0)), (State::PendingTraining, None));
}

#[test]
fn the_pattern_follows_local_time_over_a_change_to_daylight_saving_time() {
    // One hour ahead of UTC, two from the middle of the night after the training on.
    let change_ms = START_MS + 14 * DAY_MS + HOUR_MS;
    let zone = move |at_ms: i64| if at_ms < change_ms { 3_600 } else { 7_200 };
    let local = |at_ms: i64| at_ms + i64::from(zone(at_ms)) * 1000;
    let mut noise = Noise(5);
    let points = series(16, |at_ms| daily(&mut noise, local(at_ms)));
    let (past, future) = points.split_at(14 * 288);
    let aware = train(past, PERIOD_MS, &[], &zone, Options::default());
    assert!(coverage(&aware, &future[24..], 2.0) > 0.93);
    assert!(coverage(&trained(past), &future[24..], 2.0) < 0.85, "without the zone the hour is missed");
    for &(at_ms, _) in &future[24..300] {
        let usual = daily(&mut Noise(0), local(at_ms)) - daily(&mut Noise(0), 0) + 100.0;
        assert!((aware.expected(at_ms).unwrap() - usual).abs() < 6.0);
    }
}

#[test]
fn a_change_of_the_clock_within_the_training_is_known_too() {
    let change_ms = START_MS + 6 * DAY_MS + HOUR_MS;
    let zone = move |at_ms: i64| if at_ms < change_ms { -14_400 } else { -18_000 };
    let mut noise = Noise(6);
    let points = series(15, |at_ms| daily(&mut noise, at_ms + i64::from(zone(at_ms)) * 1000));
    let (past, future) = points.split_at(14 * 288);
    let aware = train(past, PERIOD_MS, &[], &zone, Options::default());
    assert!(coverage(&aware, future, 2.0) > 0.93);
    assert_eq!(aware.offsets.len(), 2);
    assert_eq!(aware.offsets[1], (change_ms, -18_000_000));
}

#[test]
fn quiet_weekends_are_expected_after_two_weeks() {
    let mut noise = Noise(7);
    let weekend = |at_ms: i64| (at_ms - START_MS) / DAY_MS % 7 >= 5;
    let points = series(21, |at_ms| if weekend(at_ms) { 20.0 } else { 100.0 } + noise.normal());
    let (past, future) = points.split_at(14 * 288);
    let model = trained(past);
    let saturday_ms = START_MS + 19 * DAY_MS + 12 * HOUR_MS;
    assert!((model.expected(saturday_ms).unwrap() - 20.0).abs() < 3.0);
    assert!(!inside(&model, saturday_ms, 100.0, 2.0));
    let noons: Vec<_> = future.iter().copied().filter(|point| point.0 % DAY_MS == 12 * HOUR_MS).collect();
    assert_eq!(coverage(&model, &noons, 3.0), 1.0);
}

#[test]
fn flat_data_has_a_narrow_band() {
    for value in [5.0, -5.0, 1e-6, 3e9] {
        let model = trained(&series(3, |_| value));
        let (lower, upper) = model.band(START_MS + 4 * DAY_MS, 2.0).unwrap();
        assert!(lower < value && value < upper, "{lower} to {upper}");
        assert!(upper - lower < 0.05 * value.abs());
    }
    let (lower, upper) = trained(&series(3, |_| 0.0)).band(START_MS, 2.0).unwrap();
    assert!(lower == 0.0 && 0.0 < upper && upper < 0.001);
}

#[test]
fn a_band_keeps_its_width_at_any_size_of_values() {
    // The newest day is beyond everything typical, so that the level is; found by the property test below.
    let mut points: Vec<_> = (0..12).map(|minute| (START_MS + minute * 60_000, 500.0)).collect();
    points.push((START_MS + 13 * DAY_MS, f64::MAX));
    let smallest: Vec<_> = (0..12).map(|minute| (START_MS + minute * 60_000, f64::from_bits(1))).collect();
    for points in [points, smallest] {
        let mirrored: Vec<_> = points.iter().map(|&(at_ms, value)| (at_ms, -value)).collect();
        for points in [points, mirrored] {
            let (lower, upper) = trained(&points).band(START_MS + 13 * DAY_MS, 0.5).unwrap();
            assert!(lower.is_finite() && upper.is_finite() && lower < upper, "{lower} to {upper}");
        }
    }
}

#[test]
fn no_negative_value_means_no_negative_lower_bound() {
    let mut noise = Noise(8);
    let counts = series(14, |_| (2.0 + 2.0 * noise.normal()).max(0.0).floor());
    assert_eq!(trained(&counts).band(START_MS, 4.0).unwrap().0, 0.0);
    let shifted: Vec<_> = counts.iter().map(|&(at_ms, value)| (at_ms, value - 1.0)).collect();
    assert!(trained(&shifted).band(START_MS, 4.0).unwrap().0 < -1.0);
}

#[test]
fn states_say_how_far_the_training_got() {
    let all = series(3, |_| 1.0);
    for (points, state) in [
        (0, State::PendingTraining),
        (11, State::PendingTraining),
        (12, State::TrainedInsufficientData),
        (575, State::TrainedInsufficientData),
        (576, State::Trained),
    ] {
        assert_eq!(trained(&all[..points]).state(), state, "{points} points");
        assert_eq!(trained(&all[..points]).band(START_MS, 2.0).is_some(), state != State::PendingTraining);
    }
    assert_eq!(serde_json::to_string(&State::TrainedInsufficientData).unwrap(), "\"TRAINED_INSUFFICIENT_DATA\"");
}

#[test]
fn only_the_last_two_weeks_count() {
    let mut noise = Noise(9);
    let points = series(30, |at_ms| daily(&mut noise, at_ms) + if at_ms < START_MS + 15 * DAY_MS { 1e6 } else { 0.0 });
    assert_eq!(trained(&points), trained(&points[16 * 288..]));
}

#[test]
fn recurring_spikes_are_expected_when_asked_for() {
    let mut noise = Noise(10);
    let mut day_noise = Noise(11);
    // One spike a day, at any time of it.
    let spike_at: Vec<i64> = (0..16).map(|day| day * 288 + (day_noise.uniform() * 288.0) as i64).collect();
    let points = series(16, |at_ms| {
        let spike = spike_at.contains(&((at_ms - START_MS) / PERIOD_MS));
        10.0 + noise.normal() * 0.3 + if spike { 50.0 } else { 0.0 }
    });
    let past = &points[..14 * 288];
    let (at_ms, spike) = points[spike_at[15] as usize];
    assert!(!inside(&trained(past), at_ms, spike, 2.0));
    let expecting = train(past, PERIOD_MS, &[], &UTC, Options { periodic_spikes: true, ..Options::default() });
    assert!(inside(&expecting, at_ms, spike, 2.0));
    assert!(!inside(&expecting, at_ms, 200.0, 2.0), "higher spikes are anomalies");
    assert!(!inside(&expecting, at_ms, 5.0, 2.0), "there are none downwards");
    let mut once = past.to_vec();
    spike_at[1..14].iter().for_each(|&index| once[index as usize].1 = 10.0);
    let options = Options { periodic_spikes: true, ..Options::default() };
    assert!(!inside(&train(&once, PERIOD_MS, &[], &UTC, options), at_ms, spike, 2.0), "one spike does not recur");
}

#[test]
fn a_fast_model_follows_a_lasting_change_sooner() {
    let mut noise = Noise(12);
    let change_ms = START_MS + 13 * DAY_MS;
    let points = series(14, |at_ms| if at_ms < change_ms { 10.0 } else { 20.0 } + noise.normal());
    let level = |adaptation| {
        let model = train(&points, PERIOD_MS, &[], &UTC, Options { adaptation, ..Options::default() });
        model.expected(START_MS + 14 * DAY_MS).unwrap()
    };
    assert!((level(AdaptationSpeed::Fast) - 20.0).abs() < 1.5);
    assert!((level(AdaptationSpeed::Slow) - 10.0).abs() < 1.5);
}

#[test]
fn stricter_filtering_makes_a_narrower_band_on_unruly_data() {
    let mut noise = Noise(13);
    let points = series(14, |_| 10.0 + noise.normal() * if noise.uniform() < 0.1 { 10.0 } else { 1.0 });
    let width = |outlier_filtering| {
        let model = train(&points, PERIOD_MS, &[], &UTC, Options { outlier_filtering, ..Options::default() });
        let (lower, upper) = model.band(START_MS, 2.0).unwrap();
        upper - lower
    };
    assert!(width(OutlierFiltering::Strict) < width(OutlierFiltering::Moderate));
    assert!(width(OutlierFiltering::Moderate) < width(OutlierFiltering::Minimal));
}

#[test]
fn a_steady_rise_goes_on_for_a_day() {
    let mut noise = Noise(14);
    let points = series(11, |at_ms| (at_ms - START_MS) as f64 / DAY_MS as f64 * 10.0 + noise.normal());
    let model = trained(&points[..10 * 288]);
    assert!(coverage(&model, &points[10 * 288..], 2.0) > 0.9);
}

#[test]
fn a_model_is_a_few_kilobytes_and_comes_back_from_json() {
    let mut noise = Noise(15);
    let points = series(14, |at_ms| daily(&mut noise, at_ms) / 7.0);
    let model = trained(&points);
    let json = serde_json::to_string(&model).unwrap();
    assert!(json.len() < 6_000, "{} bytes", json.len());
    assert_eq!(serde_json::from_str::<Model>(&json).unwrap(), model);
    assert_eq!(trained(&points), model, "training is a function of its arguments");
    let backwards: Vec<_> = points.iter().rev().copied().collect();
    assert_eq!(trained(&backwards), model, "in any order");
}

#[test]
fn a_metric_of_long_periods_has_patterns_too() {
    let points: Vec<_> = (0..14 * 24)
        .map(|hour| (START_MS + hour * HOUR_MS, if hour % 24 == 3 { 80.0 } else { 10.0 + (hour % 5) as f64 }))
        .collect();
    let model = train(&points, HOUR_MS, &[], &UTC, Options::default());
    let three_ms = START_MS + 14 * DAY_MS + 3 * HOUR_MS;
    assert!(inside(&model, three_ms, 80.0, 2.0));
    assert!(!inside(&model, three_ms + 12 * HOUR_MS, 80.0, 2.0));
    let days: Vec<_> = (0..14).map(|day| (START_MS + day * DAY_MS, 50.0)).collect();
    let of_days = train(&days, DAY_MS, &[], &UTC, Options::default());
    assert!(inside(&of_days, START_MS + 15 * DAY_MS, 50.0, 2.0) && !inside(&of_days, START_MS, 60.0, 2.0));
}

#[test]
fn the_walk_scores_a_rise_highest_and_looks_at_nothing_later() {
    let mut noise = Noise(16);
    let mut points = series(10, |at_ms| daily(&mut noise, at_ms));
    points[8 * 288 + 100].1 += 120.0;
    let scores = walk(&points, PERIOD_MS, Walk::default());
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
    let highest = (2 * 288..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
    assert_eq!(highest, 8 * 288 + 100);
    assert_eq!(walk(&points[..2_000], PERIOD_MS, Walk::default()), scores[..2_000]);
    assert!(walk(&series(5, |_| 7.0), PERIOD_MS, Walk::default()).iter().all(|&score| score == 0.0));
    assert!(walk(&[], PERIOD_MS, Walk::default()).is_empty());
}

#[test]
fn the_walk_scores_what_comes_again_lower() {
    let mut noise = Noise(17);
    let mut points = series(10, |_| 10.0 + noise.normal());
    for day in 4..9 {
        points[day * 288].1 = 60.0;
    }
    let scores = walk(&points, PERIOD_MS, Walk::default());
    assert!((5..9).all(|day| scores[day * 288] < scores[4 * 288]));
    points[9 * 288].1 = 600.0;
    let scores = walk(&points, PERIOD_MS, Walk::default());
    assert!((5..9).all(|day| scores[day * 288] < scores[9 * 288]));
}

#[test]
fn the_walk_takes_unordered_and_unreal_values() {
    let odd = [(5, f64::NAN), (i64::MAX, 1.0), (i64::MIN, f64::INFINITY), (0, f64::MAX), (0, -f64::MAX)];
    let points: Vec<_> = odd.iter().cycle().take(60).copied().collect();
    assert!(walk(&points, 0, Walk::default()).iter().all(|score| (0.0..=1.0).contains(score)));
}

fn any_point() -> impl Strategy<Value = (i64, f64)> {
    let value = prop_oneof![
        8 => -1e3..1e3f64,
        1 => proptest::num::f64::ANY,
        1 => prop_oneof![Just(0.0), Just(f64::MAX), Just(f64::MIN), Just(f64::MIN_POSITIVE)],
    ];
    (prop_oneof![20 => 0..20 * DAY_MS, 1 => any::<i64>()], value)
}

proptest! {
    #[test]
    fn any_points_make_an_ordered_band_that_grows(
        points in prop::collection::vec(any_point(), 0..200),
        period_ms in prop_oneof![Just(60_000i64), any::<i64>()],
        at_ms in prop_oneof![0..30 * DAY_MS, any::<i64>()],
        offset in any::<i32>(),
        periodic_spikes: bool,
    ) {
        let options = Options { periodic_spikes, ..Options::default() };
        let zone = move |at_ms: i64| if at_ms > 10 * DAY_MS { offset } else { 0 };
        let model = train(&points, period_ms, &[], &zone, options);
        let mut before = None;
        for deviations in [f64::NAN, 0.0, 0.5, 1.0, 2.0, 3.0, 10.0, f64::INFINITY] {
            let Some((lower, upper)) = model.band(at_ms, deviations) else { continue };
            prop_assert!(lower.is_finite() && upper.is_finite() && lower <= upper);
            if let Some((narrow_lower, narrow_upper)) = before {
                prop_assert!(lower <= narrow_lower && narrow_upper <= upper, "grows with the deviations");
            }
            prop_assert!(deviations < 0.5 || deviations.is_nan() || lower < upper);
            before = Some((lower, upper));
        }
    }
}
