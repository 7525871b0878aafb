//! Records, options, a disk and an object store that fail when told, and scans collected into lists.

use async_trait::async_trait;
use futures::stream::BoxStream;
use model::clock::ManualClock;
use model::{
    Batch, Datapoint, Event, EventResource, GroupId, LogEvent, Observation, SeriesKey, StreamId, TimeRange, Timestamp,
};
use object_store::path::Path as ObjectPath;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult,
};
use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use store::{
    Direction, Disk, DiskFile, EventRow, EventScan, LocalDisk, LogScan, Options, Position, SeriesFilter, SeriesPoint,
    Store,
};

pub const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A log event as a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub stream: u64,
    pub timestamp: i64,
    pub ingestion_time: i64,
    pub sequence: u64,
    pub message: String,
}

pub fn log(group: u64, stream: u64, timestamp: i64, message: &str) -> LogEvent {
    LogEvent {
        group: GroupId(group),
        stream: StreamId(stream),
        timestamp: Timestamp(timestamp),
        ingestion_time: Timestamp(timestamp + 7),
        message: message.into(),
    }
}

pub fn logs(logs: Vec<LogEvent>) -> Batch {
    Batch { logs, ..Batch::default() }
}

pub fn series(name: &str, instance: u64) -> Arc<SeriesKey> {
    Arc::new(SeriesKey {
        account: "123456789012".into(),
        region: "us-east-1".into(),
        namespace: "App".into(),
        name: name.into(),
        dimensions: vec![("Instance".into(), instance.to_string())],
        unit: "Count".into(),
    })
}

pub fn point(series: &Arc<SeriesKey>, timestamp: i64, observation: Observation) -> Datapoint {
    let (series, timestamp) = (Arc::clone(series), Timestamp(timestamp));
    Datapoint { series, timestamp, resolution_secs: if timestamp.0 % 2 == 0 { 60 } else { 1 }, observation }
}

pub fn event(id: &str, time: i64) -> Event {
    Event {
        event_id: id.into(),
        account: "123456789012".into(),
        region: "us-east-1".into(),
        time: Timestamp(time),
        ingestion_time: Timestamp(time + 9),
        name: format!("Call{}", time % 3),
        source: "s3.amazonaws.com".into(),
        category: "Management".into(),
        username: format!("user{}", time % 5),
        access_key_id: format!("AKIA{}", time % 7),
        read_only: [None, Some(true), Some(false)][time.rem_euclid(3) as usize],
        error_code: if time % 4 == 0 { "AccessDenied".into() } else { String::new() },
        source_ip: "10.0.0.1".into(),
        user_arn: "arn:aws:iam::123456789012:root".into(),
        resources: (0..time % 3)
            .map(|n| EventResource { resource_type: "AWS::S3::Bucket".into(), name: format!("bucket{n}") })
            .collect(),
        record: format!("{{\"eventID\":\"{id}\",\"é\":{time}}}"),
    }
}

pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(NOW))
}

/// Small row groups, so that little data makes many of them; no roll-ups, for most times in these tests are long ago; no rests.
pub fn options(dir: &Path) -> Options {
    Options { dir: dir.into(), row_group_rows: 16, metric_tiers: Vec::new(), rewrite_share: 1.0, ..Options::default() }
}

pub async fn open(dir: &Path) -> Store {
    Store::open(options(dir), clock()).await.expect("the store opens")
}

pub fn log_scan(group: u64, direction: Direction) -> LogScan {
    LogScan { group: GroupId(group), streams: None, range: TimeRange::ALL, direction, after: None }
}

pub fn event_scan(direction: Direction) -> EventScan {
    EventScan { account: None, region: None, range: TimeRange::ALL, direction, after: None, filter: None }
}

/// At most `limit` rows of a scan.
pub async fn lines(store: &Store, scan: LogScan, limit: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut visit = |row: store::LogRow<'_>| {
        lines.push(Line {
            stream: row.stream.0,
            timestamp: row.timestamp.0,
            ingestion_time: row.ingestion_time.0,
            sequence: row.sequence,
            message: row.message.into(),
        });
        if lines.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    store.scan_logs(scan, &mut visit).await.expect("the scan works");
    lines
}

