//! PutDataProtectionPolicy, GetDataProtectionPolicy, DeleteDataProtectionPolicy: what of a group's events is sensitive.
//!
//! A policy holds for events that are ingested from then on, and its masks stay on them when it is changed or deleted. The
//! log group that findings go to must exist. AWS checks the same and does not publish its words.

use super::errors::invalid;
use super::identifiers::identified_group;
use crate::Watch;
use model::{Caller, Scope};
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
    check_protection(watch, &caller.scope, &input.policy_document).await?;
    let since = watch.catalog.put_data_protection(group.id, &input.policy_document, watch.clock.now()).await?;
    watch.rules.forget(group.id);
    Ok(PutDataProtectionPolicyResponse {
        log_group_identifier: Some(input.log_group_identifier),
        policy_document: Some(input.policy_document),
        last_updated_time: Some(since.0),
    })
}

/// Refuses a document that is no data protection policy for this scope.
pub(super) async fn check_protection(watch: &Watch, scope: &Scope, document: &str) -> Result<(), ApiError> {
    let document = document.to_owned();
    // A client's pattern may take long to compile.
    let parsed = tokio::task::spawn_blocking(move || Policy::parse(&document)).await;
    let parsed = parsed.map_err(|error| store::Error::Bug(format!("read a policy: {error}")))?;
    let policy = parsed.map_err(|error| invalid(error.0))?;
    match &policy.findings_group {
        Some(findings) if watch.catalog.log_group(scope, findings).await?.is_none() => {
            Err(invalid(format!("The log group {findings} of FindingsDestination does not exist")))
        }
        _ => Ok(()),
    }
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
    let deleted = watch.catalog.delete_data_protection(group.id, watch.clock.now()).await?;
    watch.rules.forget(group.id);
    if deleted {
        return Ok(Empty {});
    }
    Err(ApiError::new(&RESOURCE_NOT_FOUND_EXCEPTION, "The specified log group has no data protection policy."))
}
