//! The way of the CIS benchmark: a call, its audit event in the trail's log group, a metric filter, a metric.

use crate::config::{Config, Settings};
use crate::serve;
use crate::server::Server;
use bytes::Bytes;
use model::Timestamp;
use model::clock::ManualClock;
use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::TempDir;
use wire::HttpRequest;
use wire::sigv4::{self, Credentials};

const NOW: Timestamp = Timestamp(1_795_000_000_000);

struct Plane {
    server: Server,
    _dir: TempDir,
}

impl Plane {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let flags = Settings { data_dir: Some(dir.path().to_owned()), ..Settings::default() };
        let buckets = [("bucket".to_owned(), dir.path().join("bucket"))].into();
        let config = Config::resolve(flags, Settings { buckets, ..Settings::default() }).unwrap();
        let server = serve::open(config, Arc::new(ManualClock::at(NOW))).await.unwrap();
        Self { server, _dir: dir }
    }

    /// The status and the body of a signed call in us-east-1.
    async fn call(&self, operation: &str, body: Value) -> (u16, Value) {
        let (prefix, signing_name) = match operation {
            "CreateTrail" | "StartLogging" | "StopLogging" | "GetTrailStatus" => {
                ("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101", "cloudtrail")
            }
            "GetMetricStatistics" => ("GraniteServiceVersion20100801", "monitoring"),
            _ => ("Logs_20140328", "logs"),
        };
        let (key, secret) = self.server.auth.credentials();
        let credentials =
            Credentials { access_key_id: key.into(), secret_access_key: secret.into(), session_token: None };
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut request = HttpRequest { method: "POST".into(), path: "/".into(), ..HttpRequest::default() };
        request.headers = vec![
            header("host", "127.0.0.1:8792"),
            header("x-amz-target", &format!("{prefix}.{operation}")),
            header("content-type", "application/x-amz-json-1.1"),
        ];
        request.body = Bytes::from(body.to_string());
        sigv4::sign(&mut request, &credentials, "us-east-1", signing_name, NOW);
        let answer = self.server.answer(request, "192.0.2.7").await;
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    async fn ok(&self, operation: &str, body: Value) -> Value {
        let (status, answer) = self.call(operation, body).await;
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    }
}

/// The records in the group, as they were delivered.
async fn delivered(plane: &Plane) -> Vec<Value> {
    let answer = plane.ok("FilterLogEvents", json!({"logGroupName": "/trail"})).await;
    let records = answer["events"].as_array().unwrap().iter();
    records.map(|event| serde_json::from_str(event["message"].as_str().unwrap()).unwrap()).collect()
}

#[tokio::test]
async fn a_call_becomes_an_event_of_the_trails_group_and_counts_for_its_filters() {
    let plane = Plane::new().await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "/trail"})).await;
    let account = &plane.server.config.account_id;
    let group = format!("arn:aws:logs:us-east-1:{account}:log-group:/trail:*");
    let trail = json!({
        "Name": "all", "S3BucketName": "bucket", "CloudWatchLogsLogGroupArn": group,
        "CloudWatchLogsRoleArn": format!("arn:aws:iam::{account}:role/r")
    });
    plane.ok("CreateTrail", trail).await;
    assert_eq!(delivered(&plane).await, [Value::Null; 0], "it does not log yet");
    plane.ok("StartLogging", json!({"Name": "all"})).await;
    let filter = json!({
        "logGroupName": "/trail", "filterName": "groups", "filterPattern": "{ ($.eventName = CreateLogGroup) }",
        "metricTransformations": [{"metricName": "groups", "metricNamespace": "CIS", "metricValue": "1"}]
    });
    plane.ok("PutMetricFilter", filter).await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "/other"})).await;
    assert_eq!(plane.call("CreateLogGroup", json!({"logGroupName": "/other"})).await.0, 400);
    let records = delivered(&plane).await;
    let names: Vec<&str> = records.iter().map(|record| record["eventName"].as_str().unwrap()).collect();
    assert_eq!(names, ["StartLogging", "PutMetricFilter", "CreateLogGroup", "CreateLogGroup"]);
    assert_eq!(records[3]["errorCode"], "ResourceAlreadyExistsException");
    let streams = plane.ok("DescribeLogStreams", json!({"logGroupName": "/trail"})).await;
    let stream = format!("{account}_CloudTrail_us-east-1");
    assert_eq!(streams["logStreams"][0]["logStreamName"], json!(stream));
    let counted = json!({
        "Namespace": "CIS", "MetricName": "groups", "Statistics": ["Sum"], "Period": 60,
        "StartTime": NOW.secs() - 60, "EndTime": NOW.secs() + 60
    });
    assert_eq!(plane.ok("GetMetricStatistics", counted).await["Datapoints"][0]["Sum"], 2.0);
    let status = plane.ok("GetTrailStatus", json!({"Name": "all"})).await;
    assert_eq!(status["LatestCloudWatchLogsDeliveryTime"].as_f64().unwrap() as i64, NOW.secs());
    assert_eq!(status.get("LatestCloudWatchLogsDeliveryError"), None);
}

#[tokio::test]
async fn a_group_that_is_gone_is_told_and_events_are_recorded_all_the_same() {
    let plane = Plane::new().await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "/trail"})).await;
    let account = &plane.server.config.account_id;
    let group = format!("arn:aws:logs:us-east-1:{account}:log-group:/trail:*");
    let trail = json!({
        "Name": "all", "S3BucketName": "bucket", "CloudWatchLogsLogGroupArn": group,
        "CloudWatchLogsRoleArn": format!("arn:aws:iam::{account}:role/r")
    });
    plane.ok("CreateTrail", trail).await;
    plane.ok("StartLogging", json!({"Name": "all"})).await;
    plane.ok("DeleteLogGroup", json!({"logGroupName": "/trail"})).await;
    let status = plane.ok("GetTrailStatus", json!({"Name": "all"})).await;
    assert_eq!(
        status["LatestCloudWatchLogsDeliveryError"],
        "ResourceNotFoundException: The specified log group does not exist."
    );
    plane.ok("CreateLogGroup", json!({"logGroupName": "/trail"})).await;
    plane.ok("StopLogging", json!({"Name": "all"})).await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "/after"})).await;
    let names: Vec<Value> = delivered(&plane).await.into_iter().map(|record| record["eventName"].clone()).collect();
    assert_eq!(names, ["CreateLogGroup", "StopLogging"], "the call that stops it is the last that it takes");
}
