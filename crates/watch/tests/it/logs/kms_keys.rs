//! KMS keys of log groups and of the results of queries: remembered and shown.

use super::*;

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ARN: &str = "arn:aws:logs:us-east-1:123456789012:log-group:g";
const RESULTS: &str = "arn:aws:logs:us-east-1:123456789012:query-result:*";

#[tokio::test]
async fn a_group_has_the_key_that_it_was_associated_with() {
    let plane = plane_with_stream().await;
    let shown = async || plane.ok("DescribeLogGroups", json!({})).await["logGroups"][0].get("kmsKeyId").cloned();
    assert_eq!(shown().await, None);
    plane.ok("AssociateKmsKey", json!({"logGroupName": "g", "kmsKeyId": KEY})).await;
    assert_eq!(shown().await, Some(json!(KEY)));
    plane.ok("DisassociateKmsKey", json!({"resourceIdentifier": ARN})).await;
    assert_eq!(shown().await, None);
    plane.ok("AssociateKmsKey", json!({"resourceIdentifier": ARN, "kmsKeyId": KEY})).await;
    assert_eq!(shown().await, Some(json!(KEY)));
    plane.ok("DisassociateKmsKey", json!({"logGroupName": "g"})).await;
    assert_eq!(shown().await, None);
}

#[tokio::test]
async fn results_show_the_key_of_queries_that_begin_after_the_association() {
    let plane = plane_with_stream().await;
    let before = query(&plane, &["g"], "fields @message").await;
    assert_eq!(before.get("encryptionKey"), None);
    plane.ok("AssociateKmsKey", json!({"resourceIdentifier": RESULTS, "kmsKeyId": KEY})).await;
    assert_eq!(query(&plane, &["g"], "fields @message").await["encryptionKey"], KEY);
    plane.ok("DisassociateKmsKey", json!({"resourceIdentifier": RESULTS})).await;
    assert_eq!(query(&plane, &["g"], "fields @message").await.get("encryptionKey"), None);
}

#[tokio::test]
async fn what_is_no_key_or_no_target_is_refused() {
    let plane = plane_with_stream().await;
    let refused = async |input: Value| plane.refused("AssociateKmsKey", input).await;
    let gone = error("ResourceNotFoundException", "The specified log group does not exist.");
    assert_eq!(refused(json!({"logGroupName": "absent", "kmsKeyId": KEY})).await, gone);
    let elsewhere = "arn:aws:logs:eu-west-1:123456789012:log-group:g";
    assert_eq!(refused(json!({"resourceIdentifier": elsewhere, "kmsKeyId": KEY})).await, gone);
    assert_eq!(plane.refused("DisassociateKmsKey", json!({"logGroupName": "absent"})).await, gone);
    let not_a_key =
        |arn: &str| format!("The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'");
    for key in ["1234abcd", "arn:aws:kms:us-east-1:123456789012:alias/a", "arn:aws:kms:eu-west-1:123456789012:key/a"] {
        let expected = |arn: &str| match key {
            "1234abcd" => error("InvalidParameterException", "The specified KMS Key Id could not be found."),
            _ => error("InvalidParameterException", &not_a_key(arn)),
        };
        assert_eq!(refused(json!({"logGroupName": "g", "kmsKeyId": key})).await, expected(ARN), "{key}");
        let create = json!({"logGroupName": "new", "kmsKeyId": key});
        let new = "arn:aws:logs:us-east-1:123456789012:log-group:new";
        assert_eq!(plane.refused("CreateLogGroup", create).await, expected(new), "{key}");
        let detect = json!({"logGroupArnList": [ARN], "kmsKeyId": key});
        assert_eq!(plane.refused("CreateLogAnomalyDetector", detect).await.0, "InvalidParameterException", "{key}");
    }
    let detect = json!({"logGroupArnList": [ARN], "kmsKeyId": KEY});
    let made = plane.ok("CreateLogAnomalyDetector", detect).await;
    let got = plane.ok("GetLogAnomalyDetector", json!({"anomalyDetectorArn": made["anomalyDetectorArn"]})).await;
    assert_eq!(got["kmsKeyId"], KEY);
    let groups = plane.ok("DescribeLogGroups", json!({})).await;
    assert_eq!(each(&groups["logGroups"], "logGroupName"), ["g"], "none was made");
    for input in [
        json!({"kmsKeyId": KEY}),
        json!({"logGroupName": "g", "resourceIdentifier": ARN, "kmsKeyId": KEY}),
        json!({"resourceIdentifier": "g", "kmsKeyId": KEY}),
    ] {
        assert_eq!(refused(input.clone()).await.0, "InvalidParameterException", "{input}");
    }
}
