//! Account policies of data protection and of transformers, in force.

use super::*;

fn protection(identifier: &str, findings: Value) -> String {
    let identifiers = [format!("arn:aws:dataprotection::aws:data-identifier/{identifier}")];
    json!({
        "Name": "p",
        "Version": "2021-06-01",
        "Statement": [
            {"DataIdentifier": identifiers, "Operation": {"Audit": {"FindingsDestination": findings}}},
            {"DataIdentifier": identifiers, "Operation": {"Deidentify": {"MaskConfig": {}}}}
        ]
    })
    .to_string()
}

fn policy(kind: &str, document: &str, criteria: Option<&str>) -> Value {
    let mut policy = json!({"policyName": "p", "policyType": kind, "policyDocument": document});
    if let Some(criteria) = criteria {
        policy["selectionCriteria"] = json!(criteria);
    }
    policy
}

async fn read(plane: &Plane, group: &str) -> Vec<String> {
    let input = json!({"logGroupName": group, "logStreamName": "s", "startFromHead": true});
    messages(&plane.ok("GetLogEvents", input).await).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_data_protection_policy_of_the_account_masks_in_every_group() {
    let plane = plane_with_stream().await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "audit"})).await;
    let line = "a@b.co, ssn 123-45-6789";
    let inherited = async || {
        let groups = plane.ok("DescribeLogGroups", json!({"logGroupNamePrefix": "g"})).await;
        groups["logGroups"][0].get("inheritedProperties").cloned()
    };
    put(&plane, "s", &[(0, line)]).await;
    assert_eq!((read(&plane, "g").await, inherited().await), (vec![line.to_owned()], None));
    plane.clock.advance(10);
    let findings = json!({"CloudWatchLogs": {"LogGroup": "audit"}});
    let of_account = policy("DATA_PROTECTION_POLICY", &protection("EmailAddress", findings), None);
    plane.ok("PutAccountPolicy", of_account.clone()).await;
    assert_eq!(inherited().await, Some(json!(["ACCOUNT_DATA_PROTECTION"])));
    put(&plane, "s", &[(1, line)]).await;
    // Groups that are made later count as well.
    plane.ok("CreateLogGroup", json!({"logGroupName": "later"})).await;
    plane.ok("CreateLogStream", json!({"logGroupName": "later", "logStreamName": "s"})).await;
    put_into(&plane, "later", line).await;
    assert_eq!(read(&plane, "later").await, ["******, ssn 123-45-6789"]);
    let found = plane.ok("FilterLogEvents", json!({"logGroupName": "audit", "unmask": true})).await;
    assert_eq!(each(&found["events"], "logStreamName"), ["g", "later"]);
    plane.clock.advance(10);
    // Both policies together.
    let own = json!({"logGroupIdentifier": "g", "policyDocument": protection("Ssn-US", json!({}))});
    plane.ok("PutDataProtectionPolicy", own).await;
    put(&plane, "s", &[(2, line)]).await;
    plane.clock.advance(10);
    // What was masked stays masked.
    plane.ok("DeleteAccountPolicy", json!({"policyName": "p", "policyType": "DATA_PROTECTION_POLICY"})).await;
    put(&plane, "s", &[(3, line)]).await;
    let shown = [line, "******, ssn 123-45-6789", "******, ssn ***********", "a@b.co, ssn ***********"];
    assert_eq!(read(&plane, "g").await, shown);
    assert_eq!(inherited().await, None);
}

#[tokio::test]
async fn policies_that_cannot_be_followed_are_refused() {
    let plane = plane_with_stream().await;
    let refused =
        async |kind: &str, document: &str| plane.refused("PutAccountPolicy", policy(kind, document, None)).await;
    let unknown = protection("PhoneNumber", json!({}));
    assert_eq!(
        refused("DATA_PROTECTION_POLICY", &unknown).await,
        error(
            "InvalidParameterException",
            "arn:aws:dataprotection::aws:data-identifier/PhoneNumber is not a valid Data Identifier"
        )
    );
    let findings = protection("EmailAddress", json!({"CloudWatchLogs": {"LogGroup": "absent"}}));
    assert_eq!(
        refused("DATA_PROTECTION_POLICY", &findings).await,
        error("InvalidParameterException", "The log group absent of FindingsDestination does not exist")
    );
    assert_eq!(
        refused("TRANSFORMER_POLICY", r#"[{"trimString":{"withKeys":["a"]}}]"#).await,
        error("InvalidParameterException", "The first processor of a transformer must be a parser")
    );
    let all = plane.ok("DescribeAccountPolicies", json!({"policyType": "TRANSFORMER_POLICY"})).await;
    assert_eq!(all, json!({"accountPolicies": []}));
}

#[tokio::test]
async fn a_transformer_of_the_account_holds_for_groups_without_their_own() {
    let plane = plane_with_stream().await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "other"})).await;
    plane.ok("CreateLogStream", json!({"logGroupName": "other", "logStreamName": "s"})).await;
    put_into(&plane, "g", "early,1").await;
    let names = async |group: &str| values(&query(&plane, &[group], "fields name, own").await, "name");
    assert_eq!(names("g").await, [] as [&str; 0]);
    plane.clock.advance(10);
    let document = r#"[{"csv":{"columns":["name","count"]}}]"#;
    let of_account = policy("TRANSFORMER_POLICY", document, Some("LogGroupNamePrefix = \"g\""));
    plane.ok("PutAccountPolicy", of_account.clone()).await;
    put_into(&plane, "g", "first,1").await;
    put_into(&plane, "other", "elsewhere,1").await;
    assert_eq!(names("g").await, ["first"], "what came before is as it came");
    assert_eq!(names("other").await, [] as [&str; 0]);
    assert_eq!(plane.ok("GetTransformer", json!({"logGroupIdentifier": "g"})).await, json!({}));
    // Put again, it still holds for what came since there is one.
    plane.clock.advance(10);
    plane.ok("PutAccountPolicy", of_account).await;
    assert_eq!(names("g").await, ["first"]);
    plane.clock.advance(10);
    let own = json!({"logGroupIdentifier": "g", "transformerConfig": [{"csv": {"columns": ["own"]}}]});
    plane.ok("PutTransformer", own).await;
    put_into(&plane, "g", "second,1").await;
    assert_eq!(names("g").await, [] as [&str; 0]);
    assert_eq!(values(&query(&plane, &["g"], "fields own").await, "own"), ["second"]);
    plane.ok("DeleteTransformer", json!({"logGroupIdentifier": "g"})).await;
    assert_eq!(names("g").await, ["first", "second"]);
    plane.ok("DeleteAccountPolicy", json!({"policyName": "p", "policyType": "TRANSFORMER_POLICY"})).await;
    assert_eq!(names("g").await, [] as [&str; 0]);
}
