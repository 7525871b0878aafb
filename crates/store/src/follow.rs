//! `follow_logs`: the events of log groups in the order in which they were accepted, from a sequence on.
//!
//! Memtables know the order (`memtable/arrivals.rs`), so a follower that is up to date pays for what is new and for nothing else.
//! Segments are sorted by time: a follower that is behind reads the keys of those row groups whose statistics admit sequences
//! that it has not seen, lowest first, and then the messages of the rows it takes.

use crate::Store;
use crate::error::Result;
use crate::manifest::Removed;
use crate::scan_logs::runs;
use crate::segment::logs::{KEY_COLUMNS, LogColumns, ROW_COLUMNS};
use crate::segment::{GroupRows, Segment};
use crate::state::Snapshot;
use model::{GroupId, StreamId, Timestamp};
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What an event counts besides its text, so that empty ones fill a page too.
const OVERHEAD_BYTES: usize = 64;

/// An event as a follower gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowedLog {
    /// The group it belongs to.
    pub group: GroupId,
    /// The stream it belongs to.
    pub stream: StreamId,
    /// When it happened.
    pub timestamp: Timestamp,
    /// When it was received.
    pub ingestion_time: Timestamp,
    /// Its number in order of acceptance.
    pub sequence: u64,
    /// The exact text.
    pub message: String,
}

/// A page of what a follower asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// In order of their sequences.
    pub logs: Vec<FollowedLog>,
    /// Go on from here: no event of the groups below it is missing.
    pub next: u64,
}

/// Where log events came since someone last looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The groups they came to; `None` when that is not known any more, so that it may be any.
    pub groups: Option<HashSet<GroupId>>,
    /// Look from here on the next time.
    pub next: u64,
}

/// What a follower wants.
pub(crate) struct Following<'a> {
    pub groups: &'a HashSet<GroupId>,
    /// Events from this sequence on are for the next call.
    pub end: u64,
    pub bytes_max: usize,
    pub removed: &'a Removed,
}

impl Following<'_> {
    /// What an event counts.
    pub(crate) fn bytes(message_bytes: usize) -> usize {
        message_bytes + OVERHEAD_BYTES
    }
}

impl Store {
    /// The sequence that the next log event will get; every event below it is visible.
    pub fn log_sequence(&self) -> u64 {
        self.state().visible_logs.load(Ordering::Acquire)
    }

    /// Resolves as soon as `log_sequence` is above `sequence`, with its value; waits for ever when nothing is appended.
    pub async fn logs_after(&self, sequence: u64) -> u64 {
        loop {
            // Listens before it looks, so that no append is missed in between.
            let arrived = self.state().logs_arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            let visible = self.log_sequence();
            if visible > sequence {
                return visible;
            }
            arrived.await;
        }
    }

    /// The groups of the events with `from <= sequence < log_sequence()`. Which they are is known while they are in memory: who
    /// asks every second finds out.
    pub async fn log_groups_since(&self, from: u64) -> Arrived {
        // First the sequence, then the snapshot: what is below the sequence is in the snapshot.
        let end = self.log_sequence();
        let snapshot = self.state().snapshot();
        let first_in_memory = snapshot.memtables.first().map_or(end, |memtable| memtable.first_log_sequence());
        if from < first_in_memory.min(end) {
            return Arrived { groups: None, next: end };
        }
        let (mut groups, mut next) = (HashSet::new(), from);
        for (at, memtable) in snapshot.memtables.iter().enumerate() {
            let end = snapshot.memtables.get(at + 1).map_or(end, |newer| newer.first_log_sequence().min(end));
            while next < end {
                next = memtable.groups_since(next, end, &mut groups);
                tokio::task::yield_now().await;
            }
        }
        Arrived { groups: Some(groups), next: next.max(end) }
    }

