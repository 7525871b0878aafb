//! Field index policies of log groups: the one in force, and those before it.

use crate::{Catalog, Result};
use model::{GroupId, Timestamp};

/// Policies remembered of one group.
const POLICIES_MAX: i64 = 16;

/// A policy and when it was in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexPolicy {
    /// When it was put.
    pub from: Timestamp,
    /// When it was replaced or deleted; `None` while it is in force.
    pub until: Option<Timestamp>,
    /// The policy as the client wrote it.
    pub document: String,
}

impl Catalog {
    /// Puts a policy of a group in force at `now`, in the place of the one that was; answers since when it is.
    pub async fn put_index_policy(&self, group: GroupId, document: &str, now: Timestamp) -> Result<Timestamp> {
        let group = group.0 as i64;
        let mut transaction = self.pool.begin().await?;
        // A write comes first: see `next_id`. Should the clock go back, time still goes on here.
        sqlx::query(
            "UPDATE index_policies SET until_ms = CASE WHEN from_ms > $2 THEN from_ms ELSE $2 END \
             WHERE group_id = $1 AND until_ms IS NULL",
        )
        .bind(group)
        .bind(now.0)
        .execute(&mut *transaction)
        .await?;
        let (last,): (Option<i64>,) = sqlx::query_as("SELECT MAX(until_ms) FROM index_policies WHERE group_id = $1")
            .bind(group)
            .fetch_one(&mut *transaction)
            .await?;
        let from = last.map_or(now.0, |last| last.max(now.0));
        // One that was in force for no time at all, and those that are too many.
        sqlx::query(
            "DELETE FROM index_policies WHERE group_id = $1 AND (until_ms <= from_ms OR from_ms NOT IN \
             (SELECT from_ms FROM index_policies WHERE group_id = $1 ORDER BY from_ms DESC LIMIT $2))",
        )
        .bind(group)
        .bind(POLICIES_MAX - 1)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("INSERT INTO index_policies (group_id, from_ms, until_ms, document) VALUES ($1, $2, NULL, $3)")
            .bind(group)
            .bind(from)
            .bind(document)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Timestamp(from))
    }

    /// Ends the policy of a group at `now`. False when none is in force.
    pub async fn delete_index_policy(&self, group: GroupId, now: Timestamp) -> Result<bool> {
        let ended = sqlx::query(
            "UPDATE index_policies SET until_ms = CASE WHEN from_ms > $2 THEN from_ms ELSE $2 END \
             WHERE group_id = $1 AND until_ms IS NULL",
        )
        .bind(group.0 as i64)
        .bind(now.0)
        .execute(&self.pool)
        .await?;
        Ok(ended.rows_affected() > 0)
    }

    /// The policies of a group in the order of time: the one in force, and those that ended at `since` or later.
    pub async fn index_policies(&self, group: GroupId, since: Timestamp) -> Result<Vec<IndexPolicy>> {
        let rows: Vec<(i64, Option<i64>, String)> = sqlx::query_as(
            "SELECT from_ms, until_ms, document FROM index_policies \
             WHERE group_id = $1 AND (until_ms IS NULL OR until_ms >= $2) ORDER BY from_ms",
        )
        .bind(group.0 as i64)
        .bind(since.0)
        .fetch_all(&self.pool)
        .await?;
        let policy = |(from, until, document): (i64, Option<i64>, String)| IndexPolicy {
            from: Timestamp(from),
            until: until.map(Timestamp),
            document,
        };
        Ok(rows.into_iter().map(policy).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewLogGroup;
    use model::Scope;
    use std::collections::BTreeMap;

    #[tokio::test]
    async fn a_policy_ends_where_the_next_begins_and_goes_with_its_group() {
        let catalog = Catalog::in_memory().await.unwrap();
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let new = NewLogGroup {
            name: "g",
            created_at: Timestamp(1),
            class: "STANDARD",
            kms_key_id: None,
            deletion_protected: false,
        };
        let group = catalog.create_log_group(&scope, new, "arn", &BTreeMap::new()).await.unwrap().unwrap();
        let periods = async |since| {
            let policies = catalog.index_policies(group, Timestamp(since)).await.unwrap();
            policies.into_iter().map(|p| (p.from.0, p.until.map(|until| until.0), p.document)).collect::<Vec<_>>()
        };
        assert!(!catalog.delete_index_policy(group, Timestamp(5)).await.unwrap());
        assert_eq!(catalog.put_index_policy(group, "a", Timestamp(10)).await.unwrap(), Timestamp(10));
        catalog.put_index_policy(group, "b", Timestamp(20)).await.unwrap();
        catalog.put_index_policy(group, "c", Timestamp(20)).await.unwrap();
        assert_eq!(periods(0).await, [(10, Some(20), "a".into()), (20, None, "c".into())]);
        assert_eq!(periods(21).await, [(20, None, "c".into())]);
        assert!(catalog.delete_index_policy(group, Timestamp(30)).await.unwrap());
        assert_eq!(periods(31).await, []);
        for n in 0..2 * POLICIES_MAX {
            catalog.put_index_policy(group, &n.to_string(), Timestamp(40 + n)).await.unwrap();
        }
        let kept = periods(0).await;
        assert_eq!((kept.len() as i64, kept.last().unwrap().2.as_str()), (POLICIES_MAX, "31"));
        catalog.delete_log_group(&scope, "g", "arn", Timestamp(100)).await.unwrap();
        assert_eq!(periods(0).await, []);
    }
}
