//! TagResource, UntagResource, ListTagsForResource: tags of topics, up to 50 each.
//!
//! AWS: <https://docs.aws.amazon.com/sns/latest/api/API_TagResource.html>.

use super::{names, refuse};
use crate::Watch;
use model::Caller;
use model::limits::TAGS_MAX;
use std::collections::BTreeMap;
use wire::ApiError;
use wire::sns::{
    ListTagsForResourceRequest, ListTagsForResourceResponse, Tag, TagResourceRequest, TagResourceResponse,
    UntagResourceRequest, UntagResourceResponse, errors,
};

pub async fn tag_resource(
    watch: &Watch,
    caller: &Caller,
    input: TagResourceRequest,
) -> Result<TagResourceResponse, ApiError> {
    check_topic(watch, caller, "TagResource", &input.resource_arn).await?;
    let tags = checked(input.tags)?;
    let mut all = watch.catalog.tags(&input.resource_arn).await?;
    all.extend(tags.clone());
    if all.len() > TAGS_MAX {
        return Err(too_many());
    }
    watch.catalog.put_tags(&input.resource_arn, &tags).await?;
    Ok(TagResourceResponse {})
}

pub async fn untag_resource(
    watch: &Watch,
    caller: &Caller,
    input: UntagResourceRequest,
) -> Result<UntagResourceResponse, ApiError> {
    check_topic(watch, caller, "UntagResource", &input.resource_arn).await?;
    watch.catalog.remove_tags(&input.resource_arn, &input.tag_keys).await?;
    Ok(UntagResourceResponse {})
}

pub async fn list_tags_for_resource(
    watch: &Watch,
    caller: &Caller,
    input: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse, ApiError> {
    check_topic(watch, caller, "ListTagsForResource", &input.resource_arn).await?;
    let tags = watch.catalog.tags(&input.resource_arn).await?;
    Ok(ListTagsForResourceResponse { tags: Some(tags.into_iter().map(|(key, value)| Tag { key, value }).collect()) })
}

/// The tags of a request: at most 50, no key twice, none of AWS's own.
pub fn checked(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, ApiError> {
    if tags.len() > TAGS_MAX {
        return Err(too_many());
    }
    let mut checked = BTreeMap::new();
    for Tag { key, value } in tags {
        if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            return Err(refuse::parameter("Tags Reason: Tag keys beginning with aws: are reserved for AWS"));
        }
        if checked.insert(key, value).is_some() {
            return Err(refuse::parameter("Tags Reason: Duplicate keys are not allowed"));
        }
    }
    Ok(checked)
}

fn too_many() -> ApiError {
    let message = "Could not complete request: tag quota of per resource exceeded";
    ApiError::new(&errors::TAG_LIMIT_EXCEEDED_EXCEPTION, message)
}

async fn check_topic(watch: &Watch, caller: &Caller, operation: &str, arn: &str) -> Result<(), ApiError> {
    let (scope, name) = names::topic_parts(arn, "ResourceArn")?;
    names::check_own(caller, operation, arn, &scope, "ResourceArn")?;
    match watch.catalog.topic(&scope, &name).await? {
        Some(_) => Ok(()),
        None => Err(ApiError::new(&errors::RESOURCE_NOT_FOUND_EXCEPTION, "Resource does not exist")),
    }
}
