//! CreatePolicy, GetPolicy, ListPolicies, DeletePolicy, and the versions of a policy.

use super::documents::{check_managed, encoded};
use super::errors::{delete_conflict, entity_exists, limit_exceeded, no_such_entity, quota, validation};
use super::pages::{page, under};
use super::shapes::{self, date};
use super::tags::to_map;
use crate::entities::{ManagedPolicy, PolicyVersion};
use crate::{Access, Account, ids, ready_made};
use model::Caller;
use model::limits::{IAM_POLICIES_MAX, POLICY_VERSIONS_MAX};
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::iam::{
    self, CreatePolicyRequest, CreatePolicyResponse, CreatePolicyVersionRequest, CreatePolicyVersionResponse,
    DeletePolicyRequest, DeletePolicyVersionRequest, GetPolicyRequest, GetPolicyResponse, GetPolicyVersionRequest,
    GetPolicyVersionResponse, ListPoliciesRequest, ListPoliciesResponse, ListPolicyVersionsRequest,
    ListPolicyVersionsResponse, Policy, SetDefaultPolicyVersionRequest,
};
use wire::shape::Empty;
use wire::{ApiError, error::common};

fn absent(arn: &str) -> ApiError {
    no_such_entity(format!("Policy {arn} was not found."))
}

fn absent_version(arn: &str, version: &str) -> ApiError {
    no_such_entity(format!("Policy {arn} version {version} does not exist or is not attachable."))
}

/// The policy of the account, to change. Ready-made ones are AWS's, so to speak: nobody may.
fn own<'a>(account: &'a mut Account, arn: &str) -> Result<&'a mut ManagedPolicy, ApiError> {
    if ready_made::find(arn).is_some() {
        return Err(ApiError::new(&common::ACCESS_DENIED, "Cannot perform the operation on an AWS managed policy."));
    }
    account.policy_mut(arn).ok_or_else(|| absent(arn))
}

pub(super) async fn create_policy(
    access: &Access,
    caller: &Caller,
    input: CreatePolicyRequest,
) -> Result<CreatePolicyResponse, ApiError> {
    check_managed(&input.policy_document)?;
    let now = access.clock.now().millis();
    let policy = ManagedPolicy {
        id: ids::entity_id("ANPA", access.random_bytes()?),
        name: input.policy_name,
        path: input.path.unwrap_or_else(|| "/".into()),
        description: input.description,
        created_ms: now,
        updated_ms: now,
        default_version: 1,
        next_version: 2,
        versions: BTreeMap::from([(1, PolicyVersion { document: input.policy_document, created_ms: now })]),
        tags: to_map(input.tags.unwrap_or_default())?,
    };
    let tags = shapes::tags(&policy.tags);
    let made = access
        .change(&caller.scope.account, |account| {
            let name = policy.name.to_ascii_lowercase();
            if account.policies.contains_key(&name) {
                let text = format!("A policy called {} already exists. Duplicate names are not allowed.", policy.name);
                return Err(entity_exists(text));
            }
            if account.policies.len() >= IAM_POLICIES_MAX {
                return Err(quota("PoliciesPerAccount", IAM_POLICIES_MAX));
            }
            let shape = shapes::policy(account, &policy);
            account.policies.insert(name, Arc::new(policy));
            Ok(shape)
        })
        .await?;
    Ok(CreatePolicyResponse { policy: Some(Policy { tags, ..made }) })
}

pub(super) async fn get_policy(
    access: &Access,
    caller: &Caller,
    input: GetPolicyRequest,
) -> Result<GetPolicyResponse, ApiError> {
    let account = access.account(&caller.scope.account);
    if let Some(policy) = ready_made::find(&input.policy_arn) {
        let description = Some(policy.description.to_owned());
        return Ok(GetPolicyResponse { policy: Some(Policy { description, ..shapes::ready_made(&account, policy) }) });
    }
    let policy = account.policy(&input.policy_arn).ok_or_else(|| absent(&input.policy_arn))?;
    let (description, tags) = (policy.description.clone(), shapes::tags(&policy.tags));
    Ok(GetPolicyResponse { policy: Some(Policy { description, tags, ..shapes::policy(&account, policy) }) })
}

