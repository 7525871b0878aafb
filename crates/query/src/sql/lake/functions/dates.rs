//! Dates and times, all of UTC.

use super::{Function, int64, utf8};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray, TimestampMillisecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMillisecondType};
use datafusion::common::{DataFusionError, Result, exec_datafusion_err, exec_err, plan_err};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};
use std::fmt::Write as _;
use std::sync::Arc;

pub(super) const MS: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);

macro_rules! part {
    ($name:literal, $part:expr) => {
        Function {
            name: $name,
            arguments: &[1],
            answers: int64,
            apply: |arguments| {
                let part: fn(DateTime) -> i64 = $part;
                parts(arguments, part)
            },
        }
    };
}

pub(super) const FUNCTIONS: [Function; 22] = [
    part!("year", |t| i64::from(t.year())),
    part!("quarter", |t| i64::from((t.month() - 1) / 3 + 1)),
    part!("month", |t| i64::from(t.month())),
    part!("week", |t| i64::from(t.date().iso_week_date().week())),
    part!("week_of_year", |t| i64::from(t.date().iso_week_date().week())),
    part!("day", |t| i64::from(t.day())),
    part!("day_of_month", |t| i64::from(t.day())),
    part!("day_of_week", |t| i64::from(t.weekday().to_monday_one_offset())),
    part!("dow", |t| i64::from(t.weekday().to_monday_one_offset())),
    part!("day_of_year", |t| i64::from(t.day_of_year())),
    part!("doy", |t| i64::from(t.day_of_year())),
    part!("hour", |t| i64::from(t.hour())),
    part!("minute", |t| i64::from(t.minute())),
    part!("second", |t| i64::from(t.second())),
    part!("millisecond", |t| i64::from(t.subsec_nanosecond() / 1_000_000)),
    Function { name: "date", arguments: &[1], answers: |_| Ok(DataType::Date32), apply: date },
    Function { name: "date_add", arguments: &[3], answers: of_third, apply: date_add },
    Function { name: "date_diff", arguments: &[3], answers: int64, apply: date_diff },
    Function { name: "date_format", arguments: &[2], answers: utf8, apply: date_format },
    Function { name: "from_iso8601_timestamp", arguments: &[1], answers: |_| Ok(MS), apply: from_iso8601 },
    Function { name: "from_unixtime", arguments: &[1], answers: |_| Ok(MS), apply: from_unixtime },
    Function { name: "to_unixtime", arguments: &[1], answers: |_| Ok(DataType::Float64), apply: to_unixtime },
];

/// Milliseconds since the epoch; texts and dates are read as times.
pub(super) fn millis(of: &ArrayRef) -> Result<TimestampMillisecondArray> {
    match of.data_type() {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Null => {}
        kind if kind.is_string() => {}
        kind => return plan_err!("a time is needed here, and not a value of the type {kind}"),
    }
    Ok(cast(of, &MS)?.as_primitive::<TimestampMillisecondType>().clone())
}

pub(super) fn civil(ms: i64) -> Result<DateTime> {
    let time = jiff::Timestamp::from_millisecond(ms);
    let time = time.map_err(|_| exec_datafusion_err!("the time is out of the years that can be told"))?;
    Ok(time.to_zoned(TimeZone::UTC).datetime())
}

fn too_far() -> DataFusionError {
    exec_datafusion_err!("the time is out of the years that can be told")
}

pub(super) fn ms_of(time: DateTime) -> Result<i64> {
    let zoned = time.to_zoned(TimeZone::UTC);
    let zoned = zoned.map_err(|_| exec_datafusion_err!("the time is out of the years that can be told"))?;
    Ok(zoned.timestamp().as_millisecond())
}

fn parts(arguments: &[ArrayRef], part: fn(DateTime) -> i64) -> Result<ArrayRef> {
    let Some(of) = arguments.first() else { return plan_err!("a time is needed") };
    let values =
        millis(of)?.iter().map(|ms| ms.map(|ms| civil(ms).map(part)).transpose()).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Int64Array::from(values)))
}

fn date(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let Some(of) = arguments.first() else { return plan_err!("a time is needed") };
    let times: ArrayRef = Arc::new(millis(of)?);
    Ok(cast(&times, &DataType::Date32)?)
}

