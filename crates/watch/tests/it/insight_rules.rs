//! Contributor Insights: rules kept, and reports counted from stored log events.

use crate::plane::{NOW, Plane};
use model::time::MINUTE;
use model::{Scope, TimeRange, Timestamp};
use serde_json::{Value, json};
use watch::cloudwatch::insight_rule_metric;

/// A minute well before the plane's clock.
const START: i64 = NOW - 30 * MINUTE;

async fn plane() -> Plane {
    Plane::new(watch::operations()).await
}

fn scope() -> Scope {
    Scope { account: "123456789012".into(), region: "us-east-1".into() }
}

fn rule(groups: Value, contribution: Value, aggregate_on: &str) -> String {
    json!({
        "Schema": { "Name": "CloudWatchLogRule", "Version": 1 },
        "LogGroupNames": groups,
        "LogFormat": "JSON",
        "Contribution": contribution,
        "AggregateOn": aggregate_on,
    })
    .to_string()
}

fn count_by_ip() -> String {
    rule(json!(["/app/*"]), json!({ "Keys": ["$.ip"] }), "Count")
}

async fn put_rule(plane: &Plane, name: &str, definition: &str) {
    plane.ok("PutInsightRule", json!({ "RuleName": name, "RuleDefinition": definition })).await;
}

/// Stores lines, each with its minute after `START`.
async fn put_lines(plane: &Plane, group: &str, lines: &[(i64, Value)]) {
    plane.ok("CreateLogGroup", json!({ "logGroupName": group })).await;
    plane.ok("CreateLogStream", json!({ "logGroupName": group, "logStreamName": "s" })).await;
    let event =
        |(minute, line): &(i64, Value)| json!({ "timestamp": START + minute * MINUTE, "message": line.to_string() });
    let events: Vec<Value> = lines.iter().map(event).collect();
    plane.ok("PutLogEvents", json!({ "logGroupName": group, "logStreamName": "s", "logEvents": events })).await;
}

fn report_input(name: &str, more: Value) -> Value {
    let mut input = json!({
        "RuleName": name, "StartTime": START / 1000, "EndTime": (START + 10 * MINUTE) / 1000, "Period": 60,
    });
    for (key, value) in more.as_object().unwrap() {
        input[key] = value.clone();
    }
    input
}

