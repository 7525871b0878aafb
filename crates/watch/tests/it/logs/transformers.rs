//! Transformers of log groups.

use super::*;

/// A transformer that parses JSON and cuts spaces off a key.
fn config() -> Value {
    json!([
        {"parseJSON": {}},
        {"trimString": {"withKeys": ["name"]}},
        {"addKeys": {"entries": [{"key": "team.name", "value": "core", "overwriteIfExists": true}]}}
    ])
}

#[tokio::test]
async fn a_transformer_is_put_got_replaced_and_deleted() {
    let plane = plane_with_stream().await;
    let named = json!({"logGroupIdentifier": "g"});
    assert_eq!(plane.ok("GetTransformer", named.clone()).await, json!({}));
    let put = |config: Value| json!({"logGroupIdentifier": "g", "transformerConfig": config});
    plane.ok("PutTransformer", put(config())).await;
    let got = |config: Value, modified: i64| {
        json!({
            "logGroupIdentifier": "g",
            "creationTime": NOW,
            "lastModifiedTime": modified,
            "transformerConfig": config
        })
    };
    assert_eq!(plane.ok("GetTransformer", named.clone()).await, got(config(), NOW));
    plane.clock.advance(5);
    let other = json!([{"csv": {"delimiter": ";", "columns": ["a", "b.c"]}}]);
    plane.ok("PutTransformer", put(other.clone())).await;
    assert_eq!(plane.ok("GetTransformer", named.clone()).await, got(other, NOW + 5));
    plane.ok("DeleteTransformer", named.clone()).await;
    assert_eq!(plane.ok("GetTransformer", named.clone()).await, json!({}));
    let none = error("ResourceNotFoundException", "The specified log group has no transformer.");
    assert_eq!(plane.refused("DeleteTransformer", named).await, none);
    let gone = error("ResourceNotFoundException", "The specified log group does not exist.");
    let absent = json!({"logGroupIdentifier": "absent", "transformerConfig": config()});
    assert_eq!(plane.refused("PutTransformer", absent).await, gone);
}

#[tokio::test]
async fn wrong_transformers_are_refused() {
    let plane = plane_with_stream().await;
    let refused = async |config: Value| {
        plane.refused("PutTransformer", json!({"logGroupIdentifier": "g", "transformerConfig": config})).await
    };
    assert_eq!(
        refused(json!([{"trimString": {"withKeys": ["a"]}}])).await,
        error("InvalidParameterException", "The first processor of a transformer must be a parser")
    );
    assert_eq!(
        refused(
            json!([{"parseToOCSF": {"eventSource": "CloudTrail", "ocsfVersion": "V1.1", "mappingVersion": "1.5.0"}}])
        )
        .await,
        error("InvalidParameterException", "parseToOCSF: mappingVersion is not supported when ocsfVersion is V1.1")
    );
    assert_eq!(refused(json!([])).await.0, "InvalidParameterException");
    plane.ok("CreateLogGroup", json!({"logGroupName": "ia", "logGroupClass": "INFREQUENT_ACCESS"})).await;
    let input = json!({"logGroupIdentifier": "ia", "transformerConfig": config()});
    assert_eq!(plane.refused("PutTransformer", input).await.0, "InvalidOperationException");
}

#[tokio::test]
async fn a_transformer_is_tested_on_numbered_messages() {
    let plane = plane_with_stream().await;
    let input = json!({"transformerConfig": config(), "logEventMessages": ["{\"name\":\" x \",\"b\":[1]}", "plain"]});
    assert_eq!(
        plane.ok("TestTransformer", input).await,
        json!({"transformedLogs": [
            {
                "eventNumber": 1,
                "eventMessage": "{\"name\":\" x \",\"b\":[1]}",
                "transformedEventMessage": "{\"name\":\"x\",\"b\":[1],\"team\":{\"name\":\"core\"}}"
            },
            {"eventNumber": 2, "eventMessage": "plain"}
        ]})
    );
    let large = json!({"transformerConfig": config(), "logEventMessages": ["x".repeat(600_000), "x".repeat(600_000)]});
    assert_eq!(plane.refused("TestTransformer", large).await.0, "InvalidParameterException");
}

#[tokio::test]
async fn events_stay_as_they_came_and_are_counted() {
    let operations = watch::logs::operations().into_iter().chain(watch::cloudwatch::operations());
    let plane = Plane::new(operations.collect()).await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    put(&plane, "s", &[(-9, "{\"before\":1}")]).await;
    plane.ok("PutTransformer", json!({"logGroupIdentifier": "g", "transformerConfig": config()})).await;
    put(&plane, "s", &[(-3, "{}"), (-2, "plain"), (-1, "{\"a\":1}")]).await;
    let answer = plane.ok("GetLogEvents", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    assert_eq!(messages(&answer), ["{\"before\":1}", "{}", "plain", "{\"a\":1}"]);
    let sum = async |name: &str| {
        let input = json!({
            "Namespace": "AWS/Logs",
            "MetricName": name,
            "Dimensions": [{"Name": "LogGroupName", "Value": "g"}],
            "StartTime": NOW / 1000 - 60,
            "EndTime": NOW / 1000 + 60,
            "Period": 60,
            "Statistics": ["Sum"]
        });
        plane.ok("GetMetricStatistics", input).await["Datapoints"][0]["Sum"].as_f64()
    };
    assert_eq!(sum("TransformedLogEvents").await, Some(2.0));
    assert_eq!(sum("TransformationErrors").await, Some(1.0));
    let bytes = "{\"team\":{\"name\":\"core\"}}".len() + "{\"a\":1,\"team\":{\"name\":\"core\"}}".len();
    assert_eq!(sum("TransformedBytes").await, Some(bytes as f64));
}

#[tokio::test]
async fn fields_of_a_group_are_those_that_queries_see() {
    let plane = plane_with_stream().await;
    put(&plane, "s", &[(0, r#"{"early":1}"#)]).await;
    plane.clock.advance(10);
    let config = json!([{"parseJSON": {}}, {"renameKeys": {"entries": [{"key": "m", "renameTo": "msg"}]}}]);
    plane.ok("PutTransformer", json!({"logGroupIdentifier": "g", "transformerConfig": config})).await;
    put(&plane, "s", &[(10, r#"{"m":"hi"}"#)]).await;
    let fields = plane.ok("GetLogGroupFields", json!({"logGroupName": "g"})).await;
    let names = each(&fields["logGroupFields"], "name");
    let own: Vec<&str> = names.into_iter().filter(|name| !name.starts_with('@')).collect();
    assert_eq!(own, ["early", "msg"]);
}
