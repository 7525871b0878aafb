//! Each series' latest value in figures, with a small line of all its values below.

use super::chart::Chart;
use super::color::Colors;
use super::frame::draw_no_data;
use super::plotted::{Plotted, extend_path, path, thin};
use super::svg::{Rect, Stroke, Svg, TextStyle};
use super::text::{Weight, fit, width};
use super::tiles::{self, value_text};

/// Draws the view into an area.
pub fn draw(svg: &mut Svg, chart: &Chart, series: &[Plotted<'_>], area: Rect, colors: &Colors, sparkline: bool) {
    if series.is_empty() {
        return draw_no_data(svg, area, colors);
    }
    let tiles = tiles::grid(area, series.len(), 1.9, false);
    for (plotted, tile) in series.iter().zip(tiles) {
        let margin = (tile.width * 0.04).min(10.0);
        draw_tile(svg, chart, plotted, tile.inset(margin, margin, margin, margin), colors, sparkline);
    }
}

fn draw_tile(svg: &mut Svg, chart: &Chart, plotted: &Plotted<'_>, tile: Rect, colors: &Colors, sparkline: bool) {
    let named = tile.height >= 44.0 && tile.width >= 40.0;
    if named {
        svg.rounded(Rect::new(tile.x, tile.y + 2.0, 11.0, 11.0), 2.0, plotted.color, 1.0);
        let label = fit(&plotted.series.label, 13.0, Weight::Regular, tile.width - 17.0);
        svg.text((tile.x + 17.0, tile.y + 12.5), TextStyle::new(13.0, colors.muted), &label);
    }
    let body = tile.inset(0.0, if named { 20.0 } else { 0.0 }, 0.0, 0.0);
    let with_line = sparkline && plotted.points.len() > 1 && body.height >= 50.0;
    let figures = if with_line { body.inset(0.0, 0.0, 0.0, body.height * 0.45) } else { body };
    let (figure, unit) = value_text(chart, plotted, plotted.latest());
    let unit_wide = if unit.is_empty() { 0.0 } else { width(&unit, 0.5, Weight::Regular) + 0.15 };
    let size = (figures.width / (width(&figure, 1.0, Weight::Bold) + unit_wide)).min(figures.height * 0.8).min(64.0);
    let baseline = figures.y + (figures.height + size * 0.72) / 2.0;
    svg.text((figures.x, baseline), TextStyle::new(size, colors.text).bold(), &figure);
    let beside = figures.x + width(&figure, size, Weight::Bold) + size * 0.15;
    svg.text((beside, baseline), TextStyle::new(size * 0.5, colors.muted), &unit);
    if with_line {
        let line = body.inset(0.0, body.height * 0.6, 0.0, 2.0);
        draw_sparkline(svg, plotted, line, (chart.range.start.millis(), chart.range.end.millis()));
    }
}

fn draw_sparkline(svg: &mut Svg, plotted: &Plotted<'_>, area: Rect, (start, end): (i64, i64)) {
    let Some((low, high)) = plotted.extent() else { return };
    let span = end.saturating_sub(start).max(1) as f64;
    let x = |at: i64| area.x + at.saturating_sub(start) as f64 / span * area.width;
    // Halves, so that the difference of two huge values is still a number.
    let y = |value: f64| {
        let part = if high > low { (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0) } else { 0.5 };
        area.bottom() - part * area.height
    };
    for run in plotted.runs() {
        let pixels = thin(run.iter().map(|(at, value)| (x(*at), y(*value))));
        let (Some(first), Some(last)) = (pixels.first().copied(), pixels.last().copied()) else { continue };
        if pixels.len() == 1 {
            svg.circle(first, 2.0, plotted.color);
            continue;
        }
        let mut data = path(&pixels);
        extend_path(&mut data, [(last.0, area.bottom()), (first.0, area.bottom())].into_iter(), 'L');
        data.push('Z');
        svg.fill_path(&data, plotted.color, 0.15);
        svg.stroke_path(&path(&pixels), Stroke::solid(plotted.color, 1.8));
    }
}
