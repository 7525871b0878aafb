//! Rows of real dashboards, and rows that AWS refuses.

use super::*;
use serde_json::json;

const DEFAULTS: Defaults<'_> = Defaults { stat: "Average", period: 300 };

fn parsed(rows: &Value) -> Vec<Row> {
    let mut findings = Findings::default();
    let parsed = parse(rows.as_array().unwrap(), DEFAULTS, "/metrics", &mut findings);
    assert_eq!(findings, Findings::default(), "{rows}");
    parsed
}

fn errors(rows: &Value) -> Vec<(String, String)> {
    let mut findings = Findings::default();
    parse(rows.as_array().unwrap(), DEFAULTS, "/metrics", &mut findings);
    findings.errors.into_iter().map(|finding| (finding.path, finding.message)).collect()
}

fn metric(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Source {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Source::Metric { namespace: namespace.into(), name: name.into(), dimensions: dimensions.iter().map(pair).collect() }
}

#[test]
fn shorthand_is_made_long() {
    // The examples of AWS' page, and rows of real dashboards.
    let rows = parsed(&json!([
        ["AWS/EC2", "DiskReadBytes", "InstanceId", "i-1234"],
        [".", ".", ".", "i-abcd"],
        [{ "expression": "SUM(METRICS())" }],
        [".", "DiskWriteBytes", ".", "."],
        ["...", "i-5678"],
        ["...", { "stat": "p99" }],
        ["ECS", "Cpu", "Cluster", "c", "Service", "web"],
        [".", "Memory", ".", ".", ".", "."],
        ["...", "db", { "period": 60 }],
        [".", ".", "..."],
        ["A", "b"],
        [".", "c"],
    ]));
    let sources: Vec<Source> = rows.into_iter().map(|row| row.source).collect();
    let ecs = |name: &str, service: &str| metric("ECS", name, &[("Cluster", "c"), ("Service", service)]);
    assert_eq!(
        sources,
        [
            metric("AWS/EC2", "DiskReadBytes", &[("InstanceId", "i-1234")]),
            metric("AWS/EC2", "DiskReadBytes", &[("InstanceId", "i-abcd")]),
            Source::Expression("SUM(METRICS())".into()),
            metric("AWS/EC2", "DiskWriteBytes", &[("InstanceId", "i-abcd")]),
            metric("AWS/EC2", "DiskWriteBytes", &[("InstanceId", "i-5678")]),
            metric("AWS/EC2", "DiskWriteBytes", &[("InstanceId", "i-5678")]),
            ecs("Cpu", "web"),
            ecs("Memory", "web"),
            ecs("Memory", "db"),
            ecs("Memory", "db"),
            metric("A", "b", &[]),
            metric("A", "c", &[]),
        ]
    );
}

#[test]
fn options_win_over_the_widget() {
    let rows = parsed(&json!([
        ["N", "m"],
        ["N", "m", { "id": "m1", "label": "l", "stat": "p90", "period": 60, "color": "#00ff00", "yAxis": "right",
                     "visible": false, "region": "eu-west-1", "accountId": "123456789012" }],
    ]));
    let source = metric("N", "m", &[]);
    let plain = Row {
        source: source.clone(),
        id: "q1".into(),
        label: None,
        stat: "Average".into(),
        period: 300,
        color: None,
        axis: Side::Left,
        visible: true,
        region: None,
        account: None,
    };
    let full = Row {
        source,
        id: "m1".into(),
        label: Some("l".into()),
        stat: "p90".into(),
        period: 60,
        color: Color::parse("#00ff00"),
        axis: Side::Right,
        visible: false,
        region: Some("eu-west-1".into()),
        account: Some("123456789012".into()),
    };
    assert_eq!(rows, [plain, full]);
}

#[test]
fn made_up_ids_avoid_given_ones() {
    let rows =
        parsed(&json!([["N", "a"], ["N", "b", { "id": "q1" }], ["N", "c"], ["N", "d", { "id": "q3" }], ["N", "e"]]));
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["q2", "q1", "q4", "q3", "q5"]);
}

