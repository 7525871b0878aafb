//! A log alarm of the catalog as the API shows it.

use super::action_configuration;
use crate::alarms::memory::Memory;
use catalog::{Alarm, LogCriteria};
use model::{Scope, arn};
use wire::cloudwatch::{LogAlarm, ScheduleConfiguration, ScheduledQueryConfiguration, WarmUpConfiguration};

/// The alarm as DescribeAlarms answers it.
pub fn log_alarm(alarm: Alarm) -> LogAlarm {
    let memory = Memory::of(&alarm);
    let configuration = alarm.configuration;
    let log = configuration.log.unwrap_or_default();
    // All were i32 when the client put them.
    let narrow = |number: i64| i32::try_from(number).ok();
    LogAlarm {
        alarm_arn: Some(arn::alarm(&alarm.scope, &alarm.name)),
        alarm_name: Some(alarm.name),
        alarm_description: configuration.description,
        alarm_configuration_updated_timestamp: Some(alarm.configuration_updated),
        actions_enabled: Some(alarm.actions_enabled),
        ok_actions: Some(configuration.ok_actions),
        alarm_actions: Some(configuration.alarm_actions),
        insufficient_data_actions: Some(configuration.insufficient_data_actions),
        state_value: Some(alarm.state.as_str().to_owned()),
        state_reason: Some(alarm.state_reason),
        state_reason_data: alarm.state_reason_data,
        state_updated_timestamp: Some(alarm.state_updated),
        state_transitioned_timestamp: Some(alarm.state_transitioned),
        query_results_to_evaluate: narrow(configuration.evaluation_periods),
        query_results_to_alarm: configuration.datapoints_to_alarm.and_then(narrow),
        threshold: Some(configuration.threshold),
        comparison_operator: Some(configuration.comparison_operator),
        treat_missing_data: configuration.treat_missing_data,
        evaluation_state: memory.evaluation_state,
        action_log_line_count: log.line_count.and_then(narrow),
        action_log_line_role_arn: log.line_role.clone(),
        warm_up_configuration: configuration.warm_up.map(|warm_up| WarmUpConfiguration {
            warm_up_period_duration_in_minutes: narrow(warm_up.minutes).unwrap_or_default(),
            only_start_evaluating_after_warm_up_period_ends: Some(warm_up.whole),
        }),
        action_configuration: action_configuration::shown(configuration.tag_propagation),
        scheduled_query_configuration: Some(scheduled_query(&alarm.scope, log)),
    }
}

fn scheduled_query(scope: &Scope, log: LogCriteria) -> ScheduledQueryConfiguration {
    ScheduledQueryConfiguration {
        query_string: log.query,
        log_group_identifiers: (!log.log_groups.is_empty()).then_some(log.log_groups),
        query_arn: Some(arn::scheduled_query(scope, &log.scheduled_query_id)),
        scheduled_query_role_arn: log.role,
        schedule_configuration: ScheduleConfiguration {
            schedule_expression: log.schedule,
            start_time_offset: log.start_offset_secs,
            end_time_offset: log.end_offset_secs,
        },
        aggregation_expression: log.aggregation,
        tags: None,
    }
}
