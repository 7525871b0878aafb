//! Groups: create, describe, list, retention, protection, tags, delete.

use super::*;
use model::time::DAY;
use model::{GroupId, Scope, Timestamp};

const ARN: &str = "arn:aws:logs:us-east-1:123456789012:log-group:g";

#[tokio::test]
async fn a_group_is_created_once_per_account_and_region() {
    let plane = plane().await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    assert_eq!(
        plane.refused("CreateLogGroup", json!({"logGroupName": "g"})).await,
        error("ResourceAlreadyExistsException", "The specified log group already exists")
    );
    plane.call_in("eu-west-1", "CreateLogGroup", json!({"logGroupName": "g"})).await.unwrap();
    assert_eq!(
        plane.refused("CreateLogGroup", json!({"logGroupName": "aws/g"})).await,
        error("InvalidParameterException", "Log groups starting with AWS/ are reserved for AWS.")
    );
    let (code, message) = plane.refused("CreateLogGroup", json!({"logGroupName": "g:h"})).await;
    assert_eq!(code, "InvalidParameterException");
    assert!(message.starts_with("1 validation error detected: Value 'g:h' at 'logGroupName' failed"), "{message}");
}

#[tokio::test]
async fn a_described_group_says_what_was_asked_for() {
    let plane = plane().await;
    let input = json!({
        "logGroupName": "g", "logGroupClass": "INFREQUENT_ACCESS", "deletionProtectionEnabled": true,
        "kmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/k", "tags": {"team": "a"}
    });
    plane.ok("CreateLogGroup", input).await;
    plane.ok("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 7})).await;
    let answer = plane.ok("DescribeLogGroups", json!({})).await;
    assert_eq!(
        answer,
        json!({"logGroups": [{
            "logGroupName": "g", "creationTime": NOW, "retentionInDays": 7, "metricFilterCount": 0, "storedBytes": 0,
            "arn": format!("{ARN}:*"), "logGroupArn": ARN, "logGroupClass": "INFREQUENT_ACCESS",
            "kmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/k", "deletionProtectionEnabled": true,
            "bearerTokenAuthenticationEnabled": false
        }]})
    );
    let tags = plane.ok("ListTagsForResource", json!({"resourceArn": ARN})).await;
    assert_eq!(tags, json!({"tags": {"team": "a"}}));
}

#[tokio::test]
async fn describing_pages_by_name_and_its_tokens_belong_to_their_request() {
    let plane = plane().await;
    for name in ["/b/1", "/a/2", "/a/1", "/a/3", "c"] {
        plane.ok("CreateLogGroup", json!({"logGroupName": name})).await;
    }
    let first = plane.ok("DescribeLogGroups", json!({"logGroupNamePrefix": "/a/", "limit": 2})).await;
    assert_eq!(each(&first["logGroups"], "logGroupName"), ["/a/1", "/a/2"]);
    let token = first["nextToken"].as_str().unwrap();
    let second =
        plane.ok("DescribeLogGroups", json!({"logGroupNamePrefix": "/a/", "limit": 2, "nextToken": token})).await;
    assert_eq!(each(&second["logGroups"], "logGroupName"), ["/a/3"]);
    assert_eq!(second.get("nextToken"), None);
    for wrong in [json!({"nextToken": token}), json!({"nextToken": "nonsense"})] {
        assert_eq!(
            plane.refused("DescribeLogGroups", wrong).await,
            error("InvalidParameterException", "The specified nextToken is invalid.")
        );
    }
    let full = plane.ok("DescribeLogGroups", json!({"logGroupNamePrefix": "/a/", "limit": 3})).await;
    assert_eq!(full.get("nextToken"), None, "a full last page has no token");
}

#[tokio::test]
async fn describing_filters_by_pattern_class_or_identifiers() {
    let plane = plane().await;
    for name in ["/app/Web", "/app/web", "/other"] {
        plane.ok("CreateLogGroup", json!({"logGroupName": name})).await;
    }
    plane.ok("CreateLogGroup", json!({"logGroupName": "ia", "logGroupClass": "INFREQUENT_ACCESS"})).await;
    let names = async |input: Value| {
        let answer = plane.ok("DescribeLogGroups", input).await;
        each(&answer["logGroups"], "logGroupName").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(json!({"logGroupNamePattern": "web"})).await, ["/app/web"]);
    plane.ok("CreateLogGroup", json!({"logGroupName": "essential", "logGroupClass": "ESSENTIALS"})).await;
    for class in ["INFREQUENT_ACCESS", "ESSENTIALS"] {
        assert_eq!(names(json!({"logGroupClass": class})).await, ["essential", "ia"], "{class}");
    }
    assert_eq!(names(json!({"logGroupClass": "STANDARD"})).await, ["/app/Web", "/app/web", "/other"]);
    let identifiers = json!(["ia", "arn:aws:logs:us-east-1:123456789012:log-group:/other", "absent"]);
    assert_eq!(names(json!({"logGroupIdentifiers": identifiers})).await, ["/other", "ia"]);
    assert_eq!(
        plane.refused("DescribeLogGroups", json!({"logGroupNamePattern": "a", "logGroupNamePrefix": "a"})).await.0,
        "InvalidParameterException"
    );
    assert_eq!(plane.refused("DescribeLogGroups", json!({"limit": 51})).await.0, "InvalidParameterException");
    let own = json!({"includeLinkedAccounts": true, "accountIdentifiers": ["999999999999"]});
    assert!(names(own).await.is_empty());
}

#[tokio::test]
async fn listing_filters_by_alternatives_class_and_tags() {
    let plane = plane().await;
    let groups = [("/aws/lambda/a", "STANDARD"), ("/app/api", "INFREQUENT_ACCESS"), ("/app/web", "ESSENTIALS")];
    for (name, class) in groups {
        let tags = json!({"env": if name == "/app/web" { "prod-eu" } else { "dev" }});
        plane.ok("CreateLogGroup", json!({"logGroupName": name, "logGroupClass": class, "tags": tags})).await;
    }
    let names = async |input: Value| {
        let answer = plane.ok("ListLogGroups", input).await;
        each(&answer["logGroups"], "logGroupName").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(json!({"logGroupNamePattern": "^/aws|web"})).await, ["/app/web", "/aws/lambda/a"]);
    assert_eq!(names(json!({"logGroupClass": "ESSENTIALS"})).await, ["/app/api", "/app/web"]);
    assert_eq!(names(json!({"logGroupTags": [{"key": "env", "values": ["prod*"]}]})).await, ["/app/web"]);
    assert_eq!(names(json!({"logGroupTags": [{"key": "absent"}]})).await, [] as [&str; 0]);
    assert!(names(json!({"fieldIndexNames": ["requestId"]})).await.is_empty());
    let first = plane.ok("ListLogGroups", json!({"limit": 2, "logGroupTags": [{"key": "env"}]})).await;
    let token = &first["nextToken"];
    assert_eq!(
        names(json!({"limit": 2, "logGroupTags": [{"key": "env"}], "nextToken": token})).await,
        ["/aws/lambda/a"]
    );
}

#[tokio::test]
async fn a_group_of_class_delivery_keeps_two_days_whatever_anyone_says() {
    let plane = plane().await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "g", "logGroupClass": "DELIVERY"})).await;
    plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    put(&plane, "s", &[(0, "a")]).await;
    let unsupported = error("ValidationException", "This operation is not supported for Delivery log class");
    let put_retention = json!({"logGroupName": "g", "retentionInDays": 7});
    assert_eq!(plane.refused("PutRetentionPolicy", put_retention).await, unsupported);
    assert_eq!(plane.refused("DeleteRetentionPolicy", json!({"logGroupName": "g"})).await, unsupported);
    let protect = json!({"logGroupIdentifier": "g", "policyDocument": "{}"});
    assert_eq!(plane.refused("PutDataProtectionPolicy", protect).await, unsupported);
    let described = plane.ok("DescribeLogGroups", json!({})).await;
    assert_eq!(described["logGroups"][0]["retentionInDays"], 2);
    assert_eq!(watch::logs::kept_logs(&plane.watch).await.unwrap().retention_ms, [(GroupId(1), 2 * DAY)].into());
    let events = async || plane.ok("FilterLogEvents", json!({"logGroupName": "g"})).await["events"].clone();
    plane.clock.advance(2 * DAY - 1);
    assert_eq!(events().await.as_array().unwrap().len(), 1);
    plane.clock.advance(2);
    assert_eq!(events().await, json!([]));
}

