//! Metric chunks: large scans by several threads, newest points, damage, and the export as plain rows.

use crate::fixture::*;
use arrow_array::Array;
use model::{Batch, Classify, ErrorKind, Observation, SeriesKey, TimeRange, Timestamp};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::sync::Arc;
use store::{Gather, Options, Part, Retention, Store, Totals};

/// Totals of each series; `whole` says whether totals of chunks will do.
#[derive(Clone)]
struct Sums {
    whole: bool,
    decoded: usize,
    sums: Vec<Totals>,
}

impl Gather for Sums {
    fn totals_suffice(&self, _: u16, _: Timestamp, _: Timestamp) -> bool {
        self.whole
    }

    fn add(&mut self, place: usize, _: u16, part: Part<'_>) {
        match part {
            Part::Totals(_, _, totals) => self.sums[place].merge(&totals),
            Part::Points(points) => {
                self.decoded += points.len();
                for (_, sample) in points.iter() {
                    let (count, sum, min, max) = sample.observation().stats();
                    self.sums[place].merge(&Totals { count, sum, min, max });
                }
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.decoded += other.decoded;
        self.sums.iter_mut().zip(&other.sums).for_each(|(sum, more)| sum.merge(more));
    }
}

async fn sums(store: &Store, series: &[Arc<SeriesKey>], range: TimeRange, whole: bool) -> Sums {
    let empty = Sums { whole, decoded: 0, sums: vec![Totals::NONE; series.len()] };
    store.gather_series(series, range, empty).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_scans_say_the_same_from_memory_segments_and_totals() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let all: Vec<_> = (0..300).map(|instance| series("cpu", instance)).collect();
    for part in 0..3i64 {
        let datapoints = all.iter().enumerate().flat_map(|(n, series)| {
            // Odd milliseconds are of high resolution in this fixture; the last part is older than the others.
            (0..4)
                .map(move |i| point(series, (2 - part) * 100_000 + i * 1001, Observation::value((n as i64 + i) as f64)))
        });
        store.append(Batch { datapoints: datapoints.collect(), ..Batch::default() }).await.unwrap();
        if part < 2 {
            store.flush().await.unwrap();
        }
    }
    let expected: Vec<_> = (0..300).map(|n| f64::from(12 * n + 18)).collect();
    for step in ["memory and segments", "segments", "merged"] {
        let points = sums(&store, &all, TimeRange::ALL, false).await;
        assert_eq!(points.sums.iter().map(|totals| totals.sum).collect::<Vec<_>>(), expected, "{step}");
        assert_eq!(points.decoded, 3600);
        let totals = sums(&store, &all, TimeRange::ALL, true).await;
        assert_eq!(totals.sums, points.sums, "{step}");
        if step != "memory and segments" {
            assert_eq!(totals.decoded, 0, "nothing is decoded where totals do");
        }
        let part = TimeRange::new(Timestamp(100_000), Timestamp(101_001));
        assert!(sums(&store, &all, part, true).await.sums.iter().all(|totals| totals.count == 1.0), "{step}");
        match step {
            "segments" => {
                for _ in 0..5 {
                    store
                        .append(Batch {
                            datapoints: vec![point(&series("mem", 1), 2, Observation::value(1.0))],
                            ..Batch::default()
                        })
                        .await
                        .unwrap();
                    store.flush().await.unwrap();
                }
                store.maintain(&Retention::default()).await.unwrap();
                assert_eq!(store.health().segments, 1);
            }
            _ => store.flush().await.unwrap(),
        }
    }
}

/// The segments are taken away: what is recent is still read, and what is not is an error.
#[tokio::test]
async fn recent_points_are_read_from_memory() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let cpu = series("cpu", 1);
    let append = |ago: i64, value: f64| {
        let datapoints = vec![point(&cpu, NOW.0 - ago, Observation::value(value))];
        store.append(Batch { datapoints, ..Batch::default() })
    };
    let folder = dir.path().join("objects/segments/metrics");
    let since = |ago: i64| TimeRange::new(NOW - ago, NOW + 1);
    let found = async |ago: i64| {
        let lists = store.scan_series(std::slice::from_ref(&cpu), since(ago)).await;
        lists.map(|lists| lists[0].iter().map(|point| point.observation.stats().1).collect::<Vec<f64>>())
    };
    append(7_200_000, 1.0).await.unwrap();
    append(120_000, 2.0).await.unwrap();
    store.flush().await.unwrap();
    append(60_000, 3.0).await.unwrap();
    store.flush().await.unwrap();
    // Late, and still in the memtable.
    append(90_000, 4.0).await.unwrap();
    assert_eq!(found(8_000_000).await.unwrap(), [1.0, 2.0, 4.0, 3.0]);
    let rename = |from: &str, to: &str| {
        let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
        let files = files.filter(|path| path.extension().is_some_and(|extension| extension == from));
        let renamed = files.map(|path| std::fs::rename(&path, path.with_extension(to)).unwrap()).count();
        assert_eq!(renamed, 2);
    };
    rename("parquet", "away");
    assert_eq!(found(130_000).await.unwrap(), [2.0, 4.0, 3.0]);
    assert!(found(8_000_000).await.is_err(), "two hours are too long for memory");
    rename("away", "parquet");
    assert_eq!(found(8_000_000).await.unwrap().len(), 4);
}

/// After a restart, and when there is no memory for it, the same points come from segments.
#[tokio::test]
async fn what_is_not_in_memory_any_more_is_read_from_segments() {
    let dir = tempfile::tempdir().unwrap();
    let options = |bytes| Options { recent_metric_bytes_max: bytes, ..options(dir.path()) };
    let cpu = series("cpu", 1);
    let range = TimeRange::new(NOW - 600_000, NOW + 1);
    let mut expected = Vec::new();
    for (start, bytes) in [0, 700, usize::MAX].into_iter().enumerate() {
        let store = Store::open(options(bytes), clock()).await.unwrap();
        for part in 0..4 {
            let value = (start * 4 + part) as f64;
            let datapoints =
                vec![point(&cpu, NOW.0 - 500_000 + expected.len() as i64 * 1000, Observation::value(value))];
            store.append(Batch { datapoints, ..Batch::default() }).await.unwrap();
            expected.push(value);
            if part < 3 {
                store.flush().await.unwrap();
            }
            let lists = store.scan_series(std::slice::from_ref(&cpu), range).await.unwrap();
            let found: Vec<f64> = lists[0].iter().map(|point| point.observation.stats().1).collect();
            assert_eq!(found, expected, "start {start}, part {part}");
        }
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn the_newest_point_is_known_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (series("cpu", 1), series("cpu", 2));
    let asked = [Arc::clone(&two), series("none", 1), Arc::clone(&one)];
    let expected = [Some((Timestamp(40), 2.5)), None, Some((Timestamp(30), 3.0))];
    let store = open(dir.path()).await;
    let datapoints = vec![
        point(&one, 30, Observation::value(3.0)),
        point(&one, 20, Observation::value(2.0)),
        point(&two, 40, Observation::Values(vec![(1.0, 1.0), (3.0, 3.0)].into())),
    ];
    store.append(Batch { datapoints, ..Batch::default() }).await.unwrap();
    assert_eq!(store.latest_points(&asked), expected);
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(store.latest_points(&asked), expected, "from the journal");
    store.close().await.unwrap();
    let store = open(dir.path()).await;
    assert_eq!(store.latest_points(&asked), expected, "from a segment");
    let policy = Retention { metrics_ms: Some(1000), ..Retention::default() };
    store.maintain(&policy).await.unwrap();
    assert_eq!(store.latest_points(&asked), [None; 3]);
}

/// Flips one bit in every 11th byte of the objects of a metric segment: each is found, or changes nothing.
#[tokio::test]
async fn no_flipped_bit_in_a_metric_segment_changes_an_answer() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let datapoints =
        (0..120).map(|n| point(&series("cpu", n % 3), n as i64 * 2000, Observation::value(n as f64 / 8.0)));
    store.append(Batch { datapoints: datapoints.collect(), ..Batch::default() }).await.unwrap();
    store.close().await.unwrap();
    let expected = points(&open(dir.path()).await, TimeRange::ALL).await;
    for path in
        std::fs::read_dir(dir.path().join("objects/segments/metrics")).unwrap().map(|entry| entry.unwrap().path())
    {
        let good = std::fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(11) {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            std::fs::write(&path, bad).unwrap();
            match Store::open(options(dir.path()), clock()).await {
                Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {at} of {}", path.display()),
                Ok(store) => {
                    let series = store.list_series(&all_series());
                    match store.scan_series(&series, TimeRange::ALL).await {
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {at} of {}", path.display()),
                        Ok(_) => assert!(points(&store, TimeRange::ALL).await == expected, "byte {at}"),
                    }
                }
            }
        }
        std::fs::write(&path, good).unwrap();
    }
}

#[tokio::test]
async fn an_export_has_a_row_for_each_point() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let observations = [
        Observation::value(0.5),
        Observation::Values(vec![(7.0, 3.0)].into()),
        Observation::Values(vec![(1.0, 2.0), (4.0, 1.0)].into()),
        Observation::Set { count: 3.0, sum: 6.0, min: 1.0, max: 4.0 },
    ];
    for (n, observation) in observations.into_iter().enumerate() {
        let datapoints = vec![point(&series("cpu", 1), n as i64 * 1000, observation)];
        store.append(Batch { datapoints, ..Batch::default() }).await.unwrap();
        if n == 1 {
            store.flush().await.unwrap();
        }
    }
    let path = dir.path().join("metrics.parquet");
    let file = std::fs::File::create_new(&path).unwrap();
    assert_eq!(store.export_metrics(TimeRange::ALL, file).await.unwrap(), 4);
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).unwrap()).unwrap().build().unwrap();
    let batches: Vec<_> = reader.map(|batch| batch.unwrap()).collect();
    let [batch] = batches.as_slice() else { panic!("one batch") };
    let text = |name: &str| format!("{:?}", batch.column_by_name(name).unwrap());
    assert_eq!(batch.num_rows(), 4);
    for (column, expected) in [
        ("value", ["0.5", "7.0", "null", "null"]),
        ("count", ["1.0", "3.0", "3.0", "3.0"]),
        ("sum", ["0.5", "21.0", "6.0", "6.0"]),
        ("max", ["0.5", "7.0", "4.0", "4.0"]),
    ] {
        let all = text(column);
        let rows: Vec<_> = all.lines().map(|line| line.trim().trim_end_matches(',')).collect();
        assert!(rows.windows(4).any(|rows| rows == expected), "{column}: {all}");
    }
    let dimensions = batch.column_by_name("dimensions").unwrap();
    let dimensions: &arrow_array::StringArray = dimensions.as_any().downcast_ref().unwrap();
    assert_eq!(dimensions.value(0), r#"{"Instance":"1"}"#);
}
