//! GetLogGroupFields: the fields that events of a group have, and how many of them have each.
//!
//! Looked at are the newest 1,000 events of the eight minutes before and after `time`, or of the last 15 minutes without it, as AWS
//! says; of which events there AWS takes its sample it does not say. Fields are those of the events as queries see them without
//! `unmask`: transformed where the group has a transformer, and masked, for what data protection masks may stand in a name, too.

use super::group_rules::{GroupRules, group_rules};
use super::identifiers::named_group;
use super::transformed::transformed;
use crate::Watch;
use catalog::LogGroup;
use model::limits::FIELD_SAMPLE_EVENTS_MAX;
use model::time::{MINUTE, SECOND};
use model::{Caller, StreamId, TimeRange, Timestamp};
use query::log_fields;
use query::transformer::Origin;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;
use store::{Direction, LogScan};
use wire::ApiError;
use wire::logs::{GetLogGroupFieldsRequest, GetLogGroupFieldsResponse, LogGroupField};

/// Fields that every event has.
const OWN: [&str; 5] = ["@ingestionTime", "@log", "@logStream", "@message", "@timestamp"];

pub(super) async fn get_log_group_fields(
    watch: &Watch,
    caller: &Caller,
    input: GetLogGroupFieldsRequest,
) -> Result<GetLogGroupFieldsResponse, ApiError> {
    let (name, identifier) = (input.log_group_name.as_deref(), input.log_group_identifier.as_deref());
    let group = named_group(watch, caller, name, identifier).await?;
    let now = watch.clock.now();
    let asked = match input.time {
        Some(time) => {
            let middle = Timestamp(time.saturating_mul(SECOND));
            TimeRange::new(middle - 8 * MINUTE, middle + 8 * MINUTE)
        }
        None => TimeRange::new(now - 15 * MINUTE, Timestamp::MAX),
    };
    let range = TimeRange::new(asked.start.max(group.kept_since(now)), asked.end);
    let hidden: HashSet<_> = watch.catalog.deleted_streams_of(group.id).await?.into_iter().collect();
    let scan = LogScan { group: group.id, streams: None, range, direction: Direction::Backward, after: None };
    let mut sample: Vec<Sampled> = Vec::new();
    let mut visit = |row: store::LogRow<'_>| {
        if !hidden.contains(&row.stream) {
            let (stream, at, ingested) = (row.stream, row.timestamp, row.ingestion_time);
            sample.push(Sampled { stream, at, ingested, message: row.message.to_owned() });
        }
        if sample.len() < FIELD_SAMPLE_EVENTS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    watch.store.scan_logs(scan, &mut visit).await?;
    let rules = group_rules(watch, group.id).await?;
    let mut streams = HashMap::new();
    if rules.transforming.is_some() {
        let asked: HashSet<StreamId> = sample.iter().map(|event| event.stream).collect();
        let asked: Vec<StreamId> = asked.into_iter().collect();
        streams.extend(watch.catalog.log_stream_names(group.id, &asked).await?);
    }
    let counted = tokio::task::spawn_blocking(move || {
        let shown = |event| shown(event, &rules, &group, &streams);
        percentages(&sample.into_iter().map(shown).collect::<Vec<String>>())
    })
    .await;
    let fields = counted.map_err(|error| store::Error::Bug(format!("count fields: {error}")))?;
    Ok(GetLogGroupFieldsResponse { log_group_fields: Some(fields) })
}

/// An event of the sample.
struct Sampled {
    stream: StreamId,
    at: Timestamp,
    ingested: Timestamp,
    message: String,
}

/// The text of an event as queries see it.
fn shown(event: Sampled, rules: &GroupRules, group: &LogGroup, streams: &HashMap<StreamId, String>) -> String {
    let Sampled { stream, at, ingested, message } = event;
    let origin = Origin {
        log_group: &group.name,
        log_stream: streams.get(&stream).map_or("", String::as_str),
        account: &group.scope.account,
        region: &group.scope.region,
        timestamp: at,
    };
    let transforming = rules.transforming.as_deref();
    let made = transforming.and_then(|transforming| transformed(transforming, ingested, &message, &origin));
    let message = made.unwrap_or(message);
    match &rules.protection {
        Some(mask) => mask.mask(ingested, &message).into_owned(),
        None => message,
    }
}

/// Fields by how many events have them, in percent, rounded up so that none has 0.
fn percentages(messages: &[String]) -> Vec<LogGroupField> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for message in messages {
        let names: HashSet<String> = log_fields::fields(message).into_iter().map(|(name, _)| name).collect();
        names.into_iter().for_each(|name| *counts.entry(name).or_default() += 1);
    }
    if !messages.is_empty() {
        counts.extend(OWN.map(|name| (name.to_owned(), messages.len())));
    }
    let percent = |count: usize| i32::try_from((count * 100).div_ceil(messages.len())).ok();
    let mut fields: Vec<LogGroupField> =
        counts.into_iter().map(|(name, count)| LogGroupField { name: Some(name), percent: percent(count) }).collect();
    fields.sort_by_key(|field| std::cmp::Reverse(field.percent));
    fields
}
