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
use crate::dimensions::{Dimensions, is_printable};
use crate::reading::reading;
use message::{TimeSeries, WriteRequest};
use model::limits::{
    METRIC_FUTURE_MS_MAX, METRIC_PAST_MS_MAX, METRIC_VALUE_MAX, REMOTE_WRITE_BYTES_MAX, REMOTE_WRITE_SAMPLES_MAX,
};
use model::time::SECOND;
use model::{Batch, Datapoint, Observation, Scope, SeriesKey, Timestamp};
use prost::Message;
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
    let request = decode(body)?;
    let samples: usize = request.timeseries.iter().map(|series| series.samples.len()).sum();
    if samples > REMOTE_WRITE_SAMPLES_MAX {
        let message = format!("The request has {samples} samples, more than {REMOTE_WRITE_SAMPLES_MAX}.");
        return Err(ApiError::new(&common::REQUEST_TOO_LARGE, message));
    }
    let Converted { datapoints, rejected, reason } = convert(scope, namespace, &request, watch.clock.now());
    drop((request, reading));
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

/// Reads a body whose size after decompression is known to be right.
fn decode(body: &[u8]) -> Result<WriteRequest, ApiError> {
    let plain = snap::raw::Decoder::new().decompress_vec(body).map_err(|_| damaged())?;
    WriteRequest::decode(plain.as_slice()).map_err(|error| {
        ApiError::new(&common::SERIALIZATION, format!("The body is not a prometheus.WriteRequest: {error}"))
    })
}

#[derive(Debug, Default)]
struct Converted {
    datapoints: Vec<Datapoint>,
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

fn convert(scope: &Scope, namespace: &str, request: &WriteRequest, now: Timestamp) -> Converted {
    let mut converted = Converted::default();
    for of_series in &request.timeseries {
        converted.reject(of_series.histograms.len(), || "native histograms are not taken".to_owned());
        let series = match series(scope, namespace, of_series) {
            Ok(series) => Arc::new(series),
            Err(reason) => {
                converted.reject(of_series.samples.len(), || reason.to_owned());
                continue;
            }
        };
        for sample in of_series.samples.iter().filter(|sample| !sample.value.is_nan()) {
            let timestamp = Timestamp(sample.timestamp);
            let reason = match now - timestamp {
                _ if sample.value.abs() > METRIC_VALUE_MAX => "its value is beyond 2^360",
                age if age > METRIC_PAST_MS_MAX => "it is more than two weeks in the past",
                age if age < -METRIC_FUTURE_MS_MAX => "it is more than two hours in the future",
                _ => {
                    converted.datapoints.push(Datapoint {
                        series: Arc::clone(&series),
                        timestamp: timestamp.floor_to(SECOND),
                        resolution_secs: 60,
                        observation: Observation::value(sample.value),
                    });
                    continue;
                }
            };
            converted.reject(1, || format!("{reason} ({})", series.name));
        }
    }
    converted
}

fn series(scope: &Scope, namespace: &str, of_series: &TimeSeries) -> Result<SeriesKey, &'static str> {
    let mut name = "";
    let mut dimensions = Dimensions::default();
    for label in &of_series.labels {
        match label.name.as_str() {
            NAME => name = &label.value,
            // An empty label is no label.
            _ if label.value.is_empty() => {}
            other => dimensions.require(other, &label.value)?,
        }
    }
    if name.chars().count() > 255 || !is_printable(name) {
        return Err("a series has no name of 1 to 255 printable characters");
    }
    Ok(SeriesKey {
        account: scope.account.clone(),
        region: scope.region.clone(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        dimensions: dimensions.into_pairs(),
        unit: "None".to_owned(),
    })
}
