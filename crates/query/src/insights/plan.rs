//! `Plan`: a query ready to run: what it reads of each event, what runs where the events are read, and what runs at the end.
//!
//! The commands up to the first that needs many rows at once (the prefix) run in workers, one row at a time. Workers keep what
//! that command needs of their rows: groups, or the rows that may still be among the first. `Plan::finish` puts these together
//! and runs the other commands. Since no answer depends on which worker saw which event, events may be read in any order.
//!
//! Where AWS says nothing, here: columns that `parse`, `unnest`, `lookup` and `join` add are shown unless `display` says
//! otherwise; `stats` without events has no row; groups come with their newest time first, and else in the order of their
//! values; events of the same instant come in the order of their pointers, the last first.

use super::ast::Query;
use super::build::Builder;
use super::code::Code;
use super::event::Source;
use super::mining::Mining;
use super::names::Setting;
use super::push_down;
use super::reduce::Order;
use super::relevance::Relevance;
use super::step::{Dedup, SortCode, Stats, Step};
use super::worker::Worker;
use super::{ast, subqueries};
use crate::log_fields::FieldPath;
use model::{Classify, ErrorKind, TimeRange, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// What a query needs to know beside its text.
#[derive(Debug, Clone)]
pub struct Context {
    /// When the query was started.
    pub now: Timestamp,
    /// The time range that is asked for.
    pub range: TimeRange,
    /// Most rows of the answer.
    pub limit: usize,
    /// Tables of `lookup` by name.
    pub lookups: BTreeMap<String, LookupTable>,
    /// Bytes that rows and groups may take in all workers together.
    pub memory_max: usize,
    /// The answers of `Plan::subqueries`, in its order.
    pub subqueries: Vec<Answer>,
}

/// A table of `lookup`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LookupTable {
    /// Names of the columns.
    pub header: Vec<String>,
    /// A value for each column.
    pub rows: Vec<Vec<String>>,
}

/// The rows of a query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// A value for each column; `None` where a row has none.
    pub rows: Vec<Vec<Option<String>>>,
    /// The event of each row, unless rows stand for several events.
    pub pointers: Option<Vec<String>>,
}

