//! Fixtures of formats: a small data directory with every kind of file, written once and kept, must be read by every later version.
//!
//! `tests/fixtures/store-1` was written with journal 1, frames 1, manifest 2, indexes 3, token filters 1, log fields 1, chunks 1. A
//! new version of a format comes with a fixture of its own and a reader of the old one. Until the first release it does not: data of
//! older formats is refused by name, and `UPDATE_FIXTURES=1 cargo test --release -p store formats` writes the fixture anew.

use crate::check::{contents, three_kinds};
use crate::fixture::*;
use model::Classify;
use std::path::{Path, PathBuf};
use store::Store;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store-1")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name());
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else if name != "LOCK" {
            std::fs::copy(path, to.join(name)).unwrap();
        }
    }
}

/// The fixture in a folder of its own; written anew when that is asked for.
async fn copied() -> tempfile::TempDir {
    static ONE: tokio::sync::Mutex<bool> = tokio::sync::Mutex::const_new(false);
    let mut is_written = ONE.lock().await;
    if std::env::var_os("UPDATE_FIXTURES").is_some() && !*is_written {
        let dir = tempfile::tempdir().unwrap();
        drop(three_kinds(dir.path()).await);
        if fixture().exists() {
            std::fs::remove_dir_all(fixture()).unwrap();
        }
        copy(dir.path(), &fixture());
        *is_written = true;
    }
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture(), dir.path());
    dir
}

#[tokio::test]
async fn the_fixture_is_sound_and_says_what_was_written() {
    let (dir, new) = (copied().await, tempfile::tempdir().unwrap());
    let checked = store::check(dir.path()).await.unwrap();
    assert_eq!((checked.problems, checked.leftovers), (vec![], vec![]));
    assert_eq!((checked.segments, checked.frames), (6, 1));
    let (store, expected) = (open(dir.path()).await, three_kinds(new.path()).await);
    let read = contents(&store).await;
    assert!(read == contents(&expected).await);
    assert_eq!((read.0.len() + read.1.len(), read.2.len()), (120, 60));
    assert_eq!(read.2[0].event.record, "{\"eventID\":\"0-0\",\"é\":0}");
    assert_eq!(store.verify_event_tree().await.unwrap().tree, expected.event_tree());
    // It can be written to, and rewritten in today's format.
    store.append(logs(vec![log(1, 1, 1, "later")])).await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn another_version_is_refused_by_name() {
    let dir = copied().await;
    let name = format!("segments/logs/{:020}.index", 1);
    let path = dir.path().join("objects").join(&name);
    let mut bytes = std::fs::read(&path).unwrap();
    assert_eq!(&bytes[..8], b"TWINDEX3");
    bytes[7] = b'2';
    std::fs::write(&path, bytes).unwrap();
    let error = Store::open(options(dir.path()), clock()).await.unwrap_err();
    assert_eq!(error.kind(), model::ErrorKind::Corrupt);
    let reason = "the index is of a version that this program does not know";
    assert_eq!(error.to_string(), format!("{name} is corrupt at offset 0: {reason}"));
}
