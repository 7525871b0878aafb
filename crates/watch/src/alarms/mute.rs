//! Alarm mute rules: when a rule mutes its alarms, and which actions are run once it no longer does; pure.
//!
//! From "Alarm Mute Rules" and "How alarm mute rules work" in the CloudWatch user guide and the reference of
//! PutAlarmMuteRule. A window begins when the schedule says so and lasts for the duration, in elapsed time: `P1D` is 24
//! hours, so that a window across a change of the clocks ends an hour earlier or later by the local clock. Windows that
//! overlap or touch are one. StartDate and ExpireDate cut windows off. A local time that the clocks skip is the instant
//! of the skip; one that occurs twice is its first time only ([`crate::alarms::zone`]). AWS's messages for bad rules and
//! its behaviour at changes of the clocks are not documented; these are chosen here.

pub mod cron;
mod duration;
#[cfg(test)]
mod tests;

use crate::alarms::zone;
use catalog::AlarmState;
use cron::Cron;
use jiff::ToSpan;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use model::{TimeRange, Timestamp};

/// How many windows are followed when each overlaps the next: a rule that never ends is then asked again.
const CHAIN_MAX: usize = 1000;

/// Why a mute rule is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MuteError {
    /// The parameter at fault: `Expression`, `Duration`, `Timezone` or `ExpireDate`.
    pub parameter: &'static str,
    /// The message for the client.
    pub message: String,
    /// Where in the parameter's text, in characters from the beginning; the first is 0.
    pub column: usize,
}

/// `MuteType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MuteType {
    /// One window.
    OneTime,
    /// A window at each time of a cron expression.
    Recurring,
}

impl MuteType {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            MuteType::OneTime => "ONE_TIME",
            MuteType::Recurring => "RECURRING",
        }
    }
}

/// `AlarmMuteRuleStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// A window is to come.
    Scheduled,
    /// In a window.
    Active,
    /// No window is to come.
    Expired,
}

impl Status {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Scheduled => "SCHEDULED",
            Status::Active => "ACTIVE",
            Status::Expired => "EXPIRED",
        }
    }
}

/// What PutAlarmMuteRule says about time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Schedule<'a> {
    /// `cron(0 2 * * SUN)` or `at(2024-05-10T14:00)`.
    pub expression: &'a str,
    /// ISO 8601, `PT1M` to `P15D`.
    pub duration: &'a str,
    /// IANA name; absent, UTC.
    pub timezone: Option<&'a str>,
    /// No window before.
    pub start: Option<Timestamp>,
    /// No window from then on.
    pub expire: Option<Timestamp>,
}

/// When alarms are muted.
#[derive(Debug, Clone)]
pub struct MuteRule {
    times: Times,
    duration_ms: i64,
    zone: TimeZone,
    /// From StartDate to ExpireDate.
    valid: TimeRange,
}

#[derive(Debug, Clone)]
enum Times {
    At(DateTime),
    Cron(Cron),
}

impl MuteRule {
    /// The rule that a schedule describes.
    pub fn new(schedule: &Schedule<'_>) -> Result<Self, MuteError> {
        let times = Times::parse(schedule.expression)?;
        let duration_ms = duration::parse(schedule.duration)?;
        let zone = match schedule.timezone {
            None => TimeZone::UTC,
            Some(name) => zone::by_name(name)
                .ok_or_else(|| error("Timezone", format!("Timezone '{name}' is not a known time zone"), 0))?,
        };
        let start = schedule.start.unwrap_or(Timestamp::MIN);
        let expire = schedule.expire.unwrap_or(Timestamp::MAX);
        if start >= expire {
            return Err(error("ExpireDate", "ExpireDate must be later than StartDate".to_owned(), 0));
        }
        Ok(Self { times, duration_ms, zone, valid: TimeRange::new(start, expire) })
    }

    /// One window or many.
    pub fn mute_type(&self) -> MuteType {
        match self.times {
            Times::At(_) => MuteType::OneTime,
            Times::Cron(_) => MuteType::Recurring,
        }
    }

    /// What the rule is at `now`.
    pub fn status(&self, now: Timestamp) -> Status {
        if self.window(now).is_some() {
            Status::Active
        } else if self.next_window(now).is_some() {
            Status::Scheduled
        } else {
            Status::Expired
        }
    }

