//! What all pictures have in common: margins, title and legend; what is left is for the picture itself.

use super::chart::{Chart, Legend, PIXELS_MAX, View};
use super::color::Colors;
use super::legend::{LINE, LegendLayout, column_width};
use super::plotted::Plotted;
use super::svg::{Anchor, Rect, Svg, TextStyle};
use super::text::{Weight, fit};

/// Pictures smaller than this, in pixels, have no title; a legend needs more.
const TITLE_MIN: (f64, f64) = (60.0, 60.0);
/// Pictures smaller than this, in pixels, have no legend.
const LEGEND_MIN: (f64, f64) = (120.0, 110.0);

/// Width and height as they are drawn.
pub fn size(chart: &Chart) -> (u32, u32) {
    (chart.width.clamp(1, PIXELS_MAX), chart.height.clamp(1, PIXELS_MAX))
}

/// Draws title and legend; answers what is left.
pub fn draw(svg: &mut Svg, chart: &Chart, series: &[Plotted<'_>], colors: &Colors) -> Rect {
    let (width, height) = size(chart);
    let whole = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let margin = (whole.width.min(whole.height) * 0.04).clamp(0.0, 14.0);
    let mut area = whole.inset(margin, margin, margin, margin);
    if !chart.title.is_empty() && whole.width >= TITLE_MIN.0 && whole.height >= TITLE_MIN.1 {
        let style = TextStyle::new(15.0, colors.text).bold();
        svg.text((area.x, area.y + 13.0), style, &fit(&chart.title, style.size, Weight::Bold, area.width));
        area = area.inset(0.0, 26.0, 0.0, 0.0);
    }
    // Numbers, dials and tables name their series themselves.
    let named = matches!(chart.view, View::Gauge | View::SingleValue { .. } | View::Table);
    if named || series.is_empty() || whole.width < LEGEND_MIN.0 || whole.height < LEGEND_MIN.1 {
        return area;
    }
    match chart.legend {
        Legend::Hidden => area,
        Legend::Bottom => {
            let lines_max = (area.height * 0.35 / LINE).floor().max(1.0) as usize;
            let layout = LegendLayout::in_lines(series, area.width, lines_max);
            layout.draw(svg, (area.x, area.bottom() - layout.height() + 2.0), series, colors);
            area.inset(0.0, 0.0, 0.0, layout.height() + 8.0)
        }
        Legend::Right => {
            let column = column_width(series).min(area.width * 0.36);
            let lines_max = (area.height / LINE).floor().max(1.0) as usize;
            let layout = LegendLayout::in_column(series, column, lines_max);
            layout.draw(svg, (area.right() - column, area.y), series, colors);
            area.inset(0.0, 0.0, column + 18.0, 0.0)
        }
    }
}

/// Says in the middle of the picture that there is nothing to show.
pub fn draw_no_data(svg: &mut Svg, area: Rect, colors: &Colors) {
    let style = TextStyle::new(13.0, colors.muted).anchored(Anchor::Middle);
    let text = fit("No data available.", style.size, Weight::Regular, area.width);
    svg.text((area.x + area.width / 2.0, area.y + area.height / 2.0 + 4.0), style, &text);
}
