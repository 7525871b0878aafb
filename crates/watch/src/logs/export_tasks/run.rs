//! Runs export tasks, stream by stream, in parts that are read, masked, compressed and written one after the other.
//!
//! A task that a stop of the server cut off runs again from its start: it writes the same objects. A bucket that takes an object
//! no longer fails its task; nothing is tried again.

use super::part::{self, Line};
use crate::Watch;
use crate::buckets;
use crate::logs::group_rules::protection;
use catalog::ExportTask;
use model::limits::EXPORT_PART_BYTES;
use model::{GroupId, Scope, StreamId, TimeRange, Timestamp};
use query::data_protection::Protection;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::ControlFlow;
use std::sync::Arc;
use store::{Direction, LogScan};

/// Tasks that run at the same time; further ones wait. Each takes the memory of a part.
const TASKS: usize = 4;
/// What a line has besides its message, bytes.
const LINE_BYTES: usize = 26;

/// Runs the tasks that wait, and those that were cut off, to their ends.
pub async fn run_due(watch: &Watch) {
    match watch.catalog.export_tasks_due(TASKS).await {
        Ok(due) => drop(futures::future::join_all(due.iter().map(|task| run(watch, task))).await),
        Err(error) => tracing::warn!(%error, "look for export tasks"),
    }
}

/// Why a task does not complete.
enum Stopped {
    Cancelled,
    /// As the client may know it.
    Failed(String),
}

impl Stopped {
    /// A failure of ours: its reason is for the operator.
    fn internal(error: impl Display) -> Self {
        tracing::error!(%error, "an export task failed");
        Stopped::Failed("Internal error".into())
    }
}

async fn run(watch: &Watch, task: &ExportTask) {
    let (status, message) = match export(watch, task).await {
        Ok(()) => ("COMPLETED", "Completed successfully".to_owned()),
        Err(Stopped::Cancelled) => ("CANCELLED", "Cancelled".to_owned()),
        Err(Stopped::Failed(message)) => ("FAILED", message),
    };
    if let Err(error) = watch.catalog.end_export_task(&task.id, status, &message, watch.clock.now()).await {
        tracing::error!(%error, task = task.id, "keep the end of an export task");
    }
}

async fn export(watch: &Watch, task: &ExportTask) -> Result<(), Stopped> {
    if !watch.catalog.begin_export_task(&task.id, "Started Successfully").await.map_err(Stopped::internal)? {
        return Err(Stopped::Cancelled);
    }
    let scope = Scope { account: task.account.clone(), region: task.region.clone() };
    let id = GroupId(task.group_id as u64);
    let group = watch.catalog.log_group_of_id(&scope, id).await.map_err(Stopped::internal)?;
    let group = group.ok_or_else(|| Stopped::Failed("The specified log group does not exist.".into()))?;
    let start = Timestamp(task.from_ms).max(group.kept_since(watch.clock.now()));
    let range = TimeRange::new(start, Timestamp(task.to_ms) + 1);
    for (folder, streams) in folders(watch, task, id, range).await? {
        export_folder(watch, task, id, range, &folder, streams).await?;
    }
    Ok(())
}

/// The streams that have events of the range, by the folders they go to.
async fn folders(
    watch: &Watch,
    task: &ExportTask,
    group: GroupId,
    range: TimeRange,
) -> Result<BTreeMap<String, Vec<StreamId>>, Stopped> {
    let stats = watch.store.stream_stats(group);
    let streams = watch.catalog.every_log_stream(&[group]).await.map_err(Stopped::internal)?;
    let prefix = task.stream_prefix.as_deref().unwrap_or_default();
    let mut folders: BTreeMap<String, Vec<StreamId>> = BTreeMap::new();
    for (stream, name) in streams {
        let has_events = stats
            .get(&stream)
            .is_some_and(|stats| stats.first_timestamp < range.end && stats.last_timestamp >= range.start);
        if has_events && name.starts_with(prefix) {
            folders.entry(part::folder(&name)).or_default().push(stream);
        }
    }
    Ok(folders)
}

async fn export_folder(
    watch: &Watch,
    task: &ExportTask,
    group: GroupId,
    range: TimeRange,
    folder: &str,
    streams: Vec<StreamId>,
) -> Result<(), Stopped> {
    let mut after = None;
    for number in 0..=part::NUMBER_MAX {
        if !watch.catalog.is_export_task_running(&task.id).await.map_err(Stopped::internal)? {
            return Err(Stopped::Cancelled);
        }
        let scan = LogScan { group, streams: Some(streams.clone()), range, direction: Direction::Forward, after };
        let (mut lines, mut bytes) = (Vec::new(), 0);
        let mut visit = |row: store::LogRow<'_>| {
            after = Some((row.timestamp, row.sequence));
            bytes += row.message.len() + LINE_BYTES;
            lines.push(Line {
                timestamp: row.timestamp,
                ingested: row.ingestion_time,
                message: row.message.to_owned(),
            });
            if bytes < EXPORT_PART_BYTES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        watch.store.scan_logs(scan, &mut visit).await.map_err(Stopped::internal)?;
        if lines.is_empty() {
            return Ok(());
        }
        // As it is now: a policy that came while the task runs holds for what is still to be written.
        let mask = protection(watch, group).await.map_err(|error| Stopped::internal(error.message()))?;
        let key = part::key(&task.prefix, &task.id, folder, number);
        write(watch, &task.bucket, &key, lines, mask).await?;
        if bytes < EXPORT_PART_BYTES {
            return Ok(());
        }
    }
    Err(Stopped::Failed("A log stream has too many events.".into()))
}

/// Writes one object.
async fn write(
    watch: &Watch,
    bucket: &str,
    key: &str,
    lines: Vec<Line>,
    mask: Option<Arc<Protection>>,
) -> Result<(), Stopped> {
    let compressing = tokio::task::spawn_blocking(move || part::compressed(&lines, mask.as_deref())).await;
    let body = compressing.map_err(Stopped::internal)?.map_err(Stopped::internal)?;
    let put = buckets::put(watch, bucket, key, body).await;
    put.map_err(|error| Stopped::Failed(error.to_string()))
}
