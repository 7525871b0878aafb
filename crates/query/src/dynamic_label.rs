//! Dynamic labels: `[max: ${MAX} at ${MAX_TIME}] ${PROP('Dim.InstanceId')}`, rendered for a series.
//!
//! Source: the user guide, "Use dynamic labels", which lists the names and what they mean:
//! - Values: `AVG`, `DATAPOINT_COUNT`, `FIRST` (the oldest), `LAST` (the newest), `MAX`, `MIN`, `SUM`, and the differences
//!   `FIRST_LAST_RANGE` and `MIN_MAX_RANGE`.
//! - Times of points: `FIRST_TIME`, `LAST_TIME`, `MAX_TIME`, `MIN_TIME`; how long ago they are: `FIRST_TIME_RELATIVE` and so
//!   on; how far apart: `FIRST_LAST_TIME_RANGE`, `MIN_MAX_TIME_RANGE`.
//! - `LABEL`, the default label, at most once; `PROP('…')` with `AccountId`, `AccountLabel`, `Dim.X`, `MetricName`,
//!   `Namespace`, `Period`, `Region` or `Stat`. At most six dynamic values in a label (see `Label::check`).
//! - `LabelOptions.Timezone`, `+HHMM` or `-HHMM`, moves the times of points.
//!
//! AWS publishes no example of rendered values. Chosen here:
//! - Numbers in the fewest digits that say them exactly; times as `2026-01-02 03:04:05` in the time zone asked for; spans as
//!   `1d 2h 3m 4s` without parts that are 0, and `0s`.
//! - `FIRST_LAST_RANGE` is newest minus oldest. Of several equal points, the oldest is the minimum or maximum.
//! - `--` stands for a value or time of a series without points, as a property does that there is not; counts and sums are 0.
//! - What is no known name stays as it is written; there is no escape.

#[cfg(test)]
mod tests;
mod token;

use model::Timestamp;
use model::limits::LABEL_VALUES_MAX;
use token::{Point, Token};

/// What stands for a value that there is not.
const NONE: &str = "--";

/// A label, ready to render.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    Token(Token),
}

/// Why a label was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// More than `LABEL_VALUES_MAX`.
    #[error("A label has at most {LABEL_VALUES_MAX} dynamic values")]
    TooManyValues,
    /// `${LABEL}` is there more than once.
    #[error("A label has ${{LABEL}} at most once")]
    LabelTwice,
    /// Not of the form of a time zone.
    #[error("The value {0} for parameter LabelOptions.Timezone is not valid: it must be + or - and four digits.")]
    Timezone(String),
}

/// An offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UtcOffset {
    minutes: i64,
}

/// What a label is rendered for.
#[derive(Clone, Copy)]
pub struct LabelContext<'a> {
    /// The label without this one: what `${LABEL}` stands for.
    pub default_label: &'a str,
    /// Times of the points, milliseconds since the epoch, ascending.
    pub timestamps: &'a [i64],
    /// Values of the points, as many.
    pub values: &'a [f64],
    /// The present, milliseconds since the epoch.
    pub now_ms: i64,
    /// Time zone of the times of points.
    pub offset: UtcOffset,
    /// A property of the metric by its name in `${PROP('…')}`.
    pub property: &'a dyn Fn(&str) -> Option<String>,
}

impl UtcOffset {
    /// Reads `+HHMM` or `-HHMM`; hours up to 23, minutes up to 59.
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        let error = || LabelError::Timezone(text.to_owned());
        let (sign, digits) = match text.split_at_checked(1) {
            Some(("+", digits)) => (1, digits),
            Some(("-", digits)) => (-1, digits),
            _ => return Err(error()),
        };
        if digits.len() != 4 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(error());
        }
        let number: i64 = digits.parse().map_err(|_| error())?;
        let (hours, minutes) = (number / 100, number % 100);
        if hours > 23 || minutes > 59 { Err(error()) } else { Ok(Self { minutes: sign * (hours * 60 + minutes) }) }
    }
}

