//! PutResourcePolicy, DescribeResourcePolicies and DeleteResourcePolicy: which services of AWS may write to log groups.
//!
//! Users, roles and other accounts are not asked about in them, on AWS neither ("resource policies with actions invoked by non-AWS
//! service principals … will not be enforced", PutResourcePolicy reference): their own policies decide, and the access policies of
//! destinations (`destinations.rs`). The one service that writes to log groups here delivers audit findings (`audit_findings.rs`).
//!
//! A resource has one policy, whatever its name; a change that gives no name keeps it. A change names the revision that it expects;
//! other ones are refused with AWS's code. Where AWS's text is not known it is ours.

use super::errors::{invalid, resource_not_found};
use super::identifiers::group_name;
use super::page_token::Fingerprint;
use super::subscription_filters::limit_exceeded;
use crate::Watch;
use catalog::{LogResourcePolicy, LogResourcePolicyChange};
use model::{Caller, Scope};
use wire::ApiError;
use wire::logs::errors::OPERATION_ABORTED_EXCEPTION;
use wire::logs::{
    DeleteResourcePolicyRequest, DescribeResourcePoliciesRequest, DescribeResourcePoliciesResponse,
    PutResourcePolicyRequest, PutResourcePolicyResponse, ResourcePolicy,
};
use wire::shape::Empty;

/// Page size, and its maximum by the model.
const PAGE: usize = 50;
/// Policies of an account in a region (CloudWatch Logs quotas), and of a resource.
const ACCOUNT_POLICIES_MAX: usize = 10;
const RESOURCE_POLICIES_MAX: usize = 1;
/// Longest document of a policy of the account, characters (PutResourcePolicy reference).
const ACCOUNT_DOCUMENT_CHARS_MAX: usize = 5120;

/// The resource and the name that a request means.
async fn place(
    watch: &Watch,
    scope: &Scope,
    name: Option<String>,
    resource_arn: Option<String>,
) -> Result<(String, String), ApiError> {
    match (name, resource_arn) {
        (Some(name), None) => Ok((String::new(), name)),
        (name, Some(arn)) => {
            let group = group_name(scope, &arn)?;
            if watch.catalog.log_group(scope, group).await?.is_none() {
                return Err(resource_not_found());
            }
            // One policy for each resource, found by the resource alone: its name is only kept and shown.
            Ok((model::arn::log_group(scope, group), name.unwrap_or_default()))
        }
        (None, None) => Err(invalid("Either policyName or resourceArn must be specified.")),
    }
}

fn outcome(change: LogResourcePolicyChange) -> Result<(), ApiError> {
    match change {
        LogResourcePolicyChange::Done => Ok(()),
        LogResourcePolicyChange::Absent => Err(resource_not_found()),
        LogResourcePolicyChange::Changed => Err(ApiError::new(
            &OPERATION_ABORTED_EXCEPTION,
            "The expected revision id does not match the current revision id of the policy.",
        )),
        LogResourcePolicyChange::TooMany => Err(limit_exceeded()),
    }
}

pub(super) async fn put_resource_policy(
    watch: &Watch,
    caller: &Caller,
    input: PutResourcePolicyRequest,
) -> Result<PutResourcePolicyResponse, ApiError> {
    let scope = &caller.scope;
    let document = input.policy_document.ok_or_else(|| invalid("policyDocument must be specified."))?;
    let (resource_arn, name) = place(watch, scope, input.policy_name, input.resource_arn).await?;
    let of_account = resource_arn.is_empty();
    if of_account && document.chars().count() > ACCOUNT_DOCUMENT_CHARS_MAX {
        return Err(invalid(format!("The policyDocument exceeds {ACCOUNT_DOCUMENT_CHARS_MAX} characters.")));
    }
    access::resource_policy(&name, &document)
        .map_err(|error| invalid(format!("The specified policyDocument is not valid: {error}")))?;
    let expected = input.expected_revision_id.as_deref();
    let revision_id = watch.ids.uuid().to_string();
    let mut new = LogResourcePolicy { resource_arn, name, document, revision_id, updated: watch.clock.now() };
    let policies_max = if of_account { ACCOUNT_POLICIES_MAX } else { RESOURCE_POLICIES_MAX };
    let put = watch.catalog.put_log_resource_policy(scope, &mut new, expected, policies_max);
    outcome(watch.rules.change_all(put).await?)?;
    let revision_id = Some(new.revision_id.clone());
    Ok(PutResourcePolicyResponse { resource_policy: Some(described(new)), revision_id })
}

fn described(policy: LogResourcePolicy) -> ResourcePolicy {
    let of_account = policy.resource_arn.is_empty();
    ResourcePolicy {
        policy_name: Some(policy.name).filter(|name| !name.is_empty()),
        policy_document: Some(policy.document),
        last_updated_time: Some(policy.updated.0),
        policy_scope: Some(if of_account { "ACCOUNT" } else { "RESOURCE" }.into()),
        resource_arn: (!of_account).then_some(policy.resource_arn),
        revision_id: Some(policy.revision_id),
    }
}

pub(super) async fn describe_resource_policies(
    watch: &Watch,
    caller: &Caller,
    input: DescribeResourcePoliciesRequest,
) -> Result<DescribeResourcePoliciesResponse, ApiError> {
    let scope = &caller.scope;
    let policy_scope = input.policy_scope.as_deref();
    let parts = [Some(scope.region.as_str()), policy_scope, input.resource_arn.as_deref()];
    let fingerprint = Fingerprint::of("DescribeResourcePolicies", parts);
    let after = input.next_token.as_deref().map(|token| fingerprint.open(token)).transpose()?;
    let resource = match &input.resource_arn {
        Some(arn) => Some(model::arn::log_group(scope, group_name(scope, arn)?)),
        None if policy_scope == Some("RESOURCE") => None,
        None => Some(String::new()),
    };
    let mut found = watch.catalog.log_resource_policies(scope).await?;
    found.retain(|policy| match &resource {
        Some(resource) => policy.resource_arn == *resource,
        None => !policy.resource_arn.is_empty(),
    });
    let key = |policy: &LogResourcePolicy| format!("{}\n{}", policy.resource_arn, policy.name);
    if let Some(after) = after {
        let seen = found.iter().position(|policy| key(policy) == after).map_or(0, |at| at + 1);
        found.drain(..seen);
    }
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE);
    let more = found.len() > limit;
    found.truncate(limit);
    let next_token = found.last().filter(|_| more).map(|last| fingerprint.seal(&key(last)));
    let policies = found.into_iter().map(described).collect();
    Ok(DescribeResourcePoliciesResponse { resource_policies: Some(policies), next_token })
}

pub(super) async fn delete_resource_policy(
    watch: &Watch,
    caller: &Caller,
    input: DeleteResourcePolicyRequest,
) -> Result<Empty, ApiError> {
    let scope = &caller.scope;
    let (resource_arn, name) = place(watch, scope, input.policy_name, input.resource_arn).await?;
    let expected = input.expected_revision_id.as_deref();
    if !resource_arn.is_empty() && expected.is_none() {
        return Err(invalid("expectedRevisionId is required to delete a policy of a resource."));
    }
    let delete = watch.catalog.delete_log_resource_policy(scope, &resource_arn, &name, expected);
    outcome(watch.rules.change_all(delete).await?).map(|()| Empty {})
}