#[test]
fn errors_are_the_ones_that_users_of_aws_report() {
    let kind = "Invalid metric field type, only \"String\" type is allowed";
    let shape = "Field \"metrics\" has to be an array of array of strings, with an optional metricRenderer object as last element";
    let more = |count: usize| format!("Should NOT have more than {count} items");
    for (row, expected) in [
        // An object in the middle, and one whose properties are no options at its end.
        (
            json!(["AWS/Lambda", "Invocations", { "stat": "Sum" }, { "FunctionName": "f" }]),
            vec![("/metrics/0/2", kind.to_owned()), ("/metrics/0", more(3))],
        ),
        (json!(["AWS/ECS", "CPUUtilization", { "ClusterName": "c" }]), vec![("/metrics/0", more(2))]),
        (json!(["AWS/RDS", "C", { "stat": "Sum", "dimensions": {} }]), vec![("/metrics/0", more(2))]),
        // A colour that is none.
        (json!(["ECSLogs", "Errors", { "label": "Errors", "color": "red" }]), vec![("/metrics/0", more(2))]),
        // Dimensions without their values, with and without options.
        (json!(["AWS/ApplicationELB", "HTTPCode", "LoadBalancer", {}]), vec![("/metrics/0", more(3))]),
        (json!(["AWS/Billing", "Charges", "Currency", "USD", "Service"]), vec![("/metrics/0", more(4))]),
        // Empty and null cells.
        (json!(["AWS/X", "m", "TargetGroup", ""]), vec![("/metrics/0/3", kind.to_owned())]),
        (json!(["AWS/X", "m", "LoadBalancer", null]), vec![("/metrics/0/3", kind.to_owned())]),
        (json!("AWS/X"), vec![("/metrics/0", shape.to_owned())]),
        (json!({ "expression": "m1" }), vec![("/metrics/0", shape.to_owned())]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|(path, message)| (path.to_owned(), message)).collect();
        assert_eq!(errors(&json!([row])), expected, "{row}");
    }
}

#[test]
fn other_rows_that_make_no_sense_are_refused() {
    for rows in [
        json!([[]]),
        json!([["N"]]),
        json!([[{}]]),
        json!([[{ "label": "x" }]]),
        json!([[".", "m"]]),
        json!([["...", "m"]]),
        json!([["N", "m"], ["N", "m", ".", "."]]),
        json!([["N", "m", "d", "v"], ["...", "a", "b", "c"], ["...", "x", "y", "z", "u", "w"]]),
        json!([["N", "m", { "id": "a" }], ["N", "m", { "id": "a" }]]),
        json!([["N", "m", { "id": "A" }]]),
        json!([["N", "m", { "id": "1a" }]]),
        json!([["N", "m", { "period": 61 }]]),
        json!([["N", "m", { "period": 0 }]]),
        json!([["N", "m", { "period": "60" }]]),
        json!([["N", "m", { "yAxis": "annotations" }]]),
        json!([["N", "m", { "visible": "no" }]]),
        json!([["N", "m", { "expression": "m1" }]]),
    ] {
        let found = errors(&rows);
        assert!(!found.is_empty(), "{rows}");
    }
}

#[test]
fn long_rows_and_many_rows_are_bounded() {
    let cells: Vec<String> = (0..20_000).map(|cell| format!("c{cell}")).collect();
    assert_eq!(errors(&json!([cells])).len(), 1);
    // Each row repeats the one above and adds to it: lengths are limited, so this cannot grow without bound.
    let rows: Vec<Value> = (0..5000).map(|_| json!(["...", "a", "b"])).collect();
    let mut all = vec![json!(["N", "m"])];
    all.extend(rows);
    assert!(errors(&Value::Array(all)).len() <= super::super::findings::FINDINGS_MAX);
}
