//! CloudWatch Metrics Insights: the SQL that GetMetricData takes as an expression, parsed, matched and evaluated.
//!
//! ```text
//! SELECT AVG|COUNT|MAX|MIN|SUM ( metric )
//! FROM namespace | SCHEMA ( namespace [, dimension]... )
//! [WHERE condition] [GROUP BY label [, ...]] [ORDER BY function() [ASC|DESC]] [LIMIT number]
//! ```
//! A condition is `label = 'value'` or `label != 'value'`, several of them with AND between them. A label is a dimension's name,
//! `tag.key` (a tag of the metric's resource) or `AWS.AccountId`.
//!
//! As AWS documents ("Query components and syntax", "SQL inference"):
//! - Keywords go in any case, identifiers do not. Names with other characters than letters, digits and `_` are in double
//!   quotes, with `\"` and `\'` for a quote; values are in single quotes. The account's id is compared with a value, with a
//!   bare number or with `CURRENT_ACCOUNT_ID()`.
//! - `SCHEMA(ns, a, b)` takes only metrics with exactly these dimensions, in any order; `SCHEMA(ns)` those without any.
//! - A function is over all observations of all metrics of a group in a period: AVG is the sum of the sums divided by the
//!   sum of the sample counts, not an average of averages.
//! - A metric without a label of GROUP BY has `Other` for its value. Groups are ordered by their values, in the sequence of
//!   GROUP BY, ascending; with ORDER BY, by its function over the points of each series, ascending unless DESC is said.
//! - ORDER BY goes before LIMIT, which is at most 500.
//!
//! What AWS's grammar lacks and is let pass here: OR, NOT and parentheses (NOT binds more tightly than AND, AND than OR), and
//! `label [NOT] IN ('value', …)`.
//!
//! Where AWS says nothing, here:
//! - The words of the grammar above need double quotes as names; AWS reserves some 700 more words, among them ones that its
//!   own examples do not quote.
//! - `''` and `""` stand for a quote too. `tag."odd key"` names a tag with other characters.
//! - A metric without a label matches `!=` (AWS says of tags that `!=` excludes what has the tag with that value).
//! - A series' label is the group's values with a space between them, empty without GROUP BY, where a caller shows the
//!   query's id as AWS does for expressions.
//! - Series with equal ORDER BY values are ordered by group.
//! - AWS's limits (500 series without LIMIT too, 10,000 metrics, two weeks) are the caller's to set.

use condition::Condition;
use model::Timestamp;
use store::Totals;

mod condition;
mod evaluate;
mod parse;
#[cfg(test)]
mod tests;

/// Longest query read, characters (the longest of a saved query).
pub const QUERY_CHARS_MAX: usize = 10_000;

/// Largest number behind LIMIT ("Query components and syntax").
pub const LIMIT_MAX: usize = 500;

/// The value of a group for metrics that lack a label (AWS's word).
pub const OTHER: &str = "Other";

/// A parsed query.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsInsights {
    function: Function,
    metric: String,
    namespace: String,
    /// `Some` with SCHEMA: these dimensions and no others, sorted.
    schema: Option<Vec<String>>,
    condition: Option<Condition>,
    group_by: Vec<Label>,
    order_by: Option<OrderBy>,
    limit: Option<usize>,
    first_tag: Option<(String, usize)>,
}

/// What a query makes of observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Sum divided by count.
    Avg,
    /// Number of observations.
    Count,
    /// Largest.
    Max,
    /// Smallest.
    Min,
    /// Sum.
    Sum,
}

impl Function {
    /// The function's word in a query.
    pub fn name(self) -> &'static str {
        match self {
            Function::Avg => "AVG",
            Function::Count => "COUNT",
            Function::Max => "MAX",
            Function::Min => "MIN",
            Function::Sum => "SUM",
        }
    }
}

/// What a condition or a group looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Label {
    Dimension(String),
    Tag(String),
    Account,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OrderBy {
    function: Function,
    descending: bool,
}

