//! `OpenTables`: the store as Delta Lake tables in a folder of their own, which Spark, Trino, DuckDB and deltalake read.
//!
//! # Layout
//! `<folder>/<table>/` is one table: data files, and `_delta_log/` as the Delta protocol says (reader version 1, writer
//! version 2). `LOCK` in the folder keeps a second exporter out.
//!
//! | table | data files | rows |
//! | --- | --- | --- |
//! | `events`, `logs` | a hard link to each segment, so no byte is copied | those of `segment/events.rs` and `segment/logs.rs` |
//! | `metrics` | written here, one for each metric segment | those of `export.rs`: a row is a point, not a chunk |
//! | `log_streams` | written here, one | the names of the streams that the catalog has |
//!
//! A data file of a segment is called `<id as 20 digits>-<CRC-32 of the segment's index in hex>.parquet`. The index has a checksum
//! of every part, so equal names mean equal bytes, also after a backup was restored and ids were given out again.
//!
//! # What a commit is
//! `sync` reads the manifest, as `backup` does, also beside a running server; no lock on the store is taken. Of each table it
//! replays the log and commits what differs from the manifest: files that are missing in the log are added, files that the
//! manifest does not list are removed. So a manifest makes one commit at most, a crash loses nothing, and what anybody else
//! writes into the log is undone. Files are there, and durable, before the commit that names them; the commit is an object that
//! is put only if it is absent. `txn` says which manifest it was: application `trailwatch`, version its number.
//!
//! `dataChange` is false where a commit only moves rows between files. For events and logs that is known of each file: records get
//! ascending sequences and are flushed in their order, so a new file without a sequence above all those in the table has only rows
//! that the table has. For metrics it is known of a whole commit: `tags.rows` is a hash of the rows of a file in any order, and the
//! sums of those that come and go are the same. What is not known to move rows only is said to change data, which is always right.
//!
//! A file that was removed stays for `keep_removed_ms`, so that readers of an older version come to their end; the link keeps the
//! bytes although the store has removed its segment. After that it goes, as does whatever no log names.

mod actions;
mod checkpoint;
mod files;
mod log;
mod metric_rows;
mod schema;
mod stream_names;

pub use stream_names::StreamName;

use crate::disk::{LocalDisk, create_folder};
use crate::error::{Error, Result};
use crate::folder::SyncedFolder;
use crate::lock::DirLock;
use crate::manifest::Manifest;
use crate::segment::{Kind, SegmentEntry};
use actions::{Add, Remove, Txn};
use files::DataFile;
use log::TableLog;
use model::{Clock, Ids};
use object_store::ObjectStore;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many manifests are tried; each new one needs few files beside those of the last.
const TRIES_MAX: usize = 100;
/// The application that `txn` names.
const APPLICATION: &str = "trailwatch";

/// One of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TableKind {
    Segments(Kind),
    LogStreams,
}

impl TableKind {
    const ALL: [TableKind; 4] = [
        TableKind::Segments(Kind::Events),
        TableKind::Segments(Kind::Logs),
        TableKind::Segments(Kind::Metrics),
        TableKind::LogStreams,
    ];

    fn name(self) -> &'static str {
        match self {
            TableKind::Segments(kind) => kind.folder(),
            TableKind::LogStreams => "log_streams",
        }
    }
}

/// A commit that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableCommit {
    /// Name of the table.
    pub table: &'static str,
    /// The version that it made.
    pub version: u64,
    /// How many files it added.
    pub added: usize,
    /// How many files it removed.
    pub removed: usize,
}

/// What a call of `sync` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    /// Number of the manifest that the tables show now.
    pub manifest: u64,
    /// Commits, at most one for each table and manifest.
    pub commits: Vec<TableCommit>,
}

/// How to export.
#[derive(Debug, Clone, Copy)]
pub struct OpenTablesOptions {
    /// How long a file that a table does not list any more is kept, milliseconds.
    pub keep_removed_ms: i64,
    /// A checkpoint is written after this many commits.
    pub commits_per_checkpoint: u64,
}

impl Default for OpenTablesOptions {
    fn default() -> Self {
        Self { keep_removed_ms: 60 * 60 * 1000, commits_per_checkpoint: 50 }
    }
}

/// The tables of one store, and the right to write them.
pub struct OpenTables {
    options: OpenTablesOptions,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    /// The folder of the store's objects.
    objects_folder: PathBuf,
    objects: Arc<dyn ObjectStore>,
    tables: Vec<(TableKind, TableLog)>,
    /// Files of segments that are in place, by the segment's id.
    placed: BTreeMap<u64, (SegmentEntry, DataFile)>,
    /// The last manifest that the tables show.
    manifest: Option<u64>,
    _lock: DirLock,
}

