//! `Distribution`: values and how often each occurred, in at most 150 pairs, as one datum of PutMetricData takes them.
//!
//! Up to 150 different values are kept as they are. Beyond that neighbours are merged: into buckets 1 % wide, then 2 %, 4 % and
//! so on, as wide as it takes. A bucket is sent as the mean of what fell into it, so that sum and count are exact.

use model::limits::METRIC_VALUES_MAX;
use std::collections::BTreeMap;

/// Width of the narrowest buckets.
const FIRST_WIDTH: f64 = 0.01;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Distribution {
    /// Width of buckets, as the logarithm of the ratio of their ends; 0 while values are exact.
    width: f64,
    /// By bucket: mean and count.
    buckets: BTreeMap<(i64, u64), (f64, f64)>,
}

impl Distribution {
    /// Adds a value that occurred `count` times.
    pub fn add(&mut self, value: f64, count: f64) {
        // One zero, not two.
        self.put(value + 0.0, count);
        while self.buckets.len() > METRIC_VALUES_MAX {
            self.width = if self.width == 0.0 { (1.0 + FIRST_WIDTH).ln() } else { self.width * 2.0 };
            for (mean, count) in std::mem::take(&mut self.buckets).into_values() {
                self.put(mean, count);
            }
        }
    }

    fn put(&mut self, value: f64, count: f64) {
        let bucket = self.buckets.entry(key(value, self.width)).or_insert((value, 0.0));
        bucket.1 += count;
        if self.width > 0.0 {
            bucket.0 += (value - bucket.0) * (count / bucket.1);
        }
    }

    /// The pairs.
    pub fn into_values(self) -> Vec<(f64, f64)> {
        self.buckets.into_values().collect()
    }
}

/// The bucket of a value: sign and order of magnitude, and the value itself while values are exact.
fn key(value: f64, width: f64) -> (i64, u64) {
    let sign = if value > 0.0 { 1 } else { -i64::from(value < 0.0) };
    if width == 0.0 {
        return (sign, value.to_bits());
    }
    if sign == 0 {
        return (0, 0);
    }
    // 2^-1100 is below every number: the order is never negative.
    let order = (value.abs().ln() + 1_100.0 * std::f64::consts::LN_2) / width;
    (sign, order.max(0.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_values_are_exact_and_many_are_near() {
        let mut few = Distribution::default();
        for value in [3.0, -1.0, 3.0, 0.0, -0.0] {
            few.add(value, 2.0);
        }
        let mut values = few.into_values();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert_eq!(values, [(-1.0, 2.0), (0.0, 4.0), (3.0, 4.0)]);

        let mut many = Distribution::default();
        for value in 1..=10_000 {
            many.add(f64::from(value), 1.0);
        }
        let values = many.into_values();
        assert!(values.len() <= METRIC_VALUES_MAX && values.len() > 60, "{}", values.len());
        let sum: f64 = values.iter().map(|(value, count)| value * count).sum();
        assert!((sum - 50_005_000.0).abs() < 1.0, "{sum}");
        let largest = values.iter().map(|(value, _)| *value).fold(0.0, f64::max);
        assert!((9_200.0..=10_000.0).contains(&largest), "{largest}");
    }

    proptest! {
        #[test]
        fn the_pairs_are_few_and_finite_and_their_count_exact(values in prop::collection::vec(-1e100..1e100_f64, 0..400)) {
            let mut distribution = Distribution::default();
            for value in &values {
                distribution.add(*value, 1.0);
            }
            let pairs = distribution.into_values();
            prop_assert!(pairs.len() <= METRIC_VALUES_MAX);
            prop_assert!(pairs.iter().all(|(value, _)| value.is_finite()));
            prop_assert_eq!(pairs.iter().map(|(_, count)| count).sum::<f64>(), values.len() as f64);
        }
    }
}
