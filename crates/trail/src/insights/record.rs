//! The record of an insight, as AWS writes it.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-insights-fields-trails.html>. Numbers without decimals are
//! written without them.

use crate::derived;
use model::Timestamp;
use query::insight_events::{Attribution, Insight, Subject};
use serde_json::{Map, Value, json};

/// The id that start and end of an insight share.
fn shared(subject: &Subject, start_ms: i64) -> String {
    let Subject { account, region, kind, category, source, name, error_code } = subject;
    derived::id(&[account, region, kind.name(), category, source, name, error_code, &start_ms.to_string()])
}

/// The id of the event of a state of the insight with a shared id.
pub(crate) fn shared_id(shared: &str, state: &str) -> String {
    derived::id(&[shared, state])
}

/// The text of the record.
pub(super) fn of(insight: &Insight) -> String {
    let Insight { subject, .. } = insight;
    let (state, shared) = (if insight.is_end { "End" } else { "Start" }, shared(subject, insight.start_ms));
    let mut details = Map::new();
    details.insert("state".into(), state.into());
    details.insert("eventSource".into(), subject.source.as_str().into());
    details.insert("eventName".into(), subject.name.as_str().into());
    details.insert("insightType".into(), subject.kind.name().into());
    if !subject.error_code.is_empty() {
        details.insert("errorCode".into(), subject.error_code.as_str().into());
    }
    if subject.category != "Management" {
        details.insert("sourceEventCategory".into(), subject.category.as_str().into());
    }
    let context = json!({
        "statistics": {
            "baseline": { "average": number(insight.baseline_average) },
            "insight": { "average": number(insight.average) },
            "insightDuration": insight.duration,
            "baselineDuration": insight.baseline_duration,
        },
        "attributions": insight.attributions.iter().map(attribution).collect::<Vec<_>>(),
    });
    details.insert("insightContext".into(), context);
    let record = json!({
        "eventVersion": "1.11",
        "eventTime": Timestamp(insight.time_ms).iso_seconds(),
        "awsRegion": subject.region,
        "eventID": shared_id(&shared, state),
        "eventType": "AwsCloudTrailInsight",
        "recipientAccountId": subject.account,
        "sharedEventID": shared,
        "insightDetails": details,
        "eventCategory": "Insight",
    });
    record.to_string()
}

fn attribution(of: &Attribution) -> Value {
    let values = |values: &[(String, f64)]| {
        values.iter().map(|(value, average)| json!({ "value": value, "average": number(*average) })).collect::<Vec<_>>()
    };
    json!({ "attribute": of.attribute.name(), "insight": values(&of.insight), "baseline": values(&of.baseline) })
}

fn number(value: f64) -> Value {
    // Counts of calls are far from where whole numbers end.
    if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) }
}
