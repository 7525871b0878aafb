//! AWS Signature Version 4: `verify` and `claimed` for requests to us, `sign` and `presign` for our own CLI, tests and bench.
//!
//! The signature covers the bytes of the wire: verify before anything is decompressed or decoded.

mod canonical;
#[cfg(test)]
mod tests;

use crate::error::{ApiError, common};
use crate::query::form_decode;
use crate::request::HttpRequest;
use crate::service::Protocol;
use canonical::{PlusSign, hex};
use hmac::{Hmac, KeyInit, Mac};
use model::{Timestamp, time};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// Longest life of a presigned request, seconds (one week, "X-Amz-Expires" in the SigV4 guide).
const EXPIRES_SECS_MAX: i64 = 604_800;
/// Stands for the secret of a key that is not known; as long as one.
const NO_SECRET: &str = "0000000000000000000000000000000000000000";
/// Longest access key id (IAM reference) and, a guess on the generous side, longest name of a region or service.
const SCOPE_CHARS_MAX: usize = 128;
/// Most headers that one signature covers.
const SIGNED_HEADERS_MAX: usize = 100;
/// Headers that proxies and HTTP libraries change on the way; `sign` leaves them out, as the SDKs do.
const UNSIGNED_HEADERS: [&str; 8] = [
    "authorization",
    "connection",
    "content-length",
    "expect",
    "te",
    "transfer-encoding",
    "user-agent",
    "x-amzn-trace-id",
];

/// Who signed a request and for what: true after `verify`, only said after `claimed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Access key id.
    pub access_key_id: String,
    /// Region of the credential scope, such as `us-east-1`.
    pub region: String,
    /// Service of the credential scope, such as `logs`.
    pub service: String,
    /// Session token, when the key is a temporary one.
    pub security_token: Option<String>,
}

impl Claim {
    /// Checks that the signature was made for `service` (a `Service::signing_name`).
    pub fn check_service(&self, service: &str) -> Result<(), SignatureError> {
        if self.service == service {
            return Ok(());
        }
        Err(SignatureError::Refused(format!("Credential should be scoped to correct service: '{service}'. ")))
    }
}

/// Why a request is not taken as its sender's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Neither an Authorization header nor a presigned query.
    #[error("Missing Authentication Token")]
    MissingToken,
    /// A part of the signature is absent or malformed.
    #[error("{0}")]
    Incomplete(String),
    /// The access key is not known.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The session token's time is over.
    #[error("The security token included in the request is expired")]
    ExpiredToken,
    /// The signature is not the one that the secret makes.
    #[error(
        "The request signature we calculated does not match the signature you provided. \
         Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
    /// The signature is for another scope, or leaves out what must be signed.
    #[error("{0}")]
    Refused(String),
    /// The signature is too old.
    #[error("{0}")]
    Expired(String),
    /// The signature's date lies in the future.
    #[error("{0}")]
    Skewed(String),
}

impl SignatureError {
    /// What the client is told in `protocol`.
    pub fn to_api_error(&self, protocol: Protocol) -> ApiError {
        let (shape, text) = match self {
            SignatureError::MissingToken if matches!(protocol, Protocol::Query | Protocol::QueryToJson) => {
                (&common::MISSING_AUTHENTICATION_TOKEN, "Request is missing Authentication Token".to_owned())
            }
            SignatureError::MissingToken => (&common::MISSING_AUTHENTICATION_TOKEN, self.to_string()),
            SignatureError::Incomplete(text) => (&common::INCOMPLETE_SIGNATURE, text.clone()),
            SignatureError::UnknownKey => (&common::UNRECOGNIZED_CLIENT, self.to_string()),
            SignatureError::ExpiredToken => (&common::EXPIRED_TOKEN, self.to_string()),
            SignatureError::Mismatch => (&common::INVALID_SIGNATURE, self.to_string()),
            SignatureError::Refused(text) | SignatureError::Expired(text) | SignatureError::Skewed(text) => {
                (&common::INVALID_SIGNATURE, text.clone())
            }
        };
        ApiError::new(shape, text)
    }
}

