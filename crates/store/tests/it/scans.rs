//! Paging, filters, skipping, early stops, and scans that run while appends and flushes do.

use crate::fixture::*;
use model::{Batch, GroupId, Observation, StreamId, TimeRange, Timestamp};
use std::ops::ControlFlow;
use std::sync::Arc;
use store::{Direction, EventFilter, EventScan, LogScan, Options, SeriesFilter, Store};

#[tokio::test]
async fn pages_of_any_size_join_to_the_whole_in_both_directions() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for part in 0..3 {
        // Times repeat within and between parts, so that only the sequence tells events apart.
        let batch = (0..50).map(|n| log(1, n as u64 % 3, (n * 17 + part) % 20, &format!("{part}-{n}"))).collect();
        store.append(logs(batch)).await.unwrap();
        if part < 2 {
            store.flush().await.unwrap();
        }
    }
    let whole = lines(&store, log_scan(1, Direction::Forward), usize::MAX).await;
    assert_eq!(whole.len(), 150);
    for direction in [Direction::Forward, Direction::Backward] {
        for page_rows in [1, 7, 64] {
            let mut joined = Vec::new();
            loop {
                let resume = joined.last().map(after);
                let scan = LogScan { after: resume, ..log_scan(1, direction) };
                let page = lines(&store, scan, page_rows).await;
                if page.is_empty() {
                    break;
                }
                joined.extend(page);
            }
            if direction == Direction::Backward {
                joined.reverse();
            }
            assert_eq!(joined, whole, "{direction:?} by {page_rows}");
        }
    }
}

#[tokio::test]
async fn segments_without_the_group_stream_or_time_are_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for n in 0..5u64 {
        let batch = (0..40).map(|i| log(1 + n % 2, n, n as i64 * 1000 + i, "message")).collect();
        store.append(logs(batch)).await.unwrap();
        store.flush().await.unwrap();
    }
    let count = |scan: LogScan| {
        let store = store.clone();
        async move { store.scan_logs(scan, &mut |_| ControlFlow::Continue(())).await.unwrap() }
    };
    let stats = count(log_scan(1, Direction::Forward)).await;
    assert_eq!((stats.segments_read, stats.segments_skipped, stats.rows_scanned), (3, 2, 120));
    let stream = LogScan { streams: Some(vec![StreamId(2)]), ..log_scan(1, Direction::Forward) };
    let stats = count(stream).await;
    assert_eq!((stats.segments_read, stats.rows_scanned, stats.bytes_scanned), (1, 40, 280));
    let range = TimeRange::new(Timestamp(4_010), Timestamp(4_020));
    let stats = count(LogScan { range, ..log_scan(1, Direction::Backward) }).await;
    assert_eq!((stats.segments_read, stats.rows_scanned), (1, 10));
    let nothing = TimeRange::new(Timestamp(9), Timestamp(3));
    assert_eq!(count(LogScan { range: nothing, ..log_scan(1, Direction::Forward) }).await.rows_scanned, 0);
}

#[tokio::test]
async fn each_event_filter_finds_what_a_plain_filter_finds() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for part in 0..3 {
        let batch = (0..50).map(|n| event(&format!("id-{part}-{n}"), n * 3 + part)).collect();
        store.append(Batch { events: batch, ..Batch::default() }).await.unwrap();
        if part < 2 {
            store.flush().await.unwrap();
        }
    }
    let all = events(&store, event_scan(Direction::Backward), usize::MAX).await;
    assert_eq!(all.len(), 150);
    let filters = [
        EventFilter::EventId("id-1-7".into()),
        EventFilter::EventIds(Arc::new(["id-1-7", "id-0-3", "id-2-49", "nobody"].map(str::to_owned).into())),
        EventFilter::EventName("Call1".into()),
        EventFilter::ReadOnly(true),
        EventFilter::ReadOnly(false),
        EventFilter::Username("user3".into()),
        EventFilter::ResourceType("AWS::S3::Bucket".into()),
        EventFilter::ResourceName("bucket1".into()),
        EventFilter::EventSource("s3.amazonaws.com".into()),
        EventFilter::EventSource("ec2.amazonaws.com".into()),
        EventFilter::AccessKeyId("AKIA5".into()),
        EventFilter::AccessKeyId("AKIA99".into()),
    ];
    for filter in filters {
        let expected: Vec<_> = all.iter().filter(|row| filter.matches(&row.event)).cloned().collect();
        let scan = EventScan { filter: Some(filter.clone()), ..event_scan(Direction::Backward) };
        assert_eq!(events(&store, scan.clone(), usize::MAX).await, expected, "{filter:?}");
        if let Some(first) = expected.first() {
            let rest = EventScan { after: Some((first.event.time, first.sequence)), ..scan };
            assert_eq!(events(&store, rest, usize::MAX).await, expected[1..], "{filter:?} after the first");
        }
    }
    let elsewhere = EventScan { region: Some("eu-west-1".into()), ..event_scan(Direction::Forward) };
    assert!(events(&store, elsewhere, usize::MAX).await.is_empty());
    let here = EventScan { account: Some("123456789012".into()), ..event_scan(Direction::Forward) };
    assert_eq!(events(&store, here, 10).await.len(), 10);
}

