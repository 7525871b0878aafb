//! `Observers`: other nodes of a cluster, each of which observes a share of the alarms that are due.
//!
//! Observing reads records and is what evaluation costs; it may be done twice, or in vain. What is made of it is decided and written by
//! the node that claimed the alarms, once: whatever an observer does not answer is observed there, as if it were alone.

use super::evaluate::{ALARM_TIME, CONCURRENT_MAX, CONCURRENT_SLOW_MAX};
use super::observe::{Observed, Watched, is_plain, observe, observe_together};
use super::places::Places;
use crate::Watch;
use catalog::{Alarm, AlarmConfiguration};
use futures::StreamExt;
use futures::future::BoxFuture;
use model::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Alarms on one metric are dealt out when as many are due: they are read together, and fewer take less time than the way to another
/// node and back. An alarm that computes anything is worth the way by itself.
const PLAIN_DEALT_MIN: usize = 64;
/// How long the answer of an observer is waited for: much less than an alarm may take, for what does not come is observed after that.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// Who observes besides this node.
pub trait Observers: Send + Sync + 'static {
    /// Those who can at the moment.
    fn present(&self) -> Vec<Arc<dyn Observer>>;

    /// How long the answer of one is waited for.
    fn answer_time_max(&self) -> Duration {
        ANSWER_TIME_MAX
    }
}

/// Another node that observes.
pub trait Observer: Send + Sync {
    /// Tells it from others, and stays the same.
    fn name(&self) -> &str;

    /// What the alarms watch at `now`, in their order: nothing older than this node has as it asks. What it could not observe is `None`,
    /// or missing at the end.
    fn observe(&self, asked: Vec<Asked>, now: Timestamp) -> BoxFuture<'_, Vec<Option<Observed>>>;
}

/// Nobody: for a server that is alone.
#[derive(Debug, Clone, Copy)]
pub struct NoObservers;

impl Observers for NoObservers {
    fn present(&self) -> Vec<Arc<dyn Observer>> {
        Vec::new()
    }
}

/// What an observer has to know of an alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Account of the alarm.
    pub account: String,
    /// Region of the alarm.
    pub region: String,
    /// What it watches.
    pub configuration: AlarmConfiguration,
}

impl Asked {
    /// Of an alarm. What it says and does stays here.
    fn of(alarm: &Alarm) -> Self {
        let configuration = AlarmConfiguration {
            description: None,
            ok_actions: Vec::new(),
            alarm_actions: Vec::new(),
            insufficient_data_actions: Vec::new(),
            ..alarm.configuration.clone()
        };
        Self { account: alarm.scope.account.clone(), region: alarm.scope.region.clone(), configuration }
    }
}

/// The alarms that an observer is asked about.
pub(super) struct Share {
    observer: Arc<dyn Observer>,
    alarms: Vec<Alarm>,
}

/// Alarms, each with what it watches where that was read.
pub(super) type Read = Vec<(Alarm, Option<Observed>)>;

/// Deals alarms out: those that stay here, and the shares of others.
///
/// An alarm goes to the same node as long as that is there, whoever else comes and goes (rendezvous hashing): models of its bands are
/// trained where it is observed.
pub(super) fn deal(watch: &Watch, alarms: Vec<Alarm>) -> (Vec<Alarm>, Vec<Share>) {
    let others = watch.observers.present();
    if others.is_empty() {
        return (alarms, Vec::new());
    }
    let are_plain_dealt = alarms.iter().filter(|alarm| is_plain(&alarm.configuration)).count() >= PLAIN_DEALT_MIN;
    let is_dealt = |configuration: &AlarmConfiguration| match is_plain(configuration) {
        true => are_plain_dealt,
        // A composite alarm looks at other alarms, which are in the catalog. Those on PromQL and on logs observe nothing in advance.
        false => configuration.composite.is_none() && configuration.promql.is_none() && configuration.log.is_none(),
    };
    let mut here = Vec::new();
    let mut shares: Vec<Share> = others.into_iter().map(|observer| Share { observer, alarms: Vec::new() }).collect();
    for alarm in alarms {
        let chosen = shares.iter_mut().max_by_key(|share| weight(share.observer.name(), &alarm));
        match chosen.filter(|share| {
            is_dealt(&alarm.configuration) && weight(share.observer.name(), &alarm) > weight("", &alarm)
        }) {
            Some(share) => share.alarms.push(alarm),
            None => here.push(alarm),
        }
    }
    shares.retain(|share| !share.alarms.is_empty());
    (here, shares)
}

