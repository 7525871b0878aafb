//! Series made ready to draw: finite points inside the range, in order of time, cut where data are missing, and no more of them
//! than the picture has columns.

use super::chart::{Chart, Series, Side};
use super::color::{self, Color};
use std::fmt::Write;

use super::svg::Px;

/// A series to draw.
#[derive(Debug)]
pub struct Plotted<'a> {
    /// Where it comes from.
    pub series: &'a Series,
    /// Its colour.
    pub color: Color,
    /// Time (milliseconds) and value, ascending by time, all finite.
    pub points: Vec<(i64, f64)>,
}

/// The chart's series, ready to draw. Values at the same time stay as they came.
pub fn plotted(chart: &Chart) -> Vec<Plotted<'_>> {
    let of_series = |(index, series): (usize, &'_ Series)| {
        let inside = |(at, value): &(model::Timestamp, f64)| {
            value.is_finite() && *at >= chart.range.start && *at <= chart.range.end
        };
        let points = series.points.iter().filter(|point| inside(point)).map(|(at, value)| (at.millis(), *value));
        let mut points: Vec<(i64, f64)> = points.collect();
        if !points.is_sorted_by_key(|(at, _)| *at) {
            points.sort_by_key(|(at, _)| *at);
        }
        (series.color.unwrap_or_else(|| color::of_series(index)), points)
    };
    let ready = |(index, series)| {
        let (color, points) = of_series((index, series));
        Plotted { series, color, points }
    };
    chart.series.iter().enumerate().map(ready).collect()
}

impl Plotted<'_> {
    /// The value at the latest time.
    pub fn latest(&self) -> Option<f64> {
        self.points.last().map(|(_, value)| *value)
    }

    /// Smallest and largest value.
    pub fn extent(&self) -> Option<(f64, f64)> {
        extent(self.points.iter().map(|(_, value)| *value))
    }

    /// Runs of points that belong together: no two neighbours are more than one and a half periods apart.
    pub fn runs(&self) -> impl Iterator<Item = &[(i64, f64)]> {
        let period = self.series.period_ms;
        self.points.chunk_by(move |a, b| joined(a.0, b.0, period))
    }

    /// Whether it is read from this axis.
    pub fn is_on(&self, side: Side) -> bool {
        self.series.axis == side
    }
}

/// Whether points at two times are joined by a line.
pub fn joined(earlier: i64, later: i64, period_ms: i64) -> bool {
    period_ms <= 0 || later.saturating_sub(earlier) <= period_ms.saturating_add(period_ms / 2)
}

/// Smallest and largest of values.
pub fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |extent, value| match extent {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}

/// Thins out pixels, ascending by x: of each column the first, the lowest, the highest and the last stay.
pub fn thin(pixels: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let mut column: Option<Column> = None;
    for (order, (x, y)) in pixels.enumerate() {
        match &mut column {
            Some(open) if open.x == x.floor() => open.add(order, x, y),
            _ => {
                if let Some(full) = column.take() {
                    full.emit(&mut kept);
                }
                column = Some(Column::new(order, x, y));
            }
        }
    }
    if let Some(full) = column {
        full.emit(&mut kept);
    }
    kept
}

/// The pixels of one column, by order of arrival.
struct Column {
    x: f64,
    first: (usize, f64, f64),
    low: (usize, f64, f64),
    high: (usize, f64, f64),
    last: (usize, f64, f64),
}

impl Column {
    fn new(order: usize, x: f64, y: f64) -> Self {
        let point = (order, x, y);
        Self { x: x.floor(), first: point, low: point, high: point, last: point }
    }

    fn add(&mut self, order: usize, x: f64, y: f64) {
        let point = (order, x, y);
        if y < self.low.2 {
            self.low = point;
        }
        if y > self.high.2 {
            self.high = point;
        }
        self.last = point;
    }

    fn emit(self, kept: &mut Vec<(f64, f64)>) {
        let mut points = [self.first, self.low, self.high, self.last];
        points.sort_by_key(|(order, _, _)| *order);
        let mut before = None;
        for (order, x, y) in points {
            if before != Some(order) {
                kept.push((x, y));
            }
            before = Some(order);
        }
    }
}

/// Path data of a line along pixels.
pub fn path(pixels: &[(f64, f64)]) -> String {
    let mut data = String::with_capacity(pixels.len() * 14);
    extend_path(&mut data, pixels.iter().copied(), 'M');
    data
}

/// Appends pixels to path data; `first` is the command of the first one.
pub fn extend_path(data: &mut String, pixels: impl Iterator<Item = (f64, f64)>, first: char) {
    let mut command = first;
    for (x, y) in pixels {
        // Writing to a string cannot fail.
        let _ = write!(data, "{command}{} {}", Px(x), Px(y));
        command = 'L';
    }
}
