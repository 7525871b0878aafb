//! GetTrailStatus: whether the trail logs, since when, and how its deliveries fare.
//!
//! Of deliveries into the log group it tells the last one since the server started; of files and notifications the catalog knows.

use super::trails;
use crate::Trail;
use crate::log_delivery::Outcome;
use catalog::{TrailRow, TrailStatus};
use model::{Caller, Timestamp};
use wire::ApiError;
use wire::cloudtrail::{GetTrailStatusRequest, GetTrailStatusResponse};

pub(super) async fn get_trail_status(
    trail: &Trail,
    caller: &Caller,
    input: GetTrailStatusRequest,
) -> Result<GetTrailStatusResponse, ApiError> {
    let row = trails::find(trail, caller, &input.name).await?;
    let into_logs = trail.log_delivery.outcome(&row.scope, &row.name);
    Ok(status(&row, into_logs, trail.catalog.trail_status(row.id).await?))
}

fn status(row: &TrailRow, into_logs: Outcome, files: TrailStatus) -> GetTrailStatusResponse {
    // The old members are texts, empty where there is nothing to say.
    let text = |time: Option<Timestamp>| Some(time.map(Timestamp::iso_seconds).unwrap_or_default());
    let attempt = |time: Option<i64>| text(time.map(Timestamp));
    GetTrailStatusResponse {
        is_logging: Some(row.logging),
        latest_delivery_error: files.delivery_error,
        latest_notification_error: files.notification_error,
        latest_delivery_time: files.delivery_ms.map(Timestamp),
        latest_notification_time: files.notification_ms.map(Timestamp),
        latest_cloud_watch_logs_delivery_error: into_logs.error,
        latest_cloud_watch_logs_delivery_time: into_logs.delivered,
        latest_digest_delivery_time: files.digest_ms.map(Timestamp),
        latest_digest_delivery_error: files.digest_error,
        start_logging_time: row.logging_started_at,
        stop_logging_time: row.logging_stopped_at,
        latest_delivery_attempt_time: attempt(files.delivery_attempt_ms),
        latest_notification_attempt_time: attempt(files.notification_attempt_ms),
        latest_notification_attempt_succeeded: attempt(files.notification_ms),
        latest_delivery_attempt_succeeded: attempt(files.delivery_ms),
        time_logging_started: text(row.logging_started_at),
        time_logging_stopped: text(row.logging_stopped_at),
    }
}
