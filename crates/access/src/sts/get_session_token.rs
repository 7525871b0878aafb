//! GetSessionToken: temporary credentials of the calling user. No policy is asked (GetSessionToken reference).

use super::assume_role::{credentials, denied};
use crate::Access;
use crate::session::{Of, Token};
use model::{Caller, time};
use wire::ApiError;
use wire::sts::{GetSessionTokenRequest, GetSessionTokenResponse};

/// How long a session lasts that asks for nothing, seconds.
const DEFAULT_S: i32 = 43_200;
/// Longest session of root, seconds.
const ROOT_MAX_S: i32 = 3_600;

pub(super) async fn get_session_token(
    access: &Access,
    caller: &Caller,
    input: GetSessionTokenRequest,
) -> Result<GetSessionTokenResponse, ApiError> {
    if caller.session.is_some() {
        return Err(denied("Cannot call GetSessionToken with session credentials"));
    }
    let is_root = caller.identity_type == "Root";
    let asked = input.duration_seconds.unwrap_or(DEFAULT_S);
    let seconds = if is_root { asked.min(ROOT_MAX_S) } else { asked };
    let now = access.clock.now();
    let token = Token {
        account: caller.scope.account.clone(),
        secret: String::new(),
        of: if is_root { Of::Root } else { Of::User },
        issuer: caller.principal_id.clone(),
        name: String::new(),
        began_ms: now.millis(),
        expires_ms: (now + i64::from(seconds) * time::SECOND).millis(),
        federated_provider: None,
        source_identity: None,
        tags: Vec::new(),
        transitive_tags: Vec::new(),
        policies: Vec::new(),
        policy_arns: Vec::new(),
    };
    Ok(GetSessionTokenResponse { credentials: Some(credentials(access, token)?), ..GetSessionTokenResponse::default() })
}
