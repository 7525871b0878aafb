//! GetAccountSummary: how many there are of what, and the quotas.

use crate::Access;
use model::Caller;
use model::limits::{
    ACCESS_KEYS_PER_USER_MAX, ATTACHED_POLICIES_MAX, GROUP_POLICIES_CHARS_MAX, GROUPS_PER_USER_MAX, IAM_GROUPS_MAX,
    IAM_POLICIES_MAX, IAM_ROLES_MAX, IAM_USERS_MAX, MANAGED_POLICY_CHARS_MAX, POLICY_VERSIONS_MAX,
    ROLE_POLICIES_CHARS_MAX, TRUST_POLICY_CHARS_MAX, USER_POLICIES_CHARS_MAX,
};
use wire::ApiError;
use wire::iam::GetAccountSummaryResponse;
use wire::shape::Empty;

pub(super) async fn get_account_summary(
    access: &Access,
    caller: &Caller,
    _: Empty,
) -> Result<GetAccountSummaryResponse, ApiError> {
    let account = access.account(&caller.scope.account);
    let versions = account.policies.values().map(|policy| policy.versions.len()).sum();
    let counts = [
        ("AccessKeysPerUserQuota", ACCESS_KEYS_PER_USER_MAX),
        ("AccountAccessKeysPresent", 1),
        ("AccountMFAEnabled", 0),
        ("AccountPasswordPresent", 0),
        ("AssumeRolePolicySizeQuota", TRUST_POLICY_CHARS_MAX),
        ("AttachedPoliciesPerGroupQuota", ATTACHED_POLICIES_MAX),
        ("AttachedPoliciesPerRoleQuota", ATTACHED_POLICIES_MAX),
        ("AttachedPoliciesPerUserQuota", ATTACHED_POLICIES_MAX),
        ("GroupPolicySizeQuota", GROUP_POLICIES_CHARS_MAX),
        ("Groups", account.groups.len()),
        ("GroupsPerUserQuota", GROUPS_PER_USER_MAX),
        ("GroupsQuota", IAM_GROUPS_MAX),
        ("MFADevices", 0),
        ("MFADevicesInUse", 0),
        ("Policies", account.policies.len()),
        ("PoliciesQuota", IAM_POLICIES_MAX),
        ("PolicySizeQuota", MANAGED_POLICY_CHARS_MAX),
        ("PolicyVersionsInUse", versions),
        ("RolePolicySizeQuota", ROLE_POLICIES_CHARS_MAX),
        ("Roles", account.roles.len()),
        ("RolesQuota", IAM_ROLES_MAX),
        ("UserPolicySizeQuota", USER_POLICIES_CHARS_MAX),
        ("Users", account.users.len()),
        ("UsersQuota", IAM_USERS_MAX),
        ("VersionsPerPolicyQuota", POLICY_VERSIONS_MAX),
    ];
    let entry = |(name, count): (&str, usize)| (name.to_owned(), i32::try_from(count).unwrap_or(i32::MAX));
    Ok(GetAccountSummaryResponse { summary_map: Some(counts.into_iter().map(entry).collect()) })
}
