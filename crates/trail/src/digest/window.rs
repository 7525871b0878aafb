//! Which time a digest covers, and when it is due.
//!
//! Windows end at multiples of the interval, or where a chain ends; the first begins where its chain does. A digest that could
//! not be made within an interval after its window, as the server was down, is a backfill. Digests are made a little after
//! their windows, so that a log file delivered at the very end is noted by then.

use model::Timestamp;

/// A digest is never a backfill before it is this late, ms: a short interval is no reason.
const BACKFILL_AFTER_MIN: i64 = 5_000;
/// Longest wait after a window, ms.
const SETTLE_MAX: i64 = 5_000;

/// What one digest covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Log files delivered from here on ...
    pub start: Timestamp,
    /// ... and before this.
    pub end: Timestamp,
    /// Whether it comes too late to be an ordinary digest.
    pub backfill: bool,
}

impl Window {
    /// The window that begins at `start`, if its digest is due at `now`. `closes` is the end of the chain, where it has one.
    /// `interval` is in ms.
    pub fn due(start: Timestamp, closes: Option<Timestamp>, interval: i64, now: Timestamp) -> Option<Self> {
        let boundary = start.floor_to(interval) + interval;
        let end = closes.map_or(boundary, |closes| closes.min(boundary));
        let settle = (interval / 10).min(SETTLE_MAX);
        let late = now - end;
        let backfill = late >= interval.max(BACKFILL_AFTER_MIN);
        (end > start && late >= settle).then_some(Self { start, end, backfill })
    }
}
