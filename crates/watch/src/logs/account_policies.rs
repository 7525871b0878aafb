//! PutAccountPolicy, DescribeAccountPolicies and DeleteAccountPolicy: policies for all log groups of an account, or for some.
//!
//! A subscription policy is delivered as a filter of every group that it selects; its receiver is asked with a control message
//! first. Policies of other types are checked (`documents.rs`), kept and shown; what they do is done where logs are taken in and
//! read: data protection, transformers and metric extraction in `group_rules.rs`, field indexes in `field_indexes.rs`, retention
//! in `retention.rs`.

pub(super) mod documents;
pub(super) mod metric_extraction;
pub(super) mod retention;

use super::data_protection_policy::{check_protection, deliver_findings};
use super::destinations::may_send;
use super::errors::{invalid, resource_not_found};
use super::page_token::Fingerprint;
use super::subscription_filters::{check_definition, check_pattern, check_receiver, limit_exceeded};
use super::transformer::compiled;
use crate::Watch;
use catalog::NewAccountPolicy;
use model::{Caller, Scope};
use wire::ApiError;
use wire::logs::{
    AccountPolicy, DeleteAccountPolicyRequest, DeleteAccountPolicyResponse, DescribeAccountPoliciesRequest,
    DescribeAccountPoliciesResponse, PutAccountPolicyRequest, PutAccountPolicyResponse,
};

/// Page size; AWS names none.
const PAGE: usize = 50;
const SUBSCRIPTION: &str = "SUBSCRIPTION_FILTER_POLICY";
const DATA_PROTECTION: &str = "DATA_PROTECTION_POLICY";

/// How many policies of a type a region of an account has (PutAccountPolicy reference; 20 by name prefix and 20 by data source).
fn policies_max(kind: &str) -> usize {
    match kind {
        "FIELD_INDEX_POLICY" | "TRANSFORMER_POLICY" => 40,
        "METRIC_EXTRACTION_POLICY" => 5,
        retention::KIND => 20,
        _ => 1,
    }
}

pub(super) async fn put_account_policy(
    watch: &Watch,
    caller: &Caller,
    input: PutAccountPolicyRequest,
) -> Result<PutAccountPolicyResponse, ApiError> {
    let scope = &caller.scope;
    check_dry_run(&input.policy_type, input.dry_run)?;
    let name = &input.policy_name;
    if name.is_empty() || name.chars().count() > 256 || name.contains([':', '*']) {
        return Err(invalid("The policy name must have 1 to 256 characters and neither ':' nor '*'."));
    }
    if name.starts_with("aws/") {
        return Err(invalid("The policy name must not start with aws/."));
    }
    let criteria = input.selection_criteria.as_deref().filter(|criteria| !criteria.trim().is_empty());
    documents::check(&input.policy_type, &input.policy_document, criteria).map_err(invalid)?;
    let others = watch.catalog.account_policies(scope, &input.policy_type).await?;
    let others = others.iter().filter(|policy| policy.name != *name);
    let selections = others.map(|policy| policy.selection_criteria.as_deref());
    documents::check_overlap(&input.policy_type, criteria, selections).map_err(invalid)?;
    let mut receivers = Vec::new();
    match input.policy_type.as_str() {
        SUBSCRIPTION => {
            let definition = documents::subscription_of(&input.policy_document).map_err(invalid)?;
            check_definition(&definition)?;
            check_pattern(&definition.pattern).await?;
            may_send(watch, caller, "logs:PutAccountPolicy", &definition.destination_arn).await?;
            check_receiver(watch, scope, &definition).await?;
        }
        DATA_PROTECTION => receivers = check_protection(watch, scope, &input.policy_document).await?,
        "TRANSFORMER_POLICY" => compiled(input.policy_document.clone()).await.map(drop)?,
        retention::KIND if input.dry_run == Some(true) => {
            let new = retention::asked(watch, scope, name, &input.policy_document, criteria).await?;
            let dry_run_result = Some(retention::dry_run(watch, scope, name, Some(new)).await?);
            return Ok(PutAccountPolicyResponse { account_policy: None, dry_run_result });
        }
        _ => {}
    }
    let new = NewAccountPolicy {
        kind: &input.policy_type,
        name,
        document: &input.policy_document,
        selection_criteria: criteria,
        at: watch.clock.now(),
        position: watch.store.log_sequence(),
    };
    let put = watch.catalog.put_account_policy(scope, new, policies_max(&input.policy_type));
    if !watch.rules.change_all(put).await? {
        return Err(limit_exceeded());
    }
    if input.policy_type == DATA_PROTECTION {
        deliver_findings(watch, scope, None, &receivers, new.position).await?;
    }
    watch.subscriptions.wake();
    let stored = watch.catalog.account_policies(scope, &input.policy_type).await?;
    let stored = stored.into_iter().find(|policy| policy.name == *name);
    Ok(PutAccountPolicyResponse { account_policy: stored.map(|policy| described(scope, policy)), dry_run_result: None })
}

