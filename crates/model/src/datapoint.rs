//! `Datapoint`: what PutMetricData said about one metric at one instant, and `SeriesKey`, the identity of a metric.

use crate::Timestamp;
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// The identity of a time series: data with different units are kept apart, as CloudWatch does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SeriesKey {
    /// Twelve-digit account id.
    pub account: String,
    /// Region name, such as `us-east-1`.
    pub region: String,
    /// CloudWatch namespace.
    pub namespace: String,
    /// Metric name.
    pub name: String,
    /// (name, value) pairs sorted by name, names unique.
    pub dimensions: Vec<(String, String)>,
    /// One of CloudWatch's 27 units; `None` when the client gave none.
    pub unit: String,
}

/// Values with how often each occurred. Nearly all observations are of one value, which needs no allocation.
pub type Pairs = SmallVec<[(f64, f64); 1]>;

/// What was observed: raw values with how often each occurred, or a statistic set whose values are unknown.
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// Distinct values with their counts (PutMetricData `Value`, or `Values` and `Counts`); never empty.
    Values(Pairs),
    /// A statistic set (`StatisticValues`): no percentiles unless it pins them down.
    Set {
        /// Number of samples.
        count: f64,
        /// Sum of the samples.
        sum: f64,
        /// Smallest sample.
        min: f64,
        /// Largest sample.
        max: f64,
    },
}

impl Observation {
    /// One single value.
    pub fn value(value: f64) -> Self {
        Self::Values(smallvec![(value, 1.0)])
    }

    /// (sample count, sum, minimum, maximum) of the observation.
    pub fn stats(&self) -> (f64, f64, f64, f64) {
        match self {
            Observation::Values(pairs) => pairs
                .iter()
                .fold((0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY), |(count, sum, min, max), &(value, n)| {
                    (count + n, sum + value * n, min.min(value), max.max(value))
                }),
            &Observation::Set { count, sum, min, max } => (count, sum, min, max),
        }
    }
}

/// One metric datum.
#[derive(Debug, Clone, PartialEq)]
pub struct Datapoint {
    /// The series it belongs to (shared, because a client repeats the same few series).
    pub series: Arc<SeriesKey>,
    /// When it was observed, cut to the whole second.
    pub timestamp: Timestamp,
    /// Storage resolution in seconds: 1 (high resolution) or 60.
    pub resolution_secs: u8,
    /// What was observed.
    pub observation: Observation,
}
