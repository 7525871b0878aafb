//! The ground of a time series: value axes left and right, the time axis, the grid, and from values and times to pixels.

use super::chart::{Axis, Chart, Side};
use super::color::Colors;
use super::number;
use super::plotted::Plotted;
use super::scale::ValueScale;
use super::svg::{Anchor, Rect, Stroke, Svg, TextStyle};
use super::text::{Weight, fit, width};
use super::time_axis::{TimeTick, ticks};

/// Size of the text at the axes, pixels.
const SIZE: f64 = 11.0;
/// Pictures smaller than this, in pixels, have no text at their axes.
const LABELS_MIN: (f64, f64) = (90.0, 48.0);
/// Pictures lower than this, in pixels, have no names above their axes.
const NAMES_MIN: f64 = 90.0;

/// Where data are drawn, and how.
#[derive(Debug)]
pub struct PlotArea {
    /// The pixels of the data.
    pub rect: Rect,
    /// Start and end of the time axis, milliseconds.
    pub times: (i64, i64),
    /// The left scale.
    pub left: ValueScale,
    /// The right scale, where something uses it.
    pub right: Option<ValueScale>,
    labels: bool,
    named: bool,
}

impl PlotArea {
    /// Lays out an area: `data` are the smallest and largest values at the left and right axis, and whether each is used.
    pub fn new(chart: &Chart, area: Rect, data: [Option<(f64, f64)>; 2], right_used: bool, below: f64) -> Self {
        let labels = area.width >= LABELS_MIN.0 && area.height >= LABELS_MIN.1;
        let named = labels && area.height >= NAMES_MIN;
        let top = match (labels, named) {
            (true, true) => 20.0,
            (true, false) => 6.0,
            (false, _) => 2.0,
        };
        let bottom = if labels { 22.0 } else { 2.0 } + below;
        let inner_height = (area.height - top - bottom).max(1.0);
        let count = (inner_height / 42.0).clamp(2.0, 8.0) as usize;
        let scale = |axis: &Axis, data| ValueScale::new(data, (axis.min, axis.max), count);
        let left = scale(&chart.left, data[0]);
        let right = right_used.then(|| scale(&chart.right, data[1]));
        let gutter = |scale: &ValueScale| {
            let widest =
                |wide: f64, tick: &f64| wide.max(width(&number::tick(*tick, scale.step), SIZE, Weight::Regular));
            (scale.ticks.iter().fold(0.0, widest) + 8.0).min(area.width * 0.3)
        };
        let left_room = if labels { gutter(&left) } else { 0.0 };
        let right_room = match &right {
            Some(scale) if labels => gutter(scale),
            _ if labels => 14.0,
            _ => 0.0,
        };
        let inner = area.inset(left_room, top, right_room, bottom);
        let rect = Rect::new(inner.x, inner.y, inner.width.max(1.0), inner.height.max(1.0));
        let (start, end) = (chart.range.start.millis(), chart.range.end.millis());
        Self { rect, times: (start, end.max(start.saturating_add(1))), left, right, labels, named }
    }

    /// Pixel of a time.
    pub fn x(&self, at: i64) -> f64 {
        let (start, end) = self.times;
        let part = at.saturating_sub(start) as f64 / end.saturating_sub(start) as f64;
        self.rect.x + part * self.rect.width
    }

    /// Pixel of a value.
    pub fn y(&self, value: f64, side: Side) -> f64 {
        let fraction = self.scale(side).fraction(value);
        self.rect.bottom() - fraction * self.rect.height
    }

    fn scale(&self, side: Side) -> &ValueScale {
        match (side, &self.right) {
            (Side::Right, Some(right)) => right,
            _ => &self.left,
        }
    }

