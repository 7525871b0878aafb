//! OTLP/HTTP: bodies of `/v1/logs` and `/v1/metrics` become log events and datapoints, and their answers become bytes.
//!
//! Sources: <https://opentelemetry.io/docs/specs/otlp/>, opentelemetry-proto 1.x, and AWS's user guide ("OTLP Endpoints", "Sending
//! logs using the OTLP endpoint", "PromQL querying"). AWS serves OTLP 1.x over HTTP only, in protobuf and JSON, with gzip or
//! nothing.
//!
//! **Logs.** The headers `x-aws-log-group` and `x-aws-log-stream` name the target, which must exist. A log record is stored as
//! one JSON object (`log_lines`). What is too old, too new or expired by PutLogEvents' rules is left out and counted.
//!
//! **Metrics.** AWS has no namespaces for OpenTelemetry metrics and shows them to PromQL only. Here they are metrics like all
//! others: the namespace is what the request says, else the resource's `service.name`, else `OTel`; labels are dimensions under
//! the names that AWS documents for PromQL (`series`). What each kind of metric becomes stands in `data_points`.
//!
//! What differs from AWS: metrics have at most 30 labels, not 150. A batch of logs may span more than 24 hours. An event larger
//! than 1 MB is left out and counted; AWS cuts its largest fields out into objects of their own. Not known of AWS, and chosen
//! here: 4 MiB of decompressed body, 10,000 log records or data points, statuses and texts of errors.

mod answer;
mod cumulative;
mod data_points;
mod encoding;
mod export;
mod histogram;
mod log_lines;
pub(crate) mod message;
mod proto_json;
mod series;
#[cfg(test)]
mod tests;
mod unit;

pub use answer::{Answer, Signal, Status};
pub use cumulative::Cumulative;
pub use encoding::Encoding;
pub use export::{export_logs, export_metrics};
pub(crate) use series::is_namespace;
pub(crate) use unit::ucum_unit;
