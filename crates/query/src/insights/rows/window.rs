//! Columns that are computed of the rows around each row: running sums, earlier values, ranks, moving averages.
//!
//! The rows of each partition are looked at in the window's order; they keep their own. What is not in the standard of SQL: rows
//! with none of the partition's values are a partition too; `rank` without an order is 1 for all; an aggregate of a frame without
//! rows is that of no rows.

use super::super::aggregate::{Aggregation, State};
use super::super::ast::{Aggregate, Frame};
use super::super::code::Code;
use super::super::event::{Record, Row};
use super::super::groups;
use super::super::plan::PlanError;
use super::super::sort_key::SortKey;
use super::super::step::SortCode;
use super::super::value::Value;
use super::{Bounds, Meter, bytes_of, sort_keys};
use std::cmp::Ordering;
use std::collections::HashMap;

/// Widest frame that moves with its row at both ends: a limit of ours, for it is computed anew for each row.
pub(in crate::insights) const FRAME_ROWS_MAX: i64 = 1_000;
/// Most rows of a partition over which an aggregate runs whose result takes long to tell (percentiles, distinct values).
const COSTLY_ROWS_MAX: usize = 10_000;

/// The columns of a window.
#[derive(Debug)]
pub(in crate::insights) struct Window {
    pub columns: Vec<Column>,
    pub partition: Vec<Code>,
    pub order: Vec<SortCode>,
}

/// One column.
#[derive(Debug)]
pub(in crate::insights) struct Column {
    pub slot: usize,
    pub value: Computed,
    pub frame: Frame,
}

/// See `WindowValue`.
#[derive(Debug)]
pub(in crate::insights) enum Computed {
    RowNumber,
    Rank,
    DenseRank,
    PercentRank,
    CumeDist,
    Tiles(u64),
    Shifted(Code, i64, Option<Code>),
    First(Code),
    Last(Code),
    Nth(Code, u64),
    Aggregate(Aggregation),
    Weighted(Code),
}

impl Window {
    /// Everything that it evaluates.
    pub fn codes(&self) -> impl Iterator<Item = &Code> {
        let columns = self.columns.iter().flat_map(|column| column.value.codes());
        columns.chain(&self.partition).chain(self.order.iter().map(|key| &key.value))
    }

    /// Sets the columns of all rows.
    pub fn run(&self, rows: &mut [Record], bounds: Bounds<'_>) -> Result<(), PlanError> {
        let mut meter = bounds.meter("the window", bytes_of(rows));
        for part in self.partitions(rows, &mut meter)? {
            let peers = Peers::of(&part.keys, &self.order);
            for column in &self.columns {
                let values = column.values(rows, &part.places, &peers, &mut meter)?;
                for (place, value) in part.places.iter().zip(values) {
                    rows[*place].set(column.slot, value);
                }
            }
        }
        Ok(())
    }

    /// The rows of each partition in the window's order, with their keys.
    fn partitions(&self, rows: &[Record], meter: &mut Meter<'_>) -> Result<Vec<Partition>, PlanError> {
        let mut parts: Vec<Partition> = Vec::new();
        let mut places: HashMap<Vec<u8>, usize, foldhash::fast::FixedState> = HashMap::default();
        for (place, row) in rows.iter().enumerate() {
            let mut key = Vec::new();
            self.partition.iter().for_each(|code| groups::append(&mut key, &code.value(row)));
            meter.take(key.len())?;
            let part = *places.entry(key).or_insert_with(|| {
                parts.push(Partition::default());
                parts.len() - 1
            });
            parts[part].places.push(place);
        }
        for part in &mut parts {
            part.sort(rows, &self.order, meter)?;
        }
        Ok(parts)
    }
}

impl Computed {
    fn codes(&self) -> Vec<&Code> {
        match self {
            Self::Shifted(value, _, default) => std::iter::once(value).chain(default).collect(),
            Self::First(value) | Self::Last(value) | Self::Nth(value, _) | Self::Weighted(value) => vec![value],
            Self::Aggregate(aggregation) => aggregation.of.iter().collect(),
            _ => Vec::new(),
        }
    }
}

#[derive(Default)]
struct Partition {
    places: Vec<usize>,
    keys: Vec<Vec<SortKey<'static>>>,
}