/// The keys to sign with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Session token of temporary keys.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    /// Shows the key id only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// Checks the signature of `request` and says who made it.
///
/// `now` is the present, `skew_ms_max` how far the client's clock may be off (AWS: `limits::CLOCK_SKEW_MS_MAX`), and
/// `secret_of` gives the secret of an access key id that may call.
pub fn verify(
    request: &HttpRequest,
    now: Timestamp,
    skew_ms_max: i64,
    secret_of: impl FnOnce(&str) -> Option<String>,
) -> Result<Claim, SignatureError> {
    verify_session(request, now, skew_ms_max, |key, _| secret_of(key).ok_or(SignatureError::UnknownKey))
}

/// As [`verify`], with temporary keys too: `secret_of` is given the access key id and the session token, and may refuse both.
pub fn verify_session(
    request: &HttpRequest,
    now: Timestamp,
    skew_ms_max: i64,
    secret_of: impl FnOnce(&str, Option<&str>) -> Result<String, SignatureError>,
) -> Result<Claim, SignatureError> {
    verify_with(request, now, skew_ms_max, secret_of, payload_hash).map(|(claim, _)| claim)
}

/// What a signature says of the body, in `x-amz-content-sha256`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeclaredPayload {
    /// It has this SHA-256.
    Sha256([u8; 32]),
    /// It is not covered, or signed chunk by chunk.
    Other,
}

/// Whether the head of `request` tells what its signature says of the body; else the signature covers the body's hash unsaid.
pub fn declares_payload(request: &HttpRequest) -> bool {
    Presented::find(request).is_ok_and(|presented| declared_payload(request, &presented).is_ok())
}

/// As [`verify_session`], of a request whose body has not come yet: that the body is the declared one is for the caller to check.
/// A request that declares nothing is a mismatch; see [`declares_payload`].
pub fn verify_head(
    request: &HttpRequest,
    now: Timestamp,
    skew_ms_max: i64,
    secret_of: impl FnOnce(&str, Option<&str>) -> Result<String, SignatureError>,
) -> Result<(Claim, DeclaredPayload), SignatureError> {
    let (claim, payload) = verify_with(request, now, skew_ms_max, secret_of, declared_payload)?;
    Ok((claim, canonical::unhex(&payload).map_or(DeclaredPayload::Other, DeclaredPayload::Sha256)))
}

/// Answers the payload's hash, as it was signed, too.
fn verify_with(
    request: &HttpRequest,
    now: Timestamp,
    skew_ms_max: i64,
    secret_of: impl FnOnce(&str, Option<&str>) -> Result<String, SignatureError>,
    payload_of: fn(&HttpRequest, &Presented) -> Result<String, SignatureError>,
) -> Result<(Claim, String), SignatureError> {
    let presented = Presented::find(request)?;
    presented.check_scope()?;
    presented.check_signed_headers(request)?;
    presented.check_time(now, skew_ms_max)?;
    // Who is not known waits as long as who signed wrongly: the time must not tell which keys there are.
    let (secret, unknown) = match secret_of(&presented.access_key_id, presented.security_token.as_deref()) {
        Ok(secret) => (secret, None),
        Err(refused) => (NO_SECRET.to_owned(), Some(refused)),
    };
    let checked = check_signature(request, &presented, &secret, payload_of);
    let payload = unknown.map_or(checked, Err)?;
    Ok((presented.into_claim(), payload))
}

/// Answers the payload's hash, as it was signed.
fn check_signature(
    request: &HttpRequest,
    presented: &Presented,
    secret: &str,
    payload_of: fn(&HttpRequest, &Presented) -> Result<String, SignatureError>,
) -> Result<String, SignatureError> {
    let payload = payload_of(request, presented)?;
    let key = signing_key(secret, &presented.date, &presented.region, &presented.service);
    let signature = canonical::unhex(&presented.signature).ok_or(SignatureError::Mismatch)?;
    let matches = |plus| {
        let canonical = canonical_request(request, presented, &payload, plus);
        let text = string_to_sign(&presented.stamp, &presented.scope(), &canonical);
        // Compares in constant time.
        hmac(&key, text.as_bytes()).verify_slice(&signature).is_ok()
    };
    // A `+` in a query stands for itself in URLs and for a space in forms; clients disagree about how they sign it.
    if matches(PlusSign::Itself) || (request.query.contains('+') && matches(PlusSign::Space)) {
        return Ok(payload);
    }
    Err(SignatureError::Mismatch)
}

