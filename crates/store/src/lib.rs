//! The storage engine: append, scan, expire; a journal, memtables, Parquet segments and the manifest that lists them.
//!
//! **Promise.** An append that returned Ok survives kill -9 and power loss, is stored exactly once, and every scan that
//! starts later sees it. How: `append.rs` writes a batch to the journal (`journal.rs`) and syncs, many batches with one sync;
//! then it adds the records to the active memtable (`memtable.rs`) and answers. Large or old memtables are cut and turned into
//! segments (`flush.rs`, `segment.rs`); the manifest (`manifest.rs`) commits that, and only then the journal behind it goes. Scans
//! (`scan_*.rs`) read one snapshot (`state.rs`), in which a record is in exactly one memtable or segment.
//!
//! Followers see log events (`follow.rs`) and audit events (`follow_events.rs`) in the order in which they were accepted.
//!
//! A data directory holds `LOCK`, `journal/` and, unless another object store is given, `objects/`. Another object store may be
//! reached by several nodes, of which one at a time writes (`owner.rs`); the journal may be in it, too (`journal/objects.rs`), so that
//! a lost node loses nothing. Then the other nodes may open the store for reading (`reader.rs`): they follow its writer through journal and
//! manifest, and answer as it does.

mod active_journal;
mod append;
mod backup;
mod check;
mod chunk;
mod codec;
mod compact;
mod compact_metrics;
mod disk;
mod error;
mod event_tail;
mod event_tree;
mod events_page;
mod expire_events;
mod export;
mod filter_cache;
mod find_events;
mod flush;
mod folder;
mod follow;
mod follow_events;
mod frame;
mod go_back;
mod health;
mod journal;
mod lock;
mod log_fields;
mod logs_page;
mod maintain;
mod manifest;
mod memtable;
mod merge;
mod metric_lines;
mod migrate;
mod numbers;
mod open;
mod open_tables;
mod owner;
mod pace;
mod part_cache;
mod points;
mod position;
mod reader;
mod recent;
mod rollup;
mod scan_events;
mod scan_logs;
mod scan_metrics;
mod search_logs;
mod search_threads;
mod segment;
mod series;
mod sketch;
mod state;
mod streams;
mod table;
mod table_events;
mod table_fields;
mod table_read;
mod table_texts;
mod text_column;
mod tickets;
mod tiers;
mod token_filter;

pub use backup::{BackedUp, backup, backup_segments, copy_file, has_journal};
pub use check::{Checked, Problem, check};
pub use disk::{Disk, DiskFile, LocalDisk};
pub use error::{Error, Result};
pub use event_tail::{EventFollower, TailedEvents};
pub use event_tree::{EventLeaves, EventTree, EventTreeCheck};
pub use events_page::EventRow;
pub use expire_events::{EventExpiry, HeldEvents, LeftEvents};
pub use follow::{Arrived, Followed, FollowedLog};
pub use follow_events::FollowedEvents;
pub use frame::{decode_batch, encode_batch};
pub use go_back::go_back;
pub use health::Health;
pub use log_fields::LogField;
pub use logs_page::LogRow;
pub use maintain::Retention;
pub use migrate::{Migrated, migrate};
pub use open_tables::{OpenTables, OpenTablesOptions, StreamName, Synced, TableCommit};
pub use points::{PointSlice, Sample, Samples, Totals};
pub use position::{Direction, Position};
pub use scan_events::{EventFilter, EventScan, EventText};
pub use scan_logs::{LogScan, ScanStats};
pub use scan_metrics::{Gather, Part, SeriesPoint};
pub use search_logs::{LogSearch, Passed, SearchEnd, Searched, TextSearch};
pub use search_threads::wait_for;
pub use series::SeriesFilter;
pub use sketch::Sketch;
pub use streams::StreamStats;
pub use table::{Parts, Table, TableFilter, TablePart, View};
pub use table_events::RecordMembers;
pub use table_fields::FIELD_COLUMNS;
pub use table_read::{OpenPart, PartReader, ReadStats};
pub use text_column::TextColumn;
pub use tickets::{PartTicket, SegmentReader};
pub use tiers::{MetricTier, Tiers};

