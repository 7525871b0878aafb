//! AssumeRole: temporary credentials of a role, for whom its trust policy and the caller's own policies let.
//!
//! Session tags need `sts:TagSession`, a source identity `sts:SetSourceIdentity`. Both go along into roles that are assumed from the
//! session, tags where they are transitive. A role that is not there is refused like one that may not be assumed.

use crate::authorize::{Asking, CallContext};
use crate::credentials::assumed_role_arn;
use crate::entities::{Identity, Kind};
use crate::iam::{check_session_policy, managed_arn, service_failure};
use crate::policy::{self, Decision, Policies, Policy, PolicyKind, Purpose, Request, ResourcePolicies};
use crate::session::{Of, Token};
use crate::standing::{Limits, Standing, principal};
use crate::{Access, Account, ids};
use model::arn::Arn;
use model::limits::PACKED_SESSION_CHARS_MAX;
use model::{Caller, Timestamp, time};
use std::sync::Arc;
use wire::ApiError;
use wire::error::common;
use wire::sts::errors::PACKED_POLICY_TOO_LARGE_EXCEPTION;
use wire::sts::{AssumeRoleRequest, AssumeRoleResponse, AssumedRoleUser, Credentials, PolicyDescriptorType};

/// Longest session of a role that is assumed from a session of a role, seconds, and of one that asks for nothing.
pub(super) const CHAINED_S: i32 = 3_600;
/// Most managed policies of a session (AssumeRole reference).
const POLICY_ARNS_MAX: usize = 10;

pub(super) fn denied(text: impl Into<std::borrow::Cow<'static, str>>) -> ApiError {
    ApiError::new(&common::ACCESS_DENIED, text)
}

pub(super) fn invalid(text: &'static str) -> ApiError {
    ApiError::new(&common::VALIDATION_EXCEPTION, text)
}

pub(super) async fn assume_role(
    access: &Access,
    caller: &Caller,
    input: AssumeRoleRequest,
) -> Result<AssumeRoleResponse, ApiError> {
    let now = access.clock.now();
    let Standing::Limited(limits) = access.standing(caller) else {
        return Err(denied("Roles may not be assumed by root accounts."));
    };
    let (account, role) = role(access, &input.role_arn).ok_or_else(|| refusal(caller, "AssumeRole", &input, None))?;
    decide(caller, &limits, (&account, &role), &input, now)?;
    let seconds = duration(caller, &role, input.duration_seconds)?;
    let token = token(caller, (&account, &role), &input, now, seconds)?;
    let packed = packed_size(&token)?;
    let carries = !token.policies.is_empty() || !token.policy_arns.is_empty() || !token.tags.is_empty();
    let session = input.role_session_name;
    Ok(AssumeRoleResponse {
        assumed_role_user: Some(AssumedRoleUser {
            assumed_role_id: format!("{}:{session}", role.id),
            arn: assumed_role_arn(&account.id, &role.name, &session),
        }),
        packed_policy_size: carries.then_some(packed),
        source_identity: token.source_identity.clone(),
        credentials: Some(credentials(access, token)?),
        ..AssumeRoleResponse::default()
    })
}

/// The role of an ARN, in whichever account it is.
pub(super) fn role(access: &Access, arn: &str) -> Option<(Arc<Account>, Arc<Identity>)> {
    let parsed = Arn::parse(arn).filter(|parsed| parsed.service == "iam")?;
    let name = parsed.resource.strip_prefix("role/")?.rsplit('/').next()?;
    let account = access.account(parsed.account);
    let role = account.find(Kind::Role, name).filter(|role| role.arn(&account.id) == arn).cloned()?;
    Some((account, role))
}

fn refusal(caller: &Caller, operation: &str, input: &AssumeRoleRequest, reason: Option<&str>) -> ApiError {
    crate::authorize::denied(caller, None, &format!("sts:{operation}"), &input.role_arn, reason)
}

/// Asks the caller's policies and the role's trust policy.
fn decide(
    caller: &Caller,
    limits: &Limits,
    (account, role): (&Account, &Identity),
    input: &AssumeRoleRequest,
    now: Timestamp,
) -> Result<(), ApiError> {
    let trust = Policy::parse("trust policy", role.trust.as_deref().unwrap_or_default(), Purpose::Trust);
    let trust = [Arc::new(trust.map_err(|error| service_failure().with_source(error))?)];
    let resource = Some(ResourcePolicies { account: &account.id, policies: &trust });
    let policies = Policies { resource, resource_must_allow: true, ..limits.policies() };
    let mut operations = vec!["AssumeRole"];
    operations.extend(input.tags.as_ref().filter(|tags| !tags.is_empty()).map(|_| "TagSession"));
    operations.extend(input.source_identity.as_ref().map(|_| "SetSourceIdentity"));
    for operation in operations {
        let action = format!("sts:{operation}");
        let (asking, owner) = (Asking { caller, now }, account.id.as_str());
        let context = CallContext { asking, tags: &limits.grants.tags, input, action: &action, owner };
        let request =
            Request { principal: principal(caller), action: &action, resource: &input.role_arn, context: &context };
        let decision = policy::decide(&request, &policies);
        // AWS says nothing of what a trust policy lacks.
        let reason = match decision {
            Decision::Allowed(_) => continue,
            Decision::ImplicitDeny(PolicyKind::Resource) => None,
            other => other.reason(&action),
        };
        return Err(refusal(caller, operation, input, reason.as_deref()));
    }
    Ok(())
}

