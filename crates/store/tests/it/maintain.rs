//! Retention, deletion, merging and reset, and what a reopened store says of them.

use crate::fixture::*;
use model::{Batch, GroupId, Observation, StreamId, TimeRange, Timestamp};
use std::collections::{HashMap, HashSet};
use store::{Direction, Retention, Store};

async fn count(store: &Store, group: u64) -> usize {
    lines(store, log_scan(group, Direction::Forward), usize::MAX).await.len()
}

#[tokio::test]
async fn expired_logs_are_gone_for_good_and_their_bytes_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for (group, age) in [(1, 5_000), (1, 500), (2, 5_000)] {
        let batch = (0..40).map(|n| log(group, group, NOW.0 - age + n, "message")).collect();
        store.append(logs(batch)).await.unwrap();
        store.flush().await.unwrap();
    }
    store.append(logs(vec![log(1, 1, NOW.0 - 4_000, "in memory")])).await.unwrap();
    let policy = Retention { logs: HashMap::from([(GroupId(1), 1_000)]), ..Retention::default() };
    store.maintain(&policy).await.unwrap();
    assert_eq!((count(&store, 1).await, count(&store, 2).await), (40, 40));
    assert_eq!(store.health().segments, 2);
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!((count(&store, 1).await, count(&store, 2).await), (40, 40));
    // A longer retention does not bring them back.
    let longer = Retention { logs: HashMap::from([(GroupId(1), 1_000_000)]), ..Retention::default() };
    store.maintain(&longer).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(count(&store, 1).await, 40);
}

#[tokio::test]
async fn a_partly_expired_segment_is_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let batch = (0..100).map(|n| log(1, 1, NOW.0 - n * 10, &format!("message {n}"))).collect();
    store.append(logs(batch)).await.unwrap();
    let datapoints =
        (0..100).map(|n| point(&series("cpu", n % 3), NOW.0 - n as i64 * 10, Observation::value(n as f64)));
    store.append(Batch { datapoints: datapoints.collect(), ..Batch::default() }).await.unwrap();
    store.flush().await.unwrap();
    let rows_before = store.group_bytes(GroupId(1));
    let policy = Retention { logs: HashMap::from([(GroupId(1), 500)]), metrics_ms: Some(500), ..Retention::default() };
    store.maintain(&policy).await.unwrap();
    assert_eq!(count(&store, 1).await, 51);
    assert_eq!(points_of_all(&store).await, 51);
    assert!(store.group_bytes(GroupId(1)) < rows_before);
    assert_eq!(store.stream_stats(GroupId(1))[&StreamId(1)].events, 51);
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(count(&store, 1).await, 51);
    assert_eq!(points_of_all(&store).await, 51);
    assert_eq!(store.stream_stats(GroupId(1))[&StreamId(1)].first_timestamp, Timestamp(NOW.0 - 500));
}

async fn points_of_all(store: &Store) -> usize {
    points(store, TimeRange::ALL).await.iter().map(|(_, points)| points.len()).sum()
}

async fn events_and_points(store: &Store) -> (usize, usize) {
    (events(store, event_scan(Direction::Forward), usize::MAX).await.len(), points_of_all(store).await)
}

#[tokio::test]
async fn deleted_groups_and_streams_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for part in 0..2 {
        let batch = (0..60).map(|n| log(1 + n as u64 % 3, n as u64 % 6, n, "message")).collect();
        store.append(logs(batch)).await.unwrap();
        if part == 0 {
            store.flush().await.unwrap();
        }
    }
    let policy = Retention {
        deleted_groups: HashSet::from([GroupId(1)]),
        deleted_streams: HashSet::from([StreamId(4)]),
        ..Retention::default()
    };
    store.maintain(&policy).await.unwrap();
    for reopened in [false, true] {
        let store = if reopened { open(dir.path()).await } else { store.clone() };
        assert_eq!((count(&store, 1).await, count(&store, 2).await, count(&store, 3).await), (0, 20, 40));
        assert_eq!((store.group_bytes(GroupId(1)), store.stream_stats(GroupId(2)).len()), (0, 1));
        if !reopened {
            store.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn many_small_segments_become_one_and_their_objects_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for n in 0..9i64 {
        let batch = Batch {
            logs: (0..30).map(|i| log(1 + i as u64 % 2, i as u64 % 4, i * 10 + n, &format!("{n} {i}"))).collect(),
            datapoints: (0..30)
                .map(|i| point(&series("cpu", i % 4), i as i64 * 10 + n, Observation::value(n as f64)))
                .collect(),
            events: (0..30).map(|i| event(&format!("{n}-{i}"), i * 10 + n)).collect(),
        };
        store.append(batch).await.unwrap();
        store.flush().await.unwrap();
    }
    assert_eq!(store.health().segments, 27);
    let whole = (
        lines(&store, log_scan(1, Direction::Forward), usize::MAX).await,
        events(&store, event_scan(Direction::Forward), usize::MAX).await,
        points(&store, TimeRange::ALL).await,
        store.stream_stats(GroupId(1)),
    );
    store.maintain(&Retention::default()).await.unwrap();
    assert_eq!(store.health().segments, 6);
    store.maintain(&Retention::default()).await.unwrap();
    let objects = std::fs::read_dir(dir.path().join("objects/segments/logs")).unwrap().count();
    assert_eq!(objects, 8, "two segments, their indexes, filters and fields are left");
    for reopened in [false, true] {
        let store = if reopened { open(dir.path()).await } else { store.clone() };
        let now = (
            lines(&store, log_scan(1, Direction::Forward), usize::MAX).await,
            events(&store, event_scan(Direction::Forward), usize::MAX).await,
            points(&store, TimeRange::ALL).await,
            store.stream_stats(GroupId(1)),
        );
        assert!(now == whole, "reopened: {reopened}");
        if !reopened {
            store.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_reset_empties_everything_and_sequences_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let batch = || Batch {
        logs: vec![log(1, 1, 1, "message")],
        datapoints: vec![point(&series("cpu", 1), 1, Observation::value(1.0))],
        events: vec![event("id", 1)],
    };
    store.append(batch()).await.unwrap();
    store.flush().await.unwrap();
    store.append(batch()).await.unwrap();
    store.reset().await.unwrap();
    assert_eq!((count(&store, 1).await, events_and_points(&store).await), (0, (0, 0)));
    assert!(store.list_series(&all_series()).is_empty());
    let appended = store.append(batch()).await.unwrap();
    assert_eq!((appended.first_log_sequence, appended.first_event_sequence), (3, 3));
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!((count(&store, 1).await, events_and_points(&store).await), (1, (1, 1)));
    store.reset().await.unwrap();
    drop(store);
    let store = open(dir.path()).await;
    let appended = store.append(batch()).await.unwrap();
    assert_eq!((appended.first_log_sequence, appended.first_event_sequence), (4, 4));
}

#[tokio::test]
async fn an_old_memtable_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let clock = clock();
    let store = Store::open(options(dir.path()), std::sync::Arc::clone(&clock) as _).await.unwrap();
    store.append(logs(vec![log(1, 1, 1, "message")])).await.unwrap();
    store.maintain(&Retention::default()).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(store.health().segments, 1);
    store.append(logs(vec![log(1, 1, 1, "message")])).await.unwrap();
    clock.advance(10 * 60 * 1000);
    store.append(logs(vec![log(1, 1, 2, "message")])).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!((store.health().segments, count(&store, 1).await), (2, 3));
}
