//! Recent metrics: the points of flushed memtables stay in memory for a while, so that alarms and graphs of the last minutes read no
//! segment.
//!
//! The points are in segments too; a scan takes them from here or from there. What makes that exact: from `from` on, every point
//! is here or in a memtable. When the oldest go, `from` moves behind the last of them.

use crate::memtable::{Memtable, SharedMetrics};
use crate::segment::{Kind, Segment};
use crate::series::SeriesNumber;
use crate::tiers::Tiers;
use model::time::HOUR;
use model::{TimeRange, Timestamp};
use std::sync::Arc;

/// Older ranges are read from segments, milliseconds: they may have been rolled up there.
const RECENT_MS: i64 = HOUR;

/// Points of flushed memtables, the oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Recent {
    from: Timestamp,
    flushed: Vec<Flushed>,
}

#[derive(Debug, Clone)]
struct Flushed {
    metrics: SharedMetrics,
    max_time: Timestamp,
    bytes: usize,
}

impl Recent {
    /// Nothing yet: what the segments have is not here.
    pub(crate) fn new(segments: &[Arc<Segment>]) -> Self {
        let metrics = segments.iter().filter(|segment| segment.entry.kind == Kind::Metrics);
        let from = metrics.map(|segment| segment.max_time() + 1).max().unwrap_or(Timestamp::MIN);
        Self { from, flushed: Vec::new() }
    }

    /// With the points of a memtable that was flushed, at most `bytes_max` in all.
    pub(crate) fn with(&self, memtable: &Memtable, bytes_max: usize) -> Self {
        let metrics = memtable.shared_metrics();
        let (times, bytes) = {
            let points = memtable.metrics();
            (points.times(), points.bytes())
        };
        let mut next = self.clone();
        let Some((_, max_time)) = times else { return next };
        next.flushed.push(Flushed { metrics, max_time, bytes });
        let mut all: usize = next.flushed.iter().map(|flushed| flushed.bytes).sum();
        while all > bytes_max {
            let oldest = next.flushed.remove(0);
            all -= oldest.bytes;
            next.from = next.from.max(oldest.max_time + 1);
        }
        next
    }

    /// Whether every point of the range is here or in a memtable, as it is in segments.
    pub(crate) fn covers(&self, range: TimeRange, now: Timestamp, tiers: &Tiers) -> bool {
        range.start >= self.from.max(now - RECENT_MS).max(tiers.border(1))
    }

    /// The points.
    pub(crate) fn metrics(&self) -> impl Iterator<Item = &SharedMetrics> {
        self.flushed.iter().map(|flushed| &flushed.metrics)
    }

    /// Numbers of all series that have points here.
    pub(crate) fn numbers(&self) -> Vec<SeriesNumber> {
        let numbers = |metrics: &SharedMetrics| metrics.read().iter().map(|lines| lines.number).collect::<Vec<_>>();
        self.metrics().flat_map(numbers).collect()
    }
}
