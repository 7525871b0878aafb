mod clf;

use super::*;
use serde_json::{Value, json};

fn rule(more: Value) -> Value {
    let mut rule = json!({
        "Schema": { "Name": "CloudWatchLogRule", "Version": 1 },
        "LogGroupNames": ["API-Gateway-Access-Logs*", "Log-group-name2"],
        "LogFormat": "JSON",
        "Contribution": { "Keys": ["$.ip"], "Filters": [] },
        "AggregateOn": "Count",
    });
    for (key, value) in more.as_object().unwrap() {
        match value {
            Value::Null => drop(rule.as_object_mut().unwrap().remove(key)),
            value => rule[key] = value.clone(),
        }
    }
    rule
}

fn parse(more: Value) -> Rule {
    Rule::parse(&rule(more).to_string()).unwrap()
}

fn filtered(filter: Value) -> Rule {
    parse(json!({ "Contribution": { "Keys": ["$.ip"], "Filters": [filter] } }))
}

fn contribution(keys: &[&str], value: f64) -> Contribution {
    Contribution { keys: keys.iter().map(|key| (*key).to_owned()).collect(), value }
}

#[test]
fn a_sum_of_the_guide() {
    let rule = parse(json!({
        "Contribution": {
            "Keys": ["$.ip"], "ValueOf": "$.requestBytes", "Filters": [{ "Match": "$.httpMethod", "In": ["PUT"] }]
        },
        "AggregateOn": "Sum",
    }));
    assert_eq!(rule.key_labels, ["$.ip"]);
    let of = |line: Value| rule.apply(&line.to_string());
    let put = json!({ "ip": "10.0.0.1", "requestBytes": 512, "httpMethod": "PUT" });
    assert_eq!(of(put), Some(contribution(&["10.0.0.1"], 512.0)));
    assert_eq!(of(json!({ "ip": "a", "requestBytes": "7.5", "httpMethod": "PUT" })).unwrap().value, 7.5);
    for none in [
        json!({ "ip": "a", "requestBytes": 1, "httpMethod": "GET" }),
        json!({ "ip": "a", "requestBytes": 1 }),
        json!({ "ip": "a", "requestBytes": "many", "httpMethod": "PUT" }),
        json!({ "ip": "a", "requestBytes": "inf", "httpMethod": "PUT" }),
        json!({ "ip": "a", "httpMethod": "PUT" }),
        json!({ "ip": null, "requestBytes": 1, "httpMethod": "PUT" }),
        json!({ "ip": { "v4": "a" }, "requestBytes": 1, "httpMethod": "PUT" }),
    ] {
        assert_eq!(of(none.clone()), None, "{none}");
    }
    assert_eq!(rule.apply("PUT of no JSON"), None);
}

#[test]
fn common_log_format_by_place_and_by_name() {
    let rule = parse(json!({
        "LogFormat": "CLF", "Fields": { "4": "Time", "6": "StatusCode" },
        "Contribution": { "Keys": ["1", "5"], "Filters": [{ "Match": "StatusCode", "EqualTo": 200 }] },
    }));
    let line = |status| format!("10.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET /a.html HTTP/1.0\" {status} 2326");
    assert_eq!(rule.apply(&line(200)), Some(contribution(&["10.0.0.1", "GET /a.html HTTP/1.0"], 1.0)));
    assert_eq!(rule.apply(&line(404)), None);
    assert_eq!(rule.apply("10.0.0.1 too short"), None);
}

#[test]
fn every_operator_on_values_that_are_there_and_that_are_not() {
    let field = |value: Value| json!({ "ip": "a", "f": value }).to_string();
    let absent = json!({ "ip": "a" }).to_string();
    for (operator, operand, holds, fails, when_absent) in [
        ("In", json!(["x", "200"]), json!(200), json!("y"), false),
        ("NotIn", json!(["x"]), json!("y"), json!("x"), false),
        ("StartsWith", json!(["ec2", "ecs"]), json!("ecs.amazonaws.com"), json!("s3"), false),
        ("GreaterThan", json!(10), json!(10.5), json!(10), false),
        ("LessThan", json!(10), json!("9"), json!("nine"), false),
        ("EqualTo", json!(200), json!(2e2), json!(201), false),
        ("NotEqualTo", json!(200), json!(201), json!(200), false),
        ("IsPresent", json!(true), json!(null), json!({ "c1": 1 }), false),
        ("IsPresent", json!(false), json!([1]), json!(0), true),
    ] {
        let rule = filtered(json!({ "Match": "$.f", operator: operand }));
        assert!(rule.apply(&field(holds.clone())).is_some(), "{operator} {holds}");
        assert!(rule.apply(&field(fails.clone())).is_none(), "{operator} {fails}");
        assert_eq!(rule.apply(&absent).is_some(), when_absent, "{operator}");
    }
}

