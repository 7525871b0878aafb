//! Names: which slot a name stands for at a place in a query, and expressions with their names resolved.
//!
//! A column that is computed again gets a new slot, so that what was said of the old one stays true.

use super::ast::{
    Aggregate, BinaryOp, Column, Expr, Function, InList, LikePattern, Literal, Query, Step as Into, UnaryOp,
};
use super::code::{Code, Comparison, Set};
use super::event::Source;
use super::functions::{self, arity};
use super::plan::{Answer, PlanError};
use super::value::Value;
use super::{calendar, push_down, regexes, walk};
use crate::log_fields::FieldPath;
use memchr::memmem::Finder;
use model::TimeRange;
use std::collections::HashMap;
use std::sync::Arc;

/// Deepest nesting of an expression.
const DEPTH_MAX: usize = 128;

/// What names stand for.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Where the value of each slot comes from, while rows are events.
    pub sources: Vec<Source>,
    /// Fields of events that are read.
    pub fields: Vec<FieldPath>,
    /// How many columns are computed.
    pub columns: usize,
    /// How many slots rows have that are no events any more; `None` while they are events.
    closed: Option<usize>,
    names: HashMap<String, usize>,
    /// Columns by the expression that they were computed by: `sort count(*)` after `stats count(*)`.
    computed: Vec<(Expr, usize)>,
    /// Prefixes that `join` gave to the rows before it.
    prefixes: Vec<String>,
    /// Columns of other queries that `join` took, by their names without prefix.
    joined: HashMap<String, usize>,
}

/// What expressions need to know beside names.
pub(super) struct Setting<'q> {
    /// Seconds since the epoch.
    pub now: f64,
    /// The time range that is asked for.
    pub range: TimeRange,
    /// Queries within the query, in the order of `Plan::subqueries`, with their answers.
    pub subqueries: Vec<(&'q Query, Answer)>,
}

impl Setting<'_> {
    /// The answer of a query within the query.
    pub fn answer(&self, query: &Query) -> Result<&Answer, PlanError> {
        // Joins may ask different fields of queries that are written alike.
        let mut all = self.subqueries.iter();
        let itself = all.clone().find(|(known, _)| std::ptr::eq(*known, query));
        let found = itself.or_else(|| all.find(|(known, _)| *known == query));
        found.map(|(_, answer)| answer).ok_or(PlanError::NoSubquery)
    }
}

impl Names {
    /// Leaves events behind: from here on there are only these columns, in slots from 0.
    pub fn close(&mut self, columns: &[Column]) {
        self.closed = Some(columns.len());
        self.names = columns.iter().enumerate().map(|(slot, column)| (column.name.clone(), slot)).collect();
        self.computed = columns.iter().enumerate().map(|(slot, column)| (column.value.clone(), slot)).collect();
        self.prefixes.clear();
        self.joined.clear();
    }

    /// True while rows are events.
    pub fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// A slot for a column of this name, which is not yet known by it.
    pub fn new_column(&mut self) -> usize {
        if let Some(slots) = &mut self.closed {
            *slots += 1;
            return *slots - 1;
        }
        self.columns += 1;
        self.new_slot(Source::Column(self.columns - 1))
    }

    /// Lets a name stand for a slot.
    pub fn name(&mut self, name: &str, slot: usize) {
        self.joined.remove(name);
        self.names.insert(name.to_owned(), slot);
    }

    /// Lets a name without a prefix stand for a column of another query, unless it stands for something of these rows.
    pub fn name_joined(&mut self, name: &str, slot: usize) {
        if !self.names.contains_key(name) && Source::of(name).is_none() {
            self.joined.insert(name.to_owned(), slot);
        }
    }

    /// Lets `prefix.x` stand for `x`.
    pub fn prefix(&mut self, prefix: &str) {
        self.prefixes.push(prefix.to_owned());
    }

    fn new_slot(&mut self, source: Source) -> usize {
        self.sources.push(source);
        self.sources.len() - 1
    }

    /// The slot of a name; `None` when the rows have no such column.
    pub fn slot(&mut self, name: &str) -> Option<usize> {
        match self.joined.get(name) {
            Some(slot) => Some(*slot),
            None => self.own_slot(name),
        }
    }

