//! The arithmetic of statistics over weighted samples. The rules are in the header of `statistics.rs`.

use super::{Bounds, Statistic};
use model::Observation;

/// See `Statistic::evaluate`.
pub fn evaluate(statistic: Statistic, observations: &[&Observation]) -> Option<f64> {
    if statistic.is_plain() {
        return plain(statistic, observations);
    }
    let samples = Samples::collect(observations)?;
    let value = match statistic {
        Statistic::Percentile(percent) => samples.percentile(percent),
        Statistic::TrimmedCount(bounds) => samples.within(bounds).0,
        Statistic::TrimmedSum(bounds) => samples.within(bounds).1,
        Statistic::TrimmedMean(bounds) => match samples.within(bounds) {
            (count, sum) if count > 0.0 => sum / count,
            _ => return None,
        },
        Statistic::WinsorizedMean(bounds) => samples.winsorized_mean(bounds),
        Statistic::PercentileRank(bounds) => 100.0 * samples.within(bounds).0 / samples.count,
        Statistic::SampleCount | Statistic::Sum | Statistic::Average | Statistic::Minimum | Statistic::Maximum => {
            return None; // answered above
        }
    };
    value.is_finite().then_some(value)
}

fn plain(statistic: Statistic, observations: &[&Observation]) -> Option<f64> {
    let (mut count, mut sum, mut min, mut max) = (0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY);
    for observation in observations {
        let (n, s, low, high) = observation.stats();
        count += n;
        sum += s;
        min = f64::min(min, low);
        max = f64::max(max, high);
    }
    if count <= 0.0 {
        return None;
    }
    let value = match statistic {
        Statistic::SampleCount => count,
        Statistic::Sum => sum,
        Statistic::Average => sum / count,
        Statistic::Minimum => min,
        _ => max,
    };
    value.is_finite().then_some(value)
}

/// Raw samples in ascending order with their weights, all positive.
struct Samples {
    pairs: Vec<(f64, f64)>,
    count: f64,
}

impl Samples {
    /// `None` when a sample is hidden or negative, or when there is none.
    fn collect(observations: &[&Observation]) -> Option<Self> {
        let mut pairs = Vec::with_capacity(observations.len());
        for &observation in observations {
            match observation {
                Observation::Values(values) => pairs.extend(values.iter().copied().filter(|&(_, n)| n > 0.0)),
                &Observation::Set { count, sum, min, max } => {
                    // A set of equal samples hides nothing. The sum is compared with a tolerance because clients add up floats.
                    let is_uniform = min == max && (sum - min * count).abs() <= 1e-9 * sum.abs().max(1.0);
                    if !is_uniform {
                        return None;
                    }
                    if count > 0.0 {
                        pairs.push((min, count));
                    }
                }
            }
        }
        if pairs.is_empty() || pairs.iter().any(|&(value, _)| value < 0.0 || value.is_nan()) {
            return None;
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Equal values become one, so that interpolation never depends on how the client split them.
        pairs.dedup_by(|next, kept| {
            let equal = next.0 == kept.0;
            if equal {
                kept.1 += next.1;
            }
            equal
        });
        let count = pairs.iter().map(|&(_, n)| n).sum();
        Some(Self { pairs, count })
    }

    fn percentile(&self, percent: f64) -> f64 {
        let rank = percent / 100.0 * (self.count - 1.0).max(0.0);
        let mut before = 0.0;
        let mut previous: Option<(f64, f64)> = None; // (its last rank, its value)
        for &(value, weight) in &self.pairs {
            if let Some((last, low)) = previous
                && rank < before
            {
                let gap = before - last;
                let share = if gap > 0.0 { ((rank - last) / gap).clamp(0.0, 1.0) } else { 1.0 };
                return low + (value - low) * share;
            }
            let last = before + (weight - 1.0).max(0.0);
            if rank <= last {
                return value;
            }
            previous = Some((last, value));
            before += weight;
        }
        self.max()
    }

    /// (count, sum) of what lies within the bounds.
    fn within(&self, bounds: Bounds) -> (f64, f64) {
        match bounds {
            Bounds::Absolute { low, high } => self
                .pairs
                .iter()
                .filter(|&&(value, _)| low.is_none_or(|low| value > low) && high.is_none_or(|high| value <= high))
                .fold((0.0, 0.0), |(count, sum), &(value, n)| (count + n, sum + value * n)),
            Bounds::Percent { low, high } => {
                let (from, to) = (self.count * low / 100.0, self.count * high / 100.0);
                let (mut before, mut count, mut sum) = (0.0, 0.0, 0.0);
                for &(value, n) in &self.pairs {
                    let kept = (f64::min(before + n, to) - f64::max(before, from)).max(0.0);
                    count += kept;
                    sum += value * kept;
                    before += n;
                }
                (count, sum)
            }
        }
    }

    fn winsorized_mean(&self, bounds: Bounds) -> f64 {
        let (low, high) = match bounds {
            Bounds::Absolute { low, high } => (low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY)),
            Bounds::Percent { low, high } => (self.percentile(low), self.percentile(high)),
        };
        let sum: f64 = self.pairs.iter().map(|&(value, n)| value.max(low).min(high) * n).sum();
        sum / self.count
    }

    fn max(&self) -> f64 {
        self.pairs.last().map_or(f64::NAN, |&(value, _)| value)
    }
}