/// Which of the nodes an alarm goes to: the one for which this is most. This node has no name.
fn weight(name: &str, alarm: &Alarm) -> u64 {
    let mut hasher = DefaultHasher::new();
    (name, &alarm.scope, &alarm.name).hash(&mut hasher);
    hasher.finish()
}

/// Reads here what most alarms watch, for all of them at once. What is not read together, or fails, is left to each alone.
pub(super) async fn read_here(watch: &Watch, alarms: Vec<Alarm>, now: Timestamp) -> Read {
    read_rest(watch, alarms, Vec::new(), now).await
}

/// Lets an observer read its share; what it does not answer in time is read here.
pub(super) async fn read_there(watch: &Watch, share: Share, now: Timestamp) -> Read {
    let Share { observer, alarms } = share;
    let asked = alarms.iter().map(Asked::of).collect();
    let answered = tokio::time::timeout(watch.observers.answer_time_max(), observer.observe(asked, now)).await;
    if answered.is_err() {
        tracing::info!(node = observer.name(), "a node does not answer what alarms watch");
    }
    read_rest(watch, alarms, answered.unwrap_or_default(), now).await
}

async fn read_rest(watch: &Watch, alarms: Vec<Alarm>, mut observed: Vec<Option<Observed>>, now: Timestamp) -> Read {
    observed.resize(alarms.len(), None);
    let watched: Vec<Watched> = alarms.iter().map(|alarm| (&alarm.scope, &alarm.configuration)).collect();
    observe_together(watch, &watched, &mut observed, now).await;
    alarms.into_iter().zip(observed).collect()
}

/// Observes for another node. What fails, or is not there `within` that time, is `None`: it is the other's to try.
pub async fn observe_asked(
    watch: &Watch,
    asked: Vec<Asked>,
    now: Timestamp,
    within: Duration,
) -> Vec<Option<Observed>> {
    let until = Instant::now() + within;
    let asked: Vec<(Scope, AlarmConfiguration)> = asked
        .into_iter()
        .map(|asked| (Scope { account: asked.account, region: asked.region }, asked.configuration))
        .collect();
    let mut observed = vec![None; asked.len()];
    let watched: Vec<Watched> = asked.iter().map(|(scope, configuration)| (scope, configuration)).collect();
    let together = observe_together(watch, &watched, &mut observed, now);
    if tokio::time::timeout_at(until, together).await.is_err() {
        return observed;
    }
    let rest = asked.into_iter().enumerate().filter(|(at, _)| observed.get(*at).is_some_and(Option::is_none));
    let rest: Vec<(usize, (Scope, AlarmConfiguration))> = rest.collect();
    let places = Places::new(CONCURRENT_MAX);
    let is_slow = || tokio::time::sleep(ALARM_TIME);
    let one = |(at, (scope, configuration))| {
        let observing = observe_apart(watch.clone(), scope, configuration, now);
        let places = &places;
        async move { (at, places.run(observing, is_slow).await) }
    };
    let mut found = futures::stream::iter(rest).map(one).buffer_unordered(CONCURRENT_SLOW_MAX);
    while let Ok(Some((at, found))) = tokio::time::timeout_at(until, found.next()).await {
        if let Some(place) = observed.get_mut(at) {
            *place = found;
        }
    }
    drop(found);
    observed
}

