//! A dial for each series' latest value.
//!
//! The dial goes from the left axis' `min` to its `max` (AWS requires both; without them 0 to 100 for percentages, else round
//! ends around the data). Horizontal annotations colour the rim, and the value when it lies in what they shade.

use super::chart::{Chart, HorizontalAnnotation, HorizontalFill};
use super::color::{ALARM, Color, Colors};
use super::frame::draw_no_data;
use super::number;
use super::pie::ring;
use super::plotted::{Plotted, extent};
use super::scale::ValueScale;
use super::svg::{Anchor, Rect, Svg, TextStyle};
use super::text::{Weight, fit, width};
use super::tiles::{self, value_text};
use std::f64::consts::PI;

/// Angles of the ends of a dial, radians clockwise from the right.
const FROM: f64 = PI * 0.83;
const TO: f64 = PI * 2.17;

/// Draws the view into an area.
pub fn draw(svg: &mut Svg, chart: &Chart, series: &[Plotted<'_>], area: Rect, colors: &Colors) {
    if series.is_empty() {
        return draw_no_data(svg, area, colors);
    }
    let tiles = tiles::grid(area, series.len(), 1.2, true);
    for (plotted, tile) in series.iter().zip(tiles) {
        draw_dial(svg, chart, plotted, tile, colors);
    }
}

fn draw_dial(svg: &mut Svg, chart: &Chart, plotted: &Plotted<'_>, tile: Rect, colors: &Colors) {
    let (low, high) = ends(chart, plotted);
    // The dial, its rim, and two lines of text below it where there is room.
    let worded = tile.height >= 96.0 && tile.width >= 60.0;
    let words = if worded { 38.0 } else { 0.0 };
    let radius = (tile.width / 2.0 / 1.1).min((tile.height - words - 8.0) / (1.07 + FROM.sin())).max(4.0);
    let tall = radius * (1.07 + FROM.sin()) + words;
    let center = (tile.x + tile.width / 2.0, tile.y + (tile.height - tall).max(0.0) / 2.0 + radius * 1.07);
    let angle = |value: f64| FROM + ((value - low) / (high - low)).clamp(0.0, 1.0) * (TO - FROM);
    let inner = radius * 0.76;
    svg.fill_path(&ring(center, inner, radius, FROM, TO), colors.grid, 1.0);
    for annotation in &chart.horizontal {
        if let Some((from, to)) = shaded(annotation, low, high) {
            let rim = ring(center, radius * 1.02, radius * 1.07, angle(from), angle(to));
            svg.fill_path(&rim, annotation.color.unwrap_or(ALARM), 1.0);
        }
    }
    let latest = plotted.latest();
    if let Some(value) = latest.filter(|value| angle(*value) > FROM) {
        let color = color_at(chart, value, low, high).unwrap_or(plotted.color);
        svg.fill_path(&ring(center, inner, radius, FROM, angle(value)), color, 1.0);
    }
    if radius < 14.0 {
        return;
    }
    let (figure, unit) = value_text(chart, plotted, latest);
    let size = (inner * 2.0 * 0.8 / width(&figure, 1.0, Weight::Bold).max(2.2)).min(radius * 0.4).max(8.0);
    let style = TextStyle::new(size, colors.text).bold().anchored(Anchor::Middle);
    svg.text((center.0, center.1 + size * 0.25), style, &figure);
    if !worded {
        return;
    }
    let small = TextStyle::new((size * 0.45).clamp(9.0, 16.0), colors.muted).anchored(Anchor::Middle);
    svg.text(
        (center.0, center.1 + size * 0.25 + small.size + 5.0),
        small,
        &fit(&unit, small.size, Weight::Regular, inner),
    );
    let end = TextStyle::new(11.0, colors.muted).anchored(Anchor::Middle);
    let middle = (inner + radius) / 2.0;
    for (value, at) in [(low, FROM), (high, TO)] {
        let place = (center.0 + middle * at.cos(), center.1 + radius * at.sin() + 17.0);
        svg.text(place, end, &number::short(value));
    }
    let label = fit(&plotted.series.label, 12.0, Weight::Regular, tile.width);
    let style = TextStyle::new(12.0, colors.muted).anchored(Anchor::Middle);
    svg.text((center.0, center.1 + radius * TO.sin() + 34.0), style, &label);
}

/// The values at the ends of the dial, ascending.
fn ends(chart: &Chart, plotted: &Plotted<'_>) -> (f64, f64) {
    if plotted.series.unit.as_deref() == Some("Percent") && chart.left.min.is_none() && chart.left.max.is_none() {
        return (0.0, 100.0);
    }
    let latest = extent(plotted.latest().into_iter().chain([0.0]));
    let scale = ValueScale::new(latest, (chart.left.min, chart.left.max), 4);
    (scale.min, scale.max)
}

/// The values that an annotation shades, within the dial.
fn shaded(annotation: &HorizontalAnnotation, low: f64, high: f64) -> Option<(f64, f64)> {
    let value = annotation.value;
    let (from, to) = match &annotation.fill {
        HorizontalFill::None => return None,
        HorizontalFill::Above => (value, high),
        HorizontalFill::Below => (low, value),
        HorizontalFill::Between { value: other, .. } => (value.min(*other), value.max(*other)),
    };
    (from.is_finite() && to.is_finite() && from < to && to > low && from < high)
        .then_some((from.max(low), to.min(high)))
}

fn color_at(chart: &Chart, value: f64, low: f64, high: f64) -> Option<Color> {
    let covers = |annotation: &&HorizontalAnnotation| {
        shaded(annotation, low, high)
            .is_some_and(|(from, to)| from <= value.clamp(low, high) && value.clamp(low, high) <= to)
    };
    chart.horizontal.iter().find(covers).map(|annotation| annotation.color.unwrap_or(ALARM))
}
