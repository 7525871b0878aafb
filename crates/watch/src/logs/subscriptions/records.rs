//! What of a page matches, and the records that it becomes. Pure, and run beside the threads of requests: a pattern may take long.

use super::super::event_id::event_id;
use super::payload::{Event, Source, payloads};
use super::request::{Record, partition_key};
use catalog::SubscriptionDefinition;
use model::{GroupId, Ids, Scope, StreamId};
use query::filter_pattern::FilterPattern;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use store::FollowedLog;

/// The value of a system field for the events of a scope.
pub(super) fn system_field<'a>(scope: &'a Scope, name: &str) -> Option<&'a str> {
    match name {
        "@aws.account" => Some(&scope.account),
        "@aws.region" => Some(&scope.region),
        _ => None,
    }
}

/// What is sent with each event.
pub(super) struct Fields {
    /// Those of columns.
    extracted: bool,
    system: BTreeMap<String, String>,
}

impl Fields {
    /// Of the events of a scope.
    pub(super) fn of(definition: &SubscriptionDefinition, scope: &Scope) -> Self {
        let value = |name: &String| Some((name.clone(), system_field(scope, name)?.to_owned()));
        Self {
            extracted: definition.pattern.trim_start().starts_with('['),
            system: definition.system_fields.iter().filter_map(value).collect(),
        }
    }
}

/// The events that match, by group and stream, in order.
pub(super) type Matched = BTreeMap<(GroupId, StreamId), Vec<Event>>;

/// Keeps what matches.
pub(super) fn matched(logs: Vec<FollowedLog>, pattern: &FilterPattern, fields: &Fields) -> Matched {
    let mut matched = Matched::new();
    for log in logs {
        let mut extracted = fields.system.clone();
        if fields.extracted {
            let Some(columns) = pattern.extract(&log.message) else { continue };
            let named = |(name, value): (String, String)| (name.trim_start_matches('$').to_owned(), value);
            extracted.extend(columns.into_iter().map(named));
        } else if !pattern.matches(&log.message) {
            continue;
        }
        matched.entry((log.group, log.stream)).or_default().push(Event {
            id: event_id(log.timestamp, log.sequence),
            timestamp: log.timestamp.0,
            message: log.message,
            extracted_fields: (!extracted.is_empty()).then_some(extracted),
            accepted: (log.sequence, log.ingestion_time),
        });
    }
    matched
}

/// What records are called.
pub(super) struct Naming {
    pub owner: String,
    /// The filter, or the account policy.
    pub filter: String,
    /// What objects are called after.
    pub subscription: String,
    pub of_account: bool,
    /// Messages are sent as lines of their own, without AWS's payload around them.
    pub is_bare: bool,
    pub groups: Arc<HashMap<GroupId, String>>,
    pub streams: HashMap<StreamId, String>,
    /// Partition keys come from here instead of from streams.
    pub random: Option<Arc<dyn Ids>>,
}

/// Records of what matched, and how many events fit in none. Events of streams that were deleted are left out.
pub(super) fn records(matched: Matched, naming: &Naming) -> (Vec<Record>, usize) {
    let (mut records, mut left_out) = (Vec::new(), 0);
    for ((group, stream), events) in matched {
        let (Some(group), Some(name)) = (naming.groups.get(&group), naming.streams.get(&stream)) else { continue };
        let source =
            Source { owner: &naming.owner, group, stream: name, filter: &naming.filter, of_account: naming.of_account };
        let (made, too_large) = match naming.is_bare {
            true => (events.into_iter().map(|event| (line(event), 1)).collect(), 0),
            false => payloads(source, &events),
        };
        left_out += too_large;
        records.extend(made.into_iter().map(|(data, events)| Record {
            lane: stream.0,
            place: match &naming.random {
                Some(ids) => ids.uuid().to_string(),
                None => partition_key(name),
            },
            data,
            group: group.clone(),
            events,
        }));
    }
    (records, left_out)
}

/// A message as a line.
fn line(event: Event) -> Vec<u8> {
    let mut line = event.message.into_bytes();
    line.push(b'\n');
    line
}
