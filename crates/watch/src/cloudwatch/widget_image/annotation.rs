//! Marked values and times: shading below the data, lines and words above them, and the strip of an alarm's states.

use super::chart::{AlarmState, Chart, HorizontalAnnotation, HorizontalFill, Side, VerticalAnnotation, VerticalFill};
use super::color::{ALARM, Color, Colors, INSUFFICIENT_DATA, OK};
use super::plot_area::{PlotArea, crisp};
use super::svg::{Rect, Stroke, Svg, TextStyle};
use super::text::{Weight, fit, width};
use std::borrow::Cow;

/// How strong shading is.
const SHADE: f64 = 0.12;
/// Height of the strip of one alarm, with the room above it.
const STRIP: f64 = 8.0;
/// Most strips that are drawn.
const STRIPS_MAX: usize = 5;
/// Size of the words, pixels.
const SIZE: f64 = 11.0;

/// A line across the picture at a value.
struct ValueLine<'a> {
    value: f64,
    side: Side,
    color: Color,
    label: Cow<'a, str>,
    dashed: bool,
}

fn value_lines(chart: &Chart) -> Vec<ValueLine<'_>> {
    let mut lines = Vec::new();
    for annotation in &chart.horizontal {
        let color = annotation.color.unwrap_or(ALARM);
        let mut add = |value: f64, label: &'_ str| {
            let label = Cow::Owned(label.to_owned());
            lines.push(ValueLine { value, side: annotation.axis, color, label, dashed: false });
        };
        add(annotation.value, &annotation.label);
        if let HorizontalFill::Between { value, label } = &annotation.fill {
            add(*value, label);
        }
    }
    for alarm in &chart.alarms {
        if let Some(value) = alarm.threshold {
            let label = Cow::Borrowed(alarm.label.as_str());
            lines.push(ValueLine { value, side: alarm.axis, color: ALARM, label, dashed: true });
        }
    }
    lines.retain(|line| line.value.is_finite());
    lines
}

/// The marked values of an axis: the axis reaches as far as they do.
pub fn values(chart: &Chart, side: Side) -> impl Iterator<Item = f64> {
    value_lines(chart).into_iter().filter(move |line| line.side == side).map(|line| line.value)
}

/// Whether something is marked on the right axis.
pub fn uses_right(chart: &Chart) -> bool {
    values(chart, Side::Right).next().is_some()
}

/// Shades what annotations say, below the data.
pub fn draw_fills(svg: &mut Svg, chart: &Chart, plot: &PlotArea) {
    for annotation in &chart.horizontal {
        if let Some((from, to)) = shaded_values(annotation, plot) {
            let rect = Rect::new(plot.rect.x, from.min(to), plot.rect.width, (from - to).abs());
            svg.rect(rect, annotation.color.unwrap_or(ALARM), SHADE);
        }
    }
    for annotation in &chart.vertical {
        if let Some((from, to)) = shaded_times(annotation, plot) {
            let (from, to) = (from.max(plot.rect.x), to.min(plot.rect.right()));
            let rect = Rect::new(from, plot.rect.y, to - from, plot.rect.height);
            svg.rect(rect, annotation.color.unwrap_or(ALARM), SHADE);
        }
    }
}

fn shaded_values(annotation: &HorizontalAnnotation, plot: &PlotArea) -> Option<(f64, f64)> {
    if !annotation.value.is_finite() {
        return None;
    }
    let inside = |y: f64| y.clamp(plot.rect.y, plot.rect.bottom());
    let y = inside(plot.y(annotation.value, annotation.axis));
    match &annotation.fill {
        HorizontalFill::None => None,
        HorizontalFill::Above => Some((plot.rect.y, y)),
        HorizontalFill::Below => Some((y, plot.rect.bottom())),
        HorizontalFill::Between { value, .. } if value.is_finite() => {
            Some((y, inside(plot.y(*value, annotation.axis))))
        }
        HorizontalFill::Between { .. } => None,
    }
}

fn shaded_times(annotation: &VerticalAnnotation, plot: &PlotArea) -> Option<(f64, f64)> {
    let x = plot.x(annotation.at.millis());
    match &annotation.fill {
        VerticalFill::None => None,
        VerticalFill::Before => Some((plot.rect.x, x)),
        VerticalFill::After => Some((x, plot.rect.right())),
        VerticalFill::Between { at, .. } => {
            let other = plot.x(at.millis());
            Some((x.min(other), x.max(other)))
        }
    }
}

