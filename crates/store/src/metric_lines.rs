//! The metric part of a memtable: columns of points for each series and resolution, in the order of acceptance.

use crate::points::Points;
use crate::series::SeriesNumber;
use model::{Observation, Timestamp};

/// Memory of a series with one lane, and of a point, with slack.
const SERIES_BYTES: usize = 256;
const POINT_BYTES: usize = 24;

/// No line for this series.
const NONE: u32 = u32::MAX;

/// The points of all series.
#[derive(Debug, Default)]
pub(crate) struct MetricLines {
    /// Place of each series in `series`: numbers are small, and every datum is looked up.
    places: Vec<u32>,
    series: Vec<SeriesLines>,
}

/// The points of one series; nearly all series have one resolution.
#[derive(Debug)]
pub(crate) struct SeriesLines {
    pub number: SeriesNumber,
    pub lanes: Vec<Lane>,
}

/// The points of one resolution.
#[derive(Debug)]
pub(crate) struct Lane {
    pub resolution_secs: u16,
    pub points: Points,
    /// Whether the points ascend by time so far.
    pub sorted: bool,
}

impl MetricLines {
    /// Adds a point.
    pub(crate) fn add(
        &mut self,
        number: SeriesNumber,
        time: Timestamp,
        resolution_secs: u16,
        observation: Observation,
    ) {
        let at = number as usize;
        if at >= self.places.len() {
            self.places.resize(at + 1, NONE);
        }
        if self.places[at] == NONE {
            self.places[at] = self.series.len() as u32;
            self.series.push(SeriesLines { number, lanes: Vec::with_capacity(1) });
        }
        let lanes = &mut self.series[self.places[at] as usize].lanes;
        let place = lanes.iter().position(|lane| lane.resolution_secs == resolution_secs).unwrap_or_else(|| {
            lanes.push(Lane { resolution_secs, points: Points::default(), sorted: true });
            lanes.len() - 1
        });
        let lane = &mut lanes[place];
        lane.sorted &= lane.points.times.last().is_none_or(|last| *last <= time.0);
        lane.points.push_observation(time, observation);
    }

    /// The points of a series.
    pub(crate) fn get(&self, number: SeriesNumber) -> Option<&SeriesLines> {
        let place = self.places.get(number as usize).filter(|place| **place != NONE)?;
        self.series.get(*place as usize)
    }

    /// All series, in no order that means something.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &SeriesLines> {
        self.series.iter()
    }

    /// Memory that the points take, bytes, roughly.
    pub(crate) fn bytes(&self) -> usize {
        let lanes = self.series.iter().flat_map(|lines| &lines.lanes);
        let points: usize = lanes.map(|lane| lane.points.len()).sum();
        self.places.len() * size_of::<u32>() + self.series.len() * SERIES_BYTES + points * POINT_BYTES
    }

    /// True when there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// First and last time of all points; `None` when there are none.
    pub(crate) fn times(&self) -> Option<(Timestamp, Timestamp)> {
        let lanes = self.series.iter().flat_map(|lines| &lines.lanes);
        lanes.flat_map(|lane| &lane.points.times).fold(None, |times, &time| {
            let time = Timestamp(time);
            Some(times.map_or((time, time), |(min, max): (Timestamp, Timestamp)| (min.min(time), max.max(time))))
        })
    }

    /// True when there is a point before `time`.
    pub(crate) fn has_before(&self, time: Timestamp) -> bool {
        let lanes = || self.series.iter().flat_map(|lines| &lines.lanes);
        lanes().any(|lane| lane.points.times.iter().any(|point| *point < time.0))
    }
}

impl Lane {
    /// Runs `read` over the points, which ascend.
    pub(crate) fn ascending<T>(&self, read: impl FnOnce(&Points) -> T) -> T {
        if self.sorted {
            return read(&self.points);
        }
        let mut points = self.points.clone();
        points.sort();
        read(&points)
    }
}
