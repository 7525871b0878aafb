//! `scan_events` and `existing_event_ids`: audit events in (time, sequence) order, from memtables and segments.
//!
//! What is skipped: row groups outside the time range, or whose Bloom filter does not have the event id, user, access key or
//! resource name. Of a row group only the columns of the conditions are read first (`find_events.rs`); whole events only of rows that
//! meet them. Where looking is expensive, some row groups are looked through ahead of the order, in parallel.

use crate::Store;
use crate::error::{Error, Result};
use crate::events_page::{EventPage, EventRow};
use crate::find_events::{Wanted, existing_ids};
use crate::memtable::Memtable;
use crate::merge::{Page, Source, merge};
use crate::position::{Direction, Position, Window};
use crate::scan_logs::{ScanStats, runs};
use crate::segment::event_rows::rows;
use crate::segment::events::ROW_COLUMNS;
use crate::segment::{Kind, Segment};
use crate::state::lock;
use model::{Event, TimeRange, Timestamp};
use std::collections::{BTreeMap, HashSet};
use std::ops::{ControlFlow, Range};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use tokio::task::JoinHandle;

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

/// A text of each audit event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventText {
    /// `account`.
    Account,
    /// `region`.
    Region,
    /// `name`.
    Name,
    /// `source`.
    Source,
    /// `category`.
    Category,
    /// `username`.
    Username,
    /// `access_key_id`.
    AccessKeyId,
    /// `error_code`; empty when the call went well.
    ErrorCode,
    /// `source_ip`.
    SourceIp,
    /// `user_arn`.
    UserArn,
}

impl EventText {
    /// The column that has it.
    pub(crate) fn column(self) -> &'static str {
        match self {
            EventText::Account => "account",
            EventText::Region => "region",
            EventText::Name => "name",
            EventText::Source => "source",
            EventText::Category => "category",
            EventText::Username => "username",
            EventText::AccessKeyId => "access_key_id",
            EventText::ErrorCode => "error_code",
            EventText::SourceIp => "source_ip",
            EventText::UserArn => "user_arn",
        }
    }

    /// The text of an event.
    pub fn of(self, event: &Event) -> &str {
        match self {
            EventText::Account => &event.account,
            EventText::Region => &event.region,
            EventText::Name => &event.name,
            EventText::Source => &event.source,
            EventText::Category => &event.category,
            EventText::Username => &event.username,
            EventText::AccessKeyId => &event.access_key_id,
            EventText::ErrorCode => &event.error_code,
            EventText::SourceIp => &event.source_ip,
            EventText::UserArn => &event.user_arn,
        }
    }
}

/// A condition on audit events; all compare exactly.
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
    /// `category`.
    Category(String),
    /// `error_code`.
    ErrorCode(String),
    /// A part of the record's text, as it is written there.
    Text(String),
    /// A text is one of these.
    OneOf(EventText, Arc<HashSet<String>>),
    /// The call failed, or went well.
    Failed(bool),
    /// All of these hold.
    All(Vec<EventFilter>),
    /// At least one of these holds.
    Any(Vec<EventFilter>),
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
            EventFilter::Category(category) => event.category == *category,
            EventFilter::ErrorCode(code) => event.error_code == *code,
            EventFilter::Text(text) => memchr::memmem::find(event.record.as_bytes(), text.as_bytes()).is_some(),
            EventFilter::OneOf(text, values) => values.contains(text.of(event)),
            EventFilter::Failed(failed) => event.error_code.is_empty() != *failed,
            EventFilter::All(filters) => filters.iter().all(|filter| filter.matches(event)),
            EventFilter::Any(filters) => filters.iter().any(|filter| filter.matches(event)),
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
        let window = Window::new(scan.range, direction, scan.after);
        let wanted = Arc::new(Wanted::new(scan, sequence_end, Arc::clone(self.state())));
        let mut stats = ScanStats::default();
        let mut sources = Vec::new();
        for memtable in &snapshot.memtables {
            sources.extend(MemoryEvents::open(memtable, &wanted, window).map(EventSource::Memory));
        }
        let mut groups = Vec::new();
        for segment in snapshot.segments.iter().filter(|segment| segment.entry.kind == Kind::Events) {
            let within = segment.row_groups.iter().enumerate();
            let within = within.filter(|(_, group)| window.overlaps(group.min_time, group.max_time));
            let before = groups.len();
            groups.extend(within.map(|(row_group, _)| Group { segment: Arc::clone(segment), row_group }));
            stats.segments_read += u64::from(groups.len() > before);
        }
        stats.segments_skipped = snapshot.segments.len() as u64 - stats.segments_read;
        groups.retain(|group| !wanted.is_ruled_out(&group.segment, group.row_group));
        groups.sort_by_key(|group| group.bound(direction));
        if direction == Direction::Backward {
            groups.reverse();
        }
        let groups = Arc::new(Lookahead::new(groups, wanted, window));
        sources.extend((0..groups.groups.len()).map(|at| EventSource::Segment(GroupEvents::new(&groups, at))));
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
                existing_ids(segment, row_group, asked.collect(), &mut found, &self.state().filter_cache).await?;
            }
        }
        Ok(found)
    }
}

