//! The messages of opentelemetry-proto that are read and written here, for protobuf and for OTLP's JSON; fields that mean nothing here are
//! left out and skipped.
//!
//! On the wire a field of a `oneof` is a field like any other. Where it does no harm, such fields are options here, so that
//! JSON can be derived; of two that are given the reader prefers one.

mod common;
mod logs;
mod metrics;

#[cfg(test)]
pub use common::ArrayValue;
pub use common::{AnyValue, Attributes, InstrumentationScope, KeyValue, KeyValueList, Resource, Value};
pub use logs::{LogRecord, LogsRequest};
#[cfg(test)]
pub use logs::{ResourceLogs, ScopeLogs};
pub use metrics::{
    Buckets, ExponentialHistogramPoint, HistogramPoint, Metric, MetricsRequest, NumberPoint, Quantile, ResourceMetrics,
    ScopeMetrics, StringKeyValue, Summary, SummaryPoint,
};
#[cfg(test)]
pub use metrics::{ExponentialHistogram, Gauge, Histogram, Sum};
