//! PutDataProtectionPolicy, GetDataProtectionPolicy, DeleteDataProtectionPolicy: what of a group's events is sensitive.
//!
//! A policy holds for events that are ingested from then on, and its masks stay on them when it is changed or deleted. The
//! log group, the bucket and the Firehose stream that findings go to must be there: the bucket must take an object, and the
//! configuration must say where the stream is. AWS checks the same and does not publish its words. Findings for a log group are
//! stored with the events they tell of (`audit_findings.rs`); the others are delivered as subscriptions are.

use super::errors::invalid;
use super::identifiers::identified_group;
use super::log_class::check_not_delivery;
use super::subscriptions::{Unreached, reach};
use crate::Watch;
use model::{Caller, GroupId, Scope};
use query::data_protection::Policy;
use wire::ApiError;
use wire::logs::errors::RESOURCE_NOT_FOUND_EXCEPTION;
use wire::logs::{
    DeleteDataProtectionPolicyRequest, GetDataProtectionPolicyRequest, GetDataProtectionPolicyResponse,
    PutDataProtectionPolicyRequest, PutDataProtectionPolicyResponse,
};
use wire::shape::Empty;

pub(super) async fn put_data_protection_policy(
    watch: &Watch,
    caller: &Caller,
    input: PutDataProtectionPolicyRequest,
) -> Result<PutDataProtectionPolicyResponse, ApiError> {
    let group = identified_group(watch, caller, &input.log_group_identifier).await?;
    check_not_delivery(&group)?;
    let receivers = check_protection(watch, &caller.scope, &input.policy_document).await?;
    let position = watch.store.log_sequence();
    let put = watch.catalog.put_data_protection(group.id, &input.policy_document, watch.clock.now());
    let since = watch.rules.change(group.id, put).await?;
    deliver_findings(watch, &caller.scope, Some(group.id), &receivers, position).await?;
    Ok(PutDataProtectionPolicyResponse {
        log_group_identifier: Some(input.log_group_identifier),
        policy_document: Some(input.policy_document),
        last_updated_time: Some(since.0),
    })
}

/// Refuses a document that is no data protection policy for this scope. Answers the ARNs of the receivers that are to have its findings
/// besides a log group.
pub(super) async fn check_protection(watch: &Watch, scope: &Scope, document: &str) -> Result<Vec<String>, ApiError> {
    let document = document.to_owned();
    // A client's pattern may take long to compile.
    let parsed = tokio::task::spawn_blocking(move || Policy::parse(&document)).await;
    let parsed = parsed.map_err(|error| store::Error::Bug(format!("read a policy: {error}")))?;
    let findings = parsed.map_err(|error| invalid(error.0))?.findings;
    if let Some(group) = &findings.group
        && watch.catalog.log_group(scope, group).await?.is_none()
    {
        return Err(invalid(format!("The log group {group} of FindingsDestination does not exist")));
    }
    let mut receivers = Vec::new();
    let Scope { account, region } = scope;
    if let Some(bucket) = &findings.bucket {
        // As far as AWS's delivery policies name it: AWSLogs and the account.
        let arn = format!("arn:aws:s3:::{bucket}/AWSLogs/{account}/DataProtection/{region}");
        if bucket.contains(['/', ':']) {
            return Err(invalid(format!("The bucket {bucket} of FindingsDestination does not exist")));
        }
        match reach(watch, scope, &arn).await {
            Ok(_) => receivers.push(arn),
            Err(Unreached::Catalog(error)) => return Err(error.into()),
            Err(Unreached::NoReceiver(_)) => {
                return Err(invalid(format!("The bucket {bucket} of FindingsDestination does not exist")));
            }
            Err(Unreached::Refused { why, .. }) => {
                return Err(invalid(format!("The bucket {bucket} of FindingsDestination takes no findings: {why}")));
            }
        }
    }
    if let Some(stream) = &findings.stream {
        let arn = format!("arn:aws:firehose:{region}:{account}:deliverystream/{stream}");
        // A stream of findings has nothing else in it: no control message.
        if !watch.subscriptions.has_receiver(&arn) {
            return Err(invalid(format!("The Firehose stream {stream} of FindingsDestination does not exist")));
        }
        receivers.push(arn);
    }
    Ok(receivers)
}

/// Has findings in log events from `position` on delivered to these receivers, and no longer to others.
pub(super) async fn deliver_findings(
    watch: &Watch,
    scope: &Scope,
    group: Option<GroupId>,
    receivers: &[String],
    position: u64,
) -> Result<(), ApiError> {
    let begins = (watch.clock.now(), position);
    watch.catalog.set_findings_deliveries(scope, group, receivers, begins).await?;
    watch.subscriptions.wake();
    Ok(())
}

pub(super) async fn get_data_protection_policy(
    watch: &Watch,
    caller: &Caller,
    input: GetDataProtectionPolicyRequest,
) -> Result<GetDataProtectionPolicyResponse, ApiError> {
    let group = identified_group(watch, caller, &input.log_group_identifier).await?;
    let policies = watch.catalog.data_protection(group.id).await?;
    // A group without a policy is no error: the members are absent.
    let policy = policies.into_iter().rfind(|policy| policy.until.is_none());
    Ok(GetDataProtectionPolicyResponse {
        log_group_identifier: Some(input.log_group_identifier),
        last_updated_time: policy.as_ref().map(|policy| policy.from.0),
        policy_document: policy.map(|policy| policy.document),
    })
}

pub(super) async fn delete_data_protection_policy(
    watch: &Watch,
    caller: &Caller,
    input: DeleteDataProtectionPolicyRequest,
) -> Result<Empty, ApiError> {
    let group = identified_group(watch, caller, &input.log_group_identifier).await?;
    let delete = watch.catalog.delete_data_protection(group.id, watch.clock.now());
    let deleted = watch.rules.change(group.id, delete).await?;
    deliver_findings(watch, &caller.scope, Some(group.id), &[], watch.store.log_sequence()).await?;
    if deleted {
        return Ok(Empty {});
    }
    Err(ApiError::new(&RESOURCE_NOT_FOUND_EXCEPTION, "The specified log group has no data protection policy."))
}
