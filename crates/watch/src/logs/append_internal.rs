//! Log events of Trailwatch itself, which need no caller: its own log, and what trails deliver into log groups.

use super::append::{Destination, Prepared, append, prepare};
use super::errors::{group_not_found, stream_not_found};
use crate::Watch;
use catalog::{LogTarget, LogTargetFound, NewLogGroup};
use model::{LogEvent, Scope, Timestamp, arn};
use std::collections::BTreeMap;
use wire::ApiError;

/// Attempts to find or make group and stream while someone keeps deleting them.
const ATTEMPTS: usize = 3;

/// Stores `lines` in a stream, creating group and stream when they are absent. Metric filters and the embedded metric format
/// hold for them as for events of clients; AWS's limits on batches do not.
pub async fn append_internal(
    watch: &Watch,
    scope: &Scope,
    group_name: &str,
    stream_name: &str,
    lines: Vec<(Timestamp, String)>,
) -> Result<(), ApiError> {
    let target = ready_target(watch, scope, group_name, stream_name, true).await?;
    let now = watch.clock.now();
    let logs = log_events(target, lines, now);
    if !logs.is_empty() {
        append(watch, Destination { scope, group_name, stream_name, target, extracts_metrics: true }, logs, now)
            .await?;
    }
    Ok(())
}

/// The same for a batch of someone else's that is to take the events along: they are not stored yet. The stream is created
/// when it is absent.
///
/// # Errors
/// ResourceNotFoundException when there is no such group.
pub async fn prepare_delivery(
    watch: &Watch,
    scope: &Scope,
    group_name: &str,
    stream_name: &str,
    lines: Vec<(Timestamp, String)>,
) -> Result<Prepared, ApiError> {
    let target = ready_target(watch, scope, group_name, stream_name, false).await?;
    let now = watch.clock.now();
    let to = Destination { scope, group_name, stream_name, target, extracts_metrics: true };
    prepare(watch, to, log_events(target, lines, now), now).await
}

/// Lines as events of a stream.
pub(super) fn log_events(target: LogTarget, lines: Vec<(Timestamp, String)>, now: Timestamp) -> Vec<LogEvent> {
    let record = |(timestamp, message): (Timestamp, String)| LogEvent {
        group: target.group,
        stream: target.stream,
        timestamp,
        ingestion_time: now,
        message,
    };
    lines.into_iter().map(record).collect()
}

/// The stream of this name, created when it is absent; its group too, when `makes_group`.
pub(super) async fn ready_target(
    watch: &Watch,
    scope: &Scope,
    group: &str,
    stream: &str,
    makes_group: bool,
) -> Result<LogTarget, ApiError> {
    for _ in 0..ATTEMPTS {
        match watch.catalog.log_target(scope, group, stream).await? {
            LogTargetFound::Found(target) => return Ok(target),
            LogTargetFound::NoGroup if !makes_group => return Err(group_not_found()),
            LogTargetFound::NoGroup => {
                let new = NewLogGroup {
                    name: group,
                    created_at: watch.clock.now(),
                    class: "STANDARD",
                    kms_key_id: None,
                    deletion_protected: false,
                };
                // Nothing created means that someone else was faster, which is as good.
                watch.catalog.create_log_group(scope, new, &arn::log_group(scope, group), &BTreeMap::new()).await?;
            }
            LogTargetFound::NoStream => {
                if let Some(group) = watch.catalog.log_group(scope, group).await? {
                    watch.catalog.create_log_stream(group.id, stream, watch.clock.now()).await?;
                }
            }
        }
    }
    Err(stream_not_found())
}
