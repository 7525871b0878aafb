//! Who calls: the keys that the gateway knows, signatures verified with them, and `userIdentity` of events.

use crate::refusal::Refusal;
use model::{Timestamp, limits};
use serde_json::json;
use std::collections::BTreeMap;
use wire::HttpRequest;
use wire::sigv4::{self, Claim, DeclaredPayload, SignatureError};

/// An access key that the gateway knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Access key id.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// Session token that must come with it, when it is a temporary one.
    pub session_token: Option<String>,
    /// Account, 12 digits.
    pub account_id: String,
    /// ARN of whom it belongs to: a user, an assumed role, or the root user of the account.
    pub arn: String,
}

impl std::fmt::Debug for Key {
    /// Shows no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("access_key_id", &self.access_key_id)
            .field("arn", &self.arn)
            .finish_non_exhaustive()
    }
}

impl Key {
    /// `userIdentity` of CloudTrail records ("CloudTrail userIdentity element").
    fn user_identity(&self) -> String {
        let resource = self.arn.splitn(6, ':').nth(5).unwrap_or_default();
        let mut identity = json!({
            "type": "IAMUser",
            "principalId": self.access_key_id,
            "arn": self.arn,
            "accountId": self.account_id,
            "accessKeyId": self.access_key_id,
        });
        if resource == "root" {
            identity["type"] = "Root".into();
            identity["principalId"] = self.account_id.as_str().into();
        } else if let Some(role) = resource.strip_prefix("assumed-role/") {
            let (name, session) = role.split_once('/').unwrap_or((role, ""));
            identity["type"] = "AssumedRole".into();
            identity["principalId"] = format!("{}:{session}", self.access_key_id).into();
            let issuer = format!("arn:aws:iam::{}:role/{name}", self.account_id);
            let issuer = json!({ "type": "Role", "arn": issuer, "accountId": self.account_id, "userName": name });
            identity["sessionContext"] = json!({ "sessionIssuer": issuer });
        } else {
            identity["userName"] = resource.rsplit('/').next().unwrap_or_default().into();
        }
        identity.to_string()
    }
}

/// Who makes a call, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// `userIdentity`.
    pub user_identity: String,
    /// For rules and metrics: an ARN, a claimed access key id, or `anonymous`.
    pub principal: String,
    /// Account of the event.
    pub account_id: String,
    /// Region of the credential scope, else the gateway's own.
    pub region: String,
    /// Whether the signature was verified.
    pub is_verified: bool,
    /// SHA-256 that the body must have, where the signature says so and the body has not been seen.
    pub body_sha256: Option<[u8; 32]>,
}

/// The keys, and what calls are that none of them signed.
#[derive(Debug, Default)]
pub struct Keys {
    keys: BTreeMap<String, Key>,
    /// Account of calls whose key is not known.
    account_id: String,
    region: String,
    /// Calls of other keys, and unsigned ones, are refused.
    known_only: bool,
}

/// What is to be done to verify a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Its head says it all.
    Head,
    /// The signature covers the body and does not say its hash.
    Body,
}

impl Keys {
    /// Keys by their ids; account and region are for calls that tell none.
    pub fn new(keys: Vec<Key>, account_id: String, region: String, known_only: bool) -> Self {
        let keys = keys.into_iter().map(|key| (key.access_key_id.clone(), key)).collect();
        Self { keys, account_id, region, known_only }
    }

    /// What verifying `request`, which has no body yet, takes.
    pub fn need(&self, request: &HttpRequest) -> Need {
        match sigv4::claimed(request) {
            Some(claim) if self.keys.contains_key(&claim.access_key_id) && !sigv4::declares_payload(request) => {
                Need::Body
            }
            _ => Need::Head,
        }
    }

