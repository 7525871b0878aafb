//! The commands of a query, ready to run, and those among them that look at one row at a time.

use super::ast::JoinKind;
use super::code::Code;
use super::event::Row;
use super::extract::Extract;
use super::groups::{self, Grouping};
use super::mining::Mining;
use super::plan::PlanError;
use super::value::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Most rows that `unnest` and `join` make of one event.
const ROWS_OF_EVENT_MAX: u32 = 100_000;

/// A command.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Sets columns.
    Compute(Vec<(usize, Code)>),
    Filter(Code),
    Extract(Extract),
    Unnest {
        list: Code,
        into: usize,
    },
    Lookup(Lookup),
    Join(Join),
    Sort(Vec<SortCode>),
    Limit(usize),
    Skip(usize),
    Dedup(Dedup),
    Stats(Arc<Stats>),
    Totals(Totals),
    Mine(Mining),
}

/// One key of an order.
#[derive(Debug, Clone)]
pub(super) struct SortCode {
    pub value: Code,
    pub is_descending: bool,
}

/// What makes rows equal, and how many of each stay.
#[derive(Debug, Clone)]
pub(super) struct Dedup {
    pub by: Vec<Code>,
    pub keep: usize,
}

/// A `stats` command. Its rows have the values of `by` in the first slots, then these.
#[derive(Debug)]
pub(super) struct Stats {
    pub grouping: Grouping,
    /// Of rows with the values of `by` in the first slots, then the aggregates.
    pub values: Vec<Code>,
}

/// A table whose rows are found by the values of some columns.
#[derive(Debug)]
pub(super) struct Table {
    pub rows: Vec<Vec<Option<String>>>,
    index: HashMap<Vec<u8>, Vec<u32>, foldhash::fast::FixedState>,
}

/// A `lookup` command.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    pub table: Arc<Table>,
    pub keys: Vec<Code>,
    /// Column of the table, slot.
    pub output: Vec<(usize, usize)>,
}

/// A `join` command, the other query having been run.
#[derive(Debug, Clone)]
pub(super) struct Join {
    pub table: Arc<Table>,
    pub keys: Vec<Code>,
    /// Column of the other query's rows, slot.
    pub output: Vec<(usize, usize)>,
    pub kind: JoinKind,
}

/// An `addtotals` command.
#[derive(Debug, Clone)]
pub(super) struct Totals {
    /// What is summed.
    pub slots: Vec<usize>,
    /// Where the sum of each row goes.
    pub row: Option<usize>,
    /// The label of the added row, and the slot that it goes to.
    pub column: Option<(String, Option<usize>)>,
}

impl Table {
    /// With an index over the columns of a key. Rows that lack one of its values are not found.
    pub fn new(rows: Vec<Vec<Option<String>>>, key: &[usize]) -> Self {
        let mut index: HashMap<_, Vec<u32>, _> = HashMap::default();
        for (at, row) in rows.iter().enumerate() {
            let values = key
                .iter()
                .map(|column| row.get(*column).and_then(Option::as_deref).map_or(Value::Null, Value::text_of));
            if let Some(bytes) = key_of(values) {
                index.entry(bytes).or_default().push(at as u32);
            }
        }
        Self { rows, index }
    }

    fn find<'e>(&self, keys: &[Code], row: &impl Row<'e>) -> &[u32] {
        let key = key_of(keys.iter().map(|code| code.value(row)));
        key.and_then(|key| self.index.get(&key)).map_or(&[], Vec::as_slice)
    }

    fn value(&self, row: u32, column: usize) -> Value<'static> {
        let text = self.rows.get(row as usize).and_then(|row| row.get(column)?.clone());
        text.map_or(Value::Null, |text| Value::Text(text.into()))
    }
}

/// Equal texts have equal keys; a missing value has none.
fn key_of<'v>(values: impl Iterator<Item = Value<'v>>) -> Option<Vec<u8>> {
    let mut key = Vec::new();
    for value in values {
        groups::append(&mut key, &Value::text_of(&value.text()?));
    }
    Some(key)
}

