//! Binary operators, between numbers, between vectors and numbers, and between vectors whose series find each other by labels.

use super::super::plan::{Binary, Cardinality, Matching, Operator};
use super::{ABSENT, Evaluator, Grid, Merged, Result, Series, Value, is_present, unique, unnamed};
use crate::promql::{Labels, PromqlError};
use std::collections::HashMap;

impl Evaluator<'_> {
    pub(super) fn binary(&self, binary: &Binary, grid: &Grid) -> Result<Value> {
        let of = |left, right| combined(binary, left, right);
        Ok(match (self.value(&binary.left, grid)?, self.value(&binary.right, grid)?) {
            (Value::Scalar(left), Value::Scalar(right)) => {
                let pairs = left.into_iter().zip(right);
                // A comparison of numbers always says 1 or 0.
                Value::Scalar(pairs.map(|(left, right)| of(left, right).unwrap_or(0.0)).collect())
            }
            (Value::Vector(left), Value::Scalar(right)) => {
                Value::Vector(with_number(binary, left, |at, value| of(value, right[at]))?)
            }
            (Value::Scalar(left), Value::Vector(right)) => {
                Value::Vector(with_number(binary, right, |at, value| {
                    let result = of(left[at], value);
                    // A filter keeps the vector's value, on whichever side it is.
                    if is_filter(binary) { result.map(|_| value) } else { result }
                })?)
            }
            (Value::Vector(left), Value::Vector(right)) if binary.operator.is_set() => {
                Value::Vector(set_operation(binary, left, right, grid)?)
            }
            (Value::Vector(left), Value::Vector(right)) => Value::Vector(self.matched(binary, left, right, grid)?),
        })
    }

    /// An operator between the series of two vectors that match.
    fn matched(&self, binary: &Binary, left: Vec<Series>, right: Vec<Series>, grid: &Grid) -> Result<Vec<Series>> {
        let matching = &binary.matching;
        let swapped = matches!(matching.cardinality, Cardinality::ManyRight(_));
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        let ones = by_signature(one, matching);
        for (signature, series) in &ones {
            check_single(signature, series, if swapped { "left" } else { "right" }, grid)?;
        }
        let is_one_to_one = matches!(matching.cardinality, Cardinality::OneToOne);
        let mut taken: HashMap<Labels, Vec<bool>> = HashMap::new();
        let mut merged = Merged::default();
        for series in many {
            let signature = signature(&series.labels, matching);
            let Some(partners) = ones.get(&signature) else { continue };
            for partner in partners {
                let pairs = series.values.iter().zip(&partner.values);
                let value = |(&many, &one): (&f64, &f64)| {
                    let (left, right) = if swapped { (one, many) } else { (many, one) };
                    let both = is_present(many) && is_present(one);
                    both.then(|| combined(binary, left, right)).flatten().unwrap_or(ABSENT)
                };
                let values: Vec<f64> = pairs.map(value).collect();
                if is_one_to_one {
                    let taken = taken.entry(signature.clone()).or_insert_with(|| vec![false; grid.count]);
                    take(taken, &values)?;
                }
                let labels = result_labels(binary, &series.labels, &partner.labels);
                if merged.add(Series { labels, values }).is_err() {
                    let message = "multiple matches for labels: grouping labels must ensure unique matches";
                    return Err(PromqlError::execution(message));
                }
                self.room(merged.series.len(), grid.count)?;
            }
        }
        Ok(merged.series)
    }
}

/// The result of one pair of values; `None` where a comparison leaves it out.
fn combined(binary: &Binary, left: f64, right: f64) -> Option<f64> {
    let holds = match binary.operator {
        Operator::Add => return Some(left + right),
        Operator::Subtract => return Some(left - right),
        Operator::Multiply => return Some(left * right),
        Operator::Divide => return Some(left / right),
        Operator::Modulo => return Some(left % right),
        Operator::Power => return Some(left.powf(right)),
        Operator::Atan2 => return Some(left.atan2(right)),
        Operator::Equal => left == right,
        Operator::NotEqual => left != right,
        Operator::Less => left < right,
        Operator::LessEqual => left <= right,
        Operator::Greater => left > right,
        Operator::GreaterEqual => left >= right,
        // Sets have no values of their own.
        Operator::And | Operator::Or | Operator::Unless => return None,
    };
    match (binary.returns_bool, holds) {
        (true, holds) => Some(f64::from(u8::from(holds))),
        (false, true) => Some(left),
        (false, false) => None,
    }
}

