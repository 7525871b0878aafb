//! A finding: the audit event that says which rule matched which event, and the datapoint that counts it.

use crate::record::{self, Defaults};
use model::datapoint::{Datapoint, Observation, SeriesKey};
use model::time::SECOND;
use model::{Event, Timestamp};
use query::sigma::Rule;
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

/// `eventSource` of findings.
pub const EVENT_SOURCE: &str = "detections.trailwatch";
/// `eventName` of findings.
pub const EVENT_NAME: &str = "RuleMatched";
/// Namespace of the metric that counts findings.
pub const NAMESPACE: &str = "Trailwatch/Detections";
/// Name of the metric.
const METRIC: &str = "Findings";
/// Longest text of a rule in a finding, characters; also the longest value of a dimension (CloudWatch has 1,024).
const TEXT_CHARS_MAX: usize = 250;
/// Namespace of the ids of findings: a fixed random UUID.
const IDS: Uuid = Uuid::from_u128(0x3b8e_1f0d_52c7_4a66_9d04_c1e7_8a25_f693);

/// True for a finding. An application's event says its source itself, and is of another category.
pub fn is_finding(event: &Event) -> bool {
    event.source == EVENT_SOURCE && event.category == "Management"
}

/// The `eventID` of what a rule finds in an event.
pub(super) fn id(rule: &Rule, event: &Event) -> String {
    Uuid::new_v5(&IDS, format!("{}\0{}", rule.id, event.event_id).as_bytes()).to_string()
}

/// When the finding happened: as the event that was found was accepted, to the second, as records have it.
pub(super) fn time(event: &Event) -> Timestamp {
    event.ingestion_time.floor_to(SECOND)
}

/// The audit event of a finding.
pub(super) fn event(rule: &Rule, event: &Event) -> Option<Event> {
    let cut = |text: &str| text.chars().take(TEXT_CHARS_MAX).collect::<String>();
    let record = json!({
        "eventVersion": "1.11",
        "userIdentity": { "type": "AWSService", "accountId": cut(&event.account), "invokedBy": EVENT_SOURCE },
        "eventTime": time(event).iso_seconds(),
        "eventSource": EVENT_SOURCE,
        "eventName": EVENT_NAME,
        "awsRegion": cut(&event.region),
        "sourceIPAddress": EVENT_SOURCE,
        "userAgent": EVENT_SOURCE,
        "requestParameters": null,
        "responseElements": null,
        "eventID": id(rule, event),
        "readOnly": false,
        "resources": [{ "accountId": cut(&event.account), "type": "Trailwatch::Detections::Rule", "ARN": cut(&rule.id) }],
        "eventType": "AwsServiceEvent",
        "managementEvent": true,
        "recipientAccountId": cut(&event.account),
        "serviceEventDetails": {
            "ruleId": cut(&rule.id),
            "ruleTitle": cut(&rule.title),
            "level": rule.level,
            "tags": rule.tags.iter().take(20).map(|tag| cut(tag)).collect::<Vec<_>>(),
            "linkedEventID": cut(&event.event_id),
            "linkedEventTime": event.time.iso_seconds(),
            "linkedEventSource": cut(&event.source),
            "linkedEventName": cut(&event.name),
            "linkedUserArn": cut(&event.user_arn),
            "linkedSourceIPAddress": cut(&event.source_ip),
        },
        "eventCategory": "Management",
    });
    let defaults =
        Defaults { account: event.account.clone(), region: event.region.clone(), ingestion_time: event.ingestion_time };
    let read = record::parse(record.to_string(), &defaults);
    read.inspect_err(|reason| tracing::error!(%reason, rule = rule.id, "read back the record of a finding")).ok()
}

/// The datapoint of a finding.
pub(super) fn datapoint(rule: &Rule, event: &Event) -> Datapoint {
    // Values of dimensions are printable ASCII.
    let is_plain = |c: char| c.is_ascii_graphic() || c == ' ';
    let title = rule.title.chars().take(TEXT_CHARS_MAX).map(|c| if is_plain(c) { c } else { '?' }).collect();
    let series = SeriesKey {
        account: event.account.clone(),
        region: event.region.clone(),
        namespace: NAMESPACE.into(),
        name: METRIC.into(),
        dimensions: vec![("Level".into(), rule.level.clone()), ("Rule".into(), title)],
        unit: "Count".into(),
    };
    Datapoint {
        series: Arc::new(series),
        timestamp: time(event),
        resolution_secs: 60,
        observation: Observation::value(1.0),
    }
}
