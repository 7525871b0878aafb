//! Tags of any resource, by ARN.

use crate::pool::Connection;
use crate::{Catalog, Result};
use std::collections::BTreeMap;

/// Adds tags within a transaction, replacing the values of keys that exist.
pub(crate) async fn insert_tags(
    transaction: &mut Connection,
    arn: &str,
    tags: &BTreeMap<String, String>,
) -> Result<()> {
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
    Ok(())
}

impl Catalog {
    /// The tags of a resource, by key.
    pub async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT tag_key, tag_value FROM tags WHERE resource_arn = $1 ORDER BY tag_key")
                .bind(arn)
                .fetch_all(&self.pool)
                .await?;
        Ok(rows.into_iter().collect())
    }

    /// Tags with one of these keys of any resource: ARN, key and value, up to `limit`.
    pub async fn tags_with_keys(&self, keys: &[String], limit: usize) -> Result<Vec<(String, String, String)>> {
        let mut tags: Vec<(String, String, String)> = Vec::new();
        for key in keys {
            let query = sqlx::query_as(
                "SELECT resource_arn, tag_key, tag_value FROM tags WHERE tag_key = $1 ORDER BY resource_arn LIMIT $2",
            );
            let left = i64::try_from(limit.saturating_sub(tags.len())).unwrap_or(i64::MAX);
            let found: Vec<(String, String, String)> = query.bind(key).bind(left).fetch_all(&self.pool).await?;
            tags.extend(found);
        }
        Ok(tags)
    }

    /// Adds tags, replacing the values of keys that exist. All or none.
    pub async fn put_tags(&self, arn: &str, tags: &BTreeMap<String, String>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
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
        transaction.commit().await?;
        Ok(())
    }

    /// Takes tags away; keys that are absent are passed over.
    pub async fn remove_tags(&self, arn: &str, keys: &[String]) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        for key in keys {
            sqlx::query("DELETE FROM tags WHERE resource_arn = $1 AND tag_key = $2")
                .bind(arn)
                .bind(key)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Takes all tags away: the resource is being deleted.
    pub async fn remove_all_tags(&self, arn: &str) -> Result<()> {
        sqlx::query("DELETE FROM tags WHERE resource_arn = $1").bind(arn).execute(&self.pool).await?;
        Ok(())
    }
}
