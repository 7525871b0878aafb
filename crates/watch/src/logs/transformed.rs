//! Events as the transformers of their groups make them: for filters that apply on transformed logs.
//!
//! An event that has no transformed version, because it came before the transformer or could not be transformed, is looked at
//! and sent as it came; AWS does not say what it does. What is masked is masked afterwards, in the text that is shown, as
//! queries do.

use super::group_rules::{Transforming, transforming};
use super::transformer::text;
use crate::Watch;
use model::{GroupId, LogEvent, Scope, StreamId};
use query::transformer::Origin;
use std::collections::{HashMap, HashSet};
use store::FollowedLog;
use wire::ApiError;

/// The text of an event that was ingested when it was, as it is after its transformer.
pub(super) fn transformed(
    transforming: &Transforming,
    ingested: model::Timestamp,
    message: &str,
    origin: &Origin<'_>,
) -> Option<String> {
    if transforming.since > ingested {
        return None;
    }
    transforming.transformer.transform(message, origin).ok().map(text)
}

/// Events of one stream as their transformer makes them. May take long: its expressions are the user's.
pub(super) fn transform_events(transforming: &Transforming, origin: &Origin<'_>, events: &[LogEvent]) -> Vec<LogEvent> {
    let shown = |event: &LogEvent| {
        let origin = Origin { timestamp: event.timestamp, ..*origin };
        let text = transformed(transforming, event.ingestion_time, &event.message, &origin);
        LogEvent { message: text.unwrap_or_else(|| event.message.clone()), ..event.clone() }
    };
    events.iter().map(shown).collect()
}

/// Events on their way out of the store, which are of groups with these names, as their transformers make them.
pub(super) async fn transform_followed(
    watch: &Watch,
    scope: &Scope,
    groups: &HashMap<GroupId, String>,
    mut logs: Vec<FollowedLog>,
) -> Result<Vec<FollowedLog>, ApiError> {
    let mut rules = HashMap::new();
    for group in logs.iter().map(|log| log.group).collect::<HashSet<GroupId>>() {
        if let Some(transforming) = transforming(watch, group).await? {
            let name = groups.get(&group).cloned().unwrap_or_default();
            let of_group = logs.iter().filter(|log| log.group == group).map(|log| log.stream);
            let streams: HashSet<StreamId> = of_group.collect();
            let streams: Vec<StreamId> = streams.into_iter().collect();
            let streams: HashMap<StreamId, String> =
                watch.catalog.log_stream_names(group, &streams).await?.into_iter().collect();
            rules.insert(group, (transforming, name, streams));
        }
    }
    if rules.is_empty() {
        return Ok(logs);
    }
    let scope = scope.clone();
    let transforming = tokio::task::spawn_blocking(move || {
        for log in &mut logs {
            let Some((transforming, group, streams)) = rules.get(&log.group) else { continue };
            let origin = Origin {
                log_group: group,
                log_stream: streams.get(&log.stream).map_or("", String::as_str),
                account: &scope.account,
                region: &scope.region,
                timestamp: log.timestamp,
            };
            if let Some(text) = transformed(transforming, log.ingestion_time, &log.message, &origin) {
                log.message = text;
            }
        }
        logs
    });
    transforming.await.map_err(|error| store::Error::Bug(format!("transform events: {error}")).into())
}
