//! `Distinct`: how many different things there were, exact while they are few, then estimated from the smallest hashes.

use std::collections::BTreeSet;

/// The smallest hashes that were seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Distinct(BTreeSet<u64>);

impl Distinct {
    /// Notes a thing by its hash. `max` hashes are kept; it must be the same in every call.
    pub fn add(&mut self, hash: u64, max: usize) {
        if self.0.len() >= max && self.0.last().is_some_and(|last| hash >= *last) {
            return;
        }
        if self.0.insert(hash) && self.0.len() > max {
            self.0.pop_last();
        }
    }

    /// How many hashes are kept.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The hashes that are kept.
    pub fn hashes(&self) -> impl Iterator<Item = u64> {
        self.0.iter().copied()
    }

    /// How many there were. With the k-th smallest of n hashes at a share x of all numbers, n is about (k - 1) / x.
    pub fn count(&self, max: usize) -> f64 {
        match self.0.last() {
            Some(last) if self.0.len() >= max => {
                let share = *last as f64 / u64::MAX as f64;
                ((max - 1) as f64 / share).round().max(max as f64)
            }
            _ => self.0.len() as f64,
        }
    }
}
