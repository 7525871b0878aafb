//! A change of state and of configuration that are one.

use super::*;
use crate::{AlarmConfiguration, AlarmState};
use model::{Scope, Timestamp};
use std::collections::BTreeMap;

#[tokio::test]
async fn no_evaluation_comes_between_a_reset_and_the_new_configuration() {
    let catalog = Catalog::in_memory().await.unwrap();
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    let made = Alarm {
        scope: scope.clone(),
        name: "a".into(),
        version: 1,
        configuration: AlarmConfiguration { threshold: 1.0, ..AlarmConfiguration::default() },
        actions_enabled: true,
        configuration_updated: Timestamp(1),
        state: AlarmState::Ok,
        state_reason: "r".into(),
        state_reason_data: None,
        state_updated: Timestamp(1),
        state_transitioned: Timestamp(1),
        memory: None,
    };
    assert!(catalog.create_alarm(&made, 60_000, &[], "arn", &BTreeMap::new(), None).await.unwrap());
    let change = |state: AlarmState, reason: &str| StateChange {
        state,
        reason: reason.into(),
        reason_data: None,
        at: Timestamp(2),
        memory: None,
        due: None,
    };
    let mut new = made.clone();
    new.configuration.threshold = 2.0;
    let replacement = Replacement { new: &new, interval_ms: 60_000, history: &[], managed: None };
    let reset = change(AlarmState::InsufficientData, "reset");
    // A run of the old query was faster: neither is written, and the caller looks again.
    assert!(catalog.change_alarm_state(&made, &change(AlarmState::Alarm, "old"), &[], &[]).await.unwrap());
    assert!(!catalog.change_and_replace_alarm(&made, &reset, &[], &[], &replacement).await.unwrap());
    let read = catalog.alarm(&scope, "a").await.unwrap().unwrap();
    assert_eq!((read.state, read.configuration.threshold), (AlarmState::Alarm, 1.0));
    // A run of the old query that judges what it read before the reset comes too late.
    assert!(catalog.change_and_replace_alarm(&read, &reset, &[], &[], &replacement).await.unwrap());
    assert!(!catalog.change_alarm_state(&read, &change(AlarmState::Alarm, "old"), &[], &[]).await.unwrap());
    assert!(!catalog.keep_alarm_memory(&read, "{}", None).await.unwrap());
    let read = catalog.alarm(&scope, "a").await.unwrap().unwrap();
    assert_eq!((read.state, read.configuration.threshold), (AlarmState::InsufficientData, 2.0));
    assert_eq!(read.state_reason, "reset");
}
