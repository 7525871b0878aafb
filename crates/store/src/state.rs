//! What all parts of an open store share: the snapshot that scans read, and the commit that replaces it.

use crate::Options;
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::event_tail::EventTail;
use crate::event_tree::{Frontier, RecentLeaves, StoredTree};
use crate::expire_events::Kept;
use crate::filter_cache::FilterCache;
use crate::flush::FlushCommand;
use crate::journal::{self, Spare};
use crate::lock::DirLock;
use crate::manifest::{Manifest, Removed, Replaced};
use crate::memtable::{Cut, Memtable};
use crate::owner::{self, JournalPlace, Owner};
use crate::part_cache::PartCache;
use crate::recent::Recent;
use crate::search_threads::SearchThreads;
use crate::segment::{Segment, SegmentEntry};
use crate::series::SeriesIndex;
use model::Clock;
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc};

/// Everything that a scan sees: each record is in exactly one memtable or segment. Replaced as a whole.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// Oldest first; the last one is active, the others are being flushed.
    pub memtables: Vec<Arc<Memtable>>,
    pub segments: Vec<Arc<Segment>>,
    /// Points that are in segments, and can be had from memory.
    pub recent: Arc<Recent>,
    pub removed: Arc<Removed>,
}

/// The parts of the last manifest that are not in the snapshot.
#[derive(Debug)]
pub(crate) struct Committed {
    /// Last number that a put was tried with.
    pub number: u64,
    /// The manifest that is true, for its removal after the next commit.
    pub stored: u64,
    pub cut: Cut,
    /// The hash tree when events were last removed: verification begins there.
    pub event_tree_base: Frontier,
    /// Segments whose objects are kept for those who go back.
    pub replaced: Vec<Replaced>,
    /// The entity tag of the manifest, where it is one object that has an owner.
    pub tag: Option<String>,
}

impl Committed {
    /// Of the manifest that is true, its hash trees and its tag.
    pub(crate) fn new(manifest: &Manifest, event_tree: Arc<Frontier>, base: Frontier, tag: Option<String>) -> Self {
        Self {
            number: manifest.number,
            stored: manifest.number,
            cut: Cut {
                journal_first: manifest.journal_first,
                next_log_sequence: manifest.next_log_sequence,
                next_event_sequence: manifest.next_event_sequence,
                event_tree,
            },
            event_tree_base: base,
            replaced: manifest.replaced.clone(),
            tag,
        }
    }
}

/// How the next manifest differs from this one.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// This memtable is in `add` now.
    pub flushed: Option<Arc<Memtable>>,
    pub add: Vec<Arc<Segment>>,
    pub drop: BTreeSet<u64>,
    pub removed: Option<Removed>,
    /// Events go with `drop` that are not in `add`.
    pub expires_events: bool,
    /// Everything goes; this memtable becomes the only one.
    pub reset: Option<(Arc<Memtable>, Cut)>,
}

