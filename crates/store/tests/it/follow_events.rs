//! Followers of audit events see each once and in order of acceptance, whatever becomes of memtables and segments meanwhile.

use crate::fixture::*;
use model::{Batch, Event};
use store::{EventExpiry, EventRow, Options, Retention, Store};

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % end
    }
}

/// All pages from `from` to `end`.
async fn followed(store: &Store, from: u64, end: u64, bytes_max: usize) -> Vec<EventRow> {
    let (mut next, mut rows) = (from, Vec::new());
    loop {
        let page = store.follow_events(next, end, bytes_max).await.unwrap();
        assert!(page.events.iter().all(|row| (next..page.next).contains(&row.sequence)));
        if page.next == next {
            assert_eq!(next, end.min(store.event_sequence()).max(from));
            return rows;
        }
        // The last event of a page may pass its size.
        let before_last = page.events.iter().rev().skip(1).map(|row| row.event.record.len()).sum::<usize>();
        assert!(before_last < bytes_max, "{before_last} bytes");
        next = page.next;
        rows.extend(page.events);
    }
}

#[tokio::test]
async fn each_event_is_followed_once_and_in_order_across_flushes_merges_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let options = || Options { memtable_bytes_max: 60_000, ..options(dir.path()) };
    let mut store = Store::open(options(), clock()).await.unwrap();
    let mut numbers = Numbers(11);
    let mut all: Vec<EventRow> = Vec::new();
    let first = store.event_sequence();
    let (mut next, mut seen) = (first, Vec::new());
    for round in 0..200 {
        match numbers.below(20) {
            0 | 1 => store.flush().await.unwrap(),
            2 => store.maintain(&Retention::default()).await.unwrap(),
            3 => {
                // As after a crash: what is in memory comes back from the journal.
                drop(store);
                store = Store::open(options(), clock()).await.unwrap();
            }
            _ => {
                let one = |n: u64, time: u64| event(&format!("{round}-{n}"), time as i64);
                let events: Vec<Event> = (0..1 + numbers.below(30)).map(|n| one(n, numbers.below(500))).collect();
                let batch = Batch { events: events.clone(), ..Batch::default() };
                let appended = store.append(batch).await.unwrap();
                let numbered = events.into_iter().zip(appended.first_event_sequence..);
                all.extend(numbered.map(|(event, sequence)| EventRow { sequence, event }));
            }
        }
        if numbers.below(3) == 0 {
            let page = store.follow_events(next, u64::MAX, 700).await.unwrap();
            next = page.next;
            seen.extend(page.events);
        }
    }
    assert!(all.len() > 2_000, "{} events", all.len());
    seen.extend(followed(&store, next, u64::MAX, 700).await);
    assert!(seen == all);
    for (from, end, bytes_max) in [(0, u64::MAX, 1 << 30), (first + 700, first + 1_900, 20_000), (first + 5, first, 9)]
    {
        let expected: Vec<_> = all.iter().filter(|row| (from..end).contains(&row.sequence)).cloned().collect();
        assert!(followed(&store, from, end, bytes_max).await == expected, "{from}..{end} by {bytes_max}");
    }
}

#[tokio::test]
async fn what_has_expired_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for _ in 0..2 {
        let events = vec![event("old", 5), event("new", NOW.0 - 10)];
        store.append(Batch { events, ..Batch::default() }).await.unwrap();
        store.flush().await.unwrap();
    }
    assert_eq!(followed(&store, 0, u64::MAX, 1 << 20).await.len(), 4);
    let expiry = EventExpiry { below: u64::MAX, before: NOW - 1_000, ..EventExpiry::default() };
    while store.expire_events(&expiry).await.unwrap() {}
    let left = followed(&store, 0, u64::MAX, 1 << 20).await;
    assert_eq!(left.iter().map(|row| row.event.event_id.as_str()).collect::<Vec<_>>(), ["new", "new"]);
}
