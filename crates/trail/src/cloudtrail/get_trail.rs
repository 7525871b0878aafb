//! GetTrail: one trail, by name in its home region or by ARN from any region.

use super::trails;
use crate::Trail;
use model::Caller;
use wire::ApiError;
use wire::cloudtrail::{GetTrailRequest, GetTrailResponse};

pub(super) async fn get_trail(
    trail: &Trail,
    caller: &Caller,
    input: GetTrailRequest,
) -> Result<GetTrailResponse, ApiError> {
    let row = trails::find(trail, caller, &input.name).await?;
    Ok(GetTrailResponse { trail: Some(trails::shape(&row)) })
}