fn keys(report: &Value) -> Vec<(&str, f64)> {
    let contributors = report["Contributors"].as_array().unwrap();
    contributors
        .iter()
        .map(|c| (c["Keys"][0].as_str().unwrap(), c["ApproximateAggregateValue"].as_f64().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_report_ranks_contributors_over_all_groups_of_the_rule() {
    let plane = plane().await;
    put_lines(
        &plane,
        "/app/a",
        &[
            (0, json!({ "ip": "10.0.0.1", "bytes": 5 })),
            (0, json!({ "ip": "10.0.0.2", "bytes": 100 })),
            (1, json!({ "ip": "10.0.0.1", "bytes": 5 })),
        ],
    )
    .await;
    put_lines(&plane, "/app/b", &[(1, json!({ "ip": "10.0.0.1", "bytes": 5 })), (2, json!("no object"))]).await;
    put_lines(&plane, "/other", &[(1, json!({ "ip": "10.0.0.9" }))]).await;
    put_rule(&plane, "by-ip", &count_by_ip()).await;

    let report = plane
        .ok("GetInsightRuleReport", report_input("by-ip", json!({ "Metrics": ["UniqueContributors", "Sum"] })))
        .await;
    assert_eq!(report["KeyLabels"], json!(["$.ip"]));
    assert_eq!(report["AggregationStatistic"], "Count");
    assert_eq!((&report["AggregateValue"], &report["ApproximateUniqueCount"]), (&json!(4.0), &json!(2)));
    assert_eq!(keys(&report), [("10.0.0.1", 3.0), ("10.0.0.2", 1.0)]);
    let times = report["Contributors"][0]["Datapoints"].as_array().unwrap();
    let values: Vec<_> = times.iter().map(|point| point["ApproximateValue"].as_f64().unwrap()).collect();
    assert_eq!(values, [1.0, 2.0]);
    assert_eq!(times[1]["Timestamp"].as_f64().unwrap() as i64, (START + MINUTE) / 1000);
    let points = report["MetricDatapoints"].as_array().unwrap();
    assert_eq!(points.len(), 2, "a period without a contribution is absent: {points:?}");
    assert_eq!((&points[0]["UniqueContributors"], &points[0]["Sum"]), (&json!(2.0), &json!(2.0)));
    assert!(points[0].get("Maximum").is_none(), "only what was asked for");

    let sum = rule(json!(["/app/a"]), json!({ "Keys": ["$.ip"], "ValueOf": "$.bytes" }), "Sum");
    put_rule(&plane, "by-bytes", &sum).await;
    let report = plane.ok("GetInsightRuleReport", report_input("by-bytes", json!({ "MaxContributorCount": 1 }))).await;
    assert_eq!(keys(&report), [("10.0.0.2", 100.0)]);
    assert_eq!(report["AggregateValue"], json!(110.0));
    assert!(report.get("MetricDatapoints").is_none());

    let range = TimeRange::new(Timestamp(START), Timestamp(START + 10 * MINUTE));
    let points =
        insight_rule_metric(&plane.watch, &scope(), "by-bytes", "MaxContributorValue", range, MINUTE).await.unwrap();
    assert_eq!(points, [(Timestamp(START), 100.0), (Timestamp(START + MINUTE), 5.0)]);
    let error = insight_rule_metric(&plane.watch, &scope(), "by-bytes", "p99", range, MINUTE).await.unwrap_err();
    assert!(error.message().contains("p99"), "{error}");
}

#[tokio::test]
async fn a_disabled_rule_has_seen_nothing_since_and_a_deleted_stream_is_not_counted() {
    let plane = plane().await;
    put_rule(&plane, "by-ip", &count_by_ip()).await;
    put_lines(&plane, "/app/a", &[(0, json!({ "ip": "a" }))]).await;
    let total =
        async || plane.ok("GetInsightRuleReport", report_input("by-ip", json!({}))).await["AggregateValue"].clone();
    assert_eq!(total().await, json!(1.0));
    let failed = plane.ok("DisableInsightRules", json!({ "RuleNames": ["by-ip", "absent"] })).await;
    assert_eq!(failed["Failures"].as_array().unwrap().len(), 1);
    assert_eq!(failed["Failures"][0]["FailureResource"], "absent");
    assert_eq!(total().await, json!(1.0), "it was enabled then");
    let later = json!({ "StartTime": NOW / 1000, "EndTime": NOW / 1000 + 600 });
    plane.clock.advance(5 * MINUTE);
    let late = json!({ "timestamp": NOW + 2 * MINUTE, "message": json!({ "ip": "late" }).to_string() });
    let put = json!({ "logGroupName": "/app/a", "logStreamName": "s", "logEvents": [late] });
    plane.ok("PutLogEvents", put).await;
    assert_eq!(
        plane.ok("GetInsightRuleReport", report_input("by-ip", later.clone())).await["AggregateValue"],
        json!(0.0)
    );
    plane.ok("EnableInsightRules", json!({ "RuleNames": ["by-ip"] })).await;
    assert_eq!(plane.ok("GetInsightRuleReport", report_input("by-ip", later)).await["AggregateValue"], json!(1.0));
    plane.ok("DeleteLogStream", json!({ "logGroupName": "/app/a", "logStreamName": "s" })).await;
    assert_eq!(total().await, json!(0.0));
}

#[tokio::test]
async fn rules_are_listed_in_pages_tagged_and_deleted() {
    let plane = plane().await;
    for name in ["c", "a", "b"] {
        let input = json!({
            "RuleName": name, "RuleState": "DISABLED", "RuleDefinition": count_by_ip(), "Tags": [{ "Key": "k", "Value": name }],
        });
        plane.ok("PutInsightRule", input).await;
    }
    let page = plane.ok("DescribeInsightRules", json!({ "MaxResults": 2 })).await;
    let rules = page["InsightRules"].as_array().unwrap();
    assert_eq!((&rules[0]["Name"], &rules[1]["Name"]), (&json!("a"), &json!("b")));
    assert_eq!((&rules[0]["State"], &rules[0]["Definition"]), (&json!("DISABLED"), &json!(count_by_ip())));
    let page = plane.ok("DescribeInsightRules", json!({ "MaxResults": 2, "NextToken": page["NextToken"] })).await;
    assert_eq!(page["InsightRules"][0]["Name"], "c");
    assert!(page.get("NextToken").is_none());
    assert_eq!(plane.refused("DescribeInsightRules", json!({ "NextToken": "x" })).await.0, "InvalidNextToken");

    put_rule(&plane, "a", &rule(json!(["x"]), json!({ "Keys": ["$.a"] }), "Count")).await;
    let page = plane.ok("DescribeInsightRules", json!({})).await;
    assert_eq!(page["InsightRules"][0]["State"], "DISABLED", "a rule keeps its state when none is given");
    let arn = "arn:aws:cloudwatch:us-east-1:123456789012:insight-rule/a";
    plane.ok("TagResource", json!({ "ResourceARN": arn, "Tags": [{ "Key": "l", "Value": "2" }] })).await;
    let tags = plane.ok("ListTagsForResource", json!({ "ResourceARN": arn })).await;
    assert_eq!(tags["Tags"], json!([{ "Key": "k", "Value": "a" }, { "Key": "l", "Value": "2" }]));
    let failed = plane.ok("DeleteInsightRules", json!({ "RuleNames": ["a", "absent"] })).await;
    assert_eq!(failed["Failures"][0]["FailureResource"], "absent");
    assert_eq!(
        plane.refused("ListTagsForResource", json!({ "ResourceARN": arn })).await.0,
        "ResourceNotFoundException"
    );
    put_rule(&plane, "a", &count_by_ip()).await;
    let tags = plane.ok("ListTagsForResource", json!({ "ResourceARN": arn })).await;
    assert_eq!(tags["Tags"], json!([]), "tags went with the rule");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let plane = plane().await;
    let refusal = plane.refused("PutInsightRule", json!({ "RuleName": "r", "RuleDefinition": "{}" })).await;
    assert_eq!(refusal.0, "InvalidParameterValueException");
    assert!(refusal.1.contains("RuleDefinition"), "{refusal:?}");
    let state = json!({ "RuleName": "r", "RuleDefinition": count_by_ip(), "RuleState": "ON" });
    assert!(plane.refused("PutInsightRule", state).await.1.contains("RuleState"));
    assert_eq!(
        plane.refused("GetInsightRuleReport", report_input("r", json!({}))).await.0,
        "ResourceNotFoundException"
    );
    put_rule(&plane, "r", &count_by_ip()).await;
    for (more, part) in [
        (json!({ "MaxContributorCount": 0 }), "MaxContributorCount"),
        (json!({ "MaxContributorCount": 101 }), "MaxContributorCount"),
        (json!({ "OrderBy": "Minimum" }), "OrderBy"),
        (json!({ "Metrics": ["p99"] }), "Metrics"),
        (json!({ "EndTime": START / 1000 }), "StartTime"),
        (json!({ "Period": 61 }), "Period"),
        (json!({ "EndTime": START / 1000 + 1441 * 60 }), "1440 periods"),
    ] {
        let refusal = plane.refused("GetInsightRuleReport", report_input("r", more)).await;
        assert_eq!(refusal.0, "InvalidParameterValueException");
        assert!(refusal.1.contains(part), "{refusal:?}");
    }
    for number in 1..100 {
        put_rule(&plane, &format!("r{number}"), &count_by_ip()).await;
    }
    let full =
        plane.refused("PutInsightRule", json!({ "RuleName": "one-more", "RuleDefinition": count_by_ip() })).await;
    assert_eq!(full.0, "LimitExceededException");
    put_rule(&plane, "r", &count_by_ip()).await;
}

#[tokio::test]
async fn contributors_of_a_protected_group_are_masked() {
    let plane = plane().await;
    let identifier = json!(["arn:aws:dataprotection::aws:data-identifier/EmailAddress"]);
    let document = json!({
        "Name": "p",
        "Version": "2021-06-01",
        "Statement": [
            {"DataIdentifier": identifier, "Operation": {"Audit": {"FindingsDestination": {}}}},
            {"DataIdentifier": identifier, "Operation": {"Deidentify": {"MaskConfig": {}}}}
        ]
    });
    plane.ok("CreateLogGroup", json!({ "logGroupName": "/app/a" })).await;
    plane.ok("CreateLogStream", json!({ "logGroupName": "/app/a", "logStreamName": "s" })).await;
    let put = async |lines: &[Value]| {
        let event = |line: &Value| json!({ "timestamp": START, "message": line.to_string() });
        let events: Vec<Value> = lines.iter().map(event).collect();
        plane.ok("PutLogEvents", json!({ "logGroupName": "/app/a", "logStreamName": "s", "logEvents": events })).await;
    };
    put(&[json!({ "ip": "old@b.co" })]).await;
    plane.clock.advance(10);
    let input = json!({ "logGroupIdentifier": "/app/a", "policyDocument": document.to_string() });
    plane.ok("PutDataProtectionPolicy", input).await;
    put(&[json!({ "ip": "a@b.co" }), json!({ "ip": "c@d.co" }), json!({ "ip": "10.0.0.1" })]).await;
    put_rule(&plane, "by-ip", &count_by_ip()).await;
    let report = plane.ok("GetInsightRuleReport", report_input("by-ip", json!({}))).await;
    assert_eq!(keys(&report), [("******", 2.0), ("10.0.0.1", 1.0), ("old@b.co", 1.0)]);
    // Neither what a filter lets through nor what it leaves out tells what is masked.
    for (filter, expected) in [
        (json!({ "Match": "$.ip", "In": ["a@b.co"] }), vec![]),
        (json!({ "Match": "$.ip", "NotIn": ["a@b.co", "10.0.0.1", "old@b.co"] }), vec![("******", 2.0)]),
        (json!({ "Match": "$.ip", "In": ["******"] }), vec![("******", 2.0)]),
        (json!({ "Match": "$.ip", "StartsWith": ["a@"] }), vec![]),
        (json!({ "Match": "$.ip", "In": ["old@b.co"] }), vec![("old@b.co", 1.0)]),
    ] {
        let contribution = json!({ "Keys": ["$.ip"], "Filters": [filter] });
        put_rule(&plane, "filtered", &rule(json!(["/app/*"]), contribution, "Count")).await;
        let report = plane.ok("GetInsightRuleReport", report_input("filtered", json!({}))).await;
        assert_eq!(keys(&report), expected, "{filter}");
    }
}

/// Flow logs: fields by name and by place, two keys, a sum of one, a filter on another, as AWS's sample rule has it.
#[tokio::test]
async fn a_rule_on_words_sums_what_was_rejected() {
    let plane = plane().await;
    plane.ok("CreateLogGroup", json!({ "logGroupName": "flows" })).await;
    plane.ok("CreateLogStream", json!({ "logGroupName": "flows", "logStreamName": "s" })).await;
    let lines = [
        "2 1 eni-1 10.0.0.1 10.0.1.1 5000 443 6 9 700 1 2 REJECT OK",
        "2 1 eni-1 10.0.0.2 10.0.1.1 5000 443 6 9 900 1 2 REJECT OK",
        "2 1 eni-1 10.0.0.1 10.0.1.1 5000 443 6 9 300 1 2 REJECT OK",
        "2 1 eni-1 10.0.0.1 10.0.1.1 5000 443 6 9 9999 1 2 ACCEPT OK",
        "2 1 eni-1 - - - - - - - 1 2 - NODATA",
        "{\"srcaddr\": \"10.0.0.1\"}",
    ];
    let event =
        |(minute, line): (usize, &&str)| json!({ "timestamp": START + minute as i64 * MINUTE, "message": line });
    let events: Vec<Value> = lines.iter().enumerate().map(event).collect();
    plane.ok("PutLogEvents", json!({ "logGroupName": "flows", "logStreamName": "s", "logEvents": events })).await;
    let definition = json!({
        "Schema": { "Name": "CloudWatchLogRule", "Version": 1 }, "LogGroupNames": ["flow*"], "LogFormat": "CLF",
        "Fields": { "4": "srcaddr", "10": "bytes" }, "AggregateOn": "Sum",
        "Contribution": {
            "Keys": ["srcaddr", "5"], "ValueOf": "bytes", "Filters": [{ "Match": "13", "In": ["REJECT"] }],
        },
    });
    put_rule(&plane, "rejected", &definition.to_string()).await;
    let report = plane.ok("GetInsightRuleReport", report_input("rejected", json!({}))).await;
    assert_eq!(report["KeyLabels"], json!(["srcaddr", "5"]));
    assert_eq!(
        (report["AggregationStatistic"].as_str(), report["AggregateValue"].as_f64()),
        (Some("Sum"), Some(1900.0))
    );
    assert_eq!(keys(&report), [("10.0.0.1", 1000.0), ("10.0.0.2", 900.0)]);
    assert_eq!(report["Contributors"][0]["Keys"], json!(["10.0.0.1", "10.0.1.1"]));
}
