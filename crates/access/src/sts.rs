//! The operations of `aws sts`, one file per command.

mod assume_role;
mod assume_role_with_web_identity;
mod decode_authorization_message;
mod get_access_key_info;
mod get_caller_identity;
mod get_session_token;
mod web_identity;

use crate::Access;
pub use web_identity::{AssumedRole, WebIdentity, provider_arn};
use wire::{Access as Level, Audit, Operation, operation, sts};

/// The rows of this service. Levels are IAM's; what records say of them is in `wire::recorded`.
pub fn operations() -> Vec<Operation<Access>> {
    let audit = Audit::Management;
    vec![
        operation!(Level::Write, audit, sts::AssumeRole, assume_role::assume_role),
        operation!(
            Level::Write,
            audit,
            sts::AssumeRoleWithWebIdentity,
            assume_role_with_web_identity::assume_role_with_web_identity,
        ),
        operation!(
            Level::Write,
            audit,
            sts::DecodeAuthorizationMessage,
            decode_authorization_message::decode_authorization_message,
        ),
        operation!(Level::Read, audit, sts::GetAccessKeyInfo, get_access_key_info::get_access_key_info),
        operation!(Level::Read, audit, sts::GetCallerIdentity, get_caller_identity::get_caller_identity),
        operation!(Level::Read, audit, sts::GetSessionToken, get_session_token::get_session_token),
    ]
}
