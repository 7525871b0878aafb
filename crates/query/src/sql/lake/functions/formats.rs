//! Times read and written in formats: those of MySQL (`date_parse`) and of Joda (`format_datetime`, `parse_datetime`).

use super::dates::{MS, civil, millis, ms_of};
use super::strings::text;
use super::{Function, int64, utf8};
use datafusion::arrow::array::{Array, ArrayRef, Date32Array, Int64Array, StringArray, TimestampMillisecondArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err, exec_err, plan_err};
use jiff::civil::{Date, DateTime, Time};
use std::fmt::Write as _;
use std::sync::Arc;

pub(super) const FUNCTIONS: [Function; 8] = [
    Function { name: "date_parse", arguments: &[2], answers: |_| Ok(MS), apply: date_parse },
    Function { name: "parse_datetime", arguments: &[2], answers: |_| Ok(MS), apply: parse_datetime },
    Function { name: "format_datetime", arguments: &[2], answers: utf8, apply: format_datetime },
    Function { name: "to_iso8601", arguments: &[1], answers: utf8, apply: to_iso8601 },
    Function {
        name: "from_iso8601_date",
        arguments: &[1],
        answers: |_| Ok(DataType::Date32),
        apply: from_iso8601_date,
    },
    Function {
        name: "last_day_of_month",
        arguments: &[1],
        answers: |_| Ok(DataType::Date32),
        apply: last_day_of_month,
    },
    Function { name: "year_of_week", arguments: &[1], answers: int64, apply: year_of_week },
    Function { name: "yow", arguments: &[1], answers: int64, apply: year_of_week },
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// One piece of a format.
enum Piece {
    Literal(char),
    /// With the most digits that it reads, and the least that are written.
    Number(Field, usize, usize),
    /// A name, whole or of three letters.
    Month(bool),
    Weekday(bool),
    Half,
    /// Digits of a second: how many.
    Fraction(usize),
    /// `Z` or `+01:00`; as that of UTC is written.
    Offset(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Year,
    ShortYear,
    Month,
    Day,
    Hour,
    HalfHour,
    Minute,
    Second,
    DayOfYear,
    DayOfWeek,
}

/// The pieces of a format of MySQL.
fn mysql(format: &str) -> Result<Vec<Piece>> {
    let (mut pieces, mut chars) = (Vec::new(), format.chars());
    while let Some(char) = chars.next() {
        if char != '%' {
            pieces.push(Piece::Literal(char));
            continue;
        }
        let number = |field, most| Piece::Number(field, most, 1);
        let time = [Field::Hour, Field::Minute, Field::Second];
        pieces.push(match chars.next() {
            Some('Y') => number(Field::Year, 4),
            Some('y') => number(Field::ShortYear, 2),
            Some('m' | 'c') => number(Field::Month, 2),
            Some('d' | 'e') => number(Field::Day, 2),
            Some('H' | 'k') => number(Field::Hour, 2),
            Some('h' | 'I' | 'l') => number(Field::HalfHour, 2),
            Some('i') => number(Field::Minute, 2),
            Some('s' | 'S') => number(Field::Second, 2),
            Some('j') => number(Field::DayOfYear, 3),
            Some('f') => Piece::Fraction(9),
            Some('M') => Piece::Month(true),
            Some('b') => Piece::Month(false),
            Some('W') => Piece::Weekday(true),
            Some('a') => Piece::Weekday(false),
            Some('p') => Piece::Half,
            Some('%') => Piece::Literal('%'),
            Some(kind @ ('T' | 'r')) => {
                for (at, field) in time.into_iter().enumerate() {
                    let field = if kind == 'r' && field == Field::Hour { Field::HalfHour } else { field };
                    pieces.extend((at > 0).then_some(Piece::Literal(':')));
                    pieces.push(number(field, 2));
                }
                if kind == 'r' {
                    pieces.extend([Piece::Literal(' '), Piece::Half]);
                }
                continue;
            }
            Some(other) => return exec_err!("date_parse does not know %{other}"),
            None => return exec_err!("a format must not end with %"),
        });
    }
    Ok(pieces)
}

/// The pieces of a format of Joda.
fn joda(format: &str) -> Result<Vec<Piece>> {
    let (mut pieces, mut chars) = (Vec::new(), format.chars().peekable());
    while let Some(letter) = chars.next() {
        if letter == '\'' {
            let mut is_empty = true;
            loop {
                match chars.next() {
                    Some('\'') if chars.peek() == Some(&'\'') => pieces.extend(chars.next().map(Piece::Literal)),
                    Some('\'') => break,
                    Some(other) => pieces.push(Piece::Literal(other)),
                    None => return exec_err!("a quote in the format '{format}' is not closed"),
                }
                is_empty = false;
            }
            pieces.extend(is_empty.then_some(Piece::Literal('\'')));
            continue;
        }
        if !letter.is_ascii_alphabetic() {
            pieces.push(Piece::Literal(letter));
            continue;
        }
        let mut count = 1;
        while chars.next_if_eq(&letter).is_some() {
            count += 1;
        }
        // Digits that follow a year at once are of the next piece.
        let of_year = if chars.peek().is_some_and(char::is_ascii_alphabetic) { count } else { 9 };
        let number = |field, most| Piece::Number(field, most, count);
        pieces.push(match (letter, count) {
            ('y' | 'Y', 2) => number(Field::ShortYear, 2),
            ('y' | 'Y', _) => number(Field::Year, of_year),
            ('M', 1 | 2) => number(Field::Month, 2),
            ('M', count) => Piece::Month(count > 3),
            ('d', _) => number(Field::Day, 2),
            ('H', _) => number(Field::Hour, 2),
            ('h', _) => number(Field::HalfHour, 2),
            ('m', _) => number(Field::Minute, 2),
            ('s', _) => number(Field::Second, 2),
            ('D', _) => number(Field::DayOfYear, 3),
            ('e', _) => number(Field::DayOfWeek, 1),
            ('S', count) => Piece::Fraction(count),
            ('E', count) => Piece::Weekday(count > 3),
            ('a', _) => Piece::Half,
            ('Z', 1) => Piece::Offset("+0000"),
            ('Z', 2) => Piece::Offset("+00:00"),
            ('Z' | 'z', _) => Piece::Offset("UTC"),
            _ => return exec_err!("the letter '{letter}' in the format '{format}' is not known"),
        });
    }
    Ok(pieces)
}

/// What was read so far.
#[derive(Default)]
struct Read {
    fields: Vec<(Field, i64)>,
    nanos: i32,
    is_afternoon: Option<bool>,
    offset_ms: i64,
}

impl Read {
    fn get(&self, wanted: Field) -> Option<i64> {
        self.fields.iter().rev().find(|(field, _)| *field == wanted).map(|(_, value)| *value)
    }

    /// The time in milliseconds; what was not there is that of 1970-01-01 00:00.
    fn time(&self) -> Option<i64> {
        let short = |year| if year < 70 { 2000 + year } else { 1900 + year };
        let year = self.get(Field::Year).or_else(|| self.get(Field::ShortYear).map(short)).unwrap_or(1970);
        let year = i16::try_from(year).ok()?;
        let small = |field| self.get(field).map_or(Some(None), |value| i8::try_from(value).ok().map(Some));
        let date = match self.get(Field::DayOfYear) {
            Some(day) => Date::new(year, 1, 1).ok()?.with().day_of_year(i16::try_from(day).ok()?).build().ok()?,
            None => Date::new(year, small(Field::Month)?.unwrap_or(1), small(Field::Day)?.unwrap_or(1)).ok()?,
        };
        let hour = match (small(Field::Hour)?, small(Field::HalfHour)?) {
            (Some(hour), _) => hour,
            (None, Some(hour @ 1..=12)) => hour % 12 + if self.is_afternoon == Some(true) { 12 } else { 0 },
            (None, Some(_)) => return None,
            (None, None) => 0,
        };
        let (minute, second) = (small(Field::Minute)?.unwrap_or(0), small(Field::Second)?.unwrap_or(0));
        let time = Time::new(hour, minute, second, self.nanos).ok()?;
        ms_of(DateTime::from_parts(date, time)).ok()?.checked_sub(self.offset_ms)
    }
}

/// Takes digits off a text.
fn digits<'t>(text: &mut &'t str, most: usize) -> Option<&'t str> {
    let end = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(end).filter(|(digits, _)| !digits.is_empty())?;
    *text = rest;
    Some(digits)
}

