//! Deliveries of vended logs: sources, destinations and what joins them; kept and shown.

use super::{error, plane};
use crate::plane::Plane;
use model::{Caller, Scope};
use serde_json::{Value, json};

const RESOURCE: &str = "arn:aws:cloudfront::123456789012:distribution/E1";
const BUCKET: &str = "arn:aws:s3:::archive/prefix";

fn source_arn(name: &str) -> String {
    format!("arn:aws:logs:us-east-1:123456789012:delivery-source:{name}")
}

fn destination_arn(name: &str) -> String {
    format!("arn:aws:logs:us-east-1:123456789012:delivery-destination:{name}")
}

fn source(name: &str, more: Value) -> Value {
    merged(json!({ "name": name, "resourceArn": RESOURCE, "logType": "ACCESS_LOGS" }), more)
}

fn destination(name: &str, resource: &str, more: Value) -> Value {
    merged(json!({ "name": name, "deliveryDestinationConfiguration": { "destinationResourceArn": resource } }), more)
}

fn merged(mut input: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        input[key] = value.clone();
    }
    input
}

/// A plane with source `s` and the bucket `b` as a destination.
async fn plane_with_ends() -> Plane {
    let plane = plane().await;
    plane.ok("PutDeliverySource", source("s", json!({}))).await;
    plane.ok("PutDeliveryDestination", destination("b", BUCKET, json!({}))).await;
    plane
}

async fn create(plane: &Plane, more: Value) -> Value {
    let input = json!({ "deliverySourceName": "s", "deliveryDestinationArn": destination_arn("b") });
    plane.ok("CreateDelivery", merged(input, more)).await["delivery"].clone()
}

#[tokio::test]
async fn a_source_is_put_shown_and_overwritten() {
    let plane = plane().await;
    let more = json!({ "tags": { "k": "v" }, "deliverySourceConfiguration": { "samplingRate": "50" } });
    let put = plane.ok("PutDeliverySource", source("s", more.clone())).await;
    let shown = json!({
        "name": "s", "arn": source_arn("s"), "resourceArns": [RESOURCE], "service": "cloudfront",
        "logType": "ACCESS_LOGS", "tags": { "k": "v" }, "deliverySourceConfiguration": { "samplingRate": "50" },
    });
    assert_eq!(put["deliverySource"], shown);
    assert_eq!(plane.ok("GetDeliverySource", json!({ "name": "s" })).await["deliverySource"], shown);
    let taken = plane.refused("PutDeliverySource", source("t", json!({}))).await;
    assert_eq!(taken.0, "ConflictException");
    assert!(taken.1.contains("already been used in another Delivery Source"), "{taken:?}");
    plane.ok("PutDeliverySource", source("t", json!({ "logType": "CONNECTION_LOGS" }))).await;
    let put = plane.ok("PutDeliverySource", source("s", json!({}))).await;
    assert!(put["deliverySource"].get("deliverySourceConfiguration").is_none(), "overwritten: {put}");
    assert_eq!(put["deliverySource"]["tags"], json!({ "k": "v" }));
    let tags = plane.ok("ListTagsForResource", json!({ "resourceArn": source_arn("s") })).await;
    assert_eq!(tags["tags"], json!({ "k": "v" }));
    let page = plane.ok("DescribeDeliverySources", json!({ "limit": 1 })).await;
    assert_eq!(page["deliverySources"][0]["name"], "s");
    let rest = json!({ "limit": 1, "nextToken": page["nextToken"] });
    let rest = plane.ok("DescribeDeliverySources", rest).await;
    assert_eq!((&rest["deliverySources"][0]["name"], rest.get("nextToken")), (&json!("t"), None));
    let other = json!({ "nextToken": page["nextToken"], "resourceArns": [RESOURCE] });
    assert_eq!(plane.refused("DescribeDeliverySources", other).await.0, "InvalidParameterException");
    let none = plane.ok("DescribeDeliverySources", json!({ "resourceArns": ["arn:aws:s3:::x"] })).await;
    assert_eq!(none["deliverySources"], json!([]));
    plane.ok("DeleteDeliverySource", json!({ "name": "s" })).await;
    for operation in ["GetDeliverySource", "DeleteDeliverySource"] {
        assert_eq!(plane.refused(operation, json!({ "name": "s" })).await.0, "ResourceNotFoundException");
    }
    plane.ok("PutDeliverySource", source("s", json!({}))).await;
    let tags = plane.ok("ListTagsForResource", json!({ "resourceArn": source_arn("s") })).await;
    assert_eq!(tags["tags"], json!({}), "tags went with the source");
}

