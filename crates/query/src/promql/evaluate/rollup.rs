//! Functions of the samples in a window: rate, increase, avg_over_time and their like.
//!
//! A window's ends move only forward from one instant to the next, so all of a series' windows together cost as much as its
//! samples (see `window`).

use super::super::plan::{RangeFunction, Rollup, Source};
use super::super::window::{
    Extremes, Line, Ranked, Sample, Sliding, Spread, Steps, Sum, Summary, median_distance, quantile,
};
use super::{ABSENT, Evaluator, Grid, Result, Series, secs, unique, unnamed};
use crate::promql::Labels;

/// The windows of one function on a grid.
struct Windows<'e> {
    grid: &'e Grid,
    /// The last instant of each window.
    ends: Vec<i64>,
    range_ms: i64,
}

/// One window.
struct Window<'s> {
    /// Number of the instant on the grid.
    at: usize,
    /// Evaluation time.
    time: i64,
    /// The window is `(from, to]`.
    from: i64,
    to: i64,
    /// The samples in it are `samples[begin..end]`, at least one.
    samples: &'s [Sample],
    begin: usize,
    end: usize,
}

impl Windows<'_> {
    /// A function's values over one series: `ABSENT` where a window is empty or the function says `None`.
    fn each(&self, samples: &[Sample], mut of: impl FnMut(&Window<'_>) -> Option<f64>) -> Vec<f64> {
        let (mut begin, mut end) = (0, 0);
        let value = |at: usize| {
            let to = self.ends[at];
            let from = to - self.range_ms;
            while samples.get(end).is_some_and(|sample| sample.0 <= to) {
                end += 1;
            }
            while begin < end && samples[begin].0 <= from {
                begin += 1;
            }
            if begin == end {
                return ABSENT;
            }
            let window = Window { at, time: self.grid.time(at), from, to, samples, begin, end };
            of(&window).unwrap_or(ABSENT)
        };
        (0..self.grid.count).map(value).collect()
    }

    /// A function of what is kept of each window.
    fn summarised<S: Summary>(&self, samples: &[Sample], of: impl Fn(S, &Window<'_>) -> Option<f64>) -> Vec<f64> {
        let mut sliding = Sliding::<S>::over(samples);
        self.each(samples, |window| of(sliding.move_to(window.begin, window.end)?, window))
    }

    /// A function of each window's values in order.
    fn ranked(&self, samples: &[Sample], of: impl Fn(&Ranked, &Window<'_>) -> f64) -> Vec<f64> {
        let mut ranked = Ranked::over(samples);
        self.each(samples, |window| {
            ranked.move_to(window.begin, window.end);
            Some(of(&ranked, window))
        })
    }
}

impl Window<'_> {
    fn first(&self) -> Sample {
        self.samples[self.begin]
    }

    fn last(&self) -> Sample {
        self.samples[self.end - 1]
    }

    fn count(&self) -> usize {
        self.end - self.begin
    }

    /// The two last samples.
    fn last_two(&self) -> Option<(Sample, Sample)> {
        (self.count() >= 2).then(|| (self.samples[self.end - 2], self.last()))
    }

    /// What `gain`, seen between the first and the last sample, would be over the whole window: extrapolated to its ends, but
    /// by no more than half a step where samples seem to have begun or stopped, and for a counter not below zero.
    fn extrapolated(&self, gain: f64, is_counter: bool) -> Option<f64> {
        if self.count() < 2 {
            return None;
        }
        let (first, last) = (self.first(), self.last());
        let sampled = secs(last.0 - first.0);
        let step = sampled / (self.count() - 1) as f64;
        let up_to_half_a_step = |distance: f64| if distance >= step * 1.1 { step / 2.0 } else { distance };
        let mut before = up_to_half_a_step(secs(first.0 - self.from));
        if is_counter && gain > 0.0 && first.1 >= 0.0 {
            before = before.min(sampled * (first.1 / gain));
        }
        let after = up_to_half_a_step(secs(self.to - last.0));
        Some(gain * ((sampled + before + after) / sampled))
    }
}

impl Evaluator<'_> {
    pub(super) fn rollup(&self, rollup: &Rollup, grid: &Grid) -> Result<Vec<Series>> {
        let sampled = self.sampled(&rollup.source, grid)?;
        self.room(sampled.len(), grid.count)?;
        let parameter = match &rollup.parameter {
            Some(parameter) => self.scalar(parameter, grid)?,
            None => Vec::new(),
        };
        let windows = self.windows_of(&rollup.source, grid);
        let mut series = Vec::with_capacity(sampled.len());
        for (labels, samples) in sampled {
            // The windows of one series may hold millions of samples.
            self.room(1, grid.count)?;
            series.push(Series { labels, values: values(rollup.function, &windows, &samples, &parameter) });
        }
        match rollup.function {
            RangeFunction::First | RangeFunction::Last => unique(series),
            _ => unnamed(series),
        }
    }

    /// One series with 1 wherever no series has a sample.
    pub(super) fn absent_over_time(&self, source: &Source, labels: &Labels, grid: &Grid) -> Result<Vec<Series>> {
        let windows = self.windows_of(source, grid);
        let mut values = vec![1.0; grid.count];
        for (_, samples) in self.sampled(source, grid)? {
            windows.each(&samples, |window| {
                values[window.at] = ABSENT;
                None
            });
        }
        Ok(vec![Series { labels: labels.clone(), values }])
    }

    fn windows_of<'e>(&self, source: &Source, grid: &'e Grid) -> Windows<'e> {
        let ends = (0..grid.count).map(|at| self.shifted(source.shift(), grid.time(at))).collect();
        Windows { grid, ends, range_ms: source.range_ms() }
    }
}

