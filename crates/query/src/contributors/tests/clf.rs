//! Rules on words: the samples of the user guide ("Contributor Insights rule examples", Lambda's runtime versions), and what
//! they make of lines as the services write them.

use super::*;

fn clf(fields: Value, contribution: Value, aggregate_on: &str) -> Rule {
    parse(json!({ "LogFormat": "CLF", "Fields": fields, "Contribution": contribution, "AggregateOn": aggregate_on }))
}

/// Version 2 of VPC flow logs.
fn flow(source: &str, destination: &str, port: &str, bytes: &str, action: &str) -> String {
    format!("2 123456789012 eni-0a {source} {destination} 49152 {port} 6 20 {bytes} 1700000000 1700000060 {action} OK")
}

#[test]
fn bytes_by_source_and_destination() {
    let fields = json!({ "4": "srcaddr", "5": "dstaddr", "10": "bytes" });
    let rule = clf(fields, json!({ "Keys": ["srcaddr", "dstaddr"], "ValueOf": "bytes", "Filters": [] }), "Sum");
    assert_eq!(rule.key_labels, ["srcaddr", "dstaddr"]);
    let of = |bytes: &str| rule.apply(&flow("10.0.0.1", "10.0.0.2", "443", bytes, "ACCEPT"));
    assert_eq!(of("4249"), Some(contribution(&["10.0.0.1", "10.0.0.2"], 4249.0)));
    assert_eq!(of("0"), Some(contribution(&["10.0.0.1", "10.0.0.2"], 0.0)));
    assert_eq!(of("-"), None, "NODATA has no bytes");
    let mut tally = Tally::default();
    for (source, destination, bytes) in [("a", "x", "10"), ("b", "x", "7"), ("a", "y", "1"), ("a", "x", "5")] {
        tally.add(0, rule.apply(&flow(source, destination, "443", bytes, "ACCEPT")).unwrap());
    }
    let report = tally.report(OrderBy::Sum, 10);
    let ranked: Vec<(Vec<String>, f64)> = report.contributors.into_iter().map(|c| (c.keys, c.total)).collect();
    let keys = |source: &str, destination: &str| vec![source.to_owned(), destination.to_owned()];
    assert_eq!(ranked, [(keys("a", "x"), 15.0), (keys("b", "x"), 7.0), (keys("a", "y"), 1.0)]);
    assert_eq!((report.aggregate, report.unique_contributors), (23.0, 3.0));
}

#[test]
fn rejected_connections_by_four_keys_some_of_them_places() {
    let fields = json!({ "4": "srcaddr", "5": "dstaddr", "13": "action" });
    let filters = json!([{ "Match": "action", "In": ["REJECT"] }, { "Match": "8", "EqualTo": 6 }]);
    let rule = clf(fields, json!({ "Keys": ["srcaddr", "dstaddr", "7", "3"], "Filters": filters }), "Count");
    let rejected = flow("10.0.0.1", "10.0.0.2", "22", "40", "REJECT");
    assert_eq!(rule.apply(&rejected), Some(contribution(&["10.0.0.1", "10.0.0.2", "22", "eni-0a"], 1.0)));
    assert_eq!(rule.apply(&rejected.replace("REJECT", "ACCEPT")), None);
    assert_eq!(rule.apply(&rejected.replace("REJECT", "reject")), None, "case counts");
    assert_eq!(rule.apply(&rejected.replace(" 6 20 ", " 17 20 ")), None, "another protocol");
}

#[test]
fn fields_without_a_name_and_the_same_field_by_both() {
    let filters = json!([{ "Match": "10", "GreaterThan": 1000 }, { "Match": "bytes", "LessThan": 5000.5 }]);
    let rule = clf(json!({ "10": "bytes" }), json!({ "Keys": ["4"], "ValueOf": "10", "Filters": filters }), "Sum");
    let of = |bytes: &str| rule.apply(&flow("a", "x", "443", bytes, "ACCEPT")).map(|found| found.value);
    assert_eq!((of("1001"), of("5000"), of("1000"), of("5001")), (Some(1001.0), Some(5000.0), None, None));
    // Nothing named at all.
    let rule = parse(json!({ "LogFormat": "CLF", "Contribution": { "Keys": ["1", "3"] } }));
    assert_eq!(rule.apply("a b c"), Some(contribution(&["a", "c"], 1.0)));
    assert_eq!(rule.apply("a b"), None, "there is no third");
}

