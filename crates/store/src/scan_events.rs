//! `scan_events` and `existing_event_ids`: audit events in (time, sequence) order, from memtables and segments.
//!
//! What is skipped: segments and row groups outside the time range, or whose Bloom filter does not have the event id or access
//! key. Of a row group only the columns of the conditions are read first; whole events only of rows that meet them.

use crate::Store;
use crate::error::Result;
use crate::events_page::{EventPage, EventRow};
use crate::memtable::Memtable;
use crate::merge::{Page, Source, merge};
use crate::position::{Direction, Position, Window};
use crate::scan_logs::{ScanStats, runs};
use crate::segment::events::{COLUMNS, positions, resource_is, rows};
use crate::segment::{Kind, Segment, column};
use arrow_array::{Array, BooleanArray, ListArray, RecordBatch, StringArray};
use model::{Event, TimeRange, Timestamp};
use std::collections::{BTreeMap, HashSet};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What to scan of the audit events.
#[derive(Debug, Clone, PartialEq)]
pub struct EventScan {
    /// Only this account; `None` for all.
    pub account: Option<String>,
    /// Only this region; `None` for all.
    pub region: Option<String>,
    /// Only events of this time range.
    pub range: TimeRange,
    /// Oldest or newest first.
    pub direction: Direction,
    /// Resume strictly after this position in the direction.
    pub after: Option<Position>,
    /// Only events that match.
    pub filter: Option<EventFilter>,
}

/// One condition on audit events; all compare exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventFilter {
    /// `event_id`.
    EventId(String),
    /// `event_id` is one of these.
    EventIds(Arc<HashSet<String>>),
    /// `name`.
    EventName(String),
    /// `read_only`; an event that does not say matches neither.
    ReadOnly(bool),
    /// `username`.
    Username(String),
    /// The type of one of the resources.
    ResourceType(String),
    /// The name of one of the resources.
    ResourceName(String),
    /// `source`.
    EventSource(String),
    /// `access_key_id`.
    AccessKeyId(String),
}

impl EventFilter {
    /// True when the event meets the condition.
    pub fn matches(&self, event: &Event) -> bool {
        match self {
            EventFilter::EventId(id) => event.event_id == *id,
            EventFilter::EventIds(ids) => ids.contains(&event.event_id),
            EventFilter::EventName(name) => event.name == *name,
            EventFilter::ReadOnly(read_only) => event.read_only == Some(*read_only),
            EventFilter::Username(username) => event.username == *username,
            EventFilter::ResourceType(kind) => event.resources.iter().any(|r| r.resource_type == *kind),
            EventFilter::ResourceName(name) => event.resources.iter().any(|r| r.name == *name),
            EventFilter::EventSource(source) => event.source == *source,
            EventFilter::AccessKeyId(key) => event.access_key_id == *key,
        }
    }
}

impl EventScan {
    /// True when account, region and filter admit the event (the time range is the window's business).
    pub(crate) fn admits(&self, event: &Event) -> bool {
        self.account.as_ref().is_none_or(|account| *account == event.account)
            && self.region.as_ref().is_none_or(|region| *region == event.region)
            && self.filter.as_ref().is_none_or(|filter| filter.matches(event))
    }
}

