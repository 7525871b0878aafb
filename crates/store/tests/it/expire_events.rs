//! Audit events expire by whole segments and by rewriting; what is held, younger, unread or damaged stays, and the tree goes on.

use crate::fixture::*;
use model::{Batch, Event, TimeRange, Timestamp};
use std::path::Path;
use std::sync::Arc;
use store::{Direction, Error, EventExpiry, HeldEvents, LeftEvents, Options, Store};

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

#[tokio::test]
async fn what_waits_for_readers_alone_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    append(&store, 0).await;
    append(&store, 10).await;
    let expiry = EventExpiry { below: 18, ..before(100) };
    assert_eq!(expire(&store, &expiry).await, 2);
    assert_eq!(times(&store).await, [17, 18, 19]);
    assert_eq!(store.left_events(), LeftEvents { unread: Some(20), damaged: vec![] });
    // What is held waits for nobody.
    let held = vec![HeldEvents { account: None, range: TimeRange::ALL }];
    assert_eq!(expire(&store, &EventExpiry { held, ..expiry }).await, 0);
    assert_eq!(store.left_events(), LeftEvents::default());
    assert_eq!(expire(&store, &before(100)).await, 1);
    assert_eq!((times(&store).await, store.left_events()), (vec![], LeftEvents::default()));
}

#[tokio::test]
async fn a_step_reads_for_a_moment_only() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for first in [0, 1000, 2000] {
        let events = (first..first + 640).map(|time| event(&format!("e{time}"), time)).collect();
        store.append(Batch { events, ..Batch::default() }).await.unwrap();
        store.flush().await.unwrap();
    }
    // Of each segment forty row groups are to be read, for the account keeps its events longer.
    let kept = EventExpiry { accounts: [("123456789012".to_owned(), Timestamp(0))].into(), ..before(10_000) };
    assert_eq!(expire(&store, &kept).await, 1, "the third segment is for another step");
    assert_eq!(expire(&store, &kept).await, 0, "what was looked at is remembered");
    assert_eq!(times(&store).await.len(), 3 * 640);
    assert_eq!(expire(&store, &before(10_000)).await, 1, "nothing has to be read");
    assert_eq!(times(&store).await, [0_i64; 0]);
}

#[tokio::test]
async fn whole_segments_go_when_there_is_room_for_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, objects) = (Arc::new(FaultyDisk::default()), FaultyObjects::new());
    let options =
        Options { disk: Arc::clone(&disk) as _, objects: Some(Arc::clone(&objects) as _), ..options(dir.path()) };
    let store = Store::open(options, clock()).await.unwrap();
    for first in [0, 10, 20] {
        append(&store, first).await;
    }
    disk.set_full(true);
    let refused = store.append(Batch { events: vec![event("late", 99)], ..Batch::default() }).await;
    assert!(matches!(refused, Err(Error::Full { .. })));
    // A manifest still finds its place, a rewritten segment does not.
    objects.fail_puts(1, false);
    assert!(store.expire_events(&before(15)).await.unwrap());
    assert_eq!(times(&store).await, (10..30).collect::<Vec<_>>());
    store.expire_events(&before(15)).await.expect_err("there is no room");
    assert_eq!(times(&store).await, (10..30).collect::<Vec<_>>());
    objects.heal();
    assert_eq!(expire(&store, &before(15)).await, 1);
    assert_eq!(times(&store).await, (15..30).collect::<Vec<_>>());
    disk.set_full(false);
    append(&store, 30).await;
    assert_eq!(times(&store).await, (15..40).collect::<Vec<_>>());
}

/// Flips a byte here and there in the segment that is to be rewritten, and loses another that is to go.
#[tokio::test]
async fn what_is_damaged_stays_is_named_and_keeps_nothing_else() {
    let whole = tempfile::tempdir().unwrap();
    let store = open(whole.path()).await;
    for first in [0, 10, 20, 30] {
        append(&store, first).await;
    }
    store.close().await.unwrap();
    let object = |id: u64| format!("objects/segments/events/{id:020}.parquet");
    let good = std::fs::read(whole.path().join(object(3))).unwrap();
    let mut found = 0;
    for at in (0..good.len()).step_by(211) {
        let dir = tempfile::tempdir().unwrap();
        copy(whole.path(), dir.path());
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        std::fs::write(dir.path().join(object(3)), bad).unwrap();
        std::fs::remove_file(dir.path().join(object(1))).unwrap();
        let store = open(dir.path()).await;
        expire(&store, &before(25)).await;
        assert_eq!(store.health().segments, 3, "byte {at}: the lost one, the one to rewrite, and the last");
        let damaged = store.left_events().damaged;
        assert!(damaged[0].starts_with("segments/events/00000000000000000001.parquet: "), "{damaged:?}");
        if let Some(named) = damaged.get(1) {
            assert!(named.starts_with("segments/events/00000000000000000003.parquet: "), "byte {at}: {named}");
            found += 1;
        }
        assert_eq!(expire(&store, &before(25)).await, 0, "byte {at}: it is not tried each time");
    }
    assert!(found > 1, "{found} damages were found");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
