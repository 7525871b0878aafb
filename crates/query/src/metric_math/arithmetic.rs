//! Operators on numbers and series, aligned by timestamp.

use super::Series;
use super::series::{same_times, union};
use super::syntax::Operator;

/// A number that does not exist is NaN, whatever made it.
pub fn number(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

/// `operator` as a function of two values; NaN where there is no result.
pub fn function(operator: Operator) -> fn(f64, f64) -> f64 {
    match operator {
        Operator::Add => |a, b| a + b,
        Operator::Subtract => |a, b| a - b,
        Operator::Multiply => |a, b| a * b,
        Operator::Divide => |a, b| if b == 0.0 { f64::NAN } else { a / b },
        Operator::Power => f64::powf,
        Operator::Equal => |a, b| truth(a, b, a == b),
        Operator::NotEqual => |a, b| truth(a, b, a != b),
        Operator::Less => |a, b| truth(a, b, a < b),
        Operator::LessOrEqual => |a, b| truth(a, b, a <= b),
        Operator::Greater => |a, b| truth(a, b, a > b),
        Operator::GreaterOrEqual => |a, b| truth(a, b, a >= b),
        Operator::And => |a, b| truth(a, b, a != 0.0 && b != 0.0),
        Operator::Or => |a, b| truth(a, b, a != 0.0 || b != 0.0),
    }
}

fn truth(a: f64, b: f64, holds: bool) -> f64 {
    match () {
        () if a.is_nan() || b.is_nan() => f64::NAN,
        () if holds => 1.0,
        () => 0.0,
    }
}

/// `apply` to each pair of points of two series, 0 where only one has a point. The result has the name of `named`.
pub fn zip(left: &Series, right: &Series, named: &Series, apply: fn(f64, f64) -> f64) -> Series {
    let mut result = if same_times(&left.timestamps, &right.timestamps) {
        let pairs = left.values.iter().zip(&right.values);
        named.calculated(&left.timestamps, pairs.map(|(a, b)| apply(*a, *b)).collect())
    } else {
        let timestamps = union(&left.timestamps, &right.timestamps);
        let (a, b) = (left.at(&timestamps), right.at(&timestamps));
        let pairs = a.iter().zip(b.iter());
        let values = pairs.map(|(a, b)| apply(or_zero(*a), or_zero(*b))).collect();
        named.calculated(&timestamps, values)
    };
    result.period_ms = left.period_ms.min(right.period_ms);
    result.has_dropped |= left.has_dropped || right.has_dropped;
    result
}

fn or_zero(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value }
}
