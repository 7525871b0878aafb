//! Evaluation windows: which periods an alarm looks at, and whether it is still warming up; pure.
//!
//! From "Alarm evaluation window" and "Alarm warm-up periods" in the CloudWatch user guide. A sliding window ends at the
//! newest whole minute (whole 10 seconds when the period is shorter than a minute). A wall clock window ends with the
//! last complete minute, five minutes, hour, day or week of the clock in its zone: days run from midnight to midnight,
//! weeks from Monday's, and those with a change of the clocks are shorter or longer. An alarm is evaluated as often with
//! either. AWS's messages for bad windows are not documented; these are chosen here.

#[cfg(test)]
mod tests;

use crate::alarms::state::Slot;
use crate::alarms::zone;
use jiff::ToSpan;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use model::time::{MINUTE, SECOND};
use model::{TimeRange, Timestamp};

/// The periods, in seconds, that go with a wall clock.
pub const WALL_CLOCK_PERIODS: [i64; 5] = [60, 300, 3_600, 86_400, 604_800];
/// How far back an alarm on a Metrics Insights query may look, seconds.
pub const INSIGHTS_SPAN_MAX_SECS: i64 = 3 * 3_600;
/// Longest warm-up, minutes.
pub const WARM_UP_MINUTES_MAX: i64 = 2_880;

const WEEK_SECS: i64 = 604_800;
const DAY_SECS: i64 = 86_400;

/// How the periods of an alarm lie in time.
#[derive(Debug, Clone)]
pub enum EvaluationWindow {
    /// The window ends now (the default).
    Sliding,
    /// The window ends with the last complete period of the clock in this zone.
    WallClock(TimeZone),
}

/// Why an evaluation window is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The period does not go with a wall clock; seconds.
    #[error(
        "Period {0} is not supported with a wall clock evaluation window. Supported periods are 60, 300, 3600, 86400 and \
         604800 seconds"
    )]
    Period(i64),
    /// Neither an IANA name nor an offset.
    #[error("Timezone '{0}' is neither a time zone identifier nor a UTC offset")]
    Timezone(String),
    /// An offset like `+01:03`.
    #[error("Timezone '{0}' must resolve to a UTC offset that is a multiple of 5 minutes")]
    Offset(String),
}

impl EvaluationWindow {
    /// A wall clock window for an alarm with this period, in the zone `timezone`: an IANA name, `Z`, `+05:30`,
    /// `UTC+05:30` or `GMT-08:00`; absent, UTC. An IANA zone is asked for its offset at `now`.
    pub fn wall_clock(timezone: Option<&str>, period_secs: i64, now: Timestamp) -> Result<Self, WindowError> {
        if !WALL_CLOCK_PERIODS.contains(&period_secs) {
            return Err(WindowError::Period(period_secs));
        }
        let Some(name) = timezone else { return Ok(EvaluationWindow::WallClock(TimeZone::UTC)) };
        let zone = zone::by_offset(name)
            .or_else(|| zone::by_name(name))
            .ok_or_else(|| WindowError::Timezone(name.to_owned()))?;
        if offset_ms(&zone, now) % (5 * MINUTE) != 0 {
            return Err(WindowError::Offset(name.to_owned()));
        }
        Ok(EvaluationWindow::WallClock(zone))
    }

    /// The newest `count` periods that are complete at `now`, oldest first, each beginning where the one before ended.
    ///
    /// `period_secs` is 10, 20, 30 or a multiple of 60; anything under 1 counts as 1. Fewer periods where time ends.
    pub fn periods(&self, period_secs: i64, count: usize, now: Timestamp) -> Vec<TimeRange> {
        let mut periods = Vec::new();
        let mut end = match self {
            EvaluationWindow::Sliding => now.floor_to(if period_secs < 60 { 10 * SECOND } else { MINUTE }),
            EvaluationWindow::WallClock(zone) => match boundary(zone, period_secs, now) {
                Some(end) => end,
                None => return periods,
            },
        };
        for _ in 0..count {
            let start = match self {
                EvaluationWindow::Sliding => Some(end - period_secs.max(1).saturating_mul(SECOND)),
                EvaluationWindow::WallClock(zone) => boundary(zone, period_secs, end - 1),
            };
            match start {
                Some(start) if start < end => periods.push(TimeRange::new(start, end)),
                _ => break,
            }
            end = periods[periods.len() - 1].start;
        }
        periods.reverse();
        periods
    }

    /// True when an alarm on a Metrics Insights query may look at `evaluation_periods` periods: 3 hours, of which a wall
    /// clock window takes one more period than it evaluates.
    pub fn insights_fits(&self, period_secs: i64, evaluation_periods: i64) -> bool {
        let more = match self {
            EvaluationWindow::Sliding => 0,
            EvaluationWindow::WallClock(_) => 1,
        };
        period_secs.saturating_mul(evaluation_periods.saturating_add(more)) <= INSIGHTS_SPAN_MAX_SECS
    }
}

/// How many periods to fetch for an alarm that evaluates `n`: half as many again, at least two, so that data which come
/// late or with gaps are found. AWS does not publish its number; its examples use 5 for N = 3, as this does.
pub fn fetched(n: usize) -> usize {
    n.saturating_add(n.div_ceil(2).max(2))
}

/// The last beginning of a period of the clock that is not after `at`.
fn boundary(zone: &TimeZone, period_secs: i64, at: Timestamp) -> Option<Timestamp> {
    if period_secs < DAY_SECS {
        let period_ms = period_secs.max(1) * SECOND;
        let local = at + offset_ms(zone, at);
        return Some(at - local.0.rem_euclid(period_ms));
    }
    let mut date = zone::local(zone, at)?.date();
    if period_secs >= WEEK_SECS {
        date = date.checked_sub(i64::from(date.weekday().since(Weekday::Monday)).days()).ok()?;
    }
    zone::instant(zone, date.to_datetime(jiff::civil::Time::midnight()))
}

/// How far the zone is from UTC at an instant, milliseconds.
fn offset_ms(zone: &TimeZone, at: Timestamp) -> i64 {
    jiff::Timestamp::from_millisecond(at.0).map_or(0, |at| i64::from(zone.to_offset(at).seconds()) * SECOND)
}

/// `WarmUpConfiguration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WarmUp {
    /// Minutes from the creation of the alarm; 1 to 2880.
    pub minutes: i64,
    /// `OnlyStartEvaluatingAfterWarmUpPeriodEnds`.
    pub whole: bool,
}

impl WarmUp {
    /// True while the alarm is to stay in INSUFFICIENT_DATA and run no actions. Once false it stays so: the caller keeps
    /// that with the alarm, since a change of the configuration must not start a new warm-up.
    ///
    /// `slots` are the periods that were fetched, oldest first, of which the newest `evaluation_periods` are the
    /// evaluation window. It is full when its newest period has data and there are data as old as its oldest.
    pub fn is_warming_up(&self, created: Timestamp, now: Timestamp, slots: &[Slot], evaluation_periods: usize) -> bool {
        if now >= created + self.minutes.saturating_mul(MINUTE) {
            return false;
        }
        self.whole || !is_full(slots, evaluation_periods)
    }
}

fn is_full(slots: &[Slot], evaluation_periods: usize) -> bool {
    let n = evaluation_periods.max(1);
    let Some(oldest) = slots.len().checked_sub(n) else { return false };
    let has_data = |slot: &Slot| slot.point.is_some();
    slots.last().is_some_and(has_data) && slots[..=oldest].iter().any(has_data)
}
