//! Histograms of both forms, delta and cumulative.

use super::*;

/// A point of `counts` in buckets up to `bounds`, from a client that started a minute ago.
pub fn explicit(counts: &[u64], bounds: &[f64]) -> HistogramPoint {
    HistogramPoint {
        start_time_unix_nano: nanos(-60),
        time_unix_nano: nanos(-1),
        count: counts.iter().sum(),
        bucket_counts: counts.to_vec(),
        explicit_bounds: bounds.to_vec(),
        ..HistogramPoint::default()
    }
}

fn of(point: HistogramPoint, aggregation_temporality: i32) -> MetricsRequest {
    let histogram = Some(Histogram { data_points: vec![point], aggregation_temporality });
    request(Metric { name: "h".into(), histogram, ..Metric::default() })
}

fn of_exponential(point: ExponentialHistogramPoint, aggregation_temporality: i32) -> MetricsRequest {
    let exponential_histogram = Some(ExponentialHistogram { data_points: vec![point], aggregation_temporality });
    request(Metric { name: "e".into(), exponential_histogram, ..Metric::default() })
}

fn stored(request: &MetricsRequest, cumulative: &Cumulative) -> Option<Observation> {
    let mut found = converted(request, cumulative);
    assert!(found.datapoints.len() <= 1);
    found.datapoints.pop().map(|point| point.observation)
}

