//! A store that is opened for reading beside its writer: it shows what the writer does, through flushes, merges, removals and takeovers.

use crate::fixture::*;
use async_trait::async_trait;
use futures::stream::BoxStream;
use model::clock::ManualClock;
use model::time::{HOUR, MINUTE};
use model::{Batch, Clock, ErrorKind, GroupId, Observation, TimeRange, Timestamp};
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use store::{Direction, Durability, Error, EventExpiry, Options, Retention, Store};

/// The objects as a node reaches them.
#[derive(Debug)]
struct Reached {
    inner: Arc<InMemory>,
    /// Only who writes may put and delete.
    may_write: bool,
    /// After so many puts and deletes a reader looks, and after each later one, and sees what it must.
    writes_until_look: AtomicI64,
    looks: AtomicUsize,
    watch: OnceLock<(Store, Arc<ManualClock>)>,
    expected: Mutex<Option<Seen>>,
    /// Journal objects that were read.
    journal_reads: Mutex<Vec<String>>,
}

impl Reached {
    fn new(inner: &Arc<InMemory>, may_write: bool) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            may_write,
            writes_until_look: AtomicI64::new(0),
            looks: AtomicUsize::new(0),
            watch: OnceLock::new(),
            expected: Mutex::default(),
            journal_reads: Mutex::default(),
        })
    }

    fn check_writer(&self, path: &str) {
        assert!(self.may_write, "a reader writes to {path}");
    }

    async fn wrote(&self) {
        let expected = self.expected.lock().unwrap().clone();
        let (Some((reader, clock)), Some(expected)) = (self.watch.get(), expected) else { return };
        if self.writes_until_look.fetch_sub(1, Ordering::SeqCst) <= 0 {
            reader.look().await.unwrap();
            seen(reader, clock).await.assert_is(&expected);
            self.looks.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl std::fmt::Display for Reached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reached")
    }
}

#[async_trait]
impl ObjectStore for Reached {
    async fn put_opts(
        &self,
        location: &ObjectPath,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        self.check_writer(location.as_ref());
        let put = self.inner.put_opts(location, payload, options).await;
        self.wrote().await;
        put
    }

    async fn put_multipart_opts(
        &self,
        location: &ObjectPath,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.check_writer(location.as_ref());
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &ObjectPath, options: GetOptions) -> object_store::Result<GetResult> {
        let get = self.inner.get_opts(location, options).await?;
        if location.as_ref().starts_with("journal/") {
            self.journal_reads.lock().unwrap().push(location.to_string());
        }
        Ok(get)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<ObjectPath>>,
    ) -> BoxStream<'static, object_store::Result<ObjectPath>> {
        self.check_writer("what it deletes");
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&ObjectPath>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&ObjectPath>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &ObjectPath, to: &ObjectPath, options: CopyOptions) -> object_store::Result<()> {
        self.check_writer(to.as_ref());
        self.inner.copy_opts(from, to, options).await
    }
}

/// Everything that is shown in every way.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    logs: Vec<Vec<Line>>,
    followed: Vec<(u64, String)>,
    events: Vec<store::EventRow>,
    points: Vec<(model::SeriesKey, Vec<String>)>,
    /// Those of the last half hour, which may come from memory.
    recent: Vec<(model::SeriesKey, Vec<String>)>,
    latest: Vec<Option<(Timestamp, f64)>>,
    tree: store::EventTree,
    sequences: (u64, u64),
    streams: Vec<usize>,
}

impl Seen {
    /// Names the kind of record that differs.
    fn assert_is(&self, expected: &Seen) {
        assert_eq!(self.sequences, expected.sequences);
        assert_eq!(self.tree, expected.tree);
        assert_eq!(self.streams, expected.streams);
        assert_eq!(self.latest, expected.latest);
        assert!(self.logs == expected.logs, "logs differ: {:?}, {:?}", self.logs, expected.logs);
        assert!(self.followed == expected.followed, "followed: {:?}, {:?}", self.followed, expected.followed);
        assert!(self.events == expected.events, "events differ: {:?}, {:?}", self.events, expected.events);
        assert!(self.points == expected.points, "points differ: {:?}, {:?}", self.points, expected.points);
        assert!(self.recent == expected.recent, "recent points: {:?}, {:?}", self.recent, expected.recent);
    }
}

