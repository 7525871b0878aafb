//! `Distribution`: a histogram of OpenTelemetry, and the values with counts by which CloudWatch keeps it.
//!
//! Minimum and maximum are kept as they are, each as one value. Everything else of a bucket stands in its middle, moved within
//! the bucket's bounds, in all buckets by the same share of what is possible, until the sum is the histogram's own. So minimum,
//! maximum, sum and count are exact, and a percentile lies in the right bucket. AWS does not say where it puts them.
//!
//! More buckets than a datum may have values are merged with their neighbours, two by two.

use model::Observation;
use model::limits::{METRIC_VALUE_MAX, METRIC_VALUES_MAX};

/// A bucket that holds something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Lower and upper bound; infinite at the ends of a histogram with explicit bounds.
    pub bounds: (f64, f64),
    /// How many values; never 0.
    pub count: f64,
}

/// A histogram without its form.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Buckets in ascending order; none when the client keeps none.
    pub buckets: Vec<Bucket>,
    /// How many values.
    pub count: f64,
    /// Their sum, where the client keeps it.
    pub sum: Option<f64>,
    /// The smallest, where known.
    pub min: Option<f64>,
    /// The largest, where known.
    pub max: Option<f64>,
}

/// A value that may move between bounds.
struct Mass {
    value: f64,
    bounds: (f64, f64),
    count: f64,
}

impl Distribution {
    /// What is stored of it; `None` when it is empty, or holds what no metric may.
    pub fn observation(mut self) -> Option<Observation> {
        let finite = |value: &f64| value.abs() <= METRIC_VALUE_MAX;
        // NaN is what some clients send for an unknown sum, minimum or maximum.
        self.sum = self.sum.filter(finite);
        self.min = self.min.filter(finite);
        self.max = self.max.filter(finite).filter(|max| self.min.is_none_or(|min| min <= *max));
        if self.buckets.is_empty() {
            return self.without_buckets();
        }
        let (mut ends, mut masses) = self.masses();
        if let Some(sum) = self.sum {
            let own: f64 = ends.iter().map(|(value, count)| value * count).sum();
            move_to(&mut masses, sum - own);
        }
        ends.extend(masses.into_iter().map(|mass| (mass.value, mass.count)));
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut pairs: Vec<(f64, f64)> = Vec::with_capacity(ends.len());
        for (value, count) in ends {
            match pairs.last_mut() {
                Some(last) if last.0 == value => last.1 += count,
                _ => pairs.push((value, count)),
            }
        }
        let storable = !pairs.is_empty() && pairs.iter().all(|(value, count)| finite(value) && finite(count));
        storable.then_some(Observation::Values(pairs.into()))
    }

    /// Count and sum only: a statistic set, whose unknown ends are taken to be its average.
    fn without_buckets(&self) -> Option<Observation> {
        let sum = self.sum.filter(|_| self.count > 0.0 && self.count <= METRIC_VALUE_MAX)?;
        let average = sum / self.count;
        let (min, max) = (self.min.unwrap_or(average), self.max.unwrap_or(average));
        Some(Observation::Set { count: self.count, sum, min, max })
    }

    /// The single values of minimum and maximum, and all others where they may be.
    fn masses(&self) -> (Vec<(f64, f64)>, Vec<Mass>) {
        let mut buckets = self.buckets.clone();
        while buckets.len() > METRIC_VALUES_MAX - 2 {
            buckets = merged(&buckets);
        }
        let mut ends = Vec::with_capacity(METRIC_VALUES_MAX);
        if let (Some(min), Some(first)) = (self.min, buckets.first_mut()) {
            ends.push((min, take_one(first)));
        }
        if let (Some(max), Some(last)) = (self.max, buckets.last_mut()) {
            ends.push((max, take_one(last)));
        }
        ends.retain(|(_, count)| *count > 0.0);
        let mass = |bucket: &Bucket| {
            let (low, high) = bounded(bucket.bounds, self.min, self.max);
            let value = match (low.is_finite(), high.is_finite()) {
                (true, true) => low + (high - low) / 2.0,
                (true, false) => low,
                (false, true) => high,
                (false, false) => self.sum.map_or(0.0, |sum| sum / self.count.max(1.0)),
            };
            Mass { value, bounds: (low, high), count: bucket.count }
        };
        (ends, buckets.iter().filter(|bucket| bucket.count > 0.0).map(mass).collect())
    }
}

/// Takes one value out of a bucket, or what is left of one.
fn take_one(bucket: &mut Bucket) -> f64 {
    let taken = bucket.count.min(1.0);
    bucket.count -= taken;
    taken
}

/// The bounds of a bucket, as far as minimum and maximum narrow them; the first bucket of a histogram of positive bounds begins
/// at zero.
fn bounded((low, high): (f64, f64), min: Option<f64>, max: Option<f64>) -> (f64, f64) {
    let low = match min {
        Some(min) if min > low && min <= high => min,
        None if low == f64::NEG_INFINITY && high > 0.0 && high.is_finite() => 0.0,
        _ => low,
    };
    let high = max.filter(|max| *max < high && *max >= low).unwrap_or(high);
    (low, high)
}

/// Moves values within their bounds until they sum up to `sum`, or as near as they can get.
fn move_to(masses: &mut [Mass], sum: f64) {
    let missing = sum - masses.iter().map(|mass| mass.value * mass.count).sum::<f64>();
    let up = missing > 0.0;
    let room = |mass: &Mass| if up { mass.bounds.1 - mass.value } else { mass.value - mass.bounds.0 };
    // A bucket without an end takes all that is missing.
    if let Some(open) = masses.iter_mut().find(|mass| room(mass).is_infinite()) {
        open.value += missing / open.count;
        return;
    }
    let total: f64 = masses.iter().map(|mass| room(mass) * mass.count).sum();
    let share = (missing.abs() / total).min(1.0);
    if !share.is_finite() {
        return;
    }
    for mass in masses {
        let step = room(mass) * share;
        mass.value += if up { step } else { -step };
    }
}

fn merged(buckets: &[Bucket]) -> Vec<Bucket> {
    let merge = |pair: &[Bucket]| {
        let (first, last) = (pair.first()?, pair.last()?);
        let count = pair.iter().map(|bucket| bucket.count).sum();
        Some(Bucket { bounds: (first.bounds.0, last.bounds.1), count })
    };
    buckets.chunks(2).filter_map(merge).collect()
}
