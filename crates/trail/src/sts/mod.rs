//! The operations of `aws sts`, one file per command.

pub mod get_caller_identity;

use crate::Trail;
use wire::{Access, Audit, Operation, operation, sts};

/// The rows of this service.
pub fn operations() -> Vec<Operation<Trail>> {
    vec![operation!(Access::Read, Audit::Management, sts::GetCallerIdentity, get_caller_identity::get_caller_identity,)]
}
