//! PutUserPolicy, GetUserPolicy, ListUserPolicies, DeleteUserPolicy, and the same of groups and roles.

use super::documents::{encoded, put_inline};
use super::errors::{absent, no_such_entity};
use super::pages::{Page, page};
use crate::Access;
use crate::entities::Kind;
use model::Caller;
use wire::ApiError;
use wire::iam;
use wire::shape::Empty;

fn absent_policy(kind: Kind, name: &str) -> ApiError {
    no_such_entity(format!("The {} policy with name {name} cannot be found.", kind.noun()))
}

async fn put(access: &Access, caller: &Caller, kind: Kind, names: [String; 3]) -> Result<Empty, ApiError> {
    let [name, policy, document] = names;
    access
        .change(&caller.scope.account, |account| {
            let identity = account.find_mut(kind, &name).ok_or_else(|| absent(kind, &name))?;
            put_inline(identity, policy, document)
        })
        .await?;
    Ok(Empty {})
}

/// Name of the identity as it was made, name of the policy, and its text.
fn get(access: &Access, caller: &Caller, kind: Kind, name: &str, policy: &str) -> Result<[String; 3], ApiError> {
    let account = access.account(&caller.scope.account);
    let identity = account.find(kind, name).ok_or_else(|| absent(kind, name))?;
    let document = identity.inline.get(policy).ok_or_else(|| absent_policy(kind, policy))?;
    Ok([identity.name.clone(), policy.to_owned(), encoded(document)])
}

fn list(
    access: &Access,
    caller: &Caller,
    kind: Kind,
    name: &str,
    (marker, max): (Option<String>, Option<i32>),
) -> Result<Page<String>, ApiError> {
    let account = access.account(&caller.scope.account);
    let identity = account.find(kind, name).ok_or_else(|| absent(kind, name))?;
    page(identity.inline.keys().cloned().collect(), String::clone, marker, max)
}

async fn delete(access: &Access, caller: &Caller, kind: Kind, name: String, policy: String) -> Result<Empty, ApiError> {
    access
        .change(&caller.scope.account, |account| {
            let identity = account.find_mut(kind, &name).ok_or_else(|| absent(kind, &name))?;
            identity.inline.remove(&policy).map(drop).ok_or_else(|| absent_policy(kind, &policy))
        })
        .await?;
    Ok(Empty {})
}

macro_rules! of_kind {
    ($kind:ident, $name:ident, $put:ident $put_in:ident, $get:ident $get_in:ident $get_out:ident,
     $list:ident $list_in:ident $list_out:ident, $delete:ident $delete_in:ident) => {
        pub(super) async fn $put(access: &Access, caller: &Caller, input: iam::$put_in) -> Result<Empty, ApiError> {
            put(access, caller, Kind::$kind, [input.$name, input.policy_name, input.policy_document]).await
        }

        pub(super) async fn $get(
            access: &Access,
            caller: &Caller,
            input: iam::$get_in,
        ) -> Result<iam::$get_out, ApiError> {
            let found = get(access, caller, Kind::$kind, &input.$name, &input.policy_name)?;
            let [$name, policy_name, policy_document] = found;
            Ok(iam::$get_out { $name, policy_name, policy_document })
        }

        pub(super) async fn $list(
            access: &Access,
            caller: &Caller,
            input: iam::$list_in,
        ) -> Result<iam::$list_out, ApiError> {
            let page = list(access, caller, Kind::$kind, &input.$name, (input.marker, input.max_items))?;
            Ok(iam::$list_out { policy_names: page.items, is_truncated: page.is_truncated, marker: page.marker })
        }

        pub(super) async fn $delete(
            access: &Access,
            caller: &Caller,
            input: iam::$delete_in,
        ) -> Result<Empty, ApiError> {
            delete(access, caller, Kind::$kind, input.$name, input.policy_name).await
        }
    };
}

of_kind!(
    User, user_name,
    put_user_policy PutUserPolicyRequest,
    get_user_policy GetUserPolicyRequest GetUserPolicyResponse,
    list_user_policies ListUserPoliciesRequest ListUserPoliciesResponse,
    delete_user_policy DeleteUserPolicyRequest
);
of_kind!(
    Group, group_name,
    put_group_policy PutGroupPolicyRequest,
    get_group_policy GetGroupPolicyRequest GetGroupPolicyResponse,
    list_group_policies ListGroupPoliciesRequest ListGroupPoliciesResponse,
    delete_group_policy DeleteGroupPolicyRequest
);
of_kind!(
    Role, role_name,
    put_role_policy PutRolePolicyRequest,
    get_role_policy GetRolePolicyRequest GetRolePolicyResponse,
    list_role_policies ListRolePoliciesRequest ListRolePoliciesResponse,
    delete_role_policy DeleteRolePolicyRequest
);
