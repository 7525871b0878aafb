//! `Evaluator`: counts the calls that trails and event data stores with Insights take, and notes what is unusual.

use super::record;
use super::selectors::InsightSelectors;
use crate::Trail;
use crate::coverage::Coverage;
use crate::delivery::is_own;
use crate::derived::{self, Failed};
use crate::detections::Findings;
use crate::json::Json;
use catalog::{Catalog, DerivedEvent, EventFollower};
use model::{Event, Timestamp};
use query::insight_events::{Engine, Insight, Kind, Learned, Settings, Since, Subject};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Records read at a time, bytes.
const PAGE_BYTES: usize = 1024 * 1024;
/// While nothing is found, what was learned is written each so many periods.
const NOTED_PERIODS: i64 = 5;
/// What the catalog calls it.
const NAME: &str = "insights";

/// Follows audit events.
pub struct Evaluator {
    findings: Arc<dyn Findings>,
    running: Option<Running>,
}

/// What it knows while somebody has Insights.
struct Running {
    engine: Engine,
    /// Events below were looked at.
    position: u64,
    /// The open period when this was written last.
    noted: Option<i64>,
}

/// What the catalog keeps of it, beside the position and what was learned.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    /// False when nobody had Insights any more: the next that has begins anew.
    is_running: bool,
    period_ms: i64,
    baseline_ms: i64,
    open: Option<i64>,
    since: Since,
}

/// Whose calls are counted.
struct Watched(Vec<(Coverage, InsightSelectors)>);

impl Watched {
    async fn read(trail: &Trail) -> Result<Self, catalog::Error> {
        let trails = trail.catalog.logging_trails().await?.into_iter();
        let trails = trails.map(|row| (Coverage::of_trail(&row), InsightSelectors::stored(row.insights.as_deref())));
        let stores = trail.catalog.enabled_event_data_stores().await?.into_iter();
        let stores = stores.map(|row| (Coverage::of_store(&row), InsightSelectors::stored(row.insights.as_deref())));
        Ok(Self(trails.chain(stores).filter(|(_, insights)| !insights.selectors.is_empty()).collect()))
    }

    fn reach(&self, account: &str, region: &str) -> bool {
        self.0.iter().any(|(coverage, _)| coverage.reaches(account, region))
    }

    /// True when a call of this kind is counted.
    fn count(&self, kind: Kind, event: &Event) -> bool {
        self.0.iter().any(|(coverage, insights)| insights.count(kind, &event.category) && coverage.covers(event))
    }
}

impl Evaluator {
    /// One that goes on where the last stood.
    pub fn new(findings: Arc<dyn Findings>) -> Self {
        Self { findings, running: None }
    }

    /// Looks at all that was accepted since the last round, and at the periods that have ended.
    pub async fn round(&mut self, trail: &Trail) -> Result<(), Failed> {
        let done = self.evaluate(trail).await;
        if done.is_err() {
            // What was found and not noted is found again, from what the catalog knows.
            self.running = None;
        }
        done
    }

    async fn evaluate(&mut self, trail: &Trail) -> Result<(), Failed> {
        derived::store(trail, &*self.findings, NAME).await?;
        let watched = Watched::read(trail).await?;
        // First the time, then what was accepted by then.
        let (now, end) = (trail.clock.now(), trail.store.event_sequence());
        if watched.0.is_empty() {
            return self.stop(trail, end).await;
        }
        let running = match &mut self.running {
            Some(running) => running,
            slot => slot.insert(begin(trail, end).await?),
        };
        running.engine.retain(|account, region| watched.reach(account, region));
        let found = running.follow(trail, &watched, (now, end)).await?;
        if running.note(trail, &found).await? {
            derived::store(trail, &*self.findings, NAME).await?;
        }
        Ok(())
    }

    /// Forgets everything: nobody has Insights.
    async fn stop(&mut self, trail: &Trail, end: u64) -> Result<(), Failed> {
        self.running = None;
        let stored = trail.catalog.event_follower(NAME).await?;
        let state: Option<State> = stored.and_then(|stored| serde_json::from_str(&stored.state).ok());
        if state.is_some_and(|state| state.is_running) {
            forget(trail, end).await?;
        }
        Ok(())
    }
}

impl Running {
    /// Counts what was accepted, and closes periods.
    async fn follow(
        &mut self,
        trail: &Trail,
        watched: &Watched,
        (now, end): (Timestamp, u64),
    ) -> Result<Vec<Insight>, Failed> {
        let mut found = Vec::new();
        while self.position < end {
            let page = trail.store.follow_events(self.position, end, PAGE_BYTES).await?;
            if page.next <= self.position {
                break;
            }
            self.position = page.next;
            for row in page.events.iter().filter(|row| is_own(&row.event)) {
                found.extend(self.engine.close(row.event.time.0));
                self.count(watched, &row.event);
            }
        }
        found.extend(self.engine.close(now.0));
        Ok(found)
    }

