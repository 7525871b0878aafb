//! `open_reader`: a store that follows the writer of an object store beside it, and answers reads as it does.
//!
//! # Promise
//! A reader claims nothing, puts nothing and removes nothing. After `catch_up(mark)` every scan sees each record of the journal objects up
//! to `mark` once, unless it was removed; at no moment does a scan see a record twice, or miss one that an earlier scan saw and that was not
//! removed. What the writer removes (deleted groups, expiry, a reset) is in its manifest alone, so that a reader shows it until its next
//! `look`, or until it needs that manifest for another reason.
//!
//! # How
//! The reader takes journal objects in the order of their numbers, one after another, and shows each as the writer did: the records go
//! to the active memtable, then the sequences say so. An object that is there will never be another one, and counts, whether the writer
//! was told so or not. An end leads to the next epoch, as in recovery: it has an end itself, if only later ones wrote.
//!
//! A manifest says that the records of all objects before its `journal_first` are in its segments, and no others. So, when a new one comes,
//! its segments take the place of the memtables of those objects, in one step. That there are such memtables is seen to by the journal: an
//! object says that a memtable of the writer begins with it (`journal/objects.rs`), and `journal_first` is always such a place. The reader
//! begins one there, too, and at each end; more of them do no harm. Where objects before `journal_first` were not read yet, and may be gone by
//! now, the reader goes on from there: the segments have them.
//!
//! Objects that are missing are either not put yet or removed; a manifest that is read afterwards tells. The same holds for segments that a
//! manifest lists: when one is gone, there is a later manifest.
//!
//! The hash tree is grown from the records, and is the writer's. The series are those that have points, in memory at least, as in a store that
//! was just opened; the writer itself may know some for longer. Where a manifest lists no segment of the one before there may have been a
//! reset: then memory is filled anew, beside what scans see. The objects of segments that a scan is reading are kept by the writer, for as long as its
//! `Options::keep_replaced_ms` says, unless everything is reset.
//!
//! One round of reads runs at a time, as a task of its own: whoever waits for it may go away, and no object is shown in part.

use crate::append::{apply, show};
use crate::error::{Error, Result};
use crate::event_tree::{Frontier, RecentLeaves};
use crate::frame;
use crate::journal::objects::{self, PARALLEL};
use crate::maintain::expire_series;
use crate::manifest::Manifest;
use crate::memtable::{Cut, Memtable};
use crate::owner::{self, JournalPlace, Known, epoch_of, first_of};
use crate::part_cache::PartCache;
use crate::recent::Recent;
use crate::segment::{Keys, Segment, SeriesRows, UnnumberedSegment};
use crate::series::{SeriesIndex, SeriesNumber};
use crate::state::{Committed, Opened, Snapshot, State, lock};
use crate::{Options, Role, Store};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use model::{Clock, SeriesKey, Timestamp};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

/// How often a manifest is read because what the one before lists is gone.
const TRIES_MAX: usize = 8;
/// Memtables of so many times the size of one are the writer's at most; a reader that has more of them looks for a manifest.
const MEMTABLES_MAX: usize = 4;

impl Store {
    /// Opens the store of an object store for reading, beside the node that writes it: all that was acknowledged before the call is visible.
    /// Whatever would change the store answers `ReadOnly`. Nothing comes by itself: call `look` every second or so, and `catch_up` for what
    /// an answer must not be without. Needs `options.objects`, and no data directory. The writer should have `keep_replaced_ms` of more than
    /// the time between two looks and that of a scan.
    ///
    /// An object store that has no store yet is an empty one. `JournalElsewhere` when the writer's journal is on its own disk, `Corrupt` when
    /// stored bytes are damaged.
    pub async fn open_reader(options: Options, clock: Arc<dyn Clock>) -> Result<Store> {
        let Some(objects) = options.objects.clone() else {
            return Err(Error::Bug("a store is read beside its writer in an object store".into()));
        };
        let first = Manifest { number: 0, ..Manifest::first() };
        let (flusher, _) = mpsc::channel();
        let opened = Opened {
            objects,
            part_cache: Some(Arc::new(PartCache::new(options.object_cache_bytes_max))),
            owner: None,
            journal_folder: PathBuf::new(),
            snapshot: Snapshot {
                memtables: vec![Arc::new(Memtable::new(first.next_log_sequence))],
                segments: Vec::new(),
                recent: Arc::new(Recent::new(&[])),
                removed: Arc::default(),
            },
            series: SeriesIndex::default(),
            next_sequences: (first.next_log_sequence, first.next_event_sequence),
            acknowledged: 0,
            event_tree: Frontier::default(),
            recent_leaves: RecentLeaves::default(),
            flusher,
            committed: Committed::new(&first, Arc::default(), Frontier::default(), None),
            next_segment: first.next_segment,
            journals: Default::default(),
            lock: None,
        };
        let state = Arc::new(State::new(options, clock, opened)?);
        let reader = Reader {
            follower: tokio::sync::Mutex::new(Follower { state: Arc::clone(&state), next: first.journal_first }),
            wanted: AtomicU64::new(0),
        };
        let store = Store { role: Role::Reads(Arc::new(reader)), state };
        store.look().await?;
        Ok(store)
    }

