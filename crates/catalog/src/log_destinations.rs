//! Logical destinations of CloudWatch Logs: a name for a stream, and who may send to it.

use crate::tags::insert_tags;
use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use std::collections::BTreeMap;

/// A logical destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDestination {
    /// Unique in the scope.
    pub name: String,
    /// The stream behind it.
    pub target_arn: String,
    /// The role that AWS would use.
    pub role_arn: String,
    /// Who may send, as JSON; `None` until PutDestinationPolicy.
    pub access_policy: Option<String>,
    /// When it was made.
    pub created: Timestamp,
}

type Row = (String, String, String, Option<String>, i64);

fn destination((name, target_arn, role_arn, access_policy, created): Row) -> LogDestination {
    LogDestination { name, target_arn, role_arn, access_policy, created: Timestamp(created) }
}

impl Catalog {
    /// Makes a destination, or gives one that exists another target and role; `tags` are added under `arn`.
    pub async fn put_log_destination(
        &self,
        scope: &Scope,
        new: &LogDestination,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "INSERT INTO log_destinations (account, region, name, target_arn, role_arn, access_policy, created_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account, region, name) DO UPDATE \
             SET target_arn = excluded.target_arn, role_arn = excluded.role_arn",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&new.name)
        .bind(&new.target_arn)
        .bind(&new.role_arn)
        .bind(&new.access_policy)
        .bind(new.created.0)
        .execute(&mut *transaction)
        .await?;
        insert_tags(&mut transaction, arn, tags).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The destination of this name.
    pub async fn log_destination(&self, scope: &Scope, name: &str) -> Result<Option<LogDestination>> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT name, target_arn, role_arn, access_policy, created_ms FROM log_destinations \
             WHERE account = $1 AND region = $2 AND name = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(name)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(destination))
    }

    /// Up to `limit` destinations whose names begin with `prefix` and come after `after`, by name.
    pub async fn log_destinations(
        &self,
        scope: &Scope,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<LogDestination>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT name, target_arn, role_arn, access_policy, created_ms FROM log_destinations \
             WHERE account = $1 AND region = $2 AND name > $3 AND substr(name, 1, $4) = $5 ORDER BY name LIMIT $6",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(after)
        .bind(prefix.chars().count() as i64)
        .bind(prefix)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(destination).collect())
    }

    /// Says who may send to a destination. False when there is none.
    pub async fn set_log_destination_policy(&self, scope: &Scope, name: &str, policy: &str) -> Result<bool> {
        let changed = sqlx::query(
            "UPDATE log_destinations SET access_policy = $4 WHERE account = $1 AND region = $2 AND name = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(name)
        .bind(policy)
        .execute(&self.pool)
        .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// Deletes a destination with its tags. False when there is none.
    pub async fn delete_log_destination(&self, scope: &Scope, name: &str, arn: &str) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let deleted = sqlx::query("DELETE FROM log_destinations WHERE account = $1 AND region = $2 AND name = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM tags WHERE resource_arn = $1").bind(arn).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected() > 0)
    }
}