fn of_third(arguments: &[DataType]) -> Result<DataType> {
    Ok(if arguments.get(2) == Some(&DataType::Date32) { DataType::Date32 } else { MS })
}

/// The unit, the same in all rows.
fn unit(of: &ArrayRef) -> Result<Option<String>> {
    if of.is_empty() || of.is_null(0) {
        return Ok(None);
    }
    let units = cast(of, &DataType::Utf8)?;
    let units = units.as_string::<i32>();
    let first = units.value(0);
    match units.iter().all(|unit| unit == Some(first)) {
        true => Ok(Some(first.to_ascii_lowercase())),
        false => exec_err!("the unit of a time span must be the same in all rows"),
    }
}

/// Milliseconds of a unit that is always of one length.
fn unit_ms(unit: &str) -> Option<i64> {
    Some(match unit {
        "millisecond" => 1,
        "second" => 1_000,
        "minute" => 60_000,
        "hour" => 3_600_000,
        "day" => 86_400_000,
        "week" => 604_800_000,
        _ => return None,
    })
}

/// Months of the others.
fn unit_months(unit: &str) -> Result<i64> {
    match unit {
        "month" => Ok(1),
        "quarter" => Ok(3),
        "year" => Ok(12),
        other => exec_err!("'{other}' is not a valid unit of time"),
    }
}

fn date_add(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let [units, count, time] = arguments else { return plan_err!("date_add takes three arguments") };
    let (times, counts) = (millis(time)?, cast(count, &DataType::Int64)?);
    let Some(unit) = unit(units)? else { return Ok(datafusion::arrow::array::new_null_array(&MS, times.len())) };
    let add = |(ms, count): (Option<i64>, Option<i64>)| -> Result<Option<i64>> {
        let Some((ms, count)) = ms.zip(count) else { return Ok(None) };
        if let Some(length) = unit_ms(&unit) {
            return count.checked_mul(length).and_then(|span| ms.checked_add(span)).ok_or_else(too_far).map(Some);
        }
        let months = count.checked_mul(unit_months(&unit)?).ok_or_else(too_far)?;
        let span: Span = 0.months().try_months(months).map_err(|_| too_far())?;
        ms_of(civil(ms)?.checked_add(span).map_err(|_| too_far())?).map(Some)
    };
    let counts = counts.as_primitive::<Int64Type>();
    let values = times.iter().zip(counts.iter()).map(add).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(TimestampMillisecondArray::from(values)))
}

/// Whole units from the first time to the second.
fn date_diff(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let [units, from, to] = arguments else { return plan_err!("date_diff takes three arguments") };
    let (from, to) = (millis(from)?, millis(to)?);
    let Some(unit) = unit(units)? else {
        return Ok(datafusion::arrow::array::new_null_array(&DataType::Int64, from.len()));
    };
    let diff = |(from, to): (Option<i64>, Option<i64>)| -> Result<Option<i64>> {
        let Some((from, to)) = from.zip(to) else { return Ok(None) };
        match unit_ms(&unit) {
            Some(length) => to.checked_sub(from).map(|span| Some(span / length)).ok_or_else(too_far),
            None => Ok(Some(months(civil(from)?, civil(to)?) / unit_months(&unit)?)),
        }
    };
    let values = from.iter().zip(to.iter()).map(diff).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Int64Array::from(values)))
}

/// Whole months from one time to another. The last day of a month counts as any later day of another's.
fn months(from: DateTime, to: DateTime) -> i64 {
    if to < from {
        return -months(to, from);
    }
    let count = |time: DateTime| i64::from(time.year()) * 12 + i64::from(time.month());
    let day = if to.day() == to.days_in_month() { from.day().min(to.day()) } else { from.day() };
    count(to) - count(from) - i64::from((to.day(), to.time()) < (day, from.time()))
}

