//! `filldown` and `fillmissing`: values and rows that are not there.
//!
//! `fillmissing` covers the query's time range, for each combination of the other values that `stats` grouped by; the guide says
//! neither. Rows stay in the order of time that they have, and are put into the usual one where they have none.

use super::super::ast::Period;
use super::super::calendar;
use super::super::code::Code;
use super::super::event::{Record, Row};
use super::super::groups;
use super::super::plan::PlanError;
use super::super::value::Value;
use super::{Bounds, bytes_of};
use model::TimeRange;
use std::collections::{BTreeMap, HashSet};

/// Most rows that are added: a limit of ours.
const ROWS_ADDED_MAX: usize = 100_000;

/// A column that a row lacks has the value of the row before.
pub(super) fn down(rows: &mut [Record], slots: &[usize], bounds: Bounds<'_>) -> Result<(), PlanError> {
    let mut meter = bounds.meter("filldown", bytes_of(rows));
    for slot in slots {
        let mut last = Value::Null;
        for row in rows.iter_mut() {
            meter.look()?;
            match row.slot(*slot) {
                Value::Null if last.is_null() => {}
                Value::Null => row.set(*slot, meter.value(last.clone())?),
                value => last = value,
            }
        }
    }
    Ok(())
}

/// A `fillmissing` command.
#[derive(Debug, Clone)]
pub(in crate::insights) struct FillMissing {
    /// The column of `bin`.
    pub time: usize,
    pub period: Period,
    /// How much later than by the calendar periods begin, milliseconds.
    pub offset_ms: i64,
    /// The other columns that rows are grouped by.
    pub groups: Vec<usize>,
    /// What added rows have.
    pub values: Vec<(usize, Code)>,
    /// The query's.
    pub range: TimeRange,
}

impl FillMissing {
    /// Adds rows.
    pub fn run(&self, mut rows: Vec<Record>, bounds: Bounds<'_>) -> Result<Vec<Record>, PlanError> {
        let mut meter = bounds.meter("fillmissing", bytes_of(&rows));
        // The first row of each group, and the times of all of them.
        let mut groups: BTreeMap<Vec<u8>, (Option<usize>, HashSet<i64>)> = BTreeMap::new();
        for (place, row) in rows.iter().enumerate() {
            let Value::Time(time) = row.slot(self.time) else { continue };
            let mut key = Vec::new();
            self.groups.iter().for_each(|slot| groups::append(&mut key, &row.slot(*slot)));
            meter.take(key.len() + size_of::<i64>())?;
            groups.entry(key).or_insert_with(|| (Some(place), HashSet::new())).1.insert(time);
        }
        if self.groups.is_empty() {
            groups.entry(Vec::new()).or_default();
        }
        let is_ascending = self.is_ascending(&rows);
        let mut added = 0;
        for (place, times) in groups.into_values() {
            let mut at = calendar::floor(self.period, self.range.start.0.saturating_sub(self.offset_ms));
            loop {
                let time = at.saturating_add(self.offset_ms);
                if time >= self.range.end.0 {
                    break;
                }
                meter.look()?;
                if !times.contains(&time) {
                    added += 1;
                    if added > ROWS_ADDED_MAX {
                        return Err(PlanError::FillMissing { max: ROWS_ADDED_MAX });
                    }
                    let row = self.row(place.map(|place| &rows[place]), time);
                    meter.take(row.bytes())?;
                    rows.push(row);
                }
                let next = calendar::ceil(self.period, at.saturating_add(1));
                if next <= at {
                    break;
                }
                at = next;
            }
        }
        let time = |row: &Record| match row.slot(self.time) {
            Value::Time(time) => time,
            _ => i64::MIN,
        };
        rows.sort_by(|a, b| if is_ascending { time(a).cmp(&time(b)) } else { time(b).cmp(&time(a)) });
        Ok(rows)
    }

    fn is_ascending(&self, rows: &[Record]) -> bool {
        let times: Vec<Value<'_>> =
            [rows.first(), rows.last()].into_iter().flatten().map(|row| row.slot(self.time)).collect();
        matches!(times.as_slice(), [Value::Time(first), Value::Time(last)] if first < last)
    }

    fn row(&self, of: Option<&Record>, time: i64) -> Record {
        let mut row = Record::default();
        for slot in &self.groups {
            row.set(*slot, of.map_or(Value::Null, |of| of.slot(*slot)));
        }
        row.set(self.time, Value::Time(time));
        for (slot, value) in &self.values {
            let value = value.value(&row);
            row.set(*slot, value);
        }
        row
    }
}
