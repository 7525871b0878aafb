//! `scan_series`: the points of some series within a time range, from memtables and segments.

use crate::Store;
use crate::error::Result;
use model::{Observation, SeriesKey, TimeRange, Timestamp};
use std::sync::Arc;

/// One datapoint without its series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesPoint {
    /// When it was observed.
    pub timestamp: Timestamp,
    /// Storage resolution in seconds: 1 or 60.
    pub resolution_secs: u8,
    /// What was observed.
    pub observation: Observation,
}

impl SeriesPoint {
    /// Number of (value, count) pairs it takes memory for.
    pub(crate) fn pairs(&self) -> usize {
        match &self.observation {
            Observation::Values(pairs) => pairs.len(),
            Observation::Set { .. } => 2,
        }
    }
}

impl Store {
    /// The points of each series within `range`, in the order of `series`; each sorted by timestamp, points of the same
    /// timestamp in the order of acceptance. The answer is as large as the data: ask for what fits.
    pub async fn scan_series(&self, series: &[Arc<SeriesKey>], range: TimeRange) -> Result<Vec<Vec<SeriesPoint>>> {
        let (snapshot, numbers) = {
            let index = self.series();
            (self.snapshot(), series.iter().map(|key| index.number(key)).collect::<Vec<_>>())
        };
        let mut answer = vec![Vec::new(); series.len()];
        for memtable in &snapshot.memtables {
            let metrics = memtable.metrics();
            for (points, number) in answer.iter_mut().zip(&numbers) {
                let lines = number.and_then(|number| metrics.get(&number));
                let lines = lines.map(|lines| lines.points.as_slice()).unwrap_or_default();
                points.extend(lines.iter().filter(|p| range.contains(p.timestamp)).cloned());
            }
        }
        for points in &mut answer {
            points.sort_by_key(|point: &SeriesPoint| point.timestamp);
        }
        Ok(answer)
    }
}
