//! What a picture of metrics shows, before it is drawn: series, axes, annotations, size and look.

use super::color::{Color, Theme};
use super::time_axis::ZoneOffset;
use model::{TimeRange, Timestamp};

/// Smallest and largest width and height, pixels (AWS: 1 to 2000).
pub const PIXELS_MAX: u32 = 2000;

/// A picture to draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Above the picture; empty for none.
    pub title: String,
    /// Pixels, 1 to [`PIXELS_MAX`]; other values are brought into this range.
    pub width: u32,
    /// Pixels, 1 to [`PIXELS_MAX`]; other values are brought into this range.
    pub height: u32,
    /// Kind of picture.
    pub view: View,
    /// What it shows, in the order of the legend.
    pub series: Vec<Series>,
    /// Left value axis.
    pub left: Axis,
    /// Right value axis; drawn when a series or an annotation uses it.
    pub right: Axis,
    /// Values that are marked across the picture.
    pub horizontal: Vec<HorizontalAnnotation>,
    /// Times that are marked.
    pub vertical: Vec<VerticalAnnotation>,
    /// Alarms whose threshold and states are shown.
    pub alarms: Vec<AlarmAnnotation>,
    /// Where the legend is.
    pub legend: Legend,
    /// From the left end of the time axis to the right one.
    pub range: TimeRange,
    /// What the reader's clock shows.
    pub zone: ZoneOffset,
    /// Dark on light or light on dark.
    pub theme: Theme,
    /// Single values with all their digits.
    pub full_precision: bool,
    /// What a table shows beside names.
    pub table: TableColumns,
}

impl Default for Chart {
    /// AWS's defaults: lines, 600 by 400, a legend below, light.
    fn default() -> Self {
        Self {
            title: String::new(),
            width: 600,
            height: 400,
            view: View::TimeSeries { stacked: false },
            series: Vec::new(),
            left: Axis::default(),
            right: Axis::default(),
            horizontal: Vec::new(),
            vertical: Vec::new(),
            alarms: Vec::new(),
            legend: Legend::Bottom,
            range: TimeRange::new(Timestamp(0), Timestamp(0)),
            zone: ZoneOffset::default(),
            theme: Theme::Light,
            full_precision: false,
            table: TableColumns::default(),
        }
    }
}

/// Kinds of picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Lines over time, or areas on top of each other.
    TimeSeries {
        /// Areas on top of each other.
        stacked: bool,
    },
    /// One bar for each series' latest value.
    Bar,
    /// One slice for each series' latest value.
    Pie,
    /// A dial for each series' latest value, from `left.min` to `left.max`.
    Gauge,
    /// Each series' latest value in figures.
    SingleValue {
        /// With a small line of all values below.
        sparkline: bool,
    },
    /// Figures that sum each series up, and its latest values.
    Table,
}

/// The columns of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumns {
    /// The figures that sum a series up.
    pub summary: Vec<Summary>,
    /// Whether the latest values are shown too.
    pub times: bool,
}

impl Default for TableColumns {
    /// AWS's default: all.
    fn default() -> Self {
        Self { summary: Summary::ALL.to_vec(), times: true }
    }
}

/// A figure that sums a series up, over the points that are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summary {
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// All values added.
    Sum,
    /// The sum by the number of points.
    Average,
}

impl Summary {
    /// All, in AWS's order.
    pub const ALL: [Summary; 4] = [Summary::Min, Summary::Max, Summary::Sum, Summary::Average];

    /// As `summaryColumns` names it.
    pub const fn code(self) -> &'static str {
        match self {
            Summary::Min => "MIN",
            Summary::Max => "MAX",
            Summary::Sum => "SUM",
            Summary::Average => "AVG",
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Name in the legend.
    pub label: String,
    /// Colour; without one, the next of the palette.
    pub color: Option<Color>,
    /// The axis it is read from.
    pub axis: Side,
    /// Points in any order; those outside the chart's range and those that are not numbers are left out.
    pub points: Vec<(Timestamp, f64)>,
    /// Unit, as CloudWatch names it.
    pub unit: Option<String>,
    /// Distance of points that are joined, milliseconds; 0 joins all.
    pub period_ms: i64,
    /// Not all points could be loaded: a sign beside the legend says so.
    pub incomplete: bool,
}

/// Which value axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Side {
    /// The one at the left.
    #[default]
    Left,
    /// The one at the right.
    Right,
}

/// A value axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Value at the lower end; from the data when absent.
    pub min: Option<f64>,
    /// Value at the upper end; from the data when absent.
    pub max: Option<f64>,
    /// Name above the axis; the unit of the series when absent.
    pub label: Option<String>,
    /// Whether the unit may stand in for the name.
    pub show_units: bool,
}

impl Default for Axis {
    fn default() -> Self {
        Self { min: None, max: None, label: None, show_units: true }
    }
}

/// A marked value.
#[derive(Debug, Clone, PartialEq)]
pub struct HorizontalAnnotation {
    /// The value.
    pub value: f64,
    /// Text at the line.
    pub label: String,
    /// Colour; red when absent.
    pub color: Option<Color>,
    /// The axis it is read from.
    pub axis: Side,
    /// What is shaded.
    pub fill: HorizontalFill,
}

/// What a horizontal annotation shades.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum HorizontalFill {
    /// Nothing.
    #[default]
    None,
    /// All above the value.
    Above,
    /// All below the value.
    Below,
    /// All between the value and this one: a band.
    Between {
        /// The other end.
        value: f64,
        /// Text at the other end.
        label: String,
    },
}

/// A marked time.
#[derive(Debug, Clone, PartialEq)]
pub struct VerticalAnnotation {
    /// The time.
    pub at: Timestamp,
    /// Text at the line.
    pub label: String,
    /// Colour; red when absent.
    pub color: Option<Color>,
    /// What is shaded.
    pub fill: VerticalFill,
}

/// What a vertical annotation shades.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum VerticalFill {
    /// Nothing.
    #[default]
    None,
    /// All earlier.
    Before,
    /// All later.
    After,
    /// All between the time and this one: a band.
    Between {
        /// The other end.
        at: Timestamp,
        /// Text at the other end.
        label: String,
    },
}

/// An alarm in the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmAnnotation {
    /// Name, or what it watches.
    pub label: String,
    /// Its threshold, where it has a fixed one.
    pub threshold: Option<f64>,
    /// The axis the threshold is read from.
    pub axis: Side,
    /// When it was in which state, for the strip below the time axis; may be empty.
    pub states: Vec<(TimeRange, AlarmState)>,
}

/// State of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    /// Fine.
    Ok,
    /// The threshold is crossed.
    Alarm,
    /// Not enough data.
    InsufficientData,
}

/// Where the names of series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Legend {
    /// Below the picture.
    #[default]
    Bottom,
    /// Right of it.
    Right,
    /// Nowhere.
    Hidden,
}
