//! `maintain`: expires and deletes logs and metrics, rolls metrics up, merges small segments, and cuts an old memtable. Audit events
//! expire apart (`expire_events.rs`).
//!
//! First the manifest says what is removed, which hides it from every later scan at once, also after a crash. Then segments are
//! dropped or rewritten; each step is one commit, so a crash leaves the rest for the next call.

use crate::Store;
use crate::append::Command;
use crate::compact;
use crate::error::{Error, Result};
use crate::manifest::Removed;
use crate::segment::{Keys, Kind, Segment};
use crate::state::{Change, Snapshot, State};
use crate::tiers::Tiers;
use model::{GroupId, StreamId, Timestamp};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// A segment is rewritten when this part of it, or more, was removed, or is to be rolled up.
const REMOVED_PART: f64 = 0.25;
/// Segments of the same tier are merged when there are this many.
const MERGE_COUNT: usize = 8;
/// Upper ends of the tiers, bytes; a larger segment is not merged.
const TIERS: [u64; 3] = [1024 * 1024, 8 * 1024 * 1024, 64 * 1024 * 1024];
/// Most bytes that are merged into one segment, which is built in memory.
const MERGE_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// A series without data is forgotten this long after its data expired, for points may be written ahead of time.
const SERIES_SLACK_MS: i64 = 24 * 60 * 60 * 1000;

/// What may go.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Retention {
    /// How long each group keeps its events, milliseconds; a group that is not named keeps them for ever.
    pub logs: HashMap<GroupId, i64>,
    /// Groups whose events are to be removed. Name a group until a call returned Ok; its id must never be used again.
    pub deleted_groups: HashSet<GroupId>,
    /// The same for streams.
    pub deleted_streams: HashSet<StreamId>,
    /// How long metrics are kept, milliseconds; `None` for ever.
    pub metrics_ms: Option<i64>,
}

impl Store {
    /// Applies the policy. What it removes is invisible to every scan that starts after the call, also after a crash; its bytes
    /// go when a quarter of their segment is removed. Calls wait for each other; scans and appends do not wait.
    pub async fn maintain(&self, policy: &Retention) -> Result<()> {
        let _one = self.threads()?.maintaining.lock().await;
        let state = self.state();
        state.check_owner().await?;
        self.cut_old_memtable().await?;
        let removed = removed_by(state, policy);
        if removed != *state.snapshot().removed {
            state.commit(Change { removed: Some(removed), ..Change::default() }).await?;
        }
        drop_removed(state).await?;
        // One instant for the whole call: what is rolled up under it is not chosen again.
        let tiers = self.metric_tiers();
        while let Some(inputs) = next_rewrite(&state.snapshot(), &tiers) {
            if !rewrite(state, inputs, tiers.clone()).await? {
                break;
            }
        }
        if let Some(metrics_ms) = policy.metrics_ms {
            let cutoff = state.clock.0.now() - metrics_ms.max(0) - SERIES_SLACK_MS;
            expire_series(state, cutoff);
        }
        state.sweep().await;
        Ok(())
    }

    async fn cut_old_memtable(&self) -> Result<()> {
        let state = self.state();
        let snapshot = state.snapshot();
        let age_ms_max = state.options.memtable_age_ms_max;
        let old = |now: Timestamp| {
            let active = snapshot.memtables.last().filter(|active| !active.is_empty());
            active.is_some_and(|active| now - active.first_written() >= age_ms_max)
        };
        if state.poisoned.get().is_none() && (snapshot.memtables.len() > 1 || old(state.clock.0.now())) {
            match self.ask(Command::Cut).await {
                // What expires makes room.
                Err(error @ Error::Full { .. }) => tracing::warn!(%error, "cut an old memtable"),
                cut => cut?,
            }
        }
        Ok(())
    }
}

/// Forgets series that have no points left and were not written to since `cutoff`.
pub(crate) fn expire_series(state: &State, cutoff: Timestamp) {
    if !state.series().has_expired(cutoff) {
        return;
    }
    // Points come under a number that is not in this snapshot only by an append, which makes the series young; a reader shows none meanwhile.
    let snapshot = state.snapshot();
    let mut used = HashSet::new();
    for segment in &snapshot.segments {
        let Keys::Metrics { rows, .. } = &segment.keys else { continue };
        used.extend(rows.iter().map(|rows| rows.series));
    }
    for memtable in &snapshot.memtables {
        used.extend(memtable.metrics().iter().map(|lines| lines.number));
    }
    used.extend(snapshot.recent.numbers());
    state.series_mut().expire(cutoff, &used);
}

/// Encoding is work for a thread of its own.
async fn rewrite(state: &Arc<State>, inputs: Vec<Arc<Segment>>, tiers: Tiers) -> Result<bool> {
    let (state, runtime) = (Arc::clone(state), tokio::runtime::Handle::current());
    let removed = Arc::clone(&state.snapshot().removed);
    let work = move || runtime.block_on(compact::rewrite(&state, inputs, removed, &tiers));
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Bug(format!("rewrite segments: {error}")))?
}

