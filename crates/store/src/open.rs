//! Opens a store: lock, manifest, segment indexes, orphans, journals, threads. No record of a segment is read.

use crate::active_journal::ActiveJournal;
use crate::append::{Command, LastGroup, Writer, apply};
use crate::disk::create_folder;
use crate::error::{Error, Result};
use crate::event_tree::{Frontier, RecentLeaves};
use crate::flush;
use crate::folder::SyncedFolder;
use crate::frame;
use crate::journal::objects::{self, ObjectJournal};
use crate::journal::{self, FrameMeta, Journal, Recovered, Spare};
use crate::lock::DirLock;
use crate::manifest::Manifest;
use crate::memtable::Memtable;
use crate::owner::{self, JournalPlace, Known, Owner, first_of};
use crate::part_cache::PartCache;
use crate::recent::Recent;
use crate::segment::{self, Segment, SegmentEntry};
use crate::series::SeriesIndex;
use crate::state::{Committed, Opened, Snapshot, State};
use crate::{Durability, Options, Role, Store, Threads};
use futures::{StreamExt, TryStreamExt};
use model::{Batch, Clock};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// Indexes and orphans that are read or removed at the same time.
const PARALLEL: usize = 16;
/// How often a claim is tried again because other nodes were faster.
const CLAIMS_MAX: usize = 8;

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
            Some(objects) => Arc::clone(objects),
            None => local_objects(&options)?,
        };
        let part_cache = options.objects.is_some().then(|| Arc::new(PartCache::new(options.object_cache_bytes_max)));
        let (mut manifest, stale, mut tag) = match &options.objects {
            Some(_) => {
                let Known { manifest, tag } = claim(&options, objects.as_ref(), &journal_folder).await?;
                (manifest, Vec::new(), tag)
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
        let segments = open_segments(&manifest, &objects, part_cache.as_ref(), &mut series).await;
        if segments.is_err() {
            check_claim(objects.as_ref(), &manifest, tag.as_deref()).await?;
        }
        let segments = segments?;
        let (event_tree, event_tree_base) = manifest.event_trees()?;
        let committed_tree = Arc::new(event_tree.clone());
        let replayed = replay(&options, &objects, &journal_folder, &manifest, series, event_tree).await;
        // Before anything is removed, and before anything is said to be missing.
        check_claim(objects.as_ref(), &manifest, tag.as_deref()).await?;
        let replayed = replayed?;
        remove_orphans(&manifest, &stale, objects.as_ref()).await?;
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
        let acknowledged = match manifest.owner {
            Some(Owner { epoch, journal: JournalPlace::Objects, .. }) => first_of(epoch),
            _ => 0,
        };
        let opened = Opened {
            objects,
            part_cache,
            owner: manifest.owner,
            journal_folder,
            snapshot: Snapshot {
                memtables: vec![Arc::clone(&replayed.memtable)],
                recent: Arc::new(Recent::new(&segments)),
                segments,
                removed: Arc::new(manifest.removed.clone()),
            },
            series: replayed.series,
            next_sequences: (replayed.next_log_sequence, replayed.next_event_sequence),
            acknowledged,
            event_tree: replayed.event_tree,
            recent_leaves: replayed.recent_leaves,
            flusher,
            committed: Committed::new(&manifest, committed_tree, event_tree_base, tag),
            next_segment: manifest.next_segment,
            journals: replayed.files.into_iter().collect(),
            lock: Some(lock),
        };
        let state = Arc::new(State::new(options, clock, opened)?);
        let runtime = tokio::runtime::Handle::current();
        let (commands, queue) = tokio::sync::mpsc::unbounded_channel();
        let writer = Writer {
            state: Arc::clone(&state),
            runtime: runtime.clone(),
            journal: replayed.journal,
            active: replayed.memtable,
            next_log_sequence: replayed.next_log_sequence,
            next_event_sequence: replayed.next_event_sequence,
            last: LastGroup::default(),
            unanswered: None,
            commands: commands.downgrade(),
            goes_on: false,
        };
        start(state, writer, (commands, queue), flush_commands, runtime)
    }
}

