//! The decision: an explicit deny wins; what allows must pass the boundary and the session's policies; a resource's policy may allow
//! by itself within its account, and must allow too across accounts (IAM User Guide, "Policy evaluation logic").
//!
//! What a resource's policy grants by itself, within one account:
//! - to the principal itself (a user, or a session by its own ARN): everything, past boundary and session policies that are silent;
//! - to a role, or to everyone: what boundary and session policies allow as well;
//! - to the account: nothing; the account's own policies must.

use super::context::{PrincipalKind, Request};
use super::document::{Effect, Policy, Statement};
use super::principals::How;
use std::sync::Arc;

/// The kinds of policies, in the words of AWS's refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyKind {
    /// Of the user, its groups, or the role.
    Identity,
    /// Of the resource.
    Resource,
    /// Permissions boundary.
    Boundary,
    /// Passed when the session was made.
    Session,
}

/// The policies that speak about a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policies<'a> {
    /// Of the user, its groups, or the role.
    pub identity: &'a [Arc<Policy>],
    /// The permissions boundary, where there is one.
    pub boundary: Option<&'a Policy>,
    /// The session's policies, where it was made with some.
    pub session: Option<&'a [Arc<Policy>]>,
    /// The policies of the resource, where it has some.
    pub resource: Option<ResourcePolicies<'a>>,
    /// True where the policies of the resource must allow even within its account, as the trust policy of a role must.
    pub resource_must_allow: bool,
}

/// The policies of a resource.
#[derive(Debug, Clone, Copy)]
pub struct ResourcePolicies<'a> {
    /// The account that the resource is in.
    pub account: &'a str,
    /// Its policies.
    pub policies: &'a [Arc<Policy>],
}

/// A statement that applies.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The kind of its policy.
    pub kind: PolicyKind,
    /// Its policy.
    pub policy: &'a Policy,
    /// The statement.
    pub statement: &'a Statement,
}

/// What policies say about a request.
#[derive(Debug, Clone, Copy)]
pub enum Decision<'a> {
    /// It may be made; the statement is the first that allows it.
    Allowed(Found<'a>),
    /// Nothing denies it, but policies of this kind do not allow it.
    ImplicitDeny(PolicyKind),
    /// The statement denies it.
    ExplicitDeny(Found<'a>),
}

impl Decision<'_> {
    /// True when the request may be made.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Decision::Allowed(_))
    }

    /// Why it is refused, as AWS ends the sentence "User: … is not authorized to perform: … on resource: … "; `None` when it is
    /// allowed.
    pub fn reason(&self, action: &str) -> Option<String> {
        match self {
            Decision::Allowed(_) => None,
            Decision::ImplicitDeny(kind) => Some(format!("because no {} allows the {action} action", kind.noun())),
            Decision::ExplicitDeny(found) => {
                let article = if found.kind == PolicyKind::Identity { "an" } else { "a" };
                Some(format!("with an explicit deny in {article} {}", found.kind.noun()))
            }
        }
    }
}

impl PolicyKind {
    fn noun(self) -> &'static str {
        match self {
            PolicyKind::Identity => "identity-based policy",
            PolicyKind::Resource => "resource-based policy",
            PolicyKind::Boundary => "permissions boundary",
            PolicyKind::Session => "session policy",
        }
    }
}

