//! `Points`: the points of one series at one resolution, column by column.
//!
//! Nearly all points are one sample of one value, so a point is a time and a value, and only what is more than that stands
//! beside them.

use crate::sketch::Sketch;
use model::{Observation, TimeRange, Timestamp};

/// How many samples there were, their sum, the smallest and the largest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Totals {
    /// Number of samples.
    pub count: f64,
    /// Sum of the samples.
    pub sum: f64,
    /// Smallest sample.
    pub min: f64,
    /// Largest sample.
    pub max: f64,
}

impl Totals {
    /// Of no sample.
    pub const NONE: Totals = Totals { count: 0.0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY };

    /// Adds `count` samples of one value.
    #[inline]
    pub fn add(&mut self, value: f64, count: f64) {
        self.count += count;
        self.sum += value * count;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// True when, as a statistic set, they leave open what the samples were. The sum is compared with a tolerance because
    /// clients add up floats.
    pub fn hides_samples(&self) -> bool {
        let is_uniform =
            self.min == self.max && (self.sum - self.min * self.count).abs() <= 1e-9 * self.sum.abs().max(1.0);
        !is_uniform
    }

    /// Adds the samples of another one.
    pub fn merge(&mut self, other: &Totals) {
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

/// What a point says that is more than one sample of one value.
#[derive(Debug, Clone, PartialEq)]
pub enum Samples {
    /// Values and how often each occurred; never empty.
    Pairs(Vec<(f64, f64)>),
    /// A statistic set, or a roll-up of what has no visible samples: the samples are unknown.
    Set(Totals),
    /// A roll-up of non-negative samples.
    Summary(Totals, Sketch),
}

impl Samples {
    /// Count, sum, minimum and maximum.
    pub fn totals(&self) -> Totals {
        match self {
            Samples::Pairs(pairs) => {
                let mut totals = Totals::NONE;
                pairs.iter().for_each(|&(value, count)| totals.add(value, count));
                totals
            }
            Samples::Set(totals) | Samples::Summary(totals, _) => *totals,
        }
    }

    /// How many numbers it keeps besides a time.
    pub(crate) fn items(&self) -> usize {
        match self {
            Samples::Pairs(pairs) => pairs.len(),
            Samples::Set(_) => 2,
            Samples::Summary(_, sketch) => 2 + sketch.0.len(),
        }
    }
}

/// What one point says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sample<'a> {
    /// One sample of this value.
    Value(f64),
    /// More than that.
    Many(&'a Samples),
}

impl Sample<'_> {
    /// As the record says it; a roll-up becomes a set.
    pub fn observation(&self) -> Observation {
        match *self {
            Sample::Value(value) => Observation::value(value),
            Sample::Many(Samples::Pairs(pairs)) => Observation::Values(pairs.as_slice().into()),
            Sample::Many(Samples::Set(totals) | Samples::Summary(totals, _)) => {
                let &Totals { count, sum, min, max } = totals;
                Observation::Set { count, sum, min, max }
            }
        }
    }
}

/// Points of one series and resolution.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Points {
    /// Milliseconds since the epoch.
    pub times: Vec<i64>,
    /// As many as times; what it is where `others` has the point does not matter.
    pub values: Vec<f64>,
    /// (place, what the point says instead), ascending by place.
    pub others: Vec<(u32, Samples)>,
}

impl Points {
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
        self.others.clear();
    }

    pub(crate) fn push_value(&mut self, time: Timestamp, value: f64) {
        self.times.push(time.0);
        self.values.push(value);
    }

    pub(crate) fn push_samples(&mut self, time: Timestamp, samples: Samples) {
        self.others.push((self.times.len() as u32, samples));
        self.push_value(time, 0.0);
    }

    pub(crate) fn push_observation(&mut self, time: Timestamp, observation: Observation) {
        match observation {
            Observation::Values(pairs) => match *pairs.as_slice() {
                [(value, 1.0)] => self.push_value(time, value),
                _ => self.push_samples(time, Samples::Pairs(pairs.into_vec())),
            },
            Observation::Set { count, sum, min, max } => {
                self.push_samples(time, Samples::Set(Totals { count, sum, min, max }));
            }
        }
    }

    /// Appends the points of a slice.
    pub(crate) fn extend(&mut self, points: PointSlice<'_>) {
        let moved = self.len() as u32;
        self.times.extend_from_slice(points.times);
        self.values.extend_from_slice(points.values);
        let others = points.others.iter().map(|(place, samples)| (place - points.first + moved, samples.clone()));
        self.others.extend(others);
    }

