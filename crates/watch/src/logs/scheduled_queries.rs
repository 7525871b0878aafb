//! Scheduled queries: CreateScheduledQuery and the five calls about what it made.
//!
//! A query runs at each time of its schedule over the seconds from `startTimeOffset` to `endTimeOffset` before it, on behalf of the
//! role that it names. Its answer can go to a lookup table, which is made or replaced, and to a bucket, as JSON. Whether the bucket
//! takes it shows when the query runs. A key to encrypt objects with is refused: no bucket of ours could keep to it.
//!
//! Queries of the type `AWS_MANAGED` belong to log alarms: they are shown with their runs, and change and go with their alarm only.
//! AWS's words for refusing that are not documented.

mod document;
mod managed;
mod run;
mod s3;
mod schedule;

pub(crate) use managed::managed_query;
pub use run::run_due;

use super::errors::invalid_token;
use super::page_token::Fingerprint;
use crate::Watch;
use catalog::ScheduledQuery as Row;
use document::{Document, S3Destination, TableDestination};
use model::arn::{Arn, scheduled_query as arn};
use model::time::SECOND;
use model::{Caller, Scope, TimeRange, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use wire::ApiError;
use wire::logs::errors::{CONFLICT_EXCEPTION, RESOURCE_NOT_FOUND_EXCEPTION, VALIDATION_EXCEPTION};
use wire::logs::{
    CreateScheduledQueryRequest, CreateScheduledQueryResponse, DeleteScheduledQueryRequest,
    DeleteScheduledQueryResponse, GetScheduledQueryHistoryRequest, GetScheduledQueryHistoryResponse,
    GetScheduledQueryRequest, GetScheduledQueryResponse, ListScheduledQueriesRequest, ListScheduledQueriesResponse,
    ScheduledQueryDestination, ScheduledQuerySummary, TriggerHistoryRecord, UpdateScheduledQueryRequest,
    UpdateScheduledQueryResponse,
};

/// Page sizes when the request names none.
const QUERIES: usize = 50;
const RUNS: usize = 50;
/// Seconds before a run that its query begins at, when the request does not say.
const START_OFFSET_SECS: i64 = 3600;
/// Kinds of destinations.
const TABLE: &str = "LOOKUP_TABLE";
const BUCKET: &str = "S3";

/// Where an answer went.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Delivered {
    /// `S3` or `LOOKUP_TABLE`; runs of old have gone to tables only, and do not say so.
    kind: Option<String>,
    destination: String,
    status: String,
    processed: Option<String>,
    error: Option<String>,
}

fn refused(message: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::new(&VALIDATION_EXCEPTION, message)
}

fn not_found() -> ApiError {
    ApiError::new(&RESOURCE_NOT_FOUND_EXCEPTION, "The specified scheduled query does not exist.")
}

fn read(row: &Row) -> Result<Document, ApiError> {
    serde_json::from_str(&row.document)
        .map_err(|error| store::Error::Bug(format!("read a scheduled query: {error}")).into())
}

/// What the client put: requests that create and requests that update have the same members, in shapes of their own.
macro_rules! document {
    ($input:ident) => {
        Document {
            description: $input.description,
            language: $input.query_language,
            expression: $input.query_string,
            log_groups: $input.log_group_identifiers.unwrap_or_default(),
            schedule: $input.schedule_expression,
            time_zone: $input.timezone,
            start_offset_secs: $input.start_time_offset,
            end_offset_secs: $input.end_time_offset,
            lookup_table: None,
            s3: None,
            starts_ms: $input.schedule_start_time,
            ends_ms: $input.schedule_end_time,
            role: $input.execution_role_arn,
        }
        .deliver_to($input.destination_configuration)
    };
}

pub(super) async fn create_scheduled_query(
    watch: &Watch,
    caller: &Caller,
    input: CreateScheduledQueryRequest,
) -> Result<CreateScheduledQueryResponse, ApiError> {
    let document = document!(input)?;
    let schedule = document.check(watch, caller).await?;
    let now = watch.clock.now();
    let state = input.state.unwrap_or_else(|| "ENABLED".into());
    let next = document.next(&schedule, now).filter(|_| state == "ENABLED");
    let row = Row {
        account: caller.scope.account.clone(),
        region: caller.scope.region.clone(),
        id: watch.ids.uuid().to_string(),
        name: input.name,
        document: document.text()?,
        state: state.clone(),
        created_ms: now.0,
        updated_ms: now.0,
        next_ms: next.map(|next| next.0),
        triggered_ms: None,
        last_status: None,
        alarm: None,
    };
    let arn = arn(&caller.scope, &row.id);
    if !watch.catalog.create_scheduled_query(&row, &arn, &input.tags.unwrap_or_default()).await? {
        let message = format!("A scheduled query with the name {} already exists.", row.name);
        return Err(ApiError::new(&CONFLICT_EXCEPTION, message));
    }
    Ok(CreateScheduledQueryResponse { scheduled_query_arn: Some(arn), state: Some(state) })
}

