//! Records in other protocols: OTLP and Prometheus remote write, from a body to what CloudWatch's operations and PromQL say.

use crate::plane::{NOW, Plane};
use model::{Scope, Timestamp};
use serde_json::{Value, json};
use watch::logs::{Missing, append_lines, takes_bearer_tokens};
use watch::otlp::{Cumulative, Encoding, export_logs, export_metrics};
use watch::{cloudwatch, logs, promql, remote_write};

fn scope() -> Scope {
    Scope { account: "123456789012".into(), region: "us-east-1".into() }
}

async fn plane() -> Plane {
    let mut operations = logs::operations();
    operations.extend(cloudwatch::operations());
    Plane::new(operations).await
}

fn nanos(offset_secs: i64) -> String {
    format!("{}000000", NOW + offset_secs * 1000)
}

async fn logged(plane: &Plane, body: Value) -> Result<Value, (String, String)> {
    let body = body.to_string();
    let answer = export_logs(&plane.watch, &scope(), ("g", "s"), Encoding::Json, body.as_bytes()).await;
    let answer = answer.map_err(|error| (error.code().to_owned(), error.message().to_owned()))?;
    Ok(serde_json::from_slice(&answer.encode(Encoding::Json)).unwrap())
}

async fn measured(plane: &Plane, cumulative: &Cumulative, metric: Value) -> Value {
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]});
    let body =
        json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]}).to_string();
    let watch = &plane.watch;
    let answer = export_metrics(watch, &scope(), None, cumulative, Encoding::Json, body.as_bytes()).await.unwrap();
    serde_json::from_slice(&answer.encode(Encoding::Json)).unwrap()
}

async fn queried(plane: &Plane, query: &str) -> String {
    promql::instant(&plane.watch, &scope(), query, Timestamp(NOW)).await.unwrap().to_json()
}

