//! The answer of a query: observations of many metrics into one series for each group, ordered and limited.

use super::{Function, GroupKey, GroupSeries, MetricsInsights};
use model::Timestamp;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use store::Totals;

pub fn evaluate(
    query: &MetricsInsights,
    metrics: impl IntoIterator<Item = (GroupKey, Vec<(Timestamp, Totals)>)>,
    series_max: usize,
) -> Vec<GroupSeries> {
    let mut groups: BTreeMap<GroupKey, BTreeMap<Timestamp, Totals>> = BTreeMap::new();
    for (key, periods) in metrics {
        let group = groups.entry(key).or_default();
        for (start, totals) in periods {
            group.entry(start).or_insert(Totals::NONE).merge(&totals);
        }
    }
    // A BTreeMap goes through the groups in the order that holds without ORDER BY; the sort keeps it among equals.
    let mut series: Vec<GroupSeries> = groups
        .into_iter()
        .map(|(key, periods)| GroupSeries {
            label: key.0.join(" "),
            points: points(query.function, &periods),
            group: key,
        })
        .filter(|series| !series.points.is_empty())
        .collect();
    if let Some(order) = query.order_by {
        series.sort_by_cached_key(|series| {
            let value = over_points(order.function, &series.points);
            Ranked(if order.descending { -value } else { value })
        });
    }
    series.truncate(query.limit.unwrap_or(usize::MAX).min(series_max));
    series
}

fn points(function: Function, periods: &BTreeMap<Timestamp, Totals>) -> Vec<(Timestamp, f64)> {
    let sampled = periods.iter().filter(|(_, totals)| totals.count > 0.0);
    sampled.map(|(&start, totals)| (start, of_totals(function, totals))).collect()
}

fn of_totals(function: Function, totals: &Totals) -> f64 {
    match function {
        Function::Avg => totals.sum / totals.count,
        Function::Count => totals.count,
        Function::Max => totals.max,
        Function::Min => totals.min,
        Function::Sum => totals.sum,
    }
}

/// The one number that ORDER BY compares: the function over the points that the answer shows.
fn over_points(function: Function, points: &[(Timestamp, f64)]) -> f64 {
    let mut totals = Totals::NONE;
    points.iter().for_each(|&(_, value)| totals.add(value, 1.0));
    of_totals(function, &totals)
}

/// A float with the total order of its values.
#[derive(PartialEq)]
struct Ranked(f64);

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        // Adding zero makes -0 equal to 0, so that groups decide.
        (self.0 + 0.0).total_cmp(&(other.0 + 0.0))
    }
}
