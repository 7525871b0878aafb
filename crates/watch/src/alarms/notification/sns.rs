//! The JSON that an alarm sends to an SNS topic, keys and numbers as AWS writes them.

use super::{
    Evaluation, MetricQuery, MetricStat, Notification, SIMPLE_STATISTICS, Source, Threshold, ToldCause, Trigger,
    region_name,
};
use crate::alarms::reason::{json_time, number};
use crate::alarms::rule::reason::Child;
use catalog::LogCriteria;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The body of the message.
pub fn message(notification: &Notification) -> String {
    let trigger = match &notification.trigger {
        Trigger::Composite { rule, children, .. } => return text(&composite(notification, rule, children)),
        Trigger::Metric { metric, evaluation } => TriggerBody::Metric(metric_trigger(metric, evaluation)),
        Trigger::Metrics { queries, evaluation } => TriggerBody::Metrics(MetricsTrigger {
            evaluation: evaluation_body(evaluation),
            metrics: queries.iter().map(query_body).collect(),
        }),
        Trigger::PromQl { query, pending_secs, recovery_secs, interval_secs } => {
            let criteria = PromQlBody { query, pending_period: *pending_secs, recovery_period: *recovery_secs };
            let evaluation_criteria = CriteriaBody { criteria };
            TriggerBody::PromQl(PromQlTrigger { evaluation_criteria, evaluation_interval: *interval_secs })
        }
        Trigger::Log { log, evaluation } => TriggerBody::Log(log_trigger(log, evaluation)),
    };
    text(&metric(notification, trigger))
}

