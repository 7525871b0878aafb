//! `Value`: what an expression of a query comes to, and how values are compared, put in order and printed.
//!
//! Fields of events are texts; a text that is written as a number counts as one wherever a number is asked for. Where AWS says
//! nothing: two values are compared as numbers when both are numbers, and else as texts, a time with the text of one as times;
//! comparing with a missing value is false. Numbers are printed as in the samples of AWS's guide, with at most four decimals (`122.0703`), truths as 1 and 0.

use super::calendar;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

/// The value of an expression for one row.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value<'e> {
    /// Missing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// Milliseconds since the epoch; a number for arithmetic, printed as a date.
    Time(i64),
    /// A text.
    Text(Cow<'e, str>),
    /// An object or array that `jsonParse` made.
    Json(Arc<serde_json::Value>),
}

impl<'e> Value<'e> {
    /// A number; missing when it is not finite.
    pub fn number_of(number: f64) -> Self {
        if number.is_finite() { Self::Number(number) } else { Self::Null }
    }

    /// A text that is borrowed.
    pub fn text_of(text: &'e str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// A value of JSON. Numbers that a float cannot hold stay texts; booleans are written as in fields of events.
    pub fn json_of(json: &serde_json::Value) -> Value<'static> {
        use serde_json::Value as Json;
        match json {
            Json::Null => Value::Null,
            Json::Bool(truth) => Value::Text(Cow::Borrowed(if *truth { "true" } else { "false" })),
            Json::Number(number) => match number.as_f64() {
                Some(float) if float.abs() <= EXACT_MAX || !(number.is_i64() || number.is_u64()) => {
                    Value::number_of(float)
                }
                _ => Value::Text(Cow::Owned(number.to_string())),
            },
            Json::String(text) => Value::Text(Cow::Owned(text.clone())),
            Json::Array(_) | Json::Object(_) => Value::Json(Arc::new(json.clone())),
        }
    }

    /// The same, borrowing from nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(truth),
            Self::Number(number) => Value::Number(number),
            Self::Time(ms) => Value::Time(ms),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Json(json) => Value::Json(json),
        }
    }

    /// True when it is missing.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// As a number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Time(ms) => Some(*ms as f64),
            Self::Bool(truth) => Some(f64::from(u8::from(*truth))),
            Self::Text(text) => parse_number(text),
            Self::Null | Self::Json(_) => None,
        }
    }

    /// As an instant, milliseconds since the epoch.
    pub fn millis(&self) -> Option<i64> {
        match self {
            Self::Time(ms) => Some(*ms),
            Self::Text(text) => {
                parse_number(text).and_then(as_millis).or_else(|| model::Timestamp::parse_iso(text).map(|t| t.0))
            }
            other => other.number().and_then(as_millis),
        }
    }

    /// What a condition makes of it.
    pub fn truth(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(truth) => *truth,
            Self::Text(text) if text == "true" => true,
            Self::Json(_) => true,
            other => other.number().is_some_and(|number| number != 0.0),
        }
    }

    /// As results show it; `None` when it is missing.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(truth) => Cow::Borrowed(if *truth { "1" } else { "0" }),
            Self::Number(number) => Cow::Owned(number_text(*number)),
            Self::Time(ms) => Cow::Owned(calendar::text(*ms)),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Json(json) => Cow::Owned(json.to_string()),
        })
    }

    /// The same text, without a copy where the value is a text.
    pub fn into_text(self) -> Option<Cow<'e, str>> {
        match self {
            Self::Text(text) => Some(text),
            other => other.text().map(|text| Cow::Owned(text.into_owned())),
        }
    }

    /// How two values compare; `None` when one is missing.
    pub fn compare(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Null, _) | (_, Value::Null) => return None,
            (Self::Text(a), Value::Text(b)) if a == b => return Some(Ordering::Equal),
            (Self::Bool(a), Value::Text(b)) => {
                if let Some(b) = bool_of(b) {
                    return Some(a.cmp(&b));
                }
            }
            (Self::Text(a), Value::Bool(b)) => {
                if let Some(a) = bool_of(a) {
                    return Some(a.cmp(b));
                }
            }
            _ => {}
        }
        let (a, b) = (self.number(), other.number());
        if let (Some(a), Some(b)) = (a, b) {
            return a.partial_cmp(&b);
        }
        match (self, other) {
            (Self::Time(a), Value::Text(text)) => {
                if let Some(b) = model::Timestamp::parse_iso(text) {
                    return Some(a.cmp(&b.0));
                }
            }
            (Self::Text(text), Value::Time(b)) => {
                if let Some(a) = model::Timestamp::parse_iso(text) {
                    return Some(a.0.cmp(b));
                }
            }
            _ => {}
        }
        Some(self.text()?.cmp(&other.text()?))
    }

    /// The order of `sort`: numbers, then texts, then missing values.
    pub fn order(&self, other: &Value<'_>) -> Ordering {
        let class = |number: Option<f64>, is_null: bool| match number {
            Some(_) => 0,
            None if is_null => 2,
            None => 1,
        };
        let (a, b) = (self.number(), other.number());
        if let (Some(a), Some(b)) = (a, b) {
            return a.total_cmp(&b);
        }
        class(a, self.is_null()).cmp(&class(b, other.is_null())).then_with(|| self.text().cmp(&other.text()))
    }

    /// Bytes that it takes beside itself.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Text(Cow::Owned(text)) => text.capacity(),
            Self::Json(json) => json_bytes(json),
            _ => 0,
        }
    }
}

/// Integers up to here are exact in a float.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// About what a tree of JSON takes. Its depth is bounded by the reader.
fn json_bytes(json: &serde_json::Value) -> usize {
    use serde_json::Value as Json;
    let inner: usize = match json {
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(json_bytes).sum(),
        Json::Object(members) => members.iter().map(|(key, member)| key.len() + 64 + json_bytes(member)).sum(),
        _ => 0,
    };
    inner + size_of::<Json>()
}

fn bool_of(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn as_millis(number: f64) -> Option<i64> {
    (number.abs() <= calendar::MILLIS_MAX as f64).then_some(number.floor() as i64)
}

/// The number that a text is written as: `12`, `-0.5`, `1.28E8`.
pub fn parse_number(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    // Neither `inf` nor `nan` nor a word takes longer than this.
    match digits.first()? {
        b'0'..=b'9' | b'.' => {}
        b'+' if digits.len() == bytes.len() && digits.get(1).is_some_and(|b| b.is_ascii_digit() || *b == b'.') => {}
        _ => return None,
    }
    if digits.len() <= 15 && digits.iter().all(u8::is_ascii_digit) {
        let number = digits.iter().fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0')) as f64;
        return Some(if digits.len() == bytes.len() { number } else { -number });
    }
    // A number ends with a digit or a point: `200ms` and `10.0.0.1/8` are told apart without the parser.
    if !digits.last().is_some_and(|b| b.is_ascii_digit() || *b == b'.') {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A number as results show it: `35`, `122.0703`.
pub fn number_text(number: f64) -> String {
    if number == 0.0 {
        return "0".into();
    }
    if number.fract() == 0.0 && number.abs() <= EXACT_MAX {
        return (number as i64).to_string();
    }
    if number.abs() < 5e-5 {
        return format!("{number:.4E}");
    }
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
