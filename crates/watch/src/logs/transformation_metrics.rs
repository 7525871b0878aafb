//! What transformers made of the events of a batch, as metrics of the namespace `AWS/Logs`: `TransformedLogEvents`,
//! `TransformedBytes`, `TransformationErrors` by log group (user guide, "Transformation metrics and errors").

use super::group_rules::transforming;
use super::transformer::counted;
use crate::Watch;
use model::{Batch, Datapoint, Observation, Scope, SeriesKey, Timestamp};
use query::transformer::Origin;
use std::sync::Arc;
use wire::ApiError;

/// The batch, whose events go to this group and stream, with what its transformer makes of them.
pub(super) async fn with_transformations(
    watch: &Watch,
    scope: &Scope,
    (group, stream): (&str, &str),
    batch: Batch,
) -> Result<Batch, ApiError> {
    let Some(first) = batch.logs.first() else { return Ok(batch) };
    let Some(transforming) = transforming(watch, first.group).await? else { return Ok(batch) };
    let (scope, group, stream) = (scope.clone(), group.to_owned(), stream.to_owned());
    let at = watch.clock.now();
    // On a thread of its own: other requests must not wait for a regular expression.
    let counting = tokio::task::spawn_blocking(move || {
        let mut batch = batch;
        let origin = Origin {
            log_group: &group,
            log_stream: &stream,
            account: &scope.account,
            region: &scope.region,
            timestamp: at,
        };
        let is_transformed = |event: &&model::LogEvent| transforming.since <= event.ingestion_time;
        let events = batch.logs.iter().filter(is_transformed).map(|event| (event.timestamp, event.message.as_str()));
        let (made, bytes, failed) = counted(&transforming.transformer, events, &origin);
        let datapoint = |name: &str, unit: &str, value: f64, count: f64| Datapoint {
            series: Arc::new(SeriesKey {
                account: scope.account.clone(),
                region: scope.region.clone(),
                namespace: "AWS/Logs".into(),
                name: name.into(),
                dimensions: vec![("LogGroupName".into(), group.clone())],
                unit: unit.into(),
            }),
            timestamp: Timestamp(at.0 - at.0.rem_euclid(1000)),
            resolution_secs: 60,
            observation: Observation::Values(vec![(value, count)].into()),
        };
        if made > 0 {
            batch.datapoints.push(datapoint("TransformedLogEvents", "Count", 1.0, made as f64));
            batch.datapoints.push(datapoint("TransformedBytes", "Bytes", bytes as f64, 1.0));
        }
        if failed > 0 {
            batch.datapoints.push(datapoint("TransformationErrors", "Count", 1.0, failed as f64));
        }
        batch
    });
    counting.await.map_err(|error| store::Error::Bug(format!("transform: {error}")).into())
}
