//! CloudWatch metric math: expressions over time series, parsed once and evaluated synchronously over data that the caller fetched.
//!
//! Source: the user guide, "Using math expressions with CloudWatch metrics". Three types: S (a number), TS (a series) and TS[]
//! (an array of series). Function names and the words AND, OR, REPEAT, LINEAR, AVG, ASC … are upper case; an Id begins with a
//! lower-case letter, so they cannot be confused.
//!
//! What AWS documents, and this module does:
//! - Arithmetic and comparison of two series go by timestamp; where only one has a point, the other counts as 0. With a
//!   number, there is a point where the series has one. A point that would divide by zero is dropped.
//! - Comparison and logic give 1 or 0; every number but 0 is true.
//! - AVG, MAX, MIN, SUM, STDDEV and DATAPOINT_COUNT make S of TS, and TS of TS[]. AVG of an array counts missing points as 0.
//! - Operators take S, TS and TS[] in any pair but TS[] with TS[]; IF takes no TS[].
//! - IF, per point of its condition: true takes the first value, or 0 where that has no point; false takes the second, or
//!   drops the point where that has none or is omitted. A numeric condition chooses one of the two as a whole.
//! - MINUTE … EPOCH and TIME_SERIES have a point in every period of the request, in UTC.
//! - RATE, DIFF and DIFF_TIME look back to the previous point, however long ago it was.
//! - SLICE(array, n) gives all series from the n-th (from 0); SLICE(array, n, m) those before the m-th.
//! - PERIOD takes the Id of a metric. METRICS() are the metrics of the request, without expressions.
//! - Error texts "Invalid syntax" and "Function 'X' not found" are AWS's (as clients quote them), after which more may follow.
//!
//! Where AWS says nothing, here:
//! - Precedence, loosest first: `OR`, `AND`, comparisons (one level), `+ -`, `* /`, unary `-`, `^`. All group to the left but `^`,
//!   which groups to the right: `-a^b` is `-(a^b)`, `a^-b^c` is `a^(-(b^c))`.
//! - A result that is no finite number (LOG of 0, overflow) drops its point, as division by zero does, and the series says so
//!   (`Series::has_dropped`), as does all that is made of it, FILL included. A number that does
//!   not exist (`1/0`, AVG of a series without points) makes every point it is used for disappear; SUM of nothing is 0.
//! - MIN, MAX and STDDEV of an array look at the points there are; STDDEV divides by n (population).
//! - Series of different periods meet at equal timestamps; the result has the shorter period.
//! - FILL fills from the start of the request to its end, but not beyond now. REPEAT leaves a gap before the first point and
//!   LINEAR gaps at both ends, for there is nothing to repeat or to connect. A metric without points is filled too.
//! - More is let pass than AWS documents: ABS, CEIL, FLOOR, LOG and LOG10 take S; functions of TS[] take a TS as an array of one;
//!   IF of numbers alone gives S; PERIOD takes the Id of an expression that gives a TS; keywords may be quoted.
//! - In a quoted string, a backslash before the quote stands for the quote; other backslashes are left for SEARCH to read.
//! - FIRST and LAST of an empty array are a series without points. SORT is stable; series without points go last.

mod arithmetic;
mod array;
mod calendar;
mod condition;
mod elementwise;
mod evaluate;
mod fill;
mod function;
mod grid;
mod label;
mod order;
mod parse;
mod reduce;
mod references;
mod series;
mod syntax;
#[cfg(test)]
mod tests;
mod token;
mod types;

pub use evaluate::{Inputs, MakeBand};
pub use function::{FUNCTION_NAMES, Function};
pub use label::result_labels;
pub use order::evaluation_order;
pub use references::{Band, CallKind, ExternalCall, References};
pub use series::{MetricIdentity, Series, Value};
pub use types::Type;

/// Why an expression was refused. AWS answers a ValidationError that begins `Error in expression 'e1': ` (see `in_expression`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (column {column})")]
pub struct MathError {
    /// What is wrong, for the client; begins with AWS's words where they are known.
    pub message: String,
    /// Where: 1-based, in characters.
    pub column: usize,
}

impl MathError {
    fn new(column: usize, message: impl Into<String>) -> Self {
        Self { message: message.into(), column }
    }

    fn syntax(column: usize, detail: &str) -> Self {
        Self::new(column, format!("Invalid syntax: {detail}"))
    }

    /// AWS's text of the error for the query `id`: `Error in expression 'e1': Invalid syntax…`.
    pub fn in_expression(&self, id: &str) -> String {
        format!("Error in expression '{id}': {self}")
    }
}

/// An expression, ready to evaluate as often as wanted.
#[derive(Debug, Clone)]
pub struct Expression {
    text: String,
    root: syntax::Node,
    references: References,
}

impl Expression {
    /// Reads an expression. Its length is for the caller to limit (`Expression` has at most 2,048 characters on AWS).
    pub fn parse(text: &str) -> Result<Self, MathError> {
        parse::parse(text)
    }

    /// As it was written, less the space around it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the caller has to supply to `evaluate`.
    pub fn references(&self) -> &References {
        &self.references
    }

    /// The type of the result, and whether all types fit. `type_of` says what an Id is (a metric is a `Type::Series`), `None`
    /// when there is no such Id.
    pub fn result_type(&self, type_of: &dyn Fn(&str) -> Option<Type>) -> Result<Type, MathError> {
        types::check(&self.root, type_of)
    }

    /// Checks that the expression may be the result of a GetMetricData query or a line of a graph: a TS or TS[].
    pub fn check_data(&self, type_of: &dyn Fn(&str) -> Option<Type>) -> Result<Type, MathError> {
        match self.result_type(type_of)? {
            Type::Scalar => Err(MathError::new(
                1,
                "The result of an expression must be a single time series or an array of time series, not a number",
            )),
            found => Ok(found),
        }
    }

    /// Checks that an alarm may watch the expression: no SEARCH, and a single TS. The texts are AWS's but for a number.
    pub fn check_alarm(&self, type_of: &dyn Fn(&str) -> Option<Type>) -> Result<(), MathError> {
        let is_search = |call: &&ExternalCall| matches!(call.kind, CallKind::Search { .. });
        if let Some(call) = self.references.calls.iter().find(is_search) {
            return Err(MathError::new(call.column, "SEARCH is not supported on Metric Alarms."));
        }
        match self.check_data(type_of)? {
            Type::Array => Err(MathError::new(
                1,
                "Metrics expression that return multi time series are only allowed for MetricsInsights expression with \
                 an ORDER BY clause",
            )),
            _ => Ok(()),
        }
    }

    /// True when the expression is an ANOMALY_DETECTION_BAND, which an alarm may name as its `ThresholdMetricId`.
    pub fn is_band(&self) -> bool {
        matches!(self.root.kind, syntax::Kind::Band { .. })
    }

    /// The result over `inputs`. Fails when types do not fit, something that is referenced is missing, an index is no whole
    /// number, or a result would be too large.
    pub fn evaluate(&self, inputs: &Inputs<'_>) -> Result<Value, MathError> {
        evaluate::evaluate(self, inputs)
    }
}
