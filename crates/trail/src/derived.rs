//! Events that follow from others, Insights and aggregated events: their ids, who takes them, and how they come into the store.
//!
//! Whoever finds them notes them in the catalog together with how far it came, and stores them then. An id follows from what an event
//! says; what is cut off between is stored by the next start, once. By its id such an event is also known as made here, and not
//! imported, when trails deliver it.

use crate::Trail;
use crate::aggregation;
use crate::detections::Findings;
use crate::event_configuration::EventConfiguration;
use crate::insights::{self, InsightSelectors};
use crate::json::Json;
use crate::record::{self, Defaults};
use crate::retention;
use catalog::{TrailRow, TrailSpan};
use model::{Event, Timestamp};
use uuid::Uuid;

/// Namespace of the ids: a fixed random UUID.
const IDS: Uuid = Uuid::from_u128(0x91d4_0c6e_2b7f_4e05_b8a3_6f1c_d25e_7a48);
/// Events that are stored together.
const BATCH: usize = 100;

/// Why a round of a follower ended early; what it had not done is done by the next.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Events could not be read or stored.
    #[error("records: {0}")]
    Store(#[from] store::Error),
    /// The catalog could not be asked.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// What is stored cannot be read.
    #[error("what is stored: {0}")]
    Stored(#[from] serde_json::Error),
}

/// The id that follows from these texts.
pub(crate) fn id(parts: &[&str]) -> String {
    Uuid::new_v5(&IDS, parts.join("\0").as_bytes()).to_string()
}

/// Which derived events a trail takes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    trail_id: i64,
    insights: InsightSelectors,
    configuration: EventConfiguration,
}

impl Wanted {
    /// By the trail's settings of now.
    pub(crate) fn of_trail(trail: &TrailRow) -> Self {
        Self {
            trail_id: trail.id,
            insights: InsightSelectors::stored(trail.insights.as_deref()),
            configuration: EventConfiguration::stored(trail.event_configuration.as_deref()),
        }
    }

    /// By those of a span.
    pub(crate) fn of_span(span: &TrailSpan) -> Self {
        Self {
            trail_id: span.trail_id,
            insights: InsightSelectors::stored(span.insights.as_deref()),
            configuration: EventConfiguration::stored(span.event_configuration.as_deref()),
        }
    }

    /// True when the trail takes this event, of an account and region that it reaches.
    pub(crate) fn takes(&self, event: &Event) -> bool {
        match event.category.as_str() {
            "Insight" if !self.insights.selectors.is_empty() => {
                let Ok(record) = Json::check(&event.record) else { return false };
                let details = record.object().get("insightDetails").map(Json::object).unwrap_or_default();
                let category = details.text("sourceEventCategory");
                let kind = details.text("insightType").unwrap_or_default();
                self.insights.want(&kind, category.as_deref().unwrap_or("Management"))
            }
            "Aggregated" => self.configuration.aggregates() && aggregation::is_of(self.trail_id, event),
            _ => false,
        }
    }
}

/// True for an event that was made here; aggregated ones are known by their trail.
pub(crate) fn is_derived(event: &Event) -> bool {
    match event.category.as_str() {
        "Insight" => {
            let Ok(record) = Json::check(&event.record) else { return false };
            let members = record.object();
            let details = members.get("insightDetails").map(Json::object).unwrap_or_default();
            let shared = members.text("sharedEventID").unwrap_or_default();
            insights::shared_id(&shared, &details.text("state").unwrap_or_default()) == event.event_id
        }
        "Aggregated" => true,
        _ => false,
    }
}

/// Stores what a follower derived and what is not known to be stored.
pub(crate) async fn store(trail: &Trail, findings: &dyn Findings, follower: &str) -> Result<(), Failed> {
    loop {
        let waiting = trail.catalog.derived_events(follower, BATCH).await?;
        let Some(last) = waiting.last().map(|event| event.number) else { return Ok(()) };
        let now = trail.clock.now();
        let mut events: Vec<Event> = Vec::new();
        for derived in waiting {
            let defaults = Defaults { account: derived.account, region: derived.region, ingestion_time: now };
            match record::parse(derived.record, &defaults) {
                // Trails deliver what is of the server's own second; these may be stored after their own, and once only.
                Ok(event) if follower == retention::NAME => {
                    events.push(Event { ingestion_time: event.time, ..event });
                }
                Ok(event) => events.push(event),
                Err(reason) => tracing::error!(%reason, follower, "read back a derived event"),
            }
        }
        let named: Vec<(Timestamp, &str)> = events.iter().map(|event| (event.time, event.event_id.as_str())).collect();
        let known = trail.store.existing_event_ids(&named).await?;
        events.retain(|event| !known.contains(&event.event_id));
        if !events.is_empty() {
            findings.append(events, Vec::new()).await?;
        }
        trail.catalog.drop_derived_events(follower, last).await?;
    }
}