impl Store {
    /// Shows the visitor each event that the scan admits in (time, sequence) order until it breaks. Every append that was
    /// acknowledged before the call is seen.
    pub async fn scan_events(
        &self,
        scan: EventScan,
        visit: &mut (dyn FnMut(&EventRow) -> ControlFlow<()> + Send),
    ) -> Result<ScanStats> {
        // First the sequence, then the snapshot: what is below the sequence is in the snapshot.
        let sequence_end = self.state().visible_events.load(Ordering::Acquire);
        let snapshot = self.state().snapshot();
        let direction = scan.direction;
        let window = Window::new(scan.range, direction, scan.after).not_before(snapshot.removed.events_from());
        let wanted = Arc::new(Wanted { scan, sequence_end });
        let mut stats = ScanStats::default();
        let mut sources = Vec::new();
        for memtable in &snapshot.memtables {
            sources.extend(MemoryEvents::open(memtable, &wanted, window).map(EventSource::Memory));
        }
        for segment in &snapshot.segments {
            match SegmentEvents::open(segment, &wanted, window) {
                Some(source) => sources.push(EventSource::Segment(source)),
                None => stats.segments_skipped += 1,
            }
        }
        stats.segments_read = snapshot.segments.len() as u64 - stats.segments_skipped;
        merge(direction, sources, &mut |page: &EventPage, at| {
            let row = &page.rows[at];
            stats.rows_scanned += 1;
            stats.bytes_scanned += row.event.record.len() as u64;
            visit(row)
        })
        .await?;
        Ok(stats)
    }

    /// Which of these events, named by time and id, are stored already. Looks only at the times given.
    pub async fn existing_event_ids(&self, ids: &[(Timestamp, &str)]) -> Result<HashSet<String>> {
        let snapshot = self.state().snapshot();
        let mut found = HashSet::new();
        for memtable in &snapshot.memtables {
            let events = memtable.events();
            found.extend(ids.iter().filter(|(_, id)| events.ids.contains(*id)).map(|(_, id)| id.to_string()));
        }
        let mut by_time: BTreeMap<Timestamp, Vec<&str>> = BTreeMap::new();
        for (time, id) in ids {
            by_time.entry(*time).or_default().push(id);
        }
        for segment in snapshot.segments.iter().filter(|segment| segment.entry.kind == Kind::Events) {
            for (row_group, group) in segment.row_groups.iter().enumerate() {
                let asked = by_time.range(group.min_time..=group.max_time).flat_map(|(_, ids)| ids).copied();
                find_ids(segment, row_group, asked.collect(), &mut found).await?;
            }
        }
        Ok(found)
    }
}

async fn find_ids(
    segment: &Arc<Segment>,
    row_group: usize,
    mut asked: HashSet<&str>,
    found: &mut HashSet<String>,
) -> Result<()> {
    asked.retain(|id| !found.contains(*id));
    if asked.is_empty() {
        return Ok(());
    }
    if let Some(bloom) = segment.bloom(row_group, "event_id").await? {
        asked.retain(|id| bloom.check(id));
    }
    if asked.is_empty() {
        return Ok(());
    }
    let rows = segment.row_groups.get(row_group).map_or(0, |group| group.rows as usize);
    let all: Vec<Range<usize>> = std::iter::once(0..rows).collect();
    for batch in segment.read(row_group, all, &["event_id"]).await? {
        let ids: &StringArray = column(&batch, "event_id")?;
        found.extend(ids.iter().flatten().filter(|id| asked.contains(id)).map(str::to_owned));
    }
    Ok(())
}

/// Which rows a scan wants, besides its window.
struct Wanted {
    scan: EventScan,
    sequence_end: u64,
}

impl Wanted {
    fn bound(&self, min: Timestamp, max: Timestamp) -> Timestamp {
        match self.scan.direction {
            Direction::Forward => min,
            Direction::Backward => max,
        }
    }

