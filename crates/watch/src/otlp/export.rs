//! `export_logs` and `export_metrics`: requests of `/v1/logs` and `/v1/metrics`, from the decompressed body to what is stored.

use super::cumulative::Cumulative;
use super::data_points::{Context, Converted, convert};
use super::log_lines::log_lines;
use super::message::{LogsRequest, Metric, MetricsRequest};
use super::series::is_namespace;
use super::{Answer, Encoding, Signal};
use crate::Watch;
use crate::logs::{Missing, append_lines};
use crate::reading::reading;
use model::limits::{OTLP_BODY_BYTES_MAX, OTLP_ITEMS_MAX};
use model::{Batch, Scope};
use wire::ApiError;
use wire::error::common;

/// Stores the records of a request in a stream that exists.
///
/// # Errors
/// What the client did wrong, with a status below 500; what the store says.
pub async fn export_logs(
    watch: &Watch,
    scope: &Scope,
    target: (&str, &str),
    encoding: Encoding,
    body: &[u8],
) -> Result<Answer, ApiError> {
    let reading = reading(body.len(), OTLP_BODY_BYTES_MAX).await?;
    let request = encoding.logs(body).map_err(|error| ApiError::new(&common::SERIALIZATION, error.to_string()))?;
    check_count(records(&request), "log records")?;
    let lines = log_lines(&request, watch.clock.now());
    drop((request, reading));
    let left_out = append_lines(watch, scope, target, Missing::Refuse, lines).await?;
    let rejected = i64::try_from(left_out.total()).unwrap_or(i64::MAX);
    Ok(Answer { rejected, message: left_out.told(), signal: Signal::Logs })
}

/// Stores the points of a request. `namespace` is what the request says beside its body.
///
/// # Errors
/// What the client did wrong, with a status below 500; what the store says.
pub async fn export_metrics(
    watch: &Watch,
    scope: &Scope,
    namespace: Option<&str>,
    cumulative: &Cumulative,
    encoding: Encoding,
    body: &[u8],
) -> Result<Answer, ApiError> {
    if let Some(name) = namespace.filter(|name| !is_namespace(name)) {
        let message =
            format!("'{name}' is not a namespace: 1 to 255 printable characters, not beginning with a colon.");
        return Err(ApiError::new(&common::VALIDATION_EXCEPTION, message));
    }
    let reading = reading(body.len(), OTLP_BODY_BYTES_MAX).await?;
    let request = encoding.metrics(body).map_err(|error| ApiError::new(&common::SERIALIZATION, error.to_string()))?;
    check_count(points(&request), "data points")?;
    let mut differences = cumulative.differences();
    let context = Context { scope, namespace, now: watch.clock.now() };
    let mut converted = convert(&context, &request, &mut differences);
    drop((request, reading));
    let datapoints = std::mem::take(&mut converted.datapoints);
    if !datapoints.is_empty() {
        watch.store.append(Batch { datapoints, ..Batch::default() }).await?;
    }
    differences.remember();
    Ok(Answer { rejected: converted.rejected, message: warning(&converted), signal: Signal::Metrics })
}

fn check_count(count: usize, of_what: &str) -> Result<(), ApiError> {
    if count <= OTLP_ITEMS_MAX {
        return Ok(());
    }
    let message = format!("The request has {count} {of_what}, more than {OTLP_ITEMS_MAX}. Send smaller batches.");
    Err(ApiError::new(&common::REQUEST_TOO_LARGE, message))
}

fn records(request: &LogsRequest) -> usize {
    let scopes = request.resource_logs.iter().flat_map(|of_resource| &of_resource.scope_logs);
    scopes.map(|of_scope| of_scope.log_records.len()).sum()
}

fn points(request: &MetricsRequest) -> usize {
    let scopes = request.resource_metrics.iter().flat_map(|of_resource| &of_resource.scope_metrics);
    scopes.flat_map(|of_scope| &of_scope.metrics).map(Metric::points).sum()
}

fn warning(converted: &Converted) -> String {
    let mut parts = Vec::new();
    if let Some(reason) = converted.reason {
        parts.push(format!("{} data points were left out, the first because {reason}.", converted.rejected));
    }
    if converted.labels_left_out > 0 {
        parts.push(format!(
            "{} attributes of resource and scope were left out: a metric has at most 30 labels.",
            converted.labels_left_out
        ));
    }
    parts.join(" ")
}
