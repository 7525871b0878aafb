//! GetSubscriptionAttributes and SetSubscriptionAttributes.
//!
//! AWS: <https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html>. Settable: DeliveryPolicy (http, https),
//! RawMessageDelivery (http, https), FilterPolicy, FilterPolicyScope. RedrivePolicy is refused: what cannot be delivered becomes a
//! dead letter of Trailwatch, for there are no queues.

use super::{names, refuse};
use crate::Watch;
use crate::notify::filter_policy::FilterPolicy;
use crate::notify::outbox::{self, DELIVERY_POLICY, FILTER_POLICY, FILTER_POLICY_SCOPE, MESSAGE_BODY, RAW_DELIVERY};
use catalog::Topic;
use model::{Caller, arn};
use std::collections::BTreeMap;
use wire::ApiError;
use wire::shape::Empty;
use wire::sns::{GetSubscriptionAttributesInput, GetSubscriptionAttributesResponse, SetSubscriptionAttributesInput};

/// Filter policies that look at message attributes, which is the default.
const MESSAGE_ATTRIBUTES: &str = "MessageAttributes";

pub async fn get_subscription_attributes(
    watch: &Watch,
    caller: &Caller,
    input: GetSubscriptionAttributesInput,
) -> Result<GetSubscriptionAttributesResponse, ApiError> {
    let arn = &input.subscription_arn;
    let (topic, subscription) = names::subscription(watch, caller, "GetSubscriptionAttributes", arn).await?;
    let mut attributes = BTreeMap::from([
        ("SubscriptionArn".to_owned(), arn.clone()),
        ("TopicArn".to_owned(), arn::topic(&topic.scope, &topic.name)),
        ("Owner".to_owned(), topic.scope.account.clone()),
        ("Protocol".to_owned(), subscription.protocol.clone()),
        ("Endpoint".to_owned(), subscription.endpoint.clone()),
        ("PendingConfirmation".to_owned(), (!subscription.confirmed).to_string()),
        ("ConfirmationWasAuthenticated".to_owned(), subscription.confirmed_signed.to_string()),
        (RAW_DELIVERY.to_owned(), "false".to_owned()),
        ("SubscriptionPrincipal".to_owned(), format!("arn:aws:iam::{}:root", topic.scope.account)),
    ]);
    if subscription.protocol.starts_with("http") {
        let policy = outbox::delivery_policy(&topic, Some(&subscription));
        attributes.insert("EffectiveDeliveryPolicy".to_owned(), policy.subscription_document());
    }
    if subscription.attributes.contains_key(FILTER_POLICY) {
        attributes.insert(FILTER_POLICY_SCOPE.to_owned(), MESSAGE_ATTRIBUTES.to_owned());
    }
    attributes.extend(subscription.attributes);
    Ok(GetSubscriptionAttributesResponse { attributes: Some(attributes) })
}

pub async fn set_subscription_attributes(
    watch: &Watch,
    caller: &Caller,
    input: SetSubscriptionAttributesInput,
) -> Result<Empty, ApiError> {
    let arn = &input.subscription_arn;
    let (topic, subscription) = names::subscription(watch, caller, "SetSubscriptionAttributes", arn).await?;
    let (name, value) = (&input.attribute_name, input.attribute_value.unwrap_or_default());
    let scope = subscription.attributes.get(FILTER_POLICY_SCOPE).map_or(MESSAGE_ATTRIBUTES, String::as_str);
    let value = checked(&topic, &subscription.protocol, scope == MESSAGE_BODY, name, value)?;
    if name == FILTER_POLICY_SCOPE && scope != value.as_deref().unwrap_or(MESSAGE_ATTRIBUTES) {
        // A policy that was read one way would now be read the other.
        let policy = subscription.attributes.get(FILTER_POLICY);
        let of_body = value.as_deref() == Some(MESSAGE_BODY);
        policy.map_or(Ok(()), |policy| check_filter(policy, of_body))?;
    }
    match watch.catalog.set_subscription_attribute(&subscription, name, value.as_deref()).await? {
        true => Ok(Empty {}),
        false => Err(refuse::no_subscription()),
    }
}

/// The value of a settable attribute as it is kept; `None` where an empty one takes the attribute away. `of_body` says what the
/// subscription's filter policy looks at.
pub fn checked(
    topic: &Topic,
    protocol: &str,
    of_body: bool,
    name: &str,
    value: String,
) -> Result<Option<String>, ApiError> {
    let by_http = matches!(protocol, "http" | "https");
    match name {
        RAW_DELIVERY if !matches!(value.as_str(), "true" | "false") => {
            let reason = format!("Invalid value [{}]. Must be true or false.", refuse::shown(&value));
            return Err(refuse::parameter(format!("Attributes Reason: {RAW_DELIVERY}: {reason}")));
        }
        RAW_DELIVERY if value == "true" && !by_http => {
            return Err(refuse::parameter(format!(
                "Attributes Reason: Delivery protocol [{protocol}] does not support raw message delivery."
            )));
        }
        DELIVERY_POLICY if !value.is_empty() && !by_http => {
            return Err(refuse::parameter(format!(
                "{DELIVERY_POLICY}: Delivery protocol [{protocol}] does not support delivery policies"
            )));
        }
        DELIVERY_POLICY if !value.is_empty() => {
            let policy = outbox::delivery_policy(topic, None).with_subscription(&value);
            policy.map_err(|why| refuse::parameter(format!("{DELIVERY_POLICY}: {}", refuse::shown(why))))?;
        }
        FILTER_POLICY if !matches!(value.as_str(), "" | "{}") => check_filter(&value, of_body)?,
        FILTER_POLICY => return Ok(None),
        FILTER_POLICY_SCOPE if !matches!(value.as_str(), "" | MESSAGE_ATTRIBUTES | MESSAGE_BODY) => {
            return Err(refuse::parameter(format!(
                "{FILTER_POLICY_SCOPE}: Invalid value [{}]. Please use either MessageBody or MessageAttributes",
                refuse::shown(&value)
            )));
        }
        RAW_DELIVERY | DELIVERY_POLICY | FILTER_POLICY_SCOPE => {}
        _ => return Err(refuse::attribute(name)),
    }
    Ok((!value.is_empty()).then_some(value))
}

fn check_filter(policy: &str, of_body: bool) -> Result<(), ApiError> {
    let read = FilterPolicy::parse(policy, of_body);
    read.map(|_| ()).map_err(|why| refuse::parameter(format!("{FILTER_POLICY}: {}", refuse::shown(why))))
}
