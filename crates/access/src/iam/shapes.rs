//! Entities as IAM answers them.

use super::documents::encoded;
use crate::directory::Account;
use crate::entities::{Identity, LastUse, ManagedPolicy};
use crate::ready_made::ReadyMade;
use model::{Timestamp, time};
use std::collections::BTreeMap;
use wire::iam::{AttachedPermissionsBoundary, AttachedPolicy, Group, Policy, Role, RoleLastUsed, Tag, User};

/// Since when the ready-made policies are there: 2026-11-26.
const READY_MADE_SINCE: Timestamp = Timestamp(1_795_651_200_000);

/// IAM's dates are whole seconds.
pub(super) fn date(ms: i64) -> Timestamp {
    Timestamp(ms).floor_to(time::SECOND)
}

pub(super) fn tags(tags: &BTreeMap<String, String>) -> Option<Vec<Tag>> {
    let tag = |(key, value): (&String, &String)| Tag { key: key.clone(), value: value.clone() };
    (!tags.is_empty()).then(|| tags.iter().map(tag).collect())
}

pub(super) fn boundary(identity: &Identity) -> Option<AttachedPermissionsBoundary> {
    let arn = identity.boundary.clone()?;
    Some(AttachedPermissionsBoundary {
        permissions_boundary_type: Some("Policy".into()),
        permissions_boundary_arn: Some(arn),
    })
}

/// With tags and boundary, which lists leave out.
pub(super) fn user(account: &str, user: &Identity) -> User {
    User { permissions_boundary: boundary(user), tags: tags(&user.tags), ..listed_user(account, user) }
}

pub(super) fn listed_user(account: &str, user: &Identity) -> User {
    User {
        path: user.path.clone(),
        user_name: user.name.clone(),
        user_id: user.id.clone(),
        arn: user.arn(account),
        create_date: date(user.created_ms),
        ..User::default()
    }
}

pub(super) fn group(account: &str, group: &Identity) -> Group {
    Group {
        path: group.path.clone(),
        group_name: group.name.clone(),
        group_id: group.id.clone(),
        arn: group.arn(account),
        create_date: date(group.created_ms),
    }
}

/// With tags and boundary, which lists leave out.
pub(super) fn role(account: &str, role: &Identity) -> Role {
    Role { permissions_boundary: boundary(role), tags: tags(&role.tags), ..listed_role(account, role) }
}

pub(super) fn listed_role(account: &str, role: &Identity) -> Role {
    Role {
        path: role.path.clone(),
        role_name: role.name.clone(),
        role_id: role.id.clone(),
        arn: role.arn(account),
        create_date: date(role.created_ms),
        assume_role_policy_document: role.trust.as_deref().map(encoded),
        description: role.description.clone(),
        max_session_duration: role.max_session_s,
        ..Role::default()
    }
}

pub(super) fn role_last_used(last: Option<&LastUse>) -> RoleLastUsed {
    RoleLastUsed { last_used_date: last.map(|last| date(last.at_ms)), region: last.map(|last| last.region.clone()) }
}

pub(super) fn attached(arn: &str) -> AttachedPolicy {
    AttachedPolicy { policy_name: arn.rsplit('/').next().map(str::to_owned), policy_arn: Some(arn.to_owned()) }
}

/// How many entities a policy is attached to, and of how many it is the boundary.
pub(super) fn uses(account: &Account, arn: &str) -> (i32, i32) {
    let all = || [&account.users, &account.groups, &account.roles].into_iter().flat_map(|map| map.values());
    let count = |used: &dyn Fn(&Identity) -> bool| {
        i32::try_from(all().filter(|identity| used(identity)).count()).unwrap_or(i32::MAX)
    };
    (count(&|it| it.attached.contains(arn)), count(&|it| it.boundary.as_deref() == Some(arn)))
}

/// Without tags and description, which lists leave out.
pub(super) fn policy(account: &Account, policy: &ManagedPolicy) -> Policy {
    let arn = policy.arn(&account.id);
    let (attached, boundaries) = uses(account, &arn);
    Policy {
        policy_name: Some(policy.name.clone()),
        policy_id: Some(policy.id.clone()),
        arn: Some(arn),
        path: Some(policy.path.clone()),
        default_version_id: Some(format!("v{}", policy.default_version)),
        attachment_count: Some(attached),
        permissions_boundary_usage_count: Some(boundaries),
        is_attachable: Some(true),
        create_date: Some(date(policy.created_ms)),
        update_date: Some(date(policy.updated_ms)),
        ..Policy::default()
    }
}

pub(super) fn ready_made(account: &Account, policy: &ReadyMade) -> Policy {
    let arn = policy.arn();
    let (attached, boundaries) = uses(account, &arn);
    Policy {
        policy_name: Some(policy.name.into()),
        policy_id: Some(ready_made_id(policy)),
        arn: Some(arn),
        path: Some("/".into()),
        default_version_id: Some("v1".into()),
        attachment_count: Some(attached),
        permissions_boundary_usage_count: Some(boundaries),
        is_attachable: Some(true),
        create_date: Some(READY_MADE_SINCE),
        update_date: Some(READY_MADE_SINCE),
        ..Policy::default()
    }
}

/// The id of a policy that nobody made: from its name, so that it is the same everywhere.
fn ready_made_id(policy: &ReadyMade) -> String {
    let mut bytes = [0u8; 10];
    for (place, byte) in policy.name.bytes().enumerate() {
        let slot = &mut bytes[place % 10];
        *slot = slot.wrapping_mul(31).wrapping_add(byte);
    }
    crate::ids::entity_id("ANPA", bytes)
}

pub(super) fn ready_made_since() -> Timestamp {
    READY_MADE_SINCE
}
