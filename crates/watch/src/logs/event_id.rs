//! Ids of log events, as FilterLogEvents and subscriptions show them.

use model::Timestamp;

/// 56 digits, unique over the whole installation, in order of time and then of acceptance.
pub(super) fn event_id(timestamp: Timestamp, sequence: u64) -> String {
    // 13 digits reach to the year 2286; a later time is not worth a longer id.
    let time = timestamp.0.clamp(0, 9_999_999_999_999);
    format!("3{time:013}{sequence:042}")
}
