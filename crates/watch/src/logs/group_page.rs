//! One page of the log groups that a listing asks for: the caller's own, and those that links share.
//!
//! With `includeLinkedAccounts` the groups of the accounts in `accountIdentifiers` are listed, or without those the caller's and
//! then all that are shared, account by account. Without it the caller's own are listed.

use super::errors::invalid_token;
use crate::Watch;
use crate::linked::{Kind, Linked};
use catalog::LogGroup;
use model::Scope;
use wire::ApiError;

/// Groups read from the catalog at a time.
const CHUNK_GROUPS: usize = 1_000;
/// Groups looked at for one page; past them the page ends early, with a token.
const LOOKED_AT_MAX: usize = 20_000;

/// Whose groups a listing asks for.
pub(super) struct Owners {
    caller: Scope,
    linked: Linked,
    /// In the order of the listing.
    asked: Vec<Scope>,
}

impl Owners {
    pub(super) async fn asked(
        watch: &Watch,
        caller: &Scope,
        include_linked: Option<bool>,
        accounts: Option<&[String]>,
    ) -> Result<Self, ApiError> {
        let mut owners = Self { caller: caller.clone(), linked: Linked::default(), asked: vec![caller.clone()] };
        if include_linked != Some(true) {
            return Ok(owners);
        }
        let accounts = accounts.unwrap_or_default();
        owners.linked = match accounts.is_empty() {
            true => Linked::all(watch, caller, Kind::LogGroups).await?,
            false => Linked::of(watch, caller, Kind::LogGroups, accounts.iter().map(String::as_str)).await?,
        };
        owners.asked.retain(|scope| accounts.is_empty() || accounts.contains(&scope.account));
        let linked = owners.linked.accounts();
        owners.asked.extend(linked.map(|account| Scope { account: account.to_owned(), ..caller.clone() }));
        Ok(owners)
    }

    fn may_see(&self, group: &LogGroup) -> bool {
        group.scope == self.caller || self.linked.shares(&group.scope.account, &group.name)
    }
}

/// A page of groups, by account and name.
pub(super) struct GroupPage {
    /// The groups.
    pub(super) groups: Vec<LogGroup>,
    /// The position after which the next page begins; `None` at the end.
    pub(super) next: Option<String>,
}

/// At most `limit` groups after the position `after` (empty for the beginning) whose names begin with `prefix` and that `keep` wants.
pub(super) async fn group_page(
    watch: &Watch,
    owners: &Owners,
    prefix: &str,
    after: &str,
    limit: usize,
    keep: impl Fn(&LogGroup) -> bool,
) -> Result<GroupPage, ApiError> {
    let (first, mut after) = begun(owners, after)?;
    let mut groups = Vec::new();
    let mut looked_at = 0;
    // Where the page has come to.
    let mut last = String::new();
    for scope in owners.asked.get(first..).unwrap_or_default() {
        loop {
            let chunk = watch.catalog.list_log_groups(scope, prefix, &after, CHUNK_GROUPS).await?;
            let is_last = chunk.len() < CHUNK_GROUPS;
            looked_at += chunk.len();
            for group in chunk {
                let is_kept = owners.may_see(&group) && keep(&group);
                // A token is given only when something is left for the next page.
                if is_kept && groups.len() == limit {
                    return Ok(GroupPage { groups, next: Some(last) });
                }
                after.clone_from(&group.name);
                last = position(scope, &group.name);
                if is_kept {
                    groups.push(group);
                }
            }
            if looked_at >= LOOKED_AT_MAX && !is_last {
                return Ok(GroupPage { groups, next: Some(last) });
            }
            if is_last {
                break;
            }
        }
        after.clear();
    }
    Ok(GroupPage { groups, next: None })
}

fn position(scope: &Scope, name: &str) -> String {
    format!("{} {name}", scope.account)
}

/// The place of the owner with which a page begins, and the name after which it does.
fn begun(owners: &Owners, after: &str) -> Result<(usize, String), ApiError> {
    if after.is_empty() {
        return Ok((0, String::new()));
    }
    let (account, name) = after.split_once(' ').ok_or_else(invalid_token)?;
    // An account whose link went meanwhile is passed over with all before it.
    let known = owners.asked.iter().position(|scope| scope.account == account);
    match known {
        Some(at) => Ok((at, name.to_owned())),
        None => {
            let later = owners
                .asked
                .iter()
                .position(|scope| scope.account != owners.caller.account && *scope.account > *account);
            Ok((later.unwrap_or(owners.asked.len()), String::new()))
        }
    }
}
