//! Scheduled queries of Logs Insights, and what became of their runs.

use crate::managed_queries::RESULTS_KEPT;
use crate::tags::insert_tags;
use crate::{Catalog, Result};
use model::{Scope, TimeRange, Timestamp};
use sqlx::FromRow;
use std::collections::BTreeMap;

/// A scheduled query.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ScheduledQuery {
    /// The account that owns it.
    pub account: String,
    /// Its region.
    pub region: String,
    /// Unique; made by the server, the end of its ARN.
    pub id: String,
    /// Unique in the scope.
    pub name: String,
    /// What the client put, as JSON of `watch`'s making.
    pub document: String,
    /// `ENABLED` or `DISABLED`.
    pub state: String,
    /// When it was made, milliseconds.
    pub created_ms: i64,
    /// When it was last changed, milliseconds.
    pub updated_ms: i64,
    /// When it runs next, milliseconds; `None` when it does not.
    pub next_ms: Option<i64>,
    /// The time of its last run, milliseconds.
    pub triggered_ms: Option<i64>,
    /// What became of its last run.
    pub last_status: Option<String>,
    /// The log alarm that it is managed for; `None` for what a customer made.
    pub alarm: Option<String>,
}

/// A run of a scheduled query.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ScheduledRun {
    /// The time that it was due, milliseconds.
    pub triggered_ms: i64,
    /// The query that it started; empty when it could not.
    pub query_id: String,
    /// `Running`, then `Complete`, `Failed`, `InvalidQuery` or `Timeout`.
    pub status: String,
    /// Why it failed.
    pub error: Option<String>,
    /// Where its answer went, as JSON of `watch`'s making.
    pub destinations: String,
}

const COLUMNS: &str =
    "account, region, id, name, document, state, created_ms, updated_ms, next_ms, triggered_ms, last_status, alarm";