#[tokio::test]
async fn what_is_there_keeps_its_resource_and_takes_no_tags() {
    let plane = plane_with_ends().await;
    let moved = json!({ "resourceArn": "arn:aws:cloudfront::123456789012:distribution/E2", "tags": { "k": "v" } });
    let text = "Update to existing Delivery Source with new ResourceId is not allowed. Please create a new Delivery \
                Source instead.";
    assert_eq!(plane.refused("PutDeliverySource", source("s", moved)).await, error("ConflictException", text));
    let tagged = json!({ "tags": { "k": "v" } });
    let refusal =
        error("ConflictException", "Tags can only be provided when a resource is being created, not updated.");
    assert_eq!(plane.refused("PutDeliverySource", source("s", tagged.clone())).await, refusal);
    let again = destination("b", "arn:aws:s3:::other", tagged);
    assert_eq!(plane.refused("PutDeliveryDestination", again).await, refusal);
    // Nothing has changed, and the other parameters may.
    let shown = plane.ok("GetDeliverySource", json!({ "name": "s" })).await["deliverySource"].clone();
    assert_eq!((&shown["resourceArns"], shown.get("tags")), (&json!([RESOURCE]), None));
    let shown = plane.ok("GetDeliveryDestination", json!({ "name": "b" })).await["deliveryDestination"].clone();
    let resource = &shown["deliveryDestinationConfiguration"]["destinationResourceArn"];
    assert_eq!((resource, shown.get("tags")), (&json!(BUCKET), None));
    let other = source("s", json!({ "logType": "CONNECTION_LOGS" }));
    assert_eq!(plane.ok("PutDeliverySource", other).await["deliverySource"]["logType"], "CONNECTION_LOGS");
    plane.ok("PutDeliverySource", source("t", json!({}))).await;
    assert_eq!(
        plane.refused("PutDeliverySource", source("s", json!({}))).await.0,
        "ConflictException",
        "it is t's now"
    );
}

#[tokio::test]
async fn known_services_have_their_types_of_logs_and_cloudfront_its_region() {
    let plane = plane().await;
    let bucket = "arn:aws:s3:::b";
    for (resource, log_type) in [(RESOURCE, "OTHER_LOGS"), (bucket, "ACCESS_LOGS")] {
        let input = source("s", json!({ "resourceArn": resource, "logType": log_type }));
        assert_eq!(plane.refused("PutDeliverySource", input).await.0, "ValidationException", "{resource}");
    }
    let refusal = plane.call_in("eu-west-1", "PutDeliverySource", source("s", json!({}))).await.unwrap_err();
    let text = "PutDeliverySource action is not supported for this LogType in region eu-west-1";
    assert_eq!(refusal, error("ValidationException", text));
    let of_bucket = source("s", json!({ "resourceArn": bucket, "logType": "S3_SERVER_ACCESS_LOGS" }));
    plane.call_in("eu-west-1", "PutDeliverySource", of_bucket).await.unwrap();
    let broker = "arn:aws:mq:us-east-1:123456789012:broker/b";
    plane.ok("PutDeliverySource", source("s", json!({ "resourceArn": broker, "logType": "ANY_LOGS" }))).await;
}

#[tokio::test]
async fn a_destination_has_the_type_of_its_resource() {
    let plane = plane().await;
    plane.ok("CreateLogGroup", json!({ "logGroupName": "g" })).await;
    let group = |name: &str| format!("arn:aws:logs:us-east-1:123456789012:log-group:{name}");
    let stream = "arn:aws:firehose:us-east-1:123456789012:deliverystream/d";
    for (resource, kind) in [(group("g"), "CWL"), (group("g:*"), "CWL"), (BUCKET.into(), "S3"), (stream.into(), "FH")] {
        let put =
            plane.ok("PutDeliveryDestination", destination("d", &resource, json!({ "outputFormat": "json" }))).await;
        let shown = json!({
            "name": "d", "arn": destination_arn("d"), "deliveryDestinationType": kind, "outputFormat": "json",
            "deliveryDestinationConfiguration": { "destinationResourceArn": resource },
        });
        assert_eq!(put["deliveryDestination"], shown);
        assert_eq!(plane.ok("GetDeliveryDestination", json!({ "name": "d" })).await["deliveryDestination"], shown);
    }
    let xray = json!({ "name": "x", "deliveryDestinationType": "XRAY", "roleArn": "arn:aws:iam::123456789012:role/r" });
    let put = plane.ok("PutDeliveryDestination", xray).await;
    assert_eq!(put["deliveryDestination"]["deliveryDestinationType"], "XRAY");
    for (input, code) in [
        (json!({ "name": "d" }), "ValidationException"),
        (json!({ "name": "d", "deliveryDestinationType": "S3" }), "ValidationException"),
        (destination("d", "arn:aws:sqs:us-east-1:123456789012:q", json!({})), "ValidationException"),
        (destination("d", BUCKET, json!({ "deliveryDestinationType": "FH" })), "ValidationException"),
        (destination("d", BUCKET, json!({ "roleArn": "arn:aws:iam::123456789012:role/r" })), "ValidationException"),
        (destination("d", &group("absent"), json!({})), "ResourceNotFoundException"),
    ] {
        let refusal = plane.refused("PutDeliveryDestination", input).await;
        assert_eq!(refusal.0, code, "{refusal:?}");
    }
    let named = plane.ok("DescribeDeliveryDestinations", json!({ "names": ["x", "absent"] })).await;
    let names: Vec<&Value> = named["deliveryDestinations"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["x"]);
    plane.ok("DeleteDeliveryDestination", json!({ "name": "x" })).await;
    assert_eq!(plane.refused("GetDeliveryDestination", json!({ "name": "x" })).await.0, "ResourceNotFoundException");
}

