//! Locked directories, failed syncs, torn writes, flipped bits, and object stores that fail at every step of a flush.

use crate::fixture::*;
use model::{Batch, Classify, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::{Direction, Error, Options, Store};

#[tokio::test]
async fn a_second_open_is_refused_until_the_first_closes() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).await;
    let second = Store::open(options(dir.path()), clock()).await;
    let error = second.expect_err("the directory is locked");
    assert!(matches!(error, Error::Locked { .. }));
    assert!(error.to_string().contains("another trailwatch is using this data directory"));
    first.close().await.unwrap();
    // The handle lives on; the directory is free.
    open(dir.path()).await;
    assert!(matches!(first.append(logs(vec![log(1, 1, 1, "late")])).await, Err(Error::Closed)));
}

#[tokio::test]
async fn a_failed_sync_poisons_writes_and_keeps_reads() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(FaultyDisk::default());
    let with_disk = || Options { disk: Arc::clone(&disk) as _, ..options(dir.path()) };
    let store = Store::open(with_disk(), clock()).await.unwrap();
    store.append(logs(vec![log(1, 1, 1, "kept")])).await.unwrap();
    disk.fail_sync();
    let error = store.append(logs(vec![log(1, 1, 2, "unknown")])).await.expect_err("the sync failed");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let error = store.append(logs(vec![log(1, 1, 3, "refused")])).await.expect_err("the journal is poisoned");
    assert!(matches!(error, Error::Poisoned { .. }));
    assert!(store.health().poisoned.is_some_and(|reason| reason.contains("the disk is gone")));
    let seen = lines(&store, log_scan(1, Direction::Forward), usize::MAX).await;
    assert_eq!(seen.len(), 1, "what was not acknowledged is not seen");
    drop(store);
    disk.lose_power(0.0);
    let store = Store::open(with_disk(), clock()).await.unwrap();
    assert_eq!(lines(&store, log_scan(1, Direction::Forward), usize::MAX).await, seen);
    store.append(logs(vec![log(1, 1, 4, "goes on")])).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_appends_and_takes_them_again_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(FaultyDisk::default());
    let with_disk = || Options { disk: Arc::clone(&disk) as _, ..options(dir.path()) };
    let store = Store::open(with_disk(), clock()).await.unwrap();
    store.append(logs(vec![log(1, 1, 1, "before")])).await.unwrap();
    disk.set_full(true);
    for _ in 0..2 {
        let error = store.append(logs(vec![log(1, 1, 2, "refused")])).await.expect_err("the disk is full");
        assert!(matches!(error, Error::Full { .. }), "{error}");
    }
    assert_eq!(lines(&store, log_scan(1, Direction::Forward), usize::MAX).await.len(), 1, "reads go on");
    disk.set_full(false);
    store.append(logs(vec![log(1, 1, 3, "after")])).await.unwrap();
    let seen = lines(&store, log_scan(1, Direction::Forward), usize::MAX).await;
    assert_eq!(seen.len(), 2);
    drop(store);
    disk.lose_power(0.0);
    let store = Store::open(with_disk(), clock()).await.unwrap();
    assert_eq!(lines(&store, log_scan(1, Direction::Forward), usize::MAX).await, seen);
}

/// What is kept so that journals are written faster is given up for records, and for the segments that make room.
#[tokio::test]
async fn a_full_disk_gets_the_spare_journal() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(FaultyDisk::default());
    let store = Store::open(Options { disk: Arc::clone(&disk) as _, ..options(dir.path()) }, clock()).await.unwrap();
    let spare = dir.path().join("journal/spare");
    store.append(logs(vec![log(1, 1, 1, "before")])).await.unwrap();
    store.flush().await.unwrap();
    assert!(spare.exists());
    disk.set_full(true);
    let error = store.append(logs(vec![log(1, 1, 2, "refused")])).await.expect_err("the disk is full");
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert!(!spare.exists());
    disk.set_full(false);
    store.append(logs(vec![log(1, 1, 3, "after")])).await.unwrap();
    store.close().await.unwrap();
}

/// `/health` names why nothing is flushed, and no longer than it is true.
#[tokio::test]
async fn a_journal_that_cannot_be_begun_is_named_until_one_is() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(FaultyDisk::default());
    let with_disk = Options { disk: Arc::clone(&disk) as _, ..options(dir.path()) };
    let store = Store::open(with_disk, clock()).await.unwrap();
    for again in ["flush", "reset"] {
        store.append(logs(vec![log(1, 1, 1, "kept")])).await.unwrap();
        disk.set_full(true);
        assert!(matches!(store.flush().await, Err(Error::Full { .. })));
        assert!(store.health().flush_error.is_some_and(|error| error.contains("the disk is full")));
        disk.set_full(false);
        match again {
            "flush" => store.flush().await.unwrap(),
            _ => store.reset().await.unwrap(),
        }
        assert_eq!(store.health().flush_error, None, "after a {again}");
    }
}

