//! UpdateTrail: changes a trail in its home region; members that are left out stay, empty texts clear.

use super::{trail_settings, trails};
use crate::Trail;
use catalog::TrailRow;
use model::Caller;
use wire::ApiError;
use wire::cloudtrail::{UpdateTrailRequest, UpdateTrailResponse, errors};

pub(super) async fn update_trail(
    trail: &Trail,
    caller: &Caller,
    input: UpdateTrailRequest,
) -> Result<UpdateTrailResponse, ApiError> {
    let mut row = trails::find_home(trail, caller, &input.name).await?;
    let was_multi_region = row.settings.multi_region;
    let names_bucket = input.s3_bucket_name.is_some() || input.s3_key_prefix.is_some();
    let names_topic = input.sns_topic_name.is_some();
    let names_log_group = input.cloud_watch_logs_log_group_arn.is_some();
    apply(&mut row, input);
    trail_settings::check(trail, &mut row.settings, &caller.scope)?;
    if names_log_group {
        trail_settings::check_log_group(trail, &row.settings, &caller.scope).await?;
    }
    if row.settings.multi_region && !was_multi_region {
        trails::check_room(trail, &row).await?;
    }
    if names_topic {
        trail_settings::check_notification(trail, &row).await?;
    }
    // The bucket is written to, so it comes last.
    if names_bucket {
        trail_settings::check_delivery(trail, &row.settings, &row.scope).await?;
    }
    if !trail.catalog.update_trail(&row).await? {
        let text = "The trail was changed by another request at the same time. Try again.";
        return Err(ApiError::new(&errors::CONFLICT_EXCEPTION, text));
    }
    trail.refresh_trails().await?;
    Ok(response(&row))
}

fn apply(row: &mut TrailRow, input: UpdateTrailRequest) {
    let settings = &mut row.settings;
    if let Some(bucket) = input.s3_bucket_name {
        settings.s3_bucket = bucket;
    }
    for (setting, text) in [
        (&mut settings.s3_key_prefix, input.s3_key_prefix),
        (&mut settings.sns_topic, input.sns_topic_name),
        (&mut settings.logs_group_arn, input.cloud_watch_logs_log_group_arn),
        (&mut settings.logs_role_arn, input.cloud_watch_logs_role_arn),
        (&mut settings.kms_key_id, input.kms_key_id),
    ] {
        if text.is_some() {
            *setting = trail_settings::given(text);
        }
    }
    for (setting, flag) in [
        (&mut settings.global_events, input.include_global_service_events),
        (&mut settings.multi_region, input.is_multi_region_trail),
        (&mut settings.file_validation, input.enable_log_file_validation),
        (&mut settings.organization, input.is_organization_trail),
    ] {
        *setting = flag.unwrap_or(*setting);
    }
    settings.recursive_logging = input.recursive_logging.or(settings.recursive_logging);
}

fn response(row: &TrailRow) -> UpdateTrailResponse {
    let shown = trails::shape(row);
    UpdateTrailResponse {
        name: shown.name,
        s3_bucket_name: shown.s3_bucket_name,
        s3_key_prefix: shown.s3_key_prefix,
        sns_topic_name: shown.sns_topic_name,
        sns_topic_arn: shown.sns_topic_arn,
        include_global_service_events: shown.include_global_service_events,
        is_multi_region_trail: shown.is_multi_region_trail,
        trail_arn: shown.trail_arn,
        log_file_validation_enabled: shown.log_file_validation_enabled,
        cloud_watch_logs_log_group_arn: shown.cloud_watch_logs_log_group_arn,
        cloud_watch_logs_role_arn: shown.cloud_watch_logs_role_arn,
        kms_key_id: shown.kms_key_id,
        is_organization_trail: shown.is_organization_trail,
        recursive_logging: shown.recursive_logging,
    }
}
