//! GetTrailStatus: whether the trail logs, since when, and how its deliveries fare.
//!
//! Trailwatch delivers to no bucket or topic yet: what a trail that has logged asks for is reported as failing, with the
//! reason, and no delivery time is made up. Of deliveries into the log group it tells the last one since the server started.

use super::trails;
use crate::Trail;
use crate::log_delivery::Outcome;
use catalog::TrailRow;
use model::{Caller, Timestamp};
use wire::ApiError;
use wire::cloudtrail::{GetTrailStatusRequest, GetTrailStatusResponse};

pub(super) async fn get_trail_status(
    trail: &Trail,
    caller: &Caller,
    input: GetTrailStatusRequest,
) -> Result<GetTrailStatusResponse, ApiError> {
    let row = trails::find(trail, caller, &input.name).await?;
    Ok(status(&row, trail.log_delivery.outcome(&row.scope, &row.name)))
}

fn status(row: &TrailRow, into_logs: Outcome) -> GetTrailStatusResponse {
    let settings = &row.settings;
    let has_logged = row.logging_started_at.is_some();
    let failing = |wanted: bool, text: String| (has_logged && wanted).then_some(text);
    // The old members are texts, empty where there is nothing to say.
    let text = |time: Option<Timestamp>| Some(time.map(Timestamp::iso_seconds).unwrap_or_default());
    let no_bucket =
        format!("NoSuchBucket: delivery to S3 is not available yet, bucket {} gets nothing", settings.s3_bucket);
    let topic = settings.sns_topic.as_deref().unwrap_or_default();
    GetTrailStatusResponse {
        is_logging: Some(row.logging),
        latest_delivery_error: failing(true, no_bucket.clone()),
        latest_notification_error: failing(
            settings.sns_topic.is_some(),
            format!("NotFound: delivery to SNS is not available yet, topic {topic} gets nothing"),
        ),
        latest_cloud_watch_logs_delivery_error: into_logs.error,
        latest_cloud_watch_logs_delivery_time: into_logs.delivered,
        latest_digest_delivery_error: failing(settings.file_validation, no_bucket),
        start_logging_time: row.logging_started_at,
        stop_logging_time: row.logging_stopped_at,
        latest_delivery_attempt_time: text(None),
        latest_notification_attempt_time: text(None),
        latest_notification_attempt_succeeded: text(None),
        latest_delivery_attempt_succeeded: text(None),
        time_logging_started: text(row.logging_started_at),
        time_logging_stopped: text(row.logging_stopped_at),
        ..GetTrailStatusResponse::default()
    }
}
