//! CreateExportTask, DescribeExportTasks and CancelExportTask: log groups on their way to buckets.
//!
//! An account has one task that waits or runs, in each region. Before a task is made, an object `aws-logs-write-test` is written
//! below its prefix, as on AWS. The texts about buckets, the end of a task and its range are ours where AWS's are not known: AWS
//! is known to say `PutObject call on the given bucket failed…`, and S3 `The specified bucket does not exist`.

mod part;
mod run;

pub use run::run_due;

use super::errors::{invalid, invalid_token};
use super::identifiers::group;
use super::page_token::Fingerprint;
use crate::Watch;
use crate::buckets;
use catalog::ExportTask as Row;
use model::Caller;
use model::buckets::{BucketError, is_key};
use wire::ApiError;
use wire::logs::errors::{
    INVALID_OPERATION_EXCEPTION, LIMIT_EXCEEDED_EXCEPTION, RESOURCE_NOT_FOUND_EXCEPTION, SERVICE_UNAVAILABLE_EXCEPTION,
};
use wire::logs::{
    CancelExportTaskRequest, CreateExportTaskRequest, CreateExportTaskResponse, DescribeExportTasksRequest,
    DescribeExportTasksResponse, ExportTask, ExportTaskExecutionInfo, ExportTaskStatus,
};
use wire::shape::Empty;

/// Page size, and its maximum by the model.
const PAGE: usize = 50;
/// How keys begin when the request does not say.
const PREFIX: &str = "exportedlogs";
/// The object that tells whether a bucket takes any, and what is in it.
const WRITE_TEST: &str = "aws-logs-write-test";
const WRITE_TEST_BODY: &[u8] = b"Permission Check Successful";

pub(super) async fn create_export_task(
    watch: &Watch,
    caller: &Caller,
    input: CreateExportTaskRequest,
) -> Result<CreateExportTaskResponse, ApiError> {
    let scope = &caller.scope;
    if input.from >= input.to {
        return Err(invalid("The specified time range is not valid: from must be earlier than to."));
    }
    let group = group(watch, scope, &input.log_group_name).await?;
    let prefix = input.destination_prefix.unwrap_or_else(|| PREFIX.into());
    let id = watch.ids.uuid().to_string();
    // No key of the task is longer than this one.
    let longest = part::key(&prefix, &id, &"s".repeat(part::FOLDER_BYTES_MAX), part::NUMBER_MAX);
    if !is_key(&longest) {
        return Err(invalid("The specified destinationPrefix is not valid."));
    }
    if watch.catalog.has_active_export_task(scope).await? {
        return Err(limit_exceeded());
    }
    let test = part::below(&prefix, WRITE_TEST);
    let tested = buckets::put_for(watch, scope, &input.destination, &test, WRITE_TEST_BODY.to_vec()).await;
    tested.map_err(|error| bucket_refused(&error))?;
    let row = Row {
        id: id.clone(),
        account: scope.account.clone(),
        region: scope.region.clone(),
        name: input.task_name,
        group_id: group.id.0 as i64,
        group_name: group.name,
        stream_prefix: input.log_stream_name_prefix,
        from_ms: input.from,
        to_ms: input.to,
        bucket: input.destination,
        prefix,
        status: "PENDING".into(),
        message: None,
        created_ms: watch.clock.now().0,
        ended_ms: None,
    };
    match watch.catalog.create_export_task(&row).await? {
        true => Ok(CreateExportTaskResponse { task_id: Some(id) }),
        false => Err(limit_exceeded()),
    }
}

fn limit_exceeded() -> ApiError {
    ApiError::new(&LIMIT_EXCEEDED_EXCEPTION, "Resource limit exceeded.")
}

fn bucket_refused(error: &BucketError) -> ApiError {
    match error {
        BucketError::NoSuchBucket | BucketError::NoSuchKey => invalid(error.to_string()),
        BucketError::AccessDenied => invalid(
            "PutObject call on the given bucket failed. Please check if CloudWatch Logs has been granted permission to \
             perform this operation.",
        ),
        BucketError::Unreachable(_) => {
            ApiError::new(&SERVICE_UNAVAILABLE_EXCEPTION, "The service cannot complete the request.")
        }
    }
}

pub(super) async fn describe_export_tasks(
    watch: &Watch,
    caller: &Caller,
    input: DescribeExportTasksRequest,
) -> Result<DescribeExportTasksResponse, ApiError> {
    let scope = &caller.scope;
    let status = input.status_code.as_deref();
    if let Some(id) = &input.task_id {
        let task = watch.catalog.export_task(scope, id).await?;
        let task = task.filter(|task| status.is_none_or(|status| task.status == status));
        let export_tasks = Some(task.into_iter().map(shape).collect());
        return Ok(DescribeExportTasksResponse { export_tasks, next_token: None });
    }
    let parts = [Some(scope.account.as_str()), Some(scope.region.as_str()), status];
    let fingerprint = Fingerprint::of("DescribeExportTasks", parts);
    let token = input.next_token.as_deref().map(|token| fingerprint.open(token)).transpose()?;
    let before = match token.as_deref().map(|token| token.split_once('/')) {
        Some(Some((time, id))) => (time.parse().map_err(|_| invalid_token())?, id),
        Some(None) => return Err(invalid_token()),
        None => (i64::MAX, ""),
    };
    let limit = input.limit.map_or(Ok(PAGE), usize::try_from).map_err(|_| invalid_token())?;
    // One more than asked for tells whether there is another page.
    let mut tasks = watch.catalog.export_tasks(scope, status, before, limit + 1).await?;
    let has_more = tasks.len() > limit;
    tasks.truncate(limit);
    let last = tasks.last().filter(|_| has_more);
    let next_token = last.map(|last| fingerprint.seal(&format!("{}/{}", last.created_ms, last.id)));
    Ok(DescribeExportTasksResponse { export_tasks: Some(tasks.into_iter().map(shape).collect()), next_token })
}

fn shape(task: Row) -> ExportTask {
    ExportTask {
        task_id: Some(task.id),
        task_name: task.name,
        log_group_name: Some(task.group_name),
        from: Some(task.from_ms),
        to: Some(task.to_ms),
        destination: Some(task.bucket),
        destination_prefix: Some(task.prefix),
        status: Some(ExportTaskStatus { code: Some(task.status), message: task.message }),
        execution_info: Some(ExportTaskExecutionInfo {
            creation_time: Some(task.created_ms),
            completion_time: task.ended_ms,
        }),
    }
}

pub(super) async fn cancel_export_task(
    watch: &Watch,
    caller: &Caller,
    input: CancelExportTaskRequest,
) -> Result<Empty, ApiError> {
    if watch.catalog.cancel_export_task(&caller.scope, &input.task_id).await? {
        return Ok(Empty {});
    }
    match watch.catalog.export_task(&caller.scope, &input.task_id).await? {
        Some(_) => Err(ApiError::new(
            &INVALID_OPERATION_EXCEPTION,
            "The specified export task is neither pending nor running.",
        )),
        None => Err(ApiError::new(&RESOURCE_NOT_FOUND_EXCEPTION, "The specified export task does not exist.")),
    }
}
