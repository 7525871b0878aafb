//! AssumeRoleWithWebIdentity: temporary credentials of a role for whom an ID token names. Whoever takes the call has verified the token: the
//! caller is whom it names.
//!
//! AWS: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>. Tokens of OAuth 2.0 (`ProviderId`) are not
//! taken, and session tags and source identities in tokens are passed over.

use super::assume_role::{credentials, duration, invalid, packed_size, session_policies};
use super::web_identity::{WebIdentity, role_token};
use crate::Access;
use crate::credentials::assumed_role_arn;
use model::Caller;
use wire::ApiError;
use wire::sts::errors::INVALID_IDENTITY_TOKEN_EXCEPTION;
use wire::sts::{AssumeRoleWithWebIdentityRequest, AssumeRoleWithWebIdentityResponse, AssumedRoleUser};

pub(super) async fn assume_role_with_web_identity(
    access: &Access,
    caller: &Caller,
    input: AssumeRoleWithWebIdentityRequest,
) -> Result<AssumeRoleWithWebIdentityResponse, ApiError> {
    let now = access.clock.now();
    if input.provider_id.is_some() {
        return Err(invalid(
            "ProviderId is for OAuth 2.0 access tokens, which are not taken: leave it out for an ID token.",
        ));
    }
    let (provider, audience, subject) = vouched(caller)
        .ok_or_else(|| ApiError::new(&INVALID_IDENTITY_TOKEN_EXCEPTION, "The ID Token provided is not a valid JWT."))?;
    let who = WebIdentity {
        provider,
        subject,
        audience,
        role_arn: &input.role_arn,
        session_name: &input.role_session_name,
        source_ip: &caller.source_ip,
        is_tls: caller.tls.is_some(),
        seconds: 0,
    };
    let (account, role) = access.admitted_by_trust(&who, now)?;
    let mut token = role_token((&account, &role), &who, duration(caller, &role, input.duration_seconds)?, now);
    (token.policies, token.policy_arns) =
        session_policies(&account, input.policy.as_deref(), input.policy_arns.as_deref())?;
    let packed = packed_size(&token)?;
    let carries = !token.policies.is_empty() || !token.policy_arns.is_empty();
    Ok(AssumeRoleWithWebIdentityResponse {
        subject_from_web_identity_token: Some(subject.to_owned()),
        assumed_role_user: Some(AssumedRoleUser {
            assumed_role_id: format!("{}:{}", role.id, input.role_session_name),
            arn: assumed_role_arn(&account.id, &role.name, &input.role_session_name),
        }),
        packed_policy_size: carries.then_some(packed),
        provider: token.federated_provider.clone(),
        audience: Some(audience.to_owned()),
        credentials: Some(credentials(access, token)?),
        ..AssumeRoleWithWebIdentityResponse::default()
    })
}

/// Provider, audience and subject of a caller whom a provider vouches for; `None` for any other.
fn vouched(caller: &Caller) -> Option<(&str, &str, &str)> {
    let subject = caller.user_name.as_deref().filter(|_| caller.identity_type == "WebIdentityUser")?;
    let (_, provider) = caller.arn.split_once(":oidc-provider/")?;
    let audience = caller.principal_id.strip_prefix(&caller.arn)?.strip_prefix(':')?;
    Some((provider, audience.strip_suffix(subject)?.strip_suffix(':')?, subject))
}
