//! CreateUser, GetUser, ListUsers, UpdateUser, DeleteUser.

use super::documents::managed_arn;
use super::errors::{absent, delete_conflict, exists, quota, validation};
use super::pages::{page, under};
use super::shapes;
use super::tags::to_map;
use crate::entities::{Identity, Kind};
use crate::{Access, Account, ids};
use model::limits::IAM_USERS_MAX;
use model::{Caller, Timestamp};
use wire::ApiError;
use wire::iam::{
    CreateUserRequest, CreateUserResponse, DeleteUserRequest, GetUserRequest, GetUserResponse, ListUsersRequest,
    ListUsersResponse, UpdateUserRequest, User,
};
use wire::shape::Empty;

/// A new identity without anything.
pub(super) fn made(kind: Kind, id: String, name: String, path: Option<String>, now: Timestamp) -> Identity {
    Identity {
        kind,
        id,
        name,
        path: path.unwrap_or_else(|| "/".into()),
        created_ms: now.millis(),
        boundary: None,
        inline: Default::default(),
        attached: Default::default(),
        groups: Default::default(),
        tags: Default::default(),
        trust: None,
        description: None,
        max_session_s: None,
        last_used: None,
    }
}

/// Adds an identity whose name is free; `most` of its kind may be there.
pub(super) fn add(account: &mut Account, identity: Identity, quota_name: &str, most: usize) -> Result<(), ApiError> {
    if account.find(identity.kind, &identity.name).is_some() {
        return Err(exists(identity.kind, &identity.name));
    }
    if account.of(identity.kind).len() >= most {
        return Err(quota(quota_name, most));
    }
    if let Some(arn) = &identity.boundary {
        managed_arn(account, arn)?;
    }
    account.put(identity);
    Ok(())
}

/// Gives an identity another name or path.
pub(super) fn rename(
    account: &mut Account,
    kind: Kind,
    name: &str,
    new_name: Option<String>,
    new_path: Option<String>,
) -> Result<(), ApiError> {
    let known = account.find(kind, name).ok_or_else(|| absent(kind, name))?;
    let mut changed = Identity::clone(known);
    if let Some(new_name) = new_name {
        if !new_name.eq_ignore_ascii_case(name) && account.find(kind, &new_name).is_some() {
            return Err(exists(kind, &new_name));
        }
        changed.name = new_name;
    }
    if let Some(path) = new_path {
        changed.path = path;
    }
    account.remove(kind, name);
    account.put(changed);
    Ok(())
}

/// The name that a call on the caller's own user leaves out.
pub(super) fn own_name(caller: &Caller, given: Option<String>) -> Result<String, ApiError> {
    given
        .or_else(|| caller.user_name.clone().filter(|_| caller.identity_type == "IAMUser"))
        .ok_or_else(|| validation("Must specify userName when calling with non-User credentials"))
}

pub(super) async fn create_user(
    access: &Access,
    caller: &Caller,
    input: CreateUserRequest,
) -> Result<CreateUserResponse, ApiError> {
    let id = ids::entity_id("AIDA", access.random_bytes()?);
    let mut user = made(Kind::User, id, input.user_name, input.path, access.clock.now());
    user.boundary = input.permissions_boundary;
    user.tags = to_map(input.tags.unwrap_or_default())?;
    let answer = shapes::user(&caller.scope.account, &user);
    access.change(&caller.scope.account, |account| add(account, user, "UsersPerAccount", IAM_USERS_MAX)).await?;
    Ok(CreateUserResponse { user: Some(answer) })
}

pub(super) async fn get_user(
    access: &Access,
    caller: &Caller,
    input: GetUserRequest,
) -> Result<GetUserResponse, ApiError> {
    let account = access.account(&caller.scope.account);
    if input.user_name.is_none() && caller.identity_type == "Root" {
        let user = User {
            path: "/".into(),
            user_name: "root".into(),
            user_id: account.id.clone(),
            arn: format!("arn:aws:iam::{}:root", account.id),
            ..User::default()
        };
        return Ok(GetUserResponse { user });
    }
    let name = own_name(caller, input.user_name)?;
    let user = account.find(Kind::User, &name).ok_or_else(|| absent(Kind::User, &name))?;
    Ok(GetUserResponse { user: shapes::user(&account.id, user) })
}

pub(super) async fn list_users(
    access: &Access,
    caller: &Caller,
    input: ListUsersRequest,
) -> Result<ListUsersResponse, ApiError> {
    let account = access.account(&caller.scope.account);
    let users = account.users.values().filter(|user| under(&user.path, input.path_prefix.as_deref()));
    let users = users.map(|user| shapes::listed_user(&account.id, user)).collect();
    let page = page(users, |user: &User| user.user_name.clone(), input.marker, input.max_items)?;
    Ok(ListUsersResponse { users: page.items, is_truncated: page.is_truncated, marker: page.marker })
}

pub(super) async fn update_user(access: &Access, caller: &Caller, input: UpdateUserRequest) -> Result<Empty, ApiError> {
    let rename =
        |account: &mut Account| rename(account, Kind::User, &input.user_name, input.new_user_name, input.new_path);
    access.change(&caller.scope.account, rename).await?;
    Ok(Empty {})
}

pub(super) async fn delete_user(access: &Access, caller: &Caller, input: DeleteUserRequest) -> Result<Empty, ApiError> {
    let name = input.user_name;
    access
        .change(&caller.scope.account, |account| {
            let user = account.find(Kind::User, &name).ok_or_else(|| absent(Kind::User, &name))?;
            if account.keys_of(&user.id).next().is_some() {
                return Err(delete_conflict("Cannot delete entity, must delete access keys first."));
            }
            if !user.groups.is_empty() {
                return Err(delete_conflict("Cannot delete entity, must remove users from group first."));
            }
            without_policies(user)?;
            account.remove(Kind::User, &name);
            Ok(())
        })
        .await?;
    Ok(Empty {})
}

/// Refuses to delete what still has policies.
pub(super) fn without_policies(identity: &Identity) -> Result<(), ApiError> {
    if !identity.attached.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must detach all policies first."));
    }
    if !identity.inline.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must delete policies first."));
    }
    Ok(())
}
