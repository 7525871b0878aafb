//! PutDestination, PutDestinationPolicy, DescribeDestinations and DeleteDestination: names for streams that filters send to.
//!
//! Who may send to a destination: within its account whom their own policies or its access policy allow, from other accounts whom
//! both allow. That is decided when a filter or an account policy is put; a policy that changes later holds for those put after it.
//! A filter whose destination was deleted goes on trying, and has its events delivered when the destination is put again.

use super::errors::invalid;
use super::page_token::Fingerprint;
use super::subscriptions::target::{Kind, Target};
use super::subscriptions::{Unreached, reach};
use super::tags::check_keys;
use crate::Watch;
use access::{Asking, Shared};
use catalog::LogDestination;
use model::arn::{Arn, log_destination};
use model::{Caller, Scope};
use wire::logs::errors::RESOURCE_NOT_FOUND_EXCEPTION;
use wire::logs::{
    DeleteDestinationRequest, DescribeDestinationsRequest, DescribeDestinationsResponse, Destination,
    PutDestinationPolicyRequest, PutDestinationRequest, PutDestinationResponse,
};
use wire::shape::Empty;
use wire::{ApiError, Service};

/// Page size, and its maximum by the model.
const PAGE: usize = 50;
/// Longest access policy (PutDestinationPolicy reference).
const ACCESS_POLICY_BYTES_MAX: usize = 5120;

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
    let name = &input.destination_name;
    if input.access_policy.len() > ACCESS_POLICY_BYTES_MAX {
        return Err(invalid(format!("The access policy exceeds {ACCESS_POLICY_BYTES_MAX} bytes.")));
    }
    access::resource_policy(name, &input.access_policy)
        .map_err(|error| invalid(format!("The specified access policy is not valid: {error}")))?;
    if watch.catalog.set_log_destination_policy(&caller.scope, name, &input.access_policy).await? {
        Ok(Empty {})
    } else {
        Err(invalid("The specified destination does not exist."))
    }
}

/// Refuses a caller who may not do `action`, which subscribes, to the destination of this ARN; other ARNs are passed over.
pub(super) async fn may_send(watch: &Watch, caller: &Caller, action: &str, arn: &str) -> Result<(), ApiError> {
    let parsed = Arn::parse(arn).filter(|arn| arn.service == "logs");
    let named = parsed.and_then(|parsed| Some((parsed, parsed.resource.strip_prefix("destination:")?)));
    let Some((parsed, name)) = named else { return Ok(()) };
    let scope = Scope { account: parsed.account.to_owned(), region: parsed.region.to_owned() };
    let found = watch.catalog.log_destination(&scope, name).await?;
    let policy = found.and_then(|destination| destination.access_policy);
    let policies: Vec<_> = policy.iter().map(|text| access::kept_resource_policy(arn, text)).collect();
    let asking = Asking { caller, now: watch.clock.now() };
    let destination = Shared { arn, account: &scope.account, policies: &policies };
    watch.access.authorize_shared(asking, Service::Logs, action, &destination)
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
