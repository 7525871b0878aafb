//! FilterLogEvents: the events of a group, or of some of its streams, that match a pattern.
//!
//! Both ends of the time range are inside. Events come in order of time, then of acceptance; newest first with
//! `startFromHead=false`. A page ends at its limit, at 1 MB, or after looking at a bounded number of bytes for a bounded
//! time, so a page may be empty and still have a token. `searchedLogStreams` is always empty and `interleaved` is ignored, as on AWS.
//! Sensitive data are masked, and are not found either (`masking.rs`).

mod search;

use super::errors::{invalid, invalid_token, stream_not_found};
use super::identifiers::named_group;
use super::masking::{mask_for, shown};
use super::page_token::Fingerprint;
use crate::Watch;
use catalog::LogGroup;
use model::limits::{FILTER_SEARCHES_MAX, LOG_PAGE_EVENTS_MAX};
use model::{Caller, StreamId, TimeRange, Timestamp};
use query::filter_pattern::FilterPattern;
use search::{Found, Search};
use std::collections::HashMap;
use std::sync::Arc;
use store::{Direction, LogScan, Position};
use tokio::sync::Semaphore;
use wire::ApiError;
use wire::logs::{FilterLogEventsRequest, FilterLogEventsResponse, FilteredLogEvent};

/// Reading backwards is refused for ranges that begin before this instant: 2024-01-01T00:00:00Z (FilterLogEvents
/// reference).
const BACKWARD_SINCE: i64 = 1_704_067_200_000;

pub(super) async fn filter_log_events(
    watch: &Watch,
    caller: &Caller,
    input: FilterLogEventsRequest,
) -> Result<FilterLogEventsResponse, ApiError> {
    check(&input)?;
    // A costly regular expression takes long to compile: other requests go on meanwhile.
    let text = input.filter_pattern.clone().unwrap_or_default();
    let parsed = tokio::task::spawn_blocking(move || FilterPattern::parse(&text)).await;
    let parsed = parsed.map_err(|error| {
        ApiError::new(&wire::error::common::INTERNAL_FAILURE, format!("read a filter pattern: {error}"))
    })?;
    let pattern = parsed.map_err(|error| invalid(format!("Invalid filter pattern: {}", error.message)))?;
    let (name, identifier) = (input.log_group_name.as_deref(), input.log_group_identifier.as_deref());
    let group = named_group(watch, caller, name, identifier).await?;
    let fingerprint = fingerprint(&group, &input);
    let given = input.next_token.as_deref().map(|token| parse_position(&fingerprint.open(token)?)).transpose()?;
    let direction = match given {
        Some((direction, _)) => direction,
        None if input.start_from_head == Some(false) => Direction::Backward,
        None => Direction::Forward,
    };
    let streams = asked_streams(watch, &group, &input).await?;
    let kept_since = group.kept_since(watch.clock.now());
    let start = Timestamp(input.start_time.unwrap_or(0)).max(kept_since);
    // `endTime` is inside.
    let range = TimeRange::new(start, Timestamp(input.end_time.unwrap_or(i64::MAX)) + 1);
    let limit = input.limit.map_or(Ok(LOG_PAGE_EVENTS_MAX), usize::try_from).map_err(|_| invalid_token())?;
    let mask = mask_for(watch, caller, &group, input.unmask).await?;
    let shown_pattern = pattern.clone();
    let hidden = watch.catalog.deleted_streams_of(group.id).await?;
    let mut search = Search::new(pattern, mask.clone(), hidden, limit, Arc::clone(&watch.clock));
    if streams.as_ref().is_none_or(|streams| !streams.is_empty()) {
        let scan = LogScan { group: group.id, streams, range, direction, after: given.map(|(_, position)| position) };
        search = run(watch, scan, search).await?;
    }
    let next_token = search.resume_at().map(|position| fingerprint.seal(&position_text(direction, position)));
    let found = search.into_found();
    let found = shown(mask, found, Found::text, move |message| shown_pattern.matches(message)).await?;
    let events = named_events(watch, &group, found).await?;
    Ok(FilterLogEventsResponse { events: Some(events), searched_log_streams: Some(Vec::new()), next_token })
}

