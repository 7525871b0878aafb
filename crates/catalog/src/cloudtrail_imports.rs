//! Imports of trail files into event data stores: how far each came, and which files failed.

use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use sqlx::FromRow;

/// An import.
#[derive(Debug, Clone, PartialEq, Eq, Default, FromRow)]
pub struct TrailImport {
    /// Unique; made by the server.
    pub id: String,
    /// Account that imports.
    pub account: String,
    /// Region.
    pub region: String,
    /// Id of the event data store.
    pub store_id: String,
    /// `s3://bucket/prefix`.
    pub uri: String,
    /// What the client gave.
    pub bucket_region: String,
    /// What the client gave.
    pub role_arn: String,
    /// Earliest event, milliseconds.
    pub start_ms: Option<i64>,
    /// Latest event, milliseconds.
    pub end_ms: Option<i64>,
    /// As the API has it, such as `IN_PROGRESS`.
    pub status: String,
    /// When it was started, milliseconds.
    pub created_ms: i64,
    /// When it was changed last, milliseconds.
    pub updated_ms: i64,
    /// Key of the last file that is done; empty at first.
    pub position: String,
    /// Files that are done.
    pub files_completed: i64,
    /// Events in them.
    pub events_completed: i64,
    /// Files that failed.
    pub failed_entries: i64,
}

/// A file that could not be imported.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct TrailImportFailure {
    /// `s3://bucket/key`.
    pub location: String,
    /// A word for the error.
    pub error_type: String,
    /// The error.
    pub error_message: String,
    /// When, milliseconds.
    pub updated_ms: i64,
}

const COLUMNS: &str = "id, account, region, store_id, uri, bucket_region, role_arn, start_ms, end_ms, status, created_ms, \
                       updated_ms, position, files_completed, events_completed, failed_entries";

impl Catalog {
    /// Enters or replaces an import. With `only_as`, one that has another status by now is left alone; false then.
    pub async fn put_trail_import(&self, import: &TrailImport, only_as: Option<&str>) -> Result<bool> {
        let sql = format!(
            "INSERT INTO cloudtrail_imports ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, \
             $15, $16) ON CONFLICT (id) DO UPDATE SET status = excluded.status, updated_ms = excluded.updated_ms, \
             position = excluded.position, files_completed = excluded.files_completed, \
             events_completed = excluded.events_completed, failed_entries = excluded.failed_entries \
             WHERE $17 IS NULL OR cloudtrail_imports.status = $17"
        );
        let done = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(&import.id)
            .bind(&import.account)
            .bind(&import.region)
            .bind(&import.store_id)
            .bind(&import.uri)
            .bind(&import.bucket_region)
            .bind(&import.role_arn)
            .bind(import.start_ms)
            .bind(import.end_ms)
            .bind(&import.status)
            .bind(import.created_ms)
            .bind(import.updated_ms)
            .bind(&import.position)
            .bind(import.files_completed)
            .bind(import.events_completed)
            .bind(import.failed_entries)
            .bind(only_as)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// The import of this id.
    pub async fn trail_import(&self, scope: &Scope, id: &str) -> Result<Option<TrailImport>> {
        let sql = format!("SELECT {COLUMNS} FROM cloudtrail_imports WHERE account = $1 AND region = $2 AND id = $3");
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&scope.account).bind(&scope.region).bind(id);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// All imports of a scope, the latest first.
    pub async fn trail_imports(&self, scope: &Scope) -> Result<Vec<TrailImport>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM cloudtrail_imports WHERE account = $1 AND region = $2 ORDER BY created_ms DESC, id DESC"
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&scope.account).bind(&scope.region);
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// Says of every import that a stop of the server has cut off that it is stopped: it can be resumed.
    pub async fn stop_trail_imports(&self, now: Timestamp) -> Result<()> {
        sqlx::query("UPDATE cloudtrail_imports SET status = 'STOPPED', updated_ms = $1 WHERE status = 'IN_PROGRESS'")
            .bind(now.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Notes a file that failed.
    pub async fn put_trail_import_failure(&self, import_id: &str, failure: &TrailImportFailure) -> Result<()> {
        sqlx::query(
            "INSERT INTO cloudtrail_import_failures (import_id, location, error_type, error_message, updated_ms) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (import_id, location) DO UPDATE SET error_type = excluded.error_type, \
             error_message = excluded.error_message, updated_ms = excluded.updated_ms",
        )
        .bind(import_id)
        .bind(&failure.location)
        .bind(&failure.error_type)
        .bind(&failure.error_message)
        .bind(failure.updated_ms)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Up to `limit` files that failed, of those after a place, in order.
    pub async fn trail_import_failures(
        &self,
        import_id: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<TrailImportFailure>> {
        Ok(sqlx::query_as(
            "SELECT location, error_type, error_message, updated_ms FROM cloudtrail_import_failures WHERE import_id = $1 \
             AND location > $2 ORDER BY location LIMIT $3",
        )
        .bind(import_id)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?)
    }

    /// Adds times of events to what an event data store has, in one step; ranges that touch become one.
    pub async fn add_imported_range(&self, scope: &Scope, store_id: &str, from: i64, to: i64) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        // A write first, so that nobody comes between what is read and what is written.
        let changed: Option<(String,)> = sqlx::query_as(
            "UPDATE event_data_stores SET revision = revision + 1 WHERE account = $1 AND region = $2 AND id = $3 \
             RETURNING imported",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(store_id)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((imported,)) = changed else { return Ok(()) };
        let mut ranges: Vec<(i64, i64)> = serde_json::from_str(&imported)?;
        ranges.push((from, to));
        ranges.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::with_capacity(ranges.len());
        for (from, to) in ranges {
            match merged.last_mut() {
                Some((_, end)) if from <= *end => *end = to.max(*end),
                _ => merged.push((from, to)),
            }
        }
        sqlx::query("UPDATE event_data_stores SET imported = $4 WHERE account = $1 AND region = $2 AND id = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(store_id)
            .bind(serde_json::to_string(&merged)?)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}
