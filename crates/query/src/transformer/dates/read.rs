//! Reading a date by a pattern.

use super::format::{Format, Item};
use super::locale::Locale;
use super::{offset, zone};
use jiff::Zoned;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Longest name of a zone, bytes.
const ZONE_BYTES_MAX: usize = 40;

/// What was read so far.
#[derive(Debug, Clone, Default)]
struct Parts {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    day_of_year: Option<i16>,
    /// Of 24.
    hour: Option<i8>,
    /// Of 12, 0 to 11.
    half_hour: Option<i8>,
    is_afternoon: bool,
    minute: i8,
    second: i8,
    nanosecond: i32,
    zone: Option<TimeZone>,
}

/// The instant that the whole text says; `from` is its zone when it names none, and `year` its year.
pub(super) fn read(format: &Format, text: &str, locale: &Locale, from: &TimeZone, year: i16) -> Option<Zoned> {
    let mut parts = Parts::default();
    let rest = items(&format.0, text, locale, &mut parts)?;
    if !rest.is_empty() {
        return None;
    }
    let year = parts.year.unwrap_or(year);
    let date = match parts.day_of_year {
        Some(day) => Date::new(year, 1, 1).ok()?.with().day_of_year(day).build().ok()?,
        None => Date::new(year, parts.month.unwrap_or(1), parts.day.unwrap_or(1)).ok()?,
    };
    let afternoon = if parts.is_afternoon { 12 } else { 0 };
    let hour = parts.hour.or(parts.half_hour.map(|hour| hour + afternoon)).unwrap_or(0);
    let time = jiff::civil::Time::new(hour, parts.minute, parts.second, parts.nanosecond).ok()?;
    let zone = parts.zone.unwrap_or_else(|| from.clone());
    zone.to_zoned(DateTime::from_parts(date, time)).ok()
}

/// What is left of the text behind the items.
fn items<'t>(list: &[Item], mut text: &'t str, locale: &Locale, parts: &mut Parts) -> Option<&'t str> {
    for (at, item) in list.iter().enumerate() {
        text = match item {
            Item::Text(literal) => text.strip_prefix(literal.as_str())?,
            Item::Optional(inner) => {
                let before = parts.clone();
                match items(inner, text, locale, parts) {
                    Some(rest) => rest,
                    None => {
                        *parts = before;
                        text
                    }
                }
            }
            Item::Field(letter, count) => {
                // Digits that follow each other are counted.
                let is_tight =
                    matches!(list.get(at + 1), Some(Item::Field(next, _)) if "yuMLdDHkhKmsS".contains(*next));
                field(*letter, *count, is_tight, text, locale, parts)?
            }
        };
    }
    Some(text)
}

fn field<'t>(
    letter: char,
    count: usize,
    is_tight: bool,
    text: &'t str,
    locale: &Locale,
    parts: &mut Parts,
) -> Option<&'t str> {
    let width = |most: usize| {
        if is_tight || count > 1 { (count, count.max(if is_tight { count } else { most })) } else { (1, most) }
    };
    match letter {
        'y' | 'u' => {
            let (least, most) = if count == 2 { (2, 2) } else { width(4) };
            let (number, rest) = digits(text, least, most)?;
            let century = if count == 2 { 2000 } else { 0 };
            parts.year = Some(i16::try_from(number).ok()? + century);
            Some(rest)
        }
        'M' | 'L' if count >= 3 => {
            let (index, rest) = name(text, &locale.months[usize::from(count == 3)])?;
            parts.month = Some(index + 1);
            Some(rest)
        }
        'E' => name(text, &locale.days[usize::from(count <= 3)]).map(|(_, rest)| rest),
        'D' => {
            let (number, rest) = digits(text, count, 3)?;
            parts.day_of_year = Some(i16::try_from(number).ok()?);
            Some(rest)
        }
        'a' => {
            let (half, rest) = text.split_at_checked(2)?;
            parts.is_afternoon = half.eq_ignore_ascii_case("pm");
            (parts.is_afternoon || half.eq_ignore_ascii_case("am")).then_some(rest)
        }
        'S' => {
            let (number, rest) = digits(text, count, count)?;
            parts.nanosecond = i32::try_from(number).ok()? * 10_i32.pow(9 - count as u32);
            Some(rest)
        }
        'z' | 'V' => {
            let (zone, rest) = zone_name(text)?;
            parts.zone = Some(zone);
            Some(rest)
        }
        'Z' | 'X' | 'x' | 'O' => {
            let bare = ["GMT", "UTC"].iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
            let (zone, rest) = match (bare.strip_prefix('Z'), offset(bare)) {
                (Some(rest), _) => (TimeZone::UTC, rest),
                (None, Some((offset, length))) => (TimeZone::fixed(offset), &bare[length..]),
                // `GMT` alone.
                (None, None) if bare.len() < text.len() => (TimeZone::UTC, bare),
                (None, None) => return None,
            };
            parts.zone = Some(zone);
            Some(rest)
        }
        _ => {
            let (least, most) = width(2);
            let (number, rest) = digits(text, least, most.min(2))?;
            let number = i8::try_from(number).ok()?;
            match letter {
                'M' | 'L' => parts.month = Some(number),
                'd' => parts.day = Some(number),
                'H' => parts.hour = Some(number),
                'k' => parts.hour = Some(number % 24),
                'h' | 'K' => parts.half_hour = Some(number % 12).filter(|_| number <= 12),
                'm' => parts.minute = number,
                's' => parts.second = number,
                _ => return None,
            }
            Some(rest)
        }
    }
}

/// A number of so many digits.
fn digits(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(count).filter(|_| count >= least.max(1))?;
    Some((number.parse().ok()?, rest))
}

/// The longest of the names that the text begins with, in any case.
fn name<'t, const N: usize>(text: &'t str, names: &[&str; N]) -> Option<(i8, &'t str)> {
    let begins = |name: &str| {
        let (start, rest) = text.split_at_checked(name.len())?;
        (start.to_lowercase() == name.to_lowercase()).then_some(rest)
    };
    let found = names.iter().enumerate().filter_map(|(index, name)| Some((index, begins(name)?)));
    let (index, rest) = found.min_by_key(|(_, rest)| rest.len())?;
    Some((i8::try_from(index).ok()?, rest))
}

/// The longest start of the text that names a zone.
fn zone_name(text: &str) -> Option<(TimeZone, &str)> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'+' | b'-' | b':');
    let length = text.bytes().take(ZONE_BYTES_MAX).take_while(|byte| is_part(*byte)).count();
    let abbreviated = |name: &str| {
        let hours = match name {
            "EST" | "CDT" => -5,
            "EDT" => -4,
            "CST" | "MDT" => -6,
            "MST" | "PDT" => -7,
            "PST" => -8,
            "CET" | "MEZ" | "BST" => 1,
            "CEST" | "MESZ" | "EET" => 2,
            "EEST" | "MSK" => 3,
            "IST" => return zone("+05:30"),
            "JST" => 9,
            _ => return None,
        };
        jiff::tz::Offset::from_hours(hours).ok().map(TimeZone::fixed)
    };
    (1..=length).rev().find_map(|end| {
        let name = &text[..end];
        Some((abbreviated(name).or_else(|| zone(name))?, &text[end..]))
    })
}
