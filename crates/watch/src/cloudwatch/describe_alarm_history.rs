//! DescribeAlarmHistory: what happened to alarms, deleted ones included, up to 100 items a page, newest first.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html>. Without
//! `AlarmTypes` metric alarms only. History is kept for 30 days.
//! With an alarm's name and without types, that alarm whatever it is.
//! Of alarms with contributors it has the changes and actions of each, beside those of the whole alarm.

use super::describe_alarms::{asked_kinds, page_size};
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
    let kinds = match types.as_deref() {
        None if input.alarm_name.is_some() => Vec::new(),
        types => asked_kinds(types),
    };
    let filter = AlarmHistoryFilter {
        alarm_name: input.alarm_name,
        kinds,
        contributor_id: input.alarm_contributor_id,
        item_type: input.history_item_type,
        start: input.start_date,
        end: input.end_date,
        ascending: input.scan_by.as_deref() == Some("TimestampAscending"),
        after: after.map(|(at, sequence)| (Timestamp(at), sequence)),
    };
    let mut items = watch.catalog.alarm_history(&caller.scope, &filter, page + 1).await?;
    let mut next_token = None;
    if items.len() > page {
        items.truncate(page);
        next_token = items.last().map(|(sequence, item)| binding.token(&(item.at.0, *sequence))).transpose()?;
    }
    let alarm_history_items = items.into_iter().map(|(_, item)| shown(item)).collect();
    Ok(DescribeAlarmHistoryOutput { alarm_history_items: Some(alarm_history_items), next_token })
}

fn shown(item: catalog::AlarmHistoryItem) -> AlarmHistoryItem {
    let (alarm_contributor_id, alarm_contributor_attributes) =
        item.contributor.map(|contributor| (contributor.id, contributor.attributes)).unzip();
    AlarmHistoryItem {
        alarm_name: Some(item.alarm_name),
        alarm_type: Some(item.kind.as_str().to_owned()),
        timestamp: Some(item.at),
        history_item_type: Some(item.item_type),
        history_summary: Some(item.summary),
        history_data: Some(item.data),
        alarm_contributor_id,
        alarm_contributor_attributes,
    }
}