    /// Makes all visible that is in journal objects up to number `mark`, which the writer's `acknowledged` answered. Returns at once when it
    /// is; of several calls one reads for all. Of what was removed it shows no more than was seen to be so.
    ///
    /// `Corrupt` when an object is missing, or `mark` is of another store. After any error the call may be made again.
    pub async fn catch_up(&self, mark: u64) -> Result<()> {
        if self.state.acknowledged.load(Ordering::Acquire) >= mark {
            return Ok(());
        }
        self.reader()?.round(Some(mark)).await
    }

    /// Makes all visible that was acknowledged before the call, and takes out of sight what was removed, whoever wrote it.
    pub async fn look(&self) -> Result<()> {
        self.reader()?.round(None).await
    }

    /// The number of the last journal object that is acknowledged and that scans see, with all before it; after an open, one before the
    /// first. A reader answers how far it has come. `None` where the journal is not in the object store.
    pub fn acknowledged(&self) -> Option<u64> {
        Some(self.state.acknowledged.load(Ordering::Acquire)).filter(|number| *number > 0)
    }

    /// The number of the manifest that scans see, which rises with each one: what the writer has removed is out of sight of a reader whose
    /// number is as high, which `look` sees to.
    pub fn manifest(&self) -> u64 {
        self.state.manifest.load(Ordering::Acquire)
    }

    fn reader(&self) -> Result<&Arc<Reader>> {
        match &self.role {
            Role::Reads(reader) => Ok(reader),
            Role::Writes(_) => Err(Error::Bug("a store that writes follows no other".into())),
        }
    }
}

/// Brings a store to where its writer is.
#[derive(Debug)]
pub(crate) struct Reader {
    follower: tokio::sync::Mutex<Follower>,
    /// The highest mark that somebody waits for.
    wanted: AtomicU64,
}

impl Reader {
    /// Reads up to a mark, or all there is.
    async fn round(self: &Arc<Self>, mark: Option<u64>) -> Result<()> {
        let reader = Arc::clone(self);
        self.wanted.fetch_max(mark.unwrap_or(0), Ordering::Relaxed);
        let round = tokio::spawn(async move {
            let mut follower = reader.follower.lock().await;
            let Some(mark) = mark else { return follower.read(None).await };
            if follower.next > mark {
                return Ok(());
            }
            let wanted = reader.wanted.swap(0, Ordering::Relaxed).max(mark);
            let read = follower.read(Some(wanted)).await;
            // Another's mark may be one that is never reached.
            if follower.next > mark { Ok(()) } else { read }
        });
        round.await.map_err(|error| Error::Bug(format!("follow the writer: {error}")))?
    }
}

/// The only one that changes the state of a reader.
#[derive(Debug)]
struct Follower {
    state: Arc<State>,
    /// The number of the next object: all before it is visible, in memtables or, before the manifest's first, in segments.
    next: u64,
}

impl Follower {
    /// Makes all visible up to a mark, or all there is.
    async fn read(&mut self, until: Option<u64>) -> Result<()> {
        loop {
            if self.read_journal(until).await? {
                return Ok(());
            }
            // Either the object was not put yet, or it is behind a manifest.
            let before = self.next;
            self.read_manifest().await?;
            if self.next == before {
                break;
            }
        }
        match until {
            None => Ok(()),
            Some(_) => Err(Error::corrupt(objects::path(self.next), 0, "the object is missing")),
        }
    }

