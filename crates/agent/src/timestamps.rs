//! Finds the time of a record by a strftime-like format, anywhere in its first bytes.
//!
//! The directives are those of jiff's strtime that say a date, a time or a zone; `%f` is a fraction of any length. A format
//! without a year (syslog) means the last such day that is not more than a day ahead; one without a date means today. A
//! time that does not exist in its zone (daylight saving) is taken as the zone's rules before the gap say.

use anyhow::{Context, bail};
use jiff::civil::Date;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;
use model::Timestamp;
use model::time::DAY;
use regex::Regex;

/// How much of a record is searched.
const SEARCHED_BYTES_MAX: usize = 1024;

/// A format, ready for use.
#[derive(Debug, Clone)]
pub struct TimestampFormat {
    format: String,
    pattern: Regex,
    zone: TimeZone,
}

impl TimestampFormat {
    /// Reads a format; `zone` is for texts that say none.
    ///
    /// # Errors
    /// In words, when a directive is unknown, or the format says neither a date nor a time.
    pub fn new(format: &str, zone: TimeZone) -> anyhow::Result<Self> {
        let pattern = pattern_of(format)?;
        // Days are written "1", " 1" and "01", whatever the format says; jiff takes them all.
        let read = Self { format: format.into(), pattern: Regex::new(&pattern)?, zone };
        let now = Timestamp(1_764_000_000_000);
        let example = jiff::Timestamp::from_millisecond(now.0)?.to_zoned(TimeZone::UTC);
        let example = strtime::format(format, &example).with_context(|| format!("timestamp format '{format}'"))?;
        if read.find(&example, now).is_none() {
            bail!("timestamp format '{format}' does not say a time: its own example '{example}' is not understood");
        }
        Ok(read)
    }

    /// True when the format occurs in the first bytes of `line`.
    pub fn pattern(&self) -> &Regex {
        &self.pattern
    }

    /// The time that `text` says, seen at `now`.
    pub fn find(&self, text: &str, now: Timestamp) -> Option<Timestamp> {
        let found = self.pattern.find(&text[..text.floor_char_boundary(SEARCHED_BYTES_MAX)])?;
        let time = BrokenDownTime::parse(&self.format, found.as_str()).ok()?;
        if time.timestamp().is_some() || time.offset().is_some() {
            return Some(Timestamp(time.to_timestamp().ok()?.as_millisecond()));
        }
        let clock = time.to_time().ok()?;
        let today = jiff::Timestamp::from_millisecond(now.0).ok()?.to_zoned(self.zone.clone()).date();
        let at = |date: Date| {
            let zoned = date.to_datetime(clock).to_zoned(self.zone.clone()).ok()?;
            Some(Timestamp(zoned.timestamp().as_millisecond()))
        };
        match (time.year(), time.month(), time.day()) {
            (None, Some(month), Some(day)) => {
                let years = [today.year() + 1, today.year(), today.year() - 1];
                let mut times = years.iter().filter_map(|&year| at(Date::new(year, month, day).ok()?));
                times.find(|time| *time <= now + DAY)
            }
            (None, None, None) => time.hour().and(at(today)),
            _ => at(time.to_date().ok()?),
        }
    }
}

