//! Opens a store: lock, manifest, segment indexes, orphans, journals, threads. No record of a segment is read.

use crate::active_journal::ActiveJournal;
use crate::append::{LastGroup, Writer, apply, leaves};
use crate::disk::create_folder;
use crate::error::{Error, Result};
use crate::event_tail::EventTail;
use crate::event_tree::{Frontier, RecentLeaves};
use crate::filter_cache::FilterCache;
use crate::flush;
use crate::folder::SyncedFolder;
use crate::journal::objects::{self, ObjectJournal};
use crate::journal::{self, FrameMeta, Journal, Recovered};
use crate::lock::DirLock;
use crate::manifest::Manifest;
use crate::memtable::{Cut, Memtable};
use crate::object_cache::CachedObjects;
use crate::owner::{self, JournalPlace, Owner, first_of};
use crate::recent::Recent;
use crate::search_threads::SearchThreads;
use crate::segment::{Segment, SegmentEntry};
use crate::series::SeriesIndex;
use crate::state::{ClockRef, Committed, Snapshot, State};
use crate::{Durability, Options, Store, Threads};
use futures::{StreamExt, TryStreamExt};
use model::{Batch, Clock};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock, mpsc};

/// Indexes and orphans that are read or removed at the same time.
const PARALLEL: usize = 16;

