//! Functions of one series that give a series: ABS, CEIL, FLOOR, LOG, LOG10, DIFF, DIFF_TIME, RATE, RUNNING_SUM.

use super::{Function, Series};
use std::sync::Arc;

/// A function that looks at one value only, if `function` is one; NaN where there is no result.
pub fn of_value(function: Function) -> Option<fn(f64) -> f64> {
    match function {
        Function::Abs => Some(f64::abs),
        Function::Ceil => Some(f64::ceil),
        Function::Floor => Some(f64::floor),
        Function::Log => Some(f64::ln),
        Function::Log10 => Some(f64::log10),
        _ => None,
    }
}

/// DIFF, DIFF_TIME and RATE: of each point and the one before it, so the first has none.
pub fn since_previous(series: &Series, function: Function) -> Series {
    let mut values = Vec::with_capacity(series.values.len());
    for (times, pair) in series.timestamps.windows(2).zip(series.values.windows(2)) {
        let seconds = times[1].saturating_sub(times[0]) as f64 / 1_000.0;
        let difference = pair[1] - pair[0];
        values.push(match function {
            Function::DiffTime => seconds,
            Function::Rate => difference / seconds,
            _ => difference,
        });
    }
    let timestamps: Arc<[i64]> = series.timestamps.iter().skip(1).copied().collect();
    series.calculated(&timestamps, values)
}

/// RUNNING_SUM: the sum of each value and all before it.
pub fn running_sum(series: &Series) -> Series {
    let mut sum = 0.0;
    let sums = series.values.iter().map(|value| {
        sum += value;
        sum
    });
    series.calculated(&series.timestamps, sums.collect())
}
