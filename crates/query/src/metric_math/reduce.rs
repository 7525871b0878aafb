//! AVG, MAX, MIN, SUM, STDDEV and DATAPOINT_COUNT: of one series a number, of an array a series.

use std::borrow::Cow;
use std::sync::Arc;

use super::series::union;
use super::{Function, Series};

/// What is known of some values; `value` is their sum, minimum, maximum or mean, as the function needs.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    count: f64,
    value: f64,
    /// Sum of the squares of the distances from the mean (Welford).
    squares: f64,
}

impl Tally {
    fn add(&mut self, function: Function, value: f64) {
        self.count += 1.0;
        match function {
            Function::Sum | Function::Avg => self.value += value,
            Function::Min if self.count > 1.0 => self.value = self.value.min(value),
            Function::Max if self.count > 1.0 => self.value = self.value.max(value),
            Function::Min | Function::Max => self.value = value,
            Function::Stddev => {
                let distance = value - self.value;
                self.value += distance / self.count;
                self.squares += distance * (value - self.value);
            }
            _ => {}
        }
    }

    /// The result; NaN when there is none. AVG divides by `of`.
    fn result(&self, function: Function, of: f64) -> f64 {
        match function {
            Function::DatapointCount => self.count,
            Function::Sum => self.value,
            _ if self.count == 0.0 => f64::NAN,
            Function::Avg => self.value / of,
            Function::Stddev => (self.squares / self.count).sqrt(),
            _ => self.value,
        }
    }
}

/// Over the points of one series: missing points are not looked at.
pub fn points(series: &Series, function: Function) -> f64 {
    let mut tally = Tally::default();
    for value in &series.values {
        tally.add(function, *value);
    }
    tally.result(function, tally.count)
}

/// Over the series of an array, at each timestamp that one of them has. The result has the shortest period of them.
pub fn members(members: &[Cow<'_, Series>], function: Function, period_ms: i64) -> Series {
    let timestamps = timestamps(members);
    let mut tallies = vec![Tally::default(); timestamps.len()];
    for member in members {
        member.place(&timestamps, |index, value| tallies[index].add(function, value));
    }
    let of = members.len() as f64;
    let values = tallies.iter().map(|tally| tally.result(function, of)).collect();
    let period_ms = members.iter().map(|member| member.period_ms).min().unwrap_or(period_ms);
    let mut series = Series::empty(period_ms).calculated(&timestamps, values);
    series.has_dropped |= members.iter().any(|member| member.has_dropped);
    series
}

/// The timestamps that any of the series has. Lists are joined in pairs, then the joined ones: the length of a list counts
/// once a round, and lists that are one cost nothing.
fn timestamps(members: &[Cow<'_, Series>]) -> Arc<[i64]> {
    let mut lists: Vec<Arc<[i64]>> = members.iter().map(|member| member.timestamps.clone()).collect();
    while lists.len() > 1 {
        lists = lists.chunks(2).map(|pair| union(&pair[0], &pair[pair.len() - 1])).collect();
    }
    lists.pop().unwrap_or_else(|| Arc::from([]))
}
