//! `scan_events` and `existing_event_ids`: audit events in (time, sequence) order, from memtables and segments.

use crate::Store;
use crate::error::Result;
use crate::events_page::{EventPage, EventRow};
use crate::memtable::Memtable;
use crate::merge::{Page, Source, merge};
use crate::position::{Direction, Position, Window};
use crate::scan_logs::ScanStats;
use model::{Event, TimeRange, Timestamp};
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

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
        let sequence_end = self.visible_event_sequence();
        let snapshot = self.snapshot();
        let window = Window::new(scan.range, scan.direction, scan.after);
        let scan = Arc::new(scan);
        let mut stats = ScanStats::default();
        let mut sources = Vec::new();
        for memtable in &snapshot.memtables {
            let Some((min, max)) = memtable.event_times() else { continue };
            if window.overlaps(min, max) {
                sources.push(EventSource::Memory(MemoryEvents {
                    memtable: Arc::clone(memtable),
                    scan: Arc::clone(&scan),
                    window,
                    sequence_end,
                    bound: if scan.direction == Direction::Forward { min } else { max },
                }));
            }
        }
        merge(scan.direction, sources, &mut |page: &EventPage, at| {
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
        let snapshot = self.snapshot();
        let mut found = HashSet::new();
        for memtable in &snapshot.memtables {
            let events = memtable.events();
            found.extend(ids.iter().filter(|(_, id)| events.ids.contains(*id)).map(|(_, id)| id.to_string()));
        }
        Ok(found)
    }
}

/// Pages of one memtable or one segment.
enum EventSource {
    Memory(MemoryEvents),
}

struct MemoryEvents {
    memtable: Arc<Memtable>,
    scan: Arc<EventScan>,
    window: Window,
    sequence_end: u64,
    bound: Timestamp,
}

impl MemoryEvents {
    fn next_page(&mut self) -> Option<EventPage> {
        loop {
            let admits = |event: &Event| self.scan.admits(event);
            let (page, last) =
                self.memtable.event_page(self.window, self.scan.direction, self.sequence_end, &admits);
            self.window = self.window.after(self.scan.direction, last?);
            if page.len() > 0 {
                return Some(page);
            }
        }
    }
}

impl Source for EventSource {
    type Page = EventPage;

    fn bound(&self) -> Timestamp {
        match self {
            EventSource::Memory(memory) => memory.bound,
        }
    }

    async fn next_page(&mut self) -> Result<Option<EventPage>> {
        match self {
            EventSource::Memory(memory) => Ok(memory.next_page()),
        }
    }
}
