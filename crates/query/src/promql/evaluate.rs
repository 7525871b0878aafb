//! Carrying out a plan: every node at all instants of a grid at once, one row of values for each series.

use super::plan::{At, Frame, Node, Shift, Source};
use super::window::Sample;
use super::{LOOKBACK_MS, Labels, PromValue, PromqlError, Selected, Selector};
use model::{TimeRange, Timestamp};
use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};

mod aggregate;
mod binary;
mod buckets;
mod rollup;
mod series_functions;

type Result<T> = std::result::Result<T, PromqlError>;

/// Instants at equal distances, milliseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    pub start: i64,
    step: i64,
    pub count: usize,
}

impl Grid {
    /// `start`, `start + step` and so on up to `end`, which is not earlier.
    pub fn new(start: i64, end: i64, step: i64) -> Self {
        Self { start, step, count: usize::try_from((end - start) / step + 1).unwrap_or(0) }
    }

    pub fn instant(time: i64) -> Self {
        Self { start: time, step: 1, count: 1 }
    }

    pub fn time(&self, at: usize) -> i64 {
        self.start + at as i64 * self.step
    }

    pub fn end(&self) -> i64 {
        self.time(self.count.saturating_sub(1))
    }
}

/// The value of a series at an instant without one: the staleness marker of Prometheus, a NaN that no arithmetic gives.
const ABSENT: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

fn is_present(value: f64) -> bool {
    value.to_bits() != ABSENT.to_bits()
}

/// A series on a grid: `ABSENT` where it has no value.
#[derive(Debug, Clone)]
struct Series {
    labels: Labels,
    values: Vec<f64>,
}

/// What a node gives.
enum Value {
    Scalar(Vec<f64>),
    Vector(Vec<Series>),
}

/// Series with samples at instants of their own.
type Sampled<'a> = Vec<(Labels, Cow<'a, [Sample]>)>;

/// What is known while a plan is carried out.
pub struct Evaluator<'a> {
    /// By selector, ordered by labels.
    selected: Vec<Vec<&'a (Labels, Vec<Sample>)>>,
    /// Start and end of the whole query.
    ends: (i64, i64),
    samples_max: usize,
    stop: &'a AtomicBool,
}

impl<'a> Evaluator<'a> {
    pub fn new(data: &'a [Selected], ends: (i64, i64), samples_max: usize, stop: &'a AtomicBool) -> Result<Self> {
        let selected = data.iter().map(|series| {
            let mut series: Vec<_> = series.iter().collect();
            series.sort_by(|a, b| a.0.cmp(&b.0));
            series
        });
        let evaluator = Self { selected: selected.collect(), ends, samples_max, stop };
        let loaded = data.iter().flatten().map(|(_, samples)| samples.len()).sum();
        evaluator.room(loaded, 1)?;
        Ok(evaluator)
    }

    /// The answer at one instant.
    pub fn instant(&self, plan: &Node, time: i64) -> Result<PromValue> {
        let grid = Grid::instant(time);
        match plan {
            Node::Text(text) => return Ok(PromValue::Text(time, text.clone())),
            Node::Range(source) => return self.windows(source, &grid),
            _ => {}
        }
        Ok(match self.value(plan, &grid)? {
            Value::Scalar(values) => PromValue::Scalar(time, values[0]),
            Value::Vector(series) => {
                let present = series.into_iter().filter(|series| is_present(series.values[0]));
                PromValue::Vector(present.map(|series| (series.labels, time, series.values[0])).collect())
            }
        })
    }

    /// The answer at all instants of a grid.
    pub fn range(&self, plan: &Node, grid: &Grid) -> Result<PromValue> {
        let mut series = match self.value(plan, grid)? {
            Value::Scalar(values) => vec![Series { labels: Labels::default(), values }],
            Value::Vector(series) => series,
        };
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        let with_points = series.into_iter().map(|series| (series.labels, points(&series.values, grid)));
        Ok(PromValue::Matrix(with_points.filter(|(_, points)| !points.is_empty()).collect()))
    }

