//! Data protection policies of log groups: the one in force, and those before it.

use crate::pool::Connection;
use crate::{Catalog, Result};
use model::{GroupId, Timestamp};
use sqlx::QueryBuilder;
use std::collections::HashMap;

/// Policies remembered of one group. The time of those before belongs to the oldest that is remembered.
const POLICIES_MAX: i64 = 16;

/// A policy and when it was in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataProtectionPolicy {
    /// The first instant.
    pub from: Timestamp,
    /// The instant after the last; `None` while it is in force.
    pub until: Option<Timestamp>,
    /// The policy as the client wrote it.
    pub document: String,
}

impl Catalog {
    /// Puts a policy of a group in force at `now`, in the place of the one that was; answers since when it is.
    pub async fn put_data_protection(&self, group: GroupId, document: &str, now: Timestamp) -> Result<Timestamp> {
        let group = group.0 as i64;
        let mut transaction = self.pool.begin().await?;
        // A write comes first: see `next_id`. Should the clock go back, time still goes on here.
        sqlx::query(
            "UPDATE data_protection_policies SET until_ms = CASE WHEN from_ms > $2 THEN from_ms ELSE $2 END \
             WHERE group_id = $1 AND until_ms IS NULL",
        )
        .bind(group)
        .bind(now.0)
        .execute(&mut *transaction)
        .await?;
        let (last,): (Option<i64>,) =
            sqlx::query_as("SELECT MAX(until_ms) FROM data_protection_policies WHERE group_id = $1")
                .bind(group)
                .fetch_one(&mut *transaction)
                .await?;
        let from = last.map_or(now.0, |last| last.max(now.0));
        sqlx::query("DELETE FROM data_protection_policies WHERE group_id = $1 AND until_ms <= from_ms")
            .bind(group)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO data_protection_policies (group_id, from_ms, until_ms, document) VALUES ($1, $2, NULL, $3)",
        )
        .bind(group)
        .bind(from)
        .bind(document)
        .execute(&mut *transaction)
        .await?;
        forget_oldest(&mut transaction, group).await?;
        transaction.commit().await?;
        Ok(Timestamp(from))
    }

    /// Ends the policy of a group at `now`. False when none is in force.
    pub async fn delete_data_protection(&self, group: GroupId, now: Timestamp) -> Result<bool> {
        let ended = sqlx::query(
            "UPDATE data_protection_policies SET until_ms = CASE WHEN from_ms > $2 THEN from_ms ELSE $2 END \
             WHERE group_id = $1 AND until_ms IS NULL",
        )
        .bind(group.0 as i64)
        .bind(now.0)
        .execute(&self.pool)
        .await?;
        Ok(ended.rows_affected() > 0)
    }

    /// The policies of a group in the order of time.
    pub async fn data_protection(&self, group: GroupId) -> Result<Vec<DataProtectionPolicy>> {
        let rows: Vec<(i64, Option<i64>, String)> = sqlx::query_as(
            "SELECT from_ms, until_ms, document FROM data_protection_policies WHERE group_id = $1 ORDER BY from_ms",
        )
        .bind(group.0 as i64)
        .fetch_all(&self.pool)
        .await?;
        let policy = |(from, until, document): (i64, Option<i64>, String)| DataProtectionPolicy {
            from: Timestamp(from),
            until: until.map(Timestamp),
            document,
        };
        Ok(rows.into_iter().map(policy).collect())
    }

    /// Of these groups (one page of them), those that have or had a policy, and whether one is in force.
    pub async fn data_protection_states(&self, groups: &[GroupId]) -> Result<HashMap<GroupId, bool>> {
        if groups.is_empty() {
            return Ok(HashMap::new());
        }
        let mut query = QueryBuilder::new(
            "SELECT group_id, MAX(CASE WHEN until_ms IS NULL THEN 1 ELSE 0 END) FROM data_protection_policies \
             WHERE group_id IN (",
        );
        let mut ids = query.separated(", ");
        for group in groups {
            ids.push_bind(group.0 as i64);
        }
        query.push(") GROUP BY group_id");
        let rows: Vec<(i64, i64)> = query.build_query_as().fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|(group, active)| (GroupId(group as u64), active != 0)).collect())
    }
}