/// The scheduled query that a name or ARN names.
async fn named(watch: &Watch, scope: &Scope, identifier: &str) -> Result<Row, ApiError> {
    let name = match Arn::parse(identifier) {
        Some(arn) if arn.service == "logs" && arn.account == scope.account && arn.region == scope.region => {
            arn.resource.strip_prefix("scheduled-query:").ok_or_else(not_found)?
        }
        Some(_) => return Err(not_found()),
        None => identifier,
    };
    watch.catalog.scheduled_query(scope, name).await?.ok_or_else(not_found)
}

/// The same, of a query that its customer may change.
async fn changeable(watch: &Watch, scope: &Scope, identifier: &str) -> Result<Row, ApiError> {
    let row = named(watch, scope, identifier).await?;
    match &row.alarm {
        Some(alarm) => Err(refused(format!(
            "The scheduled query is managed by CloudWatch and cannot be modified directly. Change the log alarm {alarm} instead."
        ))),
        None => Ok(row),
    }
}

pub(super) async fn update_scheduled_query(
    watch: &Watch,
    caller: &Caller,
    input: UpdateScheduledQueryRequest,
) -> Result<UpdateScheduledQueryResponse, ApiError> {
    let mut row = changeable(watch, &caller.scope, &input.identifier).await?;
    let document = document!(input)?;
    let schedule = document.check(watch, caller).await?;
    let now = watch.clock.now();
    row.state = input.state.unwrap_or(row.state);
    row.next_ms = document.next(&schedule, now).filter(|_| row.state == "ENABLED").map(|next| next.0);
    (row.document, row.updated_ms) = (document.text()?, now.0);
    watch.catalog.update_scheduled_query(&row).await?;
    let shown = shape(&caller.scope, row)?;
    Ok(UpdateScheduledQueryResponse {
        scheduled_query_arn: shown.scheduled_query_arn,
        name: shown.name,
        description: shown.description,
        query_language: shown.query_language,
        query_string: shown.query_string,
        log_group_identifiers: shown.log_group_identifiers,
        schedule_expression: shown.schedule_expression,
        timezone: shown.timezone,
        start_time_offset: shown.start_time_offset,
        end_time_offset: shown.end_time_offset,
        destination_configuration: shown.destination_configuration,
        state: shown.state,
        schedule_type: shown.schedule_type,
        last_triggered_time: shown.last_triggered_time,
        last_execution_status: shown.last_execution_status,
        schedule_start_time: shown.schedule_start_time,
        schedule_end_time: shown.schedule_end_time,
        execution_role_arn: shown.execution_role_arn,
        creation_time: shown.creation_time,
        last_updated_time: shown.last_updated_time,
    })
}

pub(super) async fn get_scheduled_query(
    watch: &Watch,
    caller: &Caller,
    input: GetScheduledQueryRequest,
) -> Result<GetScheduledQueryResponse, ApiError> {
    shape(&caller.scope, named(watch, &caller.scope, &input.identifier).await?)
}

fn shape(scope: &Scope, row: Row) -> Result<GetScheduledQueryResponse, ApiError> {
    let document = read(&row)?;
    Ok(GetScheduledQueryResponse {
        scheduled_query_arn: Some(arn(scope, &row.id)),
        name: Some(row.name),
        destination_configuration: document.destinations(),
        description: document.description,
        query_language: Some(document.language),
        query_string: Some(document.expression),
        log_group_identifiers: (!document.log_groups.is_empty()).then_some(document.log_groups),
        schedule_expression: Some(document.schedule),
        timezone: document.time_zone,
        start_time_offset: document.start_offset_secs,
        end_time_offset: document.end_offset_secs,
        state: Some(row.state),
        schedule_type: Some(if row.alarm.is_some() { "AWS_MANAGED" } else { "CUSTOMER_MANAGED" }.into()),
        last_triggered_time: row.triggered_ms,
        last_execution_status: row.last_status,
        schedule_start_time: document.starts_ms,
        schedule_end_time: document.ends_ms,
        execution_role_arn: Some(document.role),
        creation_time: Some(row.created_ms),
        last_updated_time: Some(row.updated_ms),
    })
}

