//! Names for rows that have none: what tells them apart.

use crate::cloudwatch::metric_rows::{Row, Source};
use std::collections::BTreeSet;

/// A name for each row, in their order.
///
/// A row's own label wins, then an expression's text. Metrics without a label are named by the parts in which they differ, of
/// namespace, name and dimension values, or by their name when nothing differs.
pub fn labels(rows: &[Row]) -> Vec<String> {
    let unnamed: Vec<Vec<&str>> =
        rows.iter().filter(|row| row.label.is_none() && row.visible).filter_map(parts).collect();
    let places = unnamed.iter().map(Vec::len).max().unwrap_or(0);
    let differs = |place: usize| {
        let values: BTreeSet<Option<&str>> = unnamed.iter().map(|parts| parts.get(place).copied()).collect();
        values.len() > 1
    };
    let places: Vec<usize> = (0..places).filter(|place| differs(*place)).collect();
    let name = |row: &Row| match (&row.label, &row.source) {
        (Some(label), _) => label.clone(),
        (None, Source::Expression(expression)) => expression.clone(),
        (None, Source::Metric { name, .. }) => {
            let parts = parts(row).unwrap_or_default();
            let told: Vec<&str> = places.iter().filter_map(|place| parts.get(*place).copied()).collect();
            if told.is_empty() { name.clone() } else { told.join(" ") }
        }
    };
    rows.iter().map(name).collect()
}

/// Namespace, name and dimension values of a metric.
fn parts(row: &Row) -> Option<Vec<&str>> {
    let Source::Metric { namespace, name, dimensions } = &row.source else { return None };
    let values = dimensions.iter().map(|(_, value)| value.as_str());
    Some([namespace.as_str(), name.as_str()].into_iter().chain(values).collect())
}
