//! Session tokens: all that is to know of a session, sealed. Nothing is kept of sessions here.
//!
//! Stored sessions would grow a table with every AssumeRole, and many agents assume a role every hour; a sealed token costs a
//! decryption of a few microseconds with each call. Nobody loses by it: AWS cannot take back a single session either, but only all
//! that a role gave out (a policy on `aws:TokenIssueTime`), or by deleting the role, and both work here. The sealing key is outside
//! the catalog; whoever replaces it ends all sessions.

use crate::Access;
use crate::entities::Kind;
use crate::sealing::NONCE_BYTES;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{Session, Timestamp, hex};
use serde::{Deserialize, Serialize};
use wire::sigv4::SignatureError;

/// Longest token, bytes; larger ones are not looked at. Headers of larger size do not reach us anyway.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// Whose session it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Of {
    /// The root user of the account.
    Root,
    /// A user.
    User,
    /// A role.
    Role,
}

/// What is sealed in a token. The access key's id is authenticated beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Token {
    pub account: String,
    pub secret: String,
    pub of: Of,
    /// Id of the role or user; the account's for root.
    pub issuer: String,
    /// The session's name; empty but for roles.
    pub name: String,
    pub began_ms: i64,
    pub expires_ms: i64,
    /// ARN of the provider that vouched for who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federated_provider: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transitive_tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy_arns: Vec<String>,
}

impl Access {
    /// The token's text, to be given out; `None` when it cannot be sealed.
    pub(crate) fn seal_token(&self, key_id: &str, token: &Token, nonce: [u8; NONCE_BYTES]) -> Option<String> {
        let text = serde_json::to_vec(token).ok()?;
        Some(STANDARD.encode(self.sealing.seal(key_id, &text, nonce)?))
    }

    /// What a token that came with access key `key_id` says, and its id.
    pub(crate) fn open_token(
        &self,
        key_id: &str,
        text: &str,
        now: Timestamp,
    ) -> Result<(Token, String), SignatureError> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(SignatureError::UnknownKey);
        }
        let sealed = STANDARD.decode(text).map_err(|_| SignatureError::UnknownKey)?;
        let opened = self.sealing.open(key_id, &sealed).ok_or(SignatureError::UnknownKey)?;
        let token: Token = serde_json::from_slice(&opened).map_err(|_| SignatureError::UnknownKey)?;
        if now.millis() >= token.expires_ms {
            return Err(SignatureError::ExpiredToken);
        }
        Ok((token, hex(sealed.get(..NONCE_BYTES).unwrap_or_default())))
    }
}

impl Token {
    /// The session, as callers carry it. `role` is its role's ARN and name.
    pub fn session(&self, id: String, role: Option<(String, String)>) -> Session {
        let (role_arn, role_name) = role.unzip();
        Session {
            id,
            issuer_id: self.issuer.clone(),
            role_arn,
            role_name,
            began: Timestamp(self.began_ms),
            federated_provider: self.federated_provider.clone(),
            source_identity: self.source_identity.clone(),
            tags: self.tags.clone(),
            transitive_tags: self.transitive_tags.clone(),
            policies: self.policies.clone(),
            policy_arns: self.policy_arns.clone(),
        }
    }

    /// The kind of identity that it is a session of.
    pub fn kind(&self) -> Option<Kind> {
        match self.of {
            Of::Root => None,
            Of::User => Some(Kind::User),
            Of::Role => Some(Kind::Role),
        }
    }
}