    /// The same, columns that `join` took aside.
    fn own_slot(&mut self, name: &str) -> Option<usize> {
        if let Some(slot) = self.names.get(name) {
            return Some(*slot);
        }
        let unprefixed = |prefix: &String| name.strip_prefix(prefix.as_str())?.strip_prefix('.');
        if let Some(own) = self.prefixes.iter().find_map(unprefixed).map(str::to_owned) {
            return self.own_slot(&own);
        }
        if self.closed.is_some() {
            return None;
        }
        let source = Source::of(name).unwrap_or_else(|| {
            self.fields.push(FieldPath::parse(name));
            Source::Field(self.fields.len() - 1)
        });
        let slot = self.new_slot(source);
        self.names.insert(name.to_owned(), slot);
        Some(slot)
    }

    /// `@timestamp`
    pub fn timestamp(&mut self) -> Code {
        self.field("@timestamp")
    }

    /// What a name stands for: a column, a member of one, or a field of the event.
    pub fn field(&mut self, name: &str) -> Code {
        if !self.names.contains_key(name)
            && let Some((slot, steps)) = self.member(name)
        {
            return Code::Member(Box::new(Code::Slot(slot)), steps.into());
        }
        self.slot(name).map_or(Code::Constant(Value::Null), Code::Slot)
    }

    /// The computed column that a path begins with, and the steps after it.
    fn member(&self, name: &str) -> Option<(usize, Vec<Into>)> {
        let ends = name.char_indices().rev().filter(|(at, c)| *at > 0 && (*c == '.' || *c == '['));
        for (at, _) in ends {
            let Some(slot) = self.names.get(&name[..at]) else { continue };
            if self.closed.is_some() || matches!(self.sources.get(*slot), Some(Source::Column(_))) {
                return Some((*slot, steps(&name[at..])));
            }
        }
        None
    }

    /// An expression with its names resolved.
    pub fn code(&mut self, expr: &Expr, setting: &Setting<'_>) -> Result<Code, PlanError> {
        self.code_at(expr, setting, 0)
    }

    fn code_at(&mut self, expr: &Expr, setting: &Setting<'_>, depth: usize) -> Result<Code, PlanError> {
        if depth > DEPTH_MAX {
            return Err(PlanError::TooDeep { max: DEPTH_MAX });
        }
        let depth = depth + 1;
        let is_simple = matches!(expr, Expr::Field(_) | Expr::Literal(_));
        if let Some((_, slot)) = self.computed.iter().find(|(known, _)| !is_simple && known == expr) {
            return Ok(Code::Slot(*slot));
        }
        Ok(match expr {
            Expr::Field(name) => self.field(name),
            Expr::Literal(literal) => Code::Constant(constant(literal)?),
            Expr::Unary(UnaryOp::Not, operand) => Code::Not(Box::new(self.code_at(operand, setting, depth)?)),
            Expr::Unary(UnaryOp::Negate, operand) => match self.code_at(operand, setting, depth)? {
                Code::Constant(Value::Number(number)) => Code::Constant(Value::Number(-number)),
                operand => Code::Negate(Box::new(operand)),
            },
            Expr::Binary(op @ (BinaryOp::And | BinaryOp::Or), ..) => {
                let mut parts = Vec::new();
                for part in operands(expr, *op) {
                    parts.push(self.code_at(part, setting, depth)?);
                }
                // Conditions have no effects: the cheap ones first.
                parts.sort_by_key(Code::cost);
                if *op == BinaryOp::And { Code::All(parts) } else { Code::Any(parts) }
            }
            Expr::Binary(op, left, right) => {
                let parts = Box::new([self.code_at(left, setting, depth)?, self.code_at(right, setting, depth)?]);
                match comparison(*op) {
                    Some(comparison) => Code::Compare(comparison, parts),
                    None => Code::Arithmetic(*op, parts),
                }
            }
            Expr::Like { text, pattern, is_negated } => {
                let (text, is_negated) = (Box::new(self.code_at(text, setting, depth)?), *is_negated);
                match pattern {
                    LikePattern::Contains(part) => {
                        Code::Contains { text, finder: Box::new(Finder::new(part).into_owned()), is_negated }
                    }
                    // To look for a text is less work, and may be done for.
                    LikePattern::Regex(regex) => match push_down::only_text(regex.0.as_str()) {
                        Some(part) => {
                            Code::Contains { text, finder: Box::new(Finder::new(&part).into_owned()), is_negated }
                        }
                        None => Code::Matches { text, regex: regex.0.clone(), is_negated },
                    },
                }
            }
            Expr::In { value, list, is_negated } => {
                let value = Box::new(self.code_at(value, setting, depth)?);
                let (set, others) = self.list(list, setting, depth)?;
                Code::In { value, set: Arc::new(set), others, is_negated: *is_negated }
            }
            Expr::Subquery(query) => Code::Constant(only_value(setting.answer(query)?)?),
            Expr::Call(function, arguments) => self.call(*function, arguments, setting, depth)?,
            Expr::Aggregate(function, _) => return Err(PlanError::Aggregate(*function)),
            Expr::Member(of, steps) => {
                Code::Member(Box::new(self.code_at(of, setting, depth)?), steps.as_slice().into())
            }
            Expr::Case(branches, otherwise) => {
                let mut coded = Vec::new();
                for (when, then) in branches {
                    coded.push((self.code_at(when, setting, depth)?, self.code_at(then, setting, depth)?));
                }
                let otherwise = otherwise.as_ref().map(|expr| self.code_at(expr, setting, depth)).transpose()?;
                Code::Case(coded, otherwise.map(Box::new))
            }
        })
    }

