//! `Counts`: how much was sent of each subscription, until it is taken as metrics. A crash loses what was counted since the last
//! full minute, and nothing else.

use super::target::Kind;
use model::{Datapoint, Observation, Scope, SeriesKey, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is counted, by its name as a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Counted {
    ForwardedLogEvents,
    /// Compressed.
    ForwardedBytes,
    /// Log events.
    DeliveryErrors,
    /// Log events.
    DeliveryThrottling,
}

impl Counted {
    fn name(self) -> &'static str {
        match self {
            Counted::ForwardedLogEvents => "ForwardedLogEvents",
            Counted::ForwardedBytes => "ForwardedBytes",
            Counted::DeliveryErrors => "DeliveryErrors",
            Counted::DeliveryThrottling => "DeliveryThrottling",
        }
    }
}

/// What is counted apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Counter {
    pub account: String,
    pub region: String,
    pub group: String,
    pub filter: String,
    pub destination: &'static str,
}

impl Counter {
    /// Of a group's events that a subscription sends.
    pub(super) fn new(scope: &Scope, group: &str, filter: &str, kind: Kind) -> Self {
        Self {
            account: scope.account.clone(),
            region: scope.region.clone(),
            group: group.to_owned(),
            filter: filter.to_owned(),
            destination: kind.name(),
        }
    }
}

/// Most (counter, metric) pairs between two takings; further ones are not counted.
const ENTRIES_MAX: usize = 50_000;

#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<BTreeMap<(Counter, Counted), u64>>);

impl Counts {
    /// Adds to a count.
    pub(super) fn add(&self, counter: &Counter, counted: Counted, count: usize) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (counter.clone(), counted);
        if counts.len() < ENTRIES_MAX || counts.contains_key(&key) {
            *counts.entry(key).or_default() += count as u64;
        }
    }

    /// Everything counted since the last call, stamped `at`.
    pub(super) fn take(&self, at: Timestamp) -> Vec<Datapoint> {
        let counts = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let datapoint = |((counter, counted), count): ((Counter, Counted), u64)| Datapoint {
            series: Arc::new(SeriesKey {
                account: counter.account,
                region: counter.region,
                namespace: "AWS/Logs".into(),
                name: counted.name().into(),
                // Sorted by name, as every series is.
                dimensions: vec![
                    ("DestinationType".into(), counter.destination.into()),
                    ("FilterName".into(), counter.filter),
                    ("LogGroupName".into(), counter.group),
                ],
                unit: if counted == Counted::ForwardedBytes { "Bytes" } else { "None" }.into(),
            }),
            timestamp: at.floor_to(1000),
            resolution_secs: 60,
            observation: Observation::value(count as f64),
        };
        counts.into_iter().map(datapoint).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_become_metrics_once() {
        let counts = Counts::default();
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let counter = Counter::new(&scope, "g", "f", Kind::Kinesis);
        counts.add(&counter, Counted::ForwardedLogEvents, 3);
        counts.add(&counter, Counted::ForwardedLogEvents, 4);
        counts.add(&counter, Counted::ForwardedBytes, 100);
        let taken = counts.take(Timestamp(61_500));
        assert_eq!(
            taken.iter().map(|d| (d.series.name.as_str(), d.observation.stats().1)).collect::<Vec<_>>(),
            [("ForwardedLogEvents", 7.0), ("ForwardedBytes", 100.0)]
        );
        assert_eq!(taken[0].timestamp, Timestamp(61_000));
        let dimensions = [("DestinationType", "Kinesis"), ("FilterName", "f"), ("LogGroupName", "g")];
        assert_eq!(taken[0].series.dimensions, dimensions.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(counts.take(Timestamp(61_500)).is_empty());
    }
}
