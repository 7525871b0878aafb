//! Expressions with names resolved to slots and constants prepared, and what they come to for a row.

use super::ast::{BinaryOp, Function, Period, Step};
use super::calendar;
use super::event::Row;
use super::functions;
use super::value::{Value, number_text};
use memchr::memmem::Finder;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

/// An expression, ready to be evaluated. A clone has regular expressions with caches of their own, so that threads do not share.
#[derive(Debug, Clone)]
pub(super) enum Code {
    Constant(Value<'static>),
    Slot(usize),
    Negate(Box<Code>),
    Not(Box<Code>),
    /// True when all are.
    All(Vec<Code>),
    /// True when one is.
    Any(Vec<Code>),
    Compare(Comparison, Box<[Code; 2]>),
    Arithmetic(BinaryOp, Box<[Code; 2]>),
    Contains {
        text: Box<Code>,
        finder: Box<Finder<'static>>,
        is_negated: bool,
    },
    Matches {
        text: Box<Code>,
        regex: regex::Regex,
        is_negated: bool,
    },
    In {
        value: Box<Code>,
        set: Arc<Set>,
        others: Vec<Code>,
        is_negated: bool,
    },
    Floor(Box<Code>, Period),
    Ceil(Box<Code>, Period),
    Call(Function, Vec<Code>),
    /// A text with every match replaced.
    Replace {
        text: Box<Code>,
        regex: regex::Regex,
        by: Arc<str>,
    },
    /// A group of the first match.
    Find {
        text: Box<Code>,
        regex: regex::Regex,
        group: usize,
    },
    Member(Box<Code>, Arc<[Step]>),
    Case(Vec<(Code, Code)>, Option<Box<Code>>),
}

/// What the order of two values must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterEqual => order.is_ge(),
        }
    }
}

impl Code {
    /// The value for a row.
    pub fn value<'e>(&self, row: &impl Row<'e>) -> Value<'e> {
        match self {
            Self::Constant(value) => value.clone(),
            Self::Slot(slot) => row.slot(*slot),
            Self::Negate(operand) => {
                operand.value(row).number().map_or(Value::Null, |number| Value::number_of(-number))
            }
            Self::Arithmetic(op, operands) => {
                let [left, right] = &**operands;
                arithmetic(*op, &left.value(row), &right.value(row))
            }
            Self::Floor(time, period) => on_time(&time.value(row), |ms| calendar::floor(*period, ms)),
            Self::Ceil(time, period) => on_time(&time.value(row), |ms| calendar::ceil(*period, ms)),
            Self::Call(function, arguments) => functions::call(*function, arguments, row),
            Self::Replace { text, regex, by } => functions::regex_replace(text.value(row), regex, by),
            Self::Find { text, regex, group } => functions::regex_extract(text.value(row), regex, *group),
            Self::Member(of, steps) => member(&of.value(row), steps),
            Self::Case(branches, otherwise) => match branches.iter().find(|(when, _)| when.truth(row)) {
                Some((_, then)) => then.value(row),
                None => otherwise.as_ref().map_or(Value::Null, |otherwise| otherwise.value(row)),
            },
            condition => Value::Bool(condition.truth(row)),
        }
    }

    /// Whether a condition is true of a row.
    pub fn truth<'e>(&self, row: &impl Row<'e>) -> bool {
        match self {
            Self::Not(operand) => !operand.truth(row),
            Self::All(parts) => parts.iter().all(|part| part.truth(row)),
            Self::Any(parts) => parts.iter().any(|part| part.truth(row)),
            Self::Compare(comparison, operands) => {
                let [left, right] = &**operands;
                let left = left.value(row);
                let order = match right {
                    Self::Constant(right) => left.compare(right),
                    right => left.compare(&right.value(row)),
                };
                order.is_some_and(|order| comparison.holds(order))
            }
            Self::Contains { text, finder, is_negated } => {
                on_text(text, row, |text| finder.find(text.as_bytes()).is_some() != *is_negated)
            }
            Self::Matches { text, regex, is_negated } => on_text(text, row, |text| regex.is_match(text) != *is_negated),
            Self::In { value, set, others, is_negated } => {
                let value = value.value(row);
                let is_in = |other: &Code| value.compare(&other.value(row)) == Some(Ordering::Equal);
                !value.is_null() && (set.contains(&value) || others.iter().any(is_in)) != *is_negated
            }
            value => value.value(row).truth(),
        }
    }

    /// Adds the slots that it reads, again where it reads them again.
    pub fn slots(&self, found: &mut Vec<usize>) {
        match self {
            Self::Constant(_) => {}
            Self::Slot(slot) => found.push(*slot),
            Self::Negate(part) | Self::Not(part) | Self::Floor(part, _) | Self::Ceil(part, _) => part.slots(found),
            Self::Contains { text: part, .. } | Self::Matches { text: part, .. } | Self::Member(part, _) => {
                part.slots(found);
            }
            Self::Replace { text: part, .. } | Self::Find { text: part, .. } => part.slots(found),
            Self::Compare(_, parts) | Self::Arithmetic(_, parts) => parts.iter().for_each(|part| part.slots(found)),
            Self::All(parts) | Self::Any(parts) | Self::Call(_, parts) => {
                parts.iter().for_each(|part| part.slots(found));
            }
            Self::In { value, others, .. } => {
                value.slots(found);
                others.iter().for_each(|part| part.slots(found));
            }
            Self::Case(branches, otherwise) => {
                for (when, then) in branches {
                    when.slots(found);
                    then.slots(found);
                }
                otherwise.iter().for_each(|part| part.slots(found));
            }
        }
    }

    /// About what it costs to evaluate.
    pub fn cost(&self) -> u32 {
        let all = |parts: &[Code]| parts.iter().map(Code::cost).fold(0, u32::saturating_add);
        match self {
            Self::Constant(_) => 0,
            Self::Slot(_) => 2,
            Self::Negate(part) | Self::Not(part) => part.cost().saturating_add(1),
            Self::Floor(part, _) | Self::Ceil(part, _) => part.cost().saturating_add(4),
            Self::Compare(_, parts) | Self::Arithmetic(_, parts) => all(&**parts).saturating_add(1),
            Self::All(parts) | Self::Any(parts) => all(parts).saturating_add(1),
            Self::Contains { text, .. } => text.cost().saturating_add(8),
            Self::Matches { text, .. } => text.cost().saturating_add(30),
            Self::Replace { text, .. } | Self::Find { text, .. } => text.cost().saturating_add(60),
            Self::In { value, others, .. } => value.cost().saturating_add(all(others)).saturating_add(6),
            Self::Call(Function::JsonParse | Function::JsonStringify, parts) => all(parts).saturating_add(200),
            Self::Call(_, parts) => all(parts).saturating_add(10),
            Self::Member(part, _) => part.cost().saturating_add(10),
            Self::Case(branches, otherwise) => {
                let otherwise = otherwise.as_ref().map_or(0, |part| part.cost());
                let cost = |(when, then): &(Code, Code)| when.cost().saturating_add(then.cost());
                branches.iter().map(cost).fold(otherwise, u32::saturating_add)
            }
        }
    }
}