#[tokio::test]
async fn a_torn_write_is_cut_off_at_every_length() {
    for part in [0.0, 0.3, 0.9, 1.0] {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(FaultyDisk::default());
        let with_disk = || Options { disk: Arc::clone(&disk) as _, ..options(dir.path()) };
        let store = Store::open(with_disk(), clock()).await.unwrap();
        store.append(logs(vec![log(1, 1, 1, "kept")])).await.unwrap();
        disk.fail_write();
        store.append(logs(vec![log(1, 1, 2, "torn")])).await.expect_err("the write failed");
        drop(store);
        disk.lose_power(part);
        let store = Store::open(with_disk(), clock()).await.unwrap();
        assert_eq!(lines(&store, log_scan(1, Direction::Forward), usize::MAX).await.len(), 1, "part {part}");
    }
}

#[tokio::test]
async fn a_flipped_bit_in_the_middle_of_the_journal_names_file_and_offset() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for n in 0..3 {
        store.append(logs(vec![log(1, 1, n, "message")])).await.unwrap();
    }
    drop(store);
    let journal = std::fs::read_dir(dir.path().join("journal")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    let error = Store::open(options(dir.path()), clock()).await.expect_err("the journal is damaged");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let Error::Corrupt { file, offset, .. } = error else { panic!("{error}") };
    assert_eq!(file, journal.display().to_string());
    assert!(offset > 40 && offset <= middle as u64);
}

#[tokio::test]
async fn a_lost_manifest_is_an_error_and_not_an_empty_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store.append(logs(vec![log(1, 1, 1, "kept")])).await.unwrap();
    drop(store);
    std::fs::remove_dir_all(dir.path().join("objects/manifest")).unwrap();
    assert!(matches!(Store::open(options(dir.path()), clock()).await, Err(Error::Corrupt { .. })));
}

/// Also where the journal is empty: records may have been in segments, and the first manifest is older than the first journal.
#[tokio::test]
async fn a_journal_without_frames_and_without_a_manifest_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store.append(logs(vec![log(1, 1, 1, "kept")])).await.unwrap();
    store.close().await.unwrap();
    std::fs::remove_dir_all(dir.path().join("objects/manifest")).unwrap();
    let error = Store::open(options(dir.path()), clock()).await.expect_err("the manifest is gone");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(dir.path().join("objects/segments").exists(), "what is left is not touched");
}

/// After a failed sync the kernel may take bytes for durable that never reached the disk, so recovery writes them again.
#[tokio::test]
async fn recovery_writes_the_last_group_of_the_journal_again() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(FaultyDisk::default());
    let with_disk = || Options { disk: Arc::clone(&disk) as _, ..options(dir.path()) };
    let store = Store::open(with_disk(), clock()).await.unwrap();
    store.append(logs(vec![log(1, 1, 1, "synced")])).await.unwrap();
    disk.fail_sync();
    store.append(logs(vec![log(1, 1, 2, "not synced")])).await.expect_err("the sync failed");
    drop(store);
    // Killed, not without power: what was written is still there, and is seen from now on.
    disk.heal_syncs();
    let store = Store::open(with_disk(), clock()).await.unwrap();
    assert_eq!(lines(&store, log_scan(1, Direction::Forward), usize::MAX).await.len(), 2);
    drop(store);
    let [(rewritten, from)] = disk.rewritten().try_into().expect("one file was rewritten");
    let journal = std::fs::read(&rewritten).unwrap();
    assert!(from > 40 && from < journal.len() as u64, "only the last group: from {from} of {}", journal.len());
    disk.lose_power(0.0);
    let store = Store::open(with_disk(), clock()).await.unwrap();
    assert_eq!(lines(&store, log_scan(1, Direction::Forward), usize::MAX).await.len(), 2);
}

/// Flips one bit in every 13th byte of every object of a small store: each is found, or changes nothing.
#[tokio::test]
async fn no_flipped_bit_in_a_segment_changes_an_answer() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let batch = Batch {
        logs: (0..40).map(|n| log(1, 1, n, &format!("message {n} {}", "é".repeat(n as usize)))).collect(),
        ..Batch::default()
    };
    store.append(batch).await.unwrap();
    store.flush().await.unwrap();
    let expected = lines(&store, log_scan(1, Direction::Forward), usize::MAX).await;
    drop(store);
    let folder = dir.path().join("objects/segments/logs");
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let good = std::fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(13) {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            std::fs::write(&path, bad).unwrap();
            match Store::open(options(dir.path()), clock()).await {
                Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {at} of {}", path.display()),
                Ok(store) => {
                    let mut seen = Vec::new();
                    let mut visit = |row: store::LogRow<'_>| {
                        seen.push(row.message.to_owned());
                        std::ops::ControlFlow::Continue(())
                    };
                    match store.scan_logs(log_scan(1, Direction::Forward), &mut visit).await {
                        Ok(_) => assert!(seen.iter().eq(expected.iter().map(|line| &line.message)), "byte {at}"),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {at}: {error}"),
                    }
                }
            }
        }
        std::fs::write(&path, good).unwrap();
    }
}

