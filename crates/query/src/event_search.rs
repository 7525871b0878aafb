//! Our own search of audit events, without LookupEvents' limits: several attributes at once, free text, all history, all accounts and
//! regions, who really did it, and counts of what was found.
//!
//! The store skips what it can (`store/src/scan_events.rs`); conditions on actor and session are then tried event by event. A search looks
//! at `SEARCH_LOOKED_MAX` events and then says where to go on, so that neither time nor memory grow with the history.

mod facets;
#[cfg(test)]
mod tests;

pub use facets::{Bar, Bars, Facet, Facets};

use crate::actors::{ActorError, Call, Held, Resolution};
use facets::Counting;
use model::TimeRange;
use model::limits::{SEARCH_EVENTS_MAX, SEARCH_LOOKED_MAX};
use std::collections::HashSet;
use std::ops::ControlFlow;
use store::{Direction, EventFilter, EventRow, EventScan, Position, Store};

/// Bytes of records that are held together, and that a page has at most.
const CHUNK_BYTES: usize = 8 * 1024 * 1024;
/// Events that are read together, at first and later: most searches stop early.
const CHUNK_MIN: usize = 256;
const CHUNK_MAX: usize = 8 * 1024;

/// What is searched for. All conditions must hold.
#[derive(Debug, Clone)]
pub struct Search {
    /// Conditions that the store knows.
    pub filters: Vec<EventFilter>,
    /// Who really did it is one of these; empty for anybody.
    pub actors: HashSet<String>,
    /// The session is one of these; empty for any.
    pub sessions: HashSet<String>,
    /// Only these times.
    pub range: TimeRange,
    /// Resume strictly after this position, towards the past.
    pub after: Option<Position>,
    /// Most events of the page.
    pub limit: usize,
    /// Values to answer of each facet; 0 for no facets.
    pub top: usize,
    /// Most fine bars among the facets; 0 for none.
    pub bars: usize,
}

/// One event that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The event.
    pub row: EventRow,
    /// Who did it.
    pub resolution: Resolution,
}

/// What was found, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchPage {
    /// The page.
    pub events: Vec<Found>,
    /// Where the next page resumes; `None` when there is no more.
    pub next: Option<Position>,
    /// How many events were looked at that the store did not skip.
    pub looked: usize,
    /// Counts over all that match, not only those of the page.
    pub facets: Option<Facets>,
}

/// Answers a page.
pub async fn search(store: &Store, search: &Search) -> Result<SearchPage, ActorError> {
    let held = Held::new(store.clone());
    let limit = search.limit.clamp(1, SEARCH_EVENTS_MAX);
    let mut counting = (search.top > 0).then(|| Counting::new(search.bars));
    let mut page = SearchPage::default();
    let (mut after, mut bytes, mut size) = (search.after, 0, CHUNK_MIN.max(limit.min(CHUNK_MAX)));
    let mut is_full = false;
    loop {
        let rows = chunk(store, search, after, size.min(SEARCH_LOOKED_MAX - page.looked)).await?;
        let Some(last) = rows.last().map(position) else { break };
        after = Some(last);
        for row in rows {
            page.looked += 1;
            // Free of a search for an actor and of facets, what does not fit the page need not be resolved.
            is_full = is_full || page.events.len() >= limit || bytes >= CHUNK_BYTES;
            if is_full && page.next.is_none() {
                page.next = page.events.last().map(|found| position(&found.row)).or(search.after);
            }
            if is_full && counting.is_none() {
                return Ok(page);
            }
            let resolution = held.resolve(&Call::from(&row.event)).await?;
            if !admits(search, &resolution) {
                continue;
            }
            if let Some(counting) = &mut counting {
                counting.add(&row.event, resolution.actor.as_deref());
            }
            if !is_full {
                bytes += row.event.record.len();
                page.events.push(Found { row, resolution });
            }
        }
        if page.looked >= SEARCH_LOOKED_MAX {
            // There may be more, which the next page finds.
            page.next = page.next.or(after);
            counting.iter_mut().for_each(|counting| counting.is_partial = true);
            break;
        }
        size = (size * 4).min(CHUNK_MAX);
    }
    page.facets = counting.map(|counting| counting.finish(search.top));
    Ok(page)
}

fn position(row: &EventRow) -> Position {
    (row.event.time, row.sequence)
}

fn admits(search: &Search, resolution: &Resolution) -> bool {
    let is_one = |wanted: &HashSet<String>, value: &Option<String>| {
        wanted.is_empty() || value.as_ref().is_some_and(|value| wanted.contains(value))
    };
    is_one(&search.actors, &resolution.actor) && is_one(&search.sessions, &resolution.session)
}

/// The next events that the store finds.
async fn chunk(
    store: &Store,
    search: &Search,
    after: Option<Position>,
    most: usize,
) -> Result<Vec<EventRow>, ActorError> {
    let scan = EventScan {
        account: None,
        region: None,
        range: search.range,
        direction: Direction::Backward,
        after,
        filter: Some(EventFilter::All(search.filters.clone())),
    };
    let (mut rows, mut bytes) = (Vec::new(), 0);
    let visit = &mut |row: &EventRow| {
        bytes += row.event.record.len();
        rows.push(row.clone());
        let is_full = rows.len() >= most || bytes >= CHUNK_BYTES;
        if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    store.scan_events(scan, visit).await?;
    Ok(rows)
}
