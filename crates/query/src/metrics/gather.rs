//! Puts the points that a scan shows into periods.

use super::Cut;
use crate::statistics::Samples;
use model::Timestamp;
use model::time::{MINUTE, SECOND};
use std::collections::HashMap;
use std::sync::Arc;
use store::{Gather, Part, PointSlice, Tiers};

/// The periods of some groups of series.
#[derive(Clone)]
pub(super) struct Periods {
    cut: Cut,
    tiers: Tiers,
    /// The group of each series.
    groups: Arc<Vec<usize>>,
    found: Vec<Group>,
}

/// The periods of one group, in the order in which they were found.
#[derive(Clone, Default)]
struct Group {
    periods: Vec<(i64, Samples)>,
    /// Where each period is; `hint` answers most questions, for points come in order.
    places: HashMap<i64, usize>,
    hint: usize,
}

impl Group {
    fn period(&mut self, index: i64, raw: bool) -> &mut Samples {
        let is = |at: usize| self.periods.get(at).is_some_and(|period| period.0 == index);
        let place = if is(self.hint) {
            self.hint
        } else if is(self.hint + 1) {
            self.hint + 1
        } else {
            let end = self.periods.len();
            let place = *self.places.entry(index).or_insert(end);
            if place == end {
                self.periods.push((index, Samples::none(raw)));
            }
            place
        };
        self.hint = place;
        &mut self.periods[place].1
    }
}

impl Periods {
    /// None yet. `tiers` are those of now.
    pub(super) fn new(cut: Cut, tiers: Tiers, groups: Vec<usize>) -> Self {
        let count = groups.iter().max().map_or(0, |last| last + 1);
        Self { cut, tiers, groups: Arc::new(groups), found: vec![Group::default(); count] }
    }

    /// The periods of each group with their starts, ascending.
    pub(super) fn into_lists(self) -> Vec<Vec<(Timestamp, Samples)>> {
        let Cut { range, period_ms, .. } = self.cut;
        let list = |group: Group| {
            let mut periods = group.periods;
            periods.sort_unstable_by_key(|period| period.0);
            let start = |index: i64| range.start + index.saturating_mul(period_ms);
            periods.into_iter().map(|(index, samples)| (start(index), samples)).collect()
        };
        self.found.into_iter().map(list).collect()
    }

    /// The instant at which a point counts: the start of the interval of its resolution, or of the one that is kept at its
    /// age; `None` when the period is finer than that. Minutes count at second 0 of any period.
    fn point_time(&self, time: Timestamp, resolution_secs: u16) -> Option<Timestamp> {
        let resolution_secs = resolution_secs.max(self.tiers.resolution_secs(time));
        let step_ms = i64::from(resolution_secs) * SECOND;
        if step_ms < MINUTE && self.cut.period_ms < MINUTE {
            return Some(time);
        }
        (step_ms <= MINUTE || self.cut.period_ms >= step_ms).then(|| time.floor_to(step_ms.max(MINUTE)))
    }

    /// The period that a point counts in.
    fn index(&self, time: Timestamp, resolution_secs: u16) -> Option<i64> {
        let time = self.point_time(time, resolution_secs)?;
        let within = self.cut.range.contains(time);
        within.then(|| (time - self.cut.range.start).div_euclid(self.cut.period_ms.max(1)))
    }

    fn add_points(&mut self, group: usize, resolution_secs: u16, points: PointSlice<'_>) {
        let Some((times, values)) = points.plain() else {
            for (time, sample) in points.iter() {
                if let Some(index) = self.index(time, resolution_secs) {
                    self.found[group].period(index, self.cut.raw).add(sample);
                }
            }
            return;
        };
        let mut at = 0;
        while at < times.len() {
            let Some(index) = self.index(Timestamp(times[at]), resolution_secs) else {
                at += 1;
                continue;
            };
            // A later point before the end of this period belongs to it too: it counts at or before its own time, and not
            // before this one does, for what is newer is kept in a resolution as fine or finer.
            let end = self.cut.range.start + (index + 1).saturating_mul(self.cut.period_ms);
            let end = end.min(self.cut.range.end).0;
            let run = times[at + 1..].iter().take_while(|time| **time < end).count();
            self.found[group].period(index, self.cut.raw).add_values(&values[at..=at + run]);
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
                    self.found[group].period(index, self.cut.raw).add_totals(&totals);
                }
            }
        }
    }

    fn merge(&mut self, other: Self) {
        for (group, more) in self.found.iter_mut().zip(other.found) {
            for (index, samples) in more.periods {
                group.period(index, self.cut.raw).merge(samples);
            }
        }
    }
}