use append::Command;
use flush::FlushCommand;
use model::{SeriesKey, Timestamp};
use object_store::ObjectStore;
use reader::Reader;
use state::{State, lock};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data directory; made when it is missing.
    pub dir: PathBuf,
    /// A memtable is cut when it reaches this size, bytes. Appends are throttled at three times this size.
    pub memtable_bytes_max: usize,
    /// A memtable is cut when its oldest record is this old, milliseconds (looked at by `append` and `maintain`).
    pub memtable_age_ms_max: i64,
    /// How long an append waits for a flush to make room before it is throttled.
    pub room_wait: Duration,
    /// Most rows in a row group of a segment; those of logs have 8,192 at most.
    pub row_group_rows: usize,
    /// Most memory for token filters that searches have read, bytes.
    pub filter_cache_bytes_max: usize,
    /// Most memory for metric points that are in segments already and still read from memory, bytes.
    pub recent_metric_bytes_max: usize,
    /// The share of a core that merging and rewriting of segments may have, above 0 and up to 1.
    pub rewrite_share: f64,
    /// Threads that searches share.
    pub search_threads: usize,
    /// How long metric points are kept in each resolution, finest first; empty to keep all as they come.
    pub metric_tiers: Vec<MetricTier>,
    /// A secret number, best a random one at each start: it keeps clients from writing messages that recovery would take for
    /// frames of the journal.
    pub salt: u64,
    /// The disk of the journal and of the folder `objects`.
    pub disk: Arc<dyn Disk>,
    /// Where segments and manifest are; `None` for the folder `objects` of the data directory. To open a store elsewhere is to take
    /// it over from whoever has it open.
    pub objects: Option<Arc<dyn ObjectStore>>,
    /// What an append waits for.
    pub durability: Durability,
    /// Most memory for parts of segments that were read from `objects`, bytes.
    pub object_cache_bytes_max: usize,
    /// Open a store whose journal is on the disk of another node, and lose what is in it.
    pub abandon_journal: bool,
    /// How long objects of segments stay that were replaced, milliseconds, so that one can go back to a manifest that lists them; `None` when
    /// nobody wants to.
    pub keep_replaced_ms: Option<i64>,
    /// How long after a put of the journal whose outcome is unknown it is made again.
    pub journal_retry: Duration,
}

/// Where an append is when it is acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// On the disk of this machine.
    #[default]
    Local,
    /// In the object store, which `Options::objects` gives.
    Object,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dir: PathBuf::new(),
            memtable_bytes_max: 64 * 1024 * 1024,
            memtable_age_ms_max: 10 * 60 * 1000,
            room_wait: Duration::from_secs(15),
            row_group_rows: 32 * 1024,
            filter_cache_bytes_max: 32 * 1024 * 1024,
            recent_metric_bytes_max: 32 * 1024 * 1024,
            rewrite_share: 0.5,
            search_threads: std::thread::available_parallelism().map_or(1, usize::from),
            metric_tiers: MetricTier::aws(),
            salt: 0,
            disk: Arc::new(LocalDisk),
            objects: None,
            durability: Durability::Local,
            object_cache_bytes_max: 128 * 1024 * 1024,
            abandon_journal: false,
            keep_replaced_ms: None,
            journal_retry: Duration::from_secs(1),
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

/// The store. Cheap to clone; all clones are one. When the last clone is dropped without `close`, all that was acknowledged
/// stays in the journal for the next open.
#[derive(Debug, Clone)]
pub struct Store {
    // Dropped before the state, so that the threads have gone and the lock on the directory goes with the state.
    role: Role,
    state: Arc<State>,
}

/// What changes the state of a store.
#[derive(Debug, Clone)]
enum Role {
    Writes(Arc<Threads>),
    Reads(Arc<Reader>),
}

#[derive(Debug)]
struct Threads {
    commands: UnboundedSender<Command>,
    flusher: mpsc::Sender<FlushCommand>,
    handles: Mutex<Vec<JoinHandle<()>>>,
    maintaining: tokio::sync::Mutex<()>,
}