/// Runs the search. The store does the work on threads of its own, so other requests do not wait.
async fn run(watch: &Watch, scan: LogScan, mut search: Search) -> Result<Search, ApiError> {
    static SEARCHES: Semaphore = Semaphore::const_new(FILTER_SEARCHES_MAX);
    // The semaphore is never closed.
    let _running = SEARCHES.acquire().await.ok();
    let asked = search.begin(scan);
    let end = watch.store.search_logs(asked, &mut |searched| search.visit(&searched)).await?;
    if !end.is_complete {
        search.stop();
    }
    Ok(search)
}

fn check(input: &FilterLogEventsRequest) -> Result<(), ApiError> {
    if input.log_stream_names.is_some() && input.log_stream_name_prefix.is_some() {
        return Err(invalid("logStreamNames and logStreamNamePrefix cannot both be specified in the same request."));
    }
    if input.start_from_head == Some(false) && input.start_time.unwrap_or(0) < BACKWARD_SINCE {
        return Err(invalid(
            "Setting startFromHead to false is supported only when startTime is on or after Jan 1, 2024 00:00:00 UTC.",
        ));
    }
    Ok(())
}

/// The streams to search; `None` for all of the group.
async fn asked_streams(
    watch: &Watch,
    group: &LogGroup,
    input: &FilterLogEventsRequest,
) -> Result<Option<Vec<StreamId>>, ApiError> {
    if let Some(names) = &input.log_stream_names {
        let mut streams = Vec::with_capacity(names.len());
        for name in names {
            let stream = watch.catalog.log_stream(group.id, name).await?.ok_or_else(stream_not_found)?;
            streams.push(stream.id);
        }
        return Ok(Some(streams));
    }
    let Some(prefix) = &input.log_stream_name_prefix else { return Ok(None) };
    let streams = watch.catalog.list_log_streams(group.id, prefix, None, false, i32::MAX as usize).await?;
    Ok(Some(streams.into_iter().map(|stream| stream.id).collect()))
}

/// The page size is not part of the fingerprint: a client may ask for larger pages as it goes on.
fn fingerprint(group: &LogGroup, input: &FilterLogEventsRequest) -> Fingerprint {
    let id = group.id.0.to_string();
    let start = input.start_time.map(|time| time.to_string());
    let end = input.end_time.map(|time| time.to_string());
    let names = input.log_stream_names.iter().flatten().map(|name| Some(name.as_str()));
    let fixed = [
        Some(id.as_str()),
        start.as_deref(),
        end.as_deref(),
        input.filter_pattern.as_deref(),
        input.log_stream_name_prefix.as_deref(),
    ];
    Fingerprint::of("FilterLogEvents", fixed.into_iter().chain(names))
}

fn position_text(direction: Direction, (time, sequence): Position) -> String {
    let letter = if direction == Direction::Forward { 'f' } else { 'b' };
    format!("{letter}/{}/{sequence}", time.0)
}

fn parse_position(text: &str) -> Result<(Direction, Position), ApiError> {
    let parse = || {
        let mut parts = text.split('/');
        let direction = match parts.next()? {
            "f" => Direction::Forward,
            "b" => Direction::Backward,
            _ => return None,
        };
        let time = Timestamp(parts.next()?.parse().ok()?);
        Some((direction, (time, parts.next()?.parse().ok()?)))
    };
    parse().ok_or_else(invalid_token)
}

/// The events with the names of their streams. Events of a stream that was deleted during the search are left out.
async fn named_events(watch: &Watch, group: &LogGroup, found: Vec<Found>) -> Result<Vec<FilteredLogEvent>, ApiError> {
    let mut streams: Vec<StreamId> = found.iter().map(|event| event.stream).collect();
    streams.sort_unstable();
    streams.dedup();
    let names: HashMap<StreamId, String> = watch.catalog.log_stream_names(group.id, &streams).await?;
    let event = |found: Found| {
        Some(FilteredLogEvent {
            log_stream_name: Some(names.get(&found.stream)?.clone()),
            timestamp: Some(found.timestamp.0),
            event_id: Some(found.event_id()),
            ingestion_time: Some(found.ingestion_time.0),
            message: Some(found.message),
        })
    };
    Ok(found.into_iter().filter_map(event).collect())
}
