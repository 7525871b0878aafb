//! CreateLogStream: makes an empty stream in a group.

use super::errors::{group_not_found, stream_exists};
use super::identifiers::group;
use crate::Watch;
use catalog::StreamCreated;
use model::Caller;
use wire::ApiError;
use wire::logs::CreateLogStreamRequest;
use wire::shape::Empty;

pub(super) async fn create_log_stream(
    watch: &Watch,
    caller: &Caller,
    input: CreateLogStreamRequest,
) -> Result<Empty, ApiError> {
    let group = group(watch, &caller.scope, &input.log_group_name).await?;
    match watch.catalog.create_log_stream(group.id, &input.log_stream_name, watch.clock.now()).await? {
        StreamCreated::Created(_) => Ok(Empty {}),
        StreamCreated::Exists => Err(stream_exists()),
        StreamCreated::NoGroup => Err(group_not_found()),
    }
}
