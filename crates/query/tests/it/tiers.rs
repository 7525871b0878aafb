//! Metrics of every age: what the store answers, rolled up or not, is what a plain list says under CloudWatch's tiers.

use model::clock::ManualClock;
use model::limits::METRIC_TIERS;
use model::time::{DAY, HOUR, MINUTE, SECOND};
use model::{Batch, Datapoint, Observation, SeriesKey, TimeRange, Timestamp};
use proptest::prelude::*;
use query::metrics::{MetricQuery, periods, round_range};
use query::statistics::Statistic;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use store::{Options, Retention, Store};

const START: Timestamp = Timestamp(1_800_000_000_000);
const PLAIN: [&str; 5] = ["SampleCount", "Sum", "Average", "Minimum", "Maximum"];
const EXTENDED: [&str; 5] = ["p0", "p10", "p50", "p99.5", "p100"];

fn series() -> Arc<SeriesKey> {
    Arc::new(SeriesKey {
        account: "123456789012".into(),
        region: "us-east-1".into(),
        namespace: "App".into(),
        name: "Latency".into(),
        dimensions: Vec::new(),
        unit: "None".into(),
    })
}

/// A few points from some instant on, one second or minute after the other.
#[derive(Debug, Clone)]
struct Burst {
    age_ms: i64,
    fine: bool,
    observations: Vec<Observation>,
}

fn burst() -> impl Strategy<Value = Burst> {
    // Quarters add up exactly, so sums can be compared exactly.
    let value = || (0i32..4000).prop_map(|quarters| f64::from(quarters) / 4.0);
    let count = || (1i32..4).prop_map(f64::from);
    let observation = prop_oneof![
        20 => value().prop_map(Observation::value),
        3 => prop::collection::vec((value(), count()), 1..4).prop_map(|pairs| Observation::Values(pairs.into())),
        1 => (value(), count())
            .prop_map(|(value, count)| Observation::Set { count, sum: value * count, min: value, max: value }),
        1 => Just(Observation::Set { count: 3.0, sum: 6.0, min: 1.0, max: 4.0 }),
        1 => Just(Observation::value(-2.5)),
    ];
    let age = prop_oneof![0..4 * HOUR, 0..20 * DAY, 0..70 * DAY];
    (age, any::<bool>(), prop::collection::vec(observation, 1..40)).prop_map(|(age_ms, fine, observations)| Burst {
        age_ms: age_ms / SECOND * SECOND,
        fine,
        observations,
    })
}

fn datapoints(bursts: &[Burst]) -> Vec<Datapoint> {
    let series = series();
    let mut datapoints = Vec::new();
    for burst in bursts {
        let resolution_secs = if burst.fine { 1 } else { 60 };
        for (n, observation) in burst.observations.iter().enumerate() {
            let timestamp = START - burst.age_ms + n as i64 * i64::from(resolution_secs) * SECOND;
            let (series, observation) = (Arc::clone(&series), observation.clone());
            datapoints.push(Datapoint { series, timestamp, resolution_secs, observation });
        }
    }
    datapoints
}

async fn open(dir: &Path, clock: &Arc<ManualClock>) -> Store {
    Store::open(Options { dir: dir.to_owned(), ..Options::default() }, Arc::clone(clock) as _).await.expect("open")
}

fn query(now: Timestamp, days: i64, period_ms: i64) -> MetricQuery {
    let key = SeriesKey::clone(&series());
    let range = TimeRange::new(now - days * DAY - 12_345, now + DAY);
    MetricQuery {
        account: key.account,
        region: key.region,
        namespace: key.namespace,
        name: key.name,
        dimensions: key.dimensions,
        unit: None,
        period_ms,
        range: round_range(now, range, period_ms),
        raw: true,
    }
}

/// The statistic by period, from the points as they were put.
fn naive(datapoints: &[Datapoint], now: Timestamp, query: &MetricQuery, statistic: &str) -> BTreeMap<i64, f64> {
    let mut found: BTreeMap<i64, Vec<&Observation>> = BTreeMap::new();
    for datapoint in datapoints {
        let mut resolution_ms = i64::from(datapoint.resolution_secs) * SECOND;
        for pair in METRIC_TIERS.windows(2) {
            let coarse_ms = i64::from(pair[1].0) * SECOND;
            if datapoint.timestamp < (now - pair[0].1).floor_to(coarse_ms) {
                resolution_ms = resolution_ms.max(coarse_ms);
            }
        }
        if resolution_ms > MINUTE && query.period_ms < resolution_ms {
            continue;
        }
        let fine = resolution_ms < MINUTE && query.period_ms < MINUTE;
        let time = if fine { datapoint.timestamp } else { datapoint.timestamp.floor_to(resolution_ms.max(MINUTE)) };
        if query.range.contains(time) {
            let index = (time - query.range.start).div_euclid(query.period_ms);
            found.entry(query.range.start.0 + index * query.period_ms).or_default().push(&datapoint.observation);
        }
    }
    let statistic = Statistic::parse(statistic).expect("a statistic");
    found.into_iter().filter_map(|(start, observed)| Some((start, statistic.evaluate(&observed)?))).collect()
}

async fn check(store: &Store, datapoints: &[Datapoint], now: Timestamp) {
    for (days, period_ms) in
        [(1, 10 * SECOND), (14, MINUTE), (30, 5 * MINUTE), (80, 15 * MINUTE), (100, HOUR), (100, DAY)]
    {
        let query = query(now, days, period_ms);
        let found = periods(store, &query).await.expect("periods");
        let by_start = |statistic: &str| -> BTreeMap<i64, f64> {
            let statistic = Statistic::parse(statistic).expect("a statistic");
            let value = |(start, samples): &(Timestamp, _)| -> Option<(i64, f64)> {
                let samples: &query::statistics::Samples = samples;
                Some((start.0, samples.evaluate(&statistic)?))
            };
            found.iter().filter_map(value).collect()
        };
        for statistic in PLAIN {
            assert_eq!(by_start(statistic), naive(datapoints, now, &query, statistic), "{statistic} by {period_ms} ms");
        }
        for statistic in EXTENDED {
            let (found, expected) = (by_start(statistic), naive(datapoints, now, &query, statistic));
            assert!(found.keys().eq(expected.keys()), "{statistic} by {period_ms} ms: {found:?} {expected:?}");
            for (found, expected) in found.values().zip(expected.values()) {
                assert!((found - expected).abs() <= 0.01 * expected, "{statistic}: {found} is not {expected}");
            }
        }
    }
}

async fn run(bursts: Vec<Burst>, days: Vec<i64>) {
    let dir = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::at(START));
    let mut store = open(dir.path(), &clock).await;
    let all = datapoints(&bursts);
    for half in all.chunks(all.len().div_ceil(2).max(1)) {
        store.append(Batch { datapoints: half.to_vec(), ..Batch::default() }).await.expect("append");
        store.flush().await.expect("flush");
    }
    let mut now = START;
    check(&store, &all, now).await;
    for step in days {
        store.maintain(&Retention::default()).await.expect("maintain");
        check(&store, &all, now).await;
        now = now + step * DAY + HOUR;
        clock.set(now);
        check(&store, &all, now).await;
        store.close().await.expect("close");
        store = open(dir.path(), &clock).await;
        check(&store, &all, now).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_age_answers_what_a_list_says(
        bursts in prop::collection::vec(burst(), 1..12),
        days in prop::collection::vec(prop_oneof![Just(0i64), 1i64..20, 40i64..70], 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
        runtime.block_on(run(bursts, days));
    }
}
