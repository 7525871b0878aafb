//! CreateChannel, GetChannel, ListChannels, UpdateChannel, DeleteChannel: where PutAuditEvents brings events in.
//!
//! The event data stores of a channel are of the caller's account and region, and take activity events. Trailwatch keeps these in its
//! own store, where each event data store of activity events sees them.

use super::event_data_stores::active;
use super::page_token::PageToken;
use super::tags;
use super::trail_name::told;
use crate::Trail;
use crate::lake::{ACTIVITY_AUDIT_LOG, categories, selectors_of};
use catalog::{ChannelDestination, ChannelIngestion, ChannelRow, ChannelStored, EventDataStore};
use model::arn::{self, Arn};
use model::{Caller, Timestamp};
use wire::cloudtrail::{
    self as ct, CreateChannelRequest, CreateChannelResponse, DeleteChannelRequest, DeleteChannelResponse,
    GetChannelRequest, GetChannelResponse, ListChannelsRequest, ListChannelsResponse, UpdateChannelRequest,
    UpdateChannelResponse, errors,
};
use wire::{Access, ApiError, Audit, Operation, operation};

/// Channels in a page when the client does not say.
const PAGE: usize = 1000;

pub(super) fn operations() -> Vec<Operation<Trail>> {
    use Audit::Management;
    vec![
        operation!(Access::Write, Management, ct::CreateChannel, create_channel),
        operation!(Access::Read, Management, ct::GetChannel, get_channel),
        operation!(Access::List, Management, ct::ListChannels, list_channels),
        operation!(Access::Write, Management, ct::UpdateChannel, update_channel),
        operation!(Access::Write, Management, ct::DeleteChannel, delete_channel),
    ]
}

async fn create_channel(
    trail: &Trail,
    caller: &Caller,
    input: CreateChannelRequest,
) -> Result<CreateChannelResponse, ApiError> {
    check_source(&input.source)?;
    let destinations = destinations_of(trail, caller, input.destinations).await?;
    let new_tags = tags::checked(input.tags.unwrap_or_default())?;
    let row = ChannelRow {
        scope: caller.scope.clone(),
        id: trail.ids.uuid().to_string(),
        name: input.name,
        source: input.source,
        destinations,
        ingestion: None,
        created_at: trail.clock.now(),
    };
    let channels_max = i64::try_from(trail.settings.channels_per_region_max).unwrap_or(i64::MAX);
    match trail.catalog.create_channel(&row, channels_max).await? {
        ChannelStored::Stored => {}
        ChannelStored::TooMany => {
            let text = format!("The account already has {channels_max} channels in this region.");
            return Err(ApiError::new(&errors::CHANNEL_MAX_LIMIT_EXCEEDED_EXCEPTION, text));
        }
        ChannelStored::Exists | ChannelStored::Absent => return Err(already_exists()),
    }
    let channel_arn = arn::channel(&row.scope, &row.id);
    trail.catalog.put_tags(&channel_arn, &new_tags).await?;
    let tags = new_tags.into_iter().map(|(key, value)| ct::Tag { key, value: Some(value) }).collect::<Vec<_>>();
    Ok(CreateChannelResponse {
        channel_arn: Some(channel_arn),
        destinations: Some(destination_shapes(&row.destinations)),
        name: Some(row.name),
        source: Some(row.source),
        tags: (!tags.is_empty()).then_some(tags),
    })
}

async fn get_channel(trail: &Trail, caller: &Caller, input: GetChannelRequest) -> Result<GetChannelResponse, ApiError> {
    let row = find(trail, caller, &input.channel).await?;
    Ok(GetChannelResponse {
        channel_arn: Some(arn::channel(&row.scope, &row.id)),
        destinations: Some(destination_shapes(&row.destinations)),
        ingestion_status: row.ingestion.map(ingestion_shape),
        name: Some(row.name),
        source: Some(row.source),
        // Only channels that an AWS service makes for itself have selectors.
        source_config: None,
    })
}

async fn list_channels(
    trail: &Trail,
    caller: &Caller,
    input: ListChannelsRequest,
) -> Result<ListChannelsResponse, ApiError> {
    let token = PageToken::bound_to(&["ListChannels", &caller.scope.account, &caller.scope.region]);
    let after = input.next_token.map(|text| token.open(&text)).transpose()?;
    let limit = input.max_results.and_then(|max| usize::try_from(max).ok()).unwrap_or(PAGE).clamp(1, PAGE);
    let mut rows = trail.catalog.channels(&caller.scope).await?;
    rows.retain(|row| after.as_ref().is_none_or(|after| row.id > *after));
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_token = rows.last().filter(|_| more).map(|row| token.seal(&row.id));
    let shape =
        |row: ChannelRow| ct::Channel { channel_arn: Some(arn::channel(&row.scope, &row.id)), name: Some(row.name) };
    Ok(ListChannelsResponse { channels: Some(rows.into_iter().map(shape).collect()), next_token })
}

async fn update_channel(
    trail: &Trail,
    caller: &Caller,
    input: UpdateChannelRequest,
) -> Result<UpdateChannelResponse, ApiError> {
    let mut row = find(trail, caller, &input.channel).await?;
    if let Some(name) = input.name {
        row.name = name;
    }
    if let Some(destinations) = input.destinations {
        row.destinations = destinations_of(trail, caller, destinations).await?;
    }
    match trail.catalog.update_channel(&row).await? {
        ChannelStored::Stored => Ok(UpdateChannelResponse {
            channel_arn: Some(arn::channel(&row.scope, &row.id)),
            destinations: Some(destination_shapes(&row.destinations)),
            name: Some(row.name),
            source: Some(row.source),
        }),
        ChannelStored::Absent => Err(not_found(&input.channel)),
        ChannelStored::Exists | ChannelStored::TooMany => Err(already_exists()),
    }
}

