//! `Incoming`: how much was taken in of log events, until it is taken as the metrics `IncomingLogEvents` and `IncomingBytes` of
//! namespace `AWS/Logs`: by log group, and for all groups of an account and region. A crash loses what was counted since the last full
//! minute, and nothing else.
//!
//! Source: user guide, "CloudWatch Logs metrics". Bytes are those of the texts.

use model::{Datapoint, LogEvent, Observation, Scope, SeriesKey, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Most groups of an account and region that are counted apart between two takings; further ones are counted among all.
const GROUPS_MAX: usize = 10_000;

/// What one append takes in.
#[derive(Debug)]
pub(super) struct TakenIn {
    scope: Scope,
    group_name: String,
    count: Count,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    events: u64,
    bytes: u64,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.bytes += other.bytes;
    }
}

impl TakenIn {
    /// Events for the group of this name.
    pub(super) fn of(scope: &Scope, group_name: &str, events: &[LogEvent]) -> Self {
        let bytes = events.iter().map(|event| event.message.len() as u64).sum();
        let count = Count { events: events.len() as u64, bytes };
        Self { scope: scope.clone(), group_name: group_name.to_owned(), count }
    }
}

#[derive(Debug, Default)]
struct OfScope {
    all: Count,
    groups: HashMap<String, Count>,
}

/// What came in since it was last taken. One for the life of the process.
#[derive(Debug, Default)]
pub struct Incoming(Mutex<HashMap<Scope, OfScope>>);

impl Incoming {
    pub(super) fn add(&self, taken_in: &TakenIn) {
        let mut scopes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !scopes.contains_key(&taken_in.scope) {
            scopes.insert(taken_in.scope.clone(), OfScope::default());
        }
        let Some(scope) = scopes.get_mut(&taken_in.scope) else { return };
        scope.all += taken_in.count;
        let has_room = scope.groups.len() < GROUPS_MAX;
        match scope.groups.get_mut(&taken_in.group_name) {
            Some(group) => *group += taken_in.count,
            None if has_room => {
                scope.groups.insert(taken_in.group_name.clone(), taken_in.count);
            }
            None => {}
        }
    }

    /// Everything counted since the last call, stamped `at`.
    pub fn take_metrics(&self, at: Timestamp) -> Vec<Datapoint> {
        let scopes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut datapoints = Vec::new();
        for (scope, OfScope { all, groups }) in scopes {
            datapoints.extend(metrics(&scope, None, all, at));
            for (name, count) in groups {
                datapoints.extend(metrics(&scope, Some(name), count, at));
            }
        }
        datapoints
    }
}

fn metrics(scope: &Scope, group_name: Option<String>, count: Count, at: Timestamp) -> [Datapoint; 2] {
    let dimensions: Vec<(String, String)> =
        group_name.map(|name| ("LogGroupName".to_owned(), name)).into_iter().collect();
    let metric = |name: &str, unit: &str, value: u64| Datapoint {
        series: Arc::new(SeriesKey {
            account: scope.account.clone(),
            region: scope.region.clone(),
            namespace: "AWS/Logs".into(),
            name: name.into(),
            dimensions: dimensions.clone(),
            unit: unit.into(),
        }),
        timestamp: at.floor_to(1000),
        resolution_secs: 60,
        observation: Observation::value(value as f64),
    };
    [metric("IncomingLogEvents", "None", count.events), metric("IncomingBytes", "Bytes", count.bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{GroupId, StreamId};

    #[test]
    fn what_came_in_is_counted_by_group_and_in_all_once() {
        let incoming = Incoming::default();
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let event = |message: &str| LogEvent {
            group: GroupId(1),
            stream: StreamId(1),
            timestamp: Timestamp(0),
            ingestion_time: Timestamp(0),
            message: message.into(),
        };
        incoming.add(&TakenIn::of(&scope, "a", &[event("12345"), event("ü")]));
        incoming.add(&TakenIn::of(&scope, "b", &[event("1")]));
        incoming.add(&TakenIn::of(&scope, "a", &[event("")]));
        let mut taken: Vec<_> = incoming
            .take_metrics(Timestamp(61_500))
            .into_iter()
            .map(|d| {
                assert_eq!(d.timestamp, Timestamp(61_000));
                let group = d.series.dimensions.first().map(|(_, name)| name.clone()).unwrap_or_default();
                (group, d.series.name.clone(), d.observation.stats().1)
            })
            .collect();
        taken.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        let of = |group: &str, bytes: f64, events: f64| {
            [
                (group.to_owned(), "IncomingBytes".to_owned(), bytes),
                (group.to_owned(), "IncomingLogEvents".to_owned(), events),
            ]
        };
        assert_eq!(taken, [of("", 8.0, 4.0), of("a", 7.0, 3.0), of("b", 1.0, 1.0)].concat());
        assert!(incoming.take_metrics(Timestamp(61_500)).is_empty());
    }

    #[test]
    fn of_too_many_groups_the_rest_is_counted_in_all() {
        let incoming = Incoming::default();
        for number in 0..GROUPS_MAX + 5 {
            incoming.add(&TakenIn {
                scope: Scope::default(),
                group_name: number.to_string(),
                count: Count { events: 1, bytes: 1 },
            });
        }
        let taken = incoming.take_metrics(Timestamp(0));
        assert_eq!(taken.len(), 2 * (GROUPS_MAX + 1));
        assert_eq!(taken[0].observation.stats().1, (GROUPS_MAX + 5) as f64);
    }
}