    /// Shows the objects that there are, in order; true when it came up to `until`, false at a place where nothing is.
    async fn read_journal(&mut self, until: Option<u64>) -> Result<bool> {
        let store = Arc::clone(&self.state.objects);
        let memtable_bytes_max = self.state.options.memtable_bytes_max;
        let mut bytes_max = memtable_bytes_max.saturating_mul(MEMTABLES_MAX);
        // Mostly nothing is new, so the first place is asked for alone.
        let mut ahead = 1;
        while until.is_none_or(|until| self.next <= until) {
            let last = match until {
                Some(until) if epoch_of(until) == epoch_of(self.next) => until,
                _ => self.next + ahead - 1,
            };
            ahead = (ahead * 2).min(PARALLEL as u64);
            let beginnings = objects::beginnings(store.as_ref(), self.next..=last);
            futures::pin_mut!(beginnings);
            while let Some((number, beginning)) = beginnings.next().await {
                let Some(beginning) = beginning? else { return Ok(false) };
                let Some(bytes) = objects::whole(store.as_ref(), number, beginning).await? else { return Ok(false) };
                if self.show_object(number, bytes).await? || self.state.memtable_bytes() > bytes_max {
                    break;
                }
            }
            let bytes = self.state.memtable_bytes();
            if bytes > bytes_max {
                self.read_manifest().await?;
                bytes_max = self.state.memtable_bytes().saturating_add(memtable_bytes_max).max(bytes_max);
            }
        }
        Ok(true)
    }

    /// Shows the records of an object; true for an end.
    async fn show_object(&mut self, number: u64, bytes: Bytes) -> Result<bool> {
        let state = Arc::clone(&self.state);
        let work = move || {
            let mut batches = Vec::new();
            let head = objects::read_object(number, &bytes, &mut |meta, batch| batches.push((meta, batch)))?;
            if head.begins_memtable || head.is_end() {
                cut(&state, number);
            }
            let (mut logs, mut events) =
                (state.visible_logs.load(Ordering::Acquire), state.visible_events.load(Ordering::Acquire));
            let mut leaves = Vec::new();
            for (meta, batch) in &batches {
                logs = logs.max(meta.first_log_sequence.saturating_add(batch.logs.len() as u64));
                events = events.max(meta.first_event_sequence.saturating_add(batch.events.len() as u64));
                leaves.extend(frame::leaves(&batch.events));
            }
            if let Some(active) = state.snapshot().memtables.last() {
                show(&state, active, batches.into_iter(), &leaves, (logs, events));
            }
            lock(&state.journals).insert(number, bytes.len() as u64);
            Ok(head.is_end())
        };
        // Decoding is work for a thread of its own.
        let shown = tokio::task::spawn_blocking(work).await;
        let is_end = shown.map_err(|error| Error::Bug(format!("show an object of the journal: {error}")))??;
        self.go_to(after(number, is_end));
        Ok(is_end)
    }

    /// Everything before this number is visible.
    fn go_to(&mut self, next: u64) {
        self.next = next;
        self.state.acknowledged.store(next - 1, Ordering::Release);
    }

    /// Takes the present manifest over, if it is another than the one that is known.
    async fn read_manifest(&mut self) -> Result<()> {
        let mut outcome = Ok(());
        let mut tried = None;
        for _ in 0..TRIES_MAX {
            let (known, number) = {
                let committed = self.state.committed.lock().await;
                (committed.tag.clone(), committed.number)
            };
            let other = owner::read_other(self.state.objects.as_ref(), known).await?;
            let Some(Known { manifest, tag }) = other.filter(|other| other.manifest.number != number) else {
                return Ok(());
            };
            // What it lists is gone, and it is still the present one.
            if tried == Some(manifest.number) {
                return outcome;
            }
            if manifest.number < number {
                return Err(Error::corrupt(owner::path(), 0, "the manifest is older than one that was there before"));
            }
            if owner::owner_of(&manifest)?.journal == JournalPlace::Local {
                let reason = "its journal is on the disk of the node that writes; a store is read beside its writer where the journal \
                              is in the object store, too ([store] durability = \"object\")";
                return Err(Error::JournalElsewhere { reason: reason.into() });
            }
            tried = Some(manifest.number);
            match self.take_over(manifest, tag).await {
                // It was replaced meanwhile.
                Err(error) if is_not_found(&error) => outcome = Err(error),
                outcome => return outcome,
            }
        }
        outcome
    }