pub(super) async fn list_scheduled_queries(
    watch: &Watch,
    caller: &Caller,
    input: ListScheduledQueriesRequest,
) -> Result<ListScheduledQueriesResponse, ApiError> {
    let scope = &caller.scope;
    let state = input.state.as_deref();
    let kind = input.schedule_type.as_deref();
    let fingerprint =
        Fingerprint::of("ListScheduledQueries", [Some(scope.account.as_str()), Some(&scope.region), state, kind]);
    let after = input.next_token.as_deref().map(|token| fingerprint.open(token)).transpose()?.unwrap_or_default();
    let limit = input.max_results.map_or(Ok(QUERIES), usize::try_from).map_err(|_| invalid_token())?;
    let is_managed = kind.map(|kind| kind == "AWS_MANAGED");
    let mut rows = watch.catalog.scheduled_queries(scope, state, is_managed, &after, limit + 1).await?;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next_token = rows.last().filter(|_| has_more).map(|last| fingerprint.seal(&last.name));
    let summary = |row: Row| {
        let shown = shape(scope, row)?;
        Ok(ScheduledQuerySummary {
            scheduled_query_arn: shown.scheduled_query_arn,
            name: shown.name,
            state: shown.state,
            schedule_type: shown.schedule_type,
            last_triggered_time: shown.last_triggered_time,
            last_execution_status: shown.last_execution_status,
            schedule_expression: shown.schedule_expression,
            timezone: shown.timezone,
            destination_configuration: shown.destination_configuration,
            creation_time: shown.creation_time,
            last_updated_time: shown.last_updated_time,
        })
    };
    let queries: Result<Vec<ScheduledQuerySummary>, ApiError> = rows.into_iter().map(summary).collect();
    Ok(ListScheduledQueriesResponse { next_token, scheduled_queries: Some(queries?) })
}

/// A time of a history: milliseconds, as its runs tell theirs. AWS says "Unix epoch" only: what would be a time of the year 1973 or
/// before in milliseconds is seconds, as StartQuery takes them.
fn instant(time: i64) -> Timestamp {
    Timestamp(if time < 100_000_000_000 { time.saturating_mul(SECOND) } else { time })
}

pub(super) async fn get_scheduled_query_history(
    watch: &Watch,
    caller: &Caller,
    input: GetScheduledQueryHistoryRequest,
) -> Result<GetScheduledQueryHistoryResponse, ApiError> {
    let row = named(watch, &caller.scope, &input.identifier).await?;
    let (start, end) = (input.start_time.to_string(), input.end_time.to_string());
    let statuses = input.execution_statuses.unwrap_or_default();
    let parts = [Some(row.id.as_str()), Some(&start), Some(&end)].into_iter();
    let fingerprint =
        Fingerprint::of("GetScheduledQueryHistory", parts.chain(statuses.iter().map(|status| Some(status.as_str()))));
    let mut before = match &input.next_token {
        Some(token) => fingerprint.open(token)?.parse().map_err(|_| invalid_token())?,
        None => i64::MAX,
    };
    let limit = input.max_results.map_or(Ok(RUNS), usize::try_from).map_err(|_| invalid_token())?;
    let range = TimeRange::new(instant(input.start_time), instant(input.end_time) + 1);
    let mut history = Vec::new();
    let next_token = 'pages: loop {
        let runs = watch.catalog.scheduled_runs(&row, range, before, RUNS).await?;
        let is_last = runs.len() < RUNS;
        for run in runs {
            let is_wanted = statuses.is_empty() || statuses.contains(&run.status);
            if is_wanted && history.len() == limit {
                break 'pages Some(fingerprint.seal(&before.to_string()));
            }
            before = run.triggered_ms;
            if is_wanted {
                history.push(record(run)?);
            }
        }
        if is_last {
            break None;
        }
    };
    Ok(GetScheduledQueryHistoryResponse {
        name: Some(row.name),
        scheduled_query_arn: Some(arn(&caller.scope, &row.id)),
        trigger_history: Some(history),
        next_token,
    })
}

fn record(run: catalog::ScheduledRun) -> Result<TriggerHistoryRecord, ApiError> {
    let delivered: Vec<Delivered> = serde_json::from_str(&run.destinations)
        .map_err(|error| store::Error::Bug(format!("read a run of a scheduled query: {error}")))?;
    let destination = |delivered: Delivered| ScheduledQueryDestination {
        destination_type: Some(delivered.kind.unwrap_or_else(|| TABLE.into())),
        destination_identifier: Some(delivered.destination),
        status: Some(delivered.status),
        processed_identifier: delivered.processed,
        error_message: delivered.error,
    };
    Ok(TriggerHistoryRecord {
        query_id: (!run.query_id.is_empty()).then_some(run.query_id),
        execution_status: Some(run.status),
        triggered_timestamp: Some(run.triggered_ms),
        error_message: run.error,
        destinations: Some(delivered.into_iter().map(destination).collect()),
    })
}

pub(super) async fn delete_scheduled_query(
    watch: &Watch,
    caller: &Caller,
    input: DeleteScheduledQueryRequest,
) -> Result<DeleteScheduledQueryResponse, ApiError> {
    let row = changeable(watch, &caller.scope, &input.identifier).await?;
    let arn = arn(&caller.scope, &row.id);
    match watch.catalog.delete_scheduled_query(&caller.scope, &row.id, &arn).await? {
        true => Ok(DeleteScheduledQueryResponse {}),
        false => Err(not_found()),
    }
}
