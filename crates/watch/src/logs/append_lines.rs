//! `append_lines`: does for other protocols what PutLogEvents does for its own: finds the stream, and leaves out what may not be
//! kept.

use super::append::{Destination, append};
use super::append_internal::{log_events, ready_target};
use super::errors::{group_not_found, stream_not_found};
use crate::Watch;
use catalog::LogTargetFound;
use model::limits::{LOG_BATCH_BYTES_MAX, LOG_EVENT_OVERHEAD_BYTES, LOG_FUTURE_MS_MAX, LOG_PAST_MS_MAX};
use model::{Scope, Timestamp};
use wire::ApiError;

/// How many lines were not stored, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// More than two weeks old.
    pub too_old: usize,
    /// More than two hours ahead.
    pub too_new: usize,
    /// Older than the group keeps events.
    pub expired: usize,
    /// Larger than an event may be.
    pub too_large: usize,
}

impl LeftOut {
    /// All of them.
    pub fn total(&self) -> usize {
        self.too_old + self.too_new + self.expired + self.too_large
    }

    /// The counts as JSON, as AWS tells them in `partialSuccess.errorMessage`; empty when nothing was left out.
    pub fn told(&self) -> String {
        let counts = [
            ("tooOldLogEventCount", self.too_old),
            ("tooNewLogEventCount", self.too_new),
            ("expiredLogEventCount", self.expired),
            ("tooLargeLogEventCount", self.too_large),
        ];
        let told = counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name.into(), count.into()));
        let told: serde_json::Map<String, serde_json::Value> = told.collect();
        if told.is_empty() { String::new() } else { serde_json::Value::Object(told).to_string() }
    }
}

/// What to do about a group or stream that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Refuse, as PutLogEvents does.
    Refuse,
    /// Create it.
    Create,
}

/// Stores lines of any times in any order in a stream; those that PutLogEvents would not keep are left out and counted.
///
/// # Errors
/// `ResourceNotFoundException` when group or stream are missing and may not be created; what the store says.
pub async fn append_lines(
    watch: &Watch,
    scope: &Scope,
    (group_name, stream): (&str, &str),
    missing: Missing,
    mut lines: Vec<(Timestamp, String)>,
) -> Result<LeftOut, ApiError> {
    let target = match missing {
        Missing::Create => ready_target(watch, scope, group_name, stream, true).await?,
        Missing::Refuse => match watch.catalog.log_target(scope, group_name, stream).await? {
            LogTargetFound::Found(target) => target,
            LogTargetFound::NoGroup => return Err(group_not_found()),
            LogTargetFound::NoStream => return Err(stream_not_found()),
        },
    };
    let now = watch.clock.now();
    let left_out = sift(&mut lines, now, target.retention_ms);
    if !lines.is_empty() {
        let to = Destination { scope, group_name, stream_name: stream, target, extracts_metrics: true };
        append(watch, to, log_events(target, lines, now), now).await?;
    }
    Ok(left_out)
}

/// Takes out what may not be kept, and sorts the rest by time.
fn sift(lines: &mut Vec<(Timestamp, String)>, now: Timestamp, retention_ms: Option<i64>) -> LeftOut {
    let mut left_out = LeftOut::default();
    lines.retain(|(time, message)| {
        let reason = match now - *time {
            _ if message.len() + LOG_EVENT_OVERHEAD_BYTES > LOG_BATCH_BYTES_MAX => &mut left_out.too_large,
            age if age > LOG_PAST_MS_MAX => &mut left_out.too_old,
            age if age < -LOG_FUTURE_MS_MAX => &mut left_out.too_new,
            age if retention_ms.is_some_and(|kept| age > kept) => &mut left_out.expired,
            _ => return true,
        };
        *reason += 1;
        false
    });
    lines.sort_by_key(|(time, _)| *time);
    left_out
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::time::{DAY, HOUR};

    #[test]
    fn lines_that_may_not_be_kept_are_counted_and_the_rest_is_in_order() {
        let now = Timestamp(1_750_000_000_000);
        let large = "x".repeat(LOG_BATCH_BYTES_MAX);
        let ages = [0, 14 * DAY + 1, 14 * DAY, 2 * DAY, DAY, -2 * HOUR, -2 * HOUR - 1];
        let mut lines: Vec<_> = ages.iter().map(|age| (now - *age, age.to_string())).collect();
        lines.push((now, large));
        let left_out = sift(&mut lines, now, Some(DAY));
        assert_eq!(left_out, LeftOut { too_old: 1, too_new: 1, expired: 2, too_large: 1 });
        assert_eq!(left_out.total(), 5);
        let kept: Vec<&str> = lines.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(kept, [DAY.to_string(), "0".into(), (-2 * HOUR).to_string()]);
    }

    #[test]
    fn times_at_the_ends_are_no_trouble() {
        let mut lines = vec![(Timestamp(i64::MAX), String::new()), (Timestamp(i64::MIN), String::new())];
        assert_eq!(sift(&mut lines, Timestamp(0), None).total(), 2);
    }
}
