//! `Oidc`: signing in to the console through an OpenID Connect provider: authorization code flow with PKCE, for a role
//! of ours.
//!
//! Sources: OpenID Connect Core 1.0, Discovery 1.0; RFC 6749, 7636 (PKCE), 9207 (`iss`). The HTTP of browsers is in `console/federated.rs`;
//! here is what is asked of the provider (`provider.rs`), what its tokens must be (`id_token.rs`) and which role they
//! stand for.
//!
//! What must be remembered of an attempt is sealed in a short-lived cookie, so that attempts that nobody finishes cost
//! no memory. Of those that come back it is remembered that they did (`used.rs`): a cookie is good once.

mod id_token;
mod provider;
#[cfg(test)]
pub mod tests;
mod used;

use crate::config::{OidcSettings, RoleRule};
use crate::real::{random_bytes, random_text};
use ::gateway::shares::Holder;
use access::SealingKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
pub use id_token::{Claims, Refused, claimed_issuer};
use model::Timestamp;
pub use provider::{Ask, Failure, Http, Provider};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::sync::Arc;
pub use used::NotUsable;
use used::Used;

/// How long an attempt may take, milliseconds: a password and a second factor.
pub const ATTEMPT_MS_MAX: i64 = 10 * 60 * 1000;
/// RFC 7636: 43 characters are 256 bits.
const TEXT_CHARS: usize = 43;
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// What seals of attempts belong to.
const OWNER: &str = "oidc attempt";
/// Longest name of a session (AssumeRoleWithWebIdentity reference, `RoleSessionName`), and the shortest.
const SESSION_CHARS_MAX: usize = 64;
const SESSION_CHARS_MIN: usize = 2;

/// One attempt to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Comes back with the code; binds it to this browser.
    pub state: String,
    /// Comes back in the ID token.
    pub nonce: String,
    /// Proves to the provider that the code was asked for here.
    pub verifier: String,
}

/// Signing in through the provider. One for the life of the process.
pub struct Oidc {
    /// What the operator configured.
    pub settings: OidcSettings,
    /// The provider.
    pub provider: Provider,
    sealing: SealingKey,
    used: Used,
}

impl Oidc {
    /// For these settings; `ask` makes the requests.
    ///
    /// # Errors
    /// When there are no random bytes.
    pub fn new(settings: OidcSettings, ask: Box<dyn Ask>) -> Result<Self, getrandom::Error> {
        let provider = Provider::new(settings.clone(), ask);
        Ok(Self { settings, provider, sealing: SealingKey::new(random_bytes()?), used: Used::new() })
    }

    /// The provider as trust policies name it: its issuer without the scheme.
    pub fn provider_name(&self) -> &str {
        self.settings.issuer.split_once("://").map_or("", |(_, name)| name).trim_end_matches('/')
    }

    /// What a question to the provider comes to, on a thread that may wait. `holder` has the turn.
    ///
    /// # Errors
    /// When there is no turn in time, or the question fails.
    pub async fn asked<T: Send + 'static>(
        self: &Arc<Self>,
        holder: &Holder,
        question: impl FnOnce(&Self) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let _turn = self.provider.turn(holder).await?;
        let asked = Arc::clone(self);
        let answered = tokio::task::spawn_blocking(move || question(&asked)).await;
        answered.unwrap_or_else(|error| Err(Failure::Provider(error.to_string())))
    }

    /// A new attempt, and the cookie that remembers it.
    pub fn begin(&self, now: Timestamp) -> Option<(Attempt, String)> {
        let text = || random_text(LETTERS, TEXT_CHARS).ok();
        let attempt = Attempt { state: text()?, nonce: text()?, verifier: text()? };
        let Attempt { state, nonce, verifier } = &attempt;
        let nonce_of_seal = *random_bytes().ok()?.first_chunk()?;
        let sealed = self.sealing.seal(
            OWNER,
            format!("{} {state} {nonce} {verifier}", now.millis()).as_bytes(),
            nonce_of_seal,
        )?;
        Some((attempt, URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// The attempt that a cookie remembers; `None` for one that is not ours or too old.
    pub fn remembered(&self, cookie: &str, now: Timestamp) -> Option<Attempt> {
        let opened = self.sealing.open(OWNER, &URL_SAFE_NO_PAD.decode(cookie).ok()?)?;
        let text = String::from_utf8(opened).ok()?;
        let mut words = text.split(' ').map(str::to_owned);
        let began = Timestamp(words.next()?.parse().ok()?);
        let attempt = Attempt { state: words.next()?, nonce: words.next()?, verifier: words.next()? };
        (0..ATTEMPT_MS_MAX).contains(&(now - began)).then_some(attempt)
    }

    /// Uses up an attempt, which has come back from `holder`.
    ///
    /// # Errors
    /// When it has been used, or cannot be remembered.
    pub fn use_up(&self, attempt: &Attempt, holder: Holder, now: Timestamp) -> Result<(), NotUsable> {
        self.used.put(&attempt.state, holder, now)
    }
}

impl Attempt {
    /// What the provider is told of the verifier before it sees it (RFC 7636, S256).
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()))
    }
}

/// The role of the first rule that fits. An e-mail address counts where the provider says that it verified it.
pub fn role_of<'a>(rules: &'a [RoleRule], claims: &Claims) -> Option<&'a str> {
    // Who may write any address at the provider must not be given what is another's.
    let is_verified = claims.all.get("email_verified").is_some_and(|said| has(said, "true"));
    let counts = |rule: &RoleRule| rule.claim != "email" || is_verified;
    let fits =
        |rule: &&RoleRule| counts(rule) && claim(&claims.all, &rule.claim).is_some_and(|found| has(found, &rule.value));
    rules.iter().find(fits).map(|rule| rule.role.as_str())
}

/// A claim by its name, which may have dots of its own, or within others.
fn claim<'a>(claims: &'a serde_json::Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(found) = claims.get(name) {
        return Some(found);
    }
    let (outer, inner) = name.split_once('.')?;
    claim(claims.get(outer)?.as_object()?, inner)
}

fn has(found: &Value, value: &str) -> bool {
    match found {
        Value::String(text) => text == value,
        Value::Bool(is) => value == if *is { "true" } else { "false" },
        Value::Array(several) => several.iter().any(|one| one.as_str() == Some(value)),
        _ => false,
    }
}

/// What the session of these claims is called: the e-mail address, where the provider verified it, or the subject.
pub fn session_name(claims: &Claims) -> String {
    let is_verified = claims.all.get("email_verified") == Some(&Value::Bool(true));
    let email = claims.all.get("email").and_then(Value::as_str).filter(|_| is_verified);
    let plain = |c: char| c.is_ascii_alphanumeric() || "_=,.@+-".contains(c);
    let name = email.unwrap_or(&claims.subject).chars().take(SESSION_CHARS_MAX);
    let mut name: String = name.map(|c| if plain(c) { c } else { '-' }).collect();
    while name.len() < SESSION_CHARS_MIN {
        name.push('-');
    }
    name
}
