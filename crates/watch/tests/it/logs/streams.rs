//! Streams: create, describe, delete.

use super::*;
use model::StreamId;
use model::time::DAY;

#[tokio::test]
async fn a_stream_is_created_once_and_only_in_a_group() {
    let plane = plane_with_stream().await;
    assert_eq!(
        plane.refused("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await,
        error("ResourceAlreadyExistsException", "The specified log stream already exists")
    );
    assert_eq!(
        plane.refused("CreateLogStream", json!({"logGroupName": "absent", "logStreamName": "s"})).await,
        error("ResourceNotFoundException", "The specified log group does not exist.")
    );
    for name in ["a:b", "a*b", ""] {
        let input = json!({"logGroupName": "g", "logStreamName": name});
        assert_eq!(plane.refused("CreateLogStream", input).await.0, "InvalidParameterException");
    }
}

#[tokio::test]
async fn a_described_stream_has_the_times_of_its_events() {
    let plane = plane_with_stream().await;
    put(&plane, "s", &[(-5000, "a"), (-1000, "b")]).await;
    let by_arn = "arn:aws:logs:us-east-1:123456789012:log-group:g";
    let answer = plane.ok("DescribeLogStreams", json!({"logGroupIdentifier": by_arn})).await;
    let stream = &answer["logStreams"][0];
    assert_eq!(stream["firstEventTimestamp"], json!(NOW - 5000));
    assert_eq!(stream["lastEventTimestamp"], json!(NOW - 1000));
    assert_eq!(stream["lastIngestionTime"], json!(NOW));
    assert_eq!(stream["storedBytes"], json!(0));
    assert_eq!(stream["arn"], json!(format!("{by_arn}:log-stream:s")));
    assert_eq!(stream["uploadSequenceToken"].as_str().unwrap().len(), 56);
    plane.ok("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 1})).await;
    plane.clock.advance(2 * DAY);
    let answer = plane.ok("DescribeLogStreams", json!({"logGroupName": "g"})).await;
    assert_eq!(answer["logStreams"][0].get("lastEventTimestamp"), None, "expired events are hidden at once");
}

#[tokio::test]
async fn streams_page_by_name_both_ways() {
    let plane = plane_with_stream().await;
    for name in ["b1", "a2", "a1", "a3"] {
        plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": name})).await;
    }
    for (descending, expected) in [(false, ["a1", "a2", "a3"]), (true, ["a3", "a2", "a1"])] {
        let mut input = json!({"logGroupName": "g", "logStreamNamePrefix": "a", "limit": 2, "descending": descending});
        let first = plane.ok("DescribeLogStreams", input.clone()).await;
        assert_eq!(each(&first["logStreams"], "logStreamName"), expected[..2]);
        input["nextToken"] = first["nextToken"].clone();
        let second = plane.ok("DescribeLogStreams", input.clone()).await;
        assert_eq!(each(&second["logStreams"], "logStreamName"), expected[2..]);
        assert_eq!(second.get("nextToken"), None);
        input["descending"] = json!(!descending);
        assert_eq!(
            plane.refused("DescribeLogStreams", input).await,
            error("InvalidParameterException", "The specified nextToken is invalid.")
        );
    }
}

#[tokio::test]
async fn streams_page_by_last_event_both_ways() {
    let plane = plane_with_stream().await;
    for (name, ms) in [("x", -300), ("y", -100), ("z", -200)] {
        plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": name})).await;
        put(&plane, name, &[(ms, "m")]).await;
    }
    // "s" has no events and counts as the oldest.
    for (descending, expected) in [(false, ["s", "x", "z", "y"]), (true, ["y", "z", "x", "s"])] {
        let mut input = json!({"logGroupName": "g", "orderBy": "LastEventTime", "limit": 3, "descending": descending});
        let first = plane.ok("DescribeLogStreams", input.clone()).await;
        assert_eq!(each(&first["logStreams"], "logStreamName"), expected[..3]);
        input["nextToken"] = first["nextToken"].clone();
        let second = plane.ok("DescribeLogStreams", input).await;
        assert_eq!(each(&second["logStreams"], "logStreamName"), expected[3..]);
        assert_eq!(second.get("nextToken"), None);
    }
    let input = json!({"logGroupName": "g", "orderBy": "LastEventTime", "logStreamNamePrefix": "x"});
    assert_eq!(
        plane.refused("DescribeLogStreams", input).await,
        error("InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.")
    );
    assert_eq!(plane.refused("DescribeLogStreams", json!({})).await.0, "InvalidParameterException");
    let both = json!({"logGroupName": "g", "logGroupIdentifier": "g"});
    assert_eq!(plane.refused("DescribeLogStreams", both).await.0, "InvalidParameterException");
}

#[tokio::test]
async fn a_deleted_stream_takes_its_events_along() {
    let plane = plane_with_stream().await;
    plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "other"})).await;
    put(&plane, "s", &[(-2, "gone")]).await;
    put(&plane, "other", &[(-1, "stays")]).await;
    let stream = json!({"logGroupName": "g", "logStreamName": "s"});
    plane.ok("DeleteLogStream", stream.clone()).await;
    assert_eq!(
        plane.refused("DeleteLogStream", stream.clone()).await,
        error("ResourceNotFoundException", "The specified log stream does not exist.")
    );
    assert_eq!(plane.refused("GetLogEvents", stream.clone()).await.0, "ResourceNotFoundException");
    plane.ok("CreateLogStream", stream.clone()).await;
    assert!(messages(&plane.ok("GetLogEvents", stream).await).is_empty());
    let answer = plane.ok("FilterLogEvents", json!({"logGroupName": "g", "limit": 1})).await;
    assert_eq!(messages(&answer), ["stays"]);
    assert_eq!(watch::logs::kept_logs(&plane.watch).await.unwrap().deleted_streams, [StreamId(1)].into());
}
