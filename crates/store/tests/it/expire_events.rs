//! Audit events expire by whole segments and by rewriting; what is held, younger or unread stays, and the tree goes on.

use crate::fixture::*;
use model::{Batch, Event, TimeRange, Timestamp};
use std::path::Path;
use store::{Direction, EventExpiry, HeldEvents, Store};

/// Events of ten times, from `first` on, of two accounts.
async fn append(store: &Store, first: i64) {
    let of = |n: i64| match n % 2 {
        0 => event(&format!("e{}", first + n), first + n),
        _ => Event { account: "999999999999".into(), ..event(&format!("e{}", first + n), first + n) },
    };
    store.append(Batch { events: (0..10).map(of).collect(), ..Batch::default() }).await.unwrap();
    store.flush().await.unwrap();
}

async fn expire(store: &Store, expiry: &EventExpiry) -> usize {
    let mut steps = 0;
    while store.expire_events(expiry).await.unwrap() {
        steps += 1;
    }
    steps
}

async fn times(store: &Store) -> Vec<i64> {
    let rows = events(store, event_scan(Direction::Forward), usize::MAX).await;
    rows.into_iter().map(|row| row.event.time.0).collect()
}

fn before(time: i64) -> EventExpiry {
    EventExpiry { below: u64::MAX, before: Timestamp(time), ..EventExpiry::default() }
}

fn segments(dir: &Path) -> usize {
    let files = std::fs::read_dir(dir.join("objects/segments/events")).unwrap();
    files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "parquet")).count()
}

#[tokio::test]
async fn whole_segments_go_at_once_and_others_are_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for first in [0, 10, 20, 30] {
        append(&store, first).await;
    }
    let tree = store.event_tree();
    assert_eq!(expire(&store, &before(0)).await, 0, "nothing is old");
    assert_eq!(expire(&store, &before(25)).await, 2, "two segments in one step, and one is rewritten");
    assert_eq!(times(&store).await, (25..40).collect::<Vec<_>>());
    assert_eq!(expire(&store, &before(25)).await, 0, "there is nothing left to go");
    assert_eq!(segments(dir.path()), 2);
    drop(store);
    // Neither a check nor a start misses what is gone.
    let checked = store::check(dir.path()).await.unwrap();
    assert_eq!((checked.problems, checked.leftovers, checked.rows), (vec![], vec![], 15));
    let store = open(dir.path()).await;
    assert_eq!((times(&store).await, store.event_tree()), ((25..40).collect(), tree));
    assert_eq!(store.verify_event_tree().await.unwrap().from, 40);
    append(&store, 40).await;
    let verified = store.verify_event_tree().await.unwrap();
    assert_eq!((verified.from, verified.tree.size), (40, 50));
    assert_eq!(expire(&store, &before(100)).await, 1);
    assert_eq!((times(&store).await, store.event_sequence()), (Vec::new(), 51), "sequences go on");
    drop(store);
    assert_eq!(store::check(dir.path()).await.unwrap().problems, []);
}

#[tokio::test]
async fn what_is_held_kept_longer_or_unread_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    append(&store, 0).await;
    append(&store, 10).await;
    let held = |account: Option<&str>, start, end| HeldEvents {
        account: account.map(str::to_owned),
        range: TimeRange::new(Timestamp(start), Timestamp(end)),
    };
    let expiry = EventExpiry {
        accounts: [("999999999999".to_owned(), Timestamp(4))].into(),
        held: vec![held(None, 2, 4), held(Some("123456789012"), 12, 13)],
        // The last three events of all.
        below: 18,
        ..before(100)
    };
    assert_eq!(expire(&store, &expiry).await, 2);
    // Of odd times are those of the account that keeps its events longer.
    assert_eq!(times(&store).await, [2, 3, 5, 7, 9, 11, 12, 13, 15, 17, 18, 19]);
    assert_eq!(expire(&store, &expiry).await, 0);
    // One after the other lets go.
    let expiry = EventExpiry { below: u64::MAX, ..expiry };
    assert_eq!(expire(&store, &expiry).await, 1);
    assert_eq!(times(&store).await, [2, 3, 5, 7, 9, 11, 12, 13, 15, 17, 19]);
    let expiry = EventExpiry { accounts: Default::default(), ..expiry };
    expire(&store, &expiry).await;
    assert_eq!(times(&store).await, [2, 3, 12]);
    assert_eq!(expire(&store, &before(100)).await, 1);
    assert_eq!(times(&store).await, [0_i64; 0]);
}

#[tokio::test]
async fn what_is_in_memory_goes_when_it_is_in_a_segment() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store.append(Batch { events: vec![event("a", 1)], ..Batch::default() }).await.unwrap();
    assert_eq!(expire(&store, &before(100)).await, 0);
    assert_eq!(times(&store).await, [1]);
    store.flush().await.unwrap();
    assert_eq!(expire(&store, &before(100)).await, 1);
    assert_eq!(times(&store).await, [0_i64; 0]);
}

#[tokio::test]
async fn a_scan_that_began_before_still_reads_what_goes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    append(&store, 0).await;
    append(&store, 10).await;
    let (view, filter) = (store.view(), store::TableFilter::default());
    let parts = view.parts(store::Table::Events, &filter).parts;
    assert_eq!(expire(&store, &before(15)).await, 2);
    let mut reader = store::PartReader::new(store::Table::Events, filter.into(), vec!["time"], None);
    let mut rows = 0;
    for part in parts {
        let mut open = reader.open(part);
        while let Some(batch) = reader.next(&mut open, TimeRange::ALL).await.unwrap() {
            rows += batch.num_rows();
        }
    }
    assert_eq!(rows, 20);
    drop(view);
    // Then the files of what is gone go, too.
    store.maintain(&store::Retention::default()).await.unwrap();
    assert_eq!(segments(dir.path()), 1);
}