/// Pages of one memtable or one row group.
enum EventSource {
    Memory(MemoryEvents),
    Segment(GroupEvents),
}

impl Source for EventSource {
    type Page = EventPage;

    fn bound(&self) -> Timestamp {
        match self {
            EventSource::Memory(memory) => memory.bound,
            EventSource::Segment(group) => group.bound(),
        }
    }

    async fn next_page(&mut self) -> Result<Option<EventPage>> {
        match self {
            EventSource::Memory(memory) => Ok(memory.next_page()),
            EventSource::Segment(group) => group.next_page().await,
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
            bound: bound(wanted.scan.direction, min, max),
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

/// Where rows between two times begin.
fn bound(direction: Direction, min: Timestamp, max: Timestamp) -> Timestamp {
    match direction {
        Direction::Forward => min,
        Direction::Backward => max,
    }
}

/// One row group of a segment.
#[derive(Clone)]
struct Group {
    segment: Arc<Segment>,
    row_group: usize,
}

impl Group {
    fn bound(&self, direction: Direction) -> Timestamp {
        let group = self.segment.row_groups.get(self.row_group);
        group.map_or(Timestamp::MIN, |group| bound(direction, group.min_time, group.max_time))
    }
}

/// Row groups in the order of the scan. Looking through one begins when the order reaches it, or a little before.
struct Lookahead {
    groups: Vec<Group>,
    wanted: Arc<Wanted>,
    window: Window,
    /// How many are begun, and those that are not asked for yet.
    begun: Mutex<(usize, BTreeMap<usize, Task>)>,
}

/// Stops when nobody waits for it any more.
struct Task(JoinHandle<Result<Vec<u32>>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Lookahead {
    fn new(groups: Vec<Group>, wanted: Arc<Wanted>, window: Window) -> Self {
        Self { groups, wanted, window, begun: Mutex::default() }
    }

    /// The wanted rows of row group `at`, ascending.
    async fn find(&self, at: usize) -> Result<Vec<u32>> {
        let task = {
            let mut begun = lock(&self.begun);
            let ahead = self.wanted.lookahead();
            while begun.0 < (at + ahead).min(self.groups.len()) {
                let place = begun.0;
                begun.1.insert(place, self.begin(place));
                begun.0 += 1;
            }
            begun.1.remove(&at)
        };
        let Some(mut task) = task else { return Err(Error::Bug("a row group is looked through once".into())) };
        (&mut task.0).await.map_err(|error| Error::Bug(format!("look through a row group: {error}")))?
    }

    /// Searching text keeps a processor busy, which is work for a thread of its own.
    fn begin(&self, at: usize) -> Task {
        let (group, wanted, window) = (self.groups[at].clone(), Arc::clone(&self.wanted), self.window);
        let find = async move { wanted.find(&group.segment, group.row_group, window).await };
        if self.wanted.searches_text() {
            let runtime = tokio::runtime::Handle::current();
            Task(tokio::task::spawn_blocking(move || runtime.block_on(find)))
        } else {
            Task(tokio::spawn(find))
        }
    }
}

/// The wanted events of one row group.
struct GroupEvents {
    groups: Arc<Lookahead>,
    at: usize,
    /// The wanted rows, once they are found, and those of them that are not read yet.
    found: Option<Vec<u32>>,
    rest: Range<usize>,
    page_rows: usize,
}

impl GroupEvents {
    fn new(groups: &Arc<Lookahead>, at: usize) -> Self {
        Self { groups: Arc::clone(groups), at, found: None, rest: 0..0, page_rows: PAGE_ROWS_MIN }
    }

    fn bound(&self) -> Timestamp {
        self.groups.groups[self.at].bound(self.groups.wanted.scan.direction)
    }

    async fn next_page(&mut self) -> Result<Option<EventPage>> {
        if self.found.is_none() {
            let found = self.groups.find(self.at).await?;
            self.rest = 0..found.len();
            self.found = Some(found);
        }
        let found = self.found.as_deref().unwrap_or_default();
        let Group { segment, row_group } = &self.groups.groups[self.at];
        let direction = self.groups.wanted.scan.direction;
        let mut page = EventPage::default();
        while page.rows.is_empty() && !self.rest.is_empty() {
            let count = self.page_rows.min(self.rest.len());
            self.page_rows = (self.page_rows * 4).min(PAGE_ROWS_MAX);
            let chunk = match direction {
                Direction::Forward => self.rest.start..self.rest.start + count,
                Direction::Backward => self.rest.end - count..self.rest.end,
            };
            match direction {
                Direction::Forward => self.rest.start += count,
                Direction::Backward => self.rest.end -= count,
            }
            let chunk = found.get(chunk).unwrap_or_default();
            for batch in segment.read(*row_group, runs(chunk), &ROW_COLUMNS).await? {
                page.rows.extend(rows(&batch)?);
            }
            page.rows.retain(|row| self.groups.wanted.confirms(&row.event));
        }
        if direction == Direction::Backward {
            page.rows.reverse();
        }
        Ok((page.len() > 0).then_some(page))
    }
}