const GROUPS: std::ops::Range<u64> = 1..4;

async fn seen(store: &Store, clock: &ManualClock) -> Seen {
    let mut logs = Vec::new();
    for group in GROUPS {
        let forward = lines(store, log_scan(group, Direction::Forward), usize::MAX).await;
        assert!(forward.is_sorted_by_key(|line| (line.timestamp, line.sequence)));
        let sequences: HashSet<u64> = forward.iter().map(|line| line.sequence).collect();
        assert_eq!(sequences.len(), forward.len(), "a line is there twice");
        logs.push(forward);
    }
    let events = events(store, event_scan(Direction::Forward), usize::MAX).await;
    let sequences: HashSet<u64> = events.iter().map(|row| row.sequence).collect();
    assert_eq!(sequences.len(), events.len(), "an event is there twice");
    let groups: Vec<GroupId> = GROUPS.map(GroupId).collect();
    let followed = store.follow_logs(&groups, 1, usize::MAX).await.unwrap().logs;
    let followed = followed.into_iter().map(|log| (log.sequence, log.message)).collect();
    let with_points = |mut points: Vec<(model::SeriesKey, Vec<String>)>| {
        points.retain(|(_, points)| !points.is_empty());
        points
    };
    let all = with_points(points(store, TimeRange::ALL).await);
    let keys: Vec<_> = all.iter().map(|(key, _)| Arc::new(key.clone())).collect();
    let lately = TimeRange::new(clock.now() - 30 * MINUTE, Timestamp(i64::MAX));
    store.verify_event_tree().await.unwrap();
    Seen {
        logs,
        followed,
        events,
        recent: with_points(points(store, lately).await),
        latest: store.latest_points(&keys),
        points: all,
        tree: store.event_tree(),
        sequences: (store.log_sequence(), store.event_sequence()),
        streams: GROUPS.map(|group| store.stream_stats(GroupId(group)).len()).collect(),
    }
}

struct World {
    objects: Arc<InMemory>,
    reached: Arc<Reached>,
    clock: Arc<ManualClock>,
    dir: tempfile::TempDir,
    opens: AtomicUsize,
    batches: AtomicI64,
    memtable_bytes_max: usize,
}

impl World {
    fn new() -> Self {
        let objects = Arc::new(InMemory::new());
        Self {
            reached: Reached::new(&objects, true),
            objects,
            clock: clock(),
            dir: tempfile::tempdir().unwrap(),
            opens: AtomicUsize::new(0),
            batches: AtomicI64::new(0),
            memtable_bytes_max: Options::default().memtable_bytes_max,
        }
    }

    fn options(&self, objects: Arc<Reached>) -> Options {
        Options {
            objects: Some(objects as Arc<dyn ObjectStore>),
            durability: Durability::Object,
            keep_replaced_ms: Some(1000 * HOUR),
            memtable_bytes_max: self.memtable_bytes_max,
            room_wait: std::time::Duration::ZERO,
            search_threads: 1,
            ..options(&self.dir.path().join(format!("node-{}", self.opens.fetch_add(1, Ordering::Relaxed))))
        }
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
    }

    /// On a disk of its own: whoever wrote before is taken over.
    async fn writer(&self) -> Store {
        let store = Store::open(self.options(Arc::clone(&self.reached)), self.clock()).await.unwrap();
        store.settle(true).await.unwrap();
        store
    }

    async fn reader(&self) -> Store {
        Store::open_reader(self.options(Reached::new(&self.objects, false)), self.clock()).await.unwrap()
    }

    /// Some records of each kind, lately.
    fn batch(&self) -> Batch {
        let number = self.batches.fetch_add(1, Ordering::Relaxed);
        let time = self.clock.now().0 - number % 7 * 1000;
        let logs = (0..6).map(|n| log(1 + n % 3, 10 + n % 2, time + n as i64, &format!("message {number} {n}")));
        let names = ["cpu", "mem"];
        let points = (0..4u64).map(|n| {
            point(&series(names[n as usize % 2], number as u64 % 5), time + n as i64, Observation::value(number as f64))
        });
        let events = (0..3).map(|n| event(&format!("{number}-{n}"), time + n));
        Batch { logs: logs.collect(), datapoints: points.collect(), events: events.collect() }
    }