impl std::fmt::Debug for OpenTables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenTables").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

impl OpenTables {
    /// The tables in `folder`, which is made, of the store in `dir`, open or not. Both are on one file system. `Locked` when another
    /// process exports to the folder, `Corrupt` when a log there cannot be read.
    pub async fn open(
        dir: &Path,
        folder: &Path,
        options: OpenTablesOptions,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self> {
        create_folder(folder).map_err(Error::io("create", folder))?;
        let lock = DirLock::acquire(folder)?;
        let objects_folder = dir.join("objects");
        let opened = SyncedFolder::new(&objects_folder, Arc::new(LocalDisk));
        let objects: Arc<dyn ObjectStore> = Arc::new(opened.map_err(Error::object("open", &"objects".into()))?);
        let mut tables = Vec::new();
        for kind in TableKind::ALL {
            tables.push((kind, TableLog::load(&folder.join(kind.name())).await?));
        }
        let placed = BTreeMap::new();
        Ok(Self { options, clock, ids, objects_folder, objects, tables, placed, manifest: None, _lock: lock })
    }

    /// Brings the tables to the newest manifest. `names` answers the streams of the catalog, and is asked only when there is a
    /// manifest that the tables do not show.
    pub async fn sync<E: From<Error>>(
        &mut self,
        names: impl AsyncFn() -> std::result::Result<Vec<StreamName>, E>,
    ) -> std::result::Result<Synced, E> {
        let mut commits = Vec::new();
        for _ in 0..TRIES_MAX {
            let Some((manifest, _)) = Manifest::load(self.objects.as_ref()).await? else {
                return Err(Error::corrupt("manifest", 0, "there is no manifest").into());
            };
            if self.manifest != Some(manifest.number) {
                // After the manifest: whatever it has records of has its name by now.
                let names = names().await?;
                if !self.export(&manifest, &names, &mut commits).await? {
                    continue;
                }
                self.manifest = Some(manifest.number);
            }
            self.sweep()?;
            return Ok(Synced { manifest: manifest.number, commits });
        }
        let reason = format!("{TRIES_MAX} manifests were replaced before their segments were linked");
        Err(Error::io("export", &self.objects_folder)(std::io::Error::other(reason)).into())
    }

    /// Commits what differs from the manifest; false when one of its segments has gone, or somebody else committed, meanwhile.
    async fn export(
        &mut self,
        manifest: &Manifest,
        names: &[StreamName],
        commits: &mut Vec<TableCommit>,
    ) -> Result<bool> {
        for (kind, table) in &mut self.tables {
            let wanted = match kind {
                TableKind::LogStreams => Some(stream_names::place(names, table)?.into_iter().collect()),
                TableKind::Segments(kind) => {
                    let entries = manifest.segments.iter().filter(|entry| entry.kind == *kind);
                    place_all(entries, &self.objects, &self.objects_folder, table, &mut self.placed).await?
                }
            };
            let Some(wanted) = wanted else { return Ok(false) };
            match commit(*kind, table, wanted, manifest.number, self.clock.as_ref(), self.ids.as_ref()).await? {
                Committed::Nothing => {}
                Committed::Version(commit) => {
                    commits.push(commit);
                    if table.commits_since_checkpoint() >= self.options.commits_per_checkpoint {
                        table.sweep(self.clock.now(), self.options.keep_removed_ms)?;
                        table.checkpoint().await?;
                    }
                }
                Committed::Overtaken => {
                    *table = TableLog::load(table.folder()).await?;
                    return Ok(false);
                }
            }
        }
        let listed: BTreeSet<u64> = manifest.segments.iter().map(|entry| entry.id).collect();
        self.placed.retain(|id, _| listed.contains(id));
        Ok(true)
    }

    /// Removes files that were kept long enough.
    fn sweep(&mut self) -> Result<()> {
        let (now, keep_ms) = (self.clock.now(), self.options.keep_removed_ms);
        self.tables.iter_mut().try_for_each(|(_, table)| table.sweep(now, keep_ms))
    }
}

/// The files of these segments, in place; `None` when one of them has gone. Those in `placed` are known to be.
async fn place_all(
    entries: impl Iterator<Item = &SegmentEntry>,
    objects: &Arc<dyn ObjectStore>,
    objects_folder: &Path,
    table: &TableLog,
    placed: &mut BTreeMap<u64, (SegmentEntry, DataFile)>,
) -> Result<Option<Vec<DataFile>>> {
    let mut files = Vec::new();
    for entry in entries {
        if let Some((_, file)) = placed.get(&entry.id).filter(|(known, _)| known == entry) {
            files.push(file.clone());
            continue;
        }
        let Some(file) = files::place(entry, objects, objects_folder, table).await? else { return Ok(None) };
        placed.insert(entry.id, (entry.clone(), file.clone()));
        files.push(file);
    }
    Ok(Some(files))
}

/// How a try to commit ended.
enum Committed {
    /// The table shows the manifest already.
    Nothing,
    Version(TableCommit),
    /// Somebody else wrote the version.
    Overtaken,
}

/// Commits what makes the table's files those that are wanted.
async fn commit(
    kind: TableKind,
    table: &mut TableLog,
    wanted: Vec<DataFile>,
    manifest: u64,
    clock: &dyn Clock,
    ids: &dyn Ids,
) -> Result<Committed> {
    let now = clock.now();
    let mut lines = table.head(kind, now, ids)?;
    let wanted: BTreeMap<String, DataFile> = wanted.into_iter().map(|file| (file.path.clone(), file)).collect();
    let removed: Vec<&Add> = table.active().filter(|add| !wanted.contains_key(&add.path)).collect();
    let added: Vec<&DataFile> = wanted.values().filter(|file| !table.has(&file.path)).collect();
    if lines.is_empty() && removed.is_empty() && added.is_empty() {
        return Ok(Committed::Nothing);
    }
    let moves = Moves::of(kind, table, &added, &removed);
    let version = i64::try_from(manifest).unwrap_or(i64::MAX);
    lines.push(Txn { app_id: APPLICATION.into(), version, last_updated: Some(now.0) }.into());
    for add in &removed {
        lines.push(Remove::of(add, now, !moves.removed).into());
    }
    for file in &added {
        lines.push(file.add(now, !moves.added.contains(file.path.as_str())).into());
    }
    let operation = match (added.is_empty(), removed.is_empty()) {
        (_, true) => "WRITE",
        (true, false) => "DELETE",
        (false, false) => "OPTIMIZE",
    };
    let counts = (added.len(), removed.len());
    match table.commit(lines, operation, manifest, now).await? {
        Some(version) => {
            Ok(Committed::Version(TableCommit { table: kind.name(), version, added: counts.0, removed: counts.1 }))
        }
        None => Ok(Committed::Overtaken),
    }
}

/// Which files of a commit only move rows that the table has.
#[derive(Default)]
struct Moves<'a> {
    added: BTreeSet<&'a str>,
    /// All rows of the removed files are in added ones.
    removed: bool,
}

