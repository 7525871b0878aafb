//! ListInsightsData: the Insights events of a trail, newest first, of the last 90 days in the caller's region.
//!
//! `InsightSource` is the ARN of a trail. AWS lists here what was found in data events; here it is all that the trail takes, for
//! LookupEvents knows no trails. A trail without Insights has none.

use super::lookup_events::{position, shape};
use super::page_token::PageToken;
use super::trails;
use crate::Trail;
use crate::derived::Wanted;
use model::{Caller, TimeRange, Timestamp, limits};
use query::events::{Category, EventLookup, lookup};
use store::EventFilter;
use wire::ApiError;
use wire::cloudtrail::{ListInsightsDataRequest, ListInsightsDataResponse, errors};

/// ListInsightsData reference: most events of a page.
const PAGE: usize = 50;

pub(super) async fn list_insights_data(
    trail: &Trail,
    caller: &Caller,
    input: ListInsightsDataRequest,
) -> Result<ListInsightsDataResponse, ApiError> {
    let invalid = |text: &'static str| ApiError::new(&errors::INVALID_PARAMETER_EXCEPTION, text);
    if !input.insight_source.starts_with("arn:") {
        return Err(invalid("InsightSource must be the ARN of a trail."));
    }
    let row = trails::find(trail, caller, &input.insight_source).await.map_err(|error| match error.status() {
        400 => ApiError::new(&errors::INVALID_PARAMETER_EXCEPTION, error.message().to_owned()),
        _ => error,
    })?;
    if let (Some(start), Some(end)) = (input.start_time, input.end_time)
        && start > end
    {
        return Err(invalid("The start time must not be later than the end time."));
    }
    let now = trail.clock.now();
    let first = now - limits::LOOKUP_PAST_MS_MAX;
    let range = TimeRange::new(
        input.start_time.map_or(first, |start| start.max(first)),
        input.end_time.map_or(now + 1, |end| end + 1),
    );
    let dimension = input.dimensions.iter().flatten().next();
    let filter = dimension.map(|(key, value)| match key.as_str() {
        "EventId" => EventFilter::EventId(value.clone()),
        "EventName" => EventFilter::EventName(value.clone()),
        // The model's list was checked on reading.
        _ => EventFilter::EventSource(value.clone()),
    });
    let text = |time: Option<Timestamp>| time.map(|time| time.millis().to_string()).unwrap_or_default();
    let (key, value) = dimension.map_or(("", ""), |(key, value)| (key.as_str(), value.as_str()));
    let scope = &caller.scope;
    let bound = [&scope.account, &scope.region, &input.insight_source, &text(input.start_time), &text(input.end_time)];
    let [account, region, source, start, end] = bound.map(String::as_str);
    let token = PageToken::bound_to(&["ListInsightsData", account, region, source, start, end, key, value]);
    let limit = input.max_results.and_then(|max| usize::try_from(max).ok()).unwrap_or(PAGE).clamp(1, PAGE);
    let mut after = input.next_token.as_deref().map(|text| position(&token.open(text)?)).transpose()?;
    let wanted = Wanted::of_trail(&row);
    let mut events = Vec::new();
    loop {
        let asked = EventLookup {
            account: Some(scope.account.clone()),
            region: Some(scope.region.clone()),
            range,
            category: Category::Insight,
            filters: filter.clone().into_iter().collect(),
            after,
            limit: limit - events.len(),
        };
        let page = lookup(&trail.store, &asked).await?;
        events.extend(page.events.into_iter().filter(|found| wanted.takes(&found.event)));
        after = page.next;
        if after.is_none() || events.len() >= limit {
            break;
        }
    }
    let next_token = after.map(|(time, sequence)| token.seal(&format!("{}:{sequence}", time.millis())));
    Ok(ListInsightsDataResponse { events: Some(events.into_iter().map(shape).collect()), next_token })
}
