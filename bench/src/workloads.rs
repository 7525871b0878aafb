//! The workloads: what is loaded beforehand, which calls are measured, and how to tell that an answer is right.

use crate::bodies::{self, Datum, Random};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

/// One call, before it is signed.
#[derive(Debug, Clone)]
pub struct Call {
    /// Signing name of the service.
    pub service: &'static str,
    /// Request path.
    pub path: &'static str,
    /// Headers besides host, length and signature.
    pub headers: Vec<(&'static str, String)>,
    /// Body as on the wire.
    pub body: Vec<u8>,
    /// Records written by the call (log events or datums); 0 for reads.
    pub records: u64,
    /// Useful bytes of the call: message text of logs, uncompressed body of metrics; 0 for reads.
    pub bytes: u64,
}

/// What a workload needs.
#[derive(Debug, Default)]
pub struct Prepared {
    /// Made once before, not measured. Refused ones are not an error here: the measured calls tell.
    pub load: Vec<Call>,
    /// Measured, in turn, over and over.
    pub calls: Vec<Call>,
    /// Text and how often it must occur in the answer to a measured call.
    pub expected: Option<(&'static str, usize)>,
}

/// One workload.
#[derive(Debug)]
pub struct Workload {
    /// Name, as `--only` and the tables have it.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Makes the calls from a seed and the time now (milliseconds).
    pub prepare: fn(Random, i64) -> Prepared,
}

/// All of them, in the order in which they run: reads first, on a load of fixed size, so that both servers search the same.
pub const ALL: &[Workload] = &[
    Workload {
        name: "filter-log-events-needle",
        about: "FilterLogEvents with a quoted term: 3 of ~240,000 events, 56 MB",
        prepare: filter_needle,
    },
    Workload { name: "get-metric-data", about: "GetMetricData: 10 metrics x 30 minutes", prepare: get_metric_data },
    Workload { name: "lookup-events", about: "LookupEvents by EventName: newest 50 of 100", prepare: lookup_events },
    Workload {
        name: "put-log-events-1mb",
        about: "PutLogEvents: ~1.1 MB, ~4,000 lines",
        prepare: |r, now| put_log_events(r, now, usize::MAX, 16),
    },
    Workload {
        name: "put-log-events-10",
        about: "PutLogEvents: 10 lines, as an agent sends that does not wait",
        prepare: |r, now| put_log_events(r, now, 10, 64),
    },
    Workload {
        name: "put-log-events-100",
        about: "PutLogEvents: 100 lines",
        prepare: |r, now| put_log_events(r, now, 100, 64),
    },
    Workload {
        name: "put-log-events-filters",
        about: "PutLogEvents: 100 lines into a group with 5 metric filters; put-log-events-100 is the same without",
        prepare: put_log_events_filters,
    },
    Workload {
        name: "put-log-events-emf",
        about: "PutLogEvents: 100 documents of the embedded metric format, 2 metrics x 2 sets of dimensions",
        prepare: put_log_events_emf,
    },
    Workload {
        name: "put-metric-data-json-20",
        about: "PutMetricData: awsJson, 20 datums",
        prepare: |r, now| put_metric_data(r, now, 20, json),
    },
    Workload {
        name: "put-metric-data-json-1000",
        about: "PutMetricData: awsJson, 1,000 datums",
        prepare: |r, now| put_metric_data(r, now, 1_000, json),
    },
    Workload {
        name: "put-metric-data-json-gzip-1000",
        about: "PutMetricData: awsJson, gzip as botocore sends it, 1,000 datums",
        prepare: |r, now| put_metric_data(r, now, 1_000, json_gzip),
    },
    Workload {
        name: "put-metric-data-cbor-20",
        about: "PutMetricData: RPC v2 CBOR, 20 datums",
        prepare: |r, now| put_metric_data(r, now, 20, cbor),
    },
    Workload {
        name: "put-metric-data-cbor-1000",
        about: "PutMetricData: RPC v2 CBOR, 1,000 datums",
        prepare: |r, now| put_metric_data(r, now, 1_000, cbor),
    },
    Workload {
        name: "put-metric-data-query-20",
        about: "PutMetricData: query form, 20 datums",
        prepare: |r, now| put_metric_data(r, now, 20, query),
    },
    Workload {
        name: "put-metric-data-query-1000",
        about: "PutMetricData: query form, 1,000 datums",
        prepare: |r, now| put_metric_data(r, now, 1_000, query),
    },
];

const NEEDLE: &str = "needle-7f3a91c2";
const NAMESPACE: &str = "Bench/App";

/// A call of awsJson.
pub fn logs(operation: &str, body: Vec<u8>) -> Call {
    let target = format!("Logs_20140328.{operation}");
    let headers = vec![("content-type", "application/x-amz-json-1.1".into()), ("x-amz-target", target)];
    Call { service: "logs", path: "/", headers, body, records: 0, bytes: 0 }
}

/// A call of awsJson.
pub fn cloudwatch_json(operation: &str, body: Vec<u8>) -> Call {
    let target = format!("GraniteServiceVersion20100801.{operation}");
    let headers = vec![
        ("content-type", "application/x-amz-json-1.0".into()),
        ("x-amz-target", target),
        ("x-amzn-query-mode", "true".into()),
    ];
    Call { service: "monitoring", path: "/", headers, body, records: 0, bytes: 0 }
}

/// Makes a log group and a stream in it.
pub fn group_and_stream(group: &str, stream: &str) -> [Call; 2] {
    [
        logs("CreateLogGroup", format!(r#"{{"logGroupName":"{group}"}}"#).into_bytes()),
        logs("CreateLogStream", format!(r#"{{"logGroupName":"{group}","logStreamName":"{stream}"}}"#).into_bytes()),
    ]
}

fn filter_needle(mut random: Random, now: i64) -> Prepared {
    let mut load = group_and_stream("/bench/needle", "one").to_vec();
    for body in 0..60 {
        let mark = [5, 31, 58].contains(&body).then_some(NEEDLE);
        let end = now - 600_000 + i64::from(body) * 8_000;
        load.push(logs(
            "PutLogEvents",
            bodies::put_log_events(&mut random, "/bench/needle", "one", end, usize::MAX, mark).json,
        ));
    }
    let filter = format!(r#"{{"logGroupName":"/bench/needle","filterPattern":"\"{NEEDLE}\""}}"#);
    Prepared { load, calls: vec![logs("FilterLogEvents", filter.into_bytes())], expected: Some(("\"eventId\"", 3)) }
}

fn get_metric_data(mut random: Random, now: i64) -> Prepared {
    const METRICS: usize = 10;
    const MINUTES: i64 = 30;
    let end = now / 60_000 * 60;
    let start = end - MINUTES * 60;
    let datums: Vec<Datum> = (0..METRICS)
        .flat_map(|metric| (0..MINUTES).map(move |minute| (metric, start + minute * 60)))
        .map(|(metric, seconds)| Datum::fixed(metric, seconds, random.below(1_000_000) as i64))
        .collect();
    let queries: Vec<String> = (0..METRICS)
        .map(|metric| {
            format!(
                r#"{{"Id":"m{metric}","MetricStat":{{"Metric":{{"Namespace":"Bench/Read","MetricName":"Metric{metric}","Dimensions":[{{"Name":"Service","Value":"orders"}},{{"Name":"InstanceId","Value":"i-00000000"}}]}},"Period":60,"Stat":"Average"}}}}"#
            )
        })
        .collect();
    let body = format!(r#"{{"StartTime":{start},"EndTime":{end},"MetricDataQueries":[{}]}}"#, queries.join(","));
    Prepared {
        load: vec![cloudwatch_json("PutMetricData", bodies::put_metric_data_json("Bench/Read", &datums))],
        calls: vec![cloudwatch_json("GetMetricData", body.into_bytes())],
        expected: Some(("\"Values\"", METRICS)),
    }
}

/// LookupEvents with this body.
pub fn lookup(body: Vec<u8>) -> Call {
    cloudtrail("LookupEvents", body)
}

/// A call of CloudTrail with this body.
pub fn cloudtrail(operation: &str, body: Vec<u8>) -> Call {
    let target = format!("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.{operation}");
    let headers = vec![("content-type", "application/x-amz-json-1.1".into()), ("x-amz-target", target)];
    Call { service: "cloudtrail", path: "/", headers, body, records: 0, bytes: 0 }
}

fn lookup_events(_: Random, _: i64) -> Prepared {
    let body =
        br#"{"LookupAttributes":[{"AttributeKey":"EventName","AttributeValue":"CreateLogGroup"}],"MaxResults":50}"#;
    let call = lookup(body.to_vec());
    let load = (0..100)
        .map(|n| logs("CreateLogGroup", format!(r#"{{"logGroupName":"/bench/lookup/{n}"}}"#).into_bytes()))
        .collect();
    Prepared { load, calls: vec![call], expected: Some(("\"EventId\"", 50)) }
}

fn put_log_events(mut random: Random, now: i64, events_max: usize, bodies_count: usize) -> Prepared {
    put_lines("/bench/put", now, events_max, bodies_count, || bodies::log_line(&mut random))
}

/// Calls that put lines into a group, each into a stream of its own.
fn put_lines(
    group: &str,
    now: i64,
    events_max: usize,
    bodies_count: usize,
    mut next_line: impl FnMut() -> String,
) -> Prepared {
    let mut load = Vec::new();
    let mut calls = Vec::new();
    for index in 0..bodies_count {
        let stream = format!("stream-{events_max}-{index}");
        load.extend(group_and_stream(group, &stream));
        let made = bodies::put_lines(group, &stream, now, events_max, None, &mut next_line);
        let mut call = logs("PutLogEvents", made.json);
        (call.records, call.bytes) = (made.events, made.text_bytes);
        calls.push(call);
    }
    Prepared { load, calls, expected: None }
}

/// Metric filters as they are in use, on what the lines hold: pattern, value and dimensions.
const METRIC_FILTERS: [(&str, &str, &str); 5] = [
    ("ERROR", "1", ""),
    ("{ $.status = 500 }", "$.latency_ms", r#","dimensions":{"Service":"$.service"}"#),
    (r#"{ ($.level = "ERROR") && ($.service = "payments") }"#, "1", r#","defaultValue":0"#),
    ("[host, ident, user, time, request, status = 5*, bytes, ...]", "$bytes", ""),
    (r#""Accepted publickey" -root"#, "1", ""),
];

fn put_log_events_filters(mut random: Random, now: i64) -> Prepared {
    const GROUP: &str = "/bench/filters";
    let mut prepared = put_lines(GROUP, now, 100, 64, || bodies::log_line(&mut random));
    for (number, (pattern, value, more)) in METRIC_FILTERS.into_iter().enumerate() {
        let pattern = serde_json::to_string(pattern).unwrap_or_default();
        let body = format!(
            r#"{{"logGroupName":"{GROUP}","filterName":"f{number}","filterPattern":{pattern},"metricTransformations":[{{"metricName":"f{number}","metricNamespace":"Bench/Filters","metricValue":"{value}"{more}}}]}}"#
        );
        prepared.load.push(logs("PutMetricFilter", body.into_bytes()));
    }
    prepared
}

fn put_log_events_emf(mut random: Random, now: i64) -> Prepared {
    put_lines("/bench/emf", now, 100, 64, || bodies::emf_line(&mut random, now))
}

fn put_metric_data(mut random: Random, now: i64, datums: usize, encode: fn(&str, &[Datum]) -> (Call, u64)) -> Prepared {
    let end = now / 60_000 * 60;
    let calls = (0..16)
        .map(|body| {
            let drawn: Vec<Datum> =
                (0..datums).map(|n| Datum::draw(&mut random, n % 10, end - 60 * (body % 15))).collect();
            let (mut call, bytes) = encode(NAMESPACE, &drawn);
            (call.records, call.bytes) = (datums as u64, bytes);
            call
        })
        .collect();
    Prepared { load: Vec::new(), calls, expected: None }
}

/// PutMetricData as awsJson, and its bytes.
pub fn json(namespace: &str, datums: &[Datum]) -> (Call, u64) {
    let body = bodies::put_metric_data_json(namespace, datums);
    let bytes = body.len() as u64;
    (cloudwatch_json("PutMetricData", body), bytes)
}

fn json_gzip(namespace: &str, datums: &[Datum]) -> (Call, u64) {
    let (mut call, bytes) = json(namespace, datums);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to a Vec cannot fail.
    let _ = encoder.write_all(&call.body);
    call.body = encoder.finish().unwrap_or_default();
    call.headers.push(("content-encoding", "gzip".into()));
    (call, bytes)
}

/// PutMetricData as RPC v2 CBOR, and its bytes.
pub fn cbor(namespace: &str, datums: &[Datum]) -> (Call, u64) {
    let body = bodies::put_metric_data_cbor(namespace, datums);
    let headers = vec![
        ("content-type", "application/cbor".into()),
        ("accept", "application/cbor".into()),
        ("smithy-protocol", "rpc-v2-cbor".into()),
    ];
    let path = "/service/GraniteServiceVersion20100801/operation/PutMetricData";
    let bytes = body.len() as u64;
    (Call { service: "monitoring", path, headers, body, records: 0, bytes: 0 }, bytes)
}

/// PutMetricData as a form, and its bytes.
pub fn query(namespace: &str, datums: &[Datum]) -> (Call, u64) {
    let body = bodies::put_metric_data_query(namespace, datums);
    let headers = vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8".into())];
    let bytes = body.len() as u64;
    (Call { service: "monitoring", path: "/", headers, body, records: 0, bytes: 0 }, bytes)
}