async fn delete_channel(
    trail: &Trail,
    caller: &Caller,
    input: DeleteChannelRequest,
) -> Result<DeleteChannelResponse, ApiError> {
    let row = find(trail, caller, &input.channel).await?;
    trail.catalog.delete_channel(&row.scope, &row.id).await?;
    let channel_arn = arn::channel(&row.scope, &row.id);
    trail.catalog.remove_all_tags(&channel_arn).await?;
    trail.catalog.delete_cloudtrail_policy(&channel_arn).await?;
    Ok(DeleteChannelResponse {})
}

/// The channel that an ARN, or the id at its end, names.
async fn find(trail: &Trail, caller: &Caller, text: &str) -> Result<ChannelRow, ApiError> {
    let id = if text.starts_with("arn:") {
        let arn = Arn::parse(text).filter(|arn| arn.service == "cloudtrail");
        let id = arn.and_then(|arn| Some((arn, arn.resource.strip_prefix("channel/")?)));
        let (arn, id) = id.ok_or_else(|| {
            let text = format!("The channel ARN is not valid: {}", told(text));
            ApiError::new(&errors::CHANNEL_ARN_INVALID_EXCEPTION, text)
        })?;
        if (arn.account, arn.region) != (caller.scope.account.as_str(), caller.scope.region.as_str()) {
            return Err(not_found(text));
        }
        id
    } else {
        text
    };
    trail.catalog.channel(&caller.scope, id).await?.ok_or_else(|| not_found(text))
}

fn not_found(channel: &str) -> ApiError {
    let text = format!("The channel does not exist: {}", told(channel));
    ApiError::new(&errors::CHANNEL_NOT_FOUND_EXCEPTION, text)
}

fn already_exists() -> ApiError {
    let text = "A channel of that name or source already exists.";
    ApiError::new(&errors::CHANNEL_ALREADY_EXISTS_EXCEPTION, text)
}

/// `Custom` or a partner's name; events of AWS services do not come in through a client's channel.
fn check_source(source: &str) -> Result<(), ApiError> {
    let word = source.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    let lower = source.to_ascii_lowercase();
    if word && !lower.ends_with(".amazonaws.com") && !lower.starts_with("aws.") {
        return Ok(());
    }
    let text = "The source must be Custom or the name of a partner event source.";
    Err(ApiError::new(&errors::INVALID_SOURCE_EXCEPTION, text))
}

async fn destinations_of(
    trail: &Trail,
    caller: &Caller,
    shapes: Vec<ct::Destination>,
) -> Result<Vec<ChannelDestination>, ApiError> {
    let mut destinations: Vec<ChannelDestination> = Vec::with_capacity(shapes.len());
    for shape in shapes {
        if shape.r#type != "EVENT_DATA_STORE" {
            let text =
                "Only EVENT_DATA_STORE destinations can be set; AWS_SERVICE is for channels that AWS services create.";
            return Err(ApiError::new(&errors::INVALID_PARAMETER_EXCEPTION, text));
        }
        let store = Arn::parse(&shape.location).filter(|arn| arn.service == "cloudtrail");
        let id = store.and_then(|arn| arn.resource.strip_prefix("eventdatastore/"));
        // Of the spellings of a UUID one is known, in either case.
        if id.filter(|id| id.len() == 36).and_then(|id| uuid::Uuid::try_parse(id).ok()).is_none() {
            let text = format!("The event data store ARN is not valid: {}", told(&shape.location));
            return Err(ApiError::new(&errors::EVENT_DATA_STORE_ARN_INVALID_EXCEPTION, text));
        }
        let store = active(trail, caller, &shape.location).await?;
        check_category(&store)?;
        let location = arn::event_data_store(&store.scope, &store.id);
        let destination = ChannelDestination { kind: shape.r#type, location };
        if destinations.contains(&destination) {
            let text = "A destination is given more than once.";
            return Err(ApiError::new(&errors::INVALID_PARAMETER_EXCEPTION, text));
        }
        destinations.push(destination);
    }
    Ok(destinations)
}

/// Events of applications go to stores of theirs alone.
fn check_category(store: &EventDataStore) -> Result<(), ApiError> {
    if categories(&selectors_of(store)) == [ACTIVITY_AUDIT_LOG] {
        return Ok(());
    }
    let text = "Only event data stores of the event category ActivityAuditLog take the events of a channel.";
    Err(ApiError::new(&errors::INVALID_EVENT_DATA_STORE_CATEGORY_EXCEPTION, text))
}

fn destination_shapes(destinations: &[ChannelDestination]) -> Vec<ct::Destination> {
    let shape = |d: &ChannelDestination| ct::Destination { r#type: d.kind.clone(), location: d.location.clone() };
    destinations.iter().map(shape).collect()
}

fn ingestion_shape(ingestion: ChannelIngestion) -> ct::IngestionStatus {
    ct::IngestionStatus {
        latest_ingestion_success_time: ingestion.succeeded_at.map(Timestamp),
        latest_ingestion_success_event_id: ingestion.succeeded_event_id,
        latest_ingestion_error_code: ingestion.error_code,
        latest_ingestion_attempt_time: Some(Timestamp(ingestion.attempted_at)),
        latest_ingestion_attempt_event_id: ingestion.attempted_event_id,
    }
}
