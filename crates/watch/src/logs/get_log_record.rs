//! GetLogRecord: one event with all of its fields, by the `@ptr` of a query's row.

use super::errors::{invalid, resource_not_found};
use super::identifiers::is_shared;
use super::masking::mask_for;
use crate::Watch;
use model::{Caller, TimeRange};
use query::insights::scan::Pointer;
use query::log_fields;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use store::{Direction, LogScan};
use wire::ApiError;
use wire::logs::{GetLogRecordRequest, GetLogRecordResponse};

pub(super) async fn get_log_record(
    watch: &Watch,
    caller: &Caller,
    input: GetLogRecordRequest,
) -> Result<GetLogRecordResponse, ApiError> {
    let pointer = Pointer::decode(&input.log_record_pointer)
        .ok_or_else(|| invalid("The specified logRecordPointer is not valid."))?;
    let group = watch.catalog.log_group_anywhere(pointer.group).await?.ok_or_else(resource_not_found)?;
    if group.scope != caller.scope && !is_shared(watch, &caller.scope, &group.scope, &group.name).await? {
        return Err(resource_not_found());
    }
    if pointer.timestamp < group.kept_since(watch.clock.now()) {
        return Err(resource_not_found());
    }
    let scan = LogScan {
        group: group.id,
        streams: None,
        range: TimeRange::new(pointer.timestamp, pointer.timestamp + 1),
        direction: Direction::Forward,
        after: pointer.sequence.checked_sub(1).map(|before| (pointer.timestamp, before)),
    };
    let mut found = None;
    let mut visit = |row: store::LogRow<'_>| {
        if row.sequence == pointer.sequence {
            found = Some((row.stream, row.ingestion_time, row.message.to_owned()));
        }
        ControlFlow::Break(())
    };
    watch.store.scan_logs(scan, &mut visit).await?;
    let (stream, ingestion_time, message) = found.ok_or_else(resource_not_found)?;
    let mask = mask_for(watch, caller, &group, input.unmask).await?;
    let message = mask.map_or(message.clone(), |mask| mask.mask(ingestion_time, &message).into_owned());
    let names = watch.catalog.log_stream_names(group.id, &[stream]).await?;
    let stream = names.get(&stream).ok_or_else(resource_not_found)?;
    let mut record: BTreeMap<String, String> = log_fields::fields(&message).into_iter().collect();
    let own = [
        ("@timestamp", pointer.timestamp.0.to_string()),
        ("@ingestionTime", ingestion_time.0.to_string()),
        ("@logStream", stream.clone()),
        ("@log", format!("{}:{}", group.scope.account, group.name)),
        ("@message", message),
        ("@ptr", input.log_record_pointer),
    ];
    record.extend(own.map(|(name, value)| (name.to_owned(), value)));
    Ok(GetLogRecordResponse { log_record: Some(record) })
}
