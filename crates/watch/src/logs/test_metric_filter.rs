//! TestMetricFilter: which of some messages match a filter pattern, and what the pattern extracts from them.

use super::errors::invalid;
use crate::Watch;
use model::Caller;
use query::filter_pattern::FilterPattern;
use wire::ApiError;
use wire::logs::{MetricFilterMatchRecord, TestMetricFilterRequest, TestMetricFilterResponse};

pub(super) async fn test_metric_filter(
    _watch: &Watch,
    _caller: &Caller,
    input: TestMetricFilterRequest,
) -> Result<TestMetricFilterResponse, ApiError> {
    let pattern = FilterPattern::parse(&input.filter_pattern)
        .map_err(|error| invalid(format!("Invalid filter pattern: {}", error.message)))?;
    let numbered = (1..).zip(input.log_event_messages);
    let matches = numbered.filter_map(|(number, message)| {
        let extracted = pattern.extract(&message)?;
        Some(MetricFilterMatchRecord {
            event_number: Some(number),
            extracted_values: Some(extracted.into_iter().collect()),
            event_message: Some(message),
        })
    });
    Ok(TestMetricFilterResponse { matches: Some(matches.collect()) })
}
