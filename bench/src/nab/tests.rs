//! Tests of the scoring rule on windows small enough to count by hand.

use super::scorer::*;
use std::fmt::Write;

const STANDARD: Profile = PROFILES[0];

/// A hundred points, of which the first fifteen are not scored; 1 at the indexes.
fn detections(indexes: &[usize], windows: &[(usize, usize)]) -> Scored {
    let scores = (0..100).map(|index| f64::from(u8::from(indexes.contains(&index)))).collect();
    Scored { scores, windows: windows.to_vec() }
}

fn raw(indexes: &[usize], windows: &[(usize, usize)]) -> f64 {
    STANDARD.raw(&detections(indexes, windows), 1.0)
}

fn near(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-6, "{a} is not {b}");
}

#[test]
fn a_detection_is_worth_its_place_in_the_window() {
    let window = [(40, 49)];
    near(raw(&[40], &window), 1.0);
    // Six of ten points are left: position -0.6; 2 / (1 + e^-3) - 1 = 0.905148, divided by 2 / (1 + e^-5) - 1 = 0.986614.
    near(raw(&[44], &window), 0.917429);
    // The last point: position -0.1; 2 / (1 + e^-0.5) - 1 = 0.244919.
    near(raw(&[49], &window), 0.248242);
    near(raw(&[44, 45, 49], &window), 0.917429);
    near(raw(&[], &window), -1.0);
}

#[test]
fn a_false_alarm_costs_more_the_farther_it_is_behind_a_window() {
    let window = [(40, 49)];
    near(raw(&[39], &window), -1.0 - 0.11);
    // One of nine behind: 2 / (1 + e^(5/9)) - 1 = -0.270847.
    near(raw(&[50], &window), -1.0 - 0.11 * 0.270847);
    // Nine of nine: 2 / (1 + e^5) - 1 = -0.986614.
    near(raw(&[58], &window), -1.0 - 0.11 * 0.986614);
    near(raw(&[90], &window), -1.0 - 0.11);
    near(raw(&[20, 21, 22], &[]), -0.33);
    near(raw(&[50], &[(20, 29), (40, 49)]), -2.0 - 0.11 * 0.270847);
}

#[test]
fn the_first_part_is_not_scored() {
    assert_eq!((probation(100), probation(4032), probation(20_000)), (15, 604, 750));
    near(raw(&[0, 14], &[]), 0.0);
    near(raw(&[14, 15], &[]), -0.11);
    // A window that begins there is found where scoring begins: 16 of 20 points are left.
    near(raw(&[14], &[(11, 30)]), -1.0);
    near(raw(&[15], &[(11, 30)]), (2.0 / (1.0 + (-4.0f64).exp()) - 1.0) / 0.986614298);
}

#[test]
fn profiles_weigh_alarms_and_misses() {
    let series = detections(&[20], &[(40, 49)]);
    let sums: Vec<f64> = PROFILES.iter().map(|profile| profile.raw(&series, 1.0)).collect();
    near(sums[0], -1.11);
    near(sums[1], -1.22);
    near(sums[2], -2.11);
}

#[test]
fn nothing_found_is_0_and_everything_found_at_once_is_100() {
    let windows = vec![(40, 49), (70, 79)];
    let silent = detections(&[], &windows);
    let perfect = detections(&[40, 70], &windows);
    for profile in PROFILES {
        near(profile.scaled(profile.raw(&silent, 0.5), 2).unwrap(), 0.0);
        near(profile.scaled(profile.raw(&perfect, 0.5), 2).unwrap(), 100.0);
        assert_eq!(profile.best_threshold(std::slice::from_ref(&perfect)), 1.0);
    }
    assert_eq!(STANDARD.scaled(0.0, 0), None);
}

#[test]
fn the_threshold_is_the_one_that_earns_most_over_all_series() {
    let mut first = detections(&[], &[(40, 49)]);
    first.scores[40] = 0.6;
    first.scores[20] = 0.9;
    let mut second = detections(&[], &[(70, 79)]);
    second.scores[70] = 0.7;
    (80..100).for_each(|index| second.scores[index] = 0.2);
    let corpus = [first, second];
    assert_eq!(STANDARD.best_threshold(&corpus), 0.6);
    let sum: f64 = corpus.iter().map(|series| STANDARD.raw(series, 0.6)).sum();
    near(sum, 2.0 - 0.11);
    let mut useless = detections(&[], &[]);
    useless.scores[50] = 0.9;
    assert_eq!(STANDARD.best_threshold(&[useless]), f64::INFINITY, "no detection is better than a false one");
}

#[test]
fn a_sweep_and_a_sum_agree() {
    let mut state = 7u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 58) as f64 / 64.0
    };
    let windows = [vec![(30, 39), (60, 64)], vec![], vec![(10, 20)]];
    let corpus: Vec<Scored> =
        windows.into_iter().map(|windows| Scored { scores: (0..100).map(|_| random()).collect(), windows }).collect();
    for profile in PROFILES {
        let sum = |threshold: f64| corpus.iter().map(|series| profile.raw(series, threshold)).sum::<f64>();
        let best = sum(profile.best_threshold(&corpus));
        assert!((0..=64).all(|step| sum(f64::from(step) / 64.0) <= best + 1e-9));
    }
}

#[test]
fn a_corpus_is_read_and_a_report_has_a_row_for_each_category() {
    let folder = std::env::temp_dir().join(format!("trailwatch-nab-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("labels")).unwrap();
    std::fs::create_dir_all(folder.join("series/realAWSCloudwatch")).unwrap();
    let mut csv = String::from("timestamp,value\n");
    for minute in 0..288 * 5 {
        let at = 1_700_438_400 + minute * 300;
        let time = jiff::Timestamp::from_second(at).unwrap().strftime("%Y-%m-%d %H:%M:%S").to_string();
        let value = if minute == 1_200 { 90.0 } else { 10.0 + f64::from(minute as u8 % 3) };
        writeln!(csv, "{time},{value}").unwrap();
    }
    std::fs::write(folder.join("series/realAWSCloudwatch/cpu.csv"), csv).unwrap();
    let windows = r#"{"realAWSCloudwatch/cpu.csv": [["2023-11-24 03:00:00.000000", "2023-11-24 05:00:00.000000"]],
        "realAWSCloudwatch/absent.csv": []}"#;
    std::fs::write(folder.join("labels/combined_windows.json"), windows).unwrap();
    let detectors: Vec<String> = super::BESIDE
        .iter()
        .map(|name| format!(r#""{name}": {{"overall": 1, "per_file_raw_realAWSCloudwatch": {{"cpu.csv": -1}}}}"#))
        .collect();
    let published = format!(r#"{{"scores": {{{}}}}}"#, detectors.join(","));
    std::fs::write(folder.join("published-scores-by-category.json"), published).unwrap();
    let report = super::report(&folder);
    let series = super::corpus::read(&folder).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    // 2023-11-20 00:00 is point 0; the window is points 1,188 to 1,212, and the rise is found at 1,200.
    assert_eq!((series.len(), series[0].points.len(), &series[0].windows[..]), (1, 1_440, &[(1_188, 1_212)][..]));
    let report = report.unwrap();
    assert!(report.contains("| realAWSCloudwatch | 1 | 1 | 93.7 |"), "{report}");
    assert!(report.contains("| these files, of 100 | 1 | 93.7 | 0.0 |"), "{report}");
}
