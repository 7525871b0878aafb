//! `Worker`: takes events through the prefix of a plan and keeps what the rest of it needs; the plan puts workers together.

use super::event::{Event, EventRow, Record, Row};
use super::group_rows::{Wanted, first_rows};
use super::groups::Groups;
use super::plan::{Answer, Inner, PlanError, Reduction};
use super::reduce::{Distincts, First};
use super::relevance::Relevant;
use super::rows::{self, Bounds};
use super::step::{Step, drive, drive_partnerless};
use super::value::Value;
use crate::log_patterns::Miner;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One part of the events on their way to an answer.
#[derive(Debug)]
pub struct Worker {
    plan: Arc<Inner>,
    /// The plan's, with regular expressions of its own.
    prefix: Vec<Step>,
    kept: Kept,
    /// True when its events are those that others are compared with.
    is_compared: bool,
    fed: u64,
    matched: u64,
    /// Bytes that it takes, which are counted in the plan's.
    memory: usize,
}

#[derive(Debug, Clone)]
enum Kept {
    Groups(Groups),
    First(First),
    Distincts(Distincts),
    /// See `Mining::miners`.
    Patterns(Vec<Miner>),
    Relevant(Box<Relevant>),
}

impl Worker {
    pub(super) fn new(plan: Arc<Inner>, is_compared: bool) -> Self {
        let kept = match &plan.reduction {
            Reduction::Groups(_) => Kept::Groups(Groups::default()),
            Reduction::First(keep) => Kept::First(First::new(*keep)),
            Reduction::Distincts(_) => Kept::Distincts(Distincts::default()),
            Reduction::Patterns(mining) => Kept::Patterns(mining.miners()),
            Reduction::Relevance(_) => Kept::Relevant(Box::default()),
        };
        Self { prefix: plan.prefix.clone(), plan, kept, is_compared, fed: 0, matched: 0, memory: 0 }
    }

    /// The same worker, to be fed only with events whose messages contain `Plan::contained_texts`: it does not look for them.
    #[must_use]
    pub fn of_containing(mut self) -> Self {
        self.prefix.clone_from(&self.plan.prefix_of_containing);
        self
    }

    /// Takes an event.
    ///
    /// # Errors
    ///
    /// When the rows of all workers take more memory than allowed, or one event becomes too many rows. The query has failed then.
    pub fn feed(&mut self, event: &impl Event) -> Result<(), PlanError> {
        let Self { plan, prefix, kept, memory, is_compared, .. } = self;
        let mut row = EventRow::new(event, &plan.sources, &plan.fields, plan.columns);
        let mut count = 0;
        drive(prefix, &mut row, &mut count, &mut |row, ordinal| {
            let grown = kept.add(plan, row, ordinal, *is_compared);
            if grown == 0 { Ok(()) } else { plan.grow(memory, grown) }
        })?;
        self.fed += 1;
        self.matched += u64::from(count > 0);
        Ok(())
    }

    /// True when it has as many rows as the plan wants, if it was fed events in the order of `Plan::is_newest_first`. Other events of
    /// the last one's instant may still belong to the answer.
    pub fn is_full(&self) -> bool {
        self.plan.wanted_rows.is_some_and(|wanted| self.matched >= wanted as u64)
    }

    /// How many events it took.
    pub fn fed(&self) -> u64 {
        self.fed
    }

    /// How many of them passed the filters before the first command that needs many rows.
    pub fn matched(&self) -> u64 {
        self.matched
    }

    /// Bytes that its rows and groups take, about.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// A copy that can be finished in its place. Its memory is not counted.
    pub(super) fn snapshot(&self) -> Self {
        Self {
            plan: Arc::clone(&self.plan),
            prefix: Vec::new(),
            kept: self.kept.clone(),
            is_compared: self.is_compared,
            fed: self.fed,
            matched: self.matched,
            memory: 0,
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.plan.memory.fetch_sub(self.memory, Ordering::Relaxed);
    }
}

impl Kept {
    fn add<'e>(&mut self, plan: &Inner, row: &impl Row<'e>, ordinal: u32, is_compared: bool) -> isize {
        match (self, &plan.reduction) {
            (Self::Groups(groups), Reduction::Groups(stats)) => groups.add(&stats.grouping, row) as isize,
            (Self::First(first), _) => first.add(&plan.order, &plan.kept, row, ordinal),
            (Self::Distincts(distincts), Reduction::Distincts(dedup)) => {
                distincts.add(dedup, &plan.order, &plan.kept, row, ordinal)
            }
            (Self::Patterns(miners), Reduction::Patterns(mining)) => mining.add(miners, row, is_compared),
            (Self::Relevant(found), Reduction::Relevance(relevance)) => relevance.add(found, row),
            _ => 0,
        }
    }

