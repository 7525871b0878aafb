//! `resolve`: from a call back over the calls that gave out its credentials, to a human or a workload.

use super::call::{Call, Identity, Issued, Means, session_name};
use super::issuances::{Found, Issuances, NotHeld};
use model::limits::ACTOR_CHAIN_MAX;
use std::sync::Arc;

/// What the ARNs of roles have that only IAM Identity Center can take.
const IDENTITY_CENTER: &str = ":role/aws-reserved/sso.amazonaws.com/";

/// Who made a call, and in which session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resolution {
    /// Who it was; `None` where the record names nobody. `actors.rs` says how it is written.
    pub actor: Option<String>,
    /// The session that the call belongs to: the one at the chain's beginning. `None` where there is neither key nor session.
    pub session: Option<String>,
    /// False where the way back ended at a session whose beginning is not known; the actor is then the last that is.
    pub is_complete: bool,
    /// The calls that gave out the credentials, the latest first.
    pub chain: Vec<Arc<Call>>,
}

/// Resolves a call; an error names a slot of issuances that is needed and not held.
pub fn resolve(call: &Call, issuances: &Issuances) -> Result<Resolution, NotHeld> {
    if let Some(resolution) = switched(call, Vec::new(), opened_by(call)) {
        return Ok(resolution);
    }
    let mut chain: Vec<Arc<Call>> = Vec::new();
    // The session at the beginning of the chain, as far as it is followed, and who its own records say it is.
    let (mut session, mut known) = (opened_by(call), (None, false));
    let (mut identity, mut time) = (call.identity.clone(), call.time);
    while identity.is_session() {
        known = known_of(&identity);
        let next = match issuances.find(&identity, time)? {
            Found::By(next) if chain.len() < ACTOR_CHAIN_MAX && !chain.contains(&next) => next,
            Found::By(_) | Found::Nothing | Found::Several => {
                let (actor, is_complete) = known;
                return Ok(Resolution { actor, session: unopened(&identity), is_complete, chain });
            }
        };
        session = opened_in(&next, &identity);
        chain.push(Arc::clone(&next));
        if let Some(resolution) = switched(&next, chain.clone(), session.clone()) {
            return Ok(resolution);
        }
        (identity, time) = (next.identity.clone(), next.time);
    }
    // What records of the session say by themselves is said as well after its beginning came in late.
    let opened = chain.last().map_or(call, |first| first).issued.as_ref();
    let (actor, is_complete) = match known {
        (Some(actor), true) => (Some(actor), true),
        _ => beginning(origin(&identity, opened)),
    };
    let session = session.or_else(|| some(&identity.access_key));
    Ok(Resolution { actor, session, is_complete, chain })
}

/// Who took a role in the console, where only the console's own event tells.
fn switched(call: &Call, chain: Vec<Arc<Call>>, session: Option<String>) -> Option<Resolution> {
    let from = call.switched_from.clone()?;
    let is_complete = from.contains(":iam:");
    Some(Resolution { actor: Some(from), session, is_complete, chain })
}

/// The session that a call opens which was itself made in none and with no key.
fn opened_by(call: &Call) -> Option<String> {
    let issued = call.issued.as_ref()?;
    let begins = !call.identity.is_session() && call.identity.access_key.is_empty();
    let opens = begins || issued.by == Means::SwitchRole;
    opens.then(|| issued.key.clone().unwrap_or_else(|| call.event_id.clone()))
}

/// The session of an identity that a call opened: its first key, or the event of the sign-in.
fn opened_in(call: &Call, identity: &Identity) -> Option<String> {
    let issued = call.issued.as_ref()?;
    issued.key.clone().or_else(|| some(&call.event_id)).or_else(|| unopened(identity))
}

/// The session of an identity of whose opening nothing is known. Keys of one session in the console differ.
fn unopened(identity: &Identity) -> Option<String> {
    match identity.created {
        Some(created) if identity.is_console || identity.access_key.is_empty() => {
            Some(format!("{}@{}", identity.principal, created.iso_seconds()))
        }
        _ => some(&identity.access_key),
    }
}