#[test]
fn selectors_reach_into_objects_and_arrays() {
    let rule = parse(json!({
        "Contribution": { "Keys": ["$.users[1].name", "$.a.b-c", "$[\"odd.key\"]", "$.t"] },
    }));
    let line =
        json!({ "users": [{ "name": "x" }, { "name": "y" }], "a": { "b-c": 1.50 }, "odd.key": true, "t": "\u{e9}" });
    assert_eq!(rule.apply(&line.to_string()), Some(contribution(&["y", "1.5", "true", "\u{e9}"], 1.0)));
}

#[test]
fn rules_that_make_no_sense_say_why() {
    for (more, part) in [
        (json!({ "Schema": { "Name": "X", "Version": 1 } }), "Schema must be"),
        (json!({ "Schema": { "Name": "CloudWatchLogRule", "Version": 2 } }), "Schema must be"),
        (json!({ "LogGroupNames": null }), "exactly one of"),
        (json!({ "LogGroupARNs": ["arn:aws:logs:r:*:log-group/x"] }), "exactly one of"),
        (json!({ "LogGroupNames": [] }), "must not be empty"),
        (json!({ "LogGroupNames": ["a*b"] }), "a*b is no log group"),
        (json!({ "LogGroupNames": null, "LogGroupARNs": ["x"] }), "x is no log group"),
        (json!({ "LogFormat": "XML" }), "LogFormat must be"),
        (json!({ "Fields": { "1": "a" } }), "CLF only"),
        (json!({ "LogFormat": "CLF", "Fields": { "0": "a" } }), "counted from 1"),
        (json!({ "LogFormat": "CLF" }), "$.ip is neither"),
        (json!({ "AggregateOn": "Avg" }), "AggregateOn must be"),
        (json!({ "AggregateOn": "Sum" }), "ValueOf is required"),
        (json!({ "Contribution": { "Keys": ["$.a"], "ValueOf": "$.b" } }), "for AggregateOn Sum only"),
        (json!({ "Contribution": { "Keys": [] } }), "1 to 4"),
        (json!({ "Contribution": { "Keys": ["$.a", "$.b", "$.c", "$.d", "$.e"] } }), "1 to 4"),
        (json!({ "Contribution": { "Keys": ["ip"] } }), "ip is no field"),
        (json!({ "Contribution": { "Keys": ["$.a..b"] } }), "is no field"),
        (json!({ "Contribution": { "Keys": ["$.a[x]"] } }), "is no field"),
        (json!({ "Contribution": { "Keys": ["$.a"], "Key": 1 } }), "unknown field `Key`"),
        (json!({ "Contribution": { "Keys": ["$.a"], "Filters": [{ "In": ["x"] }] } }), "Match"),
        (json!({ "Contribution": { "Keys": ["$.a"], "Filters": [{ "Match": "$.a" }] } }), "exactly one operator"),
        (
            json!({ "Contribution": { "Keys": ["$.a"], "Filters": [{ "Match": "$.a", "In": ["x"], "EqualTo": 1 }] } }),
            "exactly one operator",
        ),
        (
            json!({ "Contribution": { "Keys": ["$.a"], "Filters": [{ "Match": "$.a", "Like": 1 }] } }),
            "no operator Like",
        ),
        (json!({ "Contribution": { "Keys": ["$.a"], "Filters": [{ "Match": "$.a", "In": [1] }] } }), "strings"),
        (
            json!({ "Contribution": { "Keys": ["$.a"], "Filters": [{ "Match": "$.a", "In": vec!["x"; 11] }] } }),
            "1 to 10",
        ),
        (json!({ "Contribution": { "Keys": ["$.a"], "Filters": [{ "Match": "$.a", "EqualTo": "1" }] } }), "a number"),
        (
            json!({ "Contribution": { "Keys": ["$.a"], "Filters": [{ "Match": "$.a", "IsPresent": 1 }] } }),
            "true or false",
        ),
    ] {
        let error = Rule::parse(&rule(more.clone()).to_string()).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(part), "{more}: {error}");
    }
    for text in ["", "[]", "{}", "nul", &"[".repeat(8000), &" ".repeat(9000)] {
        assert!(Rule::parse(text).is_err());
    }
}