#[tokio::test]
async fn what_only_the_standard_class_has_is_refused_to_others() {
    let plane = plane().await;
    let unsupported = error("ValidationException", "This operation is only supported on the Standard log class.");
    for class in ["INFREQUENT_ACCESS", "ESSENTIALS", "DELIVERY"] {
        plane.ok("CreateLogGroup", json!({"logGroupName": class, "logGroupClass": class})).await;
        let filter = json!({
            "logGroupName": class, "filterName": "f", "filterPattern": "",
            "metricTransformations": [{"metricName": "m", "metricNamespace": "N", "metricValue": "1"}]
        });
        let arn = format!("arn:aws:logs:us-east-1:123456789012:log-group:{class}");
        for (operation, input) in [
            ("PutMetricFilter", filter),
            ("DescribeMetricFilters", json!({"logGroupName": class})),
            ("CreateLogAnomalyDetector", json!({"logGroupArnList": [arn]})),
        ] {
            assert_eq!(plane.refused(operation, input).await, unsupported, "{operation} {class}");
        }
    }
    assert_eq!(plane.ok("DescribeMetricFilters", json!({})).await["metricFilters"], json!([]));
}

#[tokio::test]
async fn retention_takes_awss_days_only() {
    let plane = plane_with_stream().await;
    for days in [-1, 0, 2, 3654, i32::MAX] {
        let (code, message) =
            plane.refused("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": days})).await;
        assert_eq!(code, "InvalidParameterException");
        assert!(message.contains("Member must satisfy enum value set: [1, 3, 5, 7, "), "{message}");
    }
    let missing = error("ResourceNotFoundException", "The specified log group does not exist.");
    let input = json!({"logGroupName": "absent", "retentionInDays": 1});
    assert_eq!(plane.refused("PutRetentionPolicy", input).await, missing);
    assert_eq!(plane.refused("DeleteRetentionPolicy", json!({"logGroupName": "absent"})).await, missing);
    plane.ok("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 1})).await;
    plane.ok("DeleteRetentionPolicy", json!({"logGroupName": "g"})).await;
    assert_eq!(plane.ok("DescribeLogGroups", json!({})).await["logGroups"][0].get("retentionInDays"), None);
}

