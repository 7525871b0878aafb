//! Field index policies, and what follows from an index: who answers `filterIndex`, and who is listed.

use super::*;
use model::time::DAY;

const ARN: &str = "arn:aws:logs:us-east-1:123456789012:log-group:g";

async fn put_policy(plane: &Plane, document: &Value) -> Value {
    let input = json!({"logGroupIdentifier": "g", "policyDocument": document.to_string()});
    plane.ok("PutIndexPolicy", input).await["indexPolicy"].clone()
}

async fn put_account_policy(plane: &Plane, name: &str, criteria: Option<&str>, document: &Value) {
    let mut input = json!({
        "policyName": name, "policyType": "FIELD_INDEX_POLICY", "policyDocument": document.to_string(), "scope": "ALL"
    });
    if let Some(criteria) = criteria {
        input["selectionCriteria"] = json!(criteria);
    }
    plane.ok("PutAccountPolicy", input).await;
}

/// Name, type and category of the indexes of group `g` in some categories.
async fn indexes(plane: &Plane, categories: &[&str]) -> Vec<(String, String, String)> {
    let input = json!({"logGroupIdentifiers": ["g"], "indexCategories": categories});
    let answer = plane.ok("DescribeFieldIndexes", input).await;
    let member = |index: &Value, name: &str| index[name].as_str().unwrap().to_owned();
    let indexes = answer["fieldIndexes"].as_array().unwrap().iter();
    indexes
        .map(|index| (member(index, "fieldIndexName"), member(index, "type"), member(index, "indexCategory")))
        .collect()
}

fn index(name: &str, kind: &str, category: &str) -> (String, String, String) {
    (name.into(), kind.into(), category.into())
}

#[tokio::test]
async fn a_policy_is_put_described_and_deleted() {
    let plane = plane_with_stream().await;
    let ask = json!({"logGroupIdentifiers": ["g"]});
    assert_eq!(plane.ok("DescribeIndexPolicies", ask.clone()).await, json!({"indexPolicies": []}));
    let document = json!({"Fields": ["user", "requestId"]});
    let full = json!({
        "logGroupIdentifier": ARN, "lastUpdateTime": NOW, "policyDocument": document.to_string(), "source": "LOG_GROUP"
    });
    assert_eq!(put_policy(&plane, &document).await, full);
    assert_eq!(plane.ok("DescribeIndexPolicies", ask.clone()).await, json!({"indexPolicies": [full]}));
    // The account's policy holds where a group has none of its own.
    let of_account = json!({"Fields": ["team"]});
    put_account_policy(&plane, "all", None, &of_account).await;
    assert_eq!(plane.ok("DescribeIndexPolicies", ask.clone()).await, json!({"indexPolicies": [full]}));
    plane.ok("DeleteIndexPolicy", json!({"logGroupIdentifier": ARN})).await;
    let inherited = json!({
        "logGroupIdentifier": ARN, "lastUpdateTime": NOW, "policyDocument": of_account.to_string(),
        "policyName": "all", "source": "ACCOUNT"
    });
    assert_eq!(plane.ok("DescribeIndexPolicies", ask).await, json!({"indexPolicies": [inherited]}));
    let none = error("ResourceNotFoundException", "The specified log group has no index policy.");
    assert_eq!(plane.refused("DeleteIndexPolicy", json!({"logGroupIdentifier": "g"})).await, none);
}

