//! PutLogGroupDeletionProtection: protects a group and its streams against deletion, or ends the protection.

use super::errors::group_not_found;
use super::identifiers::group_name;
use crate::Watch;
use model::Caller;
use wire::ApiError;
use wire::logs::PutLogGroupDeletionProtectionRequest;
use wire::shape::Empty;

pub(super) async fn put_log_group_deletion_protection(
    watch: &Watch,
    caller: &Caller,
    input: PutLogGroupDeletionProtectionRequest,
) -> Result<Empty, ApiError> {
    let name = group_name(&caller.scope, &input.log_group_identifier)?;
    let protected = input.deletion_protection_enabled;
    let changed = watch.catalog.set_log_group_protection(&caller.scope, name, protected).await?;
    if changed { Ok(Empty {}) } else { Err(group_not_found()) }
}
