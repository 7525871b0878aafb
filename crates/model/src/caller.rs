//! `Caller`: who makes an operation, and `Scope`: the account and region it works in.

use crate::Timestamp;
use std::sync::Arc;

/// Account and region. Resources are unique within one scope.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Scope {
    /// Twelve-digit account id.
    pub account: String,
    /// Region name, such as `us-east-1`.
    pub region: String,
}

/// Temporary credentials: whose they are, and what they carry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    /// Unique among all sessions.
    pub id: String,
    /// Unique id of the role, or of the user, that the session is of.
    pub issuer_id: String,
    /// ARN of the role; `None` for a session of a user.
    pub role_arn: Option<String>,
    /// Name of the role.
    pub role_name: Option<String>,
    /// When it began.
    pub began: Timestamp,
    /// ARN of the OpenID Connect provider that vouched for who holds it, where one did.
    pub federated_provider: Option<String>,
    /// Set once and kept through all roles that are assumed from here.
    pub source_identity: Option<String>,
    /// Session tags.
    pub tags: Vec<(String, String)>,
    /// Keys of the tags that go along into roles that are assumed from here.
    pub transitive_tags: Vec<String>,
    /// Session policies, documents.
    pub policies: Vec<String>,
    /// Session policies, ARNs of managed ones.
    pub policy_arns: Vec<String>,
}

/// What client and server agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tls {
    /// `TLSv1.3` or `TLSv1.2`, as CloudTrail writes it.
    pub version: &'static str,
    /// Such as `TLS_AES_128_GCM_SHA256`, or for TLS 1.2 `ECDHE-RSA-AES128-GCM-SHA256`.
    pub cipher_suite: &'static str,
}

/// Who makes an operation, as the signature proved it (or, in open mode, as the client claimed it).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caller {
    /// Account and region (the region comes from the credential scope of the signature).
    pub scope: Scope,
    /// Access key id used to sign.
    pub access_key_id: String,
    /// CloudTrail `userIdentity.type`: `Root`, `IAMUser`, `AssumedRole`, `AWSService`...
    pub identity_type: String,
    /// Unique id of the principal; for Root, the account id.
    pub principal_id: String,
    /// ARN of the principal, such as `arn:aws:iam::123456789012:root`.
    pub arn: String,
    /// Friendly name where there is one.
    pub user_name: Option<String>,
    /// The session, where the credentials are temporary.
    pub session: Option<Arc<Session>>,
    /// Remote address, without port.
    pub source_ip: String,
    /// The request's User-Agent.
    pub user_agent: String,
    /// The TLS that the request came over, if any.
    pub tls: Option<Tls>,
    /// True when a session of the console called.
    pub from_console: bool,
}

impl Caller {
    /// The account's root user.
    pub fn root(scope: Scope, access_key_id: impl Into<String>) -> Self {
        let account = scope.account.clone();
        Self {
            arn: format!("arn:aws:iam::{account}:root"),
            principal_id: account,
            identity_type: "Root".into(),
            access_key_id: access_key_id.into(),
            user_name: None,
            session: None,
            source_ip: "127.0.0.1".into(),
            user_agent: String::new(),
            tls: None,
            from_console: false,
            scope,
        }
    }
}
