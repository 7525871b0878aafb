//! The MetricWidget text of GetMetricWidgetImage: what to ask GetMetricData for, and how to draw it.
//!
//! AWS: "GetMetricWidgetImage: Metric Widget Structure and Syntax". A dashboard's metric widget has the same `properties` with
//! `region` beside them. AWS does not publish the texts of its refusals here; these are the ones it gives for dashboards, with
//! the place in front. Properties that are not known are ignored, as on dashboards.

mod annotations;
mod labels;
mod look;
#[cfg(test)]
mod tests;
mod time_point;

pub use annotations::Annotations;
pub use labels::labels;
pub use look::{VIEWS, read_axes, read_legend, read_table};
pub use time_point::TimePoint;

use super::findings::{Finding, Findings, Object};
use super::metric_rows::{self, Defaults, Row};
use super::widget_image::{
    AlarmAnnotation, Axis, Chart, Legend, PIXELS_MAX, Series, TableColumns, Theme, View, ZoneOffset,
};
use model::{TimeRange, Timestamp};
use serde_json::Value;

/// Most metrics and expressions of an image (AWS: 1 to 100).
pub const METRICS_MAX: usize = 100;
/// Longest text, bytes (AWS: 100 KB).
pub const TEXT_BYTES_MAX: usize = 100 * 1024;
/// The statistic when none is named.
const STAT: &str = "Average";
/// The period when none is named, seconds.
const PERIOD: i64 = 300;

/// A metric widget, read.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricWidget {
    /// Title; may be empty.
    pub title: String,
    /// Width, pixels.
    pub width: u32,
    /// Height, pixels.
    pub height: u32,
    /// Kind of picture.
    pub view: View,
    /// Where the legend is.
    pub legend: Legend,
    /// Light or dark.
    pub theme: Theme,
    /// Time zone of the time axis.
    pub zone: ZoneOffset,
    /// Begin of the time axis.
    pub start: TimePoint,
    /// End of the time axis.
    pub end: TimePoint,
    /// Left and right value axis.
    pub axes: [Axis; 2],
    /// What is shown and what feeds it, in order; ids are unique.
    pub rows: Vec<Row>,
    /// Marked values and times, and ARNs of alarms.
    pub annotations: Annotations,
    /// Whether the period that is not complete yet is shown.
    pub live_data: bool,
    /// Whether one period spans the whole range.
    pub set_period_to_time_range: bool,
    /// Single values with all their digits.
    pub full_precision: bool,
    /// What a table shows.
    pub table: TableColumns,
    /// Region of all rows that name none; AWS wants it to be the one that is asked.
    pub region: Option<String>,
    /// Account of all rows that name none.
    pub account: Option<String>,
}

