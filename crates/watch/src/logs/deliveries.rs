//! CreateDelivery, GetDelivery, DescribeDeliveries, UpdateDeliveryConfiguration, DeleteDelivery, DescribeConfigurationTemplates: which
//! vended logs are to be delivered where.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateDelivery.html> and its neighbours. A source
//! and a destination have one delivery. To a destination of another account may deliver whom its policy allows.
//!
//! What differs: deliveries are kept and nothing is delivered, for no AWS service here vends logs. For the same reason there are no
//! configuration templates: the list is empty, fields and delimiters are not checked, and none are filled in.
//! UpdateDeliveryConfiguration leaves what it is not given. Most texts are ours, and so is the bound: 1,000 deliveries in an account
//! and region.

use super::delivery_sources;
use super::page_token::Fingerprint;
use super::tags::check_keys;
use crate::Watch;
use access::{Asking, Shared};
use catalog::{VendedDelivery, VendedDeliveryConfiguration, VendedDeliveryCreated, VendedDeliveryObjects};
use model::arn::delivery;
use model::limits::DELIVERIES_OF_LOGS_MAX;
use model::{Caller, Scope};
use std::borrow::Cow;
use wire::logs::errors::{
    CONFLICT_EXCEPTION, RESOURCE_NOT_FOUND_EXCEPTION, SERVICE_QUOTA_EXCEEDED_EXCEPTION, VALIDATION_EXCEPTION,
};
use wire::logs::{
    CreateDeliveryRequest, CreateDeliveryResponse, DeleteDeliveryRequest, Delivery,
    DescribeConfigurationTemplatesRequest, DescribeConfigurationTemplatesResponse, DescribeDeliveriesRequest,
    DescribeDeliveriesResponse, GetDeliveryRequest, GetDeliveryResponse, S3DeliveryConfiguration,
    UpdateDeliveryConfigurationRequest, UpdateDeliveryConfigurationResponse,
};
use wire::shape::Empty;
use wire::{ApiError, Service};

/// Page size, and its maximum by the model.
const PAGE: usize = 50;

pub(super) async fn create_delivery(
    watch: &Watch,
    caller: &Caller,
    input: CreateDeliveryRequest,
) -> Result<CreateDeliveryResponse, ApiError> {
    let (scope, source, arn) = (&caller.scope, &input.delivery_source_name, &input.delivery_destination_arn);
    if watch.catalog.delivery_source(scope, source).await?.is_none() {
        return Err(delivery_sources::absent(source));
    }
    let destination = watch.catalog.delivery_destination(arn).await?;
    let destination = destination.filter(|destination| destination.scope.region == scope.region);
    let destination = destination.ok_or_else(|| no_destination(arn))?;
    if destination.scope.account != scope.account {
        let policy = watch.catalog.delivery_destination_policy(arn).await?.flatten();
        let policies: Vec<_> = policy.iter().map(|text| access::kept_resource_policy(arn, text)).collect();
        let asking = Asking { caller, now: watch.clock.now() };
        let destination = Shared { arn, account: &destination.scope.account, policies: &policies };
        watch.access.authorize_shared(asking, Service::Logs, "logs:CreateDelivery", &destination)?;
    }
    check_objects(&destination.kind, input.s3_delivery_configuration.as_ref())?;
    let tags = input.tags.unwrap_or_default();
    check_keys(tags.keys())?;
    let new = VendedDelivery {
        id: watch.ids.uuid().simple().to_string(),
        source_name: input.delivery_source_name,
        destination_arn: input.delivery_destination_arn,
        destination_kind: destination.kind,
        configuration: VendedDeliveryConfiguration {
            record_fields: input.record_fields,
            field_delimiter: input.field_delimiter,
            s3: input.s3_delivery_configuration.map(objects),
        },
    };
    let own = delivery(scope, &new.id);
    match watch.catalog.create_vended_delivery(scope, &new, &own, &tags, DELIVERIES_OF_LOGS_MAX).await? {
        VendedDeliveryCreated::Created => {
            Ok(CreateDeliveryResponse { delivery: Some(shape(watch, scope, new).await?) })
        }
        VendedDeliveryCreated::Exists => Err(conflict(format!(
            "A delivery from the delivery source {} to {} already exists.",
            new.source_name, new.destination_arn
        ))),
        VendedDeliveryCreated::Refused => Err(quota_exceeded()),
    }
}

pub(super) async fn get_delivery(
    watch: &Watch,
    caller: &Caller,
    input: GetDeliveryRequest,
) -> Result<GetDeliveryResponse, ApiError> {
    let found = kept(watch, &caller.scope, &input.id).await?;
    Ok(GetDeliveryResponse { delivery: Some(shape(watch, &caller.scope, found).await?) })
}

pub(super) async fn describe_deliveries(
    watch: &Watch,
    caller: &Caller,
    input: DescribeDeliveriesRequest,
) -> Result<DescribeDeliveriesResponse, ApiError> {
    let scope = &caller.scope;
    let asked = input.delivery_source_names.unwrap_or_default();
    let parts = [&scope.account, &scope.region].into_iter().chain(&asked).map(|part| Some(part.as_str()));
    let fingerprint = Fingerprint::of("DescribeDeliveries", parts);
    let mut found = watch.catalog.vended_deliveries(scope).await?;
    found.retain(|delivery| asked.is_empty() || asked.contains(&delivery.source_name));
    let (found, next_token) =
        fingerprint.page(found, |one| &one.id, input.next_token.as_deref(), limit(input.limit))?;
    let mut deliveries = Vec::with_capacity(found.len());
    for delivery in found {
        deliveries.push(shape(watch, scope, delivery).await?);
    }
    Ok(DescribeDeliveriesResponse { deliveries: Some(deliveries), next_token })
}

