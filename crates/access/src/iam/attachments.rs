//! AttachUserPolicy, DetachUserPolicy, ListAttachedUserPolicies, the same of groups and roles, and ListEntitiesForPolicy.

use super::documents::managed_arn;
use super::errors::{absent, no_such_entity, quota};
use super::pages::{Page, page, under};
use super::shapes;
use crate::Access;
use crate::entities::{Identity, Kind};
use model::Caller;
use model::limits::ATTACHED_POLICIES_MAX;
use wire::ApiError;
use wire::iam::{
    self, AttachedPolicy, ListEntitiesForPolicyRequest, ListEntitiesForPolicyResponse, PolicyGroup, PolicyRole,
    PolicyUser,
};
use wire::shape::Empty;

async fn attach(access: &Access, caller: &Caller, kind: Kind, name: String, arn: String) -> Result<Empty, ApiError> {
    access
        .change(&caller.scope.account, |account| {
            managed_arn(account, &arn)?;
            let identity = account.find_mut(kind, &name).ok_or_else(|| absent(kind, &name))?;
            if !identity.attached.contains(&arn) && identity.attached.len() >= ATTACHED_POLICIES_MAX {
                return Err(quota(&format!("PoliciesPer{}", kind.title()), ATTACHED_POLICIES_MAX));
            }
            identity.attached.insert(arn);
            Ok(())
        })
        .await?;
    Ok(Empty {})
}

async fn detach(access: &Access, caller: &Caller, kind: Kind, name: String, arn: String) -> Result<Empty, ApiError> {
    access
        .change(&caller.scope.account, |account| {
            let identity = account.find_mut(kind, &name).ok_or_else(|| absent(kind, &name))?;
            match identity.attached.remove(&arn) {
                true => Ok(()),
                false => Err(no_such_entity(format!("Policy {arn} was not found."))),
            }
        })
        .await?;
    Ok(Empty {})
}

fn list(
    access: &Access,
    caller: &Caller,
    kind: Kind,
    (name, prefix): (&str, Option<&str>),
    (marker, max): (Option<String>, Option<i32>),
) -> Result<Page<AttachedPolicy>, ApiError> {
    let account = access.account(&caller.scope.account);
    let identity = account.find(kind, name).ok_or_else(|| absent(kind, name))?;
    let path = |arn: &str| account.policy(arn).map_or_else(|| "/".to_owned(), |policy| policy.path.clone());
    let attached = identity.attached.iter().filter(|arn| under(&path(arn), prefix));
    let key = |policy: &AttachedPolicy| policy.policy_name.clone().unwrap_or_default();
    page(attached.map(|arn| shapes::attached(arn)).collect(), key, marker, max)
}

macro_rules! of_kind {
    ($kind:ident, $name:ident, $attach:ident $attach_in:ident, $detach:ident $detach_in:ident,
     $list:ident $list_in:ident $list_out:ident) => {
        pub(super) async fn $attach(
            access: &Access,
            caller: &Caller,
            input: iam::$attach_in,
        ) -> Result<Empty, ApiError> {
            attach(access, caller, Kind::$kind, input.$name, input.policy_arn).await
        }

        pub(super) async fn $detach(
            access: &Access,
            caller: &Caller,
            input: iam::$detach_in,
        ) -> Result<Empty, ApiError> {
            detach(access, caller, Kind::$kind, input.$name, input.policy_arn).await
        }

        pub(super) async fn $list(
            access: &Access,
            caller: &Caller,
            input: iam::$list_in,
        ) -> Result<iam::$list_out, ApiError> {
            let named = (input.$name.as_str(), input.path_prefix.as_deref());
            let page = list(access, caller, Kind::$kind, named, (input.marker, input.max_items))?;
            Ok(iam::$list_out {
                attached_policies: Some(page.items),
                is_truncated: page.is_truncated,
                marker: page.marker,
            })
        }
    };
}

of_kind!(
    User, user_name,
    attach_user_policy AttachUserPolicyRequest,
    detach_user_policy DetachUserPolicyRequest,
    list_attached_user_policies ListAttachedUserPoliciesRequest ListAttachedUserPoliciesResponse
);
of_kind!(
    Group, group_name,
    attach_group_policy AttachGroupPolicyRequest,
    detach_group_policy DetachGroupPolicyRequest,
    list_attached_group_policies ListAttachedGroupPoliciesRequest ListAttachedGroupPoliciesResponse
);
of_kind!(
    Role, role_name,
    attach_role_policy AttachRolePolicyRequest,
    detach_role_policy DetachRolePolicyRequest,
    list_attached_role_policies ListAttachedRolePoliciesRequest ListAttachedRolePoliciesResponse
);

pub(super) async fn list_entities_for_policy(
    access: &Access,
    caller: &Caller,
    input: ListEntitiesForPolicyRequest,
) -> Result<ListEntitiesForPolicyResponse, ApiError> {
    let account = access.account(&caller.scope.account);
    let arn = input.policy_arn;
    if account.managed_document(&arn).is_none() {
        return Err(no_such_entity(format!("Policy {arn} was not found.")));
    }
    let as_boundary = match input.policy_usage_filter.as_deref() {
        Some("PermissionsBoundary") => Some(true),
        Some(_) => Some(false),
        None => None,
    };
    let uses = |identity: &Identity| {
        let (attached, boundary) =
            (identity.attached.contains(&arn), identity.boundary.as_deref() == Some(arn.as_str()));
        as_boundary.map_or(attached || boundary, |wanted| if wanted { boundary } else { attached })
    };
    let wanted = |kind: Kind| input.entity_filter.as_deref().is_none_or(|filter| filter == kind.title());
    let kinds = [Kind::Group, Kind::User, Kind::Role].into_iter().filter(|kind| wanted(*kind));
    let entities = kinds.flat_map(|kind| account.of(kind).values());
    let entities = entities.filter(|it| uses(it) && under(&it.path, input.path_prefix.as_deref()));
    let key = |it: &&Identity| format!("{}/{}", it.kind.noun(), it.name);
    let page = page(entities.map(|it| &**it).collect(), key, input.marker, input.max_items)?;
    let (mut groups, mut users, mut roles) = (Vec::new(), Vec::new(), Vec::new());
    for it in page.items {
        let (name, id) = (Some(it.name.clone()), Some(it.id.clone()));
        match it.kind {
            Kind::Group => groups.push(PolicyGroup { group_name: name, group_id: id }),
            Kind::User => users.push(PolicyUser { user_name: name, user_id: id }),
            Kind::Role => roles.push(PolicyRole { role_name: name, role_id: id }),
        }
    }
    Ok(ListEntitiesForPolicyResponse {
        policy_groups: Some(groups),
        policy_users: Some(users),
        policy_roles: Some(roles),
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}
