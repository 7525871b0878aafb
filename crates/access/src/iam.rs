//! The operations of `aws iam`, families by resource.
//!
//! Texts of errors are IAM's where they are known. All of an account's identities are in memory, so whatever reads never waits.

mod access_keys;
mod attachments;
mod authorization_details;
mod boundaries;
mod documents;
mod errors;
mod groups;
mod inline_policies;
mod pages;
mod policies;
mod roles;
mod shapes;
mod simulate;
mod summary;
mod tags;
mod users;

pub(crate) use documents::{check_session_policy, managed_arn};
pub(crate) use errors::service_failure;

use crate::Access;
use wire::{Access as Level, Audit, Operation, iam, operation};

macro_rules! rows {
    ($($level:ident $shape:ident $function:path,)*) => {
        vec![$(operation!(Level::$level, Audit::Management, iam::$shape, $function)),*]
    };
}

/// The rows of this service.
pub fn operations() -> Vec<Operation<Access>> {
    rows![
        Write CreateUser users::create_user,
        Read GetUser users::get_user,
        List ListUsers users::list_users,
        Write UpdateUser users::update_user,
        Write DeleteUser users::delete_user,
        Write CreateGroup groups::create_group,
        Read GetGroup groups::get_group,
        List ListGroups groups::list_groups,
        List ListGroupsForUser groups::list_groups_for_user,
        Write UpdateGroup groups::update_group,
        Write DeleteGroup groups::delete_group,
        Write AddUserToGroup groups::add_user_to_group,
        Write RemoveUserFromGroup groups::remove_user_from_group,
        Write CreateRole roles::create_role,
        Read GetRole roles::get_role,
        List ListRoles roles::list_roles,
        Write UpdateRole roles::update_role,
        Write UpdateRoleDescription roles::update_role_description,
        Write UpdateAssumeRolePolicy roles::update_assume_role_policy,
        Write DeleteRole roles::delete_role,
        List ListInstanceProfilesForRole roles::list_instance_profiles_for_role,
        Write CreateAccessKey access_keys::create_access_key,
        List ListAccessKeys access_keys::list_access_keys,
        Read GetAccessKeyLastUsed access_keys::get_access_key_last_used,
        Write UpdateAccessKey access_keys::update_access_key,
        Write DeleteAccessKey access_keys::delete_access_key,
        Write PutUserPolicy inline_policies::put_user_policy,
        Read GetUserPolicy inline_policies::get_user_policy,
        List ListUserPolicies inline_policies::list_user_policies,
        Write DeleteUserPolicy inline_policies::delete_user_policy,
        Write PutGroupPolicy inline_policies::put_group_policy,
        Read GetGroupPolicy inline_policies::get_group_policy,
        List ListGroupPolicies inline_policies::list_group_policies,
        Write DeleteGroupPolicy inline_policies::delete_group_policy,
        Write PutRolePolicy inline_policies::put_role_policy,
        Read GetRolePolicy inline_policies::get_role_policy,
        List ListRolePolicies inline_policies::list_role_policies,
        Write DeleteRolePolicy inline_policies::delete_role_policy,
        Write AttachUserPolicy attachments::attach_user_policy,
        Write DetachUserPolicy attachments::detach_user_policy,
        List ListAttachedUserPolicies attachments::list_attached_user_policies,
        Write AttachGroupPolicy attachments::attach_group_policy,
        Write DetachGroupPolicy attachments::detach_group_policy,
        List ListAttachedGroupPolicies attachments::list_attached_group_policies,
        Write AttachRolePolicy attachments::attach_role_policy,
        Write DetachRolePolicy attachments::detach_role_policy,
        List ListAttachedRolePolicies attachments::list_attached_role_policies,
        List ListEntitiesForPolicy attachments::list_entities_for_policy,
        Write PutUserPermissionsBoundary boundaries::put_user_permissions_boundary,
        Write DeleteUserPermissionsBoundary boundaries::delete_user_permissions_boundary,
        Write PutRolePermissionsBoundary boundaries::put_role_permissions_boundary,
        Write DeleteRolePermissionsBoundary boundaries::delete_role_permissions_boundary,
        Write CreatePolicy policies::create_policy,
        Read GetPolicy policies::get_policy,
        List ListPolicies policies::list_policies,
        Write DeletePolicy policies::delete_policy,
        Write CreatePolicyVersion policies::create_policy_version,
        Read GetPolicyVersion policies::get_policy_version,
        List ListPolicyVersions policies::list_policy_versions,
        Write SetDefaultPolicyVersion policies::set_default_policy_version,
        Write DeletePolicyVersion policies::delete_policy_version,
        Tagging TagUser tags::tag_user,
        Tagging UntagUser tags::untag_user,
        List ListUserTags tags::list_user_tags,
        Tagging TagRole tags::tag_role,
        Tagging UntagRole tags::untag_role,
        List ListRoleTags tags::list_role_tags,
        Tagging TagPolicy tags::tag_policy,
        Tagging UntagPolicy tags::untag_policy,
        List ListPolicyTags tags::list_policy_tags,
        Read GetAccountSummary summary::get_account_summary,
        Read GetAccountAuthorizationDetails authorization_details::get_account_authorization_details,
        Read SimulatePrincipalPolicy simulate::simulate_principal_policy,
        Read SimulateCustomPolicy simulate::simulate_custom_policy,
    ]
}
