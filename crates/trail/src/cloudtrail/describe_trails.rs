//! DescribeTrails: the trails of the caller's region, with the shadows of multi-region trails unless they are not wanted.
//!
//! Names mean trails whose home is here, ARNs mean any; what is named and absent is left out, not an error.

use super::trail_name::TrailRef;
use super::trails;
use crate::Trail;
use model::Caller;
use wire::ApiError;
use wire::cloudtrail::{DescribeTrailsRequest, DescribeTrailsResponse};

pub(super) async fn describe_trails(
    trail: &Trail,
    caller: &Caller,
    input: DescribeTrailsRequest,
) -> Result<DescribeTrailsResponse, ApiError> {
    let shadows = input.include_shadow_trails.unwrap_or(true);
    let wanted = input.trail_name_list.unwrap_or_default();
    let wanted: Vec<TrailRef> =
        wanted.iter().map(|text| TrailRef::parse(text, &caller.scope)).collect::<Result<_, _>>()?;
    let rows = trail.catalog.trails(&caller.scope.account).await?;
    let listed = rows.iter().filter(|row| {
        if wanted.is_empty() {
            row.scope == caller.scope || (shadows && row.settings.multi_region)
        } else {
            wanted.iter().any(|w| w.scope == row.scope && w.name == row.name)
        }
    });
    Ok(DescribeTrailsResponse { trail_list: Some(listed.map(trails::shape).collect()) })
}
