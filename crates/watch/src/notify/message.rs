//! `Message`: what was published, as it stands in the outbox, and how it reads on the way to its receivers.
//!
//! AWS: <https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html>. Messages are signed by the server's own
//! key (`signature.rs`).

use super::signature::Signer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What kind of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Something was published.
    Notification,
    /// A subscription waits for its confirmation.
    SubscriptionConfirmation,
    /// A subscription was ended by its link, and may be taken up again.
    UnsubscribeConfirmation,
}

impl Kind {
    /// The kind's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Notification => "Notification",
            Kind::SubscriptionConfirmation => "SubscriptionConfirmation",
            Kind::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        }
    }
}

/// A message attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// `String`, `String.Array`, `Number` or `Binary`, with or without a label of the client's.
    pub data_type: String,
    /// The value; base64 where it is binary.
    pub value: String,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What kind it is.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// The ARN that it was published to: a topic's or a webhook's.
    pub topic_arn: String,
    /// Its subject.
    pub subject: Option<String>,
    /// Its text, or a JSON object with a text for each protocol.
    pub text: String,
    /// Whether `text` is such an object.
    #[serde(default)]
    pub structured: bool,
    /// Its attributes.
    #[serde(default)]
    pub attributes: BTreeMap<String, Attribute>,
    /// What confirms the subscription.
    pub token: Option<String>,
    /// The topic's name for people, from whom e-mail comes.
    pub display_name: Option<String>,
    /// The topic's `SignatureVersion`; absent, `1`.
    #[serde(default)]
    pub signature_version: Option<String>,
    /// When it was published, `2026-03-01T00:00:00.000Z`.
    pub timestamp: String,
}

impl Message {
    /// The text for receivers of `protocol`.
    pub fn text_for(&self, protocol: &str) -> Cow<'_, str> {
        if !self.structured {
            return Cow::Borrowed(&self.text);
        }
        let texts: Map<String, Value> = serde_json::from_str(&self.text).unwrap_or_default();
        let text = texts.get(protocol).or_else(|| texts.get("default")).and_then(Value::as_str);
        Cow::Owned(text.unwrap_or_default().to_owned())
    }

    /// `1` or `2`.
    pub fn signature_version(&self) -> &str {
        self.signature_version.as_deref().unwrap_or("1")
    }

    /// The link that confirms the subscription of this message.
    pub fn subscribe_url(&self, base_url: &str) -> String {
        let token = self.token.as_deref().unwrap_or_default();
        format!("{base_url}/?Action=ConfirmSubscription&Version=2010-03-31&TopicArn={}&Token={token}", self.topic_arn)
    }

    /// The JSON document that receivers by HTTP and `email-json` get. Without a signer its signature is empty. The first that is
    /// signed blocks for some hundred milliseconds.
    pub fn document(&self, protocol: &str, subscription_arn: &str, base_url: &str, signer: Option<&Signer>) -> String {
        let signed = signer.and_then(|signer| signer.sign(self, protocol, base_url));
        let (signature, certificate) = signed.map_or_else(Default::default, |signed| {
            (signed.signature, format!("{base_url}{}", signed.certificate_path))
        });
        let mut document = Map::new();
        let mut put = |key: &str, value: &str| {
            document.insert(key.to_owned(), value.into());
        };
        put("Type", self.kind.as_str());
        put("MessageId", &self.id);
        if let Some(token) = &self.token {
            put("Token", token);
        }
        put("TopicArn", &self.topic_arn);
        if let Some(subject) = &self.subject {
            put("Subject", subject);
        }
        put("Message", &self.text_for(protocol));
        if self.kind != Kind::Notification {
            put("SubscribeURL", &self.subscribe_url(base_url));
        }
        put("Timestamp", &self.timestamp);
        put("SignatureVersion", self.signature_version());
        put("Signature", &signature);
        put("SigningCertURL", &certificate);
        if self.kind == Kind::Notification {
            put("UnsubscribeURL", &unsubscribe_url(base_url, subscription_arn));
        }
        if !self.attributes.is_empty() {
            let attribute = |(name, attribute): (&String, &Attribute)| {
                (name.clone(), json!({ "Type": attribute.data_type, "Value": attribute.value }))
            };
            let attributes: Map<String, Value> = self.attributes.iter().map(attribute).collect();
            document.insert("MessageAttributes".to_owned(), Value::Object(attributes));
        }
        // As AWS lays it out: a member on each line.
        serde_json::to_string_pretty(&document).unwrap_or_default()
    }
}

