//! Puts the points that a scan shows into periods.

use super::Cut;
use crate::statistics::Samples;
use model::Timestamp;
use model::time::{MINUTE, SECOND};
use std::sync::Arc;
use store::{Gather, Part, PointSlice, Tiers};

/// Fewer periods of a group than this are not put in order before the end.
const GROUP_PERIODS: usize = 1024;

/// The periods of some groups of series.
#[derive(Clone)]
pub(super) struct Periods {
    cut: Cut,
    tiers: Tiers,
    /// The group of each series.
    groups: Arc<Vec<usize>>,
    /// Periods of the range.
    expected: usize,
    found: Vec<Group>,
}

/// The periods of one group, as they were found: one that is gone back to is there again, until they are put in order.
#[derive(Clone, Default)]
struct Group {
    periods: Vec<(i64, Samples)>,
    /// The period of the last point; most points belong to it or to the next one, for they come in order.
    hint: usize,
    /// True when a period was found after a later one.
    mixed: bool,
    /// They are put in order when they are as many as this, so that there are never many more than different ones.
    full: usize,
}

impl Group {
    /// `expected` is how many periods there may be.
    fn period(&mut self, index: i64, raw: bool, expected: usize) -> &mut Samples {
        let is = |at: usize| self.periods.get(at).is_some_and(|period| period.0 == index);
        if is(self.hint + 1) {
            self.hint += 1;
        } else if !is(self.hint) {
            self.hint = self.place(index).unwrap_or_else(|| self.push(index, raw, expected));
        }
        &mut self.periods[self.hint].1
    }

    /// Where a period is that was found before: a group's next series goes back to those of the one before.
    fn place(&self, index: i64) -> Option<usize> {
        let is_new = self.mixed || self.periods.last().is_none_or(|last| last.0 < index);
        if is_new { None } else { self.periods.binary_search_by_key(&index, |period| period.0).ok() }
    }

    fn push(&mut self, index: i64, raw: bool, expected: usize) -> usize {
        self.make_room();
        if self.periods.is_empty() {
            self.periods.reserve(expected.min(GROUP_PERIODS));
        }
        self.mixed |= self.periods.last().is_some_and(|last| last.0 >= index);
        self.periods.push((index, Samples::none(raw)));
        self.periods.len() - 1
    }

    fn make_room(&mut self) {
        if self.periods.len() >= self.full.max(GROUP_PERIODS) {
            self.put_in_order();
            self.full = self.periods.len() * 2;
        }
    }

    /// Ascending, each once.
    fn put_in_order(&mut self) {
        if !std::mem::take(&mut self.mixed) {
            return;
        }
        self.periods.sort_by_key(|period| period.0);
        self.periods.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1.merge(std::mem::replace(&mut next.1, Samples::none(false)));
            }
            same
        });
        self.hint = 0;
    }

    fn merge(&mut self, other: Group) {
        if self.periods.is_empty() {
            *self = other;
        } else {
            self.make_room();
            self.mixed = true;
            self.periods.extend(other.periods);
        }
    }
}

impl Periods {
    /// None yet. `tiers` are those of now.
    pub(super) fn new(cut: Cut, tiers: Tiers, groups: Vec<usize>) -> Self {
        let count = groups.iter().max().map_or(0, |last| last + 1);
        let expected = usize::try_from(super::datapoint_count(cut.range, cut.period_ms)).unwrap_or(0);
        Self { cut, tiers, groups: Arc::new(groups), expected, found: vec![Group::default(); count] }
    }

    /// The periods of each group with their starts, ascending.
    pub(super) fn into_lists(self) -> Vec<Vec<(Timestamp, Samples)>> {
        let Cut { range, period_ms, .. } = self.cut;
        let list = |mut group: Group| {
            group.put_in_order();
            let start = |index: i64| range.start + index.saturating_mul(period_ms);
            group.periods.into_iter().map(|(index, samples)| (start(index), samples)).collect()
        };
        self.found.into_iter().map(list).collect()
    }

