//! Widgets of type `metric`.

use super::{WIDGET_METRICS_MAX, check_times};
use crate::cloudwatch::findings::{Findings, Object};
use crate::cloudwatch::metric_rows::{self, Defaults};
use crate::cloudwatch::metric_widget::{Annotations, VIEWS, read_axes, read_legend, read_table};
use serde_json::Value;

/// What a metric widget can say.
const KNOWN: [&str; 25] = [
    "accountId",
    "annotations",
    "end",
    "insightRule",
    "labels",
    "legend",
    "liveData",
    "metrics",
    "period",
    "region",
    "setPeriodToTimeRange",
    "singleValueFullPrecision",
    "sparkline",
    "stacked",
    "start",
    "stat",
    "table",
    "timezone",
    "title",
    "trend",
    "view",
    "width",
    "height",
    "yAxis",
    "theme",
];

/// Checks the properties; answers how many metrics it shows.
pub fn check(widget: &Object<'_>, findings: &mut Findings) -> usize {
    widget.warn_unknown(&KNOWN, "widget", findings);
    check_source(widget, findings);
    for name in ["accountId", "region", "stat", "title", "timezone", "theme"] {
        widget.string(name, findings);
    }
    for name in ["liveData", "setPeriodToTimeRange", "singleValueFullPrecision", "sparkline", "stacked", "trend"] {
        widget.boolean(name, findings);
    }
    let period = widget.integer("period", 1, i64::MAX, findings);
    if period.is_some_and(|period| !metric_rows::is_period(period)) {
        findings.warning(&widget.at("period"), "Should be 1, 5, 10, 20, 30 or a multiple of 60");
    }
    read_table(widget, findings);
    for name in ["labels", "insightRule"] {
        widget.object(name, findings);
    }
    check_times(widget, findings);
    read_legend(widget, findings);
    let axes = read_axes(widget, findings);
    let view = widget.word("view", &VIEWS, findings);
    if view == Some("gauge") && (axes[0].min.is_none() || axes[0].max.is_none()) {
        findings.warning(&widget.path, "A gauge should have 'yAxis.left.min' and 'yAxis.left.max'");
    }
    if let Some(annotations) = widget.object("annotations", findings) {
        let alarms = Annotations::read(&annotations, findings).alarms.len();
        if alarms > 1 {
            findings.error(&annotations.at("alarms"), "Should NOT have more than 1 items");
        }
        if alarms > 0 && widget.has("metrics") {
            findings.warning(&widget.path, "A widget with an alarm annotation should not have property 'metrics'");
        }
    }
    let rows = widget.array("metrics", findings).unwrap_or_default();
    if rows.len() > WIDGET_METRICS_MAX {
        findings.error(&widget.at("metrics"), format!("Should NOT have more than {WIDGET_METRICS_MAX} items"));
        return rows.len();
    }
    metric_rows::parse(rows, Defaults { stat: "Average", period: 300 }, &widget.at("metrics"), findings);
    rows.len()
}

/// A region with metrics (or a Contributor Insights rule), or an alarm: AWS tells what is missing of both.
fn check_source(widget: &Object<'_>, findings: &mut Findings) {
    let annotations = widget.fields.get("annotations");
    let alarm = annotations.and_then(|annotations| annotations.get("alarms")).is_some_and(Value::is_array);
    let data = widget.has("metrics") || widget.has("insightRule");
    if alarm || (data && widget.has("region")) {
        return;
    }
    if !data {
        findings.missing(&widget.path, "metrics");
    }
    if !widget.has("region") {
        findings.missing(&widget.path, "region");
    }
    let message = "The metric widget should have specified a region and a data source or an alarm annotation";
    findings.error(&widget.path, message);
    match annotations {
        None => findings.missing(&widget.path, "annotations"),
        Some(_) => findings.missing(&widget.at("annotations"), "alarms"),
    }
}