    fn value(&self, node: &Node, grid: &Grid) -> Result<Value> {
        let each = |value: &dyn Fn(usize) -> f64| Value::Scalar((0..grid.count).map(value).collect());
        self.room(1, grid.count)?;
        Ok(match node {
            Node::Number(number) => each(&|_| *number),
            Node::Time => each(&|at| secs(grid.time(at))),
            Node::Single(of) => {
                let series = self.vector(of, grid)?;
                each(&|at| {
                    let mut present = series.iter().map(|series| series.values[at]).filter(|&value| is_present(value));
                    match (present.next(), present.next()) {
                        (Some(only), None) => only,
                        _ => f64::NAN,
                    }
                })
            }
            Node::Negate(of) => match self.value(of, grid)? {
                Value::Scalar(values) => Value::Scalar(values.into_iter().map(|value| -value).collect()),
                Value::Vector(series) => Value::Vector(computed(series, |_, value| -value)?),
            },
            Node::Binary(binary) => self.binary(binary, grid)?,
            Node::Selector(frame) => Value::Vector(self.instant_values(*frame, grid, |(_, value)| value)?),
            Node::SampleTime(frame) => {
                Value::Vector(unnamed(self.instant_values(*frame, grid, |(time, _)| secs(time))?)?)
            }
            Node::Aggregate(aggregate) => Value::Vector(self.aggregate(aggregate, grid)?),
            Node::Rollup(rollup) => Value::Vector(self.rollup(rollup, grid)?),
            Node::HistogramQuantile { quantile, buckets, percentile } => {
                Value::Vector(self.histogram_quantile(quantile, buckets, percentile.as_deref(), grid)?)
            }
            // Only a whole query may be one of these.
            Node::Text(_) | Node::Range(_) => {
                return Err(PromqlError::execution("expected a scalar or an instant vector"));
            }
            _ => Value::Vector(self.series_function(node, grid)?),
        })
    }

    fn vector(&self, node: &Node, grid: &Grid) -> Result<Vec<Series>> {
        match self.value(node, grid)? {
            Value::Vector(series) => Ok(series),
            Value::Scalar(_) => Err(PromqlError::execution("expected an instant vector, got a scalar")),
        }
    }

    fn scalar(&self, node: &Node, grid: &Grid) -> Result<Vec<f64>> {
        match self.value(node, grid)? {
            Value::Scalar(values) => Ok(values),
            Value::Vector(_) => Err(PromqlError::execution("expected a scalar, got an instant vector")),
        }
    }

    /// What a selector takes at each instant: something of the last sample of the 5 minutes before.
    fn instant_values(&self, frame: Frame, grid: &Grid, of: impl Fn(Sample) -> f64) -> Result<Vec<Series>> {
        let selected = &self.selected[frame.selector];
        self.room(selected.len(), grid.count)?;
        let series = selected.iter().map(|(labels, samples)| {
            let mut next = 0;
            let value = |at| {
                let time = self.shifted(frame.shift, grid.time(at));
                while samples.get(next).is_some_and(|sample| sample.0 <= time) {
                    next += 1;
                }
                let last = next.checked_sub(1).map(|last| samples[last]);
                match last.filter(|last| last.0 > time - LOOKBACK_MS && is_present(last.1)) {
                    Some(sample) => of(sample),
                    None => ABSENT,
                }
            };
            Series { labels: labels.clone(), values: (0..grid.count).map(value).collect() }
        });
        Ok(series.collect())
    }

    /// Where a selector or a subquery looks from an evaluation time.
    fn shifted(&self, shift: Shift, time: i64) -> i64 {
        shifted(shift, time, self.ends)
    }

    /// The samples that a range function has its windows in.
    fn sampled(&self, source: &Source, grid: &Grid) -> Result<Sampled<'a>> {
        match source {
            Source::Selector { frame, .. } => {
                let selected = self.selected[frame.selector].iter();
                Ok(selected.map(|(labels, samples)| (labels.clone(), real_samples(samples))).collect())
            }
            Source::Subquery { of, shift, range_ms, step_ms } => {
                let (from, to) = (self.shifted(*shift, grid.start) - range_ms, self.shifted(*shift, grid.end()));
                let Some(inner) = subquery_grid(from, to, *step_ms) else { return Ok(Vec::new()) };
                let series = self.vector(of, &inner)?;
                Ok(series.into_iter().map(|series| (series.labels, points(&series.values, &inner).into())).collect())
            }
        }
    }

    /// A range vector by itself: the samples in the window of one instant.
    fn windows(&self, source: &Source, grid: &Grid) -> Result<PromValue> {
        let to = self.shifted(source.shift(), grid.start);
        let from = to - source.range_ms();
        let series = self.sampled(source, grid)?.into_iter().map(|(labels, samples)| {
            (labels, samples.iter().copied().filter(|sample| from < sample.0 && sample.0 <= to).collect::<Vec<_>>())
        });
        Ok(PromValue::Matrix(series.filter(|(_, samples)| !samples.is_empty()).collect()))
    }

    /// Checks that there may be that many values, and that somebody waits for them.
    fn room(&self, series: usize, values: usize) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(PromqlError::execution("query was canceled in query execution"));
        }
        if series.saturating_mul(values) <= self.samples_max {
            return Ok(());
        }
        let message = "query processing would load too many samples into memory in query execution";
        Err(PromqlError::execution(message))
    }
}