    /// The instant at which a point of this resolution counts: the start of its interval; `None` when the period is finer than
    /// that. Minutes count at second 0 of any period.
    fn point_time(&self, time: Timestamp, resolution_secs: u16) -> Option<Timestamp> {
        let step_ms = i64::from(resolution_secs) * SECOND;
        if step_ms < MINUTE && self.cut.period_ms < MINUTE {
            return Some(time);
        }
        (step_ms <= MINUTE || self.cut.period_ms >= step_ms).then(|| time.floor_to(step_ms.max(MINUTE)))
    }

    /// The period that a point counts in, by its resolution or the one that is kept at its age.
    fn index(&self, time: Timestamp, resolution_secs: u16) -> Option<i64> {
        self.index_as_kept(time, resolution_secs.max(self.tiers.resolution_secs(time)))
    }

    /// The same, of a point that is kept in this resolution.
    fn index_as_kept(&self, time: Timestamp, resolution_secs: u16) -> Option<i64> {
        let time = self.point_time(time, resolution_secs)?;
        let within = self.cut.range.contains(time);
        within.then(|| (time - self.cut.range.start).div_euclid(self.cut.period_ms.max(1)))
    }

    /// Whether a point of this resolution counts in the period that its own time is in: minutes do not reach over ends of periods.
    fn is_by_minutes(&self, resolution_secs: u16) -> bool {
        let Cut { range, period_ms, .. } = self.cut;
        i64::from(resolution_secs) * SECOND <= MINUTE && period_ms % MINUTE == 0 && range.start.0 % MINUTE == 0
    }

    fn add_points(&mut self, group: usize, resolution_secs: u16, points: PointSlice<'_>) {
        let Some((times, values)) = points.plain() else {
            for (time, sample) in points.iter() {
                if let Some(index) = self.index(time, resolution_secs) {
                    self.found[group].period(index, self.cut.raw, self.expected).add(sample);
                }
            }
            return;
        };
        // What is newer is kept in a resolution as fine or finer.
        let as_kept =
            times.first().is_none_or(|first| self.tiers.resolution_secs(Timestamp(*first)) <= resolution_secs);
        let Cut { range, period_ms, .. } = self.cut;
        let by_minutes = as_kept && self.is_by_minutes(resolution_secs);
        // The period before, and its end.
        let mut before: Option<(i64, i64)> = None;
        let mut at = 0;
        while at < times.len() {
            let time = Timestamp(times[at]);
            let index = match before {
                // As mostly: it needs no division.
                Some((index, end)) if time.0 < end.saturating_add(period_ms) && range.contains(time) => Some(index + 1),
                _ if as_kept => self.index_as_kept(time, resolution_secs),
                _ => self.index(time, resolution_secs),
            };
            let Some(index) = index else {
                at += 1;
                continue;
            };
            // A later point before the end of this period belongs to it too: it counts at or before its own time, and not
            // before this one does, for what is newer is kept in a resolution as fine or finer.
            let end = range.start + (index + 1).saturating_mul(period_ms);
            before = by_minutes.then_some((index, end.0));
            let end = end.min(range.end).0;
            let run = times[at + 1..].iter().take_while(|time| **time < end).count();
            self.found[group].period(index, self.cut.raw, self.expected).add_values(&values[at..=at + run]);
            at += run + 1;
        }
    }
}

impl Gather for Periods {
    fn totals_suffice(&self, resolution_secs: u16, first: Timestamp, last: Timestamp) -> bool {
        let first = self.index(first, resolution_secs);
        !self.cut.raw && first.is_some() && first == self.index(last, resolution_secs)
    }

    fn add(&mut self, place: usize, resolution_secs: u16, part: Part<'_>) {
        let Some(&group) = self.groups.get(place) else { return };
        match part {
            Part::Points(points) => self.add_points(group, resolution_secs, points),
            Part::Totals(first, _, totals) => {
                if let Some(index) = self.index(first, resolution_secs) {
                    self.found[group].period(index, self.cut.raw, self.expected).add_totals(&totals);
                }
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.found.iter_mut().zip(other.found).for_each(|(group, more)| group.merge(more));
    }
}