/// Whom `request` says it is from, unproved: for open mode only, and for telling who was refused.
pub fn claimed(request: &HttpRequest) -> Option<Claim> {
    let presented = Presented::find(request).ok()?;
    presented.check_scope_names().ok()?;
    Some(presented.into_claim())
}

/// Signs `request` with an Authorization header. It must carry all its other headers already, `host` among them; its
/// `x-amz-date`, `x-amz-security-token` and `authorization` are replaced.
pub fn sign(request: &mut HttpRequest, credentials: &Credentials, region: &str, service: &str, now: Timestamp) {
    let replaced = ["authorization", "x-amz-date", "x-amz-security-token"];
    request.headers.retain(|(name, _)| !replaced.contains(&name.as_str()));
    let mut presented = Presented::new(credentials, region, service, now);
    request.headers.push(("x-amz-date".into(), presented.stamp.clone()));
    if let Some(token) = &credentials.session_token {
        request.headers.push(("x-amz-security-token".into(), token.clone()));
    }
    presented.signed_headers = request.headers.iter().map(|(name, _)| name.clone()).collect();
    presented.signed_headers.retain(|name| !UNSIGNED_HEADERS.contains(&name.as_str()));
    presented.signed_headers.sort();
    presented.signed_headers.dedup();
    let payload = match request.header("x-amz-content-sha256") {
        Some(hash) => hash.to_owned(),
        None => hex(&Sha256::digest(&request.body)),
    };
    let signature = presented.signature_of(request, credentials, &payload);
    let authorization = format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}",
        presented.access_key_id,
        presented.scope(),
        presented.signed_headers.join(";"),
    );
    request.headers.push(("authorization".into(), authorization));
}

/// Signs `request` in its query string, for `expires_secs` seconds. Only `host`, which it must carry, is signed.
pub fn presign(
    request: &mut HttpRequest,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
    expires_secs: u32,
) {
    let mut presented = Presented::new(credentials, region, service, now);
    presented.signed_headers = vec!["host".into()];
    presented.expires_secs = Some(i64::from(expires_secs));
    let credential = format!("{}/{}", presented.access_key_id, presented.scope());
    let mut pairs = vec![
        ("X-Amz-Algorithm", ALGORITHM.to_owned()),
        ("X-Amz-Credential", credential),
        ("X-Amz-Date", presented.stamp.clone()),
        ("X-Amz-Expires", expires_secs.to_string()),
        ("X-Amz-SignedHeaders", "host".to_owned()),
    ];
    pairs.extend(credentials.session_token.iter().map(|token| ("X-Amz-Security-Token", token.clone())));
    for (name, value) in pairs {
        push_pair(&mut request.query, name, &value);
    }
    let payload = hex(&Sha256::digest(&request.body));
    let signature = presented.signature_of(request, credentials, &payload);
    push_pair(&mut request.query, "X-Amz-Signature", &signature);
}

fn push_pair(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(name);
    query.push('=');
    canonical::push_encoded(query, value.as_bytes(), "");
}

/// The parts of a signature as a request presents them.
#[derive(Debug, Default)]
struct Presented {
    access_key_id: String,
    /// `20260102`
    date: String,
    region: String,
    service: String,
    terminator: String,
    signed_headers: Vec<String>,
    signature: String,
    /// `20260102T030405Z`
    stamp: String,
    at: Timestamp,
    security_token: Option<String>,
    /// Life in seconds; present exactly when the request is presigned.
    expires_secs: Option<i64>,
}

impl Presented {
    fn new(credentials: &Credentials, region: &str, service: &str, now: Timestamp) -> Self {
        let stamp = stamp(now);
        Self {
            access_key_id: credentials.access_key_id.clone(),
            date: stamp.chars().take(8).collect(),
            region: region.to_owned(),
            service: service.to_owned(),
            terminator: TERMINATOR.to_owned(),
            stamp,
            at: now,
            ..Self::default()
        }
    }

    fn find(request: &HttpRequest) -> Result<Self, SignatureError> {
        if let Some(authorization) = request.header("authorization") {
            return Self::from_header(request, authorization);
        }
        let pairs = request.query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let signed =
            |(name, value): (&str, &str)| matches!(name, "X-Amz-Algorithm" | "X-Amz-Signature") && !value.is_empty();
        if pairs.clone().any(signed) { Self::from_query(pairs) } else { Err(SignatureError::MissingToken) }
    }