    /// Shows what a manifest says: the segments that it lists instead of those that were listed before and of memtables.
    async fn take_over(&mut self, manifest: Manifest, tag: Option<String>) -> Result<()> {
        let state = Arc::clone(&self.state);
        let (tree, base) = manifest.event_trees()?;
        let (before, first) = (state.snapshot(), manifest.journal_first);
        let known_first = state.committed.lock().await.cut.journal_first;
        // Of one that was cut the end is known.
        let end = |memtable: &Memtable| memtable.cut().map_or(self.next, |cut| cut.journal_first);
        let count = before.memtables.iter().take_while(|memtable| end(memtable) <= first).count();
        let (dropped, kept) = before.memtables.split_at(count);
        // All that is visible is in segments now, and perhaps more.
        let (jumps, is_behind) = (kept.is_empty(), self.next < first);
        // A writer of an earlier version says nothing of its memtables.
        let is_between = jumps || dropped.last().map_or(known_first, |last| end(last)) >= first;
        // Only a reset removes all segments at once.
        let listed: HashSet<u64> = manifest.segments.iter().map(|entry| entry.id).collect();
        let goes_on = before.segments.iter().any(|segment| listed.contains(&segment.entry.id));
        let active = || Arc::new(Memtable::new(manifest.next_log_sequence));
        let mut fresh = None;
        let (memtables, segments, recent);
        if goes_on && is_between {
            let opened = open_segments(&state, &manifest, &before.segments).await?;
            segments = number_segments(&state, &manifest, &before.segments, opened, &mut state.series_mut(), is_behind);
            memtables = if jumps { vec![active()] } else { kept.to_vec() };
            // Where all was read, the memtables have what came to the segments.
            let bytes_max = state.options.recent_metric_bytes_max;
            let with = |recent: Recent, memtable: &Arc<Memtable>| recent.with(memtable, bytes_max);
            recent = match is_behind {
                false => dropped.iter().fold(Recent::clone(&before.recent), with),
                true => Recent::new(&segments),
            };
        } else {
            // What memory has may be of before a reset, and then all is as when the store is opened.
            let opened = open_segments(&state, &manifest, &[]).await?;
            let mut series = SeriesIndex::default();
            segments = number_segments(&state, &manifest, &[], opened, &mut series, true);
            memtables = vec![active()];
            recent = Recent::new(&segments);
            fresh = Some(self.read_again(first, Arc::clone(&memtables[0]), series).await?);
        }
        let is_fresh = fresh.is_some();
        let next =
            Snapshot { memtables, segments, recent: Arc::new(recent), removed: Arc::new(manifest.removed.clone()) };
        {
            // A check of the hash tree wants all of one manifest.
            let mut committed = state.committed.lock().await;
            {
                // A scan takes the numbers of series and the snapshot at once.
                let mut series = state.series_mut();
                if let Some(fresh) = fresh {
                    *series = fresh;
                }
                *lock(&state.snapshot) = Arc::new(next);
            }
            *committed = Committed::new(&manifest, Arc::new(tree.clone()), base, tag);
            state.manifest.store(manifest.number, Ordering::Release);
            if is_behind {
                // After the snapshot: whoever sees these finds what they say.
                let mut recent_leaves = RecentLeaves::default();
                recent_leaves.extend(&[], &[], tree.size());
                *lock(&state.recent_leaves) = recent_leaves;
                *lock(&state.event_tree) = tree;
                let logs = state.visible_logs.fetch_max(manifest.next_log_sequence, Ordering::AcqRel);
                let events = state.visible_events.fetch_max(manifest.next_event_sequence, Ordering::AcqRel);
                if logs < manifest.next_log_sequence {
                    state.logs_arrived.notify_waiters();
                }
                state.event_tail.pass_over(manifest.next_event_sequence.saturating_sub(events));
                self.go_to(first);
            }
        }
        state.journals_before(first);
        if !is_fresh {
            forget_series(&state, &before, self.next);
        }
        Ok(())
    }

    /// Adds the records of the objects from `first` on that are visible to a memtable, and their series to an index.
    async fn read_again(&self, first: u64, memtable: Arc<Memtable>, mut series: SeriesIndex) -> Result<SeriesIndex> {
        let mut number = first;
        while number < self.next {
            let path = objects::path(number);
            let Some(bytes) = objects::read(self.state.objects.as_ref(), &path).await? else {
                let source =
                    object_store::Error::NotFound { path: path.to_string(), source: "it was there before".into() };
                return Err(Error::object("read", &path)(source));
            };
            let memtable = Arc::clone(&memtable);
            let work = move || {
                let mut add = |meta, batch| drop(apply(&memtable, &mut series, meta, batch));
                let is_end = objects::read_object(number, &bytes, &mut add)?.is_end();
                Ok((series, is_end))
            };
            let read = tokio::task::spawn_blocking(work).await;
            let is_end;
            (series, is_end) =
                read.map_err(|error| Error::Bug(format!("read an object of the journal: {error}")))??;
            number = after(number, is_end);
        }
        Ok(series)
    }
}

