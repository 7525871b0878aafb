//! Metric streams at work: each minute the periods that ended go to the delivery stream, at least once, from a durable position.
//!
//! A period is of a minute, and is delivered two minutes after its end; what is put for it later is not. The position moves past a
//! minute when all of its batches were taken; else the minute is sent again, whole. A batch has at most 1 MB, in the format of the
//! stream (`output`), and goes to a delivery stream or a bucket (`destination`). Each stream is delivered by a task of its own, so
//! that one whose destination is slow delays no other. A stream that is more than a day behind skips to a day.

mod destination;
mod json;
mod opentelemetry;
mod output;
#[cfg(test)]
mod tests;

pub(super) use destination::Destination;
pub(super) use opentelemetry::percent;
pub(super) use output::OutputFormat;

use crate::{Watch, buckets};
use catalog::{MetricFilter, MetricStream, MetricStreamConfiguration};
use futures::future::BoxFuture;
use model::limits::METRIC_FUTURE_MS_MAX;
use model::time::{DAY, MINUTE};
use model::{Scope, SeriesKey, TimeRange, Timestamp};
use output::{Output, statistics};
use query::metrics::{Cut, grouped_periods};
use std::collections::HashSet;
use std::sync::Arc;
use store::SeriesFilter;
use tokio::task::JoinSet;

/// How long after its end a period is delivered, milliseconds.
const LAG_MS: i64 = 2 * MINUTE;
/// How far behind a stream may be, milliseconds.
const BACKLOG_MS_MAX: i64 = DAY;
/// Series read at once.
const SERIES: usize = 1000;
/// Most deliveries that run at once; the others come in a later minute, those furthest behind first.
const DELIVERIES_MAX: usize = 64;

/// Where a stream begins that is made or started now: with the next period to be delivered.
pub(super) fn first_position(now: Timestamp) -> Timestamp {
    now.floor_to(MINUTE) - LAG_MS
}

/// Where batches for delivery streams go.
pub trait Firehose: Send + Sync + 'static {
    /// Puts one batch, which is of this media type; Ok says that the receiver has taken it. Must end, whatever the receiver does.
    fn put(
        &self,
        firehose_arn: &str,
        content_type: &'static str,
        batch: Vec<u8>,
    ) -> BoxFuture<'static, Result<(), String>>;
}

/// Why a delivery ended early.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the destination did not take a batch: {0}")]
    Refused(String),
    #[error("the kept configuration is not one")]
    Configuration,
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
    let format = OutputFormat::parse(&configuration.output_format).ok_or(Failure::Configuration)?;
    let filter = SeriesFilter {
        account: stream.scope.account.clone(),
        region: stream.scope.region.clone(),
        active_since: Some(stream.position - METRIC_FUTURE_MS_MAX),
        ..SeriesFilter::default()
    };
    let mut series = watch.store.list_series(&filter);
    series.retain(|key| is_wanted(configuration, key));
    let range = TimeRange::new(stream.position, stream.position + MINUTE);
    let mut output = Output::new(stream, format);
    let mut sent = 0;
    for part in series.chunks(SERIES) {
        let raw = part.iter().any(|key| statistics(configuration, key).next().is_some());
        let cut = Cut { range, period_ms: MINUTE, raw };
        let found = grouped_periods(&watch.store, part, (0..part.len()).collect(), cut).await?;
        for (key, periods) in part.iter().zip(found) {
            for (start, samples) in periods {
                if let Some(full) = output.add(key, start, &samples) {
                    send(watch, firehose, stream, format, sent, full).await?;
                    sent += 1;
                }
            }
        }
    }
    match output.finish() {
        Some(last) => send(watch, firehose, stream, format, sent, last).await,
        None => Ok(()),
    }
}

/// Sends one batch; `number` counts those of the minute.
async fn send(
    watch: &Watch,
    firehose: &dyn Firehose,
    stream: &MetricStream,
    format: OutputFormat,
    number: usize,
    batch: Vec<u8>,
) -> Result<(), Failure> {
    let arn = &stream.configuration.firehose_arn;
    match Destination::parse(arn).ok_or(Failure::Configuration)? {
        Destination::Firehose => firehose.put(arn, format.content_type(), batch).await.map_err(Failure::Refused),
        Destination::Bucket { bucket, prefix } => {
            let key = destination::object_key(stream, prefix, number);
            let put = buckets::put_for(watch, &stream.scope, bucket, &key, batch).await;
            put.map_err(|error| Failure::Refused(error.to_string()))
        }
    }
}

fn is_wanted(configuration: &MetricStreamConfiguration, key: &SeriesKey) -> bool {
    let names = |filter: &MetricFilter| {
        filter.namespace.as_ref() == Some(&key.namespace)
            && filter.metric_names.as_ref().is_none_or(|names| names.contains(&key.name))
    };
    let any = |filters: &Vec<MetricFilter>| filters.iter().any(names);
    configuration.include.as_ref().is_none_or(any) && !configuration.exclude.as_ref().is_some_and(any)
}
