//! Tiles side by side, and the latest value of a series in figures.

use super::chart::Chart;
use super::number::{full, short, unit_sign};
use super::plotted::Plotted;
use super::svg::Rect;

/// Cuts an area into `count` equal tiles, row by row, whose shape is as near to `aspect` (width by height) as it can be.
///
/// With `centered` a last row that is not full stands in the middle.
pub fn grid(area: Rect, count: usize, aspect: f64, centered: bool) -> Vec<Rect> {
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
        let in_row = columns.min(count - row * columns);
        let shift = if centered { (columns - in_row) as f64 * width / 2.0 } else { 0.0 };
        Rect::new(area.x + shift + column as f64 * width, area.y + row as f64 * height, width, height)
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
    let sign = unit_sign(plotted.series.unit.as_deref().unwrap_or(""));
    // "1.33 GB" and not "1.33G B".
    let is_data = matches!(sign, "B" | "b" | "B/s" | "b/s");
    match figure.char_indices().last() {
        Some((at, prefix)) if is_data && prefix.is_ascii_alphabetic() => {
            (figure[..at].to_owned(), format!("{prefix}{sign}"))
        }
        _ => (figure, sign.to_owned()),
    }
}
