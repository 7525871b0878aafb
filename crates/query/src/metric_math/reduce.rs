//! AVG, MAX, MIN, SUM, STDDEV and DATAPOINT_COUNT: of one series a number, of an array a series.

use std::borrow::Cow;
use std::sync::Arc;

use super::series::same_times;
use super::{Function, Series};

/// What is known of some values.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
    mean: f64,
    /// Sum of the squares of the distances from the mean (Welford).
    squares: f64,
}

impl Tally {
    fn add(&mut self, value: f64) {
        let is_first = self.count == 0.0;
        self.count += 1.0;
        self.sum += value;
        self.min = if is_first { value } else { self.min.min(value) };
        self.max = if is_first { value } else { self.max.max(value) };
        let distance = value - self.mean;
        self.mean += distance / self.count;
        self.squares += distance * (value - self.mean);
    }

    /// The result; NaN when there is none. `of` values are expected, missing ones count as 0 for AVG.
    fn result(&self, function: Function, of: f64) -> f64 {
        match function {
            Function::DatapointCount => self.count,
            Function::Sum => self.sum,
            _ if self.count == 0.0 => f64::NAN,
            Function::Avg => self.sum / of,
            Function::Min => self.min,
            Function::Max => self.max,
            _ => (self.squares / self.count).sqrt(),
        }
    }
}

/// Over the points of one series: missing points are not looked at.
pub fn points(series: &Series, function: Function) -> f64 {
    let mut tally = Tally::default();
    for value in &series.values {
        tally.add(*value);
    }
    tally.result(function, tally.count)
}

/// Over the series of an array, at each timestamp that one of them has. The result has the shortest period of them.
pub fn members(members: &[Cow<'_, Series>], function: Function, period_ms: i64) -> Series {
    let timestamps = timestamps(members);
    let mut tallies = vec![Tally::default(); timestamps.len()];
    for member in members {
        for (tally, value) in tallies.iter_mut().zip(member.at(&timestamps).iter()) {
            if !value.is_nan() {
                tally.add(*value);
            }
        }
    }
    let of = members.len() as f64;
    let values = tallies.iter().map(|tally| tally.result(function, of)).collect();
    let period_ms = members.iter().map(|member| member.period_ms).min().unwrap_or(period_ms);
    Series::empty(period_ms).with_points(&timestamps, values)
}

/// The timestamps that any of the series has.
fn timestamps(members: &[Cow<'_, Series>]) -> Arc<[i64]> {
    let Some(first) = members.first() else { return Arc::from([]) };
    if members.iter().all(|member| same_times(&member.timestamps, &first.timestamps)) {
        return first.timestamps.clone();
    }
    let mut all: Vec<i64> = members.iter().flat_map(|member| member.timestamps.iter().copied()).collect();
    all.sort_unstable();
    all.dedup();
    all.into()
}
