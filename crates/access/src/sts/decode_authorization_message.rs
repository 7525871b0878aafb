//! DecodeAuthorizationMessage: refused, for no refusal of ours is encoded: each says in plain words why.

use crate::Access;
use model::Caller;
use wire::ApiError;
use wire::sts::errors::INVALID_AUTHORIZATION_MESSAGE_EXCEPTION;
use wire::sts::{DecodeAuthorizationMessageRequest, DecodeAuthorizationMessageResponse};

pub(super) async fn decode_authorization_message(
    _: &Access,
    _: &Caller,
    _: DecodeAuthorizationMessageRequest,
) -> Result<DecodeAuthorizationMessageResponse, ApiError> {
    Err(ApiError::new(&INVALID_AUTHORIZATION_MESSAGE_EXCEPTION, "Invalid authorization message"))
}
