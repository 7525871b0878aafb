//! Settings of AWS resources: metrics configurations, the key of the dataset, managed rules; kept, shown, and without effect here.

use crate::plane::{NOW, Plane};
use model::time::MINUTE;
use model::{Scope, TimeRange, Timestamp};
use serde_json::{Value, json};
use watch::cloudwatch::insight_rule_metric;

const RESOURCE: &str = "arn:aws:ec2:us-east-1:123456789012:instance/i-1";
const SERVICE: &str = "arn:aws:ec2:us-east-1:123456789012:vpc-endpoint-service/vpce-svc-0a1b";
const BYTES: &str = "VpcEndpointService-BytesByEndpointId-v1";
const NAME: &str = "VpcEndpointService-BytesByEndpointId-v1-vpce-svc-0a1b";

async fn plane() -> Plane {
    Plane::new(watch::cloudwatch::operations()).await
}

#[tokio::test]
async fn a_resource_has_one_metrics_configuration() {
    let plane = plane().await;
    let named = json!({ "ResourceArn": RESOURCE });
    for operation in ["Get", "Update", "Delete"] {
        let refusal = plane.refused(&format!("{operation}ResourceMetricsConfiguration"), named.clone()).await;
        assert_eq!(refusal.0, "ResourceNotFoundException", "{operation}");
        assert!(refusal.1.contains(RESOURCE), "{refusal:?}");
    }
    let selection = json!([{ "IncludeMetrics": ["b", "a"] }]);
    let input = json!({ "ResourceArn": RESOURCE, "MetricSelections": selection });
    let made = plane.ok("CreateResourceMetricsConfiguration", input.clone()).await;
    let made = &made["ResourceMetricsConfiguration"];
    assert_eq!((&made["ResourceArn"], &made["MetricSelections"]), (&json!(RESOURCE), &selection));
    assert_eq!(made["CreatedAt"], made["UpdatedAt"]);
    assert_eq!(plane.refused("CreateResourceMetricsConfiguration", input).await.0, "ConflictException");
    assert_eq!(&plane.ok("GetResourceMetricsConfiguration", named.clone()).await["ResourceMetricsConfiguration"], made);
    plane.clock.advance(MINUTE);
    let updated = plane.ok("UpdateResourceMetricsConfiguration", named.clone()).await;
    let updated = &updated["ResourceMetricsConfiguration"];
    assert!(updated.get("MetricSelections").is_none(), "without a selection all are wanted: {updated}");
    assert_eq!(updated["CreatedAt"], made["CreatedAt"]);
    assert_eq!(updated["UpdatedAt"].as_f64().unwrap() - updated["CreatedAt"].as_f64().unwrap(), 60.0);
    assert_eq!(
        &plane.ok("GetResourceMetricsConfiguration", named.clone()).await["ResourceMetricsConfiguration"],
        updated
    );
    let elsewhere = plane.call_in("eu-west-1", "GetResourceMetricsConfiguration", named.clone()).await.unwrap_err();
    assert_eq!(elsewhere.0, "ResourceNotFoundException");
    plane.ok("DeleteResourceMetricsConfiguration", named.clone()).await;
    assert_eq!(plane.refused("GetResourceMetricsConfiguration", named).await.0, "ResourceNotFoundException");
}

#[tokio::test]
async fn a_configuration_is_of_the_callers_resource() {
    let plane = plane().await;
    for (arn, taken) in [
        ("arn:aws:cloudfront::123456789012:distribution/E1", true),
        ("arn:aws:ec2:eu-west-1:123456789012:instance/i-1", false),
        ("arn:aws:ec2:us-east-1:210987654321:instance/i-1", false),
    ] {
        let answer = plane.call("CreateResourceMetricsConfiguration", json!({ "ResourceArn": arn })).await;
        assert_eq!(answer.map_err(|refusal| refusal.0).err(), (!taken).then(|| "ResourceNotFoundException".into()));
    }
    for (input, member) in [
        (json!({ "ResourceArn": "arn:aws:ec2" }), "resourceArn"),
        (json!({ "ResourceArn": RESOURCE, "MetricSelections": [] }), "metricSelections"),
        (json!({ "ResourceArn": RESOURCE, "MetricSelections": [{ "IncludeMetrics": [] }] }), "includeMetrics"),
    ] {
        let refusal = plane.refused("CreateResourceMetricsConfiguration", input).await;
        assert!(refusal.1.to_lowercase().contains(&member.to_lowercase()), "{refusal:?}");
    }
}