/// True when series keep their values, and so their names.
fn is_filter(binary: &Binary) -> bool {
    binary.operator.is_comparison() && !binary.returns_bool
}

fn with_number(
    binary: &Binary,
    mut series: Vec<Series>,
    of: impl Fn(usize, f64) -> Option<f64>,
) -> Result<Vec<Series>> {
    for series in &mut series {
        for (at, value) in series.values.iter_mut().enumerate().filter(|(_, value)| is_present(**value)) {
            *value = of(at, *value).unwrap_or(ABSENT);
        }
    }
    if is_filter(binary) { Ok(series) } else { unnamed(series) }
}

/// What series of both sides must have in common.
fn signature(labels: &Labels, matching: &Matching) -> Labels {
    if matching.on { labels.only(&matching.labels) } else { labels.without(&matching.labels).without_metadata() }
}

fn by_signature(series: Vec<Series>, matching: &Matching) -> HashMap<Labels, Vec<Series>> {
    let mut by_signature: HashMap<Labels, Vec<Series>> = HashMap::new();
    for series in series {
        by_signature.entry(signature(&series.labels, matching)).or_default().push(series);
    }
    by_signature
}

fn check_single(signature: &Labels, series: &[Series], side: &str, grid: &Grid) -> Result<()> {
    for at in 0..if series.len() > 1 { grid.count } else { 0 } {
        let mut present = series.iter().filter(|series| is_present(series.values[at]));
        if let (Some(first), Some(second)) = (present.next(), present.next()) {
            return Err(PromqlError::execution(format!(
                "found duplicate series for the match group {signature} on the {side} hand-side of the operation: [{}, {}];\
                 many-to-many matching not allowed: matching labels must be unique on one side",
                second.labels, first.labels
            )));
        }
    }
    Ok(())
}

/// Marks the instants of values as taken, which none of them may be.
fn take(taken: &mut [bool], values: &[f64]) -> Result<()> {
    for (taken, value) in taken.iter_mut().zip(values) {
        if is_present(*value) && std::mem::replace(taken, true) {
            let message = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
            return Err(PromqlError::execution(message));
        }
    }
    Ok(())
}

fn result_labels(binary: &Binary, many: &Labels, one: &Labels) -> Labels {
    let mut labels = if is_filter(binary) { many.clone() } else { many.without_metadata() };
    match &binary.matching.cardinality {
        Cardinality::OneToOne if binary.matching.on => labels = labels.only(&binary.matching.labels),
        Cardinality::OneToOne => labels = labels.without(&binary.matching.labels),
        Cardinality::ManyLeft(included) | Cardinality::ManyRight(included) => {
            included.iter().for_each(|name| labels.set(name, one.get(name).to_owned()));
        }
    }
    labels
}

/// `and`, `or` and `unless`: which series are there, whatever their values.
fn set_operation(binary: &Binary, mut left: Vec<Series>, mut right: Vec<Series>, grid: &Grid) -> Result<Vec<Series>> {
    let matching = &binary.matching;
    match binary.operator {
        Operator::And => keep_where(&mut left, &presence(&right, matching, grid), matching, true),
        Operator::Unless => keep_where(&mut left, &presence(&right, matching, grid), matching, false),
        _ => {
            keep_where(&mut right, &presence(&left, matching, grid), matching, false);
            left.extend(right);
        }
    }
    unique(left)
}

/// By signature, at which instants a series is there.
fn presence(series: &[Series], matching: &Matching, grid: &Grid) -> HashMap<Labels, Vec<bool>> {
    let mut presence: HashMap<Labels, Vec<bool>> = HashMap::new();
    for series in series {
        let there = presence.entry(signature(&series.labels, matching)).or_insert_with(|| vec![false; grid.count]);
        there.iter_mut().zip(&series.values).for_each(|(there, value)| *there |= is_present(*value));
    }
    presence
}

/// Leaves the values at whose instants `presence` is as wanted.
fn keep_where(series: &mut [Series], presence: &HashMap<Labels, Vec<bool>>, matching: &Matching, wanted: bool) {
    for series in series {
        let there = presence.get(&signature(&series.labels, matching));
        for (at, value) in series.values.iter_mut().enumerate() {
            if there.is_some_and(|there| there[at]) != wanted {
                *value = ABSENT;
            }
        }
    }
}
