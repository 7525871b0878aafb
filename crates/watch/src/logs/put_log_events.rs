//! PutLogEvents: stores a batch of events in a stream; what is too old, too new or expired is left out and told.
//!
//! The whole batch is refused when it is too large, not in chronological order, or when its acceptable events span more
//! than 24 hours. Metrics that follow from the events are stored with them (`append.rs`). Sequence tokens are accepted and ignored,
//! as on AWS since 2023. A wrong entity is told, and the events are stored all the same; a right one is not kept.

use super::append::{Destination, append};
use super::errors::{group_not_found, invalid, stream_not_found};
use crate::{Watch, entity};
use catalog::{LogTarget, LogTargetFound};
use model::limits::{
    LOG_BATCH_BYTES_MAX, LOG_BATCH_SPAN_MS_MAX, LOG_EVENT_OVERHEAD_BYTES, LOG_FUTURE_MS_MAX, LOG_PAST_MS_MAX,
};
use model::{Caller, LogEvent, Timestamp};
use std::ops::Range;
use wire::ApiError;
use wire::logs::{
    Entity, InputLogEvent, PutLogEventsRequest, PutLogEventsResponse, RejectedEntityInfo, RejectedLogEventsInfo,
};

pub(super) async fn put_log_events(
    watch: &Watch,
    caller: &Caller,
    input: PutLogEventsRequest,
) -> Result<PutLogEventsResponse, ApiError> {
    let target = match watch.catalog.log_target(&caller.scope, &input.log_group_name, &input.log_stream_name).await? {
        LogTargetFound::Found(target) => target,
        LogTargetFound::NoGroup => return Err(group_not_found()),
        LogTargetFound::NoStream => return Err(stream_not_found()),
    };
    let now = watch.clock.now();
    let Verdict { accepted, rejected } = judge(&input.log_events, now, target.retention_ms)?;
    let token = if accepted.is_empty() {
        sequence_token(target.stream.0)
    } else {
        let logs = log_events(input.log_events, accepted, target, now);
        let (scope, group_name) = (&caller.scope, input.log_group_name.as_str());
        let stream_name = input.log_stream_name.as_str();
        sequence_token(
            append(watch, Destination { scope, group_name, stream_name, target, extracts_metrics: true }, logs, now)
                .await?,
        )
    };
    Ok(PutLogEventsResponse {
        next_sequence_token: Some(token),
        rejected_log_events_info: rejected,
        rejected_entity_info: input.entity.as_ref().and_then(rejected_entity),
    })
}

/// Why the entity is not taken; `None` when it is right.
fn rejected_entity(entity: &Entity) -> Option<RejectedEntityInfo> {
    let mistake = entity::mistake(entity.key_attributes.as_ref(), entity.attributes.as_ref())?;
    Some(RejectedEntityInfo { error_type: mistake.to_owned() })
}

/// A token of AWS's length; it means nothing.
pub(super) fn sequence_token(number: u64) -> String {
    format!("49{number:054}")
}

/// Which events of a batch are stored, and what is told of the others.
#[derive(Debug, PartialEq)]
struct Verdict {
    accepted: Range<usize>,
    rejected: Option<RejectedLogEventsInfo>,
}

