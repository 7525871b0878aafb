//! How long log groups keep their events: what each says itself, and the account's retention policy it is under.

use crate::{Catalog, Result};
use model::{GroupId, Scope, Timestamp};

/// The retention policy that a group is under, if any: name and days, where no days keep events forever.
pub type UnderPolicy = Option<(String, Option<i64>)>;

/// A log group, as far as it matters for its retention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetainedGroup {
    /// Its id.
    pub id: GroupId,
    /// Account and region.
    pub scope: Scope,
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: String,
    /// When it was made.
    pub created: Timestamp,
    /// Days that it says itself; `None` keeps events forever.
    pub own_days: Option<i64>,
    /// The policy that it is under.
    pub policy: UnderPolicy,
}

impl RetainedGroup {
    /// Days that are in force; `None` keeps events forever.
    pub fn kept_days(&self) -> Option<i64> {
        self.policy.as_ref().map_or(self.own_days, |(_, days)| *days)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    account: String,
    region: String,
    name: String,
    class: String,
    created_at: i64,
    retention_days: Option<i64>,
    retention_policy: Option<String>,
    retention_policy_days: Option<i64>,
}

impl From<Row> for RetainedGroup {
    fn from(row: Row) -> Self {
        Self {
            id: GroupId(row.id as u64),
            scope: Scope { account: row.account, region: row.region },
            name: row.name,
            class: row.class,
            created: Timestamp(row.created_at),
            own_days: row.retention_days,
            policy: row.retention_policy.map(|name| (name, row.retention_policy_days)),
        }
    }
}

impl Catalog {
    /// Every log group of every account.
    pub async fn retained_groups(&self) -> Result<Vec<RetainedGroup>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, account, region, name, class, created_at, retention_days, retention_policy, \
             retention_policy_days FROM log_groups ORDER BY id",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(RetainedGroup::from).collect())
    }

    /// Whether any log group is under a retention policy.
    pub async fn has_retention_policies(&self) -> Result<bool> {
        let found: Option<(i64,)> =
            sqlx::query_as("SELECT id FROM log_groups WHERE retention_policy IS NOT NULL LIMIT 1")
                .fetch_optional(&self.pool)
                .await?;
        Ok(found.is_some())
    }

    /// Puts groups under policies, by name and days, or under none.
    pub async fn set_retention_policies(&self, groups: &[(GroupId, UnderPolicy)]) -> Result<()> {
        let change = self.log_ids.change_all();
        let mut transaction = self.pool.begin().await?;
        for (group, policy) in groups {
            sqlx::query("UPDATE log_groups SET retention_policy = $2, retention_policy_days = $3 WHERE id = $1")
                .bind(group.0 as i64)
                .bind(policy.as_ref().map(|(name, _)| name))
                .bind(policy.as_ref().and_then(|(_, days)| *days))
                .execute(&mut *transaction)
                .await?;
        }
        change.settle(transaction.commit()).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewLogGroup;
    use std::collections::{BTreeMap, HashMap};

    #[tokio::test]
    async fn a_policy_takes_the_place_of_the_groups_own_retention() {
        let catalog = Catalog::in_memory().await.unwrap();
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let at = Timestamp(1);
        let new =
            NewLogGroup { name: "g", created_at: at, class: "STANDARD", kms_key_id: None, deletion_protected: false };
        let group = catalog.create_log_group(&scope, new, "arn", &BTreeMap::new()).await.unwrap().unwrap();
        catalog.set_log_retention(&scope, "g", Some(7)).await.unwrap();
        let kept = async || {
            let group = catalog.log_group(&scope, "g").await.unwrap().unwrap();
            (group.retention_days, group.retention_policy)
        };
        assert_eq!(kept().await, (Some(7), None));
        assert!(!catalog.has_retention_policies().await.unwrap());
        catalog.set_retention_policies(&[(group, Some(("p".into(), Some(30))))]).await.unwrap();
        assert_eq!(kept().await, (Some(30), Some("p".into())));
        assert_eq!(catalog.log_retention().await.unwrap(), HashMap::from([(group, 30 * 86_400_000)]));
        catalog.set_retention_policies(&[(group, Some(("q".into(), None)))]).await.unwrap();
        assert_eq!(kept().await, (None, Some("q".into())));
        assert!(catalog.log_retention().await.unwrap().is_empty());
        let all = catalog.retained_groups().await.unwrap();
        assert_eq!((all[0].own_days, all[0].kept_days()), (Some(7), None));
        assert!(catalog.has_retention_policies().await.unwrap());
        catalog.set_retention_policies(&[(group, None)]).await.unwrap();
        assert_eq!(kept().await, (Some(7), None));
    }
}
