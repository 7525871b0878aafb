//! TagUser, UntagUser, ListUserTags, and the same of roles and managed policies.

use super::errors::{absent, invalid_input, no_such_entity, quota};
use super::pages::page;
use super::shapes;
use crate::entities::Kind;
use crate::{Access, Account};
use model::Caller;
use model::limits::IAM_TAGS_MAX;
use std::collections::BTreeMap;
use wire::ApiError;
use wire::iam::{self, Tag};
use wire::shape::Empty;

type Tags = BTreeMap<String, String>;

/// The tags of a call; a key may stand there once, in any case.
pub(super) fn to_map(tags: Vec<Tag>) -> Result<Tags, ApiError> {
    let mut map = Tags::new();
    for Tag { key, value } in tags {
        if map.keys().any(|known| known.eq_ignore_ascii_case(&key)) {
            return Err(invalid_input("Duplicate tag keys found. Please note that Tag keys are case insensitive."));
        }
        map.insert(key, value);
    }
    if map.len() > IAM_TAGS_MAX {
        return Err(quota("TagsPerEntity", IAM_TAGS_MAX));
    }
    Ok(map)
}

/// What has tags: an identity by name, or a policy by ARN.
#[derive(Debug, Clone)]
enum Tagged {
    Identity(Kind, String),
    Policy(String),
}

impl Tagged {
    fn absent(&self) -> ApiError {
        match self {
            Self::Identity(kind, name) => absent(*kind, name),
            Self::Policy(arn) => no_such_entity(format!("Policy {arn} was not found.")),
        }
    }

    fn tags<'a>(&self, account: &'a Account) -> Option<&'a Tags> {
        match self {
            Self::Identity(kind, name) => account.find(*kind, name).map(|identity| &identity.tags),
            Self::Policy(arn) => account.policy(arn).map(|policy| &policy.tags),
        }
    }

    fn tags_mut<'a>(&self, account: &'a mut Account) -> Result<&'a mut Tags, ApiError> {
        let found = match self {
            Self::Identity(kind, name) => account.find_mut(*kind, name).map(|identity| &mut identity.tags),
            Self::Policy(arn) => account.policy_mut(arn).map(|policy| &mut policy.tags),
        };
        found.ok_or_else(|| self.absent())
    }
}

async fn tag(access: &Access, caller: &Caller, what: Tagged, tags: Vec<Tag>) -> Result<Empty, ApiError> {
    let added = to_map(tags)?;
    access
        .change(&caller.scope.account, |account| {
            let tags = what.tags_mut(account)?;
            for (key, value) in added {
                // Keys have no case; the new spelling stays.
                tags.retain(|known, _| !known.eq_ignore_ascii_case(&key));
                tags.insert(key, value);
            }
            if tags.len() > IAM_TAGS_MAX { Err(quota("TagsPerEntity", IAM_TAGS_MAX)) } else { Ok(()) }
        })
        .await?;
    Ok(Empty {})
}

async fn untag(access: &Access, caller: &Caller, what: Tagged, keys: Vec<String>) -> Result<Empty, ApiError> {
    access
        .change(&caller.scope.account, |account| {
            let tags = what.tags_mut(account)?;
            tags.retain(|known, _| !keys.iter().any(|key| key.eq_ignore_ascii_case(known)));
            Ok(())
        })
        .await?;
    Ok(Empty {})
}

macro_rules! of {
    ($member:ident $what:expr, $tag:ident $tag_in:ident, $untag:ident $untag_in:ident,
     $list:ident $list_in:ident $list_out:ident) => {
        pub(super) async fn $tag(access: &Access, caller: &Caller, input: iam::$tag_in) -> Result<Empty, ApiError> {
            tag(access, caller, ($what)(input.$member), input.tags).await
        }

        pub(super) async fn $untag(access: &Access, caller: &Caller, input: iam::$untag_in) -> Result<Empty, ApiError> {
            untag(access, caller, ($what)(input.$member), input.tag_keys).await
        }

        pub(super) async fn $list(
            access: &Access,
            caller: &Caller,
            input: iam::$list_in,
        ) -> Result<iam::$list_out, ApiError> {
            let account = access.account(&caller.scope.account);
            let what = ($what)(input.$member);
            let tags = shapes::tags(what.tags(&account).ok_or_else(|| what.absent())?).unwrap_or_default();
            let page = page(tags, |tag: &Tag| tag.key.clone(), input.marker, input.max_items)?;
            Ok(iam::$list_out { tags: page.items, is_truncated: page.is_truncated, marker: page.marker })
        }
    };
}

of!(
    user_name |name| Tagged::Identity(Kind::User, name),
    tag_user TagUserRequest,
    untag_user UntagUserRequest,
    list_user_tags ListUserTagsRequest ListUserTagsResponse
);
of!(
    role_name |name| Tagged::Identity(Kind::Role, name),
    tag_role TagRoleRequest,
    untag_role UntagRoleRequest,
    list_role_tags ListRoleTagsRequest ListRoleTagsResponse
);
of!(
    policy_arn Tagged::Policy,
    tag_policy TagPolicyRequest,
    untag_policy UntagPolicyRequest,
    list_policy_tags ListPolicyTagsRequest ListPolicyTagsResponse
);