#[test]
fn a_line_that_contributes_has_what_is_required() {
    let rule = parse(json!({
        "Contribution": {
            "Keys": ["$.ip"],
            "Filters": [{ "Match": "$.m", "In": ["PUT", "GET"] }, { "Match": "$.x", "IsPresent": false }],
        },
    }));
    let clauses = rule.required_clauses();
    assert_eq!(clauses.len(), 3, "{clauses:?}");
    for line in [r#"{"ip":"a","m":"PUT"}"#, r#"{"ip":"a","m":"GET"}"#, r#"{"\u0069p":"a","m":"P\u0055T"}"#] {
        assert!(rule.apply(line).is_some(), "{line}");
        for clause in &clauses {
            assert!(clause.iter().any(|literal| line.contains(literal)), "{line}: {clause:?}");
        }
    }
    let odd = filtered(json!({ "Match": "$[\"a/b\"]", "In": ["x/y"] }));
    assert_eq!(odd.required_clauses().len(), 1, "a slash may be written as an escape: {odd:?}");
}

#[test]
fn contributors_are_ranked_and_periods_add_up() {
    let mut tally = Tally::default();
    for (period, key, value) in
        [(0, "a", 5.0), (0, "b", 1.0), (2, "b", 5.0), (2, "a", 2.0), (2, "a", 1.0), (0, "c", 8.0)]
    {
        tally.add(period, contribution(&[key], value));
    }
    let report = tally.report(OrderBy::Sum, 2);
    assert_eq!((report.aggregate, report.unique_contributors), (22.0, 3.0));
    let ranked: Vec<_> = report.contributors.iter().map(|c| (c.keys[0].as_str(), c.total)).collect();
    assert_eq!(ranked, [("a", 8.0), ("c", 8.0)], "ties by key");
    assert_eq!(report.contributors[0].periods, [(0, 5.0), (2, 3.0)]);
    let period = &report.periods[&2];
    assert_eq!((period.sample_count, period.sum, period.minimum, period.maximum), (3.0, 8.0, 1.0, 5.0));
    assert_eq!((period.unique_contributors, period.max_contributor_value), (2.0, 5.0));
    assert_eq!(period.average(), 8.0 / 3.0);
    assert!(!report.periods.contains_key(&1));
}

#[test]
fn by_maximum_one_high_period_beats_a_high_total() {
    let mut tally = Tally::default();
    for period in 0..10 {
        tally.add(period, contribution(&["steady"], 2.0));
    }
    tally.add(3, contribution(&["burst"], 9.0));
    let report = tally.report(OrderBy::Maximum, 1);
    assert_eq!(report.contributors[0].keys, ["burst"]);
}

#[test]
fn a_full_tally_keeps_the_largest_and_all_sums() {
    let mut tally = Tally::with_bytes_max(100_000);
    for number in 0..20_000 {
        tally.add(0, contribution(&["whale"], 1.0));
        tally.add(0, contribution(&[&format!("small-{number}")], 1.0));
    }
    let report = tally.report(OrderBy::Sum, 3);
    assert_eq!(
        report.contributors[0],
        Contributor { keys: vec!["whale".into()], total: 20_000.0, periods: vec![(0, 20_000.0)] }
    );
    assert_eq!(report.aggregate, 40_000.0);
    assert_eq!(report.periods[&0].sample_count, 40_000.0);
    let off = |count: f64| (count / 20_001.0 - 1.0).abs();
    assert!(off(report.unique_contributors) < 0.05, "{}", report.unique_contributors);
    assert!(off(report.periods[&0].unique_contributors) < 0.12, "{}", report.periods[&0].unique_contributors);
}

#[test]
fn long_keys_are_cut_at_a_character() {
    let rule = parse(json!({}));
    let line = json!({ "ip": "\u{20ac}".repeat(1000) }).to_string();
    let keys = rule.apply(&line).unwrap().keys;
    assert_eq!(keys[0].len(), 1023, "341 characters of three bytes");
}