pub(super) async fn list_policies(
    access: &Access,
    caller: &Caller,
    input: ListPoliciesRequest,
) -> Result<ListPoliciesResponse, ApiError> {
    let account = access.account(&caller.scope.account);
    let scope = input.scope.as_deref().unwrap_or("All");
    let mut policies: Vec<Policy> = Vec::new();
    if scope != "AWS" {
        policies.extend(account.policies.values().map(|policy| shapes::policy(&account, policy)));
    }
    if scope != "Local" {
        policies.extend(ready_made::ALL.iter().map(|policy| shapes::ready_made(&account, policy)));
    }
    let attached = |policy: &Policy| policy.attachment_count.unwrap_or(0) > 0;
    let bounds = |policy: &Policy| policy.permissions_boundary_usage_count.unwrap_or(0) > 0;
    policies.retain(|policy| under(policy.path.as_deref().unwrap_or("/"), input.path_prefix.as_deref()));
    match (input.only_attached, input.policy_usage_filter.as_deref()) {
        (_, Some("PermissionsBoundary")) => policies.retain(bounds),
        (_, Some(_)) | (Some(true), None) => policies.retain(attached),
        _ => {}
    }
    let key = |policy: &Policy| policy.arn.as_deref().and_then(|arn| arn.rsplit('/').next()).map(str::to_owned);
    let page = page(policies, |policy| key(policy).unwrap_or_default(), input.marker, input.max_items)?;
    Ok(ListPoliciesResponse { policies: Some(page.items), is_truncated: page.is_truncated, marker: page.marker })
}

pub(super) async fn delete_policy(
    access: &Access,
    caller: &Caller,
    input: DeletePolicyRequest,
) -> Result<Empty, ApiError> {
    let arn = input.policy_arn;
    access
        .change(&caller.scope.account, |account| {
            let (versions, name) = {
                let policy = own(account, &arn)?;
                (policy.versions.len(), policy.name.to_ascii_lowercase())
            };
            if shapes::uses(account, &arn) != (0, 0) {
                return Err(delete_conflict("Cannot delete a policy attached to entities."));
            }
            if versions > 1 {
                return Err(delete_conflict(
                    "This policy has more than one version. Before you delete a policy, you must delete the policy's \
                     versions. The default version is deleted with the policy.",
                ));
            }
            account.policies.remove(&name);
            Ok(())
        })
        .await?;
    Ok(Empty {})
}

/// A version as lists have it: without its text.
fn version(policy: &ManagedPolicy, number: u32, version: &PolicyVersion) -> iam::PolicyVersion {
    iam::PolicyVersion {
        document: None,
        version_id: Some(format!("v{number}")),
        is_default_version: Some(number == policy.default_version),
        create_date: Some(date(version.created_ms)),
    }
}

/// The number of `v7`.
fn number(version: &str) -> Result<u32, ApiError> {
    let number = version.strip_prefix('v').and_then(|number| number.parse().ok());
    number.ok_or_else(|| validation(format!("Version {version} is not valid.")))
}

pub(super) async fn create_policy_version(
    access: &Access,
    caller: &Caller,
    input: CreatePolicyVersionRequest,
) -> Result<CreatePolicyVersionResponse, ApiError> {
    check_managed(&input.policy_document)?;
    let now = access.clock.now().millis();
    let made = PolicyVersion { document: input.policy_document, created_ms: now };
    let shape = access
        .change(&caller.scope.account, |account| {
            let policy = own(account, &input.policy_arn)?;
            if policy.versions.len() >= POLICY_VERSIONS_MAX {
                return Err(limit_exceeded(format!(
                    "A managed policy can have up to {POLICY_VERSIONS_MAX} versions. Before you create a new version, \
                     you must delete an existing version."
                )));
            }
            let number = policy.next_version;
            policy.next_version += 1;
            if input.set_as_default == Some(true) {
                policy.default_version = number;
                policy.updated_ms = now;
            }
            let shape = version(policy, number, &made);
            policy.versions.insert(number, made);
            Ok(shape)
        })
        .await?;
    Ok(CreatePolicyVersionResponse { policy_version: Some(shape) })
}