    async fn append(&self, store: &Store) {
        let batch = self.batch();
        if let Err(error) = store.append(batch.clone()).await {
            assert!(matches!(error, Error::Throttled { .. }), "{error}");
            store.flush().await.unwrap();
            store.append(batch).await.unwrap();
        }
        store.settle(true).await.unwrap();
    }

    async fn assert_same(&self, writer: &Store, reader: &Store) {
        seen(reader, &self.clock).await.assert_is(&seen(writer, &self.clock).await);
    }

    /// The reader comes up to what the writer has acknowledged, and shows the same.
    async fn follows(&self, writer: &Store, reader: &Store) {
        let mark = writer.acknowledged().unwrap();
        reader.catch_up(mark).await.unwrap();
        assert!(reader.acknowledged().unwrap() >= mark);
        self.assert_same(writer, reader).await;
    }
}

fn deleted(group: u64) -> Retention {
    Retention { deleted_groups: HashSet::from([GroupId(group)]), ..Retention::default() }
}

fn kept_for(ms: i64) -> Retention {
    let logs: HashMap<_, _> = GROUPS.map(|group| (GroupId(group), ms)).collect();
    Retention { logs, metrics_ms: Some(ms), ..Retention::default() }
}

#[tokio::test]
async fn all_that_was_acknowledged_is_seen_before_and_after_flushes_and_merges() {
    let world = World::new();
    let writer = world.writer().await;
    world.append(&writer).await;
    let reader = world.reader().await;
    world.assert_same(&writer, &reader).await;
    for round in 0..20 {
        world.append(&writer).await;
        world.follows(&writer, &reader).await;
        if round % 2 == 0 {
            writer.flush().await.unwrap();
            world.follows(&writer, &reader).await;
            reader.look().await.unwrap();
            world.assert_same(&writer, &reader).await;
            assert_eq!(reader.health().memtable_bytes, 0, "what is in segments is in no memtable");
        }
    }
    let before = writer.health().segments;
    writer.maintain(&Retention::default()).await.unwrap();
    assert!(writer.health().segments < before, "segments were merged");
    reader.look().await.unwrap();
    assert_eq!(reader.health().segments, writer.health().segments);
    world.assert_same(&writer, &reader).await;
    // One that is opened later, or was long asleep, is where the others are.
    world.assert_same(&writer, &world.reader().await).await;
}

#[tokio::test]
async fn what_is_removed_goes_with_the_next_look() {
    let world = World::new();
    let writer = world.writer().await;
    for _ in 0..3 {
        world.append(&writer).await;
        writer.flush().await.unwrap();
    }
    world.append(&writer).await;
    let reader = world.reader().await;
    let all = seen(&reader, &world.clock).await;
    writer.maintain(&deleted(2)).await.unwrap();
    world.append(&writer).await;
    reader.catch_up(writer.acknowledged().unwrap()).await.unwrap();
    assert!(seen(&reader, &world.clock).await.logs[1].len() > all.logs[1].len(), "the deletion is not known yet");
    reader.look().await.unwrap();
    world.assert_same(&writer, &reader).await;
    assert!(seen(&reader, &world.clock).await.logs[1].is_empty());
    world.clock.advance(2 * HOUR);
    world.append(&writer).await;
    writer.maintain(&kept_for(HOUR)).await.unwrap();
    reader.look().await.unwrap();
    world.assert_same(&writer, &reader).await;
    writer.flush().await.unwrap();
    let expiry = EventExpiry { below: u64::MAX, before: world.clock.now() - HOUR, ..EventExpiry::default() };
    while writer.expire_events(&expiry).await.unwrap() {}
    reader.look().await.unwrap();
    world.assert_same(&writer, &reader).await;
    writer.reset().await.unwrap();
    reader.look().await.unwrap();
    world.assert_same(&writer, &reader).await;
    assert!(reader.list_series(&all_series()).is_empty());
    world.append(&writer).await;
    world.follows(&writer, &reader).await;
}

