//! CreateTopic: makes a topic, or answers the one that is there with the same attributes and tags.
//!
//! AWS: <https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>. There are no FIFO topics: a queue of Trailwatch keeps no
//! order between attempts.

use super::topic_attributes::checked;
use super::{names, refuse, tags};
use crate::Watch;
use catalog::Topic;
use model::{Caller, arn};
use std::collections::BTreeMap;
use wire::ApiError;
use wire::sns::{CreateTopicInput, CreateTopicResponse};

pub async fn create_topic(
    watch: &Watch,
    caller: &Caller,
    input: CreateTopicInput,
) -> Result<CreateTopicResponse, ApiError> {
    let given = input.attributes.unwrap_or_default();
    if input.name.ends_with(".fifo") || given.get("FifoTopic").is_some_and(|fifo| fifo == "true") {
        return Err(refuse::parameter("Attributes Reason: Trailwatch has no FIFO topics"));
    }
    if !names::is_topic_name(&input.name) {
        return Err(refuse::parameter("Topic Name"));
    }
    if input.data_protection_policy.is_some_and(|policy| !policy.is_empty()) {
        return Err(refuse::parameter("DataProtectionPolicy Reason: Trailwatch has no data protection policies"));
    }
    let attributes = attributes(given)?;
    let tags = tags::checked(input.tags.unwrap_or_default())?;
    let arn = arn::topic(&caller.scope, &input.name);
    let topic = Topic {
        scope: caller.scope.clone(),
        name: input.name,
        attributes,
        subscriptions_deleted: 0,
        created: watch.clock.now(),
    };
    if !watch.catalog.create_topic(&topic, &arn, &tags).await? {
        check_same(watch, &topic, &arn, &tags).await?;
    }
    Ok(CreateTopicResponse { topic_arn: Some(arn) })
}

fn attributes(given: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ApiError> {
    let mut attributes = BTreeMap::new();
    for (name, value) in given.into_iter().filter(|(name, _)| name != "FifoTopic") {
        if let Some(value) = checked(&name, value)? {
            attributes.insert(name, value);
        }
    }
    Ok(attributes)
}

/// What is said again must be what was said before; what is left out may be anything.
async fn check_same(watch: &Watch, wanted: &Topic, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    // Deleted in this instant, it is not made again: the next call does that.
    let Some(there) = watch.catalog.topic(&wanted.scope, &wanted.name).await? else { return Err(refuse::no_topic()) };
    if wanted.attributes.iter().any(|(name, value)| there.attributes.get(name) != Some(value)) {
        return Err(refuse::parameter("Attributes Reason: Topic already exists with different attributes"));
    }
    if !tags.is_empty() && watch.catalog.tags(arn).await? != *tags {
        return Err(refuse::parameter("Tags Reason: Topic already exists with different tags"));
    }
    Ok(())
}
