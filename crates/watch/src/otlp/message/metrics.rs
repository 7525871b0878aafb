//! `ExportMetricsServiceRequest` and what is in it. Exemplars are not read. Metric streams write it.

use super::common::{InstrumentationScope, KeyValue, Resource};
use crate::otlp::proto_json::{integer, integers, nullable, optional_real, real, reals};
use serde::Deserialize;

/// A body of `/v1/metrics`.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MetricsRequest {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub resource_metrics: Vec<ResourceMetrics>,
}

/// The metrics of one resource.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ResourceMetrics {
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    #[serde(deserialize_with = "nullable")]
    pub scope_metrics: Vec<ScopeMetrics>,
}

/// The metrics that one library made.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ScopeMetrics {
    #[prost(message, optional, tag = "1")]
    pub scope: Option<InstrumentationScope>,
    #[prost(message, repeated, tag = "2")]
    #[serde(deserialize_with = "nullable")]
    pub metrics: Vec<Metric>,
}

/// One metric: points of one kind.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metric {
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    #[prost(string, tag = "3")]
    #[serde(deserialize_with = "nullable")]
    pub unit: String,
    #[prost(message, optional, tag = "5")]
    pub gauge: Option<Gauge>,
    #[prost(message, optional, tag = "7")]
    pub sum: Option<Sum>,
    #[prost(message, optional, tag = "9")]
    pub histogram: Option<Histogram>,
    #[prost(message, optional, tag = "10")]
    pub exponential_histogram: Option<ExponentialHistogram>,
    #[prost(message, optional, tag = "11")]
    pub summary: Option<Summary>,
}

impl Metric {
    /// How many points it has.
    pub fn points(&self) -> usize {
        let Self { gauge, sum, histogram, exponential_histogram, summary, .. } = self;
        gauge.as_ref().map_or(0, |kind| kind.data_points.len())
            + sum.as_ref().map_or(0, |kind| kind.data_points.len())
            + histogram.as_ref().map_or(0, |kind| kind.data_points.len())
            + exponential_histogram.as_ref().map_or(0, |kind| kind.data_points.len())
            + summary.as_ref().map_or(0, |kind| kind.data_points.len())
    }
}

/// Values as they are.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Gauge {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub data_points: Vec<NumberPoint>,
}

/// Values that add up. What they add up since (temporality), and whether they only grow, makes no difference here.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Sum {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub data_points: Vec<NumberPoint>,
}

/// Distributions in buckets of given bounds.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Histogram {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub data_points: Vec<HistogramPoint>,
    /// 1 is delta, 2 cumulative.
    #[prost(int32, tag = "2")]
    #[serde(deserialize_with = "integer")]
    pub aggregation_temporality: i32,
}

/// Distributions in buckets whose bounds are powers of a base.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ExponentialHistogram {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub data_points: Vec<ExponentialHistogramPoint>,
    /// 1 is delta, 2 cumulative.
    #[prost(int32, tag = "2")]
    #[serde(deserialize_with = "integer")]
    pub aggregation_temporality: i32,
}

/// Quantiles that the client computed.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Summary {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub data_points: Vec<SummaryPoint>,
}

/// One value.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NumberPoint {
    #[prost(message, repeated, tag = "7")]
    #[serde(deserialize_with = "nullable")]
    pub attributes: Vec<KeyValue>,
    #[prost(fixed64, tag = "3")]
    #[serde(deserialize_with = "integer")]
    pub time_unix_nano: u64,
    #[prost(double, optional, tag = "4")]
    #[serde(deserialize_with = "optional_real")]
    pub as_double: Option<f64>,
    #[prost(sfixed64, optional, tag = "6")]
    #[serde(deserialize_with = "crate::otlp::proto_json::optional_integer")]
    pub as_int: Option<i64>,
    #[prost(uint32, tag = "8")]
    #[serde(deserialize_with = "integer")]
    pub flags: u32,
}

