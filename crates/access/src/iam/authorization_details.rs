//! GetAccountAuthorizationDetails: every user, group, role and policy of the account, with all their policies.

use super::documents::encoded;
use super::pages::page;
use super::policies::versions_with_text;
use super::shapes::{self, attached, boundary, date};
use crate::entities::{Identity, Kind};
use crate::{Access, Account, ready_made};
use model::Caller;
use wire::ApiError;
use wire::iam::{
    AttachedPolicy, GetAccountAuthorizationDetailsRequest, GetAccountAuthorizationDetailsResponse, GroupDetail,
    ManagedPolicyDetail, PolicyDetail, PolicyVersion, RoleDetail, UserDetail,
};

/// One entry of the answer. Lists of several kinds make one sequence of pages.
enum Detail {
    User(Box<UserDetail>),
    Group(Box<GroupDetail>),
    Role(Box<RoleDetail>),
    Policy(Box<ManagedPolicyDetail>),
}

impl Detail {
    fn key(&self) -> String {
        let (kind, name) = match self {
            Self::User(user) => (1, &user.user_name),
            Self::Group(group) => (2, &group.group_name),
            Self::Role(role) => (3, &role.role_name),
            Self::Policy(policy) => (4, &policy.arn),
        };
        format!("{kind}{}", name.as_deref().unwrap_or_default())
    }
}

pub(super) async fn get_account_authorization_details(
    access: &Access,
    caller: &Caller,
    input: GetAccountAuthorizationDetailsRequest,
) -> Result<GetAccountAuthorizationDetailsResponse, ApiError> {
    let account = access.account(&caller.scope.account);
    let wanted = |name: &str| input.filter.as_ref().is_none_or(|filter| filter.iter().any(|one| one == name));
    let mut all: Vec<Detail> = Vec::new();
    if wanted("User") {
        all.extend(account.users.values().map(|it| Detail::User(Box::new(user(&account, it)))));
    }
    if wanted("Group") {
        all.extend(account.groups.values().map(|it| Detail::Group(Box::new(group(&account, it)))));
    }
    if wanted("Role") {
        all.extend(account.roles.values().map(|it| Detail::Role(Box::new(role(&account, it)))));
    }
    all.extend(policies(&account, wanted("LocalManagedPolicy"), wanted("AWSManagedPolicy")));
    let page = page(all, Detail::key, input.marker, input.max_items)?;
    let (mut users, mut groups, mut roles, mut policies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for detail in page.items {
        match detail {
            Detail::User(it) => users.push(*it),
            Detail::Group(it) => groups.push(*it),
            Detail::Role(it) => roles.push(*it),
            Detail::Policy(it) => policies.push(*it),
        }
    }
    Ok(GetAccountAuthorizationDetailsResponse {
        user_detail_list: Some(users),
        group_detail_list: Some(groups),
        role_detail_list: Some(roles),
        policies: Some(policies),
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

fn inline(identity: &Identity) -> Option<Vec<PolicyDetail>> {
    let one = |(name, text): (&String, &String)| PolicyDetail {
        policy_name: Some(name.clone()),
        policy_document: Some(encoded(text)),
    };
    Some(identity.inline.iter().map(one).collect())
}

fn attachments(identity: &Identity) -> Option<Vec<AttachedPolicy>> {
    Some(identity.attached.iter().map(|arn| attached(arn)).collect())
}

fn user(account: &Account, it: &Identity) -> UserDetail {
    let groups = it.groups.iter().filter_map(|id| account.by_id(Kind::Group, id));
    UserDetail {
        path: Some(it.path.clone()),
        user_name: Some(it.name.clone()),
        user_id: Some(it.id.clone()),
        arn: Some(it.arn(&account.id)),
        create_date: Some(date(it.created_ms)),
        user_policy_list: inline(it),
        group_list: Some(groups.map(|group| group.name.clone()).collect()),
        attached_managed_policies: attachments(it),
        permissions_boundary: boundary(it),
        tags: shapes::tags(&it.tags),
    }
}

fn group(account: &Account, it: &Identity) -> GroupDetail {
    GroupDetail {
        path: Some(it.path.clone()),
        group_name: Some(it.name.clone()),
        group_id: Some(it.id.clone()),
        arn: Some(it.arn(&account.id)),
        create_date: Some(date(it.created_ms)),
        group_policy_list: inline(it),
        attached_managed_policies: attachments(it),
    }
}

fn role(account: &Account, it: &Identity) -> RoleDetail {
    RoleDetail {
        path: Some(it.path.clone()),
        role_name: Some(it.name.clone()),
        role_id: Some(it.id.clone()),
        arn: Some(it.arn(&account.id)),
        create_date: Some(date(it.created_ms)),
        assume_role_policy_document: it.trust.as_deref().map(encoded),
        instance_profile_list: Some(Vec::new()),
        role_policy_list: inline(it),
        attached_managed_policies: attachments(it),
        permissions_boundary: boundary(it),
        tags: shapes::tags(&it.tags),
        role_last_used: Some(shapes::role_last_used(it.last_used.as_ref())),
    }
}

/// Ready-made policies only as far as they are used, as AWS answers its own.
fn policies(account: &Account, local: bool, ready: bool) -> Vec<Detail> {
    let mut all: Vec<Detail> = Vec::new();
    if local {
        let of =
            |policy| detail(shapes::policy(account, policy), versions_with_text(policy), policy.description.clone());
        all.extend(account.policies.values().map(|policy| of(policy)));
    }
    if ready {
        let used = ready_made::ALL.iter().filter(|policy| shapes::uses(account, &policy.arn()) != (0, 0));
        all.extend(used.map(|policy| {
            let version = PolicyVersion {
                document: Some(encoded(policy.document)),
                version_id: Some("v1".into()),
                is_default_version: Some(true),
                create_date: Some(shapes::ready_made_since()),
            };
            detail(shapes::ready_made(account, policy), vec![version], Some(policy.description.to_owned()))
        }));
    }
    all
}

fn detail(policy: wire::iam::Policy, versions: Vec<PolicyVersion>, description: Option<String>) -> Detail {
    Detail::Policy(Box::new(ManagedPolicyDetail {
        policy_name: policy.policy_name,
        policy_id: policy.policy_id,
        arn: policy.arn,
        path: policy.path,
        default_version_id: policy.default_version_id,
        attachment_count: policy.attachment_count,
        permissions_boundary_usage_count: policy.permissions_boundary_usage_count,
        is_attachable: policy.is_attachable,
        description,
        create_date: policy.create_date,
        update_date: policy.update_date,
        policy_version_list: Some(versions),
    }))
}