fn check_dry_run(kind: &str, dry_run: Option<bool>) -> Result<(), ApiError> {
    if dry_run.is_some() && kind != retention::KIND {
        return Err(invalid("dryRun is only supported for RETENTION_POLICY."));
    }
    Ok(())
}

fn described(scope: &Scope, policy: catalog::AccountPolicy) -> AccountPolicy {
    AccountPolicy {
        policy_name: Some(policy.name),
        policy_document: Some(policy.document),
        last_updated_time: Some(policy.updated.0),
        policy_type: Some(policy.kind),
        scope: Some("ALL".into()),
        selection_criteria: policy.selection_criteria,
        account_id: Some(scope.account.clone()),
    }
}

pub(super) async fn describe_account_policies(
    watch: &Watch,
    caller: &Caller,
    input: DescribeAccountPoliciesRequest,
) -> Result<DescribeAccountPoliciesResponse, ApiError> {
    let scope = &caller.scope;
    let parts = [Some(scope.region.as_str()), Some(input.policy_type.as_str()), input.policy_name.as_deref()];
    let fingerprint = Fingerprint::of("DescribeAccountPolicies", parts);
    let after = input.next_token.as_deref().map(|token| fingerprint.open(token)).transpose()?.unwrap_or_default();
    // Other accounts are never linked.
    let asked = input.account_identifiers.as_ref().is_none_or(|ids| ids.is_empty() || ids.contains(&scope.account));
    let mut found = if asked { watch.catalog.account_policies(scope, &input.policy_type).await? } else { Vec::new() };
    if let Some(name) = &input.policy_name {
        found.retain(|policy| policy.name == *name);
        if found.is_empty() {
            return Err(resource_not_found());
        }
    }
    found.retain(|policy| policy.name > after);
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let next_token = found.last().filter(|_| more).map(|last| fingerprint.seal(&last.name));
    let policies = found.into_iter().map(|policy| described(scope, policy)).collect();
    Ok(DescribeAccountPoliciesResponse { account_policies: Some(policies), next_token })
}

pub(super) async fn delete_account_policy(
    watch: &Watch,
    caller: &Caller,
    input: DeleteAccountPolicyRequest,
) -> Result<DeleteAccountPolicyResponse, ApiError> {
    check_dry_run(&input.policy_type, input.dry_run)?;
    let (kind, name, now) = (&input.policy_type, &input.policy_name, watch.clock.now());
    if input.dry_run == Some(true) {
        let dry_run_result = Some(retention::dry_run(watch, &caller.scope, name, None).await?);
        return Ok(DeleteAccountPolicyResponse { dry_run_result });
    }
    let delete = watch.catalog.delete_account_policy(&caller.scope, kind, name, now);
    let deleted = watch.rules.change_all(delete).await?;
    if deleted && kind == DATA_PROTECTION {
        deliver_findings(watch, &caller.scope, None, &[], watch.store.log_sequence()).await?;
    }
    watch.subscriptions.wake();
    if deleted && kind == retention::KIND {
        retention::apply(watch).await?;
    }
    if deleted { Ok(DeleteAccountPolicyResponse::default()) } else { Err(resource_not_found()) }
}
