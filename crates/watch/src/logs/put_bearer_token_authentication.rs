//! PutBearerTokenAuthentication: lets events be sent to a group with bearer tokens, or ends that; off until it is asked for.

use super::errors::group_not_found;
use super::identifiers::group_name;
use crate::Watch;
use model::{Caller, Scope};
use wire::ApiError;
use wire::logs::PutBearerTokenAuthenticationRequest;
use wire::shape::Empty;

pub(super) async fn put_bearer_token_authentication(
    watch: &Watch,
    caller: &Caller,
    input: PutBearerTokenAuthenticationRequest,
) -> Result<Empty, ApiError> {
    let name = group_name(&caller.scope, &input.log_group_identifier)?;
    let enabled = input.bearer_token_authentication_enabled;
    let changed = watch.catalog.set_log_group_bearer(&caller.scope, name, enabled).await?;
    if changed { Ok(Empty {}) } else { Err(group_not_found()) }
}

/// True when events may be sent to the group of this name with a bearer token; `None` when there is no such group.
///
/// # Errors
/// What the catalog says.
pub async fn takes_bearer_tokens(watch: &Watch, scope: &Scope, group: &str) -> Result<Option<bool>, ApiError> {
    Ok(watch.catalog.log_group(scope, group).await?.map(|group| group.bearer_enabled))
}
