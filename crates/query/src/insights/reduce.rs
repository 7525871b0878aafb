//! What a worker keeps of its rows: those that may still be among the first in the order of the query.

use super::code::Code;
use super::event::{Record, Row};
use super::groups;
use super::sort_key::SortKey;
use super::step::{Dedup, SortCode};
use std::cmp::Ordering;
use std::collections::HashMap;

/// A row with what it is sorted by.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    keys: Vec<SortKey<'static>>,
    pub record: Record,
}

impl Kept {
    fn bytes(&self) -> usize {
        let keys: usize = self.keys.iter().map(|key| size_of::<SortKey<'_>>() + key.heap_bytes()).sum();
        keys + self.record.bytes()
    }
}

/// The order of rows: that of `sort`, then by time, then the last pointer first.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    pub keys: Vec<SortCode>,
    /// The oldest come first, not the newest.
    pub is_ascending: bool,
    /// All of it the other way round.
    pub is_reversed: bool,
}

impl Order {
    /// The order of these keys. One that is by time alone needs no keys.
    pub fn new(keys: Vec<SortCode>, is_time: impl Fn(&Code) -> bool) -> Self {
        match keys.as_slice() {
            [SortCode { value, is_descending, .. }] if is_time(value) => {
                Self { keys: Vec::new(), is_ascending: !is_descending, is_reversed: false }
            }
            _ => Self { keys, ..Self::default() },
        }
    }

    /// True when it is by time alone.
    pub fn is_by_time(&self) -> bool {
        self.keys.is_empty()
    }

    fn compare_times(&self, a: i64, b: i64) -> Ordering {
        if self.is_ascending { a.cmp(&b) } else { b.cmp(&a) }
    }

    fn directed(&self, order: Ordering) -> Ordering {
        if self.is_reversed { order.reverse() } else { order }
    }

    /// How a row stands to one that is kept, as far as keys and times tell.
    fn compare_with(&self, keys: &[SortKey<'_>], at: i64, kept: &Kept) -> Ordering {
        self.directed(self.compare_keys(keys, &kept.keys).then_with(|| self.compare_times(at, kept.record.at)))
    }

    fn keys<'e>(&self, row: &impl Row<'e>) -> Vec<SortKey<'e>> {
        self.keys.iter().map(|key| SortKey::of(key, row)).collect()
    }

    fn compare_keys(&self, a: &[SortKey<'_>], b: &[SortKey<'_>]) -> Ordering {
        let orders = self.keys.iter().zip(a.iter().zip(b)).map(|(key, (a, b))| a.directed(b, key.is_descending));
        orders.fold(Ordering::Equal, Ordering::then)
    }

    /// How two rows stand; equal only for the same row.
    pub fn compare(&self, a: &Kept, b: &Kept) -> Ordering {
        let (left, right) = (&a.record, &b.record);
        let order = self
            .compare_keys(&a.keys, &b.keys)
            .then_with(|| self.compare_times(left.at, right.at))
            .then_with(|| right.pointer.cmp(&left.pointer))
            .then_with(|| left.ordinal.cmp(&right.ordinal));
        self.directed(order)
    }
}

/// The first rows in an order.
#[derive(Debug, Clone)]
pub(super) struct First {
    keep: usize,
    rows: Vec<Kept>,
    /// The last of the rows that are kept, once there are enough of them.
    last: Option<Kept>,
}

impl First {
    /// Keeps so many rows.
    pub fn new(keep: usize) -> Self {
        Self { keep, rows: Vec::new(), last: None }
    }