impl Catalog {
    /// Makes a scheduled query with its tags; false when there is one of its name.
    pub async fn create_scheduled_query(
        &self,
        new: &ScheduledQuery,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let made = sqlx::query(
            "INSERT INTO scheduled_queries (account, region, id, name, document, state, created_ms, updated_ms, next_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (account, region, name) DO NOTHING",
        )
        .bind(&new.account)
        .bind(&new.region)
        .bind(&new.id)
        .bind(&new.name)
        .bind(&new.document)
        .bind(&new.state)
        .bind(new.created_ms)
        .bind(new.updated_ms)
        .bind(new.next_ms)
        .execute(&mut *transaction)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(false);
        }
        insert_tags(&mut transaction, arn, tags).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Replaces document, state and next run of the scheduled query of `new`'s id.
    pub async fn update_scheduled_query(&self, new: &ScheduledQuery) -> Result<()> {
        sqlx::query(
            "UPDATE scheduled_queries SET document = $4, state = $5, updated_ms = $6, next_ms = $7 \
             WHERE account = $1 AND region = $2 AND id = $3",
        )
        .bind(&new.account)
        .bind(&new.region)
        .bind(&new.id)
        .bind(&new.document)
        .bind(&new.state)
        .bind(new.updated_ms)
        .bind(new.next_ms)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The scheduled query of this name or id.
    pub async fn scheduled_query(&self, scope: &Scope, name_or_id: &str) -> Result<Option<ScheduledQuery>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM scheduled_queries WHERE account = $1 AND region = $2 AND (name = $3 OR id = $3)"
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&scope.account).bind(&scope.region).bind(name_or_id);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Up to `limit` scheduled queries whose names follow `after`, by name; only those of a state where one is given, and only
    /// those that are managed for alarms, or only others, where `is_managed` says so.
    pub async fn scheduled_queries(
        &self,
        scope: &Scope,
        state: Option<&str>,
        is_managed: Option<bool>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<ScheduledQuery>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM scheduled_queries WHERE account = $1 AND region = $2 AND ($3 IS NULL OR state = $3) \
             AND name > $4 AND ($6 IS NULL OR (alarm IS NOT NULL) = $6) ORDER BY name LIMIT $5"
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&scope.account).bind(&scope.region);
        let query = query.bind(state).bind(after).bind(i64::try_from(limit).unwrap_or(i64::MAX)).bind(is_managed);
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// Scheduled queries of all accounts and regions that are due.
    pub async fn scheduled_queries_due(&self, now: Timestamp, limit: usize) -> Result<Vec<ScheduledQuery>> {
        let sql = format!("SELECT {COLUMNS} FROM scheduled_queries WHERE next_ms <= $1 ORDER BY next_ms LIMIT $2");
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(now.0);
        Ok(query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&self.pool).await?)
    }

    /// Enters the run that is due and says when the next one is; false when another node has done so.
    pub async fn begin_scheduled_run(&self, due: &ScheduledQuery, next: Option<Timestamp>) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let taken = sqlx::query(
            "UPDATE scheduled_queries SET next_ms = $5, triggered_ms = $4, last_status = 'Running' \
             WHERE account = $1 AND region = $2 AND id = $3 AND next_ms = $4",
        )
        .bind(&due.account)
        .bind(&due.region)
        .bind(&due.id)
        .bind(due.next_ms)
        .bind(next.map(|next| next.0))
        .execute(&mut *transaction)
        .await?;
        if taken.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO scheduled_query_runs (account, region, scheduled_id, triggered_ms, query_id, status, destinations) \
             VALUES ($1, $2, $3, $4, '', 'Running', '[]') ON CONFLICT (account, region, scheduled_id, triggered_ms) DO NOTHING",
        )
        .bind(&due.account)
        .bind(&due.region)
        .bind(&due.id)
        .bind(due.next_ms)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Says what became of a run.
    pub async fn end_scheduled_run(&self, of: &ScheduledQuery, run: &ScheduledRun) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "UPDATE scheduled_query_runs SET query_id = $5, status = $6, error = $7, destinations = $8 \
             WHERE account = $1 AND region = $2 AND scheduled_id = $3 AND triggered_ms = $4",
        )
        .bind(&of.account)
        .bind(&of.region)
        .bind(&of.id)
        .bind(run.triggered_ms)
        .bind(&run.query_id)
        .bind(&run.status)
        .bind(&run.error)
        .bind(&run.destinations)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "UPDATE scheduled_queries SET last_status = $5 \
             WHERE account = $1 AND region = $2 AND id = $3 AND triggered_ms = $4",
        )
        .bind(&of.account)
        .bind(&of.region)
        .bind(&of.id)
        .bind(run.triggered_ms)
        .bind(&run.status)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Up to `limit` runs of a time range that were due before `before`, the latest first.
    pub async fn scheduled_runs(
        &self,
        of: &ScheduledQuery,
        range: TimeRange,
        before: i64,
        limit: usize,
    ) -> Result<Vec<ScheduledRun>> {
        let query = sqlx::query_as(
            "SELECT triggered_ms, query_id, status, error, destinations FROM scheduled_query_runs \
             WHERE account = $1 AND region = $2 AND scheduled_id = $3 AND triggered_ms >= $4 AND triggered_ms < $5 \
             ORDER BY triggered_ms DESC LIMIT $6",
        );
        let query = query.bind(&of.account).bind(&of.region).bind(&of.id);
        let query = query.bind(range.start.0).bind(range.end.0.min(before));
        Ok(query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&self.pool).await?)
    }

    /// Ends every run that a stop of the server has cut off. One for an alarm has not been: a stop is no failure of its query.
    pub async fn fail_scheduled_runs(&self) -> Result<()> {
        sqlx::query(
            "DELETE FROM scheduled_query_runs WHERE status = 'Running' AND scheduled_id IN \
             (SELECT id FROM scheduled_queries WHERE alarm IS NOT NULL)",
        )
        .execute(&self.pool)
        .await?;
        sqlx::query("UPDATE scheduled_query_runs SET status = 'Failed', error = 'The server was stopped.' WHERE status = 'Running'")
            .execute(&self.pool)
            .await?;
        sqlx::query("UPDATE scheduled_queries SET last_status = 'Failed' WHERE last_status = 'Running'")
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Forgets runs that were due before a time, but not the newest that a log alarm may evaluate: it may run once in 30 days.
    pub async fn expire_scheduled_runs(&self, before: Timestamp) -> Result<()> {
        sqlx::query(
            "DELETE FROM scheduled_query_runs WHERE triggered_ms < $1 AND NOT (EXISTS (SELECT 1 FROM scheduled_queries AS query \
             WHERE query.account = scheduled_query_runs.account AND query.region = scheduled_query_runs.region \
             AND query.id = scheduled_query_runs.scheduled_id AND query.alarm IS NOT NULL) \
             AND (SELECT COUNT(*) FROM (SELECT 1 FROM scheduled_query_runs AS newer \
             WHERE newer.account = scheduled_query_runs.account AND newer.region = scheduled_query_runs.region \
             AND newer.scheduled_id = scheduled_query_runs.scheduled_id \
             AND newer.triggered_ms > scheduled_query_runs.triggered_ms LIMIT $2) AS counted) < $2)",
        )
        .bind(before.0)
        .bind(RESULTS_KEPT)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Deletes a scheduled query with its runs and tags; false when it is absent.
    pub async fn delete_scheduled_query(&self, scope: &Scope, id: &str, arn: &str) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let gone = sqlx::query("DELETE FROM scheduled_queries WHERE account = $1 AND region = $2 AND id = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM scheduled_query_runs WHERE account = $1 AND region = $2 AND scheduled_id = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM tags WHERE resource_arn = $1").bind(arn).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(gone.rows_affected() > 0)
    }
}

#[cfg(test)]
mod tests;
