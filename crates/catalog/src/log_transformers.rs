//! Transformers of log groups.

use crate::{Catalog, Result};
use model::{GroupId, Timestamp};

/// A transformer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTransformer {
    /// The list of processors, as JSON of `watch`'s making.
    pub document: String,
    /// When the group got a transformer.
    pub created: Timestamp,
    /// When it was put last.
    pub modified: Timestamp,
}

impl Catalog {
    /// Puts the transformer of a group, or replaces it.
    pub async fn put_log_transformer(&self, group: GroupId, document: &str, now: Timestamp) -> Result<()> {
        sqlx::query(
            "INSERT INTO log_transformers (group_id, document, created_ms, modified_ms) VALUES ($1, $2, $3, $3) \
             ON CONFLICT (group_id) DO UPDATE SET document = excluded.document, modified_ms = excluded.modified_ms",
        )
        .bind(group.0 as i64)
        .bind(document)
        .bind(now.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The transformer of a group.
    pub async fn log_transformer(&self, group: GroupId) -> Result<Option<LogTransformer>> {
        let row: Option<(String, i64, i64)> =
            sqlx::query_as("SELECT document, created_ms, modified_ms FROM log_transformers WHERE group_id = $1")
                .bind(group.0 as i64)
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map(|(document, created, modified)| LogTransformer {
            document,
            created: Timestamp(created),
            modified: Timestamp(modified),
        }))
    }

    /// Deletes the transformer of a group. False when it has none.
    pub async fn delete_log_transformer(&self, group: GroupId) -> Result<bool> {
        let deleted = sqlx::query("DELETE FROM log_transformers WHERE group_id = $1")
            .bind(group.0 as i64)
            .execute(&self.pool)
            .await?;
        Ok(deleted.rows_affected() > 0)
    }
}
