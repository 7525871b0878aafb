//! Which log groups a query may look at, and what of them it may show.
//!
//! The groups that a request names were asked about before the operation ran. Those that queries within the query name by `SOURCE`
//! need `logs:StartQuery` as well, or whoever may query one group would see every other through it; and a query with `unmask` needs
//! `logs:Unmask` on all of them, for what one part shows another may repeat.

use super::masking::may_unmask;
use super::queries::Asked;
use super::start_query::sourced;
use crate::Watch;
use access::Asking;
use catalog::LogGroup;
use model::arn::log_group;
use query::insights::Plan;
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
