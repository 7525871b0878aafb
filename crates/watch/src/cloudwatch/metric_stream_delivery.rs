//! Metric streams at work: each minute the periods that ended go to the delivery stream, at least once, from a durable position.
//!
//! One JSON object a line (user guide, "CloudWatch metric stream output in JSON format"): one metric and unit, one period of a
//! minute. A period is delivered two minutes after its end; what is put for it later is not. The position moves past a minute when
//! all of its batches were taken; else the minute is sent again, whole. A batch has about 1 MiB. Each stream is delivered by a task
//! of its own, so that one whose destination is slow delays no other. A stream that is more than a day behind skips to a day.

use crate::Watch;
use catalog::{MetricFilter, MetricStream, MetricStreamConfiguration};
use futures::future::BoxFuture;
use model::limits::METRIC_FUTURE_MS_MAX;
use model::time::{DAY, MINUTE};
use model::{Scope, SeriesKey, TimeRange, Timestamp};
use query::metrics::{Cut, grouped_periods};
use query::statistics::{Samples, Statistic};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use store::SeriesFilter;
use tokio::task::JoinSet;

/// How long after its end a period is delivered, milliseconds.
const LAG_MS: i64 = 2 * MINUTE;
/// How far behind a stream may be, milliseconds.
const BACKLOG_MS_MAX: i64 = DAY;
/// A batch is sent when it has this size, bytes (Firehose records: 1,000 KiB).
const BATCH_BYTES: usize = 1_000_000;
/// Series read at once.
const SERIES: usize = 1000;
/// Most deliveries that run at once; the others come in a later minute, those furthest behind first.
const DELIVERIES_MAX: usize = 64;

/// Where a stream begins that is made or started now: with the next period to be delivered.
pub(super) fn first_position(now: Timestamp) -> Timestamp {
    now.floor_to(MINUTE) - LAG_MS
}

/// Where batches go.
pub trait Firehose: Send + Sync + 'static {
    /// Puts one batch of lines; Ok says that the receiver has taken it. Must end, whatever the receiver does.
    fn put(&self, firehose_arn: &str, batch: Vec<u8>) -> BoxFuture<'static, Result<(), String>>;
}

/// Why a delivery ended early.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the destination did not take a batch: {0}")]
    Refused(String),
    #[error("{0}")]
    Catalog(#[from] catalog::Error),
    #[error("{0}")]
    Query(#[from] query::Error),
}

type Name = (Scope, String);

/// The deliveries that run. Dropping it ends them; what was not taken is sent again.
pub struct MetricStreams {
    firehose: Arc<dyn Firehose>,
    busy: HashSet<Name>,
    deliveries: JoinSet<Name>,
}

impl MetricStreams {
    /// None yet.
    pub fn new(firehose: Arc<dyn Firehose>) -> Self {
        Self { firehose, busy: HashSet::new(), deliveries: JoinSet::new() }
    }

    /// Starts the delivery of every running stream that has periods due, unless it is being delivered still. Does not wait.
    pub async fn start_due(&mut self, watch: &Watch) {
        while let Some(ended) = self.deliveries.try_join_next() {
            self.end(ended);
        }
        let end = first_position(watch.clock.now());
        let due = match watch.catalog.due_metric_streams(end).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "read metric streams");
                return;
            }
        };
        for stream in due {
            let name = (stream.scope.clone(), stream.name.clone());
            if self.busy.len() < DELIVERIES_MAX && self.busy.insert(name.clone()) {
                let (watch, firehose) = (watch.clone(), Arc::clone(&self.firehose));
                self.deliveries.spawn(async move {
                    if let Err(error) = deliver(&watch, &*firehose, stream, end).await {
                        tracing::warn!(stream = name.1, %error, "deliver metric stream");
                    }
                    name
                });
            }
        }
    }

    /// Waits until what was started has ended.
    pub async fn finish(&mut self) {
        while let Some(ended) = self.deliveries.join_next().await {
            self.end(ended);
        }
    }

    fn end(&mut self, ended: Result<Name, tokio::task::JoinError>) {
        match ended {
            Ok(name) => drop(self.busy.remove(&name)),
            // A panic took the name with it: whoever waits behind it must not wait for ever.
            Err(error) => {
                tracing::error!(%error, "a delivery panicked");
                if self.deliveries.is_empty() {
                    self.busy.clear();
                }
            }
        }
    }
}

