//! Imports of trail files into event data stores: how far each came, and which files failed.

use crate::{Catalog, Result};
use model::limits::IMPORTED_RANGES_MAX;
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
    /// How often it was started, from 1.
    pub starts: i64,
    /// Earliest event that was read, milliseconds.
    pub first_event_ms: Option<i64>,
    /// Latest event that was read, milliseconds.
    pub last_event_ms: Option<i64>,
    /// Files that failed: as many as are noted, whatever is written here.
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
                       updated_ms, position, files_completed, events_completed, starts, first_event_ms, last_event_ms";
/// Counts what is noted, behind `COLUMNS`.
const FAILED: &str =
    "(SELECT COUNT(*) FROM cloudtrail_import_failures f WHERE f.import_id = cloudtrail_imports.id) AS failed_entries";

impl Catalog {
    /// Enters a new import, unless one of its scope is in progress; false then.
    pub async fn start_trail_import(&self, import: &TrailImport) -> Result<bool> {
        let sql = format!(
            "INSERT INTO cloudtrail_imports ({COLUMNS}) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, \
             $15, $16, $17, $18 WHERE NOT EXISTS (SELECT 1 FROM cloudtrail_imports WHERE account = $2 AND region = $3 AND \
             status = 'IN_PROGRESS')"
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
            .bind(import.starts)
            .bind(import.first_event_ms)
            .bind(import.last_event_ms)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Says of an import that it is in progress again, unless one of its scope is; false then. `import.starts` is one more than it was.
    pub async fn restart_trail_import(&self, import: &TrailImport) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE cloudtrail_imports SET status = 'IN_PROGRESS', updated_ms = $4, starts = $5 WHERE account = $1 AND \
             region = $2 AND id = $3 AND starts = $5 - 1 AND NOT EXISTS (SELECT 1 FROM cloudtrail_imports WHERE account = $1 \
             AND region = $2 AND status = 'IN_PROGRESS')",
        )
        .bind(&import.account)
        .bind(&import.region)
        .bind(&import.id)
        .bind(import.updated_ms)
        .bind(import.starts)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Keeps how far an import in progress came. One that was stopped, or started again since, is left alone; false then.
    pub async fn put_trail_import(&self, import: &TrailImport) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE cloudtrail_imports SET status = $2, updated_ms = $3, position = $4, files_completed = $5, \
             events_completed = $6, first_event_ms = $7, last_event_ms = $8 WHERE id = $1 AND starts = $9 AND \
             status = 'IN_PROGRESS'",
        )
        .bind(&import.id)
        .bind(&import.status)
        .bind(import.updated_ms)
        .bind(&import.position)
        .bind(import.files_completed)
        .bind(import.events_completed)
        .bind(import.first_event_ms)
        .bind(import.last_event_ms)
        .bind(import.starts)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Stops an import in progress, where it is. False when it was not.
    pub async fn stop_trail_import(&self, scope: &Scope, id: &str, now: Timestamp) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE cloudtrail_imports SET status = 'STOPPED', updated_ms = $4 WHERE account = $1 AND region = $2 AND \
             id = $3 AND status = 'IN_PROGRESS'",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(id)
        .bind(now.0)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// The import of this id.
    pub async fn trail_import(&self, scope: &Scope, id: &str) -> Result<Option<TrailImport>> {
        let sql = format!(
            "SELECT {COLUMNS}, {FAILED} FROM cloudtrail_imports WHERE account = $1 AND region = $2 AND id = $3"
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&scope.account).bind(&scope.region).bind(id);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// All imports of a scope, the latest first.
    pub async fn trail_imports(&self, scope: &Scope) -> Result<Vec<TrailImport>> {
        let sql = format!(
            "SELECT {COLUMNS}, {FAILED} FROM cloudtrail_imports WHERE account = $1 AND region = $2 ORDER BY created_ms DESC, id DESC"
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&scope.account).bind(&scope.region);
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// When the imports into other stores than this one were started first, milliseconds, in order.
    pub async fn starts_of_other_imports(&self, store_id: &str) -> Result<Vec<i64>> {
        let sql = "SELECT DISTINCT created_ms FROM cloudtrail_imports WHERE store_id <> $1 ORDER BY created_ms";
        Ok(sqlx::query_scalar(sql).bind(store_id).fetch_all(&self.pool).await?)
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

    /// Forgets that a file failed.
    pub async fn forget_trail_import_failure(&self, import_id: &str, location: &str) -> Result<()> {
        sqlx::query("DELETE FROM cloudtrail_import_failures WHERE import_id = $1 AND location = $2")
            .bind(import_id)
            .bind(location)
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

    /// Adds times of events to what an event data store has, in one step; ranges that touch become one. Of more than
    /// `IMPORTED_RANGES_MAX`, those that are nearest to each other do.
    pub async fn add_imported_range(&self, scope: &Scope, store_id: &str, from: i64, to: i64) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        // A write first, so that nobody comes between what is read and what is written. What clients change has a revision; this
        // is none of it.
        let changed: Option<(String,)> = sqlx::query_as(
            "UPDATE event_data_stores SET imported = imported WHERE account = $1 AND region = $2 AND id = $3 \
             RETURNING imported",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(store_id)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((imported,)) = changed else { return Ok(()) };
        let merged = merged(serde_json::from_str(&imported)?, (from, to));
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

/// The ranges with one more, in order and apart from each other.
fn merged(mut ranges: Vec<(i64, i64)>, new: (i64, i64)) -> Vec<(i64, i64)> {
    ranges.push(new);
    ranges.sort_unstable();
    let mut merged: Vec<(i64, i64)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges {
        match merged.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => merged.push((from, to)),
        }
    }
    while merged.len() > IMPORTED_RANGES_MAX {
        let gaps = merged.windows(2).map(|pair| pair[1].0.saturating_sub(pair[0].1)).enumerate();
        let Some((at, _)) = gaps.min_by_key(|(_, gap)| *gap) else { break };
        let (_, to) = merged.remove(at + 1);
        merged[at].1 = to;
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(id: &str) -> TrailImport {
        let scope = Scope { account: "1".into(), region: "r".into() };
        let (account, region) = (scope.account, scope.region);
        TrailImport {
            id: id.into(),
            account,
            region,
            status: "IN_PROGRESS".into(),
            starts: 1,
            ..TrailImport::default()
        }
    }

    #[tokio::test]
    async fn one_import_is_in_progress_and_what_an_earlier_start_of_it_writes_is_not_taken() {
        let catalog = Catalog::in_memory().await.unwrap();
        let scope = Scope { account: "1".into(), region: "r".into() };
        assert!(catalog.start_trail_import(&import("a")).await.unwrap());
        assert!(!catalog.start_trail_import(&import("b")).await.unwrap());
        let first = TrailImport { position: "early".into(), ..import("a") };
        assert!(catalog.stop_trail_import(&scope, "a", Timestamp(1)).await.unwrap());
        assert!(!catalog.put_trail_import(&first).await.unwrap(), "it is stopped");
        let second = TrailImport { starts: 2, position: "late".into(), ..import("a") };
        assert!(catalog.restart_trail_import(&second).await.unwrap());
        assert!(!catalog.restart_trail_import(&TrailImport { starts: 3, ..second.clone() }).await.unwrap());
        assert!(catalog.put_trail_import(&second).await.unwrap());
        assert!(!catalog.put_trail_import(&first).await.unwrap(), "it was started again since");
        assert_eq!(catalog.trail_import(&scope, "a").await.unwrap().unwrap(), second);
    }

    #[test]
    fn ranges_stay_few_and_apart() {
        let mut ranges = Vec::new();
        for n in 0..3_000 {
            ranges = merged(ranges, (n * 1_000_000, n * 1_000_000 + 5));
        }
        ranges = merged(ranges, (10_000_000_000, 10_000_000_001));
        assert_eq!(ranges.len(), IMPORTED_RANGES_MAX);
        assert_eq!(ranges.last(), Some(&(10_000_000_000, 10_000_000_001)));
        assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0), "{ranges:?}");
        assert_eq!(merged(vec![(1, 3), (5, 7)], (3, 5)), [(1, 7)]);
    }
}
