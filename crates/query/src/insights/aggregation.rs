//! `AggregationExpression` of log alarms: how the rows of a query become one value, or one for each contributor.
//!
//! From "Log alarms" in the CloudWatch user guide: `function(field) [by field, …] [| sort asc|desc]`, where the function is
//! count, avg, sum, min or max, `by` has at most 5 fields and no `bin()`, and the sort is by the value. Contributors come in
//! the order of their fields unless they are sorted, and the first 500 count. `count(*)` of no rows is 0; the other
//! functions give no value then.
//!
//! Chosen here: the value may have an alias, as in `stats`; with `sort`, contributors of the same value come in the order of
//! their fields; names and values of contributors that are longer than the API allows end with a hash. AWS's messages for bad expressions are not documented.

#[cfg(test)]
mod tests;

use super::ast::{Aggregate, Column, Command, Expr, Function, Query, SortKey};
use super::plan::Answer;
use super::{QueryError, parse, walk};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Most contributors of one run.
pub const CONTRIBUTORS_MAX: usize = 500;
/// Most fields of `by`.
const FIELDS_MAX: usize = 5;
/// Longest name of an attribute, characters (the model's `AttributeName`).
const NAME_CHARS_MAX: usize = 255;
/// Longest value of an attribute, characters (the model's `AttributeValue`).
const VALUE_CHARS_MAX: usize = 1024;
/// Bytes of the hash that ends a name or value that is cut.
const CUT_HASH_BYTES: usize = 8;

/// An aggregation expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregation {
    value: Column,
    by: Vec<Column>,
    /// Sorts by the value; whether from high to low.
    is_descending: Option<bool>,
}

/// Why an aggregation expression is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum AggregationError {
    #[error("{}", .0.message)]
    Syntax(QueryError),
    #[error("only a single aggregation expression is supported")]
    NotOne,
    #[error("the aggregation functions are count, avg, sum, min and max")]
    Function,
    #[error("at most {FIELDS_MAX} fields can be in the by clause")]
    Fields,
    #[error("bin() is not supported in the by clause")]
    Bin,
}

/// The value of one contributor, or of all rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregated {
    /// Fields of `by` with their values; a field that the rows do not have is absent.
    pub attributes: BTreeMap<String, String>,
    /// `None` where the rows give no number.
    pub value: Option<f64>,
}

impl Aggregation {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, AggregationError> {
        let (text, is_descending) = sorted(text);
        let query = parse(&format!("stats {text}")).map_err(AggregationError::Syntax)?;
        let commands: [Command; 1] = query.commands.try_into().map_err(|_| AggregationError::NotOne)?;
        let [Command::Stats { values, by }] = commands else { return Err(AggregationError::NotOne) };
        let [value]: [Column; 1] = values.try_into().map_err(|_| AggregationError::NotOne)?;
        match &value.value {
            Expr::Aggregate(
                Aggregate::Count | Aggregate::Avg | Aggregate::Sum | Aggregate::Min | Aggregate::Max,
                _,
            ) => {}
            _ => return Err(AggregationError::Function),
        }
        if by.len() > FIELDS_MAX {
            return Err(AggregationError::Fields);
        }
        if by.iter().any(|column| has_bin(&column.value)) {
            return Err(AggregationError::Bin);
        }
        Ok(Self { value, by, is_descending })
    }

    /// True when there is a value for each contributor, not for all rows together.
    pub fn is_grouped(&self) -> bool {
        !self.by.is_empty()
    }

    /// The query that gives the values of the rows of `query`.
    pub fn of(&self, mut query: Query) -> Query {
        query.commands.push(Command::Stats { values: vec![self.value.clone()], by: self.by.clone() });
        if self.is_grouped() {
            let key = |name: &str, is_descending| SortKey {
                value: Expr::Field(name.to_owned()),
                is_descending,
                is_natural: false,
            };
            let by_value = self.is_descending.map(|is_descending| key(&self.value.name, is_descending));
            let by_fields = self.by.iter().map(|column| key(&column.name, false));
            query.commands.push(Command::Sort(by_value.into_iter().chain(by_fields).collect()));
            // One more shows that there are more.
            query.commands.push(Command::Limit(CONTRIBUTORS_MAX as u64 + 1));
        }
        query
    }

    /// The values that an answer to `of` holds, in its order, and whether there were more than are looked at.
    pub fn values(&self, answer: &Answer) -> (Vec<Aggregated>, bool) {
        let place = |name: &str| answer.columns.iter().position(|column| column == name);
        let value_at = place(&self.value.name);
        let fields: Vec<(&str, usize)> =
            self.by.iter().filter_map(|column| Some((column.name.as_str(), place(&column.name)?))).collect();
        let cell = |row: &[Option<String>], at: usize| row.get(at).cloned().flatten();
        let aggregated = |row: &Vec<Option<String>>| Aggregated {
            attributes: fields.iter().filter_map(|(name, at)| attribute(name, cell(row, *at)?)).collect(),
            value: value_at.and_then(|at| cell(row, at)?.parse().ok()).filter(|value: &f64| value.is_finite()),
        };
        let mut values: Vec<Aggregated> = answer.rows.iter().take(CONTRIBUTORS_MAX).map(aggregated).collect();
        if !self.is_grouped() && values.is_empty() {
            values.push(Aggregated { attributes: BTreeMap::new(), value: self.counts_rows().then_some(0.0) });
        }
        (values, answer.rows.len() > CONTRIBUTORS_MAX)
    }

    /// `count(*)`.
    fn counts_rows(&self) -> bool {
        match &self.value.value {
            Expr::Aggregate(Aggregate::Count, arguments) => {
                arguments.iter().all(|argument| matches!(argument, Expr::Field(name) if name == "*"))
            }
            _ => false,
        }
    }
}

/// What stands before `| sort asc` or `| sort desc`, and the direction.
fn sorted(text: &str) -> (&str, Option<bool>) {
    let Some((before, sort)) = text.rsplit_once('|') else { return (text, None) };
    let words: Vec<String> = sort.split_whitespace().map(str::to_ascii_lowercase).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["sort", "asc"] => (before, Some(false)),
        ["sort", "desc"] => (before, Some(true)),
        _ => (text, None),
    }
}

fn has_bin(value: &Expr) -> bool {
    matches!(value, Expr::Call(Function::Bin, _)) || walk::children(value).into_iter().any(has_bin)
}

/// An attribute as long as it may be; an empty value is none.
fn attribute(name: &str, value: String) -> Option<(String, String)> {
    (!value.is_empty()).then(|| (cut(name, NAME_CHARS_MAX), cut(&value, VALUE_CHARS_MAX)))
}

/// The text in at most `max` characters; the end of one that is cut is a hash of it all, so that other texts stay others.
fn cut(text: &str, max: usize) -> String {
    if text.chars().nth(max).is_none() {
        return text.to_owned();
    }
    let hash = Sha256::digest(text.as_bytes());
    let hash: String = hash.iter().take(CUT_HASH_BYTES).map(|byte| format!("{byte:02x}")).collect();
    let begin: String = text.chars().take(max - hash.len() - 1).collect();
    format!("{begin}\u{2026}{hash}")
}
