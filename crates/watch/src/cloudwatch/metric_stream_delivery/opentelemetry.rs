//! Periods as `ExportMetricsServiceRequest`, each request behind its length, as metric streams write them.
//!
//! User guide, "CloudWatch metric stream output in OpenTelemetry 1.0.0 format", "… 0.7.0 format", and the two "Translations with
//! OpenTelemetry …". A metric is named `amazonaws.com/NAMESPACE/NAME` and holds points of type Summary: count, sum, and as
//! quantiles the minimum (0.0), the percentiles that the stream adds, and the maximum (1.0), ascending. The resource names
//! provider, account, region and metric stream. The formats differ in how a point is named: 1.0.0 has the attributes `Namespace`,
//! `MetricName` and `Dimensions`, a nested list; 0.7.0 has labels, one for each dimension beside those of namespace and name.
//!
//! Not told by the guide, and chosen here: a point without dimensions has an empty `Dimensions`; a count that is not whole is
//! rounded; `None` is the unit `1` (the table says so, the example of 1.0.0 shows `NoneTranslated`).

use super::output::statistics;
use crate::otlp::message::{
    AnyValue, KeyValue, KeyValueList, Metric, MetricsRequest, Quantile, Resource, ResourceMetrics, ScopeMetrics,
    StringKeyValue, Summary, SummaryPoint, Value,
};
use crate::otlp::ucum_unit;
use catalog::{MetricStream, MetricStreamConfiguration};
use model::time::MINUTE;
use model::{SeriesKey, Timestamp, arn};
use prost::Message;
use query::statistics::{Samples, Statistic};
use std::collections::BTreeMap;

/// Bytes that a point or a metric takes beside what is in it, at most: tags and lengths of the messages around it.
const FRAME_BYTES: usize = 16;

/// Of opentelemetry-proto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 0.7.0: points have labels.
    V07,
    /// 1.0.0: points have attributes.
    V10,
}

/// One point, and the metric that it is of.
pub struct Point {
    name: String,
    unit: &'static str,
    point: SummaryPoint,
}

impl Point {
    /// What it adds to a request, bytes, at most.
    pub fn size(&self) -> usize {
        self.point.encoded_len() + self.name.len() + self.unit.len() + 2 * FRAME_BYTES
    }
}

/// A request that grows: each metric is there once, with all its points.
pub struct Request {
    version: Version,
    metrics: BTreeMap<(String, &'static str), Vec<SummaryPoint>>,
    size: usize,
}

impl Request {
    /// An empty one.
    pub fn new(version: Version) -> Self {
        Self { version, metrics: BTreeMap::new(), size: 0 }
    }

    /// Its points' size in bytes, 0 when it has none.
    pub fn size(&self) -> usize {
        self.size
    }

    /// A minute that began at `start`, as a point.
    pub fn point(
        &self,
        configuration: &MetricStreamConfiguration,
        key: &SeriesKey,
        start: Timestamp,
        samples: &Samples,
    ) -> Point {
        let totals = samples.totals();
        let mut point = SummaryPoint {
            start_time_unix_nano: nanos(start),
            time_unix_nano: nanos(start + MINUTE),
            count: totals.count.round() as u64,
            sum: totals.sum,
            quantile_values: quantiles(configuration, key, samples),
            ..SummaryPoint::default()
        };
        match self.version {
            Version::V07 => point.labels = labels(key),
            Version::V10 => point.attributes = attributes(key),
        }
        let name = format!("amazonaws.com/{}/{}", key.namespace, key.name);
        Point { name, unit: ucum_unit(&key.unit), point }
    }

    /// Adds a point to its metric.
    pub fn push(&mut self, point: Point) {
        self.size += point.size();
        self.metrics.entry((point.name, point.unit)).or_default().push(point.point);
    }

    /// The bytes of all points so far, which it then no longer has.
    pub fn take(&mut self, stream: &MetricStream) -> Vec<u8> {
        self.size = 0;
        let metric = |((name, unit), data_points): ((String, &str), _)| Metric {
            name,
            unit: unit.to_owned(),
            summary: Some(Summary { data_points }),
            ..Metric::default()
        };
        let metrics = std::mem::take(&mut self.metrics).into_iter().map(metric).collect();
        let scope_metrics = vec![ScopeMetrics { scope: None, metrics }];
        let resource_metrics = vec![ResourceMetrics { resource: Some(resource(stream)), scope_metrics }];
        MetricsRequest { resource_metrics }.encode_length_delimited_to_vec()
    }
}

/// Nanoseconds since the epoch; 0 for what is before it.
fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.millis()).unwrap_or(0).saturating_mul(1_000_000)
}

/// Minimum, further percentiles and maximum, strictly ascending.
fn quantiles(configuration: &MetricStreamConfiguration, key: &SeriesKey, samples: &Samples) -> Vec<Quantile> {
    let mut percents: Vec<f64> = statistics(configuration, key).filter_map(|name| percent(name)).collect();
    // What is at the ends is told by minimum and maximum.
    percents.retain(|percent| *percent > 0.0 && *percent < 100.0);
    percents.sort_by(f64::total_cmp);
    percents.dedup();
    let between = percents.into_iter().filter_map(|percent| {
        let value = samples.evaluate(&Statistic::Percentile(percent))?;
        Some(Quantile { quantile: hundredth(percent), value })
    });
    let totals = samples.totals();
    let first = Quantile { quantile: 0.0, value: totals.min };
    let last = Quantile { quantile: 1.0, value: totals.max };
    std::iter::once(first).chain(between).chain([last]).collect()
}

/// The percentage of `p99`; `None` for statistics that are no percentiles.
pub fn percent(statistic: &str) -> Option<f64> {
    match Statistic::parse(statistic) {
        Ok(Statistic::Percentile(percent)) => Some(percent),
        _ => None,
    }
}

/// The number nearest to `percent / 100` as it is written: 0.999 for 99.9, which division misses.
fn hundredth(percent: f64) -> f64 {
    format!("{percent}e-2").parse().unwrap_or(percent / 100.0)
}

fn labels(key: &SeriesKey) -> Vec<StringKeyValue> {
    let label = |key: &str, value: &str| StringKeyValue { key: key.to_owned(), value: value.to_owned() };
    let own = [label("Namespace", &key.namespace), label("MetricName", &key.name)];
    own.into_iter().chain(key.dimensions.iter().map(|(name, value)| label(name, value))).collect()
}

fn attributes(key: &SeriesKey) -> Vec<KeyValue> {
    let values = key.dimensions.iter().map(|(name, value)| text(name, value)).collect();
    let dimensions = AnyValue { value: Some(Value::Map(KeyValueList { values })) };
    vec![
        text("Namespace", &key.namespace),
        text("MetricName", &key.name),
        KeyValue { key: "Dimensions".to_owned(), value: Some(dimensions) },
    ]
}

fn resource(stream: &MetricStream) -> Resource {
    let exporter = arn::metric_stream(&stream.scope, &stream.name);
    Resource {
        attributes: vec![
            text("cloud.provider", "aws"),
            text("cloud.account.id", &stream.scope.account),
            text("cloud.region", &stream.scope.region),
            text("aws.exporter.arn", &exporter),
        ],
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::Text(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value) }
}
