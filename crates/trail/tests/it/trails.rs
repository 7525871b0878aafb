//! Trails, their selectors, tags and channels.

use crate::*;

const ARN: &str = "arn:aws:cloudtrail:us-east-1:123456789012:trail/my-trail";

#[tokio::test]
async fn a_trail_lives_from_creation_to_deletion() {
    let plane = Plane::new().await;
    let made = plane
        .call(
            "CreateTrail",
            json!({"Name": "my-trail", "S3BucketName": "bucket", "SnsTopicName": "topic", "S3KeyPrefix": "p",
            "TagsList": [{"Key": "team", "Value": "a"}]}),
        )
        .await
        .unwrap();
    assert_eq!(
        made,
        json!({"Name": "my-trail", "S3BucketName": "bucket", "S3KeyPrefix": "p", "SnsTopicName": "topic",
            "SnsTopicARN": "arn:aws:sns:us-east-1:123456789012:topic", "IncludeGlobalServiceEvents": true,
            "IsMultiRegionTrail": false, "TrailARN": ARN, "LogFileValidationEnabled": false, "IsOrganizationTrail": false})
    );
    let text = refused(
        plane.call("CreateTrail", json!({"Name": "my-trail", "S3BucketName": "b-2"})).await,
        "TrailAlreadyExistsException",
    );
    assert!(text.ends_with("Trail my-trail already exists for customer: 123456789012"), "{text}");

    let status = plane.call("GetTrailStatus", json!({"Name": ARN})).await.unwrap();
    assert_eq!((&status["IsLogging"], &status["TimeLoggingStarted"]), (&json!(false), &json!("")));
    assert_eq!(status.get("LatestDeliveryError"), None, "nothing was to be delivered yet");

    plane.call("StartLogging", json!({"Name": "my-trail"})).await.unwrap();
    plane.clock.advance(60_000);
    plane.call("StartLogging", json!({"Name": "my-trail"})).await.unwrap();
    plane.call("StopLogging", json!({"Name": ARN})).await.unwrap();
    let status = plane.call("GetTrailStatus", json!({"Name": "my-trail"})).await.unwrap();
    assert_eq!(status["IsLogging"], false);
    assert_eq!(status["StartLoggingTime"].as_f64(), Some(1_767_323_045.0));
    assert_eq!(status["StopLoggingTime"].as_f64(), Some(1_767_323_105.0));
    assert_eq!(status["TimeLoggingStarted"], "2026-01-02T03:04:05Z");
    assert_eq!(status.get("LatestDeliveryError"), None);
    assert_eq!((status.get("LatestDeliveryTime"), &status["LatestDeliveryAttemptTime"]), (None, &json!("")));

    let updated = plane
        .call("UpdateTrail", json!({"Name": "my-trail", "SnsTopicName": "", "EnableLogFileValidation": true}))
        .await
        .unwrap();
    assert_eq!((updated.get("SnsTopicARN"), &updated["LogFileValidationEnabled"]), (None, &json!(true)));
    assert_eq!(updated["S3KeyPrefix"], "p");

    plane.call("DeleteTrail", json!({"Name": "my-trail"})).await.unwrap();
    let text = refused(plane.call("GetTrail", json!({"Name": "my-trail"})).await, "TrailNotFoundException");
    assert_eq!(text, format!("TrailNotFoundException: Unknown trail: {ARN} for the user: 123456789012"));
    plane.create("my-trail").await;
    let tags = plane.call("ListTags", json!({"ResourceIdList": [ARN]})).await.unwrap();
    assert_eq!(tags["ResourceTagList"][0]["TagsList"], json!([]), "a new trail does not inherit tags");
}

