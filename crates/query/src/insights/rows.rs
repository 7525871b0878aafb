//! Commands on rows that have left their events.

mod combine;
mod fill;
mod outlier;
mod sessions;
mod window;

pub(super) use combine::{AppendColumns, Combine};
pub(super) use fill::FillMissing;
pub(super) use outlier::Outliers;
pub(super) use sessions::Sessions;
pub(super) use window::{Column, Computed, FRAME_ROWS_MAX, Window};

use super::event::{Record, Row};
use super::group_rows::first_rows;
use super::groups::Groups;
use super::plan::PlanError;
use super::reduce::key_of;
use super::relevance::Relevant;
use super::sort_key::SortKey;
use super::step::{Dedup, SortCode, Step, Totals, drive};
use super::value::Value;
use std::cmp::Ordering;
use std::collections::HashMap;

/// Takes rows through steps. `memory_max` bounds what any of them makes, bytes.
pub(super) fn run(mut steps: &[Step], mut rows: Vec<Record>, memory_max: usize) -> Result<Vec<Record>, PlanError> {
    while let Some((first, others)) = steps.split_first() {
        rows = match first {
            Step::Sort(keys) => sorted(rows, keys),
            Step::Limit(count) => {
                rows.truncate(*count);
                rows
            }
            Step::Skip(count) => rows.split_off((*count).min(rows.len())),
            Step::Dedup(dedup) => deduplicated(rows, dedup),
            Step::Stats(stats) => {
                let mut groups = Groups::default();
                let mut bytes = 0;
                for row in &rows {
                    bytes += groups.add(&stats.grouping, row);
                    if bytes > memory_max {
                        return Err(PlanError::Memory { command: "stats", max: memory_max });
                    }
                }
                first_rows(stats, &groups, &[], usize::MAX)
            }
            Step::Totals(totals) => with_totals(rows, totals),
            Step::Mine(mining) => {
                let mut miners = mining.miners();
                for row in &rows {
                    mining.add(&mut miners, row, false);
                }
                mining.rows(miners)
            }
            Step::Relevance(relevance) => {
                let mut found = Relevant::default();
                for row in &rows {
                    relevance.add(&mut found, row);
                }
                relevance.rows(&found)
            }
            Step::Reverse => {
                rows.reverse();
                rows
            }
            Step::Window(window) => {
                window.run(&mut rows, memory_max)?;
                rows
            }
            Step::FillDown(slots) => {
                fill::down(&mut rows, slots);
                rows
            }
            Step::FillMissing(fill) => fill.run(rows)?,
            Step::Outliers(outliers) => outliers.run(rows),
            Step::Sessions(sessions) => {
                sessions.run(&mut rows);
                rows
            }
            Step::Combine(combine) => combine.run(rows, memory_max)?,
            Step::AppendColumns(append) => {
                append.run(&mut rows);
                rows
            }
            _ => {
                let length = steps.iter().take_while(|step| step.is_row_wise()).count();
                let (run, others) = steps.split_at(length);
                rows = row_wise(run, rows, memory_max)?;
                steps = others;
                continue;
            }
        };
        steps = others;
    }
    Ok(rows)
}

fn row_wise(steps: &[Step], rows: Vec<Record>, memory_max: usize) -> Result<Vec<Record>, PlanError> {
    let (mut out, mut bytes) = (Vec::with_capacity(rows.len()), 0);
    for mut row in rows {
        drive(steps, &mut row, &mut 0, &mut |row, _| {
            bytes += row.bytes();
            out.push(row.clone());
            if bytes > memory_max { Err(PlanError::Memory { command: "unnest", max: memory_max }) } else { Ok(()) }
        })?;
    }
    Ok(out)
}

fn sorted(rows: Vec<Record>, keys: &[SortCode]) -> Vec<Record> {
    let with_keys = |row: Record| (keys.iter().map(|key| SortKey::of(&key.value, &row)).collect::<Vec<_>>(), row);
    let mut rows: Vec<_> = rows.into_iter().map(with_keys).collect();
    rows.sort_by(|(a, _), (b, _)| {
        let orders = keys.iter().zip(a.iter().zip(b)).map(|(key, (a, b))| a.directed(b, key.is_descending));
        orders.fold(Ordering::Equal, Ordering::then)
    });
    rows.into_iter().map(|(_, row)| row).collect()
}

fn deduplicated(mut rows: Vec<Record>, dedup: &Dedup) -> Vec<Record> {
    let mut counts: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut key = Vec::new();
    rows.retain(|row| {
        if !key_of(&mut key, dedup, row) {
            return true;
        }
        let count = counts.entry(key.clone()).or_insert(0);
        *count += 1;
        *count <= dedup.keep
    });
    rows
}

fn with_totals(mut rows: Vec<Record>, totals: &Totals) -> Vec<Record> {
    let sum = |numbers: &mut dyn Iterator<Item = f64>| {
        let mut any = false;
        let sum: f64 = numbers.inspect(|_| any = true).sum();
        if any { Value::number_of(sum) } else { Value::Null }
    };
    // A sum of times would say nothing.
    let number = |row: &Record, slot: usize| match row.slot(slot) {
        Value::Time(_) => None,
        value => value.number(),
    };
    if let Some(slot) = totals.row {
        for row in &mut rows {
            let total = sum(&mut totals.slots.iter().filter_map(|slot| number(row, *slot)));
            row.set(slot, total);
        }
    }
    if let Some((label, place)) = &totals.column {
        let mut last = Record { at: i64::MIN, ..Record::default() };
        for slot in totals.slots.iter().chain(&totals.row) {
            last.set(*slot, sum(&mut rows.iter().filter_map(|row| number(row, *slot))));
        }
        if let Some(place) = place {
            last.set(*place, Value::Text(label.clone().into()));
        }
        rows.push(last);
    }
    rows
}
