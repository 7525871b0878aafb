//! Findings of a data protection policy: for each event that has sensitive data a report in the log group that the policy
//! names, and one in the metric `LogEventsWithFindings` of the namespace `AWS/Logs`.
//!
//! Source: user guide, "Audit findings reports". Reports are durable with the events they tell of. They go to a stream that
//! is named as the group they tell of; AWS does not say its name. A group that is gone gets none. Reports for buckets and Firehose
//! streams are delivered later, as subscriptions are (`subscriptions/findings.rs`). Where both the log group and
//! its account have a policy, the groups that either names get reports of what either finds.
//!
//! The service `delivery.logs.amazonaws.com` writes them, for the account: a resource policy that denies it `logs:PutLogEvents` on the
//! group, or `logs:CreateLogStream` where the stream is not there yet, keeps the reports away. AWS needs a policy that allows it, and
//! makes that one itself when findings are first sent to a group; here nothing needs to allow it.

use super::group_rules::{FindingsGroup, group_rules};
use crate::Watch;
use access::{ServiceCall, is_service_denied};
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
    let now = watch.clock.now();
    let resource = format!("{}:*", arn::log_group(scope, group_name));
    for group in &rules.findings_groups {
        targets.extend(Delivery { watch, scope, group, source: group_name, source_arn: &resource }.target(now).await?);
    }
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

/// What is said of the findings in one event of `resource`, the ARN of a log group.
pub(super) fn report(findings: &[Finding], resource: &str, now: Timestamp) -> String {
    let identifier = |finding: &Finding| {
        let detections: Vec<_> =
            finding.detections.iter().map(|(start, end)| json!({"start": start, "end": end})).collect();
        json!({"name": finding.name, "count": detections.len(), "detections": detections})
    };
    let identifiers: Vec<_> = findings.iter().map(identifier).collect();
    json!({"auditTimestamp": now.iso_seconds(), "resourceArn": resource, "dataIdentifiers": identifiers}).to_string()
}

/// The reports of one group on their way to another.
struct Delivery<'a> {
    watch: &'a Watch,
    scope: &'a Scope,
    /// Where they go.
    group: &'a FindingsGroup,
    /// Name and ARN of the group that they tell of.
    source: &'a str,
    source_arn: &'a str,
}

impl Delivery<'_> {
    /// Where reports go; `None` when the group is gone, or a policy keeps them away.
    async fn target(&self, now: Timestamp) -> Result<Option<LogTarget>, ApiError> {
        let Self { watch, scope, group: FindingsGroup { name, .. }, source, .. } = *self;
        let group_arn = arn::log_group(scope, name);
        if self.is_denied("logs:PutLogEvents", &format!("{group_arn}:log-stream:{source}"), now) {
            return Ok(None);
        }
        if let LogTargetFound::Found(target) = watch.catalog.log_target(scope, name, source).await? {
            return Ok(Some(target));
        }
        let Some(found) = watch.catalog.log_group(scope, name).await? else { return Ok(None) };
        if self.is_denied("logs:CreateLogStream", &format!("{group_arn}:log-stream:"), now) {
            return Ok(None);
        }
        // When it is there already, someone else was faster, which is as good.
        watch.catalog.create_log_stream(found.id, source, now).await?;
        match watch.catalog.log_target(scope, name, source).await? {
            LogTargetFound::Found(target) => Ok(Some(target)),
            LogTargetFound::NoGroup | LogTargetFound::NoStream => Ok(None),
        }
    }

    fn is_denied(&self, action: &str, resource: &str, now: Timestamp) -> bool {
        let call = ServiceCall {
            principal: "delivery.logs.amazonaws.com",
            action,
            resource,
            source_account: &self.scope.account,
            source_arn: self.source_arn,
            now,
        };
        is_service_denied(&call, &self.group.policies)
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
        observation: Observation::Values(vec![(1.0, events as f64)].into()),
    }
}