#[tokio::test]
async fn series_are_listed_found_and_read_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let clock = clock();
    let store = Store::open(options(dir.path()), Arc::clone(&clock) as _).await.unwrap();
    let write = async |store: &Store, instance: u64, time: i64| {
        let datapoints = vec![point(&series("cpu", instance), time, Observation::value(time as f64))];
        store.append(Batch { datapoints, ..Batch::default() }).await.unwrap();
    };
    for time in 0..40 {
        write(&store, 1, time).await;
        write(&store, 2, time).await;
    }
    store.flush().await.unwrap();
    clock.advance(10_000);
    write(&store, 2, 100).await;
    write(&store, 3, 100).await;
    drop(store);
    let store = Store::open(options(dir.path()), Arc::clone(&clock) as _).await.unwrap();
    assert_eq!(store.list_series(&all_series()).len(), 3);
    let active = SeriesFilter { active_since: Some(NOW + 1), ..all_series() };
    assert_eq!(store.list_series(&active), [series("cpu", 2), series("cpu", 3)]);
    let dimensions = series("cpu", 2).dimensions.clone();
    let found = store.find_series("123456789012", "us-east-1", "App", "cpu", &dimensions, None);
    assert_eq!(found, [series("cpu", 2)]);
    let asked = [series("cpu", 2), series("none", 1), series("cpu", 1), series("cpu", 2)];
    let range = TimeRange::new(Timestamp(10), Timestamp(101));
    let points = store.scan_series(&asked, range).await.unwrap();
    assert_eq!(points.iter().map(Vec::len).collect::<Vec<_>>(), [31, 0, 30, 31]);
    assert_eq!(points[0], points[3]);
    assert_eq!(points[0][0].timestamp, Timestamp(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn scans_beside_appends_and_flushes_see_each_acknowledged_record_once() {
    let dir = tempfile::tempdir().unwrap();
    let small = Options { memtable_bytes_max: 8 * 1024, ..options(dir.path()) };
    let store = Store::open(small, clock()).await.unwrap();
    let mut writers = Vec::new();
    for writer in 0..4u64 {
        let store = store.clone();
        writers.push(tokio::spawn(async move {
            let mut acknowledged = 0;
            while acknowledged < 60 {
                let batch =
                    (0..3).map(|n| log(1, writer, acknowledged, &format!("{writer}/{acknowledged}/{n}"))).collect();
                match store.append(logs(batch)).await {
                    Ok(_) => acknowledged += 1,
                    Err(store::Error::Throttled { .. }) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        }));
    }
    let flusher = tokio::spawn({
        let store = store.clone();
        async move {
            for _ in 0..10 {
                store.flush().await.unwrap();
            }
            store.maintain(&store::Retention::default()).await.unwrap();
        }
    });
    let mut seen_before = 0;
    while writers.iter().any(|writer| !writer.is_finished()) {
        let seen = lines(&store, log_scan(1, Direction::Forward), usize::MAX).await;
        let mut sequences: Vec<u64> = seen.iter().map(|line| line.sequence).collect();
        sequences.sort_unstable();
        let expected: Vec<u64> = (1..=seen.len() as u64).collect();
        assert_eq!(sequences, expected, "every sequence once, without gaps");
        assert_eq!(seen.len() % 3, 0, "a batch is seen whole");
        assert!(seen.len() >= seen_before, "what was seen stays");
        seen_before = seen.len();
    }
    for writer in writers {
        writer.await.unwrap();
    }
    flusher.await.unwrap();
    assert_eq!(lines(&store, log_scan(1, Direction::Forward), usize::MAX).await.len(), 4 * 60 * 3);
    assert_eq!(store.stream_stats(GroupId(1)).len(), 4);
}

#[tokio::test]
async fn large_messages_come_back_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let text = "ü".repeat(500_000);
    for n in 0..20 {
        store.append(logs(vec![log(1, 1, n, &text)])).await.unwrap();
    }
    store.flush().await.unwrap();
    let seen = lines(&store, log_scan(1, Direction::Backward), usize::MAX).await;
    assert!(seen.len() == 20 && seen.iter().all(|line| line.message == text));
}