    fn count(&mut self, watched: &Watched, event: &Event) {
        let members = Json::check(&event.record).map(Json::object).unwrap_or_default();
        if members.text("eventType").is_some_and(|kind| kind != "AwsApiCall") {
            return;
        }
        let is_write = event.read_only != Some(true);
        let counts_calls = match event.category.as_str() {
            "Management" => is_write,
            "Data" => true,
            _ => return,
        };
        let is_error = !event.error_code.is_empty();
        let kinds = [(Kind::CallRate, counts_calls), (Kind::ErrorRate, is_error)];
        let kinds = kinds.into_iter().filter(|(kind, is_of)| *is_of && watched.count(*kind, event));
        for (kind, _) in kinds {
            let subject = Subject {
                account: event.account.clone(),
                region: event.region.clone(),
                kind,
                category: event.category.clone(),
                source: event.source.clone(),
                name: event.name.clone(),
                error_code: if kind == Kind::ErrorRate { event.error_code.clone() } else { String::new() },
            };
            let agent = members.text("userAgent").unwrap_or_default();
            let code = if is_error { event.error_code.as_str() } else { "null" };
            self.engine.count(&subject, event.time.0, [&event.user_arn, &agent, code]);
        }
    }

    /// Writes what was found, what was learned and how far it came; true when something was found.
    async fn note(&mut self, trail: &Trail, found: &[Insight]) -> Result<bool, Failed> {
        let open = self.engine.open();
        let is_due = match (self.noted, open) {
            (Some(noted), Some(open)) => open - noted >= NOTED_PERIODS,
            (noted, open) => noted != open,
        };
        if found.is_empty() && !is_due {
            return Ok(false);
        }
        let text = |subject: &Subject| serde_json::to_string(subject);
        let mut subjects = Vec::new();
        for (subject, learned) in self.engine.take_changed() {
            subjects.push((text(&subject)?, learned.map(serde_json::to_string).transpose()?));
        }
        let derived: Vec<DerivedEvent> = found.iter().map(event).collect();
        let state = State {
            is_running: true,
            period_ms: trail.settings.insights.period_ms,
            baseline_ms: trail.settings.insights.baseline_ms,
            open,
            since: self.engine.since().clone(),
        };
        let follower = EventFollower { next_sequence: self.position as i64, state: serde_json::to_string(&state)? };
        trail.catalog.advance_event_follower(NAME, &follower, &derived, &subjects).await?;
        self.noted = open;
        Ok(!found.is_empty())
    }
}

fn event(insight: &Insight) -> DerivedEvent {
    DerivedEvent {
        number: 0,
        account: insight.subject.account.clone(),
        region: insight.subject.region.clone(),
        record: record::of(insight),
    }
}

/// Goes on where the last stood, or begins with what comes from now on.
async fn begin(trail: &Trail, end: u64) -> Result<Running, Failed> {
    let Settings { period_ms, baseline_ms, .. } = trail.settings.insights;
    if let Some(stored) = trail.catalog.event_follower(NAME).await? {
        let state: State = serde_json::from_str(&stored.state)?;
        if state.is_running && (state.period_ms, state.baseline_ms) == (period_ms, baseline_ms) {
            let mut learned: Vec<(Subject, Learned)> = Vec::new();
            for (subject, known) in trail.catalog.insight_subjects().await? {
                learned.push((serde_json::from_str(&subject)?, serde_json::from_str(&known)?));
            }
            let engine = Engine::new(trail.settings.insights, state.open, state.since, learned);
            // A store that was restored from a backup may be older.
            let position = (stored.next_sequence as u64).min(end);
            return Ok(Running { engine, position, noted: state.open });
        }
    }
    forget(trail, end).await?;
    let engine = Engine::new(trail.settings.insights, None, Since::new(), Vec::new());
    Ok(Running { engine, position: end, noted: None })
}

/// The first sequence that is to be looked at after a start; `None` while nobody has Insights.
pub(crate) async fn unread(catalog: &Catalog) -> Result<Option<u64>, Failed> {
    let Some(stored) = catalog.event_follower(NAME).await? else { return Ok(None) };
    let state: State = serde_json::from_str(&stored.state)?;
    Ok(state.is_running.then_some(stored.next_sequence as u64))
}

/// Forgets what was learned.
async fn forget(trail: &Trail, end: u64) -> Result<(), Failed> {
    let learned = trail.catalog.insight_subjects().await?;
    let gone: Vec<(String, Option<String>)> = learned.into_iter().map(|(subject, _)| (subject, None)).collect();
    let state = serde_json::to_string(&State::default())?;
    let follower = EventFollower { next_sequence: end as i64, state };
    Ok(trail.catalog.advance_event_follower(NAME, &follower, &[], &gone).await?)
}
