//! The HTTP endpoints of CloudWatch Logs that take JSON: `/services/collector/event` (HLC), `/ingest/bulk` (ND-JSON), `/ingest/json`.
//!
//! Sources: user guide, "Log ingestion through HTTP endpoints" and the pages of the three. Known and done: what a body may be, which
//! times it says, what is skipped, that a body of nothing but invalid events is refused, 1 MB and 10,000 events a request, the
//! count of what was left out in `partialSuccess` (not for HLC, whose answer is empty).
//!
//! Not known of AWS, and chosen here: an event keeps the whole object that it came in, with its `time`, `host` and `source`; HLC and
//! structured bodies of nothing but invalid events are refused as those of lines are, and of HLC a body that is JSON only up to a
//! point; an event may be as large as PutLogEvents takes it (AWS: 256 KB). `entityName` and `entityEnvironment` are passed over.

mod events;

pub use events::Format;

use crate::Watch;
use crate::logs::{Missing, append_lines};
use crate::reading::reading;
use model::Scope;
use model::limits::{HTTP_LOGS_BODY_BYTES_MAX, HTTP_LOGS_EVENTS_MAX};
use wire::ApiError;
use wire::error::common;

/// Stores the events of a decompressed body in a stream that exists; answers the body of the answer.
///
/// # Errors
/// What the client did wrong, with a status below 500; what the store says.
pub async fn ingest(
    watch: &Watch,
    scope: &Scope,
    target: (&str, &str),
    format: Format,
    body: &[u8],
) -> Result<Vec<u8>, ApiError> {
    let reading = reading(body.len(), HTTP_LOGS_BODY_BYTES_MAX).await?;
    let invalid = |why: String| ApiError::new(&common::SERIALIZATION, why);
    let events = format.read(body, watch.clock.now()).map_err(|why| invalid(format!("Invalid JSON: {why}")))?;
    drop(reading);
    if events.lines.len() > HTTP_LOGS_EVENTS_MAX {
        let count = events.lines.len();
        let message =
            format!("The request has {count} events, more than {HTTP_LOGS_EVENTS_MAX}. Send smaller batches.");
        return Err(ApiError::new(&common::REQUEST_TOO_LARGE, message));
    }
    if events.lines.is_empty() && events.skipped > 0 {
        return Err(invalid("All events were invalid".into()));
    }
    let left_out = append_lines(watch, scope, target, Missing::Refuse, events.lines).await?;
    if left_out.total() == 0 || format == Format::Collector {
        return Ok(b"{}".to_vec());
    }
    let partial = serde_json::json!({ "rejectedLogRecords": left_out.total(), "errorMessage": left_out.told() });
    Ok(serde_json::json!({ "partialSuccess": partial }).to_string().into_bytes())
}
