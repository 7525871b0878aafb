//! ListInsightsMetricData: how often an operation was called, or failed with an error, in each period.
//!
//! Values are calls or errors in a minute, on average over the period. With `TrailName` they are of the data events of that trail,
//! without it of management events: writes for call rates, all for error rates. They are counted from the events themselves, where a
//! trail or event data store of the account has these Insights; otherwise there are none. A start before what AWS keeps of a
//! period is taken for the first that it keeps.

use super::page_token::PageToken;
use super::trails;
use crate::Trail;
use crate::coverage::Coverage;
use crate::delivery::is_own;
use crate::insights::InsightSelectors;
use model::time::{DAY, MINUTE, SECOND};
use model::{Caller, Event, TimeRange, Timestamp, arn};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use store::{Direction, EventFilter, EventScan};
use wire::ApiError;
use wire::cloudtrail::{ListInsightsMetricDataRequest, ListInsightsMetricDataResponse, errors};

/// ListInsightsMetricData reference: most points of an answer.
const PAGE: usize = 21_600;
/// ListInsightsMetricData reference: how many days points of a period, in seconds, are kept.
const KEPT: [(i32, i64); 3] = [(60, 15), (300, 63), (3600, 90)];
const ERROR_RATE: &str = "ApiErrorRateInsight";

pub(super) async fn list_insights_metric_data(
    trail: &Trail,
    caller: &Caller,
    input: ListInsightsMetricDataRequest,
) -> Result<ListInsightsMetricDataResponse, ApiError> {
    let period_secs = input.period.unwrap_or(3600);
    let kept = KEPT.iter().find(|(period, _)| *period == period_secs);
    let Some((_, days)) = kept else {
        return Err(invalid("The value of Period must be 60, 300 or 3600."));
    };
    let is_error_rate = input.insight_type == ERROR_RATE;
    match (&input.error_code, is_error_rate) {
        (None, true) => return Err(invalid("ErrorCode is required when InsightType is ApiErrorRateInsight.")),
        (Some(_), false) => {
            return Err(invalid("ErrorCode can be specified only when InsightType is ApiErrorRateInsight."));
        }
        _ => {}
    }
    let counted = counted(trail, caller, &input).await?;
    let (now, period) = (trail.clock.now(), i64::from(period_secs) * SECOND);
    let first = now - days * DAY;
    let (start, end) = (input.start_time.unwrap_or(first), input.end_time.unwrap_or(now));
    if start > end {
        return Err(invalid("The start time must not be later than the end time."));
    }
    let start = start.max(first).ceil_to(period);
    let text = |time: Option<Timestamp>| time.map(|time| time.millis().to_string()).unwrap_or_default();
    let token = PageToken::bound_to(&[
        "ListInsightsMetricData",
        &caller.scope.account,
        &caller.scope.region,
        &input.event_source,
        &input.event_name,
        &input.insight_type,
        input.error_code.as_deref().unwrap_or_default(),
        input.trail_name.as_deref().unwrap_or_default(),
        &text(input.start_time),
        &text(input.end_time),
        &period.to_string(),
    ]);
    let start = match &input.next_token {
        Some(text) => Timestamp(token.open(text)?.parse().map_err(|_| PageToken::invalid())?),
        None => start,
    };
    let end = end.min(now);
    let counts = match counted.is_counted && start < end {
        true => count(trail, caller, &input, &counted, (TimeRange::new(start, end), period)).await?,
        false => BTreeMap::new(),
    };
    let fill = input.data_type.as_deref() == Some("FillWithZeros") && counted.is_counted;
    let points: Box<dyn Iterator<Item = i64>> = match fill {
        true => Box::new((start.0..end.0).step_by(period as usize)),
        false => Box::new(counts.keys().copied()),
    };
    let limit = input.max_results.and_then(|max| usize::try_from(max).ok()).unwrap_or(PAGE).clamp(1, PAGE);
    let mut points: Vec<i64> = points.take(limit + 1).collect();
    let next = (points.len() > limit).then(|| points.pop()).flatten();
    let minutes = period as f64 / MINUTE as f64;
    let value = |at: &i64| counts.get(at).copied().unwrap_or(0) as f64 / minutes;
    Ok(ListInsightsMetricDataResponse {
        trail_arn: counted.trail_arn,
        event_source: Some(input.event_source),
        event_name: Some(input.event_name),
        insight_type: Some(input.insight_type),
        error_code: input.error_code,
        values: Some(points.iter().map(value).collect()),
        timestamps: Some(points.into_iter().map(Timestamp).collect()),
        next_token: next.map(|at| token.seal(&at.to_string())),
    })
}

/// Which events are counted.
struct Counted {
    /// The trail whose data events they are; management events without.
    coverage: Option<Coverage>,
    trail_arn: Option<String>,
    /// False when nobody has these Insights.
    is_counted: bool,
}

async fn counted(trail: &Trail, caller: &Caller, input: &ListInsightsMetricDataRequest) -> Result<Counted, ApiError> {
    let insights = |document: &Option<String>| InsightSelectors::stored(document.as_deref());
    if let Some(name) = &input.trail_name {
        let row = trails::find(trail, caller, name).await?;
        let is_counted = insights(&row.insights).want(&input.insight_type, "Data");
        let trail_arn = Some(arn::trail(&row.scope, &row.name));
        return Ok(Counted { coverage: Some(Coverage::of_trail(&row)), trail_arn, is_counted });
    }
    let (account, region) = (&caller.scope.account, &caller.scope.region);
    let want = |document: &Option<String>| insights(document).want(&input.insight_type, "Management");
    let trails = trail.catalog.logging_trails().await?;
    let stores = trail.catalog.enabled_event_data_stores().await?;
    let by_trail = trails.iter().any(|row| want(&row.insights) && Coverage::of_trail(row).reaches(account, region));
    let by_store = || stores.iter().any(|row| want(&row.insights) && Coverage::of_store(row).reaches(account, region));
    Ok(Counted { coverage: None, trail_arn: None, is_counted: by_trail || by_store() })
}

/// Events by the beginning of their period.
async fn count(
    trail: &Trail,
    caller: &Caller,
    input: &ListInsightsMetricDataRequest,
    counted: &Counted,
    (range, period): (TimeRange, i64),
) -> Result<BTreeMap<i64, u64>, ApiError> {
    let category = if counted.coverage.is_some() { "Data" } else { "Management" };
    let mut filters = vec![
        EventFilter::EventSource(input.event_source.clone()),
        EventFilter::EventName(input.event_name.clone()),
        EventFilter::Category(category.into()),
    ];
    filters.extend(input.error_code.clone().map(EventFilter::ErrorCode));
    let only_writes = counted.coverage.is_none() && input.error_code.is_none();
    let is_counted = |event: &Event| {
        is_own(event)
            && !(only_writes && event.read_only == Some(true))
            && counted.coverage.as_ref().is_none_or(|coverage| coverage.covers(event))
    };
    let scan = EventScan {
        account: Some(caller.scope.account.clone()),
        region: Some(caller.scope.region.clone()),
        range,
        direction: Direction::Forward,
        after: None,
        filter: Some(EventFilter::All(filters)),
    };
    let mut counts = BTreeMap::new();
    trail
        .store
        .scan_events(scan, &mut |row| {
            if is_counted(&row.event) {
                *counts.entry(row.event.time.floor_to(period).0).or_insert(0) += 1;
            }
            ControlFlow::Continue(())
        })
        .await?;
    Ok(counts)
}

fn invalid(text: &'static str) -> ApiError {
    ApiError::new(&errors::INVALID_PARAMETER_EXCEPTION, text)
}
