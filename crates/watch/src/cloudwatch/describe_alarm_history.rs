//! DescribeAlarmHistory: what happened to alarms, deleted ones included, up to 100 items a page, newest first.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html>. Without
//! `AlarmTypes` metric alarms only. History is kept for 30 days.
//! With an alarm's name and without types, that alarm whatever it is.
//!
//! What differs: changes of contributors are not told, so that asking for those of one finds nothing.

use super::describe_alarms::page_size;
use super::token::Binding;
use crate::Watch;
use catalog::AlarmHistoryFilter;
use model::{Caller, Timestamp};
use wire::ApiError;
use wire::cloudwatch::{AlarmHistoryItem, DescribeAlarmHistoryInput, DescribeAlarmHistoryOutput};

pub async fn describe_alarm_history(
    watch: &Watch,
    caller: &Caller,
    mut input: DescribeAlarmHistoryInput,
) -> Result<DescribeAlarmHistoryOutput, ApiError> {
    let token = input.next_token.take();
    let page = page_size(input.max_records.take());
    let binding = Binding::new(&("DescribeAlarmHistory", &caller.scope, &input));
    let after: Option<(i64, i64)> = binding.cursor(token.as_deref())?;
    let types = input.alarm_types.filter(|types| !types.is_empty());
    let has_type = |kind: &str| types.as_ref().is_some_and(|types| types.iter().any(|t| t == kind));
    let composite = match (has_type("MetricAlarm"), has_type("CompositeAlarm")) {
        (true, true) => None,
        (metric, composite) if metric != composite => Some(composite),
        // Log alarms, of which there are none.
        _ if types.is_some() => {
            return Ok(DescribeAlarmHistoryOutput { alarm_history_items: Some(Vec::new()), next_token: None });
        }
        _ if input.alarm_name.is_some() => None,
        _ => Some(false),
    };
    let possible = input.alarm_contributor_id.is_none();
    let mut items = Vec::new();
    if possible {
        let filter = AlarmHistoryFilter {
            alarm_name: input.alarm_name,
            composite,
            item_type: input.history_item_type,
            start: input.start_date,
            end: input.end_date,
            ascending: input.scan_by.as_deref() == Some("TimestampAscending"),
            after: after.map(|(at, sequence)| (Timestamp(at), sequence)),
        };
        items = watch.catalog.alarm_history(&caller.scope, &filter, page + 1).await?;
    }
    let mut next_token = None;
    if items.len() > page {
        items.truncate(page);
        next_token = items.last().map(|(sequence, item)| binding.token(&(item.at.0, *sequence))).transpose()?;
    }
    let alarm_history_items = items.into_iter().map(|(_, item)| shown(item)).collect();
    Ok(DescribeAlarmHistoryOutput { alarm_history_items: Some(alarm_history_items), next_token })
}

fn shown(item: catalog::AlarmHistoryItem) -> AlarmHistoryItem {
    AlarmHistoryItem {
        alarm_name: Some(item.alarm_name),
        alarm_type: Some(if item.composite { "CompositeAlarm" } else { "MetricAlarm" }.to_owned()),
        timestamp: Some(item.at),
        history_item_type: Some(item.item_type),
        history_summary: Some(item.summary),
        history_data: Some(item.data),
        ..AlarmHistoryItem::default()
    }
}
