//! One slice for each series' latest value; values that are not above zero have none.

use super::color::{Color, Colors};
use super::frame::draw_no_data;
use super::plotted::Plotted;
use super::svg::{Anchor, Px, Rect, Stroke, Svg, TextStyle};
use std::f64::consts::{FRAC_PI_2, TAU};

/// Slices below this part of the circle have no percentage on them.
const LABEL_MIN: f64 = 0.05;

/// Draws the view into an area.
pub fn draw(svg: &mut Svg, series: &[Plotted<'_>], area: Rect, colors: &Colors) {
    let largest = series.iter().filter_map(Plotted::latest).fold(0.0, f64::max);
    // Parts of the largest value: a sum of huge values would be infinite.
    let part = |plotted: &Plotted<'_>| plotted.latest().filter(|value| *value > 0.0).map(|value| value / largest);
    let slices: Vec<(Color, f64)> = series.iter().filter_map(|plotted| Some((plotted.color, part(plotted)?))).collect();
    let total: f64 = slices.iter().map(|(_, part)| part).sum();
    if slices.is_empty() || total <= 0.0 {
        return draw_no_data(svg, area, colors);
    }
    let center = (area.x + area.width / 2.0, area.y + area.height / 2.0);
    let radius = (area.width.min(area.height) / 2.0 - 8.0).max(1.0);
    let inner = radius * 0.56;
    let mut from = -FRAC_PI_2;
    let separated = slices.len() > 1;
    for (color, part) in slices {
        let share = part / total;
        let to = from + share * TAU;
        let data = ring(center, inner, radius, from, to);
        svg.fill_path(&data, color, 1.0);
        // Thin slices have thin lines between them, or nothing would be left of them.
        let line = (share * TAU * inner * 0.1).min(1.5);
        if separated && radius > 30.0 {
            svg.stroke_path(&data, Stroke::solid(colors.background, line));
        }
        if share >= LABEL_MIN && radius > 50.0 {
            let (middle, at) = ((from + to) / 2.0, (inner + radius) / 2.0);
            let fill = if color.lightness() > 150.0 { Color::hex(0x16191f) } else { Color::hex(0xffffff) };
            let style = TextStyle::new(12.0, fill).bold().anchored(Anchor::Middle);
            let place = (center.0 + at * middle.cos(), center.1 + at * middle.sin() + 4.0);
            svg.text(place, style, &format!("{:.0}%", share * 100.0));
        }
        from = to;
    }
}

/// Path data of a piece of a ring, from one angle to another (radians, clockwise, 0 is at the right).
pub fn ring(center: (f64, f64), inner: f64, outer: f64, from: f64, to: f64) -> String {
    // An arc that ends where it begins is nothing in SVG: a whole circle is drawn just short of it.
    let to = to.min(from + TAU - 1e-4);
    let large = u8::from(to - from > TAU / 2.0);
    let point = |radius: f64, angle: f64| {
        let (x, y) = (center.0 + radius * angle.cos(), center.1 + radius * angle.sin());
        format!("{} {}", Px(x), Px(y))
    };
    let (outer_px, inner_px) = (Px(outer), Px(inner));
    format!(
        "M{}A{outer_px} {outer_px} 0 {large} 1 {}L{}A{inner_px} {inner_px} 0 {large} 0 {}Z",
        point(outer, from),
        point(outer, to),
        point(inner, to),
        point(inner, from),
    )
}
