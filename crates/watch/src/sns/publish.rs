//! Publish: a message to all who subscribed to a topic, or to a webhook of the configuration.
//!
//! AWS: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>. The answer comes when the message is in the outbox for each
//! receiver. `TargetArn` may name a topic or, which AWS does not have, a webhook: `arn:trailwatch:notify:…:webhook/NAME`.

use super::{names, refuse};
use crate::Watch;
use crate::notify::message::{Attribute, Kind, Message};
use crate::notify::outbox::{self, DISPLAY_NAME, SIGNATURE_VERSION};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalog::Publication;
use model::arn::{self, Arn};
use model::limits::{DELIVERIES_WAITING_MAX, MESSAGE_BYTES_MAX};
use model::{Caller, Scope};
use std::collections::BTreeMap;
use wire::ApiError;
use wire::error::common;
use wire::sns::{MessageAttributeValue, PublishInput, PublishResponse};

/// Longest subject, characters.
const SUBJECT_CHARS_MAX: usize = 100;

pub async fn publish(watch: &Watch, caller: &Caller, input: PublishInput) -> Result<PublishResponse, ApiError> {
    if input.phone_number.is_some() {
        return Err(refuse::parameter("PhoneNumber Reason: Trailwatch sends no SMS"));
    }
    let arn = match (input.topic_arn, input.target_arn) {
        (Some(arn), None) | (None, Some(arn)) => arn,
        (None, None) => {
            return Err(refuse::parameter("TopicArn or TargetArn Reason: no value for required parameter"));
        }
        (Some(_), Some(_)) => return Err(refuse::parameter("Only one of TopicArn or TargetArn may be given")),
    };
    let target = Target::find(watch, caller, "Publish", &arn).await?;
    let content = Content {
        text: input.message,
        subject: input.subject,
        structure: input.message_structure,
        attributes: input.message_attributes,
    };
    let message = target.message(watch, content)?;
    let publication = target.publication(watch, &message).await?;
    target.put(watch, std::slice::from_ref(&publication)).await?;
    Ok(PublishResponse { message_id: Some(message.id), sequence_number: None })
}

/// Publishes a text of the server's own, for a resource of `account`, to a topic that must be the same account's.
pub async fn notify(watch: &Watch, account: &str, topic_arn: &str, text: String) -> Result<(), ApiError> {
    let target = Target::Topic(topic_of(watch, account, topic_arn).await?);
    let message = target.message(watch, Content { text, subject: None, structure: None, attributes: None })?;
    let publication = target.publication(watch, &message).await?;
    target.put(watch, std::slice::from_ref(&publication)).await
}

/// The topic that a resource of `account` may publish to.
pub async fn topic_of(watch: &Watch, account: &str, topic_arn: &str) -> Result<catalog::Topic, ApiError> {
    let (scope, name) = names::topic_parts(topic_arn, "TopicArn")?;
    // Topics have no policies that would let another account in.
    let topic = watch.catalog.topic(&scope, &name).await?.filter(|topic| topic.scope.account == account);
    topic.ok_or_else(refuse::no_topic)
}

/// What a client publishes.
pub struct Content {
    pub text: String,
    pub subject: Option<String>,
    pub structure: Option<String>,
    pub attributes: Option<BTreeMap<String, MessageAttributeValue>>,
}

/// Where a client publishes to.
pub enum Target {
    Topic(catalog::Topic),
    Webhook { scope: Scope, name: String },
}

impl Target {
    /// The caller's own topic, or a webhook.
    pub async fn find(watch: &Watch, caller: &Caller, operation: &str, arn: &str) -> Result<Self, ApiError> {
        match Arn::parse(arn).filter(|arn| (arn.partition, arn.service) == ("trailwatch", "notify")) {
            Some(Arn { account, region, resource, .. }) => {
                let scope = Scope { account: account.to_owned(), region: region.to_owned() };
                names::check_own(caller, operation, arn, &scope, "TargetArn")?;
                let name = resource.strip_prefix("webhook/").unwrap_or_default();
                match watch.notify.settings().webhooks.contains_key(name) {
                    true => Ok(Target::Webhook { scope, name: name.to_owned() }),
                    false => Err(refuse::parameter("TargetArn Reason: No webhook of this name is configured")),
                }
            }
            None => Ok(Target::Topic(names::topic(watch, caller, operation, arn).await?)),
        }
    }

