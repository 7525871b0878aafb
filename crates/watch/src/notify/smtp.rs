//! E-mail by SMTP: a mail in plain text and HTML for `email`, the JSON document alone for `email-json`.

use super::http::Failure;
use super::message::{Kind, Message, causes_text, unsubscribe_url};
use super::settings::{Smtp, SmtpTls};
use super::signature::Signer;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, SmtpTransport, Transport};
use model::limits::DELIVERY_MS_MAX;
use std::time::Duration;

/// The sender's name where the topic has none.
const SENDER: &str = "Trailwatch Notifications";

/// A mail before it is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mail<'a> {
    pub protocol: &'a str,
    pub to: &'a str,
    pub subscription_arn: &'a str,
    pub base_url: &'a str,
    pub signer: Option<&'a Signer>,
    pub message: &'a Message,
}

/// Makes one attempt; blocks for at most 15 seconds for each answer of the server.
pub(super) fn send(smtp: &Smtp, mail: &Mail<'_>) -> Result<(), Failure> {
    let built = mail.build(smtp).map_err(Failure::Lasting)?;
    let passing = |error: lettre::transport::smtp::Error| Failure::Passing(error.to_string());
    let parameters = || TlsParameters::new(smtp.host.clone()).map_err(passing);
    let tls = match smtp.tls {
        SmtpTls::None => Tls::None,
        SmtpTls::StartTls => Tls::Required(parameters()?),
        SmtpTls::Tls => Tls::Wrapper(parameters()?),
    };
    let mut transport = SmtpTransport::builder_dangerous(&smtp.host)
        .port(smtp.port)
        .tls(tls)
        .timeout(Some(Duration::from_millis(DELIVERY_MS_MAX)));
    if let Some((user, password)) = &smtp.credentials {
        transport = transport.credentials(Credentials::new(user.clone(), password.clone()));
    }
    match transport.build().send(&built) {
        Ok(_) => Ok(()),
        // 55x: the server does not want this mail. Other refusals (of the password, of the sender) the operator can end.
        Err(error) if error.status().is_some_and(|code| (550..560).contains(&u16::from(code))) => {
            Err(Failure::Lasting(error.to_string()))
        }
        Err(error) => Err(passing(error)),
    }
}

impl Mail<'_> {
    fn build(&self, smtp: &Smtp) -> Result<lettre::Message, String> {
        let address = |text: &str| text.parse::<Address>().map_err(|error| format!("{text:.320}: {error}"));
        let name = self.message.display_name.clone().unwrap_or_else(|| SENDER.to_owned());
        let builder = lettre::Message::builder()
            .from(Mailbox::new(Some(name), address(&smtp.from)?))
            .to(Mailbox::new(None, address(self.to)?))
            .message_id(Some(format!("<{}@trailwatch>", self.message.id)))
            .subject(self.subject());
        let made = if self.protocol == "email-json" {
            let document = self.message.document(self.protocol, self.subscription_arn, self.base_url, self.signer);
            builder.header(lettre::message::header::ContentType::TEXT_PLAIN).body(document)
        } else {
            let (text, html) = self.bodies();
            builder.multipart(MultiPart::alternative_plain_html(text, html))
        };
        made.map_err(|error| error.to_string())
    }

    fn subject(&self) -> String {
        let given = self.message.subject.as_deref().unwrap_or(match self.message.kind {
            Kind::Notification => "Notification Message",
            Kind::SubscriptionConfirmation => "Subscription Confirmation",
            Kind::UnsubscribeConfirmation => "Unsubscribe Confirmation",
        });
        // A line break would begin another header.
        given.chars().filter(|c| !c.is_control()).collect()
    }

    /// The mail as plain text and as HTML.
    fn bodies(&self) -> (String, String) {
        let text = self.message.text_for(self.protocol);
        let text = format!("{text}{}", causes_text(&text));
        let (said, asked, link) = match self.message.kind {
            Kind::Notification => (
                text.as_str(),
                "To receive no more notifications of this topic, visit:",
                unsubscribe_url(self.base_url, self.subscription_arn),
            ),
            Kind::SubscriptionConfirmation => (
                "Someone asked for notifications of the topic below to be sent to this address.",
                "To receive them, confirm the subscription by visiting the link below. If it was not you, do nothing.",
                self.message.subscribe_url(self.base_url),
            ),
            Kind::UnsubscribeConfirmation => (
                "This address receives no more notifications of the topic below.",
                "If you did not want that, take the subscription up again by visiting the link below.",
                self.message.subscribe_url(self.base_url),
            ),
        };
        let topic = &self.message.topic_arn;
        let plain = format!("{said}\n\n-- \nTopic: {topic}\n{asked}\n{link}\n");
        let (said, topic, link) = (escape(said), escape(topic), escape(&link));
        let html = format!(
            "<!DOCTYPE html><html><body><pre style=\"white-space: pre-wrap; font-family: sans-serif\">{said}</pre><hr>\
             <p>Topic: {topic}<br>{asked}<br><a href=\"{link}\">{link}</a></p></body></html>"
        );
        (plain, html)
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
