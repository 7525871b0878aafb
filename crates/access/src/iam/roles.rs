//! CreateRole, GetRole, ListRoles, UpdateRole, UpdateRoleDescription, UpdateAssumeRolePolicy, DeleteRole, and
//! ListInstanceProfilesForRole, which Terraform asks before it deletes a role.

use super::documents::{check_principals, check_trust};
use super::errors::absent;
use super::pages::{page, under};
use super::shapes;
use super::tags::to_map;
use super::users::{add, made, without_policies};
use crate::entities::{Identity, Kind};
use crate::{Access, ids};
use model::Caller;
use model::limits::IAM_ROLES_MAX;
use wire::ApiError;
use wire::iam::{
    CreateRoleRequest, CreateRoleResponse, DeleteRoleRequest, GetRoleRequest, GetRoleResponse,
    ListInstanceProfilesForRoleRequest, ListInstanceProfilesForRoleResponse, ListRolesRequest, ListRolesResponse, Role,
    UpdateAssumeRolePolicyRequest, UpdateRoleDescriptionRequest, UpdateRoleDescriptionResponse, UpdateRoleRequest,
    UpdateRoleResponse,
};
use wire::shape::Empty;

/// Longest session of a role that says nothing about it, seconds.
pub(crate) const SESSION_S: i32 = 3_600;

pub(super) async fn create_role(
    access: &Access,
    caller: &Caller,
    input: CreateRoleRequest,
) -> Result<CreateRoleResponse, ApiError> {
    let trust = check_trust(&input.assume_role_policy_document)?;
    let id = ids::entity_id("AROA", access.random_bytes()?);
    let mut role = made(Kind::Role, id, input.role_name, input.path, access.clock.now());
    role.trust = Some(input.assume_role_policy_document);
    role.description = input.description;
    role.max_session_s = Some(input.max_session_duration.unwrap_or(SESSION_S));
    role.boundary = input.permissions_boundary;
    role.tags = to_map(input.tags.unwrap_or_default())?;
    let answer = shapes::role(&caller.scope.account, &role);
    access
        .change(&caller.scope.account, |account| {
            check_principals(account, &trust)?;
            add(account, role, "RolesPerAccount", IAM_ROLES_MAX)
        })
        .await?;
    Ok(CreateRoleResponse { role: answer })
}

pub(super) async fn get_role(
    access: &Access,
    caller: &Caller,
    input: GetRoleRequest,
) -> Result<GetRoleResponse, ApiError> {
    let account = access.account(&caller.scope.account);
    let name = input.role_name;
    let role = account.find(Kind::Role, &name).ok_or_else(|| absent(Kind::Role, &name))?;
    let last = access.last_use_of_role(&account.id, role).or_else(|| role.last_used.clone());
    let role_last_used = Some(shapes::role_last_used(last.as_ref()));
    Ok(GetRoleResponse { role: Role { role_last_used, ..shapes::role(&account.id, role) } })
}

pub(super) async fn list_roles(
    access: &Access,
    caller: &Caller,
    input: ListRolesRequest,
) -> Result<ListRolesResponse, ApiError> {
    let account = access.account(&caller.scope.account);
    let roles = account.roles.values().filter(|role| under(&role.path, input.path_prefix.as_deref()));
    let roles = roles.map(|role| shapes::listed_role(&account.id, role)).collect();
    let page = page(roles, |role: &Role| role.role_name.clone(), input.marker, input.max_items)?;
    Ok(ListRolesResponse { roles: page.items, is_truncated: page.is_truncated, marker: page.marker })
}

/// Changes a role, and answers it as it is then.
async fn change<F>(access: &Access, caller: &Caller, name: String, edit: F) -> Result<Identity, ApiError>
where
    F: FnOnce(&mut Identity) + Send,
{
    access
        .change(&caller.scope.account, |account| {
            let role = account.find_mut(Kind::Role, &name).ok_or_else(|| absent(Kind::Role, &name))?;
            edit(role);
            Ok(role.clone())
        })
        .await
}

pub(super) async fn update_role(
    access: &Access,
    caller: &Caller,
    input: UpdateRoleRequest,
) -> Result<UpdateRoleResponse, ApiError> {
    let edit = |role: &mut Identity| {
        // What a call leaves out gets its default (UpdateRole reference).
        role.max_session_s = Some(input.max_session_duration.unwrap_or(SESSION_S));
        role.description = input.description.or(role.description.take());
    };
    change(access, caller, input.role_name, edit).await?;
    Ok(UpdateRoleResponse {})
}

pub(super) async fn update_role_description(
    access: &Access,
    caller: &Caller,
    input: UpdateRoleDescriptionRequest,
) -> Result<UpdateRoleDescriptionResponse, ApiError> {
    let edit = |role: &mut Identity| role.description = Some(input.description);
    let role = change(access, caller, input.role_name, edit).await?;
    Ok(UpdateRoleDescriptionResponse { role: Some(shapes::role(&caller.scope.account, &role)) })
}

pub(super) async fn update_assume_role_policy(
    access: &Access,
    caller: &Caller,
    input: UpdateAssumeRolePolicyRequest,
) -> Result<Empty, ApiError> {
    let trust = check_trust(&input.policy_document)?;
    check_principals(&access.account(&caller.scope.account), &trust)?;
    change(access, caller, input.role_name, |role| role.trust = Some(input.policy_document)).await?;
    Ok(Empty {})
}

/// There are no instance profiles.
pub(super) async fn list_instance_profiles_for_role(
    access: &Access,
    caller: &Caller,
    input: ListInstanceProfilesForRoleRequest,
) -> Result<ListInstanceProfilesForRoleResponse, ApiError> {
    let name = input.role_name;
    access.account(&caller.scope.account).find(Kind::Role, &name).ok_or_else(|| absent(Kind::Role, &name))?;
    Ok(ListInstanceProfilesForRoleResponse { is_truncated: Some(false), ..Default::default() })
}

pub(super) async fn delete_role(access: &Access, caller: &Caller, input: DeleteRoleRequest) -> Result<Empty, ApiError> {
    let name = input.role_name;
    access
        .change(&caller.scope.account, |account| {
            without_policies(account.find(Kind::Role, &name).ok_or_else(|| absent(Kind::Role, &name))?)?;
            account.remove(Kind::Role, &name);
            Ok(())
        })
        .await?;
    Ok(Empty {})
}
