//! Functions of many rows, kept as partial states that can be merged: the result does not depend on which worker saw which row.
//!
//! Rows without the value are passed over. Where AWS says nothing, here:
//! - `avg`, `sum`, `pct` and `stddev` pass over what is no number; without numbers they are missing. `stddev` is that of the whole
//!   population, as in metric math.
//! - `min` and `max` follow the order of `sort` and give times as milliseconds; `sortsFirst` and `sortsLast` follow it too.
//! - `pct` gives a value that occurs, the first that so many percent of the values do not exceed. Beyond 4,096 values of a group
//!   it is within 1 %.
//! - `count_distinct` is exact up to 16,384 values, then within about 2 %.
//! - Of several `earliest` or `latest` rows of the same instant, the value that sorts first or last counts.
//! - `rate` is the last number less the first one, by the seconds of its period: users of AWS saw so of a field that grows evenly.
//! - `values` gives at most 1,000 values, those that sort first, as a list of JSON.

mod quantiles;
mod states;
mod sum;

use super::ast::Aggregate;
use super::code::Code;
use super::event::Row;
use super::value::Value;
use crate::contributors::distinct::Distinct;
pub(super) use quantiles::Quantiles;
pub(super) use states::States;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::hash::BuildHasher;
use sum::Sum;

/// Most hashes that `count_distinct` keeps for a group.
const DISTINCT_MAX: usize = 16_384;
/// Most values that `values` gives.
const VALUES_MAX: usize = 1_000;

/// One aggregate of a `stats` command.
#[derive(Debug, Clone)]
pub(super) struct Aggregation {
    pub function: Aggregate,
    /// `None` for `count(*)`.
    pub of: Option<Code>,
    /// The second argument of `pct`, or the seconds of that of `rate`.
    pub percent: f64,
}

/// What is known of one aggregate of one group.
#[derive(Debug, Clone)]
pub(super) enum State {
    Count(u64),
    /// Of `sum` and `avg`.
    Sum(u64, Sum),
    /// Count, sum and sum of squares.
    Spread(Box<(u64, Sum, Sum)>),
    /// The first or last in the order of values.
    Extreme(Value<'static>),
    /// The value of the earliest or latest row.
    Moment(Option<(i64, Value<'static>)>),
    /// The first and the last number, with their times.
    Ends(Option<[(i64, f64); 2]>),
    Quantiles(Box<Quantiles>),
    Distinct(Box<Distinct>),
    Values(BTreeSet<Box<str>>),
}

impl Aggregation {
    /// Of no rows.
    pub fn start(&self) -> State {
        match self.function {
            Aggregate::Count => State::Count(0),
            Aggregate::Sum | Aggregate::Avg => State::Sum(0, Sum::default()),
            Aggregate::Stddev | Aggregate::Variance | Aggregate::SampleVariance | Aggregate::SampleStddev => {
                State::Spread(Box::default())
            }
            Aggregate::Rate => State::Ends(None),
            Aggregate::Max | Aggregate::Min | Aggregate::SortsFirst | Aggregate::SortsLast => {
                State::Extreme(Value::Null)
            }
            Aggregate::Earliest | Aggregate::Latest => State::Moment(None),
            Aggregate::Percentile => State::Quantiles(Box::default()),
            Aggregate::CountDistinct => State::Distinct(Box::default()),
            Aggregate::Values => State::Values(BTreeSet::new()),
        }
    }

    /// Adds a row; the result is by how many bytes the state grew, about.
    pub fn add<'e>(&self, state: &mut State, row: &impl Row<'e>) -> usize {
        let value = match (&self.of, &mut *state) {
            (None, State::Count(count)) => {
                *count += 1;
                return 0;
            }
            (None, _) => return 0,
            (Some(of), _) => of.value(row),
        };
        if value.is_null() {
            return 0;
        }
        match state {
            State::Count(count) => *count += 1,
            State::Sum(count, sum) => {
                if let Some(number) = value.number() {
                    *count += 1;
                    sum.add(number);
                }
            }
            State::Spread(spread) => {
                if let Some(number) = value.number() {
                    spread.0 += 1;
                    spread.1.add(number);
                    spread.2.add_product(number, number);
                }
            }
            State::Ends(ends) => {
                if let Some(number) = value.number() {
                    widen(ends, [(row.at(), number); 2]);
                }
            }
            State::Extreme(kept) => return self.keep_extreme(kept, value),
            State::Moment(kept) => return self.keep_moment(kept, row.at(), value),
            State::Quantiles(quantiles) => return value.number().map_or(0, |number| quantiles.add(number)),
            State::Distinct(distinct) => return add_distinct(distinct, &value),
            State::Values(values) => return value.text().map_or(0, |text| add_value(values, &text)),
        }
        0
    }

    /// Adds what another worker found.
    pub fn merge(&self, into: &mut State, from: State) -> usize {
        match (into, from) {
            (State::Count(into), State::Count(from)) => *into += from,
            (State::Sum(into_count, into), State::Sum(count, sum)) => {
                *into_count += count;
                into.merge(sum);
            }
            (State::Spread(into), State::Spread(from)) => {
                into.0 += from.0;
                into.1.merge(from.1);
                into.2.merge(from.2);
            }
            (State::Ends(into), State::Ends(Some(from))) => widen(into, from),
            (State::Extreme(into), State::Extreme(from)) if !from.is_null() => return self.keep_extreme(into, from),
            (State::Moment(into), State::Moment(Some((at, value)))) => return self.keep_moment(into, at, value),
            (State::Quantiles(into), State::Quantiles(from)) => return into.merge(*from),
            (State::Distinct(into), State::Distinct(from)) => {
                from.hashes().for_each(|hash| into.add(hash, DISTINCT_MAX))
            }
            (State::Values(into), State::Values(from)) => return from.iter().map(|text| add_value(into, text)).sum(),
            _ => {}
        }
        0
    }

    /// The result.
    pub fn value(&self, state: &State) -> Value<'static> {
        match state {
            State::Count(count) => Value::Number(*count as f64),
            State::Sum(0, _) => Value::Null,
            State::Sum(count, sum) if self.function == Aggregate::Avg => Value::number_of(sum.value() / *count as f64),
            State::Sum(_, sum) => Value::number_of(sum.value()),
            State::Spread(spread) => self.spread(spread.0, &spread.1, &spread.2),
            State::Ends(None) => Value::Null,
            State::Ends(Some([(_, first), (_, last)])) => Value::number_of((last - first) / self.percent),
            State::Extreme(kept) => match (self.function, kept) {
                (Aggregate::Min | Aggregate::Max, kept) => kept.number().map_or_else(|| kept.clone(), Value::Number),
                (_, kept) => kept.clone(),
            },
            State::Moment(kept) => kept.as_ref().map_or(Value::Null, |(_, value)| value.clone()),
            State::Quantiles(quantiles) => quantiles.at(self.percent).map_or(Value::Null, Value::number_of),
            State::Distinct(distinct) => Value::Number(distinct.count(DISTINCT_MAX)),
            State::Values(values) => {
                let texts = values.iter().map(|text| serde_json::Value::String(text.to_string()));
                Value::Json(std::sync::Arc::new(serde_json::Value::Array(texts.collect())))
            }
        }
    }

    fn spread(&self, count: u64, sum: &Sum, squares: &Sum) -> Value<'static> {
        let is_sample = matches!(self.function, Aggregate::SampleVariance | Aggregate::SampleStddev);
        if count <= u64::from(is_sample) {
            return Value::Null;
        }
        let mut variance = sum::variance(count, sum, squares);
        if is_sample {
            variance *= count as f64 / (count - 1) as f64;
        }
        let is_root = matches!(self.function, Aggregate::Stddev | Aggregate::SampleStddev);
        Value::number_of(if is_root { variance.sqrt() } else { variance })
    }

