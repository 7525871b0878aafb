//! A composite alarm of the catalog as the API shows it.

use super::action_configuration;
use crate::alarms::memory::Memory;
use catalog::Alarm;
use model::arn;
use wire::cloudwatch::CompositeAlarm;

/// The alarm as DescribeAlarms answers it.
pub fn composite_alarm(alarm: Alarm) -> CompositeAlarm {
    let suppressed_by = Memory::of(&alarm).suppression.suppressed_by();
    let configuration = alarm.configuration;
    let composite = configuration.composite.unwrap_or_default();
    let has_suppressor = composite.suppressor.is_some();
    let secs = |secs: i64| i32::try_from(secs).ok().filter(|_| has_suppressor);
    CompositeAlarm {
        alarm_arn: Some(arn::alarm(&alarm.scope, &alarm.name)),
        alarm_name: Some(alarm.name),
        alarm_description: configuration.description,
        alarm_configuration_updated_timestamp: Some(alarm.configuration_updated),
        actions_enabled: Some(alarm.actions_enabled),
        ok_actions: Some(configuration.ok_actions),
        alarm_actions: Some(configuration.alarm_actions),
        insufficient_data_actions: Some(configuration.insufficient_data_actions),
        alarm_rule: Some(composite.rule),
        state_value: Some(alarm.state.as_str().to_owned()),
        state_reason: Some(alarm.state_reason),
        state_reason_data: alarm.state_reason_data,
        state_updated_timestamp: Some(alarm.state_updated),
        state_transitioned_timestamp: Some(alarm.state_transitioned),
        actions_suppressed_by: suppressed_by.map(|by| by.as_str().to_owned()),
        actions_suppressed_reason: suppressed_by.map(|by| by.reason()),
        actions_suppressor_wait_period: secs(composite.suppressor_wait_secs),
        actions_suppressor_extension_period: secs(composite.suppressor_extension_secs),
        actions_suppressor: composite.suppressor,
        action_configuration: action_configuration::shown(configuration.tag_propagation),
    }
}
