//! GetTopicAttributes and SetTopicAttributes.
//!
//! AWS: <https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html>. Settable: DisplayName, DeliveryPolicy, KmsMasterKeyId, Policy,
//! SignatureVersion. A policy is kept and shown, and decides nothing. So is a key: nothing is encrypted with it. Attributes for what
//! Trailwatch does not do (FIFO, X-Ray, delivery status logging) are refused by name.

use super::{names, refuse};
use crate::Watch;
use crate::notify::delivery_policy::DeliveryPolicy;
use crate::notify::outbox::{self, DELIVERY_POLICY, DISPLAY_NAME, SIGNATURE_VERSION};
use catalog::Topic;
use model::{Caller, arn};
use serde_json::json;
use std::collections::BTreeMap;
use wire::ApiError;
use wire::shape::Empty;
use wire::sns::{GetTopicAttributesInput, GetTopicAttributesResponse, SetTopicAttributesInput};

/// Attribute: who may use the topic.
const POLICY: &str = "Policy";
/// Attribute: the key that AWS encrypts messages with.
const KMS_MASTER_KEY_ID: &str = "KmsMasterKeyId";
/// Longest name of a key, bytes (KMS: KeyId).
const KEY_BYTES_MAX: usize = 2048;
/// Longest DisplayName, characters.
const DISPLAY_NAME_CHARS_MAX: usize = 100;
/// Longest policy, bytes (SNS quotas: 30 KB).
const POLICY_BYTES_MAX: usize = 30 * 1024;

pub async fn get_topic_attributes(
    watch: &Watch,
    caller: &Caller,
    input: GetTopicAttributesInput,
) -> Result<GetTopicAttributesResponse, ApiError> {
    let topic = names::topic(watch, caller, "GetTopicAttributes", &input.topic_arn).await?;
    let counts = watch.catalog.subscription_counts(&topic.scope, &topic.name).await?;
    let mut attributes = BTreeMap::from([
        (POLICY.to_owned(), default_policy(&topic)),
        (DISPLAY_NAME.to_owned(), String::new()),
        ("Owner".to_owned(), topic.scope.account.clone()),
        ("TopicArn".to_owned(), arn::topic(&topic.scope, &topic.name)),
        ("SubscriptionsConfirmed".to_owned(), counts.confirmed.to_string()),
        ("SubscriptionsPending".to_owned(), counts.pending.to_string()),
        ("SubscriptionsDeleted".to_owned(), topic.subscriptions_deleted.to_string()),
        ("EffectiveDeliveryPolicy".to_owned(), outbox::delivery_policy(&topic, None).topic_document()),
    ]);
    attributes.extend(topic.attributes);
    Ok(GetTopicAttributesResponse { attributes: Some(attributes) })
}

pub async fn set_topic_attributes(
    watch: &Watch,
    caller: &Caller,
    input: SetTopicAttributesInput,
) -> Result<Empty, ApiError> {
    let topic = names::topic(watch, caller, "SetTopicAttributes", &input.topic_arn).await?;
    let name = &input.attribute_name;
    let value = checked(name, input.attribute_value.unwrap_or_default())?;
    match watch.catalog.set_topic_attribute(&topic.scope, &topic.name, name, value.as_deref()).await? {
        true => Ok(Empty {}),
        false => Err(refuse::no_topic()),
    }
}

/// The value of a settable attribute as it is kept; `None` where an empty one takes the attribute away.
pub fn checked(name: &str, value: String) -> Result<Option<String>, ApiError> {
    match name {
        DISPLAY_NAME => {
            if value.chars().count() > DISPLAY_NAME_CHARS_MAX || value.chars().any(char::is_control) {
                return Err(refuse::parameter(DISPLAY_NAME));
            }
        }
        DELIVERY_POLICY if !value.is_empty() => {
            DeliveryPolicy::of_topic(&value)
                .map_err(|why| refuse::parameter(format!("{DELIVERY_POLICY}: {}", refuse::shown(why))))?;
        }
        POLICY if value.is_empty() => return Err(refuse::parameter("Policy Error: null")),
        POLICY => {
            let read: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(&value);
            if value.len() > POLICY_BYTES_MAX || !read.is_ok_and(|policy| policy.contains_key("Statement")) {
                return Err(refuse::parameter("Policy failed to parse"));
            }
        }
        SIGNATURE_VERSION if !matches!(value.as_str(), "" | "1" | "2") => {
            return Err(refuse::parameter(SIGNATURE_VERSION));
        }
        KMS_MASTER_KEY_ID if value.len() > KEY_BYTES_MAX || !value.bytes().all(|byte| byte.is_ascii_graphic()) => {
            return Err(refuse::parameter(KMS_MASTER_KEY_ID));
        }
        DELIVERY_POLICY | SIGNATURE_VERSION | KMS_MASTER_KEY_ID => {}
        _ => return Err(refuse::attribute(name)),
    }
    Ok((!value.is_empty()).then_some(value))
}

/// What AWS gives a new topic: its owner may do everything.
fn default_policy(topic: &Topic) -> String {
    let actions = [
        "Publish",
        "RemovePermission",
        "SetTopicAttributes",
        "DeleteTopic",
        "ListSubscriptionsByTopic",
        "GetTopicAttributes",
        "AddPermission",
        "Subscribe",
    ];
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": { "AWS": "*" },
            "Action": actions.map(|action| format!("SNS:{action}")),
            "Resource": arn::topic(&topic.scope, &topic.name),
            "Condition": { "StringEquals": { "AWS:SourceOwner": topic.scope.account } },
        }],
    })
    .to_string()
}