    /// Draws grid, axes and their text.
    pub fn draw(&self, svg: &mut Svg, chart: &Chart, series: &[Plotted<'_>], colors: &Colors) {
        let rect = self.rect;
        for tick in &self.left.ticks {
            let y = crisp(self.y(*tick, Side::Left));
            svg.line((rect.x, y), (rect.right(), y), Stroke::solid(colors.grid, 1.0));
        }
        let bottom = crisp(rect.bottom());
        svg.line((rect.x, bottom), (rect.right(), bottom), Stroke::solid(colors.axis, 1.0));
        if self.labels {
            self.draw_values(svg, Side::Left, colors);
            self.draw_values(svg, Side::Right, colors);
            self.draw_times(svg, chart, colors);
        }
        if self.named {
            self.draw_names(svg, chart, series, colors);
        }
    }

    fn draw_values(&self, svg: &mut Svg, side: Side, colors: &Colors) {
        let style = TextStyle::new(SIZE, colors.muted);
        let (scale, x, style) = match (side, &self.right) {
            (Side::Left, _) => (&self.left, self.rect.x - 7.0, style.anchored(Anchor::End)),
            (Side::Right, Some(right)) => (right, self.rect.right() + 7.0, style),
            (Side::Right, None) => return,
        };
        for tick in &scale.ticks {
            let y = self.y(*tick, side);
            svg.text((x, y + 4.0), style, &number::tick(*tick, scale.step));
        }
    }

    /// The names of the axes, above them: each has half of the width, or all of it when alone.
    fn draw_names(&self, svg: &mut Svg, chart: &Chart, series: &[Plotted<'_>], colors: &Colors) {
        let style = TextStyle::new(SIZE, colors.muted);
        let left = axis_name(&chart.left, Side::Left, series);
        let right = if self.right.is_some() { axis_name(&chart.right, Side::Right, series) } else { String::new() };
        let both = !left.is_empty() && !right.is_empty();
        let y = self.rect.y - 10.0;
        let (from, to) = (self.rect.x - 7.0 - self.left_text(), self.rect.right() + 7.0 + self.right_text());
        let room = if both { (to - from) / 2.0 - 8.0 } else { to - from };
        svg.text((from, y), style, &fit(&left, SIZE, Weight::Regular, room));
        svg.text((to, y), style.anchored(Anchor::End), &fit(&right, SIZE, Weight::Regular, room));
    }

    fn left_text(&self) -> f64 {
        text_width(&self.left)
    }

    fn right_text(&self) -> f64 {
        self.right.as_ref().map_or(-7.0, text_width)
    }

    fn draw_times(&self, svg: &mut Svg, chart: &Chart, colors: &Colors) {
        let rect = self.rect;
        let style = TextStyle::new(SIZE, colors.muted).anchored(Anchor::Middle);
        let count = (rect.width / 68.0).clamp(1.0, 60.0) as usize;
        let mut free = rect.x - 30.0;
        for TimeTick { at, label, major } in ticks(chart.range.start, chart.range.end, chart.zone, count) {
            let x = self.x(at.millis());
            let half = width(&label, SIZE, Weight::Bold) / 2.0;
            svg.line((crisp(x), rect.bottom()), (crisp(x), rect.bottom() + 4.0), Stroke::solid(colors.axis, 1.0));
            if x - half < free || x + half > rect.right() + 30.0 {
                continue;
            }
            free = x + half + 6.0;
            let style = if major { TextStyle { fill: colors.text, ..style.bold() } } else { style };
            svg.text((x, rect.bottom() + 17.0), style, &label);
        }
    }
}

fn text_width(scale: &ValueScale) -> f64 {
    scale.ticks.iter().map(|tick| width(&number::tick(*tick, scale.step), SIZE, Weight::Regular)).fold(0.0, f64::max)
}

/// The label that the user gave, else the unit when all series of the axis agree on one.
fn axis_name(axis: &Axis, side: Side, series: &[Plotted<'_>]) -> String {
    if let Some(label) = &axis.label {
        return label.clone();
    }
    let mut units = series.iter().filter(|plotted| plotted.is_on(side)).map(|plotted| plotted.series.unit.as_deref());
    match units.next().flatten() {
        Some(unit) if axis.show_units && unit != "None" && units.all(|other| other == Some(unit)) => unit.to_owned(),
        _ => String::new(),
    }
}

/// The middle of the pixel, so that a line of one pixel fills one and not two halves.
pub fn crisp(at: f64) -> f64 {
    at.floor() + 0.5
}
