//! GetEventSelectors: the selectors in force, of whichever kind was written last; a fresh trail shows the default.

use super::put_event_selectors::{advanced_shapes, basic_shapes};
use super::trails;
use crate::Trail;
use crate::selectors::Selectors;
use model::{Caller, arn};
use wire::ApiError;
use wire::cloudtrail::{GetEventSelectorsRequest, GetEventSelectorsResponse};

pub(super) async fn get_event_selectors(
    trail: &Trail,
    caller: &Caller,
    input: GetEventSelectorsRequest,
) -> Result<GetEventSelectorsResponse, ApiError> {
    let row = trails::find(trail, caller, &input.trail_name).await?;
    let trail_arn = Some(arn::trail(&row.scope, &row.name));
    Ok(match trails::selectors_of(&row) {
        Selectors::Basic(selectors) => GetEventSelectorsResponse {
            trail_arn,
            event_selectors: Some(basic_shapes(&selectors)),
            advanced_event_selectors: None,
        },
        Selectors::Advanced(selectors) => GetEventSelectorsResponse {
            trail_arn,
            event_selectors: None,
            advanced_event_selectors: Some(advanced_shapes(&selectors)),
        },
    })
}
