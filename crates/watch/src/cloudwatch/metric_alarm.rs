//! An alarm of the catalog as the API shows it.

use catalog::Alarm;
use model::arn;
use wire::cloudwatch::{Dimension, MetricAlarm};

/// The alarm as DescribeAlarms and DescribeAlarmsForMetric answer it.
pub fn metric_alarm(alarm: Alarm) -> MetricAlarm {
    let configuration = alarm.configuration;
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
        metric_name: Some(configuration.metric_name),
        namespace: Some(configuration.namespace),
        statistic: configuration.statistic,
        extended_statistic: configuration.extended_statistic,
        dimensions: Some(configuration.dimensions.into_iter().map(|(name, value)| Dimension { name, value }).collect()),
        period: narrow(configuration.period_secs),
        unit: configuration.unit,
        evaluation_periods: narrow(configuration.evaluation_periods),
        datapoints_to_alarm: configuration.datapoints_to_alarm.and_then(narrow),
        threshold: Some(configuration.threshold),
        comparison_operator: Some(configuration.comparison_operator),
        treat_missing_data: configuration.treat_missing_data,
        evaluate_low_sample_count_percentile: configuration.evaluate_low_sample_count_percentile,
        ..MetricAlarm::default()
    }
}