/// Decides `request`. A root user is asked like anybody: whoever lets root do everything does not ask.
pub fn decide<'a>(request: &Request<'_>, policies: &Policies<'a>) -> Decision<'a> {
    let action = request.action.to_ascii_lowercase();
    let ask = |kind, list: &mut dyn Iterator<Item = &'a Policy>| Verdict::of(kind, list, request, &action);
    let identity = ask(PolicyKind::Identity, &mut policies.identity.iter().map(|policy| &**policy));
    let boundary = policies.boundary.map(|policy| ask(PolicyKind::Boundary, &mut std::iter::once(policy)));
    let session = policies.session.map(|list| ask(PolicyKind::Session, &mut list.iter().map(|policy| &**policy)));
    let resource = policies.resource.map(|of| {
        let verdict = ask(PolicyKind::Resource, &mut of.policies.iter().map(|policy| &**policy));
        (verdict, of.account == request.principal.account)
    });
    let verdicts =
        [Some(&identity), boundary.as_ref(), session.as_ref(), resource.as_ref().map(|(verdict, _)| verdict)];
    if let Some(denied) = verdicts.into_iter().flatten().find_map(|verdict| verdict.denied) {
        return Decision::ExplicitDeny(denied);
    }
    let limited = || {
        let limits = [(PolicyKind::Boundary, &boundary), (PolicyKind::Session, &session)];
        limits.into_iter().find(|(_, limit)| limit.as_ref().is_some_and(|verdict| verdict.allowed.is_none()))
    };
    let by_resource = resource.as_ref().and_then(|(verdict, _)| verdict.allowed);
    match &resource {
        Some((_, own)) if by_resource.is_none() && (!own || policies.resource_must_allow) => {
            return Decision::ImplicitDeny(PolicyKind::Resource);
        }
        // Services, and who comes from elsewhere, have no identity whose policies could allow.
        Some(_) if matches!(request.principal.kind, PrincipalKind::Service | PrincipalKind::Federated) => {
            return by_resource
                .map_or(Decision::ImplicitDeny(PolicyKind::Resource), |(found, _)| Decision::Allowed(found));
        }
        Some((_, true)) => match by_resource {
            Some((found, How::Itself)) => return Decision::Allowed(found),
            Some((found, How::ByRole)) if limited().is_none() => return Decision::Allowed(found),
            _ => {}
        },
        _ => {}
    }
    let Some((found, _)) = identity.allowed else { return Decision::ImplicitDeny(PolicyKind::Identity) };
    match limited() {
        Some((kind, _)) => Decision::ImplicitDeny(kind),
        None => Decision::Allowed(found),
    }
}

/// Every statement that applies to `request`, denying ones first: for explanations.
pub fn matching<'a>(request: &Request<'_>, policies: &Policies<'a>) -> Vec<Found<'a>> {
    let action = request.action.to_ascii_lowercase();
    let kinds: [(PolicyKind, Vec<&'a Policy>); 4] = [
        (PolicyKind::Identity, policies.identity.iter().map(|policy| &**policy).collect()),
        (PolicyKind::Boundary, policies.boundary.into_iter().collect()),
        (PolicyKind::Session, policies.session.unwrap_or_default().iter().map(|policy| &**policy).collect()),
        (
            PolicyKind::Resource,
            policies.resource.map(|of| of.policies).unwrap_or_default().iter().map(|policy| &**policy).collect(),
        ),
    ];
    let mut found: Vec<Found<'a>> = Vec::new();
    for (kind, list) in kinds {
        for policy in list {
            let applies = |statement: &&Statement| {
                named(kind, statement, request).is_some() && statement.applies(request, &action)
            };
            found.extend(policy.statements.iter().filter(applies).map(|statement| Found { kind, policy, statement }));
        }
    }
    found.sort_by_key(|found| found.statement.effect == Effect::Allow);
    found
}

/// What the policies of one kind say.
struct Verdict<'a> {
    denied: Option<Found<'a>>,
    /// The statement that allows, of several the one that names the principal most closely.
    allowed: Option<(Found<'a>, How)>,
}

impl<'a> Verdict<'a> {
    fn of(
        kind: PolicyKind,
        policies: &mut dyn Iterator<Item = &'a Policy>,
        request: &Request<'_>,
        action: &str,
    ) -> Self {
        let mut verdict = Self { denied: None, allowed: None };
        for policy in policies {
            for statement in &policy.statements {
                let Some(how) = named(kind, statement, request) else { continue };
                // One that allows as much is there already.
                let known = verdict.allowed.is_some_and(|(_, known)| known >= how);
                if (known && statement.effect == Effect::Allow) || !statement.applies(request, action) {
                    continue;
                }
                let found = Found { kind, policy, statement };
                match statement.effect {
                    Effect::Deny => return Self { denied: Some(found), ..verdict },
                    Effect::Allow => verdict.allowed = Some((found, how)),
                }
            }
        }
        verdict
    }
}

/// How the statement names the request's principal. Only policies of resources name any.
fn named(kind: PolicyKind, statement: &Statement, request: &Request<'_>) -> Option<How> {
    match (kind, &statement.principals) {
        (PolicyKind::Resource, Some(principals)) => principals.names(&request.principal),
        (PolicyKind::Resource, None) => None,
        _ => Some(How::Itself),
    }
}
