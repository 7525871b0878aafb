//! Which log groups a query may look at, and what of them it may show.
//!
//! The groups that a request names were asked about before the operation ran. Those that queries within the query name by `SOURCE`
//! need `logs:StartQuery` as well, or whoever may query one group would see every other through it; and a query with `unmask` needs
//! `logs:Unmask` on all of them, for what one part shows another may repeat.
//!
//! Queries of schedules and alarms run without anybody: who makes one must be allowed to query what it names. On AWS a
//! role that is passed to them decides, and who may pass it; here roles of services are remembered and take no part.

use super::identifiers::place;
use super::masking::may_unmask;
use super::queries::Asked;
use super::start_query::sourced;
use crate::Watch;
use access::Asking;
use catalog::LogGroup;
use model::arn::log_group;
use model::{Caller, Scope};
use query::insights::Plan;
use query::insights::ast::Query;
use wire::ApiError;

/// The groups that queries within the query name themselves.
pub(super) async fn sourced_within(watch: &Watch, asked: &Asked) -> Result<Vec<LogGroup>, ApiError> {
    let mut queries = Plan::subqueries(&asked.query);
    let mut groups = Vec::new();
    while let Some(query) = queries.pop() {
        if let Some(source) = &query.source {
            groups.extend(sourced(watch, &asked.scope, source).await?);
        }
        queries.extend(Plan::subqueries(&query));
    }
    Ok(groups)
}

/// Refuses a query that looks at groups which its caller may not query, or that shows what the caller may not see. The groups of the
/// request were looked at before it came here: `within` are the others.
pub(super) fn check_access(watch: &Watch, asked: &Asked, within: &[LogGroup]) -> Result<(), ApiError> {
    let Some(caller) = &asked.caller else { return Ok(()) };
    let asking = Asking { caller, now: watch.clock.now() };
    for group in within {
        watch.access.authorize_log_group(asking, "logs:StartQuery", &log_group(&group.scope, &group.name))?;
    }
    if asked.query.unmasks() {
        for group in asked.groups.iter().chain(within) {
            may_unmask(watch, caller, &group.scope, &group.name)?;
        }
    }
    Ok(())
}

/// Refuses a query that is to run later where `caller` may not make it now. A source that chooses groups by what they
/// are called or tagged, which others may be by then, needs `logs:StartQuery` on all of its accounts, and no denial of what it chooses now.
/// A denial that only fits groups made later does not stop it.
pub(crate) async fn check_later(
    watch: &Watch,
    caller: &Caller,
    query: &Query,
    log_groups: &[String],
) -> Result<(), ApiError> {
    let asking = Asking { caller, now: watch.clock.now() };
    let check = |account: &str, name: &str| {
        let owner = Scope { account: account.to_owned(), ..caller.scope.clone() };
        watch.access.authorize_log_group(asking, "logs:StartQuery", &log_group(&owner, name))
    };
    let named = |identifier: &String| {
        let (account, name) = place(&caller.scope, identifier)?;
        check(account, name)
    };
    log_groups.iter().try_for_each(named)?;
    let mut queries = Plan::subqueries(query);
    // Groups that are named beside the query stand in the place of its own source.
    let mut sources: Vec<_> = query.source.iter().filter(|_| log_groups.is_empty()).cloned().collect();
    while let Some(query) = queries.pop() {
        queries.extend(Plan::subqueries(&query));
        sources.extend(query.source);
    }
    for source in sources {
        if !source.groups.is_empty() {
            source.groups.iter().try_for_each(named)?;
            continue;
        }
        let own = std::slice::from_ref(&caller.scope.account);
        let accounts = if source.accounts.is_empty() { own } else { &source.accounts };
        for account in accounts {
            check(account, "*")?;
            source.name_prefixes.iter().try_for_each(|prefix| check(account, &format!("{prefix}*")))?;
        }
        for group in sourced(watch, &caller.scope, &source).await? {
            check(&group.scope.account, &group.name)?;
        }
    }
    Ok(())
}