#[tokio::test]
async fn a_protected_group_keeps_its_streams_and_itself() {
    let plane = plane_with_stream().await;
    let protect = async |enabled: bool| {
        let input = json!({"logGroupIdentifier": ARN, "deletionProtectionEnabled": enabled});
        plane.ok("PutLogGroupDeletionProtection", input).await
    };
    protect(true).await;
    assert_eq!(plane.refused("DeleteLogGroup", json!({"logGroupName": "g"})).await.0, "ValidationException");
    let stream = json!({"logGroupName": "g", "logStreamName": "s"});
    assert_eq!(plane.refused("DeleteLogStream", stream.clone()).await.0, "ValidationException");
    protect(false).await;
    plane.ok("DeleteLogStream", stream).await;
    plane.ok("DeleteLogGroup", json!({"logGroupName": "g"})).await;
}

#[tokio::test]
async fn tags_are_bounded_and_go_with_the_group() {
    let plane = plane_with_stream().await;
    let many: serde_json::Map<String, Value> = (0..50).map(|n| (format!("k{n}"), json!("v"))).collect();
    plane.ok("TagResource", json!({"resourceArn": ARN, "tags": many})).await;
    plane.ok("TagResource", json!({"resourceArn": ARN, "tags": {"k0": "changed"}})).await;
    let more = json!({"resourceArn": ARN, "tags": {"one": "more"}});
    assert_eq!(plane.refused("TagResource", more).await.0, "TooManyTagsException");
    plane.ok("UntagLogGroup", json!({"logGroupName": "g", "tags": ["k1", "absent"]})).await;
    plane.ok("TagLogGroup", json!({"logGroupName": "g", "tags": {"one": "more"}})).await;
    let tags = plane.ok("ListTagsLogGroup", json!({"logGroupName": "g"})).await;
    assert_eq!((&tags["tags"]["k0"], &tags["tags"]["one"]), (&json!("changed"), &json!("more")));
    let reserved = json!({"resourceArn": ARN, "tags": {"aws:x": "y"}});
    assert_eq!(plane.refused("TagResource", reserved).await.0, "InvalidParameterException");
    plane.ok("DeleteLogGroup", json!({"logGroupName": "g"})).await;
    assert_eq!(plane.refused("ListTagsForResource", json!({"resourceArn": ARN})).await.0, "ResourceNotFoundException");
    plane.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    assert_eq!(plane.ok("ListTagsForResource", json!({"resourceArn": ARN})).await, json!({"tags": {}}));
}

