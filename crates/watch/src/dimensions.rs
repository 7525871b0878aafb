//! `Dimensions`: labels of other systems as the dimensions of a metric, by PutMetricData's limits, but that text need not be ASCII.

use model::limits::METRIC_DIMENSIONS_MAX;
use std::collections::BTreeMap;

/// Longest name of a dimension, characters (PutMetricData reference).
const NAME_CHARS_MAX: usize = 255;
/// Longest value of a dimension, characters (PutMetricData reference).
const VALUE_CHARS_MAX: usize = 1024;

/// Dimensions of one metric, sorted by name.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Dimensions {
    pairs: BTreeMap<String, String>,
    left_out: usize,
}

impl Dimensions {
    /// Adds a dimension that tells series apart, so that the point is refused where it cannot be one.
    pub fn require(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || !is_printable(name) {
            return Err("a label's name is empty, longer than 255 characters, or not printable");
        }
        if value.chars().count() > VALUE_CHARS_MAX || !is_printable(value) {
            return Err("a label's value is longer than 1024 characters, or not printable");
        }
        self.pairs.insert(name.to_owned(), value.to_owned());
        if self.pairs.len() > METRIC_DIMENSIONS_MAX {
            return Err("a series has more than 30 labels");
        }
        Ok(())
    }

    /// Adds a dimension that may be left out: when there is no more room, and when its text cannot be one.
    pub fn add(&mut self, name: &str, value: &str) {
        // An empty label is no label, and what a series says itself comes first.
        if value.is_empty() || self.pairs.contains_key(name) {
            return;
        }
        if self.pairs.len() == METRIC_DIMENSIONS_MAX || self.require(name, value).is_err() {
            self.left_out += 1;
        }
    }

    /// How many were left out.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// (name, value) pairs sorted by name.
    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.pairs.into_iter().collect()
    }
}

/// True for text that is more than blanks and has no control characters, which XML answers cannot hold.
pub fn is_printable(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}