pub(super) fn duration(caller: &Caller, role: &Identity, asked: Option<i32>) -> Result<i32, ApiError> {
    let seconds = asked.unwrap_or(CHAINED_S);
    if caller.identity_type == "AssumedRole" && seconds > CHAINED_S {
        return Err(invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    if seconds > role.max_session_s.unwrap_or(CHAINED_S) {
        return Err(invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role."));
    }
    Ok(seconds)
}

/// What the session carries; its secret is drawn later.
fn token(
    caller: &Caller,
    (account, role): (&Account, &Identity),
    input: &AssumeRoleRequest,
    now: Timestamp,
    seconds: i32,
) -> Result<Token, ApiError> {
    let from = caller.session.as_deref();
    let inherited = from.and_then(|session| session.source_identity.clone());
    if let (Some(inherited), Some(asked)) = (&inherited, &input.source_identity)
        && inherited != asked
    {
        return Err(denied("The source identity of the session is set already and cannot be changed."));
    }
    let (tags, transitive_tags) = tags(caller, input)?;
    let (policies, policy_arns) = session_policies(account, input.policy.as_deref(), input.policy_arns.as_deref())?;
    Ok(Token {
        account: account.id.clone(),
        secret: String::new(),
        of: Of::Role,
        issuer: role.id.clone(),
        name: input.role_session_name.clone(),
        began_ms: now.millis(),
        expires_ms: (now + i64::from(seconds) * time::SECOND).millis(),
        federated_provider: None,
        source_identity: input.source_identity.clone().or(inherited),
        tags,
        transitive_tags,
        policies,
        policy_arns,
    })
}

/// The policies, and the ARNs of managed ones, that a session of a role of `account` is passed.
pub(super) fn session_policies(
    account: &Account,
    policy: Option<&str>,
    managed: Option<&[PolicyDescriptorType]>,
) -> Result<(Vec<String>, Vec<String>), ApiError> {
    if let Some(text) = policy {
        check_session_policy(text)?;
    }
    let arns: Vec<String> = managed.into_iter().flatten().filter_map(|policy| policy.arn.clone()).collect();
    if arns.len() > POLICY_ARNS_MAX {
        return Err(invalid("At most 10 managed policies can be passed with a session."));
    }
    arns.iter().try_for_each(|arn| managed_arn(account, arn))?;
    Ok((policy.map(str::to_owned).into_iter().collect(), arns))
}

/// Keys and values.
type Tags = Vec<(String, String)>;

/// The tags of the session, those of the caller's that are transitive among them, and which go further.
fn tags(caller: &Caller, input: &AssumeRoleRequest) -> Result<(Tags, Vec<String>), ApiError> {
    let mut tags = Tags::new();
    let mut transitive: Vec<String> = Vec::new();
    if let Some(session) = caller.session.as_deref() {
        let goes_on = |key: &str| session.transitive_tags.iter().any(|known| known.eq_ignore_ascii_case(key));
        tags.extend(session.tags.iter().filter(|(key, _)| goes_on(key)).cloned());
        transitive.clone_from(&session.transitive_tags);
    }
    for tag in input.tags.iter().flatten() {
        if tags.iter().any(|(known, _)| known.eq_ignore_ascii_case(&tag.key)) {
            return Err(invalid(
                "A session tag is given twice, or is a transitive tag of the calling session, which cannot be overridden.",
            ));
        }
        tags.push((tag.key.clone(), tag.value.clone()));
    }
    for key in input.transitive_tag_keys.iter().flatten() {
        if !tags.iter().any(|(known, _)| known.eq_ignore_ascii_case(key)) {
            return Err(invalid("The specified transitive tag key must be included in the requested tags."));
        }
        transitive.push(key.clone());
    }
    Ok((tags, transitive))
}

/// How much of what a token may carry is used, in percent.
pub(super) fn packed_size(token: &Token) -> Result<i32, ApiError> {
    let tags: usize = token.tags.iter().map(|(key, value)| key.chars().count() + value.chars().count()).sum();
    let policies = token.policies.iter().chain(&token.policy_arns).map(|text| text.chars().count());
    let percent = (tags + policies.sum::<usize>()) * 100 / PACKED_SESSION_CHARS_MAX;
    if percent > 100 {
        let text = format!("Packed size of session tags consumes {percent}% of allotted space.");
        return Err(ApiError::new(&PACKED_POLICY_TOO_LARGE_EXCEPTION, text));
    }
    Ok(i32::try_from(percent.max(1)).unwrap_or(100))
}

/// Draws a key and a secret, and seals the token.
pub(super) fn credentials(access: &Access, mut token: Token) -> Result<Credentials, ApiError> {
    let id = ids::access_key_id(ids::TEMPORARY, &token.account, access.random_bytes()?);
    token.secret = ids::secret(&access.random_bytes::<128>()?);
    let session_token = access.seal_token(&id, &token, access.random_bytes()?).ok_or_else(service_failure)?;
    Ok(Credentials {
        access_key_id: id,
        secret_access_key: token.secret,
        session_token,
        expiration: Timestamp(token.expires_ms).floor_to(time::SECOND),
    })
}