    /// The column that the filter compares.
    fn filter_column(&self) -> Option<&'static str> {
        self.scan.filter.as_ref().map(|filter| match filter {
            EventFilter::EventId(_) | EventFilter::EventIds(_) => "event_id",
            EventFilter::EventName(_) => "name",
            EventFilter::ReadOnly(_) => "read_only",
            EventFilter::Username(_) => "username",
            EventFilter::ResourceType(_) => "resource_types",
            EventFilter::ResourceName(_) => "resource_names",
            EventFilter::EventSource(_) => "source",
            EventFilter::AccessKeyId(_) => "access_key_id",
        })
    }

    /// Columns that decide whether a row is wanted.
    fn key_columns(&self) -> Vec<&'static str> {
        let account = self.scan.account.is_some().then_some("account");
        let region = self.scan.region.is_some().then_some("region");
        ["time", "sequence"].into_iter().chain(account).chain(region).chain(self.filter_column()).collect()
    }

    /// For each row of a batch of key columns, whether account, region and filter admit it.
    fn admitted(&self, batch: &RecordBatch) -> Result<Vec<bool>> {
        let mut admitted = vec![true; batch.num_rows()];
        for (name, value) in [("account", &self.scan.account), ("region", &self.scan.region)] {
            if let Some(value) = value {
                keep_equal(&mut admitted, column(batch, name)?, value);
            }
        }
        let Some((filter, name)) = self.scan.filter.as_ref().zip(self.filter_column()) else { return Ok(admitted) };
        match filter {
            EventFilter::ReadOnly(wanted) => {
                let values: &BooleanArray = column(batch, name)?;
                let mut values = values.iter();
                admitted.iter_mut().for_each(|keep| *keep &= values.next().flatten() == Some(*wanted));
            }
            EventFilter::ResourceType(wanted) | EventFilter::ResourceName(wanted) => {
                let list: &ListArray = column(batch, name)?;
                let matches = resource_is(list, wanted)?;
                admitted.iter_mut().zip(matches).for_each(|(keep, matches)| *keep &= matches);
            }
            EventFilter::EventIds(wanted) => {
                let ids: &StringArray = column(batch, name)?;
                let is_wanted = ids.iter().map(|id| id.is_some_and(|id| wanted.contains(id)));
                admitted.iter_mut().zip(is_wanted).for_each(|(keep, is_wanted)| *keep &= is_wanted);
            }
            EventFilter::EventId(wanted)
            | EventFilter::EventName(wanted)
            | EventFilter::Username(wanted)
            | EventFilter::EventSource(wanted)
            | EventFilter::AccessKeyId(wanted) => keep_equal(&mut admitted, column(batch, name)?, wanted),
        }
        Ok(admitted)
    }

    /// A column with a Bloom filter, and the value that it must have.
    fn bloom(&self) -> Option<(&'static str, &str)> {
        match self.scan.filter.as_ref()? {
            EventFilter::EventId(value) => Some(("event_id", value)),
            EventFilter::AccessKeyId(value) => Some(("access_key_id", value)),
            _ => None,
        }
    }
}

fn keep_equal(admitted: &mut [bool], values: &StringArray, wanted: &str) {
    for (at, keep) in admitted.iter_mut().enumerate().take(values.len()) {
        *keep &= values.value(at) == wanted;
    }
}

/// Pages of one memtable or one segment.
enum EventSource {
    Memory(MemoryEvents),
    Segment(SegmentEvents),
}

impl Source for EventSource {
    type Page = EventPage;

    fn bound(&self) -> Timestamp {
        match self {
            EventSource::Memory(memory) => memory.bound,
            EventSource::Segment(segment) => segment.bound,
        }
    }

    async fn next_page(&mut self) -> Result<Option<EventPage>> {
        match self {
            EventSource::Memory(memory) => Ok(memory.next_page()),
            EventSource::Segment(segment) => segment.next_page().await,
        }
    }
}

struct MemoryEvents {
    memtable: Arc<Memtable>,
    wanted: Arc<Wanted>,
    window: Window,
    bound: Timestamp,
}

impl MemoryEvents {
    fn open(memtable: &Arc<Memtable>, wanted: &Arc<Wanted>, window: Window) -> Option<Self> {
        let (min, max) = memtable.event_times()?;
        window.overlaps(min, max).then(|| Self {
            memtable: Arc::clone(memtable),
            wanted: Arc::clone(wanted),
            window,
            // Events may still be added before the first or after the last one, but none that this scan may see.
            bound: wanted.bound(min, max),
        })
    }

