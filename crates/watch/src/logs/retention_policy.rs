//! PutRetentionPolicy and DeleteRetentionPolicy: how long a group keeps its events.
//!
//! A change holds for readers at once, also for events stored before it; the bytes of expired events are freed by
//! maintenance. Under a retention policy of the account (`account_policies/retention.rs`) it is kept and has no effect. Groups
//! of class DELIVERY have two days from the beginning, and no others.

use super::errors::{group_not_found, invalid};
use super::identifiers::group;
use super::log_class::check_not_delivery;
use crate::Watch;
use model::Caller;
use wire::ApiError;
use wire::logs::{DeleteRetentionPolicyRequest, PutRetentionPolicyRequest};
use wire::shape::Empty;

/// The numbers of days that AWS accepts (PutRetentionPolicy reference).
const RETENTION_DAYS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

pub(super) async fn put_retention_policy(
    watch: &Watch,
    caller: &Caller,
    input: PutRetentionPolicyRequest,
) -> Result<Empty, ApiError> {
    let days = input.retention_in_days;
    if !RETENTION_DAYS.contains(&days) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: \
             Member must satisfy enum value set: {RETENTION_DAYS:?}"
        )));
    }
    set(watch, caller, &input.log_group_name, Some(i64::from(days))).await
}

pub(super) async fn delete_retention_policy(
    watch: &Watch,
    caller: &Caller,
    input: DeleteRetentionPolicyRequest,
) -> Result<Empty, ApiError> {
    set(watch, caller, &input.log_group_name, None).await
}

async fn set(watch: &Watch, caller: &Caller, name: &str, days: Option<i64>) -> Result<Empty, ApiError> {
    check_not_delivery(&group(watch, &caller.scope, name).await?)?;
    let changed = watch.catalog.set_log_retention(&caller.scope, name, days).await?;
    if changed { Ok(Empty {}) } else { Err(group_not_found()) }
}