    /// True when times ascend.
    pub(crate) fn is_sorted(&self) -> bool {
        self.times.is_sorted()
    }

    /// Sorts by time; equal times keep their order.
    pub(crate) fn sort(&mut self) {
        if self.is_sorted() {
            return;
        }
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_by_key(|place| self.times[*place as usize]);
        let mut others = std::mem::take(&mut self.others).into_iter().collect::<std::collections::HashMap<_, _>>();
        self.times = order.iter().map(|place| self.times[*place as usize]).collect();
        self.values = order.iter().map(|place| self.values[*place as usize]).collect();
        if !others.is_empty() {
            let moved = order.iter().enumerate();
            self.others = moved.filter_map(|(to, from)| Some((to as u32, others.remove(from)?))).collect();
        }
    }

    /// All points.
    pub(crate) fn all(&self) -> PointSlice<'_> {
        PointSlice { times: &self.times, values: &self.values, others: &self.others, first: 0 }
    }
}

/// A run of points. Those of a scan ascend by time.
#[derive(Debug, Clone, Copy)]
pub struct PointSlice<'a> {
    times: &'a [i64],
    values: &'a [f64],
    others: &'a [(u32, Samples)],
    /// What the first point is called in `others`.
    first: u32,
}

impl<'a> PointSlice<'a> {
    /// How many points there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Times in milliseconds and values, when every point is one sample of one value.
    pub fn plain(&self) -> Option<(&'a [i64], &'a [f64])> {
        self.others.is_empty().then_some((self.times, self.values))
    }

    /// Time of each point, milliseconds.
    pub(crate) fn times(&self) -> &'a [i64] {
        self.times
    }

    /// Each point with its time.
    pub fn iter(&self) -> impl Iterator<Item = (Timestamp, Sample<'a>)> + use<'a> {
        let mut others = self.others.iter().peekable();
        let points = self.times.iter().zip(self.values).zip(self.first..);
        points.map(move |((time, value), place)| match others.next_if(|other| other.0 == place) {
            Some((_, samples)) => (Timestamp(*time), Sample::Many(samples)),
            None => (Timestamp(*time), Sample::Value(*value)),
        })
    }

    /// A part, by places.
    pub(crate) fn part(&self, start: usize, end: usize) -> PointSlice<'a> {
        let first = self.first + start as u32;
        let place = |at: u32| self.others.partition_point(|other| other.0 < at);
        PointSlice {
            times: &self.times[start..end],
            values: &self.values[start..end],
            others: &self.others[place(first)..place(self.first + end as u32)],
            first,
        }
    }

    /// The points within a range, of points that ascend.
    pub(crate) fn within(&self, range: TimeRange) -> PointSlice<'a> {
        let start = self.times.partition_point(|time| *time < range.start.0);
        let end = self.times.partition_point(|time| *time < range.end.0);
        self.part(start, end.max(start))
    }

    /// The points from a time on, of points that ascend.
    pub(crate) fn since(&self, time: Timestamp) -> PointSlice<'a> {
        self.part(self.times.partition_point(|point| *point < time.0), self.len())
    }

    /// Count, sum, minimum and maximum of all samples.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::NONE;
        for (_, sample) in self.iter() {
            match sample {
                Sample::Value(value) => totals.add(value, 1.0),
                Sample::Many(samples) => totals.merge(&samples.totals()),
            }
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_keeps_what_points_say() {
        let mut points = Points::default();
        points.push_value(Timestamp(30), 1.0);
        points.push_observation(Timestamp(10), Observation::Values(vec![(2.0, 5.0)].into()));
        points.push_value(Timestamp(20), 3.0);
        points.push_observation(Timestamp(10), Observation::Set { count: 1.0, sum: 4.0, min: 4.0, max: 4.0 });
        points.sort();
        let said: Vec<_> = points.all().iter().map(|(time, sample)| (time.0, sample.observation().stats().1)).collect();
        assert_eq!(said, [(10, 10.0), (10, 4.0), (20, 3.0), (30, 1.0)]);
        let late = points.all().within(TimeRange::new(Timestamp(10), Timestamp(30))).part(1, 3);
        assert_eq!(late.totals(), Totals { count: 2.0, sum: 7.0, min: 3.0, max: 4.0 });
        let mut copy = Points::default();
        copy.push_value(Timestamp(1), 9.0);
        copy.extend(late);
        assert_eq!(copy.others.first().map(|other| other.0), Some(1));
        assert_eq!(copy.all().totals().sum, 16.0);
    }
}
