//! CreateDashboard, GetDashboard, ListDashboards, UpdateDashboard, DeleteDashboard, StartDashboardRefresh: statements of CloudTrail
//! Lake that are run together, by hand or by the clock.
//!
//! A refresh starts one query for each widget; DescribeQuery with the widget's alias and the refresh finds it. In a widget's statement
//! `?` or, as AWS's examples have it, `'?'` stands for `$StartTime$`, `$EndTime$` or `$Period$`. What is not given is the last 24
//! hours by the hour, which is what the Highlights dashboard of AWS shows. A schedule runs every 1, 6, 12 or 24 hours, or each day,
//! counted from its time of day. CloudTrail needs the leave of each store's policy to start a query, and that of the dashboard's to refresh
//! by the schedule (`lake_access.rs`). AWS's managed dashboards, Highlights among them, are not here. A refresh that the clock starts is no
//! call, and leaves no audit event.

use super::page_token::PageToken;
use super::tags;
use super::trail_name::told;
use crate::Trail;
use crate::lake_dashboards::{self as lake, check_values, checked_schedule, next};
use catalog::{LakeDashboard, LakeDashboardSettings, LakeDashboardStored, LakeSchedule, LakeWidget};
use model::Caller;
use model::arn::{self, Arn};
use model::limits::{LAKE_DASHBOARDS_MAX, LAKE_WIDGETS_MAX};
use wire::cloudtrail::{
    self as ct, CreateDashboardRequest, CreateDashboardResponse, DeleteDashboardRequest, DeleteDashboardResponse,
    GetDashboardRequest, GetDashboardResponse, ListDashboardsRequest, ListDashboardsResponse,
    StartDashboardRefreshRequest, StartDashboardRefreshResponse, UpdateDashboardRequest, UpdateDashboardResponse,
    errors,
};
use wire::{Access, ApiError, Audit, Operation, operation};

/// Dashboards in a page when the client does not say.
const PAGE: usize = 1000;
/// The dashboard that AWS composes.
const HIGHLIGHTS: &str = "AWSCloudTrail-Highlights";
const CUSTOM: &str = "CUSTOM";

pub(super) fn operations() -> Vec<Operation<Trail>> {
    use Audit::Management;
    vec![
        operation!(Access::Write, Management, ct::CreateDashboard, create),
        operation!(Access::Read, Management, ct::GetDashboard, get),
        operation!(Access::List, Management, ct::ListDashboards, list),
        operation!(Access::Write, Management, ct::UpdateDashboard, update),
        operation!(Access::Write, Management, ct::DeleteDashboard, delete),
        operation!(Access::Write, Management, ct::StartDashboardRefresh, start_refresh),
    ]
}

async fn create(
    trail: &Trail,
    caller: &Caller,
    input: CreateDashboardRequest,
) -> Result<CreateDashboardResponse, ApiError> {
    if input.name == HIGHLIGHTS {
        let text = "The Highlights dashboard is not supported: create a dashboard with widgets of your own.";
        return Err(ApiError::new(&errors::UNSUPPORTED_OPERATION_EXCEPTION, text));
    }
    let new_tags = tags::checked(input.tags_list.unwrap_or_default())?;
    let now = trail.clock.now();
    let settings = LakeDashboardSettings {
        widgets: widgets(trail, caller, input.widgets.unwrap_or_default()).await?,
        schedule: input.refresh_schedule.map(schedule).transpose()?,
        termination_protection: input.termination_protection_enabled.unwrap_or(false),
    };
    let row = LakeDashboard {
        scope: caller.scope.clone(),
        name: input.name,
        refresh_at: settings.schedule.as_ref().and_then(|schedule| next(schedule, now)),
        settings,
        created: now,
        updated: now,
        ..LakeDashboard::default()
    };
    match trail.catalog.create_lake_dashboard(&row, LAKE_DASHBOARDS_MAX).await? {
        LakeDashboardStored::Stored => {}
        LakeDashboardStored::Exists => {
            let text = format!("A dashboard with the name {} already exists.", told(&row.name));
            return Err(ApiError::new(&errors::CONFLICT_EXCEPTION, text));
        }
        LakeDashboardStored::TooMany => {
            let text = format!("The account already has {LAKE_DASHBOARDS_MAX} dashboards in this region.");
            return Err(ApiError::new(&errors::SERVICE_QUOTA_EXCEEDED_EXCEPTION, text));
        }
    }
    let arn = arn::lake_dashboard(&row.scope, &row.name);
    trail.catalog.put_tags(&arn, &new_tags).await?;
    let tags = new_tags.into_iter().map(|(key, value)| ct::Tag { key, value: Some(value) }).collect::<Vec<_>>();
    let settings = row.settings;
    Ok(CreateDashboardResponse {
        dashboard_arn: Some(arn),
        name: Some(row.name),
        r#type: Some(CUSTOM.into()),
        widgets: Some(settings.widgets.into_iter().map(widget_shape).collect()),
        tags_list: (!tags.is_empty()).then_some(tags),
        refresh_schedule: settings.schedule.map(schedule_shape),
        termination_protection_enabled: Some(settings.termination_protection),
    })
}

