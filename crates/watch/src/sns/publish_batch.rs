//! PublishBatch: up to ten messages to one topic; each is taken or refused on its own.
//!
//! AWS: <https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html>.

use super::publish::{Content, Target};
use super::refuse;
use crate::Watch;
use model::Caller;
use model::limits::{MESSAGE_BYTES_MAX, PUBLISH_BATCH_MAX};
use std::collections::HashSet;
use wire::ApiError;
use wire::sns::{
    BatchResultErrorEntry, PublishBatchInput, PublishBatchRequestEntry, PublishBatchResponse, PublishBatchResultEntry,
    errors,
};

/// Longest id of an entry.
const ID_CHARS_MAX: usize = 80;

pub async fn publish_batch(
    watch: &Watch,
    caller: &Caller,
    input: PublishBatchInput,
) -> Result<PublishBatchResponse, ApiError> {
    let target = Target::find(watch, caller, "PublishBatch", &input.topic_arn).await?;
    check(&input.publish_batch_request_entries)?;
    let (mut successful, mut failed, mut publications) = (Vec::new(), Vec::new(), Vec::new());
    for entry in input.publish_batch_request_entries {
        let content = Content {
            text: entry.message,
            subject: entry.subject,
            structure: entry.message_structure,
            attributes: entry.message_attributes,
        };
        match target.message(watch, content) {
            Ok(message) => {
                publications.push(target.publication(watch, &message).await?);
                let (id, message_id) = (Some(entry.id), Some(message.id));
                successful.push(PublishBatchResultEntry { id, message_id, sequence_number: None });
            }
            Err(error) => failed.push(BatchResultErrorEntry {
                id: entry.id,
                code: error.shape().query_code.to_owned(),
                message: Some(error.message().to_owned()),
                sender_fault: error.shape().sender,
            }),
        }
    }
    target.put(watch, &publications).await?;
    Ok(PublishBatchResponse { successful: Some(successful), failed: Some(failed) })
}

fn check(entries: &[PublishBatchRequestEntry]) -> Result<(), ApiError> {
    if entries.is_empty() {
        let message = "The batch request doesn't contain any entries.";
        return Err(ApiError::new(&errors::EMPTY_BATCH_REQUEST_EXCEPTION, message));
    }
    if entries.len() > PUBLISH_BATCH_MAX {
        let message =
            format!("The batch request contains more entries than permissible (more than {PUBLISH_BATCH_MAX}).");
        return Err(ApiError::new(&errors::TOO_MANY_ENTRIES_IN_BATCH_REQUEST_EXCEPTION, message));
    }
    let is_id = |id: &str| {
        (1..=ID_CHARS_MAX).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if let Some(entry) = entries.iter().find(|entry| !is_id(&entry.id)) {
        let message = format!(
            "The Id of a batch entry in a batch request doesn't abide by the specification: {}",
            refuse::shown(&entry.id)
        );
        return Err(ApiError::new(&errors::INVALID_BATCH_ENTRY_ID_EXCEPTION, message));
    }
    let mut ids = HashSet::new();
    if !entries.iter().all(|entry| ids.insert(entry.id.as_str())) {
        let message = "Two or more batch entries in the request have the same Id.";
        return Err(ApiError::new(&errors::BATCH_ENTRY_IDS_NOT_DISTINCT_EXCEPTION, message));
    }
    if entries.iter().map(|entry| entry.message.len()).sum::<usize>() > MESSAGE_BYTES_MAX {
        let message = "The length of all the messages put together is more than the limit.";
        return Err(ApiError::new(&errors::BATCH_REQUEST_TOO_LONG_EXCEPTION, message));
    }
    Ok(())
}