fn values(function: RangeFunction, windows: &Windows<'_>, samples: &[Sample], parameter: &[f64]) -> Vec<f64> {
    let range_secs = secs(windows.range_ms);
    match function {
        RangeFunction::Rate => windows.summarised(samples, |steps: Steps, window| {
            Some(window.extrapolated(window.last().1 - window.first().1 + steps.lost, true)? / range_secs)
        }),
        RangeFunction::Increase => windows.summarised(samples, |steps: Steps, window| {
            window.extrapolated(window.last().1 - window.first().1 + steps.lost, true)
        }),
        RangeFunction::Delta => {
            windows.each(samples, |window| window.extrapolated(window.last().1 - window.first().1, false))
        }
        RangeFunction::Irate => windows.each(samples, |window| {
            let (previous, last) = window.last_two()?;
            let gain = if last.1 < previous.1 { last.1 } else { last.1 - previous.1 };
            (last.0 > previous.0).then(|| gain / secs(last.0 - previous.0))
        }),
        RangeFunction::Idelta => windows.each(samples, |window| {
            let (previous, last) = window.last_two()?;
            (last.0 > previous.0).then_some(last.1 - previous.1)
        }),
        RangeFunction::Deriv => {
            windows.summarised(samples, |line: Line, window| (window.count() >= 2).then(|| line.slope()))
        }
        RangeFunction::PredictLinear => windows.summarised(samples, |line: Line, window| {
            let from_origin = secs(window.time - window.samples[0].0);
            (window.count() >= 2).then(|| line.at(from_origin + parameter[window.at]))
        }),
        RangeFunction::Changes => windows.summarised(samples, |steps: Steps, _| Some(steps.changes)),
        RangeFunction::Resets => windows.summarised(samples, |steps: Steps, _| Some(steps.resets)),
        RangeFunction::Average => windows.summarised(samples, |sum: Sum, _| Some(sum.total() / sum.count)),
        RangeFunction::Sum => windows.summarised(samples, |sum: Sum, _| Some(sum.total())),
        RangeFunction::Minimum => windows.summarised(samples, |extremes: Extremes, _| Some(extremes.min.1)),
        RangeFunction::Maximum => windows.summarised(samples, |extremes: Extremes, _| Some(extremes.max.1)),
        RangeFunction::TimeOfMinimum => windows.summarised(samples, |e: Extremes, _| Some(secs(e.min.0))),
        RangeFunction::TimeOfMaximum => windows.summarised(samples, |e: Extremes, _| Some(secs(e.max.0))),
        RangeFunction::StandardDeviation => {
            windows.summarised(samples, |spread: Spread, _| Some(spread.variance().sqrt()))
        }
        RangeFunction::Variance => windows.summarised(samples, |spread: Spread, _| Some(spread.variance())),
        RangeFunction::Quantile => windows
            .ranked(samples, |ranked, window| quantile(parameter[window.at], ranked.len(), |rank| ranked.nth(rank))),
        RangeFunction::MedianDistance => {
            windows.ranked(samples, |ranked, _| median_distance(ranked.len(), |rank| ranked.nth(rank)))
        }
        RangeFunction::Count => windows.each(samples, |window| Some(window.count() as f64)),
        RangeFunction::First => windows.each(samples, |window| Some(window.first().1)),
        RangeFunction::Last => windows.each(samples, |window| Some(window.last().1)),
        RangeFunction::TimeOfFirst => windows.each(samples, |window| Some(secs(window.first().0))),
        RangeFunction::TimeOfLast => windows.each(samples, |window| Some(secs(window.last().0))),
        RangeFunction::Present => windows.each(samples, |_| Some(1.0)),
    }
}
