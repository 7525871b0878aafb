use super::*;
use sim::{Crash, Machine, SimDisk};
use std::collections::BTreeMap;
use store::LocalDisk;
use uuid::Uuid;

fn settings(dir: &Path) -> Settings {
    Settings { dir: dir.into(), bytes_max: 1 << 20, file_bytes: 300 }
}

fn frame(kind: Kind, n: u128) -> Frame {
    Frame { kind, id: Uuid::from_u128(n), text: format!("{{\"{kind:?}\":{n}}}") }
}

fn append(spool: &Spool, kind: Kind, n: u128) -> Result<(), Unwritten> {
    spool.append(frame(kind, n)).blocking_recv().unwrap()
}

/// All frames, in order.
fn all(spool: &Spool) -> Vec<Frame> {
    spool.seal();
    spool.sealed().into_iter().flat_map(|number| spool.read(number).unwrap()).collect()
}

/// Text of the calls, by id.
fn calls(spool: &Spool) -> BTreeMap<u128, Vec<String>> {
    let mut calls: BTreeMap<u128, Vec<String>> = BTreeMap::new();
    for frame in all(spool).into_iter().filter(|frame| frame.kind == Kind::Call) {
        calls.entry(frame.id.as_u128()).or_default().push(frame.text);
    }
    calls
}

#[test]
fn files_are_read_in_order_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(settings(dir.path()), Arc::new(LocalDisk)).unwrap();
    for n in 0..20 {
        append(&spool, Kind::Intent, n).unwrap();
        append(&spool, Kind::Call, n).unwrap();
    }
    let frames = all(&spool);
    let expected: Vec<Frame> = (0..20).flat_map(|n| [frame(Kind::Intent, n), frame(Kind::Call, n)]).collect();
    assert_eq!(frames, expected);
    let files = spool.sealed();
    assert!(files.len() > 3, "{files:?}");
    let on_disk =
        |dir: &Path| std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum::<u64>();
    assert_eq!(spool.counts(), Counts { bytes: on_disk(dir.path()), undelivered: 20, lost: 0 });
    for number in files {
        spool.remove(number).unwrap();
    }
    spool.delivered(20);
    assert_eq!((spool.counts(), on_disk(dir.path())), (Counts::default(), 0));
}

#[test]
fn a_file_cut_anywhere_gives_each_call_in_it_once() {
    let dir = tempfile::tempdir().unwrap();
    let one_file = |dir: &Path| Settings { file_bytes: 1 << 20, ..settings(dir) };
    let spool = Spool::open(one_file(dir.path()), Arc::new(LocalDisk)).unwrap();
    for (kind, n) in [(Kind::Intent, 1), (Kind::Intent, 2), (Kind::Call, 1), (Kind::Call, 3), (Kind::Call, 2)] {
        append(&spool, kind, n).unwrap();
    }
    spool.seal();
    let bytes = std::fs::read(dir.path().join("0000000001.spool")).unwrap();
    for cut in 0..=bytes.len() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("0000000001.spool"), &bytes[..cut]).unwrap();
        let begun: std::collections::BTreeSet<u128> =
            frame::read(&bytes[..cut]).0.iter().map(|f| f.id.as_u128()).collect();
        // Twice: what an opening writes must not make the next one write it again.
        for _ in 0..2 {
            let spool = Spool::open(one_file(dir.path()), Arc::new(LocalDisk)).unwrap();
            let calls = calls(&spool);
            assert!(calls.values().all(|texts| texts.len() == 1), "cut at {cut}: {calls:?}");
            assert_eq!(calls.keys().copied().collect::<std::collections::BTreeSet<_>>(), begun, "cut at {cut}");
            assert_eq!(spool.counts().undelivered, begun.len() as u64);
        }
    }
}

#[test]
fn an_interrupted_call_is_what_its_intent_says() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(settings(dir.path()), Arc::new(LocalDisk)).unwrap();
    append(&spool, Kind::Intent, 1).unwrap();
    spool.seal();
    drop(spool);
    let spool = Spool::open(settings(dir.path()), Arc::new(LocalDisk)).unwrap();
    assert_eq!(calls(&spool), BTreeMap::from([(1, vec![frame(Kind::Intent, 1).text])]));
}

#[test]
fn power_may_fail_at_every_step() {
    for steps in 0..40 {
        for seed in 0..4 {
            let dir = tempfile::tempdir().unwrap();
            let machine = Arc::new(Machine::from_seed(seed));
            let disk = SimDisk::new(Arc::clone(&machine), dir.path());
            let open = || Spool::open(settings(dir.path()), Arc::new(disk.clone()));
            machine.stop_after(steps);
            let (mut intents, mut ended) = (Vec::new(), Vec::new());
            if let Ok(spool) = open() {
                for n in 0..12 {
                    if append(&spool, Kind::Intent, n).is_ok() {
                        intents.push(n);
                    }
                    if n % 3 != 0 && append(&spool, Kind::Call, n).is_ok() {
                        ended.push(n);
                    }
                }
                spool.close();
            }
            machine.stop();
            disk.crash(Crash::Power);
            machine.start();
            let calls = calls(&open().unwrap());
            for n in intents {
                assert_eq!(
                    calls.get(&n).map(Vec::len),
                    Some(1),
                    "call {n}, seed {seed}, power off after {steps} steps"
                );
            }
            for n in ended {
                assert_eq!(
                    calls[&n],
                    [frame(Kind::Call, n).text],
                    "call {n}, seed {seed}, power off after {steps} steps"
                );
            }
        }
    }
}

