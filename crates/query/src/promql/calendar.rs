//! The parts of a UTC date, of times in seconds since the epoch: minute, hour, day, month, year.
//!
//! Days become dates by counting from 1 March of year 0, when the leap day is the last of its year (H. Hinnant,
//! "chrono-Compatible Low-Level Date Algorithms"). What is no time, or is millions of years away, has no date: NaN.

const DAY_SECS: i64 = 86_400;

/// Times with a date, seconds from the epoch on either side.
const SECS_MAX: f64 = 1e14;

/// Year, month (1 to 12), day of the month (1 to 31).
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

fn secs(time: f64) -> Option<i64> {
    (time.abs() < SECS_MAX).then_some(time as i64)
}

fn days(time: f64) -> Option<i64> {
    Some(secs(time)?.div_euclid(DAY_SECS))
}

fn date(time: f64) -> Option<Date> {
    let days = days(time)? + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Some(Date { year, month, day })
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_of(month: i64, year: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn number(part: Option<i64>) -> f64 {
    part.map_or(f64::NAN, |part| part as f64)
}

/// 0 to 59.
pub fn minute(time: f64) -> f64 {
    number(secs(time).map(|secs| secs.rem_euclid(3_600) / 60))
}

/// 0 to 23.
pub fn hour(time: f64) -> f64 {
    number(secs(time).map(|secs| secs.rem_euclid(DAY_SECS) / 3_600))
}

/// 0 (Sunday) to 6.
pub fn day_of_week(time: f64) -> f64 {
    // 1 January 1970 was a Thursday.
    number(days(time).map(|days| (days + 4).rem_euclid(7)))
}

/// 1 to 31.
pub fn day_of_month(time: f64) -> f64 {
    number(date(time).map(|date| date.day))
}

/// 1 to 366.
pub fn day_of_year(time: f64) -> f64 {
    number(date(time).map(|date| (1..date.month).map(|month| days_of(month, date.year)).sum::<i64>() + date.day))
}

/// 28 to 31.
pub fn days_in_month(time: f64) -> f64 {
    number(date(time).map(|date| days_of(date.month, date.year)))
}

/// 1 to 12.
pub fn month(time: f64) -> f64 {
    number(date(time).map(|date| date.month))
}

/// The year.
pub fn year(time: f64) -> f64 {
    number(date(time).map(|date| date.year))
}
