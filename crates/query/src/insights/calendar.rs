//! Instants by the calendar in UTC: how they are printed, and the periods that they are cut into.

use super::ast::{Period, Unit};
use model::time::{DAY, HOUR, MINUTE, SECOND};

/// Instants are within so many milliseconds of the epoch: some 270,000 years.
pub const MILLIS_MAX: i64 = 8_640_000_000_000_000;

/// `2024-01-02 03:04:05.678`
pub fn text(ms: i64) -> String {
    let (year, month, day) = date(ms.div_euclid(DAY));
    let in_day = ms.rem_euclid(DAY);
    let (hour, minute) = (in_day / HOUR, in_day / MINUTE % 60);
    let (second, milli) = (in_day / SECOND % 60, in_day % SECOND);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{milli:03}")
}

/// How long a period is, milliseconds; months have 30 days here, years 365.
pub fn length_ms(period: Period) -> i64 {
    let unit = match period.unit {
        Unit::Millisecond => 1,
        Unit::Second => SECOND,
        Unit::Minute => MINUTE,
        Unit::Hour => HOUR,
        Unit::Day => DAY,
        Unit::Week => 7 * DAY,
        Unit::Month => 30 * DAY,
        Unit::Quarter => 91 * DAY,
        Unit::Year => 365 * DAY,
    };
    unit.saturating_mul(i64::from(period.count))
}

/// The beginning of the period that an instant lies in. Periods are counted from the epoch, weeks from the Monday before it.
pub fn floor(period: Period, ms: i64) -> i64 {
    begin(period, ms, 0)
}

/// The instant itself where a period begins, and else the beginning of the next one.
pub fn ceil(period: Period, ms: i64) -> i64 {
    let floor = floor(period, ms);
    if floor == ms { ms } else { begin(period, ms, 1) }
}

/// The beginning of the period that comes so many after the one of an instant.
fn begin(period: Period, ms: i64, after: i64) -> i64 {
    /// Monday, 29 December 1969.
    const MONDAY: i64 = -3 * DAY;
    let ms = ms.clamp(-MILLIS_MAX, MILLIS_MAX);
    let count = i64::from(period.count.max(1));
    let steps = |step: i64, origin: i64| {
        let step = step.saturating_mul(count);
        (ms - origin).div_euclid(step).saturating_add(after).saturating_mul(step).saturating_add(origin)
    };
    let months = |months: i64| {
        let step = months.saturating_mul(count);
        let (year, month, _) = date(ms.div_euclid(DAY));
        let since = (year - 1970) * 12 + month - 1;
        let at = since.div_euclid(step).saturating_add(after).saturating_mul(step).clamp(-6_000_000, 6_000_000);
        days(1970 + at.div_euclid(12), at.rem_euclid(12) + 1) * DAY
    };
    match period.unit {
        Unit::Millisecond => steps(1, 0),
        Unit::Second => steps(SECOND, 0),
        Unit::Minute => steps(MINUTE, 0),
        Unit::Hour => steps(HOUR, 0),
        Unit::Day => steps(DAY, 0),
        Unit::Week => steps(7 * DAY, MONDAY),
        Unit::Month => months(1),
        Unit::Quarter => months(3),
        Unit::Year => months(12),
    }
}

/// Year, month and day of the day that is so many after 1 January 1970. Years are counted from March, so that the day a leap year
/// has more is its last, in eras of 400 years, which have all the same number of days.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Days from the epoch to the first of a month.
fn days(year: i64, month: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}
