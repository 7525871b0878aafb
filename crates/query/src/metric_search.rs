//! The language of SEARCH: which metrics of an account a search expression finds.
//!
//! `{AWS/EC2,InstanceId} MetricName="CPUUtilization" NOT (InstanceId=i-1 OR test)`: an optional schema in braces, then terms.
//!
//! Source: the user guide, "CloudWatch search expression syntax". What AWS documents, and this module does:
//! - The schema is a namespace and exactly the names of the dimensions: `{AWS/EC2}` finds metrics without dimensions. Names with
//!   other characters are quoted. A comma may follow the schema.
//! - `"x"` is exact: the metric's name, namespace, or a dimension's name or value is `x`, in its case. A backslash stands before
//!   `" \ ( )` (brackets are let pass without one).
//! - A bare term is partial: it and the names are cut into tokens where lower case turns to upper, before and behind numbers,
//!   and at all other characters. A token is found in any case. Tokens written together (`CustomCount`, `Count1`) are a
//!   composite, found where they follow each other in a name, in the case they are written in; tokens with other characters
//!   between them (`network/errors`) also have to follow each other, in any case. A whole name is a token too.
//! - `MetricName=`, `Namespace=`, the name of a dimension or `:aws.AccountId=` before a term say where to look.
//! - `AND`, `OR`, `NOT` in upper case, and brackets; terms side by side are joined by AND.
//!
//! Where AWS says nothing, here:
//! - NOT binds more tightly than AND, AND than OR.
//! - A designator may stand before brackets: `InstanceId=("i-1" OR "i-2")`, as tools in use write it; its name may be quoted.
//! - Text in single quotes is exact too. A term without letters and digits is refused.

mod matching;
mod parse;
#[cfg(test)]
mod tests;
mod tokens;

use matching::{Condition, Field, Pattern, Property};

/// Why a search expression was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid search expression: {message} (column {column})")]
pub struct SearchError {
    /// What is wrong, for the client.
    pub message: String,
    /// Where: 1-based, in characters of the search expression.
    pub column: usize,
}

/// A search expression, ready to match.
#[derive(Debug, Clone)]
pub struct Search {
    schema: Option<Schema>,
    condition: Option<Condition>,
}

#[derive(Debug, Clone)]
struct Schema {
    namespace: String,
    /// Sorted.
    dimension_names: Vec<String>,
}

/// A metric that may match.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The account that it belongs to.
    pub account_id: &'a str,
    /// Whether that is the account that searches, which `:aws.AccountId="LOCAL"` means.
    pub is_local: bool,
    /// Namespace.
    pub namespace: &'a str,
    /// Metric name.
    pub metric_name: &'a str,
    /// Names and values of its dimensions, each name once.
    pub dimensions: &'a [(String, String)],
}

impl Search {
    /// Reads a search expression: the first argument of SEARCH without its quotes.
    pub fn parse(text: &str) -> Result<Self, SearchError> {
        parse::parse(text)
    }

    /// True when the search finds this metric.
    pub fn finds(&self, candidate: &Candidate<'_>) -> bool {
        let fits = self.schema.as_ref().is_none_or(|schema| schema.fits(candidate));
        fits && self.condition.as_ref().is_none_or(|condition| condition.holds(candidate, &Field::all(candidate)))
    }

    /// The only namespace that can match, when the schema or an exact `Namespace=` says it.
    pub fn namespace(&self) -> Option<&str> {
        let of_schema = self.schema.as_ref().map(|schema| schema.namespace.as_str());
        of_schema.or_else(|| self.required(&Property::Namespace))
    }

    /// The only metric name that can match, when an exact `MetricName=` says it.
    pub fn metric_name(&self) -> Option<&str> {
        self.required(&Property::MetricName)
    }

    /// The names of all dimensions of metrics that can match, sorted, when there is a schema.
    pub fn dimension_names(&self) -> Option<&[String]> {
        self.schema.as_ref().map(|schema| schema.dimension_names.as_slice())
    }

    /// The exact value of a property that every match has, as far as the top level says.
    fn required(&self, property: &Property) -> Option<&str> {
        let terms = match self.condition.as_ref()? {
            Condition::And(terms) => terms.as_slice(),
            term => std::slice::from_ref(term),
        };
        terms.iter().find_map(|term| match term {
            Condition::Term(of, Pattern::Exact(value)) if of == property => Some(value.as_str()),
            _ => None,
        })
    }
}

impl Schema {
    fn fits(&self, candidate: &Candidate<'_>) -> bool {
        candidate.namespace == self.namespace
            && candidate.dimensions.len() == self.dimension_names.len()
            && candidate.dimensions.iter().all(|(name, _)| self.dimension_names.binary_search(name).is_ok())
    }
}
