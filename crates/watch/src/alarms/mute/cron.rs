//! Five-field cron expressions: minute, hour, day of month, month, day of week, with `*`, `,`, `-` and English names.
//!
//! As in Unix's cron, a day matches when either its number or its weekday does, if both fields are restricted. 0 and 7
//! are Sunday, and weekdays may run over Sunday (`FRI-SUN`, `SAT-MON`). Steps (`/`) are not supported, as AWS says.

use super::{MuteError, error, minute_earlier, minute_later};
use crate::alarms::zone;
use jiff::civil::{Date, DateTime, time};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};
use model::Timestamp;

/// Days that are searched for the next match: 29 February may be 8 years away.
const SEARCH_DAYS: usize = 8 * 366 + 1;
/// Longest repetition of local times that is reckoned with.
const FOLD_HOURS_MAX: i64 = 3;

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The minutes that an expression matches, each field a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// 0 is Sunday.
    weekdays: u64,
    any_day: bool,
    any_weekday: bool,
}

struct Field {
    name: &'static str,
    min: u32,
    max: u32,
    /// Names of the values from `min` on.
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", min: 0, max: 59, names: &[] },
    Field { name: "hour", min: 0, max: 23, names: &[] },
    Field { name: "day-of-month", min: 1, max: 31, names: &[] },
    Field { name: "month", min: 1, max: 12, names: &MONTHS },
    Field { name: "day-of-week", min: 0, max: 7, names: &WEEKDAYS },
];

impl Cron {
    /// Parses the five fields; `column` is where they begin in the whole expression.
    pub fn parse(text: &str, column: usize) -> Result<Self, MuteError> {
        let fields = words(text);
        if fields.len() != FIELDS.len() {
            let message = format!(
                "cron expression must have 5 fields (minute hour day-of-month month day-of-week), got {}",
                fields.len()
            );
            return Err(error("Expression", message, column));
        }
        let mut sets = [0_u64; 5];
        for ((set, field), (at, word)) in sets.iter_mut().zip(&FIELDS).zip(&fields) {
            *set = field.parse(word, column + at)?;
        }
        let [minutes, hours, days, months, weekdays] = sets;
        let sunday = weekdays >> 7 & 1;
        let cron = Self {
            minutes,
            hours,
            days,
            months,
            weekdays: weekdays & 0x7f | sunday,
            any_day: fields[2].1 == "*",
            any_weekday: fields[4].1 == "*",
        };
        if !cron.occurs() {
            return Err(error("Expression", "cron expression never occurs".to_owned(), column));
        }
        Ok(cron)
    }

    /// The first match after `at`.
    pub fn first_after(&self, zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
        let mut local = zone::local(zone, at)?;
        loop {
            let found = self.first(local)?;
            let instant = zone::instant(zone, found)?;
            if instant > at {
                return Some(instant);
            }
            local = minute_later(found)?;
        }
    }

    /// The last match that is not after `at`.
    pub fn last_at_or_before(&self, zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
        let mut local = zone::local(zone, at)?;
        if zone::is_fold(zone, local) {
            // The second time round, later local times have been already.
            local = local.checked_add(FOLD_HOURS_MAX.hours()).ok()?;
        }
        loop {
            let found = self.last(local)?;
            let instant = zone::instant(zone, found)?;
            if instant <= at {
                return Some(instant);
            }
            local = minute_earlier(found)?;
        }
    }

    /// True unless the expression names only days that no month has.
    fn occurs(&self) -> bool {
        let longest = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let has_day =
            |month: u32| has(self.months, month) && (1..=longest[month as usize - 1]).any(|day| has(self.days, day));
        (!self.any_weekday && self.months != 0) || (1..=12).any(has_day)
    }

