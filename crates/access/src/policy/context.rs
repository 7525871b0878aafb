//! What is asked of policies: who, which action, on what, and under which circumstances.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// The values of a condition key.
pub type Values<'a> = Vec<Cow<'a, str>>;

/// The condition keys of a request. Asked only for keys that policies name, so that most calls compute none.
pub trait Context {
    /// The values of `key`, which is in lower case (`aws:sourceip`); `None` when the request has no such key.
    fn values(&self, key: &str) -> Option<Values<'_>>;
}

/// Keys in lower case.
impl Context for BTreeMap<String, Vec<String>> {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        self.get(key).map(|values| values.iter().map(|value| Cow::Borrowed(value.as_str())).collect())
    }
}

/// What kind of principal makes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    /// The root user of an account.
    Root,
    /// A user, or a session of a user.
    User,
    /// A session of a role.
    AssumedRole,
    /// An AWS service; its name stands for the ARN.
    Service,
    /// Somebody whom a provider of identities vouches for; its ARN stands for theirs.
    Federated,
}

/// Who makes a request.
#[derive(Debug, Clone, Copy)]
pub struct Principal<'a> {
    /// What kind it is.
    pub kind: PrincipalKind,
    /// Account id; empty for services and providers.
    pub account: &'a str,
    /// `arn:aws:iam::123456789012:user/x`, `arn:aws:sts::123456789012:assumed-role/R/session`, or a service's name.
    pub arn: &'a str,
    /// The role of a session: `arn:aws:iam::123456789012:role/R`.
    pub role_arn: Option<&'a str>,
}

/// A request to decide.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: Principal<'a>,
    /// The IAM action, such as `logs:PutLogEvents`.
    pub action: &'a str,
    /// The ARN of what the action is on, or `*` where the action has no resource.
    pub resource: &'a str,
    /// The circumstances.
    pub context: &'a dyn Context,
}
