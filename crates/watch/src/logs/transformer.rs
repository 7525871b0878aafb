//! PutTransformer, GetTransformer, DeleteTransformer, TestTransformer: how the events of a group are transformed.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutTransformer.html> and its neighbours.
//! Events are kept as they came. A group without a transformer answers GetTransformer with nothing. TestTransformer tells an
//! event that cannot be transformed without a transformed one; its messages together are at most as large as a batch of
//! PutLogEvents, for which AWS names no limit.

use super::errors::invalid;
use super::identifiers::identified_group;
use crate::Watch;
use model::limits::LOG_BATCH_BYTES_MAX;
use model::{Caller, Timestamp};
use query::transformer::{ConfigError, Origin, Transformer};
use serde_json::value::RawValue;
use wire::ApiError;
use wire::json::{JsonReader, JsonWriter};
use wire::logs::errors::{INVALID_OPERATION_EXCEPTION, RESOURCE_NOT_FOUND_EXCEPTION};
use wire::logs::{
    DeleteTransformerRequest, GetTransformerRequest, GetTransformerResponse, Processor, PutTransformerRequest,
    TestTransformerRequest, TestTransformerResponse, TransformedLogRecord,
};
use wire::shape::{Empty, Path, Shape, Violations};

pub(super) async fn put_transformer(
    watch: &Watch,
    caller: &Caller,
    input: PutTransformerRequest,
) -> Result<Empty, ApiError> {
    let group = identified_group(watch, caller, &input.log_group_identifier).await?;
    if group.class != "STANDARD" {
        let message = "Transformers are supported only for log groups in the Standard log class.";
        return Err(ApiError::new(&INVALID_OPERATION_EXCEPTION, message));
    }
    let document = document(input.transformer_config)?;
    compiled(document.clone()).await?;
    let put = watch.catalog.put_log_transformer(group.id, &document, watch.clock.now());
    watch.rules.change(group.id, put).await?;
    Ok(Empty {})
}

pub(super) async fn get_transformer(
    watch: &Watch,
    caller: &Caller,
    input: GetTransformerRequest,
) -> Result<GetTransformerResponse, ApiError> {
    let group = identified_group(watch, caller, &input.log_group_identifier).await?;
    let Some(stored) = watch.catalog.log_transformer(group.id).await? else {
        return Ok(GetTransformerResponse::default());
    };
    Ok(GetTransformerResponse {
        log_group_identifier: Some(input.log_group_identifier),
        creation_time: Some(stored.created.0),
        last_modified_time: Some(stored.modified.0),
        transformer_config: Some(processors(&stored.document)?),
    })
}

pub(super) async fn delete_transformer(
    watch: &Watch,
    caller: &Caller,
    input: DeleteTransformerRequest,
) -> Result<Empty, ApiError> {
    let group = identified_group(watch, caller, &input.log_group_identifier).await?;
    let deleted = watch.rules.change(group.id, watch.catalog.delete_log_transformer(group.id)).await?;
    if deleted {
        return Ok(Empty {});
    }
    Err(ApiError::new(&RESOURCE_NOT_FOUND_EXCEPTION, "The specified log group has no transformer."))
}

pub(super) async fn test_transformer(
    watch: &Watch,
    caller: &Caller,
    input: TestTransformerRequest,
) -> Result<TestTransformerResponse, ApiError> {
    if input.log_event_messages.iter().map(String::len).sum::<usize>() > LOG_BATCH_BYTES_MAX {
        return Err(invalid(format!("The log event messages exceed {LOG_BATCH_BYTES_MAX} bytes")));
    }
    let transformer = compiled(document(input.transformer_config)?).await?;
    let (scope, now) = (caller.scope.clone(), watch.clock.now());
    // On a thread of its own: other requests must not wait for a regular expression.
    let transforming = tokio::task::spawn_blocking(move || {
        let origin = Origin { account: &scope.account, region: &scope.region, timestamp: now, ..Origin::default() };
        transformed(&transformer, input.log_event_messages, &origin)
    });
    let transformed_logs = transforming.await.map_err(|error| store::Error::Bug(format!("transform: {error}")))?;
    Ok(TestTransformerResponse { transformed_logs: Some(transformed_logs) })
}

fn transformed(transformer: &Transformer, messages: Vec<String>, origin: &Origin<'_>) -> Vec<TransformedLogRecord> {
    let record = |(number, message): (i64, String)| TransformedLogRecord {
        event_number: Some(number),
        transformed_event_message: transformer.transform(&message, origin).ok().map(text),
        event_message: Some(message),
    };
    (1..).zip(messages).map(record).collect()
}

/// An object as the text of an event.
pub(super) fn text(fields: query::transformer::Fields) -> String {
    serde_json::Value::Object(fields).to_string()
}

/// A checked transformer.
pub(super) async fn compiled(document: String) -> Result<Transformer, ApiError> {
    // A client's expression may take long to compile.
    let compiling = tokio::task::spawn_blocking(move || Transformer::parse(&document));
    let compiled = compiling.await.map_err(|error| store::Error::Bug(format!("read a transformer: {error}")))?;
    compiled.map_err(|ConfigError(message)| invalid(message))
}

/// What stands in `transformerConfig`, as JSON.
#[derive(serde::Deserialize)]
struct Configured {
    #[serde(rename = "transformerConfig")]
    transformer_config: Box<RawValue>,
}

/// The list of processors as JSON.
fn document(processors: Vec<Processor>) -> Result<String, ApiError> {
    let mut writer = JsonWriter::new();
    GetTransformerResponse { transformer_config: Some(processors), ..Default::default() }.write(&mut writer);
    let configured: Configured = serde_json::from_slice(&writer.finish()).map_err(catalog::Error::Document)?;
    Ok(configured.transformer_config.get().to_owned())
}

/// The processors of a document.
fn processors(document: &str) -> Result<Vec<Processor>, ApiError> {
    let body = format!("{{\"transformerConfig\":{document}}}");
    let mut reader = JsonReader::new(body.as_bytes());
    let read = GetTransformerResponse::read(&mut reader, &Path::ROOT, &mut Violations::default());
    let read = read.map_err(|error| store::Error::Bug(format!("read a stored transformer: {error}")))?;
    Ok(read.transformer_config.unwrap_or_default())
}

/// The events of a batch, by their own times, as `transformer` makes them: how many, their bytes, and how many it could not make.
pub(super) fn counted<'e>(
    transformer: &Transformer,
    events: impl Iterator<Item = (Timestamp, &'e str)>,
    origin: &Origin<'_>,
) -> (usize, usize, usize) {
    let mut counts = (0, 0, 0);
    for (timestamp, message) in events {
        match transformer.transform(message, &Origin { timestamp, ..*origin }) {
            Ok(fields) => {
                counts.0 += 1;
                counts.1 += text(fields).len();
            }
            Err(_) => counts.2 += 1,
        }
    }
    counts
}
