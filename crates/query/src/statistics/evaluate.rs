//! The arithmetic of statistics over weighted samples. The rules are in the header of `statistics.rs`.

use super::samples::Known;
use super::{Bounds, Samples, Statistic};
use store::Totals;

/// See `Statistic::evaluate`.
pub fn evaluate(statistic: Statistic, samples: &Samples) -> Option<f64> {
    if statistic.is_plain() {
        return plain(statistic, samples);
    }
    let Known { ones, weighted } = samples.known()?;
    if let (Statistic::Percentile(percent), []) = (statistic, weighted) {
        return Some(percentile_of_ones(ones, percent)).filter(|value| value.is_finite());
    }
    let samples = Sorted::of(ones, weighted);
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

fn plain(statistic: Statistic, samples: &Samples) -> Option<f64> {
    let &Totals { count, sum, min, max } = samples.totals();
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

/// The percentile of samples of weight 1, without sorting them all.
fn percentile_of_ones(ones: &[f64], percent: f64) -> f64 {
    let mut ones = ones.to_vec();
    let rank = (percent / 100.0 * (ones.len() - 1) as f64).clamp(0.0, (ones.len() - 1) as f64);
    let (_, &mut low, above) = ones.select_nth_unstable_by(rank as usize, f64::total_cmp);
    let high = above.iter().copied().reduce(f64::min).unwrap_or(low);
    low + (high - low) * rank.fract()
}

/// Raw samples in ascending order with their weights, all positive.
struct Sorted {
    pairs: Vec<(f64, f64)>,
    count: f64,
}

impl Sorted {
    /// Of samples of weight 1 and of weighted ones.
    fn of(ones: &[f64], weighted: &[(f64, f64)]) -> Self {
        let mut pairs: Vec<(f64, f64)> = ones.iter().map(|one| (*one, 1.0)).chain(weighted.iter().copied()).collect();
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
        Self { pairs, count }
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
