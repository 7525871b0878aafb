//! Walks the syntax tree and computes the result.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

use model::limits::{MATH_ARRAY_POINTS_MAX, MATH_ARRAY_SERIES_MAX};

use super::grid::Grids;
use super::syntax::{Element, Kind, Node, Operator};
use super::{Expression, MathError, Series, Type, Value};
use super::{arithmetic, types};

mod functions;

/// Makes the band of a series, see `Inputs::band`.
pub type MakeBand<'a> = dyn Fn(&Series, f64) -> Result<[Series; 2], String> + 'a;

/// What an expression is evaluated over.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// Start of the request, milliseconds since the epoch, rounded as the data were (`metrics::round_start`).
    pub start_ms: i64,
    /// End of the request, exclusive.
    pub end_ms: i64,
    /// The present; nothing is filled in beyond it.
    pub now_ms: i64,
    /// Period of the query, for TIME_SERIES; `None` takes the shortest period of what the expression refers to, or a minute.
    pub period_ms: Option<i64>,
    /// The metrics of the request in its order, with their Ids: those that METRICS() gives.
    pub metrics: &'a [Series],
    /// The results of other queries (expressions, SQL) by their Ids.
    pub results: &'a HashMap<String, Value>,
    /// What `References::calls` ask for, in the same order. INSIGHT_RULE_METRIC and SERVICE_QUOTA take the first series.
    pub calls: &'a [Vec<Series>],
    /// The band of a series: upper and lower limit, that many standard deviations away from what is expected; or why there
    /// is none.
    pub band: &'a MakeBand<'a>,
}

/// A value on the way; series of the inputs are not copied.
enum Operand<'a> {
    Scalar(f64),
    Series(Cow<'a, Series>),
    Array(Vec<Cow<'a, Series>>),
}

struct Evaluation<'a> {
    inputs: &'a Inputs<'a>,
    period_ms: i64,
    grids: RefCell<Grids>,
}

/// Evaluates a whole expression.
pub fn evaluate(expression: &Expression, inputs: &Inputs<'_>) -> Result<Value, MathError> {
    types::check(&expression.root, &|id| inputs.type_of(id))?;
    let evaluation = Evaluation {
        inputs,
        period_ms: inputs.period_ms.unwrap_or_else(|| inputs.shortest_period_ms(expression)),
        grids: RefCell::new(Grids::new(inputs.start_ms, inputs.end_ms, inputs.now_ms)),
    };
    Ok(match evaluation.node(&expression.root)? {
        Operand::Scalar(value) => Value::Scalar(value),
        Operand::Series(series) => Value::Series(series.into_owned()),
        Operand::Array(members) => Value::Array(members.into_iter().map(Cow::into_owned).collect()),
    })
}

impl<'a> Inputs<'a> {
    fn metric(&self, id: &str) -> Option<&'a Series> {
        self.metrics.iter().find(|metric| metric.id.as_deref() == Some(id))
    }

    fn type_of(&self, id: &str) -> Option<Type> {
        match self.results.get(id) {
            _ if self.metric(id).is_some() => Some(Type::Series),
            Some(Value::Scalar(_)) => Some(Type::Scalar),
            Some(Value::Series(_)) => Some(Type::Series),
            Some(Value::Array(_)) => Some(Type::Array),
            None => None,
        }
    }

    fn shortest_period_ms(&self, expression: &Expression) -> i64 {
        let references = expression.references();
        let metrics = if references.metrics { self.metrics } else { &[] };
        let named = references.ids.iter().filter_map(|id| self.metric(id));
        let results = references.ids.iter().filter_map(|id| self.results.get(id)).flat_map(Value::series);
        let series = metrics.iter().chain(named).chain(results).chain(self.calls.iter().flatten());
        series.map(|series| series.period_ms).min().unwrap_or(60_000)
    }
}

