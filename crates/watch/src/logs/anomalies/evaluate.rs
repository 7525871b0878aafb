//! Runs log anomaly detectors: each at its frequency, over the events that were received in whole windows since it last ran.
//!
//! What a detector learned, what it found and how far it came are noted together. The metric `AnomalyCount` in `AWS/Logs` follows;
//! it counts the anomalies that began, by the name of the detector and by priority. AWS documents its name and its dimensions. Text
//! that data protection masks is looked at as it is shown.

use super::found::{ANOMALIES_MAX, Found};
use super::reading::{Learned, Reading, settings};
use crate::Watch;
use crate::logs::log_anomaly_detectors::window_ms;
use crate::logs::masking::mask_followed;
use catalog::{LogAnomalyDetector, LogAnomalyProgress};
use model::time::{HOUR, MINUTE};
use model::{Batch, Datapoint, GroupId, Observation, SeriesKey, Timestamp};
use query::filter_pattern::FilterPattern;
use query::log_anomalies::Priority;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Text read at a time, bytes.
const PAGE_BYTES: usize = 4 << 20;
/// A detector without new events notes this often how far it came, milliseconds.
const NOTED_EVERY_MS: i64 = HOUR;

/// Why a detector could not be run.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Catalog(#[from] catalog::Error),
    #[error("{0}")]
    Store(#[from] store::Error),
    #[error("filter pattern: {0}")]
    Pattern(String),
    #[error("mask events: {0}")]
    Masked(String),
    #[error("what is stored: {0}")]
    Stored(#[from] serde_json::Error),
    #[error("{0}")]
    Thread(#[from] tokio::task::JoinError),
}

/// Runs every detector that is due, one after the other. One that fails is tried again in the next round.
pub async fn evaluate_anomalies(watch: &Watch) {
    let detectors = match watch.catalog.every_log_anomaly_detector().await {
        Ok(detectors) => detectors,
        Err(error) => {
            tracing::warn!(%error, "read log anomaly detectors");
            return;
        }
    };
    for detector in detectors {
        if let Err(error) = evaluate(watch, &detector).await {
            tracing::warn!(%error, detector = detector.name, id = detector.id, "run a log anomaly detector");
        }
    }
}

/// One round of a detector.
async fn evaluate(watch: &Watch, detector: &LogAnomalyDetector) -> Result<(), Failure> {
    let now = watch.clock.now();
    let end = now.floor_to(window_ms(&detector.frequency));
    if end.0 <= detector.evaluated_ms {
        return Ok(());
    }
    let group = [GroupId(detector.group_id as u64)];
    let (mut position, mut evaluated_ms) = (detector.position as u64, end.0);
    let until = watch.store.log_sequence();
    let mut reading = None;
    while position < until {
        let page = watch.store.follow_logs(&group, position, PAGE_BYTES).await?;
        if page.next <= position {
            break;
        }
        position = page.next;
        if page.logs.is_empty() {
            continue;
        }
        let logs =
            mask_followed(watch, page.logs).await.map_err(|error| Failure::Masked(error.message().to_owned()))?;
        let mut at_work = match reading.take() {
            Some(at_work) => at_work,
            None => begin(watch, detector, end).await?,
        };
        let (at_work, stopped) = tokio::task::spawn_blocking(move || {
            let stopped = at_work.page(logs);
            (at_work, stopped)
        })
        .await?;
        reading = Some(at_work);
        if let Some((sequence, window)) = stopped? {
            (position, evaluated_ms) = (sequence, window);
            break;
        }
    }
    match reading {
        Some(reading) => note(watch, detector, reading, (position, evaluated_ms), now).await,
        None if end.0 - detector.evaluated_ms >= NOTED_EVERY_MS => {
            let status = known_status(&detector.status);
            let progress = LogAnomalyProgress { status, position, evaluated_ms, model: None };
            watch.catalog.advance_log_anomaly_detector(detector, &progress, &[], ANOMALIES_MAX).await?;
            Ok(())
        }
        None => Ok(()),
    }
}

/// Reads what a detector knows.
async fn begin(watch: &Watch, detector: &LogAnomalyDetector, end: Timestamp) -> Result<Reading, Failure> {
    let model = watch.catalog.log_anomaly_model(&detector.id).await?.unwrap_or_default();
    let anomalies = watch.catalog.log_anomalies_of(&detector.id).await?;
    let window_ms = window_ms(&detector.frequency);
    let found = Found::new(detector, window_ms, anomalies, Arc::clone(&watch.ids));
    let times = (detector.evaluated_ms, end.0);
    let (filter_pattern, settings) = (detector.filter_pattern.clone(), settings(detector.visibility_days));
    tokio::task::spawn_blocking(move || {
        let learned = Learned::read(&model, window_ms, filter_pattern.as_deref())?;
        let pattern = filter_pattern.as_deref().map(FilterPattern::parse).transpose();
        let pattern = pattern.map_err(|error| Failure::Pattern(error.to_string()))?;
        Ok(Reading::new(learned, found, settings, pattern, times))
    })
    .await?
}

/// Judges the last window, and notes what came of the round.
async fn note(
    watch: &Watch,
    detector: &LogAnomalyDetector,
    mut reading: Reading,
    (position, evaluated_ms): (u64, i64),
    now: Timestamp,
) -> Result<(), Failure> {
    let judging = tokio::task::spawn_blocking(move || {
        reading.judge()?;
        let is_trained = reading.learned.model.is_trained(evaluated_ms, &reading.settings);
        let model = (reading.windows > 0).then(|| serde_json::to_string(&reading.learned)).transpose()?;
        let (changed, begun) = reading.found.changes();
        Ok::<_, serde_json::Error>((is_trained, model, changed, begun))
    });
    let (is_trained, model, changed, begun) = judging.await??;
    let status = match (is_trained, &model) {
        (true, _) => "ANALYZING",
        (false, Some(_)) => "TRAINING",
        (false, None) => known_status(&detector.status),
    };
    let progress = LogAnomalyProgress { status, position, evaluated_ms, model };
    if watch.catalog.advance_log_anomaly_detector(detector, &progress, &changed, ANOMALIES_MAX).await? {
        let datapoints = datapoints(detector, begun, now);
        if !datapoints.is_empty() {
            watch.store.append(Batch { datapoints, ..Batch::default() }).await?;
        }
    }
    Ok(())
}

/// The status that a detector has.
fn known_status(status: &str) -> &'static str {
    match status {
        "ANALYZING" => "ANALYZING",
        "TRAINING" => "TRAINING",
        _ => "INITIALIZING",
    }
}

/// `AnomalyCount` of a round, at the minute of the round.
fn datapoints(detector: &LogAnomalyDetector, begun: BTreeMap<Priority, u64>, now: Timestamp) -> Vec<Datapoint> {
    let datapoint = |(priority, count): (Priority, u64)| Datapoint {
        series: Arc::new(SeriesKey {
            account: detector.account.clone(),
            region: detector.region.clone(),
            namespace: "AWS/Logs".into(),
            name: "AnomalyCount".into(),
            // Sorted by name, as every series is.
            dimensions: vec![
                ("LogAnomalyDetector".into(), detector.name.clone()),
                ("LogAnomalyPriority".into(), priority.label().into()),
            ],
            unit: "None".into(),
        }),
        timestamp: now.floor_to(MINUTE),
        resolution_secs: 60,
        observation: Observation::value(count as f64),
    };
    begun.into_iter().map(datapoint).collect()
}
