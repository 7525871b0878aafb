use super::*;
use crate::metrics::Measured;
use crate::spool::{Settings, Unwritten};
use model::Timestamp;
use model::clock::ManualClock;
use std::sync::Mutex;
use store::LocalDisk;
use tempfile::TempDir;

/// A server that keeps each id once, and is down when told to.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    is_down: bool,
    records: Vec<String>,
    attempts: usize,
    metrics: Vec<Value>,
}

impl Destination for Kept {
    fn store(&self, records: &[String]) -> Result<Vec<String>, String> {
        let mut state = self.0.lock().unwrap();
        state.attempts += 1;
        if state.is_down {
            return Err("down".into());
        }
        for record in records.iter().filter(|record| !record.contains("bad")) {
            if !state.records.contains(record) {
                state.records.push(record.clone());
            }
        }
        Ok(records.iter().filter(|record| record.contains("bad")).map(|_| "no JSON".into()).collect())
    }

    fn put_metrics(&self, input: &Value) -> Result<(), String> {
        let mut state = self.0.lock().unwrap();
        if state.is_down {
            return Err("down".into());
        }
        state.metrics.push(input.clone());
        Ok(())
    }
}

struct World {
    dir: TempDir,
    spool: Spool,
    kept: Kept,
    clock: Arc<ManualClock>,
    delivery: Delivery<Kept>,
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { dir: dir.path().into(), bytes_max: 1 << 30, file_bytes: 1 << 20 };
    let spool = Spool::open(settings, Arc::new(LocalDisk)).unwrap();
    let (kept, clock) = (Kept::default(), Arc::new(ManualClock::at(Timestamp(0))));
    let delivery = Delivery::new(spool.clone(), Arc::default(), kept.clone(), Arc::clone(&clock) as _, Arc::default());
    World { dir, spool, kept, clock, delivery }
}

impl World {
    fn append(&self, kind: Kind, n: u128, text: &str) -> Result<(), Unwritten> {
        self.spool.append(Frame { kind, id: Uuid::from_u128(n), text: text.into() }).blocking_recv().unwrap()
    }

    fn records(&self) -> Vec<String> {
        self.kept.0.lock().unwrap().records.clone()
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.dir.path()).unwrap().count()
    }
}

#[test]
fn calls_are_delivered_and_their_files_go() {
    let mut world = world();
    world.append(Kind::Intent, 1, "i1").unwrap();
    world.append(Kind::Call, 1, "c1").unwrap();
    world.append(Kind::Call, 2, "c2").unwrap();
    world.delivery.pass().unwrap();
    assert_eq!(world.records(), ["c1", "c2"]);
    assert_eq!((world.files(), world.spool.counts().undelivered, world.spool.counts().bytes), (0, 0, 0));
    world.delivery.pass().unwrap();
    assert_eq!(world.kept.0.lock().unwrap().attempts, 1, "nothing new, nothing sent");
}

#[test]
fn what_a_server_that_is_down_did_not_take_waits() {
    let mut world = world();
    world.kept.0.lock().unwrap().is_down = true;
    for n in 0..3 {
        world.append(Kind::Call, n, &format!("c{n}")).unwrap();
        assert!(world.delivery.pass().is_err());
    }
    assert_eq!((world.files(), world.spool.counts().undelivered), (3, 3));
    world.kept.0.lock().unwrap().is_down = false;
    world.delivery.pass().unwrap();
    assert_eq!(world.records(), ["c0", "c1", "c2"]);
    assert_eq!(world.files(), 0);
}

#[test]
fn a_file_stays_for_its_calls_under_way_and_is_let_go_after_a_minute() {
    let mut world = world();
    world.append(Kind::Intent, 1, "i1").unwrap();
    world.append(Kind::Call, 2, "c2").unwrap();
    world.delivery.pass().unwrap();
    assert_eq!((world.records(), world.files()), (vec!["c2".into()], 1));
    world.clock.advance(CARRY_AFTER_MS);
    world.delivery.pass().unwrap();
    assert_eq!(world.files(), 1, "the intent is in a new file");
    // The gateway ends here and starts again: the call is interrupted.
    let settings = Settings { dir: world.dir.path().into(), bytes_max: 1 << 30, file_bytes: 1 << 20 };
    let copy = tempfile::tempdir().unwrap();
    world.spool.seal();
    for entry in std::fs::read_dir(world.dir.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let spool = Spool::open(Settings { dir: copy.path().into(), ..settings }, Arc::new(LocalDisk)).unwrap();
    let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
    let after = Kept::default();
    Delivery::new(spool, Arc::default(), after.clone(), clock, Arc::default()).pass().unwrap();
    assert_eq!(after.0.lock().unwrap().records, ["i1"]);
    // It goes on here: the call ends.
    world.append(Kind::Call, 1, "c1").unwrap();
    world.delivery.pass().unwrap();
    assert_eq!((world.records(), world.files()), (vec!["c2".into(), "c1".into()], 0));
}

#[test]
fn a_record_that_is_refused_does_not_hold_up_the_others() {
    let mut world = world();
    for (n, text) in ["a", "bad", "b"].into_iter().enumerate() {
        world.append(Kind::Call, n as u128, text).unwrap();
    }
    world.delivery.pass().unwrap();
    assert_eq!(world.records(), ["a", "b"]);
    assert_eq!(world.delivery.counts.refused.load(Ordering::Relaxed), 1);
}

#[test]
fn batches_have_limits() {
    let mut world = world();
    for n in 0..5 {
        world.append(Kind::Call, n, &format!("{n}{}", "x".repeat(1024 * 1024))).unwrap();
    }
    world.delivery.pass().unwrap();
    let state = world.kept.0.lock().unwrap();
    assert_eq!(state.records.len(), 5);
    assert!(state.attempts >= 3, "{} attempts", state.attempts);
}

#[test]
fn metrics_of_whole_minutes_go_and_the_last_one_at_the_end() {
    let mut world = world();
    let measured = Measured {
        service: "s3",
        operation: "GetObject",
        principal: "me",
        is_error: false,
        latency_ms: 1.0,
        bytes_in: 0,
        bytes_out: 0,
    };
    world.delivery.metrics.add(Timestamp(0), measured);
    world.delivery.pass().unwrap();
    assert!(world.kept.0.lock().unwrap().metrics.is_empty());
    world.clock.set(Timestamp(60_000));
    world.kept.0.lock().unwrap().is_down = true;
    assert!(world.delivery.pass().is_err());
    world.kept.0.lock().unwrap().is_down = false;
    world.delivery.metrics.add(Timestamp(60_000), measured);
    let (stop, stopped) = mpsc::channel();
    drop(stop);
    let kept = world.kept.clone();
    world.delivery.run(&stopped);
    assert_eq!(kept.0.lock().unwrap().metrics.len(), 2);
}