/// Shared by all handles, and by both threads or the reader.
#[derive(Debug)]
pub(crate) struct State {
    pub options: Options,
    pub clock: ClockRef,
    pub disk: Arc<dyn Disk>,
    pub objects: Arc<dyn ObjectStore>,
    /// Parts of segments that were read, where `objects` is not a folder of this machine.
    pub part_cache: Option<Arc<PartCache>>,
    /// Our claim to an object store that other nodes reach; `None` for the folder `objects`.
    pub owner: Option<Owner>,
    pub journal_folder: PathBuf,
    pub snapshot: Mutex<Arc<Snapshot>>,
    pub series: RwLock<SeriesIndex>,
    /// The next log sequence of all that scans may see.
    pub visible_logs: AtomicU64,
    /// The same for audit events.
    pub visible_events: AtomicU64,
    /// The last journal object of which scans see all, and of all before it; 0 where journals are no objects.
    pub acknowledged: AtomicU64,
    /// The hash tree over all acknowledged events.
    pub event_tree: Mutex<Frontier>,
    /// Its last leaves; locked after it.
    pub recent_leaves: Mutex<RecentLeaves>,
    /// Bytes and batches that wait for the writer.
    pub queued_bytes: AtomicUsize,
    pub queued_batches: AtomicUsize,
    /// Why the journal takes no more writes.
    pub poisoned: OnceLock<String>,
    /// Whether that is because another node has taken the store over.
    pub taken_over: tokio::sync::watch::Sender<bool>,
    pub flush_error: Mutex<Option<String>>,
    /// Why a memtable that is due could not be cut.
    pub cut_error: Mutex<Option<String>>,
    /// Why the last group is not in the journal's object store.
    pub journal_error: Mutex<Option<JournalError>>,
    pub flusher: mpsc::Sender<FlushCommand>,
    pub flush_waiting: AtomicBool,
    /// Told after each group with log events: followers may go on.
    pub logs_arrived: tokio::sync::Notify,
    /// The audit events accepted last, for those who follow.
    pub event_tail: EventTail,
    /// Told after each group, cut and flush: there may be room for appends that wait.
    pub room: tokio::sync::Notify,
    pub committed: tokio::sync::Mutex<Committed>,
    /// The number of the manifest that scans see.
    pub manifest: AtomicU64,
    pub next_segment: AtomicU64,
    /// Length of each journal file.
    pub journals: Mutex<BTreeMap<u64, u64>>,
    /// A journal that is not needed any more, for the next one.
    pub spare_journal: Mutex<Option<Spare>>,
    /// Segments that no manifest lists any more; their objects go when no scan reads them.
    pub graveyard: Mutex<Vec<Arc<Segment>>>,
    /// Segments that the last expiry of events looked through.
    pub kept_events: Mutex<Kept>,
    /// Token filters that searches have read.
    pub filter_cache: Arc<FilterCache>,
    pub search_threads: SearchThreads,
    /// Released by `close`.
    pub lock: Mutex<Option<DirLock>>,
}

/// What a state begins with that is not the same for all.
#[derive(Debug)]
pub(crate) struct Opened {
    pub objects: Arc<dyn ObjectStore>,
    pub part_cache: Option<Arc<PartCache>>,
    pub owner: Option<Owner>,
    pub journal_folder: PathBuf,
    pub snapshot: Snapshot,
    pub series: SeriesIndex,
    /// Of the next log event and the next audit event.
    pub next_sequences: (u64, u64),
    pub acknowledged: u64,
    pub event_tree: Frontier,
    pub recent_leaves: RecentLeaves,
    pub flusher: mpsc::Sender<FlushCommand>,
    pub committed: Committed,
    pub next_segment: u64,
    pub journals: BTreeMap<u64, u64>,
    pub lock: Option<DirLock>,
}

/// What became of a put of the journal.
#[derive(Debug)]
pub(crate) struct JournalError {
    pub path: String,
    pub reason: String,
    /// The group waits for its outcome; it was refused where this is false.
    pub is_waiting: bool,
}

impl JournalError {
    fn error(&self) -> Error {
        let (path, reason) = (self.path.clone(), self.reason.clone());
        if self.is_waiting { Error::Unanswered { path, reason } } else { Error::Refused { path, reason } }
    }
}

/// A clock that can be printed.
pub(crate) struct ClockRef(pub Arc<dyn Clock>);

