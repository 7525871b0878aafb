//! LookupEvents: management (or Insights) events of the caller's account and region, newest first.
//!
//! Strict as AWS has it: 90 days, one attribute, pages of at most 50, tokens good only with the same parameters. The
//! setting `lenient_lookup` lifts the first two and finds every category, account and region. AWS's two calls a second
//! are not enforced.

use super::page_token::PageToken;
use crate::Trail;
use model::{Caller, TimeRange, Timestamp, limits};
use query::events::{Category, EventLookup, lookup};
use store::{EventFilter, EventRow, Position};
use wire::ApiError;
use wire::cloudtrail::{self as ct, LookupEventsRequest, LookupEventsResponse, errors};

pub(super) async fn lookup_events(
    trail: &Trail,
    caller: &Caller,
    input: LookupEventsRequest,
) -> Result<LookupEventsResponse, ApiError> {
    let lenient = trail.settings.lenient_lookup;
    let insight = input.event_category.is_some();
    let attributes = input.lookup_attributes.as_deref().unwrap_or_default();
    let filters = filters(attributes, insight, lenient)?;
    let range = range(&input, trail.clock.now(), lenient)?;
    let limit = limit(input.max_results)?;
    let token = token(caller, &input);
    let after = input.next_token.as_deref().map(|text| position(&token.open(text)?)).transpose()?;
    let page = lookup(
        &trail.store,
        &EventLookup {
            account: (!lenient).then(|| caller.scope.account.clone()),
            region: (!lenient).then(|| caller.scope.region.clone()),
            range,
            category: match (insight, lenient) {
                (true, _) => Category::Insight,
                (false, true) => Category::Any,
                (false, false) => Category::Management,
            },
            filters,
            after,
            limit,
        },
    )
    .await?;
    let next_token = page.next.map(|(time, sequence)| token.seal(&format!("{}:{sequence}", time.millis())));
    Ok(LookupEventsResponse { events: Some(page.events.into_iter().map(shape).collect()), next_token })
}

/// The attributes as conditions. Insights events can be looked up by three of the eight.
fn filters(attributes: &[ct::LookupAttribute], insight: bool, lenient: bool) -> Result<Vec<EventFilter>, ApiError> {
    let invalid = |text: &'static str| ApiError::new(&errors::INVALID_LOOKUP_ATTRIBUTES_EXCEPTION, text);
    if attributes.len() > 1 && !lenient {
        return Err(invalid("Only one lookup attribute can be specified."));
    }
    let one = |attribute: &ct::LookupAttribute| {
        let value = attribute.attribute_value.clone();
        if insight && !matches!(attribute.attribute_key.as_str(), "EventId" | "EventName" | "EventSource") {
            return Err(invalid("Insights events can be looked up by EventId, EventName or EventSource only."));
        }
        Ok(match attribute.attribute_key.as_str() {
            "EventId" => EventFilter::EventId(value),
            "EventName" => EventFilter::EventName(value),
            "ReadOnly" => EventFilter::ReadOnly(match value.as_str() {
                "true" => true,
                "false" => false,
                _ => return Err(invalid("The value of the lookup attribute ReadOnly must be true or false.")),
            }),
            "Username" => EventFilter::Username(value),
            "ResourceType" => EventFilter::ResourceType(value),
            "ResourceName" => EventFilter::ResourceName(value),
            "EventSource" => EventFilter::EventSource(value),
            "AccessKeyId" => EventFilter::AccessKeyId(value),
            _ => return Err(invalid("The lookup attribute key is not valid.")),
        })
    };
    attributes.iter().map(one).collect()
}

/// Both ends of the client's range count; what lies before the 90 days is not there.
fn range(input: &LookupEventsRequest, now: Timestamp, lenient: bool) -> Result<TimeRange, ApiError> {
    if let (Some(start), Some(end)) = (input.start_time, input.end_time)
        && start > end
    {
        let text = "The start time must not be later than the end time.";
        return Err(ApiError::new(&errors::INVALID_TIME_RANGE_EXCEPTION, text));
    }
    let first = if lenient { Timestamp::MIN } else { now - limits::LOOKUP_PAST_MS_MAX };
    let start = input.start_time.map_or(first, |start| start.max(first));
    // A record's time has whole seconds, so an end within a second includes it.
    let end = input.end_time.map_or(if lenient { Timestamp::MAX } else { now + 1 }, |end| end + 1);
    Ok(TimeRange::new(start, end))
}

fn limit(max_results: Option<i32>) -> Result<usize, ApiError> {
    let Some(asked) = max_results else { return Ok(limits::LOOKUP_PAGE_MAX) };
    usize::try_from(asked).ok().filter(|limit| (1..=limits::LOOKUP_PAGE_MAX).contains(limit)).ok_or_else(|| {
        let text = format!("MaxResults must be between 1 and {}.", limits::LOOKUP_PAGE_MAX);
        ApiError::new(&errors::INVALID_MAX_RESULTS_EXCEPTION, text)
    })
}

/// Tokens fit the same caller, attributes, times and category; the page size may change.
fn token(caller: &Caller, input: &LookupEventsRequest) -> PageToken {
    let time = |time: Option<Timestamp>| time.map(|t| t.millis().to_string()).unwrap_or_default();
    let (start, end) = (time(input.start_time), time(input.end_time));
    let mut parameters = vec!["LookupEvents", &caller.scope.account, &caller.scope.region, &start, &end];
    parameters.push(input.event_category.as_deref().unwrap_or_default());
    for attribute in input.lookup_attributes.iter().flatten() {
        parameters.extend([attribute.attribute_key.as_str(), attribute.attribute_value.as_str()]);
    }
    PageToken::bound_to(&parameters)
}

pub(super) fn position(text: &str) -> Result<Position, ApiError> {
    let parsed =
        text.split_once(':').and_then(|(time, sequence)| Some((Timestamp(time.parse().ok()?), sequence.parse().ok()?)));
    parsed.ok_or_else(PageToken::invalid)
}

pub(super) fn shape(row: EventRow) -> ct::Event {
    let event = row.event;
    let some = |text: String| (!text.is_empty()).then_some(text);
    ct::Event {
        event_id: Some(event.event_id),
        event_name: some(event.name),
        read_only: event.read_only.map(|flag| flag.to_string()),
        access_key_id: some(event.access_key_id),
        event_time: Some(event.time),
        event_source: some(event.source),
        username: some(event.username),
        resources: Some(
            event
                .resources
                .into_iter()
                .map(|resource| ct::Resource {
                    resource_type: some(resource.resource_type),
                    resource_name: some(resource.name),
                })
                .collect(),
        ),
        cloud_trail_event: Some(event.record),
    }
}
