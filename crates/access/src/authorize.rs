//! `authorize`: whether a caller may make a call, and AWS's words when not.

mod context;
mod shared;

pub(crate) use context::CallContext;
pub use shared::{ServiceCall, Shared, is_service_allowed, is_service_denied, kept_resource_policy, resource_policy};

use crate::Access;
use crate::policy::{self, Decision, Policies, Policy, Purpose, Request, ResourcePolicies};
use crate::ready_made;
use crate::resources::{self, Resource};
use crate::standing::{Limits, Standing, principal};
use model::arn::{self, Arn};
use model::{Caller, Timestamp};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::error::common;
use wire::shape::{Empty, Texts};
use wire::{ApiError, Guard, Service};

/// Who asks, and when.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The verified caller.
    pub caller: &'a Caller,
    /// When.
    pub now: Timestamp,
}

impl Access {
    /// Decides a call that is no operation of a model: `action`, such as `s3:GetObject`, on `resource`.
    pub fn authorize(
        &self,
        asking: Asking<'_>,
        service: Option<Service>,
        action: &str,
        resource: &str,
    ) -> Result<(), ApiError> {
        let Standing::Limited(limits) = self.standing(asking.caller) else { return Ok(()) };
        let resource = Resource::of(resource.to_owned());
        check(&limits, asking, service, action, &resource, &Empty {})
    }

    /// Decides `action` on the log group of this ARN, for calls whose input asks for more than their own action allows.
    pub fn authorize_log_group(&self, asking: Asking<'_>, action: &str, group: &str) -> Result<(), ApiError> {
        let Standing::Limited(limits) = self.standing(asking.caller) else { return Ok(()) };
        // Policies name a group with or without what is in it.
        let resource = Resource { arn: group.to_owned(), alias: Some(format!("{group}:log-stream:")) };
        check(&limits, asking, Some(Service::Logs), action, &resource, &Empty {})
    }

    /// Who decides the call of an operation once its input is known; nobody for a caller who may do all, or a call that everybody
    /// may make. AssumeRole decides for itself, for the role's trust policy has a say, and so does AssumeRoleWithWebIdentity.
    pub fn guard<'a>(&'a self, asking: Asking<'a>, service: Service, operation: &'static str) -> Option<CallGuard<'a>> {
        if service == Service::Sts && is_decided_by_itself(operation) {
            return None;
        }
        match self.standing(asking.caller) {
            Standing::All => None,
            Standing::Limited(limits) => Some(CallGuard { access: self, asking, service, operation, limits }),
        }
    }
}

fn is_decided_by_itself(operation: &str) -> bool {
    matches!(operation, "GetCallerIdentity" | "GetSessionToken" | "AssumeRole" | "AssumeRoleWithWebIdentity")
}

/// A resource with a policy of its own.
#[derive(Debug, Clone, Copy)]
pub struct Owned<'a> {
    /// The account that has it.
    pub account: &'a str,
    /// Its ARN.
    pub arn: &'a str,
    /// Its policy, a document. One that cannot be read lets nobody in, none nobody of another account.
    pub policy: Option<&'a str>,
    /// True where callers of its own account need the policy's leave as well; else it may only deny them.
    pub own_need_it: bool,
}

/// Whether the policy of a resource, which may be in another account, lets the caller do `action` on it. What the caller's own policies say has been
/// asked before, by the guard of the call.
pub fn admitted(asking: Asking<'_>, action: &str, resource: Owned<'_>, input: &dyn Texts) -> Result<(), ApiError> {
    let read = |text: &str, purpose| Policy::parse("policy", text, purpose).map(Arc::new);
    let of_resource: Vec<Arc<Policy>> = match resource.policy.map(|text| read(text, Purpose::Resource)).transpose() {
        Ok(policy) => policy.into_iter().collect(),
        // It may have denied callers of the resource's own account, too.
        Err(_) => {
            let because = format!("because no resource-based policy allows the {action} action");
            return Err(denied(asking.caller, None, action, resource.arn, Some(&because)));
        }
    };
    let everything: Vec<Arc<Policy>> = read(ready_made::ALLOW_ALL, Purpose::Identity).into_iter().collect();
    let policies = Policies {
        identity: &everything,
        resource: Some(ResourcePolicies { account: resource.account, policies: &of_resource }),
        resource_must_allow: resource.own_need_it,
        ..Policies::default()
    };
    let tags = BTreeMap::new();
    let context = CallContext { asking, tags: &tags, input, action, owner: resource.account };
    let principal = principal(asking.caller);
    let decision = policy::decide(&Request { principal, action, resource: resource.arn, context: &context }, &policies);
    match decision.reason(action) {
        None => Ok(()),
        Some(reason) => Err(denied(asking.caller, None, action, resource.arn, Some(&reason))),
    }
}

