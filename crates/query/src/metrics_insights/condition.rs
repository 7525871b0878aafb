//! What WHERE asks of a metric.

use super::{Label, Metric};

/// A condition of WHERE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// All of them.
    All(Vec<Condition>),
    /// One of them at least.
    Any(Vec<Condition>),
    /// Not this one.
    Not(Box<Condition>),
    /// The label has one of these values: `=` names one, IN several.
    Is(Label, Vec<Wanted>),
}

/// A value that a label may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// As it is written.
    Text(String),
    /// The account that asks.
    CurrentAccount,
}

impl Condition {
    /// Whether it holds for a metric. A label that the metric lacks has none of any values.
    pub fn holds(&self, metric: &Metric<'_>, current_account: &str) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(metric, current_account)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(metric, current_account)),
            Self::Not(condition) => !condition.holds(metric, current_account),
            Self::Is(label, values) => {
                let value = label.of(metric);
                values.iter().any(|wanted| match wanted {
                    Wanted::Text(text) => value == Some(text.as_str()),
                    Wanted::CurrentAccount => value == Some(current_account),
                })
            }
        }
    }
}
