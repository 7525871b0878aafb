//! Tests of metric buckets: rounding and cutting without a store.

use super::*;
use model::clock::ManualClock;
use model::time::{DAY, HOUR};
use model::{Batch, Datapoint, Observation};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn query(period_secs: i64, start: i64, end: i64) -> MetricQuery {
    MetricQuery {
        account: "123456789012".into(),
        region: "us-east-1".into(),
        namespace: "N".into(),
        name: "M".into(),
        dimensions: Vec::new(),
        unit: None,
        period_ms: check_period(period_secs).unwrap(),
        range: TimeRange::new(Timestamp::from_secs(start), Timestamp::from_secs(end)),
        raw: false,
    }
}

/// (second, resolution, value).
type Point = (i64, u8, f64);

fn point(secs: i64, resolution_secs: u8, value: f64) -> Point {
    (secs, resolution_secs, value)
}

/// (start in seconds, unit, sum) of each bucket, from a store whose clock stands an hour after 1970 began.
async fn sums(query: &MetricQuery, series: Vec<(&str, Vec<Point>)>) -> Vec<(i64, String, f64)> {
    let dir = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(3600)));
    let options = store::Options { dir: dir.path().to_owned(), ..store::Options::default() };
    let store = Store::open(options, clock).await.expect("open");
    let mut datapoints = Vec::new();
    for (unit, points) in series {
        let key = Arc::new(SeriesKey {
            account: query.account.clone(),
            region: query.region.clone(),
            namespace: query.namespace.clone(),
            name: query.name.clone(),
            dimensions: Vec::new(),
            unit: unit.into(),
        });
        datapoints.extend(points.into_iter().map(|(secs, resolution_secs, value)| Datapoint {
            series: Arc::clone(&key),
            timestamp: Timestamp::from_secs(secs),
            resolution_secs,
            observation: Observation::value(value),
        }));
    }
    store.append(Batch { datapoints, ..Batch::default() }).await.expect("append");
    let buckets = buckets(&store, query).await.expect("buckets");
    let sum = |bucket: &Bucket| bucket.evaluate(&Statistic::Sum).expect("never empty");
    buckets.iter().map(|bucket| (bucket.start.secs(), bucket.unit.clone(), sum(bucket))).collect()
}

#[test]
fn periods() {
    for legal in [1, 5, 10, 20, 30, 60, 120, 300, 3600, 86_400] {
        assert_eq!(check_period(legal), Ok(legal * 1000));
    }
    for illegal in [i64::MIN, -60, 0, 2, 15, 40, 61, 90, i64::MAX / 60 * 60, i64::MAX] {
        assert_eq!(check_period(illegal), Err(PeriodError { period_secs: illegal }));
    }
    assert_eq!(
        check_period(90).unwrap_err().to_string(),
        "The value 90 for parameter Period is not valid: it must be 1, 5, 10, 20, 30 or a multiple of 60."
    );
}

#[test]
fn start_is_rounded_by_its_age() {
    let rounded = |age_ms: i64, period_ms: i64| {
        let start = Timestamp(NOW.millis() - age_ms + 34_567);
        start - round_start(NOW, start, period_ms)
    };
    assert_eq!(rounded(HOUR, MINUTE), 34_567);
    assert_eq!(rounded(15 * DAY + 37 * MINUTE, MINUTE), 3 * MINUTE + 34_567);
    assert_eq!(rounded(64 * DAY + 37 * MINUTE, MINUTE), 23 * MINUTE + 34_567);
    assert_eq!(rounded(HOUR, 10 * SECOND), 4_567);
    assert_eq!(rounded(HOUR, SECOND), 567);
}

#[test]
fn ends_are_rounded_below_a_minute_only() {
    let range = TimeRange::new(NOW - 300_000 + 17_000, NOW + 17_400);
    assert_eq!(round_range(NOW, range, 5_000), TimeRange::new(NOW - 300_000 + 15_000, NOW + 15_000));
    assert_eq!(round_range(NOW, range, MINUTE), TimeRange::new(NOW - 300_000, NOW + 17_400));
    assert_eq!(round_range(NOW, TimeRange::ALL, MINUTE).end, Timestamp::MAX);
}

#[test]
fn datapoints_are_counted() {
    let count = |start, end| datapoint_count(TimeRange::new(Timestamp(start), Timestamp(end)), MINUTE);
    assert_eq!(count(0, 60_000), 1);
    assert_eq!(count(0, 60_001), 2);
    assert_eq!(count(5, 5), 0);
    assert_eq!(count(9, 5), 0);
    assert_eq!(datapoint_count(TimeRange::ALL, 1_000), i64::MAX / 1_000 + 1);
    assert_eq!(datapoint_count(TimeRange::ALL, 0), 0);
}

#[tokio::test]
async fn buckets_count_from_the_start_and_leave_out_the_end() {
    let points =
        vec![point(599, 60, 1.0), point(600, 60, 2.0), point(899, 60, 4.0), point(900, 60, 8.0), point(1260, 60, 16.0)];
    let expected = vec![(600, "None".into(), 6.0), (900, "None".into(), 8.0)];
    assert_eq!(sums(&query(300, 600, 1260), vec![("None", points)]).await, expected);
    let points = vec![point(720, 60, 1.0), point(1019, 60, 2.0), point(1020, 60, 4.0)];
    assert_eq!(
        sums(&query(300, 720, 1320), vec![("None", points)]).await,
        [(720, "None".into(), 3.0), (1020, "None".into(), 4.0)]
    );
}

#[tokio::test]
async fn units_are_kept_apart() {
    let series = vec![("Seconds", vec![point(60, 60, 1.0)]), ("Bytes", vec![point(61, 60, 2.0), point(120, 60, 4.0)])];
    let expected = [(60, "Bytes".into(), 2.0), (60, "Seconds".into(), 1.0), (120, "Bytes".into(), 4.0)];
    assert_eq!(sums(&query(60, 60, 180), series).await, expected);
}

#[tokio::test]
async fn high_resolution_is_seen_at_every_period() {
    let points = || vec![point(120, 1, 1.0), point(129, 1, 2.0), point(130, 1, 4.0), point(179, 1, 8.0)];
    assert_eq!(sums(&query(60, 120, 180), vec![("None", points())]).await, [(120, "None".into(), 15.0)]);
    let by_ten = [(120, "None".into(), 3.0), (130, "None".into(), 4.0), (170, "None".into(), 8.0)];
    assert_eq!(sums(&query(10, 120, 180), vec![("None", points())]).await, by_ten);
    assert_eq!(sums(&query(1, 129, 130), vec![("None", points())]).await, [(129, "None".into(), 2.0)]);
}

#[tokio::test]
async fn standard_resolution_belongs_to_its_minute() {
    let points = || vec![point(125, 60, 1.0), point(150, 60, 2.0)];
    assert_eq!(sums(&query(10, 120, 180), vec![("None", points())]).await, [(120, "None".into(), 3.0)]);
    // An end within the minute takes the whole minute, whose datapoint is at its beginning.
    assert_eq!(sums(&query(60, 120, 130), vec![("None", points())]).await, [(120, "None".into(), 3.0)]);
}
