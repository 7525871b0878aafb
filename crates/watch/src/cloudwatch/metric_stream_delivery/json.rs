//! A period as a line of JSON (user guide, "CloudWatch metric stream output in JSON format"): one metric and unit.

use super::output::statistics;
use catalog::MetricStream;
use model::{SeriesKey, Timestamp};
use query::statistics::{Samples, Statistic};
use serde_json::{Map, Value, json};

/// The line, with its end.
pub fn line(stream: &MetricStream, key: &SeriesKey, start: Timestamp, samples: &Samples) -> Vec<u8> {
    let totals = samples.totals();
    let mut value = Map::new();
    for (name, number) in [("count", totals.count), ("sum", totals.sum), ("max", totals.max), ("min", totals.min)] {
        value.insert(name.into(), number.into());
    }
    for name in statistics(&stream.configuration, key) {
        let number = Statistic::parse(name).ok().and_then(|statistic| samples.evaluate(&statistic));
        if let Some(number) = number {
            value.insert(name.clone(), number.into());
        }
    }
    let dimensions: Map<String, Value> =
        key.dimensions.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let line = json!({
        "metric_stream_name": stream.name,
        "account_id": stream.scope.account,
        "region": stream.scope.region,
        "namespace": key.namespace,
        "metric_name": key.name,
        "dimensions": dimensions,
        "timestamp": start.millis(),
        "value": value,
        "unit": key.unit,
    });
    format!("{line}\n").into_bytes()
}
