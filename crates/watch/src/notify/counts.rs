//! `Counts`: how much was published and delivered of each topic, until it is taken as metrics. A crash loses what was counted
//! since the last full minute, and nothing else.

use model::{Datapoint, Observation, Scope, SeriesKey, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is counted, by SNS's names of its metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Counted {
    Published,
    Delivered,
    Failed,
}

/// Most (topic, metric) pairs between two takings; further ones are not counted.
const ENTRIES_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<BTreeMap<(Scope, String, Counted), u64>>);

impl Counts {
    /// Counts one for a topic or webhook of a scope.
    pub fn count(&self, scope: &Scope, name: &str, counted: Counted) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (scope.clone(), name.to_owned(), counted);
        if counts.len() < ENTRIES_MAX || counts.contains_key(&key) {
            *counts.entry(key).or_default() += 1;
        }
    }

    /// Everything counted since the last call, stamped `at`.
    pub fn take(&self, at: Timestamp) -> Vec<Datapoint> {
        let counts = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let datapoint = |((scope, name, counted), n): ((Scope, String, Counted), u64)| Datapoint {
            series: Arc::new(SeriesKey {
                account: scope.account,
                region: scope.region,
                namespace: "AWS/SNS".into(),
                name: match counted {
                    Counted::Published => "NumberOfMessagesPublished",
                    Counted::Delivered => "NumberOfNotificationsDelivered",
                    Counted::Failed => "NumberOfNotificationsFailed",
                }
                .into(),
                dimensions: vec![("TopicName".into(), name)],
                unit: "Count".into(),
            }),
            timestamp: Timestamp(at.0 - at.0.rem_euclid(1000)),
            resolution_secs: 60,
            // As many samples of 1 as there were messages: Sum and SampleCount both say how many.
            observation: Observation::Values(vec![(1.0, n as f64)].into()),
        };
        counts.into_iter().map(datapoint).collect()
    }
}
