//! `log_lines`: each log record as the time and the text of a log event.
//!
//! AWS stores a record as one JSON object with its resource and scope: `resource.attributes`, `scope`, `timeUnixNano`,
//! `observedTimeUnixNano`, `severityNumber`, `severityText`, `body`, `attributes`, `flags`, `traceId`, `spanId`; attributes are
//! plain members, and the body is what it means (seen in AWS's guide on events of generative AI agents; the whole form is
//! documented nowhere). Times are numbers, ids hexadecimal in lower case. Ours: what is absent is left out, `eventName` and
//! `droppedAttributesCount` are members, bytes are Base64.
//!
//! The time of the event is `timeUnixNano`, else `observedTimeUnixNano`, else when it came.

use super::message::{AnyValue, Attributes, InstrumentationScope, KeyValue, LogRecord, LogsRequest};
use model::{Timestamp, hex};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

const NANOS_PER_MS: u64 = 1_000_000;

/// Time and text of each record of a request that comes at `now`, in the request's order.
pub fn log_lines(request: &LogsRequest, now: Timestamp) -> Vec<(Timestamp, String)> {
    let mut lines = Vec::new();
    for of_resource in &request.resource_logs {
        let attributes = of_resource.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
        let resource = origin_json("", "", attributes, &of_resource.schema_url);
        for of_scope in &of_resource.scope_logs {
            let none = InstrumentationScope::default();
            let InstrumentationScope { name, version, attributes } = of_scope.scope.as_ref().unwrap_or(&none);
            let scope = origin_json(name, version, attributes, &of_scope.schema_url);
            lines.extend(of_scope.log_records.iter().map(|record| {
                let line = Line::of(record, resource.as_deref(), scope.as_deref());
                // Serializing to a string fails for maps whose keys are no text, and there are none.
                (time_of(record, now), serde_json::to_string(&line).unwrap_or_default())
            }));
        }
    }
    lines
}

fn time_of(record: &LogRecord, now: Timestamp) -> Timestamp {
    let nanos = [record.time_unix_nano, record.observed_time_unix_nano].into_iter().find(|nanos| *nanos > 0);
    nanos.and_then(|nanos| i64::try_from(nanos / NANOS_PER_MS).ok()).map_or(now, Timestamp)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "is_zero")]
    time_unix_nano: u64,
    #[serde(skip_serializing_if = "is_zero")]
    observed_time_unix_nano: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity_number: Option<i32>,
    #[serde(skip_serializing_if = "str::is_empty")]
    severity_text: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    event_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a AnyValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Attributes<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    flags: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    trace_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    span_id: String,
}

impl<'a> Line<'a> {
    fn of(record: &'a LogRecord, resource: Option<&'a RawValue>, scope: Option<&'a RawValue>) -> Self {
        Self {
            resource,
            scope,
            time_unix_nano: record.time_unix_nano,
            observed_time_unix_nano: record.observed_time_unix_nano,
            severity_number: (record.severity_number != 0).then_some(record.severity_number),
            severity_text: &record.severity_text,
            event_name: &record.event_name,
            body: record.body.as_ref().filter(|body| body.value.is_some()),
            attributes: (!record.attributes.is_empty()).then_some(Attributes(&record.attributes)),
            dropped_attributes_count: u64::from(record.dropped_attributes_count),
            flags: u64::from(record.flags),
            trace_id: hex(&record.trace_id),
            span_id: hex(&record.span_id),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Origin<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Attributes<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    schema_url: &'a str,
}

/// A resource or a scope, written once for all its records; `None` when it says nothing.
fn origin_json(name: &str, version: &str, attributes: &[KeyValue], schema_url: &str) -> Option<Box<RawValue>> {
    let attributes = (!attributes.is_empty()).then_some(Attributes(attributes));
    to_raw_value(&Origin { name, version, attributes, schema_url }).ok().filter(|json| json.get() != "{}")
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
