//! The rows of groups in order, as many of them as are wanted: of a million groups ten rows are made, not a million.
//!
//! Without a `sort` of its own `stats` shows times newest first and other values ascending, the first column before the second.

use super::event::Record;
use super::groups::Part;
use super::plan::PlanError;
use super::rows::Bounds;
use super::sort_key::SortKey;
use super::step::{SortCode, Stats, Step, drive};
use super::value::Value;
use std::cmp::Ordering;

/// What becomes of the rows of groups.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'p> {
    /// Steps that make one row or none of each.
    pub steps: &'p [Step],
    /// What the others are sorted by.
    pub sort: &'p [SortCode],
    /// So many of them.
    pub keep: usize,
    /// The steps that are left then.
    pub rest: &'p [Step],
}

impl<'p> Wanted<'p> {
    /// Of the steps behind `stats`, for an answer of so many rows.
    pub fn of(steps: &'p [Step], limit: usize) -> Self {
        let is_short = |step: &&Step| matches!(step, Step::Filter(_) | Step::Compute(_) | Step::Extract(_));
        let (steps, rest) = steps.split_at(steps.iter().take_while(is_short).count());
        let (sort, rest) = match rest {
            [Step::Sort(keys), rest @ ..] => (keys.as_slice(), rest),
            rest => (&[][..], rest),
        };
        let (keep, rest) = match rest {
            [] => (limit, rest),
            [Step::Limit(count), rest @ ..] => (*count, rest),
            _ => (usize::MAX, rest),
        };
        Self { steps, sort, keep, rest }
    }
}

/// A row with what it is sorted by.
struct Ranked {
    keys: Vec<SortKey<'static>>,
    /// What it is grouped by.
    group: Vec<SortKey<'static>>,
    row: Record,
}

impl Ranked {
    fn bytes(&self) -> usize {
        let keys = self.keys.iter().chain(&self.group);
        keys.map(|key| size_of::<SortKey<'_>>() + key.heap_bytes()).sum::<usize>() + self.row.bytes()
    }
}

/// The first rows in the order that is wanted, and where that leaves it open in the order of groups.
///
/// # Errors
///
/// When all rows are wanted and take too much memory, or the answer is wanted no more.
pub(super) fn first_rows(
    stats: &Stats,
    parts: impl Iterator<Item = Part>,
    wanted: Wanted<'_>,
    bounds: Bounds<'_>,
) -> Result<Vec<Record>, PlanError> {
    let Wanted { steps, sort, keep, .. } = wanted;
    let width = stats.grouping.by.len();
    let by_sort = |a: &[SortKey<'_>], b: &[SortKey<'_>]| {
        let keys = sort.iter().zip(a.iter().zip(b));
        keys.map(|(code, (a, b))| a.directed(b, code.is_descending)).fold(Ordering::Equal, Ordering::then)
    };
    let order = |a: &Ranked, b: &Ranked| by_sort(&a.keys, &b.keys).then_with(|| by_group(a, b, width));
    let mut first: Vec<Ranked> = Vec::new();
    let mut is_cut = false;
    let mut meter = bounds.meter("stats", 0);
    for mut part in parts {
        for values in part.rows(&stats.grouping) {
            drive(steps, &mut row(stats, values), &mut 0, &mut |row, _| {
                let keys: Vec<SortKey<'static>> = sort.iter().map(|code| SortKey::of(code, row)).collect();
                // After a cut the last one has its place: what comes behind it is in vain.
                let last = if is_cut { first.get(keep.saturating_sub(1)) } else { None };
                if is_cut && last.is_none_or(|last| by_sort(&keys, &last.keys).is_gt()) {
                    return meter.look();
                }
                let group = row.values.iter().take(width).cloned().map(SortKey::new).collect();
                let ranked = Ranked { keys, group, row: row.clone() };
                if last.is_some_and(|last| order(&ranked, last).is_gt()) {
                    return meter.look();
                }
                meter.take(ranked.bytes())?;
                first.push(ranked);
                if first.len() >= keep.saturating_mul(2).max(1_024) {
                    meter.give_back(cut(&mut first, keep, order));
                    is_cut = true;
                }
                Ok(())
            })?;
        }
    }
    cut(&mut first, keep, order);
    first.sort_unstable_by(order);
    Ok(first.into_iter().map(|ranked| ranked.row).collect())
}

/// Drops what is not among the first, and puts the last of those at its place; how many bytes that frees.
fn cut(rows: &mut Vec<Ranked>, keep: usize, order: impl Fn(&Ranked, &Ranked) -> Ordering) -> usize {
    if rows.len() <= keep {
        return 0;
    }
    if let Some(last) = keep.checked_sub(1) {
        rows.select_nth_unstable_by(last, order);
    }
    rows.drain(keep..).map(|ranked| ranked.bytes()).sum()
}

/// The row of a group, of its values and its aggregates.
fn row(stats: &Stats, values: Vec<Value<'static>>) -> Record {
    let group = Record { values, ..Record::default() };
    let computed: Vec<Value<'static>> = stats.values.iter().map(|code| code.value(&group)).collect();
    let mut values = group.values;
    values.truncate(stats.grouping.by.len());
    values.extend(computed);
    Record { values, ..Record::default() }
}

/// The order of groups. Two of them are never equal: numbers that are, differ in their texts.
fn by_group(a: &Ranked, b: &Ranked, width: usize) -> Ordering {
    let (left, right) = (a.row.values.iter().take(width), b.row.values.iter().take(width));
    let orders = a.group.iter().zip(&b.group).zip(left.zip(right)).map(|((x, y), (a, b))| {
        let is_time = matches!((a, b), (Value::Time(_), Value::Time(_)));
        x.directed(y, is_time).then_with(|| a.text().cmp(&b.text()))
    });
    orders.fold(Ordering::Equal, Ordering::then)
}