/// In a task of its own, for it may keep a thread busy; one that ends when nobody waits for it any more.
async fn observe_apart(
    watch: Watch,
    scope: Scope,
    configuration: AlarmConfiguration,
    now: Timestamp,
) -> Option<Observed> {
    let mut task = JoinSet::new();
    task.spawn(async move { observe(&watch, &scope, &configuration, now).await });
    match task.join_next().await? {
        Ok(Ok(observed)) => Some(observed),
        // The node that asked tries it, and says what is wrong.
        Ok(Err(error)) => {
            tracing::debug!(%error, "observe an alarm for another node");
            None
        }
        Err(error) => {
            tracing::error!(%error, "observe an alarm for another node");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::state::{Band, Point, Slot};
    use catalog::AlarmState;
    use std::collections::HashSet;

    fn alarm(name: &str) -> Alarm {
        Alarm {
            scope: Scope { account: "123456789012".into(), region: "us-east-1".into() },
            name: name.into(),
            version: 1,
            configuration: AlarmConfiguration::default(),
            actions_enabled: true,
            configuration_updated: Timestamp(0),
            state: AlarmState::Ok,
            state_reason: String::new(),
            state_reason_data: None,
            state_updated: Timestamp(0),
            state_transitioned: Timestamp(0),
            memory: None,
        }
    }

    /// The bits of every number, for NaN is not equal to itself.
    fn bits(observed: &Observed) -> String {
        let of = |slot: &Slot| {
            let point = slot.point.map(|point| {
                let band = point.band.map(|band| (band.lower.to_bits(), band.upper.to_bits()));
                (point.value.to_bits(), point.sample_count.map(f64::to_bits), band)
            });
            (slot.start, point)
        };
        match observed {
            Observed::One(slots) => format!("{:?}", slots.iter().map(of).collect::<Vec<_>>()),
            Observed::Many(series) => {
                let series = series.iter().map(|(group, slots)| (group, slots.iter().map(of).collect::<Vec<_>>()));
                format!("{:?}", series.collect::<Vec<_>>())
            }
        }
    }

    #[test]
    fn what_was_observed_comes_as_it_was() {
        let numbers =
            [0.0, -0.0, 0.1 + 0.2, f64::MIN_POSITIVE / 3.0, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        let mut slots = vec![Slot { start: Timestamp(-1), point: None }];
        for (at, value) in (0..).zip(numbers) {
            for (sample_count, band) in
                [(None, None), (Some(value), None), (None, Some(Band { lower: value, upper: -value }))]
            {
                slots.push(Slot { start: Timestamp(at), point: Some(Point { value, sample_count, band }) });
            }
        }
        let group = [("Instance".to_owned(), "i \"1\"".to_owned())].into();
        for observed in [
            Observed::One(slots.clone()),
            Observed::One(Vec::new()),
            Observed::Many(Vec::new()),
            Observed::Many(vec![(group, slots), Default::default()]),
        ] {
            let text = serde_json::to_string(&observed).unwrap();
            let read: Observed = serde_json::from_str(&text).unwrap();
            assert_eq!(bits(&read), bits(&observed), "{text}");
        }
    }

    #[test]
    fn a_node_that_comes_or_goes_moves_its_own_share_alone() {
        let alarms: Vec<Alarm> = (0..3000).map(|n| alarm(&n.to_string())).collect();
        let chosen = |names: &[&'static str], alarm: &Alarm| -> &'static str {
            names.iter().copied().max_by_key(|name| weight(name, alarm)).unwrap()
        };
        let mut moved = HashSet::new();
        for alarm in &alarms {
            let (two, three) = (chosen(&["", "a"], alarm), chosen(&["", "a", "b"], alarm));
            assert!(three == two || three == "b");
            if three == "b" {
                moved.insert(&alarm.name);
            }
        }
        assert!((800..1200).contains(&moved.len()), "{}", moved.len());
    }
}
