//! Opens a store: lock, manifest, segment indexes, orphans, journals, threads. No record of a segment is read.

use crate::append::{LastGroup, Writer, apply};
use crate::disk::create_folder;
use crate::error::{Error, Result};
use crate::event_tail::EventTail;
use crate::event_tree::{Frontier, RecentLeaves};
use crate::filter_cache::FilterCache;
use crate::flush;
use crate::folder::SyncedFolder;
use crate::journal::{self, Journal, Recovered};
use crate::lock::DirLock;
use crate::manifest::Manifest;
use crate::memtable::{Cut, Memtable};
use crate::recent::Recent;
use crate::search_threads::SearchThreads;
use crate::segment::{Segment, SegmentEntry};
use crate::series::SeriesIndex;
use crate::state::{ClockRef, Committed, Snapshot, State};
use crate::{Options, Store, Threads};
use futures::{StreamExt, TryStreamExt};
use model::Clock;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use proof::merkle::leaf_hash;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock, mpsc};

/// Indexes and orphans that are read or removed at the same time.
const PARALLEL: usize = 16;

impl Store {
    /// Opens or makes the store in `options.dir`: replays the journal, cuts a torn tail off, removes orphans.
    ///
    /// `Locked` when another process holds the directory, `Corrupt` with file and offset when stored bytes are damaged.
    pub async fn open(options: Options, clock: Arc<dyn Clock>) -> Result<Store> {
        create_folder(&options.dir).map_err(Error::io("create", &options.dir))?;
        let lock = DirLock::acquire(&options.dir)?;
        let journal_folder = options.dir.join("journal");
        create_folder(&journal_folder).map_err(Error::io("create", &journal_folder))?;
        let objects = match &options.objects {
            Some(objects) => Arc::clone(objects),
            None => local_objects(&options)?,
        };
        let (manifest, stale) = load_manifest(&options, objects.as_ref(), &journal_folder).await?;
        let mut series = SeriesIndex::default();
        let segments = open_segments(&manifest, &objects, &mut series).await?;
        remove_orphans(&manifest, &stale, objects.as_ref()).await?;
        let (event_tree, event_tree_base) = manifest.event_trees()?;
        let committed_tree = Arc::new(event_tree.clone());
        let replayed = replay(&options, &journal_folder, &manifest, series, event_tree).await?;
        let (flusher, flush_commands) = mpsc::channel();
        let state = Arc::new(State {
            clock: ClockRef(clock),
            disk: Arc::clone(&options.disk),
            objects,
            snapshot: Mutex::new(Arc::new(Snapshot {
                memtables: vec![Arc::clone(&replayed.memtable)],
                recent: Arc::new(Recent::new(&segments)),
                segments,
                removed: Arc::new(manifest.removed.clone()),
            })),
            series: RwLock::new(replayed.series),
            visible_logs: replayed.next_log_sequence.into(),
            visible_events: replayed.next_event_sequence.into(),
            event_tree: Mutex::new(replayed.event_tree),
            recent_leaves: Mutex::new(replayed.recent_leaves),
            queued_bytes: 0.into(),
            queued_batches: 0.into(),
            poisoned: Default::default(),
            flush_error: Mutex::default(),
            cut_error: Mutex::default(),
            flusher,
            flush_waiting: false.into(),
            logs_arrived: tokio::sync::Notify::new(),
            event_tail: EventTail::default(),
            room: tokio::sync::Notify::new(),
            committed: tokio::sync::Mutex::new(Committed {
                number: manifest.number,
                stored: manifest.number,
                cut: Cut {
                    journal_first: manifest.journal_first,
                    next_log_sequence: manifest.next_log_sequence,
                    next_event_sequence: manifest.next_event_sequence,
                    event_tree: committed_tree,
                },
                event_tree_base,
            }),
            next_segment: manifest.next_segment.into(),
            journals: Mutex::new(
                replayed.files.into_iter().chain([(replayed.journal.number(), replayed.journal.len())]).collect(),
            ),
            graveyard: Mutex::default(),
            kept_events: Mutex::default(),
            search_threads: SearchThreads::start(options.search_threads)
                .map_err(Error::io("start a thread for", &options.dir))?,
            filter_cache: FilterCache::new(options.filter_cache_bytes_max),
            lock: Mutex::new(Some(lock)),
            journal_folder,
            options,
        });
        let runtime = tokio::runtime::Handle::current();
        let writer = Writer {
            state: Arc::clone(&state),
            runtime: runtime.clone(),
            journal: replayed.journal,
            active: replayed.memtable,
            next_log_sequence: replayed.next_log_sequence,
            next_event_sequence: replayed.next_event_sequence,
            last: LastGroup::default(),
        };
        start(state, writer, flush_commands, runtime)
    }
}

/// Starts both threads. They are threads, not tasks, because they wait for disks and encode Parquet.
fn start(
    state: Arc<State>,
    writer: Writer,
    flush_commands: mpsc::Receiver<flush::FlushCommand>,
    runtime: tokio::runtime::Handle,
) -> Result<Store> {
    let (commands, queue) = tokio::sync::mpsc::unbounded_channel();
    let journal_folder = state.journal_folder.clone();
    let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
        let thread = std::thread::Builder::new().name(name.into()).spawn(work);
        thread.map_err(Error::io("start a thread for", &journal_folder))
    };
    let flusher = spawn("store-flush", {
        let state = Arc::clone(&state);
        Box::new(move || flush::run(&state, &runtime, &flush_commands))
    })?;
    let writer = spawn("store-writer", Box::new(move || writer.run(queue)))?;
    let threads = Arc::new(Threads {
        commands,
        flusher: state.flusher.clone(),
        handles: Mutex::new(vec![writer, flusher]),
        maintaining: tokio::sync::Mutex::new(()),
    });
    Ok(Store { threads, state })
}

