//! An import into a data directory writes the log of its events: in a new one, beside a server's, and after a stop.

use super::*;
use crate::proofs::FOLDER;
use crate::proofs::tests::{log, signed, store, wrong};
use model::clock::ManualClock;
use proof::merkle::{Hash, Tree, leaf_hash};
use proof::tile::Edge;
use std::ops::Range;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(NOW))
}

fn record(n: u64) -> String {
    format!("{{\"record\":{n}}}")
}

fn events(numbers: Range<u64>) -> Vec<Event> {
    let event = |n: u64| Event {
        event_id: format!("11111111-0000-4000-8000-{n:012}"),
        time: NOW,
        record: record(n),
        ..Event::default()
    };
    numbers.map(event).collect()
}

/// The tree over the first so many records.
fn tree(size: u64) -> Tree {
    let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(record(n).as_bytes())).collect();
    let mut edge = Edge::default();
    edge.extend(&leaves, &[], &mut |_, _| {});
    edge.tree()
}

/// As a kill does, nothing is written at the end.
async fn stop(local: Local) {
    local.trail.store.close().await.unwrap();
    local.trail.catalog.close().await;
}

#[tokio::test]
async fn an_import_begins_the_log_of_a_new_directory_and_the_server_goes_on_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut local = Local::open(dir.path(), clock()).await.unwrap();
    local.store(events(0..700)).await.unwrap();
    assert!(dir.path().join(FOLDER).join("tile/0/001").is_file(), "full tiles are there at once");
    local.close().await.unwrap();
    assert_eq!(signed(dir.path()), tree(700));
    assert_eq!(wrong(dir.path()), Vec::<String>::new());

    // What a server does at its start.
    let kept = store(dir.path()).await;
    assert_eq!(log(dir.path(), &kept).publish().await.unwrap().tree, tree(700));
    kept.close().await.unwrap();

    let mut local = Local::open(dir.path(), clock()).await.unwrap();
    local.store(events(600..1000)).await.unwrap();
    local.close().await.unwrap();
    assert_eq!(signed(dir.path()), tree(1000));
    assert_eq!(wrong(dir.path()), Vec::<String>::new());
}

#[tokio::test]
async fn an_import_that_is_stopped_leaves_one_log_and_no_leaf_is_lost() {
    for (batches, minutes) in [(0, false), (1, false), (1, true), (3, false), (3, true)] {
        let case = format!("{batches} batches, minutes between them: {minutes}");
        let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
        let mut local = Local::open(dir.path(), clock.clone()).await.unwrap();
        for batch in 0..batches {
            if minutes {
                clock.advance(MINUTE);
            }
            local.store(events(batch * 300..batch * 300 + 300)).await.unwrap();
        }
        stop(local).await;
        let is_signed = dir.path().join(FOLDER).join("checkpoint").exists();
        assert_eq!(is_signed, minutes, "{case}");
        if is_signed {
            assert_eq!(signed(dir.path()), tree(batches * 300), "{case}");
            assert_eq!(wrong(dir.path()), Vec::<String>::new(), "{case}");
        }
        let key = std::fs::read(dir.path().join("event-log-key")).unwrap();

        let mut local = Local::open(dir.path(), clock).await.unwrap();
        for batch in 0..5 {
            local.store(events(batch * 300..batch * 300 + 300)).await.unwrap();
        }
        local.close().await.unwrap();
        assert_eq!(signed(dir.path()), tree(1500), "{case}");
        assert_eq!(wrong(dir.path()), Vec::<String>::new(), "{case}");
        assert_eq!(std::fs::read(dir.path().join("event-log-key")).unwrap(), key, "{case}");
    }
}

#[tokio::test]
async fn an_import_that_is_stopped_before_the_log_has_a_key_begins_it_again() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(FOLDER)).unwrap();
    let mut local = Local::open(dir.path(), clock()).await.unwrap();
    local.store(events(0..10)).await.unwrap();
    local.close().await.unwrap();
    assert_eq!(signed(dir.path()), tree(10));
}

#[tokio::test]
async fn a_log_that_is_in_a_bucket_or_may_be_is_left_to_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let local = Local::open(dir.path(), clock()).await.unwrap();
    local.close().await.unwrap();
    // A server with a bucket was here, and there is a folder from before.
    let note = dir.path().join("proofs-are-in");
    std::fs::write(&note, "audit/log/\n").unwrap();
    let mut local = Local::open(dir.path(), clock()).await.unwrap();
    local.store(events(0..300)).await.unwrap();
    local.close().await.unwrap();
    assert_eq!(signed(dir.path()), tree(0), "as it was");
    // One that told nobody.
    std::fs::remove_file(note).unwrap();
    std::fs::remove_dir_all(dir.path().join(FOLDER)).unwrap();
    let mut local = Local::open(dir.path(), clock()).await.unwrap();
    local.store(events(300..600)).await.unwrap();
    local.close().await.unwrap();
    assert!(!dir.path().join(FOLDER).exists());
}

#[tokio::test]
async fn records_are_stored_where_the_log_would_fork_and_nothing_is_signed() {
    let dir = tempfile::tempdir().unwrap();
    let mut local = Local::open(dir.path(), clock()).await.unwrap();
    local.store(events(0..20)).await.unwrap();
    local.close().await.unwrap();
    // The directory is set back, as by a backup from before.
    std::fs::remove_dir_all(dir.path().join("store")).unwrap();
    let mut local = Local::open(dir.path(), clock()).await.unwrap();
    let imported = local.store(events(5..50)).await.unwrap();
    assert_eq!((imported.stored, local.proofs.is_none()), (45, true));
    assert_eq!(local.trail.store.event_tree().size, 45);
    local.close().await.unwrap();
    assert_eq!(signed(dir.path()), tree(20));
}
