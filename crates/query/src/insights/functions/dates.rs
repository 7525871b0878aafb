//! Functions of dates: how they are written and read, their parts, and what lies between them.
//!
//! A format with a percent sign is one of C's `strftime`, as users of AWS write them (`%Y/%m/%d %H:%M:%S`); any other is one of
//! Java's (`yyyy-MM-dd`). A third argument names the time zone, else it is UTC. What cannot be written or read is missing.

use crate::insights::calendar::MILLIS_MAX;
use crate::insights::value::Value;
use crate::transformer::{format_date, parse_date};
use jiff::civil::DateTime;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Unit, Zoned};

/// Longest format, bytes.
const FORMAT_BYTES_MAX: usize = 256;

/// A date as a format has it.
pub fn written(time: &Value<'_>, format: &Value<'_>, zone: Option<&Value<'_>>) -> Value<'static> {
    let write = || {
        let format = format.text().filter(|format| format.len() <= FORMAT_BYTES_MAX)?;
        let at = zoned(time, time_zone(zone)?)?;
        if format.contains('%') { strtime::format(format.as_bytes(), &at).ok() } else { format_date(&format, &at) }
    };
    write().map_or(Value::Null, |text: String| Value::Text(text.into()))
}

/// The date that a text is by a format.
pub fn read(text: &Value<'_>, format: &Value<'_>, zone: Option<&Value<'_>>) -> Value<'static> {
    let read = || {
        let (text, format) = (text.text()?, format.text().filter(|format| format.len() <= FORMAT_BYTES_MAX)?);
        let zone = time_zone(zone)?;
        if !format.contains('%') {
            return parse_date(&format, &text, &zone).map(|at| at.timestamp());
        }
        let parsed = BrokenDownTime::parse(format.as_bytes(), text.as_bytes()).ok()?;
        let with_offset = parsed.to_timestamp().ok();
        with_offset.or_else(|| {
            let date = parsed.to_datetime().or_else(|_| parsed.to_date().map(DateTime::from)).ok()?;
            date.to_zoned(zone).ok().map(|at| at.timestamp())
        })
    };
    read().map_or(Value::Null, |at: Timestamp| Value::Time(at.as_millisecond()))
}

/// A part of a date by its name.
pub fn part(name: &Value<'_>, time: &Value<'_>) -> Value<'static> {
    let (Some(name), Some(at)) = (name.text(), zoned(time, TimeZone::UTC)) else { return Value::Null };
    let weekday = at.weekday();
    let number = match &*name {
        "year" => i64::from(at.year()),
        "quarter" => i64::from((at.month() - 1) / 3 + 1),
        "month" => i64::from(at.month()),
        "week" => i64::from(at.date().iso_week_date().week()),
        "day" => i64::from(at.day()),
        "dayofyear" => i64::from(at.day_of_year()),
        // Sunday is the first day.
        "dayofweek" => i64::from(weekday.to_sunday_one_offset()),
        "weekday" => i64::from(weekday.to_monday_zero_offset()),
        "hour" => i64::from(at.hour()),
        "minute" => i64::from(at.minute()),
        "second" => i64::from(at.second()),
        "microsecond" => i64::from(at.subsec_nanosecond() / 1_000),
        "dayname" => return text(strtime::format("%A", &at).ok()),
        "monthname" => return text(strtime::format("%B", &at).ok()),
        "date" => return text(strtime::format("%Y-%m-%d", &at).ok()),
        "time" => return text(strtime::format("%H:%M:%S", &at).ok()),
        "unix" => at.timestamp().as_second(),
        "last_day" => return text(Some(at.date().last_of_month().to_string())),
        _ => return Value::Null,
    };
    Value::Number(number as f64)
}

/// So many of a unit later.
pub fn later(time: &Value<'_>, count: &Value<'_>, unit: &Value<'_>) -> Value<'static> {
    let add = || {
        let at = zoned(time, TimeZone::UTC)?;
        let count = count.number().filter(|count| count.abs() < 1e9)?.trunc() as i64;
        let (unit, factor) = unit_of(&unit.text()?)?;
        at.checked_add(span(unit, count.checked_mul(factor)?)?).ok()
    };
    add().map_or(Value::Null, |at| Value::Time(at.timestamp().as_millisecond()))
}

/// How many whole units lie between two dates; below 0 when the second is the earlier.
pub fn between(unit: &Value<'_>, from: &Value<'_>, until: &Value<'_>) -> Value<'static> {
    let count = || {
        let (from, until) = (zoned(from, TimeZone::UTC)?, zoned(until, TimeZone::UTC)?);
        let (unit, factor) = unit_of(&unit.text()?)?;
        let span = from.until((unit, &until)).ok()?;
        let whole = match unit {
            Unit::Year => i64::from(span.get_years()),
            Unit::Month => i64::from(span.get_months()),
            Unit::Week => i64::from(span.get_weeks()),
            Unit::Day => i64::from(span.get_days()),
            Unit::Hour => i64::from(span.get_hours()),
            Unit::Minute => span.get_minutes(),
            Unit::Second => span.get_seconds(),
            _ => span.get_milliseconds(),
        };
        Some(whole / factor)
    };
    count().map_or(Value::Null, |count| Value::Number(count as f64))
}

/// A unit and how many of it the name stands for.
fn unit_of(name: &str) -> Option<(Unit, i64)> {
    let name = name.to_ascii_lowercase();
    Some(match name.strip_suffix('s').unwrap_or(&name) {
        "year" => (Unit::Year, 1),
        "quarter" => (Unit::Month, 3),
        "month" => (Unit::Month, 1),
        "week" => (Unit::Week, 1),
        "day" => (Unit::Day, 1),
        "hour" => (Unit::Hour, 1),
        "minute" => (Unit::Minute, 1),
        "second" => (Unit::Second, 1),
        "millisecond" => (Unit::Millisecond, 1),
        _ => return None,
    })
}

fn span(unit: Unit, count: i64) -> Option<Span> {
    let span = Span::new();
    match unit {
        Unit::Year => span.try_years(count),
        Unit::Month => span.try_months(count),
        Unit::Week => span.try_weeks(count),
        Unit::Day => span.try_days(count),
        Unit::Hour => span.try_hours(count),
        Unit::Minute => span.try_minutes(count),
        Unit::Second => span.try_seconds(count),
        _ => span.try_milliseconds(count),
    }
    .ok()
}

fn text(text: Option<String>) -> Value<'static> {
    text.map_or(Value::Null, |text| Value::Text(text.into()))
}

/// The instant of a value; a text may be a date without a time as well.
fn zoned(time: &Value<'_>, zone: TimeZone) -> Option<Zoned> {
    let ms = time.millis().or_else(|| {
        let text = time.text()?;
        let text = text.trim();
        let date =
            text.parse::<DateTime>().or_else(|_| text.parse().map(|date: jiff::civil::Date| date.into())).ok()?;
        date.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp().as_millisecond())
    })?;
    let at = Timestamp::from_millisecond(ms.clamp(-MILLIS_MAX, MILLIS_MAX)).ok()?;
    Some(at.to_zoned(zone))
}

fn time_zone(name: Option<&Value<'_>>) -> Option<TimeZone> {
    let Some(name) = name else { return Some(TimeZone::UTC) };
    TimeZone::get(&name.text()?).ok()
}
