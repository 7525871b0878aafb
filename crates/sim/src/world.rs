//! `World`: a store with all that it stands on, and how it is appended to, crashed and opened again.

use crate::expected::{self, Expected};
use crate::machine::{Crash, Machine};
use crate::{Faults, FaultyStore, SimClock, SimDisk};
use futures::future::maybe_done;
use model::{Batch, Timestamp};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::{Durability, Error, EventExpiry, MetricTier, Options, Retention, Store};

/// When the simulated time begins.
const BEGIN: Timestamp = Timestamp(1_800_000_000_000);

/// One simulated installation.
pub(crate) struct World {
    pub machine: Arc<Machine>,
    pub disk: SimDisk,
    /// `None` when segments are in a folder of the disk.
    pub objects: Option<FaultyStore>,
    pub clock: Arc<SimClock>,
    pub expected: Expected,
    pub memtable_bytes_max: usize,
    /// None, unless a scenario is about them: what is rolled up is not the same record any more.
    pub metric_tiers: Vec<MetricTier>,
    pub durability: Durability,
    pub seed: u64,
    /// Said by every assertion.
    pub case: String,
    dir: tempfile::TempDir,
    /// Each open has a salt of its own, as in a server.
    opens: AtomicU64,
    batches: u64,
    /// Memtables may be due by their age.
    clock_moved: bool,
}

impl World {
    /// A new one, with an object store or without.
    pub(crate) fn new(seed: u64, name: &str, with_objects: bool) -> Self {
        let machine = Arc::new(Machine::from_seed(seed));
        let clock = Arc::new(SimClock::at(BEGIN));
        let dir = real_folder();
        let disk = SimDisk::new(Arc::clone(&machine), dir.path());
        let objects = with_objects.then(|| FaultyStore::new(Arc::clone(&machine), Arc::clone(&clock)));
        let case = format!("{name}, TRAILWATCH_SIM_SEED={seed}");
        let (expected, memtable_bytes_max) = (Expected::default(), Options::default().memtable_bytes_max);
        let metric_tiers = Vec::new();
        Self {
            machine,
            disk,
            objects,
            clock,
            expected,
            memtable_bytes_max,
            metric_tiers,
            durability: Durability::Local,
            seed,
            case,
            dir,
            opens: AtomicU64::new(7),
            batches: 0,
            clock_moved: false,
        }
    }

    /// The real folder under which the files of the disk are.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What goes wrong with the object store from now on.
    pub(crate) fn set_faults(&self, faults: Faults) {
        self.objects.as_ref().expect("the scenario has an object store").set_faults(faults);
    }

    /// Another disk, and nothing on it.
    pub(crate) fn lose_disk(&mut self) {
        let Node { disk, dir } = Node::new(&self.machine);
        (self.disk, self.dir) = (disk, dir);
        self.machine.note("the disk is lost".into());
    }

    /// Opens the store.
    pub(crate) async fn try_open(&self) -> store::Result<Store> {
        self.try_open_at(self.dir(), &self.disk).await
    }

    /// Opens the store on another node, which must work, and compares what is there with what must be.
    pub(crate) async fn open_on(&mut self, node: &Node) -> Store {
        let opened = self.try_open_at(node.dir.path(), &node.disk).await;
        let store = opened.unwrap_or_else(|error| panic!("{}: open another node: {error}", self.case));
        self.verify(&store).await;
        store
    }

    async fn try_open_at(&self, dir: &Path, disk: &SimDisk) -> store::Result<Store> {
        let store = Store::open(self.options(dir, disk), Arc::clone(&self.clock) as _).await?;
        // What was replayed may be flushed at once. When the store is closed there is nothing to wait for.
        let _ = store.settle(true).await;
        Ok(store)
    }

    /// Opens the store for reading, beside whoever writes it.
    pub(crate) async fn open_reader(&self) -> Store {
        let opened = Store::open_reader(self.options(self.dir(), &self.disk), Arc::clone(&self.clock) as _).await;
        opened.unwrap_or_else(|error| panic!("{}: open for reading: {error}", self.case))
    }

    /// An open on another node that may take its time.
    pub(crate) fn opening(&self, node: &Node) -> impl Future<Output = store::Result<Store>> + use<> {
        Store::open(self.options(node.dir.path(), &node.disk), Arc::clone(&self.clock) as _)
    }

