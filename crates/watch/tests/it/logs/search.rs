//! FilterLogEvents and TestMetricFilter.

use super::*;
use std::collections::BTreeSet;

async fn plane_with_three_streams() -> Plane {
    let plane = plane_with_stream().await;
    for name in ["a-1", "a-2"] {
        plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": name})).await;
    }
    put(&plane, "a-1", &[(-4, "ERROR one"), (-1, "fine")]).await;
    put(&plane, "a-2", &[(-3, "ERROR two")]).await;
    put(&plane, "s", &[(-4, "same time, later"), (-2, "ERROR three")]).await;
    plane
}

async fn found(plane: &Plane, mut input: Value) -> Vec<String> {
    input["logGroupName"] = json!("g");
    messages(&plane.ok("FilterLogEvents", input).await).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_search_goes_over_all_streams_in_order_of_time() {
    let plane = plane_with_three_streams().await;
    let all = ["ERROR one", "same time, later", "ERROR two", "ERROR three", "fine"];
    assert_eq!(found(&plane, json!({})).await, all);
    assert_eq!(found(&plane, json!({"filterPattern": "ERROR -two"})).await, ["ERROR one", "ERROR three"]);
    assert_eq!(found(&plane, json!({"logStreamNames": ["a-2", "s"]})).await, [all[1], all[2], all[3]]);
    assert_eq!(found(&plane, json!({"logStreamNamePrefix": "a-"})).await, [all[0], all[2], all[4]]);
    assert!(found(&plane, json!({"logStreamNamePrefix": "nothing"})).await.is_empty());
    assert_eq!(found(&plane, json!({"startTime": NOW - 3, "endTime": NOW - 2})).await, [all[2], all[3]]);
    assert_eq!(found(&plane, json!({"endTime": i64::MAX})).await.len(), 5);
    let mut newest_first = all;
    newest_first.reverse();
    assert_eq!(found(&plane, json!({"startFromHead": false, "startTime": NOW - 10})).await, newest_first);
}

#[tokio::test]
async fn events_have_ids_of_their_own_and_name_their_stream() {
    let plane = plane_with_three_streams().await;
    let answer = plane.ok("FilterLogEvents", json!({"logGroupIdentifier": "g", "interleaved": true})).await;
    assert_eq!(answer["searchedLogStreams"], json!([]));
    assert_eq!(answer.get("nextToken"), None);
    assert_eq!(each(&answer["events"], "logStreamName"), ["a-1", "s", "a-2", "s", "a-1"]);
    let ids: BTreeSet<&str> = each(&answer["events"], "eventId").into_iter().collect();
    assert_eq!(ids.len(), 5);
    assert!(ids.iter().all(|id| id.len() == 56 && id.bytes().all(|byte| byte.is_ascii_digit())));
    assert_eq!(answer["events"][0]["ingestionTime"], json!(NOW));
}

#[tokio::test]
async fn pages_lose_and_repeat_nothing_in_either_direction() {
    let plane = plane_with_three_streams().await;
    for (start_from_head, expected) in
        [(true, ["ERROR one", "ERROR two", "ERROR three"]), (false, ["ERROR three", "ERROR two", "ERROR one"])]
    {
        let mut input = json!({
            "logGroupName": "g", "filterPattern": "ERROR", "limit": 1, "startTime": NOW - 10,
            "startFromHead": start_from_head
        });
        let mut seen = Vec::new();
        loop {
            let answer = plane.ok("FilterLogEvents", input.clone()).await;
            seen.extend(messages(&answer).into_iter().map(str::to_owned));
            let Some(token) = answer.get("nextToken") else { break };
            input["nextToken"] = token.clone();
        }
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn a_token_belongs_to_its_request() {
    let plane = plane_with_three_streams().await;
    let answer = plane.ok("FilterLogEvents", json!({"logGroupName": "g", "limit": 1})).await;
    let token = &answer["nextToken"];
    let invalid = error("InvalidParameterException", "The specified nextToken is invalid.");
    for other in [
        json!({"logGroupName": "g", "nextToken": token, "filterPattern": "ERROR"}),
        json!({"logGroupName": "g", "nextToken": token, "startTime": 1}),
        json!({"logGroupName": "g", "nextToken": token, "logStreamNames": ["s"]}),
        json!({"logGroupName": "g", "nextToken": "nonsense"}),
    ] {
        assert_eq!(plane.refused("FilterLogEvents", other).await, invalid);
    }
    let larger = plane.ok("FilterLogEvents", json!({"logGroupName": "g", "nextToken": token, "limit": 100})).await;
    assert_eq!(messages(&larger).len(), 4, "the page size may change");
}

#[tokio::test]
async fn wrong_requests_are_refused() {
    let plane = plane_with_three_streams().await;
    for input in [
        json!({"logGroupName": "g", "logStreamNames": ["s"], "logStreamNamePrefix": "a"}),
        json!({"logGroupName": "g", "filterPattern": "{ $.a = "}),
        json!({"logGroupName": "g", "startFromHead": false}),
        json!({"logGroupName": "g", "startFromHead": false, "startTime": 1_704_067_199_999_i64}),
        json!({"logGroupName": "g", "limit": 0}),
        json!({"logGroupName": "g", "limit": 10_001}),
        json!({"logGroupName": "g", "startTime": -1}),
        json!({"logGroupIdentifier": "arn:aws:logs:us-east-1:123456789012:log-group:g:*"}),
        json!({}),
    ] {
        assert_eq!(plane.refused("FilterLogEvents", input).await.0, "InvalidParameterException");
    }
    let absent = json!({"logGroupName": "g", "logStreamNames": ["absent"]});
    assert_eq!(
        plane.refused("FilterLogEvents", absent).await,
        error("ResourceNotFoundException", "The specified log stream does not exist.")
    );
    assert_eq!(
        plane.call_in("eu-west-1", "FilterLogEvents", json!({"logGroupName": "g"})).await.unwrap_err(),
        error("ResourceNotFoundException", "The specified log group does not exist.")
    );
}

#[tokio::test]
async fn a_metric_filter_is_tested_on_numbered_messages() {
    let plane = plane().await;
    let input = json!({
        "filterPattern": "{ $.status = 4* }",
        "logEventMessages": ["{\"status\":\"404\"}", "{\"status\":\"200\"}", "{\"status\":\"410\"}"]
    });
    let answer = plane.ok("TestMetricFilter", input).await;
    let matches = answer["matches"].as_array().unwrap();
    assert_eq!(matches.iter().map(|m| m["eventNumber"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(matches[0]["extractedValues"], json!({"$.status": "404"}));
    let wrong = json!({"filterPattern": "{", "logEventMessages": ["m"]});
    assert_eq!(plane.refused("TestMetricFilter", wrong).await.0, "InvalidParameterException");
}
