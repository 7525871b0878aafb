//! One page of a search: which events match, and where the next page begins.

use model::limits::{FILTER_SCAN_BYTES_MAX, FILTER_SCAN_MS_MAX, LOG_EVENT_OVERHEAD_BYTES, LOG_PAGE_BYTES_MAX};
use model::{Clock, StreamId, Timestamp};
use query::filter_pattern::FilterPattern;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use store::{LogRow, Position};

/// An event that matched.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) stream: StreamId,
    pub(super) timestamp: Timestamp,
    pub(super) ingestion_time: Timestamp,
    pub(super) sequence: u64,
    pub(super) message: String,
}

impl Found {
    /// 56 digits, unique over the whole installation, in the order of the answer.
    pub(super) fn event_id(&self) -> String {
        // 13 digits reach to the year 2286; a later time is not worth a longer id.
        let time = self.timestamp.0.clamp(0, 9_999_999_999_999);
        format!("3{time:013}{:042}", self.sequence)
    }
}

/// Visits events until the page is full or enough was looked at.
pub(super) struct Search {
    pattern: FilterPattern,
    clock: Arc<dyn Clock>,
    began: Timestamp,
    hidden: HashSet<StreamId>,
    limit: usize,
    found: Vec<Found>,
    found_bytes: usize,
    looked_at_bytes: usize,
    last_visited: Option<Position>,
    stopped: bool,
}

impl Search {
    /// A search for at most `limit` events, which begins now; those of `hidden` streams never match.
    pub(super) fn new(pattern: FilterPattern, hidden: Vec<StreamId>, limit: usize, clock: Arc<dyn Clock>) -> Self {
        Self {
            pattern,
            began: clock.now(),
            clock,
            hidden: hidden.into_iter().collect(),
            limit,
            found: Vec::new(),
            found_bytes: 0,
            looked_at_bytes: 0,
            last_visited: None,
            stopped: false,
        }
    }

    /// Begins anew to count its time: it may have waited for its turn.
    pub(super) fn begin(&mut self) {
        self.began = self.clock.now();
    }

    /// Looks at the next event. Breaks before an event that belongs to the next page, so that a page that ends the search
    /// has no token.
    pub(super) fn visit(&mut self, row: &LogRow<'_>) -> ControlFlow<()> {
        if self.found.len() >= self.limit || self.looked_at_bytes >= FILTER_SCAN_BYTES_MAX || self.is_late() {
            self.stopped = true;
            return ControlFlow::Break(());
        }
        let bytes = row.message.len() + LOG_EVENT_OVERHEAD_BYTES;
        if !self.hidden.contains(&row.stream) && self.pattern.matches(row.message) {
            if !self.found.is_empty() && self.found_bytes + bytes > LOG_PAGE_BYTES_MAX {
                self.stopped = true;
                return ControlFlow::Break(());
            }
            self.found_bytes += bytes;
            self.found.push(Found {
                stream: row.stream,
                timestamp: row.timestamp,
                ingestion_time: row.ingestion_time,
                sequence: row.sequence,
                message: row.message.to_owned(),
            });
        }
        self.looked_at_bytes += bytes;
        self.last_visited = Some((row.timestamp, row.sequence));
        ControlFlow::Continue(())
    }

    /// True when the page has taken its time. Each page looks at one event at least, so that a search gets on.
    fn is_late(&self) -> bool {
        self.last_visited.is_some() && self.clock.now() - self.began >= FILTER_SCAN_MS_MAX
    }

    /// The position after which the next page begins; `None` when everything was looked at.
    pub(super) fn resume_at(&self) -> Option<Position> {
        self.last_visited.filter(|_| self.stopped)
    }

    /// What was found, in the order of the visits.
    pub(super) fn into_found(self) -> Vec<Found> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::clock::ManualClock;

    fn search(pattern: &str, hidden: Vec<StreamId>, limit: usize) -> Search {
        Search::new(FilterPattern::parse(pattern).unwrap(), hidden, limit, Arc::new(ManualClock::default()))
    }

    fn row(sequence: u64, message: &str) -> LogRow<'_> {
        LogRow {
            stream: StreamId(1),
            timestamp: Timestamp(1_750_000_000_000),
            ingestion_time: Timestamp(1_750_000_000_001),
            sequence,
            message,
        }
    }

    #[test]
    fn a_page_stops_only_when_something_is_left() {
        let mut search = search("", Vec::new(), 2);
        assert!(search.visit(&row(1, "a")).is_continue());
        assert!(search.visit(&row(2, "b")).is_continue());
        assert_eq!(search.resume_at(), None);
        assert!(search.visit(&row(3, "c")).is_break());
        assert_eq!(search.resume_at(), Some((Timestamp(1_750_000_000_000), 2)));
    }

    #[test]
    fn looking_is_bounded_even_when_nothing_matches() {
        let mut search = search("needle", Vec::new(), 10);
        let hay = "x".repeat(1024 * 1024);
        let visited = (0..).take_while(|&n| search.visit(&row(n, &hay)).is_continue()).count();
        assert_eq!(visited, FILTER_SCAN_BYTES_MAX / hay.len());
        assert!(search.resume_at().is_some());
        assert!(search.into_found().is_empty());
    }

    #[test]
    fn a_slow_search_ends_its_page_and_goes_on_in_the_next() {
        let clock = Arc::new(ManualClock::default());
        let pattern = FilterPattern::parse("%a{1000}b%").unwrap();
        let mut search = Search::new(pattern, Vec::new(), 10, clock.clone());
        clock.advance(FILTER_SCAN_MS_MAX);
        assert!(search.visit(&row(1, "a")).is_continue(), "a page looks at one event at least");
        assert!(search.visit(&row(2, "a")).is_break());
        assert_eq!(search.resume_at(), Some((Timestamp(1_750_000_000_000), 1)));
    }

    #[test]
    fn event_ids_have_56_digits() {
        let mut search = search("", vec![StreamId(9)], 10);
        assert!(search.visit(&row(u64::MAX, "a")).is_continue());
        let found = search.into_found();
        assert_eq!(found[0].event_id().len(), 56);
    }
}