impl Partition {
    fn sort(&mut self, rows: &[Record], order: &[SortCode], meter: &mut Meter<'_>) -> Result<(), PlanError> {
        if order.is_empty() {
            return Ok(());
        }
        let keyed = self.places.iter().map(|place| Ok((sort_keys(order, &rows[*place], meter)?, *place)));
        let mut keyed: Vec<(Vec<SortKey<'static>>, usize)> = keyed.collect::<Result<_, PlanError>>()?;
        keyed.sort_by(|(a, _), (b, _)| compare(order, a, b));
        (self.keys, self.places) = keyed.into_iter().unzip();
        Ok(())
    }
}

fn compare(order: &[SortCode], a: &[SortKey<'_>], b: &[SortKey<'_>]) -> Ordering {
    let orders = order.iter().zip(a.iter().zip(b)).map(|(key, (a, b))| a.directed(b, key.is_descending));
    orders.fold(Ordering::Equal, Ordering::then)
}

/// Which rows are equal by the order: the first and the last of its peers for each row.
struct Peers(Vec<(usize, usize)>);

impl Peers {
    fn of(keys: &[Vec<SortKey<'static>>], order: &[SortCode]) -> Self {
        let mut peers = Vec::with_capacity(keys.len());
        while peers.len() < keys.len() {
            let first = peers.len();
            let behind = keys[first..].iter().take_while(|key| compare(order, &keys[first], key).is_eq()).count();
            peers.extend(std::iter::repeat_n((first, first + behind - 1), behind));
        }
        Self(peers)
    }

    /// The first and the last peer of a row. Without an order all rows are peers.
    fn get(&self, at: usize, count: usize) -> (usize, usize) {
        self.0.get(at).copied().unwrap_or((0, count.saturating_sub(1)))
    }
}

impl Column {
    /// The value of each row of a partition.
    fn values(
        &self,
        rows: &[Record],
        places: &[usize],
        peers: &Peers,
        meter: &mut Meter<'_>,
    ) -> Result<Vec<Value<'static>>, PlanError> {
        let count = places.len();
        let row = |at: usize| &rows[places[at]];
        let number = |number: usize| Value::Number(number as f64);
        let mut of_each =
            |value: &mut dyn FnMut(usize) -> Value<'static>| (0..count).map(|at| meter.value(value(at))).collect();
        match &self.value {
            Computed::RowNumber => of_each(&mut |at| number(at + 1)),
            Computed::Rank => of_each(&mut |at| number(peers.get(at, count).0 + 1)),
            Computed::DenseRank => {
                let mut rank = 0;
                of_each(&mut |at| {
                    rank += usize::from(peers.get(at, count).0 == at);
                    number(rank)
                })
            }
            Computed::PercentRank => of_each(&mut |at| match count {
                1 => Value::Number(0.0),
                _ => Value::Number(peers.get(at, count).0 as f64 / (count - 1) as f64),
            }),
            Computed::CumeDist => of_each(&mut |at| Value::Number((peers.get(at, count).1 + 1) as f64 / count as f64)),
            Computed::Tiles(tiles) => {
                of_each(&mut |at| number(tile(at, count, usize::try_from(*tiles).unwrap_or(usize::MAX))))
            }
            Computed::Shifted(value, by, default) => of_each(&mut |at| {
                let from = i64::try_from(at).ok().and_then(|at| at.checked_sub(*by));
                let from = from.and_then(|from| usize::try_from(from).ok()).filter(|from| *from < count);
                match (from, default) {
                    (Some(from), _) => value.value(row(from)),
                    (None, Some(default)) => default.value(row(at)),
                    (None, None) => Value::Null,
                }
            }),
            Computed::First(value) => of_each(&mut |at| {
                let range = self.range(at, count, peers);
                range.map_or(Value::Null, |(first, _)| value.value(row(first)))
            }),
            Computed::Last(value) => of_each(&mut |at| {
                let range = self.range(at, count, peers);
                range.map_or(Value::Null, |(_, last)| value.value(row(last)))
            }),
            Computed::Nth(value, nth) => of_each(&mut |at| {
                let nth = usize::try_from(*nth).unwrap_or(usize::MAX).saturating_sub(1);
                let range = self.range(at, count, peers);
                let place = range.and_then(|(first, last)| first.checked_add(nth).filter(|place| *place <= last));
                place.map_or(Value::Null, |place| value.value(row(place)))
            }),
            Computed::Aggregate(aggregation) => self.aggregates(aggregation, rows, places, peers, meter),
            Computed::Weighted(value) => of_each(&mut |at| {
                let Some((first, last)) = self.range(at, count, peers) else { return Value::Null };
                weighted((first..=last).map(|at| value.value(row(at)).number()))
            }),
        }
    }

