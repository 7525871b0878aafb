//! The periods of a request: the timestamps that a series without gaps would have.

use std::sync::Arc;

use super::series::union;
use super::{MathError, Series};
use model::limits::METRIC_DATAPOINTS_MAX;

/// Makes lists of periods, each once, so that the series that lie on them share it.
#[derive(Debug)]
pub struct Grids {
    start_ms: i64,
    end_ms: i64,
    known: Vec<(i64, i64, Arc<[i64]>)>,
}

impl Grids {
    /// Of the request's range, `end_ms` exclusive; periods that begin after `now_ms` are left out.
    pub fn new(start_ms: i64, end_ms: i64, now_ms: i64) -> Self {
        Self { start_ms, end_ms: end_ms.min(now_ms.saturating_add(1)), known: Vec::new() }
    }

    /// The periods of this length, counted from the start of the request.
    pub fn of_period(&mut self, period_ms: i64, column: usize) -> Result<Arc<[i64]>, MathError> {
        self.of_phase(self.start_ms, period_ms, column)
    }

    /// The periods of a series and all its points.
    pub fn of_series(&mut self, series: &Series, column: usize) -> Result<Arc<[i64]>, MathError> {
        let phase = series.timestamps.first().copied().unwrap_or(self.start_ms);
        let grid = self.of_phase(phase, series.period_ms, column)?;
        // Points beyond now, or that lie between periods, are kept.
        Ok(union(&grid, &series.timestamps))
    }

    /// The periods that begin at `phase`, or a multiple of the period away from it. The first holds the start of the request.
    fn of_phase(&mut self, phase: i64, period_ms: i64, column: usize) -> Result<Arc<[i64]>, MathError> {
        let period = i128::from(period_ms.max(1));
        let phase = i128::from(phase).rem_euclid(period);
        let key = (phase as i64, period as i64);
        if let Some((_, _, grid)) = self.known.iter().find(|(phase, period, _)| (*phase, *period) == key) {
            return Ok(grid.clone());
        }
        let (start, end) = (i128::from(self.start_ms), i128::from(self.end_ms));
        let first = start - (start - phase).rem_euclid(period);
        let count = if start < end { (end - 1 - first) / period + 1 } else { 0 };
        if count > METRIC_DATAPOINTS_MAX as i128 {
            let message = format!("The request has {count} periods, and at most {METRIC_DATAPOINTS_MAX} can be filled");
            return Err(MathError::new(column, message));
        }
        let timestamps = (0..count).map(|index| first + index * period);
        let grid: Arc<[i64]> = timestamps.filter_map(|timestamp| i64::try_from(timestamp).ok()).collect();
        self.known.push((key.0, key.1, grid.clone()));
        Ok(grid)
    }
}
