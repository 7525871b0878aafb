//! LookupEvents' question: audit events of one account and region, newest first, in pages.

use crate::Error;
use model::TimeRange;
use std::ops::ControlFlow;
use store::{Direction, EventFilter, EventRow, EventScan, Position, Store};

/// Which categories of events are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// `Management`.
    Management,
    /// `Insight`.
    Insight,
    /// All of them.
    Any,
}

impl Category {
    fn filter(self) -> Option<EventFilter> {
        match self {
            Category::Management => Some(EventFilter::Category("Management".into())),
            Category::Insight => Some(EventFilter::Category("Insight".into())),
            Category::Any => None,
        }
    }
}

/// A lookup of audit events.
#[derive(Debug, Clone)]
pub struct EventLookup {
    /// Only this account; `None` for all.
    pub account: Option<String>,
    /// Only this region; `None` for all.
    pub region: Option<String>,
    /// Only these times.
    pub range: TimeRange,
    /// Only this category.
    pub category: Category,
    /// Conditions, all of which must hold.
    pub filters: Vec<EventFilter>,
    /// Resume strictly after this position, towards the past.
    pub after: Option<Position>,
    /// Most events in the page.
    pub limit: usize,
}

/// A page of events, newest first.
#[derive(Debug, Clone, Default)]
pub struct EventPage {
    /// The events.
    pub events: Vec<EventRow>,
    /// Where the next page resumes; `None` when there is no more.
    pub next: Option<Position>,
}

/// Answers one page.
pub async fn lookup(store: &Store, lookup: &EventLookup) -> Result<EventPage, Error> {
    let filters = lookup.filters.iter().cloned().chain(lookup.category.filter());
    let scan = EventScan {
        account: lookup.account.clone(),
        region: lookup.region.clone(),
        range: lookup.range,
        direction: Direction::Backward,
        after: lookup.after,
        filter: Some(EventFilter::All(filters.collect())),
    };
    let mut page = EventPage::default();
    store
        .scan_events(scan, &mut |row| {
            // One event beyond the page proves that there is more.
            if page.events.len() >= lookup.limit {
                page.next = page.events.last().map(|last| (last.event.time, last.sequence)).or(lookup.after);
                return ControlFlow::Break(());
            }
            page.events.push(row.clone());
            ControlFlow::Continue(())
        })
        .await?;
    Ok(page)
}
