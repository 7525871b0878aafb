//! What a subscription sends: gzip of JSON, key by key as AWS sends it (user guide, "Log group-level subscription filters").
//!
//! Events of one stream go together, and a payload is closed before it has more than a receiver's record may have. Where AWS's form
//! is not documented: `emitSystemFields` come among the extracted fields, and names of extracted fields have no `$` before them.

use flate2::Compression;
use flate2::write::GzEncoder;
use model::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;

/// Most bytes of JSON in a payload of several events: its gzip is never larger than a record of Firehose (1,000 KiB) may be.
const JSON_BYTES_MAX: usize = 1_000_000;
/// Largest payload, bytes: a record of Firehose before base64 (PutRecordBatch reference), the smallest of the limits.
pub(super) const PAYLOAD_BYTES_MAX: usize = 1_024_000;
/// The lowest level that counts letters: the ones below keep six bits of information in eight, and a large event would not fit.
const LEVEL: Compression = Compression::new(3);
/// JSON around an event, about.
const EVENT_OVERHEAD_BYTES: usize = 110;

/// One event of a payload.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    pub id: String,
    pub timestamp: i64,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extracted_fields: Option<BTreeMap<String, String>>,
    /// Its number in order of acceptance, and when it was accepted.
    #[serde(skip)]
    pub accepted: (u64, Timestamp),
}

impl Event {
    /// What it takes in JSON, about.
    pub(super) fn bytes(&self) -> usize {
        let fields = self.extracted_fields.iter().flatten().map(|(name, value)| name.len() + value.len() + 6);
        // Quotes, backslashes and control characters take more in JSON.
        let escapes = self.message.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).count();
        self.message.len() + escapes + EVENT_OVERHEAD_BYTES + fields.sum::<usize>()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    message_type: &'a str,
    owner: &'a str,
    log_group: &'a str,
    log_stream: &'a str,
    subscription_filters: &'a [&'a str],
    log_events: &'a [Event],
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_level: Option<&'a str>,
}

/// Whose events a payload has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    /// The account.
    pub owner: &'a str,
    pub group: &'a str,
    pub stream: &'a str,
    /// The filter, or the account policy.
    pub filter: &'a str,
    pub of_account: bool,
}

/// Compressed payloads of one stream, in order, each with its number of events. An event that fits no record even alone is left
/// out; their number comes second.
pub(super) fn payloads(source: Source<'_>, events: &[Event]) -> (Vec<(Vec<u8>, usize)>, usize) {
    let (mut payloads, mut left_out) = (Vec::new(), 0);
    for part in parts(events) {
        let payload = gzip(&json(source, part));
        if payload.len() <= PAYLOAD_BYTES_MAX {
            payloads.push((payload, part.len()));
        } else {
            left_out += part.len();
        }
    }
    (payloads, left_out)
}

/// Payloads of one stream as lines of JSON, in order.
pub(super) fn lines(source: Source<'_>, events: &[Event], into: &mut Vec<u8>) {
    for part in parts(events) {
        into.extend_from_slice(&json(source, part));
        into.push(b'\n');
    }
}

/// The events of each payload.
fn parts(events: &[Event]) -> impl Iterator<Item = &[Event]> {
    let mut rest = events;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = rest.iter().take_while(|event| {
            bytes += event.bytes();
            bytes <= JSON_BYTES_MAX
        });
        let (part, after) = rest.split_at_checked(fits.count().max(1))?;
        rest = after;
        Some(part)
    })
}

fn json(source: Source<'_>, events: &[Event]) -> Vec<u8> {
    to_json(&Payload {
        message_type: "DATA_MESSAGE",
        owner: source.owner,
        log_group: source.group,
        log_stream: source.stream,
        subscription_filters: &[source.filter],
        log_events: events,
        policy_level: source.of_account.then_some("ACCOUNT_LEVEL_POLICY"),
    })
}

/// What a receiver is asked with before a filter is taken: `destination` is such as `Kinesis stream`.
pub(super) fn control_message(destination: &str, timestamp: i64) -> Vec<u8> {
    let message = format!("CWL CONTROL MESSAGE: Checking health of destination {destination}.");
    let event =
        Event { id: String::new(), timestamp, message, extracted_fields: None, accepted: (0, Timestamp(timestamp)) };
    gzip(&to_json(&Payload {
        message_type: "CONTROL_MESSAGE",
        owner: "CloudwatchLogs",
        log_group: "",
        log_stream: "",
        subscription_filters: &[],
        log_events: &[event],
        policy_level: None,
    }))
}

