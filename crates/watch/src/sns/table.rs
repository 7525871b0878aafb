//! The rows of the SNS operations: what each is named, who may call it, and the function that does it.

use super::{
    confirm_subscription, create_topic, delete_topic, list_subscriptions, list_topics, publish, publish_batch,
    subscribe, subscription_attributes, tags, topic_attributes, unsubscribe,
};
use crate::Watch;
use wire::{Access, Audit, Operation, operation, sns};

/// The implemented SNS operations.
#[rustfmt::skip]
pub fn operations() -> Vec<Operation<Watch>> {
    const MANAGEMENT: Audit = Audit::Management;
    const TOPIC: Audit = Audit::Data("AWS::SNS::Topic");
    vec![
        operation!(Access::Write, MANAGEMENT, sns::CreateTopic, create_topic::create_topic),
        operation!(Access::Write, MANAGEMENT, sns::DeleteTopic, delete_topic::delete_topic),
        operation!(Access::List, MANAGEMENT, sns::ListTopics, list_topics::list_topics),
        operation!(Access::Read, MANAGEMENT, sns::GetTopicAttributes, topic_attributes::get_topic_attributes),
        operation!(Access::Write, MANAGEMENT, sns::SetTopicAttributes, topic_attributes::set_topic_attributes),
        operation!(Access::Write, MANAGEMENT, sns::Subscribe, subscribe::subscribe),
        operation!(Access::Write, MANAGEMENT, sns::ConfirmSubscription, confirm_subscription::confirm_subscription),
        operation!(Access::Write, MANAGEMENT, sns::Unsubscribe, unsubscribe::unsubscribe),
        operation!(Access::List, MANAGEMENT, sns::ListSubscriptions, list_subscriptions::list_subscriptions),
        operation!(Access::List, MANAGEMENT, sns::ListSubscriptionsByTopic, list_subscriptions::list_subscriptions_by_topic),
        operation!(Access::Read, MANAGEMENT, sns::GetSubscriptionAttributes, subscription_attributes::get_subscription_attributes),
        operation!(Access::Write, MANAGEMENT, sns::SetSubscriptionAttributes, subscription_attributes::set_subscription_attributes),
        operation!(Access::Write, TOPIC, sns::Publish, publish::publish),
        operation!(Access::Write, TOPIC, sns::PublishBatch, publish_batch::publish_batch),
        operation!(Access::Tagging, MANAGEMENT, sns::TagResource, tags::tag_resource),
        operation!(Access::Tagging, MANAGEMENT, sns::UntagResource, tags::untag_resource),
        operation!(Access::Read, MANAGEMENT, sns::ListTagsForResource, tags::list_tags_for_resource),
    ]
}