    fn options(&self, dir: &Path, disk: &SimDisk) -> Options {
        let objects = self.objects.clone().map(|objects| Arc::new(objects) as _);
        Options {
            dir: dir.into(),
            memtable_bytes_max: self.memtable_bytes_max,
            metric_tiers: self.metric_tiers.clone(),
            row_group_rows: 16,
            search_threads: 1,
            // Merges do not rest.
            rewrite_share: 1.0,
            // Nothing waits in a simulation: what has to come has come.
            room_wait: Duration::ZERO,
            // Nor does anything come by itself: `settle` makes the put that waits again.
            journal_retry: Duration::MAX,
            salt: self.opens.fetch_add(1, Ordering::Relaxed),
            disk: Arc::new(disk.clone()),
            objects,
            durability: self.durability,
            // Elsewhere each read is one of the object store, which a scenario may hold up or damage.
            object_cache_bytes_max: if self.durability == Durability::Object { 64 * 1024 } else { 0 },
            ..Options::default()
        }
    }

    /// Opens the store, which must work, and compares what is there with what must be.
    pub(crate) async fn open(&mut self) -> Store {
        let store = self.try_open().await.unwrap_or_else(|error| panic!("{}: open: {error}", self.case));
        self.verify(&store).await;
        store
    }

    /// Compares what is there with what must be.
    pub(crate) async fn verify(&mut self, store: &Store) {
        self.expected.verify(store, &self.case).await;
    }

    /// A batch that nobody wrote before, at the present time.
    pub(crate) fn batch(&mut self) -> Batch {
        let time = model::Clock::now(&*self.clock);
        self.batch_at(time)
    }

    /// The same, of records at some time.
    pub(crate) fn batch_at(&mut self, time: Timestamp) -> Batch {
        self.batches += 1;
        let below = |end| self.machine.below(end);
        expected::batch(self.batches, time, 1 + below(5), below(4), below(4))
    }

    /// A batch of all kinds of records, or of one: 0 logs, 1 metrics, 2 events.
    pub(crate) fn batch_of(&mut self, kind: Option<u64>) -> Batch {
        self.batches += 1;
        let below = |of, end| if kind.is_none_or(|kind| kind == of) { 1 + self.machine.below(end) } else { 0 };
        let (logs, points, events) = (below(0, 5), below(1, 3), below(2, 3));
        expected::batch(self.batches, model::Clock::now(&*self.clock), logs, points, events)
    }

    fn small_batch(&mut self) -> Batch {
        self.batches += 1;
        let time = model::Clock::now(&*self.clock);
        expected::batch(self.batches, time, 1 + self.machine.below(2), self.machine.below(2), 0)
    }

    /// Appends a batch and waits until all that it caused is done.
    pub(crate) async fn append(&mut self, store: &Store) -> store::Result<()> {
        let batch = self.batch();
        self.append_batch(store, batch, true).await
    }

    /// The same for a given batch; with `flushes` also waits for flushes.
    pub(crate) async fn append_batch(&mut self, store: &Store, batch: Batch, flushes: bool) -> store::Result<()> {
        let texts = expected::texts(&batch);
        let was_poisoned = store.health().poisoned.is_some();
        let appended = store.append(batch).await;
        let outcome = self.answered(texts, &appended, was_poisoned);
        // When the store is closed there is nothing to wait for.
        let _ = store.settle(flushes).await;
        self.machine.note(format!("append {}: {outcome}", self.batches));
        appended.map(|_| ())
    }

    /// Appends several batches that join one group commit, behind one that is being synced.
    pub(crate) async fn append_group(&mut self, store: &Store) {
        self.flush_before_group(store).await;
        // Small ones, so that none of them has to wait for room.
        let batches = (0..2 + self.machine.below(4)).map(|_| self.small_batch()).collect();
        self.append_together(store, batches).await;
    }

    /// The same of audit events alone.
    pub(crate) async fn append_group_of_events(&mut self, store: &Store) {
        self.flush_before_group(store).await;
        let batches = (0..2 + self.machine.below(4)).map(|_| self.batch_of(Some(2))).collect();
        self.append_together(store, batches).await;
    }