fn local_objects(options: &Options) -> Result<Arc<dyn ObjectStore>> {
    let folder = options.dir.join("objects");
    create_folder(&folder).map_err(Error::io("create", &folder))?;
    // A manifest that a killed process named and did not sync becomes true now, so it must be durable before older ones go.
    let manifests = folder.join("manifest");
    if manifests.is_dir() {
        options.disk.sync_folder(&manifests).map_err(Error::io("sync", &manifests))?;
    }
    let path = Path::from("objects");
    Ok(Arc::new(SyncedFolder::new(&folder, Arc::clone(&options.disk)).map_err(Error::object("open", &path))?))
}

/// The manifest, made when the store is new, and the numbers of older ones.
async fn load_manifest(
    options: &Options,
    objects: &dyn ObjectStore,
    journal_folder: &std::path::Path,
) -> Result<(Manifest, Vec<u64>)> {
    if let Some((manifest, numbers)) = Manifest::load(objects).await? {
        let stale = numbers.into_iter().filter(|number| *number != manifest.number).collect();
        return Ok((manifest, stale));
    }
    // The first manifest is put before the first journal is begun; without one, to begin anew would be to lose what is in
    // segments.
    if !journal::list_files(options.disk.as_ref(), journal_folder)?.is_empty() {
        return Err(Error::corrupt("manifest", 0, "there are journals but no manifest"));
    }
    let manifest = Manifest::first();
    manifest.put(objects).await?;
    Ok((manifest, Vec::new()))
}

async fn open_segments(
    manifest: &Manifest,
    objects: &Arc<dyn ObjectStore>,
    series: &mut SeriesIndex,
) -> Result<Vec<Arc<Segment>>> {
    // In order, so that series get the same numbers each time.
    let opened = futures::stream::iter(manifest.segments.clone())
        .map(|entry| Segment::open(entry, Arc::clone(objects)))
        .buffered(PARALLEL);
    let mut segments = Vec::with_capacity(manifest.segments.len());
    futures::pin_mut!(opened);
    while let Some(segment) = opened.try_next().await? {
        segments.push(segment.number(&mut |key, rows| series.touch(key, rows.last_written, rows.latest)));
    }
    Ok(segments)
}

/// Removes objects that the manifest does not list: left by a crash between a put and its commit, or after a commit.
async fn remove_orphans(manifest: &Manifest, stale: &[u64], objects: &dyn ObjectStore) -> Result<()> {
    let listed: BTreeSet<Path> = manifest.segments.iter().flat_map(SegmentEntry::paths).collect();
    let folder = Path::from("segments");
    let stored = objects.list(Some(&folder)).map_ok(|object| object.location);
    let mut stored: Vec<Path> = stored.try_collect().await.map_err(Error::object("list", &folder))?;
    // In order, so that simulations replay.
    stored.sort_unstable();
    let orphans = stored.into_iter().filter(|path| !listed.contains(path));
    for path in orphans.chain(stale.iter().map(|number| Manifest::path(*number))) {
        match objects.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => tracing::debug!(%path, "removed an orphan"),
            Err(error) => return Err(Error::object("remove", &path)(error)),
        }
    }
    Ok(())
}

struct Replayed {
    memtable: Arc<Memtable>,
    series: SeriesIndex,
    journal: Journal,
    files: Vec<(u64, u64)>,
    next_log_sequence: u64,
    next_event_sequence: u64,
    event_tree: Frontier,
    recent_leaves: RecentLeaves,
}

/// Replays the journals into a memtable and begins a new journal behind them.
async fn replay(
    options: &Options,
    journal_folder: &std::path::Path,
    manifest: &Manifest,
    mut series: SeriesIndex,
    mut event_tree: Frontier,
) -> Result<Replayed> {
    let (disk, salt) = (Arc::clone(&options.disk), options.salt);
    let (folder, first): (PathBuf, u64) = (journal_folder.to_owned(), manifest.journal_first);
    let (mut next_log_sequence, mut next_event_sequence) = (manifest.next_log_sequence, manifest.next_event_sequence);
    let replay = tokio::task::spawn_blocking(move || {
        let memtable = Arc::new(Memtable::new(next_log_sequence));
        let mut recent_leaves = RecentLeaves::default();
        let Recovered { last, files } = journal::recover(&disk, &folder, first, &mut |meta, batch| {
            next_log_sequence = next_log_sequence.max(meta.first_log_sequence.saturating_add(batch.logs.len() as u64));
            next_event_sequence =
                next_event_sequence.max(meta.first_event_sequence.saturating_add(batch.events.len() as u64));
            let leaves: Vec<_> = batch.events.iter().map(|event| leaf_hash(event.record.as_bytes())).collect();
            let tiles = event_tree.extend(&leaves);
            recent_leaves.extend(&leaves, &tiles, event_tree.size());
            apply(&memtable, &mut series, meta, batch);
        })?;
        let journal = Journal::create(disk.as_ref(), &folder, last + 1, salt)?;
        Ok(Replayed {
            memtable,
            series,
            journal,
            files,
            next_log_sequence,
            next_event_sequence,
            event_tree,
            recent_leaves,
        })
    });
    replay.await.map_err(|error| Error::Bug(format!("replay the journal: {error}")))?
}