    fn list(&mut self, list: &InList, setting: &Setting<'_>, depth: usize) -> Result<(Set, Vec<Code>), PlanError> {
        let (mut set, mut others) = (Set::default(), Vec::new());
        match list {
            InList::Values(values) => {
                for value in values {
                    match self.code_at(value, setting, depth)? {
                        Code::Constant(value) => set.insert(&value),
                        other => others.push(other),
                    }
                }
            }
            InList::Query(query) => {
                let firsts = setting.answer(query)?.rows.iter().filter_map(|row| row.first()?.as_deref());
                firsts.for_each(|text| set.insert(&Value::text_of(text)));
            }
        }
        Ok((set, others))
    }

    fn call(
        &mut self,
        function: Function,
        arguments: &[Expr],
        setting: &Setting<'_>,
        depth: usize,
    ) -> Result<Code, PlanError> {
        if !arity(function).contains(&arguments.len()) {
            return Err(PlanError::Arguments(function));
        }
        let start = setting.range.start.0 as f64;
        let end = setting.range.end.0 as f64;
        let period = match (function, arguments.last()) {
            (Function::QueryStart, _) => return Ok(Code::Constant(Value::Time(setting.range.start.0))),
            (Function::QueryEnd, _) => return Ok(Code::Constant(Value::Time(setting.range.end.0))),
            (Function::QueryRange, _) => return Ok(Code::Constant(Value::Number(end - start))),
            (Function::RegexReplace | Function::RegexExtract, _) => {
                return self.regex_call(function, arguments, setting, depth);
            }
            (Function::DateFloor, _) if arguments.len() == 3 => return self.shifted_floor(arguments, setting, depth),
            (
                Function::Bin | Function::DateFloor | Function::DateCeil,
                Some(Expr::Literal(Literal::Duration(period))),
            ) => *period,
            (Function::Bin | Function::DateFloor | Function::DateCeil, _) => {
                return Err(PlanError::Arguments(function));
            }
            (Function::Now, _) => return Ok(Code::Constant(Value::Number(setting.now))),
            _ => {
                let codes = arguments.iter().map(|argument| self.code_at(argument, setting, depth));
                return Ok(Code::Call(function, codes.collect::<Result<_, _>>()?));
            }
        };
        let time = match (function, arguments.first()) {
            (Function::DateFloor | Function::DateCeil, Some(time)) => self.code_at(time, setting, depth)?,
            _ => self.timestamp(),
        };
        let time = Box::new(time);
        Ok(if function == Function::DateCeil { Code::Ceil(time, period) } else { Code::Floor(time, period) })
    }
}

