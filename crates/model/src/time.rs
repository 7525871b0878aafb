//! `Timestamp`, the one time type (milliseconds since the epoch, UTC), and half-open `TimeRange`s.

use std::fmt;
use std::ops::{Add, Sub};

/// Milliseconds since 1970-01-01T00:00:00Z. Conversions to seconds and text live in `wire` and here only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// One second in milliseconds.
pub const SECOND: i64 = 1_000;
/// One minute in milliseconds.
pub const MINUTE: i64 = 60 * SECOND;
/// One hour in milliseconds.
pub const HOUR: i64 = 60 * MINUTE;
/// One day in milliseconds.
pub const DAY: i64 = 24 * HOUR;

impl Timestamp {
    /// The earliest instant that can be said.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// The latest instant that can be said.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// From whole seconds since the epoch (saturating).
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(SECOND))
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// The largest multiple of `step_ms` (from the epoch) that is not later than this instant.
    pub const fn floor_to(self, step_ms: i64) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(step_ms)))
    }

    /// The smallest multiple of `step_ms` (from the epoch) that is not earlier than this instant.
    pub const fn ceil_to(self, step_ms: i64) -> Self {
        let floor = self.floor_to(step_ms).0;
        if floor == self.0 { self } else { Self(floor.saturating_add(step_ms)) }
    }

    /// `2026-01-02T03:04:05Z`, as CloudTrail writes times; an instant outside years 0..=9999 is written as raw seconds.
    pub fn iso_seconds(self) -> String {
        match jiff::Timestamp::from_second(self.secs()) {
            Ok(t) => t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            Err(_) => self.secs().to_string(),
        }
    }

    /// `2026-01-02T03:04:05.678Z`.
    pub fn iso_millis(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => t.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            Err(_) => self.0.to_string(),
        }
    }

    /// Parses RFC 3339 text (`2026-01-02T03:04:05Z`, with optional fraction and offset); a time without an offset is UTC.
    pub fn parse_iso(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(t) = text.parse::<jiff::Timestamp>() {
            return Some(Self(t.as_millisecond()));
        }
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Self(zoned.timestamp().as_millisecond()))
    }
}

impl Add<i64> for Timestamp {
    type Output = Timestamp;
    /// Adds milliseconds, saturating.
    fn add(self, millis: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(millis))
    }
}

impl Sub<i64> for Timestamp {
    type Output = Timestamp;
    /// Subtracts milliseconds, saturating.
    fn sub(self, millis: i64) -> Timestamp {
        Timestamp(self.0.saturating_sub(millis))
    }
}

impl Sub<Timestamp> for Timestamp {
    type Output = i64;
    /// Distance in milliseconds, saturating.
    fn sub(self, other: Timestamp) -> i64 {
        self.0.saturating_sub(other.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso_millis())
    }
}

/// `start` inclusive, `end` exclusive. AWS operations with other ends convert at their edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// First instant inside.
    pub start: Timestamp,
    /// First instant after.
    pub end: Timestamp,
}

impl TimeRange {
    /// All of time.
    pub const ALL: TimeRange = TimeRange { start: Timestamp::MIN, end: Timestamp::MAX };

    /// A range from `start` (inclusive) to `end` (exclusive).
    pub const fn new(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end }
    }

    /// True when `t` lies inside.
    pub fn contains(&self, t: Timestamp) -> bool {
        self.start <= t && t < self.end
    }

    /// True when some instant of the closed interval `[min, max]` lies inside.
    pub fn overlaps(&self, min: Timestamp, max: Timestamp) -> bool {
        min < self.end && self.start <= max
    }

    /// True when no instant lies inside.
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_towards_the_past_before_the_epoch() {
        assert_eq!(Timestamp(-1).floor_to(60_000), Timestamp(-60_000));
        assert_eq!(Timestamp(61_000).floor_to(60_000), Timestamp(60_000));
        assert_eq!(Timestamp(61_000).ceil_to(60_000), Timestamp(120_000));
        assert_eq!(Timestamp(60_000).ceil_to(60_000), Timestamp(60_000));
    }

    #[test]
    fn iso_text_round_trips() {
        let t = Timestamp::parse_iso("2026-01-02T03:04:05.678Z").unwrap();
        assert_eq!(t.iso_millis(), "2026-01-02T03:04:05.678Z");
        assert_eq!(t.iso_seconds(), "2026-01-02T03:04:05Z");
        assert_eq!(Timestamp::parse_iso("2026-01-02T04:04:05+01:00").unwrap().iso_seconds(), "2026-01-02T03:04:05Z");
        assert_eq!(Timestamp::parse_iso("2026-01-02T03:04:05").unwrap().iso_seconds(), "2026-01-02T03:04:05Z");
        assert_eq!(Timestamp::parse_iso("yesterday"), None);
    }
}
