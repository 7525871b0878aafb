//! Lines over time, and areas on top of each other.
//!
//! Points are joined where they are no more than one and a half periods apart; a lone point is a dot. Areas of a stack are
//! joined the same way: between two of its points a series counts with the value on the line, elsewhere with 0.

use super::annotation;
use super::chart::{Chart, Side};
use super::color::{Color, Colors};
use super::frame::draw_no_data;
use super::plot_area::PlotArea;
use super::plotted::{Plotted, extend_path, extent, joined, path, thin};
use super::svg::{Rect, Stroke, Svg};

/// Width of lines, pixels.
const LINE: f64 = 1.8;
/// Radius of a lone point, pixels.
const DOT: f64 = 2.6;
/// Pictures whose lines are longer than this in all, pixels, are drawn with hard edges: a hundred noisy series in the largest
/// picture would take a quarter of a minute otherwise, and nobody sees the difference in such a thicket.
const SMOOTH_LENGTH_MAX: f64 = 4_000_000.0;

/// Draws the view into an area.
pub fn draw(svg: &mut Svg, chart: &Chart, series: &[Plotted<'_>], area: Rect, colors: &Colors, stacked: bool) {
    let stacks = [Side::Left, Side::Right].map(|side| Stack::new(series, side));
    let data = [Side::Left, Side::Right].map(|side| {
        let marked = annotation::values(chart, side);
        if stacked {
            let stack = &stacks[usize::from(side == Side::Right)];
            return extent(stack.extent().into_iter().flat_map(|(low, high)| [low, high, 0.0]).chain(marked));
        }
        let of_series = series.iter().filter(|plotted| plotted.is_on(side)).filter_map(Plotted::extent);
        extent(of_series.flat_map(|(low, high)| [low, high]).chain(marked))
    });
    let right_used = series.iter().any(|plotted| plotted.is_on(Side::Right)) || annotation::uses_right(chart);
    let below = annotation::strips_height(chart, area);
    let plot = PlotArea::new(chart, area, data, right_used, below);
    plot.draw(svg, chart, series, colors);
    svg.begin_clip(plot.rect.inset(0.0, -1.5, 0.0, -1.5));
    annotation::draw_fills(svg, chart, &plot);
    if stacked {
        draw_shapes(svg, stacks.iter().flat_map(|stack| stack.shapes(&plot)).collect());
    } else {
        draw_shapes(svg, series.iter().flat_map(|plotted| line_shapes(plotted, &plot)).collect());
    }
    annotation::draw_lines(svg, chart, &plot);
    svg.end_group();
    annotation::draw_labels(svg, chart, &plot, colors);
    annotation::draw_strips(svg, chart, &plot);
    if series.iter().all(|plotted| plotted.points.is_empty()) {
        draw_no_data(svg, plot.rect, colors);
    }
}

/// Something to draw, and how.
enum Shape {
    /// A line along path data.
    Line(Color, Path),
    /// What path data enclose.
    Area(Color, Path),
    /// A lone point.
    Dot(Color, (f64, f64), f64),
}

/// Path data and how long they are, pixels.
struct Path {
    data: String,
    length: f64,
}

impl Path {
    fn new(pixels: &[(f64, f64)]) -> Self {
        let step = |pair: &[(f64, f64)]| (pair[1].0 - pair[0].0).abs() + (pair[1].1 - pair[0].1).abs();
        Self { data: path(pixels), length: pixels.windows(2).map(step).sum() }
    }
}

/// Draws shapes in their order.
fn draw_shapes(svg: &mut Svg, shapes: Vec<Shape>) {
    let length = |shape: &Shape| match shape {
        Shape::Line(_, path) | Shape::Area(_, path) => path.length,
        Shape::Dot(..) => 0.0,
    };
    let crisp = shapes.iter().map(length).sum::<f64>() > SMOOTH_LENGTH_MAX;
    if crisp {
        svg.begin_crisp();
    }
    for shape in shapes {
        match shape {
            Shape::Line(color, path) => svg.stroke_path(&path.data, Stroke::solid(color, LINE)),
            Shape::Area(color, path) => svg.fill_path(&path.data, color, 0.55),
            Shape::Dot(color, at, radius) => svg.circle(at, radius, color),
        }
    }
    if crisp {
        svg.end_group();
    }
}

/// The lines of a series, and the dots of its lone points.
fn line_shapes(plotted: &Plotted<'_>, plot: &PlotArea) -> Vec<Shape> {
    let side = plotted.series.axis;
    let mut shapes = Vec::new();
    let mut dots = Vec::new();
    for run in plotted.runs() {
        match run {
            [(at, value)] => dots.push((plot.x(*at), plot.y(*value, side))),
            run => {
                let pixels = thin(run.iter().map(|(at, value)| (plot.x(*at), plot.y(*value, side))));
                shapes.push(Shape::Line(plotted.color, Path::new(&pixels)));
            }
        }
    }
    // Dots of a column are thinned like lines, so that a hundred thousand lone points stay a picture.
    let dots = thin(dots.into_iter());
    let radius = if dots.len() > 200 { LINE / 2.0 } else { DOT };
    shapes.extend(dots.into_iter().map(|dot| Shape::Dot(plotted.color, dot, radius)));
    shapes
}

/// A run of points of one layer: time, lower edge, upper edge.
type LayerRun = Vec<(i64, f64, f64)>;

/// The series of one axis on top of each other. Layers are made one at a time and not kept: there can be many long ones.
struct Stack<'a> {
    members: Vec<&'a Plotted<'a>>,
    /// All times at which one of them has a point.
    times: Vec<i64>,
}

