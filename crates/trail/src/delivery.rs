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
//! **A bucket that is down** is tried again after a second, and after twice as long each time, up to a minute. Meanwhile the
//! position stands still and nothing is dropped. When the trail names another bucket by then, waiting files go there; if the old
//! one had taken a file without being able to say so, both have it. A trail that was deleted still delivers what came before;
//! when the bucket refuses that, it is given up.
//!
//! Files hold up to 5 MB of records; a trail that has more to say writes more files in a round. `KmsKeyId` is kept and shown:
//! encryption at rest is the bucket's business.

pub(crate) mod content;
pub mod key;
mod plan;
mod send;
mod topics;

pub(crate) use send::told;
pub use topics::{NoTopics, NotTold, Telling, Topics};

use crate::Trail;
use crate::coverage::Coverage;
use crate::selectors::Selectors;
use catalog::TrailSpan;
use model::time::SECOND;
use model::{Event, Scope, Timestamp, limits};
use std::collections::{BTreeSet, HashMap, HashSet};
use tokio::task::{JoinError, JoinSet};

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

/// The deliveries of all trails: which are under way, and which wait after a failure.
#[derive(Debug, Default)]
pub struct Deliveries {
    running: JoinSet<(i64, bool)>,
    busy: HashSet<i64>,
    waiting: HashMap<i64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    failures: u32,
    until: Timestamp,
}

impl Deliveries {
    /// Starts a round for each trail that is not in one and does not wait.
    pub async fn start_due(&mut self, trail: &Trail) {
        let now = trail.clock.now();
        while let Some(ended) = self.running.try_join_next() {
            self.end(ended, now);
        }
        let spans = match trail.catalog.trail_spans().await {
            Ok(spans) => spans,
            Err(error) => return tracing::warn!(%error, "read what trails deliver"),
        };
        let trails: BTreeSet<i64> = spans.iter().map(|span| span.trail_id).collect();
        self.waiting.retain(|id, _| trails.contains(id));
        for id in trails {
            let waits = self.waiting.get(&id).is_some_and(|waiting| waiting.is_waiting(now));
            if !waits && self.busy.len() < TRAILS_AT_ONCE && self.busy.insert(id) {
                let trail = trail.clone();
                self.running.spawn(async move { (id, round(&trail, id).await) });
            }
        }
    }

    /// Waits until what was started has ended.
    pub async fn finish(&mut self, now: Timestamp) {
        while let Some(ended) = self.running.join_next().await {
            self.end(ended, now);
        }
    }

    fn end(&mut self, ended: Result<(i64, bool), JoinError>, now: Timestamp) {
        match ended {
            Ok((id, true)) => {
                self.busy.remove(&id);
                self.waiting.remove(&id);
            }
            Ok((id, false)) => {
                self.busy.remove(&id);
                let failures = self.waiting.get(&id).map_or(0, |waiting| waiting.failures) + 1;
                let wait = (SECOND << failures.min(16).saturating_sub(1)).min(BACK_OFF_MS_MAX);
                self.waiting.insert(id, Waiting { failures, until: now + wait });
            }
            // A panic took the id with it: the trail must not wait for ever.
            Err(error) => {
                tracing::error!(%error, "the delivery of a trail panicked");
                if self.running.is_empty() {
                    self.busy.clear();
                }
            }
        }
    }
}

impl Waiting {
    /// False also when the clock was set back.
    fn is_waiting(&self, now: Timestamp) -> bool {
        now < self.until && self.until - now <= BACK_OFF_MS_MAX
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

/// What a span wants.
fn coverage(span: &TrailSpan) -> Coverage {
    Coverage {
        home: Scope { account: span.account.clone(), region: span.region.clone() },
        multi_region: span.multi_region,
        global_events: span.global_events,
        organization: span.organization,
        selectors: Selectors::stored(span.selectors.as_deref(), &span.name),
    }
}

/// True for the record of a call to this server, which was received when it happened.
fn is_own(event: &Event) -> bool {
    event.time.floor_to(SECOND) == event.ingestion_time.floor_to(SECOND)
}
