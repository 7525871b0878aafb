//! A store that moves from a folder to an object store: all of it, also after an interruption, and nothing when something is wrong.

use crate::check::{contents, three_kinds};
use crate::fixture::*;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use std::path::Path;
use std::sync::Arc;
use store::{Durability, Error, Options, Store, migrate};

type Contents = (Vec<Line>, Vec<Line>, Vec<store::EventRow>, usize);

/// Records of all kinds in segments, and none in the journal.
async fn closed(dir: &Path) -> Contents {
    let store = three_kinds(dir).await;
    let contents = contents(&store).await;
    store.close().await.unwrap();
    contents
}

async fn opened(dir: &Path, objects: &Arc<InMemory>, durability: Durability) -> Store {
    let objects = Some(Arc::clone(objects) as Arc<dyn ObjectStore>);
    Store::open(Options { objects, durability, ..options(dir) }, clock()).await.unwrap()
}

async fn paths(objects: &Arc<InMemory>) -> Vec<object_store::path::Path> {
    let mut paths: Vec<_> = objects.list(None).map_ok(|object| object.location).try_collect().await.unwrap();
    paths.sort_unstable();
    paths
}

#[tokio::test]
async fn everything_moves_and_the_folder_stays() {
    for durability in [Durability::Object, Durability::Local] {
        let (dir, node) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let before = closed(dir.path()).await;
        let objects = Arc::new(InMemory::new());
        let moved = migrate(dir.path(), Arc::clone(&objects) as _).await.unwrap();
        assert_eq!((moved.segments, moved.there), (9, 0));
        assert!(moved.objects >= 18 && moved.bytes > 0, "{moved:?}");
        assert!(matches!(migrate(dir.path(), Arc::clone(&objects) as _).await, Err(Error::Locked { .. })));
        drop(moved);
        let store = opened(node.path(), &objects, durability).await;
        assert_eq!(contents(&store).await, before);
        assert!(store.verify_event_tree().await.is_ok());
        // It goes on, and the next open has that too.
        store.append(logs(vec![log(1, 1, 5_000, "later")])).await.unwrap();
        store.close().await.unwrap();
        let store = opened(node.path(), &objects, durability).await;
        assert!(
            lines(&store, log_scan(1, store::Direction::Forward), usize::MAX)
                .await
                .iter()
                .any(|line| line.message == "later")
        );
        store.close().await.unwrap();
        // A node has opened it: it is no place to move to any more.
        let again = migrate(dir.path(), Arc::clone(&objects) as _).await;
        assert!(matches!(again, Err(Error::TakenOver { .. })), "{again:?}");
        assert_eq!(contents(&open(dir.path()).await).await, before);
    }
}

#[tokio::test]
async fn what_was_interrupted_goes_on_and_what_is_wrong_there_is_replaced() {
    let (dir, node) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let before = closed(dir.path()).await;
    let objects = Arc::new(InMemory::new());
    drop(migrate(dir.path(), Arc::clone(&objects) as _).await.unwrap());
    let all = paths(&objects).await;
    // As if it had stopped in the middle, with half an object.
    objects.delete(&"manifest/current.json".into()).await.unwrap();
    let segments: Vec<_> = all.iter().filter(|path| path.as_ref().starts_with("segments/")).collect();
    objects.delete(segments[0]).await.unwrap();
    objects.put(segments[1], "half".into()).await.unwrap();
    let moved = migrate(dir.path(), Arc::clone(&objects) as _).await.unwrap();
    assert_eq!(moved.there, moved.objects - 2);
    drop(moved);
    assert_eq!(paths(&objects).await, all);
    // Once more when it was whole, but nobody has opened it.
    let moved = migrate(dir.path(), Arc::clone(&objects) as _).await.unwrap();
    assert_eq!(moved.there, moved.objects);
    assert_eq!(contents(&opened(node.path(), &objects, Durability::Object).await).await, before);
}

#[tokio::test]
async fn records_in_the_journal_and_damage_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let objects = Arc::new(InMemory::new());
    drop(three_kinds(dir.path()).await);
    let refused = migrate(dir.path(), Arc::clone(&objects) as _).await;
    assert!(matches!(refused, Err(Error::JournalElsewhere { .. })), "{refused:?}");
    open(dir.path()).await.close().await.unwrap();
    let folder = dir.path().join("objects/segments/logs");
    let damaged = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let damaged = damaged.filter(|path| path.extension().is_some_and(|end| end == "parquet")).max().unwrap();
    let mut bytes = std::fs::read(&damaged).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    let refused = migrate(dir.path(), Arc::clone(&objects) as _).await;
    assert!(matches!(refused, Err(Error::Corrupt { .. })), "{refused:?}");
    assert!(!paths(&objects).await.contains(&"manifest/current.json".into()));
}