/// One distribution in buckets of given bounds: the first ends at the first bound (inclusive), the last has no end.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HistogramPoint {
    #[prost(message, repeated, tag = "9")]
    #[serde(deserialize_with = "nullable")]
    pub attributes: Vec<KeyValue>,
    #[prost(fixed64, tag = "2")]
    #[serde(deserialize_with = "integer")]
    pub start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    #[serde(deserialize_with = "integer")]
    pub time_unix_nano: u64,
    #[prost(fixed64, tag = "4")]
    #[serde(deserialize_with = "integer")]
    pub count: u64,
    #[prost(double, optional, tag = "5")]
    #[serde(deserialize_with = "optional_real")]
    pub sum: Option<f64>,
    #[prost(fixed64, repeated, tag = "6")]
    #[serde(deserialize_with = "integers")]
    pub bucket_counts: Vec<u64>,
    #[prost(double, repeated, tag = "7")]
    #[serde(deserialize_with = "reals")]
    pub explicit_bounds: Vec<f64>,
    #[prost(uint32, tag = "10")]
    #[serde(deserialize_with = "integer")]
    pub flags: u32,
    #[prost(double, optional, tag = "11")]
    #[serde(deserialize_with = "optional_real")]
    pub min: Option<f64>,
    #[prost(double, optional, tag = "12")]
    #[serde(deserialize_with = "optional_real")]
    pub max: Option<f64>,
}

/// One distribution in buckets whose bounds are powers of 2^(2^-scale).
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ExponentialHistogramPoint {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub attributes: Vec<KeyValue>,
    #[prost(fixed64, tag = "2")]
    #[serde(deserialize_with = "integer")]
    pub start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    #[serde(deserialize_with = "integer")]
    pub time_unix_nano: u64,
    #[prost(fixed64, tag = "4")]
    #[serde(deserialize_with = "integer")]
    pub count: u64,
    #[prost(double, optional, tag = "5")]
    #[serde(deserialize_with = "optional_real")]
    pub sum: Option<f64>,
    #[prost(sint32, tag = "6")]
    #[serde(deserialize_with = "integer")]
    pub scale: i32,
    #[prost(fixed64, tag = "7")]
    #[serde(deserialize_with = "integer")]
    pub zero_count: u64,
    #[prost(message, optional, tag = "8")]
    pub positive: Option<Buckets>,
    #[prost(message, optional, tag = "9")]
    pub negative: Option<Buckets>,
    #[prost(uint32, tag = "10")]
    #[serde(deserialize_with = "integer")]
    pub flags: u32,
    #[prost(double, optional, tag = "12")]
    #[serde(deserialize_with = "optional_real")]
    pub min: Option<f64>,
    #[prost(double, optional, tag = "13")]
    #[serde(deserialize_with = "optional_real")]
    pub max: Option<f64>,
    #[prost(double, tag = "14")]
    #[serde(deserialize_with = "real")]
    pub zero_threshold: f64,
}

/// Counts of neighbouring buckets; the first has the index `offset`, and index i is (base^i, base^(i+1)].
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Buckets {
    #[prost(sint32, tag = "1")]
    #[serde(deserialize_with = "integer")]
    pub offset: i32,
    #[prost(uint64, repeated, tag = "2")]
    #[serde(deserialize_with = "integers")]
    pub bucket_counts: Vec<u64>,
}

/// Quantiles, and count and sum since the client started.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SummaryPoint {
    /// What opentelemetry-proto 0.7.0 had in place of `attributes`: written by metric streams, not read.
    #[prost(message, repeated, tag = "1")]
    #[serde(skip)]
    pub labels: Vec<StringKeyValue>,
    #[prost(message, repeated, tag = "7")]
    #[serde(deserialize_with = "nullable")]
    pub attributes: Vec<KeyValue>,
    #[prost(fixed64, tag = "2")]
    #[serde(deserialize_with = "integer")]
    pub start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    #[serde(deserialize_with = "integer")]
    pub time_unix_nano: u64,
    #[prost(fixed64, tag = "4")]
    #[serde(deserialize_with = "integer")]
    pub count: u64,
    #[prost(double, tag = "5")]
    #[serde(deserialize_with = "real")]
    pub sum: f64,
    #[prost(message, repeated, tag = "6")]
    #[serde(deserialize_with = "nullable")]
    pub quantile_values: Vec<Quantile>,
    #[prost(uint32, tag = "8")]
    #[serde(deserialize_with = "integer")]
    pub flags: u32,
}

/// A quantile (0 to 1) and its value.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Quantile {
    #[prost(double, tag = "1")]
    #[serde(deserialize_with = "real")]
    pub quantile: f64,
    #[prost(double, tag = "2")]
    #[serde(deserialize_with = "real")]
    pub value: f64,
}

/// A label of opentelemetry-proto 0.7.0.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StringKeyValue {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}
