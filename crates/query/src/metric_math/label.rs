//! The labels of results.
//!
//! AWS (user guide, and the Label of MetricDataQuery): a single series has the Label of its query; without one CloudWatch makes
//! a default, which for an expression is its Id. The lines of an array are called `Expression-Label Metric-Label`, or with an
//! empty expression label by the metric's label alone; a dynamic label applies to each of them, with `${LABEL}` for the
//! metric's. Not documented, so chosen here: without a Label, the lines of an array have the labels of their members.

use super::{Series, Value};

/// The labels of the series of `value`, the result of the query `id`. `render` renders a label with dynamic parts (`${…}`) for a
/// series, whose `label` is what `${LABEL}` stands for; of a single series that is the default, `id`.
pub fn result_labels(
    id: &str,
    label: Option<&str>,
    value: &Value,
    render: &dyn Fn(&str, &Series) -> String,
) -> Vec<String> {
    let is_dynamic = label.is_some_and(|label| label.contains("${"));
    match (value, label) {
        (Value::Scalar(_), _) => Vec::new(),
        (Value::Series(_), None) => vec![id.to_owned()],
        (Value::Series(series), Some(label)) if is_dynamic => {
            vec![render(label, &Series { label: id.to_owned(), ..series.clone() })]
        }
        (Value::Series(_), Some(label)) => vec![label.to_owned()],
        (Value::Array(members), Some(label)) if is_dynamic => {
            members.iter().map(|member| render(label, member)).collect()
        }
        (Value::Array(members), Some(label)) if !label.is_empty() => {
            members.iter().map(|member| format!("{label} {}", member.label)).collect()
        }
        (Value::Array(members), _) => members.iter().map(|member| member.label.clone()).collect(),
    }
}
