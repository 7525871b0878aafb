//! LookupEvents, strict and lenient.

use crate::*;
use trail::record::{self, Defaults};

fn event(n: i64, change: Value) -> Event {
    let mut record = json!({
        "eventVersion": "1.08", "eventID": format!("id-{n}"), "eventTime": (NOW - n * 1000).iso_seconds(), "eventName": "CreateUser",
        "eventSource": "iam.amazonaws.com", "awsRegion": "us-east-1", "readOnly": false, "eventCategory": "Management",
        "recipientAccountId": ACCOUNT, "requestParameters": {"userName": format!("u{n}")},
        "userIdentity": {"type": "IAMUser", "userName": "alice", "accessKeyId": "AKIA1"},
    });
    record.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    record::parse(record.to_string(), &Defaults::default()).unwrap()
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["Events"].as_array().unwrap().iter().map(|e| e["EventId"].as_str().unwrap()).collect()
}

fn by(key: &str, value: &str) -> Value {
    json!({"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]})
}

#[tokio::test]
async fn the_newest_come_first_in_pages_bound_to_their_parameters() {
    let plane = Plane::new().await;
    plane.append((0..120).map(|n| event(n, json!({}))).collect()).await;
    let mut seen: Vec<String> = Vec::new();
    let mut input = by("EventName", "CreateUser");
    loop {
        let page = plane.call("LookupEvents", input.clone()).await.unwrap();
        seen.extend(ids(&page).iter().map(|id| id.to_string()));
        let Some(token) = page.get("NextToken") else { break };
        let mut other = by("EventName", "DeleteUser");
        other["NextToken"] = token.clone();
        refused(plane.call("LookupEvents", other).await, "InvalidNextTokenException");
        input["NextToken"] = token.clone();
        // What arrives meanwhile is newer than the page and does not disturb it.
        plane.append(vec![event(0, json!({"eventID": format!("late-{}", seen.len())}))]).await;
    }
    assert_eq!(seen, (0..120).map(|n| format!("id-{n}")).collect::<Vec<_>>());
    refused(plane.call("LookupEvents", json!({"NextToken": "garbage"})).await, "InvalidNextTokenException");
    let exact = plane.call("LookupEvents", json!({"EndTime": NOW.secs() - 118})).await.unwrap();
    assert_eq!((ids(&exact), exact.get("NextToken")), (vec!["id-118", "id-119"], None));
}

#[tokio::test]
async fn each_of_the_eight_attributes_finds() {
    let plane = Plane::new().await;
    let other = json!({"eventName": "GetObject", "eventSource": "s3.amazonaws.com", "readOnly": true, "eventID": "x",
        "userIdentity": {"type": "Root", "accessKeyId": "AKIA2"}, "resources": [{"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::b"}]});
    let odd = event(1, other);
    let record = odd.record.clone();
    plane.append(vec![event(0, json!({})), odd, event(2, json!({}))]).await;
    for (key, value) in [
        ("EventId", "x"),
        ("EventName", "GetObject"),
        ("ReadOnly", "true"),
        ("Username", "root"),
        ("ResourceType", "AWS::S3::Bucket"),
        ("ResourceName", "arn:aws:s3:::b"),
        ("EventSource", "s3.amazonaws.com"),
        ("AccessKeyId", "AKIA2"),
    ] {
        let answer = plane.call("LookupEvents", by(key, value)).await.unwrap();
        assert_eq!(ids(&answer), ["x"], "{key}");
        assert_eq!(
            answer["Events"][0],
            json!({"EventId": "x", "EventName": "GetObject", "ReadOnly": "true", "AccessKeyId": "AKIA2",
                "EventTime": NOW.secs() - 1, "EventSource": "s3.amazonaws.com", "Username": "root",
                "Resources": [{"ResourceType": "AWS::S3::Bucket", "ResourceName": "arn:aws:s3:::b"}], "CloudTrailEvent": record})
        );
        let none = plane.call("LookupEvents", by(key, if key == "ReadOnly" { "false" } else { "X" })).await.unwrap();
        assert!(!ids(&none).contains(&"x"), "{key} compares exactly");
    }
}

#[tokio::test]
async fn strictness_is_awss() {
    let plane = Plane::new().await;
    let old = 91 * 24 * 3600;
    plane
        .append(vec![
            event(0, json!({})),
            event(1, json!({"eventCategory": "Data"})),
            event(2, json!({"eventCategory": "Insight", "eventType": "AwsCloudTrailInsight"})),
            event(3, json!({"eventCategory": "ActivityAuditLog"})),
            event(4, json!({"awsRegion": "eu-west-1"})),
            event(5, json!({"recipientAccountId": "999999999999"})),
            event(old, json!({})),
        ])
        .await;
    assert_eq!(ids(&plane.call("LookupEvents", json!({})).await.unwrap()), ["id-0"]);
    assert_eq!(ids(&plane.call("LookupEvents", json!({"StartTime": 0})).await.unwrap()), ["id-0"]);
    assert_eq!(ids(&plane.call("LookupEvents", json!({"EventCategory": "insight"})).await.unwrap()), ["id-2"]);
    assert_eq!(ids(&plane.call_in("eu-west-1", "LookupEvents", json!({})).await.unwrap()), ["id-4"]);
    let two = json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "a"}, {"AttributeKey": "EventId", "AttributeValue": "b"}]});
    refused(plane.call("LookupEvents", two).await, "InvalidLookupAttributesException");
    refused(plane.call("LookupEvents", by("ReadOnly", "yes")).await, "InvalidLookupAttributesException");
    refused(plane.call("LookupEvents", json!({"StartTime": 100, "EndTime": 99})).await, "InvalidTimeRangeException");
    let mut insight = by("Username", "alice");
    insight["EventCategory"] = json!("insight");
    refused(plane.call("LookupEvents", insight).await, "InvalidLookupAttributesException");
    for max in [0, 51] {
        plane.call("LookupEvents", json!({"MaxResults": max})).await.unwrap_err();
    }
    let one = NOW.secs();
    assert_eq!(ids(&plane.call("LookupEvents", json!({"StartTime": one, "EndTime": one})).await.unwrap()), ["id-0"]);
}

#[tokio::test]
async fn lenient_lookup_sees_everything_and_takes_several_attributes() {
    let plane = Plane::with(Settings { lenient_lookup: true, ..Settings::default() }).await;
    let old = 900 * 24 * 3600;
    plane
        .append(vec![event(0, json!({"eventCategory": "Data"})), event(old, json!({"eventName": "DeleteUser"}))])
        .await;
    assert_eq!(ids(&plane.call("LookupEvents", json!({})).await.unwrap()).len(), 2);
    let two = json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "DeleteUser"},
        {"AttributeKey": "Username", "AttributeValue": "alice"}]});
    assert_eq!(ids(&plane.call("LookupEvents", two).await.unwrap()), [format!("id-{old}")]);
}
