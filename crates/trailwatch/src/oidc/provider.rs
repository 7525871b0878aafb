//! `Provider`: what is asked of an OpenID Connect provider: where it is (discovery), its keys, and a token for a code.
//!
//! Everything here blocks, and has a limit: bytes, time, how many ask at the same time, and how often. The issuer is
//! the operator's own word and may be anywhere; what its document names elsewhere must be of the internet, as receivers
//! of notifications must (`notify.allow_private`). Redirects are not followed.

use super::id_token::{self, Claims, Expected, Key, Refused};
use super::{Attempt, OidcSettings};
use crate::buckets::percent::encoded;
use ::gateway::shares::{Holder, Share, Shares};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use model::time::{HOUR, SECOND};
use serde::Deserialize;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Largest answer of a provider, bytes.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;
/// How long it may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How long its document and its keys are good for, milliseconds.
const KEPT_MS: i64 = HOUR;
/// Shortest time between two looks for new keys, and after a failure, milliseconds.
const KEYS_FLOOR_MS: i64 = 30 * SECOND;
const FAILED_FLOOR_MS: i64 = 5 * SECOND;
/// Most attempts that ask the provider at the same time: each takes a thread. Shared out by address.
const ASKING_MAX: usize = 8;
/// How long one waits for a turn.
const TURN_WAIT: Duration = Duration::from_secs(5);

/// Makes requests; blocking. What is answered is the body of an answer with status 200.
pub trait Ask: Send + Sync {
    /// GET.
    ///
    /// # Errors
    /// Why there is no answer, for the operator.
    fn get(&self, url: &str) -> Result<Vec<u8>, String>;

    /// POST of a form, with the value of an Authorization header.
    ///
    /// # Errors
    /// As [`Self::get`].
    fn post(&self, url: &str, form: &str, authorization: Option<&str>) -> Result<Vec<u8>, String>;
}

/// Over HTTP.
pub struct Http {
    /// For the issuer's own host.
    issuer: ureq::Agent,
    authority: String,
    /// For all others.
    elsewhere: ureq::Agent,
}

impl Http {
    /// To the provider of these settings.
    pub fn new(settings: &OidcSettings, allow_private: bool) -> Self {
        let config = || {
            let tls = settings.certificates.as_ref().map(|certificates| {
                let roots = certificates.iter().map(|der| ureq::tls::Certificate::from_der(der).to_owned());
                ureq::tls::TlsConfig::builder().root_certs(roots.into()).build()
            });
            ureq::config::Config::builder()
                .proxy(None)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .http_status_as_error(false)
                .timeout_global(Some(ANSWER_MAX))
                .max_idle_connections(0)
                .tls_config(tls.unwrap_or_default())
                .user_agent(concat!("trailwatch/", env!("CARGO_PKG_VERSION")))
                .build()
        };
        Self {
            issuer: ureq::Agent::new_with_config(config()),
            authority: authority(&settings.issuer).unwrap_or_default(),
            elsewhere: watch::notify::guarded(config(), allow_private),
        }
    }

    fn agent(&self, url: &str) -> &ureq::Agent {
        if authority(url).is_some_and(|named| named == self.authority) { &self.issuer } else { &self.elsewhere }
    }
}

fn authority(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    Some(uri.authority()?.as_str().to_ascii_lowercase())
}

impl Ask for Http {
    fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        body(self.agent(url).get(url).header("accept", "application/json").call())
    }

    fn post(&self, url: &str, form: &str, authorization: Option<&str>) -> Result<Vec<u8>, String> {
        let mut request = self.agent(url).post(url).header("accept", "application/json");
        request = request.header("content-type", "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        body(request.send(form.as_bytes()))
    }
}

fn body(answer: Result<http::Response<ureq::Body>, ureq::Error>) -> Result<Vec<u8>, String> {
    let mut answer = answer.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    if status != 200 {
        return Err(format!("it answered {status}"));
    }
    answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().map_err(|error| error.to_string())
}