    fn keep_extreme(&self, kept: &mut Value<'static>, value: Value<'_>) -> usize {
        let wanted = match self.function {
            Aggregate::Min | Aggregate::SortsFirst => Ordering::Less,
            _ => Ordering::Greater,
        };
        // Two texts of the same number are told apart by themselves: which came first must not matter.
        if kept.is_null() || value.order(kept).then_with(|| value.text().cmp(&kept.text())) == wanted {
            *kept = value.into_owned();
            return kept.heap_bytes();
        }
        0
    }

    fn keep_moment(&self, kept: &mut Option<(i64, Value<'static>)>, at: i64, value: Value<'_>) -> usize {
        let wanted = if self.function == Aggregate::Earliest { Ordering::Less } else { Ordering::Greater };
        let order = kept.as_ref().map(|(known_at, known)| {
            at.cmp(known_at).then_with(|| value.order(known)).then_with(|| value.text().cmp(&known.text()))
        });
        if order.is_none_or(|order| order == wanted) {
            let value = value.into_owned();
            let bytes = value.heap_bytes();
            *kept = Some((at, value));
            return bytes;
        }
        0
    }
}

/// Takes the ends of other rows in. Of numbers of one instant the smallest is the first, the largest the last.
fn widen(ends: &mut Option<[(i64, f64); 2]>, [first, last]: [(i64, f64); 2]) {
    let compare = |a: &(i64, f64), b: &(i64, f64)| a.0.cmp(&b.0).then_with(|| a.1.total_cmp(&b.1));
    match ends {
        Some([known_first, known_last]) => {
            if compare(&first, known_first).is_lt() {
                *known_first = first;
            }
            if compare(&last, known_last).is_gt() {
                *known_last = last;
            }
        }
        None => *ends = Some([first, last]),
    }
}

fn add_distinct(distinct: &mut Distinct, value: &Value<'_>) -> usize {
    let Some(text) = value.text() else { return 0 };
    let before = distinct.len();
    distinct.add(foldhash::quality::FixedState::with_seed(0x7761_7463_6865_7273).hash_one(&*text), DISTINCT_MAX);
    (distinct.len() - before) * 24
}

fn add_value(values: &mut BTreeSet<Box<str>>, text: &str) -> usize {
    if values.contains(text) || (values.len() >= VALUES_MAX && values.last().is_some_and(|last| text > &**last)) {
        return 0;
    }
    values.insert(text.into());
    if values.len() > VALUES_MAX {
        values.pop_last();
        return 0;
    }
    text.len() + 40
}
