//! Delivery of trails to buckets: gzip files of records, each event that a trail wants in exactly one of them.
//!
//! AWS: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html>.
//!
//! **Once.** The catalog keeps how far each trail came, by the sequence in which the store accepted events. `plan.rs` reads on from
//! there and writes, in one transaction, the next position and the files that the events between go into, with keys and hashes;
//! `send.rs` makes the bytes of a planned file from the store again, puts it, and marks it delivered. What is cut off between is
//! done again and comes to the same bytes under the same key.
//!
//! **Which events.** Those that came while the trail logged, judged by its settings of that time (`catalog/trail_spans.rs`): a
//! change counts from the next event on, but the call that stops or deletes a trail still belongs to it, and one that is accepted while the change is made may fall to either side. Where
//! files go is what the trail says now, also for events that wait. Delivered are calls that this server recorded itself: what an
//! import brings and what applications put into channels are not events of a trail. A record does not say how it came here, but
//! of our own calls, and of no others, the time of reception is the event's time, to the second.
//!
//! **A bucket that is down** is tried again a second after the round that failed, and after twice as long each time, up to a minute. Meanwhile the
//! position stands still and nothing is dropped. When the trail names another bucket by then, waiting files go there; if the old
//! one had taken a file without being able to say so, both have it. A trail that was deleted still delivers what came before;
//! when the bucket refuses that, it is given up.
//!
//! Files hold up to 5 MB of records; a trail that has more to say writes more files in a round, and one that has a whole file to
//! deliver does not wait for its interval (`waiting.rs`). Insights and aggregated events have files of their own. `KmsKeyId` is kept and shown:
//! encryption at rest is the bucket's business.

pub(crate) mod content;
pub mod key;
mod plan;
mod send;
mod topics;
mod waiting;

pub(crate) use send::told;
pub use topics::{NoTopics, NotTold, Telling, Topics};

use crate::Trail;
use model::time::SECOND;
use model::{Event, Timestamp, limits};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::{Id, JoinError, JoinSet};
use waiting::Waiting;

