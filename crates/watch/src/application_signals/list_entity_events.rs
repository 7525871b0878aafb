//! `aws application-signals list-entity-events`: the changes of one entity, as audit events of the caller's account and region tell them.
//!
//! AWS (API reference): an entity is what its attributes say, `Type`, `Name`, `Environment`, `ResourceType`, `Identifier`; MaxResults is 50 when
//! absent. How AWS finds out which change is whose is not documented. Here, a change is an entity's when its record names the entity's
//! `Identifier` or `Name`, whole or as a word; `Type`, `Environment` and `ResourceType` are not looked at. Chosen here too:
//! the latest first; calls that failed changed nothing and are left out; the times may be 30 days apart, and of changes that have the name
//! somewhere 2,000 are looked at for a page, which may then be short and says where to go on. As of our own questions, few are answered
//! at once, each within a minute.

use crate::Watch;
use model::limits::{QUESTION_MS_MAX, QUESTIONS_MAX};
use model::time::DAY;
use model::{Caller, Event, TimeRange, Timestamp};
use query::investigate::{Change, is_deployment};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use store::{Direction, EventFilter, EventRow, EventScan, Position};
use tokio::sync::Semaphore;
use wire::ApiError;
use wire::application_signals::{ChangeEvent, ListEntityEventsInput, ListEntityEventsOutput, errors};
use wire::error::common::INTERNAL_FAILURE;

#[cfg(test)]
mod tests;

/// Changes of a page when nobody says.
const PAGE: usize = 50;
/// Most changes that are looked at for a page.
const LOOKED_MAX: usize = 2_000;
/// Longest time.
const RANGE_MS_MAX: i64 = 30 * DAY;
/// Events that are read together, and their bytes.
const CHUNK: usize = 500;
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Who may be answered at once: a name that is nowhere has all records of the time read.
static TURNS: Semaphore = Semaphore::const_new(QUESTIONS_MAX);
const TIME_MAX: Duration = Duration::from_millis(QUESTION_MS_MAX);

pub(super) async fn list_entity_events(
    watch: &Watch,
    caller: &Caller,
    input: ListEntityEventsInput,
) -> Result<ListEntityEventsOutput, ApiError> {
    let attribute =
        |wanted: &str| input.entity.iter().find(|(name, _)| name.as_str() == wanted).map(|(_, value)| value);
    let names: Vec<String> = [attribute("Identifier"), attribute("Name")].into_iter().flatten().cloned().collect();
    if names.is_empty() {
        return Err(invalid("The entity must have the attribute Name or Identifier."));
    }
    let (start, end) = (input.start_time, input.end_time);
    if start >= end || end - start > RANGE_MS_MAX {
        return Err(invalid("StartTime must be before EndTime, by at most 30 days."));
    }
    let limit = input.max_results.and_then(|most| usize::try_from(most).ok()).unwrap_or(PAGE);
    let scan = EventScan {
        account: Some(caller.scope.account.clone()),
        region: Some(caller.scope.region.clone()),
        range: TimeRange::new(start, end),
        direction: Direction::Backward,
        after: input.next_token.as_deref().map(position).transpose()?,
        filter: Some(EventFilter::All(vec![
            EventFilter::ReadOnly(false),
            EventFilter::Failed(false),
            EventFilter::Any(names.iter().cloned().map(EventFilter::Text).collect()),
        ])),
    };
    let entity = Arc::new(Entity { attributes: input.entity, names });
    let (events, next) = in_turn(&TURNS, TIME_MAX, page(watch, entity, scan, limit)).await?;
    Ok(ListEntityEventsOutput {
        start_time: start,
        end_time: end,
        change_events: events,
        next_token: next.map(|(time, sequence)| format!("{}:{sequence}", time.millis())),
    })
}

/// What `work` comes to, within the time, waiting for a turn included.
async fn in_turn<T>(
    turns: &Semaphore,
    longest: Duration,
    work: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    let asked = async {
        // The semaphore is never closed.
        let _turn = turns.acquire().await;
        work.await
    };
    let answered = tokio::time::timeout(longest, asked).await;
    answered.unwrap_or_else(|_| Err(invalid("There was no answer within a minute. Ask for a shorter time.")))
}

/// Whose changes are asked for.
struct Entity {
    attributes: BTreeMap<String, String>,
    /// `Identifier` and `Name`.
    names: Vec<String>,
}

impl Entity {
    /// The change that an event made of this entity.
    fn changed(&self, event: &Event) -> Option<ChangeEvent> {
        let change = Change::of(event, None)?;
        self.names.iter().any(|name| change.names(name)).then(|| self.change_event(event))
    }

    fn change_event(&self, event: &Event) -> ChangeEvent {
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        ChangeEvent {
            timestamp: event.time,
            account_id: event.account.clone(),
            region: event.region.clone(),
            entity: self.attributes.clone(),
            change_event_type: if is_deployment(&event.name) { "DEPLOYMENT".into() } else { "CONFIGURATION".into() },
            event_id: event.event_id.clone(),
            user_name: some(&event.username),
            event_name: some(&event.name),
        }
    }
}

/// The changes of a page, and where the next begins if this one is full.
async fn page(
    watch: &Watch,
    entity: Arc<Entity>,
    mut scan: EventScan,
    limit: usize,
) -> Result<(Vec<ChangeEvent>, Option<Position>), ApiError> {
    let (mut events, mut looked) = (Vec::new(), 0);
    loop {
        let rows = chunk(watch, &scan, CHUNK.min(LOOKED_MAX - looked)).await?;
        if rows.is_empty() {
            return Ok((events, None));
        }
        let entity = Arc::clone(&entity);
        let read = move || -> Vec<(Position, Option<ChangeEvent>)> {
            let changed = |row: EventRow| ((row.event.time, row.sequence), entity.changed(&row.event));
            rows.into_iter().map(changed).collect()
        };
        let read = tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| ApiError::new(&INTERNAL_FAILURE, "The changes could not be read").with_source(error))?;
        for (position, change) in read {
            looked += 1;
            events.extend(change);
            scan.after = Some(position);
            if events.len() >= limit || looked >= LOOKED_MAX {
                return Ok((events, scan.after));
            }
        }
    }
}

/// The next events of a scan.
async fn chunk(watch: &Watch, scan: &EventScan, most: usize) -> Result<Vec<EventRow>, ApiError> {
    let (mut rows, mut bytes) = (Vec::new(), 0);
    let visit = &mut |row: &EventRow| {
        bytes += row.event.record.len();
        rows.push(row.clone());
        let is_full = rows.len() >= most || bytes >= CHUNK_BYTES;
        if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    watch.store.scan_events(scan.clone(), visit).await?;
    Ok(rows)
}

/// The place after which a page begins; any is good, for a page shows only what the caller may see.
fn position(token: &str) -> Result<Position, ApiError> {
    let parsed = token
        .split_once(':')
        .and_then(|(time, sequence)| Some((Timestamp(time.parse().ok()?), sequence.parse().ok()?)));
    parsed.ok_or_else(|| invalid("The NextToken is not valid."))
}

fn invalid(message: &'static str) -> ApiError {
    ApiError::new(&errors::VALIDATION_EXCEPTION, message)
}
