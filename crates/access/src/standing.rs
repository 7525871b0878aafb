//! `standing`: what policies say about a caller in general, before it is known what the caller asks for.

use crate::directory::Account;
use crate::entities::{Identity, Kind};
use crate::policy::{Policy, Principal, PrincipalKind, Purpose};
use crate::{Access, ready_made};
use model::{Caller, Session};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The compiled policies of a user or a role.
#[derive(Debug, Default)]
pub struct Grants {
    /// Its own and those of its groups.
    pub identity: Vec<Arc<Policy>>,
    /// Its permissions boundary.
    pub boundary: Option<Arc<Policy>>,
    /// Its tags, keys in lower case.
    pub tags: BTreeMap<String, String>,
}

/// What a caller may do at most.
#[derive(Debug, Clone)]
pub enum Standing {
    /// Everything: a root user.
    All,
    /// What policies allow.
    Limited(Limits),
}

/// The policies that limit a caller.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// Of the user or role.
    pub grants: Arc<Grants>,
    /// Of the session, where it was made with some.
    pub session: Option<Arc<[Arc<Policy>]>>,
}

impl Access {
    /// What policies say about `caller`. One that is no longer there, or of an unknown kind, is granted nothing.
    pub fn standing(&self, caller: &Caller) -> Standing {
        let session = caller.session.as_deref();
        let (kind, id) = match caller.identity_type.as_str() {
            "Root" => return Standing::All,
            "IAMUser" => (Kind::User, caller.principal_id.as_str()),
            "AssumedRole" => (Kind::Role, session.map_or("", |session| session.issuer_id.as_str())),
            _ => return Standing::Limited(Limits::default()),
        };
        let account = self.account(&caller.scope.account);
        let Some(identity) = account.by_id(kind, id) else { return Standing::Limited(Limits::default()) };
        let passed = session.filter(|session| !session.policies.is_empty() || !session.policy_arns.is_empty());
        let passed = passed.map(|session| account.session_policies(&session.id, || of_session(&account, session)));
        Standing::Limited(Limits { grants: account.grants(identity), session: passed })
    }
}

/// The caller as policies name it.
pub(crate) fn principal(caller: &Caller) -> Principal<'_> {
    Principal {
        kind: match caller.identity_type.as_str() {
            "Root" => PrincipalKind::Root,
            "AssumedRole" => PrincipalKind::AssumedRole,
            _ => PrincipalKind::User,
        },
        account: &caller.scope.account,
        arn: &caller.arn,
        role_arn: caller.session.as_ref().and_then(|session| session.role_arn.as_deref()),
    }
}

fn of_session(account: &Account, session: &Session) -> Arc<[Arc<Policy>]> {
    let passed = session.policies.iter().map(|text| compile("session policy", text));
    let managed = session.policy_arns.iter().map(|arn| managed(account, arn));
    passed.chain(managed).collect()
}

impl Grants {
    /// Compiles what applies to `identity`.
    pub fn compile(account: &Account, identity: &Identity) -> Self {
        let mut policies = of_one(account, identity);
        for group in identity.groups.iter().filter_map(|id| account.by_id(Kind::Group, id)) {
            policies.extend(of_one(account, group));
        }
        Self {
            identity: policies,
            boundary: identity.boundary.as_deref().map(|arn| managed(account, arn)),
            tags: identity.tags.iter().map(|(key, value)| (key.to_lowercase(), value.clone())).collect(),
        }
    }
}

/// Inline and attached policies of one entity.
pub(crate) fn of_one(account: &Account, identity: &Identity) -> Vec<Arc<Policy>> {
    let noun = identity.kind.noun();
    let inline = identity.inline.iter().map(|(name, text)| compile(&format!("{noun}_{}_{name}", identity.name), text));
    inline.chain(identity.attached.iter().map(|arn| managed(account, arn))).collect()
}

/// A managed policy. One that is gone, which attached ones cannot be, denies everything.
pub(crate) fn managed(account: &Account, arn: &str) -> Arc<Policy> {
    let name = arn.rsplit('/').next().unwrap_or(arn);
    compile(name, account.managed_document(arn).unwrap_or(ready_made::DENY_ALL))
}

/// Documents are checked before they are kept. One that cannot be read all the same denies everything, for it may have denied
/// something.
fn compile(id: &str, text: &str) -> Arc<Policy> {
    let compiled = Policy::parse(id, text, Purpose::Identity).or_else(|error| {
        tracing::error!(policy = id, %error, "a policy cannot be read: it denies everything");
        Policy::parse(id, ready_made::DENY_ALL, Purpose::Identity)
    });
    Arc::new(compiled.unwrap_or_else(|_| Policy::empty(id)))
}