#[tokio::test]
async fn the_dataset_shows_the_key_it_is_associated_with() {
    let plane = plane().await;
    let arn = "arn:aws:cloudwatch:us-east-1:123456789012:dataset/default";
    let key = |region: &str, id: &str| format!("arn:aws:kms:{region}:123456789012:key/{id}");
    let associate = |dataset: &str, key: String| json!({ "DatasetIdentifier": dataset, "KmsKeyArn": key });
    let named = json!({ "DatasetIdentifier": "default" });
    let bare = json!({ "DatasetId": "default", "Arn": arn });
    assert_eq!(plane.ok("GetDataset", named.clone()).await, bare);
    assert_eq!(plane.refused("DisassociateDatasetKmsKey", named.clone()).await.0, "ResourceNotFoundException");
    for id in ["aa", "bb"] {
        plane.ok("AssociateDatasetKmsKey", associate(arn, key("us-east-1", id))).await;
    }
    let refusal = plane.refused("AssociateDatasetKmsKey", associate("default", key("eu-west-1", "cc"))).await;
    assert_eq!(refusal.0, "KmsKeyNotFoundException");
    let got = plane.ok("GetDataset", json!({ "DatasetIdentifier": arn })).await;
    assert_eq!(got, json!({ "DatasetId": "default", "Arn": arn, "KmsKeyArn": key("us-east-1", "bb") }));
    for other in [
        "arn:aws:cloudwatch:eu-west-1:123456789012:dataset/default",
        "arn:aws:cloudwatch:us-east-1:210987654321:dataset/default",
    ] {
        let refusal = plane.refused("GetDataset", json!({ "DatasetIdentifier": other })).await;
        assert_eq!(refusal.0, "ResourceNotFoundException");
    }
    plane.ok("DisassociateDatasetKmsKey", named.clone()).await;
    assert_eq!(plane.ok("GetDataset", named).await, bare);
}

fn managed(template: &str, resource: &str) -> Value {
    json!({ "TemplateName": template, "ResourceARN": resource, "Tags": [{ "Key": "k", "Value": "v" }] })
}

