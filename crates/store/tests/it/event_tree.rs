//! The hash tree over audit events says the same after crashes, and finds what no checksum can.

use crate::fixture::*;
use model::{Batch, Event};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;
use store::{EventExpiry, EventTree, Store};

fn hash(prefix: u8, parts: &[&[u8]]) -> [u8; 32] {
    let mut bytes = vec![prefix];
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    Sha256::digest(bytes).into()
}

/// The root as RFC 6962 defines it.
fn root(records: &[String]) -> [u8; 32] {
    match records {
        [] => Sha256::digest([]).into(),
        [record] => hash(0, &[record.as_bytes()]),
        _ => {
            let (left, right) = records.split_at(1 << (records.len() - 1).ilog2());
            hash(1, &[&root(left), &root(right)])
        }
    }
}

async fn append(store: &Store, records: &mut Vec<String>, events: Vec<Event>) {
    records.extend(events.iter().map(|event| event.record.clone()));
    store.append(Batch { events, ..Batch::default() }).await.unwrap();
}

/// All leaves, of which the store may give fewer at a time.
async fn leaves(store: &Store, size: u64) -> Option<Vec<[u8; 32]>> {
    let mut leaves = Vec::new();
    while (leaves.len() as u64) < size {
        leaves.extend(store.event_leaves(leaves.len() as u64, size).await.unwrap()?.hashes);
    }
    Some(leaves)
}

async fn check(store: &Store, records: &[String]) {
    let expected = EventTree { size: records.len() as u64, root: root(records) };
    assert_eq!(store.event_tree(), expected);
    let checked = store.verify_event_tree().await.unwrap();
    assert_eq!((checked.tree, checked.from), (expected, 0));
    // From memory, from segments after a start, and from both.
    let expected: Vec<[u8; 32]> = records.iter().map(|record| hash(0, &[record.as_bytes()])).collect();
    assert_eq!(leaves(store, expected.len() as u64).await, Some(expected));
}

#[tokio::test]
async fn the_tree_grows_with_every_event_and_survives_crashes() {
    let dir = tempfile::tempdir().unwrap();
    let mut records = Vec::new();
    for round in 0..6 {
        let store = open(dir.path()).await;
        check(&store, &records).await;
        // Newer ones first, so that the order of acceptance is not the order of time.
        append(&store, &mut records, (0..7).map(|n| event(&format!("a{round}-{n}"), 100 - round * 7 - n)).collect())
            .await;
        if round % 2 == 0 {
            store.flush().await.unwrap();
        }
        append(&store, &mut records, (0..round).map(|n| event(&format!("b{round}-{n}"), n)).collect()).await;
        check(&store, &records).await;
    }
}

#[tokio::test]
async fn after_an_expiry_the_check_begins_at_the_last_removal() {
    let dir = tempfile::tempdir().unwrap();
    let clock = clock();
    let store = Store::open(options(dir.path()), Arc::clone(&clock) as _).await.unwrap();
    let mut records = Vec::new();
    append(&store, &mut records, (0..20).map(|n| event(&format!("a{n}"), NOW.0 - 1_000 + n)).collect()).await;
    store.flush().await.unwrap();
    let expiry = EventExpiry { below: u64::MAX, before: NOW - 990, ..EventExpiry::default() };
    while store.expire_events(&expiry).await.unwrap() {}
    append(&store, &mut records, (0..5).map(|n| event(&format!("b{n}"), NOW.0 + n)).collect()).await;
    store.flush().await.unwrap();
    drop(store);
    let store = Store::open(options(dir.path()), clock as _).await.unwrap();
    let checked = store.verify_event_tree().await.unwrap();
    assert_eq!((checked.tree.size, checked.tree.root), (25, root(&records)));
    assert_eq!(checked.from, 20);
    assert_eq!(leaves(&store, 25).await, None, "what is gone is said to be");
    assert_eq!(store.event_leaves(20, 25).await.unwrap().map(|leaves| leaves.hashes.len()), Some(5));
    append(&store, &mut records, vec![event("too old", NOW.0 - 5_000)]).await;
    store.flush().await.unwrap();
    let checked = store.verify_event_tree().await.unwrap();
    assert_eq!(
        (checked.tree.root, checked.from),
        (root(&records), 20),
        "what comes too old is there until the next step"
    );
    while store.expire_events(&expiry).await.unwrap() {}
    let checked = store.verify_event_tree().await.unwrap();
    assert_eq!((checked.tree.root, checked.from), (root(&records), 26));
    assert_eq!(
        store.event_leaves(25, 26).await.unwrap().map(|leaves| leaves.hashes.len()),
        Some(1),
        "memory still has it"
    );
    store.reset().await.unwrap();
    let checked = store.verify_event_tree().await.unwrap();
    assert_eq!((checked.tree.root, checked.from), (root(&records), 26));
}

#[tokio::test]
async fn a_record_that_was_exchanged_is_found() {
    let segments = |dir: &Path| dir.join("objects/segments/events");
    let fill = async |dir: &Path, record: &str| {
        let store = open(dir).await;
        let events = vec![event("a", 1), Event { record: record.into(), ..event("b", 2) }];
        store.append(Batch { events, ..Batch::default() }).await.unwrap();
        store.flush().await.unwrap();
    };
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fill(dir.path(), "{\"amount\":1}").await;
    fill(other.path(), "{\"amount\":7}").await;
    for file in std::fs::read_dir(segments(other.path())).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), segments(dir.path()).join(file.file_name())).unwrap();
    }
    let store = open(dir.path()).await;
    let rows = events(&store, event_scan(store::Direction::Forward), 9).await;
    assert_eq!(rows[1].event.record, "{\"amount\":7}", "every checksum is right");
    let error = store.verify_event_tree().await.unwrap_err();
    assert!(error.to_string().contains("another root"), "{error}");
}