pub(super) async fn update_delivery_configuration(
    watch: &Watch,
    caller: &Caller,
    input: UpdateDeliveryConfigurationRequest,
) -> Result<UpdateDeliveryConfigurationResponse, ApiError> {
    let (scope, id) = (&caller.scope, &input.id);
    let VendedDelivery { destination_kind, configuration: before, .. } = kept(watch, scope, id).await?;
    check_objects(&destination_kind, input.s3_delivery_configuration.as_ref())?;
    let after = VendedDeliveryConfiguration {
        record_fields: input.record_fields.or(before.record_fields),
        field_delimiter: input.field_delimiter.or(before.field_delimiter),
        s3: input.s3_delivery_configuration.map(objects).or(before.s3),
    };
    match watch.catalog.update_vended_delivery(scope, id, &after).await? {
        true => Ok(UpdateDeliveryConfigurationResponse {}),
        false => Err(absent(id)),
    }
}

pub(super) async fn delete_delivery(
    watch: &Watch,
    caller: &Caller,
    input: DeleteDeliveryRequest,
) -> Result<Empty, ApiError> {
    let (scope, id) = (&caller.scope, &input.id);
    match watch.catalog.delete_vended_delivery(scope, id, &delivery(scope, id)).await? {
        true => Ok(Empty {}),
        false => Err(absent(id)),
    }
}

pub(super) async fn describe_configuration_templates(
    _: &Watch,
    _: &Caller,
    input: DescribeConfigurationTemplatesRequest,
) -> Result<DescribeConfigurationTemplatesResponse, ApiError> {
    // An empty list has no second page, so no token is ours.
    match input.next_token {
        Some(_) => Err(super::errors::invalid_token()),
        None => {
            Ok(DescribeConfigurationTemplatesResponse { configuration_templates: Some(Vec::new()), next_token: None })
        }
    }
}

async fn kept(watch: &Watch, scope: &Scope, id: &str) -> Result<VendedDelivery, ApiError> {
    watch.catalog.vended_delivery(scope, id).await?.ok_or_else(|| absent(id))
}

fn absent(id: &str) -> ApiError {
    not_found(format!("The delivery {id} does not exist."))
}

fn no_destination(arn: &str) -> ApiError {
    let arn: String = arn.chars().take(256).collect();
    not_found(format!("The delivery destination {arn} does not exist."))
}

fn check_objects(kind: &str, asked: Option<&S3DeliveryConfiguration>) -> Result<(), ApiError> {
    if asked.is_some() && kind != "S3" {
        return Err(refused("s3DeliveryConfiguration is valid only for delivery destinations that are S3 buckets."));
    }
    Ok(())
}

fn objects(asked: S3DeliveryConfiguration) -> VendedDeliveryObjects {
    VendedDeliveryObjects { suffix_path: asked.suffix_path, hive: asked.enable_hive_compatible_path }
}

async fn shape(watch: &Watch, scope: &Scope, kept: VendedDelivery) -> Result<Delivery, ApiError> {
    let arn = delivery(scope, &kept.id);
    let tags = watch.catalog.tags(&arn).await?;
    let configuration = kept.configuration;
    let s3 = |objects: VendedDeliveryObjects| S3DeliveryConfiguration {
        suffix_path: objects.suffix_path,
        enable_hive_compatible_path: objects.hive,
    };
    Ok(Delivery {
        id: Some(kept.id),
        arn: Some(arn),
        delivery_source_name: Some(kept.source_name),
        delivery_destination_arn: Some(kept.destination_arn),
        delivery_destination_type: Some(kept.destination_kind),
        record_fields: configuration.record_fields,
        field_delimiter: configuration.field_delimiter,
        s3_delivery_configuration: configuration.s3.map(s3),
        tags: (!tags.is_empty()).then_some(tags),
    })
}

/// How many a page has.
pub(super) fn limit(asked: Option<i32>) -> usize {
    asked.and_then(|limit| usize::try_from(limit).ok()).map_or(PAGE, |limit| limit.clamp(1, PAGE))
}

/// ValidationException.
pub(super) fn refused(message: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::new(&VALIDATION_EXCEPTION, message)
}

/// ConflictException.
pub(super) fn conflict(message: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::new(&CONFLICT_EXCEPTION, message)
}

/// ResourceNotFoundException.
pub(super) fn not_found(message: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::new(&RESOURCE_NOT_FOUND_EXCEPTION, message)
}

/// Tags given to a source or destination that is there.
pub(super) fn tags_given() -> ApiError {
    conflict("Tags can only be provided when a resource is being created, not updated.")
}

/// ServiceQuotaExceededException.
pub(super) fn quota_exceeded() -> ApiError {
    ApiError::new(&SERVICE_QUOTA_EXCEEDED_EXCEPTION, "This request exceeds a service quota.")
}
