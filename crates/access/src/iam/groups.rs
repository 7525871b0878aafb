//! CreateGroup, GetGroup, ListGroups, ListGroupsForUser, UpdateGroup, DeleteGroup, AddUserToGroup, RemoveUserFromGroup.

use super::errors::{absent, delete_conflict, quota};
use super::pages::{page, under};
use super::shapes;
use super::users::{add, made, rename, without_policies};
use crate::entities::Kind;
use crate::{Access, Account, ids};
use model::Caller;
use model::limits::{GROUPS_PER_USER_MAX, IAM_GROUPS_MAX};
use wire::ApiError;
use wire::iam::{
    AddUserToGroupRequest, CreateGroupRequest, CreateGroupResponse, DeleteGroupRequest, GetGroupRequest,
    GetGroupResponse, Group, ListGroupsForUserRequest, ListGroupsForUserResponse, ListGroupsRequest,
    ListGroupsResponse, RemoveUserFromGroupRequest, UpdateGroupRequest, User,
};
use wire::shape::Empty;

pub(super) async fn create_group(
    access: &Access,
    caller: &Caller,
    input: CreateGroupRequest,
) -> Result<CreateGroupResponse, ApiError> {
    let id = ids::entity_id("AGPA", access.random_bytes()?);
    let group = made(Kind::Group, id, input.group_name, input.path, access.clock.now());
    let answer = shapes::group(&caller.scope.account, &group);
    access.change(&caller.scope.account, |account| add(account, group, "GroupsPerAccount", IAM_GROUPS_MAX)).await?;
    Ok(CreateGroupResponse { group: answer })
}

pub(super) async fn get_group(
    access: &Access,
    caller: &Caller,
    input: GetGroupRequest,
) -> Result<GetGroupResponse, ApiError> {
    let account = access.account(&caller.scope.account);
    let name = input.group_name;
    let group = account.find(Kind::Group, &name).ok_or_else(|| absent(Kind::Group, &name))?;
    let users = account.users.values().filter(|user| user.groups.contains(&group.id));
    let users = users.map(|user| shapes::listed_user(&account.id, user)).collect();
    let page = page(users, |user: &User| user.user_name.clone(), input.marker, input.max_items)?;
    Ok(GetGroupResponse {
        group: shapes::group(&account.id, group),
        users: page.items,
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

pub(super) async fn list_groups(
    access: &Access,
    caller: &Caller,
    input: ListGroupsRequest,
) -> Result<ListGroupsResponse, ApiError> {
    let account = access.account(&caller.scope.account);
    let groups = account.groups.values().filter(|group| under(&group.path, input.path_prefix.as_deref()));
    let groups = groups.map(|group| shapes::group(&account.id, group)).collect();
    let page = page(groups, |group: &Group| group.group_name.clone(), input.marker, input.max_items)?;
    Ok(ListGroupsResponse { groups: page.items, is_truncated: page.is_truncated, marker: page.marker })
}

pub(super) async fn list_groups_for_user(
    access: &Access,
    caller: &Caller,
    input: ListGroupsForUserRequest,
) -> Result<ListGroupsForUserResponse, ApiError> {
    let account = access.account(&caller.scope.account);
    let name = input.user_name;
    let user = account.find(Kind::User, &name).ok_or_else(|| absent(Kind::User, &name))?;
    let groups = user.groups.iter().filter_map(|id| account.by_id(Kind::Group, id));
    let groups = groups.map(|group| shapes::group(&account.id, group)).collect();
    let page = page(groups, |group: &Group| group.group_name.clone(), input.marker, input.max_items)?;
    Ok(ListGroupsForUserResponse { groups: page.items, is_truncated: page.is_truncated, marker: page.marker })
}

pub(super) async fn update_group(
    access: &Access,
    caller: &Caller,
    input: UpdateGroupRequest,
) -> Result<Empty, ApiError> {
    let rename =
        |account: &mut Account| rename(account, Kind::Group, &input.group_name, input.new_group_name, input.new_path);
    access.change(&caller.scope.account, rename).await?;
    Ok(Empty {})
}

pub(super) async fn delete_group(
    access: &Access,
    caller: &Caller,
    input: DeleteGroupRequest,
) -> Result<Empty, ApiError> {
    let name = input.group_name;
    access
        .change(&caller.scope.account, |account| {
            let group = account.find(Kind::Group, &name).ok_or_else(|| absent(Kind::Group, &name))?;
            if account.users.values().any(|user| user.groups.contains(&group.id)) {
                return Err(delete_conflict("Cannot delete entity, must remove users from group first."));
            }
            without_policies(group)?;
            account.remove(Kind::Group, &name);
            Ok(())
        })
        .await?;
    Ok(Empty {})
}

pub(super) async fn add_user_to_group(
    access: &Access,
    caller: &Caller,
    input: AddUserToGroupRequest,
) -> Result<Empty, ApiError> {
    access
        .change(&caller.scope.account, |account| {
            let (group, user) = (&input.group_name, &input.user_name);
            let id = account.find(Kind::Group, group).ok_or_else(|| absent(Kind::Group, group))?.id.clone();
            let user = account.find_mut(Kind::User, user).ok_or_else(|| absent(Kind::User, user))?;
            if !user.groups.contains(&id) && user.groups.len() >= GROUPS_PER_USER_MAX {
                return Err(quota("GroupsPerUser", GROUPS_PER_USER_MAX));
            }
            user.groups.insert(id);
            Ok(())
        })
        .await?;
    Ok(Empty {})
}

pub(super) async fn remove_user_from_group(
    access: &Access,
    caller: &Caller,
    input: RemoveUserFromGroupRequest,
) -> Result<Empty, ApiError> {
    access
        .change(&caller.scope.account, |account| {
            let (group, user) = (&input.group_name, &input.user_name);
            let id = account.find(Kind::Group, group).ok_or_else(|| absent(Kind::Group, group))?.id.clone();
            account.find_mut(Kind::User, user).ok_or_else(|| absent(Kind::User, user))?.groups.remove(&id);
            Ok(())
        })
        .await?;
    Ok(Empty {})
}
