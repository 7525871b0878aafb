//! Bodies of webhooks: a JSON object of our own, or what Slack and its like take.
//!
//! JSON: `{"source", "messageId", "timestamp", "subject", "message"}`, where `message` is the JSON value that the text holds (an
//! alarm's document), or the text. Slack: `{"text"}`, the subject in bold and the reason of the alarm with the attributes of the
//! contributor that it is about and the causes that were found, or the text.

use super::message::Message;
use super::settings::WebhookFormat;
use serde_json::{Value, json};

/// Longest text for Slack, characters; it cuts longer ones itself.
const SLACK_CHARS_MAX: usize = 3_000;

/// The body of a POST to a webhook.
pub(super) fn body(message: &Message, format: WebhookFormat) -> String {
    let text = message.text_for("https");
    let document = serde_json::from_str::<Value>(&text).ok().filter(Value::is_object);
    match format {
        WebhookFormat::Json => json!({
            "source": message.topic_arn,
            "messageId": message.id,
            "timestamp": message.timestamp,
            "subject": message.subject,
            "message": document.unwrap_or_else(|| Value::String(text.into_owned())),
        })
        .to_string(),
        WebhookFormat::Slack => {
            let reason = document.as_ref().and_then(|document| document.get("NewStateReason")).and_then(Value::as_str);
            let mut text = escape(reason.unwrap_or(&text));
            let contributor = document.as_ref().and_then(|document| document.get("AlarmContributorAttributes"));
            for (name, value) in contributor.and_then(Value::as_object).into_iter().flatten() {
                text += &format!("\n{}: {}", escape(name), escape(value.as_str().unwrap_or_default()));
            }
            text += &escape(&super::message::causes_text(&message.text_for("https")));
            let text = match &message.subject {
                Some(subject) => format!("*{}*\n{text}", escape(subject)),
                None => text,
            };
            json!({ "text": crate::alarms::reason::cut(text, SLACK_CHARS_MAX) }).to_string()
        }
    }
}

/// What would be markup in Slack is text.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::message::Kind;

    #[test]
    fn an_alarm_reads_well_in_both_formats() {
        let message = Message {
            kind: Kind::Notification,
            id: "id".into(),
            topic_arn: "arn:w".into(),
            subject: Some("ALARM: \"a<b\"".into()),
            text: r#"{"NewStateReason":"1 > 0 & <!here>"}"#.into(),
            structured: false,
            attributes: Default::default(),
            token: None,
            display_name: None,
            signature_version: None,
            timestamp: "2026-03-01T00:00:00.000Z".into(),
        };
        let json: Value = serde_json::from_str(&body(&message, WebhookFormat::Json)).unwrap();
        assert_eq!((&json["message"]["NewStateReason"], &json["source"]), (&json!("1 > 0 & <!here>"), &json!("arn:w")));
        let slack: Value = serde_json::from_str(&body(&message, WebhookFormat::Slack)).unwrap();
        assert_eq!(slack["text"], "*ALARM: \"a&lt;b\"*\n1 &gt; 0 &amp; &lt;!here&gt;");
        let contributor = r#"{"NewStateReason":"one","AlarmContributorAttributes":{"host":"<b>"}}"#;
        let contributor = Message { subject: None, text: contributor.into(), ..message.clone() };
        assert_eq!(body(&contributor, WebhookFormat::Slack), r#"{"text":"one\nhost: &lt;b&gt;"}"#);
        let causes =
            r#"{"NewStateReason":"one","TrailwatchCauses":[{"Summary":"DeleteBucket by <a>","Verdict":"likely"}]}"#;
        let causes = Message { subject: None, text: causes.into(), ..message.clone() };
        assert_eq!(
            body(&causes, WebhookFormat::Slack),
            r#"{"text":"one\n\nWhat changed before:\n- likely: DeleteBucket by &lt;a&gt;"}"#
        );
        let plain = Message { subject: None, text: "plain".into(), ..message };
        assert_eq!(body(&plain, WebhookFormat::Slack), r#"{"text":"plain"}"#);
        assert!(body(&plain, WebhookFormat::Json).contains(r#""message":"plain""#));
    }
}