async fn get(trail: &Trail, caller: &Caller, input: GetDashboardRequest) -> Result<GetDashboardResponse, ApiError> {
    let row = find(trail, caller, &input.dashboard_id).await?;
    let status = if row.updated == row.created { "CREATED" } else { "UPDATED" };
    Ok(GetDashboardResponse {
        dashboard_arn: Some(arn::lake_dashboard(&row.scope, &row.name)),
        r#type: Some(CUSTOM.into()),
        status: Some(status.into()),
        widgets: Some(row.settings.widgets.into_iter().map(widget_shape).collect()),
        refresh_schedule: row.settings.schedule.map(schedule_shape),
        created_timestamp: Some(row.created),
        updated_timestamp: Some(row.updated),
        last_refresh_id: row.refresh_id.map(|id| id.to_string()),
        last_refresh_failure_reason: row.refresh_error,
        termination_protection_enabled: Some(row.settings.termination_protection),
    })
}

async fn list(
    trail: &Trail,
    caller: &Caller,
    input: ListDashboardsRequest,
) -> Result<ListDashboardsResponse, ApiError> {
    let prefix = input.name_prefix.unwrap_or_default();
    let kind = input.r#type.unwrap_or_default();
    let scope = &caller.scope;
    let token = PageToken::bound_to(&["ListDashboards", &scope.account, &scope.region, &prefix, &kind]);
    let after = input.next_token.map(|text| token.open(&text)).transpose()?;
    let limit = input.max_results.and_then(|max| usize::try_from(max).ok()).unwrap_or(PAGE).clamp(1, PAGE);
    let mut rows = trail.catalog.lake_dashboards(scope).await?;
    rows.retain(|row| row.name.starts_with(&prefix) && (kind.is_empty() || kind == CUSTOM));
    rows.retain(|row| after.as_ref().is_none_or(|after| row.name > *after));
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_token = rows.last().filter(|_| more).map(|row| token.seal(&row.name));
    let shape = |row: LakeDashboard| ct::DashboardDetail {
        dashboard_arn: Some(arn::lake_dashboard(&row.scope, &row.name)),
        r#type: Some(CUSTOM.into()),
    };
    Ok(ListDashboardsResponse { dashboards: Some(rows.into_iter().map(shape).collect()), next_token })
}

async fn update(
    trail: &Trail,
    caller: &Caller,
    input: UpdateDashboardRequest,
) -> Result<UpdateDashboardResponse, ApiError> {
    let mut row = find(trail, caller, &input.dashboard_id).await?;
    let now = trail.clock.now();
    if let Some(new) = input.widgets {
        row.settings.widgets = widgets(trail, caller, new).await?;
    }
    if let Some(new) = input.refresh_schedule {
        row.settings.schedule = Some(schedule(new)?);
    }
    row.refresh_at = row.settings.schedule.as_ref().and_then(|schedule| next(schedule, now));
    row.settings.termination_protection =
        input.termination_protection_enabled.unwrap_or(row.settings.termination_protection);
    // Even within the millisecond of its creation, it was changed.
    row.updated = now.max(row.created + 1);
    if !trail.catalog.update_lake_dashboard(&row).await? {
        return Err(absent(&input.dashboard_id));
    }
    let settings = row.settings;
    Ok(UpdateDashboardResponse {
        dashboard_arn: Some(arn::lake_dashboard(&row.scope, &row.name)),
        name: Some(row.name),
        r#type: Some(CUSTOM.into()),
        widgets: Some(settings.widgets.into_iter().map(widget_shape).collect()),
        refresh_schedule: settings.schedule.map(schedule_shape),
        termination_protection_enabled: Some(settings.termination_protection),
        created_timestamp: Some(row.created),
        updated_timestamp: Some(row.updated),
    })
}

