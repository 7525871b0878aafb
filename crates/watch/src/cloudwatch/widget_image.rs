//! Pictures of metrics, as GetMetricWidgetImage gives them: a [`Chart`] becomes SVG, and that a PNG.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricWidgetImage.html>. Nothing here reads a
//! file, a clock or a font of the machine: the same chart is the same picture everywhere.
//!
//! AWS does not publish how it draws. Known and kept: the palette and its order, the default size, joining of points at the
//! period and dots for lone ones, three significant digits with `K` `M` `G` `T`. Ours: round numbers at the axes (AWS cuts the
//! axis into equal parts), the shape of dials and pies, which columns a table has.

mod annotation;
mod bars;
mod chart;
mod color;
mod frame;
mod gauge;
mod legend;
mod number;
mod pie;
mod plot_area;
mod plotted;
mod raster;
mod scale;
mod single_value;
mod svg;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod tiles;
mod time_axis;
mod time_series;

pub use chart::{
    AlarmAnnotation, AlarmState, Axis, Chart, HorizontalAnnotation, HorizontalFill, Legend, PIXELS_MAX, Series, Side,
    Summary, TableColumns, VerticalAnnotation, VerticalFill, View,
};
pub use color::{Color, PALETTE, Theme};
pub use raster::RenderError;
pub use time_axis::ZoneOffset;

/// The chart as an SVG document that names the font `Noto Sans`.
pub fn svg(chart: &Chart) -> String {
    let colors = chart.theme.colors();
    let (width, height) = frame::size(chart);
    let mut svg = svg::Svg::new(width, height, colors.background);
    let series = plotted::plotted(chart);
    let area = frame::draw(&mut svg, chart, &series, &colors);
    match chart.view {
        View::TimeSeries { stacked } => time_series::draw(&mut svg, chart, &series, area, &colors, stacked),
        View::Bar => bars::draw(&mut svg, chart, &series, area, &colors),
        View::Pie => pie::draw(&mut svg, &series, area, &colors),
        View::Gauge => gauge::draw(&mut svg, chart, &series, area, &colors),
        View::SingleValue { sparkline } => single_value::draw(&mut svg, chart, &series, area, &colors, sparkline),
        View::Table => table::draw(&mut svg, chart, &series, area, &colors),
    }
    svg.finish()
}

/// The chart as a PNG of its size. Takes tens of milliseconds of processor time: not for an async thread.
pub fn png(chart: &Chart) -> Result<Vec<u8>, RenderError> {
    let (width, height) = frame::size(chart);
    raster::png(&svg(chart), width, height)
}
