//! Periods as the bytes of batches, in the format that the stream asks for.

use super::{json, opentelemetry};
use catalog::{MetricStream, MetricStreamConfiguration};
use model::{SeriesKey, Timestamp};
use query::statistics::Samples;

/// A batch has at most this size, bytes, unless one period is larger (Firehose records: 1,000 KiB).
const BATCH_BYTES: usize = 1_000_000;

/// What PutMetricStream calls `OutputFormat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// One JSON object a line.
    Json,
    /// Requests of opentelemetry-proto, each behind its length.
    OpenTelemetry(opentelemetry::Version),
}

impl OutputFormat {
    /// By its name in the API; `None` for what is no format.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "opentelemetry0.7" => Some(Self::OpenTelemetry(opentelemetry::Version::V07)),
            "opentelemetry1.0" => Some(Self::OpenTelemetry(opentelemetry::Version::V10)),
            _ => None,
        }
    }

    /// The media type of a batch.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-ndjson",
            Self::OpenTelemetry(_) => "application/x-protobuf; encoding=delimited",
        }
    }
}

/// Gathers periods to batches.
pub struct Output<'a> {
    stream: &'a MetricStream,
    pending: Pending,
}

enum Pending {
    Lines(Vec<u8>),
    Request(opentelemetry::Request),
}

impl<'a> Output<'a> {
    /// An empty one.
    pub fn new(stream: &'a MetricStream, format: OutputFormat) -> Self {
        let pending = match format {
            OutputFormat::Json => Pending::Lines(Vec::new()),
            OutputFormat::OpenTelemetry(version) => Pending::Request(opentelemetry::Request::new(version)),
        };
        Self { stream, pending }
    }

    /// Adds a period; answers the batch that was full before it.
    pub fn add(&mut self, key: &SeriesKey, start: Timestamp, samples: &Samples) -> Option<Vec<u8>> {
        match &mut self.pending {
            Pending::Lines(lines) => {
                let line = json::line(self.stream, key, start, samples);
                let full = is_full(lines.len(), line.len()).then(|| std::mem::take(lines));
                lines.extend_from_slice(&line);
                full
            }
            Pending::Request(request) => {
                let point = request.point(&self.stream.configuration, key, start, samples);
                let full = is_full(request.size(), point.size()).then(|| request.take(self.stream));
                request.push(point);
                full
            }
        }
    }

    /// The last batch, if it has anything.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        match &mut self.pending {
            Pending::Lines(lines) => (!lines.is_empty()).then(|| std::mem::take(lines)),
            Pending::Request(request) => (request.size() > 0).then(|| request.take(self.stream)),
        }
    }
}

fn is_full(size: usize, more: usize) -> bool {
    size > 0 && size + more > BATCH_BYTES
}

/// The further statistics of a metric.
pub fn statistics<'a>(
    configuration: &'a MetricStreamConfiguration,
    key: &'a SeriesKey,
) -> impl Iterator<Item = &'a String> {
    let entries = configuration.statistics.iter().flatten();
    let of_metric =
        entries.filter(move |entry| entry.metrics.iter().any(|(n, m)| *n == key.namespace && *m == key.name));
    of_metric.flat_map(|entry| &entry.statistics)
}
