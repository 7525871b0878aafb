//! PutUserPermissionsBoundary, DeleteUserPermissionsBoundary, and the same of roles.

use super::documents::managed_arn;
use super::errors::absent;
use crate::Access;
use crate::entities::Kind;
use model::Caller;
use wire::ApiError;
use wire::iam::{
    DeleteRolePermissionsBoundaryRequest, DeleteUserPermissionsBoundaryRequest, PutRolePermissionsBoundaryRequest,
    PutUserPermissionsBoundaryRequest,
};
use wire::shape::Empty;

async fn set(
    access: &Access,
    caller: &Caller,
    kind: Kind,
    name: String,
    arn: Option<String>,
) -> Result<Empty, ApiError> {
    access
        .change(&caller.scope.account, |account| {
            if let Some(arn) = &arn {
                managed_arn(account, arn)?;
            }
            account.find_mut(kind, &name).ok_or_else(|| absent(kind, &name))?.boundary = arn;
            Ok(())
        })
        .await?;
    Ok(Empty {})
}

pub(super) async fn put_user_permissions_boundary(
    access: &Access,
    caller: &Caller,
    input: PutUserPermissionsBoundaryRequest,
) -> Result<Empty, ApiError> {
    set(access, caller, Kind::User, input.user_name, Some(input.permissions_boundary)).await
}

pub(super) async fn delete_user_permissions_boundary(
    access: &Access,
    caller: &Caller,
    input: DeleteUserPermissionsBoundaryRequest,
) -> Result<Empty, ApiError> {
    set(access, caller, Kind::User, input.user_name, None).await
}

pub(super) async fn put_role_permissions_boundary(
    access: &Access,
    caller: &Caller,
    input: PutRolePermissionsBoundaryRequest,
) -> Result<Empty, ApiError> {
    set(access, caller, Kind::Role, input.role_name, Some(input.permissions_boundary)).await
}

pub(super) async fn delete_role_permissions_boundary(
    access: &Access,
    caller: &Caller,
    input: DeleteRolePermissionsBoundaryRequest,
) -> Result<Empty, ApiError> {
    set(access, caller, Kind::Role, input.role_name, None).await
}
