//! The values that a dynamic token had, counted while they are few.

use super::Limits;
use serde::{Deserialize, Serialize};

/// Values of which so many are kept as examples when there are too many to count.
const EXAMPLES: usize = 8;

/// A token with a longer value is not counted.
const VALUE_BYTES_MAX: usize = 256;

/// Values and how often each occurred.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values {
    counts: Vec<(Box<str>, u64)>,
    /// More occurred than are counted: `counts` are examples.
    too_many: bool,
    /// A value may contain white space.
    spaced: bool,
}

impl Values {
    /// Of which nothing is known.
    pub fn too_many() -> Self {
        Self { counts: Vec::new(), too_many: true, spaced: true }
    }

    /// One value.
    pub fn one(value: &str, count: u64) -> Self {
        Self { counts: vec![(value.into(), count)], too_many: false, spaced: value.contains(char::is_whitespace) }
    }

    /// One more value.
    #[inline]
    pub fn count(&mut self, value: &str, spaced: bool, count: u64, limits: Limits, bytes: &mut usize) {
        self.spaced |= spaced;
        if self.too_many {
            return;
        }
        self.count_few(value, count, limits, bytes);
    }

    fn count_few(&mut self, value: &str, count: u64, limits: Limits, bytes: &mut usize) {
        if let Some((_, known)) = self.counts.iter_mut().find(|(known, _)| **known == *value) {
            *known = known.saturating_add(count);
        } else if self.counts.len() >= limits.values || *bytes >= limits.value_bytes || value.len() > VALUE_BYTES_MAX {
            *bytes = bytes.saturating_sub(self.bytes());
            self.give_up();
            *bytes += self.bytes();
        } else {
            *bytes += value.len();
            self.counts.push((value.into(), count));
        }
    }

    /// Adds values of another token of the same meaning.
    pub fn merge(&mut self, other: Values, limits: Limits) {
        self.spaced |= other.spaced;
        for (value, count) in other.counts {
            match self.counts.iter_mut().find(|(known, _)| *known == value) {
                Some((_, known)) => *known = known.saturating_add(count),
                None => self.counts.push((value, count)),
            }
        }
        if self.too_many || other.too_many || self.counts.len() > limits.values {
            self.give_up();
        }
    }

    /// The values as `text` of them, which must not make two the same.
    pub fn map(mut self, text: impl Fn(&str) -> String) -> Self {
        for (value, _) in &mut self.counts {
            *value = text(value).into();
        }
        self
    }

    fn give_up(&mut self) {
        self.too_many = true;
        self.counts.sort();
        self.counts.truncate(EXAMPLES);
        self.counts.shrink_to_fit();
    }

    /// All values with their counts, most frequent first; `None` when there were too many.
    pub fn counted(&self) -> Option<Vec<(String, u64)>> {
        let mut counts: Vec<(String, u64)> =
            self.counts.iter().map(|(value, count)| (value.to_string(), *count)).collect();
        counts.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
        (!self.too_many).then_some(counts)
    }

    /// Some of the values.
    pub fn examples(&self) -> impl Iterator<Item = &str> {
        self.counts.iter().map(|(value, _)| &**value)
    }

    /// True when a value may contain white space.
    pub fn spaced(&self) -> bool {
        self.spaced
    }

    /// Bytes of the values that are kept.
    pub fn bytes(&self) -> usize {
        self.counts.iter().map(|(value, _)| value.len()).sum()
    }
}
