//! DeleteLogStream: deletes a stream and its events; refused while the group is protected against deletion.

use super::errors::{protected, stream_not_found};
use super::identifiers::group;
use crate::Watch;
use catalog::LogDeletion;
use model::Caller;
use wire::ApiError;
use wire::logs::DeleteLogStreamRequest;
use wire::shape::Empty;

pub(super) async fn delete_log_stream(
    watch: &Watch,
    caller: &Caller,
    input: DeleteLogStreamRequest,
) -> Result<Empty, ApiError> {
    let group = group(watch, &caller.scope, &input.log_group_name).await?;
    let (name, now) = (input.log_stream_name.as_str(), watch.clock.now());
    match watch.catalog.delete_log_stream(&caller.scope, &group.name, group.id, name, now).await? {
        LogDeletion::Deleted => Ok(Empty {}),
        LogDeletion::Absent => Err(stream_not_found()),
        LogDeletion::Protected => Err(protected()),
    }
}
