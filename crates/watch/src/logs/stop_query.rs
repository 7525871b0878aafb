//! StopQuery: ends a query that runs.

use super::errors::invalid;
use super::query_answers::query_not_found;
use crate::Watch;
use model::Caller;
use wire::ApiError;
use wire::logs::{StopQueryRequest, StopQueryResponse};

pub(super) async fn stop_query(
    watch: &Watch,
    caller: &Caller,
    input: StopQueryRequest,
) -> Result<StopQueryResponse, ApiError> {
    if let Some(running) = watch.queries.running(&caller.scope, &input.query_id) {
        running.cancel();
        return Ok(StopQueryResponse { success: Some(true) });
    }
    match watch.catalog.log_query(&caller.scope, &input.query_id).await? {
        Some(ended) => {
            Err(invalid(format!("The specified query cannot be stopped because it is in the {} status.", ended.status)))
        }
        None => Err(query_not_found()),
    }
}
