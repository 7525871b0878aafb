//! CreateEventDataStore, GetEventDataStore, ListEventDataStores, UpdateEventDataStore, DeleteEventDataStore, RestoreEventDataStore,
//! StartEventDataStoreIngestion, StopEventDataStoreIngestion: which events CloudTrail Lake can be asked for.
//!
//! A store is a view: it has the events that its selectors take of those that were received while it took events in, as long ago as
//! its retention says. So it costs nothing to keep, and deleting one deletes no event; a shorter retention is shown at once and counts
//! after a day (`retention.rs`). AWS makes a store `ENABLED` a moment after it
//! was `CREATED`; here it is so at once. Nothing is encrypted with `KmsKeyId`, and `BillingMode` says only what retention is allowed.

mod settings;

use super::page_token::PageToken;
use super::put_event_selectors::{advanced_of, advanced_shapes};
use super::tags;
use super::trail_name::told;
use crate::Trail;
use crate::lake::selectors_of;
use crate::lake_access::check_caller;
use crate::retention::kept_longer;
use crate::selectors::Selectors;
use catalog::{EventDataStore, EventDataStorePut, EventDataStoreSettings};
use model::arn::{self, Arn};
use model::limits::EVENT_DATA_STORES_MAX;
use model::time::DAY;
use model::{Caller, Scope};
use wire::cloudtrail::{
    self as ct, CreateEventDataStoreRequest, CreateEventDataStoreResponse, DeleteEventDataStoreRequest,
    DeleteEventDataStoreResponse, GetEventDataStoreRequest, GetEventDataStoreResponse, ListEventDataStoresRequest,
    ListEventDataStoresResponse, RestoreEventDataStoreRequest, RestoreEventDataStoreResponse,
    StartEventDataStoreIngestionRequest, StartEventDataStoreIngestionResponse, StopEventDataStoreIngestionRequest,
    StopEventDataStoreIngestionResponse, UpdateEventDataStoreRequest, UpdateEventDataStoreResponse, errors,
};
use wire::{Access, ApiError, Audit, Operation, operation};

/// Stores in a page when the client does not say.
const PAGE: usize = 1000;
/// DeleteEventDataStore reference: how long a store can be restored, milliseconds.
const RESTORE_MS: i64 = 7 * DAY;

pub(super) const ENABLED: &str = "ENABLED";
pub(super) const STOPPED: &str = "STOPPED_INGESTION";
pub(super) const PENDING_DELETION: &str = "PENDING_DELETION";

pub(super) fn operations() -> Vec<Operation<Trail>> {
    use Audit::Management;
    vec![
        operation!(Access::Write, Management, ct::CreateEventDataStore, create),
        operation!(Access::Read, Management, ct::GetEventDataStore, get),
        operation!(Access::List, Management, ct::ListEventDataStores, list),
        operation!(Access::Write, Management, ct::UpdateEventDataStore, update),
        operation!(Access::Write, Management, ct::DeleteEventDataStore, delete),
        operation!(Access::Write, Management, ct::RestoreEventDataStore, restore),
        operation!(Access::Write, Management, ct::StartEventDataStoreIngestion, start_ingestion),
        operation!(Access::Write, Management, ct::StopEventDataStoreIngestion, stop_ingestion),
    ]
}

