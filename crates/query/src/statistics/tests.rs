//! Tests of statistics.

use super::*;

mod golden;
mod naive;

fn is_close(actual: f64, expected: f64) -> bool {
    (actual - expected).abs() <= 1e-9 * expected.abs().max(1.0)
}

#[track_caller]
fn check(statistic: &str, observations: &[Observation], expected: Option<f64>) {
    let parsed = Statistic::parse(statistic).unwrap_or_else(|error| panic!("{error}"));
    let observations: Vec<&Observation> = observations.iter().collect();
    let actual = parsed.evaluate(&observations);
    let close = match (actual, expected) {
        (Some(actual), Some(expected)) => is_close(actual, expected),
        (actual, expected) => actual == expected,
    };
    assert!(close, "{statistic}: {actual:?}, expected {expected:?}");
}

fn values(values: &[f64]) -> Vec<Observation> {
    values.iter().map(|&value| Observation::value(value)).collect()
}

fn set(count: f64, sum: f64, min: f64, max: f64) -> Observation {
    Observation::Set { count, sum, min, max }
}

#[test]
fn notations_are_read() {
    let percent = |low, high| Bounds::Percent { low, high };
    let absolute = |low, high| Bounds::Absolute { low, high };
    let cases = [
        ("SampleCount", Statistic::SampleCount),
        ("Sum", Statistic::Sum),
        ("Average", Statistic::Average),
        ("Minimum", Statistic::Minimum),
        ("Maximum", Statistic::Maximum),
        ("p99", Statistic::Percentile(99.0)),
        ("p0", Statistic::Percentile(0.0)),
        ("p100", Statistic::Percentile(100.0)),
        ("p99.9", Statistic::Percentile(99.9)),
        ("p95.1234567891", Statistic::Percentile(95.123_456_789_1)),
        ("tm90", Statistic::TrimmedMean(percent(0.0, 90.0))),
        ("TM(2%:98%)", Statistic::TrimmedMean(percent(2.0, 98.0))),
        ("TM(:95%)", Statistic::TrimmedMean(percent(0.0, 95.0))),
        ("TM(10%:)", Statistic::TrimmedMean(percent(10.0, 100.0))),
        ("TM(150:1000)", Statistic::TrimmedMean(absolute(Some(150.0), Some(1000.0)))),
        ("IQM", Statistic::TrimmedMean(percent(25.0, 75.0))),
        ("tc90", Statistic::TrimmedCount(percent(0.0, 90.0))),
        ("TC(0.005:0.030)", Statistic::TrimmedCount(absolute(Some(0.005), Some(0.03)))),
        ("TC(:0.5)", Statistic::TrimmedCount(absolute(None, Some(0.5)))),
        ("ts90", Statistic::TrimmedSum(percent(0.0, 90.0))),
        ("TS(80%:)", Statistic::TrimmedSum(percent(80.0, 100.0))),
        ("wm98", Statistic::WinsorizedMean(percent(0.0, 98.0))),
        ("WM(10%:90%)", Statistic::WinsorizedMean(percent(10.0, 90.0))),
        ("PR(:300)", Statistic::PercentileRank(absolute(None, Some(300.0)))),
        ("PR(100:2000)", Statistic::PercentileRank(absolute(Some(100.0), Some(2000.0)))),
        ("PR(10:)", Statistic::PercentileRank(absolute(Some(10.0), None))),
    ];
    for (text, expected) in cases {
        assert_eq!(Statistic::parse(text), Ok(expected), "{text}");
    }
}

#[test]
fn other_names_are_refused() {
    let cases = [
        "",
        "average",
        "AVG",
        "p",
        "p101",
        "p-1",
        "p1e1",
        "p99.",
        "p.5",
        "pp9",
        "p99.12345678901",
        "P99",
        "TM99",
        "tm(1%:2%)",
        "TM()",
        "TM(:)",
        "TM(5)",
        "TM(10%:90)",
        "TM(90%:10%)",
        "TM(5:5)",
        "TM(1:2",
        "TM(-1:2)",
        "TM(a:b)",
        "PR(1%:2%)",
        "pr90",
        "TM(0%:101%)",
        "inf",
        "pNaN",
        "p9é",
        "XX(1:2)",
        "IQM50",
    ];
    for text in cases {
        assert!(Statistic::parse(text).is_err(), "{text}");
    }
    let error = Statistic::parse("p101").unwrap_err();
    assert_eq!(error.to_string(), "The value p101 is not a valid statistic: a percentage must be between 0 and 100.");
    assert!(Statistic::parse(&"p9".repeat(100_000)).unwrap_err().to_string().len() < 300);
}

#[test]
fn plain_statistics_take_every_observation() {
    let mixed = [Observation::Values(vec![(2.0, 3.0), (-1.0, 1.0)].into()), set(4.0, 20.0, 1.0, 9.0)];
    check("SampleCount", &mixed, Some(8.0));
    check("Sum", &mixed, Some(25.0));
    check("Average", &mixed, Some(25.0 / 8.0));
    check("Minimum", &mixed, Some(-1.0));
    check("Maximum", &mixed, Some(9.0));
    check("Sum", &[], None);
    check("Average", &[set(0.0, 0.0, 0.0, 0.0)], None);
    check("Sum", &[Observation::value(f64::MAX), Observation::value(f64::MAX)], None);
}