#[tokio::test]
async fn a_series_without_points_is_forgotten_and_its_number_given_again() {
    let world = World::new();
    let writer = world.writer().await;
    let options = Options { recent_metric_bytes_max: 0, ..options_of(&world) };
    let reader = Store::open_reader(options, world.clock()).await.unwrap();
    let append = async |name: &str, instance| {
        let point = point(&series(name, instance), world.clock.now().0, Observation::value(instance as f64));
        writer.append(Batch { datapoints: vec![point], ..logs(vec![log(1, 1, 1, "kept")]) }).await.unwrap();
    };
    for round in 0..6 {
        // Each round has three series of its own.
        for instance in 0..3 {
            append(&format!("metric-{round}"), instance).await;
            world.follows(&writer, &reader).await;
        }
        writer.flush().await.unwrap();
        reader.look().await.unwrap();
        world.assert_same(&writer, &reader).await;
        world.clock.advance(2 * HOUR);
        let metrics_ms = Some(HOUR);
        writer.maintain(&Retention { metrics_ms, ..Retention::default() }).await.unwrap();
        reader.look().await.unwrap();
        world.assert_same(&writer, &reader).await;
        assert!(reader.list_series(&all_series()).is_empty(), "round {round}");
        assert!(!writer.list_series(&all_series()).is_empty(), "the writer knows them for a day");
    }
}

#[tokio::test]
async fn points_of_before_a_reset_are_not_taken_for_recent_ones() {
    let world = World::new();
    let writer = world.writer().await;
    world.append(&writer).await;
    writer.flush().await.unwrap();
    // No segment has points of the last half hour: those come from memory.
    world.clock.advance(HOUR);
    world.append(&writer).await;
    let reader = world.reader().await;
    writer.reset().await.unwrap();
    world.append(&writer).await;
    // It has the objects of before and after the reset, and then learns of both the reset and the flush.
    reader.catch_up(writer.acknowledged().unwrap()).await.unwrap();
    writer.flush().await.unwrap();
    reader.look().await.unwrap();
    world.assert_same(&writer, &reader).await;
}