/// Why an attempt came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Too many ask at the same time.
    #[error("too many sign in at the same time")]
    Busy,
    /// The provider cannot be asked, or says no; for the operator.
    #[error("the provider: {0}")]
    Provider(String),
    /// Its token is none.
    #[error("the ID token: {0}")]
    Token(#[from] Refused),
}

/// What the provider says of itself (Discovery 1.0, 3).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// What is known of the provider.
#[derive(Debug, Default)]
struct Known {
    document: Option<(Timestamp, Document)>,
    keys: Option<(Timestamp, Vec<Key>)>,
    failed: Option<(Timestamp, String)>,
}

/// A provider.
pub struct Provider {
    settings: OidcSettings,
    ask: Box<dyn Ask>,
    known: Mutex<Known>,
    asking: Shares,
    /// Tells those who wait that a turn is over.
    over: Arc<Notify>,
}

/// A turn to ask the provider; over when it is dropped.
#[derive(Debug)]
pub struct Turn {
    share: Option<Share>,
    over: Arc<Notify>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.share = None;
        self.over.notify_waiters();
    }
}

impl Provider {
    /// The provider of these settings.
    pub fn new(settings: OidcSettings, ask: Box<dyn Ask>) -> Self {
        Self { settings, ask, known: Mutex::default(), asking: Shares::new(ASKING_MAX), over: Arc::default() }
    }