#[tokio::test]
async fn wrong_policies_are_refused() {
    let plane = plane_with_stream().await;
    let refused = async |group: &str, document: &str| {
        plane.refused("PutIndexPolicy", json!({"logGroupIdentifier": group, "policyDocument": document})).await
    };
    let gone = error("ResourceNotFoundException", "The specified log group does not exist.");
    assert_eq!(refused("absent", r#"{"Fields":["a"]}"#).await, gone);
    let many = json!({"Fields": (0..21).map(|n| n.to_string()).collect::<Vec<_>>()}).to_string();
    for document in ["{", "{}", r#"{"Fields":[]}"#, r#"{"FieldsV2":{"a":{"type":"TEXT"}}}"#, many.as_str()] {
        assert_eq!(refused("g", document).await.0, "InvalidParameterException", "{document}");
    }
    plane.ok("CreateLogGroup", json!({"logGroupName": "ia", "logGroupClass": "INFREQUENT_ACCESS"})).await;
    assert_eq!(refused("ia", r#"{"Fields":["a"]}"#).await.0, "InvalidParameterException");
    // A policy for all groups leaves no room for another.
    put_account_policy(&plane, "all", None, &json!({"Fields": ["a"]})).await;
    let other = json!({
        "policyName": "some", "policyType": "FIELD_INDEX_POLICY", "policyDocument": r#"{"Fields":["a"]}"#,
        "selectionCriteria": "LogGroupNamePrefix = \"g\""
    });
    assert_eq!(plane.refused("PutAccountPolicy", other).await.0, "InvalidParameterException");
}

#[tokio::test]
async fn indexes_are_described_and_fade_within_30_days() {
    let plane = plane_with_stream().await;
    put(&plane, "s", &[(-5, "first"), (-1, "last")]).await;
    plane.clock.advance(10);
    assert_eq!(indexes(&plane, &["CUSTOM", "AUTO", "INACTIVE"]).await, []);
    let of_g = plane.ok("DescribeFieldIndexes", json!({"logGroupIdentifiers": [ARN]})).await;
    let of_g = of_g["fieldIndexes"].as_array().unwrap();
    assert_eq!(of_g.len(), 10);
    let found = |name: &str| of_g.iter().find(|index| index["fieldIndexName"] == name).unwrap().clone();
    let expected = json!({
        "logGroupIdentifier": ARN, "fieldIndexName": "@logStream", "type": "FIELD_INDEX", "indexCategory": "DEFAULT",
        "lastScanTime": NOW, "firstEventTime": NOW - 5, "lastEventTime": NOW - 1
    });
    assert_eq!(found("@logStream"), expected);
    assert_eq!(found("traceId").get("firstEventTime"), None, "which events have one is not known");
    put_policy(&plane, &json!({"Fields": ["user", "@@own", "old"]})).await;
    let custom = ["@own", "old", "user"].map(|name| index(name, "FIELD_INDEX", "CUSTOM"));
    assert_eq!(indexes(&plane, &["CUSTOM", "INACTIVE"]).await, custom);
    plane.clock.advance(10);
    put_policy(&plane, &json!({"FieldsV2": {"user": {"type": "FACET"}}})).await;
    let user = index("user", "FACET", "CUSTOM");
    let inactive = ["@own", "old"].map(|name| index(name, "FIELD_INDEX", "INACTIVE"));
    assert_eq!(indexes(&plane, &["INACTIVE"]).await, inactive);
    assert_eq!(indexes(&plane, &["CUSTOM"]).await, std::slice::from_ref(&user));
    plane.clock.advance(30 * DAY);
    assert_eq!(indexes(&plane, &["INACTIVE"]).await, inactive);
    plane.clock.advance(1);
    assert_eq!(indexes(&plane, &["CUSTOM", "INACTIVE"]).await, [user]);
}

#[tokio::test]
async fn indexes_of_many_groups_come_in_pages() {
    let plane = plane().await;
    let names: Vec<String> = (0..11).map(|n| format!("g{n:02}")).collect();
    for name in &names {
        plane.ok("CreateLogGroup", json!({"logGroupName": name})).await;
    }
    let first = plane.ok("DescribeFieldIndexes", json!({"logGroupIdentifiers": names})).await;
    assert_eq!(first["fieldIndexes"].as_array().unwrap().len(), 100);
    let next = json!({"logGroupIdentifiers": names, "nextToken": first["nextToken"]});
    let second = plane.ok("DescribeFieldIndexes", next).await;
    assert_eq!(second["fieldIndexes"].as_array().unwrap().len(), 10);
    assert_eq!(second.get("nextToken"), None);
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:g10";
    assert!(each(&second["fieldIndexes"], "logGroupIdentifier").iter().all(|found| *found == arn));
}

#[tokio::test]
async fn filter_index_leaves_out_groups_that_do_not_index_its_fields() {
    let plane = plane_with_stream().await;
    for group in ["h", "other"] {
        plane.ok("CreateLogGroup", json!({"logGroupName": group})).await;
        plane.ok("CreateLogStream", json!({"logGroupName": group, "logStreamName": "s"})).await;
    }
    let groups = ["g", "h", "other"];
    for group in groups {
        put_into(&plane, group, &json!({"user": "jo", "team": "core", "place": group}).to_string()).await;
    }
    let from = async |text: &str| values(&query(&plane, &groups, &format!("{text} | fields place")).await, "place");
    let listed = async |fields: &[&str]| {
        let answer = plane.ok("ListLogGroups", json!({"fieldIndexNames": fields})).await;
        each(&answer["logGroups"], "logGroupName").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(from("filterIndex user = 'jo'").await, [] as [&str; 0]);
    put_policy(&plane, &json!({"Fields": ["user", "team"]})).await;
    put_account_policy(&plane, "h", Some("LogGroupNamePrefix = \"h\""), &json!({"Fields": ["user"]})).await;
    assert_eq!(from("filterIndex user = 'jo'").await, ["g", "h"]);
    assert_eq!(from("filterIndex user = 'jo' and team = 'core'").await, ["g"]);
    let answer = query(&plane, &groups, "filterIndex user = 'jo'").await;
    assert_eq!(answer["statistics"]["logGroupsScanned"], 2.0);
    assert_eq!(from("filter user = 'jo'").await, groups);
    assert_eq!(from("filterIndex @logStream = 's'").await, groups, "indexed by default");
    // A query within a query asks for itself.
    assert_eq!(from("filter place in (filterIndex team = 'core' | fields place)").await, ["g"]);
    assert_eq!(listed(&["user"]).await, ["g", "h"]);
    assert_eq!(listed(&["user", "team"]).await, ["g"]);
    assert_eq!(listed(&["traceId"]).await, groups);
    // A field that left the policy does not count.
    plane.clock.advance(10);
    put_policy(&plane, &json!({"Fields": ["team"]})).await;
    assert_eq!(from("filterIndex user = 'jo'").await, ["h"]);
}
