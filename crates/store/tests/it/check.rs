//! `check` on a small data directory: whole, with every region of every file damaged, and while it is open; and `backup`.

use crate::fixture::*;
use model::{Batch, Observation};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use store::{Direction, Error, Store};

/// All kinds of records in segments of two flushes, and in the journal behind them.
pub async fn three_kinds(dir: &Path) -> Store {
    let store = open(dir).await;
    for part in 0..3i64 {
        let batch = Batch {
            logs: (0..40)
                .map(|n| log(1 + n as u64 % 2, n as u64 % 3, part * 100 + n, &format!("message {part} {n}")))
                .collect(),
            datapoints: (0..40)
                .map(|n| point(&series("cpu", n % 3), part * 100 + n as i64, Observation::value(n as f64)))
                .collect(),
            events: (0..20).map(|n| event(&format!("{part}-{n}"), part * 100 + n)).collect(),
        };
        store.append(batch).await.unwrap();
        if part < 2 {
            store.flush().await.unwrap();
        }
    }
    store
}

/// Everything that scans show.
pub async fn contents(store: &Store) -> (Vec<Line>, Vec<Line>, Vec<store::EventRow>, usize) {
    let logs = |group| lines(store, log_scan(group, Direction::Forward), usize::MAX);
    let points = points(store, model::TimeRange::ALL).await.iter().map(|(_, points)| points.len()).sum();
    (logs(1).await, logs(2).await, events(store, event_scan(Direction::Forward), usize::MAX).await, points)
}

fn files(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.file_name().unwrap() != "LOCK" {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
}

#[tokio::test]
async fn a_whole_directory_has_no_problem_and_an_open_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = three_kinds(dir.path()).await;
    assert!(matches!(store::check(dir.path()).await, Err(Error::Locked { .. })));
    drop(store);
    let checked = store::check(dir.path()).await.unwrap();
    assert_eq!((checked.problems, checked.torn), (vec![], None));
    assert_eq!((checked.segments, checked.rows, checked.frames), (6, 132, 1));
    assert_eq!(checked.streams.len(), 6);
    assert!(store::check(&dir.path().join("nothing")).await.is_err());
}

/// Flips a bit in every 47th byte of every file: the check names that file and no other.
#[tokio::test]
async fn damage_anywhere_is_named_with_its_file() {
    let dir = tempfile::tempdir().unwrap();
    drop(three_kinds(dir.path()).await);
    // Another journal, so that the one with the frame is not the last: there a torn tail could be no damage.
    drop(open(dir.path()).await);
    let mut whole = BTreeMap::new();
    files(dir.path(), &mut whole);
    assert!(whole.len() >= 15, "{:?}", whole.keys());
    for (path, bytes) in &whole {
        for at in (0..bytes.len()).step_by(47) {
            let mut bad = bytes.clone();
            bad[at] ^= 0x20;
            std::fs::write(path, bad).unwrap();
            let checked = store::check(dir.path()).await.unwrap();
            let named: Vec<_> = checked.problems.iter().chain(&checked.torn).collect();
            assert!(!named.is_empty(), "a flip at {at} of {} is not seen", path.display());
            for problem in named {
                assert_eq!(problem.file, *path, "byte {at}: {problem}");
                assert!(problem.offset <= at as u64, "byte {at}: {problem}");
            }
        }
        std::fs::write(path, bytes).unwrap();
    }
}

/// Journals that are used again are longer than what they say; a store that is stopped leaves none.
#[tokio::test]
async fn a_store_that_was_stopped_has_no_room_in_its_journals() {
    let dir = tempfile::tempdir().unwrap();
    let store = three_kinds(dir.path()).await;
    let journals = || {
        let mut whole = BTreeMap::new();
        files(&dir.path().join("journal"), &mut whole);
        whole.into_iter().map(|(path, bytes)| (path.file_name().unwrap().to_owned(), bytes.len()))
    };
    let spare = |(name, _): &(std::ffi::OsString, usize)| name == "spare";
    assert!(journals().any(|journal| spare(&journal)), "there is one while it runs");
    store.close().await.unwrap();
    assert_eq!(journals().collect::<Vec<_>>(), [("00000000000000000004.journal".into(), 40)]);
}

#[tokio::test]
async fn missing_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    drop(three_kinds(dir.path()).await);
    drop(open(dir.path()).await);
    let mut whole = BTreeMap::new();
    files(dir.path(), &mut whole);
    let journals = whole.keys().filter(|path| path.extension().is_some_and(|end| end == "journal")).count();
    for (path, bytes) in &whole {
        std::fs::remove_file(path).unwrap();
        let checked = store::check(dir.path()).await.unwrap();
        let is_last_journal = path.ends_with(format!("journal/{:020}.journal", 2 + journals));
        let is_manifest = path.extension().is_some_and(|end| end == "json");
        let named = checked.problems.iter().any(|problem| problem.file == *path || is_manifest);
        assert!(named || is_last_journal, "{} is missing: {checked:?}", path.display());
        std::fs::write(path, bytes).unwrap();
    }
}