#[test]
fn on_a_full_disk_intents_are_refused_and_calls_wait_for_room() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(Arc::new(Machine::from_seed(1)), dir.path());
    let spool = Spool::open(settings(dir.path()), Arc::new(disk.clone())).unwrap();
    append(&spool, Kind::Intent, 1).unwrap();
    disk.set_room(Some(10));
    assert!(matches!(append(&spool, Kind::Intent, 2), Err(Unwritten::Disk(_))));
    assert!(matches!(append(&spool, Kind::Call, 1), Err(Unwritten::Disk(_))));
    spool.note(frame(Kind::Call, 3));
    assert_eq!(calls(&spool), BTreeMap::new());
    disk.set_room(None);
    append(&spool, Kind::Intent, 4).unwrap();
    append(&spool, Kind::Call, 4).unwrap();
    let found = calls(&spool);
    assert_eq!(found, BTreeMap::from([1, 4].map(|n| (n, vec![frame(Kind::Call, n).text]))));
    assert_eq!(spool.counts().lost, 1, "the call that nobody waited for");
}

#[test]
fn intents_of_interrupted_calls_stay_while_a_full_disk_takes_no_events() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(Arc::new(Machine::from_seed(1)), dir.path());
    let open = || Spool::open(settings(dir.path()), Arc::new(disk.clone())).unwrap();
    let spool = open();
    append(&spool, Kind::Intent, 1).unwrap();
    spool.close();
    disk.set_room(Some(0));
    let spool = open();
    assert_eq!(spool.sealed(), [1]);
    // Who delivers removes the file once its intents are written again.
    assert!(spool.carry(spool.read(1).unwrap()).is_err(), "or the file would go, and what happened with it");
    spool.close();
    // The gateway ends once more before there is room.
    disk.set_room(None);
    let spool = open();
    assert_eq!(calls(&spool), BTreeMap::from([(1, vec![frame(Kind::Intent, 1).text])]));
    assert_eq!(spool.counts().lost, 0);
}

#[test]
fn refused_calls_take_no_room_from_calls_that_a_backend_saw() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(Arc::new(Machine::from_seed(1)), dir.path());
    let spool = Spool::open(settings(dir.path()), Arc::new(disk.clone())).unwrap();
    append(&spool, Kind::Intent, 1).unwrap();
    disk.set_room(Some(0));
    // Without an intent: the gateway refused them. One more than wait in memory.
    let refused = writer::OWED_MAX as u128 + 1;
    let told: Vec<_> = (2..2 + refused).map(|n| spool.append(frame(Kind::Call, n))).collect();
    assert!(told.into_iter().all(|told| told.blocking_recv().unwrap().is_err()));
    assert_eq!(spool.counts().lost, 1, "the last one that was refused");
    assert!(append(&spool, Kind::Call, 1).is_err());
    disk.set_room(None);
    let calls = calls(&spool);
    assert_eq!(calls.get(&1), Some(&vec![frame(Kind::Call, 1).text]));
    assert_eq!((calls.len(), spool.counts().lost), (writer::OWED_MAX + 1, 1));
}

#[test]
fn after_a_failed_sync_nothing_more_goes_to_that_file() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(Arc::new(Machine::from_seed(1)), dir.path());
    let spool = Spool::open(settings(dir.path()), Arc::new(disk.clone())).unwrap();
    append(&spool, Kind::Intent, 1).unwrap();
    disk.fail_syncs(true);
    assert!(append(&spool, Kind::Call, 1).is_err());
    assert!(append(&spool, Kind::Intent, 2).is_err());
    disk.fail_syncs(false);
    assert!(append(&spool, Kind::Intent, 3).is_err(), "until the next look");
    spool.seal();
    append(&spool, Kind::Intent, 4).unwrap();
    let calls = calls(&spool);
    // The first attempt is in the file, too, for all that is known.
    assert!(calls[&1].iter().all(|text| *text == frame(Kind::Call, 1).text));
    assert_eq!(calls.len(), 1);
}

#[test]
fn a_full_spool_takes_the_ends_of_calls_that_it_let_begin() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { bytes_max: 150, ..settings(dir.path()) };
    let spool = Spool::open(settings, Arc::new(LocalDisk)).unwrap();
    let mut begun = Vec::new();
    for n in 0..10 {
        match append(&spool, Kind::Intent, n) {
            Ok(()) => begun.push(n),
            Err(error) => assert_eq!(error, Unwritten::Full),
        }
    }
    assert!((1..10).contains(&begun.len()));
    for &n in &begun {
        append(&spool, Kind::Call, n).unwrap();
    }
    assert_eq!(append(&spool, Kind::Call, 99), Err(Unwritten::Full));
    assert_eq!(spool.counts().lost, 1);
    assert_eq!(calls(&spool).into_keys().collect::<Vec<_>>(), begun);
}

#[test]
fn only_intents_of_calls_under_way_are_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(settings(dir.path()), Arc::new(LocalDisk)).unwrap();
    append(&spool, Kind::Intent, 1).unwrap();
    append(&spool, Kind::Intent, 2).unwrap();
    spool.seal();
    append(&spool, Kind::Call, 1).unwrap();
    let number = spool.carry(vec![frame(Kind::Intent, 1), frame(Kind::Intent, 2)]).unwrap();
    spool.seal();
    assert_eq!(spool.read(number).unwrap(), [frame(Kind::Call, 1), frame(Kind::Intent, 2)]);
}