/// Starts both threads. They are threads, not tasks, because they wait for disks and encode Parquet.
fn start(
    state: Arc<State>,
    writer: Writer,
    (commands, queue): (UnboundedSender<Command>, UnboundedReceiver<Command>),
    flush_commands: mpsc::Receiver<flush::FlushCommand>,
    runtime: tokio::runtime::Handle,
) -> Result<Store> {
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
    Ok(Store { role: Role::Writes(threads), state })
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

/// Claims an object store that other nodes reach, which stops whoever writes to it now; before that it is made sure that no record of
/// a journal would be left behind.
async fn claim(options: &Options, objects: &dyn ObjectStore, journal_folder: &std::path::Path) -> Result<Known> {
    let mut outcome = Err(Error::Bug("the store was not claimed".into()));
    for _ in 0..CLAIMS_MAX {
        let present = owner::present(objects).await?;
        check_journal(options, objects, journal_folder, &present.manifest).await?;
        outcome = owner::claim(objects, present, options.salt).await;
        // Another node was faster: the next epoch is claimed after its.
        if !matches!(outcome, Err(Error::TakenOver { .. })) {
            break;
        }
    }
    outcome
}

/// `TakenOver` when another node has claimed the store since, for this one slept: what is missing for it, the other may have put elsewhere
/// and removed.
async fn check_claim(objects: &dyn ObjectStore, manifest: &Manifest, tag: Option<&str>) -> Result<()> {
    let Some(owner) = manifest.owner else { return Ok(()) };
    match owner::taken_by(objects, tag, owner).await? {
        Some(epoch) => Err(Error::TakenOver { epoch }),
        None => Ok(()),
    }
}

/// Refuses what would leave records of a journal behind, as far as that can be told while another node may write.
async fn check_journal(
    options: &Options,
    objects: &dyn ObjectStore,
    folder: &std::path::Path,
    manifest: &Manifest,
) -> Result<()> {
    let Some(owner) = manifest.owner else { return Ok(()) };
    let (disk, first) = (options.disk.as_ref(), manifest.journal_first);
    let is_moving = owner.journal != place_of(options.durability);
    let has_records = match owner.journal {
        JournalPlace::None if journal::has_frames(disk, folder, 0)? => {
            let reason = format!(
                "{} is the journal of another store, and this one has none yet; choose another data directory",
                folder.display()
            );
            return Err(Error::JournalElsewhere { reason });
        }
        JournalPlace::None => false,
        JournalPlace::Local => {
            is_journal_here(options, folder, first, owner)? && is_moving && journal::has_frames(disk, folder, first)?
        }
        JournalPlace::Objects => is_moving && objects::has_groups(objects, first).await?,
    };
    if has_records { Err(left_behind()) } else { Ok(()) }
}

/// Another durability was asked for than that of a journal with records.
fn left_behind() -> Error {
    let reason = "its journal has records, and another durability would leave them behind; start once with the durability that \
                  it had, stop, and change it then";
    Error::JournalElsewhere { reason: reason.into() }
}

async fn open_segments(
    manifest: &Manifest,
    objects: &Arc<dyn ObjectStore>,
    cache: Option<&Arc<PartCache>>,
    series: &mut SeriesIndex,
) -> Result<Vec<Arc<Segment>>> {
    // In order, so that series get the same numbers each time.
    let opened = futures::stream::iter(manifest.segments.clone())
        .map(|entry| Segment::open(entry, Arc::clone(objects)))
        .buffered(PARALLEL);
    let mut segments = Vec::with_capacity(manifest.segments.len());
    futures::pin_mut!(opened);
    while let Some(segment) = opened.try_next().await? {
        let mut number = |key: &_, rows: &segment::SeriesRows| series.touch(key, rows.last_written, rows.latest);
        segments.push(segment.number(cache.cloned(), &mut number));
    }
    Ok(segments)
}

/// Removes objects that the manifest does not list: left by a crash between a put and its commit, or after a commit. In a store that
/// other nodes reach only those of epochs before: this one may have been taken over, and those of later epochs are then the records.
async fn remove_orphans(manifest: &Manifest, stale: &[u64], objects: &dyn ObjectStore) -> Result<()> {
    let replaced = manifest.replaced.iter().map(|replaced| &replaced.segment);
    let listed: BTreeSet<Path> = manifest.segments.iter().chain(replaced).flat_map(SegmentEntry::paths).collect();
    let folder = Path::from("segments");
    let stored = objects.list(Some(&folder)).map_ok(|object| object.location);
    let mut stored: Vec<Path> = stored.try_collect().await.map_err(Error::object("list", &folder))?;
    // In order, so that simulations replay.
    stored.sort_unstable();
    let is_before = |path: &Path| match manifest.owner {
        Some(owner) => segment::id(path).is_some_and(|id| id < first_of(owner.epoch)),
        None => true,
    };
    let orphans = stored.into_iter().filter(|path| !listed.contains(path) && is_before(path));
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
            let leaves = frame::leaves(&batch.events);
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
            return Err(left_behind());
        }
        let epoch = owner.map_or(0, |owner| owner.epoch);
        let (journal, moved_to) = match options.durability {
            Durability::Local => {
                // In another place numbers begin anew, so that no file of another time is taken for one of this.
                let number = if moves.is_some() { first_of(epoch) + 1 } else { last + 1 };
                let spare = Spare::find(disk.as_ref(), &folder)?;
                let journal = Journal::create(disk.as_ref(), &folder, number, salt, spare)?;
                files.push((number, journal.len()));
                (ActiveJournal::File(journal), moves.map(|_| number))
            }
            Durability::Object => {
                Spare::remove(Spare::find(disk.as_ref(), &folder)?, disk.as_ref(), &folder)?;
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