    /// The message that `content` makes.
    pub fn message(&self, watch: &Watch, content: Content) -> Result<Message, ApiError> {
        let attributes = attributes(content.attributes.unwrap_or_default())?;
        check_text(&content.text, &attributes)?;
        check_subject(content.subject.as_deref())?;
        let structured = match content.structure.as_deref() {
            None | Some("") => false,
            Some("json") => true,
            Some(_) => return Err(refuse::parameter("MessageStructure")),
        };
        if structured {
            check_structure(&content.text)?;
        }
        let (topic_arn, topic) = match self {
            Target::Topic(topic) => (arn::topic(&topic.scope, &topic.name), Some(topic)),
            Target::Webhook { scope, name } => (arn::webhook(scope, name), None),
        };
        let attribute = |name| topic.and_then(|topic| topic.attributes.get(name).cloned());
        Ok(Message {
            kind: Kind::Notification,
            id: watch.ids.uuid().to_string(),
            topic_arn,
            subject: content.subject,
            text: content.text,
            structured,
            attributes,
            token: None,
            display_name: attribute(DISPLAY_NAME),
            signature_version: attribute(SIGNATURE_VERSION),
            timestamp: watch.clock.now().iso_millis(),
        })
    }

    /// The message with its receivers.
    pub async fn publication(&self, watch: &Watch, message: &Message) -> Result<Publication, ApiError> {
        match self {
            Target::Topic(topic) => Ok(outbox::to_topic(watch, topic, message).await?),
            Target::Webhook { name, .. } => {
                outbox::to_webhook(watch, name, message)?.ok_or_else(|| refuse::parameter("TargetArn"))
            }
        }
    }

    /// Puts messages into the outbox, all or none.
    pub async fn put(&self, watch: &Watch, publications: &[Publication]) -> Result<(), ApiError> {
        if !watch.catalog.publish(publications, DELIVERIES_WAITING_MAX).await? {
            return Err(ApiError::new(&common::THROTTLING, "Rate exceeded"));
        }
        let (scope, name) = match self {
            Target::Topic(topic) => (&topic.scope, topic.name.clone()),
            Target::Webhook { scope, name } => (scope, format!("webhook/{name}")),
        };
        for _ in publications {
            outbox::published(watch, scope, &name);
        }
        Ok(())
    }
}

fn check_text(text: &str, attributes: &BTreeMap<String, Attribute>) -> Result<(), ApiError> {
    if text.is_empty() {
        return Err(refuse::parameter("Empty message"));
    }
    let of_attributes =
        |(name, attribute): (&String, &Attribute)| name.len() + attribute.data_type.len() + attribute.value.len();
    if text.len() + attributes.iter().map(of_attributes).sum::<usize>() > MESSAGE_BYTES_MAX {
        return Err(refuse::parameter("Message too long"));
    }
    Ok(())
}

/// ASCII without control characters, at most 100, not beginning with a space.
fn check_subject(subject: Option<&str>) -> Result<(), ApiError> {
    let Some(subject) = subject else { return Ok(()) };
    let sound = subject.bytes().all(|byte| matches!(byte, b' '..=b'~')) && !subject.starts_with(' ');
    match sound && (1..=SUBJECT_CHARS_MAX).contains(&subject.len()) {
        true => Ok(()),
        false => Err(refuse::parameter("Subject")),
    }
}

fn check_structure(text: &str) -> Result<(), ApiError> {
    let read: Result<BTreeMap<String, serde_json::Value>, _> = serde_json::from_str(text);
    let texts = read.map_err(|_| refuse::parameter("Message Structure - JSON message body failed to parse"))?;
    match texts.get("default") {
        Some(serde_json::Value::String(_)) => Ok(()),
        _ => Err(refuse::parameter("Message Structure - No default entry in JSON message body")),
    }
}

fn attributes(given: BTreeMap<String, MessageAttributeValue>) -> Result<BTreeMap<String, Attribute>, ApiError> {
    given.into_iter().map(|(name, value)| Ok((name.clone(), attribute(&name, value)?))).collect()
}

fn attribute(name: &str, value: MessageAttributeValue) -> Result<Attribute, ApiError> {
    let told = refuse::shown(name);
    let sound = !name.is_empty()
        && name.len() <= 256
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    if !sound {
        return Err(refuse::value(format!("The message attribute name '{told}' is invalid.")));
    }
    let data_type = value.data_type;
    let text = match data_type.split('.').next().unwrap_or_default() {
        "Binary" => value.binary_value.filter(|bytes| !bytes.is_empty()).map(|bytes| STANDARD.encode(bytes)),
        "String" | "Number" => value.string_value.filter(|text| !text.is_empty()),
        _ => {
            return Err(refuse::value(format!(
                "The message attribute '{told}' has an invalid message attribute type, the set of supported type prefixes is \
                 Binary, Number, and String."
            )));
        }
    };
    let Some(value) = text else {
        return Err(refuse::value(format!(
            "The message attribute '{told}' must contain non-empty message attribute value for message attribute type \
             '{}'.",
            refuse::shown(&data_type)
        )));
    };
    if data_type.starts_with("Number") && !value.parse::<f64>().is_ok_and(f64::is_finite) {
        return Err(refuse::value(format!("Could not cast message attribute '{told}' value to number.")));
    }
    Ok(Attribute { data_type, value })
}