#[test]
fn percentiles_interpolate_between_closest_ranks() {
    let four = values(&[4.0, 1.0, 3.0, 2.0]);
    check("p0", &four, Some(1.0));
    check("p50", &four, Some(2.5));
    check("p100", &four, Some(4.0));
    check("p25", &four, Some(1.75));
    check("p99", &values(&[7.0]), Some(7.0));
    let hundred: Vec<f64> = (1..=101).map(f64::from).collect();
    check("p90", &values(&hundred), Some(91.0));
    check("p99.5", &values(&hundred), Some(100.5));
}

#[test]
fn percentiles_weigh_values_by_their_counts() {
    let counted = [Observation::Values(vec![(10.0, 3.0), (20.0, 1.0)].into())];
    check("p50", &counted, Some(10.0));
    check("p100", &counted, Some(20.0));
    check("p75", &counted, Some(12.5));
    // The same samples one by one give the same answers.
    for statistic in ["p10", "p50", "p75", "p90", "tm90", "ts50", "wm75", "IQM", "PR(:10)", "TC(10:20)"] {
        let flat = values(&[10.0, 10.0, 10.0, 20.0]);
        let flat: Vec<&Observation> = flat.iter().collect();
        let expected = Statistic::parse(statistic).unwrap().evaluate(&flat);
        check(statistic, &counted, expected);
    }
}

#[test]
fn trimming_by_percentage_cuts_weight() {
    let ten: Vec<Observation> = values(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 100.0]);
    check("tm90", &ten, Some(5.0));
    check("tc90", &ten, Some(9.0));
    check("ts90", &ten, Some(45.0));
    check("TM(10%:90%)", &ten, Some(5.5));
    check("TS(80%:)", &ten, Some(109.0));
    check("IQM", &ten, Some((3.0 * 0.5 + 4.0 + 5.0 + 6.0 + 7.0 + 8.0 * 0.5) / 5.0));
    check("tm100", &ten, Some(14.5));
    check("tc0", &ten, None.or(Some(0.0)));
    check("tm0", &ten, None);
}

#[test]
fn trimming_by_value_excludes_the_lower_bound() {
    let observed = values(&[100.0, 150.0, 200.0, 1000.0, 1001.0]);
    check("TM(150:1000)", &observed, Some(600.0));
    check("TC(150:1000)", &observed, Some(2.0));
    check("TS(150:1000)", &observed, Some(1200.0));
    check("TC(:150)", &observed, Some(2.0));
    check("TM(2000:3000)", &observed, None);
    check("TC(2000:3000)", &observed, Some(0.0));
    check("PR(:150)", &observed, Some(40.0));
    check("PR(150:)", &observed, Some(60.0));
    check("WM(150:1000)", &observed, Some((150.0 + 150.0 + 200.0 + 1000.0 + 1000.0) / 5.0));
}

#[test]
fn winsorizing_moves_outliers_to_the_percentile() {
    let five = values(&[1.0, 2.0, 3.0, 4.0, 100.0]);
    check("WM(25%:75%)", &five, Some((2.0 + 2.0 + 3.0 + 4.0 + 4.0) / 5.0));
    check("wm100", &five, Some(22.0));
}

#[test]
fn statistic_sets_hide_their_samples_unless_uniform() {
    check("p50", &[set(2.0, 3.0, 1.0, 2.0)], None);
    check("p50", &[set(1.0, 3.0, 3.0, 3.0)], Some(3.0));
    check("tm90", &[set(4.0, 12.0, 3.0, 3.0)], Some(3.0));
    check("p50", &[set(4.0, 13.0, 3.0, 3.0)], None);
    check("p50", &[Observation::value(1.0), set(2.0, 3.0, 1.0, 2.0)], None);
    check("p100", &[Observation::value(1.0), set(3.0, 0.3, 0.1, 0.1)], Some(1.0));
}

#[test]
fn negative_values_refuse_percentiles() {
    let observed = values(&[-1.0, 5.0]);
    for statistic in ["p50", "tm90", "tc90", "ts90", "wm90", "IQM", "PR(:3)", "TM(0:1)"] {
        check(statistic, &observed, None);
    }
    check("Average", &observed, Some(2.0));
    check("p50", &values(&[-0.0, 0.0]), Some(0.0));
}

#[test]
fn few_samples_are_known() {
    let needed = |text: &str| Statistic::parse(text).unwrap().samples_needed();
    assert_eq!(needed("p50"), 20.0);
    assert_eq!(needed("p90"), 100.0);
    assert_eq!(needed("p99"), 1000.0);
    assert_eq!(needed("p99.9"), 10_000.0);
    assert_eq!(needed("p0.1"), 10_000.0);
    assert_eq!(needed("p99.9999999999"), 1e13);
    assert_eq!(needed("p10"), 100.0);
    assert_eq!(needed("p100"), 0.0);
    assert_eq!(needed("p0"), 0.0);
    assert_eq!(needed("Average"), 0.0);
}
