//! `Coverage`: which audit events belong to a trail. Pure.
//!
//! Global services (IAM, STS, CloudFront and their like) record in us-east-1 since November 2021, and a trail gets them as it gets
//! any event of that region, unless `IncludeGlobalServiceEvents` is off:
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html#cloudtrail-concepts-global-service-events>.

use crate::derived::Wanted;
use crate::selectors::{Selectors, Subject};
use catalog::{EventDataStore, TrailRow, TrailSpan};
use model::{Event, Scope};

/// Where global services record.
const GLOBAL_REGION: &str = "us-east-1";
/// Services without regions.
const GLOBAL_SOURCES: [&str; 6] = [
    "cloudfront.amazonaws.com",
    "globalaccelerator.amazonaws.com",
    "iam.amazonaws.com",
    "organizations.amazonaws.com",
    "route53.amazonaws.com",
    "sts.amazonaws.com",
];

/// What belongs to a trail.
#[derive(Debug, Clone)]
pub(crate) struct Coverage {
    /// Account and home region of the trail.
    pub home: Scope,
    /// All regions, or the home region alone.
    pub multi_region: bool,
    /// Whether events of global services belong to it.
    pub global_events: bool,
    /// All accounts, or the trail's alone.
    pub organization: bool,
    /// Which of these events it keeps.
    pub selectors: Selectors,
    /// Which events that follow from others it takes beside these.
    pub derived: Wanted,
}

impl Coverage {
    /// What belongs to a trail by its settings of now.
    pub(crate) fn of_trail(trail: &TrailRow) -> Self {
        Self {
            home: trail.scope.clone(),
            multi_region: trail.settings.multi_region,
            global_events: trail.settings.global_events,
            organization: trail.settings.organization,
            selectors: Selectors::stored(trail.selectors.as_deref(), &trail.name),
            derived: Wanted::of_trail(trail),
        }
    }

    /// What belongs to a span of a trail.
    pub(crate) fn of_span(span: &TrailSpan) -> Self {
        Self {
            home: Scope { account: span.account.clone(), region: span.region.clone() },
            multi_region: span.multi_region,
            global_events: span.global_events,
            organization: span.organization,
            selectors: Selectors::stored(span.selectors.as_deref(), &span.name),
            derived: Wanted::of_span(span),
        }
    }

    /// What belongs to an event data store by its settings of now.
    pub(crate) fn of_store(store: &EventDataStore) -> Self {
        Self {
            home: store.scope.clone(),
            multi_region: store.settings.multi_region,
            global_events: true,
            organization: store.settings.organization,
            selectors: crate::lake::selectors_of(store),
            derived: Wanted::default(),
        }
    }

    /// True when the event belongs to the trail.
    pub(crate) fn covers(&self, event: &Event) -> bool {
        // The selectors last, for they take more looking.
        self.takes_source(&event.account, &event.region, &event.source)
            && (self.derived.takes(event) || self.selectors.matches(&Subject::of(event)))
    }

    /// True when an event of this account and region belongs to the trail, whether it follows from others or not.
    pub(crate) fn covers_subject(&self, account: &str, region: &str, subject: &Subject<'_>) -> bool {
        self.takes_source(account, region, &subject.source) && self.selectors.matches(subject)
    }

    /// True when events of this account and region may belong to the trail.
    pub(crate) fn reaches(&self, account: &str, region: &str) -> bool {
        (self.organization || account == self.home.account) && (self.multi_region || region == self.home.region)
    }

    fn takes_source(&self, account: &str, region: &str, source: &str) -> bool {
        let is_global = region == GLOBAL_REGION && GLOBAL_SOURCES.contains(&source);
        self.reaches(account, region) && (self.global_events || !is_global)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trail_covers_its_regions_and_global_services() {
        let coverage = Coverage {
            home: Scope { account: "123456789012".into(), region: "us-east-1".into() },
            multi_region: false,
            global_events: true,
            organization: false,
            selectors: Selectors::default(),
            derived: Wanted::default(),
        };
        let event = |account: &str, region: &str, source: &str| Event {
            account: account.into(),
            region: region.into(),
            source: source.into(),
            category: "Management".into(),
            record: "{}".into(),
            ..Event::default()
        };
        let here = event("123456789012", "us-east-1", "logs.amazonaws.com");
        let global = event("123456789012", "us-east-1", "iam.amazonaws.com");
        let regional = event("123456789012", "eu-west-1", "sts.amazonaws.com");
        let foreign = event("999999999999", "us-east-1", "logs.amazonaws.com");
        let covered = |coverage: &Coverage| [&here, &global, &regional, &foreign].map(|event| coverage.covers(event));
        assert_eq!(covered(&coverage), [true, true, false, false]);
        let without_global = Coverage { global_events: false, multi_region: true, ..coverage.clone() };
        assert_eq!(covered(&without_global), [true, false, true, false], "STS of another region is regional");
        let of_all = Coverage { organization: true, multi_region: true, ..coverage };
        assert_eq!(covered(&of_all), [true; 4]);
        assert!(!of_all.covers(&Event { category: "Data".into(), ..here.clone() }), "no selector asks for it");
    }
}