/// Takes one of these names off a text, whole or its first letters, whatever the case.
fn named(text: &mut &str, names: &[&str], is_whole: bool) -> Option<usize> {
    let own = |name: &str| if is_whole { name.len() } else { 3 };
    let begins = |name: &&str| {
        let begin = text.get(..own(name));
        begin.is_some_and(|begin| name.get(..own(name)).is_some_and(|name| name.eq_ignore_ascii_case(begin)))
    };
    let at = names.iter().position(begins)?;
    *text = text.get(own(names.get(at)?)..)?;
    Some(at)
}

/// Takes an offset from UTC off a text, in milliseconds.
fn offset(text: &mut &str) -> Option<i64> {
    for zero in ["UTC", "GMT", "Z"] {
        if let Some(rest) = text.strip_prefix(zero) {
            *text = rest;
            return Some(0);
        }
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    *text = text.strip_prefix(['+', '-'])?;
    let hours: i64 = digits(text, 2)?.parse().ok()?;
    *text = text.strip_prefix(':').unwrap_or(text);
    let minutes: i64 = digits(text, 2)?.parse().ok()?;
    Some(sign * (hours * 60 + minutes) * 60_000)
}

/// A text in a format; `None` where it is not in it.
fn parsed(mut text: &str, pieces: &[Piece]) -> Option<i64> {
    let mut read = Read::default();
    for piece in pieces {
        match piece {
            Piece::Literal(char) => text = text.strip_prefix(*char)?,
            Piece::Number(field, most, _) => {
                let digits = digits(&mut text, *most)?;
                read.fields.push((*field, digits.parse().ok()?));
            }
            Piece::Month(is_whole) => {
                let month = named(&mut text, &MONTHS, *is_whole)? as i64 + 1;
                read.fields.push((Field::Month, month));
            }
            Piece::Weekday(is_whole) => drop(named(&mut text, &DAYS, *is_whole)?),
            Piece::Half => {
                let half = named_half(&mut text)?;
                read.is_afternoon = Some(half);
            }
            Piece::Fraction(most) => {
                let digits = digits(&mut text, *most)?;
                let nanos: i32 = digits.get(..digits.len().min(9))?.parse().ok()?;
                read.nanos = nanos.checked_mul(10_i32.checked_pow(9 - digits.len().min(9) as u32)?)?;
            }
            Piece::Offset(_) => read.offset_ms = offset(&mut text)?,
        }
    }
    text.is_empty().then(|| read.time()).flatten()
}

/// Whether it is the afternoon.
fn named_half(text: &mut &str) -> Option<bool> {
    let half = text.get(..2)?;
    let is_afternoon = half.eq_ignore_ascii_case("PM");
    (is_afternoon || half.eq_ignore_ascii_case("AM")).then_some(())?;
    *text = text.get(2..)?;
    Some(is_afternoon)
}

fn read(arguments: &[ArrayRef], pieces: fn(&str) -> Result<Vec<Piece>>) -> Result<ArrayRef> {
    let (texts, formats) = (text(arguments, 0)?, text(arguments, 1)?);
    let mut times = Vec::with_capacity(texts.len());
    let mut known: Option<(String, Vec<Piece>)> = None;
    for (text, format) in texts.iter().zip(formats.iter()) {
        let Some((text, format)) = text.zip(format) else {
            times.push(None);
            continue;
        };
        let of = match known.take().filter(|(of, _)| of == format) {
            Some(known) => known,
            None => (format.to_owned(), pieces(format)?),
        };
        let begin: String = text.chars().take(100).collect();
        let time = parsed(text, &of.1);
        times.push(Some(
            time.ok_or_else(|| exec_datafusion_err!("Invalid format: '{begin}' is not in the format '{format}'"))?,
        ));
        known = Some(of);
    }
    Ok(Arc::new(TimestampMillisecondArray::from(times)))
}

fn date_parse(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    read(arguments, mysql)
}

fn parse_datetime(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    read(arguments, joda)
}

/// A time in a format of Joda.
fn formatted(time: DateTime, pieces: &[Piece]) -> String {
    let mut text = String::new();
    for piece in pieces {
        // Writing to a string does not fail.
        let _ = match piece {
            Piece::Literal(char) => write!(text, "{char}"),
            Piece::Number(field, _, least) => {
                let value = match field {
                    Field::Year => i64::from(time.year()),
                    Field::ShortYear => i64::from(time.year().rem_euclid(100)),
                    Field::Month => i64::from(time.month()),
                    Field::Day => i64::from(time.day()),
                    Field::Hour => i64::from(time.hour()),
                    Field::HalfHour => i64::from((time.hour() + 11) % 12 + 1),
                    Field::Minute => i64::from(time.minute()),
                    Field::Second => i64::from(time.second()),
                    Field::DayOfYear => i64::from(time.day_of_year()),
                    Field::DayOfWeek => i64::from(time.weekday().to_monday_one_offset()),
                };
                write!(text, "{value:0least$}", least = *least)
            }
            Piece::Month(true) => write!(text, "{}", time.strftime("%B")),
            Piece::Month(false) => write!(text, "{}", time.strftime("%b")),
            Piece::Weekday(true) => write!(text, "{}", time.strftime("%A")),
            Piece::Weekday(false) => write!(text, "{}", time.strftime("%a")),
            Piece::Half => write!(text, "{}", if time.hour() < 12 { "AM" } else { "PM" }),
            Piece::Fraction(count) => {
                let nanos = format!("{:09}", time.subsec_nanosecond());
                write!(text, "{}", nanos.get(..*count).unwrap_or(&nanos))
            }
            Piece::Offset(utc) => write!(text, "{utc}"),
        };
    }
    text
}

fn format_datetime(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let Some(of) = arguments.first() else { return plan_err!("a time is needed") };
    let (times, formats) = (millis(of)?, text(arguments, 1)?);
    let format = |(ms, format): (Option<i64>, Option<&str>)| match ms.zip(format) {
        Some((ms, format)) => Ok(Some(formatted(civil(ms)?, &joda(format)?))),
        None => Ok(None),
    };
    let values = times.iter().zip(formats.iter()).map(format).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(StringArray::from(values)))
}

