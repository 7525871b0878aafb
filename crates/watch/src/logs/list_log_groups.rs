//! ListLogGroups: names, ARNs and classes of groups, filtered by name pattern, class and tags.
//!
//! The pattern is up to five alternatives, each anywhere in the name, or at its start after `^`. Asking for
//! INFREQUENT_ACCESS or ESSENTIALS returns both. Groups must index all of the fields asked for. Data sources do not exist here
//! yet, so asking for one matches no group.

use super::errors::invalid_token;
use super::field_indexes::FieldIndexes;
use super::group_page::{Owners, group_page};
use super::log_class::is_asked;
use super::page_token::Fingerprint;
use crate::Watch;
use model::{Caller, Scope, arn};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use wire::ApiError;
use wire::logs::{ListLogGroupsRequest, ListLogGroupsResponse, LogGroupSummary, TagFilter};

/// Page size when the request names none.
const PAGE: usize = 50;
/// Times that groups are read for one page while tags or indexes keep it short.
const ROUNDS_MAX: usize = 20;

pub(super) async fn list_log_groups(
    watch: &Watch,
    caller: &Caller,
    input: ListLogGroupsRequest,
) -> Result<ListLogGroupsResponse, ApiError> {
    let scope = &caller.scope;
    let fingerprint = fingerprint(scope, &input);
    let mut after = input.next_token.as_deref().map(|token| fingerprint.open(token)).transpose()?.unwrap_or_default();
    let limit = input.limit.map_or(Ok(PAGE), usize::try_from).map_err(|_| invalid_token())?;
    if input.data_sources.is_some() {
        return Ok(ListLogGroupsResponse { log_groups: Some(Vec::new()), next_token: None });
    }
    let owners =
        Owners::asked(watch, scope, input.include_linked_accounts, input.account_identifiers.as_deref()).await?;
    let pattern = input.log_group_name_pattern.as_deref();
    let class = input.log_group_class.as_deref();
    let keep = |group: &catalog::LogGroup| {
        pattern.is_none_or(|pattern| matches_pattern(&group.name, pattern))
            && class.is_none_or(|class| is_asked(&group.class, class))
    };
    let filters = input.log_group_tags.as_deref().unwrap_or_default();
    let names: Vec<&str> = input.field_index_names.iter().flatten().map(String::as_str).collect();
    let mut indexes: BTreeMap<Scope, FieldIndexes<'_>> = BTreeMap::new();
    let mut groups = Vec::new();
    let mut next = None;
    for _ in 0..ROUNDS_MAX {
        let page = group_page(watch, &owners, "", &after, limit - groups.len(), keep).await?;
        for group in page.groups {
            let arn = arn::log_group(&group.scope, &group.name);
            if !names.is_empty() {
                let indexes = match indexes.entry(group.scope.clone()) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => new.insert(FieldIndexes::of(watch, &group.scope).await?),
                };
                if !indexes.cover(&group, &names).await? {
                    continue;
                }
            }
            if filters.is_empty() || matches_tags(&watch.catalog.tags(&arn).await?, filters) {
                groups.push(LogGroupSummary {
                    log_group_name: Some(group.name),
                    log_group_arn: Some(arn),
                    log_group_class: Some(group.class),
                });
            }
        }
        next = page.next;
        match &next {
            Some(name) if groups.len() < limit => after = name.clone(),
            _ => break,
        }
    }
    let next_token = next.map(|after| fingerprint.seal(&after));
    Ok(ListLogGroupsResponse { log_groups: Some(groups), next_token })
}

fn fingerprint(scope: &Scope, input: &ListLogGroupsRequest) -> Fingerprint {
    let tags = input.log_group_tags.iter().flatten().flat_map(|filter| {
        let values = filter.values.iter().flatten().map(|value| Some(value.as_str()));
        std::iter::once(Some(filter.key.as_str())).chain(values).chain(std::iter::once(None))
    });
    let fixed = [
        Some(scope.account.as_str()),
        Some(scope.region.as_str()),
        input.log_group_name_pattern.as_deref(),
        input.log_group_class.as_deref(),
    ];
    let indexes = input.field_index_names.iter().flatten().map(|name| Some(name.as_str()));
    let linked = [input.include_linked_accounts.filter(|linked| *linked).map(|_| "linked")];
    let accounts = input.account_identifiers.iter().flatten().map(|account| Some(account.as_str()));
    let parts = fixed.into_iter().chain(tags).chain(indexes).chain(linked).chain(accounts);
    Fingerprint::of("ListLogGroups", parts)
}

fn matches_pattern(name: &str, pattern: &str) -> bool {
    pattern.split('|').any(|part| match part.strip_prefix('^') {
        Some(start) => name.starts_with(start),
        None => name.contains(part),
    })
}

/// Every filter must match; a filter without values asks for the key alone, one with values for any of them.
fn matches_tags(tags: &BTreeMap<String, String>, filters: &[TagFilter]) -> bool {
    filters.iter().all(|filter| {
        let values = filter.values.as_deref().unwrap_or_default();
        tags.get(&filter.key)
            .is_some_and(|tag| values.is_empty() || values.iter().any(|value| matches_value(tag, value)))
    })
}

/// `text`, `text*`, `*text`, `*text*`, and any of them negated by a leading `!`.
fn matches_value(tag: &str, value: &str) -> bool {
    let (negated, value) = value.strip_prefix('!').map_or((false, value), |rest| (true, rest));
    let (open_start, value) = value.strip_prefix('*').map_or((false, value), |rest| (true, rest));
    let (open_end, value) = value.strip_suffix('*').map_or((false, value), |rest| (true, rest));
    let matched = match (open_start, open_end) {
        (false, false) => tag == value,
        (false, true) => tag.starts_with(value),
        (true, false) => tag.ends_with(value),
        (true, true) => tag.contains(value),
    };
    matched != negated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_alternatives_with_optional_anchors() {
        assert!(matches_pattern("/aws/lambda/fn", "^/aws"));
        assert!(!matches_pattern("x/aws/lambda/fn", "^/aws"));
        assert!(matches_pattern("x/aws/lambda/fn", "nothing|lambda"));
    }

    #[test]
    fn tag_values_take_wildcards_and_negation() {
        for (value, expected) in [
            ("prod", true),
            ("pro*", true),
            ("*od", true),
            ("*ro*", true),
            ("!prod", false),
            ("!dev", true),
            ("*", true),
        ] {
            assert_eq!(matches_value("prod", value), expected, "{value}");
        }
    }
}