#[tokio::test]
async fn settings_are_validated() {
    let plane = Plane::new().await;
    let group = "arn:aws:logs:us-east-1:123456789012:log-group:g:*";
    let role = "arn:aws:iam::123456789012:role/r";
    let cases = [
        (json!({"Name": "a"}), "InvalidTrailNameException"),
        (json!({"Name": "a b c"}), "InvalidTrailNameException"),
        (json!({"S3BucketName": "UPPER"}), "InvalidS3BucketNameException"),
        (json!({"S3BucketName": "ab"}), "InvalidS3BucketNameException"),
        (json!({"S3KeyPrefix": "x".repeat(201)}), "InvalidS3PrefixException"),
        (json!({"S3KeyPrefix": "a/../b"}), "InvalidS3PrefixException"),
        (json!({"S3BucketName": "missing"}), "S3BucketDoesNotExistException"),
        (json!({"S3BucketName": "closed"}), "InsufficientS3BucketPolicyException"),
        (json!({"SnsTopicName": "a topic"}), "InvalidSnsTopicNameException"),
        (json!({"SnsTopicName": "missing"}), "InsufficientSnsTopicPolicyException"),
        (json!({"CloudWatchLogsLogGroupArn": group}), "InvalidCloudWatchLogsRoleArnException"),
        (json!({"CloudWatchLogsRoleArn": role}), "InvalidCloudWatchLogsLogGroupArnException"),
        (
            json!({"CloudWatchLogsLogGroupArn": group.trim_end_matches(":*"), "CloudWatchLogsRoleArn": role}),
            "InvalidCloudWatchLogsLogGroupArnException",
        ),
        (json!({"KmsKeyId": "my key"}), "InvalidKmsKeyIdException"),
        (
            json!({"IsMultiRegionTrail": true, "IncludeGlobalServiceEvents": false}),
            "InvalidParameterCombinationException",
        ),
        (json!({"IsOrganizationTrail": true}), "OrganizationsNotInUseException"),
        (json!({"TagsList": [{"Key": "aws:x", "Value": "y"}]}), "InvalidTagParameterException"),
    ];
    for (change, code) in cases {
        let mut input = json!({"Name": "good", "S3BucketName": "bucket"});
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        refused(plane.call("CreateTrail", input).await, code);
    }
    let both = json!({"Name": "good", "S3BucketName": "untouched", "SnsTopicName": "missing"});
    refused(plane.call("CreateTrail", both.clone()).await, "InsufficientSnsTopicPolicyException");
    plane.create("other").await;
    let mut update = both;
    update["Name"] = "other".into();
    refused(plane.call("UpdateTrail", update).await, "InsufficientSnsTopicPolicyException");
    assert_eq!(plane.buckets.keys("untouched"), [""; 0], "the topic is checked first");
    plane.call("DeleteTrail", json!({"Name": "other"})).await.unwrap();
    let good = json!({"Name": "good", "S3BucketName": "bucket", "CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": role,
        "KmsKeyId": "alias/k"});
    let text = refused(plane.call("CreateTrail", good.clone()).await, "InvalidCloudWatchLogsLogGroupArnException");
    assert!(text.ends_with("CloudTrail cannot validate the specified log group ARN."), "no such group: {text}");
    let new = catalog::NewLogGroup {
        name: "g",
        created_at: NOW,
        class: "STANDARD",
        kms_key_id: None,
        deletion_protected: false,
    };
    let scope = caller("us-east-1").scope;
    plane.trail.catalog.create_log_group(&scope, new, "arn", &Default::default()).await.unwrap();
    let made = plane.call("CreateTrail", good).await.unwrap();
    assert_eq!(made["KmsKeyId"], "arn:aws:kms:us-east-1:123456789012:alias/k");
    assert_eq!(
        plane.call("CreateTrail", json!({"S3BucketName": "b"})).await.unwrap_err().split(':').next(),
        Some("ValidationException")
    );
}