/// A flush puts the objects of a segment and, last, a manifest. From each put on, puts fail, before or after they have their
/// effect, until the fault is healed.
#[tokio::test]
async fn a_flush_that_fails_at_any_step_loses_and_doubles_nothing() {
    async fn with_thirty_logs(options: Options) -> Store {
        let store = Store::open(options, clock()).await.unwrap();
        for n in 0..30 {
            store.append(logs(vec![log(1, 1, n, "message")])).await.unwrap();
        }
        store
    }
    let puts = {
        let (dir, objects) = (tempfile::tempdir().unwrap(), FaultyObjects::new());
        let store = with_thirty_logs(Options { objects: Some(Arc::clone(&objects) as _), ..options(dir.path()) }).await;
        objects.fail_puts(1_000, false);
        store.flush().await.unwrap();
        1_000 - objects.puts_until_fault.load(Ordering::SeqCst)
    };
    assert!(puts >= 3, "a segment, its index and a manifest: {puts}");
    for (step, after_effect, reopen) in
        (0..puts).flat_map(|step| [(step, false, false), (step, false, true), (step, true, false), (step, true, true)])
    {
        let dir = tempfile::tempdir().unwrap();
        let objects = FaultyObjects::new();
        let with_objects = || Options { objects: Some(Arc::clone(&objects) as _), ..options(dir.path()) };
        let mut store = with_thirty_logs(with_objects()).await;
        objects.fail_puts(step, after_effect);
        let flushed = store.flush().await;
        // A manifest that was put is recognised, though its answer was lost.
        assert_eq!(flushed.is_err(), !(step == puts - 1 && after_effect));
        assert_eq!(store.health().flush_error.is_some(), flushed.is_err());
        objects.heal();
        store.append(logs(vec![log(1, 1, 99, "after the fault")])).await.unwrap();
        let case = format!("step {step}, after effect {after_effect}, reopen {reopen}");
        assert_eq!(lines(&store, log_scan(1, Direction::Forward), usize::MAX).await.len(), 31, "{case}");
        if reopen {
            drop(store);
            store = Store::open(with_objects(), clock()).await.unwrap();
            assert_eq!(lines(&store, log_scan(1, Direction::Forward), usize::MAX).await.len(), 31, "{case}");
        }
        store.flush().await.unwrap();
        assert_eq!(store.health().flush_error, None);
        assert_eq!(lines(&store, log_scan(1, Direction::Forward), usize::MAX).await.len(), 31, "{case}");
        store.close().await.unwrap();
        let store = Store::open(with_objects(), clock()).await.unwrap();
        assert_eq!(lines(&store, log_scan(1, Direction::Forward), usize::MAX).await.len(), 31, "{case}");
        assert!(store.health().segments <= 2, "orphans are gone: {case}");
    }
}

#[tokio::test]
async fn appends_are_throttled_and_not_held_when_flushes_fail() {
    let dir = tempfile::tempdir().unwrap();
    let objects = FaultyObjects::new();
    let with_objects =
        Options { objects: Some(Arc::clone(&objects) as _), memtable_bytes_max: 10_000, ..options(dir.path()) };
    let store = Store::open(with_objects, clock()).await.unwrap();
    let text = "x".repeat(1_000);
    let mut accepted = 0;
    objects.fail_puts(0, false);
    let error = loop {
        match store.append(logs(vec![log(1, 1, accepted, &text)])).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 1_000, "memory grows without end");
    };
    assert_eq!(error.kind(), ErrorKind::Throttled);
    objects.heal();
    store.flush().await.unwrap();
    store.append(logs(vec![log(1, 1, accepted, &text)])).await.unwrap();
    assert_eq!(lines(&store, log_scan(1, Direction::Forward), usize::MAX).await.len() as i64, accepted + 1);
}

/// A crash may leave more in the journal than memtables may hold. Appends must come to work again without anybody's help.
#[tokio::test]
async fn a_journal_beyond_the_cap_does_not_throttle_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let text = "x".repeat(1_000);
    for n in 0..50 {
        store.append(logs(vec![log(1, 1, n, &text)])).await.unwrap();
    }
    drop(store);
    let small = Options { memtable_bytes_max: 10_000, ..options(dir.path()) };
    let store = Store::open(small, clock()).await.unwrap();
    let accepted = async {
        while let Err(error) = store.append(logs(vec![log(1, 1, 50, &text)])).await {
            assert_eq!(error.kind(), ErrorKind::Throttled);
            tokio::task::yield_now().await;
        }
    };
    // The limit is only there so that a store that never recovers fails the test instead of hanging it.
    tokio::time::timeout(std::time::Duration::from_secs(60), accepted).await.expect("the replayed records are flushed");
    assert_eq!(lines(&store, log_scan(1, Direction::Forward), usize::MAX).await.len(), 51);
}