    /// Whom a request is from, before anything is verified.
    pub fn claimed(&self, request: &HttpRequest) -> Who {
        let Some(claim) = sigv4::claimed(request) else {
            let identity = json!({ "type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL" });
            return self.who(identity.to_string(), "anonymous".into(), None);
        };
        if let Some(key) = self.keys.get(&claim.access_key_id) {
            let who = self.who(key.user_identity(), key.arn.clone(), Some(claim.region));
            return Who { account_id: key.account_id.clone(), ..who };
        }
        let identity = json!({ "type": "Unknown", "accessKeyId": claim.access_key_id });
        self.who(identity.to_string(), claim.access_key_id, Some(claim.region))
    }

    fn who(&self, user_identity: String, principal: String, region: Option<String>) -> Who {
        Who {
            user_identity,
            principal,
            account_id: self.account_id.clone(),
            region: region.unwrap_or_else(|| self.region.clone()),
            is_verified: false,
            body_sha256: None,
        }
    }

    /// A call signed in another way than SigV4 with the key of this id: taken at its word where the key is not known, as any other.
    ///
    /// # Errors
    /// For a known key, whose signature cannot be verified so, and when only known keys may call.
    pub fn verify_other(&self, id: &str) -> Result<Who, Refusal> {
        if self.keys.contains_key(id) {
            let text = "Sign with AWS4-HMAC-SHA256: no other signature is verified.";
            return Err(Refusal::signature(SignatureError::Refused(text.into())));
        }
        if self.known_only {
            return Err(Refusal::signature(SignatureError::UnknownKey));
        }
        let identity = json!({ "type": "Unknown", "accessKeyId": id });
        Ok(self.who(identity.to_string(), id.to_owned(), None))
    }