/// The link that ends a subscription.
pub fn unsubscribe_url(base_url: &str, subscription_arn: &str) -> String {
    format!("{base_url}/?Action=Unsubscribe&Version=2010-03-31&SubscriptionArn={subscription_arn}")
}

/// What a confirmation says to people.
pub fn confirmation_text(topic_arn: &str) -> String {
    format!(
        "You have chosen to subscribe to the topic {topic_arn}.\n\
         To confirm the subscription, visit the SubscribeURL included in this message."
    )
}

/// What the last message to a receiver says to people.
pub fn farewell_text(subscription_arn: &str) -> String {
    format!(
        "You have chosen to deactivate subscription {subscription_arn}.\n\
         To cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
    )
}

/// What an alarm's message tells of causes, as a paragraph for people; empty where there is nothing.
pub fn causes_text(text: &str) -> String {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Told {
        #[serde(rename = "TrailwatchCauses")]
        causes: Vec<Cause>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Cause {
        summary: String,
        verdict: String,
    }
    let told: Told = serde_json::from_str(text).unwrap_or_default();
    let mut lines = String::new();
    for cause in &told.causes {
        lines += if lines.is_empty() { "\n\nWhat changed before:" } else { "" };
        lines += &format!("\n- {}: {}", cause.verdict, cause.summary);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_the_members_of_its_kind_in_order() {
        let mut message = Message {
            kind: Kind::Notification,
            id: "id".into(),
            topic_arn: "arn:t".into(),
            subject: None,
            text: r#"{"default":"d","http":"h"}"#.into(),
            structured: true,
            attributes: BTreeMap::from([("a".into(), Attribute { data_type: "Number".into(), value: "1".into() })]),
            token: None,
            display_name: None,
            signature_version: None,
            timestamp: "2026-03-01T00:00:00.000Z".into(),
        };
        let read = |message: &Message, protocol: &str| -> Map<String, Value> {
            serde_json::from_str(&message.document(protocol, "arn:t:s", "http://h", None)).unwrap()
        };
        let document = read(&message, "http");
        let keys: Vec<&str> = document.keys().map(String::as_str).collect();
        let expected = [
            "Type",
            "MessageId",
            "TopicArn",
            "Message",
            "Timestamp",
            "SignatureVersion",
            "Signature",
            "SigningCertURL",
            "UnsubscribeURL",
            "MessageAttributes",
        ];
        assert_eq!(keys, expected);
        assert_eq!((&document["Message"], &read(&message, "email-json")["Message"]), (&json!("h"), &json!("d")));
        assert_eq!(
            document["UnsubscribeURL"],
            "http://h/?Action=Unsubscribe&Version=2010-03-31&SubscriptionArn=arn:t:s"
        );
        message.kind = Kind::SubscriptionConfirmation;
        message.token = Some("tok".into());
        message.attributes.clear();
        let document = read(&message, "http");
        let keys: Vec<&str> = document.keys().map(String::as_str).collect();
        let expected = [
            "Type",
            "MessageId",
            "Token",
            "TopicArn",
            "Message",
            "SubscribeURL",
            "Timestamp",
            "SignatureVersion",
            "Signature",
            "SigningCertURL",
        ];
        assert_eq!(keys, expected);
    }
}
