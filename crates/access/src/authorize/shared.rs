//! Decisions on resources that have policies of their own.
//!
//! Within the owner's account the caller's policies or the resource's must allow, across accounts both, and a denial of either wins
//! (`policy/decide.rs`). Root of another account needs the resource's policy like anybody.

use super::{Asking, CallContext, denied};
use crate::Access;
use crate::policy::{
    self, Decision, Malformed, Policies, Policy, Principal, PrincipalKind, Purpose, Request, ResourcePolicies,
};
use crate::ready_made;
use crate::standing::{Grants, Limits, Standing, principal};
use model::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use wire::shape::Empty;
use wire::{ApiError, Service};

/// A resource with its policies.
#[derive(Debug, Clone, Copy)]
pub struct Shared<'a> {
    /// Its ARN.
    pub arn: &'a str,
    /// The account that it is in.
    pub account: &'a str,
    /// Its policies.
    pub policies: &'a [Arc<Policy>],
}

/// What a service of AWS does on behalf of an account, without an identity of its own.
#[derive(Debug, Clone, Copy)]
pub struct ServiceCall<'a> {
    /// Its principal, such as `delivery.logs.amazonaws.com`.
    pub principal: &'a str,
    /// The action, such as `logs:PutLogEvents`.
    pub action: &'a str,
    /// The ARN of what it is on.
    pub resource: &'a str,
    /// The account that it acts for: `aws:SourceAccount`.
    pub source_account: &'a str,
    /// The ARN of the resource that it acts for: `aws:SourceArn`.
    pub source_arn: &'a str,
    /// When.
    pub now: Timestamp,
}

/// Compiles the policy of a resource.
///
/// # Errors
/// When the text is none; in words for the client.
pub fn resource_policy(id: &str, text: &str) -> Result<Arc<Policy>, Malformed> {
    Policy::parse(id, text, Purpose::Resource).map(Arc::new)
}

/// The policy of a resource as it is kept. One that was kept before policies were read, and is none, says nothing.
pub fn kept_resource_policy(id: &str, text: &str) -> Arc<Policy> {
    resource_policy(id, text).unwrap_or_else(|error| {
        tracing::warn!(policy = id, %error, "a resource policy cannot be read: it allows nothing");
        Arc::new(Policy::empty(id))
    })
}

/// Root's, who may do all that its account may.
static ALLOW_ALL: LazyLock<Limits> = LazyLock::new(|| {
    let identity = Policy::parse("root", ready_made::ALLOW_ALL, Purpose::Identity).map(Arc::new).into_iter().collect();
    Limits { grants: Arc::new(Grants { identity, ..Grants::default() }), session: None }
});

impl Access {
    /// Decides `action` on a resource that may be another account's.
    pub fn authorize_shared(
        &self,
        asking: Asking<'_>,
        service: Service,
        action: &str,
        resource: &Shared<'_>,
    ) -> Result<(), ApiError> {
        let limits = match self.standing(asking.caller) {
            Standing::All => ALLOW_ALL.clone(),
            Standing::Limited(limits) => limits,
        };
        let owner = resource.account;
        let context = CallContext { asking, tags: &limits.grants.tags, input: &Empty {}, action, owner };
        let of_resource = ResourcePolicies { account: resource.account, policies: resource.policies };
        let policies = Policies { resource: Some(of_resource), ..limits.policies() };
        let request =
            Request { principal: principal(asking.caller), action, resource: resource.arn, context: &context };
        match policy::decide(&request, &policies).reason(action) {
            None => Ok(()),
            Some(reason) => Err(denied(asking.caller, Some(service), action, resource.arn, Some(&reason))),
        }
    }
}

/// Whether policies of the resource deny what a service does, within the account that it acts for: for what needs no leave.
pub fn is_service_denied(call: &ServiceCall<'_>, policies: &[Arc<Policy>]) -> bool {
    decided(call, policies, |decision| matches!(decision, Decision::ExplicitDeny(_)))
}

/// Whether policies of the resource allow what a service does: for what needs their leave.
pub fn is_service_allowed(call: &ServiceCall<'_>, policies: &[Arc<Policy>]) -> bool {
    decided(call, policies, |decision| decision.is_allowed())
}

fn decided(call: &ServiceCall<'_>, policies: &[Arc<Policy>], is: impl Fn(&Decision<'_>) -> bool) -> bool {
    let one = |value: &str| vec![value.to_owned()];
    let context = BTreeMap::from([
        ("aws:sourceaccount".to_owned(), one(call.source_account)),
        ("aws:sourcearn".to_owned(), one(call.source_arn)),
        ("aws:currenttime".to_owned(), one(&call.now.iso_seconds())),
        ("aws:epochtime".to_owned(), one(&call.now.secs().to_string())),
        ("aws:principalisawsservice".to_owned(), one("true")),
        ("aws:principalservicename".to_owned(), one(call.principal)),
        ("aws:principaltype".to_owned(), one("Service")),
    ]);
    let principal = Principal { kind: PrincipalKind::Service, account: "", arn: call.principal, role_arn: None };
    let request = Request { principal, action: call.action, resource: call.resource, context: &context };
    let of_resource = ResourcePolicies { account: call.source_account, policies };
    let policies = Policies { resource: Some(of_resource), ..Policies::default() };
    is(&policy::decide(&request, &policies))
}
