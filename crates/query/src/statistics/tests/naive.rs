//! Statistics against a naive version that looks at samples one by one.

use super::super::{Bounds, Statistic};
use super::is_close;
use model::Observation;
use proptest::prelude::*;

/// The samples of all observations, in order; `None` when some are hidden.
fn samples(observations: &[Observation]) -> Option<Vec<f64>> {
    let mut samples = Vec::new();
    for observation in observations {
        match observation {
            Observation::Values(pairs) => {
                pairs.iter().for_each(|(value, count)| samples.extend(vec![*value; *count as usize]));
            }
            Observation::Set { count, sum, min, max } if *count == 0.0 || (min == max && *sum == min * count) => {
                samples.extend(vec![*min; *count as usize]);
            }
            Observation::Set { .. } => return None,
        }
    }
    samples.sort_by(f64::total_cmp);
    Some(samples)
}

/// Count, sum, minimum and maximum.
fn totals(observations: &[Observation]) -> (f64, f64, f64, f64) {
    let mut all = (0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY);
    let mut add = |count: f64, sum: f64, min: f64, max: f64| {
        if count > 0.0 {
            all = (all.0 + count, all.1 + sum, f64::min(all.2, min), f64::max(all.3, max));
        }
    };
    for observation in observations {
        match observation {
            Observation::Values(pairs) => {
                pairs.iter().for_each(|(value, count)| add(*count, value * count, *value, *value));
            }
            Observation::Set { count, sum, min, max } => add(*count, *sum, *min, *max),
        }
    }
    all
}

fn percentile(samples: &[f64], percent: f64) -> f64 {
    let rank = percent / 100.0 * (samples.len() - 1) as f64;
    let (below, above) = (rank.floor() as usize, rank.ceil() as usize);
    samples[below] + (samples[above] - samples[below]) * rank.fract()
}

/// Of each sample the part within the bounds.
fn parts(samples: &[f64], bounds: Bounds) -> Vec<(f64, f64)> {
    let count = samples.len() as f64;
    let part = |(index, value): (usize, &f64)| match bounds {
        Bounds::Absolute { low, high } => {
            let is_within = low.is_none_or(|low| *value > low) && high.is_none_or(|high| *value <= high);
            (*value, f64::from(u8::from(is_within)))
        }
        Bounds::Percent { low, high } => {
            let (from, to) = (count * low / 100.0, count * high / 100.0);
            let index = index as f64;
            (*value, (to.min(index + 1.0) - from.max(index)).max(0.0))
        }
    };
    samples.iter().enumerate().map(part).collect()
}

fn naive(statistic: Statistic, observations: &[Observation]) -> Option<f64> {
    let (count, sum, min, max) = totals(observations);
    if count == 0.0 {
        return None;
    }
    let raw = || samples(observations).filter(|samples| samples[0] >= 0.0);
    let within = |bounds| {
        let parts = parts(&raw()?, bounds);
        Some((
            parts.iter().map(|(_, part)| part).sum::<f64>(),
            parts.iter().map(|(value, part)| value * part).sum::<f64>(),
        ))
    };
    match statistic {
        Statistic::SampleCount => Some(count),
        Statistic::Sum => Some(sum),
        Statistic::Average => Some(sum / count),
        Statistic::Minimum => Some(min),
        Statistic::Maximum => Some(max),
        Statistic::Percentile(percent) => Some(percentile(&raw()?, percent)),
        Statistic::TrimmedCount(bounds) => Some(within(bounds)?.0),
        Statistic::TrimmedSum(bounds) => Some(within(bounds)?.1),
        Statistic::TrimmedMean(bounds) => within(bounds).filter(|(kept, _)| *kept > 0.0).map(|(kept, sum)| sum / kept),
        Statistic::PercentileRank(bounds) => Some(100.0 * within(bounds)?.0 / count),
        Statistic::WinsorizedMean(bounds) => {
            let samples = raw()?;
            let (low, high) = match bounds {
                Bounds::Percent { low, high } => (percentile(&samples, low), percentile(&samples, high)),
                Bounds::Absolute { low, high } => (low.unwrap_or(f64::MIN), high.unwrap_or(f64::MAX)),
            };
            Some(samples.iter().map(|value| value.max(low).min(high)).sum::<f64>() / count)
        }
    }
}

fn bounds() -> impl Strategy<Value = Bounds> {
    prop_oneof![
        (0_u8..99, 1_u8..100).prop_map(|(low, more)| {
            let high = (low + more).min(100);
            Bounds::Percent { low: low.into(), high: high.into() }
        }),
        (prop::option::of(0_i32..20), 1_i32..20).prop_map(|(low, more)| Bounds::Absolute {
            low: low.map(f64::from),
            high: (more % 3 != 0).then(|| f64::from(low.unwrap_or(0) + more)),
        }),
    ]
}

fn statistic() -> impl Strategy<Value = Statistic> {
    prop_oneof![
        prop::sample::select(vec![
            Statistic::SampleCount,
            Statistic::Sum,
            Statistic::Average,
            Statistic::Minimum,
            Statistic::Maximum,
        ]),
        (0_u16..=1000).prop_map(|percent| Statistic::Percentile(f64::from(percent) / 10.0)),
        bounds().prop_map(Statistic::TrimmedMean),
        bounds().prop_map(Statistic::TrimmedCount),
        bounds().prop_map(Statistic::TrimmedSum),
        bounds().prop_map(Statistic::WinsorizedMean),
        bounds().prop_map(Statistic::PercentileRank),
    ]
}

fn observation() -> impl Strategy<Value = Observation> {
    // Half values too, and now and then a negative one; a count of 0 never gets here: PutMetricData leaves its
    // value out, and refuses a set of none.
    let value = || (-1_i32..40).prop_map(|value| f64::from(value.max(-1)) / 2.0);
    prop_oneof![
        4 => value().prop_map(Observation::value),
        3 => prop::collection::vec((value(), (1_u8..5).prop_map(f64::from)), 1..4).prop_map(|pairs| Observation::Values(pairs.into())),
        1 => (value(), 1_u8..5).prop_map(|(value, count)| Observation::Set {
            count: count.into(),
            sum: value * f64::from(count),
            min: value,
            max: value,
        }),
        1 => (value(), 2_u8..5).prop_map(|(value, count)| Observation::Set {
            count: count.into(),
            sum: value * f64::from(count) + 1.0,
            min: value,
            max: value + 1.0,
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn statistics_are_those_of_a_naive_version(
        statistic in statistic(),
        observations in prop::collection::vec(observation(), 0..8),
    ) {
        let found = statistic.evaluate(&observations.iter().collect::<Vec<_>>());
        let expected = naive(statistic, &observations);
        let holds = match (found, expected) {
            (Some(found), Some(expected)) => is_close(found, expected),
            (found, expected) => found == expected,
        };
        prop_assert!(holds, "{:?} of {:?}: {:?}, and naively {:?}", statistic, observations, found, expected);
    }
}
