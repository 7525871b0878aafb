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
    /// The account whose alarms, when they go to ALARM, tell what changed before: who gets such a message sees audit events of all
    /// accounts. `None` for no account.
    pub alarm_causes: Option<String>,
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

impl Settings {
    /// Why these settings cannot work, in words for the operator.
    pub fn check(&self) -> Result<(), String> {
        if let Some(url) = self.public_url.as_deref().filter(|url| !is_url(url) || url.ends_with('/')) {
            return Err(format!(
                "[notify] public_url must be an http:// or https:// URL without a slash at its end, not '{url}'"
            ));
        }
        for (name, webhook) in &self.webhooks {
            let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            if !(1..=64).contains(&name.len()) || !name.bytes().all(sound) {
                return Err(format!("[notify.webhooks] names have up to 64 letters, digits, - and _, not '{name}'"));
            }
            if !is_url(&webhook.url) {
                return Err(format!("[notify.webhooks] {name}: url must be an http:// or https:// URL"));
            }
        }
        let Some(smtp) = &self.smtp else { return Ok(()) };
        if smtp.host.is_empty() || smtp.from.parse::<lettre::Address>().is_err() {
            return Err(format!(
                "[notify.smtp] needs a host and a sender's address, not '{}' and '{}'",
                smtp.host, smtp.from
            ));
        }
        if smtp.credentials.is_some() && smtp.tls == SmtpTls::None {
            return Err("[notify.smtp] would send the password in the clear: set tls to \"starttls\" or \"tls\"".into());
        }
        Ok(())
    }
}

fn is_url(text: &str) -> bool {
    let uri: Result<ureq::http::Uri, _> = text.parse();
    uri.is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    })
}