impl<'a> Stack<'a> {
    fn new(series: &'a [Plotted<'a>], side: Side) -> Self {
        let members: Vec<&Plotted<'_>> = series.iter().filter(|plotted| plotted.is_on(side)).collect();
        let mut times: Vec<i64> = members.iter().flat_map(|member| member.points.iter().map(|(at, _)| *at)).collect();
        times.sort_unstable();
        times.dedup();
        Self { members, times }
    }

    /// Gives each layer to `each`, from the bottom up.
    fn for_each_layer(&self, mut each: impl FnMut(&Plotted<'_>, Vec<LayerRun>)) {
        let mut base = vec![0.0; self.times.len()];
        for plotted in &self.members {
            each(plotted, layer(plotted, &self.times, &mut base));
        }
    }

    fn extent(&self) -> Option<(f64, f64)> {
        let mut found: Option<(f64, f64)> = None;
        self.for_each_layer(|_, runs| {
            let edges = runs.iter().flatten().flat_map(|(_, low, high)| [*low, *high]);
            found = extent(edges.chain(found.into_iter().flat_map(|(low, high)| [low, high])));
        });
        found
    }

    /// The areas of all layers, then their upper edges: in between, the layers above would cover half of them.
    fn shapes(&self, plot: &PlotArea) -> Vec<Shape> {
        let (mut areas, mut edges) = (Vec::new(), Vec::new());
        self.for_each_layer(|plotted, runs| {
            for run in &runs {
                let (area, edge) = layer_shapes(plotted, run, plot);
                areas.extend(area);
                edges.push(edge);
            }
        });
        areas.extend(edges);
        areas
    }
}

/// The area of a run of a layer, and its upper edge; a single point has a line up to it and no area.
fn layer_shapes(plotted: &Plotted<'_>, run: &LayerRun, plot: &PlotArea) -> (Option<Shape>, Shape) {
    let side = plotted.series.axis;
    let top = thin(run.iter().map(|(at, _, high)| (plot.x(*at), plot.y(*high, side))));
    let bottom = thin(run.iter().map(|(at, low, _)| (plot.x(*at), plot.y(*low, side))));
    if let ([top], [bottom]) = (top.as_slice(), bottom.as_slice()) {
        return (None, Shape::Line(plotted.color, Path::new(&[*bottom, *top])));
    }
    let edge = Path::new(&top);
    let mut data = edge.data.clone();
    extend_path(&mut data, bottom.into_iter().rev(), 'L');
    data.push('Z');
    (Some(Shape::Area(plotted.color, Path { data, length: 2.0 * edge.length })), Shape::Line(plotted.color, edge))
}

/// Puts a series on top of `base` (one value for each time), which becomes its upper edge.
fn layer(plotted: &Plotted<'_>, times: &[i64], base: &mut [f64]) -> Vec<LayerRun> {
    let mut runs = Vec::new();
    let mut open = LayerRun::new();
    let mut next = 0;
    for (at, low) in times.iter().zip(base) {
        while plotted.points.get(next).is_some_and(|(time, _)| time <= at) {
            next += 1;
        }
        let before = next.checked_sub(1).and_then(|index| plotted.points.get(index));
        match value_at(*at, before, plotted.points.get(next), plotted.series.period_ms) {
            None => runs.extend((!open.is_empty()).then(|| std::mem::take(&mut open))),
            Some(value) => {
                let broken = open.last().is_some_and(|_| {
                    before.is_some_and(|(time, _)| time == at) && {
                        let earlier = next.checked_sub(2).and_then(|index| plotted.points.get(index));
                        earlier.is_some_and(|(time, _)| !joined(*time, *at, plotted.series.period_ms))
                    }
                });
                if broken {
                    runs.push(std::mem::take(&mut open));
                }
                let high = *low + value;
                open.push((*at, *low, high));
                *low = high;
            }
        }
    }
    runs.extend((!open.is_empty()).then_some(open));
    runs
}

/// The value of a series at a time between (or at) two of its points, where they are joined.
fn value_at(at: i64, before: Option<&(i64, f64)>, after: Option<&(i64, f64)>, period_ms: i64) -> Option<f64> {
    match (before, after) {
        (Some((time, value)), _) if *time == at => Some(*value),
        (Some((t0, v0)), Some((t1, v1))) if joined(*t0, *t1, period_ms) => {
            let part = at.saturating_sub(*t0) as f64 / t1.saturating_sub(*t0) as f64;
            Some(v0 + (v1 - v0) * part)
        }
        _ => None,
    }
}
