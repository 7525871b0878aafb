//! Bodies that AWS takes, and what it says of those that it does not.

use super::*;
use crate::cloudwatch::findings::FINDINGS_MAX;
use serde_json::json;

fn told(findings: Vec<Finding>) -> Vec<(String, String)> {
    findings.into_iter().map(|finding| (finding.path, finding.message)).collect()
}

fn errors(body: &Value) -> Vec<(String, String)> {
    told(check(body).errors)
}

fn warnings(body: &Value) -> Vec<(String, String)> {
    let findings = check(body);
    assert_eq!(findings.errors, [], "{body}");
    told(findings.warnings)
}

fn widget(kind: &str, properties: Value) -> Value {
    json!({ "widgets": [{ "type": kind, "properties": properties }] })
}

fn metrics(rows: Value) -> Value {
    widget("metric", json!({ "region": "us-east-1", "metrics": rows }))
}

fn list(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(path, message)| ((*path).to_owned(), (*message).to_owned())).collect()
}

#[test]
fn complete_bodies_pass() {
    let body = json!({
        "start": "-PT6H", "end": "P0D", "periodOverride": "inherit",
        "variables": [
            { "type": "property", "property": "region", "inputType": "input", "id": "region", "label": "Region",
              "defaultValue": "us-east-1", "visible": true },
            { "type": "pattern", "pattern": "f1", "inputType": "select", "id": "f", "search": "{AWS/Lambda,FunctionName}",
              "populateFrom": "FunctionName" },
            { "type": "pattern", "pattern": "x", "inputType": "radio", "id": "r", "values": [{ "value": "a", "label": "A" }] },
        ],
        "widgets": [
            { "type": "metric", "x": 0, "y": 0, "width": 12, "height": 6, "properties": {
                "metrics": [
                    ["AWS/EC2", "CPUUtilization", "InstanceId", "i-1", { "stat": "p99" }],
                    [".", ".", ".", "i-2"],
                    ["...", "i-3", { "label": "x" }],
                    [{ "expression": "m1 + m2", "id": "e1" }],
                ],
                "view": "timeSeries", "stacked": false, "region": "us-east-1", "title": "t", "period": 300,
                "stat": "Average", "yAxis": { "left": { "min": 0, "showUnits": false } }, "liveData": false,
                "legend": { "position": "right" }, "setPeriodToTimeRange": true, "sparkline": true, "trend": false,
                "annotations": { "horizontal": [{ "value": 5, "fill": "above", "color": "#d62728" },
                                                [{ "value": 1 }, { "value": 2 }]],
                                 "vertical": [{ "value": "2026-01-02T03:04:05Z", "label": "now" }] },
            } },
            { "type": "metric", "properties": { "annotations": { "alarms": ["arn:aws:cloudwatch:us-east-1:1:alarm:a"] } } },
            { "type": "metric", "properties": {
                "region": "us-east-1", "insightRule": { "ruleName": "r", "orderBy": "Sum", "maxContributorCount": 10 } } },
            { "type": "metric", "properties": { "region": "us-east-1", "view": "gauge", "metrics": [],
                "yAxis": { "left": { "min": 0, "max": 1 } } } },
            { "type": "text", "properties": { "markdown": "# hi", "background": "transparent" } },
            { "type": "log", "properties": { "query": "SOURCE 'g' | fields @message", "region": "us-east-1", "view": "table" } },
            { "type": "alarm", "properties": { "title": "a", "alarms": ["arn:aws:cloudwatch:us-east-1:1:alarm:a"],
                "sortBy": "stateUpdatedTimestamp", "states": ["ALARM"] } },
            { "type": "explorer", "properties": {
                "metrics": [{ "metricName": "CPUUtilization", "resourceType": "AWS::EC2::Instance", "stat": "Average" }],
                "labels": [{ "key": "State", "value": "running" }, { "key": "Team" }], "period": 300, "splitBy": "",
                "aggregateBy": { "key": "InstanceType", "func": "MAX" }, "region": "us-east-1",
                "widgetOptions": { "legend": { "position": "bottom" }, "view": "timeSeries", "rowsPerPage": 8, "widgetsPerRow": 2 } } },
            { "type": "custom", "properties": { "endpoint": "arn:aws:lambda:us-east-1:1:function:f", "params": { "a": 1 },
                "updateOn": { "refresh": true, "resize": true, "timeRange": false }, "title": "c" } },
            { "type": "chart", "properties": { "title": "c", "view": "line", "region": "us-east-1", "plotOptions": {},
                "data": { "queries": [{ "id": "a", "language": "PromQL", "query": "up", "step": 60 }] } } },
        ],
    });
    assert_eq!(check(&body), Findings::default());
    assert_eq!(check(&json!({ "widgets": [] })), Findings::default());
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (body, path, message) in [
        (json!([]), "", "Should be object"),
        (json!({}), "", "Should have required property 'widgets'"),
        (json!({ "widgets": {} }), "/widgets", "Should be array"),
        (json!({ "widgets": [5] }), "/widgets/0", "Should be object"),
        (json!({ "widgets": [{ "type": "text" }] }), "/widgets/0", "Should have required property 'properties'"),
        (json!({ "widgets": [{ "properties": {} }] }), "/widgets/0", "Should have required property 'type'"),
        (widget("graph", json!({})), "/widgets/0/type", "Should be equal to one of the allowed values"),
        (widget("text", json!({})), "/widgets/0/properties", "Should have required property 'markdown'"),
        (widget("log", json!({ "region": "r" })), "/widgets/0/properties", "Should have required property 'query'"),
        (widget("alarm", json!({})), "/widgets/0/properties", "Should have required property 'alarms'"),
        (widget("explorer", json!({})), "/widgets/0/properties", "Should have required property 'metrics'"),
        (widget("custom", json!({})), "/widgets/0/properties", "Should have required property 'endpoint'"),
        (widget("chart", json!({})), "/widgets/0/properties", "Should have required property 'data'"),
        (
            widget("chart", json!({ "data": {} })),
            "/widgets/0/properties/data",
            "Should have required property 'queries'",
        ),
        (widget("log", json!({ "query": "q" })), "/widgets/0/properties", "Should have required property 'region'"),
        (
            widget("explorer", json!({ "metrics": [] })),
            "/widgets/0/properties",
            "Should have required property 'labels'",
        ),
        (
            widget("explorer", json!({ "metrics": [{}], "labels": [] })),
            "/widgets/0/properties/metrics/0",
            "Should have required property 'metricName'",
        ),
        (
            widget("alarm", json!({ "alarms": [] })),
            "/widgets/0/properties/alarms",
            "Should NOT have fewer than 1 items",
        ),
        (
            widget("alarm", json!({ "alarms": vec!["a"; 101] })),
            "/widgets/0/properties/alarms",
            "Should NOT have more than 100 items",
        ),
        (
            widget("metric", json!({ "annotations": { "alarms": ["a", "b"] } })),
            "/widgets/0/properties/annotations/alarms",
            "Should NOT have more than 1 items",
        ),
        (
            widget("metric", json!({ "region": "r", "metrics": [], "table": { "summaryColumns": ["MIN", "MEDIAN"] } })),
            "/widgets/0/properties/table/summaryColumns/1",
            "Should be equal to one of the allowed values",
        ),
        (widget("text", json!({ "markdown": 7 })), "/widgets/0/properties/markdown", "Should be string"),
        (
            json!({ "widgets": [{ "type": "text", "width": 25, "properties": { "markdown": "" } }] }),
            "/widgets/0/width",
            "Should be <= 24",
        ),
        (
            json!({ "widgets": [{ "type": "text", "x": 3, "properties": { "markdown": "" } }] }),
            "/widgets/0",
            "Should have required property 'y'",
        ),
        (
            widget("alarm", json!({ "alarms": ["a"], "states": ["BAD"] })),
            "/widgets/0/properties/states/0",
            "Should be equal to one of the allowed values",
        ),
        (
            json!({ "widgets": [], "periodOverride": "no" }),
            "/periodOverride",
            "Should be equal to one of the allowed values",
        ),
        (json!({ "widgets": [], "start": 5 }), "/start", "Should be string"),
        (json!({ "widgets": [], "variables": vec![1; 26] }), "/variables", "Should NOT have more than 25 items"),
        (
            metrics(json!([["N", "m", { "a": 1 }]])),
            "/widgets/0/properties/metrics/0",
            "Should NOT have more than 2 items",
        ),
        (
            metrics(json!(["AWS/Lambda", "Invocations"])),
            "/widgets/0/properties/metrics/0",
            "Field \"metrics\" has to be an array of array of strings, with an optional metricRenderer object as last element",
        ),
        (
            widget(
                "metric",
                json!({ "region": "r", "metrics": [], "annotations": { "horizontal": [{ "value": 1, "yAxis": "annotations" }] } }),
            ),
            "/widgets/0/properties/annotations/horizontal/0/yAxis",
            "Should be equal to one of the allowed values",
        ),
    ] {
        let found = errors(&body);
        assert_eq!(found.first(), Some(&(path.to_owned(), message.to_owned())), "{body}");
    }
}

