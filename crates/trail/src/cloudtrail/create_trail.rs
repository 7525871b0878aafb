//! CreateTrail: makes a trail in the caller's region. It does not log before StartLogging.
//!
//! As on AWS the bucket must take files, and the topic must be there. Organization trails need an organization in the configuration.

use super::{tags, trail_name, trail_settings, trails};
use crate::Trail;
use catalog::{TrailCreated, TrailRow, TrailSettings};
use model::{Caller, arn};
use wire::ApiError;
use wire::cloudtrail::{CreateTrailRequest, CreateTrailResponse};

pub(super) async fn create_trail(
    trail: &Trail,
    caller: &Caller,
    input: CreateTrailRequest,
) -> Result<CreateTrailResponse, ApiError> {
    trail_name::check(&input.name)?;
    let new_tags = tags::checked(input.tags_list.unwrap_or_default())?;
    let mut settings = TrailSettings {
        s3_bucket: input.s3_bucket_name,
        s3_key_prefix: trail_settings::given(input.s3_key_prefix),
        sns_topic: trail_settings::given(input.sns_topic_name),
        global_events: input.include_global_service_events.unwrap_or(true),
        multi_region: input.is_multi_region_trail.unwrap_or(false),
        file_validation: input.enable_log_file_validation.unwrap_or(false),
        logs_group_arn: trail_settings::given(input.cloud_watch_logs_log_group_arn),
        logs_role_arn: trail_settings::given(input.cloud_watch_logs_role_arn),
        kms_key_id: trail_settings::given(input.kms_key_id),
        organization: input.is_organization_trail.unwrap_or(false),
        recursive_logging: input.recursive_logging,
    };
    trail_settings::check(trail, &mut settings, &caller.scope)?;
    trail_settings::check_log_group(trail, &settings, &caller.scope).await?;
    let row = TrailRow {
        scope: caller.scope.clone(),
        name: input.name,
        settings,
        created_at: trail.clock.now(),
        ..TrailRow::default()
    };
    trails::check_name_free(trail, &row).await?;
    trails::check_room(trail, &row).await?;
    // The bucket is written to, so it comes last.
    trail_settings::check_notification(trail, &row).await?;
    trail_settings::check_delivery(trail, &row.settings, &row.scope).await?;
    let trails_max = i64::try_from(trail.settings.trails_per_region_max).unwrap_or(i64::MAX);
    match trail.catalog.create_trail(&row, trails_max).await? {
        TrailCreated::Created => {}
        TrailCreated::Exists => return Err(trails::name_taken(&row)),
        TrailCreated::TooMany => return Err(trails::too_many(trail, &row.scope.account, &row.scope.region)),
    }
    trail.catalog.put_tags(&arn::trail(&row.scope, &row.name), &new_tags).await?;
    Ok(response(&row))
}

fn response(row: &TrailRow) -> CreateTrailResponse {
    let shown = trails::shape(row);
    CreateTrailResponse {
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
