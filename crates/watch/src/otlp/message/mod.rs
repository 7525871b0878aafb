//! The messages of opentelemetry-proto that are read here, for protobuf and for OTLP's JSON; fields that mean nothing here are
//! left out and skipped.
//!
//! On the wire a field of a `oneof` is a field like any other. Where it does no harm, such fields are options here, so that
//! JSON can be derived; of two that are given the reader prefers one.

mod common;
mod logs;
mod metrics;

pub use common::{AnyValue, Attributes, InstrumentationScope, KeyValue, Resource, Value};
#[cfg(test)]
pub use common::{ArrayValue, KeyValueList};
pub use logs::{LogRecord, LogsRequest};
#[cfg(test)]
pub use logs::{ResourceLogs, ScopeLogs};
pub use metrics::{
    Buckets, ExponentialHistogramPoint, HistogramPoint, Metric, MetricsRequest, NumberPoint, SummaryPoint,
};
#[cfg(test)]
pub use metrics::{ExponentialHistogram, Gauge, Histogram, Quantile, ResourceMetrics, ScopeMetrics, Sum, Summary};
