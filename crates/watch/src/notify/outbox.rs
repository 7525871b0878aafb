//! What goes into the outbox: a message with one delivery for each receiver that wants it.

use super::address::{Address, WEBHOOK};
use super::counts::Counted;
use super::delivery_policy::{CONTENT_TYPE, DeliveryPolicy, RetryPolicy};
use super::filter_policy::FilterPolicy;
use super::message::{Kind, Message, confirmation_text, farewell_text};
use crate::Watch;
use catalog::{Publication, Subscription, Topic};
use model::{Scope, arn};

/// Attribute of topics and subscriptions: the delivery policy.
pub const DELIVERY_POLICY: &str = "DeliveryPolicy";
/// Topic attribute: `1` or `2`.
pub const SIGNATURE_VERSION: &str = "SignatureVersion";
/// Attribute of topics: their name for people.
pub const DISPLAY_NAME: &str = "DisplayName";
/// Attribute of subscriptions: `true` when receivers get the message alone.
pub const RAW_DELIVERY: &str = "RawMessageDelivery";
/// Attribute of subscriptions: which messages they want.
pub const FILTER_POLICY: &str = "FilterPolicy";
/// Attribute of subscriptions: what the filter policy looks at.
pub const FILTER_POLICY_SCOPE: &str = "FilterPolicyScope";
/// Filter policies that look at the body.
pub const MESSAGE_BODY: &str = "MessageBody";

/// The message for all confirmed subscriptions of `topic` that want it.
pub async fn to_topic(watch: &Watch, topic: &Topic, message: &Message) -> catalog::Result<Publication> {
    let subscriptions = watch.catalog.confirmed_subscriptions(&topic.scope, &topic.name).await?;
    let mut deliveries = Vec::new();
    for subscription in subscriptions.iter().filter(|subscription| wants(subscription, message)) {
        let arn = arn::subscription(&topic.scope, &topic.name, &subscription.id);
        deliveries.push(address(topic, subscription).deliver_to(arn)?);
    }
    Ok(Publication { message: serde_json::to_string(message)?, deliveries, due: watch.clock.now() })
}

/// The message for a webhook of the configuration; `None` when there is none of that name.
pub fn to_webhook(watch: &Watch, name: &str, message: &Message) -> catalog::Result<Option<Publication>> {
    if !watch.notify.settings().webhooks.contains_key(name) {
        return Ok(None);
    }
    let address = Address {
        protocol: WEBHOOK.to_owned(),
        endpoint: name.to_owned(),
        raw: false,
        retry: RetryPolicy::PATIENT,
        content_type: "application/json".to_owned(),
    };
    let deliveries = vec![address.deliver_to(message.topic_arn.clone())?];
    Ok(Some(Publication { message: serde_json::to_string(message)?, deliveries, due: watch.clock.now() }))
}

/// The message that asks for the confirmation of `subscription`.
pub fn confirmation(watch: &Watch, topic: &Topic, subscription: &Subscription) -> catalog::Result<Publication> {
    let text = confirmation_text(&arn::topic(&topic.scope, &topic.name));
    with_token(watch, topic, subscription, Kind::SubscriptionConfirmation, text)
}

/// The last message to the receiver of `subscription`, which its token takes up again.
pub fn farewell(watch: &Watch, topic: &Topic, subscription: &Subscription) -> catalog::Result<Publication> {
    let text = farewell_text(&arn::subscription(&topic.scope, &topic.name, &subscription.id));
    with_token(watch, topic, subscription, Kind::UnsubscribeConfirmation, text)
}

fn with_token(
    watch: &Watch,
    topic: &Topic,
    subscription: &Subscription,
    kind: Kind,
    text: String,
) -> catalog::Result<Publication> {
    let message = Message {
        kind,
        id: watch.ids.uuid().to_string(),
        text,
        topic_arn: arn::topic(&topic.scope, &topic.name),
        subject: None,
        structured: false,
        attributes: Default::default(),
        token: Some(subscription.token.clone()),
        display_name: topic.attributes.get(DISPLAY_NAME).cloned(),
        signature_version: topic.attributes.get(SIGNATURE_VERSION).cloned(),
        timestamp: watch.clock.now().iso_millis(),
    };
    let target = arn::subscription(&topic.scope, &topic.name, &subscription.id);
    // Never raw: without its document nobody could confirm.
    let address = Address { raw: false, ..address(topic, subscription) };
    let deliveries = vec![address.deliver_to(target)?];
    Ok(Publication { message: serde_json::to_string(&message)?, deliveries, due: watch.clock.now() })
}

/// Counts a message as published; call it once the message is in the outbox.
pub fn published(watch: &Watch, scope: &Scope, name: &str) {
    watch.notify.counts.count(scope, name, Counted::Published);
    watch.notify.wake();
}

/// The delivery policy of a subscription by HTTP: its own over its topic's.
pub fn delivery_policy(topic: &Topic, subscription: Option<&Subscription>) -> DeliveryPolicy {
    // Policies are checked when they are set; one that a later version cannot read any more is as if it were not there.
    let of_topic = topic.attributes.get(DELIVERY_POLICY).and_then(|text| DeliveryPolicy::of_topic(text).ok());
    let of_topic = of_topic.unwrap_or_default();
    match subscription.and_then(|subscription| subscription.attributes.get(DELIVERY_POLICY)) {
        Some(text) => of_topic.clone().with_subscription(text).unwrap_or(of_topic),
        None => of_topic,
    }
}

fn address(topic: &Topic, subscription: &Subscription) -> Address {
    let by_http = matches!(subscription.protocol.as_str(), "http" | "https");
    let policy = delivery_policy(topic, Some(subscription));
    Address {
        protocol: subscription.protocol.clone(),
        endpoint: subscription.endpoint.clone(),
        raw: by_http && subscription.attributes.get(RAW_DELIVERY).is_some_and(|raw| raw == "true"),
        retry: if by_http { policy.retry } else { RetryPolicy::PATIENT },
        content_type: if by_http { policy.content_type } else { CONTENT_TYPE.to_owned() },
    }
}

fn wants(subscription: &Subscription, message: &Message) -> bool {
    let Some(text) = subscription.attributes.get(FILTER_POLICY) else { return true };
    let of_body = subscription.attributes.get(FILTER_POLICY_SCOPE).is_some_and(|scope| scope == MESSAGE_BODY);
    match FilterPolicy::parse(text, of_body) {
        Ok(policy) if of_body => policy.wants_body(&message.text_for(&subscription.protocol)),
        Ok(policy) => policy.wants_attributes(&message.attributes),
        // Checked when it was set; what cannot be read any more must not make messages disappear.
        Err(_) => true,
    }
}
