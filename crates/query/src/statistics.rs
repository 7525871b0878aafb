//! CloudWatch statistics: parsed from every notation, and evaluated over observations.
//!
//! Notations (statistics definitions page): `SampleCount`, `Sum`, `Average`, `Minimum`, `Maximum`; percentiles `p0` to
//! `p100` with up to ten decimals; trimmed mean `tm99` / `TM(a:b)`, trimmed count `tc99` / `TC(a:b)`, trimmed sum
//! `ts99` / `TS(a:b)`, winsorized mean `wm99` / `WM(a:b)`, where both bounds are percentages (`10%`) or both are values
//! and either may be left out; percentile rank `PR(a:b)` with values only; `IQM`, which is `TM(25%:75%)`.
//!
//! Two families behave differently. The five plain statistics need only count, sum, minimum and maximum. The rest need raw
//! values: they are not available when a statistic set hides its samples (unless count, sum, minimum and maximum show
//! that all samples are equal) nor when any value is negative.
//!
//! **Percentile rule.** AWS does not publish one, and aggregates large sets into buckets, so that its own answers are
//! approximate. Here a period's values are sorted with their counts as weights, the samples lie at ranks 0 to n-1, and
//! percentile p is read at rank `p/100 * (n-1)`, linearly interpolated between the closest ranks: p0 is the minimum,
//! p100 the maximum, p50 of 1, 2, 3, 4 is 2.5. Counts need not be whole: a value of weight w holds the ranks from its
//! cumulative weight before it to that plus `w - 1`.
//!
//! **Trimming rule.** Percentage bounds cut weight, not samples: `TM(10%:90%)` over 5 samples of weight 1 keeps half of
//! the lowest and half of the highest, so that the result moves smoothly with the bounds and is exact for any counts.
//! Absolute bounds exclude the lower and include the upper bound, as AWS documents. Winsorizing with percentages
//! replaces what lies outside by the percentile at the bound.

use model::Observation;
pub use samples::Samples;

mod evaluate;
mod parse;
mod samples;
#[cfg(test)]
mod tests;

/// One statistic, as a request names it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// Number of samples.
    SampleCount,
    /// Sum of the samples.
    Sum,
    /// Sum divided by SampleCount.
    Average,
    /// Smallest sample.
    Minimum,
    /// Largest sample.
    Maximum,
    /// The value below which this percentage (0 to 100) of the samples lies.
    Percentile(f64),
    /// `TM`, `IQM`: the mean of the samples within the bounds.
    TrimmedMean(Bounds),
    /// `TC`: how many samples lie within the bounds.
    TrimmedCount(Bounds),
    /// `TS`: the sum of the samples within the bounds.
    TrimmedSum(Bounds),
    /// `WM`: the mean with the samples outside the bounds moved to the nearest bound.
    WinsorizedMean(Bounds),
    /// `PR`: the percentage of samples within the bounds, which are absolute.
    PercentileRank(Bounds),
}

/// The two bounds of a trimmed statistic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bounds {
    /// Percentages, 0 to 100; a bound left out is 0 or 100.
    Percent {
        /// The percentage of lowest samples that is left out.
        low: f64,
        /// The percentage up to which samples are kept.
        high: f64,
    },
    /// Values; a bound left out is unbounded.
    Absolute {
        /// Exclusive lower bound.
        low: Option<f64>,
        /// Inclusive upper bound.
        high: Option<f64>,
    },
}

/// A statistic's name that is none; `Display` is the text for the client, less the name of the request's parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The value {text} is not a valid statistic: {reason}.")]
pub struct StatisticError {
    /// What was asked for (cut to a readable length).
    pub text: String,
    /// What is wrong with it, without a full stop.
    pub reason: &'static str,
}

impl Statistic {
    /// Reads a statistic in any of CloudWatch's notations.
    pub fn parse(text: &str) -> Result<Self, StatisticError> {
        parse::statistic(text)
    }

    /// True for SampleCount, Sum, Average, Minimum and Maximum: what `Statistics` of GetMetricStatistics and
    /// `Statistic` of an alarm may name. The rest belongs in `ExtendedStatistics`.
    pub fn is_plain(&self) -> bool {
        matches!(
            self,
            Statistic::SampleCount | Statistic::Sum | Statistic::Average | Statistic::Minimum | Statistic::Maximum
        )
    }

    /// The statistic over the observations of one period; `None` when it is not available: nothing was observed, or
    /// raw values are needed and are hidden in a statistic set or negative, or no sample lies within the bounds of a mean.
    pub fn evaluate(&self, observations: &[&Observation]) -> Option<f64> {
        Samples::of(observations).evaluate(self)
    }

    /// How many samples a period needs before an alarm with `EvaluateLowSampleCountPercentile = ignore` trusts this
    /// statistic: 10/(1-p) for a percentile from the median up, 10/p below it (PutMetricAlarm guide). Zero for all that
    /// is no percentile, and for p0 and p100, which any one sample settles.
    pub fn samples_needed(&self) -> f64 {
        match *self {
            Statistic::Percentile(percent) if percent >= 100.0 || percent <= 0.0 => 0.0,
            Statistic::Percentile(percent) => {
                // A percentage has ten decimals at most: without what binary fractions add, p99.9 needs 10,000 and not a bit more.
                let part = if percent >= 50.0 { 100.0 - percent } else { percent };
                1e13 / (part * 1e10).round()
            }
            _ => 0.0,
        }
    }
}

impl Samples {
    /// A statistic of these samples; `None` when it is not available (see `Statistic::evaluate`), or when it is not plain and
    /// raw samples were not wanted.
    pub fn evaluate(&self, statistic: &Statistic) -> Option<f64> {
        evaluate::evaluate(*statistic, self)
    }
}
