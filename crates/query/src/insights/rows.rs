//! Commands on rows that have left their events.

mod combine;
mod fill;
mod meter;
mod outlier;
mod sessions;
mod window;

pub(super) use combine::{AppendColumns, Combine};
pub(super) use fill::FillMissing;
pub(super) use meter::{Bounds, Meter};
pub(super) use outlier::Outliers;
pub(super) use sessions::Sessions;
pub(super) use window::{Column, Computed, FRAME_ROWS_MAX, Window};

use super::event::{Record, Row};
use super::group_rows::{Wanted, first_rows};
use super::groups::Groups;
use super::plan::PlanError;
use super::reduce::key_of;
use super::relevance::Relevant;
use super::sort_key::SortKey;
use super::step::{Dedup, SortCode, Step, Totals, drive, drive_partnerless};
use super::value::Value;
use std::cmp::Ordering;
use std::collections::HashMap;

/// Takes rows through steps.
pub(super) fn run(mut steps: &[Step], mut rows: Vec<Record>, bounds: Bounds<'_>) -> Result<Vec<Record>, PlanError> {
    while let Some((first, others)) = steps.split_first() {
        bounds.check()?;
        rows = match first {
            Step::Sort(keys) => sorted(rows, keys, bounds)?,
            Step::Limit(count) => {
                rows.truncate(*count);
                rows
            }
            Step::Skip(count) => rows.split_off((*count).min(rows.len())),
            Step::Dedup(dedup) => deduplicated(rows, dedup),
            Step::Stats(stats) => {
                let mut groups = Groups::default();
                let mut meter = bounds.meter("stats", 0);
                rows.iter().try_for_each(|row| meter.take(groups.add(&stats.grouping, row)))?;
                drop(rows);
                let wanted = Wanted::of(others, usize::MAX);
                rows = first_rows(stats, Groups::merged(&stats.grouping, vec![groups]), wanted, bounds)?;
                steps = wanted.rest;
                continue;
            }
            Step::Totals(totals) => with_totals(rows, totals),
            Step::Mine(mining) => {
                let mut miners = mining.miners();
                let mut meter = bounds.meter("pattern", 0);
                rows.iter().try_for_each(|row| meter.grow(mining.add(&mut miners, row, false)))?;
                mining.rows(miners)
            }
            Step::Relevance(relevance) => {
                let mut found = Relevant::default();
                let mut meter = bounds.meter("relevantfields", 0);
                rows.iter().try_for_each(|row| meter.grow(relevance.add(&mut found, row)))?;
                relevance.rows(&found)
            }
            Step::Reverse => {
                rows.reverse();
                rows
            }
            Step::Window(window) => {
                window.run(&mut rows, bounds)?;
                rows
            }
            Step::FillDown(slots) => {
                fill::down(&mut rows, slots, bounds)?;
                rows
            }
            Step::FillMissing(fill) => fill.run(rows, bounds)?,
            Step::Outliers(outliers) => outliers.run(rows),
            Step::Sessions(sessions) => {
                sessions.run(&mut rows);
                rows
            }
            Step::Combine(combine) => combine.run(rows, bounds.memory_max)?,
            Step::AppendColumns(append) => {
                append.run(&mut rows);
                rows
            }
            _ => {
                let length = steps.iter().take_while(|step| step.is_row_wise()).count();
                let (run, others) = steps.split_at(length);
                rows = row_wise(run, rows, bounds)?;
                steps = others;
                continue;
            }
        };
        steps = others;
    }
    Ok(rows)
}

fn row_wise(steps: &[Step], rows: Vec<Record>, bounds: Bounds<'_>) -> Result<Vec<Record>, PlanError> {
    let (mut out, mut meter) = (Vec::with_capacity(rows.len()), bounds.meter("unnest", 0));
    // A join notes in its step which rows it met, and a plan may be finished more than once.
    let own: Vec<Step> = if steps.iter().any(Step::keeps_partnerless) { steps.to_vec() } else { Vec::new() };
    let steps = if own.is_empty() { steps } else { &own };
    let mut keep = |meter: &mut Meter<'_>, row: &Record| {
        meter.take(row.bytes())?;
        out.push(row.clone());
        Ok(())
    };
    for mut row in rows {
        meter.look()?;
        drive(steps, &mut row, &mut 0, &mut |row, _| keep(&mut meter, row))?;
    }
    drive_partnerless(steps, &[], &mut |row, _| keep(&mut meter, row))?;
    Ok(out)
}

fn sorted(rows: Vec<Record>, keys: &[SortCode], bounds: Bounds<'_>) -> Result<Vec<Record>, PlanError> {
    let mut meter = bounds.meter("sort", bytes_of(&rows));
    let with_keys = |row: Record| Ok((sort_keys(keys, &row, &mut meter)?, row));
    let mut rows: Vec<_> = rows.into_iter().map(with_keys).collect::<Result<_, PlanError>>()?;
    rows.sort_by(|(a, _), (b, _)| {
        let orders = keys.iter().zip(a.iter().zip(b)).map(|(key, (a, b))| a.directed(b, key.is_descending));
        orders.fold(Ordering::Equal, Ordering::then)
    });
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn sort_keys(keys: &[SortCode], row: &Record, meter: &mut Meter<'_>) -> Result<Vec<SortKey<'static>>, PlanError> {
    let key = |key: &SortCode| {
        let key = SortKey::of(key, row);
        meter.take(size_of::<SortKey<'_>>() + key.heap_bytes())?;
        Ok(key)
    };
    keys.iter().map(key).collect()
}

fn bytes_of(rows: &[Record]) -> usize {
    rows.iter().map(Record::bytes).sum()
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
