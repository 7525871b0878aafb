//! One page of a search: which events match, and where the next page begins.

use super::super::event_id::event_id;
use model::limits::{FILTER_SCAN_BYTES_MAX, FILTER_SCAN_MS_MAX, LOG_EVENT_OVERHEAD_BYTES, LOG_PAGE_BYTES_MAX};
use model::{Clock, StreamId, Timestamp};
use query::data_protection::Protection;
use query::filter_pattern::FilterPattern;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use store::{LogRow, LogScan, LogSearch, Passed, Position, Searched, TextSearch};

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
    /// When it was ingested, and its message.
    pub(super) fn text(&mut self) -> (Timestamp, &mut String) {
        (self.ingestion_time, &mut self.message)
    }

    /// See [`event_id`].
    pub(super) fn event_id(&self) -> String {
        event_id(self.timestamp, self.sequence)
    }
}

/// Takes what the store finds until the page is full or enough was looked at.
pub(super) struct Search {
    pattern: Arc<FilterPattern>,
    mask: Option<Arc<Protection>>,
    clock: Arc<dyn Clock>,
    began: Timestamp,
    hidden: HashSet<StreamId>,
    limit: usize,
    found: Vec<Found>,
    found_bytes: usize,
    looked_at_bytes: u64,
    /// Everything up to here was looked at and is on this page or does not match.
    last_passed: Option<Position>,
    stopped: bool,
}