impl Threads {
    /// Stops both threads after what they were asked before. Blocks for as long as one group commit and one flush.
    fn stop(&self) {
        // A thread that has gone already needs no telling.
        let _ = self.commands.send(Command::Stop);
        let _ = self.flusher.send(FlushCommand::Stop);
        for handle in std::mem::take(&mut *lock(&self.handles)) {
            if handle.join().is_err() {
                tracing::error!("a thread of the store had panicked");
            }
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Store {
    /// Series that the filter admits, in key order, from memory.
    pub fn list_series(&self, filter: &SeriesFilter) -> Vec<Arc<SeriesKey>> {
        self.state.series().list(filter)
    }

    /// One series of each of the next `max` metrics that the filter admits, in key order; of `after` its metric counts, and the list
    /// goes on behind it. From memory.
    pub fn list_metrics(&self, filter: &SeriesFilter, after: Option<&SeriesKey>, max: usize) -> Vec<Arc<SeriesKey>> {
        self.state.series().list_metrics(filter, after, max)
    }

    /// The series of one metric with exactly these dimensions (sorted by name): one for each unit, or the one of `unit`.
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
        self.state.series().find(metric, unit)
    }

    /// Time and value (the average, where there is more than one sample) of the newest point of each series, from memory;
    /// `None` for a series that is unknown or whose points are all gone.
    pub fn latest_points(&self, series: &[Arc<SeriesKey>]) -> Vec<Option<(Timestamp, f64)>> {
        let from = self.state.snapshot().removed.metrics_from();
        let index = self.state.series();
        let latest = |key: &Arc<SeriesKey>| index.latest(index.number(key)?).filter(|latest| latest.0 >= from);
        series.iter().map(latest).collect()
    }

    /// Which resolutions metric points are kept in now.
    pub fn metric_tiers(&self) -> Tiers {
        Tiers::at(self.state.clock.0.now(), &self.state.options.metric_tiers)
    }

    /// Writes all that was appended before the call to segments.
    pub async fn flush(&self) -> Result<()> {
        self.ask(Command::Cut).await?;
        let (reply, answer) = oneshot::channel();
        self.threads()?.flusher.send(FlushCommand::Flush(reply)).map_err(|_| Error::Closed)?;
        answer.await.unwrap_or(Err(Error::Closed))
    }

    /// Removes every record (development only); sequences go on.
    pub async fn reset(&self) -> Result<()> {
        self.ask(Command::Reset).await
    }

    /// Waits until the work that earlier appends caused is done, and with `flushes` also all flushes in the background:
    /// simulations take their steps one after the other. A put of the journal that waits for its outcome is made once more.
    pub async fn settle(&self, flushes: bool) -> Result<()> {
        self.ask(Command::Settle).await?;
        if !flushes {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        self.threads()?.flusher.send(FlushCommand::Settle(reply)).map_err(|_| Error::Closed)?;
        answer.await.unwrap_or(Err(Error::Closed))
    }

    /// Flushes, stops and gives the directory free; later writes are refused, reads go on. Stops even when it answers an
    /// error: then the records are still in the journal. One that was opened for reading has nothing to do here.
    pub async fn close(&self) -> Result<()> {
        let Role::Writes(threads) = &self.role else { return Ok(()) };
        if self.state.check_answered().is_err() {
            let _ = self.settle(false).await;
            if let Err(error) = self.state.check_answered() {
                // Nobody was told that it is stored; the next open finds it, or not.
                tracing::warn!(%error, "close the store");
            }
        }
        let flushed = if self.state.poisoned.get().is_some() { Ok(()) } else { self.flush().await };
        let threads = Arc::clone(threads);
        let stopped = tokio::task::spawn_blocking(move || threads.stop()).await;
        drop(lock(&self.state.lock).take());
        stopped.map_err(|error| Error::Bug(format!("stop the store: {error}")))?;
        match flushed {
            Err(Error::Closed) => Ok(()),
            flushed => flushed,
        }
    }

    /// Sends the writer a command and waits for its answer.
    async fn ask(&self, command: impl FnOnce(oneshot::Sender<Result<()>>) -> Command) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.command(command(reply))?;
        answer.await.unwrap_or(Err(Error::Closed))
    }

    fn command(&self, command: Command) -> Result<()> {
        self.threads()?.commands.send(command).map_err(|_| Error::Closed)
    }

    /// The threads that write; `ReadOnly` where others do.
    fn threads(&self) -> Result<&Arc<Threads>> {
        match &self.role {
            Role::Writes(threads) => Ok(threads),
            Role::Reads(_) => Err(Error::ReadOnly),
        }
    }

    fn state(&self) -> &Arc<State> {
        &self.state
    }
}