async fn create(
    trail: &Trail,
    caller: &Caller,
    input: CreateEventDataStoreRequest,
) -> Result<CreateEventDataStoreResponse, ApiError> {
    let new_tags = tags::checked(input.tags_list.unwrap_or_default())?;
    let billing_mode = input.billing_mode.unwrap_or_else(|| settings::EXTENDABLE.into());
    let new = EventDataStoreSettings {
        name: input.name,
        selectors: settings::selectors(input.advanced_event_selectors)?,
        multi_region: input.multi_region_enabled.unwrap_or(true),
        organization: input.organization_enabled.unwrap_or(false),
        retention_days: input.retention_period.unwrap_or_else(|| settings::retention_days(&billing_mode)),
        termination_protection: input.termination_protection_enabled.unwrap_or(true),
        kms_key_id: settings::key(input.kms_key_id, &caller.scope)?,
        billing_mode,
    };
    settings::check(trail, &new)?;
    let now = trail.clock.now();
    let takes_in = input.start_ingestion.unwrap_or(true);
    let row = EventDataStore {
        scope: caller.scope.clone(),
        id: trail.ids.uuid().to_string(),
        settings: new,
        ingestion: if takes_in { vec![(now.0, None)] } else { Vec::new() },
        status: if takes_in { ENABLED } else { STOPPED }.into(),
        created: now,
        updated: now,
        ..EventDataStore::default()
    };
    {
        let _turn = trail.retention_turn.lock().await;
        let put = trail.catalog.create_event_data_store(&row, EVENT_DATA_STORES_MAX).await?;
        stored(put, &row.settings.name)?;
    }
    trail.refresh_trails().await?;
    let arn = arn::event_data_store(&row.scope, &row.id);
    trail.catalog.put_tags(&arn, &new_tags).await?;
    let tags = new_tags.into_iter().map(|(key, value)| ct::Tag { key, value: Some(value) }).collect::<Vec<_>>();
    let shown = shown(row);
    Ok(CreateEventDataStoreResponse {
        event_data_store_arn: Some(arn),
        name: shown.name,
        status: Some("CREATED".into()),
        advanced_event_selectors: shown.advanced_event_selectors,
        multi_region_enabled: shown.multi_region_enabled,
        organization_enabled: shown.organization_enabled,
        retention_period: shown.retention_period,
        termination_protection_enabled: shown.termination_protection_enabled,
        tags_list: (!tags.is_empty()).then_some(tags),
        created_timestamp: shown.created_timestamp,
        updated_timestamp: shown.updated_timestamp,
        kms_key_id: shown.kms_key_id,
        billing_mode: shown.billing_mode,
    })
}

async fn get(
    trail: &Trail,
    caller: &Caller,
    input: GetEventDataStoreRequest,
) -> Result<GetEventDataStoreResponse, ApiError> {
    let action = "cloudtrail:GetEventDataStore";
    Ok(shown(find_for(trail, caller, action, &input.event_data_store).await?))
}

async fn list(
    trail: &Trail,
    caller: &Caller,
    input: ListEventDataStoresRequest,
) -> Result<ListEventDataStoresResponse, ApiError> {
    let token = PageToken::bound_to(&["ListEventDataStores", &caller.scope.account, &caller.scope.region]);
    let after = input.next_token.map(|text| token.open(&text)).transpose()?;
    let limit = input.max_results.and_then(|max| usize::try_from(max).ok()).unwrap_or(PAGE).clamp(1, PAGE);
    let mut rows = trail.catalog.event_data_stores(&caller.scope).await?;
    rows.retain(|row| after.as_ref().is_none_or(|after| row.id > *after));
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_token = rows.last().filter(|_| more).map(|row| token.seal(&row.id));
    // The other members are deprecated, and AWS leaves them out.
    let shape = |row: EventDataStore| ct::EventDataStore {
        event_data_store_arn: Some(arn::event_data_store(&row.scope, &row.id)),
        name: Some(row.settings.name),
        ..ct::EventDataStore::default()
    };
    Ok(ListEventDataStoresResponse { event_data_stores: Some(rows.into_iter().map(shape).collect()), next_token })
}

