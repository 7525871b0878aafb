//! DeleteLogGroup: deletes a group, its streams, their events, its tags and its resource policy.
//!
//! Everything is gone for readers at once; the bytes are freed by maintenance. A group created later under the same name
//! is empty, for ids are never reused.

use super::errors::{group_not_found, protected};
use crate::Watch;
use catalog::LogDeletion;
use model::{Caller, arn};
use wire::ApiError;
use wire::logs::DeleteLogGroupRequest;
use wire::shape::Empty;

pub(super) async fn delete_log_group(
    watch: &Watch,
    caller: &Caller,
    input: DeleteLogGroupRequest,
) -> Result<Empty, ApiError> {
    let name = input.log_group_name.as_str();
    let arn = arn::log_group(&caller.scope, name);
    let delete = watch.catalog.delete_log_group(&caller.scope, name, &arn, watch.clock.now());
    // The rules of groups whose findings went there have its resource policy.
    match watch.rules.change_all(delete).await? {
        LogDeletion::Deleted => Ok(Empty {}),
        LogDeletion::Absent => Err(group_not_found()),
        LogDeletion::Protected => Err(protected()),
    }
}
