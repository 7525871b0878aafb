//! `tail_events`: audit events in the order in which they are accepted, from memory.
//!
//! While somebody follows, the writer notes each event that it has accepted in one ring, which all followers read from. The writer
//! neither waits for a follower nor copies a record. The ring is bounded in bytes: a follower that is slow loses the oldest and
//! learns how many.

use crate::Store;
use crate::state::{State, lock};
use model::Event;
use model::limits::EVENT_TAIL_BYTES_MAX;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// What an event counts besides its record.
const OVERHEAD_BYTES: usize = 512;

/// The events that were accepted last, as long as somebody follows.
#[derive(Debug, Default)]
pub(crate) struct EventTail {
    ring: Mutex<Ring>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Ring {
    followers: usize,
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    /// Events noted or passed over since the start: the number of the next one.
    next: u64,
}

/// What a follower gets at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TailedEvents {
    /// In order of acceptance.
    pub events: Vec<Arc<Event>>,
    /// Events that were lost before them.
    pub lost: u64,
}

/// Follows the audit events that are accepted from its making on. Ingest neither knows nor waits for it.
#[derive(Debug)]
pub struct EventFollower {
    state: Arc<State>,
    /// The number of the event that comes next.
    next: u64,
}

fn size(event: &Event) -> usize {
    event.record.len() + OVERHEAD_BYTES
}

impl EventTail {
    /// Notes events that are durable and visible, in order of acceptance.
    pub(crate) fn note(&self, accepted: Vec<Arc<Event>>) {
        if accepted.is_empty() {
            return;
        }
        {
            let mut ring = lock(&self.ring);
            ring.next += accepted.len() as u64;
            if ring.followers == 0 {
                return;
            }
            ring.bytes += accepted.iter().map(|event| size(event)).sum::<usize>();
            ring.events.extend(accepted);
            while ring.bytes > EVENT_TAIL_BYTES_MAX
                && let Some(oldest) = ring.events.pop_front()
            {
                ring.bytes -= size(&oldest);
            }
        }
        self.arrived.notify_waiters();
    }

    /// Counts events that were accepted and are not at hand: whoever follows has lost them, and what was noted before.
    pub(crate) fn pass_over(&self, events: u64) {
        if events == 0 {
            return;
        }
        {
            let mut ring = lock(&self.ring);
            ring.next += events;
            (ring.events, ring.bytes) = (VecDeque::new(), 0);
        }
        self.arrived.notify_waiters();
    }

    /// The events from `next` on, about `bytes_max` of them and at least one; `None` when there are none.
    fn take(&self, next: &mut u64, bytes_max: usize) -> Option<TailedEvents> {
        let ring = lock(&self.ring);
        let first = ring.next - ring.events.len() as u64;
        let mut followed = TailedEvents { lost: first.saturating_sub(*next), ..TailedEvents::default() };
        *next = first.max(*next);
        let mut bytes = 0;
        let skipped = usize::try_from(*next - first).unwrap_or(usize::MAX);
        for event in ring.events.iter().skip(skipped) {
            if bytes >= bytes_max {
                break;
            }
            bytes += size(event);
            followed.events.push(Arc::clone(event));
        }
        *next += followed.events.len() as u64;
        (followed.lost > 0 || !followed.events.is_empty()).then_some(followed)
    }
}

impl Store {
    /// Follows the audit events that are accepted from now on.
    pub fn tail_events(&self) -> EventFollower {
        let state = Arc::clone(self.state());
        let mut ring = lock(&state.event_tail.ring);
        ring.followers += 1;
        let next = ring.next;
        drop(ring);
        EventFollower { state, next }
    }
}

impl EventFollower {
    /// The next events, about `bytes_max` of them and at least one, or how many were lost; waits for ever when nothing is
    /// appended. A call that is given up loses nothing.
    pub async fn next(&mut self, bytes_max: usize) -> TailedEvents {
        loop {
            // Listens before it looks, so that no append is missed in between.
            let arrived = self.state.event_tail.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            if let Some(followed) = self.state.event_tail.take(&mut self.next, bytes_max.max(1)) {
                return followed;
            }
            arrived.await;
        }
    }
}