#[tokio::test]
async fn a_multi_region_trail_has_shadows_that_cannot_be_changed() {
    let plane = Plane::new().await;
    let multi = json!({"Name": "my-trail", "S3BucketName": "bucket", "IsMultiRegionTrail": true});
    plane.call("CreateTrail", multi).await.unwrap();
    plane.create("local").await;

    let names = |answer: &Value| -> Vec<String> {
        answer["trailList"].as_array().unwrap().iter().map(|t| t["Name"].as_str().unwrap().to_owned()).collect()
    };
    let here = plane.call("DescribeTrails", json!({})).await.unwrap();
    assert_eq!(names(&here), ["local", "my-trail"]);
    let elsewhere = plane.call_in("eu-west-1", "DescribeTrails", json!({})).await.unwrap();
    assert_eq!(names(&elsewhere), ["my-trail"]);
    assert_eq!(
        (&elsewhere["trailList"][0]["HomeRegion"], &elsewhere["trailList"][0]["TrailARN"]),
        (&json!("us-east-1"), &json!(ARN))
    );
    let none = plane.call_in("eu-west-1", "DescribeTrails", json!({"includeShadowTrails": false})).await.unwrap();
    assert_eq!(names(&none), [] as [&str; 0]);
    let by_name = plane.call_in("eu-west-1", "DescribeTrails", json!({"trailNameList": ["my-trail"]})).await.unwrap();
    assert_eq!(names(&by_name), [] as [&str; 0], "a shadow is named by its ARN");
    let by_arn = plane.call_in("eu-west-1", "DescribeTrails", json!({"trailNameList": [ARN]})).await.unwrap();
    assert_eq!(names(&by_arn), ["my-trail"]);
    let all = plane.call_in("eu-west-1", "ListTrails", json!({})).await.unwrap();
    assert_eq!(all["Trails"].as_array().unwrap().len(), 2);

    for name in ["my-trail", ARN] {
        for operation in ["UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"] {
            refused(plane.call_in("eu-west-1", operation, json!({"Name": name})).await, "InvalidHomeRegionException");
        }
    }
    refused(plane.call_in("eu-west-1", "GetTrailStatus", json!({"Name": "my-trail"})).await, "TrailNotFoundException");
    assert!(plane.call_in("eu-west-1", "GetTrailStatus", json!({"Name": ARN})).await.is_ok());
    refused(plane.call_in("eu-west-1", "StartLogging", json!({"Name": "local"})).await, "TrailNotFoundException");
    let taken = json!({"Name": "my-trail", "S3BucketName": "bucket"});
    refused(plane.call_in("eu-west-1", "CreateTrail", taken).await, "TrailAlreadyExistsException");
    let foreign = ARN.replace(ACCOUNT, "999999999999");
    refused(plane.call("GetTrail", json!({"Name": foreign})).await, "TrailNotFoundException");
    refused(plane.call("GetTrail", json!({"Name": "arn:aws:s3:::b"})).await, "CloudTrailARNInvalidException");
}

#[tokio::test]
async fn a_region_holds_five_trails_and_shadows_count() {
    let plane = Plane::new().await;
    let multi = |name: &str| json!({"Name": name, "S3BucketName": "bucket", "IsMultiRegionTrail": true});
    plane.call_in("eu-west-1", "CreateTrail", multi("shadow")).await.unwrap();
    for n in 0..4 {
        plane.create(&format!("trail-{n}")).await;
    }
    let sixth = plane.call("CreateTrail", json!({"Name": "trail-5", "S3BucketName": "bucket"})).await;
    let text = refused(sixth, "MaximumNumberOfTrailsExceededException");
    assert!(text.ends_with("User: 123456789012 already has 5 trails in us-east-1."), "{text}");
    refused(plane.call_in("eu-west-1", "CreateTrail", multi("other")).await, "MaximumNumberOfTrailsExceededException");
    plane.call("DeleteTrail", json!({"Name": "trail-0"})).await.unwrap();
    plane.create("trail-5").await;
}