    /// The window that `now` is in.
    pub fn window(&self, now: Timestamp) -> Option<TimeRange> {
        if !self.valid.contains(now) {
            return None;
        }
        let begun = self.last_at_or_before(now)?;
        let mut latest = begun;
        if now >= latest + self.duration_ms {
            return None;
        }
        for _ in 0..CHAIN_MAX {
            match self.last_at_or_before(latest + self.duration_ms) {
                Some(later) if later > latest => latest = later,
                _ => break,
            }
        }
        let end = (latest + self.duration_ms).min(self.valid.end);
        Some(TimeRange::new(begun.max(self.valid.start), end))
    }

    /// Until when the rule mutes without a break, if it mutes at `now`. Of a rule that never stops it is some time far
    /// ahead, at which it still mutes.
    pub fn active_until(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.window(now)?.end)
    }

    /// The first window that begins after `now` and after the one that `now` is in.
    pub fn next_window(&self, now: Timestamp) -> Option<TimeRange> {
        if now < self.valid.start
            && let Some(under_way) = self.window(self.valid.start)
        {
            return Some(under_way);
        }
        let after = self.active_until(now).unwrap_or(now).max(self.valid.start);
        self.window(self.first_after(after)?)
    }

    /// When the status is to be looked at again: the end of this window or the beginning of the next.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        self.active_until(now).or_else(|| Some(self.next_window(now)?.start))
    }

    fn first_after(&self, at: Timestamp) -> Option<Timestamp> {
        match &self.times {
            Times::At(local) => zone::instant(&self.zone, *local).filter(|instant| *instant > at),
            Times::Cron(cron) => cron.first_after(&self.zone, at),
        }
    }

    fn last_at_or_before(&self, at: Timestamp) -> Option<Timestamp> {
        match &self.times {
            Times::At(local) => zone::instant(&self.zone, *local).filter(|instant| *instant <= at),
            Times::Cron(cron) => cron.last_at_or_before(&self.zone, at),
        }
    }
}

impl Times {
    fn parse(expression: &str) -> Result<Self, MuteError> {
        let inside = |name: &str| expression.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(fields) = inside("cron") {
            return Ok(Times::Cron(Cron::parse(fields, "cron(".len())?));
        }
        if let Some(local) = inside("at") {
            // Exactly yyyy-MM-ddThh:mm: jiff alone would take more.
            let shape = local.len() == 16 && local.as_bytes()[10] == b'T';
            let parsed = shape.then(|| DateTime::strptime("%Y-%m-%dT%H:%M", local).ok()).flatten();
            return parsed.map(Times::At).ok_or_else(|| {
                error("Expression", format!("'{local}' at char 3 is not a time of the form yyyy-MM-ddThh:mm"), 3)
            });
        }
        let message = "Expression must be of the form cron(minute hour day-of-month month day-of-week) or \
                       at(yyyy-MM-ddThh:mm)";
        Err(error("Expression", message.to_owned(), 0))
    }
}

fn error(parameter: &'static str, message: String, column: usize) -> MuteError {
    MuteError { parameter, message, column }
}

/// One step of an alarm that rules may mute: what it owes afterwards, and whether its actions run now.
///
/// `owed` is the state whose actions were muted, `state` the one that the alarm is in, `changed` whether it has just gone
/// there, `muted` whether any rule mutes it now. Call it on each change of state, and when the alarm stops being muted:
/// a window ended, a rule was changed or deleted. The actions are those that are configured when they run.
pub fn step(owed: Option<AlarmState>, state: AlarmState, changed: bool, muted: bool) -> (Option<AlarmState>, bool) {
    match (changed, muted) {
        (true, true) => (Some(state), false),
        (true, false) => (None, true),
        (false, true) => (owed, false),
        (false, false) => (None, owed == Some(state)),
    }
}

/// The local time a minute later.
fn minute_later(local: DateTime) -> Option<DateTime> {
    local.checked_add(1.minute()).ok()
}

/// The local time a minute earlier.
fn minute_earlier(local: DateTime) -> Option<DateTime> {
    local.checked_sub(1.minute()).ok()
}
