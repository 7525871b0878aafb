//! Metric buckets over a real store.

mod insights;
mod tiers;

use model::clock::ManualClock;
use model::{Batch, Datapoint, Observation, SeriesKey, TimeRange, Timestamp};
use query::metrics::{MetricQuery, buckets};
use query::statistics::Statistic;
use std::sync::Arc;
use store::{Options, Store};

fn series(unit: &str, host: &str) -> Arc<SeriesKey> {
    Arc::new(SeriesKey {
        account: "123456789012".into(),
        region: "us-east-1".into(),
        namespace: "App".into(),
        name: "Latency".into(),
        dimensions: vec![("host".into(), host.into())],
        unit: unit.into(),
    })
}

fn datum(series: &Arc<SeriesKey>, secs: i64, observation: Observation) -> Datapoint {
    Datapoint { series: series.clone(), timestamp: Timestamp::from_secs(secs), resolution_secs: 60, observation }
}

fn query(unit: Option<&str>) -> MetricQuery {
    MetricQuery {
        account: "123456789012".into(),
        region: "us-east-1".into(),
        namespace: "App".into(),
        name: "Latency".into(),
        dimensions: vec![("host".into(), "a".into())],
        unit: unit.map(str::to_owned),
        period_ms: 300_000,
        range: TimeRange::new(Timestamp::from_secs(1_800_000_000), Timestamp::from_secs(1_800_000_600)),
        raw: true,
    }
}

#[tokio::test]
async fn buckets_hold_what_was_put() {
    let dir = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_700)));
    let options = Options { dir: dir.path().to_owned(), ..Options::default() };
    let store = Store::open(options, clock).await.expect("open");
    let (millis, bytes, other) = (series("Milliseconds", "a"), series("Bytes", "a"), series("Milliseconds", "b"));
    let datapoints = vec![
        datum(&millis, 1_800_000_010, Observation::Values(vec![(1.0, 2.0), (5.0, 2.0)].into())),
        datum(&millis, 1_800_000_299, Observation::value(9.0)),
        datum(&millis, 1_800_000_300, Observation::Set { count: 3.0, sum: 6.0, min: 1.0, max: 3.0 }),
        datum(&millis, 1_800_000_600, Observation::value(100.0)),
        datum(&millis, 1_799_999_999, Observation::value(100.0)),
        datum(&bytes, 1_800_000_301, Observation::value(7.0)),
        datum(&other, 1_800_000_010, Observation::value(100.0)),
    ];
    store.append(Batch { datapoints, ..Batch::default() }).await.expect("append");

    let all = buckets(&store, &query(None)).await.expect("buckets");
    let starts: Vec<_> = all.iter().map(|bucket| (bucket.start.secs(), bucket.unit.as_str())).collect();
    assert_eq!(starts, [(1_800_000_000, "Milliseconds"), (1_800_000_300, "Bytes"), (1_800_000_300, "Milliseconds")]);
    let one = buckets(&store, &query(Some("Milliseconds"))).await.expect("buckets");
    let evaluate = |at: usize, statistic: &str| one[at].evaluate(&Statistic::parse(statistic).expect("a statistic"));
    assert_eq!(evaluate(0, "Average"), Some(21.0 / 5.0));
    assert_eq!(evaluate(0, "p50"), Some(5.0));
    assert_eq!(evaluate(1, "Sum"), Some(6.0));
    assert_eq!(evaluate(1, "p50"), None);
    let none = MetricQuery { name: "Unknown".into(), ..query(None) };
    assert!(buckets(&store, &none).await.expect("buckets").is_empty());
}