    /// A turn of `holder` among those that may ask.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn turn(&self, holder: &Holder) -> Result<Turn, Failure> {
        let waiting = async {
            loop {
                // Heard from here on, so that no turn ends unnoticed between the look and the wait.
                let mut over = pin!(self.over.notified());
                over.as_mut().enable();
                if let Some(share) = self.asking.take(holder.clone(), 1) {
                    return Turn { share: Some(share), over: Arc::clone(&self.over) };
                }
                over.await;
            }
        };
        tokio::time::timeout(TURN_WAIT, waiting).await.map_err(|_| Failure::Busy)
    }

    /// Where a browser is sent to sign in. Blocks.
    ///
    /// # Errors
    /// When the provider cannot be asked where that is.
    pub fn authorization_url(&self, attempt: &Attempt, redirect_uri: &str, now: Timestamp) -> Result<String, Failure> {
        let endpoint = self.document(now)?.authorization_endpoint;
        let separator = if endpoint.contains('?') { '&' } else { '?' };
        let form = form(&[
            ("response_type", "code"),
            ("client_id", &self.settings.client_id),
            ("redirect_uri", redirect_uri),
            ("scope", &self.settings.scope),
            ("state", &attempt.state),
            ("nonce", &attempt.nonce),
            ("code_challenge", &attempt.challenge()),
            ("code_challenge_method", "S256"),
        ]);
        Ok(format!("{endpoint}{separator}{form}"))
    }

    /// What the provider says of whom it gave `code` to, verified. Blocks.
    ///
    /// # Errors
    /// When it cannot be asked, does not take the code, or its token is none.
    pub fn redeem(&self, code: &str, attempt: &Attempt, redirect_uri: &str, now: Timestamp) -> Result<Claims, Failure> {
        #[derive(Deserialize)]
        struct Tokens {
            id_token: String,
        }
        let document = self.document(now)?;
        let client_id = self.settings.client_id.as_str();
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", attempt.verifier.as_str()),
        ];
        let mut authorization = None;
        match &self.settings.client_secret {
            // RFC 6749, 2.3.1; a provider that says nothing takes this.
            Some(secret) if document.takes("client_secret_basic") => {
                let pair = format!("{}:{}", word(client_id), word(secret));
                authorization = Some(format!("Basic {}", STANDARD.encode(pair)));
            }
            Some(secret) => pairs.extend([("client_id", client_id), ("client_secret", secret)]),
            None => pairs.push(("client_id", client_id)),
        }
        let answer = self.ask.post(&document.token_endpoint, &form(&pairs), authorization.as_deref());
        let answer = answer.map_err(|error| Failure::Provider(format!("its token endpoint: {error}")))?;
        let tokens: Tokens = serde_json::from_slice(&answer)
            .map_err(|error| Failure::Provider(format!("its token endpoint: {error}")))?;
        let expected = Expected { issuer: &self.settings.issuer, client_id, nonce: Some(&attempt.nonce), now };
        self.verify(&document, &tokens.id_token, &expected)
    }

    /// What an ID token says that somebody brings, verified. Blocks.
    ///
    /// # Errors
    /// When the provider cannot be asked for its keys, or the token is none of it for us.
    pub fn verified(&self, token: &str, now: Timestamp) -> Result<Claims, Failure> {
        let OidcSettings { issuer, client_id, .. } = &self.settings;
        let document = self.document(now)?;
        self.verify(&document, token, &Expected { issuer, client_id, nonce: None, now })
    }

    fn verify(&self, document: &Document, token: &str, expected: &Expected<'_>) -> Result<Claims, Failure> {
        let verify = |keys: &[Key]| id_token::verify(token, keys, expected);
        let (keys, is_new) = self.keys(document, KEPT_MS, expected.now)?;
        match verify(&keys) {
            // It may have new keys; who sends tokens of unknown keys does not make us ask at will.
            Err(Refused::UnknownKey) if !is_new => Ok(verify(&self.keys(document, KEYS_FLOOR_MS, expected.now)?.0)?),
            verified => Ok(verified?),
        }
    }

    fn document(&self, now: Timestamp) -> Result<Document, Failure> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, document)) = &known.document
            && now - *at < KEPT_MS
        {
            return Ok(document.clone());
        }
        if let Some((at, error)) = &known.failed
            && now - *at < FAILED_FLOOR_MS
        {
            return Err(Failure::Provider(error.clone()));
        }
        match self.fetch_document() {
            Ok(document) => {
                (known.document, known.failed) = (Some((now, document.clone())), None);
                Ok(document)
            }
            Err(error) => {
                known.failed = Some((now, error.clone()));
                Err(Failure::Provider(error))
            }
        }
    }

    fn fetch_document(&self) -> Result<Document, String> {
        let issuer = self.settings.issuer.as_str();
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let answer = self.ask.get(&url).map_err(|error| format!("{url}: {error}"))?;
        let document: Document = serde_json::from_slice(&answer).map_err(|error| format!("{url}: {error}"))?;
        if document.issuer != issuer {
            let told: String = document.issuer.chars().take(256).collect();
            return Err(format!("{url} is of issuer {told:?}, not of {issuer:?}"));
        }
        // Plain HTTP is for issuers of this machine alone.
        let plain = issuer.starts_with("http://");
        let Document { authorization_endpoint, token_endpoint, jwks_uri, .. } = &document;
        for endpoint in [authorization_endpoint, token_endpoint, jwks_uri] {
            let is_good = (endpoint.starts_with("https://") || (plain && endpoint.starts_with("http://")))
                && authority(endpoint).is_some()
                && !endpoint.contains('#');
            if !is_good {
                let told: String = endpoint.chars().take(256).collect();
                return Err(format!("{url} names an endpoint that is no https:// URL: {told:?}"));
            }
        }
        Ok(document)
    }

    /// The provider's keys, fetched anew where they are older than `kept_ms`; true when they were.
    fn keys(&self, document: &Document, kept_ms: i64, now: Timestamp) -> Result<(Vec<Key>, bool), Failure> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, keys)) = &known.keys
            && now - *at < kept_ms
        {
            return Ok((keys.clone(), false));
        }
        let url = document.jwks_uri.as_str();
        let failed = |error: String| Failure::Provider(format!("{url}: {error}"));
        let answer = self.ask.get(url).map_err(failed)?;
        let keys = id_token::keys(&answer).map_err(|error| failed(error.to_string()))?;
        known.keys = Some((now, keys.clone()));
        Ok((keys, true))
    }
}

impl Document {
    fn takes(&self, method: &str) -> bool {
        self.token_endpoint_auth_methods_supported.as_ref().is_none_or(|all| all.iter().any(|one| one == method))
    }
}

fn word(text: &str) -> String {
    encoded(text, b"-._~")
}

fn form(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={}", word(value))).collect::<Vec<_>>().join("&")
}
