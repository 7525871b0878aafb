//! Signatures of messages, as SNS makes them: an RSA key of the server's own, and a certificate that receivers fetch.
//!
//! AWS: <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>. Version 1 is RSASSA-PKCS1-v1_5 with SHA-1,
//! version 2 (the topic's attribute `SignatureVersion`) with SHA-256. The certificate is signed by its own key: it says that a
//! message comes from this server, to whoever fetched it from there. Validators of AWS's SDKs fetch certificates from AWS's
//! hosts alone, until they are told another pattern of hosts.
//!
//! The key is made of a secret seed when it is first needed, which takes some hundred milliseconds; the same seed makes the
//! same key and certificate.

mod certificate;

use super::message::{Kind, Message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng as _;
use model::hex;
use rsa::pkcs1::EncodeRsaPublicKey as _;
use rsa::sha2::{Digest as _, Sha256};
use rsa::{Pkcs1v15Sign, PrivateKey};
use sha1::Sha1;
use std::fmt::Write as _;
use std::sync::OnceLock;

/// Size of the key.
const BITS: usize = 2048;

/// Signs messages.
pub struct Signer {
    seed: [u8; 32],
    key: OnceLock<Option<Key>>,
}

struct Key {
    private: PrivateKey,
    /// The certificate's path on this server.
    path: String,
    /// The certificate.
    pem: String,
}

impl std::fmt::Debug for Signer {
    /// Shows no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

/// What a message says about its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Base64.
    pub signature: String,
    /// The path of the certificate.
    pub certificate_path: String,
}

impl Signer {
    /// Signs with the key of a secret seed.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, key: OnceLock::new() }
    }

    /// The key; `None` when there can be none of this seed. The first call blocks for some hundred milliseconds.
    fn key(&self) -> Option<&Key> {
        let make = || match Key::make(self.seed) {
            Ok(key) => Some(key),
            Err(error) => {
                tracing::error!(%error, "make the key that signs notifications");
                None
            }
        };
        self.key.get_or_init(make).as_ref()
    }

    /// The signature of `message` as receivers of `protocol` get it; blocks as `key` does.
    pub fn sign(&self, message: &Message, protocol: &str, base_url: &str) -> Option<Signature> {
        let key = self.key()?;
        let text = string_to_sign(message, protocol, base_url);
        let signed = match message.signature_version() {
            "2" => key.private.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(text.as_bytes())),
            _ => key.private.sign(Pkcs1v15Sign::new::<Sha1>(), &Sha1::digest(text.as_bytes())),
        };
        let signature = signed.inspect_err(|error| tracing::error!(%error, "sign a notification")).ok()?;
        Some(Signature { signature: STANDARD.encode(signature), certificate_path: key.path.clone() })
    }

    /// The certificate in PEM, if `path` is where it is; blocks as `key` does.
    pub fn certificate(&self, path: &str) -> Option<&str> {
        let key = self.key()?;
        (key.path == path).then_some(key.pem.as_str())
    }
}

impl Key {
    fn make(seed: [u8; 32]) -> Result<Self, rsa::Error> {
        let private = PrivateKey::new(&mut ChaCha20Rng::from_seed(seed), BITS)?;
        let public = private.as_public_key().to_pkcs1_der()?;
        let name = hex(&Sha256::digest(public.as_bytes()))[..32].to_owned();
        let sign = |bytes: &[u8]| private.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(bytes));
        let der = certificate::of(public.as_bytes(), sign)?;
        // As AWS calls its own.
        Ok(Self { path: format!("{CERTIFICATE_PATHS}{name}.pem"), pem: pem(&der), private })
    }
}

/// How the paths of certificates begin.
pub const CERTIFICATE_PATHS: &str = "/SimpleNotificationService-";

/// What is signed: name and value of members, a line each, in the order of their names.
fn string_to_sign(message: &Message, protocol: &str, base_url: &str) -> String {
    let mut text = String::new();
    let mut put = |name: &str, value: &str| {
        let _ = writeln!(text, "{name}\n{value}");
    };
    put("Message", &message.text_for(protocol));
    put("MessageId", &message.id);
    match message.kind {
        Kind::Notification => {
            if let Some(subject) = &message.subject {
                put("Subject", subject);
            }
        }
        Kind::SubscriptionConfirmation | Kind::UnsubscribeConfirmation => {
            put("SubscribeURL", &message.subscribe_url(base_url));
        }
    }
    put("Timestamp", &message.timestamp);
    if message.kind != Kind::Notification {
        put("Token", message.token.as_deref().unwrap_or_default());
    }
    put("TopicArn", &message.topic_arn);
    put("Type", message.kind.as_str());
    text
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests;