#[tokio::test]
async fn a_reader_that_looks_between_any_two_steps_of_a_flush_sees_each_record_once() {
    for first_look in 0..14 {
        let world = World::new();
        let writer = world.writer().await;
        let reader = world.reader().await;
        let _ = world.reached.watch.set((reader.clone(), Arc::clone(&world.clock)));
        for round in 0..8 {
            world.append(&writer).await;
            if round % 3 == 0 {
                reader.look().await.unwrap();
            }
            *world.reached.expected.lock().unwrap() = Some(seen(&writer, &world.clock).await);
            world.reached.writes_until_look.store(first_look, Ordering::SeqCst);
            writer.flush().await.unwrap();
            if round == 7 {
                writer.maintain(&Retention::default()).await.unwrap();
            }
            *world.reached.expected.lock().unwrap() = None;
        }
        assert!(world.reached.looks.load(Ordering::SeqCst) > 0, "{first_look}: there are so many steps");
        reader.look().await.unwrap();
        world.assert_same(&writer, &reader).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn scans_beside_a_reader_that_follows_never_see_less_than_before_and_nothing_twice() {
    let world = Arc::new(World { memtable_bytes_max: 24 * 1024, ..World::new() });
    let writer = world.writer().await;
    world.append(&writer).await;
    let reader = world.reader().await;
    let is_done = Arc::new(AtomicUsize::new(0));
    let scanning = tokio::spawn({
        let (reader, is_done, world) = (reader.clone(), Arc::clone(&is_done), Arc::clone(&world));
        async move {
            let (mut before, mut scans) = ((0, 0, 0), 0);
            while is_done.load(Ordering::SeqCst) == 0 || scans == 0 {
                let lines = lines(&reader, log_scan(1, Direction::Forward), usize::MAX).await;
                let unique: HashSet<u64> = lines.iter().map(|line| line.sequence).collect();
                assert_eq!(unique.len(), lines.len());
                let events = events(&reader, event_scan(Direction::Forward), usize::MAX).await;
                let unique: HashSet<u64> = events.iter().map(|row| row.sequence).collect();
                assert_eq!(unique.len(), events.len());
                let points: usize = points(&reader, TimeRange::ALL).await.iter().map(|(_, points)| points.len()).sum();
                assert!(points <= world.batches.load(Ordering::SeqCst) as usize * 4, "points are there twice");
                let now = (lines.len(), events.len(), points);
                assert!(before.0 <= now.0 && before.1 <= now.1 && before.2 <= now.2, "{before:?}, then {now:?}");
                (before, scans) = (now, scans + 1);
            }
        }
    });
    for round in 0..20 {
        for _ in 0..3 {
            world.append(&writer).await;
            if round % 3 == 0 {
                reader.catch_up(writer.acknowledged().unwrap()).await.unwrap();
            }
        }
        if round % 2 == 0 {
            writer.flush().await.unwrap();
        }
        if round % 10 == 0 {
            writer.maintain(&Retention::default()).await.unwrap();
        }
        if round % 4 != 3 {
            reader.look().await.unwrap();
        }
    }
    is_done.store(1, Ordering::SeqCst);
    scanning.await.unwrap();
    reader.look().await.unwrap();
    world.assert_same(&writer, &reader).await;
}

#[tokio::test]
async fn it_goes_on_with_the_next_writer_also_after_epochs_that_wrote_nothing() {
    let world = World::new();
    let mut writer = world.writer().await;
    let reader = world.reader().await;
    for round in 0..6 {
        for _ in 0..round % 3 {
            world.append(&writer).await;
        }
        if round % 2 == 0 {
            world.follows(&writer, &reader).await;
        }
        if round == 3 {
            writer.flush().await.unwrap();
            world.append(&writer).await;
        }
        let old = std::mem::replace(&mut writer, world.writer().await);
        let first = writer.acknowledged().unwrap();
        assert!(first > old.acknowledged().unwrap());
        if round % 2 == 1 {
            // The very first mark of the new one stands for all of the old ones.
            world.follows(&writer, &reader).await;
        }
        assert!(old.append(world.batch()).await.is_err());
    }
    world.append(&writer).await;
    world.follows(&writer, &reader).await;
    writer.flush().await.unwrap();
    world.append(&writer).await;
    reader.look().await.unwrap();
    world.assert_same(&writer, &reader).await;
    let is_taken = futures::FutureExt::now_or_never(reader.taken_over());
    assert!(is_taken.is_none());
}

#[tokio::test]
async fn one_that_slept_goes_on_behind_what_was_removed() {
    let world = World::new();
    let writer = world.writer().await;
    world.append(&writer).await;
    let reader = world.reader().await;
    let mut follower = reader.tail_events();
    for _ in 0..5 {
        for _ in 0..3 {
            world.append(&writer).await;
        }
        writer.flush().await.unwrap();
        writer.maintain(&Retention::default()).await.unwrap();
    }
    world.append(&writer).await;
    world.follows(&writer, &reader).await;
    let followed = follower.next(usize::MAX).await;
    assert_eq!((followed.lost, followed.events.len()), (45, 3), "who follows learns what was passed over");
    // All are flushed, and then there is a new writer.
    writer.flush().await.unwrap();
    let writer = world.writer().await;
    world.append(&writer).await;
    writer.flush().await.unwrap();
    world.follows(&writer, &reader).await;
}

#[tokio::test]
async fn a_reader_answers_that_it_only_reads() {
    let world = World::new();
    let writer = world.writer().await;
    world.append(&writer).await;
    let reader = world.reader().await;
    let refusals = [
        reader.append(world.batch()).await.map(|_| ()),
        reader.flush().await,
        reader.reset().await,
        reader.settle(true).await,
        reader.maintain(&Retention::default()).await,
        reader.expire_events(&EventExpiry::default()).await.map(|_| ()),
        reader.flushed_manifest().await.map(|_| ()),
    ];
    for refusal in refusals {
        let error = refusal.unwrap_err();
        assert!(matches!(error, Error::ReadOnly), "{error}");
        assert_eq!(model::Classify::kind(&error), ErrorKind::Unavailable);
    }
    let health = reader.health();
    assert_eq!((health.poisoned, health.flush_error), (None, None));
    assert!(health.journal_bytes > 0 && health.memtable_bytes > 0);
    reader.close().await.unwrap();
    assert!(matches!(writer.look().await, Err(Error::Bug(_))));
    assert!(writer.catch_up(writer.acknowledged().unwrap()).await.is_ok());
}

#[tokio::test]
async fn a_store_that_is_not_there_yet_is_empty_and_others_are_refused() {
    let world = World::new();
    let reader = world.reader().await;
    assert_eq!(reader.acknowledged(), None);
    reader.look().await.unwrap();
    let writer = world.writer().await;
    world.follows(&writer, &reader).await;
    world.append(&writer).await;
    world.follows(&writer, &reader).await;
    // A mark that no writer gave is an error, and harms no other.
    let mark = writer.acknowledged().unwrap();
    let (bad, good) = tokio::join!(reader.catch_up(mark + 5), reader.catch_up(mark));
    assert!(matches!(bad, Err(Error::Corrupt { .. })), "{bad:?}");
    good.unwrap();
    world.append(&writer).await;
    world.follows(&writer, &reader).await;
    let local = World::new();
    let options = Options { durability: Durability::Local, ..local.options(Arc::clone(&local.reached)) };
    let elsewhere = Store::open(options, local.clock()).await.unwrap();
    assert_eq!(elsewhere.acknowledged(), None);
    let refused = Store::open_reader(local.options(Reached::new(&local.objects, false)), local.clock()).await;
    assert!(matches!(refused, Err(Error::JournalElsewhere { .. })), "{refused:?}");
    let refused = Store::open_reader(Options { objects: None, ..options_of(&local) }, local.clock()).await;
    assert!(matches!(refused, Err(Error::Bug(_))));
}

fn options_of(world: &World) -> Options {
    world.options(Reached::new(&world.objects, false))
}

/// Sets whether a journal object says that a memtable begins with it.
async fn say(objects: &InMemory, path: &str, begins_memtable: u32) {
    let path = ObjectPath::from(path);
    let mut bytes = objects.get(&path).await.unwrap().bytes().await.unwrap().to_vec();
    bytes[44..48].copy_from_slice(&begins_memtable.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..48]);
    bytes[48..52].copy_from_slice(&crc.to_le_bytes());
    objects.put(&path, bytes.into()).await.unwrap();
}

#[tokio::test]
async fn each_object_is_read_once_where_the_writer_says_where_memtables_begin() {
    for is_said in [true, false] {
        let world = World::new();
        let writer = world.writer().await;
        world.append(&writer).await;
        writer.flush().await.unwrap();
        let reached = Reached::new(&world.objects, false);
        let reader = Store::open_reader(world.options(Arc::clone(&reached)), world.clock()).await.unwrap();
        for round in 0..3 {
            world.append(&writer).await;
            world.append(&writer).await;
            world.follows(&writer, &reader).await;
            writer.flush().await.unwrap();
            world.append(&writer).await;
            if !is_said {
                // As writers of before there were readers.
                say(&world.objects, &format!("journal/00000001/{:013}", 4 + 3 * round), 0).await;
            }
            // Of the next memtable, before the reader learns what is in segments.
            world.follows(&writer, &reader).await;
            reader.look().await.unwrap();
            world.assert_same(&writer, &reader).await;
            assert_eq!(reader.health().memtable_bytes, writer.health().memtable_bytes);
        }
        let reads = reached.journal_reads.lock().unwrap().clone();
        let read: HashSet<&String> = reads.iter().collect();
        assert_eq!(read.len() == reads.len(), is_said, "{reads:?}");
    }
}

#[tokio::test]
async fn large_objects_are_read_whole_and_memory_that_is_full_is_no_error() {
    let world = World::new();
    let writer = world.writer().await;
    let small = Options { memtable_bytes_max: 4096, ..options_of(&world) };
    let reader = Store::open_reader(small, world.clock()).await.unwrap();
    for part in 0..4 {
        let text = "x".repeat(200_000);
        let large = (0..8).map(|n| log(1, 1, part * 10 + n, &format!("{part} {n} {text}"))).collect();
        writer.append(logs(large)).await.unwrap();
        for _ in 0..10 {
            world.append(&writer).await;
        }
        if part == 1 {
            writer.flush().await.unwrap();
        }
    }
    world.follows(&writer, &reader).await;
}

#[tokio::test]
async fn many_who_wait_for_marks_share_the_reads_and_one_who_goes_away_leaves_no_record_twice() {
    let world = World::new();
    let writer = world.writer().await;
    let reader = world.reader().await;
    for _ in 0..30 {
        world.append(&writer).await;
        // Given up after the first step, whatever that is.
        let mark = writer.acknowledged().unwrap();
        for _ in 0..3 {
            let _ = futures::poll!(Box::pin(reader.catch_up(mark)));
            tokio::task::yield_now().await;
        }
    }
    let last = writer.acknowledged().unwrap();
    let waiting = (0..40).map(|n| reader.catch_up(last - n % 20));
    for caught_up in futures::future::join_all(waiting).await {
        caught_up.unwrap();
    }
    world.assert_same(&writer, &reader).await;
}

#[derive(Debug, Clone)]
enum Action {
    Append(usize),
    Flush,
    Maintain,
    Remove(u64),
    Expire,
    ExpireEvents,
    Reset,
    /// By a new node, after so many others that wrote nothing.
    TakeOver(usize),
    Wait(i64),
    Look,
    CatchUp,
    OpenReader,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        16 => (1usize..6).prop_map(Action::Append),
        8 => Just(Action::Flush),
        3 => Just(Action::Maintain),
        1 => (1u64..4).prop_map(Action::Remove),
        1 => Just(Action::Expire),
        1 => Just(Action::ExpireEvents),
        1 => Just(Action::Reset),
        2 => (0usize..3).prop_map(Action::TakeOver),
        3 => (1i64..40).prop_map(Action::Wait),
        6 => Just(Action::Look),
        8 => Just(Action::CatchUp),
        1 => Just(Action::OpenReader),
    ]
}

