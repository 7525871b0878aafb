//! A change of an alarm of the catalog as a notification.

use super::{Evaluation, MetricQuery, MetricStat, Notification, Source, State, Threshold, Trigger};
use crate::alarms::actions::Told;
use crate::alarms::observe::period_secs;
use crate::alarms::rule::reason::Child;
use catalog::{Alarm, AlarmConfiguration, AlarmQuery, AlarmState, StateChange};
use model::{Timestamp, arn};
use serde_json::Value;

impl Notification {
    /// What there is to tell of `change`.
    pub fn of(alarm: &Alarm, change: &StateChange, told: Told<'_>) -> Self {
        let configuration = &alarm.configuration;
        // A contributor is in OK or in ALARM.
        let before = told.contributor.map(|_| match change.state {
            AlarmState::Alarm => AlarmState::Ok,
            _ => AlarmState::Alarm,
        });
        Self {
            alarm_name: alarm.name.clone(),
            description: configuration.description.clone(),
            alarm_arn: arn::alarm(&alarm.scope, &alarm.name),
            account: alarm.scope.account.clone(),
            region: alarm.scope.region.clone(),
            configuration_updated: alarm.configuration_updated,
            ok_actions: configuration.ok_actions.clone(),
            alarm_actions: configuration.alarm_actions.clone(),
            insufficient_data_actions: configuration.insufficient_data_actions.clone(),
            previous: State {
                value: before.unwrap_or(alarm.state),
                reason: alarm.state_reason.clone(),
                reason_data: alarm.state_reason_data.clone(),
                at: alarm.state_transitioned,
            },
            state: State {
                value: change.state,
                reason: change.reason.clone(),
                reason_data: change.reason_data.clone(),
                at: change.at,
            },
            trigger: trigger(configuration, change),
            contributor: told.contributor.map(|contributor| (contributor.id.clone(), contributor.attributes.clone())),
            lines: told.lines.to_vec(),
            tags: None,
            causes: Vec::new(),
        }
    }
}

fn trigger(configuration: &AlarmConfiguration, change: &StateChange) -> Trigger {
    if let Some(composite) = &configuration.composite {
        return Trigger::Composite { rule: composite.rule.clone(), children: children(change.reason_data.as_deref()) };
    }
    if let Some(promql) = &configuration.promql {
        return Trigger::PromQl {
            query: promql.query.clone(),
            pending_secs: promql.pending_secs,
            recovery_secs: promql.recovery_secs,
            interval_secs: promql.interval_secs,
        };
    }
    let evaluation = evaluation(configuration);
    if let Some(log) = &configuration.log {
        return Trigger::Log { log: log.clone(), evaluation };
    }
    if !configuration.metrics.is_empty() {
        return Trigger::Metrics { queries: configuration.metrics.iter().map(query).collect(), evaluation };
    }
    let stat = configuration.statistic.as_ref().or(configuration.extended_statistic.as_ref());
    let metric = MetricStat {
        namespace: configuration.namespace.clone(),
        name: configuration.metric_name.clone(),
        dimensions: configuration.dimensions.clone(),
        period_secs: configuration.period_secs,
        stat: stat.cloned().unwrap_or_default(),
        unit: configuration.unit.clone(),
    };
    Trigger::Metric { metric, evaluation }
}

fn evaluation(configuration: &AlarmConfiguration) -> Evaluation {
    Evaluation {
        period_secs: period_secs(configuration),
        evaluation_periods: configuration.evaluation_periods,
        datapoints_to_alarm: configuration.datapoints_to_alarm,
        comparison_operator: configuration.comparison_operator.clone(),
        threshold: match &configuration.threshold_metric_id {
            Some(id) => Threshold::Band(id.clone()),
            None => Threshold::Static(configuration.threshold),
        },
        treat_missing_data: configuration.treat_missing_data.clone(),
        low_sample_count: configuration.evaluate_low_sample_count_percentile.clone(),
    }
}

fn query(query: &AlarmQuery) -> MetricQuery {
    let source = match &query.metric {
        Some(metric) => Source::Metric(MetricStat {
            namespace: metric.namespace.clone(),
            name: metric.name.clone(),
            dimensions: metric.dimensions.clone(),
            period_secs: metric.period_secs,
            stat: metric.stat.clone(),
            unit: metric.unit.clone(),
        }),
        None => Source::Expression(query.expression.clone().unwrap_or_default(), query.period_secs),
    };
    MetricQuery {
        id: query.id.clone(),
        label: query.label.clone(),
        return_data: query.return_data != Some(false),
        account: query.account_id.clone(),
        source,
    }
}

/// The children that decided, as the state's reason tells them.
fn children(reason_data: Option<&str>) -> Vec<Child> {
    let document: Value = reason_data.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let told = document["triggeringAlarms"].as_array().map(Vec::as_slice).unwrap_or_default();
    let child = |told: &Value| {
        let since = told["state"]["timestamp"].as_str()?.replace("+0000", "Z");
        Some(Child {
            arn: told["arn"].as_str()?.to_owned(),
            state: AlarmState::parse(told["state"]["value"].as_str()?)?,
            since: Timestamp::parse_iso(&since)?,
        })
    };
    told.iter().filter_map(child).collect()
}
