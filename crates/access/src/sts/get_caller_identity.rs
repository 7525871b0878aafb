//! GetCallerIdentity: who the signature says the caller is. AWS lets everyone call it.

use crate::Access;
use model::Caller;
use wire::ApiError;
use wire::sts::{GetCallerIdentityRequest, GetCallerIdentityResponse};

pub(super) async fn get_caller_identity(
    _: &Access,
    caller: &Caller,
    _input: GetCallerIdentityRequest,
) -> Result<GetCallerIdentityResponse, ApiError> {
    Ok(GetCallerIdentityResponse {
        user_id: Some(caller.principal_id.clone()),
        account: Some(caller.scope.account.clone()),
        arn: Some(caller.arn.clone()),
    })
}
