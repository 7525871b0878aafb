//! PutDeliveryDestination, GetDeliveryDestination, DescribeDeliveryDestinations, DeleteDeliveryDestination and the operations of
//! their policies: where vended logs are to be delivered, and who may deliver them.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutDeliveryDestination.html> and its neighbours.
//! Putting overwrites all parameters but the policy and the tags, which only a new destination takes. The type follows from the ARN of
//! the resource; only X-Ray has none, and only it has a role. A destination that a delivery uses is not deleted.
//!
//! What differs: nothing is delivered, for no AWS service here vends logs. A log group of the caller must exist; that other resources
//! do cannot be asked. A policy lets other accounts deliver (`deliveries`). A destination without a policy answers
//! GetDeliveryDestinationPolicy with no policy. Most texts are ours, and so is the bound: 1,000 destinations in an account and region.

use super::deliveries::{conflict, limit, not_found, quota_exceeded, refused, tags_given};
use super::errors::group_not_found;
use super::page_token::Fingerprint;
use super::tags::check_keys;
use crate::Watch;
use catalog::{DeliveryDestination as Row, DeliveryDestinationPut, DeliveryEndDeleted};
use model::arn::{Arn, delivery_destination};
use model::limits::DELIVERY_DESTINATIONS_MAX;
use model::{Caller, Scope};
use wire::ApiError;
use wire::logs::{
    DeleteDeliveryDestinationPolicyRequest, DeleteDeliveryDestinationRequest, DeliveryDestination,
    DeliveryDestinationConfiguration, DescribeDeliveryDestinationsRequest, DescribeDeliveryDestinationsResponse,
    GetDeliveryDestinationPolicyRequest, GetDeliveryDestinationPolicyResponse, GetDeliveryDestinationRequest,
    GetDeliveryDestinationResponse, Policy, PutDeliveryDestinationPolicyRequest, PutDeliveryDestinationPolicyResponse,
    PutDeliveryDestinationRequest, PutDeliveryDestinationResponse,
};
use wire::shape::Empty;

const XRAY: &str = "XRAY";

pub(super) async fn put_delivery_destination(
    watch: &Watch,
    caller: &Caller,
    input: PutDeliveryDestinationRequest,
) -> Result<PutDeliveryDestinationResponse, ApiError> {
    let scope = &caller.scope;
    let resource_arn =
        input.delivery_destination_configuration.map(|configuration| configuration.destination_resource_arn);
    let kind = kind(resource_arn.as_deref(), input.delivery_destination_type.as_deref())?;
    if input.role_arn.is_some() && kind != XRAY {
        return Err(refused("roleArn is supported only for X-Ray delivery destinations."));
    }
    if let Some(group) = resource_arn.as_deref().and_then(|arn| own_group(scope, arn))
        && watch.catalog.log_group(scope, group).await?.is_none()
    {
        return Err(group_not_found());
    }
    let tags = input.tags.unwrap_or_default();
    check_keys(tags.keys())?;
    let new = Row {
        scope: scope.clone(),
        name: input.name,
        kind: kind.to_owned(),
        output_format: input.output_format,
        resource_arn,
        role_arn: input.role_arn,
    };
    let arn = delivery_destination(scope, &new.name);
    match watch.catalog.put_delivery_destination(&new, &arn, &tags, DELIVERY_DESTINATIONS_MAX).await? {
        DeliveryDestinationPut::Put => {
            Ok(PutDeliveryDestinationResponse { delivery_destination: Some(shape(watch, new).await?) })
        }
        DeliveryDestinationPut::TagsGiven => Err(tags_given()),
        DeliveryDestinationPut::TooMany => Err(quota_exceeded()),
    }
}

/// The type of a destination, told by its resource or by the client.
fn kind(resource_arn: Option<&str>, told: Option<&str>) -> Result<&'static str, ApiError> {
    let Some(text) = resource_arn else {
        return match told {
            Some(XRAY) => Ok(XRAY),
            _ => Err(refused("deliveryDestinationConfiguration is required unless the destination is X-Ray.")),
        };
    };
    let of = |arn: Arn<'_>| match arn.service {
        "s3" => Some("S3"),
        "logs" if arn.resource.starts_with("log-group:") => Some("CWL"),
        "firehose" if arn.resource.starts_with("deliverystream/") => Some("FH"),
        _ => None,
    };
    let kind = Arn::parse(text).and_then(of).ok_or_else(|| {
        refused("The specified destinationResourceArn is not the ARN of a bucket, log group or delivery stream.")
    })?;
    if told.is_some_and(|told| told != kind) {
        return Err(refused(format!("The specified destinationResourceArn has the type {kind}.")));
    }
    Ok(kind)
}

/// The name of the caller's log group that an ARN names.
fn own_group<'a>(scope: &Scope, text: &'a str) -> Option<&'a str> {
    let arn = Arn::parse(text)?;
    let is_own = arn.service == "logs" && arn.account == scope.account && arn.region == scope.region;
    let name = arn.resource.strip_prefix("log-group:").filter(|_| is_own)?;
    Some(name.strip_suffix(":*").unwrap_or(name))
}

