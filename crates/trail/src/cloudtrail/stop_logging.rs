//! StopLogging: the trail keeps this call and nothing after it (`Trail::hold`). A trail that does not log keeps the time at which it stopped.

use super::trails;
use crate::Trail;
use model::Caller;
use wire::ApiError;
use wire::cloudtrail::{StopLoggingRequest, StopLoggingResponse};

pub(super) async fn stop_logging(
    trail: &Trail,
    caller: &Caller,
    input: StopLoggingRequest,
) -> Result<StopLoggingResponse, ApiError> {
    let row = trails::find_home(trail, caller, &input.name).await?;
    trail.catalog.stop_trail(&row.scope, &row.name, trail.clock.now()).await?;
    Ok(StopLoggingResponse {})
}
