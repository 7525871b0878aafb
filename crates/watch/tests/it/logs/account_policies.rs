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

#[tokio::test]
async fn a_metric_extraction_policy_switches_the_embedded_metric_format_off() {
    let plane = Plane::new(watch::operations()).await;
    for group in ["g", "kept"] {
        plane.ok("CreateLogGroup", json!({"logGroupName": group})).await;
        plane.ok("CreateLogStream", json!({"logGroupName": group, "logStreamName": "s"})).await;
    }
    let send = async |group: &str, metric: &str| {
        let directive = json!({"Namespace": "N", "Dimensions": [[]], "Metrics": [{"Name": metric}]});
        let document = json!({"_aws": {"Timestamp": NOW, "CloudWatchMetrics": [directive]}, (metric): 1});
        put_into(&plane, group, &document.to_string()).await;
    };
    let metrics = async || {
        let answer = plane.ok("ListMetrics", json!({"Namespace": "N"})).await;
        let names = each(&answer["Metrics"], "MetricName");
        names.into_iter().map(str::to_owned).collect::<std::collections::BTreeSet<_>>()
    };
    send("g", "before").await;
    let document = r#"{"EmbeddedMetricFormat":{"Status":"Disabled"}}"#;
    let off = policy("METRIC_EXTRACTION_POLICY", document, Some(r#"LogGroupNamePrefix NOT IN ["kept"]"#));
    plane.ok("PutAccountPolicy", off).await;
    send("g", "off").await;
    send("kept", "excluded").await;
    plane.ok("DeleteAccountPolicy", json!({"policyName": "p", "policyType": "METRIC_EXTRACTION_POLICY"})).await;
    send("g", "after").await;
    assert_eq!(metrics().await, ["after", "before", "excluded"].map(str::to_owned).into());
    assert_eq!(messages(&plane.ok("FilterLogEvents", json!({"logGroupName": "g"})).await).len(), 3, "all are stored");
    let nothing = policy("METRIC_EXTRACTION_POLICY", r#"{"Metrics":"off"}"#, None);
    assert_eq!(plane.refused("PutAccountPolicy", nothing).await.0, "InvalidParameterException");
}

fn retention(days: &str, mode: &str) -> String {
    format!(r#"{{"retentionInDays":{days},"enforcementMode":"{mode}"}}"#)
}

#[tokio::test]
async fn a_retention_policy_of_the_account_holds_a_day_after_it_was_put() {
    let plane = plane_with_stream().await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "other"})).await;
    plane.ok("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 7})).await;
    let shown = async |group: &str| {
        watch::maintain(&plane.watch).await;
        let groups = plane.ok("DescribeLogGroups", json!({"logGroupNamePrefix": group})).await;
        let group = &groups["logGroups"][0];
        (group["retentionInDays"].as_i64(), group["retentionPolicyName"].as_str().map(str::to_owned))
    };
    let named = |days: Option<i64>| (days, Some("p".to_owned()));
    put_into(&plane, "g", "kept for ten days").await;
    let put = |document: &str| policy("RETENTION_POLICY", document, Some("LogGroupNamePrefix = \"g\""));
    let made = plane.ok("PutAccountPolicy", put(&retention("30", "RETROACTIVE"))).await;
    assert_eq!(made["accountPolicy"]["policyType"], "RETENTION_POLICY");
    assert_eq!(shown("g").await, (Some(7), None));
    plane.clock.advance(86_400_000);
    assert_eq!((shown("g").await, shown("other").await), (named(Some(30)), (None, None)));
    plane.clock.advance(9 * 86_400_000);
    assert_eq!(read(&plane, "g").await, ["kept for ten days"], "the group's own seven days have no effect");
    // A change waits for a day too; what was there before holds meanwhile.
    plane.ok("PutAccountPolicy", put(&retention("\"NEVER_EXPIRE\"", "RETROACTIVE"))).await;
    assert_eq!(shown("g").await, named(Some(30)));
    plane.clock.advance(86_400_000);
    assert_eq!(shown("g").await, named(None));
    // A deletion does not, and the group says for itself again.
    plane.ok("DeleteAccountPolicy", json!({"policyName": "p", "policyType": "RETENTION_POLICY"})).await;
    assert_eq!(shown("g").await, (Some(7), None));
    // One for new groups only.
    plane.ok("PutAccountPolicy", put(&retention("60", "NEW_ONLY"))).await;
    plane.clock.advance(1);
    plane.ok("CreateLogGroup", json!({"logGroupName": "g2"})).await;
    plane.clock.advance(86_400_000);
    assert_eq!((shown("g").await, shown("g2").await), ((Some(7), None), named(Some(60))));
}

#[tokio::test]
async fn a_dry_run_counts_what_a_retention_policy_would_change_and_changes_nothing() {
    let plane = plane_with_stream().await;
    for (group, days) in [("g1", 7), ("g2", 90), ("g3", 30)] {
        plane.ok("CreateLogGroup", json!({"logGroupName": group})).await;
        plane.ok("PutRetentionPolicy", json!({"logGroupName": group, "retentionInDays": days})).await;
    }
    put_into(&plane, "g", "some bytes").await;
    let mut dry = policy("RETENTION_POLICY", &retention("30", "RETROACTIVE"), Some("LogGroupNamePrefix = \"g\""));
    dry["dryRun"] = json!(true);
    let answer = plane.ok("PutAccountPolicy", dry.clone()).await;
    assert_eq!(answer.get("accountPolicy"), None);
    let result = &answer["dryRunResult"];
    let count = |name: &str| result[name].as_i64().unwrap();
    assert_eq!(
        ["totalMatchedLogGroups", "increasedRetentionLogGroupCount", "decreasedRetentionLogGroupCount"].map(count),
        [4, 1, 2]
    );
    assert_eq!(["unchangedRetentionLogGroupCount", "failedAnalysisCount"].map(count), [1, 0]);
    let first = &result["topLogGroupsImpacted"][0];
    assert_eq!(
        (&first["logGroupName"], &first["currentRetention"], &first["proposedRetention"]),
        (&json!("g"), &json!("NEVER_EXPIRE"), &json!("30"))
    );
    assert_eq!(each(&result["topLogGroupsImpacted"], "logGroupName"), ["g", "g1", "g2", "g3"]);
    let all = json!({"policyType": "RETENTION_POLICY"});
    assert_eq!(plane.ok("DescribeAccountPolicies", all).await, json!({"accountPolicies": []}));
    let delete = json!({"policyName": "p", "policyType": "RETENTION_POLICY", "dryRun": true});
    assert_eq!(plane.refused("DeleteAccountPolicy", delete.clone()).await.0, "ResourceNotFoundException");
    dry["dryRun"] = json!(false);
    plane.ok("PutAccountPolicy", dry).await;
    plane.clock.advance(86_400_000);
    watch::maintain(&plane.watch).await;
    let result = plane.ok("DeleteAccountPolicy", delete).await;
    assert_eq!(result["dryRunResult"]["increasedRetentionLogGroupCount"], 2);
    let other = policy("TRANSFORMER_POLICY", "[]", None);
    let other = json!({"policyName": "p", "policyType": "TRANSFORMER_POLICY", "policyDocument": other["policyDocument"], "dryRun": true});
    assert_eq!(plane.refused("PutAccountPolicy", other).await.1, "dryRun is only supported for RETENTION_POLICY.");
}

#[tokio::test]
async fn names_that_begin_with_aws_are_awss_own() {
    let plane = plane_with_stream().await;
    let mut input = policy("FIELD_INDEX_POLICY", r#"{"Fields":["a"]}"#, None);
    input["policyName"] = json!("aws/p");
    let refusal = error("InvalidParameterException", "The policy name must not start with aws/.");
    assert_eq!(plane.refused("PutAccountPolicy", input.clone()).await, refusal);
    input["policyName"] = json!("awsp");
    plane.ok("PutAccountPolicy", input).await;
}
