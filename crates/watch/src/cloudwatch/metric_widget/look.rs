//! View, legend and axes of a metric widget.

use crate::cloudwatch::findings::{Findings, Object};
use crate::cloudwatch::widget_image::{Axis, Legend, Summary, TableColumns, View};

/// The views of metric widgets.
pub const VIEWS: [&str; 6] = ["timeSeries", "singleValue", "gauge", "bar", "pie", "table"];

/// The view, with `stacked` and `sparkline`; lines when there is none.
pub fn read_view(object: &Object<'_>, findings: &mut Findings) -> View {
    let stacked = object.boolean("stacked", findings) == Some(true);
    let sparkline = object.boolean("sparkline", findings) == Some(true);
    match object.word("view", &VIEWS, findings) {
        Some("singleValue") => View::SingleValue { sparkline },
        Some("gauge") => View::Gauge,
        Some("bar") => View::Bar,
        Some("pie") => View::Pie,
        Some("table") => View::Table,
        _ => View::TimeSeries { stacked },
    }
}

/// `legend: {position}`; below when there is none.
pub fn read_legend(object: &Object<'_>, findings: &mut Findings) -> Legend {
    let Some(legend) = object.object("legend", findings) else { return Legend::Bottom };
    match legend.word("position", &["bottom", "right", "hidden"], findings) {
        Some("right") => Legend::Right,
        Some("hidden") => Legend::Hidden,
        _ => Legend::Bottom,
    }
}

/// `yAxis: {left, right}`.
pub fn read_axes(object: &Object<'_>, findings: &mut Findings) -> [Axis; 2] {
    let Some(axes) = object.object("yAxis", findings) else { return Default::default() };
    ["left", "right"].map(|side| {
        let Some(axis) = axes.object(side, findings) else { return Axis::default() };
        Axis {
            min: axis.number("min", findings),
            max: axis.number("max", findings),
            label: axis.string("label", findings).filter(|label| !label.is_empty()).map(str::to_owned),
            show_units: axis.boolean("showUnits", findings).unwrap_or(true),
        }
    })
}

/// `table: {summaryColumns, showTimeSeriesData, stickySummary, layout}`; the last two say nothing to a picture.
pub fn read_table(object: &Object<'_>, findings: &mut Findings) -> TableColumns {
    let mut columns = TableColumns::default();
    let Some(table) = object.object("table", findings) else { return columns };
    table.boolean("stickySummary", findings);
    table.word("layout", &["vertical", "horizontal"], findings);
    columns.times = table.boolean("showTimeSeriesData", findings).unwrap_or(true);
    if let Some(names) = table.strings("summaryColumns", findings) {
        columns.summary.clear();
        for (index, name) in names.into_iter().enumerate() {
            match Summary::ALL.into_iter().find(|summary| summary.code() == name) {
                Some(summary) => columns.summary.push(summary),
                None => {
                    let at = format!("{}/{index}", table.at("summaryColumns"));
                    findings.error(&at, "Should be equal to one of the allowed values");
                }
            }
        }
    }
    columns
}
