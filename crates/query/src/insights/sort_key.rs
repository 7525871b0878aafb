//! What rows are sorted by: values whose numbers are read once, however often they are compared.

use super::code::Code;
use super::event::Row;
use super::value::Value;
use std::cmp::Ordering;

/// A value in the order of `sort`: numbers, then texts, then missing values.
#[derive(Debug, Clone)]
pub(super) enum SortKey<'e> {
    /// A number, or a text that is one.
    Number(f64),
    /// Anything else that is there.
    Text(Value<'e>),
    Missing,
}

impl<'e> SortKey<'e> {
    /// The key of a value.
    pub fn new(value: Value<'e>) -> Self {
        match value.number() {
            Some(number) => Self::Number(number),
            None if value.is_null() => Self::Missing,
            None => Self::Text(value),
        }
    }

    /// The key that code computes of a row.
    pub fn of(code: &Code, row: &impl Row<'e>) -> Self {
        Self::new(code.value(row))
    }

    /// Free of what it was read from.
    pub fn into_owned(self) -> SortKey<'static> {
        match self {
            Self::Number(number) => SortKey::Number(number),
            Self::Text(value) => SortKey::Text(value.into_owned()),
            Self::Missing => SortKey::Missing,
        }
    }

    /// Bytes that it takes beside itself.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Text(value) => value.heap_bytes(),
            Self::Number(_) | Self::Missing => 0,
        }
    }

    fn class(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Text(_) => 1,
            Self::Missing => 2,
        }
    }

    /// Ascending, or descending; missing values are last either way.
    pub fn directed(&self, other: &SortKey<'_>, is_descending: bool) -> Ordering {
        match (self, other) {
            (Self::Missing, _) | (_, SortKey::Missing) => self.class().cmp(&other.class()),
            _ if is_descending => other.order(self),
            _ => self.order(other),
        }
    }

    fn order(&self, other: &SortKey<'_>) -> Ordering {
        match (self, other) {
            (Self::Number(a), SortKey::Number(b)) => a.total_cmp(b),
            (Self::Text(Value::Text(a)), SortKey::Text(Value::Text(b))) => a.cmp(b),
            (Self::Text(a), SortKey::Text(b)) => a.text().cmp(&b.text()),
            _ => self.class().cmp(&other.class()),
        }
    }
}
