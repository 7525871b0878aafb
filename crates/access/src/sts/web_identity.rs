//! Roles for people whom an OpenID Connect provider vouches for, as AssumeRoleWithWebIdentity gives them; the console's sign-in asks
//! here, too.
//!
//! The token has been verified by whoever calls. The role's trust policy decides alone, for such a person has no
//! identity here: it names the provider as `Federated` principal, `arn:aws:iam::ACCOUNT:oidc-provider/NAME`, where NAME
//! is the issuer without `https://`, and may ask for `NAME:aud` and `NAME:sub` (IAM User Guide, "Available keys for AWS
//! OIDC federation").

use super::assume_role::{CHAINED_S, credentials, denied, role};
use crate::credentials::assumed_role_arn;
use crate::iam::service_failure;
use crate::policy::{
    self, Context, Decision, Policies, Policy, Principal, PrincipalKind, Purpose, Request, ResourcePolicies, Values,
};
use crate::session::{Of, Token};
use crate::{Access, Account, Identified, Identity};
use model::{Timestamp, time};
use std::sync::Arc;
use wire::ApiError;

const ACTION: &str = "sts:AssumeRoleWithWebIdentity";

/// Who wants a role, as a verified ID token says.
#[derive(Debug, Clone, Copy)]
pub struct WebIdentity<'a> {
    /// The provider: its issuer without `https://`.
    pub provider: &'a str,
    /// `sub`.
    pub subject: &'a str,
    /// The `aud` that is us.
    pub audience: &'a str,
    /// The role, by ARN.
    pub role_arn: &'a str,
    /// What the session is to be called: 2 to 64 letters, digits and `_=,.@+-`.
    pub session_name: &'a str,
    /// The address that asks.
    pub source_ip: &'a str,
    /// Whether they ask over TLS.
    pub is_tls: bool,
    /// The longest session that is wanted, seconds; the role may have a shorter one.
    pub seconds: i32,
}

/// A session of a role.
#[derive(Clone)]
pub struct AssumedRole {
    /// Id of the temporary access key.
    pub access_key_id: String,
    /// What must be shown with it.
    pub session_token: String,
    /// When it ends.
    pub expiration: Timestamp,
    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    pub arn: String,
    /// The role's id and the session's name.
    pub assumed_role_id: String,
    /// Whose it is.
    pub identified: Identified,
}

impl std::fmt::Debug for AssumedRole {
    /// Shows no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AssumedRole").field("arn", &self.arn).finish_non_exhaustive()
    }
}

/// The ARN that trust policies of `account` name a provider by.
pub fn provider_arn(account: &str, provider: &str) -> String {
    format!("arn:aws:iam::{account}:oidc-provider/{provider}")
}

impl Access {
    /// Gives `who` a session of the role.
    ///
    /// # Errors
    /// `AccessDenied` when there is no such role, or its trust policy does not let them.
    pub fn assume_role_with_web_identity(
        &self,
        who: &WebIdentity<'_>,
        now: Timestamp,
    ) -> Result<AssumedRole, ApiError> {
        let (account, role) = self.admitted_by_trust(who, now)?;
        let seconds = who.seconds.min(role.max_session_s.unwrap_or(CHAINED_S));
        let token = role_token((&account, &role), who, seconds, now);
        let credentials = credentials(self, token)?;
        let identified = self.identify(&credentials.access_key_id, Some(&credentials.session_token), now);
        Ok(AssumedRole {
            arn: assumed_role_arn(&account.id, &role.name, who.session_name),
            assumed_role_id: format!("{}:{}", role.id, who.session_name),
            expiration: credentials.expiration,
            access_key_id: credentials.access_key_id,
            session_token: credentials.session_token,
            identified: identified.map_err(|error| service_failure().with_source(error))?,
        })
    }

    /// The role that is wanted, where its trust policy lets `who` have it.
    pub(super) fn admitted_by_trust(
        &self,
        who: &WebIdentity<'_>,
        now: Timestamp,
    ) -> Result<(Arc<Account>, Arc<Identity>), ApiError> {
        let refused = || denied("Not authorized to perform sts:AssumeRoleWithWebIdentity");
        let (account, role) = role(self, who.role_arn).ok_or_else(refused)?;
        let trust = Policy::parse("trust policy", role.trust.as_deref().unwrap_or_default(), Purpose::Trust);
        let trust = [Arc::new(trust.map_err(|error| service_failure().with_source(error))?)];
        let resource = Some(ResourcePolicies { account: &account.id, policies: &trust });
        let provider = provider_arn(&account.id, who.provider);
        let circumstances = Circumstances { who, provider: &provider, account: &account.id, now };
        let principal = Principal { kind: PrincipalKind::Federated, account: "", arn: &provider, role_arn: None };
        let request = Request { principal, action: ACTION, resource: who.role_arn, context: &circumstances };
        let policies = Policies { resource, resource_must_allow: true, ..Policies::default() };
        if !matches!(policy::decide(&request, &policies), Decision::Allowed(_)) {
            return Err(refused());
        }
        Ok((account, role))
    }
}

/// The token of a session that lasts so many seconds, without a secret and without policies of its own.
pub(super) fn role_token(
    (account, role): (&Account, &Identity),
    who: &WebIdentity<'_>,
    seconds: i32,
    now: Timestamp,
) -> Token {
    Token {
        account: account.id.clone(),
        secret: String::new(),
        of: Of::Role,
        issuer: role.id.clone(),
        name: who.session_name.to_owned(),
        began_ms: now.millis(),
        expires_ms: (now + i64::from(seconds) * time::SECOND).millis(),
        federated_provider: Some(provider_arn(&account.id, who.provider)),
        source_identity: None,
        tags: Vec::new(),
        transitive_tags: Vec::new(),
        policies: Vec::new(),
        policy_arns: Vec::new(),
    }
}

/// What a trust policy may ask about.
struct Circumstances<'a> {
    who: &'a WebIdentity<'a>,
    provider: &'a str,
    account: &'a str,
    now: Timestamp,
}

impl Context for Circumstances<'_> {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        let one = |text: &str| Some(vec![text.to_owned().into()]);
        // The name of a provider may have a port.
        let (vendor, name) = key.rsplit_once(':')?;
        if vendor.eq_ignore_ascii_case(self.who.provider) {
            return match name {
                "aud" => one(self.who.audience),
                "sub" => one(self.who.subject),
                _ => None,
            };
        }
        match key {
            "aws:federatedprovider" => one(self.provider),
            "aws:sourceip" => one(self.who.source_ip),
            "aws:securetransport" => one(if self.who.is_tls { "true" } else { "false" }),
            "aws:currenttime" => one(&self.now.iso_seconds()),
            "aws:epochtime" => one(&self.now.secs().to_string()),
            "aws:resourceaccount" => one(self.account),
            "sts:rolesessionname" => one(self.who.session_name),
            _ => None,
        }
    }
}