#[test]
fn a_metric_widget_without_data_or_region_has_the_three_errors_of_aws() {
    let at = "/widgets/0/properties";
    let source = "The metric widget should have specified a region and a data source or an alarm annotation";
    assert_eq!(
        errors(&widget("metric", json!({ "region": "us-east-1", "title": "t" }))),
        list(&[
            (at, "Should have required property 'metrics'"),
            (at, source),
            (at, "Should have required property 'annotations'"),
        ])
    );
    assert_eq!(
        errors(&widget("metric", json!({ "metrics": [["N", "m"]] }))),
        list(&[
            (at, "Should have required property 'region'"),
            (at, source),
            (at, "Should have required property 'annotations'"),
        ])
    );
}

#[test]
fn a_variable_to_choose_from_needs_values() {
    let body = json!({ "widgets": [], "variables": [
        { "type": "property", "property": "p", "inputType": "select", "id": "v" }] });
    assert_eq!(
        errors(&body),
        list(&[
            ("/variables/0", "Should have required property 'values'"),
            ("/variables/0", "Should have required property 'search'"),
            ("/variables/0", "Should have required property 'populateFrom'"),
            ("/variables/0", "Should match exactly one schema in oneOf"),
        ])
    );
    let body = json!({ "widgets": [], "variables": [{ "id": "v" }] });
    assert_eq!(errors(&body).len(), 2, "type and inputType");
}

