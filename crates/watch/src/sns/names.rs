//! Names and ARNs of topics and subscriptions, as operations get them.

use super::refuse;
use crate::Watch;
use catalog::{Subscription, Topic};
use model::arn::Arn;
use model::{Caller, Scope};
use wire::ApiError;

/// Longest name of a topic.
const NAME_CHARS_MAX: usize = 256;

/// True for what a topic may be called.
pub fn is_topic_name(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Scope and name that a topic's ARN says, whoever asks. `parameter` is what errors call it.
pub fn topic_parts(arn: &str, parameter: &str) -> Result<(Scope, String), ApiError> {
    let (scope, resource) = parts(arn, parameter)?;
    if is_topic_name(resource) { Ok((scope, resource.to_owned())) } else { Err(refuse::parameter(parameter)) }
}

/// Scope, topic and id that a subscription's ARN says, whoever asks.
pub fn subscription_parts(arn: &str) -> Result<(Scope, String, String), ApiError> {
    let (scope, resource) = parts(arn, "SubscriptionArn")?;
    match resource.split_once(':') {
        Some((topic, id)) if is_topic_name(topic) && !id.is_empty() && !id.contains(':') => {
            Ok((scope, topic.to_owned(), id.to_owned()))
        }
        _ => Err(refuse::parameter("SubscriptionId")),
    }
}

fn parts<'a>(arn: &'a str, parameter: &str) -> Result<(Scope, &'a str), ApiError> {
    let elements = arn.split(':').count();
    if elements < 6 {
        return Err(refuse::parameter(format!(
            "{parameter} Reason: An ARN must have at least 6 elements, not {elements}"
        )));
    }
    match Arn::parse(arn) {
        Some(arn) if arn.service == "sns" && arn.partition == "aws" => {
            Ok((Scope { account: arn.account.to_owned(), region: arn.region.to_owned() }, arn.resource))
        }
        _ => Err(refuse::parameter(parameter)),
    }
}

/// The caller's own topic.
pub async fn topic(watch: &Watch, caller: &Caller, operation: &str, arn: &str) -> Result<Topic, ApiError> {
    let (scope, name) = topic_parts(arn, "TopicArn")?;
    check_own(caller, operation, arn, &scope, "TopicArn")?;
    watch.catalog.topic(&scope, &name).await?.ok_or_else(refuse::no_topic)
}

/// The caller's own subscription and its topic.
pub async fn subscription(
    watch: &Watch,
    caller: &Caller,
    operation: &str,
    arn: &str,
) -> Result<(Topic, Subscription), ApiError> {
    let (scope, topic, id) = subscription_parts(arn)?;
    check_own(caller, operation, arn, &scope, "SubscriptionArn")?;
    let topic = watch.catalog.topic(&scope, &topic).await?.ok_or_else(refuse::no_subscription)?;
    let subscription = watch.catalog.subscription(&scope, &topic.name, &id).await?;
    Ok((topic, subscription.ok_or_else(refuse::no_subscription)?))
}

/// Refuses what belongs to another account, or is not in the region that was called.
pub fn check_own(caller: &Caller, operation: &str, arn: &str, scope: &Scope, parameter: &str) -> Result<(), ApiError> {
    if scope.account != caller.scope.account {
        return Err(refuse::unauthorized(caller, operation, arn));
    }
    if scope.region != caller.scope.region {
        return Err(refuse::parameter(parameter));
    }
    Ok(())
}

/// True for a call through a link in a message: unsigned, its token or ARN is all it brings.
pub fn is_anonymous(caller: &Caller) -> bool {
    caller.access_key_id.is_empty() || caller.identity_type == "Unknown"
}
