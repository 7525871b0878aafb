//! `Position`, the total order of logs and of events, and the `Window` of it that a scan looks through.

use model::{TimeRange, Timestamp};

/// Place of a record in the total order of its table: (timestamp, sequence).
pub type Position = (Timestamp, u64);

/// Which way a scan goes through (timestamp, sequence).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Oldest first.
    #[default]
    Forward,
    /// Newest first.
    Backward,
}

impl Direction {
    /// True when `a` is visited before `b`.
    pub(crate) fn is_before<T: Ord>(self, a: T, b: T) -> bool {
        match self {
            Direction::Forward => a < b,
            Direction::Backward => a > b,
        }
    }
}

/// Positions from `low` (inclusive) to `high` (exclusive).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub low: Position,
    pub high: Position,
}

impl Window {
    /// What is left of `range` for a scan that resumes strictly after a position.
    pub(crate) fn new(range: TimeRange, direction: Direction, after: Option<Position>) -> Self {
        let mut window = Self { low: (range.start, 0), high: (range.end, 0) };
        if let Some(after) = after {
            match direction {
                Direction::Forward => window.low = window.low.max(successor(after)),
                Direction::Backward => window.high = window.high.min(after),
            }
        }
        window
    }

    /// Drops all that is not later than `time`'s first position.
    pub(crate) fn not_before(self, time: Timestamp) -> Self {
        Self { low: self.low.max((time, 0)), ..self }
    }

    /// Leaves what comes after `position` in `direction`.
    pub(crate) fn after(self, direction: Direction, position: Position) -> Self {
        match direction {
            Direction::Forward => Self { low: self.low.max(successor(position)), ..self },
            Direction::Backward => Self { high: self.high.min(position), ..self },
        }
    }

    /// Leaves what lies in the closed interval of times `[min, max]`.
    pub(crate) fn within(self, min: Timestamp, max: Timestamp) -> Self {
        let end = Timestamp(max.0.saturating_add(1));
        Self { low: self.low.max((min, 0)), high: self.high.min((end, 0)) }
    }

    /// True when no position lies inside.
    pub(crate) fn is_empty(&self) -> bool {
        self.low >= self.high
    }

    /// True when `position` lies inside.
    pub(crate) fn contains(&self, position: Position) -> bool {
        self.low <= position && position < self.high
    }

    /// True when every position with a time of the closed interval `[min, max]` lies inside.
    pub(crate) fn covers(&self, min: Timestamp, max: Timestamp) -> bool {
        self.low <= (min, 0) && (max, u64::MAX) < self.high
    }

    /// True when some position with a time of the closed interval `[min, max]` may lie inside.
    pub(crate) fn overlaps(&self, min: Timestamp, max: Timestamp) -> bool {
        !self.is_empty() && self.low <= (max, u64::MAX) && (min, 0) < self.high
    }
}

/// The next position after one.
fn successor((time, sequence): Position) -> Position {
    match sequence.checked_add(1) {
        Some(sequence) => (time, sequence),
        None => (time + 1, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_resumes_strictly_after_a_position() {
        let range = TimeRange::new(Timestamp(10), Timestamp(20));
        let forward = Window::new(range, Direction::Forward, Some((Timestamp(12), 5)));
        assert!(!forward.contains((Timestamp(12), 5)) && forward.contains((Timestamp(12), 6)));
        assert!(forward.contains((Timestamp(19), u64::MAX)) && !forward.contains((Timestamp(20), 0)));
        let backward = Window::new(range, Direction::Backward, Some((Timestamp(12), 5)));
        assert!(backward.contains((Timestamp(12), 4)) && !backward.contains((Timestamp(12), 5)));
        assert!(backward.contains((Timestamp(10), 0)) && !backward.contains((Timestamp(9), u64::MAX)));
        assert!(!backward.overlaps(Timestamp(13), Timestamp(15)) && backward.overlaps(Timestamp(12), Timestamp(15)));
        assert!(Window::new(range, Direction::Forward, Some((Timestamp(99), 0))).is_empty());
        let whole = Window::new(range, Direction::Forward, None);
        assert!(whole.covers(Timestamp(10), Timestamp(19)) && !whole.covers(Timestamp(9), Timestamp(19)));
        assert!(!whole.covers(Timestamp(10), Timestamp(20)) && forward.covers(Timestamp(13), Timestamp(13)));
        assert!(!forward.covers(Timestamp(12), Timestamp(13)) && !backward.covers(Timestamp(11), Timestamp(12)));
    }
}
