//! Widgets: their place, and the properties of all types but `metric`.

use super::metric;
use crate::cloudwatch::findings::{Findings, Object};
use crate::cloudwatch::metric_widget::read_legend;
use serde_json::Value;

/// The types of widgets.
const TYPES: [&str; 7] = ["metric", "text", "log", "alarm", "explorer", "custom", "chart"];
/// Most alarms of an alarm widget.
const ALARMS_MAX: usize = 100;
/// Most metrics of an explorer widget.
const EXPLORER_METRICS_MAX: usize = 100;

/// Checks one widget; answers how many metrics it shows.
pub fn check(widget: &Value, at: &str, findings: &mut Findings) -> usize {
    let Some(widget) = Object::of(widget, at, findings) else { return 0 };
    widget.warn_unknown(&["height", "properties", "type", "width", "x", "y"], "widget", findings);
    for (name, low, high) in [("x", 0, 23), ("y", 0, i64::MAX), ("width", 1, 24), ("height", 1, 1000)] {
        widget.integer(name, low, high, findings);
    }
    if widget.has("x") != widget.has("y") {
        widget.require("x", findings);
        widget.require("y", findings);
    }
    widget.require("type", findings);
    widget.require("properties", findings);
    let kind = widget.word("type", &TYPES, findings);
    let Some(properties) = widget.object("properties", findings) else { return 0 };
    match kind {
        Some("metric") => return metric::check(&properties, findings),
        Some("text") => check_text(&properties, findings),
        Some("log") => check_log(&properties, findings),
        Some("alarm") => check_alarm(&properties, findings),
        Some("explorer") => check_explorer(&properties, findings),
        Some("custom") => check_custom(&properties, findings),
        Some("chart") => check_chart(&properties, findings),
        _ => {}
    }
    0
}

fn check_text(text: &Object<'_>, findings: &mut Findings) {
    text.warn_unknown(&["background", "markdown"], "widget", findings);
    text.require("markdown", findings);
    text.string("markdown", findings);
    text.word("background", &["transparent", "solid"], findings);
}

fn check_log(log: &Object<'_>, findings: &mut Findings) {
    const KNOWN: [&str; 15] = [
        "accountId",
        "end",
        "legend",
        "logGroupPrefixes",
        "logGroups",
        "query",
        "queryBy",
        "queryLanguage",
        "region",
        "stacked",
        "start",
        "timezone",
        "title",
        "view",
        "yAxis",
    ];
    log.warn_unknown(&KNOWN, "widget", findings);
    log.require("query", findings);
    log.require("region", findings);
    for name in ["accountId", "query", "queryBy", "queryLanguage", "region", "timezone", "title"] {
        log.string(name, findings);
    }
    log.boolean("stacked", findings);
    log.word("view", &["table", "timeSeries", "bar", "pie"], findings);
    super::check_times(log, findings);
}

fn check_alarm(alarm: &Object<'_>, findings: &mut Findings) {
    alarm.warn_unknown(&["alarms", "sortBy", "states", "title"], "widget", findings);
    alarm.require("alarms", findings);
    let alarms = alarm.strings("alarms", findings).unwrap_or_default();
    if alarms.len() > ALARMS_MAX {
        findings.error(&alarm.at("alarms"), format!("Should NOT have more than {ALARMS_MAX} items"));
    }
    if alarm.fields.get("alarms").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        findings.error(&alarm.at("alarms"), "Should NOT have fewer than 1 items");
    }
    alarm.string("title", findings);
    alarm.word("sortBy", &["default", "stateUpdatedTimestamp", "timestamp"], findings);
    let states = alarm.strings("states", findings).unwrap_or_default();
    for (index, state) in states.into_iter().enumerate() {
        if !matches!(state, "ALARM" | "INSUFFICIENT_DATA" | "OK") {
            let at = format!("{}/{index}", alarm.at("states"));
            findings.error(&at, "Should be equal to one of the allowed values");
        }
    }
}

fn check_explorer(explorer: &Object<'_>, findings: &mut Findings) {
    const KNOWN: [&str; 8] =
        ["aggregateBy", "labels", "metrics", "period", "region", "splitBy", "title", "widgetOptions"];
    explorer.warn_unknown(&KNOWN, "widget", findings);
    explorer.require("metrics", findings);
    explorer.require("labels", findings);
    let metrics = explorer.array("metrics", findings).unwrap_or_default();
    if metrics.len() > EXPLORER_METRICS_MAX {
        findings.error(&explorer.at("metrics"), format!("Should NOT have more than {EXPLORER_METRICS_MAX} items"));
    }
    for (index, metric) in metrics.iter().enumerate() {
        let at = format!("{}/{index}", explorer.at("metrics"));
        let Some(metric) = Object::of(metric, at, findings) else { continue };
        metric.require("metricName", findings);
        metric.require("resourceType", findings);
        for name in ["metricName", "resourceType", "stat"] {
            metric.string(name, findings);
        }
    }
    for (index, label) in explorer.array("labels", findings).unwrap_or_default().iter().enumerate() {
        let at = format!("{}/{index}", explorer.at("labels"));
        let Some(label) = Object::of(label, at, findings) else { continue };
        label.require("key", findings);
        label.string("key", findings);
        label.string("value", findings);
    }
    if let Some(aggregate) = explorer.object("aggregateBy", findings) {
        aggregate.string("key", findings);
        aggregate.word("func", &["AVG", "MIN", "MAX", "STDDEV", "SUM"], findings);
    }
    for name in ["region", "splitBy", "title"] {
        explorer.string(name, findings);
    }
    explorer.integer("period", 1, i64::MAX, findings);
    if let Some(options) = explorer.object("widgetOptions", findings) {
        options.integer("rowsPerPage", 1, i64::MAX, findings);
        options.integer("widgetsPerRow", 1, i64::MAX, findings);
        options.boolean("stacked", findings);
        options.word("view", &["timeSeries", "bar", "pie"], findings);
        read_legend(&options, findings);
    }
}

fn check_custom(custom: &Object<'_>, findings: &mut Findings) {
    custom.warn_unknown(&["endpoint", "params", "title", "updateOn"], "widget", findings);
    custom.require("endpoint", findings);
    custom.string("endpoint", findings);
    custom.string("title", findings);
    if let Some(update) = custom.object("updateOn", findings) {
        for name in ["refresh", "resize", "timeRange"] {
            update.boolean(name, findings);
        }
    }
}

/// Charts of PromQL queries, the newest type: what is not named here is not looked at.
fn check_chart(chart: &Object<'_>, findings: &mut Findings) {
    chart.require("data", findings);
    for name in ["region", "title", "view"] {
        chart.string(name, findings);
    }
    chart.object("plotOptions", findings);
    let Some(data) = chart.object("data", findings) else { return };
    data.require("queries", findings);
    for (index, query) in data.array("queries", findings).unwrap_or_default().iter().enumerate() {
        let at = format!("{}/{index}", data.at("queries"));
        let Some(query) = Object::of(query, at, findings) else { continue };
        query.require("query", findings);
        for name in ["id", "label", "language", "query", "type"] {
            query.string(name, findings);
        }
        query.integer("step", 1, i64::MAX, findings);
    }
}