#[test]
fn variables_have_limits() {
    let with = |name: &str, value: Value| {
        let mut variable = json!({ "type": "property", "property": "p", "inputType": "input", "id": "v" });
        variable[name] = value;
        json!({ "widgets": [], "variables": [variable] })
    };
    for (name, value, path, message) in [
        ("id", json!("x".repeat(33)), "/variables/0/id", "Should NOT be longer than 32 characters"),
        ("id", json!("a b"), "/variables/0/id", "Should match pattern \"^[0-9A-Za-z-_]*$\""),
        ("label", json!("x".repeat(31)), "/variables/0/label", "Should NOT be longer than 30 characters"),
        ("defaultValue", json!([]), "/variables/0/defaultValue", "Should be string,number,boolean"),
        ("values", json!([]), "/variables/0/values", "Should NOT have fewer than 1 items"),
        ("values", json!([{}]), "/variables/0/values/0", "Should have required property 'value'"),
        ("type", json!("other"), "/variables/0/type", "Should be equal to one of the allowed values"),
        ("type", json!("pattern"), "/variables/0", "Should have required property 'pattern'"),
    ] {
        assert_eq!(errors(&with(name, value)), list(&[(path, message)]));
    }
    for value in [json!(7), json!(true), json!("x".repeat(255))] {
        assert_eq!(errors(&with("defaultValue", value)), []);
    }
}

#[test]
fn what_aws_takes_is_only_warned_of() {
    for (body, path, message) in [
        (
            json!({ "widgets": [], "extra": 1 }),
            "",
            "The \"extra\" property is not expected to be part of a dashboard definition, will be ignored",
        ),
        (
            json!({ "widgets": [{ "type": "text", "z": 1, "properties": { "markdown": "" } }] }),
            "/widgets/0",
            "The \"z\" property is not expected to be part of a widget definition, will be ignored",
        ),
        (
            widget("text", json!({ "markdown": "", "color": "red" })),
            "/widgets/0/properties",
            "The \"color\" property is not expected to be part of a widget definition, will be ignored",
        ),
        (json!({ "widgets": [], "end": "P0D" }), "", "Property 'end' is ignored without property 'start'"),
        (
            widget("metric", json!({ "region": "r", "metrics": [["N", "m"]], "annotations": { "alarms": ["a"] } })),
            "/widgets/0/properties",
            "A widget with an alarm annotation should not have property 'metrics'",
        ),
        (
            widget("metric", json!({ "region": "r", "metrics": [["N", "m"]], "view": "gauge" })),
            "/widgets/0/properties",
            "A gauge should have 'yAxis.left.min' and 'yAxis.left.max'",
        ),
    ] {
        assert_eq!(warnings(&body), list(&[(path, message)]), "{body}");
    }
}

#[test]
fn numbers_of_widgets_and_metrics_are_limited() {
    let rows = |count: usize| vec![json!(["N", "m"]); count];
    assert_eq!(
        errors(&metrics(json!(rows(501)))),
        list(&[("/widgets/0/properties/metrics", "Should NOT have more than 500 items")])
    );
    let widget = json!({ "type": "metric", "properties": { "region": "r", "metrics": rows(500) } });
    assert_eq!(errors(&json!({ "widgets": vec![widget.clone(); 5] })), []);
    assert_eq!(
        errors(&json!({ "widgets": vec![widget; 6] })),
        list(&[("/widgets", "Should NOT have more than 2500 metrics in all widgets")])
    );
    let text = json!({ "type": "text", "properties": { "markdown": "" } });
    assert_eq!(errors(&json!({ "widgets": vec![text.clone(); 500] })), []);
    assert_eq!(
        errors(&json!({ "widgets": vec![text; 501] })),
        list(&[("/widgets", "Should NOT have more than 500 items")])
    );
}

#[test]
fn findings_are_bounded() {
    let widgets: Vec<_> = (0..400).collect();
    assert_eq!(errors(&json!({ "widgets": widgets })).len(), FINDINGS_MAX);
    let name = "x".repeat(100_000);
    let body = json!({ "widgets": [], name: 1 });
    assert!(warnings(&body)[0].1.len() < 300, "names are cut");
}

#[test]
fn values_of_any_type_in_any_place_do_not_panic() {
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("."),
        json!([]),
        json!({}),
        json!([[], {}, [1]]),
    ];
    let names = ["metrics", "annotations", "yAxis", "legend", "alarms", "query", "data", "view", "period", "labels"];
    for kind in ["metric", "text", "log", "alarm", "explorer", "custom", "chart"] {
        for name in names {
            for value in &values {
                check(&widget(kind, json!({ name: value })));
                check(
                    &json!({ "widgets": [{ "type": value, "x": value, name: value, "properties": value }], name: value, "variables": [value, { "values": value }] }),
                );
            }
        }
    }
}
