//! Functions that take series as they are at an instant: of each value, of labels, of order, of absence.

use super::super::plan::{LabelReplace, Node};
use super::super::window::nan_first;
use super::{ABSENT, Evaluator, Grid, Result, Series, computed, is_present, secs, unique, unnamed};
use crate::promql::{Labels, PromqlError};
use std::cmp::Ordering;

impl Evaluator<'_> {
    pub(super) fn series_function(&self, node: &Node, grid: &Grid) -> Result<Vec<Series>> {
        match node {
            Node::Map(map, of) => computed(self.vector(of, grid)?, |_, value| map(value)),
            Node::Round { of, to } => {
                let to = self.scalar(to, grid)?;
                computed(self.vector(of, grid)?, |at, value| {
                    // As Prometheus does it: dividing by the inverse rounds halves the way one expects.
                    let inverse = 1.0 / to[at];
                    (value * inverse + 0.5).floor() / inverse
                })
            }
            Node::Clamp { of, min, max } => self.clamp(of, min.as_deref(), max.as_deref(), grid),
            Node::EvaluationTime(of) => computed(self.vector(of, grid)?, |at, _| secs(grid.time(at))),
            Node::Absent(of, labels) => {
                let series = self.vector(of, grid)?;
                let value = |at: usize| {
                    if series.iter().any(|series| is_present(series.values[at])) { ABSENT } else { 1.0 }
                };
                Ok(vec![Series { labels: labels.clone(), values: (0..grid.count).map(value).collect() }])
            }
            Node::AbsentOverTime(source, labels) => self.absent_over_time(source, labels, grid),
            Node::Vector(of) => Ok(vec![Series { labels: Labels::default(), values: self.scalar(of, grid)? }]),
            Node::Sort { of, descending } => {
                let mut series = self.vector(of, grid)?;
                // Series of a range are ordered by their labels in the end.
                series.sort_by(|a, b| by_value(a.values[0], b.values[0], *descending));
                Ok(series)
            }
            Node::SortByLabel { of, labels, descending } => {
                let mut series = self.vector(of, grid)?;
                series.sort_by(|a, b| {
                    let order = by_labels(&a.labels, &b.labels, labels);
                    if *descending { order.reverse() } else { order }
                });
                Ok(series)
            }
            Node::LabelReplace(replace) => label_replace(self.vector(&replace.of, grid)?, replace),
            Node::LabelJoin { of, target, separator, sources } => {
                let mut series = self.vector(of, grid)?;
                for series in &mut series {
                    let values: Vec<&str> = sources.iter().map(|source| series.labels.get(source)).collect();
                    let joined = values.join(separator);
                    series.labels.set(target, joined);
                }
                unique(series)
            }
            _ => Err(PromqlError::execution("expected an instant vector")),
        }
    }

    fn clamp(&self, of: &Node, min: Option<&Node>, max: Option<&Node>, grid: &Grid) -> Result<Vec<Series>> {
        let bound = |node: Option<&Node>, open: f64| match node {
            Some(node) => self.scalar(node, grid),
            None => Ok(vec![open; grid.count]),
        };
        let (min, max) = (bound(min, f64::NEG_INFINITY)?, bound(max, f64::INFINITY)?);
        let mut series = self.vector(of, grid)?;
        for series in &mut series {
            for (at, value) in series.values.iter_mut().enumerate().filter(|(_, value)| is_present(**value)) {
                *value = match (min[at], max[at]) {
                    (min, max) if max < min => ABSENT,
                    // A bound that is no number makes everything so.
                    (min, max) if value.is_nan() || min.is_nan() || max.is_nan() => f64::NAN,
                    (min, max) => value.min(max).max(min),
                };
            }
        }
        unnamed(series)
    }
}

/// NaN comes last either way.
fn by_value(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) if descending => nan_first(&b, &a),
        (false, false) => nan_first(&a, &b),
        (a, b) => a.cmp(&b),
    }
}

fn by_labels(a: &Labels, b: &Labels, names: &[String]) -> Ordering {
    let different = names.iter().map(|name| natural(a.get(name), b.get(name))).find(|order| order.is_ne());
    different.unwrap_or_else(|| a.cmp(b))
}

/// The order of texts in which digits count as numbers: `node9` before `node10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a_rest, mut b_rest) = (a, b);
    loop {
        let (a_chunk, b_chunk) = (chunk(a_rest), chunk(b_rest));
        if a_chunk.is_empty() || b_chunk.is_empty() {
            return a_chunk.len().cmp(&b_chunk.len()).then_with(|| a.cmp(b));
        }
        let are_numbers = [a_chunk, b_chunk].iter().all(|chunk| chunk.starts_with(|c: char| c.is_ascii_digit()));
        let order = if are_numbers {
            let (a_digits, b_digits) = (a_chunk.trim_start_matches('0'), b_chunk.trim_start_matches('0'));
            a_digits.len().cmp(&b_digits.len()).then_with(|| a_digits.cmp(b_digits))
        } else {
            a_chunk.cmp(b_chunk)
        };
        if order.is_ne() {
            return order;
        }
        (a_rest, b_rest) = (&a_rest[a_chunk.len()..], &b_rest[b_chunk.len()..]);
    }
}

/// The digits, or what is none, that a text begins with.
fn chunk(text: &str) -> &str {
    let is_number = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != is_number).unwrap_or(text.len());
    &text[..end]
}

fn label_replace(mut series: Vec<Series>, replace: &LabelReplace) -> Result<Vec<Series>> {
    for series in &mut series {
        let replaced = replace.regex.captures(series.labels.get(&replace.source)).map(|captures| {
            let mut replaced = String::new();
            captures.expand(&replace.replacement, &mut replaced);
            replaced
        });
        if let Some(replaced) = replaced {
            series.labels.set(&replace.target, replaced);
        }
    }
    unique(series)
}