/// Looks at the text of a value; a missing value has none, and no condition is true of it.
fn on_text<'e>(text: &Code, row: &impl Row<'e>, holds: impl Fn(&str) -> bool) -> bool {
    match text.value(row) {
        Value::Text(text) => holds(&text),
        other => other.text().is_some_and(|text| holds(&text)),
    }
}

fn on_time<'e>(time: &Value<'_>, change: impl Fn(i64) -> i64) -> Value<'e> {
    time.millis().map_or(Value::Null, |ms| Value::Time(change(ms)))
}

/// Missing when one of the operands is no number, or the result is none.
fn arithmetic<'e>(op: BinaryOp, left: &Value<'_>, right: &Value<'_>) -> Value<'e> {
    let (Some(a), Some(b)) = (left.number(), right.number()) else { return Value::Null };
    Value::number_of(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => a * b,
        BinaryOp::Divide => a / b,
        BinaryOp::Remainder => a % b,
        BinaryOp::Power => a.powf(b),
        _ => return Value::Null,
    })
}

/// A member of an object or list.
pub(super) fn member<'e>(of: &Value<'_>, steps: &[Step]) -> Value<'e> {
    let Value::Json(json) = of else { return Value::Null };
    if steps.contains(&Step::All) {
        return members(json, steps);
    }
    let found = steps.iter().try_fold(&**json, |at, step| into(at, step));
    found.map_or(Value::Null, Value::json_of)
}

fn into<'j>(at: &'j serde_json::Value, step: &Step) -> Option<&'j serde_json::Value> {
    match step {
        // `list.0` and an object's member that is called 0 are written alike.
        Step::Name(name) => at.get(name).or_else(|| at.get(name.parse::<usize>().ok()?)),
        Step::Index(index) => at.get(index).or_else(|| at.get(index.to_string())),
        Step::All => None,
    }
}

/// What a path with wildcards finds: a list, or the value that is alone in it, as Spark has it.
fn members<'e>(json: &serde_json::Value, steps: &[Step]) -> Value<'e> {
    use serde_json::Value as Json;
    let mut found = vec![json];
    for step in steps {
        found = match step {
            Step::All => found
                .into_iter()
                .flat_map(|at| match at {
                    Json::Array(members) => members.iter().collect(),
                    Json::Object(members) => members.values().collect::<Vec<_>>(),
                    _ => Vec::new(),
                })
                .collect(),
            step => found.into_iter().filter_map(|at| into(at, step)).collect(),
        };
    }
    match found.as_slice() {
        [] => Value::Null,
        [only] => Value::json_of(only),
        many => Value::Json(Arc::new(Json::Array(many.iter().map(|found| (*found).clone()).collect()))),
    }
}

/// Constants that `in` looks in; equality is that of `=`.
#[derive(Debug, Default)]
pub(super) struct Set {
    texts: HashSet<Box<str>, foldhash::fast::FixedState>,
    /// Bits of numbers.
    numbers: HashSet<u64, foldhash::fast::FixedState>,
}

impl Set {
    /// Adds a constant.
    pub fn insert(&mut self, value: &Value<'_>) {
        if let Some(number) = value.number() {
            self.numbers.insert(bits(number));
        }
        let text = match value {
            Value::Bool(truth) => Some(truth.to_string().into()),
            other => other.text(),
        };
        self.texts.extend(text.map(Box::from));
    }

    /// The texts of the constants, numbers included.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(|text| &**text)
    }

    fn contains(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Null => false,
            Value::Text(text) => {
                self.texts.contains(&**text)
                    || (!self.numbers.is_empty() && value.number().is_some_and(|n| self.numbers.contains(&bits(n))))
            }
            Value::Number(number) => {
                self.numbers.contains(&bits(*number)) || self.texts.contains(&*number_text(*number))
            }
            Value::Bool(truth) => {
                self.numbers.contains(&bits(f64::from(u8::from(*truth)))) || self.texts.contains(&*truth.to_string())
            }
            other => {
                other.number().is_some_and(|n| self.numbers.contains(&bits(n)))
                    || other.text().is_some_and(|text| self.texts.contains(&*text))
            }
        }
    }
}

/// Zero has two.
fn bits(number: f64) -> u64 {
    if number == 0.0 { 0 } else { number.to_bits() }
}