/// Keeps the newest policies of a group; the oldest of them stands for the time before as well.
async fn forget_oldest(transaction: &mut Connection, group: i64) -> Result<()> {
    let (count, first): (i64, i64) =
        sqlx::query_as("SELECT COUNT(*), MIN(from_ms) FROM data_protection_policies WHERE group_id = $1")
            .bind(group)
            .fetch_one(&mut *transaction)
            .await?;
    if count <= POLICIES_MAX {
        return Ok(());
    }
    sqlx::query("DELETE FROM data_protection_policies WHERE group_id = $1 AND from_ms = $2")
        .bind(group)
        .bind(first)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "UPDATE data_protection_policies SET from_ms = $2 WHERE group_id = $1 \
         AND from_ms = (SELECT MIN(from_ms) FROM data_protection_policies WHERE group_id = $1)",
    )
    .bind(group)
    .bind(first)
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewLogGroup;
    use model::Scope;
    use std::collections::BTreeMap;

    fn scope() -> Scope {
        Scope { account: "123456789012".into(), region: "us-east-1".into() }
    }

    async fn group(catalog: &Catalog, name: &str) -> GroupId {
        let new = NewLogGroup {
            name,
            created_at: Timestamp(1),
            class: "STANDARD",
            kms_key_id: None,
            deletion_protected: false,
        };
        catalog.create_log_group(&scope(), new, "arn", &BTreeMap::new()).await.unwrap().unwrap()
    }

    async fn periods(catalog: &Catalog, group: GroupId) -> Vec<(i64, Option<i64>, String)> {
        let policies = catalog.data_protection(group).await.unwrap();
        policies.into_iter().map(|p| (p.from.0, p.until.map(|until| until.0), p.document)).collect()
    }

    #[tokio::test]
    async fn a_policy_ends_where_the_next_begins() {
        let catalog = Catalog::in_memory().await.unwrap();
        let group = group(&catalog, "g").await;
        assert!(!catalog.delete_data_protection(group, Timestamp(5)).await.unwrap());
        assert_eq!(catalog.put_data_protection(group, "a", Timestamp(10)).await.unwrap(), Timestamp(10));
        catalog.put_data_protection(group, "b", Timestamp(20)).await.unwrap();
        // In the same millisecond the later one holds.
        catalog.put_data_protection(group, "c", Timestamp(20)).await.unwrap();
        let both = vec![(10, Some(20), "a".into()), (20, None, "c".into())];
        assert_eq!(periods(&catalog, group).await, both);
        assert_eq!(catalog.data_protection_states(&[group, GroupId(99)]).await.unwrap(), [(group, true)].into());
        assert!(catalog.delete_data_protection(group, Timestamp(30)).await.unwrap());
        assert!(!catalog.delete_data_protection(group, Timestamp(31)).await.unwrap());
        assert_eq!(catalog.data_protection_states(&[group]).await.unwrap(), [(group, false)].into());
        // The clock went back: the time that a policy was in force stays its own.
        assert_eq!(catalog.put_data_protection(group, "d", Timestamp(25)).await.unwrap(), Timestamp(30));
        let all = vec![(10, Some(20), "a".into()), (20, Some(30), "c".into()), (30, None, "d".into())];
        assert_eq!(periods(&catalog, group).await, all);
    }

    #[tokio::test]
    async fn old_policies_are_forgotten_and_their_time_stays_protected() {
        let catalog = Catalog::in_memory().await.unwrap();
        let group = group(&catalog, "g").await;
        for n in 0..POLICIES_MAX + 4 {
            catalog.put_data_protection(group, &n.to_string(), Timestamp(10 * n)).await.unwrap();
        }
        let periods = periods(&catalog, group).await;
        assert_eq!(periods.len() as i64, POLICIES_MAX);
        assert_eq!(periods[0], (0, Some(50), "4".into()));
    }

    #[tokio::test]
    async fn policies_go_with_their_group() {
        let catalog = Catalog::in_memory().await.unwrap();
        let group = group(&catalog, "g").await;
        catalog.put_data_protection(group, "a", Timestamp(10)).await.unwrap();
        catalog.delete_log_group(&scope(), "g", "arn", Timestamp(20)).await.unwrap();
        assert_eq!(catalog.data_protection(group).await.unwrap(), []);
    }
}