/// At most `limit` rows of a scan.
pub async fn events(store: &Store, scan: EventScan, limit: usize) -> Vec<EventRow> {
    let mut rows = Vec::new();
    let mut visit = |row: &EventRow| {
        rows.push(row.clone());
        if rows.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    store.scan_events(scan, &mut visit).await.expect("the scan works");
    rows
}

pub fn all_series() -> SeriesFilter {
    SeriesFilter { account: "123456789012".into(), region: "us-east-1".into(), ..SeriesFilter::default() }
}

/// All points of all series, with the exact bits of their floats, in a comparable order.
pub async fn points(store: &Store, range: TimeRange) -> Vec<(SeriesKey, Vec<String>)> {
    let series = store.list_series(&all_series());
    let points = store.scan_series(&series, range).await.expect("the scan works");
    for points in &points {
        assert!(points.is_sorted_by_key(|point| point.timestamp));
    }
    let exact = |points: Vec<SeriesPoint>| {
        let mut texts: Vec<String> = points.iter().map(exact_point).collect();
        texts.sort();
        texts
    };
    series.iter().map(|key| SeriesKey::clone(key)).zip(points.into_iter().map(exact)).collect()
}

/// A point with the bits of its floats.
pub fn exact_point(point: &SeriesPoint) -> String {
    let bits = match &point.observation {
        Observation::Values(pairs) => {
            format!("values {:?}", pairs.iter().map(|(v, c)| (v.to_bits(), c.to_bits())).collect::<Vec<_>>())
        }
        Observation::Set { count, sum, min, max } => {
            format!("set {:?}", [count, sum, min, max].map(|value| value.to_bits()))
        }
    };
    format!("{} {} {bits}", point.timestamp.0, point.resolution_secs)
}

/// Positions of the last row of a page, to go on after it.
pub fn after(line: &Line) -> Position {
    (Timestamp(line.timestamp), line.sequence)
}

/// A local disk that remembers what was synced. `lose_power` drops the rest, or a part of it.
#[derive(Debug, Default)]
pub struct FaultyDisk {
    files: Arc<Mutex<BTreeMap<PathBuf, (u64, u64)>>>,
    fail_sync: Arc<AtomicBool>,
    fail_write: Arc<AtomicBool>,
    full: Arc<AtomicBool>,
    /// Which files were rewritten, and from where on; only where something was.
    rewritten: Mutex<Vec<(PathBuf, u64)>>,
}

impl FaultyDisk {
    /// Syncs work again.
    pub fn heal_syncs(&self) {
        self.fail_sync.store(false, Ordering::SeqCst);
    }

    /// Which files were rewritten, and from where on; only where something was.
    pub fn rewritten(&self) -> Vec<(PathBuf, u64)> {
        self.rewritten.lock().unwrap().clone()
    }

    /// All later syncs fail.
    pub fn fail_sync(&self) {
        self.fail_sync.store(true, Ordering::SeqCst);
    }

    /// All later writes write half of their bytes and fail, because the disk is full; until there is room again.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// All later writes write half of their bytes and fail.
    pub fn fail_write(&self) {
        self.fail_write.store(true, Ordering::SeqCst);
    }

    /// Cuts every file to what was synced plus `part` (0.0 to 1.0) of the rest, and heals the disk.
    pub fn lose_power(&self, part: f64) {
        for (path, (synced, written)) in self.files.lock().unwrap().iter_mut() {
            let kept = *synced + ((*written - *synced) as f64 * part) as u64;
            if path.exists() {
                LocalDisk.truncate(path, kept).unwrap();
            }
            (*synced, *written) = (kept, kept);
        }
        self.fail_sync.store(false, Ordering::SeqCst);
        self.fail_write.store(false, Ordering::SeqCst);
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = LocalDisk.create(path)?;
        self.files.lock().unwrap().insert(path.into(), (0, 0));
        let (fail_sync, fail_write) = (Arc::clone(&self.fail_sync), Arc::clone(&self.fail_write));
        let (files, full) = (Arc::clone(&self.files), Arc::clone(&self.full));
        Ok(Box::new(FaultyFile { path: path.into(), file, files, fail_sync, fail_write, full }))
    }

    /// `sim` has a disk that can, and what becomes of such files when power fails.
    fn reuse(&self, _: &Path, _: &Path, _: &[u8]) -> io::Result<Box<dyn DiskFile>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        LocalDisk.read(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        LocalDisk.list(folder)
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        self.files.lock().unwrap().insert(path.into(), (len, len));
        LocalDisk.truncate(path, len)
    }

    fn rewrite(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        let len = at + bytes.len() as u64;
        // What lies before, and was not synced, stays so.
        let synced = self.files.lock().unwrap().get(path).map_or(at, |file| file.0);
        let synced = if synced >= at { len } else { synced };
        self.files.lock().unwrap().insert(path.into(), (synced, len));
        if !bytes.is_empty() {
            self.rewritten.lock().unwrap().push((path.into(), at));
        }
        LocalDisk.rewrite(path, at, bytes)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        LocalDisk.remove(path)
    }

    fn stage(&self, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
        LocalDisk.stage(path, parts)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        LocalDisk.rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        LocalDisk.link(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        LocalDisk.sync_folder(folder)
    }
}

#[derive(Debug)]
struct FaultyFile {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    files: Arc<Mutex<BTreeMap<PathBuf, (u64, u64)>>>,
    fail_sync: Arc<AtomicBool>,
    fail_write: Arc<AtomicBool>,
    full: Arc<AtomicBool>,
}

impl DiskFile for FaultyFile {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let full = self.full.load(Ordering::SeqCst);
        let fails = full || self.fail_write.load(Ordering::SeqCst);
        let bytes = if fails { &bytes[..bytes.len() / 2] } else { bytes };
        self.file.write(at, bytes)?;
        self.files.lock().unwrap().get_mut(&self.path).unwrap().1 += bytes.len() as u64;
        match (fails, full) {
            (_, true) => Err(io::ErrorKind::StorageFull.into()),
            (true, false) => Err(io::Error::other("no space left")),
            (false, false) => Ok(()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.fail_sync.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is gone"));
        }
        let mut files = self.files.lock().unwrap();
        let file = files.get_mut(&self.path).unwrap();
        file.0 = file.1;
        Ok(())
    }
}

/// An object store in memory whose puts fail when told, before or after they have their effect.
#[derive(Debug)]
pub struct FaultyObjects {
    pub inner: object_store::memory::InMemory,
    /// Puts until they begin to fail.
    pub puts_until_fault: AtomicI64,
    pub fault_after_effect: AtomicBool,
}

impl FaultyObjects {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: object_store::memory::InMemory::new(),
            puts_until_fault: AtomicI64::new(i64::MAX),
            fault_after_effect: AtomicBool::new(false),
        })
    }

    /// After `puts` more of them, all puts fail until `heal`: how often the flusher retries must not matter.
    pub fn fail_puts(&self, puts: i64, after_effect: bool) {
        self.fault_after_effect.store(after_effect, Ordering::SeqCst);
        self.puts_until_fault.store(puts, Ordering::SeqCst);
    }

    /// Puts work again.
    pub fn heal(&self) {
        self.puts_until_fault.store(i64::MAX, Ordering::SeqCst);
    }
}

impl std::fmt::Display for FaultyObjects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FaultyObjects")
    }
}

#[async_trait]
impl ObjectStore for FaultyObjects {
    async fn put_opts(
        &self,
        location: &ObjectPath,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        let faulty = self.puts_until_fault.fetch_sub(1, Ordering::SeqCst) <= 0;
        let fault = || object_store::Error::Generic { store: "faulty", source: "the network is gone".into() };
        if faulty && !self.fault_after_effect.load(Ordering::SeqCst) {
            return Err(fault());
        }
        let put = self.inner.put_opts(location, payload, options).await?;
        if faulty { Err(fault()) } else { Ok(put) }
    }

    async fn put_multipart_opts(
        &self,
        location: &ObjectPath,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &ObjectPath, options: GetOptions) -> object_store::Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<ObjectPath>>,
    ) -> BoxStream<'static, object_store::Result<ObjectPath>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&ObjectPath>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&ObjectPath>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &ObjectPath, to: &ObjectPath, options: CopyOptions) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
