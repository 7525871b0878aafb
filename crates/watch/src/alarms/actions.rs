//! Alarm actions: what a change of state sets off, and what came of it.
//!
//! Trailwatch delivers to no service yet, so every action is reported as failed in the history, with the service it was
//! meant for. Never dropped in silence.

use crate::alarms::history;
use catalog::{Alarm, AlarmHistoryItem, AlarmState, StateChange};
use model::arn::Arn;

/// The outcome of each action that `change` calls for; empty when actions are off.
pub fn outcomes(alarm: &Alarm, change: &StateChange) -> Vec<AlarmHistoryItem> {
    if !alarm.actions_enabled {
        return Vec::new();
    }
    let configuration = &alarm.configuration;
    let actions = match change.state {
        AlarmState::Ok => &configuration.ok_actions,
        AlarmState::Alarm => &configuration.alarm_actions,
        AlarmState::InsufficientData => &configuration.insufficient_data_actions,
    };
    actions
        .iter()
        .map(|action| {
            let service = Arn::parse(action).map_or("this action", |arn| arn.service);
            history::action_failed(alarm, change, action, &format!("delivery to {service} is not available yet"))
        })
        .collect()
}
