//! GetDashboard, ListDashboards (1000 a page) and DeleteDashboards (those that exist; the first other is told).
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetDashboard.html> and its neighbours.

use super::refuse;
use super::token::Binding;
use crate::Watch;
use model::{Caller, arn};
use wire::ApiError;
use wire::cloudwatch::{
    DashboardEntry, DeleteDashboardsInput, DeleteDashboardsOutput, GetDashboardInput, GetDashboardOutput,
    ListDashboardsInput, ListDashboardsOutput, errors,
};

/// ListDashboards: page size.
const PAGE: usize = 1000;
/// DeleteDashboards: most names in a call.
const DELETE_MAX: usize = 100;

pub async fn get_dashboard(
    watch: &Watch,
    caller: &Caller,
    input: GetDashboardInput,
) -> Result<GetDashboardOutput, ApiError> {
    let account = &caller.scope.account;
    let dashboard = watch.catalog.dashboard(account, &input.dashboard_name).await?;
    let dashboard = dashboard.ok_or_else(|| not_found(&input.dashboard_name))?;
    Ok(GetDashboardOutput {
        dashboard_arn: Some(arn::dashboard(account, &dashboard.name)),
        dashboard_body: Some(dashboard.body),
        dashboard_name: Some(dashboard.name),
    })
}

pub async fn list_dashboards(
    watch: &Watch,
    caller: &Caller,
    input: ListDashboardsInput,
) -> Result<ListDashboardsOutput, ApiError> {
    let account = &caller.scope.account;
    let prefix = input.dashboard_name_prefix.unwrap_or_default();
    let binding = Binding::new(&("ListDashboards", account, &prefix));
    let cursor: Result<Option<String>, ApiError> = binding.cursor(input.next_token.as_deref());
    // This operation's model has no InvalidNextToken.
    let after = cursor.map_err(|_| refuse::value("The parameter NextToken is invalid."))?.unwrap_or_default();
    let mut entries = watch.catalog.dashboards(account, &prefix, &after, PAGE + 1).await?;
    let mut next_token = None;
    if entries.len() > PAGE {
        entries.truncate(PAGE);
        next_token = entries.last().map(|last| binding.token(&last.name)).transpose()?;
    }
    let entry = |entry: catalog::DashboardEntry| DashboardEntry {
        dashboard_arn: Some(arn::dashboard(account, &entry.name)),
        dashboard_name: Some(entry.name),
        last_modified: Some(entry.modified),
        size: Some(entry.size),
    };
    Ok(ListDashboardsOutput { dashboard_entries: Some(entries.into_iter().map(entry).collect()), next_token })
}

pub async fn delete_dashboards(
    watch: &Watch,
    caller: &Caller,
    input: DeleteDashboardsInput,
) -> Result<DeleteDashboardsOutput, ApiError> {
    let account = &caller.scope.account;
    let mut names = input.dashboard_names;
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Err(refuse::missing("DashboardNames"));
    }
    if names.len() > DELETE_MAX {
        return Err(refuse::value(refuse::too_many("DashboardNames", DELETE_MAX)));
    }
    let named: Vec<(String, String)> = names
        .into_iter()
        .map(|name| {
            let arn = arn::dashboard(account, &name);
            (name, arn)
        })
        .collect();
    match watch.catalog.delete_dashboards(account, &named).await? {
        Some(unknown) => Err(not_found(&unknown)),
        None => Ok(DeleteDashboardsOutput {}),
    }
}

fn not_found(name: &str) -> ApiError {
    let name = crate::alarms::reason::cut(name.to_owned(), 255);
    ApiError::new(&errors::DASHBOARD_NOT_FOUND_ERROR, format!("Dashboard {name} does not exist"))
}
