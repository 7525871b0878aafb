//! Queries over lines, and what AWS's guide says of them.

mod bounds;
mod commands;
mod functions;
mod guide;
mod joins;
mod mining;
mod naive;
mod opensearch;
mod random;
mod table;

pub use super::{Answer, Context, LookupTable, Plan, PlanError};
pub use crate::insights::Event;
pub use crate::insights::ast::*;
pub use crate::log_fields::FieldPath;
pub use model::{TimeRange, Timestamp};
pub use std::collections::BTreeMap;

/// A log event in memory. Its fields are known to the store if `has_columns`.
#[derive(Debug, Clone)]
pub struct Line {
    pub at: i64,
    pub text: String,
    pub number: usize,
    /// By number of the plan's field.
    pub known: Vec<Option<Option<String>>>,
}

impl Event for Line {
    fn timestamp(&self) -> Timestamp {
        Timestamp(self.at)
    }

    fn ingestion_time(&self) -> Timestamp {
        Timestamp(self.at + 500)
    }

    fn message(&self) -> &str {
        &self.text
    }

    fn stream(&self) -> &str {
        if self.number.is_multiple_of(2) { "even" } else { "odd" }
    }

    fn log(&self) -> &str {
        "123456789012:app"
    }

    fn pointer(&self) -> String {
        format!("{:08}", self.number)
    }

    fn known(&self, at: usize) -> Option<Option<&str>> {
        self.known.get(at)?.as_ref().map(|value| value.as_deref())
    }
}

/// Noon of 2 January 2024.
pub const NOON: i64 = 1_704_196_800_000;

/// Lines one second apart, the first at noon.
pub fn lines(texts: &[&str]) -> Vec<Line> {
    let line = |(number, text): (usize, &&str)| Line {
        at: NOON + number as i64 * 1_000,
        text: (*text).to_owned(),
        number,
        known: Vec::new(),
    };
    texts.iter().enumerate().map(line).collect()
}

pub fn context() -> Context {
    Context {
        now: Timestamp(NOON),
        range: TimeRange::new(Timestamp(NOON), Timestamp(NOON + 3_600_000)),
        limit: 10_000,
        lookups: BTreeMap::new(),
        memory_max: 64 << 20,
        subqueries: Vec::new(),
    }
}

pub fn query(commands: Vec<Command>) -> Query {
    Query { source: None, commands }
}

/// The answer when one worker reads all lines.
pub fn answer(commands: Vec<Command>, lines: &[Line]) -> Answer {
    answer_in(context(), commands, lines).unwrap()
}

pub fn answer_in(context: Context, commands: Vec<Command>, lines: &[Line]) -> Result<Answer, PlanError> {
    let plan = Plan::new(&query(commands), context)?;
    let mut worker = plan.worker();
    lines.iter().try_for_each(|line| worker.feed(line))?;
    plan.finish(vec![worker])
}

/// Rows as texts, columns parted by ` | `, missing values as `-`.
pub fn table(answer: &Answer) -> Vec<String> {
    let row = |row: &Vec<Option<String>>| {
        row.iter().map(|value| value.as_deref().unwrap_or("-")).collect::<Vec<_>>().join(" | ")
    };
    answer.rows.iter().map(row).collect()
}

pub fn f(name: &str) -> Expr {
    Expr::Field(name.into())
}

pub fn n(number: f64) -> Expr {
    Expr::Literal(Literal::Number(number))
}

pub fn t(text: &str) -> Expr {
    Expr::Literal(Literal::Text(text.into()))
}

pub fn period(count: u32, unit: Unit) -> Expr {
    Expr::Literal(Literal::Duration(Period { count, unit }))
}

pub fn call(function: Function, arguments: Vec<Expr>) -> Expr {
    Expr::Call(function, arguments)
}

pub fn agg(function: Aggregate, arguments: Vec<Expr>) -> Expr {
    Expr::Aggregate(function, arguments)
}

pub fn binary(left: Expr, op: BinaryOp, right: Expr) -> Expr {
    Expr::Binary(op, Box::new(left), Box::new(right))
}

pub fn not(expr: Expr) -> Expr {
    Expr::Unary(UnaryOp::Not, Box::new(expr))
}

pub fn like(text: Expr, part: &str) -> Expr {
    Expr::Like { text: Box::new(text), pattern: LikePattern::Contains(part.into()), is_negated: false }
}

pub fn matches(text: Expr, regex: &str) -> Expr {
    let pattern = LikePattern::Regex(Regex(regex::Regex::new(regex).unwrap()));
    Expr::Like { text: Box::new(text), pattern, is_negated: false }
}

pub fn within(value: Expr, values: Vec<Expr>) -> Expr {
    Expr::In { value: Box::new(value), list: InList::Values(values), is_negated: false }
}

pub fn column(name: &str, value: Expr) -> Column {
    Column { name: name.into(), value }
}

/// Plain fields.
pub fn fields(names: &[&str]) -> Command {
    Command::Fields(names.iter().map(|name| column(name, f(name))).collect())
}

pub fn display(names: &[&str]) -> Command {
    Command::Display(names.iter().map(|name| column(name, f(name))).collect())
}

pub fn sort(keys: &[(&str, bool)]) -> Command {
    Command::Sort(
        keys.iter()
            .map(|(name, is_descending)| SortKey { value: f(name), is_descending: *is_descending, is_natural: false })
            .collect(),
    )
}

pub fn glob(texts: &[&str], names: &[&str]) -> Command {
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Command::Parse { from: f("@message"), pattern: ParsePattern::Glob { texts: own(texts), names: own(names) } }
}

pub fn count() -> Column {
    column("count(*)", agg(Aggregate::Count, vec![]))
}

pub fn stats(values: Vec<Column>, by: &[&str]) -> Command {
    Command::Stats { values, by: by.iter().map(|name| column(name, f(name))).collect() }
}