#[tokio::test]
async fn a_delivery_joins_a_source_and_a_destination() {
    let plane = plane_with_ends().await;
    let more = json!({
        "recordFields": ["date", "time"], "fieldDelimiter": " ", "tags": { "k": "v" },
        "s3DeliveryConfiguration": { "suffixPath": "{yyyy}", "enableHiveCompatiblePath": true },
    });
    let made = create(&plane, more).await;
    let id = made["id"].as_str().unwrap().to_owned();
    let arn = format!("arn:aws:logs:us-east-1:123456789012:delivery:{id}");
    let shown = json!({
        "id": id, "arn": arn, "deliverySourceName": "s", "deliveryDestinationArn": destination_arn("b"),
        "deliveryDestinationType": "S3", "recordFields": ["date", "time"], "fieldDelimiter": " ", "tags": { "k": "v" },
        "s3DeliveryConfiguration": { "suffixPath": "{yyyy}", "enableHiveCompatiblePath": true },
    });
    assert_eq!(made, shown);
    assert_eq!(plane.ok("ListTagsForResource", json!({ "resourceArn": arn })).await["tags"], json!({ "k": "v" }));
    let again = json!({ "deliverySourceName": "s", "deliveryDestinationArn": destination_arn("b") });
    assert_eq!(plane.refused("CreateDelivery", again).await.0, "ConflictException");
    for (operation, name) in [("DeleteDeliverySource", "s"), ("DeleteDeliveryDestination", "b")] {
        assert_eq!(plane.refused(operation, json!({ "name": name })).await.0, "ConflictException");
    }
    plane.ok("UpdateDeliveryConfiguration", json!({ "id": id, "recordFields": ["time"] })).await;
    let got = plane.ok("GetDelivery", json!({ "id": id })).await["delivery"].clone();
    assert_eq!(got, merged(shown, json!({ "recordFields": ["time"] })), "what is not given stays");
    let listed = plane.ok("DescribeDeliveries", json!({ "deliverySourceNames": ["s"] })).await;
    assert_eq!(listed["deliveries"], json!([got]));
    let listed = plane.ok("DescribeDeliveries", json!({ "deliverySourceNames": ["t"] })).await;
    assert_eq!(listed["deliveries"], json!([]));
    plane.ok("DeleteDelivery", json!({ "id": id })).await;
    for operation in ["GetDelivery", "DeleteDelivery", "UpdateDeliveryConfiguration"] {
        assert_eq!(plane.refused(operation, json!({ "id": id })).await.0, "ResourceNotFoundException");
    }
    plane.ok("DeleteDeliverySource", json!({ "name": "s" })).await;
    plane.ok("DeleteDeliveryDestination", json!({ "name": "b" })).await;
    let templates = plane.ok("DescribeConfigurationTemplates", json!({ "service": "cloudfront" })).await;
    assert_eq!(templates, json!({ "configurationTemplates": [] }));
}