#[tokio::test]
async fn log_records_are_events_in_the_order_of_their_times() {
    let plane = plane().await;
    let record = |time: String, body: &str| json!({"timeUnixNano": time, "body": {"stringValue": body}});
    let records = [record(nanos(0), "second"), record(nanos(-86_400 * 15), "old"), record(nanos(-172_800), "first")];
    let body = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]});
    let missing = ("ResourceNotFoundException".to_owned(), "The specified log group does not exist.".to_owned());
    assert_eq!(logged(&plane, body.clone()).await, Err(missing));
    plane.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    let partial = json!({"rejectedLogRecords": "1", "errorMessage": r#"{"tooOldLogEventCount":1}"#});
    assert_eq!(logged(&plane, body).await, Ok(json!({"partialSuccess": partial})));
    assert_eq!(logged(&plane, json!({})).await, Ok(json!({})));
    let events = plane.ok("FilterLogEvents", json!({"logGroupName": "g", "filterPattern": "{ $.body = * }"})).await;
    let told: Vec<_> = events["events"].as_array().unwrap().iter().map(|event| event["timestamp"].clone()).collect();
    assert_eq!(told, [json!(NOW - 172_800_000), json!(NOW)]);
    assert_eq!(logged(&plane, json!({"resourceLogs": 1})).await.unwrap_err().0, "SerializationException");
    let many = vec![json!({}); 10_001];
    let body = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": many}]}]});
    assert_eq!(logged(&plane, body).await.unwrap_err().0, "RequestEntityTooLargeException");
}

#[tokio::test]
async fn metrics_are_found_by_both_languages() {
    let plane = plane().await;
    let cumulative = Cumulative::new(Timestamp(NOW - 3_600_000));
    let attributes = json!([{"key": "path", "value": {"stringValue": "/"}}]);
    let point = json!({"timeUnixNano": nanos(-30), "asInt": "7", "attributes": attributes});
    let sum =
        json!({"name": "requests", "unit": "{request}", "sum": {"aggregationTemporality": 2, "dataPoints": [point]}});
    assert_eq!(measured(&plane, &cumulative, sum).await, json!({}));
    let dimensions = json!([{"Name": "@resource.service.name", "Value": "shop"}, {"Name": "path", "Value": "/"}]);
    let listed = plane.ok("ListMetrics", json!({})).await;
    let metric = json!({"Namespace": "shop", "MetricName": "requests", "Dimensions": dimensions});
    assert_eq!(listed["Metrics"], json!([metric]));
    let found = queried(&plane, r#"{"requests", "@resource.service.name"="shop", path="/"}"#).await;
    assert!(found.contains(r#""7""#), "{found}");

    let point = |offset, counts: [u32; 2]| {
        json!({"startTimeUnixNano": nanos(-60), "timeUnixNano": nanos(offset), "count": (counts[0] + counts[1]).to_string(),
            "bucketCounts": counts, "explicitBounds": [10], "min": 1, "max": 30})
    };
    for (offset, counts) in [(-50, [9, 0]), (-40, [9, 1]), (-40, [9, 1])] {
        let histogram = json!({"aggregationTemporality": 2, "dataPoints": [point(offset, counts)]});
        measured(&plane, &cumulative, json!({"name": "latency", "unit": "ms", "histogram": histogram})).await;
    }
    let asked = |statistics: Value| {
        let mut asked = json!({"Namespace": "shop", "MetricName": "latency", "Period": 60,
            "StartTime": (NOW - 60_000) / 1000, "EndTime": NOW / 1000,
            "Dimensions": [{"Name": "@resource.service.name", "Value": "shop"}]});
        asked.as_object_mut().unwrap().extend(statistics.as_object().unwrap().clone());
        asked
    };
    let answer = plane.ok("GetMetricStatistics", asked(json!({"Statistics": ["SampleCount", "Minimum"]}))).await;
    let point = &answer["Datapoints"][0];
    assert_eq!((&point["SampleCount"], &point["Minimum"]), (&json!(10.0), &json!(1.0)));
    assert_eq!(point["Unit"], json!("Milliseconds"));
    let answer = plane.ok("GetMetricStatistics", asked(json!({"ExtendedStatistics": ["p99"]}))).await;
    let point = &answer["Datapoints"][0];
    assert!(point["ExtendedStatistics"]["p99"].as_f64().unwrap() > 10.0, "{point}");
}

#[tokio::test]
async fn samples_of_prometheus_are_metrics() {
    let plane = plane().await;
    let label = |name: &str, value: &str| [field(1, name.as_bytes()), field(2, value.as_bytes())].concat();
    let sample = |value: f64, time: i64| {
        let mut time = time as u64;
        let mut bytes = [&[0x09][..], &value.to_le_bytes(), &[0x10]].concat();
        while time > 0x7f {
            bytes.push(time as u8 | 0x80);
            time >>= 7;
        }
        [bytes, vec![time as u8]].concat()
    };
    let series = |samples: &[Vec<u8>]| {
        let mut bytes = [field(1, &label("__name__", "up")), field(1, &label("job", "node"))].concat();
        bytes.extend(samples.iter().flat_map(|sample| field(2, sample)));
        snap::raw::Encoder::new().compress_vec(&field(1, &bytes)).unwrap()
    };
    let (watch, scope) = (&plane.watch, scope());
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let body = series(&[sample(1.0, NOW - 1000), sample(stale, NOW)]);
    remote_write::write(watch, &scope, "Prometheus", &body).await.unwrap();
    assert!(queried(&plane, r#"up{job="node"}"#).await.contains(r#""1""#));
    let listed = plane.ok("ListMetrics", json!({"Namespace": "Prometheus"})).await;
    assert_eq!(listed["Metrics"][0]["MetricName"], json!("up"));

    let late = series(&[sample(1.0, NOW - 15 * 86_400_000), sample(2.0, NOW)]);
    let refused = remote_write::write(watch, &scope, "Prometheus", &late).await.unwrap_err();
    assert_eq!((refused.status(), refused.code()), (400, "ValidationException"));
    assert!(refused.message().starts_with("1 samples were left out"), "{refused}");
    // A block that says that it holds 4 GiB.
    let bomb = remote_write::write(watch, &scope, "Prometheus", &[0xff, 0xff, 0xff, 0xff, 0x0f]).await.unwrap_err();
    assert_eq!(bomb.status(), 413);
    for (namespace, body) in [("Prometheus", &b"nonsense"[..]), (":n", &body[..])] {
        assert_eq!(remote_write::write(watch, &scope, namespace, body).await.unwrap_err().status(), 400);
    }
}

/// A length-delimited field of protobuf, up to 127 bytes long or up to 16,383.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let length = if length < 128 { vec![length as u8] } else { vec![length as u8 | 0x80, (length >> 7) as u8] };
    [&[number << 3 | 2][..], &length, content].concat()
}

#[tokio::test]
async fn lines_of_syslog_find_their_stream_made() {
    let plane = plane().await;
    let lines = vec![(Timestamp(NOW), "<1>b".to_owned()), (Timestamp(NOW - 1), "<1>a".to_owned())];
    let scope = scope();
    let left_out = append_lines(&plane.watch, &scope, ("/syslog", "host"), Missing::Create, lines).await.unwrap();
    assert_eq!(left_out.total(), 0);
    let asked = json!({"logGroupName": "/syslog", "logStreamName": "host", "startFromHead": true});
    let events = plane.ok("GetLogEvents", asked).await;
    assert_eq!((&events["events"][0]["message"], &events["events"][1]["message"]), (&json!("<1>a"), &json!("<1>b")));
}

#[tokio::test]
async fn bearer_tokens_are_taken_where_they_are_allowed() {
    let plane = plane().await;
    let put = |enabled| json!({"logGroupIdentifier": "g", "bearerTokenAuthenticationEnabled": enabled});
    assert_eq!(plane.refused("PutBearerTokenAuthentication", put(true)).await.0, "ResourceNotFoundException");
    assert_eq!(takes_bearer_tokens(&plane.watch, &scope(), "g").await.unwrap(), None);
    plane.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    for enabled in [false, true, false] {
        plane.ok("PutBearerTokenAuthentication", put(enabled)).await;
        assert_eq!(takes_bearer_tokens(&plane.watch, &scope(), "g").await.unwrap(), Some(enabled));
        let described = plane.ok("DescribeLogGroups", json!({})).await;
        assert_eq!(described["logGroups"][0]["bearerTokenAuthenticationEnabled"], json!(enabled));
    }
}
