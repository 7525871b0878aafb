//! ListSubscriptions and ListSubscriptionsByTopic: 100 a page, pending ones with `PendingConfirmation` in place of their ARN.
//!
//! AWS: <https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptions.html>.

use super::list_topics::{cursor, next_token};
use super::names;
use crate::Watch;
use crate::cloudwatch::token::Binding;
use catalog::Subscription;
use model::limits::TOPIC_PAGE;
use model::{Caller, Scope, arn};
use wire::ApiError;
use wire::sns::{
    ListSubscriptionsByTopicInput, ListSubscriptionsByTopicResponse, ListSubscriptionsInput, ListSubscriptionsResponse,
    Subscription as Shown,
};

pub async fn list_subscriptions(
    watch: &Watch,
    caller: &Caller,
    input: ListSubscriptionsInput,
) -> Result<ListSubscriptionsResponse, ApiError> {
    let (subscriptions, next_token) = page(watch, &caller.scope, None, input.next_token).await?;
    Ok(ListSubscriptionsResponse { subscriptions: Some(subscriptions), next_token })
}

pub async fn list_subscriptions_by_topic(
    watch: &Watch,
    caller: &Caller,
    input: ListSubscriptionsByTopicInput,
) -> Result<ListSubscriptionsByTopicResponse, ApiError> {
    let topic = names::topic(watch, caller, "ListSubscriptionsByTopic", &input.topic_arn).await?;
    let (subscriptions, next_token) = page(watch, &topic.scope, Some(&topic.name), input.next_token).await?;
    Ok(ListSubscriptionsByTopicResponse { subscriptions: Some(subscriptions), next_token })
}

async fn page(
    watch: &Watch,
    scope: &Scope,
    topic: Option<&str>,
    token: Option<String>,
) -> Result<(Vec<Shown>, Option<String>), ApiError> {
    let binding = Binding::new(&("ListSubscriptions", scope, topic));
    let (after_topic, after_id): (String, String) = cursor(binding, token)?.unwrap_or_default();
    let mut page = watch.catalog.subscriptions(scope, topic, (&after_topic, &after_id), TOPIC_PAGE + 1).await?;
    let token = next_token(binding, &mut page, |last| (last.topic.clone(), last.id.clone()))?;
    Ok((page.into_iter().map(shown).collect(), token))
}

fn shown(subscription: Subscription) -> Shown {
    let Subscription { scope, topic, id, .. } = &subscription;
    let arn = match subscription.confirmed {
        true => arn::subscription(scope, topic, id),
        false => "PendingConfirmation".to_owned(),
    };
    Shown {
        subscription_arn: Some(arn),
        owner: Some(scope.account.clone()),
        topic_arn: Some(arn::topic(scope, topic)),
        protocol: Some(subscription.protocol),
        endpoint: Some(subscription.endpoint),
    }
}
