//! `Address`: how and where one delivery goes, as it stands in the outbox.

use super::delivery_policy::RetryPolicy;
use catalog::NewDelivery;
use serde::{Deserialize, Serialize};
use ureq::http::Uri;

/// The protocol of webhooks; those of SNS are `http`, `https`, `email` and `email-json`.
pub(super) const WEBHOOK: &str = "webhook";

/// How and where one delivery goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Address {
    pub protocol: String,
    /// URL, e-mail address or name of a webhook.
    pub endpoint: String,
    /// The message alone, without the document around it.
    #[serde(default)]
    pub raw: bool,
    pub retry: RetryPolicy,
    /// Of HTTP deliveries.
    pub content_type: String,
}

impl Address {
    /// A delivery to `target`, an ARN.
    pub fn deliver_to(&self, target: String) -> Result<NewDelivery, serde_json::Error> {
        Ok(NewDelivery { target, lane: self.lane(), address: serde_json::to_string(self)? })
    }

    /// What must not be asked for too much at once: the host, the mail server, the webhook.
    fn lane(&self) -> String {
        match self.protocol.as_str() {
            WEBHOOK => format!("webhook/{}", self.endpoint),
            "http" | "https" => {
                let uri: Uri = self.endpoint.parse().unwrap_or_default();
                let host = uri.host().unwrap_or_default().to_ascii_lowercase();
                format!("{}://{host}:{}", self.protocol, uri.port_u16().unwrap_or_default())
            }
            _ => "smtp".to_owned(),
        }
    }
}
