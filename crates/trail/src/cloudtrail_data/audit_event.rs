//! One event of PutAuditEvents: the rules for its data, and the record that it becomes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalog::ChannelRow;
use model::{Event, Ids, Timestamp, arn};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use wire::cloudtrail_data::AuditEvent;

/// Why one event of a call was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// One of the codes of the PutAuditEvents reference.
    pub code: &'static str,
    /// In words.
    pub message: String,
}

fn refused<T>(code: &'static str, message: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { code, message: message.into() })
}

/// Integration event schema: required members.
const REQUIRED: [&str; 7] =
    ["version", "userIdentity", "eventSource", "eventName", "eventTime", "UID", "recipientAccountId"];
/// Integration event schema: members that are texts, with their longest length in characters.
const TEXTS: [(&str, usize); 10] = [
    ("version", 256),
    ("userAgent", 1024),
    ("eventSource", 256),
    ("eventName", 256),
    ("eventTime", 64),
    ("UID", 256),
    ("errorCode", 256),
    ("errorMessage", 256),
    ("sourceIPAddress", 256),
    ("recipientAccountId", 12),
];
/// Integration event schema: members that are objects, with their largest size in bytes of JSON.
const OBJECTS: [(&str, usize); 3] =
    [("requestParameters", 100 * 1024), ("responseElements", 100 * 1024), ("additionalEventData", 28 * 1024)];

/// Checks an event and makes its record. The client's data stand in it verbatim.
pub fn accept(event: &AuditEvent, channel: &ChannelRow, now: Timestamp, ids: &dyn Ids) -> Result<Event, Refused> {
    let data_text = event.event_data.as_str();
    if let Some(checksum) = &event.event_data_checksum
        && *checksum != STANDARD.encode(Sha256::digest(data_text.as_bytes()))
    {
        return refused("InvalidChecksum", "The checksum does not match the SHA-256 hash of eventData.");
    }
    let Ok(Value::Object(data)) = serde_json::from_str::<Value>(data_text) else {
        return refused("InvalidData", "eventData is not a JSON object.");
    };
    check_members(&data)?;
    let text = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default();
    let principal = check_identity(&data)?;
    let Some(time) = event_time(text("eventTime")) else {
        return refused("InvalidData", "eventTime must be in the format yyyy-MM-DDTHH:mm:ssZ.");
    };
    if text("recipientAccountId") != channel.scope.account {
        return refused("InvalidRecipient", "recipientAccountId must be the account ID of the channel's owner.");
    }
    check_source(text("eventSource"), channel)?;
    let event_id = ids.uuid().to_string();
    Ok(Event {
        record: record(&event_id, data_text, time, now, channel),
        event_id,
        account: channel.scope.account.clone(),
        region: channel.scope.region.clone(),
        time,
        ingestion_time: now,
        name: text("eventName").to_owned(),
        source: text("eventSource").to_owned(),
        category: "ActivityAuditLog".to_owned(),
        username: principal,
        error_code: text("errorCode").to_owned(),
        source_ip: text("sourceIPAddress").to_owned(),
        ..Event::default()
    })
}

fn check_members(data: &Map<String, Value>) -> Result<(), Refused> {
    if let Some(key) = REQUIRED.iter().find(|key| data.get(**key).is_none_or(Value::is_null)) {
        return refused("FieldNotFound", format!("The required field {key} is missing."));
    }
    for (key, chars_max) in TEXTS {
        match data.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.chars().count() > chars_max => {
                return refused("FieldTooLong", format!("The field {key} is longer than {chars_max} characters."));
            }
            Some(Value::String(text)) if text.is_empty() && REQUIRED.contains(&key) => {
                return refused("FieldNotFound", format!("The required field {key} is empty."));
            }
            Some(Value::String(_)) => {}
            Some(_) => return refused("InvalidData", format!("The field {key} must be a string.")),
        }
    }
    for (key, bytes_max) in OBJECTS {
        match data.get(key) {
            None | Some(Value::Null) => {}
            Some(value @ Value::Object(_)) if value.to_string().len() > bytes_max => {
                return refused("FieldTooLong", format!("The field {key} is larger than {bytes_max} bytes."));
            }
            Some(Value::Object(_)) => {}
            Some(_) => return refused("InvalidData", format!("The field {key} must be an object.")),
        }
    }
    Ok(())
}

/// Checks `userIdentity` and answers its principal id.
fn check_identity(data: &Map<String, Value>) -> Result<String, Refused> {
    let Some(Value::Object(identity)) = data.get("userIdentity") else {
        return refused("InvalidData", "The field userIdentity must be an object.");
    };
    let text = |key: &str, chars_max: usize| match identity.get(key) {
        None | Some(Value::Null) => {
            refused("FieldNotFound", format!("The required field userIdentity.{key} is missing."))
        }
        Some(Value::String(text)) if text.chars().count() > chars_max => {
            refused("FieldTooLong", format!("The field userIdentity.{key} is longer than {chars_max} characters."))
        }
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => refused("InvalidData", format!("The field userIdentity.{key} must be a string.")),
    };
    match identity.get("details") {
        None | Some(Value::Null | Value::Object(_)) => {}
        Some(_) => return refused("InvalidData", "The field userIdentity.details must be an object."),
    }
    text("type", 128)?;
    text("principalId", 1024)
}

fn event_time(text: &str) -> Option<Timestamp> {
    let shaped = text.len() == 20 && text.ends_with('Z');
    if shaped { Timestamp::parse_iso(text) } else { None }
}

/// A custom channel takes events of anything but AWS services, a partner's channel only the partner's.
fn check_source(source: &str, channel: &ChannelRow) -> Result<(), Refused> {
    let fits = match channel.source.as_str() {
        "Custom" => !source.to_ascii_lowercase().ends_with(".amazonaws.com"),
        partner => source == partner,
    };
    if fits { Ok(()) } else { refused("InvalidEventSource", "eventSource does not match the source of the channel.") }
}

/// The record, in the form in which CloudTrail Lake shows activity events.
fn record(event_id: &str, data: &str, time: Timestamp, now: Timestamp, channel: &ChannelRow) -> String {
    let head = json!({
        "eventVersion": "1.0",
        "eventCategory": "ActivityAuditLog",
        "eventType": "ActivityLog",
        "eventID": event_id,
        "eventTime": time.iso_seconds(),
        "awsRegion": channel.scope.region,
        "recipientAccountId": channel.scope.account,
        "metadata": {
            "ingestionTime": now.iso_seconds(),
            "channelARN": arn::channel(&channel.scope, &channel.id),
        },
    })
    .to_string();
    // The client's text is JSON, as was checked: it is put in unread, so that not a byte of it changes.
    let head = head.strip_suffix('}').unwrap_or(&head);
    format!("{head},\"eventData\":{data}}}")
}