#[tokio::test]
async fn selectors_of_one_kind_replace_the_other() {
    let plane = Plane::new().await;
    plane.create("my-trail").await;
    let fresh = plane.call("GetEventSelectors", json!({"TrailName": "my-trail"})).await.unwrap();
    let default = json!([{"ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [],
        "ExcludeManagementEventSources": []}]);
    assert_eq!(fresh, json!({"TrailARN": ARN, "EventSelectors": default}));
    assert_eq!(
        plane.call("GetTrail", json!({"Name": "my-trail"})).await.unwrap()["Trail"]["HasCustomEventSelectors"],
        false
    );

    let advanced = json!([{"Name": "logs", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::Logs::LogGroup"]}]}]);
    let put =
        plane.call("PutEventSelectors", json!({"TrailName": ARN, "AdvancedEventSelectors": advanced})).await.unwrap();
    assert_eq!(put, json!({"TrailARN": ARN, "AdvancedEventSelectors": advanced}));
    let got = plane.call("GetEventSelectors", json!({"TrailName": "my-trail"})).await.unwrap();
    assert_eq!(got, json!({"TrailARN": ARN, "AdvancedEventSelectors": advanced}));
    assert!(!plane.trail.data_audit.any(), "the trail does not log yet");
    plane.call("StartLogging", json!({"Name": "my-trail"})).await.unwrap();
    assert!(plane.trail.data_audit.any());

    let basic = json!([{"ReadWriteType": "WriteOnly", "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::b/"]}]}]);
    plane.call("PutEventSelectors", json!({"TrailName": ARN, "EventSelectors": basic})).await.unwrap();
    let got = plane.call("GetEventSelectors", json!({"TrailName": "my-trail"})).await.unwrap();
    assert_eq!(got.get("AdvancedEventSelectors"), None);
    assert_eq!(got["EventSelectors"][0]["IncludeManagementEvents"], true);
    assert_eq!(
        plane.call("GetTrail", json!({"Name": "my-trail"})).await.unwrap()["Trail"]["HasCustomEventSelectors"],
        true
    );

    for bad in [
        json!({}),
        json!({"EventSelectors": basic, "AdvancedEventSelectors": advanced}),
        json!({"EventSelectors": [{"DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::*"]}]}]}),
    ] {
        let mut input = json!({"TrailName": "my-trail"});
        input.as_object_mut().unwrap().extend(bad.as_object().unwrap().clone());
        refused(plane.call("PutEventSelectors", input).await, "InvalidEventSelectorsException");
    }
    let unknown = json!({"TrailName": "my-trail", "EventSelectors": [{"ReadWriteType": "read-only"}]});
    refused(plane.call("PutEventSelectors", unknown).await, "ValidationException");
    plane.call("StopLogging", json!({"Name": "my-trail"})).await.unwrap();
    assert!(!plane.trail.data_audit.any());
}

#[tokio::test]
async fn tags_are_added_listed_and_removed() {
    let plane = Plane::new().await;
    plane.create("my-trail").await;
    let tag = |key: &str, value: &str| json!({"Key": key, "Value": value});
    plane.call("AddTags", json!({"ResourceId": ARN, "TagsList": [tag("a", "1"), tag("b", "2")]})).await.unwrap();
    plane.call("AddTags", json!({"ResourceId": ARN, "TagsList": [tag("b", "3")]})).await.unwrap();
    plane.call("RemoveTags", json!({"ResourceId": ARN, "TagsList": [{"Key": "a"}, {"Key": "zz"}]})).await.unwrap();
    let listed = plane.call("ListTags", json!({"ResourceIdList": [ARN]})).await.unwrap();
    assert_eq!(listed, json!({"ResourceTagList": [{"ResourceId": ARN, "TagsList": [tag("b", "3")]}]}));
    let many: Vec<Value> = (0..50).map(|n| tag(&format!("k{n}"), "v")).collect();
    refused(plane.call("AddTags", json!({"ResourceId": ARN, "TagsList": many})).await, "TagsLimitExceededException");
    let absent = ARN.replace("my-trail", "other");
    refused(plane.call("ListTags", json!({"ResourceIdList": [absent]})).await, "ResourceNotFoundException");
    refused(plane.call("ListTags", json!({"ResourceIdList": ["my-trail"]})).await, "CloudTrailARNInvalidException");
    refused(
        plane.call_in("eu-west-1", "ListTags", json!({"ResourceIdList": [ARN]})).await,
        "CloudTrailARNInvalidException",
    );
    let other = "arn:aws:cloudtrail:us-east-1:123456789012:thing/x";
    refused(plane.call("ListTags", json!({"ResourceIdList": [other]})).await, "ResourceTypeNotSupportedException");
}

