//! TagResource, UntagResource, ListTagsForResource, and their deprecated forms TagLogGroup, UntagLogGroup and
//! ListTagsLogGroup: tags of log groups, logical destinations, lookup tables, scheduled queries, anomaly detectors and of the three
//! parts of vended log deliveries.

use super::errors::invalid;
use super::identifiers::{group, tagged_arn};
use crate::Watch;
use model::limits::TAGS_MAX;
use model::{Caller, arn};
use std::collections::BTreeMap;
use wire::ApiError;
use wire::logs::errors::TOO_MANY_TAGS_EXCEPTION;
use wire::logs::{
    ListTagsForResourceRequest, ListTagsForResourceResponse, ListTagsLogGroupRequest, ListTagsLogGroupResponse,
    TagLogGroupRequest, TagResourceRequest, TooManyTagsException, UntagLogGroupRequest, UntagResourceRequest,
};
use wire::shape::Empty;

pub(super) async fn tag_resource(watch: &Watch, caller: &Caller, input: TagResourceRequest) -> Result<Empty, ApiError> {
    put(watch, tagged_arn(watch, caller, &input.resource_arn).await?, &input.tags).await
}

pub(super) async fn untag_resource(
    watch: &Watch,
    caller: &Caller,
    input: UntagResourceRequest,
) -> Result<Empty, ApiError> {
    remove(watch, &tagged_arn(watch, caller, &input.resource_arn).await?, &input.tag_keys).await
}

pub(super) async fn list_tags_for_resource(
    watch: &Watch,
    caller: &Caller,
    input: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse, ApiError> {
    let tags = watch.catalog.tags(&tagged_arn(watch, caller, &input.resource_arn).await?).await?;
    Ok(ListTagsForResourceResponse { tags: Some(tags) })
}

pub(super) async fn tag_log_group(
    watch: &Watch,
    caller: &Caller,
    input: TagLogGroupRequest,
) -> Result<Empty, ApiError> {
    let group = group(watch, &caller.scope, &input.log_group_name).await?;
    put(watch, arn::log_group(&caller.scope, &group.name), &input.tags).await
}

pub(super) async fn untag_log_group(
    watch: &Watch,
    caller: &Caller,
    input: UntagLogGroupRequest,
) -> Result<Empty, ApiError> {
    let group = group(watch, &caller.scope, &input.log_group_name).await?;
    remove(watch, &arn::log_group(&caller.scope, &group.name), &input.tags).await
}

pub(super) async fn list_tags_log_group(
    watch: &Watch,
    caller: &Caller,
    input: ListTagsLogGroupRequest,
) -> Result<ListTagsLogGroupResponse, ApiError> {
    let group = group(watch, &caller.scope, &input.log_group_name).await?;
    let tags = watch.catalog.tags(&arn::log_group(&caller.scope, &group.name)).await?;
    Ok(ListTagsLogGroupResponse { tags: Some(tags) })
}

/// Refuses keys that AWS keeps for itself.
pub(super) fn check_keys<'a>(keys: impl IntoIterator<Item = &'a String>) -> Result<(), ApiError> {
    let reserved = |key: &&String| key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    match keys.into_iter().find(reserved) {
        Some(key) => Err(invalid(format!("Tag keys that start with aws: are reserved for AWS: {key}"))),
        None => Ok(()),
    }
}

async fn put(watch: &Watch, arn: String, tags: &BTreeMap<String, String>) -> Result<Empty, ApiError> {
    check_keys(tags.keys())?;
    let present = watch.catalog.tags(&arn).await?;
    let added = tags.keys().filter(|key| !present.contains_key(*key)).count();
    if present.len() + added > TAGS_MAX {
        let message = format!("The resource can have no more than {TAGS_MAX} tags.");
        let exception = TooManyTagsException { resource_name: Some(arn), ..TooManyTagsException::default() };
        return Err(ApiError::new(&TOO_MANY_TAGS_EXCEPTION, message).with_members(exception));
    }
    watch.catalog.put_tags(&arn, tags).await?;
    Ok(Empty {})
}

async fn remove(watch: &Watch, arn: &str, keys: &[String]) -> Result<Empty, ApiError> {
    watch.catalog.remove_tags(arn, keys).await?;
    Ok(Empty {})
}