#[tokio::test]
async fn a_group_created_again_is_empty_and_the_old_one_is_remembered_for_maintenance() {
    let plane = plane_with_stream().await;
    put(&plane, "s", &[(0, "old")]).await;
    plane.ok("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 3})).await;
    let before = watch::logs::kept_logs(&plane.watch).await.unwrap();
    assert_eq!(before.retention_ms, [(GroupId(1), 3 * DAY)].into());
    plane.ok("DeleteLogGroup", json!({"logGroupName": "g"})).await;
    let stream = json!({"logGroupName": "g", "logStreamName": "s"});
    let mut put_input = stream.clone();
    put_input["logEvents"] = json!([{"timestamp": NOW, "message": "new"}]);
    assert_eq!(
        plane.refused("PutLogEvents", put_input.clone()).await,
        error("ResourceNotFoundException", "The specified log group does not exist.")
    );
    plane.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    plane.ok("CreateLogStream", stream).await;
    assert!(messages(&plane.ok("FilterLogEvents", json!({"logGroupName": "g"})).await).is_empty());
    plane.ok("PutLogEvents", put_input).await;
    assert_eq!(messages(&plane.ok("FilterLogEvents", json!({"logGroupName": "g"})).await), ["new"]);

    let kept = watch::logs::kept_logs(&plane.watch).await.unwrap();
    assert_eq!((kept.deleted_groups, kept.retention_ms.len()), ([GroupId(1)].into(), 0));
    watch::logs::forget_deleted_logs(&plane.watch).await.unwrap();
    assert_eq!(watch::logs::kept_logs(&plane.watch).await.unwrap().deleted_groups.len(), 1, "too early to forget");
    plane.clock.advance(DAY);
    watch::logs::forget_deleted_logs(&plane.watch).await.unwrap();
    assert_eq!(watch::logs::kept_logs(&plane.watch).await.unwrap(), watch::logs::KeptLogs::default());
}

#[tokio::test]
async fn the_server_logs_into_a_group_that_makes_itself() {
    let plane = plane().await;
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    for line in ["one", "two"] {
        let lines = vec![(Timestamp(NOW), line.to_owned())];
        watch::logs::append_internal(&plane.watch, &scope, "/trailwatch/server", "s", lines).await.unwrap();
        // Someone deletes it in between.
        if line == "one" {
            plane.ok("DeleteLogGroup", json!({"logGroupName": "/trailwatch/server"})).await;
        }
    }
    let answer = plane.ok("FilterLogEvents", json!({"logGroupName": "/trailwatch/server"})).await;
    assert_eq!(messages(&answer), ["two"]);
}

#[tokio::test]
async fn a_reset_forgets_names_and_never_reuses_ids() {
    let plane = plane_with_stream().await;
    put(&plane, "s", &[(0, "a")]).await;
    plane.watch.catalog.reset().await.unwrap();
    let input = json!({"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": NOW, "message": "m"}]});
    assert_eq!(plane.refused("PutLogEvents", input).await.0, "ResourceNotFoundException");
    plane.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    assert_eq!(plane.watch.catalog.log_group(&scope, "g").await.unwrap().unwrap().id, GroupId(2));
}
