//! A table: one row for each series with the figures that sum it up, and as many of its latest values as fit.

use super::chart::{Chart, Summary};
use super::color::Colors;
use super::frame::draw_no_data;
use super::number::short;
use super::plotted::Plotted;
use super::svg::{Anchor, Rect, Stroke, Svg, TextStyle};
use super::text::{Weight, fit};
use jiff::civil::{DateTime, Time};
use model::Timestamp;

/// Size of the text, pixels.
const SIZE: f64 = 12.0;
/// Height of a row, pixels.
const ROW: f64 = 25.0;
/// Width of a column of figures, pixels.
const COLUMN: f64 = 66.0;
/// Draws the view into an area.
pub fn draw(svg: &mut Svg, chart: &Chart, series: &[Plotted<'_>], area: Rect, colors: &Colors) {
    if series.is_empty() {
        return draw_no_data(svg, area, colors);
    }
    let label_width = (area.width * 0.3).max((area.width - 8.0 * COLUMN).min(area.width * 0.5));
    let fitting = ((area.width - label_width) / COLUMN).floor().max(0.0) as usize;
    let summaries: Vec<Summary> = chart.table.summary.iter().copied().take(fitting).collect();
    let times = latest_times(series, if chart.table.times { fitting - summaries.len() } else { 0 });
    let label_width = area.width - (summaries.len() + times.len()) as f64 * COLUMN;
    let right = |column: usize| area.x + label_width + (column + 1) as f64 * COLUMN - 6.0;
    let head = TextStyle::new(SIZE, colors.muted).bold();
    svg.text((area.x + 4.0, area.y + 16.0), head, &fit("Label", SIZE, Weight::Bold, label_width));
    let names = summaries.iter().map(|summary| title(*summary).to_owned()).chain(time_titles(chart, &times));
    for (column, name) in names.enumerate() {
        svg.text((right(column), area.y + 16.0), head.anchored(Anchor::End), &name);
    }
    let top = area.y + ROW;
    svg.line((area.x, top), (area.right(), top), Stroke::solid(colors.axis, 1.0));
    let fitting = ((area.height - ROW) / ROW).floor().max(0.0) as usize;
    let shown = if series.len() > fitting { fitting.saturating_sub(1) } else { series.len() };
    for (row, plotted) in series.iter().take(shown).enumerate() {
        let y = top + row as f64 * ROW;
        draw_row(svg, plotted, Rect::new(area.x, y, label_width, ROW), colors);
        svg.line((area.x, y + ROW), (area.right(), y + ROW), Stroke::solid(colors.grid, 1.0));
        let latest = times.iter().map(|at| value_at(plotted, *at));
        let figures = summaries.iter().map(|summary| figure(plotted, *summary)).chain(latest);
        for (column, value) in figures.enumerate() {
            let style = TextStyle::new(SIZE, colors.text).anchored(Anchor::End);
            svg.text((right(column), y + 17.0), style, &value.map_or_else(|| "-".to_owned(), short));
        }
    }
    if shown < series.len() && fitting > 0 {
        let more = format!("+ {} more", series.len() - shown);
        svg.text((area.x + 4.0, top + shown as f64 * ROW + 17.0), head, &more);
    }
}

fn draw_row(svg: &mut Svg, plotted: &Plotted<'_>, cell: Rect, colors: &Colors) {
    svg.rounded(Rect::new(cell.x + 4.0, cell.y + 7.0, 11.0, 11.0), 2.0, plotted.color, 1.0);
    let label = fit(&plotted.series.label, SIZE, Weight::Regular, cell.width - 26.0);
    svg.text((cell.x + 21.0, cell.y + 17.0), TextStyle::new(SIZE, colors.text), &label);
}

/// The latest times at which a series has a point, ascending.
fn latest_times(series: &[Plotted<'_>], count: usize) -> Vec<i64> {
    let latest = series.iter().flat_map(|plotted| plotted.points.iter().rev().take(count).map(|(at, _)| *at));
    let mut times: Vec<i64> = latest.collect();
    times.sort_unstable();
    times.dedup();
    times.split_off(times.len().saturating_sub(count))
}

fn value_at(plotted: &Plotted<'_>, at: i64) -> Option<f64> {
    let index = plotted.points.binary_search_by_key(&at, |(time, _)| *time).ok()?;
    plotted.points.get(index).map(|(_, value)| *value)
}

fn title(summary: Summary) -> &'static str {
    match summary {
        Summary::Min => "Min",
        Summary::Max => "Max",
        Summary::Sum => "Sum",
        Summary::Average => "Average",
    }
}

/// Times of day, or days when all times are midnights.
fn time_titles(chart: &Chart, times: &[i64]) -> Vec<String> {
    let local: Vec<DateTime> = times.iter().map(|at| chart.zone.local(Timestamp(*at))).collect();
    let days = local.iter().all(|time| time.time() == Time::midnight());
    let format = if days { "%m/%d" } else { "%H:%M" };
    local.iter().map(|time| time.strftime(format).to_string()).collect()
}

fn figure(plotted: &Plotted<'_>, summary: Summary) -> Option<f64> {
    let sum = || plotted.points.iter().map(|(_, value)| value).sum::<f64>();
    let (low, high) = plotted.extent()?;
    Some(match summary {
        Summary::Min => low,
        Summary::Max => high,
        Summary::Sum => sum(),
        Summary::Average => sum() / plotted.points.len() as f64,
    })
}