/// What a query may ask of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric<'a> {
    /// Account the metric is in.
    pub account: &'a str,
    /// CloudWatch namespace.
    pub namespace: &'a str,
    /// Metric name.
    pub name: &'a str,
    /// (name, value) pairs, names unique.
    pub dimensions: &'a [(String, String)],
    /// Tags of the resource that the metric is of, (key, value); empty where they are not known.
    pub tags: &'a [(String, String)],
}

/// The values of GROUP BY's labels, in its sequence; empty without GROUP BY.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupKey(pub Vec<String>);

/// One time series of the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSeries {
    /// The group's values with spaces between them; empty without GROUP BY.
    pub label: String,
    /// The same, one by one.
    pub group: GroupKey,
    /// Starts of periods with their values, ascending; never empty.
    pub points: Vec<(Timestamp, f64)>,
}

/// A query that does not follow the grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (column {column})")]
pub struct SyntaxError {
    /// What is wrong, for the client.
    pub message: String,
    /// Where: 1-based, in characters from the beginning of the text.
    pub column: usize,
}

impl MetricsInsights {
    /// Reads a query.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        parse::query(text)
    }

    /// The one namespace whose metrics can match.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The one metric name that can match.
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// What is computed of each period.
    pub fn function(&self) -> Function {
        self.function
    }

    /// The labels of GROUP BY, as the query names them.
    pub fn group_names(&self) -> Vec<String> {
        let name = |label: &Label| match label {
            Label::Dimension(name) => name.clone(),
            Label::Tag(key) => format!("tag.{key}"),
            Label::Account => "AWS.AccountId".to_owned(),
        };
        self.group_by.iter().map(name).collect()
    }

    /// True when the answer has a series for each group; else it is one.
    pub fn is_grouped(&self) -> bool {
        !self.group_by.is_empty()
    }

    /// The key of the first tag that the query looks at, and the column of its label; `None` when it looks at no tags.
    pub fn first_tag(&self) -> Option<(&str, usize)> {
        self.first_tag.as_ref().map(|(key, column)| (key.as_str(), *column))
    }

    /// True when the query is over this metric; `current_account` is who asks.
    pub fn matches(&self, metric: &Metric<'_>, current_account: &str) -> bool {
        metric.name == self.metric
            && metric.namespace == self.namespace
            && self.schema.as_ref().is_none_or(|schema| has_exactly(metric.dimensions, schema))
            && self.condition.as_ref().is_none_or(|condition| condition.holds(metric, current_account))
    }

    /// The group that a matching metric belongs to.
    pub fn group_of(&self, metric: &Metric<'_>) -> GroupKey {
        GroupKey(self.group_by.iter().map(|label| label.of(metric).unwrap_or(OTHER).to_owned()).collect())
    }

    /// The answer, ordered and limited: of each metric its group and its periods (in any order), and how many series may be
    /// answered at most whatever LIMIT says. Periods without samples and groups without periods are left out.
    pub fn evaluate(
        &self,
        metrics: impl IntoIterator<Item = (GroupKey, Vec<(Timestamp, Totals)>)>,
        series_max: usize,
    ) -> Vec<GroupSeries> {
        evaluate::evaluate(self, metrics, series_max)
    }
}

impl Label {
    fn of<'a>(&self, metric: &Metric<'a>) -> Option<&'a str> {
        let find = |pairs: &'a [(String, String)], key: &str| {
            pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
        };
        match self {
            Label::Dimension(name) => find(metric.dimensions, name),
            Label::Tag(key) => find(metric.tags, key),
            Label::Account => Some(metric.account),
        }
    }
}

/// `schema` is sorted and has no duplicates, nor have the dimensions.
fn has_exactly(dimensions: &[(String, String)], schema: &[String]) -> bool {
    dimensions.len() == schema.len() && dimensions.iter().all(|(name, _)| schema.binary_search(name).is_ok())
}
