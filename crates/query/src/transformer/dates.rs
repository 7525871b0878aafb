//! `dateTimeConverter`: dates in the patterns of Java's `DateTimeFormatter`, in zones and languages.

mod format;
mod locale;
mod read;
mod write;

use super::config::DateTimeConverter;
use super::{ConfigError, Fields, path};
use format::Format;
use jiff::Zoned;
use jiff::tz::{Offset, TimeZone};
use locale::Locale;
use model::Timestamp;
use serde_json::Value;

/// The format of the target when none is given.
const DEFAULT_FORMAT: &str = "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'";

/// What a configuration prepares.
#[derive(Debug)]
pub(super) struct Converter {
    patterns: Vec<Format>,
    target: Format,
    from: TimeZone,
    to: TimeZone,
    locale: &'static Locale,
}

/// A date by a pattern of Java's, in English; `None` when the pattern cannot be read.
pub(crate) fn format_date(pattern: &str, at: &Zoned) -> Option<String> {
    Some(write::write(&Format::parse(pattern).ok()?, at, locale::locale("en")?))
}

/// The date that a text is by a pattern of Java's, in English.
pub(crate) fn parse_date(pattern: &str, text: &str, zone: &TimeZone) -> Option<Zoned> {
    read::read(&Format::parse(pattern).ok()?, text, locale::locale("en")?, zone, 1970)
}

impl Converter {
    pub fn new(config: &DateTimeConverter) -> Result<Self, ConfigError> {
        let refused = |what: String| ConfigError(format!("dateTimeConverter: {what}"));
        let zone = |name: &Option<String>| {
            let name = name.as_deref().unwrap_or("UTC");
            zone(name).ok_or_else(|| refused(format!("the time zone '{name}' is not known")))
        };
        let language = config.locale.as_deref().unwrap_or("en");
        let locale =
            locale::locale(language).ok_or_else(|| refused(format!("the locale '{language}' is not supported")))?;
        let format = |text: &str| Format::parse(text).map_err(|what| refused(format!("{what} in '{text}'")));
        Ok(Self {
            patterns: config.match_patterns.iter().map(|text| format(text)).collect::<Result<_, _>>()?,
            target: format(config.target_format.as_deref().unwrap_or(DEFAULT_FORMAT))?,
            from: zone(&config.source_timezone)?,
            to: zone(&config.target_timezone)?,
            locale,
        })
    }

    /// Converts the source by the first pattern that it has.
    pub fn apply(&self, config: &DateTimeConverter, event: Timestamp, fields: &mut Fields) {
        let Some(Value::String(text)) = path::get(fields, &config.source) else { return };
        // A date without a year is one of the event's.
        let year = jiff::Timestamp::from_millisecond(event.0).map_or(1970, |at| at.to_zoned(TimeZone::UTC).year());
        let mut read =
            self.patterns.iter().filter_map(|pattern| read::read(pattern, text, self.locale, &self.from, year));
        let Some(zoned) = read.next() else { return };
        let text = write::write(&self.target, &zoned.with_time_zone(self.to.clone()), self.locale);
        path::set(fields, &config.target, text.into());
    }
}

/// A zone by its IANA name, or an offset such as `+02:00`, `UTC+2` or `GMT-0530`.
fn zone(name: &str) -> Option<TimeZone> {
    if matches!(name, "Z" | "UTC" | "GMT" | "UT") {
        return Some(TimeZone::UTC);
    }
    let bare = ["UTC", "GMT", "UT"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    if bare.starts_with(['+', '-']) {
        let (offset, length) = offset(bare)?;
        return (length == bare.len()).then(|| TimeZone::fixed(offset));
    }
    TimeZone::get(name).ok()
}

/// An offset at the start of a text, and how long it is: `+2`, `+02`, `+0200`, `+02:00`, `-530`.
fn offset(text: &str) -> Option<(Offset, usize)> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits =
        |from: usize| text.as_bytes()[from.min(text.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = |from: usize, count: usize| text.get(from..from + count)?.parse::<i32>().ok();
    let (hours, minutes, length) = match digits(1) {
        count @ (1 | 2) if text.as_bytes().get(1 + count) == Some(&b':') && digits(2 + count) >= 2 => {
            (number(1, count)?, number(2 + count, 2)?, 4 + count)
        }
        count @ (1 | 2) => (number(1, count)?, 0, 1 + count),
        3 => (number(1, 1)?, number(2, 2)?, 4),
        4.. => (number(1, 2)?, number(3, 2)?, 5),
        _ => return None,
    };
    let is_offset = hours <= 18 && minutes < 60;
    let offset = Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()?;
    is_offset.then_some((offset, length))
}