fn from_iso8601(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let Some(of) = arguments.first() else { return plan_err!("a text is needed") };
    let texts = cast(of, &DataType::Utf8)?;
    let read = |text: Option<&str>| -> Result<Option<i64>> {
        let Some(text) = text else { return Ok(None) };
        let time = model::Timestamp::parse_iso(text);
        let time = time.map(|time| time.0).or_else(|| text.parse::<DateTime>().ok().and_then(|time| ms_of(time).ok()));
        let time = time.or_else(|| text.parse::<jiff::Timestamp>().ok().map(|time| time.as_millisecond()));
        let begin: String = text.chars().take(100).collect();
        time.map(Some).ok_or_else(|| exec_datafusion_err!("'{begin}' is no time of ISO 8601"))
    };
    let values = texts.as_string::<i32>().iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(TimestampMillisecondArray::from(values)))
}

fn from_unixtime(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let Some(of) = arguments.first() else { return plan_err!("a number is needed") };
    let seconds = cast(of, &DataType::Float64)?;
    let ms = |seconds: Option<f64>| -> Result<Option<i64>> {
        let Some(seconds) = seconds else { return Ok(None) };
        let ms = (seconds * 1000.0).round();
        if !ms.is_finite() || civil(ms as i64).is_err() {
            return Err(too_far());
        }
        Ok(Some(ms as i64))
    };
    let values = seconds.as_primitive::<Float64Type>().iter().map(ms).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(TimestampMillisecondArray::from(values)))
}

fn to_unixtime(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let Some(of) = arguments.first() else { return plan_err!("a time is needed") };
    Ok(Arc::new(millis(of)?.iter().map(|ms| ms.map(|ms| ms as f64 / 1000.0)).collect::<Float64Array>()))
}

fn date_format(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let [time, formats] = arguments else { return plan_err!("date_format takes two arguments") };
    let (times, formats) = (millis(time)?, cast(formats, &DataType::Utf8)?);
    let format = |(ms, format): (Option<i64>, Option<&str>)| -> Result<Option<String>> {
        let Some((ms, format)) = ms.zip(format) else { return Ok(None) };
        formatted(civil(ms)?, format).map(Some)
    };
    let values = times.iter().zip(formats.as_string::<i32>().iter()).map(format).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(StringArray::from(values)))
}

/// A time in a format of MySQL, as Trino has them.
fn formatted(time: DateTime, format: &str) -> Result<String> {
    let mut text = String::with_capacity(format.len() + 16);
    let mut chars = format.chars();
    while let Some(char) = chars.next() {
        if char != '%' {
            text.push(char);
            continue;
        }
        let hour12 = (time.hour() + 11) % 12 + 1;
        // Writing to a string does not fail.
        let _ = match chars.next() {
            Some('Y') => write!(text, "{:04}", time.year()),
            Some('y') => write!(text, "{:02}", time.year().rem_euclid(100)),
            Some('m') => write!(text, "{:02}", time.month()),
            Some('c') => write!(text, "{}", time.month()),
            Some('d') => write!(text, "{:02}", time.day()),
            Some('e') => write!(text, "{}", time.day()),
            Some('H') => write!(text, "{:02}", time.hour()),
            Some('k') => write!(text, "{}", time.hour()),
            Some('h' | 'I') => write!(text, "{hour12:02}"),
            Some('l') => write!(text, "{hour12}"),
            Some('i') => write!(text, "{:02}", time.minute()),
            Some('s' | 'S') => write!(text, "{:02}", time.second()),
            Some('f') => write!(text, "{:06}", time.subsec_nanosecond() / 1_000),
            Some('j') => write!(text, "{:03}", time.day_of_year()),
            Some('p') => write!(text, "{}", if time.hour() < 12 { "AM" } else { "PM" }),
            Some('T') => write!(text, "{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second()),
            Some('r') => {
                let half = if time.hour() < 12 { "AM" } else { "PM" };
                write!(text, "{hour12:02}:{:02}:{:02} {half}", time.minute(), time.second())
            }
            Some('v') => write!(text, "{:02}", time.date().iso_week_date().week()),
            Some('x') => write!(text, "{:04}", time.date().iso_week_date().year()),
            Some('M') => write!(text, "{}", time.strftime("%B")),
            Some('b') => write!(text, "{}", time.strftime("%b")),
            Some('W') => write!(text, "{}", time.strftime("%A")),
            Some('a') => write!(text, "{}", time.strftime("%a")),
            Some('%') => write!(text, "%"),
            Some(other) => return exec_err!("date_format does not know %{other}"),
            None => return exec_err!("a format must not end with %"),
        };
    }
    Ok(text)
}
