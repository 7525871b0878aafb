//! GetLogEvents: one stream, oldest or newest page first, with tokens both ways.
//!
//! `startTime` is inside, `endTime` is not. Events inside a page ascend. Both tokens are always there, and the end of the
//! stream is a token that comes back unchanged. A token's direction wins over `startFromHead`. On AWS tokens end after 24
//! hours; here they stay good as long as the stream exists. Sensitive data are masked (`masking.rs`).

mod token;

use super::errors::{invalid_token, stream_not_found};
use super::identifiers::named_group;
use super::masking::{mask_for, shown};
use crate::Watch;
use model::limits::{LOG_EVENT_OVERHEAD_BYTES, LOG_PAGE_BYTES_MAX, LOG_PAGE_EVENTS_MAX};
use model::{Caller, TimeRange, Timestamp};
use std::ops::ControlFlow;
use store::{Direction, LogRow, LogScan, Position};
use token::EventsToken;
use wire::ApiError;
use wire::logs::{GetLogEventsRequest, GetLogEventsResponse, OutputLogEvent};

pub(super) async fn get_log_events(
    watch: &Watch,
    caller: &Caller,
    input: GetLogEventsRequest,
) -> Result<GetLogEventsResponse, ApiError> {
    let (name, identifier) = (input.log_group_name.as_deref(), input.log_group_identifier.as_deref());
    let group = named_group(watch, caller, name, identifier).await?;
    let stream = watch.catalog.log_stream(group.id, &input.log_stream_name).await?.ok_or_else(stream_not_found)?;
    let fingerprint = token::fingerprint(group.id, stream.id);
    let given = input.next_token.as_deref().map(|text| EventsToken::parse(text, fingerprint)).transpose()?;
    let direction = match given {
        Some(token) => token.direction,
        None if input.start_from_head == Some(true) => Direction::Forward,
        None => Direction::Backward,
    };
    let kept_since = group.kept_since(watch.clock.now());
    let range = TimeRange::new(
        Timestamp(input.start_time.unwrap_or(0)).max(kept_since),
        Timestamp(input.end_time.unwrap_or(i64::MAX)),
    );
    let scan = LogScan {
        group: group.id,
        streams: Some(vec![stream.id]),
        range,
        direction,
        after: given.map(|token| token.position),
    };
    let limit = input.limit.map_or(Ok(LOG_PAGE_EVENTS_MAX), usize::try_from).map_err(|_| invalid_token())?;
    let mut page = Page::new(limit);
    watch.store.scan_logs(scan, &mut |row| page.visit(&row)).await?;
    if direction == Direction::Backward {
        page.events.reverse();
    }
    let (forward, backward) = token::both(given, range, page.ends(direction));
    let mask = mask_for(watch, caller, &group, input.unmask).await?;
    let events = shown(mask, page.events, Event::text, |_| true).await?;
    Ok(GetLogEventsResponse {
        events: Some(events.into_iter().map(Event::told).collect()),
        next_forward_token: Some(forward.text(fingerprint)),
        next_backward_token: Some(backward.text(fingerprint)),
    })
}

/// An event of the page.
struct Event {
    timestamp: Timestamp,
    ingested: Timestamp,
    message: String,
}

impl Event {
    fn text(&mut self) -> (Timestamp, &mut String) {
        (self.ingested, &mut self.message)
    }

    fn told(self) -> OutputLogEvent {
        OutputLogEvent {
            timestamp: Some(self.timestamp.0),
            message: Some(self.message),
            ingestion_time: Some(self.ingested.0),
        }
    }
}

/// Events gathered in the order of the scan.
struct Page {
    limit: usize,
    bytes: usize,
    events: Vec<Event>,
    first_visited: Option<Position>,
    last_visited: Option<Position>,
}

impl Page {
    fn new(limit: usize) -> Self {
        Self { limit, bytes: 0, events: Vec::new(), first_visited: None, last_visited: None }
    }

    fn visit(&mut self, row: &LogRow<'_>) -> ControlFlow<()> {
        let bytes = self.bytes + row.message.len() + LOG_EVENT_OVERHEAD_BYTES;
        // An event larger than a page still has to be seen, on a page of its own.
        if self.events.len() == self.limit || (bytes > LOG_PAGE_BYTES_MAX && !self.events.is_empty()) {
            return ControlFlow::Break(());
        }
        self.bytes = bytes;
        self.last_visited = Some((row.timestamp, row.sequence));
        self.first_visited = self.first_visited.or(self.last_visited);
        self.events.push(Event {
            timestamp: row.timestamp,
            ingested: row.ingestion_time,
            message: row.message.to_owned(),
        });
        ControlFlow::Continue(())
    }

    /// The earliest and the latest position on the page.
    fn ends(&self, direction: Direction) -> Option<(Position, Position)> {
        let (first, last) = (self.first_visited?, self.last_visited?);
        Some(if direction == Direction::Forward { (first, last) } else { (last, first) })
    }
}