async fn delete(
    trail: &Trail,
    caller: &Caller,
    input: DeleteDashboardRequest,
) -> Result<DeleteDashboardResponse, ApiError> {
    let row = find(trail, caller, &input.dashboard_id).await?;
    if row.settings.termination_protection {
        let text = "The dashboard cannot be deleted because termination protection is enabled for it.";
        return Err(ApiError::new(&errors::CONFLICT_EXCEPTION, text));
    }
    if !trail.catalog.delete_lake_dashboard(&row.scope, &row.name).await? {
        return Err(absent(&input.dashboard_id));
    }
    let arn = arn::lake_dashboard(&row.scope, &row.name);
    trail.catalog.remove_all_tags(&arn).await?;
    trail.catalog.delete_cloudtrail_policy(&arn).await?;
    Ok(DeleteDashboardResponse {})
}

async fn start_refresh(
    trail: &Trail,
    caller: &Caller,
    input: StartDashboardRefreshRequest,
) -> Result<StartDashboardRefreshResponse, ApiError> {
    let values = input.query_parameter_values.unwrap_or_default();
    check_values(&values)?;
    let row = find(trail, caller, &input.dashboard_id).await?;
    let refresh = lake::refresh(trail, &row, &values).await?;
    Ok(StartDashboardRefreshResponse { refresh_id: Some(refresh.to_string()) })
}

/// The dashboard that a name or an ARN names.
async fn find(trail: &Trail, caller: &Caller, text: &str) -> Result<LakeDashboard, ApiError> {
    let name = if text.starts_with("arn:") {
        let arn = Arn::parse(text).filter(|arn| arn.service == "cloudtrail");
        let own =
            |arn: &Arn<'_>| (arn.account, arn.region) == (caller.scope.account.as_str(), caller.scope.region.as_str());
        arn.filter(own).and_then(|arn| arn.resource.strip_prefix("dashboard/")).ok_or_else(|| absent(text))?
    } else {
        text
    };
    trail.catalog.lake_dashboard(&caller.scope, name).await?.ok_or_else(|| absent(text))
}

fn absent(text: &str) -> ApiError {
    ApiError::new(&errors::RESOURCE_NOT_FOUND_EXCEPTION, format!("The dashboard does not exist: {}", told(text)))
}

/// Widgets of a request: their statements are right, and ask stores that are there.
async fn widgets(trail: &Trail, caller: &Caller, asked: Vec<ct::RequestWidget>) -> Result<Vec<LakeWidget>, ApiError> {
    if asked.len() > LAKE_WIDGETS_MAX {
        let text = format!("A dashboard can have at most {LAKE_WIDGETS_MAX} widgets.");
        return Err(ApiError::new(&errors::SERVICE_QUOTA_EXCEEDED_EXCEPTION, text));
    }
    let mut widgets = Vec::with_capacity(asked.len());
    for widget in asked {
        let widget = LakeWidget {
            alias: format!("widget-{}", trail.ids.uuid()),
            statement: widget.query_statement,
            parameters: widget.query_parameters.unwrap_or_default(),
            view: widget.view_properties.into_iter().collect(),
        };
        lake::check_widget(trail, &caller.scope, &widget).await?;
        widgets.push(widget);
    }
    Ok(widgets)
}

fn widget_shape(widget: LakeWidget) -> ct::Widget {
    ct::Widget {
        query_alias: Some(widget.alias),
        query_statement: Some(widget.statement),
        query_parameters: (!widget.parameters.is_empty()).then_some(widget.parameters),
        view_properties: Some(widget.view.into_iter().collect()),
    }
}

fn schedule(asked: ct::RefreshSchedule) -> Result<LakeSchedule, ApiError> {
    let frequency = asked.frequency.unwrap_or_default();
    checked_schedule(LakeSchedule {
        unit: frequency.unit.unwrap_or_default(),
        value: frequency.value.unwrap_or_default(),
        status: asked.status.unwrap_or_else(|| "ENABLED".into()),
        time_of_day: asked.time_of_day.unwrap_or_else(|| "00:00".into()),
    })
}

fn schedule_shape(schedule: LakeSchedule) -> ct::RefreshSchedule {
    let frequency = ct::RefreshScheduleFrequency { unit: Some(schedule.unit), value: Some(schedule.value) };
    ct::RefreshSchedule {
        frequency: Some(frequency),
        status: Some(schedule.status),
        time_of_day: Some(schedule.time_of_day),
    }
}
