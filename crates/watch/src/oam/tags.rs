//! TagResource, UntagResource, ListTagsForResource: tags of sinks and links, up to 50 each.

use super::links::own_link;
use super::refuse;
use super::sinks::own_sink;
use crate::Watch;
use model::Caller;
use model::limits::TAGS_MAX;
use std::collections::BTreeMap;
use wire::ApiError;
use wire::oam::{
    ListTagsForResourceInput, ListTagsForResourceOutput, TagResourceInput, TagResourceOutput, UntagResourceInput,
    UntagResourceOutput, errors,
};

pub async fn tag_resource(
    watch: &Watch,
    caller: &Caller,
    input: TagResourceInput,
) -> Result<TagResourceOutput, ApiError> {
    check_own(watch, caller, &input.resource_arn).await?;
    let tags = checked(input.tags)?;
    let mut all = watch.catalog.tags(&input.resource_arn).await?;
    all.extend(tags.clone());
    if all.len() > TAGS_MAX {
        let message = format!("A resource can have at most {TAGS_MAX} tags.");
        return Err(ApiError::new(&errors::TOO_MANY_TAGS_EXCEPTION, message));
    }
    watch.catalog.put_tags(&input.resource_arn, &tags).await?;
    Ok(TagResourceOutput {})
}

pub async fn untag_resource(
    watch: &Watch,
    caller: &Caller,
    input: UntagResourceInput,
) -> Result<UntagResourceOutput, ApiError> {
    check_own(watch, caller, &input.resource_arn).await?;
    watch.catalog.remove_tags(&input.resource_arn, &input.tag_keys).await?;
    Ok(UntagResourceOutput {})
}

pub async fn list_tags_for_resource(
    watch: &Watch,
    caller: &Caller,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput, ApiError> {
    check_own(watch, caller, &input.resource_arn).await?;
    Ok(ListTagsForResourceOutput { tags: Some(watch.catalog.tags(&input.resource_arn).await?) })
}

/// Tags without AWS's own keys.
pub fn checked(tags: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ApiError> {
    let is_reserved = |key: &String| key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"));
    match tags.keys().any(is_reserved) {
        true => Err(refuse::validation("Tag keys that begin with aws: are reserved.")),
        false => Ok(tags),
    }
}

/// The tags of a resource where they are asked for, otherwise none.
pub async fn shown(
    watch: &Watch,
    arn: &str,
    asked: Option<bool>,
) -> Result<Option<BTreeMap<String, String>>, ApiError> {
    Ok(Some(if asked == Some(true) { watch.catalog.tags(arn).await? } else { BTreeMap::new() }))
}

async fn check_own(watch: &Watch, caller: &Caller, arn: &str) -> Result<(), ApiError> {
    match arn.contains(":link/") {
        true => own_link(watch, caller, arn).await.map(drop),
        false => own_sink(watch, caller, arn).await.map(drop),
    }
}