fn to_json(payload: &Payload<'_>) -> Vec<u8> {
    // It cannot fail: the shape is plain.
    serde_json::to_vec(payload).unwrap_or_default()
}

/// The same bytes each time.
pub(super) fn gzip(json: &[u8]) -> Vec<u8> {
    // It cannot fail: a Vec takes everything.
    let mut encoder = GzEncoder::new(Vec::with_capacity(json.len() / 4), LEVEL);
    let _ = encoder.write_all(json);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
pub(super) fn gunzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(bytes), &mut text).unwrap();
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Source<'static> =
        Source { owner: "123456789012", group: "g", stream: "s", filter: "f", of_account: false };

    fn event(n: usize, message: String) -> Event {
        Event { id: format!("{n}"), timestamp: 7, message, extracted_fields: None, accepted: (n as u64, Timestamp(7)) }
    }

    #[test]
    fn a_payload_is_awss_key_by_key() {
        let fields = [("ip".to_owned(), "10.0.0.1".to_owned())].into();
        let events = [event(1, "é \"x\"".into()), Event { extracted_fields: Some(fields), ..event(2, "b".into()) }];
        let (made, left_out) = payloads(SOURCE, &events);
        assert_eq!((made.len(), made[0].1, left_out), (1, 2, 0));
        assert_eq!(
            gunzip(&made[0].0),
            concat!(
                r#"{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"g","logStream":"s","#,
                r#""subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":7,"message":"é \"x\""},"#,
                r#"{"id":"2","timestamp":7,"message":"b","extractedFields":{"ip":"10.0.0.1"}}]}"#
            )
        );
        let (made, _) = payloads(Source { of_account: true, ..SOURCE }, &events[..1]);
        assert!(gunzip(&made[0].0).ends_with(r#"],"policyLevel":"ACCOUNT_LEVEL_POLICY"}"#));
        assert_eq!(
            gunzip(&control_message("Kinesis stream", 9)),
            concat!(
                r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","#,
                r#""subscriptionFilters":[],"logEvents":[{"id":"","timestamp":9,"#,
                r#""message":"CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."}]}"#
            )
        );
    }

    #[test]
    fn payloads_are_lines_for_files() {
        let mut text = Vec::new();
        lines(SOURCE, &[event(1, "a\nb".into()), event(2, "x".repeat(JSON_BYTES_MAX))], &mut text);
        let text = String::from_utf8(text).unwrap();
        let read: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read.len(), 2);
        assert_eq!(
            (&read[0]["logEvents"][0]["message"], &read[1]["logEvents"][0]["id"]),
            (&"a\nb".into(), &"2".into())
        );
        assert!(text.ends_with("]}\n"));
    }

    #[test]
    fn payloads_are_closed_before_they_are_too_large_and_lose_nothing() {
        // Text that hardly compresses: 64 letters, six bits in a byte.
        let mut state = 1u64;
        let mut letter = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            char::from(b'0' + (state >> 58) as u8)
        };
        let events: Vec<Event> = [3, 400_000, 700_000, 1_048_550, 10, 0, 999_000]
            .into_iter()
            .enumerate()
            .map(|(n, len)| event(n, (0..len).map(|_| letter()).collect()))
            .collect();
        let (made, left_out) = payloads(SOURCE, &events);
        assert_eq!(left_out, 0);
        assert!(made.iter().all(|(payload, _)| payload.len() <= PAYLOAD_BYTES_MAX));
        let mut read = Vec::new();
        for (payload, count) in &made {
            let value: serde_json::Value = serde_json::from_str(&gunzip(payload)).unwrap();
            let ids = value["logEvents"].as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap().to_owned());
            let before = read.len();
            read.extend(ids);
            assert_eq!(read.len() - before, *count);
        }
        assert_eq!(read, ["0", "1", "2", "3", "4", "5", "6"]);
        assert!(made.len() >= 4, "{}", made.len());
    }

    #[test]
    fn what_fits_no_record_is_left_out_and_counted() {
        let mut state = 1u64;
        let mut any = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            char::from_u32(0x10000 + (state >> 45) as u32 % 0xE0000).unwrap()
        };
        let events = [event(0, "a".into()), event(1, (0..500_000).map(|_| any()).collect()), event(2, "b".into())];
        let (made, left_out) = payloads(SOURCE, &events);
        assert_eq!((made.len(), left_out), (2, 1));
    }
}