    /// The first matching local time that is not before `from`.
    fn first(&self, from: DateTime) -> Option<DateTime> {
        // A part of a minute rounds up.
        let whole = time(from.hour(), from.minute(), 0, 0);
        let from = if from.time() > whole { minute_later(from.date().to_datetime(whole))? } else { from };
        let minute_of_day = u32::from(from.hour() as u8) * 60 + u32::from(from.minute() as u8);
        self.search(from.date(), 1.day(), |today| {
            let earliest = if today { minute_of_day } else { 0 };
            (earliest / 60..24).filter(|hour| has(self.hours, *hour)).find_map(|hour| {
                let earliest = if hour * 60 < earliest { earliest % 60 } else { 0 };
                (earliest..60).find(|minute| has(self.minutes, *minute)).map(|minute| (hour, minute))
            })
        })
    }

    /// The last matching local time that is not after `from`.
    fn last(&self, from: DateTime) -> Option<DateTime> {
        let minute_of_day = u32::from(from.hour() as u8) * 60 + u32::from(from.minute() as u8);
        self.search(from.date(), -1.day(), |today| {
            let latest = if today { minute_of_day } else { 24 * 60 - 1 };
            (0..=latest / 60).rev().filter(|hour| has(self.hours, *hour)).find_map(|hour| {
                let latest = if hour == latest / 60 { latest % 60 } else { 59 };
                (0..=latest).rev().find(|minute| has(self.minutes, *minute)).map(|minute| (hour, minute))
            })
        })
    }

    /// Goes from day to day until `time_in` finds an hour and minute on one that matches; it is told whether the day is
    /// the first.
    fn search(&self, from: Date, step: Span, time_in: impl Fn(bool) -> Option<(u32, u32)>) -> Option<DateTime> {
        let mut date = from;
        for _ in 0..SEARCH_DAYS {
            if self.matches(date)
                && let Some((hour, minute)) = time_in(date == from)
            {
                let at = time(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
                return Some(date.to_datetime(at));
            }
            date = date.checked_add(step).ok()?;
        }
        None
    }

    fn matches(&self, date: Date) -> bool {
        let day = has(self.days, u32::from(date.day() as u8));
        let weekday = has(self.weekdays, u32::from(date.weekday().to_sunday_zero_offset() as u8));
        let by_day = match (self.any_day, self.any_weekday) {
            (false, false) => day || weekday,
            _ => day && weekday,
        };
        has(self.months, u32::from(date.month() as u8)) && by_day
    }
}

impl Field {
    fn parse(&self, text: &str, column: usize) -> Result<u64, MuteError> {
        let mut set = 0;
        let mut at = column;
        for item in text.split(',') {
            set |= self.item(item, at)?;
            at += item.chars().count() + 1;
        }
        Ok(set)
    }

    /// `*`, a value or a range of values.
    fn item(&self, item: &str, column: usize) -> Result<u64, MuteError> {
        if item == "*" {
            return Ok(range(self.min, self.max));
        }
        let bad = || {
            let names = match (self.names.first(), self.names.last()) {
                (Some(first), Some(last)) => format!(" or {first}-{last}"),
                _ => String::new(),
            };
            let message = format!(
                "{} '{item}' at char {column} must be *, or values and ranges of {}-{}{names}",
                self.name, self.min, self.max
            );
            error("Expression", message, column)
        };
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let (first, last) = (self.value(first).ok_or_else(bad)?, self.value(last).ok_or_else(bad)?);
        if first <= last {
            return Ok(range(first, last));
        }
        // Only the week runs on over its end.
        if self.max == 7 { Ok(range(first, 6) | range(0, last)) } else { Err(bad()) }
    }

    fn value(&self, text: &str) -> Option<u32> {
        if let Some(index) = self.names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return Some(self.min + u32::try_from(index).ok()?);
        }
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let value: u32 = digits.then(|| text.parse().ok())??;
        (self.min..=self.max).contains(&value).then_some(value)
    }
}

/// The words of `text` and where each begins, in characters.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut column = 0;
    for word in text.split(' ') {
        if !word.is_empty() {
            words.push((column, word));
        }
        column += word.chars().count() + 1;
    }
    words
}

fn has(set: u64, value: u32) -> bool {
    set >> value & 1 == 1
}

fn range(first: u32, last: u32) -> u64 {
    (first..=last).fold(0, |set, value| set | 1 << value)
}
