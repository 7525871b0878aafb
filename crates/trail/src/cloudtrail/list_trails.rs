//! ListTrails: name, ARN and home region of every trail of the account, whatever its region.

use super::page_token::PageToken;
use crate::Trail;
use model::{Caller, arn};
use wire::ApiError;
use wire::cloudtrail::{ListTrailsRequest, ListTrailsResponse, TrailInfo};

/// Trails in a page.
const PAGE: usize = 100;

pub(super) async fn list_trails(
    trail: &Trail,
    caller: &Caller,
    input: ListTrailsRequest,
) -> Result<ListTrailsResponse, ApiError> {
    let token = PageToken::bound_to(&["ListTrails", &caller.scope.account]);
    let after = input.next_token.map(|text| token.open(&text)).transpose()?;
    let rows = trail.catalog.trails(&caller.scope.account).await?;
    let mut trails: Vec<(String, TrailInfo)> = rows
        .iter()
        .map(|row| {
            let info = TrailInfo {
                trail_arn: Some(arn::trail(&row.scope, &row.name)),
                name: Some(row.name.clone()),
                home_region: Some(row.scope.region.clone()),
            };
            (format!("{}\n{}", row.name, row.scope.region), info)
        })
        .collect();
    trails.sort_by(|a, b| a.0.cmp(&b.0));
    trails.retain(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    let next_token = if trails.len() > PAGE { trails.get(PAGE - 1).map(|(key, _)| token.seal(key)) } else { None };
    Ok(ListTrailsResponse { trails: Some(trails.into_iter().take(PAGE).map(|(_, info)| info).collect()), next_token })
}
