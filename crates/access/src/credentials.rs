//! `identify`: from an access key id, and a session token where the key is temporary, to its secret and whose it is.

use crate::entities::Kind;
use crate::ids;
use crate::session::Of;
use crate::{Access, Account};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{Caller, Scope, Session, Timestamp};
use std::sync::Arc;
use wire::sigv4::SignatureError;

/// Whose an access key is.
#[derive(Clone)]
pub struct Identified {
    /// The secret that requests are signed with.
    pub secret: String,
    /// Account id.
    pub account: String,
    identity_type: &'static str,
    principal_id: String,
    arn: String,
    user_name: Option<String>,
    session: Option<Arc<Session>>,
}

impl std::fmt::Debug for Identified {
    /// Shows no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identified").field("arn", &self.arn).finish_non_exhaustive()
    }
}

impl Identified {
    /// The caller, once the signature proved that the secret is known.
    pub fn into_caller(self, region: String, access_key_id: String) -> Caller {
        let scope = Scope { account: self.account, region };
        Caller {
            identity_type: self.identity_type.into(),
            principal_id: self.principal_id,
            arn: self.arn,
            user_name: self.user_name,
            session: self.session,
            ..Caller::root(scope, access_key_id)
        }
    }
}

impl Access {
    /// Whose `key_id` is.
    pub fn identify(&self, key_id: &str, token: Option<&str>, now: Timestamp) -> Result<Identified, SignatureError> {
        match token {
            Some(token) => self.of_session(key_id, token, now),
            None => self.of_key(key_id).ok_or(SignatureError::UnknownKey),
        }
    }

    fn of_key(&self, key_id: &str) -> Option<Identified> {
        let account = self.account(&ids::account_of(key_id)?);
        let key = account.keys.get(key_id).filter(|key| key.active)?;
        let user = account.by_id(Kind::User, &key.user)?;
        Some(Identified {
            secret: self.secret_of(&key.id, &key.sealed)?,
            identity_type: "IAMUser",
            principal_id: user.id.clone(),
            arn: user.arn(&account.id),
            user_name: Some(user.name.clone()),
            session: None,
            account: account.id.clone(),
        })
    }

    fn secret_of(&self, key_id: &str, sealed: &str) -> Option<String> {
        let opened = self.sealing.open(key_id, &STANDARD.decode(sealed).ok()?);
        if opened.is_none() {
            tracing::error!(key_id, "the secret of an access key was sealed with another key than the one at hand");
        }
        String::from_utf8(opened?).ok()
    }

    fn of_session(&self, key_id: &str, token: &str, now: Timestamp) -> Result<Identified, SignatureError> {
        let (token, id) = self.open_token(key_id, token, now)?;
        let account: Arc<Account> = self.account(&token.account);
        let session = |role| Some(Arc::new(token.session(id, role)));
        let secret = token.secret.clone();
        let Some(kind) = token.kind() else {
            let root = Caller::root(Scope { account: token.account.clone(), region: String::new() }, "");
            return Ok(Identified {
                secret,
                identity_type: "Root",
                principal_id: root.principal_id,
                arn: root.arn,
                user_name: None,
                session: session(None),
                account: token.account,
            });
        };
        // A session ends with the role or user that it is of.
        let issuer = account.by_id(kind, &token.issuer).ok_or(SignatureError::UnknownKey)?;
        Ok(match token.of {
            Of::Role => Identified {
                secret,
                identity_type: "AssumedRole",
                principal_id: format!("{}:{}", issuer.id, token.name),
                arn: assumed_role_arn(&token.account, &issuer.name, &token.name),
                user_name: None,
                session: session(Some((issuer.arn(&account.id), issuer.name.clone()))),
                account: token.account,
            },
            Of::User | Of::Root => Identified {
                secret,
                identity_type: "IAMUser",
                principal_id: issuer.id.clone(),
                arn: issuer.arn(&account.id),
                user_name: Some(issuer.name.clone()),
                session: session(None),
                account: token.account,
            },
        })
    }
}

/// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`; the role's path is no part of it.
pub(crate) fn assumed_role_arn(account: &str, role: &str, session: &str) -> String {
    format!("arn:aws:sts::{account}:assumed-role/{role}/{session}")
}
