//! CreateLogGroup: makes a log group with its class, tags and deletion protection.
//!
//! Names that begin with `aws/` are AWS's own. A KMS key is remembered and shown, as AWS does, but stored events are not
//! encrypted with it. There is no quota on the number of groups.

use super::errors::{group_exists, invalid};
use super::kms_key::{check_key, warn_of_key};
use super::tags::check_keys;
use crate::Watch;
use catalog::NewLogGroup;
use model::{Caller, arn};
use std::collections::BTreeMap;
use wire::ApiError;
use wire::logs::CreateLogGroupRequest;
use wire::shape::Empty;

pub(super) async fn create_log_group(
    watch: &Watch,
    caller: &Caller,
    input: CreateLogGroupRequest,
) -> Result<Empty, ApiError> {
    let name = input.log_group_name.as_str();
    // AWS prints the prefix in capitals and matches it in any case.
    if name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws/")) {
        return Err(invalid("Log groups starting with AWS/ are reserved for AWS."));
    }
    let tags: BTreeMap<String, String> = input.tags.unwrap_or_default();
    check_keys(tags.keys())?;
    let arn = arn::log_group(&caller.scope, name);
    if let Some(key) = &input.kms_key_id {
        check_key(&caller.scope, key, &arn)?;
    }
    let new = NewLogGroup {
        name,
        created_at: watch.clock.now(),
        class: input.log_group_class.as_deref().unwrap_or("STANDARD"),
        kms_key_id: input.kms_key_id.as_deref(),
        deletion_protected: input.deletion_protection_enabled.unwrap_or(false),
    };
    let created = watch.catalog.create_log_group(&caller.scope, new, &arn, &tags).await?;
    if created.is_some() && input.kms_key_id.is_some() {
        warn_of_key(&arn);
    }
    created.map(|_| Empty {}).ok_or_else(group_exists)
}