/// Most trails that deliver at the same time.
const TRAILS_AT_ONCE: usize = 8;
/// Longest time between two attempts, milliseconds.
const BACK_OFF_MS_MAX: i64 = 60 * SECOND;

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// A bucket took no file; the trail's status says so.
    #[error("{0}")]
    Bucket(String),
    /// Records could not be read.
    #[error("read audit events: {0}")]
    Store(#[from] store::Error),
    /// The catalog could not be asked.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// A thread was lost.
    #[error("put a file: {0}")]
    Join(#[from] JoinError),
}

/// The deliveries of all trails: which are under way, and when each comes next.
#[derive(Debug)]
pub struct Deliveries {
    interval: i64,
    turns: Arc<Semaphore>,
    running: JoinSet<Ended>,
    /// The trail of each running task, for one that panics cannot tell.
    trail_of: HashMap<Id, i64>,
    paces: HashMap<i64, Pace>,
    waiting: Waiting,
}

/// How a round went, and when it ended.
#[derive(Debug, Clone, Copy)]
struct Ended {
    succeeded: bool,
    at: Timestamp,
}

/// When a trail delivers next.
#[derive(Debug)]
struct Pace {
    is_running: bool,
    failures: u32,
    /// The next round of those that come at each interval.
    regular: Timestamp,
    /// The next round, which after a failure is an earlier or later one.
    due: Timestamp,
}

impl Default for Deliveries {
    /// Each call of `start_due` finds all trails due that did not fail.
    fn default() -> Self {
        Self::every(0)
    }
}

impl Deliveries {
    /// Delivers at whole multiples of `interval` ms on the clock.
    pub fn every(interval: i64) -> Self {
        let turns = Arc::new(Semaphore::new(TRAILS_AT_ONCE));
        Self {
            interval,
            turns,
            running: JoinSet::new(),
            trail_of: HashMap::new(),
            paces: HashMap::new(),
            waiting: Waiting::default(),
        }
    }

    /// Starts a round for each trail that is due and not in one. To be called each second, for a trail that failed does not
    /// wait for its next regular round.
    pub async fn start_due(&mut self, trail: &Trail) {
        let now = trail.clock.now();
        while let Some(ended) = self.running.try_join_next_with_id() {
            self.end(ended, now);
        }
        let spans = match trail.catalog.trail_spans().await {
            Ok(spans) => spans,
            Err(error) => return tracing::warn!(%error, "read what trails deliver"),
        };
        // An interval that is no longer than the time between two looks comes anyway.
        if self.interval > SECOND
            && let Err(error) = self.waiting.look(trail, &spans).await
        {
            tracing::warn!(%error, "see how much trails have to deliver");
        }
        let trails: BTreeSet<i64> = spans.iter().map(|span| span.trail_id).collect();
        self.paces.retain(|id, pace| pace.is_running || trails.contains(id));
        let regular = now.floor_to(self.interval.max(1)) + self.interval;
        for id in trails {
            let first = Pace { is_running: false, failures: 0, regular, due: regular };
            let pace = self.paces.entry(id).or_insert(first);
            // A trail that failed keeps to its attempts.
            let is_early = pace.failures == 0 && self.waiting.is_full(id);
            if pace.is_running || (pace.waits(now, self.interval) && !is_early) {
                continue;
            }
            self.waiting.begin(id);
            (pace.is_running, pace.regular) = (true, regular);
            let (trail, turns) = (trail.clone(), Arc::clone(&self.turns));
            let task = self.running.spawn(async move {
                // All that are due stand in line here: none is passed over for those that come before it. The line is never closed.
                let _turn = turns.acquire_owned().await;
                let succeeded = round(&trail, id).await;
                Ended { succeeded, at: trail.clock.now() }
            });
            self.trail_of.insert(task.id(), id);
        }
    }

    /// Waits until what was started has ended.
    pub async fn finish(&mut self, now: Timestamp) {
        while let Some(ended) = self.running.join_next_with_id().await {
            self.end(ended, now);
        }
    }

    fn end(&mut self, ended: Result<(Id, Ended), JoinError>, now: Timestamp) {
        let (task, ended) = ended.unwrap_or_else(|error| {
            tracing::error!(%error, "the delivery of a trail panicked");
            (error.id(), Ended { succeeded: false, at: now })
        });
        let Some(pace) = self.trail_of.remove(&task).and_then(|id| self.paces.get_mut(&id)) else { return };
        pace.end(ended);
    }
}

impl Pace {
    fn end(&mut self, ended: Ended) {
        self.is_running = false;
        if ended.succeeded {
            (self.failures, self.due) = (0, self.regular);
        } else {
            self.failures = self.failures.saturating_add(1);
            self.due = ended.at + (SECOND << self.failures.min(16).saturating_sub(1)).min(BACK_OFF_MS_MAX);
        }
    }

    /// False also when the clock was set back.
    fn waits(&self, now: Timestamp, interval: i64) -> bool {
        now < self.due && self.due - now <= interval.max(BACK_OFF_MS_MAX)
    }
}

/// Delivers all that a trail has to say now; false when it is to be tried again.
async fn round(trail: &Trail, id: i64) -> bool {
    match send::round(trail, id).await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(trail_id = id, %error, "deliver a trail");
            if let Failed::Store(_) = error {
                let text = "InternalError: The events of the trail cannot be read";
                let noted = trail.catalog.fail_trail_delivery(id, trail.clock.now(), text).await;
                noted.unwrap_or_else(|error| tracing::warn!(trail_id = id, %error, "note a failed delivery"));
            }
            false
        }
    }
}

/// Forgets what was delivered long ago, and how trails fared that are gone.
pub async fn expire(trail: &Trail) {
    let before = trail.clock.now() - limits::TRAIL_FILES_MS;
    let files = trail.catalog.expire_trail_files(before).await;
    if let Err(error) = files.and(trail.catalog.expire_trail_status().await) {
        tracing::warn!(%error, "forget delivered files of trails");
    }
}

/// True for the record of a call to this server, which was received when it happened.
pub(crate) fn is_own(event: &Event) -> bool {
    event.time.floor_to(SECOND) == event.ingestion_time.floor_to(SECOND)
}

#[cfg(test)]
mod tests;
