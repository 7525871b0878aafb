//! PutDestination, PutDestinationPolicy, DescribeDestinations and DeleteDestination: names for streams that filters send to.
//!
//! An access policy is kept and checked to be JSON. A filter whose destination was deleted goes on trying, and has its events
//! delivered when the destination is put again.

use super::errors::invalid;
use super::page_token::Fingerprint;
use super::subscriptions::target::{Kind, Target};
use super::subscriptions::{Unreached, reach};
use super::tags::check_keys;
use crate::Watch;
use catalog::LogDestination;
use model::arn::log_destination;
use model::{Caller, Scope};
use wire::ApiError;
use wire::logs::errors::RESOURCE_NOT_FOUND_EXCEPTION;
use wire::logs::{
    DeleteDestinationRequest, DescribeDestinationsRequest, DescribeDestinationsResponse, Destination,
    PutDestinationPolicyRequest, PutDestinationRequest, PutDestinationResponse,
};
use wire::shape::Empty;

/// Page size, and its maximum by the model.
const PAGE: usize = 50;

pub(super) async fn put_destination(
    watch: &Watch,
    caller: &Caller,
    input: PutDestinationRequest,
) -> Result<PutDestinationResponse, ApiError> {
    let scope = &caller.scope;
    let target = Target::of(&input.target_arn).filter(|target| matches!(target.kind, Kind::Firehose | Kind::Kinesis));
    let target =
        target.ok_or_else(|| invalid("The specified targetArn is not the ARN of a Kinesis or Firehose stream."))?;
    let tags = input.tags.unwrap_or_default();
    check_keys(tags.keys())?;
    match reach(watch, scope, &target.arn).await {
        Ok(_) => {}
        Err(Unreached::Catalog(error)) => return Err(error.into()),
        Err(Unreached::NoReceiver(told) | Unreached::Refused { told, .. }) => return Err(invalid(told)),
    }
    let new = LogDestination {
        name: input.destination_name,
        target_arn: input.target_arn,
        role_arn: input.role_arn,
        access_policy: None,
        created: watch.clock.now(),
    };
    watch.catalog.put_log_destination(scope, &new, &log_destination(scope, &new.name), &tags).await?;
    // As it stands: one that was there keeps its policy and its age.
    let stored = watch.catalog.log_destination(scope, &new.name).await?.unwrap_or(new);
    Ok(PutDestinationResponse { destination: Some(described(scope, stored)) })
}

fn described(scope: &Scope, destination: LogDestination) -> Destination {
    Destination {
        arn: Some(log_destination(scope, &destination.name)),
        destination_name: Some(destination.name),
        target_arn: Some(destination.target_arn),
        role_arn: Some(destination.role_arn),
        access_policy: destination.access_policy,
        creation_time: Some(destination.created.0),
    }
}

pub(super) async fn put_destination_policy(
    watch: &Watch,
    caller: &Caller,
    input: PutDestinationPolicyRequest,
) -> Result<Empty, ApiError> {
    let policy: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(&input.access_policy);
    if policy.is_err() {
        return Err(invalid("The specified access policy is not a valid JSON policy document."));
    }
    let name = &input.destination_name;
    if watch.catalog.set_log_destination_policy(&caller.scope, name, &input.access_policy).await? {
        Ok(Empty {})
    } else {
        Err(invalid("The specified destination does not exist."))
    }
}

pub(super) async fn describe_destinations(
    watch: &Watch,
    caller: &Caller,
    input: DescribeDestinationsRequest,
) -> Result<DescribeDestinationsResponse, ApiError> {
    let scope = &caller.scope;
    let prefix = input.destination_name_prefix.as_deref().unwrap_or_default();
    let parts = [Some(scope.account.as_str()), Some(scope.region.as_str()), Some(prefix)];
    let fingerprint = Fingerprint::of("DescribeDestinations", parts);
    let after = input.next_token.as_deref().map(|token| fingerprint.open(token)).transpose()?.unwrap_or_default();
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE);
    let mut found = watch.catalog.log_destinations(scope, prefix, &after, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next_token = found.last().filter(|_| more).map(|last| fingerprint.seal(&last.name));
    let destinations = found.into_iter().map(|destination| described(scope, destination)).collect();
    Ok(DescribeDestinationsResponse { destinations: Some(destinations), next_token })
}

pub(super) async fn delete_destination(
    watch: &Watch,
    caller: &Caller,
    input: DeleteDestinationRequest,
) -> Result<Empty, ApiError> {
    let (scope, name) = (&caller.scope, &input.destination_name);
    if watch.catalog.delete_log_destination(scope, name, &log_destination(scope, name)).await? {
        Ok(Empty {})
    } else {
        Err(ApiError::new(&RESOURCE_NOT_FOUND_EXCEPTION, "The specified destination does not exist."))
    }
}