#[tokio::test]
async fn managed_rules_are_made_switched_and_deleted() {
    let plane = plane().await;
    let list = json!({ "ResourceARN": SERVICE });
    let templates = |listed: &Value| -> Vec<String> {
        let rules = listed["ManagedRules"].as_array().unwrap();
        rules.iter().map(|rule| rule["TemplateName"].as_str().unwrap().to_owned()).collect()
    };
    let none = plane.ok("ListManagedInsightRules", list.clone()).await;
    assert_eq!(templates(&none).len(), 4);
    assert!(none["ManagedRules"].as_array().unwrap().iter().all(|rule| rule.get("RuleState").is_none()));
    let put = json!({ "ManagedRules": [managed(BYTES, SERVICE)] });
    assert_eq!(plane.ok("PutManagedInsightRules", put.clone()).await, json!({ "Failures": [] }));
    let listed = plane.ok("ListManagedInsightRules", list.clone()).await;
    let state = |state: &str| json!({ "TemplateName": BYTES, "ResourceARN": SERVICE, "RuleState": { "RuleName": NAME, "State": state } });
    assert_eq!(listed["ManagedRules"][1], state("ENABLED"));
    let described = plane.ok("DescribeInsightRules", json!({})).await;
    let [rule] = described["InsightRules"].as_array().unwrap().as_slice() else { panic!("{described}") };
    assert_eq!((&rule["Name"], &rule["ManagedRule"]), (&json!(NAME), &json!(true)));
    assert_eq!(rule["Schema"], r#"{"Name": "ServiceLogRule", "Version": 1}"#);
    let arn = format!("arn:aws:cloudwatch:us-east-1:123456789012:insight-rule/{NAME}");
    let tags = plane.ok("ListTagsForResource", json!({ "ResourceARN": arn })).await;
    assert_eq!(tags["Tags"], json!([{ "Key": "k", "Value": "v" }]));
    plane.ok("DisableInsightRules", json!({ "RuleNames": [NAME] })).await;
    assert_eq!(plane.ok("ListManagedInsightRules", list.clone()).await["ManagedRules"][1], state("DISABLED"));
    plane.ok("PutManagedInsightRules", put).await;
    assert_eq!(plane.ok("ListManagedInsightRules", list.clone()).await["ManagedRules"][1], state("ENABLED"));
    plane.ok("DeleteInsightRules", json!({ "RuleNames": [NAME] })).await;
    assert_eq!(plane.ok("ListManagedInsightRules", list.clone()).await, none);
    let page = plane.ok("ListManagedInsightRules", json!({ "ResourceARN": SERVICE, "MaxResults": 3 })).await;
    let rest = json!({ "ResourceARN": SERVICE, "MaxResults": 3, "NextToken": page["NextToken"] });
    let rest = plane.ok("ListManagedInsightRules", rest).await;
    assert_eq!([templates(&page), templates(&rest)].concat(), templates(&none));
    assert!(rest.get("NextToken").is_none());
}

#[tokio::test]
async fn a_managed_rule_counts_nothing_and_is_not_edited() {
    let plane = plane().await;
    plane.ok("PutManagedInsightRules", json!({ "ManagedRules": [managed(BYTES, SERVICE)] })).await;
    let report = json!({
        "RuleName": NAME, "StartTime": NOW / 1000 - 600, "EndTime": NOW / 1000, "Period": 60, "Metrics": ["Sum"],
    });
    let report = plane.ok("GetInsightRuleReport", report).await;
    assert_eq!((&report["AggregateValue"], &report["Contributors"]), (&json!(0.0), &json!([])));
    assert_eq!(report["MetricDatapoints"], json!([]));
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    let range = TimeRange::new(Timestamp(NOW - 10 * MINUTE), Timestamp(NOW));
    let metric = async |metric: &str| insight_rule_metric(&plane.watch, &scope, NAME, metric, range, MINUTE).await;
    assert_eq!(metric("Sum").await.unwrap(), []);
    assert!(metric("Total").await.is_err());
    let definition = json!({
        "Schema": { "Name": "CloudWatchLogRule", "Version": 1 }, "LogGroupNames": ["g"], "LogFormat": "JSON",
        "Contribution": { "Keys": ["$.ip"] }, "AggregateOn": "Count",
    })
    .to_string();
    let own = |name: &str| json!({ "RuleName": name, "RuleDefinition": definition });
    let refusal = plane.refused("PutInsightRule", own(NAME)).await;
    assert_eq!(refusal.0, "InvalidParameterValueException");
    plane.ok("DeleteInsightRules", json!({ "RuleNames": [NAME] })).await;
    plane.ok("PutInsightRule", own(NAME)).await;
    let failed = plane.ok("PutManagedInsightRules", json!({ "ManagedRules": [managed(BYTES, SERVICE)] })).await;
    assert_eq!(failed["Failures"][0]["ExceptionType"], "ConflictException");
    let listed = plane.ok("ListManagedInsightRules", json!({ "ResourceARN": SERVICE })).await;
    assert!(listed["ManagedRules"][1].get("RuleState").is_none(), "{listed}");
}

#[tokio::test]
async fn what_has_no_template_fails_by_itself() {
    let plane = plane().await;
    let table = "arn:aws:dynamodb:us-east-1:123456789012:table/t";
    let foreign = "arn:aws:ec2:us-east-1:210987654321:vpc-endpoint-service/vpce-svc-0a1b";
    let rules =
        json!([managed(BYTES, table), managed("Other-v1", SERVICE), managed(BYTES, foreign), managed(BYTES, SERVICE)]);
    let failed = plane.ok("PutManagedInsightRules", json!({ "ManagedRules": rules })).await;
    let failures = failed["Failures"].as_array().unwrap();
    let resources: Vec<&Value> = failures.iter().map(|failure| &failure["FailureResource"]).collect();
    assert_eq!(resources, [BYTES, "Other-v1", BYTES]);
    assert!(failures[2]["FailureDescription"].as_str().unwrap().contains(foreign));
    let named = plane.ok("DescribeInsightRules", json!({})).await;
    assert_eq!(named["InsightRules"].as_array().unwrap().len(), 1);
    let too_many = json!({ "ManagedRules": vec![managed(BYTES, SERVICE); 101] });
    assert_eq!(plane.refused("PutManagedInsightRules", too_many).await.0, "InvalidParameterValueException");
    assert_eq!(
        plane.ok("ListManagedInsightRules", json!({ "ResourceARN": table })).await,
        json!({ "ManagedRules": [] })
    );
    let token = json!({ "ResourceARN": SERVICE, "NextToken": "x" });
    assert_eq!(plane.refused("ListManagedInsightRules", token).await.0, "InvalidNextToken");
    let refusal = plane.refused("ListManagedInsightRules", json!({ "ResourceARN": "x" })).await;
    assert_eq!(refusal.0, "InvalidParameterValueException");
}
