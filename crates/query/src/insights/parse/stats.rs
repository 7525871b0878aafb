//! `stats`: aggregates and what rows are grouped by.

use super::super::ast::{Aggregate, Column, Command, Expr, Function, Literal, Period, SortKey, Unit};
use super::super::cursor::Parsed;
use super::super::error::QueryError;
use super::super::expression::{LEVELS_MAX, Reader};
use super::super::walk;
use std::collections::HashSet;

/// Most nodes of the values, aliases of others put in: a limit of ours, for aliases of aliases grow fast.
const NODES_MAX: usize = 10_000;

impl Reader<'_> {
    /// Behind `stats`.
    pub(super) fn stats(&mut self) -> Parsed<Command> {
        let start = self.cursor.peek().start;
        self.scope.is_stats = true;
        let mut values: Vec<Column> = Vec::new();
        let mut nodes = 0;
        loop {
            let start = self.cursor.peek().start;
            let mut column = self.column()?;
            insert_aliases(&mut column.value, &values);
            nodes += walk::size(&column.value);
            if nodes > NODES_MAX || walk::is_higher_than(&column.value, LEVELS_MAX) {
                return Err(self
                    .cursor
                    .error_since(start, "the values are too large with the aliases that they refer to"));
            }
            self.check_aggregated(&column.value, start)?;
            values.push(column);
            if !self.cursor.eat_symbol(",") {
                break;
            }
        }
        self.scope.is_stats = false;
        let mut by = if self.cursor.eat_word("by") { self.list(Self::column)? } else { Vec::new() };
        let token = self.cursor.peek();
        if self.cursor.eat_word("offset") {
            let offset = self.length_ms()?;
            let Ok(count) = u32::try_from(offset) else {
                return Err(self.cursor.error_since(token.start, "the offset is too long"));
            };
            let shifted = by.iter_mut().map(|column| shift(&mut column.value, count));
            if shifted.filter(|is_shifted| *is_shifted).count() == 0 {
                return Err(self.cursor.error_since(token.start, "offset needs bin"));
            }
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
        commands.push(Command::Sort(vec![SortKey { value: Expr::Field(name), is_descending: true, is_natural: true }]));
        Ok(())
    }
}

/// Lets the periods of `bin` begin so many milliseconds later than by the calendar; false of anything else.
fn shift(value: &mut Expr, offset_ms: u32) -> bool {
    let Expr::Call(function @ (Function::Bin | Function::DateFloor), arguments) = value else { return false };
    if *function == Function::Bin {
        *function = Function::DateFloor;
        arguments.insert(0, Expr::Field("@timestamp".to_owned()));
    }
    arguments.push(Expr::Literal(Literal::Duration(Period { count: offset_ms, unit: Unit::Millisecond })));
    true
}

/// Puts values in where their aliases stand outside of aggregates: `max(a) as b, b * 2 as c`.
fn insert_aliases(value: &mut Expr, values: &[Column]) {
    if let Expr::Field(name) = value {
        if let Some(column) = values.iter().find(|column| column.name == *name) {
            *value = column.value.clone();
        }
    } else if !matches!(value, Expr::Aggregate(..)) {
        walk::children_mut(value).into_iter().for_each(|child| insert_aliases(child, values));
    }
}

/// A field that stands outside of aggregates.
fn bare_field(value: &Expr) -> Option<String> {
    match value {
        Expr::Aggregate(..) => None,
        Expr::Field(name) => Some(name.clone()),
        Expr::Call(Function::Bin, _) => Some("@timestamp".to_owned()),
        value => walk::children(value).into_iter().find_map(bare_field),
    }
}

/// A field that is not among the columns.
fn unknown_field(value: &Expr, columns: &HashSet<String>) -> Option<String> {
    match value {
        Expr::Field(name) => (!columns.contains(name)).then(|| name.clone()),
        Expr::Call(Function::Bin, _) if !columns.contains("@timestamp") => Some("@timestamp".to_owned()),
        value => walk::children(value).into_iter().find_map(|child| unknown_field(child, columns)),
    }
}
