//! Metric streams: kept, started and stopped; and what they deliver, at least once, from where they were.

use crate::plane::{NOW, Plane};
use futures::FutureExt;
use futures::future::BoxFuture;
use model::Timestamp;
use model::time::{DAY, MINUTE};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use watch::cloudwatch::{Firehose, MetricStreams};

const ARN: &str = "arn:aws:firehose:us-east-1:123456789012:deliverystream/";

/// Keeps what it is given, unless it is told to refuse or never to answer.
#[derive(Default)]
struct Receiver {
    taken: Mutex<Vec<(String, Vec<u8>)>>,
    refusing: Mutex<HashMap<String, usize>>,
}

impl Receiver {
    /// Refuses the next `count` batches for a delivery stream; `usize::MAX` means that it never answers.
    fn refuse(&self, name: &str, count: usize) {
        self.refusing.lock().unwrap().insert(format!("{ARN}{name}"), count);
    }

    /// The batches for a delivery stream since the last call.
    fn batches(&self, name: &str) -> Vec<Vec<u8>> {
        let arn = format!("{ARN}{name}");
        let mut taken = self.taken.lock().unwrap();
        let (of_name, others) = std::mem::take(&mut *taken).into_iter().partition(|(to, _)| *to == arn);
        *taken = others;
        let batches: Vec<(String, Vec<u8>)> = of_name;
        batches.into_iter().map(|(_, batch)| batch).collect()
    }

    /// The lines for a delivery stream since the last call.
    fn lines(&self, name: &str) -> Vec<Value> {
        self.batches(name).iter().flat_map(|batch| lines(batch)).collect()
    }
}

fn lines(batch: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(batch).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

impl Firehose for Receiver {
    fn put(
        &self,
        firehose_arn: &str,
        content_type: &'static str,
        batch: Vec<u8>,
    ) -> BoxFuture<'static, Result<(), String>> {
        match self.refusing.lock().unwrap().get_mut(firehose_arn) {
            Some(&mut usize::MAX) => return std::future::pending().boxed(),
            Some(count) if *count > 0 => {
                *count -= 1;
                return std::future::ready(Err("503".to_owned())).boxed();
            }
            _ => {}
        }
        assert_eq!(content_type == "application/x-ndjson", batch.starts_with(b"{"), "{content_type}");
        self.taken.lock().unwrap().push((firehose_arn.to_owned(), batch));
        std::future::ready(Ok(())).boxed()
    }
}

async fn plane() -> Plane {
    Plane::new(watch::cloudwatch::operations()).await
}

fn stream(name: &str, more: Value) -> Value {
    let mut input = json!({
        "Name": name, "FirehoseArn": format!("{ARN}{name}"), "RoleArn": "arn:aws:iam::123456789012:role/r", "OutputFormat": "json",
    });
    for (key, value) in more.as_object().unwrap() {
        input[key] = value.clone();
    }
    input
}

async fn put(plane: &Plane, namespace: &str, metric: &str, at: i64, values: &[f64]) {
    let datum = json!({
        "MetricName": metric, "Timestamp": at / 1000, "Values": values, "Unit": "Seconds",
        "Dimensions": [{ "Name": "Host", "Value": "h" }],
    });
    plane.ok("PutMetricData", json!({ "Namespace": namespace, "MetricData": [datum] })).await;
}

fn metrics(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["metric_name"].as_str().unwrap()).collect()
}

async fn tick(plane: &Plane, streams: &mut MetricStreams, minutes: i64) {
    plane.clock.advance(minutes * MINUTE);
    streams.start_due(&plane.watch).await;
    streams.finish().await;
}

