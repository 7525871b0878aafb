//! DescribeLogStreams: the streams of a group with the times of their first and last event.
//!
//! Ordered by name or by last event, up or down. AWS updates the event times within an hour; here they hold at once.
//! `storedBytes` is 0 for every stream, as on AWS since 2019. The sequence token means nothing, as on AWS since 2023.

use super::errors::{invalid, invalid_token};
use super::identifiers::named_group;
use super::page_token::Fingerprint;
use crate::Watch;
use catalog::LogGroup;
use model::{Caller, Scope, StreamId, Timestamp, arn};
use std::collections::BTreeMap;
use store::StreamStats;
use wire::ApiError;
use wire::logs::{DescribeLogStreamsRequest, DescribeLogStreamsResponse, LogStream};

/// Page size, and its maximum by the model.
const PAGE: usize = 50;

pub(super) async fn describe_log_streams(
    watch: &Watch,
    caller: &Caller,
    input: DescribeLogStreamsRequest,
) -> Result<DescribeLogStreamsResponse, ApiError> {
    let by_last_event = input.order_by.as_deref() == Some("LastEventTime");
    if by_last_event && input.log_stream_name_prefix.is_some() {
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let (name, identifier) = (input.log_group_name.as_deref(), input.log_group_identifier.as_deref());
    let group = named_group(watch, caller, name, identifier).await?;
    let fingerprint = fingerprint(&group, &input);
    let after = input.next_token.as_deref().map(|token| fingerprint.open(token)).transpose()?;
    let request = Request {
        prefix: input.log_stream_name_prefix.as_deref().unwrap_or_default(),
        descending: input.descending.unwrap_or(false),
        limit: input.limit.map_or(Ok(PAGE), usize::try_from).map_err(|_| invalid_token())?,
        after: after.as_deref(),
    };
    let stats = watch.store.stream_stats(group.id);
    let (streams, next) = if by_last_event {
        page_by_last_event(watch, &group, &stats, request).await?
    } else {
        page_by_name(watch, &group, request).await?
    };
    let kept_since = group.kept_since(watch.clock.now());
    let describe = |stream| described(&group.scope, &group, stream, &stats, kept_since);
    Ok(DescribeLogStreamsResponse {
        log_streams: Some(streams.into_iter().map(describe).collect()),
        next_token: next.map(|position| fingerprint.seal(&position)),
    })
}

#[derive(Clone, Copy)]
struct Request<'a> {
    prefix: &'a str,
    descending: bool,
    limit: usize,
    /// The position of the last stream of the page before.
    after: Option<&'a str>,
}

/// Streams, and the position of the last one when more follow.
type Page = (Vec<catalog::LogStream>, Option<String>);

async fn page_by_name(watch: &Watch, group: &LogGroup, request: Request<'_>) -> Result<Page, ApiError> {
    let Request { prefix, descending, limit, after } = request;
    // One more than asked for tells whether there is another page.
    let mut streams = watch.catalog.list_log_streams(group.id, prefix, after, descending, limit + 1).await?;
    let has_more = streams.len() > limit;
    streams.truncate(limit);
    let next = streams.last().filter(|_| has_more).map(|stream| stream.name.clone());
    Ok((streams, next))
}

/// Event times live in the store and names in the catalog, so this order is made here, over all streams of the group.
async fn page_by_last_event(
    watch: &Watch,
    group: &LogGroup,
    stats: &BTreeMap<StreamId, StreamStats>,
    request: Request<'_>,
) -> Result<Page, ApiError> {
    let Request { descending, limit, after, .. } = request;
    let after = after.map(parse_position).transpose()?;
    let all = watch.catalog.list_log_streams(group.id, "", None, false, i32::MAX as usize).await?;
    // Streams without events come first in ascending order, as the oldest.
    let last_event = |id| stats.get(&id).map_or(-1, |stats| stats.last_timestamp.0);
    let mut streams: Vec<_> = all.into_iter().map(|stream| (last_event(stream.id), stream)).collect();
    streams.sort_by(|(a_time, a), (b_time, b)| (a_time, &a.name).cmp(&(b_time, &b.name)));
    if descending {
        streams.reverse();
    }
    if let Some((time, name)) = after {
        let is_later = |key: (i64, &str)| if descending { key < (time, name) } else { key > (time, name) };
        streams.retain(|(time, stream)| is_later((*time, &stream.name)));
    }
    let has_more = streams.len() > limit;
    streams.truncate(limit);
    let next = streams.last().filter(|_| has_more).map(|(time, stream)| format!("{time}/{}", stream.name));
    Ok((streams.into_iter().map(|(_, stream)| stream).collect(), next))
}

fn parse_position(position: &str) -> Result<(i64, &str), ApiError> {
    let (time, name) = position.split_once('/').ok_or_else(invalid_token)?;
    Ok((time.parse().map_err(|_| invalid_token())?, name))
}

fn fingerprint(group: &LogGroup, input: &DescribeLogStreamsRequest) -> Fingerprint {
    let id = group.id.0.to_string();
    let descending = input.descending.unwrap_or(false).then_some("descending");
    let order = input.order_by.as_deref().unwrap_or("LogStreamName");
    let prefix = input.log_stream_name_prefix.as_deref();
    Fingerprint::of("DescribeLogStreams", [Some(id.as_str()), prefix, Some(order), descending])
}

fn described(
    scope: &Scope,
    group: &LogGroup,
    stream: catalog::LogStream,
    stats: &BTreeMap<StreamId, StreamStats>,
    kept_since: Timestamp,
) -> LogStream {
    let stats = stats.get(&stream.id).filter(|stats| stats.last_timestamp >= kept_since);
    LogStream {
        creation_time: Some(stream.created_at.0),
        // The store knows the first event ever; once it has expired, the first one kept is no earlier than this.
        first_event_timestamp: stats.map(|stats| stats.first_timestamp.max(kept_since).0),
        last_event_timestamp: stats.map(|stats| stats.last_timestamp.0),
        last_ingestion_time: stats.map(|stats| stats.last_ingestion_time.0),
        upload_sequence_token: Some(super::put_log_events::sequence_token(stream.id.0)),
        arn: Some(arn::log_stream(scope, &group.name, &stream.name)),
        stored_bytes: Some(0),
        log_stream_name: Some(stream.name),
    }
}
