//! The functions, each of its evaluated arguments.

use std::borrow::Cow;

use super::{Evaluation, Operand, mismatch};
use crate::metric_math::array::{self, Order};
use crate::metric_math::condition::{self, Branch};
use crate::metric_math::fill::{self, Filler, Interpolation};
use crate::metric_math::syntax::Node;
use crate::metric_math::{Function, MathError, Series, arithmetic, calendar, elementwise, reduce};

impl<'a> Evaluation<'a> {
    pub(super) fn call(&self, function: Function, arguments: &[Node], column: usize) -> Result<Operand<'a>, MathError> {
        if let Some(replace) = elementwise::of_value(function) {
            return self.each_value(self.argument(arguments, 0)?, column, replace);
        }
        match function {
            Function::Diff | Function::DiffTime | Function::Rate => {
                let change = |series: &Series| Ok(elementwise::since_previous(series, function));
                self.each(self.argument(arguments, 0)?, column, change)
            }
            Function::RunningSum => {
                self.each(self.argument(arguments, 0)?, column, |series| Ok(elementwise::running_sum(series)))
            }
            Function::Avg
            | Function::Max
            | Function::Min
            | Function::Sum
            | Function::Stddev
            | Function::DatapointCount => match self.argument(arguments, 0)? {
                Operand::Series(series) => Ok(Operand::Scalar(arithmetic::number(reduce::points(&series, function)))),
                Operand::Array(members) => {
                    Ok(Operand::Series(Cow::Owned(reduce::members(&members, function, self.period_ms))))
                }
                Operand::Scalar(_) => Err(mismatch(column)),
            },
            Function::MetricCount
            | Function::First
            | Function::Last
            | Function::RemoveEmpty
            | Function::Sort
            | Function::Slice => self.of_array(function, arguments),
            Function::Fill => self.fill(arguments, column),
            Function::If => self.condition(arguments, column),
            Function::Period => {
                let series = self.series(&arguments[0])?;
                Ok(Operand::Scalar(series.period_ms as f64 / 1_000.0))
            }
            Function::TimeSeries => self.time_series(self.scalar(&arguments[0])?, column),
            // What is left are the functions of time; METRICS, SEARCH and their like are nodes of their own.
            _ => {
                let series = self.series(&arguments[0])?;
                let timestamps = self.grids.borrow_mut().of_series(&series, column)?;
                let values = timestamps.iter().map(|timestamp| calendar::field(function, *timestamp)).collect();
                Ok(Operand::Series(Cow::Owned(series.with_points(&timestamps, values))))
            }
        }
    }

    fn of_array(&self, function: Function, arguments: &[Node]) -> Result<Operand<'a>, MathError> {
        let mut members = match self.argument(arguments, 0)? {
            Operand::Array(members) => members,
            Operand::Series(series) => vec![series],
            Operand::Scalar(_) => return Err(mismatch(arguments[0].column)),
        };
        let index = |argument: &Node| array::index(self.scalar(argument)?, argument.column);
        let index_at = |at: usize| arguments.get(at).map(index).transpose();
        let one = |series: Option<Cow<'a, Series>>| {
            Operand::Series(series.unwrap_or_else(|| Cow::Owned(Series::empty(self.period_ms))))
        };
        Ok(match function {
            Function::MetricCount => Operand::Scalar(members.len() as f64),
            Function::First => one(members.into_iter().next()),
            Function::Last => one(members.pop()),
            Function::Slice => Operand::Array(array::slice(members, index_at(1)?.unwrap_or(0), index_at(2)?)),
            Function::Sort => {
                let mut sorted = Order::of(arguments)?.sort(members);
                sorted.truncate(index_at(3)?.unwrap_or(usize::MAX));
                Operand::Array(sorted)
            }
            _ => {
                members.retain(|member| !member.values.is_empty());
                Operand::Array(members)
            }
        })
    }

    fn fill(&self, arguments: &[Node], column: usize) -> Result<Operand<'a>, MathError> {
        let filled = self.argument(arguments, 0)?;
        let other;
        let filler = match Interpolation::of(&arguments[1]) {
            Some(interpolation) => Filler::Interpolation(interpolation),
            None => match self.node(&arguments[1])? {
                Operand::Scalar(value) => Filler::Scalar(value),
                Operand::Series(series) => {
                    other = series;
                    Filler::Series(&other)
                }
                Operand::Array(_) => return Err(mismatch(arguments[1].column)),
            },
        };
        self.each(filled, column, |series| {
            let timestamps = self.grids.borrow_mut().of_series(series, column)?;
            Ok(fill::fill(series, &timestamps, filler))
        })
    }

    fn condition(&self, arguments: &[Node], column: usize) -> Result<Operand<'a>, MathError> {
        let condition = self.argument(arguments, 0)?;
        let chosen = self.argument(arguments, 1)?;
        let other = arguments.get(2).map(|other| self.node(other)).transpose()?;
        let is_series = |operand: Option<&Operand<'_>>| matches!(operand, Some(Operand::Series(_)));
        let gives_series = is_series(Some(&chosen)) || is_series(other.as_ref());
        let value = match condition {
            Operand::Series(condition) => {
                let result = condition::choose(&condition, branch(Some(&chosen)), branch(other.as_ref()));
                return Ok(Operand::Series(Cow::Owned(result)));
            }
            Operand::Scalar(value) => value,
            Operand::Array(_) => return Err(mismatch(column)),
        };
        match if value.is_nan() {
            None
        } else if value != 0.0 {
            Some(chosen)
        } else {
            other
        } {
            Some(Operand::Scalar(value)) if gives_series => self.time_series(value, column),
            None if gives_series => Ok(Operand::Series(Cow::Owned(Series::empty(self.period_ms)))),
            Some(operand) => Ok(operand),
            None => Ok(Operand::Scalar(f64::NAN)),
        }
    }

    fn time_series(&self, value: f64, column: usize) -> Result<Operand<'a>, MathError> {
        let timestamps = self.grids.borrow_mut().of_period(self.period_ms, column)?;
        let values = vec![value; timestamps.len()];
        Ok(Operand::Series(Cow::Owned(Series::empty(self.period_ms).calculated(&timestamps, values))))
    }
}

fn branch<'b>(operand: Option<&'b Operand<'_>>) -> Branch<'b> {
    match operand {
        Some(Operand::Scalar(value)) => Branch::Scalar(*value),
        Some(Operand::Series(series)) => Branch::Series(series),
        _ => Branch::Omitted,
    }
}