#[tokio::test]
async fn a_period_is_delivered_once_it_is_over_in_the_format_of_the_guide() {
    let plane = plane().await;
    let statistics = json!([{
        "IncludeMetrics": [{ "Namespace": "N", "MetricName": "m" }], "AdditionalStatistics": ["p50", "TM(25%:75%)"],
    }]);
    plane.ok("PutMetricStream", stream("all", json!({ "StatisticsConfigurations": statistics }))).await;
    put(&plane, "N", "m", NOW, &[1.0, 2.0, 3.0, 4.0]).await;
    put(&plane, "N", "other", NOW + 30_000, &[7.0]).await;
    let receiver = Arc::new(Receiver::default());
    let mut streams = MetricStreams::new(receiver.clone());
    tick(&plane, &mut streams, 2).await;
    assert_eq!(receiver.lines("all"), Vec::<Value>::new(), "too early");
    tick(&plane, &mut streams, 1).await;
    let lines = receiver.lines("all");
    assert_eq!(
        lines,
        [
            json!({
                "metric_stream_name": "all", "account_id": "123456789012", "region": "us-east-1", "namespace": "N",
                "metric_name": "m", "dimensions": { "Host": "h" }, "timestamp": NOW,
                "value": { "count": 4.0, "sum": 10.0, "max": 4.0, "min": 1.0, "p50": 2.5, "TM(25%:75%)": 2.5 },
                "unit": "Seconds",
            }),
            json!({
                "metric_stream_name": "all", "account_id": "123456789012", "region": "us-east-1", "namespace": "N",
                "metric_name": "other", "dimensions": { "Host": "h" }, "timestamp": NOW,
                "value": { "count": 1.0, "sum": 7.0, "max": 7.0, "min": 7.0 }, "unit": "Seconds",
            }),
        ]
    );
    tick(&plane, &mut streams, 1).await;
    assert_eq!(receiver.lines("all"), Vec::<Value>::new(), "once");
}

#[tokio::test]
async fn filters_choose_by_namespace_and_name() {
    let plane = plane().await;
    let some = json!([{ "Namespace": "N", "MetricNames": ["a"] }, { "Namespace": "O" }]);
    plane.ok("PutMetricStream", stream("in", json!({ "IncludeFilters": some }))).await;
    plane.ok("PutMetricStream", stream("out", json!({ "ExcludeFilters": some }))).await;
    for (namespace, metric) in [("N", "a"), ("N", "b"), ("O", "c"), ("P", "d")] {
        put(&plane, namespace, metric, NOW, &[1.0]).await;
    }
    let receiver = Arc::new(Receiver::default());
    tick(&plane, &mut MetricStreams::new(receiver.clone()), 3).await;
    assert_eq!(metrics(&receiver.lines("in")), ["a", "c"]);
    assert_eq!(metrics(&receiver.lines("out")), ["b", "d"]);
}

#[tokio::test]
async fn what_was_refused_is_sent_again_by_whoever_comes_next() {
    let plane = plane().await;
    plane.ok("PutMetricStream", stream("s", json!({}))).await;
    for minute in 0..3 {
        put(&plane, "N", &format!("m{minute}"), NOW + minute * MINUTE, &[1.0]).await;
    }
    let receiver = Arc::new(Receiver::default());
    receiver.refuse("s", 2);
    let mut streams = MetricStreams::new(receiver.clone());
    tick(&plane, &mut streams, 3).await;
    tick(&plane, &mut streams, 1).await;
    assert_eq!(receiver.lines("s"), Vec::<Value>::new());
    // As after a restart: the position is the catalog's.
    tick(&plane, &mut MetricStreams::new(receiver.clone()), 1).await;
    assert_eq!(metrics(&receiver.lines("s")), ["m0", "m1", "m2"]);
}

#[tokio::test]
async fn a_destination_that_never_answers_delays_no_other() {
    let plane = plane().await;
    plane.ok("PutMetricStream", stream("slow", json!({}))).await;
    plane.ok("PutMetricStream", stream("swift", json!({}))).await;
    put(&plane, "N", "m", NOW, &[1.0]).await;
    put(&plane, "N", "m", NOW + MINUTE, &[1.0]).await;
    let receiver = Arc::new(Receiver::default());
    receiver.refuse("slow", usize::MAX);
    let mut streams = MetricStreams::new(receiver.clone());
    let mut arrived = 0;
    for minute in 3..5 {
        plane.clock.set(Timestamp(NOW + minute * MINUTE));
        // The catalog says when the swift one is through; its delivery of the minute before may have been ending still.
        let scope = model::Scope { account: "123456789012".into(), region: "us-east-1".into() };
        while plane.watch.catalog.metric_stream(&scope, "swift").await.unwrap().unwrap().position
            < Timestamp(NOW + (minute - 2) * MINUTE)
        {
            streams.start_due(&plane.watch).await;
            tokio::task::yield_now().await;
        }
        arrived += receiver.lines("swift").len();
    }
    assert_eq!(arrived, 2);
    assert_eq!(receiver.lines("slow"), Vec::<Value>::new());
}