    fn next_page(&mut self) -> Option<EventPage> {
        let direction = self.wanted.scan.direction;
        loop {
            let admits = |event: &Event| self.wanted.scan.admits(event);
            let (page, last) = self.memtable.event_page(self.window, direction, self.wanted.sequence_end, &admits);
            self.window = self.window.after(direction, last?);
            if page.len() > 0 {
                return Some(page);
            }
        }
    }
}

/// First rows of a page read from a segment; pages grow, because most scans stop early.
const PAGE_ROWS_MIN: usize = 64;
/// Most rows of a page read from a segment.
const PAGE_ROWS_MAX: usize = 1024;

struct SegmentEvents {
    segment: Arc<Segment>,
    wanted: Arc<Wanted>,
    window: Window,
    bound: Timestamp,
    /// Row groups not looked at yet; taken from the front or the back.
    row_groups: Range<usize>,
    /// The row group in work, and its wanted rows, not read yet, ascending.
    row_group: usize,
    found: Range<usize>,
    found_rows: Vec<u32>,
    page_rows: usize,
}

impl SegmentEvents {
    fn open(segment: &Arc<Segment>, wanted: &Arc<Wanted>, window: Window) -> Option<Self> {
        let (min, max) = (segment.min_time(), segment.max_time());
        (segment.entry.kind == Kind::Events && window.overlaps(min, max)).then(|| Self {
            segment: Arc::clone(segment),
            wanted: Arc::clone(wanted),
            window,
            bound: wanted.bound(min, max),
            row_groups: 0..segment.row_groups.len(),
            row_group: 0,
            found: 0..0,
            found_rows: Vec::new(),
            page_rows: PAGE_ROWS_MIN,
        })
    }

    async fn next_page(&mut self) -> Result<Option<EventPage>> {
        let direction = self.wanted.scan.direction;
        while self.found.is_empty() {
            let next = match direction {
                Direction::Forward => self.row_groups.next(),
                Direction::Backward => self.row_groups.next_back(),
            };
            let Some(row_group) = next else { return Ok(None) };
            self.find(row_group).await?;
        }
        let count = self.page_rows.min(self.found.len());
        self.page_rows = (self.page_rows * 4).min(PAGE_ROWS_MAX);
        let chunk = match direction {
            Direction::Forward => {
                let chunk = self.found.start..self.found.start + count;
                self.found.start += count;
                chunk
            }
            Direction::Backward => {
                let chunk = self.found.end - count..self.found.end;
                self.found.end -= count;
                chunk
            }
        };
        let mut page = EventPage::default();
        for batch in self.segment.read(self.row_group, runs(&self.found_rows[chunk]), &COLUMNS).await? {
            page.rows.extend(rows(&batch)?);
        }
        if direction == Direction::Backward {
            page.rows.reverse();
        }
        Ok(Some(page))
    }

    /// Reads the keys of a row group and notes the rows that are wanted.
    async fn find(&mut self, row_group: usize) -> Result<()> {
        let Some(group) = self.segment.row_groups.get(row_group).copied() else { return Ok(()) };
        if !self.window.overlaps(group.min_time, group.max_time) {
            return Ok(());
        }
        if let Some((column, value)) = self.wanted.bloom()
            && let Some(bloom) = self.segment.bloom(row_group, column).await?
            && !bloom.check(&value)
        {
            return Ok(());
        }
        let mut at = 0;
        self.found_rows.clear();
        let all: Vec<Range<usize>> = std::iter::once(0..group.rows as usize).collect();
        for batch in self.segment.read(row_group, all, &self.wanted.key_columns()).await? {
            let admitted = self.wanted.admitted(&batch)?;
            for (position, admitted) in positions(&batch)?.into_iter().zip(admitted) {
                if admitted && position.1 < self.wanted.sequence_end && self.window.contains(position) {
                    self.found_rows.push(at);
                }
                at += 1;
            }
        }
        (self.row_group, self.found) = (row_group, 0..self.found_rows.len());
        Ok(())
    }
}