impl std::fmt::Debug for ClockRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// Takes a lock. No code panics while holding one; if it did, what is behind it would still be whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// A state that nobody waits for yet.
    pub(crate) fn new(options: Options, clock: Arc<dyn Clock>, opened: Opened) -> Result<Self> {
        Ok(Self {
            clock: ClockRef(clock),
            disk: Arc::clone(&options.disk),
            objects: opened.objects,
            part_cache: opened.part_cache,
            owner: opened.owner,
            journal_folder: opened.journal_folder,
            snapshot: Mutex::new(Arc::new(opened.snapshot)),
            series: RwLock::new(opened.series),
            visible_logs: opened.next_sequences.0.into(),
            visible_events: opened.next_sequences.1.into(),
            acknowledged: opened.acknowledged.into(),
            event_tree: Mutex::new(opened.event_tree),
            recent_leaves: Mutex::new(opened.recent_leaves),
            queued_bytes: 0.into(),
            queued_batches: 0.into(),
            poisoned: Default::default(),
            taken_over: Default::default(),
            flush_error: Mutex::default(),
            cut_error: Mutex::default(),
            journal_error: Mutex::default(),
            flusher: opened.flusher,
            flush_waiting: false.into(),
            logs_arrived: tokio::sync::Notify::new(),
            event_tail: EventTail::default(),
            room: tokio::sync::Notify::new(),
            manifest: opened.committed.number.into(),
            committed: tokio::sync::Mutex::new(opened.committed),
            next_segment: opened.next_segment.into(),
            journals: Mutex::new(opened.journals),
            spare_journal: Mutex::default(),
            graveyard: Mutex::default(),
            kept_events: Mutex::default(),
            search_threads: SearchThreads::start(options.search_threads)
                .map_err(Error::io("start a thread for", &options.dir))?,
            filter_cache: Arc::new(FilterCache::new(options.filter_cache_bytes_max)),
            lock: Mutex::new(opened.lock),
            options,
        })
    }

    /// What scans see now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&lock(&self.snapshot))
    }

    /// The series index.
    pub(crate) fn series(&self) -> RwLockReadGuard<'_, SeriesIndex> {
        self.series.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The series index, to change it.
    pub(crate) fn series_mut(&self) -> RwLockWriteGuard<'_, SeriesIndex> {
        self.series.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of all memtables.
    pub(crate) fn memtable_bytes(&self) -> usize {
        self.snapshot().memtables.iter().map(|memtable| memtable.bytes()).sum()
    }

    /// Refuses writes from now on.
    pub(crate) fn poison(&self, error: &Error) -> Error {
        let reason = self.poisoned.get_or_init(|| error.to_string());
        tracing::error!(%reason, "the journal is poisoned: writes are refused until a restart");
        if matches!(error, Error::TakenOver { .. }) {
            self.taken_over.send_replace(true);
        }
        Error::Poisoned { reason: reason.clone() }
    }

    /// Refuses writes from now on, unless the write failed for want of room and left nothing.
    pub(crate) fn poison_unless_full(&self, error: Error) -> Error {
        if matches!(error, Error::Full { .. }) { error } else { self.poison(&error) }
    }

    /// Why records stay in memory, or do not come in: the last flush, the last cut or the last put of the journal failed.
    pub(crate) fn flush_error(&self) -> Option<String> {
        let journal = lock(&self.journal_error).as_ref().map(|error| error.error().to_string());
        journal.or_else(|| [&self.flush_error, &self.cut_error].into_iter().find_map(|error| lock(error).clone()))
    }

    /// The error of every append while a group waits for its outcome.
    pub(crate) fn check_answered(&self) -> Result<()> {
        match lock(&self.journal_error).as_ref() {
            Some(error) if error.is_waiting => Err(error.error()),
            _ => Ok(()),
        }
    }

    /// The error of every write after the journal was poisoned.
    pub(crate) fn check_poison(&self) -> Result<()> {
        match self.poisoned.get() {
            Some(reason) => Err(Error::Poisoned { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// An id for a new segment.
    pub(crate) fn next_segment(&self) -> u64 {
        self.next_segment.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }

    /// Makes a change true: first in the manifest, then for scans, then on the disk. Answers false, and does nothing, when
    /// what the change is based on is gone (a reset came between).
    pub(crate) async fn commit(&self, change: Change) -> Result<bool> {
        let mut committed = self.committed.lock().await;
        let Some((next, cut)) = self.apply(&change, committed.cut.clone()) else { return Ok(false) };
        let base = if change.reset.is_some() {
            lock(&self.event_tree).clone()
        } else if change.expires_events {
            // Only what is in segments can have gone: all events behind the cut are still there.
            Frontier::clone(&cut.event_tree)
        } else {
            committed.event_tree_base.clone()
        };
        let (replaced, expired) = self.replaced_by(&change, &committed.replaced);
        committed.number += 1;
        let manifest = Manifest {
            number: committed.number,
            journal_first: cut.journal_first,
            next_log_sequence: cut.next_log_sequence,
            next_event_sequence: cut.next_event_sequence,
            next_segment: self.next_segment.load(std::sync::atomic::Ordering::Relaxed),
            removed: Removed::clone(&next.removed),
            event_tree: StoredTree::from(&*cut.event_tree),
            event_tree_base: StoredTree::from(&base),
            segments: next.segments.iter().map(|segment| segment.entry.clone()).collect(),
            replaced: replaced.clone(),
            owner: self.owner,
            ..Manifest::first()
        };
        let put = match self.owner {
            None => manifest.put(self.objects.as_ref()).await.map(|()| None),
            Some(_) => owner::replace(self.objects.as_ref(), &manifest, committed.tag.clone()).await,
        };
        match put {
            Ok(tag) => committed.tag = tag,
            Err(error @ Error::TakenOver { .. }) => return Err(self.poison(&error)),
            Err(Error::ObjectStore { source: object_store::Error::AlreadyExists { .. }, path, .. }) => {
                let error = Error::Bug(format!("{path} exists: another process writes to this store"));
                return Err(self.poison(&error));
            }
            Err(error) => return Err(error),
        }
        let dropped = self.publish(&change, next);
        self.manifest.store(committed.number, std::sync::atomic::Ordering::Release);
        let is_kept = |dropped: &Arc<Segment>| replaced.iter().any(|kept| kept.segment.id == dropped.entry.id);
        lock(&self.graveyard).extend(dropped.into_iter().filter(|dropped| !is_kept(dropped)));
        committed.replaced = replaced;
        let old = committed.stored;
        committed.stored = committed.number;
        let journals = self.journals_before(cut.journal_first);
        (committed.cut, committed.event_tree_base) = (cut, base);
        if self.owner.is_none() {
            self.remove_object(&Manifest::path(old)).await;
        }
        drop(committed);
        self.remove_journals(journals).await;
        for path in expired.iter().flat_map(|expired| expired.segment.paths()) {
            self.remove_object(&path).await;
        }
        self.sweep().await;
        Ok(true)
    }

    /// The segments that are kept for those who go back, after a change, and those that are kept no longer.
    fn replaced_by(&self, change: &Change, before: &[Replaced]) -> (Vec<Replaced>, Vec<Replaced>) {
        let Some(keep_ms) = self.options.keep_replaced_ms.filter(|_| change.reset.is_none()) else {
            return (Vec::new(), before.to_vec());
        };
        let now = self.clock.0.now();
        let (mut kept, expired): (Vec<_>, Vec<_>) =
            before.iter().cloned().partition(|replaced| replaced.at_ms > (now - keep_ms).0);
        let snapshot = self.snapshot();
        let dropped = snapshot.segments.iter().filter(|segment| change.drop.contains(&segment.entry.id));
        kept.extend(dropped.map(|segment| Replaced { at_ms: now.0, segment: segment.entry.clone() }));
        (kept, expired)
    }

    /// Refuses writes from now on when another node has opened the store. That it cannot be asked is no error.
    pub(crate) async fn check_owner(&self) -> Result<()> {
        let Some(owner) = self.owner else { return Ok(()) };
        let committed = self.committed.lock().await;
        match owner::taken_by(self.objects.as_ref(), committed.tag.as_deref(), owner).await {
            Ok(None) => Ok(()),
            Ok(Some(epoch)) => Err(self.poison(&Error::TakenOver { epoch })),
            Err(error) => {
                tracing::debug!(%error, "ask whose the store is");
                Ok(())
            }
        }
    }

    /// The segments and removals after a change; memtables are seen to by `publish`, for the writer may cut meanwhile.
    fn apply(&self, change: &Change, cut: Cut) -> Option<(Snapshot, Cut)> {
        let mut next = Snapshot::clone(&self.snapshot());
        if let Some((_, cut)) = &change.reset {
            (next.segments, next.removed) = (Vec::new(), Arc::default());
            next.recent = Arc::new(Recent::new(&[]));
            return Some((next, cut.clone()));
        }
        let listed = |id: &u64| next.segments.iter().any(|segment| segment.entry.id == *id);
        let memtable_there =
            change.flushed.as_ref().is_none_or(|flushed| next.memtables.iter().any(|m| Arc::ptr_eq(m, flushed)));
        if !memtable_there || !change.drop.iter().all(listed) {
            return None;
        }
        let cut = change.flushed.as_ref().and_then(|flushed| flushed.cut()).unwrap_or(cut);
        next.segments.retain(|segment| !change.drop.contains(&segment.entry.id));
        next.segments.extend(change.add.iter().cloned());
        if let Some(flushed) = &change.flushed {
            next.recent = Arc::new(next.recent.with(flushed, self.options.recent_metric_bytes_max));
        }
        if let Some(removed) = &change.removed {
            next.removed = Arc::new(removed.clone());
        }
        Some((next, cut))
    }

    /// Swaps the snapshot: a record moves from memtable to segment in this one step. Answers the segments that went.
    fn publish(&self, change: &Change, next: Snapshot) -> Vec<Arc<Segment>> {
        let mut snapshot = lock(&self.snapshot);
        let memtables = match &change.reset {
            Some((active, _)) => vec![Arc::clone(active)],
            None => {
                let stays = |m: &&Arc<Memtable>| !change.flushed.as_ref().is_some_and(|f| Arc::ptr_eq(m, f));
                snapshot.memtables.iter().filter(stays).cloned().collect()
            }
        };
        let gone = |segment: &&Arc<Segment>| !next.segments.iter().any(|n| Arc::ptr_eq(n, segment));
        let dropped = snapshot.segments.iter().filter(gone).cloned().collect();
        *snapshot = Arc::new(Snapshot { memtables, ..next });
        dropped
    }

    /// Forgets journals that the manifest does not need; who writes is to remove them.
    pub(crate) fn journals_before(&self, first: u64) -> BTreeMap<u64, u64> {
        let mut journals = lock(&self.journals);
        let kept = journals.split_off(&first);
        std::mem::replace(&mut *journals, kept)
    }

    async fn remove_journals(&self, journals: BTreeMap<u64, u64>) {
        if self.owner.is_some_and(|owner| owner.journal == JournalPlace::Objects) {
            return journal::objects::remove(&self.objects, journals.into_keys().collect()).await;
        }
        for (number, len) in journals {
            let (disk, folder) = (self.disk.as_ref(), &self.journal_folder);
            if let Err(error) = Spare::keep(&mut lock(&self.spare_journal), disk, folder, number, len) {
                // The next open removes it: the manifest says that it is not needed.
                tracing::debug!(number, %error, "remove a journal");
            }
        }
    }

    /// Gives up the spare journal, as for a disk that is full.
    pub(crate) fn drop_spare_journal(&self) {
        let mut spare = lock(&self.spare_journal);
        if let Err(error) = Spare::remove(spare.take(), self.disk.as_ref(), &self.journal_folder) {
            tracing::debug!(%error, "give up the spare journal");
        }
    }

    async fn remove_object(&self, path: &object_store::path::Path) {
        match self.objects.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            // An orphan; the next open removes it.
            Err(error) => tracing::debug!(%path, %error, "remove an object"),
        }
    }

    /// Removes the objects of dropped segments that no scan reads any more.
    pub(crate) async fn sweep(&self) {
        let dead: Vec<SegmentEntry> = {
            let mut graveyard = lock(&self.graveyard);
            let mut dead = Vec::new();
            graveyard.retain(|segment| {
                let unread = Arc::strong_count(segment) == 1;
                if unread {
                    dead.push(segment.entry.clone());
                }
                !unread
            });
            dead
        };
        for path in dead.iter().flat_map(SegmentEntry::paths) {
            self.remove_object(&path).await;
        }
    }
}