    /// Adds a row; the result is by how many bytes this grew, or shrank.
    pub fn add<'e>(&mut self, order: &Order, slots: &[usize], row: &impl Row<'e>, ordinal: u32) -> isize {
        if self.keep == 0 {
            return 0;
        }
        let keys = order.keys(row);
        if let Some(last) = &self.last
            && order.compare_with(&keys, row.at(), last).is_gt()
        {
            return 0;
        }
        let record = Record::of(row, slots, ordinal);
        let kept = Kept { keys: keys.into_iter().map(SortKey::into_owned).collect(), record };
        let grown = kept.bytes() as isize;
        self.rows.push(kept);
        // The first time there are enough, so that rows that come in order are not kept in vain.
        let is_enough = self.rows.len() == self.keep && self.last.is_none();
        if !is_enough && self.rows.len() < self.keep.saturating_add(self.keep / 2).saturating_add(64) {
            return grown;
        }
        grown - self.cut(order)
    }

    /// Adds the rows of another worker.
    pub fn merge(&mut self, order: &Order, other: Self) {
        self.rows.extend(other.rows);
        if self.rows.len() > self.keep {
            self.cut(order);
        }
    }

    /// Drops the rows that are not among the first; the result is how many bytes that frees.
    fn cut(&mut self, order: &Order) -> isize {
        if self.rows.len() < self.keep {
            return 0;
        }
        let (_, last, _) = self.rows.select_nth_unstable_by(self.keep - 1, |a, b| order.compare(a, b));
        self.last = Some(last.clone());
        self.rows.drain(self.keep..).map(|kept| kept.bytes() as isize).sum()
    }

    /// The rows in order.
    pub fn into_records(mut self, order: &Order) -> Vec<Record> {
        self.rows.sort_unstable_by(|a, b| order.compare(a, b));
        self.rows.truncate(self.keep);
        self.rows.into_iter().map(|kept| kept.record).collect()
    }
}

/// The first rows of each combination of values, and all rows that lack one of the values.
#[derive(Debug, Clone, Default)]
pub(super) struct Distincts {
    by_key: HashMap<Vec<u8>, Vec<Kept>, foldhash::fast::FixedState>,
    others: Vec<Kept>,
    key: Vec<u8>,
}

impl Distincts {
    /// Adds a row; the result is by how many bytes this grew, or shrank.
    pub fn add<'e>(
        &mut self,
        dedup: &Dedup,
        order: &Order,
        slots: &[usize],
        row: &impl Row<'e>,
        ordinal: u32,
    ) -> isize {
        let mut key = std::mem::take(&mut self.key);
        let is_whole = key_of(&mut key, dedup, row);
        let keys = order.keys(row);
        let rows = if is_whole { self.by_key.get_mut(&key) } else { None };
        if let Some(last) = rows.as_ref().filter(|rows| rows.len() >= dedup.keep).and_then(|rows| rows.last())
            && order.compare_with(&keys, row.at(), last).is_gt()
        {
            self.key = key;
            return 0;
        }
        let record = Record::of(row, slots, ordinal);
        let kept = Kept { keys: keys.into_iter().map(SortKey::into_owned).collect(), record };
        let bytes = kept.bytes();
        let grown = match (rows, is_whole) {
            (Some(rows), _) => insert(rows, kept, dedup.keep, order),
            (None, true) => {
                self.by_key.insert(key.clone(), vec![kept]);
                (bytes + key.len() + 64) as isize
            }
            (None, false) => {
                self.others.push(kept);
                bytes as isize
            }
        };
        self.key = key;
        grown
    }

    /// Adds the rows of another worker.
    pub fn merge(&mut self, dedup: &Dedup, order: &Order, other: Self) {
        self.others.extend(other.others);
        for (key, rows) in other.by_key {
            let into = self.by_key.entry(key).or_default();
            for kept in rows {
                insert(into, kept, dedup.keep, order);
            }
        }
    }

    /// The rows in order.
    pub fn into_records(self, order: &Order) -> Vec<Record> {
        let mut rows: Vec<Kept> = self.by_key.into_values().flatten().chain(self.others).collect();
        rows.sort_unstable_by(|a, b| order.compare(a, b));
        rows.into_iter().map(|kept| kept.record).collect()
    }
}

/// Puts a row among the first of its kind, of which the last one goes when there are too many.
fn insert(rows: &mut Vec<Kept>, kept: Kept, max: usize, order: &Order) -> isize {
    let at = rows.partition_point(|other| order.compare(other, &kept).is_lt());
    if at >= max {
        return 0;
    }
    let grown = kept.bytes() as isize;
    rows.insert(at, kept);
    let gone = if rows.len() > max { rows.pop() } else { None };
    grown - gone.map_or(0, |gone| gone.bytes() as isize)
}

/// Writes the key of a row; false when one of the values is missing.
pub(super) fn key_of<'e>(key: &mut Vec<u8>, dedup: &Dedup, row: &impl Row<'e>) -> bool {
    key.clear();
    dedup.by.iter().all(|code| {
        let value = code.value(row);
        groups::append(key, &value);
        !value.is_null()
    })
}
