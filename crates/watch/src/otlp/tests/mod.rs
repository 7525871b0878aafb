//! Bodies in both encodings, what they become, and that no bytes are too much.

mod histograms;
mod metrics;
mod records;

use super::Encoding;
use super::answer::{Answer, Signal, Status};
use super::cumulative::Cumulative;
use super::data_points::{Context, Converted, convert};
use super::log_lines::log_lines;
use super::message::*;
use model::{Datapoint, Observation, Scope, Timestamp};
use proptest::prelude::*;
use prost::Message;

/// 2026-03-01T00:00:00Z.
const NOW: Timestamp = Timestamp(1_772_323_200_000);

fn nanos(offset_secs: i64) -> u64 {
    u64::try_from(NOW.0 + offset_secs * 1000).unwrap() * 1_000_000
}

fn text(value: &str) -> Option<AnyValue> {
    Some(AnyValue { value: Some(Value::Text(value.into())) })
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.into(), value: text(value) }
}

fn scope() -> Scope {
    Scope { account: "123456789012".into(), region: "us-east-1".into() }
}

/// A request with one metric of service `shop`.
fn request(metric: Metric) -> MetricsRequest {
    let metrics = ScopeMetrics { scope: None, metrics: vec![metric] };
    let resource = Some(Resource { attributes: vec![attribute("service.name", "shop")] });
    MetricsRequest { resource_metrics: vec![ResourceMetrics { resource, scope_metrics: vec![metrics] }] }
}

/// Converts and, as after an append, remembers.
fn converted(request: &MetricsRequest, cumulative: &Cumulative) -> Converted {
    let scope = scope();
    let mut differences = cumulative.differences();
    let converted = convert(&Context { scope: &scope, namespace: None, now: NOW }, request, &mut differences);
    differences.remember();
    converted
}

#[test]
fn answers_tell_only_what_there_is_to_tell() {
    let nothing = Answer::default();
    assert_eq!(nothing.encode(Encoding::Json), b"{}");
    assert_eq!(nothing.encode(Encoding::Protobuf), b"");
    let some = Answer { rejected: 3, message: "old".into(), signal: Signal::Metrics };
    let json = String::from_utf8(some.encode(Encoding::Json)).unwrap();
    assert_eq!(json, r#"{"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"old"}}"#);
    assert_eq!(some.encode(Encoding::Protobuf), b"\x0a\x07\x08\x03\x12\x03old");
    let status = Status::of(400, "no");
    assert_eq!(status.encode(Encoding::Protobuf), b"\x08\x03\x12\x02no");
    assert_eq!(status.encode(Encoding::Json), br#"{"code":3,"message":"no"}"#);
    assert_eq!([401, 403, 413, 429, 503, 500].map(|http| Status::of(http, "").code), [16, 7, 3, 8, 14, 13]);
}

#[test]
fn encodings_are_known_by_content_type() {
    assert_eq!(Encoding::of("application/json; charset=utf-8"), Some(Encoding::Json));
    assert_eq!(Encoding::of("Application/X-Protobuf"), Some(Encoding::Protobuf));
    for other in ["", "text/plain", "application/x-protobuf-2"] {
        assert_eq!(Encoding::of(other), None, "{other}");
    }
}

#[test]
fn deep_values_are_refused_and_not_followed() {
    let mut value = AnyValue { value: Some(Value::Bool(true)) };
    for _ in 0..200 {
        value = AnyValue { value: Some(Value::Array(ArrayValue { values: vec![value] })) };
    }
    let record = LogRecord { body: Some(value), ..LogRecord::default() };
    let body = logs(record).encode_to_vec();
    assert!(Encoding::Protobuf.logs(&body).is_err());
    let json = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{}}}]}}]}}]}}"#,
        "{\"arrayValue\":{\"values\":[".repeat(5000)
    );
    assert!(Encoding::Json.logs(json.as_bytes()).is_err());
}

fn logs(record: LogRecord) -> LogsRequest {
    let of_scope = ScopeLogs { scope: None, log_records: vec![record], schema_url: String::new() };
    let of_resource = ResourceLogs { resource: None, scope_logs: vec![of_scope], schema_url: String::new() };
    LogsRequest { resource_logs: vec![of_resource] }
}

/// A body of each signal that has every field.
fn examples() -> (Vec<u8>, Vec<u8>) {
    let mut record = records::full();
    record.attributes.push(attribute("k", "v"));
    (logs(record).encode_to_vec(), request(metrics::of_every_kind()).encode_to_vec())
}

proptest! {
    #[test]
    fn no_bytes_are_too_much(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_all(&body);
    }

    #[test]
    fn no_damage_is_too_much(at in 0usize..2000, byte in any::<u8>(), cut in 0usize..2000) {
        let (logs, metrics) = examples();
        for mut body in [logs, metrics] {
            let at = at % body.len();
            body[at] = byte;
            read_all(&body);
            body.truncate(cut % body.len());
            read_all(&body);
        }
    }
}

fn read_all(body: &[u8]) {
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        if let Ok(request) = encoding.logs(body) {
            for (_, line) in log_lines(&request, NOW) {
                assert!(serde_json::from_str::<serde_json::Value>(&line).unwrap().is_object());
            }
        }
        if let Ok(request) = encoding.metrics(body) {
            for point in converted(&request, &Cumulative::new(Timestamp(0))).datapoints {
                let (count, sum, min, max) = point.observation.stats();
                assert!(count > 0.0 && sum.is_finite() && min <= max, "{point:?}");
            }
        }
    }
}
