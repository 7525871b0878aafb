//! PutIndexPolicy, DescribeIndexPolicies and DeleteIndexPolicy: which fields a log group indexes.
//!
//! What an index does here is told in `field_indexes.rs`. A group without a policy of its own shows the account's that selects it.
//! Only groups of the Standard class have index policies. AWS checks the same and does not publish its words.

use super::account_policies::documents::index_fields_of;
use super::errors::invalid;
use super::field_indexes::FieldIndexes;
use super::identifiers::identified_group;
use crate::Watch;
use model::{Caller, arn};
use wire::ApiError;
use wire::logs::errors::RESOURCE_NOT_FOUND_EXCEPTION;
use wire::logs::{
    DeleteIndexPolicyRequest, DeleteIndexPolicyResponse, DescribeIndexPoliciesRequest, DescribeIndexPoliciesResponse,
    IndexPolicy, PutIndexPolicyRequest, PutIndexPolicyResponse,
};

pub(super) async fn put_index_policy(
    watch: &Watch,
    caller: &Caller,
    input: PutIndexPolicyRequest,
) -> Result<PutIndexPolicyResponse, ApiError> {
    let group = identified_group(watch, caller, &input.log_group_identifier).await?;
    if group.class != "STANDARD" {
        return Err(invalid("Index policies are supported only for log groups in the Standard log class."));
    }
    index_fields_of(&input.policy_document).map_err(invalid)?;
    let since = watch.catalog.put_index_policy(group.id, &input.policy_document, watch.clock.now()).await?;
    let index_policy = IndexPolicy {
        log_group_identifier: Some(arn::log_group(&caller.scope, &group.name)),
        last_update_time: Some(since.0),
        policy_document: Some(input.policy_document),
        policy_name: None,
        source: Some("LOG_GROUP".into()),
    };
    Ok(PutIndexPolicyResponse { index_policy: Some(index_policy) })
}

pub(super) async fn describe_index_policies(
    watch: &Watch,
    caller: &Caller,
    input: DescribeIndexPoliciesRequest,
) -> Result<DescribeIndexPoliciesResponse, ApiError> {
    let scope = &caller.scope;
    let indexes = FieldIndexes::of(watch, scope).await?;
    let mut policies = Vec::new();
    // The model allows one; pages there are none.
    for identifier in &input.log_group_identifiers {
        let group = identified_group(watch, caller, identifier).await?;
        policies.extend(indexes.policy(&group).await?.map(|policy| IndexPolicy {
            log_group_identifier: Some(arn::log_group(scope, &group.name)),
            last_update_time: Some(policy.updated.0),
            policy_document: Some(policy.document),
            source: Some(if policy.name.is_some() { "ACCOUNT" } else { "LOG_GROUP" }.into()),
            policy_name: policy.name,
        }));
    }
    Ok(DescribeIndexPoliciesResponse { index_policies: Some(policies), next_token: None })
}

pub(super) async fn delete_index_policy(
    watch: &Watch,
    caller: &Caller,
    input: DeleteIndexPolicyRequest,
) -> Result<DeleteIndexPolicyResponse, ApiError> {
    let group = identified_group(watch, caller, &input.log_group_identifier).await?;
    if watch.catalog.delete_index_policy(group.id, watch.clock.now()).await? {
        return Ok(DeleteIndexPolicyResponse::default());
    }
    Err(ApiError::new(&RESOURCE_NOT_FOUND_EXCEPTION, "The specified log group has no index policy."))
}