    /// The first and the last row of a frame; `None` when it has none, or not all that it must have.
    fn range(&self, at: usize, count: usize, peers: &Peers) -> Option<(usize, usize)> {
        let place = |offset: i64| i64::try_from(at).unwrap_or(i64::MAX).saturating_add(offset);
        let last_of_all = i64::try_from(count).unwrap_or(i64::MAX) - 1;
        let (mut first, mut last) = (self.frame.start.map_or(0, place), self.frame.end.map_or(last_of_all, place));
        if self.frame.has_peers {
            last = last.max(i64::try_from(peers.get(at, count).1).unwrap_or(i64::MAX));
        }
        if self.frame.is_whole && (first < 0 || last > last_of_all) {
            return None;
        }
        (first, last) = (first.max(0), last.min(last_of_all));
        (first <= last).then_some((first as usize, last as usize))
    }

    fn aggregates(
        &self,
        aggregation: &Aggregation,
        rows: &[Record],
        places: &[usize],
        peers: &Peers,
        meter: &mut Meter<'_>,
    ) -> Result<Vec<Value<'static>>, PlanError> {
        let count = places.len();
        if self.frame.start.is_none() && self.frame.end.is_none() {
            let mut state = aggregation.start();
            for place in places {
                meter.look()?;
                aggregation.add(&mut state, &rows[*place]);
            }
            let value = aggregation.value(&state);
            return (0..count).map(|_| meter.value(value.clone())).collect();
        }
        if count > COSTLY_ROWS_MAX && is_costly(aggregation.function) {
            return Err(PlanError::WindowRows { function: aggregation.function, max: COSTLY_ROWS_MAX });
        }
        let mut running = Running { aggregation, state: aggregation.start(), covered: None };
        // From the end back where the frame reaches to the last row, so that it only ever grows.
        let is_backward = self.frame.end.is_none();
        let mut values = vec![Value::Null; count];
        for step in 0..count {
            let at = if is_backward { count - 1 - step } else { step };
            let range = self.range(at, count, peers);
            values[at] = meter.value(match range {
                None if self.frame.is_whole => Value::Null,
                range => running.over(range, rows, places),
            })?;
        }
        Ok(values)
    }
}

/// An aggregate of rows that follow each other. Rows are added at either end; others make it begin anew.
struct Running<'a> {
    aggregation: &'a Aggregation,
    state: State,
    covered: Option<(usize, usize)>,
}

impl Running<'_> {
    fn over(&mut self, range: Option<(usize, usize)>, rows: &[Record], places: &[usize]) -> Value<'static> {
        let grows = matches!((self.covered, range), (Some((a, b)), Some((first, last))) if first <= a && last >= b);
        if !grows {
            (self.state, self.covered) = (self.aggregation.start(), None);
        }
        let Some((first, last)) = range else { return self.aggregation.value(&self.state) };
        let known = self.covered.unwrap_or((first, first));
        let before = first..known.0;
        let behind = self.covered.map_or(first, |(_, end)| end + 1)..last + 1;
        for at in before.chain(behind) {
            self.aggregation.add(&mut self.state, &rows[places[at]]);
        }
        self.covered = Some((first, last));
        self.aggregation.value(&self.state)
    }
}

fn is_costly(function: Aggregate) -> bool {
    matches!(function, Aggregate::Percentile | Aggregate::CountDistinct | Aggregate::Values)
}

/// The number, from 1, of the part that a row lies in. The first parts have one row more where they cannot all be of one size.
fn tile(at: usize, count: usize, tiles: usize) -> usize {
    let (size, larger) = (count / tiles.max(1), count % tiles.max(1));
    let of_larger = larger * (size + 1);
    if at < of_larger { at / (size + 1) + 1 } else { larger + (at - of_larger) / size.max(1) + 1 }
}

/// The first counts once, the second twice, and so on; without a number among them there is none.
fn weighted(numbers: impl Iterator<Item = Option<f64>>) -> Value<'static> {
    let (mut sum, mut weights) = (0.0, 0.0);
    for (at, number) in numbers.enumerate() {
        let Some(number) = number else { return Value::Null };
        sum += number * (at + 1) as f64;
        weights += (at + 1) as f64;
    }
    Value::number_of(sum / weights)
}
