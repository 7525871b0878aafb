//! histogram_quantile: a quantile estimated from the cumulative buckets of classic histograms.

use super::super::plan::Node;
use super::{ABSENT, Evaluator, Grid, Result, Series, is_present, unique};
use crate::promql::Labels;
use std::collections::BTreeMap;

/// The label with a bucket's upper bound.
const BOUND: &str = "le";

/// Counts that differ by less, relatively, are taken for equal (Prometheus).
const TOLERANCE: f64 = 1e-12;

/// An upper bound and how many observations are not above it.
#[derive(Clone, Copy)]
struct Bucket {
    bound: f64,
    count: f64,
}

impl Evaluator<'_> {
    pub(super) fn histogram_quantile(
        &self,
        quantile: &Node,
        buckets: &Node,
        percentile: Option<&Node>,
        grid: &Grid,
    ) -> Result<Vec<Series>> {
        let quantile = self.scalar(quantile, grid)?;
        let mut histograms: BTreeMap<Labels, Vec<(f64, Series)>> = BTreeMap::new();
        for series in self.vector(buckets, grid)? {
            if let Ok(bound) = series.labels.get(BOUND).parse() {
                let labels = series.labels.without(&[BOUND.to_owned()]).without_metadata();
                histograms.entry(labels).or_default().push((bound, series));
            }
        }
        self.room(histograms.len(), grid.count)?;
        let mut results = Vec::new();
        for (labels, series) in histograms {
            let value = |at: usize| {
                let present = series.iter().filter(|(_, series)| is_present(series.values[at]));
                let mut buckets: Vec<Bucket> =
                    present.map(|(bound, series)| Bucket { bound: *bound, count: series.values[at] }).collect();
                if buckets.is_empty() { ABSENT } else { quantile_of(quantile[at], &mut buckets) }
            };
            results.push(Series { labels, values: (0..grid.count).map(value).collect() });
        }
        if let Some(percentile) = percentile {
            let known = self.vector(percentile, grid)?;
            results.extend(known.into_iter().filter(|series| series.labels.get(BOUND).is_empty()));
        }
        unique(results)
    }
}

fn quantile_of(q: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    buckets.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    buckets.dedup_by(|later, earlier| {
        let same = later.bound == earlier.bound;
        if same {
            earlier.count += later.count;
        }
        same
    });
    make_monotonic(buckets);
    let (Some(&last), true) = (buckets.last(), buckets.len() >= 2) else { return f64::NAN };
    if last.bound != f64::INFINITY || last.count == 0.0 || last.count.is_nan() {
        return f64::NAN;
    }
    let rank = q * last.count;
    let finite = &buckets[..buckets.len() - 1];
    let at = finite.partition_point(|bucket| bucket.count < rank);
    if at == finite.len() {
        return finite[at - 1].bound;
    }
    let this = finite[at];
    if at == 0 && this.bound <= 0.0 {
        return this.bound;
    }
    let before = if at == 0 { Bucket { bound: 0.0, count: 0.0 } } else { finite[at - 1] };
    before.bound + (this.bound - before.bound) * ((rank - before.count) / (this.count - before.count))
}

/// Buckets are read one after the other, so a later one may be behind: no count is less than the one before it.
fn make_monotonic(buckets: &mut [Bucket]) {
    let Some((first, rest)) = buckets.split_first_mut() else { return };
    let mut previous = first.count;
    for bucket in rest {
        let size = previous.abs().max(bucket.count.abs());
        let is_same = (bucket.count - previous).abs() <= TOLERANCE * size;
        if is_same || bucket.count < previous {
            bucket.count = previous;
        }
        previous = bucket.count;
    }
}