async fn run(actions: Vec<Action>) {
    let world = World { memtable_bytes_max: 12 * 1024, ..World::new() };
    let (mut writer, mut reader) = (world.writer().await, world.reader().await);
    let mut is_removed = false;
    for action in actions {
        match action {
            Action::Append(batches) => {
                for _ in 0..batches {
                    world.append(&writer).await;
                }
            }
            Action::Flush => writer.flush().await.unwrap(),
            Action::Maintain => writer.maintain(&Retention::default()).await.unwrap(),
            Action::Remove(group) => writer.maintain(&deleted(group)).await.unwrap(),
            Action::Expire => writer.maintain(&kept_for(20 * MINUTE)).await.unwrap(),
            Action::ExpireEvents => {
                let before = world.clock.now() - 20 * MINUTE;
                let expiry = EventExpiry { below: u64::MAX, before, ..EventExpiry::default() };
                while writer.expire_events(&expiry).await.unwrap() {}
            }
            Action::Reset => writer.reset().await.unwrap(),
            Action::TakeOver(others) => {
                for _ in 0..others {
                    drop(world.writer().await);
                }
                writer = world.writer().await;
            }
            Action::Wait(minutes) => {
                world.clock.advance(minutes * MINUTE);
            }
            Action::Look => reader.look().await.unwrap(),
            Action::CatchUp => reader.catch_up(writer.acknowledged().unwrap()).await.unwrap(),
            Action::OpenReader => reader = world.reader().await,
        }
        writer.settle(true).await.unwrap();
        match action {
            Action::Remove(_) | Action::Expire | Action::ExpireEvents | Action::Reset => is_removed = true,
            // Manifests come with removals, after which groups are used that should not be; only what is shown counts.
            Action::Look | Action::OpenReader => {
                is_removed = false;
                world.assert_same(&writer, &reader).await;
            }
            Action::CatchUp if !is_removed => world.assert_same(&writer, &reader).await,
            _ => {}
        }
    }
    reader.look().await.unwrap();
    world.assert_same(&writer, &reader).await;
    world.assert_same(&writer, &world.reader().await).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_reader_shows_what_its_writer_shows(actions in prop::collection::vec(action(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        runtime.block_on(run(actions));
    }
}