fn pairs(observation: Option<Observation>) -> Vec<(f64, f64)> {
    match observation {
        Some(Observation::Values(pairs)) => pairs.into_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn sum_minimum_and_maximum_are_exact() {
    let nothing = Cumulative::new(NOW);
    let point =
        HistogramPoint { sum: Some(57.0), min: Some(2.0), max: Some(30.0), ..explicit(&[2, 3, 1], &[5.0, 10.0]) };
    let found = pairs(stored(&of(point, 1), &nothing));
    assert_eq!(found.first(), Some(&(2.0, 1.0)));
    assert_eq!(found.last(), Some(&(30.0, 1.0)));
    let observation = Observation::Values(found.clone().into());
    let (count, sum, ..) = observation.stats();
    assert_eq!(count, 6.0);
    assert!((sum - 57.0).abs() < 1e-9, "{found:?}");
    // 1 value in (2, 5], 3 in (5, 10].
    assert_eq!(found.iter().filter(|(value, _)| *value <= 5.0).map(|(_, count)| count).sum::<f64>(), 2.0);
    assert_eq!(found.iter().filter(|(value, _)| *value > 5.0 && *value <= 10.0).map(|(_, n)| n).sum::<f64>(), 3.0);
}

#[test]
fn what_is_unknown_is_guessed_within_its_bucket() {
    let nothing = Cumulative::new(NOW);
    assert_eq!(
        pairs(stored(&of(explicit(&[1, 1, 1], &[4.0, 8.0]), 1), &nothing)),
        [(2.0, 1.0), (6.0, 1.0), (8.0, 1.0)]
    );
    // The bucket without an end takes what the sum says.
    let point = HistogramPoint { sum: Some(108.0), ..explicit(&[1, 1, 1], &[4.0, 8.0]) };
    assert_eq!(pairs(stored(&of(point, 1), &nothing)), [(2.0, 1.0), (6.0, 1.0), (100.0, 1.0)]);
    // No buckets: a statistic set.
    let point = HistogramPoint { count: 4, sum: Some(10.0), min: Some(1.0), ..explicit(&[], &[]) };
    let set = Observation::Set { count: 4.0, sum: 10.0, min: 1.0, max: 2.5 };
    assert_eq!(stored(&of(point, 1), &nothing), Some(set));
    // Nothing happened: nothing is stored, and nothing is wrong.
    let found = converted(&of(explicit(&[0, 0], &[1.0]), 1), &nothing);
    assert_eq!((found.datapoints.len(), found.rejected), (0, 0));
    for wrong in [explicit(&[1, 2], &[1.0, 2.0]), explicit(&[1, 2, 3], &[2.0, 1.0]), explicit(&[1, 2], &[f64::NAN])] {
        assert_eq!(converted(&of(wrong, 1), &nothing).rejected, 1);
    }
}

#[test]
fn exponential_buckets_are_powers() {
    let nothing = Cumulative::new(NOW);
    let run = |offset, counts: &[u64]| Some(Buckets { offset, bucket_counts: counts.to_vec() });
    let point = ExponentialHistogramPoint {
        time_unix_nano: nanos(-1),
        count: 4,
        zero_count: 1,
        scale: 0,
        positive: run(1, &[1, 0, 1]),
        negative: run(0, &[1]),
        ..ExponentialHistogramPoint::default()
    };
    let found = pairs(stored(&of_exponential(point.clone(), 1), &nothing));
    // (-2, -1], 0, (2, 4], (8, 16]
    assert_eq!(found, [(-1.5, 1.0), (0.0, 1.0), (3.0, 1.0), (12.0, 1.0)]);
    // Bounds beyond what a metric may be.
    let far = ExponentialHistogramPoint { scale: -10, positive: run(5, &[1]), ..point };
    assert_eq!(converted(&of_exponential(far, 1), &nothing).rejected, 1);
}

#[test]
fn many_buckets_are_merged() {
    let nothing = Cumulative::new(NOW);
    let point = ExponentialHistogramPoint {
        time_unix_nano: nanos(-1),
        count: 320,
        scale: 5,
        sum: Some(5000.0),
        min: Some(1.01),
        max: Some(1020.0),
        positive: Some(Buckets { offset: 0, bucket_counts: vec![1; 320] }),
        ..ExponentialHistogramPoint::default()
    };
    let observation = stored(&of_exponential(point, 1), &nothing).unwrap();
    let (count, sum, min, max) = observation.stats();
    assert_eq!((count, min, max), (320.0, 1.01, 1020.0));
    assert!(sum > 4999.0 && pairs(Some(observation)).len() <= 150);
}

#[test]
fn cumulative_points_are_stored_as_differences() {
    let cumulative = Cumulative::new(Timestamp(NOW.0 - 3_600_000));
    let at = |offset: i64, counts: &[u64], sum: f64| HistogramPoint {
        time_unix_nano: nanos(offset),
        sum: Some(sum),
        min: Some(1.0),
        max: Some(9.0),
        ..explicit(counts, &[5.0])
    };
    // Counting began after this server did, so all of it is new.
    let first = stored(&of(at(-50, &[2, 1], 13.0), 2), &cumulative).unwrap();
    assert_eq!(first.stats(), (3.0, 13.0, 1.0, 9.0));
    // Sent again: nothing.
    assert_eq!(stored(&of(at(-50, &[2, 1], 13.0), 2), &cumulative), None);
    let second = stored(&of(at(-40, &[3, 1], 17.0), 2), &cumulative).unwrap();
    assert_eq!((second.stats().0, second.stats().1), (1.0, 4.0));
    // No values meanwhile: nothing.
    assert_eq!(stored(&of(at(-30, &[3, 1], 17.0), 2), &cumulative), None);
    // The client started again.
    let again = HistogramPoint { start_time_unix_nano: nanos(-25), ..at(-20, &[1, 0], 1.0) };
    assert_eq!(stored(&of(again, 2), &cumulative).unwrap().stats().0, 1.0);
}

#[test]
fn a_client_that_is_older_than_the_server_is_only_remembered_at_first() {
    let cumulative = Cumulative::new(NOW);
    let at = |offset: i64, counts: &[u64]| HistogramPoint { time_unix_nano: nanos(offset), ..explicit(counts, &[5.0]) };
    assert_eq!(stored(&of(at(-20, &[100, 0]), 2), &cumulative), None);
    assert_eq!(stored(&of(at(-10, &[102, 0]), 2), &cumulative).unwrap().stats().0, 2.0);
    // What was not stored is not remembered.
    let scope = scope();
    let context = Context { scope: &scope, namespace: None, now: NOW };
    let request = of(at(-5, &[105, 0]), 2);
    let failed = convert(&context, &request, &mut cumulative.differences());
    assert_eq!(failed.datapoints[0].observation.stats().0, 3.0);
    assert_eq!(stored(&request, &cumulative).unwrap().stats().0, 3.0);
    cumulative.clear();
    assert_eq!(stored(&of(at(-4, &[106, 0]), 2), &cumulative), None);
}

#[test]
fn a_coarser_scale_is_still_a_difference() {
    let cumulative = Cumulative::new(Timestamp(0));
    let at = |offset: i64, scale, first, counts: &[u64]| ExponentialHistogramPoint {
        start_time_unix_nano: nanos(-60),
        time_unix_nano: nanos(offset),
        count: counts.iter().sum(),
        scale,
        positive: Some(Buckets { offset: first, bucket_counts: counts.to_vec() }),
        ..ExponentialHistogramPoint::default()
    };
    assert!(stored(&of_exponential(at(-50, 1, -2, &[1, 1, 1, 1]), 2), &cumulative).is_some());
    // Scale 0 has the pairs of buckets together: -2 and -1 in -1, 0 and 1 in 0.
    let found = pairs(stored(&of_exponential(at(-40, 0, -1, &[2, 5]), 2), &cumulative));
    assert_eq!(found, [(1.5, 3.0)]);
}

proptest! {
    /// Whatever was measured, what is stored of its histogram has its count, sum, minimum and maximum.
    #[test]
    fn statistics_are_those_of_what_was_measured(
        values in proptest::collection::vec(-1000.0f64..1000.0, 1..60),
        bounds in proptest::collection::btree_set(-900i32..900, 1..200),
        scale in -2i32..6,
    ) {
        let bounds: Vec<f64> = bounds.into_iter().map(f64::from).collect();
        let mut counts = vec![0u64; bounds.len() + 1];
        values.iter().for_each(|value| counts[bounds.partition_point(|bound| bound < value)] += 1);
        let sum = Some(values.iter().sum());
        let min = values.iter().copied().min_by(f64::total_cmp);
        let max = values.iter().copied().max_by(f64::total_cmp);
        let point = HistogramPoint { sum, min, max, ..explicit(&counts, &bounds) };
        check(stored(&of(point, 1), &Cumulative::new(NOW)), &values)?;

        let point = ExponentialHistogramPoint {
            time_unix_nano: nanos(-1),
            count: values.len() as u64,
            zero_count: values.iter().filter(|value| **value == 0.0).count() as u64,
            scale,
            positive: powers(values.iter().copied().filter(|value| *value > 0.0), scale),
            negative: powers(values.iter().map(|value| -value).filter(|value| *value > 0.0), scale),
            sum,
            min,
            max,
            ..ExponentialHistogramPoint::default()
        };
        check(stored(&of_exponential(point, 1), &Cumulative::new(NOW)), &values)?;
    }
}

fn powers(values: impl Iterator<Item = f64>, scale: i32) -> Option<Buckets> {
    let indexes: Vec<i32> = values.map(|value| (value.log2() * f64::from(scale).exp2()).ceil() as i32 - 1).collect();
    let offset = *indexes.iter().min()?;
    let mut bucket_counts = vec![0; usize::try_from(indexes.iter().max()? - offset + 1).unwrap()];
    indexes.iter().for_each(|index| bucket_counts[usize::try_from(index - offset).unwrap()] += 1);
    Some(Buckets { offset, bucket_counts })
}

fn check(stored: Option<Observation>, values: &[f64]) -> Result<(), TestCaseError> {
    let found = pairs(stored);
    let (count, sum, min, max) = Observation::Values(found.clone().into()).stats();
    let own = Observation::Values(values.iter().map(|value| (*value, 1.0)).collect()).stats();
    prop_assert_eq!((count, min, max), (own.0, own.2, own.3));
    prop_assert!((sum - own.1).abs() < 1e-6, "{} and {}", sum, own.1);
    prop_assert!(found.len() <= 150);
    Ok(())
}