fn text(body: &impl Serialize) -> String {
    // Strings and numbers only: this cannot fail.
    serde_json::to_string(body).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricMessage<'a> {
    alarm_name: &'a str,
    alarm_description: Option<&'a str>,
    #[serde(rename = "AWSAccountId")]
    account: &'a str,
    alarm_configuration_updated_timestamp: String,
    new_state_value: &'a str,
    new_state_reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_state_reason_data: Option<Box<RawValue>>,
    state_change_time: String,
    region: &'a str,
    alarm_arn: &'a str,
    old_state_value: &'a str,
    #[serde(rename = "OKActions")]
    ok_actions: &'a [String],
    alarm_actions: &'a [String],
    insufficient_data_actions: &'a [String],
    trigger: TriggerBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alarm_contributor_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alarm_contributor_attributes: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    log_lines: &'a [String],
    #[serde(flatten)]
    tags: Option<TagsBody<'a>>,
    #[serde(rename = "TrailwatchCauses", skip_serializing_if = "<[ToldCause]>::is_empty")]
    causes: &'a [ToldCause],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TagsBody<'a> {
    alarm_tags: Vec<TagBody<'a>>,
    alarm_tags_status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TagBody<'a> {
    key: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CompositeMessage<'a> {
    alarm_name: &'a str,
    alarm_description: Option<&'a str>,
    #[serde(rename = "AWSAccountId")]
    account: &'a str,
    new_state_value: &'a str,
    new_state_reason: &'a str,
    state_change_time: String,
    region: &'a str,
    alarm_arn: &'a str,
    #[serde(rename = "OKActions")]
    ok_actions: &'a [String],
    alarm_actions: &'a [String],
    insufficient_data_actions: &'a [String],
    old_state_value: &'a str,
    alarm_rule: &'a str,
    triggering_children: Vec<TriggeringChild<'a>>,
    #[serde(flatten)]
    tags: Option<TagsBody<'a>>,
    #[serde(rename = "TrailwatchCauses", skip_serializing_if = "<[ToldCause]>::is_empty")]
    causes: &'a [ToldCause],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TriggeringChild<'a> {
    arn: &'a str,
    state: ChildState<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ChildState<'a> {
    value: &'a str,
    timestamp: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum TriggerBody<'a> {
    Metric(MetricTrigger<'a>),
    Metrics(MetricsTrigger<'a>),
    PromQl(PromQlTrigger<'a>),
    Log(LogTrigger<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LogTrigger<'a> {
    scheduled_query_configuration: LogQueryBody<'a>,
    query_results_to_evaluate: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_results_to_alarm: Option<i64>,
    comparison_operator: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<Box<RawValue>>,
    treat_missing_data: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LogQueryBody<'a> {
    query_string: &'a str,
    log_group_identifiers: &'a [String],
    #[serde(rename = "ScheduledQueryRoleARN")]
    role: &'a str,
    schedule_configuration: ScheduleBody<'a>,
    aggregation_expression: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ScheduleBody<'a> {
    schedule_expression: &'a str,
    start_time_offset: i64,
    end_time_offset: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricTrigger<'a> {
    metric_name: &'a str,
    namespace: &'a str,
    statistic_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistic: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extended_statistic: Option<&'a str>,
    unit: Option<&'a str>,
    dimensions: Vec<Dimension<'a>>,
    #[serde(flatten)]
    evaluation: EvaluationBody<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricsTrigger<'a> {
    #[serde(flatten)]
    evaluation: EvaluationBody<'a>,
    metrics: Vec<QueryBody<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PromQlTrigger<'a> {
    evaluation_criteria: CriteriaBody<'a>,
    evaluation_interval: i64,
}

#[derive(Serialize)]
struct CriteriaBody<'a> {
    #[serde(rename = "PromQLCriteria")]
    criteria: PromQlBody<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PromQlBody<'a> {
    query: &'a str,
    pending_period: i64,
    recovery_period: i64,
}

/// The name of a dimension after its value, as AWS has it.
#[derive(Serialize)]
struct Dimension<'a> {
    value: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EvaluationBody<'a> {
    period: i64,
    evaluation_periods: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    datapoints_to_alarm: Option<i64>,
    comparison_operator: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold_metric_id: Option<&'a str>,
    treat_missing_data: &'a str,
    evaluate_low_sample_count_percentile: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct QueryBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    expression: Option<&'a str>,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_stat: Option<StatBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<i64>,
    return_data: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StatBody<'a> {
    metric: MetricBody<'a>,
    period: i64,
    stat: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricBody<'a> {
    dimensions: Vec<Dimension<'a>>,
    metric_name: &'a str,
    namespace: &'a str,
}

/// JSON as it is.
fn raw(json: String) -> Option<Box<RawValue>> {
    RawValue::from_string(json).ok()
}

fn metric<'a>(notification: &'a Notification, trigger: TriggerBody<'a>) -> MetricMessage<'a> {
    let is_on_logs = matches!(trigger, TriggerBody::Log(_));
    MetricMessage {
        alarm_name: &notification.alarm_name,
        alarm_description: notification.description.as_deref(),
        account: &notification.account,
        alarm_configuration_updated_timestamp: json_time(notification.configuration_updated),
        new_state_value: notification.state.value.as_str(),
        new_state_reason: &notification.state.reason,
        new_state_reason_data: notification.state.reason_data.clone().filter(|_| is_on_logs).and_then(raw),
        state_change_time: json_time(notification.state.at),
        region: region_name(&notification.region),
        alarm_arn: &notification.alarm_arn,
        old_state_value: notification.previous.value.as_str(),
        ok_actions: &notification.ok_actions,
        alarm_actions: &notification.alarm_actions,
        insufficient_data_actions: &notification.insufficient_data_actions,
        trigger,
        alarm_contributor_id: notification.contributor.as_ref().map(|(id, _)| id.as_str()),
        alarm_contributor_attributes: notification.contributor.as_ref().map(|(_, attributes)| attributes),
        log_lines: &notification.lines,
        tags: notification.tags.as_ref().map(tags),
        causes: &notification.causes,
    }
}

fn tags(tags: &BTreeMap<String, String>) -> TagsBody<'_> {
    TagsBody {
        alarm_tags: tags.iter().map(|(key, value)| TagBody { key, value }).collect(),
        alarm_tags_status: "SUCCESS",
    }
}

fn log_trigger<'a>(log: &'a LogCriteria, evaluation: &'a Evaluation) -> LogTrigger<'a> {
    let body = evaluation_body(evaluation);
    LogTrigger {
        scheduled_query_configuration: LogQueryBody {
            query_string: &log.query,
            log_group_identifiers: &log.log_groups,
            role: &log.role,
            schedule_configuration: ScheduleBody {
                schedule_expression: &log.schedule,
                start_time_offset: log.start_offset_secs,
                end_time_offset: log.end_offset_secs.unwrap_or(0),
            },
            aggregation_expression: &log.aggregation,
        },
        query_results_to_evaluate: body.evaluation_periods,
        query_results_to_alarm: body.datapoints_to_alarm,
        comparison_operator: body.comparison_operator,
        threshold: body.threshold,
        treat_missing_data: body.treat_missing_data,
    }
}

fn composite<'a>(notification: &'a Notification, rule: &'a str, children: &'a [Child]) -> CompositeMessage<'a> {
    let child = |child: &'a Child| TriggeringChild {
        arn: &child.arn,
        state: ChildState { value: child.state.as_str(), timestamp: json_time(child.since) },
    };
    CompositeMessage {
        alarm_name: &notification.alarm_name,
        alarm_description: notification.description.as_deref(),
        account: &notification.account,
        new_state_value: notification.state.value.as_str(),
        new_state_reason: &notification.state.reason,
        state_change_time: json_time(notification.state.at),
        region: region_name(&notification.region),
        alarm_arn: &notification.alarm_arn,
        ok_actions: &notification.ok_actions,
        alarm_actions: &notification.alarm_actions,
        insufficient_data_actions: &notification.insufficient_data_actions,
        old_state_value: notification.previous.value.as_str(),
        alarm_rule: rule,
        triggering_children: children.iter().map(child).collect(),
        tags: notification.tags.as_ref().map(tags),
        causes: &notification.causes,
    }
}