/// Delivers minute by minute up to `end`, as long as the stream runs and its batches are taken.
async fn deliver(
    watch: &Watch,
    firehose: &dyn Firehose,
    mut stream: MetricStream,
    end: Timestamp,
) -> Result<(), Failure> {
    let earliest = end - BACKLOG_MS_MAX;
    if stream.position < earliest {
        tracing::warn!(stream = stream.name, from = %stream.position, to = %earliest, "metric stream skips");
        watch.catalog.move_metric_stream(&stream.scope, &stream.name, stream.position, earliest).await?;
        stream.position = earliest;
    }
    while stream.running && stream.position < end {
        let next = stream.position + MINUTE;
        deliver_minute(watch, firehose, &stream).await?;
        watch.catalog.move_metric_stream(&stream.scope, &stream.name, stream.position, next).await?;
        // It may have been changed, stopped or deleted meanwhile.
        match watch.catalog.metric_stream(&stream.scope, &stream.name).await? {
            Some(now) if now.position > stream.position => stream = now,
            _ => break,
        }
    }
    Ok(())
}

async fn deliver_minute(watch: &Watch, firehose: &dyn Firehose, stream: &MetricStream) -> Result<(), Failure> {
    let configuration = &stream.configuration;
    let filter = SeriesFilter {
        account: stream.scope.account.clone(),
        region: stream.scope.region.clone(),
        active_since: Some(stream.position - METRIC_FUTURE_MS_MAX),
        ..SeriesFilter::default()
    };
    let mut series = watch.store.list_series(&filter);
    series.retain(|key| is_wanted(configuration, key));
    let range = TimeRange::new(stream.position, stream.position + MINUTE);
    let mut batch = Vec::new();
    for part in series.chunks(SERIES) {
        let raw = part.iter().any(|key| statistics(configuration, key).next().is_some());
        let cut = Cut { range, period_ms: MINUTE, raw };
        let found = grouped_periods(&watch.store, part, (0..part.len()).collect(), cut).await?;
        for (key, periods) in part.iter().zip(found) {
            for (start, samples) in periods {
                batch.extend_from_slice(line(stream, key, start, &samples).to_string().as_bytes());
                batch.push(b'\n');
                if batch.len() >= BATCH_BYTES {
                    let full = std::mem::take(&mut batch);
                    firehose.put(&configuration.firehose_arn, full).await.map_err(Failure::Refused)?;
                }
            }
        }
    }
    if !batch.is_empty() {
        firehose.put(&configuration.firehose_arn, batch).await.map_err(Failure::Refused)?;
    }
    Ok(())
}

fn is_wanted(configuration: &MetricStreamConfiguration, key: &SeriesKey) -> bool {
    let names = |filter: &MetricFilter| {
        filter.namespace.as_ref() == Some(&key.namespace)
            && filter.metric_names.as_ref().is_none_or(|names| names.contains(&key.name))
    };
    let any = |filters: &Vec<MetricFilter>| filters.iter().any(names);
    configuration.include.as_ref().is_none_or(any) && !configuration.exclude.as_ref().is_some_and(any)
}

/// The further statistics of a metric.
fn statistics<'a>(
    configuration: &'a MetricStreamConfiguration,
    key: &'a SeriesKey,
) -> impl Iterator<Item = &'a String> {
    let entries = configuration.statistics.iter().flatten();
    let of_metric =
        entries.filter(move |entry| entry.metrics.iter().any(|(n, m)| *n == key.namespace && *m == key.name));
    of_metric.flat_map(|entry| &entry.statistics)
}

fn line(stream: &MetricStream, key: &SeriesKey, start: Timestamp, samples: &Samples) -> Value {
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
    json!({
        "metric_stream_name": stream.name,
        "account_id": stream.scope.account,
        "region": stream.scope.region,
        "namespace": key.namespace,
        "metric_name": key.name,
        "dimensions": dimensions,
        "timestamp": start.millis(),
        "value": value,
        "unit": key.unit,
    })
}
