//! Tiles side by side, and the latest value of a series in figures.

use super::chart::Chart;
use super::number::{full, short, unit_sign};
use super::plotted::Plotted;
use super::svg::Rect;

/// Cuts an area into `count` equal tiles, row by row, whose shape is as near to `aspect` (width by height) as it can be.
pub fn grid(area: Rect, count: usize, aspect: f64) -> Vec<Rect> {
    let count = count.max(1);
    let size = |columns: usize| (area.width / columns as f64, area.height / count.div_ceil(columns) as f64);
    // How far the shape of a tile is from the one that is wanted, in either direction.
    let miss = |columns: &usize| {
        let (width, height) = size(*columns);
        (width.max(0.01) / height.max(0.01) / aspect).ln().abs()
    };
    let columns = (1..=count.min(200)).min_by(|a, b| miss(a).total_cmp(&miss(b))).unwrap_or(1);
    let (width, height) = size(columns);
    let tile = |index: usize| {
        let (column, row) = (index % columns, index / columns);
        Rect::new(area.x + column as f64 * width, area.y + row as f64 * height, width, height)
    };
    (0..count).map(tile).collect()
}

/// Figures and unit of a value; `-` without one.
pub fn value_text(chart: &Chart, plotted: &Plotted<'_>, value: Option<f64>) -> (String, String) {
    let figure = match value {
        None => return ("-".to_owned(), String::new()),
        Some(value) if chart.full_precision => full(value),
        Some(value) => short(value),
    };
    (figure, unit_sign(plotted.series.unit.as_deref().unwrap_or("")).to_owned())
}
