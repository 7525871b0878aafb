//! `LogDelivery`: which audit events go into which log groups, because a trail says so, and how that fares.
//!
//! AWS: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/send-cloudtrail-events-to-cloudwatch-logs.html>. What a
//! trail's selectors take goes as one log event into the trail's group, into a stream named after account and region.
//! Events larger than 256 KB do not go there.
//!
//! This plane decides; who joins the planes delivers, in the batch that makes the audit event durable, so that an event is in
//! the group exactly once. Only our own calls are delivered: imported events and those of channels are not, as on AWS.
//! How deliveries fare is known since the server started.

use crate::coverage::Coverage;
use crate::delivery::key;
use catalog::TrailRow;
use model::arn::Arn;
use model::{Event, Scope, Timestamp};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Largest record that is delivered, bytes (CloudTrail user guide).
const RECORD_BYTES_MAX: usize = 256 * 1024;

/// Deliveries of trails into log groups. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct LogDelivery(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    any: AtomicBool,
    rules: RwLock<Arc<[Rule]>>,
    outcomes: Mutex<HashMap<TrailId, Outcome>>,
}

/// Scope and name.
type TrailId = (Scope, String);

#[derive(Debug)]
struct Rule {
    trail: TrailId,
    coverage: Coverage,
    group_name: String,
}

/// Where one event goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Account and home region of the trail, which are those of the log group.
    pub scope: Scope,
    /// Name of the trail.
    pub trail_name: String,
    /// The log group; it exists, or the delivery fails.
    pub group_name: String,
    /// The stream, made when it is absent.
    pub stream_name: String,
}

/// How the deliveries of a trail have fared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// When an event was delivered last.
    pub delivered: Option<Timestamp>,
    /// Why the last attempt failed, if it did.
    pub error: Option<String>,
}

impl LogDelivery {
    /// Where an event goes; nowhere is the usual case, and costs one relaxed load.
    pub fn of(&self, event: &Event) -> Vec<Delivery> {
        if !self.0.any.load(Ordering::Relaxed) || event.record.len() > RECORD_BYTES_MAX {
            return Vec::new();
        }
        let rules = Arc::clone(&self.0.rules.read().unwrap_or_else(PoisonError::into_inner));
        rules.iter().filter(|rule| rule.coverage.covers(event)).map(|rule| rule.delivery(event)).collect()
    }

    /// Notes how a delivery went.
    pub fn note(&self, delivery: &Delivery, at: Timestamp, result: Result<(), String>) {
        let id = (delivery.scope.clone(), delivery.trail_name.clone());
        let mut outcomes = self.outcomes();
        let outcome = outcomes.entry(id).or_default();
        outcome.error = result.err();
        if outcome.error.is_none() {
            outcome.delivered = Some(at);
        }
    }

    /// How the deliveries of a trail have fared.
    pub fn outcome(&self, scope: &Scope, trail_name: &str) -> Outcome {
        self.outcomes().get(&(scope.clone(), trail_name.to_owned())).cloned().unwrap_or_default()
    }

    /// Takes over the trails that log now.
    pub(crate) fn set(&self, trails: &[TrailRow]) {
        let rules: Vec<Rule> = trails.iter().filter_map(Rule::of).collect();
        self.outcomes().retain(|id, _| rules.iter().any(|rule| rule.trail == *id));
        let any = !rules.is_empty();
        *self.0.rules.write().unwrap_or_else(PoisonError::into_inner) = rules.into();
        self.0.any.store(any, Ordering::Release);
    }

    fn outcomes(&self) -> MutexGuard<'_, HashMap<TrailId, Outcome>> {
        self.0.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rule {
    fn of(trail: &TrailRow) -> Option<Self> {
        let arn = Arn::parse(trail.settings.logs_group_arn.as_deref()?)?;
        let group_name = arn.resource.strip_prefix("log-group:")?.trim_end_matches(":*").to_owned();
        Some(Self { trail: (trail.scope.clone(), trail.name.clone()), coverage: Coverage::of_trail(trail), group_name })
    }

    fn delivery(&self, event: &Event) -> Delivery {
        let (scope, trail_name) = self.trail.clone();
        let stream_name = format!("{}_{}_{}", event.account, key::kind(&event.category), event.region);
        Delivery { scope, trail_name, group_name: self.group_name.clone(), stream_name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::TrailSettings;

    fn scope() -> Scope {
        Scope { account: "123456789012".into(), region: "us-east-1".into() }
    }

    fn trail(name: &str, group: Option<&str>, multi_region: bool) -> TrailRow {
        let arn = |group| format!("arn:aws:logs:us-east-1:123456789012:log-group:{group}:*");
        let settings = TrailSettings { logs_group_arn: group.map(arn), multi_region, ..TrailSettings::default() };
        TrailRow { scope: scope(), name: name.into(), settings, ..TrailRow::default() }
    }

    fn event(region: &str) -> Event {
        Event {
            account: "123456789012".into(),
            region: region.into(),
            category: "Management".into(),
            record: "{}".into(),
            ..Event::default()
        }
    }

    fn groups(delivery: &LogDelivery, event: &Event) -> Vec<String> {
        delivery.of(event).into_iter().map(|to| format!("{} {}", to.group_name, to.stream_name)).collect()
    }

    #[test]
    fn events_go_where_trails_that_cover_them_say() {
        let delivery = LogDelivery::default();
        assert_eq!(groups(&delivery, &event("us-east-1")), [""; 0]);
        delivery.set(&[trail("a", Some("/a"), false), trail("b", Some("/b"), true), trail("c", None, true)]);
        let here = ["/a 123456789012_CloudTrail_us-east-1", "/b 123456789012_CloudTrail_us-east-1"];
        assert_eq!(groups(&delivery, &event("us-east-1")), here);
        assert_eq!(groups(&delivery, &event("eu-west-1")), ["/b 123456789012_CloudTrail_eu-west-1"]);
        let data = Event { category: "Data".into(), ..event("us-east-1") };
        assert_eq!(groups(&delivery, &data), [""; 0], "no selector asks for it");
        let elsewhere = Event { account: "999999999999".into(), ..event("us-east-1") };
        assert_eq!(groups(&delivery, &elsewhere), [""; 0]);
        let large = Event { record: "x".repeat(RECORD_BYTES_MAX + 1), ..event("us-east-1") };
        assert_eq!(groups(&delivery, &large), [""; 0]);
        delivery.set(&[]);
        assert_eq!(groups(&delivery, &event("us-east-1")), [""; 0]);
    }

    #[test]
    fn outcomes_are_those_of_the_last_attempt() {
        let delivery = LogDelivery::default();
        let rows = [trail("a", Some("/a"), false)];
        delivery.set(&rows);
        let to = delivery.of(&event("us-east-1")).remove(0);
        delivery.note(&to, Timestamp(5), Ok(()));
        delivery.note(&to, Timestamp(6), Err("gone".into()));
        let failed = Outcome { delivered: Some(Timestamp(5)), error: Some("gone".into()) };
        assert_eq!(delivery.outcome(&scope(), "a"), failed);
        delivery.note(&to, Timestamp(7), Ok(()));
        delivery.set(&rows);
        assert_eq!(delivery.outcome(&scope(), "a"), Outcome { delivered: Some(Timestamp(7)), error: None });
        delivery.set(&[]);
        assert_eq!(delivery.outcome(&scope(), "a"), Outcome::default());
    }
}
