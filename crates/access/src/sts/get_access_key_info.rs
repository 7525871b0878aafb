//! GetAccessKeyInfo: the account of an access key.

use crate::{Access, ids};
use model::Caller;
use wire::ApiError;
use wire::error::common;
use wire::sts::{GetAccessKeyInfoRequest, GetAccessKeyInfoResponse};

pub(super) async fn get_access_key_info(
    access: &Access,
    caller: &Caller,
    input: GetAccessKeyInfoRequest,
) -> Result<GetAccessKeyInfoResponse, ApiError> {
    let id = input.access_key_id;
    // The root key is no user's; sessions are not kept, so that the account of theirs is what the key says.
    let account = match id == caller.access_key_id {
        true => Some(caller.scope.account.clone()),
        false => ids::account_of(&id)
            .filter(|account| id.starts_with(ids::TEMPORARY) || access.account(account).keys.contains_key(&id)),
    };
    match account {
        Some(account) => Ok(GetAccessKeyInfoResponse { account: Some(account) }),
        None => Err(ApiError::new(&common::VALIDATION_EXCEPTION, format!("The access key {id} is not known."))),
    }
}
