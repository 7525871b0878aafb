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
    fn admits(self, category: &str) -> bool {
        match self {
            Category::Management => category == "Management",
            Category::Insight => category == "Insight",
            Category::Any => true,
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
    /// Conditions, all of which must hold. The first is pushed down into the store.
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

/// Most events looked at for one page: beyond them the page is short, or empty, and says where to go on.
const LOOKED_AT_MAX: usize = 200_000;

/// Answers one page.
pub async fn lookup(store: &Store, lookup: &EventLookup) -> Result<EventPage, Error> {
    let mut filters = lookup.filters.iter();
    let scan = EventScan {
        account: lookup.account.clone(),
        region: lookup.region.clone(),
        range: lookup.range,
        direction: Direction::Backward,
        after: lookup.after,
        filter: filters.next().cloned(),
    };
    let rest: Vec<EventFilter> = filters.cloned().collect();
    let mut page = EventPage::default();
    let mut looked_at = 0_usize;
    let mut last = lookup.after;
    store
        .scan_events(scan, &mut |row| {
            let admitted = lookup.category.admits(&row.event.category) && rest.iter().all(|f| f.matches(&row.event));
            // One event beyond the page, or beyond what may be looked at, proves that there is more.
            if (admitted && page.events.len() >= lookup.limit) || looked_at >= LOOKED_AT_MAX {
                page.next = last;
                return ControlFlow::Break(());
            }
            looked_at += 1;
            last = Some((row.event.time, row.sequence));
            if admitted {
                page.events.push(row.clone());
            }
            ControlFlow::Continue(())
        })
        .await?;
    Ok(page)
}