impl<'a> Evaluation<'a> {
    fn node(&self, node: &Node) -> Result<Operand<'a>, MathError> {
        match &node.kind {
            Kind::Number(value) => Ok(Operand::Scalar(*value)),
            Kind::Id(id) => self.named(id, node.column),
            Kind::Word(word) => Err(MathError::syntax(node.column, &format!("'{word}' is no value"))),
            Kind::Negate(inner) => self.each_value(self.node(inner)?, node.column, |value| 0.0 - value),
            Kind::Power(base, exponent) => {
                self.operator(Operator::Power, self.node(base)?, self.node(exponent)?, node.column)
            }
            Kind::Chain(first, rest) => rest.iter().try_fold(self.node(first)?, |left, link| {
                self.operator(link.operator, left, self.node(&link.right)?, link.column)
            }),
            Kind::Array(elements) => self.array(elements, node.column),
            Kind::Metrics(part) => {
                let is_wanted = |metric: &&Series| {
                    part.as_ref().is_none_or(|part| metric.id.as_ref().is_some_and(|id| id.contains(part)))
                };
                self.limited(self.inputs.metrics.iter().filter(is_wanted).map(Cow::Borrowed), node.column)
            }
            Kind::External { index, is_array } => self.external(*index, *is_array, node.column),
            Kind::Band { of, deviations } => self.band(of, deviations.as_deref(), node.column),
            Kind::Call(function, arguments) => self.call(*function, arguments, node.column),
        }
    }

    fn named(&self, id: &str, column: usize) -> Result<Operand<'a>, MathError> {
        if let Some(metric) = self.inputs.metric(id) {
            return Ok(Operand::Series(Cow::Borrowed(metric)));
        }
        match self.inputs.results.get(id) {
            Some(Value::Scalar(value)) => Ok(Operand::Scalar(*value)),
            Some(Value::Series(series)) => Ok(Operand::Series(Cow::Borrowed(series))),
            Some(Value::Array(members)) => self.limited(members.iter().map(Cow::Borrowed), column),
            None => Err(MathError::new(column, format!("Undefined Id '{id}'"))),
        }
    }

    fn external(&self, index: usize, is_array: bool, column: usize) -> Result<Operand<'a>, MathError> {
        let found = self.inputs.calls.get(index);
        let found = found.ok_or_else(|| MathError::new(column, "The data of this function were not fetched"))?;
        if is_array {
            return self.limited(found.iter().map(Cow::Borrowed), column);
        }
        let series = found.first().map(Cow::Borrowed);
        Ok(Operand::Series(series.unwrap_or_else(|| Cow::Owned(Series::empty(self.period_ms)))))
    }

    fn band(&self, of: &Node, deviations: Option<&Node>, column: usize) -> Result<Operand<'a>, MathError> {
        let series = self.series(of)?;
        let deviations = deviations.map_or(Ok(2.0), |deviations| self.scalar(deviations))?;
        let band = (self.inputs.band)(&series, deviations).map_err(|message| MathError::new(column, message))?;
        Ok(Operand::Array(band.into_iter().map(Cow::Owned).collect()))
    }

    fn array(&self, elements: &[Element], column: usize) -> Result<Operand<'a>, MathError> {
        let mut members = Vec::new();
        for element in elements {
            match self.node(&element.node)? {
                Operand::Series(series) if matches!(element.node.kind, Kind::Id(_)) => members.push(series),
                // What is computed here is called as it is written.
                Operand::Series(series) => {
                    let label = element.text.clone();
                    members.push(Cow::Owned(Series { label, ..series.into_owned() }));
                }
                Operand::Array(more) => members.extend(more),
                Operand::Scalar(_) => return Err(mismatch(element.node.column)),
            }
            if members.len() > MATH_ARRAY_SERIES_MAX {
                break;
            }
        }
        self.limited(members.into_iter(), column)
    }

    /// An array, unless it has too many series.
    fn limited(&self, members: impl Iterator<Item = Cow<'a, Series>>, column: usize) -> Result<Operand<'a>, MathError> {
        let members: Vec<_> = members.take(MATH_ARRAY_SERIES_MAX + 1).collect();
        if members.len() > MATH_ARRAY_SERIES_MAX {
            return Err(MathError::new(column, format!("An array has at most {MATH_ARRAY_SERIES_MAX} time series")));
        }
        Ok(Operand::Array(members))
    }

    fn operator(
        &self,
        operator: Operator,
        left: Operand<'a>,
        right: Operand<'a>,
        column: usize,
    ) -> Result<Operand<'a>, MathError> {
        let apply = arithmetic::function(operator);
        // A number that does not exist leaves nothing, even where `1^x` would be 1.
        let with = move |a: f64, b: f64| if a.is_nan() || b.is_nan() { f64::NAN } else { apply(a, b) };
        match (left, right) {
            (Operand::Scalar(a), Operand::Scalar(b)) => Ok(Operand::Scalar(arithmetic::number(with(a, b)))),
            (left, Operand::Scalar(b)) => self.each_value(left, column, |a| with(a, b)),
            (Operand::Scalar(a), right) => self.each_value(right, column, |b| with(a, b)),
            (left, Operand::Series(b)) => self.each(left, column, |a| Ok(arithmetic::zip(a, &b, a, apply))),
            (Operand::Series(a), right) => self.each(right, column, |b| Ok(arithmetic::zip(&a, b, b, apply))),
            (Operand::Array(_), Operand::Array(_)) => Err(mismatch(column)),
        }
    }

    fn each_value(
        &self,
        operand: Operand<'a>,
        column: usize,
        replace: impl Fn(f64) -> f64,
    ) -> Result<Operand<'a>, MathError> {
        match operand {
            Operand::Scalar(value) => Ok(Operand::Scalar(arithmetic::number(replace(value)))),
            series => self.each(series, column, |series| Ok(series.map(&replace))),
        }
    }

    /// `change` of a series, or of each series of an array, which may not become too large.
    fn each(
        &self,
        operand: Operand<'a>,
        column: usize,
        change: impl Fn(&Series) -> Result<Series, MathError>,
    ) -> Result<Operand<'a>, MathError> {
        let mut points = 0;
        let mut change = |series: &Series| {
            let changed = change(series)?;
            points += changed.values.len();
            if points > MATH_ARRAY_POINTS_MAX {
                return Err(MathError::new(column, format!("An array has at most {MATH_ARRAY_POINTS_MAX} points")));
            }
            Ok(Cow::Owned(changed))
        };
        match operand {
            Operand::Series(series) => Ok(Operand::Series(change(&series)?)),
            Operand::Array(members) => {
                let changed: Result<_, MathError> = members.iter().map(|member| change(member)).collect();
                Ok(Operand::Array(changed?))
            }
            Operand::Scalar(_) => Err(mismatch(column)),
        }
    }

    fn argument(&self, arguments: &[Node], index: usize) -> Result<Operand<'a>, MathError> {
        self.node(&arguments[index])
    }

    fn series(&self, node: &Node) -> Result<Cow<'a, Series>, MathError> {
        match self.node(node)? {
            Operand::Series(series) => Ok(series),
            _ => Err(mismatch(node.column)),
        }
    }

    fn scalar(&self, node: &Node) -> Result<f64, MathError> {
        match self.node(node)? {
            Operand::Scalar(value) => Ok(value),
            _ => Err(mismatch(node.column)),
        }
    }
}

/// An error that the check of types has ruled out.
fn mismatch(column: usize) -> MathError {
    MathError::new(column, "A value of another type is needed here")
}
