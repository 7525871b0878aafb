//! What the policies of event data stores and dashboards decide: which callers may ask a store, and whether CloudTrail may refresh a dashboard.
//!
//! A caller of another account needs the leave of the store's policy, besides that of its own policies. Callers of its own account may be
//! denied by it; one whom only the store's policy would let in is refused by the guard of the call before, which is less than AWS grants.
//! Refreshes of dashboards are CloudTrail's own calls, and nobody lets it in unasked (StartDashboardRefresh reference).

use crate::Trail;
use access::{Asking, Owned, ServiceCall, admitted, is_service_allowed, kept_resource_policy};
use catalog::LakeDashboard;
use model::{Caller, Scope, arn};
use wire::ApiError;
use wire::shape::Empty;

/// What a policy of a store can be about (CloudTrail user guide, resource-based policy examples for event data stores).
pub(crate) const STORE_ACTIONS: [&str; 8] = [
    "cloudtrail:StartQuery",
    "cloudtrail:CancelQuery",
    "cloudtrail:ListQueries",
    "cloudtrail:DescribeQuery",
    "cloudtrail:GetQueryResults",
    "cloudtrail:GenerateQuery",
    "cloudtrail:GenerateQueryResultsSummary",
    "cloudtrail:GetEventDataStore",
];
/// What a policy of a dashboard can be about.
pub(crate) const DASHBOARD_ACTIONS: [&str; 1] = ["cloudtrail:StartDashboardRefresh"];
/// What a dashboard's queries are started as.
const CLOUDTRAIL: &str = "cloudtrail.amazonaws.com";

/// Refuses a caller whom the policy of the store of this id, or the want of one, keeps out. Whether the store is there is not asked: who may
/// not ask it is not told.
pub(crate) async fn check_caller(
    trail: &Trail,
    caller: &Caller,
    action: &str,
    scope: &Scope,
    id: &str,
) -> Result<(), ApiError> {
    let arn = arn::event_data_store(scope, id);
    let policy = trail.catalog.cloudtrail_policy(&arn).await?;
    if policy.is_none() && scope.account == caller.scope.account {
        return Ok(());
    }
    let asking = Asking { caller, now: trail.clock.now() };
    let owned = Owned { account: &scope.account, arn: &arn, policy: policy.as_deref(), own_need_it: false };
    admitted(asking, action, owned, &Empty {})
}

/// Why CloudTrail may not start a query of a dashboard that asks the stores of these ids; `None` when it may.
pub(crate) async fn query_refused<'a>(
    trail: &Trail,
    dashboard: &LakeDashboard,
    ids: impl Iterator<Item = &'a str>,
) -> Result<Option<String>, catalog::Error> {
    for id in ids {
        let store = arn::event_data_store(&dashboard.scope, id);
        let refused = service_refused(trail, dashboard, "cloudtrail:StartQuery", &store).await?;
        if refused.is_some() {
            return Ok(refused);
        }
    }
    Ok(None)
}

/// Why CloudTrail may not refresh a dashboard by its schedule; `None` when it may.
pub(crate) async fn refresh_refused(
    trail: &Trail,
    dashboard: &LakeDashboard,
) -> Result<Option<String>, catalog::Error> {
    let resource = arn::lake_dashboard(&dashboard.scope, &dashboard.name);
    let [action] = DASHBOARD_ACTIONS;
    service_refused(trail, dashboard, action, &resource).await
}

async fn service_refused(
    trail: &Trail,
    dashboard: &LakeDashboard,
    action: &str,
    resource: &str,
) -> Result<Option<String>, catalog::Error> {
    let policy = trail.catalog.cloudtrail_policy(resource).await?;
    let policies: Vec<_> = policy.iter().map(|text| kept_resource_policy(resource, text)).collect();
    let call = ServiceCall {
        principal: CLOUDTRAIL,
        action,
        resource,
        source_account: &dashboard.scope.account,
        source_arn: &arn::lake_dashboard(&dashboard.scope, &dashboard.name),
        now: trail.clock.now(),
    };
    let refusal = format!(
        "User: {CLOUDTRAIL} is not authorized to perform: {action} on resource: {resource} because no resource-based policy allows \
         the {action} action"
    );
    Ok((!is_service_allowed(&call, &policies)).then_some(refusal))
}
