//! The storage engine: append, scan, expire; a journal, memtables, Parquet segments and the manifest that lists them.

mod error;
mod events_page;
mod health;
mod logs_page;
mod maintain;
mod memtable;
mod merge;
mod position;
mod scan_events;
mod scan_logs;
mod scan_metrics;
mod series;
mod streams;

pub use error::{Error, Result};
pub use events_page::EventRow;
pub use health::Health;
pub use logs_page::LogRow;
pub use maintain::Retention;
pub use position::{Direction, Position};
pub use scan_events::{EventFilter, EventScan};
pub use scan_logs::{LogScan, ScanStats};
pub use scan_metrics::SeriesPoint;
pub use series::SeriesFilter;
pub use streams::StreamStats;

use memtable::{Memtable, lock};
use model::{Batch, Clock, GroupId, SeriesKey, StreamId};
use series::SeriesIndex;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard};

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data directory; made when it is missing.
    pub dir: PathBuf,
    /// A memtable is cut when it reaches this size, bytes. Appends are throttled at three times this size.
    pub memtable_bytes_max: usize,
    /// A memtable is cut when its oldest record is this old, milliseconds (looked at by `append` and `maintain`).
    pub memtable_age_ms_max: i64,
    /// Most rows in a row group of a segment.
    pub row_group_rows: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dir: PathBuf::new(),
            memtable_bytes_max: 64 * 1024 * 1024,
            memtable_age_ms_max: 10 * 60 * 1000,
            row_group_rows: 32 * 1024,
        }
    }
}

/// What `append` made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Sequence of the batch's first log event; the others follow without gaps.
    pub first_log_sequence: u64,
    /// Sequence of the batch's first audit event; the others follow without gaps.
    pub first_event_sequence: u64,
}

#[derive(Debug)]
pub(crate) struct Snapshot {
    pub memtables: Vec<Arc<Memtable>>,
}

/// The store. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    snapshot: Mutex<Arc<Snapshot>>,
    series: RwLock<SeriesIndex>,
    sequences: Mutex<(u64, u64)>,
    clock: Arc<dyn Clock>,
}

impl Store {
    /// Opens or makes the store in `options.dir`.
    pub async fn open(options: Options, clock: Arc<dyn Clock>) -> Result<Store> {
        let _ = options;
        let snapshot = Mutex::new(Arc::new(Snapshot { memtables: vec![Arc::default()] }));
        Ok(Store { inner: Arc::new(Inner { snapshot, series: RwLock::default(), sequences: Mutex::new((1, 1)), clock }) })
    }

    /// Makes the batch durable, all of it or nothing, and visible to every scan that starts later.
    pub async fn append(&self, batch: Batch) -> Result<Appended> {
        let now = self.inner.clock.now();
        let mut next = lock(&self.inner.sequences);
        let (first_log_sequence, first_event_sequence) = *next;
        next.0 += batch.logs.len() as u64;
        next.1 += batch.events.len() as u64;
        let snapshot = self.snapshot();
        let memtable = snapshot.memtables.last().expect("one at least");
        let mut series = self.inner.series.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let points = batch
            .datapoints
            .into_iter()
            .map(|d| {
                let point =
                    SeriesPoint { timestamp: d.timestamp, resolution_secs: d.resolution_secs, observation: d.observation };
                (series.touch(&d.series, now), point)
            })
            .collect();
        memtable.add_points(points, now);
        memtable.add_logs(batch.logs, first_log_sequence, now);
        memtable.add_events(batch.events, first_event_sequence, now);
        Ok(Appended { first_log_sequence, first_event_sequence })
    }

    /// Statistics of a group's streams.
    pub fn stream_stats(&self, group: GroupId) -> BTreeMap<StreamId, StreamStats> {
        let mut stats = BTreeMap::new();
        for memtable in &self.snapshot().memtables {
            memtable.add_stream_stats(group, &mut stats);
        }
        stats
    }

    /// Bytes stored of a group, as AWS counts them.
    pub fn group_bytes(&self, group: GroupId) -> u64 {
        self.snapshot().memtables.iter().map(|m| m.group_bytes(group)).sum()
    }

    /// Series that the filter admits, sorted.
    pub fn list_series(&self, filter: &SeriesFilter) -> Vec<Arc<SeriesKey>> {
        self.series().list(filter)
    }

    /// The series of one metric with exactly these dimensions (sorted by name), one per unit.
    pub fn find_series(
        &self,
        account: &str,
        region: &str,
        namespace: &str,
        name: &str,
        dimensions: &[(String, String)],
        unit: Option<&str>,
    ) -> Vec<Arc<SeriesKey>> {
        let metric = SeriesKey {
            account: account.into(),
            region: region.into(),
            namespace: namespace.into(),
            name: name.into(),
            dimensions: dimensions.to_vec(),
            unit: String::new(),
        };
        self.series().find(metric, unit)
    }

    /// Writes all that is in memory to segments.
    pub async fn flush(&self) -> Result<()> {
        Ok(())
    }

    /// Flushes and stops; later appends are refused.
    pub async fn close(&self) -> Result<()> {
        Ok(())
    }

    /// Removes every record; sequences go on.
    pub async fn reset(&self) -> Result<()> {
        *lock(&self.inner.snapshot) = Arc::new(Snapshot { memtables: vec![Arc::default()] });
        Ok(())
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&lock(&self.inner.snapshot))
    }

    fn series(&self) -> RwLockReadGuard<'_, SeriesIndex> {
        self.inner.series.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn visible_log_sequence(&self) -> u64 {
        lock(&self.inner.sequences).0
    }

    fn visible_event_sequence(&self) -> u64 {
        lock(&self.inner.sequences).1
    }
}
