//! Aggregation operators: many series into one for each group, or a choice among them.

use super::super::plan::{Aggregate, Aggregation, Grouping};
use super::super::value::plain_number;
use super::super::window::{Spread, Sum, nan_first, quantile};
use super::{ABSENT, Evaluator, Grid, Result, Series, is_present};
use crate::promql::{Labels, PromqlError};
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

/// The values of a group's members at one instant to the group's value.
type Of = fn(&[f64]) -> f64;

impl Evaluator<'_> {
    pub(super) fn aggregate(&self, aggregate: &Aggregate, grid: &Grid) -> Result<Vec<Series>> {
        let series = self.vector(&aggregate.of, grid)?;
        let mut groups: BTreeMap<Labels, Vec<Series>> = BTreeMap::new();
        for series in series {
            groups.entry(group_of(&aggregate.grouping, &series.labels)).or_default().push(series);
        }
        self.room(groups.len(), grid.count)?;
        let of: Of = match &aggregate.operator {
            Aggregation::Sum => |values| sum(values).total(),
            Aggregation::Average => |values| sum(values).total() / values.len() as f64,
            Aggregation::Count => |values| values.len() as f64,
            Aggregation::Minimum => |values| extreme(values, Ordering::Less),
            Aggregation::Maximum => |values| extreme(values, Ordering::Greater),
            Aggregation::Group => |_| 1.0,
            Aggregation::StandardDeviation => |values| spread(values).variance().sqrt(),
            Aggregation::Variance => |values| spread(values).variance(),
            Aggregation::Quantile(parameter) => {
                let parameter = self.scalar(parameter, grid)?;
                return Ok(each_group(groups, grid, |at, values| {
                    values.sort_by(nan_first);
                    quantile(parameter[at], values.len(), |rank| values[rank])
                }));
            }
            Aggregation::Extreme { count, largest } => {
                return extremes(groups, &self.scalar(count, grid)?, *largest, grid);
            }
            Aggregation::CountValues(label) => return self.count_values(groups, label, grid),
        };
        Ok(each_group(groups, grid, |_, values| of(values)))
    }

    fn count_values(&self, groups: BTreeMap<Labels, Vec<Series>>, label: &str, grid: &Grid) -> Result<Vec<Series>> {
        let mut counts: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
        for (group, members) in groups {
            for member in members {
                for (at, &value) in member.values.iter().enumerate().filter(|(_, value)| is_present(**value)) {
                    let mut labels = group.clone();
                    labels.set(label, plain_number(value));
                    let count = counts.entry(labels).or_insert_with(|| vec![ABSENT; grid.count]);
                    count[at] = if is_present(count[at]) { count[at] + 1.0 } else { 1.0 };
                    self.room(counts.len(), grid.count)?;
                }
            }
        }
        Ok(counts.into_iter().map(|(labels, values)| Series { labels, values }).collect())
    }
}

fn group_of(grouping: &Grouping, labels: &Labels) -> Labels {
    match grouping {
        Grouping::By(names) => labels.only(names),
        Grouping::Without(names) => labels.without(names).without_metadata(),
    }
}

fn each_group(
    groups: BTreeMap<Labels, Vec<Series>>,
    grid: &Grid,
    mut of: impl FnMut(usize, &mut [f64]) -> f64,
) -> Vec<Series> {
    let mut present = Vec::new();
    let mut series = Vec::new();
    for (labels, members) in groups {
        let value = |at: usize| {
            present.clear();
            present.extend(members.iter().map(|member| member.values[at]).filter(|&value| is_present(value)));
            if present.is_empty() { ABSENT } else { of(at, &mut present) }
        };
        series.push(Series { labels, values: (0..grid.count).map(value).collect() });
    }
    series
}

fn sum(values: &[f64]) -> Sum {
    let values = values.iter().map(|&value| Sum::of_value(value));
    values.reduce(Sum::plus).unwrap_or(Sum::of_value(f64::NAN))
}

fn spread(values: &[f64]) -> Spread {
    let values = values.iter().map(|&value| Spread::of_value(value));
    values.reduce(Spread::plus).unwrap_or(Spread::of_value(f64::NAN))
}

/// The value that comes first in an order; NaN only when there is nothing else.
fn extreme(values: &[f64], order: Ordering) -> f64 {
    let further = |best: f64, value: f64| {
        if best.is_nan() || value.partial_cmp(&best) == Some(order) { value } else { best }
    };
    values.iter().copied().fold(f64::NAN, further)
}

/// topk and bottomk: at each instant the members of each group with the most extreme values, as they are. At one instant they
/// are ordered by value, most extreme first.
fn extremes(groups: BTreeMap<Labels, Vec<Series>>, counts: &[f64], largest: bool, grid: &Grid) -> Result<Vec<Series>> {
    if let Some(count) = counts.iter().find(|count| count.is_nan() || count.abs() >= 9.2e18) {
        return Err(PromqlError::execution(format!("Scalar value {} overflows int64", plain_number(*count))));
    }
    // NaN is the least extreme value of both.
    let rank = |a: f64, b: f64| match (a.is_nan(), b.is_nan()) {
        (false, false) if largest => nan_first(&b, &a),
        (false, false) => nan_first(&a, &b),
        (a, b) => a.cmp(&b),
    };
    let mut chosen = Vec::new();
    for (_, mut members) in groups {
        let mut ranked = Vec::new();
        let mut keep: HashMap<usize, Vec<f64>> = HashMap::new();
        for (at, &count) in counts.iter().enumerate() {
            ranked.clear();
            let values = members.iter().map(|member| member.values[at]).enumerate();
            ranked.extend(values.filter(|(_, value)| is_present(*value)));
            ranked.sort_by(|a: &(usize, f64), b| rank(a.1, b.1));
            // A negative number is none.
            for &(member, value) in ranked.iter().take(count as usize) {
                keep.entry(member).or_insert_with(|| vec![ABSENT; grid.count])[at] = value;
            }
        }
        let mut kept: Vec<(usize, Vec<f64>)> = keep.into_iter().collect();
        kept.sort_by(|a, b| rank(a.1[0], b.1[0]).then(a.0.cmp(&b.0)));
        for (member, values) in kept {
            chosen.push(Series { labels: std::mem::take(&mut members[member].labels), values });
        }
    }
    Ok(chosen)
}
