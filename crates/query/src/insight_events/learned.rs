//! `Learned`: what is known of one subject, and how a period of it is judged.

use super::tally::{Counts, Tally};
use super::{ATTRIBUTES, Attribution, Insight, Kind, Settings, Subject, WINDOW, average, averages, first_day};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Fewest calls of a window that can be unusual.
const CALLS_MIN: u64 = 3;
/// Standard deviations by which a window is unusual.
const WINDOW_DEVIATIONS: f64 = 6.0;
/// Standard deviations by which a period belongs to an unusual time.
const PERIOD_DEVIATIONS: f64 = 3.0;
/// How far above the greatest window of the baseline a window is unusual.
const ABOVE_PEAK: f64 = 1.5;

/// What is known of one subject: the last periods one by one, the days of the baseline, and the insight that is open.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// Periods with calls that are no part of a baseline yet, in order.
    recent: VecDeque<Period>,
    /// Days with calls, in order.
    days: VecDeque<Day>,
    /// Values of the attributes on these days.
    values: [Tally; 3],
    /// The insight that has begun and not ended.
    open: Option<Open>,
    /// Where the last insight ended.
    ended: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Period {
    at: i64,
    calls: u64,
    /// Calls of the window that ends with it; known once it is closed.
    window: u64,
    values: [Counts; 3],
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Day {
    at: i64,
    calls: u64,
    /// Sum of the squares of the calls of its periods.
    squares: u64,
    /// Most calls of a window that ends in it.
    peak: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Open {
    start: i64,
    /// A window with no more calls is usual.
    window_usual: f64,
    /// A period with no more calls is usual.
    period_usual: f64,
    baseline_average: f64,
    baseline_duration: i64,
    baseline_values: [Vec<(String, f64)>; 3],
    /// Of the periods from `start` on that are not recent any more.
    calls: u64,
    values: [Counts; 3],
}

/// What a baseline says.
struct Baseline {
    calls: u64,
    squares: u64,
    peak: u64,
    duration: i64,
}

impl Baseline {
    fn mean(&self) -> f64 {
        if self.duration > 0 { self.calls as f64 / self.duration as f64 } else { 0.0 }
    }

    /// Of the calls of a period: that of a Poisson process at least.
    fn variance(&self) -> f64 {
        let mean = self.mean();
        if self.duration > 0 { (self.squares as f64 / self.duration as f64 - mean * mean).max(mean) } else { mean }
    }

    /// Most calls of a usual window.
    fn window_usual(&self) -> f64 {
        let periods = WINDOW as f64;
        let expected = periods * self.mean() + WINDOW_DEVIATIONS * (periods * self.variance()).sqrt();
        expected.max(self.peak as f64 * ABOVE_PEAK).max((CALLS_MIN - 1) as f64)
    }

    /// Most calls of a usual period.
    fn period_usual(&self) -> f64 {
        self.mean() + PERIOD_DEVIATIONS * self.variance().sqrt()
    }
}

impl Learned {
    /// Counts a call in a period, which must be none before the last.
    pub(super) fn count(&mut self, at: i64, values: [String; 3]) {
        if self.recent.back().is_none_or(|period| period.at < at) {
            self.recent.push_back(Period { at, calls: 0, window: 0, values: Default::default() });
        }
        let Some(period) = self.recent.back_mut() else { return };
        period.calls += 1;
        period.values.iter_mut().zip(&values).for_each(|(counts, value)| counts.add(value, 1));
    }

    /// True while closing a period may show something.
    pub(super) fn is_active(&self) -> bool {
        !self.recent.is_empty() || self.open.is_some()
    }

    /// True when nothing is known.
    pub(super) fn is_empty(&self) -> bool {
        !self.is_active() && self.days.is_empty()
    }

    /// The last period of which something is known, of days the first.
    pub(super) fn last(&self, day: i64) -> i64 {
        let recent = self.recent.back().map(|period| period.at);
        recent.or(self.days.back().map(|last| last.at * day)).unwrap_or(i64::MIN)
    }

    /// Forgets the days before one.
    pub(super) fn drop_before(&mut self, day: i64) {
        self.days.retain(|of| of.at >= day);
        self.values.iter_mut().for_each(|tally| tally.drop_before(day));
    }

    /// Judges a period that ended; the account and region are counted since another.
    pub(super) fn close(&mut self, settings: &Settings, subject: &Subject, at: i64, since: i64) -> Option<Insight> {
        self.age(settings, at);
        let calls: u64 = self.recent.iter().map(|period| period.calls).sum();
        if let Some(last) = self.recent.back_mut().filter(|period| period.at == at) {
            last.window = calls;
        }
        match &self.open {
            Some(open) => {
                let is_usual = calls as f64 <= open.window_usual;
                // A window longer than a day, so that whole windows are in the baseline of what comes next.
                let is_long = at - open.start >= settings.day() + WINDOW;
                (is_usual || is_long).then(|| self.end(settings, subject, at, !is_usual))?
            }
            None => {
                let is_trained = at - since >= settings.training_ms / settings.period_ms.max(1);
                (is_trained && calls >= CALLS_MIN).then(|| self.begin(settings, subject, at, since))?
            }
        }
    }

    /// Periods that leave the window join their days, and the insight that is open.
    fn age(&mut self, settings: &Settings, at: i64) {
        while let Some(period) = self.recent.pop_front_if(|period| period.at <= at - WINDOW) {
            let day = period.at.div_euclid(settings.day());
            if self.days.back().is_none_or(|last| last.at != day) {
                self.days.push_back(Day { at: day, calls: 0, squares: 0, peak: 0 });
                self.drop_before(first_day(settings, period.at));
            }
            if let Some(last) = self.days.back_mut() {
                last.calls += period.calls;
                last.squares = last.squares.saturating_add(period.calls.saturating_mul(period.calls));
                last.peak = last.peak.max(period.window);
            }
            self.values.iter_mut().zip(&period.values).for_each(|(tally, counts)| tally.add(day, counts));
            if let Some(open) = self.open.as_mut().filter(|open| period.at >= open.start) {
                open.calls += period.calls;
                open.values.iter_mut().zip(&period.values).for_each(|(all, counts)| all.add_all(counts));
            }
        }
    }

    /// What comes before a period that is in the window or begins it.
    fn baseline(&self, settings: &Settings, before: i64, since: i64) -> Baseline {
        let first = first_day(settings, before);
        let days = || self.days.iter().filter(|day| day.at >= first);
        let recent = || self.recent.iter().filter(|period| period.at < before);
        Baseline {
            calls: days().map(|day| day.calls).chain(recent().map(|period| period.calls)).sum(),
            squares: days()
                .map(|day| day.squares)
                .chain(recent().map(|period| period.calls.saturating_mul(period.calls)))
                .fold(0, u64::saturating_add),
            peak: days().map(|day| day.peak).max().unwrap_or(0),
            duration: before - since.max(first * settings.day()).min(before),
        }
    }

    /// Begins an insight when the window is unusual.
    fn begin(&mut self, settings: &Settings, subject: &Subject, at: i64, since: i64) -> Option<Insight> {
        let before = self.baseline(settings, at - WINDOW + 1, since);
        let (window_usual, period_usual) = (before.window_usual(), before.period_usual());
        let calls: u64 = self.recent.iter().map(|period| period.calls).sum();
        if calls as f64 <= window_usual {
            return None;
        }
        let mut own = self.recent.iter().filter(|period| self.ended.is_none_or(|ended| period.at >= ended)).peekable();
        // What an insight has had begins no other.
        let some = own.peek()?.at;
        let start = own.find(|period| period.calls as f64 > period_usual).map_or(some, |period| period.at);
        let baseline = self.baseline(settings, start, since);
        let mut values = self.values.each_ref().map(|tally| tally.since(first_day(settings, start)));
        for period in self.recent.iter().filter(|period| period.at < start) {
            values.iter_mut().zip(&period.values).for_each(|(all, counts)| all.add_all(counts));
        }
        let open = Open {
            start,
            window_usual,
            period_usual,
            baseline_average: average(baseline.calls, baseline.duration),
            baseline_duration: baseline.duration,
            baseline_values: averages(&values, baseline.duration),
            calls: 0,
            values: Default::default(),
        };
        let insight = self.insight(settings, subject, &open, at + 1);
        self.open = Some(open);
        Some(Insight { is_end: false, time_ms: insight.start_ms, ..insight })
    }

    /// Ends the insight that is open: with its last unusual period, or now.
    fn end(&mut self, settings: &Settings, subject: &Subject, at: i64, now: bool) -> Option<Insight> {
        let open = self.open.take()?;
        let is_high = |period: &&Period| period.at >= open.start && period.calls as f64 > open.period_usual;
        // While windows are unusual, what leaves them belongs to the insight.
        let last = self.recent.iter().rfind(is_high).map_or((at - WINDOW).max(open.start), |period| period.at);
        let end = if now { at } else { last } + 1;
        self.ended = Some(end);
        Some(self.insight(settings, subject, &open, end))
    }

    /// The insight as far as the period `end`, which is left out.
    fn insight(&self, settings: &Settings, subject: &Subject, open: &Open, end: i64) -> Insight {
        let (mut calls, mut values) = (open.calls, open.values.clone());
        for period in self.recent.iter().filter(|period| (open.start..end).contains(&period.at)) {
            calls += period.calls;
            values.iter_mut().zip(&period.values).for_each(|(all, counts)| all.add_all(counts));
        }
        let duration = end - open.start;
        let attributions = ATTRIBUTES.into_iter().zip(averages(&values, duration)).zip(&open.baseline_values);
        let attributions = attributions.map(|((attribute, insight), baseline)| Attribution {
            attribute,
            insight,
            baseline: baseline.clone(),
        });
        // All errors of a subject have one code.
        let shown = if subject.kind == Kind::ErrorRate { 2 } else { 3 };
        Insight {
            subject: subject.clone(),
            is_end: true,
            start_ms: open.start * settings.period_ms,
            time_ms: end * settings.period_ms,
            baseline_average: open.baseline_average,
            average: average(calls, duration),
            duration,
            baseline_duration: open.baseline_duration,
            attributions: attributions.take(shown).collect(),
        }
    }
}