    async fn flush_before_group(&mut self, store: &Store) {
        // A flush between two groups would take its steps beside those of the second.
        if store.health().memtable_bytes as usize * 2 > self.memtable_bytes_max || self.clock_moved {
            let _ = store.flush().await;
            self.clock_moved = false;
        }
    }

    async fn append_together(&mut self, store: &Store, batches: Vec<Batch>) {
        let texts: Vec<_> = batches.iter().map(expected::texts).collect();
        let stalled = match self.durability {
            Durability::Local => {
                self.disk.stall_next_sync();
                None
            }
            Durability::Object => self.objects.as_ref().map(FaultyStore::stall_next_put),
        };
        let mut appends: Vec<_> = batches.into_iter().map(|batch| Box::pin(maybe_done(store.append(batch)))).collect();
        // The first one is being written when the others come, so that they come as one group.
        for (at, append) in appends.iter_mut().enumerate() {
            let early = futures::poll!(append.as_mut());
            let may_fail = self.machine.is_off() || self.durability == Durability::Object;
            assert!(early.is_pending() || may_fail, "{}: an append was answered unsynced", self.case);
            match &stalled {
                Some(stalled) if at == 0 => {
                    // A store that refuses writes puts nothing.
                    let reached = std::pin::pin!(stalled.reached());
                    futures::future::select(reached, append.as_mut()).await;
                    self.objects.iter().for_each(FaultyStore::stall_nothing);
                }
                None if at == 0 => self.disk.wait_stalled(),
                _ => {}
            }
        }
        match &stalled {
            Some(stalled) => stalled.release(),
            None => self.disk.release(),
        }
        let mut outcomes = Vec::new();
        for (texts, mut append) in texts.into_iter().zip(appends) {
            append.as_mut().await;
            let appended = append.as_mut().take_output().expect("it is done");
            outcomes.push(self.answered(texts, &appended, false));
        }
        // When the store is closed there is nothing to wait for.
        let _ = store.settle(true).await;
        self.machine.note(format!("group up to {}: {outcomes:?}", self.batches));
    }