async fn update(
    trail: &Trail,
    caller: &Caller,
    input: UpdateEventDataStoreRequest,
) -> Result<UpdateEventDataStoreResponse, ApiError> {
    let mut row = active(trail, caller, &input.event_data_store).await?;
    let nothing = UpdateEventDataStoreRequest {
        event_data_store: input.event_data_store.clone(),
        ..UpdateEventDataStoreRequest::default()
    };
    if input == nothing {
        return Err(ApiError::new(
            &errors::INVALID_PARAMETER_EXCEPTION,
            "At least one optional parameter must be specified.",
        ));
    }
    check_no_import(trail, &row, "updated").await?;
    let before = row.clone();
    let new = &mut row.settings;
    if let Some(mode) = input.billing_mode {
        settings::check_mode_change(&new.billing_mode, &mode)?;
        new.billing_mode = mode;
    }
    new.name = input.name.unwrap_or(std::mem::take(&mut new.name));
    if input.advanced_event_selectors.is_some() {
        new.selectors = settings::selectors(input.advanced_event_selectors)?;
    }
    new.multi_region = input.multi_region_enabled.unwrap_or(new.multi_region);
    new.organization = input.organization_enabled.unwrap_or(new.organization);
    new.retention_days = input.retention_period.unwrap_or(new.retention_days);
    new.termination_protection = input.termination_protection_enabled.unwrap_or(new.termination_protection);
    if input.kms_key_id.is_some() {
        let key = settings::key(input.kms_key_id, &caller.scope)?;
        settings::check_key_change(new.kms_key_id.as_deref(), key.as_deref())?;
        new.kms_key_id = key;
    }
    settings::check(trail, new)?;
    row.longer = kept_longer(&before, &row.settings, trail.clock.now());
    let shown = shown(put(trail, row).await?);
    Ok(UpdateEventDataStoreResponse {
        event_data_store_arn: shown.event_data_store_arn,
        name: shown.name,
        status: shown.status,
        advanced_event_selectors: shown.advanced_event_selectors,
        multi_region_enabled: shown.multi_region_enabled,
        organization_enabled: shown.organization_enabled,
        retention_period: shown.retention_period,
        termination_protection_enabled: shown.termination_protection_enabled,
        created_timestamp: shown.created_timestamp,
        updated_timestamp: shown.updated_timestamp,
        kms_key_id: shown.kms_key_id,
        billing_mode: shown.billing_mode,
        federation_status: shown.federation_status,
        federation_role_arn: shown.federation_role_arn,
    })
}

async fn delete(
    trail: &Trail,
    caller: &Caller,
    input: DeleteEventDataStoreRequest,
) -> Result<DeleteEventDataStoreResponse, ApiError> {
    let mut row = active(trail, caller, &input.event_data_store).await?;
    if row.settings.termination_protection {
        let text = "The event data store cannot be deleted because termination protection is enabled for it.";
        return Err(ApiError::new(&errors::EVENT_DATA_STORE_TERMINATION_PROTECTED_EXCEPTION, text));
    }
    let arn = arn::event_data_store(&row.scope, &row.id);
    let channels = trail.catalog.channels(&row.scope).await?;
    if channels.iter().flat_map(|channel| &channel.destinations).any(|to| to.location == arn) {
        let text = "The event data store cannot be deleted because it is the destination of a channel.";
        return Err(ApiError::new(&errors::CHANNEL_EXISTS_FOR_EDS_EXCEPTION, text));
    }
    check_no_import(trail, &row, "deleted").await?;
    let now = trail.clock.now();
    close(&mut row, now.0);
    row.status = PENDING_DELETION.into();
    row.delete_at = Some(now + RESTORE_MS);
    put(trail, row).await?;
    Ok(DeleteEventDataStoreResponse {})
}

async fn restore(
    trail: &Trail,
    caller: &Caller,
    input: RestoreEventDataStoreRequest,
) -> Result<RestoreEventDataStoreResponse, ApiError> {
    let mut row = find(trail, caller, &input.event_data_store).await?;
    let Some(delete_at) = row.delete_at.take() else { return Err(wrong_status(&row)) };
    // One that took events in until it was deleted does so again.
    let took_in = row.ingestion.last().is_some_and(|(_, end)| *end == Some((delete_at - RESTORE_MS).0));
    row.status = if took_in { ENABLED } else { STOPPED }.into();
    if took_in {
        row.ingestion.push((trail.clock.now().0, None));
    }
    let shown = shown(put(trail, row).await?);
    Ok(RestoreEventDataStoreResponse {
        event_data_store_arn: shown.event_data_store_arn,
        name: shown.name,
        status: shown.status,
        advanced_event_selectors: shown.advanced_event_selectors,
        multi_region_enabled: shown.multi_region_enabled,
        organization_enabled: shown.organization_enabled,
        retention_period: shown.retention_period,
        termination_protection_enabled: shown.termination_protection_enabled,
        created_timestamp: shown.created_timestamp,
        updated_timestamp: shown.updated_timestamp,
        kms_key_id: shown.kms_key_id,
        billing_mode: shown.billing_mode,
    })
}