#[tokio::test]
async fn a_new_store_has_no_problem() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).await);
    let checked = store::check(dir.path()).await.unwrap();
    assert_eq!((checked.problems, checked.torn, checked.leftovers), (vec![], None, vec![]));
}

/// After retention removed events, and merges rewrote segments of all kinds.
#[tokio::test]
async fn a_maintained_store_has_no_problem() {
    let dir = tempfile::tempdir().unwrap();
    let store = three_kinds(dir.path()).await;
    for part in 0..9 {
        let events = (0..9).map(|n| event(&format!("m{part}-{n}"), NOW.0 - n)).collect();
        let datapoints = (0..9).map(|n| point(&series("cpu", n), NOW.0 - n as i64, Observation::value(1.0))).collect();
        let logs = (0..9).map(|n| log(3, 9, NOW.0 - n, "kept")).collect();
        store.append(Batch { logs, datapoints, events }).await.unwrap();
        store.flush().await.unwrap();
    }
    let policy = store::Retention {
        logs: [(model::GroupId(1), 1000)].into(),
        metrics_ms: Some(1_000_000),
        ..store::Retention::default()
    };
    store.maintain(&policy).await.unwrap();
    let expiry = store::EventExpiry { below: u64::MAX, before: NOW - 1000, ..store::EventExpiry::default() };
    while store.expire_events(&expiry).await.unwrap() {}
    store.append(Batch { events: vec![event("last", NOW.0)], ..Batch::default() }).await.unwrap();
    let segments = store.health().segments;
    drop(store);
    let checked = store::check(dir.path()).await.unwrap();
    assert_eq!((checked.problems, checked.leftovers), (vec![], vec![]));
    assert_eq!(checked.segments, segments as u64);
    assert!(segments < 3 * 9, "{segments} segments: nothing was merged");
}

#[tokio::test]
async fn files_that_end_too_early_are_named() {
    let dir = tempfile::tempdir().unwrap();
    drop(three_kinds(dir.path()).await);
    drop(open(dir.path()).await);
    let mut whole = BTreeMap::new();
    files(dir.path(), &mut whole);
    for (path, bytes) in &whole {
        for at in [0, 7, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(path, &bytes[..at]).unwrap();
            let checked = store::check(dir.path()).await.unwrap();
            let named: Vec<_> = checked.problems.iter().chain(&checked.torn).map(|problem| &problem.file).collect();
            assert!(named.contains(&path), "{} cut at {at}: {named:?}", path.display());
        }
        std::fs::write(path, bytes).unwrap();
    }
}

#[tokio::test]
async fn leftovers_are_named_and_are_no_problem() {
    let dir = tempfile::tempdir().unwrap();
    drop(three_kinds(dir.path()).await);
    let segments = dir.path().join("objects/segments/logs");
    let left = ["00000000000000000099.index", "00000000000000000099.parquet"].map(|name| segments.join(name));
    left.iter().for_each(|path| std::fs::write(path, "left").unwrap());
    let checked = store::check(dir.path()).await.unwrap();
    assert_eq!((checked.problems, checked.leftovers), (vec![], left.to_vec()));
}

/// Objects whose checksums are right, of another store: only the hash tree tells.
#[tokio::test]
async fn segments_of_another_store_are_found() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (dir, id) in [(&dir, "a"), (&other, "b")] {
        let store = open(dir.path()).await;
        let events = vec![event(id, 1), event("c", 2)];
        store.append(Batch { events, ..Batch::default() }).await.unwrap();
        store.close().await.unwrap();
    }
    for end in ["parquet", "index"] {
        let object = format!("objects/segments/events/{:020}.{end}", 1);
        std::fs::copy(other.path().join(&object), dir.path().join(&object)).unwrap();
    }
    let problems = store::check(dir.path()).await.unwrap().problems;
    assert!(problems.iter().any(|problem| problem.reason.contains("another root")), "{problems:?}");
}

#[tokio::test]
async fn a_backup_of_an_open_store_has_all_that_was_acknowledged_once() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let store = three_kinds(&from).await;
    let expected = contents(&store).await;
    let copied = store::backup(&from, &to).await.unwrap();
    assert_eq!((copied.segments, copied.journals), (6, 1));
    // What comes later changes nothing in the copy.
    store.append(logs(vec![log(1, 1, 1, "later")])).await.unwrap();
    store.flush().await.unwrap();
    store.reset().await.unwrap();
    let checked = store::check(&to).await.unwrap();
    assert_eq!((checked.problems, checked.torn), (vec![], None));
    let copy = open(&to).await;
    assert!(contents(&copy).await == expected);
    copy.append(logs(vec![log(1, 1, 1, "goes on")])).await.unwrap();
}