/// The number of the object that follows one, which is perhaps an end.
fn after(number: u64, is_end: bool) -> u64 {
    if is_end { first_of(epoch_of(number) + 1) + 1 } else { number + 1 }
}

fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::ObjectStore { source: object_store::Error::NotFound { .. }, .. })
}

/// Begins a memtable with the object of this number.
fn cut(state: &State, number: u64) {
    let next_log_sequence = state.visible_logs.load(Ordering::Acquire);
    let cut = Cut {
        journal_first: number,
        next_log_sequence,
        next_event_sequence: state.visible_events.load(Ordering::Acquire),
        event_tree: Arc::new(lock(&state.event_tree).clone()),
    };
    let mut snapshot = lock(&state.snapshot);
    let mut memtables = snapshot.memtables.clone();
    if let Some(active) = memtables.last() {
        active.cut_at(cut);
    }
    memtables.push(Arc::new(Memtable::new(next_log_sequence)));
    *snapshot = Arc::new(Snapshot { memtables, ..Snapshot::clone(&snapshot) });
}

/// Those segments of a manifest that are not known.
async fn open_segments(state: &State, manifest: &Manifest, known: &[Arc<Segment>]) -> Result<Vec<UnnumberedSegment>> {
    let known: HashSet<u64> = known.iter().map(|segment| segment.entry.id).collect();
    let new: Vec<_> = manifest.segments.iter().filter(|entry| !known.contains(&entry.id)).cloned().collect();
    let opened = futures::stream::iter(new).map(|entry| Segment::open(entry, Arc::clone(&state.objects)));
    opened.buffered(PARALLEL).try_collect().await
}

/// All segments of a manifest; `are_newer` says that those that were just opened may have records that were not in memtables.
fn number_segments(
    state: &State,
    manifest: &Manifest,
    known: &[Arc<Segment>],
    opened: Vec<UnnumberedSegment>,
    series: &mut SeriesIndex,
    are_newer: bool,
) -> Vec<Arc<Segment>> {
    let mut by_id: HashMap<u64, Arc<Segment>> =
        known.iter().map(|segment| (segment.entry.id, Arc::clone(segment))).collect();
    for segment in opened {
        let mut number = |key: &Arc<SeriesKey>, rows: &SeriesRows| {
            // Of two points at one time the last counts.
            let known = series.number(key).and_then(|number| series.latest(number));
            let latest = known.filter(|known| !are_newer && known.0 >= rows.latest.0);
            series.touch(key, rows.last_written, latest.unwrap_or(rows.latest))
        };
        let segment = segment.number(state.part_cache.clone(), &mut number);
        by_id.insert(segment.entry.id, segment);
    }
    manifest.segments.iter().filter_map(|entry| by_id.remove(&entry.id)).collect()
}

/// Forgets series whose last points went with a change of the snapshot.
///
/// Numbers are given again. So that no scan that has asked for an old series is shown points of a new one, a memtable is begun first: those
/// that are freed now are given after the next time, and then none of the scans from before now has the memtable that they come to.
fn forget_series(state: &State, before: &Snapshot, next: u64) {
    let after = state.snapshot();
    let numbers_of = |segment: &Segment| -> Vec<SeriesNumber> {
        let Keys::Metrics { rows, .. } = &segment.keys else { return Vec::new() };
        rows.iter().map(|rows| rows.series).collect()
    };
    let memtables: Vec<_> = after.memtables.iter().map(|memtable| memtable.metrics()).collect();
    let has_points = |number: SeriesNumber| {
        // What was flushed or merged is in the newest segments.
        after.segments.iter().rev().any(|segment| segment.series(number).is_some())
            || memtables.iter().any(|metrics| metrics.get(number).is_some())
    };
    let is_gone = |segment: &&Arc<Segment>| !after.segments.iter().any(|other| Arc::ptr_eq(other, segment));
    let left_segment = before.segments.iter().filter(is_gone).flat_map(|segment| numbers_of(segment));
    let stays = |memtable: &Arc<Memtable>| after.memtables.iter().any(|other| Arc::ptr_eq(other, memtable));
    let left_memtable = before.memtables.iter().filter(|memtable| !stays(memtable)).flat_map(|memtable| {
        let metrics = memtable.metrics();
        metrics.iter().map(|lines| lines.number).collect::<Vec<_>>()
    });
    if !left_segment.chain(left_memtable).all(has_points) {
        drop(memtables);
        cut(state, next);
        expire_series(state, Timestamp(i64::MAX));
    }
}