impl Names {
    /// `regex_replace` and its like, whose expressions are constants.
    fn regex_call(
        &mut self,
        function: Function,
        arguments: &[Expr],
        setting: &Setting<'_>,
        depth: usize,
    ) -> Result<Code, PlanError> {
        let wrong = || PlanError::Arguments(function);
        let [text, Expr::Literal(Literal::Text(source)), last] = arguments else { return Err(wrong()) };
        let regex = regexes::compile(source, &[]).map_err(|_| wrong())?.0;
        let text = Box::new(self.code_at(text, setting, depth)?);
        match (function, last) {
            (Function::RegexReplace, Expr::Literal(Literal::Text(by))) => {
                Ok(Code::Replace { text, regex, by: functions::replacement(by).into() })
            }
            (Function::RegexExtract, Expr::Literal(Literal::Number(group))) => {
                Ok(Code::Find { text, regex, group: *group as usize })
            }
            _ => Err(wrong()),
        }
    }

    /// Periods that begin so much later than by the calendar.
    fn shifted_floor(&mut self, arguments: &[Expr], setting: &Setting<'_>, depth: usize) -> Result<Code, PlanError> {
        let [time, Expr::Literal(Literal::Duration(period)), Expr::Literal(Literal::Duration(offset))] = arguments
        else {
            return Err(PlanError::Arguments(Function::DateFloor));
        };
        let time = self.code_at(time, setting, depth)?;
        let offset = Code::Constant(Value::Number(calendar::length_ms(*offset) as f64));
        let instant = |ms: Code| Code::Call(Function::FromMillis, vec![ms]);
        let earlier = instant(Code::Arithmetic(BinaryOp::Subtract, Box::new([time, offset.clone()])));
        let floor = Code::Floor(Box::new(earlier), *period);
        Ok(instant(Code::Arithmetic(BinaryOp::Add, Box::new([floor, offset]))))
    }
}

/// What a query in place of a value comes to; one without rows is missing.
fn only_value(answer: &Answer) -> Result<Value<'static>, PlanError> {
    match answer.rows.as_slice() {
        [] => Ok(Value::Null),
        [row] => Ok(row.first().cloned().flatten().map_or(Value::Null, |text| Value::Text(text.into()))),
        _ => Err(PlanError::SubqueryRows),
    }
}

fn constant(literal: &Literal) -> Result<Value<'static>, PlanError> {
    Ok(match literal {
        Literal::Null => Value::Null,
        Literal::Bool(truth) => Value::Bool(*truth),
        Literal::Number(number) => Value::number_of(*number),
        Literal::Text(text) => Value::Text(text.clone().into()),
        Literal::Duration(_) => return Err(PlanError::Period),
    })
}

fn comparison(op: BinaryOp) -> Option<Comparison> {
    Some(match op {
        BinaryOp::Equal => Comparison::Equal,
        BinaryOp::NotEqual => Comparison::NotEqual,
        BinaryOp::Less => Comparison::Less,
        BinaryOp::LessEqual => Comparison::LessEqual,
        BinaryOp::Greater => Comparison::Greater,
        BinaryOp::GreaterEqual => Comparison::GreaterEqual,
        _ => return None,
    })
}

/// The operands of a chain of `and` or of `or`, however it is nested, without recursion.
fn operands(expr: &Expr, op: BinaryOp) -> Vec<&Expr> {
    let (mut open, mut found) = (vec![expr], Vec::new());
    while let Some(expr) = open.pop() {
        match expr {
            Expr::Binary(own, left, right) if *own == op => open.extend([&**right, &**left]),
            other => found.push(other),
        }
    }
    found
}

/// `.a[0].b` as steps.
fn steps(path: &str) -> Vec<Into> {
    let parts = path.split(['.', '[']).map(|part| part.trim_end_matches(']')).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().map_or_else(|_| Into::Name(part.to_owned()), Into::Index)).collect()
}

/// Replaces each aggregate of an expression by what `found` makes of it.
pub(super) fn replace_aggregates(
    expr: &mut Expr,
    depth: usize,
    found: &mut impl FnMut(Aggregate, &[Expr]) -> Expr,
) -> Result<(), PlanError> {
    if depth > DEPTH_MAX {
        return Err(PlanError::TooDeep { max: DEPTH_MAX });
    }
    if let Expr::Aggregate(function, arguments) = expr {
        *expr = found(*function, arguments);
        return Ok(());
    }
    walk::children_mut(expr).into_iter().try_for_each(|child| replace_aggregates(child, depth + 1, found))
}
