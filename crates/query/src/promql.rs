//! PromQL over CloudWatch metrics: parsed by the crate promql-parser, evaluated here with the semantics of Prometheus 3.
//!
//! A query is read (`Query::parse`), says which samples it needs (`Query::selectors`), and is evaluated over them without IO
//! (`Query::instant`, `Query::range`): the same number of results, in the same order, as there are selectors.
//!
//! **How a metric appears.** As AWS documents for its vended metrics ("PromQL querying", CloudWatch user guide): `__name__` is
//! the metric's name, dimensions are labels (`InstanceId`, in queries also `@datapoint.InstanceId`), and
//! `@instrumentation.@name` is `cloudwatch.` and the namespace in lower case (`cloudwatch.aws/ec2`), `@aws.account` and
//! `@aws.region` are what they say. Ours: `@aws.namespace` is the namespace as it is, and `__unit__` the unit (Prometheus's
//! own name for it) where there is one. Metrics that came by OTLP have the labels that AWS documents for those: `@resource.…`,
//! `@instrumentation.…`. AWS's labels of an enriched resource (`@resource.…` of vended metrics, `@aws.tag.…`) are not there.
//!
//! **The value of a sample.** AWS stores the periods of many metrics as histograms. Here a selector takes one statistic of each
//! period: the Average, or what the matcher `__stat__="p99"` says in any of CloudWatch's notations (`=` only; it is no label
//! of the result). AWS's functions of histograms choose too: `histogram_sum(x)`, `histogram_count(x)`, `histogram_avg(x)` and,
//! with a literal quantile, `histogram_quantile(0.99, x)` of a plain selector, whose series with a label `le` are taken for
//! the buckets of a classic histogram and all others for metrics with that percentile. Of more than a selector the first
//! three take what only adds up and scales histograms.
//!
//! CloudWatch's samples are what happened in their periods, not counters that only grow: how often something happens in a
//! second is `sum_over_time({Invocations, __stat__="Sum"}[5m]) / 300`, while `rate` would take every decrease for a reset (AWS
//! says the same of its delta histograms).
//!
//! **Prometheus's semantics**: 5 minutes of lookback; windows open on the left, closed on the right; subqueries on multiples of
//! their step, of one minute unless said; extrapolation and resets of counters; UTF-8 names. There are no staleness markers
//! (samples that are one are ignored), no native histograms, no annotations.
//!
//! Different from Prometheus: `__unit__` goes where the name goes; series whose labels become equal are put together when no
//! instant has both; results are ordered by labels where no function orders them; sums and variances are of sliding windows
//! and may differ in the last digit. Refused, with an error that names it: limitk, limit_ratio, fill modifiers, info,
//! double_exponential_smoothing, the functions of native histograms not named above, and those of Prometheus's later
//! experiments. sort_by_label, mad_over_time and ts_of_…_over_time work without a feature flag. Errors of the grammar carry
//! no position: the parser gives none.

use crate::statistics::Statistic;
use model::{TimeRange, Timestamp};
use promql_parser::parser;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

mod calendar;
mod error;
mod evaluate;
mod labels;
mod plan;
#[cfg(test)]
mod tests;
mod text;
mod value;
mod window;

pub use error::{ErrorType, PromqlError};
pub use labels::{Labels, Matcher, NAME, Test, UNIT, labels_of};
pub use value::PromValue;

use evaluate::{Evaluator, Grid};
use plan::lower::Lowering;
use plan::{Kind, Node};

/// Longest query read, characters (the longest of a saved query or an alarm).
pub const QUERY_CHARS_MAX: usize = 10_000;
/// How deep a query may be nested.
pub const NESTING_MAX: usize = 128;
/// Most steps of a range query after its first point (Prometheus).
pub const STEPS_MAX: i64 = 11_000;
/// How old a sample may be to count for an instant (Prometheus).
pub const LOOKBACK_MS: i64 = 5 * 60 * 1000;
/// The matcher's name that chooses a statistic.
pub const STATISTIC: &str = "__stat__";

/// The step of subqueries without one: Prometheus's default evaluation interval.
const SUBQUERY_STEP_MS: i64 = 60 * 1000;
/// Times further from the epoch are refused, or moved here where a query says them: some 270,000 years.
const TIME_MAX_MS: i64 = 8_640_000_000_000_000;
/// A range before anything is in it.
const NOTHING: TimeRange = TimeRange::new(Timestamp::MAX, Timestamp::MIN);