    /// Events of these groups with `from <= sequence < log_sequence()`, in order of their sequences: about `bytes_max` of text
    /// and at least one event, if there is one. What was removed or has expired is left out, as scans do.
    pub async fn follow_logs(&self, groups: &[GroupId], from: u64, bytes_max: usize) -> Result<Followed> {
        let bytes_max = bytes_max.max(1);
        // First the sequence, then the snapshot: what is below the sequence is in the snapshot.
        let end = self.log_sequence();
        let snapshot = self.state().snapshot();
        let removed = Arc::clone(&snapshot.removed);
        let groups = groups.iter().copied().filter(|group| !removed.has_group(*group)).collect();
        let mut logs = Vec::new();
        let mut next = from;
        // What is below it is in segments, what is not is in memtables.
        let first_in_memory = snapshot.memtables.first().map_or(end, |memtable| memtable.first_log_sequence());
        if next < first_in_memory.min(end) {
            let end = first_in_memory.min(end);
            let following = Following { groups: &groups, end, bytes_max, removed: &removed };
            next = follow_segments(&snapshot, &following, next, &mut logs).await?;
            if next < end || logs.iter().map(|log| Following::bytes(log.message.len())).sum::<usize>() >= bytes_max {
                return Ok(Followed { logs, next });
            }
        }
        let mut left = bytes_max.saturating_sub(logs.iter().map(|log| Following::bytes(log.message.len())).sum());
        for (at, memtable) in snapshot.memtables.iter().enumerate() {
            let end = snapshot.memtables.get(at + 1).map_or(end, |newer| newer.first_log_sequence().min(end));
            while next < end {
                let before = logs.len();
                let following = Following { groups: &groups, end, bytes_max: left, removed: &removed };
                next = memtable.follow(&following, next, &mut logs);
                let taken: usize = logs[before..].iter().map(|log| Following::bytes(log.message.len())).sum();
                left = left.saturating_sub(taken);
                if left == 0 && next < end {
                    return Ok(Followed { logs, next });
                }
                if next < end {
                    tokio::task::yield_now().await;
                }
            }
        }
        Ok(Followed { logs, next: next.max(from) })
    }
}

/// Rows of followed groups in one row group of a segment.
struct Place<'a> {
    segment: &'a Arc<Segment>,
    row_group: usize,
    /// Lowest sequence that it may have.
    low: u64,
    /// (the group, its rows counted from the row group's start), ascending.
    rows: Vec<(&'a GroupRows, Range<usize>)>,
}

/// A row whose message is not read yet.
#[derive(Debug, Clone, Copy)]
struct Found {
    sequence: u64,
    place: usize,
    group: GroupId,
    row: u32,
    /// Estimated from its stream's average.
    bytes: usize,
}

/// Adds the wanted events that are in segments; answers the sequence to go on from.
async fn follow_segments(
    snapshot: &Snapshot,
    following: &Following<'_>,
    from: u64,
    page: &mut Vec<FollowedLog>,
) -> Result<u64> {
    let mut places = places(snapshot, following, from).await?;
    places.sort_unstable_by_key(|place| place.low);
    // Everything wanted below it has been found once the places that begin below it were looked at.
    let mut end = following.end;
    let mut found: Vec<Found> = Vec::new();
    for (at, place) in places.iter().enumerate() {
        if place.low >= end {
            break;
        }
        find(place, at, following, from..end, &mut found).await?;
        end = end.min(trim(&mut found, following.bytes_max).unwrap_or(end));
    }
    let mut by_place: BTreeMap<usize, Vec<Found>> = BTreeMap::new();
    for found in found {
        by_place.entry(found.place).or_default().push(found);
    }
    for (at, mut found) in by_place {
        found.sort_unstable_by_key(|found| found.row);
        let rows: Vec<u32> = found.iter().map(|found| found.row).collect();
        let place = &places[at];
        let mut groups = found.iter().map(|found| found.group);
        for batch in place.segment.read(place.row_group, runs(&rows), &ROW_COLUMNS).await? {
            read_rows(&LogColumns::of(&batch)?, &mut groups, page)?;
        }
    }
    page.sort_unstable_by_key(|log| log.sequence);
    Ok(end)
}

