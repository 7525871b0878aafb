//! One page of the log groups that a listing asks for.

use crate::Watch;
use catalog::LogGroup;
use model::Scope;
use wire::ApiError;

/// Groups read from the catalog at a time.
const CHUNK_GROUPS: usize = 1_000;
/// Groups looked at for one page; past them the page ends early, with a token.
const LOOKED_AT_MAX: usize = 20_000;

/// A page of groups, by name.
pub(super) struct GroupPage {
    /// The groups.
    pub(super) groups: Vec<LogGroup>,
    /// The name after which the next page begins; `None` at the end.
    pub(super) next: Option<String>,
}

/// At most `limit` groups after `after` whose names begin with `prefix` and that `keep` wants.
pub(super) async fn group_page(
    watch: &Watch,
    scope: &Scope,
    prefix: &str,
    mut after: String,
    limit: usize,
    keep: impl Fn(&LogGroup) -> bool,
) -> Result<GroupPage, ApiError> {
    let mut groups = Vec::new();
    let mut looked_at = 0;
    loop {
        let chunk = watch.catalog.list_log_groups(scope, prefix, &after, CHUNK_GROUPS).await?;
        let is_last = chunk.len() < CHUNK_GROUPS;
        for group in chunk {
            if !keep(&group) {
                after = group.name;
                continue;
            }
            // A token is given only when something is left for the next page.
            if groups.len() == limit {
                return Ok(GroupPage { groups, next: Some(after) });
            }
            after.clone_from(&group.name);
            groups.push(group);
        }
        looked_at += CHUNK_GROUPS;
        if is_last {
            return Ok(GroupPage { groups, next: None });
        }
        if looked_at >= LOOKED_AT_MAX {
            return Ok(GroupPage { groups, next: Some(after) });
        }
    }
}

/// `includeLinkedAccounts` with `accountIdentifiers`: other accounts are never linked, so only the caller's own counts.
pub(super) fn asks_for_own_account(
    scope: &Scope,
    include_linked: Option<bool>,
    account_identifiers: Option<&[String]>,
) -> bool {
    match account_identifiers {
        Some(accounts) if include_linked == Some(true) && !accounts.is_empty() => accounts.contains(&scope.account),
        _ => true,
    }
}