impl MetricWidget {
    /// Reads a widget. Errors are told with their place as a JSON pointer; there is at least one, and at most a hundred.
    pub fn parse(text: &str) -> Result<Self, Vec<Finding>> {
        let mut findings = Findings::default();
        if text.len() > TEXT_BYTES_MAX {
            findings.error("", format!("The field MetricWidget must not be longer than {TEXT_BYTES_MAX} bytes"));
            return Err(findings.errors);
        }
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            findings.error("", "The field MetricWidget must be a valid JSON object");
            return Err(findings.errors);
        };
        let widget = Object::of(&value, "", &mut findings).map(|object| Self::read(&object, &mut findings));
        match widget {
            Some(widget) if findings.errors.is_empty() => Ok(widget),
            _ => Err(findings.errors),
        }
    }

    fn read(object: &Object<'_>, findings: &mut Findings) -> Self {
        let text = |name: &str, findings: &mut Findings| object.string(name, findings).map(str::to_owned);
        let flag = |name: &str, findings: &mut Findings| object.boolean(name, findings) == Some(true);
        let annotations = object.object("annotations", findings);
        let annotations = annotations.map(|inner| Annotations::read(&inner, findings)).unwrap_or_default();
        Self {
            title: text("title", findings).unwrap_or_default(),
            width: pixels(object, "width", 600, findings),
            height: pixels(object, "height", 400, findings),
            view: look::read_view(object, findings),
            legend: read_legend(object, findings),
            theme: match object.word("theme", &["light", "dark"], findings) {
                Some("dark") => Theme::Dark,
                _ => Theme::Light,
            },
            zone: zone(object, findings),
            start: TimePoint::read(object, "start", findings).unwrap_or(TimePoint::HOURS_AGO_3),
            end: TimePoint::read(object, "end", findings).unwrap_or(TimePoint::NOW),
            axes: read_axes(object, findings),
            rows: rows(object, annotations.alarms.is_empty(), findings),
            annotations,
            live_data: flag("liveData", findings),
            set_period_to_time_range: flag("setPeriodToTimeRange", findings),
            full_precision: flag("singleValueFullPrecision", findings),
            table: read_table(object, findings),
            region: text("region", findings),
            account: text("accountId", findings),
        }
    }

    /// The time it shows; an error when it ends before it begins.
    pub fn range(&self, now: Timestamp) -> Result<TimeRange, Finding> {
        let range = TimeRange::new(self.start.at(now), self.end.at(now));
        if range.is_empty() {
            return Err(Finding {
                path: "/start".into(),
                message: "The start time must be before the end time".into(),
            });
        }
        Ok(range)
    }

    /// The picture of series: those of the visible rows, in their order (made with [`Row::series`]).
    pub fn chart(&self, range: TimeRange, series: Vec<Series>, alarms: Vec<AlarmAnnotation>) -> Chart {
        let [left, right] = self.axes.clone();
        Chart {
            title: self.title.clone(),
            width: self.width,
            height: self.height,
            view: self.view,
            series,
            left,
            right,
            horizontal: self.annotations.horizontal.clone(),
            vertical: self.annotations.vertical.clone(),
            alarms,
            legend: self.legend,
            range,
            zone: self.zone,
            theme: self.theme,
            full_precision: self.full_precision,
            table: self.table.clone(),
        }
    }
}

impl Row {
    /// A series of this row's look; `points` in any order.
    pub fn series(&self, label: String, unit: Option<String>, points: Vec<(Timestamp, f64)>) -> Series {
        let period_ms = self.period.saturating_mul(1000);
        Series { label, color: self.color, axis: self.axis, points, unit, period_ms, incomplete: false }
    }
}

fn pixels(object: &Object<'_>, name: &str, default: u32, findings: &mut Findings) -> u32 {
    let number = object.integer(name, 1, i64::from(PIXELS_MAX), findings);
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
}

fn zone(object: &Object<'_>, findings: &mut Findings) -> ZoneOffset {
    let Some(text) = object.string("timezone", findings) else { return ZoneOffset::default() };
    let zone = if matches!(text, "UTC" | "Z") { Some(ZoneOffset::default()) } else { ZoneOffset::parse(text) };
    if zone.is_none() {
        findings.error(&object.at("timezone"), "Should match pattern \"^[+-][0-9]{4}$\"");
    }
    zone.unwrap_or_default()
}

/// The rows; without alarms there must be some.
fn rows(object: &Object<'_>, required: bool, findings: &mut Findings) -> Vec<Row> {
    let stat = object.string("stat", findings).filter(|stat| !stat.is_empty()).unwrap_or(STAT);
    let period = object.integer("period", 1, i64::MAX, findings).unwrap_or(PERIOD);
    if !metric_rows::is_period(period) {
        findings.error(&object.at("period"), "Should be 1, 5, 10, 20, 30 or a multiple of 60");
    }
    if required {
        object.require("metrics", findings);
    }
    let Some(rows) = object.array("metrics", findings) else { return Vec::new() };
    if rows.len() > METRICS_MAX {
        findings.error(&object.at("metrics"), format!("Should NOT have more than {METRICS_MAX} items"));
        return Vec::new();
    }
    if rows.is_empty() && required {
        findings.error(&object.at("metrics"), "Should NOT have fewer than 1 items");
    }
    metric_rows::parse(rows, Defaults { stat, period }, &object.at("metrics"), findings)
}
