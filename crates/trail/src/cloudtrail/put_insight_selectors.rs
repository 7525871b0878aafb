//! PutInsightSelectors: turns Insights of a trail or an event data store on and off.
//!
//! AWS: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutInsightSelectors.html>. Insights need events that they are
//! made of: call rates of management events a trail that logs writes, others one that logs reads or writes; AWS's words for a
//! refusal are not known. The event data store that Insights of a store go to must be one of the category Insight.

use super::event_data_stores::active;
use super::trails;
use crate::Trail;
use crate::insights::{InsightSelector, InsightSelectors};
use crate::lake::{categories, selectors_of};
use crate::selectors::Selectors;
use catalog::EventSetting;
use model::{Caller, arn};
use wire::ApiError;
use wire::cloudtrail::{self as ct, PutInsightSelectorsRequest, PutInsightSelectorsResponse, errors};

pub(super) async fn put_insight_selectors(
    trail: &Trail,
    caller: &Caller,
    input: PutInsightSelectorsRequest,
) -> Result<PutInsightSelectorsResponse, ApiError> {
    let selectors = input.insight_selectors.into_iter().map(selector).collect::<Result<Vec<_>, _>>()?;
    let mut kinds: Vec<&str> = selectors.iter().map(|selector| selector.insight_type.as_str()).collect();
    kinds.sort_unstable();
    if kinds.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(invalid("Each InsightType can be specified only once."));
    }
    match (input.trail_name, input.event_data_store) {
        (Some(name), None) => {
            if input.insights_destination.is_some() {
                return Err(combination("InsightsDestination can be specified only together with EventDataStore."));
            }
            of_trail(trail, caller, &name, selectors).await
        }
        (None, Some(store)) => {
            of_store(trail, caller, (&store, input.insights_destination.as_deref()), selectors).await
        }
        (Some(_), Some(_)) => Err(combination("Specify either TrailName or EventDataStore, not both.")),
        (None, None) => Err(combination("Specify either TrailName or EventDataStore.")),
    }
}

async fn of_trail(
    trail: &Trail,
    caller: &Caller,
    name: &str,
    selectors: Vec<InsightSelector>,
) -> Result<PutInsightSelectorsResponse, ApiError> {
    let row = trails::find_home(trail, caller, name).await?;
    let shown = shapes(&selectors);
    let insights = InsightSelectors { selectors, destination: None };
    check_events(&insights, &trails::selectors_of(&row))?;
    let document = document(&insights)?;
    let (scope, setting) = (&row.scope, EventSetting::Insights);
    if !trail.catalog.set_trail_events(scope, &row.name, setting, document.as_deref()).await? {
        let text = "The trail was deleted by another request at the same time.";
        return Err(ApiError::new(&errors::CONFLICT_EXCEPTION, text));
    }
    trail.refresh_trails().await?;
    Ok(PutInsightSelectorsResponse {
        trail_arn: Some(arn::trail(&row.scope, &row.name)),
        insight_selectors: Some(shown),
        ..PutInsightSelectorsResponse::default()
    })
}

async fn of_store(
    trail: &Trail,
    caller: &Caller,
    (store, destination): (&str, Option<&str>),
    selectors: Vec<InsightSelector>,
) -> Result<PutInsightSelectorsResponse, ApiError> {
    let row = active(trail, caller, store).await?;
    let destination = match destination {
        Some(destination) => Some(active(trail, caller, destination).await?),
        None if selectors.is_empty() => None,
        None => return Err(parameter("InsightsDestination is required to enable Insights on an event data store.")),
    };
    if destination.as_ref().is_some_and(|to| categories(&selectors_of(to)) != ["Insight"]) {
        return Err(parameter("InsightsDestination must be an event data store that collects Insights events."));
    }
    if selectors.iter().any(|selector| selector.categories.iter().flatten().any(|one| one != "Management")) {
        return Err(invalid("Insights of an event data store are on management events only."));
    }
    let shown = shapes(&selectors);
    let insights = InsightSelectors { selectors, destination: destination.as_ref().map(|to| to.id.clone()) };
    check_events(&insights, &selectors_of(&row))?;
    let document = document(&insights)?;
    let (scope, setting) = (&row.scope, EventSetting::Insights);
    trail.catalog.set_event_data_store_events(scope, &row.id, setting, document.as_deref()).await?;
    Ok(PutInsightSelectorsResponse {
        event_data_store_arn: Some(arn::event_data_store(&row.scope, &row.id)),
        insights_destination: destination.map(|to| arn::event_data_store(&to.scope, &to.id)),
        insight_selectors: Some(shown),
        ..PutInsightSelectorsResponse::default()
    })
}

fn selector(shape: ct::InsightSelector) -> Result<InsightSelector, ApiError> {
    // The model's lists were checked on reading.
    let insight_type = shape.insight_type.ok_or_else(|| invalid("An Insights selector must have an InsightType."))?;
    Ok(InsightSelector { insight_type, categories: shape.event_categories })
}

/// Selectors as the wire shows them.
pub(super) fn shapes(selectors: &[InsightSelector]) -> Vec<ct::InsightSelector> {
    let one = |selector: &InsightSelector| ct::InsightSelector {
        insight_type: Some(selector.insight_type.clone()),
        event_categories: selector.categories.clone(),
    };
    selectors.iter().map(one).collect()
}

/// What is stored; nothing without Insights.
fn document(insights: &InsightSelectors) -> Result<Option<String>, ApiError> {
    if insights.selectors.is_empty() {
        return Ok(None);
    }
    Ok(Some(serde_json::to_string(insights).map_err(catalog::Error::from)?))
}

/// Refuses Insights on events that are not logged.
fn check_events(insights: &InsightSelectors, selectors: &Selectors) -> Result<(), ApiError> {
    let (calls, errors) = ("ApiCallRateInsight", "ApiErrorRateInsight");
    if insights.want(calls, "Management") && !selectors.log_management(false) {
        return Err(invalid("To log Insights events on API call rate, write management events must be logged."));
    }
    let logs_any = || selectors.log_management(false) || selectors.log_management(true);
    if insights.want(errors, "Management") && !logs_any() {
        return Err(invalid(
            "To log Insights events on API error rate, read or write management events must be logged.",
        ));
    }
    if (insights.want(calls, "Data") || insights.want(errors, "Data")) && !selectors.want_data() {
        return Err(invalid("To log Insights events on data events, read or write data events must be logged."));
    }
    Ok(())
}

fn invalid(text: &'static str) -> ApiError {
    ApiError::new(&errors::INVALID_INSIGHT_SELECTORS_EXCEPTION, text)
}

fn parameter(text: &'static str) -> ApiError {
    ApiError::new(&errors::INVALID_PARAMETER_EXCEPTION, text)
}

/// The error of parameters that do not go together.
pub(super) fn combination(text: &'static str) -> ApiError {
    ApiError::new(&errors::INVALID_PARAMETER_COMBINATION_EXCEPTION, text)
}
