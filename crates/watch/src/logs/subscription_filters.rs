//! PutSubscriptionFilter, DescribeSubscriptionFilters and DeleteSubscriptionFilter: which events of a group are sent where.
//!
//! A filter is taken when its receiver has taken a control message, and begins with the next event. Put again, it goes on where it
//! is. `roleArn` is kept and not used. AWS's rules for roles hold all the same: a stream needs one, a function must have none. A
//! bucket, which AWS does not take, may have one.

use super::criteria::Criteria;
use super::destinations::may_send;
use super::errors::{group_not_found, invalid};
use super::identifiers::group;
use super::page_token::Fingerprint;
use super::subscriptions::target::{Kind, Target};
use super::subscriptions::{Unreached, reach};
use crate::Watch;
use catalog::{FilterLimits, SubscriptionDefinition, SubscriptionFilterPut};
use model::arn::Arn;
use model::limits::FILTERS_WITH_REGEX_MAX;
use model::{Caller, Scope};
use query::filter_pattern::FilterPattern;
use wire::ApiError;
use wire::logs::errors::{INVALID_OPERATION_EXCEPTION, LIMIT_EXCEEDED_EXCEPTION, RESOURCE_NOT_FOUND_EXCEPTION};
use wire::logs::{
    DeleteSubscriptionFilterRequest, DescribeSubscriptionFiltersRequest, DescribeSubscriptionFiltersResponse,
    PutSubscriptionFilterRequest, SubscriptionFilter,
};
use wire::shape::Empty;

/// Filters of a group (CloudWatch Logs quotas).
const LIMITS: FilterLimits = FilterLimits { filters: 2, with_regex: FILTERS_WITH_REGEX_MAX };
/// Page size, and its maximum by the model.
const PAGE: usize = 50;
/// The fields that `emitSystemFields` may name (PutSubscriptionFilter reference).
const SYSTEM_FIELDS: [&str; 2] = ["@aws.account", "@aws.region"];

pub(super) async fn put_subscription_filter(
    watch: &Watch,
    caller: &Caller,
    input: PutSubscriptionFilterRequest,
) -> Result<Empty, ApiError> {
    let group = group(watch, &caller.scope, &input.log_group_name).await?;
    if group.class != "STANDARD" {
        return Err(ApiError::new(
            &INVALID_OPERATION_EXCEPTION,
            format!("Subscription filters are not supported for log groups of class {}.", group.class),
        ));
    }
    let has_regex = check_pattern(&input.filter_pattern).await?;
    let definition = SubscriptionDefinition {
        pattern: input.filter_pattern,
        destination_arn: input.destination_arn,
        role_arn: input.role_arn,
        distribution: input.distribution.unwrap_or_else(|| "ByLogStream".into()),
        on_transformed_logs: input.apply_on_transformed_logs.unwrap_or(false),
        field_selection: input.field_selection_criteria.filter(|criteria| !criteria.trim().is_empty()),
        system_fields: input.emit_system_fields.unwrap_or_default(),
    };
    check_definition(&definition)?;
    let there = watch.catalog.subscription_filters(group.id, "", "", LIMITS.filters).await?;
    if there.len() >= LIMITS.filters && there.iter().all(|filter| filter.name != input.filter_name) {
        return Err(limit_exceeded());
    }
    may_send(watch, caller, "logs:PutSubscriptionFilter", &definition.destination_arn).await?;
    check_receiver(watch, &caller.scope, &definition).await?;
    let begins = (watch.clock.now(), watch.store.log_sequence());
    let what = (&definition, has_regex);
    match watch.catalog.put_subscription_filter(group.id, &input.filter_name, what, begins, LIMITS).await? {
        SubscriptionFilterPut::Put => {
            watch.subscriptions.wake();
            Ok(Empty {})
        }
        SubscriptionFilterPut::TooMany => Err(limit_exceeded()),
        SubscriptionFilterPut::NoGroup => Err(group_not_found()),
    }
}

pub(super) fn limit_exceeded() -> ApiError {
    ApiError::new(&LIMIT_EXCEEDED_EXCEPTION, "Resource limit exceeded.")
}

/// Refuses a text that is no filter pattern; true when it has a regular expression.
pub(super) async fn check_pattern(text: &str) -> Result<bool, ApiError> {
    let given = text.to_owned();
    // A costly regular expression takes long to compile: other requests go on meanwhile.
    let parsed = tokio::task::spawn_blocking(move || FilterPattern::parse(&given)).await;
    let parsed = parsed.map_err(|error| store::Error::Bug(format!("read a filter pattern: {error}")))?;
    let pattern = parsed.map_err(|error| invalid(format!("Invalid filter pattern: {}", error.message)))?;
    Ok(pattern.has_regex())
}