    fn from_header(request: &HttpRequest, authorization: &str) -> Result<Self, SignatureError> {
        let (algorithm, parameters) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if algorithm != ALGORITHM {
            let told: String = algorithm.chars().take(64).collect();
            return Err(SignatureError::Incomplete(format!("Unsupported AWS 'algorithm': '{told}'.")));
        }
        let mut pairs = parameters.split(',').filter_map(|part| part.trim().split_once('='));
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for (name, value) in &mut pairs {
            match name {
                "Credential" => credential = Some(value),
                "SignedHeaders" => signed_headers = Some(value),
                "Signature" => signature = Some(value),
                _ => {}
            }
        }
        let date = request.header("x-amz-date").or_else(|| request.header("date"));
        let (Some(credential), Some(signed_headers), Some(signature), Some(date)) =
            (credential, signed_headers, signature, date)
        else {
            let lacking = [
                (credential.is_none(), "Authorization header requires 'Credential' parameter. "),
                (signature.is_none(), "Authorization header requires 'Signature' parameter. "),
                (signed_headers.is_none(), "Authorization header requires 'SignedHeaders' parameter. "),
                (
                    date.is_none(),
                    "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
                ),
            ];
            return Err(incomplete_header(&lacking, authorization));
        };
        let mut presented = Self::with_credential(credential)?;
        presented.set_date(date)?;
        presented.signed_headers = split_headers(signed_headers)?;
        presented.signature = signature.to_owned();
        presented.security_token = request.header("x-amz-security-token").map(str::to_owned);
        Ok(presented)
    }