fn metric_trigger<'a>(metric: &'a MetricStat, evaluation: &'a Evaluation) -> MetricTrigger<'a> {
    let simple = SIMPLE_STATISTICS.iter().find(|(name, _)| *name == metric.stat).map(|(_, spelled)| *spelled);
    MetricTrigger {
        metric_name: &metric.name,
        namespace: &metric.namespace,
        statistic_type: if simple.is_some() { "Statistic" } else { "ExtendedStatistic" },
        statistic: simple,
        extended_statistic: simple.is_none().then_some(metric.stat.as_str()),
        unit: metric.unit.as_deref(),
        dimensions: dimensions(metric),
        evaluation: evaluation_body(evaluation),
    }
}

fn evaluation_body(evaluation: &Evaluation) -> EvaluationBody<'_> {
    let (threshold, threshold_metric_id) = match &evaluation.threshold {
        Threshold::Static(value) => (RawValue::from_string(number(*value)).ok(), None),
        Threshold::Band(id) => (None, Some(id.as_str())),
    };
    EvaluationBody {
        period: evaluation.period_secs,
        evaluation_periods: evaluation.evaluation_periods,
        datapoints_to_alarm: evaluation.datapoints_to_alarm,
        comparison_operator: &evaluation.comparison_operator,
        threshold,
        threshold_metric_id,
        treat_missing_data: evaluation.treat_missing_data.as_deref().unwrap_or_default(),
        evaluate_low_sample_count_percentile: evaluation.low_sample_count.as_deref().unwrap_or_default(),
    }
}

fn query_body(query: &MetricQuery) -> QueryBody<'_> {
    let (expression, period, metric_stat) = match &query.source {
        Source::Expression(text, period) => (Some(text.as_str()), *period, None),
        Source::Metric(metric) => {
            let body =
                MetricBody { dimensions: dimensions(metric), metric_name: &metric.name, namespace: &metric.namespace };
            let unit = metric.unit.as_deref();
            (None, None, Some(StatBody { metric: body, period: metric.period_secs, stat: &metric.stat, unit }))
        }
    };
    QueryBody {
        expression,
        id: &query.id,
        label: query.label.as_deref(),
        metric_stat,
        period,
        return_data: query.return_data,
        account_id: query.account.as_deref(),
    }
}

fn dimensions(metric: &MetricStat) -> Vec<Dimension<'_>> {
    metric.dimensions.iter().map(|(name, value)| Dimension { value, name }).collect()
}
