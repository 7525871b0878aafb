//! The entities of IAM as they are kept: users, groups and roles, managed policies, access keys.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A user, a group or a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A user.
    User,
    /// A group of users.
    Group,
    /// A role.
    Role,
}

impl Kind {
    /// As IAM's texts and ARNs call it.
    pub fn noun(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Group => "group",
            Kind::Role => "role",
        }
    }

    /// With a capital letter.
    pub fn title(self) -> &'static str {
        match self {
            Kind::User => "User",
            Kind::Group => "Group",
            Kind::Role => "Role",
        }
    }
}

/// A user, group or role; what a kind has not stays empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// What it is.
    pub kind: Kind,
    /// Unique id, such as `AIDA…`; never used again.
    pub id: String,
    /// Name, unique in the account among its kind, in any case.
    pub name: String,
    /// Path, such as `/` or `/division/`.
    pub path: String,
    /// When it was made, milliseconds.
    pub created_ms: i64,
    /// ARN of the permissions boundary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<String>,
    /// Inline policies: documents by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inline: BTreeMap<String, String>,
    /// ARNs of attached policies.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub attached: BTreeSet<String>,
    /// Ids of the groups that a user is in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Who may assume a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<String>,
    /// Description of a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Longest session of a role, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_session_s: Option<i32>,
    /// When and where a role was last assumed or used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<LastUse>,
}

/// When and for what a key or a role was last used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastUse {
    /// When, milliseconds.
    pub at_ms: i64,
    /// Region of the call.
    pub region: String,
    /// Service of the call.
    pub service: String,
}

impl Identity {
    /// `arn:aws:iam::ACCOUNT:user/PATH/NAME`.
    pub fn arn(&self, account: &str) -> String {
        format!("arn:aws:iam::{account}:{}{}{}", self.kind.noun(), self.path, self.name)
    }
}

/// A managed policy of the account, with its versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManagedPolicy {
    /// Unique id, `ANPA…`.
    pub id: String,
    /// Name, unique in the account in any case.
    pub name: String,
    /// Path.
    pub path: String,
    /// Description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was made, milliseconds.
    pub created_ms: i64,
    /// When its default version was last set, milliseconds.
    pub updated_ms: i64,
    /// The version in force.
    pub default_version: u32,
    /// The number that the next version gets.
    pub next_version: u32,
    /// Versions by number.
    pub versions: BTreeMap<u32, PolicyVersion>,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// One version of a managed policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// The text.
    pub document: String,
    /// When it was made, milliseconds.
    pub created_ms: i64,
}

impl ManagedPolicy {
    /// `arn:aws:iam::ACCOUNT:policy/PATH/NAME`.
    pub fn arn(&self, account: &str) -> String {
        format!("arn:aws:iam::{account}:policy{}{}", self.path, self.name)
    }

    /// The text in force.
    pub fn document(&self) -> &str {
        self.versions.get(&self.default_version).map_or("", |version| &version.document)
    }
}

/// An access key of a user. The secret is encrypted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessKey {
    /// `AKIA…`
    pub id: String,
    /// Id of the user.
    pub user: String,
    /// The secret as `SealingKey` seals it, base64.
    pub sealed: String,
    /// False when it may not be used.
    pub active: bool,
    /// When it was made, milliseconds.
    pub created_ms: i64,
    /// When and for what it was last used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<LastUse>,
}
