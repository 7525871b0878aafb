//! Writing a date by a pattern.

use super::format::{Format, Item};
use super::locale::Locale;
use jiff::Zoned;
use std::fmt::Write as _;

/// The date as the pattern has it; optional parts are always there.
pub(super) fn write(format: &Format, at: &Zoned, locale: &Locale) -> String {
    let mut text = String::new();
    items(&format.0, at, locale, &mut text);
    text
}

fn items(list: &[Item], at: &Zoned, locale: &Locale, text: &mut String) {
    for item in list {
        match item {
            Item::Text(literal) => text.push_str(literal),
            Item::Optional(inner) => items(inner, at, locale, text),
            Item::Field(letter, count) => field(*letter, *count, at, locale, text),
        }
    }
}

fn field(letter: char, count: usize, at: &Zoned, locale: &Locale, text: &mut String) {
    let month = usize::try_from(at.month() - 1).unwrap_or(0);
    let day = usize::try_from(at.weekday().to_monday_zero_offset()).unwrap_or(0);
    let number = match letter {
        'y' | 'u' if count == 2 => i64::from(at.year().rem_euclid(100)),
        'y' | 'u' => i64::from(at.year()),
        'M' | 'L' if count >= 3 => return text.push_str(locale.months[usize::from(count == 3)][month]),
        'M' | 'L' => i64::from(at.month()),
        'd' => i64::from(at.day()),
        'D' => i64::from(at.day_of_year()),
        'E' => return text.push_str(locale.days[usize::from(count <= 3)][day]),
        'a' => return text.push_str(if at.hour() < 12 { "AM" } else { "PM" }),
        'H' => i64::from(at.hour()),
        'k' => (i64::from(at.hour()) + 23) % 24 + 1,
        'h' => (i64::from(at.hour()) + 11) % 12 + 1,
        'K' => i64::from(at.hour()) % 12,
        'm' => i64::from(at.minute()),
        's' => i64::from(at.second()),
        'S' => {
            let nanoseconds = format!("{:09}", at.subsec_nanosecond());
            return text.push_str(&nanoseconds[..count.min(9)]);
        }
        'z' => return text.push_str(&at.strftime("%Z").to_string()),
        'V' => {
            let name = at.time_zone().iana_name().map_or_else(|| at.strftime("%:z").to_string(), str::to_owned);
            return text.push_str(&name);
        }
        _ => return offset(letter, count, at, text),
    };
    // Writing to a String cannot fail.
    let _ = write!(text, "{number:0count$}");
}

fn offset(letter: char, count: usize, at: &Zoned, text: &mut String) {
    let seconds = at.offset().seconds();
    let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
    let sign = if seconds < 0 { '-' } else { '+' };
    let is_zero = seconds == 0;
    let written = match (letter, count) {
        ('X', _) | ('Z', 5) if is_zero => "Z".to_owned(),
        ('X' | 'x', 1) if minutes == 0 => format!("{sign}{hours:02}"),
        ('O', _) | ('Z', 4) if is_zero => "GMT".to_owned(),
        ('O', 1) if minutes == 0 => format!("GMT{sign}{hours}"),
        ('O', 1) => format!("GMT{sign}{hours}:{minutes:02}"),
        ('O', _) | ('Z', 4) => format!("GMT{sign}{hours:02}:{minutes:02}"),
        ('X' | 'x', 3) | ('X' | 'x', 5) | ('Z', 5) => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}{minutes:02}"),
    };
    text.push_str(&written);
}
