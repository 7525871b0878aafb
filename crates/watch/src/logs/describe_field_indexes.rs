//! DescribeFieldIndexes: the fields that log groups index, and when they were last looked at.
//!
//! Every event is looked at as it comes in, so `lastScanTime` is when the group last got one. `firstEventTime` and `lastEventTime`
//! are shown for default indexes of fields that every event has; for other fields they would take reading the events, and are
//! absent. `logGroupIdentifier` is always the group's ARN. Order and page size are ours.

use super::errors::invalid_token;
use super::field_indexes::{FieldIndexes, Indexed};
use super::identifiers::identified_group;
use super::page_token::Fingerprint;
use crate::Watch;
use model::{Caller, GroupId, Timestamp, arn};
use std::collections::BTreeMap;
use wire::ApiError;
use wire::logs::{DescribeFieldIndexesRequest, DescribeFieldIndexesResponse, FieldIndex};

/// Page size; AWS names none.
const PAGE: usize = 100;
/// Fields that every event has.
const OF_EVERY_EVENT: [&str; 4] = ["@logStream", "@aws.region", "@aws.account", "@source.log"];

pub(super) async fn describe_field_indexes(
    watch: &Watch,
    caller: &Caller,
    input: DescribeFieldIndexesRequest,
) -> Result<DescribeFieldIndexesResponse, ApiError> {
    let categories = input.index_categories.unwrap_or_default();
    let identifiers = input.log_group_identifiers.iter().chain(&categories).map(|part| Some(part.as_str()));
    let fingerprint = Fingerprint::of("DescribeFieldIndexes", identifiers);
    let start: usize = match &input.next_token {
        Some(token) => fingerprint.open(token)?.parse().map_err(|_| invalid_token())?,
        None => 0,
    };
    let mut groups = BTreeMap::new();
    for identifier in &input.log_group_identifiers {
        let group = identified_group(watch, caller, identifier).await?;
        groups.insert(group.name.clone(), group);
    }
    let indexes = FieldIndexes::of(watch, &caller.scope).await?;
    let mut found = Vec::new();
    for group in groups.into_values() {
        let (arn, times) = (arn::log_group(&caller.scope, &group.name), Times::of(watch, group.id));
        for (name, indexed) in indexes.fields(&group).await? {
            if categories.is_empty() || categories.iter().any(|category| category == indexed.category) {
                found.push(described(&arn, name, indexed, times));
            }
        }
    }
    let more = found.len() > start.saturating_add(PAGE);
    let page = found.into_iter().skip(start).take(PAGE).collect();
    let next_token = more.then(|| fingerprint.seal(&(start + PAGE).to_string()));
    Ok(DescribeFieldIndexesResponse { field_indexes: Some(page), next_token })
}

/// What is known of a group without reading it.
#[derive(Clone, Copy)]
struct Times {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    ingestion: Option<Timestamp>,
}

impl Times {
    fn of(watch: &Watch, group: GroupId) -> Self {
        let streams = watch.store.stream_stats(group);
        Self {
            first: streams.values().map(|stats| stats.first_timestamp).min(),
            last: streams.values().map(|stats| stats.last_timestamp).max(),
            ingestion: streams.values().map(|stats| stats.last_ingestion_time).max(),
        }
    }
}

fn described(arn: &str, name: String, indexed: Indexed, times: Times) -> FieldIndex {
    let is_everywhere = indexed.category == "DEFAULT" && OF_EVERY_EVENT.contains(&name.as_str());
    let is_scanned = |at: &Timestamp| indexed.category != "INACTIVE" && *at >= indexed.since;
    FieldIndex {
        log_group_identifier: Some(arn.to_owned()),
        field_index_name: Some(name),
        last_scan_time: times.ingestion.filter(is_scanned).map(|at| at.0),
        first_event_time: times.first.filter(|_| is_everywhere).map(|at| at.0),
        last_event_time: times.last.filter(|_| is_everywhere).map(|at| at.0),
        r#type: Some(indexed.kind.to_owned()),
        index_category: Some(indexed.category.to_owned()),
    }
}
