//! EnableFederation, DisableFederation: there is no Glue and no Athena to federate an event data store with, and so no store is.
//!
//! EnableFederation says so, with what there is instead, rather than keep a role that nobody uses. DisableFederation answers what is
//! true of every store, so that tools which disable federation before they delete a store go on.

use super::event_data_stores::active;
use crate::Trail;
use model::{Caller, arn};
use wire::cloudtrail::{
    self as ct, DisableFederationRequest, DisableFederationResponse, EnableFederationRequest, EnableFederationResponse,
    errors,
};
use wire::{Access, ApiError, Audit, Operation, operation};

pub(super) fn operations() -> Vec<Operation<Trail>> {
    use Audit::Management;
    vec![
        operation!(Access::Write, Management, ct::EnableFederation, enable),
        operation!(Access::Write, Management, ct::DisableFederation, disable),
    ]
}

async fn enable(
    trail: &Trail,
    caller: &Caller,
    input: EnableFederationRequest,
) -> Result<EnableFederationResponse, ApiError> {
    active(trail, caller, &input.event_data_store).await?;
    let text = "Federation is not supported: there is no AWS Glue Data Catalog and no Amazon Athena here. Ask event data stores \
                with StartQuery, or all events with `trailwatch sql`.";
    Err(ApiError::new(&errors::UNSUPPORTED_OPERATION_EXCEPTION, text))
}

async fn disable(
    trail: &Trail,
    caller: &Caller,
    input: DisableFederationRequest,
) -> Result<DisableFederationResponse, ApiError> {
    let store = active(trail, caller, &input.event_data_store).await?;
    Ok(DisableFederationResponse {
        event_data_store_arn: Some(arn::event_data_store(&store.scope, &store.id)),
        federation_status: Some("DISABLED".into()),
    })
}
