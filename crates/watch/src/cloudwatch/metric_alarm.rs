//! An alarm of the catalog as the API shows it.

use super::action_configuration;
use crate::alarms::memory::Memory;
use crate::alarms::observe;
use catalog::Alarm;
use model::arn;
use wire::cloudwatch::{
    AlarmPromQLCriteria, Dimension, EvaluationCriteria, EvaluationWindow, MetricAlarm, WallClockWindow,
    WarmUpConfiguration,
};

/// The alarm as DescribeAlarms and DescribeAlarmsForMetric answer it.
pub fn metric_alarm(alarm: Alarm) -> MetricAlarm {
    let memory = Memory::of(&alarm);
    let configuration = alarm.configuration;
    let on_one = configuration.metrics.is_empty() && configuration.promql.is_none();
    let compares = configuration.promql.is_none();
    let on_band = configuration.threshold_metric_id.is_some();
    let metrics: Vec<_> = configuration.metrics.iter().map(|query| observe::data_query(query, None)).collect();
    // All four were i32 when the client put them.
    let narrow = |number: i64| i32::try_from(number).ok();
    MetricAlarm {
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
        metric_name: on_one.then_some(configuration.metric_name),
        namespace: on_one.then_some(configuration.namespace),
        statistic: configuration.statistic,
        extended_statistic: configuration.extended_statistic,
        dimensions: Some(configuration.dimensions.into_iter().map(|(name, value)| Dimension { name, value }).collect()),
        period: narrow(configuration.period_secs).filter(|_| on_one),
        unit: configuration.unit,
        evaluation_periods: narrow(configuration.evaluation_periods).filter(|_| compares),
        datapoints_to_alarm: configuration.datapoints_to_alarm.and_then(narrow),
        threshold: (compares && !on_band).then_some(configuration.threshold),
        metrics: (!metrics.is_empty()).then_some(metrics),
        threshold_metric_id: configuration.threshold_metric_id,
        evaluation_interval: configuration.promql.as_ref().and_then(|promql| narrow(promql.interval_secs)),
        evaluation_criteria: configuration.promql.map(|promql| EvaluationCriteria {
            prom_ql_criteria: Some(AlarmPromQLCriteria {
                query: promql.query,
                pending_period: narrow(promql.pending_secs),
                recovery_period: narrow(promql.recovery_secs),
            }),
        }),
        evaluation_state: memory.evaluation_state,
        evaluation_window: configuration.wall_clock.map(|clock| EvaluationWindow {
            wall_clock_window: Some(WallClockWindow { timezone: clock.timezone }),
            sliding_window: None,
        }),
        warm_up_configuration: configuration.warm_up.map(|warm_up| WarmUpConfiguration {
            warm_up_period_duration_in_minutes: narrow(warm_up.minutes).unwrap_or_default(),
            only_start_evaluating_after_warm_up_period_ends: Some(warm_up.whole),
        }),
        comparison_operator: compares.then_some(configuration.comparison_operator),
        treat_missing_data: configuration.treat_missing_data,
        action_configuration: action_configuration::shown(configuration.tag_propagation),
        evaluate_low_sample_count_percentile: configuration.evaluate_low_sample_count_percentile,
    }
}