async fn start_ingestion(
    trail: &Trail,
    caller: &Caller,
    input: StartEventDataStoreIngestionRequest,
) -> Result<StartEventDataStoreIngestionResponse, ApiError> {
    let mut row = find(trail, caller, &input.event_data_store).await?;
    settings::check_category(&row)?;
    if row.status != STOPPED {
        return Err(wrong_status(&row));
    }
    row.status = ENABLED.into();
    row.ingestion.push((trail.clock.now().0, None));
    put(trail, row).await?;
    Ok(StartEventDataStoreIngestionResponse {})
}

async fn stop_ingestion(
    trail: &Trail,
    caller: &Caller,
    input: StopEventDataStoreIngestionRequest,
) -> Result<StopEventDataStoreIngestionResponse, ApiError> {
    let mut row = find(trail, caller, &input.event_data_store).await?;
    settings::check_category(&row)?;
    if row.status != ENABLED {
        return Err(wrong_status(&row));
    }
    row.status = STOPPED.into();
    close(&mut row, trail.clock.now().0);
    put(trail, row).await?;
    Ok(StopEventDataStoreIngestionResponse {})
}

/// Refuses a store that takes in an import; `what` is not done to it.
async fn check_no_import(trail: &Trail, row: &EventDataStore, what: &str) -> Result<(), ApiError> {
    let imports = trail.catalog.trail_imports(&row.scope).await?;
    if imports.iter().any(|import| import.store_id == row.id && import.status == "IN_PROGRESS") {
        let text = format!("The event data store cannot be {what} while an import into it is in progress.");
        return Err(ApiError::new(&errors::EVENT_DATA_STORE_HAS_ONGOING_IMPORT_EXCEPTION, text));
    }
    Ok(())
}

/// Ends the time in which events are taken in.
fn close(row: &mut EventDataStore, at: i64) {
    if let Some((_, end @ None)) = row.ingestion.last_mut() {
        *end = Some(at);
    }
}

/// Stores a changed row.
async fn put(trail: &Trail, mut row: EventDataStore) -> Result<EventDataStore, ApiError> {
    row.updated = trail.clock.now();
    {
        let _turn = trail.retention_turn.lock().await;
        stored(trail.catalog.update_event_data_store(&row).await?, &row.settings.name)?;
    }
    trail.refresh_trails().await?;
    Ok(row)
}

fn stored(put: EventDataStorePut, name: &str) -> Result<(), ApiError> {
    match put {
        EventDataStorePut::Stored => Ok(()),
        EventDataStorePut::Exists => {
            let text = format!("An event data store with the name {} already exists.", told(name));
            Err(ApiError::new(&errors::EVENT_DATA_STORE_ALREADY_EXISTS_EXCEPTION, text))
        }
        EventDataStorePut::TooMany => {
            let text = format!("The account already has {EVENT_DATA_STORES_MAX} event data stores in this region.");
            Err(ApiError::new(&errors::EVENT_DATA_STORE_MAX_LIMIT_EXCEEDED_EXCEPTION, text))
        }
        EventDataStorePut::Changed => {
            let text = "The event data store was changed by another request at the same time.";
            Err(ApiError::new(&errors::CONFLICT_EXCEPTION, text))
        }
    }
}

/// The store of the caller's account that an ARN, or the id at its end, names.
pub(super) async fn find(trail: &Trail, caller: &Caller, text: &str) -> Result<EventDataStore, ApiError> {
    let (scope, id) = named(caller, text)?;
    if scope != caller.scope {
        return Err(not_found(text));
    }
    trail.catalog.event_data_store(&scope, &id).await?.ok_or_else(|| not_found(text))
}