pub(super) async fn get_policy_version(
    access: &Access,
    caller: &Caller,
    input: GetPolicyVersionRequest,
) -> Result<GetPolicyVersionResponse, ApiError> {
    let account = access.account(&caller.scope.account);
    let arn = &input.policy_arn;
    let refused = || absent_version(arn, &input.version_id);
    if let Some(policy) = ready_made::find(arn) {
        if input.version_id != "v1" {
            return Err(refused());
        }
        let version = ready_made_version(policy);
        return Ok(GetPolicyVersionResponse { policy_version: Some(version) });
    }
    let policy = account.policy(arn).ok_or_else(|| absent(arn))?;
    let number = number(&input.version_id)?;
    let found = policy.versions.get(&number).ok_or_else(refused)?;
    let document = Some(encoded(&found.document));
    let version = iam::PolicyVersion { document, ..version(policy, number, found) };
    Ok(GetPolicyVersionResponse { policy_version: Some(version) })
}

/// The one version of a ready-made policy, with its text.
fn ready_made_version(policy: &ready_made::ReadyMade) -> iam::PolicyVersion {
    iam::PolicyVersion {
        document: Some(encoded(policy.document)),
        version_id: Some("v1".into()),
        is_default_version: Some(true),
        create_date: Some(shapes::ready_made_since()),
    }
}

/// All versions of a policy of the account, newest first, with their texts.
pub(super) fn versions_with_text(policy: &ManagedPolicy) -> Vec<iam::PolicyVersion> {
    let one = |(number, found): (&u32, &PolicyVersion)| iam::PolicyVersion {
        document: Some(encoded(&found.document)),
        ..version(policy, *number, found)
    };
    policy.versions.iter().rev().map(one).collect()
}

pub(super) async fn list_policy_versions(
    access: &Access,
    caller: &Caller,
    input: ListPolicyVersionsRequest,
) -> Result<ListPolicyVersionsResponse, ApiError> {
    let account = access.account(&caller.scope.account);
    let versions: Vec<iam::PolicyVersion> = match ready_made::find(&input.policy_arn) {
        Some(policy) => vec![iam::PolicyVersion { document: None, ..ready_made_version(policy) }],
        None => {
            let policy = account.policy(&input.policy_arn).ok_or_else(|| absent(&input.policy_arn))?;
            policy.versions.iter().map(|(number, found)| version(policy, *number, found)).collect()
        }
    };
    // Newest first: the key falls as the number rises.
    let key = |version: &iam::PolicyVersion| {
        let number = version.version_id.as_deref().and_then(|id| number(id).ok()).unwrap_or(0);
        format!("{:010}", u32::MAX - number)
    };
    let page = page(versions, key, input.marker, input.max_items)?;
    Ok(ListPolicyVersionsResponse { versions: Some(page.items), is_truncated: page.is_truncated, marker: page.marker })
}

pub(super) async fn set_default_policy_version(
    access: &Access,
    caller: &Caller,
    input: SetDefaultPolicyVersionRequest,
) -> Result<Empty, ApiError> {
    let now = access.clock.now().millis();
    let number = number(&input.version_id)?;
    access
        .change(&caller.scope.account, |account| {
            let policy = own(account, &input.policy_arn)?;
            if !policy.versions.contains_key(&number) {
                return Err(absent_version(&input.policy_arn, &input.version_id));
            }
            policy.default_version = number;
            policy.updated_ms = now;
            Ok(())
        })
        .await?;
    Ok(Empty {})
}

pub(super) async fn delete_policy_version(
    access: &Access,
    caller: &Caller,
    input: DeletePolicyVersionRequest,
) -> Result<Empty, ApiError> {
    let number = number(&input.version_id)?;
    access
        .change(&caller.scope.account, |account| {
            let policy = own(account, &input.policy_arn)?;
            if policy.default_version == number {
                return Err(delete_conflict("Cannot delete the default version of a policy."));
            }
            let gone = policy.versions.remove(&number).map(drop);
            gone.ok_or_else(|| absent_version(&input.policy_arn, &input.version_id))
        })
        .await?;
    Ok(Empty {})
}