    /// Notes what an answer means; says it in a word.
    fn answered(
        &mut self,
        texts: expected::Records,
        appended: &store::Result<store::Appended>,
        was_poisoned: bool,
    ) -> &'static str {
        match appended {
            Ok(_) => {
                self.expected.acknowledged(texts);
                "acknowledged"
            }
            // These say that nothing is stored.
            Err(Error::Full { .. }) => "full",
            Err(Error::Refused { .. }) => "refused for good",
            Err(Error::Throttled { .. }) => "throttled",
            Err(Error::Poisoned { .. }) if was_poisoned => "refused",
            Err(_) => {
                self.expected.unknown(texts);
                "failed"
            }
        }
    }

    /// Maintains what is flushed: a flush beside it would take its steps in between in no order of ours.
    pub(crate) async fn maintain(&self, store: &Store, policy: &Retention) -> store::Result<()> {
        store.flush().await?;
        store.maintain(policy).await
    }

    /// Applies a retention of `keep_ms` to everything.
    pub(crate) async fn expire(&mut self, store: &Store, keep_ms: i64) -> store::Result<()> {
        let policy = Retention {
            logs: expected::GROUPS.map(|group| (model::GroupId(group), keep_ms)).collect(),
            metrics_ms: Some(keep_ms),
            ..Retention::default()
        };
        let cutoff = model::Clock::now(&*self.clock) - keep_ms;
        let gone = |text: &str| expected::time_of(text) < cutoff;
        let maintained = self.maintain(store, &policy).await;
        let expiry = EventExpiry { below: u64::MAX, before: cutoff, ..EventExpiry::default() };
        let expired = match maintained {
            Ok(()) => expire_events(store, &expiry).await,
            failed => failed,
        };
        match &expired {
            Ok(()) => self.expected.expire(gone),
            Err(_) => self.expected.maybe_expire(gone),
        }
        expired
    }

    /// Does something that a server does.
    pub(crate) async fn act(&mut self, store: &Store) {
        let did = match self.machine.below(100) {
            0..55 => format!("append: {}", self.append(store).await.is_ok()),
            55..65 => {
                self.append_group(store).await;
                "append a group".into()
            }
            65..85 => format!("flush: {}", store.flush().await.is_ok()),
            85..90 => format!("maintain: {}", self.maintain(store, &Retention::default()).await.is_ok()),
            90..93 => format!("expire: {}", self.expire(store, 3_600_000).await.is_ok()),
            93..98 => {
                let minutes = 1 + self.machine.below(60);
                self.clock.advance(minutes as i64 * 60_000);
                self.clock_moved = true;
                format!("{minutes} minutes pass")
            }
            _ => {
                let reset = store.reset().await;
                match &reset {
                    Ok(()) => self.expected.reset(),
                    Err(_) => self.expected.maybe_reset(),
                }
                format!("reset: {}", reset.is_ok())
            }
        };
        let _ = store.settle(true).await;
        self.machine.note(did);
    }

    /// Does something that a server does, but for what removes records.
    pub(crate) async fn act_without_removal(&mut self, store: &Store) {
        let did = match self.machine.below(10) {
            0..6 => format!("append: {}", self.append(store).await.is_ok()),
            6 => {
                self.append_group(store).await;
                "append a group".into()
            }
            7 | 8 => format!("flush: {}", store.flush().await.is_ok()),
            _ => format!("maintain: {}", self.maintain(store, &Retention::default()).await.is_ok()),
        };
        let _ = store.settle(true).await;
        self.machine.note(did);
    }

    /// Crashes, perhaps once more while the store is opened again, and opens it.
    pub(crate) async fn crash(&mut self, store: Store) -> Store {
        self.stop(store);
        if self.machine.percent(30) {
            self.machine.stop_after(self.machine.below(12));
            match self.try_open().await {
                Ok(opened) => self.stop(opened),
                Err(error) => {
                    assert!(self.machine.is_off(), "{}: open: {error}", self.case);
                    self.leave();
                }
            }
        }
        self.open().await
    }

    /// Crashes; the machine is on again afterwards.
    pub(crate) fn stop(&mut self, store: Store) {
        self.machine.stop();
        drop(store);
        self.leave();
    }

    /// Crashes while no store is open.
    pub(crate) fn leave(&mut self) {
        let crash = if self.machine.percent(40) { Crash::Kill } else { Crash::Power };
        self.leave_by(crash);
    }

    /// The same in a given way.
    pub(crate) fn leave_by(&mut self, crash: Crash) {
        self.machine.stop();
        self.machine.note(format!("{crash:?}"));
        self.disk.crash(crash);
        self.machine.start();
    }

    /// Closes the store; what it leaves is whole, and the same when it is opened again.
    pub(crate) async fn finish(&mut self, store: Store) {
        self.verify(&store).await;
        store.close().await.unwrap_or_else(|error| panic!("{}: close: {error}", self.case));
        drop(store);
        self.open().await;
        self.machine.note(format!("{} records", self.expected.len()));
    }

    /// The same on another node.
    pub(crate) async fn finish_on(&mut self, store: Store, node: &Node) {
        self.verify(&store).await;
        store.close().await.unwrap_or_else(|error| panic!("{}: close: {error}", self.case));
        drop(store);
        self.open_on(node).await;
        self.machine.note(format!("{} records", self.expected.len()));
    }
}

/// A disk, and the real folder under which its files are.
pub(crate) struct Node {
    disk: SimDisk,
    dir: tempfile::TempDir,
}

impl Node {
    /// An empty one.
    pub(crate) fn new(machine: &Arc<Machine>) -> Self {
        let dir = real_folder();
        Self { disk: SimDisk::new(Arc::clone(machine), dir.path()), dir }
    }
}

/// Takes step after step until nothing is left to go.
pub(crate) async fn expire_events(store: &Store, expiry: &EventExpiry) -> store::Result<()> {
    while store.expire_events(expiry).await? {}
    Ok(())
}

/// In memory where the system offers a folder there: the simulated disk decides what is durable, the real one need not.
fn real_folder() -> tempfile::TempDir {
    let in_memory = Path::new("/dev/shm");
    let made = if in_memory.is_dir() { tempfile::tempdir_in(in_memory) } else { tempfile::tempdir() };
    made.expect("a temporary folder can be made")
}
