//! Dashboards: named JSON documents of an account, the same in every region.

use crate::{Catalog, Result};
use model::Timestamp;
use std::collections::BTreeMap;

/// A dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dashboard {
    /// Unique in the account.
    pub name: String,
    /// The JSON text as the client put it.
    pub body: String,
    /// When it was last put.
    pub modified: Timestamp,
}

/// A dashboard in a list: without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DashboardEntry {
    /// Unique in the account.
    pub name: String,
    /// Length of the body, bytes.
    pub size: i64,
    /// When it was last put.
    pub modified: Timestamp,
}

impl Catalog {
    /// Makes or replaces a dashboard; `tags` are kept only when it is new, as for alarms.
    pub async fn put_dashboard(
        &self,
        account: &str,
        dashboard: &Dashboard,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        let made = sqlx::query(
            "INSERT INTO dashboards (account, name, body, modified_ms) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (account, name) DO NOTHING",
        )
        .bind(account)
        .bind(&dashboard.name)
        .bind(&dashboard.body)
        .bind(dashboard.modified.0)
        .execute(&mut *transaction)
        .await?;
        if made.rows_affected() == 0 {
            sqlx::query("UPDATE dashboards SET body = $3, modified_ms = $4 WHERE account = $1 AND name = $2")
                .bind(account)
                .bind(&dashboard.name)
                .bind(&dashboard.body)
                .bind(dashboard.modified.0)
                .execute(&mut *transaction)
                .await?;
        } else {
            for (key, value) in tags {
                sqlx::query(
                    "INSERT INTO tags (resource_arn, tag_key, tag_value) VALUES ($1, $2, $3) \
                     ON CONFLICT (resource_arn, tag_key) DO UPDATE SET tag_value = excluded.tag_value",
                )
                .bind(arn)
                .bind(key)
                .bind(value)
                .execute(&mut *transaction)
                .await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The dashboard of this name.
    pub async fn dashboard(&self, account: &str, name: &str) -> Result<Option<Dashboard>> {
        let row: Option<(String, i64)> =
            sqlx::query_as("SELECT body, modified_ms FROM dashboards WHERE account = $1 AND name = $2")
                .bind(account)
                .bind(name)
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map(|(body, modified)| Dashboard { name: name.to_owned(), body, modified: Timestamp(modified) }))
    }

    /// Up to `limit` dashboards whose names begin with `prefix` and follow `after`, by name in byte order.
    pub async fn dashboards(
        &self,
        account: &str,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<DashboardEntry>> {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT name, OCTET_LENGTH(body), modified_ms FROM dashboards \
             WHERE account = $1 AND substr(name, 1, $2) = $3 AND name > $4 ORDER BY name LIMIT $5",
        )
        .bind(account)
        .bind(i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX))
        .bind(prefix)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|(name, size, modified)| DashboardEntry { name, size, modified: Timestamp(modified) })
            .collect())
    }

    /// Deletes the named dashboards with their tags; answers the first name that does not exist.
    /// Each dashboard comes with its ARN.
    pub async fn delete_dashboards(&self, account: &str, names: &[(String, String)]) -> Result<Option<String>> {
        let mut transaction = self.pool.begin().await?;
        let mut unknown = None;
        for (name, arn) in names {
            let gone = sqlx::query("DELETE FROM dashboards WHERE account = $1 AND name = $2")
                .bind(account)
                .bind(name)
                .execute(&mut *transaction)
                .await?;
            if gone.rows_affected() == 0 {
                unknown.get_or_insert_with(|| name.clone());
            }
            sqlx::query("DELETE FROM tags WHERE resource_arn = $1").bind(arn).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(unknown)
    }
}
