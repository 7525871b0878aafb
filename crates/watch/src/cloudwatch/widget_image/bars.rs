//! One bar for each series' latest value.

use super::chart::{Chart, Side};
use super::color::Colors;
use super::frame::draw_no_data;
use super::number;
use super::plot_area::crisp;
use super::plotted::{Plotted, extent};
use super::scale::ValueScale;
use super::svg::{Anchor, Rect, Stroke, Svg, TextStyle};
use super::text::{Weight, fit, width};

/// Size of the text, pixels.
const SIZE: f64 = 11.0;
/// Widest bar, pixels.
const BAR_MAX: f64 = 72.0;

/// Draws the view into an area.
pub fn draw(svg: &mut Svg, chart: &Chart, series: &[Plotted<'_>], area: Rect, colors: &Colors) {
    let bars: Vec<(&Plotted<'_>, f64)> =
        series.iter().filter_map(|plotted| Some((plotted, plotted.latest()?))).collect();
    if bars.is_empty() {
        return draw_no_data(svg, area, colors);
    }
    let values = bars.iter().map(|(_, value)| *value).chain([0.0]);
    let marked = chart.horizontal.iter().map(|annotation| annotation.value).filter(|value| value.is_finite());
    let labels = area.width >= 90.0 && area.height >= 60.0;
    let count = (area.height / 48.0).clamp(2.0, 8.0) as usize;
    let scale = ValueScale::new(extent(values.chain(marked)), (chart.left.min, chart.left.max), count);
    let tick_width = |tick: &f64| width(&number::tick(*tick, scale.step), SIZE, Weight::Regular);
    let gutter = scale.ticks.iter().map(tick_width).fold(0.0, f64::max) + 8.0;
    let rect = if labels { area.inset(gutter, 20.0, 6.0, 22.0) } else { area };
    let y = |value: f64| rect.bottom() - scale.fraction(value).clamp(0.0, 1.0) * rect.height;
    for tick in &scale.ticks {
        svg.line((rect.x, crisp(y(*tick))), (rect.right(), crisp(y(*tick))), Stroke::solid(colors.grid, 1.0));
        if labels {
            let style = TextStyle::new(SIZE, colors.muted).anchored(Anchor::End);
            svg.text((rect.x - 7.0, y(*tick) + 4.0), style, &number::tick(*tick, scale.step));
        }
    }
    if labels && let Some(name) = &chart.left.label {
        let name = fit(name, SIZE, Weight::Regular, area.width);
        svg.text((area.x, area.y + 10.0), TextStyle::new(SIZE, colors.muted), &name);
    }
    let slot = rect.width / bars.len() as f64;
    let bar = (slot * 0.68).clamp(1.0, BAR_MAX);
    for (index, (plotted, value)) in bars.iter().enumerate() {
        let middle = rect.x + slot * (index as f64 + 0.5);
        let (top, bottom) = (y(value.max(0.0)), y(value.min(0.0)));
        svg.rounded(Rect::new(middle - bar / 2.0, top, bar, bottom - top), 1.5, plotted.color, 1.0);
        let style = TextStyle::new(SIZE, colors.text).anchored(Anchor::Middle);
        let text = number::short(*value);
        if labels && width(&text, SIZE, Weight::Regular) <= slot {
            let at = if *value < 0.0 { bottom + 13.0 } else { top - 5.0 };
            svg.text((middle, at), style, &text);
        }
        if labels && slot >= 24.0 {
            let name = fit(&plotted.series.label, SIZE, Weight::Regular, slot - 6.0);
            svg.text((middle, rect.bottom() + 16.0), TextStyle { fill: colors.muted, ..style }, &name);
        }
    }
    let zero = crisp(y(0.0));
    svg.line((rect.x, zero), (rect.right(), zero), Stroke::solid(colors.axis, 1.0));
    draw_marks(svg, chart, rect, y, colors);
}

/// Lines of horizontal annotations, with their words at the left.
fn draw_marks(svg: &mut Svg, chart: &Chart, rect: Rect, y: impl Fn(f64) -> f64, colors: &Colors) {
    let marks = chart.horizontal.iter().filter(|annotation| annotation.value.is_finite());
    for annotation in marks.filter(|annotation| annotation.axis == Side::Left) {
        let at = crisp(y(annotation.value));
        let color = annotation.color.unwrap_or(super::color::ALARM);
        svg.line((rect.x, at), (rect.right(), at), Stroke::solid(color, 1.2));
        let text = fit(&annotation.label, SIZE, Weight::Regular, rect.width - 12.0);
        svg.outlined_text((rect.x + 6.0, at - 4.0), TextStyle::new(SIZE, colors.text), colors.background, &text);
    }
}