/// Why a query cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PlanError {
    #[error("the rows and groups of {command} take more than {max} bytes; filter or group more coarsely")]
    Memory { command: &'static str, max: usize },
    #[error("an expression is nested deeper than {max}")]
    TooDeep { max: usize },
    #[error("a query has at most {max} commands")]
    TooManyCommands { max: usize },
    #[error("unnest or join makes more than {max} rows of one event")]
    TooManyRows { max: u32 },
    #[error("{0:?} has the wrong arguments")]
    Arguments(ast::Function),
    #[error("{0:?} has the wrong arguments")]
    AggregateArguments(ast::Aggregate),
    #[error("{0:?} is a function of many rows; it belongs in stats")]
    Aggregate(ast::Aggregate),
    #[error("a period may stand only in bin, datefloor and dateceil")]
    Period,
    #[error("a parse pattern has {wildcards} wildcards and {names} names")]
    Glob { wildcards: usize, names: usize },
    #[error("grok: {0}")]
    Grok(String),
    #[error("there is no lookup table {0}")]
    NoTable(String),
    #[error("{table} has no column {column}")]
    NoColumn { table: String, column: String },
    #[error("join compares fields only")]
    JoinKey,
    #[error("a query within the query has no answer")]
    NoSubquery,
    #[error("a query in place of a value has more than one row")]
    SubqueryRows,
    #[error("diff may follow only commands that look at one row at a time, and pattern")]
    Diff,
    #[error("anomaly may follow only commands that look at one row at a time, and pattern")]
    Anomaly,
    #[error("fillmissing may follow only stats with bin")]
    NoBin,
    #[error("fillmissing adds more than {max} rows; use longer periods or a shorter time range")]
    FillMissing { max: usize },
    #[error("the two queries of {0} have {1} and {2} columns")]
    Combination(&'static str, usize, usize),
    #[error("the columns of a union must be chosen")]
    CombinationOfAll,
    #[error("{function:?} runs over at most {max} rows")]
    WindowRows { function: ast::Aggregate, max: usize },
    #[error("a window that moves has at most {max} rows")]
    WindowFrame { max: i64 },
    #[error("nobody waits for the answer")]
    Unwanted,
    #[error("{0} has no column of blocks of addresses")]
    NoBlocks(String),
}

impl Classify for PlanError {
    fn kind(&self) -> ErrorKind {
        match self {
            PlanError::NoTable(_) => ErrorKind::NotFound,
            PlanError::NoSubquery => ErrorKind::Bug,
            _ => ErrorKind::Invalid,
        }
    }
}

/// A query ready to run; a clone is the same plan.
#[derive(Debug, Clone)]
pub struct Plan(pub(super) Arc<Inner>);

/// What workers share.
#[derive(Debug)]
pub(super) struct Inner {
    pub sources: Vec<Source>,
    pub fields: Vec<FieldPath>,
    pub columns: usize,
    /// Steps of one row at a time.
    pub prefix: Vec<Step>,
    /// Those of them that are left when messages contain these texts.
    pub prefix_of_containing: Vec<Step>,
    contained: Vec<String>,
    pub order: Order,
    pub reduction: Reduction,
    /// The steps after the prefix.
    pub rest: Vec<Step>,
    /// Slots that rows keep when they leave their event.
    pub kept: Vec<usize>,
    /// Name and slot.
    pub shown: Vec<(String, usize)>,
    pub is_aggregated: bool,
    pub range: TimeRange,
    pub limit: usize,
    pub memory_max: usize,
    /// Bytes that all workers take.
    pub memory: AtomicUsize,
    pub wanted_rows: Option<usize>,
    required: Vec<Vec<String>>,
    unmasks: bool,
    estimates: bool,
}

/// What workers keep of their rows.
#[derive(Debug)]
pub(super) enum Reduction {
    Groups(Arc<Stats>),
    /// So many rows.
    First(usize),
    Distincts(Dedup),
    Patterns(Mining),
    Relevance(Relevance),
}

impl Plan {
    /// Prepares a query.
    pub fn new(query: &Query, context: Context) -> Result<Self, PlanError> {
        let Context { now, range, limit, lookups, memory_max, subqueries: answers } = context;
        let setting = Setting {
            now: now.secs() as f64,
            range,
            subqueries: subqueries::of(query).into_iter().zip(answers).collect(),
        };
        let mut builder = Builder::new(setting, &lookups);
        builder.query(query)?;
        let shown = builder.shown();
        let Builder { names, steps, estimates, .. } = builder;
        let required = push_down::required_texts(&steps, &names);
        let Arranged { mut prefix, keys, is_reversed, rest } = arrange(steps);
        let is_time =
            |code: &Code| matches!(code, Code::Slot(slot) if names.sources.get(*slot) == Some(&Source::Timestamp));
        let order = Order { is_reversed, ..Order::new(keys, is_time) };
        push_down::part_filters(&mut prefix);
        push_down::advance_filters(&mut prefix);
        let (contained, prefix_of_containing) = push_down::contained_texts(&prefix, &names);
        let reduction = reduction(&rest, limit);
        let is_aggregated = !names.is_open();
        let kept = kept(&rest, &shown, is_aggregated);
        // What other queries have left for a join is known only when all events were seen.
        let sees_all = prefix.iter().any(Step::keeps_partnerless);
        let wanted_rows = match &reduction {
            Reduction::First(count) if order.is_by_time() && *count < usize::MAX && !sees_all => Some(*count),
            _ => None,
        };
        let mut inner = Inner {
            sources: names.sources,
            fields: names.fields,
            columns: names.columns,
            prefix,
            prefix_of_containing,
            contained,
            order,
            reduction,
            rest,
            kept,
            shown,
            is_aggregated,
            range,
            limit,
            memory_max,
            memory: AtomicUsize::new(0),
            wanted_rows,
            required,
            unmasks: query.is_unmasking(),
            estimates,
        };
        inner.drop_unread();
        Ok(Self(Arc::new(inner)))
    }

    /// The queries within a query, to be run first; their answers go into `Context::subqueries`. Those of `join` are asked for the
    /// fields that the query names with their prefix.
    pub fn subqueries(query: &Query) -> Vec<Query> {
        subqueries::to_run(query)
    }

    /// Discovered fields that it reads of each event.
    pub fn fields(&self) -> &[FieldPath] {
        &self.0.fields
    }

    /// Texts that the message of every event in the answer contains. A scan that sees to it that messages contain them may feed its events to
    /// workers made by `Worker::of_containing`.
    pub fn contained_texts(&self) -> &[String] {
        &self.0.contained
    }

    /// True when such a worker reads messages even where all fields are known.
    pub fn needs_message_of_containing(&self) -> bool {
        let reads = self.0.reads(&self.0.prefix_of_containing);
        reads.iter().any(|slot| self.0.sources.get(*slot) == Some(&Source::Message))
    }

    /// Clauses: of each, at least one text occurs in the message of every event that can be in the answer.
    pub fn required_texts(&self) -> Vec<Vec<String>> {
        self.0.required.clone()
    }

    /// False when the oldest events come first in the answer, so that reading those first ends soonest.
    pub fn is_newest_first(&self) -> bool {
        self.0.order.is_ascending == self.0.order.is_reversed
    }

    /// When the answer is the first rows that pass in the order of time, so many: a scan that reads events in this order, see
    /// `is_newest_first`, may stop when so many have passed and the last one's instant is over.
    pub fn wanted_rows(&self) -> Option<usize> {
        self.0.wanted_rows
    }

    /// True when it asks for what data protection masks, by the command or the function `unmask`.
    pub fn is_unmasking(&self) -> bool {
        self.0.unmasks
    }

    /// True when it asks how much would be scanned, by `estimate`, and not for rows.
    pub fn is_estimating(&self) -> bool {
        self.0.estimates
    }

    /// True when rows of the answer stand for several events.
    pub fn is_aggregated(&self) -> bool {
        self.0.is_aggregated
    }

    /// A worker, to be fed with any of the events.
    pub fn worker(&self) -> Worker {
        Worker::new(Arc::clone(&self.0), false)
    }

    /// The second time range that `diff` reads. Its events go to workers of `worker_compared`.
    pub fn compared_range(&self) -> Option<TimeRange> {
        match &self.0.reduction {
            Reduction::Patterns(mining) => mining.compared_range(self.0.range),
            _ => None,
        }
    }

    /// A worker for events of the compared range, to be finished together with the others.
    pub fn worker_compared(&self) -> Worker {
        Worker::new(Arc::clone(&self.0), true)
    }

    /// The answer, every event having been fed to one of the workers.
    pub fn finish(&self, workers: Vec<Worker>) -> Result<Answer, PlanError> {
        self.finish_while(workers, &|| true)
    }

    /// The same, as long as somebody waits for it; else the error is `Unwanted`. `is_wanted` is asked often.
    pub fn finish_while(&self, workers: Vec<Worker>, is_wanted: &dyn Fn() -> bool) -> Result<Answer, PlanError> {
        self.0.finish(workers, is_wanted)
    }

    /// Bytes that all workers hold, about.
    pub fn memory(&self) -> usize {
        self.0.memory.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl Inner {
    /// The slots that are read of events with these steps in front.
    fn reads(&self, prefix: &[Step]) -> Vec<usize> {
        let mut slots = self.kept.clone();
        prefix.iter().for_each(|step| step.reads(&mut slots));
        self.order.keys.iter().for_each(|key| key.value.slots(&mut slots));
        if !matches!(self.reduction, Reduction::First(_))
            && let Some(first) = self.rest.first()
        {
            first.reads(&mut slots);
        }
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// Forgets fields that are named but not read.
    fn drop_unread(&mut self) {
        let reads = self.reads(&self.prefix);
        let mut fields = Vec::new();
        for (slot, source) in self.sources.iter_mut().enumerate() {
            if let Source::Field(at) = source {
                if reads.binary_search(&slot).is_ok() {
                    fields.push(self.fields[*at].clone());
                    *at = fields.len() - 1;
                } else {
                    *source = Source::Nothing;
                }
            }
        }
        self.fields = fields;
    }
}

/// Steps by when they run.
struct Arranged {
    /// One row at a time.
    prefix: Vec<Step>,
    /// The order of the rows.
    keys: Vec<SortCode>,
    /// That order the other way round.
    is_reversed: bool,
    /// When all rows are there.
    rest: Vec<Step>,
}

/// Parts steps. A row-wise step after a `sort` runs before it: that makes no difference.
fn arrange(steps: Vec<Step>) -> Arranged {
    let mut arranged = Arranged { prefix: Vec::new(), keys: Vec::new(), is_reversed: false, rest: Vec::new() };
    let mut steps = steps.into_iter();
    for step in steps.by_ref() {
        match step {
            // A later sort leaves equal rows in the order of the earlier one.
            Step::Sort(mut keys) if !arranged.is_reversed => {
                keys.append(&mut arranged.keys);
                arranged.keys = keys;
            }
            Step::Reverse => arranged.is_reversed = !arranged.is_reversed,
            step if step.is_row_wise() => arranged.prefix.push(step),
            step => {
                arranged.rest.push(step);
                break;
            }
        }
    }
    arranged.rest.extend(steps);
    arranged
}

fn reduction(rest: &[Step], limit: usize) -> Reduction {
    match rest {
        [] => Reduction::First(limit),
        [Step::Stats(stats), ..] => Reduction::Groups(Arc::clone(stats)),
        [Step::Limit(count), ..] => Reduction::First(*count),
        [Step::Skip(skipped), Step::Limit(count), ..] => Reduction::First(skipped.saturating_add(*count)),
        [Step::Skip(skipped)] => Reduction::First(skipped.saturating_add(limit)),
        [Step::Dedup(dedup), ..] => Reduction::Distincts(dedup.clone()),
        [Step::Mine(mining), ..] => Reduction::Patterns(mining.clone()),
        [Step::Relevance(relevance), ..] => Reduction::Relevance(relevance.clone()),
        _ => Reduction::First(usize::MAX),
    }
}

/// The slots of events that steps read which run after the rows have left them.
fn kept(rest: &[Step], shown: &[(String, usize)], is_aggregated: bool) -> Vec<usize> {
    let mut slots = Vec::new();
    let reduces = |step: &Step| matches!(step, Step::Stats(_) | Step::Mine(_) | Step::Relevance(_));
    let closes = |step: &Step| reduces(step) || matches!(step, Step::Combine(_));
    if !rest.first().is_some_and(reduces) {
        let end = rest.iter().position(closes).map_or(rest.len(), |at| at + 1);
        rest[..end].iter().for_each(|step| step.reads(&mut slots));
        if !is_aggregated {
            slots.extend(shown.iter().map(|(_, slot)| *slot));
        }
    }
    slots.sort_unstable();
    slots.dedup();
    slots
}

#[cfg(test)]
mod tests;