/// Widens the ranges of selectors to what a node needs that is evaluated from `times.0` to `times.1`, in a query from `ends.0`
/// to `ends.1`.
pub fn widen(node: &Node, selectors: &mut [Selector], times: (i64, i64), ends: (i64, i64)) {
    match node {
        Node::Selector(frame) | Node::SampleTime(frame) => widen_frame(*frame, LOOKBACK_MS, selectors, times, ends),
        Node::Range(source) | Node::AbsentOverTime(source, _) => widen_source(source, selectors, times, ends),
        Node::Rollup(rollup) => {
            widen_source(&rollup.source, selectors, times, ends);
            if let Some(parameter) = &rollup.parameter {
                widen(parameter, selectors, times, ends);
            }
        }
        _ => node.operands().into_iter().for_each(|operand| widen(operand, selectors, times, ends)),
    }
}

fn widen_source(source: &Source, selectors: &mut [Selector], times: (i64, i64), ends: (i64, i64)) {
    match source {
        Source::Selector { frame, range_ms } => widen_frame(*frame, *range_ms, selectors, times, ends),
        Source::Subquery { of, shift, range_ms, step_ms } => {
            let (from, to) = (shifted(*shift, times.0, ends) - range_ms, shifted(*shift, times.1, ends));
            if let Some(inner) = subquery_grid(from, to, *step_ms) {
                widen(of, selectors, (inner.start, inner.end()), ends);
            }
        }
    }
}

fn widen_frame(frame: Frame, before: i64, selectors: &mut [Selector], times: (i64, i64), ends: (i64, i64)) {
    let (from, to) = (shifted(frame.shift, times.0, ends) - before, shifted(frame.shift, times.1, ends));
    // Open on the left, closed on the right.
    let range = &mut selectors[frame.selector].range;
    *range = TimeRange::new(range.start.min(Timestamp(from + 1)), range.end.max(Timestamp(to + 1)));
}

fn shifted(shift: Shift, time: i64, ends: (i64, i64)) -> i64 {
    let time = match shift.at {
        None => time,
        Some(At::Start) => ends.0,
        Some(At::End) => ends.1,
        Some(At::Time(time)) => time,
    };
    time - shift.offset_ms
}

/// The multiples of `step` after `from` up to `to`.
fn subquery_grid(from: i64, to: i64, step: i64) -> Option<Grid> {
    let start = (from.div_euclid(step) + 1) * step;
    (start <= to).then(|| Grid::new(start, to, step))
}

fn secs(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

/// The samples without staleness markers.
fn real_samples(samples: &[Sample]) -> Cow<'_, [Sample]> {
    if samples.iter().all(|sample| is_present(sample.1)) {
        Cow::Borrowed(samples)
    } else {
        samples.iter().copied().filter(|sample| is_present(sample.1)).collect()
    }
}

fn points(values: &[f64], grid: &Grid) -> Vec<Sample> {
    let timed = values.iter().enumerate().map(|(at, &value)| (grid.time(at), value));
    timed.filter(|point| is_present(point.1)).collect()
}

/// Series with each value changed, which are no longer what their names say.
fn computed(mut series: Vec<Series>, of: impl Fn(usize, f64) -> f64) -> Result<Vec<Series>> {
    for series in &mut series {
        for (at, value) in series.values.iter_mut().enumerate().filter(|(_, value)| is_present(**value)) {
            *value = of(at, *value);
        }
    }
    unnamed(series)
}

fn unnamed(mut series: Vec<Series>) -> Result<Vec<Series>> {
    for series in &mut series {
        series.labels = series.labels.without_metadata();
    }
    unique(series)
}

/// Puts series with the same labels together; an error when an instant has values of two.
fn unique(series: Vec<Series>) -> Result<Vec<Series>> {
    let mut merged = Merged::default();
    for series in series {
        if merged.add(series).is_err() {
            return Err(PromqlError::execution("vector cannot contain metrics with the same labelset"));
        }
    }
    Ok(merged.series)
}

/// Series by their labels, in the order in which they came.
#[derive(Default)]
struct Merged {
    by_labels: HashMap<Labels, usize>,
    series: Vec<Series>,
}

/// Two series with the same labels have values at one instant.
struct Collision;

impl Merged {
    fn add(&mut self, series: Series) -> std::result::Result<(), Collision> {
        let at = match self.by_labels.entry(series.labels.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(self.series.len());
                self.series.push(series);
                return Ok(());
            }
            Entry::Occupied(entry) => *entry.get(),
        };
        for (own, new) in self.series[at].values.iter_mut().zip(series.values) {
            match (is_present(*own), is_present(new)) {
                (true, true) => return Err(Collision),
                (false, true) => *own = new,
                _ => {}
            }
        }
        Ok(())
    }
}
