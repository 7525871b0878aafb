//! The simulated disk loses what the header of `disk.rs` says, and nothing else.

use super::*;

/// A disk, its folder, and one file of 200 synced and 200 unsynced bytes.
fn half_synced(seed: u64) -> (SimDisk, tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(Arc::new(Machine::from_seed(seed)), dir.path());
    let path = dir.path().join("file");
    let mut file = disk.create(&path).unwrap();
    file.write(0, &[1; 200]).unwrap();
    file.sync().unwrap();
    file.write(200, &[2; 200]).unwrap();
    (disk, dir, path)
}

fn crash(disk: &SimDisk, crash: Crash) {
    disk.0.machine.stop();
    disk.crash(crash);
    disk.0.machine.start();
}

#[test]
fn a_power_failure_keeps_what_was_synced_and_tears_the_rest() {
    let mut lengths = std::collections::BTreeSet::new();
    let mut garbage = 0;
    for seed in 0..100 {
        let (disk, _dir, path) = half_synced(seed);
        crash(&disk, Crash::Power);
        let left = disk.read(&path).unwrap();
        assert!(left.starts_with(&[1; 200]) && left.len() <= 400, "seed {seed}");
        garbage += u32::from(left[200..].iter().any(|byte| *byte != 2));
        lengths.insert(left.len());
    }
    assert!(lengths.contains(&200) && lengths.contains(&400) && lengths.len() > 10, "{lengths:?}");
    assert!(garbage > 5, "{garbage} tails of a hundred have other bytes than were written");
}

#[test]
fn a_kill_keeps_all_and_makes_nothing_durable() {
    let mut shorter = 0;
    for seed in 0..20 {
        let (disk, _dir, path) = half_synced(seed);
        crash(&disk, Crash::Kill);
        assert_eq!(disk.read(&path).unwrap(), [[1; 200], [2; 200]].concat());
        crash(&disk, Crash::Power);
        shorter += u32::from(disk.read(&path).unwrap().len() < 400);
    }
    assert!(shorter > 5, "{shorter} of twenty tails were lost");
}

#[test]
fn a_rename_is_lost_or_whole_until_its_folder_is_synced() {
    let mut lost = 0;
    for seed in 0..40 {
        let (disk, dir, path) = half_synced(seed);
        let renamed = dir.path().join("renamed");
        disk.rename(&path, &renamed).unwrap();
        let synced = seed % 2 == 0;
        if synced {
            disk.sync_folder(dir.path()).unwrap();
        }
        crash(&disk, Crash::Power);
        let names = disk.list(dir.path()).unwrap();
        assert_eq!(names.len(), 1, "seed {seed}: {names:?}");
        assert!(names == ["renamed"] || !synced, "seed {seed}");
        lost += u32::from(names == ["file"]);
    }
    assert!(lost > 3, "{lost} of twenty unsynced renames were lost");
}

#[test]
fn a_full_disk_writes_what_there_is_room_for() {
    let (disk, dir, path) = half_synced(0);
    disk.set_room(Some(50));
    let mut file = disk.create(&dir.path().join("other")).unwrap();
    let error = file.write(0, &[3; 80]).expect_err("there is no room");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.read(&dir.path().join("other")).unwrap(), [3; 50]);
    disk.remove(&path).unwrap();
    file.write(50, &[3; 400]).unwrap();
}

#[test]
fn bytes_of_a_failed_sync_are_lost_even_after_a_later_sync() {
    let mut lost = 0;
    for seed in 0..20 {
        let (disk, dir, path) = half_synced(seed);
        let mut file = SimFile { disk: disk.clone(), path: path.clone() };
        disk.fail_syncs(true);
        file.sync().expect_err("the sync fails");
        disk.fail_syncs(false);
        file.sync().unwrap();
        crash(&disk, Crash::Power);
        lost += u32::from(disk.read(&dir.path().join("file")).unwrap().len() < 400);
    }
    assert!(lost > 5, "{lost} of twenty");
}

/// A file of 100 bytes, all of them 9, which becomes another one with a header of 10, of which 40 bytes are synced and 40 are not.
#[test]
fn a_file_that_is_used_again_keeps_what_was_not_written_over() {
    let mut left = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let dir = tempfile::tempdir().unwrap();
        let disk = SimDisk::new(Arc::new(Machine::from_seed(seed)), dir.path());
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        let mut file = disk.create(&old).unwrap();
        file.write(0, &[9; 100]).unwrap();
        file.sync().unwrap();
        let mut file = disk.reuse(&old, &new, &[1; 10]).unwrap();
        assert!(disk.reuse(&new, &new, &[1; 10]).is_err());
        file.write(10, &[2; 30]).unwrap();
        file.sync().unwrap();
        file.write(40, &[3; 40]).unwrap();
        assert_eq!(disk.read(&new).unwrap()[70..], [[3; 10], [9; 10], [9; 10]].concat());
        crash(&disk, Crash::Power);
        let bytes = disk.read(&new).unwrap();
        assert_eq!(
            (&bytes[..10], &bytes[10..40], &bytes[80..]),
            (&[1; 10][..], &[2; 30][..], &[9; 20][..]),
            "seed {seed}"
        );
        left.insert(bytes[40..80].iter().filter(|byte| **byte == 3).count());
        assert_eq!(disk.list(dir.path()).unwrap(), ["new"]);
    }
    assert!(left.contains(&0) && left.contains(&40) && left.len() > 5, "{left:?}");
}
