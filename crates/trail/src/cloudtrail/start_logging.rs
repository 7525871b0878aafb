//! StartLogging: the trail logs from now on. A trail that logs already keeps the time at which it began.

use super::trails;
use crate::Trail;
use model::Caller;
use wire::ApiError;
use wire::cloudtrail::{StartLoggingRequest, StartLoggingResponse};

pub(super) async fn start_logging(
    trail: &Trail,
    caller: &Caller,
    input: StartLoggingRequest,
) -> Result<StartLoggingResponse, ApiError> {
    let row = trails::find_home(trail, caller, &input.name).await?;
    trail.catalog.start_trail(&row.scope, &row.name, trail.clock.now()).await?;
    trail.refresh_trails().await?;
    Ok(StartLoggingResponse {})
}