/// The store, which may be of another account, that an ARN, or the id at its end, names; its policy has a say in `action`.
pub(super) async fn find_for(
    trail: &Trail,
    caller: &Caller,
    action: &str,
    text: &str,
) -> Result<EventDataStore, ApiError> {
    let (scope, id) = named(caller, text)?;
    if scope.region != caller.scope.region {
        return Err(not_found(text));
    }
    check_caller(trail, caller, action, &scope, &id).await?;
    trail.catalog.event_data_store(&scope, &id).await?.ok_or_else(|| not_found(text))
}

/// Where the store is that an ARN names, or an id of the caller's own, and its id.
fn named(caller: &Caller, text: &str) -> Result<(Scope, String), ApiError> {
    let (scope, id) = if text.starts_with("arn:") {
        let arn = Arn::parse(text).filter(|arn| arn.service == "cloudtrail");
        let id = arn.and_then(|arn| Some((arn, arn.resource.strip_prefix("eventdatastore/")?)));
        let (arn, id) = id.ok_or_else(|| invalid_arn(text))?;
        (Scope { account: arn.account.to_owned(), region: arn.region.to_owned() }, id)
    } else {
        (caller.scope.clone(), text)
    };
    match uuid::Uuid::try_parse(id) {
        Ok(_) => Ok((scope, id.to_ascii_lowercase())),
        Err(_) => Err(invalid_arn(text)),
    }
}

/// Such a store of the caller's account that is not to be deleted.
pub(super) async fn active(trail: &Trail, caller: &Caller, text: &str) -> Result<EventDataStore, ApiError> {
    not_pending(find(trail, caller, text).await?, text)
}

/// Such a store, which may be of another account, that is not to be deleted.
pub(super) async fn active_for(
    trail: &Trail,
    caller: &Caller,
    action: &str,
    text: &str,
) -> Result<EventDataStore, ApiError> {
    not_pending(find_for(trail, caller, action, text).await?, text)
}

/// Refuses a store that is to be deleted.
pub(super) fn not_pending(row: EventDataStore, text: &str) -> Result<EventDataStore, ApiError> {
    if row.status != PENDING_DELETION {
        return Ok(row);
    }
    let text = format!("The event data store is pending deletion: {}", told(text));
    Err(ApiError::new(&errors::INACTIVE_EVENT_DATA_STORE_EXCEPTION, text))
}

fn invalid_arn(text: &str) -> ApiError {
    let text = format!("The event data store ARN is not valid: {}", told(text));
    ApiError::new(&errors::EVENT_DATA_STORE_ARN_INVALID_EXCEPTION, text)
}

/// The error of a store that is not there.
pub(super) fn not_found(text: &str) -> ApiError {
    let text = format!("The event data store does not exist: {}", told(text));
    ApiError::new(&errors::EVENT_DATA_STORE_NOT_FOUND_EXCEPTION, text)
}

fn wrong_status(row: &EventDataStore) -> ApiError {
    let text = format!("The operation is not possible while the event data store has the status {}.", row.status);
    ApiError::new(&errors::INVALID_EVENT_DATA_STORE_STATUS_EXCEPTION, text)
}

/// A store as GetEventDataStore shows it.
fn shown(row: EventDataStore) -> GetEventDataStoreResponse {
    let selectors = match selectors_of(&row) {
        Selectors::Advanced(selectors) => advanced_shapes(&selectors),
        Selectors::Basic(_) => Vec::new(),
    };
    GetEventDataStoreResponse {
        event_data_store_arn: Some(arn::event_data_store(&row.scope, &row.id)),
        name: Some(row.settings.name),
        status: Some(row.status),
        advanced_event_selectors: Some(selectors),
        multi_region_enabled: Some(row.settings.multi_region),
        organization_enabled: Some(row.settings.organization),
        retention_period: Some(row.settings.retention_days),
        termination_protection_enabled: Some(row.settings.termination_protection),
        created_timestamp: Some(row.created),
        updated_timestamp: Some(row.updated),
        kms_key_id: row.settings.kms_key_id,
        billing_mode: Some(row.settings.billing_mode),
        // There is no Glue and no Athena to federate with.
        federation_status: Some("DISABLED".into()),
        federation_role_arn: None,
        partition_keys: None,
    }
}