    fn merge(&mut self, plan: &Inner, other: Self) {
        match (self, other, &plan.reduction) {
            (Self::First(first), Self::First(other), _) => first.merge(&plan.order, other),
            (Self::Distincts(distincts), Self::Distincts(other), Reduction::Distincts(dedup)) => {
                distincts.merge(dedup, &plan.order, other);
            }
            (Self::Patterns(miners), Self::Patterns(others), _) => {
                miners.iter_mut().zip(others).for_each(|(miner, other)| miner.merge(other));
            }
            (Self::Relevant(found), Self::Relevant(other), _) => found.merge(*other),
            _ => {}
        }
    }
}

impl Inner {
    /// Counts what a worker took or gave back.
    fn grow(&self, of_worker: &mut usize, by: isize) -> Result<(), PlanError> {
        *of_worker = of_worker.saturating_add_signed(by);
        let all = if by >= 0 {
            self.memory.fetch_add(by.unsigned_abs(), Ordering::Relaxed).saturating_add(by.unsigned_abs())
        } else {
            self.memory.fetch_sub(by.unsigned_abs(), Ordering::Relaxed)
        };
        if all > self.memory_max {
            return Err(PlanError::Memory { command: self.command(), max: self.memory_max });
        }
        Ok(())
    }

    /// The command whose rows workers keep.
    fn command(&self) -> &'static str {
        match (&self.reduction, self.rest.first()) {
            (Reduction::Groups(_), _) => "stats",
            (Reduction::Distincts(_), _) => "dedup",
            (Reduction::Patterns(_), _) => "pattern",
            (Reduction::Relevance(_), _) => "relevantfields",
            (Reduction::First(_), first) => {
                let other = if self.order.is_by_time() { "limit" } else { "sort" };
                first.and_then(Step::needs_all_rows).unwrap_or(other)
            }
        }
    }

    /// Gives the first worker what is left of the other queries of joins.
    fn add_partnerless(&self, workers: &mut [Worker]) -> Result<(), PlanError> {
        let Some((Worker { prefix, kept, memory, is_compared, .. }, others)) = workers.split_first_mut() else {
            return Ok(());
        };
        let clones: Vec<&[Step]> = others.iter().map(|worker| worker.prefix.as_slice()).collect();
        drive_partnerless(prefix, &clones, &mut |row, ordinal| {
            let grown = kept.add(self, row, ordinal, *is_compared);
            self.grow(memory, grown)
        })
    }

    pub(super) fn finish(&self, mut workers: Vec<Worker>, is_wanted: &dyn Fn() -> bool) -> Result<Answer, PlanError> {
        self.add_partnerless(&mut workers)?;
        let bounds = Bounds { memory_max: self.memory_max, is_wanted };
        let take = |worker: &mut Worker| std::mem::replace(&mut worker.kept, Kept::First(First::new(0)));
        let kept: Vec<Kept> = workers.iter_mut().map(take).collect();
        let (rows, rest) = match &self.reduction {
            Reduction::Groups(stats) => {
                let groups = kept.into_iter().filter_map(|kept| match kept {
                    Kept::Groups(groups) => Some(groups),
                    _ => None,
                });
                let wanted = Wanted::of(&self.rest[1..], self.limit);
                let parts = Groups::merged(&stats.grouping, groups.collect());
                (first_rows(stats, parts, wanted, bounds)?, wanted.rest)
            }
            _ => self.merged(kept),
        };
        drop(workers);
        let mut rows = rows::run(rest, rows, bounds)?;
        rows.truncate(self.limit);
        Ok(self.answer(&rows))
    }

    /// The rows that workers kept, and the commands that are left for them.
    fn merged(&self, workers: Vec<Kept>) -> (Vec<Record>, &[Step]) {
        let all = workers.into_iter().reduce(|mut all, kept| {
            all.merge(self, kept);
            all
        });
        match (all, &self.reduction) {
            (Some(Kept::First(first)), _) => (first.into_records(&self.order), &self.rest[..]),
            (Some(Kept::Patterns(miners)), Reduction::Patterns(mining)) => (mining.rows(miners), &self.rest[1..]),
            (Some(Kept::Relevant(found)), Reduction::Relevance(relevance)) => (relevance.rows(&found), &self.rest[1..]),
            (Some(Kept::Distincts(distincts)), _) => (distincts.into_records(&self.order), &self.rest[..]),
            _ => (Vec::new(), &[][..]),
        }
    }

    fn answer(&self, rows: &[Record]) -> Answer {
        let text = |value: Value<'_>| value.into_text().map(Cow::into_owned);
        let row = |record: &Record| self.shown.iter().map(|(_, slot)| text(record.slot(*slot))).collect();
        let pointers = || rows.iter().map(|record| record.pointer.to_string()).collect();
        Answer {
            columns: self.shown.iter().map(|(name, _)| name.clone()).collect(),
            rows: rows.iter().map(row).collect(),
            pointers: (!self.is_aggregated).then(pointers),
        }
    }
}
