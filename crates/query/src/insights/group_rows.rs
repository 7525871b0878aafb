//! The rows of groups in order, as many of them as are wanted: of a million groups ten rows are made, not a million.
//!
//! Without a `sort` of its own `stats` shows times newest first and other values ascending, the first column before the second.

use super::event::Record;
use super::groups::Groups;
use super::sort_key::SortKey;
use super::step::{SortCode, Stats};
use super::value::Value;
use std::cmp::Ordering;

/// A row with what it is sorted by.
struct Ranked {
    keys: Vec<SortKey<'static>>,
    /// What it is grouped by.
    group: Vec<SortKey<'static>>,
    row: Record,
}

/// The first `keep` rows in the order of `sort`, and where that leaves it open in the order of groups.
pub(super) fn first_rows(stats: &Stats, groups: &Groups, sort: &[SortCode], keep: usize) -> Vec<Record> {
    let width = stats.grouping.by.len();
    let order = |a: &Ranked, b: &Ranked| {
        let keys = sort.iter().zip(a.keys.iter().zip(&b.keys));
        let by_sort =
            keys.map(|(code, (a, b))| a.directed(b, code.is_descending)).fold(Ordering::Equal, Ordering::then);
        by_sort.then_with(|| by_group(a, b, width))
    };
    let mut first: Vec<Ranked> = Vec::new();
    let mut is_cut = false;
    for values in groups.rows(&stats.grouping) {
        let ranked = ranked(stats, sort, values);
        // After a cut the last one has its place: what comes behind it is in vain.
        if is_cut && first.get(keep.saturating_sub(1)).is_none_or(|last| order(&ranked, last).is_gt()) {
            continue;
        }
        first.push(ranked);
        if first.len() >= keep.saturating_mul(2).max(1_024) {
            cut(&mut first, keep, order);
            is_cut = true;
        }
    }
    cut(&mut first, keep, order);
    first.sort_unstable_by(order);
    first.into_iter().map(|ranked| ranked.row).collect()
}

/// Drops what is not among the first, and puts the last of those at its place.
fn cut(rows: &mut Vec<Ranked>, keep: usize, order: impl Fn(&Ranked, &Ranked) -> Ordering) {
    if rows.len() > keep {
        if let Some(last) = keep.checked_sub(1) {
            rows.select_nth_unstable_by(last, order);
        }
        rows.truncate(keep);
    }
}

fn ranked(stats: &Stats, sort: &[SortCode], values: Vec<Value<'static>>) -> Ranked {
    let group = Record { values, ..Record::default() };
    let computed: Vec<Value<'static>> = stats.values.iter().map(|code| code.value(&group)).collect();
    let mut values = group.values;
    values.truncate(stats.grouping.by.len());
    let group = values.iter().cloned().map(SortKey::new).collect();
    values.extend(computed);
    let row = Record { values, ..Record::default() };
    Ranked { keys: sort.iter().map(|code| SortKey::of(&code.value, &row)).collect(), group, row }
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