#[tokio::test]
async fn a_bucket_gets_each_minute_once_though_it_is_sent_again() {
    let plane = plane().await;
    let name = "x".repeat(200);
    for number in 0..30 {
        let many: Vec<Value> = (0..40)
            .map(|n| {
                json!({ "MetricName": format!("{name}{n}"), "Timestamp": NOW / 1000, "Value": 1.0, "Dimensions": [
                { "Name": "d", "Value": format!("{number}{}", "v".repeat(900)) },
            ] })
            })
            .collect();
        plane.ok("PutMetricData", json!({ "Namespace": "N", "MetricData": many })).await;
    }
    plane.ok("PutMetricStream", stream("s", json!({ "FirehoseArn": "arn:aws:s3:::logs/in/" }))).await;
    plane.buckets.close_after(1);
    let receiver = Arc::new(Receiver::default());
    let mut streams = MetricStreams::new(receiver.clone());
    tick(&plane, &mut streams, 3).await;
    assert_eq!(plane.buckets.keys().len(), 1, "the second of the minute's objects was not taken");
    plane.buckets.open();
    // As after a crash: whoever comes next begins with the minute again.
    tick(&plane, &mut MetricStreams::new(receiver.clone()), 1).await;
    let keys = plane.buckets.keys();
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert!(keys.iter().all(|key| key.starts_with("in/2026/03/01/00/s-1-2026-03-01-00-00-00-")), "{keys:?}");
    let all: Vec<Value> = keys.iter().flat_map(|key| lines(&plane.buckets.object(key))).collect();
    assert_eq!(all.len(), 1200);
    let mut series: Vec<String> =
        all.iter().map(|line| format!("{} {}", line["metric_name"], line["dimensions"])).collect();
    series.sort();
    series.dedup();
    assert_eq!(series.len(), 1200, "each once");
    assert!(receiver.taken.lock().unwrap().is_empty());
    tick(&plane, &mut streams, 1).await;
    assert_eq!(plane.buckets.keys(), keys, "a minute without data makes no object");
}

#[tokio::test]
async fn opentelemetry_is_delivered_and_takes_percentiles_only() {
    let plane = plane().await;
    let more = |statistics: Value| {
        json!({ "OutputFormat": "opentelemetry1.0", "StatisticsConfigurations": [{
            "IncludeMetrics": [{ "Namespace": "N", "MetricName": "m" }], "AdditionalStatistics": statistics,
        }] })
    };
    for wrong in ["tm99", "PR(:300)", "Average"] {
        let refusal = plane.refused("PutMetricStream", stream("s", more(json!(["p99", wrong])))).await;
        assert_eq!(refusal.0, "InvalidParameterValueException");
        assert!(refusal.1.contains(wrong), "{refusal:?}");
    }
    plane.ok("PutMetricStream", stream("s", more(json!(["p99", "p99.9"])))).await;
    put(&plane, "N", "m", NOW, &[1.0, 2.0]).await;
    let receiver = Arc::new(Receiver::default());
    tick(&plane, &mut MetricStreams::new(receiver.clone()), 3).await;
    let [batch] = receiver.batches("s").try_into().unwrap();
    // What is in it is tested with `metric_stream_delivery`: here that it is one request behind its length.
    let length = usize::from(batch[0] & 127) | usize::from(batch[1]) << 7;
    assert_eq!((batch[0] >> 7, batch[1] >> 7, length + 2), (1, 0, batch.len()));
    let text = String::from_utf8_lossy(&batch);
    assert!(text.contains("amazonaws.com/N/m") && text.contains("metric-stream/s"), "{text}");
}

#[tokio::test]
async fn a_stopped_stream_sends_nothing_and_goes_on_with_the_present() {
    let plane = plane().await;
    plane.ok("PutMetricStream", stream("s", json!({}))).await;
    plane.ok("StopMetricStreams", json!({ "Names": ["s"] })).await;
    assert_eq!(plane.ok("GetMetricStream", json!({ "Name": "s" })).await["State"], "stopped");
    put(&plane, "N", "missed", NOW, &[1.0]).await;
    let receiver = Arc::new(Receiver::default());
    let mut streams = MetricStreams::new(receiver.clone());
    tick(&plane, &mut streams, 10).await;
    plane.ok("StartMetricStreams", json!({ "Names": ["s"] })).await;
    put(&plane, "N", "seen", NOW + 10 * MINUTE, &[1.0]).await;
    tick(&plane, &mut streams, 3).await;
    assert_eq!(metrics(&receiver.lines("s")), ["seen"]);
    let refusal = plane.refused("StopMetricStreams", json!({ "Names": ["s", "absent"] })).await;
    assert!(refusal.1.contains("absent"), "{refusal:?}");
    assert_eq!(plane.ok("GetMetricStream", json!({ "Name": "s" })).await["State"], "running", "all or none");
    // Two days behind: a day is skipped.
    put(&plane, "N", "old", NOW + 20 * MINUTE, &[1.0]).await;
    put(&plane, "N", "young", NOW + 100 * MINUTE, &[1.0]).await;
    plane.clock.set(Timestamp(NOW + DAY + 60 * MINUTE));
    tick(&plane, &mut streams, 0).await;
    assert_eq!(metrics(&receiver.lines("s")), ["young"]);
}

