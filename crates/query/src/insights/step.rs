//! The commands of a query, ready to run, and those among them that look at one row at a time.

mod join;

pub(super) use join::{Join, drive_partnerless};

use super::cidr::Blocks;
use super::code::Code;
use super::event::Row;
use super::extract::{Every, Extract};
use super::groups::{self, Grouping};
use super::mining::Mining;
use super::plan::PlanError;
use super::relevance::Relevance;
use super::rows::{AppendColumns, Combine, FillMissing, Outliers, Sessions, Window};
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
    Every(Every),
    Unnest {
        list: Code,
        into: usize,
    },
    Lookup(Lookup),
    CidrLookup(CidrLookup),
    Join(Join),
    Sort(Vec<SortCode>),
    Limit(usize),
    Skip(usize),
    Dedup(Dedup),
    Stats(Arc<Stats>),
    Totals(Totals),
    Mine(Mining),
    Reverse,
    Window(Arc<Window>),
    FillDown(Vec<usize>),
    FillMissing(FillMissing),
    Outliers(Outliers),
    Sessions(Sessions),
    Combine(Combine),
    AppendColumns(AppendColumns),
    Relevance(Relevance),
}

/// One key of an order.
#[derive(Debug, Clone)]
pub(super) struct SortCode {
    pub value: Code,
    pub is_descending: bool,
    pub is_natural: bool,
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

/// A `cidrlookup` command.
#[derive(Debug, Clone)]
pub(super) struct CidrLookup {
    pub table: Arc<Table>,
    pub blocks: Arc<Blocks>,
    pub address: Code,
    /// Column of the table, slot.
    pub output: Vec<(usize, usize)>,
    /// Only columns without a value are set; where each has its value until then.
    pub known: Option<Vec<Code>>,
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

impl CidrLookup {
    fn run<'e>(&self, row: &mut impl Row<'e>) {
        let found = self.address.value(row).text().and_then(|address| self.blocks.find(&address));
        for (at, (column, slot)) in self.output.iter().enumerate() {
            let known = self.known.as_ref().and_then(|known| known.get(at)).map(|known| known.value(row));
            let value = match known.filter(|known| known.text().is_some_and(|text| !text.is_empty())) {
                Some(known) => known,
                None => found.map_or(Value::Null, |found| self.table.value(found, *column)),
            };
            row.set(*slot, value);
        }
    }
}

impl Step {
    /// True when it looks at one row at a time, so that it may run where the events are read.
    pub fn is_row_wise(&self) -> bool {
        match self {
            Self::Compute(_) | Self::Filter(_) | Self::Extract(_) | Self::Every(_) => true,
            Self::Unnest { .. } | Self::Lookup(_) | Self::CidrLookup(_) | Self::Join(_) => true,
            Self::Sort(_) | Self::Limit(_) | Self::Skip(_) | Self::Dedup(_) | Self::Reverse => false,
            Self::Stats(_) | Self::Totals(_) | Self::Mine(_) | Self::Relevance(_) => false,
            Self::Window(_) | Self::FillDown(_) | Self::FillMissing(_) | Self::Outliers(_) => false,
            Self::Sessions(_) | Self::Combine(_) | Self::AppendColumns(_) => false,
        }
    }

    /// True when it has rows of another query left when all rows have been seen.
    pub fn keeps_partnerless(&self) -> bool {
        matches!(self, Self::Join(join) if join.keeps_right())
    }

    /// What it is called, when it needs all rows at once and keeps them.
    pub fn needs_all_rows(&self) -> Option<&'static str> {
        match self {
            Self::Totals(_) => Some("addtotals"),
            Self::Window(_) => Some("the window"),
            Self::Reverse => Some("tail"),
            Self::FillDown(_) => Some("filldown"),
            Self::Outliers(_) => Some("outlier"),
            Self::Sessions(_) => Some("sessionize"),
            Self::Combine(_) => Some("the union"),
            Self::AppendColumns(_) => Some("appendcols"),
            _ => None,
        }
    }

    /// Adds the slots that it reads.
    pub fn reads(&self, found: &mut Vec<usize>) {
        let codes: Vec<&Code> = match self {
            Self::Compute(columns) => columns.iter().map(|(_, code)| code).collect(),
            Self::Filter(code) | Self::Unnest { list: code, .. } => vec![code],
            Self::Extract(extract) => vec![&extract.from],
            Self::Every(every) => vec![&every.from],
            Self::CidrLookup(lookup) => std::iter::once(&lookup.address).chain(lookup.known.iter().flatten()).collect(),
            Self::Window(window) => window.codes().collect(),
            Self::Outliers(outliers) => outliers.fields.iter().map(|(code, _)| code).collect(),
            Self::Sessions(sessions) => sessions.by.iter().chain([&sessions.time]).collect(),
            Self::Relevance(relevance) => relevance.codes().collect(),
            Self::Lookup(Lookup { keys, .. }) => keys.iter().collect(),
            Self::Join(join) => join.codes().collect(),
            Self::Sort(keys) => keys.iter().map(|key| &key.value).collect(),
            Self::Mine(mining) => vec![&mining.of],
            Self::Dedup(dedup) => dedup.by.iter().collect(),
            Self::Stats(stats) => stats
                .grouping
                .by
                .iter()
                .chain(stats.grouping.aggregations.iter().filter_map(|a| a.of.as_ref()))
                .collect(),
            Self::Limit(_) | Self::Skip(_) | Self::Reverse | Self::AppendColumns(_) => Vec::new(),
            Self::FillDown(slots) | Self::Combine(Combine { slots, .. }) => {
                found.extend(slots);
                Vec::new()
            }
            Self::FillMissing(fill) => {
                found.push(fill.time);
                found.extend(&fill.groups);
                Vec::new()
            }
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
            Self::Every(every) => every.groups.iter().map(|(_, slot)| *slot).collect(),
            Self::CidrLookup(lookup) => lookup.output.iter().map(|(_, slot)| *slot).collect(),
            Self::Lookup(Lookup { output, .. }) => output.iter().map(|(_, slot)| *slot).collect(),
            Self::Join(join) => join.sets().collect(),
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
            Step::CidrLookup(lookup) => lookup.run(row),
            Step::Every(every) => {
                for values in every.matches(row) {
                    every.groups.iter().zip(values).for_each(|((_, slot), value)| row.set(*slot, value));
                    drive(&steps[at + 1..], row, count, sink)?;
                }
                return Ok(());
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
            Step::Join(join) => return join.run(row, &mut |row| drive(&steps[at + 1..], row, count, sink)),
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