    /// Verifies `request`, which has its body when `need` said so, if it was signed with a known key.
    ///
    /// # Errors
    /// When a known key did not sign it so, or when only known keys may call and this is none.
    pub fn verify(&self, request: &HttpRequest, need: Need, who: Who, now: Timestamp) -> Result<Who, Refusal> {
        let known = sigv4::claimed(request).and_then(|claim| self.keys.get(&claim.access_key_id));
        let Some(key) = known else {
            return match self.known_only {
                true if sigv4::claimed(request).is_some() => Err(Refusal::signature(SignatureError::UnknownKey)),
                true => Err(Refusal::signature(SignatureError::MissingToken)),
                false => Ok(who),
            };
        };
        let secret = |_: &str, token: Option<&str>| match (&key.session_token, token) {
            (Some(wanted), Some(token)) if wanted == token => Ok(key.secret_access_key.clone()),
            (None, None) => Ok(key.secret_access_key.clone()),
            _ => Err(SignatureError::UnknownKey),
        };
        let skew = limits::CLOCK_SKEW_MS_MAX;
        let verified = match need {
            Need::Body => {
                sigv4::verify_session(request, now, skew, secret).map(|claim| (claim, DeclaredPayload::Other))
            }
            Need::Head => sigv4::verify_head(request, now, skew, secret),
        };
        let (Claim { .. }, payload) = verified.map_err(Refusal::signature)?;
        let body_sha256 = match payload {
            DeclaredPayload::Sha256(hash) => Some(hash),
            DeclaredPayload::Other => None,
        };
        Ok(Who { is_verified: true, body_sha256, ..who })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use wire::sigv4::Credentials;

    const ARN: &str = "arn:aws:iam::123456789012:user/team/ann";

    fn keys(known_only: bool) -> Keys {
        let key = Key {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "secret".into(),
            session_token: None,
            account_id: "123456789012".into(),
            arn: ARN.into(),
        };
        Keys::new(vec![key], "000000000000".into(), "eu-west-1".into(), known_only)
    }

    fn signed(key: &str, secret: &str, service: &str, headers: &[(&str, &str)], body: &'static [u8]) -> HttpRequest {
        let mut request = HttpRequest {
            method: "PUT".into(),
            path: "/bucket/key".into(),
            headers: vec![("host".into(), "here".into())],
            body: Bytes::from_static(body),
            ..HttpRequest::default()
        };
        request.headers.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let credentials =
            Credentials { access_key_id: key.into(), secret_access_key: secret.into(), session_token: None };
        sigv4::sign(&mut request, &credentials, "us-east-1", service, Timestamp(0));
        request
    }

    fn verify(keys: &Keys, request: &HttpRequest) -> Result<Who, Refusal> {
        let head = HttpRequest { body: Bytes::new(), ..request.clone() };
        let need = keys.need(&head);
        let seen = if need == Need::Body { request } else { &head };
        keys.verify(seen, need, keys.claimed(&head), Timestamp(0))
    }

    #[test]
    fn a_known_key_is_verified_by_its_head_or_its_body() {
        let keys = keys(false);
        let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let who =
            verify(&keys, &signed("AKIDEXAMPLE", "secret", "s3", &[("x-amz-content-sha256", hash)], b"hello")).unwrap();
        assert!(who.is_verified);
        assert_eq!(who.body_sha256.unwrap()[..2], [0x2c, 0xf2]);
        assert_eq!(
            (who.account_id.as_str(), who.region.as_str(), who.principal.as_str()),
            ("123456789012", "us-east-1", ARN)
        );
        assert!(who.user_identity.contains(r#""userName":"ann""#), "{}", who.user_identity);
        let unsigned = [("x-amz-content-sha256", "UNSIGNED-PAYLOAD")];
        assert_eq!(
            verify(&keys, &signed("AKIDEXAMPLE", "secret", "s3", &unsigned, b"hello")).unwrap().body_sha256,
            None
        );
        let chunked = [("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")];
        assert!(verify(&keys, &signed("AKIDEXAMPLE", "secret", "s3", &chunked, b"hello")).unwrap().is_verified);
        assert!(verify(&keys, &signed("AKIDEXAMPLE", "secret", "sqs", &[], b"hello")).unwrap().is_verified);
        let mut changed = signed("AKIDEXAMPLE", "secret", "sqs", &[], b"hello");
        changed.body = Bytes::from_static(b"other");
        assert!(verify(&keys, &changed).is_err());
    }

    #[test]
    fn a_wrong_secret_is_refused_and_another_key_is_taken_at_its_word() {
        let keys = keys(false);
        assert!(verify(&keys, &signed("AKIDEXAMPLE", "guess", "sqs", &[], b"")).is_err());
        let who = verify(&keys, &signed("OTHER", "x", "sqs", &[], b"")).unwrap();
        assert!(!who.is_verified);
        assert_eq!(who.user_identity, r#"{"type":"Unknown","accessKeyId":"OTHER"}"#);
        assert_eq!(who.account_id, "000000000000");
        let who = verify(&keys, &HttpRequest::default()).unwrap();
        assert_eq!((who.principal.as_str(), who.region.as_str()), ("anonymous", "eu-west-1"));
    }

    #[test]
    fn known_keys_only_means_that() {
        let keys = keys(true);
        assert!(verify(&keys, &signed("AKIDEXAMPLE", "secret", "sqs", &[], b"")).is_ok());
        assert!(verify(&keys, &signed("OTHER", "x", "sqs", &[], b"")).is_err());
        assert!(verify(&keys, &HttpRequest::default()).is_err());
    }

    #[test]
    fn identities_are_those_of_cloudtrail() {
        let identity = |arn: &str| {
            let key = Key { arn: arn.into(), ..keys(false).keys["AKIDEXAMPLE"].clone() };
            serde_json::from_str::<serde_json::Value>(&key.user_identity()).unwrap()
        };
        assert_eq!(identity("arn:aws:iam::123456789012:root")["type"], "Root");
        let role = identity("arn:aws:sts::123456789012:assumed-role/Admin/ann");
        assert_eq!(role["type"], "AssumedRole");
        assert_eq!(role["sessionContext"]["sessionIssuer"]["arn"], "arn:aws:iam::123456789012:role/Admin");
    }
}
