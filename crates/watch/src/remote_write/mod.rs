//! Prometheus remote write, version 1: samples become datapoints.
//!
//! Source: <https://prometheus.io/docs/specs/prw/remote_write_spec/>. A body is a `prometheus.WriteRequest` in a block of
//! Snappy. `__name__` is the metric, the other labels are its dimensions; the namespace is `Prometheus` unless the request says
//! another. Counters and classic histograms are stored as they come: PromQL takes their rates.
//!
//! Markers of staleness and other values that are no numbers are passed over. Samples that no metric can hold are left out, the
//! others of the request are stored, and the answer is an error of status 400, so that Prometheus counts the failure and does not
//! send again: those more than two weeks old or two hours ahead, beyond 2^360, of series without a name or with more than 30
//! labels, and native histograms. A request that is sent again is stored again.
//!
//! AWS has no such endpoint in CloudWatch; that of its Prometheus service signs for the service `aps`.

mod message;
#[cfg(test)]
mod tests;

use crate::Watch;
use crate::cloudwatch::series::Metrics;
use crate::dimensions::{Dimensions, is_printable};
use crate::reading::reading;
use message::TimeSeries;
use model::limits::{
    METRIC_FUTURE_MS_MAX, METRIC_PAST_MS_MAX, METRIC_VALUE_MAX, REMOTE_WRITE_BYTES_MAX, REMOTE_WRITE_SAMPLES_MAX,
};
use model::time::SECOND;
use model::{Batch, Datapoint, Observation, Scope, Timestamp};
use std::sync::Arc;
use wire::ApiError;
use wire::error::common;

/// Namespace of metrics whose request says none.
pub const DEFAULT_NAMESPACE: &str = "Prometheus";
const NAME: &str = "__name__";

/// Stores the samples of a compressed body.
///
/// # Errors
/// What the client did wrong, with a status below 500, also when a part of the samples was stored; what the store says.
pub async fn write(watch: &Watch, scope: &Scope, namespace: &str, body: &[u8]) -> Result<(), ApiError> {
    if !crate::otlp::is_namespace(namespace) {
        let message = "A namespace has 1 to 255 printable characters and does not begin with a colon.";
        return Err(ApiError::new(&common::VALIDATION_EXCEPTION, message));
    }
    let bytes = snap::raw::decompress_len(body).map_err(|_| damaged())?;
    let reading = reading(bytes, REMOTE_WRITE_BYTES_MAX).await?;
    let plain = snap::raw::Decoder::new().decompress_vec(body).map_err(|_| damaged())?;
    let Converted { datapoints, rejected, reason, .. } = convert(scope, namespace, &plain, watch.clock.now())?;
    drop((plain, reading));
    let stored = datapoints.len();
    if stored > 0 {
        watch.store.append(Batch { datapoints, ..Batch::default() }).await?;
    }
    let Some(reason) = reason else { return Ok(()) };
    let message = format!("{rejected} samples were left out, the first because {reason}; {stored} were stored.");
    Err(ApiError::new(&common::VALIDATION_EXCEPTION, message))
}

fn damaged() -> ApiError {
    ApiError::new(&common::SERIALIZATION, "The body is not a block of Snappy.")
}

#[derive(Debug, Default)]
struct Converted {
    datapoints: Vec<Datapoint>,
    /// Samples of the request.
    samples: usize,
    /// Samples left out, and why the first of them was.
    rejected: usize,
    reason: Option<String>,
}

impl Converted {
    fn reject(&mut self, count: usize, reason: impl FnOnce() -> String) {
        if count > 0 {
            self.rejected += count;
            self.reason.get_or_insert_with(reason);
        }
    }
}

/// The datapoints of a decompressed body.
fn convert(scope: &Scope, namespace: &str, plain: &[u8], now: Timestamp) -> Result<Converted, ApiError> {
    let mut metrics = Metrics::new(scope, namespace);
    let mut converted = Converted::default();
    let read = message::read(plain, |series| {
        converted.samples += series.samples.len();
        if converted.samples <= REMOTE_WRITE_SAMPLES_MAX {
            converted.add(&mut metrics, series, now);
        }
    });
    read.map_err(|damage| {
        ApiError::new(&common::SERIALIZATION, format!("The body is not a prometheus.WriteRequest: {damage}"))
    })?;
    let samples = converted.samples;
    if samples > REMOTE_WRITE_SAMPLES_MAX {
        let message = format!("The request has {samples} samples, more than {REMOTE_WRITE_SAMPLES_MAX}.");
        return Err(ApiError::new(&common::REQUEST_TOO_LARGE, message));
    }
    Ok(converted)
}

impl Converted {
    fn add(&mut self, metrics: &mut Metrics<'_>, of_series: &TimeSeries<'_>, now: Timestamp) {
        self.reject(of_series.histograms, || "native histograms are not taken".to_owned());
        let labels = &of_series.labels;
        let series = match metrics.spelled(labels, || name_and_dimensions(labels)) {
            Ok(series) => series,
            Err(reason) => return self.reject(of_series.samples.len(), || reason.to_owned()),
        };
        for sample in of_series.samples.iter().filter(|sample| !sample.value.is_nan()) {
            let timestamp = Timestamp(sample.timestamp);
            let reason = match now - timestamp {
                _ if sample.value.abs() > METRIC_VALUE_MAX => "its value is beyond 2^360",
                age if age > METRIC_PAST_MS_MAX => "it is more than two weeks in the past",
                age if age < -METRIC_FUTURE_MS_MAX => "it is more than two hours in the future",
                _ => {
                    self.datapoints.push(Datapoint {
                        series: Arc::clone(&series),
                        timestamp: timestamp.floor_to(SECOND),
                        resolution_secs: 60,
                        observation: Observation::value(sample.value),
                    });
                    continue;
                }
            };
            self.reject(1, || format!("{reason} ({})", series.name));
        }
    }
}

/// What a metric is called, and its dimensions.
type Spelled = (String, Vec<(String, String)>);

fn name_and_dimensions(labels: &[u8]) -> Result<Spelled, &'static str> {
    let mut metric = "";
    let mut dimensions = Dimensions::default();
    for label in message::labels(labels) {
        match label? {
            (NAME, value) => metric = value,
            // An empty label is no label.
            (_, "") => {}
            (name, value) => dimensions.require(name, value)?,
        }
    }
    if metric.chars().count() > 255 || !is_printable(metric) {
        return Err("a series has no name of 1 to 255 printable characters");
    }
    Ok((metric.to_owned(), dimensions.into_pairs()))
}
