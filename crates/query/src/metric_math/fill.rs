//! FILL: gives values to the periods of a request in which a series has no point.

use std::sync::Arc;

use super::Series;
use super::series::same_times;
use super::syntax::{Kind, Node};

/// How FILL finds values in the series itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// The last value before the gap.
    Repeat,
    /// On a line from the last value before the gap to the first after it.
    Linear,
}

impl Interpolation {
    /// That an argument names, if it is such a word.
    pub fn of(argument: &Node) -> Option<Self> {
        match &argument.kind {
            Kind::Word(word) if word == "REPEAT" => Some(Self::Repeat),
            Kind::Word(word) if word == "LINEAR" => Some(Self::Linear),
            _ => None,
        }
    }
}

/// What FILL takes values from.
#[derive(Debug, Clone, Copy)]
pub enum Filler<'a> {
    /// One value for all.
    Scalar(f64),
    /// The points of another series at the same timestamps.
    Series(&'a Series),
    /// The series itself.
    Interpolation(Interpolation),
}

/// `series` with a point at each of `timestamps` for which `filler` has one. They hold all timestamps of the series.
pub fn fill(series: &Series, timestamps: &Arc<[i64]>, filler: Filler<'_>) -> Series {
    if same_times(&series.timestamps, timestamps) {
        return series.clone();
    }
    let mut values = series.at(timestamps).into_owned();
    match filler {
        Filler::Scalar(scalar) => replace_gaps(&mut values, |_| scalar),
        Filler::Series(other) => {
            let others = other.at(timestamps);
            replace_gaps(&mut values, |index| others[index]);
        }
        Filler::Interpolation(Interpolation::Repeat) => repeat(&mut values),
        Filler::Interpolation(Interpolation::Linear) => connect(timestamps, &mut values),
    }
    series.with_points(timestamps, values)
}

fn replace_gaps(values: &mut [f64], value_at: impl Fn(usize) -> f64) {
    for (index, value) in values.iter_mut().enumerate() {
        if value.is_nan() {
            *value = value_at(index);
        }
    }
}

fn repeat(values: &mut [f64]) {
    let mut last = f64::NAN;
    for value in values {
        if value.is_nan() {
            *value = last;
        }
        last = *value;
    }
}

fn connect(timestamps: &[i64], values: &mut [f64]) {
    let mut before: Option<usize> = None;
    for index in 0..values.len() {
        if values[index].is_nan() {
            continue;
        }
        if let Some(before) = before {
            let span = |to: i64| to.saturating_sub(timestamps[before]) as f64;
            let (left, right) = (values[before], values[index]);
            let gap = before + 1..index;
            for (value, timestamp) in values[gap.clone()].iter_mut().zip(&timestamps[gap]) {
                *value = left + (right - left) * (span(*timestamp) / span(timestamps[index]));
            }
        }
        before = Some(index);
    }
}
