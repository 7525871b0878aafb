//! A `join`, the other query having been run: row by row its partners are found, and what is left of the other query in the end.
//!
//! Which rows of the other query have partners is known only when every row has been seen; each worker notes those that it met.

use super::super::ast::JoinKind;
use super::super::code::Code;
use super::super::event::{Record, Row};
use super::super::plan::PlanError;
use super::super::value::Value;
use super::{Step, Table, drive};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A `join` command.
#[derive(Debug, Clone)]
pub(in crate::insights) struct Join {
    table: Arc<Table>,
    keys: Vec<Code>,
    /// What else must be true, of a row with the columns of a partner.
    condition: Option<Code>,
    /// Column of the other query's rows, slot.
    output: Vec<(usize, usize)>,
    kind: JoinKind,
    met: Met,
}

/// The rows of the other query that have a partner, where those without are wanted. A clone has met none.
#[derive(Debug, Default)]
struct Met(Box<[AtomicBool]>);

impl Clone for Met {
    fn clone(&self) -> Self {
        Self::none(self.0.len())
    }
}

impl Met {
    fn none(rows: usize) -> Self {
        Self((0..rows).map(|_| AtomicBool::new(false)).collect())
    }

    fn note(&self, row: u32) {
        if let Some(met) = self.0.get(row as usize) {
            met.store(true, Ordering::Relaxed);
        }
    }

    fn has(&self, row: usize) -> bool {
        self.0.get(row).is_some_and(|met| met.load(Ordering::Relaxed))
    }
}

impl Join {
    /// With the rows of the other query, found by the values of `keys`.
    pub fn new(
        kind: JoinKind,
        table: Arc<Table>,
        keys: Vec<Code>,
        condition: Option<Code>,
        output: Vec<(usize, usize)>,
    ) -> Self {
        let met = Met::none(if kind.keeps_right() { table.rows.len() } else { 0 });
        Self { table, keys, condition, output, kind, met }
    }

    /// True when rows of the other query that have no partner are kept.
    pub fn keeps_right(&self) -> bool {
        self.kind.keeps_right()
    }

    /// What it looks at.
    pub fn codes(&self) -> impl Iterator<Item = &Code> {
        self.keys.iter().chain(&self.condition)
    }

    /// The slots that it sets.
    pub fn sets(&self) -> impl Iterator<Item = usize> {
        self.output.iter().map(|(_, slot)| *slot)
    }

    /// Gives a row each of its partners in turn.
    pub(super) fn run<'e, R: Row<'e>>(
        &self,
        row: &mut R,
        with_partner: &mut impl FnMut(&mut R) -> Result<(), PlanError>,
    ) -> Result<(), PlanError> {
        let mut is_alone = true;
        for &partner in self.table.find(&self.keys, row) {
            self.set(row, Some(partner));
            if self.condition.as_ref().is_some_and(|condition| !condition.truth(row)) {
                continue;
            }
            is_alone = false;
            self.met.note(partner);
            with_partner(row)?;
        }
        if is_alone && self.kind.keeps_left() {
            self.set(row, None);
            with_partner(row)?;
        }
        Ok(())
    }

    fn set<'e>(&self, row: &mut impl Row<'e>, partner: Option<u32>) {
        for (column, slot) in &self.output {
            row.set(*slot, partner.map_or(Value::Null, |partner| self.table.value(partner, *column)));
        }
    }
}

/// When every row has been driven through the steps, or through one of their clones, this drives the rows of other queries that have
/// no partner through the steps behind their join. `sink` is as in `drive`.
pub(in crate::insights) fn drive_partnerless(
    steps: &[Step],
    clones: &[&[Step]],
    sink: &mut impl FnMut(&Record, u32) -> Result<(), PlanError>,
) -> Result<(), PlanError> {
    for (at, step) in steps.iter().enumerate() {
        let Step::Join(join) = step else { continue };
        if !join.keeps_right() {
            continue;
        }
        let met_by = |steps: &&[Step], row: usize| matches!(steps.get(at), Some(Step::Join(join)) if join.met.has(row));
        for row in 0..join.table.rows.len() {
            if join.met.has(row) || clones.iter().any(|steps| met_by(steps, row)) {
                continue;
            }
            // They have no time of their own, and come last.
            let mut record = Record { at: i64::MIN, ..Record::default() };
            join.set(&mut record, Some(row as u32));
            let mut count = 0;
            drive(&steps[at + 1..], &mut record, &mut count, &mut |record, ordinal| {
                sink(record, (row as u32).saturating_add(ordinal))
            })?;
        }
    }
    Ok(())
}
