//! Going back to an earlier manifest of an object store, whose segments were merged, rewritten and removed since.

use crate::check::contents;
use crate::fixture::*;
use futures::TryStreamExt;
use model::clock::ManualClock;
use model::time::{HOUR, MINUTE};
use model::{Batch, Clock, GroupId, Observation};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use store::{Durability, Error, Options, Retention, Store, go_back};

/// A store in `objects` that keeps what was replaced for so long.
async fn opened(dir: &Path, objects: &Arc<InMemory>, clock: &Arc<ManualClock>, keep_replaced_ms: Option<i64>) -> Store {
    let objects = Some(Arc::clone(objects) as Arc<dyn ObjectStore>);
    let options = Options { objects, durability: Durability::Object, keep_replaced_ms, ..options(dir) };
    Store::open(options, Arc::clone(clock) as Arc<dyn Clock>).await.unwrap()
}

/// Appends records of all kinds in a few segments each.
async fn fill(store: &Store, part: i64) {
    for flush in 0..4 {
        let time = part * 1000 + flush * 100;
        let batch = Batch {
            logs: (0..10)
                .map(|n| log(1 + n as u64 % 2, n as u64 % 3, time + n, &format!("message {time} {n}")))
                .collect(),
            datapoints: (0..10)
                .map(|n| point(&series("cpu", n as u64 % 3), time + n, Observation::value(1.0)))
                .collect(),
            events: (0..10).map(|n| event(&format!("{time}-{n}"), time + n)).collect(),
        };
        store.append(batch).await.unwrap();
        store.flush().await.unwrap();
    }
}

async fn segments(objects: &Arc<InMemory>) -> Vec<object_store::path::Path> {
    let folder = object_store::path::Path::from("segments");
    let mut paths: Vec<_> = objects.list(Some(&folder)).map_ok(|object| object.location).try_collect().await.unwrap();
    paths.sort_unstable();
    paths
}

fn group_2_is_deleted() -> Retention {
    Retention { deleted_groups: HashSet::from([GroupId(2)]), ..Retention::default() }
}

#[tokio::test]
async fn an_earlier_manifest_comes_back_until_its_segments_were_replaced_too_long_ago() {
    let (dir, objects, clock) = (tempfile::tempdir().unwrap(), Arc::new(InMemory::new()), clock());
    let dir_of = |name: &str| dir.path().join(name);
    let store = opened(&dir_of("node"), &objects, &clock, Some(HOUR)).await;
    fill(&store, 1).await;
    // In the journal alone.
    store.append(logs(vec![log(1, 1, 1_900, "late")])).await.unwrap();
    let (first, first_tree) = (contents(&store).await, store.event_tree());
    let first_manifest = store.flushed_manifest().await.unwrap();
    let first_segments = segments(&objects).await;
    clock.advance(10 * MINUTE);
    fill(&store, 2).await;
    store.maintain(&group_2_is_deleted()).await.unwrap();
    let (second, second_tree) = (contents(&store).await, store.event_tree());
    let second_manifest = store.flushed_manifest().await.unwrap();
    assert_ne!(first, second);
    let all = segments(&objects).await;
    assert!(first_segments.iter().all(|path| all.contains(path)), "what was replaced stays");
    store.close().await.unwrap();
    // Another open removes none of it, and knows how old it is.
    let store = opened(&dir_of("node-2"), &objects, &clock, Some(HOUR)).await;
    assert_eq!(contents(&store).await, second);
    for (number, (manifest, records, tree)) in
        [(&first_manifest, &first, first_tree), (&second_manifest, &second, second_tree)].into_iter().enumerate()
    {
        let back = dir_of(&format!("back-{number}"));
        go_back(manifest, Arc::clone(&objects) as _, &back).await.unwrap();
        let checked = store::check(&back).await.unwrap();
        assert!(checked.problems.is_empty(), "{:?}", checked.problems);
        let back = open(&back).await;
        assert_eq!(contents(&back).await, *records);
        assert_eq!(back.event_tree(), tree);
        back.verify_event_tree().await.unwrap();
        // It goes on.
        back.append(logs(vec![log(1, 1, 9_000, "later")])).await.unwrap();
        back.close().await.unwrap();
    }
    // The next change after an hour removes what was replaced before.
    clock.advance(HOUR);
    fill(&store, 3).await;
    let left = segments(&objects).await;
    assert!(first_segments.iter().any(|path| !left.contains(path)), "{left:?}");
    let gone = go_back(&first_manifest, Arc::clone(&objects) as _, &dir_of("gone")).await;
    assert!(matches!(&gone, Err(Error::ObjectStore { source: object_store::Error::NotFound { .. }, .. })), "{gone:?}");
    assert!(
        !second.0.is_empty()
            && lines(&store, log_scan(1, store::Direction::Forward), usize::MAX).await.len() > second.0.len()
    );
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_store_that_keeps_nothing_removes_what_was_replaced_and_what_was_kept_before() {
    let (dir, objects, clock) = (tempfile::tempdir().unwrap(), Arc::new(InMemory::new()), clock());
    for (part, keep, name) in [(1, Some(HOUR), "node"), (2, None, "node-2")] {
        let store = opened(&dir.path().join(name), &objects, &clock, keep).await;
        fill(&store, part).await;
        store.maintain(&group_2_is_deleted()).await.unwrap();
        store.close().await.unwrap();
    }
    let store = opened(&dir.path().join("node-3"), &objects, &clock, None).await;
    let manifest = store.flushed_manifest().await.unwrap();
    let text = String::from_utf8(manifest.clone()).unwrap();
    assert!(!text.contains("\"replaced\""), "{text}");
    // All that is there is listed.
    go_back(&manifest, Arc::clone(&objects) as _, &dir.path().join("back")).await.unwrap();
    let (mut copied, mut folders) = (0, vec![dir.path().join("back/objects/segments")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { copied += 1 }
        }
    }
    assert_eq!(segments(&objects).await.len(), copied);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_node_that_was_taken_over_gives_no_manifest() {
    let (dir, objects, clock) = (tempfile::tempdir().unwrap(), Arc::new(InMemory::new()), clock());
    let old = opened(&dir.path().join("node"), &objects, &clock, Some(HOUR)).await;
    fill(&old, 1).await;
    let new = opened(&dir.path().join("node-2"), &objects, &clock, Some(HOUR)).await;
    let error = old.flushed_manifest().await.unwrap_err();
    assert!(matches!(error, Error::TakenOver { .. } | Error::Poisoned { .. }), "{error}");
    new.flushed_manifest().await.unwrap();
    new.close().await.unwrap();
}