    fn from_query<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, SignatureError> {
        let malformed = || SignatureError::Incomplete("AWS query-string parameters must be percent-encoded.".into());
        let mut found: [Option<Cow<'_, str>>; 7] = Default::default();
        const NAMES: [&str; 7] = [
            "X-Amz-Algorithm",
            "X-Amz-Credential",
            "X-Amz-Signature",
            "X-Amz-SignedHeaders",
            "X-Amz-Date",
            "X-Amz-Expires",
            "X-Amz-Security-Token",
        ];
        for (name, value) in pairs {
            if let Some((_, slot)) = NAMES.iter().zip(&mut found).find(|(known, _)| **known == name) {
                *slot = Some(form_decode(value).map_err(|_| malformed())?);
            }
        }
        let [algorithm, credential, signature, signed_headers, date, expires, security_token] = found;
        if algorithm.as_deref().is_some_and(|algorithm| algorithm != ALGORITHM) {
            return Err(SignatureError::Incomplete("Unsupported AWS 'algorithm' in the query string.".into()));
        }
        let (Some(_), Some(credential), Some(signature), Some(signed_headers), Some(date)) =
            (algorithm, credential, signature, signed_headers, date)
        else {
            let text = "AWS query-string parameters must include 'X-Amz-Algorithm', 'X-Amz-Credential', \
                        'X-Amz-Signature', 'X-Amz-SignedHeaders' and 'X-Amz-Date'. Re-examine the query-string parameters.";
            return Err(SignatureError::Incomplete(text.into()));
        };
        let mut presented = Self::with_credential(&credential)?;
        presented.set_date(&date)?;
        presented.signed_headers = split_headers(&signed_headers)?;
        presented.signature = signature.into_owned();
        presented.security_token = security_token.map(Cow::into_owned);
        presented.expires_secs = Some(match expires.map(|text| text.parse::<i64>()) {
            None => 0,
            Some(Ok(seconds @ 1..=EXPIRES_SECS_MAX)) => seconds,
            Some(_) => {
                let text = format!("X-Amz-Expires must be a number of seconds from 1 to {EXPIRES_SECS_MAX}.");
                return Err(SignatureError::Incomplete(text));
            }
        });
        Ok(presented)
    }

    fn with_credential(credential: &str) -> Result<Self, SignatureError> {
        let parts: Vec<&str> = credential.splitn(6, '/').collect();
        let [access_key_id, date, region, service, terminator] = parts[..] else {
            let told: String = credential.chars().take(SCOPE_CHARS_MAX).collect();
            return Err(SignatureError::Incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{told}'"
            )));
        };
        Ok(Self {
            access_key_id: access_key_id.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            terminator: terminator.to_owned(),
            ..Self::default()
        })
    }

    fn set_date(&mut self, text: &str) -> Result<(), SignatureError> {
        let Some(at) = parse_date(text) else {
            let told: String = text.chars().take(64).collect();
            return Err(SignatureError::Incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{told}'. See http://en.wikipedia.org/wiki/ISO_8601"
            )));
        };
        self.at = at;
        self.stamp = stamp(at);
        Ok(())
    }

    /// The names become keys of lookups and parts of ARNs: they must look like what they are.
    fn check_scope_names(&self) -> Result<(), SignatureError> {
        let plain = |text: &str| {
            (1..=SCOPE_CHARS_MAX).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        if !plain(&self.access_key_id) {
            return Err(SignatureError::UnknownKey);
        }
        if !plain(&self.region) {
            return Err(SignatureError::Refused("Credential should be scoped to a valid region. ".into()));
        }
        if !plain(&self.service) {
            return Err(SignatureError::Refused("Credential should be scoped to correct service. ".into()));
        }
        Ok(())
    }

    fn check_scope(&self) -> Result<(), SignatureError> {
        self.check_scope_names()?;
        if self.terminator != TERMINATOR {
            let text = format!("Credential should be scoped with a valid terminator: '{TERMINATOR}'. ");
            return Err(SignatureError::Refused(text));
        }
        if self.stamp.get(..8) != Some(&self.date) {
            let told: String = self.date.chars().take(16).collect();
            return Err(SignatureError::Refused(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{told}' != '{}', from '{}'.",
                self.stamp.get(..8).unwrap_or_default(),
                self.stamp
            )));
        }
        Ok(())
    }

    /// What decides where a request goes and what it does must be signed.
    fn check_signed_headers(&self, request: &HttpRequest) -> Result<(), SignatureError> {
        let signed = |name: &str| self.signed_headers.iter().any(|signed| signed == name);
        if !signed("host") {
            let text = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
            return Err(SignatureError::Refused(text.into()));
        }
        if request.header("x-amz-target").is_some() && !signed("x-amz-target") {
            let text = "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.";
            return Err(SignatureError::Refused(text.into()));
        }
        Ok(())
    }

    fn check_time(&self, now: Timestamp, skew_ms_max: i64) -> Result<(), SignatureError> {
        let life = match self.expires_secs {
            Some(seconds) if seconds > 0 => seconds.saturating_mul(time::SECOND),
            _ => skew_ms_max,
        };
        if self.at < now - life {
            return Err(SignatureError::Expired(format!(
                "Signature expired: {} is now earlier than {} ({} - {})",
                self.stamp,
                stamp(now - life),
                stamp(now),
                span(life)
            )));
        }
        if self.at > now + skew_ms_max {
            return Err(SignatureError::Skewed(format!(
                "Signature not yet current: {} is still later than {} ({} + {})",
                self.stamp,
                stamp(now + skew_ms_max),
                stamp(now),
                span(skew_ms_max)
            )));
        }
        Ok(())
    }

    /// `20260102/us-east-1/logs/aws4_request`
    fn scope(&self) -> String {
        format!("{}/{}/{}/{}", self.date, self.region, self.service, self.terminator)
    }

    fn signature_of(&self, request: &HttpRequest, credentials: &Credentials, payload: &str) -> String {
        let canonical = canonical_request(request, self, payload, PlusSign::Itself);
        let key = signing_key(&credentials.secret_access_key, &self.date, &self.region, &self.service);
        let text = string_to_sign(&self.stamp, &self.scope(), &canonical);
        hex(&hmac(&key, text.as_bytes()).finalize().into_bytes())
    }

    fn into_claim(self) -> Claim {
        Claim {
            access_key_id: self.access_key_id,
            region: self.region,
            service: self.service,
            security_token: self.security_token,
        }
    }
}

fn incomplete_header(lacking: &[(bool, &str)], authorization: &str) -> SignatureError {
    let mut text: String = lacking.iter().filter(|(lacks, _)| *lacks).map(|(_, sentence)| *sentence).collect();
    // AWS does not repeat the header itself, which may hold a good signature.
    text.push_str("(Hashed with SHA-256 and encoded with Base64) Authorization=");
    text.push_str(&crate::scalar::to_base64(&Sha256::digest(authorization)));
    SignatureError::Incomplete(text)
}