pub(super) async fn get_delivery_destination(
    watch: &Watch,
    caller: &Caller,
    input: GetDeliveryDestinationRequest,
) -> Result<GetDeliveryDestinationResponse, ApiError> {
    let arn = delivery_destination(&caller.scope, &input.name);
    let found = watch.catalog.delivery_destination(&arn).await?.ok_or_else(|| absent(&input.name))?;
    Ok(GetDeliveryDestinationResponse { delivery_destination: Some(shape(watch, found).await?) })
}

pub(super) async fn describe_delivery_destinations(
    watch: &Watch,
    caller: &Caller,
    input: DescribeDeliveryDestinationsRequest,
) -> Result<DescribeDeliveryDestinationsResponse, ApiError> {
    let scope = &caller.scope;
    let asked = input.names.unwrap_or_default();
    let parts = [&scope.account, &scope.region].into_iter().chain(&asked).map(|part| Some(part.as_str()));
    let fingerprint = Fingerprint::of("DescribeDeliveryDestinations", parts);
    let mut found = watch.catalog.delivery_destinations(scope).await?;
    found.retain(|destination| asked.is_empty() || asked.contains(&destination.name));
    let (found, next_token) =
        fingerprint.page(found, |one| &one.name, input.next_token.as_deref(), limit(input.limit))?;
    let mut delivery_destinations = Vec::with_capacity(found.len());
    for destination in found {
        delivery_destinations.push(shape(watch, destination).await?);
    }
    Ok(DescribeDeliveryDestinationsResponse { delivery_destinations: Some(delivery_destinations), next_token })
}

pub(super) async fn delete_delivery_destination(
    watch: &Watch,
    caller: &Caller,
    input: DeleteDeliveryDestinationRequest,
) -> Result<Empty, ApiError> {
    let name = &input.name;
    match watch.catalog.delete_delivery_destination(&delivery_destination(&caller.scope, name)).await? {
        DeliveryEndDeleted::Deleted => Ok(Empty {}),
        DeliveryEndDeleted::InUse => Err(conflict(format!("The delivery destination {name} is used by a delivery."))),
        DeliveryEndDeleted::Absent => Err(absent(name)),
    }
}

pub(super) async fn put_delivery_destination_policy(
    watch: &Watch,
    caller: &Caller,
    input: PutDeliveryDestinationPolicyRequest,
) -> Result<PutDeliveryDestinationPolicyResponse, ApiError> {
    let (name, policy) = (&input.delivery_destination_name, input.delivery_destination_policy);
    if let Err(error) = access::resource_policy(name, &policy) {
        return Err(refused("Invalid Delivery Destination resource Policy is provided.").with_source(error));
    }
    set_policy(watch, &caller.scope, name, Some(&policy)).await?;
    Ok(PutDeliveryDestinationPolicyResponse { policy: Some(Policy { delivery_destination_policy: Some(policy) }) })
}

pub(super) async fn get_delivery_destination_policy(
    watch: &Watch,
    caller: &Caller,
    input: GetDeliveryDestinationPolicyRequest,
) -> Result<GetDeliveryDestinationPolicyResponse, ApiError> {
    let name = &input.delivery_destination_name;
    let found = watch.catalog.delivery_destination_policy(&delivery_destination(&caller.scope, name)).await?;
    let policy = found.ok_or_else(|| absent(name))?;
    let policy = policy.map(|policy| Policy { delivery_destination_policy: Some(policy) });
    Ok(GetDeliveryDestinationPolicyResponse { policy })
}

pub(super) async fn delete_delivery_destination_policy(
    watch: &Watch,
    caller: &Caller,
    input: DeleteDeliveryDestinationPolicyRequest,
) -> Result<Empty, ApiError> {
    set_policy(watch, &caller.scope, &input.delivery_destination_name, None).await?;
    Ok(Empty {})
}

async fn set_policy(watch: &Watch, scope: &Scope, name: &str, policy: Option<&str>) -> Result<(), ApiError> {
    match watch.catalog.set_delivery_destination_policy(&delivery_destination(scope, name), policy).await? {
        true => Ok(()),
        false => Err(absent(name)),
    }
}

fn absent(name: &str) -> ApiError {
    not_found(format!("The delivery destination {name} does not exist."))
}

async fn shape(watch: &Watch, destination: Row) -> Result<DeliveryDestination, ApiError> {
    let arn = delivery_destination(&destination.scope, &destination.name);
    let tags = watch.catalog.tags(&arn).await?;
    let configuration = |destination_resource_arn| DeliveryDestinationConfiguration { destination_resource_arn };
    Ok(DeliveryDestination {
        name: Some(destination.name),
        arn: Some(arn),
        delivery_destination_type: Some(destination.kind),
        output_format: destination.output_format,
        delivery_destination_configuration: destination.resource_arn.map(configuration),
        role_arn: destination.role_arn,
        tags: (!tags.is_empty()).then_some(tags),
    })
}