#[tokio::test]
async fn channels_are_created_listed_renamed_and_deleted() {
    let plane = Plane::new().await;
    let store = plane.create_activity_store("app").await;
    let destinations = json!([{"Type": "EVENT_DATA_STORE", "Location": store}]);
    let input = |name: &str, source: &str| json!({"Name": name, "Source": source, "Destinations": destinations});
    let made = plane.call("CreateChannel", input("first", "Custom")).await.unwrap();
    let arn = made["ChannelArn"].as_str().unwrap().to_owned();
    plane.call("CreateChannel", input("second", "GitHub")).await.unwrap();
    refused(plane.call("CreateChannel", input("third", "GitHub")).await, "ChannelAlreadyExistsException");
    refused(plane.call("CreateChannel", input("first", "Okta")).await, "ChannelAlreadyExistsException");
    refused(plane.call("CreateChannel", input("third", "ec2.amazonaws.com")).await, "InvalidSourceException");
    refused(plane.call("CreateChannel", input("x", "Okta")).await, "ValidationException");
    let elsewhere = json!([{"Type": "EVENT_DATA_STORE", "Location": store.replace("us-east-1", "us-east-2")}]);
    let away = json!({"Name": "third", "Source": "Okta", "Destinations": elsewhere});
    refused(plane.call("CreateChannel", away).await, "EventDataStoreNotFoundException");
    let wrong =
        json!({"Name": "third", "Source": "Okta", "Destinations": [{"Type": "EVENT_DATA_STORE", "Location": "xyz"}]});
    refused(plane.call("CreateChannel", wrong).await, "EventDataStoreARNInvalidException");
    let of_trails = plane.call("CreateEventDataStore", json!({"Name": "of-trails"})).await.unwrap();
    let deleted = plane.create_activity_store("deleted").await;
    plane.call("DeleteEventDataStore", json!({"EventDataStore": deleted})).await.unwrap();
    for (store, code) in [
        (
            "arn:aws:cloudtrail:us-east-1:123456789012:eventdatastore/4ee9d4f0-0000-4000-8000-000000000001",
            "EventDataStoreNotFoundException",
        ),
        (deleted.as_str(), "InactiveEventDataStoreException"),
        (of_trails["EventDataStoreArn"].as_str().unwrap(), "InvalidEventDataStoreCategoryException"),
    ] {
        let destinations = json!([{"Type": "EVENT_DATA_STORE", "Location": store}]);
        let new = json!({"Name": "third", "Source": "Okta", "Destinations": destinations});
        refused(plane.call("CreateChannel", new).await, code);
        let changed = json!({"Channel": arn, "Destinations": destinations});
        refused(plane.call("UpdateChannel", changed).await, code);
    }

    let first = plane.call("ListChannels", json!({"MaxResults": 1})).await.unwrap();
    let second = plane.call("ListChannels", json!({"MaxResults": 1, "NextToken": first["NextToken"]})).await.unwrap();
    assert_ne!(first["Channels"], second["Channels"]);
    assert_eq!(second.get("NextToken"), None);
    refused(
        plane.call_in("eu-west-1", "ListChannels", json!({"NextToken": first["NextToken"]})).await,
        "InvalidNextTokenException",
    );

    refused(
        plane.call("UpdateChannel", json!({"Channel": arn, "Name": "second"})).await,
        "ChannelAlreadyExistsException",
    );
    plane.call("UpdateChannel", json!({"Channel": arn, "Name": "renamed"})).await.unwrap();
    let id = arn.rsplit('/').next().unwrap();
    let got = plane.call("GetChannel", json!({"Channel": id})).await.unwrap();
    assert_eq!(
        (&got["Name"], &got["Source"], &got["Destinations"]),
        (&json!("renamed"), &json!("Custom"), &destinations)
    );
    plane.call("DeleteChannel", json!({"Channel": arn})).await.unwrap();
    refused(plane.call("GetChannel", json!({"Channel": arn})).await, "ChannelNotFoundException");
    refused(plane.call("GetChannel", json!({"Channel": "arn:aws:s3:::b"})).await, "ChannelARNInvalidException");
}