impl Search {
    /// A search for at most `limit` events; those of `hidden` streams never match. Where there is a mask, what is found may be shown
    /// so that it matches, which the caller must see to.
    pub(super) fn new(
        pattern: FilterPattern,
        mask: Option<Arc<Protection>>,
        hidden: Vec<StreamId>,
        limit: usize,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            pattern: Arc::new(pattern),
            mask,
            began: clock.now(),
            clock,
            hidden: hidden.into_iter().collect(),
            limit,
            found: Vec::new(),
            found_bytes: 0,
            looked_at_bytes: 0,
            last_passed: None,
            stopped: false,
        }
    }

    /// What the store is asked. The time counts from now: the search may have waited for its turn.
    pub(super) fn begin(&mut self, scan: LogScan) -> LogSearch {
        self.began = self.clock.now();
        let (clock, began) = (Arc::clone(&self.clock), self.began);
        let pattern = Arc::clone(&self.pattern);
        let required = self.pattern.required_clauses();
        let matches = move |text: &str| pattern.matches(text);
        LogSearch {
            scan,
            text: match (self.mask.clone(), self.pattern.anywhere()) {
                (Some(mask), _) => {
                    let required = Protection::clauses_of_stored(required);
                    TextSearch::new(&required, move |text: &str| mask.may_hold(text, &matches))
                }
                (None, Some(find)) => TextSearch::finding(&required, find, matches),
                (None, None) => TextSearch::new(&required, matches),
            },
            goes_on: Arc::new(move || clock.now() - began < FILTER_SCAN_MS_MAX),
        }
    }

    /// Takes the next event that matches, or notes how far the store has looked. Breaks only when something is left for the
    /// next page, so that a page that ends the search has no token.
    pub(super) fn visit(&mut self, searched: &Searched<'_>) -> ControlFlow<()> {
        match searched {
            Searched::Match(row) if self.hidden.contains(&row.stream) => ControlFlow::Continue(()),
            Searched::Match(row) => self.take(row),
            Searched::Passed(passed) => self.pass(passed),
        }
    }

    fn take(&mut self, row: &LogRow<'_>) -> ControlFlow<()> {
        let bytes = row.message.len() + LOG_EVENT_OVERHEAD_BYTES;
        let is_full = !self.found.is_empty() && self.found_bytes + bytes > LOG_PAGE_BYTES_MAX;
        if is_full || self.is_done() {
            self.stop();
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
        self.last_passed = Some((row.timestamp, row.sequence));
        ControlFlow::Continue(())
    }

    fn pass(&mut self, passed: &Passed) -> ControlFlow<()> {
        let is_news = self.last_passed != Some(passed.position);
        let was_done = self.is_done();
        self.last_passed = Some(passed.position);
        self.looked_at_bytes += passed.bytes;
        if was_done && is_news {
            self.stop();
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Ends the page before the end of the search.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    /// True when the page takes no more, or has taken its time. Each page passes one event at least, so that a search gets on.
    fn is_done(&self) -> bool {
        self.found.len() >= self.limit
            || self.looked_at_bytes >= FILTER_SCAN_BYTES_MAX as u64
            || (self.last_passed.is_some() && self.clock.now() - self.began >= FILTER_SCAN_MS_MAX)
    }

    /// The position after which the next page begins; `None` when everything was looked at.
    pub(super) fn resume_at(&self) -> Option<Position> {
        self.last_passed.filter(|_| self.stopped)
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
        Search::new(FilterPattern::parse(pattern).unwrap(), None, hidden, limit, Arc::new(ManualClock::default()))
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

    fn passed(sequence: u64, bytes: u64) -> Searched<'static> {
        Searched::Passed(Passed { position: (Timestamp(1_750_000_000_000), sequence), rows: 1, bytes, matches: 0 })
    }

    #[test]
    fn a_page_stops_only_when_something_is_left() {
        let mut search = search("", Vec::new(), 2);
        assert!(search.visit(&Searched::Match(row(1, "a"))).is_continue());
        assert!(search.visit(&Searched::Match(row(2, "b"))).is_continue());
        assert!(search.visit(&passed(2, 54)).is_continue(), "it is the event that was taken");
        assert_eq!(search.resume_at(), None);
        assert!(search.visit(&Searched::Match(row(3, "c"))).is_break());
        assert_eq!(search.resume_at(), Some((Timestamp(1_750_000_000_000), 2)));
    }

    #[test]
    fn a_full_page_stops_at_an_event_that_does_not_match_too() {
        let mut search = search("a", Vec::new(), 1);
        assert!(search.visit(&Searched::Match(row(1, "a"))).is_continue());
        assert!(search.visit(&passed(7, 300)).is_break());
        assert_eq!(search.resume_at(), Some((Timestamp(1_750_000_000_000), 7)), "these need no second look");
    }

    #[test]
    fn looking_is_bounded_even_when_nothing_matches() {
        let mut search = search("needle", Vec::new(), 10);
        let part = 8 * 1024 * 1024;
        let visited = (0..).take_while(|&n| search.visit(&passed(n, part)).is_continue()).count();
        assert_eq!(visited as u64, FILTER_SCAN_BYTES_MAX as u64 / part);
        assert!(search.resume_at().is_some());
        assert!(search.into_found().is_empty());
    }

    #[test]
    fn a_slow_search_ends_its_page_and_goes_on_in_the_next() {
        let clock = Arc::new(ManualClock::default());
        let pattern = FilterPattern::parse("%a{1000}b%").unwrap();
        let mut search = Search::new(pattern, None, Vec::new(), 10, clock.clone());
        let scan = LogScan {
            group: model::GroupId(1),
            streams: None,
            range: model::TimeRange::ALL,
            direction: store::Direction::Forward,
            after: None,
        };
        let asked = search.begin(scan);
        assert!((asked.goes_on)());
        clock.advance(FILTER_SCAN_MS_MAX);
        assert!(!(asked.goes_on)());
        assert!(search.visit(&passed(1, 27)).is_continue(), "a page passes one event at least");
        assert!(search.visit(&passed(2, 27)).is_break());
        assert_eq!(search.resume_at(), Some((Timestamp(1_750_000_000_000), 2)));
    }

    #[test]
    fn event_ids_have_56_digits() {
        let mut search = search("", vec![StreamId(9)], 10);
        assert!(search.visit(&Searched::Match(row(u64::MAX, "a"))).is_continue());
        assert!(search.visit(&Searched::Match(LogRow { stream: StreamId(9), ..row(1, "hidden") })).is_continue());
        let found = search.into_found();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].event_id().len(), 56);
    }
}