#[tokio::test]
async fn what_cannot_be_joined_is_refused() {
    let plane = plane_with_ends().await;
    let stream = "arn:aws:firehose:us-east-1:123456789012:deliverystream/d";
    plane.ok("PutDeliveryDestination", destination("d", stream, json!({}))).await;
    let delivery = |source: &str, arn: String| json!({ "deliverySourceName": source, "deliveryDestinationArn": arn });
    for input in [delivery("t", destination_arn("b")), delivery("s", destination_arn("t")), delivery("s", "x".into())] {
        assert_eq!(plane.refused("CreateDelivery", input).await.0, "ResourceNotFoundException");
    }
    let objects = json!({ "s3DeliveryConfiguration": { "suffixPath": "x" } });
    let refusal = plane.refused("CreateDelivery", merged(delivery("s", destination_arn("d")), objects.clone())).await;
    assert_eq!(refusal.0, "ValidationException");
    let made = plane.ok("CreateDelivery", delivery("s", destination_arn("d"))).await;
    let update = merged(json!({ "id": made["delivery"]["id"] }), objects);
    assert_eq!(plane.refused("UpdateDeliveryConfiguration", update).await.0, "ValidationException");
    for resource in ["x", "arn:aws:cloudfront::210987654321:distribution/E1"] {
        let refusal = plane.refused("PutDeliverySource", source("u", json!({ "resourceArn": resource }))).await;
        assert_eq!(refusal.0, "ValidationException");
    }
    let settings: serde_json::Map<String, Value> = (0..51).map(|n| (format!("k{n}"), json!("v"))).collect();
    let input = source("u", json!({ "logType": "CONNECTION_LOGS", "deliverySourceConfiguration": settings }));
    assert_eq!(plane.refused("PutDeliverySource", input).await.0, "ValidationException");
}

#[tokio::test]
async fn another_account_delivers_where_a_policy_lets_it() {
    let plane = plane_with_ends().await;
    let named = json!({ "deliveryDestinationName": "b" });
    assert_eq!(plane.ok("GetDeliveryDestinationPolicy", named.clone()).await, json!({}));
    let other = Caller::root(Scope { account: "210987654321".into(), region: "us-east-1".into() }, "other");
    let resource = json!({ "resourceArn": "arn:aws:cloudfront::210987654321:distribution/E1" });
    plane.call_as(&other, "PutDeliverySource", source("theirs", resource)).await.unwrap();
    let join = json!({ "deliverySourceName": "theirs", "deliveryDestinationArn": destination_arn("b") });
    let refusal = plane.call_as(&other, "CreateDelivery", join.clone()).await.unwrap_err();
    assert_eq!(refusal.0, "AccessDeniedException");
    let policy = |text: &str| merged(named.clone(), json!({ "deliveryDestinationPolicy": text }));
    for text in ["{", "{}", r#"{"Statement":{"Effect":"Allow","Action":"logs:CreateDelivery","Resource":"*"}}"#] {
        let refusal = plane.refused("PutDeliveryDestinationPolicy", policy(text)).await;
        assert_eq!(refusal.0, "ValidationException", "{text}");
        assert_eq!(refusal.1, "Invalid Delivery Destination resource Policy is provided.", "{text}");
    }
    let allowing = |account: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{account}"}},"Action":"logs:CreateDelivery","Resource":"arn:aws:logs:*:123456789012:delivery-destination:*"}}}}"#
        )
    };
    plane.ok("PutDeliveryDestinationPolicy", policy(&allowing("111111111111"))).await;
    let refusal = plane.call_as(&other, "CreateDelivery", join.clone()).await.unwrap_err();
    assert_eq!(
        refusal,
        error(
            "AccessDeniedException",
            &format!(
                "User: arn:aws:iam::210987654321:root is not authorized to perform: logs:CreateDelivery on resource: {} \
                 because no resource-based policy allows the logs:CreateDelivery action",
                destination_arn("b")
            )
        )
    );
    let text = &allowing("210987654321");
    let shown = json!({ "policy": { "deliveryDestinationPolicy": text } });
    assert_eq!(plane.ok("PutDeliveryDestinationPolicy", policy(text)).await, shown);
    plane.ok("PutDeliveryDestination", destination("b", BUCKET, json!({ "outputFormat": "json" }))).await;
    assert_eq!(plane.ok("GetDeliveryDestinationPolicy", named.clone()).await, shown, "it outlives another put");
    plane.call_as(&other, "CreateDelivery", join).await.unwrap();
    assert_eq!(plane.refused("DeleteDeliveryDestination", json!({ "name": "b" })).await.0, "ConflictException");
    assert_eq!(plane.ok("DescribeDeliveries", json!({})).await["deliveries"], json!([]), "it is the other's");
    plane.ok("DeleteDeliveryDestinationPolicy", named.clone()).await;
    assert_eq!(plane.ok("GetDeliveryDestinationPolicy", named).await, json!({}));
    let absent = json!({ "deliveryDestinationName": "absent" });
    for operation in ["GetDeliveryDestinationPolicy", "DeleteDeliveryDestinationPolicy"] {
        assert_eq!(plane.refused(operation, absent.clone()).await.0, "ResourceNotFoundException");
    }
}
