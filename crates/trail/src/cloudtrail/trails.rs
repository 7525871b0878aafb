//! What the trail operations share: finding a trail for reading or for changing, its selectors, its shape on the wire.

use super::trail_name::TrailRef;
use crate::Trail;
use crate::selectors::Selectors;
use catalog::TrailRow;
use model::{Caller, Scope, arn};
use wire::ApiError;
use wire::cloudtrail::{self as ct, errors};

/// The error of a trail that is not there. AWS names the ARN even where the client gave a name.
pub fn not_found(wanted: &TrailRef, caller: &Caller) -> ApiError {
    let account = &caller.scope.account;
    let arn = arn::trail(&wanted.scope, &wanted.name);
    ApiError::new(&errors::TRAIL_NOT_FOUND_EXCEPTION, format!("Unknown trail: {arn} for the user: {account}"))
}

/// The trail that a read names: by name one of the caller's region, by ARN one of any region of the account.
pub async fn find(trail: &Trail, caller: &Caller, text: &str) -> Result<TrailRow, ApiError> {
    let wanted = TrailRef::parse(text, &caller.scope)?;
    if wanted.scope.account != caller.scope.account {
        return Err(not_found(&wanted, caller));
    }
    trail.catalog.trail(&wanted.scope, &wanted.name).await?.ok_or_else(|| not_found(&wanted, caller))
}

/// The trail that a change names. It must be changed in its home region: its shadows elsewhere answer
/// InvalidHomeRegionException.
pub async fn find_home(trail: &Trail, caller: &Caller, text: &str) -> Result<TrailRow, ApiError> {
    let wanted = TrailRef::parse(text, &caller.scope)?;
    if wanted.scope.account != caller.scope.account {
        return Err(not_found(&wanted, caller));
    }
    if let Some(row) = trail.catalog.trail(&wanted.scope, &wanted.name).await? {
        return if row.scope == caller.scope { Ok(row) } else { Err(not_home(&row)) };
    }
    let mut elsewhere = trail.catalog.trails(&caller.scope.account).await?.into_iter();
    match elsewhere.find(|row| !wanted.by_arn && row.name == wanted.name && row.settings.multi_region) {
        Some(shadow) => Err(not_home(&shadow)),
        None => Err(not_found(&wanted, caller)),
    }
}

fn not_home(row: &TrailRow) -> ApiError {
    let text = format!(
        "Trail {} can only be changed in its home region: {}",
        arn::trail(&row.scope, &row.name),
        row.scope.region
    );
    ApiError::new(&errors::INVALID_HOME_REGION_EXCEPTION, text)
}

/// The selectors in force on a trail.
pub fn selectors_of(row: &TrailRow) -> Selectors {
    Selectors::stored(row.selectors.as_deref(), &row.name)
}

/// ARN of the trail's SNS topic, which may have been given by name.
pub fn topic_arn(row: &TrailRow) -> Option<String> {
    Some(topic_arn_of(&row.scope, row.settings.sns_topic.as_deref()?))
}

/// The ARN of a topic that a trail of this home names by ARN or name.
pub fn topic_arn_of(home: &Scope, topic: &str) -> String {
    match topic.starts_with("arn:") {
        true => topic.to_owned(),
        false => arn::topic(home, topic),
    }
}

/// The trail as GetTrail and DescribeTrails show it.
pub fn shape(row: &TrailRow) -> ct::Trail {
    let settings = row.settings.clone();
    ct::Trail {
        sns_topic_arn: topic_arn(row),
        name: Some(row.name.clone()),
        s3_bucket_name: Some(settings.s3_bucket),
        s3_key_prefix: settings.s3_key_prefix,
        sns_topic_name: settings.sns_topic,
        include_global_service_events: Some(settings.global_events),
        is_multi_region_trail: Some(settings.multi_region),
        home_region: Some(row.scope.region.clone()),
        trail_arn: Some(arn::trail(&row.scope, &row.name)),
        log_file_validation_enabled: Some(settings.file_validation),
        cloud_watch_logs_log_group_arn: settings.logs_group_arn,
        cloud_watch_logs_role_arn: settings.logs_role_arn,
        kms_key_id: settings.kms_key_id,
        has_custom_event_selectors: Some(row.selectors.is_some() && selectors_of(row) != Selectors::default()),
        has_insight_selectors: Some(row.insights.is_some()),
        is_organization_trail: Some(settings.organization),
        recursive_logging: settings.recursive_logging,
    }
}

/// Refuses a trail that would be one too many in some region. A multi-region trail counts in every region.
pub async fn check_room(trail: &Trail, row: &TrailRow) -> Result<(), ApiError> {
    let others: Vec<TrailRow> = trail
        .catalog
        .trails(&row.scope.account)
        .await?
        .into_iter()
        .filter(|other| (&other.scope, &other.name) != (&row.scope, &row.name))
        .collect();
    let mut regions = vec![row.scope.region.as_str()];
    if row.settings.multi_region {
        regions.extend(others.iter().map(|other| other.scope.region.as_str()));
    }
    let crowded = regions.into_iter().find(|region| {
        let in_region = others.iter().filter(|other| other.settings.multi_region || other.scope.region == *region);
        in_region.count() >= trail.settings.trails_per_region_max
    });
    match crowded {
        Some(region) => Err(too_many(trail, &row.scope.account, region)),
        None => Ok(()),
    }
}

/// The error of a region that is full.
pub fn too_many(trail: &Trail, account: &str, region: &str) -> ApiError {
    let max = trail.settings.trails_per_region_max;
    ApiError::new(
        &errors::MAXIMUM_NUMBER_OF_TRAILS_EXCEEDED_EXCEPTION,
        format!("User: {account} already has {max} trails in {region}."),
    )
}

/// Refuses a name that a trail seen in the same region has: its own region's, or a shadow's.
pub async fn check_name_free(trail: &Trail, row: &TrailRow) -> Result<(), ApiError> {
    let trails = trail.catalog.trails(&row.scope.account).await?;
    let meets = |other: &TrailRow| {
        other.name == row.name && (other.scope == row.scope || other.settings.multi_region || row.settings.multi_region)
    };
    if trails.iter().any(meets) { Err(name_taken(row)) } else { Ok(()) }
}

/// The error of a name that is taken.
pub fn name_taken(row: &TrailRow) -> ApiError {
    ApiError::new(
        &errors::TRAIL_ALREADY_EXISTS_EXCEPTION,
        format!("Trail {} already exists for customer: {}", row.name, row.scope.account),
    )
}