fn split_headers(text: &str) -> Result<Vec<String>, SignatureError> {
    let names: Vec<String> = text.split(';').take(SIGNED_HEADERS_MAX + 1).map(str::to_ascii_lowercase).collect();
    if names.len() > SIGNED_HEADERS_MAX {
        return Err(SignatureError::Incomplete(format!("More than {SIGNED_HEADERS_MAX} 'SignedHeaders'.")));
    }
    Ok(names)
}

/// What the signature says of a body that has not come.
fn declared_payload(request: &HttpRequest, presented: &Presented) -> Result<String, SignatureError> {
    if presented.expires_secs.is_some() && presented.service == "s3" {
        return Ok(UNSIGNED_PAYLOAD.to_owned());
    }
    let declared = request.header("x-amz-content-sha256").ok_or(SignatureError::Mismatch)?;
    let is_chunked = presented.service == "s3" && declared.starts_with("STREAMING-");
    if declared == UNSIGNED_PAYLOAD || is_chunked || canonical::unhex(declared).is_some() {
        return Ok(declared.to_owned());
    }
    Err(SignatureError::Mismatch)
}

/// What the signature says of the body, once that is checked against the body.
fn payload_hash(request: &HttpRequest, presented: &Presented) -> Result<String, SignatureError> {
    let declared = request.header("x-amz-content-sha256");
    if declared == Some(UNSIGNED_PAYLOAD) || (presented.expires_secs.is_some() && presented.service == "s3") {
        return Ok(UNSIGNED_PAYLOAD.to_owned());
    }
    // Chunks that are signed one by one, or not at all: only uploads to S3 have them, and we take none.
    if let Some(declared) = declared.filter(|text| presented.service == "s3" && text.starts_with("STREAMING-")) {
        return Ok(declared.to_owned());
    }
    let actual = hex(&Sha256::digest(&request.body));
    match declared {
        Some(declared) if !declared.eq_ignore_ascii_case(&actual) => Err(SignatureError::Mismatch),
        _ => Ok(actual),
    }
}

fn canonical_request(request: &HttpRequest, presented: &Presented, payload: &str, plus: PlusSign) -> String {
    let mut out = String::with_capacity(1024);
    out.push_str(&request.method);
    out.push('\n');
    canonical::push_path(&mut out, &request.path, presented.service == "s3");
    out.push('\n');
    canonical::push_query(&mut out, &request.query, plus);
    out.push('\n');
    for name in &presented.signed_headers {
        canonical::push_header(&mut out, &request.headers, name);
    }
    out.push('\n');
    out.push_str(&presented.signed_headers.join(";"));
    out.push('\n');
    out.push_str(payload);
    out
}

fn string_to_sign(stamp: &str, scope: &str, canonical: &str) -> String {
    format!("{ALGORITHM}\n{stamp}\n{scope}\n{}", hex(&Sha256::digest(canonical)))
}

fn hmac(key: &[u8], data: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length").chain_update(data)
}

fn signing_key(secret: &str, date: &str, region: &str, service: &str) -> Vec<u8> {
    [date, region, service, TERMINATOR].iter().fold(format!("AWS4{secret}").into_bytes(), |key, part| {
        hmac(&key, part.as_bytes()).finalize().into_bytes().to_vec()
    })
}

/// `20260102T030405Z`
fn stamp(at: Timestamp) -> String {
    at.iso_seconds().replace(['-', ':'], "")
}

/// Reads `20260102T030405Z`, or a `Date` header's `Fri, 02 Jan 2026 03:04:05 GMT`.
fn parse_date(text: &str) -> Option<Timestamp> {
    let instant = match jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text) {
        Ok(civil) if text.len() == 16 => civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp(),
        _ => jiff::fmt::rfc2822::parse(text).ok()?.timestamp(),
    };
    Some(Timestamp(instant.as_millisecond()))
}

/// `5 min.`, or seconds where it is not whole minutes.
fn span(millis: i64) -> String {
    match millis % time::MINUTE {
        0 => format!("{} min.", millis / time::MINUTE),
        _ => format!("{} sec.", millis / time::SECOND),
    }
}
