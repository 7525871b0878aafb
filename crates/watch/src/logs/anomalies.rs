//! ListAnomalies and UpdateAnomaly: what log anomaly detectors have found, and which of it is not to be reported.
//!
//! An anomaly is the same while its pattern and its kind are. `active` says that it was found in the last two windows or in the
//! last hour. It is normal (`Baseline`) when a client says so, or its detector's days of visibility after it was first found.
//! Times are milliseconds. What is suppressed is not changed by what is found; `suppressedUntil` is missing when that is for ever.

mod evaluate;
mod found;
mod reading;

pub use evaluate::evaluate_anomalies;

use super::errors::{invalid, invalid_token, resource_not_found};
use super::log_anomaly_detectors::{arn, detector, window_ms};
use super::page_token::Fingerprint;
use crate::Watch;
use catalog::{LogAnomaly, LogAnomalyDetector, LogAnomalyTarget};
use found::{Document, is_normal, is_suppressed};
use model::arn::log_group;
use model::time::{HOUR, MINUTE, SECOND};
use model::{Caller, Scope, Timestamp};
use std::collections::HashMap;
use wire::ApiError;
use wire::logs::{
    Anomaly, ListAnomaliesRequest, ListAnomaliesResponse, LogEvent, PatternToken, SuppressionPeriod,
    UpdateAnomalyRequest,
};
use wire::shape::Empty;

/// Page size, and its maximum by the model.
const PAGE: usize = 50;

pub(super) async fn list_anomalies(
    watch: &Watch,
    caller: &Caller,
    input: ListAnomaliesRequest,
) -> Result<ListAnomaliesResponse, ApiError> {
    let scope = &caller.scope;
    let parts = [
        Some(scope.account.as_str()),
        Some(&scope.region),
        input.anomaly_detector_arn.as_deref(),
        input.suppression_state.as_deref(),
    ];
    let fingerprint = Fingerprint::of("ListAnomalies", parts);
    let after = input.next_token.as_deref().map(|token| fingerprint.open(token)).transpose()?.unwrap_or_default();
    let limit = input.limit.map_or(Ok(PAGE), usize::try_from).map_err(|_| invalid_token())?;
    let now = watch.clock.now();
    let mut detectors: HashMap<String, LogAnomalyDetector> = HashMap::new();
    let mut only = None;
    if let Some(arn) = &input.anomaly_detector_arn {
        let detector = detector(watch, scope, arn).await?;
        only = Some(detector.id.clone());
        detectors.insert(detector.id.clone(), detector);
    }
    let suppressed = input.suppression_state.as_deref().map(|state| (state == "SUPPRESSED", now));
    let mut rows = watch.catalog.log_anomalies(scope, only.as_deref(), suppressed, &after, limit + 1).await?;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next_token = rows.last().filter(|_| has_more).map(|last| fingerprint.seal(&last.id));
    let mut anomalies = Vec::with_capacity(rows.len());
    for row in rows {
        if !detectors.contains_key(&row.detector_id) {
            // One that was deleted meanwhile has no anomalies any more.
            let Some(found) = watch.catalog.log_anomaly_detector(scope, &row.detector_id).await? else { continue };
            detectors.insert(row.detector_id.clone(), found);
        }
        let Some(detector) = detectors.get(&row.detector_id) else { continue };
        anomalies.push(shape(scope, detector, row, now)?);
    }
    Ok(ListAnomaliesResponse { anomalies: Some(anomalies), next_token })
}

fn shape(scope: &Scope, detector: &LogAnomalyDetector, row: LogAnomaly, now: Timestamp) -> Result<Anomaly, ApiError> {
    let document =
        Document::read(&row.document).map_err(|error| store::Error::Bug(format!("read a log anomaly: {error}")))?;
    let suppressed = is_suppressed(&row, now.0);
    let state = match (suppressed, is_normal(&row, detector.visibility_days, now.0)) {
        (true, _) => "Suppressed",
        (false, true) => "Baseline",
        (false, false) => "Active",
    };
    let lasts = HOUR.max(3 * window_ms(&detector.frequency));
    let tokens = document.tokens.into_iter().map(|token| PatternToken {
        dynamic_token_position: token.position,
        is_dynamic: Some(token.position.is_some()),
        token_string: Some(token.text),
        enumerations: (!token.values.is_empty()).then_some(token.values),
        inferred_token_name: token.name,
    });
    let samples = document.samples.into_iter();
    let log_event = |(timestamp, message)| LogEvent { timestamp: Some(timestamp), message: Some(message) };
    Ok(Anomaly {
        anomaly_id: row.id,
        pattern_id: row.pattern_id,
        anomaly_detector_arn: arn(scope, &row.detector_id),
        pattern_string: document.pattern,
        pattern_regex: Some(document.regex),
        priority: Some(row.priority),
        first_seen: row.first_seen_ms,
        last_seen: row.last_seen_ms,
        description: document.description,
        active: now.0.saturating_sub(row.last_seen_ms) <= lasts,
        state: state.into(),
        histogram: document.histogram.into_iter().map(|(at, count)| (at.to_string(), count)).collect(),
        log_samples: samples.map(log_event).collect(),
        pattern_tokens: tokens.collect(),
        log_group_arn_list: vec![log_group(scope, &detector.group_name)],
        suppressed: Some(suppressed),
        suppressed_date: row.suppressed_ms.filter(|_| suppressed),
        suppressed_until: row.suppressed_until_ms.filter(|until| suppressed && *until != i64::MAX),
        is_pattern_level_suppression: suppressed.then_some(row.pattern_suppressed),
    })
}

pub(super) async fn update_anomaly(
    watch: &Watch,
    caller: &Caller,
    input: UpdateAnomalyRequest,
) -> Result<Empty, ApiError> {
    let detector = detector(watch, &caller.scope, &input.anomaly_detector_arn).await?;
    let target = match (&input.anomaly_id, &input.pattern_id) {
        (Some(id), None) => LogAnomalyTarget::Anomaly(id),
        (None, Some(id)) => LogAnomalyTarget::Pattern(id),
        _ => return Err(invalid("Exactly one of anomalyId and patternId must be specified.")),
    };
    let now = watch.clock.now();
    let span = match input.suppression_type.as_deref() {
        Some("INFINITE") => Some((now, Timestamp::MAX)),
        Some(_) => Some((now, now + period_ms(input.suppression_period)?)),
        None => None,
    };
    let found = match (input.baseline, span) {
        (Some(is_normal), None) => watch.catalog.baseline_log_anomalies(&detector.id, target, is_normal).await?,
        (Some(is_normal), Some(_)) => {
            watch.catalog.baseline_log_anomalies(&detector.id, target, is_normal).await?
                && watch.catalog.suppress_log_anomalies(&detector.id, target, span).await?
        }
        // Neither: what is suppressed is reported again.
        (None, span) => watch.catalog.suppress_log_anomalies(&detector.id, target, span).await?,
    };
    if found { Ok(Empty {}) } else { Err(resource_not_found()) }
}

fn period_ms(period: Option<SuppressionPeriod>) -> Result<i64, ApiError> {
    let period = period.unwrap_or_default();
    let (Some(value), Some(unit)) = (period.value.filter(|value| *value > 0), period.suppression_unit) else {
        return Err(invalid("suppressionPeriod with a positive value and a suppressionUnit is required for LIMITED."));
    };
    let unit_ms = match unit.as_str() {
        "SECONDS" => SECOND,
        "MINUTES" => MINUTE,
        _ => HOUR,
    };
    Ok(i64::from(value).saturating_mul(unit_ms))
}
