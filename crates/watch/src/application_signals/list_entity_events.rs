//! `aws application-signals list-entity-events`: the changes of one entity, as audit events of the caller's account and region tell them.
//!
//! AWS (API reference): an entity is what its attributes say, `Type`, `Name`, `Environment`, `ResourceType`, `Identifier`; MaxResults is 50 when
//! absent. How AWS finds out which change is whose is not documented. Here, a change is an entity's when its record names the entity's
//! `Identifier` or `Name`, whole or as a word; `Type`, `Environment` and `ResourceType` are not looked at. Chosen here too:
//! the latest first; calls that failed changed nothing and are left out; the times may be 30 days apart, and of changes that have the name
//! somewhere 2,000 are looked at for a page, which may then be short and says where to go on.

use crate::Watch;
use model::time::DAY;
use model::{Caller, Event, TimeRange, Timestamp};
use query::investigate::{Change, is_deployment};
use std::ops::ControlFlow;
use store::{Direction, EventFilter, EventScan, Position};
use wire::ApiError;
use wire::application_signals::{ChangeEvent, ListEntityEventsInput, ListEntityEventsOutput, errors};

/// Changes of a page when nobody says.
const PAGE: usize = 50;
/// Most changes that are looked at for a page.
const LOOKED_MAX: usize = 2_000;
/// Longest time.
const RANGE_MS_MAX: i64 = 30 * DAY;

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
    let (mut events, mut looked, mut next) = (Vec::new(), 0, None);
    let visit = &mut |row: &store::EventRow| {
        if events.len() >= limit || looked >= LOOKED_MAX {
            return ControlFlow::Break(());
        }
        looked += 1;
        next = Some((row.event.time, row.sequence));
        let is_its = Change::of(&row.event, None).is_some_and(|change| names.iter().any(|name| change.names(name)));
        if is_its {
            events.push(change_event(&row.event, &input.entity));
        }
        ControlFlow::Continue(())
    };
    watch.store.scan_events(scan, visit).await?;
    let is_full = events.len() >= limit || looked >= LOOKED_MAX;
    Ok(ListEntityEventsOutput {
        start_time: start,
        end_time: end,
        change_events: events,
        next_token: next.filter(|_| is_full).map(|(time, sequence)| format!("{}:{sequence}", time.millis())),
    })
}

fn change_event(event: &Event, entity: &std::collections::BTreeMap<String, String>) -> ChangeEvent {
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    ChangeEvent {
        timestamp: event.time,
        account_id: event.account.clone(),
        region: event.region.clone(),
        entity: entity.clone(),
        change_event_type: if is_deployment(&event.name) { "DEPLOYMENT".into() } else { "CONFIGURATION".into() },
        event_id: event.event_id.clone(),
        user_name: some(&event.username),
        event_name: some(&event.name),
    }
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
