//! TagResource, UntagResource, ListTagsForResource: tags of alarms, mute rules, dashboards, Contributor Insights rules,
//! saved metric queries and metric streams, up to 50 each.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_TagResource.html>.

use super::refuse;
use crate::Watch;
use model::arn::Arn;
use model::limits::TAGS_MAX;
use model::{Caller, Scope};
use std::collections::BTreeMap;
use wire::ApiError;
use wire::cloudwatch::{
    ListTagsForResourceInput, ListTagsForResourceOutput, ResourceNotFoundException, Tag, TagResourceInput,
    TagResourceOutput, UntagResourceInput, UntagResourceOutput, errors,
};

pub async fn tag_resource(
    watch: &Watch,
    caller: &Caller,
    input: TagResourceInput,
) -> Result<TagResourceOutput, ApiError> {
    check_resource(watch, caller, &input.resource_arn).await?;
    let tags = checked(input.tags)?;
    let mut all = watch.catalog.tags(&input.resource_arn).await?;
    all.extend(tags.clone());
    if all.len() > TAGS_MAX {
        return Err(refuse::value(refuse::too_many("Tags", TAGS_MAX)));
    }
    watch.catalog.put_tags(&input.resource_arn, &tags).await?;
    Ok(TagResourceOutput {})
}

pub async fn untag_resource(
    watch: &Watch,
    caller: &Caller,
    input: UntagResourceInput,
) -> Result<UntagResourceOutput, ApiError> {
    check_resource(watch, caller, &input.resource_arn).await?;
    watch.catalog.remove_tags(&input.resource_arn, &input.tag_keys).await?;
    Ok(UntagResourceOutput {})
}

pub async fn list_tags_for_resource(
    watch: &Watch,
    caller: &Caller,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput, ApiError> {
    check_resource(watch, caller, &input.resource_arn).await?;
    let tags = watch.catalog.tags(&input.resource_arn).await?;
    Ok(ListTagsForResourceOutput { tags: Some(tags.into_iter().map(|(key, value)| Tag { key, value }).collect()) })
}

/// The tags of a request: at most 50, no key twice, none of AWS's own.
pub fn checked(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, ApiError> {
    if tags.len() > TAGS_MAX {
        return Err(refuse::value(refuse::too_many("Tags", TAGS_MAX)));
    }
    let mut checked = BTreeMap::new();
    for Tag { key, value } in tags {
        if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            return Err(refuse::value("Tag keys beginning with aws: are reserved for AWS."));
        }
        if checked.contains_key(&key) {
            return Err(refuse::value(format!("The tag key {key} is specified more than once.")));
        }
        checked.insert(key, value);
    }
    Ok(checked)
}

/// Refuses an ARN that names nothing of the caller.
async fn check_resource(watch: &Watch, caller: &Caller, text: &str) -> Result<(), ApiError> {
    let Some(arn) = Arn::parse(text).filter(|arn| arn.service == "cloudwatch") else {
        return Err(refuse::invalid(text, "ResourceARN"));
    };
    // Dashboards are in no region.
    let here = arn.region.is_empty() || arn.region == caller.scope.region;
    let own = arn.account == caller.scope.account && here;
    let scope = Scope { account: arn.account.to_owned(), region: arn.region.to_owned() };
    let (resource_type, exists) = if let Some(name) = arn.resource.strip_prefix("alarm:") {
        ("alarm", own && watch.catalog.alarm(&scope, name).await?.is_some())
    } else if let Some(name) = arn.resource.strip_prefix("alarm-mute-rule:") {
        ("alarm-mute-rule", own && watch.catalog.mute_rule(&scope, name).await?.is_some())
    } else if let Some(name) = arn.resource.strip_prefix("insight-rule/") {
        ("insight-rule", own && watch.catalog.insight_rule(&scope, name).await?.is_some())
    } else if let Some(id) = arn.resource.strip_prefix("metric-query-definition/") {
        ("metric-query-definition", own && watch.catalog.metric_query(&scope, id).await?.is_some())
    } else if let Some(name) = arn.resource.strip_prefix("metric-stream/") {
        ("metric-stream", own && watch.catalog.metric_stream(&scope, name).await?.is_some())
    } else if let Some(name) = arn.resource.strip_prefix("dashboard/") {
        ("dashboard", own && watch.catalog.dashboard(arn.account, name).await?.is_some())
    } else {
        (arn.resource.split([':', '/']).next().unwrap_or_default(), false)
    };
    if exists {
        return Ok(());
    }
    let members =
        ResourceNotFoundException { resource_type: Some(resource_type.to_owned()), resource_id: Some(text.to_owned()) };
    Err(ApiError::new(&errors::RESOURCE_NOT_FOUND_EXCEPTION, format!("Unknown resource: {text}")).with_members(members))
}
