//! `Aggregator`: follows data events and summarises them, window after window.

use super::summary::Summaries;
use crate::Trail;
use crate::coverage::Coverage;
use crate::delivery::is_own;
use crate::derived::{self, Failed};
use crate::detections::Findings;
use crate::event_configuration::EventConfiguration;
use catalog::{Catalog, DerivedEvent, EventFollower, TrailRow};
use model::{Event, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Records read at a time, bytes.
const PAGE_BYTES: usize = 1024 * 1024;
/// What the catalog calls it.
const NAME: &str = "aggregated";
/// State in the catalog while no trail aggregates: the next that does begins with what comes then. Otherwise the state is the end of
/// the last window, milliseconds.
const IDLE: &str = "idle";

/// Follows data events.
pub struct Aggregator {
    findings: Arc<dyn Findings>,
    running: Option<Running>,
}

#[derive(Default)]
struct Running {
    /// Events below were counted.
    position: u64,
    /// The window that is open, and the one before which no event counts.
    window: Option<Timestamp>,
    closed: Option<Timestamp>,
    /// When the position was written last.
    noted: Option<Timestamp>,
    /// By trail.
    summaries: BTreeMap<i64, Summaries>,
}

/// A trail that aggregates.
struct Aggregating {
    id: i64,
    coverage: Coverage,
    templates: Vec<String>,
}

impl Aggregating {
    fn of(row: &TrailRow) -> Option<Self> {
        let configuration = EventConfiguration::stored(row.event_configuration.as_deref());
        let aggregating = Self { id: row.id, coverage: Coverage::of_trail(row), templates: configuration.templates };
        (!aggregating.templates.is_empty()).then_some(aggregating)
    }
}

impl Aggregator {
    /// One that goes on where the last stood.
    pub fn new(findings: Arc<dyn Findings>) -> Self {
        Self { findings, running: None }
    }

    /// Counts what was accepted since the last round, and summarises windows that have ended.
    pub async fn round(&mut self, trail: &Trail) -> Result<(), Failed> {
        let done = self.aggregate(trail).await;
        if done.is_err() {
            // The open window is counted again.
            self.running = None;
        }
        done
    }

    async fn aggregate(&mut self, trail: &Trail) -> Result<(), Failed> {
        derived::store(trail, &*self.findings, NAME).await?;
        let rows = trail.catalog.logging_trails().await?;
        let trails: Vec<Aggregating> = rows.iter().filter_map(Aggregating::of).collect();
        // First the time, then what was accepted by then.
        let (now, end) = (trail.clock.now(), trail.store.event_sequence());
        if trails.is_empty() {
            self.running = None;
            return idle(trail, end).await;
        }
        let running = match &mut self.running {
            Some(running) => running,
            slot => slot.insert(begin(trail, end).await?),
        };
        running.follow(trail, &trails, (now, end)).await?;
        derived::store(trail, &*self.findings, NAME).await
    }
}

impl Running {
    async fn follow(
        &mut self,
        trail: &Trail,
        trails: &[Aggregating],
        (now, end): (Timestamp, u64),
    ) -> Result<(), Failed> {
        let length = trail.settings.aggregation_window.max(1);
        while self.position < end {
            let page = trail.store.follow_events(self.position, end, PAGE_BYTES).await?;
            if page.next <= self.position {
                break;
            }
            for row in page.events.iter().filter(|row| row.event.category == "Data" && is_own(&row.event)) {
                let window = row.event.time.floor_to(length);
                if self.window.is_some_and(|open| open < window) {
                    self.close(trail, row.sequence).await?;
                }
                self.count(trails, &row.event, window);
            }
            self.position = page.next;
        }
        if self.window.is_some_and(|open| open < now.floor_to(length)) {
            self.close(trail, self.position).await?;
        }
        // Without data events no window closes, and the expiry of events waits for the position.
        let now = now.floor_to(length);
        if self.window.is_none() && self.noted != Some(now) {
            self.note(trail, self.position, &[]).await?;
            self.noted = Some(now);
        }
        Ok(())
    }

    async fn note(&self, trail: &Trail, next: u64, derived: &[DerivedEvent]) -> Result<(), Failed> {
        let closed = self.closed.map_or(0, Timestamp::millis);
        let follower = EventFollower { next_sequence: next as i64, state: closed.to_string() };
        Ok(trail.catalog.advance_event_follower(NAME, &follower, derived, &[]).await?)
    }

    fn count(&mut self, trails: &[Aggregating], event: &Event, window: Timestamp) {
        let first = self.closed.map_or(window, |closed| window.max(closed));
        self.window.get_or_insert(first);
        for of in trails.iter().filter(|of| of.coverage.covers(event)) {
            self.summaries.entry(of.id).or_default().count(event, &of.templates);
        }
    }

    /// Notes the summaries of the open window; events from the sequence `next` on are not in it.
    async fn close(&mut self, trail: &Trail, next: u64) -> Result<(), Failed> {
        let Some(start) = self.window.take() else { return Ok(()) };
        let length = trail.settings.aggregation_window.max(1);
        let mut derived = Vec::new();
        for (trail_id, summaries) in std::mem::take(&mut self.summaries) {
            let records = summaries.records(trail_id, (start, length)).into_iter();
            derived.extend(records.map(|(account, region, record)| DerivedEvent {
                number: 0,
                account,
                region,
                record,
            }));
        }
        self.closed = Some(start + length);
        self.note(trail, next, &derived).await
    }
}

/// Goes on where the last stood, or begins with what comes from now on.
async fn begin(trail: &Trail, end: u64) -> Result<Running, Failed> {
    let stored = trail.catalog.event_follower(NAME).await?;
    if let Some((next, closed)) = stored.and_then(|stored| Some((stored.next_sequence, stored.state.parse().ok()?))) {
        // A store that was restored from a backup may be older.
        let position = (next as u64).min(end);
        return Ok(Running { position, closed: Some(Timestamp(closed)), ..Running::default() });
    }
    let follower = EventFollower { next_sequence: end as i64, state: "0".into() };
    trail.catalog.advance_event_follower(NAME, &follower, &[], &[]).await?;
    Ok(Running { position: end, ..Running::default() })
}

/// The first sequence that is to be counted after a start; `None` while nobody aggregates.
pub(crate) async fn unread(catalog: &Catalog) -> Result<Option<u64>, Failed> {
    let stored = catalog.event_follower(NAME).await?.filter(|stored| stored.state != IDLE);
    Ok(stored.map(|stored| stored.next_sequence as u64))
}

/// Notes that nobody aggregates.
async fn idle(trail: &Trail, end: u64) -> Result<(), Failed> {
    let stored = trail.catalog.event_follower(NAME).await?;
    if stored.is_some_and(|stored| stored.state != IDLE) {
        let follower = EventFollower { next_sequence: end as i64, state: IDLE.into() };
        trail.catalog.advance_event_follower(NAME, &follower, &[], &[]).await?;
    }
    Ok(())
}
