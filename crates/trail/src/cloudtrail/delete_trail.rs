//! DeleteTrail: takes a trail away in its home region. If it logged, this call is the last that it keeps (`Trail::hold`). Events and delivered files stay.

use super::trails;
use crate::Trail;
use model::{Caller, arn};
use wire::ApiError;
use wire::cloudtrail::{DeleteTrailRequest, DeleteTrailResponse};

pub(super) async fn delete_trail(
    trail: &Trail,
    caller: &Caller,
    input: DeleteTrailRequest,
) -> Result<DeleteTrailResponse, ApiError> {
    let row = trails::find_home(trail, caller, &input.name).await?;
    trail.catalog.delete_trail(&row.scope, &row.name).await?;
    trail.catalog.remove_all_tags(&arn::trail(&row.scope, &row.name)).await?;
    Ok(DeleteTrailResponse {})
}
