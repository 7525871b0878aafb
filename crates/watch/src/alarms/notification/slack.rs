//! A change of state as the JSON that a Slack webhook takes.

use super::{Notification, Source, Trigger, region_name};
use crate::alarms::reason::cut;
use crate::alarms::rule::reason::long_time;
use catalog::AlarmState;
use serde_json::{Value, json};

/// Longest text of one field, characters: Slack cuts a message that is much longer.
const FIELD_CHARS_MAX: usize = 2000;

/// `{"text", "attachments": […]}`: the subject, and beside a coloured bar the reason and what the alarm is.
pub fn message(notification: &Notification) -> Value {
    let color = match notification.state.value {
        AlarmState::Alarm => "danger",
        AlarmState::Ok => "good",
        AlarmState::InsufficientData => "warning",
    };
    let states = format!("{} → {}", notification.previous.value.as_str(), notification.state.value.as_str());
    let mut fields = vec![
        field("State change", &states, true),
        field("Time", &long_time(notification.state.at), true),
        field("Account", &notification.account, true),
        field("Region", region_name(&notification.region), true),
        field("Watches", &watched(&notification.trigger), false),
    ];
    if let Some(description) = notification.description.as_deref().filter(|text| !text.is_empty()) {
        fields.insert(0, field("Description", description, false));
    }
    if let Some(by) = notification.state.suppressed_by {
        fields.push(field("Actions", &by.reason(), false));
    }
    let subject = escaped(&notification.subject());
    json!({
        "text": subject,
        "attachments": [{
            "color": color,
            "fallback": subject,
            "text": escaped(&notification.state.reason),
            "fields": fields,
            "footer": escaped(&notification.alarm_arn),
            "ts": notification.state.at.secs(),
        }],
    })
}

/// What the alarm watches, in a line.
fn watched(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Metric { metric, .. } => {
            let dimensions: Vec<String> =
                metric.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let of = if dimensions.is_empty() { String::new() } else { format!(" {{{}}}", dimensions.join(", ")) };
            format!("{} of {}/{}{of}", metric.stat, metric.namespace, metric.name)
        }
        Trigger::Metrics { queries, .. } => {
            let expressions = queries.iter().filter(|query| query.return_data).map(|query| match &query.source {
                Source::Expression(text, _) => text.clone(),
                Source::Metric(metric) => format!("{} of {}/{}", metric.stat, metric.namespace, metric.name),
            });
            expressions.collect::<Vec<_>>().join("; ")
        }
        Trigger::PromQl { query, .. } => query.clone(),
        Trigger::Composite { rule, .. } => rule.clone(),
    }
}

fn field(title: &str, value: &str, short: bool) -> Value {
    json!({ "title": title, "value": escaped(&cut(value.to_owned(), FIELD_CHARS_MAX)), "short": short })
}

/// The three characters that mean something to Slack.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