impl<'a> Moves<'a> {
    fn of(kind: TableKind, table: &TableLog, added: &[&'a DataFile], removed: &[&Add]) -> Self {
        if removed.is_empty() {
            return Self::default();
        }
        match kind {
            TableKind::LogStreams => Self::default(),
            TableKind::Segments(Kind::Metrics) => {
                let add = |sum: u64, hash: Option<u64>| Some(sum.wrapping_add(hash?));
                let come = added.iter().map(|file| file.hash).try_fold(0, add);
                let go = removed.iter().map(|file| file.rows_hash()).try_fold(0, add);
                let same = come.is_some() && come == go;
                let added = if same { added.iter().map(|file| file.path.as_str()).collect() } else { BTreeSet::new() };
                Self { added, removed: same }
            }
            TableKind::Segments(_) => {
                let known = table.active().filter_map(Add::last_sequence).max();
                let stay = table.active().filter(|add| !removed.iter().any(|gone| gone.path == add.path));
                let come = added.iter().filter_map(|file| file.last_sequence());
                // A store that was set back gives the same sequences to other records.
                if stay.filter_map(Add::last_sequence).chain(come).max() < known {
                    return Self::default();
                }
                let moved = added.iter().filter(|file| file.last_sequence().is_some_and(|last| Some(last) <= known));
                let moved: Vec<_> = moved.collect();
                let come: u64 = moved.iter().map(|file| file.rows).sum();
                let go: u64 = removed.iter().map(|add| add.rows().unwrap_or(u64::MAX / 1024)).sum();
                Self { added: moved.iter().map(|file| file.path.as_str()).collect(), removed: come == go }
            }
        }
    }
}