#[test]
fn a_field_that_later_versions_of_a_line_have() {
    let rule = clf(json!({ "23": "tcp-flag" }), json!({ "Keys": ["tcp-flag"], "Filters": [] }), "Count");
    let words = |count: usize| (1..=count).map(|word| format!("w{word}")).collect::<Vec<String>>().join(" ");
    assert_eq!(rule.apply(&words(23)), Some(contribution(&["w23"], 1.0)));
    assert_eq!(rule.apply(&words(22)), None);
}

#[test]
fn runtime_versions_of_lambda_lie_between_tabs() {
    let fields = json!({ "1": "eventType", "4": "runtimeVersion", "8": "runtimeVersionArn" });
    let filters = json!([{ "Match": "eventType", "In": ["INIT_START"] }]);
    let rule = clf(fields, json!({ "Keys": ["runtimeVersion", "runtimeVersionArn"], "Filters": filters }), "Count");
    let arn = "arn:aws:lambda:eu-west-1::runtime:abc";
    let line = format!("INIT_START Runtime Version: python:3.13.v14\tRuntime Version ARN: {arn}\n");
    assert_eq!(rule.apply(&line), Some(contribution(&["python:3.13.v14", arn], 1.0)));
    assert_eq!(rule.apply("START RequestId: 5f Version: $LATEST"), None);
}

#[test]
fn statuses_of_access_logs_are_numbers() {
    let fields = json!({ "1": "ip", "4": "time", "5": "request", "6": "status", "7": "bytes" });
    let of = |filter: Value| clf(fields.clone(), json!({ "Keys": ["ip"], "Filters": [filter] }), "Count");
    let line = |status: &str, bytes: &str| {
        format!("10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET /a b.html HTTP/1.0\" {status} {bytes}")
    };
    for (filter, status, holds) in [
        (json!({ "Match": "status", "GreaterThan": 499 }), "503", true),
        (json!({ "Match": "status", "GreaterThan": 499 }), "499", false),
        (json!({ "Match": "status", "NotEqualTo": 200 }), "304", true),
        (json!({ "Match": "status", "NotEqualTo": 200 }), "200", false),
        (json!({ "Match": "status", "NotEqualTo": 200 }), "-", false),
        (json!({ "Match": "status", "NotIn": ["200", "304"] }), "404", true),
        (json!({ "Match": "status", "NotIn": ["200", "304"] }), "304", false),
        (json!({ "Match": "status", "StartsWith": ["4", "5"] }), "404", true),
        (json!({ "Match": "status", "StartsWith": ["4", "5"] }), "204", false),
        (json!({ "Match": "request", "StartsWith": ["GET /a b"] }), "200", true),
        (json!({ "Match": "time", "StartsWith": ["10/Oct/2000"] }), "200", true),
        (json!({ "Match": "8", "IsPresent": false }), "200", true),
        (json!({ "Match": "7", "IsPresent": true }), "200", true),
        (json!({ "Match": "8", "IsPresent": true }), "200", false),
    ] {
        let found = of(filter.clone()).apply(&line(status, "2326"));
        assert_eq!(found.is_some(), holds, "{filter} {status}");
    }
}

#[test]
fn names_may_have_spaces_and_what_makes_no_sense_is_refused() {
    let fields = json!({ "1": "Date", "3": "Edge Location", "4": "Bytes Out" });
    let rule = clf(fields, json!({ "Keys": ["Edge Location"], "ValueOf": "Bytes Out", "Filters": [] }), "Sum");
    assert_eq!(rule.apply("2019-12-04\t21:02:31\tLAX1\t392"), Some(contribution(&["LAX1"], 392.0)));
    for (fields, contribution, part) in [
        (json!({ "x": "a" }), json!({ "Keys": ["a"] }), "counted from 1"),
        (json!({ "1": "a", "2": "a" }), json!({ "Keys": ["a"] }), "'a' twice"),
        (json!({ "1": "" }), json!({ "Keys": ["1"] }), "empty"),
        (json!({ "1": "a" }), json!({ "Keys": ["b"] }), "b is neither"),
        (json!({ "1": "a" }), json!({ "Keys": ["A"] }), "A is neither"),
        (json!({ "1": "a" }), json!({ "Keys": ["0"] }), "0 is neither"),
        (json!({ "1": "a" }), json!({ "Keys": ["a"], "Filters": [{ "Match": "c", "EqualTo": 1 }] }), "c is neither"),
    ] {
        let text = rule_text(fields.clone(), contribution);
        let error = Rule::parse(&text).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(part), "{fields}: {error}");
    }
}

fn rule_text(fields: Value, contribution: Value) -> String {
    super::rule(json!({ "LogFormat": "CLF", "Fields": fields, "Contribution": contribution })).to_string()
}
