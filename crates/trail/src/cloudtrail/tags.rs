//! AddTags, RemoveTags, ListTags: tags of trails, channels, event data stores and dashboards, by ARN. An event data store that is to be
//! deleted has none to change or list.

use super::event_data_stores::not_pending;
use super::trail_name::{is_account, told};
use crate::Trail;
use model::arn::Arn;
use model::{Caller, Scope, limits};
use std::collections::BTreeMap;
use wire::ApiError;
use wire::cloudtrail::{
    AddTagsRequest, AddTagsResponse, ListTagsRequest, ListTagsResponse, RemoveTagsRequest, RemoveTagsResponse,
    ResourceTag, Tag, errors,
};

/// ListTags reference: most resources of a call.
const RESOURCES_MAX: usize = 20;

pub(super) async fn add_tags(
    trail: &Trail,
    caller: &Caller,
    input: AddTagsRequest,
) -> Result<AddTagsResponse, ApiError> {
    let added = checked(input.tags_list)?;
    let arn = resource(trail, caller, &input.resource_id).await?;
    let mut all = trail.catalog.tags(&arn).await?;
    all.extend(added.clone());
    check_count(all.len())?;
    trail.catalog.put_tags(&arn, &added).await?;
    Ok(AddTagsResponse {})
}

pub(super) async fn remove_tags(
    trail: &Trail,
    caller: &Caller,
    input: RemoveTagsRequest,
) -> Result<RemoveTagsResponse, ApiError> {
    let arn = resource(trail, caller, &input.resource_id).await?;
    let keys: Vec<String> = input.tags_list.into_iter().map(|tag| tag.key).collect();
    trail.catalog.remove_tags(&arn, &keys).await?;
    Ok(RemoveTagsResponse {})
}

pub(super) async fn list_tags(
    trail: &Trail,
    caller: &Caller,
    input: ListTagsRequest,
) -> Result<ListTagsResponse, ApiError> {
    // Every answer fits one page, so no token of ours exists.
    if input.next_token.is_some() {
        return Err(ApiError::new(&errors::INVALID_TOKEN_EXCEPTION, "The token is not valid."));
    }
    if input.resource_id_list.is_empty() || input.resource_id_list.len() > RESOURCES_MAX {
        let text = format!("Specify 1 to {RESOURCES_MAX} resources.");
        return Err(ApiError::new(&errors::CLOUD_TRAIL_ARN_INVALID_EXCEPTION, text));
    }
    let mut listed = Vec::with_capacity(input.resource_id_list.len());
    for id in input.resource_id_list {
        let arn = resource(trail, caller, &id).await?;
        let tags = trail.catalog.tags(&arn).await?.into_iter();
        let tags = tags.map(|(key, value)| Tag { key, value: (!value.is_empty()).then_some(value) }).collect();
        listed.push(ResourceTag { resource_id: Some(id), tags_list: Some(tags) });
    }
    Ok(ListTagsResponse { resource_tag_list: Some(listed), next_token: None })
}

/// Tags of a request as a map, by the rules of AWS tags.
pub(super) fn checked(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, ApiError> {
    let invalid = |text: String| Err(ApiError::new(&errors::INVALID_TAG_PARAMETER_EXCEPTION, text));
    let allowed = |text: &str| {
        text.chars().all(|c| {
            c.is_alphanumeric() || c.is_whitespace() || matches!(c, '_' | '.' | ':' | '/' | '=' | '+' | '-' | '@')
        })
    };
    let mut map = BTreeMap::new();
    for tag in tags {
        let value = tag.value.unwrap_or_default();
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return invalid("Tag keys that begin with aws: are reserved for system use.".into());
        }
        if !allowed(&tag.key) || !allowed(&value) {
            return invalid(format!("Tag {} has characters that are not allowed.", told(&tag.key)));
        }
        if map.contains_key(&tag.key) {
            return invalid(format!("Tag key {} is given more than once.", told(&tag.key)));
        }
        map.insert(tag.key, value);
    }
    check_count(map.len())?;
    Ok(map)
}

fn check_count(count: usize) -> Result<(), ApiError> {
    if count <= limits::TAGS_MAX {
        return Ok(());
    }
    let text = format!("The number of tags exceeds the maximum of {} tags for a resource.", limits::TAGS_MAX);
    Err(ApiError::new(&errors::TAGS_LIMIT_EXCEEDED_EXCEPTION, text))
}

/// The ARN under which a resource's tags are kept; the resource must exist and be of the caller's region.
async fn resource(trail: &Trail, caller: &Caller, id: &str) -> Result<String, ApiError> {
    let refused = |text: String| ApiError::new(&errors::CLOUD_TRAIL_ARN_INVALID_EXCEPTION, text);
    let arn = Arn::parse(id)
        .filter(|arn| arn.service == "cloudtrail" && is_account(arn.account) && !arn.region.is_empty())
        .ok_or_else(|| refused(format!("The resource ARN is not valid: {}", told(id))))?;
    if arn.region != caller.scope.region {
        let region = &caller.scope.region;
        return Err(refused(format!("Region in ARN is wrong, you can only access resources in region {region}.")));
    }
    let scope = Scope { account: arn.account.to_owned(), region: arn.region.to_owned() };
    let own = scope.account == caller.scope.account;
    let absent = |shape| ApiError::new(shape, format!("The resource does not exist: {}", told(id)));
    let (kind, name) = arn.resource.split_once('/').unwrap_or((arn.resource, ""));
    match kind {
        "trail" if own && trail.catalog.trail(&scope, name).await?.is_some() => Ok(id.to_owned()),
        "channel" if own && trail.catalog.channel(&scope, name).await?.is_some() => Ok(id.to_owned()),
        "eventdatastore" if own => {
            let store = trail.catalog.event_data_store(&scope, name).await?;
            let store = store.ok_or_else(|| absent(&errors::EVENT_DATA_STORE_NOT_FOUND_EXCEPTION))?;
            not_pending(store, id).map(|_| id.to_owned())
        }
        "dashboard" if own && trail.catalog.lake_dashboard(&scope, name).await?.is_some() => Ok(id.to_owned()),
        "trail" | "dashboard" => Err(absent(&errors::RESOURCE_NOT_FOUND_EXCEPTION)),
        "channel" => Err(absent(&errors::CHANNEL_NOT_FOUND_EXCEPTION)),
        "eventdatastore" => Err(absent(&errors::EVENT_DATA_STORE_NOT_FOUND_EXCEPTION)),
        _ => Err(ApiError::new(
            &errors::RESOURCE_TYPE_NOT_SUPPORTED_EXCEPTION,
            "The resource type is not supported for tagging.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_checked() {
        let tag = |key: &str, value: &str| Tag { key: key.into(), value: Some(value.into()) };
        assert_eq!(checked(vec![tag("a", "1"), tag("b", "")]).unwrap().len(), 2);
        for bad in [vec![tag("aws:x", "1")], vec![tag("a", "1"), tag("a", "2")], vec![tag("a*", "1")]] {
            assert_eq!(checked(bad).unwrap_err().code(), "InvalidTagParameterException");
        }
        let many = (0..51).map(|n| tag(&n.to_string(), "")).collect();
        assert_eq!(checked(many).unwrap_err().code(), "TagsLimitExceededException");
    }
}
