//! Findings of a data protection policy: for each event that has sensitive data a report in the log group that the policy
//! names, and one in the metric `LogEventsWithFindings` of the namespace `AWS/Logs`.
//!
//! Source: user guide, "Audit findings reports". Reports are durable with the events they tell of. They go to a stream that
//! is named as the group they tell of; AWS does not say its name. A group that is gone gets none. Where both the log group and
//! its account have a policy, the groups that either names get reports of what either finds.

use super::group_rules::group_rules;
use crate::Watch;
use catalog::{LogTarget, LogTargetFound};
use model::{Batch, Datapoint, LogEvent, Observation, Scope, SeriesKey, Timestamp, arn};
use query::data_protection::{Finding, Protector};
use serde_json::json;
use std::sync::Arc;
use wire::ApiError;

/// The batch, whose log events go to the group of this name, with what the policy of the group finds in them.
pub(super) async fn with_findings(
    watch: &Watch,
    scope: &Scope,
    group_name: &str,
    mut batch: Batch,
) -> Result<Batch, ApiError> {
    let Some(first) = batch.logs.first() else { return Ok(batch) };
    let rules = group_rules(watch, first.group).await?;
    let Some(protector) = rules.protection.as_ref().and_then(|protection| protection.current()).cloned() else {
        return Ok(batch);
    };
    let mut targets = Vec::new();
    for findings_group in &rules.findings_groups {
        targets.extend(findings_target(watch, scope, findings_group, group_name).await?);
    }
    let now = watch.clock.now();
    let resource = format!("{}:*", arn::log_group(scope, group_name));
    let reporting = tokio::task::spawn_blocking(move || {
        let reports = reports(&protector, &batch.logs, &resource, now);
        (batch, reports)
    });
    let (mut found, reports) = reporting.await.map_err(|error| store::Error::Bug(format!("find data: {error}")))?;
    if !reports.is_empty() {
        found.datapoints.push(datapoint(scope, group_name, now, reports.len()));
    }
    let event = |target: LogTarget, message| LogEvent {
        group: target.group,
        stream: target.stream,
        timestamp: now,
        ingestion_time: now,
        message,
    };
    for target in targets {
        found.logs.extend(reports.iter().map(|message| event(target, message.clone())));
    }
    batch = found;
    Ok(batch)
}

/// A report for each event that has something.
fn reports(protector: &Arc<Protector>, events: &[LogEvent], resource: &str, now: Timestamp) -> Vec<String> {
    let found = events.iter().map(|event| protector.findings(&event.message));
    found.filter(|findings| !findings.is_empty()).map(|findings| report(&findings, resource, now)).collect()
}

fn report(findings: &[Finding], resource: &str, now: Timestamp) -> String {
    let identifier = |finding: &Finding| {
        let detections: Vec<_> =
            finding.detections.iter().map(|(start, end)| json!({"start": start, "end": end})).collect();
        json!({"name": finding.name, "count": detections.len(), "detections": detections})
    };
    let identifiers: Vec<_> = findings.iter().map(identifier).collect();
    json!({"auditTimestamp": now.iso_seconds(), "resourceArn": resource, "dataIdentifiers": identifiers}).to_string()
}

/// Where reports go; `None` when the group is gone.
async fn findings_target(
    watch: &Watch,
    scope: &Scope,
    group: &str,
    stream: &str,
) -> Result<Option<LogTarget>, ApiError> {
    if let LogTargetFound::Found(target) = watch.catalog.log_target(scope, group, stream).await? {
        return Ok(Some(target));
    }
    let Some(found) = watch.catalog.log_group(scope, group).await? else { return Ok(None) };
    // When it is there already, someone else was faster, which is as good.
    watch.catalog.create_log_stream(found.id, stream, watch.clock.now()).await?;
    match watch.catalog.log_target(scope, group, stream).await? {
        LogTargetFound::Found(target) => Ok(Some(target)),
        LogTargetFound::NoGroup | LogTargetFound::NoStream => Ok(None),
    }
}

fn datapoint(scope: &Scope, group_name: &str, now: Timestamp, events: usize) -> Datapoint {
    Datapoint {
        series: Arc::new(SeriesKey {
            account: scope.account.clone(),
            region: scope.region.clone(),
            namespace: "AWS/Logs".into(),
            name: "LogEventsWithFindings".into(),
            dimensions: vec![("LogGroupName".into(), group_name.to_owned())],
            unit: "Count".into(),
        }),
        timestamp: Timestamp(now.0 - now.0.rem_euclid(1000)),
        resolution_secs: 60,
        // As many samples of 1 as there were events: Sum and SampleCount both say how many.
        observation: Observation::Values(vec![(1.0, events as f64)]),
    }
}
