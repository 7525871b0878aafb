//! What rows are sorted by: values whose numbers are read once, however often they are compared.

use super::event::Row;
use super::step::SortCode;
use super::value::Value;
use std::cmp::Ordering;

/// A value in the order of a sort: texts in natural order, numbers, other texts, missing values.
#[derive(Debug, Clone)]
pub(super) enum SortKey<'e> {
    /// What is not a number, where texts are in natural order.
    Natural(Value<'e>),
    /// A number, or a text that is one.
    Number(f64),
    /// What is not a number, where texts are in the order of their characters.
    Text(Value<'e>),
    Missing,
}

impl<'e> SortKey<'e> {
    /// The key of a value, whose characters are compared.
    pub fn new(value: Value<'e>) -> Self {
        match value.number() {
            Some(number) => Self::Number(number),
            None if value.is_null() => Self::Missing,
            None => Self::Text(value),
        }
    }

    /// The key that code computes of a row.
    pub fn of(code: &SortCode, row: &impl Row<'e>) -> Self {
        match Self::new(code.value.value(row)) {
            Self::Text(value) if code.is_natural => Self::Natural(value),
            key => key,
        }
    }

    /// Free of what it was read from.
    pub fn into_owned(self) -> SortKey<'static> {
        match self {
            Self::Natural(value) => SortKey::Natural(value.into_owned()),
            Self::Number(number) => SortKey::Number(number),
            Self::Text(value) => SortKey::Text(value.into_owned()),
            Self::Missing => SortKey::Missing,
        }
    }

    /// Bytes that it takes beside itself.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Natural(value) | Self::Text(value) => value.heap_bytes(),
            Self::Number(_) | Self::Missing => 0,
        }
    }

    fn class(&self) -> u8 {
        match self {
            Self::Natural(_) => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
            Self::Missing => 3,
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
            (Self::Text(a), SortKey::Text(b)) => compare_texts(a, b, str::cmp),
            (Self::Natural(a), SortKey::Natural(b)) => compare_texts(a, b, natural),
            _ => self.class().cmp(&other.class()),
        }
    }
}

fn compare_texts(a: &Value<'_>, b: &Value<'_>, compare: fn(&str, &str) -> Ordering) -> Ordering {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => compare(a, b),
        _ => compare(&a.text().unwrap_or_default(), &b.text().unwrap_or_default()),
    }
}

/// Natural order, by the page "sort" of the CloudWatch Logs user guide: characters by their code points, but digits in a row are
/// one number, of which the longer one is the greater.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (digits, others) = (leading_digits(a), leading_digits(b));
        // UTF-8 is in the order of code points.
        let (left, right) = match (digits, others) {
            (1.., 1..) => (&a[..digits], &b[..others]),
            _ => (&a[..a.len().min(1)], &b[..b.len().min(1)]),
        };
        if left.is_empty() && right.is_empty() {
            return Ordering::Equal;
        }
        match left.len().cmp(&right.len()).then_with(|| left.cmp(right)) {
            Ordering::Equal => (a, b) = (&a[left.len()..], &b[right.len()..]),
            order => return order,
        }
    }
}

fn leading_digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_order_is_that_of_the_user_guide() {
        let guide = "! # *%04 0# 5A 111A 2345_ @ @_ A A9876fghj a12345hfh";
        let more = "b host2 host2-b host10 host10-a \u{e9} \u{4e16} \u{1f600}";
        let ascending: Vec<&str> = std::iter::once("").chain(guide.split(' ')).chain(more.split(' ')).collect();
        for (at, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                assert_eq!(natural(a, b), at.cmp(&other), "{a} {b}");
            }
        }
    }
}