/// What is removed under the policy, as far as something of it is stored.
fn removed_by(state: &State, policy: &Retention) -> Removed {
    let now = state.clock.0.now();
    let snapshot = state.snapshot();
    let (groups, streams, oldest) = stored_logs(&snapshot);
    let mut removed = Removed::clone(&snapshot.removed);
    for group in policy.deleted_groups.iter().filter(|group| groups.contains(group)) {
        removed.remove_group(*group);
    }
    for stream in policy.deleted_streams.iter().filter(|stream| streams.contains(stream)) {
        removed.remove_stream(*stream);
    }
    for (group, keep_ms) in &policy.logs {
        let cutoff = now - (*keep_ms).max(0);
        if oldest.get(group).is_some_and(|oldest| *oldest < cutoff) {
            removed.remove_logs_before(*group, cutoff);
        }
    }
    if let Some(cutoff) = policy.metrics_ms.map(|keep_ms| now - keep_ms.max(0)) {
        let in_memory = snapshot.memtables.iter().any(|m| m.metrics().has_before(cutoff));
        let mut in_segments = snapshot.segments.iter().filter(|s| s.entry.kind == Kind::Metrics);
        if in_memory || in_segments.any(|segment| segment.min_time() < cutoff) {
            removed.remove_metrics_before(cutoff);
        }
    }
    removed.retain(&groups, &streams);
    removed
}

/// Groups and streams that something is stored of, and the oldest time of each group.
fn stored_logs(snapshot: &Snapshot) -> (BTreeSet<GroupId>, BTreeSet<StreamId>, HashMap<GroupId, Timestamp>) {
    let (mut groups, mut streams, mut oldest) = (BTreeSet::new(), BTreeSet::new(), HashMap::new());
    let mut add = |group: GroupId, time: Timestamp| {
        groups.insert(group);
        let first = oldest.entry(group).or_insert(time);
        *first = time.min(*first);
    };
    for memtable in &snapshot.memtables {
        for (group, lines) in memtable.logs().iter() {
            if let Some(((time, _), _)) = lines.lines.first_key_value() {
                add(*group, *time);
            }
            streams.extend(lines.streams.keys());
        }
    }
    for segment in &snapshot.segments {
        let Keys::Logs(rows) = &segment.keys else { continue };
        for rows in rows {
            add(rows.group, rows.min_time);
            streams.extend(rows.streams.keys());
        }
    }
    (groups, streams, oldest)
}

/// Drops segments of which nothing is left, in one commit.
async fn drop_removed(state: &State) -> Result<()> {
    let snapshot = state.snapshot();
    let gone = snapshot.segments.iter().filter(|segment| removed_part(segment, &snapshot.removed) >= 1.0);
    let drop: BTreeSet<u64> = gone.map(|segment| segment.entry.id).collect();
    if !drop.is_empty() {
        state.commit(Change { drop, ..Change::default() }).await?;
    }
    Ok(())
}

/// Segments to rewrite next, as one.
fn next_rewrite(snapshot: &Snapshot, tiers: &Tiers) -> Option<Vec<Arc<Segment>>> {
    let thin = |segment: &&Arc<Segment>| {
        removed_part(segment, &snapshot.removed) >= REMOVED_PART || past_part(segment, tiers) >= REMOVED_PART
    };
    if let Some(segment) = snapshot.segments.iter().find(thin) {
        return Some(vec![Arc::clone(segment)]);
    }
    for kind in Kind::ALL {
        let mut low = 0;
        for high in TIERS {
            let in_tier = |s: &&Arc<Segment>| s.entry.kind == kind && (low..high).contains(&s.entry.bytes);
            let mut tier: Vec<_> = snapshot.segments.iter().filter(in_tier).cloned().collect();
            low = high;
            if tier.len() < MERGE_COUNT {
                continue;
            }
            // Neighbours in time, so that merged segments still skip by time.
            tier.sort_by_key(|segment| (segment.min_time(), segment.entry.id));
            let mut bytes = 0;
            tier.truncate(MERGE_COUNT);
            tier.retain(|segment| {
                bytes += segment.entry.bytes;
                bytes <= MERGE_BYTES_MAX
            });
            if tier.len() > 1 {
                return Some(tier);
            }
        }
    }
    None
}

/// Which part of a segment was removed: exact where it is all or nothing, else estimated from rows and times.
fn removed_part(segment: &Segment, removed: &Removed) -> f64 {
    match &segment.keys {
        Keys::Logs(groups) => {
            let gone: f64 = groups.iter().map(|group| removed_rows(group, removed)).sum();
            if gone >= segment.entry.rows as f64 { 1.0 } else { gone / segment.entry.rows.max(1) as f64 }
        }
        Keys::Metrics { .. } => part_before(segment.min_time(), segment.max_time(), removed.metrics_from()),
        Keys::Events => 0.0,
    }
}

/// Which part of one of a metric segment's resolutions is past its tier.
fn past_part(segment: &Segment, tiers: &Tiers) -> f64 {
    let Keys::Metrics { lanes, .. } = &segment.keys else { return 0.0 };
    let past = lanes.iter().map(|lane| part_before(lane.min_time, lane.max_time, tiers.border(lane.resolution_secs)));
    past.fold(0.0, f64::max)
}

fn removed_rows(group: &crate::segment::GroupRows, removed: &Removed) -> f64 {
    if removed.has_group(group.group) {
        return group.rows as f64;
    }
    let from = removed.logs_from(group.group);
    let rows = |(stream, stats): (&StreamId, &crate::StreamStats)| {
        let part = part_before(stats.first_timestamp, stats.last_timestamp, from);
        stats.events as f64 * if removed.has_stream(*stream) { 1.0 } else { part }
    };
    group.streams.iter().map(rows).sum()
}

/// Which part of `[min, max]` lies before `from`; 1 only when all does.
fn part_before(min: Timestamp, max: Timestamp, from: Timestamp) -> f64 {
    if max < from {
        1.0
    } else if from <= min {
        0.0
    } else {
        ((from - min) as f64 / ((max - min) as f64 + 1.0)).min(0.999)
    }
}
