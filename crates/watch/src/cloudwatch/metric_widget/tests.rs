//! Widgets of AWS' pages and of real dashboards, and what is refused.

use super::*;
use crate::cloudwatch::metric_rows::Source;
use crate::cloudwatch::widget_image::{HorizontalFill, PALETTE, Side, VerticalFill, svg};
use model::time::{DAY, HOUR, MINUTE};
use serde_json::json;

fn errors(value: Value) -> Vec<(String, String)> {
    let found = MetricWidget::parse(&value.to_string()).expect_err(&value.to_string());
    found.into_iter().map(|finding| (finding.path, finding.message)).collect()
}

#[test]
fn a_widget_with_metrics_alone_has_aws_defaults() {
    let widget = MetricWidget::parse(r#"{"metrics":[["AWS/EC2","CPUUtilization","InstanceId","i-1"]]}"#).unwrap();
    assert_eq!((widget.width, widget.height), (600, 400));
    assert_eq!(widget.view, View::TimeSeries { stacked: false });
    assert_eq!((widget.legend, widget.theme), (Legend::Bottom, Theme::Light));
    assert_eq!((widget.rows[0].stat.as_str(), widget.rows[0].period), ("Average", 300));
    let now = Timestamp(10 * DAY);
    assert_eq!(widget.range(now), Ok(TimeRange::new(now - 3 * HOUR, now)));
}

#[test]
fn everything_that_is_documented_is_read() {
    let widget = json!({
        "title": "CPU", "width": 800, "height": 300, "view": "timeSeries", "stacked": true, "theme": "dark",
        "timezone": "+0130", "start": "-PT6H", "end": "2026-01-02T03:04:05Z", "stat": "Maximum", "period": 60,
        "liveData": true, "legend": { "position": "right" }, "region": "eu-west-1", "unknown": 1,
        "yAxis": { "left": { "min": 0, "max": 99.5, "label": "%", "showUnits": false }, "right": { "min": -1 } },
        "metrics": [["N", "m", "d", "v", { "id": "m1", "yAxis": "right" }], [{ "expression": "m1 * 2" }]],
        "annotations": {
            "horizontal": [
                { "value": 50, "label": "half", "fill": "above", "color": "#ff0000", "yAxis": "right" },
                [{ "value": 1, "label": "low" }, { "value": 2, "label": "high" }],
                { "value": 3, "visible": false },
            ],
            "vertical": [
                { "value": "2026-01-02T01:00:00Z", "label": "deploy", "fill": "after" },
                [{ "value": "2026-01-02T01:00:00Z" }, { "value": "2026-01-02T02:00:00Z", "label": "end" }],
            ],
            "alarms": ["arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a"],
        },
    });
    let widget = MetricWidget::parse(&widget.to_string()).unwrap();
    let end = Timestamp::parse_iso("2026-01-02T03:04:05Z").unwrap();
    let range = widget.range(end + MINUTE).unwrap();
    assert_eq!(range, TimeRange::new(end + MINUTE - 6 * HOUR, end));
    assert_eq!(widget.rows[1].source, Source::Expression("m1 * 2".into()));
    assert_eq!((widget.rows[0].stat.as_str(), widget.rows[0].period), ("Maximum", 60));
    let series = widget.rows[0].series("m".into(), None, vec![]);
    let chart = widget.chart(range, vec![series], vec![]);
    assert_eq!((chart.width, chart.height, chart.view), (800, 300, View::TimeSeries { stacked: true }));
    assert_eq!((chart.legend, chart.theme, chart.zone.minutes), (Legend::Right, Theme::Dark, 90));
    assert_eq!((chart.left.min, chart.left.max, chart.left.label.as_deref()), (Some(0.0), Some(99.5), Some("%")));
    assert!(!chart.left.show_units && chart.right.show_units);
    assert_eq!((chart.series[0].axis, chart.series[0].period_ms), (Side::Right, 60_000));
    let [half, band] = chart.horizontal.as_slice() else { panic!("{:?}", chart.horizontal) };
    assert_eq!((half.value, half.axis, &half.fill), (50.0, Side::Right, &HorizontalFill::Above));
    assert_ne!(half.color, Some(PALETTE[0]));
    assert_eq!(band.fill, HorizontalFill::Between { value: 2.0, label: "high".into() });
    assert_eq!(chart.vertical[0].fill, VerticalFill::After);
    assert!(matches!(&chart.vertical[1].fill, VerticalFill::Between { label, .. } if label == "end"));
    assert_eq!(widget.annotations.alarms.len(), 1);
}

#[test]
fn views_are_read() {
    for (name, view) in [
        ("timeSeries", View::TimeSeries { stacked: false }),
        ("singleValue", View::SingleValue { sparkline: true }),
        ("gauge", View::Gauge),
        ("bar", View::Bar),
        ("pie", View::Pie),
        ("table", View::Table),
    ] {
        let text = json!({ "metrics": [["N", "m"]], "view": name, "sparkline": true }).to_string();
        assert_eq!(MetricWidget::parse(&text).unwrap().view, view);
    }
}

#[test]
fn a_table_shows_the_columns_asked_for() {
    let text = json!({ "metrics": [["N", "m"]], "view": "table", "start": "1970-01-01T00:00:00Z", "end": "1970-01-01T01:00:00Z",
        "table": { "summaryColumns": ["MAX", "AVG"], "showTimeSeriesData": false, "layout": "vertical", "stickySummary": true } });
    let widget = MetricWidget::parse(&text.to_string()).unwrap();
    let points = vec![(Timestamp(0), 2.0), (Timestamp(MINUTE), 5.0)];
    let series = widget.rows[0].series("m".into(), None, points);
    let range = widget.range(Timestamp(0)).unwrap();
    let drawn = svg(&widget.chart(range, vec![series], vec![]));
    for text in [">Max<", ">Average<", ">5<", ">3.5<"] {
        assert!(drawn.contains(text), "{text}: {drawn}");
    }
    for text in [">Min<", ">Sum<", ">00:01<"] {
        assert!(!drawn.contains(text), "{text}: {drawn}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let with = |name: &str, value: Value| {
        let mut widget = json!({ "metrics": [["N", "m"]] });
        widget[name] = value;
        widget
    };
    for (widget, path, message) in [
        (json!([]), "", "Should be object"),
        (json!({}), "", "Should have required property 'metrics'"),
        (json!({ "metrics": [] }), "/metrics", "Should NOT have fewer than 1 items"),
        (json!({ "metrics": {} }), "/metrics", "Should be array"),
        (with("width", json!(2001)), "/width", "Should be <= 2000"),
        (with("height", json!(0)), "/height", "Should be >= 1"),
        (with("height", json!(1.5)), "/height", "Should be integer"),
        (with("view", json!("lines")), "/view", "Should be equal to one of the allowed values"),
        (with("theme", json!("blue")), "/theme", "Should be equal to one of the allowed values"),
        (with("legend", json!("right")), "/legend", "Should be object"),
        (with("title", json!(7)), "/title", "Should be string"),
        (with("timezone", json!("+1")), "/timezone", "Should match pattern \"^[+-][0-9]{4}$\""),
        (with("yAxis", json!({ "left": { "min": "0" } })), "/yAxis/left/min", "Should be number"),
        (
            with("annotations", json!({ "horizontal": [{}] })),
            "/annotations/horizontal/0",
            "Should have required property 'value'",
        ),
        (
            with("annotations", json!({ "horizontal": [[{ "value": 1 }]] })),
            "/annotations/horizontal/0",
            "Should NOT have fewer than 2 items",
        ),
        (
            with("annotations", json!({ "vertical": [{ "value": "noon" }] })),
            "/annotations/vertical/0/value",
            "Should match format \"date-time\"",
        ),
        (with("period", json!(7)), "/period", "Should be 1, 5, 10, 20, 30 or a multiple of 60"),
    ] {
        assert_eq!(errors(widget.clone()), [(path.to_owned(), message.to_owned())], "{widget}");
    }
}

#[test]
fn an_alarm_stands_in_for_metrics() {
    let text = json!({ "annotations": { "alarms": ["arn:aws:cloudwatch:us-east-1:1:alarm:a"] } }).to_string();
    assert!(MetricWidget::parse(&text).unwrap().rows.is_empty());
}

#[test]
fn texts_that_are_no_widgets_are_refused() {
    let rows = vec![json!(["N", "m"]); 101];
    assert_eq!(errors(json!({ "metrics": rows })), [("/metrics".into(), "Should NOT have more than 100 items".into())]);
    for text in ["", "{", "nonsense", &"[".repeat(90_000), &format!("{{\"title\":\"{}\"}}", "x".repeat(200_000))] {
        assert_eq!(MetricWidget::parse(text).unwrap_err().len(), 1);
    }
}

#[test]
fn a_range_must_have_a_length() {
    let text =
        json!({ "metrics": [["N", "m"]], "start": "2026-01-02T03:00:00Z", "end": "2026-01-02T03:00:00Z" }).to_string();
    assert_eq!(MetricWidget::parse(&text).unwrap().range(Timestamp(0)).unwrap_err().path, "/start");
}

#[test]
fn times_are_read() {
    for (text, point) in [
        ("-PT3H", Some(TimePoint::Ago(3 * HOUR))),
        ("-PT0H", Some(TimePoint::NOW)),
        ("P0D", Some(TimePoint::Ago(0))),
        ("-P7D", Some(TimePoint::Ago(7 * DAY))),
        ("-P1W", Some(TimePoint::Ago(7 * DAY))),
        ("-P3M", Some(TimePoint::Ago(90 * DAY))),
        ("-P1DT2H3M", Some(TimePoint::Ago(DAY + 2 * HOUR + 3 * MINUTE))),
        ("PT5M", Some(TimePoint::Ago(-5 * MINUTE))),
        ("1970-01-01T00:00:01Z", Some(TimePoint::At(Timestamp(1000)))),
        ("1970-01-01T00:00:01.000", Some(TimePoint::At(Timestamp(1000)))),
        ("-P", None),
        ("-PT", None),
        ("-PT3", None),
        ("-PT3D", None),
        ("-P3H", None),
        ("-PTT3H", None),
        ("-P99999999999999999999D", None),
        ("-P9999999999999999D", None),
        ("-PID", None),
        ("yesterday", None),
        ("", None),
    ] {
        assert_eq!(TimePoint::parse(text), point, "{text}");
    }
}

#[test]
fn labels_tell_metrics_apart() {
    let names = |rows: Value| labels(&MetricWidget::parse(&json!({ "metrics": rows }).to_string()).unwrap().rows);
    assert_eq!(names(json!([["N", "m", "d", "v"]])), ["m"]);
    assert_eq!(names(json!([["N", "m", "d", "v"], ["...", "w"]])), ["v", "w"]);
    assert_eq!(names(json!([["N", "m"], ["N", "n"]])), ["m", "n"]);
    assert_eq!(names(json!([["N", "m", "d", "v"], ["M", "m", "d", "w"]])), ["N v", "M w"]);
    assert_eq!(
        names(json!([["N", "m", { "label": "mine" }], [{ "expression": "q1 * 2" }], ["N", "x", "d", "v"]])),
        ["mine", "q1 * 2", "x"]
    );
}
