//! GetInsightSelectors: the Insights of a trail or an event data store; where there are none, an error says so.

use super::event_data_stores::active;
use super::put_insight_selectors::{combination, shapes};
use super::trails;
use crate::Trail;
use crate::insights::InsightSelectors;
use model::{Caller, arn};
use wire::ApiError;
use wire::cloudtrail::{GetInsightSelectorsRequest, GetInsightSelectorsResponse, errors};

pub(super) async fn get_insight_selectors(
    trail: &Trail,
    caller: &Caller,
    input: GetInsightSelectorsRequest,
) -> Result<GetInsightSelectorsResponse, ApiError> {
    match (input.trail_name, input.event_data_store) {
        (Some(name), None) => {
            let row = trails::find(trail, caller, &name).await?;
            let arn = arn::trail(&row.scope, &row.name);
            let insights = InsightSelectors::stored(row.insights.as_deref());
            if insights.selectors.is_empty() {
                return Err(not_enabled(format!(
                    "Trail {arn} does not have Insights enabled. Edit the trail settings to enable Insights, and then try the \
                     operation again."
                )));
            }
            Ok(GetInsightSelectorsResponse {
                trail_arn: Some(arn),
                insight_selectors: Some(shapes(&insights.selectors)),
                ..GetInsightSelectorsResponse::default()
            })
        }
        (None, Some(store)) => {
            let row = active(trail, caller, &store).await?;
            let arn = arn::event_data_store(&row.scope, &row.id);
            let insights = InsightSelectors::stored(row.insights.as_deref());
            if insights.selectors.is_empty() {
                return Err(not_enabled(format!(
                    "Event data store {arn} does not have Insights enabled. Edit the event data store settings to enable \
                     Insights, and then try the operation again."
                )));
            }
            Ok(GetInsightSelectorsResponse {
                event_data_store_arn: Some(arn),
                insights_destination: insights.destination.map(|id| arn::event_data_store(&row.scope, &id)),
                insight_selectors: Some(shapes(&insights.selectors)),
                ..GetInsightSelectorsResponse::default()
            })
        }
        (Some(_), Some(_)) => Err(combination("Specify either TrailName or EventDataStore, not both.")),
        (None, None) => Err(combination("Specify either TrailName or EventDataStore.")),
    }
}

fn not_enabled(text: String) -> ApiError {
    ApiError::new(&errors::INSIGHT_NOT_ENABLED_EXCEPTION, text)
}