#[tokio::test]
async fn streams_are_listed_tagged_replaced_and_deleted() {
    let plane = plane().await;
    for name in ["b", "a"] {
        let made = plane.ok("PutMetricStream", stream(name, json!({ "Tags": [{ "Key": "k", "Value": name }] }))).await;
        assert_eq!(made["Arn"], json!(format!("arn:aws:cloudwatch:us-east-1:123456789012:metric-stream/{name}")));
    }
    let page = plane.ok("ListMetricStreams", json!({ "MaxResults": 1 })).await;
    assert_eq!((&page["Entries"][0]["Name"], &page["Entries"][0]["State"]), (&json!("a"), &json!("running")));
    let page = plane.ok("ListMetricStreams", json!({ "MaxResults": 1, "NextToken": page["NextToken"] })).await;
    assert_eq!(page["Entries"][0]["Name"], "b");
    assert!(page.get("NextToken").is_none());
    plane.ok("StopMetricStreams", json!({ "Names": ["a"] })).await;
    plane.clock.advance(MINUTE);
    plane.ok("PutMetricStream", stream("a", json!({ "IncludeFilters": [{ "Namespace": "N" }] }))).await;
    let got = plane.ok("GetMetricStream", json!({ "Name": "a" })).await;
    assert_eq!((&got["State"], &got["IncludeFilters"]), (&json!("stopped"), &json!([{ "Namespace": "N" }])));
    assert_eq!(got["LastUpdateDate"].as_f64().unwrap() - got["CreationDate"].as_f64().unwrap(), 60.0);
    let tags = plane.ok("ListTagsForResource", json!({ "ResourceARN": got["Arn"] })).await;
    assert_eq!(tags["Tags"], json!([{ "Key": "k", "Value": "a" }]));
    for _ in 0..2 {
        plane.ok("DeleteMetricStream", json!({ "Name": "a" })).await;
    }
    assert_eq!(plane.refused("GetMetricStream", json!({ "Name": "a" })).await.0, "ResourceNotFoundException");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let plane = plane().await;
    let one = json!([{ "Namespace": "N" }]);
    for (more, code, part) in [
        (json!({ "Name": "a b" }), "InvalidParameterValueException", "Name"),
        (json!({ "FirehoseArn": "arn:aws:s3:::bucket/a//b" }), "InvalidParameterValueException", "FirehoseArn"),
        (
            json!({ "FirehoseArn": "arn:aws:sqs:us-east-1:123456789012:q" }),
            "InvalidParameterValueException",
            "FirehoseArn",
        ),
        (json!({ "RoleArn": "role" }), "InvalidParameterValueException", "RoleArn"),
        (json!({ "OutputFormat": "opentelemetry2.0" }), "ValidationException", "opentelemetry2.0"),
        (json!({ "IncludeFilters": one, "ExcludeFilters": one }), "InvalidParameterCombinationException", "exclusive"),
        (json!({ "IncludeFilters": [{ "MetricNames": ["m"] }] }), "MissingRequiredParameterException", "Namespace"),
        (
            json!({ "ExcludeFilters": [{ "Namespace": "N", "MetricNames": vec!["m"; 1000] }] }),
            "InvalidParameterValueException",
            "1000",
        ),
        (
            json!({ "StatisticsConfigurations": [{
                "IncludeMetrics": [{ "Namespace": "N", "MetricName": "m" }], "AdditionalStatistics": ["Average"],
            }] }),
            "InvalidParameterValueException",
            "Average",
        ),
    ] {
        let refusal = plane.refused("PutMetricStream", stream("s", more)).await;
        assert_eq!(refusal.0, code, "{refusal:?}");
        assert!(refusal.1.contains(part), "{refusal:?}");
    }
}
