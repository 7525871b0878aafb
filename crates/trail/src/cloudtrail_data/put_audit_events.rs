//! PutAuditEvents: brings events of an application in through a channel; each event succeeds or fails by itself.
//!
//! AWS rejects unknown top-level members of `eventData` and puts events into the channel's event data stores. Trailwatch
//! keeps the data verbatim, as ActivityAuditLog events of the channel's account, in its own store.

use super::audit_event::{self, Refused};
use crate::Trail;
use access::{Asking, Owned, admitted};
use catalog::{ChannelIngestion, ChannelRow};
use model::arn::{self, Arn};
use model::{Batch, Caller, Scope};
use std::collections::HashSet;
use wire::cloudtrail_data::{
    AuditEventResultEntry, PutAuditEventsRequest, PutAuditEventsResponse, ResultErrorEntry, errors,
};
use wire::error::common;
use wire::{ApiError, ErrorShape};

/// PutAuditEvents reference: most bytes of events in a call.
const CALL_BYTES_MAX: usize = 1_048_576;

pub(super) async fn put_audit_events(
    trail: &Trail,
    caller: &Caller,
    input: PutAuditEventsRequest,
) -> Result<PutAuditEventsResponse, ApiError> {
    let channel = channel(trail, caller, &input).await?;
    let mut ids = HashSet::new();
    if !input.audit_events.iter().all(|event| ids.insert(event.id.as_str())) {
        return refuse(
            &errors::DUPLICATED_AUDIT_EVENT_ID,
            "Two or more entries in the request have the same event ID.",
        );
    }
    if input.audit_events.iter().map(|event| event.event_data.len()).sum::<usize>() > CALL_BYTES_MAX {
        return refuse(&common::REQUEST_TOO_LARGE, "The audit events of a request must not exceed 1 MB.");
    }
    let now = trail.clock.now();
    let mut ingestion = channel.ingestion.clone().unwrap_or_default();
    let mut batch = Batch::default();
    let mut answer = PutAuditEventsResponse::default();
    for event in &input.audit_events {
        match audit_event::accept(event, &channel, now, &*trail.ids) {
            Ok(accepted) => {
                let entry = AuditEventResultEntry { event_id: accepted.event_id.clone(), id: event.id.clone() };
                answer.successful.push(entry);
                batch.events.push(accepted);
            }
            Err(Refused { code, message }) => {
                ingestion.error_code = Some(code.to_owned());
                let error_code = code.to_owned();
                answer.failed.push(ResultErrorEntry { error_code, error_message: message, id: event.id.clone() });
            }
        }
    }
    if !batch.is_empty() {
        trail.store.append(batch).await?;
    }
    let last = answer.successful.last().map(|entry| entry.event_id.clone());
    ingestion.attempted_at = now.millis();
    ingestion.attempted_event_id.clone_from(&last);
    if last.is_some() {
        ingestion.succeeded_at = Some(now.millis());
        ingestion.succeeded_event_id = last;
    }
    note_ingestion(trail, &channel, &ingestion).await;
    Ok(answer)
}

fn refuse<T>(shape: &'static ErrorShape, text: &'static str) -> Result<T, ApiError> {
    Err(ApiError::new(shape, text))
}

/// The events are stored by now: a status that cannot be noted must not tell the client to send them again.
async fn note_ingestion(trail: &Trail, channel: &ChannelRow, ingestion: &ChannelIngestion) {
    if let Err(error) = trail.catalog.set_channel_ingestion(&channel.scope, &channel.id, ingestion).await {
        tracing::warn!(%error, channel = channel.id, "note channel ingestion");
    }
}

/// The channel that the ARN names. Its policy lets callers of other accounts in, and may deny those of its own (CloudTrail user guide,
/// resource-based policy examples: "The channel owner can call the PutAuditEvents API on the channel unless the policy denies").
async fn channel(trail: &Trail, caller: &Caller, input: &PutAuditEventsRequest) -> Result<ChannelRow, ApiError> {
    let arn = Arn::parse(&input.channel_arn).filter(|arn| arn.service == "cloudtrail" && !arn.region.is_empty());
    let id = arn.and_then(|arn| Some((arn, arn.resource.strip_prefix("channel/")?)));
    let Some((arn, id)) = id else {
        return refuse(&errors::INVALID_CHANNEL_ARN, "The specified channel ARN is not a valid channel ARN.");
    };
    let scope = Scope { account: arn.account.to_owned(), region: arn.region.to_owned() };
    let Some(channel) = trail.catalog.channel(&scope, id).await? else {
        return refuse(&errors::CHANNEL_NOT_FOUND, "The channel could not be found.");
    };
    let arn = arn::channel(&channel.scope, &channel.id);
    let policy = trail.catalog.cloudtrail_policy(&arn).await?;
    let is_own = channel.scope.account == caller.scope.account;
    if policy.is_none() && is_own {
        return Ok(channel);
    }
    let asking = Asking { caller, now: trail.clock.now() };
    let owned = Owned { account: &channel.scope.account, arn: &arn, policy: policy.as_deref(), own_need_it: false };
    match admitted(asking, "cloudtrail-data:PutAuditEvents", owned, input) {
        Ok(()) => Ok(channel),
        Err(_) if is_own => {
            refuse(&errors::CHANNEL_INSUFFICIENT_PERMISSION, "The policy of the channel denies its owner's account.")
        }
        Err(_) => refuse(
            &errors::CHANNEL_INSUFFICIENT_PERMISSION,
            "The caller's account ID must be the same as the channel owner's account ID.",
        ),
    }
}
