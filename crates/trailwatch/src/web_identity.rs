//! Who calls AssumeRoleWithWebIdentity, which nobody signs: whom the ID token in it names, once it is verified with the keys of the
//! provider that `[oidc]` names.
//!
//! Errors are AWS's (AssumeRoleWithWebIdentity reference).

use crate::config::is_account_id;
use crate::console::at;
use crate::oidc::{Failure, Refused, claimed_issuer};
use crate::promql::pairs;
use crate::server::Server;
use access::sts::provider_arn;
use model::arn::Arn;
use model::{Caller, Scope, Timestamp};
use std::borrow::Cow;
use trail::audit::WEB_IDENTITY;
use wire::error::common;
use wire::routing::Target;
use wire::sts::errors::{EXPIRED_TOKEN_EXCEPTION, IDP_COMMUNICATION_ERROR_EXCEPTION, INVALID_IDENTITY_TOKEN_EXCEPTION};
use wire::{ApiError, HttpRequest, Service};

/// True for the call that is made by a token.
pub fn is_made_by_token(target: &Target) -> bool {
    target.service == Service::Sts && target.operation == "AssumeRoleWithWebIdentity"
}

/// Whom the token of the call names; `None` where it has none, which is for the operation to refuse. `claimed` is who the call says,
/// from where.
pub async fn caller(
    server: &Server,
    request: &HttpRequest,
    claimed: &Caller,
    now: Timestamp,
) -> Result<Option<Caller>, ApiError> {
    let body = String::from_utf8_lossy(&request.body);
    let pairs = pairs(&format!("{body}&{}", request.query));
    let said = |name: &str| pairs.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let (token, role) = (said("WebIdentityToken").to_owned(), said("RoleArn"));
    if token.is_empty() {
        return Ok(None);
    }
    let no_token = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)";
    let issuer = claimed_issuer(&token).ok_or_else(|| invalid(no_token))?;
    let Some(oidc) = server.oidc.as_ref().filter(|oidc| oidc.settings.issuer == issuer) else {
        let issuer: String = issuer.chars().take(256).collect();
        return Err(invalid(format!("No OpenIDConnect provider found in your account for {issuer}")));
    };
    let verified = oidc.asked(&at(&claimed.source_ip), move |oidc| oidc.provider.verified(&token, now)).await;
    let claims = verified.map_err(refused)?;
    let account = Arn::parse(role).map(|arn| arn.account).filter(|account| is_account_id(account));
    let account = account.unwrap_or(&claimed.scope.account);
    let provider = provider_arn(account, oidc.provider_name());
    Ok(Some(Caller {
        scope: Scope { account: account.to_owned(), region: claimed.scope.region.clone() },
        access_key_id: String::new(),
        identity_type: WEB_IDENTITY.into(),
        principal_id: format!("{provider}:{}:{}", oidc.settings.client_id, claims.subject),
        arn: provider,
        user_name: Some(claims.subject),
        session: None,
        from_console: false,
        ..claimed.clone()
    }))
}

fn invalid(text: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::new(&INVALID_IDENTITY_TOKEN_EXCEPTION, text)
}

fn refused(failure: Failure) -> ApiError {
    match failure {
        Failure::Busy => ApiError::new(&common::THROTTLING, "Rate exceeded"),
        Failure::Provider(reason) => {
            tracing::warn!(reason, "verify an ID token");
            let text = "The identity provider that was asked to verify the identity token could not be reached.";
            ApiError::new(&IDP_COMMUNICATION_ERROR_EXCEPTION, text).with_source(reason)
        }
        Failure::Token(Refused::Expired) => {
            ApiError::new(&EXPIRED_TOKEN_EXCEPTION, "The web identity token that was passed has expired.")
        }
        Failure::Token(refused) => invalid(format!("The ID token is not taken: {refused}")),
    }
}