/// Who an identity without a session is; `opened` is the session that it opened, if it did.
fn origin(identity: &Identity, opened: Option<&Issued>) -> Option<String> {
    let (principal, role) = opened.map_or(("", ""), |issued| (&issued.principal, &issued.role));
    let Identity { kind, arn, account, user_name, invoked_by, .. } = identity;
    let named = |kind: &str, name: &str| (!name.is_empty()).then(|| format!("{kind}:{name}"));
    match kind.as_str() {
        "SAMLUser" if role.contains(IDENTITY_CENTER) => named("identity-center", session_name(principal, "")),
        "SAMLUser" => federated("saml", identity),
        "WebIdentityUser" => federated("web", identity),
        "AWSService" => match session_name(principal, "") {
            "" => named("service", invoked_by),
            name => named("service", invoked_by).map(|service| format!("{service}/{name}")),
        },
        "AWSAccount" => match identity.principal.as_str() {
            "" => named("account", account),
            principal if principal == account => named("account", account),
            principal => named("account", account).map(|account| format!("{account}/{principal}")),
        },
        "IdentityCenterUser" => named("identity-center", user_name),
        "Root" if arn.is_empty() => (!account.is_empty()).then(|| format!("arn:aws:iam::{account}:root")),
        "IAMUser" if arn.is_empty() && !account.is_empty() && !user_name.is_empty() => {
            Some(format!("arn:aws:iam::{account}:user/{user_name}"))
        }
        _ => some(arn)
            .or_else(|| named("service", invoked_by))
            .or_else(|| named("user", user_name))
            .or_else(|| named("principal", &identity.principal))
            .or_else(|| named("account", account)),
    }
}

/// `saml:PROVIDER/NAME`. The principal id of both kinds is `PROVIDER:SUBJECT`, where the provider of SAML is a hash.
fn federated(kind: &str, identity: &Identity) -> Option<String> {
    let Identity { provider, principal, user_name, .. } = identity;
    let name = some(user_name).or_else(|| principal.rsplit_once(':').and_then(|(_, name)| some(name)))?;
    let provider = provider.rsplit_once("-provider/").map_or(provider.as_str(), |(_, name)| name);
    Some(if provider.is_empty() { format!("{kind}:{name}") } else { format!("{kind}:{provider}/{name}") })
}

/// Who acts in a session of whose opening nothing is known, and whether that is the beginning all the same.
fn known_of(identity: &Identity) -> (Option<String>, bool) {
    let name = identity.session_name();
    if let Some((_, rest)) = identity.issuer_arn.split_once(IDENTITY_CENTER) {
        // Only Identity Center can take these roles, and names sessions by the user.
        return match name {
            "" => (some(rest), false),
            name => (Some(format!("identity-center:{name}")), true),
        };
    }
    if let Some((_, rest)) = identity.issuer_arn.split_once(":role/aws-service-role/") {
        // Only this service can take a role that is linked to it.
        let service = rest.split('/').next().unwrap_or_default();
        return (Some(format!("service:{service}/{name}")), true);
    }
    if identity.is_instance && !name.is_empty() {
        return (Some(format!("service:ec2.amazonaws.com/{name}")), true);
    }
    if let Some((provider, subject)) = &identity.web_identity {
        let provider = provider.rsplit_once("-provider/").map_or(provider.as_str(), |(_, name)| name);
        return (Some(format!("web:{provider}/{subject}")), true);
    }
    match identity.kind.as_str() {
        // The session of a user, or of root, is of that user whoever gave it out, unless an organization's administrator asked.
        "IAMUser" => beginning(origin(identity, None)),
        "Root" if !identity.is_assumed_root => beginning(origin(identity, None)),
        "FederatedUser" if matches!(identity.issuer_kind.as_str(), "IAMUser" | "Root") => {
            (some(&identity.issuer_arn), !identity.issuer_arn.is_empty())
        }
        _ if !identity.source_identity.is_empty() => {
            (Some(format!("source-identity:{}", identity.source_identity)), false)
        }
        _ => (origin(identity, None), false),
    }
}

/// An actor that a chain begins with; an account is not who it was.
fn beginning(actor: Option<String>) -> (Option<String>, bool) {
    let is_complete = actor.as_ref().is_some_and(|actor| !actor.starts_with("account:"));
    (actor, is_complete)
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