impl Drop for EventFollower {
    fn drop(&mut self) {
        let mut ring = lock(&self.state.event_tail.ring);
        ring.followers = ring.followers.saturating_sub(1);
        if ring.followers == 0 {
            (ring.events, ring.bytes) = (VecDeque::new(), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Options, Store};
    use futures::FutureExt;
    use model::clock::ManualClock;
    use model::limits::EVENT_TAIL_BYTES_MAX;
    use model::{Batch, Event, Timestamp};
    use std::sync::Arc;

    async fn store() -> (Store, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { dir: dir.path().to_owned(), ..Options::default() };
        (Store::open(options, Arc::new(ManualClock::at(Timestamp(1_000)))).await.unwrap(), dir)
    }

    /// Appends events of these numbers, the later ones with earlier times.
    async fn append(store: &Store, numbers: std::ops::Range<i64>, record_bytes: usize) {
        let event = |n: i64| Event {
            event_id: format!("e{n}"),
            time: Timestamp(1_000_000 - n),
            record: "x".repeat(record_bytes),
            ..Event::default()
        };
        store.append(Batch { events: numbers.map(event).collect(), ..Batch::default() }).await.unwrap();
    }

    fn ids(followed: &super::TailedEvents) -> Vec<&str> {
        followed.events.iter().map(|event| event.event_id.as_str()).collect()
    }

    #[tokio::test]
    async fn a_follower_gets_what_is_accepted_from_then_on_in_order_across_flushes() {
        let (store, _dir) = store().await;
        append(&store, 0..3, 10).await;
        let mut follower = store.tail_events();
        assert!(follower.next(100_000).now_or_never().is_none(), "what was accepted before is not followed");
        append(&store, 3..5, 10).await;
        store.flush().await.unwrap();
        append(&store, 5..6, 10).await;
        let followed = follower.next(100_000).await;
        assert_eq!((ids(&followed), followed.lost), (vec!["e3", "e4", "e5"], 0));
        let (followed, ()) = tokio::join!(follower.next(100_000), append(&store, 6..7, 10));
        assert_eq!(ids(&followed), ["e6"]);
        append(&store, 7..9, 10).await;
        assert_eq!(ids(&follower.next(1).await), ["e7"], "a page has one event at least");
        assert_eq!(ids(&follower.next(1).await), ["e8"]);
    }

    #[tokio::test]
    async fn a_slow_follower_loses_the_oldest_and_learns_how_many() {
        let (store, _dir) = store().await;
        let (mut slow, mut quick) = (store.tail_events(), store.tail_events());
        let record_bytes = EVENT_TAIL_BYTES_MAX / 4;
        for n in 0..10 {
            append(&store, n..n + 1, record_bytes).await;
            assert_eq!(quick.next(1).await.lost, 0);
        }
        let followed = slow.next(usize::MAX).await;
        assert_eq!((ids(&followed), followed.lost), (vec!["e7", "e8", "e9"], 7));
        append(&store, 10..11, 10).await;
        let followed = slow.next(usize::MAX).await;
        assert_eq!((ids(&followed), followed.lost), (vec!["e10"], 0));
    }

    #[tokio::test]
    async fn nothing_is_kept_while_nobody_follows() {
        let (store, _dir) = store().await;
        drop(store.tail_events());
        append(&store, 0..3, 10).await;
        let mut follower = store.tail_events();
        append(&store, 3..4, 10).await;
        let followed = follower.next(usize::MAX).await;
        assert_eq!((ids(&followed), followed.lost), (vec!["e3"], 0));
        drop(follower);
        assert_eq!(super::lock(&store.state().event_tail.ring).events.len(), 0);
    }
}
