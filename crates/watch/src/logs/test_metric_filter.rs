//! TestMetricFilter: which of some messages match a filter pattern, and what the pattern extracts from them.
//!
//! What differs: the messages together are at most as large as a batch of PutLogEvents; AWS names no limit.

use super::errors::invalid;
use crate::Watch;
use model::Caller;
use model::limits::LOG_BATCH_BYTES_MAX;
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
    if input.log_event_messages.iter().map(String::len).sum::<usize>() > LOG_BATCH_BYTES_MAX {
        return Err(invalid(format!("The log event messages exceed {LOG_BATCH_BYTES_MAX} bytes")));
    }
    // On a thread of its own: a regular expression may take long, and other requests must not wait for it.
    let matching = tokio::task::spawn_blocking(move || matches(&pattern, input.log_event_messages));
    let matches = matching.await.map_err(|error| store::Error::Bug(format!("match messages: {error}")))?;
    Ok(TestMetricFilterResponse { matches: Some(matches) })
}

fn matches(pattern: &FilterPattern, messages: Vec<String>) -> Vec<MetricFilterMatchRecord> {
    let numbered = (1..).zip(messages);
    let matches = numbered.filter_map(|(number, message)| {
        let extracted = pattern.extract(&message)?;
        Some(MetricFilterMatchRecord {
            event_number: Some(number),
            extracted_values: Some(extracted.into_iter().collect()),
            event_message: Some(message),
        })
    });
    matches.collect()
}
