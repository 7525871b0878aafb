//! Each series' latest value in figures, with a small line of all its values below.

use super::chart::Chart;
use super::color::Colors;
use super::frame::draw_no_data;
use super::plotted::{Plotted, extend_path, path, thin};
use super::svg::{Rect, Stroke, Svg, TextStyle};
use super::text::{Weight, fit, width};
use super::tiles::{self, value_text};

/// Largest size of figures, pixels.
const FIGURE_MAX: f64 = 64.0;

/// Draws the view into an area.
pub fn draw(svg: &mut Svg, chart: &Chart, series: &[Plotted<'_>], area: Rect, colors: &Colors, sparkline: bool) {
    if series.is_empty() {
        return draw_no_data(svg, area, colors);
    }
    let tiles: Vec<Tile<'_>> = tiles::grid(area, series.len(), 1.9, false)
        .into_iter()
        .zip(series)
        .map(|(rect, plotted)| Tile::new(chart, plotted, rect, sparkline))
        .collect();
    // One size for all figures: that of the longest.
    let size = tiles.iter().map(Tile::figure_size).fold(FIGURE_MAX, f64::min);
    for tile in tiles {
        tile.draw(svg, chart, size, colors);
    }
}

/// The place of one series, cut into its parts.
struct Tile<'a> {
    plotted: &'a Plotted<'a>,
    /// Where the name is, when there is room for one.
    name: Option<Rect>,
    figures: Rect,
    /// Where the small line is, when there is one.
    line: Option<Rect>,
    figure: String,
    unit: String,
}

impl<'a> Tile<'a> {
    fn new(chart: &Chart, plotted: &'a Plotted<'a>, rect: Rect, sparkline: bool) -> Self {
        let margin = (rect.width * 0.04).min(10.0);
        let inner = rect.inset(margin, margin, margin, margin);
        let named = inner.height >= 44.0 && inner.width >= 40.0;
        let body = inner.inset(0.0, if named { 20.0 } else { 0.0 }, 0.0, 0.0);
        let lined = sparkline && plotted.points.len() > 1 && body.height >= 50.0;
        let figures = if lined { body.inset(0.0, 0.0, 0.0, body.height * 0.45) } else { body };
        let line = lined.then(|| body.inset(0.0, body.height * 0.6, 0.0, 2.0));
        let (figure, unit) = value_text(chart, plotted, plotted.latest());
        Self { plotted, name: named.then_some(inner), figures, line, figure, unit }
    }

    /// The largest size at which its figures fit.
    fn figure_size(&self) -> f64 {
        let unit = if self.unit.is_empty() { 0.0 } else { width(&self.unit, 0.5, Weight::Regular) + 0.15 };
        let across = self.figures.width / (width(&self.figure, 1.0, Weight::Bold) + unit);
        across.min(self.figures.height * 0.8)
    }

    fn draw(&self, svg: &mut Svg, chart: &Chart, size: f64, colors: &Colors) {
        if let Some(name) = self.name {
            svg.rounded(Rect::new(name.x, name.y + 2.0, 11.0, 11.0), 2.0, self.plotted.color, 1.0);
            let label = fit(&self.plotted.series.label, 13.0, Weight::Regular, name.width - 17.0);
            svg.text((name.x + 17.0, name.y + 12.5), TextStyle::new(13.0, colors.muted), &label);
        }
        let baseline = self.figures.y + (self.figures.height + size * 0.72) / 2.0;
        svg.text((self.figures.x, baseline), TextStyle::new(size, colors.text).bold(), &self.figure);
        let beside = self.figures.x + width(&self.figure, size, Weight::Bold) + size * 0.15;
        svg.text((beside, baseline), TextStyle::new(size * 0.5, colors.muted), &self.unit);
        if let Some(line) = self.line {
            draw_sparkline(svg, self.plotted, line, (chart.range.start.millis(), chart.range.end.millis()));
        }
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
