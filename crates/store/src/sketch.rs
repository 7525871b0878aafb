//! A sketch of non-negative samples: how many lie in each of a row of buckets that grow by 2 %, so that a quantile read
//! from it is within 1 % of the true one (the mapping of DDSketch).
//!
//! Bucket `k` holds the samples in `(1.02^(k-1), 1.02^k]`, and stands for `1.02^k * 2 / 2.02`, which is within 0.991 % of
//! each of them. `ZERO_KEY` is the bucket of zero. Sketches are merged by adding the counts of equal keys.

use std::sync::LazyLock;

/// The bucket of samples that are zero.
const ZERO_KEY: i32 = i32::MIN;
const GROWTH: f64 = 1.02;
static LN_GROWTH: LazyLock<f64> = LazyLock::new(|| GROWTH.ln());

/// (key, how many samples) ascending by key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sketch(pub(crate) Vec<(i32, f64)>);

impl Sketch {
    /// Of weighted samples, none negative or NaN.
    pub(crate) fn of(pairs: &[(f64, f64)]) -> Self {
        Self::merged(pairs.iter().map(|&(value, count)| (key(value), count)).collect())
    }

    /// Of buckets in any order, keys repeated or not.
    pub(crate) fn merged(mut buckets: Vec<(i32, f64)>) -> Self {
        buckets.sort_unstable_by_key(|(key, _)| *key);
        buckets.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        Self(buckets)
    }

    /// The value that each bucket stands for, kept within `[min, max]`, with its count; ascending.
    pub fn pairs(&self, min: f64, max: f64) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.0.iter().map(move |&(key, count)| (value(key).max(min).min(max), count))
    }
}

fn key(value: f64) -> i32 {
    // Within ±40,000 for every positive float.
    if value > 0.0 { (value.ln() / *LN_GROWTH).ceil() as i32 } else { ZERO_KEY }
}

fn value(key: i32) -> f64 {
    if key == ZERO_KEY { 0.0 } else { (f64::from(key) * *LN_GROWTH).exp() * 2.0 / (1.0 + GROWTH) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_stands_for_its_samples_within_one_percent() {
        let mut sample = 1e-300;
        while sample < 1e108 {
            let near = value(key(sample));
            assert!((near - sample).abs() <= 0.01 * sample, "{sample} became {near}");
            sample *= 1.0137;
        }
        assert_eq!(value(key(0.0)), 0.0);
        let all = Sketch::of(&[(1.0, 2.0), (0.0, 1.0), (1.0, 3.0), (50.0, 1.0)]);
        assert_eq!(all.pairs(0.0, 50.0).map(|(_, count)| count).collect::<Vec<_>>(), [1.0, 5.0, 1.0]);
        assert!(all.pairs(0.0, 50.0).all(|(value, _)| value <= 50.0));
    }
}
