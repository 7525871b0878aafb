//! Compares the evaluator with a naive one, written apart from it, over random expressions and series with gaps.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use proptest::prelude::*;

use super::super::{Expression, Inputs, Series, Value};

const PERIODS: i64 = 12;
const MINUTE: i64 = 60_000;

/// A random expression of numbers or series; whether it is a series follows from how it is built.
#[derive(Debug, Clone)]
enum Tree {
    Number(f64),
    Metric(usize),
    Negate(Box<Tree>),
    Binary(&'static str, Box<Tree>, Box<Tree>),
    If(Box<Tree>, Box<Tree>, Option<Box<Tree>>),
    Fill(Box<Tree>, Box<Tree>),
    FillBy(Box<Tree>, &'static str),
    /// One series to a number.
    Points(&'static str, Box<Tree>),
    /// An array to a series.
    Members(&'static str, Vec<Tree>),
    /// A function of one series that gives a series.
    Call(&'static str, Box<Tree>),
}

const OPERATORS: [&str; 15] = ["+", "-", "*", "/", "^", "==", "!=", "<", "<=", ">", ">=", "AND", "OR", "&&", "||"];
const REDUCERS: [&str; 5] = ["SUM", "AVG", "MIN", "MAX", "DATAPOINT_COUNT"];
const CALLS: [&str; 7] = ["ABS", "CEIL", "FLOOR", "DIFF", "RATE", "DIFF_TIME", "RUNNING_SUM"];

/// Random choices, which shrink as a list of bytes does; after the last one always 0.
struct Tape<'a>(&'a [u8]);

impl Tape<'_> {
    fn choose(&mut self, count: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % count
    }

    fn series(&mut self, depth: usize) -> Tree {
        if depth == 0 {
            return Tree::Metric(self.choose(4));
        }
        let depth = depth - 1;
        match self.choose(9) {
            0 => Tree::Metric(self.choose(4)),
            1 => Tree::Negate(Box::new(self.series(depth))),
            2 => self.binary(depth, true, true),
            3 => self.binary(depth, true, false),
            4 => self.binary(depth, false, true),
            5 => {
                let other = self.choose(3);
                let condition = Box::new(self.series(depth));
                let chosen = Box::new(self.either(depth));
                Tree::If(condition, chosen, (other > 0).then(|| Box::new(self.either(depth))))
            }
            6 => match self.choose(3) {
                0 => Tree::FillBy(Box::new(self.series(depth)), ["REPEAT", "LINEAR"][self.choose(2)]),
                _ => Tree::Fill(Box::new(self.series(depth)), Box::new(self.either(depth))),
            },
            7 => {
                let count = 1 + self.choose(4);
                Tree::Members(REDUCERS[self.choose(5)], (0..count).map(|_| self.series(depth)).collect())
            }
            _ => Tree::Call(CALLS[self.choose(7)], Box::new(self.series(depth))),
        }
    }

    fn number(&mut self, depth: usize) -> Tree {
        match self.choose(if depth == 0 { 1 } else { 4 }) {
            0 => Tree::Number([0.0, 1.0, 2.0, 5.0, 0.5, 10.0][self.choose(6)]),
            1 => Tree::Negate(Box::new(self.number(depth - 1))),
            2 => self.binary(depth - 1, false, false),
            _ => Tree::Points(REDUCERS[self.choose(5)], Box::new(self.series(depth - 1))),
        }
    }

    fn either(&mut self, depth: usize) -> Tree {
        if self.choose(2) == 0 { self.series(depth) } else { self.number(depth) }
    }

    fn binary(&mut self, depth: usize, left: bool, right: bool) -> Tree {
        let operator = OPERATORS[self.choose(OPERATORS.len())];
        let left = if left { self.series(depth) } else { self.number(depth) };
        let right = if right { self.series(depth) } else { self.number(depth) };
        Tree::Binary(operator, Box::new(left), Box::new(right))
    }
}

impl Tree {
    fn text(&self) -> String {
        match self {
            Self::Number(value) => format!("{value}"),
            Self::Metric(index) => format!("m{index}"),
            Self::Negate(inner) => format!("(-{})", inner.text()),
            Self::Binary(operator, left, right) => format!("({} {operator} {})", left.text(), right.text()),
            Self::If(condition, chosen, None) => format!("IF({}, {})", condition.text(), chosen.text()),
            Self::If(condition, chosen, Some(other)) => {
                format!("IF({}, {}, {})", condition.text(), chosen.text(), other.text())
            }
            Self::Fill(filled, with) => format!("FILL({},{})", filled.text(), with.text()),
            Self::FillBy(filled, word) => format!("FILL({}, {word})", filled.text()),
            Self::Points(name, inner) | Self::Call(name, inner) => format!("{name}({})", inner.text()),
            Self::Members(name, members) => {
                let members: Vec<String> = members.iter().map(Self::text).collect();
                format!("{name}([{}])", members.join(", "))
            }
        }
    }
}

/// A value of the naive evaluator: points by timestamp, with the period; or a number, if there is one.
#[derive(Debug, Clone)]
enum Naive {
    Number(Option<f64>),
    Points(i64, BTreeMap<i64, f64>),
}

impl Naive {
    fn at(&self, timestamp: i64) -> Option<f64> {
        match self {
            Self::Number(value) => *value,
            Self::Points(_, points) => points.get(&timestamp).copied(),
        }
    }

    fn points(self) -> (i64, BTreeMap<i64, f64>) {
        match self {
            Self::Points(period, points) => (period, points),
            Self::Number(_) => panic!("a series was built here"),
        }
    }
}

fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

fn operate(operator: &str, a: f64, b: f64) -> Option<f64> {
    let truth = |holds: bool| Some(f64::from(u8::from(holds)));
    match operator {
        "+" => finite(a + b),
        "-" => finite(a - b),
        "*" => finite(a * b),
        "/" if b == 0.0 => None,
        "/" => finite(a / b),
        "^" => finite(a.powf(b)),
        "==" => truth(a == b),
        "!=" => truth(a != b),
        "<" => truth(a < b),
        "<=" => truth(a <= b),
        ">" => truth(a > b),
        ">=" => truth(a >= b),
        "AND" | "&&" => truth(a != 0.0 && b != 0.0),
        _ => truth(a != 0.0 || b != 0.0),
    }
}

fn reduce(name: &str, values: &[f64], expected: usize) -> Option<f64> {
    match name {
        "DATAPOINT_COUNT" => Some(values.len() as f64),
        "SUM" => finite(values.iter().sum()),
        _ if values.is_empty() => None,
        "AVG" => finite(values.iter().sum::<f64>() / expected as f64),
        "MIN" => values.iter().copied().reduce(f64::min),
        _ => values.iter().copied().reduce(f64::max),
    }
}

fn naive(tree: &Tree, metrics: &[Naive]) -> Naive {
    match tree {
        Tree::Number(value) => Naive::Number(Some(*value)),
        Tree::Metric(index) => metrics[*index].clone(),
        Tree::Negate(inner) => match naive(inner, metrics) {
            Naive::Number(value) => Naive::Number(value.map(|value| -value)),
            Naive::Points(period, points) => Naive::Points(period, points.into_iter().map(|(t, v)| (t, -v)).collect()),
        },
        Tree::Binary(operator, left, right) => binary(operator, naive(left, metrics), naive(right, metrics)),
        Tree::If(condition, chosen, other) => {
            let (period, points) = naive(condition, metrics).points();
            let chosen = naive(chosen, metrics);
            let other = other.as_ref().map(|other| naive(other, metrics));
            let mut result = BTreeMap::new();
            for (timestamp, condition) in points {
                let value = match (condition != 0.0, &chosen) {
                    (true, Naive::Number(value)) => *value,
                    (true, series) => Some(series.at(timestamp).unwrap_or(0.0)),
                    (false, _) => other.as_ref().and_then(|other| other.at(timestamp)),
                };
                result.extend(value.map(|value| (timestamp, value)));
            }
            Naive::Points(period, result)
        }
        Tree::Fill(filled, with) => {
            let with = naive(with, metrics);
            fill(naive(filled, metrics), |_, timestamp| with.at(timestamp))
        }
        Tree::FillBy(filled, "REPEAT") => fill(naive(filled, metrics), |points, timestamp| {
            points.range(..timestamp).next_back().map(|(_, value)| *value)
        }),
        Tree::FillBy(filled, _) => fill(naive(filled, metrics), |points, timestamp| {
            let (t1, v1) = points.range(..timestamp).next_back()?;
            let (t2, v2) = points.range(timestamp..).next()?;
            Some(v1 + (v2 - v1) * ((timestamp - t1) as f64 / (t2 - t1) as f64))
        }),
        Tree::Points(name, inner) => {
            let values: Vec<f64> = naive(inner, metrics).points().1.into_values().collect();
            Naive::Number(reduce(name, &values, values.len()))
        }
        Tree::Members(name, members) => {
            let members: Vec<_> = members.iter().map(|member| naive(member, metrics).points()).collect();
            let mut result = BTreeMap::new();
            for timestamp in members.iter().flat_map(|(_, points)| points.keys()) {
                let values: Vec<f64> =
                    members.iter().filter_map(|(_, points)| points.get(timestamp).copied()).collect();
                result.extend(reduce(name, &values, members.len()).map(|value| (*timestamp, value)));
            }
            Naive::Points(members.iter().map(|(period, _)| *period).min().unwrap_or(MINUTE), result)
        }
        Tree::Call(name, inner) => call(name, naive(inner, metrics)),
    }
}

fn binary(operator: &str, left: Naive, right: Naive) -> Naive {
    let apply = |a: Option<f64>, b: Option<f64>| operate(operator, a?, b?);
    match (&left, &right) {
        (Naive::Number(a), Naive::Number(b)) => Naive::Number(apply(*a, *b)),
        (Naive::Points(period, points), Naive::Number(b)) => {
            let each = points.iter().filter_map(|(t, a)| Some((*t, apply(Some(*a), *b)?)));
            Naive::Points(*period, each.collect())
        }
        (Naive::Number(a), Naive::Points(period, points)) => {
            let each = points.iter().filter_map(|(t, b)| Some((*t, apply(*a, Some(*b))?)));
            Naive::Points(*period, each.collect())
        }
        (Naive::Points(p1, a), Naive::Points(p2, b)) => {
            let mut result = BTreeMap::new();
            for timestamp in a.keys().chain(b.keys()) {
                let at = |points: &BTreeMap<i64, f64>| Some(points.get(timestamp).copied().unwrap_or(0.0));
                result.extend(apply(at(a), at(b)).map(|value| (*timestamp, value)));
            }
            Naive::Points(*p1.min(p2), result)
        }
    }
}

fn fill(filled: Naive, value_at: impl Fn(&BTreeMap<i64, f64>, i64) -> Option<f64>) -> Naive {
    let (period, points) = filled.points();
    let mut result = points.clone();
    for timestamp in (0..PERIODS * MINUTE).step_by(period as usize) {
        if !points.contains_key(&timestamp) {
            result.extend(value_at(&points, timestamp).map(|value| (timestamp, value)));
        }
    }
    Naive::Points(period, result)
}

fn call(name: &str, inner: Naive) -> Naive {
    let (period, points) = inner.points();
    let mut sum = 0.0;
    let mut previous: Option<(i64, f64)> = None;
    let mut result = BTreeMap::new();
    for (timestamp, value) in points {
        sum += value;
        let since = previous.map(|(t, v)| ((timestamp - t) as f64 / 1_000.0, value - v));
        let made = match name {
            "ABS" => Some(value.abs()),
            "CEIL" => Some(value.ceil()),
            "FLOOR" => Some(value.floor()),
            "RUNNING_SUM" => Some(sum),
            "DIFF" => since.map(|(_, change)| change),
            "RATE" => since.map(|(seconds, change)| change / seconds),
            _ => since.map(|(seconds, _)| seconds),
        };
        result.extend(made.filter(|value| value.is_finite()).map(|value| (timestamp, value)));
        previous = Some((timestamp, value));
    }
    Naive::Points(period, result)
}

/// Values of a metric: small whole numbers, with gaps.
fn values() -> impl Strategy<Value = Vec<Option<f64>>> {
    prop::collection::vec(prop::option::weighted(0.7, (-3i32..6).prop_map(f64::from)), PERIODS as usize)
}

fn metric(index: usize, values: &[Option<f64>], shared: &Arc<[i64]>) -> (Series, Naive) {
    // The last metric has half as many periods, twice as long; the first one shares its timestamps with others.
    let period_ms = if index == 3 { 2 * MINUTE } else { MINUTE };
    let points: BTreeMap<i64, f64> = (0..PERIODS * MINUTE)
        .step_by(period_ms as usize)
        .zip(values)
        .filter_map(|(timestamp, value)| Some((timestamp, if index == 0 { value.or(Some(7.0)) } else { *value }?)))
        .collect();
    let timestamps = if index == 0 { shared.clone() } else { points.keys().copied().collect() };
    let series = Series {
        id: Some(format!("m{index}")),
        label: format!("m{index}"),
        period_ms,
        timestamps,
        values: points.values().copied().collect(),
        metric: None,
        has_dropped: false,
    };
    (series, Naive::Points(period_ms, points))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn evaluates_as_the_naive_evaluator(
        tape in prop::collection::vec(any::<u8>(), 0..120),
        values in prop::collection::vec(values(), 4),
    ) {
        let tree = Tape(&tape).series(4);
        let shared: Arc<[i64]> = (0..PERIODS).map(|period| period * MINUTE).collect();
        let metrics = values.iter().enumerate().map(|(index, values)| metric(index, values, &shared));
        let (series, points): (Vec<Series>, Vec<Naive>) = metrics.unzip();
        let inputs = Inputs {
            start_ms: 0,
            end_ms: PERIODS * MINUTE,
            now_ms: PERIODS * MINUTE,
            period_ms: None,
            metrics: &series,
            results: &HashMap::new(),
            calls: &[],
            band: &|_, _| Err("no band".to_owned()),
        };
        let text = tree.text();
        let value = Expression::parse(&text).and_then(|expression| expression.evaluate(&inputs));
        let Ok(Value::Series(found)) = value else { return Err(TestCaseError::fail(format!("{text}: {value:?}"))) };
        let (period, wanted) = naive(&tree, &points).points();
        prop_assert_eq!(found.period_ms, period, "{}", &text);
        let found: Vec<(i64, f64)> = found.timestamps.iter().copied().zip(found.values).collect();
        let wanted: Vec<(i64, f64)> = wanted.into_iter().collect();
        prop_assert_eq!(found, wanted, "{}", text);
    }
}