/// A parsed query.
#[derive(Debug, Clone)]
pub struct Query {
    plan: Node,
    selectors: Vec<Selector>,
    stop: Arc<AtomicBool>,
}

/// What one selector of a query needs.
#[derive(Debug, Clone)]
pub struct Selector {
    /// A series is selected when all of these match its labels.
    pub matchers: Vec<Matcher>,
    /// Which statistic of each period its samples are.
    pub statistic: Statistic,
    /// The samples' times.
    pub range: TimeRange,
}

/// What was found for one selector: series with their samples (milliseconds since the epoch, value), ascending by time.
pub type Selected = Vec<(Labels, Vec<(i64, f64)>)>;

impl Selector {
    /// The one metric name that is asked for, if it is one.
    pub fn metric(&self) -> Option<&str> {
        self.equal_to(NAME)
    }

    /// What a label must be equal to.
    pub fn equal_to(&self, label: &str) -> Option<&str> {
        self.matchers.iter().find_map(|matcher| match &matcher.test {
            Test::Equal(value) if matcher.name == label => Some(value.as_str()),
            _ => None,
        })
    }

    /// True when a series is selected.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels))
    }
}

impl Query {
    /// Reads a query.
    pub fn parse(text: &str) -> Result<Self, PromqlError> {
        let parsed = parser::parse(&text::prepare(text)?).map_err(PromqlError::parse)?;
        let mut lowering = Lowering::default();
        let plan = lowering.node(&parsed)?;
        Ok(Self { plan, selectors: lowering.selectors, stop: Arc::default() })
    }

    /// Ends evaluations, between two series, with an error when set: nobody waits for them any more.
    pub fn stop(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// What the query needs to be evaluated at `start`, `start + step` and so on up to `end` (milliseconds since the epoch);
    /// at one instant when `start` is `end`.
    pub fn selectors(&self, start: i64, end: i64, step: i64) -> Result<Vec<Selector>, PromqlError> {
        let grid = if start == end { Grid::instant(start) } else { range_grid(start, end, step)? };
        check_time("start", start)?;
        let mut selectors = self.selectors.clone();
        evaluate::widen(&self.plan, &mut selectors, (grid.start, grid.end()), (start, end));
        Ok(selectors)
    }

    /// The answer at one instant. `samples_max` bounds how many samples may be loaded, and how many values any step of the
    /// work may have.
    pub fn instant(&self, data: &[Selected], time: i64, samples_max: usize) -> Result<PromValue, PromqlError> {
        check_time("time", time)?;
        self.evaluator(data, (time, time), samples_max)?.instant(&self.plan, time)
    }

    /// The answer at `start`, `start + step` and so on up to `end`: always a matrix.
    pub fn range(
        &self,
        data: &[Selected],
        start: i64,
        end: i64,
        step: i64,
        samples_max: usize,
    ) -> Result<PromValue, PromqlError> {
        let grid = range_grid(start, end, step)?;
        let kind = self.plan.kind();
        if !matches!(kind, Kind::Scalar | Kind::Vector) {
            let message =
                format!("invalid expression type \"{kind}\" for range query, must be Scalar or instant Vector");
            return Err(PromqlError::parameter("query", message));
        }
        self.evaluator(data, (start, end), samples_max)?.range(&self.plan, &grid)
    }

    fn evaluator<'a>(
        &'a self,
        data: &'a [Selected],
        ends: (i64, i64),
        samples_max: usize,
    ) -> Result<Evaluator<'a>, PromqlError> {
        if data.len() != self.selectors.len() {
            let message = format!("{} selectors have {} results", self.selectors.len(), data.len());
            return Err(PromqlError::execution(message));
        }
        Evaluator::new(data, ends, samples_max, &self.stop)
    }
}

fn check_time(name: &str, time: i64) -> Result<(), PromqlError> {
    if time.unsigned_abs() <= TIME_MAX_MS.unsigned_abs() {
        return Ok(());
    }
    Err(PromqlError::parameter(name, format!("cannot parse \"{time}\" to a valid timestamp")))
}

fn range_grid(start: i64, end: i64, step: i64) -> Result<Grid, PromqlError> {
    check_time("start", start)?;
    check_time("end", end)?;
    if end < start {
        return Err(PromqlError::parameter("end", "end timestamp must not be before start time"));
    }
    if step <= 0 {
        let message = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(PromqlError::parameter("step", message));
    }
    if (end - start) / step > STEPS_MAX {
        return Err(PromqlError {
            error_type: ErrorType::BadData,
            message: "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
                .to_owned(),
        });
    }
    Ok(Grid::new(start, end, step))
}