/// Decides one call of an operation.
#[derive(Debug)]
pub struct CallGuard<'a> {
    access: &'a Access,
    asking: Asking<'a>,
    service: Service,
    operation: &'static str,
    limits: Limits,
}

impl Guard for CallGuard<'_> {
    fn check(&self, input: &dyn Texts) -> Result<(), ApiError> {
        let caller = self.asking.caller;
        // Temporary credentials of a user may not call IAM (GetSessionToken reference; multi-factor authentication is not there).
        if self.service == Service::Iam && caller.identity_type == "IAMUser" && caller.session.is_some() {
            return Err(ApiError::new(
                &common::UNRECOGNIZED_CLIENT,
                "The security token included in the request is invalid",
            ));
        }
        let action = format!("{}:{}", self.service.iam_prefix(), self.operation);
        let account = || self.access.account(&caller.scope.account);
        for resource in resources::of(self.service, self.operation, input, caller, &account) {
            check(&self.limits, self.asking, Some(self.service), &action, &resource, input)?;
        }
        Ok(())
    }
}

fn check(
    limits: &Limits,
    asking: Asking<'_>,
    service: Option<Service>,
    action: &str,
    resource: &Resource,
    input: &dyn Texts,
) -> Result<(), ApiError> {
    // Names without an account, such as those of buckets, are of the caller's.
    let named = Arn::parse(&resource.arn).map(|arn| arn.account).filter(|account| !account.is_empty());
    let owner = named.unwrap_or(&asking.caller.scope.account);
    let context = CallContext { asking, tags: &limits.grants.tags, input, action, owner };
    let policies = limits.policies();
    let decide = |resource: &str| {
        policy::decide(&Request { principal: principal(asking.caller), action, resource, context: &context }, &policies)
    };
    let decision = decide(&resource.arn);
    let decision = match (&resource.alias, decision) {
        // Both names must be free of denials, and one must be allowed.
        (Some(alias), Decision::Allowed(_)) => match decide(alias) {
            denied @ Decision::ExplicitDeny(_) => denied,
            _ => decision,
        },
        (Some(alias), Decision::ImplicitDeny(_)) => match decide(alias) {
            Decision::ImplicitDeny(_) => decision,
            other => other,
        },
        _ => decision,
    };
    let action = told_action(service, action);
    match decision.reason(&action) {
        None => Ok(()),
        Some(reason) => Err(denied(asking.caller, service, &action, &resource.arn, Some(&reason))),
    }
}

/// The action as refusals name it: SNS has its own name in upper case.
fn told_action(service: Option<Service>, action: &str) -> Cow<'_, str> {
    match action.strip_prefix("sns:") {
        Some(name) if service == Some(Service::Sns) => Cow::Owned(format!("SNS:{name}")),
        _ => Cow::Borrowed(action),
    }
}

/// The resource as refusals name it: SNS has an ARN for all topics of a caller.
fn told_resource<'a>(caller: &Caller, service: Option<Service>, resource: &'a str) -> Cow<'a, str> {
    if service == Some(Service::Sns) && resource == "*" {
        return Cow::Owned(arn::topic(&caller.scope, resource));
    }
    Cow::Borrowed(resource)
}

impl Limits {
    /// The policies, as `decide` takes them.
    pub(crate) fn policies(&self) -> Policies<'_> {
        Policies {
            identity: &self.grants.identity,
            boundary: self.grants.boundary.as_deref(),
            session: self.session.as_deref(),
            resource: None,
            resource_must_allow: false,
        }
    }
}

/// AWS's refusal.
pub(crate) fn denied(
    caller: &Caller,
    service: Option<Service>,
    action: &str,
    resource: &str,
    reason: Option<&str>,
) -> ApiError {
    let because = reason.map(|reason| format!(" {reason}")).unwrap_or_default();
    let (arn, resource) = (&caller.arn, told_resource(caller, service, resource));
    let message = format!("User: {arn} is not authorized to perform: {action} on resource: {resource}{because}");
    let shape = match service {
        Some(Service::Sns) => &wire::sns::errors::AUTHORIZATION_ERROR_EXCEPTION,
        _ => &common::ACCESS_DENIED,
    };
    ApiError::new(shape, message)
}
