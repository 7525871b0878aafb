//! Ticks of the time axis: round times of the reader's clock.

use jiff::civil;
use model::Timestamp;
use model::time::{DAY, HOUR, MINUTE, SECOND};

/// Distance of a time zone from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ZoneOffset {
    /// Minutes ahead of UTC, -1439 to 1439.
    pub minutes: i64,
}

impl ZoneOffset {
    /// Reads `+HHMM` or `-HHMM`, as `timezone` of a metric widget is written (minutes up to 59, hours up to 23).
    pub fn parse(text: &str) -> Option<Self> {
        let (sign, digits) = match text.split_at_checked(1)? {
            ("+", digits) => (1, digits),
            ("-", digits) => (-1, digits),
            _ => return None,
        };
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (hours, minutes): (i64, i64) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
        (hours < 24 && minutes < 60).then_some(Self { minutes: sign * (hours * 60 + minutes) })
    }

    fn millis(self) -> i64 {
        self.minutes * MINUTE
    }

    /// What a clock there shows; the far ends of time are clamped to years that can be said.
    pub fn local(self, at: Timestamp) -> civil::DateTime {
        let millis = at.millis().saturating_add(self.millis());
        jiff::Timestamp::from_millisecond(millis)
            .map(|t| t.to_zoned(jiff::tz::TimeZone::UTC).datetime())
            .unwrap_or(if millis < 0 { civil::DateTime::MIN } else { civil::DateTime::MAX })
    }

    fn instant(self, local: civil::DateTime) -> Option<Timestamp> {
        let zoned = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Timestamp(zoned.timestamp().as_millisecond().saturating_sub(self.millis())))
    }
}

/// One tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeTick {
    /// When.
    pub at: Timestamp,
    /// What is written below it.
    pub label: String,
    /// A new day begins here, on an axis of hours.
    pub major: bool,
}

/// Fixed steps, milliseconds; longer ones follow the calendar.
const STEPS: [i64; 17] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
];
/// Steps of whole days, counted from the first of each month.
const DAY_STEPS: [i64; 4] = [1, 2, 7, 14];
/// Steps of whole months, counted from January.
const MONTH_STEPS: [i64; 4] = [1, 2, 3, 6];

/// Ticks from `start` to `end` (both inclusive), at most `count` of them (and one or two more around month ends).
pub fn ticks(start: Timestamp, end: Timestamp, zone: ZoneOffset, count: usize) -> Vec<TimeTick> {
    let span = end - start;
    let count = i64::try_from(count.clamp(1, 200)).unwrap_or(1);
    if span <= 0 {
        return Vec::new();
    }
    let fits = |step: i64| span / step <= count;
    if let Some(step) = STEPS.into_iter().find(|step| fits(*step)) {
        return clock_ticks(start, end, zone, step);
    }
    if let Some(days) = DAY_STEPS.into_iter().find(|days| fits(days * DAY)) {
        return day_ticks(start, end, zone, days);
    }
    let months = MONTH_STEPS.into_iter().find(|months| fits(months * 30 * DAY)).unwrap_or_else(|| {
        let years = span / (365 * DAY) / count + 1;
        12 * [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
            .into_iter()
            .find(|nice| *nice >= years)
            .unwrap_or(10_000)
    });
    month_ticks(start, end, zone, months)
}

fn clock_ticks(start: Timestamp, end: Timestamp, zone: ZoneOffset, step: i64) -> Vec<TimeTick> {
    let shift = zone.millis();
    let mut at = (start + shift).ceil_to(step) - shift;
    let mut ticks = Vec::new();
    while at <= end {
        let local = zone.local(at);
        let major = local.time() == civil::Time::midnight();
        let format = match (major, step < MINUTE) {
            (true, _) => "%m/%d",
            (false, true) => "%H:%M:%S",
            (false, false) => "%H:%M",
        };
        ticks.push(TimeTick { at, label: local.strftime(format).to_string(), major });
        if at > Timestamp(i64::MAX - step) {
            break;
        }
        at = at + step;
    }
    ticks
}

/// Days of a month that are ticks: 1, 1 + step, …; the last ones of a month are left out when the next first is near.
fn day_ticks(start: Timestamp, end: Timestamp, zone: ZoneOffset, step: i64) -> Vec<TimeTick> {
    let mut ticks = Vec::new();
    let mut date = zone.local(start).date();
    while let Some(at) = zone.instant(date.at(0, 0, 0, 0)) {
        if at > end {
            break;
        }
        let day = i64::from(date.day()) - 1;
        let crowded = step > 1 && i64::from(date.days_in_month()) - day < step.min(7);
        if at >= start && day % step == 0 && !crowded {
            ticks.push(TimeTick { at, label: date.strftime("%m/%d").to_string(), major: false });
        }
        let Ok(next) = date.tomorrow() else { break };
        date = next;
    }
    ticks
}

fn month_ticks(start: Timestamp, end: Timestamp, zone: ZoneOffset, step: i64) -> Vec<TimeTick> {
    let first = zone.local(start).date();
    let mut index = (i64::from(first.year()) * 12 + i64::from(first.month()) - 1).div_euclid(step) * step;
    let mut ticks = Vec::new();
    while let (Ok(year), Ok(month)) = (i16::try_from(index.div_euclid(12)), i8::try_from(index.rem_euclid(12) + 1)) {
        index += step;
        let Some(at) = civil::Date::new(year, month, 1).ok().and_then(|date| zone.instant(date.at(0, 0, 0, 0))) else {
            if year > 0 { break } else { continue }
        };
        if at > end {
            break;
        }
        if at >= start {
            let label = if step % 12 == 0 { format!("{year:04}") } else { format!("{year:04}-{month:02}") };
            ticks.push(TimeTick { at, label, major: false });
        }
    }
    ticks
}
