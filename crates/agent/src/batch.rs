//! A batch that is being filled, by the rules of PutLogEvents: 1 MiB with 26 bytes for each event, 10,000 events, 24 hours.

use crate::positions::{Event, Position, StreamName};
use model::Timestamp;
use model::limits::{LOG_BATCH_BYTES_MAX, LOG_BATCH_SPAN_MS_MAX, LOG_EVENT_OVERHEAD_BYTES};
use std::collections::BTreeMap;

/// Most events of a batch (PutLogEvents reference).
const EVENTS_MAX: usize = 10_000;

/// Events in the order in which they were read, and how far reading went.
#[derive(Debug, Default)]
pub struct Batch {
    events: Vec<Event>,
    bytes: usize,
    /// When the first event came.
    opened: Timestamp,
    earliest: i64,
    latest: i64,
    full: bool,
    /// How far files were read.
    pub files: BTreeMap<u64, Position>,
    /// How far journals were read.
    pub cursors: BTreeMap<StreamName, String>,
}

impl Batch {
    /// Takes an event that was read at `now`; gives it back when it belongs into the next batch.
    ///
    /// # Errors
    /// The event; the batch is full from then on.
    pub fn push(&mut self, event: Event, now: Timestamp) -> Result<(), Event> {
        let bytes = event.message.len() + LOG_EVENT_OVERHEAD_BYTES;
        let (mut earliest, mut latest) = (event.timestamp, event.timestamp);
        if self.events.is_empty() {
            self.opened = now;
        } else {
            (earliest, latest) = (earliest.min(self.earliest), latest.max(self.latest));
        }
        let spans = latest.saturating_sub(earliest) > LOG_BATCH_SPAN_MS_MAX;
        if self.full || spans || self.bytes + bytes > LOG_BATCH_BYTES_MAX || self.events.len() >= EVENTS_MAX {
            self.full = true;
            return Err(event);
        }
        (self.earliest, self.latest) = (earliest, latest);
        self.bytes += bytes;
        self.events.push(event);
        Ok(())
    }

    /// True when it holds no event; it may have positions all the same, of lines that were empty.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// True when no event will be taken any more.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Bytes of its messages, with what is counted besides.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// When its first event came.
    pub fn opened(&self) -> Timestamp {
        self.opened
    }

    /// Latest time of its events.
    pub fn latest(&self) -> Option<i64> {
        (!self.events.is_empty()).then_some(self.latest)
    }

    /// Its events in order of time, those of one time as they were read.
    pub fn into_events(self) -> Vec<Event> {
        let mut events = self.events;
        events.sort_by_key(|event| event.timestamp);
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::time::DAY;
    use proptest::prelude::*;

    fn event(timestamp: i64, len: usize) -> Event {
        Event { timestamp, message: "x".repeat(len) }
    }

    #[test]
    fn the_limits_themselves_fit() {
        let mut batch = Batch::default();
        assert_eq!(batch.push(event(5, LOG_BATCH_BYTES_MAX - 26), Timestamp(9)), Ok(()));
        assert_eq!(batch.push(event(5, 1), Timestamp(9)), Err(event(5, 1)));
        assert!(batch.is_full() && batch.opened() == Timestamp(9));
        let mut batch = Batch::default();
        assert_eq!(batch.push(event(DAY, 1), Timestamp(0)), Ok(()));
        assert_eq!(batch.push(event(0, 1), Timestamp(0)), Ok(()));
        assert_eq!(batch.push(event(-1, 1), Timestamp(0)), Err(event(-1, 1)));
        assert_eq!(batch.push(event(0, 1), Timestamp(0)), Err(event(0, 1)), "order is kept once an event had to wait");
        let mut batch = Batch::default();
        assert_eq!((0..20_000).take_while(|_| batch.push(event(0, 1), Timestamp(0)).is_ok()).count(), 10_000);
    }

    proptest! {
        #[test]
        fn every_batch_keeps_the_rules_and_no_event_is_lost(
            events in prop::collection::vec((prop::num::i64::ANY, 1..400_000_usize), 0..40),
        ) {
            let mut batches = vec![Batch::default()];
            for (timestamp, len) in events.iter().copied() {
                if let Err(event) = batches.last_mut().unwrap().push(event(timestamp, len), Timestamp(0)) {
                    let mut batch = Batch::default();
                    prop_assert!(batch.push(event, Timestamp(0)).is_ok());
                    batches.push(batch);
                }
            }
            let mut count = 0;
            for batch in batches {
                let events = batch.into_events();
                count += events.len();
                prop_assert!(events.is_sorted_by_key(|event| event.timestamp));
                prop_assert!(events.iter().map(|event| event.message.len() + 26).sum::<usize>() <= 1_048_576);
                if let [first, .., last] = &events[..] {
                    prop_assert!(last.timestamp.saturating_sub(first.timestamp) <= DAY);
                }
            }
            prop_assert_eq!(count, events.len());
        }
    }
}
