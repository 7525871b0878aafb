//! Notifications: what is published goes into the outbox of the catalog, and from there to receivers by HTTP and e-mail.
//!
//! Every delivery is made at least once: a message is in the outbox before its publisher is answered, and leaves it when its
//! receiver has taken it, or when the retry policy has ended; then it is a dead letter. After a crash the outbox is as it was,
//! and a delivery that was under way is made again.

mod address;
mod counts;
mod deliver;
pub mod delivery_policy;
pub mod filter_policy;
mod guard;
mod http;
pub mod message;
pub mod outbox;
mod settings;
pub mod signature;
mod smtp;
mod webhook;

pub use deliver::{deliver, deliver_due};
pub use guard::is_public;
pub use http::guarded;
pub use settings::{Settings, Smtp, SmtpTls, Webhook, WebhookFormat};

use crate::investigate::Budget;
use counts::Counts;
use model::{Datapoint, Timestamp};
use signature::Signer;
use std::sync::OnceLock;

/// What publishing and delivering need beside the catalog. One for the life of the process.
#[derive(Debug)]
pub struct Notify {
    settings: Settings,
    signer: Option<Signer>,
    listen_url: OnceLock<String>,
    agent: ureq::Agent,
    woken: tokio::sync::Notify,
    counts: Counts,
    /// Time that was taken to look for causes of alarms.
    pub(crate) looking_for_causes: Budget,
}

impl Default for Notify {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl Notify {
    /// With what the operator configured.
    pub fn new(settings: Settings) -> Self {
        Self {
            agent: http::agent(settings.allow_private),
            settings,
            signer: None,
            listen_url: OnceLock::new(),
            woken: tokio::sync::Notify::new(),
            counts: Counts::default(),
            looking_for_causes: Budget::default(),
        }
    }

    /// With signatures by the key of a secret seed; without, signatures are empty.
    pub fn signing(self, seed: [u8; 32]) -> Self {
        Self { signer: Some(Signer::new(seed)), ..self }
    }

    /// What signs messages.
    pub fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }

    /// What the operator configured.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Says where the server listens, for links in messages where no public URL is configured. The first word counts.
    pub fn listening_on(&self, url: String) {
        let _ = self.listen_url.set(url);
    }

    /// Has the outbox looked at now instead of within a second.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// What was published and delivered since the last call, as the metrics that SNS publishes in namespace `AWS/SNS`.
    pub fn take_metrics(&self, at: Timestamp) -> Vec<Datapoint> {
        self.counts.take(at)
    }

    /// The beginning of links to this server.
    fn base_url(&self) -> &str {
        let configured = self.settings.public_url.as_deref();
        configured.or_else(|| self.listen_url.get().map(String::as_str)).unwrap_or("http://127.0.0.1:8792")
    }
}