/// AWS's rules for what a subscription says, besides its pattern.
pub(super) fn check_definition(definition: &SubscriptionDefinition) -> Result<(), ApiError> {
    let arn = Arn::parse(&definition.destination_arn)
        .ok_or_else(|| invalid("The specified destinationArn is not a valid ARN."))?;
    let vendor = arn.service;
    match (vendor, definition.role_arn.is_some()) {
        ("kinesis" | "firehose", false) => {
            return Err(invalid(format!("destinationArn for vendor {vendor} cannot be used without roleArn")));
        }
        ("lambda", true) => return Err(invalid("destinationArn for vendor lambda cannot be used with roleArn")),
        ("s3", _) if Target::of(&definition.destination_arn).is_none() => {
            return Err(invalid("The specified destinationArn is not that of a bucket, with or without a prefix."));
        }
        ("kinesis" | "firehose" | "lambda" | "logs" | "s3", _) => {}
        _ => {
            return Err(invalid(format!(
                "PutSubscriptionFilter operation cannot work with destinationArn for vendor {vendor}"
            )));
        }
    }
    if let Some(field) = definition.system_fields.iter().find(|field| !SYSTEM_FIELDS.contains(&field.as_str())) {
        return Err(invalid(format!("emitSystemFields knows {}, not '{field}'", SYSTEM_FIELDS.join(" and "))));
    }
    let Some(text) = &definition.field_selection else { return Ok(()) };
    let criteria = Criteria::parse(text).map_err(|why| invalid(format!("Invalid fieldSelectionCriteria: {why}")))?;
    match criteria.comparisons().iter().find(|(field, ..)| !SYSTEM_FIELDS.contains(field)) {
        Some((field, ..)) => Err(invalid(format!("Invalid fieldSelectionCriteria: '{field}' is no system field"))),
        None => Ok(()),
    }
}

/// Refuses a receiver that does not take the control message.
pub(super) async fn check_receiver(
    watch: &Watch,
    scope: &Scope,
    definition: &SubscriptionDefinition,
) -> Result<Kind, ApiError> {
    match reach(watch, scope, &definition.destination_arn).await {
        Ok(target) => Ok(target.kind),
        Err(Unreached::Catalog(error)) => Err(error.into()),
        Err(Unreached::NoReceiver(told)) => Err(invalid(told)),
        Err(Unreached::Refused { told, why }) => {
            tracing::info!(
                destination = definition.destination_arn,
                why,
                "a destination did not take a control message"
            );
            Err(invalid(told))
        }
    }
}

pub(super) async fn describe_subscription_filters(
    watch: &Watch,
    caller: &Caller,
    input: DescribeSubscriptionFiltersRequest,
) -> Result<DescribeSubscriptionFiltersResponse, ApiError> {
    let group = group(watch, &caller.scope, &input.log_group_name).await?;
    let prefix = input.filter_name_prefix.as_deref().unwrap_or_default();
    let id = group.id.0.to_string();
    let fingerprint = Fingerprint::of("DescribeSubscriptionFilters", [Some(id.as_str()), Some(prefix)]);
    let after = input.next_token.as_deref().map(|token| fingerprint.open(token)).transpose()?.unwrap_or_default();
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE);
    let mut found = watch.catalog.subscription_filters(group.id, prefix, &after, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next_token = found.last().filter(|_| more).map(|last| fingerprint.seal(&last.name));
    let described = |filter: catalog::SubscriptionFilter| SubscriptionFilter {
        filter_name: Some(filter.name),
        log_group_name: Some(filter.group_name),
        filter_pattern: Some(filter.definition.pattern),
        destination_arn: Some(filter.definition.destination_arn),
        role_arn: filter.definition.role_arn,
        distribution: Some(filter.definition.distribution),
        apply_on_transformed_logs: Some(filter.definition.on_transformed_logs),
        creation_time: Some(filter.created.0),
        field_selection_criteria: filter.definition.field_selection,
        emit_system_fields: Some(filter.definition.system_fields).filter(|fields| !fields.is_empty()),
    };
    let filters = found.into_iter().map(described).collect();
    Ok(DescribeSubscriptionFiltersResponse { subscription_filters: Some(filters), next_token })
}

pub(super) async fn delete_subscription_filter(
    watch: &Watch,
    caller: &Caller,
    input: DeleteSubscriptionFilterRequest,
) -> Result<Empty, ApiError> {
    let group = group(watch, &caller.scope, &input.log_group_name).await?;
    if watch.catalog.delete_subscription_filter(group.id, &input.filter_name).await? {
        watch.subscriptions.wake();
        Ok(Empty {})
    } else {
        Err(ApiError::new(&RESOURCE_NOT_FOUND_EXCEPTION, "The specified subscription filter does not exist."))
    }
}
