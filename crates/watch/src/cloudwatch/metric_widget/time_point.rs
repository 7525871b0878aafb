//! Times as widgets write them: ISO 8601, or as far from now (`-PT3H`, `-P7D`, `P0D`).

use crate::cloudwatch::findings::{Findings, Object};
use model::Timestamp;
use model::time::{DAY, HOUR, MINUTE, SECOND};

/// A time, maybe relative to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimePoint {
    /// A fixed time.
    At(Timestamp),
    /// So many milliseconds before now.
    Ago(i64),
}

impl TimePoint {
    /// Now.
    pub const NOW: TimePoint = TimePoint::Ago(0);
    /// Where an image begins when it does not say.
    pub const HOURS_AGO_3: TimePoint = TimePoint::Ago(3 * HOUR);

    /// Reads either form.
    pub fn parse(text: &str) -> Option<Self> {
        let (sign, duration) = match text.strip_prefix('-') {
            Some(rest) => (1, rest),
            None => (-1, text),
        };
        match duration.strip_prefix('P') {
            Some(duration) => Some(Self::Ago(sign * parse_duration(duration)?)),
            None => Timestamp::parse_iso(text).map(Self::At),
        }
    }

    /// Reads a property of a widget; an error when it is neither form.
    pub fn read(object: &Object<'_>, name: &str, findings: &mut Findings) -> Option<Self> {
        let text = object.string(name, findings)?;
        let point = Self::parse(text);
        if point.is_none() {
            findings.error(&object.at(name), "Should match format \"date-time\" or be a duration such as -PT3H");
        }
        point
    }

    /// The time it is when it is `now`.
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(millis) => now - millis,
        }
    }
}

/// Milliseconds of what follows the `P` of an ISO 8601 duration: whole numbers, a month has 30 days and a year 365.
fn parse_duration(text: &str) -> Option<i64> {
    let (mut total, mut number, mut in_time, mut parts) = (0_i64, None::<i64>, false, 0);
    for c in text.chars() {
        let unit = match c {
            '0'..='9' => {
                let digit = i64::from(c.to_digit(10)?);
                number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
                continue;
            }
            'T' if !in_time && number.is_none() => {
                in_time = true;
                continue;
            }
            'Y' if !in_time => 365 * DAY,
            'M' if !in_time => 30 * DAY,
            'W' if !in_time => 7 * DAY,
            'D' if !in_time => DAY,
            'H' if in_time => HOUR,
            'M' if in_time => MINUTE,
            'S' if in_time => SECOND,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
        parts += 1;
    }
    (parts > 0 && number.is_none()).then_some(total)
}
