//! PutDeliverySource, GetDeliverySource, DescribeDeliverySources, DeleteDeliverySource: AWS resources whose vended logs are to be
//! delivered.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutDeliverySource.html> and its neighbours. Putting
//! overwrites all parameters but the resource and the tags, which only a new source takes. A resource has one source for each type of
//! its logs; a source that a delivery uses is not deleted.
//!
//! What differs: there are no AWS services here that vend logs, so sources are kept and send nothing. That the resource exists cannot
//! be asked: its ARN must be of the caller's account if it has one. The service is that of the ARN; only of CloudFront and S3 are the
//! types of logs checked, for of other services the reference does not name all. Most texts are ours, and so are the bounds: 1,000
//! sources in an account and region, 50 settings of a source.

use super::deliveries::{conflict, limit, not_found, quota_exceeded, refused, tags_given};
use super::page_token::Fingerprint;
use super::tags::check_keys;
use crate::Watch;
use catalog::{DeliveryEndDeleted, DeliverySource as Row, DeliverySourcePut};
use model::arn::{Arn, delivery_source};
use model::limits::{DELIVERY_SETTINGS_MAX, DELIVERY_SOURCES_MAX};
use model::{Caller, Scope};
use wire::ApiError;
use wire::logs::{
    DeleteDeliverySourceRequest, DeliverySource, DescribeDeliverySourcesRequest, DescribeDeliverySourcesResponse,
    GetDeliverySourceRequest, GetDeliverySourceResponse, PutDeliverySourceRequest, PutDeliverySourceResponse,
};
use wire::shape::Empty;

/// Where the logs of all distributions are delivered from.
const CLOUDFRONT_REGION: &str = "us-east-1";

pub(super) async fn put_delivery_source(
    watch: &Watch,
    caller: &Caller,
    input: PutDeliverySourceRequest,
) -> Result<PutDeliverySourceResponse, ApiError> {
    let scope = &caller.scope;
    let is_own = |arn: &Arn<'_>| arn.account.is_empty() || arn.account == scope.account;
    let Some(resource) = Arn::parse(&input.resource_arn).filter(is_own) else {
        return Err(refused("The specified resourceArn is not the ARN of a resource of this account."));
    };
    check_log_type(scope, resource.service, &input.log_type)?;
    if input.delivery_source_configuration.as_ref().is_some_and(|settings| settings.len() > DELIVERY_SETTINGS_MAX) {
        return Err(refused(format!("deliverySourceConfiguration must have at most {DELIVERY_SETTINGS_MAX} members.")));
    }
    let tags = input.tags.unwrap_or_default();
    check_keys(tags.keys())?;
    let new = Row {
        name: input.name,
        resource_arn: input.resource_arn,
        log_type: input.log_type,
        configuration: input.delivery_source_configuration,
    };
    let arn = delivery_source(scope, &new.name);
    match watch.catalog.put_delivery_source(scope, &new, &arn, &tags, DELIVERY_SOURCES_MAX).await? {
        DeliverySourcePut::Put => {
            Ok(PutDeliverySourceResponse { delivery_source: Some(shape(watch, scope, new).await?) })
        }
        DeliverySourcePut::Taken => {
            Err(conflict("This ResourceId has already been used in another Delivery Source in this account"))
        }
        DeliverySourcePut::OfAnother => Err(conflict(
            "Update to existing Delivery Source with new ResourceId is not allowed. Please create a new Delivery Source \
             instead.",
        )),
        DeliverySourcePut::TagsGiven => Err(tags_given()),
        DeliverySourcePut::TooMany => Err(quota_exceeded()),
    }
}

/// Refuses a type of logs that the service does not have, or not in this region.
fn check_log_type(scope: &Scope, service: &str, log_type: &str) -> Result<(), ApiError> {
    let types: &[&str] = match service {
        // The second is in the Developer Guide of CloudFront only.
        "cloudfront" => &["ACCESS_LOGS", "CONNECTION_LOGS"],
        "s3" => &["S3_SERVER_ACCESS_LOGS"],
        _ => return Ok(()),
    };
    if !types.contains(&log_type) {
        return Err(refused(format!("The specified logType is not valid for {service}. Valid log types: {types:?}")));
    }
    if service == "cloudfront" && scope.region != CLOUDFRONT_REGION {
        return Err(refused(format!(
            "PutDeliverySource action is not supported for this LogType in region {}",
            scope.region
        )));
    }
    Ok(())
}

pub(super) async fn get_delivery_source(
    watch: &Watch,
    caller: &Caller,
    input: GetDeliverySourceRequest,
) -> Result<GetDeliverySourceResponse, ApiError> {
    let scope = &caller.scope;
    let found = watch.catalog.delivery_source(scope, &input.name).await?.ok_or_else(|| absent(&input.name))?;
    Ok(GetDeliverySourceResponse { delivery_source: Some(shape(watch, scope, found).await?) })
}

pub(super) async fn describe_delivery_sources(
    watch: &Watch,
    caller: &Caller,
    input: DescribeDeliverySourcesRequest,
) -> Result<DescribeDeliverySourcesResponse, ApiError> {
    let scope = &caller.scope;
    let asked = input.resource_arns.unwrap_or_default();
    let parts = [&scope.account, &scope.region].into_iter().chain(&asked).map(|part| Some(part.as_str()));
    let fingerprint = Fingerprint::of("DescribeDeliverySources", parts);
    let mut found = watch.catalog.delivery_sources(scope).await?;
    found.retain(|source| asked.is_empty() || asked.contains(&source.resource_arn));
    let (found, next_token) =
        fingerprint.page(found, |one| &one.name, input.next_token.as_deref(), limit(input.limit))?;
    let mut delivery_sources = Vec::with_capacity(found.len());
    for source in found {
        delivery_sources.push(shape(watch, scope, source).await?);
    }
    Ok(DescribeDeliverySourcesResponse { delivery_sources: Some(delivery_sources), next_token })
}

pub(super) async fn delete_delivery_source(
    watch: &Watch,
    caller: &Caller,
    input: DeleteDeliverySourceRequest,
) -> Result<Empty, ApiError> {
    let (scope, name) = (&caller.scope, &input.name);
    match watch.catalog.delete_delivery_source(scope, name, &delivery_source(scope, name)).await? {
        DeliveryEndDeleted::Deleted => Ok(Empty {}),
        DeliveryEndDeleted::InUse => Err(conflict(format!("The delivery source {name} is used by a delivery."))),
        DeliveryEndDeleted::Absent => Err(absent(name)),
    }
}

/// There is no source of this name.
pub(super) fn absent(name: &str) -> ApiError {
    not_found(format!("The delivery source {name} does not exist."))
}

async fn shape(watch: &Watch, scope: &Scope, source: Row) -> Result<DeliverySource, ApiError> {
    let arn = delivery_source(scope, &source.name);
    let tags = watch.catalog.tags(&arn).await?;
    Ok(DeliverySource {
        name: Some(source.name),
        arn: Some(arn),
        service: Arn::parse(&source.resource_arn).map(|arn| arn.service.to_owned()),
        resource_arns: Some(vec![source.resource_arn]),
        log_type: Some(source.log_type),
        tags: (!tags.is_empty()).then_some(tags),
        delivery_source_configuration: source.configuration,
        status: None,
        status_reason: None,
    })
}
