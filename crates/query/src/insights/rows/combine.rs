//! `UNION` and its like, and `appendcols`: rows and columns of another query, which has been run.
//!
//! Rows are equal when all of their columns print the same; missing values are equal to each other.

use super::super::ast::Combination;
use super::super::event::{Record, Row};
use super::super::groups;
use super::super::plan::PlanError;
use super::super::value::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// The rows of the other query.
pub(in crate::insights) type Rows = Arc<Vec<Vec<Option<String>>>>;

/// A combination of rows. Its own rows have the columns in the first slots.
#[derive(Debug, Clone)]
pub(in crate::insights) struct Combine {
    pub kind: Combination,
    pub is_all: bool,
    pub others: Rows,
    /// The columns of the rows so far.
    pub slots: Vec<usize>,
}

impl Combine {
    /// The rows of both.
    pub fn run(&self, rows: Vec<Record>, memory_max: usize) -> Result<Vec<Record>, PlanError> {
        let own = rows.into_iter().map(|row| self.slots.iter().map(|slot| row.slot(*slot)).collect());
        let others = self.others.iter().map(|row| (0..self.slots.len()).map(|at| value(row, at)).collect());
        let others: Vec<Vec<Value<'static>>> = others.collect();
        let mut combined: Vec<Vec<Value<'static>>> = match self.kind {
            Combination::Union => own.chain(others).collect(),
            kind => {
                let known: HashSet<Vec<u8>> = others.iter().map(|row| key(row)).collect();
                own.filter(|row: &Vec<Value<'_>>| known.contains(&key(row)) == (kind == Combination::Intersect))
                    .collect()
            }
        };
        if !self.is_all {
            let mut seen = HashSet::new();
            combined.retain(|row| seen.insert(key(row)));
        }
        let rows: Vec<Record> = combined.into_iter().map(|values| Record { values, ..Record::default() }).collect();
        match rows.iter().map(Record::bytes).sum::<usize>() > memory_max {
            true => Err(PlanError::Memory { command: "the union", max: memory_max }),
            false => Ok(rows),
        }
    }
}

/// An `appendcols` command.
#[derive(Debug, Clone)]
pub(in crate::insights) struct AppendColumns {
    pub others: Rows,
    /// So many of the other rows.
    pub count: usize,
    /// Column of the other rows, slot.
    pub output: Vec<(usize, usize)>,
}

impl AppendColumns {
    /// Sets the columns of each row that the other query has a row for.
    pub fn run(&self, rows: &mut [Record]) {
        for (row, other) in rows.iter_mut().zip(self.others.iter().take(self.count)) {
            for (column, slot) in &self.output {
                let value = value(other, *column);
                if !value.is_null() {
                    row.set(*slot, value);
                }
            }
        }
    }
}

fn value(row: &[Option<String>], column: usize) -> Value<'static> {
    row.get(column).cloned().flatten().map_or(Value::Null, |text| Value::Text(text.into()))
}

/// Times are told by their texts, for those of the other query are texts.
fn key(row: &[Value<'_>]) -> Vec<u8> {
    let mut key = Vec::new();
    for value in row {
        let text = value.text();
        groups::append(&mut key, &text.as_deref().map_or(Value::Null, Value::text_of));
    }
    key
}