fn to_iso8601(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let Some(of) = arguments.first() else { return plan_err!("a time is needed") };
    let (end, is_zoned) = match of.data_type() {
        DataType::Date32 => (10, false),
        DataType::Timestamp(_, zone) => (23, zone.is_some()),
        other => return plan_err!("to_iso8601 takes a time or a date, and not a value of the type {other}"),
    };
    let written = |ms: i64| {
        let text = model::Timestamp(ms).iso_millis();
        format!("{}{}", text.get(..end).unwrap_or(&text), if is_zoned { "Z" } else { "" })
    };
    Ok(Arc::new(millis(of)?.iter().map(|ms| ms.map(written)).collect::<StringArray>()))
}

/// Days since the epoch.
fn days(date: Date) -> Result<i32> {
    let ms = ms_of(date.to_datetime(Time::midnight()))?;
    i32::try_from(ms.div_euclid(86_400_000))
        .map_err(|_| exec_datafusion_err!("the time is out of the years that can be told"))
}

fn from_iso8601_date(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let read = |text: Option<&str>| {
        let Some(text) = text else { return Ok(None) };
        let begin: String = text.chars().take(100).collect();
        let date = text.parse::<Date>().map_err(|_| exec_datafusion_err!("Invalid format: \"{begin}\""))?;
        days(date).map(Some)
    };
    let values = text(arguments, 0)?.iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Date32Array::from(values)))
}

fn last_day_of_month(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let Some(of) = arguments.first() else { return plan_err!("a time is needed") };
    let last = |ms: Option<i64>| ms.map(|ms| days(civil(ms)?.date().last_of_month())).transpose();
    Ok(Arc::new(Date32Array::from(millis(of)?.iter().map(last).collect::<Result<Vec<_>>>()?)))
}

fn year_of_week(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let Some(of) = arguments.first() else { return plan_err!("a time is needed") };
    let year = |ms: Option<i64>| ms.map(|ms| Ok(i64::from(civil(ms)?.date().iso_week_date().year()))).transpose();
    Ok(Arc::new(Int64Array::from(millis(of)?.iter().map(year).collect::<Result<Vec<_>>>()?)))
}
