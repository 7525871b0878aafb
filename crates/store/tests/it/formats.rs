//! Fixtures of formats: a small data directory with every kind of file, written once and kept, must be read by every later version.
//!
//! `tests/fixtures/store-1` was written with journal 1, frames 1, manifest 2, indexes 3, token filters 1, log fields 1, chunks 1, and `store-2`
//! with journal 2 and log fields 2. A new version of a format comes with a fixture of its own and a reader of the old one. Until the first release
//! it need not: data of older formats may be refused by name. `UPDATE_FIXTURES=1 cargo test --release -p store formats` writes the newest
//! fixture anew.

use crate::check::{contents, three_kinds};
use crate::fixture::*;
use model::Classify;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{Direction, LogSearch, Store, TextSearch};

/// The version of the newest fixture.
const NEWEST: u32 = 2;

fn fixture(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/store-{version}"))
}

/// What a fixture was written from.
async fn written(dir: &Path, version: u32) -> Store {
    let store = three_kinds(dir).await;
    if version >= 2 {
        let text = |n: i64| ["connection refused by upstream", "returned to the pool"][usize::from(n % 4 != 0)];
        let line = |n: i64| log(3, 1, n, &format!(r#"{{"id":{n},"msg":"{}"}}"#, text(n)));
        store.append(logs((0..20).map(line).collect())).await.unwrap();
        store.flush().await.unwrap();
        store.append(logs(vec![log(3, 1, 50, "in the journal")])).await.unwrap();
    }
    store
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

/// A fixture in a folder of its own; the newest is written anew when that is asked for.
async fn copied(version: u32) -> tempfile::TempDir {
    static ONE: tokio::sync::Mutex<bool> = tokio::sync::Mutex::const_new(false);
    let mut is_written = ONE.lock().await;
    if std::env::var_os("UPDATE_FIXTURES").is_some() && !*is_written {
        let dir = tempfile::tempdir().unwrap();
        let running = written(dir.path(), NEWEST).await;
        if fixture(NEWEST).exists() {
            std::fs::remove_dir_all(fixture(NEWEST)).unwrap();
        }
        // With what a crash would leave of journals that are used again.
        copy(dir.path(), &fixture(NEWEST));
        drop(running);
        *is_written = true;
    }
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture(version), dir.path());
    dir
}

#[tokio::test]
async fn each_fixture_is_sound_and_says_what_was_written() {
    for (version, segments, frames) in [(1, 6, 1), (2, 9, 1)] {
        let (dir, new) = (copied(version).await, tempfile::tempdir().unwrap());
        let checked = store::check(dir.path()).await.unwrap();
        assert_eq!((checked.problems, checked.leftovers), (vec![], vec![]));
        assert_eq!((checked.segments, checked.frames), (segments, frames), "store-{version}");
        let (store, expected) = (open(dir.path()).await, written(new.path(), version).await);
        let read = contents(&store).await;
        assert!(read == contents(&expected).await);
        assert_eq!((read.0.len() + read.1.len(), read.2.len()), (120, 60));
        assert_eq!(read.2[0].event.record, "{\"eventID\":\"0-0\",\"é\":0}");
        let third = |store| lines(store, log_scan(3, Direction::Forward), usize::MAX);
        assert!(third(&store).await == third(&expected).await);
        let text = TextSearch::containing(&["connection refused by".to_owned()]);
        let search = LogSearch { scan: log_scan(3, Direction::Forward), text, goes_on: Arc::new(|| true) };
        let found = if version >= 2 { 5 } else { 0 };
        assert_eq!(store.count_logs(search).await.unwrap(), (found, true));
        assert_eq!(store.verify_event_tree().await.unwrap().tree, expected.event_tree());
        // It can be written to, and rewritten in today's format.
        store.append(logs(vec![log(1, 1, 1, "later")])).await.unwrap();
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn another_version_is_refused_by_name() {
    let dir = copied(NEWEST).await;
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