impl Step {
    /// True when it looks at one row at a time, so that it may run where the events are read.
    pub fn is_row_wise(&self) -> bool {
        match self {
            Self::Compute(_) | Self::Filter(_) | Self::Extract(_) => true,
            Self::Unnest { .. } | Self::Lookup(_) | Self::Join(_) => true,
            Self::Sort(_) | Self::Limit(_) | Self::Skip(_) | Self::Dedup(_) => false,
            Self::Stats(_) | Self::Totals(_) | Self::Mine(_) => false,
        }
    }

    /// Adds the slots that it reads.
    pub fn reads(&self, found: &mut Vec<usize>) {
        let codes: Vec<&Code> = match self {
            Self::Compute(columns) => columns.iter().map(|(_, code)| code).collect(),
            Self::Filter(code) | Self::Unnest { list: code, .. } => vec![code],
            Self::Extract(extract) => vec![&extract.from],
            Self::Lookup(Lookup { keys, .. }) | Self::Join(Join { keys, .. }) => keys.iter().collect(),
            Self::Sort(keys) => keys.iter().map(|key| &key.value).collect(),
            Self::Mine(mining) => vec![&mining.of],
            Self::Dedup(dedup) => dedup.by.iter().collect(),
            Self::Stats(stats) => stats
                .grouping
                .by
                .iter()
                .chain(stats.grouping.aggregations.iter().filter_map(|a| a.of.as_ref()))
                .collect(),
            Self::Limit(_) | Self::Skip(_) => Vec::new(),
            Self::Totals(totals) => {
                found.extend(&totals.slots);
                Vec::new()
            }
        };
        codes.into_iter().for_each(|code| code.slots(found));
    }

    /// The slots that it sets.
    pub fn sets(&self) -> Vec<usize> {
        match self {
            Self::Compute(columns) => columns.iter().map(|(slot, _)| *slot).collect(),
            Self::Extract(extract) => extract.slots.clone(),
            Self::Unnest { into, .. } => vec![*into],
            Self::Lookup(Lookup { output, .. }) | Self::Join(Join { output, .. }) => {
                output.iter().map(|(_, slot)| *slot).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Takes a row through steps that look at one row at a time, and gives what comes out to `sink`, each with its number among the
/// rows of the same event.
pub(super) fn drive<'e, R: Row<'e>>(
    steps: &[Step],
    row: &mut R,
    count: &mut u32,
    sink: &mut impl FnMut(&R, u32) -> Result<(), PlanError>,
) -> Result<(), PlanError> {
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Compute(columns) => {
                for (slot, code) in columns {
                    let value = code.value(row);
                    row.set(*slot, value);
                }
            }
            Step::Filter(code) => {
                if !code.truth(row) {
                    return Ok(());
                }
            }
            Step::Extract(extract) => extract.run(row),
            Step::Lookup(lookup) => {
                let found = lookup.table.find(&lookup.keys, row).first().copied();
                for (column, slot) in &lookup.output {
                    row.set(*slot, found.map_or(Value::Null, |found| lookup.table.value(found, *column)));
                }
            }
            Step::Unnest { list, into } => {
                let members = match list.value(row) {
                    Value::Json(json) => match &*json {
                        serde_json::Value::Array(members) => members.iter().map(Value::json_of).collect(),
                        _ => vec![Value::Json(json)],
                    },
                    other => vec![other],
                };
                for member in members {
                    row.set(*into, member);
                    drive(&steps[at + 1..], row, count, sink)?;
                }
                return Ok(());
            }
            Step::Join(join) => {
                let found = join.table.find(&join.keys, row);
                let partners: &[Option<u32>] =
                    if found.is_empty() && join.kind == JoinKind::Left { &[None] } else { &[] };
                for partner in found.iter().copied().map(Some).chain(partners.iter().copied()) {
                    for (column, slot) in &join.output {
                        row.set(*slot, partner.map_or(Value::Null, |partner| join.table.value(partner, *column)));
                    }
                    drive(&steps[at + 1..], row, count, sink)?;
                }
                return Ok(());
            }
            // The plan ends the prefix before them.
            _ => return Ok(()),
        }
    }
    if *count >= ROWS_OF_EVENT_MAX {
        return Err(PlanError::TooManyRows { max: ROWS_OF_EVENT_MAX });
    }
    *count += 1;
    sink(row, *count)
}
