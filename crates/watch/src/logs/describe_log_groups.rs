//! DescribeLogGroups: groups with their settings and stored bytes, by name.
//!
//! A prefix excludes a pattern, and `logGroupIdentifiers` excludes both. The pattern is a case-sensitive part of the name.
//! Asking for INFREQUENT_ACCESS or ESSENTIALS returns both.
//! Groups that links share are listed as `group_page.rs` says; identifiers of theirs are ARNs.

use super::errors::{invalid, invalid_token};
use super::group_page::{Owners, group_page};
use super::identifiers::place;
use super::log_class::is_asked;
use super::page_token::Fingerprint;
use crate::Watch;
use model::{Caller, GroupId, Scope, arn};
use std::collections::BTreeSet;
use wire::ApiError;
use wire::logs::{DescribeLogGroupsRequest, DescribeLogGroupsResponse, LogGroup};

/// Page size, and its maximum by the model.
const PAGE: usize = 50;

pub(super) async fn describe_log_groups(
    watch: &Watch,
    caller: &Caller,
    input: DescribeLogGroupsRequest,
) -> Result<DescribeLogGroupsResponse, ApiError> {
    check(&input)?;
    let scope = &caller.scope;
    let fingerprint = fingerprint(scope, &input);
    let after = input.next_token.as_deref().map(|token| fingerprint.open(token)).transpose()?.unwrap_or_default();
    let limit = input.limit.map_or(Ok(PAGE), usize::try_from).map_err(|_| invalid_token())?;
    let owners =
        Owners::asked(watch, scope, input.include_linked_accounts, input.account_identifiers.as_deref()).await?;
    let names = asked_names(scope, input.log_group_identifiers.as_deref())?;
    let pattern = input.log_group_name_pattern.as_deref().unwrap_or_default();
    let prefix = input.log_group_name_prefix.as_deref().unwrap_or_default();
    let keep = |group: &catalog::LogGroup| {
        group.name.contains(pattern)
            && input.log_group_class.as_ref().is_none_or(|class| is_asked(&group.class, class))
            && names.as_ref().is_none_or(|names| names.contains(&(group.scope.account.as_str(), group.name.as_str())))
    };
    let page = group_page(watch, &owners, prefix, &after, limit, keep).await?;
    let ids: Vec<GroupId> = page.groups.iter().map(|group| group.id).collect();
    let protected = watch.catalog.data_protection_states(&ids).await?;
    let mut protecting = BTreeSet::new();
    for owner in page.groups.iter().map(|group| &group.scope).collect::<BTreeSet<_>>() {
        if !watch.catalog.account_policies(owner, "DATA_PROTECTION_POLICY").await?.is_empty() {
            protecting.insert(owner.clone());
        }
    }
    let described = |group: catalog::LogGroup| {
        let is_protected = protected.get(&group.id).copied();
        let inherited = protecting.contains(&group.scope).then(|| vec!["ACCOUNT_DATA_PROTECTION".to_owned()]);
        LogGroup { inherited_properties: inherited, ..described(watch, group, is_protected) }
    };
    let groups = page.groups.into_iter().map(described).collect();
    let next_token = page.next.map(|after| fingerprint.seal(&after));
    Ok(DescribeLogGroupsResponse { log_groups: Some(groups), next_token })
}

fn check(input: &DescribeLogGroupsRequest) -> Result<(), ApiError> {
    let (prefix, pattern) = (input.log_group_name_prefix.is_some(), input.log_group_name_pattern.is_some());
    if prefix && pattern {
        return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
    }
    if input.log_group_identifiers.is_some() && (prefix || pattern || input.log_group_class.is_some()) {
        return Err(invalid("logGroupIdentifiers can be combined with no other filter than includeLinkedAccounts."));
    }
    Ok(())
}

/// Accounts and names behind `logGroupIdentifiers`; groups that do not exist, or cannot be seen, are left out of the answer.
fn asked_names<'a>(
    scope: &'a Scope,
    identifiers: Option<&'a [String]>,
) -> Result<Option<BTreeSet<(&'a str, &'a str)>>, ApiError> {
    let Some(identifiers) = identifiers else { return Ok(None) };
    let mut names = BTreeSet::new();
    for identifier in identifiers {
        match place(scope, identifier) {
            Ok(place) => names.insert(place),
            Err(error) if error.code() == "ResourceNotFoundException" => continue,
            Err(error) => return Err(error),
        };
    }
    Ok(Some(names))
}

fn fingerprint(scope: &Scope, input: &DescribeLogGroupsRequest) -> Fingerprint {
    let identifiers = input.log_group_identifiers.iter().flatten().map(|name| Some(name.as_str()));
    let fixed = [
        Some(scope.account.as_str()),
        Some(scope.region.as_str()),
        input.log_group_name_prefix.as_deref(),
        input.log_group_name_pattern.as_deref(),
        input.log_group_class.as_deref(),
    ];
    let linked = [input.include_linked_accounts.filter(|linked| *linked).map(|_| "linked")];
    let accounts = input.account_identifiers.iter().flatten().map(|account| Some(account.as_str()));
    let parts = fixed.into_iter().chain(identifiers).chain(linked).chain(accounts);
    Fingerprint::of("DescribeLogGroups", parts)
}

/// `is_protected` is whether a data protection policy is in force; `None` when there never was one.
fn described(watch: &Watch, group: catalog::LogGroup, is_protected: Option<bool>) -> LogGroup {
    let arn = arn::log_group(&group.scope, &group.name);
    LogGroup {
        creation_time: Some(group.created_at.0),
        retention_in_days: group.retention_days.and_then(|days| i32::try_from(days).ok()),
        retention_policy_name: group.retention_policy,
        metric_filter_count: i32::try_from(group.metric_filters).ok(),
        arn: Some(format!("{arn}:*")),
        log_group_arn: Some(arn),
        stored_bytes: Some(i64::try_from(watch.store.group_bytes(group.id)).unwrap_or(i64::MAX)),
        kms_key_id: group.kms_key_id,
        data_protection_status: is_protected.map(|active| if active { "ACTIVATED" } else { "DELETED" }.to_owned()),
        log_group_class: Some(group.class),
        deletion_protection_enabled: Some(group.deletion_protected),
        bearer_token_authentication_enabled: Some(group.bearer_enabled),
        log_group_name: Some(group.name),
        ..LogGroup::default()
    }
}