impl Label {
    /// Reads a label. Nothing is refused; see `check`.
    pub fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            plain.push_str(before);
            let token = after.split_once('}').and_then(|(name, behind)| Some((Token::parse(name)?, behind)));
            match token {
                Some((token, behind)) => {
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Token(token));
                    rest = behind;
                }
                None => {
                    plain.push_str("${");
                    rest = after;
                }
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Self { parts }
    }

    /// Whether rendering changes it.
    pub fn is_dynamic(&self) -> bool {
        self.tokens().next().is_some()
    }

    /// Checks the numbers of dynamic values.
    pub fn check(&self) -> Result<(), LabelError> {
        let labels = self.tokens().filter(|token| **token == Token::Label).count();
        match self.tokens().count() - labels {
            _ if labels > 1 => Err(LabelError::LabelTwice),
            values if values > LABEL_VALUES_MAX => Err(LabelError::TooManyValues),
            _ => Ok(()),
        }
    }

    /// The label of a series.
    pub fn render(&self, context: &LabelContext<'_>) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Token(token) => text.push_str(&context.value(token)),
            }
        }
        text
    }

    fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.parts.iter().filter_map(|part| if let Part::Token(token) = part { Some(token) } else { None })
    }
}

impl LabelContext<'_> {
    fn value(&self, token: &Token) -> String {
        let count = self.values.len().min(self.timestamps.len());
        let sum: f64 = self.values.iter().take(count).sum();
        let value = |point| self.index(point).map(|index| self.values[index]);
        let time = |point| self.index(point).map(|index| self.timestamps[index]);
        let apart = |from: Option<i64>, to: Option<i64>| Some(span(to?.saturating_sub(from?)));
        let text = match token {
            Token::Label => Some(self.default_label.to_owned()),
            Token::Property(name) => (self.property)(name),
            Token::DatapointCount => Some(count.to_string()),
            Token::Sum => Some(number(sum)),
            Token::Average => (count > 0).then(|| number(sum / count as f64)),
            Token::Value(point) => value(*point).map(number),
            Token::Range(from, to) => value(*to).zip(value(*from)).map(|(to, from)| number(to - from)),
            Token::Time(point) => time(*point).map(|time| self.time(time)),
            Token::TimeRelative(point) => apart(time(*point), Some(self.now_ms)),
            Token::TimeRange(from, to) => apart(time(*from), time(*to)),
        };
        text.unwrap_or_else(|| NONE.to_owned())
    }

    /// The index of a point, if there are any.
    fn index(&self, point: Point) -> Option<usize> {
        let count = self.values.len().min(self.timestamps.len());
        let least = |is_less: fn(f64, f64) -> bool| {
            (0..count).reduce(|best, next| if is_less(self.values[next], self.values[best]) { next } else { best })
        };
        match point {
            Point::First => (count > 0).then_some(0),
            Point::Last => count.checked_sub(1),
            Point::Min => least(|a, b| a < b),
            Point::Max => least(|a, b| a > b),
        }
    }

    fn time(&self, timestamp_ms: i64) -> String {
        let local = Timestamp(timestamp_ms.saturating_add(self.offset.minutes * 60_000));
        local.iso_seconds().replace('T', " ").trim_end_matches('Z').to_owned()
    }
}

/// A number in the fewest digits that say it; very large and very small ones with an exponent.
fn number(value: f64) -> String {
    let size = value.abs();
    // `+ 0.0` turns -0 into 0.
    if size != 0.0 && !(1e-6..1e15).contains(&size) { format!("{value:e}") } else { format!("{}", value + 0.0) }
}

/// A span of time, whichever way it goes: `1d 2h 3m 4s`.
fn span(milliseconds: i64) -> String {
    let seconds = milliseconds.unsigned_abs() / 1_000;
    let parts = [(seconds / 86_400, 'd'), (seconds / 3_600 % 24, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let said: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if said.is_empty() { "0s".to_owned() } else { said.join(" ") }
}