/// AWS's rules for a batch that arrives at `now` in a group that keeps events for `retention_ms`.
fn judge(events: &[InputLogEvent], now: Timestamp, retention_ms: Option<i64>) -> Result<Verdict, ApiError> {
    check_bytes(events)?;
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    let before = |time: Timestamp| events.partition_point(|event| event.timestamp < time.0);
    let too_old_end = before(now - LOG_PAST_MS_MAX);
    let too_new_start = before(now + LOG_FUTURE_MS_MAX + 1);
    let expired_end = retention_ms.map_or(0, |kept_ms| before(now - kept_ms)).min(too_new_start);
    if let [first, .., last] = &events[too_old_end..too_new_start]
        && last.timestamp.saturating_sub(first.timestamp) > LOG_BATCH_SPAN_MS_MAX
    {
        return Err(invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    let info = RejectedLogEventsInfo {
        too_new_log_event_start_index: index_if(too_new_start < events.len(), too_new_start),
        too_old_log_event_end_index: index_if(too_old_end > 0, too_old_end),
        expired_log_event_end_index: index_if(expired_end > too_old_end, expired_end),
    };
    let rejected = (info != RejectedLogEventsInfo::default()).then_some(info);
    Ok(Verdict { accepted: too_old_end.max(expired_end)..too_new_start, rejected })
}

fn check_bytes(events: &[InputLogEvent]) -> Result<(), ApiError> {
    let mut total = 0;
    for event in events {
        let bytes = event.message.len() + LOG_EVENT_OVERHEAD_BYTES;
        if bytes > LOG_BATCH_BYTES_MAX {
            return Err(invalid(format!("Log event too large: {bytes} bytes exceeds limit of {LOG_BATCH_BYTES_MAX}")));
        }
        total += bytes;
    }
    if total > LOG_BATCH_BYTES_MAX {
        return Err(invalid(format!("Upload too large: {total} bytes exceeds limit of {LOG_BATCH_BYTES_MAX}")));
    }
    Ok(())
}

fn index_if(applies: bool, index: usize) -> Option<i32> {
    if applies { i32::try_from(index).ok() } else { None }
}

/// The accepted events as records; messages are moved, not copied.
fn log_events(events: Vec<InputLogEvent>, accepted: Range<usize>, target: LogTarget, now: Timestamp) -> Vec<LogEvent> {
    let record = |event: InputLogEvent| LogEvent {
        group: target.group,
        stream: target.stream,
        timestamp: Timestamp(event.timestamp),
        ingestion_time: now,
        message: event.message,
    };
    events.into_iter().take(accepted.end).skip(accepted.start).map(record).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::time::{DAY, HOUR};

    const NOW: Timestamp = Timestamp(1_750_000_000_000);

    fn at(offsets: &[i64]) -> Vec<InputLogEvent> {
        offsets.iter().map(|ms| InputLogEvent { timestamp: NOW.0 + ms, message: "m".into() }).collect()
    }

    /// (accepted, too old end, expired end, too new start)
    fn judged(offsets: &[i64], kept: Option<i64>) -> (Range<usize>, Option<i32>, Option<i32>, Option<i32>) {
        let verdict = judge(&at(offsets), NOW, kept).unwrap();
        let info = verdict.rejected.unwrap_or_default();
        let (old, expired) = (info.too_old_log_event_end_index, info.expired_log_event_end_index);
        (verdict.accepted, old, expired, info.too_new_log_event_start_index)
    }

    #[test]
    fn the_limits_themselves_are_accepted() {
        assert_eq!(judged(&[-14 * DAY], None), (0..1, None, None, None));
        assert_eq!(judged(&[2 * HOUR], None), (0..1, None, None, None));
        assert_eq!(judged(&[-DAY], Some(DAY)), (0..1, None, None, None));
        assert_eq!(judged(&[-DAY, 0], None), (0..2, None, None, None));
    }

    #[test]
    fn indexes_are_exclusive_ends_and_an_inclusive_start() {
        assert_eq!(judged(&[-14 * DAY - 1, -1, 0, 2 * HOUR + 1], None), (1..3, Some(1), None, Some(3)));
        assert_eq!(judged(&[-20 * DAY, -2 * DAY, -2 * DAY + 1, -DAY], Some(DAY)), (3..4, Some(1), Some(3), None));
        assert_eq!(judged(&[-20 * DAY, 5 * HOUR], Some(DAY)), (1..1, Some(1), None, Some(1)));
        assert_eq!(judged(&[3 * HOUR, 4 * HOUR], None), (0..0, None, None, Some(0)));
    }

    #[test]
    fn timestamps_at_the_ends_of_time_are_only_rejected() {
        let mut events = at(&[0, 0]);
        events[0].timestamp = 0;
        events[1].timestamp = i64::MAX;
        assert!(judge(&events, NOW, None).unwrap().accepted.is_empty());
    }

    #[test]
    fn whole_batches_are_refused_in_awss_words() {
        let refused = |events: &[InputLogEvent]| judge(events, NOW, None).unwrap_err().message().to_owned();
        assert_eq!(
            refused(&at(&[1, 0])),
            "Log events in a single PutLogEvents request must be in chronological order."
        );
        assert_eq!(
            refused(&at(&[-DAY - 1, 0])),
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        );
        let mut events = at(&[0, 0]);
        events[0].message = "ä".repeat((LOG_BATCH_BYTES_MAX - 26) / 2);
        assert_eq!(refused(&events), "Upload too large: 1048603 bytes exceeds limit of 1048576");
        assert!(judge(&events[..1], NOW, None).is_ok());
        events[0].message.push('x');
        assert_eq!(refused(&events), "Log event too large: 1048577 bytes exceeds limit of 1048576");
    }
}
