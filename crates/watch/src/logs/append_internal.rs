//! Log events of Trailwatch itself, which need no caller and find their group and stream ready.

use crate::Watch;
use catalog::{LogTarget, LogTargetFound, NewLogGroup};
use model::{Batch, LogEvent, Scope, Timestamp, arn};
use std::collections::BTreeMap;
use wire::ApiError;

/// Attempts to find or make group and stream while someone keeps deleting them.
const ATTEMPTS: usize = 3;

/// Stores `lines` in a stream, creating group and stream when they are absent. AWS's limits on batches do not hold here.
pub async fn append_internal(
    watch: &Watch,
    scope: &Scope,
    group_name: &str,
    stream_name: &str,
    lines: Vec<(Timestamp, String)>,
) -> Result<(), ApiError> {
    let target = ready_target(watch, scope, group_name, stream_name).await?;
    let now = watch.clock.now();
    let record = |(timestamp, message): (Timestamp, String)| LogEvent {
        group: target.group,
        stream: target.stream,
        timestamp,
        ingestion_time: now,
        message,
    };
    let logs: Vec<LogEvent> = lines.into_iter().map(record).collect();
    if !logs.is_empty() {
        watch.store.append(Batch { logs, ..Batch::default() }).await?;
    }
    Ok(())
}

/// The stream of this name, created with its group when they are absent.
pub(super) async fn ready_target(
    watch: &Watch,
    scope: &Scope,
    group: &str,
    stream: &str,
) -> Result<LogTarget, ApiError> {
    for _ in 0..ATTEMPTS {
        match watch.catalog.log_target(scope, group, stream).await? {
            LogTargetFound::Found(target) => return Ok(target),
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
    Err(super::errors::stream_not_found())
}
