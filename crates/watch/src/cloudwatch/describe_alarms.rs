//! DescribeAlarms: alarms by name, prefix, state or action, up to 100 a page.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>. Without `AlarmTypes`
//! metric alarms only. Names or a prefix, not both. `ChildrenOfAlarmName` and `ParentsOfAlarmName` go with no other filter, and
//! find alarms of all kinds, of which they tell little. A page is by name, over all kinds.

use super::composite_alarm::composite_alarm;
use super::log_alarm::log_alarm;
use super::metric_alarm::metric_alarm;
use super::refuse;
use super::token::Binding;
use crate::Watch;
use crate::alarms::rule::{AlarmRule, name_of};
use catalog::{Alarm, AlarmFilter, AlarmKind, AlarmState};
use model::Caller;
use wire::ApiError;
use wire::cloudwatch::{CompositeAlarm, DescribeAlarmsInput, DescribeAlarmsOutput, LogAlarm, MetricAlarm};

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
    let types = input.alarm_types.take().filter(|types| !types.is_empty());
    // A list of no names means no filter, as in the query protocol, where the two look the same.
    let mut names = input.alarm_names.filter(|names| !names.is_empty());
    let (kinds, family) = match (&input.children_of_alarm_name, &input.parents_of_alarm_name) {
        (Some(parent), _) => {
            names = Some(children(watch, caller, parent).await?);
            (Vec::new(), Some(Family::Children))
        }
        (_, Some(child)) => {
            names = Some(parents(watch, caller, name_of(child)).await?);
            (Vec::new(), Some(Family::Parents))
        }
        _ => (asked_kinds(types.as_deref()), None),
    };
    let filter = AlarmFilter {
        names,
        name_prefix: input.alarm_name_prefix,
        state: input.state_value.as_deref().and_then(AlarmState::parse),
        kinds,
        action_prefix: input.action_prefix,
        after,
    };
    let mut alarms = watch.catalog.alarms(&caller.scope, &filter, page + 1).await?;
    let mut next_token = None;
    if alarms.len() > page {
        alarms.truncate(page);
        next_token = alarms.last().map(|last| binding.token(&last.name)).transpose()?;
    }
    Ok(found(alarms, family, next_token))
}

/// Whom of an alarm's family a call asks for, of which less is told than of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// Name, ARN and state.
    Children,
    /// Name and ARN.
    Parents,
}

/// Of an alarm what is told of one in a family.
macro_rules! told {
    ($shape:ident, $family:expr, $alarm:expr) => {{
        let alarm = $alarm;
        match $family {
            None => alarm,
            Some(Family::Parents) => {
                $shape { alarm_name: alarm.alarm_name, alarm_arn: alarm.alarm_arn, ..$shape::default() }
            }
            Some(Family::Children) => $shape {
                alarm_name: alarm.alarm_name,
                alarm_arn: alarm.alarm_arn,
                state_value: alarm.state_value,
                state_updated_timestamp: alarm.state_updated_timestamp,
                ..$shape::default()
            },
        }
    }};
}

fn found(alarms: Vec<Alarm>, family: Option<Family>, next_token: Option<String>) -> DescribeAlarmsOutput {
    let (mut metric, mut composite, mut log) = (Vec::new(), Vec::new(), Vec::new());
    for alarm in alarms {
        match alarm.configuration.kind() {
            AlarmKind::Metric => metric.push(told!(MetricAlarm, family, metric_alarm(alarm))),
            AlarmKind::Composite => composite.push(told!(CompositeAlarm, family, composite_alarm(alarm))),
            AlarmKind::Log => log.push(told!(LogAlarm, family, log_alarm(alarm))),
        }
    }
    DescribeAlarmsOutput {
        metric_alarms: Some(metric),
        composite_alarms: Some(composite),
        log_alarms: Some(log),
        next_token,
    }
}

/// The kinds of `AlarmTypes`; metric alarms when there are none.
pub fn asked_kinds(types: Option<&[String]>) -> Vec<AlarmKind> {
    let Some(types) = types else { return vec![AlarmKind::Metric] };
    AlarmKind::ALL.into_iter().filter(|kind| types.iter().any(|asked| asked == kind.as_str())).collect()
}

/// The alarms that a composite alarm's rule names; none of another alarm.
async fn children(watch: &Watch, caller: &Caller, parent: &str) -> Result<Vec<String>, ApiError> {
    let parent = watch.catalog.alarm(&caller.scope, name_of(parent)).await?;
    let Some(composite) = parent.and_then(|alarm| alarm.configuration.composite) else { return Ok(Vec::new()) };
    let rule = AlarmRule::parse(&composite.rule).map_err(|error| refuse::validation(error.to_string()))?;
    Ok(rule.children().into_iter().map(|child| name_of(child).to_owned()).collect())
}

/// The composite alarms whose rules name an alarm; those that it only suppresses the actions of are not among them.
async fn parents(watch: &Watch, caller: &Caller, child: &str) -> Result<Vec<String>, ApiError> {
    let mut parents = Vec::new();
    for parent in watch.catalog.alarm_parents(&caller.scope, child).await? {
        if children(watch, caller, &parent).await?.iter().any(|named| named == child) {
            parents.push(parent);
        }
    }
    Ok(parents)
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
