//! DescribeAlarms: alarms by name, prefix, state or action, up to 100 a page.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>. Without `AlarmTypes`
//! metric alarms only. Names or a prefix, not both. `ChildrenOfAlarmName` and `ParentsOfAlarmName` go with no other filter.
//!
//! What differs: there are only metric alarms yet, so that the other lists, children and parents are empty.

use super::metric_alarm::metric_alarm;
use super::refuse;
use super::token::Binding;
use crate::Watch;
use catalog::{AlarmFilter, AlarmState};
use model::Caller;
use wire::ApiError;
use wire::cloudwatch::{DescribeAlarmsInput, DescribeAlarmsOutput};

/// Page size unless `MaxRecords` says less; also its maximum.
pub const PAGE_MAX: usize = 100;

pub async fn describe_alarms(
    watch: &Watch,
    caller: &Caller,
    mut input: DescribeAlarmsInput,
) -> Result<DescribeAlarmsOutput, ApiError> {
    let token = input.next_token.take();
    let page = page_size(input.max_records.take());
    check_filters(&input)?;
    let binding = Binding::new(&("DescribeAlarms", &caller.scope, &input));
    let after: Option<String> = binding.cursor(token.as_deref())?;
    let wants_metric_alarms = input.children_of_alarm_name.is_none()
        && input.parents_of_alarm_name.is_none()
        && input.alarm_types.is_none_or(|types| types.is_empty() || types.iter().any(|t| t == "MetricAlarm"));
    let mut alarms = Vec::new();
    // A list of no names means no filter, as in the query protocol, where the two look the same.
    let names = input.alarm_names.filter(|names| !names.is_empty());
    if wants_metric_alarms {
        let filter = AlarmFilter {
            names,
            name_prefix: input.alarm_name_prefix,
            state: input.state_value.as_deref().and_then(AlarmState::parse),
            composite: Some(false),
            action_prefix: input.action_prefix,
            after,
        };
        alarms = watch.catalog.alarms(&caller.scope, &filter, page + 1).await?;
    }
    let mut next_token = None;
    if alarms.len() > page {
        alarms.truncate(page);
        next_token = alarms.last().map(|last| binding.token(&last.name)).transpose()?;
    }
    Ok(DescribeAlarmsOutput {
        metric_alarms: Some(alarms.into_iter().map(metric_alarm).collect()),
        composite_alarms: Some(Vec::new()),
        log_alarms: Some(Vec::new()),
        next_token,
    })
}

/// A page's size for a `MaxRecords`.
pub fn page_size(max_records: Option<i32>) -> usize {
    max_records.and_then(|max| usize::try_from(max).ok()).map_or(PAGE_MAX, |max| max.clamp(1, PAGE_MAX))
}

fn check_filters(input: &DescribeAlarmsInput) -> Result<(), ApiError> {
    if input.alarm_names.as_ref().is_some_and(|names| !names.is_empty()) && input.alarm_name_prefix.is_some() {
        return Err(refuse::exclusive("AlarmNames", "AlarmNamePrefix"));
    }
    let others = input.alarm_names.is_some()
        || input.alarm_name_prefix.is_some()
        || input.alarm_types.is_some()
        || input.state_value.is_some()
        || input.action_prefix.is_some();
    let family = match (&input.children_of_alarm_name, &input.parents_of_alarm_name) {
        (Some(_), Some(_)) => return Err(refuse::exclusive("ChildrenOfAlarmName", "ParentsOfAlarmName")),
        (Some(_), None) => "ChildrenOfAlarmName",
        (None, Some(_)) => "ParentsOfAlarmName",
        (None, None) => return Ok(()),
    };
    if others {
        return Err(refuse::validation(format!(
            "The parameter {family} cannot be used with any other parameter except MaxRecords and NextToken."
        )));
    }
    Ok(())
}
