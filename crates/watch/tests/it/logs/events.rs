//! PutLogEvents and GetLogEvents.

use super::*;
use model::time::{DAY, HOUR};

fn stream() -> Value {
    json!({"logGroupName": "g", "logStreamName": "s"})
}

fn get(extra: Value) -> Value {
    let mut input = stream();
    input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    input
}

#[tokio::test]
async fn events_come_back_in_order_with_their_times() {
    let plane = plane_with_stream().await;
    let answer = put(&plane, "s", &[(-10, "a"), (-5, "b"), (-5, "c")]).await;
    assert_eq!(answer["nextSequenceToken"].as_str().unwrap().len(), 56);
    assert_eq!(answer.get("rejectedLogEventsInfo"), None);
    put(&plane, "s", &[(-7, "earlier, sent later")]).await;
    let answer = plane.ok("GetLogEvents", get(json!({"startFromHead": true}))).await;
    assert_eq!(messages(&answer), ["a", "earlier, sent later", "b", "c"]);
    assert_eq!(answer["events"][0], json!({"timestamp": NOW - 10, "message": "a", "ingestionTime": NOW}));
}

#[tokio::test]
async fn old_and_new_events_are_told_and_the_good_ones_stored() {
    let plane = plane_with_stream().await;
    let answer = put(&plane, "s", &[(-15 * DAY, "old"), (-1, "good"), (3 * HOUR, "new")]).await;
    assert_eq!(answer["rejectedLogEventsInfo"], json!({"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}));
    plane.ok("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 1})).await;
    let answer = put(&plane, "s", &[(-DAY - 1, "expired"), (-DAY + 1, "kept")]).await;
    assert_eq!(answer["rejectedLogEventsInfo"], json!({"expiredLogEventEndIndex": 1}));
    assert_eq!(messages(&plane.ok("GetLogEvents", stream()).await), ["kept", "good"]);
    // All rejected: nothing stored, still an answer.
    let answer = put(&plane, "s", &[(3 * HOUR, "new")]).await;
    assert_eq!(answer["rejectedLogEventsInfo"], json!({"tooNewLogEventStartIndex": 0}));
}

#[tokio::test]
async fn whole_batches_are_refused() {
    let plane = plane_with_stream().await;
    let batch = |events: Value| get(json!({"logEvents": events}));
    let refused = [
        json!([]),
        json!([{"timestamp": NOW, "message": ""}]),
        json!([{"timestamp": -1, "message": "m"}]),
        json!([{"timestamp": NOW, "message": "m"}, {"timestamp": NOW - 1, "message": "m"}]),
        json!([{"timestamp": NOW - DAY - 1, "message": "m"}, {"timestamp": NOW, "message": "m"}]),
        json!([{"timestamp": NOW, "message": "x".repeat(1_048_551)}]),
        Value::Array(vec![json!({"timestamp": NOW, "message": "m"}); 10_001]),
    ];
    for events in refused {
        assert_eq!(plane.refused("PutLogEvents", batch(events)).await.0, "InvalidParameterException");
    }
    let mut absent = batch(json!([{"timestamp": NOW, "message": "m"}]));
    absent["logStreamName"] = json!("absent");
    assert_eq!(
        plane.refused("PutLogEvents", absent).await,
        error("ResourceNotFoundException", "The specified log stream does not exist.")
    );
    assert!(messages(&plane.ok("GetLogEvents", stream()).await).is_empty());
}

#[tokio::test]
async fn sequence_tokens_are_ignored_and_wrong_entities_told() {
    let plane = plane_with_stream().await;
    let input = get(json!({
        "logEvents": [{"timestamp": NOW, "message": "m"}],
        "sequenceToken": "wrong",
        "entity": {"keyAttributes": {"Type": "Nonsense", "Name": "n"}}
    }));
    let answer = plane.ok("PutLogEvents", input).await;
    assert_eq!(answer["rejectedEntityInfo"], json!({"errorType": "InvalidTypeValue"}));
    assert_eq!(messages(&plane.ok("GetLogEvents", stream()).await), ["m"]);
}

#[tokio::test]
async fn a_loop_forwards_ends_on_the_unchanged_token_and_goes_on_when_events_come() {
    let plane = plane_with_stream().await;
    put(&plane, "s", &[(-3, "a"), (-2, "b"), (-1, "c")]).await;
    let mut seen = Vec::new();
    let mut answer = plane.ok("GetLogEvents", get(json!({"startFromHead": true, "limit": 2}))).await;
    loop {
        seen.extend(messages(&answer).into_iter().map(str::to_owned));
        let token = answer["nextForwardToken"].clone();
        let input = get(json!({"startFromHead": true, "limit": 2, "nextToken": token}));
        answer = plane.ok("GetLogEvents", input).await;
        if answer["nextForwardToken"] == token {
            break;
        }
    }
    assert_eq!(seen, ["a", "b", "c"]);
    assert!(messages(&answer).is_empty());
    put(&plane, "s", &[(0, "d")]).await;
    let again = plane.ok("GetLogEvents", get(json!({"nextToken": answer["nextForwardToken"]}))).await;
    assert_eq!(messages(&again), ["d"]);
    // Turning around at the end loses nothing.
    let back = plane.ok("GetLogEvents", get(json!({"nextToken": answer["nextBackwardToken"], "limit": 2}))).await;
    assert_eq!(messages(&back), ["b", "c"]);
}

#[tokio::test]
async fn the_newest_page_comes_first_by_default_and_backward_tokens_lead_to_the_start() {
    let plane = plane_with_stream().await;
    put(&plane, "s", &[(-3, "a"), (-2, "b"), (-1, "c")]).await;
    let newest = plane.ok("GetLogEvents", get(json!({"limit": 2}))).await;
    assert_eq!(messages(&newest), ["b", "c"], "ascending inside the page");
    let older = plane.ok("GetLogEvents", get(json!({"limit": 2, "nextToken": newest["nextBackwardToken"]}))).await;
    assert_eq!(messages(&older), ["a"]);
    let end = plane.ok("GetLogEvents", get(json!({"limit": 2, "nextToken": older["nextBackwardToken"]}))).await;
    assert!(messages(&end).is_empty());
    assert_eq!(end["nextBackwardToken"], older["nextBackwardToken"]);
    let forwards = plane.ok("GetLogEvents", get(json!({"limit": 2, "nextToken": end["nextForwardToken"]}))).await;
    assert_eq!(messages(&forwards), ["a", "b"]);
}

#[tokio::test]
async fn an_empty_stream_has_both_tokens_and_they_find_what_comes() {
    let plane = plane_with_stream().await;
    for start_from_head in [true, false] {
        let empty = plane.ok("GetLogEvents", get(json!({"startFromHead": start_from_head}))).await;
        assert!(messages(&empty).is_empty());
        for member in ["nextForwardToken", "nextBackwardToken"] {
            let token = &empty[member];
            let again = plane.ok("GetLogEvents", get(json!({"nextToken": token}))).await;
            assert_eq!(&again[member], token);
        }
        if !start_from_head {
            put(&plane, "s", &[(0, "first")]).await;
            let forward = plane.ok("GetLogEvents", get(json!({"nextToken": empty["nextForwardToken"]}))).await;
            assert_eq!(messages(&forward), ["first"]);
        }
    }
}

#[tokio::test]
async fn the_start_is_inside_and_the_end_is_not() {
    let plane = plane_with_stream().await;
    put(&plane, "s", &[(-3, "a"), (-2, "b"), (-1, "c")]).await;
    let answer = plane.ok("GetLogEvents", get(json!({"startTime": NOW - 2, "endTime": NOW - 1}))).await;
    assert_eq!(messages(&answer), ["b"]);
    let answer = plane.ok("GetLogEvents", get(json!({"startTime": NOW, "endTime": NOW - 1}))).await;
    assert!(messages(&answer).is_empty());
    let answer = plane.ok("GetLogEvents", get(json!({"startTime": 0, "endTime": i64::MAX}))).await;
    assert_eq!(messages(&answer).len(), 3);
}

#[tokio::test]
async fn a_page_ends_at_one_megabyte() {
    let plane = plane_with_stream().await;
    let large = "x".repeat(700_000);
    for ms in [-3, -2, -1] {
        put(&plane, "s", &[(ms, &large)]).await;
    }
    let answer = plane.ok("GetLogEvents", get(json!({"startFromHead": true}))).await;
    assert_eq!(messages(&answer).len(), 1);
    let filtered = plane.ok("FilterLogEvents", json!({"logGroupName": "g"})).await;
    assert_eq!(messages(&filtered).len(), 1);
    assert!(filtered["nextToken"].is_string());
}

#[tokio::test]
async fn a_token_of_another_stream_is_refused() {
    let plane = plane_with_stream().await;
    plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "other"})).await;
    let answer = plane.ok("GetLogEvents", stream()).await;
    let mut input = get(json!({"nextToken": answer["nextForwardToken"]}));
    input["logStreamName"] = json!("other");
    let invalid = error("InvalidParameterException", "The specified nextToken is invalid.");
    assert_eq!(plane.refused("GetLogEvents", input).await, invalid);
    assert_eq!(plane.refused("GetLogEvents", get(json!({"nextToken": "f/1/s"}))).await, invalid);
}

#[tokio::test]
async fn retention_hides_at_once() {
    let plane = plane_with_stream().await;
    put(&plane, "s", &[(-2 * DAY, "old")]).await;
    put(&plane, "s", &[(-1, "new")]).await;
    assert_eq!(messages(&plane.ok("GetLogEvents", stream()).await), ["old", "new"]);
    plane.ok("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 1})).await;
    assert_eq!(messages(&plane.ok("GetLogEvents", stream()).await), ["new"]);
    assert_eq!(messages(&plane.ok("FilterLogEvents", json!({"logGroupName": "g"})).await), ["new"]);
}
