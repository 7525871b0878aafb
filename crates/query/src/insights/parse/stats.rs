//! `stats`: aggregates and what rows are grouped by.

use super::super::ast::{Aggregate, Column, Command, Expr, Function, InList, SortKey};
use super::super::cursor::Parsed;
use super::super::error::QueryError;
use super::super::expression::Reader;
use super::super::vocabulary::size;
use std::collections::HashSet;

/// Most nodes of one value, aliases of other values put in: a limit of ours, for aliases of aliases grow fast.
const NODES_MAX: usize = 2_000;

impl Reader<'_> {
    /// Behind `stats`.
    pub(super) fn stats(&mut self) -> Parsed<Command> {
        let start = self.cursor.peek().start;
        self.scope.is_stats = true;
        let mut values: Vec<Column> = Vec::new();
        loop {
            let start = self.cursor.peek().start;
            let mut column = self.column()?;
            insert_aliases(&mut column.value, &values);
            if size(&column.value) > NODES_MAX {
                return Err(self
                    .cursor
                    .error_since(start, "the value is too large with the aliases that it refers to"));
            }
            self.check_aggregated(&column.value, start)?;
            values.push(column);
            if !self.cursor.eat_symbol(",") {
                break;
            }
        }
        self.scope.is_stats = false;
        let by = if self.cursor.eat_word("by") { self.list(Self::column)? } else { Vec::new() };
        if self.cursor.is_word("offset") {
            return Err(self.cursor.error(self.cursor.peek(), "offset is not supported"));
        }
        if let Some(columns) = &self.scope.columns {
            let mut expressions = values.iter().chain(&by).map(|column| &column.value);
            if let Some(name) = expressions.find_map(|value| unknown_field(value, columns)) {
                return Err(self.unknown_symbols(&name, start));
            }
        }
        self.scope.columns = Some(HashSet::new());
        values.iter().chain(&by).for_each(|column| self.scope.define(&column.name, &column.value));
        Ok(Command::Stats { values, by })
    }

    /// Every field must stand within an aggregate.
    fn check_aggregated(&self, value: &Expr, start: usize) -> Parsed<()> {
        match bare_field(value) {
            Some(name) => Err(self.unknown_symbols(&name, start)),
            None => Ok(()),
        }
    }

    fn unknown_symbols(&self, name: &str, start: usize) -> QueryError {
        self.cursor.error_since(start, format!("Unknown symbols found in or after stats: {name}"))
    }

    /// `countFrequent a, b`: what occurs how often, the most frequent first.
    pub(super) fn count_frequent(&mut self, commands: &mut Vec<Command>) -> Parsed<()> {
        let by = self.list(|reader| {
            let (value, written) = (reader.field()?, reader.cursor.last_end());
            let name = match &value {
                Expr::Field(name) => name.clone(),
                _ => reader.cursor.text[..written].rsplit([' ', ',', '\n']).next().unwrap_or_default().to_owned(),
            };
            Ok(Column { name, value })
        })?;
        let name = "_approxcount".to_owned();
        let count = Column { name: name.clone(), value: Expr::Aggregate(Aggregate::Count, Vec::new()) };
        self.scope.columns = Some(HashSet::new());
        std::iter::once(&count).chain(&by).for_each(|column| self.scope.define(&column.name, &column.value));
        commands.push(Command::Stats { values: vec![count], by });
        commands.push(Command::Sort(vec![SortKey { value: Expr::Field(name), is_descending: true }]));
        Ok(())
    }
}

/// Puts values in where their aliases stand outside of aggregates: `max(a) as b, b * 2 as c`.
fn insert_aliases(value: &mut Expr, values: &[Column]) {
    if let Expr::Field(name) = value {
        if let Some(column) = values.iter().find(|column| column.name == *name) {
            *value = column.value.clone();
        }
    } else if !matches!(value, Expr::Aggregate(..)) {
        children(value).into_iter().for_each(|child| insert_aliases(child, values));
    }
}

fn children(value: &mut Expr) -> Vec<&mut Expr> {
    match value {
        Expr::Field(_) | Expr::Literal(_) => Vec::new(),
        Expr::Unary(_, of) | Expr::Member(of, _) | Expr::Like { text: of, .. } => vec![of],
        Expr::In { value, list: InList::Query(_), .. } => vec![value],
        Expr::Binary(_, left, right) => vec![left, right],
        Expr::In { value, list: InList::Values(values), .. } => {
            let mut all = vec![&mut **value];
            all.extend(values);
            all
        }
        Expr::Call(_, arguments) | Expr::Aggregate(_, arguments) => arguments.iter_mut().collect(),
        Expr::Case(branches, otherwise) => {
            let mut all: Vec<&mut Expr> = branches.iter_mut().flat_map(|(when, then)| [when, then]).collect();
            all.extend(otherwise.as_deref_mut());
            all
        }
    }
}

/// A field that stands outside of aggregates.
fn bare_field(value: &Expr) -> Option<String> {
    match value {
        Expr::Aggregate(..) => None,
        Expr::Call(Function::Bin, _) => Some("@timestamp".to_owned()),
        value => first_field(value, &bare_field),
    }
}

/// A field that is not among the columns.
fn unknown_field(value: &Expr, columns: &HashSet<String>) -> Option<String> {
    match value {
        Expr::Call(Function::Bin, _) if !columns.contains("@timestamp") => Some("@timestamp".to_owned()),
        Expr::Field(name) if columns.contains(name) => None,
        value => first_field(value, &|child| unknown_field(child, columns)),
    }
}

/// The name of a field, or what `find` finds in what an expression is made of.
fn first_field(value: &Expr, find: &dyn Fn(&Expr) -> Option<String>) -> Option<String> {
    match value {
        Expr::Field(name) => Some(name.clone()),
        Expr::Literal(_) => None,
        Expr::Unary(_, of) | Expr::Member(of, _) | Expr::Like { text: of, .. } => find(of),
        Expr::In { value, list: InList::Query(_), .. } => find(value),
        Expr::Binary(_, left, right) => find(left).or_else(|| find(right)),
        Expr::In { value, list: InList::Values(values), .. } => find(value).or_else(|| values.iter().find_map(find)),
        Expr::Call(_, arguments) | Expr::Aggregate(_, arguments) => arguments.iter().find_map(find),
        Expr::Case(branches, otherwise) => {
            let found = branches.iter().find_map(|(when, then)| find(when).or_else(|| find(then)));
            found.or_else(|| otherwise.as_deref().and_then(find))
        }
    }
}