/// The row groups that may have wanted events.
async fn places<'a>(snapshot: &'a Snapshot, following: &Following<'_>, from: u64) -> Result<Vec<Place<'a>>> {
    let mut places = Vec::new();
    for segment in &snapshot.segments {
        let groups = segment.groups();
        // The shorter of the two lists is gone through.
        let wanted: Vec<&GroupRows> = if groups.len() <= following.groups.len() {
            groups.iter().filter(|rows| following.groups.contains(&rows.group)).collect()
        } else {
            let mut wanted: Vec<_> = following.groups.iter().filter_map(|group| segment.group(*group)).collect();
            wanted.sort_unstable_by_key(|rows| rows.first_row);
            wanted
        };
        let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else { continue };
        let ranges = segment.sequence_ranges().await?;
        let rows = first.first_row..last.first_row + last.rows;
        let start = segment.row_groups.partition_point(|group| group.first_row + group.rows <= rows.start);
        let end = segment.row_groups.partition_point(|group| group.first_row < rows.end);
        for row_group in start..end {
            let (low, high) = ranges.get(row_group).copied().unwrap_or((0, u64::MAX));
            if high < from || low >= following.end {
                continue;
            }
            let within = |rows: &&'a GroupRows| {
                let range = segment.rows_within(row_group, &(rows.first_row..rows.first_row + rows.rows));
                (!range.is_empty()).then_some((*rows, range))
            };
            let rows: Vec<_> = wanted.iter().filter_map(within).collect();
            if !rows.is_empty() {
                places.push(Place { segment, row_group, low, rows });
            }
        }
    }
    Ok(places)
}

/// Reads the keys of a place and notes the rows that are wanted.
async fn find(
    place: &Place<'_>,
    at: usize,
    following: &Following<'_>,
    sequences: Range<u64>,
    into: &mut Vec<Found>,
) -> Result<()> {
    let ranges = place.rows.iter().map(|(_, range)| range.clone()).collect();
    let mut rows = place.rows.iter().flat_map(|(group, range)| range.clone().map(move |row| (*group, row as u32)));
    for batch in place.segment.read(place.row_group, ranges, &KEY_COLUMNS).await? {
        let columns = LogColumns::of(&batch)?;
        for (n, (group, row)) in (0..batch.num_rows()).zip(&mut rows) {
            let (timestamp, sequence) = columns.position(n);
            let stream = StreamId(columns.stream.value(n));
            if sequences.contains(&sequence) && !following.removed.has_log(group.group, stream, timestamp) {
                let average = group.streams.get(&stream).map_or(0, |stats| stats.bytes / stats.events.max(1));
                let bytes = Following::bytes(usize::try_from(average).unwrap_or(usize::MAX / 2));
                into.push(Found { sequence, place: at, group: group.group, row, bytes });
            }
        }
    }
    Ok(())
}

/// Keeps the lowest sequences, about `bytes_max` of them and at least one; answers the sequence after the last one if any went.
fn trim(found: &mut Vec<Found>, bytes_max: usize) -> Option<u64> {
    found.sort_unstable_by_key(|found| found.sequence);
    let mut bytes = 0usize;
    let kept = found.iter().take_while(|found| {
        let before = bytes;
        bytes = bytes.saturating_add(found.bytes);
        before < bytes_max.max(1)
    });
    let kept = kept.count();
    if kept == found.len() {
        return None;
    }
    found.truncate(kept);
    Some(found.last()?.sequence + 1)
}

fn read_rows(
    columns: &LogColumns<'_>,
    groups: &mut impl Iterator<Item = GroupId>,
    page: &mut Vec<FollowedLog>,
) -> Result<()> {
    let missing = || crate::Error::Bug("followed rows need all row columns".into());
    let ingestion_time = columns.ingestion_time.ok_or_else(missing)?;
    let message = columns.message.ok_or_else(missing)?;
    for (at, group) in (0..columns.sequence.values().len()).zip(groups) {
        let (timestamp, sequence) = columns.position(at);
        page.push(FollowedLog {
            group,
            stream: StreamId(columns.stream.value(at)),
            timestamp,
            ingestion_time: Timestamp(ingestion_time.value(at)),
            sequence,
            message: message.value(at).to_owned(),
        });
    }
    Ok(())
}