/// Draws the lines of annotations, above the data.
pub fn draw_lines(svg: &mut Svg, chart: &Chart, plot: &PlotArea) {
    for line in value_lines(chart) {
        let y = crisp(plot.y(line.value, line.side));
        let stroke = if line.dashed { Stroke::dashed(line.color, 1.2) } else { Stroke::solid(line.color, 1.2) };
        svg.line((plot.rect.x, y), (plot.rect.right(), y), stroke);
    }
    for (at, _, color) in time_lines(chart) {
        let x = crisp(plot.x(at));
        svg.line((x, plot.rect.y), (x, plot.rect.bottom()), Stroke::solid(color, 1.2));
    }
}

/// Times that are marked, milliseconds, with their words and colours.
fn time_lines(chart: &Chart) -> Vec<(i64, &str, Color)> {
    let mut lines = Vec::new();
    for annotation in &chart.vertical {
        let color = annotation.color.unwrap_or(ALARM);
        lines.push((annotation.at.millis(), annotation.label.as_str(), color));
        if let VerticalFill::Between { at, label } = &annotation.fill {
            lines.push((at.millis(), label.as_str(), color));
        }
    }
    lines
}

/// Writes the words of annotations: above their lines at the left, and at the top beside vertical lines.
///
/// Words that would lie on other words are moved to the right, or left out.
pub fn draw_labels(svg: &mut Svg, chart: &Chart, plot: &PlotArea, colors: &Colors) {
    let rect = plot.rect;
    if rect.width < 60.0 || rect.height < 30.0 {
        return;
    }
    let mut taken: Vec<Rect> = Vec::new();
    for line in value_lines(chart) {
        let y = plot.y(line.value, line.side);
        if line.label.is_empty() || y < rect.y - 1.0 || y > rect.bottom() + 1.0 {
            continue;
        }
        let text = fit(&line.label, SIZE, Weight::Regular, rect.width - 12.0);
        // At the upper edge the words go below their line.
        let baseline = if y - rect.y < 14.0 { y + 13.0 } else { y - 4.0 };
        let size = width(&text, SIZE, Weight::Regular);
        let places = [rect.x + 6.0, rect.right() - size - 6.0, rect.x + (rect.width - size) / 2.0];
        place(svg, &mut taken, &places, baseline, &text, colors);
    }
    for (at, label, _) in time_lines(chart) {
        let x = plot.x(at);
        if label.is_empty() || x < rect.x || x > rect.right() {
            continue;
        }
        let text = fit(label, SIZE, Weight::Regular, (rect.right() - x).max(x - rect.x) - 8.0);
        let size = width(&text, SIZE, Weight::Regular);
        let place_x = if x + size + 6.0 <= rect.right() { x + 5.0 } else { x - size - 5.0 };
        let lines = [rect.y + 12.0, rect.y + 26.0, rect.y + 40.0];
        let mut place = |baseline| place(svg, &mut taken, &[place_x], baseline, &text, colors);
        lines.into_iter().find(|baseline| place(*baseline));
    }
}

/// Writes text at the first of some places where nothing is yet; false when there is none.
fn place(svg: &mut Svg, taken: &mut Vec<Rect>, xs: &[f64], baseline: f64, text: &str, colors: &Colors) -> bool {
    let size = width(text, SIZE, Weight::Regular);
    let overlaps = |a: &Rect, b: &Rect| a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom();
    for x in xs {
        let rect = Rect::new(x - 2.0, baseline - 10.0, size + 4.0, 12.0);
        if !taken.iter().any(|other| overlaps(&rect, other)) {
            taken.push(rect);
            svg.outlined_text((*x, baseline), TextStyle::new(SIZE, colors.text), colors.background, text);
            return true;
        }
    }
    false
}

fn strips(chart: &Chart) -> impl Iterator<Item = &super::chart::AlarmAnnotation> {
    chart.alarms.iter().filter(|alarm| !alarm.states.is_empty()).take(STRIPS_MAX)
}

/// Height that the strips of alarm states need below the time axis.
pub fn strips_height(chart: &Chart, area: Rect) -> f64 {
    if area.height < 100.0 { 0.0 } else { strips(chart).count() as f64 * STRIP }
}

/// Draws one strip for each alarm: red, green and grey where it was in ALARM, OK and INSUFFICIENT_DATA.
pub fn draw_strips(svg: &mut Svg, chart: &Chart, plot: &PlotArea) {
    if plot.rect.height < 40.0 {
        return;
    }
    for (index, alarm) in strips(chart).enumerate() {
        let y = plot.rect.bottom() + 24.0 + index as f64 * STRIP;
        for (range, state) in &alarm.states {
            let from = plot.x(range.start.millis()).max(plot.rect.x);
            let to = plot.x(range.end.millis()).min(plot.rect.right());
            let color = match state {
                AlarmState::Ok => OK,
                AlarmState::Alarm => ALARM,
                AlarmState::InsufficientData => INSUFFICIENT_DATA,
            };
            if to > from {
                svg.rect(Rect::new(from, y, to - from, STRIP - 3.0), color, 1.0);
            }
        }
    }
}
