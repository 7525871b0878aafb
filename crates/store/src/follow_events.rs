//! `follow_events`: audit events in the order in which they were accepted, from a sequence on.
//!
//! Memtables know the order, so a follower that is up to date pays for what is new. Segments are sorted by time: a follower that is
//! behind reads the keys of those row groups whose statistics admit the sequences that it asks for, lowest first, and then the rows
//! that it takes, a few hundred at a time.

use crate::Store;
use crate::error::Result;
use crate::events_page::EventRow;
use crate::scan_logs::runs;
use crate::segment::event_rows::rows;
use crate::segment::events::{ROW_COLUMNS, positions};
use crate::segment::{Kind, Segment};
use crate::state::Snapshot;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What an event counts besides its record.
const OVERHEAD_BYTES: usize = 64;
/// Most rows of segments whose keys are remembered in one call.
const KEYS_MAX: usize = 8 * 1024;
/// Rows of segments that are read at a time.
const READ_ROWS: usize = 512;

/// A page of what a follower asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowedEvents {
    /// In order of their sequences.
    pub events: Vec<EventRow>,
    /// Go on from here: no event below it is missing.
    pub next: u64,
}

/// A page that is being filled.
pub(crate) struct Filling {
    pub events: Vec<EventRow>,
    left: usize,
}

impl Filling {
    /// Takes an event; false when the page is full, and then it is not taken.
    pub(crate) fn push(&mut self, sequence: u64, event: impl FnOnce() -> model::Event) -> bool {
        if self.left == 0 {
            return false;
        }
        let event = event();
        self.left = self.left.saturating_sub(event.record.len() + OVERHEAD_BYTES);
        self.events.push(EventRow { sequence, event });
        true
    }
}

impl Store {
    /// The sequence that the next audit event will get; every event below it is visible.
    pub fn event_sequence(&self) -> u64 {
        self.state().visible_events.load(Ordering::Acquire)
    }

    /// Audit events with `from <= sequence < end`, those below `event_sequence()`, in order of their sequences: about `bytes_max` of
    /// records and at least one event, if there is one.
    pub async fn follow_events(&self, from: u64, end: u64, bytes_max: usize) -> Result<FollowedEvents> {
        // First the sequence, then the snapshot: what is below the sequence is in the snapshot.
        let end = end.min(self.event_sequence());
        let snapshot = self.state().snapshot();
        let mut page = Filling { events: Vec::new(), left: bytes_max.max(1) };
        let mut next = from;
        // What is below it is in segments, what is not is in memtables.
        let in_memory = snapshot.memtables.iter().find_map(|memtable| memtable.first_event_sequence());
        let in_segments = next..in_memory.unwrap_or(end).min(end);
        if !in_segments.is_empty() {
            let end = in_segments.end;
            next = follow_segments(&snapshot, in_segments, &mut page).await?;
            if next < end {
                return Ok(FollowedEvents { events: page.events, next });
            }
        }
        for memtable in &snapshot.memtables {
            if next >= end {
                break;
            }
            if let Some(full) = memtable.follow_events(next..end, &mut page) {
                return Ok(FollowedEvents { events: page.events, next: full });
            }
        }
        Ok(FollowedEvents { events: page.events, next: end.max(from) })
    }
}

/// A row that is not read yet.
#[derive(Debug, Clone, Copy)]
struct Found {
    sequence: u64,
    place: usize,
    row: u32,
}

/// Fills the page with events that are in segments; answers the sequence to go on from.
async fn follow_segments(snapshot: &Snapshot, sequences: Range<u64>, page: &mut Filling) -> Result<u64> {
    let mut places = places(snapshot, &sequences).await?;
    places.sort_unstable_by_key(|place| place.low);
    // Everything below it has been found once the places that begin below it were looked at.
    let mut end = sequences.end;
    let mut found: Vec<Found> = Vec::new();
    for (at, place) in places.iter().enumerate() {
        if place.low >= end {
            break;
        }
        find(place, at, sequences.start..end, &mut found).await?;
        if found.len() > KEYS_MAX {
            found.sort_unstable_by_key(|found| found.sequence);
            found.truncate(KEYS_MAX);
            end = found.last().map_or(end, |last| last.sequence + 1);
        }
    }
    found.sort_unstable_by_key(|found| found.sequence);
    for chunk in found.chunks(READ_ROWS) {
        for row in read(&places, chunk).await? {
            let sequence = row.sequence;
            if !page.push(sequence, || row.event) {
                return Ok(sequence);
            }
        }
    }
    Ok(end)
}

/// A row group of a segment.
struct Place<'a> {
    segment: &'a Arc<Segment>,
    row_group: usize,
    /// Lowest sequence that it may have.
    low: u64,
}

/// The row groups that may have events with these sequences.
async fn places<'a>(snapshot: &'a Snapshot, sequences: &Range<u64>) -> Result<Vec<Place<'a>>> {
    let mut places = Vec::new();
    for segment in snapshot.segments.iter().filter(|segment| segment.entry.kind == Kind::Events) {
        let ranges = segment.sequence_ranges().await?;
        for row_group in 0..segment.row_groups.len() {
            let (low, high) = ranges.get(row_group).copied().unwrap_or((0, u64::MAX));
            if high >= sequences.start && low < sequences.end {
                places.push(Place { segment, row_group, low });
            }
        }
    }
    Ok(places)
}

/// Reads the keys of a place and notes the rows that are wanted.
async fn find(place: &Place<'_>, at: usize, sequences: Range<u64>, into: &mut Vec<Found>) -> Result<()> {
    let rows = place.segment.row_groups.get(place.row_group).map_or(0, |group| group.rows as usize);
    let all: Vec<Range<usize>> = std::iter::once(0..rows).collect();
    let mut row = 0;
    for batch in place.segment.read(place.row_group, all, &["time", "sequence"]).await? {
        for (_, sequence) in positions(&batch)? {
            if sequences.contains(&sequence) {
                into.push(Found { sequence, place: at, row });
            }
            row += 1;
        }
    }
    Ok(())
}

/// Reads rows whole, in order of their sequences.
async fn read(places: &[Place<'_>], found: &[Found]) -> Result<Vec<EventRow>> {
    let mut by_place: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for found in found {
        by_place.entry(found.place).or_default().push(found.row);
    }
    let mut events = Vec::with_capacity(found.len());
    for (at, mut wanted) in by_place {
        wanted.sort_unstable();
        let place = &places[at];
        for batch in place.segment.read(place.row_group, runs(&wanted), &ROW_COLUMNS).await? {
            events.extend(rows(&batch)?);
        }
    }
    events.sort_unstable_by_key(|row| row.sequence);
    Ok(events)
}
