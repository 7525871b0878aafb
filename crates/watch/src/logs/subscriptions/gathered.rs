//! `Gathered`: matching events that wait in memory to become objects of a bucket, until they are many or have waited long.
//!
//! What is lost with the memory is read again: the durable position stays in front of it.

use super::payload::Event;
use super::records::Matched;
use catalog::SubscriptionDefinition;
use model::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Text that closes an object, bytes.
const OBJECT_BYTES: usize = 8 * 1024 * 1024;
/// Most text that waits for all subscriptions together, about, bytes; then each object is closed at once.
const ALL_BYTES: usize = 256 * 1024 * 1024;

/// Events of one subscription that wait.
pub(super) struct Gathered {
    /// What they matched.
    pub definition: SubscriptionDefinition,
    /// Where the subscription was before them.
    pub begun: u64,
    since: Timestamp,
    matched: Matched,
    bytes: usize,
    /// What waits for all subscriptions, bytes.
    of_all: Arc<AtomicUsize>,
}

impl Gathered {
    /// Nothing yet.
    pub(super) fn new(
        definition: SubscriptionDefinition,
        begun: u64,
        since: Timestamp,
        of_all: Arc<AtomicUsize>,
    ) -> Self {
        Self { definition, begun, since, matched: Matched::new(), bytes: 0, of_all }
    }

    /// Adds events that came later.
    pub(super) fn add(&mut self, matched: Matched) {
        for (place, events) in matched {
            let bytes: usize = events.iter().map(Event::bytes).sum();
            self.bytes += bytes;
            self.of_all.fetch_add(bytes, Ordering::Relaxed);
            self.matched.entry(place).or_default().extend(events);
        }
    }

    /// When they are to be written, be they ever so few.
    pub(super) fn due_at(&self, age_ms: i64) -> Timestamp {
        self.since + age_ms
    }

    /// Whether they are to be written at `now`, after at most `age_ms`.
    pub(super) fn is_due(&self, now: Timestamp, age_ms: i64) -> bool {
        now >= self.due_at(age_ms)
            || self.bytes >= OBJECT_BYTES
            || (self.bytes > 0 && self.of_all.load(Ordering::Relaxed) >= ALL_BYTES)
    }

    /// The events.
    pub(super) fn into_matched(mut self) -> Matched {
        std::mem::take(&mut self.matched)
    }
}

impl Drop for Gathered {
    fn drop(&mut self) {
        self.of_all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{GroupId, StreamId};

    fn gathered(of_all: &Arc<AtomicUsize>) -> Gathered {
        let definition = SubscriptionDefinition {
            pattern: String::new(),
            destination_arn: "arn:aws:s3:::b".into(),
            role_arn: None,
            distribution: "ByLogStream".into(),
            on_transformed_logs: false,
            field_selection: None,
            system_fields: Vec::new(),
        };
        Gathered::new(definition, 5, Timestamp(1_000), Arc::clone(of_all))
    }

    fn matched(number: u64, bytes: usize) -> Matched {
        let event = Event {
            id: String::new(),
            timestamp: 0,
            message: "x".repeat(bytes),
            extracted_fields: None,
            accepted: (number, Timestamp(0)),
        };
        Matched::from([((GroupId(1), StreamId(1)), vec![event])])
    }

    #[test]
    fn events_wait_until_they_are_many_or_old() {
        let of_all = Arc::new(AtomicUsize::new(0));
        let mut few = gathered(&of_all);
        few.add(matched(1, 10));
        few.add(matched(2, 10));
        assert!(!few.is_due(Timestamp(60_999), 60_000));
        assert!(few.is_due(Timestamp(61_000), 60_000));
        let mut many = gathered(&of_all);
        for number in 0..8 {
            assert!(!many.is_due(Timestamp(1_000), 60_000));
            many.add(matched(number, 1024 * 1024));
        }
        assert!(many.is_due(Timestamp(1_000), 60_000));
        let numbers =
            |matched: Matched| -> Vec<u64> { matched.into_values().flatten().map(|event| event.accepted.0).collect() };
        assert_eq!(numbers(few.into_matched()), [1, 2]);
        drop(many);
        assert_eq!(of_all.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn when_all_wait_for_too_much_each_is_due() {
        let of_all = Arc::new(AtomicUsize::new(ALL_BYTES));
        let mut small = gathered(&of_all);
        assert!(!small.is_due(Timestamp(1_000), 60_000), "it has nothing");
        small.add(matched(1, 10));
        assert!(small.is_due(Timestamp(1_000), 60_000));
    }
}