impl Store {
    /// Opens or makes the store in `options.dir`: replays the journal, cuts a torn tail off, removes orphans.
    ///
    /// `Locked` when another process holds the directory, `Corrupt` with file and offset when stored bytes are damaged. With
    /// `options.objects`, whoever has the store open writes no more from now on; `TakenOver` when another open was faster,
    /// `JournalElsewhere` when the records of a journal would be left behind.
    pub async fn open(options: Options, clock: Arc<dyn Clock>) -> Result<Store> {
        create_folder(&options.dir).map_err(Error::io("create", &options.dir))?;
        let lock = DirLock::acquire(&options.dir)?;
        let journal_folder = options.dir.join("journal");
        create_folder(&journal_folder).map_err(Error::io("create", &journal_folder))?;
        let objects: Arc<dyn ObjectStore> = match &options.objects {
            Some(objects) => Arc::new(CachedObjects::new(Arc::clone(objects), options.object_cache_bytes_max)),
            None => local_objects(&options)?,
        };
        let (mut manifest, stale, mut tag) = match &options.objects {
            Some(_) => {
                // Before the claim, which stops whoever writes now.
                let check = |manifest: &Manifest, owner: Owner| {
                    is_journal_here(&options, &journal_folder, manifest.journal_first, owner).map(drop)
                };
                let known = owner::claim(objects.as_ref(), options.salt, &check).await?;
                (known.manifest, Vec::new(), known.tag)
            }
            None if options.durability == Durability::Object => {
                return Err(Error::Bug("journals in an object store need one".into()));
            }
            None => {
                let (manifest, stale) = load_manifest(&options, objects.as_ref(), &journal_folder).await?;
                (manifest, stale, None)
            }
        };
        let mut series = SeriesIndex::default();
        let segments = open_segments(&manifest, &objects, &mut series).await?;
        remove_orphans(&manifest, &stale, objects.as_ref()).await?;
        let (event_tree, event_tree_base) = manifest.event_trees()?;
        let committed_tree = Arc::new(event_tree.clone());
        let replayed = replay(&options, &objects, &journal_folder, &manifest, series, event_tree).await?;
        if let Some(first) = replayed.moved_to {
            // The journal behind the manifest is another one from now on: no record was in the one before.
            let place = place_of(options.durability);
            manifest.owner = manifest.owner.map(|owner| Owner { journal: place, ..owner });
            (manifest.journal_first, manifest.number) = (first, manifest.number + 1);
            tag = owner::replace(objects.as_ref(), &manifest, tag).await?;
        }
        if options.durability == Durability::Object {
            objects::remove_before(&objects, manifest.journal_first).await?;
        }
        let (flusher, flush_commands) = mpsc::channel();
        let state = Arc::new(State {
            clock: ClockRef(clock),
            disk: Arc::clone(&options.disk),
            objects,
            owner: manifest.owner,
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
            journal_error: Mutex::default(),
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
                tag,
            }),
            next_segment: manifest.next_segment.into(),
            journals: Mutex::new(replayed.files.into_iter().collect()),
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
            unanswered: None,
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
    journal: ActiveJournal,
    /// The first number of the new journal, where it is in another place than the one before.
    moved_to: Option<u64>,
    files: Vec<(u64, u64)>,
    next_log_sequence: u64,
    next_event_sequence: u64,
    event_tree: Frontier,
    recent_leaves: RecentLeaves,
}

fn place_of(durability: Durability) -> JournalPlace {
    match durability {
        Durability::Local => JournalPlace::Local,
        Durability::Object => JournalPlace::Objects,
    }
}

/// Replays the journals into a memtable and begins a new journal behind them.
async fn replay(
    options: &Options,
    objects: &Arc<dyn ObjectStore>,
    journal_folder: &std::path::Path,
    manifest: &Manifest,
    mut series: SeriesIndex,
    mut event_tree: Frontier,
) -> Result<Replayed> {
    let (options, objects, runtime) = (options.clone(), Arc::clone(objects), tokio::runtime::Handle::current());
    let (folder, first): (PathBuf, u64) = (journal_folder.to_owned(), manifest.journal_first);
    let owner = manifest.owner;
    let (mut next_log_sequence, mut next_event_sequence) = (manifest.next_log_sequence, manifest.next_event_sequence);
    let replay = tokio::task::spawn_blocking(move || {
        let (disk, salt) = (&options.disk, options.salt);
        let memtable = Arc::new(Memtable::new(next_log_sequence));
        let mut recent_leaves = RecentLeaves::default();
        let mut frames = 0_u64;
        let mut replay_frame = |meta: FrameMeta, batch: Batch| {
            frames += 1;
            next_log_sequence = next_log_sequence.max(meta.first_log_sequence.saturating_add(batch.logs.len() as u64));
            next_event_sequence =
                next_event_sequence.max(meta.first_event_sequence.saturating_add(batch.events.len() as u64));
            let leaves = leaves(&batch);
            let tiles = event_tree.extend(&leaves);
            recent_leaves.extend(&leaves, &tiles, event_tree.size());
            apply(&memtable, &mut series, meta, batch);
        };
        let here = owner.map_or(Ok(true), |owner| is_journal_here(&options, &folder, first, owner))?;
        let Recovered { last, mut files } = match owner {
            Some(Owner { journal: JournalPlace::Objects, epoch, .. }) => {
                runtime.block_on(objects::recover(objects.as_ref(), first, epoch, salt, &mut replay_frame))?
            }
            // Files that are here all the same were begun by an open that came no further.
            Some(owner) if !here || owner.journal == JournalPlace::None => Recovered::default(),
            _ => journal::recover(disk, &folder, first, &mut replay_frame)?,
        };
        let moves = owner.filter(|owner| !here || owner.journal != place_of(options.durability));
        if frames > 0 && moves.is_some_and(|owner| owner.journal != JournalPlace::None) {
            let reason = "its journal has records, and another durability would leave them behind; start once with the \
                          durability that it had, stop, and change it then";
            return Err(Error::JournalElsewhere { reason: reason.into() });
        }
        let epoch = owner.map_or(0, |owner| owner.epoch);
        let (journal, moved_to) = match options.durability {
            Durability::Local => {
                // In another place numbers begin anew, so that no file of another time is taken for one of this.
                let number = if moves.is_some() { first_of(epoch) + 1 } else { last + 1 };
                let journal = Journal::create(disk.as_ref(), &folder, number, salt)?;
                files.push((number, journal.len()));
                (ActiveJournal::File(journal), moves.map(|_| number))
            }
            Durability::Object => {
                let journal = ObjectJournal::new(objects, epoch, salt);
                let number = journal.number();
                (ActiveJournal::Objects(journal), moves.map(|_| number))
            }
        };
        Ok(Replayed {
            memtable,
            series,
            journal,
            moved_to,
            files,
            next_log_sequence,
            next_event_sequence,
            event_tree,
            recent_leaves,
        })
    });
    replay.await.map_err(|error| Error::Bug(format!("replay the journal: {error}")))?
}

/// Whether the journal that a manifest of an object store names is on this disk. False only when it may be left behind.
fn is_journal_here(options: &Options, folder: &std::path::Path, first: u64, owner: Owner) -> Result<bool> {
    if owner.journal != JournalPlace::Local {
        return Ok(true);
    }
    // A manifest names the file that was begun before it was put, so the file is there, unless this is another disk.
    if journal::list_files(options.disk.as_ref(), folder)?.contains(&first) {
        return Ok(true);
    }
    if options.abandon_journal {
        tracing::warn!(
            "the journal of the node before is not here: what it had not written to segments is left behind"
        );
        return Ok(false);
    }
    let reason = format!(
        "its journal is not in {}, but on the disk of the node that wrote last; start the server there, or, if that disk is lost, \
         abandon the journal and what is in it ([store] abandon_journal = true)",
        folder.display()
    );
    Err(Error::JournalElsewhere { reason })
}