/// The regular expression of a format.
fn pattern_of(format: &str) -> anyhow::Result<String> {
    let mut pattern = String::new();
    let mut letters = format.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            pattern.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4])));
            continue;
        }
        let mut directive = letters.next();
        // Flags of padding mean nothing to a reader.
        while matches!(directive, Some('-' | '_' | '0')) {
            directive = letters.next();
        }
        if directive == Some('.') {
            let digits = letters.next_if(char::is_ascii_digit);
            if letters.next() != Some('f') || digits == Some('0') {
                bail!("timestamp format '{format}': '%.' must be followed by f, or by a number and f");
            }
            pattern.push_str(r"(?:\.\d{1,9})?");
            continue;
        }
        pattern.push_str(match directive {
            Some('Y') => r"\d{4}",
            Some('m' | 'd' | 'H' | 'I' | 'M' | 'S') => r"[ \d]?\d",
            Some('e' | 'k' | 'l') => r"[ \d]?\d",
            Some('y') => r"\d{2}",
            Some('j') => r"\d{1,3}",
            Some('f' | 'N') => r"\d{1,9}",
            Some('b' | 'B' | 'h' | 'a' | 'A') => r"[A-Za-z]{3,9}",
            Some('p' | 'P') => r"[AaPp][Mm]",
            Some('z') => r"[+-]\d{2}:?\d{2}",
            Some('s') => r"-?\d{1,12}",
            Some('T') => r"[ \d]?\d:\d{2}:\d{2}",
            Some('R') => r"[ \d]?\d:\d{2}",
            Some('F') => r"\d{4}-\d{2}-\d{2}",
            Some('D') => r"\d{1,2}/\d{1,2}/\d{2}",
            Some('%') => "%",
            Some(other) => bail!("timestamp format '{format}': %{other} is not known here"),
            None => bail!("timestamp format '{format}' ends with %"),
        });
    }
    Ok(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(format: &str, zone: &str, text: &str, now: &str) -> Option<String> {
        let format = TimestampFormat::new(format, TimeZone::get(zone).unwrap()).unwrap();
        format.find(text, Timestamp::parse_iso(now).unwrap()).map(Timestamp::iso_millis)
    }

    #[test]
    fn the_usual_formats_are_found_in_their_lines() {
        for (format, text, expected) in [
            ("%Y-%m-%d %H:%M:%S,%f", "x 2026-01-02 03:04:05,678 INFO", "2026-01-02T03:04:05.678Z"),
            ("%Y-%m-%dT%H:%M:%S%.f%z", "2026-01-02T03:04:05.5+0100 INFO", "2026-01-02T02:04:05.500Z"),
            ("%Y-%m-%dT%H:%M:%S%.f%z", "2026-01-02T03:04:05+0100 INFO", "2026-01-02T02:04:05.000Z"),
            ("%d/%b/%Y:%H:%M:%S %z", r#"::1 - - [02/Jan/2026:03:04:05 -0200] "GET /""#, "2026-01-02T05:04:05.000Z"),
            ("%b %d %H:%M:%S", "Jan  2 03:04:05 host sshd[1]: x", "2026-01-02T03:04:05.000Z"),
            ("%b %e %H:%M:%S", "Jan  2 03:04:05 host sshd[1]: x", "2026-01-02T03:04:05.000Z"),
            ("%s", "[1767323045] x", "2026-01-02T03:04:05.000Z"),
            ("%m/%d/%Y %I:%M:%S %p", "01/02/2026 03:04:05 PM", "2026-01-02T15:04:05.000Z"),
            ("%F %T", "2026-01-02 03:04:05", "2026-01-02T03:04:05.000Z"),
        ] {
            assert_eq!(found(format, "UTC", text, "2026-01-03T00:00:00Z").as_deref(), Some(expected), "{format}");
        }
    }

    #[test]
    fn a_time_without_a_year_or_a_date_is_of_the_present() {
        let syslog = |now| found("%b %d %H:%M:%S", "UTC", "Dec 31 23:59:59 x", now).unwrap();
        assert_eq!(syslog("2026-01-01T00:00:01Z"), "2025-12-31T23:59:59.000Z");
        assert_eq!(syslog("2025-12-31T23:59:00Z"), "2025-12-31T23:59:59.000Z");
        let leap = found("%b %d %H:%M:%S", "UTC", "Feb 29 00:00:00 x", "2025-01-01T00:00:00Z").unwrap();
        assert_eq!(leap, "2024-02-29T00:00:00.000Z");
        assert_eq!(found("%H:%M:%S", "UTC", "03:04:05", "2026-01-02T12:00:00Z").unwrap(), "2026-01-02T03:04:05.000Z");
    }

    #[test]
    fn a_zone_is_for_texts_that_say_none() {
        let berlin = |text| found("%Y-%m-%d %H:%M:%S", "Europe/Berlin", text, "2026-08-01T00:00:00Z").unwrap();
        assert_eq!(berlin("2026-07-02 03:04:05"), "2026-07-02T01:04:05.000Z");
        assert_eq!(berlin("2026-01-02 03:04:05"), "2026-01-02T02:04:05.000Z");
        // Does not exist: clocks go from 2 to 3.
        assert_eq!(berlin("2026-03-29 02:30:00"), "2026-03-29T01:30:00.000Z");
    }

    #[test]
    fn nonsense_is_refused_in_words_and_absent_times_are_none() {
        for format in ["%Q", "%", "%.x", "hello", "%Y"] {
            assert!(TimestampFormat::new(format, TimeZone::UTC).is_err(), "{format}");
        }
        assert_eq!(found("%Y-%m-%d %H:%M:%S", "UTC", "2026-13-02 03:04:05", "2026-01-03T00:00:00Z"), None);
        assert_eq!(found("%Y-%m-%d %H:%M:%S", "UTC", "nothing", "2026-01-03T00:00:00Z"), None);
        let late = format!("{}2026-01-02 03:04:05", "ä".repeat(600));
        assert_eq!(found("%Y-%m-%d %H:%M:%S", "UTC", &late, "2026-01-03T00:00:00Z"), None);
    }

    proptest! {
        #[test]
        fn every_time_that_is_written_is_read_again(millis in 0..4_000_000_000_000_i64) {
            let format = "%Y-%m-%d %H:%M:%S%.3f";
            let written = jiff::Timestamp::from_millisecond(millis).unwrap().to_zoned(TimeZone::UTC).strftime(format).to_string();
            let read = TimestampFormat::new(format, TimeZone::UTC).unwrap().find(&written, Timestamp(0));
            prop_assert_eq!(read, Some(Timestamp(millis)));
        }

        #[test]
        fn no_format_and_no_text_panics(format in "[%YmdHMSz .fbsT-]{0,12}", text in ".{0,40}") {
            if let Ok(format) = TimestampFormat::new(&format, TimeZone::UTC) {
                format.find(&text, Timestamp(1_764_000_000_000));
            }
        }
    }
}
