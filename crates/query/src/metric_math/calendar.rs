//! MINUTE, HOUR, DAY, DATE, MONTH, YEAR and EPOCH of a timestamp, in UTC.

use super::Function;

const SECONDS_OF_DAY: i64 = 86_400;

/// What `function` says of a time in milliseconds since the epoch.
pub fn field(function: Function, timestamp_ms: i64) -> f64 {
    let seconds = timestamp_ms.div_euclid(1_000);
    let days = seconds.div_euclid(SECONDS_OF_DAY);
    let second_of_day = seconds.rem_euclid(SECONDS_OF_DAY);
    let value = match function {
        Function::Minute => second_of_day / 60 % 60,
        Function::Hour => second_of_day / 3_600,
        // 1970-01-01 was a Thursday, the fourth day.
        Function::Day => (days + 3).rem_euclid(7) + 1,
        Function::Date => civil(days).2,
        Function::Month => civil(days).1,
        Function::Year => civil(days).0,
        _ => seconds,
    };
    value as f64
}

/// Year, month (1 to 12) and day (1 to 31) of a number of days since 1970-01-01.
///
/// Years are counted from March, so that the leap day is the last of its year: then the months before any have 153 days in
/// five, and 400 years have 146,097.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_FROM_MARCH_0000: i64 = 719_468;
    const DAYS_OF_400_YEARS: i64 = 146_097;
    let days = days + DAYS_FROM_MARCH_0000;
    let (era, day) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let date = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, date)
}
