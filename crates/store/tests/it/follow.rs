//! Followers see each event once and in order of acceptance, whatever becomes of memtables and segments meanwhile.

use crate::fixture::*;
use model::{GroupId, StreamId};
use std::collections::HashSet;
use store::{FollowedLog, Options, Retention, Store};

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % end
    }
}

struct Follower {
    groups: Vec<GroupId>,
    bytes_max: usize,
    next: u64,
    seen: Vec<FollowedLog>,
}

impl Follower {
    fn new(groups: &[u64], bytes_max: usize, next: u64) -> Self {
        Self { groups: groups.iter().copied().map(GroupId).collect(), bytes_max, next, seen: Vec::new() }
    }

    /// One page; false when it was the last one.
    async fn go_on(&mut self, store: &Store) -> bool {
        let page = store.follow_logs(&self.groups, self.next, self.bytes_max).await.unwrap();
        assert!(page.next >= self.next && page.logs.iter().all(|log| (self.next..page.next).contains(&log.sequence)));
        let on = page.next > self.next;
        self.next = page.next;
        self.seen.extend(page.logs);
        on
    }

    async fn catch_up(&mut self, store: &Store) {
        while self.go_on(store).await {}
        assert_eq!(self.next, store.log_sequence());
    }
}

/// What followers must see of an append.
fn followed(batch: &model::Batch, first_sequence: u64) -> impl Iterator<Item = FollowedLog> {
    batch.logs.iter().zip(first_sequence..).map(|(log, sequence)| FollowedLog {
        group: log.group,
        stream: log.stream,
        timestamp: log.timestamp,
        ingestion_time: log.ingestion_time,
        sequence,
        message: log.message.clone(),
    })
}

#[tokio::test]
async fn each_event_is_followed_once_and_in_order_across_cuts_flushes_merges_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let options = || Options { memtable_bytes_max: 60_000, ..options(dir.path()) };
    let mut store = Store::open(options(), clock()).await.unwrap();
    let mut numbers = Numbers(7);
    let mut all: Vec<FollowedLog> = Vec::new();
    let first = store.log_sequence();
    // One that is always up to date, ones that page and fall behind, and one that begins when everything is there.
    let mut followers = [(&[1, 2, 3][..], 1 << 20), (&[2], 2_500), (&[3, 1, 9], 9_000), (&[1], 5_000), (&[9], 100)]
        .map(|(g, b)| Follower::new(g, b, first));
    for round in 0..250 {
        match numbers.below(20) {
            0 | 1 => store.flush().await.unwrap(),
            2 => store.maintain(&Retention::default()).await.unwrap(),
            3 => {
                store.close().await.unwrap();
                drop(store);
                store = Store::open(options(), clock()).await.unwrap();
            }
            4 => {
                // As after a crash: what is in memory comes back from the journal.
                drop(store);
                store = Store::open(options(), clock()).await.unwrap();
            }
            _ => {
                let count = 1 + numbers.below(40);
                let batch = logs(
                    (0..count)
                        .map(|n| {
                            let text = format!("{round}-{n} {}", "x".repeat(numbers.below(60) as usize));
                            log(1 + numbers.below(3), numbers.below(4), numbers.below(500) as i64, &text)
                        })
                        .collect(),
                );
                let appended = store.append(batch.clone()).await.unwrap();
                all.extend(followed(&batch, appended.first_log_sequence));
            }
        }
        followers[0].catch_up(&store).await;
        if numbers.below(3) == 0 {
            let at = 1 + numbers.below(4) as usize;
            followers[at].go_on(&store).await;
        }
    }
    let late =
        [Follower::new(&[1, 2, 3], 30_000, first), Follower::new(&[1, 2, 3], 1 << 30, first + all.len() as u64 / 2)];
    for mut follower in followers.into_iter().chain(late) {
        let from = if follower.bytes_max == 1 << 30 { follower.next } else { first };
        follower.catch_up(&store).await;
        let groups: HashSet<GroupId> = follower.groups.iter().copied().collect();
        let expected: Vec<_> = all.iter().filter(|log| log.sequence >= from && groups.contains(&log.group)).collect();
        let seen: Vec<_> = follower.seen.iter().collect();
        assert_eq!(seen.len(), expected.len(), "{groups:?} by {}", follower.bytes_max);
        assert!(seen == expected, "{groups:?} by {}", follower.bytes_max);
    }
    assert!(all.len() > 2_500, "{} events", all.len());
}

#[tokio::test]
async fn what_was_removed_or_has_expired_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let batch = |n: i64| {
        let new = NOW.0 - 10 + n;
        logs(vec![log(1, 1, 5 + n, "old"), log(1, 1, new, "new"), log(1, 2, new, "stream"), log(2, 3, new, "group")])
    };
    store.append(batch(0)).await.unwrap();
    store.flush().await.unwrap();
    store.append(batch(1)).await.unwrap();
    let mut before = Follower::new(&[1, 2], 1 << 20, 0);
    before.catch_up(&store).await;
    assert_eq!(before.seen.len(), 8);
    let retention = Retention {
        logs: [(GroupId(1), 1_000)].into(),
        deleted_groups: [GroupId(2)].into(),
        deleted_streams: [StreamId(2)].into(),
        ..Retention::default()
    };
    store.maintain(&retention).await.unwrap();
    let mut after = Follower::new(&[1, 2], 1 << 20, 0);
    after.catch_up(&store).await;
    assert_eq!(after.seen.iter().map(|log| log.message.as_str()).collect::<Vec<_>>(), ["new", "new"]);
}

#[tokio::test]
async fn a_waiting_follower_is_woken_by_the_append_and_by_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let from = store.log_sequence();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.logs_after(from).await }
    });
    store.append(model::Batch { events: vec![event("an audit event", 1)], ..model::Batch::default() }).await.unwrap();
    store.flush().await.unwrap();
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    store.append(logs(vec![log(1, 1, 1, "a"), log(1, 1, 2, "b")])).await.unwrap();
    assert_eq!(waiting.await.unwrap(), from + 2);
    assert_eq!(store.logs_after(from + 1).await, from + 2);
    let page = store.follow_logs(&[GroupId(1)], from + 1, 100).await.unwrap();
    assert_eq!((page.logs.len(), page.next), (1, from + 2));
}

#[tokio::test]
async fn the_groups_that_events_came_to_are_known_while_they_are_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let from = store.log_sequence();
    let arrived = async |from: u64| {
        let arrived = store.log_groups_since(from).await;
        assert_eq!(arrived.next, store.log_sequence());
        arrived.groups.map(|groups| {
            let mut groups: Vec<u64> = groups.into_iter().map(|group| group.0).collect();
            groups.sort_unstable();
            groups
        })
    };
    assert_eq!(arrived(from).await, Some(vec![]));
    store.append(logs(vec![log(1, 1, 5, "a"), log(2, 2, 5, "b"), log(1, 1, 6, "c")])).await.unwrap();
    let middle = store.log_sequence();
    store.append(logs(vec![log(3, 3, 1, "d")])).await.unwrap();
    assert_eq!(arrived(from).await, Some(vec![1, 2, 3]));
    assert_eq!(arrived(from + 2).await, Some(vec![1, 3]));
    assert_eq!(arrived(middle).await, Some(vec![3]));
    store.flush().await.unwrap();
    assert_eq!(arrived(middle).await, None, "they may be any");
    assert_eq!(arrived(store.log_sequence()).await, Some(vec![]));
    store.append(logs(vec![log(4, 4, 1, "e")])).await.unwrap();
    assert_eq!(arrived(middle + 1).await, Some(vec![4]));
}
