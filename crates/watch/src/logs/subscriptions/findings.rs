//! Findings of data protection policies on their way to a bucket or a Firehose stream: a line of JSON for each event that has some.
//!
//! They are found again in the events that were accepted, each by the policy of its time, so that the same events make the same reports
//! however often they are read. What is sent is the report alone, as it stands in a log group of findings.

use super::super::audit_findings::report;
use super::super::event_id::event_id;
use super::super::group_rules::protection;
use super::load::Failure;
use super::payload::Event;
use super::records::Matched;
use crate::Watch;
use catalog::{FindingsDelivery, SubscriptionDefinition};
use model::{GroupId, Scope, arn};
use std::collections::{HashMap, HashSet};
use store::FollowedLog;

/// What a delivery of findings is among subscriptions.
pub(super) fn definition(delivery: &FindingsDelivery) -> SubscriptionDefinition {
    SubscriptionDefinition {
        pattern: String::new(),
        destination_arn: delivery.destination_arn.clone(),
        role_arn: None,
        distribution: "ByLogStream".into(),
        on_transformed_logs: false,
        field_selection: None,
        system_fields: Vec::new(),
    }
}

/// The reports of what is found in these events, which are of groups with these names.
pub(super) async fn found(
    watch: &Watch,
    scope: &Scope,
    groups: &HashMap<GroupId, String>,
    logs: Vec<FollowedLog>,
) -> Result<Matched, Failure> {
    let mut protected = HashMap::new();
    for group in logs.iter().map(|log| log.group).collect::<HashSet<GroupId>>() {
        let rules = protection(watch, group).await.map_err(|error| Failure::Shown(error.message().to_owned()))?;
        if let (Some(rules), Some(name)) = (rules, groups.get(&group)) {
            protected.insert(group, (rules, format!("{}:*", arn::log_group(scope, name))));
        }
    }
    let finding = move || {
        let mut found = Matched::new();
        for log in &logs {
            let Some((rules, resource)) = protected.get(&log.group) else { continue };
            let Some(protector) = rules.at(log.ingestion_time) else { continue };
            let findings = protector.findings(&log.message);
            if findings.is_empty() {
                continue;
            }
            found.entry((log.group, log.stream)).or_default().push(Event {
                id: event_id(log.timestamp, log.sequence),
                timestamp: log.timestamp.0,
                message: report(&findings, resource, log.ingestion_time),
                extracted_fields: None,
                accepted: (log.sequence, log.ingestion_time),
            });
        }
        found
    };
    Ok(tokio::task::spawn_blocking(finding).await?)
}
