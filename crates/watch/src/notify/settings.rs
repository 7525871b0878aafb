//! `Settings`: what the operator says about notifications in the configuration.

use std::collections::BTreeMap;
use std::fmt;

/// `[notify]` of the configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Beginning of the links in messages, without a slash at its end; absent, where the server listens.
    pub public_url: Option<String>,
    /// Whether receivers may be at private, loopback and other addresses that are not of the internet.
    pub allow_private: bool,
    /// Receivers that alarms and Publish may name by ARN, by name.
    pub webhooks: BTreeMap<String, Webhook>,
    /// The mail server; without one there are no e-mail subscriptions.
    pub smtp: Option<Smtp>,
}

/// A URL that takes a POST for each message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// `http://` or `https://`.
    pub url: String,
    /// What the body looks like.
    pub format: WebhookFormat,
}

/// What the body of a webhook looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookFormat {
    /// A JSON object of our own with subject and message.
    Json,
    /// `{"text": …}`, which Slack, Mattermost and their like take.
    Slack,
}

/// A mail server.
#[derive(Clone, PartialEq, Eq)]
pub struct Smtp {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The sender's address.
    pub from: String,
    /// User and password.
    pub credentials: Option<(String, String)>,
    /// How the connection is encrypted.
    pub tls: SmtpTls,
}

impl fmt::Debug for Smtp {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// How a connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// Not at all.
    None,
    /// After STARTTLS, which is required.
    StartTls,
    /// From the first byte.
    Tls,
}
